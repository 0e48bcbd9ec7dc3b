"""Steps taken and what they did to the gradient: what a quasi-Newton method remembers of one task.

In:   steps and changes of the gradient, in the order they were made.
Out:  the two halves of the product of the approximate inverse with a gradient.
Not:  the first approximation between the halves (factors.py), how far to go (quasi.py).

Nocedal (1980), Updating quasi-Newton matrices with limited storage. The two loops are written as triangular systems,
so that they are products with the remembered steps. The penalty's part is known, so pairs serve neighbouring C too.
"""

from dataclasses import dataclass, field
from typing import final

import numpy as np

from frostline.arrays import Float32Array, Float64Array

_LEAST_CURVATURE = 1e-6  # cosine between a step and its change of the gradient below which rounding made the change


@final
@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of vectors of `size` numbers, no more than fit: the newest replaces the oldest.

    Parameters
    ----------
    penalty : ndarray of shape (size,), dtype=float32
        Of the task's coefficients; part of `changes`.
    steps, changes : ndarray of shape (capacity, size), dtype=float32
        Steps scaled to length 1, and the changes of the gradient along them.
    dots : ndarray of shape (capacity, capacity), dtype=float64
        Of each step with each change.
    order : list of int
        The places in use, from the oldest pair to the newest.
    """

    penalty: Float32Array
    steps: Float32Array
    changes: Float32Array
    dots: Float64Array
    order: list[int] = field(default_factory=list)

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
