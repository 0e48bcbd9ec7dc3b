"""Texts in, predictions out, in windows: memory does not grow with the file.

In:   a `Model`; texts one by one.
Out:  `Prediction`s in the order of the texts; or a file of them, whole or not there.
Not:  reading input files (data/tables.py), the classifier itself (artifact/).
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, final

from frostline.artifact import Model
from frostline.errors import UsageError
from frostline.head.linear import Label
from frostline.head.rule import NO_ANSWER, Rule
from frostline.publish import publish_stream

WINDOW_TEXTS = 4096
FORMATS = (".tsv", ".csv", ".jsonl", ".parquet")
_FIXED_COLUMNS = ("text", "label", "probability")


@final
@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier says of one text.

    Parameters
    ----------
    text : str
    label : str, int, bool or None
        The answer: the most probable label, unless thresholds say otherwise. None: not sure enough to answer.
    probabilities : tuple of n_labels float
        In the order of the model's labels.
    is_cut : bool
        Whether the text is longer than the encoder can see, and was judged by its beginning.
    column : int or None
        The label's, also of one that was not sure enough to be the answer; None: the most probable one's.
    """

    text: str
    label: Label | None
    probabilities: tuple[float, ...]
    is_cut: bool = False
    column: int | None = None

    @property
    def probability(self) -> float:
        """That of the label; where there is no answer, of the label that came nearest to one."""
        return max(self.probabilities) if self.column is None else self.probabilities[self.column]


def predictions(model: Model, texts: Iterable[str], *, window: int = WINDOW_TEXTS) -> Iterator[Prediction]:
    """A prediction for each text, in order; `window` texts are held and read at a time.

    Raises
    ------
    BackendError
        The encoder failed on a text.
    """
    labels, rule = model.manifest.labels, model.head.rule or Rule()
    coming = iter(texts)
    while held := list(islice(coming, window)):
        reading = model.encoder.encode(held)
        found = model.head.predict_proba(reading.for_head)
        columns, codes = rule.favoured(found).tolist(), rule.codes(found).tolist()
        for text, row, is_cut, column, code in zip(held, found, reading.cut.tolist(), columns, codes, strict=True):
            label = None if code == NO_ANSWER else labels[code]
            yield Prediction(text, label, tuple(row.tolist()), is_cut, column)


def as_document(prediction: Prediction, labels: tuple[Label, ...]) -> dict[str, Any]:
    """A prediction as a JSON object: text, label (null without an answer), and the probability of each label."""
    shares = {str(label): share for label, share in zip(labels, prediction.probabilities, strict=True)}
    return {"text": prediction.text, "label": prediction.label, "probabilities": shares}


def refuse_format(path: Path) -> None:
    """Raise, before any work, unless `path` ends in a format that predictions can be written in.

    Raises
    ------
    UsageError
        It does not.
    """
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: the name must end in {', '.join(FORMATS)}, which says the format.")


def write_predictions(path: Path, found: Iterable[Prediction], *, labels: tuple[Label, ...]) -> int:
    """Write predictions to `path` as they come; the file has its name once it is complete. Returns the number of rows.

    A text without an answer has an empty label in TSV and CSV, null in JSON Lines and Parquet; its probability is that
    of the label that came nearest. TSV, CSV and JSON Lines hold the text as it is, for programs. A tab or line break in
    a text is written as a space in TSV, which has no other way to hold it; CSV and JSON Lines keep it.

    Raises
    ------
    UsageError
        The name does not end in a known format.
    StorageError, AccessError
        Disk full, I/O error, no permission; nothing is left behind.
    """
    refuse_format(path)
    writers = {".tsv": _write_tsv, ".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
    with publish_stream(path) as opened:
        return writers[path.suffix](opened, found, labels)


def _columns(labels: tuple[Label, ...]) -> list[str]:
    return [*_FIXED_COLUMNS, *(f"p({label})" for label in labels)]


def _cells(prediction: Prediction) -> list[str]:
    shares = (prediction.probability, *prediction.probabilities)
    return [prediction.text, _label_cell(prediction) or "", *(f"{share:.6g}" for share in shares)]


def _label_cell(prediction: Prediction) -> str | None:
    """The label as text; None, which TSV and CSV write as an empty cell, without an answer."""
    return None if prediction.label is None else str(prediction.label)


def _text_layer(opened: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(opened, encoding="utf-8", newline="")


def _write_tsv(opened: BinaryIO, found: Iterable[Prediction], labels: tuple[Label, ...]) -> int:
    breaks = str.maketrans({"\t": " ", "\n": " ", "\r": " "})
    count, layer = 0, _text_layer(opened)
    layer.write("\t".join(name.translate(breaks) for name in _columns(labels)) + "\n")
    for prediction in found:
        layer.write("\t".join(cell.translate(breaks) for cell in _cells(prediction)) + "\n")
        count += 1
    layer.detach()
    return count


def _write_csv(opened: BinaryIO, found: Iterable[Prediction], labels: tuple[Label, ...]) -> int:
    count, layer = 0, _text_layer(opened)
    writer = csv.writer(layer, lineterminator="\n")
    writer.writerow(_columns(labels))
    for prediction in found:
        writer.writerow(_cells(prediction))
        count += 1
    layer.detach()
    return count


def _write_jsonl(opened: BinaryIO, found: Iterable[Prediction], labels: tuple[Label, ...]) -> int:
    count = 0
    for prediction in found:
        opened.write(json.dumps(as_document(prediction, labels), ensure_ascii=False).encode("utf-8") + b"\n")
        count += 1
    return count


def _write_parquet(opened: BinaryIO, found: Iterable[Prediction], labels: tuple[Label, ...]) -> int:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only this format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    shares = [f"p({label})" for label in labels]
    schema = pa.schema(
        [("text", pa.string()), ("label", pa.string()), ("probability", pa.float64())]
        + [(name, pa.float64()) for name in shares]
    )
    count, coming = 0, iter(found)
    with pq.ParquetWriter(opened, schema) as writer:
        while held := list(islice(coming, WINDOW_TEXTS)):
            columns: list[Sequence[object]] = [
                [prediction.text for prediction in held],
                [_label_cell(prediction) for prediction in held],
                [prediction.probability for prediction in held],
                *zip(*(prediction.probabilities for prediction in held), strict=True),
            ]
            arrays = [pa.array(list(values), field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema))
            count += len(held)
    return count
