"""Texts that are unlike all others: a stray language, a broken line, a row of another file.

In:   the nearest texts of each text.
Out:  a score per text, and which stand out.
Not:  finding the nearest (neighbours.py).

The score is the mean cosine distance (1 - cosine) to the k nearest texts, between vectors as they are, not less their
mean: what is unlike all others is also unlike the mean, and that tells most. What stands out lies more than `FAR`
robust deviations above the median. Measured with texts of other files and with rubbish: docs/decisions/0014-review.md.

References
----------
Ramaswamy, Rastogi, Shim (2000), Efficient algorithms for mining outliers from large data sets: k-th neighbour distance.
Iglewicz, Hoaglin (1993), How to detect and handle outliers: the modified z-score.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Features, Float64Array, IntArray
from frostline.review.neighbours import Neighbours

FAR = 2.5
N_NEAREST = 10
_TO_DEVIATION = 1.4826  # a normal's standard deviation per median absolute deviation
_BLOCK = 2048  # texts compared together
_ROUNDING = 1e-6  # of a cosine in float32
_FEWEST = 20  # texts, below which nothing can be said to stand out


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutlierCheck:
    """Which texts are unlike all others.

    Parameters
    ----------
    scores : ndarray of shape (n_texts,)
        The mean cosine distance to the nearest texts: 0 (they are alike) to 2.
    deviations : ndarray of shape (n_texts,)
        How far each score lies above the median, in robust deviations; 0 where all are equal.
    flagged : ndarray of shape (n_flagged,), dtype=int64
        Texts beyond `FAR`, the farthest first.
    """

    scores: Float64Array
    deviations: Float64Array
    flagged: IntArray


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
    found = np.zeros(len(rows))
    for start in range(0, len(rows), _BLOCK):
        part, numbers = units[start : start + _BLOCK], nearest[start : start + _BLOCK]
        present = numbers >= 0
        distances = np.where(present, 1 - np.einsum("ij,ikj->ik", part, units[numbers]), 0).sum(axis=1)
        found[start : start + _BLOCK] = distances / np.maximum(present.sum(axis=1), 1)
    return np.where(np.abs(found) < _ROUNDING, 0.0, found)
