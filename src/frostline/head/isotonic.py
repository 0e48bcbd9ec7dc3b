"""A map from a claimed probability to the one that came true, which never falls.

In:   claimed probabilities, what came true.
Out:  knots of a `Calibration`.
Not:  applying them (calibration.py), whether it pays (fitting.py).
"""

import numpy as np

from frostline.arrays import BoolArray, Float64Array
from frostline.head.calibration import Knots

MOST_KNOTS = 500


def fit_knots(claimed: Float64Array, came_true: BoolArray) -> Knots | None:
    """Knots of the never-falling map with the least squared error; None where the claims are all equal.

    Blocks of rows are pooled until their shares ascend (PAV); each block becomes a knot at its mean claim, straight
    lines between, so that rows of different claims keep their order. A block of k rows where it never came true, or
    always, becomes 1 / (k + 2) or (k + 1) / (k + 2), by the rule of succession, but passes no neighbour: so few rows
    cannot show that something never happens.

    Parameters
    ----------
    claimed : ndarray of shape (n,), from 0 to 1
    came_true : ndarray of shape (n,), dtype=bool

    References
    ----------
    Zadrozny, Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates, KDD.
    Oron, Flournoy (2017), Centered isotonic regression, Statistics in Biopharmaceutical Research 9: knots at centres.
    """
    points, place, counts = np.unique(claimed, return_inverse=True, return_counts=True)
    if len(points) < 2:
        return None
    hits = np.bincount(place, weights=came_true, minlength=len(points))
    shares = ascending(hits / counts, counts.astype(np.float64))
    starts = np.flatnonzero(np.append(True, shares[1:] != shares[:-1]))
    rows = np.add.reduceat(counts, starts)
    before = np.add.reduceat(points * counts, starts) / rows
    after = shares[starts]
    if after[0] == 0:
        after[0] = min([1.0 / (rows[0] + 2), *after[1:2]])
    if after[-1] == 1:
        after[-1] = max([(rows[-1] + 1.0) / (rows[-1] + 2), *after[-2:-1]])
    if len(before) == 1:  # the claims say nothing: one share for all
        return (float(points[0]), float(after[0])), (float(points[-1]), float(after[0]))
    kept = np.unique(np.linspace(0, len(before) - 1, min(len(before), MOST_KNOTS)).round().astype(np.int64))
    ascends = np.append(True, np.diff(before[kept]) > 0)  # means of neighbouring claims may round to one number
    return tuple(zip(before[kept][ascends].tolist(), after[kept][ascends].tolist(), strict=True))


def ascending(values: Float64Array, weights: Float64Array) -> Float64Array:
    """The never-falling numbers (n,) nearest to `values` in weighted squares, as scikit-learn's isotonic_regression.

    Our own, since scikit-learn takes 0.8 s to import and these are six lines: neighbours that fall are pooled.
    """
    means: list[float] = []
    heavy: list[float] = []
    sizes: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, size = value, weight, 1
        while means and means[-1] >= mean:
            before = heavy.pop()
            mean = (mean * mass + means.pop() * before) / (mass + before)
            mass, size = mass + before, size + sizes.pop()
        means.append(mean)
        heavy.append(mass)
        sizes.append(size)
    return np.repeat(np.array(means), sizes)
