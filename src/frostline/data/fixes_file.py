r"""The file that a person edits: one row per row to look at, safe in any spreadsheet, and read back whatever wrote it.

In:   rows to look at; later the same file, edited.
Out:  `fixes.tsv`; later `Fixes`.
Not:  doing what it says (fixes.py); what is put into it (review/).

Byte for byte: docs/formats/fixes.md. A tab, a line break or another control in a cell is written as an escape (`\t`,
`\n`, `\\`), and a cell that a spreadsheet would take for a formula or for a quoted one gets an apostrophe before it.
So no cell of ours begins with a quote: one that does was quoted by whoever saved the file, and is unquoted.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from frostline.data.fixes import ACTIONS, Action, Fix, Fixes, text_check
from frostline.data.opening import file_name, opened
from frostline.data.options import TableLimits
from frostline.errors import InputError, shown
from frostline.publish import publish_stream

COLUMNS = ("action", "advice", "line", "label", "suggested", "score", "reason", "text", "check")
NEEDED = ("action", "line", "label", "suggested", "check")
LONGEST = 30_000  # characters of a reason or a text that are shown: a spreadsheet's cell holds 32,767
MOST_BYTES = 1 << 30

_GUARDED = (
    "=",
    "+",
    "-",
    "@",
    "'",
    '"',
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last four: = + - @ of full width
_ESCAPED = re.compile("[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(\\|t|n|r|u[0-9a-f]{4})")
_NAMED = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_MEANT = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FixRow:
    """A row to look at.

    Parameters
    ----------
    action : {"keep", "relabel", "drop"}
        What happens if nobody edits it.
    advice : str
        What the review would do: `relabel`, `drop` or `look`.
    line : int
    label, suggested : str
        `suggested` may be empty.
    score : float
        How sure the review is, 0 to 1.
    reason, text : str
    """

    action: Action = "keep"
    advice: str
    line: int
    label: str
    suggested: str = ""
    score: float
    reason: str
    text: str


def write_fixes(path: Path, rows: Iterable[FixRow]) -> int:
    """Write the file, whole or not at all; the number of rows.

    Raises
    ------
    StorageError, AccessError
        As `publish_stream`.
    """
    count = 0
    with publish_stream(path) as out:
        out.write(("\t".join(COLUMNS) + "\n").encode())
        for row in rows:
            count += 1
            cells = (row.action, row.advice, str(row.line), row.label, row.suggested, f"{row.score:.3f}")
            shown_cells = (*map(cell_of, cells), _cut(cell_of(row.reason)), _cut(cell_of(row.text[:LONGEST])))
            out.write("\t".join((*shown_cells, text_check(row.text))).encode() + b"\n")
    return count


def read_fixes(path: Path | str) -> Fixes:
    """Read the file, as it was written or as a spreadsheet saved it (tabs, commas or semicolons, UTF-8 or UTF-16).

    Raises
    ------
    MissingInputError, AccessError, StorageError
        The file cannot be read.
    InputError
        A column is missing; an action is unknown; a line is no number.
    """
    name = file_name(path)
    with opened(path, limits=TableLimits()) as source:
        content = b"".join(_bounded(source.chunks(), name))
        sha256, _ = source.fingerprint()
    rows = _cells(content, name)
    header = [cell.strip().casefold() for cell in next(rows, [])]
    missing = [column for column in NEEDED if column not in header]
    if missing:
        raise InputError(
            f"{name} must be a file of fixes (the column {shown(missing[0])} is missing).",
            hint="frostline review FILE --out fixes.tsv writes one.",
        )
    places = {column: header.index(column) for column in NEEDED}
    found = []
    for number, cells in enumerate(rows, 2):
        if any(cell.strip() for cell in cells):
            values = {column: cells[place] if place < len(cells) else "" for column, place in places.items()}
            found.append(_fix(values, number, name))
    return Fixes(name, sha256, tuple(found))


def cell_of(value: str) -> str:
    """`value` as a cell that no spreadsheet takes for anything but text."""
    escaped = _ESCAPED.sub(lambda found: _NAMED.get(found[0]) or f"\\u{ord(found[0]):04x}", value)
    return "'" + escaped if escaped.startswith(_GUARDED) else escaped


def value_of(cell: str) -> str:
    """What `cell_of` made the cell of."""
    plain = cell.removeprefix("'")
    return _ESCAPE.sub(lambda found: _MEANT.get(found[1]) or chr(int(found[1][1:], 16)), plain)


def _cut(cell: str) -> str:
    return cell if len(cell) < LONGEST else cell[: LONGEST - 1] + "…"


def _fix(values: dict[str, str], number: int, name: str) -> Fix:
    action = values["action"].strip().casefold() or "keep"
    if action not in ACTIONS:
        raise InputError(
            f"{name}: row {number}: the action must be one of {', '.join(ACTIONS)} (got {shown(values['action'])})."
        )
    line = values["line"].strip().removesuffix(".0")
    if not (line.isascii() and line.isdigit() and len(line) < 20):
        raise InputError(f"{name}: row {number}: the line must be a number (got {shown(values['line'])}).")
    return Fix(
        action=action,
        line=int(line),
        label=value_of(values["label"]),
        suggested=value_of(values["suggested"]),
        check=values["check"].strip(),
        row=number,
    )


def _bounded(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > MOST_BYTES:
            raise InputError(f"{name}: a file of fixes must have at most {MOST_BYTES:,} bytes.")
        yield chunk


def _cells(content: bytes, name: str) -> Iterator[list[str]]:
    """The cells of each line; what separates them is what stands between the columns' names."""
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: must be in UTF-8 (byte {error.start} is not).", hint="Save it as UTF-8 text, parted by tabs."
        ) from error
    head = text.split("\n", 1)[0]
    delimiter = max("\t,;", key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{name}: line {lines.line_num} cannot be parted into cells ({error}).",
                hint="Save it as text parted by tabs.",
            ) from error
        yield cells
