"""How well texts unlike those learned from are told: `python tools/unlike_figures.py FOLDER ...`.

FOLDER holds sst2/, trec/, sst5/, cr/ and goemotions/ (docs/decisions/0002 and 0022 say which files; of cr a third is
tested on, of goemotions dev.tsv is learned from). A row for each set: how many of its own test texts have a likeness
below 0.01, with the 95 % interval; and for each other set the area under the ROC curve with which likeness tells its
test texts apart, and how many have one below 0.01. Then each label of TREC is left out in turn. `--rows N` learns from
N rows drawn at random, five times over. `--ways` sets other ways beside: distance and unsureness each alone, the
nearest of the class centres and the fifth nearest text among the folded rows, and the largest probability. `--stored`
sets beside it the distance by a factor, or a covariance, that was kept in fewer bytes.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from frostline.arrays import Features, Float64Array, IntArray
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.split import holdout
from frostline.data.tables import read_labelled
from frostline.encoder.encoder import Encoder
from frostline.evaluate.intervals import clopper_pearson
from frostline.head.fitted import AnswerOptions, Fitted, fit
from frostline.head.likeness import (
    N_DIMENSIONS,
    UNLIKE_BELOW,
    Likeness,
    _shape,
    _triangle,
    fit_likeness,
    folded,
    unsureness,
)
from frostline.head.options import SearchOptions
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets

NAMED = TableOptions(text="text", label="label")
FILES = {
    "sst2": ("sst2/train.tsv", "sst2/test.tsv", TableOptions()),
    "trec": ("trec/train.csv", "trec/test.csv", NAMED),
    "sst5": ("sst5/train.tsv", "sst5/test.tsv", TableOptions()),
    "cr": ("cr/reviews.jsonl", None, TableOptions()),
    "goemotions": (
        "goemotions/dev.tsv",
        "goemotions/test.tsv",
        TableOptions(labels_separator=",", header=False, text=1, label=2),
    ),
}
DRAWS = 5
DIMENSIONS = (240, 120, 96)
RANKS = (8, 32)
SMALLEST = 1e-9  # variance

Unlike = Callable[[Features], Float64Array]
"""Rows in, a number that is larger the less like they are to those learned from."""


@dataclass(frozen=True)
class Part:
    """Rows and targets."""

    rows: Features
    targets: Targets

    def take(self, rows: IntArray) -> "Part":
        """The rows numbered in `rows`."""
        return Part(self.rows[rows], self.targets.take(rows))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="*", default=list(FILES), help="learn from these; none: labels left out alone")
    parser.add_argument("--rows", type=int, help="learn from so many rows, five times over")
    parser.add_argument("--ways", action="store_true", help="other ways beside")
    parser.add_argument("--stored", action="store_true", help="the distance kept in fewer bytes beside")
    asked = parser.parse_args()
    encoder = StoredEncoder(Encoder.open("minilm"), FeatureStore.open())
    sets = {name: parts(asked.folder, name, encoder) for name in FILES}
    for name in asked.sets:
        train, test = sets[name]
        others = {other: part.rows for other, (_, part) in sets.items() if other != name}
        for drawn in draws(train, asked.rows):
            told = stored_ways(drawn) if asked.stored else ways(drawn, asked.ways)
            print_ways(f"{name}, {len(drawn.rows):,} rows", told, test.rows, others)
    if asked.stored:
        return
    train, test = sets["trec"]
    labels = train.targets.labels
    areas: dict[str, list[float]] = {}
    for column, label in enumerate(labels):
        kept = without(train, column)
        others = {str(label): test.rows[test.targets.codes == column]}
        told = ways(kept, asked.ways)
        print_ways(f"trec without {label}", told, test.rows[test.targets.codes != column], others)
        for way, unlike in told.items():
            areas.setdefault(way, []).append(
                area(unlike(test.rows[test.targets.codes != column]), unlike(test.rows[test.targets.codes == column]))
            )
    for way, found in areas.items():
        print(
            f"trec, a label left out, {way}: mean area {np.mean(found):.3f}, from {min(found):.3f} to {max(found):.3f}"
        )


def parts(folder: Path, name: str, encoder: StoredEncoder) -> tuple[Part, Part]:
    """To learn from, and to test on."""
    learned, tested, options = FILES[name]
    data = read_labelled(folder / learned, options)
    train = part_of(data, data, encoder)
    if tested is not None:
        return train, part_of(read_labelled(folder / tested, options), data, encoder)
    kept, held = holdout(data.targets, test_fraction=1 / 3, seed=0)
    return train.take(kept), train.take(held)


def part_of(data: Dataset, train: Dataset, encoder: StoredEncoder) -> Part:
    """With the columns of the training."""
    return Part(encoder.encode(data.texts).rows, data.targets_over(list(train.counts())))


def without(train: Part, column: int) -> Part:
    """The rows that have another label."""
    kept = train.targets.codes != column
    labels = train.targets.labels[:column] + train.targets.labels[column + 1 :]
    return Part(
        train.rows[kept], Targets(labels, np.delete(train.targets.members[kept], column, axis=1), exclusive=True)
    )


def draws(train: Part, n_rows: int | None) -> Iterator[Part]:
    """All rows, or some of them five times over, labels that came once or not at all left out."""
    if n_rows is None:
        yield train
        return
    for seed in range(DRAWS):
        drawn = train.take(np.random.default_rng(seed).choice(len(train.rows), n_rows, replace=False))
        known = np.flatnonzero(drawn.targets.members.sum(axis=0) >= 2)
        members = drawn.targets.members[:, known]
        told = members.any(axis=1) | (drawn.targets.kind == "several labels")
        labels = tuple(drawn.targets.labels[column] for column in known.tolist())
        yield Part(drawn.rows[told], Targets(labels, members[told], exclusive=drawn.targets.exclusive))


def ways(train: Part, with_others: bool) -> dict[str, Unlike]:  # noqa: FBT001 - of the command line
    """Ours, and others beside it."""
    fitted = fit(train.rows, train.targets, search=SearchOptions(), answers=AnswerOptions())
    n_blocks = train.rows.shape[1] // 384
    begun = time.process_time()
    likeness = fit_likeness(train.rows, fitted.calibration.held_out, n_blocks=n_blocks, lots=train.targets.lots)
    if likeness is None:
        raise ValueError("all rows are the same")
    print(f"{len(train.rows):,} rows: {time.process_time() - begun:.2f} s of one processor")
    ours: dict[str, Unlike] = {
        "likeness": lambda rows: 1 - likeness.of(rows, fitted.head.predict_proba(rows)),
    }
    return {**ours, **other_ways(train, fitted, likeness)} if with_others else ours


def other_ways(train: Part, fitted: Fitted, likeness: Likeness) -> dict[str, Unlike]:
    """Each of the two alone, and what else could be had from the same rows; none of them is calibrated."""
    points = folded(train.rows, n_blocks=likeness.n_blocks, n_dimensions=N_DIMENSIONS)
    lower = np.zeros((N_DIMENSIONS, N_DIMENSIONS))
    lower[np.tril_indices(N_DIMENSIONS)] = likeness.factor
    white = (points - likeness.centre) @ lower
    centres = np.stack([white[has].mean(axis=0) for has in train.targets.members.T if has.any()])
    unit = white / np.linalg.norm(white, axis=1, keepdims=True)

    def whitened(rows: Features) -> Float64Array:
        moved: Float64Array = folded(rows, n_blocks=likeness.n_blocks, n_dimensions=N_DIMENSIONS) - likeness.centre
        return moved @ lower

    def nearest(rows: Features) -> Float64Array:
        asked = whitened(rows)
        cosines = (asked / np.linalg.norm(asked, axis=1, keepdims=True)) @ unit.T
        return -np.partition(cosines, -5, axis=1)[:, -5]

    return {
        "distance": lambda rows: np.square(whitened(rows)).sum(axis=1),
        "unsureness": lambda rows: unsureness(fitted.head.predict_proba(rows)),
        "nearest centre": lambda rows: np.square(whitened(rows)[:, None] - centres).sum(axis=2).min(axis=1),
        "fifth nearest text": nearest,
        "largest probability": lambda rows: -fitted.head.predict_proba(rows).max(axis=1),
    }


def stored_ways(train: Part) -> dict[str, Unlike]:
    """The distance by what fewer bytes would hold of it."""
    told: dict[str, Unlike] = {}
    for n in DIMENSIONS:
        points = folded(train.rows, n_blocks=train.rows.shape[1] // 384, n_dimensions=n)
        centre, factor, _ = _shape(points, train.targets.lots)
        lower = _triangle(factor, n)
        kept = {"float16": (lower, 16 * len(factor))}
        kept |= {f"{bits} bits": (np.tril(in_bits(lower.T, bits).T), bits * len(factor)) for bits in (8, 6, 5, 4)}
        covariance = inverse(lower @ lower.T)
        for rank in RANKS:
            root = np.asarray(np.linalg.cholesky(inverse(narrow(covariance, rank))), dtype=np.float64)
            kept[f"8 bits, rank {rank}"] = (root, 8 * n * (rank + 1))
        for way, (own, n_bits) in kept.items():
            told[f"{n} numbers, {way}, {n_bits / 8000:.1f} kB"] = partial(far, own, centre.astype(np.float64))
    return told


def far(root: Float64Array, centre: Float64Array, rows: Features) -> Float64Array:
    """Squared distances (n_texts,) of rows, folded, from the centre."""
    moved = folded(rows, n_blocks=rows.shape[1] // 384, n_dimensions=len(centre)) - centre
    squares: Float64Array = np.square(moved @ root).sum(axis=1)
    return squares


def inverse(matrix: Float64Array) -> Float64Array:
    """Of a square matrix."""
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def in_bits(values: Float64Array, bits: int) -> Float64Array:
    """Each row rounded to whole numbers of so many bits, times a scale of its own."""
    scale = np.abs(values).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    rounded: Float64Array = np.round(values / scale) * scale
    return rounded


def narrow(covariance: Float64Array, rank: int) -> Float64Array:
    """Its largest directions in 8 bits, and a diagonal of what is left."""
    lengths, directions = np.linalg.eigh(covariance)
    more = np.maximum(lengths[-rank:] - np.median(lengths[:-rank]), 0)
    along = in_bits(np.asarray((directions[:, -rank:] * np.sqrt(more)).T, dtype=np.float64), 8)
    left = covariance.diagonal() - np.square(along).sum(axis=0)
    return np.asarray(np.diag(np.maximum(left, SMALLEST)) + along.T @ along, dtype=np.float64)


def print_ways(name: str, told: dict[str, Unlike], own: Features, others: dict[str, Features]) -> None:
    """A line for each way."""
    for way, unlike in told.items():
        inside = unlike(own)
        cells = [f"{name:24} {way:20}"]
        if way == "likeness":
            flagged = int((inside > 1 - UNLIKE_BELOW).sum())
            low, high = clopper_pearson(flagged, len(inside))
            cells.append(f"flagged {100 * flagged / len(inside):.2f} % ({100 * low:.2f} to {100 * high:.2f})")
        for other, rows in others.items():
            outside = unlike(rows)
            share = f" ({100 * (outside > 1 - UNLIKE_BELOW).mean():.0f} % flagged)" if way == "likeness" else ""
            cells.append(f"{other} {area(inside, outside):.3f}{share}")
        print("; ".join(cells), flush=True)


def area(inside: Float64Array, outside: Float64Array) -> float:
    """Under the ROC curve."""
    of_outside = np.concatenate([np.zeros(len(inside)), np.ones(len(outside))])
    return float(roc_auc_score(of_outside, np.concatenate([inside, outside])))


if __name__ == "__main__":
    main()
