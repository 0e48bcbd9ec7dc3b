"""`frostline evaluate`: measure a saved classifier on a labelled file."""

import math
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from rich.text import Text

from frostline.advice import Step
from frostline.arrays import IntArray
from frostline.cli.again import say_next
from frostline.cli.console import output, print_json, progress, words
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    FILE,
    ModelChoice,
    as_learned,
    examples_option,
    group_option,
    json_option,
    limit_option,
    model_options,
    of_kind,
    overwrite_option,
    reading_options,
    rejects_option,
    store_option,
)
from frostline.data.cells import write_rejects
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.disk import publish_bytes, refuse_file
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.seen import refuse_seen_alone, seen_by
from frostline.errors import printable
from frostline.evaluate.baselines import Part
from frostline.evaluate.examples import mapped
from frostline.head.linear import LinearHead
from frostline.record import EvaluationRecord, Seconds
from frostline.report.document import as_evaluation_document
from frostline.report.page import evaluation_html
from frostline.report.terminal import print_evaluation
from frostline.store import FeatureStore
from frostline.store.stored import remembered
from frostline.training.records import data_record, features_record, unread
from frostline.training.tested import answered_well, examples_of, measured_on_new, probability_record, unlike_record
from frostline.version import __version__


@click.command(
    "evaluate",
    cls=Grouped,
    epilog="Example: frostline evaluate model test.tsv --json",
    help="Measure the classifier MODEL on the labelled FILE: accuracy, macro F1, log loss, how far its probabilities "
    "can be trusted, and what it leaves unanswered, with n and intervals.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("file", type=FILE)
@model_options
@click.option("--report", type=click.Path(path_type=Path), help="Write the page with pictures into this .html file.")
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
    found = read_labelled(file, as_learned(known, opened.manifest))
    found = found.known_to([str(label) for label in labels], allowed=known.max_bad_rows)
    if rejects is not None:
        write_rejects(rejects, found.rejects)
    reader = remembered(opened.encoder, FeatureStore.open()) if store else opened.encoder
    dataset = of_kind(found, "several labels" if opened.head.answers_sets else "one label")
    refuse_seen_alone(dataset.texts, reader)
    begun = time.perf_counter()
    with progress("Reading", "sentences") as advance:
        rows = reader.encode(dataset.texts, progress=advance)
    features = features_record(reader, rows, dataset.texts)
    read_at = time.perf_counter()
    targets = replace(dataset.targets_over([str(label) for label in labels]), labels=tuple(labels))
    n_fitted = 0 if opened.manifest.data is None else opened.manifest.data.rows
    part = Part(dataset.texts, rows.for_head, targets)
    tested, tested_rows, source = measured_on_new(opened.head, part, _met(opened.learned, reader), n_fitted=n_fitted)
    record = EvaluationRecord(
        model=str(model),
        C=float(opened.manifest.choice.get("C", math.nan)),
        data=data_record(dataset),
        source=source,
        features=features,
        test=tested.evaluation,
        probabilities=probability_record(opened.head, tested),
        answers=answered_well(tested) if _is_wished(opened.head) else None,
        unlike=unlike_record(opened.likeness, tested),
        seconds=Seconds(
            read=read_at - begun,
            search=0.0,
            evaluate=time.perf_counter() - read_at,
            total=time.perf_counter() - started,
        ),
        warnings=(
            *([dataset.source.remark] if dataset.source.remark else []),
            *unread(reader, features),
            *(() if source is not None else (_NO_MEMORY,)),
        ),
        version=__version__,
    )
    if report is not None:
        shown = mapped(examples_of(opened.head, dataset.take(tested_rows), tested))
        publish_bytes(report, evaluation_html(record, shown, quote=examples).encode("utf-8"))
    if as_json:
        print_json({**as_evaluation_document(record), "report": None if report is None else str(report)})
    else:
        print_evaluation(record, output())
        look = Step(options=("--report", "report.html"))
        mend = Step(verb="review", options=("--out", "fixes.tsv"))
        sentence = "see its surest mistakes." if report is None else "look for wrong labels among the test rows."
        say_next(sentence, look if report is None else mend)
        if report is not None:
            words().print(Text(f"The page with pictures: {printable(str(report))}", style="dim"))


_NO_MEMORY = (
    "Whether the model learned from some of these texts is not known, since it keeps no digests of its own: a copy of "
    "one would flatter the score."
)


def _is_wished(head: LinearHead) -> bool:
    """Whether its rule is more than a threshold for each of several labels, which it always has."""
    return head.rule is not None and (not head.answers_sets or head.rule.answer_from > 0)


def _met(learned: IntArray | None, encoder: SentenceEncoder) -> IntArray | None:
    """The digests of what the head learned from and of what its encoder was tuned on."""
    seen = seen_by(encoder)
    if seen is None or learned is None:
        return seen if learned is None else learned
    return np.union1d(learned, seen)
