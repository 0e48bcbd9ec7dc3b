"""On a terminal it is asked whether labels that differ by case or blanks are one; of a pipe or a program never."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from frostline.cli import main, options
from frostline.cli.main import run

ROWS = [f"word{n % 2} and {n} more,{('bill', 'Bill', 'tech', 'Tech ')[n % 4]}" for n in range(40)]
QUESTION = "Labels that differ only by case or blanks: 'Bill' and 'bill'; 'Tech ' and 'tech'. Take them for one each?"
TRAIN = ("train", "tickets.csv", "-C", "0.01", "--features", "words", "--folds", "2")


class Terminal(io.TextIOWrapper):
    """Somebody sits there."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tickets.csv").write_text("\n".join(["message,category", *ROWS]) + "\n", "utf-8")
    return tmp_path


def answered(monkeypatch: pytest.MonkeyPatch, answer: str, *arguments: str) -> int:
    """Run a verb at a terminal where this is typed."""
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(f"{answer}\n".encode()), encoding="utf-8"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    return run(list(arguments))


@pytest.mark.parametrize(("answer", "n_labels"), [("y", 2), ("", 2), ("n", 4)])
def test_whoever_says_yes_has_one_label_of_each_kind(
    answer: str, n_labels: int, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(monkeypatch, answer, *TRAIN) == 0
    told = capsys.readouterr()
    assert QUESTION in " ".join(told.err.split())
    assert f"one of {n_labels} labels" in " ".join(told.out.split())


def test_the_line_that_is_advised_then_says_so_too(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(monkeypatch, "y", *TRAIN) == 0
    advised = [line for line in capsys.readouterr().out.splitlines() if line.startswith("    frostline ")]
    assert advised
    assert "--tidy-labels" in advised[0]


MORE = {"compare": ("--features", "cls@-1,words")}


@pytest.mark.parametrize("verb", ["review", "sweep", "compare"])
def test_the_other_verbs_ask_as_well(
    verb: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(*given: Any) -> None:
        options.tidied_if_wanted(*given)
        raise KeyboardInterrupt  # the rest of the verb is not what this is about

    monkeypatch.setattr(f"frostline.cli.{verb}.tidied_if_wanted", asked)
    assert answered(monkeypatch, "y", verb, "tickets.csv", *MORE.get(verb, ())) == 130
    assert QUESTION in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("added", [("--json",), ("--tidy-labels",)])
def test_of_a_program_and_of_whoever_said_so_nothing_is_asked(
    added: tuple[str, ...], place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(monkeypatch, "n", *TRAIN, *added) == 0
    assert "Take them" not in capsys.readouterr().err


def test_in_a_pipe_nothing_is_asked(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"y\n"), encoding="utf-8"))
    assert run(list(TRAIN)) == 0
    told = capsys.readouterr()
    assert "Take them" not in told.err
    assert "one of 4 labels" in " ".join(told.out.split())


@pytest.mark.parametrize("verb", ["review", "sweep", "compare"])
def test_where_there_is_no_input_nothing_is_asked(
    verb: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file is named, so that a closed input (`<&-`, cron) is nobody's concern."""

    def asked(*given: Any) -> None:
        options.tidied_if_wanted(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(f"frostline.cli.{verb}.tidied_if_wanted", asked)
    monkeypatch.setattr(sys, "stdin", main._ClosedInput())
    assert run([verb, "tickets.csv", *MORE.get(verb, ())]) == 130
    assert "closed" not in capsys.readouterr().err
