"""Rows of a Parquet or Arrow file: columns of strings, whole numbers and booleans, and no other.

Another process reads it (`columnar.py`, which says what is asked and told). If that one dies, takes too long or too
much memory, the file is refused. Here nothing is made of a file but JSON, of which no answer is longer than one row
may be.

Such a file says itself how big it is, and may lie. What has been handed out is held against its size, as for gzip.
"""

import base64
import contextlib
import datetime as dt
import decimal
import functools
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, final

from frostline import child
from frostline.data.cells import BadBytes, CellRules, Fault, Picked, RowError, fault, group_of, holds_written_lists
from frostline.data.columns import choose_columns, group_column, nested_names
from frostline.data.lines import Opened, bad_text
from frostline.data.options import Format, TableLimits, TableOptions
from frostline.disk import home, private_folder
from frostline.errors import InputError, StorageError, shown

if TYPE_CHECKING:
    import pyarrow as pa

Form: TypeAlias = Literal["plain", "text", "numbers"]

CALLED: dict[Format, str] = {"parquet": "a Parquet", "arrow": "an Arrow"}
ANSWER_BYTES = 256 << 20
MEMORY_BYTES, MEMORY_EACH = 512 << 20, 4  # what reading may take: so much, and so much for each byte of the file
SECONDS, BYTES_A_SECOND = 8, 1 << 20  # of computing, likewise
_HINT = "Fetch or write the file again, unencrypted, with columns of plain strings."


@final
@dataclass(frozen=True, slots=True)
class Field:
    """A column of the file, as the file has it."""

    place: int
    name: str
    kind: str  # What it may serve as: `string`, `number`, `list` of either, or nothing
    type: str
    is_member: bool  # Of the values of a column: `a.b`
    bytes: int  # Uncompressed, by the footer; 0 where nobody knows
    values: int  # Of all lists together where it holds lists; 0 where nobody knows


@final
class ColumnReader:
    """A conversation with the process that reads a file.

    Raises `InputError`: it says that the file is damaged, or does not answer; `StorageError`: the disk failed.

    Parameters
    ----------
    process : Child
        That runs `columnar.py`.
    name : str
        The file, for messages.
    """

    def __init__(self, process: child.Child, name: str, *, kind: Format, limits: TableLimits) -> None:
        self._process = process
        self._name = name
        self._called = CALLED[kind]
        self.format = kind.capitalize()
        answer = self._answer()
        with self._checked():
            if answer["n_fields"] > limits.columns:
                raise InputError(
                    f"{name} must have at most {limits.columns:,} columns (it has {answer['n_fields']:,})."
                )
            self.fields = [Field(place=place, **field) for place, field in enumerate(answer["fields"])]
            self.n_rows: int | None = answer["n_rows"]

    def sample(self, place: int, *, n_rows: int) -> list[Any]:
        """The first values of a column."""
        self._ask({"sample": place, "n_rows": n_rows})
        answer = self._answer()
        with self._checked():
            return list(answer["values"])

    def batches(
        self, places: Sequence[int], *, as_well: Sequence[int] = (), form: Form = "plain"
    ) -> Iterator[tuple[list[list[Any]], int]]:
        """The values of columns, a few rows at a time, and their bytes; equal ones may be one object.

        Parameters
        ----------
        places : sequence of int
            Columns that come in this form: `plain` for those that `Field.kind` knows; of any type as `text`, or as
            `numbers` where Python has no such type.
        as_well : sequence of int
            Further ones, plain.
        """
        self._ask({"rows": [*places, *as_well], "form": form, "formed": len(places)})
        while "end" not in (answer := self._answer()):
            with self._checked():
                columns = [_values(column) for column in answer["columns"]]
                if len(columns) != len(places) + len(as_well) or len(set(map(len, columns))) != 1:
                    raise ValueError("columns")
                n_bytes = int(answer["bytes"])
            yield columns, n_bytes

    def types(self) -> tuple[Any, ...]:
        """The columns' types as pyarrow has them, without extensions; dictionaries are of strings or bytes alone."""
        import pyarrow as pa  # noqa: PLC0415 - heavy, and only for files that are written with these types

        self._ask({"types": True})
        answer = self._answer()
        with self._checked():
            return tuple(pa.ipc.read_schema(pa.py_buffer(base64.b64decode(answer["schema"]))).types)

    def _ask(self, question: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # it is gone: the answer will not come
            self._process.asked.write(json.dumps(question).encode() + b"\n")
            self._process.asked.flush()

    def _answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        with self._checked():
            length = int(self._read(8), 16)
            if length > ANSWER_BYTES:
                raise ValueError(length)
            answer = dict(json.loads(self._read(length).decode("utf-8", "surrogateescape"), object_hook=_untagged))
        if "error" not in answer:
            return answer
        if answer.get("kind") == "disk":
            raise StorageError(f"{self._name}: reading failed ({shown(answer['error'])}).", hint="Check the disk.")
        if answer.get("kind") == "memory":
            raise self._refused(f"reading it took more than {answer['error']}")
        raise InputError(
            f"{self._name} is not {self._called} file that can be read: {shown(answer['error'], 160)}.", hint=_HINT
        )

    def _read(self, size: int) -> bytes:
        content = self._process.told.read(size)
        if len(content) == size:
            return content
        code = -self._process.code()
        called = {number.value: number.name for number in signal.Signals}.get(code, "itself")
        took_long = called in {"SIGXCPU", "SIGALRM"}
        raise self._refused("reading it took too long" if took_long else f"what read it was ended by {called}")

    def _refused(self, why: str) -> InputError:
        return InputError(
            f"{self._name} is not {self._called} file that can be read: {why}.",
            hint="It may be made to do harm: fetch it from whom you trust, or have it written as TSV or JSONL.",
        )

    @contextlib.contextmanager
    def _checked(self) -> Iterator[None]:
        """An answer that makes no sense comes from a process that the file has damaged."""
        try:
            yield
        except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            if isinstance(error, InputError):
                raise
            raise self._refused("what read it answered nonsense") from error


def _untagged(value: dict[str, Any]) -> Any:
    """What JSON has no word for: see `columnar.tagged`."""
    if len(value) != 1:
        return value
    (tag, inner), *_ = value.items()
    make = _TAGS.get(tag)
    return value if make is None else make(inner)


_TAGS: Mapping[str, Callable[[Any], Any]] = {
    "\0bytes": base64.b64decode,
    "\0Decimal": decimal.Decimal,
    "\0date": dt.date.fromisoformat,
    "\0time": dt.time.fromisoformat,
    "\0datetime": dt.datetime.fromisoformat,
    "\0timedelta": lambda microseconds: dt.timedelta(microseconds=microseconds),
}


def restored(values: Sequence[Any], kind: "pa.DataType") -> "pa.Array":
    """What `ParquetTable.whole_rows` gave of a column, not as text, as a column of its type."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for files that are written with these types

    from frostline.data.columnar import as_whole_numbers, plain_type  # noqa: PLC0415 - it imports pyarrow

    carried = plain_type(kind, as_whole_numbers)
    return pa.array([_with_pairs(value, carried) for value in values], carried).cast(kind)


def _with_pairs(value: Any, kind: "pa.DataType") -> Any:
    """Entries of maps, which JSON has as lists of two, as pairs: pyarrow takes no others."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    if value is None or not pa.types.is_nested(kind):
        return value
    if pa.types.is_map(kind):
        return [(_with_pairs(key, kind.key_type), _with_pairs(item, kind.item_type)) for key, item in value]
    if pa.types.is_struct(kind):
        return {field.name: _with_pairs(value[field.name], field.type) for field in kind}
    return [_with_pairs(item, kind.value_type) for item in value]


def _values(column: dict[str, Any]) -> list[Any]:
    values, places = column["values"], column.get("places")
    if not isinstance(values, list) or (places and min(places) < 0):
        raise ValueError("values")
    return values if places is None else [values[place] for place in places]


@contextlib.contextmanager
def column_reader(file: BinaryIO, name: str, *, kind: Format, limits: TableLimits) -> Iterator[ColumnReader]:
    """Have another process read `file`; it ends with the context."""
    if not child.CAN_KEEP:
        raise InputError(
            f"{name}: Parquet, Arrow and Feather files are read on Linux and macOS alone, by a process of their own.",
            hint="Write it as JSON Lines, for example pandas.read_parquet(FILE).to_json('FILE.jsonl', "
            "orient='records', lines=True).",
        )
    handle = file.fileno()
    size_bytes = os.fstat(handle).st_size
    most = {
        "memory_bytes": MEMORY_BYTES + MEMORY_EACH * size_bytes,
        "seconds": SECONDS + size_bytes // BYTES_A_SECOND,
        "columns": limits.columns,
        "characters": limits.field_characters,
        "items": limits.labels,
    }
    process = child.Child("frostline.data.columnar", str(handle), kind, json.dumps(most), keep=(handle,))
    with contextlib.closing(process):
        yield ColumnReader(process, name, kind=kind, limits=limits)


@contextlib.contextmanager
def seekable(source: Opened) -> Iterator[BinaryIO]:
    """The uncompressed content as a file that can be jumped about in.

    A plain file is opened a second time. What comes compressed or through a pipe is laid into a nameless file in a
    private folder, which is gone with the process: texts are nobody else's business.

    Raises `InputError`: the file was replaced in between; `StorageError` or `AccessError`: the private folder
    cannot be used, or is full.
    """
    if isinstance(source.path, Path) and not source.is_compressed:
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
            kept.flush()  # the process that reads has only the handle
        except OSError as error:
            needed = f"{shutil.disk_usage(home()).free:,} bytes are free in {home()}"
            raise StorageError(
                f"{source.name}: cannot be laid aside while it is read ({error.strerror}; {needed}).",
                hint="Free some space or set FROSTLINE_HOME; or uncompress the file first.",
            ) from error
        yield kept


@contextlib.contextmanager
def parquet_table(
    source: Opened, *, kind: Format, options: TableOptions, needs_label: bool
) -> Iterator["ParquetTable"]:
    """The table in `source`, while the process that reads it is there."""
    with seekable(source) as file, column_reader(file, source.name, kind=kind, limits=options.limits) as reader:
        # Nothing here may move in the file: the process that reads has the same handle, and with it the same place.
        size_bytes = os.fstat(file.fileno()).st_size
        yield ParquetTable(reader, source, size_bytes=size_bytes, options=options, needs_label=needs_label)


ROW_BYTES = 8  # what a row costs in memory however short its text
SAMPLE_ROWS = 200
EXAMPLE_COLUMNS = 20


@final
class ParquetTable:
    """A file whose columns have been chosen; iterate over `rows()` once.

    Raises `InputError`: damaged, encrypted, columns of other types, larger than `options.limits` allow.

    Parameters
    ----------
    source : Opened
        For its name.
    """

    def __init__(
        self, reader: ColumnReader, source: Opened, *, size_bytes: int, options: TableOptions, needs_label: bool
    ) -> None:
        self.name = source.name
        self.options = options
        self.size_bytes = size_bytes
        self._reader = reader
        self._fields, self._n_columns = _fields(reader.fields, options)
        self._check_size((reader.n_rows or 0) * ROW_BYTES)
        names = [field.name for field in self._fields]
        sample = _Sample(self._sample, min(len(names), EXAMPLE_COLUMNS))
        chosen = choose_columns(names, sample, options=options, name=self.name, needs_label=needs_label)
        self._texts = list(chosen.text)
        self._label = label = chosen.label
        self._marks = list(chosen.labels)
        self._group = group_column(names, sample, options=options, name=self.name)
        self.taken = chosen.taken_from(names, self._group, n_own=self._n_columns)
        labels = self._marks if label is None else [label]
        for place in (*chosen.text, *labels):
            _check_column(self._fields[place], names, self.name, is_label=place not in chosen.text)
        if self._group is not None:
            _check_group(self._fields[self._group], self.name)
        kind = "" if label is None else self._fields[label].kind
        self._are_written = (
            label is not None and kind == "string" and holds_written_lists(self._sample(label), options, self.name)
        )
        is_parted = label is not None and options.labels_separator is not None
        self.has_label_sets = kind == "list" or is_parted or self._are_written or bool(self._marks)
        self._wanted = [*self._texts, *labels, *(() if self._group is None else (self._group,))]
        for place in self._wanted:
            self._check_size(_claimed(self._fields[place]))

    def rows(self, rules: CellRules) -> Iterator[Picked | Fault]:
        """Every row, or why it is left out; numbers count from 1."""
        label_of = self._label_of(rules)
        number = given = 0
        for columns, _ in self._reader.batches([self._fields[place].place for place in self._wanted]):
            values = {
                place: self._decoded(column, number + 1) for place, column in zip(self._wanted, columns, strict=True)
            }
            n_rows = len(columns[0])
            texts = [values[place] for place in self._texts]
            groups = [""] * n_rows if self._group is None else values[self._group]
            given += sum(len(text) for column in texts for text in column if isinstance(text, str))
            given += ROW_BYTES * n_rows
            self._check_size(given)
            for cells, label, group in zip(zip(*texts, strict=True), self._labels(values, n_rows), groups, strict=True):
                number += 1
                try:
                    yield number, rules.typed_or_joined(number, cells), label_of(number, label), group_of(group)
                except RowError as error:
                    yield fault(number, error)
        self._check_count(number)

    def types(self) -> tuple[Any, ...]:
        """Of each column, once `restored`."""
        return self._reader.types()

    def whole_rows(self, rules: CellRules, *, as_text: bool) -> Iterator[Picked | Fault]:
        """Every row without its label, with all its cells as a list; or why it is left out.

        Dates, times, decimals and bytes are text, or else what `restored` makes a column of their type of.
        """
        names = [field.name for field in self._fields[: self._n_columns]]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise _repeated(self.name, names, twice)
        wanted = [self._fields[place].place for place in self._texts]
        number = given = 0
        form: Form = "text" if as_text else "numbers"
        for columns, n_bytes in self._reader.batches(range(len(names)), as_well=wanted, form=form):
            given += n_bytes + ROW_BYTES * len(columns[0])
            self._check_size(given)
            decoded = [self._decoded(column, number + 1) for column in columns]
            whole, texts = decoded[: len(names)], decoded[len(names) :]
            for cells, text in zip(zip(*whole, strict=True), zip(*texts, strict=True), strict=True):
                number += 1
                try:
                    yield number, rules.typed_or_joined(number, text), "", list(cells)
                except RowError as error:
                    yield fault(number, error)
        self._check_count(number)

    def _check_count(self, number: int) -> None:
        if self._reader.n_rows not in {None, number}:
            raise InputError(
                f"{self.name}: its footer says {self._reader.n_rows:,} rows, there are {number:,}.",
                hint="Write the file again.",
            )

    def _label_of(self, rules: CellRules) -> Callable[[int, Any], str | tuple[str, ...]]:
        """What the value of `_labels` in a row says of its label."""
        if self._marks:
            names = [self._fields[place].name for place in self._marks]
            return lambda _, values: rules.marked_labels(names, values)
        if self._label is None:
            return lambda *_: ""
        several = rules.typed_written if self._are_written else rules.typed_labels
        return several if self.has_label_sets else rules.typed_label

    def _labels(self, values: Mapping[int, list[Any]], n_rows: int) -> Sequence[Any]:
        """The value of the label column in each row; the values of all, where each label has a column."""
        if self._marks:
            return list(zip(*(values[place] for place in self._marks), strict=True))
        return [""] * n_rows if self._label is None else values[self._label]

    def _decoded(self, column: list[Any], first: int) -> list[Any]:
        """`column`, its strings by the rules for text that is not UTF-8; rows count from `first`."""
        try:
            for value in column:
                if isinstance(value, str):
                    value.encode()
                elif isinstance(value, list):
                    "".join(item for item in value if isinstance(item, str)).encode()
        except UnicodeEncodeError:
            return [
                [self._decoded_one(item, first) for item in value]
                if isinstance(value, list)
                else self._decoded_one(value, first)
                for value in column
            ]
        return column

    def _decoded_one(self, value: Any, first: int) -> Any:
        """`value`, whose bytes that are not UTF-8 were left as they are; it is in row `first` or one after it."""
        if not isinstance(value, str):
            return value
        raw = value.encode("utf-8", "surrogateescape")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            reason = f"byte {raw[error.start]:#04x} at offset {error.start:,} of the value is not utf-8"
            if self.options.on_bad_text == "error":
                raise bad_text(f"{self.name}, row {first:,} or after it: {reason}.", encoding="") from error
            return BadBytes(reason) if self.options.on_bad_text == "skip" else raw.decode(errors="replace")

    def _sample(self, place: int) -> Sequence[Any]:
        """A column's first values, where they are of a kind that may be used, and few."""
        field = self._fields[place]
        names = [other.name for other in self._fields]
        if field.kind == "" or names.count(field.name) > 1 or self._is_too_large(_claimed(field)):
            return []
        values = self._decoded(self._reader.sample(field.place, n_rows=SAMPLE_ROWS), 1)
        return ["" if value is None else value for value in values]

    def _is_too_large(self, size: int) -> bool:
        limits = self.options.limits
        return size > limits.expansion_free_bytes and size > limits.expansion * self.size_bytes

    def _check_size(self, size: int) -> None:
        if self._is_too_large(size):
            raise InputError(
                f"{self.name}: {self.size_bytes:,} bytes of {self._reader.format} would become more than {size:,}; at "
                f"most {self.options.limits.expansion} times as many are taken.",
                hint="If the file is what it should be, write it as TSV or JSONL.",
            )


def _fields(fields: Sequence[Field], options: TableOptions) -> tuple[list[Field], int]:
    """The columns, and their members that are asked for by name or that a model learned from; how many are columns."""
    columns = [field for field in fields if not field.is_member]
    members = {field.name: field for field in fields if field.is_member}
    nested = nested_names(options, [field.name for field in columns])
    return [*columns, *(members[name] for name in nested if name in members)], len(columns)


@final
class _Sample(Sequence[Sequence[Any]]):
    """The first values of the first columns, each read when it is looked at: mostly the names are enough."""

    def __init__(self, read: Callable[[int], Sequence[Any]], n_columns: int) -> None:
        self._read = functools.cache(read)
        self._n_columns = n_columns

    def __len__(self) -> int:
        return self._n_columns

    def __getitem__(self, place: Any) -> Any:
        if not 0 <= place < self._n_columns:
            raise IndexError(place)
        return self._read(place)


def _claimed(field: Field) -> int:
    """Bytes that a column takes, by the footer."""
    return max(field.bytes, field.values * ROW_BYTES if field.kind == "list" else 0)


def _check_group(field: Field, file: str) -> None:
    if field.kind not in {"string", "number"}:
        raise InputError(
            f"{file}: the group column {shown(field.name)} must hold strings, whole numbers or booleans (it holds "
            f"{shown(field.type)}).",
            hint="Write that column as strings, or choose another with --group NAME.",
        )


def _repeated(file: str, names: Sequence[str], name: str) -> InputError:
    return InputError(
        f"{file}: {names.count(name)} columns are named {shown(name)}; only one may be.",
        hint="Write the file again with names that differ.",
    )


def _check_column(field: Field, names: Sequence[str], file: str, *, is_label: bool) -> None:
    if names.count(field.name) > 1:
        raise _repeated(file, names, field.name)
    if field.kind not in ({"string", "number", "float", "list"} if is_label else {"string"}):
        kinds = "strings, whole numbers, booleans or lists of these" if is_label else "strings"
        raise InputError(
            f"{file}: the {'label' if is_label else 'text'} column {shown(field.name)} must hold {kinds} "
            f"(it holds {shown(field.type)}).",
            hint="Write that column as strings, or choose another with --text NAME --label NAME.",
        )
