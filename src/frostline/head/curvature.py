"""An approximate inverse of the second derivative, shared by the folds and neighbouring values of C.

With fewer rows than features the factor is of n_texts x n_texts, by Woodbury's identity. Labels whose curvature is
alike share a factor: at small C that is all of them, and 150 labels cost what two do. Where labels are many each bends
on its own rows, a hundredth of all; those correct the shared factor's answer (`Apart`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray
from frostline.head.problem import Front, Problem, flat, pieces_of, total
from frostline.head.sparse import Solver, Split
from frostline.threads import Crew

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

    def updated(self, newer: "Preconditioner | OneApart") -> "Preconditioner | OneApart":
        """The same with the groups that `newer` serves replaced."""
        if isinstance(newer, OneApart):
            return newer
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

    step = len(rows) if problem.made is None else _STREAMED

    def part(edge: tuple[int, int]) -> np.ndarray:
        parts = [slice(low, min(low + step, edge[1])) for low in range(edge[0], edge[1], step)]
        second: np.ndarray | None = None
        for own in parts:
            block = rows[own] if roots is None else rows[own] * roots[own]
            product: np.ndarray = block.T @ block  # numpy sees the transpose and computes one triangle
            second = product if second is None else np.add(second, product, out=second)
        return np.zeros((rows.shape[1],) * 2, rows.dtype) if second is None else second

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


_STREAMED = 4096  # rows of a file that are made at once
_GRID = 4.0  # ratio of neighbouring factors; ten takes a tenth more iterations
_STAY = 0.75  # how many factors away a ratio may drift before it changes to another
_LEAST_LEVEL = 1e-12
_NARROW = 12  # columns, at least, of a part that a thread works on


@final
@dataclass(frozen=True, slots=True, eq=False)
class _DualFactor:
    rows: np.ndarray  # (n_texts, n_features + 1)
    penalty: np.ndarray  # (n_features + 1,)
    lower: Triangle  # Cholesky factor (n_texts, n_texts)

    def solve(self, right: np.ndarray) -> np.ndarray:
        plain: np.ndarray = right / self.penalty[:, None]
        inner = self.lower.solve(self.rows @ plain)
        plain -= (self.rows.T @ inner) / self.penalty[:, None]
        return plain


MANY = 20  # labels that compete from which on each one's own rows are looked at apart
_STANDS_OUT = 3.0  # times the label's mean curvature
_MOST_APART = 128  # rows of a label: twice as many spare no pass
_AT_A_TIME = 1000  # rows that a factor answers


def stands_apart(problem: Problem) -> bool:
    """Whether labels are so many that each one's own rows are looked at apart."""
    return problem.loss.is_coupled and problem.loss.n_coef_rows >= MANY


@final
@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """A factor that all labels share, corrected by the rows on which each label bends far more than on the others.

    The approximation is level * (X'X + ratio P) + sum over those rows of excess * x x'; Woodbury's identity inverts it.
    """

    problem: Problem
    factor: Solver  # Of X'X + ratio P
    level: float  # The mean curvature of the other rows
    spread: np.ndarray  # (n_texts, n_dense + 1): The factor's answer to each row
    rows: Sequence[IntArray]  # length n_labels: The rows of each
    inner: Sequence[
        np.ndarray
    ]  # length n_labels: (n_tasks, n_rows, n_rows): What is between them in Woodbury's identity

    def apply(self, gradient: np.ndarray, tasks: IntArray, scale: Float64Array) -> np.ndarray:
        """The approximate inverse times (n_features + 1, n_tasks, n_coef_rows), of tasks, times each one's scale."""
        crew, standard, shape = self.problem.crew, self.problem.standard, gradient.shape
        matrix, level = flat(gradient), gradient.dtype.type(self.level)
        flat_answer = np.empty_like(matrix)

        def solved(part: slice) -> None:
            flat_answer[:, part] = self.factor.solve(matrix[:, part] / level)

        edges = np.linspace(0, matrix.shape[1], crew.threads + 1).astype(int).tolist()
        crew.map(solved, [slice(low, high) for low, high in pairwise(edges)])
        answer = flat_answer.reshape(shape)
        n_dense = standard.shape[1] - 1
        columns = np.append(np.arange(n_dense), len(gradient) - 1)  # all but rare words

        def corrected(labels: IntArray) -> None:
            for label in labels.tolist():
                rows = self.rows[label]
                if len(rows):
                    along = standard[rows] @ answer[columns, :, label]
                    inner = np.einsum("tij,jt->it", self.inner[label][tasks], along)
                    answer[columns, :, label] -= self.spread[rows].T @ inner

        def ended(block: slice) -> None:
            answer[block] -= answer[block].mean(axis=2, keepdims=True)
            answer[block] *= scale.astype(gradient.dtype)[None, :, None]

        crew.map(corrected, np.array_split(np.arange(shape[2]), crew.threads))
        crew.map(ended, pieces_of(answer))
        return answer


@final
@dataclass(frozen=True, slots=True, eq=False)
class OneApart:
    """What a single task of many labels is preconditioned by, as a `Preconditioner`."""

    apart: Apart

    def apply(self, residual: np.ndarray, groups: IntArray) -> np.ndarray:
        """See `Preconditioner`."""
        return self.apart.apply(residual, np.zeros(len(groups), dtype=np.int64), np.ones(len(groups)))

    def updated(self, newer: "Preconditioner | OneApart") -> "Preconditioner | OneApart":
        """See `Preconditioner`."""
        return newer


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """A factor's answer to rows: as many numbers as the rows have."""

    place: int
    answers: np.ndarray  # (n_texts, n_dense + 1): Those that are there
    is_there: BoolArray  # (n_texts,)


@final
@dataclass(slots=True, eq=False)
class Factors:
    """Factors made as they are needed; those that the last call did not need are dropped when others are made."""

    problem: Problem
    gram: np.ndarray | None  # As from `gram_of`; None where rows are fewer than features
    _kernel: np.ndarray | None = None
    _known: dict[int, Solver] = field(default_factory=dict)
    _spread: _Spread | None = None

    def apart(self, front: Front) -> Apart:
        """What tasks of one C, with many labels, are preconditioned by where they are."""
        excess = front.probabilities * (1 - front.probabilities)
        excess *= front.weights[:, :, None]
        mean = excess.mean(axis=1).T
        bar = _STANDS_OUT * mean.mean(axis=1)
        rows = []
        for each, least in zip(mean, bar.tolist(), strict=True):
            most = np.argpartition(-each, min(_MOST_APART, len(each)) - 1)[:_MOST_APART]
            rows.append(np.sort(most[each[most] > least]))
            each[rows[-1]] = 0
        level = max(float(mean.mean()), _LEAST_LEVEL)
        before = None if self._spread is None else np.array([[self._spread.place]])
        place = int(self.places(np.array([[level]]), front.tasks.C[:1], before)[0, 0])
        self._make([place])
        spread = self._spread_over(np.unique(np.concatenate(rows)), place)

        def between(label: int) -> np.ndarray:
            own = rows[label]
            root = np.sqrt(np.maximum(excess[own, :, label] - level, 0)).T.astype(spread.dtype)
            across = self.problem.standard[own] @ spread[own].T
            inner = root[:, :, None] * root[:, None, :] * (across / spread.dtype.type(level))
            np.einsum("tii->ti", inner)[:] += 1
            inverse = root[:, :, None] * np.linalg.inv(inner) * root[:, None, :]
            return np.asarray(inverse / level, dtype=spread.dtype)

        inner = self.problem.crew.map(between, range(len(rows)))
        return Apart(self.problem, self._known[place], level, spread, rows, inner)

    def _spread_over(self, rows: IntArray, place: int) -> np.ndarray:
        """The factor's answer to each row (n_texts, n_dense + 1), where it was asked for so far."""
        standard = self.problem.standard
        if self._spread is None or self._spread.place != place:
            self._spread = _Spread(place, np.zeros_like(standard), np.zeros(len(standard), dtype=bool))
        spread, factor = self._spread, self._known[place]
        solver = factor.dense if isinstance(factor, Split) else factor
        new = rows[~spread.is_there[rows]]

        def solved(part: IntArray) -> None:
            spread.answers[part] = solver.solve(np.ascontiguousarray(standard[part].T)).T

        self.problem.crew.map(solved, [new[low : low + _AT_A_TIME] for low in range(0, len(new), _AT_A_TIME)])
        spread.is_there[new] = True
        return spread.answers

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
        return _DualFactor(rows, np.append(penalty, free).astype(rows.dtype), cholesky(inner))


def factors_of(problem: Problem, gram: np.ndarray | None) -> Factors:
    """Factors of the Gram matrix given, or of one formed now."""
    return Factors(problem, gram_of(problem) if gram is None else gram)
