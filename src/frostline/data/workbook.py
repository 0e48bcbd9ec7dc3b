"""Rows of an Excel workbook (.xlsx, .xlsm), by openpyxl, which the extra `frostline[xlsx]` brings.

A workbook is a zip archive of XML. What it says of itself is held against limits before anything is parsed: the sizes
of its parts (to which zipfile holds it), how much XML they are, how much of it a row is, how many sheets there are. No
part may define entities, and no formula is computed: a cell is what the program that saved the file last showed there.
"""

import contextlib
import datetime as dt
import itertools
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, final

from frostline.data.formats import A_TABLE, Row
from frostline.data.options import TableLimits
from frostline.errors import InputError, StorageError, UnavailableError, shown

INSTALL = "pip install 'frostline[xlsx]'"
MOST_ROWS = 1 << 20  # of a sheet, as Excel has it
MOST_SHEETS = 255
PART_BYTES = 1 << 30  # of all parts together, unpacked
# Beginnings of tags: of all strings, of a row, before the first row, of any other part
STRING_TAGS, ROW_TAGS, HEAD_TAGS, OTHER_TAGS = 4_000_000, 200_000, 20_000, 200_000
_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")
_SHEET = re.compile(rb"<(?:\w+:)?sheet[\s/>]")
# In UTF-16 every second byte is 0. An encoding that is neither would hide all of this.
_BARE_FORMULA = re.compile(rb"</f>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>|<f[^<>]*/>\s*(?:<v\s*/>)?\s*</c>")
_MERGED = re.compile(rb"<mergeCell\s")
_DEFINES = re.compile(rb"<\0?!\0?[DE]")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"'](?!utf-?8[\"']|us-ascii[\"']|iso-8859-1[\"'])", re.IGNORECASE)
# What names the workbook itself, with the path of a part that may be larger
_MISNAMED = re.compile(
    rb"<[^<]*(?:main\+xml[^<]*(?:worksheets/|sharedstrings)|(?:worksheets/|sharedstrings)[^<]*main\+xml)", re.IGNORECASE
)
_OTHERS = (
    ("xl/workbook.bin", "a binary Excel workbook (.xlsb)"),
    ("word/", "a Word document"),
    ("ppt/", "a PowerPoint presentation"),
    ("content.xml", "an OpenDocument file"),
)


@final
class Workbook:
    """A workbook, one of whose sheets is read; iterate over `rows()` once.

    Raises `InputError`: no workbook, damaged, encrypted, past a limit, or without the sheet; `UnavailableError`:
    openpyxl is not installed.

    Parameters
    ----------
    file : BinaryIO
        Seekable.
    name : str
        As it may stand in a message.
    sheet : str or None
        The sheet's name; None for the first that is not hidden.
    """

    def __init__(self, file: BinaryIO, name: str, *, limits: TableLimits, sheet: str | None) -> None:
        self.name = name
        self._has_bare_formulas = self._has_merged_cells = False
        self._check(file, limits)
        try:
            from openpyxl import load_workbook  # noqa: PLC0415 - the extra
        except ImportError as error:
            raise UnavailableError(f"{name}: reading a workbook needs openpyxl ({error}).", hint=INSTALL) from error
        with self._translated():
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheets = {each.title: each for each in book.worksheets}
            self.names = tuple(sheets)
            is_shown = [title for title, each in sheets.items() if each.sheet_state == "visible"]
        if not sheets:
            raise InputError(f"{name} must hold a sheet of rows (there is none).", hint="Save it again, or as CSV.")
        if sheet is not None and sheet not in sheets:
            listed = ", ".join(map(shown, self.names[:10])) + (", …" if len(sheets) > 10 else "")
            raise InputError(f"{name}: there is no sheet {shown(sheet)}.", hint=f"Its sheets: {listed}.")
        self.sheet = (is_shown or self.names)[0] if sheet is None else sheet
        self._sheet = sheets[self.sheet]

    def rows(self) -> Iterator[Row]:
        """The rows that are not blank, by their numbers in the sheet, each as wide as those before it at least."""
        with self._translated():
            self._sheet.reset_dimensions()  # what a file says of its size is often wrong
            found = enumerate(self._sheet.iter_rows(values_only=True), 1)
        width = 0
        while True:
            with self._translated():
                batch = [(number, self._cells(values)) for number, values in itertools.islice(found, 1000)]
            for number, cells in batch:
                if number > MOST_ROWS:
                    raise InputError(f"{self.name}: a sheet must have at most {MOST_ROWS:,} rows.")
                if cells:
                    width = max(width, len(cells))  # a title above the header has fewer
                    yield number, cells + [""] * (width - len(cells))
            if not batch:
                return

    @property
    def why_empty(self) -> str:
        """What to do where cells of it are empty; nothing where the workbook doesn't say why they may be."""
        if self._has_bare_formulas:
            return "Its formulas have no saved values: open it in a spreadsheet program and save it there."
        if self._has_merged_cells:
            return "Merged cells have their value in the first alone: unmerge them and fill each."
        return ""

    @staticmethod
    def _cells(values: Sequence[Any]) -> list[str]:
        cells = [text_of(value) for value in values]
        while cells and not cells[-1].strip():
            cells.pop()
        return cells

    def _check(self, file: BinaryIO, limits: TableLimits) -> None:
        """Raise for what is no workbook, and for what would ask too much of this machine."""
        size = file.seek(0, 2)
        file.seek(0)
        with self._translated(), zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            names = [part.filename for part in parts]
            for begin, what in _OTHERS:
                if any(name.startswith(begin) for name in names):
                    self._refuse_kind(what)
            if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
                listed = ", ".join(shown(name, 40) for name in names[:5]) + (", …" if len(names) > 5 else "")
                self._refuse_kind(f"a zip archive of {listed}" if names else "an empty zip archive")
            if any(part.flag_bits & 1 for part in parts):
                raise InputError(f"{self.name} is encrypted.", hint="Save it without a password.")
            total = sum(part.file_size for part in parts)
            is_bomb = total > limits.expansion_free_bytes and total > limits.expansion * size
            if len(set(names)) < len(names) or is_bomb or total > PART_BYTES:
                raise self._too_much(f"{size:,} bytes would become {total:,}")
            for part in parts:
                self._check_part(archive, part)
        file.seek(0)

    def _check_part(self, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
        """Raise for a part that defines entities, or holds too many elements at once."""
        name = part.filename.casefold()
        kind = "sheet" if name.startswith("xl/worksheets/") and not name.endswith(".rels") else name
        most = {"sheet": HEAD_TAGS, "xl/sharedstrings.xml": STRING_TAGS}.get(kind, OTHER_TAGS)
        count = n_sheets = 0
        for block in self._blocks(archive, part):
            before, *rows = _ROW.split(block) if most > OTHER_TAGS or kind == "sheet" else [block]
            n_sheets += len(_SHEET.findall(block))
            self._has_bare_formulas |= kind == "sheet" and bool(_BARE_FORMULA.search(block))
            self._has_merged_cells |= kind == "sheet" and bool(_MERGED.search(block))
            if kind == "[content_types].xml" and _MISNAMED.search(block):
                raise self._too_much("a sheet is called the workbook")
            count += before.count(b"<")
            is_over = count > most or n_sheets > MOST_SHEETS or (bool(rows) and kind != "sheet")
            for row in rows:
                most, count = ROW_TAGS, row.count(b"<")
                is_over = is_over or count > most
            if is_over:
                raise self._too_much(f"its part {shown(part.filename)} holds too many elements")

    def _blocks(self, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
        """A part, a megabyte at a time, no tag's beginning cut."""
        rest = b""
        is_first = True
        with archive.open(part) as content:
            while chunk := content.read(1 << 20):
                block = rest + chunk
                cut = max(0, block.rfind(b"<", len(block) - 200))
                block, rest = (block[:cut], block[cut:]) if cut else (block, b"")
                if _DEFINES.search(block) or (is_first and _ENCODING.search(block[:200])):
                    raise InputError(f"{self.name} holds XML that defines entities.", hint="Save it again, or as CSV.")
                is_first = False
                yield block
        yield rest

    def _too_much(self, found: str) -> InputError:
        return InputError(
            f"{self.name} asks for more than a table needs ({found}).", hint="Save the sheet as CSV (UTF-8)."
        )

    def _refuse_kind(self, what: str) -> None:
        raise InputError(
            f"{self.name} must be {A_TABLE} (it is {what}).",
            hint="Unpack it, or save the sheet as .xlsx or CSV (UTF-8).",
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """What zipfile and openpyxl raise over a damaged file, as one error; what openpyxl warns of is no concern."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield
            except (InputError, MemoryError):
                raise
            except OSError as error:
                if error.errno is not None and not isinstance(error, zipfile.BadZipFile):
                    raise StorageError(
                        f"{self.name}: reading failed ({error.strerror}).", hint="Check the disk."
                    ) from error
                raise self._damaged(error) from error
            except Exception as error:
                raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> InputError:
        why = (str(error) or type(error).__name__).splitlines()[0]
        return InputError(
            f"{self.name} is not a workbook that can be read: {shown(why, 160)}.",
            hint="Save it again, or as CSV (UTF-8).",
        )


def text_of(value: object) -> str:
    """A cell as text: whole numbers without a point, dates and times in ISO 8601, booleans as Excel shows them."""
    if value is None or isinstance(value, str):
        return (value or "").replace("_x000D_", "\r")  # how a workbook writes a carriage return
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return str(value.date()) if value.time() == dt.time() else value.isoformat(" ")
    return str(value)
