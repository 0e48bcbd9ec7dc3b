"""A training → an artifact with its model card and its report."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from frostline.arrays import IntArray, dense_part
from frostline.artifact import (
    Artifact,
    ArtifactRecord,
    Neighbours,
    TrainingData,
    portable_name,
    refuse_size,
    save_artifact,
)
from frostline.artifact.tables import MANY_LABELS
from frostline.data.copies import digests_of
from frostline.data.dataset import Dataset
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.words import WordedEncoder, WordsAlone
from frostline.errors import UsageError
from frostline.evaluate.examples import Examples, mapped
from frostline.report.card import model_card
from frostline.report.document import as_document
from frostline.report.page import report_html
from frostline.training.options import TrainingOptions
from frostline.training.run import Training


def save_training(  # noqa: PLR0913 - what is saved, where, five switches, and two lines
    training: Training,
    path: Path,
    *,
    encoder: SentenceEncoder,
    overwrite: bool = False,
    with_encoder: bool = False,
    quote: bool = True,
    keep_neighbours: bool = False,
    keep_digests: bool = True,
    made: str = "",
    command: str = "",
) -> Artifact:
    """Save the head of `training` at `path`, with what is known about it.

    Parameters
    ----------
    path : Path
        The folder to make.
    encoder : SentenceEncoder
        That read for it.
    overwrite, with_encoder : bool
        As for `save_artifact`.
    quote : bool
        Whether the report may quote test texts: the mistakes that the classifier was surest of.
    keep_neighbours : bool
        Keep the training sentences with their rows, so that `explain` can show the nearest.
    made : str
        When and by which command, for the end of the report.
    command : str
        The line that does what the report advises; empty where none does.
    keep_digests : bool
        Keep 8 bytes of each training text, by which a test knows which of its texts the head learned from.
    """
    encoder_named = replace(training.record.encoder, name=portable_name(training.record.encoder.name))
    record = replace(training.record, encoder=encoder_named)
    document = as_document(record, points=False)
    has_many = len(record.labels) > MANY_LABELS
    return save_artifact(
        path,
        head=training.head,
        encoder=_reader(training, encoder),
        record=ArtifactRecord(
            data=TrainingData(
                name=Path(record.data.name).name,
                sha256=record.data.sha256,
                size_bytes=record.data.size_bytes,
                rows=record.n_trained,
                text_column=record.data.text_column,
                label_column=record.data.label_column,
            ),
            choice=_shortened({**_object(document["search"]), **_object(document["chosen"])}, is_short=not has_many),
            metrics=_shortened(
                {key: value for key, value in document.items() if key not in _ELSEWHERE[record.data.kind]},
                is_short=not has_many,
            ),
            whole=json.dumps(as_document(record, points=False, is_whole=True)) + "\n" if has_many else None,
            card=model_card(record),
            report=report_html(record, _with_map(training), quote=quote, made=made, command=command),
            neighbours=_neighbours(training) if keep_neighbours else None,
            learned=_digests(training) if keep_digests else None,
            likeness=training.likeness,
            cascade=training.cascade,
        ),
        overwrite=overwrite,
        with_encoder=with_encoder,
    )


def _shortened(document: dict[str, object], *, is_short: bool) -> dict[str, object]:
    """The document; where it has many labels, null in the place of each list that is as long, wherever it stands."""
    if is_short:
        return document

    def short(value: object) -> object:
        if isinstance(value, dict):
            return {key: short(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return None if len(value) > MANY_LABELS else [short(inner) for inner in value]
        return value

    return {key: short(value) for key, value in document.items()}


def _digests(training: Training) -> IntArray | None:
    texts = training.met or (None if training.learned is None else training.learned.texts)
    return None if texts is None else np.unique(digests_of(texts))


_ELSEWHERE = {"one label": ("search", "encoder", "labels"), "several labels": ("search", "chosen", "encoder", "labels")}
"""Keys of the document that stand in the manifest under names of its own."""


def refuse_neighbours(
    dataset: Dataset, encoder: SentenceEncoder, *, test: Dataset | None, options: TrainingOptions
) -> None:
    """Raise, before a sentence is read, if those that the head will learn from are too many to be kept."""
    learned = 1.0 if test is not None or options.nested else 1 - options.test_fraction
    refuse_size(int(len(dataset) * learned), len(encoder.blocks) * encoder.hidden_size)


def _reader(training: Training, encoder: SentenceEncoder) -> SentenceEncoder:
    """What reads for the head: the encoder, with words beside it or without; or words alone."""
    if training.vocabulary is None:
        return encoder
    are_words = FeatureSpec.parse(training.record.features.spec).is_words_alone
    return WordedEncoder(WordsAlone() if are_words else encoder, training.vocabulary)


def _neighbours(training: Training) -> Neighbours | None:
    """The sentences that were learned from; None where there are no features by which they could be near."""
    if training.learned is None:
        raise UsageError("The rows that the head learned from must be there to be kept as neighbours (they are not).")
    targets = training.learned.targets
    if not dense_part(training.learned.rows).shape[1]:
        return None
    return Neighbours.of_rows(
        training.learned.texts,
        {"one label": targets.codes, "several labels": targets.members.astype(np.int64)}[targets.kind],
        np.asarray(dense_part(training.learned.rows), np.float32),
    )


def _with_map(training: Training) -> Examples:
    return mapped(training.examples, seed=training.record.seed)


def _object(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}
