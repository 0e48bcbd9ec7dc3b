"""The figures are scikit-learn's; what scikit-learn answers with a zero and a warning is None here."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics

from frostline.errors import InputError
from frostline.evaluate.baselines import Part, baselines, f1_of
from frostline.evaluate.intervals import average_precisions, resampled, row_counts
from frostline.evaluate.scores import Evaluation, evaluate, most_probable
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
    started = time.process_time()
    evaluated(probabilities, codes, list("abcdef"))
    assert time.process_time() - started < 5.0


# --- several labels per text


def drawn_sets(n: int, *, seed: int, shares: tuple[float, ...] = (0.5, 0.2, 0.1, 0.03)) -> tuple[np.ndarray, ...]:
    """Probabilities with many ties, answers, truth; two labels go together."""
    random = np.random.RandomState(seed)
    members = random.rand(n, len(shares)) < shares
    members[:, 2] |= members[:, 1] & (random.rand(n) < 0.5)
    probabilities = np.clip(0.4 * members + 0.6 * random.rand(n, len(shares)), 0, 1).round(2)
    return probabilities, probabilities >= 0.5, members


def evaluated_sets(
    probabilities: np.ndarray, given: np.ndarray, members: np.ndarray, labels: str = "abcd"
) -> Evaluation:
    return evaluate(probabilities, given, Targets(tuple(labels), members, exclusive=False))


def part(texts: list[str], members: np.ndarray) -> Part:
    return Part(
        texts,
        np.zeros((len(texts), 1), np.float32),
        Targets(tuple("abcd"[: members.shape[1]]), members, exclusive=False),
    )


def measured_sets(n: int = 400, *, seed: int = 0) -> Evaluation:
    probabilities, given, members = drawn_sets(n, seed=seed)
    return evaluated_sets(probabilities, given, members)


@settings(max_examples=20, deadline=None)
@example(418, 2)  # one label alone is used
@given(st.integers(0, 1000), st.integers(2, 60))
def test_every_figure_of_several_labels_is_scikit_learns(seed: int, n: int) -> None:
    probabilities, given, members = drawn_sets(n, seed=seed)
    found = evaluated_sets(probabilities, given, members)
    used = (given | members).any(axis=0)
    if used.any():
        assert found.scores["micro_f1"].value == pytest.approx(metrics.f1_score(members, given, average="micro"))
        each = [metrics.f1_score(members[:, column], given[:, column]) for column in np.flatnonzero(used)]
        assert found.macro_f1.value == pytest.approx(np.mean(each))
    samples = metrics.f1_score(members, given, average="samples", zero_division=1)
    assert found.scores["samples_f1"].value == pytest.approx(samples)
    assert found.scores["subset_accuracy"].value == pytest.approx((given == members).all(axis=1).mean())
    assert found.scores["hamming_loss"].value == pytest.approx(metrics.hamming_loss(members, given))
    for column in np.flatnonzero(members.any(axis=0)):
        expected = metrics.average_precision_score(members[:, column], probabilities[:, column])
        assert found.average_precisions is not None
        assert found.average_precisions[column] == pytest.approx(expected)
    clipped = np.clip(np.where(members, probabilities, 1 - probabilities), np.finfo(float).eps, 1)
    assert found.log_loss.value == pytest.approx(-np.log(clipped).mean())


def test_per_label_scores_are_those_of_the_label_alone() -> None:
    """None where nothing was given, or nothing is there."""
    probabilities, given, members = drawn_sets(300, seed=3)
    members[:, 3], given[:, 3] = False, False
    found = evaluated_sets(probabilities, given, members)
    for column, score in enumerate(found.per_label[:3]):
        assert score.precision is not None
        assert score.recall is not None
        assert score.precision.value == metrics.precision_score(members[:, column], given[:, column])
        assert score.recall.value == metrics.recall_score(members[:, column], given[:, column])
        assert (score.support, score.precision.n) == (members[:, column].sum(), given[:, column].sum())
    assert (found.per_label[3].precision, found.per_label[3].recall, found.per_label[3].f1) == (None, None, None)


@pytest.fixture(scope="module")
def samples() -> list[Evaluation]:
    """A hundred tests of three hundred rows."""
    return [measured_sets(300, seed=seed) for seed in range(100)]


def test_intervals_cover_what_a_very_large_sample_gives(samples: list[Evaluation]) -> None:
    """In at least 88 of 100 samples of 300 rows: 95 are aimed at, 87 has a chance of one in a thousand."""
    probabilities, given, members = drawn_sets(60_000, seed=999)
    micro, macro = f1_of(given, members)
    truth = {
        "micro_f1": micro,
        "macro_f1": macro,
        "samples_f1": metrics.f1_score(members, given, average="samples", zero_division=1),
        "mean_average_precision": float(average_precisions(probabilities, members).mean()),
        "subset_accuracy": float((given == members).all(axis=1).mean()),
    }
    covered = dict.fromkeys(truth, 0)
    for found in samples:
        for name, value in truth.items():
            low, high = found.scores[name].interval
            covered[name] += low <= value <= high
    assert min(covered.values()) >= 88, covered


def test_intervals_are_as_wide_as_they_need_to_be(samples: list[Evaluation]) -> None:
    """Twice 1.96 standard deviations of fresh samples, give or take a seventh: too wide is wrong as well."""
    for name in ("micro_f1", "macro_f1", "samples_f1", "mean_average_precision", "subset_accuracy"):
        scores = [found.scores[name] for found in samples]
        needed = 2 * 1.96 * np.std([score.value for score in scores])
        width = np.mean([score.interval[1] - score.interval[0] for score in scores])
        assert 0.85 * needed <= width <= 1.15 * needed, name


def test_intervals_hold_their_value_and_do_not_shrink_to_nothing() -> None:
    """A perfect classifier on thirty rows may still be wrong on the next."""
    members = np.random.RandomState(0).rand(30, 4) < 0.4
    found = evaluated_sets(np.where(members, 0.95, 0.05), members, members)
    for score in (found.scores["micro_f1"], found.macro_f1, found.scores["subset_accuracy"]):
        assert score.value == score.interval[1] == 1
        assert score.interval[0] < 0.99


def test_what_draws_have_too_much_on_average_is_taken_off() -> None:
    """The interval lies about the value, as wide as the draws."""
    _, given, members = drawn_sets(50, seed=0)
    found = resampled(given, members, None, seed=0, lots=None)
    draws = np.linspace(0.5, 0.7, 1001)
    assert found.interval(draws, 0.4) == pytest.approx((0.305, 0.495))


def test_two_rows_prove_nothing() -> None:
    """Neither a score nor a lead: drawing two rows again gives the same two."""
    probabilities, given, members = drawn_sets(2, seed=1)
    found = evaluated_sets(probabilities, given, members)
    for score in (found.scores["micro_f1"], found.scores["hamming_loss"], found.scores["samples_f1"]):
        assert score.interval[0] <= 0.3
        assert 0.6 <= score.interval[1] <= 1
    two = part(["one", "two"], members)
    assert baselines([(two, two)], favoured=members)[0].leads["macro_f1"].interval == (-1, 1)


def test_drawing_rows_again_is_counting_them() -> None:
    """A draw's micro and macro F1 are those of the rows repeated as often as they were drawn."""
    probabilities, given, members = drawn_sets(80, seed=1)
    found = resampled(given, members, probabilities, seed=4, lots=None)
    counts = row_counts(80, n_draws=3, seed=4).astype(int)
    for draw in range(3):
        rows = np.repeat(np.arange(80), counts[draw])
        assert len(rows) == 80
        expected = metrics.f1_score(members[rows], given[rows], average="micro")
        assert found.micro_f1[draw] == pytest.approx(expected)
        ranked = average_precisions(probabilities[rows], members[rows])
        assert found.mean_average_precision[draw] == pytest.approx(np.nanmean(ranked))


def test_what_cannot_be_measured_is_refused() -> None:
    probabilities, given, members = drawn_sets(10, seed=0)
    with pytest.raises(InputError, match="at least one test row"):
        evaluated_sets(probabilities[:0], given[:0], members[:0])
    with pytest.raises(InputError, match=r"Probabilities must be of shape \(10, 4\), texts by labels \(got \(10, 3\)"):
        evaluated_sets(probabilities[:, :3], given, members)
    with pytest.raises(InputError, match=r"Answers must be of shape \(10, 4\), texts by labels \(got \(9, 4\)"):
        evaluated_sets(probabilities, given[:9], members)
    probabilities[3] = np.nan
    with pytest.raises(InputError, match="row 3"):
        evaluated_sets(probabilities, given, members)


def test_no_label_anywhere_is_an_answer_that_is_right() -> None:
    nothing = np.zeros((5, 3), dtype=bool)
    found = evaluated_sets(np.full((5, 3), 0.1), nothing, nothing, "abc")
    assert (
        found.scores["subset_accuracy"].value,
        found.scores["samples_f1"].value,
        found.scores.get("mean_average_precision"),
    ) == (1, 1, None)
