"""`frostline sweep` and `frostline compare` on real files with the bundled encoder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from frostline.encoder.architecture import why_no_torch

Command = Callable[..., Any]


def test_sweep_prints_a_table_a_heat_map_and_a_choice(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """Every layer of MiniLM, one reading, a test of the choice, a picture; and nothing is read again."""
    picture = tmp_path / "sweep.svg"
    options = ("--holdout", "0.25", "--folds", "3", "--join", "mean@all", "-C", "0.001", "-C", "0.01")
    outcome = frostline("sweep", reviews, *options, "--plot", picture)
    assert outcome.code == 0, outcome.err
    for word in ("0 (embeddings)", "mean@all", "the tutorial's", "Chosen:", "no test score", "Test of"):
        assert word in outcome.out
    assert picture.read_bytes().startswith(b"<?xml")
    document = frostline("sweep", reviews, *options, "--json").document
    assert document["features"]["n_read"] == 0
    assert document["precision"] == {"asked": "float32", "used": "float32", "reason": "It was asked for.", "gate": None}
    assert len(document["candidates"]) == 22
    assert {trial["features"] for trial in document["candidates"] if trial["same_for_every_text"]} == {"cls@0"}
    assert document["data"]["n_rows"] == 60
    assert document["data"]["n_swept"] == 45
    assert document["test"]["n"] == 15
    assert document["test"]["source"]["kind"] == "stratified hold-out"
    assert f"Chosen: {document['winner']['features']}" in outcome.out


def test_sweep_draws_a_png_and_overwrites_only_when_told(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """The name says the format; what is there stays."""
    picture = tmp_path / "sweep.png"
    arguments = ("sweep", reviews, "--folds", "2", "--no-joins", "--limit", "20", "-C", "0.01", "--plot", picture)
    assert frostline(*arguments).code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert frostline(*arguments).code == 73
    assert frostline("sweep", reviews, "--plot", tmp_path / "sweep.pdf").code == 2


def test_compare_prints_scores_tests_and_costs(frostline: Command, reviews: Path) -> None:
    """A comma before a number belongs to the layers, one before a pooling parts features."""
    outcome = frostline("compare", reviews, "--features", "cls@-1,mean@-1,-2", "-C", "0.01")
    assert outcome.code == 0, outcome.err
    assert "mean@-1,-2" in outcome.out
    assert "s / 1,000" in outcome.out
    document = frostline("compare", reviews, "--features", "cls@-1,mean@-1,-2", "-C", "0.01", "--json").document
    assert {row["features"] for row in document["compared"]} == {"cls@-1", "mean@-1,-2"}
    assert document["compared"][0]["behind_best"]["value"] == 0
    assert document["precision"]["used"] == "float32"
    assert all(row["n_read"] == 0 for row in document["compared"])
    assert all(row["size_bytes"] > 90_000_000 for row in document["compared"])
    assert all(80_000_000 < row["peak_bytes"] < 2_000_000_000 for row in document["compared"])
    assert all(row["seconds_per_1000"] > 0 for row in document["compared"])


@pytest.mark.skipif(why_no_torch() is None, reason="torch is there")
def test_compare_reads_with_what_was_asked_for(frostline: Command, reviews: Path) -> None:
    refused = frostline("compare", reviews, "--features", "cls@-1,mean@all", "--backend", "torch")
    assert (refused.code, "The backend torch needs torch and transformers" in refused.err) == (69, True)


@pytest.mark.parametrize("verb", ["sweep", "compare"])
@pytest.mark.parametrize(
    ("content", "options", "code", "words"),
    [
        ("a\tgood\nb\tgood\n", (), 65, "two labels or more"),
        ("a\tgood\n", (), 65, "two labels or more"),
        ("same\tgood\nsame\tbad\n" * 4, (), 65, "texts must differ"),
        ("a\tgood\nb\tbad\nc\tgood\nd\tbad\n", ("--encoder", "nobody/nothing-of-the-kind-123"), 69, "nobody"),
        ("a\tgood\nb\tbad\nc\tgood\nd\tbad\n", ("--scoring", "acuracy"), 2, "accuracy"),
    ],
    ids=["one class", "one row", "equal texts", "unknown encoder", "unknown scorer"],
)
def test_bad_input_gets_one_sentence(  # noqa: PLR0917 - fixtures and parameters add up
    frostline: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    content: str,
    options: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    """And the exit code of its kind; nothing on standard output."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = tmp_path / "rows.tsv"
    path.write_text(content, "utf-8")
    told = tuple(option.replace("--encoder", "--encoders") for option in options) if verb == "compare" else options
    extra = ("--features", "cls@-1,mean@-1") if verb == "compare" else ("--no-joins",)
    outcome = frostline(verb, path, "--text", "1", "--label", "2", *told, *extra)
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert words in outcome.err
    assert outcome.err.count("error: ") == 1


def test_options_that_contradict_are_refused(frostline: Command, reviews: Path) -> None:
    """Two sources of test rows; joins and none; one contestant."""
    assert frostline("sweep", reviews, "--test", reviews, "--holdout", "0.5").code == 2
    assert frostline("sweep", reviews, "--join", "mean@all", "--no-joins").code == 2
    assert frostline("compare", reviews).code == 2
    assert frostline("compare", reviews, "--encoders", "minilm,").code == 2


def test_encoders_may_be_repeated_or_joined(frostline: Command, reviews: Path) -> None:
    """Either way every one is looked for, in the order named."""
    for told in (("--encoders", "nowhere-1,nowhere-2"), ("--encoders", "nowhere-1", "--encoders", "nowhere-2")):
        assert "nowhere-1" in frostline("compare", reviews, *told).err
