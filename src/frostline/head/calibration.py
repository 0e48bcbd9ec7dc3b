"""Probabilities that mean what they say: what a head's decisions become once they were calibrated.

In:   decisions, as a head gives them.
Out:  probabilities.
Not:  fitting it (fitting.py): this is all that predicting needs.

Two shapes are known. A temperature divides every decision by one number. An isotonic map takes each label's
probability, uncalibrated, to a calibrated one, by straight lines between knots; the rows are then brought to sum 1.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import Float64Array, Probabilities

Method: TypeAlias = Literal["temperature", "isotonic"]
Knots: TypeAlias = tuple[tuple[float, float], ...]
"""(probability before, probability after), both ascending, at least two."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How probabilities are made of decisions.

    Parameters
    ----------
    method : {"temperature", "isotonic"}
    temperature : float
        Decisions are divided by it; 1 for isotonic.
    knots : tuple of Knots
        For isotonic: one for two labels (of the second), else one per label; empty for temperature.
    """

    method: Method
    temperature: float = 1.0
    knots: tuple[Knots, ...] = ()


def logistic(decisions: Float64Array) -> Float64Array:
    """1 / (1 + exp(-decision)), elementwise, without overflow."""
    small = np.exp(-np.abs(decisions))
    result: Float64Array = np.where(decisions >= 0, 1.0, small) / (1.0 + small)
    return result


def softmax(decisions: Float64Array) -> Probabilities:
    """Decisions (n_texts, n_coef_rows) as probabilities (n_texts, n_labels); one coefficient row means two labels."""
    if decisions.shape[1] == 1:
        decisions = np.hstack([np.zeros_like(decisions), decisions])
    shifted = np.exp(decisions - decisions.max(axis=1, keepdims=True))
    result: Probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return result


def mapped(given: Probabilities, knots: tuple[Knots, ...]) -> Probabilities:
    """Probabilities (n_texts, n_labels) of one label per text, through its isotonic map, each row brought to sum 1."""
    if len(knots) == 1:
        second = _through(given[:, 1], knots[0])
        return np.column_stack([1.0 - second, second])
    found = np.column_stack([_through(given[:, label], own) for label, own in enumerate(knots)])
    sums = found.sum(axis=1, keepdims=True)
    result: Probabilities = np.where(sums > 0, found / np.where(sums > 0, sums, 1.0), given)
    return result


def mapped_each(given: Probabilities, knots: tuple[Knots, ...]) -> Probabilities:
    """The same for labels that do not exclude each other: rows need no sum."""
    return np.column_stack([_through(given[:, label], own) for label, own in enumerate(knots)])


def _through(given: Float64Array, knots: Knots) -> Float64Array:
    before, after = np.array(knots, dtype=np.float64).T
    result: Float64Array = np.interp(given, before, after)
    return result
