"""Lines into the rows of a TSV or CSV.

In:   `Lines`, and how cells are parted.
Out:  rows as (number of the first physical line, cells), or a `Fault`.
Not:  what a cell means (columns.py); whether a row has as many cells as it should (tables.py).

Plain: a row is a line and a `"` is a letter. Quoted: RFC 4180, strict where a cell begins with `"`, and a `"`
anywhere else is a letter. One stray quote makes Python's csv module take the rest of the file for one cell.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, final

from frostline.data.lines import Lines
from frostline.data.options import TableLimits
from frostline.data.rejects import Fault
from frostline.errors import InputError

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

    Raises
    ------
    InputError
        A quote opened in some line is never closed, or not within `limits.line_bytes` characters: everything that
        follows would be one cell.
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
