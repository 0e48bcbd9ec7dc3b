"""Trainings as they might have been, for tests of what shows them."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fakes import FakeEncoder, a_tuning
from frostline.evaluate.baselines import Part, baselines
from frostline.evaluate.scores import evaluate, most_probable
from frostline.machine import Machine
from frostline.record import (
    DataRecord,
    EvaluationRecord,
    FeaturesRecord,
    SearchRecord,
    Seconds,
    TestRecord,
    TrainingRecord,
    TuningRecord,
)
from frostline.targets import Label, Targets


def example_record(
    labels: Sequence[Label] = ("negative", "positive"),
    *,
    name: str = "reviews.tsv",
    warnings: tuple[str, ...] = (),
    n: int = 1821,
    sharpness: float = 2.0,
) -> TrainingRecord:
    """A training on made-up rows: every figure in it was computed, none of it by an encoder."""
    return replace(_computed(tuple(labels), n, sharpness, name), warnings=warnings)


@functools.cache
def _computed(labels: tuple[Label, ...], n: int, sharpness: float, name: str) -> TrainingRecord:
    rng = np.random.default_rng(7)
    n_labels = len(labels)
    codes = rng.integers(0, n_labels, size=(2 * n,))
    centres = rng.normal(size=(n_labels, 24)).astype(np.float32)
    rows = centres[codes] + 1.6 * rng.normal(size=(2 * n, 24)).astype(np.float32)
    texts = [
        f"word{code} word{noise} filler{noise % 7}"
        for code, noise in zip(codes, rng.integers(0, 40, 2 * n), strict=True)
    ]
    logits = sharpness * (np.eye(n_labels)[codes] + rng.normal(scale=0.5, size=(2 * n, n_labels)))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets, first = Targets.of_codes(codes, labels), np.arange(2 * n) < n
    train, test = Part(texts[:n], rows[:n], targets.take(first)), Part(texts[n:], rows[n:], targets.take(~first))
    favoured = most_probable(probabilities[n:])
    Cs = tuple(float(C) for C in np.geomspace(1e-4, 1e2, 20))
    means = tuple(0.86 - 0.012 * (np.log10(C) + 1.5) ** 2 for C in Cs)
    return TrainingRecord(
        labels=tuple(labels),
        data=DataRecord(
            name=name,
            sha256="ab" * 32,
            size_bytes=812_345,
            n_rows=2 * n,
            n_rejected=3,
            label_counts={label: int(np.sum(codes == code)) for code, label in enumerate(labels)},
            n_duplicates=12,
            n_conflicts=1,
        ),
        n_trained=n,
        encoder=FakeEncoder().identity,
        features=FeaturesRecord(spec="mean@all", n_features=2688, max_length=256, n_texts=2 * n, n_cut=4, n_read=0),
        search=SearchRecord(
            Cs=Cs,
            mean_scores=means,
            std_errors=(0.004,) * len(Cs),
            chosen_Cs=(Cs[int(np.argmax(means))],),
            best_score=max(means),
            rule="best mean score",
            scoring="accuracy",
            n_folds=5,
            standardise=True,
            class_weight=None,
        ),
        test_source=TestRecord(kind="stratified hold-out", n_fitted=n),
        test=evaluate(probabilities[n:], favoured, test.targets),
        baselines=baselines([(train, test)], favoured=favoured),
        seconds=Seconds(read=0.21, search=1.32, evaluate=1.1, total=2.9),
        machine=Machine(
            system="Linux x86_64", processor="a processor", cores=2, instructions=("avx2", "fma"), python="3.11.9"
        ),
        seed=0,
        version="0.1.0",
    )


def example_evaluation(labels: Sequence[Label] = ("negative", "positive")) -> EvaluationRecord:
    """The same test, as of a saved classifier."""
    record = example_record(labels, n=300)
    assert record.test is not None
    return EvaluationRecord(
        model="model",
        C=record.search.chosen_C,
        data=record.data,
        features=record.features,
        test=record.test,
        seconds=record.seconds,
        version=record.version,
    )


def tuning(value: float, half: float, **other: Any) -> TuningRecord:
    """A tuning with a difference of `value`, known to `half` either way."""
    some = a_tuning()
    lead = replace(some.lead, value=value, std_error=0.01, interval=(value - half, value + half), n=1821)
    lead = replace(lead, n_only_first=90, n_only_second=20, p_value=0.01)
    told = replace(some, frozen=0.842, lead=lead, size_bytes=90_900_000)
    epochs: dict[str, Any] = {"losses": (0.35, 0.25), "held_out": (0.38, 0.33, 0.34)}
    return replace(told, **epochs | other)
