"""Tasks brought near their minima by quasi-Newton steps: one pass through the rows each.

In:   a `Problem`, the (C, fold) tasks, coefficients to start from, a `Memory` of the tasks before.
Out:  coefficients, how near they are, and which have arrived; the memory, richer.
Not:  the float64 rounds that confirm, and tasks that this does not bring there (newton.py).

Newton's equations solved by conjugate gradients throw away at each step what the last one found. Here all that was
learned of the curvature is kept (pairs.py), also from one C to the next, and it mends a first approximation that is
shared by everything (factors.py). In one pass a block of rows gives the decisions along the step, the losses there and
the change of the gradient, which is exact to float32 of the *change*, so that rounding does not grow.
"""

from dataclasses import dataclass, field
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.head.factors import Factors, factors_of
from frostline.head.front import Front, Tasks, front_of
from frostline.head.line import level_of, walk
from frostline.head.pairs import Pairs, no_pairs, pairs_for
from frostline.head.problem import Problem

_MOST_PAIRS = 40  # twenty take a sixth more iterations, eighty as many
_LEAST_PAIRS = 6
_PAIR_BYTES = 96 << 20  # of all tasks' pairs
_PATIENCE = 25  # passes in which the slowest task must come nearer by `_NEARER`
_NEARER = 0.4
_RESCALE = (0.3, 2.0)  # by which the first approximation's scale may change from one pass to the next
_SCALES = (0.02, 2.0)


@final
@dataclass(slots=True, eq=False)
class Memory:
    """What tasks leave to tasks of neighbouring C on the same problem.

    Parameters
    ----------
    factors : Factors or None
        None before the first task.
    pairs : dict of fold to Pairs
    scale : dict of fold to float
        What the first approximation was to be multiplied by.
    """

    factors: Factors | None = None
    pairs: dict[int, Pairs] = field(default_factory=dict)
    scale: dict[int, float] = field(default_factory=dict)

    @property
    def gram(self) -> np.ndarray | None:
        """As from `gram_of`."""
        return None if self.factors is None else self.factors.gram


@final
@dataclass(frozen=True, slots=True, eq=False)
class Approach:
    """How far the tasks came: as in newton.Minimum, the gradient judged in float32."""

    coef: Float64Array
    relative_gradient: Float64Array
    arrived: np.ndarray
    passes: int


def approach(  # noqa: PLR0913 - the tasks, what is known before, and when to end
    problem: Problem,
    tasks: Tasks,
    start: Float64Array,
    *,
    memory: Memory,
    gram: np.ndarray | None,
    tolerance: float,
    passes: int,
) -> Approach:
    """Bring the tasks from `start` (n_features + 1, n_tasks, n_coef_rows) to a relative gradient of `tolerance`."""
    if memory.factors is None:
        memory.factors = factors_of(problem, gram)
    factors = memory.factors
    front = front_of(problem, tasks, start, exact=False)
    pairs = _pairs(problem, front, memory)
    coef, relative = start.copy(), np.zeros(len(tasks))
    arrived = np.zeros(len(tasks), dtype=bool)
    level, places = level_of(problem, front), None
    scale = np.array([memory.scale.get(int(fold), 1.0) for fold in tasks.folds])
    best, idle = np.inf, 0
    for taken in range(passes + 1):
        norm = np.sqrt((problem.own(front.gradient, front.tasks.folds) ** 2).sum(axis=(0, 2)))
        relative[front.index] = norm / problem.start_norm[front.tasks.folds]
        coef[:, front.index] = front.coef
        slowest = float(relative[front.index].max())
        best, idle = (slowest, 0) if slowest < _NEARER * best else (best, idle + 1)
        here = relative[front.index] <= tolerance
        arrived[front.index] = here
        if here.all() or taken == passes or idle == _PATIENCE:
            break
        if here.any():
            front, level = front.kept(~here), level[~here]
            places = None if places is None else places[~here]
        places = factors.places(level, front.tasks.C, places)
        direction = _direction(problem, front, pairs, factors, level=level / scale[front.index, None], places=places)
        moved = walk(problem, front, direction)
        level = moved.level
        steps = direction * moved.length.astype(np.float32)[None, :, None]
        _remember(problem, front, pairs, steps, moved.change)
        scale[front.index] = np.clip(scale[front.index] * np.clip(moved.guess, *_RESCALE), *_SCALES)
        if not moved.length.any():
            break
    for task in np.argsort(tasks.C, kind="stable"):
        memory.pairs[int(tasks.folds[task])], memory.scale[int(tasks.folds[task])] = pairs[task], float(scale[task])
    return Approach(coef, relative, arrived, taken)


def _pairs(problem: Problem, front: Front, memory: Memory) -> list[Pairs]:
    """What each task can start with: the pairs of the task before of the same fold."""
    n_coef_rows = problem.loss.n_coef_rows
    size = len(front.coef) * n_coef_rows
    capacity = min(_MOST_PAIRS, max(_LEAST_PAIRS, _PAIR_BYTES // (8 * size * len(front.tasks))))

    def prepared(task: int) -> Pairs:
        penalty = np.repeat(np.append(front.penalty[:, task], 0.0), n_coef_rows).astype(np.float32)
        known = memory.pairs.get(int(front.tasks.folds[task]))
        return no_pairs(capacity, penalty) if known is None else pairs_for(known, capacity, penalty)

    return problem.crew.map(prepared, range(len(front.tasks)))


def _direction(  # noqa: PLR0913 - what makes a direction
    problem: Problem, front: Front, pairs: list[Pairs], factors: Factors, *, level: Float64Array, places: IntArray
) -> np.ndarray:
    """Downhill for each task (n_features + 1, n_tasks, n_coef_rows), float32."""
    unit = np.abs(front.gradient).max(axis=(0, 2))  # float32 would not hold what class weights of 1e30 make
    gradient = (front.gradient / unit[None, :, None]).astype(np.float32)
    every = range(len(front.tasks))
    begun = problem.crew.map(lambda task: pairs[int(front.index[task])].before(gradient[:, task].ravel()), every)
    for task, (left, _) in enumerate(begun):
        gradient[:, task] = left.reshape(gradient[:, task].shape)
    solved = factors.apply(gradient, level, places)

    def ended(task: int) -> np.ndarray:
        return pairs[int(front.index[task])].after(solved[:, task].ravel(), begun[task][1])

    result: np.ndarray = np.empty_like(gradient)
    for task, answer in enumerate(problem.crew.map(ended, every)):
        result[:, task] = answer.reshape(result[:, task].shape) * -unit[task]
    if problem.loss.is_coupled:
        result -= result.mean(axis=2, keepdims=True)
    return result


def _remember(problem: Problem, front: Front, pairs: list[Pairs], steps: np.ndarray, changes: np.ndarray) -> None:
    def added(task: int) -> None:
        change = changes[:, task].copy()
        change[:-1] += front.penalty[:, task, None].astype(np.float32) * steps[:-1, task]
        pairs[int(front.index[task])].add(steps[:, task].ravel(), change.ravel())

    problem.crew.map(added, range(len(front.tasks)))
