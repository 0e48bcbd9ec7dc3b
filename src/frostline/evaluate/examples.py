"""The rows that were tested on, as they were answered, with their texts: for reports that quote mistakes.

A record holds no texts: these travel beside it, and may stay behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray, Probabilities
from frostline.evaluate.sentence_map import SentenceMap, sentence_map
from frostline.head.linear import NO_ANSWER
from frostline.targets import Label


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Test rows, in their order."""

    labels: tuple[Label, ...]  # n_labels: In column order
    name: str  # Of the file that the rows came from
    texts: Sequence[str]  # length n_texts
    lines: Sequence[int]  # length n_texts: The line of each row in that file
    # `members`, `favoured`: (n_texts, n_labels): The labels that each row has; and those that it gets, sure or not.
    members: BoolArray
    favoured: BoolArray
    answered: BoolArray  # (n_texts,): Whether the classifier is sure enough to answer
    probabilities: Probabilities  # (n_texts, n_labels)
    decisions: Float64Array | None = None  # (n_texts, n_coef_rows): As `sentence_map` takes them
    features: Features | None = None  # (n_texts, n_features): What was classified
    map: SentenceMap | None = None  # Where the rows lie; None where they were not mapped

    @property
    def given(self) -> BoolArray:
        """The labels given (n_texts, n_labels); none where there is no answer."""
        return self.favoured & self.answered[:, None]

    @property
    def codes(self) -> IntArray:
        """The column of each row's label (n_texts,), where labels exclude each other."""
        columns: IntArray = self.members.argmax(axis=1)
        return columns

    @property
    def answers(self) -> IntArray:
        """The column of each row's answer (n_texts,), or `NO_ANSWER`, where labels exclude each other."""
        return np.where(self.answered, self.favoured.argmax(axis=1), NO_ANSWER).astype(np.int64)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A label that a text was given and has not, or has and was not given."""

    text: str
    line: int
    label: Label
    probability: float  # Of `label`
    true: tuple[Label, ...]  # All labels that the text has
    true_probability: float | None  # Of the first of them


def mapped(examples: Examples, *, seed: int = 0) -> Examples:
    """The same with a map of its rows, where there is what it takes."""
    if examples.decisions is None or examples.features is None:
        return examples
    return replace(examples, map=sentence_map(examples.decisions, examples.features, seed=seed))


def surest_mistakes(examples: Examples, *, most: int) -> tuple[Mistake, ...]:
    """Labels given with the highest probabilities to texts that have them not: at most `most`, one for each text.

    Either the classifier errs there and does not know it, or the label in the file is wrong: both want a look.
    """
    wrong = examples.given & ~examples.members
    return _of_each_text(examples, np.where(wrong, examples.probabilities, -np.inf), most=most)


def furthest_missed(examples: Examples, *, most: int) -> tuple[Mistake, ...]:
    """Labels that were given the lowest probabilities and are there: at most `most`, one for each text."""
    missed = examples.members & ~examples.favoured
    return _of_each_text(examples, np.where(missed, -examples.probabilities, -np.inf), most=most)


def _of_each_text(examples: Examples, worth: Float64Array, *, most: int) -> tuple[Mistake, ...]:
    """The label of the highest worth (n_texts, n_labels) of each text, the texts in falling worth."""
    best = worth.max(axis=1)
    rows = np.argsort(-best, kind="stable")[:most]
    return tuple(_mistake(examples, row, int(worth[row].argmax())) for row in rows.tolist() if best[row] > -np.inf)


def _mistake(examples: Examples, row: int, column: int) -> Mistake:
    given = np.flatnonzero(examples.members[row])
    return Mistake(
        text=examples.texts[row],
        line=examples.lines[row],
        label=examples.labels[column],
        probability=float(examples.probabilities[row, column]),
        true=tuple(examples.labels[place] for place in given.tolist()),
        true_probability=float(examples.probabilities[row, given[0]]) if len(given) else None,
    )
