"""Remove what is kept on this machine.

In:   Frostline's home, and what is to go.
Out:  files removed, and how much room that made.
Not:  showing and checking (upkeep.py), merging and mending (rewrite.py).

Nothing here goes by file times: clocks jump. What goes first to make room is told by name, which for a digest means
at random.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from frostline import places
from frostline.errors import MissingInputError, UsageError, shown
from frostline.publish import TEMPORARY_PREFIX, storage_error, sweep_temporaries
from frostline.store.features import shard_names
from frostline.store.layout import ShardForeignError
from frostline.store.mounts import network_file_system
from frostline.store.rewrite import DAMAGED_SUFFIX, crowd, rewrite, rows_in_name, whole_rows
from frostline.store.search import ShardVanishedError
from frostline.store.upkeep import KINDS, Kind, encoder_folders, encoder_name, files_in

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

    Parameters
    ----------
    home : Path, optional
        The user's own unless given.
    kinds : sequence of {"features", "graphs", "sets"}
        Everything of these kinds goes. `KINDS` is everything.
    encoder : str, optional
        All features of the encoder of this name, or whose fingerprint begins with it (8 digits or more), go.
    keep_bytes : int, optional
        Shards go, whichever, until the features take no more than this.

    Raises
    ------
    UsageError
        An unknown kind, or `keep_bytes` is negative.
    MissingInputError
        Nothing of that encoder is kept.
    AccessError, StorageError
        A file could not be removed.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise UsageError(f"What to remove must be among {', '.join(KINDS)} (got {shown(unknown[0])}).")
    if keep_bytes is not None and keep_bytes < 0:
        raise UsageError(f"The bytes to keep must be 0 or more (got {keep_bytes}).")
    base = places.home() if home is None else home
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
