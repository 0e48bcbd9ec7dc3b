"""Rows of features with words beside them behave as the one wide matrix that they stand for."""

import numpy as np
import pytest

from frostline.arrays import JoinedRows, Rows, WordRows, are_equal, dense_part, times
from frostline.head.linear import LinearHead, Link

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


@pytest.mark.parametrize("link", ["softmax", "logistic"])
@pytest.mark.parametrize("n_labels", [2, 3, 9, 150])
@pytest.mark.parametrize("has_words", [False, True])
def test_a_row_has_the_bits_that_it_has_alone(n_labels: int, link: Link, *, has_words: bool) -> None:
    """However many stand beside it, and however they lie in memory. In a product of all, most would have others."""
    lot = np.random.RandomState(0)
    dense = lot.randn(65, 500).astype(np.float32)
    words = sparse(lot.rand(65, 20) * (lot.rand(65, 20) > 0.7))
    lying: list[np.ndarray] = [
        dense,
        np.asfortranarray(dense),
        dense.astype(np.float64),
        np.repeat(dense, 2, axis=1)[:, ::2],
    ]
    n_rows = 1 if (n_labels, link) == (2, "softmax") else n_labels
    coef = lot.randn(n_rows, 520 if has_words else 500)
    head = LinearHead(labels=tuple(range(n_labels)), coef=coef, intercept=lot.randn(n_rows), link=link)
    every: list[Rows] = [JoinedRows(each, words) for each in lying] if has_words else [*lying]
    alone = np.concatenate([head.predict_proba(every[0][place : place + 1]) for place in range(65)])
    for rows in every:
        for size in (2, 3, 16, 65):
            found = [head.predict_proba(rows[start : start + size]) for start in range(0, 65, size)]
            np.testing.assert_array_equal(np.concatenate(found), alone)


def test_nothing_times_nothing() -> None:
    """No rows, or no columns: of words alone there are no features."""
    assert times(np.empty((0, 3), np.float32), np.ones((2, 3))).shape == (0, 2)
    np.testing.assert_array_equal(times(np.empty((3, 0), np.float32), np.empty((2, 0))), np.zeros((3, 2)))
    np.testing.assert_array_equal(JOINED.words_alone.times(np.ones((1, 4))), WORDS.sum(axis=1, keepdims=True))


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
