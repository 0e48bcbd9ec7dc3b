"""Rows of a Parquet file: columns of strings, whole numbers and booleans, and no other.

In:   an `Opened` Parquet file.
Out:  (row number, text, label), or a `Fault`.
Not:  JSON, TSV and CSV.

A Parquet file says itself how big it is, and may lie: one dictionary entry of 10 MB repeated by a run of ten million
indices takes a few bytes on disk. Strings are therefore left in their dictionaries, where each value exists once,
and what has been handed out is held against the size of the file.
"""

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, final

import numpy as np

from frostline.data.cells import CellRules, Picked, RowError, SkippedTextError, fault
from frostline.data.columns import choose_columns
from frostline.data.lines import bad_text
from frostline.data.opening import Opened
from frostline.data.options import TableOptions
from frostline.data.rejects import Fault
from frostline.errors import InputError, StorageError, shown
from frostline.places import home, private_folder

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 65_536
BATCHES_PER_GROUP = 16  # every batch carries a copy of its row group's dictionary: more would be quadratic
ROW_BYTES = 8  # what a row costs in memory however short its text
SAMPLE_ROWS = 200
EXAMPLE_COLUMNS = 20


@final
class ParquetTable:
    """A Parquet file whose columns have been chosen; iterate over `rows()` once.

    Parameters
    ----------
    file : binary file, seekable
    source : Opened
        For its name and size.
    options : TableOptions
    needs_label : bool

    Raises
    ------
    InputError
        Damaged, encrypted, columns of other types, larger than `options.limits` allow.
    """

    def __init__(self, file: BinaryIO, source: Opened, *, options: TableOptions, needs_label: bool) -> None:
        self.name = source.name
        self.options = options
        self.size_bytes = file.seek(0, os.SEEK_END)
        with _translated(self.name):
            self._table = _opened_table(file, self.name, columns=options.limits.columns)
            fields = list(self._table.schema_arrow)
            self.names = [field.name for field in fields]
            self._check_size(self._table.metadata.num_rows * ROW_BYTES)
            sample = [self._sample(field) for field in fields[:EXAMPLE_COLUMNS]]
        text, label = choose_columns(self.names, sample, options=options, name=self.name, needs_label=needs_label)
        self.text_column = self.names[text]
        self.label_column = "" if label is None else self.names[label]
        for place in (text, label):
            if place is not None:
                _check_column(fields[place], self.names, self.name, is_label=place == label)

    def rows(self, rules: CellRules) -> Iterator[Picked | Fault]:
        """Every row, or why it is left out; numbers count from 1."""
        columns = [self.text_column, *([self.label_column] if self.label_column else [])]
        number = given = 0
        batches = self._batches(columns)
        while True:
            with _translated(self.name):
                batch = next(batches, None)
                if batch is None:
                    break
                texts = self._values(batch.column(0), number)
                labels = self._values(batch.column(1), number) if self.label_column else [""] * len(texts)
            given += sum(len(text) for text in texts if isinstance(text, str)) + ROW_BYTES * len(texts)
            self._check_size(given)
            for text, label in zip(texts, labels, strict=True):
                number += 1
                try:
                    picked = _text(text, rules), _label(label, rules) if self.label_column else ""
                except RowError as error:
                    yield fault(number, error)
                else:
                    yield number, *picked
        if number != self._table.metadata.num_rows:
            raise InputError(
                f"{self.name}: its footer says {self._table.metadata.num_rows:,} rows, there are {number:,}.",
                hint="Write the file again.",
            )

    def _batches(self, columns: list[str]) -> "Iterator[pa.RecordBatch]":
        for group in range(self._table.num_row_groups):
            declared = self._table.metadata.row_group(group).num_rows
            size = max(BATCH_ROWS, min(declared, self._table.metadata.num_rows) // BATCHES_PER_GROUP)
            yield from self._table.iter_batches(size, row_groups=[group], columns=columns, use_threads=False)

    def _values(self, column: "pa.Array", before: int) -> Sequence[Any]:
        """The values of a column of a batch as Python objects; strings that are not UTF-8 as `_BadBytes`."""
        import pyarrow as pa  # noqa: PLC0415 - loaded only for Parquet files

        if not pa.types.is_dictionary(column.type):
            return list(column.to_pylist())
        numbers = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        used, places = np.unique(numbers, return_inverse=True)
        entries = column.dictionary.take(pa.array(used[used >= 0]))
        try:
            values = entries.to_pylist()
        except UnicodeDecodeError:
            values = [self._decoded(raw, before + 1) for raw in entries.cast(pa.large_binary()).to_pylist()]
        distinct: list[Any] = [None] * int((used < 0).sum()) + values
        return [distinct[place] for place in places.tolist()]

    def _decoded(self, raw: bytes, after: int) -> "str | _BadBytes":
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            reason = f"byte {raw[error.start]:#04x} at offset {error.start:,} of the value is not utf-8"
            if self.options.on_bad_text == "error":
                raise bad_text(f"{self.name}, in or after row {after:,}: {reason}.", encoding="") from error
            return _BadBytes(reason) if self.options.on_bad_text == "skip" else raw.decode(errors="replace")

    def _sample(self, field: "pa.Field") -> Sequence[Any]:
        """A column's first values, where they are of a kind that may be used."""
        if _kind_of(field) == "" or self.names.count(field.name) > 1 or self._table.num_row_groups == 0:
            return []
        batches = self._table.iter_batches(SAMPLE_ROWS, row_groups=[0], columns=[field.name], use_threads=False)
        batch = next(batches, None)
        if batch is None:
            return []
        values = self._values(batch.column(0), 0)
        return ["" if value is None else value for value in values]

    def _check_size(self, size: int) -> None:
        limits = self.options.limits
        if size > limits.expansion_free_bytes and size > limits.expansion * self.size_bytes:
            raise InputError(
                f"{self.name}: {self.size_bytes:,} bytes of Parquet would become more than {size:,}; at most "
                f"{limits.expansion} times as many are taken.",
                hint="If the file is what it should be, write it as TSV or JSONL.",
            )


@contextlib.contextmanager
def seekable(source: Opened) -> Iterator[BinaryIO]:
    """The uncompressed content as a file that can be jumped about in.

    A plain file is opened a second time. What comes compressed or through a pipe is laid into a nameless file in a
    private folder, which is gone with the process: texts are nobody else's business.

    Raises
    ------
    InputError
        The file was replaced in between.
    StorageError, AccessError
        The private folder cannot be used, or is full.
    """
    if source.path is not None and not source.is_compressed:
        with source.path.open("rb") as again:
            first, second = os.fstat(source.handle.fileno()), os.fstat(again.fileno())
            if not os.path.samestat(first, second) or first.st_mtime_ns != second.st_mtime_ns:
                raise InputError(f"{source.name} has changed while it was read.", hint="Run the same command again.")
            yield again
        return
    with tempfile.TemporaryFile(dir=private_folder(home() / "incoming")) as kept:
        try:
            for chunk in source.chunks():
                kept.write(chunk)
        except OSError as error:
            needed = f"{shutil.disk_usage(home()).free:,} bytes are free in {home()}"
            raise StorageError(
                f"{source.name}: cannot be laid aside while it is read ({error.strerror}; {needed}).",
                hint="Free some space or set FROSTLINE_HOME; or uncompress the file first.",
            ) from error
        yield kept


@final
class _BadBytes:
    """A string value that is not UTF-8, on a row that is to be left out."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def _text(value: object, rules: CellRules) -> str:
    if isinstance(value, _BadBytes):
        raise SkippedTextError(value.reason)
    if not isinstance(value, str):
        raise RowError("the text is null")
    return rules.text(value)


def _label(value: object, rules: CellRules) -> str:
    if isinstance(value, _BadBytes):
        raise SkippedTextError(value.reason)
    if value is None:
        raise RowError("the label is null")
    if isinstance(value, bool):
        return rules.label("true" if value else "false")
    return rules.label(str(value))


def _opened_table(file: BinaryIO, name: str, *, columns: int) -> "pq.ParquetFile":
    import pyarrow.parquet as pq  # noqa: PLC0415 - loaded only for Parquet files

    first = pq.ParquetFile(file, pre_buffer=False)
    fields = list(first.schema_arrow)
    if len(fields) > columns:
        raise InputError(f"{name} must have at most {columns:,} columns (it has {len(fields):,}).")
    names = Counter(field.name for field in fields)
    strings = [field.name for field in fields if _kind_of(field) == "string" and names[field.name] == 1]
    return pq.ParquetFile(file, metadata=first.metadata, read_dictionary=strings, pre_buffer=False)


def _kind_of(field: "pa.Field") -> str:
    """What a column may serve as: `string`, `number` (a label), or nothing."""
    import pyarrow as pa  # noqa: PLC0415 - loaded only for Parquet files

    types = pa.types
    if isinstance(field.type, pa.BaseExtensionType) or b"ARROW:extension:name" in (field.metadata or {}):
        return ""
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "string"
    return "number" if types.is_integer(kind) or types.is_boolean(kind) else ""


def _check_column(field: "pa.Field", names: Sequence[str], file: str, *, is_label: bool) -> None:
    if names.count(field.name) > 1:
        raise InputError(f"{file}: {names.count(field.name)} columns are named {shown(field.name)}; one may be.")
    allowed = {"string", "number"} if is_label else {"string"}
    if _kind_of(field) not in allowed:
        kinds = "strings, whole numbers or booleans" if is_label else "strings"
        raise InputError(
            f"{file}: the {'label' if is_label else 'text'} column {shown(field.name)} must hold {kinds} "
            f"(it holds {shown(str(field.type))}).",
            hint="Write that column as strings, or choose another with --text NAME --label NAME.",
        )


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    """What pyarrow raises on damaged files, as the one error that it is; errors of the disk stay such."""
    import pyarrow as pa  # noqa: PLC0415 - loaded only for Parquet files

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, MemoryError, KeyError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise StorageError(f"{name}: reading failed ({error.strerror}).", hint="Check the disk.") from error
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{name} is not a Parquet file that can be read: {shown(why, 160)}.",
            hint="Fetch or write the file again, unencrypted, with columns of plain strings.",
        ) from error
