"""What abstaining brings: the share of texts that get an answer, against the share of those answers that are right.

In:   probabilities (n_texts, n_labels), the answers and the true codes of rows that took part in nothing.
Out:  a `CoverageCurve`.
Not:  choosing from which probability on to answer (head/).

References
----------
El-Yaniv, Wiener (2010), On the foundations of noise-free selective classification, JMLR 11:1605-1641.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import IntArray, Probabilities
from frostline.evaluate.intervals import wilson
from frostline.evaluate.metrics import Estimate
from frostline.head.rule import Rule

MOST_POINTS = 120
"""Of a curve that is drawn."""

_FEWEST = 10  # answers that a share is worth drawing of


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageCurve:
    """Right answers against answers given, from the surest texts alone to all of them.

    Parameters
    ----------
    coverage : tuple of float
        Shares of the texts that are answered, ascending; the last is 1.
    precision, low, high : tuple of float
        Of the answers given there, the share that is right, and its 95 % interval (Wilson).
    thresholds : tuple of float
        The probability from which on answers are given there.
    answer_from : float
        From which on the head answers; 0: always.
    covered, right : Estimate or None
        At `answer_from`: the share answered, and of those answers the share that is right (None without answers).
    """

    coverage: tuple[float, ...]
    precision: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    thresholds: tuple[float, ...]
    answer_from: float
    covered: Estimate
    right: Estimate | None


def coverage_curve(probabilities: Probabilities, codes: IntArray, *, rule: Rule | None = None) -> CoverageCurve:
    """The curve over all thresholds, and where the head stands on it.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels), n_texts >= 1
    codes : ndarray of shape (n_texts,), dtype=int64
    rule : Rule, optional
        Of the head. Its thresholds say which label is taken; equal probabilities are answered together.
    """
    n = len(codes)
    chosen = rule or Rule()
    answers = Rule(thresholds=chosen.thresholds).codes(probabilities)
    claimed = probabilities[np.arange(n), answers]
    is_right = answers == codes
    order = np.argsort(-claimed, kind="stable")
    falling, hits = claimed[order], np.cumsum(is_right[order])
    ends = np.flatnonzero(np.append(falling[1:] < falling[:-1], True))
    ends = ends[(ends + 1 >= min(_FEWEST, n)) | (ends == n - 1)]
    if len(ends) > MOST_POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, MOST_POINTS).round().astype(np.int64))]
    bands = [wilson(int(hits[end]), int(end) + 1) for end in ends]
    given = claimed >= chosen.answer_from
    n_given, n_right = int(given.sum()), int(is_right[given].sum())
    return CoverageCurve(
        coverage=tuple(((ends + 1) / n).tolist()),
        precision=tuple((hits[ends] / (ends + 1)).tolist()),
        low=tuple(low for low, _ in bands),
        high=tuple(high for _, high in bands),
        thresholds=tuple(falling[ends].tolist()),
        answer_from=chosen.answer_from,
        covered=Estimate(n_given / n, wilson(n_given, n), n, "Wilson"),
        right=Estimate(n_right / n_given, wilson(n_right, n_given), n_given, "Wilson") if n_given else None,
    )
