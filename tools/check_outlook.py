"""Hold a learning curve's outlook to what came of it: `python tools/check_outlook.py FOLDER [SET ...]`.

The training rows of a set are dealt into four stratified parts. The curve of each part alone foretells what twice and
four times its rows would bring; what they do bring is then measured, by heads on two parts (a mean over both pairs)
and on all four. All are tested on the same rows. FOLDER holds sst2/, sst5/ and cr/ (of which a quarter is tested on).
"""

import sys
from pathlib import Path

import numpy as np

from frostline.arrays import Features, IntArray
from frostline.data.options import TableOptions
from frostline.data.split import stratified_folds, stratified_holdout
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.evaluate.curve_points import Trial, Whole, learning_curve
from frostline.evaluate.learning_curve import LearningCurve
from frostline.evaluate.scores import most_probable
from frostline.head.options import SearchOptions
from frostline.head.search import Search, search
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets

FILES = {
    "sst2": ("sst2/train.tsv", "sst2/test.tsv"),
    "sst5": ("sst5/train.tsv", "sst5/test.tsv"),
    "cr": ("cr/reviews.jsonl", None),
}
PARTS = 4


def rows_of(folder: Path, name: str) -> tuple[Features, IntArray, IntArray, IntArray]:
    """Features and codes of all texts, and which rows are learned from and tested on."""
    parts = [read_dataset(folder / file, TableOptions()) for file in FILES[name] if file]
    texts = [text for part in parts for text in part.texts]
    labels = sorted(set(parts[0].labels))
    codes = np.array([labels.index(label) for part in parts for label in part.labels])
    rows = StoredEncoder(Encoder.open(features=DEFAULT_FEATURES), FeatureStore.open()).encode(texts).rows
    if len(parts) == 1:
        return rows, codes, *stratified_holdout(codes, test_fraction=0.25, seed=0)
    return rows, codes, np.arange(len(parts[0])), np.arange(len(parts[0]), len(texts))


def searched(rows: Features, codes: IntArray, learned: IntArray) -> Search:
    """The head that a training on these rows would save."""
    targets = Targets.of_codes(codes, range(int(codes.max()) + 1))
    return search(rows[learned], targets.take(learned), options=SearchOptions())


def accuracy(found: Search, rows: Features, codes: IntArray, tested: IntArray) -> float:
    """Its accuracy on the rows tested on."""
    return float((found.head.predict_proba(rows[tested]).argmax(axis=1) == codes[tested]).mean())


def curve_of(found: Search, rows: Features, codes: IntArray, learned: IntArray, tested: IntArray) -> LearningCurve:
    """The learning curve of one part."""
    whole = Whole(favoured=most_probable(found.head.predict_proba(rows[tested])), C=found.middle_C, fitted_accuracy=1.0)
    targets = Targets.of_codes(codes, range(int(codes.max()) + 1))
    curve = learning_curve(
        rows[learned],
        targets.take(learned),
        trials=[Trial(np.arange(len(learned)), rows[tested], targets.take(tested))],
        whole=whole,
        options=SearchOptions(),
    )
    if curve is None:
        raise SystemExit("Too few rows for a curve.")
    return curve


def check(folder: Path, name: str) -> tuple[int, int]:
    """Print what was foretold and what came; how often the interval covered it, of how many."""
    rows, codes, learned, tested = rows_of(folder, name)
    part_of = stratified_folds(codes[learned], n_folds=PARTS, seed=1)
    parts = [learned[part_of == part] for part in range(PARTS)]
    alone = [searched(rows, codes, part) for part in parts]
    now = float(np.mean([accuracy(found, rows, codes, tested) for found in alone]))
    pairs = [np.concatenate(parts[:2]), np.concatenate(parts[2:])]
    twice = float(np.mean([accuracy(searched(rows, codes, pair), rows, codes, tested) for pair in pairs]))
    came = (twice - now, accuracy(searched(rows, codes, learned), rows, codes, tested) - now)
    print(
        f"{name}: {len(parts[0]):,} rows {now:.2%}; twice {100 * came[0]:+.2f}, four times {100 * came[1]:+.2f} points"
    )
    covered, n = 0, 0
    for found, part in zip(alone, parts, strict=True):
        outlook = curve_of(found, rows, codes, part, tested).outlook
        if outlook is None:
            print("  no outlook")
            continue
        for gain, true in zip(outlook.gains, came, strict=True):
            low, high = gain.interval
            n, covered = n + 1, covered + (low <= true <= high)
            print(f"  {gain.n_rows:,} rows: {100 * gain.value:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})")
    return covered, n


def main() -> None:
    """Check each set asked for."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    found = [check(Path(sys.argv[1]), name) for name in sys.argv[2:] or ["sst2", "cr"]]
    print(f"covered: {sum(covered for covered, _ in found)} of {sum(n for _, n in found)}")


if __name__ == "__main__":
    main()
