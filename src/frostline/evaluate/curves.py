"""One label against the rest at every threshold: ROC and precision-recall curves, with their areas.

In:   probabilities (n_texts, n_labels) and the true codes (n_texts,).
Out:  `LabelCurves` for each label: points to draw, AUC and average precision with intervals.
Not:  choosing a threshold (head/fitting.py). No resampling, no scikit-learn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.evaluate.intervals import Interval, Z, wilson
from frostline.evaluate.metrics import Estimate
from frostline.head.linear import Label

MOST_POINTS = 200
"""Of a curve that is drawn; more cannot be seen."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Points in drawing order, x ascending.

    Parameters
    ----------
    x, y : tuple of float
    thresholds : tuple of float
        The label is taken from this probability on; infinite where it never is.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    thresholds: tuple[float, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCurves:
    """One label against all others.

    Parameters
    ----------
    label : str, int or bool
    n, n_with : int
        Test rows, and those that have the label.
    roc : Curve
        x: the share of the other rows that are taken for it; y: recall.
    auc : Estimate
        The chance that a row with the label has a higher probability than one without; ties count half.
    precision_recall : Curve
        x: recall; y: precision. A classifier that knows nothing has a precision of `n_with / n` throughout.
    average_precision : Estimate
        The sum of precision times gain in recall over the thresholds, as in scikit-learn.
    """

    label: Label
    n: int
    n_with: int
    roc: Curve
    auc: Estimate
    precision_recall: Curve
    average_precision: Estimate


def label_curves(probabilities: Probabilities, codes: IntArray, *, labels: Sequence[Label]) -> tuple[LabelCurves, ...]:
    """The curves of each label that some test rows have and some have not; of two labels, of the second alone.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
    codes : ndarray of shape (n_texts,), dtype=int64
    labels : sequence of n_labels str, int or bool
    """
    columns = range(1, 2) if len(labels) == 2 else range(len(labels))
    counts = np.bincount(codes, minlength=len(labels))
    return tuple(
        curves_of(probabilities[:, column], codes == column, label=labels[column])
        for column in columns
        if 0 < counts[column] < len(codes)
    )


def curves_of(scores: Float64Array, has: BoolArray, *, label: Label) -> LabelCurves:
    """The curves of one label.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Its probability.
    has : ndarray of shape (n,), dtype=bool
        Whether the row has it: some do and some do not.
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # of each run of equals
    with_it = np.concatenate([[0], np.cumsum(has[order])[last]]).astype(np.float64)
    without = np.concatenate([[0], last + 1]) - with_it
    thresholds = np.concatenate([[np.inf], falling[last]])
    n_with, n_without = int(with_it[-1]), int(without[-1])
    recall, alarms = with_it / n_with, without / n_without
    taken = with_it + without
    precision = np.where(taken > 0, with_it / np.maximum(taken, 1), 1.0)
    precision[0] = precision[1]  # nothing is taken there: the curve begins as high as at the first threshold
    average = float(np.diff(recall) @ precision[1:])
    auc = float(np.diff(alarms) @ (recall[1:] + recall[:-1]) / 2)
    return LabelCurves(
        label=label,
        n=len(scores),
        n_with=n_with,
        roc=_thinned(alarms, recall, thresholds),
        auc=Estimate(auc, auc_interval(auc, n_with, n_without), len(scores), "score (Newcombe)"),
        precision_recall=_thinned(recall, precision, thresholds),
        average_precision=Estimate(average, wilson(average * n_with, n_with), n_with, "Wilson on the rows with it"),
    )


def auc_interval(auc: float, n_with: int, n_without: int) -> Interval:
    """A 95 % interval for an AUC of n_with * n_without pairs that has a width also at 1.

    The limits are the AUCs from which the one found is 1.96 standard deviations away.

    References
    ----------
    Newcombe (2006), Statistics in Medicine 25:559-573, method 5.
    """
    half = (n_with + n_without) / 2 - 1

    def reach(true: float) -> float:
        spread = true * (1 - true) * (1 + half * ((1 - true) / (2 - true) + true / (1 + true)))
        return Z * math.sqrt(spread / (n_with * n_without))

    def limit(end: float) -> float:
        near, far = auc, end
        for _ in range(60):
            middle = (near + far) / 2
            near, far = (middle, far) if abs(middle - auc) <= reach(middle) else (near, middle)
        return near

    return limit(0.0), limit(1.0)


def _thinned(x: Float64Array, y: Float64Array, thresholds: Float64Array) -> Curve:
    """At most `MOST_POINTS` points, spread evenly along the curve; the first and the last are kept."""
    kept = np.arange(len(x))
    if len(x) > MOST_POINTS:
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], MOST_POINTS)).clip(0, len(x) - 1))
        kept[0], kept[-1] = 0, len(x) - 1
    return Curve(x=tuple(x[kept].tolist()), y=tuple(y[kept].tolist()), thresholds=tuple(thresholds[kept].tolist()))
