"""How good predictions are where a text may have several labels, each figure with its n and interval.

In:   probabilities and answers (n_texts, n_labels), which labels each text has.
Out:  a `MultiEvaluation`.
Not:  one label per text (metrics.py); the resampling (resampling.py); what others score (multi_baselines.py).

Which interval and why: docs/decisions/0012-several-labels.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, Probabilities
from frostline.errors import InputError
from frostline.evaluate.calibration import Reliability, reliability
from frostline.evaluate.intervals import SMALLEST_PROBABILITY, f1_interval, mean_interval, wilson
from frostline.evaluate.metrics import Estimate, LabelScore
from frostline.evaluate.resampling import FEWEST_TEXTS, Resampled, average_precisions, resampled
from frostline.head.linear import Label

LEAST_CLAIMED = 0.05
"""Probability from which on a label's probabilities are held to what came true."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MultiEvaluation:
    """Everything measured on one set of test rows whose texts may have several labels.

    Parameters
    ----------
    labels : tuple of n_labels str, int or bool
        In column order.
    n : int
        Test rows.
    n_given, n_true : int
        Labels that the classifier gave, and that the rows have, all rows together.
    micro_f1 : Estimate
        Of all decisions together, rows times labels: a common label counts for more than a rare one.
    macro_f1 : Estimate
        The mean over the labels that occur in the test rows or among the answers.
    samples_f1 : Estimate
        The mean over the rows; 1 for a row without labels that is given none.
    subset_accuracy : Estimate
        Rows whose set of labels is met exactly.
    hamming_loss : Estimate
        The share of decisions that are wrong.
    mean_average_precision : Estimate or None
        Of the rankings by probability, the mean over the labels that occur; None if none does. No threshold is in it.
    log_loss : Estimate
        In nats, the mean over decisions.
    reliability : Reliability or None
        Of the probabilities from 5 % on, all labels together: below lie nearly all, and nearly all of them are right.
        None where there is none.
    per_label : tuple of n_labels LabelScore
    average_precisions : ndarray of shape (n_labels,), dtype=float64
        NaN for a label that no test row has.
    """

    labels: tuple[Label, ...]
    n: int
    n_given: int
    n_true: int
    micro_f1: Estimate
    macro_f1: Estimate
    samples_f1: Estimate
    subset_accuracy: Estimate
    hamming_loss: Estimate
    mean_average_precision: Estimate | None
    log_loss: Estimate
    reliability: Reliability | None
    per_label: tuple[LabelScore, ...]
    average_precisions: Float64Array


def evaluate_multi(
    probabilities: Probabilities, given: BoolArray, members: BoolArray, *, labels: Sequence[Label], seed: int = 0
) -> MultiEvaluation:
    """Everything measured on the test rows.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
    given : ndarray of shape (n_texts, n_labels), dtype=bool
        The classifier's answers.
    members : ndarray of shape (n_texts, n_labels), dtype=bool
        The truth.
    labels : sequence of n_labels str, int or bool
    seed : int
        Of the resampling.

    Raises
    ------
    InputError
        No rows, shapes that do not fit, or probabilities that are not finite.
    """
    check_multi(probabilities, given, members, n_labels=len(labels))
    n = len(members)
    found = resampled(given, members, probabilities, seed=seed)
    per_label = tuple(_label_score(given[:, column], members[:, column], name) for column, name in enumerate(labels))
    exact = int((given == members).all(axis=1).sum())
    wrong = (given != members).mean(axis=1)
    hits = (given & members).sum(axis=1)
    sizes = given.sum(axis=1) + members.sum(axis=1)
    of_rows = np.where(sizes == 0, 1.0, 2 * hits / np.maximum(sizes, 1))
    losses = -np.log(np.clip(np.where(members, probabilities, 1 - probabilities), SMALLEST_PROBABILITY, 1)).mean(axis=1)
    ranked = average_precisions(probabilities, members)
    return MultiEvaluation(
        labels=tuple(labels),
        n=n,
        n_given=int(given.sum()),
        n_true=int(members.sum()),
        micro_f1=micro_f1(given, members, found),
        macro_f1=macro_f1(per_label, found, n),
        samples_f1=Estimate(float(of_rows.mean()), _share_interval(of_rows), n, "t, skewness removed (Hall)"),
        subset_accuracy=Estimate(exact / n, wilson(exact, n), n, "Wilson"),
        hamming_loss=Estimate(float(wrong.mean()), _share_interval(wrong), n, "t, skewness removed (Hall)"),
        mean_average_precision=_mean_average_precision(ranked, found, n),
        log_loss=Estimate(float(losses.mean()), mean_interval(losses), n, "t, skewness removed (Hall)"),
        reliability=reliability_of(probabilities, members),
        per_label=per_label,
        average_precisions=ranked,
    )


def reliability_of(probabilities: Probabilities, members: BoolArray) -> Reliability | None:
    """Of the probabilities (n_texts, n_labels) from `LEAST_CLAIMED` on, all labels together; None if there is none."""
    claimed = probabilities >= LEAST_CLAIMED
    return reliability(probabilities[claimed], members[claimed]) if claimed.any() else None


def micro_f1(given: BoolArray, members: BoolArray, found: Resampled) -> Estimate:
    """F1 of all decisions together; the interval is never narrower than were all of them independent."""
    hits, sizes = int((given & members).sum()), int(given.sum()) + int(members.sum())
    value = 2 * hits / sizes if sizes else 1.0
    limits = found.interval(found.micro_f1, value)
    if sizes:
        low, high = f1_interval(hits, sizes - hits)
        limits = min(low, limits[0]), max(high, limits[1])
    return Estimate(value, limits, len(members), f"bootstrap over rows, {found.n_draws} draws, and Wilson, transformed")


def macro_f1(per_label: Sequence[LabelScore], found: Resampled, n: int) -> Estimate:
    """The mean F1: each label's own limits, put together by the correlations that the resampling shows (MOVER).

    A label of few texts has a wide interval of its own where resampling would never leave what was seen.
    """
    places = [column for column, score in enumerate(per_label) if score.f1 is not None]
    scores = [score.f1 for score in per_label if score.f1 is not None]
    if not scores:
        return Estimate(1.0, (0.0, 1.0), n, "no label occurs")
    values = np.array([score.value for score in scores])
    limits = np.array([score.interval for score in scores])
    related = found.correlations(places)
    below, above = values - limits[:, 0], limits[:, 1] - values
    mean = float(values.mean())
    low = mean - np.sqrt(max(0.0, below @ related @ below)) / len(values)
    high = mean + np.sqrt(max(0.0, above @ related @ above)) / len(values)
    return Estimate(mean, (max(0.0, float(low)), min(1.0, float(high))), n, "MOVER over the labels' intervals")


def check_multi(probabilities: Probabilities, given: BoolArray, members: BoolArray, *, n_labels: int) -> None:
    """Raise unless there are rows, the shapes fit, and probabilities are finite."""
    if not len(members):
        raise InputError("An evaluation needs at least one test row (got none).")
    for name, found in (("Probabilities", probabilities), ("Answers", given), ("Members", members)):
        if found.shape != (len(members), n_labels):
            raise InputError(
                f"{name} must be of shape {(len(members), n_labels)}, texts by labels (got {found.shape})."
            )
    bad = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(bad):
        raise InputError(f"Probabilities must be finite ({len(bad):,} rows are not, the first is row {bad[0]}).")


def _mean_average_precision(ranked: Float64Array, found: Resampled, n: int) -> Estimate | None:
    if np.isnan(ranked).all():
        return None
    value = float(np.nanmean(ranked))
    limits = found.interval(found.mean_average_precision, value)
    return Estimate(value, limits, n, f"bootstrap over rows, {len(found.mean_average_precision)} draws")


def _label_score(given: BoolArray, has: BoolArray, label: Label) -> LabelScore:
    """Precision, recall and F1 of one label."""
    hits, taken, support = int((given & has).sum()), int(given.sum()), int(has.sum())
    relevant = taken + support - hits
    f1 = None
    if relevant:
        f1 = Estimate(2 * hits / (taken + support), f1_interval(hits, relevant), relevant, "Wilson, transformed")
    return LabelScore(
        label=label,
        precision=Estimate(hits / taken, wilson(hits, taken), taken, "Wilson") if taken else None,
        recall=Estimate(hits / support, wilson(hits, support), support, "Wilson") if support else None,
        f1=f1,
        support=support,
    )


def _share_interval(values: Float64Array) -> tuple[float, float]:
    """For the mean of values between 0 and 1, of which a few that agree are no proof of anything."""
    if len(values) < FEWEST_TEXTS:
        return 0.0, 1.0
    low, high = mean_interval(values)
    return low, min(1.0, high)
