"""A review for a person at a terminal: a few lines, and of each kind the most telling examples.

In:   a `Review`.
Out:  rich output.
Not:  finding (review/), every row (the file of fixes, --json).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from frostline.report.phrases import count_text, printable
from frostline.review.results import LabelSummary, Leaked, Outlier, Repeated, Review, Wanted, WrongLabel

EXAMPLES = 3
_WIDEST = 76


def print_review(review: Review, name: str, console: Console) -> None:
    """The summary: `name` is the file's."""
    facts = f"{count_text(review.n_rows, 'row')}, {count_text(review.n_distinct, 'different text')}"
    console.print(Text(f"{printable(name)}: {facts}"))
    sections = [section for section in _sections(review) if section.n]
    for section in sections:
        console.print()
        console.print(Text(f"{section.n:,} {section.one if section.n == 1 else section.many}", style="bold"))
        for line, style in section.lines:
            _say(console, line, style=style)
    clear = [section.many for section in _sections(review) if not section.n]
    console.print()
    if clear:
        _say(console, f"None: {'; '.join(clear)}.", style="green")
    for note in review.notes:
        _say(console, f"! {printable(note, 400)}", style="yellow")
    _say(console, f"{review.n_read:,} texts read, {review.seconds:.1f} s", style="dim")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """One kind of finding: how many, what one and several are called, and examples with their styles."""

    n: int
    one: str
    many: str
    lines: Sequence[tuple[str, str]]


def _sections(review: Review) -> Iterator[_Section]:
    summary = review.labels
    if summary is not None:
        rest = f"to look at, of {summary.n_checked:,} checked"
        yield _Section(n=len(review.wrong), one=f"label {rest}", many=f"labels {rest}", lines=_labels(review, summary))
    yield _Section(
        n=len(review.conflicts),
        one="text stands there with two labels",
        many="texts stand there with two labels",
        lines=_repeats(review.conflicts[:EXAMPLES]),
    )
    yield _Section(
        n=len(review.exact),
        one="text is repeated with the same label",
        many="texts are repeated with the same label",
        lines=_repeats(review.exact[:EXAMPLES]),
    )
    yield _Section(
        n=len(review.near),
        one="group of texts is nearly the same",
        many="groups of texts are nearly the same",
        lines=_repeats(_telling(review.near)),
    )
    if review.n_test is not None:
        rest = f"of {review.n_test:,} also in this file, or nearly"
        lines = [(_leak(leak), "") for leak in review.leaked[:EXAMPLES]]
        yield _Section(n=len(review.leaked), one=f"test row {rest}", many=f"test rows {rest}", lines=lines)
    outliers = [(_outlier(found), "") for found in review.outliers[:EXAMPLES]]
    yield _Section(
        n=len(review.outliers), one="text is unlike all others", many="texts are unlike all others", lines=outliers
    )
    if review.pool is not None:
        left = review.pool.n_texts - review.pool.n_known - review.pool.n_repeats
        rest = f"to label next, of {left:,} new ones in {printable(review.pool.name)}"
        asked = [(_asked(wanted), "") for wanted in review.wanted]
        yield _Section(n=len(review.wanted), one=f"text {rest}", many=f"texts {rest}", lines=asked)


def _labels(review: Review, summary: LabelSummary) -> list[tuple[str, str]]:
    named = [
        f"{printable(a, 20)} \N{RIGHTWARDS ARROW} {printable(b, 20)} {n:,}" for a, b, n in summary.pairs[:EXAMPLES]
    ]
    lines = [(f"given \N{RIGHTWARDS ARROW} suggested: {', '.join(named)}", "dim")] if named else []
    for wrong in review.wrong[:EXAMPLES]:
        lines.append((_wrong(wrong), ""))
        lines += [
            (f"    near: line {near.line}, {printable(near.label, 20)}: {_quoted(near.text)}", "dim")
            for near in wrong.near[:1]
        ]
    return lines


def _wrong(wrong: WrongLabel) -> str:
    return (
        f"line {wrong.lines[0]}: {printable(wrong.label, 20)} ({100 * wrong.probability:.0f} %), rather "
        f"{printable(wrong.suggested, 20)} ({100 * wrong.probability_suggested:.0f} %): {_quoted(wrong.text)}"
    )


def _telling(groups: Sequence[Repeated]) -> list[Repeated]:
    """Those that contradict each other first, then the nearest."""
    return sorted(groups, key=lambda group: (not group.is_conflict, -group.cosine))[:EXAMPLES]


def _repeats(groups: Sequence[Repeated]) -> list[tuple[str, str]]:
    lines = []
    for group in groups:
        places = ", ".join(
            f"{line} ({printable(label, 20)})" for line, label in list(zip(group.lines, group.labels, strict=True))[:4]
        )
        more = f" and {len(group.lines) - 4} more" if len(group.lines) > 4 else ""
        lines.append((f"lines {places}{more}: {_quoted(group.texts[0])}", ""))
        lines += [(f"    {_quoted(text)}", "dim") for text in group.texts[1:2]]
    return lines


def _leak(leak: Leaked) -> str:
    how = "is" if leak.kind == "exact" else f"is nearly (cosine {leak.cosine:.2f})"
    return f"test line {leak.test_line} {how} line {leak.lines[0]}: {_quoted(leak.test_text)}"


def _outlier(found: Outlier) -> str:
    return f"line {found.lines[0]} ({printable(found.label, 20)}): {_quoted(found.text)}"


def _asked(wanted: Wanted) -> str:
    label = printable(wanted.label, 20)
    return f"line {wanted.line} ({label}? {100 * wanted.probability:.0f} %): {_quoted(wanted.text)}"


def _quoted(text: str) -> str:
    return printable(text, _WIDEST)


def _say(console: Console, words: str, *, style: str = "") -> None:
    console.print(Padding(Text(words, style=style), (0, 0, 0, 2), expand=False), highlight=False)
