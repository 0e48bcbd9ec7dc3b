"""Logistic regressions on sparse rows of words, several at once, each converged; without scikit-learn's import.

In:   sparse rows, what they cost, and for each regression its C and its rows.
Out:  coefficients.
Not:  the words (words/), the choice of C (words.py).

The regressions of one call share their products with the rows. Newton steps by conjugate gradients: TF-IDF rows have
length 1, so that a dozen products make a step.
"""

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array
from frostline.errors import ConvergenceError
from frostline.head.loss import Loss

TOLERANCE = 1e-5  # of the gradient, relative to that at zero coefficients
MOST_STEPS = 100
_NOTHING = 1e-10  # of a gradient at zero, relative to the rows: rounding alone, where there is nothing to learn
_MOST_INNER = 200
_HALVINGS = 30


@final
@dataclass(frozen=True, slots=True, eq=False)
class WordHeads:
    """Coefficients (n_words + 1, n_heads, n_coef_rows), the intercept last."""

    coef: Float64Array

    def decisions(self, rows: Any, head: int = 0) -> Float64Array:
        """Of one head for sparse rows (n_texts, n_words): (n_texts, n_coef_rows)."""
        return np.asarray(rows @ self.coef[:-1, head] + self.coef[-1, head])


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What every step needs: rows and their transpose, the loss, weights (n_texts, n_heads) and values of C."""

    rows: Any
    columns: Any
    loss: Loss
    weights: Float64Array
    Cs: Float64Array

    def decisions(self, coef: Float64Array) -> Float64Array:
        """(n_texts, n_heads, n_coef_rows)."""
        decisions: Float64Array = (self.rows @ coef[:-1].reshape(len(coef) - 1, -1)).reshape(-1, *coef.shape[1:])
        decisions += coef[-1]
        return decisions

    def gathered(self, residual: Float64Array) -> Float64Array:
        """The transposed product with (n_texts, n_heads, n_coef_rows), the intercept's last."""
        wide = self.columns @ residual.reshape(len(residual), -1)
        return np.concatenate([wide.reshape(-1, *residual.shape[1:]), residual.sum(axis=0)[None]])

    def penalised(self, coef: Float64Array) -> Float64Array:
        """The penalty's gradient, divided by C; none for the intercept."""
        penalised: Float64Array = coef / self.Cs[None, :, None]
        penalised[-1] = 0
        return penalised


def fit_words(rows: Any, loss: Loss, *, training: BoolArray, Cs: Float64Array) -> WordHeads:
    """Fit one head for each column of `training`, as scikit-learn's LogisticRegression(C) would.

    Raises `ConvergenceError`: a regression did not converge.

    Parameters
    ----------
    rows : sparse matrix of shape (n_texts, n_words)
        In compressed-sparse-row format.
    loss : Loss
        Of these rows.
    training : ndarray of shape (n_texts, n_heads), dtype=bool
    Cs : ndarray of shape (n_heads,)
    """
    task = _Task(rows, rows.T.tocsr(), loss, training.astype(np.float64), np.asarray(Cs, dtype=np.float64))
    coef = np.zeros((rows.shape[1] + 1, len(Cs), loss.n_coef_rows))
    value, made, gradient = _looked_at(task, coef)
    first = np.maximum(_length(gradient), _NOTHING * task.weights.sum(axis=0))
    for _ in range(MOST_STEPS):
        relative = _length(gradient) / first
        going = relative > TOLERANCE
        if not going.any():
            return WordHeads(coef)
        step = _newton(task, made, gradient, forcing=np.clip(np.sqrt(relative), 1e-3, 0.25))
        slope = (gradient * step).sum(axis=(0, 2))
        length = going.astype(np.float64)
        for _ in range(_HALVINGS):
            tried = coef + length[None, :, None] * step
            new_value, made, gradient = _looked_at(task, tried)
            worse = new_value > value + 1e-4 * length * slope + 1e-12 * np.abs(value)
            if not worse.any():
                break
            length[worse] /= 2
        coef, value = tried, new_value
    worst = int(np.argmax(relative))
    raise ConvergenceError(
        f"TF-IDF + logistic regression at C = {Cs[worst]:g} did not converge "
        f"(relative gradient {relative[worst]:.1e} after {MOST_STEPS} steps)."
    )


def _looked_at(task: _Task, coef: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Each head's objective divided by its C, its probabilities, and the gradient."""
    losses, made = task.loss.evaluate(task.decisions(coef), slice(None))
    value = np.einsum("ij,ij->j", losses, task.weights)
    value += 0.5 * (coef[:-1] ** 2).sum(axis=(0, 2)) / task.Cs
    residual = task.loss.residual(made, task.weights, slice(None))
    return value, made, task.gathered(residual) + task.penalised(coef)


def _newton(task: _Task, made: Float64Array, gradient: Float64Array, *, forcing: Float64Array) -> Float64Array:
    """Each head's Newton step, by conjugate gradients down to `forcing` (n_heads,) of the gradient.

    References
    ----------
    Dembo, Eisenstat, Steihaug (1982), Inexact Newton methods, SIAM J. Numer. Anal. 19:400-408.
    """
    curvature = task.loss.curvature(made, task.weights)

    def product(direction: Float64Array) -> Float64Array:
        moved = task.decisions(direction)
        task.loss.bend(moved, made, curvature)
        return task.gathered(moved) + task.penalised(direction)

    step = np.zeros_like(gradient)
    residual, direction = -gradient, -gradient
    size = (residual**2).sum(axis=(0, 2))
    goal = forcing**2 * size
    for _ in range(_MOST_INNER):
        going = size > goal
        if not going.any():
            break
        curved = product(direction)
        along = (direction * curved).sum(axis=(0, 2))
        stride = np.divide(size, along, out=np.zeros_like(size), where=going & (along > 0))
        step += stride[None, :, None] * direction
        residual = residual - stride[None, :, None] * curved
        new_size = (residual**2).sum(axis=(0, 2))
        turn = np.divide(new_size, size, out=np.zeros_like(size), where=going)
        direction = residual + turn[None, :, None] * direction
        size = np.where(stride > 0, new_size, 0.0)
    return step


def _length(gradient: Float64Array) -> Float64Array:
    length: Float64Array = np.sqrt((gradient**2).sum(axis=(0, 2)))
    return length
