"""Whether probabilities mean what they say: reliability by bins, expected calibration error, Brier score.

The calibration error of bins is never 0, not even for perfect probabilities: a bin of n rows misses its mean by
0.8 standard errors on average. Both are told: the plain error, as other tools print it, and what is left of it once
chance is taken out. How often the interval covers: docs/decisions/0013-calibration.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.evaluate.intervals import (
    SMALLEST_PROBABILITY,
    Estimate,
    Interval,
    Z,
    mean_interval,
    share_interval,
    wilson,
)
from frostline.head.calibrating import LEAST_CLAIMED, MOST_BINS, ROWS_PER_BIN
from frostline.head.linear import set_probability
from frostline.head.options import MOST_SEARCHED
from frostline.targets import Label, Targets

_FOLDED = math.sqrt(2 / math.pi)
"""The mean of |N(0, 1)|."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Rows of like probability."""

    # `low`, `high`: The smallest and the largest probability in it.
    low: float
    high: float
    mean_probability: float  # What was claimed
    share_right: float  # What came true
    interval: Interval  # 95 %, Wilson, of `share_right`
    n: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Claimed against true, from the least sure rows to the surest."""

    # Of equal numbers of rows (equal probabilities are never torn apart), in ascending probability.
    bins: tuple[ReliabilityBin, ...]
    error: Estimate  # Expected calibration error: the plain error less what chance adds to it
    plain_error: float  # The mean over the rows of their bin's |claimed - true|: as other tools print it; never 0
    chance: float  # The plain error that perfect probabilities would show on such bins, on average


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationScores:
    """How far probabilities can be trusted, on one set of test rows."""

    # Of the most probable label of each row; where a text may have several, of the probabilities from 5 % on.
    reliability: Reliability
    # Of each label's own probability; of two labels, of the second's alone. It also sees what errors towards one label
    # and errors towards another hide from each other above. None of more than `MOST_SEARCHED` labels.
    by_label: tuple[Reliability, ...]
    # The mean over rows of the sum over labels of (probability - truth)²: 0 to 2; where a text may have several, of
    # their mean: 0 to 1.
    brier: Estimate
    log_loss: Estimate  # In nats
    n: int


def calibration_scores(probabilities: Probabilities, targets: Targets) -> CalibrationScores:
    """Everything about the probabilities of test rows.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        n_texts >= 1, finite; rows of sum 1 where labels exclude each other.
    targets : Targets
        The truth.
    """
    members, lots = targets.members, targets.shared_lots
    return CalibrationScores(
        reliability=_reliability_of_answers(probabilities, targets),
        by_label=tuple(
            reliability(probabilities[:, column], members[:, column], lots=lots) for column in _told(targets)
        ),
        brier=brier_score(probabilities, targets),
        log_loss=log_loss(probabilities, targets),
        n=len(targets),
    )


def _of_most_probable(probabilities: Probabilities, members: BoolArray, lots: IntArray | None) -> Reliability:
    best = probabilities.argmax(axis=1)
    return reliability(probabilities.max(axis=1), members[np.arange(len(members)), best], lots=lots)


def _of_some_probability(probabilities: Probabilities, members: BoolArray, lots: IntArray | None) -> Reliability:
    some = reliability_of(probabilities, members, lots=lots)
    return some or reliability(probabilities.ravel(), members.ravel(), lots=_of_cells(lots, members))


def _of_cells(lots: IntArray | None, members: BoolArray) -> IntArray | None:
    """The lot of each text's each label (n_texts * n_labels,): the labels of one text are told apart."""
    n_labels = members.shape[1]
    return None if lots is None else (lots[:, None] * n_labels + np.arange(n_labels)).ravel()


def _reliability_of_answers(probabilities: Probabilities, targets: Targets) -> Reliability:
    """Of each row's most probable label; else of all that have some probability, all labels together."""
    reliability_for = {"one label": _of_most_probable, "several labels": _of_some_probability}[targets.kind]
    return reliability_for(probabilities, targets.members, targets.shared_lots)


def _told(targets: Targets) -> range:
    """The columns that say something of their own: of two that share a C the second; of very many none."""
    if len(targets.labels) > MOST_SEARCHED:
        return range(0)
    return range(1 if len(targets.labels) == 2 and len(targets.groups()) == 1 else 0, len(targets.labels))


def brier_score(probabilities: Probabilities, targets: Targets) -> Estimate:
    """The mean over rows of the sum over labels of (probability - truth)², from 0 to 2; else of their mean, up to 1.

    References
    ----------
    Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78:1-3.
    """
    errors = np.square(probabilities - targets.members)
    losses, most = {"one label": (errors.sum(axis=1), 2.0), "several labels": (errors.mean(axis=1), 1.0)}[targets.kind]
    low, high = mean_interval(losses, targets.shared_lots)
    return Estimate(float(losses.mean()), (low, min(high, most)), len(targets), "t, skewness removed (Hall)")


def log_loss(probabilities: Probabilities, targets: Targets) -> Estimate:
    """In nats: the mean of -log(probability of the true label); else of every decision, whether a row has a label."""
    members = targets.members
    came_true = np.where(members, probabilities, 1 - probabilities).astype(np.float64)
    counted = {"one label": members, "several labels": np.ones_like(members)}[targets.kind]
    losses = -np.log(np.clip(came_true[counted].reshape(len(members), -1), SMALLEST_PROBABILITY, 1.0)).mean(axis=1)
    limits = mean_interval(losses, targets.shared_lots)
    return Estimate(float(losses.mean()), limits, len(targets), "t, skewness removed (Hall)")


def reliability_of(probabilities: Probabilities, members: BoolArray, *, lots: IntArray | None) -> Reliability | None:
    """Of the probabilities (n_texts, n_labels) from `LEAST_CLAIMED` on, all labels together; None if there is none."""
    claimed = probabilities >= LEAST_CLAIMED
    if not claimed.any():
        return None
    of_cells = _of_cells(lots, members)
    return reliability(
        probabilities[claimed], members[claimed], lots=None if of_cells is None else of_cells[claimed.ravel()]
    )


def reliability(claimed: Float64Array, came_true: Sequence[bool] | np.ndarray, *, lots: IntArray | None) -> Reliability:
    """Bins of claimed probabilities beside the shares that came true.

    Parameters
    ----------
    claimed : ndarray of shape (n,), n >= 1
        Of the most probable label; or of any one label.
    came_true : of shape (n,), bool
    lots : ndarray of shape (n,), dtype=int64, optional
        Where rows belong together: those of a lot in one bin come true together, as far as is known.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML, section 2.
    Roelofs, Cain, Shlens, Mozer (2022), Mitigating bias in calibration error estimation, AISTATS: bins of equal mass.
    """
    order = np.argsort(claimed, kind="stable")
    sure, right = claimed[order].astype(np.float64), np.asarray(came_true, dtype=np.float64)[order]
    sorted_lots = None if lots is None else lots[order]
    edges = _edges(sure, int(len(sure) / _repetition(sorted_lots)))
    parts = [slice(start, end) for start, end in edges]
    effects = np.array([1.0 if sorted_lots is None else _repetition(sorted_lots[part]) for part in parts])
    bins = tuple(_bin(sure[part], right[part], effect) for part, effect in zip(parts, effects.tolist(), strict=True))
    doubts = np.add.reduceat(sure * (1 - sure), [start for start, _ in edges]) * effects
    return Reliability(
        bins=bins,
        error=_without_chance(bins, doubts, effects),
        plain_error=_plain_error(bins),
        chance=float(_weights(bins) @ (_FOLDED * _claimed_errors(bins, doubts))),
    )


def _repetition(lots: IntArray | None) -> float:
    """How many rows tell as much as one, if those of a lot (n,) tell the same; 1 where each stands alone."""
    if lots is None:
        return 1.0
    sizes = np.unique(lots, return_counts=True)[1]
    return float(sizes @ sizes) / len(lots)


def _edges(ascending: Float64Array, n_apart: int) -> list[tuple[int, int]]:
    """Where each bin begins and ends: equal numbers of rows, but equal probabilities together."""
    n = len(ascending)
    n_bins = max(1, min(MOST_BINS, n_apart // ROWS_PER_BIN))
    wanted = ascending[(np.arange(1, n_bins) * n) // n_bins]
    cuts = np.unique(np.concatenate([[0], np.searchsorted(ascending, wanted, side="left"), [n]]))
    return list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))


def _bin(claimed: Float64Array, right: Float64Array, effect: float) -> ReliabilityBin:
    hits, n = int(right.sum()), len(right)
    return ReliabilityBin(
        low=float(claimed[0]),
        high=float(claimed[-1]),
        mean_probability=float(claimed.mean()),
        share_right=hits / n,
        interval=wilson(hits / effect, n / effect),
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
    """The standard error of each bin's share, were the claims right: `doubts` is the variance of its hits."""
    return np.array([math.sqrt(doubt) / found.n for doubt, found in zip(doubts.tolist(), bins, strict=True)])


def _without_chance(bins: Sequence[ReliabilityBin], doubts: Float64Array, effects: Float64Array) -> Estimate:
    """The plain error less what chance adds to it.

    A bin whose share is normal about its true gap shows |N(gap, error)|, which is more than |gap| on average, and most
    where the gap is small. How the true gaps are spread over the bins is not known. The value and the upper limit take
    them to be equal in all bins, where chance adds least: they err towards "worse". The lower limit is also that of
    gaps as found, sqrt(gap² - error²); and 0, where perfect claims would show as much in one test of forty. A plain
    error below chance is luck: the upper limit is then that of chance.
    """
    weights, gaps = _weights(bins), _gaps(bins)
    plain = float(weights @ gaps)
    errors = np.array([_share_error(one, effect) for one, effect in zip(bins, effects.tolist(), strict=True)])
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


def _share_error(filled: ReliabilityBin, effect: float) -> float:
    """The standard error of a bin's share; also with none or all right there is one."""
    n = filled.n / effect
    share = (filled.share_right * n + 1) / (n + 2)
    return math.sqrt(share * (1 - share) / n)


def _equal_gap(plain: float, weights: Float64Array, errors: Float64Array, *, off: float = 0.0) -> float:
    """The gap which, the same in every bin, has a mean plain error `off` standard deviations below `plain`."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        gaps = np.full(len(weights), middle)
        means = _folded_means(gaps, errors)
        is_below = float(weights @ means) + off * _spread_about(means, gaps, weights, errors) < plain
        low, high = (middle, high) if is_below else (low, middle)
    return 0.0 if high < 1e-9 else high


def _spread(gaps: Float64Array | float, weights: Float64Array, errors: Float64Array) -> float:
    """The standard deviation of the plain error, had the bins these true gaps."""
    true = np.broadcast_to(np.asarray(gaps, dtype=np.float64), errors.shape)
    return _spread_about(_folded_means(true, errors), true, weights, errors)


def _spread_about(means: Float64Array, true: Float64Array, weights: Float64Array, errors: Float64Array) -> float:
    variances = np.maximum(0.0, true**2 + errors**2 - means**2)
    return math.sqrt(float(weights**2 @ variances))


def _folded_means(gaps: Float64Array, errors: Float64Array) -> Float64Array:
    """The mean of |N(gap, error)| for each bin."""
    ratios = np.divide(gaps, errors, out=np.zeros(errors.shape), where=errors > 0)
    inside = np.array([math.erf(ratio / math.sqrt(2)) for ratio in ratios.tolist()])
    means: Float64Array = np.asarray(
        _FOLDED * errors * np.exp(-(ratios**2) / 2) + np.where(errors > 0, gaps * inside, gaps)
    )
    return means


MOST_POINTS = 120
"""Of a curve that is drawn."""

_FEWEST = 10  # answers that a share is worth drawing of


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageCurve:
    """Right answers against answers given, from the surest texts alone to all of them."""

    coverage: tuple[float, ...]  # Shares of the texts that are answered, ascending; the last is 1
    # `precision`, `low`, `high`: Of the answers given there, the share that is right, and its 95 % interval (Wilson).
    precision: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    thresholds: tuple[float, ...]  # The probability from which on answers are given there
    answer_from: float  # From which on the head answers; 0: always
    # `covered`, `right`: At `answer_from`: the share answered, and of those answers the share that is right (None
    # without answers).
    covered: Estimate
    right: Estimate | None


def sureness(probabilities: Probabilities, favoured: BoolArray, targets: Targets) -> Float64Array:
    """The probability (n_texts,) of all that a row gets: of its label, or of its set of labels."""
    probability: Float64Array = {
        "one label": np.where(favoured, probabilities, 0.0).max(axis=1),
        "several labels": set_probability(probabilities, favoured),
    }[targets.kind]
    return probability


def coverage_curve(
    probabilities: Probabilities, favoured: BoolArray, targets: Targets, *, answer_from: float = 0.0
) -> CoverageCurve:
    """The curve over all thresholds, and where the head stands on it; equal probabilities are answered together.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels), n_texts >= 1
    favoured : ndarray of shape (n_texts, n_labels), dtype=bool
        What each row gets, sure or not.
    targets : Targets
        The truth: a row is right where it gets just the labels that it has.
    answer_from : float
        From which probability on the head answers.
    """
    n = len(targets)
    claimed = sureness(probabilities, favoured, targets)
    is_right = (favoured == targets.members).all(axis=1)
    order = np.argsort(-claimed, kind="stable")
    falling, hits = claimed[order], np.cumsum(is_right[order])
    ends = np.flatnonzero(np.append(falling[1:] < falling[:-1], True))
    ends = ends[(ends + 1 >= min(_FEWEST, n)) | (ends == n - 1)]
    if len(ends) > MOST_POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, MOST_POINTS).round().astype(np.int64))]
    lots = targets.shared_lots
    in_order, sorted_lots = is_right[order], None if lots is None else lots[order]
    bands = [
        share_interval(in_order[: end + 1], None if sorted_lots is None else sorted_lots[: end + 1])
        for end in ends.tolist()
    ]
    given = claimed >= answer_from
    n_given, right = int(given.sum()), is_right[given]
    right_band = share_interval(right, None if lots is None else lots[given]) if n_given else (0.0, 1.0)
    return CoverageCurve(
        coverage=tuple(((ends + 1) / n).tolist()),
        precision=tuple((hits[ends] / (ends + 1)).tolist()),
        low=tuple(low for low, _ in bands),
        high=tuple(high for _, high in bands),
        thresholds=tuple(falling[ends].tolist()),
        answer_from=answer_from,
        covered=Estimate(n_given / n, share_interval(given, lots), n, "Wilson"),
        right=Estimate(int(right.sum()) / n_given, right_band, n_given, "Wilson") if n_given else None,
    )


MOST_CURVE_POINTS = 200
"""Of a curve that is drawn; more cannot be seen."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Points in drawing order, x ascending."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    thresholds: tuple[float, ...]  # The label is taken from this probability on; infinite where it never is


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCurves:
    """One label against all others."""

    label: Label
    # `n`, `n_with`: Test rows, and those that have the label.
    n: int
    n_with: int
    roc: Curve  # x: the share of the other rows that are taken for it; y: recall
    auc: Estimate  # The chance that a row with the label has a higher probability than one without; ties count half
    # x: recall; y: precision. A classifier that knows nothing has a precision of `n_with / n` throughout.
    precision_recall: Curve
    average_precision: Estimate  # The sum of precision times gain in recall over the thresholds, as in scikit-learn


def label_curves(probabilities: Probabilities, targets: Targets) -> tuple[LabelCurves, ...]:
    """The curves of each label that some rows have and some have not; of two that exclude each other, the second's."""
    counts = targets.members.sum(axis=0)
    return tuple(
        curves_of(
            probabilities[:, column],
            targets.members[:, column],
            label=targets.labels[column],
            lots=targets.shared_lots,
        )
        for column in _told(targets)
        if 0 < counts[column] < len(targets)
    )


def curves_of(scores: Float64Array, has: BoolArray, *, label: Label, lots: IntArray | None) -> LabelCurves:
    """The curves of one label.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Its probability.
    has : ndarray of shape (n,), dtype=bool
        Whether the row has it: some do and some do not.
    lots : ndarray of shape (n,), dtype=int64, optional
        Where rows belong together.
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
    apart_with, apart_without = (
        int(members.sum()) / _repetition(None if lots is None else lots[members]) for members in (has, ~has)
    )
    return LabelCurves(
        label=label,
        n=len(scores),
        n_with=n_with,
        roc=_thinned(alarms, recall, thresholds),
        auc=Estimate(auc, auc_interval(auc, apart_with, apart_without), len(scores), "score (Newcombe)"),
        precision_recall=_thinned(recall, precision, thresholds),
        average_precision=Estimate(
            average, wilson(average * apart_with, apart_with), n_with, "Wilson on the rows with it"
        ),
    )


def auc_interval(auc: float, n_with: float, n_without: float) -> Interval:
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
    if len(x) > MOST_CURVE_POINTS:
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], MOST_CURVE_POINTS)).clip(0, len(x) - 1))
        kept[0], kept[-1] = 0, len(x) - 1
    return Curve(x=tuple(x[kept].tolist()), y=tuple(y[kept].tolist()), thresholds=tuple(thresholds[kept].tolist()))
