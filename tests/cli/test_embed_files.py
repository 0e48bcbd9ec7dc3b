"""`frostline embed FILE --out OUT`: in windows, stopped and gone on with, verified; the same rows as ever."""

import hashlib
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file
from test_predict_files import SAVED, TEXTS, many, started, wait_for_windows

from conftest import Command
from frostline.encoder.encoder import Encoder
from frostline.score.job import folder_of, manifest_of

__all__ = ["many"]  # the fixture

ENCODER = SAVED / "one-label" / "encoder"
ASKED = ("--encoder", ENCODER, "--no-store", "--text", "text")


@pytest.mark.parametrize("suffix", ["npy", "safetensors", "parquet"])
def test_rows_are_those_of_the_encoder(frostline: Command, tmp_path: Path, suffix: str) -> None:
    """With what vouches for them beside them; asked for once more, nothing is read."""
    path, out = tmp_path / "in.csv", tmp_path / f"rows.{suffix}"
    path.write_text("id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(TEXTS)))
    told = frostline("embed", path, "--out", out, *ASKED)
    assert told.code == 0, told.err
    expected = Encoder.open(str(ENCODER)).encode(TEXTS).rows
    match suffix:
        case "npy":
            rows = np.load(out)
        case "safetensors":
            rows = load_file(out)["rows"]
        case _:
            rows = np.array(pq.read_table(out)["features"].to_pylist(), np.float32)
    np.testing.assert_array_equal(rows, expected)
    assert frostline("verify", out, "--json").document["rows"] == 4
    assert sorted(tmp_path.iterdir()) == sorted([path, out, manifest_of(out)])
    assert frostline("embed", path, "--out", out, *ASKED).err == (
        f"{out} is complete: made of the same file, by the same encoder.\n"
    )
    told = frostline("embed", path, "--out", out, *ASKED, "--features", "cls@-1")
    assert (told.code, "exists already" in told.err) == (73, True)


@pytest.mark.slow
def test_a_killed_job_goes_on_and_its_bytes_are_the_same(frostline: Command, many: Path, tmp_path: Path) -> None:
    """On two processes as on one."""
    digests = set()
    expected, out = tmp_path / "expected.npy", tmp_path / "out.npy"
    assert frostline("embed", many, "--out", expected, *ASKED).code == 0
    process = started("embed", many, "--out", out, *ASKED)
    wait_for_windows(out, 1, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    told = frostline("embed", many, "--out", out, *ASKED, "--workers", "2")
    assert (told.code, " of 8,242 rows are finished already: going on.\n" in told.err) == (0, True)
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (expected, out)}
    assert (len(digests), folder_of(out).exists()) == (1, False)


def test_a_file_without_rows_gives_none(frostline: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "rows.npy"
    path.write_text("id,text\n")
    assert frostline("embed", path, "--out", out, *ASKED).code == 0
    assert np.load(out).shape == (0, Encoder.open(str(ENCODER)).encode(["x"]).rows.shape[1])


def test_a_pipe_is_read_by_one_process(frostline: Command, tmp_path: Path) -> None:
    told = frostline("embed", "-", "--out", tmp_path / "rows.npy", *ASKED, "--workers", "2", stdin=b"text\nx\n")
    assert (told.code, "A pipe is read by one process" in told.err) == (2, True)
