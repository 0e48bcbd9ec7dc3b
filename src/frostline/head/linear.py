"""A fitted logistic regression as two arrays, with what its decisions become: all that predicting needs.

Imports nothing heavier than numpy, so that `frostline predict` starts fast.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities, Rows, times
from frostline.errors import InputError
from frostline.targets import Answers, Kind, Label, Targets

Method: TypeAlias = Literal["temperature", "isotonic"]
Knots: TypeAlias = tuple[tuple[float, float], ...]
"""(probability before, probability after), both ascending, at least two."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How probabilities are made of decisions."""

    method: Method
    temperature: float = 1.0  # Decisions are divided by it; 1 for isotonic
    # For isotonic: one for two labels (of the second), else one per label; empty for temperature.
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
    shares = np.column_stack([_through(given[:, label], of_label) for label, of_label in enumerate(knots)])
    sums = shares.sum(axis=1, keepdims=True)
    result: Probabilities = np.where(sums > 0, shares / np.where(sums > 0, sums, 1.0), given)
    return result


def mapped_each(given: Probabilities, knots: tuple[Knots, ...]) -> Probabilities:
    """The same for labels that do not exclude each other: rows need no sum."""
    return np.column_stack([_through(given[:, label], of_label) for label, of_label in enumerate(knots)])


def _through(given: Float64Array, knots: Knots) -> Float64Array:
    before, after = np.array(knots, dtype=np.float64).T
    result: Float64Array = np.interp(given, before, after)
    return result


NO_ANSWER = -1
"""The code of a text that the rule leaves unanswered."""

PLAIN_THRESHOLD = 0.5


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How answers are made of probabilities."""

    # n_labels, or empty: One label per text: the label with the largest probability / threshold is taken, so that for
    # two labels (1 - t, t) means "the second from t on". Several labels per text: each from its own threshold on.
    # Empty: the most probable label, or every label from 0.5 on. Each is above 0 and below 1.
    thresholds: tuple[float, ...] = ()
    # The probability of what is taken must be at least this, or there is no answer; 0 always answers. Of several labels
    # per text it is that of the whole set (see `set_probability`).
    answer_from: float = 0.0

    def favoured(self, probabilities: Probabilities) -> IntArray:
        """The column of each text's label (n_texts,), sure or not; of equals, the first."""
        weighed = probabilities / np.array(self.thresholds) if self.thresholds else probabilities
        best: IntArray = weighed.argmax(axis=1)
        return best

    def codes(self, probabilities: Probabilities) -> IntArray:
        """The column of each text's label (n_texts,), or `NO_ANSWER`; of equals, the first."""
        best = self.favoured(probabilities)
        sure = probabilities[np.arange(len(best)), best] >= self.answer_from
        return np.where(sure, best, NO_ANSWER).astype(np.int64)

    def sets(self, probabilities: Probabilities) -> BoolArray:
        """Which labels each text has (n_texts, n_labels), sure or not."""
        limits = np.array(self.thresholds) if self.thresholds else PLAIN_THRESHOLD
        chosen: BoolArray = probabilities >= limits
        return chosen


def set_probability(probabilities: Probabilities, favoured: BoolArray) -> Float64Array:
    """The probability (n_texts,) that exactly these labels are right, as if each were right by itself."""
    product: Float64Array = np.where(favoured, probabilities, 1 - probabilities).prod(axis=1)
    return product


Link: TypeAlias = Literal["softmax", "logistic"]


def link_of(targets: Targets) -> Link:
    """What makes probabilities of decisions: labels that exclude each other have probabilities of sum 1."""
    return "softmax" if targets.exclusive else "logistic"


def decisions_for(probabilities: Float64Array, *, link: Link) -> Float64Array:
    """Decisions (n_texts, n_coef_rows) that come to these probabilities (n_texts, n_labels), where those are all."""
    kept = np.clip(probabilities, 1e-6, 1.0)
    logs: Float64Array = np.log(kept)
    if link == "logistic":
        return logs - np.log(np.clip(1 - probabilities, 1e-6, 1.0))
    return logs[:, 1:] - logs[:, :1] if logs.shape[1] == 2 else logs


def applied(rule: Rule, probabilities: Probabilities, *, link: Link) -> tuple[BoolArray, Float64Array]:
    """The labels that each text gets (n_texts, n_labels), sure or not, and the probability (n_texts,) of them all."""
    if link == "logistic":
        favoured = rule.sets(probabilities)
        return favoured, set_probability(probabilities, favoured)
    best, every = rule.favoured(probabilities), np.arange(len(probabilities))
    favoured = np.zeros(probabilities.shape, dtype=bool)
    favoured[every, best] = True
    return favoured, probabilities[every, best]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearHead:
    """Logistic regression over features as the encoder gives them: one label per text, or several.

    Standardisation, if there was any, is folded in: no scaler is needed to predict.
    """

    labels: tuple[Label, ...]  # n_labels: In column order
    # (n_coef_rows, n_features): One label per text: one row for two labels (towards the second), n_labels otherwise.
    # Several: n_labels.
    coef: Float64Array
    intercept: Float64Array  # (n_coef_rows,)
    link: Link = "softmax"  # Labels that exclude each other; labels of which a text may have any number
    calibration: Calibration | None = None  # None: probabilities are as the regression gives them
    rule: Rule | None = None  # None: the most probable label; each label from 0.5 on

    @property
    def n_features(self) -> int:
        """Columns that a row of features must have."""
        return int(self.coef.shape[1])

    @property
    def answers_sets(self) -> bool:
        """Whether a text may have any number of labels."""
        return self.link == "logistic"

    @property
    def kind(self) -> Kind:
        """As `Targets.kind`."""
        return "several labels" if self.answers_sets else "one label"

    @property
    def has_wished_rule(self) -> bool:
        """Whether its rule is more than a threshold for each of several labels, which it always has."""
        return self.rule is not None and (not self.answers_sets or self.rule.answer_from > 0)

    def decision_function(self, rows: Rows) -> Float64Array:
        """Log-odds (n_texts, n_coef_rows), float64, a text's the same whatever stands beside it; not calibrated."""
        if rows.shape[1] != self.n_features:
            raise InputError(f"Rows must have the head's {self.n_features:,} columns (got {rows.shape[1]:,}).")
        return times(rows, self.coef) + self.intercept

    def predict_proba(self, rows: Rows) -> Probabilities:
        """Probabilities (n_texts, n_labels), calibrated if the head is; labels that exclude each other sum to 1."""
        return self.probabilities(self.decision_function(rows))

    def probabilities(self, decisions: Float64Array) -> Probabilities:
        """Decisions (n_texts, n_coef_rows) as probabilities (n_texts, n_labels)."""
        return probabilities(decisions, link=self.link, calibration=self.calibration)

    def answer(self, probabilities: Probabilities, cut: BoolArray | None = None) -> Answers:
        """What the head says of texts with these probabilities (n_texts, n_labels).

        Parameters
        ----------
        probabilities : ndarray of shape (n_texts, n_labels)
        cut : ndarray of shape (n_texts,), dtype=bool, optional
            Whether the text is longer than the encoder can see; None: no text is.
        """
        rule = self.rule or Rule()
        favoured, sure = applied(rule, probabilities, link=self.link)
        return Answers(
            labels=self.labels,
            favoured=favoured,
            answered=sure >= rule.answer_from,
            probabilities=probabilities,
            cut=np.zeros(len(favoured), dtype=bool) if cut is None else cut,
            exclusive=not self.answers_sets,
        )

    def answers(self, probabilities: Probabilities) -> NDArray[Any]:
        """The label of each text (n_texts,), of the labels' own type, or a tuple of labels; None: not sure enough."""
        return self.named(self.answer(probabilities))

    def named(self, answer: Answers) -> NDArray[Any]:
        """What was answered, by the labels' names: see `answers`."""
        if self.answers_sets:
            sets = [
                tuple(label for label, has in zip(self.labels, row, strict=True) if has) if is_sure else None
                for row, is_sure in zip(answer.favoured.tolist(), answer.answered.tolist(), strict=True)
            ]
            answers: NDArray[Any] = np.empty(len(sets), dtype=object)
            answers[:] = sets
            return answers
        codes: IntArray = answer.favoured.argmax(axis=1)
        if self.rule is None or not self.rule.answer_from:
            return np.asarray(np.asarray(self.labels)[codes])
        return np.array([*self.labels, None], dtype=object)[np.where(answer.answered, codes, len(self.labels))]

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


def log_odds(decisions: Float64Array, column: int, *, link: Link) -> Float64Array:
    """Log-odds (n_texts,) of the label in `column` against all others, for decisions (n_texts, n_coef_rows)."""
    if link == "logistic":
        return decisions[:, column]
    if decisions.shape[1] == 1:
        return decisions[:, 0] if column == 1 else -decisions[:, 0]
    others = np.delete(decisions, column, axis=1)
    highest = others.max(axis=1)  # taken out, so that nothing overflows
    rest: Float64Array = highest + np.log(np.exp(others - highest[:, None]).sum(axis=1))
    return decisions[:, column] - rest
