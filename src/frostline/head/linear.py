"""A fitted logistic regression as two arrays, with what its decisions become: all that predicting needs.

In:   features.
Out:  decisions, probabilities, labels.
Not:  fitting (newton.py, search.py, fitting.py). Imports nothing but numpy, so that `frostline predict` starts fast.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Float64Array, IntArray, Probabilities
from frostline.errors import InputError
from frostline.head.calibration import Calibration, logistic, mapped, mapped_each, softmax
from frostline.head.rule import NO_ANSWER, Rule
from frostline.rows import JoinedRows, Rows

Label: TypeAlias = str | int | bool
Link: TypeAlias = Literal["softmax", "logistic"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearHead:
    """Logistic regression over features as the encoder gives them: one label per text, or several.

    Standardisation, if there was any, is folded in: no scaler is needed to predict.

    Parameters
    ----------
    labels : tuple of n_labels str, int or bool
        In column order.
    coef : ndarray of shape (n_coef_rows, n_features), dtype=float64
        One label per text: one row for two labels (towards the second), n_labels otherwise. Several: n_labels.
    intercept : ndarray of shape (n_coef_rows,), dtype=float64
    link : {"softmax", "logistic"}
        Labels that exclude each other; labels of which a text may have any number.
    calibration : Calibration or None
        None: probabilities are as the regression gives them.
    rule : Rule or None
        None: the most probable label; each label from 0.5 on.
    """

    labels: tuple[Label, ...]
    coef: Float64Array
    intercept: Float64Array
    link: Link = "softmax"
    calibration: Calibration | None = None
    rule: Rule | None = None

    @property
    def n_features(self) -> int:
        """Columns that a row of features must have."""
        return int(self.coef.shape[1])

    def decision_function(self, rows: Rows) -> Float64Array:
        """Log-odds (n_texts, n_coef_rows), float64; calibration does not touch them."""
        if rows.shape[1] != self.n_features:
            raise InputError(f"Rows must have the head's {self.n_features:,} columns (got {rows.shape[1]:,}).")
        product = rows.times(self.coef) if isinstance(rows, JoinedRows) else rows.astype(np.float64) @ self.coef.T
        decisions: Float64Array = product + self.intercept
        return decisions

    def predict_proba(self, rows: Rows) -> Probabilities:
        """Probabilities (n_texts, n_labels), calibrated if the head is; labels that exclude each other sum to 1."""
        return self.probabilities(self.decision_function(rows))

    def probabilities(self, decisions: Float64Array) -> Probabilities:
        """Decisions (n_texts, n_coef_rows) as probabilities (n_texts, n_labels)."""
        return probabilities(decisions, link=self.link, calibration=self.calibration)

    def answers(self, probabilities: Probabilities) -> NDArray[Any]:
        """The label of each text (n_texts,), of the labels' own type, or None; several: a tuple of labels each."""
        rule = self.rule or Rule()
        if self.link == "logistic":
            sets = [
                tuple(label for label, has in zip(self.labels, row, strict=True) if has)
                for row in rule.sets(probabilities).tolist()
            ]
            found = np.empty(len(sets), dtype=object)
            found[:] = sets
            return found
        codes = rule.codes(probabilities)
        if not rule.answer_from:
            return np.asarray(self.labels)[codes]
        return np.array([*self.labels, None], dtype=object)[np.where(codes == NO_ANSWER, len(self.labels), codes)]

    def predict(self, rows: Rows) -> NDArray[Any]:
        """The answer for each row: see `answers`."""
        return self.answers(self.predict_proba(rows))


def probabilities(
    decisions: Float64Array, *, link: Link = "softmax", calibration: Calibration | None = None
) -> Probabilities:
    """Decisions (n_texts, n_coef_rows) as probabilities (n_texts, n_labels), without overflow."""
    if calibration is not None and calibration.method == "temperature":
        decisions = decisions / calibration.temperature
    plain = softmax(decisions) if link == "softmax" else logistic(decisions)
    if calibration is None or calibration.method == "temperature":
        return plain
    return mapped(plain, calibration.knots) if link == "softmax" else mapped_each(plain, calibration.knots)


def winners(decisions: Float64Array) -> IntArray:
    """The column of the most probable label for decisions (n_texts, n_coef_rows)."""
    if decisions.shape[1] == 1:
        return (decisions[:, 0] > 0).astype(np.int64)
    best: IntArray = decisions.argmax(axis=1)
    return best
