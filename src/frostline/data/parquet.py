"""Rows of a Parquet file: columns of strings, whole numbers and booleans, and no other.

Imports pyarrow, so it is imported only when there is such a file.

A Parquet file says itself how big it is, and may lie. What has been handed out is held against its size, as for gzip.
"""

import base64
import contextlib
import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from frostline.data.cells import BadBytes, CellRules, Fault, Picked, RowError, fault, group_of, holds_written_lists
from frostline.data.columns import choose_columns, group_column, nested_names
from frostline.data.lines import Opened, bad_text
from frostline.data.options import TableOptions
from frostline.disk import home, private_folder
from frostline.errors import InputError, StorageError, shown

BATCH_ROWS = 8192
WRITTEN_OUT_BYTES = 64 << 20  # what a batch of the longest dictionary entry may take
BATCHES_PER_GROUP = 16  # in dictionaries: every batch carries a copy of its row group's, so more would be quadratic


@final
class ParquetFile:
    """Batches of a Parquet file.

    Raises `InputError`: more columns. (pyarrow's own errors come through: see `translated`.)

    Parameters
    ----------
    columns : int
        At most so many.
    nested : sequence of str
        Names such as `a.b`, which become columns where the column `a` has a field `b`.
    """

    def __init__(self, file: BinaryIO, name: str, *, columns: int, nested: Sequence[str] = ()) -> None:
        self._written_out = pq.ParquetFile(file, pre_buffer=False)
        self.metadata: pq.FileMetaData = self._written_out.metadata
        self.fields: list[pa.Field] = list(self._written_out.schema_arrow)
        self.names: list[str] = [field.name for field in self.fields]
        if len(self.fields) > columns:
            raise InputError(f"{name} must have at most {columns:,} columns (it has {len(self.fields):,}).")
        self.n_columns = len(self.names)
        self._add_nested(nested)
        counts = Counter(self.names)
        self.leaves = self._leaves()
        self._strings = [field.name for field in self.fields if kind_of(field) == "string" and counts[field.name] == 1]
        self._strings += [name for name in self.leaves if counts[name] == 1]
        in_dictionaries = [self.leaves.get(name, name) for name in self._strings]
        self._in_dictionaries = pq.ParquetFile(
            file, metadata=self.metadata, read_dictionary=in_dictionaries, pre_buffer=False
        )

    def n_values(self, column: str) -> int:
        """What the lists of a column hold together, as the footer has it."""
        groups = [self.metadata.row_group(number) for number in range(self.metadata.num_row_groups)]
        chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
        return sum(chunk.num_values for chunk in chunks if chunk.path_in_schema.startswith(f"{column}."))

    def sample(self, column: str, *, n_rows: int) -> pa.Array | None:
        """The first values of a column, strings in a dictionary; None where the file holds no rows."""
        if self.metadata.num_row_groups == 0:
            return None
        batches = self._in_dictionaries.iter_batches(n_rows, row_groups=[0], columns=[column], use_threads=False)
        batch = next(batches, None)
        return None if batch is None else column_of(batch, column)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """The rows of `columns`, in order; a string column comes written out or as a dictionary."""
        for group in range(self.metadata.num_row_groups):
            table, size = self._written_out, BATCH_ROWS
            if self._longest_entry(columns, group) * BATCH_ROWS > WRITTEN_OUT_BYTES:
                table = self._in_dictionaries
                size = max(BATCH_ROWS, self.metadata.row_group(group).num_rows // BATCHES_PER_GROUP)
            yield from table.iter_batches(size, row_groups=[group], columns=columns, use_threads=False)

    def _longest_entry(self, columns: list[str], group: int) -> int:
        """Bytes of the longest string in the dictionaries of a row group, which come before its rows."""
        strings = [column for column in columns if column in self._strings]
        batches = self._in_dictionaries.iter_batches(1, row_groups=[group], columns=strings, use_threads=False)
        batch = next(batches, None)
        if batch is None:
            return 0
        read = [getattr(column, "values", column) for column in (column_of(batch, name) for name in strings)]
        # Two columns of one path (`a.b`, and the `b` of `a`): pyarrow makes a dictionary of one of them
        dictionaries = [column.dictionary for column in read if pa.types.is_dictionary(column.type)]
        return max((pc.max(pc.binary_length(entries)).as_py() or 0 for entries in dictionaries), default=0)

    def _add_nested(self, nested: Sequence[str]) -> None:
        """Take what lies within columns of fields as columns too, where it is asked for."""
        for name in (name for name in nested if name not in self.names):
            outer, *inner = name.split(".")
            found = self.fields[self.names.index(outer)] if self.names.count(outer) == 1 else None
            for part in inner:
                fields = list(found.type) if found is not None and pa.types.is_struct(found.type) else []
                found = next((field for field in fields if field.name == part), None)
            if found is not None:
                self.names.append(name)
                self.fields.append(found.with_name(name))

    def _leaves(self) -> dict[str, str]:
        """Where the strings of each column of lists stand, as Parquet names it."""
        lists = [field.name for field in self.fields if kind_of(field) == "list" and _holds_strings(field)]
        schema = self.metadata.schema
        paths = [schema.column(place).path for place in range(len(schema))]
        return {name: path for name in lists for path in paths if path.startswith(f"{name}.")}


def column_of(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The column of that name, or what `a.b` leads to within one."""
    if name in batch.schema.names:
        return batch.column(name)
    outer, *inner = name.split(".")
    return pc.struct_field(batch.column(outer), inner)


@contextlib.contextmanager
def seekable(source: Opened) -> Iterator[BinaryIO]:
    """The uncompressed content as a file that can be jumped about in.

    A plain file is opened a second time. What comes compressed or through a pipe is laid into a nameless file in a
    private folder, which is gone with the process: texts are nobody else's business.

    Raises `InputError`: the file was replaced in between; `StorageError` or `AccessError`: the private folder
    cannot be used, or is full.
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


@contextlib.contextmanager
def of_arrow(file: BinaryIO, name: str, *, is_arrow: bool) -> Iterator[BinaryIO]:
    """An Arrow file or stream written anew as Parquet, a batch at a time, into a nameless file; Parquet as it is."""
    if not is_arrow:
        yield file
        return
    import pyarrow as pa  # noqa: PLC0415 - loaded only for such files
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    with tempfile.TemporaryFile(dir=private_folder(home() / "incoming")) as kept:
        with translated(name, "an Arrow"):
            is_file = file.read(6) == b"ARROW1"
            file.seek(0)
            reader = pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)
            batches = map(reader.get_batch, range(reader.num_record_batches)) if is_file else iter(reader)
            with pq.ParquetWriter(kept, reader.schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
        kept.seek(0)
        yield kept


def kind_of(field: pa.Field) -> str:
    """What a column may serve as: `string`, `number` or `float` (labels), `list` of the former (labels), or nothing."""
    types = pa.types
    if isinstance(field.type, pa.BaseExtensionType) or b"ARROW:extension:name" in (field.metadata or {}):
        return ""
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "string"
    if types.is_list(kind) or types.is_large_list(kind):
        return "list" if kind_of(kind.value_field) in {"string", "number"} else ""
    if types.is_floating(kind):  # stars as 5.0, of which pandas makes the whole numbers of a column with gaps
        return "float"
    return "number" if types.is_integer(kind) or types.is_boolean(kind) else ""


def _holds_strings(field: pa.Field) -> bool:
    return kind_of(field.type.value_field) == "string"


@contextlib.contextmanager
def translated(name: str, kind: str = "a Parquet") -> Iterator[None]:
    """What pyarrow raises on damaged files, as the one error that it is; errors of the disk stay such."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, MemoryError, KeyError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise StorageError(f"{name}: reading failed ({error.strerror}).", hint="Check the disk.") from error
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{name} is not {kind} file that can be read: {shown(why, 160)}.",
            hint="Fetch or write the file again, unencrypted, with columns of plain strings.",
        ) from error


ROW_BYTES = 8  # what a row costs in memory however short its text
SAMPLE_ROWS = 200
EXAMPLE_COLUMNS = 20


@final
class ParquetTable:
    """A Parquet file whose columns have been chosen; iterate over `rows()` once.

    Raises `InputError`: damaged, encrypted, columns of other types, larger than `options.limits` allow.

    Parameters
    ----------
    source : Opened
        For its name.
    """

    def __init__(self, file: BinaryIO, source: Opened, *, options: TableOptions, needs_label: bool) -> None:
        self.name = source.name
        self.options = options
        self.size_bytes = file.seek(0, os.SEEK_END)
        with translated(self.name):
            nested = nested_names(options, ())
            self._file = ParquetFile(file, self.name, columns=options.limits.columns, nested=nested)
            self._n_rows: int = self._file.metadata.num_rows
            self._check_size(self._n_rows * ROW_BYTES)
            sample = [self._sample(field) for field in self._file.fields[:EXAMPLE_COLUMNS]]
        names = self._file.names
        chosen = choose_columns(names, sample, options=options, name=self.name, needs_label=needs_label)
        label = chosen.label
        self._texts = [names[place] for place in chosen.text]
        self.label_column = "" if label is None else names[label]
        self._marks = [names[place] for place in chosen.labels]
        group = group_column(names, sample, options=options, name=self.name)
        self.group_column = "" if group is None else names[group]
        self.taken = replace(chosen.taken_from(names, group), names=tuple(names[: self._file.n_columns]))
        for place in (*chosen.text, label, *chosen.labels):
            if place is not None:
                _check_column(self._file.fields[place], names, self.name, is_label=place not in chosen.text)
        if group is not None:
            _check_group(self._file.fields[group], self.name)
        is_list = label is not None and kind_of(self._file.fields[label]) == "list"
        self._are_written = label is not None and holds_written_lists(self._sample(self._file.fields[label]), options)
        is_parted = label is not None and options.labels_separator is not None
        self.has_label_sets = is_list or is_parted or self._are_written or bool(self._marks)
        if is_list:
            with translated(self.name):  # a column's path that is no UTF-8
                n_values = self._file.n_values(self.label_column)
            self._check_size(n_values * ROW_BYTES)

    def rows(self, rules: CellRules) -> Iterator[Picked | Fault]:
        """Every row, or why it is left out; numbers count from 1."""
        label_of = self._label_of(rules)
        wanted = [*self._texts, *([self.label_column] if self.label_column else self._marks)]
        if self.group_column and self.group_column not in wanted:
            wanted.append(self.group_column)
        batches = self._file.batches(wanted)
        number = given = 0
        while True:
            with translated(self.name):
                batch = next(batches, None)
                if batch is None:
                    break
                texts = [self._values(column_of(batch, name), number) for name in self._texts]
                labels = self._labels(batch, number)
                has_group = bool(self.group_column)
                groups = self._values(column_of(batch, self.group_column), number) if has_group else [""] * len(batch)
            given += sum(len(text) for column in texts for text in column if isinstance(text, str))
            given += ROW_BYTES * len(batch)
            self._check_size(given)
            for cells, label, group in zip(zip(*texts, strict=True), labels, groups, strict=True):
                number += 1
                try:
                    text = rules.typed_text(number, cells[0]) if len(cells) == 1 else rules.joined_text(number, cells)
                    yield number, text, label_of(number, label), group_of(group)
                except RowError as error:
                    yield fault(number, error)
        self._check_count(number)

    @property
    def types(self) -> tuple[pa.DataType, ...]:
        """Of each column, once `restored`."""
        return tuple(_plain_type(field.type) for field in self._file.fields[: self._file.n_columns])

    def whole_rows(self, rules: CellRules, *, as_text: bool) -> Iterator[Picked | Fault]:
        """Every row without its label, with all its cells as a list, as `carried` gives them; or why it is left out."""
        names = self._file.names[: self._file.n_columns]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(
                f"{self.name}: {names.count(twice)} columns are named {shown(twice)}; only one may be.",
                hint="Write the file again with names that differ.",
            )
        batches = self._file.batches(names)
        number = given = 0
        while True:
            with translated(self.name):
                batch = next(batches, None)
                if batch is None:
                    break
                given += batch.nbytes + ROW_BYTES * len(batch)
                self._check_size(given)
                columns = [self._python_values(carried(column, as_text=as_text), number) for column in batch.columns]
                wanted = [self._python_values(column_of(batch, name), number) for name in self._texts]
            for cells, texts in zip(zip(*columns, strict=True), zip(*wanted, strict=True), strict=True):
                number += 1
                try:
                    text = rules.typed_text(number, texts[0]) if len(texts) == 1 else rules.joined_text(number, texts)
                    yield number, text, "", list(cells)
                except RowError as error:
                    yield fault(number, error)
        self._check_count(number)

    def _check_count(self, number: int) -> None:
        if number != self._n_rows:
            raise InputError(
                f"{self.name}: its footer says {self._n_rows:,} rows, there are {number:,}.",
                hint="Write the file again.",
            )

    def _label_of(self, rules: CellRules) -> Callable[[int, Any], str | tuple[str, ...]]:
        """What the value of `_labels` in a row says of its label."""
        if self._marks:
            return lambda _, values: rules.marked_labels(self._marks, values)
        if not self.label_column:
            return lambda *_: ""
        several = rules.typed_written if self._are_written else rules.typed_labels
        return several if self.has_label_sets else rules.typed_label

    def _labels(self, batch: pa.RecordBatch, before: int) -> Sequence[Any]:
        """The value of the label column in each row; the values of all, where each label has a column."""
        if self._marks:
            return list(zip(*(self._values(column_of(batch, name), before) for name in self._marks), strict=True))
        if not self.label_column:
            return [""] * len(batch)
        return self._values(column_of(batch, self.label_column), before)

    def _values(self, column: pa.Array, before: int) -> Sequence[Any]:
        """The values of a column as Python objects, equal ones of a dictionary as one object."""
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            flat = iter(self._values(column.flatten(), before))
            lengths = column.value_lengths().to_pylist()
            return [None if length is None else list(itertools.islice(flat, length)) for length in lengths]
        if not pa.types.is_dictionary(column.type):
            return self._python_values(column, before)
        numbers = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        used, places = np.unique(numbers, return_inverse=True)
        values = self._python_values(column.dictionary.take(pa.array(used[used >= 0])), before)
        distinct = [None] * int((used < 0).sum()) + values
        return [distinct[place] for place in places.tolist()]

    def _python_values(self, column: pa.Array, before: int) -> list[Any]:
        try:
            return list(column.to_pylist())
        except UnicodeDecodeError:
            return [self._decoded(raw, before + 1) for raw in column.cast(pa.large_binary()).to_pylist()]

    def _decoded(self, raw: bytes | None, first: int) -> str | None:
        """`raw` as text, by the rules for text that is not UTF-8; it is in row `first` or one of those after it."""
        if raw is None:
            return None
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            reason = f"byte {raw[error.start]:#04x} at offset {error.start:,} of the value is not utf-8"
            if self.options.on_bad_text == "error":
                raise bad_text(f"{self.name}, row {first:,} or after it: {reason}.", encoding="") from error
            return BadBytes(reason) if self.options.on_bad_text == "skip" else raw.decode(errors="replace")

    def _sample(self, field: pa.Field) -> Sequence[Any]:
        """A column's first values, where they are of a kind that may be used."""
        if kind_of(field) == "" or self._file.names.count(field.name) > 1:
            return []
        column = self._file.sample(field.name, n_rows=SAMPLE_ROWS)
        return [] if column is None else ["" if value is None else value for value in self._values(column, 0)]

    def _check_size(self, size: int) -> None:
        limits = self.options.limits
        if size > limits.expansion_free_bytes and size > limits.expansion * self.size_bytes:
            raise InputError(
                f"{self.name}: {self.size_bytes:,} bytes of Parquet would become more than {size:,}; at most "
                f"{limits.expansion} times as many are taken.",
                hint="If the file is what it should be, write it as TSV or JSONL.",
            )


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """The type without extensions and dictionaries."""
    if isinstance(kind, pa.BaseExtensionType):
        return _plain_type(kind.storage_type)
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def carried(column: pa.Array, *, as_text: bool) -> pa.Array:
    """A column of any type whose values as Python objects can be written as text, or `restored`, without a loss.

    Python's own times have no nanoseconds: times are carried as whole numbers.
    """
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if as_text and (pa.types.is_temporal(kind) or pa.types.is_decimal(kind)):
        is_plain = not pa.types.is_duration(kind) and not pa.types.is_interval(kind)
        return column.cast(pa.string()) if is_plain else column.view(pa.int64())
    if as_text and _is_binary(kind):
        return pa.array([None if raw is None else base64.b64encode(raw).decode() for raw in column.to_pylist()])
    return column.view(_whole_number(kind)) if pa.types.is_temporal(kind) else column


def restored(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """What `carried` and then Python held, as a column of its type."""
    return pa.array(values, _whole_number(kind)).view(kind) if pa.types.is_temporal(kind) else pa.array(values, kind)


def _whole_number(kind: pa.DataType) -> pa.DataType:
    return pa.int32() if kind.bit_width == 32 else pa.int64()


def _is_binary(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def _check_group(field: pa.Field, file: str) -> None:
    if kind_of(field) not in {"string", "number"}:
        raise InputError(
            f"{file}: the group column {shown(field.name)} must hold strings, whole numbers or booleans (it holds "
            f"{shown(str(field.type))}).",
            hint="Write that column as strings, or choose another with --group NAME.",
        )


def _check_column(field: pa.Field, names: Sequence[str], file: str, *, is_label: bool) -> None:
    if names.count(field.name) > 1:
        raise InputError(
            f"{file}: {names.count(field.name)} columns are named {shown(field.name)}; only one may be.",
            hint="Write the file again with names that differ.",
        )
    if kind_of(field) not in ({"string", "number", "float", "list"} if is_label else {"string"}):
        kinds = "strings, whole numbers, booleans or lists of these" if is_label else "strings"
        raise InputError(
            f"{file}: the {'label' if is_label else 'text'} column {shown(field.name)} must hold {kinds} "
            f"(it holds {shown(str(field.type))}).",
            hint="Write that column as strings, or choose another with --text NAME --label NAME.",
        )
