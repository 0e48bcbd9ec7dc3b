"""Whether heads know anything of the labels they are to judge.

In:   out-of-fold probabilities (n_texts, n_labels), the labels that were given.
Out:  `Knowledge`: what the heads gain over the labels' shares, and how surely.
Not:  which labels are wrong (wrong_labels.py).

Confident learning takes the heads at their word. Of labels that were drawn by lot it calls every second one wrong of
two, two thirds of three, and suggests another for each: whoever took that advice would teach the next head to agree
with this one. So the heads must first know the labels of rows they did not see surely better than the shares do.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import IntArray, Probabilities
from frostline.evaluate.intervals import SMALLEST_PROBABILITY

_ERRORS = 2.0  # standard errors that the gain must be above 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Mean log losses in nats of the heads and of the labels' shares on the same rows; the gain's standard error."""

    heads: float
    shares: float
    standard_error: float
    n: int

    @property
    def is_sure(self) -> bool:
        """Whether the heads are surely better than the shares: the gain is above two of its standard errors."""
        return self.shares - self.heads > _ERRORS * self.standard_error


def knowledge_of(probabilities: Probabilities, codes: IntArray) -> Knowledge:
    """What the heads know.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        Of each row by a head that did not see it; rows sum to 1.
    codes : ndarray of shape (n_texts,), dtype=int64
        Column of each row's given label; at least two rows.
    """
    own = np.maximum(probabilities[np.arange(len(codes)), codes], SMALLEST_PROBABILITY)
    shares = (np.bincount(codes, minlength=probabilities.shape[1]) / len(codes))[codes]
    gains = np.log(own) - np.log(shares)
    return Knowledge(
        heads=float(-np.log(own).mean()),
        shares=float(-np.log(shares).mean()),
        standard_error=float(gains.std(ddof=1) / np.sqrt(len(codes))),
        n=len(codes),
    )
