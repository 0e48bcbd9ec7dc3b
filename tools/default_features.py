"""Check the default features on rows that chose nothing: `python tools/default_features.py FOLDER [SET ...]`.

Beside them: sentence-transformers' way, the normalised mean of the last layer under scikit-learn's LogisticRegression()
as it comes. FOLDER holds sst2/, trec/, sst5/ and cr/ (docs/decisions/0002-default-features.md says which files).
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from frostline.arrays import BoolArray, IntArray
from frostline.data.options import TableOptions
from frostline.data.split import stratified_folds
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.evaluate.intervals import wilson
from frostline.evaluate.paired import paired_difference
from frostline.head.search import SearchOptions, search_C
from frostline.store import FeatureStore, StoredEncoder

FILES = {
    "sst2": ("sst2/train.tsv", "sst2/test.tsv"),
    "trec": ("trec/train.csv", "trec/test.csv"),
    "sst5": ("sst5/train.tsv", "sst5/test.tsv"),
    "cr": ("cr/reviews.jsonl", None),
}


@dataclass(frozen=True)
class Rows:
    """Both ways' rows of a set, and codes; each split is (learned from, tested on)."""

    ours: np.ndarray
    theirs: np.ndarray
    codes: IntArray
    splits: tuple[tuple[IntArray, IntArray], ...]


def rows_of(folder: Path, name: str) -> Rows:
    """Read a set; where it has no test part, five folds are tested on in turn."""
    train, test = FILES[name]
    options = TableOptions(text="text", label="label") if name == "trec" else TableOptions()
    parts = [read_dataset(folder / file, options) for file in (train, test) if file]
    texts = [text for part in parts for text in part.texts]
    labels = sorted(set(parts[0].labels))
    codes = np.array([labels.index(label) for part in parts for label in part.labels])
    store = FeatureStore.open()
    ours = StoredEncoder(Encoder.open(features=DEFAULT_FEATURES), store).encode(texts).rows
    last = StoredEncoder(Encoder.open(features="mean@-1"), store).encode(texts).rows
    every, n = np.arange(len(texts)), len(parts[0])
    splits = [(every[:n], every[n:])]
    if not test:
        folds = stratified_folds(codes, n_folds=5, seed=0)
        splits = [(every[folds != fold], every[folds == fold]) for fold in range(5)]
    return Rows(ours, last / np.linalg.norm(last, axis=1, keepdims=True), codes, tuple(splits))


def right(rows: Rows) -> Iterator[tuple[BoolArray, BoolArray]]:
    """For each split, which tested rows each way labels rightly."""
    labels = tuple(range(int(rows.codes.max()) + 1))
    for learned, tested in rows.splits:
        codes = rows.codes[learned]
        head = search_C(rows.ours[learned], codes, labels=labels, options=SearchOptions()).head
        plain = LogisticRegression(max_iter=1000).fit(rows.theirs[learned], codes)
        yield (
            head.predict(rows.ours[tested]) == rows.codes[tested],
            plain.predict(rows.theirs[tested]) == rows.codes[tested],
        )


def line(name: str, ours: BoolArray, theirs: BoolArray) -> str:
    """One row of the table."""
    cells = []
    for found in (ours, theirs):
        low, high = wilson(int(found.sum()), len(found))
        cells.append(f"{100 * found.mean():.2f} ({100 * low:.1f} to {100 * high:.1f})")
    lead = paired_difference(ours.astype(np.int64), theirs.astype(np.int64), np.ones(len(ours), np.int64))
    cells.append(f"{100 * lead.value:+.2f} ({100 * lead.interval[0]:+.1f} to {100 * lead.interval[1]:+.1f})")
    return f"| {name} | {len(ours):,} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(f"| set | n tested | {DEFAULT_FEATURES}, C searched | sentence-transformers' way | lead |")
    print("|---|---|---|---|---|")
    leads = []
    for chosen in sys.argv[2:] or FILES:
        found = list(right(rows_of(Path(sys.argv[1]), chosen)))
        ours, theirs = (np.concatenate([pair[way] for pair in found]) for way in (0, 1))
        leads.append(100 * (ours.mean() - theirs.mean()))
        print(line(chosen, ours, theirs), flush=True)
    print(f"mean lead over {len(leads)} sets: {np.mean(leads):+.2f} points")
