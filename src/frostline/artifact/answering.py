"""The members of a manifest that say how decisions become probabilities, and probabilities answers.

In:   values from JSON, and where they stand.
Out:  a `Calibration`, a `Rule`, the answers of the self-test; or one error.
Not:  applying them (head/).

File format: docs/formats/artifact.md.
"""

from itertools import pairwise
from typing import Any, Literal, TypeAlias

from frostline.artifact.fields import array, integer, members, number, text
from frostline.errors import ArtifactCorrupt, shown
from frostline.head.calibration import Calibration, Knots
from frostline.head.linear import Link
from frostline.head.rule import Rule

Kind: TypeAlias = Literal["one label", "several labels"]
Answer: TypeAlias = int | tuple[int, ...] | None
"""A column, or None for no answer; columns, ascending, where a text may have several labels."""

KINDS: dict[Link, Kind] = {"softmax": "one label", "logistic": "several labels"}
LINKS: dict[Kind, Link] = {kind: link for link, kind in KINDS.items()}

MAX_KNOTS = 512
MAX_TEMPERATURE = 1e6
MIN_THRESHOLD = 1e-12  # and as far below 1: a probability is divided by it


def read_kind(value: Any, at: str) -> Kind:
    """How many labels a text may have."""
    found = text(value, at, limit=100)
    for kind in LINKS:
        if found == kind:
            return kind
    raise ArtifactCorrupt(f"{at} must be one of {', '.join(map(shown, LINKS))} (got {shown(found)}).")


def read_calibration(value: Any, at: str, *, n_labels: int, link: Link) -> Calibration | None:
    """A temperature, or an isotonic map for each label (for the second alone, of two that exclude each other)."""
    if value is None:
        return None
    found = members(value, at, names=("method", "temperature", "knots"))
    temperature = number(found["temperature"], f"{at}.temperature", low=1 / MAX_TEMPERATURE, high=MAX_TEMPERATURE)
    match found["method"]:
        case "temperature":
            array(found["knots"], f"{at}.knots", low=0, high=0)
            return Calibration(method="temperature", temperature=temperature)
        case "isotonic":
            n_maps = 1 if link == "softmax" and n_labels == 2 else n_labels
            maps = array(found["knots"], f"{at}.knots", low=n_maps, high=n_maps)
            number(temperature, f"{at}.temperature, for isotonic,", low=1, high=1)
            knots = tuple(_knots(own, f"{at}.knots[{place}]") for place, own in enumerate(maps))
            return Calibration(method="isotonic", knots=knots)
        case _:
            raise ArtifactCorrupt(f"{at}.method must be temperature or isotonic (got {shown(found['method'])}).")


def read_rule(value: Any, at: str, *, n_labels: int, link: Link) -> Rule | None:
    """Thresholds, one per label or none; and from which probability on there is an answer."""
    if value is None:
        return None
    found = members(value, at, names=("thresholds", "answer_from"))
    given = array(found["thresholds"], f"{at}.thresholds", low=0, high=n_labels)
    if len(given) not in {0, n_labels}:
        raise ArtifactCorrupt(f"{at}.thresholds must have {n_labels:,} items or none (got {len(given):,}).")
    thresholds = tuple(
        number(item, f"{at}.thresholds[{place}]", low=MIN_THRESHOLD, high=1 - MIN_THRESHOLD)
        for place, item in enumerate(given)
    )
    highest = 1.0 if link == "softmax" else 0.0  # several labels per text: none of them is the answer
    return Rule(
        thresholds=thresholds, answer_from=number(found["answer_from"], f"{at}.answer_from", low=0, high=highest)
    )


def read_answers(value: Any, at: str, *, n: int, n_labels: int, link: Link) -> tuple[Answer, ...]:
    """`n` answers as columns."""
    return tuple(
        _answer(item, f"{at}[{place}]", n_labels, link) for place, item in enumerate(array(value, at, low=n, high=n))
    )


def _answer(value: Any, at: str, n_labels: int, link: Link) -> Answer:
    if link == "softmax":
        return None if value is None else integer(value, at, high=n_labels - 1)
    found = [integer(column, at, high=n_labels - 1) for column in array(value, at, low=0, high=n_labels)]
    _ascending(found, at)
    return tuple(found)


def _knots(value: Any, at: str) -> Knots:
    """At least two points (before, after); `before` ascends, `after` never descends."""
    points = []
    for place, item in enumerate(array(value, at, low=2, high=MAX_KNOTS)):
        before, after = array(item, f"{at}[{place}]", low=2, high=2)
        points.append((number(before, f"{at}[{place}]", low=0, high=1), number(after, f"{at}[{place}]", low=0, high=1)))
    _ascending([before for before, _ in points], at)
    if any(one > other for (_, one), (_, other) in pairwise(points)):
        raise ArtifactCorrupt(f"{at} must not take a larger probability to a smaller one.")
    return tuple(points)


def _ascending(values: list[Any], at: str) -> None:
    if any(not one < other for one, other in pairwise(values)):
        raise ArtifactCorrupt(f"{at} must ascend.")
