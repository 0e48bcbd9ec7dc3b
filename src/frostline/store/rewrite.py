"""Write shards anew: many small ones as few, damaged ones as what is whole of them.

In:   a folder of one encoder, names of shards in it.
Out:  new shards with the same rows; the old ones removed, or set aside if they were damaged.
Not:  when that is done (stored.py, upkeep.py).

A shard goes only after the rows taken from it are on the disk under another name: a crash, or a second process
doing the same, leaves rows twice at worst, and a reader that finds a shard gone finds its rows by listing again.
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from frostline.publish import publish_bytes
from frostline.store.layout import KEY_BYTES, SHARD_NAME, ShardDamageError, ShardForeignError
from frostline.store.search import ShardVanishedError, opened
from frostline.store.shards import Rows, pack, read_block, read_front, read_vouchers

ROWS_PER_SHARD = 2048
SHARD_BYTES = 64 * 2**20
DAMAGED_SUFFIX = ".damaged"

_SMALL_ROWS = 512  # no full shard is small, or merging would never end
_SMALL_SHARDS = 64  # up to so many are left alone: merging them again and again would cost more than it saves
_MERGED_ROWS = 8192  # merged in one go, so that the memory and time of one merging are bounded
_MERGED_SHARDS = 1024


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What is whole of a shard, and what was wrong with the rest."""

    rows: Rows | None
    n_damaged: int
    damage: str | None


def rows_per_shard(n_features: int) -> int:
    """How many rows of `n_features` float32 go into one shard."""
    return max(_SMALL_ROWS, min(ROWS_PER_SHARD, SHARD_BYTES // (4 * n_features)))


def whole_rows(path: Path) -> Whole:
    """Every row of a shard that is what was written, all blocks of it.

    Raises
    ------
    ShardVanishedError, ShardForeignError
    StorageError
    """
    n_named = rows_in_name(path.name)
    try:
        with opened(path) as handle:
            front = read_front(handle, {})
            layout = front.layout
            if layout.fingerprint != path.parent.name or layout.n_rows != n_named:
                return Whole(rows=None, n_damaged=n_named, damage="it is not what its name and folder say")
            vouchers = read_vouchers(handle, front, np.arange(layout.n_rows))
            read = [read_block(handle, front, block, vouchers) for block in layout.blocks]
    except ShardDamageError as error:
        return Whole(rows=None, n_damaged=n_named, damage=str(error))
    is_whole = np.all([whole for _, whole in read], axis=0)
    n_damaged = int(np.count_nonzero(~is_whole))
    values = np.hstack([block[is_whole] for block, _ in read])
    rows = Rows(keys=front.key_table()[is_whole], blocks=layout.blocks, values=values, seen=vouchers.seen[is_whole])
    damage = f"the checksums of {n_damaged} of its rows do not fit" if n_damaged else None
    return Whole(rows=rows if len(values) else None, n_damaged=n_damaged, damage=damage)


def rows_in_name(name: str) -> int:
    """How many rows a shard of that name holds; 0 for another file."""
    match = SHARD_NAME.fullmatch(name)
    return int(match["n_rows"]) if match else 0


def rewrite(folder: Path, names: Sequence[str]) -> int:
    """Write the whole rows of the shards `names` into as few as will hold them; the number of shards that went.

    A shard whose rows would stand alone in the new one is left as it is, unless it is damaged.

    Raises
    ------
    StorageError, AccessError
        Every row is still where it was, or already in a new shard too.
    """
    groups: defaultdict[tuple[tuple[str, ...], int], list[tuple[str, Whole]]] = defaultdict(list)
    for name in names:
        with contextlib.suppress(ShardVanishedError, ShardForeignError):
            whole = whole_rows(folder / name)
            shape = (whole.rows.blocks, whole.rows.values.shape[1]) if whole.rows is not None else ((), 0)
            groups[shape].append((name, whole))
    n_gone = 0
    for sources in groups.values():
        if len(sources) == 1 and sources[0][1].damage is None:
            continue
        parts = [whole.rows for _, whole in sources if whole.rows is not None]
        written = {_publish(folder, rows) for rows in _joined(parts)}
        for name, whole in sources:
            if name not in written:
                _retire(folder / name, is_damaged=whole.damage is not None)
                n_gone += 1
    return n_gone


def _joined(parts: Sequence[Rows]) -> Iterator[Rows]:
    """The rows of all parts, each key once, in the order of their keys, as many together as a shard holds."""
    if not parts:
        return
    keys = np.concatenate([part.keys for part in parts])
    order = np.unique(keys.view(f"S{KEY_BYTES}").ravel(), return_index=True)[1]
    values = np.concatenate([part.values for part in parts])
    seen = np.concatenate([part.seen for part in parts])
    step = rows_per_shard(values.shape[1])
    for begin in range(0, len(order), step):
        chosen = order[begin : begin + step]
        yield Rows(keys=keys[chosen], blocks=parts[0].blocks, values=values[chosen], seen=seen[chosen])


def _publish(folder: Path, rows: Rows) -> str:
    name, content = pack(rows, folder.name)
    publish_bytes(folder / name, content, mode=0o600)
    return name


def _retire(path: Path, *, is_damaged: bool) -> None:
    with contextlib.suppress(OSError):  # gone already, or to be met again: either way no row is lost
        if is_damaged:
            path.replace(path.with_name(path.name + DAMAGED_SUFFIX))
        else:
            path.unlink()


def crowd(names: Sequence[str]) -> list[str]:
    """The small shards among `names` that want merging now; none while they are few."""
    small = [name for name in names if rows_in_name(name) < _SMALL_ROWS]
    if len(small) <= _SMALL_SHARDS:
        return []
    ends = np.cumsum([rows_in_name(name) for name in small])
    return small[: min(_MERGED_SHARDS, max(2, int(np.searchsorted(ends, _MERGED_ROWS, side="right"))))]
