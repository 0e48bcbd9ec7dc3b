"""How far the default grid is climbed."""

from collections.abc import Sequence

import numpy as np
import pytest

from frostline.arrays import Float64Array, IntArray
from frostline.head.loss import Softmax
from frostline.head.newton import Limits
from frostline.head.options import SearchOptions, default_grid
from frostline.head.path import Climb, Trial, climbed, groups_of, is_done, sharpened
from frostline.head.problem import problem_with, scaling_of
from frostline.head.quasi_newton import Memory
from frostline.head.scoring import score_named
from frostline.head.search import search
from frostline.machine import one_blas_thread
from frostline.targets import Targets
from frostline.threads import Crew


def trials(scores: Sequence[float], losses: Sequence[float]) -> list[Trial]:
    """One for each pair of a mean score and a loss; folds differ from the mean by the same amounts everywhere."""
    nothing = np.empty((0, 1))
    around = np.array([-0.01, 0.0, 0.01])
    return [
        Trial(position, score + around, loss, nothing, nothing, 0, 0.0)
        for position, (score, loss) in enumerate(zip(scores, losses, strict=True))
    ]


@pytest.mark.parametrize(
    ("scores", "losses", "done"),
    [
        ([0.6, 0.6, 0.6], [0.9, 0.8, 0.7], False),  # all rows still get the commonest label
        ([0.7, 0.8, 0.8], [0.5, 0.6, 0.7], False),  # the score has gained since
        ([0.8, 0.8, 0.8], [0.5, 0.6, 0.7], True),  # flat, and probabilities only get worse
        ([0.8, 0.79, 0.795], [0.5, 0.6, 0.7], True),
        ([0.8, 0.8, 0.8], [0.5, 0.6, 0.55], False),  # no valley yet
        ([0.8, 0.79, 0.81], [0.5, 0.6, 0.7], False),  # the best so far
        ([0.8, 0.7, 0.6], [0.5, 0.5, 0.5], True),  # surely falling
        ([0.8, 0.7], [0.5, 0.6], False),  # two are too few to tell
    ],
)
def test_the_climb_ends_where_folds_only_overfit_or_scores_surely_fall(
    scores: Sequence[float],
    losses: Sequence[float],
    done: bool,  # noqa: FBT001 - parametrised
) -> None:
    assert is_done(trials(scores, losses)) is done


def rare(seed: int) -> tuple[Float64Array, IntArray]:
    """Rows of which one in eight has the second label, which few small C predict."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(400, 30))
    codes = (rows[:, :6].sum(axis=1) + 1.5 * rng.normal(size=400) > 3.2).astype(np.int64)
    return rows, codes


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_score_that_starts_flat_is_climbed_past(class_weight: str | None) -> None:
    """With a rare label the smallest C score all the same; the climb still finds what the whole grid would."""
    rows, codes = rare(0)
    folds = np.arange(400) % 5
    options = SearchOptions(class_weight=class_weight)
    climbed = search(rows, Targets.of_codes(codes, (0, 1)), options=options, folds=folds)
    options = SearchOptions(class_weight=class_weight, Cs=default_grid())
    whole = search(rows, Targets.of_codes(codes, (0, 1)), options=options, folds=folds)
    assert climbed.not_searched or class_weight == "balanced"
    best = whole.scores[:, 0].mean(axis=1)
    assert best[whole.Cs.index(climbed.chosen_C[0])] >= best.max() - 1 / len(rows)


def test_the_default_grid_is_solved_nearly_as_exactly_as_a_given_one() -> None:
    rows, codes = rare(1)
    labels = (0, 1)
    assert (
        1e-6 < search(rows, Targets.of_codes(codes, labels), options=SearchOptions()).solver.relative_gradient <= 1e-5
    )
    options = SearchOptions(tolerance=1e-6)
    assert search(rows, Targets.of_codes(codes, labels), options=options).solver.relative_gradient <= 1e-6
    options = SearchOptions(Cs=(0.01, 0.1))
    assert search(rows, Targets.of_codes(codes, labels), options=options).solver.relative_gradient <= 1e-6


def test_values_that_tie_for_the_best_are_solved_to_the_full() -> None:
    """However roughly the climb was solved, what it chooses between is exact."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(150, 20)) @ rng.normal(size=(20, 20))
    codes = (rows[:, :3] + 4 * rng.normal(size=(150, 3))).argmax(axis=1).astype(np.int64)
    folds = np.arange(150) % 5
    training = folds[:, None] != np.arange(5)
    grid = (0.001, 0.01, 0.011, 0.1)
    targets = Targets.of_codes(codes, (0, 1, 2))
    with one_blas_thread(), Crew(1) as crew:
        scaling = scaling_of(rows, training, standardise=True, crew=crew)
        problem = problem_with(Softmax(codes, 3), rows, weights=training.astype(float), scaling=scaling, crew=crew)
        groups = groups_of(problem, targets, np.arange(3), score_named("accuracy", 3))
        climb = Climb(problem, groups, folds, None, Limits(settle=False, tolerance=0.03), Memory())
        rough = climbed(climb, grid, may_stop=False)[0]
        found = sharpened(climb, rough, grid)
    best = max(trial.mean for trial in rough)
    tied = [trial.mean >= best - 2 / 150 for trial in rough]
    assert 2 <= sum(tied) < len(grid)
    assert [trial.relative_gradient <= 1e-6 for trial in found] == tied
    assert all(trial.relative_gradient > 1e-6 for trial in rough)
    assert [trial.position for trial in found] == [trial.position for trial in rough]
    exact = search(rows, Targets.of_codes(codes, (0, 1, 2)), options=SearchOptions(Cs=grid), folds=folds)
    for trial, is_tied in zip(found, tied, strict=True):
        if is_tied:
            np.testing.assert_array_equal(trial.scores, exact.scores[:, 0][trial.position])
