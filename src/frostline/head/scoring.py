"""What a set of decisions is worth: three scores computed here, any other by scikit-learn's scorer of that name.

In:   true codes and decisions of held-out rows.
Out:  one number; greater is better.
Not:  intervals and tables for a report (evaluate/).
"""

import difflib
import warnings
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.errors import UsageError, shown
from frostline.head.linear import probabilities, winners

Score: TypeAlias = Callable[[IntArray, Float64Array], float]
"""True codes (n_texts,) and decisions (n_texts, n_coef_rows) in, the score out."""


def score_named(name: str, n_labels: int) -> Score:
    """The score that scikit-learn's scorer `name` computes.

    Raises
    ------
    UsageError
        There is no such scorer (near names are given), or it does not fit the labels.
    """
    own: dict[str, Score] = {"accuracy": _accuracy, "f1_macro": _macro_f1, "neg_log_loss": _negative_log_loss}
    return own[name] if name in own else _foreign(name, n_labels)


def _accuracy(codes: IntArray, decisions: Float64Array) -> float:
    return float((winners(decisions) == codes).mean())


def _macro_f1(codes: IntArray, decisions: Float64Array) -> float:
    predicted = winners(decisions)
    n_labels = max(2, decisions.shape[1])
    hits = np.bincount(codes[predicted == codes], minlength=n_labels)
    occurring = np.bincount(codes, minlength=n_labels) + np.bincount(predicted, minlength=n_labels)
    present = occurring > 0
    return float((2 * hits[present] / occurring[present]).mean())


def _negative_log_loss(codes: IntArray, decisions: Float64Array) -> float:
    own = probabilities(decisions)[np.arange(len(codes)), codes]
    return float(np.log(np.maximum(own, np.finfo(np.float64).eps)).mean())


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

    def score(codes: IntArray, decisions: Float64Array) -> float:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)  # a label that no row was given: its score is 0
                value = float(scorer(Decided(), decisions, codes))
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"The scoring {shown(name)} does not fit {n_labels} labels: {error}",
                hint="Choose f1_macro, roc_auc_ovr or another that does.",
            ) from error
        if not np.isfinite(value):
            raise UsageError(
                f"The scoring {shown(name)} must give a finite score (got {value} on a fold of {len(codes)} rows).",
                hint="Choose accuracy, f1_macro or neg_log_loss.",
            )
        return value

    return score
