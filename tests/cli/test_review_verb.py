"""`frostline review` and `train --fixes`, on real files with the bundled encoder."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

QUICK = ("--foldings", "1", "--folds", "5")


@pytest.fixture
def flawed(reviews: Path, tmp_path: Path) -> Path:
    """The small file with a copy, a contradiction, a near copy and a formula in it."""
    lines = reviews.read_text("utf-8").splitlines()
    text, label = lines[3].split("\t")
    other = "negative" if label == "positive" else "positive"
    added = [
        lines[0],
        f"{text}\t{other}",
        f"{lines[5].split(chr(9))[0]} !\t{lines[5].split(chr(9))[1]}",
        f"=1+1\t{other}",
    ]
    path = tmp_path / "flawed.tsv"
    path.write_text("\n".join([*lines, *added, "=1+1\t" + other]) + "\n", "utf-8")
    return path


def edited(path: Path, **actions: str) -> None:
    """Set the action of the rows whose line is named, as a person would: `line7="drop"`."""
    with path.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in rows:
        row["action"] = actions.get(f"line{row['line']}", row["action"])
    text = "\n".join("\t".join(cells) for cells in [list(rows[0]), *(list(row.values()) for row in rows)])
    path.write_text(text + "\n", "utf-8")


def suggested(path: Path, line: str) -> str:
    """The label suggested for a line."""
    rows = [row.split("\t") for row in path.read_text("utf-8").splitlines()]
    return next(row[4] for row in rows if row[2] == line)


def test_review_prints_what_it_found_by_line(frostline: Command, flawed: Path) -> None:
    """One JSON object; a second run reads no sentence."""
    document = frostline("review", flawed, "--json", *QUICK).document
    assert (document["n_rows"], document["n_distinct"]) == (65, 61)
    assert [group["lines"] for group in document["conflicts"]] == [[4, 62]]
    assert [group["lines"] for group in document["repeated"]] == [[1, 61], [6, 63], [64, 65]]
    assert [group["lines"] for group in document["near"]] == []
    assert document["labels"]["n_checked"] == 63
    assert all(0.5 <= wrong["score"] <= 1 and "rows" not in wrong for wrong in document["wrong"])
    assert frostline("review", flawed, "--json", *QUICK).document["n_read"] == 0


def test_review_says_it_in_a_few_lines(frostline: Command, flawed: Path) -> None:
    """For a person, with examples."""
    outcome = frostline("review", flawed, *QUICK)
    assert outcome.code == 0
    assert "1 text appears more than once with different labels" in outcome.out
    assert "lines 4 (" in outcome.out
    assert "3 texts are repeated with the same label" in outcome.out
    assert outcome.out.endswith("--out fixes.tsv\n")


def test_fixes_are_written_edited_and_trained_with(frostline: Command, flawed: Path, tmp_path: Path) -> None:
    """Unedited they change nothing; edited they do, and the record says what."""
    fixes = tmp_path / "fixes.tsv"
    written = frostline("review", flawed, "--out", fixes, "--json", *QUICK).document
    of_63 = [line for line in fixes.read_text("utf-8").splitlines() if "but for case, blanks and punctuation" in line]
    assert ["look" in line and "drop" not in line for line in of_63] == [True]
    assert written["n_fixes"] == len(fixes.read_text("utf-8").splitlines()) - 1
    train = ("train", flawed, "--fixes", fixes, "-C", "0.01", "--no-learning-curve", "--json")
    before = frostline(*train).document["data"]
    assert (before["n_rows"], before["fixes"]["n_relabelled"], before["fixes"]["n_dropped"]) == (65, 0, 0)
    (other,) = (line for line in ("4", "62") if suggested(fixes, line))
    edited(fixes, line61="drop", line65="drop", **{f"line{other}": "relabel"})
    document = frostline(*train, "--out", tmp_path / "model").document
    after = document["data"]
    assert after["fixes"]["n_dropped"] == 2
    assert after["fixes"]["n_relabelled"] == 1
    assert after["n_rows"] == 63
    assert after["n_conflicts"] == 0
    assert any("make the score too good" in warning for warning in document["warnings"])
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text("utf-8"))
    assert manifest["metrics"]["data"]["fixes"]["n_dropped"] == 2


def test_advice_is_taken_only_where_asked(frostline: Command, flawed: Path, tmp_path: Path) -> None:
    """Every action is keep otherwise; no cell is a formula."""
    frostline("review", flawed, "--out", tmp_path / "kept.tsv", *QUICK)
    frostline("review", flawed, "--out", tmp_path / "taken.tsv", "--take-advice", *QUICK)
    kept = [line.split("\t") for line in (tmp_path / "kept.tsv").read_text("utf-8").splitlines()]
    taken = [line.split("\t") for line in (tmp_path / "taken.tsv").read_text("utf-8").splitlines()]
    assert {row[0] for row in kept[1:]} == {"keep"}
    assert {row[0] for row in taken[1:]} >= {"keep", "drop"}
    assert all(row[0] == (row[1] if row[1] != "look" else "keep") for row in taken[1:])
    assert {row[7] for row in kept if "1+1" in row[7]} == {"'=1+1"}


def test_leaks_and_the_pool_are_found(frostline: Command, flawed: Path, tmp_path: Path) -> None:
    """Test rows that are also in the file; new texts of the pool, as many as asked for."""
    test, pool = tmp_path / "test.tsv", tmp_path / "pool.txt"
    first = flawed.read_text("utf-8").splitlines()[0]
    test.write_text(f"{first}\nQuite another thing.\tpositive\n", "utf-8")
    pool.write_text(
        "One thing.\nAnother thing.\nA third thing, which is longer.\n" + first.split("\t")[0] + "\n", "utf-8"
    )
    document = frostline(
        "review", flawed, "--test", test, "--pool", pool, "--text", 1, "--no-header", "--label", 2,
        "--pool-size", 2, "--json", *QUICK,
    ).document  # fmt: skip
    assert [(leak["kind"], leak["test_line"], leak["lines"]) for leak in document["leaked"]] == [("exact", 1, [1, 61])]
    assert document["pool"]["n_texts"] == 4
    assert document["pool"]["n_known"] == 1
    assert len(document["wanted"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--take-advice",), "needs --out"),
        (("--out", "{file}"), "is an input"),
        (("--test", "nowhere.tsv"), "is not there"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    frostline: Command, flawed: Path, arguments: tuple[str, ...], said: str
) -> None:
    """One clear sentence, and the file is as it was."""
    before = flawed.read_bytes()
    outcome = frostline("review", flawed, *(argument.format(file=flawed) for argument in arguments))
    assert outcome.code != 0
    assert said in outcome.err
    assert flawed.read_bytes() == before


def test_fixes_of_a_shifted_file_are_refused(frostline: Command, flawed: Path, tmp_path: Path) -> None:
    """A line added at the top: every fix would be about the row before."""
    fixes = tmp_path / "fixes.tsv"
    frostline("review", flawed, "--out", fixes, *QUICK)
    flawed.write_text("A new first line.\tpositive\n" + flawed.read_text("utf-8"), "utf-8")
    outcome = frostline("train", flawed, "--fixes", fixes, "-C", "0.01")
    assert outcome.code == 65
    assert "is about another text in line" in outcome.err


def test_one_class_is_reviewed_all_the_same(frostline: Command, tmp_path: Path) -> None:
    """Its labels cannot be checked, its repeats can."""
    path = tmp_path / "one.tsv"
    path.write_text("A good day.\tyes\nA good night.\tyes\nA good day.\tyes\n", "utf-8")
    outcome = frostline("review", path, "--label", 2, "--text", 1, "--no-header")
    assert outcome.code == 0
    assert "all are labelled 'yes'" in " ".join(outcome.out.split())
    assert "1 text is repeated" in outcome.out


def test_words_among_the_features_are_refused(frostline: Command, reviews: Path) -> None:
    """Silently left out they would be a review of other features than those asked for."""
    said = frostline("review", reviews, "--features", "mean@-1+words", *QUICK)
    assert said.code == 2
    assert "got features mean@-1+words" in said.err
    assert "Leave out +words" in said.err


@pytest.fixture
def feelings(tmp_path: Path) -> Path:
    """A file of texts with several labels, with a contradiction, a copy, and five labels that are missing."""
    words = {"joy": "I am so happy and delighted", "anger": "this makes me furious", "fear": "I am terrified of it"}
    sets = [["joy"], ["anger"], ["fear"], ["anger", "fear"], ["joy", "fear"]]
    rows = []
    for row in range(60):
        labels = sets[row % 5]
        text = " and ".join(words[label] for label in labels) + f", day {row}"
        kept = labels[:1] if row % 12 == 3 else labels
        rows.append(f"{text}\t{'|'.join(kept)}")
    copied = rows[0].split("\t")[0]
    path = tmp_path / "feelings.tsv"
    path.write_text("\n".join([*rows, rows[1], f"{copied}\tanger"]) + "\n", "utf-8")
    return path


SETS = ("--labels-separator", "|", "--text", "1", "--label", "2", "--no-header")


def test_texts_with_several_labels_are_reviewed_fixed_and_trained_with(
    frostline: Command, feelings: Path, tmp_path: Path
) -> None:
    """What is missing is told apart from what is wrong; advice that is taken changes the rows trained on."""
    fixes = tmp_path / "fixes.tsv"
    review = ("review", feelings, *SETS, *QUICK)
    document = frostline(*review, "--out", fixes, "--take-advice", "--json").document
    assert [group["lines"] for group in document["conflicts"]] == [[1, 61 + 1]]
    assert document["conflicts"][0]["labels"] == [["joy"], ["anger"]]
    assert [group["lines"] for group in document["repeated"]] == [[2, 61]]
    assert document["labels"]["n_labels"] == 3
    assert {one["label"] for one in document["missing"]} <= {"joy", "anger", "fear"}
    assert all("is_given" not in one and "suggested" not in one for one in document["missing"] + document["wrong"])
    rows = list(csv.DictReader(fixes.read_text("utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    changed = {row["line"] for row in rows if row["action"] in {"add", "remove"}}
    assert "62" in changed
    train = ("train", feelings, *SETS, "-C", "0.01", "--json")
    assert frostline(*train).document["data"]["n_rows"] == 62
    assert frostline(*train, "--fixes", fixes).document["data"]["n_rows"] == 61
    said = " ".join(frostline(*review).out.split())
    assert "labels checked on 61 texts" in said
    assert "1 text appears more than once with different sets of labels" in said
    assert "1 text is repeated with the same labels" in said
