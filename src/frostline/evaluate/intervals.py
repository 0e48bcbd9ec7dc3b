"""95 % intervals in closed form: no resampling, no seed, the same answer every time.

Why these, and how often they cover: docs/decisions/0008-intervals.md.

What they assume: the test rows are independent draws from the texts the classifier will meet. Rows that belong
together (copies, rows of one group: `Targets.lots`) are not: there the lots are the draws. An interval then has the
width of as many independent rows as tell as much, which is the number of lots where all rows of a lot are right or
wrong together. Where every text stands alone nothing changes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities

Interval: TypeAlias = tuple[float, float]

Z = 1.959963984540054
"""The 0.975 quantile of the normal distribution."""

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Log loss counts a probability as at least this, as scikit-learn's does; one row costs at most 36.04."""


@final
@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that is never alone."""

    value: float
    interval: Interval  # 95 %
    n: int  # The rows it rests on: the denominator of a proportion, else all test rows
    method: str  # How the interval was made


def wilson(successes: float, n: float, *, z: float = Z) -> Interval:
    """Wilson's score interval for a proportion of `successes` among `n` >= 1 rows, or what tells as much as so many.

    Unlike value ± 1.96 standard errors it has a width at 0 and at 1, and stays between them.

    References
    ----------
    Wilson (1927), JASA 22:209-212; Brown, Cai, DasGupta (2001), Statistical Science 16:101-133.
    """
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, min(share, (centre - half) / scale)), min(1.0, max(share, (centre + half) / scale))


TOGETHER = ", over rows that belong together"
"""Added to the name of a method by which rows that belong together are no independent draws."""


def design_effect(values: Float64Array, lots: IntArray | None) -> float:
    """How many rows (n,) tell as much of the mean as one that stands alone, at least 1.

    The variance of the mean by lots over that by rows; times how much wider Student's t is for so few lots. Where all
    values are equal nothing is seen of how they vary, and all of a lot are taken to vary together.

    Parameters
    ----------
    values : ndarray of shape (n,), n >= 1
    lots : ndarray of shape (n,), dtype=int64, or None
        None: every row stands alone.

    References
    ----------
    Kish (1965), Survey Sampling, section 8.2: the design effect of clusters.
    Korn, Graubard (1998), Survey Methodology 24:193-201: an interval for a proportion from the effective n.
    """
    if lots is None:
        return 1.0
    number = np.unique(lots, return_inverse=True)[1]
    sizes = np.bincount(number)
    n, n_lots = len(values), len(sizes)
    if n_lots == n:
        return 1.0
    if n_lots == 1:
        return float(n)
    deviations = values - values.mean()
    within = float(deviations @ deviations)
    if within <= 1e-12 * n:
        effect = float(sizes @ sizes) / n
    else:
        sums = np.bincount(number, deviations)
        effect = max(1.0, float(sums @ sums) / within * n_lots / (n_lots - 1) * (n - 1) / n)
    return min(float(n), effect * (t_quantile(n_lots - 1) / t_quantile(n - 1)) ** 2)


def share_interval(right: BoolArray, lots: IntArray | None) -> Interval:
    """Wilson's interval for the share of rows (n,) that are right, n >= 1."""
    effect = design_effect(right.astype(np.float64), lots)
    return wilson(int(right.sum()) / effect, len(right) / effect)


def rows_as_one(share: Estimate) -> float:
    """How many rows tell as much of a share as one that stands alone, at least 1, by the width of Wilson's interval."""
    return max(1.0, share.n / n_apart_of(share.value, share.interval)) if TOGETHER in share.method else 1.0


def n_apart_of(share: float, interval: Interval) -> float:
    """Of how many rows that stand alone Wilson's interval for `share` is the one given.

    At its ends (end - share)^2 = Z^2 end (1 - end) / n: that farther from the share, which is never at 0 or 1, tells n.
    """
    end = max(interval, key=lambda one: abs(one - share))
    return Z * Z * end * (1 - end) / (end - share) ** 2


def one_of_many(f1: Estimate, n_labels: int) -> Interval:
    """Of a label's F1 (`f1_interval`), an interval that holds although it was picked among the F1 of `n_labels` labels.

    Those of all labels hold together with 95 %: each errs in 5 % / n_labels.

    References
    ----------
    Dunn (1961), Multiple comparisons among means, JASA 56:52-64 (Bonferroni's inequality).
    """
    share, *ends = (one / (2 - one) for one in (f1.value, *f1.interval))
    n = n_apart_of(share, (ends[0], ends[1]))
    low, high = wilson(share * n, n, z=NormalDist().inv_cdf(1 - 0.025 / n_labels))
    return 2 * low / (1 + low), 2 * high / (1 + high)


def clopper_pearson(successes: float, n: float) -> Interval:
    """The exact interval for a proportion of `successes` among `n` >= 1, for shares so small that Wilson's is none.

    References
    ----------
    Clopper, Pearson (1934), Biometrika 26:404-413.
    """
    from scipy.special import betaincinv  # noqa: PLC0415 - takes 0.2 s

    low = float(betaincinv(successes, n - successes + 1, 0.025)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 0.975)) if successes < n else 1.0
    return low, high


def f1_interval(hits: float, n_relevant: float) -> Interval:
    """An interval for F1 with `hits` true positives among `n_relevant` = TP + FP + FN >= 1 rows.

    Given how many rows are relevant, the hits are binomial with probability J = TP / (TP + FP + FN), and
    F1 = 2J / (1 + J) grows with J: Wilson's limits for J, transformed, are limits for F1.

    References
    ----------
    Hand, Christen, Kirielle (2021), F*: an interpretable transformation of the F-measure, Machine Learning 110:451-456.
    """
    low, high = wilson(hits, n_relevant)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def macro_f1_interval(confusion: IntArray, effects: Float64Array | None = None) -> Interval:
    """An interval for the mean of the F1 of labels that all occur in `confusion` (n_labels, n_labels).

    Each label's own limits are put together with the correlations between labels (a row mistaken for another label
    lowers two F1 at once), which the delta method gives in closed form. `effects` (n_labels,) are the design effects
    of the rows relevant to each label.

    References
    ----------
    Zou, Donner (2008), Statistics in Medicine 27:1693-1702 (MOVER: limits of a sum from limits of its terms).
    Takahashi et al. (2022), Confidence interval for micro- and macro-averaged F1, Applied Intelligence 52:4961-4972.
    """
    hits = np.diagonal(confusion)
    relevant = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    scores = 2 * hits / (relevant + hits)
    each = np.ones(len(hits)) if effects is None else effects
    limits = np.array([f1_interval(h, m) for h, m in zip(hits / each, relevant / each, strict=True)])
    correlations = _f1_correlations(confusion)
    below, above = scores - limits[:, 0], limits[:, 1] - scores
    mean = float(scores.mean())
    low = mean - math.sqrt(below @ correlations @ below) / len(scores)
    high = mean + math.sqrt(above @ correlations @ above) / len(scores)
    return max(0.0, low), min(1.0, high)


def _f1_correlations(confusion: IntArray) -> Float64Array:
    """Correlations (n_labels, n_labels) between the F1 of different labels.

    With shares p of the rows, s_k = row k + column k and F_k = 2 p_kk / s_k, the delta method gives, times n,
    var F_k = (4 p_kk (1 - F_k)^2 + (s_k - 2 p_kk) F_k^2) / s_k^2 and cov F_k F_l = F_k F_l (p_kl + p_lk) / (s_k s_l).
    One row is spread over all cells first: without it a perfect classifier has no correlation at all.
    """
    n_labels = len(confusion)
    if n_labels == 1:
        return np.ones((1, 1))
    shares = confusion + 1.0 / n_labels**2
    shares /= shares.sum()
    hits, occurring = np.diagonal(shares), shares.sum(axis=0) + shares.sum(axis=1)
    scores = 2 * hits / occurring
    variances = (4 * hits * (1 - scores) ** 2 + (occurring - 2 * hits) * scores**2) / occurring**2
    weights = scores / occurring
    covariances = (shares + shares.T) * np.outer(weights, weights)
    np.fill_diagonal(covariances, variances)
    deviations = np.sqrt(variances)
    correlations: Float64Array = covariances / np.outer(deviations, deviations)
    return correlations


def mean_interval(values: Float64Array, lots: IntArray | None) -> Interval:
    """An interval for the mean of skewed values (n,) >= 0, such as the log losses of n rows.

    Hall's transformation takes the skewness out of the t statistic, so that the two tails err alike. A single
    value says nothing about its spread: the interval is then 0 to the largest loss a row can have. The lots (n,) of
    rows are the draws, where rows belong together.

    References
    ----------
    Hall (1992), On the removal of skewness by transformation, J. R. Statist. Soc. B 54:221-228.
    """
    mean = float(values.mean())
    if lots is not None:  # of each lot what it adds to the mean
        number = np.unique(lots, return_inverse=True)[1]
        n_lots = int(number.max()) + 1
        values = np.asarray(mean + np.bincount(number, values - mean) * (n_lots / len(values)), dtype=np.float64)
    n = len(values)
    if n < 2:
        return 0.0, max(mean, -math.log(SMALLEST_PROBABILITY))
    deviations = values - mean
    spread = math.sqrt(float(deviations @ deviations) / (n - 1))
    if spread <= 1e-12 * max(1.0, abs(mean)):
        return mean, mean
    skewness = float((deviations**3).mean()) / float((deviations**2).mean()) ** 1.5
    quantile = t_quantile(n - 1)
    error = spread / math.sqrt(n)
    return (
        max(0.0, mean - error * max(0.0, _hall_inverse(quantile, skewness, n))),
        mean - error * min(0.0, _hall_inverse(-quantile, skewness, n)),
    )


def _hall_inverse(x: float, skewness: float, n: int) -> float:
    """The t whose transform is x; for values without skewness, x itself."""
    a = skewness / math.sqrt(n)
    if abs(a) < 1e-6:
        return x
    return float(3 / a * (np.cbrt(1 + a * (x - a / 6)) - 1))


def t_quantile(freedom: int) -> float:
    """The 0.975 quantile of Student's t."""
    from scipy.special import stdtrit  # noqa: PLC0415 - takes 0.2 s, and only intervals of means need it

    return float(stdtrit(freedom, 0.975))


def covariance_of_means(values: Float64Array, lots: IntArray | None) -> Float64Array:
    """Of means over the same rows, values (n_means, n): (n_means, n_means); `lots` where rows belong together.

    Rows of a lot count as one, which varies by their sum.
    """
    n = values.shape[1]
    number = np.arange(n) if lots is None else np.unique(lots, return_inverse=True)[1]
    left = values - values.mean(axis=1, keepdims=True)
    sums = np.stack([np.bincount(number, each) for each in left])
    n_lots = sums.shape[1]
    covariance: Float64Array = sums @ sums.T / n**2 * (n_lots / max(1, n_lots - 1))
    return covariance


def mixture_interval(weights: Float64Array, means: Float64Array, spreads: Float64Array) -> Interval:
    """From the 2.5th to the 97.5th percentile of a mixture of normal distributions, all three (n_parts,)."""
    parts = [NormalDist(mean, max(spread, 1e-9)) for mean, spread in zip(means.tolist(), spreads.tolist(), strict=True)]

    def quantile(share: float) -> float:
        low, high = min(part.inv_cdf(share) for part in parts), max(part.inv_cdf(share) for part in parts)
        for _ in range(40):
            middle = (low + high) / 2
            below = float(weights @ [part.cdf(middle) for part in parts])
            low, high = (middle, high) if below < share else (low, middle)
        return (low + high) / 2

    return quantile(0.025), quantile(0.975)


DRAWS = 1000
FEWEST_DRAWS = 200
FEWEST_TEXTS = 20
"""Of fewer rows drawing them again says nothing: two rows that are both right are right in every draw."""

_RANKED = 200_000_000  # rows times labels times draws of the rankings: some two seconds
_BLOCK = 50  # draws at a time


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampled:
    """Figures of each draw."""

    micro_f1: Float64Array  # (n_draws,)
    label_f1: Float64Array  # (n_draws, n_labels): 0 where a label neither occurs nor is given in a draw
    macro_f1: Float64Array  # (n_draws,): Over the labels that occur or are given in the draw
    mean_average_precision: Float64Array  # (n_ranked,): Of fewer draws where rows and labels are many
    n_texts: int  # Rows that were drawn from, or lots

    @property
    def n_draws(self) -> int:
        """How often the rows were drawn."""
        return len(self.micro_f1)

    def interval(self, draws: Float64Array, value: float) -> Interval:
        """From the 2.5th to the 97.5th percentile about `value`; all that can be, where rows are too few.

        Drawn rows repeat, and repeated rows flatter a ranking: what the draws have too much on average is taken off.
        """
        if self.n_texts < FEWEST_TEXTS:
            return 0.0, 1.0
        low, high = (np.percentile(draws, [2.5, 97.5]) - draws.mean() + value).tolist()
        return max(0.0, min(low, value)), min(1.0, max(high, value))

    def correlations(self, places: Sequence[int]) -> Float64Array:
        """Of the F1 of labels (columns); 0 where one never varies."""
        chosen = self.label_f1[:, list(places)]
        centred = chosen - chosen.mean(axis=0)
        size = np.sqrt((centred**2).sum(axis=0))
        centred /= np.where(size > 0, size, 1.0)
        found: Float64Array = centred.T @ centred
        np.fill_diagonal(found, 1.0)
        return found


def resampled(
    given: BoolArray,
    members: BoolArray,
    probabilities: Probabilities | None,
    *,
    seed: int,
    lots: IntArray | None,
) -> Resampled:
    """Draw the rows again and again; the same seed and number of rows draw the same rows, whatever was answered.

    Where rows belong together, lots (n_texts,) are drawn, each with all its rows.
    """
    number = np.arange(len(members)) if lots is None else np.unique(lots, return_inverse=True)[1]
    n_lots = int(number.max(initial=-1)) + 1
    counts = row_counts(n_lots, n_draws=DRAWS, seed=seed)
    if lots is not None:
        counts = counts[:, number]
    label_f1, micro, macro = [], [], []
    hits_of, sizes_of = (given & members).astype(np.float32), (given.astype(np.float32) + members)
    for start in range(0, len(counts), _BLOCK):
        block = counts[start : start + _BLOCK]
        hits, sizes = (block @ hits_of).astype(np.float64), (block @ sizes_of).astype(np.float64)
        scores = 2 * hits / np.maximum(sizes, 1)
        label_f1.append(scores)
        macro.append(scores.sum(axis=1) / np.maximum((sizes > 0).sum(axis=1), 1))
        micro.append(2 * hits.sum(axis=1) / np.maximum(sizes.sum(axis=1), 1))
    ranked = np.zeros(0)
    if probabilities is not None and members.any():
        n_ranked = int(np.clip(_RANKED // members.size, FEWEST_DRAWS, DRAWS))
        ranked = _mean_average_precisions(probabilities, members, counts[:n_ranked])
    return Resampled(
        micro_f1=np.concatenate(micro),
        label_f1=np.concatenate(label_f1),
        macro_f1=np.concatenate(macro),
        mean_average_precision=ranked,
        n_texts=n_lots,
    )


def row_counts(n_texts: int, *, n_draws: int, seed: int) -> np.ndarray:
    """How often each row is drawn in each draw, (n_draws, n_texts), float32."""
    random = np.random.RandomState(seed)
    counts = np.empty((n_draws, n_texts), dtype=np.float32)
    for draw in range(n_draws):
        counts[draw] = np.bincount(random.randint(0, n_texts, n_texts), minlength=n_texts)
    return counts


def average_precisions(probabilities: Probabilities, members: BoolArray) -> Float64Array:
    """Average precision of each label's ranking (n_labels,), equal probabilities as one step; NaN without a text."""
    found = np.full(members.shape[1], np.nan)
    one = np.ones((1, len(members)), dtype=np.float32)
    for label in np.flatnonzero(members.any(axis=0)):
        found[label] = _average_precision(probabilities[:, label], members[:, label], one)[0]
    return found


def _mean_average_precisions(probabilities: Probabilities, members: BoolArray, counts: np.ndarray) -> Float64Array:
    """Of each draw, over the labels that occur in it."""
    sums, occurring = np.zeros(len(counts)), np.zeros(len(counts))
    for label in np.flatnonzero(members.any(axis=0)):
        found = _average_precision(probabilities[:, label], members[:, label], counts)
        sums += np.nan_to_num(found)
        occurring += ~np.isnan(found)
    means: Float64Array = sums / np.maximum(occurring, 1)
    return means


def _average_precision(ranked_by: Float64Array, has: BoolArray, counts: np.ndarray) -> Float64Array:
    """For counts (n_draws, n_texts): sum over the steps of (recall - recall before) * precision, as scikit-learn's."""
    order = np.argsort(-ranked_by, kind="stable")
    values = ranked_by[order]
    ends = np.append(np.flatnonzero(values[1:] < values[:-1]), len(values) - 1)
    positives = has[order]
    found = np.empty(len(counts))
    for start in range(0, len(counts), _BLOCK):
        block = counts[start : start + _BLOCK, order]
        taken = np.cumsum(block, axis=1, dtype=np.float64)[:, ends]
        hits = np.cumsum(block * positives, axis=1, dtype=np.float64)[:, ends]
        steps = np.diff(hits, axis=1, prepend=0.0)
        total = hits[:, -1]
        sums = (steps * hits / np.maximum(taken, 1)).sum(axis=1)
        found[start : start + _BLOCK] = np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0)
    return found
