"""Choose how decisions become probabilities: as they are, by a temperature, or by an isotonic map for each label.

The held-out decisions are of the folds' heads, which learned from fewer rows than the head that is saved. What this
does to the temperature was measured: docs/decisions/0013-calibration.md.

Labels that do not exclude each other are as many problems of two classes; they share a temperature, so that thresholds
and averages over labels mean the same for all. A text is one observation, whatever it has: its log loss is the mean.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.errors import UsageError, shown
from frostline.head.linear import Calibration, Knots, link_of, probabilities, softmax
from frostline.head.options import MOST_SEARCHED, share_c
from frostline.targets import Targets

MOST_KNOTS = 500
_MOST_DECISIONS = 10_000_000  # that a temperature is fitted on; of more, rows at even distances


def fit_knots(claimed: Float64Array, came_true: BoolArray, weights: Float64Array | None = None) -> Knots | None:
    """Knots of the never-falling map with the least squared error; None where the claims are all equal.

    Blocks of rows are pooled until their shares ascend (PAV); each block becomes a knot at its mean claim, straight
    lines between, so that rows of different claims keep their order. A block of k rows where it never came true, or
    always, becomes 1 / (k + 2) or (k + 1) / (k + 2), by the rule of succession, but passes no neighbour: so few rows
    cannot show that something never happens.

    Parameters
    ----------
    claimed : ndarray of shape (n,), from 0 to 1
    came_true : ndarray of shape (n,), dtype=bool
    weights : ndarray of shape (n,), optional
        How many rows each counts for.

    References
    ----------
    Zadrozny, Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates, KDD.
    Oron, Flournoy (2017), Centered isotonic regression, Statistics in Biopharmaceutical Research 9: knots at centres.
    """
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - takes 0.3 s, and only fitting needs it

    points, place = np.unique(claimed, return_inverse=True)
    if len(points) < 2:
        return None
    each = np.ones(len(claimed)) if weights is None else weights
    hits, counts = np.bincount(place, weights=each * came_true), np.bincount(place, weights=each)
    shares: Float64Array = isotonic_regression(hits / counts, weights=counts).x
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


COLDEST, HOTTEST = 0.05, 20.0
"""Where a temperature ends: decisions without a mistake would run to 0, decisions that say nothing to infinity."""

_STEPS = 100


def fit_temperature(decisions: Float64Array, codes: IntArray, weights: Float64Array | None = None) -> float:
    """The temperature with the least log loss, from `COLDEST` to `HOTTEST`; 1 where the decisions are all equal.

    The truth is softened as Platt does it, by one row in n + 2 that might have been another label, so that rows
    without a mistake do not claim certainty. The loss is convex in 1 / temperature: Newton's steps, kept within
    bounds that close in, end at its one minimum.

    Parameters
    ----------
    decisions : ndarray of shape (n_texts, n_coef_rows), dtype=float64
    codes : ndarray of shape (n_texts,), dtype=int64
    weights : ndarray of shape (n_texts,), optional
        How many rows each counts for.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML, section 4.2.
    Platt (1999), Probabilistic outputs for support vector machines, section 2.2: the softened truth.
    """
    every = 1 + decisions.size // _MOST_DECISIONS  # one number is told by fewer
    decisions, codes, weights = decisions[::every], codes[::every], None if weights is None else weights[::every]
    full = np.hstack([np.zeros_like(decisions), decisions]) if decisions.shape[1] == 1 else decisions
    full = full - full.max(axis=1, keepdims=True)
    size = float(np.abs(full).max(initial=0.0))
    if size == 0:
        return 1.0
    full = full / size  # decisions may be 1e30: their squares are not asked for
    n_rows = len(codes) if weights is None else float(weights.sum())
    truth = np.full(full.shape, 1.0 / ((n_rows + 2) * full.shape[1]))
    truth[np.arange(len(codes)), codes] += 1.0 - 1.0 / (n_rows + 2)
    wanted = float(np.average((truth * full).sum(axis=1), weights=weights))
    low, high = size / HOTTEST, size / COLDEST  # bounds of the sharpness, size / temperature
    sharpness = min(max(size, low), high)
    for _ in range(_STEPS):
        shares = softmax(sharpness * full)
        means = (shares * full).sum(axis=1)
        slope = float(np.average(means, weights=weights)) - wanted
        curvature = float(np.average((shares * full**2).sum(axis=1) - means**2, weights=weights))
        low, high = (sharpness, high) if slope < 0 else (low, sharpness)
        step = sharpness - slope / curvature if curvature > 0 else high if slope < 0 else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - sharpness) <= 1e-12 * sharpness:
            break
        sharpness = following
    return float(min(max(size / sharpness, COLDEST), HOTTEST))


Calibrate: TypeAlias = Literal["auto", "none", "temperature", "isotonic"]
Way: TypeAlias = Literal["none", "temperature", "isotonic"]

WAYS: tuple[Way, ...] = ("none", "temperature", "isotonic")
FEWEST_FOR_TEMPERATURE = 50
FEWEST_FOR_ISOTONIC = 200
FEWEST_OF_A_LABEL = 20
"""Rows of the rarest label, for an isotonic map that `auto` may choose."""

MOST_BINS = 15
ROWS_PER_BIN = 20
"""Fewer rows than this say nothing about a share: few rows get fewer bins."""

LEAST_CLAIMED = 0.05
"""Probability from which on those of labels that do not exclude each other are held to what came true."""

_SMALLEST = float(np.finfo(np.float64).eps)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way of calibrating, fitted on the other folds' rows and tried on each fold's."""

    way: Way
    log_loss: float  # The mean over all rows
    # `gain`, `gain_error`: By how much the log loss is less than without calibration, and the standard error of that.
    gain: float
    gain_error: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationFit:
    """A calibration, and why it is this one."""

    calibration: Calibration | None  # Fitted on all rows
    asked: Calibrate
    way: Way
    why: str  # One clause
    n: int  # Rows fitted on
    candidates: tuple[Candidate, ...]  # Those tried, `none` first
    # (n_texts, n_labels): Probabilities of each row, by the fold's head and by the calibration fitted on the other
    # folds: for choosing thresholds by.
    held_out: Probabilities


def fit_calibration(
    decisions: Float64Array,
    targets: Targets,
    *,
    learned: BoolArray | None = None,
    folds: IntArray,
    calibrate: Calibrate = "auto",
) -> CalibrationFit:
    """Fit the calibration asked for; `auto` chooses by log loss on rows that a fit has not seen.

    `auto` takes a temperature where that gains log loss by more than one standard error, and an isotonic map where rows
    are many enough and it gains more than that over the temperature (over nothing, where that is none); and either only
    where probabilities are then no further off.

    Parameters
    ----------
    decisions : ndarray of shape (n_texts, n_coef_rows), dtype=float64
        Of each row, by a head that did not learn from it.
    learned : ndarray of shape (n_labels,), dtype=bool, optional
        All where not given. The other labels' probabilities are their shares, and stay so.
    folds : ndarray of shape (n_texts,), dtype=int64
        The fold that held each row out. With one fold there is nothing to compare by: `auto` is then `none`.
    calibrate : {"auto", "none", "temperature", "isotonic"}

    Raises
    ------
    UsageError
        There is no such way; an isotonic map is asked for, and all decisions are equal.
    """
    if calibrate not in ("auto", *WAYS):
        raise UsageError(f"Calibration must be one of auto, {', '.join(WAYS)} (got {shown(calibrate)}).")
    every = np.ones(len(targets.labels), dtype=bool) if learned is None else learned
    rows = _Rows(decisions, targets, every)
    tried = {way: _held_out(way, rows, folds) for way in _worth_trying(calibrate, rows, folds)}
    losses = {way: _losses(found, targets) for way, found in tried.items()}
    lots, weights = targets.lots, targets.weights
    if calibrate == "auto":
        off = {way: off_by(found, targets) for way, found in tried.items()}
        way, why = choice_of(losses, off, lots=lots, weights=weights)
    else:
        way, why = calibrate, "asked for"
    if calibrate == "auto" and len(tried) == 1:
        why = _why_nothing_was_tried(rows, folds)
    fitted = _fitted(way, rows)
    if way == "isotonic" and fitted is None:
        raise UsageError(
            f"An isotonic map needs rows that are told apart (all {len(targets):,} have the same decisions).",
            hint="Leave --calibrate out.",
        )
    return CalibrationFit(
        calibration=fitted,
        asked=calibrate,
        way=way,
        why=why,
        n=len(targets),
        candidates=tuple(candidate_of(way, losses, lots=lots, weights=weights) for way in losses),
        held_out=tried[way] if way in tried else rows.plain(),
    )


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What a calibration is fitted on: decisions (n_texts, n_coef_rows), the truth, and which labels were learned."""

    decisions: Float64Array
    targets: Targets
    learned: BoolArray

    def take(self, rows: BoolArray) -> "_Rows":
        return _Rows(self.decisions[rows], self.targets.take(rows), self.learned)

    def plain(self, calibration: Calibration | None = None) -> Probabilities:
        """Probabilities (n_texts, n_labels), calibrated or not; those of labels that were not learned stay."""
        link = link_of(self.targets)
        found = probabilities(self.decisions, link=link, calibration=calibration)
        if calibration is None or self.learned.all():
            return found
        return np.where(self.learned, found, probabilities(self.decisions, link=link))

    @property
    def are_equal(self) -> bool:
        return bool((self.decisions == self.decisions[:1]).all())


def _worth_trying(calibrate: Calibrate, rows: _Rows, folds: IntArray) -> list[Way]:
    if len(np.unique(folds)) < 2 or rows.are_equal:
        return ["none"]
    if calibrate != "auto":
        return ["none"] if calibrate == "none" else ["none", calibrate]
    found: list[Way] = ["none"]
    n_texts, rarest = len(rows.targets), min(rows.targets.counts().values())
    if n_texts >= FEWEST_FOR_TEMPERATURE:
        found.append("temperature")
    # of labels apart, those that are too rare are left as they are
    if len(rows.targets.labels) > MOST_SEARCHED:  # each label's map would cost what the temperature does
        return found
    if n_texts >= FEWEST_FOR_ISOTONIC and (rarest >= FEWEST_OF_A_LABEL or not share_c(rows.targets)):
        found.append("isotonic")
    return found


def _why_nothing_was_tried(rows: _Rows, folds: IntArray) -> str:
    if len(np.unique(folds)) < 2:
        return "one fold leaves no rows to compare by"
    if rows.are_equal:
        return "all decisions are equal"
    return f"{len(rows.targets):,} rows are fewer than {FEWEST_FOR_TEMPERATURE}"


def _held_out(way: Way, rows: _Rows, folds: IntArray) -> Probabilities:
    """Probabilities (n_texts, n_labels) of each fold by a calibration fitted on the others."""
    found = rows.plain()
    if way == "none":
        return found
    for fold in np.unique(folds):
        own = folds == fold
        found[own] = rows.take(own).plain(_fitted(way, rows.take(~own)))
    return found


def _fitted(way: Way, rows: _Rows) -> Calibration | None:
    """The calibration; None for `none`, and for an isotonic map where a label's probabilities are all equal."""
    if way == "none":
        return None
    targets, is_one, weights = rows.targets, share_c(rows.targets), rows.targets.weights
    if way == "temperature":
        if is_one:
            found = fit_temperature(rows.decisions, targets.codes, weights)
            return Calibration(method="temperature", temperature=found)
        apart = rows.decisions[:, rows.learned].reshape(-1, 1)
        codes = targets.members[:, rows.learned].ravel().astype(np.int64)
        repeated = None if weights is None else np.repeat(weights, rows.learned.sum())
        return Calibration(method="temperature", temperature=fit_temperature(apart, codes, repeated))
    plain = rows.plain()
    if not is_one:
        each = [
            _own_knots(plain[:, place], targets.members[:, place], weights) if rows.learned[place] else _AS_IT_IS
            for place in _columns(plain)
        ]
        return Calibration(method="isotonic", knots=tuple(each))
    columns = [1] if plain.shape[1] == 2 else _columns(plain)
    maps = [fit_knots(plain[:, column], targets.members[:, column], weights) for column in columns]
    knots = tuple(own for own in maps if own is not None)
    return Calibration(method="isotonic", knots=knots) if len(knots) == len(maps) else None


def _columns(plain: Probabilities) -> list[int]:
    return list(range(plain.shape[1]))


_AS_IT_IS: Knots = ((0.0, 0.0), (1.0, 1.0))


def _own_knots(claimed: Float64Array, has: BoolArray, weights: Float64Array | None) -> Knots:
    """The map of one label by itself; one on too few texts, or missing from too few, stays as it is."""
    n_with = int(has.sum())
    if min(n_with, len(has) - n_with) < FEWEST_OF_A_LABEL:
        return _AS_IT_IS
    return fit_knots(claimed, has, weights) or _AS_IT_IS


def _losses(found: Probabilities, targets: Targets) -> Float64Array:
    """The log loss (n_texts,) of each text: of its label, or the mean over labels that do not exclude each other."""
    is_one = share_c(targets)
    own = found[targets.members][:, None] if is_one else np.where(targets.members, found, 1 - found)
    losses: Float64Array = -np.log(np.maximum(own, _SMALLEST)).mean(axis=1)
    return losses


def mean_by_lots(values: Float64Array, lots: IntArray, weights: Float64Array | None = None) -> tuple[float, float]:
    """The mean of values (n_texts,), and its standard error where lots are drawn, each with all its texts."""
    mean, n_lots = float(np.average(values, weights=weights)), len(np.unique(lots))
    if n_lots < 2:
        return mean, abs(mean)
    each = 1.0 if weights is None else weights
    sums = np.bincount(lots, each * (values - mean))
    return mean, float(np.sqrt(sums @ sums * n_lots / (n_lots - 1))) / (len(values) * float(np.mean(each)))


def candidate_of(
    way: Way, losses: dict[Way, Float64Array], *, lots: IntArray, weights: Float64Array | None = None
) -> Candidate:
    """What one way of those whose losses (n_texts,) are given is worth beside none."""
    gain, error = mean_by_lots(losses["none"] - losses[way], lots, weights)
    lost = float(np.average(losses[way], weights=weights))
    return Candidate(way=way, log_loss=lost, gain=gain, gain_error=error)


def off_by(found: Probabilities, targets: Targets) -> float:
    """How far probabilities (n_texts, n_labels) are off on average, less what chance makes of it.

    Of each text's most probable label; where labels do not exclude each other, of all from `LEAST_CLAIMED` on. As
    `evaluate.probabilities.reliability` has it, but for the spread of the gaps over its bins.
    """
    members, lots, weights = targets.members, targets.lots, targets.weights
    if share_c(targets):
        texts, columns = np.arange(len(members)), found.argmax(axis=1)
    else:
        texts, columns = np.nonzero(found >= LEAST_CLAIMED)
    if not len(texts):
        return 0.0
    each = np.ones(len(texts)) if weights is None else weights[texts]
    sizes = np.unique(lots[texts] * members.shape[1] + columns * (not share_c(targets)), return_counts=True)[1]
    repetition = float(sizes @ sizes) / len(texts)  # rows that tell as much as one, if those of a lot tell the same
    order = np.argsort(found[texts, columns], kind="stable")
    claimed, right, each = found[texts, columns][order], members[texts, columns][order], each[order]
    n_bins = max(1, min(MOST_BINS, int(len(texts) / repetition) // ROWS_PER_BIN))
    starts = np.arange(n_bins) * len(texts) // n_bins
    plain = np.abs(np.add.reduceat(each * (claimed - right), starts)).sum()
    chance = np.sqrt(2 / np.pi * repetition * np.add.reduceat(each**2 * claimed * (1 - claimed), starts)).sum()
    return max(0.0, float(plain - chance) / float(each.sum()))


def choice_of(
    losses: dict[Way, Float64Array],
    off: dict[Way, float],
    *,
    lots: IntArray,
    weights: Float64Array | None = None,
) -> tuple[Way, str]:
    """From plain to flexible, a step at a time, where the step surely helps.

    It gains more log loss than the standard error of that gain, text by text, and is on average no further `off`; both
    on rows that its fit has not seen. The standard error is that of the mean gain, over lots.

    Parameters
    ----------
    off : dict of float
        As `off_by` tells it of each way.
    lots : ndarray of shape (n_texts,), dtype=int64
        As `Targets.lots`: texts that belong together are one draw.
    weights : ndarray of shape (n_texts,), optional
        How many texts each counts for.
    """
    chosen: Way = "none"
    worse: Way = "none"
    for way, each in losses.items():
        gain, error = mean_by_lots(losses[chosen] - each, lots, weights)
        if gain > error and off[way] <= off[chosen]:
            chosen = way
        elif gain > error:
            worse = way
    if chosen != "none":
        return chosen, "it lost less on rows it was not fitted on"
    if worse == "none":
        return chosen, "nothing to mend, as no correction gained more than chance on rows it was not fitted on"
    named = {"none": "", "temperature": "a temperature", "isotonic": "an isotonic map"}[worse]
    return chosen, (
        f"{named} lost less on rows it was not fitted on, but put percentages {100 * off[worse]:.2f} points off "
        f"there on average, instead of {100 * off['none']:.2f}"
    )
