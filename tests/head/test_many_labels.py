"""Twenty labels and more that compete: each one's own rows are looked at apart, and the minimum is the same."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from frostline.arrays import Float64Array, IntArray, JoinedRows
from frostline.encoder.words import fit
from frostline.head import curvature, quasi_newton
from frostline.head.curvature import factors_of, stands_apart
from frostline.head.loss import Softmax
from frostline.head.options import SearchOptions, default_grid
from frostline.head.problem import Problem, Tasks, front_of, problem_with, scaling_of
from frostline.head.search import fit_at, search
from frostline.targets import Targets
from frostline.threads import Crew


def clusters(n_labels: int, *, n_texts: int, n_features: int, seed: int = 0) -> tuple[Float64Array, IntArray]:
    """Rows about a centre for each label, that a regression gets nine in ten right of; badly scaled, unequal sizes."""
    rng = np.random.default_rng(seed)
    shares = np.linspace(4, 1, n_labels)
    codes = rng.choice(n_labels, size=n_texts, p=shares / shares.sum())
    codes[: 3 * n_labels] = np.arange(3 * n_labels) % n_labels
    rows = rng.normal(size=(n_labels, n_features))[codes] + 1.1 * rng.normal(size=(n_texts, n_features))
    return rows * np.exp(rng.normal(size=n_features)) + rng.normal(size=n_features), codes.astype(np.int64)


def prepared(rows: Float64Array, codes: IntArray, n_labels: int) -> Problem:
    """Two folds and all rows."""
    training = np.stack([np.arange(len(codes)) % 2 != 0, np.arange(len(codes)) % 2 != 1, np.ones(len(codes), bool)], 1)
    with Crew(1) as crew:
        scaling = scaling_of(rows, training, standardise=True, crew=crew)
        weights = training.astype(np.float64)
        return problem_with(Softmax(codes, n_labels), rows, weights=weights, scaling=scaling, crew=crew)


@pytest.mark.parametrize(("n_labels", "expected"), [(19, False), (20, True)])
def test_from_twenty_labels_on(n_labels: int, *, expected: bool) -> None:
    rows, codes = clusters(n_labels, n_texts=80, n_features=5)
    assert stands_apart(prepared(rows, codes, n_labels)) is expected


@pytest.mark.parametrize("n_features", [30, 150], ids=["few features", "more features than rows"])
def test_the_approximation_is_the_inverse_of_what_it_says(n_features: int) -> None:
    """The level times (X'X + ratio P), and each label's own rows, as a matrix that is inverted."""
    rows, codes = clusters(20, n_texts=120, n_features=n_features)
    problem = prepared(rows, codes, 20)
    tasks = Tasks(np.array([0.02, 0.02]), np.array([0, 1]))
    coef = np.random.default_rng(1).normal(size=(n_features + 1, 2, 20)) / np.sqrt(n_features)
    coef -= coef.mean(axis=2, keepdims=True)
    front = front_of(problem, tasks, coef, exact=False)
    factors = factors_of(problem, None)
    apart = factors.apart(front)
    assert 0 < sum(map(len, apart.rows)) < 20 * 120
    gradient = np.random.default_rng(2).normal(size=coef.shape).astype(np.float32)
    gradient -= gradient.mean(axis=2, keepdims=True)
    standard, place = problem.standard.astype(np.float64), factors._spread.place  # type: ignore[union-attr]
    ratio = 4.0**place
    assert 0.5 < ratio * tasks.C[0] * apart.level < 2
    penalty = np.append(np.exp(2 * np.log(problem.scaling.ratio).mean(axis=1)), 0.0)
    shared = apart.level * (standard.T @ standard + ratio * np.diag(penalty))
    if n_features > 120:  # Woodbury's identity there has a stand-in for the intercept's missing penalty
        shared[-1, -1] += apart.level * 1e-2 * 120
    answer = np.empty(coef.shape)
    for task in (0, 1):
        bent = front.probabilities[:, task] * (1 - front.probabilities[:, task]) * front.weights[:, task, None]
        for label, own in enumerate(apart.rows):
            excess = np.maximum(bent[own, label] - apart.level, 0)
            second = shared + (standard[own].T * excess) @ standard[own]
            answer[:, task, label] = np.linalg.solve(second, gradient[:, task, label])
    answer -= answer.mean(axis=2, keepdims=True)
    answer[:, 1] *= 0.5
    found = apart.apply(gradient, np.array([0, 1]), np.array([1.0, 0.5]))
    assert np.abs(found - answer).max() < 2e-3 * np.abs(answer).max()
    later = apart.apply(gradient[:, 1:], np.array([1]), np.array([0.5]))  # once the first task has arrived
    assert np.abs(later - found[:, 1:]).max() < 1e-4 * np.abs(found).max()


def test_it_takes_far_fewer_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, codes = clusters(25, n_texts=600, n_features=80)
    passes: list[int] = []
    approach = quasi_newton.approach

    def counted(*given: Any, **named: Any) -> quasi_newton.Approach:
        result = approach(*given, **named)
        passes.append(result.passes)
        return result

    monkeypatch.setattr("frostline.head.newton.approach", counted)
    options = SearchOptions(Cs=(0.1, 1.0, 10.0), tolerance=1e-5)
    apart = search(rows, Targets.of_codes(codes, range(25)), options=options)
    with_them = sum(passes)
    passes.clear()
    monkeypatch.setattr(curvature, "MANY", 26)
    alike = search(rows, Targets.of_codes(codes, range(25)), options=options)
    assert with_them < 0.6 * sum(passes)
    assert (apart.scores == alike.scores).all()
    assert apart.chosen_C == alike.chosen_C
    assert np.abs(apart.head.coef - alike.head.coef).max() < 1e-5 * np.abs(alike.head.coef).max()


@pytest.mark.parametrize("n_features", [20, 200], ids=["few features", "more features than rows"])
@pytest.mark.parametrize("C", [1e-3, 0.3])
def test_coefficients_are_scikit_learns(n_features: int, C: float) -> None:
    rows, codes = clusters(22, n_texts=150, n_features=n_features)
    head = fit_at(rows, Targets.of_codes(codes, range(22)), C=C)
    chain = make_pipeline(StandardScaler(), LogisticRegression(C=C, tol=1e-10, max_iter=10_000, solver="newton-cg"))
    expected = chain.fit(rows, codes)[1].coef_ / chain[0].scale_
    assert np.linalg.norm(head.coef - expected) < 1e-4 * np.linalg.norm(expected)


@pytest.mark.parametrize("width", [0, 6], ids=["words alone", "words beside features"])
def test_with_words_coefficients_are_scikit_learns(width: int) -> None:
    rows, codes = clusters(21, n_texts=130, n_features=6)
    rng = np.random.default_rng(3)
    texts = [" ".join([*(f"w{rng.integers(40)}" for _ in range(4)), f"c{code}x{rng.integers(2)}"]) for code in codes]
    joined = JoinedRows(rows[:, :width].astype(np.float32), fit(texts, scale=3.0).rows(texts))
    head = fit_at(joined, Targets.of_codes(codes, range(21)), C=0.5)
    words = joined.words.times(np.eye(joined.words.n_terms))
    scaled = StandardScaler().fit(joined.dense) if width else None
    matrix = words if scaled is None else np.hstack([scaled.transform(joined.dense.astype(np.float64)), words])
    model = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000, solver="newton-cg").fit(matrix, codes)
    expected = model.coef_.copy()
    if scaled is not None:
        expected[:, :width] /= scaled.scale_
    assert np.linalg.norm(head.coef - expected) < 1e-4 * np.linalg.norm(expected)


def test_the_default_grid_is_climbed_from_its_middle() -> None:
    """The choice is that of the whole grid, and its scores are."""
    rows, codes = clusters(20, n_texts=400, n_features=40, seed=5)
    targets = Targets.of_codes(codes, range(20))
    climbed = search(rows, targets, options=SearchOptions())
    whole = search(rows, targets, options=SearchOptions(Cs=default_grid()))
    assert climbed.chosen_C == whole.chosen_C
    assert climbed.Cs == default_grid()[4 : 4 + len(climbed.Cs)]
    assert set(climbed.Cs) | set(climbed.not_searched) == set(default_grid())
    assert np.abs(climbed.mean_scores - whole.mean_scores[4 : 4 + len(climbed.Cs)]).max() <= 1 / 400


def test_many_labels_end_at_the_first_value_that_surely_scores_less() -> None:
    """One is enough, where few labels look at two; the choice is that of the whole grid."""
    rows, codes = clusters(20, n_texts=400, n_features=40, seed=5)
    codes[::2] = np.random.default_rng(0).integers(20, size=len(codes[::2]))
    targets = Targets.of_codes(codes, range(20))
    climbed = search(rows, targets, options=SearchOptions(scoring="neg_log_loss"))
    whole = search(rows, targets, options=SearchOptions(Cs=default_grid(), scoring="neg_log_loss"))
    assert climbed.chosen_C == whole.chosen_C
    best = climbed.Cs.index(climbed.chosen_C[0])
    assert 0 < best == len(climbed.Cs) - 2
    lost = climbed.scores[best, 0] - climbed.scores[-1, 0]
    assert lost.mean() > 2 * lost.std(ddof=1) / np.sqrt(len(lost))


def test_down_from_the_middle_where_that_is_the_best() -> None:
    """Of labels that nothing tells the commonest is the best answer; the search goes on until a C scores less."""
    rng = np.random.default_rng(8)
    codes = np.where(rng.random(300) < 0.5, 0, rng.integers(20, size=300))
    codes[:60] = np.arange(60) % 20
    rows, targets = rng.normal(size=(300, 30)), Targets.of_codes(codes, range(20))
    climbed = search(rows, targets, options=SearchOptions())
    whole = search(rows, targets, options=SearchOptions(Cs=default_grid()))
    assert climbed.chosen_C == whole.chosen_C
    assert climbed.chosen_C[0] < 9e-4
    assert list(climbed.Cs) == sorted(climbed.Cs)
    lowest = climbed.mean_scores[0, 0]
    assert climbed.Cs[0] == default_grid()[0] or lowest < climbed.mean_scores[:, 0].max()
    first = default_grid().index(climbed.Cs[0])
    assert np.abs(climbed.mean_scores - whole.mean_scores[first : first + len(climbed.Cs)]).max() <= 1 / 300


def test_few_labels_are_climbed_from_the_smallest() -> None:
    rows, codes = clusters(19, n_texts=300, n_features=20)
    found = search(rows, Targets.of_codes(codes, range(19)), options=SearchOptions())
    assert found.Cs[0] == default_grid()[0]
