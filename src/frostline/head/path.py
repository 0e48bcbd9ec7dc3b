"""All values of C, from the smallest up, a few at a time; each starts where the smaller ones point.

A product with few columns costs what streaming the rows costs, so the tasks of a wave go through the rows together: of
labels that share a C several values of it, else one value for a block of labels. A solution moves almost linearly in
log C, so two give the next one's start.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Progress
from frostline.errors import ConvergenceError
from frostline.head.curvature import stands_apart
from frostline.head.loss import Logistic, Loss, loss_of
from frostline.head.newton import Limits, Minimum, minimise
from frostline.head.options import ClassWeight, group_codes, row_weights, share_c
from frostline.head.problem import Problem, Tasks, flat, with_loss
from frostline.head.quasi_newton import Memory
from frostline.head.scoring import Score
from frostline.head.sparse import Block
from frostline.targets import Targets

_PART_ELEMENTS = 2_000_000  # decisions that a thread works on at a time; some ten arrays of them are alive: 160 MB
_COLUMNS = 40  # of a product that takes no less time per column than a wider one
_REACH = 1.5  # how far a start may be extrapolated, in units of the last distance


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SolverFacts:
    """How a search was solved."""

    tasks: int  # Logistic regressions that were fitted
    iterations: int  # Newton steps of the task that took most
    relative_gradient: float  # The largest, relative to that at zero coefficients
    seconds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regressions:
    """The regressions of some targets on the same rows."""

    problem: Problem  # The rows as prepared; its loss is that of some block of labels
    targets: Targets
    learned: BoolArray  # (n_labels,): Labels that can be
    training: BoolArray  # (n_texts, n_folds)
    class_weight: ClassWeight
    gram: np.ndarray | None  # As from `gram_of`

    def of(self, columns: IntArray) -> Problem:
        """The problem of some labels; labels that share a C are never parted."""
        if share_c(self.targets):
            return self.problem
        weights = row_weights(self.class_weight, self.targets, columns, self.training)
        loss = loss_of(self.targets, columns, are_weighed=weights.ndim == 3)
        return with_loss(self.problem, loss, weights)


def block_width(n_texts: int, n_tasks: int) -> int:
    """How many labels, each a regression by itself, are solved together where each has so many tasks."""
    return max(1, min(_COLUMNS // n_tasks, _PART_ELEMENTS // n_texts))


@final
@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Labels that share a C, and what their solutions are judged by."""

    columns: IntArray  # (n_columns,): Of the targets
    codes: IntArray  # (n_texts,): The class of each row; of a single label 1 is with it
    weights: Float64Array  # (n_texts,): Of the rows, for the log loss
    loss: Loss
    score: Score
    sample_weight: Float64Array | None  # (n_texts,): Of the rows, for the score; None: all weigh the same


def groups_of(problem: Problem, targets: Targets, columns: IntArray, score: Score) -> list[Group]:
    """The groups among some columns, in the order of their coefficients in `problem`; its last fold is all rows."""
    codes, weights = group_codes(targets, columns), problem.weights[:, -1]
    if codes.ndim == 1:
        return [Group(columns, codes, weights, problem.loss, score, targets.weights)]
    apart = np.broadcast_to(weights if weights.ndim == 2 else weights[:, None], codes.shape)
    return [
        Group(columns[place : place + 1], own, apart[:, place], Logistic(own), score, targets.weights)
        for place, own in enumerate(codes.T)
    ]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """Solutions for some values of C: coef is (n_features + 1, n_Cs, n_folds, n_coef_rows), in shared coordinates."""

    coef: Float64Array
    iterations: int
    relative_gradient: float


@dataclass(slots=True, eq=False)
class Climb:
    """The way up through the values of C; it remembers the last two solutions."""

    problem: Problem  # Its first `n_folds` folds are solved
    groups: list[Group]  # Those of the problem's coefficients
    folds: IntArray  # (n_texts,)
    gram: np.ndarray | None  # As from `gram_of`; replaced as better ones are formed
    limits: Limits
    # What the solutions before leave to the next. None: nothing, since a block that loses labels is another problem.
    memory: Memory | None = None
    _known: list[tuple[float, Float64Array]] = field(default_factory=list)

    @property
    def n_folds(self) -> int:
        """Folds that hold rows out."""
        return int(self.folds.max()) + 1

    @property
    def width(self) -> int:
        """Values of C whose columns together are enough to keep a product busy."""
        if self.memory is None:
            return 1
        return max(1, _COLUMNS // (self.n_folds * self.problem.loss.n_coef_rows))

    def solve(self, Cs: Float64Array) -> Wave:
        """Solve all folds for the next values of C, ascending; `ConvergenceError` names the task that fails."""
        start = np.concatenate([self._start(C) for C in Cs], axis=1)
        tasks = Tasks(np.repeat(Cs, self.n_folds), np.tile(np.arange(self.n_folds), len(Cs)))
        solved = solve_tasks(self.problem, tasks, start, gram=self.gram, limits=self.limits, memory=self.memory)
        if self.memory is not None:
            self.gram = solved.gram
        coef = solved.coef.reshape(len(solved.coef), len(Cs), self.n_folds, -1)
        self._known = [*self._known, *((float(C), coef[:, turn]) for turn, C in enumerate(Cs))][-2:]
        return Wave(coef, solved.iterations, float(solved.relative_gradient.max()))

    def again(self, C: float, coef: Float64Array) -> Wave:
        """Solve one C again from (n_features + 1, n_folds, n_coef_rows), to the full."""
        tasks = Tasks(np.full(self.n_folds, C), np.arange(self.n_folds))
        limits = Limits(settle=False)
        solved = solve_tasks(self.problem, tasks, coef, gram=self.gram, limits=limits, memory=self.memory)
        return Wave(solved.coef[:, None], solved.iterations, float(solved.relative_gradient.max()))

    def keep(self, places: Sequence[int], regressions: Regressions) -> None:
        """Go on with some of the groups alone, each a label by itself."""
        self.groups = [self.groups[place] for place in places]
        self._known = [(C, coef[:, :, list(places)]) for C, coef in self._known]
        self.problem = regressions.of(np.concatenate([group.columns for group in self.groups]))

    def stand_on(self, trials: Sequence["Trial"], grid: Sequence[float]) -> None:
        """Go on from two trials of the one group, the last the nearer."""
        self.stand_at([(grid[trial.position], trial.coef) for trial in trials])

    def stand_at(self, known: Sequence[tuple[float, Float64Array]]) -> None:
        """Go on from two values of C and the solutions (n_features + 1, n_folds, n_coef_rows), the last the nearer.

        What rounding added to all labels alike is taken off: no step does, and the penalty of a smaller C sees it.
        """
        self._known = [(C, coef - coef.mean(axis=2, keepdims=True)) for C, coef in known]

    def _start(self, C: float) -> Float64Array:
        """Where to start for C: (n_features + 1, n_folds, n_coef_rows), on the line in log C through the last two."""
        if not self._known:
            return self._first()
        last_C, last = self._known[-1]
        before_C, before = self._known[0]
        if before_C == last_C:
            return last
        reach = np.log(C / last_C) / np.log(last_C / before_C)
        start: Float64Array = last + min(reach, _REACH) * (last - before)
        return start

    def _first(self) -> Float64Array:
        """Nothing; labels by themselves begin at their shares, from which rare ones would have far to go."""
        start = np.zeros((self.problem.n_features + 1, self.n_folds, self.problem.loss.n_coef_rows))
        if self.memory is None:
            shares = np.array([np.average(group.codes, weights=group.weights) for group in self.groups])
            start[-1] = np.log(shares) - np.log(1 - shares)
        return start


def solve_tasks(  # noqa: PLR0913 - the tasks, what is known before, and when to end
    problem: Problem,
    tasks: Tasks,
    start: Float64Array,
    *,
    gram: np.ndarray | None,
    limits: Limits,
    memory: Memory | None = None,
) -> Minimum:
    """Solve tasks, no more of them at a time than memory allows, or raise `ConvergenceError`; of many labels one C.

    `memory` is of earlier tasks on the same problem; what these learn goes into it.
    """
    memory = Memory() if memory is None else memory
    each = len(problem.rows) * problem.loss.n_coef_rows
    step = max(1, _PART_ELEMENTS // each)
    edges = [*range(0, len(tasks), step), len(tasks)]
    if stands_apart(problem):
        edges = sorted({*edges, *(np.flatnonzero(np.diff(tasks.C)) + 1).tolist()})
    parts: list[Minimum] = []
    for low, high in pairwise(edges):
        parts.append(minimise(problem, tasks[low:high], start[:, low:high], gram=gram, limits=limits, memory=memory))
        gram = parts[-1].gram
    whole = Minimum(
        np.concatenate([part.coef for part in parts], axis=1),
        np.concatenate([part.relative_gradient for part in parts]),
        np.concatenate([part.converged for part in parts]),
        max(part.iterations for part in parts),
        gram,
    )
    if not whole.converged.all():
        worst = int(np.flatnonzero(~whole.converged)[0])
        raise ConvergenceError(
            f"A logistic regression must reach a relative gradient of {limits.tolerance:g} (C = {tasks.C[worst]:g}, "
            f"fold {tasks.folds[worst] + 1}: {whole.relative_gradient[worst]:.1e} after {whole.iterations} steps).",
            hint="Search smaller values of C, or standardise the features.",
        )
    return whole


_WAVE = 4  # values of C solved at a time
_TIED = 2  # rows by which mean scores may differ that are a tie
_AFTER = 2  # values of C in a row that must be worse before the climb ends
_MIDDLE = 0.999e-3  # C from which on many labels are climbed: below it they cost as much, and hardly ever score more


@final
@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One C."""

    position: int  # In the grid
    scores: Float64Array  # (n_folds,)
    loss: float  # Log loss of the rows held out, weighted as their labels are
    decisions: Float64Array  # (n_texts, n_coef_rows): Of each row by the fold that held it out
    coef: Float64Array  # (n_features + 1, n_folds, n_coef_rows): In shared coordinates
    iterations: int
    relative_gradient: float  # As in `Wave`

    @property
    def mean(self) -> float:
        """The mean score of the folds."""
        return float(self.scores.mean())


def climbed(
    climb: Climb,
    grid: Sequence[float],
    *,
    may_stop: bool,
    regressions: Regressions | None = None,
    progress: Progress | None = None,
) -> list[list[Trial]]:
    """The trials of each group, solved and scored from the smallest C up; if `may_stop` none after a hopeless one.

    Many labels that compete begin in the middle of the default grid, and go down from there only if that is the best;
    and they end at the first that surely scores less than the best.
    A group of a block is through by itself, and leaves it: `regressions` then give the problem of those that are left.
    """
    trials: list[list[Trial]] = [[] for _ in climb.groups]
    going = list(range(len(trials)))
    order = np.argsort(grid, kind="stable")
    is_many = may_stop and stands_apart(climb.problem)
    first = int(np.searchsorted(np.sort(grid), _MIDDLE)) if is_many else 0
    below, order, n_done = order[:first][::-1], order[first:], 0
    while n_done < len(order) and going:
        # Where it gets worse the end may be near.
        is_worse = may_stop and any(_is_getting_worse(trials[place]) for place in going)
        count = min(_AFTER if is_worse else _WAVE, climb.width)
        positions = order[n_done : n_done + count]
        found = _scored(climb, climb.solve(np.array([grid[position] for position in positions])), positions)
        for place, own in zip(going, found, strict=True):
            trials[place] += own
        n_done += len(positions)
        if progress is not None:
            progress(n_done, len(grid))
        if is_many and _is_surely_less(trials[0][-1], max(trials[0], key=lambda trial: trial.mean)):
            break
        left = [turn for turn, place in enumerate(going) if not (may_stop and is_done(trials[place]))]
        if left and len(left) < len(going) and regressions is not None:
            climb.keep(left, regressions)
        going = [going[turn] for turn in left]
    return [[*_descended(climb, own, below, grid), *own] for own in trials] if len(below) else trials


def _descended(climb: Climb, trials: Sequence[Trial], below: IntArray, grid: Sequence[float]) -> list[Trial]:
    """The trials below those of the one group, downwards until one scores less than the best; ascending."""
    found: list[Trial] = []
    for position in below:
        lowest = [*found, *trials][:2]
        if lowest[0].mean < max(trial.mean for trial in (*found, *trials)):
            break
        climb.stand_on(lowest[::-1], grid)
        found[:0] = _scored(climb, climb.solve(np.array([grid[position]])), np.array([position]))[0]
    return found


def _scored(climb: Climb, wave: Wave, positions: IntArray) -> list[list[Trial]]:
    """For each group a trial for each C of the wave."""
    decisions = _held_out(climb.problem, wave.coef, climb.folds)
    found, first = [], 0
    for group in climb.groups:
        columns = slice(first, first + group.loss.n_coef_rows)
        first = columns.stop
        found.append(
            _judged(climb, group, replace(wave, coef=wave.coef[..., columns]), decisions[..., columns], positions)
        )
    return found


def _judged(climb: Climb, group: Group, wave: Wave, decisions: Float64Array, positions: IntArray) -> list[Trial]:
    """A trial of one group for each C; decisions and coefficients are the group's."""
    losses, _ = group.loss.evaluate(decisions, slice(None))
    held = [climb.folds == fold for fold in range(climb.n_folds)]
    weights = [None if group.sample_weight is None else group.sample_weight[rows] for rows in held]
    trials = []
    for turn, position in enumerate(positions):
        own = decisions[:, turn]
        trials.append(
            Trial(
                position=int(position),
                scores=np.array(
                    [group.score(group.codes[rows], own[rows], w) for rows, w in zip(held, weights, strict=True)]
                ),
                loss=float(losses[:, turn] @ group.weights / group.weights.sum()),
                # of a block of labels every C's decisions are kept until all have theirs
                decisions=own if climb.memory is not None else own.astype(np.float32),
                coef=wave.coef[:, turn],
                iterations=wave.iterations,
                relative_gradient=wave.relative_gradient,
            )
        )
    return trials


def sharpened(climb: Climb, trials: Sequence[Trial], grid: Sequence[float]) -> list[Trial]:
    """The trials of the one group; those that tie for the best, within what rounding may do, solved to the full.

    Solved as far as the climb needs, a mean score may be a row or two off, and of two C the other be chosen.
    """
    best = max(trial.mean for trial in trials)
    near = [trial for trial in trials if trial.mean >= best - _TIED / len(climb.folds)]
    if len(near) == 1:
        return list(trials)
    exact = {
        trial.position: _scored(climb, climb.again(grid[trial.position], trial.coef), np.array([trial.position]))[0]
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

    problem.over_held_out(part)
    return decisions


def is_done(trials: Sequence[Trial]) -> bool:
    """Whether no larger C than those of the trials, ascending, is worth solving."""
    return _is_hopeless(trials) or _is_overfitting(trials)


def _is_surely_less(one: Trial, best: Trial) -> bool:
    """Whether the mean difference over the folds is more than twice its standard error."""
    lost = best.scores - one.scores
    return float(lost.mean()) > 2 * float(lost.std(ddof=1)) / float(np.sqrt(len(lost)))


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
    return _is_surely_less(trials[-1], best) and all(later < earlier for earlier, later in pairwise(means))


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
