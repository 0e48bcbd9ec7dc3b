"""What many logistic regressions on the same rows have in common, and the products with the features.

From a `Problem` every (C, fold) task is solved; its products are in float32 (fast) and float64 (exact).

A task minimises C * sum_i weight_i loss_i(w) + sum_j (ratio_j w_j)^2 / 2, as scikit-learn does; here divided by C.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self, TypeVar, cast, final

import numpy as np

from frostline.arrays import BoolArray, Features, Float32Array, Float64Array, IntArray, JoinedRows, Rows
from frostline.head.loss import Loss, weighed
from frostline.head.sparse import Beside, Block, Half, Product, Stacked, beside_of, summed
from frostline.threads import Crew

_BLOCK = 256  # rows taken to float64 at a time
_NOTHING = 1e-12  # of the widest column's deviation


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaling:
    """Coordinates shared by all folds, and each fold's own relative to them."""

    # `mean`, `std`: (n_features,): Over all rows; std is 1 for a constant column.
    mean: Float64Array
    std: Float64Array
    ratio: Float64Array  # (n_features, n_folds): The fold's coefficient is `ratio` times the shared one
    shift: Float64Array  # (n_features, n_folds): The fold's origin, measured from the shared one in units of `std`

    def first(self, n_columns: int) -> "Scaling":
        """That of the first columns alone."""
        return Scaling(
            mean=self.mean[:n_columns],
            std=self.std[:n_columns],
            ratio=self.ratio[:n_columns],
            shift=self.shift[:n_columns],
        )

    def beside(self, n_words: int) -> "Scaling":
        """With columns of words after these, which stay as they are."""
        n_folds = self.ratio.shape[1]
        return Scaling(
            mean=np.append(self.mean, np.zeros(n_words)),
            std=np.append(self.std, np.ones(n_words)),
            ratio=np.vstack([self.ratio, np.ones((n_words, n_folds))]),
            shift=np.vstack([self.shift, np.zeros((n_words, n_folds))]),
        )


def scaling_of(
    rows: Rows, training: BoolArray, *, standardise: bool, crew: Crew, weights: Float64Array | None = None
) -> Scaling:
    """The `Scaling` of rows (n_texts, n_features) for folds whose training rows are `training` (n_texts, n_folds).

    Constant columns are told as scikit-learn's StandardScaler tells them, and left unscaled; so are those that are
    constant beside the others (see `_merged`), which StandardScaler would blow up. Words beside them stay as they are:
    their lengths were chosen to fit standardised features, and a rare word blown up would be noise. Rows may have
    `weights` (n_texts,), as StandardScaler's sample_weight has it.
    """
    if isinstance(rows, JoinedRows):
        dense = scaling_of(rows.dense, training, standardise=standardise, crew=crew, weights=weights)
        return dense.beside(rows.words.n_terms)
    patterns, part_of = np.unique(training, axis=0, return_inverse=True)
    even = None if weights is None else weights / weights.mean()
    counts, means, squares = _moments(rows, part_of.ravel(), len(patterns), crew, even)
    everywhere = np.ones(len(patterns), dtype=bool)
    mean, std = _merged(counts, means, squares, everywhere)
    if not standardise:
        n_folds = training.shape[1]
        ratio = np.repeat(1 / std[:, None], n_folds, axis=1)
        return Scaling(mean=mean, std=std, ratio=ratio, shift=np.repeat(-(mean / std)[:, None], n_folds, axis=1))
    own = [_merged(counts, means, squares, patterns[:, fold]) for fold in range(training.shape[1])]
    return Scaling(
        mean=mean,
        std=std,
        ratio=np.stack([fold_std / std for _, fold_std in own], axis=1),
        shift=np.stack([(fold_mean - mean) / std for fold_mean, _ in own], axis=1),
    )


def _moments(
    rows: Features | Float64Array, part_of: np.ndarray, n_parts: int, crew: Crew, weights: Float64Array | None
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Count or weight (n_parts,), mean and squared deviations (n_parts, n_features) of each part of the rows."""
    n_features = rows.shape[1]
    counts, means, squares = np.zeros(n_parts), np.zeros((n_parts, n_features)), np.zeros((n_parts, n_features))

    def looked_at(members: np.ndarray) -> tuple[Float64Array, Float64Array]:
        block = rows[members].astype(np.float64)
        if weights is None:
            mean: Float64Array = block.mean(axis=0)
            block -= mean
            return mean, np.einsum("ij,ij->j", block, block)
        mean = weights[members] @ block / weights[members].sum()
        block -= mean
        return mean, np.einsum("i,ij,ij->j", weights[members], block, block)

    of_part = [np.flatnonzero(part_of == part) for part in range(n_parts)]
    blocks = [
        (part, all_[low : low + _BLOCK]) for part, all_ in enumerate(of_part) for low in range(0, len(all_), _BLOCK)
    ]
    seen = crew.map(looked_at, [members for _, members in blocks])
    for (part, members), (mean, square) in zip(blocks, seen, strict=True):
        own = len(members) if weights is None else weights[members].sum()
        both = counts[part] + own
        step = mean - means[part]
        squares[part] += square + step**2 * (counts[part] * own / both)
        means[part] += step * (own / both)
        counts[part] = both
    return counts, means, squares


def _merged(
    counts: Float64Array, means: Float64Array, squares: Float64Array, chosen: BoolArray
) -> tuple[Float64Array, Float64Array]:
    """Mean and deviation of the chosen parts together; a deviation of 1 stands for a constant column.

    A column whose deviation is nothing beside the widest one's counts as constant too: two of MiniLM's have 1e-32, and
    scaled up they would be rounding errors with coefficients of 1e30.
    """
    total = counts[chosen].sum()
    mean = (counts[chosen] @ means[chosen]) / total
    variance = (squares[chosen].sum(axis=0) + counts[chosen] @ (means[chosen] - mean) ** 2) / total
    eps = np.finfo(np.float64).eps
    constant = variance <= total * eps * variance + (total * mean * eps) ** 2  # sklearn.preprocessing._data
    constant |= variance <= _NOTHING**2 * variance.max(initial=0.0)
    return mean, np.where(constant, 1.0, np.sqrt(variance))


_DOUBLE = np.dtype(np.float64)
_EXACT_BYTES = 32 << 20  # of float64 rows that are kept: larger ones cost more to keep than to make anew
_BLOCK_BYTES = 8 << 20  # of rows: what stays in the cache between a product and its transpose
_PIECE = 64_000  # coefficients that are worked on at a time
_ALONE_BYTES = 1 << 20  # of rows that one thread is quicker with than two

Result = TypeVar("Result")


@final
@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Standardised rows that are made whenever some are asked for: of rows in a file, all of which have no room.

    It stands for the array (n_texts, n_dense + n_common + 1), of which a part is cut by a slice or numbers of rows.
    """

    rows: Features | Float64Array
    scaling: Scaling
    words: Beside | None
    dtype: "np.dtype[Any]"

    @property
    def shape(self) -> tuple[int, int]:
        """Texts and columns."""
        n_common = 0 if self.words is None else self.words.n_common
        return len(self.rows), int(self.rows.shape[1]) + n_common + 1

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return int(self.dtype.itemsize)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: slice) -> Float32Array | Float64Array:
        made: Float32Array | Float64Array = _standard(self.rows, self.scaling, self.words, chosen).astype(self.dtype)
        return made


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """The rows, centred and scaled by `scaling`, with a last column of ones for the intercept."""

    rows: Features | Float64Array  # (n_texts, n_dense): Features as given
    # (n_texts, n_dense + n_common + 1): In the shared coordinates, common words among them; None where too large to
    # keep, and made block by block.
    exact: Float64Array | None
    # (n_texts, n_dense + n_common + 1): The same; float32 unless a solve had to fall back.
    standard: Float32Array | Float64Array
    # (n_texts, n_folds) or (n_texts, n_folds, n_coef_rows): Of the rows' losses; 0 for a row that the fold holds out.
    # The last axis is there where labels are weighed apart.
    weights: Float64Array
    scaling: Scaling
    loss: Loss
    # (n_folds,): Norm of the gradient at zero coefficients, as each fold sees it: what the tolerance is relative to.
    start_norm: Float64Array
    crew: Crew
    words: Beside | None = None  # Words beside the features: part of `standard` where they are common, else sparse

    @property
    def n_features(self) -> int:
        """Columns of the problem, words among them, the intercept's not counted."""
        return len(self.scaling.mean)

    @property
    def made(self) -> Made | None:
        """What `standard` is, where rows are made whenever they are asked for."""
        standard: object = self.standard
        return standard if isinstance(standard, Made) else None

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

    def over_held_out(self, do: Callable[[slice, Block], Result]) -> list[Result]:
        """`over_rows`, exactly, each row with the words alone that its fold knows."""

        def done(block: slice, rows: Block) -> Result:
            return do(block, rows.beside.as_held_out(rows, block) if isinstance(rows, Stacked) else rows)

        return self.over_rows(done, exact=True)

    def _exactly(self, block: slice) -> Float64Array:
        return _standard(self.rows, self.scaling, self.words, block) if self.exact is None else self.exact[block]

    def in_double(self) -> "Problem":
        """The same problem with float64 rows: twice the memory, for tasks that float32 steps cannot finish."""
        if self.made is not None:
            return replace(self, standard=cast("Float64Array", replace(self.made, dtype=_DOUBLE)))
        double = self._exactly(slice(None))
        return replace(self, standard=double, exact=double)

    def own_norm(self, gradient: Float64Array, folds: IntArray) -> Float64Array:
        """The norm (n_tasks,) of a gradient (n_features + 1, n_tasks, n_coef_rows) in each fold's own coordinates."""

        def part(block: slice) -> Float64Array:
            own, ratio = gradient[block].copy(), self.scaling.ratio[block, folds, None]
            own[: len(ratio)] -= self.scaling.shift[block, folds, None] * gradient[-1]
            own[: len(ratio)] /= ratio  # the intercept's is the same in all coordinates
            squares: Float64Array = (own**2).sum(axis=(0, 2))
            return squares

        squares = total(self.crew.map(part, pieces_of(gradient)))
        norm: Float64Array = np.sqrt(squares)
        return norm

    def as_given(self, coef: Float64Array) -> Float64Array:
        """Coefficients (n_coef_rows, n_features) of the problem's columns as those of the columns that were given."""
        return coef if self.words is None else self.words.whole(coef, self.n_dense)


def problem_with(loss: Loss, rows: Rows, *, weights: Float64Array, scaling: Scaling, crew: Crew) -> Problem:
    """Prepare the shared problem of features (n_texts, n_features), for a loss and weights (n_texts, n_folds)."""
    words = None
    if isinstance(rows, JoinedRows):
        training: BoolArray = np.any(weights.reshape(*weights.shape[:2], -1), axis=2)
        words, rows = beside_of(rows.words, training, crew), rows.dense
        scaling = scaling.first(rows.shape[1] + words.n_columns)
    shape = (len(rows), rows.shape[1] + (0 if words is None else words.n_common) + 1)
    exact = np.empty(shape) if shape[0] * shape[1] * _DOUBLE.itemsize <= _EXACT_BYTES else None
    is_made = isinstance(rows, np.memmap)  # rows in a file: nothing of their size is kept
    made_anew = cast("Float32Array", Made(rows, scaling, words, np.dtype(np.float32)))
    standard = made_anew if is_made else np.empty(shape, dtype=np.float32)
    n_folds = weights.shape[1]

    def prepared(block: slice) -> Product:
        """Fill in a block of rows; its part of the gradient at zero coefficients."""
        made = _standard(rows, scaling, words, block)
        if not is_made:
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


def with_loss(problem: Problem, loss: Loss, weights: Float64Array) -> Problem:
    """The same rows, folds and scales, and other labels to learn, with the weights that their rows have."""

    def part(block: slice, rows: Block) -> Product:
        _, probabilities = loss.evaluate(np.zeros((len(rows), weights.shape[1], loss.n_coef_rows)), block)
        return transposed_product(rows, loss.residual(probabilities, weights[block], block))

    other = replace(problem, loss=loss, weights=weights)
    return replace(other, start_norm=_start_norm(other, total(problem.over_rows(part, exact=True))))


def _start_norm(problem: Problem, gradient: Float64Array) -> Float64Array:
    """The norm (n_folds,) of the gradient (n_features + 1, n_folds, n_coef_rows) at zero coefficients."""
    norm = problem.own_norm(gradient, np.arange(gradient.shape[1]))
    weights = problem.weights if problem.weights.ndim == 2 else problem.weights.sum(axis=2)
    start_norm: Float64Array = np.maximum(norm, 1e-10 * weights.sum(axis=0))  # 0 where nothing can be learned
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


def pieces_of(coef: np.ndarray) -> list[slice]:
    """Slices of an array (n_features + 1, n_tasks, n_coef_rows), each of which stays in the cache.

    Of many words and labels an array has a gigabyte, and each sum of two makes another one.
    """
    step = max(1, _PIECE // max(1, coef[0].size))
    return [slice(low, min(low + step, len(coef))) for low in range(0, len(coef), step)]


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


_TOGETHER = 3.3  # ratio of C up to which tasks share a preconditioner


@final
@dataclass(frozen=True, slots=True, eq=False)
class Tasks:
    """The problems to solve: one entry of C and of folds (column of `Problem.weights`) each."""

    C: Float64Array
    folds: IntArray

    def __len__(self) -> int:
        return len(self.C)

    def __getitem__(self, chosen: "IntArray | np.ndarray | slice") -> "Tasks":
        return Tasks(self.C[chosen], self.folds[chosen])


@final
@dataclass(slots=True, eq=False)
class Front:
    """The tasks that still move: index into the round's tasks, and all that changes from step to step."""

    index: IntArray
    tasks: Tasks
    groups: IntArray
    coef: Float64Array
    gradient: Float64Array
    decisions: Float64Array
    probabilities: Float64Array
    value: Float64Array
    weights: Float64Array
    ratio: Float64Array
    penalty: Float64Array

    def kept(self, keep: np.ndarray) -> Self:
        """The front without the tasks that have arrived."""
        if keep.all():
            return self
        return type(self)(
            index=self.index[keep],
            tasks=self.tasks[keep],
            groups=self.groups[keep],
            coef=self.coef[:, keep],
            gradient=self.gradient[:, keep],
            decisions=self.decisions[:, keep],
            probabilities=self.probabilities[:, keep],
            value=self.value[keep],
            weights=self.weights[:, keep],
            ratio=self.ratio[:, keep],
            penalty=self.penalty[:, keep],
        )


def _groups(C: Float64Array) -> IntArray:
    """Which tasks share a preconditioner: those whose C are near each other; numbered from 0."""
    groups = np.zeros(len(C), dtype=np.int64)
    first, group = 0.0, -1
    for task in np.argsort(C, kind="stable"):
        if group < 0 or C[task] > _TOGETHER * first:
            first, group = float(C[task]), group + 1
        groups[task] = group
    return groups


def front_of(problem: Problem, tasks: Tasks, coef: Float64Array, *, exact: bool) -> Front:
    """All tasks, at `coef`."""
    weights = problem.weights[:, tasks.folds]
    ratio = problem.scaling.ratio[:, tasks.folds]
    penalty = ratio**2 / tasks.C
    matrix = flat(coef if exact else coef.astype(problem.standard.dtype))
    decisions = np.empty((len(problem.rows), *coef.shape[1:]))
    probabilities = np.empty_like(decisions)
    losses = np.empty((len(problem.rows), *weights.shape[1:]))

    def part(block: slice, rows: Block) -> Product:
        decisions[block] = (rows @ matrix).reshape(-1, *coef.shape[1:])
        losses[block], probabilities[block] = problem.loss.evaluate(decisions[block], block)
        residual = problem.loss.residual(probabilities[block], weights[block], block)
        return transposed_product(rows, residual.astype(rows.dtype))

    gradient = total(problem.over_rows(part, exact=exact)).astype(np.float64)
    gradient[:-1] += penalty[:, :, None] * coef[:-1]
    value = value_of(penalty, weights, coef, losses)
    index = np.arange(len(tasks))
    return Front(
        index, tasks, _groups(tasks.C), coef, gradient, decisions, probabilities, value, weights, ratio, penalty
    )


def decisions_of(problem: Problem, coef: Float64Array) -> Float64Array:
    """The decisions (n_texts, n_tasks, n_coef_rows) of coefficients, exactly."""
    matrix = flat(coef)
    parts = problem.over_rows(lambda _, rows: rows @ matrix, exact=True)
    return np.concatenate(parts).reshape(-1, *coef.shape[1:])


def value_of(penalty: Float64Array, weights: Float64Array, coef: Float64Array, losses: Float64Array) -> Float64Array:
    """Each task's objective, divided by its C."""
    value = weighed(losses, weights)
    value += 0.5 * np.einsum("ij,ijk,ijk->j", penalty, coef[:-1], coef[:-1])
    return value


def gradient_of(problem: Problem, front: Front, *, exact: bool) -> Float64Array:
    """Each task's gradient (n_features + 1, n_tasks, n_coef_rows), divided by its C, in the shared coordinates."""

    def part(block: slice, rows: Block) -> Product:
        residual = problem.loss.residual(front.probabilities[block], front.weights[block], block)
        return transposed_product(rows, residual.astype(rows.dtype))

    gradient = total(problem.over_rows(part, exact=exact)).astype(np.float64)
    gradient[:-1] += front.penalty[:, :, None] * front.coef[:-1]
    return gradient
