"""What a shard's header says, and where the parts of the file begin.

In:   the number of rows, the hidden size, the names of the blocks, the encoder's fingerprint; or a header's bytes.
Out:  the header's bytes, of which there is one form only; or the layout they spell.
Not:  what is in the parts (shards.py).

File format: docs/formats/store.md.
"""

import json
import math
import re
import struct
from dataclasses import dataclass
from typing import Any, final

KEY_BYTES = 32
VERSION = "1"
HEADER_LIMIT_BYTES = 256 * 1024  # 75 blocks (every pooling of 24 layers) take 9 kB
SHARD_NAME = re.compile(r"[0-9a-f]{40}-(?P<n_rows>[1-9][0-9]{0,5})\.safetensors")
CHECKS = struct.Struct("<3I")

_FORMAT = "frostline-features"


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

    Raises
    ------
    ShardDamageError
        It is not, byte for byte, a header that `pack` writes.
    ShardForeignError
        It is one of another format or version.
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
