"""Many hundreds of labels: a linear discriminant in closed form, from one factor of the rows' scatter for each C.

A regression of so many labels goes through all rows dozens of times, with a product as wide as there are labels. Here
the rows are gone through once, and once more for each C to score it: each label's mean row, against the scatter about
the means and a ridge of 1 / C, as wide as the features vary. With few rows a label it is no worse than the regression
(docs/decisions/0046-thousands-of-labels.md), and as linear, so that all that follows is as ever.

Where labels don't exclude each other each is a discriminant of two classes; its scatter is that of all rows less one
direction, so that all share the factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray, Progress
from frostline.head.curvature import cholesky
from frostline.head.options import ClassWeight, share_c
from frostline.head.path import Trial, chosen
from frostline.head.problem import Scaling
from frostline.head.scoring import Criterion, micro_f1
from frostline.targets import Targets
from frostline.threads import Crew

_BLOCK = 2048  # rows at a time
_NO_ROWS = 1e-9  # what a label weighs of which no row counts
_NOTHING = np.empty(0)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What is fitted on: rows, which of them train in each fold (n_texts, n_folds), and how they are scaled."""

    rows: Features | Float64Array  # (n_texts, n_features)
    targets: Targets
    training: BoolArray
    learned: BoolArray  # (n_labels,)
    scaling: Scaling
    class_weight: ClassWeight

    def standard(self, chosen: IntArray) -> Float64Array:
        """Some rows in the coordinates that all folds share."""
        scaled: Float64Array = (self.rows[chosen].astype(np.float64) - self.scaling.mean) / self.scaling.std
        return scaled


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Sums over some rows, each times its weight."""

    squares: Float64Array  # (n_features, n_features): Of rows times themselves
    of_label: Float64Array  # (n_labels, n_features)
    counts: Float64Array  # (n_labels,)
    of_all: Float64Array  # (n_features,)
    total: float

    def without(self, other: "_Sums") -> "_Sums":
        """Over the rows that are not the other's, which are among these."""
        return _Sums(
            self.squares - other.squares,
            self.of_label - other.of_label,
            self.counts - other.counts,
            self.of_all - other.of_all,
            self.total - other.total,
        )


@final
@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """What was found, in the features' own coordinates; `decisions` are of each row by the fold that held it out."""

    coef: Float64Array  # (n_labels, n_features)
    intercept: Float64Array  # (n_labels,)
    decisions: Float64Array  # (n_texts, n_labels)
    scores: Float64Array  # (n_Cs, n_groups, n_folds)
    chosen_C: Float64Array  # noqa: N815 - C is its name everywhere; (n_groups,)


def searched(  # noqa: PLR0913 - the rows, which C are tried on which folds, how the choice is made, and who works
    given: Given,
    grid: Sequence[float],
    folds: IntArray,
    criterion: Criterion,
    *,
    one_standard_error: bool,
    crew: Crew,
    progress: Progress | None,
) -> Solved:
    """Score every C on every fold, and solve for all rows with the best; rows are the last fold's."""
    n_folds = int(folds.max()) + 1
    held = [np.flatnonzero(folds == fold) for fold in range(n_folds)]
    parts = crew.map(partial(_sums, given), held)
    whole = _added(parts)
    learned = [whole.without(part) for part in parts]
    scores = np.full((len(grid), len(given.targets.groups()), n_folds), np.nan)
    for place, C in enumerate(grid):
        each = crew.map(partial(_decided_at, given, learned, held, C), range(n_folds))
        scores[place] = np.stack(
            [_scored(given, own, rows, criterion) for own, rows in zip(each, held, strict=True)], axis=1
        )
        if progress is not None:
            progress(place + 1, len(grid))
    best = _chosen(scores, grid, one_standard_error=one_standard_error)
    best[:] = np.where(given.learned if len(best) > 1 else True, best, np.nan)
    decisions = np.empty((len(folds), len(given.targets.labels)))
    for C in np.unique(best[~np.isnan(best)]).tolist():
        columns = np.arange(decisions.shape[1]) if len(best) == 1 else np.flatnonzero(best == C)
        each = crew.map(partial(_decided_at, given, learned, held, C), range(n_folds))
        for rows, own in zip(held, each, strict=True):
            decisions[rows[:, None], columns] = own[:, columns]
    coef, intercept = _plain(given, *_at(given, whole, best, n_folds))
    return Solved(coef, intercept, decisions, scores, best)


def fitted(given: Given, C: float) -> tuple[Float64Array, Float64Array]:
    """Coefficients and intercepts in the features' own coordinates, of one C, where all rows train."""
    sums = _sums(given, np.arange(len(given.rows)))
    return _plain(given, *_at(given, sums, np.array([C]), 0))


def _sums(given: Given, chosen: IntArray) -> _Sums:
    n_labels, n_features = len(given.targets.labels), given.rows.shape[1]
    squares, of_label = np.zeros((n_features, n_features)), np.zeros((n_labels, n_features))
    counts, of_all, total = np.zeros(n_labels), np.zeros(n_features), 0.0
    for start in range(0, len(chosen), _BLOCK):
        own = chosen[start : start + _BLOCK]
        rows = given.standard(own)
        weights = np.ones(len(own)) if given.targets.weights is None else given.targets.weights[own]
        weighed = rows * weights[:, None]
        squares += weighed.T @ rows
        label, at = np.nonzero(given.targets.members[own].T)
        if len(label):
            present, first = np.unique(label, return_index=True)
            of_label[present] += np.add.reduceat(weighed[at], first)
        counts += np.bincount(label, weights=weights[at], minlength=n_labels)
        of_all += weighed.sum(axis=0)
        total += float(weights.sum())
    return _Sums(squares, of_label, counts, of_all, total)


def _added(parts: Sequence[_Sums]) -> _Sums:
    return _Sums(
        sum((part.squares for part in parts[1:]), parts[0].squares),
        sum((part.of_label for part in parts[1:]), parts[0].of_label),
        sum((part.counts for part in parts[1:]), parts[0].counts),
        sum((part.of_all for part in parts[1:]), parts[0].of_all),
        sum(part.total for part in parts),
    )


def _at(given: Given, sums: _Sums, best: Float64Array, fold: int) -> tuple[Float64Array, Float64Array]:
    """Each label's coefficients (n_labels, n_features) and intercepts at its own C, in shared coordinates."""
    if len(best) == 1:
        return _solved(given, sums, float(best[0]), fold)
    coef, intercept = np.zeros((len(best), given.rows.shape[1])), np.zeros(len(best))
    for C in np.unique(best[~np.isnan(best)]).tolist():
        own = best == C
        solved = _solved(given, sums, C, fold)
        coef[own], intercept[own] = solved[0][own], solved[1][own]
    return coef, intercept


def _solved(given: Given, sums: _Sums, C: float, fold: int) -> tuple[Float64Array, Float64Array]:
    """Coefficients and intercepts of every label at one C."""
    counts = np.maximum(sums.counts, _NO_ROWS)
    mean, means = sums.of_all / sums.total, sums.of_label / counts[:, None]
    ridge = given.scaling.ratio[:, fold] ** 2 / C
    if share_c(given.targets):
        weighed = means * np.sqrt(sums.counts)[:, None]
        factor = cholesky(sums.squares - weighed.T @ weighed + np.diag(ridge))
        coef = sums.total * factor.solve((means - mean).T).T
        prior = np.log(counts) if given.class_weight is None else np.log(counts * _weights(given, counts))
        intercept = prior - prior.max() - 0.5 * np.einsum("ij,ij->i", coef, means + mean)
        return coef, intercept - intercept.mean()
    return _apart(given, sums, ridge)


def _apart(given: Given, sums: _Sums, ridge: Float64Array) -> tuple[Float64Array, Float64Array]:
    """The same of labels that don't exclude each other: each against the rows without it."""
    mean = sums.of_all / sums.total
    n_with = np.clip(sums.counts, _NO_ROWS, sums.total - _NO_ROWS)
    n_without = sums.total - n_with
    means = sums.of_label / n_with[:, None]
    others = (sums.of_all - sums.of_label) / n_without[:, None]
    apart = means - others
    factor = cholesky(sums.squares - sums.total * np.outer(mean, mean) + np.diag(ridge))
    solved = factor.solve(apart.T).T
    # the scatter about both means is that of all rows less this label's own direction (Sherman and Morrison)
    reached = n_with * n_without / sums.total * np.einsum("ij,ij->i", solved, apart)
    coef = sums.total * solved / np.maximum(1 - reached, np.finfo(np.float64).eps)[:, None]
    odds = np.log(n_with / n_without)
    if given.class_weight is not None:
        odds = odds + np.log(_weights(given, n_with, n_without))
    return coef, odds - 0.5 * np.einsum("ij,ij->i", coef, means + others)


def _weights(given: Given, counts: Float64Array, others: Float64Array | None = None) -> Float64Array:
    """What a row of each label weighs (n_labels,), as scikit-learn's class_weight has it."""
    how = given.class_weight
    if isinstance(how, str):  # balanced
        balanced: Float64Array = 1 / counts if others is None else others / counts
        return balanced
    return np.array([float((how or {}).get(label, 1.0)) for label in given.targets.labels])


def _decided_at(given: Given, learned: Sequence[_Sums], held: Sequence[IntArray], C: float, fold: int) -> Float64Array:
    """Decisions (n_held, n_labels) of a fold's rows by what was learned from the others."""
    coef, intercept = _solved(given, learned[fold], C, fold)
    narrow, found = coef.T.astype(np.float32), np.empty((len(held[fold]), len(coef)))
    for start in range(0, len(found), _BLOCK):
        few = slice(start, start + _BLOCK)
        found[few] = given.standard(held[fold][few]).astype(np.float32) @ narrow
    found += intercept
    return found


def _scored(given: Given, decisions: Float64Array, held: IntArray, criterion: Criterion) -> Float64Array:
    """What decisions (n_held, n_labels) are worth (n_groups,)."""
    targets = given.targets.take(held)
    if criterion.is_pooled:
        return np.full(len(targets.labels), micro_f1(targets.members, decisions, targets.weights))
    if criterion.is_shared:
        return np.array([criterion.score(targets.codes, decisions, targets.weights)])
    codes = targets.members.astype(np.int64)
    return np.array(
        [
            criterion.score(codes[:, label], decisions[:, [label]], targets.weights) if given.learned[label] else np.nan
            for label in range(codes.shape[1])
        ]
    )


def _chosen(scores: Float64Array, grid: Sequence[float], *, one_standard_error: bool) -> Float64Array:
    """The C of each group (n_groups,); NaN where none was scored."""
    best = np.full(scores.shape[1], np.nan)
    for group in np.flatnonzero(~np.isnan(scores[0, :, 0])):
        trials = [Trial(place, own, np.nan, _NOTHING, _NOTHING, 0, 0.0) for place, own in enumerate(scores[:, group])]
        best[group] = grid[chosen(trials, grid, one_standard_error=one_standard_error).position]
    return best


def _plain(given: Given, coef: Float64Array, intercept: Float64Array) -> tuple[Float64Array, Float64Array]:
    """The same over the features as they are."""
    plain = coef / given.scaling.std
    return plain, intercept - plain @ given.scaling.mean
