"""Rows tested in turn are no independent draws: each taught the head that answers the other."""

import math

import numpy as np
import pytest

from frostline.arrays import Float64Array
from frostline.data.split import folds
from frostline.evaluate.baselines import Lead
from frostline.evaluate.intervals import Estimate, Interval, share_interval, wilson
from frostline.evaluate.nested import HEADS_SHARE, IN_TURN, allowing_for_heads, nested_cross_validation
from frostline.evaluate.probabilities import (
    calibration_scores,
    coverage_curve,
    label_curves,
)
from frostline.evaluate.scores import answer_scores, evaluate, most_probable
from frostline.head.options import SearchOptions
from frostline.targets import Targets

ROOT = math.sqrt(1 + 2 / math.pi)


def guesses(n: int = 80) -> tuple[Float64Array, Targets]:
    """Probabilities of two labels that are right more often than not."""
    random = np.random.default_rng(0)
    heads = random.random(n)
    targets = Targets.of_codes((random.random(n) < heads).astype(np.int64), ("tails", "heads"))
    return np.column_stack([1 - heads, heads]), targets


def wider(value: float, interval: Interval, *, least: float = 0.0, most: float = 1.0) -> Interval:
    """Ends that are `ROOT` times as many standard errors away, those of a share that the end itself is."""
    if most == math.inf:
        return value - ROOT * (value - interval[0]), value + ROOT * (interval[1] - value)
    share, *ends = ((one - least) / (most - least) for one in (value, *interval))
    found = []
    for place, end in enumerate(ends):
        if end in {share, 0.0, 1.0}:
            found.append(end)
            continue
        squared = ROOT**2 * (share - end) ** 2 / (end * (1 - end))
        found.append(sorted(np.roots([1 + squared, -2 * share - squared, share**2]).tolist())[place])
    return least + (most - least) * found[0], least + (most - least) * found[1]


def assert_wider(measured: Estimate | None, alone: Estimate | None, *, most: float = 1.0) -> None:
    assert measured is not None
    assert alone is not None
    assert measured.value == alone.value
    assert measured.n == alone.n
    assert measured.method == alone.method + IN_TURN
    assert measured.interval == pytest.approx(wider(alone.value, alone.interval, most=most))


@pytest.mark.parametrize("hits", [0, 1, 40, 60])
def test_a_share_in_turn_is_one_of_fewer_rows(hits: int) -> None:
    """Wilson's interval of 60 rows becomes that of 60 / (1 + 2 / pi); value, n and what cannot be stay."""
    assert pytest.approx(1.6366198) == HEADS_SHARE
    found = allowing_for_heads(Estimate(hits / 60, wilson(hits, 60), 60, "Wilson"))
    assert found.interval == pytest.approx(wilson(hits / 1.63661977, 60 / 1.63661977))
    assert (found.value, found.n, found.method) == (hits / 60, 60, "Wilson, tested in turn")


def test_an_interval_of_all_there_is_stays() -> None:
    """Nothing is beyond 0 and 1, and an end that is the value itself is no distance."""
    for interval in ((0.0, 1.0), (0.5, 0.5)):
        assert allowing_for_heads(Estimate(0.5, interval, 80, "")).interval == interval


def test_a_lead_is_wider_and_less_sure() -> None:
    """Between -1 and 1; the p-value is that of a deviate as much smaller. Without one there is none."""
    found = allowing_for_heads(Lead(value=-0.5, interval=(-0.6, -0.3), n=80, p_value=0.05))
    assert found.interval == pytest.approx((-0.6248511, -0.2395974))
    assert found.interval == pytest.approx(wider(-0.5, (-0.6, -0.3), least=-1.0))
    assert found.p_value == pytest.approx(math.erfc(1.959964 / ROOT / math.sqrt(2)), rel=1e-5)
    for unchanged in (None, 0.0, 1.0):
        assert allowing_for_heads(Lead(value=0.0, interval=(0.0, 0.0), n=80, p_value=unchanged)).p_value == unchanged


def test_whatever_is_measured_is_widened() -> None:
    """Scores by name, of each label, calibration, bins and curves; what is None or no figure stays."""
    probabilities, targets = guesses()
    favoured = most_probable(probabilities)
    alone = evaluate(probabilities, favoured, targets)
    found = allowing_for_heads(alone)
    assert_wider(found.accuracy, alone.accuracy)
    assert_wider(found.macro_f1, alone.macro_f1)
    assert_wider(found.log_loss, alone.log_loss, most=math.inf)
    assert_wider(found.per_label[1].f1, alone.per_label[1].f1)
    np.testing.assert_array_equal(found.confusion, alone.confusion)
    told, of_rows = (
        allowing_for_heads(calibration_scores(probabilities, targets)),
        calibration_scores(probabilities, targets),
    )
    assert_wider(told.reliability.error, of_rows.reliability.error)
    assert_wider(told.brier, of_rows.brier, most=2.0)
    first, of_bin = told.reliability.bins[0], of_rows.reliability.bins[0]
    assert (first.low, first.high) == (of_bin.low, of_bin.high)
    assert first.interval == pytest.approx(wider(of_bin.share_right, of_bin.interval))
    curves = label_curves(probabilities, targets)
    assert_wider(allowing_for_heads(curves)[0].auc, curves[0].auc)
    curve = coverage_curve(probabilities, favoured, targets)
    band = allowing_for_heads(curve)
    assert (band.low[-1], band.high[-1]) == pytest.approx(wider(curve.precision[-1], (curve.low[-1], curve.high[-1])))
    assert_wider(band.right, curve.right)
    silent = answer_scores(favoured, np.zeros(len(targets), bool), targets)
    assert allowing_for_heads(silent).precision is None


def test_losses_go_beyond_one() -> None:
    """A log loss has no highest value, and Brier's of one label is at most 2."""
    targets = Targets.of_codes(np.arange(4) % 2, ("no", "yes"))
    wrong = np.where(targets.members, 1e-9, 1 - 1e-9)
    told = allowing_for_heads(calibration_scores(wrong, targets))
    assert told.log_loss.interval[1] > 1.0
    assert 1.0 < told.brier.interval[1] <= 2.0


def test_nested_scores_are_widened() -> None:
    """Those of the rows in turn, and those of a label too."""
    random = np.random.default_rng(1)
    rows, codes = random.normal(size=(60, 4)).astype(np.float32), np.arange(60) % 2
    targets = Targets.of_codes(codes, ("no", "yes"))
    found = nested_cross_validation(rows, targets, options=SearchOptions(Cs=(0.1,), n_folds=3), n_outer=3)
    np.testing.assert_array_equal(found.fold_of, folds(targets, n_folds=3, seed=0))
    right = (found.favoured == targets.members).all(axis=1)
    accuracy = found.evaluation.accuracy
    assert accuracy.interval == pytest.approx(wider(right.mean(), share_interval(right, lots=None)))
