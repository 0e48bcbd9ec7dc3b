"""What rows, codes, folds and options must be, before anything is fitted.

In:   what a caller gave.
Out:  nothing, or one clear error.
Not:  reading files (data/); what the rows mean.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray
from frostline.errors import InputError, UsageError, shown
from frostline.head.linear import Label
from frostline.rows import Rows, are_equal, dense_part

SMALLEST_C, LARGEST_C = 1e-15, 1e15
_BLOCK = 4096  # rows looked at together


def check_rows(rows: Rows, codes: IntArray, labels: Sequence[Label]) -> None:
    """Raise unless rows (n_texts, n_features) are finite, not all equal, and of two labels or more, each present."""
    if len(rows.shape) != 2 or codes.shape != (len(rows),):
        raise UsageError(f"Rows and codes must agree (got rows of shape {rows.shape}, codes of shape {codes.shape}).")
    counts = np.bincount(codes, minlength=len(labels))
    present = np.flatnonzero(counts)
    if len(present) == 1:
        raise InputError(
            f"Fitting needs two labels (got {shown(labels[int(present[0])])} on all {len(rows)} rows).",
            hint="Look for the label column, or add rows of another label.",
        )
    if len(counts) != len(labels) or len(present) != len(labels):
        missing = [shown(label) for label, count in zip(labels, counts, strict=False) if not count]
        raise InputError(f"Each label must have a row (none of {', '.join(missing) or 'a code beyond the labels'}).")
    check_features(rows)


def check_features(rows: Rows) -> None:
    """Raise unless rows (n_texts, n_features) are finite and not all equal."""
    check_finite(dense_part(rows))
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


def training_of(codes: IntArray, folds: IntArray, labels: Sequence[Label]) -> BoolArray:
    """Which rows train in each fold, (n_texts, n_folds); raise unless each holds out rows and trains on every label."""
    if folds.shape != codes.shape or folds.min() < 0:
        raise UsageError(f"Each row must have one fold, counted from 0 (got {folds.shape} for {codes.shape} rows).")
    n_folds = int(folds.max()) + 1
    sizes = np.bincount(folds, minlength=n_folds)
    if n_folds < 2 or sizes.min() == 0:
        raise UsageError(f"There must be two folds or more, each holding out rows (got sizes {sizes.tolist()}).")
    training: BoolArray = folds[:, None] != np.arange(n_folds)
    for fold in range(n_folds):
        counts = np.bincount(codes[training[:, fold]], minlength=len(labels))
        if counts.min() == 0:
            label = labels[int(counts.argmin())]
            raise UsageError(
                f"Every label must have a row outside each fold (fold {fold + 1} holds all of {shown(label)}).",
                hint="Ask for fewer folds than the rarest label has rows, in stratified order.",
            )
    return training


def label_weights(
    class_weight: Mapping[Label, float] | str | None, codes: IntArray, labels: Sequence[Label], training: BoolArray
) -> Float64Array:
    """Each row's weight in each fold, (n_texts, n_folds), as scikit-learn's class_weight has it; 0 where held out."""
    n_labels = len(labels)
    if class_weight is None:
        return training.astype(np.float64)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise UsageError(f"class_weight must be 'balanced' or a weight for labels (got {shown(class_weight)}).")
        counts = np.stack([np.bincount(codes[column], minlength=n_labels) for column in training.T], axis=1)
        each = training.sum(axis=0) / (n_labels * counts)
        return np.asarray(each[codes] * training)
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        raise UsageError(
            f"class_weight must name labels that occur (got {shown(unknown[0])}).",
            hint=f"Labels: {', '.join(shown(label) for label in labels[:10])}.",
        )
    each = np.array([float(class_weight.get(label, 1.0)) for label in labels])
    if not (np.isfinite(each).all() and (each > 0).all()):
        raise UsageError(f"Class weights must be positive, finite numbers (got {dict(class_weight)}).")
    return np.asarray(each[codes][:, None] * training)
