"""What is kept on this machine: show it, check it.

In:   Frostline's home: kept features, built graphs, downloaded sets.
Out:  sizes and numbers of rows; every damaged shard by name. Nothing is changed.
Not:  removing (prune.py), merging and mending (rewrite.py).
"""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias, final, get_args

from frostline import places
from frostline.arrays import Progress
from frostline.store.features import FOLDER, IDENTITY_NAME, names_in, shard_names
from frostline.store.layout import Layout, Places, ShardDamageError, ShardForeignError
from frostline.store.rewrite import DAMAGED_SUFFIX, rows_in_name, whole_rows
from frostline.store.search import ShardVanishedError, opened
from frostline.store.shards import read_front

Kind: TypeAlias = Literal["features", "graphs", "sets"]

KINDS: tuple[Kind, ...] = get_args(Kind)

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_IDENTITY_LIMIT_BYTES = 64 * 1024


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """One thing that is kept.

    Parameters
    ----------
    kind : {"features", "graphs", "sets"}
    name : str
        The encoder's name as the user wrote it; the folder's own name for graphs and sets.
    n_files, size_bytes : int
        On the disk, leftovers and damaged shards included.
    fingerprint : str
        Of the encoder; empty for graphs and sets.
    n_rows : int
        Rows kept; 0 for graphs and sets.
    blocks : tuple of str
        Names of the column blocks that at least one row has.
    n_damaged : int
        Shards set aside because they were damaged.
    """

    kind: Kind
    name: str
    n_files: int
    size_bytes: int
    fingerprint: str = ""
    n_rows: int = 0
    blocks: tuple[str, ...] = ()
    n_damaged: int = 0


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
    """What is kept in `home` (the user's own unless given): one entry per encoder, and one each for graphs and sets.

    Raises
    ------
    AccessError
        The folder of features is not ours alone.
    """
    base = places.home() if home is None else home
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

    Raises
    ------
    AccessError
        The folder of features is not ours alone.
    """
    paths = [
        folder / name
        for folder in encoder_folders(places.home() if home is None else home)
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
    places.private_folder(root)
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
