"""Which unlabelled texts to label next: those the head is least sure of, no two of them alike.

In:   probabilities and directions of the pool's texts.
Out:  row numbers, the most wanted first.
Not:  the head (head/), the words (fix_rows.py).

The most uncertain texts (smallest margin between the two most probable labels) are shortlisted, `SHORTLIST` for each
one wanted; of these the most uncertain is taken, and then, again and again, the one with the largest product of
uncertainty and distance to what was taken already. Uncertainty alone asks the same question over and over.

References
----------
Scheffer, Decomain, Wrobel (2001), Active hidden Markov models: the margin. Sener, Savarese (2018), Active learning for
CNNs: a core-set approach, arXiv:1708.00489: the k-centre greedy. Measured: docs/decisions/0014-review.md.
"""

import numpy as np

from frostline.arrays import Float32Array, Float64Array, IntArray, Probabilities

SHORTLIST = 10


def uncertainties(probabilities: Probabilities) -> Float64Array:
    """1 less the margin between the two most probable labels (n_texts,): 0 (sure) to 1 (a toss-up)."""
    top = np.sort(probabilities, axis=1)[:, -2:]
    result: Float64Array = 1 - (top[:, 1] - top[:, 0])
    return result


def next_to_label(probabilities: Probabilities, directions: Float32Array, *, n: int) -> IntArray:
    """The rows (at most n) to label next, the most wanted first.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        n_labels is at least 2.
    directions : ndarray of shape (n_texts, n_features)
        Of length 1, or 0.
    n : int
    """
    unsure = uncertainties(probabilities)
    short = np.argsort(-unsure, kind="stable")[: n * SHORTLIST]
    chosen: list[int] = []
    distance = np.full(len(short), 1.0)
    is_free = np.ones(len(short), dtype=bool)
    for _ in range(min(n, len(short))):
        worth = np.where(is_free, unsure[short] * np.maximum(distance, 0), -1)
        if chosen and worth.max() <= 0:  # all that is left is like something taken, or sure: the least sure then
            worth = np.where(is_free, unsure[short], -1)
        best = int(worth.argmax())
        chosen.append(best)
        is_free[best] = False
        distance = np.minimum(distance, 1 - directions[short] @ directions[short[best]])
    return short[np.array(chosen, np.int64)] if chosen else np.zeros(0, np.int64)
