"""Several labels per text through the command line: what is printed, to the letter, and how each refusal reads.

The texts say their labels, so that the classifier is right wherever the labels are; the rows it is tested on have
mistakes made on purpose, so that every figure has a part that is right and one that is wrong. What may differ from one
machine to another (times, processor, digests of weights) is left out.
"""

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from conftest import Command
from frostline.cli.main import run

GOLDEN = Path(__file__).parent / "golden"
WORDS = ("red", "blue", "green", "dog")
READING = ("--labels-separator", ",", "--no-header")
QUICK = ("-C", "0.1", "--features", "mean@-1")
FEW_LEFT = (
    "FOLDER/train.tsv: 'dog', 'green' have fewer rows than there are folds (20), without the 30 rows that are held "
    "out; the rarest has 13."
)


def rows(n: int, *, seed: int) -> list[tuple[str, list[str]]]:
    """Texts that say which labels they have."""
    members = np.random.RandomState(seed).rand(n, len(WORDS)) < [0.4, 0.3, 0.2, 0.1]
    sets = [[word for word, has in zip(WORDS, row, strict=True) if has] for row in members]
    return [(f"it is {' and '.join(own) or 'nothing'} number{row}", own) for row, own in enumerate(sets)]


def written(path: Path, table: list[tuple[str, list[str]]], separator: str = ",") -> Path:
    path.write_text("".join(f"{text}\t{separator.join(own)}\n" for text, own in table), "utf-8")
    return path


def with_mistakes(table: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """Every fifth row lacks its first label, every seventh is a dog."""
    return [
        (text, [*own[row % 5 == 0 :], *(["dog"] if row % 7 == 0 and "dog" not in own else [])])
        for row, (text, own) in enumerate(table)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train.tsv`; `test.tsv`, with mistakes, a training row and a repeated row; `one.tsv`, with one label per text."""
    place = tmp_path_factory.mktemp("several")
    learned = rows(120, seed=0)
    tested = with_mistakes(rows(40, seed=1))
    written(place / "train.tsv", learned)
    written(place / "test.tsv", [*tested, learned[0], tested[3]])
    written(place / "one.tsv", [("it is red", ["red"]), ("it is a dog", ["dog"])] * 3)
    return place


@pytest.fixture(scope="module")
def trained(folder: Path, home: Path) -> tuple[Path, dict[str, Any]]:
    """The saved classifier, and what `train --json` printed."""
    out, printed = folder / "model", io.StringIO()
    asked = ["train", folder / "train.tsv", "--test", folder / "test.tsv", *READING, *QUICK, "--out", out, "--json"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", printed)
        assert run([str(word) for word in asked]) == 0
    return out, json.loads(printed.getvalue())


VOLATILE = {"frostline", "machine", "seconds", "weights_sha256", "fingerprint", "n_read", "out", "report", "model"}
POINTS = {"roc", "precision_recall"}  # which rows are level hangs on the last bit, which is not every BLAS's


def steady(value: Any) -> Any:
    """`value` without what differs between machines, its shares to three digits."""
    if isinstance(value, dict):
        return {key: steady(item) for key, item in value.items() if key not in VOLATILE | POINTS}
    if isinstance(value, list):
        return [steady(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"^The classifier \S+ gives", "The classifier MODEL gives", value)
    return round(value, 3) if isinstance(value, float) else value


def plain(text: str, folder: Path) -> str:
    """`text` without the blanks that fill its lines, the seconds, and the folder's name."""
    told = re.sub(r"\d+\.\d s: .*\Z", "TIMES\n", text.replace(str(folder), "FOLDER"), flags=re.DOTALL)
    told = "\n".join(line.rstrip() for line in told.split("\n"))
    return re.sub(r"\(\d+ sentences? read now\)", "(READ)", told)


def golden(name: str, found: str) -> None:
    """`found` is what the file of that name holds."""
    if os.environ.get("FROSTLINE_WRITE_GOLDENS"):
        (GOLDEN / name).write_text(found, "utf-8")
        pytest.fail(f"{name} was written, not compared.")
    assert found == (GOLDEN / name).read_text("utf-8")


def test_train_prints_this_json(trained: tuple[Path, dict[str, Any]]) -> None:
    """Every key in its order, every count and every figure."""
    out, document = trained
    golden("several_train.json", json.dumps(steady(document), indent=1, ensure_ascii=False) + "\n")
    assert document["out"] == str(out)
    seconds = document["seconds"]
    assert 0 <= seconds["read"] + seconds["search"] + seconds["evaluate"] <= seconds["total"] < 60


def test_train_prints_this_for_a_person(frostline: Command, folder: Path, tmp_path: Path) -> None:
    """The report on standard output; on standard error what to do next, which depends on whether it was saved."""
    asked = ["train", folder / "train.tsv", "--test", folder / "test.tsv", *READING, *QUICK]
    found = frostline(*asked)
    assert found.code == 0
    golden("several_train.txt", plain(found.out, folder))
    assert found.err == "  Not saved. Add --out model to keep this classifier.\n"
    out = tmp_path / "m"
    saved = frostline(*asked, "--out", out, "--no-examples")
    assert saved.err == (
        f'  Saved. Use it: frostline predict {out} "some words"\n  The page with pictures: {out}/report.html\n'
    )
    page = (out / "report.html").read_text("utf-8")
    assert "number" not in re.sub(r"(?i)number(s| )", "", page)  # no text is quoted


def test_evaluate_prints_this_json(frostline: Command, folder: Path, trained: tuple[Path, dict[str, Any]]) -> None:
    """Every key in its order, every count and every figure; the times add up."""
    model, told = trained
    document = frostline("evaluate", model, folder / "test.tsv", *READING, "--json").document
    golden("several_evaluate.json", json.dumps(steady(document), indent=1, ensure_ascii=False) + "\n")
    assert (document["model"], document["report"]) == (str(model), None)
    assert document["test"]["n"] == told["test"]["n"] == 37
    seconds = document["seconds"]
    assert seconds["search"] == 0
    assert 0 < seconds["read"] + seconds["evaluate"] <= seconds["total"] < 60


def test_evaluate_prints_this_for_a_person(
    frostline: Command, folder: Path, tmp_path: Path, trained: tuple[Path, dict[str, Any]]
) -> None:
    """With a page, where it is."""
    model, page = trained[0], tmp_path / "p.html"
    found = frostline("evaluate", model, folder / "test.tsv", *READING, "--report", page)
    golden("several_evaluate.txt", plain(found.out, folder))
    assert "".join(found.err.split()) == f"Thepagewithpictures:{page}"
    quoted = page.read_text("utf-8")
    document = frostline(
        "evaluate", model, folder / "test.tsv", *READING, "--report", page, "--overwrite", "--no-examples", "--json"
    ).document
    assert document["report"] == str(page)
    mistaken = with_mistakes(rows(40, seed=1))[0][0]
    assert mistaken in quoted
    assert mistaken not in page.read_text("utf-8")


def test_evaluate_counts_the_mistakes_that_were_made(
    frostline: Command, folder: Path, trained: tuple[Path, dict[str, Any]]
) -> None:
    """By hand: a label that was taken away is a false answer, a dog that was added is one not found."""
    document = frostline("evaluate", trained[0], folder / "test.tsv", *READING, "--json").document
    clean, wrong = rows(40, seed=1), with_mistakes(rows(40, seed=1))
    given = [set(own) for _, own in [*clean, rows(120, seed=0)[0], clean[3]]]
    there = [set(own) for _, own in [*wrong, rows(120, seed=0)[0], wrong[3]]]
    hits = sum(len(one & other) for one, other in zip(given, there, strict=True))
    n_given, n_there = sum(map(len, given)), sum(map(len, there))
    assert (document["test"]["n"], document["test"]["n_leaks"]) == (37, 5)  # the others were learned from
    test = document["test"]["with_leaks"]
    assert (test["n"], test["n_given"], test["n_true"]) == (42, n_given, n_there)
    assert test["micro_f1"]["value"] == pytest.approx(2 * hits / (n_given + n_there))
    assert test["subset_accuracy"]["value"] == pytest.approx(
        sum(one == other for one, other in zip(given, there, strict=True)) / 42
    )
    assert test["hamming_loss"]["value"] == pytest.approx(
        sum(len(one ^ other) for one, other in zip(given, there, strict=True)) / (42 * 4)
    )
    for label in test["per_label"]:
        name = label["label"]
        n_hits = sum(name in one and name in other for one, other in zip(given, there, strict=True))
        assert label["support"] == sum(name in other for other in there)
        assert label["recall"]["value"] == pytest.approx(n_hits / label["support"])
        assert label["precision"]["value"] == pytest.approx(n_hits / sum(name in one for one in given))


def test_an_answer_is_labels_tab_probabilities(frostline: Command, trained: tuple[Path, dict[str, Any]]) -> None:
    """The surest label first; both joined by the separator asked for, or a comma and a blank; none is an empty cell."""
    texts = ("it is red and blue number7", "it is blue and green number7", "it is nothing")
    found = frostline("predict", trained[0], *texts)
    lines = [line.split("\t") for line in found.out.removesuffix("\n").split("\n")]
    assert [set(filter(None, labels.split(", "))) for labels, _ in lines] == [{"red", "blue"}, {"blue", "green"}, set()]
    assert found.out.endswith("\n\t\n")
    as_json = [json.loads(line) for line in frostline("predict", trained[0], *texts, "--json").out.splitlines()]
    for (labels, shares), answer, text in zip(lines, as_json, texts, strict=True):
        assert list(answer) == ["text", "labels", "probabilities"]
        assert answer["text"] == text
        assert list(answer["probabilities"]) == ["blue", "dog", "green", "red"]
        assert ", ".join(answer["labels"]) == labels
        given = [answer["probabilities"][label] for label in answer["labels"]]
        assert given == sorted(given, reverse=True)
        assert ", ".join(f"{share:.4f}" for share in given) == shares
    parted = frostline("predict", trained[0], texts[0], "--labels-separator", ";")
    assert parted.out == found.out.split("\n", maxsplit=1)[0].replace(", ", ";") + "\n"


@pytest.mark.parametrize(("suffix", "mark"), [(".tsv", "\t"), (".csv", ",")])
def test_answers_in_a_table_are_joined_by_the_separator(
    frostline: Command, folder: Path, tmp_path: Path, trained: tuple[Path, dict[str, Any]], *, suffix: str, mark: str
) -> None:
    """One row a text, a probability of each label; read again by the same separator they are what was answered."""
    out = tmp_path / f"answers{suffix}"
    found = frostline(
        "predict",
        trained[0],
        folder / "train.tsv",
        "--out",
        out,
        "--text",
        "1",
        *READING[2:],
        "--labels-separator",
        ";",
    )
    assert (found.code, found.out) == (0, "")
    assert found.err.startswith("120 texts labelled in ")
    lines = out.read_text("utf-8").splitlines()
    assert lines[0] == mark.join(["column 1", "column 2", "labels", "p(blue)", "p(dog)", "p(green)", "p(red)"])
    assert len(lines) == 121
    again = frostline("evaluate", trained[0], out, "--labels-separator", ";", "--json", "--label", "labels").document
    assert again["test"]["subset_accuracy"]["value"] == 1


def test_answers_in_json_and_parquet_are_lists(
    frostline: Command, tmp_path: Path, trained: tuple[Path, dict[str, Any]]
) -> None:
    """The same fields in both."""
    lines, table = tmp_path / "a.jsonl", tmp_path / "a.parquet"
    for out in (lines, table):
        frostline("predict", trained[0], "it is red", "it is nothing", "--out", out)
    found = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    assert [(one["text"], one["labels"]) for one in found] == [("it is red", ["red"]), ("it is nothing", [])]
    kept = pq.read_table(table)
    assert kept.column_names == ["text", "labels", "p(blue)", "p(dog)", "p(green)", "p(red)"]
    assert kept.column("labels").to_pylist() == [["red"], []]
    assert kept.column("p(red)")[0].as_py() == pytest.approx(found[0]["probabilities"]["red"], abs=1e-6)


def test_cut_texts_are_counted_once(frostline: Command, trained: tuple[Path, dict[str, Any]]) -> None:
    """As for one label; one text, or two."""
    long = "it is so very red " * 400
    assert frostline("predict", trained[0], long).err == "1 text was cut: the encoder sees 512 word pieces.\n"
    assert frostline("predict", trained[0], long, "it is nothing", f"{long} dog").err == (
        "2 texts were cut: the encoder sees 512 word pieces.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence", "hint"),
    [
        (
            ["evaluate", "MODEL", "one.tsv"],
            65,
            "FOLDER/one.tsv: texts must have sets of labels, as those learned from have (each has one label).",
            "Pass --labels-separator, or --labels, as for the training.",
        ),
        (
            ["train", "train.tsv", "--test", "lists.jsonl", *READING, *QUICK, "--text", "1", "--label", "3"],
            65,
            "FOLDER/train.tsv: there is no column 3. Its columns: 1 (e.g. 'it is nothing number0'), 2 (e.g. '').",
            "Pass --text NUMBER --label NUMBER.",
        ),
        (
            ["train", "one.tsv", "--test", "lists.jsonl", *QUICK],
            65,
            "FOLDER/lists.jsonl: this classifier gives each text one label, and here texts have sets of labels.",
            "Leave --labels-separator and --labels out, or choose another label column with --label.",
        ),
        (
            ["train", "lists.jsonl", "--test", "one.tsv", *QUICK],
            65,
            "FOLDER/one.tsv: texts must have sets of labels, as those learned from have (each has one label).",
            "Pass --labels-separator, or --labels, as for the training.",
        ),
        (
            ["train", "unlabelled.jsonl", *QUICK],
            65,
            "FOLDER/unlabelled.jsonl: no row has a label (3 rows).",
            "Check --label.",
        ),
        (
            ["train", "alone.jsonl", *QUICK],
            65,
            "FOLDER/alone.jsonl: there must be two labels or more (all that occurs is 'red').",
            "Check --labels or --labels-separator: one label alone is learned from a column of 0 and 1 (--label).",
        ),
        (
            ["train", "train.tsv", *READING, "--folds", "20", "--strict", *QUICK],
            65,
            FEW_LEFT,
            "Add rows, ask for fewer folds, hold out fewer (--holdout), or name a test file (--test).",
        ),
        (
            ["evaluate", "MODEL", "cats.tsv", *READING],
            65,
            "FOLDER/cats.tsv:2: the label must be one of 'blue', 'dog', 'green', 'red' (got 'cat').",
            "No training row has this label. Correct the row, or train with examples of it. Or pass --max-bad-rows 1.",
        ),
        (
            ["tutorial", "lists.jsonl"],
            65,
            "FOLDER/lists.jsonl: here a text has one label (the column 'labels' holds lists).",
            "Several labels per text: every verb but tutorial knows them.",
        ),
        (
            ["train", "train.tsv", "--labels-separator", ""],
            2,
            "The labels' separator must not be empty, nor hold a line break (got '').",
            None,
        ),
        (
            [
                "predict",
                "MODEL",
                "train.tsv",
                "--out",
                "x.tsv",
                "--labels-separator",
                "e",
                "--text",
                "1",
                "--no-header",
            ],
            2,
            "The separator 'e' must not occur in a label (it does in 'blue').",
            "Pass another one with --labels-separator, or write .jsonl or .parquet.",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_refusal_is_this_sentence(
    frostline: Command,
    folder: Path,
    trained: tuple[Path, dict[str, Any]],
    *,
    arguments: list[str],
    code: int,
    sentence: str,
    hint: str | None,
) -> None:
    """And what to do about it is another; nothing is printed, nothing written."""
    lists = [{"text": f"it is {word}", "labels": [word]} for word in ("red", "dog", "red", "dog", "red", "dog")]
    (folder / "lists.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lists), "utf-8")
    (folder / "unlabelled.jsonl").write_text('{"text": "a", "labels": []}\n' * 3, "utf-8")
    (folder / "alone.jsonl").write_text('{"text": "a", "labels": []}\n{"text": "b", "labels": ["red"]}\n' * 3, "utf-8")
    written(folder / "cats.tsv", [("it is red", ["red"]), ("it is a cat", ["red", "cat"])])
    before = sorted(folder.iterdir())
    files = {word: folder / word for word in arguments if word.endswith((".tsv", ".jsonl"))}
    found = frostline(*({"MODEL": trained[0], **files}.get(word, word) for word in arguments))
    assert (found.code, found.out) == (code, "")
    expected = f"error: {sentence}\n" + (f"       {hint}\n" if hint else "")
    said, _, line = found.err.replace(str(folder), "FOLDER").partition("       For example: ")
    assert said == expected
    assert not line or "--max-bad-rows 1" in expected
    assert sorted(folder.iterdir()) == before
