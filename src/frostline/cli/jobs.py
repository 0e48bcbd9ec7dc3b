"""A job of the scoring room, as `predict --out` and `embed` run it: with a bar, and told where it goes on."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from frostline.cli.console import progress
from frostline.score.job import Sections
from frostline.score.run import Done, Job, Task, run

_Opened = TypeVar("_Opened")


def asked_workers(workers: int) -> int | None:
    """How many were asked for; None where nobody did."""
    given = click.get_current_context().get_parameter_source("workers")
    return None if given is click.core.ParameterSource.DEFAULT else workers


def refuse_on(on: str | None) -> None:
    """Raise, before any work, where that is no cluster that can be reached."""
    if on is not None:
        from frostline.score.on_ray import address_of, refuse_missing  # noqa: PLC0415 - the extra

        address_of(on)
        refuse_missing()


def run_job(
    job: Job,
    task: Task[_Opened],
    opened: _Opened,
    *,
    join: Callable[[Sections, Iterator[tuple[bytes, int]]], None],
    workers: int,
    on: str | None = None,
    threads: int = 1,
    overwrite: bool,
    doing: str,
    unit: str,
) -> Done:
    """Do what is left of the job; errors and arguments are those of `run`, `doing` and `unit` are the bar's words."""

    def say_begun(n_before: int) -> None:
        click.echo(f"{n_before:,} of {job.survey.n_rows:,} rows are finished already: going on.", err=True)

    with contextlib.ExitStack() as held:
        spread = None
        if on is not None:
            from frostline.score.on_ray import Cluster, address_of  # noqa: PLC0415 - the extra

            spread = held.enter_context(Cluster(address_of(on), workers=asked_workers(workers), threads=threads))
            click.echo(f"On Ray: {spread.workers} {'worker' if spread.workers == 1 else 'workers'}.", err=True)
        advance = held.enter_context(progress(doing, unit))
        return run(
            job,
            task,
            opened,
            join=join,
            workers=workers,
            spread=spread,
            overwrite=overwrite,
            progress=advance,
            on_begun=say_begun,
        )
