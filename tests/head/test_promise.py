"""A promise is kept in nineteen draws of twenty, by an exact test; and how many texts would do is said."""

import math

import numpy as np
import pytest

from frostline.arrays import BoolArray, Float64Array
from frostline.head import promise as module
from frostline.head.promise import (
    chance_of,
    fewest_texts,
    precise_cut,
    recalling_cut,
    texts_for_precision,
    texts_for_recall,
)


def test_the_chance_is_the_binomial_tail() -> None:
    """Of 17 hits or more among 20 at 0.7; of no hits or more it is certain."""
    tail = sum(math.comb(20, k) * 0.7**k * 0.3 ** (20 - k) for k in range(17, 21))
    assert chance_of(np.array([17, 0, 20]), np.array([20, 20, 20]), 0.7) == pytest.approx([tail, 1.0, 0.7**20])


@pytest.mark.parametrize(
    ("share", "confidence", "mistakes", "texts"),
    [(0.95, 0.95, 0, 59), (0.95, 0.95, 2, 124), (0.9, 0.95, 0, 29), (0.9, 0.95, 2, 61), (0.5, 0.5, 0, 1)],
)
def test_the_fewest_texts_that_can_promise(share: float, confidence: float, mistakes: int, texts: int) -> None:
    assert fewest_texts(share, confidence, mistakes=mistakes) == texts
    least = chance_of(np.array([texts - mistakes]), np.array([texts]), share)[0]
    assert least <= 1 - confidence
    if texts > mistakes + 1:
        assert chance_of(np.array([texts - mistakes - 1]), np.array([texts - 1]), share)[0] > 1 - confidence


def drawn(n: int, seed: int) -> tuple[Float64Array, BoolArray]:
    """Texts as sure as they are often right, from 0.5 to 1: from 0.8 on, nine in ten are right."""
    random = np.random.default_rng(seed)
    sure = random.uniform(0.5, 1.0, n)
    return sure, random.random(n) < sure


@pytest.mark.parametrize(("n", "made", "coverage"), [(200, 25, 0.3), (1000, 170, 0.24)])
def test_promises_are_kept_at_the_confidence_and_are_not_bought_with_silence(
    n: int, made: int, coverage: float
) -> None:
    """Of 200 draws; 0.9 is right from 0.8 on, two fifths of the texts, so that a lower cut breaks the promise."""
    cuts = [precise_cut(*drawn(n, seed), share=0.9) for seed in range(200)]
    promised = [cut.threshold for cut in cuts if cut.is_promised]
    assert len(promised) >= made
    assert sum(cut < 0.8 for cut in promised) <= 0.05 * len(promised) + 4  # 1.3 standard errors
    assert np.mean([1 - cut for cut in promised]) / 0.5 > coverage


def test_looking_for_the_best_of_all_cuts_would_break_them() -> None:
    """The same test at every text, the lowest cut that passes taken: more than one in twenty is too low."""
    broken = 0
    for seed in range(400):
        sure, right = drawn(1000, seed)
        order = np.argsort(-sure)
        passes = chance_of(np.cumsum(right[order]), np.arange(1, 1001), 0.9) <= 0.05
        broken += bool(passes.any() and sure[order][np.flatnonzero(passes)[-1]] < 0.8)
    kept = sum(precise_cut(*drawn(1000, seed), share=0.9).threshold < 0.8 for seed in range(400))
    assert kept <= 20 < broken


def test_a_recall_is_kept_with_as_few_texts_as_can_be() -> None:
    """Half of the texts have the label, those above 0.5; a recall of 0.9 is kept down to a sureness of 0.55."""
    broken = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        sure = random.uniform(0.0, 1.0, 600)
        cut = recalling_cut(sure, sure > 0.5, share=0.9)
        assert cut.is_promised
        assert cut.count == (sure >= cut.threshold).sum()
        broken += cut.threshold > 0.55
    assert broken <= 14
    few = recalling_cut(np.arange(58.0), np.ones(58, dtype=bool), share=0.95)
    assert (few.is_promised, few.count, few.threshold) == (False, 58, 0.0)
    assert recalling_cut(np.arange(59.0), np.ones(59, dtype=bool), share=0.95).is_promised


def test_equals_are_taken_together() -> None:
    """Of 100 equally sure texts with one mistake, all or none."""
    right = np.arange(100) > 0
    assert precise_cut(np.full(100, 0.7), right, share=0.95).count == 100
    assert not precise_cut(np.full(100, 0.7), np.arange(100) > 1, share=0.95).is_promised


def test_where_nothing_can_be_promised_the_least_likely_to_be_chance_is_taken() -> None:
    """The ten surest of which all are right, before half of the others are wrong."""
    right = np.append(np.ones(10, dtype=bool), np.arange(40) % 2 == 1)
    cut = precise_cut(np.linspace(1.0, 0.5, 50), right, share=0.95)
    assert (cut.is_promised, cut.count) == (False, 10)


def needed(sure: Float64Array, right: BoolArray, share: float) -> tuple[int | None, int | None]:
    found = texts_for_precision(sure, right, share=share, confidence=0.95)
    return found.as_seen, found.at_least


def test_so_many_texts_would_do_were_they_right_as_often_as_these() -> None:
    """38 of 40 equals are right: of 183 such texts 0.9 can be promised in four draws of five; normal approximation."""
    as_seen, at_least = needed(np.ones(40), np.arange(40) < 38, 0.9)
    spread = 1.6448536 * math.sqrt(0.09) + 0.8416212 * math.sqrt(0.95 * 0.05)
    assert as_seen == math.floor((spread / 0.05) ** 2) == 183
    assert at_least is not None
    assert at_least < as_seen
    random = np.random.default_rng(4)
    made = sum(precise_cut(np.ones(183), random.random(183) < 0.95, share=0.9).is_promised for _ in range(400))
    assert 0.72 < made / 400 < 0.88
    half = np.append(np.full(40, 0.9), np.full(40, 0.1))  # as many again that are never right: half is taken
    right = np.append(np.arange(40) < 38, np.zeros(40, dtype=bool))
    assert needed(half, right, 0.9)[0] == math.floor((spread / 0.05) ** 2 / 0.5)


def test_right_as_often_as_wished_is_not_often_enough() -> None:
    """36 of 40 at 0.9: no number of such texts promises it; were they right more often, some would."""
    as_seen, at_least = needed(np.ones(40), np.arange(40) < 36, 0.9)
    assert as_seen is None
    assert at_least is not None


def test_how_many_texts_would_do() -> None:
    """The fewest do in few draws; where the surest are seen to be right too seldom there is no number."""
    sure, right = drawn(150, 1)
    _, at_least = needed(sure, right, 0.9)
    assert at_least is not None
    assert sum(precise_cut(*drawn(at_least - 1, seed), share=0.9).is_promised for seed in range(50)) < 40
    all_right, all_wrong = np.ones(150, dtype=bool), np.zeros(150, dtype=bool)
    assert needed(sure, all_right, 0.95)[1] == 151  # as these did not do
    assert needed(sure[:20], all_right[:20], 0.95) == (59, 59)
    assert needed(sure, all_wrong, 0.95) == (None, None)
    equal, of_forty = np.ones(40), np.arange(40)
    assert needed(equal, of_forty < 30, 0.9)[1] is None  # 85.7 % at most
    assert needed(equal, of_forty < 34, 0.9)[1] is not None  # 93.1 % at most
    assert texts_for_recall(np.arange(100) < 20, share=0.95, confidence=0.95) == 295  # 59 that have it
    assert texts_for_recall(np.zeros(5, dtype=bool), share=0.95, confidence=0.95) is None


def test_the_walk_looks_at_every_twentieth_text_more() -> None:
    """At every text one mistake at the wrong moment would end it. It begins at 61, where two may be wrong."""
    assert fewest_texts(0.9, 0.95, mistakes=2) == 61
    assert module._ranks(100, 0.9, 0.95) == [61, 65, 69, 73, 77, 81, 86, 91, 96, 100]
    assert module._ranks(60, 0.9, 0.95) == [46, 49, 52, 55, 58, 60]
