"""The learning curve of a training, from what it has at hand.

In:   the rows learned from and those tested on, the fitted head, how it was searched and tested.
Out:  a `LearningCurve`.
Not:  measuring it (evaluate/curve_points.py).

The curve is that of the most probable label, whatever thresholds or calibration the saved head has: those would have
to be chosen anew on every subset, and of few rows they cannot be.
"""

import numpy as np

from frostline.arrays import Progress
from frostline.evaluate.baselines import Part
from frostline.evaluate.curve_points import Trial, Whole, learning_curve
from frostline.evaluate.learning_curve import LearningCurve
from frostline.evaluate.validation import NestedResult
from frostline.head.search import SearchOptions, SearchResult


def measured_curve(  # noqa: PLR0913 - what is learned from, what is tested, and how heads are made
    train: Part,
    asked: Part,
    *,
    search: SearchResult,
    nested: NestedResult | None,
    how: SearchOptions,
    progress: Progress | None = None,
) -> LearningCurve | None:
    """Measure on the test rows; with nested cross-validation out of its folds. None where rows are too few to halve.

    Parameters
    ----------
    train, asked : Part
    search : SearchResult
        Of the head that learned from all rows.
    nested : NestedResult or None
    how : SearchOptions
    progress : callable, optional
        Counts sizes.

    Raises
    ------
    ConvergenceError
        A regression did not converge.
    """
    plain = search.head
    fitted = float((plain.predict_proba(train.rows).argmax(axis=1) == train.codes).mean())
    if nested is None:
        trials = [Trial(np.arange(len(train.codes)), asked.rows, asked.codes)]
        whole = Whole(
            predicted=plain.predict_proba(asked.rows).argmax(axis=1), C=search.chosen_C, fitted_accuracy=fitted
        )
    else:
        held = [np.flatnonzero(nested.fold_of == fold) for fold in range(nested.n_outer)]
        trials = [
            Trial(np.flatnonzero(nested.fold_of != fold), train.rows[rows], train.codes[rows])
            for fold, rows in enumerate(held)
        ]
        whole = Whole(
            predicted=nested.uncalibrated[np.concatenate(held)].argmax(axis=1),
            C=float(np.exp(np.mean(np.log(nested.chosen_Cs)))),
            fitted_accuracy=fitted,
        )
    return learning_curve(
        train.rows,
        train.codes,
        n_labels=len(plain.labels),
        trials=trials,
        whole=whole,
        options=how,
        progress=progress,
    )
