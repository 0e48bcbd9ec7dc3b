"""What many logistic regressions on the same rows have in common, and the products with the features.

In:   features (and words beside them), codes of the labels, each fold's row weights and scaling.
Out:  a `Problem`, from which every (C, fold) task is solved; products in float32 (fast) and float64 (exact).
Not:  the iterations (solver.py).

A task minimises C * sum_i weight_i loss_i(w) + sum_j (ratio_j w_j)^2 / 2, as scikit-learn does; here divided by C.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar, final

import numpy as np

from frostline.arrays import Features, Float32Array, Float64Array, IntArray
from frostline.head.beside import Beside, Block, Half, Product, Stacked, beside_of, summed
from frostline.head.crew import Crew
from frostline.head.loss import Logistic, Loss, Softmax
from frostline.head.standardise import Scaling
from frostline.rows import JoinedRows, Rows

_DOUBLE = np.dtype(np.float64)
_EXACT_BYTES = 32 << 20  # of float64 rows that are kept: larger ones cost more to keep than to make anew
_BLOCK_BYTES = 8 << 20  # of rows: what stays in the cache between a product and its transpose
_ALONE_BYTES = 1 << 20  # of rows that one thread is quicker with than two

Result = TypeVar("Result")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """The rows, centred and scaled by `scaling`, with a last column of ones for the intercept.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_dense)
        Features as given.
    exact : ndarray of shape (n_texts, n_dense + n_common + 1), dtype=float64, or None
        In the shared coordinates, common words among them; None where too large to keep, and made block by block.
    standard : ndarray of shape (n_texts, n_dense + n_common + 1)
        The same; float32 unless a solve had to fall back.
    weights : ndarray of shape (n_texts, n_folds), dtype=float64
        Of the rows' losses; 0 for a row that the fold holds out.
    scaling : Scaling
    loss : Loss
    start_norm : ndarray of shape (n_folds,), dtype=float64
        Norm of the gradient at zero coefficients, as each fold sees it: what the tolerance is relative to.
    crew : Crew
    words : Beside or None
        Words beside the features: part of `standard` where they are common, else sparse.
    """

    rows: Features | Float64Array
    exact: Float64Array | None
    standard: Float32Array | Float64Array
    weights: Float64Array
    scaling: Scaling
    loss: Loss
    start_norm: Float64Array
    crew: Crew
    words: Beside | None = None

    @property
    def n_features(self) -> int:
        """Columns of the problem, words among them, the intercept's not counted."""
        return len(self.scaling.mean)

    @property
    def n_dense(self) -> int:
        """Columns of the features alone."""
        return int(self.rows.shape[1])

    def over_rows(self, do: Callable[[slice, Block], Result], *, exact: bool = False) -> list[Result]:
        """`do` of each block of rows in the shared coordinates, shared among the crew; exactly in float64."""
        size = _DOUBLE.itemsize if exact else self.standard.itemsize

        def done(block: slice) -> Result:
            dense = self._exactly(block) if exact else self.standard[block]
            if self.words is None:
                return do(block, dense)
            return do(block, Stacked(dense, self.words.by_text[dense.dtype][block], self.words))

        return self.crew.map(done, blocks_of(self.standard, size, self.crew))

    def _exactly(self, block: slice) -> Float64Array:
        return _standard(self.rows, self.scaling, self.words, block) if self.exact is None else self.exact[block]

    def in_double(self) -> "Problem":
        """The same problem with float64 rows: twice the memory, for tasks that float32 steps cannot finish."""
        double = self._exactly(slice(None))
        return replace(self, standard=double, exact=double)

    def own(self, gradient: Float64Array, folds: IntArray) -> Float64Array:
        """A gradient (n_features + 1, n_tasks, n_coef_rows) in each fold's own coordinates, as scikit-learn has it."""
        result = gradient.copy()
        result[:-1] -= self.scaling.shift[:, folds, None] * gradient[-1]
        result[:-1] /= self.scaling.ratio[:, folds, None]
        return result

    def as_given(self, coef: Float64Array) -> Float64Array:
        """Coefficients (n_coef_rows, n_features) of the problem's columns as those of the columns that were given."""
        return coef if self.words is None else self.words.whole(coef, self.n_dense)


def problem_of(  # noqa: PLR0913 - what defines the problem
    rows: Rows,
    codes: IntArray,
    *,
    n_labels: int,
    weights: Float64Array,
    scaling: Scaling,
    crew: Crew,
) -> Problem:
    """Prepare the shared problem of features (n_texts, n_features) and weights (n_texts, n_folds)."""
    loss: Loss = Logistic(codes) if n_labels == 2 else Softmax(codes, n_labels)
    return problem_with(loss, rows, weights=weights, scaling=scaling, crew=crew)


def problem_with(loss: Loss, rows: Rows, *, weights: Float64Array, scaling: Scaling, crew: Crew) -> Problem:
    """The same with the loss given."""
    words = None
    if isinstance(rows, JoinedRows):
        words, rows = beside_of(rows.words, crew), rows.dense
        scaling = scaling.first(rows.shape[1] + words.n_columns)
    shape = (len(rows), rows.shape[1] + (0 if words is None else words.n_common) + 1)
    exact = np.empty(shape) if shape[0] * shape[1] * _DOUBLE.itemsize <= _EXACT_BYTES else None
    standard = np.empty(shape, dtype=np.float32)
    n_folds = weights.shape[1]

    def prepared(block: slice) -> Product:
        """Fill in a block of rows; its part of the gradient at zero coefficients."""
        made = _standard(rows, scaling, words, block)
        standard[block] = made
        if exact is not None:
            exact[block] = made
        _, probabilities = loss.evaluate(np.zeros((len(made), n_folds, loss.n_coef_rows)), block)
        stacked = made if words is None else Stacked(made, words.by_text[made.dtype][block], words)
        return transposed_product(stacked, loss.residual(probabilities, weights[block], block))

    gradient = total(crew.map(prepared, blocks_of(standard, _DOUBLE.itemsize, crew)))
    problem = Problem(
        rows=rows,
        exact=exact,
        standard=standard,
        weights=weights,
        scaling=scaling,
        loss=loss,
        start_norm=np.empty(0),
        crew=crew,
        words=words,
    )
    return replace(problem, start_norm=_start_norm(problem, gradient))


def with_loss(problem: Problem, loss: Loss) -> Problem:
    """The same rows, folds and scales, and other labels to learn."""

    def part(block: slice, rows: Block) -> Product:
        _, probabilities = loss.evaluate(np.zeros((len(rows), problem.weights.shape[1], loss.n_coef_rows)), block)
        return transposed_product(rows, loss.residual(probabilities, problem.weights[block], block))

    gradient = total(problem.over_rows(part, exact=True))
    return replace(problem, loss=loss, start_norm=_start_norm(problem, gradient))


def _start_norm(problem: Problem, gradient: Float64Array) -> Float64Array:
    """The norm (n_folds,) of the gradient (n_features + 1, n_folds, n_coef_rows) at zero coefficients."""
    norm = np.sqrt((problem.own(gradient, np.arange(gradient.shape[1])) ** 2).sum(axis=(0, 2)))
    start_norm: Float64Array = np.maximum(norm, 1e-10 * problem.weights.sum(axis=0))  # 0 where nothing can be learned
    return start_norm


def blocks_of(rows: np.ndarray, itemsize: int, crew: Crew) -> list[slice]:
    """Slices of rows (n_texts, n_columns) that stay in the cache, enough of them for the whole crew."""
    row_bytes = itemsize * rows.shape[1]
    step = max(64, _BLOCK_BYTES // row_bytes)
    if len(rows) * row_bytes > _ALONE_BYTES:
        step = min(step, -(-len(rows) // crew.threads))
    n_blocks = -(-len(rows) // step)
    n_blocks = -(-n_blocks // crew.threads) * crew.threads if n_blocks > 1 else 1
    edges = np.linspace(0, len(rows), n_blocks + 1).astype(int).tolist()
    return [slice(low, high) for low, high in pairwise(edges)]


def flat(array: np.ndarray) -> np.ndarray:
    """An array (rows, n_tasks, n_coef_rows) as a matrix (rows, n_tasks * n_coef_rows), for a product."""
    return array.reshape(array.shape[0], -1)


def transposed_product(rows: Block, residual: np.ndarray) -> Product:
    """rows.T @ residual, (n_columns, n_tasks, n_coef_rows); as (residual.T @ rows).T it is 1.5 times faster.

    With words it is but half done, and `total` does the rest.
    """
    if isinstance(rows, Stacked):
        return rows.transposed(residual)
    product: np.ndarray = (flat(residual).T @ rows).T.reshape(rows.shape[1], *residual.shape[1:])
    return product


def total(parts: Sequence[Product]) -> np.ndarray:
    """The sum of arrays of one shape, C-contiguous; or of products that are half done. Not from within the crew."""
    halves = [part for part in parts if isinstance(part, Half)]
    if halves:
        return summed(halves)
    result = np.array(parts[0], order="C")
    for part in parts[1:]:
        result += part
    return result


def _standard(rows: Features | Float64Array, scaling: Scaling, words: Beside | None, block: slice) -> Float64Array:
    """A block's dense rows in the shared coordinates, in float64, with the intercept's column of ones."""
    own, n_dense = rows[block], rows.shape[1]
    result = np.empty((len(own), n_dense + (0 if words is None else words.n_common) + 1))
    np.subtract(own, scaling.mean[:n_dense], out=result[:, :n_dense])
    result[:, :n_dense] *= 1 / scaling.std[:n_dense]
    if words is not None:
        result[:, n_dense:-1] = words.common[block].toarray()
    result[:, -1] = 1
    return result
