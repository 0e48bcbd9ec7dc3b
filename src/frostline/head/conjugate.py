"""Newton's equations for many tasks at once, by preconditioned conjugate gradients on stacked columns.

In:   a `Problem`, the tasks' curvature and gradients, a `Preconditioner`.
Out:  each task's step, and what it does to the decisions.
Not:  how far to go along the step (newton.py).

One product with the features serves all tasks: it is a matrix product, where a task alone is bound by memory.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array
from frostline.head.preconditioner import Preconditioner
from frostline.head.problem import Problem, flat

_MAX_ITERATIONS = 80


@final
@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """The second-order model of each task at its current coefficients.

    Parameters
    ----------
    probabilities, curvature : ndarray of shape (n_texts, n_tasks, n_coef_rows)
    penalty : ndarray of shape (n_features, n_tasks)
    scale : ndarray of shape (n_features, n_tasks)
        Brings a gradient to the fold's own coordinates, in which the accuracy is judged.
    """

    probabilities: np.ndarray
    curvature: np.ndarray
    penalty: np.ndarray
    scale: np.ndarray


@final
@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step (n_features + 1, n_tasks, n_coef_rows), its decisions (n_texts, ...), and the iterations it took."""

    coef: np.ndarray
    decisions: np.ndarray
    iterations: int


def newton_step(
    problem: Problem, model: Quadratic, gradient: np.ndarray, forcing: Float64Array, pre: Preconditioner
) -> Step:
    """Solve until each task's residual is `forcing` (n_tasks,) times its gradient, both in the fold's coordinates."""
    residual = -gradient
    size = _norm(residual, model.scale)
    target = forcing * size
    coef = np.zeros_like(residual)
    decisions = np.zeros((len(problem.standard), *residual.shape[1:]), dtype=residual.dtype)
    solved = pre.apply(residual)
    direction = solved.copy()
    inner = _dots(residual, solved)
    iteration = 0
    for iteration in range(1, _MAX_ITERATIONS + 1):
        moved, bent = _product(problem, model, direction)
        bend = _dots(direction, bent)
        length = np.divide(inner, bend, out=np.zeros_like(inner), where=bend > 0)[None, :, None]
        coef += length * direction
        decisions += length * moved
        bent *= length
        residual -= bent
        size = _norm(residual, model.scale)
        if (size <= target).all():
            break
        solved = pre.apply(residual)
        before, inner = inner, _dots(residual, solved)
        going = (size > 0.1 * target) & (before > 0)  # one that is far past its target only collects rounding
        direction *= np.divide(inner, before, out=np.zeros_like(inner), where=going)[None, :, None]
        direction += solved
    return Step(coef, decisions, iteration)


def _product(problem: Problem, model: Quadratic, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a direction does to the decisions, and the second derivative times it; rows go block by block."""
    bent = np.zeros_like(direction)
    moved = np.empty((len(problem.standard), *direction.shape[1:]), dtype=direction.dtype)
    for block in problem.fast_blocks():
        rows = problem.standard[block]
        change = (rows @ flat(direction)).reshape(-1, *direction.shape[1:])
        moved[block] = change
        problem.loss.bend(change, model.probabilities[block], model.curvature[block])
        bent += (rows.T @ flat(change)).reshape(direction.shape)
    bent[:-1] += model.penalty[:, :, None] * direction[:-1]
    return moved, bent


def _dots(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Each task's inner product of two arrays (n_features + 1, n_tasks, n_coef_rows)."""
    dots: np.ndarray = np.einsum("ijk,ijk->j", left, right)
    return dots


def _norm(gradient: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Each task's norm of a gradient, the columns scaled by (n_features, n_tasks)."""
    scaled = gradient[:-1] * scale[:, :, None]
    norm: np.ndarray = np.sqrt(_dots(scaled, scaled) + (gradient[-1] ** 2).sum(axis=1))
    return norm
