"""`frostline compare`: encoders and features against each other on the same folds, with what each costs."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from frostline.advice import Step
from frostline.cli.again import line_of, say_next
from frostline.cli.completion import encoders, features
from frostline.cli.console import output, print_json, progress
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    FILE,
    EncoderChoice,
    fresh_encoder,
    group_option,
    json_option,
    limit_option,
    reader_options,
    reading_options,
    scoring_option,
    settled_choice,
    store_option,
    tidied_if_wanted,
)
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.encoder.checkpoint import DEFAULT_ENCODER, find_checkpoint
from frostline.encoder.cost import reading_peak
from frostline.encoder.features import DEFAULT_FEATURES, POOLINGS, WORDS
from frostline.encoder.precision import Precision
from frostline.encoder.words import WordsAlone
from frostline.errors import UsageError
from frostline.head.options import SearchOptions
from frostline.report.document import as_comparison_document
from frostline.report.sweep import print_comparison
from frostline.store import FeatureStore, StoredEncoder
from frostline.sweep.compare import Contestant, compare
from frostline.training.records import data_record

if TYPE_CHECKING:
    from frostline.encoder.architecture import AskedBackend, Device
    from frostline.encoder.encoder import Encoder
    from frostline.encoder.reading import SentenceEncoder


@click.command(
    "compare",
    cls=Grouped,
    epilog="Example: frostline compare reviews.tsv --encoders minilm,distilbert --features cls@-1,mean@all",
    help="Cross-validate encoders and features on the same folds of the labelled FILE, C searched for each; test each "
    "against the best, row by row; and say what reading costs: time, disk, memory.",
)
@click.argument("file", type=FILE)
@click.option(
    "--encoders",
    multiple=True,
    default=(DEFAULT_ENCODER,),
    show_default=True,
    metavar="A,B",
    shell_complete=encoders,
    help="Names, folders or hub ids (owner/name@revision), joined by commas, or the option repeated.",
)
@click.option(
    "--features",
    multiple=True,
    default=(DEFAULT_FEATURES,),
    show_default=True,
    metavar="X,Y",
    shell_complete=features,
    help="Features, joined by commas, or the option repeated; each encoder is tried with each: "
    "cls@-1,mean@-1,-2,mean@all+words is three.",
)
@click.option("-C", "C", type=float, multiple=True, help="A value of C to try; repeat it for a grid of your own.")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Folds, the same for all.")
@scoring_option
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Weigh classes by how rare they are.")
@click.option("--strict", is_flag=True, help="Refuse where otherwise a warning would do.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed for the splits.")
@click.option("--max-length", type=click.IntRange(3), metavar="N", help="Word pieces per text, for all encoders.")
@click.option("--threads", type=click.IntRange(1), metavar="N", help="Threads that read (default: one per core).")
@click.option(
    "--precision",
    type=click.Choice(["float32", "int8"]),
    default="float32",
    show_default=True,
    help="int8 is faster on processors made for it, and changes few answers.",
)
@reader_options
@json_option
@store_option
@limit_option
@reading_options
@group_option
def command(
    *,
    file: Path,
    encoders: tuple[str, ...],
    features: tuple[str, ...],
    C: tuple[float, ...],
    folds: int,
    scoring: str | None,
    class_weight: str | None,
    strict: bool,
    seed: int,
    max_length: int | None,
    threads: int | None,
    precision: Precision,
    backend: "AskedBackend",
    device: "Device",
    as_json: bool,
    store: bool,
    limit: int | None,
    reading: TableOptions,
) -> None:
    """Read, compare, print."""
    specs, names = _feature_names(",".join(features)), _encoder_names(",".join(encoders))
    read = [spec for spec in specs if spec != WORDS]
    _refuse_one(specs, n=len(read) * len(names) + len(specs) - len(read))
    dataset, _ = tidied_if_wanted(read_labelled(file, replace(reading, limit=limit)), reading)
    wished = EncoderChoice(max_length=max_length, threads=threads, precision=precision, backend=backend, device=device)
    chosen, settled = settled_choice(wished, "", ())

    def opened(name: str, spec: str) -> "Encoder":
        source, _, revision = name.partition("@")
        return fresh_encoder(replace(chosen, name=source, revision=revision or None), spec)

    def peak(name: str, spec: str) -> int | None:
        source, _, revision = name.partition("@")
        return reading_peak(
            source,
            dataset.texts,
            features=spec,
            revision=revision or None,
            max_length=max_length,
            threads=threads,
            precision=chosen.precision,
            backend=backend,
            device=device,
        )

    contestants = [
        contestant
        for name in (names if read else ())
        for contestant in _contestants(name, read, opened, peak, store=store)
    ]
    alone = WordsAlone()
    contestants += [
        Contestant(name="none", features=WORDS, kept=alone, fresh=alone, size_bytes=0, peak_bytes=None)
        for _ in range(len(specs) - len(read))
    ]
    search = SearchOptions(
        Cs=C or None, n_folds=folds, scoring=scoring, class_weight=class_weight, seed=seed, threads=threads
    )
    with (
        progress("Reading", "sentences", step=(1, 2)) as reading_told,
        progress("Searching", "candidates", step=(2, 2)) as searching_told,
    ):
        comparison = compare(
            dataset, contestants, search=search, strict=strict, reading=reading_told, searching=searching_told
        )
    if as_json:
        print_json(as_comparison_document(comparison, data_record(dataset), settled))
    else:
        print_comparison(comparison, data_record(dataset), output())
        best = comparison.standings[0]
        source, _, revision = best.encoder.partition("@")
        at = ("--revision", revision) if revision else ()
        encoder = () if best.features == WORDS else ("--encoder", source, *at)
        best_of_them = (*encoder, "--features", best.features, "--out", "model")
        say_next("train with the best of them.", Step(verb="train", options=best_of_them))


def _refuse_one(features: Sequence[str], *, n: int) -> None:
    """Raise if there is nothing to compare with, and name the line that adds something."""
    if n < 2:
        others = ",".join(dict.fromkeys((*features, DEFAULT_FEATURES, "cls@-1", WORDS)))
        raise UsageError(
            f"Two or more must be compared (got {n}).",
            hint=f"Name encoders (--encoders minilm,bert) or features: {line_of(Step(options=('--features', others)))}",
        )


def _contestants(
    name: str,
    features: list[str],
    opened: Callable[[str, str], "Encoder"],
    peak: Callable[[str, str], int | None],
    *,
    store: bool,
) -> list[Contestant]:
    """One encoder with each of the features; one reading of all their blocks serves them all."""
    fresh = [opened(name, spec) for spec in features]
    blocks = sorted({(block.pooling, block.layer) for encoder in fresh for block in encoder.blocks})
    kept: SentenceEncoder = opened(name, "+".join(f"{pooling}@{layer}" for pooling, layer in blocks))
    if store:
        kept = StoredEncoder(kept, FeatureStore.open())
    source, _, revision = name.partition("@")
    folder = find_checkpoint(source, revision=revision or None).folder
    size_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return [
        Contestant(
            name=name, features=spec, kept=kept, fresh=encoder, size_bytes=size_bytes, peak_bytes=peak(name, spec)
        )
        for spec, encoder in zip(features, fresh, strict=True)
    ]


def _encoder_names(encoders: str) -> list[str]:
    names = [name.strip() for name in encoders.split(",")]
    if not all(names):
        raise UsageError(f"--encoders must be names joined by commas (got {encoders!r}).")
    return names


def _feature_names(features: str) -> list[str]:
    """`cls@-1,mean@-1,-2` is two: a comma before a pooling parts features, one before a number parts layers."""
    return [name.strip() for name in re.split(rf",\s*(?=(?:{'|'.join(POOLINGS)})@|{WORDS}\b)", features)]
