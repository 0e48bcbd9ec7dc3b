"""Choose how answers are made of probabilities: when to give none, and from where on to take a label.

In:   held-out probabilities, the true codes, the folds, what is wished for.
Out:  a `RuleFit`: the rule for the head, and the answers that each fold's rows get by a rule chosen on the others.
Not:  applying it (rule.py), measuring it (evaluate/answers.py), several labels per text (thresholds.py).

A threshold that just reaches a precision on some rows reaches it on new ones half of the time. So what must reach the
wish is not the share itself but its lower 90 % limit (Wilson, one-sided).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.errors import InputError, UsageError, shown
from frostline.head.linear import Label
from frostline.head.macro_f1 import macro_f1_of, macro_f1_thresholds
from frostline.head.rule import Rule

Target: TypeAlias = Literal["precision", "recall"]

_Z90 = 1.2815515655446004  # the 0.9 quantile of the normal distribution
_LOWEST, _HIGHEST = 1e-6, 1 - 1e-6  # thresholds are above 0 and below 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """What answers should be like.

    Parameters
    ----------
    abstain_precision : float or None
        Answer only where so sure that this share of the answers is right.
    threshold_for : {"precision", "recall"} and float, or None
        Take one label from where on it reaches this precision (with as much recall as can be), or this recall (with
        as much precision).
    threshold_label : str, int, bool or None
        That label; None is the second of two.
    thresholds : {"f1"} or None
        A threshold for each label, for the highest macro F1.
    """

    abstain_precision: float | None = None
    threshold_for: tuple[Target, float] | None = None
    threshold_label: Label | None = None
    thresholds: Literal["f1"] | None = None

    def __post_init__(self) -> None:
        wishes = [("The precision to abstain for", self.abstain_precision)]
        if self.threshold_for is not None:
            wishes.append((f"The {self.threshold_for[0]} to reach", self.threshold_for[1]))
        for what, wish in wishes:
            if wish is not None and not 0 < wish < 1:
                raise UsageError(f"{what} must be above 0 and below 1 (got {wish}).")
        if self.threshold_for is not None and self.thresholds is not None:
            raise UsageError("A threshold for one label and thresholds for macro F1 exclude each other.")
        if self.threshold_label is not None and self.threshold_for is None:
            raise UsageError(
                "A label for a threshold was named, but not what to reach with it.",
                hint="Add --threshold-for precision=0.9 or recall=0.9.",
            )

    @property
    def is_plain(self) -> bool:
        """Whether nothing is wished for: the most probable label, always."""
        return self.abstain_precision is None and self.threshold_for is None and self.thresholds is None


def parsed_wish(words: str) -> tuple[Target, float]:
    """`precision=0.9` as `RuleOptions.threshold_for` has it.

    Raises
    ------
    UsageError
        The words are no such wish.
    """
    name, _, value = words.partition("=")
    try:
        share = float(value)
    except ValueError:
        name, share = "", 0.0
    match name:
        case "precision" | "recall":
            return name, share
        case _:
            raise UsageError(f"A threshold must be for precision=0.9, recall=0.9 or the like (got {shown(words)}).")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleFit:
    """A rule, and what it does to rows that did not choose it.

    Parameters
    ----------
    rule : Rule or None
        Chosen on all held-out rows. None: nothing beats the most probable label.
    label : str, int, bool or None
        That a threshold was chosen for.
    held_out_codes : ndarray of shape (n_texts,), dtype=int64
        The answer to each row, or `NO_ANSWER`, by the rule chosen on the other folds.
    """

    rule: Rule | None
    label: Label | None
    held_out_codes: IntArray


def fit_rule(  # noqa: PLR0913 - three arrays and their labels, and two things to be told
    held_out: Probabilities,
    codes: IntArray,
    *,
    folds: IntArray,
    labels: Sequence[Label],
    options: RuleOptions,
    must_reach: bool = True,
) -> RuleFit:
    """Choose the rule that `options` wish for.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
        Calibrated; of each row, by what did not learn from it.
    codes, folds : ndarrays of shape (n_texts,), dtype=int64
    labels : sequence of n_labels str, int or bool
    options : RuleOptions
    must_reach : bool
        Else the rule comes as near to the wish as can be.

    Raises
    ------
    UsageError
        The label named is none of the labels, or must be named.
    InputError
        No threshold reaches what is wished for; the best that can be reached is named.
    """
    column = _column(labels, options)
    rule, shortfall = _chosen(held_out, codes, column, options)
    if shortfall is not None and must_reach:
        raise _unreachable(shortfall, options, labels, column)
    found = np.empty(len(codes), dtype=np.int64)
    for fold in np.unique(folds):
        own = folds == fold
        others = ~own if not own.all() else own
        found[own] = _chosen(held_out[others], codes[others], column, options)[0].codes(held_out[own])
    if options.thresholds == "f1" and _is_no_better(found, held_out, codes, options):
        plain = replace(options, thresholds=None)
        if plain.is_plain:
            return RuleFit(rule=None, label=None, held_out_codes=held_out.argmax(axis=1))
        return fit_rule(held_out, codes, folds=folds, labels=labels, options=plain, must_reach=must_reach)
    return RuleFit(rule=rule, label=None if column is None else labels[column], held_out_codes=found)


@final
@dataclass(frozen=True, slots=True)
class _Shortfall:
    """What can be reached where the wish cannot: a lower limit, at a share of the rows answered."""

    target: str
    best: float
    coverage: float


def _chosen(
    held_out: Probabilities, codes: IntArray, column: int | None, options: RuleOptions
) -> tuple[Rule, _Shortfall | None]:
    """The rule chosen on these rows, as near to the wish as can be, and what is lacking, if anything is."""
    rule, lacking = Rule(), None
    if options.threshold_for is not None and column is not None:
        rule, lacking = _for_label(held_out, codes, column, options.threshold_for)
    elif options.thresholds == "f1":
        rule = Rule(thresholds=macro_f1_thresholds(held_out, codes))
    if options.abstain_precision is None:
        return rule, lacking
    taken = rule.codes(held_out)
    sure = held_out[np.arange(len(codes)), taken]
    cut, best, count = _precise_cut(sure, taken == codes, options.abstain_precision)
    if best < options.abstain_precision:
        lacking = lacking or _Shortfall("precision", best, count / len(codes))
    return replace(rule, answer_from=cut), lacking


def _for_label(
    held_out: Probabilities, codes: IntArray, column: int, wish: tuple[Target, float]
) -> tuple[Rule, _Shortfall | None]:
    """The label in `column` is taken where its share of it and its strongest rival together is at least a cut."""
    target, wanted = wish
    rival = np.delete(held_out, column, axis=1).max(axis=1)
    own = held_out[:, column]
    share = own / np.maximum(own + rival, np.finfo(np.float64).tiny)
    has = codes == column
    if target == "precision":
        cut, best, count = _precise_cut(share, has, wanted)
    else:
        cut, best, count = _recalling_cut(share, has, wanted)
    lacking = None if best >= wanted else _Shortfall(target, best, count / len(codes))
    cut = float(np.clip(cut, _LOWEST, _HIGHEST))
    thresholds = np.full(held_out.shape[1], 1 - cut)
    thresholds[column] = cut
    return Rule(thresholds=tuple(thresholds.tolist())), lacking


def _precise_cut(sure: Float64Array, right: BoolArray, wanted: float) -> tuple[float, float, int]:
    """From where on to answer: the most answers whose lower limit of precision is as wanted, or the best limit.

    Returns
    -------
    cut, limit, count : float, float, int
        The threshold, the lower 90 % limit of the share right from there on, and how many rows that is.
    """
    order = np.argsort(-sure, kind="stable")
    falling, hits = sure[order], np.cumsum(right[order])
    ends = np.append(np.flatnonzero(falling[1:] < falling[:-1]), len(falling) - 1)  # equals go together
    limits = _lower_limits(hits[ends], ends + 1)
    good = np.flatnonzero(limits >= wanted)
    place = int(good[-1]) if len(good) else int(limits.argmax())
    return _between(falling, int(ends[place])), float(limits[place]), int(ends[place]) + 1


def _recalling_cut(share: Float64Array, has: BoolArray, wanted: float) -> tuple[float, float, int]:
    """From where on to take a label: the fewest rows whose lower limit of recall is as wanted, or all rows."""
    order = np.argsort(-share, kind="stable")
    falling, hits = share[order], np.cumsum(has[order])
    ends = np.append(np.flatnonzero(falling[1:] < falling[:-1]), len(falling) - 1)
    limits = _lower_limits(hits[ends], np.full(len(ends), max(1, int(hits[-1]))))
    good = np.flatnonzero(limits >= wanted)
    place = int(good[0]) if len(good) else len(ends) - 1
    return _between(falling, int(ends[place])), float(limits[place]), int(ends[place]) + 1


def _between(falling: Float64Array, last: int) -> float:
    """Half-way between the last one taken and the first one left, so that rounding cannot move a row across."""
    return float((falling[last] + falling[last + 1]) / 2) if last + 1 < len(falling) else 0.0


def _lower_limits(hits: IntArray, counts: IntArray) -> Float64Array:
    """Wilson's one-sided 90 % lower limit of each share."""
    share, squared = hits / counts, _Z90 * _Z90
    half = _Z90 * np.sqrt(share * (1 - share) / counts + squared / (4.0 * counts.astype(np.float64) ** 2))
    limits: Float64Array = (share + squared / (2 * counts) - half) / (1 + squared / counts)
    return limits


def _is_no_better(found: IntArray, held_out: Probabilities, codes: IntArray, options: RuleOptions) -> bool:
    """Whether thresholds chosen on the other folds gain no macro F1; where rows are left unanswered, not asked."""
    if options.abstain_precision is not None:
        return False
    n_labels = held_out.shape[1]
    return macro_f1_of(found, codes, n_labels) <= macro_f1_of(held_out.argmax(axis=1), codes, n_labels)


def _column(labels: Sequence[Label], options: RuleOptions) -> int | None:
    """The column of the label to choose a threshold for."""
    if options.threshold_for is None:
        return None
    if options.threshold_label is None:
        if len(labels) == 2:
            return 1
        raise UsageError(
            f"A threshold is of one label: name which of the {len(labels)}.", hint="Add --threshold-label LABEL."
        )
    named = [place for place, label in enumerate(labels) if label == options.threshold_label]
    if not named:
        known = ", ".join(shown(label) for label in labels[:10]) + (", …" if len(labels) > 10 else "")
        raise UsageError(f"The threshold's label must be one of {known} (got {shown(options.threshold_label)}).")
    return named[0]


def _unreachable(lacking: _Shortfall, options: RuleOptions, labels: Sequence[Label], column: int | None) -> InputError:
    wanted = options.abstain_precision if column is None else (options.threshold_for or ("", 0.0))[1]
    of = "" if column is None else f" of {shown(labels[column])}"
    below = math.floor(100 * lacking.best) / 100
    return InputError(
        f"No threshold is sure to reach a {lacking.target}{of} of {wanted:g} on held-out rows: the best lower limit is "
        f"{lacking.best:.3f}, taking {100 * lacking.coverage:.0f} % of the texts.",
        hint=f"Ask for {below:g} or less, or train on more rows."
        if below > 0
        else "Train on more rows: these are too few to promise anything.",
    )
