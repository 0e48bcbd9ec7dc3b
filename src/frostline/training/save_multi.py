"""A training on several labels per text → an artifact with its model card and its report.

In:   a `MultiTraining`, and the encoder that read for it.
Out:  an artifact folder.
Not:  the order of writing (artifact/), the words (report/multi_label_*.py).
"""

from pathlib import Path

from frostline.artifact import Artifact, ArtifactRecord, TrainingData, save_artifact
from frostline.encoder.reading import SentenceEncoder
from frostline.report.document_types import JSON
from frostline.report.multi_label_card import multi_model_card
from frostline.report.multi_label_document import as_multi_document
from frostline.report.multi_label_html import multi_report_html
from frostline.training.multi_label import MultiTraining
from frostline.words.encoder import WordedEncoder

_ELSEWHERE = ("search", "chosen", "encoder", "labels")  # they stand in the manifest under names of its own


def save_multi_training(  # noqa: PLR0913 - as save_training
    training: MultiTraining,
    path: Path,
    *,
    encoder: SentenceEncoder,
    overwrite: bool = False,
    with_encoder: bool = False,
    quote: bool = True,
) -> Artifact:
    """Save the head of `training` at `path`, with what is known about it; as `save_training`."""
    record = training.record
    document = as_multi_document(record)
    return save_artifact(
        path,
        head=training.head,
        encoder=encoder if training.vocabulary is None else WordedEncoder(encoder, training.vocabulary),
        record=ArtifactRecord(
            data=TrainingData(
                name=record.data.name,
                sha256=record.data.sha256,
                size_bytes=record.data.size_bytes,
                rows=record.n_trained,
            ),
            choice={**_object(document["search"]), **_object(document["chosen"])},
            metrics={key: value for key, value in document.items() if key not in _ELSEWHERE},
            card=multi_model_card(record),
            report=multi_report_html(record, training.examples, quote=quote),
        ),
        overwrite=overwrite,
        with_encoder=with_encoder,
    )


def _object(value: JSON) -> dict[str, JSON]:
    return dict(value) if isinstance(value, dict) else {}
