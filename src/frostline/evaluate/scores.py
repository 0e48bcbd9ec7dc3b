"""How good answers are on rows that took no part in the training, each figure with its n and interval.

No scikit-learn: its import takes 0.9 s.

Which interval and why, where a text may have several labels: docs/decisions/0012-several-labels.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.errors import InputError
from frostline.evaluate.intervals import (
    FEWEST_TEXTS,
    TOGETHER,
    Estimate,
    Resampled,
    average_precisions,
    design_effect,
    f1_interval,
    macro_f1_interval,
    mean_interval,
    resampled,
    share_interval,
)
from frostline.evaluate.probabilities import Reliability, log_loss, reliability_of
from frostline.targets import Label, Targets


@final
@dataclass(frozen=True, slots=True)
class LabelScore:
    """The scores of one label; None where there is nothing to divide by."""

    label: Label
    precision: Estimate | None  # None if the label was never predicted
    recall: Estimate | None  # None if no test row has the label
    f1: Estimate | None  # None if neither
    support: int  # Test rows with this label


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Everything measured on one set of test rows."""

    labels: tuple[Label, ...]  # n_labels: In column order
    n: int  # Test rows, at least 1
    # By name, the most important first; one that cannot be had is left out. Of labels that exclude each other:
    # `accuracy`; `macro_f1`, the mean over the labels that occur in the test rows or among the answers, as in
    # scikit-learn; `log_loss` in nats. Where they don't: `micro_f1` of all decisions together, rows times labels;
    # `macro_f1`; `samples_f1`, the mean over the rows, 1 for a row without labels that is given none;
    # `subset_accuracy`, rows whose set of labels is met exactly; `hamming_loss`, the share of decisions that are wrong;
    # `mean_average_precision` of the rankings by probability, over the labels that occur: no threshold is in it;
    # `log_loss`, the mean over decisions.
    scores: Mapping[str, Estimate]
    per_label: tuple[LabelScore, ...]  # n_labels
    # `n_given`, `n_true`: Labels that the classifier gave, and that the rows have, all rows together.
    n_given: int
    n_true: int
    # (n_labels, n_labels): Row: the true label; column: the predicted one. None where labels do not exclude each other.
    confusion: IntArray | None = None
    # Of the probabilities from 5 % on, all labels together: below lie nearly all, and nearly all of them are right.
    # None where there is none; and where labels exclude each other, since `CalibrationScores` tells it by rows.
    reliability: Reliability | None = None
    # (n_labels,): NaN for a label that no test row has. None where labels exclude each other.
    average_precisions: Float64Array | None = None

    @property
    def accuracy(self) -> Estimate:
        """Of labels that exclude each other: the share of rows that are right."""
        return self.scores["accuracy"]

    @property
    def macro_f1(self) -> Estimate:
        """The mean F1 of the labels."""
        return self.scores["macro_f1"]

    @property
    def log_loss(self) -> Estimate:
        """In nats."""
        return self.scores["log_loss"]


def evaluate(probabilities: Probabilities, favoured: BoolArray, targets: Targets, *, seed: int = 0) -> Evaluation:
    """Everything measured on the test rows.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
    favoured : ndarray of shape (n_texts, n_labels), dtype=bool
        The labels that each row is given. Rows that a rule leaves unanswered count here with those they would have
        been given: what abstaining does is told beside it (`answer_scores`).
    targets : Targets
        The truth.
    seed : int
        Of the resampling, where labels do not exclude each other.
    """
    _check(probabilities, favoured, targets)
    lots = targets.shared_lots
    per_label = label_scores(favoured, targets, lots=lots)
    n_given, n_true = int(favoured.sum()), int(targets.members.sum())
    if targets.exclusive:
        confusion = confusion_matrix(favoured.argmax(axis=1), targets.codes, n_labels=len(targets.labels))
        return Evaluation(
            labels=targets.labels,
            n=len(targets),
            scores={
                "accuracy": _share((favoured == targets.members).all(axis=1), lots),
                "macro_f1": macro_f1(confusion, effects=_f1_effects(favoured, targets.members, lots)),
                "log_loss": log_loss(probabilities, targets),
            },
            per_label=per_label,
            n_given=n_given,
            n_true=n_true,
            confusion=confusion,
        )
    ranked = average_precisions(probabilities, targets.members)
    return Evaluation(
        labels=targets.labels,
        n=len(targets),
        scores=_scores_of_sets(probabilities, favoured, targets, per_label, ranked, seed=seed),
        per_label=per_label,
        n_given=n_given,
        n_true=n_true,
        reliability=reliability_of(probabilities, targets.members, lots=lots),
        average_precisions=ranked,
    )


def _scores_of_sets(  # noqa: PLR0913 - answers, truth, and what was counted of them already
    probabilities: Probabilities,
    favoured: BoolArray,
    targets: Targets,
    per_label: Sequence[LabelScore],
    ranked: Float64Array,
    *,
    seed: int,
) -> dict[str, Estimate]:
    """The scores where a text may have several labels."""
    members, n, lots = targets.members, len(targets), targets.shared_lots
    draws = resampled(favoured, members, probabilities, seed=seed, lots=lots)
    scores = {
        "micro_f1": _micro_f1(favoured, members, draws),
        "macro_f1": _mean_f1(per_label, draws, n),
        "samples_f1": _mean_of_rows(_f1_of_rows(favoured, members), lots),
        "subset_accuracy": _share((favoured == members).all(axis=1), lots),
        "hamming_loss": _mean_of_rows((favoured != members).mean(axis=1), lots),
    }
    if not np.isnan(ranked).all():
        scores["mean_average_precision"] = _mean_average_precision(ranked, draws, n)
    scores["log_loss"] = log_loss(probabilities, targets)
    return scores


def _f1_of_rows(favoured: BoolArray, members: BoolArray) -> Float64Array:
    hits = (favoured & members).sum(axis=1)
    sizes = favoured.sum(axis=1) + members.sum(axis=1)
    return np.where(sizes == 0, 1.0, 2 * hits / np.maximum(sizes, 1))


def right_of(test: Evaluation) -> Estimate:
    """The share of texts that are right in everything."""
    return test.scores["accuracy"] if "accuracy" in test.scores else test.scores["subset_accuracy"]


def _mean_of_rows(values: Float64Array, lots: IntArray | None) -> Estimate:
    """Of values between 0 and 1, of which a few that agree are no proof of anything."""
    if (len(values) if lots is None else len(np.unique(lots))) < FEWEST_TEXTS:
        limits = 0.0, 1.0
    else:
        low, high = mean_interval(values, lots)
        limits = low, min(1.0, high)
    return Estimate(float(values.mean()), limits, len(values), "t, skewness removed (Hall)" + _over(lots))


def _over(lots: IntArray | None) -> str:
    return "" if lots is None else TOGETHER


def _micro_f1(favoured: BoolArray, members: BoolArray, draws: Resampled) -> Estimate:
    """F1 of all decisions together; the interval is never narrower than were all of them independent."""
    hits, sizes = int((favoured & members).sum()), int(favoured.sum()) + int(members.sum())
    value = 2 * hits / sizes if sizes else 1.0
    limits = draws.interval(draws.micro_f1, value)
    if sizes:
        low, high = f1_interval(hits, sizes - hits)
        limits = min(low, limits[0]), max(high, limits[1])
    return Estimate(value, limits, len(members), f"bootstrap over rows, {draws.n_draws} draws, and Wilson, transformed")


def _mean_f1(per_label: Sequence[LabelScore], draws: Resampled, n: int) -> Estimate:
    """The mean F1: each label's own limits, put together by the correlations that the resampling shows (MOVER).

    A label of few texts has a wide interval of its own where resampling would never leave what was seen.
    """
    places = [column for column, score in enumerate(per_label) if score.f1 is not None]
    scores = [score.f1 for score in per_label if score.f1 is not None]
    if not scores:
        return Estimate(1.0, (0.0, 1.0), n, "no label occurs")
    values = np.array([score.value for score in scores])
    limits = np.array([score.interval for score in scores])
    related = draws.correlations(places)
    below, above = values - limits[:, 0], limits[:, 1] - values
    mean = float(values.mean())
    low = mean - np.sqrt(max(0.0, below @ related @ below)) / len(values)
    high = mean + np.sqrt(max(0.0, above @ related @ above)) / len(values)
    return Estimate(mean, (max(0.0, float(low)), min(1.0, float(high))), n, "MOVER over the labels' intervals")


def _mean_average_precision(ranked: Float64Array, draws: Resampled, n: int) -> Estimate:
    value = float(np.nanmean(ranked))
    limits = draws.interval(draws.mean_average_precision, value)
    return Estimate(value, limits, n, f"bootstrap over rows, {len(draws.mean_average_precision)} draws")


def most_probable(probabilities: Probabilities) -> BoolArray:
    """The most probable label of each row, of equals the first, as a column (n_texts, n_labels)."""
    chosen: BoolArray = probabilities.argmax(axis=1)[:, None] == np.arange(probabilities.shape[1])
    return chosen


def confusion_matrix(predicted: IntArray, codes: IntArray, *, n_labels: int) -> IntArray:
    """Counts (n_labels, n_labels): row the true label, column the predicted one."""
    cells = np.bincount(codes * n_labels + predicted, minlength=n_labels * n_labels)
    return cells.reshape(n_labels, n_labels).astype(np.int64)


def macro_f1(confusion: IntArray, *, effects: Float64Array | None = None) -> Estimate:
    """The mean F1 of the labels that are true or predicted of at least one row; `effects` as in the interval's."""
    occurring = np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))
    kept = confusion[np.ix_(occurring, occurring)]
    scores = 2 * np.diagonal(kept) / (kept.sum(axis=0) + kept.sum(axis=1))
    return Estimate(
        float(scores.mean()),
        macro_f1_interval(kept, None if effects is None else effects[occurring]),
        int(confusion.sum()),
        "MOVER over the labels' intervals" + ("" if effects is None else TOGETHER),
    )


def _f1_effects(favoured: BoolArray, members: BoolArray, lots: IntArray | None) -> Float64Array | None:
    """The design effect of the rows relevant to each label (n_labels,): those that have it or are given it."""
    if lots is None:
        return None
    effects = np.ones(members.shape[1])
    for column in np.flatnonzero((favoured | members).any(axis=0)).tolist():
        relevant = favoured[:, column] | members[:, column]
        hits = (favoured & members)[relevant, column]
        effects[column] = design_effect(hits.astype(np.float64), lots[relevant])
    return effects


def label_scores(favoured: BoolArray, targets: Targets, *, lots: IntArray | None) -> tuple[LabelScore, ...]:
    """Precision, recall and F1 of each label, of answers (n_texts, n_labels); `lots` where rows belong together."""
    return tuple(
        _label_score(favoured[:, column], targets.members[:, column], label, lots)
        for column, label in enumerate(targets.labels)
    )


def _label_score(favoured: BoolArray, has: BoolArray, label: Label, lots: IntArray | None) -> LabelScore:
    hits, taken, support = int((favoured & has).sum()), int(favoured.sum()), int(has.sum())
    relevant = taken + support - hits
    f1 = None
    if relevant:
        is_relevant = favoured | has
        effect = design_effect(
            (favoured & has)[is_relevant].astype(np.float64), None if lots is None else lots[is_relevant]
        )
        limits = f1_interval(hits / effect, relevant / effect)
        f1 = Estimate(2 * hits / (taken + support), limits, relevant, "Wilson, transformed" + _over(lots))
    return LabelScore(
        label=label,
        precision=_share(has, lots, among=favoured) if taken else None,
        recall=_share(favoured, lots, among=has) if support else None,
        f1=f1,
        support=support,
    )


def _share(right: BoolArray, lots: IntArray | None, *, among: BoolArray | None = None) -> Estimate:
    """The share of rows that are right, of all (n_texts,) or of some."""
    if among is not None:
        right, lots = right[among], None if lots is None else lots[among]
    return Estimate(int(right.sum()) / len(right), share_interval(right, lots), len(right), "Wilson" + _over(lots))


def _check(probabilities: Probabilities, favoured: BoolArray, targets: Targets) -> None:
    if not len(targets):
        raise InputError("An evaluation needs at least one test row (got none).")
    for name, array in (("Probabilities", probabilities), ("Answers", favoured)):
        if array.shape != targets.members.shape:
            raise InputError(f"{name} must be of shape {targets.members.shape}, texts by labels (got {array.shape}).")
    bad = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(bad):
        raise InputError(f"Probabilities must be finite ({len(bad):,} rows are not, the first is row {bad[0]}).")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerScores:
    """How a rule did on one set of rows."""

    n: int  # Rows, answered or not
    coverage: Estimate  # The share answered
    # The share of the answers that are right, all labels of the text met; None if there are none.
    precision: Estimate | None
    macro_f1: Estimate | None  # Of the answered rows
    # n_labels: Recall counts all rows that have the label: one left unanswered was not found.
    per_label: tuple[LabelScore, ...]


def answer_scores(favoured: BoolArray, answered: BoolArray, targets: Targets, *, seed: int = 0) -> AnswerScores:
    """The scores of answers, of which some are left out.

    Parameters
    ----------
    favoured : ndarray of shape (n_texts, n_labels), dtype=bool
        What each row gets, sure or not; n_texts >= 1.
    answered : ndarray of shape (n_texts,), dtype=bool
        Whether it is given.
    targets : Targets
        The truth.
    seed : int
        Of the resampling, where labels do not exclude each other.
    """
    exact, lots = (favoured == targets.members).all(axis=1), targets.shared_lots
    inside = targets.take(answered)
    return AnswerScores(
        n=len(targets),
        coverage=_share(answered, lots),
        precision=_share(exact, lots, among=answered) if len(inside) else None,
        macro_f1=macro_f1_of(favoured[answered], inside, seed=seed) if len(inside) else None,
        per_label=label_scores(favoured & answered[:, None], targets, lots=lots),
    )


def macro_f1_value(favoured: BoolArray, members: BoolArray) -> float:
    """The mean F1 of the labels that some rows have or are given, of answers and truth (n_texts, n_labels)."""
    hits, sizes = (favoured & members).sum(axis=0), favoured.sum(axis=0) + members.sum(axis=0)
    return float((2 * hits[sizes > 0] / sizes[sizes > 0]).mean()) if sizes.any() else 1.0


def macro_f1_of(favoured: BoolArray, targets: Targets, *, seed: int = 0) -> Estimate:
    """The mean F1 of the labels that some rows have or are given."""
    lots = targets.shared_lots
    if targets.exclusive:
        confusion = confusion_matrix(favoured.argmax(axis=1), targets.codes, n_labels=len(targets.labels))
        return macro_f1(confusion, effects=_f1_effects(favoured, targets.members, lots))
    draws = resampled(favoured, targets.members, None, seed=seed, lots=lots)
    return _mean_f1(label_scores(favoured, targets, lots=lots), draws, len(targets))


def commonest_mistakes(test: Evaluation, *, most: int) -> list[tuple[Label, Label, int]]:
    """(true label, predicted label, rows) for the largest cells off the diagonal, at most `most` of them."""
    if test.confusion is None:
        return []
    wrong, labels = test.confusion.copy(), test.labels
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    cells = [divmod(int(cell), len(labels)) for cell in order]
    return [(labels[row], labels[column], int(wrong[row, column])) for row, column in cells if wrong[row, column]]
