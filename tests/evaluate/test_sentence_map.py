"""The map: its axes are what it says they are, and it is always the same map."""

import numpy as np
import pytest
from numpy.typing import NDArray

from frostline.evaluate.examples import sentence_map
from frostline.head.linear import decisions_for


def rows(n: int, n_features: int = 30, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, n_features)).astype(np.float32)


def test_the_first_axis_of_two_labels_is_the_decision() -> None:
    """So a mistake lies on the wrong side of 0."""
    decisions = np.random.default_rng(1).normal(size=(50, 1))
    found = sentence_map(decisions, rows(50))
    assert found is not None
    assert found.kind == "decision"
    np.testing.assert_array_equal(found.places[:, 0], decisions[:, 0])


def test_the_second_axis_is_the_first_component_of_what_the_decision_leaves() -> None:
    """Held to a singular value decomposition of the regressed features."""
    decisions, given = np.random.default_rng(2).normal(size=(80, 1)), rows(80)
    given[:, :10] += 2 * np.random.default_rng(3).normal(size=(80, 1)).astype(np.float32)
    found = sentence_map(decisions, given)
    assert found is not None
    scaled = (given - given.mean(axis=0)) / given.std(axis=0)
    along = decisions[:, 0] - decisions.mean()
    along /= np.linalg.norm(along)
    rest = scaled - np.outer(along, along @ scaled)
    left, sizes, _ = np.linalg.svd(rest, full_matrices=False)
    assert abs(np.array(np.corrcoef(left[:, 0], found.places[:, 1]))[0, 1]) > 0.999
    assert found.shares[1] == pytest.approx(sizes[0] ** 2 / np.square(sizes).sum(), rel=1e-3)
    assert abs(np.array(np.corrcoef(found.places.T))[0, 1]) < 1e-3


def test_of_three_labels_the_plane_holds_everything() -> None:
    """Three labels' decisions differ in two directions: distances between texts stay what they are."""
    decisions = np.random.default_rng(4).normal(size=(40, 3))
    found = sentence_map(decisions, rows(40))
    assert found is not None
    assert sum(found.shares) == pytest.approx(1)
    centred = decisions - decisions.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(
        np.linalg.norm(found.places[0] - found.places[1:], axis=1),
        np.linalg.norm(centred[0] - centred[1:], axis=1),
        rtol=1e-9,
    )


def test_the_same_rows_give_the_same_map_whatever_their_sign() -> None:
    """Directions have no sign of their own, so one is fixed; drawing is seeded."""
    decisions = np.random.default_rng(5).normal(size=(3000, 4))
    first, again = (sentence_map(decisions, rows(3000), seed=3) for _ in range(2))
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first.places, again.places)
    np.testing.assert_array_equal(first.rows, again.rows)
    assert len(first.rows) == 2000
    assert first.n_texts == 3000
    assert (np.diff(first.rows) > 0).all()
    for axis in (0, 1):
        assert first.places[:, axis].std() > 0


@pytest.mark.parametrize("n_columns", [1, 3])
def test_there_is_no_map_of_nothing(n_columns: int) -> None:
    """Two texts, or all in one place."""
    assert sentence_map(np.ones((2, n_columns)), rows(2)) is None
    assert sentence_map(np.ones((20, n_columns)), rows(20)) is None


def test_equal_features_leave_a_line() -> None:
    """The decision is shown, the rest is 0."""
    found = sentence_map(np.arange(9.0)[:, None], np.ones((9, 4), np.float32))
    assert found is not None
    assert found.shares[1] == 0
    assert not found.places[:, 1].any()


def test_probabilities_become_log_odds() -> None:
    """Those of the second of two labels; finite for 0 and 1."""
    found = decisions_for(np.array([[0.25, 0.75], [1.0, 0.0]]), link="softmax")
    assert found[0, 0] == pytest.approx(np.log(3))
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("power", "is_drawn"), [(0.9e-18, False), (1.1e-18, True)])
def test_decisions_that_differ_by_rounding_alone_have_no_map(power: float, *, is_drawn: bool) -> None:
    """The largest direction's power, for each text, decides."""
    directions = np.linalg.qr(np.random.default_rng(0).normal(size=(50, 3)))[0]
    directions -= directions.mean(axis=0)
    decisions = np.linalg.qr(directions)[0][:, :1] * np.sqrt(50 * power / 2) * np.array([[1.0, -1.0, 0.0]])
    assert (sentence_map(decisions, rows(50)) is not None) == is_drawn
