"""Which kind of table a file holds.

In:   the beginning of the uncompressed content, the file's name, the caller's choice.
Out:  `tsv`, `csv`, `jsonl` or `parquet`, and how cells are parted.
Not:  reading any of them.

Magic bytes beat the suffix; the suffix beats a guess from the text.
"""

import json
import re
from pathlib import PurePath

from frostline.data.columns import LABEL_NAMES, TEXT_NAMES, normalised
from frostline.data.delimited import Dialect
from frostline.data.options import Format, TableOptions
from frostline.errors import InputError

PARQUET_MAGIC = b"PAR1"
SUFFIXES: dict[str, Format] = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
# What people have instead of a table: the magic bytes, what it is, what to do
STRANGERS: tuple[tuple[bytes, str, str], ...] = (
    (b"PARE", "an encrypted Parquet file", "Write it again without encryption."),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Unpack it, or save the sheet as CSV (UTF-8)."),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "Save the sheet as CSV (UTF-8)."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Uncompress it first: zstd -d."),
    (b"BZh", "compressed with bzip2", "Uncompress it first: bzip2 -d."),
    (b"\xfd7zXZ\x00", "compressed with xz", "Uncompress it first: xz -d."),
    (b"\x1f\x8b\x08", "compressed twice", "Uncompress it once: gzip -d."),
    (b"ARROW1", "an Arrow (Feather) file", "Write it as Parquet."),
    (b"SQLite format 3\x00", "an SQLite database", "Export the table as CSV."),
    (b"%PDF-", "a PDF", "Extract its sentences into a table first."),
    (b"\x80\x04\x95", "a Python pickle, which is never opened", "Write it as Parquet or JSONL."),
    (b"\x93NUMPY", "a numpy array", "Write the texts as JSONL."),
)


def format_of(head: bytes, *, options: TableOptions, name: str) -> Format:
    """The kind of table whose uncompressed content begins with `head`.

    Parameters
    ----------
    head : bytes
        Up to and with the first line that is not blank.

    Raises
    ------
    InputError
        It is something else that is well known (an Excel workbook, say), or a JSON list, or not the Parquet it
        is said to be.
    """
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    for magic, what, hint in STRANGERS:
        if head.startswith(magic):
            raise InputError(f"{name} must be a TSV, CSV, JSONL or Parquet file (it is {what}).", hint=hint)
    found = options.format or _by_suffix(name) or _by_text(head, options=options)
    if found == "parquet":
        raise InputError(
            f"{name} must begin with {PARQUET_MAGIC.decode()}, as every Parquet file does.",
            hint="Fetch or make the file again; or name its real format with --format.",
        )
    if found == "jsonl" and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        raise InputError(
            f"{name} must hold one JSON object a line (it begins with a list).",
            hint="Write one object a line, e.g. with: jq -c '.[]'",
        )
    return found


def dialect_of(head: bytes, *, found: Format, options: TableOptions) -> Dialect:
    """How the cells of a TSV or CSV are parted.

    A CSV whose first line has no comma but semicolons, or else tabs, is parted by those.
    """
    is_quoted = found == "csv" if options.quoted is None else options.quoted
    if options.delimiter is not None:
        return Dialect(options.delimiter, is_quoted)
    if found == "tsv":
        return Dialect("\t", is_quoted)
    line = re.sub(r'"[^"]*"', "", _first_line(head, options.encoding))
    return Dialect(next((mark for mark in ",;\t" if mark in line), ","), is_quoted)


def _by_suffix(name: str) -> Format | None:
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes[-2:]]
    if suffixes and suffixes[-1] in {".gz", ".gzip"}:
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def _by_text(head: bytes, *, options: TableOptions) -> Format:
    """A guess from the first line: an object, a header with a known name between commas, else TSV (or bare lines)."""
    line = _first_line(head, options.encoding)
    if line.startswith("{"):
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            pass
        else:
            return "jsonl"
    cells = {normalised(cell.strip('"')) for cell in line.split(options.delimiter or ",")}
    is_header = len(cells) > 1 and "\t" not in line and cells & (TEXT_NAMES | LABEL_NAMES)
    return "csv" if is_header else "tsv"


def _first_line(head: bytes, encoding: str) -> str:
    text = head.decode(encoding, "replace").removeprefix("\ufeff").lstrip("\r\n")
    return re.split(r"\r|\n", text, maxsplit=1)[0]
