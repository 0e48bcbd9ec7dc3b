"""A learning curve as data: scores against the number of labelled rows, and what more rows should bring."""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array
from frostline.evaluate.intervals import Estimate, Interval


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPoint:
    """What heads that learned from so many rows score on rows that took part in nothing."""

    n_rows: int  # Labelled rows learned from
    # `accuracy`, `macro_f1`: The mean over the subsets. The interval covers which rows were drawn and which rows are
    # tested on; with one subset (all rows) it covers the test rows alone. `n` counts test rows.
    accuracy: Estimate
    macro_f1: Estimate
    accuracies: tuple[float, ...]  # length n_subsets: Of each subset's head
    Cs: tuple[float, ...]  # length n_subsets: What each head was fitted with
    fitted_accuracy: float  # The heads' mean accuracy on the very rows they learned from

    @property
    def n_subsets(self) -> int:
        """Subsets of this size that were drawn; 1: there is only one, all rows."""
        return len(self.accuracies)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What more rows should bring, in accuracy."""

    n_rows: int  # Labelled rows there would be
    value: float  # Expected accuracy there minus that at all rows of today, both on the fitted curve
    interval: Interval  # 95 %, by the bootstrap over subsets and test rows


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The power law accuracy = a - b n^-c through the points, and where it leads."""

    # `limit`, `drop`, `decay`: a, b and c. `limit` alone is poorly known, whatever the points: read `gains`.
    limit: float
    drop: float
    decay: float
    # `n_rows`, `accuracy`, `low`, `high`: The curve to draw, from the smallest size to four times all rows, with its
    # 95 % band.
    n_rows: tuple[float, ...]
    accuracy: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    gains: tuple[Gain, ...]  # At twice and at four times the rows
    n_draws: int  # Of the bootstrap


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """Accuracy against the number of labelled rows."""

    # From the fewest rows to all of them; at least two. The last is the saved head's own test (out of fold: that of the
    # heads of nested cross-validation, which learned from a little less than all rows).
    points: tuple[LearningPoint, ...]
    n_test: int  # Rows tested on
    # Whether those are all rows, each tested by heads that did not learn from its fold; else rows held back.
    is_out_of_fold: bool
    outlook: Outlook | None  # None where the points do not say where the curve leads; then `no_outlook` says why
    no_outlook: str
    # How C was chosen for a subset, in a few words.
    choice_of_C: str  # noqa: N815 - C is its name everywhere
    seed: int
    seconds: float


FURTHEST = 4  # times all rows; nothing is said of more
LEAST_SIZES = 4  # a power law has three unknowns
WIDEST = 0.05  # of the interval of the gain at twice the rows, from which on it says nothing
MISFIT = 4.0  # standard errors that a point may lie off the law
N_DRAWS = 1000

_DECAYS = np.geomspace(0.05, 2.0, 150)
_DRAWN = 33  # places of the curve to draw


@final
@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """a - b n^-c, of one draw or of many: each (n_draws,)."""

    limit: Float64Array
    drop: Float64Array
    decay: Float64Array

    def at(self, n_rows: Float64Array) -> Float64Array:
        """Accuracy (n_draws, n_places) at numbers of rows (n_places,)."""
        found: Float64Array = self.limit[:, None] - self.drop[:, None] * n_rows[None] ** -self.decay[:, None]
        return found


def look_ahead(
    n_rows: Float64Array, means: Float64Array, spread: Float64Array, *, seed: int
) -> tuple[Outlook | None, str]:
    """Fit the power law and follow it; or say why that would tell nothing.

    Parameters
    ----------
    n_rows : ndarray of shape (n_sizes,)
        Ascending.
    means : ndarray of shape (n_sizes, n_test)
        Of each test row, the share of a size's heads that were right.
    spread : ndarray of shape (n_sizes,)
        Variance of a size's accuracy that comes from which rows were drawn.
    seed : int
        Of the draws.

    Returns
    -------
    outlook : Outlook or None
    why_not : str
        Empty where there is one.
    """
    if len(n_rows) < LEAST_SIZES:
        return None, (
            f"{len(n_rows)} sizes were measured, and a power law needs {LEAST_SIZES}: there are too few rows to halve."
        )
    whole = n_rows[-1]
    values = means.mean(axis=1)
    apart = (means - means.mean(axis=0)).var(axis=1, ddof=1) / means.shape[1]
    errors = np.sqrt(np.maximum(spread + apart, 1e-8))
    fitted = fit_law(n_rows, values[None], errors)
    off = np.abs(fitted.at(n_rows)[0] - values) / errors
    if off.max() > MISFIT:
        worst = int(off.argmax())
        return None, f"The points do not lie on a power law (the one at {n_rows[worst]:,.0f} rows least of all)."
    random = np.random.RandomState(seed % 2**32)
    drawn = _drawn_means(means, random) + random.standard_normal((N_DRAWS, len(n_rows))) * np.sqrt(spread)
    laws = fit_law(n_rows, drawn, errors)
    ahead = whole * np.array([1.0, 2.0, float(FURTHEST)])
    expected, possible = fitted.at(ahead)[0], laws.at(ahead)
    gains = tuple(
        Gain(
            n_rows=int(ahead[place]),
            value=float(expected[place] - expected[0]),
            interval=_limits(possible[:, place] - possible[:, 0], float(expected[place] - expected[0])),
        )
        for place in (1, 2)
    )
    low, high = gains[0].interval
    if high - low > WIDEST:
        return None, (
            f"What twice the rows would bring is not known to within {WIDEST * 100:.0f} points "
            f"({low * 100:+.1f} to {high * 100:+.1f}): too few rows to test on, or too uneven subsets."
        )
    places = np.geomspace(n_rows[0], FURTHEST * whole, _DRAWN)
    band = np.quantile(laws.at(places), [0.025, 0.975], axis=0)
    drawn_curve = fitted.at(places)[0]
    return Outlook(
        limit=float(fitted.limit[0]),
        drop=float(fitted.drop[0]),
        decay=float(fitted.decay[0]),
        n_rows=tuple(places.tolist()),
        accuracy=tuple(drawn_curve.tolist()),
        low=tuple(np.clip(np.minimum(band[0], drawn_curve), 0, 1).tolist()),
        high=tuple(np.clip(np.maximum(band[1], drawn_curve), 0, 1).tolist()),
        gains=gains,
        n_draws=N_DRAWS,
    ), ""


def fit_law(n_rows: Float64Array, values: Float64Array, errors: Float64Array) -> Law:
    """The weighted least-squares power law through values (n_draws, n_sizes), for each draw.

    For a given decay the rest is a line in n^-c; a <= 1 and b >= 0 are each met by giving up the other freedom.

    References
    ----------
    Cortes, Jackel, Solla, Vapnik, Denker (1993), Learning curves: asymptotic values and rate of convergence, NIPS 6.
    Viering, Loog (2023), The shape of learning curves: a review, IEEE PAMI 45:7799-7819: how often laws fail.
    """
    weights = 1 / errors**2
    weights = weights / weights.sum()
    best = np.full(len(values), np.inf)
    law = np.zeros((3, len(values)))
    centre = values @ weights
    for decay in _DECAYS:
        reach = n_rows**-decay
        middle = weights @ reach
        slope = (values - centre[:, None]) @ (weights * (reach - middle)) / (weights @ (reach - middle) ** 2)
        drop = np.maximum(-slope, 0.0)
        limit = centre + drop * middle
        over = limit > 1
        through = (1 - values) @ (weights * reach) / (weights @ reach**2)  # the line that reaches 1
        drop, limit = np.where(over, through, drop), np.where(over, 1.0, limit)
        wrong = ((limit[:, None] - drop[:, None] * reach - values) ** 2) @ weights
        better = wrong < best
        best = np.where(better, wrong, best)
        law[:, better] = np.stack([limit, drop, np.full(len(values), decay)])[:, better]
    return Law(law[0], law[1], law[2])


def _drawn_means(means: Float64Array, random: np.random.RandomState) -> Float64Array:
    """Accuracies (n_draws, n_sizes) on test rows drawn anew, the same for every size."""
    n_test = means.shape[1]
    counts = random.multinomial(n_test, np.full(n_test, 1 / n_test), size=N_DRAWS)
    drawn: Float64Array = counts @ means.T / n_test
    return drawn


def _limits(draws: Float64Array, value: float) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975])
    return min(float(low), value), max(float(high), value)
