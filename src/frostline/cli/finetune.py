"""`frostline finetune`: the encoder trained too, and an honest word on whether it paid."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import click
from rich.text import Text

from frostline.advice import Step
from frostline.artifact.files import refuse_place
from frostline.cli.again import line_of, made_by
from frostline.cli.completion import features
from frostline.cli.console import progress, tuning_progress, words
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    FILE,
    EncoderChoice,
    encoder_options,
    json_option,
    limit_option,
    of_kind,
    opened_encoder,
    overwrite_option,
    reading_options,
    tidied_if_wanted,
)
from frostline.cli.train import next_line, show
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.encoder.architecture import FAMILIES, require_torch
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.errors import InputError, UsageError
from frostline.finetune import Cost, FineTune
from frostline.finetune.options import Products
from frostline.head.options import SearchOptions
from frostline.report.phrases import tuning_text
from frostline.training import Progress, TrainingOptions, save_training


@click.command(
    "finetune",
    cls=Grouped,
    epilog="Example: frostline finetune train.tsv --test test.tsv --freeze-layers 2 --out model",
    help="Train the encoder too, from FILE, and test it beside the frozen one on the same rows. Needs "
    "frostline[torch]; the saved classifier does not. Only encoders of the families that "
    f"our graph reads can be tuned: {', '.join(FAMILIES)}.",
)
@click.argument("file", type=FILE)
@click.option("--test", "test_file", type=FILE, help="Rows to test on. Without it a quarter of FILE is held out.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to save the classifier in.")
@click.option(
    "--features",
    default=DEFAULT_FEATURES,
    show_default=True,
    help="What the head reads, as for train.",
    shell_complete=features,
)
@click.option("--epochs", type=click.IntRange(1), default=3, show_default=True, help="Passes through the rows.")
@click.option(
    "--rate", type=float, help="Learning rate of the highest layer.  [default: by its width, 2e-4 where that is 384]"
)
@click.option("--freeze-layers", type=click.IntRange(0), default=0, show_default=True, help="Layers that stay.")
@click.option("--embeddings", is_flag=True, help="Train the word embeddings too; then no layer can be frozen.")
@click.option(
    "--products",
    type=click.Choice(get_args(Products)),
    default="auto",
    show_default=True,
    help="What matrices are multiplied in; auto: bfloat16 where the processor has it.",
)
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Weigh classes by how rare they are.")
@click.option("--checkpoints", type=click.Path(path_type=Path), help="A folder for checkpoints.  [default: OUT.tuning]")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed for the splits and for every step.")
@overwrite_option
@json_option
@encoder_options
@limit_option
@reading_options
def command(
    *,
    file: Path,
    test_file: Path | None,
    out: Path,
    features: str,
    epochs: int,
    rate: float | None,
    freeze_layers: int,
    embeddings: bool,
    products: Products,
    class_weight: str | None,
    checkpoints: Path | None,
    seed: int,
    overwrite: bool,
    as_json: bool,
    limit: int | None,
    encoder: EncoderChoice,
    reading: TableOptions,
) -> None:
    """Train frozen, tune, test both, save."""
    require_torch("Fine-tuning")
    refuse_place(out, overwrite=overwrite)
    if encoder.precision != "float32":
        raise UsageError("Fine-tuning is done in float32: leave --precision out.")
    dataset, reading = tidied_if_wanted(read_labelled(file, replace(reading, limit=limit)), reading)
    test = None if test_file is None else of_kind(read_labelled(test_file, reading), dataset.targets.kind)
    if len(dataset.counts()) < 2:
        raise InputError(f"{file}: two labels or more are needed to tune on (got {len(dataset.counts())}).")
    from frostline.training.tuning import finetune  # noqa: PLC0415 - the runtime loads only where texts are read

    how = FineTune(
        epochs=epochs,
        rate=rate,
        freeze_layers=freeze_layers,
        embeddings=embeddings,
        products=products,
        device=encoder.device,
        class_weight="balanced" if class_weight else None,
        seed=seed,
    )
    with progress("Reading", "sentences") as read, tuning_progress() as tuning:
        done = finetune(
            dataset,
            opened_encoder(encoder, features),
            test=test,
            options=TrainingOptions(search=SearchOptions(seed=seed)),
            how=how,
            folder=checkpoints or out.with_name(f"{out.name}.tuning"),
            progress=Progress(reading=read),
            told=tuning,
            expects=lambda cost: words().print(Text(cost_text(cost, epochs))),
        )
    save_training(
        done.training,
        out,
        encoder=done.encoder,
        overwrite=overwrite,
        with_encoder=True,
        made=made_by(),
        command=next_line(done.training.record, is_handed_on=True),
    )
    done.clear()
    show(done.training, out, as_json=as_json, details=False)
    for sentence in tuning_text(done.record):
        words().print(Text(sentence))
    if done.record.lead.interval[1] < 0:
        frozen = line_of(Step(verb="train", options=("--out", f"{out}-frozen")))
        lower = how.rate_at(done.encoder.hidden_size) / 5
        words().print(Text(f"Next: keep the frozen encoder, or tune with a lower --rate ({lower:g}).\n  {frozen}"))
    elif not as_json:
        words().print(Text("A line above names the encoder as it was: the tuned one knows the rows of this file."))


def cost_text(cost: Cost, n_asked: int) -> str:
    """What tuning will take, told before it starts."""
    spent = "less than a minute" if cost.seconds < 60 else f"about {cost.seconds / 60:.0f} min"
    more = f", in {cost.n_epochs} epochs instead of {n_asked} since rows are few" if cost.n_epochs > n_asked else ""
    halves = " in bfloat16" if cost.in_bfloat16 else ""
    return (
        f"Tuning takes {spent} here, on {cost.device}{halves} ({cost.n_steps:,} steps at most{more}), "
        f"{cost.memory_bytes / 1e6:,.0f} MB of memory and {cost.disk_bytes / 1e6:,.0f} MB of disk."
    )
