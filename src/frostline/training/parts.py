"""Which rows are learned from, and which are tested on.

In:   a `Dataset`, one to test on if there is, `TrainingOptions`.
Out:  a `Split`; the labels as numbers.
Not:  how rows are drawn (data/split.py).
"""

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from frostline.arrays import IntArray
from frostline.data.dataset import Dataset
from frostline.data.split import random_holdout, stratified_holdout
from frostline.errors import InputError, shown
from frostline.training.options import TrainingOptions


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Rows to learn from and rows to test on; `rows` are numbers into all texts given, those of a test file last."""

    train: Dataset
    test: Dataset | None
    train_rows: IntArray
    test_rows: IntArray
    kind: Literal["file", "stratified hold-out", "random hold-out", "nested cross-validation"]


def split_rows(dataset: Dataset, test: Dataset | None, options: TrainingOptions) -> Split:
    """Which rows train and which test: a file's own, all of them in turn, or some held out."""
    rows = np.arange(len(dataset), dtype=np.int64)
    if test is not None:
        test_rows = len(rows) + np.arange(len(test), dtype=np.int64)
        return Split(train=dataset, test=test, train_rows=rows, test_rows=test_rows, kind="file")
    if options.nested:
        return Split(train=dataset, test=None, train_rows=rows, test_rows=rows[:0], kind="nested cross-validation")
    seed, fraction = options.search.seed, options.test_fraction
    if options.holdout == "random":
        kept, held = random_holdout(len(rows), test_fraction=fraction, seed=seed)
    else:
        codes = codes_of(tuple(dataset.counts()), dataset)
        kept, held = stratified_holdout(codes, test_fraction=fraction, seed=seed)
    return Split(
        train=dataset.take(kept),
        test=dataset.take(held),
        train_rows=kept,
        test_rows=held,
        kind="random hold-out" if options.holdout == "random" else "stratified hold-out",
    )


def codes_of(labels: list[str] | tuple[str, ...], dataset: Dataset) -> IntArray:
    """The number of each row's label among `labels`.

    Raises
    ------
    InputError
        A row has a label that is not among them; its line is named.
    """
    number = {label: code for code, label in enumerate(labels)}
    for label, line in zip(dataset.labels, dataset.lines, strict=True):
        if label not in number:
            raise InputError(
                f"{dataset.source.name}:{line}: the label must be one of {', '.join(map(shown, labels))} "
                f"(got {shown(label)}).",
                hint="No training row has this label. Correct the row, or train with examples of it.",
            )
    return np.fromiter((number[label] for label in dataset.labels), np.int64, len(dataset))
