"""`frostline page`: a saved classifier as a web page that needs no server of its own."""

from pathlib import Path

import click

from frostline.artifact import load_artifact
from frostline.cli.completion import folders
from frostline.cli.groups import Grouped
from frostline.cli.options import ModelChoice, model_options, overwrite_option
from frostline.errors import pasteable, printable
from frostline.export.page import page_files
from frostline.export.run import export, refuse_place


@click.command(
    "page",
    cls=Grouped,
    epilog="Example: frostline page model --packages browser --out site",
    help="Write MODEL as a folder that any static server shows: a page that reads texts in the browser, with the "
    "classifier's own answers. It asks no other host, and works offline.",
)
@click.argument("model", type=click.Path(path_type=Path), shell_complete=folders)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to make.")
@click.option(
    "--packages",
    type=click.Path(path_type=Path),
    default="browser",
    show_default=True,
    metavar="FOLDER",
    help="Where npm has put onnxruntime-web and @huggingface/tokenizers; if they are not there, the line that does.",
)
@model_options
@overwrite_option
def command(*, model: Path, out: Path, packages: Path, choice: ModelChoice, overwrite: bool) -> None:
    """Open the model, write the folder, say how it is shown."""
    refuse_place(out, overwrite=overwrite)
    artifact = load_artifact(model)
    files = page_files(packages)
    done = export(choice.open(artifact), out, overwrite=overwrite, page=files)
    beside = sum(map(len, files.values())) / 1e6
    click.echo(
        f"Written: {printable(str(out))} ({done.size_bytes / 1e6:,.0f} MB the classifier, {beside:,.0f} MB what reads)."
    )
    click.echo(f"Look at it: python -m http.server --bind 127.0.0.1 --directory {pasteable(out)} 8000")
