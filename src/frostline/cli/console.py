"""Words, tables and progress bars for a person at a terminal.

Data go to standard output, words and progress to standard error; bars are drawn on a terminal only.
"""

import codecs
import contextlib
import json
import re
import sys
from collections.abc import Iterator
from typing import Any, final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from frostline import arrays

_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")  # C1 controls, breaks, directions


@final
class _Output(Console):
    """A console whose reader may go before the end (`| head`): told to the caller, where rich would leave with 1."""

    def on_broken_pipe(self) -> None:
        """Raise the error that rich is about to swallow."""
        raise BrokenPipeError


def output() -> Console:
    """Where reports go: standard output, without wrapping when it is not a terminal."""
    console = _Output(highlight=False, soft_wrap=False)
    return console if console.is_terminal else _Output(highlight=False, width=100)


def words() -> Console:
    """Where words and progress go: standard error."""
    return Console(stderr=True, highlight=False)


@contextlib.contextmanager
def progress(description: str, unit: str = "") -> Iterator[arrays.Progress]:
    """A progress callback drawing a bar on standard error; silent when that is not a terminal.

    The bar appears with the first call that leaves work to do, and stays out of the way of instant work.
    """
    console = words()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(description, total=None)

    def advance(done: int, total: int) -> None:
        if done < total or total == 0:
            bar.start()  # only now: two bars that follow one another never share the screen
        bar.update(task, completed=done, total=total or None)
        if done >= total > 0:
            bar.stop()

    try:
        yield advance
    finally:
        bar.stop()


def print_json(document: Any) -> None:
    """One JSON object on one line of standard output; escaped: what could steer a terminal, or it cannot show."""
    text = json.dumps(document, ensure_ascii=not _is_unicode(), allow_nan=False)
    click.echo(_STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def _is_unicode() -> bool:
    return codecs.lookup(sys.stdout.encoding or "ascii").name.startswith("utf-")
