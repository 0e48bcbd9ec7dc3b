"""Rows of two parts, features and words: each part searched by itself, then both weighed against each other.

A head over both is a weighted sum of the heads over each, so it is linear too. The weights are those that lose least on
the rows that the folds held out: three numbers, which a hundred rows can tell, where a joint fit would choose among ten
thousand coefficients. It is as good as the joint fit with many rows, better with few, and takes a fifth more than the
search over the features alone (docs/decisions/0025-never-worse.md).
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, JoinedRows, Progress, Rows, are_equal
from frostline.data import split
from frostline.head.calibrating import mean_by_lots
from frostline.head.linear import LinearHead
from frostline.head.loss import Loss, loss_of, weighed
from frostline.head.options import SearchOptions, row_weights, share_c
from frostline.head.scoring import criterion_of, favoured_by, score_of
from frostline.head.search import Search
from frostline.head.search import search as search_rows
from frostline.targets import Targets

PartName: TypeAlias = Literal["features", "words", "both"]

_CLEARLY = 3.0  # standard errors by which words alone must win: of few folds or texts two are no more than chance
_MOST_DECISIONS = 1_000_000  # that weights are fitted on: they are three
_STEPS = 50
_STILL = 1e-9


def part_of(rows: Rows, part: PartName) -> Rows:
    """The columns of one part of rows (n_texts, n_features), or of both."""
    if not isinstance(rows, JoinedRows) or part == "both":
        return rows
    return rows.dense if part == "features" else rows.words_alone


def head_of(head: LinearHead, part: PartName, n_features: int) -> LinearHead:
    """A head over both parts, the first of `n_features` columns, as one over the columns of `part`."""
    columns = {"features": slice(None, n_features), "words": slice(n_features, None), "both": slice(None)}[part]
    return replace(head, coef=np.ascontiguousarray(head.coef[:, columns]))


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What cross-validation says of one part, or of both."""

    right: BoolArray  # (n_texts,): Whether the head that did not see the row favours exactly its labels
    fold_scores: Float64Array  # (n_folds,): By the scorer of the search


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """How features and words came together."""

    kept: PartName  # What the head goes by
    weights: tuple[float, float, float]  # Of the features' decisions, of the words', of the labels' log shares
    trials: dict[PartName, Trial]
    words: Search  # Over the words alone


def search(  # noqa: PLR0913 - as `head.search.search`, and what is known already
    rows: Rows,
    targets: Targets,
    *,
    options: SearchOptions,
    folds: IntArray | None = None,
    known_words: Search | None = None,
    progress: Progress | None = None,
) -> tuple[Search, Parts | None]:
    """Search the rows, or each of their parts; arguments and errors are those of `head.search.search`.

    Parameters
    ----------
    known_words : Search, optional
        Over the same words with the same options and folds: it is not done again.

    Returns
    -------
    Search
        Over all columns. Of two parts its head, its held-out decisions and its `fold_scores` are those of what is kept:
        columns of a part that is not have coefficients of 0. Its grid and its scores are the words' where they alone
        are kept, else the features'.
    Parts or None
        None where the rows have one part, or all of one part are equal.
    """
    if not isinstance(rows, JoinedRows):
        return search_rows(rows, targets, options=options, folds=folds, progress=progress), None
    n_features, words = rows.dense.shape[1], rows.words_alone
    if n_features == 0:
        alone = known_words or search_rows(words, targets, options=options, folds=folds, progress=progress)
        return alone, None
    if are_equal(words) or are_equal(rows.dense):
        return search_rows(rows, targets, options=options, folds=folds, progress=progress), None
    if folds is None:
        folds = split.folds(targets, n_folds=options.n_folds, seed=options.seed)
    first = search_rows(rows.dense, targets, options=options, folds=folds, progress=progress)
    second = known_words or search_rows(words, targets, options=options, folds=folds)
    return _together(first, second, targets, options)


def _together(features: Search, words: Search, targets: Targets, options: SearchOptions) -> tuple[Search, Parts]:
    pair = _Pair(features, words, targets, options)
    weights = pair.weights(np.ones(len(targets), dtype=bool))
    decisions: dict[PartName, Float64Array] = {
        "features": features.held_out_decisions,
        "words": words.held_out_decisions,
        "both": pair.held_out(),
    }
    trials = {part: pair.tried(own) for part, own in decisions.items()}
    kept = _choice(trials, features.scoring, targets.lots, targets.weights) if options.choose_parts else "both"
    whole = {"features": (1.0, 0.0, 0.0), "words": (0.0, 1.0, 0.0), "both": weights}[kept]
    parts = Parts(kept=kept, weights=weights, trials=trials, words=words)
    return replace(
        words if kept == "words" else features,
        head=pair.head(whole),
        held_out_decisions=decisions[kept],
        kept_scores=trials[kept].fold_scores,
    ), parts


def _choice(
    trials: dict[PartName, Trial], scoring: str, lots: IntArray, weights: Float64Array | None = None
) -> PartName:
    """The features, unless words beside them gain more than a standard error of that difference, or words alone three.

    Words alone must also be within one standard error of both. The difference is known far better than either score:
    the same rows are hard for all.
    """

    def margin(first: PartName, second: PartName) -> tuple[float, float]:
        return margin_of(trials[first], trials[second], scoring, lots, weights)

    gain, error = margin("words", "features")
    lead, lead_error = margin("both", "words")
    if gain > _CLEARLY * error and lead <= lead_error:
        return "words"
    gain, error = margin("both", "features")
    return "both" if gain > error else "features"


def margin_of(
    first: Trial, second: Trial, scoring: str, lots: IntArray, weights: Float64Array | None = None
) -> tuple[float, float]:
    """By how much the first scores more on the same rows, and the standard error of that, over lots (n_texts,)."""
    if scoring == "accuracy":
        value, error = mean_by_lots(first.right.astype(np.float64) - second.right, lots, weights)
        return value, error * float(np.sqrt(1 - 1 / len(np.unique(lots))))  # a single row's gain is more than its error
    each = first.fold_scores - second.fold_scores
    return float(each.mean()), float(each.std(ddof=1)) / float(np.sqrt(len(each)))


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """The two searches to be weighed against each other, on the same folds."""

    features: Search
    words: Search
    targets: Targets
    options: SearchOptions

    def weights(self, rows: BoolArray) -> tuple[float, float, float]:
        """Of the features' decisions, the words' and the labels' log shares: what loses least on `rows` (n_texts,)."""
        chosen = np.flatnonzero(rows)
        chosen = chosen[:: 1 + len(chosen) * self.features.held_out_decisions.shape[1] // _MOST_DECISIONS]
        given = np.stack(
            [
                self.features.held_out_decisions[chosen],
                self.words.held_out_decisions[chosen],
                np.broadcast_to(self.log_shares, (len(chosen), len(self.log_shares))),
            ]
        )
        columns, every = np.flatnonzero(self.features.learned), np.ones((len(self.targets), 1), dtype=bool)
        own = row_weights(self.options.class_weight, self.targets, columns, every)[chosen]
        loss = loss_of(self.targets.take(chosen), columns, are_weighed=own.ndim == 3)
        fitted = fit_weights(given[:, :, self.learned_columns], loss, own)
        if fitted[1] <= 0:
            return 1.0, 0.0, 0.0
        return (0.0, 1.0, 0.0) if fitted[0] <= 0 else fitted

    def held_out(self) -> Float64Array:
        """Decisions (n_texts, n_coef_rows) of both, each row by weights fitted on the other folds."""
        decisions = np.empty_like(self.features.held_out_decisions)
        for fold in np.unique(self.features.folds):
            held = self.features.folds == fold
            decisions[held] = self.joined(
                self.features.held_out_decisions[held], self.words.held_out_decisions[held], self.weights(~held)
            )
        return decisions

    def joined(self, features: Float64Array, words: Float64Array, weights: tuple[float, float, float]) -> Float64Array:
        """Decisions (n, n_coef_rows) of both parts weighed; a label that was not learned keeps its share."""
        joined = weights[0] * features + weights[1] * words + weights[2] * self.log_shares
        return np.where(self.learned_columns, joined, features)

    def head(self, weights: tuple[float, float, float]) -> LinearHead:
        """A head over all columns."""
        first, second = self.features.head, self.words.head
        coef = np.hstack([weights[0] * first.coef, weights[1] * second.coef])
        coef[~self.learned_columns] = 0
        intercept = self.joined(first.intercept[None], second.intercept[None], weights)[0]
        return replace(first, coef=coef, intercept=intercept)

    def tried(self, decisions: Float64Array) -> Trial:
        """What held-out decisions are worth."""
        criterion = criterion_of(self.options.scoring, self.targets, one_standard_error=self.options.one_standard_error)
        folds = self.features.folds
        held = [folds == fold for fold in np.unique(folds)]
        return Trial(
            right=(favoured_by(decisions, self.targets) == self.targets.members).all(axis=1),
            fold_scores=np.array(
                [score_of(criterion, self.targets.take(own), decisions[own], self.features.learned) for own in held]
            ),
        )

    @property
    def learned_columns(self) -> BoolArray:
        """Of the decisions (n_coef_rows,)."""
        learned = self.features.learned
        return np.ones(self.features.held_out_decisions.shape[1], dtype=bool) if share_c(self.targets) else learned

    @property
    def log_shares(self) -> Float64Array:
        """What a head would decide that knows how often labels occur, and nothing else (n_coef_rows,)."""
        counts = self.targets.weighed_counts + 0.5
        if not share_c(self.targets):
            odds: Float64Array = np.log(counts / (self.targets.weighed_total + 1 - counts))
            return odds
        logs: Float64Array = np.log(counts / counts.sum())
        shares: Float64Array = logs[1:] - logs[0] if len(counts) == 2 else logs - logs.mean()
        return shares


def fit_weights(given: Float64Array, loss: Loss, row_weights: Float64Array) -> tuple[float, float, float]:
    """The weights of three decisions (3, n_texts, n_coef_rows) whose weighted sum loses least.

    A Gaussian prior of deviation 1 about the first alone keeps them still where rows are few. The loss is convex:
    Newton's steps, halved where they overshoot.

    Parameters
    ----------
    loss : Loss
        Of these texts.
    row_weights : ndarray of shape (n_texts, 1) or (n_texts, 1, n_coef_rows)

    References
    ----------
    Wolpert (1992), Stacked generalization, Neural Networks 5:241-259.
    """
    start, step = np.array([1.0, 0.0, 0.0]), np.zeros(3)
    weights, lost = start, np.inf
    for _ in range(_STEPS):
        moved = weights + step
        losses, shares = loss.evaluate(np.tensordot(moved, given, axes=1)[:, None], slice(None))
        now = float(weighed(losses, row_weights)[0]) + 0.5 * float(((moved - start) ** 2).sum())
        if not now <= lost:
            step /= 2
            continue
        if np.isfinite(lost) and float(np.abs(step).max()) < _STILL:
            break
        weights, lost = moved, now
        residual = loss.residual(shares, row_weights, slice(None))[:, 0]
        curvature = loss.curvature(shares, row_weights)
        bent = given[:, :, None].copy()  # `bend` writes into what it is given
        for own in bent:
            loss.bend(own, shares, curvature)
        second = np.einsum("pij,qij->pq", given, bent[:, :, 0]) + np.eye(3)
        step = -np.linalg.solve(second, np.einsum("pij,ij->p", given, residual) + weights - start)
    return float(weights[0]), float(weights[1]), float(weights[2])
