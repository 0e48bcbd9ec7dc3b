"""Choose the rule that was wished for: a promise of precision or recall, thresholds for the highest macro F1.

A precision or a recall is promised with a confidence, by rows that learned nothing (`head/promise.py`).
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.errors import InputError, UsageError, shown
from frostline.head.deciding import Promise, RuleFit, RuleOptions, WhereUnmet, best_thresholds
from frostline.head.linear import Rule, applied, link_of
from frostline.head.options import CONFIDENCE, share_c
from frostline.head.promise import Cut, fewest_texts, precise_cut, recalling_cut, texts_for_precision, texts_for_recall
from frostline.head.scoring import macro_f1_of
from frostline.targets import Kind, Targets

_PASSES = 5
_SMALLEST, _LARGEST = 1e-3, 1e3  # how far a label's threshold may be from the others'


def macro_f1_thresholds(
    held_out: Probabilities, codes: IntArray, weights: Float64Array | None = None
) -> tuple[float, ...]:
    """Thresholds (of sum 1) that make macro F1 on these rows as high as label by label can make it.

    In turn each label's threshold is set where macro F1 is highest, the others' held: at each place where a row
    changes sides the F1 of all labels is known from running counts, so every threshold there is is looked at. Ends
    when a round gains nothing.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
    codes : ndarray of shape (n_texts,), dtype=int64
    weights : ndarray of shape (n_texts,), optional
        How many rows each counts for.
    """
    n_labels = held_out.shape[1]
    given = np.maximum(held_out, 1e-12)
    thresholds = np.full(n_labels, 1.0)
    each = np.ones(len(codes)) if weights is None else weights
    score = macro_f1_of((given / thresholds).argmax(axis=1), codes, n_labels, weights)
    for _ in range(_PASSES):
        before = score
        for label in range(1 if n_labels == 2 else 0, n_labels):
            threshold, found = _best_of(label, given, codes, thresholds, each)
            if found > score + 1e-12:
                thresholds[label], score = threshold, found
        if score <= before:
            break
    return tuple((thresholds / thresholds.sum()).tolist())


def _best_of(
    label: int, given: Probabilities, codes: IntArray, thresholds: Float64Array, weights: Float64Array
) -> tuple[float, float]:
    """The threshold of one label with the highest macro F1, the others' as they are; and that F1."""
    n_labels = given.shape[1]
    weighed = given / thresholds
    weighed[:, label] = -1.0
    rival = weighed.argmax(axis=1)
    ratio = np.clip(given[:, label] / weighed.max(axis=1), _SMALLEST, _LARGEST)
    order = np.argsort(-ratio, kind="stable")
    falling, true, other, each = ratio[order], codes[order], rival[order], weights[order]
    taken_from = np.zeros((len(codes) + 1, n_labels))
    hits_lost = np.zeros((len(codes) + 1, n_labels))
    rows = np.arange(len(codes))
    taken_from[rows + 1, other] = each
    hits_lost[rows + 1, other] = each * (other == true)
    np.cumsum(taken_from, axis=0, out=taken_from)
    np.cumsum(hits_lost, axis=0, out=hits_lost)
    predicted = taken_from[-1] - taken_from
    hits = hits_lost[-1] - hits_lost
    predicted[:, label] = np.append(0.0, np.cumsum(each))
    hits[1:, label] = np.cumsum(each * (true == label))
    hits[0, label] = 0.0
    occurring = predicted + np.bincount(codes, weights, minlength=n_labels)
    present = occurring > 0
    scores = np.divide(2 * hits, occurring, out=np.zeros_like(hits), where=present).sum(axis=1) / present.sum(axis=1)
    ends = np.concatenate([[0], np.flatnonzero(falling[1:] < falling[:-1]) + 1, [len(falling)]])
    last = int(ends[scores[ends].argmax()])  # so many rows are taken
    above = falling[last - 1] if last else 2 * falling[0]
    below = falling[last] if last < len(falling) else falling[-1] / 2
    return float(np.sqrt(above * below)), float(scores[last])


_LOWEST, _HIGHEST = 1e-6, 1 - 1e-6  # thresholds are above 0 and below 1


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """Held-out probabilities (n_texts, n_labels), the truth, and the fold that held each row out."""

    probabilities: Probabilities
    targets: Targets
    folds: IntArray

    def take(self, rows: BoolArray) -> "_Held":
        return _Held(self.probabilities[rows], self.targets.take(rows), self.folds[rows])

    def answers(self, rule: Rule) -> tuple[BoolArray, Float64Array]:
        return applied(rule, self.probabilities, link=link_of(self.targets))


def fit_rule(
    held_out: Probabilities,
    targets: Targets,
    *,
    folds: IntArray,
    options: RuleOptions,
    unmet: WhereUnmet = "refuse",
) -> RuleFit:
    """Choose the rule that `options` wish for.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
        Calibrated; of each row, by what did not learn from it.
    folds : ndarray of shape (n_texts,), dtype=int64
    unmet : {"refuse", "nearest", "leave out"}
        What becomes of a wish that these rows do not allow to promise.

    Raises
    ------
    UsageError
        The label named is none of the labels, or must be named.
    InputError
        A wish cannot be promised; about how many rows would do is named, and what these allow.
    """
    column = _column(targets, options)
    held = _Held(held_out, targets, folds)
    chosen = _chosen(held, column, options)
    if chosen.lacking and unmet == "refuse":
        raise _refusal(chosen.lacking[0])
    if chosen.lacking and unmet == "leave out":  # one at a time: the answers of a missed threshold say nothing
        left = _without(options, chosen.lacking[0])
        kept = fit_rule(held_out, targets, folds=folds, options=left, unmet=unmet)
        return replace(kept, unmet=(_sentence(chosen.lacking[0]), *kept.unmet))
    favoured, answered = np.zeros_like(targets.members), np.zeros(len(targets), dtype=bool)
    for own, others in _in_turn(folds):
        rule = _chosen(held.take(others), column, options).rule
        favoured[own], sure = held.take(own).answers(rule)
        answered[own] = sure >= rule.answer_from
    if options.thresholds == "f1" and share_c(targets) and _is_no_better(favoured, held, options):
        plain = replace(options, thresholds=None)
        if not plain.is_plain:
            return fit_rule(held_out, targets, folds=folds, options=plain, unmet=unmet)
        favoured, answered = held.answers(Rule())[0], np.ones_like(answered)
        return RuleFit(rule=None, label=None, favoured=favoured, answered=answered, wishes=options)
    return RuleFit(
        rule=chosen.rule,
        label=None if column is None else targets.labels[column],
        favoured=favoured,
        answered=answered,
        wishes=options,
        promises=chosen.promises,
        unmet=tuple(_sentence(shortfall) for shortfall in chosen.lacking),
    )


def _in_turn(folds: IntArray) -> list[tuple[BoolArray, BoolArray]]:
    """Each fold's rows, and those to choose by what is tried on them: the others', or with one fold its own."""
    each = [folds == fold for fold in np.unique(folds)]
    return [(own, own if own.all() else ~own) for own in each]


@final
@dataclass(frozen=True, slots=True)
class _Shortfall:
    """A promise that the rows do not allow: of texts as sure as these (n_counted,), too few were right."""

    what: str
    promise: Promise  # As it was wished for
    sure: Float64Array
    right: BoolArray


@final
@dataclass(frozen=True, slots=True)
class _Chosen:
    """A rule, what it promises, and what it does not reach though that was wished for."""

    rule: Rule
    promises: tuple[Promise, ...] = ()
    lacking: tuple[_Shortfall, ...] = ()

    def promising(self, rule: Rule, kept: Promise | _Shortfall) -> "_Chosen":
        """A rule with one promise more, or one shortfall."""
        if isinstance(kept, Promise):
            return _Chosen(rule, (*self.promises, kept), self.lacking)
        return _Chosen(rule, self.promises, (*self.lacking, kept))


def _chosen(held: _Held, column: int | None, options: RuleOptions) -> _Chosen:
    """The rule chosen on these rows, as near to the wishes as can be."""
    chosen = _thresholds(held, column, options)
    if options.abstain_precision is None:
        return chosen
    favoured, sure = _answers_in_turn(held, column, options, chosen.rule)
    right = (favoured == held.targets.members).all(axis=1)
    of, what = _OF_ANSWERS[held.targets.kind]
    counted = _counted(held.targets)
    wished = Promise(of=of, share=options.abstain_precision, confidence=options.confidence, coverage=0.0, n=0)
    cut, kept = _promised(wished, what, sure[counted], right[counted])
    return chosen.promising(replace(chosen.rule, answer_from=cut.threshold), kept)


_OF_ANSWERS: dict[Kind, tuple[Literal["answers", "sets"], str]] = {
    "one label": ("answers", "a precision"),
    "several labels": ("sets", "a share of exactly right sets"),
}


def _counted(targets: Targets) -> IntArray:
    """The rows that a promise is tested on: of those that belong together the first, whatever is said of it."""
    if targets.together is None:
        return np.arange(len(targets), dtype=np.int64)
    return np.unique(targets.together, return_index=True)[1].astype(np.int64)


def _promised(wished: Promise, what: str, sure: Float64Array, right: BoolArray) -> tuple[Cut, Promise | _Shortfall]:
    """From which sureness (n_texts,) on to take texts, and what that promises, or why it does not."""
    choose = recalling_cut if wished.of == "recall" else precise_cut
    cut = choose(sure, right, share=wished.share, confidence=wished.confidence)
    if not cut.is_promised:
        return cut, _Shortfall(what, wished, sure, right)
    return cut, replace(wished, coverage=cut.count / len(sure), n=len(sure))


def _answers_in_turn(
    held: _Held, column: int | None, options: RuleOptions, rule: Rule
) -> tuple[BoolArray, Float64Array]:
    """What each row gets, and how sure that is, by thresholds that were chosen on the other folds, if any were."""
    if held.targets.exclusive and column is None and options.thresholds is None:
        return held.answers(rule)
    favoured, sure = np.zeros_like(held.targets.members), np.zeros(len(held.targets))
    for own, others in _in_turn(held.folds):
        favoured[own], sure[own] = held.take(own).answers(_thresholds(held.take(others), column, options).rule)
    return favoured, sure


def _thresholds(held: _Held, column: int | None, options: RuleOptions) -> _Chosen:
    """Thresholds as wished for; labels that do not exclude each other have that of their highest F1 in any case."""
    if not held.targets.exclusive:
        thresholds = best_thresholds(held.probabilities, held.targets.members, weights=held.targets.weights)
        plain = _Chosen(Rule(thresholds=tuple(thresholds.tolist())))
        if column is None:
            return plain
        thresholds[column], kept = _label_cut(held.probabilities[:, column], held.targets, column, options)
        return plain.promising(Rule(thresholds=tuple(thresholds.tolist())), kept)
    if column is not None:
        return _against_rivals(held, column, options)
    if options.thresholds == "f1":
        targets = held.targets
        return _Chosen(Rule(thresholds=macro_f1_thresholds(held.probabilities, targets.codes, targets.weights)))
    return _Chosen(Rule())


def _against_rivals(held: _Held, column: int, options: RuleOptions) -> _Chosen:
    """The label in `column` is taken where its share of it and its strongest rival together is at least a cut."""
    rival = np.delete(held.probabilities, column, axis=1).max(axis=1)
    claimed = held.probabilities[:, column]
    share = claimed / np.maximum(claimed + rival, np.finfo(np.float64).tiny)
    cut, kept = _label_cut(share, held.targets, column, options)
    thresholds = np.full(held.probabilities.shape[1], 1 - cut)
    thresholds[column] = cut
    return _Chosen(Rule()).promising(Rule(thresholds=tuple(thresholds.tolist())), kept)


def _label_cut(
    sure: Float64Array, targets: Targets, column: int, options: RuleOptions
) -> tuple[float, Promise | _Shortfall]:
    """From which sureness (n_texts,) on one label is taken."""
    of, share = options.threshold_for or ("precision", 0.0)
    wished = Promise(of=of, share=share, confidence=options.confidence, coverage=0.0, n=0)
    what = f"a {of} of {shown(targets.labels[column])}"
    counted = _counted(targets)
    cut, kept = _promised(wished, what, sure[counted], targets.members[counted, column])
    return float(np.clip(cut.threshold, _LOWEST, _HIGHEST)), kept


def _is_no_better(favoured: BoolArray, held: _Held, options: RuleOptions) -> bool:
    """Whether thresholds chosen on the other folds gain no macro F1; where rows are left unanswered, not asked."""
    if options.abstain_precision is not None:
        return False
    targets, n_labels = held.targets, len(held.targets.labels)
    gained, plain = (
        macro_f1_of(codes, targets.codes, n_labels, targets.weights)
        for codes in (favoured.argmax(axis=1), held.probabilities.argmax(axis=1))
    )
    return gained <= plain


def _column(targets: Targets, options: RuleOptions) -> int | None:
    """The column of the label to choose a threshold for."""
    if options.threshold_for is None:
        return None
    labels = targets.labels
    if options.threshold_label is None:
        if len(labels) == 2 and share_c(targets):
            return 1
        raise UsageError(
            f"A threshold is of one label: name which of the {len(labels)}.", hint="Add --threshold-label LABEL."
        )
    named = [place for place, label in enumerate(labels) if label == options.threshold_label]
    if not named:
        known = ", ".join(shown(label) for label in labels[:10]) + (", …" if len(labels) > 10 else "")
        raise UsageError(f"The threshold's label must be one of {known} (got {shown(options.threshold_label)}).")
    return named[0]


def _without(options: RuleOptions, lacking: _Shortfall) -> RuleOptions:
    """The other wishes."""
    is_of_label = lacking.promise.of in {"precision", "recall"}
    abstain_precision = options.abstain_precision if is_of_label else None
    threshold_for = None if is_of_label else options.threshold_for
    return RuleOptions(
        abstain_precision=abstain_precision,
        confidence=CONFIDENCE if abstain_precision is None and threshold_for is None else options.confidence,
        threshold_for=threshold_for,
        threshold_label=None if threshold_for is None else options.threshold_label,
        thresholds=options.thresholds,
    )


def _sentence(lacking: _Shortfall) -> str:
    """Why a wish was not met, and how many rows would do."""
    wished = lacking.promise
    said = (
        f"{len(lacking.sure):,} held-out texts cannot promise {lacking.what} of {wished.share:g} with "
        f"{100 * wished.confidence:g} % confidence"
    )
    if wished.of == "recall":
        count = texts_for_recall(lacking.right, share=wished.share, confidence=wished.confidence)
        if count is not None:
            return f"{said}: about {_rounded_up(count):,} texts would do."
    least = fewest_texts(wished.share, wished.confidence)
    if len(lacking.sure) < least:
        return f"{said}: {least:,} texts would be needed, if it were right about them all."
    needed = texts_for_precision(lacking.sure, lacking.right, share=wished.share, confidence=wished.confidence)
    if needed.as_seen is not None and needed.at_least is not None:
        return (
            f"{said}: right as often as here, about {_rounded_up(needed.as_seen):,} texts would do "
            f"({needed.at_least:,} at the least)."
        )
    if needed.at_least is not None:
        return (
            f"{said}: right as often as here, no number of texts would do. If more often than was seen, it takes "
            f"{needed.at_least:,} at the least."
        )
    surest = lacking.right[np.argsort(-lacking.sure, kind="stable")[:least]]
    return f"{said}, and more texts would hardly do: it is right about {surest.sum():,} of the {least:,} surest."


def _refusal(lacking: _Shortfall) -> InputError:
    for hundredth in range(math.ceil(100 * lacking.promise.share) - 1, 0, -1):
        asked = replace(lacking.promise, share=hundredth / 100)
        if isinstance(_promised(asked, lacking.what, lacking.sure, lacking.right)[1], Promise):
            return InputError(_sentence(lacking), hint=f"Ask for {asked.share:g} or less, or add texts.")
    return InputError(_sentence(lacking), hint="Add texts.")


def _rounded_up(count: int) -> int:
    """To two figures: it is an estimate."""
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // unit) * unit
