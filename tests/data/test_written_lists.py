"""Lists of labels written into cells, as Python and JSON write them."""

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from frostline.data.cells import is_meant_for_list, written_list
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset, read_labelled
from frostline.errors import InputError, shown


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


@pytest.mark.parametrize(
    "cells",
    [
        ["[a]", "[b]"],
        ["(1)", "(2)"],
        ["(a, (b))", "c"],
        ["[a], b", "c"],
        ["{a}", "{b}"],
        ["(nan)", "c"],
        ["set", "list(a"],
        ["['a']", *"bbcc"],
    ],
)
def test_other_cells_in_brackets_are_labels_as_they_are(tmp_path: Path, cells: list[str]) -> None:
    """As a list among five or more that are none; whatever begins as no list does."""
    cells = cells if len(cells) > 2 else cells * 2
    assert read_labelled(written(tmp_path, cells)).labels == cells


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["[1]", "[2]"], [("1",), ("2",)]),
        (["[1, 5]", "[]"], [("1", "5"), ()]),
        (["(1, 7)", "(2,)"], [("1", "7"), ("2",)]),
        (["[0 7]", "[0. 1.0]"], [("0", "7"), ("0", "1")]),
        (["set()", "{'a'}"], [(), ("a",)]),
        (["frozenset({'a', 'b'})", "frozenset()"], [("a", "b"), ()]),
        (["array(['a', 'b'], dtype=object)", "np.array(['it)'], dtype='<U3')"], [("a", "b"), ("it)",)]),
        (["[np.str_('a'), np.str_('b, 3')]", "[numpy.int64(5)]"], [("a", "b, 3"), ("5",)]),
        (["[u'a']", '[U"b"]'], [("a",), ("b",)]),
    ],
)
def test_lists_as_programs_print_them(tmp_path: Path, cells: list[str], names: list[tuple[str, ...]]) -> None:
    assert read_labelled(written(tmp_path, cells)).names == names


@pytest.mark.parametrize(
    "cell",
    [
        "['a', None]", "[nan]", "[True]", "[0.5, 1]", "[b'a']", "{'a': 1}", "[['a']]", "[[1]]", "['a' ... 'z']", "['a",
        "[a, b]", "{1: 2, 3: 4}", "array([['a']])", "set(['a'", "[[[[[[[[[[", "[('a', 1)]", "(a, b)",
    ],
)  # fmt: skip
def test_lists_of_something_else_are_no_labels(tmp_path: Path, cell: str) -> None:
    """They were classes of their own, in silence."""
    with pytest.raises(InputError) as caught:
        read_labelled(written(tmp_path, [cell, cell]))
    assert f"line 2: the list of labels must hold strings or whole numbers alone (got {shown(cell, 60)})" in str(
        caught.value
    )
    assert caught.value.hint == """Write each as ["a", "b"], or as a;b and pass --labels-separator ';'."""


def test_a_bare_cell_among_lists_is_named(tmp_path: Path) -> None:
    """It made a class of every list."""
    path = written(tmp_path, [*["['a']", "['b']"] * 3, "a", "['a']"])
    with pytest.raises(InputError, match=r"1 of 8 rows .* line 8: the labels must be a list written out.*\(got 'a'\)"):
        read_labelled(path)
    assert len(read_labelled(path, TableOptions(max_bad_rows=1))) == 7


def test_a_cell_of_a_megabyte_is_judged_at_once(tmp_path: Path) -> None:
    """No pattern goes back over what it has read."""
    began = time.process_time()
    for begin, middle, end in [
        ("[", "1, ", "x"),
        ("[", "1 ", "x"),
        ("[", ",", "x"),
        ("array(", "),", "x"),
        ("['", "\\'", "x"),
    ]:
        cell = begin + middle * 300_000 + end
        assert written_list(cell) is None
        is_meant_for_list(cell)
    assert time.process_time() - began < 20


def test_a_separator_comes_first(tmp_path: Path) -> None:
    """But for lists that it would cut."""
    data = read_labelled(written(tmp_path, ["['a']", "['b'];c"]), TableOptions(labels_separator=";"))
    assert data.names == [("['a']",), ("['b']", "c")]
    with pytest.raises(InputError) as caught:
        read_labelled(written(tmp_path, ["['a', 'x']", "['b']", ""]), TableOptions(labels_separator=","))
    assert caught.value.message.endswith(
        "a.tsv: the labels are lists written out (such as \"['a', 'x']\"), which ',' would cut into pieces."
    )
    assert caught.value.hint == "Leave --labels-separator out: they are read as lists."


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
    with pytest.raises(InputError, match="which ', ' would cut into pieces"):
        read_labelled(path, parted)
    broken = [{"text": row["text"], "tags": row["tags"].replace("]", ", None]")} for row in ROWS]
    if suffix.startswith("json"):
        path.write_text("\n".join(map(json.dumps, broken)), "utf-8")
    else:
        table = pa.Table.from_pylist(broken)
        pq.write_table(table, path) if suffix == "parquet" else feather.write_feather(table, path)
    with pytest.raises(InputError, match="the list of labels must hold strings or whole numbers alone"):
        read_labelled(path, TableOptions(label="tags"))


def test_a_later_string_that_is_no_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [ROWS[0]] * 200 + [{"text": "x", "tags": "a"}, {"text": "y", "tags": ["it, as a list"]}]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    found = read_labelled(path, TableOptions(label="tags", max_bad_rows=1))
    assert found.rejects[0].reason == "the labels must be a list written out, as in the rows before it (got 'a')"
    assert found.names[-1] == ("it, as a list",)


def test_a_label_that_is_no_list_keeps_its_brackets(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x", "label": "[a]"}\n{"text": "y", "label": "[b"}\n', "utf-8")
    assert read_labelled(path).labels == ["[a]", "[b"]
