"""One pass through the rows along a direction: what a step would do, and which length of it to take.

In:   a `Problem`, a `Front`, a direction of each task.
Out:  the front moved, and by how much its gradient changed.
Not:  where the directions come from (quasi.py).
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float32Array, Float64Array, IntArray
from frostline.head.beside import Block, Product
from frostline.head.front import Front
from frostline.head.problem import Problem, flat, total, transposed_product

_OVER = 0.9  # share of the slope that may be left behind the minimum
_SHORT = 0.9  # the same before it
_FALL = 1e-4  # share of the slope by which the value must fall
_TRIES = 20
_IN_CACHE = 48_000  # decisions, of which some five arrays are alive
_LONGEST = 10.0  # times as long as the last try


@final
@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """What one pass did.

    Parameters
    ----------
    length : ndarray of shape (n_tasks,), dtype=float64
        Times the direction; 0 where the objective does not fall along it.
    change : ndarray of shape (n_features + 1, n_tasks, n_coef_rows), dtype=float32
        Of the gradient of the losses alone, without the penalty.
    level : ndarray of shape (n_tasks, n_coef_rows), dtype=float64
        Mean curvature of the rows where the tasks are now.
    guess : ndarray of shape (n_tasks,), dtype=float64
        The length that the slopes at 0 and at 1 point to: far from 1 where the direction was of the wrong scale.
    """

    length: Float64Array
    change: Float32Array
    level: Float64Array
    guess: Float64Array


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Sums over the rows at some length of the step."""

    value: Float64Array  # (n_tasks,)
    slope: Float64Array  # (n_tasks,)


def level_of(problem: Problem, front: Front) -> Float64Array:
    """Mean curvature of the rows (n_tasks, n_coef_rows) where the tasks are."""
    parts = problem.over_rows(lambda block, _: _curvature(front.probabilities[block], front.weights[block]))
    return np.asarray(total(parts) / len(problem.rows))


def walk(problem: Problem, front: Front, direction: Float32Array) -> Walk:
    """Move each task of the front along its direction (n_features + 1, n_tasks, n_coef_rows), as far as is good."""
    loss = problem.loss
    shape = front.decisions.shape
    move = np.empty(shape, dtype=direction.dtype)
    decisions, probabilities = np.empty(shape), np.empty(shape)
    every = np.arange(len(front.tasks))
    matrix = flat(direction)

    def part(block: slice, rows: Block) -> tuple[Product, Float64Array, Float64Array, Float64Array]:
        move[block] = (rows @ matrix).reshape(-1, *shape[1:])
        residual = np.empty((block.stop - block.start, *shape[1:]), dtype=rows.dtype)
        value, slope, level = np.zeros(shape[1]), np.zeros(shape[1]), np.zeros(shape[1:])
        for few in _few(block, shape[1] * shape[2]):
            np.add(front.decisions[few], move[few], out=decisions[few])
            losses, probabilities[few] = loss.evaluate(decisions[few], few)
            weights = front.weights[few]
            bent = probabilities[few] - front.probabilities[few]  # the change of the residual, whatever the label
            bent *= weights[:, :, None]
            residual[few.start - block.start : few.stop - block.start] = bent
            slope += np.einsum("ijk,ijk->j", bent, move[few])
            value += np.einsum("ij,ij->j", losses, weights)
            level += _curvature(probabilities[few], weights)
        return transposed_product(rows, residual), value, slope, level

    changes, values, slopes, levels = zip(*problem.over_rows(part), strict=True)
    penalty = _Penalty.of(front, direction)
    begun = np.einsum("ijk,ijk->j", front.gradient, direction)
    seen = _Seen(total(list(values)) + penalty.value(1.0), begun + total(list(slopes)) + penalty.bend)
    change, level = total(list(changes)), np.asarray(total(list(levels)) / len(problem.rows))
    guess = begun / np.minimum(begun - seen.slope, 0.1 * begun)
    length = np.ones(len(every))
    other = np.flatnonzero(~_is_good(front.value, begun, length, seen))
    if len(other):
        chosen, redone = _searched(problem, front, move, penalty, other, begun=begun, first=seen)
        length[other], seen.value[other] = chosen, redone
        _redo(problem, front, other, (length, move, decisions, probabilities, change, level))
    front.coef = front.coef + length[None, :, None] * direction
    front.decisions, front.probabilities, front.value = decisions, probabilities, seen.value
    front.gradient = front.gradient + change
    front.gradient[:-1] += front.penalty[:, :, None] * (length[None, :, None] * direction[:-1])
    return Walk(length, change, level, guess)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Penalty:
    """The penalty along a direction, a parabola for each task."""

    level: Float64Array
    slant: Float64Array
    bend: Float64Array

    @classmethod
    def of(cls, front: Front, direction: Float32Array) -> "_Penalty":
        coef, step = front.coef[:-1], direction[:-1].astype(np.float64)
        weighted = front.penalty[:, :, None] * step
        return cls(
            0.5 * np.einsum("ij,ijk,ijk->j", front.penalty, coef, coef),
            np.einsum("ijk,ijk->j", weighted, coef),
            np.einsum("ijk,ijk->j", weighted, step),
        )

    def value(self, length: Float64Array | float) -> Float64Array:
        return np.asarray(self.level + length * (self.slant + 0.5 * length * self.bend))

    def slope(self, length: Float64Array | float) -> Float64Array:
        return np.asarray(self.slant + length * self.bend)

    def only(self, tasks: IntArray) -> "_Penalty":
        return _Penalty(self.level[tasks], self.slant[tasks], self.bend[tasks])


def _is_good(value: Float64Array, begun: Float64Array, length: Float64Array, seen: _Seen) -> np.ndarray:
    falls = seen.value <= value + _FALL * length * begun + 1e-10 * np.abs(value)
    good: np.ndarray = falls & (seen.slope <= -_OVER * begun) & (seen.slope >= _SHORT * begun)
    return good


def _searched(  # noqa: PLR0913 - what a line search needs
    problem: Problem,
    front: Front,
    move: Float32Array,
    penalty: _Penalty,
    tasks: IntArray,
    *,
    begun: Float64Array,
    first: _Seen,
) -> tuple[Float64Array, Float64Array]:
    """A length of the step for some tasks, and the value there: where the slope is small, by false position."""
    own = penalty.only(tasks)
    begun, value = begun[tasks], front.value[tasks]
    low, low_slope = np.zeros(len(tasks)), begun.copy()
    high, high_slope = np.full(len(tasks), np.inf), np.zeros(len(tasks))
    length, seen = np.ones(len(tasks)), _Seen(first.value[tasks], first.slope[tasks])
    for _ in range(_TRIES):
        good = _is_good(value, begun, length, seen)
        if good.all():
            return length, seen.value
        below = (seen.slope < 0) & (seen.value <= value + 1e-10 * np.abs(value))
        low, low_slope = np.where(below, length, low), np.where(below, seen.slope, low_slope)
        high, high_slope = np.where(below, high, length), np.where(below, high_slope, seen.slope)
        with np.errstate(invalid="ignore", divide="ignore"):
            crossed = low - low_slope * (high - low) / (high_slope - low_slope)
            crossed = np.clip(crossed, low + 0.1 * (high - low), high - 0.1 * (high - low))
            further = np.minimum(length * begun / (begun - low_slope), _LONGEST * length)
        further = np.where(low_slope > begun, further, _LONGEST * length)
        tried = np.where(np.isinf(high), further, np.where(np.isfinite(crossed), crossed, (low + high) / 2))
        length = np.where(good, length, tried)
        seen = _seen(problem, front, move, tasks, length=length, penalty=own)
    good = seen.value <= value
    return np.where(good, length, 0.0), np.where(good, seen.value, value)


def _seen(  # noqa: PLR0913 - as above
    problem: Problem, front: Front, move: Float32Array, tasks: IntArray, *, length: Float64Array, penalty: _Penalty
) -> _Seen:
    def part(block: slice, _: Block) -> tuple[Float64Array, Float64Array]:
        own, weights = move[block][:, tasks], front.weights[block][:, tasks]
        losses, probabilities = problem.loss.evaluate(
            front.decisions[block][:, tasks] + length[None, :, None] * own, block
        )
        residual = problem.loss.residual(probabilities, weights, block)
        return np.einsum("ij,ij->j", losses, weights), np.einsum("ijk,ijk->j", residual, own)

    values, slopes = zip(*problem.over_rows(part), strict=True)
    return _Seen(total(list(values)) + penalty.value(length), total(list(slopes)) + penalty.slope(length))


def _redo(
    problem: Problem,
    front: Front,
    tasks: IntArray,
    found: tuple[Float64Array, Float32Array, Float64Array, Float64Array, Float32Array, Float64Array],
) -> None:
    """Put right, in place, what the pass found at another length for these tasks."""
    length, move, decisions, probabilities, change, level = found

    def part(block: slice, rows: Block) -> tuple[Product, Float64Array]:
        weights = front.weights[block][:, tasks]
        there = front.decisions[block][:, tasks] + length[tasks][None, :, None] * move[block][:, tasks]
        _, share = problem.loss.evaluate(there, block)
        decisions[block][:, tasks], probabilities[block][:, tasks] = there, share
        residual = (share - front.probabilities[block][:, tasks]) * weights[:, :, None]
        return transposed_product(rows, residual.astype(rows.dtype)), _curvature(share, weights)

    changes, levels = zip(*problem.over_rows(part), strict=True)
    change[:, tasks] = total(list(changes))
    level[tasks] = total(list(levels)) / len(problem.rows)


def _curvature(probabilities: Float64Array, weights: Float64Array) -> Float64Array:
    """The sum over rows (n_tasks, n_coef_rows) of the second derivative in each label's own decision."""
    bent: Float64Array = np.einsum("ijk,ij->jk", probabilities * (1 - probabilities), weights)
    return bent


def _few(block: slice, width: int) -> list[slice]:
    """Rows of a block so few that what is worked out of their decisions, `width` each, stays in the cache."""
    step = max(1, _IN_CACHE // width)
    return [slice(low, min(low + step, block.stop)) for low in range(block.start, block.stop, step)]
