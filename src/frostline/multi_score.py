"""Texts in, sets of labels out, in windows: what score.py is for one label per text.

In:   a `Model` whose labels do not exclude each other; texts one by one.
Out:  `MultiPrediction`s in the order of the texts; or a file of them, whole or not there.
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

import numpy as np

from frostline.artifact import Model
from frostline.errors import UsageError, shown
from frostline.head.linear import Label
from frostline.head.rule import Rule
from frostline.publish import publish_stream
from frostline.score import WINDOW_TEXTS, refuse_format

SEPARATOR = ","
_SPACES = str.maketrans({"\t": " ", "\n": " ", "\r": " "})


@final
@dataclass(frozen=True, slots=True)
class MultiPrediction:
    """What the classifier says of one text.

    Parameters
    ----------
    text : str
    labels : tuple of str, int or bool
        Every label whose probability reaches its threshold, the most probable first; there may be none.
    given : tuple of float
        Their probabilities.
    probabilities : tuple of n_labels float
        Of all labels, in the order of the model's.
    is_cut : bool
        Whether the text is longer than the encoder can see, and was judged by its beginning.
    """

    text: str
    labels: tuple[Label, ...]
    given: tuple[float, ...]
    probabilities: tuple[float, ...]
    is_cut: bool = False


def multi_predictions(model: Model, texts: Iterable[str], *, window: int = WINDOW_TEXTS) -> Iterator[MultiPrediction]:
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
        given = rule.sets(found)
        for text, row, has, is_cut in zip(held, found, given, reading.cut.tolist(), strict=True):
            columns = np.flatnonzero(has)
            columns = columns[np.argsort(-row[columns], kind="stable")].tolist()
            own = tuple(labels[column] for column in columns)
            yield MultiPrediction(text, own, tuple(row[columns].tolist()), tuple(row.tolist()), is_cut)


def as_multi_prediction_document(prediction: MultiPrediction, labels: tuple[Label, ...]) -> dict[str, Any]:
    """A prediction as a JSON object: text, a list of labels, and the probability of each label there is."""
    shares = {str(label): share for label, share in zip(labels, prediction.probabilities, strict=True)}
    return {"text": prediction.text, "labels": list(prediction.labels), "probabilities": shares}


def refuse_separator(separator: str, labels: Sequence[Label]) -> None:
    """Raise if labels joined by `separator` could not be parted again.

    Raises
    ------
    UsageError
        A label holds it.
    """
    holding = next((label for label in labels if separator in str(label)), None)
    if holding is not None:
        raise UsageError(
            f"The separator {shown(separator)} must not occur in a label (it does in {shown(holding)}).",
            hint="Pass another one with --labels-separator, or write .jsonl or .parquet.",
        )


def write_multi_predictions(
    path: Path, found: Iterable[MultiPrediction], *, labels: tuple[Label, ...], separator: str = SEPARATOR
) -> int:
    """Write predictions to `path` as they come; the file has its name once it is complete. Returns the number of rows.

    TSV and CSV join the labels by `separator`, as `--labels-separator` reads them again; JSON Lines and Parquet have
    lists.

    Raises
    ------
    UsageError
        The name does not end in a known format; a label holds the separator (TSV and CSV).
    StorageError, AccessError
        Disk full, I/O error, no permission; nothing is left behind.
    """
    refuse_format(path)
    with publish_stream(path) as opened:
        if path.suffix == ".jsonl":
            return _write_jsonl(opened, found, labels)
        if path.suffix == ".parquet":
            return _write_parquet(opened, found, labels)
        refuse_separator(separator, labels)
        return _write_cells(opened, found, labels, separator, is_csv=path.suffix == ".csv")


def _columns(labels: tuple[Label, ...]) -> list[str]:
    return ["text", "labels", *(f"p({label})" for label in labels)]


def _write_cells(
    opened: BinaryIO, found: Iterable[MultiPrediction], labels: tuple[Label, ...], separator: str, *, is_csv: bool
) -> int:
    count, layer = 0, io.TextIOWrapper(opened, encoding="utf-8", newline="")
    writer = csv.writer(layer, lineterminator="\n")

    def write(cells: list[str]) -> None:
        if is_csv:
            writer.writerow(cells)
        else:
            layer.write("\t".join(cell.translate(_SPACES) for cell in cells) + "\n")

    write(_columns(labels))
    for prediction in found:
        joined = separator.join(map(str, prediction.labels))
        write([prediction.text, joined, *(f"{share:.6g}" for share in prediction.probabilities)])
        count += 1
    layer.detach()
    return count


def _write_jsonl(opened: BinaryIO, found: Iterable[MultiPrediction], labels: tuple[Label, ...]) -> int:
    count = 0
    for prediction in found:
        document = as_multi_prediction_document(prediction, labels)
        opened.write(json.dumps(document, ensure_ascii=False).encode("utf-8") + b"\n")
        count += 1
    return count


def _write_parquet(opened: BinaryIO, found: Iterable[MultiPrediction], labels: tuple[Label, ...]) -> int:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only this format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    names = _columns(labels)
    kinds = [pa.string(), pa.list_(pa.string()), *([pa.float64()] * len(labels))]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    count, coming = 0, iter(found)
    with pq.ParquetWriter(opened, schema) as writer:
        while held := list(islice(coming, WINDOW_TEXTS)):
            columns: list[Sequence[object]] = [
                [prediction.text for prediction in held],
                [list(map(str, prediction.labels)) for prediction in held],
                *zip(*(prediction.probabilities for prediction in held), strict=True),
            ]
            arrays = [pa.array(list(values), kind) for values, kind in zip(columns, kinds, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema))
            count += len(held)
    return count
