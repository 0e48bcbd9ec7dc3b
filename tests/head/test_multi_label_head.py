"""One logistic regression per label, solved together: held to scikit-learn's, one at a time."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.preprocessing import StandardScaler

from frostline.errors import InputError, UsageError
from frostline.head.multi_label import fit_each, learnable, search_each
from frostline.head.search import SearchOptions
from frostline.head.targets import several_labels
from frostline.head.thresholds import best_threshold, best_thresholds

LABELS = tuple("abcdef")


def made(n: int = 240, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose labels are half-planes of very different frequency."""
    random = np.random.RandomState(seed)
    rows = random.normal(size=(n, 12)).astype(np.float32) * np.linspace(0.5, 3, 12).astype(np.float32)
    decisions = rows @ random.normal(size=(12, 6)) + 6 * random.normal(size=(n, 6))
    return rows, decisions > np.diagonal(np.quantile(decisions, [0.97, 0.9, 0.7, 0.5, 0.3, 0.95], axis=0))


def reference(rows: np.ndarray, has: np.ndarray, C: float) -> tuple[StandardScaler, LogisticRegression]:
    scaler = StandardScaler().fit(rows)
    solver = LogisticRegression(C=C, tol=1e-10, solver="newton-cholesky", max_iter=500)
    return scaler, solver.fit(scaler.transform(rows), has)


@pytest.mark.parametrize("C", [1e-3, 0.1, 10.0])
def test_each_label_is_the_regression_that_it_would_be_alone(C: float) -> None:
    """Coefficients for unstandardised rows equal scikit-learn's pipeline's, label by label."""
    rows, members = made()
    head = fit_each(rows, members, labels=LABELS, C=C)
    assert head.link == "logistic"
    for label in range(6):
        scaler, alone = reference(rows.astype(np.float64), members[:, label], C)
        coef = alone.coef_[0] / scaler.scale_
        assert head.coef[label] == pytest.approx(coef, abs=2e-5 * np.abs(coef).max() + 1e-9)
        assert head.intercept[label] == pytest.approx(alone.intercept_[0] - coef @ scaler.mean_, abs=1e-4)


def test_the_other_labels_do_not_matter() -> None:
    """A label's coefficients, C and held-out probabilities are the same with and without the rest."""
    rows, members = made()
    folds = np.arange(len(rows)) % 4
    options = SearchOptions(Cs=(0.01, 0.1, 1.0))
    whole = search_each(rows, members, labels=LABELS, options=options, folds=folds)
    few = search_each(rows, members[:, [4, 1]], labels=("e", "b"), options=options, folds=folds)
    assert whole.chosen_Cs[[4, 1]].tolist() == few.chosen_Cs.tolist()
    assert few.held_out == pytest.approx(whole.held_out[:, [4, 1]], abs=1e-3)
    assert few.head.coef == pytest.approx(whole.head.coef[[4, 1]], rel=1e-3, abs=1e-4)


def test_each_label_has_the_strength_of_the_lowest_held_out_log_loss() -> None:
    """As scikit-learn finds it, fold by fold."""
    rows, members = made()
    folds = np.arange(len(rows)) % 3
    Cs = (1e-4, 1e-2, 1.0, 100.0)
    found = search_each(rows, members, labels=LABELS, options=SearchOptions(Cs=Cs), folds=folds)
    for label in range(6):
        means = []
        for C in Cs:
            losses = []
            for fold in range(3):
                scaler, alone = reference(rows[folds != fold].astype(np.float64), members[folds != fold, label], C)
                given = alone.predict_proba(scaler.transform(rows[folds == fold]))[:, 1]
                losses.append(log_loss(members[folds == fold, label], given, labels=[False, True]))
            means.append(np.mean(losses))
        assert found.losses[:, label] == pytest.approx(means, abs=1e-3)
        assert found.chosen_Cs[label] == Cs[int(np.argmin(means))]


def test_climbing_ends_early_where_the_loss_rises_and_chooses_the_same() -> None:
    """The default grid is not searched to its end, and what is left out would not have been chosen."""
    rows, members = made()
    folds = np.arange(len(rows)) % 3
    climbed = search_each(rows, members, labels=LABELS, options=SearchOptions(), folds=folds)
    grid = tuple(float(C) for C in np.logspace(-5, 1, 13))
    whole = search_each(rows, members, labels=LABELS, options=SearchOptions(Cs=grid), folds=folds)
    assert climbed.chosen_Cs == pytest.approx(whole.chosen_Cs)
    assert np.isnan(climbed.losses).sum() > np.isnan(whole.losses).sum() == 0


def test_one_standard_error_takes_smaller_values() -> None:
    rows, members = made()
    best = search_each(rows, members, labels=LABELS, options=SearchOptions())
    small = search_each(rows, members, labels=LABELS, options=SearchOptions(one_standard_error=True))
    assert (small.chosen_Cs <= best.chosen_Cs).all()
    assert (small.chosen_Cs < best.chosen_Cs).any()


def test_labels_that_cannot_be_learned_keep_their_share() -> None:
    """On one row, on no row, on every row: the others are learned as if these were not there."""
    rows, members = made()
    members[:, 3:] = False
    members[0, 3] = True
    members[:, 5] = True
    found = search_each(rows, members, labels=LABELS, options=SearchOptions(Cs=(0.1,)))
    assert found.learned.tolist() == [True] * 3 + [False] * 3
    shares = found.head.predict_proba(rows)[0, 3:]
    assert shares == pytest.approx([1.5 / 241, 0.5 / 241, 240.5 / 241])
    assert "too few rows" in found.warnings[0]
    assert all("f" in answer for answer in found.head.predict(rows))


def test_nothing_to_learn_and_options_that_do_not_fit_are_refused() -> None:
    rows, members = made()
    with pytest.raises(InputError, match="No text has a label"):
        search_each(rows, np.zeros_like(members), labels=LABELS, options=SearchOptions())
    with pytest.raises(InputError, match="missing from two or more"):
        search_each(rows, np.ones_like(members), labels=LABELS, options=SearchOptions())
    for options in (SearchOptions(scoring="f1_macro"), SearchOptions(class_weight="balanced")):
        with pytest.raises(UsageError, match="several labels"):
            search_each(rows, members, labels=LABELS, options=options)


def test_a_label_is_learnable_if_every_fold_leaves_both_sides() -> None:
    members = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], dtype=bool)
    assert learnable(members, np.array([0, 1, 0, 1])).tolist() == [True, False]
    assert learnable(members, np.array([0, 0, 1, 1])).tolist() == [False, False]


def test_a_block_of_many_labels_is_solved_a_few_at_a_time() -> None:
    """More labels than a block holds, in any order of frequency, come back in their own columns."""
    random = np.random.RandomState(1)
    rows = random.normal(size=(150, 4))
    members = random.rand(150, 45) < random.uniform(0.1, 0.9, 45)
    head = fit_each(rows, members, labels=tuple(range(45)), C=0.1)
    for label in (0, 17, 44):
        scaler, alone = reference(rows, members[:, label], 0.1)
        assert head.coef[label] == pytest.approx(alone.coef_[0] / scaler.scale_, abs=1e-5)


def test_a_threshold_is_the_one_of_the_highest_f1() -> None:
    """No other one does better, equal probabilities are never parted, and the middle of the gap is taken."""
    random = np.random.RandomState(0)
    for _ in range(30):
        given = random.rand(40).round(1)
        has = random.rand(40) < given
        if not has.any():
            continue
        best = f1_score(has, given >= best_threshold(given, has))
        assert best == max(f1_score(has, given >= limit, zero_division=0) for limit in np.unique(given))
    assert best_threshold(np.array([0.9, 0.6, 0.2]), np.array([True, True, False])) == pytest.approx(0.4)
    assert best_threshold(np.array([0.9, 0.6]), np.array([False, False])) == 0.5


def test_rare_labels_share_a_threshold() -> None:
    """That of all decisions together: their own would be chance."""
    random = np.random.RandomState(0)
    held_out = random.rand(200, 3)
    members = random.rand(200, 3) < held_out * [1, 0.5, 0.01]
    members[:3, 2] = True
    found = best_thresholds(held_out, members, fewest=10)
    assert found[2] == best_threshold(held_out.ravel(), members.ravel())
    assert found[0] == best_threshold(held_out[:, 0], members[:, 0])


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, np.array])
def test_sets_of_labels_come_in_any_collection(kind: type) -> None:
    found = several_labels([kind(["b", "a"]), kind([]), kind(["b"])], n_texts=3)
    assert found is not None
    assert (found.labels, found.members.tolist()) == (("a", "b"), [[True, True], [False, False], [False, True]])


def test_a_matrix_is_what_has_two_dimensions() -> None:
    """And holds 0 and 1; one column is one label per text, as for scikit-learn."""
    found = several_labels(np.array([[1, 0], [0, 0]]), n_texts=2)
    assert found is not None
    assert (found.labels, found.is_indicator) == ((0, 1), True)
    assert several_labels(np.array([[1], [0]]), n_texts=2) is None
    assert several_labels(["ab", "cd"], n_texts=2) is None
    with pytest.raises(InputError, match="0 and 1"):
        several_labels(np.array([[1, 2], [0, 0]]), n_texts=2)
    with pytest.raises(InputError, match="one type"):
        several_labels([["a"], [1]], n_texts=2)
    with pytest.raises(InputError, match="Item 1"):
        several_labels([["a"], "b"], n_texts=2)


def test_answers_are_tuples_in_the_order_of_the_labels() -> None:
    rows, members = made()
    head = fit_each(rows, members, labels=LABELS, C=1.0)
    given = head.predict_proba(rows) >= 0.5
    assert head.predict(rows)[3] == tuple(label for label, has in zip(LABELS, given[3], strict=True) if has)
