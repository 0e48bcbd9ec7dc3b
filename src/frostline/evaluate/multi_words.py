"""The same first try as words.py for texts with several labels: TF-IDF and a logistic regression per label.

In:   training texts with their labels, test texts.
Out:  answers and probabilities for the test texts, and how they came about.
Not:  anything with an encoder; the fits (word_fit.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, Probabilities
from frostline.data.multi_split import iterative_parts
from frostline.evaluate.word_fit import fit_words
from frostline.evaluate.words import GRID, sparse, word_rows
from frostline.head.loss import LogisticEach
from frostline.head.thresholds import best_thresholds

SEARCH_ROWS = 10_000
HELD = 1 / 3
"""The share of the search's rows that judges C and chooses the thresholds."""


@final
@dataclass(frozen=True, slots=True)
class WordAnswers:
    """Answers and probabilities (n_test, n_labels), and a few words on how."""

    given: BoolArray
    probabilities: Probabilities
    made_of: str


def word_answers(
    train_texts: Sequence[str], members: BoolArray, test_texts: Sequence[str], *, seed: int = 0
) -> WordAnswers | None:
    """Train on `train_texts` and answer for `test_texts`; None if no training text holds a word.

    C is the best of 1, 3, 10, 30 by mean log loss on a third of at most 10,000 training rows, which also chooses each
    label's threshold, by F1: the baseline has what the classifier has.

    Raises
    ------
    ConvergenceError
        The solver did not converge.
    """
    found = word_rows(train_texts)
    if found is None:
        return None
    vocabulary, rows = found
    sample = np.sort(np.random.RandomState(seed).permutation(len(train_texts))[:SEARCH_ROWS])
    parts = iterative_parts(members[sample], [1 - HELD, HELD], seed=seed)
    fit, held = sample[parts == 0], sample[parts == 1]
    C, thresholds = 10.0, np.full(members.shape[1], 0.5)
    if len(fit) and len(held):
        tried = [_probabilities(rows[fit], members[fit], rows[held], C) for C in GRID]
        best = int(np.argmin([_log_loss(one, members[held]) for one in tried]))
        C, thresholds = GRID[best], best_thresholds(tried[best], members[held])
    probabilities = _probabilities(rows, members, sparse(vocabulary.rows(test_texts)), C)
    told = f"{rows.shape[1]:,} words and word pairs, C = {C:g} and thresholds by a third of {len(sample):,} rows"
    return WordAnswers(probabilities >= thresholds, probabilities, told)


def _probabilities(rows: Any, members: BoolArray, test_rows: Any, C: float) -> Probabilities:
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
