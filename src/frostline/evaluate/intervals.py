"""95 % intervals in closed form: no resampling, no seed, the same answer every time.

In:   counts, or one number per test row.
Out:  (low, high), always finite, low <= value <= high.
Not:  what the counts mean (metrics.py). Why these, and how often they cover: docs/decisions/0008-intervals.md.

What they assume: the test rows are independent draws from the texts the classifier will meet.
"""

import math
from typing import TypeAlias

import numpy as np

from frostline.arrays import Float64Array, IntArray

Interval: TypeAlias = tuple[float, float]

Z = 1.959963984540054
"""The 0.975 quantile of the normal distribution."""

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Log loss counts a probability as at least this, as scikit-learn's does; one row costs at most 36.04."""


def wilson(successes: float, n: int) -> Interval:
    """Wilson's score interval for a proportion of `successes` among `n` >= 1.

    Unlike value ± 1.96 standard errors it has a width at 0 and at 1, and stays between them.

    References
    ----------
    Wilson (1927), JASA 22:209-212; Brown, Cai, DasGupta (2001), Statistical Science 16:101-133.
    """
    share = successes / n
    centre = share + Z * Z / (2 * n)
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return max(0.0, min(share, (centre - half) / scale)), min(1.0, max(share, (centre + half) / scale))


def f1_interval(hits: int, n_relevant: int) -> Interval:
    """An interval for F1 with `hits` true positives among `n_relevant` = TP + FP + FN >= 1 rows.

    Given how many rows are relevant, the hits are binomial with probability J = TP / (TP + FP + FN), and
    F1 = 2J / (1 + J) grows with J: Wilson's limits for J, transformed, are limits for F1.

    References
    ----------
    Hand, Christen, Kirielle (2021), F*: an interpretable transformation of the F-measure, Machine Learning 110:451-456.
    """
    low, high = wilson(hits, n_relevant)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def macro_f1_interval(confusion: IntArray) -> Interval:
    """An interval for the mean of the F1 of labels that all occur in `confusion` (n_labels, n_labels).

    Each label's own limits are put together with the correlations between labels (a row mistaken for another label
    lowers two F1 at once), which the delta method gives in closed form.

    References
    ----------
    Zou, Donner (2008), Statistics in Medicine 27:1693-1702 (MOVER: limits of a sum from limits of its terms).
    Takahashi et al. (2022), Confidence interval for micro- and macro-averaged F1, Applied Intelligence 52:4961-4972.
    """
    hits = np.diagonal(confusion)
    relevant = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    scores = 2 * hits / (relevant + hits)
    limits = np.array([f1_interval(int(h), int(m)) for h, m in zip(hits, relevant, strict=True)])
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


def mean_interval(values: Float64Array) -> Interval:
    """An interval for the mean of skewed values (n,) >= 0, such as the log losses of n rows.

    Hall's transformation takes the skewness out of the t statistic, so that the two tails err alike. A single
    value says nothing about its spread: the interval is then 0 to the largest loss a row can have.

    References
    ----------
    Hall (1992), On the removal of skewness by transformation, J. R. Statist. Soc. B 54:221-228.
    """
    n = len(values)
    mean = float(values.mean())
    if n < 2:
        return 0.0, max(mean, -math.log(SMALLEST_PROBABILITY))
    deviations = values - mean
    spread = math.sqrt(float(deviations @ deviations) / (n - 1))
    if spread <= 1e-12 * max(1.0, abs(mean)):
        return mean, mean
    skewness = float((deviations**3).mean()) / float((deviations**2).mean()) ** 1.5
    quantile = _t_quantile(n - 1)
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


def _t_quantile(freedom: int) -> float:
    """The 0.975 quantile of Student's t: exact for 1 and 2, else Fisher's expansion, within 0.3 % from 3 on."""
    if freedom <= 2:
        return (12.706204736, 4.302652730)[freedom - 1]
    v = float(freedom)
    return (
        Z
        + (Z**3 + Z) / (4 * v)
        + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * v**2)
        + (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / (384 * v**3)
    )
