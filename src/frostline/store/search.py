"""Going through shards for the rows of some texts.

In:   keys, the encoder's blocks, names of shards.
Out:  the rows found, every one checked against its checksum; what is still missing; which shards are damaged.
Not:  which folder, and what to do about what is missing or damaged (features.py, stored.py).
"""

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, Features, IntArray
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import StorageError
from frostline.store.layout import KEY_BYTES, Layout, Places, ShardDamageError, ShardForeignError
from frostline.store.shards import Front, open_shard, read_block, read_front, read_vouchers

_SHARDS_AT_ONCE = 4096  # their keys are matched in one go; with 2,048 rows each, 256 MB of keys

_DAMAGE = frozenset({errno.EIO, errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR, errno.ENXIO})
_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


class ShardVanishedError(Exception):
    """A shard that was listed is gone: merged, mended or pruned by someone else."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """An open shard, whose troubles are told apart: gone, damaged, or the system's.

    Raises
    ------
    ShardVanishedError, ShardDamageError, StorageError
        See `trouble`.
    """
    try:
        handle = open_shard(os.fspath(path))
        try:
            yield handle
        finally:
            os.close(handle)
    except OSError as error:
        raise trouble(error, os.fspath(path)) from error


def trouble(error: OSError, path: str) -> ShardVanishedError | ShardDamageError | StorageError:
    """What `error`, met while reading a shard, means: it is gone, it is damaged, or it is not to blame.

    Too many open files, or no memory, is a `StorageError`: no shard is set aside for that.
    """
    if error.errno in _VANISHED:
        return ShardVanishedError()
    if error.errno in _DAMAGE:
        return ShardDamageError(f"it cannot be read ({error.strerror})")
    return StorageError(f"{path}: reading failed ({error.strerror}).", hint="Run the same command again.")


@final
@dataclass(slots=True, kw_only=True, eq=False)
class Search:
    """What is wanted, and what was found of it so far.

    Parameters
    ----------
    fingerprint : str
    blocks : tuple of str
    hidden_size : int
    keys : ndarray of shape (n_texts, 32), dtype=uint8
    rows : ndarray of shape (n_texts, n_features), dtype=float32
    seen : ndarray of shape (n_texts, 2), dtype=int32
    missing : ndarray of shape (n_texts, n_blocks), dtype=bool
    """

    fingerprint: str
    blocks: tuple[str, ...]
    hidden_size: int
    keys: NDArray[np.uint8]
    rows: Features
    seen: NDArray[np.int32]
    missing: BoolArray
    seen_names: set[str] = field(default_factory=set)
    damaged: dict[str, str] = field(default_factory=dict)
    layouts: dict[bytes, tuple[Layout, Places]] = field(default_factory=dict)

    @classmethod
    def start(cls, encoder: SentenceEncoder, keys: NDArray[np.uint8]) -> "Search":
        """A search that has found nothing yet."""
        n_texts, n_blocks = len(keys), len(encoder.blocks)
        return cls(
            fingerprint=encoder.identity.fingerprint(),
            blocks=tuple(map(str, encoder.blocks)),
            hidden_size=encoder.hidden_size,
            keys=keys,
            rows=np.zeros((n_texts, n_blocks * encoder.hidden_size), np.float32),
            seen=np.zeros((n_texts, 2), np.int32),
            missing=np.ones((n_texts, n_blocks), np.bool_),
        )

    def go_through(self, folder: Path, names: Sequence[str]) -> bool:
        """Take what is wanted from the shards `names`. False if one had vanished: what it held may be elsewhere now."""
        all_there = True
        for begin in range(0, len(names), _SHARDS_AT_ONCE):
            if not self.missing.any():
                return True
            all_there &= self._go_through_some(folder, names[begin : begin + _SHARDS_AT_ONCE])
        return all_there

    def _go_through_some(self, folder: Path, names: Sequence[str]) -> bool:
        self.seen_names.update(names)
        n_vanished = 0
        prefix = os.path.join(folder, "")  # noqa: PTH118 - of 100,000 names, a Path each would take half the time
        wanted = frozenset(self.blocks)
        fronts: list[tuple[str, Front]] = []
        for name in names:
            try:
                front = self._front(f"{prefix}{name}")
            except ShardVanishedError:
                n_vanished += 1
            except ShardForeignError:
                continue
            except ShardDamageError as error:
                self.damaged[name] = str(error)
            else:
                if not wanted.isdisjoint(front.layout.blocks):
                    fronts.append((name, front))
        for (name, front), shard_rows, positions in self._hits(fronts):
            try:
                self._take(folder / name, front, shard_rows=shard_rows, positions=positions)
            except ShardVanishedError:
                n_vanished += 1
            except ShardDamageError as error:
                self.damaged[name] = str(error)
        return n_vanished == 0

    def _front(self, path: str) -> Front:
        # A crowded folder is all this: no context, no Path.
        try:
            handle = open_shard(path)
            try:
                front = read_front(handle, self.layouts)
            finally:
                os.close(handle)
        except OSError as error:
            raise trouble(error, path) from error
        if (front.layout.fingerprint, front.layout.hidden_size) != (self.fingerprint, self.hidden_size):
            raise ShardDamageError("it holds another encoder's rows")
        return front

    def _hits(self, fronts: list[tuple[str, Front]]) -> Iterator[tuple[tuple[str, Front], IntArray, IntArray]]:
        """Shards that hold wanted keys, the numbers of those rows (ascending), and the texts they belong to."""
        if not fronts:
            return
        table = np.frombuffer(b"".join([front.keys for _, front in fronts]), np.uint8).reshape(-1, KEY_BYTES)
        rows, positions = matches(table, self.keys)
        ends = np.cumsum([front.layout.n_rows for _, front in fronts], dtype=np.int64)
        shard_of_row = np.searchsorted(ends, rows, side="right")
        for shard in np.unique(shard_of_row).tolist():
            chosen = shard_of_row == shard
            begin = ends[shard] - fronts[shard][1].layout.n_rows
            yield fronts[shard], rows[chosen] - begin, positions[chosen]

    def _take(self, path: Path, front: Front, *, shard_rows: IntArray, positions: IntArray) -> None:
        """Copy the rows that are missing from one shard; a row whose checksum does not fit stays missing."""
        columns = [column for column, block in enumerate(self.blocks) if block in front.layout.blocks]
        if not self.missing[positions][:, columns].any():
            return
        is_damaged = np.zeros(len(positions), np.bool_)
        with opened(path) as handle:
            vouchers = read_vouchers(handle, front, shard_rows)
            for column in columns:
                need = np.flatnonzero(self.missing[positions, column])
                if not len(need):
                    continue
                values, is_whole = read_block(handle, front, self.blocks[column], vouchers.take(need))
                good = need[is_whole]
                begin = column * self.hidden_size
                self.rows[positions[good], begin : begin + self.hidden_size] = (
                    values if is_whole.all() else values[is_whole]
                )
                self.seen[positions[good]] = vouchers.seen[good]
                self.missing[positions[good], column] = False
                is_damaged[need[~is_whole]] = True
        if is_damaged.any():
            n_damaged = int(np.count_nonzero(is_damaged))
            raise ShardDamageError(f"the checksums of {n_damaged} of its rows do not fit")


def matches(table: NDArray[np.uint8], keys: NDArray[np.uint8]) -> tuple[IntArray, IntArray]:
    """Rows of `table` (n, 32) that are among `keys` (m, 32), ascending, and which key each of them is."""
    if not len(table) or not len(keys):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.ascontiguousarray(keys).view("<u8")[:, 0]  # eight bytes of a digest nearly always tell keys apart
    order = np.argsort(starts)
    ranked = starts[order]
    table_starts = table.view("<u8")[:, 0]
    at = np.minimum(np.searchsorted(ranked, table_starts), len(ranked) - 1)
    rows = np.flatnonzero(ranked[at] == table_starts)
    positions = order[at[rows]]
    is_same = (table[rows] == keys[positions]).all(axis=1)
    return rows[is_same], positions[is_same]
