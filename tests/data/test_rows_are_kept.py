"""The law: rows in = rows out + rows rejected, for whatever texts and however they were written."""

import csv
import gzip
import io
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset, stream_texts

NAUGHTY = [
    "NA", "null", "None", "nan", "NULL", "N/A", "-", "#REF!", "true", "1", "1e5", "0x10",
    '"', '""', 'say "hi"', '"whole"', "'", "`", "\\", "\\n", "\\t", "=cmd|' /C calc'!A0", "@SUM(1)",
    "a\u2028b", "a\u2029b", "a\x85b", "a\x0bb", "a\x0cb", "a\x1cb", "a\x1db", "a\x1eb", "a\x00b", "\x00",
    "a\rb", "\ufeffbom", "é", "e\u0301", "日本語", "🙂👩‍👩‍👧", "\u202eright to left", "ﬁ", "<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m", " leading", "trailing ", "{}", "[1]", "a,b", "a;b",
]  # fmt: skip
LABELS = ["0", "1", " 1 ", "pos", "Pos", "🙂", "NA", "null", "a,b", '"', "\u202eneg", "01"]


def tsv(rows: Sequence[tuple[str, str]]) -> bytes:
    return "".join(f"{text}\t{label}\n" for text, label in [("text", "label"), *rows]).encode()


def crlf_tsv(rows: Sequence[tuple[str, str]]) -> bytes:
    return "".join(f"{text}\t{label}\r\n" for text, label in [("text", "label"), *rows]).encode().removesuffix(b"\r\n")


def csv_by_python(rows: Sequence[tuple[str, str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("text", "label"), *rows])
    return file.getvalue().encode()


def csv_all_quoted(rows: Sequence[tuple[str, str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("text", "label"), *rows])
    return file.getvalue().encode()


def jsonl(rows: Sequence[tuple[str, str]]) -> bytes:
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows).encode()


def jsonl_unescaped(rows: Sequence[tuple[str, str]]) -> bytes:
    lines = [json.dumps({"label": label, "text": text}, ensure_ascii=False) for text, label in rows]
    return "\r\n".join(lines).encode()


def parquet(rows: Sequence[tuple[str, str]]) -> bytes:
    file = io.BytesIO()
    columns = {"text": [text for text, _ in rows], "label": pa.array([label for _, label in rows]).dictionary_encode()}
    pq.write_table(pa.table(columns), file, row_group_size=3)
    return file.getvalue()


WRITERS: dict[str, tuple[str, Callable[[Sequence[tuple[str, str]]], bytes]]] = {
    "TSV": (".tsv", tsv),
    "TSV with CRLF": (".tsv", crlf_tsv),
    "CSV": (".csv", csv_by_python),
    "CSV all quoted": (".csv", csv_all_quoted),
    "JSONL": (".jsonl", jsonl),
    "JSONL unescaped": (".ndjson", jsonl_unescaped),
    "Parquet": (".parquet", parquet),
}

characters = st.characters(exclude_categories=["Cs"])
any_text = st.one_of(st.sampled_from(NAUGHTY), st.text(characters, min_size=1, max_size=20))
any_label = st.one_of(st.sampled_from(LABELS), st.text(characters, min_size=1, max_size=5))


def is_blank(value: str) -> bool:
    return not value or value.isspace()


def read_bytes(content: bytes, suffix: str, options: TableOptions | None = None) -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"table{suffix}"
        path.write_bytes(content)
        options = options or TableOptions(header=True if suffix.removesuffix(".gz") in {".tsv", ".csv"} else None)
        found = read_dataset(path, options)
        assert [(row.line, row.text) for row in stream_texts(path, options)] == list(
            zip(found.lines, found.texts, strict=True)
        )
        return found


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("kind", WRITERS)
@settings(max_examples=15, deadline=None)
@given(rows=st.lists(st.tuples(any_text, any_label), min_size=1, max_size=12))
def test_what_another_writer_wrote_comes_back_exactly(kind: str, ending: str, rows: list[tuple[str, str]]) -> None:
    """Every text and label, in order, character by character; only blank ones are out of the game."""
    suffix, write = WRITERS[kind]
    is_plain = suffix == ".tsv"
    if is_plain:  # what a TSV cannot hold: its own delimiters, and a return just before the line's end
        rows = [(re.sub(r"[\t\n]", "~", text), re.sub(r"[\t\n]|\r+$", "~", label)) for text, label in rows]
    rows = [(text, label) for text, label in rows if not is_blank(text) and not is_blank(label)]
    if not rows:
        return
    content = write(rows)
    found = read_bytes(gzip.compress(content, mtime=0) if ending else content, suffix + ending)
    assert list(zip(found.texts, found.labels, strict=True)) == rows
    assert found.rejects == ()


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r"), max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.lists(cell, min_size=1, max_size=4), min_size=1, max_size=30), ends=st.sampled_from(["\n", "\r\n"])
)
def test_tsv_never_drops_or_merges_rows(rows: list[list[str]], ends: str) -> None:
    """Ragged, empty, quoted at random: each line comes out, or is named among the rejects; quotes never join two."""
    content = "".join("\t".join(row) + ends for row in [["text", "label"], *rows]).encode()
    options = TableOptions(header=True, max_bad_rows=len(rows), quoted=False)
    lines = {number for number, row in enumerate(rows, 2) if row != [""]}
    usable = {
        number
        for number, row in enumerate(rows, 2)
        if len(row) >= 2 and not any(row[2:]) and not is_blank(row[0]) and not is_blank(row[1])
    }
    if not usable:
        return
    found = read_bytes_without_stream(content, options)
    assert set(found.lines) == usable
    assert {reject.line for reject in found.rejects} == lines - usable
    assert len(found) + len(found.rejects) == len(lines)
    for line, text, label in zip(found.lines, found.texts, found.labels, strict=True):
        assert [text, label] == rows[line - 2][:2]


def read_bytes_without_stream(content: bytes, options: TableOptions) -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.tsv"
        path.write_bytes(content)
        return read_dataset(path, options)


@settings(max_examples=30, deadline=None)
@given(
    cells=st.lists(
        st.lists(st.text(st.sampled_from('ab",\n\r\t;'), max_size=6), min_size=2, max_size=2), min_size=1, max_size=10
    )
)
def test_quoted_csv_is_read_as_it_was_written(cells: list[list[str]]) -> None:
    """Cells made of nothing but what CSV finds hard come back; a row's number is its first physical line."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["text", "label"])
    lines = []
    for row in cells:
        lines.append(file.getvalue().count("\n") + 1)
        writer.writerow([row[0] + ".", row[1] + "."])
    found = read_bytes(file.getvalue().encode(), ".csv")
    assert list(zip(found.texts, found.labels, strict=True)) == [(text + ".", label + ".") for text, label in cells]
    assert list(found.lines) == lines


@given(chunk=st.integers(1, 40), seed=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_rows_do_not_depend_on_how_a_pipe_delivers_them(chunk: int, seed: object) -> None:
    """Pieces of any size, cut inside characters and line ends, give the rows of the whole."""
    rows = [(f"{text} {number}", LABELS[number % 5]) for number, text in enumerate(NAUGHTY)]
    content = csv_all_quoted(rows)

    class Pipe(io.BytesIO):
        def readinto1(self, buffer: memoryview) -> int:  # type: ignore[override]
            return super().readinto(buffer[:chunk])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", type("Stdin", (), {"buffer": Pipe(content)}))
        found = read_dataset("-", TableOptions(format="csv"))
    assert list(zip(found.texts, found.labels, strict=True)) == rows
    assert found.source.size_bytes == len(content)
