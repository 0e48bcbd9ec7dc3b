"""Nested cross-validation: what a classifier of this kind scores, everything chosen anew for every fold.

A C chosen on all rows and then scored on some of them has seen them. Here the outer fold takes no part in the search
either, so the score is that of the whole procedure, search included. Rows tested in turn are no independent draws:
`allowing_for_heads` widens what is measured on them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from statistics import NormalDist
from typing import Any, TypeAlias, TypeVar, cast, final

import numpy as np

from frostline.arrays import Advance, BoolArray, IntArray, Probabilities, Rows
from frostline.data import split
from frostline.errors import InputError, shown
from frostline.evaluate.baselines import Lead
from frostline.evaluate.intervals import Estimate, Interval, Z, wilson
from frostline.evaluate.probabilities import CoverageCurve, ReliabilityBin
from frostline.evaluate.scores import Evaluation, evaluate
from frostline.head.fitted import PLAIN_ANSWERS, AnswerOptions, fit
from frostline.head.options import SearchOptions
from frostline.head.parts import PartName
from frostline.targets import Targets

Choice: TypeAlias = Callable[[BoolArray], tuple[str, Rows]]
"""Which rows may choose (n_texts,) in; the features that they choose, by name, and all rows of them, out.

No name where nothing is chosen, and only the words of the features are the rows' own.
"""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NestedResult:
    """The scores of the procedure."""

    # Every row, answered by the head of the outer fold that left it out; one fold after the other, as the baselines
    # are, so that both are drawn the same rows. Its intervals allow for what the folds' heads share.
    evaluation: Evaluation
    n_outer: int
    # length n_outer: What each inner search chose: if they are far apart, C matters little or the rows are few. Where
    # each label has a C of its own, their geometric mean.
    chosen_Cs: tuple[float, ...]  # noqa: N815 - C is its name everywhere
    fold_accuracies: tuple[float, ...]  # length n_outer: The share of its rows that get just the labels that they have
    n_fitted: int  # Rows that the smallest outer training part had
    fold_of: IntArray  # (n_texts,): The outer fold that left each row out
    probabilities: Probabilities  # (n_texts, n_labels): Of each row, by that fold's head, calibrated within the fold
    uncalibrated: Probabilities  # (n_texts, n_labels): The same without the calibration
    favoured: BoolArray  # (n_texts, n_labels): What that fold's own rule gives the row, sure or not
    answered: BoolArray  # (n_texts,): Whether that rule is sure enough
    # length n_outer, or empty: What each outer fold's rows chose; empty where the features were named.
    chosen_features: tuple[str, ...] = ()
    kept_parts: tuple[PartName, ...] = ()  # Likewise, of features and words where there are both

    @property
    def order(self) -> IntArray:
        """The rows of the first fold, then those of the second, and so on (n_texts,)."""
        return np.argsort(self.fold_of, kind="stable").astype(np.int64)


def nested_cross_validation(  # noqa: PLR0913 - two arrays, and what a caller of any cross-validation may set
    rows: Rows,
    targets: Targets,
    *,
    options: SearchOptions,
    answers: AnswerOptions = PLAIN_ANSWERS,
    choose: Choice | None = None,
    n_outer: int = 5,
    seed: int = 0,
    progress: Advance | None = None,
) -> NestedResult:
    """Search C within every outer fold, and evaluate all out-of-fold answers together.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features), or JoinedRows
    targets : Targets
        Where labels exclude each other, every label has at least three rows.
    options : SearchOptions
        For every inner search. Its number of folds is lowered to the rows that a label has left in an outer fold.
    answers : AnswerOptions
        Each outer fold calibrates and chooses its rule anew, by its own inner folds.
    choose : callable, optional
        Chooses the features of each outer fold by its own rows; `rows` then only say how many texts there are.
    n_outer : int, default 5
        At least 2. Lowered to the rows of the rarest label.
    seed : int
        Of the outer folds; `options.seed` is that of the inner ones.
    progress : callable, optional
        Counts outer folds.

    Raises
    ------
    InputError
        A label has fewer than three rows: one to test on, two to choose between values of C by.
    UsageError
        `n_outer` is less than 2.

    References
    ----------
    Varma, Simon (2006), Bias in error estimation when using cross-validation for model selection, BMC Bioinf. 7:91.
    Bates, Hastie, Tibshirani (2024), Cross-validation: what does it estimate, JASA 119: on the width of intervals.
    """
    _require_three(targets)
    fold_of = split.folds(targets, n_folds=split.possible_folds(n_outer, targets), seed=seed)
    n_folds = int(fold_of.max()) + 1
    shape = targets.members.shape
    given, plain = np.zeros(shape), np.zeros(shape)
    favoured, answered = np.zeros(shape, dtype=bool), np.zeros(len(targets), dtype=bool)
    chosen, features, accuracies = [], [], []
    kept: list[PartName] = []
    for fold in range(n_folds):
        held = fold_of == fold
        learned = targets.take(~held)
        name, fold_rows = ("", rows) if choose is None else choose(~held)
        inner = replace(options, n_folds=split.possible_folds(options.n_folds, learned))
        fitted = fit(fold_rows[~held], learned, search=inner, answers=answers, unmet="nearest")
        asked = fold_rows[held]
        plain[held] = fitted.search.head.predict_proba(asked)
        given[held] = fitted.head.predict_proba(asked)
        answer = fitted.head.answer(given[held])
        favoured[held], answered[held] = answer.favoured, answer.answered
        chosen.append(fitted.search.middle_C)
        features.append(name)
        kept += [] if fitted.parts is None else [fitted.parts.kept]
        accuracies.append(float((favoured[held] == targets.members[held]).all(axis=1).mean()))
        if progress is not None:
            progress(fold + 1, n_folds)
    order = np.argsort(fold_of, kind="stable")
    return NestedResult(
        evaluation=allowing_for_heads(evaluate(given[order], favoured[order], targets.take(order), seed=seed)),
        n_outer=n_folds,
        chosen_Cs=tuple(chosen),
        fold_accuracies=tuple(accuracies),
        n_fitted=len(targets) - int(np.bincount(fold_of).max()),
        fold_of=fold_of,
        probabilities=given,
        uncalibrated=plain,
        favoured=favoured,
        answered=answered,
        chosen_features=tuple(features) if any(features) else (),
        kept_parts=tuple(kept),
    )


HEADS_SHARE = 1 + 2 / math.pi
"""By how much rows tested in turn make a variance larger than that of as many independent rows."""

_TIMES = math.sqrt(HEADS_SHARE)

IN_TURN = ", tested in turn"
"""Added to the name of a method whose interval allows for that."""

_MOST = {"log_loss": math.inf, "brier": 2.0}  # of a figure, by its name; of all others 1

Measured = TypeVar("Measured")


def allowing_for_heads(measured: Measured) -> Measured:
    """The same figures of rows tested in turn, the 95 % intervals of `HEADS_SHARE` times fewer rows.

    Two rows of different folds each taught the head that answers the other. Where nothing can be learned the margin of
    a row is a sum over the N rows that its head learned from, so those of the two are correlated by 1 / N, and whether
    they are right by 2 / (pi N) (the arcsine law); each row has N such partners. Where much can be learned it is less.

    Parameters
    ----------
    measured : dataclass, or a tuple or mapping of them
        Estimates, leads, bins and curves in it are widened, however deep they lie.

    References
    ----------
    Bates, Hastie, Tibshirani (2024), as above. docs/decisions/0024: how often such intervals hold.
    """
    return cast("Measured", _widened(measured, ""))


def _widened(measured: Any, name: str) -> Any:
    if isinstance(measured, Mapping):
        return {key: _widened(value, key) for key, value in measured.items()}
    if isinstance(measured, tuple) and measured and is_dataclass(measured[0]):
        return tuple(_widened(one, name) for one in measured)
    if not is_dataclass(measured) or isinstance(measured, type):
        return measured
    changed = {part.name: _widened(getattr(measured, part.name), part.name) for part in fields(measured)}
    match measured:
        case Estimate(value, interval):
            changed["interval"] = _wider(value, interval, most=_MOST.get(name, 1.0))
            changed["method"] += IN_TURN
        case Lead():
            changed["interval"] = _wider(measured.value, measured.interval, least=-1.0)
            changed["p_value"] = _less_sure(measured.p_value)
        case ReliabilityBin():
            changed["interval"] = _wider(measured.share_right, measured.interval)
        case CoverageCurve():
            bands = zip(measured.precision, measured.low, measured.high, strict=True)
            limits = [_wider(share, (low, high)) for share, low, high in bands]
            changed["low"], changed["high"] = zip(*limits, strict=True)
    return replace(measured, **changed)


def _wider(value: float, interval: Interval, *, least: float = 0.0, most: float = 1.0) -> Interval:
    """Of a share between `least` and `most` that of as many fewer rows (Wilson); each end says how many it is of."""
    if math.isinf(most):
        return max(least, value - _TIMES * (value - interval[0])), value + _TIMES * (interval[1] - value)
    size = most - least
    share, *ends = ((one - least) / size for one in (value, *interval))
    low, high = (end if end in {share, 0.0, 1.0} else _as_of_fewer(share, end)[end > share] for end in ends)
    return least + size * low, least + size * high


def _as_of_fewer(share: float, end: float) -> Interval:
    n = Z * Z * end * (1 - end) / (share - end) ** 2 / HEADS_SHARE
    return wilson(share * n, n)


def _less_sure(p_value: float | None) -> float | None:
    """What the p-value would be, were its normal deviate smaller by as much as the interval is wider."""
    if not p_value:
        return p_value
    normal = NormalDist()
    return 2 * normal.cdf(normal.inv_cdf(p_value / 2) / _TIMES)


def _require_three(targets: Targets) -> None:
    label, fewest = min(targets.counts().items(), key=lambda counted: counted[1])
    if len(targets.groups()) == 1 and fewest < 3:
        raise InputError(
            f"Nested cross-validation needs three rows of every label (got {fewest} of {shown(label)}).",
            hint="Leave the label out, or add rows that have it.",
        )
