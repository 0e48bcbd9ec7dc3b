"""Whether int8 reads somebody's texts as float32 does: the figures, and what they must be.

In:   rows of the same texts in both precisions; predictions of both, where there are labels.
Out:  a `Gate`; a `PrecisionRecord`, which says what was asked for, what is used, and why.
Not:  reading, and fitting the head whose predictions are compared (precision.py beside the classifier).
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Features
from frostline.encoder.precision import AskedPrecision, Precision

LEAST_EQUAL = 0.99
LEAST_COSINE = 0.998


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What reading the same texts both ways showed.

    Parameters
    ----------
    n_texts : int
    mean_cosine, lowest_cosine : float
        Between a text's two rows.
    n_predicted, n_equal : int
        Texts that one head, fitted on float32 rows of other texts, labelled from both rows, and on how many of them
        it said the same. 0 and 0 where there were no labels.
    seconds_float32, seconds_int8 : float
        To get the rows, kept ones included: no measure of speed.
    """

    n_texts: int
    mean_cosine: float
    lowest_cosine: float
    n_predicted: int = 0
    n_equal: int = 0
    seconds_float32: float = 0.0
    seconds_int8: float = 0.0

    @property
    def is_passed(self) -> bool:
        """Whether int8 may be used."""
        is_equal = self.n_equal >= LEAST_EQUAL * self.n_predicted
        return is_equal and self.mean_cosine >= LEAST_COSINE

    def __str__(self) -> str:
        equal = ""
        if self.n_predicted:
            share = self.n_equal / self.n_predicted
            equal = f"{self.n_equal} of {self.n_predicted} equal predictions ({share:.1%}; needed {LEAST_EQUAL:.0%}), "
        return (
            f"{equal}mean cosine {self.mean_cosine:.5f} (needed {LEAST_COSINE}), lowest {self.lowest_cosine:.5f}, "
            f"on {self.n_texts} texts"
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecord:
    """Which precision read, and why.

    Parameters
    ----------
    asked : {"float32", "int8", "auto"}
    used : {"float32", "int8"}
    reason : str
        One sentence.
    gate : Gate or None
        What `auto` measured; None where nothing was.
    """

    asked: AskedPrecision
    used: Precision
    reason: str
    gate: Gate | None = None


def cosines(first: Features, second: Features) -> Features:
    """The cosine between rows of the same text (n_texts,); 1 where both are zero."""
    one, other = first.astype(np.float64), second.astype(np.float64)
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    products = (one * other).sum(axis=1)
    both_zero = (sizes == 0) & (first == second).all(axis=1)
    found: Features = np.where(both_zero, 1, products / np.where(sizes == 0, 1, sizes)).astype(np.float64)
    return found
