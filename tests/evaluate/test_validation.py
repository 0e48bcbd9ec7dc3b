"""Nested cross-validation: each row is predicted by a head, and a C, that never saw it."""

import numpy as np
import pytest

from frostline.arrays import Features, IntArray
from frostline.data.split import folds, stratified_folds
from frostline.errors import InputError
from frostline.evaluate.nested import nested_cross_validation
from frostline.head.fitted import AnswerOptions, fit
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.targets import Targets

OPTIONS = SearchOptions(Cs=(0.001, 0.1, 10.0), n_folds=3)


def two_clouds(n: int, gap: float, n_features: int = 5) -> tuple[Features, IntArray]:
    rng = np.random.default_rng(0)
    codes = (np.arange(n) % 2).astype(np.int64)
    return (rng.normal(size=(n, n_features)) + gap * codes[:, None]).astype(np.float32), codes


def yes_or_no(codes: IntArray) -> Targets:
    return Targets.of_codes(codes, ("no", "yes"))


def test_every_outer_fold_is_searched_and_predicted_without_its_rows() -> None:
    """The same as doing it by hand; each fold's C and accuracy is shown, and all rows are scored together."""
    rows, codes = two_clouds(103, 0.6)
    found = nested_cross_validation(rows, yes_or_no(codes), options=OPTIONS, n_outer=4, seed=5)
    fold_of = stratified_folds(codes, n_folds=4, seed=5)
    right = np.zeros(103, dtype=bool)
    for fold in range(4):
        held = fold_of == fold
        searched = search(rows[~held], yes_or_no(codes).take(~held), options=OPTIONS)
        right[held] = searched.head.predict(rows[held]) == np.array(["no", "yes"])[codes[held]]
        assert found.chosen_Cs[fold] == searched.chosen_C
        assert found.fold_accuracies[fold] == pytest.approx(right[held].mean())
    assert found.n_outer == 4
    assert found.n_fitted == 103 - 26
    assert found.evaluation.n == 103
    assert found.evaluation.accuracy.value == pytest.approx(right.mean())


def test_labels_that_do_not_exclude_each_other_are_tested_in_turn_by_the_same_way() -> None:
    """As by hand, fold by fold: each label's C anew, thresholds too; the share of rows with all labels right."""
    rows, codes = two_clouds(90, 1.5)
    members = np.column_stack([codes == 1, np.arange(90) % 3 == 0])
    targets = Targets(("cloud", "third"), members, exclusive=False)
    found = nested_cross_validation(rows, targets, options=OPTIONS, answers=AnswerOptions(), n_outer=3, seed=5)
    fold_of = folds(targets, n_folds=3, seed=5)
    np.testing.assert_array_equal(found.fold_of, fold_of)
    for fold in range(3):
        held = fold_of == fold
        alone = fit(rows[~held], targets.take(~held), search=OPTIONS, answers=AnswerOptions())
        answer = alone.head.answer(alone.head.predict_proba(rows[held]))
        np.testing.assert_array_equal(found.favoured[held], answer.favoured)
        np.testing.assert_array_equal(found.uncalibrated[held], alone.search.head.predict_proba(rows[held]))
        assert found.chosen_Cs[fold] == pytest.approx(np.sqrt(np.prod(alone.search.chosen_C)))
        assert found.fold_accuracies[fold] == pytest.approx((answer.favoured == members[held]).all(axis=1).mean())
    assert found.answered.all()
    right = (found.favoured == members).all(axis=1)
    assert found.evaluation.scores["subset_accuracy"].value == pytest.approx(right.mean())
    np.testing.assert_array_equal(found.fold_of[found.order], np.sort(fold_of))


def test_pure_noise_scores_as_noise() -> None:
    """With more features than rows a head knows all its rows by heart: a single leaked fold would show."""
    rows, codes = two_clouds(200, 0.0, n_features=400)
    found = nested_cross_validation(rows, yes_or_no(codes), options=OPTIONS)
    assert 0.35 < found.evaluation.accuracy.value < 0.65
    learned = search(rows, yes_or_no(codes), options=OPTIONS).head
    assert np.mean(learned.predict_proba(rows).argmax(axis=1) == codes) > 0.99


def test_the_seed_decides_the_folds() -> None:
    """The same seed, the same scores; another, others."""
    rows, codes = two_clouds(120, 0.3)
    first, same, other = (
        nested_cross_validation(rows, yes_or_no(codes), options=OPTIONS, seed=seed) for seed in (1, 1, 2)
    )
    assert first.fold_accuracies == same.fold_accuracies
    assert first.fold_accuracies != other.fold_accuracies


def test_a_rare_label_lowers_the_number_of_folds() -> None:
    """Three rows of a label make three outer folds, and two inner ones: each step has one to test on."""
    rows, codes = two_clouds(60, 0.0)
    codes[:] = 0
    codes[[5, 30, 41]] = 1
    told: list[tuple[int, int]] = []
    found = nested_cross_validation(
        rows,
        yes_or_no(codes),
        options=OPTIONS,
        progress=lambda done, total: told.append((done, total)),
    )
    assert found.n_outer == 3
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_label_with_two_rows_is_named() -> None:
    """It cannot be learned from, searched with and tested on."""
    rows, codes = two_clouds(20, 1.0)
    codes[:] = 0
    codes[[3, 9]] = 1
    with pytest.raises(InputError, match="got 2 of 'yes'"):
        nested_cross_validation(rows, yes_or_no(codes), options=OPTIONS)


def test_rows_left_out_take_no_part_in_choosing_features() -> None:
    """Each outer fold's choice is asked for with just the rows that are learned from, and no fold is forgotten."""
    random = np.random.default_rng(0)
    rows, codes = random.normal(size=(30, 4)).astype(np.float32), np.arange(30) % 2
    asked: list[np.ndarray] = []

    def choose(training: np.ndarray) -> tuple[str, np.ndarray]:
        asked.append(training)
        return f"choice {len(asked)}", rows

    options = SearchOptions(Cs=(0.1,), n_folds=3)
    found = nested_cross_validation(rows, yes_or_no(codes), options=options, choose=choose, n_outer=3)
    assert len(asked) == found.n_outer == 3
    for fold, training in enumerate(asked):
        np.testing.assert_array_equal(training, found.fold_of != fold)
    assert found.chosen_features == ("choice 1", "choice 2", "choice 3")
