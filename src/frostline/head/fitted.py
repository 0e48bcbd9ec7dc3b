"""One call: rows and targets in, a head that is ready to answer out.

Training, the estimator, nested folds, sweeps, learning curves and review all come here.
"""

import warnings
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Progress, Rows
from frostline.errors import InputError, UsageError, shown
from frostline.head.calibrating import Calibrate, CalibrationFit, fit_calibration
from frostline.head.deciding import RuleFit, RuleOptions, WhereUnmet, default_rule
from frostline.head.linear import LinearHead
from frostline.head.options import ClassWeight, SearchOptions, share_c
from frostline.head.parts import PartName, Parts, head_of
from frostline.head.parts import search as search_parts
from frostline.head.search import Search
from frostline.targets import Label, Targets


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """How decisions become probabilities, and probabilities answers."""

    calibrate: Calibrate = "auto"
    rule: RuleOptions = field(default_factory=RuleOptions)


PLAIN_ANSWERS = AnswerOptions(calibrate="none")
"""Probabilities as the regression gives them; always the most probable label."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A head that is ready to answer, and how it came to be."""

    head: LinearHead  # Calibrated, with its rule; `search.head` is the same without them
    search: Search
    calibration: CalibrationFit
    rule: RuleFit | None  # None: nothing was wished for, or all of it was left out
    wishes: RuleOptions  # Those that were met
    unmet: tuple[str, ...] = ()  # A sentence for each wish that was not
    parts: Parts | None = None  # How features and words came together, where there are both

    def of(self, part: PartName, n_features: int) -> "Fitted":
        """The same over the columns of one part alone, of which the first has `n_features`."""
        search = replace(self.search, head=head_of(self.search.head, part, n_features))
        return replace(self, head=head_of(self.head, part, n_features), search=search)


def fit(  # noqa: PLR0913 - two arrays, how C is searched and answers are made, and on which folds
    rows: Rows,
    targets: Targets,
    *,
    search: SearchOptions,
    answers: AnswerOptions,
    folds: IntArray | None = None,
    unmet: WhereUnmet = "refuse",
    progress: Progress | None = None,
) -> Fitted:
    """Search C, calibrate and choose the rule by the decisions of held-out rows, and fit all rows.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    folds : ndarray of shape (n_texts,), dtype=int64, optional
        As for `head.search.search`.
    unmet : {"refuse", "nearest", "leave out"}
        What becomes of a wish that the rows do not allow to promise; within nested cross-validation, where they are
        fewer than those that the rule will be chosen on, the rule is the nearest.
    progress : callable, optional
        As for `head.search.search`.
    """
    found, parts = search_parts(rows, targets, options=search, folds=folds, progress=progress)
    settled = settle_answers(
        found.head,
        found.held_out_decisions,
        targets,
        learned=found.learned,
        folds=found.folds,
        answers=answers,
        class_weight=search.class_weight,
        unmet=unmet,
    )
    return Fitted(
        head=settled.head,
        search=found,
        calibration=settled.calibration,
        rule=settled.rule,
        wishes=settled.wishes,
        unmet=settled.unmet,
        parts=parts,
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settled:
    """A head that is ready to answer, and how its answers came to be; as in `Fitted`."""

    head: LinearHead
    calibration: CalibrationFit
    rule: RuleFit | None
    wishes: RuleOptions
    unmet: tuple[str, ...]


def settle_answers(  # noqa: PLR0913 - a head, rows that it did not learn from, and how answers are made
    head: LinearHead,
    decisions: Float64Array,
    targets: Targets,
    *,
    learned: BoolArray,
    folds: IntArray,
    answers: AnswerOptions,
    class_weight: ClassWeight = None,
    unmet: WhereUnmet = "refuse",
) -> Settled:
    """Calibrate a head and choose its rule, by decisions (n_texts, n_coef_rows) for rows held out of its fit.

    Parameters
    ----------
    learned : ndarray of shape (n_labels,), dtype=bool
        Which labels the head has learned.
    folds : ndarray of shape (n_texts,), dtype=int64
        On which the calibrations are held against each other.
    class_weight : mapping, str or None
        That the head was fitted with.
    """
    calibration = fit_calibration(decisions, targets, learned=learned, folds=folds, calibrate=answers.calibrate)
    head = replace(_with_shares_kept(head, learned, calibration), calibration=calibration.calibration)
    wishes, chosen = answers.rule, None
    told: tuple[str, ...] = ()
    if not wishes.is_plain:
        from frostline.head.wished import fit_rule  # noqa: PLC0415 - few wish for anything

        chosen = fit_rule(calibration.held_out, targets, folds=folds, options=wishes, unmet=unmet)
        wishes, told = chosen.wishes, chosen.unmet
    if chosen is None or wishes.is_plain:
        calibrated = calibration.calibration
        rule = default_rule(calibration.held_out, targets, calibration=calibrated, class_weight=class_weight)
        head, chosen = replace(head, rule=rule), None
    else:
        head = replace(head, rule=chosen.rule)
    return Settled(head=head, calibration=calibration, rule=chosen, wishes=wishes, unmet=told)


def _with_shares_kept(head: LinearHead, learned: BoolArray, calibration: CalibrationFit) -> LinearHead:
    """The head; a label that was not learned keeps its share, which is no decision for a temperature to divide."""
    if calibration.way != "temperature" or calibration.calibration is None or learned.all():
        return head
    scaled = head.intercept * calibration.calibration.temperature
    return replace(head, intercept=np.where(learned, head.intercept, scaled))


def chosen_document(
    labels: tuple[Label, ...], *, C: Float64Array, search: Search | None, is_indicator: bool
) -> dict[str, Any]:
    """How C came to be, as JSON values: one for each label where each has its own.

    Parameters
    ----------
    labels : tuple of n_labels str, int or bool
    C : ndarray of shape (n_groups,)
        As given or chosen; NaN: not known, or not learned.
    is_indicator : bool
        Whether several labels came as a 0/1 matrix.
    """
    if len(C) == len(labels):
        return {
            "per_label": [
                {"label": label, "C": None if np.isnan(own) else own}
                for label, own in zip(labels, C.tolist(), strict=True)
            ],
            "is_indicator": is_indicator,
        }
    if search is None:
        return {"C": float(C[0])}
    return {
        "C": float(C[0]),
        "Cs": list(search.Cs),
        "mean_scores": search.mean_scores[:, 0].tolist(),
        "rule": search.rule,
        "scoring": search.scoring,
    }


def possible_folds(targets: Targets, n_folds: int) -> int:
    """`n_folds`, or as many as the smallest class or the rows allow, with a warning that names the class."""
    if not share_c(targets):
        return min(n_folds, max(2, targets.n_apart))
    if n_folds < 2:
        raise UsageError(f"n_folds must be at least 2 (got {n_folds}).")
    label, size = min(targets.counts_apart().items(), key=lambda counted: counted[1])
    apart = "" if targets.stand_alone else ", those that belong together counted once"
    if size >= n_folds:
        return n_folds
    if size < 2:
        raise InputError(
            f"Searching C needs at least 2 texts of every class (class {shown(label)} has {size}{apart}).",
            hint="Add texts of that class, leave it out, or pass C to search nothing.",
        )
    warnings.warn(
        f"{size} folds instead of {n_folds}: class {shown(label)} has {size} texts{apart}.", UserWarning, stacklevel=4
    )
    return size


def refuse_held_out(answers: AnswerOptions, C: float) -> None:
    """Raise `UsageError` for answers that need rows held out, where C is given and none are."""
    if answers.rule.is_plain and answers.calibrate in {"auto", "none"}:
        return
    raise UsageError(
        "Calibration and thresholds are chosen on the rows that the search for C holds out "
        f"(C={C} was given, so there is none).",
        hint="Pass Cs=[C] to search the one value by folds.",
    )
