"""Calibration is chosen on rows its fit has not seen, and stays finite whatever the decisions are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.isotonic import isotonic_regression

from frostline.arrays import Float64Array, IntArray
from frostline.data.split import stratified_folds
from frostline.errors import UsageError
from frostline.head.calibration import Calibration, softmax
from frostline.head.fitting import fit_calibration
from frostline.head.isotonic import ascending, fit_knots
from frostline.head.linear import probabilities
from frostline.head.temperature import COLDEST, HOTTEST, fit_temperature


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
    fit = fit_calibration(factor * decisions, codes, folds=folds)
    assert fit.way == way
    assert fit.calibration is not None
    assert fit.calibration.temperature == pytest.approx(factor, rel=0.1)
    np.testing.assert_allclose(fit.held_out, softmax(decisions), atol=0.05)


def test_shifted_decisions_get_a_map() -> None:
    """What class weights do to two labels no temperature mends."""
    decisions, codes = drawn(3000, 2, seed=4)
    folds = stratified_folds(codes, n_folds=5, seed=0)
    fit = fit_calibration(decisions + 2.5, codes, folds=folds)
    assert fit.way == "isotonic"
    np.testing.assert_allclose(
        probabilities(decisions + 2.5, calibration=fit.calibration), softmax(decisions), atol=0.12
    )


def test_true_probabilities_lose_next_to_nothing() -> None:
    """Whatever is chosen by chance, log loss on new rows stays within a ten-thousandth or so."""
    decisions, codes = drawn(3000, 2, seed=5)
    new, new_codes = drawn(50_000, 2, seed=6)
    fit = fit_calibration(decisions, codes, folds=stratified_folds(codes, n_folds=5, seed=0))
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
    fit = fit_calibration(2 * decisions, codes, folds=folds, calibrate="temperature")
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
    fit = fit_calibration(np.linspace(-1, 1, n)[:, None], codes, folds=np.arange(n) * n_folds // n)
    assert fit.calibration is None
    assert why in fit.why


def test_equal_decisions_stay_uncalibrated() -> None:
    """And an isotonic map of them is refused in a sentence."""
    decisions, codes = np.zeros((100, 1)), np.arange(100) % 2
    assert fit_calibration(decisions, codes, folds=codes).why == "all decisions are equal"
    with pytest.raises(UsageError, match="all 100 have the same decisions"):
        fit_calibration(decisions, codes, folds=codes, calibrate="isotonic")


def test_a_label_of_one_row_keeps_probabilities_finite() -> None:
    """Asked for by name, a map is fitted also where a fold lacks a label."""
    decisions, codes = drawn(60, 3, seed=8)
    codes = np.minimum(codes, 1)
    codes[0] = 2
    fit = fit_calibration(decisions, codes, folds=np.arange(60) % 3, calibrate="isotonic")
    found = probabilities(decisions, calibration=fit.calibration)
    assert np.isfinite(np.log(fit.held_out)).all()
    assert (found > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_an_unknown_way_is_refused() -> None:
    """By name."""
    with pytest.raises(UsageError, match="one of auto, none, temperature, isotonic"):
        fit_calibration(np.zeros((4, 1)), np.arange(4) % 2, folds=np.arange(4) % 2, calibrate="platt")  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=40))
def test_pooled_neighbours_are_scikit_learns(rows: list[tuple[int, int]]) -> None:
    """Our own pooling gives the isotonic regression of scikit-learn."""
    values, weights = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    np.testing.assert_allclose(ascending(values, weights), isotonic_regression(values, sample_weight=weights))
