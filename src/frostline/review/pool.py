"""Which unlabelled texts to label next: those the head is least sure of, no two of them alike.

The most uncertain texts (smallest margin between the two most probable labels) are shortlisted, `SHORTLIST` for each
one wanted; of these the most uncertain is taken, and then, again and again, the one with the largest product of
uncertainty and distance to what was taken already. Uncertainty alone asks the same question over and over.

References
----------
Scheffer, Decomain, Wrobel (2001), Active hidden Markov models: the margin. Sener, Savarese (2018), Active learning for
CNNs: a core-set approach, arXiv:1708.00489: the k-centre greedy. Measured: docs/decisions/0014-review.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Features, Float32Array, Float64Array, IntArray, Probabilities
from frostline.data.tables import TextRow
from frostline.encoder.reading import distinct_texts
from frostline.review.labels import Verdict
from frostline.review.near import directions
from frostline.review.results import PoolSummary, Wanted

SHORTLIST = 10


def uncertainties(probabilities: Probabilities) -> Float64Array:
    """1 less the margin between the two most probable labels (n_texts,): 0 (sure) to 1 (a toss-up)."""
    top = np.sort(probabilities, axis=1)[:, -2:]
    result: Float64Array = 1 - (top[:, 1] - top[:, 0])
    return result


def next_to_label(probabilities: Probabilities, directions: Float32Array, *, n: int) -> IntArray:
    """The rows (at most n) to label next, the most wanted first.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        n_labels is at least 2.
    directions : ndarray of shape (n_texts, n_features)
        Of length 1, or 0.
    """
    unsure = uncertainties(probabilities)
    short = np.argsort(-unsure, kind="stable")[: n * SHORTLIST]
    chosen: list[int] = []
    distance = np.full(len(short), 1.0)
    is_free = np.ones(len(short), dtype=bool)
    for _ in range(min(n, len(short))):
        worth = np.where(is_free, unsure[short] * np.maximum(distance, 0), -1)
        if chosen and worth.max() <= 0:  # all that is left is like something taken, or sure: the least sure then
            worth = np.where(is_free, unsure[short], -1)
        best = int(worth.argmax())
        chosen.append(best)
        is_free[best] = False
        distance = np.minimum(distance, 1 - directions[short] @ directions[short[best]])
    return short[np.array(chosen, np.int64)] if chosen else np.zeros(0, np.int64)


@final
@dataclass(frozen=True, slots=True)
class Pool:
    """Unlabelled texts, and what to call them."""

    name: str
    rows: Sequence[TextRow]


def ask(  # noqa: PLR0913 - the pool, and all that is known of the labelled texts
    pool: Pool, rows: Features, judged: Verdict | None, *, known: frozenset[str], columns: slice, n: int
) -> tuple[PoolSummary, tuple[Wanted, ...], tuple[str, ...]]:
    """What became of the pool, the texts to label next, and what could not be done.

    Parameters
    ----------
    rows : ndarray of shape (n_pool, n_features)
    known : frozenset of str
        Texts that are labelled already.
    columns : slice
        Those by which texts are compared.
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
    new_rows = rows[new]
    columns_asked, probability, shares = judged.asked(judged.head.predict_proba(new_rows))
    points, _ = directions(new_rows[:, columns])
    unsure = uncertainties(shares)
    wanted = tuple(
        Wanted(
            line=pool.rows[new[place]].line,
            text=pool.rows[new[place]].text,
            label=judged.labels[int(columns_asked[place])],
            probability=float(probability[place]),
            uncertainty=float(unsure[place]),
        )
        for place in next_to_label(shares, points, n=n).tolist()
    )
    return summary, wanted, ()
