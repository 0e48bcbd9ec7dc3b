"""One review, whole: labelled sentences in; wrong labels, repeats, leaks, outliers and what to label next, out.

Every text is read once, whichever file it stands in. Repeats are compared as texts before anything is computed: copies
of a text in another fold would vouch for its label, so texts are held out with all their rows.
"""

import time
from dataclasses import dataclass, field
from typing import final

from frostline.arrays import Progress
from frostline.data.dataset import Dataset
from frostline.encoder.reading import SentenceEncoder, distinct_texts
from frostline.errors import UsageError
from frostline.head.options import SearchOptions, check_finite
from frostline.legible import reading_warnings
from frostline.review.cells import judge_sets
from frostline.review.labels import N_FOLDINGS, judge_labels
from frostline.review.near import columns_to_compare, directions, nearest
from frostline.review.pool import Pool, ask
from frostline.review.repeats import leaks_of, outliers_of, repeats_of, reviewed
from frostline.review.results import Leaked, PoolSummary, Review, Wanted

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
        n_distinct=len(distinct.first),
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
