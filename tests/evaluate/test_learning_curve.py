"""Learning curves: what they promise about their rows, their band, and where they lead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.arrays import Features, IntArray
from frostline.evaluate.curve_points import (
    Measured,
    Trial,
    Whole,
    curve_of,
    learning_curve,
    proportional_order,
    sizes_of,
)
from frostline.evaluate.intervals import Z, wilson
from frostline.evaluate.learning_curve import LearningCurve, fit_law, look_ahead
from frostline.evaluate.scores import most_probable
from frostline.head.options import SearchOptions
from frostline.head.search import fit_at, fit_subsets
from frostline.targets import Targets

OPTIONS = SearchOptions(Cs=(0.001, 0.01, 0.1), threads=1)


def made_up(n: int, *, n_labels: int = 2, seed: int = 0, n_features: int = 12) -> tuple[Features, IntArray]:
    random = np.random.RandomState(seed)
    codes = np.arange(n) % n_labels
    centres = np.random.RandomState(99).normal(size=(n_labels, n_features))
    rows = centres[codes] * 0.7 + random.normal(size=(n, n_features))
    return rows.astype(np.float32), codes


def curve_on(
    rows: Features,
    codes: IntArray,
    test: tuple[Features, IntArray],
    *,
    n_labels: int = 2,
    options: SearchOptions = OPTIONS,
) -> LearningCurve | None:
    head = fit_at(rows, Targets.of_codes(codes, range(n_labels)), C=0.01)
    targets, tested = (Targets.of_codes(own, range(n_labels)) for own in (codes, test[1]))
    whole = Whole(favoured=most_probable(head.predict_proba(test[0])), C=0.01, fitted_accuracy=1.0)
    trial = Trial(np.arange(len(codes)), test[0], tested)
    return learning_curve(rows, targets, trials=[trial], whole=whole, options=options)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=8, max_size=200), st.integers(0, 5))
def test_every_beginning_of_an_order_holds_the_labels_in_proportion(drawn: list[int], seed: int) -> None:
    """A label's rows in a beginning are its share of it, to within the two that stand in front and one of rounding."""
    codes = np.array(drawn)
    order = proportional_order(Targets.of_codes(codes, range(4)), seed=seed)
    assert sorted(order.tolist()) == list(range(len(codes)))
    n_labels = len(np.unique(codes))
    for size in range(2 * n_labels, len(codes) + 1):
        for code in np.unique(codes):
            share = size * np.mean(codes == code)
            assert abs(np.sum(codes[order[:size]] == code) - share) <= 2 * n_labels + 1
            assert np.sum(codes[order[:size]] == code) >= 1


def test_subsets_double_up_to_half_of_the_rows() -> None:
    """Sizes halve from half of the rows, and stop where a subset would be too small for its labels."""
    assert sizes_of(6920, 2) == (108, 216, 432, 865, 1730, 3460)
    assert sizes_of(512, 2) == (32, 64, 128, 256)
    assert sizes_of(512, 20) == (256,)
    assert sizes_of(63, 2) == ()


@pytest.mark.parametrize("share", [0.1, 0.8], ids=["each on its own rows", "as masks over all rows"])
def test_heads_of_subsets_are_those_fitted_alone(share: float) -> None:
    """Solved together or apart, a subset's head is the one that its rows alone make."""
    rows, codes = made_up(300, n_labels=3)
    training = np.random.RandomState(1).rand(300, 2) < share
    targets, each = Targets.of_codes(codes, range(3)), np.array([[0.01, 1.0], [0.1, 1.0]])
    heads = fit_subsets(rows, targets, training=training, Cs=each, options=OPTIONS)
    for part, Cs in enumerate([(0.01, 1.0), (0.1, 1.0)]):
        for turn, C in enumerate(Cs):
            alone = fit_at(rows[training[:, part]], targets.take(training[:, part]), C=C)
            np.testing.assert_allclose(
                heads[part][turn].predict_proba(rows), alone.predict_proba(rows), rtol=0, atol=2e-5
            )


def test_the_test_rows_change_nothing_but_the_scores() -> None:
    """C and the fits come from the rows learned from alone."""
    rows, codes = made_up(400)
    first = curve_on(rows, codes, made_up(100, seed=1))
    second = curve_on(rows, codes, made_up(100, seed=2))
    assert first is not None
    assert second is not None
    assert [point.Cs for point in first.points] == [point.Cs for point in second.points]
    assert [point.fitted_accuracy for point in first.points] == [point.fitted_accuracy for point in second.points]
    assert [point.accuracy for point in first.points] != [point.accuracy for point in second.points]


def test_a_subset_knows_no_row_outside_it() -> None:
    """Rows beyond the largest subset may hold anything: no smaller point changes."""
    rows, codes = made_up(400)
    targets = Targets.of_codes(codes, "ab")
    beyond = [set(proportional_order(targets, seed=repeat)[200:].tolist()) for repeat in range(2)]
    spoiled = rows.copy()
    spoiled[sorted(beyond[0] & beyond[1])] = 7.0
    test = made_up(100, seed=1)
    tested = Targets.of_codes(test[1], "ab")
    options = SearchOptions(Cs=OPTIONS.Cs, threads=1)
    heads = [
        learning_curve(
            each,
            targets,
            trials=[Trial(np.arange(400), test[0], tested)],
            whole=Whole(favoured=tested.members, C=1.0, fitted_accuracy=1.0),
            options=options,
            repeats=2,
        )
        for each in (rows, spoiled)
    ]
    assert heads[0] is not None
    assert heads[1] is not None
    assert [p.accuracies for p in heads[0].points] == [p.accuracies for p in heads[1].points]


def test_a_curve_is_the_same_twice() -> None:
    """Nothing is drawn without a seed."""
    rows, codes = made_up(300)
    first, second = (curve_on(rows, codes, made_up(90, seed=1)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.points == second.points
    assert first.outlook == second.outlook


def test_too_few_rows_make_no_curve() -> None:
    """Half of the rows must be enough for a head."""
    rows, codes = made_up(62)
    assert curve_on(rows, codes, made_up(50, seed=1)) is None


def test_out_of_fold_every_row_is_tested_once_per_repeat() -> None:
    """With several trials their test rows are put together, and none of them learns from its own."""
    rows, codes = made_up(300)
    fold = np.arange(300) // 2 % 3
    targets = Targets.of_codes(codes, "ab")
    trials = [Trial(np.flatnonzero(fold != k), rows[fold == k], targets.take(fold == k)) for k in range(3)]
    right = np.concatenate([targets.members[fold == k] for k in range(3)])
    whole = Whole(favoured=right, C=0.01, fitted_accuracy=1.0)
    curve = learning_curve(rows, targets, trials=trials, whole=whole, options=OPTIONS)
    assert curve is not None
    assert curve.is_out_of_fold
    assert curve.n_test == 300
    assert curve.points[-1].accuracy.value == 1.0
    assert [point.n_rows for point in curve.points] == [50, 100, 200]
    assert {point.n_subsets for point in curve.points[:-1]} == {4}


@pytest.mark.parametrize(("limit", "drop", "decay"), [(0.9, 1.0, 0.4), (0.97, 0.5, 0.25), (1.0, 2.0, 0.6)])
def test_a_power_law_is_found_again(limit: float, drop: float, decay: float) -> None:
    """Points on a law give the law, as far as its decays are tried."""
    n_rows = np.array([100.0, 200, 400, 800, 1600, 3200])
    law = fit_law(n_rows, (limit - drop * n_rows**-decay)[None], np.full(6, 0.01))
    ahead = np.array([6400.0, 12800])
    np.testing.assert_allclose(law.at(ahead)[0], limit - drop * ahead**-decay, atol=6e-4)


def test_a_law_never_passes_one_nor_falls() -> None:
    """However the points rise, accuracy stays below 1; where they fall, the curve is flat."""
    n_rows = np.array([100.0, 200, 400, 800])
    law = fit_law(n_rows, np.array([[0.7, 0.8, 0.9, 0.999], [0.9, 0.85, 0.8, 0.75]]), np.full(4, 0.01))
    assert (law.at(np.array([1e3, 1e6, 1e12])) <= 1).all()
    assert law.drop[1] == 0


def ahead_of(accuracies: list[float], *, n_test: int, spread: float = 1e-6) -> tuple[object, str]:
    n_rows = np.array([100.0 * 2**step for step in range(len(accuracies))])
    places = np.random.RandomState(3).rand(n_test)
    means = np.stack([(places < accuracy).astype(float) for accuracy in accuracies])
    return look_ahead(n_rows, means, np.full(len(accuracies), spread), seed=0)


def test_three_sizes_lead_nowhere() -> None:
    """A law with three unknowns is refused where there are three points."""
    outlook, why = ahead_of([0.7, 0.75, 0.78], n_test=4000)
    assert outlook is None
    assert "3 sizes" in why
    assert ahead_of([0.7, 0.75, 0.78, 0.8], n_test=4000)[0] is not None


def test_points_off_the_law_lead_nowhere() -> None:
    """A curve that jumps is not followed."""
    outlook, why = ahead_of([0.6, 0.6, 0.6, 0.9, 0.6, 0.6], n_test=4000)
    assert outlook is None
    assert "power law" in why


def test_too_uneven_subsets_lead_nowhere() -> None:
    """Where twice the rows could bring anything, nothing is said."""
    outlook, why = ahead_of([0.5, 0.6, 0.65, 0.7, 0.74], n_test=4000, spread=0.09)
    assert outlook is None
    assert "5 points" in why


@pytest.mark.parametrize("exclusive", [True, False])
def test_an_interval_holds_both_the_test_rows_and_the_rows_drawn(*, exclusive: bool) -> None:
    """By hand: subsets of a half differ less than fresh samples would, and their mean still hangs on the whole."""
    first = np.array([[True, False]] * 100)
    targets = Targets(("a", "b"), first, exclusive=exclusive)
    other = ~first if exclusive else np.ones_like(first)  # one label too many is wrong too
    wrong = np.stack([np.where(np.arange(100)[:, None] < n, other, first) for n in (50, 40, 30)])
    measured = [
        Measured(n_rows=100, favoured=wrong, Cs=(1.0,) * 3, fitted_accuracy=1.0),
        Measured(n_rows=200, favoured=wrong[2:], Cs=(1.0,), fitted_accuracy=1.0),
    ]
    found = curve_of(measured, targets, is_out_of_fold=False, choice_of_C="", seed=0, begun=0.0)
    of_one_row = 0.01 * 100 / (1 - 100 / 200)  # the variance of 0.5, 0.6, 0.7, put right for drawing half of the rows
    spread = of_one_row / 100 * ((1 - 0.5) / 3 + 0.5)
    low, high = wilson(60, 100)
    assert found.points[0].accuracy.value == pytest.approx(0.6)
    assert found.points[0].accuracy.interval == pytest.approx(
        (0.6 - np.hypot(0.6 - low, Z * np.sqrt(spread)), 0.6 + np.hypot(high - 0.6, Z * np.sqrt(spread)))
    )
    assert found.points[1].accuracy.interval == pytest.approx(wilson(70, 100))
