"""One number by which decisions are divided, so that probabilities are as sure as they are right.

In:   held-out decisions, the true codes.
Out:  a temperature.
Not:  applying it (calibration.py), whether it pays (fitting.py).
"""

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.head.calibration import softmax

COLDEST, HOTTEST = 0.05, 20.0
"""Where a temperature ends: decisions without a mistake would run to 0, decisions that say nothing to infinity."""

_STEPS = 100


def fit_temperature(decisions: Float64Array, codes: IntArray) -> float:
    """The temperature with the least log loss, from `COLDEST` to `HOTTEST`; 1 where the decisions are all equal.

    The truth is softened as Platt does it, by one row in n + 2 that might have been another label, so that rows
    without a mistake do not claim certainty. The loss is convex in 1 / temperature: Newton's steps, kept within
    bounds that close in, end at its one minimum.

    Parameters
    ----------
    decisions : ndarray of shape (n_texts, n_coef_rows), dtype=float64
    codes : ndarray of shape (n_texts,), dtype=int64

    References
    ----------
    Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML, section 4.2.
    Platt (1999), Probabilistic outputs for support vector machines, section 2.2: the softened truth.
    """
    full = np.hstack([np.zeros_like(decisions), decisions]) if decisions.shape[1] == 1 else decisions
    full = full - full.max(axis=1, keepdims=True)
    size = float(np.abs(full).max(initial=0.0))
    if size == 0:
        return 1.0
    full = full / size  # decisions may be 1e30: their squares are not asked for
    truth = np.full(full.shape, 1.0 / ((len(codes) + 2) * full.shape[1]))
    truth[np.arange(len(codes)), codes] += 1.0 - 1.0 / (len(codes) + 2)
    wanted = float((truth * full).sum(axis=1).mean())
    low, high = size / HOTTEST, size / COLDEST  # bounds of the sharpness, size / temperature
    sharpness = min(max(size, low), high)
    for _ in range(_STEPS):
        shares = softmax(sharpness * full)
        means = (shares * full).sum(axis=1)
        slope = float(means.mean()) - wanted
        curvature = float(((shares * full**2).sum(axis=1) - means**2).mean())
        low, high = (sharpness, high) if slope < 0 else (low, sharpness)
        step = sharpness - slope / curvature if curvature > 0 else high if slope < 0 else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - sharpness) <= 1e-12 * sharpness:
            break
        sharpness = following
    return float(min(max(size / sharpness, COLDEST), HOTTEST))
