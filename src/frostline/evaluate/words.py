"""The classifier that anyone would try first: which words occur, weighted by rarity, and logistic regression.

In:   training texts with their codes, test texts.
Out:  probabilities for the test texts, and how they came about.
Not:  anything with an encoder. The only file of this folder that imports scikit-learn, and only when it is called.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from frostline.arrays import Float64Array, IntArray, Probabilities
from frostline.errors import ConvergenceError
from frostline.words.vocabulary import MAX_TERMS, WORD_PATTERN

GRID = (1.0, 3.0, 10.0, 30.0)
"""Wide enough: TF-IDF rows have length 1, and over SST-2, TREC and CR the chosen C was 10, 30 and 30."""

N_FOLDS = 3
SEARCH_ROWS = 20_000


@final
@dataclass(frozen=True, slots=True)
class WordGuess:
    """Probabilities (n_test, n_labels), the chosen C and a few words on how."""

    probabilities: Probabilities
    C: float
    made_of: str


def word_probabilities(
    train_texts: Sequence[str], codes: IntArray, test_texts: Sequence[str], *, n_labels: int, seed: int = 0
) -> WordGuess | None:
    """Train on `train_texts` and give probabilities for `test_texts`; None if no training text holds a word.

    Words and pairs of words that occur in two training texts or more (in one, where none occurs in two), at most
    200,000 of them; sublinear counts. C is the best of 1, 3, 10, 30 by accuracy over 3 stratified folds of at most
    20,000 training rows; 10 where a label has fewer than 3 rows.

    Raises
    ------
    ConvergenceError
        The solver did not converge.
    """
    present = np.unique(codes)
    found = word_rows(train_texts)
    if found is None:
        return None
    vectorizer, rows = found
    C, how = _chosen_C(rows, codes, seed)
    probabilities = np.zeros((len(test_texts), n_labels))
    if len(present) == 1:
        probabilities[:, present] = 1.0
    else:
        probabilities[:, present] = fitted_on_words(rows, codes, C).predict_proba(vectorizer.transform(test_texts))
    made_of = f"{rows.shape[1]:,} words and word pairs, C = {C:g} ({how})"
    return WordGuess(probabilities, C, made_of)


def word_rows(texts: Sequence[str]) -> tuple[Any, Any] | None:
    """The vectorizer fitted on `texts` and their sparse rows, (n_texts, n_words); None if they hold no word."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - 0.9 s, and only training needs it

    for rarest in (2, 1):
        vectorizer = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, min_df=rarest, max_features=MAX_TERMS, token_pattern=WORD_PATTERN
        )
        try:
            return vectorizer, vectorizer.fit_transform(texts)
        except ValueError:  # no word left; the vectorizer has no gentler way to say so
            continue
    return None


def _chosen_C(rows: Any, codes: IntArray, seed: int) -> tuple[float, str]:  # noqa: N802 - C is its name everywhere
    """The C with the best mean accuracy over the folds, the smallest of equals."""
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - as above

    sample = _evenly(codes, SEARCH_ROWS)
    rows, codes = rows[sample], codes[sample]
    counts = np.bincount(codes)
    if np.count_nonzero(counts) < 2 or counts[counts > 0].min() < N_FOLDS:
        return 10.0, "set, as a label has too few rows to search"
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(codes, codes)
    scores: Float64Array = np.array(
        [
            [float(np.mean(fitted_on_words(rows[fit], codes[fit], C).predict(rows[held]) == codes[held])) for C in GRID]
            for fit, held in folds
        ]
    )
    return GRID[int(scores.mean(axis=0).argmax())], f"best of {', '.join(f'{C:g}' for C in GRID)} by {N_FOLDS} folds"


def _evenly(codes: IntArray, n: int) -> IntArray:
    """At most `n` row numbers, each label in proportion."""
    by_label = np.argsort(codes, kind="stable")
    if len(codes) > n:
        by_label = by_label[np.linspace(0, len(codes) - 1, n).astype(np.int64)]
    return np.sort(by_label)


def fitted_on_words(rows: Any, codes: IntArray, C: float) -> Any:
    """A converged logistic regression.

    newton-cg took 0.03 s where lbfgs took 0.1 s (6,920 rows of 19,307), and stops on the gradient.
    """
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - as above
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - as above

    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return LogisticRegression(C=C, solver="newton-cg", max_iter=1000).fit(rows, codes)
        except ConvergenceWarning as warning:
            raise ConvergenceError(
                f"TF-IDF + logistic regression at C = {C:g} did not converge: {warning}"
            ) from warning
