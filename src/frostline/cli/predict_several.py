"""What `frostline predict` does with a classifier whose texts may have several labels.

In:   the opened model, the texts.
Out:  a line each on standard output, or a file.
Not:  which texts (predict.py).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from frostline.artifact import Model
from frostline.cli.console import print_json, progress
from frostline.errors import shown
from frostline.multi_score import (
    SEPARATOR,
    MultiPrediction,
    as_multi_prediction_document,
    multi_predictions,
    refuse_separator,
    write_multi_predictions,
)


def predict_several(
    model: Model, texts: Iterable[str], *, out: Path | None, as_json: bool, separator: str | None, window: int
) -> int:
    """Print or write the labels of each text; how many texts were cut.

    A line is: labels, tab, their probabilities, both joined by the separator (a comma and a blank if none is given).
    """
    labels, n_cut = model.manifest.labels, 0

    def counted() -> Iterator[MultiPrediction]:
        nonlocal n_cut
        for prediction in multi_predictions(model, texts, window=window):
            n_cut += prediction.is_cut
            yield prediction

    if out is None:
        for prediction in counted():
            if as_json:
                print_json(as_multi_prediction_document(prediction, labels))
            else:
                click.echo(_line(prediction, separator or f"{SEPARATOR} "))
        return n_cut
    if out.suffix in {".tsv", ".csv"}:
        refuse_separator(separator or SEPARATOR, labels)  # before any work
    with progress("Classifying", "texts") as advance:

        def told() -> Iterator[MultiPrediction]:
            for number, prediction in enumerate(counted(), start=1):
                yield prediction
                if number % 1000 == 0:
                    advance(number, number)

        write_multi_predictions(out, told(), labels=labels, separator=separator or SEPARATOR)
    return n_cut


def _line(prediction: MultiPrediction, separator: str) -> str:
    """Labels that hold the separator, or what could steer a terminal, are quoted."""
    names = [str(label) for label in prediction.labels]
    plain = separator.strip() or separator
    shown_names = [name if name.isprintable() and plain not in name else shown(name, 1000) for name in names]
    return f"{separator.join(shown_names)}\t{separator.join(f'{share:.4f}' for share in prediction.given)}"
