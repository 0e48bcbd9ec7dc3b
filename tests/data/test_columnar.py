"""What the process that reads Parquet and Arrow answers, exactly: asked in this one."""

import datetime as dt
import decimal
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frostline.data import columnar
from frostline.data.columnar import Answers, ArrowFile, Column, ParquetFile, columns_of, kind_of, tagged

TABLE = pa.table(
    {
        "text": pa.array(["aa", "bb", None, "aa"]).dictionary_encode(),
        "mail": pa.array([{"body": "x", "n": 1}, {"body": "y", "n": 2}, None, {"body": None, "n": 3}]),
        "tags": pa.array([["p", "q"], [], None, ["r"]]),
    }
)


def opened(table: pa.Table = TABLE, *, row_group_size: int = 2) -> ParquetFile:
    held = io.BytesIO()
    pq.write_table(table, held, row_group_size=row_group_size)
    return ParquetFile(held)


def arrow(table: pa.Table = TABLE) -> ArrowFile:
    held = io.BytesIO()
    with pa.ipc.new_file(held, table.schema) as writer:
        writer.write_table(table)
    return ArrowFile(held)


def answers(file: ParquetFile | ArrowFile, *, columns: int = 10, characters: int = 100, items: int = 10) -> Answers:
    return Answers(file, columns=columns, characters=characters, items=items)


def rows(found: Any, *places: int, formed: int = 0, form: str = "plain") -> list[Any]:
    """Values of all parts, without the end."""
    *parts, end = found.to({"rows": list(places), "form": form, "formed": formed})
    assert end == {"end": True}
    return [part["columns"] for part in parts]


def spread(column: dict[str, Any]) -> list[Any]:
    """The values of a column, row by row."""
    values: list[Any] = column["values"]
    return [values[place] for place in column["places"]] if "places" in column else values


def test_the_first_answer_is_every_column_and_then_the_members() -> None:
    found = answers(opened()).fields()
    assert (found["n_fields"], found["n_rows"]) == (3, 4)
    named = {field["name"]: field for field in found["fields"]}
    assert list(named) == ["text", "mail", "tags", "mail.body", "mail.n"]
    assert {name: (field["kind"], field["is_member"]) for name, field in named.items()} == {
        "text": ("string", False),
        "mail": ("", False),
        "tags": ("list", False),
        "mail.body": ("string", True),
        "mail.n": ("number", True),
    }
    assert named["tags"]["type"] == "list<element: string>"
    assert {name: field["values"] for name, field in named.items()} == {
        "text": 4,
        "mail": 8,
        "tags": 5,
        "mail.body": 8,
        "mail.n": 8,
    }
    assert named["mail"]["bytes"] == named["mail.n"]["bytes"] > named["text"]["bytes"] > 0


def test_more_columns_than_may_be_are_counted_alone() -> None:
    assert answers(opened(), columns=3).fields()["n_fields"] == 3
    assert answers(opened(), columns=2).fields() == {"fields": [], "n_fields": 3, "n_rows": None}


def test_an_arrow_file_knows_no_sizes_before_it_is_read() -> None:
    found = answers(arrow()).fields()
    assert found["n_rows"] is None
    assert {(field["bytes"], field["values"]) for field in found["fields"]} == {(0, 0)}


@pytest.mark.parametrize("make", [opened, arrow])
def test_rows_come_by_column_and_member(make: Any) -> None:
    told = rows(answers(make()), 0, 3, 2)
    held = [[value for part in told for value in spread(part[place])] for place in range(3)]
    assert held == [["aa", "bb", None, "aa"], ["x", "y", None, None], [["p", "q"], [], None, ["r"]]]


def test_a_sample_is_of_the_first_rows() -> None:
    assert list(answers(opened()).to({"sample": 3, "n_rows": 1})) == [{"values": ["x"]}]
    assert list(answers(arrow()).to({"sample": 3, "n_rows": 2})) == [{"values": ["x", "y"]}]
    assert list(answers(opened(TABLE.slice(0, 0))).to({"sample": 3, "n_rows": 1})) == [{"values": []}]


def test_strings_and_lists_are_cut_to_one_more_than_may_be() -> None:
    told = answers(
        opened(pa.table({"t": ["abcdef", "abc"], "l": [["a", "b", "c"], ["a", "b"]]})), characters=3, items=1
    )
    ((text, lists),) = rows(told, 0, 1)
    assert spread(text) == ["abcd", "abc"]
    assert lists["values"] == [["a", "b"], ["a", "b"]]


@pytest.mark.parametrize(("limit", "n_parts"), [(32, 1), (31, 2), (16, 2), (15, 4), (1, 4)])
def test_an_answer_is_halved_only_where_it_has_more_bytes_than_one_may(
    monkeypatch: pytest.MonkeyPatch, limit: int, n_parts: int
) -> None:
    monkeypatch.setattr(columnar, "PART_BYTES", limit)
    column = pa.array([1, 2, 3, 4], pa.int64())
    parts = [part.to_pylist() for (part,) in columnar._parts([column])]
    assert (len(parts), [value for part in parts for value in part]) == (n_parts, [1, 2, 3, 4])
    assert list(columnar._parts([column[:0]])) == []


def test_batches_of_long_dictionaries_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch carries a copy of the dictionary: sixteen to a row group, and no smaller than any other."""
    table = pa.table({"t": [f"{n % 3:04d}" for n in range(64)]})
    monkeypatch.setattr(columnar, "BATCH_ROWS", 2)
    sizes = [len(column) for (column,) in opened(table, row_group_size=64).batches([_first(table)])]
    assert sizes == [2] * 32
    monkeypatch.setattr(columnar, "WRITTEN_OUT_BYTES", 8)
    assert [len(column) for (column,) in opened(table, row_group_size=64).batches([_first(table)])] == [2] * 32
    monkeypatch.setattr(columnar, "WRITTEN_OUT_BYTES", 7)
    found = [column for (column,) in opened(table, row_group_size=64).batches([_first(table)])]
    assert [len(column) for column in found] == [4] * 16
    assert all(pa.types.is_dictionary(column.type) for column in found)


def _first(table: pa.Table) -> Column:
    return columns_of(list(table.schema))[0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.string(), "string"),
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int8(), pa.string()), "string"),
        (pa.int8(), "number"),
        (pa.bool_(), "number"),
        (pa.float16(), "float"),
        (pa.list_(pa.string()), "list"),
        (pa.large_list(pa.int64()), "list"),
        (pa.list_(pa.float32()), ""),
        (pa.list_(pa.list_(pa.string())), ""),
        (pa.binary(), ""),
        (pa.date32(), ""),
    ],
)
def test_what_a_column_may_serve_as(kind: pa.DataType, expected: str) -> None:
    assert kind_of(pa.field("a", kind)) == expected
    assert not kind_of(pa.field("a", kind, metadata={"ARROW:extension:name": "x"}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x00a", {"\0bytes": "AGE="}),
        (dt.timedelta(days=1, microseconds=2), {"\0timedelta": 86_400_000_002}),
        (dt.date(2020, 1, 2), {"\0date": "2020-01-02"}),
        (dt.datetime(2020, 1, 2, 3, tzinfo=dt.UTC), {"\0datetime": "2020-01-02T03:00:00+00:00"}),
        (dt.time(3, 4), {"\0time": "03:04:00"}),
        (decimal.Decimal("1.50"), {"\0Decimal": "1.50"}),
        (complex(1, 2), "(1+2j)"),
    ],
)
def test_what_json_has_no_word_for_is_tagged(value: Any, expected: Any) -> None:
    assert tagged(value) == expected
