"""`frostline encoders`: the encoders that have a short name, and others that are worth trying."""

from dataclasses import dataclass
from typing import final

import click
from rich.table import Table
from rich.text import Text

from frostline.cli.console import output, print_json
from frostline.cli.groups import Grouped
from frostline.cli.options import json_option
from frostline.encoder.checkpoint import is_at_hand, known_encoders, must_be_fetched
from frostline.encoder.published import Published, prefix_of


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """An encoder on the hub, as its card has it."""

    hub_id: str
    parameters: int
    size_bytes: int  # Of its weights, rounded
    languages: str
    licence: str
    about: str


def _suggested(  # noqa: PLR0917 - the columns of the table below
    hub_id: str, millions: int, megabytes: int, languages: str, licence: str, about: str
) -> Suggestion:
    return Suggestion(
        hub_id=hub_id,
        parameters=millions * 10**6,
        size_bytes=megabytes * 10**6,
        languages=languages,
        licence=licence,
        about=about,
    )


WORTH_TRYING = (
    _suggested("intfloat/e5-small-v2", 33, 134, "English", "MIT", "12 layers of 384"),
    _suggested("BAAI/bge-small-en-v1.5", 33, 133, "English", "MIT", "12 layers of 384, made to be pooled by [CLS]"),
    _suggested("sentence-transformers/all-mpnet-base-v2", 109, 438, "English", "Apache-2.0", "minilm's large sister"),
    _suggested("BAAI/bge-base-en-v1.5", 109, 438, "English", "MIT", "12 layers of 768, made to be pooled by [CLS]"),
    _suggested(
        "Alibaba-NLP/gte-modernbert-base", 149, 298, "English", "Apache-2.0", "ModernBERT: texts of 8,192 word pieces"
    ),
    _suggested("nomic-ai/modernbert-embed-base", 149, 596, "English", "Apache-2.0", "ModernBERT, tuned by Nomic"),
    _suggested("answerdotai/ModernBERT-base", 149, 599, "English", "Apache-2.0", "ModernBERT itself: to be fine-tuned"),
    _suggested("intfloat/multilingual-e5-small", 118, 471, "94 languages", "MIT", "12 layers of 384"),
    _suggested("intfloat/multilingual-e5-base", 278, 1112, "94 languages", "MIT", "12 layers of 768"),
    _suggested(
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        *(118, 471, "50 languages", "Apache-2.0", "12 layers of 384"),
    ),
    _suggested("BAAI/bge-small-zh-v1.5", 24, 96, "Chinese", "MIT", "4 layers of 512"),
    _suggested("FacebookAI/xlm-roberta-base", 278, 1115, "100 languages", "MIT", "12 layers of 768: to be fine-tuned"),
)
"""Of families that have a graph of ours, with plain weights and a licence that lets anybody use them: small ones first,
and those of many languages last. Figures as their cards state them; nobody here has measured them."""


@click.command(
    "encoders",
    cls=Grouped,
    epilog="Example: frostline train reviews.tsv --encoder intfloat/multilingual-e5-small --out model",
    help="List encoders that have a short name, and others worth trying: size, languages, licence, what is at hand.",
)
@json_option
def command(*, as_json: bool) -> None:
    """Print a table; nothing is fetched."""
    rows = _known() + _others()
    if as_json:
        print_json(rows)
        return
    console = output()
    table = Table(box=None, pad_edge=False)
    for column in ("name", "at hand", "size", "languages", "licence", "what it is"):
        table.add_column(column, no_wrap=column != "what it is")
    for row in rows[: len(known_encoders())]:
        cells = (row["name"], _at_hand(row), _size(row), row["languages"], row["licence"], row["about"])
        table.add_row(*(Text(str(cell)) for cell in cells))
    console.print(table)
    console.print("\nWorth trying, by hub id (sizes and licences as their cards state them; fetched at first use):")
    for row in rows[len(known_encoders()) :]:
        here = "; at hand" if row["at_hand"] else ""
        behind = f"; each text behind '{row['prefix']}'" if row["prefix"] else ""
        said = f"    {_size(row)}, {row['languages']}, {row['licence']}: {row['about']}{behind}{here}"
        console.print(Text(f"  {row['hub_id']}\n{said}"), soft_wrap=True)
    console.print(
        "\nAny folder with config.json, model.safetensors and tokenizer.json works too, and any hub id of the"
    )
    console.print(
        "families BERT, DistilBERT, RoBERTa, XLM-RoBERTa, MPNet, ELECTRA and ModernBERT: --encoder owner/name "
        "--revision COMMIT"
    )


def _known() -> list[dict[str, object]]:
    return [
        {
            "name": known.name,
            "hub_id": known.hub_id,
            "revision": known.revision,
            "parameters": known.n_parameters,
            "size_bytes": known.size_bytes,
            "languages": "English",
            "about": known.about,
            "licence": known.licence,
            "prefix": "",
            "at_hand": is_at_hand(known) is not None,
        }
        for known in known_encoders()
    ]


def _others() -> list[dict[str, object]]:
    return [
        {
            "name": one.hub_id,
            "hub_id": one.hub_id,
            "revision": None,
            "parameters": one.parameters,
            "size_bytes": one.size_bytes,
            "languages": one.languages,
            "about": one.about,
            "licence": one.licence,
            "prefix": prefix_of(one.hub_id, None, Published()),
            "at_hand": not must_be_fetched(one.hub_id, None),
        }
        for one in WORTH_TRYING
    ]


def _at_hand(row: dict[str, object]) -> str:
    return "yes" if row["at_hand"] else "no"


def _size(row: dict[str, object]) -> str:
    return f"{int(str(row['size_bytes'])) / 1e6:.0f} MB"
