"""`frostline predict` with a classifier whose texts may have several labels: what it was trained to be silent on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import Command
from frostline.artifact import save_artifact
from frostline.artifact.model import open_model
from frostline.head.linear import Rule

SAVED = Path(__file__).parent.parent / "artifact" / "saved_by_0_1_0" / "several-labels"
TEXTS = ("the soup was very tasty", "loan", "goal ! the team with the coach")


def made(folder: Path, *, labels: tuple[str, ...] = ("food", "sport", "travel"), silent: bool = True) -> Path:
    """The classifier of 0.1.0, which may be silent now: on the text that it is least sure of."""
    model = open_model(SAVED)
    answers = model.answer(TEXTS)
    whole = np.where(answers.favoured, answers.probabilities, 1 - answers.probabilities).prod(axis=1)
    thresholds = () if model.head.rule is None else model.head.rule.thresholds
    rule = Rule(thresholds=thresholds, answer_from=float(np.median(whole)) if silent else 0.0)
    head = replace(model.head, rule=rule, labels=labels)
    save_artifact(folder / "made", head=head, encoder=model.encoder, with_encoder=SAVED / "encoder")
    return folder / "made"


def test_what_is_not_sure_enough_is_null_or_an_empty_line_and_counted(frostline: Command, tmp_path: Path) -> None:
    model = made(tmp_path)
    told = frostline("predict", model, *TEXTS)
    before = frostline("predict", SAVED, *TEXTS)
    lines, old = told.out.splitlines(), before.out.splitlines()
    silent = [row for row, (line, was) in enumerate(zip(lines, old, strict=True)) if line != was]
    assert len(silent) == 1
    assert lines[silent[0]].startswith("\t0.")
    limit = open_model(model).head.rule
    assert limit is not None
    sure = f"{100 * limit.answer_from:.1f} %"
    assert told.err == f"1 of 3 texts unanswered: the model answers from {sure} on.\n"
    assert before.err == ""
    documents = [frostline("predict", model, "--json", text).document for text in TEXTS]
    assert [document["labels"] is None for document in documents] == [row in silent for row in range(3)]


def test_a_file_says_which_texts_were_answered(frostline: Command, tmp_path: Path) -> None:
    model, out = made(tmp_path), tmp_path / "out.csv"
    told = frostline("predict", model, "-", "--out", out, stdin="\n".join(TEXTS).encode())
    assert told.code == 0
    rows = [line.split(",") for line in out.read_text("utf-8").splitlines()]
    assert rows[0][:3] == ["text", "labels", "answered"]
    assert sum("false" in row for row in rows) == 1


@pytest.mark.parametrize(("arguments", "separator"), [((), ", "), (("--labels-separator", "|"), "|")])
def test_labels_on_a_line_are_joined_as_asked(frostline: Command, arguments: tuple[str, ...], separator: str) -> None:
    told = frostline("predict", SAVED, *arguments, "goal ! the team with the coach")
    labels, shares = told.out.rstrip("\n").split("\t")
    assert sorted(labels.split(separator)) == ["food", "sport", "travel"]
    assert len(shares.split(separator)) == 3


def test_a_label_with_the_separator_in_it_ends_before_any_text_is_read(frostline: Command, tmp_path: Path) -> None:
    model = made(tmp_path, labels=("food", "sport,games", "travel"), silent=False)
    broken = b"\xff\n"  # would be refused if it were read
    told = frostline("predict", model, "--out", tmp_path / "out.tsv", stdin=broken)
    assert (told.code, told.out) == (2, "")
    assert "must not occur in a label (it does in 'sport,games')" in told.err
    assert not (tmp_path / "out.tsv").exists()
    told = frostline("predict", model, "--labels-separator", ";", "--out", tmp_path / "out.tsv", stdin=b"soup\n")
    assert told.code == 0
