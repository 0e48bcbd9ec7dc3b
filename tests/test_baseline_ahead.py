"""A baseline that surely does better stands on top of every report, with the command that does as it does."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from frostline.evaluate.baselines import CENTROID, MAJORITY, WORDS, WORDS_EACH, Baseline, Lead
from frostline.record import TrainingRecord
from frostline.report.card import model_card
from frostline.report.document import as_document
from frostline.report.page import report_html
from frostline.report.phrases import ahead_text, plain_words
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


def test_the_command_can_be_pasted() -> None:
    record = record_with(baseline(WORDS, -0.05, (-0.1, -0.02)))
    (told,) = ahead_text(record)
    assert told.startswith(f"{WORDS} does better here by 5.0 points (2.0 to 10.0) of accuracy, beyond chance. ")
    assert "frostline train 'my reviews.tsv'" in told
    assert told.endswith(" --features words --out model")
    words = replace(record, features=replace(record.features, spec="words"))
    assert ahead_text(words)[0].endswith(" --features auto --out model")


def test_the_furthest_ahead_is_first_and_each_has_its_own_command() -> None:
    told = ahead_text(
        record_with(
            baseline(MAJORITY, -0.01, (-0.02, -0.005)),
            baseline(WORDS_EACH, -0.02, (-0.03, -0.01), "macro_f1"),
            baseline(CENTROID, -0.03, (-0.04, -0.02)),
        )
    )
    assert [one.split(" does better")[0] for one in told] == [CENTROID, WORDS_EACH, MAJORITY]
    assert "--features auto" in told[0]
    assert "of macro F1" in told[1]
    assert told[2].endswith("frostline review 'my reviews.tsv'")


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
    assert plain_words(record)[-1].startswith("Next: Take what does better")


AHEAD = {"accuracy": Lead(value=-0.05, interval=(-0.1, -0.02), n=200)}
