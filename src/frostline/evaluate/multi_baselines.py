"""What a score of several labels per text must beat: simple classifiers on the same rows.

In:   the texts and labels to learn from and to test on, and what the classifier under test answered.
Out:  a `MultiBaseline` each: its scores, and the classifier's lead over it on the same rows.
Not:  the metrics (multi_label.py), the words' own classifier (multi_words.py).
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.blas import one_blas_thread
from frostline.evaluate.intervals import Interval
from frostline.evaluate.metrics import Estimate
from frostline.evaluate.multi_label import MultiEvaluation, evaluate_multi
from frostline.evaluate.multi_words import word_answers
from frostline.evaluate.resampling import FEWEST_TEXTS, resampled
from frostline.head.linear import Label

COMMONEST = "commonest set of labels"
EVERY = "every label, to every text"
WORDS = "TF-IDF + logistic regression, one per label"


@final
@dataclass(frozen=True, slots=True, eq=False)
class MultiPart:
    """Some of the rows: texts, and which labels each has, (n_texts, n_labels)."""

    texts: Sequence[str]
    members: BoolArray

    def take(self, chosen: IntArray) -> "MultiPart":
        """The rows numbered in `chosen`, in that order."""
        return MultiPart([self.texts[row] for row in chosen.tolist()], self.members[chosen])


@final
@dataclass(frozen=True, slots=True, eq=False)
class MultiGuess:
    """What a baseline says of the test rows; `probabilities` is None where it claims none."""

    given: BoolArray
    probabilities: Probabilities | None
    made_of: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiLead:
    """By how much the classifier is ahead on the same rows, with the 95 % interval of resampled rows."""

    value: float
    interval: Interval
    n: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiBaseline:
    """A simple classifier's scores on the test rows.

    Parameters
    ----------
    name, made_of : str
    micro_f1, macro_f1, subset_accuracy : Estimate
    mean_average_precision, log_loss : Estimate or None
        None where it claims no probabilities.
    lead_micro_f1, lead_macro_f1 : MultiLead
        The classifier under test minus this one.
    seconds : float
        Training, predicting and scoring.
    """

    name: str
    made_of: str
    micro_f1: Estimate
    macro_f1: Estimate
    subset_accuracy: Estimate
    mean_average_precision: Estimate | None
    log_loss: Estimate | None
    lead_micro_f1: MultiLead
    lead_macro_f1: MultiLead
    seconds: float


def multi_baselines(
    splits: Sequence[tuple[MultiPart, MultiPart]], *, labels: Sequence[Label], given: BoolArray, seed: int = 0
) -> tuple[MultiBaseline, ...]:
    """Train and test each baseline on each split; its answers on all test parts are scored together.

    Parameters
    ----------
    splits : sequence of (train, test)
        One for a hold-out, one per fold of a cross-validation.
    labels : sequence of n_labels str, int or bool
    given : ndarray of shape (n_test, n_labels), dtype=bool
        Answers of the classifier under test for the rows of the test parts, one after the other.
    seed : int
    """

    def from_words(train: MultiPart, test: MultiPart) -> MultiGuess | None:
        found = word_answers(train.texts, train.members, test.texts, seed=seed)
        return None if found is None else MultiGuess(found.given, found.probabilities, found.made_of)

    tried: tuple[tuple[str, Callable[[MultiPart, MultiPart], MultiGuess | None]], ...] = (
        (COMMONEST, commonest_set),
        (EVERY, every_label),
        (WORDS, from_words),
    )
    members = np.concatenate([test.members for _, test in splits])
    made = []
    for name, guesser in tried:
        started = time.perf_counter()
        with one_blas_thread():
            guesses = [guesser(train, test) for train, test in splits]
        whole = [guess for guess in guesses if guess is not None]
        if len(whole) == len(splits):
            made.append(_scored(name, whole, members, given, labels=labels, seed=seed, started=started))
    return tuple(made)


def commonest_set(train: MultiPart, test: MultiPart) -> MultiGuess:
    """The set of labels that most training texts have, for every text."""
    sets = Counter(row.tobytes() for row in train.members)
    commonest = np.frombuffer(sets.most_common(1)[0][0], dtype=bool)
    return MultiGuess(np.tile(commonest, (len(test.texts), 1)), None, "the same answer for every text")


def every_label(train: MultiPart, test: MultiPart) -> MultiGuess:
    """Each label's share of the training texts as its probability; all given, which is F1's best constant answer."""
    shares = (train.members.sum(axis=0) + 0.5) / (len(train.members) + 1)
    probabilities: Float64Array = np.tile(shares, (len(test.texts), 1))
    return MultiGuess(
        np.ones(probabilities.shape, dtype=bool), probabilities, "shares of the training texts as probabilities"
    )


def _scored(  # noqa: PLR0913 - what a comparison needs
    name: str,
    guesses: Sequence[MultiGuess],
    members: BoolArray,
    given: BoolArray,
    *,
    labels: Sequence[Label],
    seed: int,
    started: float,
) -> MultiBaseline:
    own = np.concatenate([guess.given for guess in guesses])
    claimed = [guess.probabilities for guess in guesses if guess.probabilities is not None]
    probabilities = np.concatenate(claimed) if claimed else own.astype(np.float64)
    found = evaluate_multi(probabilities, own, members, labels=labels, seed=seed)
    micro, macro = _leads(given, own, members, found, seed=seed)
    return MultiBaseline(
        name=name,
        made_of=guesses[0].made_of,
        micro_f1=found.micro_f1,
        macro_f1=found.macro_f1,
        subset_accuracy=found.subset_accuracy,
        mean_average_precision=found.mean_average_precision if claimed else None,
        log_loss=found.log_loss if claimed else None,
        lead_micro_f1=micro,
        lead_macro_f1=macro,
        seconds=time.perf_counter() - started,
    )


def _leads(
    given: BoolArray, own: BoolArray, members: BoolArray, found: MultiEvaluation, *, seed: int
) -> tuple[MultiLead, MultiLead]:
    """Differences of micro and macro F1, both figures of each draw from the very same rows."""
    first, second = (resampled(answers, members, None, seed=seed) for answers in (given, own))
    value = evaluate_f1(given, members)
    return (
        _lead(value[0] - found.micro_f1.value, first.micro_f1 - second.micro_f1, len(members)),
        _lead(value[1] - found.macro_f1.value, first.macro_f1 - second.macro_f1, len(members)),
    )


def evaluate_f1(given: BoolArray, members: BoolArray) -> tuple[float, float]:
    """Micro and macro F1 alone; macro over the labels that occur or are given."""
    hits, sizes = (given & members).sum(axis=0), given.sum(axis=0) + members.sum(axis=0)
    if not sizes.any():
        return 1.0, 1.0
    return float(2 * hits.sum() / sizes.sum()), float((2 * hits[sizes > 0] / sizes[sizes > 0]).mean())


def _lead(value: float, draws: Float64Array, n: int) -> MultiLead:
    if n < FEWEST_TEXTS:
        return MultiLead(value=value, interval=(-1.0, 1.0), n=n)
    low, high = np.percentile(draws, [2.5, 97.5]).tolist()
    return MultiLead(value=value, interval=(min(low, value), max(high, value)), n=n)
