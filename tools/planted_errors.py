"""Plant wrong labels and find them: `python tools/planted_errors.py FOLDER [--sets sst2,trec] [--seeds 5]`.

Five per cent of the training labels are flipped: uniformly, or by class (each label into one other, every second label
three times as often). What `frostline review` flags is held against cleanlab's `find_label_issues` on the very same
out-of-fold probabilities, each at its own stopping point and both at cleanlab's number of rows; and heads trained as
`frostline train` does are tested before the flips, with them, and after several ways to use what was flagged.
FOLDER holds the sets as docs/decisions/0002-default-features.md says. cleanlab is optional: pip install cleanlab, in an
environment that has Frostline too (the figures in docs/decisions/ are cleanlab 2.9.0's).
"""

import argparse
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from frostline.arrays import BoolArray, Features, IntArray, Probabilities
from frostline.data.options import TableOptions
from frostline.data.split import stratified_holdout
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.review.labels import LabelCheck, check_labels, held_out_probabilities, neighbour_shares
from frostline.review.near import Neighbours, columns_to_compare, directions, nearest
from frostline.review.run import N_NEIGHBOURS
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets

FILES = {
    "sst2": ("sst2/train.tsv", "sst2/test.tsv"),
    "trec": ("trec/train.csv", "trec/test.csv"),
    "sst5": ("sst5/train.tsv", "sst5/test.tsv"),
    "cr": ("cr/reviews.jsonl", None),
}
SHARE = 0.05


@dataclass(frozen=True)
class Rows:
    """A set: features, codes, and which rows train and test."""

    features: Features
    codes: IntArray
    train: IntArray
    test: IntArray
    near: Neighbours


def rows_of(folder: Path, name: str) -> Rows:
    """Read a set; where it has no test part a quarter is held out."""
    train, test = FILES[name]
    options = TableOptions(text="text", label="label") if name == "trec" else TableOptions()
    parts = [read_dataset(folder / file, options) for file in (train, test) if file]
    labels = sorted(set(parts[0].labels))
    codes = np.array([labels.index(label) for part in parts for label in part.labels])
    encoder = StoredEncoder(Encoder.open(features=DEFAULT_FEATURES), FeatureStore.open())
    features = encoder.encode([text for part in parts for text in part.texts]).rows
    every, n = np.arange(len(codes)), len(parts[0])
    learned, tested = (every[:n], every[n:]) if test else stratified_holdout(codes, test_fraction=0.25, seed=0)
    points, _ = directions(features[learned][:, columns_to_compare(encoder.blocks, encoder.hidden_size)])
    return Rows(features, codes, learned, tested, nearest(points, k=N_NEIGHBOURS))


def flipped(codes: IntArray, *, kind: str, seed: int) -> IntArray:
    """The codes with five per cent of them changed."""
    random = np.random.default_rng(seed)
    n_labels, n = int(codes.max()) + 1, len(codes)
    wrong = codes.copy()
    if kind == "uniform":
        rows = random.choice(n, round(SHARE * n), replace=False)
        wrong[rows] = (codes[rows] + random.integers(1, n_labels, len(rows))) % n_labels
        return wrong
    weights = np.where(codes % 2 == 1, 3.0, 1.0)
    rows = random.choice(n, round(SHARE * n), replace=False, p=weights / weights.sum())
    wrong[rows] = (codes[rows] + 1) % n_labels
    return wrong


def accuracy(rows: Rows, codes: IntArray, kept: BoolArray | None = None) -> float:
    """Of a head trained as `frostline train` does, on the test rows, in per cent."""
    learned = rows.train if kept is None else rows.train[kept]
    used = codes if kept is None else codes[kept]
    labels = tuple(range(int(rows.codes.max()) + 1))
    head = search(rows.features[learned], Targets.of_codes(used, labels), options=SearchOptions()).head
    return 100 * float((head.predict(rows.features[rows.test]) == rows.codes[rows.test]).mean())


def found(flagged: IntArray, is_wrong: BoolArray) -> tuple[float, float]:
    """Precision and recall, in per cent."""
    hits = float(is_wrong[flagged].sum())
    return 100 * hits / max(1, len(flagged)), 100 * hits / float(is_wrong.sum())


def one_run(rows: Rows, cleanlab: ModuleType | None, *, kind: str, seed: int, heads: bool) -> dict[str, float]:
    """Every figure of one planting."""
    true = rows.codes[rows.train]
    codes = flipped(true, kind=kind, seed=seed)
    is_wrong = codes != true
    targets = Targets.of_codes(codes, range(int(true.max()) + 1))
    held_out = held_out_probabilities(rows.features[rows.train], targets, options=SearchOptions())
    check = check_labels(
        held_out.probabilities, codes, neighbour_shares(rows.near, targets.members, np.ones(len(codes), dtype=bool))
    )
    figures = {"planted": float(is_wrong.sum())}
    figures |= of_flagged("ours", check.flagged, is_wrong)
    if cleanlab is not None:
        figures |= against(cleanlab, held_out.probabilities, check, codes, is_wrong)
    if heads:
        figures |= of_heads(rows, check, codes, true)
    return figures


def of_flagged(name: str, flagged: IntArray, is_wrong: BoolArray) -> dict[str, float]:
    """How many were flagged, and how well."""
    precision, recall = found(flagged, is_wrong)
    return {f"{name}: flagged": len(flagged), f"{name}: precision %": precision, f"{name}: recall %": recall}


def against(
    cleanlab: ModuleType, shares: Probabilities, check: LabelCheck, codes: IntArray, is_wrong: BoolArray
) -> dict[str, float]:
    """What cleanlab flags by default on the same probabilities, and ours at its number of rows."""
    theirs = np.flatnonzero(cleanlab.find_label_issues(codes, shares, n_jobs=1))
    ranked = np.argsort(check.confidence, kind="stable")[: len(theirs)]
    return of_flagged("cleanlab", theirs, is_wrong) | of_flagged("ours, as many as cleanlab", ranked, is_wrong)


def of_heads(rows: Rows, check: LabelCheck, codes: IntArray, true: IntArray) -> dict[str, float]:
    """Test accuracy before, with, and after."""
    advised, sure = codes.copy(), codes.copy()
    advised[check.flagged] = check.suggested[check.flagged]
    surely = check.flagged[check.confidence[check.flagged] < 0.1]
    sure[surely] = check.suggested[surely]
    read = codes.copy()
    read[check.flagged] = true[check.flagged]
    dropped = np.ones(len(codes), dtype=bool)
    dropped[check.flagged] = False
    return {
        "flagged with score 0.9 or more": len(surely),
        "of these, planted %": found(surely, codes != true)[0],
        "test accuracy %: true labels": accuracy(rows, true),
        "test accuracy %: with the errors": accuracy(rows, codes),
        "test accuracy %: every flagged row relabelled, unread": accuracy(rows, advised),
        "test accuracy %: those with score 0.9 or more relabelled, unread": accuracy(rows, sure),
        "test accuracy %: every flagged row dropped, unread": accuracy(rows, codes, dropped),
        "test accuracy %: flagged rows gone through, errors corrected": accuracy(rows, read),
    }


def main() -> None:
    """Run and print a table: mean, standard deviation over seeds, smallest and largest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default="sst2")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kind", choices=["uniform", "class"], default="uniform")
    parser.add_argument("--no-heads", action="store_true", help="leave out the test accuracies")
    chosen = parser.parse_args()
    try:
        cleanlab = importlib.import_module("cleanlab.filter")
        print(f"cleanlab {importlib.import_module('cleanlab').__version__}")
    except ImportError:
        cleanlab = None
        print(
            "cleanlab is not installed here, so there is nothing to compare with: pip install cleanlab", file=sys.stderr
        )
    for name in chosen.sets.split(","):
        rows = rows_of(chosen.folder, name)
        runs = []
        for seed in range(chosen.seeds):
            runs.append(one_run(rows, cleanlab, kind=chosen.kind, seed=seed, heads=not chosen.no_heads))
            print(f"{name} seed {seed}: {runs[-1]}", file=sys.stderr, flush=True)
        print(
            f"\n{name}, {chosen.kind} flips: {len(rows.train):,} rows trained on, {len(rows.test):,} tested on, "
            f"{chosen.seeds} seeds\n"
        )
        print("| | mean | sd | min | max |\n|---|---|---|---|---|")
        for key in runs[0]:
            values = np.array([run[key] for run in runs])
            spread = values.std(ddof=1) if len(values) > 1 else float("nan")
            print(
                f"| {key} | {values.mean():.1f} | {spread:.1f} | {values.min():.1f} | {values.max():.1f} |", flush=True
            )


if __name__ == "__main__":
    main()
