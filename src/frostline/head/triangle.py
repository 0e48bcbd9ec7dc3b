"""Cholesky factors that are built and applied by matrix products alone.

In:   a symmetric positive definite matrix.
Out:  a `Triangle`, and solutions of linear equations with the matrix.
Not:  what the matrix stands for (preconditioner.py).

scipy's LAPACK and BLAS hold Python's lock, so threads would take turns; numpy's products do not. Small triangles are
inverted, which makes solving a product; of large ones only the halves are, since inverting costs more than factorising.
"""

from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np

_INVERTED = 768  # rows up to which a triangle is inverted
_SMALL = 128  # rows up to which LAPACK factorises


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Inverted:
    inverse: np.ndarray  # of the lower triangle (n, n)

    def forward(self, right: np.ndarray) -> np.ndarray:
        result: np.ndarray = self.inverse @ right
        return result

    def back(self, right: np.ndarray) -> np.ndarray:
        result: np.ndarray = (right.T @ self.inverse).T
        return result

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Solve for right-hand sides (n, n_columns)."""
        return self.back(self.forward(right))


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Halves:
    upper: "Triangle"
    across: np.ndarray  # what lies to the left of `lower`
    lower: "Triangle"

    def forward(self, right: np.ndarray) -> np.ndarray:
        half = self.across.shape[1]
        first = self.upper.forward(right[:half])
        return np.concatenate([first, self.lower.forward(right[half:] - self.across @ first)])

    def back(self, right: np.ndarray) -> np.ndarray:
        half = self.across.shape[1]
        second = self.lower.back(right[half:])
        return np.concatenate([self.upper.back(right[:half] - (second.T @ self.across).T), second])

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Solve for right-hand sides (n, n_columns)."""
        return self.back(self.forward(right))


Triangle: TypeAlias = _Inverted | _Halves


def cholesky(second: np.ndarray) -> Triangle:
    """The lower Cholesky factor; a ridge is added in place, ever larger, until rounding lets it exist."""
    diagonal = np.einsum("ii->i", second)
    level = diagonal.mean() * np.finfo(second.dtype).eps
    for power in range(8):
        try:
            return _by_halves(second)
        except np.linalg.LinAlgError:
            diagonal += level * second.dtype.type(10.0**power)
    raise FloatingPointError("The second derivative has no Cholesky factor.")


def _by_halves(second: np.ndarray) -> Triangle:
    size = len(second)
    if size <= _INVERTED:
        return _Inverted(_inverse(second))
    half = size // 2
    upper = _by_halves(second[:half, :half])
    across = upper.forward(second[half:, :half].T).T
    return _Halves(upper, across, _by_halves(second[half:, half:] - across @ across.T))


def _inverse(second: np.ndarray) -> np.ndarray:
    """The inverse of the lower Cholesky factor."""
    size = len(second)
    if size <= _SMALL:
        return np.asarray(np.tril(np.linalg.inv(np.linalg.cholesky(second))))
    half = size // 2
    inverse = np.zeros_like(second)
    inverse[:half, :half] = _inverse(second[:half, :half])
    across = second[half:, :half] @ inverse[:half, :half].T
    inverse[half:, half:] = _inverse(second[half:, half:] - across @ across.T)
    inverse[half:, :half] = -inverse[half:, half:] @ (across @ inverse[:half, :half])
    return inverse
