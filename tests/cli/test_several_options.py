"""Options of training where a text may have several labels: what the JSON says, and that the saved classifier answers.

`--features auto` and `--precision auto` are in sweep/test_several_labels_swept.py.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Command
from frostline.artifact import load_artifact, load_neighbours
from frostline.cli.main import run
from frostline.data.fixes import Action, FixRow, write_fixes

LABELS = ("blue", "dog", "red")
READING = ("--labels-separator", ",", "--no-header")
QUICK = ("-C", "0.01", "-C", "1", "--features", "mean@-1", "--folds", "3", "--calibrate", "none")
ASKED = (
    "it is red",
    "it is blue and a dog",
    "the dog is red and blue",
    "it is nothing",
    "it is a red dog",
    "blue",
    "who knows what it may be",
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts that say their labels; every fifth lacks the first of them, every seventh is a dog without saying so."""
    members = np.random.RandomState(0).rand(120, 3) < [0.4, 0.2, 0.4]
    lines = []
    for row, has in enumerate(members):
        said = [label for label, is_there in zip(LABELS, has, strict=True) if is_there]
        given = said[row % 5 == 0 :]
        given += ["dog"] if row % 7 == 0 and "dog" not in given else []
        lines.append(f"it is {' and '.join(said) or 'nothing'} number{row}\t{','.join(given)}\n")
    path = tmp_path_factory.mktemp("options") / "train.tsv"
    path.write_text("".join(lines), "utf-8")
    return path


Trained = tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]


def trained(frostline: Command, table: Path, out: Path, *options: str) -> Trained:
    """What `train --json` said, the saved manifest, and what `predict --json` says of `ASKED`."""
    document = frostline("train", table, *READING, *QUICK, *options, "--out", out, "--json").document
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert (document["kind"], manifest["kind"]) == ("several labels", "several labels")
    texts, answers = out.with_suffix(".txt"), out.with_suffix(".jsonl")
    texts.write_text("\n".join(ASKED), "utf-8")
    assert frostline("predict", out, texts, "--text", "1", "--no-header", "--out", answers).code == 0
    return document, manifest, [json.loads(line) for line in answers.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def plain(table: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `train --json` said without any option."""
    del home
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", printed)
        assert run([str(word) for word in ("train", table, *READING, *QUICK, "--json")]) == 0
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def check_answers(answers: list[dict[str, Any]], rule: dict[str, Any]) -> None:
    """Each label from its threshold on; null where the whole set is less probable than what is answered from."""
    for answer in answers:
        shares = [answer["probabilities"][label] for label in LABELS]
        given = [share >= threshold for share, threshold in zip(shares, rule["thresholds"], strict=True)]
        sure = np.prod([share if is_given else 1 - share for share, is_given in zip(shares, given, strict=True)])
        expected = {label for label, is_given in zip(LABELS, given, strict=True) if is_given}
        assert answer["labels"] is None if sure < rule["answer_from"] else set(answer["labels"]) == expected


@pytest.mark.parametrize(
    ("options", "asked", "label"),
    [
        (("--threshold-for", "recall=0.7", "--threshold-label", "dog"), "recall 0.7", "dog"),
        (("--threshold-for", "precision=0.3", "--threshold-label", "dog"), "precision 0.3", "dog"),
        (("--thresholds", "f1"), "the highest macro F1", None),
    ],
)
def test_thresholds_are_chosen_as_wished_and_kept(
    frostline: Command,
    table: Path,
    tmp_path: Path,
    plain: dict[str, Any],
    *,
    options: tuple[str, ...],
    asked: str,
    label: str | None,
) -> None:
    """One label's is moved, the others' are those of their highest F1; all are when that is what is wished for."""
    document, manifest, answers = trained(frostline, table, tmp_path / "model", *options)
    decision = document["decision"]
    assert (decision["asked"], decision["label"], decision["answer_from"]) == (asked, label, 0.0)
    assert decision["thresholds"] == manifest["rule"]["thresholds"]
    usual = [one["threshold"] for one in plain["chosen"]["per_label"]]
    moved = [name for name, one, other in zip(LABELS, usual, decision["thresholds"], strict=True) if one != other]
    assert moved == ([] if label is None else [label])
    check_answers(answers, manifest["rule"])


def test_a_classifier_that_may_be_silent_is_so_after_it_was_saved(frostline: Command, tmp_path: Path) -> None:
    """It answers the sets that are sure enough; out of fold a part of the rows, of which more are right."""
    sets = ("red", "dog", "blue,dog", "", "red,blue")
    random = np.random.RandomState(0)
    plain = [
        f"it is {said.replace(',', ' and a ') or 'nothing'}, number{row}\t{said}\n"
        for row, said in enumerate(sets * 40)
    ]
    maybe = [f"who knows what it may be, number{row}\t{sets[random.randint(5)]}\n" for row in range(100)]
    table = tmp_path / "train.tsv"
    table.write_text("".join(plain + maybe), "utf-8")
    document, manifest, answers = trained(frostline, table, tmp_path / "model", "--abstain-precision", "0.8")
    (warning,) = document["warnings"]
    assert "test texts are nearly training texts" in warning
    decision = document["decision"]
    assert decision["asked"] == "answers only where 80 % are right"
    assert 0 < decision["answer_from"] == manifest["rule"]["answer_from"] < 1
    assert decision["out_of_fold"]["coverage"]["value"] < 1
    assert decision["out_of_fold"]["precision"]["value"] > document["test"]["subset_accuracy"]["value"]
    assert {answer["labels"] is None for answer in answers} == {True, False}
    check_answers(answers, manifest["rule"])


def test_balanced_class_weights_make_rare_labels_more_probable(
    frostline: Command, table: Path, tmp_path: Path, plain: dict[str, Any]
) -> None:
    """So a rare label's threshold rises, where no calibration takes it back."""
    weighed, manifest, answers = trained(frostline, table, tmp_path / "model", "--class-weight", "balanced")
    assert (plain["search"]["class_weight"], weighed["search"]["class_weight"]) == (None, "balanced")
    assert manifest["choice"]["class_weight"] == "balanced"
    before, after = (document["chosen"]["per_label"][LABELS.index("dog")] for document in (plain, weighed))
    assert after["threshold"] > before["threshold"] + 0.1
    check_answers(answers, manifest["rule"])


@pytest.mark.parametrize(
    ("scoring", "rule"),
    [
        ("neg_log_loss", "best log loss of each label"),
        ("average_precision", "best average precision of each label"),
        ("f1_macro", "best F1 of each label"),
        ("f1_micro", "best micro F1 of all labels"),
    ],
)
def test_the_scoring_asked_for_chooses_each_c(
    frostline: Command, table: Path, tmp_path: Path, scoring: str, rule: str
) -> None:
    """Micro F1 is of all labels together, which then share their C."""
    document, manifest, answers = trained(frostline, table, tmp_path / "model", "--scoring", scoring)
    assert (document["search"]["scoring"], document["search"]["rule"]) == (scoring, rule)
    assert (manifest["choice"]["scoring"], manifest["choice"]["rule"]) == (scoring, rule)
    chosen = [one["C"] for one in document["chosen"]["per_label"]]
    assert chosen == [one["C"] for one in manifest["choice"]["per_label"]]
    assert set(chosen) <= {0.01, 1.0}
    assert scoring != "f1_micro" or len(set(chosen)) == 1
    check_answers(answers, manifest["rule"])


@pytest.mark.parametrize("verb", ["train", "sweep", "compare"])
def test_accuracy_is_refused_where_it_is_asked_for(frostline: Command, table: Path, verb: str) -> None:
    """Left out it stands for log loss."""
    more = ("--features", "cls@-1,words") if verb == "compare" else ()
    found = frostline(verb, table, *READING, *more, "--scoring", "accuracy")
    assert (found.code, found.out) == (2, "")
    said = " ".join(found.err.split())
    assert "neg_log_loss, average_precision or f1_macro of each label, or by f1_micro of all together" in said
    assert "(got 'accuracy')" in said
    shown = " ".join(frostline(verb, "--help").out.split())
    assert "neg_log_loss (log loss), average_precision, f1_macro or f1_micro." in shown


def test_log_loss_is_the_scoring_if_none_is_asked_for(plain: dict[str, Any]) -> None:
    assert plain["search"]["scoring"] == "neg_log_loss"


def test_a_learning_curve_is_measured_and_changes_nothing_else(
    frostline: Command, table: Path, tmp_path: Path, plain: dict[str, Any]
) -> None:
    document, manifest, answers = trained(frostline, table, tmp_path / "model", "--learning-curve")
    assert (plain["learning"], document["chosen"]) == (None, plain["chosen"])
    n_rows = [point["n_rows"] for point in document["learning"]["points"]]
    assert n_rows == sorted(n_rows)
    assert (len(n_rows) > 1, n_rows[-1]) == (True, document["data"]["n_trained"])
    check_answers(answers, manifest["rule"])


def test_training_sentences_are_kept_with_their_sets(frostline: Command, table: Path, tmp_path: Path) -> None:
    """And shown by `explain`, which names the set of each."""
    document, _, answers = trained(frostline, table, tmp_path / "model", "--keep-neighbours")
    kept = load_neighbours(load_artifact(tmp_path / "model"))
    assert kept is not None
    assert kept.codes.shape == (document["data"]["n_trained"], len(LABELS))
    in_file = dict(line.split("\t") for line in table.read_text("utf-8").splitlines())
    found = frostline("explain", tmp_path / "model", ASKED[1], "--json").document
    assert found["nearest"]
    for near in found["nearest"]:
        assert ",".join(sorted(near["labels"])) == ",".join(sorted(filter(None, in_file[near["text"]].split(","))))
    assert set(found["answer"]) == set(answers[1]["labels"])


def test_a_file_of_fixes_changes_single_labels(frostline: Command, table: Path, tmp_path: Path) -> None:
    lines = [line.split("\t") for line in table.read_text("utf-8").splitlines()]
    without = next(row for row, (_, labels) in enumerate(lines) if "red" not in labels)
    having = next(row for row, (_, labels) in enumerate(lines) if "blue" in labels)
    changes: tuple[tuple[Action, int, str], ...] = (("add", without, "red"), ("remove", having, "blue"))
    rows = [
        FixRow(action=action, advice=action, line=row + 1, label=label, score=0.9, reason="", text=lines[row][0])
        for action, row, label in changes
    ]
    write_fixes(tmp_path / "fixes.tsv", rows)
    options = ("--fixes", str(tmp_path / "fixes.tsv"))
    document, manifest, answers = trained(frostline, table, tmp_path / "model", *options)
    before = {label: sum(label in labels.split(",") for _, labels in lines) for label in LABELS}
    counts = {one["label"]: one["n"] for one in document["data"]["label_counts"]}
    assert counts == {"blue": before["blue"] - 1, "dog": before["dog"], "red": before["red"] + 1}
    assert document["data"]["fixes"]["name"] == "fixes.tsv"
    check_answers(answers, manifest["rule"])


def test_the_preset_of_one_label_alone_is_refused(frostline: Command, table: Path) -> None:
    found = frostline("train", table, *READING, "--preset", "tutorial")
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "error: --preset is for texts with one label each; here each may have several.\n       Leave --preset out.\n"
    )


@pytest.mark.parametrize("option", ["FILE", "--test", "--fixes"])
def test_rows_left_out_are_never_written_over_what_is_read(
    frostline: Command, table: Path, tmp_path: Path, option: str
) -> None:
    """Not even where overwriting is allowed."""
    other = tmp_path / "other.tsv"
    other.write_bytes(table.read_bytes())
    read = table if option == "FILE" else other
    more = () if option == "FILE" else (option, other)
    ended = frostline("train", table, "--labels-separator", ",", *more, "--rejects", read, "--overwrite")
    assert ended.code != 0
    assert "is read" in ended.err or "input" in ended.err, ended.err
    assert read.read_bytes() == other.read_bytes()
