"""A score of out-of-fold predictions with its uncertainty, and the difference of two on the same rows.

In:   which rows were predicted rightly (accuracy), or a score per fold (any other scorer).
Out:  a `Score`, a `Difference`.
Not:  making the predictions (cross.py).

Accuracy is counted over all rows, each predicted by the head that did not see it: its errors come from rows, of
which there are many. Any other score is a mean over folds, with Student's t: of five folds, little is known.
"""

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array
from frostline.evaluate.intervals import Interval, wilson
from frostline.evaluate.paired import paired_difference


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A cross-validated score. It may have chosen something; then it flatters.

    Parameters
    ----------
    value, std_error : float
    interval : (float, float)
        95 %.
    n : int
        Rows (`over` "rows") or folds ("folds") that it is taken over.
    over : str
    """

    value: float
    std_error: float
    interval: Interval
    n: int
    over: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The score of the first minus that of the second, on the same rows and folds.

    Parameters
    ----------
    value, std_error : float
    interval : (float, float)
        95 %.
    n : int
        Rows or folds, as in `Score`.
    over : str
    n_only_first, n_only_second : int or None
        Rows that just one of the two got right; None where folds are compared.
    p_value : float
        Two-sided: the exact McNemar test over rows, the paired t-test over folds.
    """

    value: float
    std_error: float
    interval: Interval
    n: int
    over: str
    n_only_first: int | None
    n_only_second: int | None
    p_value: float


def accuracy_score(right: BoolArray) -> Score:
    """The share of rows (n_texts,) that were predicted rightly."""
    n, n_right = len(right), int(np.count_nonzero(right))
    share = n_right / n
    return Score(
        value=share, std_error=math.sqrt(share * (1 - share) / n), interval=wilson(n_right, n), n=n, over="rows"
    )


def fold_score(scores: Float64Array) -> Score:
    """The mean of the folds' scores (n_folds,)."""
    mean, error = float(scores.mean()), _fold_error(scores)
    half = error * _t_quantile(len(scores))
    return Score(value=mean, std_error=error, interval=(mean - half, mean + half), n=len(scores), over="folds")


def accuracy_difference(first: BoolArray, second: BoolArray) -> Difference:
    """The difference of two shares of the same rows, both (n_texts,)."""
    found = paired_difference(first.astype(np.int64), second.astype(np.int64), np.ones(len(first), np.int64))
    unlike = (found.n_only_first + found.n_only_second) / found.n
    return Difference(
        value=found.value,
        std_error=math.sqrt(max(0.0, unlike - found.value**2) / found.n),
        interval=found.interval,
        n=found.n,
        over="rows",
        n_only_first=found.n_only_first,
        n_only_second=found.n_only_second,
        p_value=found.p_value,
    )


def fold_difference(first: Float64Array, second: Float64Array) -> Difference:
    """The mean difference of two scores of the same folds, both (n_folds,)."""
    from scipy.special import stdtr  # noqa: PLC0415 - 0.3 s, and only rare scorers need it

    scores = first - second
    mean, error = float(scores.mean()), _fold_error(scores)
    half = error * _t_quantile(len(scores))
    certain = 1.0 if mean == 0 else 0.0  # every fold says the same
    p_value = 2 * float(stdtr(len(scores) - 1, -abs(mean) / error)) if error else certain
    return Difference(
        value=mean,
        std_error=error,
        interval=(mean - half, mean + half),
        n=len(scores),
        over="folds",
        n_only_first=None,
        n_only_second=None,
        p_value=p_value,
    )


def _fold_error(scores: Float64Array) -> float:
    return float(scores.std(ddof=1)) / math.sqrt(len(scores))


def _t_quantile(n_folds: int) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415 - as above

    return float(stdtrit(n_folds - 1, 0.975))
