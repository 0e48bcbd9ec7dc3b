"""Words, tables and progress bars for a person at a terminal.

In:   what a verb wants to say.
Out:  rich output: data on standard output, words and progress on standard error, bars only on a terminal.
Not:  what is said (report/, the verbs).
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from frostline import arrays


def output() -> Console:
    """Where reports go: standard output, without wrapping when it is not a terminal."""
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=100)


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
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=None, visible=False)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield advance


def print_json(document: Any) -> None:
    """One JSON object on one line of standard output."""
    click.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))
