"""Calibration is chosen on rows its fit has not seen, and stays finite whatever the decisions are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.isotonic import isotonic_regression

from frostline.arrays import Float64Array, IntArray
from frostline.data.split import stratified_folds
from frostline.errors import UsageError
from frostline.evaluate.probabilities import reliability_of
from frostline.head.calibrating import (
    COLDEST,
    HOTTEST,
    Calibrate,
    fit_calibration,
    fit_knots,
    fit_temperature,
)
from frostline.head.deciding import best_thresholds
from frostline.head.fitted import AnswerOptions, Fitted, fit
from frostline.head.linear import Calibration, logistic, probabilities, softmax
from frostline.head.options import SearchOptions
from frostline.targets import Targets


def one_label(codes: IntArray) -> Targets:
    return Targets.of_codes(codes, range(int(codes.max()) + 1))


def drawn(n: int, n_labels: int, *, seed: int, spread: float = 2.0) -> tuple[Float64Array, IntArray]:
    """Decisions whose probabilities are the truth, and codes drawn by them."""
    rng = np.random.default_rng(seed)
    decisions = rng.normal(scale=spread, size=(n, 1 if n_labels == 2 else n_labels))
    shares = softmax(decisions)
    codes = (rng.random((n, 1)) > shares.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return decisions, codes.astype(np.int64)


@pytest.mark.parametrize("n_labels", [2, 4])
@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_is_that_of_scipy(n_labels: int, factor: float) -> None:
    """Newton's one number is where a general minimiser of the log loss ends, the softened truth apart."""
    decisions, codes = drawn(3000, n_labels, seed=n_labels)
    stretched = factor * decisions
    rows = np.arange(len(codes))
    found = minimize_scalar(
        lambda log: -np.log(softmax(stretched / np.exp(log))[rows, codes]).mean(), bounds=(-3, 3), method="bounded"
    )
    assert fit_temperature(stretched, codes) == pytest.approx(np.exp(found.x), rel=0.01)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10), st.sampled_from([2, 3]))
def test_stretched_decisions_have_a_stretched_temperature(seed: int, factor: float, n_labels: int) -> None:
    """What divides them brings them back to the same probabilities."""
    decisions, codes = drawn(60, n_labels, seed=seed)
    plain, stretched = fit_temperature(decisions, codes), fit_temperature(factor * decisions, codes)
    if (
        min(plain, stretched, factor * plain) > COLDEST * 1.01
        and max(plain, stretched, factor * plain) < HOTTEST / 1.01
    ):
        assert stretched == pytest.approx(factor * plain, rel=1e-6)


def test_a_perfect_separation_ends_at_a_bound() -> None:
    """Decisions without a mistake do not run off to a temperature of 0."""
    decisions = np.array([[-1.0], [-2.0], [1.0], [3.0]])
    codes = np.array([0, 0, 1, 1])
    assert COLDEST <= fit_temperature(decisions, codes) < 1
    assert fit_temperature(100 * decisions, codes) > 10  # the softened truth: four rows do not show certainty
    assert fit_temperature(-decisions, codes) == pytest.approx(HOTTEST)


@pytest.mark.parametrize("size", [1e-30, 1e30, 3e38])
def test_decisions_of_any_size_have_a_temperature(size: float) -> None:
    """No overflow, no NaN."""
    decisions, codes = drawn(200, 3, seed=1)
    assert COLDEST <= fit_temperature(size * decisions, codes) <= HOTTEST


def test_equal_decisions_have_no_temperature() -> None:
    """Nothing to fit: 1."""
    assert fit_temperature(np.zeros((6, 3)), np.array([0, 0, 1, 1, 2, 2])) == 1.0


def test_knots_ascend_and_keep_away_from_certainty() -> None:
    """A log loss through them is finite."""
    rng = np.random.default_rng(0)
    claimed = rng.random(20_000)
    knots = fit_knots(claimed, rng.random(20_000) < claimed**2)
    assert knots is not None
    before, after = np.array(knots).T
    assert 50 < len(before) < 200  # few blocks: the cap has a test of its own
    assert (np.diff(before) > 0).all()
    assert (np.diff(after) >= 0).all()
    assert after[0] >= 1 / 20_002
    assert after[-1] <= 20_001 / 20_002
    np.testing.assert_allclose(np.interp([0.3, 0.6, 0.9], before, after), [0.09, 0.36, 0.81], atol=0.04)


def test_a_perfect_separation_leaves_room_for_doubt() -> None:
    """Ten rows that it never was say 1 in 12, not never."""
    claimed = np.array([0.1] * 10 + [0.9] * 10)
    knots = fit_knots(claimed, claimed > 0.5)
    assert knots is not None
    assert [after for _, after in knots] == pytest.approx([1 / 12, 11 / 12])


def test_the_few_surest_rows_do_not_become_certain() -> None:
    """Two that came true, after a thousand of which 19 in 20 did, are no proof of more than 19 in 20."""
    claimed = np.concatenate([np.full(1000, 0.8), [0.98, 0.99]])
    came_true = np.append(np.arange(1000) % 20 > 0, [True, True])
    knots = fit_knots(claimed, came_true)
    assert knots is not None
    assert [after for _, after in knots] == pytest.approx([0.95, 0.95])
    few = fit_knots(claimed, np.append(np.arange(1000) % 2 > 0, [True, True]))
    assert few is not None
    assert [after for _, after in few] == pytest.approx([0.5, 0.75])
    low = fit_knots(1 - claimed[::-1], ~came_true[::-1])
    assert low is not None
    assert [after for _, after in low] == pytest.approx([0.05, 0.05])


def test_claims_that_say_the_opposite_become_one_share() -> None:
    """Where higher claims come true less often, a never-falling map is flat."""
    claimed = np.array([0.2] * 10 + [0.8] * 10)
    assert fit_knots(claimed, claimed < 0.5) == ((0.2, 0.5), (0.8, 0.5))


def test_equal_claims_have_no_map() -> None:
    """A map needs two places."""
    assert fit_knots(np.full(9, 0.4), np.arange(9) > 4) is None


@pytest.mark.parametrize(("factor", "way"), [(1 / 3, "temperature"), (3.0, "temperature")])
def test_stretched_decisions_get_a_temperature(factor: float, way: str) -> None:
    """Too sure or not sure enough by a factor: one number mends it, and a map gains no more."""
    decisions, codes = drawn(2000, 3, seed=3)
    folds = stratified_folds(codes, n_folds=5, seed=0)
    fit = fit_calibration(factor * decisions, one_label(codes), folds=folds)
    assert fit.way == way
    assert fit.calibration is not None
    assert fit.calibration.temperature == pytest.approx(factor, rel=0.1)
    np.testing.assert_allclose(fit.held_out, softmax(decisions), atol=0.05)


def test_shifted_decisions_get_a_map() -> None:
    """What class weights do to two labels no temperature mends."""
    decisions, codes = drawn(3000, 2, seed=4)
    folds = stratified_folds(codes, n_folds=5, seed=0)
    fit = fit_calibration(decisions + 2.5, one_label(codes), folds=folds)
    assert fit.way == "isotonic"
    np.testing.assert_allclose(
        probabilities(decisions + 2.5, calibration=fit.calibration), softmax(decisions), atol=0.12
    )


def test_true_probabilities_lose_next_to_nothing() -> None:
    """Whatever is chosen by chance, log loss on new rows stays within a ten-thousandth or so."""
    decisions, codes = drawn(3000, 2, seed=5)
    new, new_codes = drawn(50_000, 2, seed=6)
    fit = fit_calibration(decisions, one_label(codes), folds=stratified_folds(codes, n_folds=5, seed=0))
    rows = np.arange(len(new_codes))
    before, after = (
        -np.log(probabilities(new, calibration=way)[rows, new_codes]).mean() for way in (None, fit.calibration)
    )
    assert fit.way != "isotonic"
    assert after - before < 1e-3


def test_the_fit_of_a_fold_has_not_seen_it() -> None:
    """Each fold's held-out probabilities are those of a calibration fitted on the other folds."""
    decisions, codes = drawn(400, 3, seed=7)
    folds = stratified_folds(codes, n_folds=4, seed=0)
    fit = fit_calibration(2 * decisions, one_label(codes), folds=folds, calibrate="temperature")
    own = folds == 2
    other = Calibration(method="temperature", temperature=fit_temperature(2 * decisions[~own], codes[~own]))
    np.testing.assert_array_equal(fit.held_out[own], probabilities(2 * decisions[own], calibration=other))


@pytest.mark.parametrize(
    ("n", "n_folds", "why"),
    [(2, 1, "one fold"), (2, 2, "2 rows are fewer than 50"), (40, 4, "40 rows are fewer than 50")],
)
def test_few_rows_stay_uncalibrated_and_say_why(n: int, n_folds: int, why: str) -> None:
    """Nothing is fitted where nothing could be known of it."""
    codes = np.arange(n) % 2
    fit = fit_calibration(np.linspace(-1, 1, n)[:, None], one_label(codes), folds=np.arange(n) * n_folds // n)
    assert fit.calibration is None
    assert why in fit.why


def test_equal_decisions_stay_uncalibrated() -> None:
    """And an isotonic map of them is refused in a sentence."""
    decisions, codes = np.zeros((100, 1)), np.arange(100) % 2
    assert fit_calibration(decisions, one_label(codes), folds=codes).why == "all decisions are equal"
    with pytest.raises(UsageError, match="all 100 have the same decisions"):
        fit_calibration(decisions, one_label(codes), folds=codes, calibrate="isotonic")


def test_a_label_of_one_row_keeps_probabilities_finite() -> None:
    """Asked for by name, a map is fitted also where a fold lacks a label."""
    decisions, codes = drawn(60, 3, seed=8)
    codes = np.minimum(codes, 1)
    codes[0] = 2
    fit = fit_calibration(decisions, one_label(codes), folds=np.arange(60) % 3, calibrate="isotonic")
    found = probabilities(decisions, calibration=fit.calibration)
    assert np.isfinite(np.log(fit.held_out)).all()
    assert (found > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("exclusive", [True, False])
def test_an_unknown_way_is_refused(exclusive: bool) -> None:  # noqa: FBT001 - parametrised
    """By name."""
    targets = Targets(("a", "b"), np.eye(2, dtype=bool)[np.arange(4) % 2], exclusive=exclusive)
    decisions = np.zeros((4, 1 if exclusive else 2))
    with pytest.raises(UsageError, match="one of auto, none, temperature, isotonic"):
        fit_calibration(decisions, targets, folds=np.arange(4) % 2, calibrate="platt")  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=20, max_size=60))
def test_knots_stand_at_the_shares_of_a_weighted_isotonic_regression(rows: list[tuple[int, bool]]) -> None:
    """Each claim weighs as many rows as make it; the first and the last knot follow the rule of succession."""
    claimed, came_true = (np.array(column) for column in zip(*rows, strict=True))
    knots = fit_knots(claimed / 10, came_true)
    points, place, counts = np.unique(claimed, return_inverse=True, return_counts=True)
    assume(len(points) > 1)
    shares = np.bincount(place, weights=came_true) / counts
    expected = np.unique(isotonic_regression(shares, sample_weight=counts).round(12))
    assert knots is not None
    if len(expected) > 1:
        np.testing.assert_allclose([height for _, height in knots][1:-1], expected[1:-1], atol=1e-12)
        assert len(knots) == len(expected)


def decided(n: int = 1200, *, sharp: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True log-odds times `sharp`, labels drawn by the true ones, folds."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(n, 3)) * [2.0, 1.5, 1.0] + [0.0, -1.0, -2.0]
    return sharp * true, rng.random((n, 3)) < logistic(true), np.arange(n) % 5


def several(members: np.ndarray) -> Targets:
    return Targets(("a", "b", "c"), members, exclusive=False)


def fitted(way: Calibrate) -> tuple[Fitted, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 8)).astype(np.float32)
    members = rng.random((400, 3)) < logistic(3 * rows[:, :3] + [0.0, -1.0, -2.0])
    members[:, 2] = np.arange(400) == 7  # on one text: not learned
    found = fit(rows, several(members), search=SearchOptions(Cs=(10.0,)), answers=AnswerOptions(calibrate=way))
    return found, rows, members


def test_decisions_twice_too_sure_are_halved() -> None:
    """One temperature for all labels: that of all decisions together."""
    decisions, members, folds = decided(sharp=2.0)
    found = fit_calibration(decisions, several(members), folds=folds)
    assert found.way == "temperature"
    assert found.calibration is not None
    assert found.calibration.temperature == pytest.approx(2.0, rel=0.1)
    assert found.calibration.temperature == fit_temperature(decisions.reshape(-1, 1), members.ravel().astype(int))
    losses = {candidate.way: candidate.log_loss for candidate in found.candidates}
    assert losses["temperature"] < losses["none"]


def test_a_crooked_map_is_put_right_label_by_label() -> None:
    """Each label misses in a way of its own, which no one temperature mends."""
    decisions, members, folds = decided(4000)
    crooked = np.sign(decisions) * np.abs(decisions) ** [2.0, 0.5, 1.0] + [1.0, -1.0, 0.0]
    found = fit_calibration(crooked, several(members), folds=folds)
    assert found.way == "isotonic"
    before, after = (
        reliability_of(logistic(crooked), members, lots=None),
        reliability_of(found.held_out, members, lots=None),
    )
    assert before is not None
    assert after is not None
    assert before.error.value > 0.05
    assert after.error.value < 0.015
    members[:, 2] = (
        np.arange(4000) < 19
    )  # too rare for a map of its own, which is no reason against those of the others
    assert fit_calibration(crooked, several(members), folds=folds).way == "isotonic"


def test_right_probabilities_are_left_as_they_are_or_nearly_so() -> None:
    decisions, members, folds = decided()
    found = fit_calibration(decisions, several(members), folds=folds)
    assert found.way != "isotonic"
    np.testing.assert_allclose(found.held_out, logistic(decisions), atol=0.04)


def test_a_row_is_calibrated_by_the_others_alone() -> None:
    """What its own fold says changes nothing of the map that it goes through."""
    decisions, members, folds = decided()
    spoiled = np.where((folds == 0)[:, None], ~members, members)
    for way in ("temperature", "isotonic"):
        honest = fit_calibration(decisions, several(members), folds=folds, calibrate=way)
        other = fit_calibration(decisions, several(spoiled), folds=folds, calibrate=way)
        np.testing.assert_array_equal(honest.held_out[folds == 0], other.held_out[folds == 0])
        assert (honest.held_out[folds == 1] != other.held_out[folds == 1]).any()


def test_of_several_labels_few_rows_are_not_calibrated_and_rare_labels_keep_their_own() -> None:
    decisions, members, folds = decided(40)
    found = fit_calibration(decisions, several(members), folds=folds)
    assert (found.way, found.calibration) == ("none", None)
    assert "40 rows are fewer" in found.why
    decisions, members, folds = decided(600)
    members[:, 2] = np.arange(600) < 19
    found = fit_calibration(decisions, several(members), folds=folds, calibrate="isotonic")
    assert found.calibration is not None
    assert found.calibration.knots[2] == ((0.0, 0.0), (1.0, 1.0))
    assert len(found.calibration.knots[0]) > 2


def test_thresholds_are_those_of_calibrated_probabilities() -> None:
    """Chosen on what the map makes of the held-out decisions: the plain ones stand elsewhere on the scale."""
    finished, _, members = fitted("isotonic")
    assert finished.head.rule is not None
    calibrated = best_thresholds(finished.calibration.held_out, members)
    np.testing.assert_array_equal(finished.head.rule.thresholds, calibrated)
    assert (calibrated != best_thresholds(logistic(finished.search.held_out_decisions), members)).any()


@pytest.mark.parametrize("way", ["temperature", "isotonic"])
def test_held_out_a_label_that_was_not_learned_keeps_its_share_too(way: Calibrate) -> None:
    finished, _, _ = fitted(way)
    np.testing.assert_allclose(finished.calibration.held_out[:, 2], 1.5 / 401)


@pytest.mark.parametrize("way", ["none", "temperature", "isotonic"])
def test_a_label_that_was_not_learned_keeps_its_share(way: Calibrate) -> None:
    """Whatever becomes of the others; and the thresholds are those of the calibrated probabilities."""
    finished, rows, _ = fitted(way)
    assert finished.calibration.way == way
    shares = finished.head.predict_proba(rows)[:, 2]
    np.testing.assert_allclose(shares, 1.5 / 401)
    plain = replace(finished.head, calibration=None)
    assert finished.head.rule is not None
    assert len(finished.head.rule.thresholds) == 3
    if way == "temperature":
        ratio = finished.search.head.decision_function(rows)[:, 0] / np.log(
            finished.head.predict_proba(rows)[:, 0] / (1 - finished.head.predict_proba(rows)[:, 0])
        )
        assert finished.head.calibration is not None
        np.testing.assert_allclose(ratio, finished.head.calibration.temperature, rtol=1e-6)
    if way == "isotonic":
        assert (finished.head.predict_proba(rows)[:, 0] != plain.predict_proba(rows)[:, 0]).any()
