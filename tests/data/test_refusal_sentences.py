"""What each refusal of a file says, to the letter: what must hold, what was found, where; and what to do."""

import gzip
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from frostline.data.options import TableLimits, TableOptions
from frostline.data.tables import read_labelled, stream_texts
from frostline.errors import InputError

TAB = "\t"
GOOD = "good film\t1\nbad film\t0\n" * 3
FINE = '{"text": "a", "label": "b"}\n'
SENTENCES = "".join(f"the sentence number {n}\t{'ab'[n % 2]}\n" for n in range(20))


class Case(NamedTuple):
    """A file, how it is read, and the two sentences that reading it ends in."""

    title: str
    name: str
    content: str | bytes
    options: dict[str, Any]
    message: str
    hint: str


COLUMNS: tuple[Case, ...] = (
    Case(
        "two columns unclear",
        "t.tsv",
        "a\tb\tc\n1\t2\t3\n4\t5\t6\n",
        {},
        (
            "t.tsv: which columns are the text and the label is not clear. Its columns: 1 = 'a' (e.g. '1'), "
            "2 = 'b' (e.g. '2'), 3 = 'c' (e.g. '3')."
        ),
        "Pass --text NAME --label NAME (a number counts from 1).",
    ),
    Case(
        "label unclear",
        "t.csv",
        "name,text,kind\nx,y,z\nu,v,w\n",
        {},
        (
            "t.csv: which column is the label is not clear. Its columns: 1 = 'name' (e.g. 'x'), 2 = 'text' "
            "(e.g. 'y'), 3 = 'kind' (e.g. 'z')."
        ),
        "Pass --text NAME --label NAME (a number counts from 1).",
    ),
    Case(
        "one column",
        "t.tsv",
        "only this\nand this\n",
        {},
        ("t.tsv: a text and a label column are needed (there is one column). Its columns: 1 (e.g. 'only this')."),
        "To label these texts: frostline predict MODEL FILE. If cells are parted otherwise: --delimiter.",
    ),
    Case(
        "near name",
        "t.tsv",
        "text\tlabel\na\tb\n",
        {"text": "Txt"},
        (
            "t.tsv: there is no text column 'Txt'. Did you mean 'text'? Its columns: 1 = 'text' (e.g. 'a'), "
            "2 = 'label' (e.g. 'b')."
        ),
        "Pass --text NAME --label NAME (a number counts from 1).",
    ),
    Case(
        "no such name",
        "t.tsv",
        "text\tlabel\na\tb\n",
        {"label": "zzzz"},
        ("t.tsv: there is no label column 'zzzz'. Its columns: 1 = 'text' (e.g. 'a'), 2 = 'label' (e.g. 'b')."),
        "Pass --text NAME --label NAME (a number counts from 1).",
    ),
    Case(
        "past the last",
        "t.tsv",
        "text\tlabel\na\tb\n",
        {"label": 3},
        "t.tsv: there is no column 3. Its columns: 1 = 'text' (e.g. 'a'), 2 = 'label' (e.g. 'b').",
        "Pass --text NAME --label NAME (a number counts from 1).",
    ),
    Case(
        "past the last, no header",
        "t.tsv",
        "a\tb\nc\td\n",
        {"label": 3},
        "t.tsv: there is no column 3. Its columns: 1 (e.g. 'a'), 2 (e.g. 'b').",
        "Pass --text NUMBER --label NUMBER.",
    ),
    Case(
        "named twice",
        "t.tsv",
        "text\tlabel\ttext\na\tb\tc\n",
        {"text": "text"},
        "t.tsv: columns 1 and 3 are both named 'text'.",
        "Pass --text 1.",
    ),
    Case(
        "one column for both",
        "t.tsv",
        "a\tb\nc\td\n",
        {"text": 2, "label": 2},
        "t.tsv: the text and the label cannot be one column ('column 2').",
        "",
    ),
    Case(
        "examples are cut",
        "t.tsv",
        "text\tlabel\n" + "x" * 41 + "\t" + "y" * 40 + "\n",
        {"text": "q"},
        (
            "t.tsv: there is no text column 'q'. Its columns: 1 = 'text' (e.g. "
            "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'), 2 = 'label' (e.g. "
            "'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy')."
        ),
        "Pass --text NAME --label NAME (a number counts from 1).",
    ),
    Case(
        "header in doubt",
        "t.tsv",
        "a first sentence\tkind\n" + SENTENCES,
        {},
        (
            "t.tsv: whether the first row ('a first sentence', 'kind') names the columns is not clear: its "
            "label occurs nowhere else."
        ),
        "Pass --header or --no-header.",
    ),
    Case(
        "header in doubt, label first",
        "t.tsv",
        "kind\ta first sentence\n"
        + "".join(f"{line.split(TAB)[1]}\t{line.split(TAB)[0]}\n" for line in SENTENCES.splitlines()),
        {},
        (
            "t.tsv: whether the first row ('kind', 'a first sentence') names the columns is not clear: its "
            "label occurs nowhere else."
        ),
        "Pass --header or --no-header.",
    ),
    Case(
        "header in doubt, sets",
        "t.tsv",
        "a first sentence\tx,y\n" + SENTENCES,
        {"labels_separator": ","},
        (
            "t.tsv: whether the first row ('a first sentence', 'x,y') names the columns is not clear: its "
            "label occurs nowhere else."
        ),
        "Pass --header or --no-header.",
    ),
    Case(
        "header in doubt, long",
        "t.tsv",
        "a first sentence of more than thirty letters\tkind\n" + SENTENCES,
        {},
        (
            "t.tsv: whether the first row ('a first sentence of more than…', 'kind') names the columns is "
            "not clear: its label occurs nowhere else."
        ),
        "Pass --header or --no-header.",
    ),
    Case(
        "too many columns",
        "t.tsv",
        "a\tb\tc\td\n",
        {"limits": TableLimits(columns=3)},
        "t.tsv must have at most 3 columns (a row has more).",
        "Is the delimiter what it should be?",
    ),
)

ROWS: tuple[Case, ...] = (
    Case(
        "rows without a label",
        "t.tsv",
        "good\t1\nbad\t\nboth\t \n",
        {"text": 1, "label": 2, "header": False},
        "t.tsv: 2 of 3 rows cannot be read (0 allowed): line 2: the label is empty; line 3: the label is blank.",
        (
            "If a text may have several labels or none, pass --labels-separator; else correct them, or pass "
            "--max-bad-rows 2 to leave them out."
        ),
    ),
    Case(
        "empty labels among several",
        "t.jsonl",
        '{"text": "a", "label": ["x"]}\n{"text": "b", "label": [""]}\n',
        {},
        "t.jsonl: 1 of 2 rows cannot be read (0 allowed): line 2: the label is empty.",
        "Correct them, or pass --max-bad-rows 1 to leave them out.",
    ),
    Case(
        "six kinds",
        "t.tsv",
        "good\t1\nbad\t0\n\t1\n \t1\nx\t\ny\t  \nlonger text\t1\nz\t" + "l" * 11 + "\n",
        {"text": 1, "label": 2, "header": False, "limits": TableLimits(field_characters=10)},
        (
            "t.tsv: 6 of 8 rows cannot be read (0 allowed): line 3: the text is empty; line 4: the text is "
            "blank; line 5: the label is empty; line 6: the label is blank; line 7: the text is longer than "
            "10 characters; and 1 more."
        ),
        "Correct them, or pass --max-bad-rows 6 to leave them out.",
    ),
    Case(
        "long label",
        "t.tsv",
        "good\t1\nbad\t0\nz\t" + "l" * 11 + "\n",
        {"text": 1, "label": 2, "header": False, "limits": TableLimits(field_characters=10)},
        "t.tsv: 1 of 3 rows cannot be read (0 allowed): line 3: the label is longer than 10 characters.",
        "Correct them, or pass --max-bad-rows 1 to leave them out.",
    ),
    Case(
        "fields within fields",
        "t.jsonl",
        '{"text": {"a": "x"}, "label": "y"}\n' * 2,
        {},
        (
            "t.jsonl: 2 of 2 rows cannot be read (0 allowed): line 1: the text must be a string (got an object); "
            "line 2: the text must be a string (got an object)."
        ),
        "Within its fields lie 'text.a': name them with --text and --label.",
    ),
    Case(
        "half stars",
        "t.jsonl",
        '{"text": "a", "label": 4.5}\n{"text": "b", "label": 4}\n',
        {},
        (
            "t.jsonl: 1 of 2 rows cannot be read (0 allowed): line 1: the label must be a string, a whole number or a "
            "boolean (got 4.5)."
        ),
        'Write such labels as strings, such as "4.5", or pass --max-bad-rows 1 to leave them out.',
    ),
    Case(
        "five, four allowed",
        "t.tsv",
        GOOD + "x\n" * 5,
        {"max_bad_rows": 4},
        (
            "t.tsv: 5 of 11 rows cannot be read (4 allowed): line 7: must have 2 cells (it has 1); line 8: "
            "must have 2 cells (it has 1); line 9: must have 2 cells (it has 1); line 10: must have 2 cells "
            "(it has 1); line 11: must have 2 cells (it has 1)."
        ),
        "Correct them, or pass --max-bad-rows 5 to leave them out.",
    ),
    Case(
        "thousands are not all counted",
        "t.tsv",
        GOOD * 100 + "x\n" * 1100,
        {"max_bad_rows": 2},
        (
            "t.tsv: 1,003 of 1,603 rows cannot be read (2 allowed): line 601: must have 2 cells (it has 1); "
            "line 602: must have 2 cells (it has 1); line 603: must have 2 cells (it has 1); line 604: must "
            "have 2 cells (it has 1); line 605: must have 2 cells (it has 1); and 998 more."
        ),
        "Correct them, or pass --max-bad-rows and how many rows to leave out at most.",
    ),
    Case(
        "none left",
        "t.tsv",
        "text\tlabel\nx\n\t1\n",
        {"max_bad_rows": 2},
        "t.tsv: no row is left (2 were rejected: line 2: must have 2 cells (it has 1); line 3: the text is empty).",
        "Correct the rows.",
    ),
    Case(
        "one cell wanted",
        "t.csv",
        "a\n" * 3 + "b,c\n",
        {"text": 1, "label": 1},
        "t.csv: the text and the label cannot be one column ('column 1').",
        "",
    ),
    Case(
        "after a quote",
        "t.csv",
        'text,label\n"a"b,1\n',
        {},
        (
            "t.csv: 1 of 1 rows cannot be read (0 allowed): line 2: a quoted cell is followed by something "
            "other than a delimiter."
        ),
        "Correct them.",
    ),
    Case(
        "never closed",
        "t.csv",
        'text,label\nx,1\n"a,1\n',
        {},
        (
            't.csv:3: a cell begins with a quote (") that is not closed before the end of the file, or '
            "within 33,554,432 characters."
        ),
        "Close or double the quote; or, if quotes are ordinary letters in this file, pass --not-quoted.",
    ),
    Case(
        "not closed in time",
        "t.csv",
        'text,label\n"a\n' + "b" * 15 + '\n",1\n',
        {"limits": TableLimits(line_bytes=20)},
        (
            't.csv:2: a cell begins with a quote (") that is not closed before the end of the file, or '
            "within 20 characters."
        ),
        "Close or double the quote; or, if quotes are ordinary letters in this file, pass --not-quoted.",
    ),
    Case(
        "long line",
        "t.tsv",
        "text\tlabel\n" + "b" * 19 + "\t1\n",
        {"limits": TableLimits(line_bytes=20)},
        "t.tsv:1: a line must not be longer than 20 bytes.",
        "Is it a table of texts, one row a line?",
    ),
    Case(
        "ragged unless quoted",
        "t.tsv",
        'text\tlabel\n"a\nb"\t1\n',
        {},
        't.tsv has 3 rows if " is a letter, 2 rows if it quotes cells; the former are ragged.',
        "Pass --quoted or --not-quoted.",
    ),
    Case("empty", "t.tsv", "", {}, "t.tsv must hold rows of text and label (it is empty).", "Add some rows."),
    Case(
        "a header alone",
        "t.tsv",
        "text\tlabel\n",
        {},
        "t.tsv must hold rows of text and label (there is a header, and nothing below it).",
        "Add some rows.",
    ),
    Case(
        "blank lines alone",
        "t.jsonl",
        "\n\n",
        {},
        "t.jsonl must hold rows of text and label (it is empty).",
        "Add some rows.",
    ),
)

OBJECTS: tuple[Case, ...] = (
    Case(
        "65 levels",
        "t.jsonl",
        FINE + '{"text": "a", "label": ' + "[" * 64 + "]" * 64 + "}",
        {},
        "t.jsonl: 1 of 2 rows cannot be read (0 allowed): line 2: JSON nests deeper than 64 levels.",
        "Correct them, or pass --max-bad-rows 1 to leave them out.",
    ),
    Case(
        "64 levels",
        "t.jsonl",
        FINE + '{"text": "a", "label": ' + "[" * 63 + "]" * 63 + "}",
        {},
        (
            "t.jsonl: 1 of 2 rows cannot be read (0 allowed): line 2: the label must be a string, a whole "
            "number or a boolean (got a list)."
        ),
        "Correct them, or pass --max-bad-rows 1 to leave them out.",
    ),
    Case(
        "301 digits",
        "t.jsonl",
        FINE + '{"text": "a", "label": ' + "9" * 301 + "}",
        {},
        "t.jsonl: 1 of 2 rows cannot be read (0 allowed): line 2: a number has 301 digits (at most 300).",
        "Correct them, or pass --max-bad-rows 1 to leave them out.",
    ),
    Case(
        "kinds of lines",
        "t.jsonl",
        FINE + '{"text": "a" "label": 1}\n{"text": "x"}\n"a"\n1\n[]\n',
        {},
        (
            "t.jsonl: 5 of 6 rows cannot be read (0 allowed): line 2: not JSON: Expecting ',' delimiter at "
            "character 14; line 3: the key 'label' is missing; line 4: must be a JSON object (got a string);"
            " line 5: must be a JSON object (got a number); line 6: must be a JSON object (got a list)."
        ),
        "Correct them, or pass --max-bad-rows 5 to leave them out.",
    ),
    Case(
        "more kinds of lines",
        "t.jsonl",
        FINE + '1.5\ntrue\nnull\n{"text": "a", "label": NaN}\n{"b": 1, "a": 2, "a": 3, "b": 4}',
        {},
        (
            "t.jsonl: 5 of 6 rows cannot be read (0 allowed): line 2: must be a JSON object (got a number); "
            "line 3: must be a JSON object (got a boolean); line 4: must be a JSON object (got null); line "
            "5: NaN is not JSON; line 6: the key 'a' occurs twice."
        ),
        "Correct them, or pass --max-bad-rows 5 to leave them out.",
    ),
    Case(
        "kinds of values",
        "t.jsonl",
        FINE + '{"text": {}, "label": 1}\n{"text": [], "label": 1}\n'
        '{"text": true, "label": 1}\n{"text": "a", "label": 1.5}\n{"text": "a", "label": null}',
        {},
        (
            "t.jsonl: 5 of 6 rows cannot be read (0 allowed): line 2: the text must be a string (got an "
            "object); line 3: the text must be a string (got a list); line 4: the text must be a string (got"
            " true); line 5: the label must be a string, a whole number or a boolean (got 1.5); line 6: the "
            "label must be a string, a whole number or a boolean (got null)."
        ),
        "Correct them, or pass --max-bad-rows 5 to leave them out.",
    ),
    Case(
        "half a pair",
        "t.jsonl",
        FINE + '{"text": "\\udc00", "label": 1}',
        {},
        "t.jsonl:2: \\udc00 is half of a surrogate pair, not a character.",
        "Pass --on-bad-text replace, or --on-bad-text skip.",
    ),
    Case(
        "skipped rows are not counted as bad",
        "t.jsonl",
        FINE + '{"text": "\\udc00", "label": 1}\n[]',
        {"on_bad_text": "skip"},
        "t.jsonl: 1 of 3 rows cannot be read (0 allowed): line 3: must be a JSON object (got a list).",
        "Correct them, or pass --max-bad-rows 1 to leave them out.",
    ),
    Case(
        "sets",
        "t.jsonl",
        '{"text": "a", "label": ["b"]}\n{"text": "c", "label": null}\n{"text": "c", "label": ["x", "y", "z"]}\n'
        '{"text": "c", "label": {}}\n{"text": "c", "label": [[]]}\n',
        {"limits": TableLimits(labels=2)},
        (
            "t.jsonl: 4 of 5 rows cannot be read (0 allowed): line 2: the labels are null, which says "
            "nothing: an empty list says that there is none; line 3: there are more than 2 labels; line 4: the"
            " label must be a string, a whole number or a boolean (got an object); line 5: the label must be"
            " a string, a whole number or a boolean (got a list)."
        ),
        "Correct them, or pass --max-bad-rows 4 to leave them out.",
    ),
)

BYTES: tuple[Case, ...] = (
    Case(
        "not utf-8",
        "t.tsv",
        b"good\t1\nb\xe9\t2\n",
        {},
        "t.tsv:2: byte 0xe9 at offset 8 is not utf-8 (invalid continuation byte).",
        (
            "Pass --encoding cp1252, if it is of Windows or Excel, or another; --on-bad-text replace, or --on-"
            "bad-text skip."
        ),
    ),
    Case(
        "cut short",
        "t.tsv",
        b"good\t1\nb\t2\xc3",
        {},
        "t.tsv:2: byte 0xc3 at offset 10 is not utf-8 (unexpected end of data).",
        (
            "Pass --encoding cp1252, if it is of Windows or Excel, or another; --on-bad-text replace, or --on-"
            "bad-text skip."
        ),
    ),
    Case(
        "not cp1252",
        "t.tsv",
        b"good\t1\nb\x81\t2\n",
        {"encoding": "cp1252"},
        "t.tsv:2: byte 0x81 at offset 8 is not cp1252 (character maps to <undefined>).",
        "Pass --on-bad-text replace, or --on-bad-text skip.",
    ),
    Case(
        "utf-16-le",
        "t.tsv",
        "good\t1\n".encode("utf-16-le"),
        {},
        "t.tsv is encoded in UTF-16-LE, not in utf-8.",
        "Pass --encoding utf-16-le.",
    ),
    Case(
        "utf-16-be",
        "t.tsv",
        "good\t1\n".encode("utf-16-be"),
        {},
        "t.tsv is encoded in UTF-16-BE, not in utf-8.",
        "Pass --encoding utf-16-be.",
    ),
    Case(
        "utf-16",
        "t.tsv",
        "good\t1\n".encode("utf-16"),
        {"encoding": "latin-1"},
        "t.tsv is encoded in UTF-16, not in latin-1.",
        "Pass --encoding utf-16.",
    ),
    Case(
        "utf-32",
        "t.tsv",
        "good\t1\n".encode("utf-32"),
        {},
        "t.tsv is encoded in UTF-32, not in utf-8.",
        "Pass --encoding utf-32.",
    ),
    Case(
        "half of utf-16",
        "t.tsv",
        "good\t1\n".encode("utf-16-le")[:-1],
        {"encoding": "utf-16-le"},
        (
            "t.tsv: the bytes near offset 13 are not utf-16-le ('utf-16-le' codec can't decode byte 0x0a in "
            "position 0: truncated data)."
        ),
        "Pass the file's real encoding with --encoding, or --on-bad-text replace.",
    ),
    Case(
        "no Parquet by its name",
        "t.parquet",
        GOOD,
        {},
        "t.parquet must begin with PAR1, as every Parquet file does.",
        "Fetch or make the file again; or name its real format with --format.",
    ),
    Case(
        "no Parquet as was said",
        "t.tsv",
        GOOD,
        {"format": "parquet"},
        "t.tsv must begin with PAR1, as every Parquet file does.",
        "Fetch or make the file again; or name its real format with --format.",
    ),
    Case(
        "a PARE",
        "t.tsv",
        b"PARE",
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is an encrypted Parquet file).",
        "Write it again without encryption.",
    ),
    Case(
        "a zip",
        "t.tsv",
        b"PK\x03\x04",
        {},
        "t.tsv is not a workbook that can be read: 'File is not a zip file'.",
        "Save it again, or as CSV (UTF-8).",
    ),
    Case(
        "a doc",
        "t.tsv",
        b"\xd0\xcf\x11\xe0",
        {},
        (
            "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file "
            "(it is an old Excel or Word file, or an encrypted one)."
        ),
        "Save the sheet as .xlsx without a password, or as CSV (UTF-8).",
    ),
    Case(
        "a zstd",
        "t.tsv",
        b"\x28\xb5\x2f\xfd",
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is compressed with zstd).",
        "Uncompress it first: zstd -d.",
    ),
    Case(
        "a bzip2",
        "t.tsv",
        b"BZh",
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is compressed with bzip2).",
        "Uncompress it first: bzip2 -d.",
    ),
    Case(
        "a xz",
        "t.tsv",
        b"\xfd7zXZ\x00",
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is compressed with xz).",
        "Uncompress it first: xz -d.",
    ),
    Case(
        "a gzip twice",
        "t.tsv",
        gzip.compress(b"\x1f\x8b\x08"),
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is compressed twice).",
        "Uncompress it once: gzip -d.",
    ),
    Case(
        "a Feather 1",
        "t.tsv",
        b"FEA1",
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is a Feather file of the first version).",
        "Write it again with a newer Arrow, or as Parquet.",
    ),
    Case(
        "a SQLite",
        "t.tsv",
        b"SQLite format 3\x00",
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is an SQLite database).",
        "Export the table as CSV.",
    ),
    Case(
        "a PDF",
        "t.tsv",
        b"%PDF-",
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is a PDF).",
        "Extract its sentences into a table first.",
    ),
    Case(
        "a pickle",
        "t.tsv",
        b"\x80\x05\x95",
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is a Python pickle, which is never opened).",
        "Write it as Parquet or JSONL.",
    ),
    Case(
        "a NUMPY",
        "t.tsv",
        b"\x93NUMPY",
        {},
        "t.tsv must be a TSV, CSV, JSON, Parquet, Arrow or .xlsx file (it is a numpy array).",
        "Write the texts as JSONL.",
    ),
    Case(
        "gzip cut short",
        "t.gz",
        gzip.compress(GOOD.encode(), mtime=0)[:-9],
        {},
        "t.gz: the gzip data end early, after 69 uncompressed bytes.",
        "Fetch or make the file again; `gzip -t` tests it.",
    ),
    Case(
        "gzip and more",
        "t.gz",
        gzip.compress(GOOD.encode(), mtime=0) + b"x",
        {},
        "t.gz: the gzip data end early, after 69 uncompressed bytes.",
        "Fetch or make the file again; `gzip -t` tests it.",
    ),
    Case(
        "a bomb",
        "t.gz",
        gzip.compress(bytes(60_000), mtime=0),
        {"limits": TableLimits(expansion_free_bytes=100, expansion=10)},
        "t.gz: 93 compressed bytes have become more than 60,000; at most 10 times as many are taken.",
        "If the file is what it should be, uncompress it first.",
    ),
)


def put(folder: Path, name: str, content: str | bytes) -> str:
    """Write the file into `folder`, in which the process stands; its name."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


@pytest.mark.parametrize("case", [*COLUMNS, *ROWS, *OBJECTS, *BYTES], ids=lambda case: case.title)
def test_a_refusal_is_these_two_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    """The counts in it are those of the file."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path, case.name, case.content)
    with pytest.raises(InputError) as caught:
        read_labelled(case.name, TableOptions(**case.options))
    assert caught.value.message == case.message
    assert caught.value.hint == case.hint


def test_where_only_texts_are_wanted_only_the_text_column_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        list(stream_texts(put(tmp_path, "t.tsv", "a\tb\tc\n1\t2\t3\n4\t5\t6\n")))
    assert caught.value.message == (
        "t.tsv: which column is the text is not clear. "
        "Its columns: 1 = 'a' (e.g. '1'), 2 = 'b' (e.g. '2'), 3 = 'c' (e.g. '3')."
    )


@pytest.mark.parametrize(("n_columns", "end"), [(20, "20 = 'c19' (e.g. 'x')."), (21, "(e.g. 'x'), and 1 more.")])
def test_at_most_twenty_columns_are_shown(tmp_path: Path, n_columns: int, end: str) -> None:
    content = TAB.join(f"c{n}" for n in range(n_columns)) + "\n" + TAB.join("x" * n_columns) + "\n"
    path = tmp_path / "t.tsv"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError) as caught:
        read_labelled(path, TableOptions(text="c0", label="q"))
    assert caught.value.message.endswith(end)
    assert "c19" in caught.value.message


@pytest.mark.parametrize(("n_given", "n_read"), [(19, 20), (20, None)])
def test_twenty_rows_are_evidence_against_a_first_row(tmp_path: Path, n_given: int, n_read: int | None) -> None:
    """With fewer, a label that occurs once is a rare label."""
    path = tmp_path / "t.tsv"
    path.write_text("a first sentence\tkind\n" + "".join(SENTENCES.splitlines(keepends=True)[:n_given]), "utf-8")
    if n_read is None:
        with pytest.raises(InputError, match="names the columns is not clear"):
            read_labelled(path)
    else:
        assert len(read_labelled(path)) == n_read
    assert len(read_labelled(path, TableOptions(header=True))) == n_given
    assert len(read_labelled(path, TableOptions(header=False))) == n_given + 1


@pytest.mark.parametrize(
    ("content", "name", "options", "rows"),
    [
        ("good\t1\n" + "l" * 10 + "\t" + "m" * 10 + "\n", "t.tsv", {"field_characters": 10}, 2),
        ("text\tlabel\n" + "b" * 18 + "\t1\n", "t.tsv", {"line_bytes": 20}, 1),
        ("text\tlabel\n" + "b" * 18 + "\t1", "t.tsv", {"line_bytes": 20}, 1),
        ('text,label\n"a\n' + "b" * 12 + '\n",1\n', "t.csv", {"line_bytes": 20}, 1),
        ("text\tlabel\tid\na\tb\tc\n", "t.tsv", {"columns": 3}, 1),
        ('{"text": "a", "label": ' + "9" * 300 + "}", "t.jsonl", {}, 1),
        ('{"text": "a", "label": ["x", "y"]}', "t.jsonl", {"labels": 2}, 1),
        ('{"text": "a", "label": "b", "c": ' + "[" * 2 + "]" * 2 + "}", "t.jsonl", {"depth": 3}, 1),
        ('{"text": "[[[", "label": "b", "c": [[1]], "d": [[2]]}', "t.jsonl", {"depth": 3}, 1),
        (gzip.compress(GOOD.encode() * 20, mtime=0), "t.gz", {"expansion_free_bytes": 1380, "expansion": 1}, 120),
        (gzip.compress(GOOD.encode() * 20, mtime=0), "t.gz", {"expansion_free_rows": 120}, 120),
        (GOOD * 20, "t.tsv", {"expansion_free_rows": 1}, 120),
        ('{"text": "a,[{,", "label": "b"}', "t.jsonl", {"values": 2}, 1),
        ('{"text": ",", "label": "\\",", "c": [1, 2]}', "t.jsonl", {"values": 5}, 1),
    ],
)
def test_what_just_fits_is_taken(
    tmp_path: Path, content: str | bytes, name: str, options: dict[str, int], rows: int
) -> None:
    """The other side of the limits that the table above goes past by one."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert len(read_labelled(path, TableOptions(limits=TableLimits(**options)))) == rows


def test_the_defaults_are_those_of_the_documentation() -> None:
    """A limit that moves silently refuses somebody's file."""
    limits, mega = TableLimits(), 1024 * 1024
    assert (limits.line_bytes, limits.field_characters) == (32 * mega, 16 * mega)
    assert (limits.columns, limits.labels, limits.depth) == (1000, 1000, 64)
    assert (limits.expansion, limits.expansion_free_bytes) == (200, 64 * mega)
    assert (limits.expansion_free_rows, limits.values) == (4_000_000, 100_000)
    options = TableOptions()
    assert (options.encoding, options.on_bad_text, options.on_empty_text) == ("utf-8", "error", "reject")
    assert (options.max_bad_rows, options.limit, options.known_labels) == (0, None, frozenset())


@pytest.mark.parametrize(
    ("content", "name", "options", "said"),
    [
        (
            gzip.compress(GOOD.encode() * 20, mtime=0),
            "t.gz",
            {"expansion_free_rows": 119},
            "t.gz must hold at most 119 rows (it holds more, in so few bytes as it has compressed).",
        ),
        (
            b'{"text": ",", "label": "\\",", "c": [1, 2]}',
            "t.jsonl",
            {"values": 4},
            "t.jsonl: 1 of 1 rows cannot be read (0 allowed): line 1: JSON holds more than 4 values.",
        ),
    ],
)
def test_what_grows_out_of_a_byte_is_bounded(
    tmp_path: Path, content: bytes, name: str, options: dict[str, int], said: str
) -> None:
    """Three bytes of JSON are 64 in memory, four of a table 250: of compressed ones a hundred times as many."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_labelled(path, TableOptions(limits=TableLimits(**options)))
    assert caught.value.message == said.replace(name, str(path))
