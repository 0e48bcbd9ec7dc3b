"""Confident learning by hand, and planted errors found."""

import numpy as np
import pytest

from frostline.head.options import SearchOptions
from frostline.review.labels import (
    check_labels,
    class_thresholds,
    confident_joint,
    held_out_probabilities,
    neighbour_shares,
    noise_count,
)
from frostline.review.near import Neighbours, directions, nearest
from frostline.targets import Targets


def test_the_confident_joint_by_hand() -> None:
    """Thresholds are 0.7 and 0.7; the row that reaches none is counted for no label, then the rest are stretched."""
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.3, 0.7], [0.6, 0.4], [0.0, 1.0]])
    codes = np.array([0, 0, 0, 1, 1, 1])
    thresholds = class_thresholds(shares, codes)
    np.testing.assert_allclose(thresholds, [0.7, 0.7])
    np.testing.assert_allclose(confident_joint(shares, codes, thresholds), [[2, 1], [0, 3]])


def test_the_joint_keeps_the_number_of_rows_of_each_label() -> None:
    """Also where no row of a label reaches a threshold."""
    random = np.random.default_rng(1)
    shares = random.dirichlet(np.ones(5), size=60)
    codes = np.arange(60) % 5
    joint = confident_joint(shares, codes, class_thresholds(shares, codes))
    np.testing.assert_allclose(joint.sum(axis=1), np.full(5, 12.0))
    never = confident_joint(np.full((4, 2), 0.5), np.array([0, 0, 1, 1]), np.array([0.9, 0.9]))
    np.testing.assert_allclose(never, np.diag([2.0, 2.0]))


def test_a_row_in_two_cells_of_the_joint_is_counted_once() -> None:
    """Two rows of label 0 speak for both others; the joint's four make two rows. A row that is right is not counted."""
    shares = np.array([[0.1, 0.5, 0.4], [0.1, 0.4, 0.5], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    codes = np.array([0, 0, 0, 1, 2])
    assert noise_count(shares, codes, np.array([[1.0, 2, 2], [0, 1, 0], [0, 0, 1]])) == 2
    assert noise_count(shares, codes, np.array([[0.0, 3, 0], [0, 1, 0], [0, 0, 1]])) == 2
    assert noise_count(shares, codes, np.diag([3.0, 1, 1])) == 0


def test_neighbours_vote_by_nearness() -> None:
    """Those on the other side, those missing, and those without a label have no vote."""
    near = Neighbours(
        np.array([[1, 2, 3], [2, -1, -1], [-1] * 3, [-1] * 3]),
        np.array([[0.6, 0.3, -0.5], [-1] * 3, [-1] * 3, [-1] * 3], np.float32),
    )
    members = np.array([0, 0, 1, 1])[:, None] == np.arange(2)
    votes = neighbour_shares(near, members, np.ones(4, dtype=bool))
    np.testing.assert_allclose(votes, np.array([[2 / 3, 1 / 3], [0, 0], [0, 0], [0, 0]]), atol=1e-6)
    unlabelled = neighbour_shares(near, members, np.array([True, False, True, True]))
    np.testing.assert_allclose(unlabelled[0], [0, 1])


def test_a_flagged_row_has_another_label_suggested() -> None:
    """And the most suspicious comes first."""
    random = np.random.default_rng(2)
    shares, codes = random.dirichlet(np.ones(3), size=200), random.integers(0, 3, 200)
    check = check_labels(shares, codes, np.zeros((200, 3)))
    assert len(check.flagged)
    assert (check.suggested[check.flagged] != codes[check.flagged]).all()
    assert (np.diff(check.confidence[check.flagged]) >= 0).all()


def test_planted_errors_are_found() -> None:
    """Of 30 flipped labels among 600 in two well parted clouds, most; and few others."""
    random = np.random.default_rng(3)
    true = np.arange(600) % 2
    rows = (2.5 * true[:, None] * (np.arange(12) < 3) + random.normal(size=(600, 12))).astype(np.float32)
    wrong = random.choice(600, 30, replace=False)
    codes = true.copy()
    codes[wrong] = 1 - codes[wrong]
    targets = Targets.of_codes(codes, (0, 1))
    held_out = held_out_probabilities(rows, targets, options=SearchOptions(), n_foldings=2)
    points, _ = directions(rows)
    votes = neighbour_shares(nearest(points, k=20), targets.members, np.ones(600, dtype=bool))
    check = check_labels(held_out.probabilities, codes, votes)
    hits = len(set(wrong.tolist()) & set(check.flagged.tolist()))
    assert hits >= 25
    assert len(check.flagged) <= 50


@pytest.mark.parametrize("n_labels", [2, 5])
def test_averaging_foldings_changes_no_shape(n_labels: int) -> None:
    """Rows sum to 1, whatever the number of foldings."""
    rows = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
    codes = np.arange(80) % n_labels
    told: list[tuple[int, int]] = []
    found = held_out_probabilities(
        rows,
        Targets.of_codes(codes, range(n_labels)),
        options=SearchOptions(Cs=(0.1,), n_folds=3),
        n_foldings=3,
        progress=lambda done, total: told.append((done, total)),
    )
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert told[0] == (0, 3)
    assert told[-1] == (3, 3)
