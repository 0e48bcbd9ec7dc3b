"""Out-of-fold answers of features, C searched.

A block can be the same for every text: the embedding output of [CLS] always is. No regression learns from it; it
stands there with the share of each label in the training rows, which is what such a regression would end at.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Rows, are_equal
from frostline.evaluate.paired import (
    Difference,
    Score,
    accuracy_difference,
    accuracy_score,
    allowing_for_choice,
    fold_difference,
    fold_score,
)
from frostline.head.fitted import PLAIN_ANSWERS, fit
from frostline.head.linear import LinearHead, link_of
from frostline.head.options import SearchOptions, learnable, training_of
from frostline.head.scoring import criterion_of, favoured_by, score_of
from frostline.targets import Targets


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutOfFold:
    """What cross-validation says of some features."""

    # (n_texts,): Whether the head that did not see the row favours exactly its labels (each from a decision of 0 on,
    # where a text may have several).
    right: BoolArray
    lots: IntArray | None  # (n_texts,): As `Targets.shared_lots`
    # (n_folds,): By the scorer asked for; where each label has its own, the mean over the labels that can be learned.
    fold_scores: Float64Array
    scoring: str  # The score that this is
    # None where the rows are all equal, so that there was nothing to search; the geometric mean where each label has
    # its own.
    chosen_C: float | None  # noqa: N815 - C is its name everywhere
    head: LinearHead  # Fitted on all rows, not calibrated
    n_features: int
    warnings: tuple[str, ...]
    seconds: float  # Searching, fitting and predicting

    @property
    def score(self) -> Score:
        """The cross-validated score: of the rows for accuracy, else of the folds."""
        return accuracy_score(self.right, self.lots) if self.scoring == "accuracy" else fold_score(self.fold_scores)


def differences(found: Sequence[OutOfFold], other: int) -> tuple[Difference, ...]:
    """Each score minus the one at `other`, from the same rows and folds; intervals allow for a choice among them.

    Features that are the same for every text have a plain interval: nobody would choose them.
    """
    is_accuracy = found[other].scoring == "accuracy"
    plain = [
        accuracy_difference(one.right, found[other].right, one.lots)
        if is_accuracy
        else fold_difference(one.fold_scores, found[other].fold_scores)
        for one in found
    ]
    telling = [place for place, one in enumerate(found) if one.chosen_C is not None or place == other]
    outcomes = np.stack([found[place].right if is_accuracy else found[place].fold_scores for place in telling])
    lots = found[other].lots if is_accuracy else None
    limits = allowing_for_choice(outcomes.astype(np.float64), telling.index(other), lots=lots)
    for place, interval in zip(telling, limits, strict=True):
        plain[place] = replace(plain[place], interval=interval)
    return tuple(plain)


def cross_validate(rows: Rows, targets: Targets, *, options: SearchOptions, folds: IntArray) -> OutOfFold:
    """Search C by the folds, and keep what the folds' heads say of the rows that they did not see.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features), dtype=float32, or JoinedRows
    folds : ndarray of shape (n_texts,), dtype=int64
    """
    begun = time.perf_counter()
    if are_equal(rows):
        return _of_equal_rows(rows, targets, options=options, folds=folds)
    fitted = fit(rows, targets, search=options, answers=PLAIN_ANSWERS, folds=folds)
    found = fitted.search
    return OutOfFold(
        right=_right(found.held_out_decisions, targets),
        lots=targets.shared_lots,
        fold_scores=found.fold_scores,
        scoring=found.scoring,
        chosen_C=found.middle_C,
        head=fitted.head,
        n_features=rows.shape[1],
        warnings=found.warnings,
        seconds=time.perf_counter() - begun,
    )


def one_thread(options: SearchOptions) -> SearchOptions:
    """The same search on one thread: the features stand side by side instead, which wastes nothing."""
    return replace(options, threads=1)


def _right(decisions: Float64Array, targets: Targets) -> BoolArray:
    exact: BoolArray = (favoured_by(decisions, targets) == targets.members).all(axis=1)
    return exact


def _of_equal_rows(rows: Rows, targets: Targets, *, options: SearchOptions, folds: IntArray) -> OutOfFold:
    """From rows that are all equal a regression learns the labels' shares and nothing else."""
    criterion = criterion_of(options.scoring, targets, one_standard_error=options.one_standard_error)
    learned = learnable(targets, training_of(folds, len(targets)))
    whole = _shares(targets)
    decisions = np.empty((len(targets), len(whole)))
    held = [folds == fold for fold in np.unique(folds).tolist()]
    for members in held:
        decisions[members] = _shares(targets.take(~members))
    n_features = rows.shape[1]
    return OutOfFold(
        right=_right(decisions, targets),
        lots=targets.shared_lots,
        fold_scores=np.array(
            [score_of(criterion, targets.take(members), decisions[members], learned) for members in held]
        ),
        scoring=criterion.name,
        chosen_C=None,
        head=LinearHead(
            labels=targets.labels, coef=np.zeros((len(whole), n_features)), intercept=whole, link=link_of(targets)
        ),
        n_features=n_features,
        warnings=(),
        seconds=0.0,
    )


def _shares(targets: Targets) -> Float64Array:
    """The labels' shares as decisions (n_coef_rows,)."""
    counts, n_texts = targets.members.sum(axis=0), len(targets)
    if len(targets.groups()) > 1:
        odds: Float64Array = np.log((counts + 0.5) / (n_texts - counts + 0.5))  # off 0 and 1 by half a text, as search
        return odds
    logs: Float64Array = np.log(counts / n_texts)
    decisions: Float64Array = logs[1:] - logs[0] if len(counts) == 2 else logs - logs.mean()
    return decisions
