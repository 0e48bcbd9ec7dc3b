"""`frostline embed`: the features of a file's sentences, as a file."""

from pathlib import Path
from typing import Any

import click

from frostline.cli.console import progress, words
from frostline.cli.options import (
    FILE,
    encoder_options,
    features_option,
    limit_option,
    opened_encoder,
    overwrite_option,
    reading_options,
    store_option,
    table_options,
)
from frostline.data.tables import stream_texts
from frostline.embedding import refuse_format, write_features
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.publish import refuse_existing


@click.command(
    "embed",
    epilog="Example: frostline embed sentences.tsv --features mean@-1 --out rows.npy",
    help="Write the features of FILE's sentences, one row each, in order: .npy, .safetensors or .parquet.",
)
@click.argument("file", type=FILE)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write.")
@features_option
@overwrite_option
@encoder_options
@store_option
@limit_option
@reading_options
def command(
    *,
    file: Path,
    out: Path,
    features: str | None,
    overwrite: bool,
    encoder: str,
    revision: str | None,
    max_length: int | None,
    threads: int | None,
    store: bool,
    limit: int | None,
    **reading: Any,
) -> None:
    """Go through the file twice: once to count its rows, once to read them."""
    refuse_format(out)
    refuse_existing(out, overwrite=overwrite)
    options = table_options(limit=limit, **reading)
    reader = opened_encoder(
        encoder,
        features=features or DEFAULT_FEATURES,
        revision=revision,
        max_length=max_length,
        threads=threads,
        store=store,
    )
    with progress("Reading", "sentences") as advance:
        written = write_features(
            out, reader, lambda: (row.text for row in stream_texts(file, options)), progress=advance
        )
    words().print(f"{written.n_rows:,} rows of {written.n_features:,} numbers ({written.n_cut:,} texts were cut).")
