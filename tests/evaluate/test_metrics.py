"""The figures are scikit-learn's; what scikit-learn answers with a zero and a warning is None here."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from frostline.errors import InputError
from frostline.evaluate.scores import Evaluation, evaluate, label_codes, most_probable
from frostline.targets import Label, Targets


def spread(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def evaluated(probabilities: Any, codes: Any, labels: Sequence[Label]) -> Evaluation:
    """Of the most probable label of each row."""
    return evaluate(probabilities, most_probable(probabilities), Targets.of_codes(codes, labels))


@st.composite
def examinations(draw: st.DrawFn) -> tuple[Any, Any]:
    """Probabilities and codes; labels may be missing from the truth, from the predictions or from both."""
    n_labels, n = draw(st.integers(2, 6)), draw(st.integers(1, 60))
    logits = draw(arrays.arrays(np.float64, (n, n_labels), elements=st.floats(-9, 9)))
    codes = draw(arrays.arrays(np.int64, n, elements=st.integers(0, n_labels - 1)))
    return spread(logits), codes


@settings(max_examples=50)
@given(examinations())
def test_every_figure_is_scikit_learns(exam: tuple[Any, Any]) -> None:
    """Accuracy, macro F1, log loss, the matrix, and each label's precision, recall and F1."""
    from sklearn import metrics  # noqa: PLC0415 - slow to import, and only these tests need it

    probabilities, codes = exam
    n_labels = probabilities.shape[1]
    found = evaluated(probabilities, codes, list(range(n_labels)))
    predicted = probabilities.argmax(axis=1)
    assert found.n == len(codes)
    assert found.accuracy.value == pytest.approx(metrics.accuracy_score(codes, predicted))
    assert found.macro_f1.value == pytest.approx(metrics.f1_score(codes, predicted, average="macro"))
    assert found.log_loss.value == pytest.approx(metrics.log_loss(codes, probabilities, labels=list(range(n_labels))))
    np.testing.assert_array_equal(
        found.confusion, metrics.confusion_matrix(codes, predicted, labels=list(range(n_labels)))
    )
    columns = metrics.precision_recall_fscore_support(
        codes, predicted, labels=list(range(n_labels)), zero_division=np.nan
    )
    for column, score in enumerate(found.per_label):
        precision, recall, f1, support = (values[column] for values in columns)
        assert score.support == support
        for mine, theirs in ((score.precision, precision), (score.recall, recall), (score.f1, f1)):
            assert (np.nan if mine is None else mine.value) == pytest.approx(theirs, nan_ok=True)


@given(examinations())
def test_intervals_hold_their_values(exam: tuple[Any, Any]) -> None:
    """Each figure lies in its own interval and names the rows it rests on."""
    probabilities, codes = exam
    found = evaluated(probabilities, codes, list(range(probabilities.shape[1])))
    figures = [found.accuracy, found.macro_f1, found.log_loss]
    for score in found.per_label:
        figures += [figure for figure in (score.precision, score.recall, score.f1) if figure is not None]
    for figure in figures:
        assert figure.interval[0] <= figure.value + 1e-12
        assert figure.value <= figure.interval[1] + 1e-12
        assert 1 <= figure.n <= len(codes)


def test_a_label_that_no_test_row_has_is_left_out_of_the_macro_mean() -> None:
    """It has no recall; never predicted, it has no precision and no F1 either."""
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.6, 0.4, 0.0]])
    found = evaluated(probabilities, np.array([0, 1, 0]), ["a", "b", "c"])
    missing = found.per_label[2]
    assert (missing.precision, missing.recall, missing.f1, missing.support) == (None, None, None, 0)
    assert found.macro_f1.value == 1


def test_a_precision_rests_on_its_own_denominator() -> None:
    """Its n is how often the label was predicted, and its interval is as wide as those few rows make it."""
    probabilities = np.eye(2)[[0, 0, 0, 0, 0, 0, 0, 0, 1, 1]]
    found = evaluated(probabilities, np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 0]), ["a", "b"])
    score = found.per_label[1]
    assert score.precision is not None
    assert score.recall is not None
    assert score.f1 is not None
    assert (score.precision.n, score.recall.n, score.f1.n, score.support) == (2, 3, 4, 3)


def test_an_unseen_label_is_named_with_its_rows() -> None:
    """The choice between leaving rows out and counting them as wrong is not made silently."""
    with pytest.raises(InputError, match=r"'neg', 'pos' \(got 'neutral' \(2 rows\)\)") as caught:
        label_codes(["pos", "neutral", "neg", "neutral"], ["neg", "pos"])
    assert "Leave those rows out" in caught.value.hint
    assert label_codes(["pos", "neg"], ["neg", "pos"]).tolist() == [1, 0]


def test_labels_of_control_characters_reach_no_terminal() -> None:
    """The message escapes them."""
    with pytest.raises(InputError) as caught:
        label_codes(["\x1b[31mred"], ["neg", "pos"])
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("probabilities", "codes", "said"),
    [
        (np.zeros((0, 2)), np.zeros(0, np.int64), "at least one test row"),
        (np.full((3, 2), 0.5), np.zeros(2, np.int64), r"\(2, 2\)"),
        (np.array([[0.5, 0.5], [np.nan, 0.5]]), np.array([0, 1]), "first is row 1"),
    ],
)
def test_what_cannot_be_evaluated_is_said(probabilities: Any, codes: Any, said: str) -> None:
    """One sentence each, never a NaN in a report."""
    with pytest.raises(InputError, match=said):
        evaluated(probabilities, codes, ["a", "b"])


def test_a_certain_mistake_costs_no_more_than_36() -> None:
    """A probability of 0 for the true label is counted as the smallest there is, as in scikit-learn."""
    found = evaluated(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), ["a", "b"])
    assert found.log_loss.value == pytest.approx(36.0437 / 2, abs=1e-3)


def test_a_hundred_thousand_rows_take_no_time() -> None:
    """Closed forms: 0.015 s here; a bootstrap of 2,000 would take half a minute."""
    rng = np.random.default_rng(0)
    probabilities, codes = rng.dirichlet(np.ones(6), size=100_000), rng.integers(0, 6, 100_000)
    started = time.perf_counter()
    evaluated(probabilities, codes, list("abcdef"))
    assert time.perf_counter() - started < 1.0
