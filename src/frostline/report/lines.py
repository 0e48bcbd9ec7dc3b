"""Lines on a terminal: headings, sentences, facts and tables, as every report there has them.

Everything is written as `Text`, never as markup: a label or a file name may hold [brackets].
"""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from frostline.report import printable

BARS = "▁▂▃▄▅▆▇█"


def heading(console: Console, words: str) -> None:
    """An empty line, and a heading."""
    console.print()
    console.print(Text(words, style="bold"))


def say(console: Console, words: str, *, style: str = "") -> None:
    """A sentence, indented."""
    show(console, Text(words, style=style))


def show(console: Console, what: Table | Text) -> None:
    """Something of several lines or styles, indented."""
    console.print(Padding(what, (0, 0, 0, 2), expand=False), highlight=False)


def facts(console: Console, named: Iterable[tuple[str, str]]) -> None:
    """A name and what is to be said of it, a line each."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, fact in named:
        grid.add_row(Text(name), Text(fact))
    show(console, grid)


def table(first: str, *others: str, left: Sequence[str] = ()) -> Table:
    """A table of names and figures: names fold where there is no room; figures never do, and stand to the right.

    Parameters
    ----------
    left : sequence of str
        The other columns that hold words.
    """
    made = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="cyan")
    made.add_column(Text(first), overflow="fold")
    for name in others:
        made.add_column(Text(name), justify="left" if name in left else "right", no_wrap=True)
    return made


def fits(console: Console, what: Table, *, folded: int = 0) -> bool:
    """Whether it has room, were its names `folded` letters narrower than the longest."""
    widest = console.measure(what, options=console.options.update(width=10_000)).maximum
    return widest - folded + 2 <= console.width


def closing(console: Console, cautions: Iterable[str]) -> None:
    """What to be careful about; an empty line before, and nothing where there is nothing."""
    for number, caution in enumerate(cautions):
        if number == 0:
            console.print()
        warn(console, caution)


def warn(console: Console, caution: str) -> None:
    """One thing to be careful about."""
    say(console, f"! {printable(caution, 400)}", style="yellow")


def bars(values: Sequence[float], *, low: float | None = None, high: float | None = None) -> str:
    """A block letter for each value, between `low` and `high` (the smallest and the largest if not given)."""
    bottom = min(values) if low is None else low
    span = (max(values) if high is None else high) - bottom or 1.0
    top = len(BARS) - 1
    return "".join(BARS[min(top, max(0, round((value - bottom) / span * top)))] for value in values)


_STEPS = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838")


def shade(share: float) -> str:
    """A terminal style: the step of the colours for `share`, with ink that is readable on it."""
    step = min(len(_STEPS) - 1, max(0, round(share * (len(_STEPS) - 1))))
    return f"{'black' if step >= 5 else 'white'} on {_STEPS[step]}"
