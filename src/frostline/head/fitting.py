"""Choose how decisions become probabilities: as they are, by a temperature, or by an isotonic map.

In:   held-out decisions, the true codes, the folds that held the rows out.
Out:  a `CalibrationFit`: the calibration for the head, and what each way lost, fold by fold, on rows not fitted on.
Not:  the fits themselves (temperature.py, isotonic.py), measuring on test rows (evaluate/calibration.py).

The held-out decisions are of the folds' heads, which learned from fewer rows than the head that is saved. What this
does to the temperature was measured: docs/decisions/0013-calibration.md.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import Float64Array, IntArray, Probabilities
from frostline.errors import UsageError, shown
from frostline.head.calibration import Calibration
from frostline.head.isotonic import fit_knots
from frostline.head.linear import probabilities
from frostline.head.temperature import fit_temperature

Calibrate: TypeAlias = Literal["auto", "none", "temperature", "isotonic"]
Way: TypeAlias = Literal["none", "temperature", "isotonic"]

WAYS: tuple[Way, ...] = ("none", "temperature", "isotonic")
FEWEST_FOR_TEMPERATURE = 50
FEWEST_FOR_ISOTONIC = 200
FEWEST_OF_A_LABEL = 20
"""Rows of the rarest label, for an isotonic map that `auto` may choose."""

_SMALLEST = float(np.finfo(np.float64).eps)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way of calibrating, fitted on the other folds' rows and tried on each fold's.

    Parameters
    ----------
    way : {"none", "temperature", "isotonic"}
    log_loss : float
        The mean over all rows.
    gain, gain_error : float
        By how much the log loss is less than without calibration, and the standard error of that.
    """

    way: Way
    log_loss: float
    gain: float
    gain_error: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationFit:
    """A calibration, and why it is this one.

    Parameters
    ----------
    calibration : Calibration or None
        Fitted on all rows.
    asked : {"auto", "none", "temperature", "isotonic"}
    way : {"none", "temperature", "isotonic"}
    why : str
        One clause.
    n : int
        Rows fitted on.
    candidates : tuple of Candidate
        Those tried, `none` first.
    held_out : ndarray of shape (n_texts, n_labels)
        Probabilities of each row, by the fold's head and by the calibration fitted on the other folds: for choosing
        thresholds by.
    """

    calibration: Calibration | None
    asked: Calibrate
    way: Way
    why: str
    n: int
    candidates: tuple[Candidate, ...]
    held_out: Probabilities


def fit_calibration(
    decisions: Float64Array, codes: IntArray, *, folds: IntArray, calibrate: Calibrate = "auto"
) -> CalibrationFit:
    """Fit the calibration asked for; `auto` chooses by log loss on rows that a fit has not seen.

    `auto` takes a temperature where that lessens the log loss, and an isotonic map where rows are many enough and it
    gains more than one standard error over the temperature (over nothing, where that is none).

    Parameters
    ----------
    decisions : ndarray of shape (n_texts, n_coef_rows), dtype=float64
        Of each row, by a head that did not learn from it.
    codes : ndarray of shape (n_texts,), dtype=int64
    folds : ndarray of shape (n_texts,), dtype=int64
        The fold that held each row out. With one fold there is nothing to compare by: `auto` is then `none`.
    calibrate : {"auto", "none", "temperature", "isotonic"}

    Raises
    ------
    UsageError
        There is no such way; an isotonic map is asked for, and all decisions are equal.
    """
    if calibrate not in ("auto", *WAYS):
        raise UsageError(f"Calibration must be one of auto, {', '.join(WAYS)} (got {shown(calibrate)}).")
    n_labels = max(2, decisions.shape[1])
    given = {way: _held_out(way, decisions, codes, folds) for way in _worth_trying(calibrate, decisions, codes, folds)}
    losses = {way: _losses(found, codes) for way, found in given.items()}
    way, why = choice_of(losses) if calibrate == "auto" else (calibrate, "asked for")
    if calibrate == "auto" and len(given) == 1:
        why = _why_nothing_was_tried(decisions, codes, folds)
    fitted = _fitted(way, decisions, codes)
    if way == "isotonic" and fitted is None:
        raise UsageError(
            f"An isotonic map needs rows that are told apart (all {len(codes):,} have the same decisions).",
            hint="Leave --calibrate out.",
        )
    return CalibrationFit(
        calibration=fitted,
        asked=calibrate,
        way=way,
        why=why,
        n=len(codes),
        candidates=tuple(candidate_of(way, losses) for way in losses),
        held_out=given[way] if way in given else probabilities(decisions).reshape(len(codes), n_labels),
    )


def _worth_trying(calibrate: Calibrate, decisions: Float64Array, codes: IntArray, folds: IntArray) -> list[Way]:
    if len(np.unique(folds)) < 2 or (decisions == decisions[:1]).all():
        return ["none"]
    if calibrate != "auto":
        return ["none"] if calibrate == "none" else ["none", calibrate]
    found: list[Way] = ["none"]
    if len(codes) >= FEWEST_FOR_TEMPERATURE:
        found.append("temperature")
    if len(codes) >= FEWEST_FOR_ISOTONIC and np.bincount(codes).min() >= FEWEST_OF_A_LABEL:
        found.append("isotonic")
    return found


def _why_nothing_was_tried(decisions: Float64Array, codes: IntArray, folds: IntArray) -> str:
    if len(np.unique(folds)) < 2:
        return "one fold leaves no rows to compare by"
    if (decisions == decisions[:1]).all():
        return "all decisions are equal"
    return f"{len(codes):,} rows are fewer than {FEWEST_FOR_TEMPERATURE}"


def _held_out(way: Way, decisions: Float64Array, codes: IntArray, folds: IntArray) -> Probabilities:
    """Probabilities (n_texts, n_labels) of each fold by a calibration fitted on the others."""
    if way == "none":
        return probabilities(decisions)
    found = np.empty((len(codes), max(2, decisions.shape[1])))
    for fold in np.unique(folds):
        own = folds == fold
        found[own] = probabilities(decisions[own], calibration=_fitted(way, decisions[~own], codes[~own]))
    return found


def _fitted(way: Way, decisions: Float64Array, codes: IntArray) -> Calibration | None:
    """The calibration; None for `none`, and for an isotonic map where a label's probabilities are all equal."""
    if way == "none":
        return None
    if way == "temperature":
        return Calibration(method="temperature", temperature=fit_temperature(decisions, codes))
    plain = probabilities(decisions)
    columns = [1] if plain.shape[1] == 2 else range(plain.shape[1])
    maps = [fit_knots(plain[:, column], codes == column) for column in columns]
    knots = tuple(own for own in maps if own is not None)
    return Calibration(method="isotonic", knots=knots) if len(knots) == len(maps) else None


def _losses(found: Probabilities, codes: IntArray) -> Float64Array:
    own = found[np.arange(len(codes)), codes]
    losses: Float64Array = -np.log(np.maximum(own, _SMALLEST))
    return losses


def _gain(losses: Float64Array, of: Float64Array) -> tuple[float, float]:
    """By how much the mean of `of` is less than that of `losses`, row by row, and the standard error."""
    gains = losses - of
    error = float(gains.std(ddof=1)) / np.sqrt(len(gains)) if len(gains) > 1 else 0.0
    return float(gains.mean()), float(error)


def candidate_of(way: Way, losses: dict[Way, Float64Array]) -> Candidate:
    """What one way of those whose losses (n_texts,) are given is worth beside none."""
    gain, error = _gain(losses["none"], losses[way])
    return Candidate(way=way, log_loss=float(losses[way].mean()), gain=gain, gain_error=error)


def choice_of(losses: dict[Way, Float64Array]) -> tuple[Way, str]:
    """From plain to flexible, a step at a time, where the step pays on rows that its fit has not seen.

    One number fitted on n rows costs 1 / 2n nats where it was not needed: a temperature has to gain, no more. An
    isotonic map costs many times that, and has to gain more than one standard error over what was chosen before it.
    """
    chosen: Way = "none"
    for way, own in losses.items():
        gain, error = _gain(losses[chosen], own)
        if gain > (error if way == "isotonic" else 0.0):
            chosen = way
    if chosen == "none":
        return chosen, "no way of calibrating lost less on rows it was not fitted on"
    return chosen, "it lost less on rows it was not fitted on"
