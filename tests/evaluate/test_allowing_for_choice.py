"""Intervals of differences where the best was picked: by independent formulas, and how often they hold."""

from statistics import NormalDist

import numpy as np
import pytest

from frostline.arrays import Float64Array
from frostline.evaluate import paired as module
from frostline.evaluate.intervals import Z, mixture_interval
from frostline.evaluate.paired import allowing_for_choice, fold_difference


def made_up(shares: list[float], n: int, seed: int = 0) -> Float64Array:
    """Whether each of n rows was right: the rows are hard or easy for all."""
    random = np.random.RandomState(seed)
    hardness = random.normal(size=n)
    rows = [hardness + random.normal(size=n) < np.sqrt(2) * NormalDist().inv_cdf(share) for share in shares]
    return np.stack(rows).astype(np.float64)


def test_a_mixture_of_one_is_the_normal_distribution() -> None:
    found = mixture_interval(np.array([1.0]), np.array([0.3]), np.array([0.1]))
    assert found == pytest.approx((0.3 - 0.1 * Z, 0.3 + 0.1 * Z), abs=1e-9)


def test_a_mixture_holds_95_of_100() -> None:
    weights, means, spreads = np.array([0.2, 0.5, 0.3]), np.array([-1.0, 0.0, 2.0]), np.array([0.5, 0.1, 1.0])
    limits = mixture_interval(weights, means, spreads)
    below = [sum(w * NormalDist(m, s).cdf(x) for w, m, s in zip(weights, means, spreads, strict=True)) for x in limits]
    assert below == pytest.approx([0.025, 0.975], abs=1e-9)


def test_for_one_distance_the_interval_is_that_of_the_joint_normal_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Independently: true scores about a mean that may be anything, conditioned on the scores seen."""
    monkeypatch.setattr(module, "_APART", np.array([1.5]))
    right = made_up([0.8, 0.82, 0.84, 0.85], 400)
    best = int(right.mean(axis=1).argmax())
    covariance = np.cov(right) / 400 + np.eye(4) * 0.5 / 402**2
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    noise = np.mean([covariance[i, i] + covariance[j, j] - 2 * covariance[i, j] for i, j in pairs]) / 2
    prior = 1e3 * np.ones((4, 4)) + 1.5**2 * noise * np.eye(4)
    weigh = prior @ np.linalg.inv(prior + covariance)
    expected, known = weigh @ right.mean(axis=1), prior - weigh @ prior
    found = allowing_for_choice(right, best, lots=None)
    for place in range(4):
        if place == best:
            assert found[place] == pytest.approx((0, 0), abs=1e-7)
            continue
        step = np.eye(4)[place] - np.eye(4)[best]
        half = Z * np.sqrt(step @ known @ step + 0.5 * step @ covariance @ step)
        plain, middle = step @ right.mean(axis=1), step @ expected
        assert found[place] == pytest.approx((min(middle - half, plain), max(middle + half, plain)), abs=1e-5)


def test_a_lead_picked_among_equals_is_drawn_to_nothing() -> None:
    """Of twelve alike the best seems four points ahead; of twelve far apart nothing is taken off."""
    alike = made_up([0.7] * 12, 300, seed=1)
    best, worst = int(alike.mean(axis=1).argmax()), int(alike.mean(axis=1).argmin())
    low, high = allowing_for_choice(alike, best, lots=None)[worst]
    plain = float(alike[worst].mean() - alike[best].mean())
    assert plain < -0.05
    assert low == pytest.approx(plain, abs=0.03)
    assert high > 0.02
    apart = made_up(np.linspace(0.3, 0.9, 12).tolist(), 300, seed=1)
    low, high = allowing_for_choice(apart, 11, lots=None)[0]
    assert (low + high) / 2 == pytest.approx(float(apart[0].mean() - apart[11].mean()), abs=0.02)


def test_the_plain_difference_is_always_inside() -> None:
    for seed in range(20):
        right = made_up([0.7] * 6, 60, seed=seed)
        best = int(right.mean(axis=1).argmax())
        behind = right.mean(axis=1) - right[best].mean()
        for (low, high), value in zip(allowing_for_choice(right, best, lots=None), behind.tolist(), strict=True):
            assert low <= value <= high


def test_two_that_agree_on_every_row_differ_by_little() -> None:
    """Of few rows two may agree by chance."""
    right = made_up([0.7], 50)
    low, high = allowing_for_choice(np.concatenate([right, right]), 0, lots=None)[1]
    assert -0.05 < low < 0 < high < 0.05
    assert allowing_for_choice(right, 0, lots=None) == ((0.0, 0.0),)


def test_scores_of_folds_have_an_interval_in_any_unit() -> None:
    """Their plain one is inside, for five folds half as wide again: the folds' heads share most of their rows."""
    scores = np.array([[0.5, 0.55, 0.6, 0.52, 0.58], [0.48, 0.56, 0.57, 0.52, 0.55], [0.4, 0.47, 0.5, 0.44, 0.47]])
    first, tenfold = allowing_for_choice(scores, 0, lots=None), allowing_for_choice(10 * scores, 0, lots=None)
    np.testing.assert_allclose(10 * np.array(first), tenfold, atol=1e-6)
    for place in (1, 2):
        plain = fold_difference(scores[place], scores[0])
        half = 1.5 * (plain.interval[1] - plain.interval[0]) / 2
        assert first[place][0] <= plain.value - half + 1e-12
        assert first[place][1] >= plain.value + half - 1e-12
    assert first[2] == pytest.approx((-0.118988, -0.0690120), abs=1e-5)
    same = np.tile(scores[:1], (3, 1))
    np.testing.assert_allclose(allowing_for_choice(same, 0, lots=None), 0, atol=1e-6)


def test_leads_that_were_picked_hold_as_often_as_they_say() -> None:
    """Sixty draws of eight candidates on 150 rows, and what the best is truly ahead of each."""
    held, plain = [], []
    for seed in range(60):
        random = np.random.RandomState(1000 + seed)
        shares = (0.75 + 0.02 * random.normal(size=8)).clip(0.5, 0.95)
        right = made_up(shares.tolist(), 150, seed=seed)
        best = int(right.mean(axis=1).argmax())
        for place, (low, high) in enumerate(allowing_for_choice(right, best, lots=None)):
            if place != best:
                truth = shares[place] - shares[best]
                held.append(low <= truth <= high)
                difference = module.accuracy_difference(right[place] > 0, right[best] > 0, lots=None)
                plain.append(difference.interval[0] <= truth <= difference.interval[1])
    assert np.mean(held) >= 0.95
    assert np.mean(plain) < np.mean(held)
