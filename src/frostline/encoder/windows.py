"""The way through the texts: a window at a time, batches of equal length, one thread per core.

In:   distinct texts, a tokenizer, a backend.
Out:  their rows, in the order of the texts.
Not:  texts that come twice, and what a user may get wrong (encoder.py); the arithmetic (onnx.py).

A window is tokenized in the caller's thread while the batches of the one before are read. A single sentence makes one
batch, which the caller's thread reads: no thread is started for it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, Features, IntArray, Progress
from frostline.encoder.backend import Backend, TokenBatch
from frostline.encoder.batches import plan_batches
from frostline.encoder.side_by_side import work_through
from frostline.encoder.tokens import Pieces, WordPieces
from frostline.errors import BackendError

WINDOW_TEXTS = 16_384
"""Distinct texts that are tokenized, sorted and read together; bounds memory, whatever the number of texts."""


class RowsRead(NamedTuple):
    """Rows (n_texts, n_features), and of each text how many word pieces were read and whether it was cut."""

    rows: Features
    pieces: NDArray[np.int32]
    cut: BoolArray


class _Share(NamedTuple):
    """What one thread takes: some rows of a window, all of one length."""

    start: int  # the window's first text
    pieces: Pieces  # the window's
    rows: IntArray  # within the window


def read_texts(  # noqa: PLR0913 - what reads, what is read, and by how many
    texts: Sequence[str],
    positions: IntArray,
    *,
    word_pieces: WordPieces,
    backend: Backend,
    n_features: int,
    threads: int,
    progress: Progress | None = None,
) -> RowsRead:
    """Read distinct texts.

    Parameters
    ----------
    texts : sequence of str
        Checked.
    positions : ndarray of shape (n_texts,), dtype=int64
        Where each stands in the user's input: what an error names.
    word_pieces : WordPieces
    backend : Backend
    n_features : int
        Columns of the backend's rows.
    threads : int
        How many batches are read at once.
    progress : callable, optional
        Called as progress(done, total) from the calling thread.

    Raises
    ------
    BackendError
        The backend failed on a text, whose position is named.
    """
    rows = np.empty((len(texts), n_features), np.float32)
    n_pieces = np.empty(len(texts), np.int32)
    cut = np.empty(len(texts), np.bool_)
    n_done = 0

    def windows() -> Iterator[list[_Share]]:
        for start in range(0, len(texts), WINDOW_TEXTS):
            pieces = word_pieces.tokenize(texts[start : start + WINDOW_TEXTS])
            end = start + len(pieces.ids)
            n_pieces[start:end], cut[start:end] = pieces.lengths, pieces.cut
            yield [_Share(start, pieces, chosen) for chosen in plan_batches(pieces.lengths)]

    def read(share: _Share) -> int:
        ids = np.stack([share.pieces.ids[row] for row in share.rows]).astype(np.int64)
        where = share.start + share.rows
        rows[where] = _forward(backend, TokenBatch(rows=positions[where], ids=ids))
        return len(where)

    def done(n_rows: int) -> None:
        nonlocal n_done
        n_done += n_rows
        if progress is not None:
            progress(n_done, len(texts))

    work_through(windows(), read, threads=threads, done=done)
    return RowsRead(rows, n_pieces, cut)


def _forward(backend: Backend, batch: TokenBatch) -> Features:
    """`backend.forward(batch)`; a batch that fails is halved until the text that it fails on stands alone."""
    try:
        return backend.forward(batch)
    except BackendError as error:
        n_rows = len(batch.rows)
        if n_rows == 1:
            raise BackendError(f"Text {batch.rows[0]} could not be read: {error.message}", hint=error.hint) from error
    half = n_rows // 2
    halves = (slice(0, half), slice(half, n_rows))
    parts = [_forward(backend, TokenBatch(rows=batch.rows[part], ids=batch.ids[part])) for part in halves]
    return np.concatenate(parts)
