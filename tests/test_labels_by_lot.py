"""Labels that have nothing to do with the texts: whatever is reported of them must be what guessing gets.

Whoever lets a tested row take part in a choice (of C, of features, of a calibration, of thresholds) is found out here:
with labels drawn by lot there is nothing else to be better by. Each figure is the mean over several drawings, so that a
small bias shows; chance is 1 / n_labels, for every label has as many rows.
"""

from dataclasses import replace

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.evaluate.intervals import Estimate
from frostline.head.deciding import RuleOptions
from frostline.head.fitted import AnswerOptions
from frostline.head.options import SearchOptions
from frostline.review.run import ReviewOptions, review
from frostline.sweep import SWEEP_FEATURES, SweepOptions, sweep
from frostline.sweep.compare import Contestant, compare
from frostline.targets import Targets
from frostline.training import TrainingOptions, train
from frostline.training.choosing import choice_in_turn, choose_features

pytestmark = pytest.mark.slow

DRAWINGS = 8
NARROW = 8  # numbers per block where 16 candidates are swept, once more for each fold
SEARCH = SearchOptions(Cs=(0.001, 0.1, 10.0), n_folds=3, threads=1)
PLAIN = AnswerOptions(calibrate="none")
ANSWERS = {
    "plain": PLAIN,
    "calibrated": AnswerOptions(),
    "isotonic": AnswerOptions(calibrate="isotonic"),
    "thresholds": AnswerOptions(rule=RuleOptions(thresholds="f1")),
}


def by_lot(n_labels: int, drawing: int, n: int = 60) -> Dataset:
    """`n` different texts of random words per label; which label each has is drawn by lot."""
    random = np.random.default_rng([n_labels, drawing])
    rows = n * n_labels
    return Dataset(
        texts=[f"{' '.join(f'w{word}' for word in random.integers(30, size=5))} t{row}" for row in range(rows)],
        targets=Targets.of_labels([f"label {code}" for code in random.permutation(np.arange(rows) % n_labels)]),
        lines=list(range(1, rows + 1)),
        source=Source(name="lots.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2"),
    )


def assert_chance(found: list[Estimate], n_labels: int) -> None:
    """Their mean is at chance within four of its standard errors, and nearly every interval holds it."""
    chance = 1 / n_labels
    values, n = [estimate.value for estimate in found], sum(estimate.n for estimate in found)
    assert abs(np.mean(values) - chance) < 4 * np.sqrt(chance * (1 - chance) / n), values
    covers = [estimate.interval[0] <= chance <= estimate.interval[1] for estimate in found]
    assert sum(covers) >= len(found) - 2, values


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("nested", [False, True], ids=["hold-out", "nested"])
@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
def test_a_training_scores_chance(n_labels: int, *, nested: bool, answers: AnswerOptions) -> None:
    """Accuracy, and macro F1's upper limit; calibration and thresholds make nothing of nothing."""
    found = []
    for drawing in range(DRAWINGS):
        options = TrainingOptions(search=replace(SEARCH, seed=drawing), nested=nested, answers=answers)
        record = train(by_lot(n_labels, drawing), FakeEncoder(), options=options).record
        assert record.test is not None
        found.append(record.test.accuracy)
        assert record.test.macro_f1.interval[0] <= 1 / n_labels
    assert_chance(found, n_labels)


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("nested", [False, True], ids=["hold-out", "nested"])
def test_chosen_features_score_chance(n_labels: int, *, nested: bool) -> None:
    """`--features auto` chooses among 16, and what is reported took no part in it."""
    found = []
    for drawing in range(DRAWINGS):
        data = by_lot(n_labels, drawing)
        options = TrainingOptions(search=replace(SEARCH, seed=drawing), nested=nested, answers=PLAIN)
        wide = FakeEncoder(features=SWEEP_FEATURES, hidden_size=NARROW)
        swept = choose_features(data, wide, options=options)
        choose = choice_in_turn(data, wide, options=options) if nested else None
        own = FakeEncoder(features=swept.winner.candidate.features, hidden_size=NARROW)
        record = train(data, own, options=options, swept=swept, choose=choose).record
        assert record.test is not None
        found.append(record.test.accuracy)
    assert_chance(found, n_labels)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_sweep_tests_its_choice_at_chance(n_labels: int) -> None:
    """The cross-validated score of the winner flatters, and is called so; its test does not."""
    found, chose = [], []
    for drawing in range(DRAWINGS):
        swept = sweep(
            by_lot(n_labels, drawing),
            FakeEncoder(features=SWEEP_FEATURES, hidden_size=NARROW),
            test=by_lot(n_labels, drawing + 100),
            options=SweepOptions(search=replace(SEARCH, seed=drawing)),
        )
        assert swept.test is not None
        found.append(swept.test.evaluation.accuracy)
        chose.append(swept.best.score.value)
    assert_chance(found, n_labels)
    assert np.mean(chose) > np.mean([estimate.value for estimate in found])


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_comparison_finds_no_difference(n_labels: int) -> None:
    """Three encoders that know nothing: hardly ever is one surely behind the best."""
    told = 0
    for drawing in range(DRAWINGS):
        names = ["one", "two", "three"]
        open_ones = [FakeEncoder(weights=name) for name in names]
        found = compare(
            by_lot(n_labels, drawing),
            [
                Contestant(name=name, features="mean@all", kept=encoder, fresh=encoder, size_bytes=1)
                for name, encoder in zip(names, open_ones, strict=True)
            ],
            search=replace(SEARCH, seed=drawing),
        )
        told += any(standing.p_adjusted < 0.05 for standing in found.standings[1:])
    assert told <= 2


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_review_hardly_ever_calls_a_label_wrong(n_labels: int) -> None:
    """Every label could be as well another: there is nothing to correct by."""
    called = 0
    for drawing in range(DRAWINGS):
        options = ReviewOptions(search=replace(SEARCH, seed=drawing), n_foldings=2)
        called += bool(review(by_lot(n_labels, drawing), FakeEncoder(), options=options).wrong)
    assert called <= 1
