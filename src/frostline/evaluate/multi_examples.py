"""The rows with several labels that were tested on, with their texts: for reports that quote mistakes.

In:   the test rows' texts, lines, labels and answers.
Out:  `MultiExamples`; of them, the labels given most surely that are not there, and those missed by most.
Not:  scores (multi_label.py), showing (report/). A record holds no texts: these travel beside it, and may stay behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Probabilities
from frostline.head.linear import Label


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MultiExamples:
    """Test rows.

    Parameters
    ----------
    labels : tuple of n_labels str, int or bool
        In column order.
    name : str
        Of the file that the rows came from.
    texts : sequence of str, length n_texts
    lines : sequence of int, length n_texts
        The line of each row in that file.
    given, members : ndarray of shape (n_texts, n_labels), dtype=bool
        The classifier's answers, and the truth.
    probabilities : ndarray of shape (n_texts, n_labels)
    """

    labels: tuple[Label, ...]
    name: str
    texts: Sequence[str]
    lines: Sequence[int]
    given: BoolArray
    members: BoolArray
    probabilities: Probabilities


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiMistake:
    """A label that a text was given and has not, or has and was not given; all its labels; the text and its line."""

    text: str
    line: int
    label: Label
    probability: float
    true: tuple[Label, ...]


def surest_given(examples: MultiExamples, *, most: int) -> tuple[MultiMistake, ...]:
    """Labels given with the highest probabilities to texts that have them not: at most `most`, one for each text."""
    wrong = examples.given & ~examples.members
    return _of_each_text(examples, np.where(wrong, examples.probabilities, -np.inf), most=most)


def furthest_missed(examples: MultiExamples, *, most: int) -> tuple[MultiMistake, ...]:
    """Labels that were given the lowest probabilities and are there: at most `most`, one for each text."""
    missed = examples.members & ~examples.given
    return _of_each_text(examples, np.where(missed, -examples.probabilities, -np.inf), most=most)


def _of_each_text(examples: MultiExamples, worth: np.ndarray, *, most: int) -> tuple[MultiMistake, ...]:
    """The label of the highest worth (n_texts, n_labels) of each text, the texts in falling worth."""
    best = worth.max(axis=1)
    rows = np.argsort(-best, kind="stable")[:most]
    return tuple(
        MultiMistake(
            text=examples.texts[row],
            line=examples.lines[row],
            label=examples.labels[int(worth[row].argmax())],
            probability=float(examples.probabilities[row, int(worth[row].argmax())]),
            true=tuple(examples.labels[column] for column in np.flatnonzero(examples.members[row]).tolist()),
        )
        for row in rows.tolist()
        if best[row] > -np.inf
    )
