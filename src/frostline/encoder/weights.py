"""Read a checkpoint's tensors from model.safetensors without holding them in memory.

In:   the file.
Out:  `Weights`: names, shapes, and any tensor as float32.
Not:  what a name means (architecture.py).

The safetensors library checks the file's structure (offsets, sizes, overlaps). The tensors are then read from a map
of the file, for two reasons: its numpy interface knows no bfloat16, and it copies. A float32 tensor costs no memory
here: the pages of the word embeddings that no sentence names are never even read from the disk.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Float32Array
from frostline.errors import InputError, MissingInputError, shown

WEIGHTS_FILE = "model.safetensors"
HEADER_LIMIT_BYTES = 4_000_000  # XLM-RoBERTa's largest has 60,000; the library itself would take 100 MB

_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
_HINT = "Encoders are read from safetensors files in F32, F16 or BF16."


@final
@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The tensors of one file.

    Parameters
    ----------
    path : Path
    entries : mapping of str to (dtype, shape, (start, end))
        As the file's header has them; the offsets count from the header's end.
    content : ndarray of uint8
        The bytes after the header, mapped.
    """

    path: Path
    entries: Mapping[str, tuple[str, tuple[int, ...], tuple[int, int]]]
    content: NDArray[np.uint8]

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def read(self, name: str, shape: tuple[int, ...]) -> Float32Array:
        """The tensor `name` as float32, which must have `shape`; a view of the file where it is stored so.

        Raises
        ------
        InputError
            There is no such tensor, or it has another shape or a type that holds no weights.
        """
        if name not in self.entries:
            raise InputError(
                f"{self.path}: tensor {name} must be there (found {len(self.entries)} others).", hint=_HINT
            )
        dtype, found, (start, end) = self.entries[name]
        if dtype not in _DTYPES:
            raise InputError(f"{self.path}: tensor {name} must be F32, F16 or BF16 (got {shown(dtype)}).", hint=_HINT)
        if found != shape:
            raise InputError(
                f"{self.path}: tensor {name} must have shape {shape} (got {found}).",
                hint="config.json and the weights do not belong together: fetch both again.",
            )
        return _as_float32(self.content[start:end].view(_DTYPES[dtype]), bfloat16=dtype == "BF16").reshape(shape)


def open_weights(path: Path) -> Weights:
    """The tensors of the safetensors file at `path`, none of them read yet.

    Raises
    ------
    MissingInputError
        There is no such file.
    InputError
        It is no safetensors file, it is cut short, or its header is over 4 MB.
    """
    if not path.is_file():
        raise MissingInputError(f"{path} must be there.", hint=_HINT)
    with path.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > min(HEADER_LIMIT_BYTES, path.stat().st_size - 8):
            raise InputError(
                f"{path}: the header must have at most {HEADER_LIMIT_BYTES:,} bytes and end within the file "
                f"(got {length:,}).",
                hint=_HINT,
            )
        header = opened.read(length)
    _check_structure(path)
    content = np.memmap(path, np.uint8, mode="r", offset=8 + length) if path.stat().st_size > 8 + length else _NOTHING
    return Weights(path, _entries(header), content)


_NOTHING: NDArray[np.uint8] = np.empty(0, np.uint8)


def check_finite(name: str, tensor: Float32Array) -> None:
    """Refuse a tensor with NaN or infinite weights, by its name.

    Raises
    ------
    InputError
        One was found.
    """
    # The minimum and the maximum pass NaN on, and need no array of flags beside a gigabyte of weights.
    if tensor.size and not (np.isfinite(tensor.min()) and np.isfinite(tensor.max())):
        where = np.unravel_index(int(np.argmin(np.isfinite(tensor))), tensor.shape)
        raise InputError(
            f"Weights must be finite (got {tensor[where]} in {name}, at {tuple(int(i) for i in where)}).",
            hint="The checkpoint is damaged: fetch it again.",
        )


def _check_structure(path: Path) -> None:
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - only where used: start-up time

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} must be a whole safetensors file ({shown(str(error))}).", hint=_HINT) from error


def _entries(header: bytes) -> dict[str, tuple[str, tuple[int, ...], tuple[int, int]]]:
    """The header's table. Its structure was checked before, by the library."""
    table: dict[str, Any] = json.loads(header)
    return {
        name: (entry["dtype"], tuple(entry["shape"]), (entry["data_offsets"][0], entry["data_offsets"][1]))
        for name, entry in table.items()
        if name != "__metadata__"
    }


def _as_float32(stored: NDArray[Any], *, bfloat16: bool) -> Float32Array:
    if bfloat16:  # the upper half of a float32
        return (stored.astype(np.uint32) << 16).view(np.float32)
    # A header whose length is not a multiple of 4 leaves the tensors unaligned, which the runtime could not read.
    return np.require(stored, np.float32, ["ALIGNED"])
