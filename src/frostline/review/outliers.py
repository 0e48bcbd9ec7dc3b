"""Texts that are unlike all others: a stray language, a broken line, a row of another file.

In:   the nearest texts of each text.
Out:  a score per text, and which stand out.
Not:  the cosines (neighbours.py).

The score is the mean cosine distance (1 - cosine) to the k nearest texts. What stands out lies more than `FAR`
robust deviations above the median.

References
----------
Ramaswamy, Rastogi, Shim (2000), Efficient algorithms for mining outliers from large data sets: k-th neighbour distance.
Iglewicz, Hoaglin (1993), How to detect and handle outliers: the modified z-score, and 3.5 as its limit.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.review.neighbours import Neighbours

FAR = 3.5
N_NEAREST = 10
_TO_DEVIATION = 1.4826  # a normal's standard deviation per median absolute deviation
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


def check_outliers(near: Neighbours) -> OutlierCheck:
    """Score every text, and flag those that stand out (none among fewer than 20)."""
    used = near.cosines[:, :N_NEAREST].astype(np.float64)
    present = near.rows[:, :N_NEAREST] >= 0
    counts = present.sum(axis=1)
    sums = np.where(present, 1 - used, 0).sum(axis=1)
    scores = np.divide(sums, counts, out=np.zeros(len(used)), where=counts > 0)
    centre = float(np.median(scores)) if len(scores) else 0.0
    spread = _TO_DEVIATION * float(np.median(np.abs(scores - centre))) if len(scores) else 0.0
    deviations = (scores - centre) / spread if spread > 0 else np.zeros(len(scores))
    flagged = np.flatnonzero(deviations > FAR) if len(scores) >= _FEWEST else np.zeros(0, np.int64)
    return OutlierCheck(
        scores=scores,
        deviations=deviations,
        flagged=flagged[np.argsort(-scores[flagged], kind="stable")].astype(np.int64),
    )
