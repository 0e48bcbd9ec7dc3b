"""Lists of labels written into cells, as Python and JSON write them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from frostline.data.cells import written_list
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset, read_labelled
from frostline.errors import InputError


def written(tmp_path: Path, cells: list[str]) -> Path:
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabels\n" + "".join(f"text {n}\t{cell}\n" for n, cell in enumerate(cells)), "utf-8")
    return path


def test_lists_are_several_labels(tmp_path: Path) -> None:
    data = read_labelled(written(tmp_path, ["['a', 'b']", '["b"]', "[]", "", "['it\\'s', 'a']"]))
    assert data.names == [("a", "b"), ("b",), (), (), ("a", "it's")]
    with pytest.raises(InputError, match="here a text has one label"):
        read_dataset(written(tmp_path, ["['a', 'b']", "['a']"]))


def test_a_later_cell_that_is_no_list_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, [*["['a']", "['b']"] * 100, "a"])
    told = r"line 202: the labels must be a list written out, as in the rows before it \(got 'a'\)"
    with pytest.raises(InputError, match=told):
        read_labelled(path)


@pytest.mark.parametrize("cells", [["[1]", "[2]"], ["['a']", "b"], ["[a]", "[b]"]])
def test_other_cells_in_brackets_are_labels_as_they_are(tmp_path: Path, cells: list[str]) -> None:
    assert read_labelled(written(tmp_path, cells * 2)).labels == cells * 2


def test_a_separator_comes_first(tmp_path: Path) -> None:
    data = read_labelled(written(tmp_path, ["['a']", "['b'];c"]), TableOptions(labels_separator=";"))
    assert data.names == [("['a']",), ("['b']", "c")]


@pytest.mark.parametrize(
    ("cell", "items"),
    [
        (" [ 'a' ,\"b\", 3 ] ", ["a", "b", "3"]),
        ("[]", []),
        ('["\\u00e9"]', ["\u00e9"]),
        ("['a',]", None),
        ("['a' 'b']", ["a", "b"]),
        ("['a'\n 'b' 3]", ["a", "b", "3"]),
        ("('a', 'b')", ["a", "b"]),
        ("('a',)", ["a"]),
        ("{'b', 'a'}", ["b", "a"]),
        ("()", []),
        ("{}", None),
        ("{'a': 1}", None),
        ("('a', 'b']", None),
        ("['a', 'b' 'c']", None),
        ("['a''b']", None),
        ("[1,]", None),
        ("['a'", None),
        ("[['a']]", None),
        ("[__import__('os')]", None),
        ("['\\N{no such}']", None),
        ("[01]", None),
        ("['a\nb']", None),
    ],
)
def test_what_a_written_list_is(cell: str, items: list[str] | None) -> None:
    assert written_list(cell) == items


ROWS = [{"text": f"text {n}", "tags": cell} for n, cell in enumerate(["['a', 'b']", '["b"]', "[]", "", "['a']"])]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "parquet", "feather"])
def test_lists_written_into_strings_are_several_labels_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix.startswith("json"):
        path.write_text(json.dumps(ROWS) if suffix == "json" else "\n".join(map(json.dumps, ROWS)), "utf-8")
    else:
        table = pa.Table.from_pylist(ROWS)
        pq.write_table(table, path) if suffix == "parquet" else feather.write_feather(table, path)
    assert read_labelled(path, TableOptions(label="tags")).names == [("a", "b"), ("b",), (), (), ("a",)]
    parted = TableOptions(label="tags", labels_separator=", ")
    assert read_labelled(path, parted).names[0] == ("'b']", "['a'")


def test_a_later_string_that_is_no_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [ROWS[0]] * 200 + [{"text": "x", "tags": "a"}, {"text": "y", "tags": ["it, as a list"]}]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    found = read_labelled(path, TableOptions(label="tags", max_bad_rows=1))
    assert found.rejects[0].reason == "the labels must be a list written out, as in the rows before it (got 'a')"
    assert found.names[-1] == ("it, as a list",)


def test_a_label_that_is_no_list_keeps_its_brackets(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x", "label": "[a]"}\n{"text": "y", "label": "[\'b\']"}\n', "utf-8")
    assert read_labelled(path).labels == ["[a]", "['b']"]
