"""A Parquet file as record batches that fit into memory, whatever the file says about itself.

In:   an `Opened` file.
Out:  its fields, what each may serve as, and batches of chosen columns.
Not:  what the values mean (parquet.py).

One dictionary entry of 10 MB, repeated by a run of ten million indices, takes a few bytes on disk. Each row group is
therefore asked for its dictionary first; only where no entry is long are strings written out by pyarrow, and elsewhere
they are left in their dictionaries, where each value exists once.
"""

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, final

from frostline.data.opening import Opened
from frostline.errors import InputError, StorageError, shown
from frostline.places import home, private_folder

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet

BATCH_ROWS = 8192
WRITTEN_OUT_BYTES = 64 << 20  # what a batch of the longest dictionary entry may take
BATCHES_PER_GROUP = 16  # in dictionaries: every batch carries a copy of its row group's, so more would be quadratic


@final
class ParquetFile:
    """Batches of a Parquet file.

    Parameters
    ----------
    file : binary file, seekable
    name : str
    columns : int
        At most so many.

    Raises
    ------
    InputError
        More columns. (pyarrow's own errors come through: see `translated`.)
    """

    def __init__(self, file: BinaryIO, name: str, *, columns: int) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - loaded only for Parquet files

        self._written_out = pq.ParquetFile(file, pre_buffer=False)
        self.metadata: pyarrow.parquet.FileMetaData = self._written_out.metadata
        self.fields: list[pa.Field] = list(self._written_out.schema_arrow)
        self.names: list[str] = [field.name for field in self.fields]
        if len(self.fields) > columns:
            raise InputError(f"{name} must have at most {columns:,} columns (it has {len(self.fields):,}).")
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

    def sample(self, column: str, *, n_rows: int) -> "pa.Array | None":
        """The first values of a column, strings in a dictionary; None where the file holds no rows."""
        if self.metadata.num_row_groups == 0:
            return None
        batches = self._in_dictionaries.iter_batches(n_rows, row_groups=[0], columns=[column], use_threads=False)
        batch = next(batches, None)
        return None if batch is None else batch.column(0)

    def batches(self, columns: list[str]) -> "Iterator[pa.RecordBatch]":
        """The rows of `columns`, in order; a string column comes written out or as a dictionary."""
        for group in range(self.metadata.num_row_groups):
            table, size = self._written_out, BATCH_ROWS
            if self._longest_entry(columns, group) * BATCH_ROWS > WRITTEN_OUT_BYTES:
                table = self._in_dictionaries
                size = max(BATCH_ROWS, self.metadata.row_group(group).num_rows // BATCHES_PER_GROUP)
            yield from table.iter_batches(size, row_groups=[group], columns=columns, use_threads=False)

    def _longest_entry(self, columns: list[str], group: int) -> int:
        """Bytes of the longest string in the dictionaries of a row group, which come before its rows."""
        import pyarrow.compute as pc  # noqa: PLC0415 - loaded only for Parquet files

        strings = [column for column in columns if column in self._strings]
        batches = self._in_dictionaries.iter_batches(1, row_groups=[group], columns=strings, use_threads=False)
        batch = next(batches, None)
        if batch is None:
            return 0
        dictionaries = [getattr(column, "values", column).dictionary for column in batch.columns]
        return max((pc.max(pc.binary_length(found)).as_py() or 0 for found in dictionaries), default=0)

    def _leaves(self) -> dict[str, str]:
        """Where the strings of each column of lists stand, as Parquet names it."""
        lists = [field.name for field in self.fields if kind_of(field) == "list" and _holds_strings(field)]
        schema = self.metadata.schema
        paths = [schema.column(place).path for place in range(len(schema))]
        return {name: path for name in lists for path in paths if path.startswith(f"{name}.")}


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


def kind_of(field: "pa.Field") -> str:
    """What a column may serve as: `string`, `number` (a label), `list` of either (labels), or nothing."""
    import pyarrow as pa  # noqa: PLC0415 - loaded only for Parquet files

    types = pa.types
    if isinstance(field.type, pa.BaseExtensionType) or b"ARROW:extension:name" in (field.metadata or {}):
        return ""
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "string"
    if types.is_list(kind) or types.is_large_list(kind):
        return "list" if kind_of(kind.value_field) in {"string", "number"} else ""
    return "number" if types.is_integer(kind) or types.is_boolean(kind) else ""


def _holds_strings(field: "pa.Field") -> bool:
    return kind_of(field.type.value_field) == "string"


@contextlib.contextmanager
def translated(name: str) -> Iterator[None]:
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
