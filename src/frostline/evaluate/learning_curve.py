"""A learning curve as data: scores against the number of labelled rows, and what more rows should bring.

In:   nothing.
Out:  `LearningPoint`, `Outlook`, `LearningCurve`.
Not:  measuring it (curve_points.py), looking ahead (outlook.py), drawing it (report/).
"""

from dataclasses import dataclass
from typing import final

from frostline.evaluate.intervals import Interval
from frostline.evaluate.metrics import Estimate


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPoint:
    """What heads that learned from so many rows score on rows that took part in nothing.

    Parameters
    ----------
    n_rows : int
        Labelled rows learned from.
    accuracy, macro_f1 : Estimate
        The mean over the subsets. The interval covers which rows were drawn and which rows are tested on; with one
        subset (all rows) it covers the test rows alone. `n` counts test rows.
    accuracies : tuple of float, length n_subsets
        Of each subset's head.
    Cs : tuple of float, length n_subsets
        What each head was fitted with.
    fitted_accuracy : float
        The heads' mean accuracy on the very rows they learned from.
    """

    n_rows: int
    accuracy: Estimate
    macro_f1: Estimate
    accuracies: tuple[float, ...]
    Cs: tuple[float, ...]
    fitted_accuracy: float

    @property
    def n_subsets(self) -> int:
        """Subsets of this size that were drawn; 1: there is only one, all rows."""
        return len(self.accuracies)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What more rows should bring, in accuracy.

    Parameters
    ----------
    n_rows : int
        Labelled rows there would be.
    value : float
        Expected accuracy there minus that at all rows of today, both on the fitted curve.
    interval : (float, float)
        95 %, by the bootstrap over subsets and test rows.
    """

    n_rows: int
    value: float
    interval: Interval


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The power law accuracy = a - b n^-c through the points, and where it leads.

    Parameters
    ----------
    limit, drop, decay : float
        a, b and c. `limit` alone is poorly known, whatever the points: read `gains`.
    n_rows, accuracy, low, high : tuple of float
        The curve to draw, from the smallest size to four times all rows, with its 95 % band.
    gains : tuple of Gain
        At twice and at four times the rows.
    n_draws : int
        Of the bootstrap.
    """

    limit: float
    drop: float
    decay: float
    n_rows: tuple[float, ...]
    accuracy: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    gains: tuple[Gain, ...]
    n_draws: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """Accuracy against the number of labelled rows.

    Parameters
    ----------
    points : tuple of LearningPoint
        From the fewest rows to all of them; at least two. The last is the saved head's own test (out of fold: that of
        the heads of nested cross-validation, which learned from a little less than all rows).
    n_test : int
        Rows tested on.
    is_out_of_fold : bool
        Whether those are all rows, each tested by heads that did not learn from its fold; else rows held back.
    outlook : Outlook or None
        None where the points do not say where the curve leads; then `no_outlook` says why.
    no_outlook : str
    choice_of_C : str
        How C was chosen for a subset, in a few words.
    seed : int
    seconds : float
    """

    points: tuple[LearningPoint, ...]
    n_test: int
    is_out_of_fold: bool
    outlook: Outlook | None
    no_outlook: str
    choice_of_C: str  # noqa: N815 - C is its name everywhere
    seed: int
    seconds: float
