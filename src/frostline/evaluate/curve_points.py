"""A learning curve, measured: subsets of the labelled rows, a head on each, tested on rows that took part in nothing.

In:   features and codes to learn from, the rows to test on, how the head itself fared on them.
Out:  a `LearningCurve`.
Not:  the fits (head/subsets.py), the band (curve_band.py), where the curve leads (outlook.py).

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

from frostline.arrays import BoolArray, Float64Array, IntArray, Progress
from frostline.evaluate.curve_band import Measured, curve_of
from frostline.evaluate.intervals import SMALLEST_PROBABILITY
from frostline.evaluate.learning_curve import LearningCurve
from frostline.head.linear import LinearHead
from frostline.head.search import SearchOptions, default_grid
from frostline.head.subsets import fit_subsets
from frostline.rows import Rows

REPEATS = 4
MOST_SIZES = 6  # besides all rows
LEAST_ROWS = 32  # of the smallest subset; and
LEAST_ROWS_PER_LABEL = 8
_TRIED = 3  # values of C around the smaller subset's choice

CHOICE_OF_C = "for each subset the C whose head, fitted on one half of it, has the lowest log loss on the other"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Rows to learn from, by number, and rows to test on; one for a hold-out, one per fold of a cross-validation.

    Parameters
    ----------
    fitted : ndarray of shape (n_fitted,), dtype=int64
    test_rows : ndarray of shape (n_test, n_features), or JoinedRows
    test_codes : ndarray of shape (n_test,), dtype=int64
    """

    fitted: IntArray
    test_rows: Rows
    test_codes: IntArray


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whole:
    """What learned from all rows, and is tested anyway: the curve's last point.

    Parameters
    ----------
    predicted : ndarray of shape (n_test,), dtype=int64
        Of all trials' test rows, one trial after the other.
    C : float
    fitted_accuracy : float
    """

    predicted: IntArray
    C: float
    fitted_accuracy: float


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """What every fit needs; an order of rows for each repeat and, within it, each trial."""

    rows: Rows
    codes: IntArray
    n_labels: int
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
            held = order[self.n_rows : size]
            rows, codes, every = ground.rows[held], ground.codes[held], np.arange(len(held))
            losses = [
                float(-np.log(np.maximum(head.predict_proba(rows)[every, codes], SMALLEST_PROBABILITY)).mean())
                for head in heads
            ]
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
    codes: IntArray,
    *,
    n_labels: int,
    trials: Sequence[Trial],
    whole: Whole,
    options: SearchOptions,
    repeats: int = REPEATS,
    progress: Progress | None = None,
) -> LearningCurve | None:
    """Fit heads on growing subsets and test each.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    codes : ndarray of shape (n_texts,), dtype=int64
    n_labels : int
    trials : sequence of Trial
    whole : Whole
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

    Raises
    ------
    ConvergenceError
        A regression did not converge.
    """
    begun = time.perf_counter()
    n_rows = min(len(trial.fitted) for trial in trials)
    sizes = sizes_of(n_rows, n_labels)
    if not sizes:
        return None
    grid = np.sort(np.array(default_grid() if options.Cs is None else options.Cs))
    orders = [
        trial.fitted[proportional_order(codes[trial.fitted], seed=options.seed + repeat)]
        for repeat in range(repeats)
        for trial in trials
    ]
    ground = _Ground(rows, codes, n_labels, orders, options)
    measured = []
    before = _searched(ground, sizes[0] // 2, grid, None)  # not shown: it chooses C for the smallest size that is
    for number, size in enumerate(sizes):
        chosen = before.best(ground, size)
        before = _searched(ground, size, grid, chosen, width=max(1, min(_TRIED, len(sizes) - number)))
        measured.append(_measured(ground, before.heads_at(chosen), trials, size=size, Cs=grid[chosen]))
        if progress is not None:
            progress(number + 1, len(sizes))
    test_codes = np.concatenate([trial.test_codes for trial in trials])
    measured.append(
        Measured(n_rows, whole.predicted[None], (whole.C,), whole.fitted_accuracy),
    )
    return curve_of(
        measured,
        test_codes,
        n_labels=n_labels,
        is_out_of_fold=len(trials) > 1,
        choice_of_C=CHOICE_OF_C,
        seed=options.seed,
        begun=begun,
    )


def proportional_order(codes: IntArray, *, seed: int) -> IntArray:
    """Row numbers in a random order of which every beginning holds the labels (n_texts,) nearly in proportion.

    The first two rows of each label come before all others, so that no subset lacks a label.
    """
    random = np.random.RandomState(seed % 2**32)
    place = np.empty(len(codes))
    for code in np.unique(codes):
        rows = random.permutation(np.flatnonzero(codes == code))
        place[rows] = (np.arange(len(rows)) + random.rand()) / len(rows)
        place[rows[:2]] -= np.array([2.0, 1.0])[: len(rows)]
    return np.argsort(place, kind="stable").astype(np.int64)


def _fitted(ground: _Ground, size: int, Cs: Float64Array) -> tuple[tuple[LinearHead, ...], ...]:
    """A head for each order's beginning and each of its values of C (n_orders, n_Cs)."""
    training: BoolArray = np.zeros((len(ground.codes), len(ground.orders)), dtype=bool)
    for part, order in enumerate(ground.orders):
        training[order[:size], part] = True
    return fit_subsets(
        ground.rows, ground.codes, n_labels=ground.n_labels, training=training, Cs=Cs, options=ground.options
    )


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
    predicted = [
        head.predict_proba(trials[part % n_trials].test_rows).argmax(axis=1) for part, head in enumerate(heads)
    ]
    known = [
        float((head.predict_proba(ground.rows[own]).argmax(axis=1) == ground.codes[own]).mean())
        for head, own in zip(heads, (order[:size] for order in ground.orders), strict=True)
    ]
    by_repeat = [np.concatenate(predicted[first : first + n_trials]) for first in range(0, len(heads), n_trials)]
    mean_Cs = np.exp(np.log(Cs).reshape(-1, n_trials).mean(axis=1))
    return Measured(size, np.stack(by_repeat), tuple(mean_Cs.tolist()), float(np.mean(known)))
