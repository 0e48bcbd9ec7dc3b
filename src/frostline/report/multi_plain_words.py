"""The paragraph that a manager reads, where a text may have several labels.

In:   a `MultiTrainingRecord`, or a `MultiEvaluationRecord`.
Out:  sentences without terms of the trade; what came from the user is printable.
Not:  the exact figures (multi_label_words.py, the tables); one label per text (plain_words.py).
"""

from collections.abc import Sequence

from frostline.advice import MATTERS
from frostline.evaluate.multi_baselines import WORDS, MultiBaseline
from frostline.evaluate.multi_label import MultiEvaluation
from frostline.head.linear import Label
from frostline.multi_record import MultiEvaluationRecord, MultiTrainingRecord
from frostline.report import phrases
from frostline.report.plain_words import between, misses, named, of_hundred

FEW = 20
"""Texts of a label below which its own figures say little."""


def multi_plain_words(record: MultiTrainingRecord) -> list[str]:
    """The sentences of a training, in the order in which they are asked for."""
    said = [
        (
            f"This classifier gives a text any number of {_labels(record.labels)}, or none. It learned from "
            f"{phrases.count_text(record.n_trained, 'labelled text')} of {phrases.printable(record.data.name)}."
        ),
        *_how_often(record.test, "that it had not learned from"),
    ]
    said += [_beside(baseline) for baseline in record.baselines if baseline.name == WORDS]
    return [*said, *_how_sure(record.test), next_step(record)]


def multi_evaluation_words(record: MultiEvaluationRecord) -> list[str]:
    """The same of a saved classifier on a file."""
    said = (
        f"The classifier {phrases.printable(record.model)} gives a text any number of {_labels(record.test.labels)}, "
        f"or none. It was tested on {phrases.printable(record.data.name)}."
    )
    return [said, *_how_often(record.test, "of that file"), *_how_sure(record.test)]


def next_step(record: MultiTrainingRecord) -> str:
    """What the figures at hand advise, the most useful first."""
    n_leaks = record.test_source.n_leaks
    if n_leaks and n_leaks >= MATTERS * record.test.n:
        return "Next: take the test texts that are also training texts out, since they flatter it."
    rare = sorted((count, label) for label, count in record.data.label_counts.items() if count < FEW)
    if rare:
        count, label = rare[0]
        others = f" and of {len(rare) - 1} more on fewer than {FEW} texts" if len(rare) > 1 else ""
        return f"Next: label more texts of {phrases.printable(label, 30)} (there are {count}){others}."
    return "Next: read its surest mistakes; some will be labels that are wrong or missing in the file."


def _labels(labels: Sequence[Label]) -> str:
    return f"{len(labels)} labels ({named([phrases.printable(label, 24) for label in labels])})"


def _how_often(test: MultiEvaluation, which: str) -> list[str]:
    """How many of the labels given are right, how many of those there are it found, and which it tells best."""
    hits = round(test.micro_f1.value * (test.n_given + test.n_true) / 2)
    right = f"{of_hundred(hits / test.n_given)} labels that it gave were right" if test.n_given else "it gave no label"
    found = f", and it found {of_hundred(hits / test.n_true)} of those that were there" if test.n_true else ""
    few = " With so few texts this is little more than a hint." if test.n < 100 else ""
    said = [
        f"On {phrases.count_text(test.n, 'text')} {which}, {right}{found}.{few}",
        (
            f"All labels of a text were met for {of_hundred(test.subset_accuracy.value)} texts; on more texts of the "
            f"same kind it should be between {between(test.subset_accuracy.interval)}."
        ),
    ]
    known = [score for score in test.per_label if score.f1 is not None and score.support >= FEW]
    if len(known) > 2:
        ordered = sorted(known, key=lambda score: score.f1.value if score.f1 is not None else 0.0)
        best, worst = (phrases.printable(score.label, 30) for score in (ordered[-1], ordered[0]))
        said.append(f"Of the labels on {FEW} texts or more it tells {best} best and {worst} worst.")
    return said


def _how_sure(test: MultiEvaluation) -> list[str]:
    return [] if test.reliability is None else [misses(test.reliability)]


def _beside(baseline: MultiBaseline) -> str:
    low, high = baseline.lead_macro_f1.interval
    if low <= 0 <= high:
        return "Counting words does as well, within the limits of chance."
    return f"Counting words does {'worse' if low > 0 else 'better'}, beyond chance."
