"""An approximate inverse of the second derivative, shared by the folds and neighbouring values of C.

In:   a `Problem`, the curvature of its rows averaged over tasks, an averaged penalty.
Out:  a `Preconditioner`: Cholesky factors, in float32, and how to apply them.
Not:  when to build a new one (newton.py).

With fewer rows than features the factor is of n_texts x n_texts, by Woodbury's identity. Labels whose curvature is
alike share a factor: at small C that is all of them, and 150 labels cost what two do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.head.beside import Solver, Split
from frostline.head.crew import Crew
from frostline.head.problem import Problem, total
from frostline.head.triangle import Triangle, cholesky

_INTERCEPT_RIDGE = 1e-6
_DUAL_INTERCEPT = 1e-2  # what stands for the intercept's missing penalty in Woodbury's identity: more loses digits
_ALIKE = 2.0  # ratio of mean curvature up to which labels share a factor


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Primal:
    lower: Triangle  # Cholesky factor (n_features + 1, n_features + 1)

    def solve(self, residual: np.ndarray) -> np.ndarray:
        return self.lower.solve(residual)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Dual:
    weighted: np.ndarray  # rows times the root of their curvature (n_texts, n_features + 1)
    penalty: np.ndarray  # (n_features + 1,)
    lower: Triangle  # Cholesky factor (n_texts, n_texts)

    def solve(self, residual: np.ndarray) -> np.ndarray:
        plain: np.ndarray = residual / self.penalty[:, None]
        inner = self.lower.solve(self.weighted @ plain)
        plain -= (self.weighted.T @ inner) / self.penalty[:, None]
        return plain


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Share:
    """A factor, and the tasks and coefficient rows that it serves."""

    factor: Solver
    group: int
    members: IntArray


@final
@dataclass(frozen=True, slots=True, eq=False)
class Preconditioner:
    """Factors, and what each serves."""

    shares: tuple[_Share, ...]
    crew: Crew
    is_coupled: bool

    def apply(self, residual: np.ndarray, groups: IntArray) -> np.ndarray:
        """The approximate inverse times a residual (n_features + 1, n_tasks, n_coef_rows); groups is (n_tasks,)."""
        result = np.empty_like(residual)

        def solved(share: _Share) -> None:
            chosen = np.ix_(np.arange(len(residual)), np.flatnonzero(groups == share.group), share.members)
            part = residual[chosen]
            result[chosen] = share.factor.solve(part.reshape(len(part), -1)).reshape(part.shape)

        self.crew.map(solved, [share for share in self.shares if (groups == share.group).any()])
        if self.is_coupled:  # the softmax does not see what all labels share; the penalty keeps it at 0
            result -= result.mean(axis=2, keepdims=True)
        return result

    def updated(self, newer: "Preconditioner") -> "Preconditioner":
        """The same with the groups that `newer` serves replaced."""
        theirs = {share.group for share in newer.shares}
        kept = (share for share in self.shares if share.group not in theirs)
        return Preconditioner((*kept, *newer.shares), self.crew, self.is_coupled)


def preconditioner_of(
    problem: Problem, groups: IntArray, curvature: Float64Array, penalty: Float64Array, *, gram: np.ndarray | None
) -> Preconditioner:
    """Factorise for groups of tasks: curvature (n_texts, n_groups, n_coef_rows) and penalty (n_features, n_groups).

    Times each label's mean curvature, `gram` (as from `gram_of`) stands for the weighted second derivative, which
    costs as much as dozens of products to form.
    """
    level = curvature.mean(axis=0)
    parts = [(turn, members) for turn in range(len(groups)) for members in _alike(level[turn])]

    def share(part: tuple[int, IntArray]) -> _Share:
        turn, members = part
        weights: Float64Array = curvature[:, turn, members].mean(axis=1)
        n_dense = problem.standard.shape[1] - 1
        own = penalty[:n_dense, turn]
        if gram is None:
            factor: Solver = _dual(problem.standard, weights, own)
        else:
            factor = _primal(gram * gram.dtype.type(weights.mean()), own)
        if problem.words is not None:
            rare = weights.mean() * problem.words.squares + penalty[n_dense:, turn]
            factor = Split(factor, rare.astype(problem.standard.dtype))
        return _Share(factor, int(groups[turn]), members)

    return Preconditioner(tuple(problem.crew.map(share, parts)), problem.crew, problem.loss.is_coupled)


def gram_of(problem: Problem, weights: Float64Array | None = None) -> np.ndarray | None:
    """X'WX of the standardised rows, (n_features + 1, n_features + 1), the weights (n_texts,) scaled to a mean of 1.

    None where rows are fewer than features.
    """
    rows = problem.standard
    if len(rows) < rows.shape[1]:
        return None
    roots = None if weights is None else np.sqrt(weights / weights.mean()).astype(rows.dtype)[:, None]

    def part(edge: tuple[int, int]) -> np.ndarray:
        block = rows[slice(*edge)] if roots is None else rows[slice(*edge)] * roots[slice(*edge)]
        second: np.ndarray = block.T @ block  # numpy sees the transpose and computes one triangle
        return second

    edges = np.linspace(0, len(rows), problem.crew.threads + 1).astype(int).tolist()
    return total(problem.crew.map(part, pairwise(edges)))


def _alike(level: Float64Array) -> Sequence[IntArray]:
    """Labels grouped so that within a group the mean curvature differs by a factor of `_ALIKE` at most."""
    groups: list[list[int]] = []
    for label in np.argsort(level):
        if groups and level[label] <= _ALIKE * level[groups[-1][0]]:
            groups[-1].append(int(label))
        else:
            groups.append([int(label)])
    return [np.array(group) for group in groups]


def _primal(second: np.ndarray, penalty: Float64Array) -> _Primal:
    diagonal = np.einsum("ii->i", second)
    diagonal[:-1] += penalty.astype(second.dtype)
    diagonal[-1] += _INTERCEPT_RIDGE * diagonal[-1] + np.finfo(second.dtype).tiny
    return _Primal(cholesky(second))


def _dual(rows: np.ndarray, weights: Float64Array, penalty: Float64Array) -> _Dual:
    weighted = rows * np.sqrt(weights).astype(rows.dtype)[:, None]
    full = np.append(penalty, _DUAL_INTERCEPT * weights.sum()).astype(rows.dtype)
    half = weighted / np.sqrt(full)
    second = half @ half.T  # numpy sees the transpose and computes one triangle
    np.einsum("ii->i", second)[:] += 1
    return _Dual(weighted, full, cholesky(second))
