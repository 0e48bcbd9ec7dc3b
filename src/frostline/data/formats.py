"""Which kind of table a file holds.

Magic bytes beat the suffix; the suffix beats a guess from the text.
"""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeAlias, final

from frostline.data.cells import Fault
from frostline.data.columns import LABEL_NAMES, TEXT_NAMES, normalised
from frostline.data.lines import Lines
from frostline.data.options import Format, TableLimits, TableOptions
from frostline.errors import InputError, shown

Row: TypeAlias = tuple[int, list[str]]
"""The number of the row's first physical line, and its cells; no cell at all for an empty line."""

# The inside of a quoted cell up to its closing quote or the line's end; possessive, so that no text makes it slow.
INSIDE = re.compile(r'[^"]*+(?:""[^"]*+)*+')


@final
@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a row are parted, and whether those that begin with `"` are quoted."""

    delimiter: str
    is_quoted: bool


def rows_of(runs: Iterator[Lines], dialect: Dialect, *, limits: TableLimits, name: str) -> Iterator[Row | Fault]:
    """Yield the rows, and empty lines as rows without a cell.

    Raises `InputError`: a quote opened in some line is never closed, or not within `limits.line_bytes` characters:
    everything that follows would be one cell.
    """
    if dialect.is_quoted:
        return _quoted_rows(runs, dialect.delimiter, limits=limits, name=name)
    return _plain_rows(runs, dialect.delimiter, columns=limits.columns)


def _plain_rows(runs: Iterator[Lines], delimiter: str, *, columns: int) -> Iterator[Row | Fault]:
    """One row a line; one carriage return before the line feed belongs to the line's end."""
    for run in runs:
        bad = run.bad
        for number, line in enumerate(run.texts, run.first):
            if bad and number in bad:
                yield Fault(number, bad[number], is_asked_for=True)
            elif line[-1:] == "\r":
                yield number, _cut(line[:-1], delimiter, columns)
            else:
                yield number, _cut(line, delimiter, columns)


def _quoted_rows(runs: Iterator[Lines], delimiter: str, *, limits: TableLimits, name: str) -> Iterator[Row | Fault]:
    """Cells may be quoted, and then hold delimiters, line breaks (kept as they are) and doubled quotes."""
    row = _OpenRow(delimiter, limits=limits, name=name)
    for run in runs:
        bad = run.bad
        for number, line in enumerate(run.texts, run.first):
            if bad and number in bad:
                row.bad_text = row.bad_text or bad[number]
            if not row.is_open and not row.bad_text and '"' not in line:
                yield number, _cut(line.removesuffix("\r"), delimiter, limits.columns)
            elif not row.is_open and not row.bad_text and (cells := _simply_quoted(line, delimiter, limits.columns)):
                yield number, cells
            elif row.is_complete_with(number, line):
                yield row.finished()
    if row.is_open:
        raise row.unclosed()


def _cut(line: str, delimiter: str, columns: int) -> list[str]:
    return line.split(delimiter, columns) if line else []


def _simply_quoted(line: str, delimiter: str, columns: int) -> list[str] | None:
    """The cells of a line whose quoted cells hold neither delimiters nor quotes; None for any other line.

    Three times as fast as the general way, and by far the most lines are so.
    """
    cells = _cut(line.removesuffix("\r"), delimiter, columns)
    for place, cell in enumerate(cells):
        if cell[:1] == '"':
            inner = cell[1:-1]
            if len(cell) < 2 or cell[-1] != '"' or '"' in inner:
                return None
            cells[place] = inner
    return cells


@final
class _OpenRow:
    """A row with quotes in it, while its lines come in."""

    def __init__(self, delimiter: str, *, limits: TableLimits, name: str) -> None:
        self.delimiter = delimiter
        self.limits = limits
        self.name = name
        self.bad_text = ""  # why the row is to be left out, as on_bad_text="skip" asks
        self._reason = ""
        self.is_open = False
        self._first = 0  # the line the row began in
        self._opened = 0  # the line the open quote is in
        self._cells: list[str] = []
        self._parts: list[str] = []  # of the cell inside quotes
        self._size = 0

    def is_complete_with(self, number: int, line: str) -> bool:
        """Take the row's next line, and say whether the row ends with it."""
        if self.is_open:
            self._parts.append("\n")
            self._size += len(line) + 1
        else:
            self._first, self._cells, self._size = number, [], len(line)
        if self._size > self.limits.line_bytes:
            raise self.unclosed()
        position = 0
        while position <= len(line):
            if len(self._cells) > self.limits.columns:
                self.is_open = False
                return True  # more columns than any table may have: counted, and rejected, by who asked
            if not self.is_open and line[position : position + 1] == '"':
                self.is_open, self._opened, self._parts = True, number, []
                position += 1
            position = self._inside(line, position) if self.is_open else self._outside(line, position)
        return not self.is_open

    def finished(self) -> Row | Fault:
        """The row, or what is wrong with it; ready for the next."""
        bad_text, reason = self.bad_text, self._reason
        self.bad_text = self._reason = ""
        if reason:
            return Fault(self._first, reason)
        return Fault(self._first, bad_text, is_asked_for=True) if bad_text else (self._first, self._cells)

    def unclosed(self) -> InputError:
        return InputError(
            f'{self.name}:{self._opened or self._first}: a cell begins with a quote (") that is not closed before '
            f"the end of the file, or within {self.limits.line_bytes:,} characters.",
            hint="Close or double the quote; or, if quotes are ordinary letters in this file, pass --not-quoted.",
        )

    def _outside(self, line: str, begin: int) -> int:
        """Take an unquoted cell; return where the next one begins (past the line's end if there is none)."""
        end = line.find(self.delimiter, begin)
        if end < 0:
            self._cells.append(line[begin:].removesuffix("\r"))
            return len(line) + 1
        self._cells.append(line[begin:end])
        return end + 1

    def _inside(self, line: str, begin: int) -> int:
        """Take what stands inside quotes; return where the next cell begins (past the line's end if there is none)."""
        match = INSIDE.match(line, begin)
        end = match.end() if match else begin
        self._parts.append(line[begin:end].replace('""', '"'))
        if end == len(line):
            return end + 1
        self.is_open = False
        self._cells.append("".join(self._parts))
        after = line[end + 1 : end + 2]
        if after == self.delimiter:
            return end + 2
        if after and line[end + 1 :] != "\r":
            self._reason = "a quoted cell is followed by something other than a delimiter"
        return len(line) + 1


PARQUET_MAGIC = b"PAR1"
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # a workbook, or another archive; an empty one
ARROW_MAGICS = (b"ARROW1\0\0", b"\xff\xff\xff\xff")  # a file (Feather), and a stream
SUFFIXES: dict[str, Format] = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".pq": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
_PAGES = frozenset({".xls", ".xlsx", ".htm", ".html", ".xml"})  # where a file that begins with `<` is no table
A_TABLE = "a TSV, CSV, JSON, Parquet, Arrow or .xlsx file"
# What people have instead of a table: the magic bytes, what it is, what to do
STRANGERS: tuple[tuple[bytes, str, str], ...] = (
    (b"PARE", "an encrypted Parquet file", "Write it again without encryption."),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel or Word file, or an encrypted one",
        "Save the sheet as .xlsx without a password, or as CSV (UTF-8).",
    ),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Uncompress it first: zstd -d."),
    (b"BZh", "compressed with bzip2", "Uncompress it first: bzip2 -d."),
    (b"\xfd7zXZ\x00", "compressed with xz", "Uncompress it first: xz -d."),
    (b"\x1f\x8b\x08", "compressed twice", "Uncompress it once: gzip -d."),
    (b"FEA1", "a Feather file of the first version", "Write it again with a newer Arrow, or as Parquet."),
    (b"SQLite format 3\x00", "an SQLite database", "Export the table as CSV."),
    (b"%PDF-", "a PDF", "Extract its sentences into a table first."),
    *(
        (bytes((0x80, n)), "a Python pickle, which is never opened", "Write it as Parquet or JSONL.")
        for n in range(2, 6)
    ),
    (b"\x93NUMPY", "a numpy array", "Write the texts as JSONL."),
    (b"ORC", "an ORC file", "Write it as Parquet."),
    (b"Obj\x01", "an Avro file", "Write it as Parquet or JSONL."),
    (b"\x89HDF\r\n", "an HDF5 file", "Write the table as Parquet or JSONL."),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "Uncompress it first: lz4 -d."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first."),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it first."),
    (b"version https://git-lfs", "what Git LFS leaves in a file's place", "Fetch the file itself: git lfs pull."),
)
_WORDS = {b"PARE", b"ORC", b"FEA1"}  # with which a text may begin, too: ORCA
_UNWRITTEN = {b"", *(bytes((n,)) for n in (*range(9), *range(14, 32)))}  # which no text holds in the next place
TAR_MAGIC, TAR_PLACE = b"ustar", 257


def format_of(head: bytes, *, options: TableOptions, name: str) -> Format:
    """The kind of table whose uncompressed content begins with `head`.

    Raises `InputError`: it is something else that is well known (an Excel workbook, say), or not
    the Parquet it is said to be.

    Parameters
    ----------
    head : bytes
        Up to and with the first line that is not blank.
    """
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    if head.startswith(ARROW_MAGICS):
        return "arrow"
    if head.startswith(ZIP_MAGICS):
        return "xlsx"
    _refuse_stranger(head, name)
    if options.format is None and head.lstrip()[:1] == b"<" and PurePath(name).suffix.lower() in _PAGES:
        raise InputError(
            f"{name} must be {A_TABLE} (it is a page of HTML or XML).",
            hint="Open it in a spreadsheet program, and save the sheet as .xlsx or CSV (UTF-8).",
        )
    is_fasttext = options.format is None and _FASTTEXT.match(first_line(head, options.encoding)) is not None
    kind = "fasttext" if is_fasttext else options.format or _by_suffix(name) or _by_text(head, options=options)
    if kind == "xlsx":
        raise InputError(f"{name} must begin as workbooks do.", hint="Name its real format with --format.")
    if kind == "arrow":
        raise InputError(
            f"{name} must begin as Arrow files and streams do.", hint="Name its real format with --format."
        )
    if kind == "parquet":
        raise InputError(
            f"{name} must begin with {PARQUET_MAGIC.decode()}, as every Parquet file does.",
            hint="Fetch or make the file again; or name its real format with --format.",
        )
    return "json" if kind == "jsonl" and _is_document(first_line(head, options.encoding)) else kind


def _refuse_stranger(head: bytes, name: str) -> None:
    """Raise for what people have instead of a table."""
    for magic, what, hint in STRANGERS:
        if head.startswith(magic) and (magic not in _WORDS or head[len(magic) :][:1] in _UNWRITTEN):
            raise InputError(f"{name} must be {A_TABLE} (it is {what}).", hint=hint)
    if head.startswith(TAR_MAGIC, TAR_PLACE):
        raise InputError(f"{name} must be {A_TABLE} (it is a tar archive).", hint="Unpack it first: tar -xf.")


def dialect_of(lines: Sequence[str], *, kind: Format, options: TableOptions) -> tuple[Dialect, bool]:
    """How the cells of a TSV or CSV are parted, and whether its first line is no row but says so (`sep=;`, by Excel).

    A CSV whose first line has no comma but semicolons, or else tabs, is parted by those; so is one whose first line is
    a title, where every line below it has as many of them.
    """
    is_quoted = kind == "csv" if options.quoted is None else options.quoted
    line = next((line for line in lines if line), "")
    mark = _EXCEL.fullmatch(line)
    if options.delimiter is not None:
        return Dialect(options.delimiter, is_quoted), mark is not None and mark[1] == options.delimiter
    if mark is not None:
        return Dialect(mark[1], is_quoted), True
    if kind == "tsv":
        return Dialect("\t", is_quoted), False
    bare = [re.sub(r'"[^"]*"', "", line) for line in lines if line.strip()]
    is_whole = not any(line.count('"') % 2 for line in lines)  # no cell holds a line break
    below = next((mark for mark in ";\t" if is_whole and _parts_below(mark, bare)), None)
    found = next((mark for mark in ",;\t" if bare and mark in bare[0]), None)
    if below is not None and (found is None or len({line.count(found) for line in bare}) > 1):
        found = below
    return Dialect(found or ",", is_quoted), False


def _parts_below(mark: str, lines: Sequence[str]) -> bool:
    """Whether all lines from the first one with such a mark on, two at least, have as many of them."""
    counts = [line.count(mark) for line in lines]
    below = list(itertools.dropwhile(lambda count: not count, counts))
    return len(below) > 1 and len(set(below)) == 1


_EXCEL = re.compile(r"(?:\"(?=.*\"\r?$))?sep=([^\w\s\"]|\t)\"?\r?", re.IGNORECASE)
QUOTED = re.compile(r'"(?:[^"]|"")*+"')


def _by_suffix(name: str) -> Format | None:
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes[-2:]]
    if suffixes and suffixes[-1] in {".gz", ".gzip"}:
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def _by_text(head: bytes, *, options: TableOptions) -> Format:
    """A guess from the first line: an object, a header with a known name between commas, else TSV (or bare lines)."""
    line = first_line(head, options.encoding)
    if line.startswith(LABEL_MARK):
        return "fasttext"
    if _JSON_BEGINS.match(line):
        return "jsonl"
    cells = {normalised(cell.strip('"')) for cell in line.split(options.delimiter or ",")}
    if _EXCEL.fullmatch(line):
        return "csv"
    is_header = len(cells) > 1 and "\t" not in line and cells & (TEXT_NAMES | LABEL_NAMES)
    return "csv" if is_header else "tsv"


_JSON_BEGINS = re.compile(r'[\s\x1e]*(\[\s*(\{|$)|\{\s*("|\}|$))')
_FASTTEXT = re.compile(r"__label__[^\s,;]+ \S")
LABEL_MARK = "__label__"
"""What fastText writes before each label."""


def _is_document(line: str) -> bool:
    """Whether a JSON file that begins with `line` is a list, or an object over several lines or that holds rows."""
    bare = line.strip(BLANK)
    return bare.startswith("[") or (bare.startswith("{") and not bare.endswith("}")) or is_container(bare)


def is_container(line: str) -> bool:
    """Whether an object in one line holds rows rather than being one: columns, or a list of objects and no string."""
    try:
        content = strict_decoder().decode(line)
    except json.JSONDecodeError as error:
        return error.msg == "Extra data" and line[error.pos] == "{"  # several objects in one line
    except (ValueError, RecursionError, StrictError):
        return False
    values = list(content.values()) if isinstance(content, dict) else []
    has_list = len(lists_within(content)) > 0
    return columns_of(content) is not None or (has_list and not any(isinstance(value, str) for value in values))


def lists_within(content: Any) -> dict[str, list[Any]]:
    """The lists of objects among an object's members, by name; without any, within members that are objects."""
    members = content if isinstance(content, dict) else {}
    found = {name: value for name, value in members.items() if isinstance(value, list) and value}
    found = {name: value for name, value in found.items() if isinstance(value[0], dict)}
    if len(members) == 1 and not found:
        return lists_within(next(iter(members.values())))
    inner = [value for value in members.values() if isinstance(value, dict)]
    if found or any(isinstance(value, str) for each in (members, *inner) for value in each.values()):
        return found  # a string beside them: it is a row, with what belongs to it
    return {name: value for each in inner for name, value in lists_within(each).items()}


def columns_of(content: Any) -> dict[str, list[Any]] | None:
    """Columns of one length, in lists, or in objects with the same keys, as pandas writes them; None for others."""
    values = list(content.values()) if isinstance(content, dict) else []
    if split := _split_columns(content):
        return split
    if values and all(isinstance(value, dict) and value.keys() == values[0].keys() for value in values):
        if all(map(str.isdecimal, content)) and not all(map(str.isdecimal, values[0])):  # rows by their number
            return {name: [value[name] for value in values] for name in values[0]} or None
        values = [list(value.values()) for value in values]
    is_table = len(values) > 0 and all(isinstance(value, list) and len(value) == len(values[0]) for value in values)
    return dict(zip(content, values, strict=True)) if is_table and values[0] else None


def _split_columns(content: Any) -> dict[str, list[Any]] | None:
    """Columns of pandas' `orient="split"`: their names, and rows as lists of that length."""
    if not isinstance(content, dict) or content.keys() - {"index"} != {"columns", "data"}:
        return None
    names, rows = content["columns"], content["data"]
    are_names = (
        isinstance(names, list) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    )
    if not are_names or not isinstance(rows, list) or not rows:
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return {name: [row[place] for row in rows] for place, name in enumerate(names)} or None


def first_line(head: bytes, encoding: str) -> str:
    """The first line that is not empty, of a file's first bytes."""
    text = head.decode(encoding, "replace").removeprefix("\ufeff").lstrip("\r\n")
    return re.split(r"\r|\n", text, maxsplit=1)[0]


JsonRow: TypeAlias = tuple[int, dict[str, Any]]

DIGITS_LIMIT = 300
STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]')
# What JSON itself allows between and around values (RFC 8259, section 2)
BLANK = " \t\r\n"
RECORD = "\x1e"  # before each record of a JSON text sequence (RFC 7464)


def objects_of(runs: Iterator[Lines], *, limits: TableLimits) -> Iterator[JsonRow | Fault]:
    """Yield each line's object; lines of nothing but blanks are not rows."""
    decoder = strict_decoder()
    for run in runs:
        bad = run.bad
        for number, line in enumerate(run.texts, run.first):
            if bad and number in bad:
                yield Fault(number, bad[number], is_asked_for=True)
                continue
            stripped = line.lstrip(RECORD).strip(BLANK)
            if stripped:
                yield _parsed(number, stripped, decoder, limits)


def strict_decoder() -> json.JSONDecoder:
    """Python's, but for what it takes and JSON doesn't: `StrictError`."""
    return json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer)


def _parsed(number: int, line: str, decoder: json.JSONDecoder, limits: TableLimits) -> JsonRow | Fault:
    try:
        refuse_much(line, depth=limits.depth, values=limits.values)
        value = decoder.decode(line)
    except json.JSONDecodeError as error:
        return Fault(number, f"not JSON: {error.msg} at character {error.pos + 1}")
    except StrictError as error:
        return Fault(number, str(error))
    except RecursionError:
        return Fault(number, "JSON nests too deep")
    if not isinstance(value, dict):
        return Fault(number, f"must be a JSON object (got {kind_of_value(value)})")
    return number, value


def refuse_much(text: str, *, depth: int, values: int) -> None:
    """Raise `StrictError`, before anything is made of it, for JSON that nests deeper or holds more values."""
    if _depth_exceeds(text, depth):
        raise StrictError(f"JSON nests deeper than {depth} levels")
    if _values_exceed(text, values):
        raise StrictError(f"JSON holds more than {values:,} values")


class StrictError(Exception):
    """JSON that Python would take and we don't; its text is the reason."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise StrictError(f"the key {shown(twice)} occurs twice")
    return members


def _constant(name: str) -> Any:
    raise StrictError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_LIMIT:
        raise StrictError(f"a number has {len(digits):,} digits (at most {DIGITS_LIMIT})")
    return int(digits)


def _depth_exceeds(line: str, limit: int) -> bool:
    if line.count("[") + line.count("{") <= limit:
        return False
    depth = 0
    for match in STRING_OR_BRACKET.finditer(line):
        bracket = match[0]
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > limit:
            return True
    return False


def _values_exceed(line: str, limit: int) -> bool:
    """Whether more values begin than `limit`: behind every comma, and every bracket, outside strings."""
    if sum(map(line.count, ",[{")) <= limit:
        return False
    bare = STRING.sub("", line)
    return sum(map(bare.count, ",[{")) > limit


def kind_of_value(value: object) -> str:
    """What a JSON value that is no object is, for a message."""
    kinds = {list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
