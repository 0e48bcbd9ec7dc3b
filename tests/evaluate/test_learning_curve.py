"""Learning curves: what they promise about their rows, their band, and where they lead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.arrays import Features, IntArray, JoinedRows
from frostline.encoder.words import fit
from frostline.evaluate import learning_curve as module
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
from frostline.evaluate.learning_curve import WIDEST, Gain, LearningCurve, Outlook, look_ahead
from frostline.evaluate.scores import most_probable
from frostline.head.options import SearchOptions
from frostline.head.search import fit_at, search
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
) -> LearningCurve:
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
    """Sizes halve from half of the rows, four times at most, and stop where a subset is too small for its labels."""
    assert sizes_of(6920, 2) == (432, 865, 1730, 3460)
    assert sizes_of(512, 2) == (32, 64, 128, 256)
    assert sizes_of(512, 20) == (256,)
    assert sizes_of(63, 2) == ()


def test_a_subsets_head_is_searched_as_that_of_all_rows_is() -> None:
    """A cheaper choice of C makes the smaller heads worse than they need be, and the curve too steep at its end."""
    rows, codes = made_up(150, n_labels=3)
    test = made_up(80, n_labels=3, seed=1)
    curve = curve_on(rows, codes, test, n_labels=3)
    targets = Targets.of_codes(codes, range(3))
    for turn, (C, accuracy) in enumerate(zip(curve.points[1].Cs, curve.points[1].accuracies, strict=True)):
        own = proportional_order(targets, seed=turn // 2, backwards=turn % 2 == 1)[:75]
        found = search(rows[own], targets.take(own), options=OPTIONS)
        assert pytest.approx(found.middle_C) == C
        assert accuracy == float((found.head.predict_proba(test[0]).argmax(axis=1) == test[1]).mean())


def test_the_halves_of_a_pair_share_no_row_but_of_rare_labels() -> None:
    """Backwards an order begins at its other end; what a label has two of stands in front of both."""
    codes = np.array([0] * 40 + [1] * 22 + [2] * 2)
    targets = Targets.of_codes(codes, range(3))
    for seed in range(5):
        halves = [set(proportional_order(targets, seed=seed, backwards=way)[:32].tolist()) for way in (False, True)]
        assert halves[0] & halves[1] == {62, 63}
    several = Targets.of_sets([("a",)] * 9 + [("a", "b")] + [()] * 6)
    halves = [set(proportional_order(several, seed=3, backwards=way)[:8].tolist()) for way in (False, True)]
    assert not halves[0] & halves[1]


def test_rare_sets_of_labels_do_not_crowd_the_front() -> None:
    """Where a text may have several labels, most sets are rare: all of them first, they would be the subset."""
    targets = Targets.of_sets([("a",)] * 60 + [(f"b{n}", "a") for n in range(20)])
    order = proportional_order(targets, seed=0)
    assert np.sum(order[:20] >= 60) <= 8


def test_the_test_rows_change_nothing_but_the_scores() -> None:
    """C and the fits come from the rows learned from alone."""
    rows, codes = made_up(400)
    first = curve_on(rows, codes, made_up(100, seed=1))
    second = curve_on(rows, codes, made_up(100, seed=2))
    assert [point.Cs for point in first.points] == [point.Cs for point in second.points]
    assert [point.fitted_accuracy for point in first.points] == [point.fitted_accuracy for point in second.points]
    assert [point.accuracy for point in first.points] != [point.accuracy for point in second.points]


def test_a_subset_knows_no_row_outside_it() -> None:
    """Rows beyond the smaller subsets may hold anything: no smaller point changes."""
    rows, codes = made_up(400)
    targets = Targets.of_codes(codes, "ab")
    orders = [proportional_order(targets, seed=turn // 2, backwards=turn % 2 == 1) for turn in range(4)]
    beyond = set(range(400)).difference(*(order[:50].tolist() for order in orders))
    spoiled = rows.copy()
    spoiled[sorted(beyond)] = 7.0
    test = made_up(100, seed=1)
    heads = [curve_on(each, codes, test) for each in (rows, spoiled)]
    assert [point.n_rows for point in heads[0].points] == [50, 100, 200, 400]
    assert heads[0].points[0].accuracies == heads[1].points[0].accuracies
    assert heads[0].points[2].accuracies != heads[1].points[2].accuracies


def test_a_curve_is_the_same_twice() -> None:
    """Nothing is drawn without a seed."""
    rows, codes = made_up(300)
    first, second = (curve_on(rows, codes, made_up(90, seed=1)) for _ in range(2))
    assert first.points == second.points
    assert first.outlook == second.outlook


@pytest.mark.parametrize(("n_rows", "n_labels", "needed"), [(63, 2, 64), (79, 5, 80)])
def test_too_few_rows_are_said_to_be_too_few(n_rows: int, n_labels: int, needed: int) -> None:
    """Half of the rows must be enough for a head: one row more is."""
    test = made_up(50, n_labels=n_labels, seed=1)
    curve = curve_on(*made_up(n_rows, n_labels=n_labels), test, n_labels=n_labels)
    assert (len(curve.points), curve.outlook) == (1, None)
    assert curve.no_outlook == f"A learning curve needs {needed} rows to learn from (there are {n_rows})."
    assert len(curve_on(*made_up(needed, n_labels=n_labels), test, n_labels=n_labels).points) == 2


def test_out_of_fold_every_row_is_tested_once_per_repeat() -> None:
    """With several trials their test rows are put together, and none of them learns from its own."""
    rows, codes = made_up(300)
    fold = np.arange(300) // 2 % 3
    targets = Targets.of_codes(codes, "ab")
    trials = [Trial(np.flatnonzero(fold != k), rows[fold == k], targets.take(fold == k)) for k in range(3)]
    right = np.concatenate([targets.members[fold == k] for k in range(3)])
    whole = Whole(favoured=right, C=0.01, fitted_accuracy=1.0)
    curve = learning_curve(rows, targets, trials=trials, whole=whole, options=OPTIONS)
    assert curve.is_out_of_fold
    assert curve.n_test == 300
    assert curve.points[-1].accuracy.value == 1.0
    assert [point.n_rows for point in curve.points] == [50, 100, 200]
    assert {point.n_subsets for point in curve.points[:-1]} == {2}


def ahead_of(accuracies: list[float], *, n_test: int = 1000, n_subsets: int = 4) -> tuple[Outlook | None, str]:
    """Of 100, 200, … rows, of which the last made the saved head; all heads of a size err on the same rows."""
    n_rows = np.array([100.0 * 2**step for step in range(len(accuracies))])
    places = (np.arange(n_test) + 0.5) / n_test
    right = [np.tile(places < accuracy, (n_subsets, 1)) for accuracy in accuracies]
    right[-1] = right[-1][:1]
    return look_ahead(n_rows, right, n_saved=int(n_rows[-1]), n_pairs=n_subsets // 2, lots=None)


def gains_of(accuracies: list[float], *, n_test: int = 1000) -> tuple[Gain, Gain]:
    outlook, why = ahead_of(accuracies, n_test=n_test)
    assert outlook is not None, why
    twice, fourfold = outlook.gains
    return twice, fourfold


def test_a_steeper_curve_promises_more() -> None:
    """Each interval holds its value; four times the rows bring more than twice, and are less surely known."""
    flat, rising = gains_of([0.8, 0.8, 0.8, 0.8, 0.8]), gains_of([0.68, 0.71, 0.74, 0.77, 0.8])
    for twice, fourfold in (flat, rising):
        assert (twice.n_rows, fourfold.n_rows) == (3200, 6400)
        assert twice.interval[0] < twice.value < twice.interval[1]
        assert twice.value < fourfold.value
        assert np.diff(twice.interval) < np.diff(fourfold.interval)
    assert flat[0].interval[0] < 0
    assert rising[0].interval[0] > 0
    assert rising[0].value > flat[0].value + 0.01


def test_more_test_rows_make_a_forecast_surer() -> None:
    accuracies = [0.68, 0.71, 0.74, 0.77, 0.8]
    widths = [float(np.diff(gains_of(accuracies, n_test=n)[0].interval)[0]) for n in (100, 400, 4000)]
    assert widths == sorted(widths, reverse=True)


def test_the_curve_to_draw_begins_where_the_head_stands() -> None:
    """It starts at today's accuracy, and ends at that and the last gain."""
    outlook, _ = ahead_of([0.7, 0.75, 0.78, 0.8])
    assert outlook is not None
    assert (outlook.n_rows[0], outlook.n_rows[-1]) == (800, 3200)
    assert (outlook.low[0], outlook.accuracy[0], outlook.high[0]) == pytest.approx((0.8,) * 3)
    last = outlook.gains[-1]
    assert (outlook.low[-1], outlook.accuracy[-1], outlook.high[-1]) == pytest.approx(
        (0.8 + last.interval[0], 0.8 + last.value, 0.8 + last.interval[1])
    )


def test_out_of_fold_the_forecast_is_of_the_saved_heads_rows() -> None:
    """The folds' heads learned from a little less; twice the rows are twice the saved head's."""
    n_rows = np.array([100.0, 200, 400, 800])
    places = np.random.RandomState(3).rand(1000)
    right = [np.tile(places < accuracy, (2, 1)) for accuracy in (0.7, 0.75, 0.78)] + [(places < 0.8)[None]]
    outlook, _ = look_ahead(n_rows, right, n_saved=1000, n_pairs=5, lots=None)
    assert outlook is not None
    assert [gain.n_rows for gain in outlook.gains] == [2000, 4000]
    assert outlook.accuracy[0] > float((places < 0.8).mean())


def test_a_gain_for_one_decay_is_that_of_the_joint_normal_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Independently: level, gain and points as one normal vector, conditioned on the points."""
    monkeypatch.setattr(module, "_DECAYS", np.array([0.5]))
    accuracies = [0.70, 0.74, 0.79, 0.80]
    twice, fourfold = gains_of(accuracies, n_test=500)
    places = (np.arange(500) + 0.5) / 500
    means = np.stack([(places < accuracy).astype(float) for accuracy in accuracies])
    seen, times = means.mean(axis=1), np.array([1 / 8, 1 / 4, 1 / 2, 1])
    wrong = 1 - (seen[-1] * 500 + 1) / 502
    # four heads alike: three sizes of three degrees of freedom with no luck beside the six of what is likely
    luck = module._LUCK_FREEDOM * module._LUCK * wrong * (1 - wrong) / (module._LUCK_FREEDOM + 9)
    larger = np.maximum.outer(times, times) * 800
    shared = 1 / (4 * larger) + 1 / 1600
    shared[-1], shared[:, -1] = 1 / 800, 1 / 800
    noise = np.cov(means) / 500 + luck * shared
    noise += ((module._OFF_LAW * wrong) ** 2 + wrong * (1 - wrong) / 500**2) * np.eye(4)
    reach = (1 - times**-0.5) / (1 - 2**-0.5)
    mixing = np.stack([np.ones(4), reach], axis=1)
    prior = np.diag([1e4, (module._PUT_RIGHT_SPREAD * wrong) ** 2])
    mean = np.array([0.5, module._PUT_RIGHT * wrong])
    weigh = prior @ mixing.T @ np.linalg.inv(mixing @ prior @ mixing.T + noise)
    gain = (mean + weigh @ (seen - mixing @ mean))[1]
    variance = (prior - weigh @ mixing @ prior)[1, 1]
    assert twice.value == pytest.approx(gain, abs=1e-7)
    assert fourfold.value == pytest.approx(gain * (1 + 2**-0.5), abs=1e-7)
    strays = luck / 800 / 2 + (module._OFF_LAW_AHEAD * wrong) ** 2
    half = Z * np.sqrt(variance + strays)
    assert twice.interval == pytest.approx((gain - half, gain + half), abs=1e-6)


def test_what_is_not_known_to_within_ten_points_is_not_told() -> None:
    """On either side of the bound, by a single test row more."""
    accuracies = [0.45, 0.5]
    widths = {}
    for n_test in range(20, 2000):
        outlook, why = ahead_of(accuracies, n_test=n_test)
        if outlook is not None:
            widths[n_test] = np.diff(outlook.gains[0].interval)[0]
            break
        assert why.startswith("What twice the rows would bring is not known to within 10 points (")
        assert why.endswith("): there are too few rows to learn from, or to test on.")
    assert 20 < min(widths) < 1999
    assert max(widths.values()) <= WIDEST


@pytest.mark.parametrize("exclusive", [True, False])
def test_an_interval_holds_both_the_test_rows_and_the_rows_drawn(*, exclusive: bool) -> None:
    """By hand: subsets of a half differ less than fresh samples would, and their mean still hangs on the whole."""
    first = np.array([[True, False]] * 100)
    targets = Targets(("a", "b"), first, exclusive=exclusive)
    other = ~first if exclusive else np.ones_like(first)  # one label too many is wrong too
    wrong = np.stack([np.where(np.arange(100)[:, None] < n, other, first) for n in (50, 40, 40, 30)])
    measured = [
        Measured(n_rows=50, favoured=wrong, Cs=(1.0,) * 4, fitted_accuracy=1.0),
        Measured(n_rows=200, favoured=wrong[3:], Cs=(1.0,), fitted_accuracy=1.0),
    ]
    found = curve_of(measured, targets, n_saved=200, n_trials=1, seed=0, begun=0.0)
    # the variance of 0.5, 0.6, 0.6, 0.7, put right for the rows that two of three couples of subsets share by chance
    of_one_row = 0.02 / 3 * 50 / (1 - 2 / 3 * 50 / 200)
    spread = of_one_row * (1 / (2 * 50 * 2) + 1 / 2 / 200)  # two pairs, each of 100 rows, half of which may be the same
    low, high = wilson(60, 100)
    assert found.points[0].accuracy.value == pytest.approx(0.6)
    assert found.points[0].accuracy.interval == pytest.approx(
        (0.6 - np.hypot(0.6 - low, Z * np.sqrt(spread)), 0.6 + np.hypot(high - 0.6, Z * np.sqrt(spread)))
    )
    assert found.points[1].accuracy.interval == pytest.approx(wilson(70, 100))


def test_a_subset_knows_no_word_that_one_of_its_texts_alone_has() -> None:
    """Each word is in two texts of one label; where a subset has but one of them, it tells nothing of the other."""
    codes = np.arange(240) // 2 % 2
    texts = [f"word{row // 2}" for row in range(240)]
    words = fit(texts).rows(texts)
    rows = JoinedRows(np.zeros((240, 0), dtype=np.float32), words)
    targets, folds = Targets.of_codes(codes, range(2)), np.arange(240) % 2
    trials = [
        Trial(np.flatnonzero(folds != fold), rows[folds == fold], targets.take(np.flatnonzero(folds == fold)))
        for fold in range(2)
    ]
    whole = Whole(favoured=targets.members, C=0.01, fitted_accuracy=1.0)
    curve = learning_curve(rows, targets, trials=trials, whole=whole, options=OPTIONS)
    assert [point.n_rows for point in curve.points] == [60, 120]
    assert 0.4 < curve.points[0].accuracy.value < 0.6  # 0.75 where it knew them
