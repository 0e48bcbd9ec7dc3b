"""Of each row, probabilities by heads that did not see it: averaged over several ways to cut the rows into folds.

In:   rows of features, codes of the labels.
Out:  `HeldOut`.
Not:  the search (head/search.py), what the probabilities say about labels (wrong_labels.py).

C is searched on one folding, by log loss: it is probabilities that are wanted, not labels. The other foldings are
solved at that C alone. One folding leaves a row's probability to the chance of which rows it was held out with.
"""

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import Features, IntArray, Probabilities, Progress
from frostline.data.split import stratified_folds
from frostline.head.linear import LinearHead, probabilities
from frostline.head.search import SearchOptions, search_C

N_FOLDINGS = 3


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """Out-of-fold probabilities.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        The mean over the foldings.
    head : LinearHead
        Fitted on all rows; its labels are the codes.
    chosen_C : float
    n_foldings, n_folds : int
    """

    probabilities: Probabilities
    head: LinearHead
    chosen_C: float  # noqa: N815 - C is its name everywhere
    n_foldings: int
    n_folds: int


def held_out_probabilities(  # noqa: PLR0913 - rows, labels and texts; how, how often, and progress
    rows: Features,
    codes: IntArray,
    *,
    groups: IntArray,
    options: SearchOptions,
    n_foldings: int = N_FOLDINGS,
    progress: Progress | None = None,
) -> HeldOut:
    """Out-of-fold probabilities of every row.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    codes : ndarray of shape (n_texts,), dtype=int64
        From 0, without gaps; each on two rows or more.
    groups : ndarray of shape (n_texts,), dtype=int64
        The text of each row, numbered from 0: rows of one text are held out together.
    options : SearchOptions
        How C is searched; scored by log loss whatever it says.
    n_foldings : int
        At least 1.
    progress : callable, optional
        Counts foldings.

    Raises
    ------
    InputError, ConvergenceError
        As `search_C`.
    """
    how = replace(options, scoring="neg_log_loss", n_folds=min(options.n_folds, len(codes)))
    labels = tuple(range(int(codes.max()) + 1))
    if progress is not None:
        progress(0, n_foldings)
    search = search_C(rows, codes, labels=labels, options=how, folds=_folds(codes, groups, how))
    total = probabilities(search.held_out_decisions)
    for number in range(1, n_foldings):
        if progress is not None:
            progress(number, n_foldings)
        folds = _folds(codes, groups, replace(how, seed=(how.seed + number) % 2**32))
        again = search_C(rows, codes, labels=labels, options=replace(how, Cs=(search.chosen_C,)), folds=folds)
        total += probabilities(again.held_out_decisions)
    if progress is not None:
        progress(n_foldings, n_foldings)
    return HeldOut(
        probabilities=np.asarray(total / n_foldings),
        head=search.head,
        chosen_C=search.chosen_C,
        n_foldings=n_foldings,
        n_folds=int(how.n_folds),
    )


def _folds(codes: IntArray, groups: IntArray, how: SearchOptions) -> IntArray:
    """Stratified folds in which rows of one text stay together, unless a label would then be held out whole."""
    folds = stratified_folds(codes, n_folds=how.n_folds, seed=how.seed)
    _, first, of_row = np.unique(groups, return_index=True, return_inverse=True)
    together = folds[first][of_row]
    sizes = np.bincount(together, minlength=how.n_folds)
    counts = np.zeros((int(codes.max()) + 1, how.n_folds), np.int64)
    np.add.at(counts, (codes, together), 1)
    is_fit = sizes.min() > 0 and int((counts.max(axis=1) == counts.sum(axis=1)).sum()) == 0
    return together if is_fit else folds
