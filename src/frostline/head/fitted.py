"""From the parameters of the estimator to a head that is ready to answer.

In:   features with one label each, or with any number of them; `HeadChoices`.
Out:  a `FittedHead`.
Not:  texts and encoders (classifier.py); the search, calibration and rules themselves (search.py, finishing.py).
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray
from frostline.errors import InputError, UsageError, shown
from frostline.head.deciding import RuleFit, RuleOptions, parsed_wish
from frostline.head.finishing import AnswerOptions, finish, folds_of
from frostline.head.fitting import Calibrate, CalibrationFit
from frostline.head.fitting_each import finish_each
from frostline.head.linear import Label, LinearHead
from frostline.head.multi_label import EachSearch, fit_each, search_each
from frostline.head.search import SearchOptions, SearchResult, fit_head, search_C
from frostline.rows import Rows


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HeadChoices:
    """The estimator's parameters that are about its head: as `SentenceClassifier` has them."""

    C: float | None
    Cs: Sequence[float] | None
    n_folds: int
    scoring: str
    class_weight: Mapping[Any, float] | str | None
    one_standard_error: bool
    standardise: bool
    random_state: int
    calibrate: Calibrate
    abstain_precision: float | None
    threshold_for: str | None
    threshold_label: Any
    thresholds: Literal["f1"] | None

    def search(self, n_folds: int) -> SearchOptions:
        """How C is searched, over as many folds as there can be."""
        return SearchOptions(
            Cs=None if self.Cs is None else tuple(float(C) for C in self.Cs),
            n_folds=n_folds,
            scoring=self.scoring,
            class_weight=self.class_weight,
            one_standard_error=self.one_standard_error,
            standardise=self.standardise,
            seed=self.random_state,
        )

    def answers(self) -> AnswerOptions:
        """How decisions become probabilities, and probabilities answers."""
        return AnswerOptions(
            calibrate=self.calibrate,
            rule=RuleOptions(
                abstain_precision=self.abstain_precision,
                threshold_for=None if self.threshold_for is None else parsed_wish(self.threshold_for),
                threshold_label=self.threshold_label,
                thresholds=self.thresholds,
            ),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedHead:
    """A head, and how it came to be.

    Parameters
    ----------
    head : LinearHead
    C : float, or ndarray of shape (n_labels,)
        As chosen or given; one for each label where a text may have several and C was searched.
    search : SearchResult, EachSearch or None
        None where C was given.
    calibration : CalibrationFit or None
    rule : RuleFit or None
    """

    head: LinearHead
    C: float | Float64Array
    search: SearchResult | EachSearch | None = None
    calibration: CalibrationFit | None = None
    rule: RuleFit | None = None


def fit_one_label(rows: Rows, codes: IntArray, *, labels: Sequence[Label], choices: HeadChoices) -> FittedHead:
    """A head for one label per text.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    codes : ndarray of shape (n_texts,), dtype=int64
    labels : sequence of n_labels str, int or bool
    choices : HeadChoices

    Raises
    ------
    InputError, UsageError, ConvergenceError
        As `search_C`, `fit_calibration` and `fit_rule`.
    """
    answers = choices.answers()
    if choices.C is not None:
        if not answers.rule.is_plain or choices.calibrate not in {"auto", "none"}:
            raise _nothing_held_out(choices.C)
        C = float(choices.C)
        head = fit_head(
            rows, codes, labels=labels, C=C, class_weight=choices.class_weight, standardise=choices.standardise
        )
        return FittedHead(head=head, C=C)
    options = choices.search(_possible_folds(codes, labels, choices.n_folds))
    folds = folds_of(codes, options)
    search = search_C(rows, codes, labels=labels, options=options, folds=folds)
    finished = finish(search, codes, folds=folds, search_options=options, options=answers)
    return FittedHead(
        head=finished.head,
        C=search.chosen_C,
        search=search,
        calibration=finished.calibration,
        rule=finished.rule,
    )


def fit_several_labels(rows: Rows, members: BoolArray, *, labels: Sequence[Label], choices: HeadChoices) -> FittedHead:
    """A head for any number of labels per text.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    members : ndarray of shape (n_texts, n_labels), dtype=bool
    labels : sequence of n_labels str, int or bool
    choices : HeadChoices

    Raises
    ------
    InputError, UsageError, ConvergenceError
        As `search_each`; class weights, wished-for thresholds and abstaining are refused (`refuse_for_several`).
    """
    if choices.C is not None:
        if choices.calibrate not in {"auto", "none"}:
            raise _nothing_held_out(choices.C)
        C = float(choices.C)
        return FittedHead(head=fit_each(rows, members, labels=labels, C=C, standardise=choices.standardise), C=C)
    search = search_each(
        rows, members, labels=labels, options=choices.search(min(choices.n_folds, max(2, len(members))))
    )
    finished = finish_each(search, members, calibrate=choices.calibrate)
    return FittedHead(head=finished.head, C=search.chosen_Cs, search=search, calibration=finished.calibration)


def refuse_for_several(choices: HeadChoices) -> None:
    """Raise `UsageError` for choices that have no meaning where a text may have several labels."""
    wishes = (
        choices.abstain_precision,
        choices.threshold_for,
        choices.threshold_label,
        choices.thresholds,
        choices.class_weight,
    )
    if any(wish is not None for wish in wishes):
        raise UsageError(
            "Class weights, wished-for thresholds and abstaining are for one label per text.",
            hint="Leave them out: where a text may have several, each label gets its own threshold anyway.",
        )


def chosen_document(
    head: LinearHead, *, C: float | Float64Array, search: SearchResult | EachSearch | None, is_indicator: bool
) -> dict[str, Any]:
    """How C came to be, as JSON values: one for each label where a text may have several.

    Parameters
    ----------
    is_indicator : bool
        Whether several labels came as a 0/1 matrix.
    """
    if head.link == "logistic":
        each = np.broadcast_to(C, len(head.labels)).tolist()
        return {
            "per_label": [
                {"label": label, "C": None if np.isnan(own) else own}
                for label, own in zip(head.labels, each, strict=True)
            ],
            "is_indicator": is_indicator,
        }
    if not isinstance(search, SearchResult):
        return {"C": C}
    return {
        "C": C,
        "Cs": list(search.Cs),
        "mean_scores": search.fold_scores.mean(axis=1).tolist(),
        "rule": search.rule,
        "scoring": search.scoring,
    }


def _possible_folds(codes: IntArray, labels: Sequence[Label], n_folds: int) -> int:
    """`n_folds`, or as many as the smallest class allows, with a warning that names it."""
    if n_folds < 2:
        raise UsageError(f"n_folds must be at least 2 (got {n_folds}).")
    sizes = np.bincount(codes, minlength=len(labels))
    smallest = int(sizes.argmin())
    if sizes[smallest] >= n_folds:
        return n_folds
    if sizes[smallest] < 2:
        raise InputError(
            "Searching C needs at least 2 texts of every class "
            f"(class {shown(labels[smallest])} has {sizes[smallest]}).",
            hint="Add texts of that class, leave it out, or pass C to search nothing.",
        )
    warnings.warn(
        f"{sizes[smallest]} folds instead of {n_folds}: class {shown(labels[smallest])} has {sizes[smallest]} texts.",
        UserWarning,
        stacklevel=4,
    )
    return int(sizes[smallest])


def _nothing_held_out(C: float) -> UsageError:
    return UsageError(
        "Calibration and thresholds are chosen on the rows that the search for C holds out "
        f"(C={C} was given, so there is none).",
        hint="Pass Cs=[C] to search the one value by folds.",
    )
