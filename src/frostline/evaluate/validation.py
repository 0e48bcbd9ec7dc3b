"""Nested cross-validation: what a classifier of this kind scores, C searched anew for every fold.

In:   all labelled rows, and how C is to be searched.
Out:  a `NestedResult`: out-of-fold predictions of every row, evaluated together.
Not:  searching C (head/search.py), calibrating and deciding (head/finishing.py); scoring (metrics.py).

A C chosen on all rows and then scored on some of them has seen them. Here the outer fold takes no part in the search
either, so the score is that of the whole procedure, search included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, IntArray, Probabilities, Progress
from frostline.data.split import stratified_folds
from frostline.errors import InputError, shown
from frostline.evaluate.metrics import Evaluation, evaluate
from frostline.head.finishing import PLAIN_ANSWERS, AnswerOptions, finish, folds_of
from frostline.head.linear import Label
from frostline.head.rule import Rule
from frostline.head.search import SearchOptions, search_C
from frostline.rows import Rows

Choice: TypeAlias = Callable[[BoolArray], tuple[str, Rows]]
"""Which rows may choose (n_texts,) in; the features that they choose, by name, and all rows of them, out.

No name where nothing is chosen, and only the words of the features are the rows' own.
"""


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
    fold_of : ndarray of shape (n_texts,), dtype=int64
        The outer fold that left each row out.
    probabilities : ndarray of shape (n_texts, n_labels)
        Of each row, by that fold's head, calibrated within the fold.
    uncalibrated : ndarray of shape (n_texts, n_labels)
        The same without the calibration.
    favoured, answered : ndarrays of shape (n_texts,), dtype=int64
        The label that fold's own rule favours; and its answer, which may be `NO_ANSWER`.
    chosen_features : tuple of str, length n_outer, or empty
        What each outer fold's rows chose; empty where the features were named.
    """

    evaluation: Evaluation
    n_outer: int
    chosen_Cs: tuple[float, ...]  # noqa: N815 - C is its name everywhere
    fold_accuracies: tuple[float, ...]
    n_fitted: int
    fold_of: IntArray
    probabilities: Probabilities
    uncalibrated: Probabilities
    favoured: IntArray
    answered: IntArray
    chosen_features: tuple[str, ...] = ()


def nested_cross_validation(  # noqa: PLR0913 - two arrays, and what a caller of any cross-validation may set
    rows: Rows,
    codes: IntArray,
    *,
    labels: Sequence[Label],
    options: SearchOptions,
    answers: AnswerOptions = PLAIN_ANSWERS,
    choose: Choice | None = None,
    n_outer: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> NestedResult:
    """Search C within every outer fold, and evaluate all out-of-fold predictions together.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features), or JoinedRows
    codes : ndarray of shape (n_texts,), dtype=int64
        Column of each row's label; every label has at least three rows.
    labels : sequence of n_labels str, int or bool
    options : SearchOptions
        For every inner search. Its number of folds is lowered to the rows that a label has left in an outer fold.
    answers : AnswerOptions
        Each outer fold calibrates and chooses its rule anew, by its own inner folds.
    choose : callable, optional
        Chooses the features of each outer fold by its own rows; `rows` then only say how many texts there are.
    n_outer : int, default 5
        At least 2. Lowered to the rows of the rarest label.
    seed : int
        Of the outer folds; `options.seed` is that of the inner ones.
    progress : callable, optional
        Counts outer folds.

    Raises
    ------
    InputError
        A label has fewer than three rows: one to test on, two to choose between values of C by.
    UsageError
        `n_outer` is less than 2.

    References
    ----------
    Varma, Simon (2006), Bias in error estimation when using cross-validation for model selection, BMC Bioinf. 7:91.
    Bates, Hastie, Tibshirani (2024), Cross-validation: what does it estimate, JASA 119: on the width of intervals.
    """
    counts = np.bincount(codes, minlength=len(labels))
    if counts.min() < 3:
        rarest = labels[int(counts.argmin())]
        raise InputError(
            f"Nested cross-validation needs three rows of every label (got {counts.min()} of {shown(rarest)}).",
            hint="Leave the label out, or add rows that have it.",
        )
    fold_of = stratified_folds(codes, n_folds=min(n_outer, int(counts.min())), seed=seed)
    n_folds = int(fold_of.max()) + 1
    found: Probabilities = np.zeros((len(codes), len(labels)))
    plain: Probabilities = np.zeros((len(codes), len(labels)))
    favoured, answered = np.zeros_like(codes), np.zeros_like(codes)
    chosen, features, accuracies = [], [], []
    for fold in range(n_folds):
        held = fold_of == fold
        fewest = int(np.bincount(codes[~held]).min())
        name, own = ("", rows) if choose is None else choose(~held)
        inner = replace(options, n_folds=min(options.n_folds, fewest))
        folds = folds_of(codes[~held], inner)
        searched = search_C(own[~held], codes[~held], labels=labels, options=inner, folds=folds)
        head = finish(searched, codes[~held], folds=folds, search_options=inner, options=answers, must_reach=False).head
        asked = own[held]
        plain[held] = searched.head.predict_proba(asked)
        found[held] = head.predict_proba(asked)
        rule = head.rule or Rule()
        favoured[held], answered[held] = rule.favoured(found[held]), rule.codes(found[held])
        chosen.append(searched.chosen_C)
        features.append(name)
        accuracies.append(float(np.mean(favoured[held] == codes[held])))
        if progress is not None:
            progress(fold + 1, n_folds)
    return NestedResult(
        evaluation=evaluate(found, codes, labels=labels, predicted=favoured),
        n_outer=n_folds,
        chosen_Cs=tuple(chosen),
        fold_accuracies=tuple(accuracies),
        n_fitted=len(codes) - int(np.bincount(fold_of).max()),
        fold_of=fold_of,
        probabilities=found,
        uncalibrated=plain,
        favoured=favoured,
        answered=answered,
        chosen_features=tuple(features) if any(features) else (),
    )
