"""Advice: each sentence stands on its own figure, and turns at its bound."""

import math
from dataclasses import replace

import pytest

from frostline.advice import LOPSIDED, MATTERS, NOT_TOLD_APART, WANTED_HALF_WIDTH, Step, advise, rows_for
from frostline.evaluate.intervals import TOGETHER, Estimate, wilson
from frostline.evaluate.learning_curve import Gain, LearningCurve, LearningPoint, Outlook
from frostline.record import ChoiceRecord, TrainingRecord
from frostline.record import TestRecord as HowTested
from record_examples import example_record


def with_curve(
    twice: tuple[float, float, float],
    furthest: tuple[float, float, float] = (0.0, 0.0, 0.0),
    *,
    accuracy: tuple[float, float, float] = (0.80, 0.79, 0.81),
    fitted: float = 0.82,
) -> TrainingRecord:
    """A record whose curve promises these gains: (value, low, high) at twice and four times 2,000 rows."""
    score = Estimate(accuracy[0], accuracy[1:], 6000, "Wilson")
    point = LearningPoint(
        n_rows=2000, accuracy=score, macro_f1=score, accuracies=(accuracy[0],), Cs=(1.0,), fitted_accuracy=fitted
    )
    gains = tuple(
        Gain(n_rows=2000 * times, value=gain[0], interval=gain[1:]) for times, gain in ((2, twice), (4, furthest))
    )
    outlook = Outlook(n_rows=(1.0,), accuracy=(0.8,), low=(0.8,), high=(0.8,), gains=gains)
    curve = LearningCurve(
        points=(replace(point, n_rows=1000), point),
        n_test=6000,
        is_out_of_fold=False,
        outlook=outlook,
        no_outlook="",
        choice_of_C="",
        seed=0,
        seconds=0.0,
    )
    return replace(example_record(), learning=curve, n_trained=2000)


def kinds(record: TrainingRecord) -> list[str]:
    return [advice.kind for advice in advise(record)]


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        ((MATTERS, 0.0001, 0.02), "label more"),
        ((MATTERS - 1e-9, 0.0001, 0.02), "unsure"),
        ((0.01, 0.0, 0.02), "unsure"),
        ((0.002, 0.0, MATTERS), "unsure"),
        ((0.002, 0.0, MATTERS - 1e-9), "other features"),
    ],
)
def test_more_labels_are_advised_where_they_surely_bring_something(gain: tuple[float, float, float], said: str) -> None:
    """The gain must be above 0 beyond doubt and matter; below what matters beyond doubt the curve is flat."""
    assert kinds(with_curve(gain, (0.01, 0.0, 0.02)))[0] == said


def test_a_gain_is_told_with_its_interval() -> None:
    """The sentence holds rows, points, and how sure they are."""
    (advice, *_) = advise(with_curve((0.012, 0.004, 0.02)))
    assert "4,000 rows" in advice.sentence
    assert "+1.2 points (+0.4 to +2.0)" in advice.sentence


def test_stopping_is_advised_where_not_even_four_times_the_rows_matter() -> None:
    """At the bound of what matters it is not."""
    flat = (0.001, 0.0, 0.002)
    assert "stop" in kinds(with_curve(flat, (0.002, 0.0, MATTERS - 1e-9)))
    assert "stop" not in kinds(with_curve(flat, (0.002, 0.0, MATTERS)))


def fitted(record: TrainingRecord, wrong: float, n_rows: int = 2000) -> TrainingRecord:
    """The same, where the head gets that share of its own rows wrong."""
    assert record.learning is not None
    points = record.learning.points
    last = replace(points[-1], fitted_accuracy=1 - wrong, n_rows=n_rows)
    return replace(record, learning=replace(record.learning, points=(*points[:-1], last)), n_trained=n_rows)


def tuning_said(record: TrainingRecord) -> str:
    return " ".join(one.sentence for one in advise(record) if one.kind == "fine-tune")


def test_tuning_is_likely_to_pay_where_the_head_cannot_tell_its_own_rows() -> None:
    """By the lower end of what it gets wrong, whatever the curve does; from a thousand rows on."""
    flat, unsure, rising = ((0.001, 0.0, 0.002), (0.01, 0.0, 0.02), (0.01, 0.005, 0.02))
    n = 2000
    least = next(k for k in range(n) if wilson(k, n)[0] >= NOT_TOLD_APART)
    assert tuning_said(fitted(with_curve(flat), least / n)).endswith("it is likely to pay.")
    assert "cannot be told without trying" in tuning_said(fitted(with_curve(flat), (least - 1) / n))
    assert tuning_said(fitted(with_curve(unsure), least / n)).endswith("it is likely to pay.")
    assert not tuning_said(fitted(with_curve(unsure), (least - 1) / n))
    assert tuning_said(fitted(with_curve(rising), least / n)).endswith("it is likely to pay.")
    assert not tuning_said(fitted(with_curve(rising), (least - 1) / n))
    assert tuning_said(fitted(with_curve(flat), 0.2, 1000))
    assert not tuning_said(fitted(with_curve(flat), 0.2, 999))
    words = with_curve(flat)
    assert not tuning_said(fitted(replace(words, features=replace(words.features, spec="words")), 0.2))


def test_features_already_chosen_leave_another_encoder() -> None:
    """Where a sweep chose, sweeping again is no advice; where nothing is left to win, neither is."""
    record = with_curve((0.001, 0.0, 0.002))
    assert "frostline sweep" in advise(record)[0].sentence
    choice = ChoiceRecord(
        trials=(),
        best="mean@all",
        winner="mean@all",
        tutorial="cls@-1",
        n_layers=6,
        n_rows=2000,
        n_folds=5,
        scoring="accuracy",
        rule="",
    )
    assert "frostline sweep" not in advise(replace(record, choice=choice))[0].sentence
    assert "other features" not in kinds(with_curve((0.0, 0.0, 0.001), accuracy=(1.0, 1 - MATTERS / 2, 1.0)))
    found = with_curve((0.0, 0.0, 0.001))
    assert "other features" in kinds(found)
    assert found.test is not None
    right = {name: replace(one, value=1.0) for name, one in found.test.scores.items()}
    assert "other features" not in kinds(replace(found, test=replace(found.test, scores=right)))


def test_without_an_outlook_the_reason_is_given() -> None:
    """Nothing is advised on labels; why, is said in the curve's own words."""
    record = with_curve((0.0, 0.0, 0.0))
    assert record.learning is not None
    record = replace(record, learning=replace(record.learning, outlook=None, no_outlook="Too few sizes."))
    assert (advise(record)[0].kind, advise(record)[0].reason) == ("unsure", "Too few sizes.")


def test_unequal_labels_are_named_where_nothing_was_done_about_them() -> None:
    """Five to one is unequal; weights or a fairer scorer settle it."""

    def counted(rare: int, *, class_weight: str | None = None, scoring: str = "accuracy") -> list[str]:
        record = example_record()
        data = replace(record.data, label_counts={"common": 1000, "rare\x1b[31m": rare})
        search = replace(record.search, class_weight=class_weight, scoring=scoring)
        advice = advise(replace(record, data=data, search=search))
        assert not any("\x1b" in each.sentence + each.reason for each in advice)
        return [each.kind for each in advice]

    at_bound = int(1000 / LOPSIDED)
    assert "unequal labels" in counted(at_bound)
    assert "unequal labels" not in counted(at_bound + 1)
    assert "unequal labels" not in counted(at_bound, class_weight="balanced")
    assert "unequal labels" not in counted(at_bound, scoring="f1_macro")


def test_a_rare_label_that_is_found_as_often_as_the_others_is_no_advice() -> None:
    """Its recall decides, by the ends of both intervals; where it was not tested, it is advised all the same."""
    record = example_record()
    assert record.test is not None
    data = replace(record.data, label_counts={"common": 1000, "rare": 10})

    def advised(recall: float | None, high: float = 0.7) -> list[str]:
        assert record.test is not None
        score = replace(record.test.per_label[0], label="rare")
        share = None if recall is None else Estimate(recall, (0.1, high), 5, "Wilson")
        test = replace(record.test, per_label=(replace(score, recall=share),))
        return [advice.reason for advice in advise(replace(record, data=data, test=test)) if "weigh" in advice.sentence]

    right = record.test.accuracy.interval[0]
    assert advised(0.5, right) == []
    assert advised(0.5, right - 1e-9)
    assert advised(0.6) == [
        "'rare' has 10 rows, 'common' 1,000: 1.0 % of the accuracy hang on it; of 5 tested 60 % were found (10 to 70)."
    ]
    assert advised(None) == ["'rare' has 10 rows, 'common' 1,000: 1.0 % of the accuracy hang on it; none was tested."]


def test_a_test_too_small_is_told_how_many_rows_it_needs() -> None:
    """The interval's half-width decides, not the number of rows."""
    record = example_record()
    assert record.test is not None

    def tested(half: float) -> list[str]:
        score = Estimate(0.8, (0.8 - half, 0.8 + half), 500, "Wilson")
        assert record.test is not None
        return kinds(replace(record, test=replace(record.test, scores={"accuracy": score})))

    assert "more test rows" in tested(WANTED_HALF_WIDTH + 1e-6)
    assert "more test rows" not in tested(WANTED_HALF_WIDTH - 1e-6)


@pytest.mark.parametrize(
    ("right", "n", "share"),
    [(6, 6, 0.6096657), (50, 100, 0.5), (90, 100, 0.8256343), (2, 40, 0.1650086)],
)
def test_a_test_is_planned_for_the_worst_that_its_interval_allows(right: int, n: int, share: float) -> None:
    """After six of six right the truth may be 61 %: to know that to two points takes 2,283 rows, not 93."""
    record = example_record()
    assert record.test is not None
    score = Estimate(right / n, wilson(right, n), n, "Wilson")
    for name, what in (("accuracy", "accuracy"), ("subset_accuracy", "share of texts with all labels right")):
        test = replace(record.test, scores={name: score})
        (advice,) = [one for one in advise(replace(record, test=test)) if one.kind == "more test rows"]
        assert advice.sentence == (
            f"Test on {rows_for(0.02, share):,} rows, to know the {what} to 2 points: run the same command with "
            f"--nested, which tests all {record.data.n_rows:,} of this file."
        )
        assert advice.step == Step(options=("--nested",))
        own = replace(record, test=test, test_source=HowTested(kind="file", n_fitted=9))
        (advice,) = [one for one in advise(own) if one.kind == "more test rows"]
        assert advice.sentence == f"Test on {rows_for(0.02, share):,} rows, to know the {what} to 2 points."
        assert advice.step is None  # that file has no more rows


def test_a_test_of_copies_is_planned_in_texts_that_stand_alone() -> None:
    """Rows that repeat tell nothing new: so many times as many of them would be no plan."""
    record = example_record()
    assert record.test is not None

    def told(method: str) -> str:
        assert record.test is not None
        score = Estimate(0.8, wilson(80, 100), 400, method)
        test = replace(record.test, scores={"accuracy": score})
        return next(one.sentence for one in advise(replace(record, test=test)) if one.kind == "more test rows")

    low = rows_for(0.02, wilson(80, 100)[0])
    assert told("Wilson").startswith(f"Test on {low:,} rows, to know the accuracy to 2 points:")
    alone = f"Test on {low:,} texts of which none belongs to another, to know the accuracy to 2 points:"
    assert told(f"Wilson{TOGETHER}").startswith(alone)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.99])
@pytest.mark.parametrize("half", [0.01, 0.02, 0.05])
def test_rows_needed_are_those_of_wilsons_interval(share: float, half: float) -> None:
    """So many rows reach the wanted half-width; one fewer does not."""

    def width(rows: int) -> float:
        z = 1.959963984540054
        return float(z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows))

    n = rows_for(half, share)
    assert width(n) <= half < width(n - 1)


def test_a_record_without_a_test_gets_no_advice() -> None:
    """There is nothing to go by."""
    assert advise(replace(example_record(), test=None)) == ()
