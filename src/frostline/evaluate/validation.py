"""Nested cross-validation: what a classifier of this kind scores, C searched anew for every fold.

In:   all labelled rows, and how C is to be searched.
Out:  a `NestedResult`: out-of-fold predictions of every row, evaluated together.
Not:  searching C (head/search.py); scoring (metrics.py).

A C chosen on all rows and then scored on some of them has seen them. Here the outer fold takes no part in the search
either, so the score is that of the whole procedure, search included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, final

import numpy as np

from frostline.arrays import Features, Float64Array, IntArray, Progress
from frostline.errors import InputError
from frostline.evaluate.metrics import Evaluation, evaluate
from frostline.head.linear import Label, LinearHead


class Searched(Protocol):
    """What a search of C must answer; `frostline.head.search.SearchResult` does."""

    @property
    def head(self) -> LinearHead:
        """Fitted with the chosen C on all rows given."""

    @property
    def chosen_C(self) -> float:  # noqa: N802 - C is its name everywhere
        """The C it was fitted with."""


Search: TypeAlias = Callable[[Features, IntArray], Searched]
"""Rows (n_texts, n_features) and codes (n_texts,) in, a head over all the labels out."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NestedResult:
    """The scores of the procedure.

    Parameters
    ----------
    evaluation : Evaluation
        Every row, predicted by the head of the outer fold that left it out. Its intervals treat the rows as
        independent; the folds' heads share training rows, so the true ones are a little wider.
    n_outer : int
    chosen_Cs : tuple of float, length n_outer
        What each inner search chose: if they are far apart, C matters little or the rows are few.
    fold_accuracies : tuple of float, length n_outer
    n_fitted : int
        Rows that the smallest outer training part had.
    """

    evaluation: Evaluation
    n_outer: int
    chosen_Cs: tuple[float, ...]  # noqa: N815 - C is its name everywhere
    fold_accuracies: tuple[float, ...]
    n_fitted: int


def nested_cross_validation(  # noqa: PLR0913 - two arrays, and what a caller of any cross-validation may set
    rows: Features,
    codes: IntArray,
    *,
    labels: Sequence[Label],
    search: Search,
    n_outer: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> NestedResult:
    """Search C within every outer fold, and evaluate all out-of-fold predictions together.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    codes : ndarray of shape (n_texts,), dtype=int64
        Column of each row's label; every label has at least two rows.
    labels : sequence of n_labels str, int or bool
    search : callable
        As `lambda rows, codes: search_C(rows, codes, labels=labels, options=options)`.
    n_outer : int, default 5
        At least 2. Not more than the rows of the rarest label: lowered to that.
    progress : callable, optional
        Counts outer folds.

    Raises
    ------
    InputError
        A label has fewer than two rows.

    References
    ----------
    Varma, Simon (2006), Bias in error estimation when using cross-validation for model selection, BMC Bioinf. 7:91.
    Bates, Hastie, Tibshirani (2024), Cross-validation: what does it estimate, JASA 119: on the width of intervals.
    """
    counts = np.bincount(codes, minlength=len(labels))
    if counts.min() < 2:
        rarest = labels[int(counts.argmin())]
        raise InputError(
            f"Nested cross-validation needs two rows of every label (got {counts.min()} of {rarest!r}).",
            hint="Leave the label out, or add rows that have it.",
        )
    fold_of = stratified_folds(codes, min(n_outer, int(counts.min())), seed=seed)
    n_folds = int(fold_of.max()) + 1
    predicted: Float64Array = np.zeros((len(codes), len(labels)))
    chosen, accuracies = [], []
    for fold in range(n_folds):
        held = fold_of == fold
        searched = search(rows[~held], codes[~held])
        predicted[held] = searched.head.predict_proba(rows[held])
        chosen.append(float(searched.chosen_C))
        accuracies.append(float(np.mean(predicted[held].argmax(axis=1) == codes[held])))
        if progress is not None:
            progress(fold + 1, n_folds)
    return NestedResult(
        evaluation=evaluate(predicted, codes, labels=labels),
        n_outer=n_folds,
        chosen_Cs=tuple(chosen),
        fold_accuracies=tuple(accuracies),
        n_fitted=len(codes) - int(np.bincount(fold_of).max()),
    )


def stratified_folds(codes: IntArray, n_folds: int, *, seed: int) -> IntArray:
    """The fold (n_texts,) of each row: every label is spread over the folds as evenly as can be, in random order."""
    order = np.random.default_rng(seed).permutation(len(codes))
    by_label = order[np.argsort(codes[order], kind="stable")]
    folds = np.empty(len(codes), np.int64)
    folds[by_label] = np.arange(len(codes)) % n_folds
    return folds
