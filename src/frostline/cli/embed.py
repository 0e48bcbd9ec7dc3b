"""`frostline embed`: the features of a file's sentences, as a file."""

import contextlib
import functools
import itertools
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import click

from frostline.cli.console import progress, words
from frostline.cli.options import (
    FILE,
    EncoderChoice,
    encoder_options,
    features_option,
    left_out,
    limit_option,
    opened_encoder,
    overwrite_option,
    reading_options,
    rejects_option,
    say_remarks,
    settled_choice,
)
from frostline.data.columns import Taken
from frostline.data.dataset import Reject
from frostline.data.lines import STANDARD_INPUT
from frostline.data.options import TableOptions
from frostline.data.tables import stream_texts
from frostline.disk import home, private_folder, refuse_file, storage_error
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.precision import GATE_TEXTS
from frostline.report.phrases import count_text
from frostline.score.rows import refuse_format, write_features


@click.command(
    "embed",
    epilog="Example: frostline embed sentences.tsv --features mean@-1 --out rows.npy",
    help="Write the features of FILE's sentences, one row each, in order: .npy, .safetensors or .parquet.",
)
@click.argument("file", type=FILE)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write.")
@features_option
@rejects_option
@overwrite_option
@encoder_options
@limit_option
@reading_options
def command(
    *,
    file: Path,
    out: Path,
    features: str | None,
    rejects: Path | None,
    overwrite: bool,
    encoder: EncoderChoice,
    limit: int | None,
    reading: TableOptions,
) -> None:
    """Go through the file twice: once to count its rows, once to read them."""
    refuse_format(out)
    for written in (out, *([rejects] if rejects is not None else [])):
        refuse_file(written, overwrite=overwrite, inputs=[file])
    options = replace(reading, limit=limit)
    wanted = features or DEFAULT_FEATURES
    reader = None
    if encoder.precision != "auto":  # before the file is opened: its name may be refused
        reader = opened_encoder(settled_choice(encoder, wanted, ())[0], wanted)
    with left_out(str(file), rejects) as note, _gone_through_often(file, options, note) as texts:
        if reader is None:
            some = list(itertools.islice(texts(), GATE_TEXTS))
            reader = opened_encoder(settled_choice(encoder, wanted, some)[0], wanted)
        with progress("Reading", "sentences") as advance:
            written_rows = write_features(out, reader, texts, progress=advance)
    n_cut = count_text(written_rows.n_cut, "text")
    words().print(f"{count_text(written_rows.n_rows, 'row')} of {written_rows.n_features:,} numbers ({n_cut} cut).")
    for unread in written_rows.warnings:
        words().print(unread, markup=False)


@contextlib.contextmanager
def _gone_through_often(
    file: Path, options: TableOptions, note: Callable[[Reject], None]
) -> Iterator[Callable[[], Iterator[str]]]:
    """What gives the texts of `file` anew each time; a rejected row is noted once.

    A pipe can be read once: its texts are laid aside, as they come, in a nameless file in Frostline's private home.
    """
    if str(file) != STANDARD_INPUT and (file.is_file() or not file.exists()):
        noted: set[int] = set()

        def note_once(reject: Reject) -> None:
            if reject.line not in noted:
                noted.add(reject.line)
                note(reject)

        @functools.cache
        def say_once(taken: Taken) -> None:
            say_remarks(taken)

        def read() -> Iterator[str]:
            return (row.text for row in stream_texts(file, options, on_reject=note_once, on_columns=say_once))

        yield read
        return
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
