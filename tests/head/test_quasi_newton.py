"""What the approach to a minimum is made of: remembered pairs, shared factors, one pass along a direction."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.arrays import Float64Array
from frostline.head.curvature import factors_of
from frostline.head.loss import Logistic, Softmax
from frostline.head.newton import Limits, minimise
from frostline.head.problem import Problem, Tasks, front_of, problem_with, scaling_of
from frostline.head.quasi_newton import Memory, approach, level_of, no_pairs, pairs_for, walk
from frostline.machine import one_blas_thread
from frostline.threads import Crew


def made(n_labels: int, *, n_texts: int = 300, n_features: int = 40, threads: int = 1) -> Problem:
    """A problem of three folds on correlated rows."""
    rng = np.random.default_rng(n_labels)
    rows = rng.normal(size=(n_texts, n_features)) @ rng.normal(size=(n_features, n_features))
    codes = (rows[:, :n_labels] + 3 * rng.normal(size=(n_texts, n_labels))).argmax(axis=1).astype(np.int64)
    codes[: 3 * n_labels] = np.tile(np.arange(n_labels), 3)
    training = np.arange(n_texts)[:, None] % 3 != np.arange(3)
    crew = Crew(threads)
    scaling = scaling_of(rows, training, standardise=True, crew=crew)
    return problem_with(
        Logistic(codes) if n_labels == 2 else Softmax(codes, n_labels),
        rows,
        weights=training.astype(float),
        scaling=scaling,
        crew=crew,
    )


def three(C: float) -> Tasks:
    return Tasks(np.full(3, C), np.arange(3))


def zero(problem: Problem, n_tasks: int = 3) -> Float64Array:
    return np.zeros((problem.n_features + 1, n_tasks, problem.loss.n_coef_rows))


@given(seed=st.integers(0, 1000), n_pairs=st.integers(0, 9), capacity=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_the_product_is_that_of_the_updated_matrix(seed: int, n_pairs: int, capacity: int) -> None:
    """By the textbook's update of the inverse, of the pairs that are kept (Nocedal and Wright, equation 6.17)."""
    rng = np.random.default_rng(seed)
    size = 12
    root = rng.normal(size=(size, size))
    second = root @ root.T + np.eye(size)
    first = np.diag(rng.uniform(0.5, 2, size))
    pairs = no_pairs(capacity, np.zeros(size, dtype=np.float32))
    steps = rng.normal(size=(n_pairs, size)).astype(np.float32)
    for step in steps:
        pairs.add(step, (second @ step).astype(np.float32))
    inverse = first
    for step in steps.astype(float)[max(0, n_pairs - capacity) :]:
        change = second @ step
        turn = np.eye(size) - np.outer(step, change) / (step @ change)
        inverse = turn @ inverse @ turn.T + np.outer(step, step) / (step @ change)
    gradient = rng.normal(size=size)
    left, share = pairs.before(gradient.astype(np.float32))
    found = pairs.after((first @ left).astype(np.float32), share)
    assert np.linalg.norm(found - inverse @ gradient) < 2e-3 * np.linalg.norm(inverse @ gradient)


def test_pairs_serve_another_penalty() -> None:
    """What was learned at one penalty is, for another, what would have been learned there."""
    rng = np.random.default_rng(0)
    before, after = np.full(8, 0.5, dtype=np.float32), rng.uniform(1, 3, 8).astype(np.float32)
    learned, wanted = no_pairs(4, before), no_pairs(3, after)
    for _ in range(6):
        step = rng.normal(size=8).astype(np.float32)
        bent = (step * np.arange(1, 9)).astype(np.float32)
        learned.add(step, bent + before * step)
        wanted.add(step, bent + after * step)
    found = pairs_for(learned, 3, after)
    gradient = rng.normal(size=8).astype(np.float32)
    left, share = found.before(gradient)
    wanted_left, wanted_share = wanted.before(gradient)
    np.testing.assert_allclose(left, wanted_left, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.after(left, share), wanted.after(wanted_left, wanted_share), rtol=1e-4, atol=1e-5)


def test_a_step_that_bends_nothing_is_not_remembered() -> None:
    pairs = no_pairs(3, np.zeros(4, dtype=np.float32))
    pairs.add(np.zeros(4, dtype=np.float32), np.ones(4, dtype=np.float32))
    pairs.add(np.ones(4, dtype=np.float32), np.zeros(4, dtype=np.float32))
    pairs.add(np.ones(4, dtype=np.float32), -np.ones(4, dtype=np.float32))
    assert pairs.order == []


@pytest.mark.parametrize(("n_texts", "n_features"), [(300, 40), (60, 90)])
def test_a_factor_is_the_inverse_of_its_curvature(n_texts: int, n_features: int) -> None:
    """On the grid of ratios exactly; also with fewer rows than features."""
    problem = made(2, n_texts=n_texts, n_features=n_features)
    factors = factors_of(problem, None)
    level, C = np.full((3, 1), 0.25), 4.0  # a ratio of penalty to curvature of 1
    places = factors.places(level, np.full(3, C), None)
    assert (places == 0).all()
    rng = np.random.default_rng(0)
    gradient = rng.normal(size=(n_features + 1, 3, 1)).astype(np.float32)
    gradient[-1] = 0
    found = factors.apply(gradient, level, places)
    rows = problem.standard[:, :-1].astype(float)
    penalty = np.exp(2 * np.log(problem.scaling.ratio).mean(axis=1))
    second = 0.25 * (rows.T @ rows + np.diag(penalty))
    wanted = np.linalg.solve(second, gradient[:-1, :, 0].astype(float))
    np.testing.assert_allclose(found[:-1, :, 0], wanted, rtol=5e-3, atol=5e-3 * abs(wanted).max())


def test_a_factor_is_kept_while_the_ratio_drifts_a_little() -> None:
    factors = factors_of(made(2), None)
    first = factors.places(np.full((1, 1), 0.25), np.array([4.0]), None)
    near = factors.places(np.full((1, 1), 0.1), np.array([4.0]), first)
    far = factors.places(np.full((1, 1), 0.01), np.array([4.0]), first)
    assert (near == first).all()
    assert (far > first).all()


@pytest.mark.parametrize("n_labels", [2, 4])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e-3])
def test_a_pass_moves_the_front_to_where_it_says(n_labels: int, scale: float) -> None:
    """Also where the direction is far too long or too short: decisions, value and gradient are those of the place."""
    problem = made(n_labels)
    tasks = three(0.1)
    front = front_of(problem, tasks, zero(problem), exact=True)
    before = front.value.copy()
    direction = (-scale * front.gradient / np.linalg.norm(front.gradient)).astype(np.float32)
    asked = direction.copy()
    moved = walk(problem, front, direction)
    there = front_of(problem, tasks, front.coef, exact=True)
    assert (front.value < before).all()
    np.testing.assert_allclose(front.coef, moved.length[None, :, None] * asked, rtol=1e-6)
    np.testing.assert_allclose(direction, front.coef, rtol=1e-6)
    np.testing.assert_allclose(front.value, there.value, rtol=1e-6)
    np.testing.assert_allclose(front.probabilities, there.probabilities, atol=1e-5)
    np.testing.assert_allclose(front.gradient, there.gradient, atol=1e-4 * abs(there.gradient).max() + 1e-3)
    np.testing.assert_allclose(moved.level, level_of(problem, there), rtol=1e-4)


@pytest.mark.parametrize("n_labels", [2, 3, 7])
@pytest.mark.parametrize("shape", [(300, 40), (60, 90)])
def test_the_approach_arrives_where_newton_does(n_labels: int, shape: tuple[int, int]) -> None:
    problem = made(n_labels, n_texts=shape[0], n_features=shape[1])
    memory = Memory()
    start = zero(problem)
    for C in (1e-3, 1e-2, 1e-1):
        found = approach(problem, three(C), start, memory=memory, gram=None, tolerance=3e-6, passes=150)
        exact = minimise(problem, three(C), start, gram=None, limits=Limits(near=0, settle=False))
        assert found.arrived.all()
        distance = np.linalg.norm(found.coef - exact.coef) / np.linalg.norm(exact.coef)
        assert distance < 1e-3
        start = found.coef


def test_what_was_learned_at_one_c_spares_passes_at_the_next() -> None:
    problem = made(4, n_texts=400, n_features=60)
    memory = Memory()
    common: dict[str, Any] = {"gram": None, "tolerance": 1e-6, "passes": 150}
    first = approach(problem, three(0.3), zero(problem), memory=memory, **common)
    knowing = approach(problem, three(1.0), first.coef, memory=memory, **common)
    ignorant = approach(problem, three(1.0), first.coef, memory=Memory(), **common)
    assert knowing.arrived.all()
    assert knowing.passes < ignorant.passes


def test_tasks_that_do_not_arrive_are_left_to_newton() -> None:
    problem = made(3)
    near = approach(problem, three(10.0), zero(problem), memory=Memory(), gram=None, tolerance=1e-6, passes=2)
    assert not near.arrived.any()
    whole = minimise(problem, three(10.0), zero(problem), gram=None, limits=Limits(near=2, settle=False))
    assert whole.converged.all()


@pytest.mark.parametrize("n_labels", [2, 3])
def test_the_same_bits_come_out_twice(n_labels: int) -> None:
    found: list[Float64Array] = []
    for _ in range(2):
        with one_blas_thread():
            problem = made(n_labels, n_texts=900, n_features=300, threads=2)
            common: dict[str, Any] = {"gram": None, "tolerance": 1e-5, "passes": 150}
            found.append(approach(problem, three(0.1), zero(problem), memory=Memory(), **common).coef)
    assert (found[0] == found[1]).all()
