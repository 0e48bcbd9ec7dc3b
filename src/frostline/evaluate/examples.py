"""The rows that were tested on, as they were answered, with their texts: for reports that quote; and a map of them.

A record holds no texts: these travel beside it, and may stay behind.

The map lays texts on a sheet of paper: what the classifier goes by, and what else differs most.
For two labels the first axis is the decision itself, so that a mistake lies on the wrong side of 0, and the second is
the principal component of what the decision leaves of the features. For more labels both axes are the principal
components of the decisions: the two directions along which the classifier tells labels apart the most. The first
components of the features alone, which such maps usually show, are mostly length and topic.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray, Probabilities
from frostline.head.linear import NO_ANSWER
from frostline.targets import Label

MOST_POINTS = 2000
"""More could not be told apart, and cost bytes."""

_STEPS = 12  # of the subspace iteration: the share of the variance is right to three digits, which is all one sees
_WIDTH = 6


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentenceMap:
    """Places of texts."""

    rows: IntArray  # (n_points,): Which of the texts are on the map, ascending
    places: Float64Array  # (n_points, 2)
    n_texts: int  # Of which these were drawn at random
    kind: Literal["decision", "decisions"]  # What the axes are, as in the module's words: for two labels, and for more
    # Of the variance that an axis shows, from 0 to 1: of the decisions; for the second axis of "decision", of what the
    # decision leaves of the features.
    shares: tuple[float, float]


def sentence_map(
    decisions: Float64Array, features: Features | Float64Array, *, seed: int = 0, most: int = MOST_POINTS
) -> SentenceMap | None:
    """Two coordinates for each text, or for `most` of them, drawn with `seed`.

    Parameters
    ----------
    decisions : ndarray of shape (n_texts, n_coef_rows)
        One column: the log-odds of the second of two labels. Several: anything that grows with each label's chance.
    features : ndarray of shape (n_texts, n_features)
        Looked at only where there is one column of decisions.

    Returns
    -------
    SentenceMap or None
        None where there is nothing to see: fewer than three texts, or all in one place.
    """
    n_texts = len(decisions)
    if n_texts < 3:
        return None
    rows = np.arange(n_texts, dtype=np.int64)
    if n_texts > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, size=most, replace=False))
    if decisions.shape[1] == 1:
        first = decisions[rows, 0].astype(np.float64)
        if np.ptp(first) <= 0:
            return None
        second, share = _remainder(np.asarray(features[rows], dtype=np.float32), first - first.mean())
        places, shares = np.column_stack([first, second]), (1.0, share)
    else:
        plane = _plane(decisions[rows].astype(np.float64))
        if plane is None:
            return None
        places, shares = plane
    kind: Literal["decision", "decisions"] = "decision" if decisions.shape[1] == 1 else "decisions"
    return SentenceMap(rows=rows, places=places, n_texts=n_texts, kind=kind, shares=shares)


def _plane(decisions: Float64Array) -> tuple[Float64Array, tuple[float, float]] | None:
    """Principal components of decisions that only differences between labels enter."""
    centred = decisions - decisions.mean(axis=1, keepdims=True)
    centred -= centred.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    power = np.square(sizes)
    if power[0] <= 1e-18 * len(decisions):
        return None
    signs = _signs(right[:2])
    return left[:, :2] * sizes[:2] * signs, (float(power[0] / power.sum()), float(power[1] / power.sum()))


def _remainder(features: Features, decision: Float64Array) -> tuple[Float64Array, float]:
    """The first principal component of standardised features without what goes along with `decision` (n_texts,)."""
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    along = (decision / np.linalg.norm(decision)).astype(np.float32)
    scaled -= np.outer(along, along @ scaled)
    total = float(np.square(scaled, dtype=np.float64).sum()) if scaled.size else 0.0
    if total <= 1e-9 * max(scaled.size, 1):
        return np.zeros(len(features)), 0.0
    basis = np.random.default_rng(0).standard_normal((scaled.shape[1], _WIDTH)).astype(np.float32)
    for _ in range(_STEPS):
        basis = np.linalg.qr(scaled.T @ (scaled @ basis))[0]
    left, sizes, right = np.linalg.svd(scaled @ basis, full_matrices=False)
    component = left[:, 0].astype(np.float64) * float(sizes[0])
    return component * _signs((basis @ right[0])[None])[0], float(sizes[0]) ** 2 / total


def _signs(directions: Float64Array | Features) -> Float64Array:
    """A sign for each direction (n, n_features), such that its largest coordinate is positive: always the same map."""
    largest = np.abs(directions).argmax(axis=1)
    return np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)


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
