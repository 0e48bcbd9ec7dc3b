"""A learning curve, measured: subsets of the labelled rows, a head on each, tested on rows that took part in nothing.

Each repeat is one order of the rows, in which every beginning holds the labels in proportion: its subsets are the
beginnings, each twice as long as the one before. C for a subset must come from that subset alone, or the small ones
would know what only many rows can tell (docs/decisions/0015); and it must be searched just as for all rows, or the last
point stands above its line and every forecast too high (docs/decisions/0027).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np

from frostline.arrays import Advance, BoolArray, Float64Array, IntArray, Rows, are_equal, known_to
from frostline.data import split
from frostline.evaluate.intervals import Estimate, Interval, Z, design_effect, wilson
from frostline.evaluate.learning_curve import LearningCurve, LearningPoint, look_ahead
from frostline.evaluate.scores import macro_f1_of, macro_f1_value
from frostline.head.linear import LinearHead
from frostline.head.options import SearchOptions
from frostline.head.parts import search
from frostline.machine import usable_cores
from frostline.targets import Targets
from frostline.threads import side_by_side

_METHOD = "test rows: {test}; subsets: normal, s²/n over all sizes"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One size: what the heads of its subsets, fitted with `Cs`, give each row (n_subsets, n_test, n_labels)."""

    n_rows: int
    favoured: BoolArray
    Cs: tuple[float, ...]
    fitted_accuracy: float


def curve_of(  # noqa: PLR0913 - what was measured, and what the curve says of itself
    measured: Sequence[Measured],
    targets: Targets,
    *,
    n_saved: int,
    n_trials: int,
    seed: int,
    begun: float,
) -> LearningCurve:
    """Put the sizes together; the last holds one prediction, that of all rows.

    Parameters
    ----------
    measured : sequence of Measured
        Ascending sizes; of all but the last the same number of subsets, an even one.
    targets : Targets
        Of the test rows.
    n_saved : int
        Rows that the saved head learned from: the forecast starts there.
    n_trials : int
        Folds that were tested in turn; 1 where rows were held back.
    seed : int
        Of the subsets.
    begun : float
        `time.perf_counter()` when the measuring began.
    """
    right = [(size.favoured == targets.members).all(axis=2) for size in measured]
    accuracies = [size_right.mean(axis=1) for size_right in right]
    scores = [np.array([macro_f1_value(favoured, targets.members) for favoured in size.favoured]) for size in measured]
    n_rows = np.array([size.n_rows for size in measured], dtype=np.float64)
    spread, f1_spread = (_subset_variance(values, n_rows) for values in (accuracies, scores))
    points = tuple(
        LearningPoint(
            n_rows=size.n_rows,
            accuracy=_accuracy(right[place], spread[place], targets.shared_lots),
            macro_f1=_mean_f1(size.favoured, targets, f1_spread[place]),
            accuracies=tuple(accuracies[place].tolist()),
            Cs=size.Cs,
            fitted_accuracy=size.fitted_accuracy,
        )
        for place, size in enumerate(measured)
    )
    if len(points) > 1:
        n_pairs = n_trials * len(right[0]) // 2
        outlook, why_not = look_ahead(n_rows, right, n_saved=n_saved, n_pairs=n_pairs, lots=targets.shared_lots)
    else:
        outlook, why_not = None, _too_few(2 * _least(len(targets.labels)), n_saved)
    return LearningCurve(
        points=points,
        n_test=len(targets),
        is_out_of_fold=n_trials > 1,
        outlook=outlook,
        no_outlook=why_not,
        choice_of_C=CHOICE_OF_C,
        seed=seed,
        seconds=time.perf_counter() - begun,
    )


def _too_few(needed: int, n_saved: int) -> str:
    if n_saved < needed:
        return f"A learning curve needs {needed:,} rows to learn from (there are {n_saved:,})."
    return "Half of the rows do not hold two texts of each label that do not belong together: too few for a curve."


def _subset_variance(values: Sequence[Float64Array], n_rows: Float64Array) -> Float64Array:
    """The variance (n_sizes,) of each size's mean score that comes from which rows were drawn.

    A head's score is taken as a mean over the rows it learned from. Two subsets of a pair share none of n rows, others
    share them by chance: their covariance is 0, or that of all rows.
    """
    repeats, whole = len(values[0]), n_rows[-1]
    if len(values) == 1:
        return np.zeros(1)
    strangers = 1 - 1 / (repeats - 1)  # of the couples of subsets, those that are no pair
    seen = [
        scores.var(ddof=1) * size / (1 - strangers * size / whole)
        for scores, size in zip(values[:-1], n_rows[:-1], strict=True)
    ]
    n_pairs = repeats / 2
    variance: Float64Array = np.mean(seen) * (1 / (2 * n_rows * n_pairs) + (1 - 1 / n_pairs) / whole)
    return variance


def _accuracy(right: BoolArray, spread: float, lots: IntArray | None) -> Estimate:
    """The mean accuracy of some subsets' heads, right (n_subsets, n_test) or not."""
    n_test, value = right.shape[1], float(right.mean())
    effect = design_effect(right.mean(axis=0), lots)
    limits = wilson(round(value * n_test) / effect, n_test / effect)
    return _combined(value, limits, 0.0 if len(right) == 1 else spread, n_test, "Wilson")


def _mean_f1(favoured: BoolArray, targets: Targets, spread: float) -> Estimate:
    scores = [macro_f1_value(subset, targets.members) for subset in favoured]
    value = float(np.mean(scores))
    typical = favoured[int(np.argmin(np.abs(np.array(scores) - value)))]
    limits = macro_f1_of(typical, targets).interval
    return _combined(value, limits, 0.0 if len(favoured) == 1 else spread, len(targets), "MOVER")


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


REPEATS = 4  # subsets of each size; in turn, of each fold's rows,
REPEATS_IN_TURN = 2
MOST_SIZES = 4  # besides all rows: smaller ones say little of what four times the rows bring
LEAST_ROWS = 32  # of the smallest subset; and
LEAST_ROWS_PER_LABEL = 8

CHOICE_OF_C = "for each subset as for all rows, by a search within it"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Rows to learn from, by number, and rows to test on; one for a hold-out, one per fold of a cross-validation."""

    fitted: IntArray  # (n_fitted,)
    test_rows: Rows  # (n_test, n_features), or JoinedRows
    test_targets: Targets


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whole:
    """What learned from all rows, and is tested anyway: the curve's last point."""

    favoured: BoolArray  # (n_test, n_labels): What all trials' test rows get, one trial after the other
    C: float
    fitted_accuracy: float


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Subset:
    """What the head of one subset gives the test rows of its trial."""

    favoured: BoolArray  # (n_test, n_labels)
    C: float
    fitted_accuracy: float


def _least(n_labels: int) -> int:
    return max(LEAST_ROWS, LEAST_ROWS_PER_LABEL * n_labels)


def sizes_of(n_rows: int, n_labels: int) -> tuple[int, ...]:
    """The sizes of subsets, ascending, each half of the next and the last half of all rows; none if rows are few."""
    least = _least(n_labels)
    halves = [n_rows // 2**step for step in range(1, MOST_SIZES + 1)]
    return tuple(size for size in reversed(halves) if size >= least)


def learning_curve(  # noqa: PLR0913 - two arrays, what is tested, and how heads are fitted
    rows: Rows,
    targets: Targets,
    *,
    trials: Sequence[Trial],
    whole: Whole,
    options: SearchOptions,
    progress: Advance | None = None,
) -> LearningCurve:
    """Search and fit heads on growing subsets and test each.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    options : SearchOptions
        As for the head itself; `seed` draws the subsets.
    progress : callable, optional
        Counts subsets.

    Returns
    -------
    LearningCurve
        Of one point where half of the rows are fewer than `LEAST_ROWS`, or than `LEAST_ROWS_PER_LABEL` for each label.
    """
    begun = time.perf_counter()
    n_rows = min(len(trial.fitted) for trial in trials)
    repeats = REPEATS if len(trials) == 1 else REPEATS_IN_TURN
    orders = [
        (trial, trial.fitted[_order(targets.take(trial.fitted), seed=options.seed, turn=turn)])
        for turn in range(repeats)
        for trial in trials
    ]
    sizes = [
        size
        for size in sizes_of(n_rows, len(targets.labels))
        if all(split.possible_folds(2, targets.take(order[:size])) == 2 for _, order in orders)
    ]
    how = replace(options, threads=1)
    subsets = side_by_side(
        [
            partial(_searched, rows, targets, trial, order[:size], how)
            for size in reversed(sizes)  # the largest first, so that no thread waits for one at last
            for trial, order in orders
        ],
        threads=options.threads or usable_cores(),
        progress=progress,
    )
    n_each = len(orders)
    measured = [
        _measured(subsets[first : first + n_each], size, n_trials=len(trials))
        for size, first in zip(reversed(sizes), range(0, len(subsets), n_each), strict=True)
    ][::-1]
    measured.append(Measured(n_rows, whole.favoured[None], (whole.C,), whole.fitted_accuracy))
    return curve_of(
        measured,
        Targets.concatenated([trial.test_targets for trial in trials]),
        n_saved=len(targets),
        n_trials=len(trials),
        seed=options.seed,
        begun=begun,
    )


def proportional_order(targets: Targets, *, seed: int, backwards: bool = False) -> IntArray:
    """Row numbers in a random order of which every beginning holds the labels nearly in proportion.

    Backwards, a seed's rows come from its other end: the first halves of both share no row but the rarest labels'.
    Of labels that exclude each other the first two rows of each come before all others, so that no subset lacks one.
    Rows that belong together stand beside each other; no two of them are a label's first two.
    """
    # of labels that exclude each other the sets are numbered as the labels are: the rows with the first come first
    codes = np.unique(~targets.members, axis=0, return_inverse=True)[1].reshape(-1)
    random = np.random.RandomState(seed % 2**32)
    place, lots = np.empty(len(codes)), targets.lots
    for code in np.unique(codes):
        rows, shift = random.permutation(np.flatnonzero(codes == code)), random.rand()
        if backwards:
            rows, shift = rows[::-1], 1 - shift
        place[rows] = (np.arange(len(rows)) + shift) / len(rows)
        if len(targets.groups()) == 1:  # other sets of labels are mostly rare: all in front, they would be the subset
            place[rows[0]] -= 2
            place[rows[lots[rows] != lots[rows[0]]][:1]] -= 1
    if not targets.stand_alone:
        first = np.full(len(codes), np.inf)
        np.minimum.at(first, lots, place)
        place = first[lots]
    return np.argsort(place, kind="stable").astype(np.int64)


def _order(targets: Targets, *, seed: int, turn: int) -> IntArray:
    """Of a repeat: each seed's order is taken from both its ends in turn."""
    return proportional_order(targets, seed=seed + turn // 2, backwards=turn % 2 == 1)


def _searched(rows: Rows, targets: Targets, trial: Trial, places: IntArray, options: SearchOptions) -> _Subset:
    """Search C within a subset as within all rows: any cheaper choice makes its head worse than the whole's."""
    learned, own = targets.take(places), rows[places]
    how = replace(options, n_folds=split.possible_folds(options.n_folds, learned))
    known = known_to(own, own)
    fitted = own if are_equal(known) else known
    searched, _ = search(fitted, learned, options=how)
    return _Subset(
        favoured=given_by(searched.head, known_to(trial.test_rows, own)),
        C=searched.middle_C,
        fitted_accuracy=share_right(given_by(searched.head, fitted), learned),
    )


def _measured(subsets: Sequence[_Subset], size: int, *, n_trials: int) -> Measured:
    """The subsets of one size, those of a repeat put together."""
    by_repeat = [subsets[first : first + n_trials] for first in range(0, len(subsets), n_trials)]
    return Measured(
        n_rows=size,
        favoured=np.stack([np.concatenate([each.favoured for each in repeat]) for repeat in by_repeat]),
        Cs=tuple(float(np.exp(np.mean(np.log([each.C for each in repeat])))) for repeat in by_repeat),
        fitted_accuracy=float(np.mean([each.fitted_accuracy for each in subsets])),
    )


def given_by(head: LinearHead, rows: Rows) -> BoolArray:
    """What a head gives each row (n_texts, n_labels), sure or not."""
    return head.answer(head.predict_proba(rows)).favoured


def share_right(favoured: BoolArray, targets: Targets) -> float:
    """The share of rows that get just the labels that they have."""
    return float((favoured == targets.members).all(axis=1).mean())
