"""`train --features auto`: features chosen by a sweep of the training rows, and the report says so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.errors import UsageError
from frostline.head.options import SearchOptions
from frostline.sweep import SWEEP_FEATURES, SweepOptions, sweep
from frostline.sweep.candidates import shortlist
from frostline.targets import Targets
from frostline.training import TrainingOptions, train
from frostline.training.choosing import choice_in_turn, choose_features

Command = Callable[..., Any]
OPTIONS = TrainingOptions(search=SearchOptions(Cs=(0.01, 1.0), n_folds=3))


def dataset(n: int, seed: int) -> Dataset:
    random = np.random.RandomState(seed)
    labels = [str(row % 2) for row in range(n)]
    texts = [" ".join([f"t{row}", f"w{random.randint(9)}", f"own{label}"]) for row, label in enumerate(labels)]
    source = Source(name="made", sha256="0" * 64, size_bytes=0, text_column="1", label_column="2")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=list(range(1, n + 1)), source=source)


def test_held_out_rows_take_no_part_in_the_choice() -> None:
    """The sweep reads the rows that `train` learns from, and no other."""
    data = dataset(80, 0)
    wide = FakeEncoder(features=SWEEP_FEATURES)
    swept = choose_features(data, wide, options=OPTIONS)
    trained = train(data, FakeEncoder(features=swept.winner.candidate.features), options=OPTIONS, swept=swept)
    assert swept.n == trained.record.n_trained == 60
    assert len(wide.read) == 60
    test = dataset(20, 1)
    with_test = choose_features(data, FakeEncoder(features=SWEEP_FEATURES), test=test, options=OPTIONS)
    assert with_test.n == 80
    assert with_test.test is None


def test_the_record_says_that_the_features_were_chosen_and_counts_what_that_took() -> None:
    """How many candidates; the sweep's readings and seconds are part of the training's."""
    data = dataset(80, 0)
    swept = choose_features(data, FakeEncoder(features=SWEEP_FEATURES), options=OPTIONS)
    encoder = FakeEncoder(features=swept.winner.candidate.features)
    plain, told = (train(data, encoder, options=OPTIONS, swept=found).record for found in (None, swept))
    assert plain.features.n_candidates == 1
    assert told.features.n_candidates == len(swept.trials)
    assert told.features.n_read == plain.features.n_read + 60
    assert told.seconds.search > swept.seconds_search
    assert told.seconds.total > swept.seconds_read + swept.seconds_search


def test_features_that_test_rows_helped_to_choose_are_not_tested_in_turn() -> None:
    """Every outer fold has to choose anew, so `train` asks for the means to."""
    data, options = dataset(80, 0), replace(OPTIONS, nested=True)
    swept = choose_features(data, FakeEncoder(features=SWEEP_FEATURES), options=options)
    with pytest.raises(UsageError, match="chosen anew in every outer fold"):
        train(data, FakeEncoder(features=swept.winner.candidate.features), options=options, swept=swept)


def test_every_outer_fold_chooses_by_its_own_rows_alone() -> None:
    """What the rows left out hold changes no choice; the record names each fold's choice."""
    data, options = dataset(80, 0), replace(OPTIONS, nested=True)
    encoder = FakeEncoder(features=SWEEP_FEATURES)
    choice = choice_in_turn(data, encoder, options=options)
    training = np.arange(80) >= 20
    name, rows = choice(training)
    spoiled = replace(choice.columns.reading, rows=choice.columns.reading.rows.copy())
    spoiled.rows[:20] = 7.0
    again, _ = replace(
        choice,
        columns=replace(choice.columns, reading=spoiled),
        targets=replace(choice.targets, members=choice.targets.members ^ ~training[:, None]),
    )(training)
    assert again == name
    assert rows.shape[0] == 80
    swept = choose_features(data, encoder, options=options)
    features = swept.winner.candidate.features
    record = train(data, FakeEncoder(features=features), options=options, swept=swept, choose=choice).record
    assert record.nested is not None
    assert len(record.nested.chosen_features) == record.nested.n_outer == 3
    assert record.nested.evaluation.n == 80


def test_an_outer_fold_chooses_what_a_sweep_of_its_rows_would() -> None:
    """The rule is the sweep's own."""
    data, options = dataset(90, 3), replace(OPTIONS, nested=True)
    encoder = FakeEncoder(features=SWEEP_FEATURES)
    training = np.arange(90) < 60
    name, rows = choice_in_turn(data, encoder, options=options)(training)
    alone = sweep(data.take(np.flatnonzero(training)), encoder, options=SweepOptions(search=OPTIONS.search))
    assert name == alone.winner.candidate.features
    np.testing.assert_array_equal(rows, FakeEncoder(features=name).encode(data.texts).rows)


def test_many_rows_choose_among_a_short_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outer folds and the saved head choose among the same few; a hold-out among all."""
    monkeypatch.setattr("frostline.training.choosing.SHORTLIST_FROM", 79)
    data, encoder = dataset(80, 0), FakeEncoder(features=SWEEP_FEATURES)
    nested = replace(OPTIONS, nested=True)
    swept = choose_features(data, encoder, options=nested)
    choice = choice_in_turn(data, encoder, options=nested)
    assert len(swept.trials) == choice.n_candidates == len(shortlist(2))
    assert {trial.candidate.features for trial in swept.trials} == {each.features for each in choice.tried}
    assert len(choose_features(data, encoder, options=OPTIONS).trials) > len(shortlist(2))


def test_train_takes_the_features_of_the_sweep_and_saves_them(
    frostline: Command, reviews: Path, tmp_path: Path
) -> None:
    """The report says how they were chosen, and the saved classifier predicts with them."""
    out = tmp_path / "model"
    arguments = ("train", reviews, "--features", "auto", "--folds", "3", "-C", "0.01")
    document = frostline(*arguments, "--out", out, "--json").document
    swept = frostline("sweep", reviews, "--holdout", "0.25", "--folds", "3", "-C", "0.01", "--json").document
    assert document["chosen"]["features"] == swept["winner"]["features"]
    # the best single block with words is one, and words alone
    assert document["features"]["n_candidates"] == len(swept["candidates"]) == 31
    assert "words" in {one["features"] for one in swept["candidates"]}
    assert document["search"]["best_score"] == pytest.approx(swept["winner"]["cross_validated"]["value"])
    assert "by cross-validation on the training rows" in (out / "README.md").read_text("utf-8")
    assert frostline("predict", out, "a joy").code == 0
