"""What `train`, `predict` and `evaluate` do where a text may have several labels.

In:   what the verb's command parsed and opened.
Out:  lines on standard output, a saved classifier.
Not:  one label per text (the verbs' own files).
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import click
from rich.text import Text

from frostline import __version__
from frostline.artifact import Model
from frostline.cli.console import output, print_json, progress, words
from frostline.data.dataset import Dataset
from frostline.data.multi import MultiDataset
from frostline.errors import InputError, UsageError, printable, shown
from frostline.multi_score import (
    MultiPrediction,
    as_multi_prediction_document,
    multi_predictions,
    refuse_separator,
    write_multi_predictions,
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Where to save the classifier, and how."""

    out: Path | None
    overwrite: bool
    with_encoder: bool


def predict_several(
    model: Model, texts: Iterable[str], *, out: Path | None, as_json: bool, separator: str | None, window: int
) -> int:
    """Print or write the labels of each text; how many texts were cut.

    A line is: labels, tab, their probabilities, both joined by the separator (a comma and a blank if none is given).
    """
    labels = model.manifest.labels
    cut = 0

    def counted() -> Iterable[MultiPrediction]:
        nonlocal cut
        for prediction in multi_predictions(model, texts, window=window):
            cut += prediction.is_cut
            yield prediction

    if out is not None:
        if out.suffix in {".tsv", ".csv"}:
            refuse_separator(separator or ",", labels)
        with progress("Classifying", "texts") as advance:
            write_multi_predictions(out, _told(counted(), advance), labels=labels, separator=separator or ",")
        return cut
    for prediction in counted():
        if as_json:
            print_json(as_multi_prediction_document(prediction, labels))
        else:
            click.echo(_line(prediction, separator or ", "))
    return cut


def refuse_kind(
    dataset: "Dataset | MultiDataset", *, name: Path, is_several: bool
) -> None:
    """Raise unless a file has as many labels per text as the classifier, or the other file, wants."""
    if isinstance(dataset, MultiDataset) == is_several:
        return
    if is_several:
        raise InputError(
            f"{name}: its texts must have sets of labels, as those learned from have (it has one label per text).",
            hint="Pass --labels-separator, the same as for the training.",
        )
    raise InputError(
        f"{name}: its texts must have one label each, as those learned from have (it has sets of labels).",
        hint="Leave --labels-separator out, or choose another label column with --label.",
    )
