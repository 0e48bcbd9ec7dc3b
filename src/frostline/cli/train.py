"""`frostline train`: a labelled file in; a saved classifier, and a score that can be believed, out."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import click
import numpy as np
from click.core import ParameterSource
from rich.cells import cell_len
from rich.text import Text

from frostline.advice import Step, is_faultless
from frostline.artifact.files import refuse_place
from frostline.cli.again import command_of, line_of, made_by
from frostline.cli.completion import features_or_auto
from frostline.cli.console import output, print_json, progress, words
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    FILE,
    EncoderChoice,
    answer_options,
    details_option,
    encoder_options,
    examples_option,
    group_option,
    json_option,
    limit_option,
    of_kind,
    opened_encoder,
    overwrite_option,
    reading_options,
    rejects_option,
    say_in_detail,
    saying_how_long,
    scoring_option,
    settled_choice,
    tidied_if_wanted,
)
from frostline.data.cells import write_rejects
from frostline.data.checks import require_learnable, without_lone
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.disk import refuse_file
from frostline.encoder.features import AUTO, DEFAULT_FEATURES, SWEEP_FEATURES, TUTORIAL_FEATURES, FeatureSpec
from frostline.encoder.precision import PrecisionRecord
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import UsageError, pasteable, printable
from frostline.head.fitted import PLAIN_ANSWERS, AnswerOptions
from frostline.head.options import CHANGED, UPPER, CascadeOptions, SearchOptions, tutorial_grid
from frostline.record import TrainingRecord
from frostline.report.brief import next_advice, print_brief
from frostline.report.document import as_document
from frostline.training import (
    Progress,
    Training,
    TrainingOptions,
    refuse_neighbours,
    save_training,
    train,
    training_progress,
)
from frostline.training.options import TUTORIAL_ROWS, is_in_turn, split_rows

if TYPE_CHECKING:
    from frostline.data.public_sets import Part
    from frostline.sweep.run import FoldChoice, Sweep


def refuse_two_tests(test_file: Path | None, *, nested: bool, is_held_out: bool) -> None:
    """Raise if more than one way to test was asked for: none of them would silently be left out."""
    asked = {"--test": test_file is not None, "--nested": nested, "--holdout": is_held_out}
    named = [name for name, is_asked in asked.items() if is_asked]
    if len(named) > 1:
        raise UsageError(
            f"A classifier is tested in one way: {' and '.join(named)} exclude each other.",
            hint="Rows of a test file, every row in turn, or a share held out: keep one of the options.",
        )


def refuse_beside_preset(
    *, grid: str | None, C: Sequence[float], nested: bool, is_auto: bool, answers: AnswerOptions
) -> None:
    """Raise if an option contradicts the tutorial's way."""
    if is_auto:
        raise UsageError(
            "--preset tutorial names its features; a sweep would choose others.",
            hint="Leave --features auto out, or leave the preset out.",
        )
    if answers not in {AnswerOptions(), PLAIN_ANSWERS}:
        raise UsageError(
            "--preset tutorial takes the most probable label, its probability as it comes.",
            hint="Leave --calibrate and the thresholds out, or leave the preset out.",
        )
    if grid or C or nested:
        raise UsageError(
            "--preset tutorial already says the grid and how it is tested.",
            hint="Leave --grid, -C and --nested out, or leave the preset out.",
        )


def swept_features(
    dataset: Dataset, encoder: SentenceEncoder, test: Dataset | None, options: TrainingOptions
) -> tuple["Sweep", "FoldChoice | None"]:
    """The sweep that chooses the features; and the same choice for outer folds, where they will test it."""
    from frostline.training.choosing import choice_in_turn, choose_features  # noqa: PLC0415 - for --features auto

    with progress("Reading", "sentences") as reading, progress("Choosing features", "candidates") as searching:
        told = Progress(reading=saying_how_long(reading, encoder, dataset.texts), searching=searching)
        swept = choose_features(dataset, encoder, test=test, options=options, progress=told)
    if not is_in_turn(test, options):
        return swept, None
    choice = choice_in_turn(dataset, encoder, options=options)
    n_outer = choice.search.n_folds
    cost = swept.seconds_search * (n_outer - 1)  # n_outer sweeps of all rows but one part in n_outer
    words().print(
        Text(
            f"Each of {n_outer} outer folds now chooses its own features among {choice.n_candidates}: "
            f"about {cost:.0f} s more.",
            style="dim",
        )
    )
    return swept, choice


def trained(
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None,
    options: TrainingOptions,
    swept: "Sweep | None",
    choose: "FoldChoice | None",
) -> Training:
    """The training."""
    texts = [*dataset.texts, *(() if test is None else test.texts)]
    with training_progress(dataset.targets.kind, options=options, console=words()) as shown:
        told = replace(shown, reading=saying_how_long(shown.reading, encoder, texts))
        return train(
            dataset,
            encoder,
            test=test,
            options=options,
            swept=swept,
            choose=choose,
            progress=told,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the options say of how to train, as they were given; `is_held_out`: --holdout was among them."""

    features: str | None
    preset: Literal["tutorial"] | None
    grid: Literal["log", "tutorial"] | None
    C: tuple[float, ...]
    folds: int
    scoring: str | None
    class_weight: str | None
    one_standard_error: bool
    standardise: bool
    answers: AnswerOptions
    learning_curve: bool
    cascade: bool = False
    cascade_changed: float = CHANGED
    cascade_upper: float = UPPER
    nested: bool
    test_fraction: float
    strict: bool
    seed: int
    is_held_out: bool

    def settled(self) -> tuple[str | None, TrainingOptions]:
        """The features, and how to train; what contradicts itself is refused."""
        if self.preset == "tutorial":
            is_auto = self.features == AUTO
            refuse_beside_preset(grid=self.grid, C=self.C, nested=self.nested, is_auto=is_auto, answers=self.answers)
            cascade = _cascade(asked=self.cascade, changed=self.cascade_changed, upper=self.cascade_upper)
            options = TrainingOptions.tutorial(seed=self.seed)
            options = replace(options, learning_curve=self.learning_curve, cascade=cascade)
            return self.features or TUTORIAL_FEATURES, options
        search = SearchOptions(
            Cs=_grid(self.grid, self.C),
            scoring=self.scoring,
            class_weight=self.class_weight,
            one_standard_error=self.one_standard_error,
            standardise=self.standardise,
            choose_parts=self.features is None,
            n_folds=self.folds,
            seed=self.seed,
        )
        options = TrainingOptions(
            search=search,
            nested=self.nested,
            test_fraction=self.test_fraction,
            learning_curve=self.learning_curve,
            answers=self.answers,
            strict=self.strict,
            cascade=_cascade(asked=self.cascade, changed=self.cascade_changed, upper=self.cascade_upper),
        )
        return self.features, options


def wishes_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of how to train to a command, which gets them as `wishes: Wishes`."""

    @click.option(
        "--features",
        metavar="POOLING@LAYERS|auto",
        shell_complete=features_or_auto,
        help="cls, mean or max, at layers: cls@-1, mean@all, mean@-1,-2 …; with +words the texts' own words beside "
        "them; words: these alone; auto: the winner of a sweep over the training rows (see frostline sweep).  "
        f"[default: {DEFAULT_FEATURES}, with words beside it or words alone where the folds say so]",
    )
    @click.option("--preset", type=click.Choice(["tutorial"]), help="The DistilBERT practical, to the letter.")
    @click.option("--grid", type=click.Choice(["log", "tutorial"]), help="The values of C to search.  [default: log]")
    @click.option("-C", "C", type=float, multiple=True, help="A value of C to try; repeat it for a grid of your own.")
    @click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Folds of the search.")
    @scoring_option
    @click.option("--class-weight", type=click.Choice(["balanced"]), help="Weigh classes by how rare they are.")
    @click.option(
        "--one-standard-error", is_flag=True, help="Take the smallest C within one standard error of the best."
    )
    @click.option("--standardise/--no-standardise", default=True, help="Bring every feature to mean 0, variance 1.")
    @answer_options
    @click.option(
        "--learning-curve/--no-learning-curve",
        default=False,
        help="Measure how the score grows with the rows, and advise on labelling; about four times the search.",
    )
    @click.option(
        "--cascade",
        is_flag=True,
        help="Put a cheap head before the full one: it answers the texts that it is surest of by their words and the "
        "mean of their word embeddings, so that the encoder reads the others alone.",
    )
    @click.option(
        "--cascade-changed",
        type=float,
        default=CHANGED,
        show_default=True,
        help="The share of all answers that may be others than the full head's, out of fold.",
    )
    @click.option(
        "--cascade-upper",
        type=float,
        default=UPPER,
        show_default=True,
        help="Below which the upper end of that share's 95 % interval must lie; else there is no cascade.",
    )
    @click.option(
        "--nested", is_flag=True, help="Test by nested cross-validation; the saved head learns from all rows."
    )
    @click.option("--holdout", "test_fraction", type=float, default=0.25, show_default=True, help="The share held out.")
    @click.option("--strict", is_flag=True, help="Refuse where otherwise a warning would do.")
    @click.option("--seed", type=int, default=0, show_default=True, help="Random seed for the splits.")
    @functools.wraps(command)
    def gathered(**given: Any) -> Any:
        source = click.get_current_context().get_parameter_source("test_fraction")
        given["is_held_out"] = source is not ParameterSource.DEFAULT
        own = {field.name: given.pop(field.name) for field in fields(Wishes)}
        return command(wishes=Wishes(**own), **given)

    return gathered


@click.command(
    "train",
    cls=Grouped,
    epilog="Example: frostline train reviews.tsv --test test.tsv --out model",
    help="Turn FILE (TSV, CSV, JSON Lines or Parquet, also gzipped; - for standard input; or the name of a public set) "
    "into a classifier: read every sentence once, search C, fit, test on rows that took part in nothing, save.",
)
@click.argument("file", type=FILE)
@click.option("--test", "test_file", type=FILE, help="Rows to test on. Without it a quarter of FILE is held out.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to save the classifier in.")
@wishes_options
@click.option(
    "--fixes", type=FILE, help="Change labels and drop rows as this file says (frostline review --out writes it)."
)
@rejects_option
@click.option("--with-encoder", is_flag=True, help="Save the encoder's files too, for machines without a network.")
@click.option("--keep-neighbours", is_flag=True, help="Save the training sentences too, for frostline explain to show.")
@click.option(
    "--keep-near-copies-together",
    "near_together",
    is_flag=True,
    help="Learn from near copies in FILE (as frostline review finds them) or test on them, never both; every pair is "
    "compared. Near copies in a test file are told of, and stay in the score.",
)
@click.option(
    "--keep-digests/--no-keep-digests",
    default=True,
    show_default=True,
    help="Keep 8 bytes of each training text in the classifier, so that evaluate can tell which texts are new. No text "
    "can be read from them; whoever guesses one can see that it was there.",
)
@details_option
@examples_option
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
    out: Path | None,
    wishes: Wishes,
    fixes: Path | None,
    rejects: Path | None,
    with_encoder: bool,
    keep_neighbours: bool,
    keep_digests: bool,
    near_together: bool,
    details: bool,
    examples: bool,
    overwrite: bool,
    as_json: bool,
    limit: int | None,
    encoder: EncoderChoice,
    reading: TableOptions,
) -> None:
    """Read, train, report, save."""
    _refuse_outputs(out, rejects, (file, test_file, fixes), overwrite=overwrite, keep_neighbours=keep_neighbours)
    refuse_two_tests(test_file, nested=wishes.nested, is_held_out=wishes.is_held_out)
    features, options = wishes.settled()
    limit = limit or (None if wishes.preset is None else TUTORIAL_ROWS)
    is_own_test = not (wishes.nested or wishes.is_held_out)
    found, found_test = _read(file, test_file, replace(reading, limit=limit), reading, is_own_test=is_own_test)
    found = without_lone(found, allowed=reading.max_bad_rows)
    if rejects is not None:
        write_rejects(rejects, found.rejects)
    if found.targets.kind == "several labels" and wishes.preset is not None:
        raise UsageError(
            "--preset is for texts with one label each; here each may have several.", hint="Leave --preset out."
        )
    test = None if found_test is None else of_kind(found_test, found.targets.kind)
    dataset = found if fixes is None else _fixed(found, fixes)
    if near_together:
        dataset, options = _near_together(dataset, encoder), replace(options, near_together=True)
    tried = {None: DEFAULT_FEATURES, AUTO: SWEEP_FEATURES}.get(features, features or DEFAULT_FEATURES)
    encoder, precision = _settled(encoder, tried, dataset, test, options)
    features, swept, choose = _chosen(features, encoder, dataset, test, options)
    reader = opened_encoder(encoder, features)
    if details:
        say_in_detail(reader)
    if keep_neighbours:
        refuse_neighbours(dataset, reader, test=test, options=options)
    training = trained(dataset, reader, test=test, options=options, swept=swept, choose=choose)
    training = replace(training, record=replace(training.record, precision=precision))
    if keep_neighbours and FeatureSpec.parse(training.record.features.spec).is_words_alone:
        training = _without_neighbours(training)
    if out is not None:
        save_training(
            training,
            out,
            encoder=reader,
            overwrite=overwrite,
            with_encoder=with_encoder,
            keep_neighbours=keep_neighbours,
            keep_digests=keep_digests,
            quote=examples,
            made=made_by(),
            command=next_line(training.record, is_handed_on=True),
        )
    show(training, out, as_json=as_json, details=details)
    for sentence in training.unmet if as_json else ():  # the report begins its warnings with them
        words().print(Text(printable(sentence), style="bold red"), soft_wrap=True)


def _without_neighbours(training: Training) -> Training:
    """The same, and that no sentences are kept is said: a training is not thrown away for a wish."""
    told = "No sentences are kept for frostline explain: words alone have no rows by which others are near."
    record = replace(training.record, warnings=(told, *training.record.warnings))
    return replace(training, record=record, unmet=(told, *training.unmet))


def _fixed(found: Dataset, fixes: Path) -> Dataset:
    from frostline.data.fixes import apply_fixes, read_fixes  # noqa: PLC0415 - few give any

    return apply_fixes(found, read_fixes(fixes))


def _near_together(dataset: Dataset, encoder: EncoderChoice) -> Dataset:
    """The same, with near copies kept together; how many there are is said."""
    from frostline.review.near import columns_to_compare  # noqa: PLC0415 - few wish for it
    from frostline.review.repeats import with_near_copies  # noqa: PLC0415 - as above

    reader = opened_encoder(encoder, DEFAULT_FEATURES)
    with progress("Reading", "sentences") as reading:
        rows = reader.encode(dataset.texts, progress=reading).rows
    columns = columns_to_compare(reader.blocks, reader.hidden_size)
    joined, n_near = with_near_copies(dataset, rows[:, columns], threads=encoder.threads)
    words().print(Text(f"{n_near:,} texts have a near copy, and stay together with it.", style="dim"))
    return joined


def _refuse_outputs(
    out: Path | None,
    rejects: Path | None,
    inputs: Sequence[Path | None],
    *,
    overwrite: bool,
    keep_neighbours: bool,
) -> None:
    """Raise, before anything is read, if what will be written must not be."""
    if out is not None:
        refuse_place(out, overwrite=overwrite)
    elif keep_neighbours:
        raise UsageError("--keep-neighbours keeps them in the saved classifier: add --out FOLDER.")
    if rejects is not None:
        refuse_file(rejects, overwrite=overwrite, inputs=[path for path in inputs if path is not None])


def _chosen(
    features: str | None, encoder: EncoderChoice, dataset: Dataset, test: Dataset | None, options: TrainingOptions
) -> tuple[str, "Sweep | None", "FoldChoice | None"]:
    """The features to read; and where a sweep chose them, that and how outer folds choose theirs."""
    if features != AUTO:
        return features or DEFAULT_FEATURES, None, None
    swept, choose = swept_features(dataset, opened_encoder(encoder, SWEEP_FEATURES), test, options)
    return swept.winner.candidate.features, swept, choose


def _settled(
    choice: EncoderChoice, features: str, dataset: Dataset, test: Dataset | None, options: TrainingOptions
) -> tuple[EncoderChoice, PrecisionRecord]:
    """The precision that reads; `auto` tries int8 on rows that the head will learn from, never on those tested."""
    if FeatureSpec.parse(features).is_words_alone:
        choice = replace(choice, precision="float32")
    if choice.precision != "auto":
        return settled_choice(choice, features, ())
    require_learnable(dataset, options.search.n_folds)
    learned = split_rows(dataset, test, options).train
    return settled_choice(choice, features, learned.texts, learned.targets)


def show(training: Training, out: Path | None, *, as_json: bool, details: bool) -> None:
    """The report, and what to do next."""
    record = training.record
    if as_json:
        print_json({**as_document(record), "out": None if out is None else str(out)})
        return
    told = print_brief
    if details:
        from frostline.report.terminal import print_report as told  # noqa: PLC0415 - on demand
    told(record, output(), command=next_line(record))
    console = words()
    if out is None:
        console.print(Text("  Not saved. Add --out model to keep this classifier.", style="dim"))
        return
    use = f'frostline predict {pasteable(out)} "some words"'
    page = printable(str(out / "report.html"))
    saved = f"  Saved; page: {page}. Use it: {use}"
    if cell_len(saved) > console.width:
        saved = f"  Saved. Use it: {use}\n  The page with pictures: {page}"
    console.print(Text(saved, style="dim"), soft_wrap=True)


def next_line(record: TrainingRecord, *, is_handed_on: bool = False) -> str:
    """The line that does what the report advises; empty where none does."""
    advice = next_advice(record)
    if advice is None and record.test is not None and not is_faultless(record.test):
        return line_of(Step(verb="review", options=("--out", "fixes.tsv")), is_handed_on=is_handed_on)
    return command_of(advice, is_handed_on=is_handed_on)


def _read(
    file: Path, test_file: Path | None, options: TableOptions, test_options: TableOptions, *, is_own_test: bool
) -> tuple[Dataset, Dataset | None]:
    """The rows to learn from and those to test on; a name that is no file may be a public set's."""
    parts = None if file.exists() else _public_parts(str(file), is_grouped=options.group is not None)
    if parts is None:
        learned, options = tidied_if_wanted(read_labelled(file, options), options)
        test_options = replace(test_options, tidy_labels=options.tidy_labels)
        return learned, _test_rows(test_file, learned, test_options)
    train_part = parts["train"]
    if options.limit is not None:
        train_part = train_part.take(np.arange(min(options.limit, len(train_part))))
    own = parts.get("test") if is_own_test else None
    return train_part, _test_rows(test_file, train_part, test_options) or own


def _public_parts(name: str, *, is_grouped: bool) -> "dict[Part, Dataset] | None":
    """The parts of the public set of that name, if there is one."""
    from frostline.data.public_sets import PUBLIC_SETS, load_public_set  # noqa: PLC0415 - where there is no such file

    if name not in PUBLIC_SETS:
        return None
    if is_grouped:
        raise UsageError(
            f"The public set {name} has no column of groups for --group to name.",
            hint="Leave --group out; copies stay together in any case.",
        )
    with progress(f"Fetching {name}", "bytes") as advance:
        return load_public_set(name, progress=advance)


def _test_rows(file: Path | None, learned: Dataset, options: TableOptions) -> Dataset | None:
    """The rows of a test file, whose columns are those learned from, or told apart by the labels of those."""
    if file is None:
        return None
    known = replace(options, known_labels=frozenset(learned.counts()))
    found = read_labelled(file, known.guessing(learned.source.text_column, learned.source.label_column))
    return found.known_to(known.known_labels, allowed=options.max_bad_rows)


def _cascade(*, asked: bool, changed: float, upper: float) -> CascadeOptions | None:
    """What a cascade may change; None where none was asked for."""
    if not asked and (changed, upper) != (CHANGED, UPPER):
        raise UsageError("--cascade-changed and --cascade-upper say what a cascade may change: add --cascade.")
    if asked and upper == UPPER and UPPER <= changed < 1:
        raise UsageError(
            f"--cascade-changed must be below --cascade-upper (got {changed:g} and {upper:g}).",
            hint="Say both: the upper end of the share's interval lies above the share, with fewer texts further.",
        )
    return CascadeOptions(changed=changed, upper=upper) if asked else None


def _grid(name: Literal["log", "tutorial"] | None, values: Sequence[float]) -> tuple[float, ...] | None:
    """The values of C asked for; None is the log grid, which the search climbs only as far as it pays."""
    if values and name:
        raise UsageError("--grid and -C exclude each other: name a grid, or give the values of C.")
    if values:
        return tuple(values)
    return tutorial_grid() if name == "tutorial" else None
