"""The speed check of `doctor`: what it counts, without believing any clock."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from encoder_fakes import SIZES, make_checkpoint
from frostline.cli.main import cli
from frostline.encoder import precision
from frostline.encoder.architecture import describe
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.cost import measure_speed, operations, product_gflops
from frostline.encoder.encoder import Encoder
from frostline.machine import Machine

TEXTS = [" ".join("abcdefghij"[: n % 9 + 1]) for n in range(40)]


def test_operations_are_those_of_every_product_counted_one_by_one(tmp_path: Path) -> None:
    shape = describe(find_checkpoint(str(make_checkpoint(tmp_path))).config)
    d, inner, length, layers = SIZES["hidden_size"], SIZES["intermediate_size"], 7, SIZES["num_hidden_layers"]
    squares = 4 * 2 * length * d * d
    feed = 2 * 2 * length * d * inner
    scores_and_mixtures = 2 * 2 * length * length * d
    assert operations(shape, length) == layers * (squares + feed + scores_and_mixtures)


def test_the_share_is_of_a_ceiling_measured_in_the_same_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    folder = str(make_checkpoint(tmp_path / "encoder"))
    encoder = Encoder.open(folder, features="mean@all", threads=2)
    ceilings = iter([4.0, 2.0, 8.0, 2.0])
    monkeypatch.setattr("frostline.encoder.cost.product_gflops", lambda *_, **__: next(ceilings))
    found = measure_speed(encoder, describe(find_checkpoint(folder).config), TEXTS, seconds=0.08)
    assert (found.threads, found.precision, len(found.rounds)) == (2, "float32", 4)
    assert found.ceiling_gflops == 3.0
    assert found.sentences_per_s > 0
    assert 0 < min(found.rounds) <= found.share <= max(found.rounds)
    assert 2 <= found.n_sentences <= len(TEXTS)


def test_products_alone_are_counted_on_every_thread(tmp_path: Path) -> None:
    shape = describe(find_checkpoint(str(make_checkpoint(tmp_path))).config)
    assert product_gflops(shape, threads=2, seconds=0.02) > 0


@pytest.mark.parametrize(
    ("instructions", "used"), [(("avx2", "avx_vnni"), "avx_vnni"), (("avx", "avx2"), "avx2"), (("avx",), None)]
)
def test_doctor_says_which_precision_this_processor_can_read_in(
    instructions: tuple[str, ...], used: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    machine = Machine(system="Test", processor="Test 1", cores=3, instructions=instructions, python="3")
    monkeypatch.setattr("frostline.cli.doctor.this_machine", lambda: machine)
    facts = json.loads(CliRunner().invoke(cli, ["doctor", "--json", "--no-speed"]).stdout)
    assert facts["speed"] is None
    assert (facts["threads"], facts["cores"]) == (3, 3)
    assert facts["precision"]["default"] == precision.DEFAULT_PRECISION
    assert facts["precision"]["int8"] == used
    told = " ".join(CliRunner().invoke(cli, ["doctor", "--no-speed"]).stdout.split())
    assert (f"can use {used}" in told) is (used is not None)
    assert ("has no instruction for int8" in told) is (used is None)


def test_doctor_measures_the_bundled_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("frostline.encoder.cost.SECONDS", 0.05)
    found = CliRunner().invoke(cli, ["doctor", "--json"])
    speed = json.loads(found.stdout)["speed"]
    assert speed["encoder"] == "minilm"
    assert speed["sentences_per_s"] > 0
    assert speed["ceiling_gflops"] > 0
