"""A block of labels from the smallest C up, each as far as its own log loss falls.

In:   a `Problem`, which labels each text has, the block, the grid, the folds.
Out:  an `EachTrial` per label: its C, its held-out decisions there.
Not:  which labels go into a block, the final fit (multi_label.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray
from frostline.head.beside import Block
from frostline.head.front import Tasks
from frostline.head.loss import LogisticEach
from frostline.head.newton import Limits
from frostline.head.path import solve_tasks
from frostline.head.problem import Problem, flat, with_loss
from frostline.head.search import SearchOptions

_RISES = 2  # values of C in a row at which a label's loss must rise before its search ends
_SCORED = Limits(settle=False, tolerance=1e-5)  # enough for a score: at 1e-6 the chosen C were the same
_REACH = 1.5  # how far a start may be extrapolated, in units of the last distance


@final
@dataclass(frozen=True, slots=True, eq=False)
class EachTrial:
    """A label at the C that was chosen for it.

    Parameters
    ----------
    label : int
        Its column.
    C : float
    coef : ndarray of shape (n_features + 1,), dtype=float64
        The folds' mean, in shared coordinates: where the final fit starts.
    decisions : ndarray of shape (n_texts,)
        Of each row by the fold that held it out.
    losses : mapping of C to ndarray of shape (n_folds,)
        Mean log loss of each fold's held-out rows, of every C searched.
    iterations : int
    relative_gradient : float
    """

    label: int
    C: float
    coef: Float64Array
    decisions: Float64Array
    losses: dict[float, Float64Array] = field(default_factory=dict)
    iterations: int = 0
    relative_gradient: float = 0.0

    @classmethod
    def given(cls, label: int, C: float, n_coef: int) -> "EachTrial":
        """For a C that is not searched."""
        return cls(label, C, np.zeros(n_coef), np.zeros(0))


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """One C: its labels (columns), coefficients (n_features + 1, n_folds, n_labels), decisions, losses of each fold."""

    C: float
    labels: IntArray
    coef: Float64Array
    decisions: np.ndarray  # (n_texts, n_labels), float32: kept for every C until one is chosen
    losses: Float64Array  # (n_folds, n_labels)
    iterations: int
    relative_gradient: float


def climb_each(  # noqa: PLR0913 - what defines the block's problem, and how it is searched
    problem: Problem,
    members: BoolArray,
    block: IntArray,
    grid: Sequence[float],
    folds: IntArray,
    *,
    gram: np.ndarray | None,
    options: SearchOptions,
) -> list[EachTrial]:
    """Search the grid (ascending) for the labels in `block`; with a grid of the caller's, all of it."""
    n_folds = int(folds.max()) + 1
    may_stop = options.Cs is None
    going = block
    part = with_loss(problem, LogisticEach(members[:, going]))
    path: list[_Solved] = []
    zero = np.zeros((problem.n_features + 1, n_folds, len(block)))
    zero[-1] = np.log(shares := members[:, block].mean(axis=0)) - np.log(1 - shares)
    for C in grid:
        tasks = Tasks(np.full(n_folds, C), np.arange(n_folds))
        start = _start(path, going, C, zero=zero)
        solved = solve_tasks(part, tasks, start, gram=gram, limits=_SCORED)
        decisions = _held_out(problem, solved.coef, folds)
        losses = _fold_losses(decisions, members[:, going], folds)
        gradient = float(solved.relative_gradient.max())
        decisions32 = decisions.astype(np.float32)
        path.append(_Solved(C, going, solved.coef, decisions32, losses, solved.iterations, gradient))
        if may_stop:
            left = going[~_is_past(path, going)]
            if not len(left):
                break
            if len(left) < len(going):
                going = left
                part = with_loss(problem, LogisticEach(members[:, going]))
    return [_chosen(path, int(label), one_standard_error=options.one_standard_error) for label in block]


def _start(path: Sequence[_Solved], going: IntArray, C: float, *, zero: Float64Array) -> Float64Array:
    """Where to start for C: on the line in log C through the last two solutions; first from `zero`."""
    if not path:
        return zero
    last = _columns(path[-1], going)
    if len(path) == 1:
        return last
    reach = np.log(C / path[-1].C) / np.log(path[-1].C / path[-2].C)
    further: Float64Array = last + min(reach, _REACH) * (last - _columns(path[-2], going))
    return further


def _columns(solved: _Solved, labels: IntArray) -> Float64Array:
    """The coefficients of some of the labels."""
    places = [int(np.flatnonzero(solved.labels == label)[0]) for label in labels]
    return solved.coef[:, :, places]


def _held_out(problem: Problem, coef: Float64Array, folds: IntArray) -> Float64Array:
    """Decisions (n_texts, n_labels) of each row by the fold that held it out; coef has a column per fold."""
    decisions = np.empty((len(folds), coef.shape[2]))

    def part(block: slice, rows: Block) -> None:
        for fold in np.unique(folds[block]):
            held = folds[block] == fold
            decisions[block][held] = rows[held] @ flat(coef[:, fold])

    problem.over_rows(part, exact=True)
    return decisions


def _fold_losses(decisions: Float64Array, members: BoolArray, folds: IntArray) -> Float64Array:
    """Mean log loss (n_folds, n_labels) of each fold's rows."""
    losses = np.logaddexp(0, np.where(members, -decisions, decisions))
    return np.stack([losses[folds == fold].mean(axis=0) for fold in range(int(folds.max()) + 1)])


def _is_past(path: Sequence[_Solved], going: IntArray) -> BoolArray:
    """Labels whose loss has risen at each of the last two C: it is a smooth curve with one valley."""
    if len(path) <= _RISES:
        return np.zeros(len(going), dtype=bool)
    means = np.stack([solved.losses.mean(axis=0)[np.isin(solved.labels, going)] for solved in path[-_RISES - 1 :]])
    past: BoolArray = np.all(np.diff(means, axis=0) > 0, axis=0)
    return past


def _chosen(path: Sequence[_Solved], label: int, *, one_standard_error: bool) -> EachTrial:
    """The C of the lowest mean loss, or the smallest within a standard error of it."""
    own = [(solved, int(np.flatnonzero(solved.labels == label)[0])) for solved in path if label in solved.labels]
    losses = {solved.C: solved.losses[:, place] for solved, place in own}
    best = min(losses.values(), key=lambda per_fold: float(per_fold.mean()))
    enough = float(best.mean())
    if one_standard_error:
        enough += float(best.std(ddof=1)) / np.sqrt(len(best))
    solved, place = next(one for one in own if float(losses[one[0].C].mean()) <= enough)
    return EachTrial(
        label=label,
        C=solved.C,
        coef=solved.coef[:, :, place].mean(axis=1),
        decisions=solved.decisions[:, place].astype(np.float64),
        losses=losses,
        iterations=max(one.iterations for one, _ in own),
        relative_gradient=max(one.relative_gradient for one, _ in own),
    )
