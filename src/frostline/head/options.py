"""What a search may be told, and what rows, targets, folds and options must be, before anything is fitted."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray, JoinedRows, Rows, are_equal, dense_part
from frostline.errors import InputError, UsageError, shown
from frostline.targets import Label, Targets

SMALLEST_C, LARGEST_C = 1e-15, 1e15
CONFIDENCE = 0.95
"""With which precision and recall are promised, unless another is named."""
MOST_SEARCHED = 600
"""Labels up to which logistic regressions are searched; of more a discriminant is solved (discriminant.py)."""


def in_closed_form(rows: Rows, targets: Targets) -> bool:
    """Whether the labels are so many that a discriminant is solved; words are searched by regressions all the same."""
    return len(targets.labels) > MOST_SEARCHED and not isinstance(rows, JoinedRows)


_BLOCK = 4096  # rows looked at together


def check_rows(rows: Rows, targets: Targets) -> None:
    """Raise unless rows (n_texts, n_features) are finite, not all equal, and labels that share a C each have a row."""
    if len(rows.shape) != 2 or len(targets) != len(rows):
        raise UsageError(
            f"Rows and targets must agree (got rows of shape {rows.shape}, targets of {len(targets)} texts)."
        )
    if share_c(targets):
        _check_labels(targets)
    check_features(rows)


def _check_labels(targets: Targets) -> None:
    """Raise unless labels that exclude each other are two or more, each present."""
    counts = targets.counts()
    present = [label for label, count in counts.items() if count]
    if len(present) == 1:
        raise InputError(
            f"Fitting needs two labels (got {shown(present[0])} on all {len(targets)} rows).",
            hint="Look for the label column, or add rows of another label.",
        )
    missing = [shown(label) for label, count in counts.items() if not count]
    if missing:
        raise InputError(f"Each label must have a row (none of {', '.join(missing)}).")


def check_features(rows: Rows) -> None:
    """Raise unless rows (n_texts, n_features) are finite and not all equal."""
    check_finite(dense_part(rows))
    if len(rows) < 2:
        raise InputError(
            f"There must be two rows or more to learn from (got {len(rows)}).", hint="Add rows, or hold out fewer."
        )
    if are_equal(rows):
        raise InputError(
            f"Rows of features must differ (all {len(rows)} are equal: no text can be told from another).",
            hint="Look whether the texts differ, and whether the encoder's weights are right.",
        )


def check_finite(rows: Features | Float64Array) -> None:
    """Raise unless rows (n_texts, n_features) are finite."""
    for start in range(0, len(rows), _BLOCK):
        finite = np.isfinite(rows[start : start + _BLOCK]).all(axis=1)
        if not finite.all():
            row = start + int(np.flatnonzero(~finite)[0])
            raise InputError(
                f"Features must be finite numbers (row {row}, counted from 0, holds NaN or infinity).",
                hint="The encoder failed on that text; look at it.",
            )


def check_grid(Cs: Sequence[float]) -> None:
    """Raise unless there are values of C, each positive and finite."""
    if not len(Cs):
        raise UsageError("The grid must hold at least one C (got none).")
    for C in Cs:
        if not (np.isfinite(C) and C > 0):
            raise UsageError(f"C must be a positive, finite number (got {C!r}).")
        if not SMALLEST_C <= C <= LARGEST_C:
            raise UsageError(
                f"C must be from {SMALLEST_C:g} to {LARGEST_C:g} (got {C:g}).",
                hint="Long before either end the coefficients are nothing but the penalty, or know none.",
            )


def training_of(folds: IntArray, n_texts: int) -> BoolArray:
    """Which rows train in each fold, (n_texts, n_folds), and a last column of all; raise unless each holds out rows."""
    if folds.shape != (n_texts,) or folds.min() < 0:
        raise UsageError(f"Each row must have one fold, counted from 0 (got {folds.shape} for ({n_texts},) rows).")
    n_folds = int(folds.max()) + 1
    sizes = np.bincount(folds, minlength=n_folds)
    if n_folds < 2 or sizes.min() == 0:
        raise UsageError(f"There must be two folds or more, each holding out rows (got sizes {sizes.tolist()}).")
    training: BoolArray = folds[:, None] != np.arange(n_folds + 1)
    return training


def learnable(targets: Targets, training: BoolArray) -> BoolArray:
    """Labels (n_labels,) that every fold can learn: rows with and rows without it train there.

    With folds (the last column of `training` is all rows) two rows with and two without are needed; without them one.
    """
    n_with = np.stack([targets.members[fold].sum(axis=0) for fold in training.T])
    n_without = training.sum(axis=0)[:, None] - n_with
    fewest = np.minimum(n_with, n_without)
    learned: BoolArray = (fewest.min(axis=0) > 0) & (fewest[-1] >= min(2, training.shape[1]))
    if not share_c(targets):
        if not learned.any():
            raise _nothing_to_learn(targets)
        return learned
    if not n_with.min():
        fold, label = (int(place) for place in np.argwhere(n_with == 0)[0])
        raise UsageError(
            f"Every label must have a row outside each fold (fold {fold + 1} holds all of "
            f"{shown(targets.labels[label])}).",
            hint="Ask for fewer folds than the rarest label has rows, in stratified order.",
        )
    return np.ones(len(targets.labels), dtype=bool)


def _nothing_to_learn(targets: Targets) -> InputError:
    if not targets.members.any():
        return InputError(
            f"No text has a label (all {len(targets):,} rows have none).", hint="Look for the label column."
        )
    return InputError(
        f"Some label must be on two texts or more and missing from two or more (none of {len(targets.labels)} is, "
        f"among {len(targets):,} rows).",
        hint="Add rows.",
    )


ClassWeight: TypeAlias = Mapping[Label, float] | str | None
"""As in scikit-learn; where labels do not exclude each other: what a row weighs that has the label, or `balanced`."""


def check_class_weight(class_weight: ClassWeight, labels: Sequence[Label]) -> None:
    """Raise unless it is `balanced`, or positive weights of labels that there are, or None."""
    if class_weight is None or class_weight == "balanced":
        return
    if isinstance(class_weight, str):
        raise UsageError(f"class_weight must be 'balanced' or a weight for labels (got {shown(class_weight)}).")
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        raise UsageError(
            f"class_weight must name labels that occur (got {shown(unknown[0])}).",
            hint=f"Labels: {', '.join(shown(label) for label in labels[:10])}.",
        )
    each = np.array([float(weight) for weight in class_weight.values()])
    if not (np.isfinite(each).all() and (each > 0).all()):
        raise UsageError(f"Class weights must be positive, finite numbers (got {dict(class_weight)}).")


def row_weights(class_weight: ClassWeight, targets: Targets, columns: IntArray, training: BoolArray) -> Float64Array:
    """Each row's weight in each fold, 0 where held out, as scikit-learn's class_weight and sample_weight have it.

    (n_texts, n_folds) for labels that share a C, and without class weights; else for each label apart, as a problem of
    rows with it and rows without it: (n_texts, n_folds, n_columns).
    """
    counted: Float64Array = np.asarray(training * (1.0 if targets.weights is None else targets.weights[:, None]))
    if class_weight is None:
        return counted
    codes = group_codes(targets, columns)
    if codes.ndim == 1:
        each: Mapping[int, float] | str = (
            class_weight
            if isinstance(class_weight, str)
            else {place: float(class_weight.get(label, 1.0)) for place, label in enumerate(targets.labels)}
        )
        return _weights(each, codes, counted, n_classes=len(columns))
    apart = [
        class_weight if isinstance(class_weight, str) else {1: float(class_weight.get(targets.labels[column], 1.0))}
        for column in columns.tolist()
    ]
    return np.stack([_weights(own, codes[:, place], counted, n_classes=2) for place, own in enumerate(apart)], axis=2)


def share_c(targets: Targets) -> bool:
    """Whether the labels are one group, the classes of one regression; else each is a regression by itself."""
    return any(len(columns) > 1 for columns in targets.groups())


def group_codes(targets: Targets, columns: IntArray) -> IntArray:
    """The class (n_texts,) of each row of labels that share a C; else for each column 1 with the label, 0 without."""
    return targets.codes if share_c(targets) else targets.members[:, columns].astype(np.int64)


def _weights(
    each: Mapping[int, float] | str, codes: IntArray, training: Float64Array, *, n_classes: int
) -> Float64Array:
    if isinstance(each, str):
        counts = np.stack([np.bincount(codes, weights=own, minlength=n_classes) for own in training.T], axis=1)
        balanced = training.sum(axis=0) / (n_classes * counts)
        return np.asarray(balanced[codes] * training)
    given = np.array([each.get(code, 1.0) for code in range(n_classes)])
    return np.asarray(given[codes][:, None] * training)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How C is searched."""

    # The grid, in any order; every C in it is searched. None is `default_grid()`, or `word_grid()` for words alone,
    # climbed from the smallest C until the scores have fallen for good, or the folds only overfit (path.py): the rest
    # would cost most.
    Cs: tuple[float, ...] | None = None
    n_folds: int = 5  # Used where no folds are given
    # The name of a scorer of scikit-learn: accuracy (None), f1_macro, neg_log_loss, roc_auc, ... Where a text may have
    # several labels: neg_log_loss (None), average_precision or f1_macro of each label; or f1_micro of all of them,
    # which then share a C.
    scoring: str | None = None
    # As in scikit-learn; 'balanced' counts each fold's training rows. Where a text may have several labels, a weight is
    # of the rows that have the label, and 'balanced' makes those that have it weigh as much as those that don't.
    class_weight: ClassWeight = None
    one_standard_error: bool = False  # Choose the smallest C whose mean score is within one standard error of the best
    # Of features with words beside them: keep the features alone, the words alone, or both, by the folds (parts.py).
    choose_parts: bool = False
    # As a Pipeline of StandardScaler and LogisticRegression would: on each fold's training rows.
    standardise: bool = True
    seed: int = 0  # Of the folds, where none are given
    threads: int | None = None  # None is two, or one where the machine has no more
    # Of the folds' gradients, relative to those at zero coefficients. None is 1e-6, or 1e-5 for the default grid, where
    # all that counts is which C is best: there those that tie for it are solved to 1e-6. The head itself is always
    # solved to that, and until its coefficients stand still.
    tolerance: float | None = None


def default_grid() -> tuple[float, ...]:
    """Thirteen values of C, two to a decade, for standardised features: 1e-5 to 10."""
    return tuple(float(C) for C in np.logspace(-5, 1, 13))


def discriminant_grid() -> tuple[float, ...]:
    """Five values of C, two to a decade, for discriminants: 3e-5 to 3e-3; larger ones trust few rows too far."""
    return tuple(float(C) for C in np.logspace(-4.5, -2.5, 5))


def word_grid() -> tuple[float, ...]:
    """Four values of C for words alone, whose rows have the length 30: over rows of length 1 they are 1 to 30.

    SST-2, TREC and CR chose 10 to 30 there.
    """
    return tuple(C / 900 for C in (1.0, 3.0, 10.0, 30.0))


def tutorial_grid() -> tuple[float, ...]:
    """The tutorial's twenty values: np.linspace(0.0001, 100, 20)."""
    return tuple(float(C) for C in np.linspace(0.0001, 100, 20))


CHANGED = 0.005
UPPER = 0.01


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeOptions:
    """How much a cascade may change.

    Parameters
    ----------
    changed : float, default=0.005
        The share of all texts, out of fold, whose answer may be another than the full head's.
    upper : float, default=0.01
        Below which the upper end of that share's 95 % interval must lie.
    """

    changed: float = CHANGED
    upper: float = UPPER

    def __post_init__(self) -> None:
        given: tuple[tuple[str, object], ...] = (("may change", self.changed), ("must surely be below", self.upper))
        for what, share in given:
            number = share if isinstance(share, int | float | np.floating) and not isinstance(share, bool) else math.nan
            if not 0 <= number < 1:
                raise UsageError(
                    f"The share of answers that a cascade {what} must be from 0 to below 1 (got {share!r}).",
                    hint=f"A share is meant: did you mean {number / 100:g}?" if 1 <= number < 100 else "",
                )
        if not self.changed < self.upper:
            raise UsageError(
                f"The share of answers that a cascade may change must be below the upper end that is promised (got "
                f"{self.changed:g} and {self.upper:g})."
            )
