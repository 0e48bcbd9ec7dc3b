"""A saved or fitted classifier measured on labelled texts: one record for the verb, for Python and for the page."""

import math
import time
from dataclasses import dataclass, replace
from typing import final

from frostline.arrays import IntArray, Progress
from frostline.data.dataset import Dataset
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.seen import met_by, refuse_seen_alone
from frostline.errors import shown
from frostline.evaluate.baselines import Baseline, Part, baselines_of_file
from frostline.evaluate.examples import Examples, mapped
from frostline.evaluate.nested import allowing_for_heads
from frostline.head.cascade import Cascade
from frostline.head.likeness import Likeness
from frostline.head.linear import LinearHead
from frostline.record import EvaluationRecord, Seconds, TestRecord
from frostline.training.cascaded import cascade_test
from frostline.training.records import data_record, features_record, unread
from frostline.training.tested import (
    Tested,
    answered_well,
    examples_of,
    measured_on_new,
    probability_record,
    unlike_record,
)
from frostline.version import __version__


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """What is measured."""

    name: str  # Its folder, or what it is called
    head: LinearHead
    encoder: SentenceEncoder
    learned: IntArray | None  # Digests of what it learned from; None: it does not know
    likeness: Likeness | None
    cascade: Cascade | None = None
    n_fitted: int  # Rows that it learned from
    C: float = math.nan
    group_column: str = ""  # Of the groups that its training rows were in; "" where they were in none


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """How good it is."""

    record: EvaluationRecord
    dataset: Dataset
    tested: Tested
    rows: IntArray  # Of the dataset, those tested on
    head: LinearHead

    def examples(self) -> Examples:
        """The rows it got most wrong, and a map of them."""
        return mapped(examples_of(self.head, self.dataset.take(self.rows), self.tested))


def measure(
    who: Classifier, dataset: Dataset, *, started: float | None = None, progress: Progress | None = None
) -> Measured:
    """Read the texts, answer, compare with their labels.

    Parameters
    ----------
    dataset : Dataset
        Whose labels are among those of the classifier.
    started : float, optional
        When the work began, as `time.perf_counter` has it.
    """
    refuse_seen_alone(dataset.texts, who.encoder)
    begun = time.perf_counter()
    reading = who.encoder.encode(dataset.texts, progress=progress)
    features = features_record(who.encoder, reading, dataset.texts)
    read_at = time.perf_counter()
    labels = who.head.labels
    targets = replace(dataset.targets_over([str(label) for label in labels]), labels=tuple(labels))
    part = Part(dataset.texts, reading.for_head, targets)
    met = met_by(who.learned, who.encoder)
    tested, rows, source = measured_on_new(who.head, part, met, n_fitted=who.n_fitted, cascade=who.cascade)
    record = EvaluationRecord(
        model=who.name,
        C=who.C,
        data=data_record(dataset),
        source=source,
        features=features,
        test=tested.evaluation,
        probabilities=probability_record(who.head, tested),
        answers=answered_well(tested) if who.head.has_wished_rule else None,
        baselines=_beside(tested, source),
        unlike=unlike_record(who.likeness, tested),
        cascade=None if who.cascade is None else cascade_test(who.cascade, who.encoder, tested),
        seconds=Seconds(
            read=read_at - begun,
            search=0.0,
            evaluate=time.perf_counter() - read_at,
            total=time.perf_counter() - (begun if started is None else started),
        ),
        warnings=(
            *([dataset.source.remark] if dataset.source.remark else []),
            *unread(who.encoder, features),
            *(() if source is not None else (_NO_MEMORY,)),
            *_groups_told(who, dataset),
        ),
        version=__version__,
    )
    return Measured(record=record, dataset=dataset, tested=tested, rows=rows, head=who.head)


_NO_MEMORY = (
    "Whether the model learned from some of these texts is not known, since it keeps no digests of its own: a copy of "
    "one would make the score too good."
)


def _groups_told(who: Classifier, dataset: Dataset) -> tuple[str, ...]:
    """That test rows may be of groups which it learned from: a model keeps digests of texts, and none of groups."""
    if not who.group_column:
        return ()
    name = shown(who.group_column)
    said = (
        f"Whether test rows share their {name} with rows learned from is not known, since a model keeps none; "
        "where they do, the score tells less of others than it seems."
    )
    if dataset.grouping is None:
        said = f"The model learned from rows of groups ({name}), which this file does not tell: each counts by itself."
    return (said,)


def _beside(tested: Tested, source: TestRecord | None) -> tuple[Baseline, ...]:
    """What simple ways reach on the same texts; nothing where the texts are those learned from."""
    if source is not None and not source.is_of_new:
        return ()
    return allowing_for_heads(baselines_of_file(tested.part, favoured=tested.favoured))
