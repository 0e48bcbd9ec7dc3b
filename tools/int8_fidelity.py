"""How near int8 rows are to those of float32, and how many answers they change: real texts, real weights.

Run:  python tools/int8_fidelity.py FOLDER [--train-rows 2000] [--set SST-2] [--json FILE]
In:   a folder of public sets: sst2/, sst5/ (train.tsv, test.tsv), trec/ (train.csv, test.csv), cr/ (reviews.jsonl).
Out:  per set and features: the error and the cosine of the rows, and equal predictions under one head, which learned
      from float32 rows and labels the test rows of both. The figures of docs/decisions/0020-int8-products.md.

On a processor without instructions for int8 the exact form is measured; its speed is beside the point.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from frostline.arrays import Features
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.encoder.precision import cosines
from frostline.evaluate.intervals import wilson
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.targets import Targets

USUAL_ROWS = 2000
FEATURES = ("cls@-1", "mean@all")
SETS = {
    "SST-2": ("sst2/train.tsv", "sst2/test.tsv"),
    "TREC": ("trec/train.csv", "trec/test.csv"),
    "SST-5": ("sst5/train.tsv", "sst5/test.tsv"),
    "CR": ("cr/reviews.jsonl", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """One set, one kind of features."""

    name: str
    features: str
    n_train: int
    n_test: int
    C: float
    error: float
    mean_cosine: float
    lowest_cosine: float
    n_equal: int
    accuracy_float32: float
    accuracy_int8: float


def main() -> None:
    """Measure every set, print, and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train-rows", type=int, default=USUAL_ROWS, help="0 for all (of CR, one file, still 2,000)")
    parser.add_argument("--set", dest="sets", action="append", choices=SETS, help="only this set; repeat for several")
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    found = [one for name in told.sets or SETS for one in measured(name, told.folder, told.train_rows)]
    if told.json is not None:
        told.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", "utf-8")


def measured(name: str, folder: Path, n_rows: int) -> list[Fidelity]:
    """Both kinds of features of one set, from one reading in each precision."""
    train, test = parts(name, folder, n_rows)
    spec = "+".join(FEATURES)
    float32, int8 = Encoder.open(features=spec), Encoder.open(features=spec, precision="int8", insist=True)
    learned, exact, near = (
        encoder.encode(part.texts).rows for encoder, part in ((float32, train), (float32, test), (int8, test))
    )
    labels = tuple(train.counts())
    codes = [np.array([labels.index(label) for label in part.labels], np.int64) for part in (train, test)]
    cut = float32.hidden_size
    found = []
    for features, columns in zip(FEATURES, (slice(0, cut), slice(cut, None)), strict=True):
        searched = search(learned[:, columns], Targets.of_codes(codes[0], labels), options=SearchOptions())
        said = [searched.head.predict_proba(rows[:, columns]).argmax(axis=1) for rows in (exact, near)]
        found.append(
            Fidelity(
                name=name,
                features=features,
                n_train=len(train),
                n_test=len(test),
                C=float(searched.chosen_C[0]),
                error=error(exact[:, columns], near[:, columns]),
                mean_cosine=float(cosines(exact[:, columns], near[:, columns]).mean()),
                lowest_cosine=float(cosines(exact[:, columns], near[:, columns]).min()),
                n_equal=int((said[0] == said[1]).sum()),
                accuracy_float32=float((said[0] == codes[1]).mean()),
                accuracy_int8=float((said[1] == codes[1]).mean()),
            )
        )
        print(told_of(found[-1]), flush=True)
    return found


def parts(name: str, folder: Path, n_rows: int) -> tuple[Dataset, Dataset]:
    """Rows to learn from and to test on, the first spread over the file; a set of one file is drawn apart."""
    train_file, test_file = SETS[name]
    whole = read_dataset(folder / train_file, TableOptions())
    n_rows = n_rows or (USUAL_ROWS if test_file is None else len(whole))
    order = np.random.default_rng(0).permutation(len(whole)).astype(np.int64)
    train = whole.take(np.sort(order[:n_rows]))
    if test_file is None:
        return train, whole.take(np.sort(order[n_rows:]))
    return train, read_dataset(folder / test_file, TableOptions(known_labels=frozenset(whole.counts())))


def error(exact: Features, near: Features) -> float:
    """The norm of all differences over the norm of all float32 rows."""
    return float(np.linalg.norm(near - exact) / np.linalg.norm(exact))


def told_of(one: Fidelity) -> str:
    """A line of the note's table."""
    low, high = wilson(one.n_equal, one.n_test)
    return (
        f"| {one.name} | {one.features} | {one.n_test:,} | {one.error:.4f} | {one.mean_cosine:.5f} "
        f"(lowest {one.lowest_cosine:.5f}) | {one.n_equal / one.n_test:.2%} ({low:.1%} to {high:.1%}) "
        f"| {one.accuracy_float32:.2%} / {one.accuracy_int8:.2%} |"
    )


if __name__ == "__main__":
    main()
