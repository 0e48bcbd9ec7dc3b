"""The nearest texts of each text, by the cosine of their kept vectors, in memory that does not grow with n squared.

The products are made tile by tile, and of each tile only what beats a row's k-th best so far is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Features, Float32Array, Float64Array, IntArray, Progress
from frostline.encoder.features import Block
from frostline.threads import work_through

TILE_ROWS, TILE_COLUMNS = 1024, 4096  # 16 MB of cosines per thread
_NONE = -1.5  # below every cosine
_MANY = 64  # places to a row, past which the best of a tile are picked before they are sorted
_SMALLEST = 1e-6  # of a centred row's length: below, the row is the mean itself and has no direction


@final
@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The nearest rows of each row, the nearest first."""

    rows: IntArray  # (n_texts, k): Their numbers; -1 where there are no more
    cosines: Float32Array  # (n_texts, k): -1 where there are no more; 0 beside a text without a direction


def columns_to_compare(blocks: Sequence[Block], hidden_size: int) -> slice:
    """The columns by which texts are compared: one block, of the last layer, the mean before [CLS] and maximum.

    One block finds planted errors as well as all seven of `mean@all`, at a seventh of the cost
    (docs/decisions/0014-review.md).
    """
    order = {"mean": 2, "cls": 1, "max": 0}
    place = max(range(len(blocks)), key=lambda at: (blocks[at].layer, order[blocks[at].pooling]))
    return slice(place * hidden_size, (place + 1) * hidden_size)


def directions(rows: Features, *, centre: Float32Array | None = None) -> tuple[Float32Array, Float32Array]:
    """Rows (n_texts, n_features) less their mean, each of length 1 or, where it is the mean itself, 0; and the mean.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    centre : ndarray of shape (n_features,), optional
        The mean of other rows, to compare with those.
    """
    if centre is None:
        centre = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    moved = rows - centre
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    scale = max(1.0, float(np.linalg.norm(centre)))
    moved = np.where(lengths > _SMALLEST * scale, moved / np.maximum(lengths, _SMALLEST * scale), np.float32(0))
    return moved.astype(np.float32), centre


def nearest(
    rows: Float32Array,
    *,
    among: Float32Array | None = None,
    k: int,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Neighbours:
    """The k rows of `among` (or the k other rows of `rows`) with the highest cosine to each row of `rows`.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
        As `directions` gives them.
    among : ndarray of shape (n_others, n_features), optional
    k : int
        At least 1.
    threads : int, optional
        None is two, or one where the machine has no more.
    progress : callable, optional
        Counts rows.
    """
    others = rows if among is None else among
    best = np.full((len(rows), k), -1, np.int64), np.full((len(rows), k), -1, np.float32)

    def tile_row(start: int) -> int:
        part = slice(start, min(start + TILE_ROWS, len(rows)))
        best[0][part], best[1][part] = _nearest_of(rows[part], others, k, first=start if among is None else None)
        return part.stop - part.start

    tiles = range(0, len(rows), TILE_ROWS)
    work_through([tiles], tile_row, threads=threads, total=len(rows), progress=progress)
    return Neighbours(*best)


def _nearest_of(
    part: Float32Array, others: Float32Array, k: int, *, first: int | None
) -> tuple[IntArray, Float32Array]:
    """The k nearest of a few rows; `first` is the first's number among `others`: none may choose itself."""
    rows = np.full((len(part), k), -1, np.int64)
    cosines = np.full((len(part), k), _NONE, np.float32)
    for start in range(0, len(others), TILE_COLUMNS):
        tile = part @ others[start : start + TILE_COLUMNS].T
        if first is not None:
            at = np.arange(first, first + len(part)) - start
            inside = (at >= 0) & (at < tile.shape[1])
            tile[np.flatnonzero(inside), at[inside]] = 2 * _NONE
        places = _better(tile, cosines[:, -1], k)
        if len(places[0]):
            rows, cosines = _merged(rows, cosines, places[0], places[1] + start, tile[places])
    missing = cosines <= _NONE
    rows[missing], cosines[missing] = -1, -1
    return rows, cosines


def _better(tile: Float32Array, worst: Float32Array, k: int) -> tuple[IntArray, IntArray]:
    """The places in the tile that beat their row's k-th best so far; at most k to a row where there are very many."""
    better = tile > worst[:, None]
    if np.count_nonzero(better) > _MANY * len(tile) and tile.shape[1] > k:
        rows = np.repeat(np.arange(len(tile)), k)
        columns = np.argpartition(-tile, k - 1, axis=1)[:, :k].ravel()
        is_better = better[rows, columns]
        return rows[is_better], columns[is_better]
    places = np.nonzero(better)
    return places[0], places[1]


def _merged(  # the k best of those known, (m, k) each, and of new ones, given by row, number and cosine
    rows: IntArray, cosines: Float32Array, new_rows: IntArray, numbers: IntArray, values: Float32Array
) -> tuple[IntArray, Float32Array]:
    m, k = rows.shape
    row = np.concatenate([np.repeat(np.arange(m), k), new_rows])
    number, value = np.concatenate([rows.ravel(), numbers]), np.concatenate([cosines.ravel(), values])
    order = np.lexsort((number, -value, row))
    counts = np.bincount(row, minlength=m)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = order[place < k]
    return number[kept].reshape(m, k), value[kept].reshape(m, k)


FAR = 2.5
N_NEAREST = 10
_TO_DEVIATION = 1.4826  # a normal's standard deviation per median absolute deviation
_BLOCK = 2048  # texts compared together
_ROUNDING = 1e-6  # of a cosine in float32
_FEWEST = 20  # texts, below which nothing can be said to stand out


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutlierCheck:
    """Which texts are unlike all others."""

    scores: Float64Array  # (n_texts,): The mean cosine distance to the nearest texts: 0 (they are alike) to 2
    # (n_texts,): How far each score lies above the median, in robust deviations; 0 where all are equal.
    deviations: Float64Array
    flagged: IntArray  # (n_flagged,): Texts beyond `FAR`, the farthest first


def check_outliers(rows: Features, near: Neighbours) -> OutlierCheck:
    """Score every text, and flag those that stand out (none among fewer than 20).

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
        As the encoder gives them.
    near : Neighbours
        Of each text among them.
    """
    scores = _distances(rows, near.rows[:, :N_NEAREST])
    centre = float(np.median(scores)) if len(scores) else 0.0
    spread = _TO_DEVIATION * float(np.median(np.abs(scores - centre))) if len(scores) else 0.0
    deviations = (scores - centre) / spread if spread > 0 else np.zeros(len(scores))
    flagged = np.flatnonzero(deviations > FAR) if len(scores) >= _FEWEST else np.zeros(0, np.int64)
    return OutlierCheck(
        scores=scores,
        deviations=deviations,
        flagged=flagged[np.argsort(-scores[flagged], kind="stable")].astype(np.int64),
    )


def _distances(rows: Features, nearest: IntArray) -> Float64Array:
    """The mean cosine distance of each row to those numbered in `nearest` (n_texts, k); 0 where there are none."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units = rows / np.where(lengths > 0, lengths, 1)
    means = np.zeros(len(rows))
    for start in range(0, len(rows), _BLOCK):
        part, numbers = units[start : start + _BLOCK], nearest[start : start + _BLOCK]
        present = numbers >= 0
        distances = np.where(present, 1 - np.einsum("ij,ikj->ik", part, units[numbers]), 0).sum(axis=1)
        means[start : start + _BLOCK] = distances / np.maximum(present.sum(axis=1), 1)
    return np.where(np.abs(means) < _ROUNDING, 0.0, means)
