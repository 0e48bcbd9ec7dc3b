"""What many logistic regressions on the same rows have in common, and the products with the features.

In:   features, codes of the labels, each fold's row weights and scaling.
Out:  a `Problem`, from which every (C, fold) task is solved; products in float32 (fast) and float64 (exact).
Not:  the iterations (solver.py).

A task minimises C * sum_i weight_i loss_i(w) + sum_j (ratio_j w_j)^2 / 2, as scikit-learn does; here divided by C.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from threading import Event
from typing import final

import numpy as np

from frostline.arrays import Features, Float32Array, Float64Array, IntArray
from frostline.head.loss import Logistic, Loss, Softmax
from frostline.head.standardise import Scaling

_DOUBLE = np.dtype(np.float64)
_EXACT_BLOCK = 1024  # rows taken to float64 at a time: 22 MB for 2,688 features
_EXACT_BYTES = 512 << 20  # of float64 rows that are kept
_FAST_BLOCK_BYTES = 8 << 20  # of float32 rows: what stays in the cache between a product and its transpose


class StoppedError(Exception):
    """The search is over because another thread of it failed, or the user stopped it; never seen outside."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """The rows, centred and scaled by `scaling`, with a last column of ones for the intercept.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
        As given.
    exact : ndarray of shape (n_texts, n_features + 1), dtype=float64, or None
        In the shared coordinates; None where that is too large to keep, and made block by block.
    standard : ndarray of shape (n_texts, n_features + 1)
        In the shared coordinates; float32 unless a solve had to fall back.
    weights : ndarray of shape (n_texts, n_folds), dtype=float64
        Of the rows' losses; 0 for a row that the fold holds out.
    scaling : Scaling
    loss : Loss
    start_norm : ndarray of shape (n_folds,), dtype=float64
        Norm of the gradient at zero coefficients, as each fold sees it: what the tolerance is relative to.
    stop : Event
        Once it is set, whoever goes through the rows meets `StoppedError`: a search takes minutes, Ctrl-C seconds.
    """

    rows: Features | Float64Array
    exact: Float64Array | None
    standard: Float32Array | Float64Array
    weights: Float64Array
    scaling: Scaling
    loss: Loss
    start_norm: Float64Array
    stop: Event = field(default_factory=Event)

    @property
    def n_features(self) -> int:
        """Columns of the features, the intercept's not counted."""
        return int(self.rows.shape[1])

    def exact_blocks(self) -> Iterator[tuple[slice, Float64Array]]:
        """The rows, block by block, in float64, in the shared coordinates."""
        for start in range(0, len(self.rows), _EXACT_BLOCK):
            self.go_on()
            block = slice(start, min(start + _EXACT_BLOCK, len(self.rows)))
            yield (
                block,
                _standard(self.rows[block], self.scaling, _DOUBLE) if self.exact is None else self.exact[block],
            )

    def fast_blocks(self) -> Iterator[slice]:
        """Slices of `standard` that stay in the processor's cache."""
        step = max(64, _FAST_BLOCK_BYTES // (self.standard.shape[1] * self.standard.itemsize))
        for start in range(0, len(self.standard), step):
            self.go_on()
            yield slice(start, start + step)

    def go_on(self) -> None:
        """Raise `StoppedError` once `stop` is set."""
        if self.stop.is_set():
            raise StoppedError

    def in_double(self) -> "Problem":
        """The same problem with float64 rows: twice the memory, for tasks that float32 steps cannot finish."""
        double = _standard(self.rows, self.scaling, _DOUBLE) if self.exact is None else self.exact
        return replace(self, standard=double, exact=double)

    def own(self, gradient: Float64Array, folds: IntArray) -> Float64Array:
        """A gradient (n_features + 1, n_tasks, n_coef_rows) in each fold's own coordinates, as scikit-learn has it."""
        result = gradient.copy()
        result[:-1] -= self.scaling.shift[:, folds, None] * gradient[-1]
        result[:-1] /= self.scaling.ratio[:, folds, None]
        return result


def problem_of(
    rows: Features | Float64Array, codes: IntArray, *, n_labels: int, weights: Float64Array, scaling: Scaling
) -> Problem:
    """Prepare the shared problem of features (n_texts, n_features) and weights (n_texts, n_folds)."""
    loss: Loss = Logistic(codes) if n_labels == 2 else Softmax(codes, n_labels)
    keep = len(rows) * (rows.shape[1] + 1) * _DOUBLE.itemsize <= _EXACT_BYTES
    exact = _standard(rows, scaling, _DOUBLE) if keep else None
    problem = Problem(
        rows=rows,
        exact=exact,
        standard=_standard(rows, scaling, np.dtype(np.float32)) if exact is None else exact.astype(np.float32),
        weights=weights,
        scaling=scaling,
        loss=loss,
        start_norm=np.empty(0),
    )
    n_folds = weights.shape[1]
    gradient = np.zeros((rows.shape[1] + 1, n_folds, loss.n_coef_rows))
    for block, standard in problem.exact_blocks():
        decisions = np.zeros((len(standard), n_folds, loss.n_coef_rows))
        _, probabilities = loss.evaluate(decisions, block)
        residual = loss.residual(probabilities, weights[block], block)
        gradient += transposed_product(standard, residual)
    norm = np.sqrt((problem.own(gradient, np.arange(n_folds)) ** 2).sum(axis=(0, 2)))
    return replace(problem, start_norm=np.maximum(norm, 1e-10 * weights.sum(axis=0)))  # 0 where nothing can be learned


def flat(array: np.ndarray) -> np.ndarray:
    """An array (rows, n_tasks, n_coef_rows) as a matrix (rows, n_tasks * n_coef_rows), for a product."""
    return array.reshape(array.shape[0], -1)


def transposed_product(rows: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """rows.T @ residual, (n_columns, n_tasks, n_coef_rows); as (residual.T @ rows).T it is 1.5 times faster."""
    product: np.ndarray = (flat(residual).T @ rows).T.reshape(rows.shape[1], *residual.shape[1:])
    return product


def _standard(rows: Features | Float64Array, scaling: Scaling, dtype: np.dtype) -> np.ndarray:
    """Rows in the shared coordinates, with the intercept's column of ones."""
    inverse = 1 / scaling.std
    result = np.ones((rows.shape[0], rows.shape[1] + 1), dtype=dtype)
    for start in range(0, len(rows), _EXACT_BLOCK):
        block = slice(start, start + _EXACT_BLOCK)
        centred = rows[block].astype(np.float64)
        centred -= scaling.mean
        centred *= inverse
        result[block, :-1] = centred
    return result
