"""The classifier that anyone would try first: which words occur, weighted by rarity, and logistic regression.

In:   training texts with their codes, test texts.
Out:  probabilities for the test texts, and how they came about.
Not:  anything with an encoder; the fits (word_fit.py). scikit-learn would do it as well, but takes 0.9 s to import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from frostline.arrays import IntArray, Probabilities
from frostline.data.split import stratified_folds
from frostline.errors import InputError
from frostline.evaluate.word_fit import fit_words
from frostline.head.linear import probabilities as head_probabilities
from frostline.head.linear import winners
from frostline.head.loss import Logistic, Loss, Softmax
from frostline.rows import WordRows
from frostline.words.vocabulary import Vocabulary, fit

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
    present, own = np.unique(codes, return_inverse=True)
    found = word_rows(train_texts)
    if found is None:
        return None
    vocabulary, rows = found
    probabilities = np.zeros((len(test_texts), n_labels))
    C, how = _chosen_C(rows, own, seed)
    if len(present) == 1:
        probabilities[:, present] = 1.0
    else:
        every = np.ones((len(own), 1), dtype=bool)
        heads = fit_words(rows, _loss(own, len(present)), training=every, Cs=np.array([C]))
        probabilities[:, present] = head_probabilities(heads.decisions(sparse(vocabulary.rows(test_texts))))
    made_of = f"{rows.shape[1]:,} words and word pairs, C = {C:g} ({how})"
    return WordGuess(probabilities, C, made_of)


def word_rows(texts: Sequence[str]) -> tuple[Vocabulary, Any] | None:
    """The vocabulary of `texts` and their sparse rows, (n_texts, n_words); None if they hold no word."""
    for rarest in (2, 1):
        try:
            vocabulary = fit(texts, min_texts=rarest, scale=1.0)
        except InputError:
            continue
        return vocabulary, sparse(vocabulary.rows(texts))
    return None


def sparse(rows: WordRows) -> Any:
    """The same rows as scipy has them."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - 0.1 s, and only training needs it

    return csr_array((rows.data, rows.indices, rows.indptr), shape=(len(rows), rows.n_terms))


def _loss(codes: IntArray, n_labels: int) -> Loss:
    return Logistic(codes) if n_labels == 2 else Softmax(codes, n_labels)


def _chosen_C(rows: Any, codes: IntArray, seed: int) -> tuple[float, str]:  # noqa: N802 - C is its name everywhere
    """The C with the best mean accuracy over the folds, the smallest of equals; codes from 0, each present."""
    sample = _evenly(codes, SEARCH_ROWS)
    rows, codes = rows[sample], codes[sample]
    counts = np.bincount(codes)
    if len(counts) < 2 or counts.min() < N_FOLDS:
        return 10.0, "set, as a label has too few rows to search"
    folds = stratified_folds(codes, n_folds=N_FOLDS, seed=seed)
    training = np.repeat(folds[:, None] != np.arange(N_FOLDS), len(GRID), axis=1)
    heads = fit_words(rows, _loss(codes, len(counts)), training=training, Cs=np.tile(GRID, N_FOLDS))
    right = [
        float((winners(heads.decisions(rows[~training[:, head]], head)) == codes[~training[:, head]]).mean())
        for head in range(training.shape[1])
    ]
    scores = np.array(right).reshape(N_FOLDS, len(GRID))
    return GRID[int(scores.mean(axis=0).argmax())], f"best of {', '.join(f'{C:g}' for C in GRID)} by {N_FOLDS} folds"


def _evenly(codes: IntArray, n: int) -> IntArray:
    """At most `n` row numbers, each label in proportion."""
    by_label = np.argsort(codes, kind="stable")
    if len(codes) > n:
        by_label = by_label[np.linspace(0, len(codes) - 1, n).astype(np.int64)]
    return np.sort(by_label)
