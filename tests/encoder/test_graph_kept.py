"""The backend: opening an encoder again, what it keeps on disk, and how it fails."""

import hashlib
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from checkpoints import CONFIGS, make_tensors, random_ids, write_checkpoint
from graph_tools import batch_of, opened

from frostline.encoder.architecture import load_architecture
from frostline.encoder.features import Block
from frostline.encoder.onnx import OnnxBackend
from frostline.encoder.reading import TokenBatch
from frostline.encoder.session import kept_file
from frostline.errors import BackendError

BLOCKS = (Block(3, "mean"), Block(1, "cls"))
BATCH = batch_of(random_ids("bert", 9, sentences=5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "encoder", CONFIGS["bert"])


def reopened(folder: Path, kept: Path | None, *, digest: str = "d", blocks: tuple[Block, ...] = BLOCKS) -> OnnxBackend:
    return OnnxBackend.open(load_architecture(folder), blocks=blocks, identity_digest=digest, kept=kept)


def test_a_second_opening_gives_the_same_rows_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "graphs"
    first = reopened(folder, kept).forward(BATCH)
    before = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert (reopened(folder, kept).forward(BATCH) == first).all()
    assert {path: path.stat().st_mtime_ns for path in kept.iterdir()} == before
    assert len(before) == 1


def test_a_second_opening_imports_no_onnx(folder: Path, tmp_path: Path) -> None:
    """Importing it takes longer than all the rest of opening."""
    kept = tmp_path / "graphs"
    reopened(folder, kept)
    program = (
        "import sys; from pathlib import Path\n"
        "from frostline.encoder.architecture import load_architecture\n"
        "from frostline.encoder.onnx import OnnxBackend; from frostline.encoder.features import Block\n"
        "architecture, blocks = load_architecture(Path(sys.argv[1])), (Block(3, 'mean'), Block(1, 'cls'))\n"
        "OnnxBackend.open(architecture, blocks=blocks, identity_digest='d', kept=Path(sys.argv[2]))\n"
        "print('onnx' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(kept)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


def test_a_kept_file_is_read_on_a_machine_with_little_memory(tmp_path: Path) -> None:
    """Gigabytes were taken for any file, and given back: refused where there are none."""
    pytest.importorskip("resource", reason="no limits to memory on this system")
    kept_file(tmp_path / "graphs", "ab", lambda: b"first")
    program = (
        "import resource, sys; from pathlib import Path; from frostline.encoder.session import kept_file\n"
        "resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))\n"
        "print(kept_file(Path(sys.argv[1]), 'ab', lambda: b'second').decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "graphs")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["first"]


def test_a_graph_is_kept_per_weights_and_features(folder: Path, tmp_path: Path) -> None:
    """Another digest or other blocks, or the same in another order, never meet each other's graph."""
    kept = tmp_path / "graphs"
    for digest, blocks in (("d", BLOCKS), ("e", BLOCKS), ("d", BLOCKS[::-1]), ("d", BLOCKS[:1])):
        reopened(folder, kept, digest=digest, blocks=blocks)
    assert len(list(kept.iterdir())) == 4
    assert (kept.stat().st_mode & 0o777, {p.stat().st_mode & 0o777 for p in kept.iterdir()}) == (0o700, {0o600})


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_graph_is_rebuilt_with_one_warning(damage: str, folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "graphs"
    first = reopened(folder, kept).forward(BATCH)
    (path,) = kept.iterdir()
    whole = path.read_bytes()
    at = len(whole) // 2
    path.write_bytes(
        {"cut": whole[:at], "flip": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], "empty": b""}[damage]
    )
    with pytest.warns(UserWarning, match="is damaged; the graph is built anew") as told:
        found = reopened(folder, kept).forward(BATCH)
    assert len(told) == 1
    assert (found == first).all()
    assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_written_costs_a_warning_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "graphs").write_text("a file in the way", "utf-8")
    with pytest.warns(UserWarning, match="built at every start"):
        found = reopened(folder, tmp_path / "graphs" / "inner").forward(BATCH)
    assert (found == reopened(folder, None).forward(BATCH)).all()


def test_a_kept_file_is_its_digest_and_the_graph(folder: Path, tmp_path: Path) -> None:
    """docs/formats/graphs.md."""
    reopened(folder, tmp_path / "graphs")
    (path,) = (tmp_path / "graphs").iterdir()
    digest, _, graph = path.read_bytes().partition(b"\n")
    assert hashlib.sha256(graph).hexdigest().encode() == digest


def test_threads_share_one_backend(folder: Path) -> None:
    """Eight at once get what one alone gets."""
    backend = reopened(folder, None)
    batches = [batch_of(random_ids("bert", length, sentences=7)) for length in range(2, 34)]
    alone = [backend.forward(batch) for batch in batches]
    together: dict[int, np.ndarray] = {}

    def read(start: int) -> None:
        for number in range(start, len(batches), 8):
            together[number] = backend.forward(batches[number])

    threads = [threading.Thread(target=read, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((together[number] == rows).all() for number, rows in enumerate(alone))


@pytest.mark.parametrize("bad", [-1, 101])
def test_an_id_outside_the_vocabulary_names_its_text(bad: int, folder: Path) -> None:
    ids = np.array([[1, 2, 3], [1, bad, 3]])
    with pytest.raises(BackendError, match=r"Ids must be below 101.* text 17\)"):
        reopened(folder, None).forward(TokenBatch(np.array([4, 17]), ids))


def test_a_sentence_beyond_the_positions_names_its_text(folder: Path) -> None:
    with pytest.raises(BackendError, match=r"1 to 40 word pieces \(got 41 in text 7\)"):
        reopened(folder, None).forward(TokenBatch(np.array([7]), np.ones((1, 41), np.int64)))


def test_a_row_that_is_not_finite_names_its_text(tmp_path: Path) -> None:
    """Finite weights can overflow float32; the rows must not reach the head."""
    tensors = make_tensors(CONFIGS["bert"])
    tensors["embeddings.LayerNorm.weight"][0] = 1e38
    tensors["embeddings.word_embeddings.weight"][77] = [100, *[0] * 19]  # its first column is 4.4 once normalised
    folder = write_checkpoint(tmp_path, CONFIGS["bert"], tensors)
    ids = np.array([[1, 2, 3], [1, 77, 3], [4, 5, 6]])
    with pytest.raises(BackendError, match=r"must be finite \(got NaN or infinity for text 23\)"):
        opened(folder, "mean@0", 3).forward(TokenBatch(np.array([5, 23, 8]), ids))


def test_the_runtime_s_failure_is_one_error_that_names_the_texts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = reopened(folder, None)

    class Failing:
        def run_with_ort_values(self, *_: object) -> object:
            from onnxruntime.capi.onnxruntime_pybind11_state import Fail  # noqa: PLC0415 - heavy

            raise Fail("bad\x1b[31m allocation")

    monkeypatch.setattr(backend, "_session", Failing())
    with pytest.raises(BackendError, match="failed on texts 0, 1, 2, 3, 4") as caught:
        backend.forward(BATCH)
    assert "\x1b" not in str(caught.value)


def test_a_graph_that_the_runtime_refuses_is_one_error(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "graphs"
    reopened(folder, kept)
    (path,) = kept.iterdir()
    path.write_bytes(hashlib.sha256(b"no graph").hexdigest().encode() + b"\nno graph")
    with pytest.raises(BackendError, match="refused the graph"):
        reopened(folder, kept)


def test_opening_and_reading_warn_of_nothing(folder: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reopened(folder, tmp_path / "graphs").forward(BATCH)
