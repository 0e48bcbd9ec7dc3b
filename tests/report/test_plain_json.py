"""Dataclasses as JSON: every field by its name, every number finite."""

import json
import math
from dataclasses import dataclass

import pytest

from frostline.report.document import as_document, as_json
from report_examples import example_report


@dataclass(frozen=True)
class Inner:
    value: float


@dataclass(frozen=True)
class Outer:
    inner: tuple[Inner, ...]
    name: str | None
    count: int


def test_fields_keep_their_names_and_numbers_are_finite() -> None:
    """Infinity and NaN have no place in JSON."""
    found = as_json(Outer(inner=(Inner(0.5), Inner(math.inf), Inner(math.nan)), name=None, count=3))
    assert found == {"inner": [{"value": 0.5}, {"value": None}, {"value": None}], "name": None, "count": 3}
    assert as_json(Outer((), "x", 1), without=frozenset({"name"})) == {"inner": [], "count": 1}


def test_what_is_no_data_is_refused() -> None:
    """A class, a set."""
    for value in (Inner, {1}):
        with pytest.raises(TypeError, match="cannot stand in a document"):
            as_json(value)


def test_a_document_holds_what_the_page_shows() -> None:
    """The words, the choice, the probabilities; without points it is small enough for a manifest."""
    record = example_report([str(number) for number in range(150)], n=2000)[0]
    whole, small = as_document(record), as_document(record, points=False)
    json.dumps(whole, allow_nan=False)
    assert isinstance(whole["probabilities"], dict)
    assert {"way", "scores", "before", "curves", "coverage"} <= set(whole["probabilities"])
    assert isinstance(whole["choice"], dict)
    assert whole["choice"]["winner"] == "mean@4"
    assert whole["in_plain_words"]
    assert len(json.dumps(small)) < 600_000
    assert "a text of its own" not in json.dumps(whole)
