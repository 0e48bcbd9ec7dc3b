"""Test rows drawn again with replacement: how figures of several labels per text vary from sample to sample.

In:   answers, truth and probabilities (n_texts, n_labels); a seed.
Out:  a `Resampled`: the figures of each draw, for intervals and paired differences.
Not:  figures that have an interval in closed form (intervals.py).

Labels of one text go together, so rows are drawn, not decisions. A draw is how often each row was drawn, so that every
count of it is one product of matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, Probabilities
from frostline.evaluate.intervals import Interval

DRAWS = 1000
FEWEST_DRAWS = 200
FEWEST_TEXTS = 20
"""Of fewer rows drawing them again says nothing: two rows that are both right are right in every draw."""

_RANKED = 200_000_000  # rows times labels times draws of the rankings: some two seconds
_BLOCK = 50  # draws at a time


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampled:
    """Figures of each draw.

    Parameters
    ----------
    micro_f1 : ndarray of shape (n_draws,)
    label_f1 : ndarray of shape (n_draws, n_labels)
        0 where a label neither occurs nor is given in a draw.
    macro_f1 : ndarray of shape (n_draws,)
        Over the labels that occur or are given in the draw.
    mean_average_precision : ndarray of shape (n_ranked,)
        Of fewer draws where rows and labels are many.
    n_texts : int
        Rows that were drawn from.
    """

    micro_f1: Float64Array
    label_f1: Float64Array
    macro_f1: Float64Array
    mean_average_precision: Float64Array
    n_texts: int

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


def resampled(given: BoolArray, members: BoolArray, probabilities: Probabilities | None, *, seed: int) -> Resampled:
    """Draw the rows again and again; the same seed and number of rows draw the same rows, whatever was answered."""
    counts = row_counts(len(members), n_draws=DRAWS, seed=seed)
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
        n_texts=len(members),
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
