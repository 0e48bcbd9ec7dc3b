"""Neighbours, outliers, votes and choices with numbers that can be reckoned by hand."""

import numpy as np
import pytest

from frostline.evaluate.intervals import SMALLEST_PROBABILITY
from frostline.head.options import SearchOptions
from frostline.review.labels import Knowledge, check_labels, held_out_probabilities, knowledge_of, noise_count
from frostline.review.near import Neighbours, check_outliers, directions, nearest
from frostline.review.repeats import Match, matches, near_groups, word_overlap
from frostline.review.run import next_to_label, uncertainties
from frostline.targets import Targets


def near_of(*rows: list[tuple[int, float]]) -> Neighbours:
    return Neighbours(
        np.array([[number for number, _ in row] for row in rows]),
        np.array([[cosine for _, cosine in row] for row in rows], np.float32),
    )


# --- outliers


def on_a_circle(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return (np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[3.0]]).astype(np.float32)


def test_a_score_is_the_mean_distance_and_a_deviation_is_robust() -> None:
    """20 pairs at growing angles: each text's only neighbour is its partner."""
    angles = [float(pair + 1) for pair in range(10)]
    rows = on_a_circle(*(side for place, angle in enumerate(angles) for side in (36 * place, 36 * place + angle)))
    near = near_of(*([(place + 1 if place % 2 == 0 else place - 1, 1.0)] for place in range(20)))
    check = check_outliers(rows, near)
    scores = np.repeat(1 - np.cos(np.deg2rad(angles)), 2)
    np.testing.assert_allclose(check.scores, scores, atol=2e-6)
    centre = np.median(check.scores)
    spread = 1.4826 * np.median(np.abs(check.scores - centre))
    np.testing.assert_allclose(check.deviations, (check.scores - centre) / spread)
    assert check.deviations.min() < 0
    assert check.flagged.tolist() == np.flatnonzero(check.deviations > 2.5).tolist()
    assert check_outliers(rows[:19], Neighbours(near.rows[:19] % 19, near.cosines[:19])).flagged.tolist() == []


def test_what_stands_out_comes_farthest_first_and_the_rest_does_not() -> None:
    """Two strays of 40, before the two ends of the row; from 20 texts on."""
    angles = [0.1 * place for place in range(38)]
    rows = on_a_circle(*angles, 60.0, 120.0)
    near = nearest(directions(rows)[0], k=3)
    flagged = check_outliers(rows, near).flagged.tolist()
    assert (flagged[:2], sorted(flagged)) == ([39, 38], [0, 37, 38, 39])
    twenty = on_a_circle(*angles[:19], 90.0)
    near = nearest(directions(twenty)[0], k=3)
    assert check_outliers(twenty, near).flagged[0] == 19
    near = nearest(directions(twenty[1:])[0], k=3)
    assert check_outliers(twenty[1:], near).flagged.tolist() == []


def test_only_ten_neighbours_count_and_missing_ones_do_not() -> None:
    rows = on_a_circle(*[0.0] * 11, 90.0)
    numbers = np.array([[*range(1, 11), 11]] * 12)
    found = check_outliers(rows, Neighbours(numbers, np.ones(numbers.shape, np.float32))).scores
    np.testing.assert_allclose(found, [0.0] * 11 + [1.0], atol=1e-6)
    some = np.full((12, 3), -1)
    some[0, :2] = 11, 1
    found = check_outliers(rows, Neighbours(some, np.ones(some.shape, np.float32))).scores
    np.testing.assert_allclose(found, [0.5] + [0.0] * 11, atol=1e-6)
    assert (
        check_outliers(np.zeros((0, 2), np.float32), Neighbours(some[:0], np.zeros((0, 3), np.float32))).scores.size
        == 0
    )


def test_more_texts_than_are_compared_together_are_scored_alike() -> None:
    rows = np.random.default_rng(0).normal(size=(2060, 3)).astype(np.float32)
    numbers = np.array([[(row + 1) % 2060, (row + 2) % 2060] for row in range(2060)], np.int64)
    found = check_outliers(rows, Neighbours(numbers, np.ones(numbers.shape, np.float32))).scores
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    expected = 1 - (units[:, None] * units[numbers]).sum(axis=2)
    np.testing.assert_allclose(found, expected.mean(axis=1), atol=1e-5)


# --- directions and near texts


def test_a_direction_is_of_length_1_about_the_mean_given_or_found() -> None:
    rows = np.array([[3, 0], [1, 0], [2, 2], [2, -2]], np.float32)
    points, centre = directions(rows)
    np.testing.assert_allclose(centre, [2, 0])
    np.testing.assert_allclose(points, [[1, 0], [-1, 0], [0, 1], [0, -1]])
    about, same = directions(rows, centre=np.array([3, 0], np.float32))
    np.testing.assert_allclose(same, [3, 0])
    np.testing.assert_allclose(about[:2], [[0, 0], [-1, 0]])
    np.testing.assert_allclose(np.linalg.norm(about[2:], axis=1), 1, atol=1e-6)
    small = np.array([[1e-3, 0], [-1e-3, 0]], np.float32)
    np.testing.assert_allclose(directions(small)[0], [[1, 0], [-1, 0]])
    assert not directions(small * np.float32(1e-4))[0].any()


WORDS_5 = "v w x y z"


@pytest.mark.parametrize(
    ("cosine", "other", "is_near"),
    [
        (0.86, "v w x y q", True),
        (0.84, "v w x y q", False),
        (0.99, "v w x q", False),
        (0.99, "v w x", True),
        (0.99, "v w", False),
    ],
)
def test_near_is_from_a_cosine_of_85_and_three_fifths_of_the_words_on(
    cosine: float, other: str, *, is_near: bool
) -> None:
    near = near_of([(1, cosine)], [(0, cosine)])
    assert bool(near_groups([WORDS_5, other], near)) == is_near
    expected = [Match(0, 0, "near", float(np.float32(cosine)))] if is_near else []
    assert list(matches([WORDS_5], [other], near_of([(0, cosine)]))) == expected


def test_word_overlap_is_symmetric_and_looks_at_the_beginning() -> None:
    assert word_overlap(WORDS_5, "v w x") == word_overlap("v w x", WORDS_5) == 3 / 5
    assert word_overlap("a", "") == 0
    long = "a " * 2048
    assert word_overlap(long + "b", long + "c") == 1


def test_rounding_makes_no_cosine_above_1_and_missing_ones_are_no_match() -> None:
    near = near_of([(1, 1.0000001), (-1, 1.0)], [(0, 1.0000001), (-1, 1.0)])
    (group,) = near_groups([WORDS_5, WORDS_5 + " "], near)
    assert (group.rows, group.cosine) == ((0, 1), 1.0)


def test_groups_that_chains_do_not_join_stay_apart() -> None:
    texts = ["a b c", "d e f", "a b c .", "d e f .", "g h i"]
    near = near_of([(2, 0.9)], [(3, 0.95)], [(0, 0.9)], [(1, 0.95)], [(0, 0.99)])
    found = near_groups(texts, near)
    assert [group.rows for group in found] == [(0, 2), (1, 3)]
    assert [group.cosine for group in found] == pytest.approx([0.9, 0.95])


# --- what to label next


def test_uncertainty_looks_at_the_two_most_probable_labels() -> None:
    found = uncertainties(np.array([[0.1, 0.6, 0.3], [1.0, 0.0, 0.0], [0.2, 0.4, 0.4]]))
    np.testing.assert_allclose(found, [0.7, 0.0, 1.0])


def test_only_the_ten_most_uncertain_for_each_one_wanted_are_considered() -> None:
    """The eleventh is unlike the rest, and is not asked for."""
    unsure = np.linspace(0.5, 0.6, 12)
    shares = np.stack([unsure, 1 - unsure], axis=1)
    points = np.tile(np.array([[1, 0]], np.float32), (12, 1))
    points[10] = 0, 1
    assert next_to_label(shares, points, n=1).tolist() == [0]
    two = next_to_label(shares, points, n=2).tolist()
    assert two == [0, 10], "twenty are considered for two"
    points[10], points[11] = (1, 0), (0, 1)
    assert next_to_label(shares, points, n=12).tolist() == [0, 11, *range(1, 11)]
    assert next_to_label(shares[:0], points[:0], n=3).tolist() == []


def test_uncertainty_times_distance_decides() -> None:
    shares = np.array([[0.5, 0.5], [0.6, 0.4], [0.7, 0.3]])
    half, far = np.sqrt(0.75), -1.0
    points = np.array([[1, 0], [0.5, half], [far, 0]], np.float32)
    assert next_to_label(shares, points, n=3).tolist() == [0, 2, 1], "0.8 x 0.5 is less than 0.6 x 2"


# --- labels


def test_the_blend_is_four_fifths_the_head_and_a_fifth_the_neighbours() -> None:
    shares = np.array([[0.9, 0.1], [0.45, 0.55], [0.2, 0.8], [0.1, 0.9]])
    votes = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.25, 0.75]])
    check = check_labels(shares, np.array([0, 0, 1, 1]), votes)
    np.testing.assert_allclose(check.blend, [[0.92, 0.08], [0.56, 0.44], [0.2, 0.8], [0.13, 0.87]])
    np.testing.assert_allclose(check.confidence, [0.92, 0.56, 0.8, 0.87])
    np.testing.assert_allclose(check.thresholds, [0.675, 0.85])
    assert check.suggested.tolist() == [0, 0, 1, 1]
    assert check.flagged.tolist() == []


def test_as_many_are_flagged_as_the_joint_says() -> None:
    """Two rows of label 0 speak for 1, the joint has one of them: the worse is flagged."""
    shares = np.array([[0.9, 0.1]] * 6 + [[0.1, 0.9], [0.3, 0.7]] + [[0.1, 0.9]] * 6)
    codes = np.array([0] * 8 + [1] * 6)
    check = check_labels(shares, codes, np.zeros((14, 2)))
    np.testing.assert_allclose(check.joint.sum(axis=1), [8, 6])
    assert noise_count(shares, codes, check.joint) == len(check.flagged) == 1
    assert check.flagged.tolist() == [6]


def test_knowledge_is_a_gain_with_its_standard_error() -> None:
    shares = np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [1.0, 0.0]])
    codes = np.array([0, 1, 0, 1])
    found = knowledge_of(shares, codes[:, None] == np.arange(2))
    own = np.array([0.8, 0.7, 0.6, SMALLEST_PROBABILITY])
    gains = np.log(own) - np.log(0.5)
    assert found.heads == pytest.approx(-np.log(own).mean())
    assert found.shares == pytest.approx(np.log(2))
    assert found.standard_error == pytest.approx(gains.std(ddof=1) / 2)
    assert found.n == 4


@pytest.mark.parametrize(("gain", "is_sure"), [(0.24, False), (0.25, False), (0.26, True), (-0.3, False)])
def test_a_gain_above_two_standard_errors_is_sure(gain: float, *, is_sure: bool) -> None:
    assert Knowledge(heads=1.0 - gain, shares=1.0, standard_error=0.125, n=9).is_sure == is_sure


def test_each_folding_counts_alike_and_is_another_cut() -> None:
    """The mean of two foldings is the mean of the first and a second one; a count of folds is at most that of rows."""
    rows = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    targets = Targets.of_codes(np.arange(40) % 2, (0, 1))
    options = SearchOptions(Cs=(1.0,), n_folds=3, threads=1)
    once, twice = (held_out_probabilities(rows, targets, options=options, n_foldings=n) for n in (1, 2))
    other = 2 * twice.probabilities - once.probabilities
    np.testing.assert_allclose(other.sum(axis=1), 1)
    assert (other >= 0).all()
    assert (np.abs(other - once.probabilities).max(axis=1) > 0).any()
    assert (once.n_foldings, twice.n_foldings, twice.n_folds, twice.chosen_C) == (1, 2, 3, np.array([1.0]))
    few = held_out_probabilities(
        rows[:4],
        targets.take(np.arange(4)),
        options=SearchOptions(Cs=(1.0,), n_folds=9, threads=1),
        n_foldings=1,
    )
    assert few.n_folds == 4
