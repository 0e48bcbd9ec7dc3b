"""All values of C, from the smallest up, a few at a time; each starts where the smaller ones point.

In:   a `Problem` and the values of C.
Out:  waves of solutions, each wave converged; whoever reads them may stop.
Not:  scores (scoring.py), which C is best (search.py).

Two threads, each with a BLAS of one thread, take the tasks of a wave: a BLAS call of two threads can be a hundred
times slower where both land on one core. A solution moves almost linearly in log C, so two give the next one's start.
"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np

from frostline.arrays import Float32Array, Float64Array
from frostline.errors import ConvergenceError
from frostline.head.newton import TOLERANCE, Limits, Minimum, Tasks, minimise
from frostline.head.preconditioner import gram_of
from frostline.head.problem import Problem

_PART_ELEMENTS = 2_000_000  # decisions that a thread works on at a time; some ten arrays of them are alive: 160 MB
_C_PER_THREAD = 2  # more share a preconditioner, fewer start closer
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
    """Solutions for some of the values of C: coef is (n_features + 1, n_Cs, n_folds, n_coef_rows), shared coordinates."""

    positions: tuple[int, ...]
    coef: Float64Array
    iterations: int
    relative_gradient: float


def solve_waves(
    problem: Problem, Cs: Sequence[float], *, n_folds: int, threads: int | None, limits: Limits
) -> Iterator[Wave]:
    """Solve the first `n_folds` folds of a problem for each C, ascending.

    Yields
    ------
    Wave
        `positions` point into Cs.

    Raises
    ------
    ConvergenceError
        A task did not reach its tolerance; its C and fold are named.
    """
    workers = threads or max(1, min(2, os.cpu_count() or 1))
    order = np.argsort(Cs, kind="stable")
    gram = gram_of(problem)
    known: list[tuple[float, Float64Array]] = []
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(order), workers * _C_PER_THREAD):
            positions = order[first : first + workers * _C_PER_THREAD]
            shares = [share for share in np.array_split(positions, workers) if len(share)]

            def solve(share: np.ndarray) -> Minimum:
                chosen = np.asarray(Cs, dtype=np.float64)[share]
                start = np.concatenate([_start(problem, C, known, n_folds) for C in chosen], axis=1)  # noqa: B023 - used within the turn
                return solve_tasks(problem, _grid(chosen, n_folds), start, gram=gram, limits=limits)

            solved = list(pool.map(solve, shares))
            coef = np.concatenate([minimum.coef for minimum in solved], axis=1)
            coef = coef.reshape(len(coef), len(positions), n_folds, -1)
            known += [(float(Cs[position]), coef[:, turn]) for turn, position in enumerate(positions)]
            del known[:-2]
            yield Wave(
                tuple(int(position) for position in positions),
                coef,
                max(minimum.iterations for minimum in solved),
                max(float(minimum.relative_gradient.max()) for minimum in solved),
            )


def solve_tasks(
    problem: Problem, tasks: Tasks, start: Float64Array, *, gram: Float32Array | None, limits: Limits
) -> Minimum:
    """Solve tasks, no more of them at a time than memory allows, or raise `ConvergenceError`."""
    each = len(problem.rows) * problem.loss.n_coef_rows
    step = max(1, _PART_ELEMENTS // each)
    edges = [*range(0, len(tasks), step), len(tasks)]
    parts = [
        minimise(problem, tasks[low:high], start[:, low:high], gram=gram, limits=limits)
        for low, high in pairwise(edges)
    ]
    whole = Minimum(
        np.concatenate([part.coef for part in parts], axis=1),
        np.concatenate([part.relative_gradient for part in parts]),
        np.concatenate([part.converged for part in parts]),
        max(part.iterations for part in parts),
    )
    if not whole.converged.all():
        worst = int(np.flatnonzero(~whole.converged)[0])
        raise ConvergenceError(
            f"A logistic regression must reach a relative gradient of {TOLERANCE:g} (C = {tasks.C[worst]:g}, "
            f"fold {tasks.folds[worst] + 1}: {whole.relative_gradient[worst]:.1e} after {whole.iterations} Newton steps).",
            hint="Search smaller values of C, or standardise the features.",
        )
    return whole


def _grid(Cs: Float64Array, n_folds: int) -> Tasks:
    return Tasks(np.repeat(Cs, n_folds), np.tile(np.arange(n_folds), len(Cs)))


def _start(problem: Problem, C: float, known: list[tuple[float, Float64Array]], n_folds: int) -> Float64Array:
    """Where to start for C, from the solutions of the last two smaller ones: (n_features + 1, n_folds, n_coef_rows)."""
    if not known:
        return np.zeros((problem.n_features + 1, n_folds, problem.loss.n_coef_rows))
    last_C, last = known[-1]
    if len(known) == 1 or known[0][0] == last_C:
        return last
    reach = np.log(C / last_C) / np.log(last_C / known[0][0])
    return last + min(reach, _REACH) * (last - known[0][1])


def seconds_since(begun: float) -> float:
    """Seconds since a reading of `time.perf_counter`."""
    return time.perf_counter() - begun
