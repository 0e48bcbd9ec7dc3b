"""Rows of a file with all their cells: what a scored file gives back beside the answers."""

import datetime as dt
import decimal
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frostline.data.options import TableOptions
from frostline.data.parquet import restored
from frostline.data.tables import stream_texts, whole_rows
from frostline.errors import InputError

TABLE = {
    "id": pa.array([1, 2, None], pa.int64()),
    "text": pa.array(["good, really", "bad", "fine"]),
    "on": pa.array([dt.date(2026, 1, 2), None, dt.date(1969, 12, 31)]),
    "at": pa.array([1, 1_700_000_000_123_456_789, None], pa.timestamp("ns", "UTC")),
    "hour": pa.array([3_600_000, None, 1], pa.time32("ms")),
    "for": pa.array([5, -5, None], pa.duration("ms")),
    "price": pa.array([decimal.Decimal("12.50"), None, decimal.Decimal("-0.01")], pa.decimal128(9, 2)),
    "raw": pa.array([b"\x00\xff", None, b""], pa.binary()),
    "shop": pa.array(["a", "b", "a"]).dictionary_encode(),
    "tags": pa.array([["x"], [], None], pa.list_(pa.string())),
}
MOMENTS = pa.array([1_700_000_000_123_456_789, None, 1], pa.timestamp("ns", "UTC"))
NESTED = {
    "moments": pa.ListArray.from_arrays([0, 2, 2, 3], MOMENTS),
    "two": pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, None, 5, 6], pa.date32()), 2),
    "long": pa.array([[dt.timedelta(1)], None, []], pa.large_list(pa.duration("us"))),
    "of": pa.array([{"at": None, "raw": b"\xff"}, None, {"at": [5], "raw": None}],
                   pa.struct([("at", pa.list_(pa.time64("ns"))), ("raw", pa.binary())])),
    "counts": pa.array([[("a", 1), ("b", None)], None, []], pa.map_(pa.string(), pa.int8())),
    "days": pa.array([[(dt.date(2026, 1, 2), [("x", [dt.date(1970, 1, 2)])])], [], None],
                     pa.map_(pa.date32(), pa.map_(pa.string(), pa.list_(pa.date64())))),
    "shops": pa.array([["a", "b"], None, ["a", None]]).cast(pa.list_(pa.dictionary(pa.int32(), pa.string()))),
    "prices": pa.array([[decimal.Decimal("1.50")], [None], None], pa.list_(pa.decimal128(9, 2))),
}  # fmt: skip


def rows(path: Path, options: TableOptions | None = None, *, as_text: bool = True) -> list[Any]:
    """The cells of every row."""
    with whole_rows(path, options or TableOptions(), as_text=as_text) as whole:
        return [cells for _, _, cells in whole.rows]


@pytest.mark.parametrize("name", NESTED)
def test_what_lists_members_and_maps_hold_is_restored(tmp_path: Path, name: str) -> None:
    """Nanoseconds, pairs of maps; dictionaries become what they stand for."""
    table = pa.table({"text": ["good", "bad", "fine"], name: NESTED[name]})
    pq.write_table(table, tmp_path / "a.parquet")
    with whole_rows(tmp_path / "a.parquet", TableOptions(text="text"), as_text=False) as whole:
        _, cells = zip(*(cells for _, _, cells in whole.rows), strict=True)
        back = restored(list(cells), whole.types[1])
    assert back.cast(NESTED[name].type).equals(NESTED[name])
    assert name == "shops" or back.type == pq.read_schema(tmp_path / "a.parquet").field(name).type


def test_what_lists_members_and_maps_hold_is_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["good", "bad", "fine"], **NESTED}), tmp_path / "a.parquet")
    first = rows(tmp_path / "a.parquet", TableOptions(text="text"))[0]
    assert first[1:] == [
        ["2023-11-14 22:13:20.123456789Z", None], ["1970-01-02", "1970-01-03"], [86_400_000_000],
        {"at": None, "raw": b"\xff"}, [["a", 1], ["b", None]], [["2026-01-02", [["x", ["1970-01-02"]]]]],
        ["a", "b"], ["1.50"],
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_cells_of_tables_come_as_they_stand(tmp_path: Path, suffix: str) -> None:
    """All of them, whatever they hold, in the order of the columns; the names too."""
    mark = {"csv": ",", "tsv": "\t"}[suffix]
    path = tmp_path / f"a.{suffix}"
    lines = [["id", "text", "", "at"], ["007", "good film", " x ", "2026-01-02"], ["008", "bad one", "", "NA"]]
    path.write_text("".join(mark.join(line) + "\n" for line in lines))
    with whole_rows(path) as whole:
        assert whole.taken.names == ("id", "text", "", "at")
        assert list(whole.rows) == [(2, "good film", lines[1]), (3, "bad one", lines[2])]
        assert whole.source.fingerprint().size_bytes == path.stat().st_size


def test_objects_come_as_they_stand(tmp_path: Path) -> None:
    """With members that the first rows lack, nested ones, numbers as numbers."""
    made = [{"text": "good", "id": 7, "of": {"a": [1.5, None]}}, {"id": "x", "text": "bad", "late": True}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    assert rows(path) == made
    path.with_suffix(".json").write_text(json.dumps(made))
    assert rows(path.with_suffix(".json")) == made


def test_fasttext_gives_its_text_and_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("__label__a __label__b some words\n__label__a others here\n")
    with whole_rows(path) as whole:
        assert (whole.taken.names, [cells for _, _, cells in whole.rows]) == (
            ("text", "label"),
            [["some words", ["a", "b"]], ["others here", ["a"]]],
        )


def test_parquet_is_carried_as_text_without_a_loss(tmp_path: Path) -> None:
    """Dates as ISO 8601, nanoseconds and all; decimals with their digits; bytes in base64; lengths of time as units."""
    pq.write_table(pa.table(TABLE), tmp_path / "a.parquet")
    first, second, third = rows(tmp_path / "a.parquet", TableOptions(text="text"))
    assert first == [
        *(1, "good, really", "2026-01-02", "1970-01-01 00:00:00.000000001Z", "01:00:00.000"),
        *(5, "12.50", "AP8=", "a", ["x"]),
    ]
    assert second == [2, "bad", None, "2023-11-14 22:13:20.123456789Z", None, -5, None, None, "b", []]
    assert third[:3] == [None, "fine", "1969-12-31"]


def test_parquet_is_restored_in_its_own_types(tmp_path: Path) -> None:
    """Every value, to the nanosecond; a dictionary stays one, with numbers of 32 bits."""
    table = pa.table(TABLE)
    pq.write_table(table, tmp_path / "a.parquet")
    with whole_rows(tmp_path / "a.parquet", TableOptions(text="text"), as_text=False) as whole:
        columns = zip(*(cells for _, _, cells in whole.rows), strict=True)
        back = [restored(list(values), kind) for values, kind in zip(columns, whole.types, strict=True)]
    assert back == [column.combine_chunks() for column in table.columns]


def test_the_texts_are_those_that_are_read_without_cells(tmp_path: Path) -> None:
    """Joined columns too, and rows that are rejected are rejected either way."""
    path = tmp_path / "a.csv"
    path.write_text("subject,body,id\nhello,a film,1\nshort\nbye,another,2\n")
    options = TableOptions(text="subject,body", max_bad_rows=1)
    rejected: list[int] = []
    with whole_rows(path, options, on_reject=lambda reject: rejected.append(reject.line)) as whole:
        found = [(line, text) for line, text, _ in whole.rows]
    assert found == [(row.line, row.text) for row in stream_texts(path, options)]
    assert rejected == [3]
    with pytest.raises(InputError, match="1 of 2 rows"):
        rows(path, TableOptions(text="subject,body"))


def test_columns_of_one_name_are_refused_where_they_are_found_by_name(tmp_path: Path) -> None:
    table = pa.table([pa.array(["x"]), pa.array([1]), pa.array([2])], names=["text", "n", "n"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="2 columns are named 'n'; only one may be"):
        rows(tmp_path / "a.parquet")
