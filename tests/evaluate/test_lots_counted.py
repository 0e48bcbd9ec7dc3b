"""Copies tell nothing new: intervals, tests and calibration errors are those of as many rows as tell as much."""

import inspect
import math
from dataclasses import replace

import numpy as np
import pytest

from frostline.arrays import IntArray
from frostline.evaluate import intervals, learning_curve, paired, probabilities, scores
from frostline.evaluate.intervals import (
    TOGETHER,
    Estimate,
    Z,
    design_effect,
    f1_interval,
    mean_interval,
    one_of_many,
    resampled,
    rows_as_one,
    share_interval,
    wilson,
)
from frostline.evaluate.learning_curve import look_ahead
from frostline.evaluate.paired import accuracy_difference, accuracy_score, paired_difference
from frostline.evaluate.probabilities import calibration_scores, coverage_curve, reliability
from frostline.evaluate.scores import answer_scores, evaluate
from frostline.head import calibrating, parts
from frostline.sweep.cross import OutOfFold
from frostline.targets import Targets

RANDOM = np.random.RandomState(5)
N = 400
SURE = RANDOM.uniform(0.5, 1, N)
RIGHT = RANDOM.rand(N) < SURE


def t_ratio(n_lots: int, n: int) -> float:
    from scipy.stats import t  # noqa: PLC0415 - an independent formula

    return float((t.ppf(0.975, n_lots - 1) / t.ppf(0.975, n - 1)) ** 2)


def copied(times: int) -> IntArray:
    return np.repeat(np.arange(N), times)


@pytest.mark.parametrize("times", [2, 5])
def test_the_effect_of_copies_is_their_number(times: int) -> None:
    """But for the last digits: so few lots know their own spread a little worse, and n - 1 stands for n."""
    rows = copied(times)
    effect = design_effect(RIGHT[rows].astype(float), rows)
    assert effect == pytest.approx(times * N / (N - 1) * (len(rows) - 1) / len(rows) * t_ratio(N, len(rows)))
    assert effect == pytest.approx(times, rel=0.02)


def test_effects_at_the_ends() -> None:
    """None of rows that stand alone; never below one; all rows where there is one lot; equal values vary by lots."""
    assert design_effect(RIGHT.astype(float), None) == 1
    assert design_effect(RIGHT.astype(float), np.arange(N)) == 1
    assert design_effect(np.array([0.0, 1.0] * 50), np.repeat(np.arange(50), 2)) < 1.1
    assert design_effect(np.array([0.0, 1.0, 1.0]), np.zeros(3, np.int64)) == 3
    sizes = [1, 2, 3, 4]
    lots = np.repeat(np.arange(4), sizes)
    assert design_effect(np.ones(10), lots) == pytest.approx(30 / 10 * t_ratio(4, 10))
    assert design_effect(np.ones(3), np.array([0, 0, 1])) == 3  # never more than the rows there are


def test_an_interval_of_copies_is_as_wide_as_that_of_the_texts() -> None:
    rows = copied(3)
    once, thrice = wilson(int(RIGHT.sum()), N), share_interval(RIGHT[rows], rows)
    assert thrice == pytest.approx(once, abs=0.0005)
    assert share_interval(RIGHT, lots=None) == once
    losses = -np.log(SURE)
    assert mean_interval(losses[rows], rows) == pytest.approx(mean_interval(losses, lots=None), abs=1e-12)


def one_label(times: int, *, are_known: bool = True) -> tuple[np.ndarray, np.ndarray, Targets]:
    rows = copied(times)
    shares = np.stack([SURE, 0.7 * (1 - SURE), 0.3 * (1 - SURE)], axis=1)[:, RANDOM.permutation(3) * 0 + [0, 1, 2]]
    codes = np.where(RIGHT, 0, 1 + np.arange(N) % 2)
    targets = Targets.of_codes(codes[rows], "abc")
    favoured = shares.argmax(axis=1)[:, None] == np.arange(3)
    return shares[rows], favoured[rows], replace(targets, together=rows if are_known else None)


def several(times: int, *, are_known: bool = True) -> tuple[np.ndarray, np.ndarray, Targets]:
    rows, random = copied(times), np.random.RandomState(2)
    shares = random.rand(N, 3)
    members = random.rand(N, 3) < shares
    targets = Targets(("a", "b", "c"), members[rows], exclusive=False, together=rows if are_known else None)
    return shares[rows], shares[rows] >= 0.5, targets


@pytest.mark.parametrize("made", [one_label, several])
def test_every_score_of_copies_has_the_width_of_the_texts(made: object) -> None:
    """Each within a twentieth; copies that are not known as such halve it (four of each)."""
    assert callable(made)
    once, four, unknown = made(1), made(4), made(4, are_known=False)
    scores = [evaluate(*each) for each in (once, four, unknown)]
    for name, score in scores[0].scores.items():
        width, known, blind = (each.scores[name].interval[1] - each.scores[name].interval[0] for each in scores)
        assert scores[1].scores[name].value == pytest.approx(score.value), name
        assert known == pytest.approx(width, rel=0.12), name
        assert blind < 0.62 * width, name
    for label, as_often in zip(scores[0].per_label, scores[1].per_label, strict=True):
        for kind in ("precision", "recall", "f1"):
            first, second = getattr(label, kind), getattr(as_often, kind)
            if first is not None:
                assert second.interval == pytest.approx(first.interval, abs=0.01)
                assert second.method.endswith(TOGETHER)
    answered = SURE >= 0.7
    given = [answer_scores(each[1], np.repeat(answered, times), each[2]) for each, times in ((once, 1), (four, 4))]
    for one, other in ((given[0].coverage, given[1].coverage), (given[0].precision, given[1].precision)):
        assert one is not None
        assert other is not None
        assert other.interval == pytest.approx(one.interval, abs=0.004)
    calibrations = [calibration_scores(each[0], each[2]) for each in (once, four)]
    for name in ("brier", "log_loss"):
        assert getattr(calibrations[1], name).interval == pytest.approx(getattr(calibrations[0], name).interval)
    errors = [each.reliability.error for each in calibrations]
    assert errors[1].value == pytest.approx(errors[0].value, abs=0.002)
    assert errors[1].interval == pytest.approx(errors[0].interval, abs=0.006)
    bands = [coverage_curve(each[0], each[1], each[2]) for each in (once, four)]
    assert bands[1].low[-1] == pytest.approx(bands[0].low[-1], abs=0.002)


def test_a_bin_of_copies_has_the_errors_of_the_texts() -> None:
    rows = copied(5)
    once, five = reliability(SURE, RIGHT, lots=None), reliability(SURE[rows], RIGHT[rows], lots=rows)
    assert len(five.bins) == len(once.bins) == 15
    assert five.chance == pytest.approx(once.chance, rel=1e-9)
    assert five.error.interval == pytest.approx(once.error.interval, abs=1e-9)
    assert [one.interval for one in five.bins] == [pytest.approx(one.interval) for one in once.bins]
    assert reliability(SURE[rows], RIGHT[rows], lots=None).chance == pytest.approx(once.chance / math.sqrt(5), rel=0.05)


def test_two_classifiers_on_copies_are_as_far_apart_as_on_the_texts() -> None:
    """The test throws a coin for each lot, not for each row."""
    rows, codes = copied(3), np.ones(N, np.int64)
    first, second = RIGHT.astype(np.int64), np.roll(RIGHT, 1).astype(np.int64)
    second[:40] = 0
    once = paired_difference(first, second, codes, lots=None)
    thrice = paired_difference(first[rows], second[rows], codes[rows], lots=rows)
    blind = paired_difference(first[rows], second[rows], codes[rows], lots=None)
    assert thrice.p_value == once.p_value > 10 * blind.p_value
    assert thrice.interval == pytest.approx(once.interval, abs=0.001)
    assert (thrice.n, thrice.n_only_first) == (3 * N, 3 * once.n_only_first)
    scored = accuracy_score(RIGHT[rows], rows)
    assert scored.std_error == pytest.approx(accuracy_score(RIGHT, lots=None).std_error, rel=0.01)
    assert scored.interval == pytest.approx(accuracy_score(RIGHT, lots=None).interval, abs=0.001)
    lead = accuracy_difference(RIGHT[rows], second[rows] == 1, rows)
    assert lead.std_error == pytest.approx(accuracy_difference(RIGHT, second == 1, lots=None).std_error, rel=0.01)
    assert Z * lead.std_error == pytest.approx((lead.interval[1] - lead.interval[0]) / 2, rel=0.05)


def test_drawn_lots_keep_their_rows_and_few_lots_say_nothing() -> None:
    _, given, targets = several(4)
    drawn, known = (resampled(given, targets.members, None, seed=1, lots=lots) for lots in (None, targets.lots))
    assert (drawn.n_texts, known.n_texts) == (4 * N, N)
    assert known.micro_f1.std() == pytest.approx(2 * drawn.micro_f1.std(), rel=0.1)
    few = resampled(given[:76], targets.members[:76], None, seed=1, lots=targets.lots[:76])
    assert few.interval(few.micro_f1, 0.5) == (0.0, 1.0)


def test_a_sweep_knows_the_lots_of_its_rows() -> None:
    fields = dict.fromkeys(OutOfFold.__dataclass_fields__)
    made = OutOfFold(**{**fields, "right": RIGHT[copied(2)], "lots": copied(2), "scoring": "accuracy"})  # type: ignore[arg-type]
    assert made.score.interval == pytest.approx(wilson(int(RIGHT.sum()), N), abs=0.001)


def test_whoever_asks_how_sure_a_figure_is_says_which_rows_belong_together() -> None:
    """None has to be said: an interval over copies as if each were a text of its own must not come of silence."""
    asked = []
    for module in (intervals, paired, probabilities, scores, learning_curve, parts, calibrating):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            lots = inspect.signature(function).parameters.get("lots")
            if lots is not None and function.__module__ == module.__name__:
                asked.append(name)
                assert lots.default is inspect.Parameter.empty, f"{module.__name__}.{name}"
    assert len(asked) > 20


def test_rows_that_tell_as_one_are_read_off_an_interval() -> None:
    """Five copies of each text are five, those of a share of 0 or 1 too; rows that stand alone are one."""
    for hits in (0, 3, 50, 100):
        share = Estimate(hits / 100, wilson(hits, 100), 500, f"Wilson{TOGETHER}")
        assert rows_as_one(share) == pytest.approx(5)
        assert rows_as_one(replace(share, method="Wilson")) == 1
    assert rows_as_one(Estimate(0.5, wilson(50, 100), 90, TOGETHER)) == 1


def test_one_of_many_labels_has_a_wider_interval() -> None:
    """That of one alone is its own; of ten each end errs in 0.25 of 100, by Wilson's formula for z = 2.807."""
    f1 = Estimate(2 * 30 / 130, f1_interval(30, 100), 100, "")
    assert one_of_many(f1, 1) == pytest.approx(f1.interval)
    z = 2.807033768343811
    root = z * math.sqrt(0.3 * 0.7 / 100 + z * z / 40000)
    low, high = ((0.3 + z * z / 200 + sign * root) / (1 + z * z / 100) for sign in (-1, 1))
    assert one_of_many(f1, 10) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))


def test_the_forecast_of_copies_is_that_of_the_texts() -> None:
    """Of rows that stand there four times it is no surer, and no luckier."""
    random = np.random.RandomState(1)
    right = [
        random.rand(1 if n == 800 else 10, 300) < share
        for n, share in ((100, 0.7), (200, 0.76), (400, 0.8), (800, 0.83))
    ]
    fourfold = [np.repeat(each, 4, axis=1) for each in right]
    n_rows = np.array([100.0, 200.0, 400.0, 800.0])

    lots = np.repeat(np.arange(300), 4)
    once, known = (
        learning_curve._seen(n_rows, given, n_saved=800, n_pairs=5, lots=own)
        for given, own in ((right, None), (fourfold, lots))
    )
    assert known.covariance == pytest.approx(once.covariance, rel=0.02, abs=1e-6)
    assert known.luck == pytest.approx(once.luck, rel=0.02)
    ahead = [
        look_ahead(n_rows, given, n_saved=800, n_pairs=5, lots=own)[0]
        for given, own in ((right, None), (fourfold, lots))
    ]
    assert ahead[0] is not None
    assert ahead[1] is not None
    assert ahead[1].gains[0].interval == pytest.approx(ahead[0].gains[0].interval, abs=0.001)
