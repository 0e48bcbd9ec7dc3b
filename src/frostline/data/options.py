"""How a table is to be read: what the caller knows, and the limits on what a stranger's file may cost.

Every rule of reading: docs/formats/input.md.
"""

import contextlib
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, final, get_args

from frostline.errors import UsageError, shown

Column: TypeAlias = str | int
"""A column by its header's name, or by its number from 1."""

Format: TypeAlias = Literal["tsv", "csv", "jsonl", "json", "fasttext", "parquet", "arrow", "xlsx"]

FORMATS: tuple[Format, ...] = get_args(Format)

MEGABYTE = 1 << 20


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TableLimits:
    """What one file may ask of this machine; past a limit reading stops with an InputError or rejects the row."""

    line_bytes: int = 32 * MEGABYTE  # A physical line, and a row whose quotes hold line breaks
    field_characters: int = 16 * MEGABYTE  # One text or label
    columns: int = 1000
    labels: int = 1000  # Of one text
    depth: int = 64  # How deep a JSON value may nest
    expansion: int = 200  # How many bytes may come out of one byte of a compressed file..
    # ...once this many have come out: a small file may well be very repetitive.
    expansion_free_bytes: int = 64 * MEGABYTE
    expansion_free_rows: int = 4_000_000  # and no more rows than a compressed file has bytes, once there are so many
    document_bytes: int = 256 * MEGABYTE  # A JSON file that is read as a whole, and how many values it may hold
    document_values: int = 10_000_000
    values: int = 100_000  # In a JSON object of one line: an empty one takes three bytes there, and 64 in memory


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """How to read a table of texts; None means: find out.

    Raises
    ------
    UsageError
        A value is outside what is said here.
    """

    # `text`, `label`: The column, by its header's name or its number from 1. Several text columns are parted by commas
    # and joined (`subject,body`), unless one is named just so.
    text: Column | None = None
    label: Column | None = None
    # `guessed_text`, `guessed_label`: As written in a saved model that learned from them: taken where they are there
    # and none is named, and else passed over with a remark.
    guessed_text: str = ""
    guessed_label: str = ""
    guessed_group: str = ""  # The same of the column of groups
    # Columns of 0 and 1, one for each label, whose names are the labels: a text may have several, or none. Parted by
    # commas: names, or numbers from 1, or numbers from one to another (`3-8`).
    labels: str | None = None
    group: Column | None = None  # Rows with the same value there belong together: one author, one thread, one document
    # Labels known from elsewhere (training rows, a saved model): of two columns, the one that holds one of them, while
    # the other holds none, is the label's.
    known_labels: frozenset[str] = frozenset()
    # What stands between two labels of a text: then a text may have any number of them, an empty cell means none, and
    # blanks around a label are no part of it. Lists (JSONL, Parquet) need it not.
    labels_separator: str | None = None
    tidy_labels: bool = False  # Whether labels that differ by case or blanks alone are one label
    header: bool | None = None  # Whether the first row of a TSV or CSV names the columns
    format: Format | None = None
    sheet: str | None = None  # Of a workbook; without a choice the first that is not hidden
    delimiter: str | None = None  # The one character between two cells of a TSV or CSV
    # Whether a cell that begins with `"` is quoted as RFC 4180 has it. Without a choice: CSV yes, TSV no.
    quoted: bool | None = None
    encoding: str = "utf-8"  # Of TSV, CSV and JSONL. A UTF-8 byte-order mark is dropped.
    # For bytes that are not of that encoding and lone surrogates in JSON: stop; put U+FFFD; or leave the row out. Rows
    # left out so are listed among the rejects and do not count against `max_bad_rows`.
    on_bad_text: Literal["error", "replace", "skip"] = "error"
    # A text without a visible character is rejected, or kept as it is.
    on_empty_text: Literal["reject", "keep"] = "reject"
    max_bad_rows: int = 0  # How many rows may be rejected before reading fails
    limit: int | None = None  # Take the first `limit` rows of the file, rejected ones included
    limits: TableLimits = field(default_factory=TableLimits)

    def guessing(self, text: str, label: str, group: str = "") -> "TableOptions":
        """The same, with the columns that somebody learned from as the first guess."""
        return replace(self, guessed_text=text, guessed_label=label, guessed_group=group)

    def __post_init__(self) -> None:
        _check_choice("format", self.format, (None, *FORMATS))
        _check_choice("on_bad_text", self.on_bad_text, ("error", "replace", "skip"))
        _check_choice("on_empty_text", self.on_empty_text, ("reject", "keep"))
        _check_column("text", self.text)
        _check_column("label", self.label)
        _check_column("group", self.group)
        if self.labels is not None:
            _check_label_columns(self)
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '\n\r"'):
            raise UsageError(
                f"The delimiter must be one character, not a quote or a line break (got {shown(self.delimiter)})."
            )
        if self.labels_separator is not None and (not self.labels_separator or "\n" in self.labels_separator):
            raise UsageError(
                f"The labels' separator must not be empty, nor hold a line break (got {shown(self.labels_separator)})."
            )
        if self.max_bad_rows < 0:
            raise UsageError(f"max_bad_rows must be 0 or more (got {self.max_bad_rows}).")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"limit must be 1 or more (got {self.limit}).")
        _check_encoding(self.encoding)


def column_choice(value: str) -> Column:
    """What a command line's `--text` or `--label` means: digits are a column number, anything else a name."""
    return int(value) if re.fullmatch("[0-9]{1,9}", value) else value


def names_in(joined: str) -> list[str]:
    """The names of columns in a list that commas part; a name that holds commas stands in quotes, as in CSV."""
    if '"' in joined:
        with contextlib.suppress(csv.Error):  # a line break
            return next(csv.reader([joined], skipinitialspace=True), [])
    return joined.split(",")


def joined_names(names: Sequence[str]) -> str:
    """Names as `names_in` takes them; one alone as it is."""
    if len(names) == 1:
        return names[0]
    return ",".join(f'"{name.replace(_QUOTE, 2 * _QUOTE)}"' if {",", _QUOTE} & {*name} else name for name in names)


_QUOTE = '"'


def _check_choice(name: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        known = ", ".join(str(choice) for choice in choices if choice is not None)
        raise UsageError(f"{name} must be one of {known} (got {shown(value)}).")


def _check_column(name: str, value: Column | None) -> None:
    if value is None or isinstance(value, str):
        return
    if isinstance(value, bool) or value < 1:
        raise UsageError(f"The {name} column's number counts from 1 (got {value!r}).")


def _check_label_columns(options: TableOptions) -> None:
    """That the columns of 0 and 1 are several, and nothing else says where labels are."""
    if options.label is not None or options.labels_separator is not None:
        other = "a label column" if options.label is not None else "a separator of labels"
        raise UsageError(
            f"Columns of 0 and 1, one for each label, and {other} exclude each other.",
            hint="--labels is for several such columns, --label for one column that holds the labels.",
        )
    named = [name for name in names_in(options.labels or "") if name.strip()]
    if len(named) < 2 and not re.search(r"\d-\d", options.labels or ""):
        raise UsageError(
            f"--labels names the columns of 0 and 1, one for each label, two at least (got {shown(options.labels)}).",
            hint="Part them by commas: --labels toxic,insult. One column that holds the labels is named with --label.",
        )


def _check_encoding(encoding: str) -> None:
    try:
        "".encode(encoding)
        b"".decode(encoding)
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"{shown(encoding)} is not an encoding of text that Python knows.",
            hint="Common ones: utf-8, utf-16, latin-1, cp1252, gb18030, shift_jis.",
        ) from error
