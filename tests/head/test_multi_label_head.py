"""One logistic regression per label, solved together: held to scikit-learn's, one at a time."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, log_loss
from sklearn.preprocessing import StandardScaler

from frostline.errors import InputError, UsageError
from frostline.head.deciding import best_threshold, best_thresholds
from frostline.head.options import SearchOptions, default_grid, learnable, training_of
from frostline.head.search import fit_at, fit_subsets, search
from frostline.targets import Targets, several_labels

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
    head = fit_at(rows, Targets(LABELS, members, exclusive=False), C=C)
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
    whole = search(rows, Targets(LABELS, members, exclusive=False), options=options, folds=folds)
    few = search(rows, Targets(("e", "b"), members[:, [4, 1]], exclusive=False), options=options, folds=folds)
    assert whole.chosen_C[[4, 1]].tolist() == few.chosen_C.tolist()
    assert few.held_out_decisions == pytest.approx(whole.held_out_decisions[:, [4, 1]], abs=1e-2)
    assert few.head.coef == pytest.approx(whole.head.coef[[4, 1]], rel=1e-3, abs=1e-4)


def test_each_label_has_the_strength_of_the_lowest_held_out_log_loss() -> None:
    """As scikit-learn finds it, fold by fold."""
    rows, members = made()
    folds = np.arange(len(rows)) % 3
    Cs = (1e-4, 1e-2, 1.0, 100.0)
    found = search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(Cs=Cs), folds=folds)
    for label in range(6):
        means = []
        for C in Cs:
            losses = []
            for fold in range(3):
                scaler, alone = reference(rows[folds != fold].astype(np.float64), members[folds != fold, label], C)
                given = alone.predict_proba(scaler.transform(rows[folds == fold]))[:, 1]
                losses.append(log_loss(members[folds == fold, label], given, labels=[False, True]))
            means.append(np.mean(losses))
        assert -found.mean_scores[:, label] == pytest.approx(means, abs=1e-3)
        assert found.chosen_C[label] == Cs[int(np.argmin(means))]


def test_climbing_ends_early_where_the_loss_rises_and_chooses_the_same() -> None:
    """The default grid is not searched to its end, and what is left out would not have been chosen."""
    rows, members = made()
    folds = np.arange(len(rows)) % 3
    climbed = search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(), folds=folds)
    grid = tuple(float(C) for C in np.logspace(-5, 1, 13))
    whole = search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(Cs=grid), folds=folds)
    assert climbed.chosen_C == pytest.approx(whole.chosen_C)
    assert np.isnan(climbed.scores).sum() > np.isnan(whole.scores).sum() == 0


def test_one_standard_error_takes_smaller_values() -> None:
    rows, members = made()
    best = search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions())
    small = search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(one_standard_error=True))
    assert (small.chosen_C <= best.chosen_C).all()
    assert (small.chosen_C < best.chosen_C).any()


def test_labels_that_cannot_be_learned_keep_their_share() -> None:
    """On one row, on no row, on every row: the others are learned as if these were not there."""
    rows, members = made()
    members[:, 3:] = False
    members[0, 3] = True
    members[:, 5] = True
    found = search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(Cs=(0.1,)))
    assert found.learned.tolist() == [True] * 3 + [False] * 3
    shares = found.head.predict_proba(rows)[0, 3:]
    assert shares == pytest.approx([1.5 / 241, 0.5 / 241, 240.5 / 241])
    assert found.warnings == (
        "Every row has 'f': nothing can be learned of it, and every text will get it.",
        (
            "'d', 'e': too few rows with it, or without it, to learn from; every text gets its share of the 240 rows "
            "as its probability."
        ),
    )
    assert all("f" in answer for answer in found.head.predict(rows))


def test_nothing_to_learn_and_options_that_do_not_fit_are_refused() -> None:
    rows, members = made()
    with pytest.raises(InputError, match="No text has a label"):
        search(rows, Targets(LABELS, np.zeros_like(members), exclusive=False), options=SearchOptions())
    with pytest.raises(InputError, match="missing from two or more"):
        search(rows, Targets(LABELS, np.ones_like(members), exclusive=False), options=SearchOptions())
    with pytest.raises(UsageError, match="neg_log_loss, average_precision or f1_macro of each label, or by f1_micro"):
        search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(scoring="roc_auc"))


@pytest.mark.parametrize("class_weight", ["balanced", {"a": 3.0, "c": 0.5}])
def test_class_weights_are_those_of_each_label_alone(class_weight: Any) -> None:
    """As scikit-learn has them for with and without the label; a label that is not named weighs 1."""
    rows, members = made()
    head = fit_at(rows, Targets(LABELS, members, exclusive=False), C=0.1, class_weight=class_weight)
    for label, name in enumerate(LABELS):
        own = class_weight if class_weight == "balanced" else {True: class_weight.get(name, 1.0)}
        scaler = StandardScaler().fit(rows.astype(np.float64))
        solver = LogisticRegression(C=0.1, tol=1e-10, solver="newton-cholesky", max_iter=500, class_weight=own)
        alone = solver.fit(scaler.transform(rows.astype(np.float64)), members[:, label])
        coef = alone.coef_[0] / scaler.scale_
        assert head.coef[label] == pytest.approx(coef, abs=2e-5 * np.abs(coef).max() + 1e-9)
        assert head.intercept[label] == pytest.approx(alone.intercept_[0] - coef @ scaler.mean_, abs=1e-4)


def test_balanced_counts_each_folds_own_training_rows() -> None:
    """What a fold's regression says of the rows held out is what it would say alone."""
    rows, members = made()
    folds = np.arange(len(rows)) % 3
    targets = Targets(LABELS, members, exclusive=False)
    options = SearchOptions(Cs=(0.1,), class_weight="balanced")
    found = search(rows, targets, options=options, folds=folds)
    for fold in range(3):
        own = folds != fold
        head = fit_at(rows[own], targets.take(own), C=0.1, class_weight="balanced")
        assert found.held_out_decisions[~own] == pytest.approx(head.decision_function(rows[~own]), abs=1e-3)


@pytest.mark.parametrize(
    ("scoring", "metric"), [("average_precision", average_precision_score), ("f1_macro", f1_score)]
)
def test_a_label_is_scored_as_scikit_learn_scores_it(scoring: str, metric: Any) -> None:
    """Fold by fold, on the decisions of the rows held out; 0 in a fold where no row has it."""
    rows, members = made()
    members[:, 0] = np.arange(len(rows)) % 120 == 1  # on two rows: one fold has none
    folds = np.arange(len(rows)) % 3
    folds[121] = 0
    found = search(
        rows,
        Targets(LABELS, members, exclusive=False),
        options=SearchOptions(Cs=(0.001, 0.1, 10.0), scoring=scoring),
        folds=folds,
    )
    decisions = found.held_out_decisions
    for label, C in enumerate(found.chosen_C):
        means = found.mean_scores[:, label]
        assert found.Cs[int(means.argmax())] == C
        for fold in range(3):
            held = folds == fold
            has, given = members[held, label], decisions[held, label]
            wanted = metric(has, given if scoring == "average_precision" else given > 0) if has.any() else 0.0
            assert found.scores[found.Cs.index(C), label, fold] == pytest.approx(wanted)
    assert (found.scores[:, 0].min(axis=1) == 0).all()


def test_micro_f1_chooses_one_c_for_all_labels() -> None:
    """The C at which all labels' held-out decisions together have the best F1; the grid is searched to its end."""
    rows, members = made()
    folds = np.arange(len(rows)) % 3
    targets = Targets(LABELS, members, exclusive=False)
    found = search(rows, targets, options=SearchOptions(scoring="f1_micro"), folds=folds)
    assert len(set(found.chosen_C.tolist())) == 1
    assert found.not_searched == ()
    assert (found.scores == found.scores[:, :1]).all()
    assert found.Cs[int(found.mean_scores[:, 0].argmax())] == found.chosen_C[0]
    for fold in range(3):
        held = folds == fold
        wanted = f1_score(members[held], found.held_out_decisions[held] >= 0, average="micro")
        assert found.scores[found.Cs.index(found.chosen_C[0]), 0, fold] == pytest.approx(wanted)
    each = search(rows, targets, options=SearchOptions(), folds=folds)
    assert len(set(each.chosen_C.tolist())) > 1


def test_a_micro_f1_at_the_edge_of_the_grid_is_noted() -> None:
    rows, members = made()
    targets = Targets(LABELS, members, exclusive=False)
    found = search(rows, targets, options=SearchOptions(scoring="f1_micro", Cs=(1e-9, 1e-8)))
    assert "of the grid" in found.warnings[0]
    assert search(rows, targets, options=SearchOptions(Cs=(1e-9, 1e-8))).warnings == ()


def test_a_label_leaves_the_climb_past_its_valley_alone() -> None:
    """A label's losses are those of the whole grid, cut off after two rises."""
    rows, members = made()
    folds = np.arange(len(rows)) % 3
    targets = Targets(LABELS, members, exclusive=False)
    climbed = search(rows, targets, options=SearchOptions(), folds=folds)
    whole = search(rows, targets, options=SearchOptions(Cs=default_grid()), folds=folds)
    ends = set()
    for label in range(6):
        losses = -whole.mean_scores[:, label]
        rises = np.flatnonzero((np.diff(losses[:-1]) > 0) & (np.diff(losses[1:]) > 0))
        wanted = int(rises[0]) + 3 if len(rises) else len(losses)
        searched = ~np.isnan(climbed.mean_scores[:, label])
        assert searched.sum() == wanted
        ends.add(wanted)
    assert len(ends) > 1


def test_subsets_of_rows_have_a_head_for_each_c() -> None:
    """The same as when fitted alone; a label that a subset lacks is answered by its share there."""
    rows, members = made()
    targets = Targets(LABELS, members, exclusive=False)
    training = np.arange(len(rows))[:, None] % 3 != np.arange(2)
    training[members[:, 0], 1] = False
    Cs = np.array([[0.01, 0.1], [0.1, 1.0]])
    heads = fit_subsets(rows, targets, training=training, Cs=Cs, options=SearchOptions(class_weight="balanced"))
    for part in range(2):
        own = training[:, part]
        for turn in range(2):
            alone = fit_at(rows[own], targets.take(own), C=float(Cs[part, turn]), class_weight="balanced")
            found = heads[part][turn]
            assert found.coef == pytest.approx(alone.coef, abs=1e-3 * np.abs(alone.coef).max())
            assert found.link == "logistic"
    assert heads[1][0].predict_proba(rows)[:, 0] == pytest.approx(0.5 / (training[:, 1].sum() + 1))


def test_a_label_is_learnable_if_every_fold_leaves_both_sides() -> None:
    targets = Targets(("a", "b"), np.array([[1, 1], [1, 0], [0, 0], [0, 0]], dtype=bool), exclusive=False)
    assert learnable(targets, training_of(np.array([0, 1, 0, 1]), 4)).tolist() == [True, False]
    with pytest.raises(InputError, match="none of 2 is, among 4 rows"):
        learnable(targets, training_of(np.array([0, 0, 1, 1]), 4))


def test_a_block_of_many_labels_is_solved_a_few_at_a_time() -> None:
    """More labels than a block holds, in any order of frequency, come back in their own columns."""
    random = np.random.RandomState(1)
    rows = random.normal(size=(150, 4))
    members = random.rand(150, 45) < random.uniform(0.1, 0.9, 45)
    head = fit_at(rows, Targets(tuple(range(45)), members, exclusive=False), C=0.1)
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
    assert (found.labels, found.exclusive) == ((0, 1), False)
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
    head = fit_at(rows, Targets(LABELS, members, exclusive=False), C=1.0)
    given = head.predict_proba(rows) >= 0.5
    assert head.predict(rows)[3] == tuple(label for label, has in zip(LABELS, given[3], strict=True) if has)
