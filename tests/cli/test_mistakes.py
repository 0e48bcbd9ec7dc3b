"""Thirty mistakes that people make: one sentence, and a line to paste that works."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import Command
from frostline import SentenceClassifier

QUICK = ("-C", "0.01", "--features", "words")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> Path:
    """A folder with files that people have, and a saved model called `model`."""
    monkeypatch.chdir(tmp_path)
    rows = [(n, f"word{n} and {n % 2} more", ("bill", "tech")[n % 2]) for n in range(40)]
    table = [",".join(map(str, row)) for row in rows]
    (tmp_path / "tickets.csv").write_text("\n".join(["id,message,category", *table]) + "\n", "utf-8")
    (tmp_path / "my new.csv").write_text("message\nsome words\nmore of them\n", "utf-8")
    (tmp_path / "hole.csv").write_text("\n".join(["id,message,category", *table, "41,,bill"]) + "\n", "utf-8")
    (tmp_path / "unlabelled.csv").write_text("\n".join(["id,message,category", *table, "41,text,"]) + "\n", "utf-8")
    (tmp_path / "rare.csv").write_text("\n".join(["id,message,category", *table, "41,odd one,rare"]) + "\n", "utf-8")
    (tmp_path / "one.csv").write_text("message,category\na b,bill\nc d,bill\ne f,bill\n", "utf-8")
    (tmp_path / "empty.csv").write_text("", "utf-8")
    (tmp_path / "header.csv").write_text("message,category\n", "utf-8")
    (tmp_path / "ids.csv").write_text("id,message\n" + "".join(f"{n},{text}\n" for n, text, _ in rows), "utf-8")
    capitals = "".join(f"{text},{label.replace('b', 'B')}\n" for _, text, label in rows)
    (tmp_path / "upper.csv").write_text(f"message,category\n{capitals}", "utf-8")
    (tmp_path / "one capital.csv").write_text("\n".join(["id,message,category", *table, "41,odd,Bill"]) + "\n", "utf-8")
    (tmp_path / "few.csv").write_text("message,category\nsome words,a\nother words,b\n", "utf-8")
    amounts = "".join(f"{text},{n * 7}\n" for n, text, _ in rows)
    (tmp_path / "number.csv").write_text(f"message,amount\n{amounts}", "utf-8")
    (tmp_path / "model").symlink_to(model)
    texts, labels = zip(*((text, label) for _, text, label in rows), strict=True)
    SentenceClassifier(features="words", C=1.0).fit(texts, labels).save(tmp_path / "words")
    return tmp_path


MISTAKES: dict[str, tuple[Sequence[str], str, str]] = {
    "a verb misspelt": (["trian", "tickets.csv"], "There is no verb 'trian'.", "frostline train tickets.csv"),
    "a verb in capitals": (["TRAIN", "tickets.csv"], "There is no verb 'TRAIN'.", "frostline train tickets.csv"),
    "no verb": (["tickets.csv"], "There is no verb 'tickets.csv'.", "frostline train tickets.csv --out model"),
    "no verb at all like it": (["qqqq"], "There is no verb 'qqqq'.", "frostline help"),
    "a model misspelt": (["predict", "modle", "hello"], "There is no saved model at 'modle'.", "Did you mean 'model'?"),
    "no model": (["predict", "zzz", "hello"], "There is no saved model at 'zzz'.", "frostline train FILE --out FOLDER"),
    "a file misspelt": (["predict", "model", "my nwe.csv"], "", ""),
    "a file that is not there": (
        ["predict", "model", "tickts.csv"],
        "tickts.csv is not there.",
        "Did you mean tickets.csv",
    ),
    "a file for training misspelt": (["train", "tickts.csv"], "tickts.csv is not there.", "Did you mean tickets.csv"),
    "arguments swapped": (
        ["evaluate", "tickets.csv", "model"],
        "'tickets.csv' is a file, and 'model' a saved model: the arguments are swapped.",
        "frostline evaluate model tickets.csv",
    ),
    "arguments swapped, with a blank": (
        ["predict", "my new.csv", "model"],
        "'my new.csv' is a file, and 'model' a saved model: the arguments are swapped.",
        "frostline predict model 'my new.csv'",
    ),
    "a text and the model swapped": (
        ["predict", "it's a text", "model"],
        """"it's a text" is a text, and 'model' a saved model: the arguments are swapped.""",
        """frostline predict model 'it'"'"'s a text'""",
    ),
    "a long text and the model swapped": (
        ["predict", "word " * 1000, "another", "model"],
        f"'{'word ' * 11}word…' is a text, and 'model' a saved model: the arguments are swapped.",
        "frostline predict model 'word word",
    ),
    "a file for a model": (
        ["predict", "tickets.csv", "hello"],
        "'tickets.csv' is a file, not a saved model, which is a folder.",
        "frostline train FILE --out FOLDER",
    ),
    "an id for a label": (
        ["train", "tickets.csv", "--label", "id"],
        "tickets.csv: 'id' has 40 different values in 40 rows, so it looks like an id, a number or a text,",
        "--label category",
    ),
    "a column misspelt": (
        ["train", "tickets.csv", "--text", "mesage"],
        "tickets.csv: there is no text column 'mesage'. Did you mean 'message'?",
        "--text NAME --label NAME",
    ),
    "a column by a number too high": (
        ["train", "tickets.csv", "--label", "9"],
        "tickets.csv: there is no column 9.",
        "--label NAME",
    ),
    "an option misspelt": (
        ["train", "tickets.csv", "--lable", "category"],
        "No such option '--lable'.",
        "frostline train --help",
    ),
    "no file": (["train"], "Missing argument 'FILE'.", "frostline train --help"),
    "no file to evaluate on": (["evaluate", "model"], "Missing argument 'FILE'.", "frostline evaluate --help"),
    "a file without labels": (
        ["train", "my new.csv"],
        "my new.csv: a text and a label column are needed",
        "frostline predict MODEL 'my new.csv'",
    ),
    "an evaluation without labels": (
        ["evaluate", "model", "my new.csv"],
        "my new.csv: a text and a label column are needed",
        "frostline predict model 'my new.csv'",
    ),
    "an empty text": (
        ["train", "hole.csv", *QUICK],
        "hole.csv: 1 of 41 rows cannot be read (0 allowed): line 42: the text is empty.",
        "--max-bad-rows 1",
    ),
    "an empty label": (
        ["train", "unlabelled.csv", *QUICK],
        "unlabelled.csv: 1 of 41 rows cannot be read (0 allowed)",
        "--max-bad-rows 1",
    ),
    "one rare row": (
        ["train", "rare.csv", *QUICK],
        "rare.csv: 'rare' has only one row; each label needs two.",
        "--max-bad-rows 1",
    ),
    "one label": (["train", "one.csv", *QUICK], "one.csv: two labels or more are needed", "--label"),
    "an empty file": (["train", "empty.csv"], "empty.csv", ""),
    "a header alone": (["train", "header.csv"], "header.csv", ""),
    "a folder for a file": (["train", "."], ". must be a file (it is a folder).", "empty.csv"),
    "percent for a share": (
        ["train", "tickets.csv", "--holdout", "25"],
        "The share of rows held out must be between 0 and 1 (got 25.0).",
        "--holdout 0.25",
    ),
    "percent for a precision": (
        ["train", "tickets.csv", "--abstain-precision", "95"],
        "The precision to abstain for must be above 0 and below 1 (got 95.0).",
        "0.95",
    ),
    "an encoder misspelt": (
        ["train", "tickets.csv", "--encoder", "minlm"],
        "There is no encoder or folder called 'minlm'.",
        "Did you mean minilm?",
    ),
    "a layer too high": (["train", "tickets.csv", "--features", "mean@99"], "Layer 99 of mean@99", "mean@6"),
    "a pooling misspelt": (["train", "tickets.csv", "--features", "men@all"], "Features must be", "mean@all"),
    "a format of no table": (["train", "tickets.csv", "--format", "xml"], "Invalid value for '--format'", "--help"),
    "a model where a file is": (
        ["train", "tickets.csv", "--out", "tickets.csv"],
        "tickets.csv is a file, and no saved model to be overwritten.",
        "Choose another name",
    ),
    "a model where one is": (
        ["train", "tickets.csv", *QUICK, "--out", "words"],
        "words exists already.",
        "For example: frostline train tickets.csv -C 0.01 --features words --out words --overwrite",
    ),
    "a model to learn from": (
        ["train", "model"],
        "model must be a file (it is a folder).",
        'It is a saved model. To use it: frostline predict model "some words"',
    ),
    "a name for the model, without an option": (
        ["train", "tickets.csv", "mine"],
        "Got unexpected extra argument (mine)",
        "Did you mean: frostline train tickets.csv --out mine",
    ),
    "a label column, without an option": (
        ["train", "tickets.csv", "category"],
        "Got unexpected extra argument (category)",
        "Did you mean: frostline train tickets.csv --label category",
    ),
    "the version as a verb": (["version"], "There is no verb 'version'.", "Did you mean: frostline --version"),
    "a model for a verb": (["model", "hi"], "There is no verb 'model'.", "Did you mean: frostline predict model hi"),
    "an address": (
        ["train", "https://example.org/a.csv"],
        "https://example.org/a.csv is an address, and a file of this machine is read.",
        "curl -LO https://example.org/a.csv",
    ),
    "a model to serve, misspelt": (["serve", "modle"], "There is no saved model at modle.", "Did you mean 'model'?"),
    "ids for labels": (
        ["evaluate", "words", "ids.csv"],
        "ids.csv has no column with labels of this model ('bill', 'tech'): 'id' has 40 different values, such as '0'.",
        "To label these texts: frostline predict words ids.csv. If a column holds labels: --label NAME.",
    ),
    "labels in capitals": (
        ["evaluate", "words", "upper.csv"],
        "upper.csv:2: the label must be one of 'bill', 'tech' (got 'Bill' in 20 rows).",
        "For example: frostline evaluate words upper.csv --tidy-labels",
    ),
    "one label in capitals": (
        ["train", "one capital.csv", *QUICK],
        "one capital.csv: 'Bill' has only one row; each label needs two.",
        "For example: frostline train 'one capital.csv' -C 0.01 --features words --tidy-labels",
    ),
    "too few rows of any label": (
        ["train", "few.csv", *QUICK],
        "few.csv: 'a', 'b' have only one row; each label needs two.",
        "Add rows: a classifier is learned from two labels with two rows each, or more.",
    ),
    "a number for a label": (
        ["train", "number.csv"],
        "number.csv: 'amount' has 40 different values in 40 rows, so it looks like an id, a number or a text",
        "frostline predict MODEL number.csv",
    ),
    "help of no verb": (["help", "trian"], "There is no verb 'trian'.", "frostline train"),
}
del MISTAKES["a file misspelt"]  # with a blank it is a sentence

LINE = re.compile(
    r"(?:Did you mean|this file|To use it|To label these texts): (frostline (?!predict MODEL).*?)(?:\. If|$)",
    re.MULTILINE,
)
SHOWN = re.compile(r"For example: (frostline .*)")  # where an option would do, the command with it


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_a_sentence_with_what_to_do(frostline: Command, place: Path, name: str) -> None:
    arguments, sentence, hint = MISTAKES[name]
    found = frostline(*arguments)
    first, *rest = found.err.splitlines()
    assert found.code in {2, 65, 66, 69, 73}
    assert first.startswith(f"error: {sentence}")
    assert hint in " ".join(rest)
    assert found.out == ""


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_to_be_pasted_works(frostline: Command, place: Path, name: str) -> None:
    """A whole line; or the options added to the command, where the hint names such."""
    arguments, _, hint = MISTAKES[name]
    err = frostline(*arguments).err
    line, with_option = LINE.search(err), SHOWN.search(err)
    if with_option is not None and "Usage:" not in err:
        again = shlex.split(with_option[1])[1:]
        again += [*(QUICK if again[0] == "train" and "-C" not in again else ())]
        line = None
    elif line is not None:
        again = shlex.split(line[1])[1:]
    elif hint in {"--max-bad-rows 1", "--label category", "--holdout 0.25"}:
        again = [one for one in arguments if one not in {"--label", "id", "--holdout", "25"}]
        again = [*again, *shlex.split(hint), *(() if "-C" in again else QUICK)]
    elif "--help" in hint or hint == "frostline help":
        again = shlex.split(hint.removeprefix("frostline "))
    else:
        return
    if again[0] == "train" and line is not None:
        again = [*again[:2], *QUICK, "--out", "another"] if again[1:] else ["help", "train"]
    if again[0] == "evaluate":  # the model has other labels than the file
        again = ["predict", *again[1:]]
    found = frostline(*again)
    assert found.code == 0, found.err


def test_under_json_an_error_is_json_on_standard_error(frostline: Command, place: Path) -> None:
    """Click's own as well."""
    for arguments, kind, code in (
        (["train", "tickts.csv", "--json"], "MissingInputError", 66),
        (["train", "tickets.csv", "--json", "--folds", "1"], "BadParameter", 2),
    ):
        found = frostline(*arguments)
        (line,) = found.err.splitlines()
        error = json.loads(line)["error"]
        assert (error["type"], error["exit_code"], found.code, found.out) == (kind, code, code, "")
        assert not error["message"].startswith("error")
    assert "Did you mean tickets.csv" in json.loads(frostline("train", "tickts.csv", "--json").err)["error"]["hint"]


def test_a_lone_row_that_may_be_left_out_is_told(frostline: Command, place: Path) -> None:
    found = frostline("train", "rare.csv", *QUICK, "--max-bad-rows", "1", "--rejects", "rejects.jsonl")
    assert found.code == 0
    assert "left out, since no other row has the label: 'rare'." in found.out
    (rejected,) = Path("rejects.jsonl").read_text("utf-8").splitlines()
    assert json.loads(rejected)["reason"] == "no other row has the label 'rare'"


def test_help_groups_the_options_the_commonest_first(frostline: Command) -> None:
    """The same by both ways; the document of its JSON is named."""
    found = frostline("help", "train")
    headings = re.findall(r"^([A-Z][\w ]+):$", found.out, flags=re.MULTILINE)
    assert headings[0] == "Most used"
    assert headings[-1] == "Other options"
    assert found.out.index("--label ") < found.out.index("--encoding")
    assert "docs/formats/report.md" in found.out
    assert "\n  -h, --help  Show this message and exit." in found.out.split("Other options:")[1]
    assert frostline("train", "--help").out == found.out
    assert "Verbs:" in frostline("help").out
    assert frostline("-V").out == frostline("--version").out


def test_every_option_of_train_has_a_heading(frostline: Command) -> None:
    others = frostline("train", "--help").out.split("Other options:")[1].split("Example:")[0]
    assert [line for line in others.splitlines() if line.startswith("  -")] == [
        "  -h, --help  Show this message and exit."
    ]


@pytest.mark.parametrize("name", ["train", "review", "predict", "verify"])
def test_the_document_of_the_json_is_there(frostline: Command, name: str) -> None:
    (document,) = re.findall(r"docs/formats/\S+\.md", frostline(name, "--help").out)
    assert (Path(__file__).parents[2] / document).is_file()


@pytest.mark.parametrize(("shell", "word"), [("bash", "complete"), ("zsh", "compdef"), ("fish", "complete")])
def test_completion_prints_what_a_shell_takes(
    frostline: Command, shell: str, word: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = frostline("completion", shell)
    assert found.code == 0
    assert "_FROSTLINE_COMPLETE" in found.out
    assert word in found.out
    assert f"frostline completion {shell}" in " ".join(frostline("completion", "--help").out.split())


def test_a_verb_is_completed(home: Path) -> None:
    """As bash asks for it."""
    asked = {"COMP_WORDS": "frostline tr", "COMP_CWORD": "1", "_FROSTLINE_COMPLETE": "bash_complete"}
    found = subprocess.run(
        [sys.executable, "-m", "frostline"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **asked, "FROSTLINE_HOME": str(home)},
    )
    assert found.stdout == "plain,train\n"
