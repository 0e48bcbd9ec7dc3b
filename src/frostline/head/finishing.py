"""What comes after the search: a head whose probabilities are calibrated and whose answers follow a rule.

In:   a `SearchResult`, the codes and folds it was made with, `AnswerOptions`.
Out:  a `Finished`: the head to save, and how its calibration and its rule were chosen.
Not:  the search (search.py), the choices themselves (fitting.py, deciding.py).

Class weights make rare labels more probable than they are, on purpose: more of them are found. A calibration that puts
the probabilities right would take that back, so the rule then keeps the answers where the weights have put them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.data.split import stratified_folds
from frostline.head.calibration import Calibration, mapped
from frostline.head.checking import label_weights
from frostline.head.deciding import RuleFit, RuleOptions, fit_rule
from frostline.head.fitting import Calibrate, CalibrationFit, fit_calibration
from frostline.head.linear import Label, LinearHead
from frostline.head.rule import Rule
from frostline.head.search import SearchOptions, SearchResult


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """How decisions become probabilities, and probabilities answers.

    Parameters
    ----------
    calibrate : {"auto", "none", "temperature", "isotonic"}
    rule : RuleOptions
    """

    calibrate: Calibrate = "auto"
    rule: RuleOptions = field(default_factory=RuleOptions)


PLAIN_ANSWERS = AnswerOptions(calibrate="none")
"""Probabilities as the regression gives them; always the most probable label."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finished:
    """A head that is ready to answer.

    Parameters
    ----------
    head : LinearHead
    calibration : CalibrationFit
    rule : RuleFit or None
        None: nothing was wished for.
    """

    head: LinearHead
    calibration: CalibrationFit
    rule: RuleFit | None


def finish(  # noqa: PLR0913 - a search and what it was made with, and what is wished for
    search: SearchResult,
    codes: IntArray,
    *,
    folds: IntArray,
    search_options: SearchOptions,
    options: AnswerOptions,
    must_reach: bool = True,
) -> Finished:
    """Calibrate the head that a search found, and choose its rule, by the search's held-out decisions alone.

    Parameters
    ----------
    search : SearchResult
    codes, folds : ndarrays of shape (n_texts,), dtype=int64
        That the search was made with.
    search_options : SearchOptions
        Its class weights count.
    options : AnswerOptions
    must_reach : bool
        Refuse a wish that cannot be reached; else come as near to it as can be (within nested cross-validation,
        where the rows are fewer than those that the rule will be chosen on).

    Raises
    ------
    UsageError, InputError
        As `fit_calibration` and `fit_rule`.
    """
    labels = search.head.labels
    calibration = fit_calibration(search.held_out_decisions, codes, folds=folds, calibrate=options.calibrate)
    head = replace(search.head, calibration=calibration.calibration)
    if options.rule.is_plain:
        kept = _answers_kept(calibration.calibration, codes, labels, search_options)
        return Finished(head=replace(head, rule=kept), calibration=calibration, rule=None)
    fitted = fit_rule(
        calibration.held_out, codes, folds=folds, labels=labels, options=options.rule, must_reach=must_reach
    )
    return Finished(head=replace(head, rule=fitted.rule), calibration=calibration, rule=fitted)


def folds_of(codes: IntArray, options: SearchOptions) -> IntArray:
    """The folds (n_texts,) that `search_C` makes by these options where none are given."""
    return stratified_folds(codes, n_folds=options.n_folds, seed=options.seed)


def _answers_kept(
    calibration: Calibration | None, codes: IntArray, labels: Sequence[Label], options: SearchOptions
) -> Rule | None:
    """The rule by which calibrated probabilities of a weighted head give its uncalibrated answers, or nearly so."""
    if options.class_weight is None or calibration is None or calibration.method == "temperature":
        return None
    if len(labels) == 2:
        middle = float(np.clip(mapped(np.array([[0.5, 0.5]]), calibration.knots)[0, 1], 1e-6, 1 - 1e-6))
        return Rule(thresholds=(1 - middle, middle))
    everything = np.ones((len(codes), 1), dtype=bool)
    weights = label_weights(options.class_weight, codes, labels, everything)[:, 0]
    each: Float64Array = np.array([weights[codes == code].mean() for code in range(len(labels))])
    return Rule(thresholds=tuple(((1 / each) / (1 / each).sum()).tolist()))
