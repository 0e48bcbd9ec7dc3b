"""Options that several verbs share, each defined once.

In:   a click command function.
Out:  the same with the options of reading a file, of the encoder, of the search.
Not:  what the options do.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from frostline.data.options import TableOptions, column_choice
from frostline.encoder.features import DEFAULT_FEATURES

if TYPE_CHECKING:
    from frostline.encoder.reading import SentenceEncoder
    from frostline.head.linear import Label

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, allow_dash=True)


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, listed in the order given."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


reading_options = together(
    click.option("--text", "text_column", metavar="NAME|N", help="The text column, by name or by number from 1."),
    click.option("--label", "label_column", metavar="NAME|N", help="The label column, by name or by number from 1."),
    click.option(
        "--header/--no-header", default=None, help="Whether the first row is a header (found out if not said)."
    ),
    click.option(
        "--format",
        "file_format",
        type=click.Choice(["tsv", "csv", "jsonl", "parquet"]),
        help="The file's format (found out if not said; gzip always is).",
    ),
    click.option("--encoding", default="utf-8", show_default=True, help="The file's character encoding."),
    click.option(
        "--on-bad-text",
        type=click.Choice(["error", "replace", "skip"]),
        default="error",
        show_default=True,
        help="What to do with bytes that are not in the encoding.",
    ),
    click.option("--delimiter", metavar="C", help="What separates the columns of a TSV or CSV, if something else."),
    click.option("--quoted/--not-quoted", default=None, help="Whether cells may be quoted (CSV: yes; TSV: no)."),
    click.option(
        "--on-empty-text",
        type=click.Choice(["reject", "keep"]),
        default="reject",
        show_default=True,
        help="Whether a row with an empty text is a bad row.",
    ),
    click.option(
        "--max-bad-rows", type=click.IntRange(0), default=0, show_default=True, help="Rejected rows to put up with."
    ),
)

rejects_option = click.option(
    "--rejects", type=click.Path(path_type=Path), help="Write rejected rows here, as JSON Lines."
)

limit_option = click.option("--limit", type=click.IntRange(1), metavar="N", help="Take the first N rows only.")

encoder_options = together(
    click.option(
        "--encoder",
        default="minilm",
        show_default=True,
        help="minilm (bundled), distilbert, bert, a folder, or a hub id.",
    ),
    click.option("--revision", metavar="COMMIT", help="The hub revision, for an encoder named by a hub id."),
    click.option(
        "--max-length",
        type=click.IntRange(3),
        metavar="N",
        help="Word pieces per text, [CLS] and [SEP] included (the encoder's own limit if not said).",
    ),
    click.option(
        "--threads", type=click.IntRange(1), metavar="N", help="Threads that read (one per core if not said)."
    ),
)

features_option = click.option(
    "--features",
    default=None,
    metavar="POOLING@LAYERS",
    help=f"cls, mean or max, at layers: cls@-1, mean@all, mean@-1,-2 …  [default: {DEFAULT_FEATURES}]",
)

store_option = click.option(
    "--store/--no-store", default=True, show_default=True, help="Keep features, so that no sentence is read twice."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output, for programs.")

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what is there.")


def table_options(
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    header: bool | None = None,
    file_format: Any = None,
    encoding: str = "utf-8",
    on_bad_text: Any = "error",
    delimiter: str | None = None,
    quoted: bool | None = None,
    on_empty_text: Any = "reject",
    max_bad_rows: int = 0,
    limit: int | None = None,
    known_labels: "Iterable[Label]" = (),
) -> TableOptions:
    """The reading options as the library has them; a column given as digits is a number."""
    return TableOptions(
        known_labels=frozenset(str(label) for label in known_labels),
        text=None if text_column is None else column_choice(text_column),
        label=None if label_column is None else column_choice(label_column),
        header=header,
        format=file_format,
        encoding=encoding,
        on_bad_text=on_bad_text,
        delimiter=delimiter,
        quoted=quoted,
        on_empty_text=on_empty_text,
        max_bad_rows=max_bad_rows,
        limit=limit,
    )


def opened_encoder(
    name: str,
    *,
    features: str,
    revision: str | None,
    max_length: int | None,
    threads: int | None,
    store: bool,
) -> "SentenceEncoder":
    """The encoder that the options name, remembering what it reads if `store` says so."""
    from frostline.encoder.encoder import Encoder  # noqa: PLC0415 - heavy, and not every verb reads
    from frostline.store import FeatureStore, StoredEncoder  # noqa: PLC0415 - likewise

    kept = FeatureStore.open() if store else None  # first: a store that cannot be used is known before any work
    opened = Encoder.open(name, features=features, revision=revision, max_length=max_length, threads=threads)
    return opened if kept is None else StoredEncoder(opened, kept)
