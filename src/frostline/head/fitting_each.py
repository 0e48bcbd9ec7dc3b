"""The same for several labels per text: as they are, by one temperature, or by an isotonic map for each label.

In:   held-out decisions (n_texts, n_labels), which labels each text has, the folds that held the rows out.
Out:  a `CalibrationFit`; a head that is calibrated and has its thresholds.
Not:  one label per text (fitting.py, finishing.py); the search (multi_label.py).

Each label's C has the least log loss already, but thresholds and averages over labels need probabilities that mean the
same for all. The log loss of a text is the mean over its labels; a text is one observation, whatever it has.
"""

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.errors import UsageError, shown
from frostline.head.calibration import Calibration, Knots, logistic
from frostline.head.fitting import (
    FEWEST_FOR_ISOTONIC,
    FEWEST_FOR_TEMPERATURE,
    FEWEST_OF_A_LABEL,
    WAYS,
    Calibrate,
    CalibrationFit,
    Way,
    candidate_of,
    choice_of,
)
from frostline.head.isotonic import fit_knots
from frostline.head.linear import LinearHead, probabilities
from frostline.head.multi_label import EachSearch
from frostline.head.rule import Rule
from frostline.head.temperature import fit_temperature
from frostline.head.thresholds import best_thresholds

_AS_IT_IS: Knots = ((0.0, 0.0), (1.0, 1.0))
_SMALLEST = float(np.finfo(np.float64).eps)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FinishedEach:
    """A head that is ready to answer, and how its calibration was chosen."""

    head: LinearHead
    calibration: CalibrationFit


def finish_each(search: EachSearch, members: BoolArray, *, calibrate: Calibrate = "auto") -> FinishedEach:
    """Calibrate the head that a search found, and choose its thresholds, by the held-out decisions alone.

    Parameters
    ----------
    search : EachSearch
    members : ndarray of shape (n_texts, n_labels), dtype=bool
        That it was made with.
    calibrate : {"auto", "none", "temperature", "isotonic"}

    Raises
    ------
    UsageError
        There is no such way.
    """
    fit = fit_calibration_each(
        search.held_out_decisions, members, learned=search.learned, folds=search.folds, calibrate=calibrate
    )
    head = search.head
    if fit.calibration is not None and fit.calibration.method == "temperature":
        # A label that was not learned keeps its share, which is no decision to be divided.
        kept = np.where(search.learned, head.intercept, head.intercept * fit.calibration.temperature)
        head = replace(head, intercept=kept)
    rule = Rule(thresholds=tuple(best_thresholds(fit.held_out, members).tolist()))
    return FinishedEach(head=replace(head, calibration=fit.calibration, rule=rule), calibration=fit)


def fit_calibration_each(
    decisions: Float64Array, members: BoolArray, *, learned: BoolArray, folds: IntArray, calibrate: Calibrate = "auto"
) -> CalibrationFit:
    """Fit the calibration asked for; `auto` chooses as `fit_calibration` does.

    Parameters
    ----------
    decisions : ndarray of shape (n_texts, n_labels), dtype=float64
        Of each row, by heads that did not learn from it.
    members : ndarray of shape (n_texts, n_labels), dtype=bool
    learned : ndarray of shape (n_labels,), dtype=bool
        The others' probabilities are their shares, and stay so.
    folds : ndarray of shape (n_texts,), dtype=int64
    calibrate : {"auto", "none", "temperature", "isotonic"}

    Raises
    ------
    UsageError
        There is no such way.
    """
    if calibrate not in ("auto", *WAYS):
        raise UsageError(f"Calibration must be one of auto, {', '.join(WAYS)} (got {shown(calibrate)}).")
    given = {
        way: _held_out(way, decisions, members, learned, folds)
        for way in _worth_trying(calibrate, len(decisions), folds)
    }
    losses = {way: _losses(found, members) for way, found in given.items()}
    way, why = choice_of(losses) if calibrate == "auto" else (calibrate, "asked for")
    if calibrate == "auto" and len(given) == 1:
        why = f"{len(decisions):,} rows are fewer than {FEWEST_FOR_TEMPERATURE}"
    return CalibrationFit(
        calibration=_fitted(way, decisions, members, learned),
        asked=calibrate,
        way=way,
        why=why,
        n=len(decisions),
        candidates=tuple(candidate_of(way, losses) for way in losses),
        held_out=given[way],
    )


def _worth_trying(calibrate: Calibrate, n_texts: int, folds: IntArray) -> list[Way]:
    if calibrate != "auto":
        return ["none"] if calibrate == "none" else ["none", calibrate]
    found: list[Way] = ["none"]
    if len(np.unique(folds)) > 1 and n_texts >= FEWEST_FOR_TEMPERATURE:
        found.append("temperature")
    if len(np.unique(folds)) > 1 and n_texts >= FEWEST_FOR_ISOTONIC:
        found.append("isotonic")
    return found


def _held_out(
    way: Way, decisions: Float64Array, members: BoolArray, learned: BoolArray, folds: IntArray
) -> Probabilities:
    """Probabilities (n_texts, n_labels) of each fold by a calibration fitted on the others."""
    found: Probabilities = logistic(decisions)
    if way == "none":
        return found
    for fold in np.unique(folds):
        own = folds == fold
        fitted = _fitted(way, decisions[~own], members[~own], learned)
        calibrated = probabilities(decisions[own], link="logistic", calibration=fitted)
        found[own] = np.where(learned, calibrated, found[own])
    return found


def _fitted(way: Way, decisions: Float64Array, members: BoolArray, learned: BoolArray) -> Calibration | None:
    if way == "none":
        return None
    if way == "temperature":
        told = decisions[:, learned].reshape(-1, 1)
        return Calibration(
            method="temperature", temperature=fit_temperature(told, members[:, learned].ravel().astype(np.int64))
        )
    return Calibration(
        method="isotonic",
        knots=tuple(
            _knots(decisions[:, label], members[:, label], learned=bool(learned[label]))
            for label in range(members.shape[1])
        ),
    )


def _knots(decisions: Float64Array, has: BoolArray, *, learned: bool) -> Knots:
    """The map of one label; none of too few texts with it or without it has a map."""
    n_with = int(has.sum())
    if not learned or min(n_with, len(has) - n_with) < FEWEST_OF_A_LABEL:
        return _AS_IT_IS
    return fit_knots(logistic(decisions), has) or _AS_IT_IS


def _losses(found: Probabilities, members: BoolArray) -> Float64Array:
    """The mean log loss (n_texts,) of each text's decisions."""
    own = np.where(members, found, 1 - found)
    losses: Float64Array = -np.log(np.maximum(own, _SMALLEST)).mean(axis=1)
    return losses
