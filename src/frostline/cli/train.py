"""`frostline train`: a labelled file in; a saved classifier, and a score that can be believed, out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import click
import numpy as np
from click.core import ParameterSource
from rich.text import Text

from frostline.cli.answers import answer_options
from frostline.cli.console import output, print_json, progress, words
from frostline.cli.contradictions import refuse_beside_preset, refuse_two_tests
from frostline.cli.options import (
    FILE,
    EncoderChoice,
    encoder_options,
    examples_option,
    json_option,
    limit_option,
    opened_encoder,
    overwrite_option,
    reading_options,
    rejects_option,
    settled_choice,
)
from frostline.cli.several import Destination, refuse_for_several, refuse_several, train_several
from frostline.cli.training_steps import swept_features, trained
from frostline.data.checks import require_classes
from frostline.data.dataset import Dataset
from frostline.data.fixes import apply_fixes
from frostline.data.fixes_file import read_fixes
from frostline.data.multi import MultiDataset
from frostline.data.options import TableOptions
from frostline.data.public_sets import PUBLIC_SETS, load_public_set
from frostline.data.rejects import write_rejects
from frostline.data.tables import read_labelled
from frostline.encoder.features import DEFAULT_FEATURES, TUTORIAL_FEATURES
from frostline.encoder.gate import PrecisionRecord
from frostline.errors import UsageError, printable
from frostline.head.finishing import AnswerOptions
from frostline.head.search import SearchOptions, tutorial_grid
from frostline.publish import refuse_existing, refuse_file
from frostline.report.document import as_document
from frostline.report.terminal import print_report
from frostline.sweep import SWEEP_FEATURES, Sweep
from frostline.sweep.nested import FoldChoice
from frostline.training import Training, TrainingOptions, refuse_neighbours, save_training
from frostline.training.options import TUTORIAL_ROWS
from frostline.training.parts import split_rows

AUTO = "auto"


@click.command(
    "train",
    epilog="Example: frostline train reviews.tsv --test test.tsv --out model",
    help="Turn FILE (TSV, CSV, JSON Lines or Parquet, also gzipped; - for standard input; or the name of a public set) "
    "into a classifier: read every sentence once, search C, fit, test on rows that took part in nothing, save.",
)
@click.argument("file", type=FILE)
@click.option("--test", "test_file", type=FILE, help="Rows to test on. Without it a quarter of FILE is held out.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to save the classifier in.")
@click.option(
    "--features",
    metavar="POOLING@LAYERS|auto",
    help="cls, mean or max, at layers: cls@-1, mean@all, mean@-1,-2 …; with +words the texts' own words beside them; "
    f"auto: the winner of a sweep over the training rows alone (see frostline sweep).  [default: {DEFAULT_FEATURES}]",
)
@click.option("--preset", type=click.Choice(["tutorial"]), help="The DistilBERT practical, to the letter.")
@click.option("--grid", type=click.Choice(["log", "tutorial"]), help="The values of C to search.  [default: log]")
@click.option("-C", "C", type=float, multiple=True, help="A value of C to try; repeat it for a grid of your own.")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Folds of the search.")
@click.option("--scoring", default="accuracy", show_default=True, help="Any scikit-learn scorer's name.")
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Weigh classes by how rare they are.")
@click.option("--one-standard-error", is_flag=True, help="Take the smallest C within one standard error of the best.")
@click.option("--standardise/--no-standardise", default=True, help="Bring every feature to mean 0, variance 1.")
@answer_options
@click.option(
    "--learning-curve/--no-learning-curve",
    default=False,
    help="Measure how the score grows with the rows, and advise on labelling; about as long as the search.",
)
@click.option("--nested", is_flag=True, help="Test by nested cross-validation; the saved head learns from all rows.")
@click.option("--holdout", "test_fraction", type=float, default=0.25, show_default=True, help="The share held out.")
@click.option("--strict", is_flag=True, help="Refuse where otherwise a warning would do.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the hold-out and the folds.")
@click.option("--fixes", type=FILE, help="Relabel and drop rows as this file says (frostline review --out writes it).")
@rejects_option
@click.option("--with-encoder", is_flag=True, help="Save the encoder's files too, for machines without a network.")
@click.option("--keep-neighbours", is_flag=True, help="Save the training sentences too, for frostline explain to show.")
@examples_option
@overwrite_option
@json_option
@encoder_options
@limit_option
@reading_options
def command(
    *,
    file: Path,
    test_file: Path | None,
    out: Path | None,
    features: str | None,
    preset: Literal["tutorial"] | None,
    grid: Literal["log", "tutorial"] | None,
    C: Sequence[float],
    folds: int,
    scoring: str,
    class_weight: str | None,
    one_standard_error: bool,
    standardise: bool,
    answers: AnswerOptions,
    learning_curve: bool,
    nested: bool,
    test_fraction: float,
    strict: bool,
    seed: int,
    fixes: Path | None,
    rejects: Path | None,
    with_encoder: bool,
    keep_neighbours: bool,
    examples: bool,
    overwrite: bool,
    as_json: bool,
    limit: int | None,
    encoder: EncoderChoice,
    reading: TableOptions,
) -> None:
    """Read, train, report, save."""
    if out is not None:
        refuse_existing(out, overwrite=overwrite)
    elif keep_neighbours:
        raise UsageError("--keep-neighbours keeps them in the saved classifier: add --out FOLDER.")
    if rejects is not None:
        refuse_file(
            rejects, overwrite=overwrite, inputs=[path for path in (file, test_file, fixes) if path is not None]
        )
    is_held_out = click.get_current_context().get_parameter_source("test_fraction") is not ParameterSource.DEFAULT
    refuse_two_tests(test_file, nested=nested, is_held_out=is_held_out)
    if preset == "tutorial":
        refuse_beside_preset(grid=grid, C=C, nested=nested, is_auto=features == AUTO, answers=answers)
        limit = limit or TUTORIAL_ROWS
        features = features or TUTORIAL_FEATURES
        options = replace(TrainingOptions.tutorial(seed=seed), learning_curve=learning_curve)
    else:
        search = SearchOptions(
            Cs=_grid(grid, C),
            scoring=scoring,
            class_weight=class_weight,
            one_standard_error=one_standard_error,
            standardise=standardise,
            n_folds=folds,
            seed=seed,
        )
        options = TrainingOptions(
            search=search,
            nested=nested,
            test_fraction=test_fraction,
            learning_curve=learning_curve,
            answers=answers,
            strict=strict,
        )
    found, found_test = _read(
        file, test_file, replace(reading, limit=limit), reading, is_own_test=not (nested or is_held_out)
    )
    if rejects is not None:
        write_rejects(rejects, found.rejects)
    if isinstance(found, MultiDataset):
        unfit = {
            "--preset": preset is not None,
            "--features auto": features == AUTO,
            "--precision auto": encoder.precision == "auto",
            "--fixes": fixes is not None,
            "--keep-neighbours": keep_neighbours,
            "--learning-curve": learning_curve is True,
            "--abstain-precision": answers.rule.abstain_precision is not None,
            "--threshold-for": answers.rule.threshold_for is not None,
            "--thresholds": answers.rule.thresholds is not None,
        }
        refuse_for_several(unfit)
        encoder, _ = settled_choice(encoder, features or DEFAULT_FEATURES, ())
        reader = opened_encoder(encoder, features or DEFAULT_FEATURES)
        to = Destination(out=out, overwrite=overwrite, with_encoder=with_encoder, as_json=as_json, quote=examples)
        train_several(found, found_test, reader, options=options, to=to)
        return
    dataset, test = found, None if found_test is None else refuse_several(found_test)
    if fixes is not None:
        dataset = apply_fixes(dataset, read_fixes(fixes))
    tried = {None: DEFAULT_FEATURES, AUTO: SWEEP_FEATURES}.get(features, features or DEFAULT_FEATURES)
    encoder, precision = _settled(encoder, tried, dataset, test, options)
    features, swept, choose = _chosen(features, encoder, dataset, test, options)
    reader = opened_encoder(encoder, features)
    if keep_neighbours:
        refuse_neighbours(dataset, reader, test=test, options=options)
    training = trained(dataset, reader, test=test, options=options, swept=swept, choose=choose)
    training = replace(training, record=replace(training.record, precision=precision))
    if out is not None:
        save_training(
            training,
            out,
            encoder=reader,
            overwrite=overwrite,
            with_encoder=with_encoder,
            keep_neighbours=keep_neighbours,
            quote=examples,
        )
    show(training, out, as_json=as_json)


def _chosen(
    features: str | None, encoder: EncoderChoice, dataset: Dataset, test: Dataset | None, options: TrainingOptions
) -> tuple[str, Sweep | None, FoldChoice | None]:
    """The features to read; and where a sweep chose them, that and how outer folds choose theirs."""
    if features != AUTO:
        return features or DEFAULT_FEATURES, None, None
    swept, choose = swept_features(dataset, opened_encoder(encoder, SWEEP_FEATURES), test, options)
    return swept.winner.candidate.features, swept, choose


def _settled(
    choice: EncoderChoice, features: str, dataset: Dataset, test: Dataset | None, options: TrainingOptions
) -> tuple[EncoderChoice, PrecisionRecord]:
    """The precision that reads; `auto` tries int8 on rows that the head will learn from, never on those tested."""
    if choice.precision != "auto":
        return settled_choice(choice, features, ())
    require_classes(dataset, options.search.n_folds)
    learned = split_rows(dataset, test, options).train
    return settled_choice(choice, features, learned.texts, learned.labels)


def show(training: Training, out: Path | None, *, as_json: bool) -> None:
    """The report, and what to do next."""
    if as_json:
        document = as_document(training.record)
        print_json({**document, "out": None if out is None else str(out)})
        return
    print_report(training.record, output())
    console = words()
    if training.record.learning is None:
        console.print(Text("Would more labels help? Add --learning-curve.", style="dim"))
    if out is None:
        console.print(Text("Not saved. Add --out model to keep this classifier.", style="dim"))
    else:
        where = printable(str(out))
        console.print(Text(f"Saved in {where} (report: {printable(str(out / 'report.html'))}). Try it:", style="dim"))
        console.print(Text(f'  frostline predict {where} "a sentence of your own"', style="dim"))


def _read(
    file: Path, test_file: Path | None, options: TableOptions, test_options: TableOptions, *, is_own_test: bool
) -> tuple[Dataset | MultiDataset, Dataset | MultiDataset | None]:
    """The rows to learn from and those to test on; a name that is no file may be a public set's."""
    if file.exists() or str(file) not in PUBLIC_SETS:
        found = read_labelled(file, options)
        return found, _test_rows(test_file, found, test_options)
    with progress(f"Fetching {file}", "bytes") as advance:
        parts = load_public_set(str(file), progress=advance)
    train_part = parts["train"]
    if options.limit is not None:
        train_part = train_part.take(np.arange(min(options.limit, len(train_part))))
    own = parts.get("test") if is_own_test else None
    return train_part, _test_rows(test_file, train_part, test_options) or own


def _test_rows(
    file: Path | None, learned: Dataset | MultiDataset, options: TableOptions
) -> Dataset | MultiDataset | None:
    """The rows of a test file, in which the labels of those learned from tell the columns apart."""
    return None if file is None else read_labelled(file, replace(options, known_labels=frozenset(learned.counts())))


def _grid(name: Literal["log", "tutorial"] | None, values: Sequence[float]) -> tuple[float, ...] | None:
    """The values of C asked for; None is the log grid, which the search climbs only as far as it pays."""
    if values and name:
        raise UsageError("--grid and -C exclude each other: name a grid, or give the values of C.")
    if values:
        return tuple(values)
    return tutorial_grid() if name == "tutorial" else None
