"""A file under review: its different texts, the rows each stands in, and the nearest texts of each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import Features, IntArray
from frostline.data.copies import copy_keys, joined, numbered
from frostline.data.dataset import Dataset
from frostline.encoder.reading import Distinct
from frostline.review.near import Neighbours, check_outliers, directions, nearest
from frostline.review.results import Kind, Leaked, Outlier, Repeated
from frostline.targets import Names

NEAR_COSINE = 0.85
NEAR_WORDS = 0.6
_NEAREST = 20  # of a text, that are looked at for near copies


_WORD = re.compile(r"\w+")
_CHARACTERS = 4096  # of a text that are compared word by word


@final
@dataclass(frozen=True, slots=True)
class Group:
    """Rows whose texts are the same, or nearly."""

    rows: tuple[int, ...]  # tuple of int, ascending: At least two
    kind: Kind  # `exact`: all are copies of one, equal but for case, blanks and punctuation
    cosine: float  # Of the least alike pair that joined the group; 1 for exact ones


@final
@dataclass(frozen=True, slots=True)
class Match:
    """A row of one file whose text stands, to the letter or nearly, in another one: the row there."""

    row: int
    other: int
    kind: Kind
    cosine: float


def exact_groups(distinct: Distinct) -> tuple[Group, ...]:
    """The texts that stand in several rows, in the order of their first rows."""
    return tuple(Group(rows, "exact", 1.0) for rows in distinct.rows() if len(rows) > 1)


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
    match_of = {row: Match(row, known[text], "exact", 1.0) for row, text in enumerate(texts) if text in known}
    for row, other, cosine in _near_pairs(texts, others, near):
        best = match_of.get(row)
        if best is None or (best.kind == "near" and cosine > best.cosine):
            match_of[row] = Match(row, other, "near", cosine)
    return tuple(match_of[row] for row in sorted(match_of))


def word_overlap(text: str, other: str) -> float:
    """The share of their words (case aside) that two texts have in common, 0 to 1; of texts without words, 0."""
    first, second = _words(text), _words(other)
    either = len(first | second)
    return len(first & second) / either if either else 0.0


MOST_COMPARED = 10_000_000
"""Pairs of texts that a training compares to count near copies: at most half a second on a core."""


def near_copies(  # noqa: PLR0913 - texts of two kinds with their rows, and how much may be done
    texts: Sequence[str],
    rows: Features,
    others: Sequence[str],
    other_rows: Features,
    *,
    n_parts: int = 1,
    threads: int | None = None,
) -> tuple[IntArray, IntArray]:
    """Which of `texts` nearly stand in `others`, and which were looked at, by number: some, evenly spread, of many.

    Parameters
    ----------
    rows, other_rows : ndarray of shape (n_texts, n_features)
        The columns by which texts are compared.
    n_parts : int
        How many such searches share `MOST_COMPARED`.
    """
    most = max(1, MOST_COMPARED // max(1, len(others) * n_parts))
    looked = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), most)).astype(np.int64))
    points, centre = directions(other_rows)
    asked, _ = directions(rows[looked], centre=centre)
    near = nearest(asked, among=points, k=3, threads=threads)
    pairs = _near_pairs([texts[row] for row in looked.tolist()], others, near)
    return looked[np.unique(np.array([row for row, _, _ in pairs], np.int64))], looked


def with_near_copies(dataset: Dataset, rows: Features, *, threads: int | None = None) -> tuple[Dataset, int]:
    """The same, but that near copies belong together too; and how many texts have one.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
        The columns by which texts are compared. Every text is compared with every other one.
    """
    number = numbered(dataset.texts)
    first = np.unique(number, return_index=True)[1]
    points, _ = directions(rows[first])
    texts = [dataset.texts[row] for row in first.tolist()]
    lots = np.arange(len(texts))
    groups = near_groups(texts, nearest(points, k=_NEAREST, threads=threads))
    for group in groups:
        lots[list(group.rows)] = group.rows[0]
    together = joined(dataset.targets.lots, lots[number])
    return replace(dataset, targets=replace(dataset.targets, together=together)), sum(len(one.rows) for one in groups)


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


@final
@dataclass(frozen=True, slots=True, eq=False)
class Reviewed:
    """A file under review."""

    dataset: Dataset
    distinct: Distinct  # Its different texts
    near: Neighbours  # Of each different text among them
    rows_of: tuple[tuple[int, ...], ...]  # The rows in which each different text stands, ascending
    names: Sequence[Names]  # n_texts or tuple of str: The label of each row, or its labels

    @property
    def texts(self) -> Sequence[str]:
        """The different texts."""
        return [self.dataset.texts[row] for row in self.distinct.first.tolist()]

    def lines(self, rows: Sequence[int]) -> tuple[int, ...]:
        """The lines of rows."""
        return tuple(self.dataset.lines[row] for row in rows)

    def labels(self, rows: Sequence[int]) -> tuple[Names, ...]:
        """The labels of rows."""
        return tuple(self.names[row] for row in rows)

    def copies(self, row: int) -> tuple[int, ...]:
        """The rows with the text and the label, or labels, of a row."""
        same = self.rows_of[int(self.distinct.of_row[row])]
        return tuple(other for other in same if self.names[other] == self.names[row])


def reviewed(dataset: Dataset, distinct: Distinct, near: Neighbours) -> Reviewed:
    """The file with the rows of each text at hand."""
    return Reviewed(dataset, distinct, near, distinct.rows(), dataset.names)


def distinct_copies(texts: Sequence[str]) -> Distinct:
    """The different texts, copies counting as one."""
    of_row = numbered(copy_keys(texts))
    return Distinct(np.unique(of_row, return_index=True)[1], of_row)


def repeats_of(file: Reviewed, suggested: Mapping[int, Names]) -> tuple[Repeated, ...]:
    """Texts that stand there more than once, then those that nearly do.

    Parameters
    ----------
    suggested : mapping of int to str or tuple of str
        The label of a text, or its labels, by its number, where they could be found.
    """
    copies = distinct_copies(file.dataset.texts)
    repeats = [
        Repeated(
            kind="exact",
            rows=group.rows,
            lines=file.lines(group.rows),
            labels=file.labels(group.rows),
            texts=tuple(dict.fromkeys(file.dataset.texts[row] for row in group.rows)),
            suggested=suggested.get(int(file.distinct.of_row[group.rows[0]]), ""),
        )
        for group in exact_groups(copies)
    ]
    texts = file.texts
    for group in near_groups(texts, file.near):
        rows = tuple(int(file.distinct.first[number]) for number in group.rows)
        if len(set(copies.of_row[list(rows)].tolist())) == 1:
            continue  # told as copies
        repeats.append(
            Repeated(
                kind="near",
                rows=rows,
                lines=file.lines(rows),
                labels=file.labels(rows),
                texts=tuple(texts[number] for number in group.rows),
                cosine=group.cosine,
            )
        )
    return tuple(repeats)


def leaks_of(file: Reviewed, test: Dataset, near: Neighbours) -> tuple[Leaked, ...]:
    """Test rows that are among the file's rows, to the letter or nearly.

    Parameters
    ----------
    near : Neighbours
        Of each test row among the file's different texts.
    """
    texts, test_names = file.texts, test.names
    leaks = []
    for match in matches(test.texts, texts, near):
        rows = file.rows_of[match.other]
        leaks.append(
            Leaked(
                kind=match.kind,
                test_line=test.lines[match.row],
                test_label=test_names[match.row],
                test_text=test.texts[match.row],
                rows=rows,
                lines=file.lines(rows),
                label=file.names[rows[0]],
                text=texts[match.other],
                cosine=match.cosine,
            )
        )
    return tuple(sorted(leaks, key=lambda leak: (leak.kind, -leak.cosine)))


def outliers_of(file: Reviewed, compared: Features) -> tuple[Outlier, ...]:
    """Texts unlike all others, the farthest first; `compared` (n_distinct, n_features) as the encoder gives them."""
    check = check_outliers(compared, file.near)
    outliers = []
    for number in check.flagged.tolist():
        rows = file.rows_of[number]
        outliers.append(
            Outlier(
                rows=rows,
                lines=file.lines(rows),
                label=file.names[rows[0]],
                text=file.dataset.texts[rows[0]],
                score=float(check.scores[number]),
                deviations=float(check.deviations[number]),
            )
        )
    return tuple(outliers)


def first_rows_by_label(file: Reviewed) -> IntArray:
    """One row for each different pair of text and label, or set of labels (n_pairs,): the first, ascending."""
    seen: set[tuple[int, Names]] = set()
    rows = []
    for row, (number, label) in enumerate(zip(file.distinct.of_row.tolist(), file.names, strict=True)):
        if (number, label) not in seen:
            seen.add((number, label))
            rows.append(row)
    return np.array(rows, np.int64)
