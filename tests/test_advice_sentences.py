"""Advice word by word: what to do, and the figures it rests on."""

from dataclasses import replace

import pytest

from frostline.advice import Advice, Step, advise, curve_measure, rows_for
from frostline.evaluate.intervals import Estimate
from frostline.evaluate.learning_curve import Gain, LearningCurve
from frostline.record import TrainingRecord
from small_records import choice, full_record, learning, untested_record


def curve(
    twice: tuple[float, float, float], furthest: tuple[float, float, float], *, low: float = 0.76, fitted: float = 0.85
) -> LearningCurve:
    """Gains (value, low, high) at 800 and 1,600 rows; the accuracy at 400 is 0.81 at least `low`."""
    found = learning()
    assert found.outlook is not None
    gains = tuple(Gain(n_rows=n, value=gain[0], interval=gain[1:]) for n, gain in ((800, twice), (1600, furthest)))
    last = found.points[-1]
    last = replace(last, fitted_accuracy=fitted, accuracy=replace(last.accuracy, interval=(low, 0.84)))
    return replace(found, outlook=replace(found.outlook, gains=gains), points=(*found.points[:-1], last))


def record(found: LearningCurve | None, *, n_trained: int = 1400, half: float = 0.0199) -> TrainingRecord:
    """Nothing amiss but what is asked for: labels of like number, a test that is large enough."""
    full = full_record()
    assert full.test is not None
    accuracy = Estimate(0.81, (0.81 - half, 0.81 + half), 1234, "by hand")
    return replace(
        full,
        learning=found,
        choice=None,
        decision=None,
        n_trained=n_trained,
        data=replace(full.data, label_counts={"bad": 499, "good": 100}),
        test=replace(full.test, scores={**full.test.scores, "accuracy": accuracy}),
    )


FLAT = "The learning curve is flat: 800 rows in all should bring +0.1 points (-0.1 to +0.3) of accuracy"
RISING = curve((0.03, 0.01, 0.05), (0.04, 0.012, 0.08))
LEVEL = curve((0.001, -0.001, 0.003), (0.002, -0.002, 0.006))
OVER = curve((0.001, -0.001, 0.003), (0.002, -0.002, 0.004))
LIKELY = Advice(
    kind="fine-tune",
    sentence="Fine-tune the encoder, which is frozen here: it is likely to pay.",
    step=Step(verb="finetune", options=("--out", "tuned")),
    reason="These features do not tell the labels apart: of its own 400 rows the head gets 15.0 % wrong "
    "(11.8 to 18.8). That rests on one file, SST-2, where tuning brought 3.1 points (1.8 to 4.3).",
)


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (untested_record(), ()),
        (record(None), ()),
        (
            record(RISING),
            (
                Advice(
                    kind="label more",
                    sentence="Label more: 800 rows in all should bring +3.0 points (+1.0 to +5.0) of accuracy.",
                    reason="The learning curve still rises; 1,600 rows should bring +4.0 points (+1.2 to +8.0).",
                ),
                LIKELY,
            ),
        ),
        (
            record(learning(with_outlook=False)),
            (
                Advice(
                    kind="unsure",
                    sentence="Whether more labels would help cannot be told yet: label some, and measure again.",
                    reason="What twice the rows would bring is not known to within 10 points.",
                ),
            ),
        ),
        (
            record(curve((0.01, -0.01, 0.03), (0.0, 0.0, 0.0))),
            (
                Advice(
                    kind="unsure",
                    sentence="More labels may bring up to 3.0 points: label some, and train again.",
                    reason="800 rows in all should bring +1.0 points (-1.0 to +3.0) of accuracy.",
                ),
                LIKELY,
            ),
        ),
        (
            record(curve((0.001, -0.001, 0.003), (0.002, -0.002, 0.006), fitted=0.99), n_trained=1000),
            (
                Advice(
                    kind="other features",
                    sentence="Choose other features or another encoder: frostline sweep, frostline compare.",
                    reason=f"{FLAT}, and these features (mean@1) were not chosen among others.",
                    step=Step(verb="sweep"),
                ),
                Advice(
                    kind="fine-tune",
                    sentence="Fine-tune the encoder, which is frozen here: whether it would pay cannot be told without "
                    "trying.",
                    step=Step(verb="finetune", options=("--out", "tuned")),
                    reason="The learning curve is flat, and of its own 400 rows the head gets 1.0 % wrong (0.4 to "
                    "2.6): the features tell most of them apart.",
                ),
            ),
        ),
        (
            record(LEVEL, n_trained=999),
            (
                Advice(
                    kind="other features",
                    sentence="Choose other features or another encoder: frostline sweep, frostline compare.",
                    reason=f"{FLAT}, and these features (mean@1) were not chosen among others.",
                    step=Step(verb="sweep"),
                ),
            ),
        ),
        (
            replace(record(OVER, n_trained=1000), choice=choice()),
            (
                Advice(
                    kind="other features",
                    sentence="Choose another encoder: frostline compare.",
                    reason=f"{FLAT}, and these features were chosen among 7 of it.",
                    step=Step(verb="compare"),
                ),
                LIKELY,
                Advice(
                    kind="stop",
                    sentence="Stop labelling for these features.",
                    reason="Even 1,600 rows should bring +0.2 points (-0.2 to +0.4) of accuracy: less than 0.5.",
                ),
            ),
        ),
        (record(curve((0.001, -0.001, 0.003), (0.0, 0.0, 0.006), low=0.9951)), ()),
        (
            record(curve((0.001, -0.001, 0.003), (0.0, 0.0, 0.006), low=0.9949), n_trained=10),
            (
                Advice(
                    kind="other features",
                    sentence="Choose other features or another encoder: frostline sweep, frostline compare.",
                    reason=f"{FLAT}, and these features (mean@1) were not chosen among others.",
                    step=Step(verb="sweep"),
                ),
            ),
        ),
        (
            record(None, half=0.03),
            (
                Advice(
                    kind="more test rows",
                    sentence=f"Test on {rows_for(0.02, 0.78):,} rows, to know the accuracy to 2 points.",
                    reason="By 1,234 rows it lies between 78.0 and 84.0 %; planned is for the end of that which needs "
                    "the most rows.",
                ),
            ),
        ),
        (
            replace(
                record(None), data=replace(record(None).data, label_counts={"good": 1000, "bad\x1b": 200, "so": 500})
            ),
            (
                Advice(
                    kind="unequal labels",
                    sentence="Give the rows of 'bad\\x1b' more weight: run the same command with --class-weight "
                    "balanced --scoring f1_macro.",
                    reason="'bad\\x1b' has 200 rows, 'good' 1,000: 11.8 % of the accuracy hang on it; none was tested.",
                    step=Step(options=("--class-weight", "balanced", "--scoring", "f1_macro")),
                ),
            ),
        ),
    ],
)
def test_what_is_advised_and_why(given: TrainingRecord, advice: tuple[Advice, ...]) -> None:
    assert advise(given) == advice


@pytest.mark.parametrize(
    ("half", "share", "n"),
    [(0.02, 0.5, 2398), (0.02, 0.81, 1477), (0.02, 0.999, 97), (0.05, 1.0, 35), (0.6, 0.5, 1)],
)
def test_rows_that_a_width_needs(half: float, share: float, n: int) -> None:
    assert rows_for(half, share) == n


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_scorers_that_hardly_see_the_rare_label_leave_the_advice(scoring: str) -> None:
    lopsided = replace(record(None), data=replace(record(None).data, label_counts={"a": 1000, "b": 200}))
    search = replace(lopsided.search, scoring=scoring)
    assert [one.kind for one in advise(replace(lopsided, search=search))] == ["unequal labels"]


@pytest.mark.parametrize("found", [RISING, LEVEL, OVER, curve((0.01, -0.01, 0.03), (0.0, 0.0, 0.0))])
def test_of_several_labels_rows_bring_texts_with_all_labels_right(found: LearningCurve) -> None:
    """No accuracy is named where none was measured."""
    one = record(found)
    of_sets = replace(one, data=replace(one.data, kind="several labels"))
    said = " ".join(f"{item.sentence} {item.reason}" for item in advise(of_sets) if item.kind != "more test rows")
    assert "in the share of texts with all labels right (each label from 0.5 on)" in said
    assert "accuracy" not in said


def test_the_curve_of_a_head_with_thresholds_is_that_of_the_most_probable_label() -> None:
    """A head that only abstains takes the most probable label all the same."""
    full = full_record()
    assert full.decision is not None
    assert full.decision.thresholds
    assert curve_measure(full) == "accuracy of the most probable label"
    assert curve_measure(replace(full, decision=replace(full.decision, thresholds=()))) == "accuracy"
    assert curve_measure(replace(full, decision=None)) == "accuracy"
