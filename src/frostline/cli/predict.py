"""`frostline predict`: a sentence, lines from standard input, or a whole file."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from frostline.artifact import Model, open_model
from frostline.cli.console import print_json, progress
from frostline.cli.options import json_option, overwrite_option, reading_options, table_options
from frostline.errors import InputError, MissingInputError, UsageError
from frostline.publish import refuse_existing
from frostline.score import Prediction, as_document, predictions, refuse_format, write_predictions

DATA_SUFFIXES = (".tsv", ".csv", ".jsonl", ".ndjson", ".parquet", ".txt", ".gz")


@click.command(
    "predict",
    epilog='Example: frostline predict model "a visually stunning rumination on love"',
    help="Label the TEXTs given; or the lines of standard input (no TEXT, or -); or, where TEXT is one file (TSV, CSV, "
    "JSON Lines, Parquet), its texts. Each answer is a line: label, tab, probability.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--out", type=click.Path(path_type=Path), help="Write to a file: .tsv, .csv, .jsonl or .parquet.")
@click.option("--encoder", metavar="FOLDER", help="Where the encoder is, if the model cannot find it.")
@click.option("--threads", type=click.IntRange(1), metavar="N", help="Threads that read (one per core if not said).")
@overwrite_option
@json_option
@reading_options
def command(
    *,
    model: Path,
    texts: tuple[str, ...],
    out: Path | None,
    encoder: str | None,
    threads: int | None,
    overwrite: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Open the model, go through the texts, write each answer."""
    if out is not None:
        refuse_format(out)
        refuse_existing(out, overwrite=overwrite)
    file = _file_among(texts)
    if out is not None and file is not None and out.exists() and out.samefile(file):
        raise UsageError(f"{out} is the input: writing there would lose it.", hint="Choose another name for --out.")
    opened = open_model(model, encoder=encoder, threads=threads)
    if file is not None:
        coming = _texts_of_file(file, reading)
    elif texts and texts != ("-",):
        coming = iter(texts)
    else:
        coming = _lines_of_input()
    found = predictions(opened, coming, window=1 if _is_conversation(texts) else 4096)
    if out is not None:
        labels = opened.manifest.labels
        with progress("Classifying", "texts") as advance:
            write_predictions(out, _counted(found, advance), labels=labels)
        return
    _print(found, opened, as_json=as_json)


def _print(found: Iterable[Prediction], model: Model, *, as_json: bool) -> None:
    for prediction in found:
        if as_json:
            print_json(as_document(prediction, model.manifest.labels))
        else:
            click.echo(f"{prediction.label}\t{prediction.probability:.4f}")


def _file_among(texts: tuple[str, ...]) -> Path | None:
    """The one text, if it is a file; a name that looks like a file's but is none is an error, not a sentence."""
    if len(texts) != 1 or texts[0] == "-" or "\n" in texts[0] or len(texts[0]) > 1000 or "\0" in texts[0]:
        return None
    path = Path(texts[0])
    if path.is_file():
        return path
    if " " not in texts[0] and texts[0].lower().endswith(DATA_SUFFIXES):
        raise MissingInputError(
            f"{path}: there is no such file.", hint="To classify these very words, pass them on standard input."
        )
    return None


def _texts_of_file(file: Path, reading: dict[str, Any]) -> Iterator[str]:
    from frostline.data.tables import stream_texts  # noqa: PLC0415 - not needed for a sentence: start-up time

    return (row.text for row in stream_texts(file, table_options(**reading)))


def _lines_of_input() -> Iterator[str]:
    """Lines of standard input, broken at line feeds only; bytes that are not UTF-8 are an error naming the line."""
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            yield line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"standard input, line {number}: must be UTF-8 (byte {error.start} of the line is not).",
                hint="Convert it, for example with iconv -f latin1 -t utf-8.",
            ) from error


def _is_conversation(texts: tuple[str, ...]) -> bool:
    """True where a person types lines and waits for each answer."""
    return texts in {(), ("-",)} and sys.stdin.isatty()


def _counted(found: Iterable[Prediction], advance: Any) -> Iterator[Prediction]:
    for number, prediction in enumerate(found, start=1):
        yield prediction
        if number % 1000 == 0:
            advance(number, number)
