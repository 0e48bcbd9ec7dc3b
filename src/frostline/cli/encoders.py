"""`frostline encoders`: the encoders that have a short name, and which are at hand."""

import click
from rich.table import Table
from rich.text import Text

from frostline.cli.console import output, print_json
from frostline.cli.options import json_option
from frostline.encoder.checkpoint import is_at_hand, known_encoders


@click.command(
    "encoders",
    epilog="Example: frostline train reviews.tsv --encoder distilbert --out model",
    help="List the encoders known by name, and which are at hand.",
)
@json_option
def command(*, as_json: bool) -> None:
    """Print a table; nothing is fetched."""
    rows = [
        {
            "name": known.name,
            "hub_id": known.hub_id,
            "revision": known.revision,
            "parameters": known.n_parameters,
            "size_bytes": known.size_bytes,
            "about": known.about,
            "licence": known.licence,
            "at_hand": is_at_hand(known) is not None,
        }
        for known in known_encoders()
    ]
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "at hand", "size", "what it is", "hub id"):
        table.add_column(column, no_wrap=column in {"name", "at hand", "size"})
    for row in rows:
        size = f"{int(str(row['size_bytes'])) / 1e6:.0f} MB"
        cells = (row["name"], "yes" if row["at_hand"] else "no", size, row["about"], row["hub_id"])
        table.add_row(*(Text(str(cell)) for cell in cells))
    console = output()
    console.print(table)
    console.print("Any folder with config.json, model.safetensors and tokenizer.json works too, and any hub id of the")
    console.print(
        "families BERT, DistilBERT, RoBERTa, XLM-RoBERTa, MPNet, ELECTRA and ModernBERT: --encoder owner/name "
        "--revision COMMIT"
    )
