"""How far work is: one line that vanishes, on a terminal and in a notebook, and ends in a sentence."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from frostline import arrays

WORTH_TELLING = 1.0
"""Seconds from which on work that is done is told of."""


@final
class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Nothing until it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


@final
class Times(ProgressColumn):
    """How long it has taken, and how long it will."""

    def render(self, task: Task) -> Text:
        """`2 s, 8 s left`; `2 min, 1 h left`."""
        left = task.time_remaining
        said = duration(task.elapsed or 0.0)
        return Text(said if left is None else f"{said}, {duration(left)} left", style="progress.remaining")


def duration(seconds: float) -> str:
    """`8 s`, `3 min`, `2 h`: two figures at most, rounded up, so that none is promised too early."""
    if seconds < 100:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 6000 else f"{math.ceil(seconds / 3600)} h"


@final
class Note(ProgressColumn):
    """What else there is to say just now."""

    def __init__(self, said: Callable[[], str]) -> None:
        super().__init__()
        self._said = said

    def render(self, task: Task) -> Text:  # noqa: ARG002 - of every column
        """As it is when the line is drawn."""
        return Text(self._said())


@contextlib.contextmanager
def shown_progress(
    console: Console,
    description: str,
    unit: str = "",
    *,
    step: tuple[int, int] | None = None,
    note: Callable[[], str] | None = None,
) -> Iterator[arrays.Progress]:
    """A callback that draws how far work is; silent where `console` is neither a terminal nor a notebook.

    The line appears with the first call that leaves work to do, and stays out of the way of instant work.

    Parameters
    ----------
    step : (int, int), optional
        Which of how many steps this is: `2 of 3`.
    note : callable, optional
        Gives what else is said at the end of the line.
    """
    named = description if step is None else f"{step[0]} of {step[1]} · {description}"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn(unit),
        Rate(),
        Times(),
        *([] if note is None else [Note(note)]),
    )
    is_seen = console.is_terminal or console.is_jupyter
    can_move = console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)  # else rich warns
    bar = Progress(*columns, console=console, transient=True, disable=not can_move)
    task = bar.add_task(named, total=None)
    began: float | None = None
    count = 0

    def advance(done: int, total: int) -> None:
        nonlocal began, count
        count = done
        if done < total or total == 0:
            began = began or time.perf_counter()
            bar.start()  # only now: two bars that follow one another never share the screen
        bar.update(task, completed=done, total=total or None)
        if done >= total > 0:
            bar.stop()

    try:
        yield advance
    finally:
        bar.stop()
    took = 0.0 if began is None else time.perf_counter() - began
    if is_seen and took >= WORTH_TELLING and unit != "bytes":
        console.print(Text(f"{named}: {count:,} {unit}, {duration(took)}", style="dim"))
