"""The JSON report: the keys that programs rely on, finite numbers, the same text for the same record."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np

from frostline.evaluate.nested import NestedResult
from frostline.report.document import as_document, as_evaluation_document
from record_examples import example_evaluation, example_record


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [value] if isinstance(value, int | float) else []


def test_a_training_holds_what_programs_read() -> None:
    """The eight keys that are promised, as nested objects."""
    record = example_record(n=200)
    found: Any = json.loads(json.dumps(as_document(record), allow_nan=False))
    assert record.test is not None
    assert found["test"]["accuracy"]["value"] == record.test.accuracy.value
    assert found["test"]["accuracy"]["interval"] == list(record.test.accuracy.interval)
    assert found["test"]["macro_f1"]["value"] == record.test.macro_f1.value
    assert found["test"]["n"] == 200
    assert found["chosen"] == {"C": record.search.chosen_C, "features": "mean@all"}
    assert found["seconds"]["read"] == 0.21
    assert found["seconds"]["search"] == 1.32


def test_an_evaluation_holds_the_same_keys() -> None:
    """`evaluate --json` is read by the same program."""
    found: Any = json.loads(json.dumps(as_evaluation_document(example_evaluation()), allow_nan=False))
    assert found["test"]["n"] == 300
    assert set(found["test"]["accuracy"]) == {"value", "interval", "n", "method"}
    assert found["test"]["macro_f1"]["value"] > 0
    assert set(found["chosen"]) == {"C", "features"}
    assert {"read", "search"} <= set(found["seconds"])


def test_the_score_of_the_search_is_nowhere_but_in_search() -> None:
    """It is no test score, whatever key a reader tries."""
    record = example_record(n=200)
    document = as_document(record)
    search: Any = document.pop("search")
    assert search["best_score"] == record.search.best_score
    assert record.search.best_score not in numbers(document)


def test_what_has_no_value_is_null_and_the_rest_is_finite() -> None:
    """A standard error over one fold is not a number; neither is the precision of a label never predicted."""
    record = example_record(["a", "b", "unused"], n=60, sharpness=9.0)
    search = replace(record.search, std_errors=(math.nan,) * len(record.search.Cs))
    document: Any = as_document(replace(record, search=search, test=example_record(["a", "b"], n=60).test))
    assert document["search"]["std_errors"] == [None] * 20
    assert all(math.isfinite(number) for number in numbers(document))
    json.dumps(document, allow_nan=False)


def test_nothing_tested_is_said() -> None:
    """`test` is null, not absent."""
    assert as_document(replace(example_record(n=60), test=None, test_source=None))["test"] is None


def test_nested_folds_are_shown() -> None:
    """Each outer fold's C and accuracy."""
    record = example_record(n=60)
    assert record.test is not None
    nested = NestedResult(
        evaluation=record.test,
        n_outer=2,
        chosen_Cs=(0.1, 0.3),
        fold_accuracies=(0.8, 0.9),
        n_fitted=30,
        fold_of=np.zeros(0, np.int64),
        probabilities=np.zeros((0, 2)),
        uncalibrated=np.zeros((0, 2)),
        favoured=np.zeros((0, 2), bool),
        answered=np.zeros(0, bool),
    )
    document: Any = as_document(replace(record, nested=nested))
    assert document["nested"]["chosen_C"] == [0.1, 0.3]
    assert document["nested"]["fold_accuracy"] == [0.8, 0.9]
    assert document["nested"]["pooled"]["n"] == 60


def test_labels_keep_their_type() -> None:
    """1 and "1" are two labels: counts are a list, as the keys of a JSON object are strings."""
    document: Any = as_document(example_record([1, 2], n=60))
    assert document["labels"] == [1, 2]
    assert [entry["label"] for entry in document["data"]["class_counts"]] == [1, 2]
