"""Texts that stand there more than once, to the letter or nearly, within one file or across two.

In:   texts, their nearest texts by cosine.
Out:  `Group`s of rows; `Match`es across two files.
Not:  the cosines (neighbours.py), labels (run.py puts them together).

Nearly: the kept vectors point the same way *and* most words are the same. Either alone is not enough: sentences that
say the opposite point nearly the same way, and short ones share most of their words.
Only a text's nearest ones are looked at, so the work and the memory grow with the number of texts, not its square.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import IntArray
from frostline.review.neighbours import Neighbours

NEAR_COSINE = 0.85
NEAR_WORDS = 0.6

Kind: TypeAlias = Literal["exact", "near"]

_WORD = re.compile(r"\w+")
_CHARACTERS = 4096  # of a text that are compared word by word


@final
@dataclass(frozen=True, slots=True)
class Group:
    """Rows whose texts are the same, or nearly.

    Parameters
    ----------
    rows : tuple of int, ascending
        At least two.
    kind : {"exact", "near"}
        `exact`: all are the same to the letter.
    cosine : float
        Of the least alike pair that joined the group; 1 for exact ones.
    """

    rows: tuple[int, ...]
    kind: Kind
    cosine: float


@final
@dataclass(frozen=True, slots=True)
class Match:
    """A row of one file whose text stands, to the letter or nearly, in another one: the row there."""

    row: int
    other: int
    kind: Kind
    cosine: float


@final
@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """The different texts of a file.

    Parameters
    ----------
    first : ndarray of shape (n_distinct,), dtype=int64
        The first row of each, ascending.
    of_row : ndarray of shape (n_texts,), dtype=int64
        The number, among the different ones, of each row's text.
    """

    first: IntArray
    of_row: IntArray


def distinct_texts(texts: Sequence[str]) -> Distinct:
    """The different texts, in the order in which they first occur; two are the same if every character is."""
    number: dict[str, int] = {}
    first: list[int] = []
    of_row = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        known = number.setdefault(text, len(first))
        if known == len(first):
            first.append(row)
        of_row[row] = known
    return Distinct(np.array(first, np.int64), of_row)


def exact_groups(distinct: Distinct) -> tuple[Group, ...]:
    """The texts that stand in several rows, in the order of their first rows."""
    order = np.argsort(distinct.of_row, kind="stable")
    counts = np.bincount(distinct.of_row)
    ends = np.cumsum(counts)
    return tuple(
        Group(tuple(order[ends[place] - counts[place] : ends[place]].tolist()), "exact", 1.0)
        for place in np.flatnonzero(counts > 1).tolist()
    )


def near_groups(texts: Sequence[str], near: Neighbours) -> tuple[Group, ...]:
    """Groups of different `texts` (n_distinct,) that are nearly the same, by chains of near pairs."""
    pairs = _near_pairs(texts, texts, near)
    parent = list(range(len(texts)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for row, other, _ in pairs:
        first, second = sorted((root(row), root(other)))
        parent[second] = first
    members: dict[int, set[int]] = {}
    lowest: dict[int, float] = {}
    for row, other, cosine in pairs:
        top = root(row)
        members.setdefault(top, set()).update((row, other))
        lowest[top] = min(lowest.get(top, 1.0), cosine)
    return tuple(Group(tuple(sorted(members[top])), "near", lowest[top]) for top in sorted(members))


def matches(texts: Sequence[str], others: Sequence[str], near: Neighbours) -> tuple[Match, ...]:
    """For each of `texts` that stands in `others`: the first row there; else one where it nearly stands.

    Parameters
    ----------
    near : Neighbours
        Of each of `texts` among `others`.
    """
    known: dict[str, int] = {}
    for row, text in enumerate(others):
        known.setdefault(text, row)
    found = {row: Match(row, known[text], "exact", 1.0) for row, text in enumerate(texts) if text in known}
    for row, other, cosine in _near_pairs(texts, others, near):
        best = found.get(row)
        if best is None or (best.kind == "near" and cosine > best.cosine):
            found[row] = Match(row, other, "near", cosine)
    return tuple(found[row] for row in sorted(found))


def word_overlap(text: str, other: str) -> float:
    """The share of their words (case aside) that two texts have in common, 0 to 1; of texts without words, 0."""
    first, second = _words(text), _words(other)
    either = len(first | second)
    return len(first & second) / either if either else 0.0


def _near_pairs(texts: Sequence[str], others: Sequence[str], near: Neighbours) -> list[tuple[int, int, float]]:
    rows, places = np.nonzero((near.cosines >= NEAR_COSINE) & (near.rows >= 0))
    numbers, cosines = near.rows[rows, places], near.cosines[rows, places]
    return [
        (row, other, min(1.0, cosine))
        for row, other, cosine in zip(rows.tolist(), numbers.tolist(), cosines.tolist(), strict=True)
        if word_overlap(texts[row], others[other]) >= NEAR_WORDS
    ]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text[:_CHARACTERS].casefold()))
