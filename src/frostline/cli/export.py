"""`frostline export`: a saved classifier as one ONNX file, for programs without Frostline."""

from pathlib import Path

import click

from frostline.artifact import load_artifact
from frostline.cli.completion import folders
from frostline.cli.console import print_json, words
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    FILE,
    ModelChoice,
    as_learned,
    json_option,
    model_options,
    overwrite_option,
    reading_options,
    say_remarks,
)
from frostline.data.options import TableOptions
from frostline.data.tables import stream_texts
from frostline.errors import pasteable, printable
from frostline.export.run import export, refuse_place


@click.command(
    "export",
    cls=Grouped,
    epilog="Example: frostline export model --out exported",
    help="Write MODEL as one ONNX file: ids of word pieces in; probabilities, labels, and whether it is sure, out. "
    "Beside it lie its tokenizer, what shows that it works, and programs of 30 lines that use it, in Python and "
    "JavaScript.",
)
@click.argument("model", type=click.Path(path_type=Path), shell_complete=folders)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to make.")
@click.option(
    "--quantized",
    type=FILE,
    metavar="FILE",
    help="Write the layers in int8, a quarter of their size, if 99 % of the answers to these texts stay the same.",
)
@model_options
@reading_options
@overwrite_option
@json_option
def command(
    *,
    model: Path,
    out: Path,
    quantized: Path | None,
    choice: ModelChoice,
    reading: TableOptions,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Open the model, write the folder, say what was seen."""
    refuse_place(out, overwrite=overwrite)
    artifact = load_artifact(model)
    texts = None
    if quantized is not None:
        options = as_learned(reading, artifact.manifest)
        texts = [row.text for row in stream_texts(quantized, options, on_columns=say_remarks)]
    done = export(choice.open(artifact), out, overwrite=overwrite, quantized=texts)
    if as_json:
        print_json(
            {
                "folder": str(out),
                "size_bytes": done.size_bytes,
                "precision": done.precision,
                "largest_difference": done.difference,
                "texts_tried": done.n_texts,
            }
        )
        return
    said = f"the classifier's own probabilities, to {done.difference:.0e} at most"
    if done.gate is not None:
        words().print(f"int8 was tried: {done.gate}.", markup=False)
        said = f"probabilities that are within {done.difference:.0e} of the classifier's own"
    click.echo(
        f"Written: {printable(str(out))} ({done.size_bytes / 1e6:,.0f} MB, {done.precision}). ONNX Runtime gave "
        f"{done.n_texts} texts {said}."
    )
    click.echo(f'Use it: python {pasteable(out / "answer.py")} "a sentence of your own"')
