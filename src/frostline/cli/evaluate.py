"""`frostline evaluate`: measure a saved classifier on a labelled file."""

import math
import re
import time
from dataclasses import replace
from pathlib import Path

import click
from rich.text import Text

from frostline.advice import Step, is_faultless, ranked_of_evaluation
from frostline.cli.again import is_said, line_of, made_by
from frostline.cli.completion import folders
from frostline.cli.console import output, print_json, progress, words
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    FILE,
    ModelChoice,
    as_learned,
    details_option,
    examples_option,
    group_learned,
    group_option,
    json_option,
    limit_option,
    model_options,
    of_kind,
    overwrite_option,
    reading_options,
    rejects_option,
    say_in_detail,
    store_option,
)
from frostline.data.cells import write_rejects
from frostline.data.options import TableOptions, names_in
from frostline.data.tables import read_labelled
from frostline.disk import publish_bytes, refuse_file
from frostline.encoder.checkpoint import DEFAULT_ENCODER, known_encoder, own_name
from frostline.encoder.reading import EncoderIdentity
from frostline.errors import printable
from frostline.record import DataRecord, EvaluationRecord
from frostline.report.brief import print_brief_evaluation
from frostline.report.document import as_evaluation_document
from frostline.report.page import evaluation_html
from frostline.report.terminal import print_evaluation
from frostline.store import FeatureStore
from frostline.store.stored import remembered
from frostline.training.measured import Classifier, measure


@click.command(
    "evaluate",
    cls=Grouped,
    epilog="Example: frostline evaluate model test.tsv --json",
    help="Measure the classifier MODEL on the labelled FILE: accuracy, macro F1, log loss, how far its probabilities "
    "can be trusted, and what it leaves unanswered, with n and intervals.",
)
@click.argument("model", type=click.Path(path_type=Path), shell_complete=folders)
@click.argument("file", type=FILE)
@model_options
@click.option("--report", type=click.Path(path_type=Path), help="Write the page with pictures into this .html file.")
@details_option
@examples_option
@rejects_option
@overwrite_option
@json_option
@store_option
@limit_option
@reading_options
@group_option
def command(
    *,
    model: Path,
    file: Path,
    choice: ModelChoice,
    report: Path | None,
    details: bool,
    examples: bool,
    rejects: Path | None,
    overwrite: bool,
    as_json: bool,
    store: bool,
    limit: int | None,
    reading: TableOptions,
) -> None:
    """Read the file, predict, compare, print."""
    started = time.perf_counter()
    if rejects is not None:
        refuse_file(rejects, overwrite=overwrite, inputs=[file, model])
    if report is not None:
        refuse_file(report, overwrite=overwrite, inputs=[file, model])
    opened = choice.open(model)
    labels = opened.manifest.labels
    known = replace(reading, limit=limit, known_labels=frozenset(map(str, labels)))
    group = group_learned(opened.manifest)
    found = read_labelled(file, replace(as_learned(known, opened.manifest), guessed_group=group))
    found = found.known_to([str(label) for label in labels], allowed=known.max_bad_rows)
    if rejects is not None:
        write_rejects(rejects, found.rejects)
    reader = remembered(opened.encoder, FeatureStore.open()) if store else opened.encoder
    if details:
        say_in_detail(reader)
    dataset = of_kind(found, opened.head.kind)
    who = Classifier(
        name=str(model),
        head=opened.head,
        encoder=reader,
        learned=opened.learned,
        likeness=opened.likeness,
        cascade=opened.cascade,
        n_fitted=0 if opened.manifest.data is None else opened.manifest.data.rows,
        C=float(opened.manifest.choice.get("C", math.nan)),
        group_column=group,
    )
    with progress("Reading", "sentences") as advance:
        measured = measure(who, dataset, started=started, progress=advance)
    record = measured.record
    if report is not None:  # it is handed on: without the way to the model
        command = _next_line(record, opened.encoder.identity, report, is_handed_on=True)
        named = replace(record, model=own_name(record.model))
        page = evaluation_html(named, measured.examples(), quote=examples, made=made_by(), command=command)
        publish_bytes(report, page.encode("utf-8"))
    if as_json:
        print_json({**as_evaluation_document(record), "report": None if report is None else str(report)})
    else:
        told = print_evaluation if details else print_brief_evaluation
        told(record, output(), command=_next_line(record, opened.encoder.identity, report))
    if report is not None and not as_json:
        words().print(Text(f"The page with pictures: {printable(str(report))}", style="dim"))


def _next_line(
    record: EvaluationRecord, encoder: EncoderIdentity, report: Path | None, *, is_handed_on: bool = False
) -> str:
    """The line that does what is most worth doing; another verb knows no model, and is told what this one knew."""
    advice = next(iter(ranked_of_evaluation(record)), None)
    look = Step(options=("--report", "report.html"))
    mend = Step(verb="review", options=("--out", "fixes.tsv"))
    step = (look if report is None else mend) if advice is None else advice.step
    if step is None or (advice is None and is_faultless(record.test)):
        return ""
    known = () if step.verb is None else (*_columns(record.data), *_encoder(encoder))
    return line_of(replace(step, options=(*step.options, *known)), is_handed_on=is_handed_on)


def _columns(data: DataRecord) -> tuple[str, ...]:
    """The columns that were read, as options; what was asked for goes before, and is no option here."""
    said = {name for name in _LABELS_BY if is_said(name)}
    several = len(names_in(data.label_column)) > 1
    found = {
        "--text": "" if is_said("text_column") else data.text_column,
        "--labels" if several else "--label": "" if said else data.label_column,
        "--group": "" if is_said("group") else data.group_column,
    }
    numbered = {option: _numbers(column) for option, column in found.items() if column}
    return tuple(word for pair in numbered.items() for word in pair)


def _numbers(columns: str) -> str:
    """`column 1`, as the columns of a file without a header are called, as the number that an option takes."""
    return columns.replace("column ", "") if _NUMBERED.fullmatch(columns) else columns


_NUMBERED = re.compile(r"column \d+(,column \d+)*")


_LABELS_BY = ("label_column", "label_columns", "labels_separator")


def _encoder(encoder: EncoderIdentity) -> tuple[str, ...]:
    """The encoder that reads for the model, as options, where others can have it by that name."""
    is_known = known_encoder(encoder.name) is not None
    if is_said("encoder") or encoder.name == DEFAULT_ENCODER or not (is_known or encoder.revision):
        return ()
    revision = () if is_known or encoder.revision is None else ("--revision", encoder.revision)
    return ("--encoder", encoder.name, *revision)
