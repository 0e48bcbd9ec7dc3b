"""Parquet: strings, whole numbers, booleans; damaged, deceitful and other files end in one error."""

import gzip
import io
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from frostline import child
from frostline.data import columnar
from frostline.data import parquet as parent
from frostline.data.options import TableLimits, TableOptions
from frostline.data.tables import read_dataset, read_labelled, stream_texts, whole_rows
from frostline.errors import InputError

NULL_LABELS = "the labels are null, which says nothing: an empty list says that there is none"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes compressed is laid aside here, not in the home of who runs the tests."""
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))


def parquet(columns: Mapping[str, object] | pa.Table, **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), file, **options)
    return file.getvalue()


def stored(folder: Path, content: bytes, name: str = "t.parquet") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_every_kind_of_string_column_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["NA", "a\nb", "a\u2028b", "\0", "NA", "x" * 1000]
    content = parquet(
        {"id": range(6), "text": pa.array(texts).cast(kind), "label": pa.array(list("abcabc")).cast(kind)}
    )
    for place in (stored(tmp_path, content), stored(tmp_path, gzip.compress(content, mtime=0), "t.parquet.gz")):
        found = read_dataset(place)
        assert list(found.texts) == texts
        assert list(found.labels) == list("abcabc")
        assert list(found.lines) == [1, 2, 3, 4, 5, 6]
        assert [row.text for row in stream_texts(place)] == texts


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pa.array([1, 0, 1]), ["1", "0", "1"]),
        (pa.array([2**64 - 1, 0, 1], pa.uint64()), [str(2**64 - 1), "0", "1"]),
        (pa.array([True, False, True]), ["true", "false", "true"]),
        (pa.array([7, 8, 7], pa.int8()).dictionary_encode(), ["7", "8", "7"]),
    ],
)
def test_labels_may_be_whole_numbers_and_booleans(tmp_path: Path, labels: pa.Array, expected: list[str]) -> None:
    found = read_dataset(stored(tmp_path, parquet({"text": ["a", "b", "c"], "label": labels})))
    assert list(found.labels) == expected


@pytest.mark.parametrize(
    ("text", "label", "says"),
    [
        (pa.array([b"a", b"b"]), pa.array([1, 2]), "text column 'text' must hold strings (it holds 'binary')"),
        (pa.array([["a"], ["b"]]), pa.array([1, 2]), "list"),
        (pa.array([{"a": 1}, {"a": 2}]), pa.array([1, 2]), "struct"),
        (pa.array([1, 2]), pa.array([1, 2]), "int64"),
        (pa.array(["{}", "[]"], pa.json_()), pa.array([1, 2]), "json"),
        (
            pa.array(["a", "b"]),
            pa.array([1, 2], pa.date32()),
            "label column 'label' must hold strings, whole numbers, booleans or lists of these",
        ),
        (pa.array(["a", "b"]), pa.array([None, None]), "null"),
    ],
)
def test_columns_of_other_types_are_refused_by_name(tmp_path: Path, text: pa.Array, label: pa.Array, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_dataset(stored(tmp_path, parquet({"text": text, "label": label})))
    assert says in caught.value.message


def test_columns_that_are_not_wanted_may_be_of_any_type(tmp_path: Path) -> None:
    columns = {
        "text": ["a", "b"],
        "vector": [[1.0], [2.0]],
        "label": [1, 2],
        "more": pa.array(["{}", "[]"], pa.json_()),
    }
    assert len(read_dataset(stored(tmp_path, parquet(columns)))) == 2


def test_nulls_and_blanks_are_rejected_rows(tmp_path: Path) -> None:
    columns = {"text": ["a", None, "c", " ", "e"], "label": ["x", "x", None, "y", "y"]}
    found = read_dataset(stored(tmp_path, parquet(columns, row_group_size=2)), TableOptions(max_bad_rows=3))
    assert list(found.texts) == ["a", "e"]
    assert [(reject.line, reject.reason) for reject in found.rejects] == [
        (2, "the text must be a string (got null)"),
        (3, "the label must be a string, a whole number or a boolean (got null)"),
        (4, "the text is blank"),
    ]


def test_no_rows_and_no_row_groups(tmp_path: Path) -> None:
    path = stored(tmp_path, parquet({"text": pa.array([], pa.string()), "label": pa.array([], pa.int64())}))
    with pytest.raises(InputError, match="nothing below it"):
        read_dataset(path)
    assert list(stream_texts(path)) == []


@pytest.mark.parametrize("texts", [["ok", "b"], ["ok"] * 20000])
def test_strings_that_are_not_utf8_follow_the_rule_for_bad_text(tmp_path: Path, texts: list[str]) -> None:
    raw = pa.array([text.encode() for text in texts] + [b"caf\xe9"], pa.binary())
    bad = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
    path = stored(tmp_path, parquet({"text": bad, "label": ["1"] * len(raw)}))
    with pytest.raises(InputError, match="0xe9 at offset 3"):
        read_dataset(path)
    assert read_dataset(path, TableOptions(on_bad_text="replace")).texts[-1] == "caf\ufffd"
    found = read_dataset(path, TableOptions(on_bad_text="skip"))
    assert (len(found), found.rejects[0].line) == (len(texts), len(raw))


def test_a_repeated_name_is_refused_only_if_it_is_wanted(tmp_path: Path) -> None:
    twice = pa.table([pa.array(["a"]), pa.array(["b"]), pa.array([1])], names=["text", "text", "label"])
    with pytest.raises(InputError, match="columns 1 and 2 are both named 'text'"):
        read_dataset(stored(tmp_path, parquet(twice)), TableOptions(text="text"))
    with pytest.raises(InputError, match="2 columns are named 'text'"):
        read_dataset(stored(tmp_path, parquet(twice)), TableOptions(text=1))


def test_a_dictionary_bomb_is_refused_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten megabytes, said twenty thousand times in a few kilobytes: 200 GB if it were written out."""
    entry = pa.array(["x" * 10_000_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), entry)
    path = stored(tmp_path, parquet({"text": column, "label": [1] * 20_000}, compression="zstd", store_schema=False))
    monkeypatch.setattr(parent, "MEMORY_BYTES", 400 << 20)  # written out, a batch alone takes 2 GB
    with pytest.raises(InputError, match="200 times"):
        read_dataset(path)
    few = read_dataset(stored(tmp_path, parquet({"text": column[:5], "label": [1] * 5})))
    assert len(few.texts[4]) == 10_000_000


def test_rows_without_end_are_refused_before_they_are_read(tmp_path: Path) -> None:
    content = parquet({"text": ["a"] * 200_000, "label": [1] * 200_000})
    with pytest.raises(InputError, match="200 times"):
        read_dataset(stored(tmp_path, content), TableOptions(limits=TableLimits(expansion_free_bytes=1000)))
    with pytest.raises(InputError, match="more than 1,600,000;"):  # the footer's word is enough: no row was counted
        read_dataset(stored(tmp_path, content), TableOptions(limits=TableLimits(expansion_free_bytes=1000)))


def answers(content: bytes, path: Path, kind: str = "parquet") -> list[dict[str, Any]]:
    """What the process that reads says of a file when it is asked for its first two columns; here, in this one."""
    path.write_bytes(content)
    asked, told = io.BytesIO(b'{"sample": 0, "n_rows": 5}\n{"rows": [0, 1], "form": "plain"}\n'), io.BytesIO()
    most = {"memory_bytes": 0, "seconds": 9, "columns": 9, "characters": 99, "items": 9}
    with path.open("rb") as file:
        columnar.answer(asked, told, file, kind=kind, most=most)
    said, found = told.getvalue(), []
    while said:
        end = 8 + int(said[:8], 16)
        found.append(json.loads(said[8:end].decode(errors="surrogateescape")))
        said = said[end:]
    return found


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_damage_anywhere_ends_in_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Cut, or with bytes overwritten at random (seeded): that it is damaged, or columns; never anything else."""
    monkeypatch.setattr(child, "limit", lambda **_: None)
    monkeypatch.setattr(child, "alarm", lambda _: None)
    table = pa.table({"text": [f"text {number}" for number in range(50)], "label": [1, 2] * 25})
    written = io.BytesIO()
    if kind == "arrow":
        feather.write_feather(table, written)
    content = parquet(table, row_group_size=20) if kind == "parquet" else written.getvalue()
    path = tmp_path / "t"
    whole = answers(content, path, kind)
    assert [field["name"] for field in whole[0]["fields"]] == ["text", "label"]
    assert whole[1] == {"values": [f"text {number}" for number in range(5)]}
    assert (
        [len(answer["columns"][0]["values"]) for answer in whole[2:-1]] == [20, 20, 10] if kind == "parquet" else [50]
    )
    assert whole[-1] == {"end": True}
    for size in range(4, len(content), 37):
        assert "error" in answers(content[:size], path, kind)[-1]
    chance = random.Random(7)
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 1, 4])):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        last = answers(bytes(damaged), path, kind)[-1]
        assert last == {"end": True} or set(last) == {"error", "kind"}
        refused += "error" in last
    assert refused > 40


@pytest.mark.parametrize("content", [b"PARE" + b"\0" * 100 + b"PARE", b"text\tlabel\na\t1\n", b"PAR1"])
def test_what_is_no_parquet_file_is_said_so(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"encrypted|must begin with PAR1|not a Parquet file"):
        read_dataset(stored(tmp_path, content))


def test_a_parquet_file_is_known_by_its_content(tmp_path: Path) -> None:
    content = parquet({"text": ["a"], "label": [1]})
    assert len(read_dataset(stored(tmp_path, content, "t.csv"), TableOptions(format="csv"))) == 1


def test_parquet_comes_through_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Laid aside in a private folder while it is read, and gone afterwards."""
    content = parquet({"text": ["a", "b"], "label": [1, 0]})
    monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": io.BytesIO(content)}))
    found = read_dataset("-")
    assert list(found.texts) == ["a", "b"]
    assert found.source.size_bytes == len(content)
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (
            {"text": ["a", "b"], "label": [[1.5], [2.5]]},
            {},
            (
                "the label column 'label' must hold strings, whole numbers, booleans or lists of these "
                "(it holds 'list<element: double>')."
            ),
        ),
        ({"text": [1, 2], "label": ["x", "y"]}, {}, "the text column 'text' must hold strings (it holds 'int64')."),
    ],
)
def test_a_column_of_another_type_is_refused_in_these_words(
    tmp_path: Path, columns: dict[str, list[object]], options: dict[str, object], message: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(InputError) as caught:
        read_labelled(tmp_path / "t.parquet", TableOptions(**options))  # type: ignore[arg-type]
    assert caught.value.message == f"{tmp_path}/t.parquet: {message}"
    assert caught.value.hint == "Write that column as strings, or choose another with --text NAME --label NAME."


@pytest.mark.parametrize(
    ("labels", "separator", "label_sets", "reasons"),
    [
        (
            [["x", "x"], ["y", None], None],
            None,
            [("x",)],
            ["the label must be a string, a whole number or a boolean (got null)", NULL_LABELS],
        ),
        ([[1], [], [2, 3]], None, [("1",), (), ("2", "3")], []),
        ([["x"], ["a", "b"], ["a", "b", "c"]], None, [("x",), ("a", "b")], ["there are more than 2 labels"]),
        (["x", "y, z", ""], ",", [("x",), ("y", "z"), ()], []),
        ([True, None, False], ",", [("true",), ("false",)], [NULL_LABELS]),
    ],
)
def test_sets_of_labels_in_parquet_are_these(
    tmp_path: Path, labels: list[object], separator: str | None, label_sets: list[tuple[str, ...]], reasons: list[str]
) -> None:
    """Each label once; what is no set is named with its row."""
    pq.write_table(pa.table({"text": ["one", "two", "three"], "label": pa.array(labels)}), tmp_path / "t.parquet")
    options = TableOptions(labels_separator=separator, max_bad_rows=2, limits=TableLimits(labels=2))
    found = read_labelled(tmp_path / "t.parquet", options)
    assert [found.targets.names(row) for row in range(len(found))] == label_sets
    assert [reject.reason for reject in found.rejects] == reasons


def test_rows_of_parquet_are_rejected_one_by_one_with_their_numbers(tmp_path: Path) -> None:
    table = {"text": ["a", None, "", " ", "b", "c"], "label": [True, True, True, True, None, False]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    found = read_labelled(tmp_path / "t.parquet", TableOptions(max_bad_rows=4))
    assert [(reject.line, reject.reason) for reject in found.rejects] == [
        (2, "the text must be a string (got null)"),
        (3, "the text is empty"),
        (4, "the text is blank"),
        (5, "the label must be a string, a whole number or a boolean (got null)"),
    ]
    assert list(zip(found.lines, found.texts, found.labels, strict=True)) == [
        (1, "a", "true"),
        (6, "c", "false"),
    ]


def test_a_table_of_parquet_has_as_many_columns_as_allowed(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "label": ["b"], "c": [1]}), tmp_path / "t.parquet")
    assert len(read_labelled(tmp_path / "t.parquet", TableOptions(limits=TableLimits(columns=3)))) == 1
    with pytest.raises(InputError, match=r"t\.parquet must have at most 2 columns \(it has 3\)\.$"):
        read_labelled(tmp_path / "t.parquet", TableOptions(limits=TableLimits(columns=2)))


def test_what_parquet_becomes_is_held_against_its_size(tmp_path: Path) -> None:
    """Of 1,000 rows 8 bytes each are counted beside their letters; at the limit it is read."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": ["a" * 100] * 1000, "label": ["x"] * 1000}), path)
    size = 1000 * (100 + 8)
    ample = TableLimits(expansion_free_bytes=size, expansion=1)
    assert len(read_labelled(path, TableOptions(limits=ample))) == 1000
    with pytest.raises(InputError) as caught:
        read_labelled(path, TableOptions(limits=TableLimits(expansion_free_bytes=size - 1, expansion=1)))
    assert caught.value.message == (
        f"{path}: {path.stat().st_size:,} bytes of Parquet would become more than {size:,}; at most 1 times as many "
        "are taken."
    )
    assert caught.value.hint == "If the file is what it should be, write it as TSV or JSONL."


def test_a_footer_that_counts_other_rows_than_there_are_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pyarrow lets pass; the rows have been given by then."""
    path = stored(tmp_path, parquet({"text": ["a", "b"], "label": ["x", "y"]}))
    answer = parent.ColumnReader._answer

    def forged(self: parent.ColumnReader) -> dict[str, Any]:
        told = answer(self)
        return told | {"n_rows": 3} if "n_rows" in told else told

    monkeypatch.setattr(parent.ColumnReader, "_answer", forged)
    told = stream_texts(path)
    assert [next(told).text, next(told).text] == ["a", "b"]
    with pytest.raises(InputError, match=r"its footer says 3 rows, there are 2\.") as caught:
        next(told)
    assert caught.value.hint == "Write the file again."


def test_whole_numbers_may_be_written_as_fractions(tmp_path: Path) -> None:
    """Stars as 5.0, of which pandas makes whole numbers beside a gap; other fractions are no labels."""
    pq.write_table(pa.table({"text": ["a", "b", "c", "d"], "stars": [5.0, 1.0, None, 2.5]}), tmp_path / "t.parquet")
    found = read_dataset(tmp_path / "t.parquet", TableOptions(max_bad_rows=2))
    assert found.labels == ["5", "1"]
    assert [(reject.line, reject.reason) for reject in found.rejects] == [
        (3, "the label must be a string, a whole number or a boolean (got null)"),
        (4, "the label must be a string, a whole number or a boolean (got 2.5)"),
    ]


NESTED = [
    {"id": 1, "review": {"title": "Fine", "body": "a fine film"}, "meta": {"given": {"stars": 5}, "by": "Ann"}},
    {"id": 2, "review": {"title": None, "body": "a dull film"}, "meta": {"given": {"stars": 1}, "by": "Bob"}},
]


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_fields_of_a_column_are_named_with_dots(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    table = pa.Table.from_pylist(NESTED * 3)
    pq.write_table(table, path) if suffix == "parquet" else feather.write_feather(table, path)
    options = TableOptions(text="review.title,review.body", label="meta.given.stars", group="meta.by")
    found = read_labelled(path, options)
    assert found.texts == ["Fine\na fine film", "a dull film"] * 3
    assert (found.labels, found.groups) == (["5", "1"] * 3, ["Ann", "Bob"] * 3)
    taken = (found.source.text_column, found.source.label_column, found.source.other_columns)
    assert taken == ("review.title,review.body", "meta.given.stars", ("id",))
    again = stream_texts(path, TableOptions().guessing("review.body", "meta.given.stars"))
    assert [row.text for row in again] == ["a fine film", "a dull film"] * 3


def test_fields_that_are_not_there_or_hold_something_else_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist(NESTED), path)
    for text in ("review.nothing", "review.body.more", "no.body", "id.x"):
        with pytest.raises(InputError, match=rf"there is no text column '{text}'"):
            read_labelled(path, TableOptions(text=text, label="meta.by"))
    with pytest.raises(InputError, match=r"the text column 'meta\.given' must hold strings"):
        read_labelled(path, TableOptions(text="meta.given", label="id"))


def test_a_row_without_the_outer_field_has_none_within(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist([*NESTED, {"id": 3, "review": None, "meta": NESTED[0]["meta"]}]), path)
    with pytest.raises(InputError, match=r"line 3: the text must be a string \(got null\)"):
        read_labelled(path, TableOptions(text="review.body", label="meta.by"))


def test_a_long_string_within_a_column_is_read_as_a_dictionary(tmp_path: Path) -> None:
    """As at the top: not a batch of 8,192 of them written out."""
    path = tmp_path / "t.parquet"
    rows = [{"text": f"text {row}", "a": {"b": str(row) * 100_000}} for row in range(2)]
    pq.write_table(pa.Table.from_pylist(rows * 50), path)
    assert read_labelled(path, TableOptions(text="text", label="a.b")).labels == ["0" * 100_000, "1" * 100_000] * 50


def test_a_column_with_a_dot_in_its_name_comes_first(tmp_path: Path) -> None:
    table = pa.table({"a.b": ["outer", "plain"], "a": [{"b": "inner"}, {"b": "deep"}], "label": ["x", "y"]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert read_labelled(tmp_path / "t.parquet", TableOptions(text="a.b")).texts == ["outer", "plain"]


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_whole_rows_have_the_columns_of_the_file_alone(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(NESTED), path)
    else:
        path.write_text("\n".join(map(json.dumps, NESTED)), "utf-8")
    with whole_rows(path, TableOptions(text="review.body")) as whole:
        assert whole.taken.names == ("id", "review", "meta")
        found = list(whole.rows)
    assert [text for _, text, _ in found] == ["a fine film", "a dull film"]
    assert {len(cells) for _, _, cells in found} == {3}


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["neg", "pos"])])
@pytest.mark.parametrize("write", ["write_parquet", "write_ipc", "write_ipc_stream"])
def test_categories_of_polars_are_read(tmp_path: Path, kind: Any, write: str) -> None:
    """Their numbers have no sign, and as Arrow their strings are views: labels, other cells, lists of them."""
    labels = ["pos", "neg", "pos", None]
    columns = {"text": ["a", "b", "c", "d"], "label": labels, "tags": [["pos", "neg"], [], None, ["neg"]]}
    frame = pl.DataFrame(columns).with_columns(pl.col("label").cast(kind), pl.col("tags").cast(pl.List(kind)))
    path = tmp_path / ("t.parquet" if write == "write_parquet" else "t.arrow")
    getattr(frame, write)(path)
    found = read_dataset(path, TableOptions(text="text", label="label", max_bad_rows=1))
    assert list(found.labels) == labels[:3]
    sets = read_labelled(path, TableOptions(text="text", label="tags", max_bad_rows=1)).targets
    assert [set(sets.names(row)) for row in range(3)] == [{"pos", "neg"}, set(), {"neg"}]
    for as_text in (True, False):
        with whole_rows(path, TableOptions(text="text"), as_text=as_text) as whole:
            assert [cells[1] for _, _, cells in whole.rows] == labels
