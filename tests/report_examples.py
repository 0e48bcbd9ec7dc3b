"""Trainings with everything a report can show, for tests of the page, the terminal and the card."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from frostline.arrays import Probabilities
from frostline.encoder.features import POOLINGS
from frostline.evaluate.examples import Examples, sentence_map
from frostline.evaluate.intervals import Estimate
from frostline.evaluate.learning_curve import Gain, LearningCurve, LearningPoint, Outlook
from frostline.evaluate.probabilities import CalibrationScores, calibration_scores, coverage_curve, label_curves
from frostline.evaluate.scores import evaluate, most_probable
from frostline.head.linear import decisions_for
from frostline.record import ChoiceRecord, ProbabilityRecord, TrainingRecord, TrialRecord
from frostline.targets import Label, Targets
from record_examples import example_record


def example_report(
    labels: Sequence[Label] = ("negative", "positive"),
    *,
    n: int = 200,
    name: str = "reviews.tsv",
    text: str = "a text of its own",
    warnings: tuple[str, ...] = (),
) -> tuple[TrainingRecord, Examples]:
    """A training that was swept, calibrated and measured in every way, with the `n` texts it was tested on."""
    rng = np.random.default_rng(3)
    codes = rng.integers(0, len(labels), n)
    logits = 2.2 * (np.eye(len(labels))[codes] + rng.normal(scale=0.5, size=(n, len(labels))))
    given = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    flat = np.exp(0.5 * logits) / np.exp(0.5 * logits).sum(axis=1, keepdims=True)
    targets = Targets.of_codes(codes, labels)
    plain = example_record(n=60, name=name, warnings=warnings)  # its baselines cost, and know no labels
    counts = {label: int(np.sum(codes == code)) for code, label in enumerate(labels)}
    record = replace(
        plain,
        labels=tuple(labels),
        data=replace(plain.data, label_counts=counts),
        test=evaluate(given, most_probable(given), targets),
        choice=example_choice(),
        learning=example_learning(),
        probabilities=ProbabilityRecord(
            way="temperature",
            scores=scores_of_calibration(given, targets),
            before=scores_of_calibration(flat, targets),
            curves=label_curves(given, targets),
            coverage=coverage_curve(given, most_probable(given), targets),
        ),
    )
    examples = Examples(
        labels=tuple(labels),
        name=name,
        texts=[f"{text} {row}" for row in range(n)],
        lines=range(2, n + 2),
        members=targets.members,
        favoured=most_probable(given),
        answered=np.ones(n, dtype=bool),
        probabilities=given,
        map=sentence_map(decisions_for(given, link="softmax"), rng.normal(size=(n, 20)).astype(np.float32)),
    )
    return record, examples


def scores_of_calibration(given: Probabilities, targets: Targets) -> CalibrationScores:
    """Of more than ten labels the reliability of the first stands for each: to reckon one takes 13 ms."""
    if len(targets.labels) <= 10:
        return calibration_scores(given, targets)
    first = np.column_stack([1 - given[:, 0], given[:, 0]])
    alone = calibration_scores(first, Targets.of_codes(targets.members[:, 0].astype(np.int64), ("others", "first")))
    return replace(alone, by_label=alone.by_label * len(targets.labels))


def example_choice(n_layers: int = 6) -> ChoiceRecord:
    """A sweep in small: the middle layers' means are best."""
    trials = [
        TrialRecord(
            features=f"{pooling}@{layer if layer < n_layers else -1}",
            layer=layer,
            pooling=pooling,
            score=score,
            interval=(score - 0.02, score + 0.02),
            n_features=384,
            chosen_C=None if (layer, pooling) == (0, "cls") else 0.1,
        )
        for pooling, base in zip(POOLINGS, (0.74, 0.8, 0.77), strict=True)
        for layer in range(n_layers + 1)
        for score in [base - 0.004 * (layer - 4) ** 2]
    ]
    join = replace(trials[0], features="mean@all", layer=None, pooling=None, score=0.81, n_features=2688, chosen_C=0.1)
    return ChoiceRecord(
        trials=(*trials, join),
        best="mean@all",
        winner="mean@4",
        tutorial="cls@-1",
        n_layers=n_layers,
        n_rows=400,
        n_folds=5,
        scoring="accuracy",
        rule="fewest numbers per text within one standard error of the best",
    )


def example_learning() -> LearningCurve:
    """Four sizes, and a law through them."""

    def points(n_rows: int, value: float) -> LearningPoint:
        score = Estimate(value, (value - 0.03, value + 0.02), 200, "a way")
        return LearningPoint(
            n_rows=n_rows, accuracy=score, macro_f1=score, accuracies=(value,) * 3, Cs=(0.1,) * 3, fitted_accuracy=0.95
        )

    ahead = (50.0, 200.0, 800.0, 1600.0)
    outlook = Outlook(
        n_rows=ahead,
        accuracy=(0.7, 0.78, 0.83, 0.85),
        low=(0.68, 0.76, 0.8, 0.81),
        high=(0.72, 0.8, 0.86, 0.89),
        gains=(Gain(n_rows=800, value=0.02, interval=(0.0, 0.04)), Gain(n_rows=1600, value=0.04, interval=(0.0, 0.08))),
    )
    return LearningCurve(
        points=(points(50, 0.7), points(100, 0.74), points(200, 0.78), points(400, 0.81)),
        n_test=200,
        is_out_of_fold=False,
        outlook=outlook,
        no_outlook="",
        choice_of_C="as chosen on all rows",
        seed=0,
        seconds=0.4,
    )
