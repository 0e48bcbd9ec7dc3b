"""What of a table is taken for what: columns that are joined, a model's as the first guess, and what is not used."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frostline.data.checks import in_a_line
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions, column_choice
from frostline.data.tables import read_labelled, stream_texts
from frostline.errors import InputError

if TYPE_CHECKING:
    from frostline.data.columns import Taken

NAMES = ("id", "subject", "body", "team")
ROWS = [(f"m{row}", "" if row % 3 == 0 else f"subject {row}", f"the body of {row}", "ab"[row % 2]) for row in range(30)]
FORMATS = ("tsv", "csv", "jsonl", "parquet")


def written(folder: Path, suffix: str, names: tuple[str, ...] = NAMES) -> Path:
    path = folder / f"mails.{suffix}"
    if suffix == "parquet":
        columns = {name: [row[place] or None for row in ROWS] for place, name in enumerate(names)}
        pq.write_table(pa.table(columns), path)
    elif suffix == "jsonl":
        lines = [{name: cell for name, cell in zip(names, row, strict=True) if cell} for row in ROWS]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    else:
        parting = "\t" if suffix == "tsv" else ","
        path.write_text("".join(parting.join(row) + "\n" for row in (names, *ROWS)), "utf-8")
    return path


def read(path: Path, *, text: str | None = None, label: str | None = "team", **more: str) -> Dataset:
    return read_labelled(
        path,
        TableOptions(text=None if text is None else column_choice(text), label=label, **more),  # type: ignore[arg-type]
    )


# --- joined


@pytest.mark.parametrize("suffix", FORMATS)
def test_text_columns_are_joined_line_by_line_and_blank_cells_skipped(tmp_path: Path, suffix: str) -> None:
    """In the order in which they are named; in JSON Lines and Parquet a missing or empty value is a blank cell."""
    found = read(written(tmp_path, suffix), text="subject, body")
    assert found.texts[:2] == ["the body of 0", "subject 1\nthe body of 1"]
    assert found.source.text_column == "subject,body"
    assert found.source.other_columns == ("id",)
    turned = read(written(tmp_path, suffix), text="body,subject")
    assert turned.texts[1] == "the body of 1\nsubject 1"


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_columns_to_join_may_be_numbers_also_where_there_is_no_header(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix)
    assert read(path, text="2,3").texts[1] == "subject 1\nthe body of 1"
    without = tmp_path / f"without.{suffix}"
    without.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    found = read_labelled(without, TableOptions(text=column_choice("2,3"), label=4))
    assert found.texts[1] == "subject 1\nthe body of 1"
    assert (found.source.text_column, found.source.label_column) == ("column 2,column 3", "column 4")
    assert found.source.other_columns == ("column 1",)


@pytest.mark.parametrize("suffix", ["tsv", "jsonl", "parquet"])
def test_a_column_whose_own_name_holds_a_comma_is_that_column(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix, ("id", "subject", "subject,body", "team"))
    found = read(path, text="subject,body")
    assert found.texts[1] == "the body of 1"
    assert found.source.other_columns == ("id", "subject")


def test_a_joined_text_without_a_letter_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "mails.tsv"
    path.write_text("a\tb\tlabel\none\ttwo\tx\n \t\ty\n", "utf-8")
    with pytest.raises(InputError, match="line 3: the text is empty"):
        read(path, text="a,b", label="label")


def test_what_is_no_string_cannot_be_joined(tmp_path: Path) -> None:
    path = tmp_path / "mails.jsonl"
    path.write_text('{"a": "one", "b": "two", "label": "x"}\n{"a": "one", "b": 2, "label": "y"}\n', "utf-8")
    with pytest.raises(InputError, match=r"line 2: the text must be a string \(got 2\)"):
        read(path, text="a,b", label="label")


def test_a_part_that_is_no_column_and_one_that_is_the_label_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, "tsv")
    with pytest.raises(InputError, match=r"there is no text column 'bdy'\. Did you mean 'body'\?"):
        read(path, text="subject,bdy")
    with pytest.raises(InputError, match=r"the text and the label cannot be one column \('team'\)"):
        read(path, text="body,team")


def test_sets_of_labels_stand_beside_joined_columns_too(tmp_path: Path) -> None:
    path = tmp_path / "mails.jsonl"
    lines = [{"a": f"one {row}", "b": f"two {row}", "about": ["x", "y"][: row % 3]} for row in range(9)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    found = read(path, text="a,b", label=None)
    assert found.texts[0] == "one 0\ntwo 0"
    assert found.source.label_column == "about"
    assert found.targets.kind == "several labels"


# --- a saved model's columns


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("text", ["mail_body", "subject,mail_body"])
def test_the_columns_that_a_model_learned_from_are_the_first_guess(tmp_path: Path, suffix: str, text: str) -> None:
    """None of the names is one that would be guessed otherwise."""
    names = ("id", "subject", "mail_body", "team")
    path = written(tmp_path, suffix, names)
    with pytest.raises(InputError, match="is not clear"):
        read_labelled(path)
    options = TableOptions().guessing(text, "team")
    found = read_labelled(path, options)
    assert (found.source.text_column, found.source.label_column, found.source.remark) == (text, "team", "")
    told: list[Taken] = []
    texts = [row.text for row in stream_texts(path, options, on_columns=told.append)]
    assert texts == list(found.texts)
    assert [(taken.text, taken.label, taken.remark) for taken in told] == [(text, "", "")]
    assert sorted(told[0].others) == sorted({*names} - {*text.split(",")})


def test_what_is_named_wins_over_the_guess(tmp_path: Path) -> None:
    path = written(tmp_path, "tsv")
    options = TableOptions(text="subject", label="id", on_empty_text="keep").guessing("body", "team")
    found = read_labelled(path, options)
    assert (found.source.text_column, found.source.label_column) == ("subject", "id")
    only_text = read_labelled(path, TableOptions(text="subject", on_empty_text="keep").guessing("body", "team"))
    assert (only_text.source.text_column, only_text.source.label_column) == ("subject", "team")
    turned = tmp_path / "turned.tsv"
    turned.write_text("body\tteam\n" + "".join(f"{'ab'[row % 2]}\ttext number {row}\n" for row in range(30)), "utf-8")
    for options in (TableOptions(label="body"), TableOptions(text="team")):
        source = read_labelled(turned, options.guessing("body", "team")).source
        assert (source.text_column, source.label_column, source.remark) == ("team", "body", "")


def test_a_guess_that_fails_is_passed_over_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mails.tsv"
    path.write_text(
        "".join(f"{text}\t{label}\n" for text, label in [("text", "label"), *([("a b", "x")] * 9)]), "utf-8"
    )
    found = read_labelled(path, TableOptions().guessing("subject,body", "team"))
    assert found.source.remark == (
        f"{path}: the columns that the model learned from are not there ('subject,body', 'team'): texts are 'text', "
        "labels are 'label'."
    )
    found = read_labelled(path, TableOptions().guessing("subject", "label"))
    assert found.source.remark == (
        f"{path}: the column that the model learned from is not there ('subject'): texts are 'text', labels are "
        "'label'."
    )
    assert read_labelled(path, TableOptions().guessing("column 1", "column 2")).source.remark == ""


def test_the_numbers_of_a_file_without_a_header_are_a_guess_for_another_of_three_columns(tmp_path: Path) -> None:
    three, two = tmp_path / "three.tsv", tmp_path / "two.tsv"
    three.write_text("".join(f"m{row}\ttext number {row}\t{'ab'[row % 2]}\n" for row in range(30)), "utf-8")
    two.write_text("".join(f"{'ab'[row % 2]}\ttext number {row}\n" for row in range(30)), "utf-8")
    options = TableOptions().guessing("column 2", "column 3")
    assert read_labelled(three, options).texts[0] == "text number 0"
    turned = TableOptions().guessing("column 1", "column 2")
    assert read_labelled(two, turned).texts[0] == "text number 0"  # what they hold says more


def test_a_guessed_name_in_the_first_row_says_that_there_is_a_header(tmp_path: Path) -> None:
    path = tmp_path / "mails.tsv"
    path.write_text("body\tteam\n" + "".join(f"text number {row}\tonly\n" for row in range(30)), "utf-8")
    assert len(read_labelled(path, TableOptions().guessing("body", "team"))) == 30


# --- lists of lines


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (1, "1"),
        (18, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 and 3 more"),
        (2000, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 and 1,985 more"),
    ],
)
def test_a_list_of_lines_has_room_on_one(n: int, said: str) -> None:
    assert in_a_line(range(1, n + 1)) == said


def test_the_first_of_a_list_is_always_named() -> None:
    assert in_a_line(["a" * 80, "b"], room=20) == "a" * 80 + " and 1 more"
    assert in_a_line(["1, 2", "3, 4"], joint="; ") == "1, 2; 3, 4"
