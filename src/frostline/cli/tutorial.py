"""`frostline tutorial`: the practical, step by step, with the numbers of your own file."""

from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from frostline.cli.console import output, progress
from frostline.cli.options import (
    FILE,
    EncoderChoice,
    encoder_options,
    fresh_encoder,
    opened_encoder,
    reading_options,
    settled_choice,
)
from frostline.data.checks import label_warnings
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.features import DEFAULT_FEATURES, TUTORIAL_FEATURES
from frostline.tutorial.lesson import Language, Step, Words, give_lesson, told, words


@click.command(
    "tutorial",
    epilog="Example: frostline tutorial train.tsv --lang zh",
    help="Walk through the DistilBERT practical on FILE step by step: word pieces, padding, mask, [CLS], C, score.",
)
@click.argument("file", type=FILE)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="English or Chinese.")
@click.option("--limit", type=click.IntRange(1), default=2000, show_default=True, help="Take the first N rows only.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split and the folds.")
@encoder_options
@reading_options
def command(
    *,
    file: Path,
    lang: Language,
    limit: int,
    seed: int,
    encoder: EncoderChoice,
    reading: TableOptions,
) -> None:
    """Print each step as it is computed."""
    dataset = read_dataset(file, replace(reading, limit=limit))
    encoder, _ = settled_choice(encoder, TUTORIAL_FEATURES, dataset.texts, dataset.targets)
    reader = opened_encoder(encoder, TUTORIAL_FEATURES)
    console = output()
    for odd in label_warnings(dataset):
        console.print(Text(odd, style="yellow"))
    with progress("Reading", "sentences") as advance:
        better = opened_encoder(encoder, DEFAULT_FEATURES)
        practical = fresh_encoder(encoder, TUTORIAL_FEATURES)
        steps = give_lesson(dataset, practical, reader, better, seed=seed, progress=advance)
        for number, step in enumerate(steps, start=1):
            show(number, step, words(lang), console)


def show(number: int, step: Step, said: Words, console: Console) -> None:
    """One step: its heading, its paragraph, its exhibit."""
    heading, paragraph = told(said, step)
    console.print(Text(f"{number}. {heading}", style="bold"))
    console.print(Padding(Text(paragraph), (0, 0, 0, 3)))
    if step.exhibit:
        console.print()
        for line in step.exhibit:
            console.print(Padding(Text(line, style="cyan", no_wrap=True, overflow="ellipsis"), (0, 0, 0, 6)))
    console.print()
