"""Promise a share: from where on to answer so that, with a stated confidence, so many answers are right.

Fixed-sequence testing (Angelopoulos, Bates, Candès, Jordan, Lei 2021, Learn then Test, arXiv:2110.01052): thresholds
are tested from the surest texts downwards, an order that no answer had a say in, each by the exact binomial test of
"fewer are right than wished for", and the walk ends at the first that passes as too low. A promise is wrong only where
the first threshold that is too low was not seen to be, which befalls one walk in twenty at 95 % confidence: so looking
at many thresholds costs nothing. What it holds of, and how often it was kept: docs/decisions/0028-promises.md.
"""

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray
from frostline.head.options import CONFIDENCE

_MISTAKES = 2  # The walk begins where so many would still be allowed: at none, a single one would end it;
_FIRST = 30  # and at so many texts, since for a low share few do not tell; where there are fewer texts, earlier
_STEP = 0.05  # By which the texts taken grow: at every text, one mistake at the wrong moment would end the walk
_SIDE = 0.975  # Where the 95 % interval of a share ends
_POWER = 0.8  # How likely the promise shall be with as many texts as are said to be enough


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """From where on to take texts."""

    threshold: float
    count: int  # Texts taken
    is_promised: bool  # Else it is the threshold that comes nearest


def precise_cut(sure: Float64Array, right: BoolArray, *, share: float, confidence: float = CONFIDENCE) -> Cut:
    """Take as many texts as the walk allows, so that at least `share` of those taken are right.

    Parameters
    ----------
    sure, right : ndarrays of shape (n_texts,), n_texts >= 1
        Of texts that are independent of each other and of what answered them.
    """
    falling, hits, counts = _from_the_surest(sure, right)
    chances = chance_of(hits, counts, share)
    places = np.unique(np.searchsorted(counts, _ranks(len(sure), share, confidence)))  # equals go together
    missed = np.flatnonzero(chances[places] > 1 - confidence)
    n_passed = int(missed[0]) if len(missed) else len(places)
    place = int(places[n_passed - 1] if n_passed else chances.argmin())
    return Cut(threshold=_between(falling, int(counts[place])), count=int(counts[place]), is_promised=n_passed > 0)


def _ranks(n_texts: int, share: float, confidence: float) -> list[int]:
    """How many texts are taken at each step of the walk."""
    starts = [fewest_texts(share, confidence, mistakes=mistakes) for mistakes in range(_MISTAKES, -1, -1)]
    starts[0] = max(starts[0], _FIRST)
    ranks = [next((start for start in starts if start <= n_texts), n_texts)]
    while ranks[-1] < n_texts:
        ranks.append(min(n_texts, math.ceil((1 + _STEP) * ranks[-1])))
    return ranks


def recalling_cut(sure: Float64Array, has: BoolArray, *, share: float, confidence: float = CONFIDENCE) -> Cut:
    """Take as few texts as the walk allows, so that at least `share` of those that have the label are taken.

    It walks from the least sure text upwards: recall falls at every step, so that every text may be one.
    """
    falling, hits, counts = _from_the_surest(sure, has)
    chances = chance_of(hits, np.full(len(hits), hits[-1]), share)
    enough = np.flatnonzero(chances <= 1 - confidence)
    place = int(enough[0]) if len(enough) else len(counts) - 1
    return Cut(threshold=_between(falling, int(counts[place])), count=int(counts[place]), is_promised=len(enough) > 0)


def chance_of(hits: IntArray, counts: IntArray, share: float) -> Float64Array:
    """The chance of so many hits, or more, among so many texts, were each a hit with probability `share`."""
    from scipy.special import betainc  # noqa: PLC0415 - only fitting needs it

    tails: Float64Array = np.asarray(betainc(np.maximum(hits, 1), counts - np.maximum(hits, 1) + 1, share))
    return np.where(hits > 0, tails, 1.0)


def fewest_texts(share: float, confidence: float, *, mistakes: int = 0) -> int:
    """The fewest texts that can promise anything with so many mistakes among them."""
    fewest, enough = mistakes, mistakes + 1
    while not _is_enough(enough, mistakes, share, confidence):
        fewest, enough = enough, 2 * enough
    while enough - fewest > 1:
        middle = (fewest + enough) // 2
        fewest, enough = (fewest, middle) if _is_enough(middle, mistakes, share, confidence) else (middle, enough)
    return enough


def _is_enough(count: int, mistakes: int, share: float, confidence: float) -> bool:
    return bool(chance_of(np.array([count - mistakes]), np.array([count]), share)[0] <= 1 - confidence)


@final
@dataclass(frozen=True, slots=True)
class Needed:
    """How many texts like those at hand `precise_cut` needs."""

    # Were those from the best place on right as often as they were seen to be; None: nowhere often enough.
    as_seen: int | None
    at_least: int | None  # Were they right as often as can be; None where surely none of them are right enough


def texts_for_precision(sure: Float64Array, right: BoolArray, *, share: float, confidence: float) -> Needed:
    """How many texts would do to promise `share`: so many that the test passes in four draws of five.

    By the normal approximation, where texts as sure as those of some place are right as often as seen there; or as the
    upper limit there allows (Clopper and Pearson's at `confidence`).
    """
    from scipy.special import betaincinv  # noqa: PLC0415 - only fitting needs it

    _, hits, counts = _from_the_surest(sure, right)
    misses = counts - hits
    upper = np.where(misses > 0, betaincinv(hits + 1, np.maximum(misses, 1), confidence), 1.0)
    told = counts >= min(_FIRST, len(sure))  # of fewer a share says nothing
    return Needed(
        as_seen=_enough(hits[told] / counts[told], counts[told] / len(sure), share, confidence, n_texts=len(sure)),
        at_least=_enough(upper, counts / len(sure), share, confidence, n_texts=len(sure)),
    )


def _enough(
    shares: Float64Array, coverage: Float64Array, share: float, confidence: float, *, n_texts: int
) -> int | None:
    """Texts with which, at the best of places right as often as `shares` and so often taken, the test likely passes."""
    from scipy.special import ndtri  # noqa: PLC0415 - only fitting needs it

    above = shares > share
    if not above.any():
        return None
    often = shares[above]
    spread = ndtri(confidence) * math.sqrt(share * (1 - share)) + ndtri(_POWER) * np.sqrt(often * (1 - often))
    taken = np.maximum((spread / (often - share)) ** 2, fewest_texts(share, confidence))
    return max(math.floor(float((taken / coverage[above]).min())), n_texts + 1)


def texts_for_recall(has: BoolArray, *, share: float, confidence: float) -> int | None:
    """How many texts would do for `recalling_cut`, were the label as frequent among them; None where none has it."""
    n_with = int(has.sum())
    return math.ceil(fewest_texts(share, confidence) * len(has) / n_with) if n_with else None


def _from_the_surest(sure: Float64Array, right: BoolArray) -> tuple[Float64Array, IntArray, IntArray]:
    """The sureness in falling order; and at the end of each run of equals the hits, and the texts, from the top on."""
    order = np.argsort(-sure, kind="stable")
    falling = sure[order]
    counts = np.append(np.flatnonzero(falling[1:] < falling[:-1]), len(falling) - 1) + 1
    return falling, np.cumsum(right[order])[counts - 1], counts


def _between(falling: Float64Array, count: int) -> float:
    """Half-way between the last one taken and the first one left, so that rounding cannot move a text across."""
    return float((falling[count - 1] + falling[count]) / 2) if count < len(falling) else 0.0


def changing_cut(sure: Float64Array, differs: BoolArray, *, share: float, upper: float, lowest: float = 0.0) -> Cut:
    """Take as many texts as can be, so that at most `share` of all texts differ, and surely fewer than `upper`.

    As texts are taken, the surest first, their share of all that differ only grows. Whoever stops before the k + 1st
    stands below an order statistic of uniform draws: the upper end of Clopper and Pearson's 95 % interval for k of all
    holds there, though the place was sought out. So no test is spent on the way.

    Parameters
    ----------
    sure, differs : ndarrays of shape (n_texts,), n_texts >= 1
        Of texts that are independent of each other and of what answered them.
    lowest : float
        Texts that are less sure are never taken.

    Returns
    -------
    Cut
        `is_promised`: whether there are texts enough for any promise; with none taken `count` is 0.
    """
    n = len(sure)
    possible = np.arange(int(share * n + 1e-9) + 1)
    allowed = possible[upper_end(possible, n) < upper]
    if not len(allowed):
        return Cut(threshold=1.0, count=0, is_promised=False)
    falling, n_changed, counts = _from_the_surest(sure, differs)
    taken = counts[(n_changed <= allowed[-1]) & (falling[counts - 1] >= lowest)]
    if not len(taken):
        return Cut(threshold=1.0, count=0, is_promised=True)
    count = int(taken[-1])
    middle = _between(falling, count) if count < n else float(falling[-1])
    return Cut(threshold=max(middle, lowest), count=count, is_promised=True)


def upper_end(counts: IntArray, n: int) -> Float64Array:
    """The upper end of Clopper and Pearson's 95 % interval for each count among `n` >= 1."""
    from scipy.special import betaincinv  # noqa: PLC0415 - only fitting needs it

    ends: Float64Array = np.asarray(betaincinv(counts + 1, np.maximum(n - counts, 1), _SIDE))
    return np.where(counts < n, ends, 1.0)


def texts_for_change(upper: float) -> int:
    """The fewest texts of which none differs that show that surely fewer than `upper` do."""
    return math.floor(math.log(1 - _SIDE) / math.log1p(-upper)) + 1
