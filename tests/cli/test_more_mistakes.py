"""Thirty more mistakes, of people who come from other tools: a sentence, and a line to paste, which then runs."""

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import Command

QUICK = ("-C", "0.01", "--features", "words", "--folds", "2")
WORDS = ("--features", "words")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> Path:
    """A folder with a labelled file, another one, a file of texts, and a saved model called `model`."""
    monkeypatch.chdir(tmp_path)
    rows = [(n, f"word{n} and {n % 2} more", ("bill", "tech")[n % 2]) for n in range(40)]
    for name, first in (("tickets.csv", 0), ("more.csv", 100)):
        table = [f"{n + first},{text} {first},{label}" for n, text, label in rows]
        (tmp_path / name).write_text("\n".join(["id,message,category", *table]) + "\n", "utf-8")
    (tmp_path / "reviews.tsv").write_text(
        "".join(f"fine {n}\tpositive\nbad {n}\tnegative\n" for n in range(30)), "utf-8"
    )
    (tmp_path / "new.csv").write_text("message\nsome words\nmore of them\n", "utf-8")
    (tmp_path / "model").symlink_to(model)
    return tmp_path


MISTAKES: dict[str, tuple[Sequence[str], str]] = {
    "fit": (("fit", "tickets.csv", *QUICK), "There is no verb 'fit'."),
    "learn": (("learn", "tickets.csv", *QUICK), "There is no verb 'learn'."),
    "classify": (("classify", "model", "fine"), "There is no verb 'classify'."),
    "infer": (("infer", "model", "fine"), "There is no verb 'infer'."),
    "label": (("label", "model", "fine"), "There is no verb 'label'."),
    "test": (("test", "model", "reviews.tsv"), "There is no verb 'test'."),
    "score": (("score", "model", "reviews.tsv"), "There is no verb 'score'."),
    "eval": (("eval", "model", "reviews.tsv"), "There is no verb 'eval'."),
    "predcit": (("predcit", "model", "fine"), "There is no verb 'predcit'."),
    "docter": (("docter",), "There is no verb 'docter'."),
    "output": (("train", "tickets.csv", "--output", "m", *QUICK), "No such option '--output'."),
    "one dash": (("train", "tickets.csv", "-out", "m", *QUICK), "No such option '-o'."),
    "an equals sign": (("train", "tickets.csv", "--output=m", *QUICK), "No such option '--output'."),
    "target": (("train", "tickets.csv", "--target", "category", *QUICK), "No such option '--target'."),
    "lable": (("train", "tickets.csv", "--lable", "category", *QUICK), "No such option '--lable'."),
    "file": (("train", "--file", "tickets.csv", *QUICK), "No such option '--file'."),
    "data": (("train", "--data", "tickets.csv", *QUICK), "No such option '--data'."),
    "cv": (("train", "tickets.csv", "--cv", "2", "-C", "0.01", *WORDS), "No such option '--cv'."),
    "random state": (("train", "tickets.csv", "--random-state", "1", *QUICK), "No such option '--random-state'."),
    "validation": (("train", "tickets.csv", "--validation", "more.csv", *QUICK), "No such option '--validation'."),
    "sep": (("train", "tickets.csv", "--sep", ",", *QUICK), "No such option '--sep'."),
    "a column alone": (("train", "tickets.csv", "category", *QUICK), "Got unexpected extra argument (category)"),
    "two files": (("train", "tickets.csv", "more.csv", *QUICK), "Got unexpected extra argument (more.csv)"),
    "a percent sign": (("train", "tickets.csv", "--holdout", "50%", *QUICK), "Invalid value for '--holdout'"),
    "a choice misspelt": (
        ("train", "tickets.csv", "--class-weight", "balance", *QUICK),
        "Invalid value for '--class-weight'",
    ),
    "a format misspelt": (("train", "tickets.csv", "--format", "csvv", *QUICK), "Invalid value for '--format'"),
    "one fold": (("train", "tickets.csv", "--folds", "1", "-C", "0.01", *WORDS), "Invalid value for '--folds'"),
    "no workers": (
        ("predict", "model", "new.csv", "--workers", "0", "--out", "scored.csv"),
        "Invalid value for '--workers'",
    ),
    "clear": (("cache", "list"), "No such command 'list'."),
    "an output of predict": (("predict", "model", "new.csv", "--output", "scored.csv"), "No such option '--output'."),
    "overwrite by force": (("train", "tickets.csv", "--out", "m", "--force", *QUICK), "No such option '--force'."),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_line_that_is_meant_runs(frostline: Command, place: Path, name: str) -> None:
    arguments, sentence = MISTAKES[name]
    found = frostline(*arguments)
    assert found.code == 2
    assert found.err.startswith(f"error: {sentence}")
    line = re.search(r"Did you mean: frostline (.*)", found.err)
    assert line is not None, found.err
    ended = frostline(*shlex.split(line[1]))
    assert ended.code == 0, f"{line[0]}\n{ended.err}"


def test_what_cannot_be_guessed_has_an_example(frostline: Command, place: Path) -> None:
    for arguments in (("evaluate", "model"), ("explain", "model"), ("train", "tickets.csv", "--seed", "abc")):
        found = frostline(*arguments)
        assert found.code == 2
        assert f"For example: frostline {arguments[0]} " in found.err
        assert "Did you mean" not in found.err


@pytest.mark.parametrize("arguments", [[], ["cache"]])
def test_a_verb_that_needs_another_shows_its_help(frostline: Command, arguments: list[str]) -> None:
    """As lines, not as an error with line breaks spelt out."""
    found = frostline(*arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.rstrip() == frostline(*arguments, "--help").out.rstrip()
    assert "error:" not in found.err


def test_what_may_be_chosen_stands_in_one_line(frostline: Command) -> None:
    first, *_ = frostline("completion").err.splitlines()
    assert first == "error: Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish"


def test_lines_of_a_hint_stay_lines_under_json(frostline: Command) -> None:
    error = json.loads(frostline("train", "--json", "--lable", "x").err)["error"]
    first, *_ = error["hint"].split("\n")
    assert first == "Did you mean: frostline train --json --label x"
    assert len(error["hint"].split("\n")) == 3


def test_columns_that_are_not_clear_are_named_in_a_line_that_works(frostline: Command, place: Path) -> None:
    """By what they look like: both options, quoted for a shell."""
    rows = [f"{n},all word{n} of {'ab'[n % 2]}x,{'ab'[n % 2]}" for n in range(20)]
    (place / "open.csv").write_text("\n".join(["a,my words,the kind", *rows]) + "\n", "utf-8")
    refused = frostline("train", "open.csv", *QUICK)
    assert refused.code == 65
    line = refused.err.splitlines()[-1].strip().removeprefix("For example: ")
    assert line == f"frostline train open.csv {shlex.join(QUICK)} --text 'my words' --label 'the kind'"
    assert frostline(*shlex.split(line)[1:]).code == 0
