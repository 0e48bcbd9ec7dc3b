"""How rows are best kept as neighbours: as they are, less their mean, or standardised; and what float16 costs.

In:   a folder with sst2/train.tsv and sst2/test.tsv (python tools/neighbours_kept.py FOLDER).
Out:  for each way: how often the nearest training sentence has the test sentence's label, and how cosines spread.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frostline.cli.options import EncoderChoice, opened_encoder
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset

Rows = NDArray[np.float32]
N = 5


def main(folder: Path) -> None:
    """Print a line for each way."""
    train, test = (read_dataset(folder / "sst2" / f"{part}.tsv", TableOptions()) for part in ("train", "test"))
    encoder = opened_encoder(EncoderChoice(), "mean@all")
    known, asked = encoder.encode(train.texts).rows, encoder.encode(test.texts).rows
    mean, spread = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-9)
    print(f"{len(train):,} training and {len(test):,} test sentences, minilm, mean@all")
    report("as they are", unit(known), unit(asked), train, test)
    report("less their mean", unit(known - mean), unit(asked - mean), train, test)
    report("standardised", unit((known - mean) / spread), unit((asked - mean) / spread), train, test)
    exact, asked = unit(known - mean), unit(asked - mean)[:200]
    half = exact.astype(np.float16).astype(np.float32)
    print(f"float16: a cosine differs by at most {np.abs(asked @ half.T - asked @ exact.T).max():.1e}")


def report(name: str, known: Rows, asked: Rows, train: Dataset, test: Dataset) -> None:
    """Share of test sentences whose nearest, and the majority of whose five nearest, have their label."""
    cosines = asked @ known.T
    order = np.argsort(-cosines, axis=1)[:, :N]
    right = np.array(train.labels)[order] == np.array(test.labels)[:, None]
    low, middle, high = np.percentile(cosines, [5, 50, 95])
    print(
        f"{name:16} nearest right {right[:, 0].mean():.3f}, most of {N} {(right.mean(axis=1) > 0.5).mean():.3f}; "
        f"cosines of any two: 5 % {low:.2f}, half {middle:.2f}, 95 % {high:.2f}"
    )


def unit(rows: Rows) -> Rows:
    """Each row brought to length 1."""
    result: Rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return result


if __name__ == "__main__":
    main(Path(sys.argv[1]))
