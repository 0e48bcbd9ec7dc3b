"""One shard: an immutable file that holds the rows of some texts, each under the digest of its text.

File format: docs/formats/store.md. Whatever the checks find wrong ends in `ShardDamageError`, which never leaves the
store: a damaged shard is a shard that is not there.
"""

import hashlib
import json
import math
import os
import re
import stat
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, Features, IntArray

KEY_BYTES = 32
VERSION = "1"
HEADER_LIMIT_BYTES = 256 * 1024  # 75 blocks (every pooling of 24 layers) take 9 kB
SHARD_NAME = re.compile(r"[0-9a-f]{40}-(?P<n_rows>[1-9][0-9]{0,5})\.safetensors")
CHECKS = struct.Struct("<3I")
ROWS_PER_SHARD = 2048
SHARD_BYTES = 64 * 2**20
SMALL_ROWS = 512  # no full shard is small, or merging would never end

_FORMAT = "frostline-features"


def rows_per_shard(n_features: int) -> int:
    """How many rows of `n_features` float32 go into one shard."""
    return max(SMALL_ROWS, min(ROWS_PER_SHARD, SHARD_BYTES // (4 * n_features)))


def rows_in_name(name: str) -> int:
    """How many rows a shard of that name holds; 0 for another file."""
    match = SHARD_NAME.fullmatch(name)
    return int(match["n_rows"]) if match else 0


class ShardDamageError(Exception):
    """A shard is not what its writer wrote; the message says what was found."""


class ShardForeignError(Exception):
    """A shard of another version of the format: left alone."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a shard's header says."""

    fingerprint: str
    n_rows: int
    hidden_size: int
    blocks: tuple[str, ...]

    def header(self) -> bytes:
        """The file's first bytes, up to its first tensor. There is one way only to write a layout."""
        described: dict[str, Any] = {
            "__metadata__": {"format": _FORMAT, "version": VERSION, "fingerprint": self.fingerprint}
        }
        at = 0
        for name, dtype, shape in self._tensors():
            end = at + math.prod(shape) * (1 if dtype == "U8" else 4)
            described[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}
            at = end
        text = json.dumps(described, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text

    def _tensors(self) -> list[tuple[str, str, list[int]]]:
        return [
            ("checks", "U32", [3]),
            ("keys", "U8", [self.n_rows, KEY_BYTES]),
            ("sums", "U32", [self.n_rows, len(self.blocks)]),
            ("seen", "I32", [self.n_rows, 2]),
            *((name, "F32", [self.n_rows, self.hidden_size]) for name in self.blocks),
        ]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a shard's parts begin, in bytes from the file's beginning."""

    checks: int
    keys: int
    sums: int
    seen: int
    blocks: int
    end: int
    block_bytes: int

    @classmethod
    def of(cls, layout: Layout, header_bytes: int) -> "Places":
        """The places of a file with this layout and a header of `header_bytes`."""
        n_rows, n_blocks = layout.n_rows, len(layout.blocks)
        keys = header_bytes + CHECKS.size
        sums = keys + n_rows * KEY_BYTES
        seen = sums + n_rows * n_blocks * 4
        blocks = seen + n_rows * 2 * 4
        block_bytes = n_rows * layout.hidden_size * 4
        end = blocks + n_blocks * block_bytes
        return cls(
            checks=header_bytes, keys=keys, sums=sums, seen=seen, blocks=blocks, end=end, block_bytes=block_bytes
        )


def read_layout(header: bytes) -> Layout:
    """What `header` (with its eight bytes of length) says.

    Raises `ShardDamageError`: it is not, byte for byte, a header that `pack` writes; `ShardForeignError`: it is one
    of another format or version.
    """
    try:
        described = json.loads(header[8:])
        metadata = described.pop("__metadata__")
        if (metadata["format"], metadata["version"]) != (_FORMAT, VERSION):
            raise ShardForeignError
        blocks = tuple(list(described)[4:])
        n_rows, hidden_size = (int(size) for size in described[blocks[0]]["shape"])
        layout = Layout(fingerprint=str(metadata["fingerprint"]), n_rows=n_rows, hidden_size=hidden_size, blocks=blocks)
        if min(n_rows, hidden_size) < 1 or layout.header() != header:
            raise ShardDamageError("its header is not one of ours")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise ShardDamageError("its header cannot be understood") from error
    return layout


_FIRST_READ_BYTES = 4096  # the header of most shards, and the keys of a small one, in one go
_GAP_ROWS = 8  # rows this near to each other are read together
_OPEN_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _OPEN_FLAGS |= getattr(os, _name, 0)  # which of them there are depends on the platform
_FLOAT, _SUM, _SEEN = np.dtype("<f4"), np.dtype("<u4"), np.dtype("<i4")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Rows to keep, or taken from a shard."""

    keys: NDArray[np.uint8]  # (n, 32): SHA-256 of each text's UTF-8 bytes; no two alike
    blocks: tuple[str, ...]  # Names of the column blocks, in column order: `mean@3`
    values: Features  # (n, n_blocks * hidden_size)
    # (n, 2): Word pieces that the encoder saw, and 1 where the text was longer than it could see.
    seen: NDArray[np.int32]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Front:
    """What is read of a shard before any row is: its layout and its keys, both checked."""

    layout: Layout
    places: Places
    keys: bytes
    rest_check: int

    def key_table(self) -> NDArray[np.uint8]:
        """The keys as an array (n_rows, 32)."""
        return np.frombuffer(self.keys, np.uint8).reshape(-1, KEY_BYTES)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vouchers:
    """What vouches for some rows of a shard."""

    rows: IntArray  # (n,): Their numbers in the shard, ascending
    seen: NDArray[np.int32]  # (n, 2)
    starts: IntArray  # (n,): CRC-32 of each row's key and of what the encoder saw of it: what its checksums start from
    sums: NDArray[np.uint32]  # (n, n_blocks), dtype=uint32: The checksum of each row's part of each block

    def take(self, chosen: IntArray) -> "Vouchers":
        """Those of some of the rows."""
        return Vouchers(
            rows=self.rows[chosen], seen=self.seen[chosen], starts=self.starts[chosen], sums=self.sums[chosen]
        )


def text_keys(texts: Sequence[str]) -> NDArray[np.uint8]:
    """The key of each text, (n_texts, 32): SHA-256 of its UTF-8 bytes."""
    digests = b"".join([hashlib.sha256(text.encode()).digest() for text in texts])
    return np.frombuffer(digests, np.uint8).reshape(-1, KEY_BYTES)


def pack(rows: Rows, fingerprint: str) -> tuple[str, memoryview]:
    """The name and the bytes of the shard that holds `rows` (one at least). The same rows give the same of both."""
    n_rows, n_blocks = len(rows.keys), len(rows.blocks)
    hidden_size = rows.values.shape[1] // n_blocks
    layout = Layout(fingerprint=fingerprint, n_rows=n_rows, hidden_size=hidden_size, blocks=rows.blocks)
    header = layout.header()
    places = Places.of(layout, len(header))
    content = bytearray(places.end)
    content[: len(header)] = header
    content[places.keys : places.sums] = rows.keys.tobytes()
    content[places.seen : places.blocks] = rows.seen.astype(_SEEN).tobytes()
    blocks = np.frombuffer(content, _FLOAT, offset=places.blocks).reshape(n_blocks, n_rows, hidden_size)
    blocks[:] = rows.values.reshape(n_rows, n_blocks, hidden_size).swapaxes(0, 1)
    sums = np.frombuffer(content, _SUM, n_rows * n_blocks, places.sums).reshape(n_rows, n_blocks)
    starts = _row_starts(rows.keys, rows.seen)
    for column, (name, block) in enumerate(zip(rows.blocks, blocks, strict=True)):
        sums[:, column] = _row_sums(block, starts, _tag(fingerprint, name))
    view = memoryview(content)
    parts = (view[: places.checks], view[places.keys : places.sums], view[places.sums : places.blocks])
    CHECKS.pack_into(content, places.checks, *(zlib.crc32(part) for part in parts))
    return f"{hashlib.sha256(content).hexdigest()[:40]}-{n_rows}.safetensors", view


def _row_starts(keys: NDArray[np.uint8], seen: NDArray[np.int32]) -> list[int]:
    """The CRC-32 of each row's key and of what the encoder saw of it."""
    joined = np.hstack([keys, np.ascontiguousarray(seen.astype(_SEEN)).view(np.uint8)]).tobytes()
    width = KEY_BYTES + 2 * _SEEN.itemsize
    return [zlib.crc32(joined[at : at + width]) for at in range(0, len(joined), width)]


def _tag(fingerprint: str, block: str) -> int:
    return zlib.crc32(f"{fingerprint} {block}".encode())


def _row_sums(block: Features, starts: Sequence[int], tag: int) -> NDArray[np.uint32]:
    """CRC-32 of each row of a contiguous block, started so that it also vouches for key, encoder and block name."""
    data, width, crc32 = block.data.cast("B"), block.shape[1] * block.itemsize, zlib.crc32
    spans = zip(range(0, len(data), width), starts, strict=True)
    return np.array([crc32(data[at : at + width], start ^ tag) for at, start in spans], np.uint32)


def open_shard(path: str) -> int:
    """A handle for reading. Symbolic links are not followed, and a pipe of that name blocks nothing."""
    return os.open(path, _OPEN_FLAGS)


def read_front(handle: int, layouts: dict[bytes, tuple[Layout, Places]]) -> Front:
    """The layout and the keys of an open shard.

    Parameters
    ----------
    layouts : dict
        Headers met before, to which this one is added: the many shards of a crowded folder share a few.
    """
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise ShardDamageError("it is not a file")
    content = os.read(handle, _FIRST_READ_BYTES)
    end = 8 + int.from_bytes(content[:8], "little")
    if len(content) < 8 or end > HEADER_LIMIT_BYTES:
        raise ShardDamageError("its header's length is out of bounds")
    if len(content) < end + CHECKS.size:
        content += _read_at(handle, len(content), end + CHECKS.size - len(content))
    header = content[:end]
    header_check, keys_check, rest_check = CHECKS.unpack_from(content, end)
    if zlib.crc32(header) != header_check:
        raise ShardDamageError("its header's checksum does not fit")
    known = layouts.get(header)
    if known is None:
        layout = read_layout(header)
        known = layouts[header] = (layout, Places.of(layout, end))
    layout, places = known
    if status.st_size != places.end:
        raise ShardDamageError(f"it must be {places.end:,} bytes long, and is {status.st_size:,}")
    if len(content) < places.sums:
        content += _read_at(handle, len(content), places.sums - len(content))
    keys = content[places.keys : places.sums]
    if zlib.crc32(keys) != keys_check:
        raise ShardDamageError("its keys' checksum does not fit")
    return Front(layout=layout, places=places, keys=keys, rest_check=rest_check)


def _read_at(handle: int, at: int, n_bytes: int) -> bytes:
    os.lseek(handle, at, os.SEEK_SET)
    content = os.read(handle, n_bytes)
    while len(content) < n_bytes:
        more = os.read(handle, n_bytes - len(content))
        if not more:
            raise ShardDamageError("it ends early")
        content += more
    return content


def read_vouchers(handle: int, front: Front, rows: IntArray) -> Vouchers:
    """What vouches for some rows of an open shard: `rows` are their numbers, ascending."""
    places, n_rows = front.places, front.layout.n_rows
    content = _read_at(handle, places.sums, places.blocks - places.sums)
    if zlib.crc32(content) != front.rest_check:
        raise ShardDamageError("its checksums' checksum does not fit")
    sums = np.frombuffer(content, _SUM, count=(places.seen - places.sums) // _SUM.itemsize).reshape(n_rows, -1)
    seen = np.frombuffer(content, _SEEN, offset=places.seen - places.sums).reshape(n_rows, 2)
    chosen = seen[rows].astype(np.int32, copy=False)
    starts = np.array(_row_starts(front.key_table()[rows], chosen), np.int64)
    return Vouchers(rows=rows, seen=chosen, starts=starts, sums=sums[rows])


def read_block(handle: int, front: Front, block: str, vouchers: Vouchers) -> tuple[Features, BoolArray]:
    """Rows of one block of an open shard, and which of them are what was written.

    Returns
    -------
    values : (n, hidden_size), float32
        One row for each of `vouchers`.
    is_whole : (n,), bool
        A row for which it is False must not be used.
    """
    layout, column, rows = front.layout, front.layout.blocks.index(block), vouchers.rows
    width = layout.hidden_size * _FLOAT.itemsize
    begin = front.places.blocks + column * front.places.block_bytes
    pieces = []
    for span in np.split(rows, np.flatnonzero(np.diff(rows) > _GAP_ROWS) + 1):
        first, n_rows = int(span[0]), int(span[-1] - span[0]) + 1
        content = _read_at(handle, begin + first * width, n_rows * width)
        values = np.frombuffer(content, _FLOAT).reshape(n_rows, layout.hidden_size)
        pieces.append(values if len(span) == n_rows else values[span - first])
    joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    sums = _row_sums(joined, vouchers.starts.tolist(), _tag(layout.fingerprint, block))
    return joined.astype(np.float32, copy=False), sums == vouchers.sums[:, column]
