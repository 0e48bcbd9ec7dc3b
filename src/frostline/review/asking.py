"""Which texts of a pool to label next.

In:   a pool of unlabelled texts, their rows of features, what was judged of the labelled ones.
Out:  `Wanted` texts, and what became of the rest of the pool.
Not:  the choice itself (pool.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Features
from frostline.data.tables import TextRow
from frostline.review.duplicates import distinct_texts
from frostline.review.judging import Judged
from frostline.review.neighbours import directions
from frostline.review.pool import next_to_label, uncertainties
from frostline.review.results import PoolSummary, Wanted


@final
@dataclass(frozen=True, slots=True)
class Pool:
    """Unlabelled texts, and what to call them."""

    name: str
    rows: Sequence[TextRow]


def ask(  # noqa: PLR0913 - the pool, and all that is known of the labelled texts
    pool: Pool, rows: Features, judged: Judged | None, *, known: frozenset[str], columns: slice, n: int
) -> tuple[PoolSummary, tuple[Wanted, ...], tuple[str, ...]]:
    """What became of the pool, the texts to label next, and what could not be done.

    Parameters
    ----------
    rows : ndarray of shape (n_pool, n_features)
    judged : Judged or None
    known : frozenset of str
        Texts that are labelled already.
    columns : slice
        Those by which texts are compared.
    n : int
    """
    distinct = distinct_texts([row.text for row in pool.rows])
    new = np.array([row for row in distinct.first.tolist() if pool.rows[row].text not in known], np.int64)
    summary = PoolSummary(
        name=pool.name,
        n_texts=len(pool.rows),
        n_known=sum(row.text in known for row in pool.rows),
        n_repeats=sum(row.text not in known for row in pool.rows) - len(new),
    )
    if not len(pool.rows):
        return summary, (), (f"{pool.name} holds no text: there is nothing to choose from.",)
    if not len(new):
        return summary, (), (f"Every text of {pool.name} is labelled already: there is nothing to choose from.",)
    if judged is None:
        return summary, (), (f"Nothing of {pool.name} was chosen: that needs labels that can be checked.",)
    found = rows[new]
    shares = judged.held_out.head.predict_proba(found)
    points, _ = directions(found[:, columns])
    unsure = uncertainties(shares)
    wanted = tuple(
        Wanted(
            line=pool.rows[new[place]].line,
            text=pool.rows[new[place]].text,
            label=judged.labels[int(shares[place].argmax())],
            probability=float(shares[place].max()),
            uncertainty=float(unsure[place]),
        )
        for place in next_to_label(shares, points, n=n).tolist()
    )
    return summary, wanted, ()
