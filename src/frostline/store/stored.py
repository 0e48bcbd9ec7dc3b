"""An encoder that remembers."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import IntArray, Progress, part_of
from frostline.encoder.reading import Around, Reading, SentenceEncoder, check_texts, distinct_texts
from frostline.encoder.words import WordedEncoder, WordsAlone
from frostline.errors import AccessError, StorageError
from frostline.store.shards import rows_per_shard, text_keys
from frostline.store.store import FeatureStore, Found, StoreWarning, crowd, seen_of, shard_names

_PIECES_PER_CHUNK = 100_000  # of long texts fewer go into a shard: what a kill costs is bounded in seconds
_BYTES_PER_PIECE = 4


@final
@dataclass(frozen=True, slots=True)
class StoredEncoder(Around):
    """An encoder that remembers. Same `encode`, same rows; only the cost differs.

    Parameters
    ----------
    encoder : SentenceEncoder
        Reads what is not kept yet.
    store : FeatureStore
    """

    store: FeatureStore

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        """Read `texts`, or remember them.

        What is missing is read in chunks, each of which is on the disk before the next is begun: a killed process
        loses one chunk, and the same call goes on from there.

        Parameters
        ----------
        texts : sequence of str, length n_texts >= 0
        progress : callable, optional
            Counts distinct texts; those remembered count at once.

        Returns
        -------
        Reading
            `n_read` counts the distinct texts that the encoder read.

        Raises
        ------
        TextTypeError, InputError
            As the encoder does.
        AccessError, OutputError
            The store cannot be written to: before anything is read.
        StorageError
            Keeping a chunk failed (disk full, I/O error). Chunks already kept stay.

        Warns
        -----
        StoreWarning
            Shards were damaged; their rows were read again. They are set aside, so that it is said once.
        """
        given = check_texts(texts)
        distinct = distinct_texts(given)
        different = [given[row] for row in distinct.first.tolist()]
        keys = text_keys(different)
        kept = self.store.lookup(self.encoder, keys)
        missing = np.flatnonzero(~kept.is_there)
        if kept.damaged:
            self._mend(kept, len(missing))
        if progress is not None and different:
            progress(len(different) - len(missing), len(different))
        n_read = self._read(different, keys, kept=kept, missing=missing, progress=progress)
        reading = Reading(rows=kept.rows, pieces=kept.seen[:, 0], cut=kept.seen[:, 1] != 0, n_read=n_read)
        return reading if len(different) == len(given) else reading.take(distinct.of_row)

    def _read(
        self,
        texts: Sequence[str],
        keys: NDArray[np.uint8],
        *,
        kept: Found,
        missing: IntArray,
        progress: Progress | None,
    ) -> int:
        """Read and keep what is missing, and fill it into `kept`; the number of texts read."""
        if not len(missing):
            return 0
        folder = self.store.prepare(self.identity)
        n_read, n_remembered = 0, len(texts) - len(missing)
        for chunk in self._chunks(texts, keys, missing=missing):
            begun = part_of(progress, n_remembered + n_read, len(texts))
            reading = self.encoder.encode([texts[row] for row in chunk.tolist()], progress=begun)
            self.store.publish(self.encoder, keys[chunk], reading)
            kept.rows[chunk], kept.seen[chunk] = reading.rows, seen_of(reading)
            n_read += len(chunk)
        with contextlib.suppress(StorageError, AccessError):  # every row is kept; merging can wait for more space
            _merge(folder, crowd(shard_names(folder)))
        return n_read

    def _chunks(self, texts: Sequence[str], keys: NDArray[np.uint8], *, missing: IntArray) -> Iterator[IntArray]:
        """Rows of `missing`, longest texts first, in chunks of one shard each.

        The order depends on the texts alone: a run that was killed goes on with the very chunks it would have had.
        """
        longest = self.identity.max_length * _BYTES_PER_PIECE
        sizes = np.fromiter((min(len(texts[row].encode()), longest) for row in missing.tolist()), np.int64)
        by_key = keys[missing].view(">u8").reshape(-1, keys.shape[1] // 8)[:, 0]
        order = np.lexsort((by_key, -sizes))
        limit_rows = rows_per_shard(len(self.blocks) * self.hidden_size)
        limit_size = _PIECES_PER_CHUNK * _BYTES_PER_PIECE
        begin, total = 0, 0
        for at, size in enumerate(sizes[order].tolist()):
            if at > begin and (at - begin == limit_rows or total + size > limit_size):
                yield missing[order[begin:at]]
                begin, total = at, 0
            total += size
        yield missing[order[begin:]]

    def _mend(self, kept: Found, n_missing: int) -> None:
        """Say once that shards are damaged; keep what is whole of them, and set them aside."""
        name, reason = next(iter(kept.damaged.items()))
        folder = self.store.folder(self.identity)
        warnings.warn(
            f"{len(kept.damaged)} of the shards kept in {folder} cannot be used ({name}: {reason}). "
            f"They are set aside, and what is missing is read again ({n_missing:,} sentences).",
            StoreWarning,
            stacklevel=3,
        )
        with contextlib.suppress(StorageError, AccessError):  # then they are met, and left out, again next time
            _merge(folder, list(kept.damaged))


def _merge(folder: Path, names: Sequence[str]) -> None:
    if names:
        from frostline.store.upkeep import rewrite  # noqa: PLC0415 - seldom met

        rewrite(folder, names)


def remembered(encoder: SentenceEncoder, store: FeatureStore) -> SentenceEncoder:
    """The same encoder, which reads no sentence twice; of words nothing is kept."""
    if isinstance(encoder, WordsAlone):
        return encoder
    if isinstance(encoder, WordedEncoder):
        return WordedEncoder(remembered(encoder.encoder, store), encoder.vocabulary)
    return StoredEncoder(encoder, store)
