"""A learning curve, measured: subsets of the labelled rows, a head on each, tested on rows that took part in nothing.

Each repeat is one order of the rows, in which every beginning holds the labels in proportion: its subsets are the
beginnings, each twice as long as the one before. C for a subset must come from that subset alone, or the small ones
would know what only many rows can tell (up to 0.7 points at a sixteenth of SST-2's rows: docs/decisions/0015): heads
fitted on its first half are compared by their log loss on the other half. These heads are the smaller size's own, so
the choice costs a fit or two more for each subset, and none for the largest.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Advance, BoolArray, Float64Array, IntArray, Rows
from frostline.evaluate.intervals import Estimate, Interval, Z, wilson
from frostline.evaluate.learning_curve import LearningCurve, LearningPoint, look_ahead
from frostline.evaluate.probabilities import log_loss
from frostline.evaluate.scores import macro_f1_of, macro_f1_value
from frostline.head.linear import LinearHead
from frostline.head.options import SearchOptions, default_grid
from frostline.head.search import fit_subsets
from frostline.targets import Targets

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
    targets : Targets
        Of the test rows.
    is_out_of_fold, choice_of_C, seed
        As in `LearningCurve`.
    begun : float
        `time.perf_counter()` when the measuring began.
    """
    right = [(size.favoured == targets.members).all(axis=2) for size in measured]
    accuracies = [found.mean(axis=1) for found in right]
    scores = [np.array([macro_f1_value(favoured, targets.members) for favoured in size.favoured]) for size in measured]
    n_rows = np.array([size.n_rows for size in measured], dtype=np.float64)
    spread, f1_spread = (_subset_variance(found, n_rows) for found in (accuracies, scores))
    points = tuple(
        LearningPoint(
            n_rows=size.n_rows,
            accuracy=_accuracy(right[place], spread[place]),
            macro_f1=_mean_f1(size.favoured, targets, f1_spread[place]),
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
        n_test=len(targets),
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


REPEATS = 4
MOST_SIZES = 6  # besides all rows
LEAST_ROWS = 32  # of the smallest subset; and
LEAST_ROWS_PER_LABEL = 8
_TRIED = 3  # values of C around the smaller subset's choice

CHOICE_OF_C = "for each subset the C whose head, fitted on one half of it, has the lowest log loss on the other"


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
class _Ground:
    """What every fit needs; an order of rows for each repeat and, within it, each trial."""

    rows: Rows
    targets: Targets
    orders: Sequence[IntArray]
    options: SearchOptions


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Rung:
    """The heads of one size: for each order, one at each position of the grid that was tried (n_orders, n_tried)."""

    n_rows: int
    tried: IntArray
    heads: tuple[tuple[LinearHead, ...], ...]

    def best(self, ground: "_Ground", size: int) -> IntArray:
        """For each order the position with the lowest log loss on the rows after these, up to `size`."""
        best = []
        for tried, heads, order in zip(self.tried, self.heads, ground.orders, strict=True):
            held = _new_of(order[self.n_rows : size], ground.targets, last=int(order[self.n_rows - 1]))
            rows, targets = ground.rows[held], ground.targets.take(held)
            losses = [log_loss(head.predict_proba(rows), targets).value for head in heads]
            best.append(tried[int(np.argmin(losses))])
        return np.array(best)

    def heads_at(self, positions: IntArray) -> list[LinearHead]:
        """Each order's head at its position, which was tried."""
        places = (self.tried == positions[:, None]).argmax(axis=1)
        return [heads[place] for heads, place in zip(self.heads, places.tolist(), strict=True)]


def sizes_of(n_rows: int, n_labels: int) -> tuple[int, ...]:
    """The sizes of subsets, ascending, each half of the next and the last half of all rows; none if rows are few."""
    least = max(LEAST_ROWS, LEAST_ROWS_PER_LABEL * n_labels)
    halves = [n_rows // 2**step for step in range(1, MOST_SIZES + 1)]
    return tuple(size for size in reversed(halves) if size >= least)


def learning_curve(  # noqa: PLR0913 - two arrays, what is tested, and how heads are fitted
    rows: Rows,
    targets: Targets,
    *,
    trials: Sequence[Trial],
    whole: Whole,
    options: SearchOptions,
    repeats: int = REPEATS,
    progress: Advance | None = None,
) -> LearningCurve | None:
    """Fit heads on growing subsets and test each.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    options : SearchOptions
        As for the head itself: the grid, class weights, standardisation; `seed` draws the subsets.
    repeats : int
        Subsets of each size, at least 2.
    progress : callable, optional
        Counts sizes.

    Returns
    -------
    LearningCurve or None
        None where half of the rows are fewer than `LEAST_ROWS`, or than `LEAST_ROWS_PER_LABEL` for each label.
    """
    begun = time.perf_counter()
    n_rows = min(len(trial.fitted) for trial in trials)
    sizes = sizes_of(n_rows, len(targets.labels))
    if not sizes:
        return None
    grid = np.sort(np.array(default_grid() if options.Cs is None else options.Cs))
    orders = [
        trial.fitted[proportional_order(targets.take(trial.fitted), seed=options.seed + repeat)]
        for repeat in range(repeats)
        for trial in trials
    ]
    ground = _Ground(rows, targets, orders, options)
    measured = []
    before = _searched(ground, sizes[0] // 2, grid, None)  # not shown: it chooses C for the smallest size that is
    for number, size in enumerate(sizes):
        chosen = before.best(ground, size)
        before = _searched(ground, size, grid, chosen, width=max(1, min(_TRIED, len(sizes) - number)))
        measured.append(_measured(ground, before.heads_at(chosen), trials, size=size, Cs=grid[chosen]))
        if progress is not None:
            progress(number + 1, len(sizes))
    measured.append(Measured(n_rows, whole.favoured[None], (whole.C,), whole.fitted_accuracy))
    return curve_of(
        measured,
        Targets.concatenated([trial.test_targets for trial in trials]),
        is_out_of_fold=len(trials) > 1,
        choice_of_C=CHOICE_OF_C,
        seed=options.seed,
        begun=begun,
    )


def proportional_order(targets: Targets, *, seed: int) -> IntArray:
    """Row numbers in a random order of which every beginning holds the sets of labels nearly in proportion.

    The first two rows of each come before all others, so that no subset lacks a label. Rows that belong together stand
    beside each other.
    """
    # of labels that exclude each other the sets are numbered as the labels are: the rows with the first come first
    codes = np.unique(~targets.members, axis=0, return_inverse=True)[1].reshape(-1)
    random = np.random.RandomState(seed % 2**32)
    place = np.empty(len(codes))
    for code in np.unique(codes):
        rows = random.permutation(np.flatnonzero(codes == code))
        place[rows] = (np.arange(len(rows)) + random.rand()) / len(rows)
        place[rows[:2]] -= np.array([2.0, 1.0])[: len(rows)]
    if targets.together is not None:
        lot_of = np.unique(targets.together, return_inverse=True)[1]
        first = np.full(len(codes), np.inf)
        np.minimum.at(first, lot_of, place)
        place = first[lot_of]
    return np.argsort(place, kind="stable").astype(np.int64)


def _new_of(rows: IntArray, targets: Targets, *, last: int) -> IntArray:
    """The rows that do not belong to the last one learned from; all of them where none would be left."""
    if targets.together is None:
        return rows
    is_new = targets.together[rows] != targets.together[last]
    return rows[is_new] if is_new.any() else rows


def _fitted(ground: _Ground, size: int, Cs: Float64Array) -> tuple[tuple[LinearHead, ...], ...]:
    """A head for each order's beginning and each of its values of C (n_orders, n_Cs)."""
    training: BoolArray = np.zeros((len(ground.targets), len(ground.orders)), dtype=bool)
    for part, order in enumerate(ground.orders):
        training[order[:size], part] = True
    return fit_subsets(ground.rows, ground.targets, training=training, Cs=Cs, options=ground.options)


def _searched(ground: _Ground, size: int, grid: Float64Array, around: IntArray | None, *, width: int = _TRIED) -> _Rung:
    """Fit each order's beginning with `width` values of C around a position of the grid, or with every other C of it.

    Of two values the other is the smaller: the best C falls with the number of rows, if it moves at all.
    """
    if around is None:
        places = np.arange(0, len(grid), 2 if len(grid) > 2 * _TRIED else 1)
        tried = np.tile(places, (len(ground.orders), 1))
    else:
        width = min(width, len(grid))
        tried = np.clip(around - width // 2, 0, len(grid) - width)[:, None] + np.arange(width)
    return _Rung(size, tried, _fitted(ground, size, grid[tried]))


def _measured(
    ground: _Ground, heads: Sequence[LinearHead], trials: Sequence[Trial], *, size: int, Cs: Float64Array
) -> Measured:
    """What the heads say of the test rows, and how well they know the rows that they learned from."""
    n_trials = len(trials)
    favoured = [given_by(head, trials[part % n_trials].test_rows) for part, head in enumerate(heads)]
    known = [
        share_right(given_by(head, ground.rows[own]), ground.targets.take(own))
        for head, own in zip(heads, (order[:size] for order in ground.orders), strict=True)
    ]
    by_repeat = [np.concatenate(favoured[first : first + n_trials]) for first in range(0, len(heads), n_trials)]
    mean_Cs = np.exp(np.log(Cs).reshape(-1, n_trials).mean(axis=1))
    return Measured(size, np.stack(by_repeat), tuple(mean_Cs.tolist()), float(np.mean(known)))


def given_by(head: LinearHead, rows: Rows) -> BoolArray:
    """What a head gives each row (n_texts, n_labels), sure or not."""
    return head.answer(head.predict_proba(rows)).favoured


def share_right(favoured: BoolArray, targets: Targets) -> float:
    """The share of rows that get just the labels that they have."""
    return float((favoured == targets.members).all(axis=1).mean())
