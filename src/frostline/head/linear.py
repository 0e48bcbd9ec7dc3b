"""A fitted logistic regression as two arrays: all that predicting needs.

In:   features.
Out:  decisions, probabilities, labels.
Not:  fitting (solver.py, search.py). Imports nothing but numpy, so that `frostline predict` starts fast.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Features, Float64Array, IntArray, Probabilities

Label: TypeAlias = str | int | bool


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearHead:
    """Binary or multinomial logistic regression over features as the encoder gives them.

    Standardisation, if there was any, is folded in: no scaler is needed to predict.

    Parameters
    ----------
    labels : tuple of n_labels str, int or bool
        In column order.
    coef : ndarray of shape (n_coef_rows, n_features), dtype=float64
        One row for two labels (towards the second), n_labels otherwise.
    intercept : ndarray of shape (n_coef_rows,), dtype=float64
    """

    labels: tuple[Label, ...]
    coef: Float64Array
    intercept: Float64Array

    @property
    def n_features(self) -> int:
        """Columns that a row of features must have."""
        return int(self.coef.shape[1])

    def decision_function(self, rows: Features | Float64Array) -> Float64Array:
        """Log-odds (n_texts, n_coef_rows), float64."""
        decisions: Float64Array = rows.astype(np.float64) @ self.coef.T + self.intercept
        return decisions

    def predict_proba(self, rows: Features | Float64Array) -> Probabilities:
        """Probabilities (n_texts, n_labels): the logistic function, or the softmax for three labels and more."""
        return probabilities(self.decision_function(rows))

    def predict(self, rows: Features | Float64Array) -> NDArray[Any]:
        """The most probable label of each row: (n_texts,), of the labels' own type."""
        return np.asarray(self.labels)[winners(self.decision_function(rows))]


def probabilities(decisions: Float64Array) -> Probabilities:
    """Decisions (n_texts, n_coef_rows) as probabilities (n_texts, n_labels), without overflow."""
    if decisions.shape[1] == 1:
        decisions = np.hstack([np.zeros_like(decisions), decisions])
    shifted = np.exp(decisions - decisions.max(axis=1, keepdims=True))
    result: Probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return result


def winners(decisions: Float64Array) -> IntArray:
    """The column of the most probable label for decisions (n_texts, n_coef_rows)."""
    if decisions.shape[1] == 1:
        return (decisions[:, 0] > 0).astype(np.int64)
    best: IntArray = decisions.argmax(axis=1)
    return best
