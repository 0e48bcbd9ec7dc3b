"""A job of the scoring room, as `predict --out` and `embed` run it: with a bar, and told where it goes on."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from frostline.cli.console import progress
from frostline.score.job import Sections
from frostline.score.run import Done, Job, Task, run

_Opened = TypeVar("_Opened")


def run_job(
    job: Job,
    task: Task[_Opened],
    opened: _Opened,
    *,
    join: Callable[[Sections, Iterator[tuple[bytes, int]]], None],
    workers: int,
    overwrite: bool,
    doing: str,
    unit: str,
) -> Done:
    """Do what is left of the job; errors and arguments are those of `run`, `doing` and `unit` are the bar's words."""

    def say_begun(n_before: int) -> None:
        click.echo(f"{n_before:,} of {job.survey.n_rows:,} rows are finished already: going on.", err=True)

    with progress(doing, unit) as advance:
        return run(
            job,
            task,
            opened,
            join=join,
            workers=workers,
            overwrite=overwrite,
            progress=advance,
            on_begun=say_begun,
        )
