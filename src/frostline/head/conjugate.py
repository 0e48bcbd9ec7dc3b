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
from frostline.head.beside import Block, Product
from frostline.head.preconditioner import Preconditioner
from frostline.head.problem import Problem, flat, total, transposed_product

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
    groups : ndarray of shape (n_tasks,), dtype=int64
        Which of the preconditioner's groups each task belongs to.
    """

    probabilities: np.ndarray
    curvature: np.ndarray
    penalty: np.ndarray
    scale: np.ndarray
    groups: np.ndarray


@final
@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step of each task.

    Parameters
    ----------
    coef : ndarray of shape (n_features + 1, n_tasks, n_coef_rows)
    decisions : ndarray of shape (n_texts, n_tasks, n_coef_rows)
        The change of the decisions.
    stretch : ndarray of shape (n_tasks,)
        By how much the preconditioner was seen to shorten a direction at worst; 1 if it is exact.
    iterations : int
    """

    coef: np.ndarray
    decisions: np.ndarray
    stretch: Float64Array
    iterations: int


def newton_step(  # noqa: PLR0913 - what defines the equations, and how exactly to solve them
    problem: Problem,
    model: Quadratic,
    gradient: np.ndarray,
    *,
    forcing: Float64Array,
    error: float,
    pre: Preconditioner,
) -> Step:
    """Solve until each task's residual and error are small, both measured in the fold's coordinates.

    The residual must be `forcing` (n_tasks,) times the gradient, the estimated error of the step `error` times the
    step: where the data leave a direction almost free, a small residual does not say that the step is right.
    """
    residual = -gradient
    target = forcing * _norm(residual, model.scale)
    coef = np.zeros_like(residual)
    decisions = np.zeros((len(problem.standard), *residual.shape[1:]), dtype=residual.dtype)
    solved = pre.apply(residual, model.groups)
    direction = solved.copy()
    inner = _dots(residual, solved)
    stretch = np.ones(len(inner))
    going = inner > 0
    iterations = 0
    while going.any() and iterations < _MAX_ITERATIONS:
        iterations += 1
        moved, bent = _product(problem, model, direction)
        bend = _dots(direction, bent)
        length = np.divide(inner, bend, out=np.zeros_like(inner), where=bend > 0)
        np.maximum(stretch, length, out=stretch, where=going)
        length = length[None, :, None]
        coef += length * direction
        decisions += length * moved
        bent *= length
        residual -= bent
        size = _norm(residual, model.scale)
        if error >= 1 and (size <= target).all():
            break
        solved = pre.apply(residual, model.groups)
        near = stretch * _norm(solved, 1 / model.scale) <= error * _norm(coef, 1 / model.scale)
        before, inner = inner, _dots(residual, solved)
        going &= (size > 0.1 * target) | ~near  # one that is far past its target only collects rounding
        going &= inner > 0
        if ((size <= target) & near | ~going).all():
            break
        direction *= np.divide(inner, before, out=np.zeros_like(inner), where=going)[None, :, None]
        direction += solved
    return Step(coef, decisions, stretch, iterations)


def _product(problem: Problem, model: Quadratic, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a direction does to the decisions, and the second derivative times it; rows go block by block."""
    moved = np.empty((len(problem.standard), *direction.shape[1:]), dtype=direction.dtype)

    @np.errstate(over="ignore", invalid="ignore")  # for the thread that does this part
    def part(block: slice, rows: Block) -> Product:
        change = (rows @ flat(direction)).reshape(-1, *direction.shape[1:])
        moved[block] = change
        problem.loss.bend(change, model.probabilities[block], model.curvature[block])
        return transposed_product(rows, change)

    bent = total(problem.over_rows(part))
    bent[:-1] += model.penalty[:, :, None] * direction[:-1]
    return moved, bent


def _dots(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Each task's inner product of two arrays (n_features + 1, n_tasks, n_coef_rows)."""
    dots: np.ndarray = np.einsum("ijk,ijk->j", left, right)
    return dots


def _norm(gradient: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Each task's norm of an array (n_features + 1, n_tasks, n_coef_rows), the columns scaled; intercept as it is."""
    scaled = gradient[:-1] * scale[:, :, None]
    norm: np.ndarray = np.sqrt(_dots(scaled, scaled) + (gradient[-1] ** 2).sum(axis=1))
    return norm
