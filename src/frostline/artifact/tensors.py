"""Arrays in the safetensors format, read as a stranger's.

In:   bytes, and what must be in them.
Out:  read-only arrays, by name.
Not:  digests (folder.py); what the arrays mean (head_file.py, neighbours_file.py).

Written by the safetensors library; read here, because all that may stand in the header is known beforehand, and the
library would take a header of 100 MB, any number of tensors, and NaN.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from frostline.artifact.fields import array, integer, members
from frostline.artifact.strict_json import read_object
from frostline.errors import ArtifactCorrupt, shown

_LENGTH = struct.Struct("<Q")
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1"}


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

    Raises
    ------
    ArtifactCorrupt
        Not safetensors; a header over the limit; other tensors, or of another type or shape; gaps or overlaps; a
        number that is not finite.
    """
    header, data = _split(content, where, header_bytes)
    entries = members(header, f"{where}: the header", names=tuple(expected))
    found, spans = {}, []
    for name, entry in entries.items():
        found[name], span = _tensor(entry, f"{where}: {name}", data, expected[name])
        spans.append(span)
    spans.sort()
    if any(one[1] != other[0] for one, other in pairwise([(0, 0), *spans, (len(data), len(data))])):
        raise ArtifactCorrupt(f"{where}: the tensors must fill the {len(data):,} bytes of data without gap or overlap.")
    for values in found.values():
        if values.dtype.kind == "f" and not all(np.isfinite(part).all() for part in _parts(values)):
            raise ArtifactCorrupt(f"{where} must hold finite numbers (got NaN or infinity).")
    return found


def tensors_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays in the safetensors format, little-endian."""
    from safetensors.numpy import save  # noqa: PLC0415 - only who saves needs it

    return save(
        {name: np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")) for name, values in arrays.items()}
    )


def _split(content: bytes, where: str, header_bytes: int) -> tuple[dict[str, Any], memoryview]:
    """The header, parsed, and the data after it."""
    if len(content) < _LENGTH.size:
        raise ArtifactCorrupt(f"{where} must begin with the length of its header (got {len(content)} bytes).")
    length = int(_LENGTH.unpack_from(content)[0])
    if length > min(header_bytes, len(content) - _LENGTH.size):
        raise ArtifactCorrupt(
            f"{where}: the header must fit into the file and into {header_bytes:,} bytes (it claims {length:,})."
        )
    end = _LENGTH.size + length
    return read_object(content[_LENGTH.size : end], f"{where}: the header"), memoryview(content)[end:]


def _tensor(entry: Any, where: str, data: memoryview, expected: Expected) -> tuple[NDArray[Any], tuple[int, int]]:
    """One tensor as a read-only array, and the bytes that it takes."""
    found = members(entry, where, names=("dtype", "shape", "data_offsets"))
    shape = _shape(found["shape"], len(data))
    if (
        found["dtype"] != expected.dtype
        or len(shape) != len(expected.shape)
        or any(want not in {None, got} for want, got in zip(expected.shape, shape, strict=True))
    ):
        wanted = ", ".join("n" if size is None else str(size) for size in expected.shape)
        raise ArtifactCorrupt(
            f"{where} must be {expected.dtype} of shape [{wanted}], as the manifest has it "
            f"(got {shown(found['dtype'], 20)} of shape {shown(found['shape'], 40)})."
        )
    offsets = array(found["data_offsets"], f"{where}: data_offsets", low=2, high=2)
    start, end = (integer(offset, f"{where}: data_offsets", high=len(data)) for offset in offsets)
    kind = np.dtype(_TYPES[expected.dtype])
    count = 1
    for size in shape:
        count *= size
    if end - start != count * kind.itemsize:
        raise ArtifactCorrupt(f"{where} must take {count * kind.itemsize:,} bytes (its offsets span {end - start:,}).")
    return np.frombuffer(data, dtype=kind, count=count, offset=start).reshape(shape), (start, end)


def _shape(value: Any, n_bytes: int) -> tuple[int, ...]:
    """A shape as it may be, or one that is never expected; no size is more than there are bytes."""
    fits = isinstance(value, list) and all(type(size) is int and 0 <= size <= n_bytes for size in value)
    return tuple(value) if fits else (-1,) * 9


def _parts(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Views of a million numbers or so each: a test of all at once would take as many bytes again."""
    flat = values.reshape(-1)
    return [flat[start : start + (1 << 20)] for start in range(0, len(flat), 1 << 20)]
