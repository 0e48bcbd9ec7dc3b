"""A file under review: its different texts, the rows each stands in, and the nearest texts of each.

In:   a `Dataset`; what was computed of its different texts.
Out:  `Reviewed`; from it repeats, leaks and outliers, named by their lines.
Not:  labels (judging.py), the pool (asking.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Features, IntArray
from frostline.data.dataset import Dataset
from frostline.review.duplicates import Distinct, exact_groups, matches, near_groups
from frostline.review.neighbours import Neighbours
from frostline.review.outliers import check_outliers
from frostline.review.results import Leaked, Outlier, Repeated


@final
@dataclass(frozen=True, slots=True, eq=False)
class Reviewed:
    """A file under review.

    Parameters
    ----------
    dataset : Dataset
    distinct : Distinct
        Its different texts.
    near : Neighbours
        Of each different text among them.
    rows_of : tuple of tuple of int
        The rows in which each different text stands, ascending.
    """

    dataset: Dataset
    distinct: Distinct
    near: Neighbours
    rows_of: tuple[tuple[int, ...], ...]

    @property
    def texts(self) -> Sequence[str]:
        """The different texts."""
        return [self.dataset.texts[row] for row in self.distinct.first.tolist()]

    def lines(self, rows: Sequence[int]) -> tuple[int, ...]:
        """The lines of rows."""
        return tuple(self.dataset.lines[row] for row in rows)

    def labels(self, rows: Sequence[int]) -> tuple[str, ...]:
        """The labels of rows."""
        return tuple(self.dataset.labels[row] for row in rows)


def reviewed(dataset: Dataset, distinct: Distinct, near: Neighbours) -> Reviewed:
    """The file with the rows of each text at hand."""
    order = np.argsort(distinct.of_row, kind="stable")
    ends = np.cumsum(np.bincount(distinct.of_row, minlength=len(distinct.first)))
    rows_of = tuple(tuple(rows.tolist()) for rows in np.split(order, ends[:-1]))
    return Reviewed(dataset, distinct, near, rows_of)


def repeats_of(file: Reviewed, suggested: dict[int, str]) -> tuple[Repeated, ...]:
    """Texts that stand there more than once, then those that nearly do.

    Parameters
    ----------
    suggested : dict of int to str
        The label of a text, by its number, where one could be found.
    """
    found = [
        Repeated(
            kind="exact",
            rows=group.rows,
            lines=file.lines(group.rows),
            labels=file.labels(group.rows),
            texts=(file.dataset.texts[group.rows[0]],),
            suggested=suggested.get(int(file.distinct.of_row[group.rows[0]]), ""),
        )
        for group in exact_groups(file.distinct)
    ]
    texts = file.texts
    for group in near_groups(texts, file.near):
        rows = tuple(int(file.distinct.first[number]) for number in group.rows)
        found.append(
            Repeated(
                kind="near",
                rows=rows,
                lines=file.lines(rows),
                labels=file.labels(rows),
                texts=tuple(texts[number] for number in group.rows),
                cosine=group.cosine,
            )
        )
    return tuple(found)


def leaks_of(file: Reviewed, test: Dataset, near: Neighbours) -> tuple[Leaked, ...]:
    """Test rows that are among the file's rows, to the letter or nearly.

    Parameters
    ----------
    near : Neighbours
        Of each test row among the file's different texts.
    """
    texts = file.texts
    found = []
    for match in matches(test.texts, texts, near):
        rows = file.rows_of[match.other]
        found.append(
            Leaked(
                kind=match.kind,
                test_line=test.lines[match.row],
                test_label=test.labels[match.row],
                test_text=test.texts[match.row],
                rows=rows,
                lines=file.lines(rows),
                label=file.dataset.labels[rows[0]],
                text=texts[match.other],
                cosine=match.cosine,
            )
        )
    return tuple(sorted(found, key=lambda leak: (leak.kind, -leak.cosine)))


def outliers_of(file: Reviewed, compared: Features) -> tuple[Outlier, ...]:
    """Texts unlike all others, the farthest first; `compared` (n_distinct, n_features) as the encoder gives them."""
    check = check_outliers(compared, file.near)
    found = []
    for number in check.flagged.tolist():
        rows = file.rows_of[number]
        found.append(
            Outlier(
                rows=rows,
                lines=file.lines(rows),
                label=file.dataset.labels[rows[0]],
                text=file.dataset.texts[rows[0]],
                score=float(check.scores[number]),
                deviations=float(check.deviations[number]),
            )
        )
    return tuple(found)


def first_rows_by_label(file: Reviewed) -> IntArray:
    """One row for each different pair of text and label (n_pairs,): the first, ascending."""
    seen: set[tuple[int, str]] = set()
    rows = []
    for row, (number, label) in enumerate(zip(file.distinct.of_row.tolist(), file.dataset.labels, strict=True)):
        if (number, label) not in seen:
            seen.add((number, label))
            rows.append(row)
    return np.array(rows, np.int64)
