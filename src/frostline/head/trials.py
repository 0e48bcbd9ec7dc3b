"""The grid of C climbed from its smallest value: each solved and scored, none that cannot be chosen.

In:   a `Climb`, the grid, how to score.
Out:  a `Trial` for each C that was searched; which of them is chosen.
Not:  solving (path.py); the head (search.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray, Progress
from frostline.head.beside import Block
from frostline.head.path import Climb, Wave
from frostline.head.problem import Problem, flat
from frostline.head.scoring import Score

_WAVE = 4  # values of C solved at a time
_TIED = 2  # rows by which mean scores may differ that are a tie
_AFTER = 2  # values of C in a row that must be worse before the climb ends


@final
@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One C.

    Parameters
    ----------
    position : int
        In the grid.
    scores : ndarray of shape (n_folds,), dtype=float64
    loss : float
        Log loss of the rows held out, weighted as their labels are.
    decisions : ndarray of shape (n_texts, n_coef_rows), dtype=float64
        Of each row by the fold that held it out.
    coef : ndarray of shape (n_features + 1, n_folds, n_coef_rows), dtype=float64
        In shared coordinates.
    iterations : int
    relative_gradient : float
        As in `Wave`.
    """

    position: int
    scores: Float64Array
    loss: float
    decisions: Float64Array
    coef: Float64Array
    iterations: int
    relative_gradient: float

    @property
    def mean(self) -> float:
        """The mean score of the folds."""
        return float(self.scores.mean())


@final
@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """What the solutions are judged by.

    Parameters
    ----------
    codes, folds : ndarray of shape (n_texts,), dtype=int64
    weights : ndarray of shape (n_texts,), dtype=float64
        Of the rows' labels, for the log loss.
    score : Score
    """

    codes: IntArray
    folds: IntArray
    weights: Float64Array
    score: Score


def climbed(
    climb: Climb, grid: Sequence[float], judge: Judge, *, may_stop: bool, progress: Progress | None
) -> list[Trial]:
    """Solve and score the grid from the smallest C up, if `may_stop` none after a hopeless one."""
    trials: list[Trial] = []
    order = np.argsort(grid, kind="stable")
    while len(trials) < len(grid) and not (may_stop and is_done(trials)):
        # Where it gets worse the end may be near.
        count = min(_AFTER if may_stop and _is_getting_worse(trials) else _WAVE, climb.width)
        positions = order[len(trials) : len(trials) + count]
        trials += _scored(climb, climb.solve(np.array([grid[position] for position in positions])), positions, judge)
        if progress is not None:
            progress(len(trials), len(grid))
    return trials


def _scored(climb: Climb, wave: Wave, positions: IntArray, judge: Judge) -> list[Trial]:
    """A trial for each C of the wave."""
    decisions = _held_out(climb.problem, wave.coef, judge.folds)
    losses, _ = climb.problem.loss.evaluate(decisions, slice(None))
    trials = []
    for turn, position in enumerate(positions):
        own = decisions[:, turn]
        held = [judge.folds == fold for fold in range(climb.n_folds)]
        trials.append(
            Trial(
                position=int(position),
                scores=np.array([judge.score(judge.codes[rows], own[rows]) for rows in held]),
                loss=float(losses[:, turn] @ judge.weights / judge.weights.sum()),
                decisions=own,
                coef=wave.coef[:, turn],
                iterations=wave.iterations,
                relative_gradient=wave.relative_gradient,
            )
        )
    return trials


def sharpened(climb: Climb, trials: Sequence[Trial], grid: Sequence[float], judge: Judge) -> list[Trial]:
    """The trials, those that tie for the best within what rounding their solutions may do solved to the full.

    Solved as far as the climb needs, a mean score may be a row or two off, and of two C the other be chosen.
    """
    best = max(trial.mean for trial in trials)
    near = [trial for trial in trials if trial.mean >= best - _TIED / len(judge.codes)]
    if len(near) == 1:
        return list(trials)
    exact = {
        trial.position: _scored(climb, climb.again(grid[trial.position], trial.coef), np.array([trial.position]), judge)
        for trial in near
    }
    return [exact.get(trial.position, [trial])[0] for trial in trials]


def chosen(trials: Sequence[Trial], grid: Sequence[float], *, one_standard_error: bool) -> Trial:
    """The trial of the best mean score, or of one within a standard error of it; the smallest C where several are."""
    best = max(trials, key=lambda trial: trial.mean)
    enough = best.mean
    if one_standard_error:
        enough -= float(best.scores.std(ddof=1)) / np.sqrt(len(best.scores))
    good = [trial for trial in trials if trial.mean >= enough]
    return min(good, key=lambda trial: grid[trial.position])


def _held_out(problem: Problem, coef: Float64Array, folds: IntArray) -> Float64Array:
    """Decisions (n_texts, n_Cs, n_coef_rows) of each row by the fold that held it out."""
    decisions = np.empty((len(folds), coef.shape[1], coef.shape[3]))

    def part(block: slice, rows: Block) -> None:
        for fold in np.unique(folds[block]):
            held = folds[block] == fold
            product = rows[held] @ flat(coef[:, :, fold])
            decisions[block][held] = product.reshape(-1, *decisions.shape[1:])

    problem.over_rows(part, exact=True)
    return decisions


def is_done(trials: Sequence[Trial]) -> bool:
    """Whether no larger C than those of the trials, ascending, is worth solving."""
    return _is_hopeless(trials) or _is_overfitting(trials)


def _is_getting_worse(trials: Sequence[Trial]) -> bool:
    """Whether the last C scored less, or lost more, than an earlier one."""
    if not trials:
        return False
    return trials[-1].mean < max(trial.mean for trial in trials) or trials[-1].loss > min(
        trial.loss for trial in trials
    )


def _is_hopeless(trials: Sequence[Trial]) -> bool:
    """Whether each of the last two C scored less than the one before it, and the last surely less than the best.

    Surely: the mean difference over the folds is more than twice its standard error.
    """
    if len(trials) <= _AFTER:
        return False
    means = [trial.mean for trial in trials[-_AFTER - 1 :]]
    best = max(trials, key=lambda trial: trial.mean)
    lost = best.scores - trials[-1].scores
    sure = float(lost.mean()) > 2 * float(lost.std(ddof=1)) / np.sqrt(len(lost))
    return sure and all(later < earlier for earlier, later in pairwise(means))


def _is_overfitting(trials: Sequence[Trial]) -> bool:
    """Whether at each of the last two C the held-out log loss rose, and no score was better than all before them.

    The loss is a smooth curve with one valley; past it probabilities only get worse, and a score that does not gain
    there either is flat, or will fall.
    """
    if len(trials) <= _AFTER:
        return False
    before = max(trial.mean for trial in trials[:-_AFTER])
    rises = all(later.loss > earlier.loss for earlier, later in pairwise(trials[-_AFTER - 1 :]))
    return rises and all(trial.mean <= before for trial in trials[-_AFTER:])
