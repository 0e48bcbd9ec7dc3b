"""A workbook through the verbs: which sheet was read is said in the first line, and beside `predict`."""

from pathlib import Path

import pytest

from conftest import Command

openpyxl = pytest.importorskip("openpyxl")  # the extra `frostline[xlsx]`, among what the tests need

QUICK = ("-C", "0.1", "--features", "words")


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "Reviews"
    book.active.append(["text", "label"])
    for number in range(40):
        book.active.append([f"it is {'fine' if number % 2 else 'dull'} number{number}", "pos" if number % 2 else "neg"])
    book.create_sheet("Notes").append(["what this is"])
    book.save(tmp_path / "a.xlsx")
    return tmp_path / "a.xlsx"


def test_train_and_predict_say_which_sheet_they_read(frostline: Command, workbook: Path, tmp_path: Path) -> None:
    said = f"{workbook}: the sheet 'Reviews' is read, not 'Notes' (--sheet NAME takes one of them)."
    told = frostline("train", workbook, *QUICK, "--out", tmp_path / "model")
    assert told.code == 0, told.err
    assert told.out.lstrip().startswith("Text: text · label: label · sheet: Reviews\n")
    assert said in " ".join(told.out.split()).replace(" (", " (")
    document = frostline("evaluate", tmp_path / "model", workbook, "--sheet", "Reviews", "--json").document
    assert (document["data"]["sheet"], document["warnings"]) == ("Reviews", [])
    answers = frostline("predict", tmp_path / "model", workbook)
    assert (len(answers.out.splitlines()), answers.err) == (40, f"{said}\n")
    other = frostline("predict", tmp_path / "model", workbook, "--sheet", "Nots")
    assert (other.code, "there is no sheet 'Nots'" in other.err) == (65, True)


def test_embed_says_once_which_sheet_it_read(frostline: Command, workbook: Path, tmp_path: Path) -> None:
    told = frostline("embed", workbook, "--features", "mean@-1", "--out", tmp_path / "rows.npy")
    assert told.code == 0
    assert told.err.count("the sheet 'Reviews' is read, not 'Notes'") == 1
