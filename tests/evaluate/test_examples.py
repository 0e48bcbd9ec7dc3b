"""Confident mistakes, and what abstaining brings."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.evaluate.examples import Examples, furthest_missed, mapped, surest_mistakes
from frostline.evaluate.intervals import wilson
from frostline.evaluate.probabilities import CoverageCurve, coverage_curve
from frostline.evaluate.scores import most_probable
from frostline.head.linear import NO_ANSWER, Rule
from frostline.targets import Targets

EXAMPLES = Examples(
    labels=("a", "b"),
    name="test.tsv",
    texts=["right", "wrong a little", "very wrong", "unanswered"],
    lines=[2, 3, 5, 9],
    members=np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool),
    favoured=np.array([[1, 0], [0, 1], [1, 0], [1, 0]], dtype=bool),
    answered=np.array([True, True, True, False]),
    probabilities=np.array([[0.9, 0.1], [0.4, 0.6], [0.95, 0.05], [0.55, 0.45]]),
)


def test_the_surest_mistake_comes_first_and_silence_is_none() -> None:
    """With its line, both labels and both probabilities."""
    first, second = surest_mistakes(EXAMPLES, most=5)
    assert (first.text, first.line, first.true, first.label) == ("very wrong", 5, ("b",), "a")
    assert (first.probability, first.true_probability) == (0.95, 0.05)
    assert second.text == "wrong a little"
    assert surest_mistakes(EXAMPLES, most=1) == (first,)


def test_of_several_labels_each_text_is_quoted_once_with_all_that_it_has() -> None:
    """A label that is not there by its probability; one that was missed by the least probability."""
    several = replace(
        EXAMPLES,
        members=np.array([[1, 1], [0, 1], [0, 0], [0, 1]], dtype=bool),
        favoured=np.array([[1, 0], [1, 0], [1, 1], [0, 1]], dtype=bool),
        answered=np.ones(4, dtype=bool),
    )
    given = surest_mistakes(several, most=5)
    assert [(one.line, one.label, one.true) for one in given] == [(5, "a", ()), (3, "a", ("b",))]
    assert given[0].true_probability is None
    missed = furthest_missed(several, most=5)
    assert [(one.line, one.label, one.probability) for one in missed] == [(2, "b", 0.1), (3, "b", 0.6)]


def test_a_map_is_made_of_what_was_decided() -> None:
    """And of nothing where that is not known."""
    assert mapped(EXAMPLES).map is None
    known = replace(EXAMPLES, decisions=np.arange(4.0)[:, None], features=np.eye(4, 6, dtype=np.float32))
    assert mapped(known).map is not None


def curve(probabilities: np.ndarray, codes: np.ndarray, answer_from: float = 0.0) -> CoverageCurve:
    return coverage_curve(
        probabilities, most_probable(probabilities), Targets.of_codes(codes, "ab"), answer_from=answer_from
    )


def test_a_set_of_labels_is_as_sure_as_all_of_it_together_and_right_if_all_of_it_is() -> None:
    """The product of what is said of each label; one label too many is a wrong answer."""
    probabilities = np.array([[0.9, 0.2], [0.8, 0.9], [0.3, 0.4]])
    truth = Targets(("a", "b"), np.array([[1, 0], [1, 0], [0, 0]], dtype=bool), exclusive=False)
    found = coverage_curve(probabilities, probabilities >= 0.5, truth, answer_from=0.7)
    assert found.thresholds[-1] == pytest.approx(0.7 * 0.6)
    assert found.covered.value == pytest.approx(2 / 3)
    assert found.right is not None
    assert found.right.value == 0.5


@given(st.lists(st.tuples(st.integers(50, 100), st.booleans()), min_size=1, max_size=60))
def test_the_coverage_curve_is_what_counting_gives(given_rows: list[tuple[int, bool]]) -> None:
    """At every point: rows from the threshold on, and how many of them are right; all of them at the end."""
    claimed = np.array([row[0] / 100 for row in given_rows])
    probabilities = np.column_stack([claimed, 1 - claimed])
    codes = np.array([0 if row[1] else 1 for row in given_rows])
    found = curve(probabilities, codes)
    answers = probabilities.argmax(axis=1)
    assert found.coverage[-1] == 1
    for share, precision, threshold in zip(found.coverage, found.precision, found.thresholds, strict=True):
        taken = claimed >= threshold
        assert share == pytest.approx(taken.mean())
        assert precision == pytest.approx((answers[taken] == codes[taken]).mean())
    assert list(found.coverage) == sorted(found.coverage)


def test_an_abstaining_head_stands_where_its_rule_puts_it() -> None:
    """Covered and right are counted at its own threshold."""
    codes = np.array([0, 0, 1, 1])
    found = curve(EXAMPLES.probabilities, codes, 0.6)
    assert found.covered.value == 0.75
    assert found.right is not None
    assert found.right.value == pytest.approx(1 / 3)
    assert curve(EXAMPLES.probabilities, codes, 0.99).right is None


def test_a_text_just_as_sure_as_asked_is_answered_and_limits_are_of_the_answers() -> None:
    """As the head does it: from `answer_from` on, that included."""
    probabilities = np.array([[0.75, 0.25], [0.75, 0.25], [0.625, 0.375], [0.5, 0.5]])
    found = curve(probabilities, np.array([0, 1, 0, 0]), 0.75)
    assert found.covered.value == 0.5
    assert found.right is not None
    assert found.right.interval == wilson(1, 2)
    assert Rule(answer_from=0.75).codes(probabilities).tolist() == [0, 0, NO_ANSWER, NO_ANSWER]


def test_the_curve_begins_where_there_are_enough_texts_to_say_anything() -> None:
    """Ten of them, the tenth included."""
    claimed = np.linspace(0.99, 0.6, 20)
    found = curve(np.column_stack([claimed, 1 - claimed]), np.zeros(20, np.int64))
    assert found.coverage[0] == 10 / 20
