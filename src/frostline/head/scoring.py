"""What C is chosen by: what held-out decisions are worth, greater being better.

Labels that exclude each other are scored together, by a score computed here or by scikit-learn's scorer of that name.
Otherwise each label is scored as a problem of two classes, with it and without it.
"""

import difflib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray
from frostline.errors import UsageError, shown
from frostline.head.linear import probabilities, winners
from frostline.targets import Targets

Score: TypeAlias = Callable[[IntArray, Float64Array, Float64Array | None], float]
"""True codes (n_texts,), decisions (n_texts, n_coef_rows) and weights (n_texts,), if any, in; the score out."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What C is chosen by."""

    name: str  # Of the score
    rule: str  # The choice in words
    score: Score  # Of one group of labels
    is_shared: bool  # Whether all labels have one C
    # Whether it is chosen by the micro F1 of all labels' decisions together, whatever `score` says of each.
    is_pooled: bool = False


def criterion_of(scoring: str | None, targets: Targets, *, one_standard_error: bool) -> Criterion:
    """What `SearchOptions.scoring` means for these targets.

    Raises `UsageError`: there is no such score, or not for these targets.
    """
    if targets.exclusive:
        rule = "one standard error" if one_standard_error else "best mean score"
        name = scoring or "accuracy"
        return Criterion(name=name, rule=rule, score=score_named(name, len(targets.labels)), is_shared=True)
    name = scoring or "neg_log_loss"
    if name not in _EACH:
        raise UsageError(
            "Where a text may have several labels, C is chosen by neg_log_loss, average_precision or f1_macro of each "
            f"label, or by f1_micro of all together (got {shown(scoring)}).",
            hint="Leave the scoring out for neg_log_loss.",
        )
    words, score = _EACH[name]
    is_pooled = name == "f1_micro"
    whose = "all labels" if is_pooled else "each label"
    return Criterion(
        name=name,
        rule=f"one standard error, {whose}" if one_standard_error else f"best {words} of {whose}",
        score=score,
        is_shared=is_pooled,
        is_pooled=is_pooled,
    )


def score_of(criterion: Criterion, targets: Targets, decisions: Float64Array, learned: BoolArray) -> float:
    """What decisions (n_texts, n_coef_rows) are worth; where each label is apart, the mean of those learned."""
    if criterion.is_pooled:
        return micro_f1(targets.members, decisions, targets.weights)
    if criterion.is_shared:
        return criterion.score(targets.codes, decisions, targets.weights)
    columns = np.flatnonzero(learned)
    codes = targets.members.astype(np.int64)
    each = [criterion.score(codes[:, column], decisions[:, [column]], targets.weights) for column in columns]
    return float(np.mean(each))


def micro_f1(members: BoolArray, decisions: Float64Array, weights: Float64Array | None = None) -> float:
    """The F1 of all decisions (n_texts, n_labels) together, a label being given from a decision of 0 on."""
    given = decisions >= 0
    if weights is not None:
        occurring = float((weights @ given).sum() + (weights @ members).sum())
        return 2 * float((weights @ (given & members)).sum()) / occurring if occurring else 0.0
    return 2 * float((given & members).sum()) / max(1, int(given.sum() + members.sum()))


def favoured_by(decisions: Float64Array, targets: Targets) -> BoolArray:
    """The labels (n_texts, n_labels) that decisions favour: the most probable one, or each from a decision of 0 on."""
    if len(targets.groups()) > 1:
        return decisions >= 0
    favoured: BoolArray = winners(decisions)[:, None] == np.arange(len(targets.labels))
    return favoured


def score_named(name: str, n_labels: int) -> Score:
    """The score that scikit-learn's scorer `name` computes."""
    own: dict[str, Score] = {"accuracy": _accuracy, "f1_macro": _macro_f1, "neg_log_loss": _negative_log_loss}
    return own[name] if name in own else _foreign(name, n_labels)


def _accuracy(codes: IntArray, decisions: Float64Array, weights: Float64Array | None) -> float:
    return float(np.average(winners(decisions) == codes, weights=weights))


def _macro_f1(codes: IntArray, decisions: Float64Array, weights: Float64Array | None) -> float:
    return macro_f1_of(winners(decisions), codes, max(2, decisions.shape[1]), weights)


def macro_f1_of(predicted: IntArray, codes: IntArray, n_labels: int, weights: Float64Array | None = None) -> float:
    """The mean F1 of the labels that are true or predicted of a row; a code below 0 is no label."""

    def counted(codes: IntArray, rows: BoolArray) -> Float64Array | IntArray:
        return np.bincount(codes[rows], None if weights is None else weights[rows], minlength=n_labels)

    hits = counted(codes, predicted == codes)
    occurring = counted(codes, codes >= 0) + counted(predicted, predicted >= 0)
    present = occurring > 0
    return float((2 * hits[present] / occurring[present]).mean())


def _negative_log_loss(codes: IntArray, decisions: Float64Array, weights: Float64Array | None) -> float:
    own = probabilities(decisions)[np.arange(len(codes)), codes]
    return float(np.average(np.log(np.maximum(own, np.finfo(np.float64).eps)), weights=weights))


def _label_f1(codes: IntArray, decisions: Float64Array, weights: Float64Array | None) -> float:
    return micro_f1(codes[:, None] == 1, decisions, weights)


def _average_precision(codes: IntArray, decisions: Float64Array, weights: Float64Array | None) -> float:
    """As scikit-learn's; 0 where no row has the label."""
    order = np.argsort(-decisions[:, 0], kind="stable")
    each = np.ones(len(codes)) if weights is None else weights[order]
    falling, hits, taken = decisions[order, 0], np.cumsum(each * codes[order]), np.cumsum(each)
    ends = np.append(np.flatnonzero(falling[1:] < falling[:-1]), len(falling) - 1)  # equals go together
    gains = np.diff(hits[ends], prepend=0)
    return float((gains * hits[ends] / taken[ends]).sum()) / float(hits[-1] or 1)


_EACH: dict[str, tuple[str, Score]] = {
    "neg_log_loss": ("log loss", _negative_log_loss),
    "average_precision": ("average precision", _average_precision),
    "f1_macro": ("F1", _label_f1),
    "f1_micro": ("micro F1", _label_f1),
}


def _foreign(name: str, n_labels: int) -> Score:
    from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: PLC0415 - 0.8 s
    from sklearn.exceptions import UndefinedMetricWarning  # noqa: PLC0415 - 0.8 s
    from sklearn.metrics import get_scorer, get_scorer_names  # noqa: PLC0415 - 0.8 s

    if name not in get_scorer_names():
        near = difflib.get_close_matches(name, get_scorer_names(), n=3)
        raise UsageError(
            f"The scoring must be the name of a scorer of scikit-learn (got {shown(name)}).",
            hint=f"Near: {', '.join(near)}." if near else "accuracy, f1_macro and neg_log_loss are among them.",
        )
    scorer = get_scorer(name)

    class Decided(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn is untyped
        """A classifier whose features are decisions already."""

        def __init__(self) -> None:
            self.classes_ = np.arange(n_labels)

        def fit(self, _rows: Float64Array, _codes: IntArray) -> "Decided":
            return self

        def decision_function(self, rows: Float64Array) -> Float64Array:
            return rows[:, 0] if rows.shape[1] == 1 else rows

        def predict_proba(self, rows: Float64Array) -> Float64Array:
            return probabilities(rows)

        def predict(self, rows: Float64Array) -> IntArray:
            return winners(rows)

    def score(codes: IntArray, decisions: Float64Array, weights: Float64Array | None) -> float:
        weighed = {} if weights is None else {"sample_weight": weights}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)  # a label that no row was given: its score is 0
                value = float(scorer(Decided(), decisions, codes, **weighed))
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"The scoring {shown(name)} does not fit {n_labels} labels"
                f"{'' if weights is None else ' of texts that have weights'}: {error}",
                hint="Choose f1_macro, roc_auc_ovr or another that does.",
            ) from error
        if not np.isfinite(value):
            raise UsageError(
                f"The scoring {shown(name)} must give a finite score (got {value} on a fold of {len(codes)} rows).",
                hint="Choose accuracy, f1_macro or neg_log_loss.",
            )
        return value

    return score
