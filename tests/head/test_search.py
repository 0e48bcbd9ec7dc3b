"""The search of C: scores as scikit-learn's cross-validation has them, the choice, and what bad input gets."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import PredefinedSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from frostline.arrays import Float64Array, IntArray
from frostline.errors import ConvergenceError, InputError, UsageError
from frostline.head import newton, path
from frostline.head.loss import Logistic
from frostline.head.newton import Limits
from frostline.head.options import SearchOptions, default_grid, tutorial_grid
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


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0}])
def test_fold_scores_equal_those_of_a_pipeline_in_cross_validation(
    n_labels: int,
    standardise: bool,  # noqa: FBT001 - parametrised
    class_weight: Any,
) -> None:
    rows, codes, folds = sentences(n_labels)
    Cs = (0.01, 1.0, 100.0)
    options = SearchOptions(Cs=Cs, scoring="neg_log_loss", standardise=standardise, class_weight=class_weight)
    found = search(rows, Targets.of_codes(codes, tuple(range(n_labels))), options=options, folds=folds)
    for C, scores in zip(Cs, found.scores[:, 0], strict=True):
        model = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10, max_iter=1000, class_weight=class_weight)
        chain = make_pipeline(StandardScaler(), model) if standardise else model
        wanted = cross_validate(chain, rows, codes, cv=PredefinedSplit(folds), scoring="neg_log_loss")["test_score"]
        np.testing.assert_allclose(scores, wanted, rtol=2e-4)


def test_the_head_is_fitted_on_all_rows_at_the_chosen_c() -> None:
    rows, codes, folds = sentences(3)
    found = search(rows, Targets.of_codes(codes, ("a", "b", "c")), options=SearchOptions(), folds=folds)
    alone = fit_at(rows, Targets.of_codes(codes, ("a", "b", "c")), C=float(found.chosen_C[0]))
    np.testing.assert_allclose(found.head.coef, alone.coef, atol=1e-4 * abs(alone.coef).max())
    assert found.head.labels == ("a", "b", "c")


def test_held_out_decisions_are_those_of_the_fold_that_held_the_row_out() -> None:
    rows, codes, folds = sentences()
    options = SearchOptions(Cs=(0.1, 1.0), standardise=True)
    found = search(rows, Targets.of_codes(codes, (0, 1)), options=options, folds=folds)
    for fold in range(N_FOLDS):
        held = folds == fold
        head = fit_at(rows[~held], Targets.of_codes(codes[~held], (0, 1)), C=float(found.chosen_C[0]))
        np.testing.assert_allclose(
            found.held_out_decisions[held], head.decision_function(rows[held]), rtol=1e-3, atol=1e-3
        )


def test_the_order_of_the_grid_changes_nothing() -> None:
    rows, codes, folds = sentences()
    up = search(rows, Targets.of_codes(codes, (0, 1)), options=SearchOptions(Cs=(0.01, 1.0, 100.0)), folds=folds)
    mixed = search(rows, Targets.of_codes(codes, (0, 1)), options=SearchOptions(Cs=(100.0, 0.01, 1.0)), folds=folds)
    assert mixed.Cs == (100.0, 0.01, 1.0)
    assert mixed.chosen_C == up.chosen_C
    np.testing.assert_allclose(mixed.scores[:, 0], up.scores[:, 0][[2, 0, 1]])


def test_among_equal_scores_the_smallest_c_is_chosen() -> None:
    rng = np.random.default_rng(0)
    codes = np.tile([0, 1], 40).astype(np.int64)
    rows = np.column_stack([codes * 8.0 - 4 + rng.uniform(-1, 1, 80), rng.normal(size=80)])  # every C scores 1
    options = SearchOptions(Cs=(10.0, 0.1, 1.0))
    found = search(rows, Targets.of_codes(codes, (0, 1)), options=options, folds=np.arange(80) // 2 % 4)
    assert (found.scores[:, 0] == 1).all()
    assert found.chosen_C == 0.1
    assert "smallest of the grid" in found.warnings[0]


def test_one_standard_error_chooses_no_larger_c_and_loses_no_more_than_that() -> None:
    rows, codes, folds = sentences(3)
    plain = search(rows, Targets.of_codes(codes, (0, 1, 2)), options=SearchOptions(Cs=tutorial_grid()), folds=folds)
    options = SearchOptions(Cs=tutorial_grid(), one_standard_error=True)
    careful = search(rows, Targets.of_codes(codes, (0, 1, 2)), options=options, folds=folds)
    means, best = plain.scores[:, 0].mean(axis=1), plain.scores[:, 0].mean(axis=1).argmax()
    error = plain.scores[:, 0][best].std(ddof=1) / np.sqrt(N_FOLDS)
    assert careful.chosen_C == min(C for C, mean in zip(plain.Cs, means, strict=True) if mean >= means[best] - error)
    assert careful.rule == "one standard error"


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
    assert score_named(scoring, n_labels)(codes, decisions) == pytest.approx(wanted, rel=1e-9)


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
