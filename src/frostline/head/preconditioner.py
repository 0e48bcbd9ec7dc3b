"""An approximate inverse of the second derivative, shared by the folds and neighbouring values of C.

In:   a `Problem`, the curvature of its rows averaged over tasks, an averaged penalty.
Out:  a `Preconditioner`: inverse Cholesky factors, in float32, and how to apply them.
Not:  when to build a new one (newton.py).

With fewer rows than features the factor is of n_texts x n_texts, by Woodbury's identity. Labels whose curvature is
alike share a factor: at small C that is all of them, and 150 labels cost what two do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.head.problem import Problem

_INTERCEPT_RIDGE = 1e-6
_DUAL_INTERCEPT = 1e-2  # what stands for the intercept's missing penalty in Woodbury's identity: more loses digits
_ALIKE = 2.0  # ratio of mean curvature up to which labels share a factor
_FACTOR_BYTES = 256 << 20
_SMALL = 128  # below this a triangular matrix is inverted at once


class Factor(Protocol):
    """One factorised approximation."""

    def solve(self, residual: np.ndarray) -> np.ndarray:
        """The approximate inverse times a matrix (n_features + 1, n_columns)."""
        ...


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Primal:
    lower: np.ndarray  # inverse Cholesky factor (n_features + 1, n_features + 1)

    def solve(self, residual: np.ndarray) -> np.ndarray:
        return _solved(self.lower, residual)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Dual:
    weighted: np.ndarray  # rows times the root of their curvature (n_texts, n_features + 1)
    penalty: np.ndarray  # (n_features + 1,)
    lower: np.ndarray  # inverse Cholesky factor (n_texts, n_texts)

    def solve(self, residual: np.ndarray) -> np.ndarray:
        plain: np.ndarray = residual / self.penalty[:, None]
        inner = _solved(self.lower, self.weighted @ plain)
        plain -= (self.weighted.T @ inner) / self.penalty[:, None]
        return plain


@final
@dataclass(frozen=True, slots=True, eq=False)
class Preconditioner:
    """Factors, and the coefficient rows that each serves."""

    factors: tuple[tuple[Factor, IntArray], ...]

    def apply(self, residual: np.ndarray) -> np.ndarray:
        """The approximate inverse times a residual (n_features + 1, n_tasks, n_coef_rows)."""
        n_tasks, n_coef_rows = residual.shape[1:]
        if len(self.factors) == 1:
            solved = self.factors[0][0].solve(residual.reshape(len(residual), -1))
            result = solved.reshape(residual.shape)
        else:
            result = np.empty_like(residual)
            for factor, members in self.factors:
                part = residual[:, :, members].reshape(len(residual), -1)
                result[:, :, members] = factor.solve(part).reshape(-1, n_tasks, len(members))
        if n_coef_rows > 1:  # the softmax does not see what all labels share; the penalty keeps it at 0
            result -= result.mean(axis=2, keepdims=True)
        return result


def preconditioner_of(
    problem: Problem, curvature: Float64Array, penalty: Float64Array, gram: np.ndarray | None
) -> Preconditioner:
    """Factorise for curvature (n_texts, n_coef_rows) and penalty (n_features,).

    `gram`, where given, is that of the unweighted rows: times each label's mean curvature it stands for the weighted
    one, which costs as much as dozens of products to form.
    """
    level = curvature.mean(axis=0)
    n_texts, n_columns = problem.standard.shape
    each_bytes = min(n_texts, n_columns) ** 2 * problem.standard.itemsize
    shared = gram is not None or len(level) * each_bytes > _FACTOR_BYTES
    factors: list[tuple[Factor, IntArray]] = []
    for members in _alike(level) if shared else [np.array([row]) for row in range(len(level))]:
        problem.go_on()
        weights: Float64Array = curvature[:, members].mean(axis=1)
        if n_texts < n_columns:
            factors.append((_dual(problem.standard, weights, penalty), members))
        else:
            second = _gram(problem, weights) if gram is None else gram * gram.dtype.type(weights.mean())
            factors.append((_primal(second, penalty), members))
    return Preconditioner(tuple(factors))


def gram_of(problem: Problem) -> np.ndarray | None:
    """X'X of the standardised rows, (n_features + 1, n_features + 1); None where rows are fewer than features."""
    rows = problem.standard
    return None if len(rows) < rows.shape[1] else np.asarray(rows.T @ rows)


def _alike(level: Float64Array) -> Sequence[IntArray]:
    """Labels grouped so that within a group the mean curvature differs by a factor of `_ALIKE` at most."""
    groups: list[list[int]] = []
    for label in np.argsort(level):
        if groups and level[label] <= _ALIKE * level[groups[-1][0]]:
            groups[-1].append(int(label))
        else:
            groups.append([int(label)])
    return [np.array(group) for group in groups]


def _gram(problem: Problem, weights: Float64Array) -> np.ndarray:
    rows: np.ndarray = problem.standard
    weighted = rows * np.sqrt(weights).astype(rows.dtype)[:, None]
    second: np.ndarray = weighted.T @ weighted  # numpy sees the transpose and computes one triangle
    return second


def _primal(second: np.ndarray, penalty: Float64Array) -> _Primal:
    diagonal = np.einsum("ii->i", second)
    diagonal[:-1] += penalty.astype(second.dtype)
    diagonal[-1] += _INTERCEPT_RIDGE * diagonal[-1] + np.finfo(second.dtype).tiny
    return _Primal(_inverse_cholesky(second))


def _dual(rows: np.ndarray, weights: Float64Array, penalty: Float64Array) -> _Dual:
    weighted = rows * np.sqrt(weights).astype(rows.dtype)[:, None]
    full = np.append(penalty, _DUAL_INTERCEPT * weights.sum()).astype(rows.dtype)
    second = (weighted / full) @ weighted.T
    np.einsum("ii->i", second)[:] += 1
    return _Dual(weighted, full, _inverse_cholesky(second))


def _inverse_cholesky(second: np.ndarray) -> np.ndarray:
    """The inverse of the lower Cholesky factor; a ridge is added, ever larger, until rounding lets it exist."""
    diagonal = np.einsum("ii->i", second)
    level = diagonal.mean() * np.finfo(second.dtype).eps
    for power in range(8):
        try:
            return _inverse_by_halves(second)
        except np.linalg.LinAlgError:
            diagonal += level * second.dtype.type(10.0**power)
    raise FloatingPointError("The second derivative is not finite.")


def _inverse_by_halves(second: np.ndarray) -> np.ndarray:
    """The same, in matrix products: scipy's LAPACK and BLAS hold Python's lock, so threads would take turns."""
    size = len(second)
    if size <= _SMALL:
        return np.asarray(np.tril(np.linalg.inv(np.linalg.cholesky(second))))
    half = size // 2
    inverse = np.zeros_like(second)
    inverse[:half, :half] = _inverse_by_halves(second[:half, :half])
    across = second[half:, :half] @ inverse[:half, :half].T
    inverse[half:, half:] = _inverse_by_halves(second[half:, half:] - across @ across.T)
    inverse[half:, :half] = -inverse[half:, half:] @ (across @ inverse[:half, :half])
    return inverse


def _solved(inverse: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve for right-hand sides (n, n_columns) with the inverse factor of the matrix; the zero quarter is skipped."""
    half = len(inverse) // 2
    first = np.empty_like(right)
    first[:half] = inverse[:half, :half] @ right[:half]
    first[half:] = inverse[half:] @ right
    solved: np.ndarray = (first[half:].T @ inverse[half:]).T
    solved[:half] += (first[:half].T @ inverse[:half, :half]).T
    return solved
