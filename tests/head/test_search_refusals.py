"""What a search and a fit refuse, word for word; what a scorer is worth, by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from frostline.arrays import IntArray
from frostline.errors import InputError, UsageError
from frostline.head.options import (
    SearchOptions,
    check_class_weight,
    check_features,
    check_finite,
    check_grid,
    check_rows,
    default_grid,
    learnable,
    row_weights,
    training_of,
    tutorial_grid,
)
from frostline.head.scoring import score_named
from frostline.head.search import search
from frostline.targets import Targets

ROWS = np.arange(12.0).reshape(6, 2)
CODES = np.array([0, 1, 0, 1, 0, 1])
FOLDS = np.array([0, 0, 1, 1, 2, 2])
TARGETS = Targets.of_codes(CODES, ("a", "b"))


@pytest.mark.parametrize(
    ("codes", "labels", "told"),
    [
        (
            [0, 0, 0, 0, 0, 0],
            ("a", "b"),
            (
                "Fitting needs two labels (got 'a' on all 6 rows). Look for the label column, or add rows of another "
                "label."
            ),
        ),
        ([0, 1, 0, 1, 0, 1], ("a", "b", "c"), "Each label must have a row (none of 'c')."),
        ([0, 3, 0, 3, 0, 3], ("a", "b", "c", "d"), "Each label must have a row (none of 'b', 'c')."),
    ],
)
def test_labels_without_rows_are_named(codes: list[int], labels: Sequence[str], told: str) -> None:
    with pytest.raises(InputError) as caught:
        check_rows(ROWS, Targets.of_codes(np.array(codes), labels))
    assert str(caught.value) == told


def test_rows_and_targets_agree() -> None:
    check_rows(ROWS, TARGETS)
    for rows, shape in ((ROWS[:5], "(5, 2)"), (ROWS[:, 0], "(6,)")):
        with pytest.raises(UsageError) as refused:
            check_rows(rows, TARGETS)
        assert str(refused.value) == f"Rows and targets must agree (got rows of shape {shape}, targets of 6 texts)."
    with pytest.raises(InputError) as caught:
        check_rows(np.ones((6, 2)), TARGETS)
    assert str(caught.value) == (
        "Rows of features must differ (all 6 are equal: no text can be told from another). "
        "Look whether the texts differ, and whether the encoder's weights are right."
    )


def test_one_row_is_too_few_and_two_that_differ_are_not() -> None:
    with pytest.raises(InputError) as caught:
        check_features(ROWS[:1])
    assert str(caught.value) == "There must be two rows or more to learn from (got 1). Add rows, or hold out fewer."
    check_features(np.array([[0.0], [1.0]], dtype=np.float32))


@pytest.mark.parametrize("row", [0, 4095, 4096, 4999])
def test_the_first_row_that_is_not_finite_is_named(row: int) -> None:
    """Counted through all blocks."""
    rows = np.zeros((5000, 2), dtype=np.float32)
    check_finite(rows)
    rows[row, 1] = np.inf
    rows[4999, 0] = np.nan
    with pytest.raises(InputError) as caught:
        check_finite(rows)
    assert str(caught.value) == (
        f"Features must be finite numbers (row {row}, counted from 0, holds NaN or infinity). "
        "The encoder failed on that text; look at it."
    )


def test_a_grid_is_of_values_that_can_be_solved() -> None:
    """Both ends are within."""
    check_grid((1e-15, 1.0, 1e15))
    for grid, told in (
        ((), "The grid must hold at least one C (got none)."),
        ((1.0, 0.0), "C must be a positive, finite number (got 0.0)."),
        ((-1.0,), "C must be a positive, finite number (got -1.0)."),
        ((float("inf"),), "C must be a positive, finite number (got inf)."),
        ((float("nan"),), "C must be a positive, finite number (got nan)."),
        (
            (0.9e-15,),
            (
                "C must be from 1e-15 to 1e+15 (got 9e-16). Long before either end the coefficients are nothing but "
                "the penalty, or know none."
            ),
        ),
        (
            (1.1e15,),
            (
                "C must be from 1e-15 to 1e+15 (got 1.1e+15). Long before either end the coefficients are nothing but "
                "the penalty, or know none."
            ),
        ),
    ):
        with pytest.raises(UsageError) as caught:
            check_grid(grid)
        assert str(caught.value) == told


@pytest.mark.parametrize(
    ("folds", "told"),
    [
        ([0, 1, 0], "Each row must have one fold, counted from 0 (got (3,) for (6,) rows)."),
        ([-1, 1, 0, 1, 0, 1], "Each row must have one fold, counted from 0 (got (6,) for (6,) rows)."),
        ([0, 0, 0, 0, 0, 0], "There must be two folds or more, each holding out rows (got sizes [6])."),
        ([0, 0, 0, 2, 2, 2], "There must be two folds or more, each holding out rows (got sizes [3, 0, 3])."),
        (
            [0, 1, 0, 1, 0, 1],
            (
                "Every label must have a row outside each fold (fold 1 holds all of 'a'). "
                "Ask for fewer folds than the rarest label has rows, in stratified order."
            ),
        ),
    ],
)
def test_folds_that_cannot_be_are_refused_in_full(folds: list[int], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        learnable(TARGETS, training_of(np.array(folds), 6))
    assert str(caught.value) == told


def test_each_fold_trains_on_the_rows_of_the_others() -> None:
    """And the last fit, which is in no fold, on all."""
    assert training_of(FOLDS, 6).tolist() == [
        *[[False, True, True, True]] * 2,
        *[[True, False, True, True]] * 2,
        *[[True, True, False, True]] * 2,
    ]


def test_weights_are_those_of_scikit_learn() -> None:
    """None; balanced on each fold's own training rows; named, 1 where not named; 0 for what is held out."""
    targets = Targets.of_codes(np.array([0, 0, 0, 1]), ("a", "b"))
    (columns,) = targets.groups()
    training = np.array([[True, True], [True, True], [True, False], [True, True]])
    assert row_weights(None, targets, columns, training).tolist() == training.astype(float).tolist()
    balanced = row_weights("balanced", targets, columns, training)
    np.testing.assert_allclose(balanced, [[4 / 6, 3 / 4], [4 / 6, 3 / 4], [4 / 6, 0], [2, 3 / 2]])
    named = row_weights({"b": 2.5}, targets, columns, training)
    assert named.tolist() == [[1, 1], [1, 1], [1, 0], [2.5, 2.5]]


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        ("even", "class_weight must be 'balanced' or a weight for labels (got 'even')."),
        ({"z": 1.0}, "class_weight must name labels that occur (got 'z'). Labels: 'a', 'b'."),
        ({"a": 0.0}, "Class weights must be positive, finite numbers (got {'a': 0.0})."),
        ({"a": float("inf")}, "Class weights must be positive, finite numbers (got {'a': inf})."),
        ({"a": float("inf"), "b": 1.0}, "Class weights must be positive, finite numbers (got {'a': inf, 'b': 1.0})."),
    ],
)
def test_weights_that_cannot_be_are_refused_in_full(weight: Any, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_class_weight(weight, ("a", "b"))
    assert str(caught.value) == told


def test_the_labels_named_with_a_weight_that_fits_none_are_ten_at_most() -> None:
    labels = tuple("abcdefghijkl")
    with pytest.raises(UsageError, match=r"Labels: 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'\.$"):
        check_class_weight({"z": 1.0}, labels)


def test_a_search_is_told_nothing_but_what_differs_from_this() -> None:
    assert repr(SearchOptions()) == (
        "SearchOptions(Cs=None, n_folds=5, scoring=None, class_weight=None, one_standard_error=False, "
        "choose_parts=False, standardise=True, seed=0, threads=None, tolerance=None)"
    )


def test_the_grids_are_these() -> None:
    assert default_grid() == pytest.approx([10 ** (power / 2) for power in range(-10, 3)], rel=1e-12)
    assert tutorial_grid()[:2] == pytest.approx((0.0001, 0.0001 + (100 - 0.0001) / 19), rel=1e-12)
    assert (len(tutorial_grid()), tutorial_grid()[-1]) == (20, 100.0)


@pytest.mark.parametrize(
    ("scoring", "codes", "decisions", "value"),
    [
        ("accuracy", [0, 1, 1], [[-1], [0], [2]], 2 / 3),  # 0 is the first label's
        ("accuracy", [0, 1, 2], [[1, 1, 0], [0, 1, 0], [0, 3, 2]], 2 / 3),  # of equals the first
        ("f1_macro", [0, 1, 1], [[-1], [0], [2]], 2 / 3),
        ("f1_macro", [0, 0], [[-1], [-2]], 1.0),  # a label that does not occur counts for nothing
        ("f1_macro", [0, 0, 1], [[2, 1, 0], [0, 1, 2], [0, 1, 0]], (2 / 3 + 1 + 0) / 3),
        ("neg_log_loss", [0, 1], [[-np.log(3)], [np.log(3)]], np.log(0.75)),
        ("neg_log_loss", [0, 1], [[1e9], [1e9]], np.log(np.finfo(float).eps) / 2),
    ],
)
def test_a_score_is_that_by_hand(scoring: str, codes: list[int], decisions: list[list[float]], value: float) -> None:
    found = score_named(scoring, max(2, len(decisions[0])))(np.array(codes), np.array(decisions, dtype=float), None)
    assert found == pytest.approx(value, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("f1_marco", "Near: f1_macro, f1_micro."),
        ("????", "accuracy, f1_macro and neg_log_loss are among them."),
    ],
)
def test_a_scorer_that_is_none_is_refused_with_names(name: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        score_named(name, 2)
    assert str(caught.value) == f"The scoring must be the name of a scorer of scikit-learn (got {name!r}). {told}"


def test_a_score_that_is_no_number_is_refused() -> None:
    score = score_named("r2", 2)
    with pytest.raises(UsageError) as caught:
        score(np.array([1]), np.array([[2.0]]), None)
    assert str(caught.value) == (
        "The scoring 'r2' must give a finite score (got nan on a fold of 1 rows). "
        "Choose accuracy, f1_macro or neg_log_loss."
    )


def separable(n: int = 40) -> tuple[np.ndarray, IntArray]:
    random = np.random.default_rng(0)
    codes = np.tile([0, 1], n // 2)
    return np.column_stack([codes * 8.0 - 4 + random.uniform(-1, 1, n), random.normal(size=n)]), codes


@pytest.mark.parametrize(
    ("grid", "scoring", "told"),
    [
        ((1.0,), "accuracy", ()),
        (
            (0.1, 1.0),
            "accuracy",
            ("The chosen C = 0.1 is the smallest of the grid; a smaller one may score higher.",),
        ),
        (
            (0.01, 0.1, 1.0),
            "neg_log_loss",
            ("The chosen C = 1 is the largest of the grid; a larger one may score higher.",),
        ),
    ],
)
def test_a_choice_at_the_edge_of_the_grid_is_told(grid: tuple[float, ...], scoring: str, told: tuple[str, ...]) -> None:
    rows, codes = separable()
    options = SearchOptions(Cs=grid, scoring=scoring)
    found = search(rows, Targets.of_codes(codes, (0, 1)), options=options)
    assert found.warnings == told
    assert (found.rule, found.scoring, found.not_searched) == ("best mean score", scoring, ())
    assert found.solver.tasks == len(grid) * 5 + 1
    assert 0 < found.solver.iterations < 40
    assert found.solver.seconds > 0
