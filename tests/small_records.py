"""Small records whose figures were written down, not measured: for tests that compare a whole report with its text.

Each holds a different choice wherever a report says different things: calibrated by `auto` or as asked, a test file or
rows held out, C searched or given, features chosen or named.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from frostline.arrays import IntArray
from frostline.encoder.precision import Gate, PrecisionRecord
from frostline.encoder.reading import EncoderIdentity
from frostline.evaluate.baselines import CENTROID, MAJORITY, WORDS, Baseline, Lead
from frostline.evaluate.examples import Examples, SentenceMap
from frostline.evaluate.intervals import Estimate
from frostline.evaluate.learning_curve import Gain, LearningCurve, LearningPoint, Outlook
from frostline.evaluate.nested import NestedResult
from frostline.evaluate.probabilities import (
    CalibrationScores,
    CoverageCurve,
    Curve,
    LabelCurves,
    Reliability,
    ReliabilityBin,
)
from frostline.evaluate.scores import AnswerScores, Evaluation, LabelScore, evaluate, most_probable
from frostline.head.calibrating import Candidate
from frostline.machine import Machine
from frostline.record import (
    CalibrationRecord,
    ChoiceRecord,
    DataRecord,
    DecisionRecord,
    EvaluationRecord,
    FeaturesRecord,
    FixesRecord,
    ProbabilityRecord,
    SearchRecord,
    Seconds,
    TestRecord,
    TrainingRecord,
    TrialRecord,
    UnlikeRecord,
)
from frostline.targets import Label, Targets

LABELS = ("bad", "so | so", "<b>good`")


def estimate(value: float, half: float = 0.05, n: int = 200) -> Estimate:
    return Estimate(value, (max(0.0, value - half), min(1.0, value + half / 2)), n, "by hand")


def evaluation(confusion: Sequence[Sequence[int]], labels: Sequence[Label]) -> Evaluation:
    """An evaluation with this matrix: whatever is said is said with a probability of 0.8."""
    cells = np.array(confusion)
    rows = [divmod(cell, len(labels)) for cell in np.repeat(np.arange(cells.size), cells.ravel()).tolist()]
    codes = np.array([row for row, _ in rows], dtype=np.int64)
    said = np.array([column for _, column in rows], dtype=np.int64)
    probabilities = np.full((len(rows), len(labels)), 0.2 / max(1, len(labels) - 1))
    probabilities[np.arange(len(rows)), said] = 0.8
    return evaluate(probabilities, most_probable(probabilities), Targets.of_codes(codes, labels))


def lead(value: float, low: float, high: float) -> Lead:
    return Lead(value=value, interval=(low, high), n=200, n_only_model=40, n_only_baseline=12, p_value=0.000123456789)


def baselines() -> tuple[Baseline, ...]:
    """One far behind, one as good, one better; the last knows no probabilities."""
    return (
        Baseline(
            name=MAJORITY,
            made_of="the commonest label",
            scores={
                "accuracy": estimate(0.45),
                "macro_f1": estimate(0.2066),
                "log_loss": Estimate(1.0512, (0.98, 1.1249), 200, "by hand"),
            },
            leads={"accuracy": lead(0.36, 0.28, 0.44)},
            seconds=0.001,
        ),
        Baseline(
            name=WORDS,
            made_of="1,234 words, C = 3",
            scores={
                "accuracy": estimate(0.799),
                "macro_f1": estimate(0.7777),
                "log_loss": Estimate(0.6, (0.5, 0.7), 200, "by hand"),
            },
            leads={"accuracy": lead(0.011, -0.02, 0.042)},
            seconds=1.5,
        ),
        Baseline(
            name=CENTROID,
            made_of="the mean of each label",
            scores={"accuracy": estimate(0.85), "macro_f1": estimate(0.84)},
            leads={"accuracy": lead(-0.04, -0.07, -0.012)},
            seconds=0.25,
        ),
    )


def reliability(off: float, *, n: int = 100) -> Reliability:
    """Two bins whose claims are too high by `off` and by half of it."""
    return Reliability(
        bins=(
            ReliabilityBin(
                low=0.41, high=0.6, mean_probability=0.52, share_right=0.52 - off, interval=(0.3, 0.58), n=n
            ),
            ReliabilityBin(
                low=0.62, high=0.99, mean_probability=0.91, share_right=0.91 - off / 2, interval=(0.7, 0.97), n=n
            ),
        ),
        error=Estimate(0.7 * off, (0.1 * off, 0.9 * off), 2 * n, "2 bins"),
        plain_error=0.75 * off,
        chance=0.0312,
    )


def calibration_scores(off: float, n_labels: int) -> CalibrationScores:
    return CalibrationScores(
        reliability=reliability(off),
        by_label=tuple(reliability(off / 2) for _ in range(1 if n_labels == 2 else n_labels)),
        brier=Estimate(0.25 + off, (0.2, 0.4), 200, "by hand"),
        log_loss=Estimate(0.5 + off, (0.4, 0.8), 200, "by hand"),
        n=200,
    )


def label_curves(label: Label, height: float) -> LabelCurves:
    return LabelCurves(
        label=label,
        n=200,
        n_with=60,
        roc=Curve(x=(0.0, 0.1, 1.0), y=(0.0, height, 1.0), thresholds=(float("inf"), 0.5, 0.0)),
        auc=estimate(0.5 + height / 2),
        precision_recall=Curve(x=(0.0, height, 1.0), y=(1.0, 0.9, 0.3), thresholds=(float("inf"), 0.5, 0.0)),
        average_precision=estimate(height, n=60),
    )


def coverage(answer_from: float = 0.0) -> CoverageCurve:
    return CoverageCurve(
        coverage=(0.1, 0.4, 0.7, 1.0),
        precision=(1.0, 0.96, 0.91, 0.81),
        low=(0.8, 0.89, 0.85, 0.75),
        high=(1.0, 0.99, 0.95, 0.86),
        thresholds=(0.99, 0.9, 0.7, 0.41),
        answer_from=answer_from,
        covered=estimate(0.7 if answer_from else 1.0),
        right=estimate(0.91 if answer_from else 0.81, n=140),
    )


def answer_scores(labels: Sequence[Label], share: float) -> AnswerScores:
    return AnswerScores(
        n=200,
        coverage=estimate(share),
        precision=estimate(0.9),
        macro_f1=estimate(0.88),
        per_label=tuple(
            LabelScore(label, estimate(0.9 - place / 20), estimate(0.7 - place / 20), estimate(0.8), 60)
            for place, label in enumerate(labels)
        ),
    )


def choice() -> ChoiceRecord:
    """Two layers and what comes before them, two poolings, and a join."""

    def trial(
        features: str, layer: int | None, pooling: str | None, score: float, *, same: bool = False
    ) -> TrialRecord:
        return TrialRecord(
            features=features,
            layer=layer,
            pooling=pooling,
            score=score,
            interval=(score - 0.02, score + 0.015),
            n_features=384 if layer is not None else 1152,
            chosen_C=None if same else 0.1,
        )

    return ChoiceRecord(
        trials=(
            trial("cls@0", 0, "cls", 0.35, same=True),
            trial("cls@1", 1, "cls", 0.7),
            trial("cls@-1", 2, "cls", 0.74),
            trial("mean@0", 0, "mean", 0.72),
            trial("mean@1", 1, "mean", 0.8),
            trial("mean@-1", 2, "mean", 0.78),
            trial("mean@all", None, None, 0.81),
        ),
        best="mean@all",
        winner="mean@1",
        tutorial="cls@-1",
        n_layers=2,
        n_rows=1400,
        n_folds=5,
        scoring="accuracy",
        rule="fewest numbers per text within one standard error of the best",
    )


def learning(*, with_outlook: bool = True) -> LearningCurve:
    def point(n_rows: int, value: float, fitted: float, n_subsets: int) -> LearningPoint:
        return LearningPoint(
            n_rows=n_rows,
            accuracy=estimate(value),
            macro_f1=estimate(value - 0.02),
            accuracies=(value,) * n_subsets,
            Cs=(0.1,) * n_subsets,
            fitted_accuracy=fitted,
        )

    outlook = Outlook(
        n_rows=(100.0, 400.0, 1600.0),
        accuracy=(0.7, 0.8, 0.85),
        low=(0.66, 0.77, 0.8),
        high=(0.73, 0.83, 0.9),
        gains=(
            Gain(n_rows=800, value=0.03, interval=(0.01, 0.05)),
            Gain(n_rows=1600, value=0.04, interval=(-0.01, 0.08)),
        ),
    )
    return LearningCurve(
        points=(point(100, 0.7, 0.99, 3), point(200, 0.76, 0.97, 3), point(400, 0.81, 0.95, 1)),
        n_test=200,
        is_out_of_fold=not with_outlook,
        outlook=outlook if with_outlook else None,
        no_outlook="" if with_outlook else "What twice the rows would bring is not known to within 10 points.",
        choice_of_C="as chosen on all rows",
        seed=0,
        seconds=0.4,
    )


def nested(pooled: Evaluation, features: tuple[str, ...] = ()) -> NestedResult:
    return NestedResult(
        evaluation=pooled,
        n_outer=3,
        chosen_Cs=(0.1, 0.31622776, 1.0),
        fold_accuracies=(0.8, 0.75, 0.8123),
        n_fitted=160,
        fold_of=np.zeros(0, np.int64),
        probabilities=np.zeros((0, 2)),
        uncalibrated=np.zeros((0, 2)),
        favoured=np.zeros(0, np.int64),
        answered=np.zeros(0, np.int64),
        chosen_features=features,
    )


def searched() -> SearchRecord:
    return SearchRecord(
        Cs=(0.01, 0.1, 1.0, 10.0),
        mean_scores=(0.7, 0.82, 0.78, 0.71),
        std_errors=(0.01, 0.02, 0.02, 0.03),
        chosen_Cs=(0.1,),
        best_score=0.82,
        rule="best mean score",
        scoring="accuracy",
        n_folds=5,
        standardise=True,
        class_weight=None,
        not_searched=(100.0, 1000.0),
    )


def encoder(name: str = "minilm", revision: str | None = None) -> EncoderIdentity:
    return EncoderIdentity(
        name=name,
        revision=revision,
        family="bert",
        weights_sha256="11" * 32,
        tokenizer_sha256="22" * 32,
        config_sha256="33" * 32,
        max_length=256,
        precision="float32",
        graph_version=1,
    )


def full_record() -> TrainingRecord:
    """Three labels, a test file, and everything that can be measured."""
    test = evaluation([[60, 20, 10], [8, 42, 0], [0, 0, 60]], LABELS)
    return TrainingRecord(
        labels=LABELS,
        data=DataRecord(
            name="reviews.tsv",
            sha256="ab" * 32,
            size_bytes=812_345,
            n_rows=1400,
            n_rejected=3,
            label_counts={"bad": 900, "so | so": 400, "<b>good`": 100},
            n_duplicates=12,
            n_conflicts=1,
            fixes=FixesRecord(name="fixes.tsv", sha256="ef" * 32, n_relabelled=5, n_dropped=2),
        ),
        n_trained=1400,
        encoder=encoder("someone/model", "abc123"),
        features=FeaturesRecord(
            spec="mean@1",
            n_features=1618,
            max_length=256,
            n_texts=1600,
            n_cut=4,
            n_read=1590,
            n_candidates=7,
            n_words=1234,
        ),
        search=searched(),
        test_source=TestRecord(
            kind="file",
            n_fitted=1400,
            n_leaks=3,
            with_leaks=test,
            data=DataRecord(name="test.tsv", sha256="cd" * 32, size_bytes=99, n_rows=200, label_counts={"bad": 90}),
        ),
        test=test,
        nested=nested(evaluation([[700, 150, 50], [50, 350, 0], [0, 10, 90]], LABELS), ("mean@1", "mean@1", "cls@-1")),
        baselines=baselines(),
        learning=learning(),
        choice=choice(),
        probabilities=ProbabilityRecord(
            way="temperature",
            scores=calibration_scores(0.08, 3),
            before=calibration_scores(0.2, 3),
            curves=tuple(label_curves(label, 0.9 - place / 5) for place, label in enumerate(LABELS)),
            coverage=coverage(),
        ),
        calibration=CalibrationRecord(
            asked="auto",
            way="temperature",
            why="since its held-out log loss is the lowest",
            temperature=0.9234,
            n=1400,
            candidates=(
                Candidate(way="none", log_loss=0.51, gain=0.0, gain_error=0.0),
                Candidate(way="temperature", log_loss=0.49876, gain=0.01124, gain_error=0.004),
            ),
        ),
        unlike=UnlikeRecord(below=0.01, share=Estimate(0.125, (0.031623, 0.324), 24, "Clopper-Pearson")),
        decision=DecisionRecord(
            asked="the best macro F1",
            label=None,
            thresholds=(0.5, 0.25, 0.3125),
            answer_from=0.0,
            out_of_fold=answer_scores(LABELS, 1.0),
            test=answer_scores(LABELS, 1.0),
        ),
        precision=PrecisionRecord(
            asked="auto",
            used="float32",
            reason="too few predictions agree",
            gate=Gate(n_texts=50, mean_cosine=0.9999, lowest_cosine=0.999, n_predicted=50, n_equal=49),
        ),
        seconds=Seconds(read=12.34, search=1.32, evaluate=0.44, total=15.0),
        machine=Machine(
            system="Linux x86_64", processor="a processor", cores=2, instructions=("avx2", "fma"), python="3.11.9"
        ),
        seed=7,
        warnings=("The label <b>good` is rare.", "The chosen C is near the edge."),
        version="9.9.9",
    )


def two_label_record() -> TrainingRecord:
    """Two labels, sixty rows held out, C by one standard error, answers only where it is sure of one label."""
    labels = ("no", "yes")
    full = full_record()
    test = evaluation([[25, 5], [1, 29]], labels)
    return replace(
        full,
        labels=labels,
        data=DataRecord(
            name="two.csv",
            sha256="ab" * 32,
            size_bytes=1,
            n_rows=240,
            n_duplicates=1,
            n_conflicts=2,
            label_counts={"no": 120, "yes": 120},
        ),
        n_trained=180,
        encoder=encoder(),
        features=FeaturesRecord(spec="cls@-1", n_features=384, max_length=128, n_texts=240, n_cut=0, n_read=1),
        search=replace(
            searched(),
            chosen_Cs=(10.0,),
            rule="one standard error",
            scoring="f1_macro",
            class_weight="balanced",
            standardise=False,
            not_searched=(),
        ),
        test_source=TestRecord(kind="random hold-out", n_fitted=180, n_leaks=1, with_leaks=test),
        test=test,
        nested=nested(test),
        baselines=baselines()[:1],
        learning=learning(with_outlook=False),
        choice=None,
        probabilities=ProbabilityRecord(
            way="isotonic",
            scores=calibration_scores(0.01, 2),
            before=None,
            curves=(label_curves("yes", 0.9),),
            coverage=coverage(0.7),
        ),
        calibration=CalibrationRecord(asked="isotonic", way="isotonic", why="", temperature=None, n=180, candidates=()),
        unlike=UnlikeRecord(below=0.01, share=Estimate(0.0, (0.0, 0.3085), 10, "Clopper-Pearson")),
        decision=DecisionRecord(
            asked="95 % precision",
            label="yes",
            thresholds=(0.0, 0.625),
            answer_from=0.7,
            out_of_fold=answer_scores(labels, 0.7),
            test=None,
        ),
        precision=PrecisionRecord(asked="int8", used="int8", reason="named", gate=None),
        warnings=(),
    )


def many_label_record() -> TrainingRecord:
    """Fourteen labels, one that is never right and one that does not occur; probabilities as they came."""
    labels = tuple(f"label {number}" for number in range(1, 15))
    confusion = np.diag([10 - place // 2 for place in range(14)])
    confusion[0, 1], confusion[2, 0], confusion[5, 4], confusion[12, 3] = 4, 3, 2, 2
    confusion[12, 12] = confusion[13, 13] = 0
    full = full_record()
    curves = tuple(label_curves(label, 0.5 + place / 40) for place, label in enumerate(labels[:8]))
    return replace(
        full,
        labels=labels,
        data=replace(
            full.data,
            name="many.tsv",
            n_rejected=0,
            n_duplicates=0,
            n_conflicts=0,
            fixes=None,
            label_counts={label: 100 - place for place, label in enumerate(labels)},
        ),
        features=FeaturesRecord(spec="mean@all", n_features=2688, max_length=256, n_texts=1600, n_cut=0, n_read=0),
        search=replace(searched(), Cs=(0.5,), mean_scores=(0.8,), std_errors=(0.0,), chosen_Cs=(0.5,), not_searched=()),
        test_source=TestRecord(kind="stratified hold-out", n_fitted=1000),
        test=evaluation(confusion.tolist(), labels),
        nested=None,
        learning=None,
        choice=None,
        probabilities=ProbabilityRecord(
            way="none", scores=calibration_scores(0.03, 14), before=None, curves=curves, coverage=coverage()
        ),
        calibration=CalibrationRecord(
            asked="auto",
            way="none",
            why="since nothing did better",
            temperature=None,
            n=1000,
            candidates=(Candidate(way="none", log_loss=0.5, gain=0.0, gain_error=0.0),),
        ),
        decision=DecisionRecord(
            asked="the best macro F1",
            label=None,
            thresholds=(),
            answer_from=0.0,
            out_of_fold=answer_scores(labels, 1.0),
            test=None,
        ),
        precision=None,
        warnings=(),
    )


def untested_record() -> TrainingRecord:
    """Labels that are numbers, C given, nothing tested."""
    full = full_record()
    return replace(
        full,
        labels=(1, 2),
        data=DataRecord(
            name="numbers.tsv", sha256="ab" * 32, size_bytes=1, n_rows=1, label_counts={1: 1, 2: 0}, n_rejected=1
        ),
        n_trained=1,
        encoder=encoder("models/mine"),
        features=FeaturesRecord(spec="mean@all", n_features=2688, max_length=256, n_texts=10, n_cut=1, n_read=2000),
        search=replace(searched(), Cs=(0.5,), mean_scores=(0.8,), std_errors=(0.0,), chosen_Cs=(0.5,), not_searched=()),
        test_source=None,
        test=None,
        nested=None,
        baselines=(),
        learning=None,
        choice=None,
        probabilities=None,
        calibration=None,
        decision=None,
        precision=None,
    )


def answered(codes: IntArray, answers: IntArray, n_labels: int) -> dict[str, Any]:
    """What `Examples` takes of the true labels (n_texts,), and of those given, -1 where there is no answer."""
    columns = np.arange(n_labels)
    return {
        "members": codes[:, None] == columns,
        "favoured": np.maximum(answers, 0)[:, None] == columns,
        "answered": answers >= 0,
    }


def full_examples() -> Examples:
    """Eight of the test texts of `full_record`, three of them answered wrongly and one not at all."""
    codes = np.array([0, 0, 0, 1, 1, 2, 2, 0])
    answers = np.array([0, 1, 2, 1, 0, 2, 2, -1])
    probabilities = np.full((8, 3), 0.1)
    probabilities[np.arange(8), np.where(answers < 0, 0, answers)] = (0.8, 0.7, 0.9, 0.8, 0.62, 0.8, 0.8, 0.4)
    return Examples(
        labels=LABELS,
        name="test.tsv",
        texts=[f"text {row} <i>" + " and more" * (60 if row == 1 else 0) for row in range(8)],
        lines=[1000 + row for row in range(8)],
        **answered(codes, answers, 3),
        probabilities=probabilities,
        map=SentenceMap(
            rows=np.array([0, 1, 2, 3, 4, 5, 6]),
            places=np.array([[0, 0], [1, 0.5], [2, -1], [-1, 1], [-2, 0], [0.5, 0.25], [1.5, 2]], dtype=np.float64),
            n_texts=8,
            kind="decisions",
            shares=(0.7, 0.25),
        ),
    )


def two_label_examples() -> Examples:
    """Four texts on a map whose first axis is the decision."""
    return Examples(
        labels=("no", "yes"),
        name="two.csv",
        texts=["one", "two", "three", "four"],
        lines=[2, 3, 4, 5],
        **answered(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]), 2),
        probabilities=np.array([[0.9, 0.1], [0.2, 0.8], [0.75, 0.25], [0.6, 0.4]]),
        map=SentenceMap(
            rows=np.arange(4),
            places=np.array([[-2.0, 1.0], [-1.0, 0.0], [-1.5, -1.0], [-0.5, 0.5]]),
            n_texts=4,
            kind="decision",
            shares=(1.0, 0.1234),
        ),
    )


def evaluation_record(record: TrainingRecord) -> EvaluationRecord:
    """The test of `record`, as of a saved classifier on a file."""
    assert record.test is not None
    return EvaluationRecord(
        model="models/mine",
        C=record.search.chosen_C,
        data=record.data,
        features=record.features,
        test=record.test,
        probabilities=record.probabilities,
        answers=None if record.decision is None else record.decision.out_of_fold,
        unlike=record.unlike,
        seconds=record.seconds,
        warnings=record.warnings,
        version=record.version,
    )
