"""What stands above the header of a sheet, and headers that do not look like any."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from frostline.data.checks import require_learnable, without_lone
from frostline.data.columns import Taken
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled, stream_texts
from frostline.errors import InputError

ROWS = [[f"the soup was very good {n}", "good"] if n % 2 else [f"the room was very cold {n}", "bad"] for n in range(12)]
NUMBERED = [[str(n), *row] for n, row in enumerate(ROWS)]
TITLE = "Feedback of May, the north"


def written(path: Path, rows: list[list[str]]) -> Path:
    """As a sheet, or with the cells parted as the name says; a title has one cell, unless padded."""
    if path.suffix == ".xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([cell or None for cell in row])
        book.save(path)
        return path
    mark = {".tsv": "\t", ".csv": ","}.get(path.suffix, ";")
    lines = [mark.join(f'"{cell}"' if mark in cell else cell for cell in row) for row in rows]
    found = path.with_suffix(".tsv" if mark == "\t" else ".csv")
    found.write_text("\n".join(lines) + "\n", "utf-8")
    return found


def refused(path: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_labelled(path, TableOptions(**options))
    return caught.value


@pytest.mark.parametrize("name", ["t.xlsx", "t.csv", "t.tsv", "t.semicolons"])
@pytest.mark.parametrize(
    ("above", "said"),
    [
        ([[TITLE]], f"line 1 ({TITLE!r}) stands above the names of the columns and is no row."),
        (
            [[TITLE], [""], ["by me"], [""]],
            f"lines 1 to 3 ({TITLE!r}) stand above the names of the columns and are no rows.",
        ),
        ([[TITLE, ""]], f"line 1 ({TITLE!r}) stands above the names of the columns and is no row."),
    ],
    ids=["a title", "more", "padded"],
)
def test_what_stands_above_the_header_is_no_row(tmp_path: Path, name: str, above: list[list[str]], said: str) -> None:
    path = written(tmp_path / name, [*above, ["text", "label"], *ROWS])
    data = read_labelled(path)
    assert (data.texts, set(data.labels)) == ([row[0] for row in ROWS], {"good", "bad"})
    assert (data.source.remark, data.lines[0]) == (f"{path}: {said}", len(above) + 2)
    told: list[Taken] = []
    assert len(list(stream_texts(path, on_columns=told.append))) == len(ROWS)
    assert told[0].remark == data.source.remark


@pytest.mark.parametrize("name", ["t.xlsx", "t.csv", "t.semicolons"])
@pytest.mark.parametrize(
    "title", [["Feedback"], ["Feedback", "", ""], ["Report:", "May", ""]], ids=["bare", "padded", "two"]
)
def test_columns_are_found_by_name_below_a_title(tmp_path: Path, name: str, title: list[str]) -> None:
    path = written(tmp_path / name, [title, ["nr", "what they said", "verdict"], *NUMBERED])
    data = read_labelled(path, TableOptions(text="what they said", label="verdict"))
    assert (data.texts, set(data.labels), data.lines[0]) == ([row[0] for row in ROWS], {"good", "bad"}, 3)
    if len(title) == 1:  # or by number: the column of numbers shows where the header is
        assert read_labelled(path, TableOptions(text=2, label=3)).texts == data.texts
    assert (
        "there is no label column 'grade'. Its columns: 1 = 'nr'"
        in refused(path, text="what they said", label="grade").message
    )


def test_a_row_of_data_is_never_taken_for_the_header_below_a_title(tmp_path: Path) -> None:
    """Whoever asks for a label by its name in place of its column's is told of the columns."""
    path = written(tmp_path / "t.csv", [["text", "label"], *ROWS])
    assert "there is no label column 'good'" in refused(path, label="good").message
    unlabelled = written(tmp_path / "u.csv", [["no label here", ""], ["text and more", "x"], *ROWS])
    assert "line 1: the label is empty" in refused(unlabelled).message
    first = written(tmp_path / "v.csv", [["text", ""], ["a review", "review"], *ROWS])
    assert len(list(stream_texts(first))) == len(ROWS) + 1


def test_a_title_above_rows_without_a_header_is_a_row_with_too_few_cells(tmp_path: Path) -> None:
    """Followed, what is advised gives the rows, and no class out of a header."""
    path = written(tmp_path / "t.csv", [["Feedback"], *ROWS])
    error = refused(path)
    assert "line 1: must have 2 cells (it has 1)" in error.message
    assert error.hint == "Correct them, or pass --max-bad-rows 1 to leave them out."
    assert read_labelled(path, TableOptions(max_bad_rows=1)).texts == [row[0] for row in ROWS]
    unsure = written(tmp_path / "u.csv", [["Feedback"], ["Bemerkung", "Urteil"], *ROWS])
    error = refused(unsure, max_bad_rows=1)
    assert error.message.endswith(
        "above the row ('Bemerkung', 'Urteil') there is a title ('Feedback'); whether that row names the columns is "
        "not clear."
    )
    assert error.hint == "Pass --header, or --no-header."
    assert read_labelled(unsure, TableOptions(header=True)).texts == [row[0] for row in ROWS]
    assert len(read_labelled(unsure, TableOptions(header=False, max_bad_rows=1)).texts) == len(ROWS) + 1


def test_the_advised_number_counts_the_rows_that_are_left_out_already(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", [["text", "label"], ["ragged"], ["alone", "x"], *ROWS])
    data = without_lone(read_labelled(path, TableOptions(max_bad_rows=1)), allowed=1)
    with pytest.raises(InputError) as caught:
        require_learnable(data, 3)
    assert caught.value.hint == "Add rows, or leave it out with --max-bad-rows 2."
    assert require_learnable(without_lone(data, allowed=2), 3).n_folds == 3


def test_a_header_that_comes_again_is_no_row(tmp_path: Path) -> None:
    """As in files that were put together; it was data, and so was the first one."""
    header = ["text", "label"]
    path = written(tmp_path / "t.csv", [header, *ROWS, header, *ROWS])
    assert "line 14: repeats the names of the columns" in refused(path).message
    assert len(read_labelled(path, TableOptions(max_bad_rows=1))) == 2 * len(ROWS)
    assert len(read_labelled(path, TableOptions(max_bad_rows=1, text="text"))) == 2 * len(ROWS)
    lines = written(tmp_path / "u.csv", [["text"], ["good"], ["text"]])
    assert len(list(stream_texts(lines))) == 3  # of one column it may be a text


TEXTS = [f"the {what} was really very cold" for what in ("soup", "room", "tea", "sea", "day")]


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ([["User id", "Customer comment"], *([f"u{n}", text] for n, text in enumerate(TEXTS))], TableOptions(text=2)),
        ([["Customer comment"], *([text] for text in TEXTS)], TableOptions()),
    ],
)
def test_a_name_of_several_words_is_asked_about(tmp_path: Path, rows: list[list[str]], options: TableOptions) -> None:
    path = written(tmp_path / "t.csv", rows)
    with pytest.raises(InputError, match="its text reads like a name, those below are longer") as caught:
        list(stream_texts(path, options))
    assert caught.value.hint == "Pass --header or --no-header."
    assert [row.text for row in stream_texts(path, replace(options, header=True))] == TEXTS
    assert len(list(stream_texts(path, replace(options, header=False)))) == len(TEXTS) + 1
    for learned in ("Customer comment", "customer_comment", "User id,Customer Comment"):  # a model knows its columns
        knowing = replace(options, guessed_text=learned.split(",")[-1])
        assert [row.text for row in stream_texts(path, knowing)] == TEXTS


@pytest.mark.parametrize(
    ("rows", "options", "first"),
    [
        ([["What did you like?"], *([text] for text in TEXTS)], TableOptions(), "What did you like?"),
        ([["v1", "v2"], ["ham", TEXTS[0]]], TableOptions(text=2), "v2"),
        ([["a b", "no more"], *([f"u{n}", text] for n, text in enumerate(TEXTS))], TableOptions(text=2), "no more"),
    ],
)
def test_a_first_row_that_may_be_a_header_is_told(
    tmp_path: Path, rows: list[list[str]], options: TableOptions, first: str
) -> None:
    path, told = written(tmp_path / "t.csv", rows), list[Taken]()
    assert next(stream_texts(path, options, on_columns=told.append)).text == first
    said = f"{path}: the first row ({first!r}) is read as a text (--header, if it names the columns)."
    assert told[0].remark == said
    for has_header in (True, False):
        list(stream_texts(path, replace(options, header=has_header), on_columns=told.append))
        assert not told[-1].remark


@pytest.mark.parametrize(
    "rows",
    [[["the first text is as long"], *([text] for text in TEXTS)], [["is it?"], ["was it?"], ["no more"]]],
)
def test_of_a_first_text_like_the_others_nothing_is_said(tmp_path: Path, rows: list[list[str]]) -> None:
    told: list[Taken] = []
    assert len(list(stream_texts(written(tmp_path / "t.csv", rows), on_columns=told.append))) == len(rows)
    assert not told[0].remark


def test_names_of_several_words_for_text_and_label_are_a_header(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", [["Customer comment", "Overall sentiment"], *ROWS])
    assert read_labelled(path).texts == [row[0] for row in ROWS]
    first = written(tmp_path / "u.csv", [["my comment", "sentiment 1"], *ROWS, ["more of it", "sentiment 1"]])
    assert len(read_labelled(first)) == len(ROWS) + 2
