"""The classifier that anyone would try first: which words occur, weighted by rarity, and logistic regression.

In:   training texts with their targets, test texts.
Out:  answers and probabilities for the test texts, and how they came about.
Not:  anything with an encoder; the fits (word_fit.py). scikit-learn would do it as well, but takes 0.9 s to import.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, JoinedRows, Probabilities, WordRows, are_equal
from frostline.data import split
from frostline.encoder.words import Vocabulary, fit
from frostline.errors import InputError
from frostline.evaluate.scores import most_probable
from frostline.evaluate.word_fit import fit_words
from frostline.head.curvature import MANY
from frostline.head.deciding import best_thresholds
from frostline.head.linear import probabilities as head_probabilities
from frostline.head.linear import winners
from frostline.head.loss import Logistic, LogisticEach, Loss, Softmax
from frostline.head.options import SearchOptions, share_c
from frostline.head.search import fit_at, search
from frostline.targets import Targets

GRID = (1.0, 3.0, 10.0, 30.0)
"""Wide enough: TF-IDF rows have length 1, and over SST-2, TREC and CR the chosen C was 10, 30 and 30."""

N_FOLDS = 3
SEARCH_ROWS = 20_000
_SEARCH_ROWS_EACH = 10_000
_SET = 10.0, "set, as a label has too few rows to search"
_BEST = f"best of {', '.join(f'{C:g}' for C in GRID)} by {N_FOLDS} folds"
_NEAR = 1e-4  # relative gradient of the folds of many labels
_HELD = 1 / 3  # the share of those rows that judges C and chooses the thresholds


@final
@dataclass(frozen=True, slots=True, eq=False)
class WordGuess:
    """Answers and probabilities (n_test, n_labels), and a few words on how."""

    favoured: BoolArray
    probabilities: Probabilities
    made_of: str


def word_guess(
    train_texts: Sequence[str], targets: Targets, test_texts: Sequence[str], *, seed: int = 0
) -> WordGuess | None:
    """Train on `train_texts` and answer for `test_texts`; None if no training text holds a word.

    Words and pairs of words that occur in two training texts or more (in one, where none occurs in two), at most
    200,000 of them; sublinear counts. C is the best of 1, 3, 10, 30. Of labels that exclude each other, by accuracy
    over 3 stratified folds of at most 20,000 training rows; 10 where a label has fewer than 3 rows. Where they don't,
    by mean log loss on a third of at most 10,000 training rows, which also chooses each label's threshold, by F1: the
    baseline has what the classifier has.

    Raises
    ------
    ConvergenceError
        The solver did not converge.
    """
    found = word_rows(train_texts)
    if found is None:
        return None
    vocabulary, rows = found
    if share_c(targets) and len(np.unique(targets.codes)) >= MANY:
        learned, tested = (_alone(vocabulary.rows(texts)) for texts in (train_texts, test_texts))
        if not are_equal(learned):
            return _guess_of_many(learned, targets, tested, seed=seed)
    asked = sparse(vocabulary.rows(test_texts))
    if share_c(targets):
        return _guess_of_one(rows, targets, asked, seed=seed)
    return _guess_of_several(rows, targets, asked, seed=seed)


def _guess_of_one(rows: Any, targets: Targets, asked: Any, *, seed: int) -> WordGuess:
    present, own = np.unique(targets.codes, return_inverse=True)
    probabilities = np.zeros((asked.shape[0], len(targets.labels)))
    C, how = _chosen_C(rows, replace(Targets.of_codes(own, present.tolist()), together=targets.together), seed)
    if len(present) == 1:
        probabilities[:, present] = 1.0
    else:
        every = np.ones((len(own), 1), dtype=bool)
        heads = fit_words(rows, _loss(own, len(present)), training=every, Cs=np.array([C]))
        probabilities[:, present] = head_probabilities(heads.decisions(asked))
    made_of = f"{rows.shape[1]:,} words and word pairs, C = {C:g} ({how})"
    return WordGuess(most_probable(probabilities), probabilities, made_of)


def _guess_of_many(learned: JoinedRows, targets: Targets, tested: JoinedRows, *, seed: int) -> WordGuess:
    """The same by the head's own search, which many labels cost a tenth (docs/decisions/0026-many-labels.md)."""
    present, own = np.unique(targets.codes, return_inverse=True)
    among = replace(Targets.of_codes(own, present.tolist()), together=targets.together)
    sample = _evenly(own, SEARCH_ROWS)
    searched = among.take(sample)
    C, how, head = *_SET, None
    if min(searched.counts_apart().values()) >= N_FOLDS:
        options = SearchOptions(Cs=GRID, n_folds=N_FOLDS, seed=seed, tolerance=_NEAR)
        found = search(learned[sample], searched, options=options)
        C, how = float(found.chosen_C[0]), _BEST
        head = found.head if len(sample) == len(own) else None
    head = fit_at(learned, among, C=C) if head is None else head
    probabilities = np.zeros((len(tested), len(targets.labels)))
    probabilities[:, present] = head.predict_proba(tested)
    made_of = f"{learned.words.n_terms:,} words and word pairs, C = {C:g} ({how})"
    return WordGuess(most_probable(probabilities), probabilities, made_of)


def _guess_of_several(rows: Any, targets: Targets, asked: Any, *, seed: int) -> WordGuess:
    members = targets.members
    sample = np.sort(np.random.RandomState(seed).permutation(len(members))[:_SEARCH_ROWS_EACH])
    searched = targets.take(sample)
    shares = [1 - _HELD, _HELD]
    parts = split.with_lots_whole(split.iterative_parts(searched.members, shares, seed=seed), searched, shares)
    fitted, held = sample[parts == 0], sample[parts == 1]
    C, thresholds = 10.0, np.full(members.shape[1], 0.5)
    if len(fitted) and len(held):
        tried = [_probabilities_each(rows[fitted], members[fitted], rows[held], C) for C in GRID]
        best = int(np.argmin([_log_loss(one, members[held]) for one in tried]))
        C, thresholds = GRID[best], best_thresholds(tried[best], members[held])
    probabilities = _probabilities_each(rows, members, asked, C)
    made_of = f"{rows.shape[1]:,} words and word pairs, C = {C:g} and thresholds by a third of {len(sample):,} rows"
    return WordGuess(probabilities >= thresholds, probabilities, made_of)


def _probabilities_each(rows: Any, members: BoolArray, test_rows: Any, C: float) -> Probabilities:
    """(n_test, n_labels); a label that all rows have, or none, gets its share."""
    shares: Float64Array = (members.sum(axis=0) + 0.5) / (len(members) + 1)
    found: Float64Array = np.tile(shares, (test_rows.shape[0], 1))
    learned = np.flatnonzero(members.any(axis=0) & ~members.all(axis=0))
    if len(learned):
        every = np.ones((len(members), 1), dtype=bool)
        heads = fit_words(rows, LogisticEach(members[:, learned]), training=every, Cs=np.array([C]))
        found[:, learned] = 1 / (1 + np.exp(-np.clip(heads.decisions(test_rows), -500, 500)))
    return found


def _log_loss(probabilities: Probabilities, members: BoolArray) -> float:
    given = np.clip(np.where(members, probabilities, 1 - probabilities), np.finfo(np.float64).eps, 1)
    return float(-np.log(given).mean())


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


def _alone(words: WordRows) -> JoinedRows:
    return JoinedRows(np.empty((len(words), 0), dtype=np.float32), words)


def _loss(codes: IntArray, n_labels: int) -> Loss:
    return Logistic(codes) if n_labels == 2 else Softmax(codes, n_labels)


def _chosen_C(rows: Any, targets: Targets, seed: int) -> tuple[float, str]:  # noqa: N802 - C is its name everywhere
    """The C with the best mean accuracy over the folds, the smallest of equals; every label has a text."""
    sample = _evenly(targets.codes, SEARCH_ROWS)
    rows, targets = rows[sample], targets.take(sample)
    codes, counts = targets.codes, targets.counts_apart()
    if len(counts) < 2 or min(counts.values()) < N_FOLDS:
        return _SET
    folds = split.folds(targets, n_folds=N_FOLDS, seed=seed)
    training = np.repeat(folds[:, None] != np.arange(N_FOLDS), len(GRID), axis=1)
    heads = fit_words(rows, _loss(codes, len(counts)), training=training, Cs=np.tile(GRID, N_FOLDS))
    right = [
        float((winners(heads.decisions(rows[~training[:, head]], head)) == codes[~training[:, head]]).mean())
        for head in range(training.shape[1])
    ]
    scores = np.array(right).reshape(N_FOLDS, len(GRID))
    return GRID[int(scores.mean(axis=0).argmax())], _BEST


def _evenly(codes: IntArray, n: int) -> IntArray:
    """At most `n` row numbers, each label in proportion."""
    by_label = np.argsort(codes, kind="stable")
    if len(codes) > n:
        by_label = by_label[np.linspace(0, len(codes) - 1, n).astype(np.int64)]
    return np.sort(by_label)
