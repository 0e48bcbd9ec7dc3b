"""`frostline predict FILE --out OUT`: what is to be done, done, and said. Apart: a sentence needs none of it."""

import contextlib
import functools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

import click

from frostline.artifact.model import Model
from frostline.cli.console import progress
from frostline.cli.jobs import run_job
from frostline.cli.options import ModelChoice, say_remarks
from frostline.data.dataset import Reject
from frostline.data.lines import laid_aside
from frostline.data.options import TableOptions
from frostline.errors import printable
from frostline.places import Place, Remote
from frostline.report import count_text
from frostline.score.answers import Layout
from frostline.score.files import format_of, join, kind_of_value, kind_of_values, sheet_of
from frostline.score.labelling import Labelling, labels_in, truth_of
from frostline.score.run import Job, surveyed, window_rows

SHOWN_LABELS = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """How a file is scored into another one."""

    only_answers: bool
    spreadsheet_safe: bool
    workers: int
    on: str | None = None


@contextlib.contextmanager
def as_file(source: Place | str) -> Iterator[Place]:
    """What is gone through twice: a pipe, or standard input (`-`), is laid aside first."""
    if isinstance(source, Remote) or (isinstance(source, Path) and source.is_file()):
        yield source
        return
    with laid_aside(source) as kept:
        yield kept


def planned(
    files: tuple[Place, Place, Path],
    opened: Model,
    layout: Layout,
    options: TableOptions,
    scoring: Scoring,
    *,
    choice: ModelChoice,
    digest: str,
    note: Callable[[Reject], None],
) -> tuple[Job, Labelling]:
    """The file looked through, and what is to be done with each window of it."""
    from frostline.encoder.encoder import reader_of  # noqa: PLC0415 - heavy

    file, out, manifest = files
    as_text = format_of(out) != ".parquet"
    with progress("Looking through the file", "bytes") as advance:
        survey = surveyed(file, options, as_text=as_text, kind_of=kind_of_value, on_reject=note, progress=advance)
    say_remarks(survey.taken)
    truth = truth_of(survey.names, options, name=survey.name, are_objects=bool(survey.kinds))
    kinds = survey.types or [kind_of_values({*survey.kinds.get(name, {"text"})}) for name in survey.names]
    sheet = sheet_of(
        out,
        layout,
        names=survey.names,
        kinds=kinds,
        only_answers=scoring.only_answers,
        is_safe=scoring.spreadsheet_safe,
    )
    how = {
        **{name: getattr(sheet, name) for name in ("format", "is_zipped", "renamed", "is_safe")},
        "columns": [f"{name}: {kind}" for name, kind in zip(sheet.names, sheet.kinds, strict=True)],
        "top": layout.top,
        "unlike_below": layout.unlike_below,
        "reader": reader_of(opened.encoder),
    }
    manifest = manifest.absolute() if scoring.on else manifest
    task = Labelling(
        open_model=choice.opener(
            manifest.parent, threads=1 if scoring.on else max(1, (os.cpu_count() or 1) // scoring.workers)
        ),
        manifest=manifest,
        manifest_sha256=digest,
        sheet=sheet,
        truth=truth,
    )
    job = Job(
        source=file,
        out=out,
        options=options,
        survey=survey,
        as_text=as_text,
        window_rows=window_rows(n_features=opened.manifest.n_features, n_labels=len(layout.labels)),
        by={"name": manifest.parent.name, "sha256": digest},
        how=how,
    )
    return job, task


def scored(
    job: Job, task: Labelling, opened: Model, scoring: Scoring, *, threads: int, overwrite: bool
) -> Counter[str]:
    """The file scored; what was counted on the way."""
    done = run_job(
        job,
        task,
        opened,
        join=functools.partial(join, task.sheet),
        workers=scoring.workers,
        on=scoring.on,
        threads=threads,
        overwrite=overwrite,
        doing="Labelling",
        unit="texts",
    )
    return Counter({"complete": 1}) if done.was_complete else done.tally


def say_scored(counts: Counter[str], job: Job, *, seconds: float, remembers: bool) -> None:
    """The last lines: how many texts got which label; and how many labels of the file's own agree.

    `remembers`: whether it is known which texts the model learned from.
    """
    out = printable(str(job.out))
    if counts["complete"]:
        click.echo(f"{out} is complete: made of the same file, by the same model.", err=True)
        return
    labels = labels_in(counts).most_common()
    told = [f"{printable(label)} {count:,}" for label, count in labels[:SHOWN_LABELS]]
    more = [f"{len(labels) - SHOWN_LABELS:,} more labels"] if len(labels) > SHOWN_LABELS else []
    texts = count_text(counts["all"], "text")
    ending = f": {', '.join(told + more)}" if told else ""
    click.echo(f"{texts} labelled in {duration(seconds)} → {out}{ending}", err=True)
    met = count_text(counts["met"], "text", "texts")
    if counts["labelled"]:
        of_own = counts["labelled"] + counts["unknown"]
        agree = f"agree with the file's own labels ({100 * counts['agree'] / of_own:.1f} %)"
        if not remembers:
            agree += "; whether the model learned from some of these is not known"
        elif counts["met"]:
            agree = f"new texts {agree}; {met} with labels not counted, as the model learned from them"
        click.echo(f"{counts['agree']:,} of {of_own:,} {agree}.", err=True)
    elif counts["met"]:
        click.echo(f"The model learned from {met} with labels: whether these agree is not counted.", err=True)


def duration(seconds: float) -> str:
    """A time as it is told afterwards."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s" if rest >= 10 else f"{seconds:.1f} s"
