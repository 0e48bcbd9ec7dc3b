"""In a process of its own: a Parquet or Arrow file in, and its columns out as JSON.

pyarrow may crash or take all memory for a file of a few bytes, whatever its footer says. So it is imported here and
nowhere else for reading, in a child with limits (`frostline.child`), which `data/parquet.py` starts and asks:

- first, unasked, `{"fields": [{"name", "kind", "type", "is_member", "bytes", "values"}, ..], "n_fields", "n_rows"}`;
- to `{"sample": place, "n_rows"}` `{"values": [..]}`;
- to `{"rows": [places], "form", "formed"}` any number of `{"columns": [column, ..], "bytes"}` and `{"end": true}`. A
  column is `{"values"}`, or `{"values", "places"}` where each value stands at several places. The first `formed` may
  be of any type: `text` or `numbers` is made of them;
- to `{"types": true}` `{"schema"}`, in Arrow's own format and base64.

Each answer is its length in bytes (8 digits of hexadecimal) and JSON in UTF-8; bytes of a string that are not UTF-8
are left as they are. `{"error", "kind"}` may come instead of any, and is the last.
"""

import base64
import datetime as dt
import decimal
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from frostline import child

BATCH_ROWS = 8192
PART_BYTES = 4 << 20  # of an answer, unless one row has more
WRITTEN_OUT_BYTES = 64 << 20  # what a batch of the longest dictionary entry may take
BATCHES_PER_GROUP = 16  # in dictionaries: every batch carries a copy of its row group's, so more would be quadratic
BUFFER_BYTES = 1 << 20
TYPE_CHARACTERS = 200
MOST_MEMBERS = 1000  # that are looked for within columns


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


@final
@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file, or a member of one whose values have members."""

    path: tuple[str, ...]  # Its name; or that of the column, and of the members that lead there
    place: int  # Of the column, from 0
    field: pa.Field

    @property
    def name(self) -> str:
        """As Parquet writes it."""
        return ".".join(self.path)

    def of(self, column: pa.Array) -> pa.Array:
        """What of the whole column this is."""
        return pc.struct_field(column, list(self.path[1:])) if len(self.path) > 1 else column


def columns_of(fields: list[pa.Field]) -> list[Column]:
    """Every column in order, and then the members of those whose values have some, and theirs."""

    def members(column: Column) -> Iterator[Column]:
        for field in column.field.type if pa.types.is_struct(column.field.type) else ():
            member = Column((*column.path, field.name), column.place, field)
            yield member
            yield from members(member)

    columns = [Column((field.name,), place, field) for place, field in enumerate(fields)]
    return [*columns, *itertools.islice(itertools.chain.from_iterable(map(members, columns)), MOST_MEMBERS)]


@final
class ParquetFile:
    """Batches of a Parquet file. pyarrow's own errors come through."""

    def __init__(self, file: BinaryIO) -> None:
        self._options: dict[str, Any] = {"pre_buffer": False, "buffer_size": BUFFER_BYTES}
        self._written_out = pq.ParquetFile(file, **self._options)
        self.metadata: pq.FileMetaData = self._written_out.metadata
        self.fields: list[pa.Field] = list(self._written_out.schema_arrow)
        self.n_rows: int = self.metadata.num_rows
        columns = columns_of(self.fields[:MOST_MEMBERS])
        counts = Counter(column.name for column in columns)
        leaves = self._leaves()
        strings = [column.name for column in columns if kind_of(column.field) == "string"] + list(leaves)
        self._strings = {name for name in strings if counts[name] == 1}
        self._in_dictionaries = pq.ParquetFile(
            file,
            metadata=self.metadata,
            read_dictionary=[leaves.get(name, name) for name in self._strings],
            **self._options,
        )

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Bytes uncompressed and values of each column, as the footer has them."""
        found: dict[str, tuple[int, int]] = {}
        for group in map(self.metadata.row_group, range(self.metadata.num_row_groups)):
            for chunk in map(group.column, range(group.num_columns)):
                name = chunk.path_in_schema.partition(".")[0]
                n_bytes, n_values = found.get(name, (0, 0))
                found[name] = n_bytes + chunk.total_uncompressed_size, n_values + chunk.num_values
        return found

    def sample(self, column: Column, n_rows: int) -> pa.Array | None:
        """The first values of a column, strings in a dictionary; None where the file holds no rows."""
        if self.metadata.num_row_groups == 0:
            return None
        names = [column.name]
        batches = self._in_dictionaries.iter_batches(n_rows, row_groups=[0], columns=names, use_threads=False)
        batch = next(batches, None)
        return None if batch is None else column.of(batch.column(column.path[0]))

    def batches(self, columns: list[Column]) -> Iterator[list[pa.Array]]:
        """The rows of `columns`, in order; a string column comes written out or as a dictionary."""
        names = [column.name for column in columns]
        for group in range(self.metadata.num_row_groups):
            table, size = self._written_out, BATCH_ROWS
            if self._longest_entry(columns, group) * BATCH_ROWS > WRITTEN_OUT_BYTES:
                table = self._in_dictionaries
                size = max(BATCH_ROWS, self.metadata.row_group(group).num_rows // BATCHES_PER_GROUP)
            for batch in table.iter_batches(size, row_groups=[group], columns=names, use_threads=False):
                yield [column.of(batch.column(column.path[0])) for column in columns]

    def _longest_entry(self, columns: list[Column], group: int) -> int:
        """Bytes of the longest string in the dictionaries of a row group, which come before its rows."""
        strings = [column for column in columns if column.name in self._strings]
        names = [column.name for column in strings]
        batches = self._in_dictionaries.iter_batches(1, row_groups=[group], columns=names, use_threads=False)
        batch = next(batches, None)
        if batch is None:
            return 0
        read = [column.of(batch.column(column.path[0])) for column in strings]
        entries = [getattr(column, "values", column) for column in read]
        # Two columns of one path (`a.b`, and the `b` of `a`): pyarrow makes a dictionary of one of them
        dictionaries = [column.dictionary for column in entries if pa.types.is_dictionary(column.type)]
        return max((pc.max(pc.binary_length(entries)).as_py() or 0 for entries in dictionaries), default=0)

    def _leaves(self) -> dict[str, str]:
        """Where the strings of each column of lists stand, as Parquet names it."""
        lists = [
            field.name
            for field in self.fields
            if kind_of(field) == "list" and kind_of(field.type.value_field) == "string"
        ]
        schema = self.metadata.schema
        paths = [schema.column(place).path for place in range(len(schema))]
        return {name: path for name in lists for path in paths if path.startswith(f"{name}.")}


@final
class ArrowFile:
    """Batches of an Arrow file (Feather) or stream."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        self._is_file = file.read(6) == b"ARROW1"
        self.fields: list[pa.Field] = list(self._opened(None).schema)
        self.n_rows = None

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Unknown before they are read."""
        return {}

    def sample(self, column: Column, n_rows: int) -> pa.Array | None:
        """The first values of a column; None where the file holds no rows."""
        first = next(self.batches([column]), None)
        return None if first is None else first[0][:n_rows]

    def batches(self, columns: list[Column]) -> Iterator[list[pa.Array]]:
        """The rows of `columns`, in order; no other column is decoded."""
        places = sorted({column.place for column in columns})
        reader = self._opened(places)
        batches = map(reader.get_batch, range(reader.num_record_batches)) if self._is_file else iter(reader)
        for batch in batches:
            for whole in batch.columns:
                _validate(whole)
            found_columns = [_without_views(column.of(batch.column(places.index(column.place)))) for column in columns]
            for start in range(0, len(batch), BATCH_ROWS):
                yield [found[start : start + BATCH_ROWS] for found in found_columns]

    def _opened(self, places: list[int] | None) -> Any:
        self._file.seek(0)
        options = pa.ipc.IpcReadOptions(included_fields=places, use_threads=False)
        return (pa.ipc.open_file if self._is_file else pa.ipc.open_stream)(self._file, options=options)


def _without_views(column: pa.Array) -> pa.Array:
    """The same where views are a dictionary's, also in lists: so Polars writes categories, and pyarrow takes none."""
    types, kind = pa.types, column.type
    if types.is_dictionary(kind) and types.is_string_view(kind.value_type):
        return pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(pa.large_string()))
    if types.is_list(kind) or types.is_large_list(kind):
        values = _without_views(column.values)
        if values.type != kind.value_type:
            return type(column).from_arrays(column.offsets, values, mask=column.is_null())
    return column


def _validate(column: pa.Array) -> None:
    """Raise for a column whose numbers lead out of it; strings that are no UTF-8 pass."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise


@final
class Answers:
    """What is asked of a file, answered."""

    def __init__(self, file: ParquetFile | ArrowFile, *, columns: int, characters: int, items: int) -> None:
        self._file = file
        self._most_columns = columns
        self._columns = columns_of(file.fields[: columns + 1])
        self._characters = characters
        self._items = items

    def fields(self) -> dict[str, Any]:
        """The first answer."""
        n_fields = len(self._file.fields)
        if n_fields > self._most_columns:
            return {"fields": [], "n_fields": n_fields, "n_rows": None}
        sizes = self._file.sizes()
        fields = [
            {
                "name": column.name,
                "kind": kind_of(column.field),
                "type": str(column.field.type)[:TYPE_CHARACTERS],
                "is_member": len(column.path) > 1,
                **dict(zip(("bytes", "values"), sizes.get(column.path[0], (0, 0)), strict=True)),
            }
            for column in self._columns
        ]
        return {"fields": fields, "n_fields": n_fields, "n_rows": self._file.n_rows}

    def to(self, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The answers to one question."""
        if "sample" in asked:
            column = self._file.sample(self._columns[asked["sample"]], asked["n_rows"])
            yield {"values": [] if column is None else self._values(column)}
        elif "types" in asked:
            schema = pa.schema([(f"{place}", _kept_type(field.type)) for place, field in enumerate(self._file.fields)])
            yield {"schema": base64.b64encode(schema.serialize().to_pybytes()).decode()}
        else:
            n_formed = 0 if asked["form"] == "plain" else asked["formed"]
            for columns in self._file.batches([self._columns[place] for place in asked["rows"]]):
                for part in _parts(columns):
                    formed = [_carried(column, as_text=asked["form"] == "text") for column in part[:n_formed]]
                    told = [{"values": _python_values(column)} for column in formed]
                    told += [self._column(column) for column in part[n_formed:]]
                    yield {"columns": told, "bytes": sum(map(_size, part[:n_formed]))}
            yield {"end": True}

    def _column(self, column: pa.Array) -> dict[str, Any]:
        if not pa.types.is_dictionary(column.type):
            return {"values": self._values(column)}
        used, places = _used(column)
        values = self._values(column.dictionary.take(pa.array(used[used >= 0])))
        return {"values": [None] * int((used < 0).sum()) + values, "places": places.tolist()}

    def _values(self, column: pa.Array) -> list[Any]:
        """The values of a column as Python objects."""
        types = pa.types
        if types.is_list(column.type) or types.is_large_list(column.type):
            if (pc.max(pc.list_value_length(column)).as_py() or 0) > self._items:
                column = pc.list_slice(column, 0, self._items + 1)
            flat = iter(self._values(column.flatten()))
            lengths = column.value_lengths().to_pylist()
            return [None if length is None else list(itertools.islice(flat, length)) for length in lengths]
        if types.is_dictionary(column.type):
            column_of = self._column(column)
            return [column_of["values"][place] for place in column_of["places"]]
        most = self._characters + 1
        return [value[:most] if isinstance(value, str) else value for value in _python_values(column)]


def _python_values(column: pa.Array) -> list[Any]:
    """The values of a column as Python objects; of a string, bytes that are not UTF-8 are left as they are."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        raw = column.cast(pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in raw]


def tagged(value: Any) -> Any:
    """What JSON has no word for, as an object that `parquet.py` knows."""
    if isinstance(value, bytes):
        return {"\0bytes": base64.b64encode(value).decode()}
    if isinstance(value, dt.timedelta):
        return {"\0timedelta": value // dt.timedelta(microseconds=1)}
    if isinstance(value, dt.date | dt.time):  # and dates with times
        return {f"\0{type(value).__name__}": value.isoformat()}
    return {"\0Decimal": str(value)} if isinstance(value, decimal.Decimal) else str(value)


def plain_type(kind: pa.DataType, leaf: Callable[[pa.DataType], pa.DataType] = lambda kind: kind) -> pa.DataType:
    """The type without extensions and dictionaries, also within lists, structs and maps; `leaf` of what is in them."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType) or types.is_dictionary(kind):
        return plain_type(kind.value_type if types.is_dictionary(kind) else kind.storage_type, leaf)

    def member(field: pa.Field) -> pa.Field:
        return field.with_type(plain_type(field.type, leaf))

    if types.is_map(kind):
        return pa.map_(member(kind.key_field), member(kind.item_field), kind.keys_sorted)
    if types.is_struct(kind):
        return pa.struct([member(field) for field in kind])
    if types.is_large_list(kind):
        return pa.large_list(member(kind.value_field))
    if types.is_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(member(kind.value_field), kind.list_size if types.is_fixed_size_list(kind) else -1)
    return leaf(kind)


def _kept_type(kind: pa.DataType) -> pa.DataType:
    """The plain type; a dictionary of strings or bytes stays one, which Parquet can hold.

    Its numbers have 32 bits, as a part of the file may have other values than the next; so there is no order either.
    """
    plain, types = plain_type(kind), pa.types
    kept = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    if types.is_dictionary(kind) and any(is_kind(plain) for is_kind in kept):
        return pa.dictionary(pa.int32(), plain)
    return plain


def as_whole_numbers(kind: pa.DataType) -> pa.DataType:
    """What times are carried as: Python's own have no nanoseconds."""
    if not pa.types.is_temporal(kind) or pa.types.is_interval(kind):
        return kind
    return pa.int32() if kind.bit_width == 32 else pa.int64()


def _as_text(kind: pa.DataType) -> pa.DataType:
    """What is carried where text is made of it."""
    if pa.types.is_duration(kind):
        return pa.int64()
    is_text = pa.types.is_temporal(kind) or pa.types.is_decimal(kind)
    return pa.string() if is_text and not pa.types.is_interval(kind) else kind


def _carried(column: pa.Array, *, as_text: bool) -> pa.Array:
    """A column of any type whose values as Python objects can be written as text, or `restored`, without a loss."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    kind, types = column.type, pa.types
    if as_text and (types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)):
        return pa.array([None if raw is None else base64.b64encode(raw).decode() for raw in column.to_pylist()])
    return column.cast(plain_type(kind, _as_text if as_text else as_whole_numbers))


def _used(column: pa.Array) -> tuple[Any, Any]:
    """Which values of its dictionary a column uses, ascending (-1: null), and where each row's is among them."""
    places = column.indices.cast(pa.int64()).fill_null(-1)  # Polars numbers its categories without a sign
    return np.unique(places.to_numpy(zero_copy_only=False), return_inverse=True)


def _parts(columns: list[pa.Array]) -> Iterator[list[pa.Array]]:
    """Columns of the same rows, cut in halves until they are small, or one row."""
    n_rows = len(columns[0])
    if n_rows > 1 and sum(map(_size, columns)) > PART_BYTES:
        half = n_rows // 2
        yield from _parts([column[:half] for column in columns])
        yield from _parts([column[half:] for column in columns])
    elif n_rows:
        yield columns


def _size(column: pa.Array) -> int:
    """Bytes of what a column says, each value of a dictionary once."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    used, _ = _used(column)
    return int(column.indices.nbytes + column.dictionary.take(pa.array(used[used >= 0])).nbytes)


def answer(asked: BinaryIO, told: BinaryIO, file: BinaryIO, *, kind: str, most: Mapping[str, int]) -> None:
    """Answer the questions in `asked`, a line of JSON each, into `told`.

    Parameters
    ----------
    most : mapping
        `memory_bytes` and `seconds` that it may take; `columns` of the file; `characters` of a string and `items` of a
        list, of which longer ones are cut to one more than this: they will be refused, whatever follows.
    """
    seconds = most["seconds"]

    def say(content: dict[str, Any]) -> None:
        line = json.dumps(content, ensure_ascii=False, default=tagged).encode("utf-8", "surrogateescape")
        child.alarm(0)  # whoever listens may take its time
        told.write(b"%08x" % len(line) + line)
        told.flush()
        child.alarm(seconds)

    try:
        child.limit(memory_bytes=most["memory_bytes"], seconds=seconds)
        opened = ParquetFile(file) if kind == "parquet" else ArrowFile(file)
        answers = Answers(opened, columns=most["columns"], characters=most["characters"], items=most["items"])
        say(answers.fields())
        child.alarm(0)
        for line in asked:
            child.alarm(seconds)
            for told_one in answers.to(json.loads(line)):
                say(told_one)
            child.alarm(0)
    except MemoryError:
        say({"error": f"{most['memory_bytes'] >> 20:,} MB of memory", "kind": "memory"})
    except OSError as error:
        say({"error": error.strerror or str(error), "kind": "damage" if error.errno is None else "disk"})
    except Exception as error:  # noqa: BLE001 - the edge to a library that raises anything over a stranger's file
        why = (str(error) or type(error).__name__).splitlines()[0]
        say({"error": why[:1000], "kind": "damage"})


def main(handle: str, kind: str, most: str) -> None:
    """In the child."""
    with open(int(handle), "rb", closefd=False) as file:
        answer(sys.stdin.buffer, sys.stdout.buffer, file, kind=kind, most=json.loads(most))


if __name__ == "__main__":
    main(*sys.argv[1:])
