"""Calibration error, Brier score and curves against independent formulas, and how often their intervals cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from frostline.arrays import Float64Array
from frostline.evaluate.intervals import wilson
from frostline.evaluate.probabilities import (
    MOST_CURVE_POINTS,
    Reliability,
    auc_interval,
    brier_score,
    calibration_scores,
    curves_of,
    label_curves,
    reliability,
    reliability_of,
)
from frostline.evaluate.scores import AnswerScores, answer_scores
from frostline.head.calibrating import MOST_BINS, ROWS_PER_BIN
from frostline.head.linear import NO_ANSWER
from frostline.targets import Targets


def claims(n: int, *, seed: int) -> Float64Array:
    return 0.5 + 0.5 * np.random.default_rng(seed).beta(2, 1, n)


def measured(n: int, *, seed: int, off: float = 0.0) -> Reliability:
    """Claims that are `off` too high."""
    rng = np.random.default_rng(seed + 1)
    given_claims = claims(n, seed=seed)
    return reliability(given_claims, rng.random(n) < given_claims - off, lots=None)


def test_bins_hold_all_rows_in_order() -> None:
    """As many in each as can be; nothing between or outside."""
    found = measured(1000, seed=0)
    assert len(found.bins) == MOST_BINS
    assert sum(one.n for one in found.bins) == 1000
    assert {one.n for one in found.bins} <= {66, 67}
    for one, other in zip(found.bins, found.bins[1:], strict=False):
        assert one.high < other.low
    assert all(one.low <= one.mean_probability <= one.high for one in found.bins)
    plain = sum(one.n * abs(one.mean_probability - one.share_right) for one in found.bins) / 1000
    assert found.plain_error == pytest.approx(plain)


@pytest.mark.parametrize("n", [1, 2, 19, 40, 41])
def test_few_rows_have_few_bins(n: int) -> None:
    """One row has one bin, an error that is a number, and an interval around it."""
    found = measured(n, seed=3)
    assert len(found.bins) == max(1, n // ROWS_PER_BIN)
    low, high = found.error.interval
    assert 0 <= low <= found.error.value <= high <= 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.5, 0.7, 1.0]), min_size=1, max_size=200))
def test_equal_claims_share_a_bin(values: list[float]) -> None:
    """An isotonic map makes many rows equal: they are not torn apart."""
    found = reliability(np.array(values), np.arange(len(values)) % 2 == 0, lots=None)
    assert sum(one.n for one in found.bins) == len(values)
    assert len({one.low for one in found.bins}) == len(found.bins)
    assert all(one.high < other.low for one, other in zip(found.bins, found.bins[1:], strict=False))


def test_equal_claims_move_the_edges_of_bins() -> None:
    """Sixty rows would make three bins of twenty; twenty-five equal ones make the second begin later."""
    found = reliability(np.array([0.5] * 15 + [0.7] * 25 + [0.9] * 20), np.arange(60) % 2 == 0, lots=None)
    assert [(one.low, one.high, one.n) for one in found.bins] == [(0.5, 0.5, 15), (0.7, 0.7, 25), (0.9, 0.9, 20)]
    few = reliability(np.array([0.5] * 50 + [0.9] * 10), np.arange(60) % 2 == 0, lots=None)
    assert [(one.low, one.high, one.n) for one in few.bins] == [(0.5, 0.9, 60)]


def test_certainty_that_is_right_has_no_error() -> None:
    """And certainty that is wrong has all of it."""
    sure = np.ones(100)
    assert reliability(sure, np.ones(100, bool), lots=None).error.value == 0
    assert reliability(sure, np.zeros(100, bool), lots=None).error.value == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("n", [300, 2000])
@pytest.mark.parametrize("off", [0.0, 0.06])
def test_the_interval_covers_the_true_error(n: int, off: float) -> None:
    """In 95 of 100 tests or so, also where the truth is 0; the plain error does not come near it in small tests."""
    found = [measured(n, seed=2 * seed, off=off) for seed in range(60)]
    covered = sum(one.error.interval[0] <= off <= one.error.interval[1] for one in found)
    assert covered >= 53
    if not off:
        assert np.mean([one.error.value for one in found]) < np.mean([one.plain_error for one in found]) / 2


def test_chance_is_what_perfect_claims_show() -> None:
    """The mean of their plain errors."""
    found = [measured(600, seed=2 * seed) for seed in range(100)]
    assert np.mean([one.plain_error for one in found]) == pytest.approx(
        np.mean([one.chance for one in found]), rel=0.06
    )


def test_errors_that_hide_from_each_other_are_seen_by_label() -> None:
    """Too much of one label, too little of the other: sureness is right, the label's probability is not."""
    rng = np.random.default_rng(8)
    second = rng.choice([0.2, 0.8], 4000)
    codes = (rng.random(4000) < second - 0.1).astype(np.int64)
    scores = calibration_scores(np.column_stack([1 - second, second]), Targets.of_codes(codes, "ab"))
    assert scores.reliability.error.value < 0.03
    assert scores.by_label[0].error.value == pytest.approx(0.1, abs=0.03)


def test_brier_is_scikit_learns() -> None:
    """Of two labels twice its one-column form; of more, the sum over labels."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(2), 300)
    codes = rng.integers(0, 2, 300)
    assert brier_score(shares, Targets.of_codes(codes, "ab")).value == pytest.approx(
        2 * brier_score_loss(codes, shares[:, 1])
    )
    three = rng.dirichlet(np.ones(3), 300)
    codes = rng.integers(0, 3, 300)
    expected = ((three - np.eye(3)[codes]) ** 2).sum(axis=1).mean()
    found = brier_score(three, Targets.of_codes(codes, "abc"))
    assert found.value == pytest.approx(expected)
    assert found.interval[0] < found.value < found.interval[1] <= 2


def test_one_row_has_a_brier_interval_within_its_range() -> None:
    """From 0 to 2: it says next to nothing."""
    scores = calibration_scores(np.array([[0.2, 0.8]]), Targets.of_codes(np.array([1]), "ab"))
    assert scores.brier.interval == (0.0, 2.0)
    assert scores.n == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60))
def test_areas_are_scikit_learns(rows: list[tuple[int, bool]]) -> None:
    """AUC and average precision, ties and all."""
    scores = np.array([score / 8 for score, _ in rows])
    has = np.array([own for _, own in rows])
    if has.all() or not has.any():
        return
    found = curves_of(scores, has, label="x", lots=None)
    assert found.auc.value == pytest.approx(roc_auc_score(has, scores))
    assert found.average_precision.value == pytest.approx(average_precision_score(has, scores))
    for estimate in (found.auc, found.average_precision):
        assert 0 <= estimate.interval[0] <= estimate.value <= estimate.interval[1] <= 1
    assert (found.roc.x[0], found.roc.y[0]) == (0, 0)
    assert (found.roc.x[-1], found.roc.y[-1]) == (1, 1)
    assert found.precision_recall.x[-1] == 1


def test_the_auc_interval_covers() -> None:
    """Of normal scores, whose true AUC is known, in 95 of 100 tests; and it has a width at 1."""
    rng = np.random.default_rng(5)
    has = np.arange(120) < 40
    truth = 0.9213503964748574  # the normal distribution's share below 2 / sqrt 2
    covered = 0
    for _ in range(200):
        found = curves_of(rng.normal(size=120) + 2 * has, has, label=1, lots=None).auc
        covered += found.interval[0] <= truth <= found.interval[1]
    assert covered >= 182
    low, high = auc_interval(1.0, 20, 20)
    assert low < 0.95
    assert high == 1


def test_a_curve_of_many_rows_is_thinned() -> None:
    """To what can be seen, ends kept."""
    rng = np.random.default_rng(6)
    found = curves_of(rng.random(20_000), rng.random(20_000) < 0.3, label="x", lots=None)
    for curve in (found.roc, found.precision_recall):
        assert len(curve.x) == len(curve.y) == len(curve.thresholds) <= MOST_CURVE_POINTS
        assert curve.x[-1] == 1
        assert list(curve.x) == sorted(curve.x)


def test_curves_are_of_labels_that_some_rows_have() -> None:
    """Of two, of the second; a label of all rows or none has no curve."""
    shares = np.random.default_rng(7).dirichlet(np.ones(3), 30)
    assert [one.label for one in label_curves(shares, Targets.of_codes(np.arange(30) % 2, "abc"))] == ["a", "b"]
    assert [one.label for one in label_curves(shares[:, :2], Targets.of_codes(np.arange(30) % 2, "ab"))] == ["b"]
    assert label_curves(shares, Targets.of_codes(np.zeros(30, np.int64), "abc")) == ()


def test_two_labels_that_do_not_exclude_each_other_have_a_curve_and_a_reliability_each() -> None:
    """Neither tells the other; decisions are counted label by label, their error from 0 to 1."""
    rng = np.random.default_rng(7)
    probabilities = rng.random((400, 2))
    both = Targets(("a", "b"), rng.random((400, 2)) < probabilities, exclusive=False)
    assert [one.label for one in label_curves(probabilities, both)] == ["a", "b"]
    scores = calibration_scores(probabilities, both)
    assert scores.reliability.error.n == int((probabilities >= 0.05).sum())
    assert len(scores.by_label) == 2
    assert scores.brier.value == pytest.approx(((probabilities - both.members) ** 2).mean())
    none = np.full((30, 2), 0.01)  # none is claimed to be likely: all of them are held to what came true
    assert calibration_scores(none, both.take(np.arange(30))).reliability.error.n == 60


def scores_of(answers: np.ndarray, codes: np.ndarray) -> AnswerScores:
    """Of answers as columns, or `NO_ANSWER`: such rows would have got the first label."""
    favoured = Targets.of_codes(np.maximum(answers, 0), "ab").members
    return answer_scores(favoured, answers != NO_ANSWER, Targets.of_codes(codes, "ab"))


def test_an_answer_of_several_labels_is_right_where_it_is_the_whole_set() -> None:
    """Precision counts sets, each label's recall all rows that have it, macro F1 the rows answered."""
    truth = Targets(("a", "b"), np.array([[1, 1], [1, 0], [0, 0], [0, 1]], dtype=bool), exclusive=False)
    favoured = np.array([[1, 1], [1, 1], [0, 0], [0, 1]], dtype=bool)
    found = answer_scores(favoured, np.array([True, True, True, False]), truth)
    assert found.coverage.value == 0.75
    assert found.precision is not None
    assert found.precision.value == pytest.approx(2 / 3)
    assert found.macro_f1 is not None
    assert found.macro_f1.value == pytest.approx((1 + 2 / 3) / 2)
    assert found.per_label[1].recall is not None
    assert found.per_label[1].recall.value == 0.5


def test_unanswered_rows_are_counted_and_not_hidden() -> None:
    """Coverage counts them, precision does not; recall does."""
    answered = np.array([0, 0, 1, NO_ANSWER, NO_ANSWER])
    found = scores_of(answered, np.array([0, 1, 1, 1, 0]))
    assert found.coverage.value == 0.6
    assert found.precision is not None
    assert found.precision.value == pytest.approx(2 / 3)
    assert found.precision.n == 3
    for score, precision, recall in zip(found.per_label, (1 / 2, 1), (1 / 2, 1 / 3), strict=True):
        assert score.precision is not None
        assert score.recall is not None
        assert score.precision.value == pytest.approx(precision)
        assert score.recall.value == pytest.approx(recall)


def test_no_answer_at_all_has_no_precision() -> None:
    """Nothing to divide by."""
    found = scores_of(np.full(3, NO_ANSWER), np.array([0, 1, 1]))
    assert found.coverage.value == 0
    assert found.precision is None
    assert found.macro_f1 is None


def test_the_limits_of_answers_are_of_the_answers_alone() -> None:
    """Precision rests on the rows answered, and so does macro F1; coverage on all rows."""
    answered = np.array([0, 0, 1, 1, NO_ANSWER, NO_ANSWER, NO_ANSWER, NO_ANSWER])
    found = scores_of(answered, np.array([0, 1, 1, 1, 0, 0, 1, 1]))
    assert found.coverage.interval == wilson(4, 8)
    assert found.precision is not None
    assert found.precision.interval == wilson(3, 4)
    assert found.macro_f1 is not None
    assert found.macro_f1.value == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found.macro_f1.n == 4


def test_bins_in_which_all_is_right_are_not_known_for_certain() -> None:
    """Twenty of twenty right say less than two thousand of two thousand: the error may be larger than it looks."""
    few, many = (reliability(np.full(n, 0.99), np.ones(n, bool), lots=None).error for n in (20, 2000))
    assert few.interval[1] > 0.05
    assert many.interval[1] < 0.02


def test_perfect_claims_are_hardly_ever_called_off() -> None:
    """The lower limit is 0 in 39 tests of 40: what chance alone shows is no error."""
    random = np.random.default_rng(0)
    called = 0
    for _ in range(400):
        claimed = random.uniform(0.5, 1, 200)
        called += reliability(claimed, random.random(200) < claimed, lots=None).error.interval[0] > 0
    assert called <= 400 / 40 + 3 * np.sqrt(400 / 40)


def test_reliability_is_that_of_probabilities_from_five_percent_on() -> None:
    """Of a million zeros that are right nothing is learned."""
    rng = np.random.default_rng(0)
    claimed = np.where(rng.random((400, 3)) < 0.5, 0.01, rng.random((400, 3)))
    members = rng.random((400, 3)) < claimed
    found = reliability_of(claimed, members, lots=None)
    assert found is not None
    assert found.error.n == int((claimed >= 0.05).sum())
    assert min(one.low for one in found.bins) >= 0.05
    assert found.error.value < 0.05
    none = reliability_of(np.full((40, 2), 0.01), np.zeros((40, 2), bool), lots=None)
    assert none is None
