"""The points of a learning curve with their band, from what the heads of each size predicted.

In:   predictions for the test rows by the heads of growing sizes.
Out:  a `LearningCurve`.
Not:  the predictions (curve_points.py), where the curve leads (outlook.py).

Two things make a point uncertain: which rows were drawn, and which rows it is tested on. The first is seen in how the
subsets of one size differ. Its variance falls like 1 / rows, so one number, s^2 / n, is estimated from all sizes
together. Subsets of n out of N rows overlap, and so differ less than fresh draws would, by the factor 1 - n / N; and
what they share does not average out over repeats.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.evaluate.intervals import Interval, Z, macro_f1_interval, wilson
from frostline.evaluate.learning_curve import LearningCurve, LearningPoint
from frostline.evaluate.metrics import Estimate, confusion_matrix, macro_f1
from frostline.evaluate.outlook import look_ahead

_METHOD = "test rows: {test}; subsets: normal, s²/n over all sizes"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One size: what was predicted (n_subsets, n_test) by the heads of its subsets, fitted with `Cs`."""

    n_rows: int
    predicted: IntArray
    Cs: tuple[float, ...]
    fitted_accuracy: float


def curve_of(  # noqa: PLR0913 - what was measured, and what the curve says of itself
    measured: Sequence[Measured],
    codes: IntArray,
    *,
    n_labels: int,
    is_out_of_fold: bool,
    choice_of_C: str,
    seed: int,
    begun: float,
) -> LearningCurve:
    """Put the sizes together; the last holds one prediction, that of all rows.

    Parameters
    ----------
    measured : sequence of Measured
        Ascending sizes, at least two.
    codes : ndarray of shape (n_test,), dtype=int64
    n_labels : int
    is_out_of_fold, choice_of_C, seed
        As in `LearningCurve`.
    begun : float
        `time.perf_counter()` when the measuring began.
    """
    right = [size.predicted == codes for size in measured]
    accuracies = [found.mean(axis=1) for found in right]
    scores = [np.array([_macro_f1(predicted, codes, n_labels) for predicted in size.predicted]) for size in measured]
    n_rows = np.array([size.n_rows for size in measured], dtype=np.float64)
    spread, f1_spread = (_subset_variance(found, n_rows) for found in (accuracies, scores))
    points = tuple(
        LearningPoint(
            n_rows=size.n_rows,
            accuracy=_accuracy(right[place], spread[place]),
            macro_f1=_mean_f1(size.predicted, codes, n_labels, f1_spread[place]),
            accuracies=tuple(accuracies[place].tolist()),
            Cs=size.Cs,
            fitted_accuracy=size.fitted_accuracy,
        )
        for place, size in enumerate(measured)
    )
    means = np.stack([found.mean(axis=0) for found in right])
    outlook, why_not = look_ahead(n_rows, means, spread, seed=seed)
    return LearningCurve(
        points=points,
        n_test=len(codes),
        is_out_of_fold=is_out_of_fold,
        outlook=outlook,
        no_outlook=why_not,
        choice_of_C=choice_of_C,
        seed=seed,
        seconds=time.perf_counter() - begun,
    )


def _subset_variance(found: Sequence[Float64Array], n_rows: Float64Array) -> Float64Array:
    """The variance (n_sizes,) of each size's mean score that comes from which rows were drawn."""
    whole = n_rows[-1]
    seen = [
        (scores.var(ddof=1) * size / (1 - size / whole), len(scores) - 1)
        for scores, size in zip(found, n_rows, strict=True)
        if len(scores) > 1
    ]
    each = sum(variance * freedom for variance, freedom in seen) / sum(freedom for _, freedom in seen)
    repeats = np.array([len(scores) for scores in found])
    share = n_rows / whole
    variance: Float64Array = each / n_rows * ((1 - share) / repeats + share)
    return variance


def _accuracy(right: np.ndarray, spread: float) -> Estimate:
    """The mean accuracy of some subsets' heads, right (n_subsets, n_test) or not."""
    n_test, value = right.shape[1], float(right.mean())
    limits = wilson(round(value * n_test), n_test)
    return _combined(value, limits, 0.0 if len(right) == 1 else spread, n_test, "Wilson")


def _mean_f1(predicted: IntArray, codes: IntArray, n_labels: int, spread: float) -> Estimate:
    scores = [_macro_f1(own, codes, n_labels) for own in predicted]
    value = float(np.mean(scores))
    typical = predicted[int(np.argmin(np.abs(np.array(scores) - value)))]
    confusion = confusion_matrix(typical, codes, n_labels=n_labels)
    occurring = np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))
    limits = macro_f1_interval(confusion[np.ix_(occurring, occurring)])
    return _combined(value, limits, 0.0 if len(predicted) == 1 else spread, len(codes), "MOVER")


def _macro_f1(predicted: IntArray, codes: IntArray, n_labels: int) -> float:
    return macro_f1(confusion_matrix(predicted, codes, n_labels=n_labels)).value


def _combined(value: float, limits: Interval, spread: float, n_test: int, method: str) -> Estimate:
    """Both causes together: squared distances to the limits add (Zou, Donner 2008)."""
    subsets = Z * Z * spread
    low = value - np.sqrt(max(0.0, value - limits[0]) ** 2 + subsets)
    high = value + np.sqrt(max(0.0, limits[1] - value) ** 2 + subsets)
    return Estimate(
        value,
        (max(0.0, float(low)), min(1.0, float(high))),
        n_test,
        _METHOD.format(test=method) if spread else method,
    )
