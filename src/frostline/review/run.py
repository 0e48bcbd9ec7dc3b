"""One review, whole: labelled sentences in; wrong labels, repeats, leaks, outliers and what to label next, out.

Every text is read once, whichever file it stands in. Repeats are compared as texts before anything is computed: copies
of a text in another fold would vouch for its label, so texts are held out with all their rows.

What to label next: the most uncertain texts of a pool (smallest margin between the two most probable labels) are
shortlisted, `SHORTLIST` for each one wanted; of these the most uncertain is taken, and then, again and again, the one
with the largest product of uncertainty and distance to what was taken already. Uncertainty alone asks the same question
over and over.

References
----------
Scheffer, Decomain, Wrobel (2001), Active hidden Markov models: the margin. Sener, Savarese (2018), Active learning for
CNNs: a core-set approach, arXiv:1708.00489: the k-centre greedy. Measured: docs/decisions/0014-review.md.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from frostline.arrays import Features, Float32Array, Float64Array, IntArray, Probabilities, Progress
from frostline.data.dataset import Dataset
from frostline.data.tables import TextRow
from frostline.encoder.reading import SentenceEncoder, distinct_texts
from frostline.encoder.seen import refuse_seen
from frostline.errors import UsageError
from frostline.head.options import SearchOptions, check_finite
from frostline.legible import reading_warnings
from frostline.review.cells import judge_sets
from frostline.review.labels import N_FOLDINGS, Verdict, judge_labels
from frostline.review.near import columns_to_compare, directions, nearest
from frostline.review.repeats import distinct_copies, leaks_of, outliers_of, repeats_of, reviewed
from frostline.review.results import Leaked, PoolSummary, Review, Wanted

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


N_NEIGHBOURS = 20
_TEST_NEIGHBOURS = 3  # of a test row, that are looked at for a near repeat


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOptions:
    """How to review."""

    # How the heads are found that judge the labels; scored by log loss whatever it says.
    search: SearchOptions = field(default_factory=SearchOptions)
    n_foldings: int = N_FOLDINGS  # Ways to cut the rows into folds, over which probabilities are averaged
    pool_size: int = 20  # How many texts of the pool to ask for

    def __post_init__(self) -> None:
        if self.n_foldings < 1 or self.pool_size < 1:
            raise UsageError(
                f"Foldings and the pool's size must be 1 or more (got {self.n_foldings} and {self.pool_size})."
            )


def review(  # noqa: PLR0913 - three inputs, how, and three kinds of progress
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None = None,
    pool: Pool | None = None,
    options: ReviewOptions | None = None,
    reading: Progress | None = None,
    comparing: Progress | None = None,
    judging: Progress | None = None,
) -> Review:
    """Read every text once, compare all of them, judge the labels.

    Raises `InputError`: the encoder gave NaN; `UsageError`: words are among the features; `BackendError` or
    `ConvergenceError` or `StorageError`: the encoder, the solver or the store failed.

    Parameters
    ----------
    test : Dataset, optional
        Rows that must not be among those of `dataset`.
    pool : Pool, optional
        Texts without labels.
    reading, comparing, judging : callable, optional
        Count distinct texts, distinct texts, and foldings.

    Returns
    -------
    Review
        Where something cannot be checked (one label only, texts that are all alike to the encoder) its notes say so.
    """
    if encoder.spec.words:
        raise UsageError(
            f"A review looks at an encoder's numbers alone (got features {encoder.spec}).",
            hint="Leave out +words: neighbours and copies are found by what the encoder makes of a text.",
        )
    chosen = options or ReviewOptions()
    begun = time.perf_counter()
    pool_texts = [] if pool is None else [row.text for row in pool.rows]
    n, n_test = len(dataset), 0 if test is None else len(test)
    texts = [*dataset.texts, *(test.texts if test is not None else ()), *pool_texts]
    refuse_seen(texts, encoder)
    read = encoder.encode(texts, progress=reading)
    read_at = time.perf_counter()
    rows, theirs, pools = read.rows[:n], read.rows[n : n + n_test], read.rows[n + n_test :]
    check_finite(read.rows)
    distinct = distinct_texts(dataset.texts)
    columns = columns_to_compare(encoder.blocks, encoder.hidden_size)
    threads = chosen.search.threads
    compared = rows[:, columns][distinct.first]
    points, centre = directions(compared)
    file = reviewed(dataset, distinct, nearest(points, k=N_NEIGHBOURS, threads=threads, progress=comparing))
    judge = {"one label": judge_labels, "several labels": judge_sets}[dataset.targets.kind]
    judged, notes = judge(file, rows, search=chosen.search, n_foldings=chosen.n_foldings, progress=judging)
    leaked: tuple[Leaked, ...] = ()
    if test is not None:
        tested, _ = directions(theirs[:, columns], centre=centre)
        leaked = leaks_of(file, test, nearest(tested, among=points, k=_TEST_NEIGHBOURS, threads=threads))
    of_pool: tuple[PoolSummary | None, tuple[Wanted, ...], tuple[str, ...]] = (None, (), ())
    if pool is not None:
        known = frozenset(dataset.texts)
        of_pool = ask(pool, pools, judged, known=known, columns=columns, n=chosen.pool_size)
    return Review(
        n_rows=n,
        n_distinct=len(distinct_copies(dataset.texts).first),
        labels=None if judged is None else judged.summary,
        wrong=() if judged is None else judged.wrong,
        doubtful={"one label": None, "several labels": () if judged is None else judged.doubtful}[dataset.targets.kind],
        repeated=repeats_of(file, {} if judged is None else judged.suggested),
        n_test=None if test is None else n_test,
        leaked=leaked,
        outliers=outliers_of(file, compared),
        pool=of_pool[0],
        wanted=of_pool[1],
        n_read=read.n_read,
        seconds_read=read_at - begun,
        seconds=time.perf_counter() - begun,
        notes=(*reading_warnings(encoder, texts, read.cut), *notes, *of_pool[2]),
    )
