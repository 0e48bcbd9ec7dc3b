"""Tasks brought near their minima by quasi-Newton steps: one pass through the rows each.

Newton's equations solved by conjugate gradients throw away at each step what the last one found. Here all that was
learned of the curvature is kept (`Memory`), also from one C to the next, and it mends a first approximation that is
shared by everything (curvature.py). In one pass a block of rows gives the decisions along the step, the losses there
and the change of the gradient, which is exact to float32 of the *change*, so that rounding does not grow.
"""

from dataclasses import dataclass, field
from typing import final

import numpy as np

from frostline.arrays import Float32Array, Float64Array, IntArray
from frostline.head.curvature import Apart, Factors, factors_of, stands_apart
from frostline.head.loss import per_decision, weighed
from frostline.head.problem import Front, Problem, Tasks, flat, front_of, pieces_of, total, transposed_product
from frostline.head.sparse import Block, Product

_LEAST_CURVATURE = 1e-6  # cosine between a step and its change of the gradient below which rounding made the change


@final
@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of vectors of `size` numbers, no more than fit: the newest replaces the oldest."""

    penalty: Float32Array  # (size,): Of the task's coefficients; part of `changes`
    # `steps`, `changes`: (capacity, size): Steps scaled to length 1, and the changes of the gradient along them.
    steps: Float32Array
    changes: Float32Array
    dots: Float64Array  # (capacity, capacity): Of each step with each change
    order: list[int] = field(default_factory=list)  # The places in use, from the oldest pair to the newest

    def add(self, step: Float32Array, change: Float32Array) -> None:
        """Remember a step (size,) and the change of the gradient (size,) along it, unless rounding made the change."""
        length = np.linalg.norm(step)
        if not length > 0:
            return
        step, change = step / length, change / length
        bend = float(step @ change)
        if not bend > _LEAST_CURVATURE * float(np.linalg.norm(change)):
            return
        n_pairs = len(self.order)
        place = self.order.pop(0) if n_pairs == len(self.steps) else n_pairs
        self.order.append(place)
        self.steps[place], self.changes[place] = step, change
        used = slice(len(self.order))
        self.dots[place, used] = self.changes[used] @ step
        self.dots[used, place] = self.steps[used] @ change
        self.dots[place, place] = bend

    def before(self, gradient: Float32Array) -> tuple[Float32Array, Float64Array]:
        """The gradient (size,) as the first approximation is to see it, and what `after` needs."""
        if not self.order:
            return gradient, np.empty(0)
        along = (self.steps[: len(self.order)] @ gradient)[self.order].astype(np.float64)
        share = np.asarray(np.linalg.solve(np.triu(self._ordered()), along), dtype=np.float64)
        left: Float32Array = gradient - self._combined(self.changes, share)
        return left, share

    def after(self, solved: Float32Array, share: Float64Array) -> Float32Array:
        """The first approximation's answer (size,) as the whole approximation's."""
        if not self.order:
            return solved
        dots = self._ordered()
        along = (self.changes[: len(self.order)] @ solved)[self.order].astype(np.float64)
        more = np.asarray(np.linalg.solve(np.triu(dots).T, dots.diagonal() * share - along), dtype=np.float64)
        result: Float32Array = solved + self._combined(self.steps, more)
        return result

    def _ordered(self) -> Float64Array:
        return np.asarray(self.dots[np.ix_(self.order, self.order)])

    def _combined(self, vectors: Float32Array, shares: Float64Array) -> Float32Array:
        """The sum of the vectors, which are in places, times the shares, which are in order."""
        by_place = np.empty(len(shares), dtype=np.float32)
        by_place[self.order] = shares
        combined: Float32Array = by_place @ vectors[: len(shares)]
        return combined


def no_pairs(capacity: int, penalty: Float32Array) -> Pairs:
    """Room for `capacity` pairs of a task with this penalty (size,)."""
    steps = np.empty((capacity, len(penalty)), dtype=np.float32)
    return Pairs(penalty, steps, np.empty_like(steps), np.zeros((capacity, capacity)))


def pairs_for(known: Pairs, capacity: int, penalty: Float32Array) -> Pairs:
    """A copy of known pairs, the newest of them if they are too many, for a task with another penalty (size,)."""
    result = no_pairs(capacity, penalty)
    kept = known.order[-capacity:]
    used = slice(len(kept))
    result.order.extend(range(len(kept)))
    result.steps[used] = known.steps[kept]
    result.changes[used] = known.changes[kept] + result.steps[used] * (penalty - known.penalty)
    result.dots[used, used] = result.steps[used] @ result.changes[used].T
    return result


_OVER = 0.9  # share of the slope that may be left behind the minimum
_SHORT = 0.9  # the same before it
_FALL = 1e-4  # share of the slope by which the value must fall
_TRIES = 20
_IN_CACHE = 48_000  # decisions, of which some five arrays are alive
_LONGEST = 10.0  # times as long as the last try


@final
@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """What one pass did."""

    length: Float64Array  # (n_tasks,): Times the direction; 0 where the objective does not fall along it
    # (n_features + 1, n_tasks, n_coef_rows): Of the gradient of the losses alone, without the penalty.
    change: Float32Array
    level: Float64Array  # (n_tasks, n_coef_rows): Mean curvature of the rows where the tasks are now
    # (n_tasks,): The length that the slopes at 0 and at 1 point to: far from 1 where the direction was of the wrong
    # scale.
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
    """Move each task of the front along its direction (n_features + 1, n_tasks, n_coef_rows), as far as is good.

    Its coefficients and its gradient change in place; `direction` becomes the step that was taken.
    """
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
            bent *= per_decision(weights)
            residual[few.start - block.start : few.stop - block.start] = bent
            slope += np.einsum("ijk,ijk->j", bent, move[few])
            value += weighed(losses, weights)
            level += _curvature(probabilities[few], weights)
        return transposed_product(rows, residual), value, slope, level

    changes, values, slopes, levels = zip(*problem.over_rows(part), strict=True)
    begun, penalty = _slopes(problem, front, direction)
    seen = _Seen(total(list(values)) + penalty.value(1.0), begun + total(list(slopes)) + penalty.bend)
    change, level = total(list(changes)), np.asarray(total(list(levels)) / len(problem.rows))
    guess = begun / np.minimum(begun - seen.slope, 0.1 * begun)
    length = np.ones(len(every))
    other = np.flatnonzero(~_is_good(front.value, begun, length, seen))
    if len(other):
        chosen, redone = _searched(problem, front, move, penalty, other, begun=begun, first=seen)
        length[other], seen.value[other] = chosen, redone
        _redo(problem, front, other, (length, move, decisions, probabilities, change, level))
    front.decisions, front.probabilities, front.value = decisions, probabilities, seen.value
    _move(problem, front, direction, length, change)
    return Walk(length, change, level, guess)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Penalty:
    """The penalty along a direction, a parabola for each task."""

    level: Float64Array
    slant: Float64Array
    bend: Float64Array

    def value(self, length: Float64Array | float) -> Float64Array:
        return np.asarray(self.level + length * (self.slant + 0.5 * length * self.bend))

    def slope(self, length: Float64Array | float) -> Float64Array:
        return np.asarray(self.slant + length * self.bend)

    def only(self, tasks: IntArray) -> "_Penalty":
        return _Penalty(self.level[tasks], self.slant[tasks], self.bend[tasks])


def _slopes(problem: Problem, front: Front, direction: Float32Array) -> tuple[Float64Array, _Penalty]:
    """Each task's slope along a direction where it stands, and its penalty along it."""

    def part(block: slice) -> Float64Array:
        coef, penalty = front.coef[block], front.penalty[block]
        n = len(penalty)  # the intercept has none
        step = direction[block][:n].astype(np.float64)
        weighted = penalty[:, :, None] * step
        return np.stack(
            [
                np.einsum("ijk,ijk->j", front.gradient[block], direction[block]),
                0.5 * np.einsum("ij,ijk,ijk->j", penalty, coef[:n], coef[:n]),
                np.einsum("ijk,ijk->j", weighted, coef[:n]),
                np.einsum("ijk,ijk->j", weighted, step),
            ]
        )

    begun, level, slant, bend = total(problem.crew.map(part, pieces_of(direction)))
    return begun, _Penalty(level, slant, bend)


def _move(problem: Problem, front: Front, direction: Float32Array, length: Float64Array, change: Float32Array) -> None:
    """Take the step, in place."""

    def part(block: slice) -> None:
        step, penalty = length[None, :, None] * direction[block], front.penalty[block]
        direction[block] *= length.astype(direction.dtype)[None, :, None]
        front.coef[block] += step
        gradient = front.gradient[block]
        gradient += change[block]
        gradient[: len(penalty)] += penalty[:, :, None] * step[: len(penalty)]

    problem.crew.map(part, pieces_of(direction))


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
        return weighed(losses, weights), np.einsum("ijk,ijk->j", residual, own)

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
        residual = (share - front.probabilities[block][:, tasks]) * per_decision(weights)
        return transposed_product(rows, residual.astype(rows.dtype)), _curvature(share, weights)

    changes, levels = zip(*problem.over_rows(part), strict=True)
    change[:, tasks] = total(list(changes))
    level[tasks] = total(list(levels)) / len(problem.rows)


def _curvature(probabilities: Float64Array, weights: Float64Array) -> Float64Array:
    """The sum over rows (n_tasks, n_coef_rows) of the second derivative in each label's own decision."""
    terms = "ijk,ijk->jk" if weights.ndim == 3 else "ijk,ij->jk"
    bent: Float64Array = np.einsum(terms, probabilities * (1 - probabilities), weights)
    return bent


def _few(block: slice, width: int) -> list[slice]:
    """Rows of a block so few that what is worked out of their decisions, `width` each, stays in the cache."""
    step = max(1, _IN_CACHE // width)
    return [slice(low, min(low + step, block.stop)) for low in range(block.start, block.stop, step)]


_MOST_PAIRS = 40  # twenty take a sixth more iterations, eighty as many
_LEAST_PAIRS = 6
_PAIR_BYTES = 96 << 20  # of all tasks' pairs
_LOOKS = (0, 3, 9)  # passes, and every ninth, after which many labels' own rows are looked at anew
_PAIRS_APART = 12  # pairs where they are: what is left to learn is little
_PATIENCE = 25  # passes in which the slowest task must come nearer by `_NEARER`
_NEARER = 0.4
_RESCALE = (0.3, 2.0)  # by which the first approximation's scale may change from one pass to the next
_SCALES = (0.02, 2.0)


@final
@dataclass(slots=True, eq=False)
class Memory:
    """What tasks leave to tasks of neighbouring C on the same problem."""

    factors: Factors | None = None  # None before the first task
    pairs: dict[int, Pairs] = field(default_factory=dict)
    scale: dict[int, float] = field(default_factory=dict)  # What the first approximation was to be multiplied by

    @property
    def gram(self) -> np.ndarray | None:
        """As from `gram_of`."""
        return None if self.factors is None else self.factors.gram


@final
@dataclass(slots=True, eq=False)
class _First:
    """The first approximation, as the tasks move: of the labels' mean curvature; of many, of their own rows too."""

    factors: Factors
    level: Float64Array  # (n_tasks, n_coef_rows): Mean curvature
    places: IntArray | None = None  # (n_tasks, n_coef_rows): Which factor serves each
    apart: Apart | None = None
    looked_at: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # The tasks, when `apart` was made

    def keep(self, keep: np.ndarray) -> None:
        """Go on without the tasks that have arrived."""
        self.level = self.level[keep]
        self.places = None if self.places is None else self.places[keep]

    def look(self, front: Front, taken: int) -> None:
        """See where many labels bend, after so many passes."""
        if stands_apart(self.factors.problem) and (taken in _LOOKS or taken % _LOOKS[-1] == 0):
            self.apart, self.looked_at = self.factors.apart(front), front.index

    def apply(self, front: Front, gradient: np.ndarray, scale: Float64Array) -> np.ndarray:
        """The approximate inverse times (n_features + 1, n_tasks, n_coef_rows), each task's times its scale."""
        if self.apart is not None:
            return self.apart.apply(gradient, np.searchsorted(self.looked_at, front.index), scale)
        self.places = self.factors.places(self.level, front.tasks.C, self.places)
        return self.factors.apply(gradient, self.level / scale[:, None], self.places)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Approach:
    """How far the tasks came: as in newton.Minimum, the gradient judged in float32."""

    coef: Float64Array
    relative_gradient: Float64Array
    arrived: np.ndarray
    passes: int


def approach(  # noqa: PLR0913 - the tasks, what is known before, and when to end
    problem: Problem,
    tasks: Tasks,
    start: Float64Array,
    *,
    memory: Memory,
    gram: np.ndarray | None,
    tolerance: float,
    passes: int,
) -> Approach:
    """Bring the tasks from `start` (n_features + 1, n_tasks, n_coef_rows) to a relative gradient of `tolerance`."""
    if memory.factors is None:
        memory.factors = factors_of(problem, gram)
    front = front_of(problem, tasks, start.copy(), exact=False)
    pairs = _pairs(problem, front, memory)
    coef, relative = start.copy(), np.zeros(len(tasks))
    arrived = np.zeros(len(tasks), dtype=bool)
    first = _First(memory.factors, level_of(problem, front))
    scale = np.array([memory.scale.get(int(fold), 1.0) for fold in tasks.folds])
    best, idle = np.inf, 0
    for taken in range(passes + 1):
        norm = problem.own_norm(front.gradient, front.tasks.folds)
        relative[front.index] = norm / problem.start_norm[front.tasks.folds]
        slowest = float(relative[front.index].max())
        best, idle = (slowest, 0) if slowest < _NEARER * best else (best, idle + 1)
        here = relative[front.index] <= tolerance
        arrived[front.index] = here
        if here.all() or taken == passes or idle == _PATIENCE:
            break
        if here.any():
            coef[:, front.index[here]] = front.coef[:, here]
            front = front.kept(~here)
            first.keep(~here)
        first.look(front, taken)
        direction = _direction(problem, front, pairs, first, scale[front.index])
        moved = walk(problem, front, direction)
        first.level = moved.level
        _remember(problem, front, pairs, direction, moved.change)
        scale[front.index] = np.clip(scale[front.index] * np.clip(moved.guess, *_RESCALE), *_SCALES)
        if not moved.length.any():
            break
    coef[:, front.index] = front.coef
    for task in np.argsort(tasks.C, kind="stable"):
        memory.pairs[int(tasks.folds[task])], memory.scale[int(tasks.folds[task])] = pairs[task], float(scale[task])
    return Approach(coef, relative, arrived, taken)


def _pairs(problem: Problem, front: Front, memory: Memory) -> list[Pairs]:
    """What each task can start with: the pairs of the task before of the same fold."""
    n_coef_rows = problem.loss.n_coef_rows
    size = len(front.coef) * n_coef_rows
    n_kept = len(front.tasks)
    most = _MOST_PAIRS
    if stands_apart(problem):  # tasks go one after the other, and all folds' pairs are kept
        n_kept, most = problem.weights.shape[1], _PAIRS_APART
    capacity = min(most, max(_LEAST_PAIRS, _PAIR_BYTES // (8 * size * n_kept)))

    def prepared(task: int) -> Pairs:
        penalty = np.repeat(np.append(front.penalty[:, task], 0.0), n_coef_rows).astype(np.float32)
        known = memory.pairs.get(int(front.tasks.folds[task]))
        return no_pairs(capacity, penalty) if known is None else pairs_for(known, capacity, penalty)

    return problem.crew.map(prepared, range(len(front.tasks)))


def _direction(problem: Problem, front: Front, pairs: list[Pairs], first: _First, scale: Float64Array) -> np.ndarray:
    """Downhill for each task (n_features + 1, n_tasks, n_coef_rows), float32; scale is (n_tasks,)."""
    crew, pieces = problem.crew, pieces_of(front.gradient)
    largest = crew.map(lambda block: np.abs(front.gradient[block]).max(axis=(0, 2)), pieces)
    unit = np.max(largest, axis=0)  # float32 would not hold what class weights of 1e30 make
    gradient = np.empty_like(front.gradient, dtype=np.float32)

    def narrowed(block: slice) -> None:
        np.divide(front.gradient[block], unit[None, :, None], out=gradient[block], casting="same_kind")

    def begun(task: int) -> Float64Array:
        left, share = pairs[int(front.index[task])].before(gradient[:, task].ravel())
        gradient[:, task] = left.reshape(gradient[:, task].shape)
        return share

    crew.map(narrowed, pieces)
    shares = crew.map(begun, range(len(front.tasks)))
    solved, result = first.apply(front, gradient, scale), gradient

    def ended(task: int) -> None:
        answer = pairs[int(front.index[task])].after(solved[:, task].ravel(), shares[task])
        own = result[:, task]
        np.multiply(answer.reshape(own.shape), -unit[task], out=own, casting="same_kind")

    def centred(block: slice) -> None:
        result[block] -= result[block].mean(axis=2, keepdims=True)

    crew.map(ended, range(len(front.tasks)))
    if problem.loss.is_coupled:
        crew.map(centred, pieces)
    return result


def _remember(problem: Problem, front: Front, pairs: list[Pairs], steps: np.ndarray, changes: np.ndarray) -> None:
    def added(task: int) -> None:
        change = changes[:, task].copy()
        change[:-1] += front.penalty[:, task, None].astype(np.float32) * steps[:-1, task]
        pairs[int(front.index[task])].add(steps[:, task].ravel(), change.ravel())

    problem.crew.map(added, range(len(front.tasks)))
