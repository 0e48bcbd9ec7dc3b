"""What `frostline train` and `frostline evaluate` do where a text may have several labels.

In:   what the verb's command parsed, read and opened.
Out:  a report on standard output, a saved classifier.
Not:  one label per text (train.py, evaluate.py).
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import final

from rich.text import Text

from frostline import __version__
from frostline.artifact import Model
from frostline.cli.console import output, print_json, progress, words
from frostline.data.dataset import Dataset
from frostline.data.multi import MultiDataset, members_of
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import InputError, UsageError, printable
from frostline.evaluate.multi_label import evaluate_multi
from frostline.head.rule import Rule
from frostline.multi_record import MultiEvaluationRecord
from frostline.publish import publish_bytes
from frostline.record import Seconds
from frostline.report.multi_label_document import as_multi_document, as_multi_evaluation_document
from frostline.report.multi_label_html import multi_evaluation_html
from frostline.report.multi_label_terminal import print_multi_evaluation, print_multi_report
from frostline.training.multi_label import multi_data_record, multi_examples, train_multi
from frostline.training.options import TrainingOptions
from frostline.training.records import features_record
from frostline.training.save_multi import save_multi_training


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a classifier is saved, and how its report comes; `quote`: with texts of the rows tested on."""

    out: Path | None
    overwrite: bool
    with_encoder: bool
    as_json: bool
    quote: bool


def train_several(
    dataset: MultiDataset,
    test: Dataset | MultiDataset | None,
    encoder: SentenceEncoder,
    *,
    options: TrainingOptions,
    to: Destination,
) -> None:
    """Train, report, save."""
    if test is not None and not isinstance(test, MultiDataset):
        raise _one_label(test)
    with progress("Reading", "sentences") as reading, progress("Fitting", "labels") as searching:
        training = train_multi(dataset, encoder, test=test, options=options, reading=reading, searching=searching)
    if to.out is not None:
        save_multi_training(
            training,
            to.out,
            encoder=encoder,
            overwrite=to.overwrite,
            with_encoder=to.with_encoder,
            quote=to.quote,
        )
    if to.as_json:
        print_json({**as_multi_document(training.record), "out": None if to.out is None else str(to.out)})
        return
    print_multi_report(training.record, output())
    if to.out is None:
        words().print(Text("Not saved. Add --out model to keep this classifier.", style="dim"))
        return
    where, report = printable(str(to.out)), printable(str(to.out / "report.html"))
    words().print(Text(f"Saved in {where} (report: {report}). Try it:", style="dim"))
    words().print(Text(f'  frostline predict {where} "a sentence of your own"', style="dim"))


def refuse_for_several(unfit: dict[str, bool]) -> None:
    """Raise if an option is given that has no meaning where a text may have several labels.

    Parameters
    ----------
    unfit : dict of option to bool
        Whether it was given.
    """
    given = [name for name, is_given in unfit.items() if is_given]
    if given:
        raise UsageError(
            f"{given[0]} is for texts with one label each; here each may have several.", hint=f"Leave {given[0]} out."
        )


def evaluate_several(
    model: Model,
    dataset: Dataset | MultiDataset,
    encoder: SentenceEncoder,
    *,
    name: str,
    as_json: bool,
    started: float,
    report: Path | None,
    quote: bool,
) -> None:
    """Measure a saved classifier of several labels per text, and write the page if it was asked for."""
    if not isinstance(dataset, MultiDataset):
        raise _one_label(dataset)
    labels = model.manifest.labels
    members = members_of([str(label) for label in labels], dataset)
    begun = time.perf_counter()
    with progress("Reading", "sentences") as advance:
        rows = encoder.encode(dataset.texts, progress=advance)
    read_at = time.perf_counter()
    probabilities = model.head.predict_proba(rows.for_head)
    given = (model.head.rule or Rule()).sets(probabilities)
    test = evaluate_multi(probabilities, given, members, labels=labels)
    ended = time.perf_counter()
    record = MultiEvaluationRecord(
        model=name,
        data=multi_data_record(dataset),
        features=features_record(encoder, rows),
        test=test,
        seconds=Seconds(read=read_at - begun, search=0.0, evaluate=ended - read_at, total=ended - started),
        warnings=(),
        version=__version__,
    )
    if report is not None:
        examples = multi_examples(dataset, probabilities, given, members, labels)
        publish_bytes(report, multi_evaluation_html(record, examples, quote=quote).encode("utf-8"))
    if as_json:
        print_json({**as_multi_evaluation_document(record), "report": None if report is None else str(report)})
    else:
        print_multi_evaluation(record, output())
        if report is not None:
            words().print(Text(f"The page with pictures: {printable(str(report))}", style="dim"))


def refuse_several(dataset: Dataset | MultiDataset) -> Dataset:
    """The dataset, of one label per text; several are refused.

    Raises
    ------
    InputError
        Its texts have sets of labels.
    """
    if isinstance(dataset, MultiDataset):
        raise InputError(
            f"{dataset.source.name}: this classifier gives each text one label, and here texts have sets of labels.",
            hint="Leave --labels-separator out, or choose another label column with --label.",
        )
    return dataset


def _one_label(dataset: Dataset) -> InputError:
    return InputError(
        f"{dataset.source.name}: texts must have sets of labels, as those learned from have (each has one label).",
        hint="Pass --labels-separator, as for the training.",
    )
