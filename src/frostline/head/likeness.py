"""How like a text is to those that were learned from, as a share: of such texts, how many would be as unlike as this.

Two things count, each turned into a share by rows that were held out: how far the text's features lie from all that was
learned from, which tells texts of another kind; and how unsure the head is of its labels, which tells texts of the same
kind that are about something else. What both come to is turned into a share once more, so that of new texts of the same
kind one in a hundred has a likeness below 0.01. Measured, and beside other ways: docs/decisions/0030.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Features, Float32Array, Float64Array, IntArray, Probabilities
from frostline.data.copies import joined, numbered

N_DIMENSIONS = 240
N_SHARES = 256
UNLIKE_BELOW = 0.01
"""The likeness below which reports count a text as unlike anything learned from."""

_LEAST_SHRINKAGE = 1e-3
_WEIGHT_OF_FAR = 2.0  # beside 1 for unsure: docs/decisions/0030
_WINDOW = 256  # rows that are copied at a time


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Likeness:
    """What a head remembers of the texts that it learned from: a few dozen kilobytes, whatever their number."""

    n_blocks: int  # Equal parts of a row, each of which counts the same
    n_texts: int  # By which it is calibrated, those of a lot once; no likeness is below 1 / (n_texts + 1)
    centre: Float32Array  # (n_dimensions,): The mean of the rows, folded
    # (n_dimensions * (n_dimensions + 1) / 2,): The lower triangle of L, row by row: L L' is the inverse of their
    # covariance.
    factor: NDArray[np.float16]
    # (3, N_SHARES): How far, how unsure and how unlike in both a text is that shares of 1 down to 1 / (n_texts + 1) of
    # the held-out texts exceed, at equal steps of their logarithm.
    exceeded: Float32Array

    def can_tell(self, below: float) -> bool:
        """Whether the texts that it is calibrated by are enough for a likeness of less than `below`."""
        return 1 / (self.n_texts + 1) < below

    def of(self, rows: Features | Float64Array, probabilities: Probabilities) -> Float64Array:
        """The likeness (n_texts,) of each text, to six digits, by its dense row and its probabilities."""
        far = _distances(folded(rows, n_blocks=self.n_blocks, n_dimensions=len(self.centre)), self.centre, self.factor)
        shares = self._share(0, far), self._share(1, unsureness(probabilities))
        return np.round(self._share(2, _unlikeness(*shares)), 6)  # the last bits of a product depend on the batch

    def _share(self, which: int, values: Float64Array) -> Float64Array:
        return _share(values, self.exceeded[which], self.n_texts)


def fit_likeness(
    rows: Features | Float64Array, probabilities: Probabilities, *, n_blocks: int, lots: IntArray
) -> Likeness | None:
    """What to remember of rows (n_texts, n_features); None where there are no features, or all texts are the same.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        Of each text, by a head that learned without its lot.
    n_blocks : int
        Equal parts of a row: the layers that were pooled.
    lots : ndarray of shape (n_texts,), dtype=int64
        As `Targets.lots`: a text is held out with all that belongs to it. So are texts with the same row.
    """
    n_features = rows.shape[1]
    if not n_features:
        return None
    points = folded(rows, n_blocks=n_blocks, n_dimensions=min(N_DIMENSIONS, n_features))
    lots = joined(lots, numbered(point.tobytes() for point in points))
    n_lots = int(lots.max()) + 1
    if np.ptp(points, axis=0).max() < _SAME or n_lots == 1:
        return None
    centre, factor, shrinkage = _shape(points, lots)
    far = _held_out(points - centre, factor, shrinkage, lots)
    unsure = unsureness(probabilities)
    tables = [_exceeded(far, n_lots), _exceeded(unsure, n_lots)]
    shares = [_share(values, table, n_lots) for values, table in zip((far, unsure), tables, strict=True)]
    return Likeness(
        n_blocks=n_blocks,
        n_texts=n_lots,
        centre=centre,
        factor=factor,
        exceeded=np.stack([*tables, _exceeded(_unlikeness(*shares), n_lots)]),
    )


def folded(rows: Features | Float64Array, *, n_blocks: int, n_dimensions: int) -> Float64Array:
    """Rows (n_texts, n_features) as points (n_texts, n_dimensions): each block of length 1, columns added up.

    Which columns are added, and which subtracted, depends on their numbers alone: a count sketch (Charikar, Chen and
    Farach-Colton 2002), which keeps distances on average and needs no room in a file.
    """
    n_texts, n_features = rows.shape
    points = np.zeros((n_texts, n_dimensions))
    order, signs = _dealt(n_features)
    n_rounds = -(-n_features // n_dimensions)
    padded = np.zeros((min(_WINDOW, n_texts), n_rounds * n_dimensions), np.float32)
    for start in range(0, n_texts, _WINDOW):
        blocks = rows[start : start + _WINDOW].astype(np.float32).reshape(-1, n_blocks, n_features // n_blocks)
        lengths = np.sqrt(np.square(blocks).sum(axis=2, keepdims=True))
        units = (blocks / np.where(lengths > 0, lengths, 1)).reshape(len(blocks), n_features)
        padded[: len(units), :n_features] = units[:, order] * signs
        points[start : start + _WINDOW] = padded[: len(units)].reshape(len(units), n_rounds, n_dimensions).sum(axis=1)
    return points


def unsureness(probabilities: Probabilities) -> Float64Array:
    """How unsure a head is of each text (n_texts,): the entropies of its labels, each against its absence, in nats."""
    shares = np.clip(probabilities, _SAME, 1 - _SAME)
    entropies: Float64Array = -(shares * np.log(shares) + (1 - shares) * np.log1p(-shares)).sum(axis=1)
    return entropies


_SAME = 1e-12


def _dealt(n_columns: int) -> tuple[IntArray, Float32Array]:
    """An order of the columns, and their signs: those of splitmix64 of their numbers, the same everywhere for ever."""
    with np.errstate(over="ignore"):
        mixed = np.arange(1, n_columns + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    order = np.argsort(mixed, kind="stable")
    return order.astype(np.int64), np.where(mixed[order] & np.uint64(1), 1, -1).astype(np.float32)


def _shape(points: Float64Array, lots: IntArray) -> tuple[Float32Array, NDArray[np.float16], float]:
    """Centre, factor, and by how much the covariance is shrunk: Ledoit and Wolf (2004), whose draws are the lots."""
    n_texts, n_dimensions = points.shape
    centre = points.mean(axis=0)
    moved = points - centre
    covariance = moved.T @ moved / n_texts
    size = float(np.trace(covariance)) / n_dimensions
    spread = float(np.square(covariance - size * np.eye(n_dimensions)).sum())
    along, noise = ((moved @ covariance) * moved).sum(axis=1), 0.0
    for rows in _lots_by_size(lots):
        n_own, drawn = rows.shape[1], moved[rows] if rows.shape[1] <= n_dimensions else moved[rows].swapaxes(1, 2)
        noise += float(np.square(drawn @ drawn.swapaxes(1, 2)).sum()) - 2 * n_own * float(along[rows].sum())
        noise += len(rows) * n_own**2 * float(np.square(covariance).sum())
    shrinkage = max(_LEAST_SHRINKAGE, min(1.0, noise / n_texts**2 / spread)) if spread > 0 else 1.0
    shrunk = (1 - shrinkage) * covariance + shrinkage * size * np.eye(n_dimensions)
    lower = np.linalg.cholesky(np.linalg.inv(shrunk))[np.tril_indices(n_dimensions)]
    return centre.astype(np.float32), lower.astype(np.float16), shrinkage


def _lots_by_size(lots: IntArray) -> Iterator[IntArray]:
    """The rows (n, size) of all lots of a size, for each size."""
    order = np.argsort(lots, kind="stable")
    sizes = np.bincount(lots)[lots[order]]
    for size in np.unique(sizes).tolist():
        yield order[sizes == size].reshape(-1, size)


def _held_out(moved: Float64Array, factor: NDArray[np.float16], shrinkage: float, lots: IntArray) -> Float64Array:
    """Squared distances (n_texts,) from all that was learned from but the text's own lot.

    Woodbury's formula: leaving out m of n points Z, less the centre, takes Z' M Z / n from the covariance, where M is
    I + 11' / (n - m), and they themselves are then M Z from the centre. The shrinkage stays.
    """
    n_texts, white = len(moved), moved @ _triangle(factor, moved.shape[1])
    distances = np.empty(n_texts)
    for rows in _lots_by_size(lots):
        left = n_texts - rows.shape[1]
        own, lengths, _ = np.linalg.svd(_root_times(white[rows], n_texts / left), full_matrices=False)
        kept = np.maximum(1 - (1 - shrinkage) / n_texts * lengths**2, _SAME)
        far = _root_times(own, n_texts / left) * (lengths / np.sqrt(kept))[:, None]
        distances[rows] = left / n_texts * np.square(far).sum(axis=2)
    return distances


def _root_times(values: Float64Array, along: float) -> Float64Array:
    """The root of M times values (n, size, columns); M stretches their mean `along`, and nothing else."""
    times: Float64Array = values + (np.sqrt(along) - 1) * values.mean(axis=1, keepdims=True)
    return times


def _distances(points: Float64Array, centre: Float32Array, factor: NDArray[np.float16]) -> Float64Array:
    """Squared Mahalanobis distances (n_texts,) of points from the centre."""
    distances: Float64Array = np.square((points - centre) @ _triangle(factor, len(centre))).sum(axis=1)
    return distances


def _triangle(factor: NDArray[np.float16], n_dimensions: int) -> Float64Array:
    lower = np.zeros((n_dimensions, n_dimensions))
    lower[np.tril_indices(n_dimensions)] = factor
    return lower


def _unlikeness(far: Float64Array, unsure: Float64Array) -> Float64Array:
    """What two shares come to: Fisher's way, the first weighing more."""
    both: Float64Array = -(_WEIGHT_OF_FAR * np.log(far) + np.log(unsure))
    return both


def _exceeded(values: Float64Array, n_lots: int) -> Float32Array:
    """The values that shares of 1 down to 1 / (n_lots + 1) of them exceed, ascending; they tell as much as n_lots."""
    ranks = np.exp(_log_shares(n_lots)) * (n_lots + 1)
    places = (np.arange(len(values)) + 0.5) * n_lots / len(values) + 0.5
    exceeded: Float32Array = np.interp(ranks, places, np.sort(values)[::-1]).astype(np.float32)
    return exceeded


def _share(values: Float64Array, exceeded: Float32Array, n_texts: int) -> Float64Array:
    shares: Float64Array = np.exp(np.interp(values, exceeded, _log_shares(n_texts)))
    return shares


def _log_shares(n_texts: int) -> Float64Array:
    return np.linspace(0.0, -np.log(n_texts + 1), N_SHARES)
