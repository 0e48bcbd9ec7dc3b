"""Rows of features with words beside them behave as the one wide matrix that they stand for."""

import numpy as np
import pytest

from frostline.arrays import JoinedRows, WordRows, are_equal, dense_part

DENSE = np.arange(15, dtype=np.float32).reshape(5, 3)
WORDS = np.array([[0, 2, 0, 1], [0, 0, 0, 0], [5, 0, 0, 0], [0, 0, 3, 4], [0, 0, 0, 7]], dtype=np.float64)


def sparse(matrix: np.ndarray) -> WordRows:
    """The same numbers, those that are 0 left out."""
    lengths = (matrix != 0).sum(axis=1)
    rows, columns = np.nonzero(matrix)
    return WordRows(
        indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        indices=columns.astype(np.int64),
        data=matrix[rows, columns],
        n_terms=matrix.shape[1],
    )


def dense(words: WordRows) -> np.ndarray:
    """All numbers, by multiplying with each unit vector."""
    return words.times(np.eye(words.n_terms))


JOINED = JoinedRows(DENSE, sparse(WORDS))


def test_products_are_those_of_the_wide_matrix() -> None:
    coef = np.random.RandomState(0).rand(2, 7)
    wide = np.hstack([DENSE, WORDS])
    assert (JOINED.shape, len(JOINED), len(JOINED.words)) == ((5, 7), 5, 5)
    np.testing.assert_allclose(JOINED.times(coef), wide @ coef.T)
    np.testing.assert_allclose(JOINED.words.times(coef[0, 3:]), WORDS @ coef[:1, 3:].T)
    assert JOINED.times(coef).dtype == np.float64


@pytest.mark.parametrize(
    "chosen",
    [
        np.array([4, 0, 0, 3]),
        np.array([1]),
        np.array([], np.int64),
        np.array([True, False, False, True, True]),
        slice(1, 4),
    ],
    ids=str,
)
def test_rows_are_chosen_as_from_an_array(chosen: np.ndarray) -> None:
    """By numbers (also twice), by truths, by a slice; features and words stay together."""
    some = JOINED[chosen]
    np.testing.assert_array_equal(some.dense, DENSE[chosen])
    np.testing.assert_array_equal(dense(some.words), WORDS[chosen])
    assert len(some) == len(DENSE[chosen])
    assert dense_part(some) is some.dense
    assert dense_part(DENSE) is DENSE


@pytest.mark.parametrize(
    ("rows", "is_so"),
    [
        (np.ones((3, 2), np.float32), True),
        (np.array([[1, 1], [1, 2]], np.float32), False),
        (np.vstack([np.ones((4096, 1)), [[2]]]), False),
        (np.vstack([np.ones((8192, 1)), [[2]], np.ones((5, 1))]), False),
        (np.ones((8193, 1)), True),
        (JoinedRows(np.ones((2, 1)), sparse(np.array([[0.0, 2.0], [0.0, 2.0]]))), True),
        (JoinedRows(np.ones((2, 1)), sparse(np.array([[0.0, 2.0], [0.0, 3.0]]))), False),
        (JoinedRows(np.ones((2, 1)), sparse(np.array([[2.0, 0.0], [0.0, 2.0]]))), False),
        (JoinedRows(np.ones((2, 1)), sparse(np.array([[2.0, 0.0], [2.0, 1.0]]))), False),
        (JoinedRows(np.ones((2, 1)), sparse(np.zeros((2, 2)))), True),
        (JoinedRows(np.array([[1.0], [2.0]]), sparse(np.array([[2.0], [2.0]]))), False),
    ],
)
def test_rows_of_which_none_differs_are_found(rows: JoinedRows | np.ndarray, *, is_so: bool) -> None:
    assert are_equal(rows) is is_so
