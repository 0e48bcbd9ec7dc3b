"""Options that several verbs share, each defined once."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, final

import click
from click.core import ParameterSource
from rich.text import Text

from frostline.cli.completion import columns, encoders, features, folders, scorers
from frostline.cli.console import progress, words
from frostline.data.cells import NAMED, reject_line
from frostline.data.checks import alike, tidied
from frostline.data.columns import Taken
from frostline.data.dataset import Dataset, Reject
from frostline.data.options import FORMATS, TableOptions, column_choice
from frostline.disk import publish_stream
from frostline.encoder.checkpoint import DEFAULT_ENCODER, known_encoder, must_be_fetched
from frostline.encoder.features import DEFAULT_FEATURES, FeatureSpec
from frostline.encoder.precision import ASKED_PRECISIONS, DEFAULT_PRECISION, AskedPrecision, taken_as_asked
from frostline.errors import ConsentError, InputError, UsageError, pasteable, printable, shown
from frostline.head.calibrating import Calibrate
from frostline.head.deciding import RuleOptions, parsed_wish
from frostline.head.options import CONFIDENCE
from frostline.places import is_remote, place_of
from frostline.targets import Kind, Targets

if TYPE_CHECKING:
    from frostline.arrays import Advance
    from frostline.artifact import Manifest
    from frostline.artifact.load import Artifact
    from frostline.artifact.model import Model
    from frostline.encoder.architecture import AskedBackend, Device
    from frostline.encoder.encoder import Encoder
    from frostline.encoder.precision import Precision, PrecisionRecord
    from frostline.encoder.reading import SentenceEncoder

Command = TypeVar("Command", bound=Callable[..., Any])


@final
class FileType(click.Path):
    """A path on this machine."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; an address is refused."""
        if isinstance(value, str) and is_remote(value):
            raise UsageError(
                f"{value} must be a file on this machine.",
                hint="Fetch it first; predict, embed and verify read it there.",
            )
        return super().convert(value, param, ctx)


FILE = FileType(path_type=Path, allow_dash=True)


@final
class PlaceType(click.Path):
    """A path, or the address of an object in a store (`s3://bucket/key`)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The place of that name."""
        return place_of(value) if isinstance(value, str) and is_remote(value) else super().convert(value, param, ctx)


PLACE = PlaceType(path_type=Path, allow_dash=True)


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, listed in the order given."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_reading_options = together(
    click.option(
        "--text",
        "text_column",
        metavar="NAME|N",
        shell_complete=columns,
        help="The text column, by name or by number from 1; several, joined line by line: subject,body.",
    ),
    click.option(
        "--label",
        "label_column",
        metavar="NAME|N",
        shell_complete=columns,
        help="The label column, by name or by number from 1.",
    ),
    click.option(
        "--labels-separator",
        metavar="S",
        help="What stands between two labels of a text, for texts with several labels or none; not needed "
        "where the labels are lists.",
    ),
    click.option(
        "--labels",
        "label_columns",
        metavar="NAME,NAME",
        shell_complete=columns,
        help="Columns of 0 and 1, one for each label: toxic,insult,threat, or 3-8; a "
        "name with a comma in quotes. A text may have several labels.",
    ),
    click.option(
        "--tidy-labels",
        is_flag=True,
        help="Take labels that differ only by case or blanks (Billing, billing) for one: the commonest spelling.",
    ),
    click.option("--header/--no-header", default=None, help="Whether the first row is a header (default: found out)."),
    click.option(
        "--format",
        "file_format",
        type=click.Choice(FORMATS),
        help="The file's format (found out if not said; gzip always is).",
    ),
    click.option("--sheet", metavar="NAME", help="The sheet of a workbook (.xlsx); the first one if not said."),
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
        "--max-bad-rows",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="How many bad rows to skip before stopping.",
    ),
)

rejects_option = click.option(
    "--rejects", type=click.Path(path_type=Path), help="Write rejected rows here, as JSON Lines."
)

limit_option = click.option("--limit", type=click.IntRange(1), metavar="N", help="Take the first N rows only.")

_reader_options = (
    click.option(
        "--backend",
        type=click.Choice(["auto", "onnx", "torch"]),
        default="auto",
        show_default=True,
        help="Who reads: our own graph on ONNX Runtime, or torch (frostline[torch]), which reads any architecture; "
        "auto: our graph where the encoder's family has one.",
    ),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default="auto",
        show_default=True,
        help="Where torch reads; cuda and mps are read by torch. auto: a graphics processor, if torch reads and there "
        "is one.",
    ),
)

reader_options = together(*_reader_options)

_encoder_options = together(
    click.option(
        "--encoder",
        default="minilm",
        show_default=True,
        shell_complete=encoders,
        help="minilm (bundled), distilbert, bert, a folder, or a hub id.",
    ),
    click.option("--revision", metavar="COMMIT", help="The hub revision, for an encoder named by a hub id."),
    click.option(
        "--max-length",
        type=click.IntRange(3),
        metavar="N",
        help="Word pieces per text, [CLS] and [SEP] included (default: what its makers say, or the encoder's limit).",
    ),
    click.option(
        "--prefix",
        metavar="TEXT",
        help="Put before every text, such as 'query: ' (default: what the encoder's family needs, E5 and Nomic, or its "
        "makers' files say; '' for none).",
    ),
    click.option("--threads", type=click.IntRange(1), metavar="N", help="Threads that read (default: one per core)."),
    click.option(
        "--precision",
        type=click.Choice(ASKED_PRECISIONS),
        default=DEFAULT_PRECISION,
        show_default=True,
        help="int8 is faster on processors made for it, and changes few answers; auto: if it changes at most 1 % of "
        "the answers on your own texts; bfloat16: half the memory on a graphics processor.",
    ),
    *_reader_options,
)

features_option = click.option(
    "--features",
    default=None,
    metavar="POOLING@LAYERS",
    shell_complete=features,
    help=f"cls, mean or max, at layers: cls@-1, mean@all, mean@-1,-2 …  [default: {DEFAULT_FEATURES}]",
)

store_option = click.option(
    "--store/--no-store", default=True, show_default=True, help="Keep features, so that no sentence is read twice."
)

scoring_option = click.option(
    "--scoring",
    shell_complete=scorers,
    help="Any scikit-learn scorer's name; where texts have several labels neg_log_loss (log loss), average_precision, "
    "f1_macro or f1_micro.  [default: accuracy; with several labels neg_log_loss]",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output, for programs.")

details_option = click.option("--details", is_flag=True, help="Print every table and figure, not a dozen lines.")

examples_option = click.option(
    "--examples/--no-examples",
    default=True,
    show_default=True,
    help="Quote the test texts that it got most wrong in the page with pictures; without, their lines alone.",
)

workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that read a file; what is written is the same.",
)

on_option = click.option(
    "--on",
    metavar="ray[:ADDRESS]",
    help="Have a Ray cluster read the file (pip install 'frostline[ray]'): one of this machine's own, or the one at an "
    "address; --workers is how many actors. What is written is the same.",
)

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what is there.")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderChoice:
    """What the encoder options say: who reads, how much of a text, on how many threads, how exactly; what is kept."""

    name: str = DEFAULT_ENCODER
    revision: str | None = None
    max_length: int | None = None
    prefix: str | None = None
    threads: int | None = None
    store: bool = True
    precision: AskedPrecision = DEFAULT_PRECISION
    backend: "AskedBackend" = "auto"
    device: "Device" = "auto"


_model_options = together(
    click.option(
        "--encoder",
        metavar="FOLDER",
        shell_complete=folders,
        help="Where the encoder is, if the model cannot find it.",
    ),
    click.option("--threads", type=click.IntRange(1), metavar="N", help="Threads that read (default: one per core)."),
    click.option(
        "--yes", is_flag=True, help="Fetch the model, and its encoder, from the hub, if they are not on this machine."
    ),
    *_reader_options,
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """How a saved classifier is opened."""

    encoder: str | None = None
    threads: int | None = None
    may_fetch: bool = False
    backend: "AskedBackend" = "auto"
    device: "Device" = "auto"

    def find(self, model: Path) -> Path:
        """The folder of the model, which the hub may have; on a terminal whoever sits there is asked."""
        _refuse_swapped(model)
        if os.path.exists(model):  # noqa: PTH110 - a text may be too long
            return model
        from frostline.artifact.hub import find_classifier, spelled  # noqa: PLC0415 - what is here needs no hub

        if spelled(model) is None:
            return model
        try:
            return find_classifier(model, fetch=self.may_fetch)
        except ConsentError as error:
            _ask(error)
            return find_classifier(model, fetch=True)

    def open(self, artifact: "Path | Artifact") -> "Model":
        """The model with its encoder; on a terminal whoever sits there is asked whether it may be fetched."""
        _refuse_swapped(artifact)
        from frostline.artifact.model import open_model  # noqa: PLC0415 - heavy
        from frostline.encoder.encoder import reader_of  # noqa: PLC0415 - heavy

        opened = functools.partial(
            open_model,
            artifact,
            encoder=self.encoder,
            threads=self.threads,
            backend=self.backend,
            device=self.device,
        )
        try:
            model = opened(fetch=self.may_fetch)
        except ConsentError as error:
            _ask(error)
            model = opened(fetch=True)
        say_reader(reader_of(model.encoder), asked=(self.backend, self.device) != ("auto", "auto"))
        return model

    def opener(self, artifact: Path, *, threads: int) -> "Callable[[], Model]":
        """What opens the same model in another process, on so many threads unless told otherwise; it asks nobody."""
        from frostline.artifact.model import open_model  # noqa: PLC0415 - heavy

        return functools.partial(
            open_model,
            artifact,
            encoder=self.encoder,
            threads=self.threads or threads,
            backend=self.backend,
            device=self.device,
        )


def _ask(error: ConsentError) -> None:
    """Ask whoever sits at the terminal; raise where nobody does, or the answer is no."""
    if not is_conversation():
        raise error
    click.confirm(printable(f"{error.message} Fetch it from the hub?"), abort=True, err=True)


def is_conversation() -> bool:
    """Whether somebody sits at a terminal, and can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _refuse_swapped(model: "Path | Artifact") -> None:
    """Raise if a file or a text was given for the model, and a saved model in its place."""
    context = click.get_current_context(silent=True)
    if context is None or not isinstance(model, Path) or os.path.isdir(model):  # noqa: PTH112 - a text may be too long
        return
    given = context.params.get("file") or context.params.get("texts") or context.params.get("text") or ()
    others = list(given) if isinstance(given, tuple) else [given]
    other = next((one for one in others if os.path.isfile(os.path.join(one, "manifest.json"))), None)  # noqa: PTH113, PTH118
    if other is None:
        return
    kind = "file" if os.path.isfile(model) else "text"  # noqa: PTH113
    others.remove(other)
    meant = " ".join(map(pasteable, (other, model, *others)))
    raise UsageError(
        f"{shown(str(model))} is a {kind}, and {shown(str(other))} a saved model: the arguments are swapped.",
        hint=f"Did you mean: frostline {context.info_name} {meant}",
    )


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of opening a saved classifier, which the command gets as `choice: ModelChoice`.

    Its MODEL may be a name of the hub; the command gets the folder.
    """

    @functools.wraps(command)
    def gathered(*, encoder: str | None, threads: int | None, yes: bool, **others: Any) -> Any:
        who: dict[str, Any] = {name: others.pop(name) for name in ("backend", "device")}
        choice = ModelChoice(encoder=encoder, threads=threads, may_fetch=yes, **who)
        return command(choice=choice, **{**others, "model": choice.find(others["model"])})

    return _model_options(gathered)


def encoder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the encoder's options to a command, which gets them as `encoder: EncoderChoice`."""

    @functools.wraps(command)
    def gathered(
        *, encoder: str, revision: str | None, max_length: int | None, threads: int | None, store: bool, **others: Any
    ) -> Any:
        precision: AskedPrecision = others.pop("precision")
        who: dict[str, Any] = {name: others.pop(name) for name in ("backend", "device", "prefix")}
        chosen = EncoderChoice(
            name=encoder,
            revision=revision,
            max_length=max_length,
            threads=threads,
            store=store,
            precision=precision,
            **who,
        )
        return command(encoder=chosen, **others)

    return _encoder_options(store_option(gathered))


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of reading a file to a command, which gets them as `reading: TableOptions`."""

    @functools.wraps(command)
    def gathered(
        *,
        text_column: str | None,
        label_column: str | None,
        label_columns: str | None = None,
        labels_separator: str | None = None,
        file_format: Any,
        **others: Any,
    ) -> Any:
        names = (
            "sheet",
            "tidy_labels",
            "header",
            "delimiter",
            "quoted",
            "encoding",
            "on_bad_text",
            "on_empty_text",
            "max_bad_rows",
        )
        chosen = TableOptions(
            text=None if text_column is None else column_choice(text_column),
            label=None if label_column is None else column_choice(label_column),
            labels=label_columns,
            labels_separator=labels_separator,
            format=file_format,
            **{name: others.pop(name) for name in names},
        )
        return command(reading=chosen, **others)

    return _reading_options(gathered)


def one_label_reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that knows one label for each text, without what says how several are written."""
    decorated: Any = reading_options(command)
    several = {"label_columns", "labels_separator"}
    decorated.__click_params__ = [one for one in decorated.__click_params__ if one.name not in several]
    return cast("Callable[..., Any]", decorated)


def as_learned(options: TableOptions, manifest: "Manifest") -> TableOptions:
    """The options, with the columns that a saved model learned from as the first guess."""
    return options if manifest.data is None else options.guessing(manifest.data.text_column, manifest.data.label_column)


def group_learned(manifest: "Manifest") -> str:
    """The column of the groups that the rows learned from were in, as its report says; "" where there was none."""
    data = manifest.metrics.get("data")
    name = data.get("group_column") if isinstance(data, Mapping) else None
    return name if isinstance(name, str) else ""


def say_remarks(*read: Dataset | Taken | None) -> None:
    """Say what there is to say of how files were read."""
    for each in read:
        remark = each.source.remark if isinstance(each, Dataset) else "" if each is None else each.remark
        if remark:
            click.echo(printable(remark), err=True)


def group_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--group` to a command that splits its rows, below `reading_options`: it becomes a part of `reading`."""

    @click.option(
        "--group",
        metavar="NAME|N",
        shell_complete=columns,
        help="A column whose equal values belong together, such as the author's: all are learned from, or all tested.",
    )
    @functools.wraps(command)
    def gathered(*, group: str | None, reading: TableOptions, **others: Any) -> Any:
        return command(reading=replace(reading, group=None if group is None else column_choice(group)), **others)

    return gathered


def opened_encoder(choice: EncoderChoice, features: str) -> "SentenceEncoder":
    """The encoder that was chosen, computing `features`; it remembers what it reads if the choice says so.

    Where `auto` was asked for, and not settled by `settled_choice`, it is float32.
    """
    if FeatureSpec.parse(features).is_words_alone:
        from frostline.encoder.words import WordsAlone  # noqa: PLC0415 - as below

        return WordsAlone()
    from frostline.store import FeatureStore, StoredEncoder  # noqa: PLC0415 - heavy, and not every verb reads

    store = FeatureStore.open() if choice.store else None  # before the encoder: its folder may be refused
    fresh = fresh_encoder(choice, features)
    return fresh if store is None or fresh.is_table else StoredEncoder(fresh, store)  # reading is as quick as finding


def fresh_encoder(choice: EncoderChoice, features: str) -> "Encoder":
    """The encoder that was chosen, computing `features`, without a memory."""
    from frostline.encoder.encoder import Encoder, make_known, must_be_made  # noqa: PLC0415 - heavy

    _say_fetching(choice.name, choice.revision)
    if must_be_made(choice.name):
        with progress(f"Making {choice.name}, once", "word pieces") as told:
            make_known(choice.name, progress=told)
    encoder = Encoder.open(
        choice.name,
        features=features,
        revision=choice.revision,
        max_length=choice.max_length,
        threads=choice.threads,
        precision="float32" if choice.precision == "auto" else choice.precision,
        backend=choice.backend,
        device=choice.device,
        prefix=choice.prefix,
    )
    say_reader(encoder.reader, asked=(choice.backend, choice.device) != ("auto", "auto"))
    return encoder


def _say_fetching(name: str, revision: str | None) -> None:
    """Say, before it is done, that an encoder is fetched from the hub: its size, and that it is checked."""
    if not must_be_fetched(name, revision):
        return
    from frostline.encoder.hub import endpoint, is_offline  # noqa: PLC0415 - what is here needs no hub

    if is_offline():
        return
    known = known_encoder(name)
    known = known if known is None or known.made_from is None else known_encoder(known.made_from)
    name = name if known is None else known.name
    what = "" if known is None or revision else f", {known.size_bytes / 1e6:.0f} MB at a pinned commit"
    host = endpoint().partition("://")[2]
    words().print(Text(printable(f"Fetching the encoder {name} from {host}, once{what}, checked against its digests.")))


_said: set[str] = set()


def say_in_detail(encoder: "SentenceEncoder") -> None:
    """Say, once, who reads and where, whoever it is."""
    from frostline.encoder.encoder import reader_of  # noqa: PLC0415 - heavy

    say_reader(reader_of(encoder), asked=True)


def saying_how_long(progress: "Advance | None", encoder: "SentenceEncoder", texts: Sequence[str]) -> "Advance | None":
    """The same progress; before a long reading the command says how long it takes, and what would be quicker."""
    from frostline.store import StoredEncoder  # noqa: PLC0415 - heavy
    from frostline.training.room import reading_text  # noqa: PLC0415 - as above

    def say(n_texts: int) -> None:
        sentence = reading_text(n_texts, encoder, texts)
        if sentence is not None:
            words().print(Text(sentence, style="dim"))

    if not isinstance(encoder, StoredEncoder):
        say(len({*texts}))
        return progress
    is_said = False

    def told(done: int, total: int) -> None:  # first of all it tells what is remembered
        nonlocal is_said
        if not is_said:
            is_said = True
            say(total - done)
        if progress is not None:
            progress(done, total)

    return told


def say_reader(reader: str, *, asked: bool) -> None:
    """Say, once, who reads and where, if it is torch or if somebody asked."""
    if reader and (asked or reader.startswith("torch")) and reader not in _said:
        _said.add(reader)
        words().print(Text(f"Read by {reader}."))


def settled_choice(
    choice: EncoderChoice, features: str, texts: Sequence[str], targets: Targets | None = None
) -> tuple[EncoderChoice, "PrecisionRecord"]:
    """The choice with the precision that will read, and why; what is not as it was asked for is said.

    `texts` are those to learn from, or to read; `auto` tries int8 on some of them.
    """
    as_asked = taken_as_asked(choice.precision)
    if as_asked is not None:
        return choice, as_asked
    from frostline.precision import settle  # noqa: PLC0415 - heavy, and float32 does without

    def open_in(precision: "Precision") -> "SentenceEncoder":
        return opened_encoder(replace(choice, precision=precision), features)

    if choice.precision == "auto":
        with progress("Trying int8", "sentences") as told:
            record = settle("auto", open_in, texts, targets, progress=told)
    else:
        record = settle(choice.precision, open_in)
    if record.used != choice.precision:
        words().print(Text(f"Reading in {record.used}. {record.reason}"))
    return replace(choice, precision=record.used), record


_OTHER_KIND: dict[Kind, tuple[str, str]] = {
    "one label": (
        "this classifier gives each text one label, and here texts have sets of labels.",
        "Leave --labels-separator and --labels out, or choose another label column with --label.",
    ),
    "several labels": (
        "texts must have sets of labels, as those learned from have (each has one label).",
        "Pass --labels-separator, or --labels, as for the training.",
    ),
}


def tidied_if_wanted(dataset: Dataset, reading: TableOptions) -> tuple[Dataset, TableOptions]:
    """Labels that differ by case or blanks taken for one, where whoever sits at the terminal wants that.

    Asked on a terminal only, never in a pipe or of a program (`--json`). What is answered is part of every line that
    is then advised.
    """
    groups = alike(dataset.counts()) if not reading.tidy_labels and dataset.source.label_column else []
    context = click.get_current_context()
    if not groups or not is_conversation() or context.params.get("as_json"):
        return dataset, reading
    said = "; ".join(" and ".join(shown(label, 40) for label in group) for group in groups[:3])
    more = f"; and {len(groups) - 3} more" if len(groups) > 3 else ""
    words().print(Text(printable(f"Labels that differ only by case or blanks: {said}{more}.")))
    if not click.confirm("Take them for one each?", default=True, err=True):
        return dataset, reading
    context.params["tidy_labels"] = True
    context.set_parameter_source("tidy_labels", ParameterSource.PROMPT)
    return tidied(dataset), replace(reading, tidy_labels=True)


def of_kind(dataset: Dataset, kind: Kind) -> Dataset:
    """The dataset, whose texts have what those have that the classifier learned from."""
    if dataset.targets.kind != kind:
        said, hint = _OTHER_KIND[kind]
        raise InputError(f"{dataset.source.name}: {said}", hint=hint)
    return dataset


def answer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as `answers: AnswerOptions`."""

    @click.option(
        "--calibrate",
        type=click.Choice(["auto", "none", "temperature", "isotonic"]),
        default="auto",
        show_default=True,
        help="Make probabilities mean what they say, by held-out rows; auto: what loses least log loss there.",
    )
    @click.option(
        "--abstain-precision",
        type=float,
        metavar="SHARE",
        help="Answer only where so sure that at least this share of the answers is right, as 0.95; predict then leaves "
        "the other texts unanswered.",
    )
    @click.option(
        "--confidence",
        type=float,
        default=CONFIDENCE,
        show_default=True,
        metavar="SHARE",
        help="How sure that is to hold of new texts, and what --threshold-for names. Where the rows are too few to "
        "promise it, the classifier is saved without (--strict: refused).",
    )
    @click.option(
        "--threshold-for",
        metavar="precision|recall=SHARE",
        help="Choose the cut-off for one label that gives at least this precision, or this recall: precision=0.9.",
    )
    @click.option("--threshold-label", metavar="LABEL", help="That label.  [default: the second of two]")
    @click.option("--thresholds", type=click.Choice(["f1"]), help="A threshold per label, for the highest macro F1.")
    @functools.wraps(command)
    def gathered(
        *,
        calibrate: Calibrate,
        abstain_precision: float | None,
        confidence: float,
        threshold_for: str | None,
        threshold_label: str | None,
        thresholds: Literal["f1"] | None,
        **others: Any,
    ) -> Any:
        from frostline.head.fitted import AnswerOptions  # noqa: PLC0415 - with the search, and not every verb fits

        rule = RuleOptions(
            abstain_precision=abstain_precision,
            confidence=confidence,
            threshold_for=None if threshold_for is None else parsed_wish(threshold_for),
            threshold_label=threshold_label,
            thresholds=thresholds,
        )
        return command(answers=AnswerOptions(calibrate=calibrate, rule=rule), **others)

    return gathered


@contextlib.contextmanager
def left_out(name: str, written: Path | None) -> Iterator[Callable[[Reject], None]]:
    """A function that takes note of each row of `name` that is left out.

    Parameters
    ----------
    name : str
        The input, as it may stand in a message.
    written : Path or None
        A file of its own for all of them; it appears when the whole input has been read.
    """
    count = 0
    with contextlib.ExitStack() as held:
        opened = None if written is None else held.enter_context(publish_stream(written))

        def note(reject: Reject) -> None:
            nonlocal count
            count += 1
            if opened is not None:
                opened.write(reject_line(reject))
            if count <= NAMED:
                click.echo(printable(f"left out: {name}:{reject.line}: {reject.reason}"), err=True)

        yield note
    if count:
        where = "" if written is None else f", listed in {printable(str(written))}"
        click.echo(f"{count:,} {'row was' if count == 1 else 'rows were'} left out{where}.", err=True)
