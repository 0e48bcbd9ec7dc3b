"""Choose how answers are made of probabilities: when to give none, and from where on to take a label.

A threshold that just reaches a precision on some rows reaches it on new ones half of the time. So what must reach the
wish is not the share itself but its lower 90 % limit (Wilson, one-sided).
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.errors import InputError, UsageError, shown
from frostline.head.linear import NO_ANSWER, Calibration, Rule, applied, link_of, logistic, mapped
from frostline.head.options import ClassWeight, row_weights, share_c
from frostline.targets import Label, Targets

_PASSES = 5
_SMALLEST, _LARGEST = 1e-3, 1e3  # how far a label's threshold may be from the others'


def macro_f1_of(predicted: IntArray, codes: IntArray, n_labels: int) -> float:
    """The mean F1 of the labels that are true or predicted of a row; a code below 0 is no label."""
    hits = np.bincount(codes[predicted == codes], minlength=n_labels)
    occurring = np.bincount(codes, minlength=n_labels) + np.bincount(predicted[predicted >= 0], minlength=n_labels)
    present = occurring > 0
    return float((2 * hits[present] / occurring[present]).mean())


def macro_f1_thresholds(held_out: Probabilities, codes: IntArray) -> tuple[float, ...]:
    """Thresholds (of sum 1) that make macro F1 on these rows as high as label by label can make it.

    In turn each label's threshold is set where macro F1 is highest, the others' held: at each place where a row
    changes sides the F1 of all labels is known from running counts, so every threshold there is is looked at. Ends
    when a round gains nothing.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
    codes : ndarray of shape (n_texts,), dtype=int64
    """
    n_labels = held_out.shape[1]
    given = np.maximum(held_out, 1e-12)
    thresholds = np.full(n_labels, 1.0)
    score = macro_f1_of((given / thresholds).argmax(axis=1), codes, n_labels)
    for _ in range(_PASSES):
        before = score
        for label in range(1 if n_labels == 2 else 0, n_labels):
            threshold, found = _best_of(label, given, codes, thresholds)
            if found > score + 1e-12:
                thresholds[label], score = threshold, found
        if score <= before:
            break
    return tuple((thresholds / thresholds.sum()).tolist())


def _best_of(label: int, given: Probabilities, codes: IntArray, thresholds: Float64Array) -> tuple[float, float]:
    """The threshold of one label with the highest macro F1, the others' as they are; and that F1."""
    n_labels = given.shape[1]
    weighed = given / thresholds
    weighed[:, label] = -1.0
    rival = weighed.argmax(axis=1)
    ratio = np.clip(given[:, label] / weighed.max(axis=1), _SMALLEST, _LARGEST)
    order = np.argsort(-ratio, kind="stable")
    falling, true, other = ratio[order], codes[order], rival[order]
    taken_from = np.zeros((len(codes) + 1, n_labels))
    hits_lost = np.zeros((len(codes) + 1, n_labels))
    rows = np.arange(len(codes))
    taken_from[rows + 1, other] = 1.0
    hits_lost[rows + 1, other] = other == true
    np.cumsum(taken_from, axis=0, out=taken_from)
    np.cumsum(hits_lost, axis=0, out=hits_lost)
    predicted = taken_from[-1] - taken_from
    hits = hits_lost[-1] - hits_lost
    predicted[:, label] = np.arange(len(codes) + 1)
    hits[1:, label] = np.cumsum(true == label)
    hits[0, label] = 0.0
    occurring = predicted + np.bincount(codes, minlength=n_labels)
    present = occurring > 0
    scores = np.divide(2 * hits, occurring, out=np.zeros_like(hits), where=present).sum(axis=1) / present.sum(axis=1)
    ends = np.concatenate([[0], np.flatnonzero(falling[1:] < falling[:-1]) + 1, [len(falling)]])
    last = int(ends[scores[ends].argmax()])  # so many rows are taken
    above = falling[last - 1] if last else 2 * falling[0]
    below = falling[last] if last < len(falling) else falling[-1] / 2
    return float(np.sqrt(above * below)), float(scores[last])


Target: TypeAlias = Literal["precision", "recall"]

_Z90 = 1.2815515655446004  # the 0.9 quantile of the normal distribution
_LOWEST, _HIGHEST = 1e-6, 1 - 1e-6  # thresholds are above 0 and below 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """What answers should be like."""

    # Answer only where so sure that this share of the answers is right; of several labels per text, exactly right.
    abstain_precision: float | None = None
    # Take one label from where on it reaches this precision (with as much recall as can be), or this recall (with as
    # much precision).
    threshold_for: tuple[Target, float] | None = None
    threshold_label: Label | None = None  # That label; None is the second of two that exclude each other
    # A threshold for each label, for the highest macro F1; several labels per text have that anyway.
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
        """Whether nothing is wished for: always the most probable label, or those from their thresholds on."""
        return self.abstain_precision is None and self.threshold_for is None and self.thresholds is None


def parsed_wish(words: str) -> tuple[Target, float]:
    """`precision=0.9` as `RuleOptions.threshold_for` has it."""
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
    """A rule, and what it does to rows that did not choose it."""

    rule: Rule | None  # Chosen on all held-out rows. None: nothing beats the most probable label.
    label: Label | None  # That a threshold was chosen for
    favoured: BoolArray  # (n_texts, n_labels): What each row gets, sure or not, by the rule chosen on the other folds
    answered: BoolArray  # (n_texts,): Whether that rule is sure enough

    @property
    def held_out_codes(self) -> IntArray:
        """The answer to each row (n_texts,), or `NO_ANSWER`, where labels exclude each other."""
        return np.where(self.answered, self.favoured.argmax(axis=1), NO_ANSWER).astype(np.int64)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """Held-out probabilities (n_texts, n_labels) and the truth."""

    probabilities: Probabilities
    targets: Targets

    def take(self, rows: BoolArray) -> "_Held":
        return _Held(self.probabilities[rows], self.targets.take(rows))

    def answers(self, rule: Rule) -> tuple[BoolArray, Float64Array]:
        return applied(rule, self.probabilities, link=link_of(self.targets))


def default_rule(
    held_out: Probabilities, targets: Targets, *, calibration: Calibration | None, class_weight: ClassWeight
) -> Rule | None:
    """The rule where nothing is wished for.

    Labels that exclude each other: the most probable one; and where a weighted head was calibrated, the answers that
    it gave before, or nearly so. Otherwise each label's threshold is that of its highest F1.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
    calibration : Calibration or None
        Of the head.
    class_weight : mapping, str or None
        That the head was fitted with.
    """
    if not share_c(targets):
        return Rule(thresholds=tuple(best_thresholds(held_out, targets.members).tolist()))
    if class_weight is None or calibration is None or calibration.method == "temperature":
        return None
    if len(targets.labels) == 2:
        middle = float(np.clip(mapped(np.array([[0.5, 0.5]]), calibration.knots)[0, 1], 1e-6, 1 - 1e-6))
        return Rule(thresholds=(1 - middle, middle))
    everything = np.ones((len(targets), 1), dtype=bool)
    weights = row_weights(class_weight, targets, targets.groups()[0], everything)[:, 0]
    each: Float64Array = np.array([weights[has].mean() for has in targets.members.T])
    return Rule(thresholds=tuple(((1 / each) / (1 / each).sum()).tolist()))


def fit_rule(
    held_out: Probabilities,
    targets: Targets,
    *,
    folds: IntArray,
    options: RuleOptions,
    must_reach: bool = True,
) -> RuleFit:
    """Choose the rule that `options` wish for.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
        Calibrated; of each row, by what did not learn from it.
    folds : ndarray of shape (n_texts,), dtype=int64
    must_reach : bool
        Else the rule comes as near to the wish as can be.

    Raises
    ------
    UsageError
        The label named is none of the labels, or must be named.
    InputError
        No threshold reaches what is wished for; the best that can be reached is named.
    """
    column = _column(targets, options)
    held = _Held(held_out, targets)
    rule, shortfall = _chosen(held, column, options)
    if shortfall is not None and must_reach:
        raise _unreachable(shortfall)
    favoured, answered = np.zeros_like(targets.members), np.zeros(len(targets), dtype=bool)
    for fold in np.unique(folds):
        own = folds == fold
        own_rule, _ = _chosen(held.take(~own if not own.all() else own), column, options)
        favoured[own], sure = held.take(own).answers(own_rule)
        answered[own] = sure >= own_rule.answer_from
    if options.thresholds == "f1" and share_c(targets) and _is_no_better(favoured, held, options):
        plain = replace(options, thresholds=None)
        if plain.is_plain:
            return RuleFit(rule=None, label=None, favoured=held.answers(Rule())[0], answered=np.ones_like(answered))
        return fit_rule(held_out, targets, folds=folds, options=plain, must_reach=must_reach)
    label = None if column is None else targets.labels[column]
    return RuleFit(rule=rule, label=label, favoured=favoured, answered=answered)


@final
@dataclass(frozen=True, slots=True)
class _Shortfall:
    """What can be reached where the wish cannot: a lower limit, at a share of the rows answered."""

    what: str
    wanted: float
    best: float
    coverage: float


def _chosen(held: _Held, column: int | None, options: RuleOptions) -> tuple[Rule, _Shortfall | None]:
    """The rule chosen on these rows, as near to the wish as can be, and what is lacking, if anything is."""
    rule, lacking = _thresholds(held, column, options)
    if options.abstain_precision is None:
        return rule, lacking
    favoured, sure = held.answers(rule)
    right = (favoured == held.targets.members).all(axis=1)
    cut, best, count = _precise_cut(sure, right, options.abstain_precision)
    if best < options.abstain_precision:
        what = "a precision" if share_c(held.targets) else "a share of exactly right sets"
        lacking = lacking or _Shortfall(what, options.abstain_precision, best, count / len(right))
    return replace(rule, answer_from=cut), lacking


def _thresholds(held: _Held, column: int | None, options: RuleOptions) -> tuple[Rule, _Shortfall | None]:
    """Thresholds as wished for; labels that do not exclude each other have that of their highest F1 in any case."""
    if not held.targets.exclusive:
        thresholds = best_thresholds(held.probabilities, held.targets.members)
        lacking = None
        if column is not None:
            cut, lacking = _cut(held.probabilities[:, column], held.targets, column, options)
            thresholds[column] = cut
        return Rule(thresholds=tuple(thresholds.tolist())), lacking
    if column is not None:
        return _against_rivals(held, column, options)
    if options.thresholds == "f1":
        return Rule(thresholds=macro_f1_thresholds(held.probabilities, held.targets.codes)), None
    return Rule(), None


def _against_rivals(held: _Held, column: int, options: RuleOptions) -> tuple[Rule, _Shortfall | None]:
    """The label in `column` is taken where its share of it and its strongest rival together is at least a cut."""
    rival = np.delete(held.probabilities, column, axis=1).max(axis=1)
    own = held.probabilities[:, column]
    share = own / np.maximum(own + rival, np.finfo(np.float64).tiny)
    cut, lacking = _cut(share, held.targets, column, options)
    thresholds = np.full(held.probabilities.shape[1], 1 - cut)
    thresholds[column] = cut
    return Rule(thresholds=tuple(thresholds.tolist())), lacking


def _cut(share: Float64Array, targets: Targets, column: int, options: RuleOptions) -> tuple[float, _Shortfall | None]:
    """From which share (n_texts,) on one label is taken."""
    target, wanted = options.threshold_for or ("precision", 0.0)
    choose = _precise_cut if target == "precision" else _recalling_cut
    cut, best, count = choose(share, targets.members[:, column], wanted)
    what = f"a {target} of {shown(targets.labels[column])}"
    lacking = None if best >= wanted else _Shortfall(what, wanted, best, count / len(share))
    return float(np.clip(cut, _LOWEST, _HIGHEST)), lacking


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


def _is_no_better(favoured: BoolArray, held: _Held, options: RuleOptions) -> bool:
    """Whether thresholds chosen on the other folds gain no macro F1; where rows are left unanswered, not asked."""
    if options.abstain_precision is not None:
        return False
    n_labels, codes = len(held.targets.labels), held.targets.codes
    plain = held.probabilities.argmax(axis=1)
    return macro_f1_of(favoured.argmax(axis=1), codes, n_labels) <= macro_f1_of(plain, codes, n_labels)


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


def _unreachable(lacking: _Shortfall) -> InputError:
    below = math.floor(100 * lacking.best) / 100
    return InputError(
        f"No threshold is sure to reach {lacking.what} of {lacking.wanted:g} on held-out rows: the best lower limit is "
        f"{lacking.best:.3f}, taking {100 * lacking.coverage:.0f} % of the texts.",
        hint=f"Ask for {below:g} or less, or train on more rows."
        if below > 0
        else "Train on more rows: these are too few to promise anything.",
    )


FEWEST = 10
"""Labels on fewer texts take the threshold that is best for all labels together: their own would be chance."""

OWN_SHARE = 0.75
"""What a label's own threshold counts beside that of all labels (docs/decisions/0025)."""

LOWEST, HIGHEST = 1e-6, 1 - 1e-6


def best_thresholds(held_out: Probabilities, members: BoolArray, *, fewest: int = FEWEST) -> Float64Array:
    """The threshold (n_labels,) of each label that gives the highest F1 on the held-out rows, drawn to that of all.

    A threshold of a label's own is chosen by a few texts and is partly chance. A quarter of the way to the one that is
    best for all labels together, in log-odds, both the micro and the macro F1 of texts not seen are higher.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
    members : ndarray of shape (n_texts, n_labels), dtype=bool
    fewest : int
        Texts that a label must have for a threshold of its own.
    """
    counts = members.sum(axis=0)
    shared = best_threshold(held_out.ravel(), members.ravel())
    own = np.full(len(counts), shared)
    for label in np.flatnonzero(counts >= fewest):
        own[label] = best_threshold(held_out[:, label], members[:, label])
    odds = OWN_SHARE * np.log(own / (1 - own)) + (1 - OWN_SHARE) * np.log(shared / (1 - shared))
    drawn: Float64Array = np.clip(logistic(odds), LOWEST, HIGHEST)
    return drawn


def best_threshold(probabilities: Float64Array, members: BoolArray) -> float:
    """The threshold of the highest F1: half-way between the last probability taken and the first one left.

    F1 changes only where a probability is passed, so all values that it takes are looked at. Of equal ones the
    highest threshold is taken, which answers least. 0.5 where no text has the label.
    """
    order = np.argsort(-probabilities, kind="stable")
    given, has = probabilities[order], members[order]
    if not has.any():
        return 0.5
    hits = np.cumsum(has)
    taken = np.arange(1, len(given) + 1)
    scores = 2 * hits / (taken + hits[-1])
    ends = np.append(np.flatnonzero(given[1:] < given[:-1]), len(given) - 1)  # equal probabilities go together
    last = int(ends[scores[ends].argmax()])
    below = given[last + 1] if last + 1 < len(given) else 0.0
    return float(np.clip((given[last] + below) / 2, LOWEST, HIGHEST))
