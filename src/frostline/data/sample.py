"""The built-in sample: sentences written for Frostline, labelled positive or negative.

What the sentences are, and what makes a case hard: sample_files/README.md.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import final

import numpy as np

from frostline.arrays import IntArray
from frostline.data.dataset import Dataset, Source
from frostline.targets import Targets


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The built-in sample."""

    # `train`, `test`: Labels `positive` and `negative`, as many of the one as of the other.
    train: Dataset
    test: Dataset
    # int array, ascending: Rows of `test` that are hard cases: negation, irony, mixed opinions, understatement,
    # comparison, and opinions told as facts.
    hard: IntArray
    hard_train: IntArray  # int array, ascending: The same for `train`


def load_sample() -> Sample:
    """The built-in sample; needs no network and costs about a millisecond."""
    return Sample(train=_part("train"), test=_part("test"), hard=_hard_rows("test"), hard_train=_hard_rows("train"))


def _part(part: str) -> Dataset:
    content = _packaged(f"{part}.tsv")
    rows = [line.split("\t") for line in content.decode("utf-8").removesuffix("\n").split("\n")]
    return Dataset(
        texts=[text for text, _ in rows],
        targets=Targets.of_labels([label for _, label in rows]),
        lines=range(1, len(rows) + 1),
        source=Source(
            name=f"sample ({part})",
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            text_column="column 1",
            label_column="column 2",
        ),
    )


def _hard_rows(part: str) -> IntArray:
    lines = _packaged(f"hard-{part}.txt").decode("ascii").split()
    return np.array([int(line) - 1 for line in lines], dtype=np.int64)


def _packaged(name: str) -> bytes:
    return files("frostline.data").joinpath("sample_files", name).read_bytes()
