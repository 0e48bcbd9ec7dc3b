"""How answers are made of probabilities: what may be wished for (wished.py), and the rule where nothing is."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, Probabilities
from frostline.errors import UsageError, shown
from frostline.head.linear import Calibration, Rule, logistic, mapped
from frostline.head.options import CONFIDENCE, ClassWeight, row_weights, share_c
from frostline.targets import Label, Targets

Target: TypeAlias = Literal["precision", "recall"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """What answers should be like."""

    # Answer only where so sure that this share of the answers is right; of several labels per text, exactly right.
    abstain_precision: float | None = None
    confidence: float = CONFIDENCE  # With which that precision, and what `threshold_for` says, are promised
    # Take one label from where on it reaches this precision (with as much recall as can be), or this recall (with as
    # much precision).
    threshold_for: tuple[Target, float] | None = None
    threshold_label: Label | None = None  # That label; None is the second of two that exclude each other
    # A threshold for each label, for the highest macro F1; several labels per text have that anyway.
    thresholds: Literal["f1"] | None = None

    def __post_init__(self) -> None:
        wishes: list[tuple[str, object]] = [("The precision to abstain for", self.abstain_precision)]
        if self.threshold_for is not None:
            wishes.append((f"The {self.threshold_for[0]} to reach", self.threshold_for[1]))
        for what, wish in wishes:
            if wish is not None and not (isinstance(wish, int | float | np.floating) and 0 < wish < 1):
                hint = ""
                if isinstance(wish, int | float) and 1 < wish < 100:
                    hint = f"A share is meant: did you mean {wish / 100:g}?"
                raise UsageError(f"{what} must be above 0 and below 1 (got {wish!r}).", hint=hint)
        of_each: object = self.thresholds
        if of_each not in {None, "f1"}:
            raise UsageError(f"thresholds must be 'f1', or None (got {shown(of_each)}).")
        sure: object = self.confidence  # of an estimator, which anybody may have given
        if not (isinstance(sure, int | float | np.floating) and 0.5 <= sure < 1):
            raise UsageError(f"The confidence of a promise must be from 0.5 up to below 1 (got {sure!r}).")
        if self.confidence != CONFIDENCE and self.abstain_precision is None and self.threshold_for is None:
            raise UsageError(
                "A confidence was named, but nothing to promise with it.",
                hint="Add --abstain-precision 0.95, or --threshold-for precision=0.9.",
            )
        if self.threshold_for is not None and self.thresholds is not None:
            raise UsageError("A threshold for one label and thresholds for macro F1 exclude each other.")
        if self.threshold_label is not None and self.threshold_for is None:
            raise UsageError(
                "A label for a threshold was named, but not what to reach with it.",
                hint="Add --threshold-for precision=0.9, or --threshold-for recall=0.9.",
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
@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What holds of new texts like those learned from, of any size of sample, with the stated confidence."""

    of: Literal["answers", "sets", "precision", "recall"]  # The last two: of the label that a threshold is for
    share: float  # At least
    confidence: float
    coverage: float  # Of the held-out rows, those answered, or taken for the label
    n: int  # Held-out rows that it was tested on, copies counted once


WhereUnmet: TypeAlias = Literal["refuse", "nearest", "leave out"]
"""What becomes of a promise that the rows do not allow; `nearest` is the rule that comes nearest to it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleFit:
    """A rule, and what it does to rows that did not choose it."""

    rule: Rule | None  # Chosen on all held-out rows. None: nothing beats the most probable label.
    label: Label | None  # That a threshold was chosen for
    favoured: BoolArray  # (n_texts, n_labels): What each row gets, sure or not, by the rule chosen on the other folds
    answered: BoolArray  # (n_texts,): Whether that rule is sure enough
    wishes: RuleOptions  # Those that it was chosen by
    promises: tuple[Promise, ...] = ()
    unmet: tuple[str, ...] = ()  # A sentence for each wish that was left out, or only approached


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
        return Rule(thresholds=tuple(best_thresholds(held_out, targets.members, weights=targets.weights).tolist()))
    if class_weight is None or calibration is None or calibration.method == "temperature":
        return None
    if len(targets.labels) == 2:
        middle = float(np.clip(mapped(np.array([[0.5, 0.5]]), calibration.knots)[0, 1], 1e-6, 1 - 1e-6))
        return Rule(thresholds=(1 - middle, middle))
    everything = np.ones((len(targets), 1), dtype=bool)
    weights = row_weights(class_weight, targets, targets.groups()[0], everything)[:, 0]
    each: Float64Array = np.array([weights[has].sum() for has in targets.members.T]) / targets.weighed_counts
    return Rule(thresholds=tuple(((1 / each) / (1 / each).sum()).tolist()))


FEWEST = 10
"""Labels on fewer texts take the threshold that is best for all labels together: their own would be chance."""

OWN_SHARE = 0.75
"""What a label's own threshold counts beside that of all labels (docs/decisions/0025)."""

LOWEST, HIGHEST = 1e-6, 1 - 1e-6


def best_thresholds(
    held_out: Probabilities, members: BoolArray, *, fewest: int = FEWEST, weights: Float64Array | None = None
) -> Float64Array:
    """The threshold (n_labels,) of each label that gives the highest F1 on the held-out rows, drawn to that of all.

    A threshold of a label's own is chosen by a few texts and is partly chance. A quarter of the way to the one that is
    best for all labels together, in log-odds, both the micro and the macro F1 of texts not seen are higher.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
    members : ndarray of shape (n_texts, n_labels), dtype=bool
    fewest : int
        Texts that a label must have for a threshold of its own.
    weights : ndarray of shape (n_texts,), optional
        How many texts each counts for, in F1.
    """
    counts = members.sum(axis=0)
    all_weights = None if weights is None else np.repeat(weights, members.shape[1])
    shared = best_threshold(held_out.ravel(), members.ravel(), all_weights)
    thresholds = np.full(len(counts), shared)
    often = np.flatnonzero(counts >= fewest)
    own: Float64Array = np.array([best_threshold(held_out[:, label], members[:, label], weights) for label in often])
    odds = OWN_SHARE * np.log(own / (1 - own)) + (1 - OWN_SHARE) * np.log(shared / (1 - shared))
    thresholds[often] = np.clip(logistic(odds), LOWEST, HIGHEST)
    return thresholds


def best_threshold(probabilities: Float64Array, members: BoolArray, weights: Float64Array | None = None) -> float:
    """The threshold of the highest F1: half-way between the last probability taken and the first one left.

    F1 changes only where a probability is passed, so all values that it takes are looked at. Of equal ones the
    highest threshold is taken, which answers least. 0.5 where no text has the label.
    """
    order = np.argsort(-probabilities, kind="stable")
    given, has = probabilities[order], members[order]
    if not has.any():
        return 0.5
    each = np.ones(len(given)) if weights is None else weights[order]
    hits, taken = np.cumsum(each * has), np.cumsum(each)
    scores = 2 * hits / (taken + hits[-1])
    ends = np.append(np.flatnonzero(given[1:] < given[:-1]), len(given) - 1)  # equal probabilities go together
    last = int(ends[scores[ends].argmax()])
    below = given[last + 1] if last + 1 < len(given) else 0.0
    return float(np.clip((given[last] + below) / 2, LOWEST, HIGHEST))
