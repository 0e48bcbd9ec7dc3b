"""Texts in, answers out, a window at a time: memory does not grow with the file.

One stream for labels that exclude each other and for several per text. What differs is how an answer is written: its
columns, its JSON and its line stand in one table, by kind. File formats: docs/formats/answers.md.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, Probabilities
from frostline.artifact import Model
from frostline.artifact.manifest import KINDS
from frostline.disk import publish_stream
from frostline.errors import UsageError, shown
from frostline.head.linear import set_probability
from frostline.targets import Answers, Kind, Label

WINDOW_TEXTS = 4096
FORMATS = (".tsv", ".csv", ".jsonl", ".parquet")
SEPARATOR = ","


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the classifier says of one text."""

    text: str
    # The labels that it gets, or would get if the classifier were sure enough; of several, the most probable first.
    favoured: tuple[Label, ...]
    shares: tuple[float, ...]  # Their probabilities
    # Whether the classifier is sure enough. Of several labels per text the answer may be: none of them.
    is_answered: bool = True
    probability: float  # That all of `favoured` is right, and no other label
    probabilities: tuple[float, ...]  # n_labels: Of all labels, in the order of the model's
    is_cut: bool = False  # Whether the text is longer than the encoder can see, and was judged by its beginning
    likeness: float | None = None  # Of texts like those learned from, how many would be as unlike; None: not asked

    @property
    def labels(self) -> tuple[Label, ...] | None:
        """The answer; None where there is none."""
        return self.favoured if self.is_answered else None


def answered(
    model: Model, texts: Iterable[str], *, window: int = WINDOW_TEXTS, with_likeness: bool = False
) -> Iterator[tuple[Sequence[str], Answers]]:
    """The texts in order, `window` of them at a time, each time with their answers."""
    coming = iter(texts)
    while held := list(islice(coming, window)):
        yield held, model.answer(held, with_likeness=with_likeness)


def predictions(
    model: Model, texts: Iterable[str], *, window: int = WINDOW_TEXTS, with_likeness: bool = False
) -> Iterator[Prediction]:
    """A prediction for each text, in order; `window` texts are held and read at a time."""
    for held, answers in answered(model, texts, window=window, with_likeness=with_likeness):
        yield from _rows(held, answers)


def _rows(texts: Sequence[str], answers: Answers) -> Iterator[Prediction]:
    sure = _FORMS[answers.kind].probability(answers.probabilities, answers.favoured)
    for row, text in enumerate(texts):
        shares = answers.probabilities[row]
        columns = np.flatnonzero(answers.favoured[row])
        columns = columns[np.argsort(-shares[columns], kind="stable")].tolist()
        yield Prediction(
            text=text,
            favoured=tuple(answers.labels[column] for column in columns),
            shares=tuple(shares[columns].tolist()),
            is_answered=bool(answers.answered[row]),
            probability=float(sure[row]),
            probabilities=tuple(shares.tolist()),
            is_cut=bool(answers.cut[row]),
            likeness=None if answers.likeness is None else float(answers.likeness[row]),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the answers of a classifier are written."""

    kind: Kind
    labels: tuple[Label, ...]  # n_labels: In column order
    may_abstain: bool = False  # Whether it may leave a text unanswered
    # What stands between two labels of a text; None: a comma, and on a line of the terminal a space after it.
    separator: str | None = None
    unlike_below: float | None = None  # The likeness below which a text is marked as unlike; None: nothing is said
    top: int | None = None  # How many labels stand with their probabilities, the most probable first; None: all


def layout_of(
    model: Model, *, separator: str | None = None, unlike_below: float | None = None, top: int | None = None
) -> Layout:
    """The layout for what `model` answers."""
    head = model.head
    may_abstain = head.rule is not None and head.rule.answer_from > 0
    return Layout(
        kind=KINDS[head.link],
        labels=head.labels,
        may_abstain=may_abstain,
        separator=separator,
        unlike_below=unlike_below,
        top=None if top is None else min(top, len(head.labels)),
    )


def is_unlike(prediction: Prediction, layout: Layout) -> bool:
    """Whether the text is marked as unlike anything learned from."""
    return layout.unlike_below is not None and (prediction.likeness or 0.0) < layout.unlike_below


def as_document(prediction: Prediction, layout: Layout) -> dict[str, Any]:
    """A prediction as a JSON object: text, label or labels (null without an answer), each label's probability."""
    shares = dict(_shares(prediction, layout))
    answer = _FORMS[layout.kind].in_document(prediction)
    unlike = dict(zip(_UNLIKE, _unlike_values(prediction, layout), strict=False))
    return {"text": prediction.text, **answer, **unlike, "probabilities": shares}


def _shares(prediction: Prediction, layout: Layout) -> list[tuple[str, float]]:
    """Labels with their probabilities: all in their order, or the most probable first."""
    pairs = [(str(label), share) for label, share in zip(layout.labels, prediction.probabilities, strict=True)]
    return pairs if layout.top is None else sorted(pairs, key=lambda pair: -pair[1])[: layout.top]


def as_line(prediction: Prediction, layout: Layout) -> str:
    """A prediction for the terminal: label, tab, probability; several joined.

    Without an answer, the label is empty and the probability that of the answer that came nearest. Labels that hold
    the separator, or what could steer a terminal, are quoted.
    """
    mark = "" if layout.unlike_below is None else f"\t{'unlike' if is_unlike(prediction, layout) else ''}"
    if not prediction.is_answered:
        return f"\t{prediction.probability:.4f}{mark}"
    separator = layout.separator or f"{SEPARATOR} "
    parting = separator.strip() or separator
    names = [
        name if name.isprintable() and not (_FORMS[layout.kind].has_sets and parting in name) else shown(name, 1000)
        for name in map(str, prediction.favoured)
    ]
    return f"{separator.join(names)}\t{separator.join(f'{share:.4f}' for share in prediction.shares)}{mark}"


def refuse_format(path: Path) -> None:
    """Raise, before any work, unless `path` ends in a format that predictions can be written in."""
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: the name must end in {', '.join(FORMATS)}, which says the format.")


def refuse_separator(path: Path, layout: Layout) -> None:
    """Raise, before any work, if labels that are joined in the file `path` could not be parted again."""
    if path.suffix not in {".tsv", ".csv"} or not _FORMS[layout.kind].has_sets:
        return
    separator = layout.separator or SEPARATOR
    holding = next((label for label in layout.labels if separator in str(label)), None)
    if holding is not None:
        raise UsageError(
            f"The separator {shown(separator)} must not occur in a label (it does in {shown(holding)}).",
            hint="Pass another one with --labels-separator, or write .jsonl or .parquet.",
        )


def write_predictions(path: Path, found: Iterable[Prediction], layout: Layout) -> int:
    """Write predictions to `path` as they come; the file has its name once it is complete. Returns the number of rows.

    TSV, CSV and JSON Lines hold the text as it is, for programs. A tab or line break in a text is written as a space in
    TSV, which has no other way to hold it; CSV and JSON Lines keep it.

    Raises
    ------
    UsageError
        The name does not end in a known format; a label holds the separator (TSV and CSV).
    StorageError, AccessError
        Disk full, I/O error, no permission; nothing is left behind.
    """
    refuse_format(path)
    refuse_separator(path, layout)
    writers = {".tsv": _write_tsv, ".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
    with publish_stream(path) as opened:
        return writers[path.suffix](opened, found, layout)


def _write_tsv(opened: BinaryIO, found: Iterable[Prediction], layout: Layout) -> int:
    breaks = str.maketrans({"\t": " ", "\n": " ", "\r": " "})
    layer, count = _text_layer(opened), -1  # the header is no row
    for cells in _cells(found, layout):
        layer.write("\t".join(cell.translate(breaks) for cell in cells) + "\n")
        count += 1
    layer.detach()
    return count


def _write_csv(opened: BinaryIO, found: Iterable[Prediction], layout: Layout) -> int:
    layer, count = _text_layer(opened), -1  # the header is no row
    writer = csv.writer(layer, lineterminator="\n")
    for cells in _cells(found, layout):
        writer.writerow(cells)
        count += 1
    layer.detach()
    return count


def _write_jsonl(opened: BinaryIO, found: Iterable[Prediction], layout: Layout) -> int:
    count = 0
    for prediction in found:
        opened.write(json.dumps(as_document(prediction, layout), ensure_ascii=False).encode("utf-8") + b"\n")
        count += 1
    return count


def _write_parquet(opened: BinaryIO, found: Iterable[Prediction], layout: Layout) -> int:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only this format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    form = _FORMS[layout.kind]
    types = {"text": pa.string(), "texts": pa.list_(pa.string()), "number": pa.float64(), "truth": pa.bool_()}
    unlike = [] if layout.unlike_below is None else ["number", "truth"]
    shares = ["number"] * len(layout.labels) if layout.top is None else ["text", "number"] * layout.top
    kinds = ["text", *form.types, *unlike, *shares]
    schema = pa.schema([(name, types[kind]) for name, kind in zip(_names(layout), kinds, strict=True)])
    count, coming = 0, iter(found)
    with pq.ParquetWriter(opened, schema) as writer:
        while held := list(islice(coming, WINDOW_TEXTS)):
            columns = zip(*(_values(prediction, layout) for prediction in held), strict=True)
            arrays = [pa.array(list(values), field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema))
            count += len(held)
    return count


def _text_layer(opened: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(opened, encoding="utf-8", newline="")


def _cells(found: Iterable[Prediction], layout: Layout) -> Iterator[list[str]]:
    """The lines of a table, as text: the header, then a line for each prediction."""
    form, separator = _FORMS[layout.kind], layout.separator or SEPARATOR
    says_answered = layout.may_abstain and form.has_sets  # an empty cell is an answer there: no labels
    header = _names(layout)
    if says_answered:
        header.insert(2, "answered")
    yield header
    for prediction in found:
        cells = [_cell(value, separator) for value in _values(prediction, layout)]
        if says_answered:
            cells.insert(2, "true" if prediction.is_answered else "false")
        yield cells


def _names(layout: Layout) -> list[str]:
    unlike = () if layout.unlike_below is None else _UNLIKE
    shares = [f"p({label})" for label in layout.labels]
    if layout.top is not None:
        shares = [name for place in range(1, layout.top + 1) for name in (f"top {place}", f"p(top {place})")]
    return ["text", *_FORMS[layout.kind].names, *unlike, *shares]


def _values(prediction: Prediction, layout: Layout) -> tuple[object, ...]:
    of_kind = _FORMS[layout.kind].values(prediction)
    shares: Iterable[object] = prediction.probabilities
    if layout.top is not None:
        shares = (value for pair in _shares(prediction, layout) for value in pair)
    return (prediction.text, *of_kind, *_unlike_values(prediction, layout), *shares)


_UNLIKE = ("likeness", "unlike")


def _unlike_values(prediction: Prediction, layout: Layout) -> tuple[float | bool | None, ...]:
    return () if layout.unlike_below is None else (prediction.likeness, is_unlike(prediction, layout))


def _cell(value: object, separator: str) -> str:
    """A value as TSV and CSV have it; None is empty."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.6g}"
        case list():
            return separator.join(value)
        case _:
            return str(value)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What is written otherwise where labels exclude each other than where they don't."""

    # `names`, `types`: Of the columns between the text and the probability of each label; a type is text, texts or
    # number.
    names: tuple[str, ...]
    types: tuple[str, ...]
    values: Callable[[Prediction], tuple[object, ...]]  # What stands in them
    in_document: Callable[[Prediction], dict[str, Any]]  # What stands in JSON between the text and the probabilities
    # Of probabilities and favoured labels (n_texts, n_labels), that of each text's answer (n_texts,).
    probability: Callable[[Probabilities, BoolArray], Float64Array]
    has_sets: bool  # Whether an answer is a set of labels: joined by a separator, and there may be none in it


def _label_and_probability(prediction: Prediction) -> tuple[str | None, float]:
    return (str(prediction.favoured[0]) if prediction.is_answered else None), prediction.probability


def _labels(prediction: Prediction) -> tuple[list[str] | None]:
    return ([str(label) for label in prediction.favoured] if prediction.is_answered else None,)


_FORMS: Mapping[Kind, _Form] = {
    "one label": _Form(
        names=("label", "probability"),
        types=("text", "number"),
        values=_label_and_probability,
        in_document=lambda found: {"label": found.favoured[0] if found.is_answered else None},
        probability=lambda probabilities, favoured: probabilities[favoured],
        has_sets=False,
    ),
    "several labels": _Form(
        names=("labels",),
        types=("texts",),
        values=_labels,
        in_document=lambda found: {"labels": list(found.favoured) if found.is_answered else None},
        probability=set_probability,
        has_sets=True,
    ),
}
