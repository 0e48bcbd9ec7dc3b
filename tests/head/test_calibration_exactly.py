"""Calibration in numbers: what is tried from how many rows on, what each way gains, and the maps themselves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from frostline.arrays import BoolArray, Float64Array, IntArray
from frostline.errors import UsageError
from frostline.evaluate.probabilities import reliability, reliability_of
from frostline.head.calibrating import (
    COLDEST,
    HOTTEST,
    MOST_KNOTS,
    Way,
    candidate_of,
    choice_of,
    fit_calibration,
    fit_knots,
    fit_temperature,
    off_by,
)
from frostline.head.deciding import best_threshold, best_thresholds
from frostline.head.linear import Calibration, LinearHead, logistic, mapped, mapped_each, probabilities, softmax
from frostline.targets import Targets


def made(n: int, n_labels: int = 2, *, seed: int = 0) -> tuple[Float64Array, IntArray]:
    """Decisions twice too sure, and codes; every label about as often."""
    random = np.random.default_rng(seed)
    decisions = random.normal(size=(n, 1 if n_labels == 2 else n_labels))
    shares = softmax(decisions)
    codes = (random.random((n, 1)) > shares.cumsum(axis=1)[:, :-1]).sum(axis=1).astype(np.int64)
    return 2 * decisions, codes


def one_label(codes: IntArray) -> Targets:
    return Targets.of_codes(codes, ("a", "b"))


def several(members: BoolArray) -> Targets:
    return Targets(("a", "b", "c"), members, exclusive=False)


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("n", [3, 10, 200])
def test_the_temperature_is_the_minimum_of_the_softened_loss(n: int, n_labels: int) -> None:
    """To eight digits, by a general minimiser: one row in n + 2 might have been any label."""
    decisions, codes = made(n, n_labels, seed=n)
    truth = np.full((n, n_labels), 1 / ((n + 2) * n_labels))
    truth[np.arange(n), codes] += 1 - 1 / (n + 2)

    def loss(log: float) -> float:
        return float(-(truth * np.log(softmax(decisions / np.exp(log)))).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-10})
    assert fit_temperature(decisions, codes) == pytest.approx(np.exp(found.x), rel=1e-5)


def test_a_temperature_stays_within_its_bounds() -> None:
    assert (COLDEST, HOTTEST) == (0.05, 20.0)
    codes = np.array([0, 1] * 500)
    right = np.where(codes == 1, 0.01, -0.01)[:, None]
    assert fit_temperature(right, codes) == pytest.approx(COLDEST)
    assert fit_temperature(-right, codes) == pytest.approx(HOTTEST)
    assert fit_temperature(np.zeros((2, 1)), np.array([0, 1])) == 1.0


@pytest.mark.parametrize(
    ("n", "rarest", "tried"),
    [
        (49, 20, ["none"]),
        (50, 20, ["none", "temperature"]),
        (199, 50, ["none", "temperature"]),
        (200, 19, ["none", "temperature"]),
        (200, 20, ["none", "temperature", "isotonic"]),
    ],
)
def test_what_is_tried_depends_on_the_rows(n: int, rarest: int, tried: list[str]) -> None:
    """50 for a temperature, 200 and 20 of each label for a map; what is asked for by name is tried with any."""
    decisions, _ = made(n)
    codes = (np.arange(n) < rarest).astype(np.int64)
    folds = np.arange(n) % 3
    fit = fit_calibration(decisions, one_label(codes), folds=folds)
    assert [candidate.way for candidate in fit.candidates] == tried
    assert (fit.asked, fit.n) == ("auto", n)
    if tried == ["none"]:
        assert (fit.way, fit.why, fit.calibration) == ("none", "49 rows are fewer than 50", None)
        assert (fit.held_out == softmax(decisions)).all()
    asked = fit_calibration(decisions, one_label(codes), folds=folds, calibrate="isotonic")
    assert [candidate.way for candidate in asked.candidates] == ["none", "isotonic"]
    assert (asked.asked, asked.way, asked.why) == ("isotonic", "isotonic", "asked for")
    none = fit_calibration(decisions, one_label(codes), folds=folds, calibrate="none")
    assert ([candidate.way for candidate in none.candidates], none.calibration) == (["none"], None)


@pytest.mark.parametrize(
    ("n", "tried"),
    [
        (49, ["none"]),
        (50, ["none", "temperature"]),
        (199, ["none", "temperature"]),
        (200, ["none", "temperature", "isotonic"]),
    ],
)
def test_what_is_tried_of_several_labels_depends_on_the_rows(n: int, tried: list[str]) -> None:
    decisions, codes = made(n, 3)
    members = codes[:, None] == np.arange(3)
    fit = fit_calibration(decisions, several(members), folds=np.arange(n) % 3)
    assert [candidate.way for candidate in fit.candidates] == tried
    assert fit.n == n
    one_fold = fit_calibration(decisions, several(members), folds=np.zeros(n, dtype=np.int64))
    assert [candidate.way for candidate in one_fold.candidates] == ["none"]


def test_a_candidate_says_what_it_lost_and_gained_row_by_row() -> None:
    """Mean log loss, mean gain over none, and the standard error of that mean."""
    decisions, codes = made(300)
    fit = fit_calibration(decisions, one_label(codes), folds=np.arange(300) % 3, calibrate="temperature")
    none, warm = fit.candidates
    rows = np.arange(300)
    plain, held_out = -np.log(softmax(decisions)[rows, codes]), -np.log(fit.held_out[rows, codes])
    assert (none.gain, none.gain_error) == (0.0, 0.0)
    assert none.log_loss == pytest.approx(plain.mean(), rel=1e-12)
    assert warm.log_loss == pytest.approx(held_out.mean(), rel=1e-12)
    assert warm.gain == pytest.approx((plain - held_out).mean(), rel=1e-12)
    assert warm.gain_error == pytest.approx((plain - held_out).std(ddof=1) / np.sqrt(300), rel=1e-12)
    assert fit.calibration == Calibration(method="temperature", temperature=fit_temperature(decisions, codes))


def test_a_candidate_of_several_labels_is_measured_text_by_text() -> None:
    """A text's loss is the mean over its labels."""
    decisions, codes = made(300, 3)
    members = codes[:, None] == np.arange(3)
    fit = fit_calibration(decisions, several(members), folds=np.arange(300) % 3, calibrate="temperature")

    def losses(shares: Float64Array) -> Float64Array:
        return np.asarray(-np.log(np.where(members, shares, 1 - shares)).mean(axis=1))

    plain, held_out = losses(logistic(decisions)), losses(fit.held_out)
    none, warm = fit.candidates
    assert none.log_loss == pytest.approx(plain.mean(), rel=1e-12)
    assert warm.gain == pytest.approx((plain - held_out).mean(), rel=1e-12)
    assert warm.gain_error == pytest.approx((plain - held_out).std(ddof=1) / np.sqrt(300), rel=1e-12)


NOTHING = "nothing to mend, as no correction gained more than chance on rows it was not fitted on"


@pytest.mark.parametrize("way", ["temperature", "isotonic"])
@pytest.mark.parametrize(("spread", "is_taken"), [(0.99, True), (1.01, False)])
def test_a_correction_has_to_gain_more_than_its_standard_error(way: Way, spread: float, *, is_taken: bool) -> None:
    """Gains of 0.1 ± spread on 101 texts, half of them each way: the error of their mean is a tenth of that spread."""
    gains = 0.1 + spread * np.append(np.where(np.arange(100) % 2, 1.0, -1.0), 0.0)
    losses: dict[Way, Float64Array] = {"none": np.full(101, 5.0), way: 5.0 - gains}
    lots = np.arange(101)
    candidate = candidate_of(way, losses, lots=lots)
    assert candidate.gain_error == pytest.approx(spread / np.sqrt(101))
    assert choice_of(losses, {"none": 0.0, way: 0.0}, lots=lots) == (
        (way, "it lost less on rows it was not fitted on") if is_taken else ("none", NOTHING)
    )


@pytest.mark.parametrize(("way", "name"), [("temperature", "a temperature"), ("isotonic", "an isotonic map")])
def test_a_correction_must_not_put_percentages_further_off(way: Way, name: str) -> None:
    """It gains surely, and is taken up to the error that stands before it; else the figures say why not."""
    losses: dict[Way, Float64Array] = {"none": np.full(10, 5.0), way: np.linspace(4.0, 4.1, 10)}
    lots = np.arange(10)
    assert choice_of(losses, {"none": 0.02, way: 0.02}, lots=lots)[0] == way
    why = f"{name} lost less on rows it was not fitted on, but put percentages 2.04 points off there on average, "
    assert choice_of(losses, {"none": 0.02, way: 0.0204}, lots=lots) == ("none", f"{why}instead of 2.00")


def test_a_map_that_is_further_off_leaves_the_temperature() -> None:
    lost: dict[Way, float] = {"none": 3.0, "temperature": 2.0, "isotonic": 1.0}
    losses: dict[Way, Float64Array] = {way: np.full(10, loss) for way, loss in lost.items()}
    lots = np.arange(10)
    off: dict[Way, float] = {"none": 0.3, "temperature": 0.1, "isotonic": 0.2}
    assert choice_of(losses, off, lots=lots)[0] == "temperature"
    assert choice_of(losses, {**off, "isotonic": 0.1}, lots=lots)[0] == "isotonic"
    assert choice_of(losses, {**off, "temperature": 0.31}, lots=lots)[0] == "isotonic"


@pytest.mark.parametrize("n", [19, 40, 300, 2000])
def test_how_far_probabilities_are_off_is_what_a_report_shows(n: int) -> None:
    """The plain error less that of perfect probabilities, as the evaluation has both; of either kind of targets."""
    decisions, codes = made(n, 3)
    shares = softmax(1.7 * decisions)
    members = codes[:, None] == np.arange(3)
    one = reliability(shares.max(axis=1), codes == shares.argmax(axis=1), lots=None)
    assert off_by(shares, Targets.of_codes(codes, ("a", "b", "c"))) == pytest.approx(
        max(0.0, one.plain_error - one.chance), abs=1e-12
    )
    apart = logistic(1.7 * decisions)
    some = reliability_of(apart, members, lots=None)
    assert some is not None
    assert off_by(apart, several(members)) == pytest.approx(max(0.0, some.plain_error - some.chance), abs=1e-12)
    assert off_by(np.full((n, 3), 0.049), several(members)) == 0.0


def test_copies_are_off_by_no_more() -> None:
    """Each text twice: the same gaps, in as many bins, of which chance makes as much as of each once."""
    decisions, codes = made(100)
    shares = softmax(np.column_stack([np.zeros(100), 3 * decisions]))
    twice = replace(one_label(np.repeat(codes, 2)), together=np.repeat(np.arange(100), 2))
    once = off_by(shares, one_label(codes))
    assert once > 0.05
    assert off_by(np.repeat(shares, 2, axis=0), twice) == pytest.approx(once, rel=1e-9)


def test_weights_count_as_rows_do_in_how_far_off_it_is() -> None:
    """A text of weight 0 changes nothing; weights all alike change nothing."""
    decisions, codes = made(15)
    shares = softmax(np.column_stack([np.zeros(15), 5 * decisions]))
    plain = one_label(codes)
    assert off_by(shares, plain) > 0
    assert off_by(shares, replace(plain, weights=np.full(15, 3.0))) == pytest.approx(off_by(shares, plain))
    more = np.concatenate([shares, [[0.01, 0.99]]])
    wrong = replace(one_label(np.append(codes, 0)), weights=np.append(np.ones(15), 0.0))
    assert off_by(more, wrong) == pytest.approx(off_by(shares, plain))


def test_copies_make_no_gain_surer() -> None:
    """Each text twice is twice the rows and the same error: what gains too little once gains too little ever."""
    gains = 0.1 + 1.01 * np.append(np.where(np.arange(100) % 2, 1.0, -1.0), 0.0)
    lots = np.arange(101)
    losses: dict[Way, Float64Array] = {"none": np.full(202, 5.0), "temperature": 5.0 - np.tile(gains, 2)}
    once, twice = np.arange(202), np.tile(lots, 2)
    assert candidate_of("temperature", losses, lots=twice).gain_error == pytest.approx(1.01 / np.sqrt(101))
    off: dict[Way, float] = {"none": 0.0, "temperature": 0.0}
    assert choice_of(losses, off, lots=twice) == ("none", NOTHING)
    assert choice_of(losses, off, lots=once)[0] == "temperature"
    of_one = candidate_of("temperature", losses, lots=np.zeros(202, np.int64))
    assert of_one.gain == of_one.gain_error == pytest.approx(0.1)


def test_a_calibration_is_chosen_by_lots() -> None:
    """The candidates of a fit are measured over what stands together."""
    decisions, codes = made(300)
    alone, folds = one_label(codes), np.arange(300) // 3 % 3
    lots = np.arange(300) // 3
    gains = {
        name: fit_calibration(decisions, replace(alone, together=together), folds=folds).candidates[1].gain_error
        for name, together in (("rows", None), ("lots", lots))
    }
    values = replace(alone, together=lots)
    fit = fit_calibration(decisions, values, folds=folds, calibrate="temperature")
    plain = softmax(np.column_stack([np.zeros(300), decisions])) if decisions.shape[1] == 1 else softmax(decisions)
    rows = np.arange(300)
    each = np.log(fit.held_out[rows, codes]) - np.log(plain[rows, codes])
    of_lots = each.reshape(100, 3).mean(axis=1)
    assert gains["rows"] == pytest.approx(each.std(ddof=1) / np.sqrt(300), rel=1e-9)
    assert gains["lots"] == pytest.approx(of_lots.std(ddof=1) / np.sqrt(100), rel=1e-9)


def test_why_a_way_was_taken_is_one_clause() -> None:
    folds = np.arange(400) % 4
    decisions, codes = made(400)
    assert fit_calibration(decisions, one_label(codes), folds=folds).why == "it lost less on rows it was not fitted on"
    decisions, codes = made(400, seed=2)
    fit = fit_calibration(
        decisions / 2, one_label(codes), folds=folds
    )  # as they are drawn: a map gains less than its error
    assert 0 < fit.candidates[2].gain < fit.candidates[2].gain_error
    assert (fit.way, fit.why) == ("none", NOTHING)
    two = fit_calibration(decisions, one_label(codes), folds=np.arange(400) % 2)
    assert [candidate.way for candidate in two.candidates] == ["none", "temperature", "isotonic"]
    one = fit_calibration(decisions, one_label(codes), folds=np.zeros(400, dtype=np.int64))
    assert (one.way, one.why) == ("none", "one fold leaves no rows to compare by")


def test_ways_that_cannot_be_are_refused_in_full() -> None:
    decisions, codes = np.zeros((1200, 1)), np.arange(1200) % 2
    with pytest.raises(UsageError) as caught:
        fit_calibration(decisions, one_label(codes), folds=codes, calibrate="isotonic")
    assert str(caught.value) == (
        "An isotonic map needs rows that are told apart (all 1,200 have the same decisions). Leave calibrate out."
    )
    with pytest.raises(UsageError) as caught:
        fit_calibration(decisions, one_label(codes), folds=codes, calibrate="platt")  # type: ignore[arg-type]
    assert str(caught.value) == "Calibration must be one of auto, none, temperature, isotonic (got 'platt')."


def test_no_more_knots_are_kept_than_there_may_be() -> None:
    """Claims that come true as they say are a knot each; 500 are kept, both ends among them."""
    n_claims, n_rows = 700, 1000
    claims = np.linspace(0.05, 0.95, n_claims)
    claimed = np.repeat(claims, n_rows)
    came_true = (np.arange(n_rows)[None, :] < np.round(claims * n_rows)[:, None]).ravel()
    knots = fit_knots(claimed, came_true)
    assert knots is not None
    before, after = np.array(knots).T
    assert MOST_KNOTS == len(knots) == 500
    assert (before[0], before[-1]) == (pytest.approx(0.05), pytest.approx(0.95))
    assert (after[0], after[-1]) == (pytest.approx(0.05), pytest.approx(0.95))
    assert np.diff(before).min() > 0.9 / n_claims * 0.99
    fewer = np.isin(claimed, claims[:500])
    exactly = fit_knots(claimed[fewer], came_true[fewer])
    assert exactly is not None
    np.testing.assert_allclose([knot[0] for knot in exactly], claims[:500])


@pytest.mark.parametrize(
    ("claimed", "came_true", "knots"),
    [
        ([0.2, 0.8], [0, 1], [(0.2, 1 / 3), (0.8, 2 / 3)]),
        ([0.2, 0.4, 0.8], [0, 0, 1], [(0.3, 1 / 4), (0.8, 2 / 3)]),  # a block stands at its mean claim
        ([0.1, 0.1, 0.4, 0.8], [0, 0, 0, 1], [(0.2, 1 / 5), (0.8, 2 / 3)]),  # weighted by its rows
        ([0.2, 0.4, 0.6, 0.8], [0, 1, 0, 1], [(0.2, 1 / 3), (0.5, 1 / 2), (0.8, 2 / 3)]),
        ([0.2, 0.4], [1, 1], [(0.2, 3 / 4), (0.4, 3 / 4)]),  # one share for all
        ([0.2, 0.4], [0, 0], [(0.2, 1 / 4), (0.4, 1 / 4)]),
        ([0.1] + [0.5] * 10, [0] + [1] + [0] * 9, [(0.1, 1 / 10), (0.5, 1 / 10)]),  # passes no neighbour
        ([0.5] * 10 + [0.9], [0] + [1] * 9 + [1], [(0.5, 9 / 10), (0.9, 9 / 10)]),
    ],
)
def test_a_small_map_is_that_by_hand(
    claimed: list[float], came_true: list[int], knots: list[tuple[float, float]]
) -> None:
    found = fit_knots(np.array(claimed), np.array(came_true, dtype=bool))
    assert found is not None
    np.testing.assert_allclose(np.array(found), np.array(knots), atol=1e-12)


def test_maps_are_straight_lines_between_knots_and_rows_are_brought_to_sum_one() -> None:
    knots = ((0.2, 0.1), (0.6, 0.5))
    given_ = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]])
    np.testing.assert_allclose(mapped(given_, (knots,)), [[0.7, 0.3], [0.9, 0.1], [0.5, 0.5]])
    each = mapped_each(given_, (knots, ((0.0, 0.0), (1.0, 0.5))))
    np.testing.assert_allclose(each, [[0.5, 0.2], [0.5, 0.05], [0.1, 0.4]])
    three = np.array([[0.6, 0.2, 0.2], [0.1, 0.1, 0.8]])
    same = ((0.0, 0.0), (1.0, 1.0))
    np.testing.assert_allclose(mapped(three, (knots, same, same)), [[5 / 9, 2 / 9, 2 / 9], [0.1, 0.1, 0.8]])
    nothing = ((0.0, 0.0), (1.0, 0.0))
    np.testing.assert_allclose(mapped(three, (nothing,) * 3), three)  # a row without a share stays as it was


def test_probabilities_of_any_decision_are_finite() -> None:
    decisions = np.array([[-1e308], [-800.0], [0.0], [np.log(3)], [800.0]])
    np.testing.assert_allclose(logistic(decisions)[:, 0], [0, 0, 0.5, 0.75, 1], atol=1e-300)
    np.testing.assert_allclose(softmax(decisions)[:, 1], [0, 0, 0.5, 0.75, 1], atol=1e-300)
    np.testing.assert_allclose(softmax(np.array([[800.0, 800.0, -800.0]])), [[0.5, 0.5, 0]])
    cold = Calibration(method="temperature", temperature=0.5)
    np.testing.assert_allclose(probabilities(np.array([[np.log(3)]]), calibration=cold), [[0.1, 0.9]])
    np.testing.assert_allclose(probabilities(np.array([[np.log(3)]]), link="logistic", calibration=cold), [[0.9]])


def test_a_head_answers_in_its_labels_own_type() -> None:
    """A label, None where the rule is not sure enough, or a tuple."""
    rows = np.array([[2.0, 0.0], [0.0, 0.1], [-2.0, 0.0]], dtype=np.float32)
    head = LinearHead(labels=(3, 7), coef=np.array([[1.0, 1.0]]), intercept=np.array([0.0]))
    assert head.predict(rows).tolist() == [7, 7, 3]
    assert head.predict(rows).dtype == np.int64
    each = LinearHead(labels=("a", "b"), coef=np.eye(2), intercept=np.array([0.0, 0.0]), link="logistic")
    assert each.predict(rows).tolist() == [("a", "b"), ("a", "b"), ("b",)]


@settings(max_examples=80)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 30))
def test_a_threshold_is_the_highest_of_those_with_the_best_f1(seed: int, n: int) -> None:
    """By a plain trial of every cut; half-way to the first one left, and within the bounds."""
    random = np.random.default_rng(seed)
    claimed = random.integers(0, 8, n) / 7
    has = random.random(n) < 0.5
    distinct = np.unique(claimed)[::-1]
    cuts = [*((distinct[:-1] + distinct[1:]) / 2), distinct[-1] / 2]
    scores = [2 * (has & (claimed >= least)).sum() / (has.sum() + (claimed >= least).sum()) for least in distinct]
    expected = min(max(cuts[int(np.argmax(scores))], 1e-6), 1 - 1e-6) if has.any() else 0.5
    assert best_threshold(claimed, has) == pytest.approx(expected, abs=1e-12)


def test_a_label_on_ten_texts_has_a_threshold_of_its_own() -> None:
    """A quarter of the way to the one that is best for all labels together, in log-odds; on nine it takes that one."""

    def drawn(own: float, together: float) -> float:
        odds = 0.75 * np.log(own / (1 - own)) + 0.25 * np.log(together / (1 - together))
        return float(1 / (1 + np.exp(-odds)))

    claimed = np.column_stack([np.linspace(0, 1, 40), np.linspace(0.4, 0, 40)])
    for n_with, is_own in ((9, False), (10, True)):
        members = np.column_stack([np.arange(40) >= 30, np.arange(40) < n_with])
        members[20, 1] = True
        members[0, 1] = False
        found = best_thresholds(claimed, members)
        together = best_threshold(claimed.ravel(), members.ravel())
        own = best_threshold(claimed[:, 1], members[:, 1])
        assert own != together
        assert found[1] == pytest.approx(drawn(own, together) if is_own else together, rel=1e-12)
        assert found[0] == pytest.approx(drawn(best_threshold(claimed[:, 0], members[:, 0]), together), rel=1e-12)
