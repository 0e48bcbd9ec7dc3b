"""A baseline that surely does better stands on top of every report, with what to do about it."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from frostline.advice import ahead_of_it
from frostline.evaluate.baselines import CENTROID, MAJORITY, WORDS, WORDS_EACH, Baseline, Lead
from frostline.record import TrainingRecord
from frostline.report.card import model_card
from frostline.report.document import as_document
from frostline.report.page import report_html
from frostline.report.phrases import ahead_text
from frostline.report.plain import plain_words
from frostline.report.terminal import print_report
from small_records import full_record as small_record


def baseline(name: str, value: float, interval: tuple[float, float], score: str = "accuracy") -> Baseline:
    lead = Lead(value=value, interval=interval, n=200)
    return Baseline(name=name, made_of="", scores={}, leads={score: lead, "micro_f1": lead}, seconds=0.0)


def record_with(*baselines: Baseline) -> TrainingRecord:
    record = small_record()
    return replace(record, data=replace(record.data, name="my reviews.tsv"), baselines=baselines)


@pytest.mark.parametrize(("high", "is_told"), [(-0.001, True), (0.0, False), (0.01, False)])
def test_only_what_is_surely_ahead_is_told(high: float, *, is_told: bool) -> None:
    told = ahead_text(record_with(baseline(WORDS, -0.05, (-0.1, high))))
    assert bool(told) is is_told


def test_words_ahead_are_taken_by_the_same_command() -> None:
    (told,) = ahead_text(record_with(baseline(WORDS, -0.05, (-0.1, -0.02))))
    assert told == (
        f"{WORDS} does better here by 5.0 points (2.0 to 10.0) of accuracy, beyond chance. "
        'Take what does better: run the same command with --features words (in Python: features="words").'
    )
    (told,) = ahead_text(record_with(baseline(WORDS_EACH, -0.02, (-0.03, -0.01), "macro_f1")))
    assert "2.0 points (1.0 to 3.0) of macro F1" in told
    assert "--features words" in told


def test_where_no_command_takes_it_other_features_are_to_be_tried() -> None:
    """No features are known to do as centroids do, or better than words where words are the features."""
    said = "Try other features than these: frostline sweep, with the same file and columns."
    (told,) = ahead_text(record_with(baseline(CENTROID, -0.05, (-0.1, -0.02))))
    assert told.endswith(f"beyond chance. {said}")
    record = record_with(baseline(WORDS, -0.05, (-0.1, -0.02)))
    (told,) = ahead_text(replace(record, features=replace(record.features, spec="words")))
    assert told.endswith(said)


def test_only_the_one_furthest_ahead_is_named() -> None:
    others = (baseline(WORDS, -0.02, (-0.03, -0.01)), baseline(CENTROID, -0.06, (-0.14, 0.02)))
    (told,) = ahead_text(record_with(*others, baseline(MAJORITY, -0.03, (-0.04, -0.02))))
    assert told.startswith(f"{MAJORITY} does better")
    assert told.endswith("Look for wrong labels: frostline review, with the same file and columns.")


@pytest.mark.parametrize("name", [MAJORITY, WORDS, WORDS_EACH, CENTROID])
def test_no_command_is_shown_that_lacks_the_options_of_this_one(name: str) -> None:
    (advice,) = ahead_of_it(record_with(baseline(name, -0.05, (-0.1, -0.02))))
    assert "frostline train" not in advice.sentence
    assert "my reviews" not in advice.sentence


def test_it_stands_on_top_of_every_report() -> None:
    record = small_record()
    record = replace(record, baselines=tuple(replace(one, leads=AHEAD) for one in record.baselines[:1]))
    (told,) = ahead_text(record)
    out = StringIO()
    print_report(record, Console(file=out, width=300))
    assert out.getvalue().index(f"! {told[:60]}") < out.getvalue().index("Encoder")
    page = report_html(record)
    assert page.index("What does better") < page.index("In plain words")
    assert told[:40] in model_card(record)
    advice = as_document(record)["advice"]
    assert isinstance(advice, list)
    assert isinstance(advice[0], dict)
    assert advice[0]["kind"] == "baseline ahead"
    assert plain_words(record)[-1].startswith("Next: Look for wrong labels: frostline review")


AHEAD = {"accuracy": Lead(value=-0.05, interval=(-0.1, -0.02), n=200)}
