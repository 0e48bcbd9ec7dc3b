"""Out-of-fold predictions of features, C searched; many features side by side, one thread each.

In:   rows of features, codes, folds.
Out:  an `OutOfFold` each.
Not:  which features (candidates.py), what their scores mean (scores.py, run.py).

A block can be the same for every text: the embedding output of [CLS] always is. No regression learns from it; it
stands there with the share of each label in the training rows, which is what such a regression would end at.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Progress
from frostline.blas import one_blas_thread
from frostline.head.linear import Label, LinearHead, winners
from frostline.head.scoring import score_named
from frostline.head.search import SearchOptions, search_C
from frostline.rows import Rows, are_equal
from frostline.sweep.scores import Difference, Score, accuracy_difference, accuracy_score, fold_difference, fold_score

Found = TypeVar("Found")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutOfFold:
    """What cross-validation says of some features.

    Parameters
    ----------
    right : ndarray of shape (n_texts,), dtype=bool
        Whether the head that did not see the row labelled it rightly.
    fold_scores : ndarray of shape (n_folds,), dtype=float64
        By the scorer asked for.
    scoring : str
    chosen_C : float or None
        None where the rows are all equal, so that there was nothing to search.
    head : LinearHead
        Fitted on all rows.
    n_features : int
    warnings : tuple of str
    seconds : float
        Searching, fitting and predicting.
    """

    right: BoolArray
    fold_scores: Float64Array
    scoring: str
    chosen_C: float | None  # noqa: N815 - C is its name everywhere
    head: LinearHead
    n_features: int
    warnings: tuple[str, ...]
    seconds: float

    @property
    def score(self) -> Score:
        """The cross-validated score: of the rows for accuracy, else of the folds."""
        return accuracy_score(self.right) if self.scoring == "accuracy" else fold_score(self.fold_scores)

    def minus(self, other: "OutOfFold") -> Difference:
        """Its score minus that of `other`, from the same rows and folds."""
        if self.scoring == "accuracy":
            return accuracy_difference(self.right, other.right)
        return fold_difference(self.fold_scores, other.fold_scores)


def cross_validate(
    rows: Rows, codes: IntArray, *, labels: Sequence[Label], options: SearchOptions, folds: IntArray
) -> OutOfFold:
    """Search C by the folds, and keep what the folds' heads say of the rows that they did not see.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features), dtype=float32, or JoinedRows
    codes, folds : ndarrays of shape (n_texts,), dtype=int64
    labels : sequence of n_labels str, int or bool
    options : SearchOptions

    Raises
    ------
    InputError, UsageError, ConvergenceError
        As `search_C`; but rows that are all equal are none of these errors.
    """
    begun = time.perf_counter()
    if are_equal(rows):
        return _told_nothing(rows, codes, labels=labels, scoring=options.scoring, folds=folds)
    search = search_C(rows, codes, labels=labels, options=options, folds=folds)
    return OutOfFold(
        right=winners(search.held_out_decisions) == codes,
        fold_scores=search.fold_scores[search.Cs.index(search.chosen_C)],
        scoring=options.scoring,
        chosen_C=search.chosen_C,
        head=search.head,
        n_features=rows.shape[1],
        warnings=search.warnings,
        seconds=time.perf_counter() - begun,
    )


def side_by_side(
    work: Sequence[Callable[[], Found]], *, threads: int, progress: Progress | None = None
) -> tuple[Found, ...]:
    """Do each piece of work, `threads` at a time with one BLAS thread each; results in the order of `work`.

    The threads are daemons: an interrupted process leaves at once, whatever they are in the middle of.

    Raises
    ------
    Exception
        The first that any piece raised; pieces not yet begun are left out.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[int, Found | None, BaseException | None]] = queue.SimpleQueue()
    is_over = threading.Event()
    for position in range(len(work)):
        waiting.put(position)

    def take() -> None:
        while not is_over.is_set():
            try:
                position = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                ended.put((position, work[position](), None))
            except BaseException as error:  # noqa: BLE001 - the edge of a thread: raised again by the one that waits
                ended.put((position, None, error))

    results: dict[int, Found] = {}
    with one_blas_thread():  # around all of them: each search restores what it found
        for _ in range(min(threads, len(work))):
            threading.Thread(target=take, daemon=True).start()
        try:
            for n_done in range(1, len(work) + 1):
                position, found, error = ended.get()
                if error is not None:
                    raise error
                results[position] = found  # type: ignore[assignment]  # no error, so there is a result
                if progress is not None:
                    progress(n_done, len(work))
        finally:
            is_over.set()
    return tuple(results[position] for position in range(len(work)))


def one_thread(options: SearchOptions) -> SearchOptions:
    """The same search on one thread: the features stand side by side instead, which wastes nothing."""
    return replace(options, threads=1)


def _told_nothing(rows: Rows, codes: IntArray, *, labels: Sequence[Label], scoring: str, folds: IntArray) -> OutOfFold:
    """Of rows that are all equal, a regression learns the labels' shares and nothing else."""
    score = score_named(scoring, len(labels))
    decisions = np.empty((len(codes), 1 if len(labels) == 2 else len(labels)))
    for fold in np.unique(folds):
        decisions[folds == fold] = _shares(codes[folds != fold], len(labels))
    n_features = rows.shape[1]
    whole = _shares(codes, len(labels))
    return OutOfFold(
        right=winners(decisions) == codes,
        fold_scores=np.array([score(codes[folds == fold], decisions[folds == fold]) for fold in np.unique(folds)]),
        scoring=scoring,
        chosen_C=None,
        head=LinearHead(labels=tuple(labels), coef=np.zeros((len(whole), n_features)), intercept=whole),
        n_features=n_features,
        warnings=(),
        seconds=0.0,
    )


def _shares(codes: IntArray, n_labels: int) -> Float64Array:
    """The labels' shares as decisions (n_coef_rows,)."""
    logs: Float64Array = np.log(np.bincount(codes, minlength=n_labels) / len(codes))
    decisions: Float64Array = logs[1:] - logs[0] if n_labels == 2 else logs - logs.mean()
    return decisions
