"""What to do about a file that cannot be taken: it is something that helps with this very file."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather

from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset, read_labelled
from frostline.errors import InputError


def hint_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_dataset(path)
    return str(caught.value.hint)


def test_quotes_around_all_cells_are_named_not_the_delimiter(tmp_path: Path) -> None:
    """Rows of another width than the header's, since a cell holds a line break."""
    path = tmp_path / "a.tsv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows([["text", "label"], *([f"one\ntwo {row}", "ab"[row % 2]] for row in range(20))])
    assert "--quoted" in hint_of(path)
    assert "--delimiter" not in hint_of(path)


def test_labels_at_the_end_of_a_line_are_read_as_fasttext_does(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"some words {row} __label__{'ab'[row % 2]}\n" for row in range(20)))
    assert hint_of(path).endswith("with its labels (__label__…) anywhere in them: --format fasttext.")
    read = read_labelled(path, TableOptions(format="fasttext"))
    assert (read.texts[1], read.labels[:2]) == ("some words 1", ["a", "b"])


def test_fields_within_the_one_column_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    feather.write_feather(pa.table({"doc": [{"text": "x", "label": "y"}] * 20}), path)
    assert "--text OUTER.INNER" in hint_of(path) or "--text doc.text" in hint_of(path)
    assert "--delimiter" not in hint_of(path)


def test_the_one_column_of_a_sheet_is_not_parted(tmp_path: Path) -> None:
    from openpyxl import Workbook  # noqa: PLC0415

    book = Workbook()
    for row in range(20):
        book.active.append([f"words {row}"])
    book.save(tmp_path / "a.xlsx")
    assert hint_of(tmp_path / "a.xlsx").endswith("In a sheet text and label stand in two columns.")


def test_lines_of_bare_text_may_be_parted_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"words {row}|a\n" for row in range(20)))
    assert hint_of(path).endswith("If cells are parted otherwise: --delimiter.")


def test_pairs_in_a_list_are_told_to_be_objects(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([["x", "y"]] * 20))
    assert "Write each row as an object with names" in hint_of(path)


def test_a_list_two_objects_deep_is_read_beside_other_members(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    rows = [{"text": f"x {row}", "label": "ab"[row % 2]} for row in range(20)]
    path.write_text(json.dumps({"meta": {"n": 20}, "result": {"items": rows}}))
    assert len(read_dataset(path)) == 20
