"""One paragraph for whoever decides: what it is, how often it is right, beside what, what it confuses, what to do.

In:   a `TrainingRecord`, or an `EvaluationRecord`.
Out:  sentences without terms of the trade; what came from the user is printable.
Not:  the exact figures (phrases.py, the tables).
"""

import math

import numpy as np

from frostline.advice import MATTERS, advise
from frostline.evaluate.baselines import MAJORITY, WORDS, Baseline
from frostline.evaluate.calibration import Reliability
from frostline.evaluate.intervals import Interval
from frostline.evaluate.metrics import Evaluation
from frostline.head_record import ProbabilityRecord
from frostline.record import EvaluationRecord, TrainingRecord
from frostline.report import phrases
from frostline.report.mistakes import commonest_mistakes

_NAMED = 6  # labels that a sentence can hold


def plain_words(record: TrainingRecord) -> list[str]:
    """The sentences of a training, in the order in which they are asked for."""
    labels = named([phrases.printable(label, 24) for label in record.labels])
    said = [
        (
            f"This classifier gives a text one of {len(record.labels)} labels ({labels}). It learned from "
            f"{phrases.count_text(record.n_trained, 'labelled text')} of {phrases.printable(record.data.name)}."
        )
    ]
    if record.test is None:
        return [*said, "Nothing was tested: there is no telling how good this classifier is."]
    said += how_often(record.test, "that it had not learned from")
    said += [_beside(baseline) for name in (MAJORITY, WORDS) for baseline in record.baselines if baseline.name == name]
    said += confuses(record.test) + how_sure(record.probabilities)
    return [*said, next_step(record)]


def evaluation_words(record: EvaluationRecord) -> list[str]:
    """The same of a saved classifier on a file."""
    labels = named([phrases.printable(label, 24) for label in record.test.labels])
    said = [f"The classifier {phrases.printable(record.model)} gives a text one of {len(record.test.labels)} labels"]
    said = [f"{said[0]} ({labels}). It was tested on {phrases.printable(record.data.name)}."]
    return said + how_often(record.test, "of that file") + confuses(record.test) + how_sure(record.probabilities)


def how_often(test: Evaluation, which: str) -> list[str]:
    """How often it is right, of a hundred."""
    few = " With so few texts this is little more than a hint." if test.n < 100 else ""
    return [
        (
            f"On {phrases.count_text(test.n, 'text')} {which} it was right {of_hundred(test.accuracy.value)} times; "
            f"on more texts of the same kind it should be between {between(test.accuracy.interval)}.{few}"
        )
    ]


def confuses(test: Evaluation) -> list[str]:
    """The commonest mistake, and what share of all mistakes it is."""
    found = commonest_mistakes(test, most=1)
    if not found:
        return ["It made no mistake there, which says that the test was easy or small, not that it makes none."]
    true, taken, count = found[0]
    n_wrong = int(test.confusion.sum() - np.trace(test.confusion))
    whose = f"{count:,} of its {n_wrong:,} mistakes" if n_wrong > 1 else "its only mistake"
    return [
        (
            f"What it gets wrong most: it says {phrases.printable(taken, 30)} where {phrases.printable(true, 30)} "
            f"is right ({whose})."
        )
    ]


def how_sure(found: ProbabilityRecord | None) -> list[str]:
    """Whether its probabilities can be taken at their word."""
    return [] if found is None else [misses(found.scores.reliability)]


def misses(found: Reliability) -> str:
    """By how much probabilities are off."""
    error = found.error
    miss, worst = 100 * error.value, 100 * error.interval[1]
    if worst <= 4:
        said = "Its probabilities can be taken at their word"
    elif miss < 4:
        said = "Its probabilities seem right, as far as so few texts tell"
    else:
        said = "Its probabilities should be read with care"
    off = "less than 1" if miss < 0.95 else f"about {miss:.0f}"
    return f"{said}: on average they are {off} in 100 off, and it could be {math.ceil(worst)}."


def next_step(record: TrainingRecord) -> str:
    """What the figures at hand advise, the most useful first; that it be tested, where it was not.

    Test texts that are training texts too come first where they could move the score.
    """
    if record.test is None:
        return "Next: test it on texts with labels."
    n_leaks = 0 if record.test_source is None else record.test_source.n_leaks
    if n_leaks and n_leaks >= MATTERS * record.test.accuracy.n:
        return "Next: take the test texts that are also training texts out, since they flatter it."
    advice = advise(record)
    if advice:
        return f"Next: {advice[0].sentence}"
    return "Next: read its surest mistakes; some will be wrong labels (frostline review finds them)."


def of_hundred(share: float) -> str:
    """0.8446 as `about 84 of 100`; never all or none unless it is."""
    if share in {0.0, 1.0}:
        return f"{round(100 * share)} of 100"
    if share > 0.99:
        return "more than 99 of 100"
    return "fewer than 1 of 100" if share < 0.01 else f"about {_rounded(share)} of 100"


def between(interval: Interval) -> str:
    """The limits of a share, of a hundred; with a decimal where they would be one number."""
    low, high = (_rounded(limit) for limit in interval)
    return f"{low} and {high}" if low != high else f"{100 * interval[0]:.1f} and {100 * interval[1]:.1f}"


def _rounded(share: float) -> int:
    return int(np.floor(100 * share + 0.5))


def _beside(baseline: Baseline) -> str:
    way = "Always giving the commonest label" if baseline.name == MAJORITY else "Counting words"
    scored = f"{way} is right {of_hundred(baseline.accuracy.value)} times"
    lead = abs(baseline.lead.value)
    low, high = baseline.lead.interval
    if low <= 0 <= high:
        return f"{scored}, which is the same within the limits of chance."
    than = "fewer" if baseline.lead.value > 0 else "more"
    return f"{scored}, {100 * lead:.0f} in 100 {than}." if lead >= 0.01 else f"{scored}, a little {than}."


def named(labels: list[str]) -> str:
    """Labels in a row; of many the first, and how many more there are."""
    if len(labels) <= _NAMED:
        return ", ".join(labels)
    return f"{', '.join(labels[:_NAMED])} and {len(labels) - _NAMED} more"
