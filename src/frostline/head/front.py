"""Tasks on their way to the minimum: where they are, and the value and gradient there.

In:   a `Problem`, the (C, fold) tasks, their coefficients.
Out:  a `Front`, and what changes of the coefficients do to it.
Not:  where to go next (newton.py).
"""

from dataclasses import dataclass
from typing import Self, final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.head.beside import Block, Product
from frostline.head.problem import Problem, flat, total, transposed_product

_TOGETHER = 3.3  # ratio of C up to which tasks share a preconditioner


@final
@dataclass(frozen=True, slots=True, eq=False)
class Tasks:
    """The problems to solve: one entry of C and of folds (column of `Problem.weights`) each."""

    C: Float64Array
    folds: IntArray

    def __len__(self) -> int:
        return len(self.C)

    def __getitem__(self, chosen: "IntArray | np.ndarray | slice") -> "Tasks":
        return Tasks(self.C[chosen], self.folds[chosen])


@final
@dataclass(slots=True, eq=False)
class Front:
    """The tasks that still move: index into the round's tasks, and all that changes from step to step."""

    index: IntArray
    tasks: Tasks
    groups: IntArray
    coef: Float64Array
    gradient: Float64Array
    decisions: Float64Array
    probabilities: Float64Array
    value: Float64Array
    weights: Float64Array
    ratio: Float64Array
    penalty: Float64Array

    def kept(self, keep: np.ndarray) -> Self:
        """The front without the tasks that have arrived."""
        if keep.all():
            return self
        return type(self)(
            index=self.index[keep],
            tasks=self.tasks[keep],
            groups=self.groups[keep],
            coef=self.coef[:, keep],
            gradient=self.gradient[:, keep],
            decisions=self.decisions[:, keep],
            probabilities=self.probabilities[:, keep],
            value=self.value[keep],
            weights=self.weights[:, keep],
            ratio=self.ratio[:, keep],
            penalty=self.penalty[:, keep],
        )


def _groups(C: Float64Array) -> IntArray:
    """Which tasks share a preconditioner: those whose C are near each other; numbered from 0."""
    groups = np.zeros(len(C), dtype=np.int64)
    first, group = 0.0, -1
    for task in np.argsort(C, kind="stable"):
        if group < 0 or C[task] > _TOGETHER * first:
            first, group = float(C[task]), group + 1
        groups[task] = group
    return groups


def front_of(problem: Problem, tasks: Tasks, coef: Float64Array, *, exact: bool) -> Front:
    """All tasks, at `coef`."""
    weights = problem.weights[:, tasks.folds]
    ratio = problem.scaling.ratio[:, tasks.folds]
    penalty = ratio**2 / tasks.C
    matrix = flat(coef if exact else coef.astype(problem.standard.dtype))
    decisions = np.empty((len(problem.rows), *coef.shape[1:]))
    probabilities = np.empty_like(decisions)
    losses = np.empty(decisions.shape[:2])

    def part(block: slice, rows: Block) -> Product:
        decisions[block] = (rows @ matrix).reshape(-1, *coef.shape[1:])
        losses[block], probabilities[block] = problem.loss.evaluate(decisions[block], block)
        residual = problem.loss.residual(probabilities[block], weights[block], block)
        return transposed_product(rows, residual.astype(rows.dtype))

    gradient = total(problem.over_rows(part, exact=exact)).astype(np.float64)
    gradient[:-1] += penalty[:, :, None] * coef[:-1]
    value = value_of(penalty, weights, coef, losses)
    index = np.arange(len(tasks))
    return Front(
        index, tasks, _groups(tasks.C), coef, gradient, decisions, probabilities, value, weights, ratio, penalty
    )


def decisions_of(problem: Problem, coef: Float64Array) -> Float64Array:
    """The decisions (n_texts, n_tasks, n_coef_rows) of coefficients, exactly."""
    matrix = flat(coef)
    parts = problem.over_rows(lambda _, rows: rows @ matrix, exact=True)
    return np.concatenate(parts).reshape(-1, *coef.shape[1:])


def value_of(penalty: Float64Array, weights: Float64Array, coef: Float64Array, losses: Float64Array) -> Float64Array:
    """Each task's objective, divided by its C."""
    value: Float64Array = np.einsum("ij,ij->j", losses, weights)
    value += 0.5 * np.einsum("ij,ijk,ijk->j", penalty, coef[:-1], coef[:-1])
    return value


def gradient_of(problem: Problem, front: Front, *, exact: bool) -> Float64Array:
    """Each task's gradient (n_features + 1, n_tasks, n_coef_rows), divided by its C, in the shared coordinates."""

    def part(block: slice, rows: Block) -> Product:
        residual = problem.loss.residual(front.probabilities[block], front.weights[block], block)
        return transposed_product(rows, residual.astype(rows.dtype))

    gradient = total(problem.over_rows(part, exact=exact)).astype(np.float64)
    gradient[:-1] += front.penalty[:, :, None] * front.coef[:-1]
    return gradient
