"""Probabilities of several labels per text, made to mean what they say."""

from dataclasses import replace

import numpy as np
import pytest

from frostline.errors import UsageError
from frostline.evaluate.multi_label import reliability_of
from frostline.head.calibration import logistic
from frostline.head.fitting_each import finish_each, fit_calibration_each
from frostline.head.multi_label import EachSearch, search_each
from frostline.head.search import SearchOptions
from frostline.head.temperature import fit_temperature
from frostline.head.thresholds import best_thresholds

ALL = np.array([True, True, True])


def decided(n: int = 1200, *, sharp: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True log-odds times `sharp`, labels drawn by the true ones, folds."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(n, 3)) * [2.0, 1.5, 1.0] + [0.0, -1.0, -2.0]
    return sharp * true, rng.random((n, 3)) < logistic(true), np.arange(n) % 5


def searched(**options: object) -> tuple[EachSearch, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 8)).astype(np.float32)
    members = rng.random((400, 3)) < logistic(3 * rows[:, :3] + [0.0, -1.0, -2.0])
    members[:, 2] = np.arange(400) == 7  # on one text: not learned
    return search_each(rows, members, labels=("a", "b", "c"), options=SearchOptions(Cs=(10.0,))), rows, members


def test_decisions_twice_too_sure_are_halved() -> None:
    """One temperature for all labels: that of all decisions together."""
    decisions, members, folds = decided(sharp=2.0)
    fit = fit_calibration_each(decisions, members, learned=ALL, folds=folds)
    assert fit.way == "temperature"
    assert fit.calibration is not None
    assert fit.calibration.temperature == pytest.approx(2.0, rel=0.1)
    assert fit.calibration.temperature == fit_temperature(decisions.reshape(-1, 1), members.ravel().astype(int))
    losses = {candidate.way: candidate.log_loss for candidate in fit.candidates}
    assert losses["temperature"] < losses["none"]


def test_a_crooked_map_is_put_right_label_by_label() -> None:
    """Each label misses in a way of its own, which no one temperature mends."""
    decisions, members, folds = decided(4000)
    crooked = np.sign(decisions) * np.abs(decisions) ** [2.0, 0.5, 1.0] + [1.0, -1.0, 0.0]
    fit = fit_calibration_each(crooked, members, learned=ALL, folds=folds)
    assert fit.way == "isotonic"
    before, after = reliability_of(logistic(crooked), members), reliability_of(fit.held_out, members)
    assert before is not None
    assert after is not None
    assert before.error.value > 0.05
    assert after.error.value < 0.015


def test_right_probabilities_are_left_as_they_are_or_nearly_so() -> None:
    decisions, members, folds = decided()
    fit = fit_calibration_each(decisions, members, learned=ALL, folds=folds)
    assert fit.way != "isotonic"
    np.testing.assert_allclose(fit.held_out, logistic(decisions), atol=0.04)


def test_a_row_is_calibrated_by_the_others_alone() -> None:
    """What its own fold says changes nothing of the map that it goes through."""
    decisions, members, folds = decided()
    spoiled = np.where((folds == 0)[:, None], ~members, members)
    for way in ("temperature", "isotonic"):
        honest = fit_calibration_each(decisions, members, learned=ALL, folds=folds, calibrate=way)
        other = fit_calibration_each(decisions, spoiled, learned=ALL, folds=folds, calibrate=way)
        np.testing.assert_array_equal(honest.held_out[folds == 0], other.held_out[folds == 0])
        assert (honest.held_out[folds == 1] != other.held_out[folds == 1]).any()


def test_few_rows_are_not_calibrated_and_rare_labels_keep_their_own() -> None:
    decisions, members, folds = decided(40)
    fit = fit_calibration_each(decisions, members, learned=ALL, folds=folds)
    assert (fit.way, fit.calibration) == ("none", None)
    assert "40 rows are fewer" in fit.why
    decisions, members, folds = decided(600)
    members[:, 2] = np.arange(600) < 19
    fit = fit_calibration_each(decisions, members, learned=ALL, folds=folds, calibrate="isotonic")
    assert fit.calibration is not None
    assert fit.calibration.knots[2] == ((0.0, 0.0), (1.0, 1.0))
    assert len(fit.calibration.knots[0]) > 2


def test_thresholds_are_those_of_calibrated_probabilities() -> None:
    """Chosen on what the map makes of the held-out decisions: the plain ones stand elsewhere on the scale."""
    search, _, members = searched()
    finished = finish_each(search, members, calibrate="isotonic")
    assert finished.head.rule is not None
    calibrated = best_thresholds(finished.calibration.held_out, members)
    np.testing.assert_array_equal(finished.head.rule.thresholds, calibrated)
    assert (calibrated != best_thresholds(search.held_out, members)).any()


@pytest.mark.parametrize("way", ["temperature", "isotonic"])
def test_held_out_a_label_that_was_not_learned_keeps_its_share_too(way: str) -> None:
    search, _, members = searched()
    finished = finish_each(search, members, calibrate=way)  # type: ignore[arg-type]
    np.testing.assert_allclose(finished.calibration.held_out[:, 2], 1.5 / 401)


@pytest.mark.parametrize("way", ["none", "temperature", "isotonic"])
def test_a_label_that_was_not_learned_keeps_its_share(way: str) -> None:
    """Whatever becomes of the others; and the thresholds are those of the calibrated probabilities."""
    search, rows, members = searched()
    finished = finish_each(search, members, calibrate=way)  # type: ignore[arg-type]
    assert finished.calibration.way == way
    shares = finished.head.predict_proba(rows)[:, 2]
    np.testing.assert_allclose(shares, 1.5 / 401)
    plain = replace(finished.head, calibration=None)
    assert finished.head.rule is not None
    assert len(finished.head.rule.thresholds) == 3
    if way == "temperature":
        ratio = search.head.decision_function(rows)[:, 0] / np.log(
            finished.head.predict_proba(rows)[:, 0] / (1 - finished.head.predict_proba(rows)[:, 0])
        )
        assert finished.head.calibration is not None
        np.testing.assert_allclose(ratio, finished.head.calibration.temperature, rtol=1e-6)
    if way == "isotonic":
        assert (finished.head.predict_proba(rows)[:, 0] != plain.predict_proba(rows)[:, 0]).any()


def test_a_way_that_there_is_not_is_refused() -> None:
    decisions, members, folds = decided(60)
    with pytest.raises(UsageError, match="one of auto, none, temperature, isotonic"):
        fit_calibration_each(decisions, members, learned=ALL, folds=folds, calibrate="platt")  # type: ignore[arg-type]
