"""`frostline distil`: a table of word pieces from an encoder, which reads sixty times as fast."""

from pathlib import Path

import click
from rich.text import Text

from frostline.cli.console import progress, words
from frostline.cli.groups import Grouped
from frostline.cli.options import overwrite_option
from frostline.disk import refuse_existing
from frostline.errors import UsageError, pasteable, shown


@click.command(
    "distil",
    cls=Grouped,
    epilog="Example: frostline distil minilm --out table && frostline train reviews.tsv --encoder ./table --out model",
    help="Make a table with a vector for each word piece of ENCODER: an encoder without layers, for when speed counts "
    "more than the last points. `--encoder static` is that of minilm, made at first use.",
)
@click.argument("encoder")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to make.")
@click.option("--revision", metavar="COMMIT", help="A commit, branch or tag of the hub.")
@click.option("--components", type=click.IntRange(1), default=256, show_default=True, help="Numbers for each text.")
@overwrite_option
def command(*, encoder: str, out: Path, revision: str | None, components: int, overwrite: bool) -> None:
    """Read every word piece by itself, keep what varies most, weigh it by rarity."""
    from frostline.encoder.encoder import Encoder  # noqa: PLC0415 - heavy, and --help does without
    from frostline.encoder.static import FEATURES, distil  # noqa: PLC0415 - likewise

    refuse_existing(out, overwrite=overwrite)
    source = Encoder.open(encoder, features=FEATURES, revision=revision)
    if source.is_table:
        raise UsageError(
            f"What is distilled must have layers ({shown(encoder)} is a table already).",
            hint=f"Train with it as it is: frostline train FILE --encoder {pasteable(encoder)} --out model",
        )
    with progress(f"Distilling {encoder}", "word pieces") as told:
        distil(source, out, components=components, overwrite=overwrite, progress=told)
    size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
    words().print(Text(f"A table of {source.word_pieces.vocabulary_size:,} word pieces, {size:.0f} MB: {out}"))
    words().print(Text(f"Next: frostline train FILE --encoder {pasteable(out)} --out model"))
