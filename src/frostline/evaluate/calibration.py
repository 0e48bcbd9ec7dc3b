"""Whether probabilities mean what they say: reliability by bins, expected calibration error, Brier score.

In:   probabilities (n_texts, n_labels) and the true codes (n_texts,) of rows that took part in nothing.
Out:  `CalibrationScores`, with what a report draws.
Not:  making probabilities better (head/fitting.py). No resampling: the same rows give the same intervals.

The calibration error of bins is never 0, not even for perfect probabilities: a bin of n rows misses its mean by
0.8 standard errors on average. Both are told: the plain error, as other tools print it, and what is left of it once
chance is taken out. How often the interval covers: docs/decisions/0013-calibration.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray, Probabilities
from frostline.evaluate.intervals import Interval, Z, mean_interval, wilson
from frostline.evaluate.metrics import Estimate, log_loss

MOST_BINS = 15
ROWS_PER_BIN = 20
"""Fewer rows than this say nothing about a share: small tests get fewer bins."""

_FOLDED = math.sqrt(2 / math.pi)
"""The mean of |N(0, 1)|."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Rows of like probability.

    Parameters
    ----------
    low, high : float
        The smallest and the largest probability in it.
    mean_probability : float
        What was claimed.
    share_right : float
        What came true.
    interval : (float, float)
        95 %, Wilson, of `share_right`.
    n : int
    """

    low: float
    high: float
    mean_probability: float
    share_right: float
    interval: Interval
    n: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Claimed against true, from the least sure rows to the surest.

    Parameters
    ----------
    bins : tuple of ReliabilityBin
        Of equal numbers of rows (equal probabilities are never torn apart), in ascending probability.
    error : Estimate
        Expected calibration error: the plain error less what chance adds to it.
    plain_error : float
        The mean over the rows of their bin's |claimed - true|: as other tools print it; never 0.
    chance : float
        The plain error that perfect probabilities would show on such bins, on average.
    """

    bins: tuple[ReliabilityBin, ...]
    error: Estimate
    plain_error: float
    chance: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationScores:
    """How far probabilities can be trusted, on one set of test rows.

    Parameters
    ----------
    reliability : Reliability
        Of the most probable label of each row.
    by_label : tuple of Reliability
        Of each label's own probability; of two labels, of the second's alone. It also sees what errors towards one
        label and errors towards another hide from each other above.
    brier : Estimate
        The mean over rows of the sum over labels of (probability - truth)²: 0 to 2.
    log_loss : Estimate
        In nats.
    n : int
    """

    reliability: Reliability
    by_label: tuple[Reliability, ...]
    brier: Estimate
    log_loss: Estimate
    n: int


def calibration_scores(probabilities: Probabilities, codes: IntArray) -> CalibrationScores:
    """Everything about the probabilities of test rows.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        n_texts >= 1, finite, rows of sum 1.
    codes : ndarray of shape (n_texts,), dtype=int64
    """
    return CalibrationScores(
        reliability=reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == codes),
        by_label=tuple(
            reliability(probabilities[:, column], codes == column)
            for column in (range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1]))
        ),
        brier=brier_score(probabilities, codes),
        log_loss=log_loss(probabilities, codes),
        n=len(codes),
    )


def brier_score(probabilities: Probabilities, codes: IntArray) -> Estimate:
    """The mean over rows of the sum over labels of (probability - truth)², from 0 to 2.

    References
    ----------
    Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78:1-3.
    """
    truth = np.zeros(probabilities.shape)
    truth[np.arange(len(codes)), codes] = 1.0
    losses = np.square(probabilities - truth).sum(axis=1)
    low, high = mean_interval(losses)
    return Estimate(float(losses.mean()), (low, min(high, 2.0)), len(codes), "t, skewness removed (Hall)")


def reliability(claimed: Float64Array, came_true: Sequence[bool] | np.ndarray) -> Reliability:
    """Bins of claimed probabilities beside the shares that came true.

    Parameters
    ----------
    claimed : ndarray of shape (n,), n >= 1
        Of the most probable label; or of any one label.
    came_true : of shape (n,), bool

    References
    ----------
    Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML, section 2.
    Roelofs, Cain, Shlens, Mozer (2022), Mitigating bias in calibration error estimation, AISTATS: bins of equal mass.
    """
    order = np.argsort(claimed, kind="stable")
    sure, right = claimed[order].astype(np.float64), np.asarray(came_true, dtype=np.float64)[order]
    bins = tuple(_bin(sure[start:end], right[start:end]) for start, end in _edges(sure))
    starts = [start for start, _ in _edges(sure)]
    return Reliability(
        bins=bins,
        error=_without_chance(bins, np.add.reduceat(sure * (1 - sure), starts)),
        plain_error=_plain_error(bins),
        chance=float(_weights(bins) @ (_FOLDED * _claimed_errors(bins, np.add.reduceat(sure * (1 - sure), starts)))),
    )


def _edges(ascending: Float64Array) -> list[tuple[int, int]]:
    """Where each bin begins and ends: equal numbers of rows, but equal probabilities together."""
    n = len(ascending)
    n_bins = max(1, min(MOST_BINS, n // ROWS_PER_BIN))
    wanted = ascending[(np.arange(1, n_bins) * n) // n_bins]
    cuts = np.unique(np.concatenate([[0], np.searchsorted(ascending, wanted, side="left"), [n]]))
    return list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))


def _bin(claimed: Float64Array, right: Float64Array) -> ReliabilityBin:
    hits, n = int(right.sum()), len(right)
    return ReliabilityBin(
        low=float(claimed[0]),
        high=float(claimed[-1]),
        mean_probability=float(claimed.mean()),
        share_right=hits / n,
        interval=wilson(hits, n),
        n=n,
    )


def _weights(bins: Sequence[ReliabilityBin]) -> Float64Array:
    counts = np.array([found.n for found in bins], dtype=np.float64)
    shares: Float64Array = counts / counts.sum()
    return shares


def _gaps(bins: Sequence[ReliabilityBin]) -> Float64Array:
    return np.array([abs(found.mean_probability - found.share_right) for found in bins])


def _plain_error(bins: Sequence[ReliabilityBin]) -> float:
    return float(_weights(bins) @ _gaps(bins))


def _claimed_errors(bins: Sequence[ReliabilityBin], doubts: Float64Array) -> Float64Array:
    """The standard error of each bin's share, were the claims right: `doubts` is the sum of p (1 - p) in it."""
    return np.array([math.sqrt(doubt) / found.n for doubt, found in zip(doubts.tolist(), bins, strict=True)])


def _without_chance(bins: Sequence[ReliabilityBin], doubts: Float64Array) -> Estimate:
    """The plain error less what chance adds to it.

    A bin whose share is normal about its true gap shows |N(gap, error)|, which is more than |gap| on average, and most
    where the gap is small. How the true gaps are spread over the bins is not known. The value and the upper limit take
    them to be equal in all bins, where chance adds least: they err towards "worse". The lower limit is also that of
    gaps as found, sqrt(gap² - error²); and 0, where perfect claims would show as much in one test of forty. A plain
    error below chance is luck: the upper limit is then that of chance.
    """
    weights, gaps = _weights(bins), _gaps(bins)
    plain = float(weights @ gaps)
    errors = np.array([_share_error(found) for found in bins])
    claimed = _claimed_errors(bins, doubts)
    likely = np.sqrt(np.maximum(0.0, gaps**2 - errors**2))
    as_found = plain - float(weights @ (_folded_means(likely, errors) - likely)) - Z * _spread(likely, weights, errors)
    by_chance = float(weights @ _folded_means(np.zeros_like(gaps), claimed)) + Z * _spread(0.0, weights, claimed)
    return Estimate(
        _equal_gap(plain, weights, errors),
        (
            0.0 if plain <= by_chance else max(0.0, min(as_found, _equal_gap(plain, weights, errors, off=Z))),
            _equal_gap(max(plain, float(weights @ (_FOLDED * errors))), weights, errors, off=-Z),
        ),
        sum(found.n for found in bins),
        f"{len(bins)} bins of equal numbers, chance taken out (folded normal)",
    )


def _share_error(found: ReliabilityBin) -> float:
    """The standard error of a bin's share; also with none or all right there is one."""
    share = (found.share_right * found.n + 1) / (found.n + 2)
    return math.sqrt(share * (1 - share) / found.n)


def _equal_gap(plain: float, weights: Float64Array, errors: Float64Array, *, off: float = 0.0) -> float:
    """The gap which, the same in every bin, has a mean plain error `off` standard deviations below `plain`."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        shown = float(weights @ _folded_means(np.full(len(weights), middle), errors))
        is_below = shown + off * _spread(middle, weights, errors) < plain
        low, high = (middle, high) if is_below else (low, middle)
    return 0.0 if high < 1e-9 else high


def _spread(gaps: Float64Array | float, weights: Float64Array, errors: Float64Array) -> float:
    """The standard deviation of the plain error, had the bins these true gaps."""
    true = np.broadcast_to(np.asarray(gaps, dtype=np.float64), errors.shape)
    variances = np.maximum(0.0, true**2 + errors**2 - _folded_means(true, errors) ** 2)
    return math.sqrt(float(weights**2 @ variances))


def _folded_means(gaps: Float64Array, errors: Float64Array) -> Float64Array:
    """The mean of |N(gap, error)| for each bin."""
    ratios = np.divide(gaps, errors, out=np.zeros(errors.shape), where=errors > 0)
    inside = np.array([math.erf(ratio / math.sqrt(2)) for ratio in ratios.tolist()])
    means: Float64Array = np.asarray(
        _FOLDED * errors * np.exp(-(ratios**2) / 2) + np.where(errors > 0, gaps * inside, gaps)
    )
    return means
