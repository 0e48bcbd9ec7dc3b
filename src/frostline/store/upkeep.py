"""What is kept on this machine: show it, check it."""

import contextlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias, final, get_args

import numpy as np

from frostline import disk
from frostline.arrays import Progress
from frostline.disk import TEMPORARY_PREFIX, publish_bytes, storage_error, sweep_temporaries
from frostline.errors import MissingInputError, UsageError, shown
from frostline.store.shards import (
    KEY_BYTES,
    Layout,
    Places,
    Rows,
    ShardDamageError,
    ShardForeignError,
    pack,
    read_block,
    read_front,
    read_vouchers,
    rows_in_name,
    rows_per_shard,
)
from frostline.store.store import (
    FOLDER,
    IDENTITY_NAME,
    ShardVanishedError,
    crowd,
    names_in,
    network_file_system,
    opened,
    shard_names,
)

DAMAGED_SUFFIX = ".damaged"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What is whole of a shard, and what was wrong with the rest."""

    rows: Rows | None
    n_damaged: int
    damage: str | None


def whole_rows(path: Path) -> Whole:
    """Every row of a shard that is what was written, all blocks of it."""
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


def rewrite(folder: Path, names: Sequence[str]) -> int:
    """Write the whole rows of the shards `names` into as few as will hold them; the number of shards that went.

    A shard whose rows would stand alone in the new one is left as it is, unless it is damaged.

    Raises `StorageError` or `AccessError`: every row is still where it was, or already in a new shard too.
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


Kind: TypeAlias = Literal["features", "graphs", "sets", "joined", "classifiers"]

KINDS: tuple[Kind, ...] = get_args(Kind)

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_IDENTITY_LIMIT_BYTES = 64 * 1024


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """One thing that is kept."""

    kind: Kind
    name: str  # The encoder's name as the user wrote it; the folder's own name for all else
    # `n_files`, `size_bytes`: On the disk, leftovers and damaged shards included.
    n_files: int
    size_bytes: int
    fingerprint: str = ""  # Of the encoder; empty for all else
    n_rows: int = 0  # Rows kept; 0 for all else
    blocks: tuple[str, ...] = ()  # Names of the column blocks that at least one row has
    n_damaged: int = 0  # Shards set aside because they were damaged


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedShard:
    """A shard that is not what was written: where, what was found, and how many rows it costs."""

    path: Path
    reason: str
    n_rows: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What checking every byte of every shard found. Damaged shards are left where they are."""

    n_shards: int
    n_rows: int
    size_bytes: int
    damaged: tuple[DamagedShard, ...]


def cache_info(home: Path | None = None) -> list[CacheEntry]:
    """What is kept in `home` (the user's own unless given): one entry per encoder, and one each for all else."""
    base = disk.home() if home is None else home
    entries = [_features_entry(folder) for folder in encoder_folders(base)]
    for kind in KINDS[1:]:
        files = list(files_in(base / kind))
        if files:
            size_bytes = sum(size for _, size in files)
            entries.append(CacheEntry(kind=kind, name=kind, n_files=len(files), size_bytes=size_bytes))
    return entries


def cache_verify(home: Path | None = None, *, progress: Progress | None = None) -> VerifyReport:
    """Check every byte of every shard against the digest in its name, and every row against its checksums.

    Parameters
    ----------
    home : Path, optional
        The user's own unless given.
    progress : callable, optional
        Counts shards.
    """
    paths = [
        folder / name
        for folder in encoder_folders(disk.home() if home is None else home)
        for name in shard_names(folder)
    ]
    damaged: list[DamagedShard] = []
    n_shards = n_rows = size_bytes = 0
    for done, path in enumerate(paths, start=1):
        with contextlib.suppress(ShardVanishedError, ShardForeignError):
            whole = whole_rows(path)
            reason = whole.damage or _digest_damage(path)
            size_bytes += path.lstat().st_size if path.exists() else 0
            n_shards += 1
            n_rows += 0 if whole.rows is None else len(whole.rows.keys)
            if reason is not None:
                damaged.append(DamagedShard(path=path, reason=reason, n_rows=whole.n_damaged))
        if progress is not None:
            progress(done, len(paths))
    return VerifyReport(n_shards=n_shards, n_rows=n_rows, size_bytes=size_bytes, damaged=tuple(damaged))


def _digest_damage(path: Path) -> str | None:
    digest = sha256()
    try:
        with opened(path) as handle:
            while piece := os.read(handle, 2**20):
                digest.update(piece)
    except ShardDamageError as error:
        return str(error)
    return None if path.name.startswith(digest.hexdigest()[:40]) else "its content's digest is not its name's"


def encoder_folders(home: Path) -> list[Path]:
    """The folders of kept features, one per encoder, sorted; none where nothing was ever kept."""
    root = home / FOLDER
    if not root.exists():
        return []
    disk.private_folder(root)
    return [root / name for name in sorted(names_in(root)) if _FINGERPRINT.fullmatch(name)]


def _features_entry(folder: Path) -> CacheEntry:
    files = list(files_in(folder))
    names = shard_names(folder)
    blocks: dict[str, None] = {}
    layouts: dict[bytes, tuple[Layout, Places]] = {}
    for name in names:
        with (
            contextlib.suppress(ShardVanishedError, ShardDamageError, ShardForeignError),
            opened(folder / name) as handle,
        ):
            blocks |= dict.fromkeys(read_front(handle, layouts).layout.blocks)
    return CacheEntry(
        kind="features",
        name=encoder_name(folder),
        fingerprint=folder.name,
        n_rows=sum(map(rows_in_name, names)),
        blocks=tuple(blocks),
        n_files=len(files),
        size_bytes=sum(size for _, size in files),
        n_damaged=sum(path.name.endswith(DAMAGED_SUFFIX) for path, _ in files),
    )


def encoder_name(folder: Path) -> str:
    """The name that the encoder had when its folder was made; its fingerprint's beginning where that is not told."""
    try:
        with (folder / IDENTITY_NAME).open("rb") as file:
            name = json.loads(file.read(_IDENTITY_LIMIT_BYTES))["identity"]["name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        name = None
    return name if isinstance(name, str) else folder.name[:12]


def files_in(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file under `folder` with its size; symbolic links are not followed."""
    for inner, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(inner, name)
            with contextlib.suppress(FileNotFoundError):
                yield path, path.lstat().st_size


_PREFIX_DIGITS = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What was removed, and how many small or damaged shards were written anew as fewer whole ones."""

    n_files: int
    size_bytes: int
    n_rewritten: int


def cache_prune(
    home: Path | None = None, *, kinds: Sequence[Kind] = (), encoder: str | None = None, keep_bytes: int | None = None
) -> PruneReport:
    """Remove leftovers of killed writers and damaged shards, merge small shards, and remove what is asked for.

    Whole rows of damaged shards are written anew first. A run that is going on is not disturbed: what it finds gone
    it reads again.

    Raises `UsageError`: an unknown kind, or `keep_bytes` is negative; `MissingInputError`: nothing of that encoder
    is kept; `AccessError` or `StorageError`: a file could not be removed.

    Parameters
    ----------
    home : Path, optional
        The user's own unless given.
    kinds : sequence of {"features", "graphs", "sets", "joined", "classifiers"}
        Everything of these kinds goes. `KINDS` is everything.
    encoder : str, optional
        All features of the encoder of this name, or whose fingerprint begins with it (8 digits or more), go.
    keep_bytes : int, optional
        Shards go, whichever, until the features take no more than this.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise UsageError(f"What to remove must be among {', '.join(KINDS)} (got {shown(unknown[0])}).")
    if keep_bytes is not None and keep_bytes < 0:
        raise UsageError(f"The bytes to keep must be 0 or more (got {keep_bytes}).")
    base = disk.home() if home is None else home
    folders = encoder_folders(base)
    gone = [folder for folder in folders if "features" in kinds]
    if encoder is not None:
        chosen = [folder for folder in folders if _is_named(folder, encoder)]
        if not chosen:
            names = ", ".join(sorted({shown(encoder_name(folder)) for folder in folders})) or "none at all"
            raise MissingInputError(f"No features of encoder {shown(encoder)} are kept (kept: {names}).")
        gone += [folder for folder in chosen if folder not in gone]
    removed: list[tuple[Path, int]] = []
    for folder in [*gone, *(base / kind for kind in KINDS[1:] if kind in kinds)]:
        removed += _remove_folder(folder)
    n_rewritten = 0
    left = [folder for folder in folders if folder not in gone]
    for folder in left:
        n_rewritten += _tidy(folder)
        removed += _swept(folder)
    if keep_bytes is not None:
        removed += _remove(_surplus(left, keep_bytes))
    return PruneReport(n_files=len(removed), size_bytes=sum(size for _, size in removed), n_rewritten=n_rewritten)


def _is_named(folder: Path, encoder: str) -> bool:
    is_prefix = len(encoder) >= _PREFIX_DIGITS and folder.name.startswith(encoder)
    return is_prefix or encoder_name(folder) == encoder


def _tidy(folder: Path) -> int:
    """Mend what is damaged in `folder` and merge what is small; the number of shards written anew."""
    damaged = []
    for name in shard_names(folder):
        with contextlib.suppress(ShardVanishedError, ShardForeignError):
            if whole_rows(folder / name).damage is not None:
                damaged.append(name)
    n_rewritten = rewrite(folder, damaged)
    while crowded := crowd(shard_names(folder)):
        n_gone = rewrite(folder, crowded)
        n_rewritten += n_gone
        if n_gone < 2:
            break  # no two of them go together
    return n_rewritten


def _swept(folder: Path) -> list[tuple[Path, int]]:
    """Remove what killed writers left, and the damaged shards that were set aside."""
    temporaries = [(path, size) for path, size in files_in(folder) if path.name.startswith(TEMPORARY_PREFIX)]
    if temporaries and network_file_system(folder) is None:
        sweep_temporaries(folder)
    damaged = [(path, size) for path, size in files_in(folder) if path.name.endswith(DAMAGED_SUFFIX)]
    return [(path, size) for path, size in temporaries if not path.exists()] + _remove(damaged)


def _surplus(folders: Sequence[Path], keep_bytes: int) -> list[tuple[Path, int]]:
    """Shards to remove, in the order of their names, until all shards together take no more than `keep_bytes`."""
    shards = [(path, size) for folder in folders for path, size in files_in(folder) if rows_in_name(path.name)]
    excess = sum(size for _, size in shards) - keep_bytes
    chosen = []
    for path, size in sorted(shards, key=lambda shard: shard[0].name):
        if excess <= 0:
            break
        chosen.append((path, size))
        excess -= size
    return chosen


def _remove(files: Sequence[tuple[Path, int]]) -> list[tuple[Path, int]]:
    removed = []
    for path, size in files:
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise storage_error(error, path) from error
        removed.append((path, size))
    return removed


def _remove_folder(folder: Path) -> list[tuple[Path, int]]:
    """Remove a folder and all in it; what a running process puts there meanwhile may stay."""
    removed = _remove(list(files_in(folder)))
    inner = [Path(place, name) for place, names, _ in os.walk(folder, topdown=False) for name in names]
    for place in (*inner, folder):
        with contextlib.suppress(OSError):
            place.rmdir()
    return removed
