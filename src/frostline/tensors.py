"""Read tensors in the safetensors format, and a checkpoint's without holding them in memory.

The header is read here and not by the library, which would take one of 100 MB, and of which the numpy interface knows
no bfloat16 and copies. `read_entries` is as strict as the library: types, sizes, no gap, no overlap. A checkpoint's
tensors are then views of a map of the file: a float32 tensor costs no memory, and the pages of the word embeddings
that no sentence names are never even read from the disk. To touch a page that is no longer there is death by SIGBUS:
`Weights.check` asks beforehand whether the file is as it was.
"""

import math
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Float32Array
from frostline.errors import ArtifactCorrupt, InputError, MissingInputError, shown
from frostline.strict import members, read_object

HEADER_LIMIT_BYTES = 4_000_000  # XLM-RoBERTa's largest has 60,000; the library itself would take 100 MB

_WEIGHTS = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_TYPES = {**_WEIGHTS, "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "u1"}
"""What numpy calls them: weights, and what `read_tensors` reads besides."""
_SIZES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}
"""Bytes of a number of each type."""
_MOST_AXES, _LARGEST_AXIS = 64, 2**63  # keeps the product of a stranger's sizes small enough to compute
_HINT = "Encoders are read from safetensors files in F32, F16 or BF16."


class TensorsError(Exception):
    """Bytes that are not in the safetensors format; the message says what must hold, and not in which file."""


class Entry(NamedTuple):
    """What a header says of one tensor; the offsets count from the header's end."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def header_length(first: bytes, size_bytes: int, *, limit_bytes: int) -> int:
    """The length of the header of a file of `size_bytes` that begins with `first`; the header starts at byte 8.

    Raises `TensorsError`: the file ends before its header does, or the header is over the limit.
    """
    if len(first) < 8:
        raise TensorsError(f"the length of the header must come first, in 8 bytes (got {len(first)})")
    length = int.from_bytes(first[:8], "little")
    if length > min(limit_bytes, size_bytes - 8):
        raise TensorsError(
            f"the header must have at most {limit_bytes:,} bytes and end within the file "
            f"(its length is {length:,}, the file's {size_bytes:,})"
        )
    return length


def read_entries(table: Mapping[str, Any], n_bytes: int) -> dict[str, Entry]:
    """The tensors that a header's JSON object lists, which fill the `n_bytes` after it without gap or overlap.

    Raises `TensorsError`: an entry is not of the format, of a type that we don't know, or takes other bytes than it
    has numbers; or there is a gap or an overlap.
    """
    entries = {name: _entry(name, value) for name, value in table.items() if name != "__metadata__"}
    spans = sorted((entry.start, entry.end) for entry in entries.values())
    if any(one[1] != other[0] for one, other in pairwise([(0, 0), *spans, (n_bytes, n_bytes)])):
        raise TensorsError(f"the tensors must fill the {n_bytes:,} bytes of data without gap or overlap")
    return entries


def _entry(name: str, value: Any) -> Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise TensorsError(f"{shown(name)} must have dtype, shape and data_offsets, and no more")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _SIZES:
        kind = shown(dtype, 20) if isinstance(dtype, str) else type(dtype).__name__
        raise TensorsError(f"{shown(name)} must be of a type of the format (got {kind})")
    if not _are_sizes(shape):
        raise TensorsError(f"{shown(name)} must have a shape of sizes (got {shown(shape, 40)})")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise TensorsError(f"{shown(name)} must have two data_offsets of at least 0 (got {shown(offsets, 40)})")
    n_bytes = math.prod(shape) * _SIZES[dtype]
    if offsets[1] - offsets[0] != n_bytes:
        raise TensorsError(f"{shown(name)} must take {n_bytes:,} bytes (its offsets span {offsets[1] - offsets[0]:,})")
    return Entry(dtype, tuple(shape), offsets[0], offsets[1])


def _are_sizes(value: Any) -> bool:
    """Whether it is a list of whole numbers of at least 0; true and false are none."""
    is_short_list = isinstance(value, list) and len(value) <= _MOST_AXES
    return is_short_list and all(type(size) is int and 0 <= size <= _LARGEST_AXIS for size in value)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The tensors of one file."""

    path: Path
    entries: Mapping[str, Entry]
    content: NDArray[np.uint8]  # The bytes after the header, mapped
    mapped: mmap.mmap
    stamp: tuple[int, int, int]  # Its size in bytes, its number and its time of change, when the header was read

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def check(self) -> None:
        """Raise `InputError` if the file was shortened or written to meanwhile; one that replaced it is no matter."""
        size, number, changed = self.stamp
        try:
            there = self.path.stat()
            is_written_to = there.st_ino == number and there.st_mtime_ns != changed
        except OSError:
            is_written_to = False  # removed, or replaced: the mapped file is as it was
        if self.mapped.size() != size or is_written_to:
            raise InputError(f"{self.path} has changed while it was in use.", hint="Run the same command again.")

    def read(self, name: str, shape: tuple[int, ...]) -> Float32Array:
        """The tensor `name` as float32, which must have `shape`; a view of the file where it is stored so.

        Raises `InputError`: there is no such tensor, or it has another shape or a type that holds no weights.
        """
        if name not in self.entries:
            raise InputError(
                f"{self.path}: tensor {name} must be there (found {len(self.entries)} others).", hint=_HINT
            )
        dtype, its_shape, start, end = self.entries[name]
        if dtype not in _WEIGHTS:
            raise InputError(f"{self.path}: tensor {name} must be F32, F16 or BF16 (got {shown(dtype)}).", hint=_HINT)
        if its_shape != shape:
            raise InputError(
                f"{self.path}: tensor {name} must have shape {shape} (got {its_shape}).",
                hint="config.json and the weights do not belong together: fetch both again.",
            )
        self.check()
        return _as_float32(self.content[start:end].view(_TYPES[dtype]), bfloat16=dtype == "BF16").reshape(shape)


def open_weights(path: Path) -> Weights:
    """The tensors of the safetensors file at `path`, none of them read yet.

    Raises `MissingInputError`: there is no such file; `InputError`: it is no safetensors file, it is cut short, or
    its header is over 4 MB.
    """
    if not path.is_file():
        raise MissingInputError(f"{path} must be there.", hint=_HINT)
    try:
        with path.open("rb") as opened:
            status = os.fstat(opened.fileno())
            length = header_length(opened.read(8), status.st_size, limit_bytes=HEADER_LIMIT_BYTES)
            entries = read_entries(_table(opened.read(length)), status.st_size - 8 - length)
            mapped = mmap.mmap(opened.fileno(), status.st_size, access=mmap.ACCESS_READ)
    except TensorsError as error:
        raise InputError(f"{path} must be a whole safetensors file ({error}).", hint=_HINT) from error
    content = np.frombuffer(mapped, np.uint8, offset=8 + length)
    return Weights(path, entries, content, mapped, (status.st_size, status.st_ino, status.st_mtime_ns))


def check_finite(name: str, tensor: Float32Array) -> None:
    """Refuse a tensor with NaN or infinite weights, by its name."""
    if not _is_finite(tensor):
        where = np.unravel_index(int(np.argmin(np.isfinite(tensor))), tensor.shape)
        raise InputError(
            f"Weights must be finite (got {tensor[where]} in {name}, at {tuple(int(i) for i in where)}).",
            hint="The checkpoint is damaged: fetch it again.",
        )


def _is_finite(numbers: NDArray[Any]) -> bool:
    # The minimum and the maximum pass NaN on, and need no array of flags beside a gigabyte of weights.
    return not numbers.size or bool(np.isfinite(numbers.min()) and np.isfinite(numbers.max()))


def _table(header: bytes) -> dict[str, Any]:
    try:
        return read_object(header, "the header")
    except ArtifactCorrupt as error:
        raise TensorsError(error.message.removesuffix(".")) from error


def _as_float32(stored: NDArray[Any], *, bfloat16: bool) -> Float32Array:
    if bfloat16:  # the upper half of a float32
        return (stored.astype(np.uint32) << 16).view(np.float32)
    # A header whose length is not a multiple of 4 leaves the tensors unaligned, which the runtime could not read.
    return np.require(stored, np.float32, ["ALIGNED"])


@final
@dataclass(frozen=True, slots=True)
class Expected:
    """What a tensor must be: a type's name in the format, and its shape; None is any number."""

    dtype: str
    shape: tuple[int | None, ...]


def read_tensors(
    content: bytes, where: str, expected: Mapping[str, Expected], *, header_bytes: int
) -> dict[str, NDArray[Any]]:
    """The tensors in `content`: those expected and no others, filling the file without gap or overlap.

    Raises `ArtifactCorrupt`: not safetensors; a header over the limit; other tensors, or of another type or shape;
    gaps or overlaps; a number that is not finite.
    """
    data, entries = _entries(content, where, expected, header_bytes)
    tensors = {name: _tensor(entries[name], f"{where}: {name}", data, wanted) for name, wanted in expected.items()}
    for values in tensors.values():
        if values.dtype.kind == "f" and not _is_finite(values):
            raise ArtifactCorrupt(f"{where} must hold finite numbers (got NaN or infinity).")
    return tensors


def tensors_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays in the safetensors format, little-endian."""
    from safetensors.numpy import save  # noqa: PLC0415 - only who saves needs it

    return save(
        {name: np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")) for name, values in arrays.items()}
    )


def _entries(
    content: bytes, where: str, expected: Mapping[str, Expected], header_bytes: int
) -> tuple[memoryview, dict[str, Entry]]:
    """The data after the header, and what the header says of it."""
    try:
        end = 8 + header_length(content[:8], len(content), limit_bytes=header_bytes)
        table = members(_table(content[8:end]), f"{where}: the header", names=tuple(expected))
        return memoryview(content)[end:], read_entries(table, len(content) - end)
    except TensorsError as error:
        raise ArtifactCorrupt(f"{where}: {error}.") from error


def _tensor(entry: Entry, where: str, data: memoryview, expected: Expected) -> NDArray[Any]:
    """One tensor as a read-only array."""
    if (
        entry.dtype != expected.dtype
        or len(entry.shape) != len(expected.shape)
        or any(want not in {None, got} for want, got in zip(expected.shape, entry.shape, strict=True))
    ):
        wanted = ", ".join("n" if size is None else str(size) for size in expected.shape)
        got_shape = shown(list(entry.shape), 40).strip("'")  # numbers by now: they need no quotes
        raise ArtifactCorrupt(
            f"{where} must be {expected.dtype} of shape [{wanted}], as the manifest has it "
            f"(got {entry.dtype} of shape {got_shape})."
        )
    return np.frombuffer(data[entry.start : entry.end], np.dtype(_TYPES[expected.dtype])).reshape(entry.shape)
