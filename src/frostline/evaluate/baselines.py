"""What a score must beat: simple classifiers trained on the same rows and tested on the same rows.

In:   the training part and the test part, and what the classifier under test answered.
Out:  a `Baseline` each: its scores, and the classifier's lead over it, row by row.
Not:  the scores themselves (scores.py), the words' own classifier (words.py).
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, JoinedRows, Probabilities, Rows, dense_part
from frostline.data.split import folds, possible_folds
from frostline.encoder.words import SCALE, vocabulary_or_none
from frostline.errors import InputError, UsageError
from frostline.evaluate.intervals import FEWEST_TEXTS, Estimate, Interval, resampled
from frostline.evaluate.paired import paired_difference
from frostline.evaluate.scores import evaluate, macro_f1_value, most_probable
from frostline.head.curvature import MANY
from frostline.head.fitted import PLAIN_ANSWERS, fit
from frostline.head.options import MOST_SEARCHED, SearchOptions
from frostline.head.parts import PartName, part_of
from frostline.head.search import Search
from frostline.machine import one_blas_thread
from frostline.targets import Kind, Targets

MAJORITY = "majority class"
WORDS = "TF-IDF + logistic regression"
CENTROID = "nearest class centroid"
COMMONEST = "commonest set of labels"
EVERY = "every label, to every text"
WORDS_EACH = "TF-IDF + logistic regression, one per label"

N_FOLDS = 3  # of the words' search
N_FOLDS_OF_FILE = 5
FEWEST_OF_FILE = 50
"""Rows of a file below which nothing that learns from most of them is worth a comparison."""

_CHUNK_ROWS = 4096


@final
@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some of the rows, whichever way they are looked at.

    Parameters
    ----------
    texts : sequence of str, length n_texts
    rows : ndarray of shape (n_texts, n_features), dtype=float32, or JoinedRows
    targets : Targets
        Which labels each text has.
    """

    texts: Sequence[str]
    rows: Rows
    targets: Targets

    def __len__(self) -> int:
        return len(self.targets)

    def of(self, kept: PartName) -> "Part":
        """The same with the columns of the features, of the words, or of both."""
        return replace(self, rows=part_of(self.rows, kept))

    def take(self, chosen: IntArray) -> "Part":
        """The rows numbered in `chosen`, in that order."""
        return Part([self.texts[row] for row in chosen.tolist()], self.rows[chosen], self.targets.take(chosen))


@final
@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """What a baseline says of the test rows (n_texts, n_labels); `probabilities` is None where it claims none."""

    favoured: BoolArray
    probabilities: Probabilities | None
    made_of: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """By how much the classifier under test is ahead, on the same rows.

    Parameters
    ----------
    value : float
    interval : (float, float)
        95 %.
    n : int
    n_only_model, n_only_baseline : int or None
        Rows that just one of the two got right, where a row is right or wrong.
    p_value : float or None
        As in `PairedDifference`; None where the interval is of resampled rows.
    """

    value: float
    interval: Interval
    n: int
    n_only_model: int | None = None
    n_only_baseline: int | None = None
    p_value: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A simple classifier's scores on the test rows.

    Parameters
    ----------
    name : str
    made_of : str
        How it was trained, in a few words.
    scores : mapping of str to Estimate
        As in `Evaluation`; without those of probabilities where it claims none.
    leads : mapping of str to Lead
        The classifier under test minus this one, by score: `accuracy`; or `micro_f1` and `macro_f1`.
    seconds : float
        Training, predicting and scoring.
    """

    name: str
    made_of: str
    scores: Mapping[str, Estimate]
    leads: Mapping[str, Lead]
    seconds: float


def baselines(
    splits: Sequence[tuple[Part, Part]], *, favoured: BoolArray, seed: int = 0, known: Guess | None = None
) -> tuple[Baseline, ...]:
    """Train and test each baseline on each split; its answers on all test parts are scored together.

    Parameters
    ----------
    splits : sequence of (train, test)
        One for a hold-out, one per fold of a cross-validation. At least one row in each part.
    favoured : ndarray of shape (n_test, n_labels), dtype=bool
        Labels that the classifier under test chose for the rows of the test parts, one after the other.
    seed : int
        For the folds that choose the words' C, and for resampling.
    known : Guess, optional
        What words alone say, where that is known already (`from_known_words`).

    Returns
    -------
    tuple of Baseline
        Of labels that exclude each other: majority class; TF-IDF and logistic regression (left out if no text holds a
        word); nearest class centroid. Else: the commonest set of labels; every label; TF-IDF and logistic regression.
    """
    for train, test in splits:
        if len(train) == 0 or len(test) == 0:
            raise InputError(f"Baselines need rows (got {len(train)} to train on, {len(test)} to test on).")
    truth = Targets.concatenated([test.targets for _, test in splits])
    made = []
    for name, guesser in _TRIED[truth.kind].items():
        started = time.perf_counter()
        with one_blas_thread():  # two spinning threads took 13 s for TREC's words, one 2 s
            guesses = (
                [known]
                if known is not None and name == WORDS
                else [guesser(train, test, seed) for train, test in splits]
            )
        whole = [guess for guess in guesses if guess is not None]
        if len(whole) == len(splits):
            scores, leads = _scored(_pooled(whole), favoured, truth, seed)
            seconds = time.perf_counter() - started
            made.append(Baseline(name=name, made_of=whole[0].made_of, scores=scores, leads=leads, seconds=seconds))
    return tuple(made)


def baselines_of_file(part: Part, *, favoured: BoolArray) -> tuple[Baseline, ...]:
    """What simple ways reach that learn from the file itself, by folds: beside a classifier that learned elsewhere.

    They have the advantage of texts of the same kind, and fewer of them.

    Returns
    -------
    tuple of Baseline
        As `baselines`; empty of fewer than `FEWEST_OF_FILE` rows, and where all of them belong together. Their
        intervals are those of one head; a caller widens them (`nested.allowing_for_heads`).
    """
    n_folds = min(N_FOLDS_OF_FILE, part.targets.n_apart)
    if len(part) < FEWEST_OF_FILE or n_folds < 2:
        return ()
    fold_of = folds(part.targets, n_folds=n_folds, seed=0)
    order = np.argsort(fold_of, kind="stable")
    held = [np.flatnonzero(fold_of == fold) for fold in range(n_folds)]
    splits = [(part.take(np.setdiff1d(order, own)), part.take(own)) for own in held if len(own)]
    made = baselines(splits, favoured=favoured[order], seed=0)
    return tuple(replace(one, made_of=f"{one.made_of}, learned from this file by {n_folds} folds") for one in made)


def _pooled(guesses: Sequence[Guess]) -> Guess:
    """The answers on several test parts as one."""
    shares = [guess.probabilities for guess in guesses if guess.probabilities is not None]
    return Guess(
        np.concatenate([guess.favoured for guess in guesses]),
        np.concatenate(shares) if shares else None,
        guesses[0].made_of,
    )


_OF_PROBABILITIES = ("log_loss", "mean_average_precision")


def _scored(
    guess: Guess, favoured: BoolArray, truth: Targets, seed: int
) -> tuple[Mapping[str, Estimate], Mapping[str, Lead]]:
    claimed = guess.favoured.astype(np.float64) if guess.probabilities is None else guess.probabilities
    scores = evaluate(claimed, guess.favoured, truth, seed=seed).scores
    if guess.probabilities is None:
        scores = {name: score for name, score in scores.items() if name not in _OF_PROBABILITIES}
    return scores, _LEADS[truth.kind](favoured, guess.favoured, truth, seed)


Leads: TypeAlias = Mapping[str, Lead]


def _lead_in_accuracy(favoured: BoolArray, baseline: BoolArray, truth: Targets, seed: int) -> Leads:  # noqa: ARG001
    found = paired_difference(favoured.argmax(axis=1), baseline.argmax(axis=1), truth.codes, lots=truth.shared_lots)
    lead = Lead(
        value=found.value,
        interval=found.interval,
        n=found.n,
        n_only_model=found.n_only_first,
        n_only_baseline=found.n_only_second,
        p_value=found.p_value,
    )
    return {"accuracy": lead}


def _leads_in_f1(favoured: BoolArray, baseline: BoolArray, truth: Targets, seed: int) -> Leads:
    """Differences of micro and macro F1, both figures of each draw from the very same rows."""
    first, second = (
        resampled(answers, truth.members, None, seed=seed, lots=truth.shared_lots) for answers in (favoured, baseline)
    )
    micro, macro = (
        one - other for one, other in zip(f1_of(favoured, truth.members), f1_of(baseline, truth.members), strict=True)
    )
    return {
        "micro_f1": _resampled_lead(micro, first.micro_f1 - second.micro_f1, len(truth)),
        "macro_f1": _resampled_lead(macro, first.macro_f1 - second.macro_f1, len(truth)),
    }


_LEADS: Mapping[Kind, Callable[[BoolArray, BoolArray, Targets, int], Leads]] = {
    "one label": _lead_in_accuracy,
    "several labels": _leads_in_f1,
}


def f1_of(favoured: BoolArray, members: BoolArray) -> tuple[float, float]:
    """Micro and macro F1 alone; macro over the labels that occur or are given."""
    hits, sizes = int((favoured & members).sum()), int(favoured.sum()) + int(members.sum())
    return 2 * hits / sizes if sizes else 1.0, macro_f1_value(favoured, members)


def _resampled_lead(value: float, draws: Float64Array, n: int) -> Lead:
    if n < FEWEST_TEXTS:
        return Lead(value=value, interval=(-1.0, 1.0), n=n)
    low, high = np.percentile(draws, [2.5, 97.5]).tolist()
    return Lead(value=value, interval=(min(low, value), max(high, value)), n=n)


def majority(train: Part, test: Part, seed: int) -> Guess:  # noqa: ARG001 - as all of them
    """The commonest training label for every row, with the training shares as probabilities."""
    probabilities: Probabilities = np.tile(train.targets.members.mean(axis=0), (len(test), 1))
    return Guess(most_probable(probabilities), probabilities, "the commonest label, whatever the text")


def commonest_set(train: Part, test: Part, seed: int) -> Guess:  # noqa: ARG001 - as all of them
    """The set of labels that most training texts have, for every text."""
    sets = Counter(row.tobytes() for row in train.targets.members)
    commonest = np.frombuffer(sets.most_common(1)[0][0], dtype=bool)
    return Guess(np.tile(commonest, (len(test), 1)), None, "the same answer for every text")


def every_label(train: Part, test: Part, seed: int) -> Guess:  # noqa: ARG001 - as all of them
    """Each label's share of the training texts as its probability; all given, which is F1's best constant answer."""
    shares = (train.targets.members.sum(axis=0) + 0.5) / (len(train) + 1)
    probabilities: Float64Array = np.tile(shares, (len(test), 1))
    given = np.ones(probabilities.shape, dtype=bool)
    return Guess(given, probabilities, "shares of the training texts as probabilities")


def from_words(train: Part, test: Part, seed: int) -> Guess | None:
    """The head that features of words alone would have, C and thresholds by 3 folds; None if words tell nothing apart.

    Words that occur in two training texts or more; in one, where none occurs in two.
    """
    vocabulary = vocabulary_or_none(train.texts) or vocabulary_or_none(train.texts, min_texts=1)
    learned = np.asarray(train.targets.members.any(axis=0), dtype=np.bool_)
    if vocabulary is None or len(train.targets.labels) > MOST_SEARCHED:
        return None
    labels = tuple(compress(train.targets.labels, learned.tolist()))
    targets = replace(train.targets, labels=labels, members=train.targets.members[:, learned])
    options = SearchOptions(n_folds=possible_folds(N_FOLDS, targets), seed=seed)
    rows, asked = (JoinedRows(np.empty((len(part), 0)), vocabulary.rows(part.texts)) for part in (train, test))
    try:
        fitted = fit(rows, targets, search=options, answers=PLAIN_ANSWERS)
    except (InputError, UsageError):  # one label alone, a label of one row, or all texts of the same words
        return None
    answer = fitted.head.answer(fitted.head.predict_proba(asked))
    probabilities: Probabilities = np.zeros(test.targets.members.shape)
    favoured: BoolArray = np.zeros(test.targets.members.shape, dtype=np.bool_)
    probabilities[:, learned], favoured[:, learned] = answer.probabilities, answer.favoured
    chosen = f"C = {fitted.search.middle_C * SCALE**2:.3g} for rows of length 1, by {options.n_folds} folds"
    return Guess(favoured, probabilities, f"{rows.shape[1]:,} words and word pairs, {chosen}")


def from_known_words(words: Search, test: Part) -> Guess | None:
    """The same of many labels by a search that was made anyway, since another would cost as much; None of few."""
    if len(words.chosen_C) > 1 or len(words.head.labels) < MANY:
        return None
    answer = words.head.answer(words.head.predict_proba(test.of("words").rows))
    chosen = f"C = {words.middle_C * SCALE**2:.3g} for rows of length 1, by {int(words.folds.max()) + 1} folds"
    return Guess(answer.favoured, answer.probabilities, f"{words.head.coef.shape[1]:,} words and word pairs, {chosen}")


def nearest_centroid(train: Part, test: Part, seed: int) -> Guess | None:  # noqa: ARG001 - as all of them
    """The label whose mean training row is nearest to the row, after standardising each feature.

    Distances are not probabilities, so it claims none. A label without training rows is never chosen. None where
    features are words alone.
    """
    members = train.targets.members
    n_labels, counts = members.shape[1], members.sum(axis=0)
    learned, asked = dense_part(train.rows), dense_part(test.rows)
    if not learned.shape[1]:
        return None
    sums, squares = np.zeros((n_labels, learned.shape[1])), np.zeros(learned.shape[1])
    for start in range(0, len(members), _CHUNK_ROWS):
        rows = learned[start : start + _CHUNK_ROWS].astype(np.float64)
        sums += members[start : start + _CHUNK_ROWS].T.astype(np.float64) @ rows
        squares += np.einsum("ij,ij->j", rows, rows)
    mean = sums.sum(axis=0) / len(members)
    variance = np.maximum(squares / len(members) - mean**2, 0.0)
    variance[variance <= 1e-12 * np.maximum(mean**2, 1e-12)] = (
        1.0  # a constant feature tells nothing: any scale will do
    )
    centroids = sums / np.maximum(counts, 1)[:, None] - mean
    weights: Float64Array = centroids / variance
    offsets = -0.5 * (centroids * weights).sum(axis=1)
    offsets[counts == 0] = -np.inf
    closeness = [
        (asked[start : start + _CHUNK_ROWS].astype(np.float64) - mean) @ weights.T + offsets
        for start in range(0, len(asked), _CHUNK_ROWS)
    ]
    return Guess(
        most_probable(np.concatenate(closeness)),
        None,
        "Euclidean distance to each label's mean, features standardised",
    )


_TRIED: Mapping[Kind, Mapping[str, Callable[[Part, Part, int], Guess | None]]] = {
    "one label": {MAJORITY: majority, WORDS: from_words, CENTROID: nearest_centroid},
    "several labels": {COMMONEST: commonest_set, EVERY: every_label, WORDS_EACH: from_words},
}
