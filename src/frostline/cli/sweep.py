"""`frostline sweep`: every layer and pooling, and the joins, from one reading; which features to take, and why."""

from dataclasses import replace
from pathlib import Path

import click

from frostline.advice import Step
from frostline.cli.again import say_next
from frostline.cli.console import output, print_json, progress
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    FILE,
    EncoderChoice,
    encoder_options,
    group_option,
    json_option,
    limit_option,
    of_kind,
    opened_encoder,
    overwrite_option,
    reading_options,
    say_remarks,
    saying_how_long,
    scoring_option,
    settled_choice,
    tidied_if_wanted,
)
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.disk import refuse_file
from frostline.errors import UsageError
from frostline.head.options import SearchOptions
from frostline.report.document import as_sweep_document
from frostline.report.sweep import plot_sweep, print_sweep, refuse_plot
from frostline.sweep import SWEEP_FEATURES, SweepOptions, sweep
from frostline.training.options import TrainingOptions, split_rows
from frostline.training.records import data_record


@click.command(
    "sweep",
    cls=Grouped,
    epilog="Example: frostline sweep reviews.tsv --test test.tsv --plot sweep.svg",
    help="Read the labelled FILE once, and cross-validate every layer under every pooling (cls, mean, max), and joins "
    "of them, on the same folds with C searched. The features with the fewest numbers within one standard error of "
    "the best are chosen; with --test or --holdout they are tested once, on rows that took part in nothing.",
)
@click.argument("file", type=FILE)
@click.option("--test", "test_file", type=FILE, help="Rows to test the choice on.")
@click.option("--holdout", "test_fraction", type=float, help="Hold out this share of FILE to test the choice on.")
@click.option(
    "--join", "joins", metavar="FEATURES", multiple=True, help="A join to try instead of the usual ones; repeat it."
)
@click.option("--no-joins", is_flag=True, help="Try single blocks only.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the sweep into this .svg or .png file.")
@click.option("-C", "C", type=float, multiple=True, help="A value of C to try; repeat it for a grid of your own.")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Folds, the same for all.")
@scoring_option
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Weigh classes by how rare they are.")
@click.option("--strict", is_flag=True, help="Refuse where otherwise a warning would do.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed for the splits.")
@overwrite_option
@json_option
@encoder_options
@limit_option
@reading_options
@group_option
def command(
    *,
    file: Path,
    test_file: Path | None,
    test_fraction: float | None,
    joins: tuple[str, ...],
    no_joins: bool,
    plot: Path | None,
    C: tuple[float, ...],
    folds: int,
    scoring: str | None,
    class_weight: str | None,
    strict: bool,
    seed: int,
    overwrite: bool,
    as_json: bool,
    limit: int | None,
    encoder: EncoderChoice,
    reading: TableOptions,
) -> None:
    """Read, sweep, print."""
    _refuse_together(("--test", test_file is not None), ("--holdout", test_fraction is not None))
    _refuse_together(("--join", bool(joins)), ("--no-joins", no_joins))
    if plot is not None:
        refuse_plot(plot)
        refuse_file(plot, overwrite=overwrite, inputs=[file, *([test_file] if test_file is not None else [])])
    whole, reading = tidied_if_wanted(read_labelled(file, replace(reading, limit=limit)), reading)
    dataset, test = _parts(whole, test_fraction, seed=seed)
    if test_file is not None:
        known = replace(reading, known_labels=frozenset(dataset.counts()))  # tells a test file's columns apart
        known = known.guessing(whole.source.text_column, whole.source.label_column)
        found = read_labelled(test_file, known).known_to(known.known_labels, allowed=known.max_bad_rows)
        test = of_kind(found, dataset.targets.kind)
    say_remarks(whole, test)
    encoder, precision = settled_choice(encoder, SWEEP_FEATURES, dataset.texts, dataset.targets)
    reader = opened_encoder(encoder, SWEEP_FEATURES)
    search = SearchOptions(
        Cs=C or None, n_folds=folds, scoring=scoring, class_weight=class_weight, seed=seed, threads=encoder.threads
    )
    with (
        progress("Reading", "sentences", step=(1, 2)) as reading_told,
        progress("Searching", "candidates", step=(2, 2)) as searching_told,
    ):
        swept = sweep(
            dataset,
            reader,
            test=test,
            test_kind="file" if test_file is not None else "stratified hold-out",
            options=SweepOptions(search=search, joins=() if no_joins else joins or None, strict=strict),
            reading=saying_how_long(reading_told, reader, dataset.texts),
            searching=searching_told,
        )
    if plot is not None:
        plot_sweep(swept, plot)
    if as_json:
        document = as_sweep_document(swept, data_record(whole), precision)
        print_json({**document, "plot": None if plot is None else str(plot)})
    else:
        print_sweep(swept, data_record(whole), output())
        chosen = ("--features", swept.winner.candidate.features, "--out", "model")
        say_next("train with the features chosen.", Step(verb="train", options=chosen))


def _parts(whole: Dataset, test_fraction: float | None, *, seed: int) -> tuple[Dataset, Dataset | None]:
    """The rows to sweep and, where a share is held out, the rows to test on."""
    if test_fraction is None:
        return whole, None
    options = TrainingOptions(search=SearchOptions(seed=seed), test_fraction=test_fraction)
    split = split_rows(whole, None, options)
    return split.train, split.test


def _refuse_together(first: tuple[str, bool], second: tuple[str, bool]) -> None:
    if first[1] and second[1]:
        raise UsageError(f"{first[0]} and {second[0]} exclude each other.")
