"""One Gram matrix, factorised once for each ratio of penalty to curvature: the first approximation of quasi.py.

In:   a `Problem`; the mean curvature of each task's labels, their penalties.
Out:  `Factors`: the approximate inverse times gradients.
Not:  what is learned on the way (pairs.py); factors that follow the curvature of the rows (preconditioner.py).

(level X'X + P / C)^-1 is (X'X + ratio P)^-1 / level with ratio = 1 / (C level). So labels of any curvature, folds and
values of C share a factor where their ratios are near each other, and a search makes one for each power of four that
the ratios pass. With fewer rows than features the factor is of n_texts x n_texts, by Woodbury's identity.
"""

from dataclasses import dataclass, field
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.head.beside import Solver, Split
from frostline.head.preconditioner import gram_of
from frostline.head.problem import Problem
from frostline.head.triangle import Triangle, cholesky

_GRID = 4.0  # ratio of neighbouring factors; ten takes a tenth more iterations
_STAY = 0.75  # how many factors away a ratio may drift before it changes to another
_INTERCEPT_RIDGE = 1e-6
_DUAL_INTERCEPT = 1e-2  # what stands for the intercept's missing penalty in Woodbury's identity: more loses digits
_LEAST_LEVEL = 1e-12
_NARROW = 12  # columns, at least, of a part that a thread works on


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Dual:
    rows: np.ndarray  # (n_texts, n_features + 1)
    penalty: np.ndarray  # (n_features + 1,)
    lower: Triangle  # Cholesky factor (n_texts, n_texts)

    def solve(self, right: np.ndarray) -> np.ndarray:
        plain: np.ndarray = right / self.penalty[:, None]
        inner = self.lower.solve(self.rows @ plain)
        plain -= (self.rows.T @ inner) / self.penalty[:, None]
        return plain


@final
@dataclass(slots=True, eq=False)
class Factors:
    """Factors made as they are needed; those that the last call did not need are dropped when others are made.

    Parameters
    ----------
    problem : Problem
    gram : ndarray or None
        As from `gram_of`; None where rows are fewer than features.
    """

    problem: Problem
    gram: np.ndarray | None
    _kernel: np.ndarray | None = None
    _known: dict[int, Solver] = field(default_factory=dict)

    def places(self, level: Float64Array, C: Float64Array, before: IntArray | None) -> IntArray:
        """Which factor serves each task and label (n_tasks, n_coef_rows), given where they were before."""
        exact = -np.log(C[:, None] * np.maximum(level, _LEAST_LEVEL)) / np.log(_GRID)
        nearest = np.rint(exact).astype(np.int64)
        return nearest if before is None else np.where(np.abs(exact - before) <= _STAY, before, nearest)

    def apply(self, gradient: np.ndarray, level: Float64Array, places: IntArray) -> np.ndarray:
        """The approximate inverse times (n_features + 1, n_tasks, n_coef_rows); level is (n_tasks, n_coef_rows)."""
        crew = self.problem.crew
        self._make(np.unique(places).tolist())
        scale = (1 / np.maximum(level, _LEAST_LEVEL)).astype(gradient.dtype)
        matrix = (gradient * scale).reshape(len(gradient), -1)
        result = np.empty_like(matrix)
        parts: list[tuple[int, IntArray]] = []
        for place in np.unique(places):
            columns = np.flatnonzero(places.ravel() == place)
            n_parts = min(crew.threads, max(1, len(columns) // _NARROW))
            parts += [(int(place), part) for part in np.array_split(columns, n_parts)]
        parts.sort(key=lambda part: -len(part[1]))  # the longest first

        def solved(part: tuple[int, IntArray]) -> None:
            place, columns = part
            result[:, columns] = self._known[place].solve(matrix[:, columns])

        crew.map(solved, parts)
        answer: np.ndarray = result.reshape(gradient.shape)
        if self.problem.loss.is_coupled:  # adding one number to all labels changes nothing; the penalty keeps it at 0
            answer -= answer.mean(axis=2, keepdims=True)
        return answer

    def _make(self, places: list[int]) -> None:
        missing = [place for place in places if place not in self._known]
        if not missing:
            return
        self._known = {place: factor for place, factor in self._known.items() if place in places}
        if self.gram is None and self._kernel is None:
            self._kernel = self._kernel_matrix()
        self._known.update(zip(missing, self.problem.crew.map(self._factor, missing), strict=True))

    def _penalty(self) -> Float64Array:
        """Of each dense column at C = 1, as the folds have it on the mean."""
        ratio = self.problem.scaling.ratio[: self.problem.standard.shape[1] - 1]
        return np.asarray(np.exp(2 * np.log(ratio).mean(axis=1)))

    def _kernel_matrix(self) -> np.ndarray:
        rows = self.problem.standard[:, :-1]
        return np.asarray((rows / self._penalty().astype(rows.dtype)) @ rows.T)

    def _factor(self, place: int) -> Solver:
        dense, words = self._dense_factor(place), self.problem.words
        if words is None:
            return dense
        return Split(dense, (words.squares + _GRID**place).astype(self.problem.standard.dtype))

    def _dense_factor(self, place: int) -> Solver:
        rows, ratio = self.problem.standard, _GRID**place
        penalty = self._penalty() * ratio
        if self.gram is not None:
            second = self.gram.copy()
            diagonal = np.einsum("ii->i", second)
            diagonal[:-1] += penalty.astype(second.dtype)
            diagonal[-1] += _INTERCEPT_RIDGE * diagonal[-1] + np.finfo(second.dtype).tiny
            return cholesky(second)
        free = _DUAL_INTERCEPT * len(rows)
        kernel = self._kernel
        inner = self._kernel_matrix() if kernel is None else kernel
        inner = inner / inner.dtype.type(ratio)
        inner += inner.dtype.type(1 / free)
        np.einsum("ii->i", inner)[:] += 1
        return _Dual(rows, np.append(penalty, free).astype(rows.dtype), cholesky(inner))


def factors_of(problem: Problem, gram: np.ndarray | None) -> Factors:
    """Factors of the Gram matrix given, or of one formed now."""
    return Factors(problem, gram_of(problem) if gram is None else gram)
