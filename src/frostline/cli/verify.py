"""`frostline verify`: a file that was scored or embedded, held against the manifest beside it."""

import click

from frostline.cli.console import print_json
from frostline.cli.groups import Grouped
from frostline.cli.options import PLACE, json_option
from frostline.errors import printable
from frostline.places import Place
from frostline.report import count_text
from frostline.score.job import verify


@click.command(
    "verify",
    cls=Grouped,
    epilog="Example: frostline verify scored.csv",
    help="Check that OUT, which predict or embed wrote, is whole and as it was written. Needs its manifest beside "
    "it (OUT.manifest.json), and neither the model nor the input.",
)
@click.argument("out", type=PLACE)
@json_option
def command(*, out: Place, as_json: bool) -> None:
    """Say what was found; damage is an error that names the rows."""
    found = verify(out)
    if as_json:
        print_json({"file": out.name, "rows": found.rows, "sections": found.n_sections, "sha256": found.sha256})
        return
    rows = count_text(found.rows, "row")
    click.echo(f"{printable(str(out))} is whole: {rows} in {count_text(found.n_sections, 'section')}, all as written.")
