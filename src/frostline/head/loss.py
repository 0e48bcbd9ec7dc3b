"""The logistic and the softmax loss of many problems at once: value, residual and curvature per row.

One exponential serves probability and loss. A row's weight in a problem is one number, (n_rows, n_problems), or, where
labels do not exclude each other and are weighed, one for each label: (n_rows, n_problems, n_coef_rows).
"""

from abc import ABC, abstractmethod
from typing import TypeVar, final

import numpy as np

from frostline.arrays import BoolArray, Float32Array, Float64Array, IntArray
from frostline.targets import Targets

Decisions = TypeVar("Decisions", Float32Array, Float64Array)


class Loss(ABC):
    """What a row costs, given its decisions: the log loss of its label."""

    is_coupled = False
    """Whether a row's decisions compete, so that adding one number to all of them changes nothing."""

    @property
    @abstractmethod
    def n_coef_rows(self) -> int:
        """Decisions per row."""

    @abstractmethod
    def evaluate(self, decisions: Float64Array, rows: slice) -> tuple[Float64Array, Float64Array]:
        """Log loss and probabilities of these rows; the loss is shaped as the weights are."""

    @abstractmethod
    def residual(self, probabilities: Float64Array, weights: Float64Array, rows: slice) -> Float64Array:
        """The loss's slope in the decisions."""

    @abstractmethod
    def bend(self, change: Decisions, probabilities: Decisions, curvature: Decisions) -> None:
        """Turn a change of the decisions, in place, into the change of the residual; curvature as from `curvature`."""

    @abstractmethod
    def curvature(self, probabilities: Decisions, weights: Decisions) -> Decisions:
        """The diagonal of the loss's second derivative in the decisions."""


def per_decision(weights: Decisions) -> Decisions:
    """Weights that broadcast over the decisions (n_rows, n_problems, n_coef_rows)."""
    return weights if weights.ndim == 3 else weights[:, :, None]


def weighed(losses: Float64Array, weights: Float64Array) -> Float64Array:
    """The weighted sum (n_problems,) of losses that are shaped as their weights."""
    total: Float64Array = np.einsum("ijk,ijk->j" if weights.ndim == 3 else "ij,ij->j", losses, weights)
    return total


def loss_of(targets: Targets, columns: IntArray, *, are_weighed: bool) -> "Loss":
    """What regressions on some labels lose: one regression where labels exclude each other, else one for each."""
    if not targets.exclusive:
        return LogisticEach(targets.members[:, columns], are_weighed=are_weighed)
    n_labels = len(targets.labels)
    return Logistic(targets.codes) if n_labels == 2 else Softmax(targets.codes, n_labels)


@final
class Logistic(Loss):
    """Two labels, one decision: log(1 + exp(-(2 label - 1) decision))."""

    n_coef_rows = 1

    def __init__(self, codes: IntArray) -> None:
        self._second = (codes == 1).astype(np.float64)[:, None, None]

    def evaluate(self, decisions: Float64Array, rows: slice) -> tuple[Float64Array, Float64Array]:
        """See `Loss`."""
        small = np.exp(-np.abs(decisions))
        loss = np.maximum(decisions, 0)
        loss -= self._second[rows] * decisions
        loss += np.log1p(small)
        probabilities = np.where(decisions >= 0, 1.0, small)
        small += 1
        probabilities /= small
        value: Float64Array = loss[:, :, 0]
        return value, probabilities

    def residual(self, probabilities: Float64Array, weights: Float64Array, rows: slice) -> Float64Array:
        """See `Loss`."""
        slope: Float64Array = probabilities - self._second[rows]
        slope *= per_decision(weights)
        return slope

    def bend(self, change: Decisions, probabilities: Decisions, curvature: Decisions) -> None:
        """See `Loss`."""
        del probabilities
        change *= curvature

    def curvature(self, probabilities: Decisions, weights: Decisions) -> Decisions:
        """See `Loss`."""
        return probabilities * (1 - probabilities) * per_decision(weights)


@final
class Softmax(Loss):
    """Three labels and more, a decision for each: log(sum(exp(decisions))) - the label's own decision."""

    is_coupled = True

    def __init__(self, codes: IntArray, n_labels: int) -> None:
        self._codes = codes
        self._n_labels = n_labels

    @property
    def n_coef_rows(self) -> int:
        """See `Loss`."""
        return self._n_labels

    def evaluate(self, decisions: Float64Array, rows: slice) -> tuple[Float64Array, Float64Array]:
        """See `Loss`."""
        top = decisions.max(axis=2, keepdims=True)
        probabilities = np.exp(decisions - top)
        total = probabilities.sum(axis=2, keepdims=True)
        of_label = np.take_along_axis(decisions, self._codes[rows][:, None, None], axis=2)
        probabilities /= total
        return (top + np.log(total) - of_label)[:, :, 0], probabilities

    def residual(self, probabilities: Float64Array, weights: Float64Array, rows: slice) -> Float64Array:
        """See `Loss`."""
        slope = probabilities.copy()
        codes = self._codes[rows]
        slope[np.arange(len(codes)), :, codes] -= 1
        slope *= per_decision(weights)
        return slope

    def bend(self, change: Decisions, probabilities: Decisions, curvature: Decisions) -> None:
        """See `Loss`."""
        change -= np.einsum("ijk,ijk->ij", probabilities, change)[:, :, None]
        change *= curvature

    def curvature(self, probabilities: Decisions, weights: Decisions) -> Decisions:
        """See `Loss`."""
        return probabilities * per_decision(weights)


@final
class LogisticEach(Loss):
    """Labels of which a row may have any number, a decision for each: the sum of their logistic losses.

    Where labels are weighed the losses stay apart: (n_rows, n_problems, n_coef_rows).
    """

    def __init__(self, members: BoolArray, *, are_weighed: bool = False) -> None:
        self._members = members
        self._are_weighed = are_weighed

    @property
    def n_coef_rows(self) -> int:
        """See `Loss`."""
        return int(self._members.shape[1])

    def evaluate(self, decisions: Float64Array, rows: slice) -> tuple[Float64Array, Float64Array]:
        """See `Loss`."""
        small = np.exp(-np.abs(decisions))
        loss = np.log1p(small)
        loss += np.maximum(np.where(self._members[rows][:, None, :], -decisions, decisions), 0)
        probabilities = np.where(decisions >= 0, 1.0, small)
        small += 1
        probabilities /= small
        value: Float64Array = loss if self._are_weighed else loss.sum(axis=2)
        return value, probabilities

    def residual(self, probabilities: Float64Array, weights: Float64Array, rows: slice) -> Float64Array:
        """See `Loss`."""
        slope: Float64Array = probabilities - self._members[rows][:, None, :]
        slope *= per_decision(weights)
        return slope

    def bend(self, change: Decisions, probabilities: Decisions, curvature: Decisions) -> None:
        """See `Loss`."""
        del probabilities
        change *= curvature

    def curvature(self, probabilities: Decisions, weights: Decisions) -> Decisions:
        """See `Loss`."""
        return probabilities * (1 - probabilities) * per_decision(weights)
