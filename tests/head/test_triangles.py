"""Cholesky factors made of products, and the threads that share parts of a search."""

import threading

import numpy as np
import pytest

from frostline.head.curvature import cholesky
from frostline.threads import Crew


@pytest.mark.parametrize("size", [1, 127, 129, 700, 1700], ids=lambda size: f"{size} rows")
def test_a_triangle_solves_what_numpy_solves(size: int) -> None:
    """Small ones are inverted, large ones made of halves; both solve the same equations."""
    rng = np.random.default_rng(size)
    rows = rng.normal(size=(size, size))
    second = rows @ rows.T / size + np.eye(size)
    right = rng.normal(size=(size, 3))
    np.testing.assert_allclose(cholesky(second.copy()).solve(right), np.linalg.solve(second, right), rtol=1e-8)


def test_a_matrix_without_a_cholesky_factor_gets_a_ridge() -> None:
    solved = cholesky(np.ones((300, 300), dtype=np.float32)).solve(np.ones((300, 1), dtype=np.float32))
    np.testing.assert_allclose(solved.sum(), 1, rtol=1e-2)


def test_a_matrix_that_no_ridge_saves_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match="no Cholesky factor"):
        cholesky(-np.eye(300, dtype=np.float32))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_crew_keeps_the_order_of_the_parts_and_ends_its_threads(threads: int) -> None:
    before = set(threading.enumerate())
    with Crew(threads) as crew:
        assert crew.map(lambda part: part**2, range(50)) == [part**2 for part in range(50)]
    assert set(threading.enumerate()) <= before


def test_an_error_in_a_part_reaches_the_caller() -> None:
    with Crew(2) as crew, pytest.raises(ZeroDivisionError):
        crew.map(lambda part: 1 // part, [1, 0, 2])
