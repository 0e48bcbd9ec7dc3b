"""What a head that may leave texts unanswered does: how many it answers, and how many of the answers are right.

In:   the answers as codes (`NO_ANSWER` among them), the true codes.
Out:  `AnswerScores`.
Not:  scores of all rows, answered or not (metrics.py): those stand beside these and are never replaced by them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import IntArray
from frostline.evaluate.intervals import wilson
from frostline.evaluate.metrics import Estimate, LabelScore, confusion_matrix, label_score, macro_f1
from frostline.head.linear import Label
from frostline.head.rule import NO_ANSWER


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerScores:
    """How a rule did on one set of rows.

    Parameters
    ----------
    n : int
        Rows, answered or not.
    coverage : Estimate
        The share answered.
    precision : Estimate or None
        The share of the answers that are right; None if there are none.
    macro_f1 : Estimate or None
        Of the answered rows.
    per_label : tuple of n_labels LabelScore
        Recall counts all rows that have the label: one left unanswered was not found.
    """

    n: int
    coverage: Estimate
    precision: Estimate | None
    macro_f1: Estimate | None
    per_label: tuple[LabelScore, ...]


def answer_scores(answered: IntArray, codes: IntArray, *, labels: Sequence[Label]) -> AnswerScores:
    """The scores of answers.

    Parameters
    ----------
    answered : ndarray of shape (n_texts,), dtype=int64
        Columns, or `NO_ANSWER`; n_texts >= 1.
    codes : ndarray of shape (n_texts,), dtype=int64
    labels : sequence of n_labels str, int or bool
    """
    is_answered = answered != NO_ANSWER
    n, count = len(codes), int(is_answered.sum())
    hits = int((answered == codes).sum())
    inside = confusion_matrix(answered[is_answered], codes[is_answered], n_labels=len(labels))
    # an unanswered row is put into a column of its own: it is no prediction of any label, and yet it counts
    extended = confusion_matrix(np.where(is_answered, answered, len(labels)), codes, n_labels=len(labels) + 1)
    return AnswerScores(
        n=n,
        coverage=Estimate(count / n, wilson(count, n), n, "Wilson"),
        precision=Estimate(hits / count, wilson(hits, count), count, "Wilson") if count else None,
        macro_f1=macro_f1(inside) if count else None,
        per_label=tuple(label_score(extended, column, label) for column, label in enumerate(labels)),
    )
