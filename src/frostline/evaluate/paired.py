"""Two classifiers on the same test rows: how far apart, and could it be chance.

In:   what each predicted, and the truth, row by row.
Out:  a `PairedDifference`.
Not:  scores of one classifier (metrics.py).

The same rows are hard for both, so the difference is known far better than either accuracy: two overlapping
intervals do not mean that two classifiers are alike.
"""

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import IntArray
from frostline.evaluate.intervals import Interval, Z


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Accuracy of the first minus accuracy of the second, on the same rows.

    Parameters
    ----------
    value : float
    interval : (float, float)
        95 %.
    n : int
    n_only_first, n_only_second : int
        Rows that just one of the two got right.
    p_value : float
        Exact McNemar test, two-sided: the chance of a split at least as uneven, were both equally good.
    """

    value: float
    interval: Interval
    n: int
    n_only_first: int
    n_only_second: int
    p_value: float


def paired_difference(first: IntArray, second: IntArray, codes: IntArray) -> PairedDifference:
    """Compare two predictions of the same rows; all three arrays are (n_texts,), n_texts >= 1.

    References
    ----------
    Bonett, Price (2012), J. Educ. Behav. Stat. 37:479-488: the interval, one row added to each kind of disagreement.
    Fagerland, Lydersen, Laake (2014), Statistics in Medicine 33:2850-2875: why that one and this test.
    """
    first_right, second_right = first == codes, second == codes
    n = len(codes)
    only_first = int(np.count_nonzero(first_right & ~second_right))
    only_second = int(np.count_nonzero(second_right & ~first_right))
    gained, lost = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    half = Z * math.sqrt((gained + lost - (gained - lost) ** 2) / (n + 2))
    value = (only_first - only_second) / n
    low, high = gained - lost - half, gained - lost + half
    return PairedDifference(
        value=value,
        interval=(max(-1.0, min(low, value)), min(1.0, max(high, value))),
        n=n,
        n_only_first=only_first,
        n_only_second=only_second,
        p_value=mcnemar(only_first, only_second),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value: a fair coin thrown once per disagreement.

    References
    ----------
    McNemar (1947), Psychometrika 12:153-157; exact form: the sign test.
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    # the terms of the lower tail, in logarithms: 0.5**n underflows from 1,075 disagreements on
    heads = np.arange(fewer + 1)
    steps = np.concatenate([[0.0], np.log((n - heads[:-1]) / (heads[:-1] + 1.0))])
    logs = np.cumsum(steps) - n * math.log(2)
    top = float(logs.max())
    tail = math.exp(top + math.log(float(np.exp(logs - top).sum())))
    return min(1.0, 2 * tail)
