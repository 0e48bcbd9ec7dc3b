"""`frostline embed`: the features of a file's sentences, as a file."""

import contextlib
import functools
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import click

from frostline.cli.console import progress, words
from frostline.cli.groups import Grouped
from frostline.cli.jobs import refuse_on, run_job
from frostline.cli.options import (
    PLACE,
    EncoderChoice,
    encoder_options,
    features_option,
    left_out,
    limit_option,
    on_option,
    opened_encoder,
    overwrite_option,
    reading_options,
    rejects_option,
    say_remarks,
    settled_choice,
    workers_option,
)
from frostline.data.dataset import Reject
from frostline.data.lines import STANDARD_INPUT
from frostline.data.options import TableOptions
from frostline.data.tables import stream_texts
from frostline.disk import home, private_folder, storage_error
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import UsageError, printable
from frostline.legible import legibility, legibility_warnings
from frostline.places import Place, refuse_file
from frostline.precision import GATE_TEXTS
from frostline.report import count_text
from frostline.score.job import folder_of, manifest_of
from frostline.score.rows import Embedding, Written, join_rows, refuse_format, refuse_words, write_features
from frostline.score.run import Job, surveyed, window_rows


@click.command(
    "embed",
    cls=Grouped,
    epilog="Example: frostline embed sentences.tsv --features mean@-1 --out rows.npy",
    help="Write the features of FILE's sentences, one row each, in order: .npy, .safetensors or .parquet. Stopped, "
    "the same command goes on.",
)
@click.argument("file", type=PLACE)
@click.option("--out", type=PLACE, required=True, help="The file to write.")
@features_option
@rejects_option
@overwrite_option
@encoder_options
@limit_option
@workers_option
@on_option
@reading_options
def command(
    *,
    file: Place,
    out: Place,
    features: str | None,
    rejects: Path | None,
    overwrite: bool,
    encoder: EncoderChoice,
    limit: int | None,
    workers: int,
    on: str | None,
    reading: TableOptions,
) -> None:
    """Go through the file twice: once to count its rows, once to read them."""
    refuse_format(out)
    is_file = str(file) != STANDARD_INPUT and (file.is_file() or not file.exists())
    if not is_file and (workers > 1 or on is not None):
        raise UsageError(
            "A pipe is read by one process.", hint="Leave --workers and --on out, or lay it into a file first."
        )
    refuse_on(on)
    if rejects is not None:
        refuse_file(rejects, overwrite=overwrite, inputs=[file])
    may_go_on = is_file and (folder_of(out).exists() or manifest_of(out).exists())
    refuse_file(out, overwrite=overwrite or may_go_on, inputs=[file])
    options = replace(reading, limit=limit)
    wanted = features or DEFAULT_FEATURES
    reader = None
    if encoder.precision != "auto":  # before the file is opened: its name may be refused
        encoder = settled_choice(encoder, wanted, ())[0]
        reader = opened_encoder(encoder, wanted)
    with left_out(str(file), rejects) as note:
        if is_file:
            written = _embedded(
                file, out, options, encoder, wanted, reader, note, workers=workers, on=on, overwrite=overwrite
            )
        else:
            with _laid_aside(file, options, note) as texts:
                if reader is None:
                    some = list(itertools.islice(texts(), GATE_TEXTS))
                    reader = opened_encoder(settled_choice(encoder, wanted, some)[0], wanted)
                with progress("Reading", "sentences") as advance:
                    written = write_features(out, reader, texts, progress=advance)
    if written is None:
        click.echo(f"{printable(str(out))} is complete: made of the same file, by the same encoder.", err=True)
        return
    n_cut = count_text(written.n_cut, "text")
    words().print(f"{count_text(written.n_rows, 'row')} of {written.n_features:,} numbers ({n_cut} cut).")
    for unread in written.warnings:
        words().print(unread, markup=False)


def _embedded(  # noqa: PLR0917 - two files and an encoder, and what was chosen
    file: Place,
    out: Place,
    options: TableOptions,
    choice: EncoderChoice,
    features: str,
    reader: SentenceEncoder | None,
    note: Callable[[Reject], None],
    *,
    workers: int,
    on: str | None,
    overwrite: bool,
) -> Written | None:
    """The file embedded by a job; None where that had been done."""
    from frostline.encoder.encoder import reader_of  # noqa: PLC0415 - heavy

    with progress("Looking through the file", "bytes") as advance:
        survey = surveyed(file, options, as_text=True, on_reject=note, progress=advance)
    say_remarks(survey.taken)
    if reader is None:
        choice = settled_choice(choice, features, survey.sample[:GATE_TEXTS])[0]
        reader = opened_encoder(choice, features)
    refuse_words(reader)
    n_features = len(reader.blocks) * reader.hidden_size
    job = Job(
        source=file,
        out=out,
        options=options,
        survey=survey,
        as_text=True,
        window_rows=window_rows(n_features=n_features),
        by={"name": Path(reader.identity.name).name, "sha256": reader.identity.fingerprint()},
        how={"format": out.suffix, "features": str(reader.spec), "reader": reader_of(reader)},
    )
    each = 1 if on else max(1, (os.cpu_count() or 1) // workers)
    theirs = replace(choice, threads=choice.threads or each)
    if on is not None and Path(theirs.name).is_dir():
        theirs = replace(theirs, name=str(Path(theirs.name).absolute()))
    task = Embedding(open_encoder=functools.partial(opened_encoder, theirs, features))
    done = run_job(
        job,
        task,
        reader,
        join=functools.partial(join_rows, out.suffix, (survey.n_rows, n_features)),
        workers=workers,
        on=on,
        threads=choice.threads or 1,
        overwrite=overwrite,
        doing="Reading",
        unit="sentences",
    )
    if done.was_complete:
        return None
    unread = legibility_warnings(
        reader, legibility(reader, survey.sample), n_cut=done.tally["cut"], n_texts=survey.n_rows
    )
    return Written(n_rows=done.n_rows, n_features=n_features, n_cut=done.tally["cut"], warnings=tuple(unread))


@contextlib.contextmanager
def _laid_aside(
    file: Place, options: TableOptions, note: Callable[[Reject], None]
) -> Iterator[Callable[[], Iterator[str]]]:
    """What gives the texts of a pipe anew each time, though it can be read once.

    They are laid aside, as they come, in a nameless file in Frostline's private home.
    """
    with tempfile.TemporaryFile(dir=private_folder(home() / "incoming")) as kept:
        _lay_aside((row.text for row in stream_texts(file, options, on_reject=note, on_columns=say_remarks)), kept)

        def remembered() -> Iterator[str]:
            kept.seek(0)
            return (json.loads(line) for line in kept)

        yield remembered


def _lay_aside(texts: Iterable[str], kept: IO[bytes]) -> None:
    try:
        for text in texts:
            kept.write(json.dumps(text).encode("ascii") + b"\n")
        kept.flush()
    except OSError as error:
        with contextlib.suppress(OSError):  # closing tries to write once more
            kept.close()
        raise storage_error(error, home() / "incoming") from error
