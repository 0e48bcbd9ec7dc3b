"""`frostline explain`: why a saved classifier answers as it does for one text."""

import sys
from pathlib import Path

import click

from frostline.artifact import load_artifact, load_neighbours
from frostline.cli.completion import folders
from frostline.cli.console import output, print_json, progress, words
from frostline.cli.groups import Grouped
from frostline.cli.options import ModelChoice, json_option, model_options, overwrite_option
from frostline.disk import publish_bytes, refuse_file
from frostline.errors import InputError, printable
from frostline.explanation import explain
from frostline.explanation.explaining import MAX_WORDS, N_NEAREST, named_label
from frostline.legible import legibility, legibility_warnings
from frostline.report.explanation import explanation_document, explanation_html, print_explanation

_MAX_BYTES = 1 << 20


@click.command(
    "explain",
    cls=Grouped,
    epilog='Example: frostline explain model "a visually stunning rumination on love"',
    help="Show why MODEL answers as it does for TEXT (-: all of standard input): the word pieces, what each word "
    "adds (the text is read again without it), and the nearest training sentences, where the model was trained with "
    "--keep-neighbours.",
)
@click.argument("model", type=click.Path(path_type=Path), shell_complete=folders)
@click.argument("text")
@click.option("--label", "labels", multiple=True, metavar="L", help="Explain this label instead of the answer; repeat.")
@click.option("--nearest", type=click.IntRange(1), default=N_NEAREST, show_default=True, help="Training sentences.")
@click.option(
    "--max-words", type=click.IntRange(1), default=MAX_WORDS, show_default=True, help="Words that are left out in turn."
)
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write a page of HTML, too.")
@model_options
@click.option("--details", is_flag=True, help="Log-odds beside probabilities, and what the effects sum to.")
@overwrite_option
@json_option
def command(
    *,
    model: Path,
    text: str,
    labels: tuple[str, ...],
    nearest: int,
    max_words: int,
    page: Path | None,
    choice: ModelChoice,
    details: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Open the model, explain, show."""
    if page is not None:
        refuse_file(page, overwrite=overwrite, inputs=[model])
    given = _standard_input() if text == "-" else text
    artifact = load_artifact(model)
    wanted = [named_label(label, artifact.manifest.labels) for label in labels]
    opened = choice.open(artifact)
    with progress("Reading without", "words") as count:
        explanation = explain(
            opened,
            given,
            labels=wanted,
            neighbours=load_neighbours(artifact),
            n_nearest=nearest,
            max_words=max_words,
            progress=count,
        )
    if page is not None:  # before anything is printed: who reads that may stop early (head), which ends this program
        publish_bytes(page, explanation_html(explanation).encode("utf-8"))
    if as_json:
        print_json(explanation_document(explanation))
    else:
        print_explanation(explanation, output(), details=details)
    for unread in legibility_warnings(opened.encoder, legibility(opened.encoder, [given])):
        words().print(unread, markup=False)
    if page is not None:
        words().print(f"Written: {printable(str(page))}", style="dim", markup=False)


def _standard_input() -> str:
    content = sys.stdin.buffer.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise InputError(f"A text to explain must have at most {_MAX_BYTES:,} bytes.")
    try:
        return content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise InputError(f"Standard input must be UTF-8 (byte {error.start} is not).") from error
