"""Texts that are the same, or nearly; texts unlike all others; texts to ask about."""

import numpy as np
import pytest

from frostline.encoder.reading import distinct_texts
from frostline.review.near import Neighbours, check_outliers, directions, nearest
from frostline.review.repeats import Group, exact_groups, matches, near_groups, word_overlap
from frostline.review.run import next_to_label, uncertainties


def near_of(*rows: list[tuple[int, float]]) -> Neighbours:
    """Neighbours written by hand, one list of (row, cosine) for each text."""
    return Neighbours(
        np.array([[number for number, _ in row] for row in rows]),
        np.array([[cosine for _, cosine in row] for row in rows], np.float32),
    )


def test_exact_groups_compare_every_character() -> None:
    """Case, blanks and normal forms count."""
    distinct = distinct_texts(["a", "A", "a", "a ", "b", "b", "a"])
    assert exact_groups(distinct) == (Group((0, 2, 6), "exact", 1.0), Group((4, 5), "exact", 1.0))
    assert distinct.first.tolist() == [0, 1, 3, 4]


def test_near_needs_both_the_same_direction_and_the_same_words() -> None:
    """Either alone is not enough."""
    texts = ["a fine film indeed", "a fine film", "a bad film indeed", "quite another sentence"]
    near = near_of(
        [(1, 0.95), (2, 0.8), (3, 0.99)],
        [(0, 0.95), (2, 0.1), (3, 0.1)],
        [(0, 0.8), (1, 0.1), (3, 0.1)],
        [(0, 0.99), (1, 0.1), (2, 0.1)],
    )
    (group,) = near_groups(texts, near)
    assert (group.rows, group.kind) == ((0, 1), "near")
    assert group.cosine == pytest.approx(0.95)


def test_chains_of_near_texts_are_one_group() -> None:
    """With the cosine of its least alike pair."""
    texts = ["a b c d", "a b c d e", "b c d e"]
    near = near_of([(1, 0.9), (2, 0.2)], [(0, 0.9), (2, 0.87)], [(1, 0.87), (0, 0.2)])
    (group,) = near_groups(texts, near)
    assert group.rows == (0, 1, 2)
    assert group.cosine == pytest.approx(0.87)


def test_a_match_to_the_letter_comes_before_a_near_one() -> None:
    """And names the first row where it stands."""
    found = matches(["x y z"], ["x y z w", "x y z"], near_of([(0, 0.99), (1, 0.98)]))
    assert [(match.row, match.other, match.kind) for match in found] == [(0, 1, "exact")]


def test_words_overlap_case_aside() -> None:
    """The shared ones among all."""
    assert word_overlap("The Film, is good", "the film is bad") == pytest.approx(3 / 5)
    assert word_overlap("...", "...") == 0


def test_of_few_texts_none_stands_out() -> None:
    """Nor of texts that are all equally far apart."""
    few = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    assert not len(check_outliers(few, nearest(directions(few)[0], k=3)).flagged)
    equal = np.eye(30, dtype=np.float32)
    assert not len(check_outliers(equal, nearest(equal, k=3)).flagged)


def test_an_outlier_is_scored_by_its_distance() -> None:
    """The one far from all others has the highest score, and is the first beyond the limit."""
    random = np.random.default_rng(0)
    cloud = random.normal(size=(120, 4)) + np.array([6, 6, 0, 0])
    rows = np.vstack([cloud, [[0, 0, 9, -9]]]).astype(np.float32)
    check = check_outliers(rows, nearest(directions(rows)[0], k=10))
    assert check.flagged[0] == 120
    assert check.scores.argmax() == 120
    others = rows[:120] / np.linalg.norm(rows[:120], axis=1, keepdims=True)
    distances = np.sort(1 - others @ (rows[120] / np.linalg.norm(rows[120])))
    assert distances[0] <= check.scores[120] <= distances[-1]


def test_uncertainty_is_one_less_the_margin() -> None:
    """A toss-up is 1, a sure answer 0."""
    np.testing.assert_allclose(uncertainties(np.array([[0.5, 0.5], [1, 0], [0.7, 0.3]])), [1, 0, 0.6])


def test_the_second_text_asked_for_is_unlike_the_first() -> None:
    """Though a copy of the first is less sure."""
    shares = np.array([[0.5, 0.5], [0.51, 0.49], [0.6, 0.4]])
    points = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert next_to_label(shares, points, n=2).tolist() == [0, 2]
    assert next_to_label(shares, points, n=9).tolist() == [0, 2, 1]


def test_texts_without_a_direction_are_asked_by_uncertainty() -> None:
    """No vector tells them apart, so the least sure come first."""
    shares = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]])
    assert next_to_label(shares, np.zeros((3, 2), np.float32), n=3).tolist() == [1, 2, 0]


def test_of_near_matches_the_nearest_is_named() -> None:
    """Whichever comes first."""
    for order in ([(0, 0.9), (1, 0.95)], [(1, 0.95), (0, 0.9)]):
        found = matches(["v w x y z"], ["v w x y z q", "v w x y z r"], near_of(order))
        assert [(match.other, match.kind) for match in found] == [(1, "near")]
        assert found[0].cosine == pytest.approx(0.95)
