"""What a score must beat: simple classifiers trained on the same rows and tested on the same rows.

In:   the training part and the test part, and what the classifier under test predicted.
Out:  a `Baseline` each: its scores, and the classifier's lead over it, row by row.
Not:  the metrics (metrics.py), the words' own classifier (words.py).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray, Probabilities
from frostline.blas import one_blas_thread
from frostline.errors import InputError
from frostline.evaluate.metrics import Estimate, accuracy, confusion_matrix, log_loss, macro_f1
from frostline.evaluate.paired import PairedDifference, paired_difference
from frostline.evaluate.words import word_probabilities
from frostline.head.linear import Label
from frostline.rows import Rows, dense_part

MAJORITY = "majority class"
WORDS = "TF-IDF + logistic regression"
CENTROID = "nearest class centroid"

_CHUNK_ROWS = 4096


@final
@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some of the rows, whichever way they are looked at.

    Parameters
    ----------
    texts : sequence of str, length n_texts
    rows : ndarray of shape (n_texts, n_features), dtype=float32, or JoinedRows
    codes : ndarray of shape (n_texts,), dtype=int64
        Column of each text's label.
    """

    texts: Sequence[str]
    rows: Rows
    codes: IntArray

    def take(self, chosen: IntArray) -> "Part":
        """The rows numbered in `chosen`, in that order."""
        return Part([self.texts[row] for row in chosen.tolist()], self.rows[chosen], self.codes[chosen])


@final
@dataclass(frozen=True, slots=True)
class Guess:
    """What a baseline says of the test rows; `probabilities` is None where it claims none."""

    predicted: IntArray
    probabilities: Probabilities | None
    made_of: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A simple classifier's scores on the test rows.

    Parameters
    ----------
    name : str
    made_of : str
        How it was trained, in a few words.
    accuracy, macro_f1 : Estimate
    log_loss : Estimate or None
        None where it claims no probabilities.
    lead : PairedDifference
        The classifier under test minus this one, on the same rows.
    seconds : float
        Training, predicting and scoring.
    """

    name: str
    made_of: str
    accuracy: Estimate
    macro_f1: Estimate
    log_loss: Estimate | None
    lead: PairedDifference
    seconds: float


def baselines(
    splits: Sequence[tuple[Part, Part]], *, labels: Sequence[Label], predicted: IntArray, seed: int = 0
) -> tuple[Baseline, ...]:
    """Train and test each baseline on each split; its answers on all test parts are scored together.

    Parameters
    ----------
    splits : sequence of (train, test)
        One for a hold-out, one per fold of a cross-validation. At least one row in each part.
    labels : sequence of n_labels str, int or bool
        In column order.
    predicted : ndarray of shape (n_test,), dtype=int64
        Columns that the classifier under test chose for the rows of the test parts, one after the other.
    seed : int
        For the folds that choose the words' C.

    Returns
    -------
    tuple of Baseline
        Majority class; TF-IDF and logistic regression (left out if no text holds a word); nearest class centroid.
    """
    for train, test in splits:
        if len(train.codes) == 0 or len(test.codes) == 0:
            raise InputError(f"Baselines need rows (got {len(train.codes)} to train on, {len(test.codes)} to test on).")

    def from_words(train: Part, test: Part, n_labels: int) -> Guess | None:
        found = word_probabilities(train.texts, train.codes, test.texts, n_labels=n_labels, seed=seed)
        if found is None:
            return None
        return Guess(found.probabilities.argmax(axis=1), found.probabilities, found.made_of)

    tried = ((MAJORITY, majority), (WORDS, from_words), (CENTROID, nearest_centroid))
    codes = np.concatenate([test.codes for _, test in splits])
    made = []
    for name, guesser in tried:
        started = time.perf_counter()
        with one_blas_thread():  # two spinning threads took 13 s for TREC's words, one 2 s
            guesses = [guesser(train, test, len(labels)) for train, test in splits]
        pooled = _pooled([guess for guess in guesses if guess is not None])
        if pooled is not None and len(pooled.predicted) == len(codes):
            scored = _scored(name, pooled, codes, predicted, n_labels=len(labels))
            made.append(replace(scored, seconds=time.perf_counter() - started))
    return tuple(made)


def _pooled(guesses: Sequence[Guess]) -> Guess | None:
    """The answers on several test parts as one."""
    if not guesses:
        return None
    shares = [guess.probabilities for guess in guesses if guess.probabilities is not None]
    return Guess(
        np.concatenate([guess.predicted for guess in guesses]),
        np.concatenate(shares) if shares else None,
        guesses[0].made_of,
    )


def _scored(name: str, guess: Guess, codes: IntArray, predicted: IntArray, *, n_labels: int) -> Baseline:
    confusion = confusion_matrix(guess.predicted, codes, n_labels=n_labels)
    return Baseline(
        name=name,
        made_of=guess.made_of,
        accuracy=accuracy(confusion),
        macro_f1=macro_f1(confusion),
        log_loss=None if guess.probabilities is None else log_loss(guess.probabilities, codes),
        lead=paired_difference(predicted, guess.predicted, codes),
        seconds=0.0,
    )


def majority(train: Part, test: Part, n_labels: int) -> Guess:
    """The commonest training label for every row, with the training shares as probabilities."""
    shares = np.bincount(train.codes, minlength=n_labels) / len(train.codes)
    probabilities: Probabilities = np.tile(shares, (len(test.codes), 1))
    return Guess(probabilities.argmax(axis=1), probabilities, "the commonest label, whatever the text")


def nearest_centroid(train: Part, test: Part, n_labels: int) -> Guess:
    """The label whose mean training row is nearest to the row, after standardising each feature.

    Distances are not probabilities, so it claims none. A label without training rows is never chosen.
    """
    counts = np.bincount(train.codes, minlength=n_labels)
    learned, asked = dense_part(train.rows), dense_part(test.rows)
    sums, squares = np.zeros((n_labels, learned.shape[1])), np.zeros(learned.shape[1])
    for start in range(0, len(train.codes), _CHUNK_ROWS):
        rows = learned[start : start + _CHUNK_ROWS].astype(np.float64)
        members = train.codes[start : start + _CHUNK_ROWS, None] == np.arange(n_labels)
        sums += members.T.astype(np.float64) @ rows
        squares += np.einsum("ij,ij->j", rows, rows)
    mean = sums.sum(axis=0) / len(train.codes)
    variance = np.maximum(squares / len(train.codes) - mean**2, 0.0)
    variance[variance <= 1e-12 * np.maximum(mean**2, 1e-12)] = (
        1.0  # a constant feature tells nothing: any scale will do
    )
    centroids = sums / np.maximum(counts, 1)[:, None] - mean
    weights: Float64Array = centroids / variance
    offsets = -0.5 * (centroids * weights).sum(axis=1)
    offsets[counts == 0] = -np.inf
    closeness = [
        (asked[start : start + _CHUNK_ROWS].astype(np.float64) - mean) @ weights.T + offsets
        for start in range(0, len(test.codes), _CHUNK_ROWS)
    ]
    return Guess(
        np.concatenate(closeness).argmax(axis=1), None, "Euclidean distance to each label's mean, features standardised"
    )
