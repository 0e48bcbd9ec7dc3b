"""Scored files: every column of the input as it was, then the answer, from any format into any other."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frostline.errors import InputError, UsageError
from frostline.score.answers import Layout, Prediction
from frostline.score.files import (
    Sheet,
    beginning,
    format_of,
    join,
    kind_of_value,
    kind_of_values,
    refuse_format,
    section,
    sheet_of,
)
from frostline.score.job import Sections

ONE = Layout(kind="one label", labels=("a", "b"), may_abstain=True)
SETS = Layout(kind="several labels", labels=("a", "b"), may_abstain=True)
FOUND = [
    Prediction(text="x", favoured=("b",), shares=(0.75,), probability=0.75, probabilities=(0.25, 0.75)),
    Prediction(text="y", favoured=("a",), shares=(0.5,), probability=0.5, probabilities=(0.5, 0.5), is_answered=False),
]
ROWS = [["1", "x"], ["2", "y"]]


def written(path: str, rows: list[Any], *, layout: Layout = ONE, **more: Any) -> tuple[bytes, Sections]:
    """What a file holds, made of two sections; and the digests of those."""
    held = io.BytesIO()
    sheet = sheet_of(Path(path), layout, **{"names": ("id", "t"), "kinds": ("text", "text"), **more})
    sections = Sections(held)
    join(sheet, sections, ((section(sheet, rows[at : at + 1], FOUND[at : at + 1]), 1) for at in (0, 1)))
    return held.getvalue(), sections


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "id,t,label,probability,p(a),p(b)\n1,x,b,0.75,0.25,0.75\n2,y,,0.5,0.5,0.5\n"),
        ("a.tsv", "id\tt\tlabel\tprobability\tp(a)\tp(b)\n1\tx\tb\t0.75\t0.25\t0.75\n2\ty\t\t0.5\t0.5\t0.5\n"),
        (
            "a.jsonl",
            (
                '{"id": "1", "t": "x", "label": "b", "probabilities": {"a": 0.25, "b": 0.75}}\n'
                '{"id": "2", "t": "y", "label": null, "probabilities": {"a": 0.5, "b": 0.5}}\n'
            ),
        ),
    ],
)
def test_columns_come_first_and_the_answer_last(name: str, expected: str) -> None:
    """Compressed, the same bytes, a member for each section."""
    assert written(name, ROWS)[0].decode() == expected
    zipped, sections = written(f"{name}.gz", ROWS)
    assert gzip.decompress(zipped).decode() == expected
    assert [one["rows"] for one in sections.done] == [1, 1] if name == "a.jsonl" else [0, 1, 1]
    begin = sum(one["size_bytes"] for one in sections.done[:-1])
    assert gzip.decompress(zipped[begin:]).decode().splitlines() == expected.splitlines()[-1:]


def test_parquet_has_a_row_group_for_each_section() -> None:
    """Whole numbers stay whole numbers; the digests add up to the file."""
    content, sections = written(
        "a.parquet", [[7, "x"], [None, "y"]], kinds=(pa.int64(), pa.string()), names=("id", "t")
    )
    file = pq.ParquetFile(io.BytesIO(content))
    assert (file.num_row_groups, file.read().to_pydict()) == (
        2,
        {
            "id": [7, None],
            "t": ["x", "y"],
            "label": ["b", None],
            "probability": [0.75, 0.5],
            "p(a)": [0.25, 0.5],
            "p(b)": [0.75, 0.5],
        },
    )
    assert sum(one["size_bytes"] for one in sections.done) == len(content)


def test_only_answers_and_the_most_probable_labels() -> None:
    """Of two labels one; an object of one."""
    top = Layout(kind="one label", labels=("a", "b"), top=1)
    assert written("a.csv", ROWS, layout=top, only_answers=True)[0].decode() == (
        "label,probability,top 1,p(top 1)\nb,0.75,b,0.75\n,0.5,a,0.5\n"
    )
    assert written("a.jsonl", ROWS, layout=top, only_answers=True)[0].decode() == (
        '{"label": "b", "probabilities": {"b": 0.75}}\n{"label": null, "probabilities": {"a": 0.5}}\n'
    )
    content = written("a.parquet", ROWS, layout=top, only_answers=True)[0]
    assert pq.read_table(io.BytesIO(content)).to_pydict() == {
        "label": ["b", None],
        "probability": [0.75, 0.5],
        "top 1": ["b", "a"],
        "p(top 1)": [0.75, 0.5],
    }


def test_sets_of_labels_and_no_answer_are_told_apart() -> None:
    assert written("a.csv", ROWS, layout=SETS)[0].decode() == (
        "id,t,labels,answered,p(a),p(b)\n1,x,b,true,0.25,0.75\n2,y,,false,0.5,0.5\n"
    )
    assert json.loads(written("a.jsonl", ROWS, layout=SETS)[0].splitlines()[0])["labels"] == ["b"]


def test_a_name_that_the_input_has_is_prefixed() -> None:
    """That one alone; numbered where that name is taken as well; refused where the format can't hold two of a name."""
    assert written("a.csv", ROWS, names=("p(a)", "label"))[0].decode().splitlines()[0] == (
        "p(a),label,predicted_label,probability,predicted_p(a),p(b)"
    )
    one = json.loads(written("a.jsonl", ROWS, names=("probability", "label"))[0].splitlines()[0])
    assert list(one) == ["probability", "label", "predicted_label", "probabilities"]
    for names, taken in (
        (("predicted_label", "label"), "predicted_label_2"),
        (("label", "predicted_label", "predicted_label_2"), "predicted_label_3"),
    ):
        header = written("a.csv", [(*row, "z")[: len(names)] for row in ROWS], names=names)[0].decode().splitlines()[0]
        assert header == f"{','.join(names)},{taken},probability,p(a),p(b)"
    with pytest.raises(InputError, match=r"the same name \('t'\), which \.jsonl cannot hold"):
        written("a.jsonl", ROWS, names=("t", "t"))
    assert written("a.tsv", ROWS, names=("t", "t"))[0].startswith(b"t\tt\tlabel")
    assert written("a.jsonl", ROWS, names=("t", "t"), only_answers=True)[0].startswith(b'{"label"')


def test_objects_become_cells() -> None:
    """What is missing is empty; numbers and truths as JSON spells them; what is nested too."""
    rows: list[dict[str, Any]] = [
        {"t": "x", "n": 1.5, "is": True},
        {"t": "y", "of": {"a": [1]}, "tags": ["é"], "n": None},
    ]
    names = ("t", "n", "is", "of", "tags")
    content = written("a.csv", rows, names=names)[0].decode()
    assert [row[:5] for row in csv.reader(io.StringIO(content))] == [
        [*names],
        ["x", "1.5", "true", "", ""],
        ["y", "", "", '{"a": [1]}', '["é"]'],
    ]
    kinds = ("text", "number", "truth", "json", "texts")
    table = pq.read_table(io.BytesIO(written("a.parquet", rows, names=names, kinds=kinds)[0])).to_pydict()
    assert {name: table[name] for name in names} == {
        "t": ["x", "y"],
        "n": [1.5, None],
        "is": [True, None],
        "of": [None, '{"a": [1]}'],
        "tags": [None, ["é"]],
    }
    assert [json.loads(line) for line in written("a.jsonl", rows, names=names)[0].splitlines()] == [
        {**rows[0], "label": "b", "probabilities": {"a": 0.25, "b": 0.75}},
        {**rows[1], "label": None, "probabilities": {"a": 0.5, "b": 0.5}},
    ]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([None], "text"),
        (["a", None], "text"),
        ([True], "truth"),
        ([1, None, 2**62], "whole"),
        ([1, 2.5], "number"),
        ([2**53, 2.5], "number"),
        ([2**53 + 1, 2.5], "json"),
        ([2**63], "json"),
        ([1, True], "json"),
        ([1, "a"], "json"),
        ([["a"], []], "texts"),
        ([["a", 1]], "json"),
        ([{"a": 1}], "json"),
    ],
)
def test_what_a_column_of_objects_holds(values: list[Any], kind: str) -> None:
    """The narrowest type that loses nothing."""
    assert kind_of_values({kind_of_value(value) for value in values}) == kind


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\0=1", "'\0=1"),
        ('"=1+1"', '\'"=1+1"'),
        (" =1", "' =1"),
        ("-5", "-5"),
        ("+49.5e3", "+49.5e3"),
        ("plain = no", "plain = no"),
        ("", ""),
        ("'=1", "'=1"),
    ],
)
def test_formulas_are_text_on_request(cell: str, safe: str) -> None:
    """Raw, every byte stays; numbers stay in either case; headers and labels are cells too."""
    rows = [[cell, "x"], ["2", "y"]]
    of: dict[str, Any] = {"names": (cell, "t"), "is_safe": True}
    given = list(csv.reader(io.StringIO(written("a.csv", rows, **of)[0].decode(), newline="")))
    assert (given[0][0], given[1][0]) == (safe, safe)
    assert written("a.csv", rows)[0].decode().count(cell) >= (cell.count('"') == 0)
    raw = list(csv.reader(io.StringIO(written("a.csv", rows)[0].decode(), newline="")))
    assert raw[1][0] == cell
    with pytest.raises(UsageError, match=r"Only \.tsv and \.csv are opened as spreadsheets"):
        written("a.parquet", rows, **of)


def test_cells_of_every_kind_come_back_from_csv() -> None:
    """Quotes, breaks of every kind, separators, nothing at all."""
    odd = ['a "b"', "a\rb", "a\nb", "a\r\nb", "a,b", "", " a ", "a\u2028b\x85\x0bc", "a\0b"]
    for cell in odd:
        content = written("a.csv", [["1", cell], ["2", "y"]])[0].decode()
        assert list(csv.reader(io.StringIO(content, newline="")))[1][1] == cell
    sheet = sheet_of(Path("a.csv"), Layout(kind="several labels", labels=()), names=(), kinds=())
    empty = Prediction(text="", favoured=(), shares=(), probability=1.0, probabilities=())
    assert (beginning(sheet), section(sheet, [[]], [empty])) == (b"labels\n", b'""\n')


def test_what_json_cannot_hold_is_null_and_half_a_character_stays() -> None:
    """In JSON it stays escaped; elsewhere it is a question mark, since UTF-8 has no way to spell it."""
    rows = [[np.nan, "x\ud800"], [1.5, "y"]]
    lines = written("a.jsonl", rows)[0].splitlines()
    assert [json.loads(line)["id"] for line in lines] == [None, 1.5]
    assert json.loads(written("a.jsonl", [["1", "x\ud800"], ["2", "y"]])[0].splitlines()[0])["t"] == "x\ud800"
    assert written("a.csv", [["1", "x\ud800"], ["2", "y"]])[0].decode().splitlines()[1].startswith("1,x?,")
    content = written("a.parquet", [["1", "x\ud800"], ["2", "y"]])[0]
    assert pq.read_table(io.BytesIO(content))["t"].to_pylist() == ["x?", "y"]


def test_names_say_the_format() -> None:
    for name in ("a.tsv", "b.csv", "a.jsonl", "a.parquet", "a.csv.gz", "x.y.tsv.gz", "a.jsonl.gz"):
        refuse_format(Path(name))
    assert [format_of(Path(name)) for name in ("a.b.csv.gz", "a.csv", "a")] == [".csv", ".csv", ""]
    for name in ("a.parquet.gz", "a.gz", "a.csv.zip", "a"):
        with pytest.raises(UsageError, match="must end in"):
            refuse_format(Path(name))


def test_a_file_without_rows_is_whole() -> None:
    """The header, or the schema."""
    for name, expected in (("a.csv", b"id,t,label,probability,p(a),p(b)\n"), ("a.jsonl", b"")):
        held = io.BytesIO()
        join(sheet(name), Sections(held), iter(()))
        assert held.getvalue() == expected
    held = io.BytesIO()
    join(sheet("a.parquet"), Sections(held), iter(()))
    assert pq.read_table(io.BytesIO(held.getvalue())).column_names == [
        "id",
        "t",
        "label",
        "probability",
        "p(a)",
        "p(b)",
    ]


def sheet(name: str) -> Sheet:
    return sheet_of(Path(name), ONE, names=("id", "t"), kinds=("text", "text"))


def test_a_zipped_section_carries_no_date() -> None:
    """The same rows are the same bytes at any time."""
    content, _ = written("f.tsv.gz", ROWS)
    assert content[4:8] == bytes(4)
