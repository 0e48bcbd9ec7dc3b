"""A review as rows of the file of fixes: one per row to look at, with what to do and why, in words.

In:   a `Review`, the file that was reviewed.
Out:  `FixRow`s, the most pressing first.
Not:  writing them (data/fixes_file.py).

A row that is found for several reasons stands there once, with all of them; the advice is that of the weightiest:
what was in the test file is dropped, a copy of an earlier row is dropped, a label is changed where the review is sure
(score `SURE` or more: docs/decisions/0014-review.md says how often it was right), the rest is to be looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, final

from frostline.data.dataset import Dataset
from frostline.data.fixes_file import FixRow
from frostline.errors import shown
from frostline.review.results import Leaked, Repeated, Review, WrongLabel

Advice = Literal["drop", "relabel", "look"]
SURE = 0.9
_WEIGHT: dict[str, int] = {"drop": 2, "relabel": 1, "look": 0}


def fix_rows(review: Review, dataset: Dataset, *, take_advice: bool = False) -> Iterator[FixRow]:
    """The rows to look at.

    Parameters
    ----------
    review : Review
    dataset : Dataset
        The file that was reviewed.
    take_advice : bool
        The action is the advice where that is to drop or to relabel; otherwise it is to keep, whatever the advice.
    """
    found: dict[int, _Row] = {}
    for reason in _reasons(review):
        known = found.setdefault(reason.row, _Row(reason.row))
        known.reasons.append(reason.words)
        known.suggested = known.suggested or reason.suggested
        known.advice = max(known.advice, reason.advice, key=_WEIGHT.__getitem__)
        known.score = max(known.score, reason.score)
    for known in sorted(found.values(), key=lambda item: (-item.score, item.row)):
        advice = known.advice
        yield FixRow(
            action=advice if take_advice and advice != "look" else "keep",
            advice=advice,
            line=dataset.lines[known.row],
            label=dataset.labels[known.row],
            suggested=known.suggested,
            score=known.score,
            reason="; ".join(known.reasons),
            text=dataset.texts[known.row],
        )


def why_wrong(wrong: WrongLabel) -> str:
    """Why a label is probably wrong, in a sentence."""
    given, other = shown(wrong.label, 40), shown(wrong.suggested, 40)
    words = (
        f"the label {other} looks likelier: heads that did not see the text give {given} {_share(wrong.probability)} "
        f"and {other} {_share(wrong.probability_suggested)}; "
        f"of the nearest texts {_share(wrong.votes_suggested)} are {other}"
    )
    if wrong.near:
        nearest = wrong.near[0]
        words += f", such as line {nearest.line}: {shown(nearest.text, 80)}"
    return words


@final
@dataclass(frozen=True, slots=True)
class _Reason:
    """Why to look at a row, what to do, how sure that is, and the label to give it if there is a better one."""

    row: int
    advice: Advice
    score: float
    words: str
    suggested: str = ""


@final
@dataclass(slots=True)
class _Row:
    """What was found of one row so far."""

    row: int
    advice: Advice = "look"
    suggested: str = ""
    score: float = 0.0
    reasons: list[str] = field(default_factory=list)


def _reasons(review: Review) -> Iterator[_Reason]:
    """The weightiest suggestion of a label first."""
    for group in review.conflicts:
        yield from _conflict(group)
    for wrong in review.wrong:
        for row in wrong.rows:
            advice: Advice = "relabel" if wrong.score >= SURE else "look"
            yield _Reason(row, advice, wrong.score, why_wrong(wrong), suggested=wrong.suggested)
    for group in review.exact:
        for row in group.rows[1:]:
            yield _Reason(row, "drop", 1.0, f"the same text, with the same label, as line {group.lines[0]}")
    for leak in review.leaked:
        yield from _leak(leak)
    for group in review.near:
        yield from _near(group)
    for outlier in review.outliers:
        words = f"unlike all other texts ({outlier.deviations:.1f} robust deviations farther from its nearest)"
        for row in outlier.rows:
            yield _Reason(row, "look", min(1.0, outlier.score), words)


def _leak(leak: Leaked) -> Iterator[_Reason]:
    """What is in the test file, to the letter, must not be learned."""
    is_same = leak.kind == "exact"
    words = "the same text as" if is_same else f"nearly the text (cosine {leak.cosine:.2f}) of"
    for row in leak.rows:
        yield _Reason(
            row, "drop" if is_same else "look", leak.cosine, f"{words} line {leak.test_line} of the test file"
        )


def _near(group: Repeated) -> Iterator[_Reason]:
    """All but the first of a group; more pressing where their labels differ."""
    words = f"nearly the text of line {group.lines[0]} (cosine {group.cosine:.2f} or more)"
    if group.is_conflict:
        words += f", with labels {', '.join(shown(label, 40) for label in sorted(set(group.labels)))}"
    for row in group.rows[1:]:
        yield _Reason(row, "look", 0.9 if group.is_conflict else 0.5, words)


def _conflict(group: Repeated) -> Iterator[_Reason]:
    """Every row of a text with two labels; those that have the likelier one are only to be looked at."""
    for row, label in zip(group.rows, group.labels, strict=True):
        others = [
            f"line {line} ({shown(other, 40)})"
            for line, other in zip(group.lines, group.labels, strict=True)
            if other != label
        ]
        words = "the same text with another label in " + ", ".join(others[:5]) + (", …" if len(others) > 5 else "")
        is_other = bool(group.suggested) and group.suggested != label
        suggested = group.suggested if is_other else ""
        yield _Reason(row, "relabel" if is_other else "look", 1.0, words, suggested=suggested)


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
