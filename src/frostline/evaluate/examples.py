"""The rows that were tested on, as they were answered, with their texts: for reports that quote mistakes.

In:   the test rows' texts, lines, codes and answers.
Out:  `Examples`; of them, the mistakes that the classifier was surest of.
Not:  scores (metrics.py), showing (report/). A record holds no texts: these travel beside it, and may stay behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import Features, Float64Array, IntArray, Probabilities
from frostline.evaluate.sentence_map import SentenceMap, sentence_map
from frostline.head.linear import Label


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Test rows, in their order.

    Parameters
    ----------
    labels : tuple of n_labels str, int or bool
        In column order.
    name : str
        Of the file that the rows came from.
    texts : sequence of str, length n_texts
    lines : sequence of int, length n_texts
        The line of each row in that file.
    codes, answers : ndarray of shape (n_texts,), dtype=int64
        Columns of the true and of the predicted label; a negative answer is none.
    probabilities : ndarray of shape (n_texts, n_labels)
    decisions : ndarray of shape (n_texts, n_coef_rows), or None
        As `sentence_map` takes them.
    features : ndarray of shape (n_texts, n_features), or None
        What was classified.
    map : SentenceMap or None
        Where the rows lie; None where they were not mapped.
    """

    labels: tuple[Label, ...]
    name: str
    texts: Sequence[str]
    lines: Sequence[int]
    codes: IntArray
    answers: IntArray
    probabilities: Probabilities
    decisions: Float64Array | None = None
    features: Features | None = None
    map: SentenceMap | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A text that got another label than its own, how probable each was said to be, and the text's line."""

    text: str
    line: int
    true: Label
    taken_for: Label
    probability: float
    true_probability: float


def mapped(examples: Examples, *, seed: int = 0) -> Examples:
    """The same with a map of its rows, where there is what it takes."""
    if examples.decisions is None or examples.features is None:
        return examples
    return replace(examples, map=sentence_map(examples.decisions, examples.features, seed=seed))


def surest_mistakes(examples: Examples, *, most: int) -> tuple[Mistake, ...]:
    """The mistakes with the highest probability of the wrong label, at most `most`; of equals, the first line.

    Either the classifier errs there and does not know it, or the label in the file is wrong: both want a look.
    """
    rows = np.flatnonzero((examples.answers != examples.codes) & (examples.answers >= 0))
    claimed = examples.probabilities[rows, examples.answers[rows]]
    return tuple(_mistake(examples, int(row)) for row in rows[np.argsort(-claimed, kind="stable")[:most]])


def _mistake(examples: Examples, row: int) -> Mistake:
    true, taken = int(examples.codes[row]), int(examples.answers[row])
    return Mistake(
        text=examples.texts[row],
        line=examples.lines[row],
        true=examples.labels[true],
        taken_for=examples.labels[taken],
        probability=float(examples.probabilities[row, taken]),
        true_probability=float(examples.probabilities[row, true]),
    )
