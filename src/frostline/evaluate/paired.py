"""Two classifiers on the same test rows: how far apart, and could it be chance.

The same rows are hard for both, so the difference is known far better than either accuracy: two overlapping
intervals do not mean that two classifiers are alike.
"""

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray
from frostline.evaluate.intervals import (
    Interval,
    Z,
    covariance_of_means,
    design_effect,
    mixture_interval,
    t_quantile,
    wilson,
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Accuracy of the first minus accuracy of the second, on the same rows."""

    value: float
    interval: Interval  # 95 %
    n: int
    # `n_only_first`, `n_only_second`: Rows that just one of the two got right.
    n_only_first: int
    n_only_second: int
    p_value: float  # Exact McNemar test, two-sided: the chance of a split at least as uneven, were both equally good


def paired_difference(first: IntArray, second: IntArray, codes: IntArray, *, lots: IntArray | None) -> PairedDifference:
    """Compare two predictions of the same rows; all arrays are (n_texts,), n_texts >= 1.

    Where rows belong together, in `lots`, the interval is that of as many rows as tell as much, and the test throws one
    coin for each lot in which one of the two got more rows right.

    References
    ----------
    Bonett, Price (2012), J. Educ. Behav. Stat. 37:479-488: the interval, one row added to each kind of disagreement.
    Fagerland, Lydersen, Laake (2014), Statistics in Medicine 33:2850-2875: why that one and this test.
    """
    first_right, second_right = first == codes, second == codes
    n = len(codes)
    only_first = int(np.count_nonzero(first_right & ~second_right))
    only_second = int(np.count_nonzero(second_right & ~first_right))
    ahead = first_right.astype(np.float64) - second_right
    effect = design_effect(ahead, lots)
    n_apart = n / effect
    gained, lost = (only_first / effect + 1) / (n_apart + 2), (only_second / effect + 1) / (n_apart + 2)
    half = Z * math.sqrt((gained + lost - (gained - lost) ** 2) / (n_apart + 2))
    by_lot = ahead if lots is None else np.bincount(lots, ahead)
    value = (only_first - only_second) / n
    low, high = gained - lost - half, gained - lost + half
    return PairedDifference(
        value=value,
        interval=(max(-1.0, min(low, value)), min(1.0, max(high, value))),
        n=n,
        n_only_first=only_first,
        n_only_second=only_second,
        p_value=mcnemar(int((by_lot > 0).sum()), int((by_lot < 0).sum())),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value: a fair coin thrown once per disagreement.

    References
    ----------
    McNemar (1947), Psychometrika 12:153-157; exact form: the sign test.
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    # the terms of the lower tail, in logarithms: 0.5**n underflows from 1,075 disagreements on
    heads = np.arange(fewer + 1)
    steps = np.concatenate([[0.0], np.log((n - heads[:-1]) / (heads[:-1] + 1.0))])
    logs = np.cumsum(steps) - n * math.log(2)
    top = float(logs.max())
    tail = math.exp(top + math.log(float(np.exp(logs - top).sum())))
    return min(1.0, 2 * tail)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A cross-validated score. It may have chosen something; then it flatters."""

    value: float
    std_error: float
    interval: Interval  # 95 %
    n: int  # Rows (`over` "rows") or folds ("folds") that it is taken over
    over: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The score of the first minus that of the second, on the same rows and folds."""

    value: float
    std_error: float
    interval: Interval  # 95 %
    n: int  # Rows or folds, as in `Score`
    over: str
    # `n_only_first`, `n_only_second`: Rows that just one of the two got right; None where folds are compared.
    n_only_first: int | None
    n_only_second: int | None
    p_value: float  # Two-sided: the exact McNemar test over rows, the paired t-test over folds


def accuracy_score(right: BoolArray, lots: IntArray | None) -> Score:
    """The share of rows (n_texts,) that were predicted rightly; `lots` where rows belong together."""
    n = len(right)
    share = int(np.count_nonzero(right)) / n
    n_apart = n / design_effect(right.astype(np.float64), lots)
    return Score(
        value=share,
        std_error=math.sqrt(share * (1 - share) / n_apart),
        interval=wilson(share * n_apart, n_apart),
        n=n,
        over="rows",
    )


def fold_score(scores: Float64Array) -> Score:
    """The mean of the folds' scores (n_folds,)."""
    mean, error = float(scores.mean()), _fold_error(scores)
    half = error * t_quantile(len(scores) - 1)
    return Score(value=mean, std_error=error, interval=(mean - half, mean + half), n=len(scores), over="folds")


def accuracy_difference(first: BoolArray, second: BoolArray, lots: IntArray | None) -> Difference:
    """The difference of two shares of the same rows, both (n_texts,); `lots` where rows belong together."""
    ones = np.ones(len(first), np.int64)
    found = paired_difference(first.astype(np.int64), second.astype(np.int64), ones, lots=lots)
    effect = design_effect(first.astype(np.float64) - second, lots)
    unlike = (found.n_only_first + found.n_only_second) / found.n
    return Difference(
        value=found.value,
        std_error=math.sqrt(max(0.0, unlike - found.value**2) * effect / found.n),
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
    half = error * t_quantile(len(scores) - 1)
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


_APART = np.geomspace(0.1, 10, 12)  # how far true scores lie apart, in errors of their difference: equally likely
_OF_THE_ROWS_LEARNED = 0.5  # of a difference's variance, what comes on top by which rows the heads learned from


def allowing_for_choice(outcomes: Float64Array, other: int, *, lots: IntArray | None) -> tuple[Interval, ...]:
    """95 % intervals of each score minus that of `other`, where one of them was chosen for its score.

    The best of several is partly the luckiest: its plain lead is too large, the more so the less scores truly differ.
    True scores are taken as normal about a common mean; how far apart, the scores themselves tell (Bayes' rule over
    `_APART`), and that does not depend on which of them is looked at. The plain difference is always inside; so is, of
    folds, its plain interval: five scores tell too little of how far apart the others lie.

    Parameters
    ----------
    outcomes : ndarray of shape (n_scores, n)
        Of the same rows whether each was right; or the scores of the same few folds.
    lots : ndarray of shape (n,), dtype=int64, optional
        Where rows belong together.

    References
    ----------
    Efron (2011), Tweedie's formula and selection bias, JASA 106:1602-1614. docs/decisions/0027: how often they hold.
    Nadeau, Bengio (2003), Inference for the generalization error, Machine Learning 52:239-281: what folds share.
    """
    n_scores = len(outcomes)
    if n_scores == 1:
        return ((0.0, 0.0),)
    scores, covariance = outcomes.mean(axis=1), _covariance(outcomes, lots)
    centred, inverse = np.eye(n_scores) - 1 / n_scores, np.linalg.inv(covariance)
    noise = float(np.trace(centred @ covariance)) / (n_scores - 1)
    contrasts = np.hstack([np.eye(n_scores - 1), -np.ones((n_scores - 1, 1))])
    off = contrasts @ scores
    logs, means, variances = [], [], []
    for apart in _APART:
        known = np.linalg.inv(inverse + centred / (apart**2 * noise))
        expected = known @ inverse @ scores
        means.append(expected - expected[other])
        variances.append(np.diag(known) + known[other, other] - 2 * known[other])
        whole = contrasts @ (covariance + apart**2 * noise * np.eye(n_scores)) @ contrasts.T
        logs.append(-0.5 * (np.linalg.slogdet(whole)[1] + off @ np.linalg.solve(whole, off)))
    weights = np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    plain = np.diag(covariance) + covariance[other, other] - 2 * covariance[other]
    spreads = np.sqrt(np.maximum(np.array(variances) + _OF_THE_ROWS_LEARNED * plain, 0))
    limits = [mixture_interval(weights, np.array(means)[:, place], spreads[:, place]) for place in range(n_scores)]
    beside = [_plain_limits(outcomes[place] - outcomes[other]) for place in range(n_scores)]
    return tuple((min(low, first), max(high, last)) for (low, high), (first, last) in zip(limits, beside, strict=True))


_FEW = 20  # outcomes below which they are folds: too few for the covariance of each pair


def _covariance(outcomes: Float64Array, lots: IntArray | None) -> Float64Array:
    """Of the scores (n_scores, n_scores): from rows each pair's own, from folds one variance for all."""
    n_scores, n = outcomes.shape
    if n >= _FEW:
        # half a row on top: of few rows two scores may agree on all by chance
        pairs: Float64Array = covariance_of_means(outcomes, lots) + np.eye(n_scores) * 0.5 / (n + 2) ** 2
        return pairs
    left = outcomes - outcomes.mean(axis=1, keepdims=True) - outcomes.mean(axis=0) + outcomes.mean()
    variance = _shared_rows(n) * float((left**2).sum()) / ((n_scores - 1) * (n - 1)) / n
    alike: Float64Array = np.eye(n_scores) * max(variance, 1e-16)
    return alike


def _shared_rows(n_folds: int) -> float:
    """By how much the folds' heads, which learn from much the same rows, make a variance larger than it looks."""
    return 1 + n_folds / (n_folds - 1)


def _plain_limits(differences: Float64Array) -> Interval:
    """The mean difference (n,) itself; of folds, with an interval."""
    mean, n = float(differences.mean()), len(differences)
    half = 0.0 if n >= _FEW else t_quantile(n - 1) * _fold_error(differences) * math.sqrt(_shared_rows(n))
    return mean - half, mean + half


def _fold_error(scores: Float64Array) -> float:
    return float(scores.std(ddof=1)) / math.sqrt(len(scores))
