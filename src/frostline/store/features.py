"""Keep features on disk, so that each distinct sentence is read by the encoder once.

In:   keys of texts, and the encoder that would read them.
Out:  the rows that are kept, each one checked; which are there; which shards are damaged. New rows, kept.
Not:  the bytes of a shard (shards.py); reading what is missing (stored.py); cleaning up (rewrite.py, upkeep.py).

File format: docs/formats/store.md. There is no lock, no index and no clock: a shard's name is the digest of its
content, so that writers cannot be in each other's way, and readers see a shard whole or not at all.
"""

import json
import os
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from frostline import places
from frostline.arrays import BoolArray, Features
from frostline.encoder.reading import EncoderIdentity, Reading, SentenceEncoder
from frostline.errors import BackendError
from frostline.publish import TEMPORARY_PREFIX, publish_bytes, storage_error, sweep_temporaries
from frostline.store.layout import SHARD_NAME
from frostline.store.mounts import network_file_system
from frostline.store.search import Search
from frostline.store.shards import Rows, pack

FOLDER = "features"
IDENTITY_NAME = "identity.json"

_RELISTS = 8  # a folder that is merged or pruned this often during one look-up is not worth waiting for


class StoreWarning(UserWarning):
    """Something about kept features that costs time, never a wrong row."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What the store has of some texts.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features), dtype=float32
        Where `is_there` is False, a row means nothing.
    pieces : ndarray of shape (n_texts,), dtype=int32
    cut, is_there : ndarray of shape (n_texts,), dtype=bool
    damaged : dict of str to str
        Names of shards that are not what was written, and what is wrong with each.
    """

    rows: Features
    pieces: NDArray[np.int32]
    cut: BoolArray
    is_there: BoolArray
    damaged: dict[str, str]


@final
@dataclass(frozen=True, slots=True)
class FeatureStore:
    """A folder of kept features: in it one folder per encoder, named by the encoder's fingerprint.

    Parameters
    ----------
    root : Path
        Ours alone: see `places.private_folder`. `open` checks it.
    network : str or None
        The network file system that it lies on. Leftovers of killed writers are not swept there, because a lock
        may not be seen by other machines.
    """

    root: Path
    network: str | None = None

    @classmethod
    def open(cls, root: Path | None = None) -> "FeatureStore":
        """The store in `root`, or in the user's cache folder; made where it is missing.

        Raises
        ------
        AccessError
            The folder belongs to someone else, others can write to it, or we cannot: before any work starts.
        OutputError
            Something that is not a folder is in the way.
        """
        folder = places.private_folder(places.home() / FOLDER if root is None else root)
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
            document = {"format": "frostline-encoder", "version": 1, "identity": asdict(identity)}
            publish_bytes(described, json.dumps(document, indent=1, sort_keys=True).encode(), mode=0o600)
        if self.network is None and any(name.startswith(TEMPORARY_PREFIX) for name in names_in(folder)):
            sweep_temporaries(folder)
        return folder

    def _own_folder(self, identity: EncoderIdentity) -> Path:
        places.private_folder(self.root)  # it may have been deleted since, and parents are not made 0700
        return places.private_folder(self.folder(identity))

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
        search = Search.start(encoder, keys)
        folder = self.folder(identity)
        if folder.exists():
            places.private_folder(folder)
        for _ in range(_RELISTS):
            names = [name for name in shard_names(folder) if name not in search.seen_names]
            if search.go_through(folder, names):
                break
        return Found(
            rows=search.rows,
            pieces=search.seen[:, 0],
            cut=search.seen[:, 1] != 0,
            is_there=np.logical_not(search.missing.any(axis=1)),
            damaged=search.damaged,
        )

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
            seen=np.column_stack([reading.pieces, reading.cut]).astype(np.int32),
        )
        identity = encoder.identity
        name, content = pack(rows, identity.fingerprint())
        publish_bytes(self._own_folder(identity) / name, content, mode=0o600)
        return name


def shard_names(folder: Path) -> list[str]:
    """Names of the shards in `folder`, sorted; none where there is no such folder."""
    return sorted(name for name in names_in(folder) if SHARD_NAME.fullmatch(name))


def names_in(folder: Path) -> list[str]:
    """All names in `folder`; none where there is no such folder.

    Raises
    ------
    StorageError, AccessError
    """
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise storage_error(error, folder) from error
