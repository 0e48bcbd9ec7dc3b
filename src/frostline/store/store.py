"""Keep features on disk, so that each distinct sentence is read by the encoder once.

File format: docs/formats/store.md. There is no lock, no index and no clock: a shard's name is the digest of its
content, so that writers cannot be in each other's way, and readers see a shard whole or not at all.
"""

import contextlib
import errno
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from frostline import disk
from frostline.arrays import BoolArray, Features, IntArray
from frostline.disk import TEMPORARY_PREFIX, publish_bytes, storage_error, sweep_temporaries
from frostline.encoder.reading import EncoderIdentity, Reading, SentenceEncoder
from frostline.errors import BackendError, StorageError
from frostline.store.shards import (
    KEY_BYTES,
    SHARD_NAME,
    SMALL_ROWS,
    Front,
    Layout,
    Places,
    Rows,
    ShardDamageError,
    ShardForeignError,
    open_shard,
    pack,
    read_block,
    read_front,
    read_vouchers,
    rows_in_name,
)

_SHARDS_AT_ONCE = 4096  # their keys are matched in one go; with 2,048 rows each, 256 MB of keys

_DAMAGE = frozenset({errno.EIO, errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR, errno.ENXIO})
_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


class ShardVanishedError(Exception):
    """A shard that was listed is gone: merged, mended or pruned by someone else."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """An open shard, whose troubles are told apart: gone, damaged, or the system's."""
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
class Found:
    """What is wanted of some texts, and what the store has of it: of a search what was found so far."""

    fingerprint: str
    blocks: tuple[str, ...]
    hidden_size: int
    keys: NDArray[np.uint8]  # (n_texts, 32)
    rows: Features  # (n_texts, n_features): Where `is_there` is False, a row means nothing
    seen: NDArray[np.int32]  # (n_texts, 2): Word pieces that the encoder saw, and 1 where the text was cut
    missing: BoolArray  # (n_texts, n_blocks)
    seen_names: set[str] = field(default_factory=set)
    damaged: dict[str, str] = field(default_factory=dict)  # Shards that are not what was written, and what is wrong
    layouts: dict[bytes, tuple[Layout, Places]] = field(default_factory=dict)

    @classmethod
    def nothing(cls, encoder: SentenceEncoder, keys: NDArray[np.uint8]) -> "Found":
        """Of a search that is to begin."""
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

    @property
    def is_there(self) -> BoolArray:
        """Which texts have all that is wanted of them (n_texts,)."""
        return np.logical_not(self.missing.any(axis=1))

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


_NETWORK = frozenset({"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs",
                      "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"})  # fmt: skip
_MOUNTS = Path("/proc/self/mountinfo")


def network_file_system(folder: Path, *, mounts: Path = _MOUNTS) -> str | None:
    """The network file system that `folder` lies on; None for a local one, and where the system does not say.

    References
    ----------
    proc_pid_mountinfo(5): field 3 is the device's number; the type follows the lone hyphen.
    """
    try:
        device = folder.stat().st_dev
        lines = mounts.read_text("utf-8", errors="replace").split("\n")
    except OSError:
        return None
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        before, _, after = line.partition(" - ")
        if before.split(" ")[2:3] == [wanted]:
            kind = after.split(" ")[0]
            return kind if kind in _NETWORK else None
    return None


FOLDER = "features"
IDENTITY_NAME = "identity.json"

_RELISTS = 8  # a folder that is merged or pruned this often during one look-up is not worth waiting for


class StoreWarning(UserWarning):
    """Something about kept features that costs time, never a wrong row."""


@final
@dataclass(frozen=True, slots=True)
class FeatureStore:
    """A folder of kept features: in it one folder per encoder, named by the encoder's fingerprint.

    Parameters
    ----------
    root : Path
        Ours alone: see `disk.private_folder`. `open` checks it.
    network : str or None
        The network file system that it lies on. Leftovers of killed writers are not swept there, because a lock
        may not be seen by other machines.
    """

    root: Path
    network: str | None = None

    @classmethod
    def open(cls, root: str | Path | None = None) -> "FeatureStore":
        """The store in `root`, or in the user's cache folder; made where it is missing.

        Raises
        ------
        AccessError
            The folder belongs to someone else, others can write to it, or we cannot: before any work starts.
        OutputError
            Something that is not a folder is in the way.
        """
        folder = disk.private_folder(disk.home() / FOLDER if root is None else Path(root))
        network = network_file_system(folder)
        if network is not None:
            warnings.warn(
                f"Features are kept in {folder}, which is on {network}: correct there too, but slower. "
                "Set FROSTLINE_HOME to a folder on a local disk.",
                StoreWarning,
                stacklevel=2,
            )
        return cls(folder, network)

    def folder(self, identity: EncoderIdentity) -> Path:
        """Where the rows of an encoder lie; it need not be there yet."""
        return self.root / identity.fingerprint()

    def prepare(self, identity: EncoderIdentity) -> Path:
        """The encoder's folder, ready to be written to, swept of what killed writers left.

        Raises
        ------
        AccessError, OutputError, StorageError
            Rows could not be kept; better known before they are read.
        """
        folder = self._own_folder(identity)
        described = folder / IDENTITY_NAME
        if not described.exists():
            document = {"format": "frostline-encoder", "version": 1, "identity": identity.document()}
            publish_bytes(described, json.dumps(document, indent=1, sort_keys=True).encode(), mode=0o600)
        if self.network is None and any(name.startswith(TEMPORARY_PREFIX) for name in names_in(folder)):
            sweep_temporaries(folder)
        return folder

    def _own_folder(self, identity: EncoderIdentity) -> Path:
        disk.private_folder(self.root)  # it may have been deleted since, and parents are not made 0700
        return disk.private_folder(self.folder(identity))

    def lookup(self, encoder: SentenceEncoder, keys: NDArray[np.uint8]) -> Found:
        """What is kept for the texts with these `keys`, as `encoder` would read them.

        Parameters
        ----------
        encoder : SentenceEncoder
            Its identity, blocks and hidden size are asked for; it reads nothing.
        keys : ndarray of shape (n_texts, 32), dtype=uint8
            From `text_keys`; no two alike.

        Raises
        ------
        AccessError
            The encoder's folder is not ours alone.
        StorageError
            The system refused to read for a reason that is not the shard's: too many open files, no memory.
        """
        identity = encoder.identity
        found = Found.nothing(encoder, keys)
        folder = self.folder(identity)
        if folder.exists():
            disk.private_folder(folder)
        for _ in range(_RELISTS):
            names = [name for name in shard_names(folder) if name not in found.seen_names]
            if found.go_through(folder, names):
                break
        return found

    def publish(self, encoder: SentenceEncoder, keys: NDArray[np.uint8], reading: Reading) -> str:
        """Keep what `encoder` read: row i of `reading` under keys[i]. The shard's name, once it is on the disk.

        Raises
        ------
        BackendError
            A row is not of the encoder's width, or holds NaN or infinity: such rows are never kept.
        StorageError, AccessError, OutputError
            Nothing was written; what was kept before stays.
        """
        n_features = len(encoder.blocks) * encoder.hidden_size
        if reading.rows.shape != (len(keys), n_features):
            raise BackendError(f"Rows must have shape {(len(keys), n_features)} (got {reading.rows.shape}).")
        is_finite = np.isfinite(reading.rows).all(axis=1)
        if not is_finite.all():
            raise BackendError(
                f"The encoder gave NaN or infinity for {np.count_nonzero(~is_finite)} of {len(keys)} sentences.",
                hint="Its weights may be damaged, or unfit for float32.",
            )
        rows = Rows(
            keys=keys,
            blocks=tuple(map(str, encoder.blocks)),
            values=reading.rows,
            seen=seen_of(reading),
        )
        identity = encoder.identity
        name, content = pack(rows, identity.fingerprint())
        publish_bytes(self._own_folder(identity) / name, content, mode=0o600)
        return name


def seen_of(reading: Reading) -> NDArray[np.int32]:
    """What is kept of each text beside its row (n_texts, 2)."""
    return np.column_stack([reading.pieces, reading.cut]).astype(np.int32)


def shard_names(folder: Path) -> list[str]:
    """Names of the shards in `folder`, sorted; none where there is no such folder."""
    return sorted(name for name in names_in(folder) if SHARD_NAME.fullmatch(name))


_SMALL_SHARDS = 64  # up to so many are left alone: merging them again and again would cost more than it saves
_MERGED_ROWS = 8192  # merged in one go, so that the memory and time of one merging are bounded
_MERGED_SHARDS = 1024


def crowd(names: Sequence[str]) -> list[str]:
    """The small shards among `names` that want merging now; none while they are few."""
    small = [name for name in names if rows_in_name(name) < SMALL_ROWS]
    if len(small) <= _SMALL_SHARDS:
        return []
    ends = np.cumsum([rows_in_name(name) for name in small])
    return small[: min(_MERGED_SHARDS, max(2, int(np.searchsorted(ends, _MERGED_ROWS, side="right"))))]


def names_in(folder: Path) -> list[str]:
    """All names in `folder`; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise storage_error(error, folder) from error
