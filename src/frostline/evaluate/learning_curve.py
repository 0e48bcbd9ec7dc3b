"""A learning curve as data: scores against the number of labelled rows, and what more rows should bring."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray
from frostline.evaluate.intervals import Estimate, Interval, covariance_of_means, mixture_interval


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPoint:
    """What heads that learned from so many rows score on rows that took part in nothing."""

    n_rows: int  # Labelled rows learned from
    # `accuracy`, `macro_f1`: The mean over the subsets. The interval covers which rows were drawn and which rows are
    # tested on; with one subset (all rows) it covers the test rows alone. `n` counts test rows.
    accuracy: Estimate
    macro_f1: Estimate
    accuracies: tuple[float, ...]  # length n_subsets: Of each subset's head
    Cs: tuple[float, ...]  # length n_subsets: What each head was fitted with
    fitted_accuracy: float  # The heads' mean accuracy on the very rows they learned from

    @property
    def n_subsets(self) -> int:
        """Subsets of this size that were drawn; 1: there is only one, all rows."""
        return len(self.accuracies)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What more rows should bring.

    Promised is the accuracy of one head that learns from today's rows and others like them, minus that of today's head,
    both on any number of new texts.
    """

    n_rows: int  # Labelled rows there would be
    value: float  # The mean of what is likely
    interval: Interval  # 95 %


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Where the points lead."""

    # `n_rows`, `accuracy`, `low`, `high`: The curve to draw, from today's rows to four times as many: today's accuracy
    # as measured and the gain with its 95 % interval.
    n_rows: tuple[float, ...]
    accuracy: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    gains: tuple[Gain, ...]  # At twice and at four times the rows


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """Accuracy against the number of labelled rows."""

    # From the fewest rows to all of them; one alone where rows are too few to halve. The last is the saved head's own
    # test (out of fold: that of the heads of nested cross-validation, which learned from a little less than all rows).
    points: tuple[LearningPoint, ...]
    n_test: int  # Rows tested on
    # Whether those are all rows, each tested by heads that did not learn from its fold; else rows held back.
    is_out_of_fold: bool
    outlook: Outlook | None  # None where the points do not say where the curve leads; then `no_outlook` says why
    no_outlook: str
    # How C was chosen for a subset, in a few words.
    choice_of_C: str  # noqa: N815 - C is its name everywhere
    seed: int
    seconds: float


AHEAD = (2, 4)  # times today's rows; nothing is said of more
WIDEST = 0.10  # of an interval, from which on it says nothing

# What is taken for likely before a curve is seen, and how far heads stray from a law: so that 93 to 97 of 100 forecasts
# of tools/check_outlook.py come true (docs/decisions/0027).
_PUT_RIGHT = 0.10  # of what today's head gets wrong, by twice the rows: the mean,
_PUT_RIGHT_SPREAD = 0.10  # and the standard deviation
_DECAYS = np.linspace(0.05, 1.05, 11)  # equally likely
_OFF_LAW = 0.03  # of what is wrong: standard deviation of a size's accuracy about the law
_OFF_LAW_AHEAD = 0.015  # the same of each doubling ahead
_LUCK = 0.25  # variance of one row's share in a head's accuracy, of that of one answer; counts as
_LUCK_FREEDOM = 6  # so many degrees of freedom beside those of the subsets seen

_DRAWN = 17  # places of the curve to draw


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the points say."""

    times: Float64Array  # (n_sizes,): Each size's rows, in those of the saved head
    accuracy: Float64Array  # (n_sizes,)
    covariance: Float64Array  # (n_sizes, n_sizes): Of test rows and of rows drawn
    wrong: float  # Of today's head, as a share, kept off 0
    luck: float  # Variance of today's head's accuracy that comes from which rows it learned from


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Law:
    """Accuracy rises by gain * (1 - times^-decay) / (1 - 2^-decay): for each decay how likely it is, and the gain."""

    weights: Float64Array  # (n_decays,)
    gain: Float64Array  # (n_decays,): What twice the rows bring: the mean,
    variance: Float64Array  # (n_decays,): and the variance
    seen: _Seen

    def rise(self, times: float) -> float:
        """The mean gain at so many times the rows."""
        return float(self.weights @ (self.gain * _reach(np.array([times]))[:, 0]))

    def gain_at(self, times: float) -> tuple[float, Interval]:
        """The gain of a head that learns from so many times the rows, these among them: mean and 95 % interval."""
        reach, doublings = _reach(np.array([times]))[:, 0], np.log2(times)
        strays = self.seen.luck * (1 - 1 / times) + (_OFF_LAW_AHEAD * self.seen.wrong * doublings) ** 2
        middle, spread = self.gain * reach, np.sqrt(self.variance * reach**2 + strays)
        return float(self.weights @ middle), mixture_interval(self.weights, middle, spread)


def look_ahead(
    n_rows: Float64Array, right: Sequence[BoolArray], *, n_saved: int, n_pairs: int, lots: IntArray | None
) -> tuple[Outlook | None, str]:
    """Follow the law that the points are likely to lie on; or say why that would tell nothing.

    Parameters
    ----------
    n_rows : ndarray of shape (n_sizes,)
        Ascending, at least two; the last is all rows that were learned from.
    right : sequence of n_sizes arrays of shape (n_subsets, n_test)
        Whether each subset's head was right on each test row; the last has one.
    n_saved : int
        Rows that the saved head learned from, of which the forecast is so many times.
    n_pairs : int
        Pairs of subsets of a size that share no row.
    lots : ndarray of shape (n_test,), dtype=int64, optional
        Where test rows belong together.

    Returns
    -------
    outlook : Outlook or None
    why_not : str
        Empty where there is one.

    References
    ----------
    Cortes, Jackel, Solla, Vapnik, Denker (1993), Learning curves: asymptotic values and rate of convergence, NIPS 6.
    Viering, Loog (2023), The shape of learning curves: a review, IEEE PAMI 45:7799-7819: how often laws fail.
    """
    law = _law_of(_seen(n_rows, right, n_saved=n_saved, n_pairs=n_pairs, lots=lots))
    ahead = [(times, law.gain_at(times)) for times in AHEAD]
    gains = tuple(Gain(n_rows=times * n_saved, value=value, interval=limits) for times, (value, limits) in ahead)
    low, high = gains[0].interval
    if high - low > WIDEST:
        return None, (
            f"What twice the rows would bring is not known to within {100 * WIDEST:.0f} points "
            f"({100 * low:+.1f} to {100 * high:+.1f}): there are too few rows to learn from, or to test on."
        )
    today = float(law.seen.accuracy[-1]) - law.rise(float(law.seen.times[-1]))
    times = np.geomspace(1, AHEAD[-1], _DRAWN)
    drawn = [law.gain_at(each) for each in times.tolist()]
    lows, middles, highs = np.array([(limits[0], value, limits[1]) for value, limits in drawn]).T + today
    return Outlook(
        n_rows=tuple((n_saved * times).tolist()),
        accuracy=tuple(np.clip(middles, 0, 1).tolist()),
        low=tuple(np.clip(lows, 0, 1).tolist()),
        high=tuple(np.clip(highs, 0, 1).tolist()),
        gains=gains,
    ), ""


def _seen(
    n_rows: Float64Array, right: Sequence[BoolArray], *, n_saved: int, n_pairs: int, lots: IntArray | None
) -> _Seen:
    """The points with the covariance of their errors.

    All sizes are tested on the same rows. A head's luck is taken as a mean over the rows it learned from: the smaller
    subset of an order is part of the larger, the two of a pair share none, others share some by chance.
    """
    means = np.stack([answers.mean(axis=0) for answers in right])
    n_test = means.shape[1]
    accuracy = means.mean(axis=1)
    wrong = 1 - (accuracy[-1] * n_test + 1) / (n_test + 2)
    of_answer = wrong * (1 - wrong)
    number = np.arange(n_test) if lots is None else np.unique(lots, return_inverse=True)[1]
    each, freedom = _luck_of_a_row(n_rows, right, n_trials=2 * n_pairs // len(right[0]), number=number)
    each = (_LUCK_FREEDOM * _LUCK * of_answer + freedom * each) / (_LUCK_FREEDOM + freedom)
    larger = np.maximum.outer(n_rows, n_rows)
    shared = 1 / (2 * larger * n_pairs) + (1 - 1 / n_pairs) / n_saved
    shared[-1], shared[:, -1] = 1 / n_saved, 1 / n_saved
    alone = (_OFF_LAW * wrong) ** 2 + of_answer / (number.max() + 1.0) ** 2  # few may agree by chance
    return _Seen(
        times=n_rows / n_saved,
        accuracy=accuracy,
        covariance=covariance_of_means(means, lots) + each * shared + alone * np.eye(len(n_rows)),
        wrong=wrong,
        luck=each / n_saved,
    )


def _luck_of_a_row(
    n_rows: Float64Array, right: Sequence[BoolArray], *, n_trials: int, number: IntArray
) -> tuple[float, int]:
    """Variance of one learned row's share in a head's accuracy on any number of texts; and the degrees of freedom.

    Heads differ on few test rows by more than on many: what comes of that is taken off, and none is left at 0. Rows of
    one lot, by its `number` (n_test,), count as one.
    """
    seen = []
    for answers, size in zip(right[:-1], n_rows[:-1], strict=True):
        n_subsets, n_test = answers.shape
        strangers = 1 - 1 / (n_subsets - 1)  # of the couples of subsets, those that may share rows
        sums = np.stack([np.bincount(number, each) for each in answers.astype(np.float64)])
        by_lots = sums.var(axis=0, ddof=1).sum() / n_test**2
        apart = (answers.mean(axis=1).var(ddof=1) - by_lots) / (1 - 1 / sums.shape[1])
        seen.append(n_trials * apart * size / (1 - strangers * size / n_rows[-1]))
    return max(0.0, float(np.mean(seen))), len(seen) * (len(right[0]) - 1)


def _law_of(seen: _Seen) -> _Law:
    """Today's level left open, the gain normal about its likely mean: for each decay, Bayes' rule in closed form."""
    less_today = np.hstack([np.eye(len(seen.times) - 1), -np.ones((len(seen.times) - 1, 1))])
    behind, covariance = less_today @ seen.accuracy, less_today @ seen.covariance @ less_today.T
    mean, spread = _PUT_RIGHT * seen.wrong, _PUT_RIGHT_SPREAD * seen.wrong
    reach = _reach(seen.times) @ less_today.T  # (n_decays, n_sizes - 1)
    solved = np.linalg.solve(covariance, reach.T)
    variance = 1 / (1 / spread**2 + np.einsum("ij,ji->i", reach, solved))
    gain = variance * (mean / spread**2 + behind @ solved)
    logs = np.empty(len(reach))
    for place, each in enumerate(reach):
        whole, off = covariance + spread**2 * np.outer(each, each), behind - mean * each
        logs[place] = -0.5 * (np.linalg.slogdet(whole)[1] + off @ np.linalg.solve(whole, off))
    weights = np.exp(logs - logs.max())
    return _Law(weights / weights.sum(), gain, variance, seen)


def _reach(times: Float64Array) -> Float64Array:
    """The gains (n_decays, n_places) at so many times the rows, in gains of twice the rows."""
    decays = _DECAYS[:, None]
    reach: Float64Array = (1 - times**-decays) / (1 - 2.0**-decays)
    return reach
