"""How good predictions are on rows that took no part in the training, each figure with its n and interval.

In:   probabilities (n_texts, n_labels), the true codes (n_texts,), the labels in column order.
Out:  an `Evaluation`: accuracy, macro F1, log loss, confusion matrix, a score per label.
Not:  which rows those are (data/split.py, validation.py); how the intervals are made (intervals.py). No scikit-learn.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import IntArray, Probabilities
from frostline.errors import InputError, shown
from frostline.evaluate.intervals import (
    SMALLEST_PROBABILITY,
    Interval,
    f1_interval,
    macro_f1_interval,
    mean_interval,
    wilson,
)
from frostline.head.linear import Label


@final
@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that is never alone.

    Parameters
    ----------
    value : float
    interval : (float, float)
        95 %.
    n : int
        The rows it rests on: the denominator of a proportion, else all test rows.
    method : str
        How the interval was made.
    """

    value: float
    interval: Interval
    n: int
    method: str


@final
@dataclass(frozen=True, slots=True)
class LabelScore:
    """The scores of one label; None where there is nothing to divide by.

    Parameters
    ----------
    label : str, int or bool
    precision : Estimate or None
        None if the label was never predicted.
    recall : Estimate or None
        None if no test row has the label.
    f1 : Estimate or None
        None if neither.
    support : int
        Test rows with this label.
    """

    label: Label
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None
    support: int


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Everything measured on one set of test rows.

    Parameters
    ----------
    labels : tuple of n_labels str, int or bool
        In column order.
    n : int
        Test rows, at least 1.
    accuracy, macro_f1, log_loss : Estimate
        Macro F1 is the mean over the labels that occur in the test rows or among the predictions, as in
        scikit-learn; log loss is in nats.
    confusion : ndarray of shape (n_labels, n_labels), dtype=int64
        Row: the true label; column: the predicted one.
    per_label : tuple of n_labels LabelScore
    """

    labels: tuple[Label, ...]
    n: int
    accuracy: Estimate
    macro_f1: Estimate
    log_loss: Estimate
    confusion: IntArray
    per_label: tuple[LabelScore, ...]


def evaluate(
    probabilities: Probabilities, codes: IntArray, *, labels: Sequence[Label], predicted: IntArray | None = None
) -> Evaluation:
    """Everything measured on the test rows.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        Rows sum to 1.
    codes : ndarray of shape (n_texts,), dtype=int64
        Column of each row's true label (see `label_codes`).
    labels : sequence of n_labels str, int or bool
    predicted : ndarray of shape (n_texts,), dtype=int64, optional
        The column of the label that each row is given, where thresholds choose it; otherwise the most probable one, of
        equals the first. Rows that a rule leaves unanswered count here with the label they would have been given:
        what abstaining does is told beside it (answers.py).

    Raises
    ------
    InputError
        No rows, shapes that do not fit, a code that is no column, or probabilities that are not finite.
    """
    _check(probabilities, codes, n_labels=len(labels))
    given = probabilities.argmax(axis=1) if predicted is None else predicted
    confusion = confusion_matrix(given, codes, n_labels=len(labels))
    return Evaluation(
        labels=tuple(labels),
        n=len(codes),
        accuracy=accuracy(confusion),
        macro_f1=macro_f1(confusion),
        log_loss=log_loss(probabilities, codes),
        confusion=confusion,
        per_label=tuple(label_score(confusion, column, label) for column, label in enumerate(labels)),
    )


def label_codes(found: Sequence[Label], labels: Sequence[Label]) -> IntArray:
    """The column of each label in `found` (n_texts,).

    Raises
    ------
    InputError
        A label the classifier never saw. Its rows could only be counted as wrong, and their log loss is infinite, so
        the choice is left to whoever knows why they are there.
    """
    columns = {label: column for column, label in enumerate(labels)}
    unseen = Counter(label for label in found if label not in columns)
    if unseen:
        named = ", ".join(f"{shown(label)} ({count:,} rows)" for label, count in unseen.most_common(5))
        known = ", ".join(shown(label) for label in labels[:10]) + (", …" if len(labels) > 10 else "")
        raise InputError(
            f"Every label of the test rows must be one the classifier learned: {known} (got {named}).",
            hint="Leave those rows out, or train on rows that have the label.",
        )
    return np.fromiter((columns[label] for label in found), dtype=np.int64, count=len(found))


def confusion_matrix(predicted: IntArray, codes: IntArray, *, n_labels: int) -> IntArray:
    """Counts (n_labels, n_labels): row the true label, column the predicted one."""
    cells = np.bincount(codes * n_labels + predicted, minlength=n_labels * n_labels)
    return cells.reshape(n_labels, n_labels).astype(np.int64)


def accuracy(confusion: IntArray) -> Estimate:
    """The share of rows on the diagonal."""
    return _share(int(np.trace(confusion)), int(confusion.sum()))


def macro_f1(confusion: IntArray) -> Estimate:
    """The mean F1 of the labels that are true or predicted of at least one row."""
    occurring = np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))
    kept = confusion[np.ix_(occurring, occurring)]
    scores = 2 * np.diagonal(kept) / (kept.sum(axis=0) + kept.sum(axis=1))
    return Estimate(
        float(scores.mean()), macro_f1_interval(kept), int(confusion.sum()), "MOVER over the labels' intervals"
    )


def log_loss(probabilities: Probabilities, codes: IntArray) -> Estimate:
    """The mean of -log(probability of the true label), in nats."""
    given = probabilities[np.arange(len(codes)), codes]
    losses = -np.log(np.clip(given.astype(np.float64), SMALLEST_PROBABILITY, 1.0))
    return Estimate(float(losses.mean()), mean_interval(losses), len(codes), "t, skewness removed (Hall)")


def label_score(confusion: IntArray, column: int, label: Label) -> LabelScore:
    """Precision, recall and F1 of the label in `column`."""
    hits = int(confusion[column, column])
    predicted, support = int(confusion[:, column].sum()), int(confusion[column].sum())
    relevant = predicted + support - hits
    f1 = None
    if relevant:
        f1 = Estimate(2 * hits / (predicted + support), f1_interval(hits, relevant), relevant, "Wilson, transformed")
    return LabelScore(
        label=label,
        precision=_share(hits, predicted) if predicted else None,
        recall=_share(hits, support) if support else None,
        f1=f1,
        support=support,
    )


def _share(successes: int, n: int) -> Estimate:
    return Estimate(successes / n, wilson(successes, n), n, "Wilson")


def _check(probabilities: Probabilities, codes: IntArray, *, n_labels: int) -> None:
    if len(codes) == 0:
        raise InputError("An evaluation needs at least one test row (got none).")
    if probabilities.shape != (len(codes), n_labels):
        raise InputError(
            f"Probabilities must be of shape {(len(codes), n_labels)}, texts by labels (got {probabilities.shape})."
        )
    if codes.min() < 0 or codes.max() >= n_labels:
        raise InputError(f"Codes must lie between 0 and {n_labels - 1} (got {codes.min()} to {codes.max()}).")
    bad = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(bad):
        raise InputError(f"Probabilities must be finite ({len(bad):,} rows are not, the first is row {bad[0]}).")
