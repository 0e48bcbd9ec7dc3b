"""`frostline predict`: a sentence, lines from standard input, or a whole file."""

import codecs
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from frostline.arrays import Progress
from frostline.artifact.manifest import MANIFEST
from frostline.artifact.model import Model, refuse_likeness
from frostline.cli.completion import files, folders
from frostline.cli.console import print_json, progress
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    PLACE,
    ModelChoice,
    as_learned,
    json_option,
    left_out,
    model_options,
    on_option,
    overwrite_option,
    reading_options,
    rejects_option,
    say_remarks,
    workers_option,
)
from frostline.data.dataset import Reject
from frostline.data.lines import STANDARD_INPUT, near
from frostline.data.options import TableOptions
from frostline.disk import refuse_standard_output, sha256_of
from frostline.errors import InputError, MissingInputError, UsageError, listed, pasteable
from frostline.head.linear import Rule
from frostline.legible import legibility, legibility_warnings, sampled
from frostline.places import Place, is_remote, place_of, refuse_file
from frostline.score.answers import (
    WINDOW_TEXTS,
    Layout,
    Prediction,
    as_document,
    as_line,
    is_unlike,
    layout_of,
    predictions,
)

PLAIN = {"only_answers": False, "spreadsheet_safe": False, "workers": 1, "on": None}
DATA_SUFFIXES = (".tsv", ".csv", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather", ".xlsx", ".txt", ".gz")
# What `score.files.altered` counts, of one and of several cells
ALTERED = {
    "parted": (
        "cell has a tab or a line break: a space in TSV, which cannot hold them. .csv, .jsonl and .parquet can.",
        "cells have a tab or a line break: a space in TSV, which cannot hold them. .csv, .jsonl and .parquet can.",
    ),
    "no number": (
        "cell is infinite or no number: null in JSON, which cannot hold it. .csv, .tsv and .parquet can.",
        "cells are infinite or no number: null in JSON, which cannot hold them. .csv, .tsv and .parquet can.",
    ),
}


@click.command(
    "predict",
    cls=Grouped,
    epilog='Example: frostline predict model "a visually stunning rumination on love"',
    help="Label the TEXTs given; or the lines of standard input (no TEXT, or -; with --text, --label, --header or "
    "--format the table there); or, where TEXT is one file (TSV, CSV, JSON Lines, Parquet), also s3://BUCKET/KEY, its "
    "texts. Each answer is a line: label, tab, probability (several: joined by commas); the label is empty where the "
    "model is not sure enough to answer. --out scores a file into another one and keeps its columns; "
    "stopped, the same command goes on.",
)
@click.argument("model", type=click.Path(path_type=Path), shell_complete=folders)
@click.argument("texts", nargs=-1, metavar="[TEXT]...", shell_complete=files)
@click.option("--out", type=PLACE, help="Write to a file: .tsv, .csv, .jsonl (each also .gz) or .parquet.")
@click.option("--only-answers", is_flag=True, help="Leave the columns of the input out of --out.")
@click.option(
    "--top", type=click.IntRange(1), metavar="K", help="Write the K most probable labels, not the probability of each."
)
@click.option(
    "--spreadsheet-safe",
    is_flag=True,
    help="Put an apostrophe before cells that a spreadsheet would take for formulas (.tsv and .csv).",
)
@workers_option
@on_option
@model_options
@click.option(
    "--flag-unlike",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Mark texts that are unlike anything the model learned from, so that of texts like those this share would be "
    "marked: 0.01.",
)
@rejects_option
@overwrite_option
@json_option
@reading_options
def command(
    *,
    model: Path,
    texts: tuple[str, ...],
    out: Place | None,
    choice: ModelChoice,
    flag_unlike: float | None,
    rejects: Path | None,
    overwrite: bool,
    as_json: bool,
    reading: TableOptions,
    top: int | None,
    **of_files: Any,
) -> None:
    """Open the model, go through the texts, write each answer."""
    file = _file_among(texts)
    source: Place | str | None = STANDARD_INPUT if file is None and _is_table(texts, reading) else file
    is_scored = out is not None and source is not None
    if not is_scored and of_files != PLAIN:
        raise UsageError(
            "--only-answers, --spreadsheet-safe, --workers and --on are for a file that is scored into another one.",
            hint="Name both: frostline predict MODEL FILE --out OUT",
        )
    _refuse(out, file, rejects, model, overwrite=overwrite, is_scored=is_scored)
    if of_files["on"] is not None:
        from frostline.cli.jobs import refuse_on  # noqa: PLC0415 - for files alone

        refuse_on(of_files["on"])
    digest = sha256_of(model / MANIFEST) if os.path.isfile(model / MANIFEST) else ""  # noqa: PTH113 - may be a long text
    opened = choice.open(model)
    if flag_unlike is not None:
        refuse_likeness(opened.likeness, below=flag_unlike)
    layout = layout_of(opened, separator=reading.labels_separator, unlike_below=flag_unlike, top=top)
    options = as_learned(reading, opened.manifest)
    with left_out("standard input" if file is None else str(file), rejects) as note:
        if source is not None and out is not None:
            from frostline.cli.labelling import Scoring, as_file, planned, say_scored, scored  # noqa: PLC0415 - for files

            began, scoring = time.monotonic(), Scoring(**of_files)
            with as_file(source) as read:
                files = (read, out, model / MANIFEST)
                job, task = planned(files, opened, layout, options, scoring, choice=choice, digest=digest, note=note)
                counts = scored(job, task, opened, scoring, threads=choice.threads or 1, overwrite=overwrite)
            say_scored(counts, job, seconds=time.monotonic() - began, remembers=opened.learned is not None)
            _say_counts(counts, opened, flag_unlike, sample=job.survey.sample)
            return
        is_conversation = file is None and texts in {(), ("-",)} and sys.stdin.isatty()
        sample: list[str] = []
        coming = sampled(_coming(texts, file, options, note), sample)
        window = 1 if is_conversation else WINDOW_TEXTS
        found = predictions(opened, coming, window=window, with_likeness=flag_unlike is not None)
        counts = Counter[str]()
        if out is None:
            _print(_counted(found, layout, counts), layout, as_json=as_json)
        else:
            from frostline.score.files import write_predictions  # noqa: PLC0415 - for files alone

            with progress("Classifying", "texts") as advance:
                write_predictions(out, _counted(found, layout, counts, advance), layout, tally=counts)
        if file is None and texts in {(), ("-",)} and not is_conversation and not _is_table(texts, options):
            _say_first_line(sample, options)
    _say_counts(counts, opened, flag_unlike, sample=sample)


def _say_first_line(sample: Sequence[str], options: TableOptions) -> None:
    from frostline.data.header import line_doubt  # noqa: PLC0415 - not needed for a sentence: start-up time

    if doubt := line_doubt(sample, options=options):
        click.echo(doubt, err=True)


def _refuse(
    out: Place | None, file: Place | None, rejects: Path | None, model: Path, *, overwrite: bool, is_scored: bool
) -> None:
    """Raise, before any work, where what is asked for can't be."""
    inputs: list[Place] = [model] if file is None else [file, model]
    if out is None:
        refuse_standard_output([file] if isinstance(file, Path) else [])
    if rejects is not None:
        refuse_file(rejects, overwrite=overwrite, inputs=inputs)
    if out is not None:
        from frostline.score.files import refuse_format  # noqa: PLC0415 - for files alone
        from frostline.score.job import folder_of, manifest_of  # noqa: PLC0415

        refuse_format(out)
        may_go_on = is_scored and (folder_of(out).exists() or manifest_of(out).exists())
        refuse_file(out, overwrite=overwrite or may_go_on, inputs=inputs)


def _say_counts(counts: Counter[str], model: Model, flag_unlike: float | None, *, sample: Sequence[str]) -> None:
    """How many texts got no answer, were cut, or are unlike those learned from; whether the encoder can read them."""
    if counts["complete"]:
        return
    if n_silent := counts["unanswered"]:
        sure = f"{100 * (model.head.rule or Rule()).answer_from:.1f} %"
        click.echo(f"{n_silent:,} of {counts['all']:,} texts unanswered: the model answers from {sure} on.", err=True)
    if model.cascade is not None and counts["all"] > 1:
        read = "" if flag_unlike is None else "; all were read, to tell how like they are"
        click.echo(f"{counts['early']:,} of {counts['all']:,} texts answered early, by the cascade{read}.", err=True)
    if n_cut := counts["cut"]:
        seen = model.encoder.identity.max_length
        were = "text was" if n_cut == 1 else "texts were"
        click.echo(f"{n_cut:,} {were} cut: the encoder sees {seen} word pieces.", err=True)
    for name, (one, several) in ALTERED.items():
        if n_altered := counts[name]:
            click.echo(f"{n_altered:,} {one if n_altered == 1 else several}", err=True)
    if flag_unlike is not None:
        are = "text is" if counts["unlike"] == 1 else "texts are"
        expected = f"of {counts['all']:,} like those it would be about {flag_unlike * counts['all']:.3g}"
        click.echo(f"{counts['unlike']:,} {are} unlike anything the model learned from; {expected}.", err=True)
    for said in legibility_warnings(model.encoder, legibility(model.encoder, sample)):
        click.echo(said, err=True)


def _coming(
    texts: tuple[str, ...], file: Place | None, options: TableOptions, note: Callable[[Reject], None]
) -> Iterator[str]:
    """The texts of the file, of the arguments, or of standard input: of its lines, or of the table that it holds."""
    if file is None and texts and texts != ("-",):
        return iter(texts)
    if file is None and not _is_table(texts, options):
        return lines_of_input(options, note)
    from frostline.data.tables import stream_texts  # noqa: PLC0415 - not needed for a sentence: start-up time

    return (row.text for row in stream_texts(file or "-", options, on_reject=note, on_columns=say_remarks))


def _is_table(texts: tuple[str, ...], options: TableOptions) -> bool:
    """Whether standard input is read, as a table."""
    chosen = (options.text, options.label, options.header, options.format)
    return texts in {(), ("-",)} and any(choice is not None for choice in chosen)


def _print(found: Iterable[Prediction], layout: Layout, *, as_json: bool) -> None:
    for prediction in found:
        if as_json:
            print_json(as_document(prediction, layout))
        else:
            click.echo(as_line(prediction, layout))


def _file_among(texts: tuple[str, ...]) -> Place | None:
    """The one text, if it is a file; a name that looks like a file's but is none is an error, not a sentence.

    So is a file among several texts: a shell makes a list of files of `*.tsv`.
    """
    if len(texts) == 1 and is_remote(texts[0]):
        return place_of(texts[0])
    paths = [Path(text) for text in texts if _is_file(text)]
    if paths and len(texts) > 1:
        first = pasteable(paths[0])
        are = "is a file" if len(paths) == 1 else "are files"
        raise UsageError(
            f"{len(paths):,} of the {len(texts):,} texts {are} ({listed([str(path) for path in paths])}): one file is "
            "read at a time.",
            hint=f"Once for each: frostline predict MODEL {first} --out OUT. If it is the text itself: echo {first} | "
            "frostline predict MODEL",
        )
    if paths:
        return paths[0]
    is_word = len(texts) == 1 and len(texts[0]) <= 1000 and not {" ", "\n", "\0"} & {*texts[0]}
    if is_word and texts[0].lower().endswith(DATA_SUFFIXES):
        path = Path(texts[0])
        raise MissingInputError(
            f"{path} is not there.",
            hint=f"{near(path)} If it is the text itself: echo {pasteable(path)} | frostline predict MODEL",
        )
    return None


def _is_file(text: str) -> bool:
    """Whether a file, or a pipe (`<(…)` of a shell) or a device, has this name."""
    if text == "-" or {"\n", "\0"} & {*text} or not os.path.exists(text):  # noqa: PTH110 - a long text is no error
        return False
    path = Path(text)
    return path.is_file() or path.is_fifo() or path.is_char_device()


def lines_of_input(options: TableOptions, note: Callable[[Reject], None]) -> Iterator[str]:
    """Lines of standard input as they come, broken at line feeds only; an empty line is a text.

    Raises
    ------
    UsageError
        In the encoding a line feed is not byte 10.
    InputError
        A line is too long, or, unless `options.on_bad_text` says otherwise, not of the encoding.
    """
    if "a\n".encode(options.encoding) != b"a\n":
        raise UsageError(
            f"Lines of standard input cannot be in {options.encoding}.", hint="Pass a file, or convert it with iconv."
        )
    limit = options.limits.line_bytes
    for number in itertools.count(1):
        line = sys.stdin.buffer.readline(limit + 1)
        if not line:
            return
        if len(line) > limit:
            raise InputError(f"standard input:{number}: a line must have at most {limit:,} bytes.")
        if number == 1 and options.encoding.lower() == "utf-8":
            line = line.removeprefix(codecs.BOM_UTF8)
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        try:
            text = line.decode(options.encoding, errors="replace" if options.on_bad_text == "replace" else "strict")
        except UnicodeDecodeError as error:
            found = f"byte {error.start} of the line is not {options.encoding}"
            if options.on_bad_text == "error":
                raise InputError(
                    f"standard input:{number}: {found}.",
                    hint="Pass --encoding, for example latin-1; or --on-bad-text skip or replace.",
                ) from error
            note(Reject(number, found))
            continue
        yield text


def _counted(
    found: Iterable[Prediction], layout: Layout, counts: Counter[str], advance: Progress | None = None
) -> Iterator[Prediction]:
    """`found` as it comes; `counts` grows by what is said of them afterwards."""
    for number, prediction in enumerate(found, start=1):
        counts["all"] += 1
        counts["cut"] += prediction.is_cut
        counts["early"] += prediction.is_early
        counts["unanswered"] += not prediction.is_answered
        counts["unlike"] += is_unlike(prediction, layout)
        yield prediction
        if advance is not None and number % 1000 == 0:
            advance(number, number)
