"""All values of C, from the smallest up, a few at a time; each starts where the smaller ones point.

In:   a `Problem` and, wave by wave, the next values of C.
Out:  waves of solutions, each converged.
Not:  scores (scoring.py), how far to climb and which C is best (search.py).

A product with few columns costs what streaming the rows costs, so the tasks of a wave go through the rows together. A
solution moves almost linearly in log C, so two give the next one's start.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import final

import numpy as np

from frostline.arrays import Float64Array
from frostline.errors import ConvergenceError
from frostline.head.front import Tasks
from frostline.head.newton import Limits, Minimum, minimise
from frostline.head.problem import Problem
from frostline.head.quasi import Memory

_PART_ELEMENTS = 2_000_000  # decisions that a thread works on at a time; some ten arrays of them are alive: 160 MB
_COLUMNS = 40  # of a product that takes no less time per column than a wider one
_REACH = 1.5  # how far a start may be extrapolated, in units of the last distance


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SolverFacts:
    """How a search was solved.

    Parameters
    ----------
    tasks : int
        Logistic regressions that were fitted.
    iterations : int
        Newton steps of the task that took most.
    relative_gradient : float
        The largest, relative to that at zero coefficients.
    seconds : float
    """

    tasks: int
    iterations: int
    relative_gradient: float
    seconds: float


@final
@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """Solutions for some values of C: coef is (n_features + 1, n_Cs, n_folds, n_coef_rows), in shared coordinates."""

    coef: Float64Array
    iterations: int
    relative_gradient: float


@final
@dataclass(slots=True, eq=False)
class Climb:
    """The way up through the values of C; it remembers the last two solutions.

    Parameters
    ----------
    problem : Problem
        Its first `n_folds` folds are solved.
    n_folds : int
    gram : ndarray or None
        As from `gram_of`; replaced as better ones are formed.
    limits : Limits
    memory : Memory
        What the solutions before leave to the next.
    """

    problem: Problem
    n_folds: int
    gram: np.ndarray | None
    limits: Limits
    memory: Memory = field(default_factory=Memory)
    _known: list[tuple[float, Float64Array]] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Values of C whose columns together are enough to keep a product busy."""
        return max(1, _COLUMNS // (self.n_folds * self.problem.loss.n_coef_rows))

    def solve(self, Cs: Float64Array) -> Wave:
        """Solve all folds for the next values of C, ascending; `ConvergenceError` names the task that fails."""
        start = np.concatenate([self._start(C) for C in Cs], axis=1)
        tasks = Tasks(np.repeat(Cs, self.n_folds), np.tile(np.arange(self.n_folds), len(Cs)))
        solved = solve_tasks(self.problem, tasks, start, gram=self.gram, limits=self.limits, memory=self.memory)
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

    def _start(self, C: float) -> Float64Array:
        """Where to start for C: (n_features + 1, n_folds, n_coef_rows), on the line in log C through the last two."""
        if not self._known:
            return np.zeros((self.problem.n_features + 1, self.n_folds, self.problem.loss.n_coef_rows))
        last_C, last = self._known[-1]
        before_C, before = self._known[0]
        if before_C == last_C:
            return last
        reach = np.log(C / last_C) / np.log(last_C / before_C)
        start: Float64Array = last + min(reach, _REACH) * (last - before)
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
    """Solve tasks, no more of them at a time than memory allows, or raise `ConvergenceError`.

    `memory` is of earlier tasks on the same problem; what these learn goes into it.
    """
    memory = Memory() if memory is None else memory
    each = len(problem.rows) * problem.loss.n_coef_rows
    step = max(1, _PART_ELEMENTS // each)
    edges = [*range(0, len(tasks), step), len(tasks)]
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
