"""A review for a person at a terminal: a few lines, and of each kind the most telling examples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from rich.console import Console
from rich.text import Text

from frostline.report import count_text, printable, seconds_text
from frostline.report.document import FORMAT, JSON, as_json
from frostline.report.lines import heading, say, warn
from frostline.review.results import (
    CellSummary,
    DoubtfulLabel,
    LabelSummary,
    Leaked,
    Outlier,
    Repeated,
    Review,
    Wanted,
    WrongLabel,
    verdict_on,
)
from frostline.targets import Names

EXAMPLES = 3
_WIDEST = 76


def print_review(review: Review, name: str, console: Console, *, columns: Sequence[str] = ()) -> None:
    """The summary: `name` is the file's, `columns` what of it was taken for what."""
    for line in columns:
        say(console, line)
    facts = f"{count_text(review.n_rows, 'row')}, {count_text(review.n_distinct, 'different text')}"
    console.print(Text(f"{printable(name)}: {facts}"))
    sections = [section for section in _sections(review) if section.n]
    for section in sections:
        heading(console, f"{section.n:,} {section.one if section.n == 1 else section.many}")
        for line, style in section.lines:
            say(console, line, style=style)
    clear = [section.is_none for section in _sections(review) if not section.n]
    console.print()
    if clear:
        say(console, f"Nothing found: {'; '.join(clear)}.", style="green")
    for note in review.notes:
        warn(console, note)
    say(console, f"{count_text(review.n_read, 'text')} read, {seconds_text(review.seconds)}", style="dim")


@final
@dataclass(frozen=True, slots=True)
class _Section:
    """One kind of finding: how many, what one and several are called, and examples with their styles."""

    n: int
    one: str
    many: str
    lines: Sequence[tuple[str, str]]
    none: str = ""

    @property
    def is_none(self) -> str:
        """What is said where there is none."""
        return self.none or f"no {self.one}"


def _sections(review: Review) -> Iterator[_Section]:
    two, same = ("labels", "label") if review.doubtful is None else ("sets of labels", "labels")
    rest, lines = f"more than once with different {two}", _repeats(review.conflicts[:EXAMPLES])
    yield _Section(len(review.conflicts), f"text appears {rest}", f"texts appear {rest}", lines)
    yield from _judged(review)
    if review.n_test is not None:
        of = f"of {review.n_test:,} test texts"
        one, many = "is a copy or near copy of a training text", "are copies or near copies of training texts"
        lines = [(_leak(leak), "") for leak in review.leaked[:EXAMPLES]]
        yield _Section(len(review.leaked), f"{of} {one}", f"{of} {many}", lines, f"no test text {one}")
    rest, lines = f"repeated with the same {same}", _repeats(review.exact[:EXAMPLES])
    yield _Section(len(review.exact), f"text is {rest}", f"texts are {rest}", lines)
    rest, lines = "nearly the same", _repeats(_telling(review.near))
    near = f"group of texts is {rest}", f"groups of texts are {rest}"
    yield _Section(len(review.near), *near, lines, f"no texts are {rest}")
    lines = [(_outlier(outlier), "") for outlier in review.outliers[:EXAMPLES]]
    yield _Section(len(review.outliers), "text is unlike all others", "texts are unlike all others", lines)
    if review.pool is not None:
        left = review.pool.n_texts - review.pool.n_known - review.pool.n_repeats
        rest = f"to label next, of {left:,} new ones in {printable(review.pool.name)}"
        lines = [(_asked(wanted), "") for wanted in review.wanted]
        yield _Section(len(review.wanted), f"text {rest}", f"texts {rest}", lines)


def _judged(review: Review) -> Iterator[_Section]:
    """The labels that look wrong, or are missing; nothing where none could be checked."""
    summary = review.labels
    if isinstance(summary, CellSummary):
        one, many = "place looks wrong or lacks a label", "places look wrong or lack a label"
        rest = f" ({summary.n_labels:,} labels checked on {count_text(summary.n_checked, 'text')})"
        doubtful = review.doubtful or ()
        lines = [*_unchecked(review, summary.n_checked), *_doubtful_labels(doubtful, summary)]
        yield _Section(len(doubtful), one + rest, many + rest, lines, f"no {one}")
    elif summary is not None:
        of, one = f"of {summary.n_checked:,} labels", "looks wrong"
        lines = [*_unchecked(review, summary.n_checked), *_labels(review, summary)]
        yield _Section(len(review.wrong), f"{of} {one}", f"{of} look wrong", lines, f"no label {one}")


def _unchecked(review: Review, n_checked: int) -> list[tuple[str, str]]:
    """Why fewer labels were checked than there are rows."""
    left = review.n_rows - n_checked
    if left <= 0:
        return []
    were = "row was" if left == 1 else "rows were"
    return [(f"{left:,} {were} not checked: a repeat counts once, and a label of one text is like no other", "dim")]


def _labels(review: Review, summary: LabelSummary) -> list[tuple[str, str]]:
    named = [
        f"{printable(a, 20)} \N{RIGHTWARDS ARROW} {printable(b, 20)} {n:,}" for a, b, n in summary.pairs[:EXAMPLES]
    ]
    lines = [(f"given \N{RIGHTWARDS ARROW} suggested: {', '.join(named)}", "dim")] if named else []
    for wrong in review.wrong[:EXAMPLES]:
        lines.append((_wrong(wrong), ""))
        lines += [
            (f"    near: line {near.line}, {_named(near.label)}: {_quoted(near.text)}", "dim")
            for near in wrong.near[:1]
        ]
    return lines


def _doubtful_labels(doubtful: Sequence[DoubtfulLabel], summary: CellSummary) -> list[tuple[str, str]]:
    """The labels most often concerned; the surest of what is missing and of what is wrong."""
    named = [
        f"{printable(label, 20)} ({', '.join(_counted((missing, 'missing'), (wrong, 'wrong')))})"
        for label, missing, wrong in summary.by_label[:EXAMPLES]
    ]
    lines = [(f"most often {', '.join(named)}", "dim")] if named else []
    for is_given in (False, True):
        for one in [one for one in doubtful if one.is_given is is_given][:EXAMPLES]:
            label = "'" + printable(one.label, 20) + "'"
            lines.append((f"line {one.lines[0]}: {verdict_on(one, label)}: {_quoted(one.text)}", ""))
            lines += [
                (f"    near: line {near.line} ({_named(near.label)}): {_quoted(near.text)}", "dim")
                for near in one.near[:1]
            ]
    return lines


def _counted(*counts: tuple[int, str]) -> list[str]:
    return [f"{count:,} {what}" for count, what in counts if count]


def _named(names: Names) -> str:
    """A label, or a set of labels."""
    if isinstance(names, str):
        return printable(names, 20)
    return ", ".join(printable(label, 20) for label in names) or "no label"


def _wrong(wrong: WrongLabel) -> str:
    return (
        f"line {wrong.lines[0]}: labelled {printable(wrong.label, 20)}; looks like "
        f"{printable(wrong.suggested, 20)} ({100 * wrong.probability_suggested:.0f} %): {_quoted(wrong.text)}"
    )


def _telling(groups: Sequence[Repeated]) -> list[Repeated]:
    """Those that contradict each other first, then the nearest."""
    return sorted(groups, key=lambda group: (not group.is_conflict, -group.cosine))[:EXAMPLES]


def _repeats(groups: Sequence[Repeated]) -> list[tuple[str, str]]:
    lines = []
    for group in groups:
        places = ", ".join(
            f"{line} ({_named(label)})" for line, label in list(zip(group.lines, group.labels, strict=True))[:4]
        )
        more = f" and {len(group.lines) - 4} more" if len(group.lines) > 4 else ""
        lines.append((f"lines {places}{more}: {_quoted(group.texts[0])}", ""))
        lines += [(f"    {_quoted(text)}", "dim") for text in group.texts[1:2]]
    return lines


def _leak(leak: Leaked) -> str:
    how = "is" if leak.kind == "exact" else f"is nearly (cosine {leak.cosine:.2f})"
    return f"test line {leak.test_line} {how} line {leak.lines[0]}: {_quoted(leak.test_text)}"


def _outlier(outlier: Outlier) -> str:
    return f"line {outlier.lines[0]} ({_named(outlier.label)}): {_quoted(outlier.text)}"


def _asked(wanted: Wanted) -> str:
    label = printable(wanted.label, 20)
    return f"line {wanted.line} ({label}? {100 * wanted.probability:.0f} %): {_quoted(wanted.text)}"


def _quoted(text: str) -> str:
    return printable(text, _WIDEST)


_INNER = frozenset({"rows"})  # row numbers mean nothing outside: lines do


def as_review_document(review: Review) -> dict[str, JSON]:
    """What `frostline review --json` prints."""
    return {
        "format": FORMAT,
        "n_rows": review.n_rows,
        "n_distinct": review.n_distinct,
        "labels": as_json(review.labels),
        **_doubted_labels(review),
        "conflicts": as_json(review.conflicts, without=_INNER),
        "repeated": as_json(review.exact, without=_INNER),
        "near": as_json(review.near, without=_INNER),
        "n_test": review.n_test,
        "leaked": as_json(review.leaked, without=_INNER),
        "outliers": as_json(review.outliers, without=_INNER),
        "pool": as_json(review.pool),
        "wanted": as_json(review.wanted, without=_INNER),
        "n_read": review.n_read,
        "seconds": {"read": review.seconds_read, "total": review.seconds},
        "notes": as_json(review.notes),
    }


_OF_SEVERAL = _INNER | {"is_given"}


def _doubted_labels(review: Review) -> dict[str, JSON]:
    """Where texts have several labels: those given that are probably wrong, and those probably missing."""
    if review.doubtful is None:
        return {"wrong": as_json(review.wrong, without=_INNER)}
    return {
        key: as_json(tuple(one for one in review.doubtful if one.is_given is is_given), without=_OF_SEVERAL)
        for key, is_given in (("wrong", True), ("missing", False))
    }
