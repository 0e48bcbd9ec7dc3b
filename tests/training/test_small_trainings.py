"""Small trainings, whole: every number of their records is the one that it was.

small_trainings.json holds the records as documents, without what differs from run to run. Whoever changes these numbers
on purpose writes them anew: `python tests/training/test_small_trainings.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.head.deciding import RuleOptions
from frostline.head.fitted import AnswerOptions
from frostline.head.options import SearchOptions
from frostline.report.document import as_document
from frostline.sweep import SWEEP_FEATURES
from frostline.targets import Targets
from frostline.training import Training, TrainingOptions, train
from frostline.training.choosing import choice_in_turn, choose_features

EXPECTED = Path(__file__).with_name("small_trainings.json")
UNLIKE = ("seconds", "machine", "frostline", "fingerprint")  # from run to run, or from version to version
SEARCH = SearchOptions(Cs=(0.001, 0.01, 0.1), n_folds=3, seed=3)


def rows(n: int, *, seed: int = 0, n_labels: int = 3, name: str = "rows.tsv") -> Dataset:
    """Texts that say their label three times in four; a text twice, one of them with another label."""
    random = np.random.default_rng(seed)
    codes = random.choice(n_labels, n, p=np.array([0.5, 0.3, 0.2])[:n_labels] / sum([0.5, 0.3, 0.2][:n_labels]))
    said = np.where(random.random(n) < 0.75, codes, random.integers(n_labels, size=n))
    texts = [
        f"l{label} {' '.join(f'w{word}' for word in random.integers(9, size=3))} {row}"
        for row, label in enumerate(said)
    ]
    texts[5], texts[9], texts[11] = texts[4], texts[8], texts[10]
    labels = [f"label {code}" for code in codes]
    labels[9] = labels[8]
    labels[5] = "label 0" if labels[4] != "label 0" else "label 1"
    source = Source(name=f"folder/{name}", sha256="ab" * 32, size_bytes=17 * n, text_column="1", label_column="2")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=list(range(2, n + 2)), source=source)


TRAININGS: dict[str, dict[str, Any]] = {
    "held out": {"options": TrainingOptions(search=SEARCH)},
    "held out by lot, as the tutorial": {"options": TrainingOptions.tutorial(seed=5)},
    "a third held out, with a curve": {
        "options": TrainingOptions(search=SEARCH, test_fraction=1 / 3, learning_curve=True),
    },
    "a test file, a map, a precision": {
        "options": TrainingOptions(
            search=SEARCH,
            answers=AnswerOptions(calibrate="isotonic", rule=RuleOptions(abstain_precision=0.6)),
        ),
        "test": rows(40, seed=0, name="test.tsv"),
    },
    "in turn, two labels, a recall": {
        "options": TrainingOptions(
            search=SEARCH,
            nested=True,
            learning_curve=True,
            answers=AnswerOptions(calibrate="temperature", rule=RuleOptions(threshold_for=("recall", 0.7))),
        ),
        "n_labels": 2,
    },
    "in turn, words, weighed": {
        "options": TrainingOptions(
            search=SearchOptions(
                Cs=(0.001, 0.01),
                n_folds=3,
                class_weight="balanced",
                scoring="f1_macro",
                one_standard_error=True,
                standardise=False,
            ),
            nested=True,
            answers=AnswerOptions(calibrate="isotonic"),
        ),
        "features": "mean@-1+words",
    },
    "thresholds for macro F1": {
        "options": TrainingOptions(search=SEARCH, answers=AnswerOptions(rule=RuleOptions(thresholds="f1"))),
    },
    "swept": {"options": TrainingOptions(search=replace(SEARCH, Cs=(0.01, 0.1))), "sweep": True, "n": 60},
    "swept in turn": {
        "options": TrainingOptions(search=replace(SEARCH, Cs=(0.01,)), nested=True),
        "sweep": True,
        "n": 45,
        "n_labels": 2,
    },
}


def trained(training: dict[str, Any]) -> Training:
    data = rows(training.get("n", 150), seed=1, n_labels=training.get("n_labels", 3))
    options, test = training["options"], training.get("test")
    if "sweep" not in training:
        encoder = FakeEncoder(features=training.get("features", "mean@all"), hidden_size=4)
        return train(data, encoder, test=test, options=options)
    wide = FakeEncoder(features=SWEEP_FEATURES, hidden_size=3)
    swept = choose_features(data, wide, options=options)
    choose = choice_in_turn(data, wide, options=options) if options.nested else None
    own = FakeEncoder(features=swept.winner.candidate.features, hidden_size=3)
    return train(data, own, options=options, swept=swept, choose=choose)


def in_short(value: Any) -> Any:
    """The document without what differs, its numbers to nine digits."""
    if isinstance(value, Mapping):
        return {key: in_short(part) for key, part in value.items() if key not in UNLIKE}
    if isinstance(value, list | tuple):
        return [in_short(part) for part in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def found_by(training: dict[str, Any]) -> dict[str, Any]:
    """The record as its document, and what the training leaves beside it."""
    made = trained(training)
    document: dict[str, Any] = in_short(json.loads(json.dumps(as_document(made.record, points=False))))
    examples, probabilities, learned = made.examples, made.test_probabilities, made.learned
    assert examples is not None
    assert probabilities is not None
    assert learned is not None
    assert examples.decisions is not None
    assert examples.features is not None
    seconds = made.record.seconds
    assert min(seconds.read, seconds.search, seconds.evaluate) >= 0
    assert seconds.read + seconds.search + seconds.evaluate == pytest.approx(seconds.total)
    assert seconds.total < 60
    document["left"] = {
        "texts": list(examples.texts[:3]),
        "lines": list(examples.lines[:3]),
        "codes": examples.codes.tolist(),
        "answers": examples.answers.tolist(),
        "decisions": in_short(examples.decisions[:3].tolist()),
        "features": in_short(examples.features[:2].astype(float).tolist()),
        "probabilities": in_short(probabilities[:4].tolist()),
        "learned": [len(learned.texts), *learned.texts[:2], *learned.targets.codes[:9].tolist()],
        "n_terms": 0 if made.vocabulary is None else len(made.vocabulary.terms),
    }
    return document


def assert_like(found: Any, expected: Any, where: str) -> None:
    """The same words and counts; numbers to four digits, which is what solvers on other processors leave alike."""
    if isinstance(expected, dict):
        assert sorted(found) == sorted(expected), where
        for key, value in expected.items():
            assert_like(found[key], value, f"{where}: {key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for own, value in zip(found, expected, strict=True):
            assert_like(own, value, where)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6), where
    else:
        assert found == expected, where


@pytest.mark.parametrize("name", TRAININGS)
def test_a_small_training_is_recorded_as_it_was(name: str) -> None:
    expected = json.loads(EXPECTED.read_text("utf-8"))[name]
    assert_like(json.loads(json.dumps(found_by(TRAININGS[name]))), expected, name)


if __name__ == "__main__":
    parts = [f" {json.dumps(name)}: {json.dumps(found_by(training))}" for name, training in TRAININGS.items()]
    EXPECTED.write_text("{\n" + ",\n".join(parts) + "\n}\n", "utf-8")
