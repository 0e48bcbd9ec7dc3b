"""A review for a person at a terminal: a few lines, and of each kind the most telling examples.

In:   a `Review`.
Out:  rich output.
Not:  finding (review/), every row (the file of fixes, --json).
"""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from frostline.report.phrases import count_text, printable
from frostline.review.results import Leaked, Outlier, Repeated, Review, Wanted, WrongLabel

EXAMPLES = 3
_WIDEST = 76


def print_review(review: Review, name: str, console: Console) -> None:
    """The summary: `name` is the file's."""
    extra = review.n_rows - review.n_distinct
    console.print(
        Text(
            f"{printable(name)}: {count_text(review.n_rows, 'row')}, {count_text(review.n_distinct, 'different text')}"
        )
    )
    _labels(console, review)
    _section(
        console,
        len(review.conflicts),
        "text stands there with two labels",
        "texts stand there with two labels",
        [line for group in review.conflicts[:EXAMPLES] for line in _repeat(group)],
    )
    _section(
        console,
        len(review.exact),
        f"text is repeated with one label ({count_text(extra, 'row')} more than texts)",
        f"texts are repeated with one label ({count_text(extra, 'row')} more than texts)",
        [line for group in review.exact[:EXAMPLES] for line in _repeat(group)],
    )
    _section(
        console,
        len(review.near),
        "group of texts is nearly the same",
        "groups of texts are nearly the same",
        [line for group in _telling(review.near) for line in _repeat(group)],
    )
    if review.n_test is not None:
        what = f"of {count_text(review.n_test, 'test row')} also in this file, or nearly"
        _section(console, len(review.leaked), what, what, [_leak(leak) for leak in review.leaked[:EXAMPLES]])
    _section(
        console,
        len(review.outliers),
        "text is unlike all others",
        "texts are unlike all others",
        [_outlier(found) for found in review.outliers[:EXAMPLES]],
    )
    _wanted(console, review)
    for note in review.notes:
        _say(console, f"! {printable(note, 400)}", style="yellow")
    _say(console, f"{review.n_read:,} texts read, {review.seconds:.1f} s", style="dim")


def _labels(console: Console, review: Review) -> None:
    summary = review.labels
    if summary is None:
        return
    one = f"label to look at, of {summary.n_checked:,} checked"
    _section(console, len(review.wrong), one, one.replace("label", "labels", 1), [])
    if summary.pairs:
        named = ", ".join(f"{printable(a, 20)} → {printable(b, 20)} {n:,}" for a, b, n in summary.pairs[:EXAMPLES])
        _say(console, f"given → suggested: {named}", style="dim")
    for wrong in review.wrong[:EXAMPLES]:
        _say(console, _wrong(wrong))
        if wrong.near:
            near = wrong.near[0]
            _say(console, f"    near: line {near.line}, {printable(near.label, 20)}: {_quoted(near.text)}", style="dim")


def _wrong(wrong: WrongLabel) -> str:
    return (
        f"line {wrong.lines[0]}: {printable(wrong.label, 20)} ({100 * wrong.probability:.0f} %), rather "
        f"{printable(wrong.suggested, 20)} ({100 * wrong.probability_suggested:.0f} %): {_quoted(wrong.text)}"
    )


def _telling(groups: Sequence[Repeated]) -> list[Repeated]:
    """Those that contradict each other first, then the nearest."""
    return sorted(groups, key=lambda group: (not group.is_conflict, -group.cosine))[:EXAMPLES]


def _repeat(group: Repeated) -> list[str]:
    places = ", ".join(
        f"{line} ({printable(label, 20)})" for line, label in list(zip(group.lines, group.labels, strict=True))[:4]
    )
    more = f" and {len(group.lines) - 4} more" if len(group.lines) > 4 else ""
    first = f"lines {places}{more}: {_quoted(group.texts[0])}"
    return [first, *(f"    {_quoted(text)}" for text in group.texts[1:2])]


def _leak(leak: Leaked) -> str:
    how = "is" if leak.kind == "exact" else f"is nearly (cosine {leak.cosine:.2f})"
    return f"test line {leak.test_line} {how} line {leak.lines[0]}: {_quoted(leak.test_text)}"


def _outlier(found: Outlier) -> str:
    return f"line {found.lines[0]} ({printable(found.label, 20)}): {_quoted(found.text)}"


def _wanted(console: Console, review: Review) -> None:
    pool = review.pool
    if pool is None:
        return
    left = pool.n_texts - pool.n_known - pool.n_repeats
    what = f"to label next, of {left:,} new texts in {printable(pool.name)}"
    _section(console, len(review.wanted), what, what, [_asked(wanted) for wanted in review.wanted])


def _asked(wanted: Wanted) -> str:
    label = printable(wanted.label, 20)
    return f"line {wanted.line} ({label}? {100 * wanted.probability:.0f} %): {_quoted(wanted.text)}"


def _section(console: Console, n: int, one: str, many: str, lines: Sequence[str]) -> None:
    console.print()
    console.print(
        Text(f"{n:,} " if n else "No ", style="bold" if n else "green").append(
            one if n == 1 else many if n else one, style="bold" if n else "green"
        )
    )
    for line in lines:
        _say(console, line)


def _quoted(text: str) -> str:
    return printable(text, _WIDEST)


def _say(console: Console, words: str, *, style: str = "") -> None:
    console.print(Padding(Text(words, style=style), (0, 0, 0, 2), expand=False), highlight=False)
