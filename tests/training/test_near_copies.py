"""Test texts that nearly are training texts: counted however it is tested, told, and nothing forecast by them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline import record as records
from frostline.advice import about_near
from frostline.data.dataset import Dataset, Source
from frostline.encoder.words import WordsAlone
from frostline.evaluate.learning_curve import LearningCurve, Outlook
from frostline.head.options import SearchOptions
from frostline.record import NearRecord, TrainingRecord
from frostline.report.plain import near_text, next_step, plain_words
from frostline.review.repeats import with_near_copies
from frostline.targets import Targets
from frostline.training import Training, TrainingOptions, run, train
from frostline.training.tested import without_forecast

HOW = SearchOptions(Cs=(0.1, 10.0), n_folds=3, seed=0)
WIDE = FakeEncoder(features="mean@-1", hidden_size=48)


def table(texts: list[str], labels: list[str], name: str = "near.tsv") -> Dataset:
    source = Source(name=name, sha256="0" * 64, size_bytes=1, text_column="text", label_column="label")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=range(1, len(texts) + 1), source=source)


def near_pairs(n: int = 60, *, first: int = 0) -> tuple[list[str], list[str], list[str]]:
    """Texts of words of their own, the same with a word more, and coins for labels."""
    texts = [" ".join(f"w{row}x{place}" for place in range(8)) for row in range(first, first + n)]
    coins = np.random.RandomState(3).permutation(np.arange(n) % 2)
    return texts, [f"{text} really" for text in texts], [f"l{coin}" for coin in coins.tolist()]


def both(n: int = 60) -> Dataset:
    texts, again, labels = near_pairs(n)
    return table(texts + again, labels + labels)


def trained(
    dataset: Dataset,
    *,
    test: Dataset | None = None,
    nested: bool = False,
    near_together: bool = False,
    learning_curve: bool = False,
) -> Training:
    options = TrainingOptions(search=HOW, nested=nested, near_together=near_together, learning_curve=learning_curve)
    return train(dataset, WIDE, test=test, options=options)


@cache
def held_out() -> TrainingRecord:
    return trained(both(), learning_curve=True).record


def near_of(record: TrainingRecord) -> NearRecord | None:
    assert record.test_source is not None
    return record.test_source.near


def test_near_copies_in_other_folds_are_told() -> None:
    """Coins cannot be foretold: a score far above a half is one of texts that were nearly known."""
    training = trained(both(), nested=True)
    record, near = training.record, near_of(training.record)
    assert record.nested is not None
    fold_of = record.nested.fold_of
    apart = fold_of[:60] != fold_of[60:]
    assert near is not None
    assert near.n == 2 * apart.sum()
    assert near.n_looked == 120
    assert near.can_be_kept
    told = f"{near.n} of 120 test texts are nearly training texts: --keep-near-copies-together has such on one side."
    assert told in record.warnings
    alone = ~np.concatenate([apart, apart])
    right = (training.examples.favoured == training.examples.members).all(axis=1)
    assert near.n_right == right[alone].sum()
    said = (
        f"But {near.n} of 120 looked at are nearly texts that it learned from; of the {120 - near.n} others "
        f"{near.n_right} were right, which tells more of new ones."
    )
    assert said in plain_words(record)
    assert next_step(record) == (
        "Next: Test with near copies on one side: run the same command with --keep-near-copies-together."
    )


def test_of_texts_that_were_not_looked_at_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where texts are many some are looked at, and the others that were right are others among those."""
    monkeypatch.setattr("frostline.review.repeats.MOST_COMPARED", 90 * 12)
    near = near_of(trained(both()).record)
    assert near is not None
    assert near.n_looked == 12
    assert near.n_right <= near.n_looked - near.n


def test_what_was_kept_together_is_not_told_of() -> None:
    dataset = both()
    joined, n_near = with_near_copies(dataset, WIDE.encode(dataset.texts).rows)
    assert n_near == 120
    record = trained(joined, nested=True, near_together=True).record
    assert near_of(record) is None
    assert about_near(record) == ()
    assert not any("near" in warning for warning in record.warnings)


def test_a_hold_out_advises_the_option_once() -> None:
    record = held_out()
    (advice,) = about_near(record)
    assert advice.sentence.endswith(": run the same command with --keep-near-copies-together.")
    near = near_of(record)
    assert near is not None
    assert advice.reason == f"{near.n} of 30 test texts are nearly training texts."
    assert near_of(trained(both(), near_together=True).record) is None, "those of the file are together already"


def test_near_copies_of_a_test_file_cannot_be_kept_on_one_side() -> None:
    texts, again, labels = near_pairs()
    others, _, other_labels = near_pairs(20, first=100)
    test = table(again[:40] + others, labels[:40] + other_labels, "test.tsv")
    record = trained(table(texts, labels), test=test).record
    near = near_of(record)
    assert near is not None
    assert (near.n, near.n_looked, near.can_be_kept) == (40, 60, False)
    assert near_of(trained(table(texts, labels), test=test, near_together=True).record) == near
    assert "40 of 60 test texts are nearly training texts: frostline review lists such." in record.warnings
    assert next_step(record) == (
        "Next: Look at near copies, and leave them out: frostline review near.tsv --test test.tsv"
    )


def test_copies_alone_are_not_told_of_as_near() -> None:
    texts, _, labels = near_pairs(40)
    record = trained(table(texts, labels), test=table(texts[:20], labels[:20], "test.tsv")).record
    assert near_of(record) is None
    assert not any("nearly" in warning for warning in record.warnings)


def test_nothing_is_forecast_by_near_copies() -> None:
    """Unless they are few; and a curve that forecasts nothing anyway keeps its own reason."""
    curve, near = held_out().learning, NearRecord(n=18, n_looked=30, n_right=6, can_be_kept=True)
    assert curve is not None
    outlook = Outlook(n_rows=(), accuracy=(), low=(), high=(), gains=())
    forecast = replace(curve, outlook=outlook, no_outlook="")
    begun = "What more rows bring to new texts is not forecast"
    without = without_forecast(forecast, near)
    why = "18 of 30 test texts are near copies of training texts"
    assert (without.outlook, without.no_outlook) == (None, f"{begun}: {why}.")
    for few in (None, replace(near, n=1)):
        assert without_forecast(forecast, few) is forecast
    silent = replace(curve, outlook=None, no_outlook="too few")
    assert without_forecast(silent, near) is silent


def test_a_training_withholds_the_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[NearRecord | None] = []

    def noted(curve: LearningCurve, near: NearRecord | None) -> LearningCurve:
        asked.append(near)
        return curve

    monkeypatch.setattr(run, "without_forecast", noted)
    near = near_of(trained(both(), learning_curve=True).record)
    assert near is not None
    assert asked == [near]


@pytest.mark.parametrize(("n", "n_looked", "matters"), [(1, 20, True), (1, 21, False), (30, 30, True)])
def test_one_in_twenty_matters(n: int, n_looked: int, *, matters: bool) -> None:
    record = held_out()
    assert record.test_source is not None
    near = NearRecord(n=n, n_looked=n_looked, n_right=0, can_be_kept=True)
    source = replace(record.test_source, near=near)
    assert near.matters == matters
    assert bool(near_text(source)) == matters
    assert bool(about_near(replace(record, test_source=source))) == matters
    if n == n_looked:
        said = "But 30 of 30 looked at are nearly texts that it learned from"
        assert near_text(source) == [f"{said}: how good it is on new ones is not known."]


def test_of_words_alone_there_is_no_telling() -> None:
    encoder = WordsAlone()
    record = train(both(), encoder, options=TrainingOptions(search=HOW)).record
    assert "Near copies were not looked for: words alone have no rows by which texts are near." in record.warnings


@pytest.mark.parametrize(
    ("n_others", "end"),
    [
        (0, ": how good it is on new ones is not known."),
        (9, ": how good it is on new ones the 9 others cannot tell."),
        (10, "; of the 10 others 8 were right, which tells more of new ones."),
    ],
)
def test_a_handful_of_others_tells_nothing_of_new_texts(n_others: int, end: str) -> None:
    near = NearRecord(n=40, n_looked=40 + n_others, n_right=8, can_be_kept=True)
    source = records.TestRecord(kind="random hold-out", n_fitted=100, n_leaks=0, near=near)
    assert near_text(source) == [f"But 40 of {40 + n_others} looked at are nearly texts that it learned from{end}"]
