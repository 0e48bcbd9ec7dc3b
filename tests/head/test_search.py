"""The search of C: scores as scikit-learn's cross-validation has them, the choice, and what bad input gets."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, get_scorer
from sklearn.model_selection import PredefinedSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from frostline.arrays import Float64Array, IntArray
from frostline.errors import ConvergenceError, InputError, UsageError
from frostline.head import newton, path
from frostline.head.loss import Logistic
from frostline.head.newton import Limits
from frostline.head.options import SearchOptions, default_grid, learnable, training_of, tutorial_grid
from frostline.head.problem import Tasks, problem_with, scaling_of
from frostline.head.scoring import score_named
from frostline.head.search import fit_at, search
from frostline.targets import Targets
from frostline.threads import Crew

N_FOLDS = 4


def sentences(
    n_labels: int = 2, *, n_texts: int = 160, n_features: int = 12
) -> tuple[Float64Array, IntArray, IntArray]:
    """Badly scaled, correlated rows, their codes, and folds; a constant column, a repeated one, one rarely not 0."""
    rng = np.random.default_rng(n_labels)
    rows = rng.normal(size=(n_texts, n_features)) @ rng.normal(size=(n_features, n_features)) + 5 * rng.normal(
        size=n_features
    )
    codes = (rows @ rng.normal(size=(n_features, n_labels)) / 4 + rng.normal(size=(n_texts, n_labels))).argmax(axis=1)
    codes[: N_FOLDS * n_labels] = np.tile(np.arange(n_labels), N_FOLDS)
    rare = np.zeros(n_texts)
    rare[3] = 7.0  # constant on the training rows of the fold that holds row 3 out
    rows = np.column_stack([rows, np.full(n_texts, 3.3), rows[:, 0], rare])
    folds = np.empty(n_texts, dtype=np.int64)
    by_code = np.argsort(codes, kind="stable")
    folds[by_code] = np.arange(n_texts) % N_FOLDS
    return rows, codes.astype(np.int64), folds


LABELS = tuple("abcdef")


def made(n: int = 240, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose labels are half-planes of very different frequency."""
    random = np.random.RandomState(seed)
    rows = random.normal(size=(n, 12)).astype(np.float32) * np.linspace(0.5, 3, 12).astype(np.float32)
    decisions = rows @ random.normal(size=(12, 6)) + 6 * random.normal(size=(n, 6))
    return rows, decisions > np.diagonal(np.quantile(decisions, [0.97, 0.9, 0.7, 0.5, 0.3, 0.95], axis=0))


CASES = ("two labels", "three labels", "several per text")
of_every_case = pytest.mark.parametrize("case", CASES)


def problem(case: str) -> tuple[Float64Array, Targets, IntArray]:
    """Rows, their labels, and folds."""
    if case == "several per text":
        rows, members = made()
        return rows.astype(np.float64), Targets(LABELS, members, exclusive=False), np.arange(len(rows)) % 3
    n_labels = 2 + CASES.index(case)
    rows, codes, folds = sentences(n_labels)
    return rows, Targets.of_codes(codes, LABELS[:n_labels]), folds


def groups_of(targets: Targets) -> list[tuple[int, IntArray, Any]]:
    """Each group of labels that share a C: its number, its columns of a decision, what scikit-learn learns of it."""
    if targets.exclusive:
        return [(0, np.arange(len(targets.labels) if len(targets.labels) > 2 else 1), targets.codes)]
    return [(place, np.array([place]), targets.members[:, place]) for place in range(len(targets.labels))]


@of_every_case
@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 3.0}])
def test_fold_scores_equal_those_of_a_pipeline_in_cross_validation(
    case: str,
    standardise: bool,  # noqa: FBT001 - parametrised
    class_weight: Any,
) -> None:
    """And the C of the best mean is chosen, for each group of labels."""
    rows, targets, folds = problem(case)
    Cs = (0.01, 1.0, 100.0)
    options = SearchOptions(Cs=Cs, scoring="neg_log_loss", standardise=standardise, class_weight=class_weight)
    found = search(rows, targets, options=options, folds=folds)
    for group, _, y in groups_of(targets):
        weights = class_weight
        if isinstance(class_weight, dict):
            weights = {0: 3.0} if targets.exclusive else {True: 3.0 if group == 0 else 1.0}
        for C, scores in zip(Cs, found.scores[:, group], strict=True):
            model = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10, max_iter=1000, class_weight=weights)
            chain = make_pipeline(StandardScaler(), model) if standardise else model
            wanted = cross_validate(chain, rows, y, cv=PredefinedSplit(folds), scoring="neg_log_loss")["test_score"]
            np.testing.assert_allclose(scores, wanted, rtol=5e-4)
        assert found.chosen_C[group] == Cs[int(found.mean_scores[:, group].argmax())]


@of_every_case
def test_the_head_is_fitted_on_all_rows_at_the_chosen_c(case: str) -> None:
    rows, targets, folds = problem(case)
    found = search(rows, targets, options=SearchOptions(), folds=folds)
    for group, columns, _ in groups_of(targets):
        alone = fit_at(rows, targets, C=float(found.chosen_C[group])).coef[columns]
        np.testing.assert_allclose(found.head.coef[columns], alone, atol=1e-4 * abs(alone).max())
    assert found.head.labels == targets.labels


@of_every_case
def test_held_out_decisions_are_those_of_the_fold_that_held_the_row_out(case: str) -> None:
    rows, targets, folds = problem(case)
    found = search(rows, targets, options=SearchOptions(Cs=(0.1, 1.0)), folds=folds)
    held_out = found.held_out_decisions.reshape(len(rows), -1)
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        for group, columns, _ in groups_of(targets):
            head = fit_at(rows[~held], targets.take(~held), C=float(found.chosen_C[group]))
            alone = head.decision_function(rows[held]).reshape(int(held.sum()), -1)[:, columns]
            np.testing.assert_allclose(held_out[held][:, columns], alone, rtol=2e-3, atol=2e-3)


@of_every_case
def test_the_order_of_the_grid_changes_nothing(case: str) -> None:
    rows, targets, folds = problem(case)
    up = search(rows, targets, options=SearchOptions(Cs=(0.01, 1.0, 100.0)), folds=folds)
    mixed = search(rows, targets, options=SearchOptions(Cs=(100.0, 0.01, 1.0)), folds=folds)
    assert mixed.Cs == (100.0, 0.01, 1.0)
    assert mixed.chosen_C.tolist() == up.chosen_C.tolist()
    np.testing.assert_allclose(mixed.scores, up.scores[[2, 0, 1]])


def test_among_equal_scores_the_smallest_c_is_chosen() -> None:
    rng = np.random.default_rng(0)
    codes = np.tile([0, 1], 40).astype(np.int64)
    rows = np.column_stack([codes * 8.0 - 4 + rng.uniform(-1, 1, 80), rng.normal(size=80)])  # every C scores 1
    options = SearchOptions(Cs=(10.0, 0.1, 1.0))
    found = search(rows, Targets.of_codes(codes, (0, 1)), options=options, folds=np.arange(80) // 2 % 4)
    assert (found.scores[:, 0] == 1).all()
    assert found.chosen_C == 0.1
    assert "smallest of the grid" in found.warnings[0]


@of_every_case
def test_one_standard_error_chooses_no_larger_c_and_loses_no_more_than_that(case: str) -> None:
    rows, targets, folds = problem(case)
    plain = search(rows, targets, options=SearchOptions(Cs=tutorial_grid()), folds=folds)
    options = SearchOptions(Cs=tutorial_grid(), one_standard_error=True)
    careful = search(rows, targets, options=options, folds=folds)
    for group, _, _ in groups_of(targets):
        scores = plain.scores[:, group]
        means, best = scores.mean(axis=1), scores.mean(axis=1).argmax()
        error = scores[best].std(ddof=1) / np.sqrt(scores.shape[1])
        within = [C for C, mean in zip(plain.Cs, means, strict=True) if mean >= means[best] - error]
        assert careful.chosen_C[group] == min(within)
    assert "one standard error" in careful.rule


def test_the_default_grid_is_climbed_only_until_scores_have_fallen_for_good() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 120))
    codes = (rows[:, :40].sum(axis=1) / 3 + rng.normal(size=300) > 0).astype(np.int64)
    folds = np.arange(300) % 5
    climbed = search(rows, Targets.of_codes(codes, (0, 1)), options=SearchOptions(scoring="neg_log_loss"), folds=folds)
    assert set(climbed.Cs) | set(climbed.not_searched) == set(default_grid())
    assert climbed.not_searched
    assert min(climbed.not_searched) > max(climbed.Cs) > climbed.chosen_C
    whole = search(
        rows,
        Targets.of_codes(codes, (0, 1)),
        options=SearchOptions(Cs=default_grid(), scoring="neg_log_loss"),
        folds=folds,
    )
    assert whole.not_searched == ()
    assert whole.chosen_C == climbed.chosen_C


@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr", "balanced_accuracy"])
@pytest.mark.parametrize("n_labels", [2, 3])
def test_scores_equal_those_of_scikit_learns_scorer(scoring: str, n_labels: int) -> None:
    rows, codes, _ = sentences(n_labels)
    model = LogisticRegression(max_iter=5000).fit(rows, codes)
    decisions = model.decision_function(rows).reshape(len(rows), -1)
    wanted = get_scorer(scoring)(model, rows, codes)
    assert score_named(scoring, n_labels)(codes, decisions, None) == pytest.approx(wanted, rel=1e-9)


def test_an_unknown_scorer_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UsageError, match="f1_macro"):
        score_named("f1_marco", 2)


def test_a_scorer_that_does_not_fit_the_labels_is_refused() -> None:
    rows, codes, folds = sentences(3)
    with pytest.raises(UsageError, match="does not fit 3 labels"):
        search(rows, Targets.of_codes(codes, (0, 1, 2)), options=SearchOptions(Cs=(1.0,), scoring="f1"), folds=folds)


def test_a_regression_that_does_not_converge_is_an_error_that_names_it() -> None:
    rows, codes, folds = sentences()
    training = folds[:, None] != np.arange(N_FOLDS)
    scaling = scaling_of(rows, training, standardise=True, crew=Crew())
    weights = training.astype(float)
    problem = problem_with(Logistic(codes), rows, weights=weights, scaling=scaling, crew=Crew())
    tasks = Tasks(np.array([50.0]), np.array([2]))
    start = np.zeros((rows.shape[1] + 1, 1, 1))
    with pytest.raises(ConvergenceError, match=r"C = 50, fold 3"):
        path.solve_tasks(problem, tasks, start, gram=None, limits=Limits(near=1, rough=1, exact=0, double=1))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_start_that_leads_beyond_all_numbers_is_begun_again_from_nothing() -> None:
    """To the one minimum there is: of a few rows the mean of the folds' coefficients can be such a start."""
    rows, codes, _ = sentences()
    scaling = scaling_of(rows, np.ones((len(rows), 1), dtype=bool), standardise=True, crew=Crew())
    problem = problem_with(Logistic(codes), rows, weights=np.ones((len(rows), 1)), scaling=scaling, crew=Crew())
    tasks, start = Tasks(np.array([0.1]), np.array([0])), np.zeros((rows.shape[1] + 1, 1, 1))
    aim = newton._Aim(1e-6, 100, exact=True, settle=True)
    wanted = newton._in_double(problem, tasks, start, aim=aim)
    found = newton._in_double(problem, tasks, np.full_like(start, np.nan), aim=aim)
    assert found.converged.all()
    np.testing.assert_allclose(found.coef, wanted.coef, rtol=1e-5, atol=1e-8)


def test_tasks_solved_in_small_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, codes, folds = sentences(3)
    options = SearchOptions(Cs=(0.1, 10.0), scoring="neg_log_loss")
    whole = search(rows, Targets.of_codes(codes, (0, 1, 2)), options=options, folds=folds)
    monkeypatch.setattr(path, "_PART_ELEMENTS", 1)
    parts = search(rows, Targets.of_codes(codes, (0, 1, 2)), options=options, folds=folds)
    np.testing.assert_allclose(parts.scores[:, 0], whole.scores[:, 0], rtol=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_tiny_values_of_c_converge_for_three_labels(threads: int) -> None:
    """Rounding once left a part of the coefficients that all labels share, which no step took away."""
    rows, codes, folds = sentences(3)
    options = SearchOptions(Cs=tuple(np.logspace(-8, -4, 9)), threads=threads)
    assert (
        search(rows, Targets.of_codes(codes, (0, 1, 2)), options=options, folds=folds).solver.relative_gradient <= 1e-6
    )


def test_fewer_rows_than_features_and_many_labels_converge_without_a_warning() -> None:
    rng = np.random.default_rng(2)
    codes = np.arange(250, dtype=np.int64) % 50
    rows = (rng.normal(size=(50, 300))[codes] + 2 * rng.normal(size=(250, 300))).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = search(
            rows, Targets.of_codes(codes, range(50)), options=SearchOptions(Cs=(1e-3, 1e4)), folds=np.arange(250) // 50
        )
    assert found.solver.relative_gradient <= 1e-6
    assert found.head.coef.shape == (50, 300)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"codes": np.zeros(160, dtype=np.int64)}, InputError, "needs two labels"),
        ({"rows": np.ones((160, 3))}, InputError, "must differ"),
        ({"folds": np.zeros(160, dtype=np.int64)}, UsageError, "two folds"),
        ({"folds": np.arange(160) // 80, "codes": np.arange(160) // 80}, UsageError, "outside each fold"),
        ({"options": SearchOptions(Cs=())}, UsageError, "at least one C"),
        ({"options": SearchOptions(Cs=(0.0,))}, UsageError, "positive"),
        ({"options": SearchOptions(Cs=(1.0, 1e300))}, UsageError, "from 1e-15 to 1e"),
        ({"options": SearchOptions(Cs=(1e-300,))}, UsageError, "from 1e-15 to 1e"),
        ({"options": SearchOptions(class_weight={"x": 1.0})}, UsageError, "labels that occur"),
        ({"options": SearchOptions(class_weight={0: -1.0})}, UsageError, "positive"),
        ({"options": SearchOptions(class_weight="balance")}, UsageError, "balanced"),
    ],
)
def test_what_cannot_be_fitted_is_one_clear_error(change: dict[str, Any], error: type[Exception], words: str) -> None:
    rows, codes, folds = sentences()
    given = {"rows": rows, "codes": codes, "folds": folds, "options": SearchOptions(), **change}
    with pytest.raises(error, match=words):
        search(given.pop("rows"), Targets.of_codes(given.pop("codes"), (0, 1)), **given)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_that_is_not_finite_is_named(value: float) -> None:
    rows, codes, folds = sentences()
    rows[37, 2] = value
    with pytest.raises(InputError, match="row 37"):
        search(rows, Targets.of_codes(codes, (0, 1)), options=SearchOptions(), folds=folds)


# --- several labels per text: a regression for each


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


def test_climbing_ends_early_where_the_loss_rises_and_chooses_the_same() -> None:
    """The default grid is not searched to its end, and what is left out would not have been chosen."""
    rows, members = made()
    folds = np.arange(len(rows)) % 3
    climbed = search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(), folds=folds)
    grid = tuple(float(C) for C in np.logspace(-5, 1, 13))
    whole = search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(Cs=grid), folds=folds)
    assert climbed.chosen_C == pytest.approx(whole.chosen_C)
    assert np.isnan(climbed.scores).sum() > np.isnan(whole.scores).sum() == 0


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
    for scoring in ("roc_auc", "accuracy"):
        with pytest.raises(UsageError) as caught:
            search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(scoring=scoring))
        assert caught.value.message == (
            "Where a text may have several labels, C is chosen by neg_log_loss, average_precision or f1_macro of each "
            f"label, or by f1_micro of all together (got '{scoring}')."
        )


def test_what_is_not_said_is_accuracy_or_log_loss_of_each_label() -> None:
    """The search says which; accuracy that is asked for is never log loss."""
    rows, members = made()
    several = search(rows, Targets(LABELS, members, exclusive=False), options=SearchOptions(Cs=(0.1,)))
    assert (several.scoring, several.rule) == ("neg_log_loss", "best log loss of each label")
    codes = members[:, 0].astype(np.int64)
    one = [search(rows, Targets.of_codes(codes, ("n", "y")), options=SearchOptions(Cs=(0.1,), scoring=scoring))
           for scoring in (None, "accuracy", "neg_log_loss")]  # fmt: skip
    assert [found.scoring for found in one] == ["accuracy", "accuracy", "neg_log_loss"]
    assert np.array_equal(one[0].scores, one[1].scores)


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


def test_answers_are_tuples_in_the_order_of_the_labels() -> None:
    rows, members = made()
    head = fit_at(rows, Targets(LABELS, members, exclusive=False), C=1.0)
    given = head.predict_proba(rows) >= 0.5
    assert head.predict(rows)[3] == tuple(label for label, has in zip(LABELS, given[3], strict=True) if has)
