"""The static tier beside words and the encoder it was distilled from: `python tools/static_figures.py FOLDER`.

FOLDER has sets as sub-folders with train.* and test.*, or one file alone, of which every fourth row is tested on. Of
each the first 2,000 rows are learned from and the first 2,000 of the others tested on, by `SentenceClassifier` with a
searched C. Then texts read in a second, on all cores: every distinct text of the sets, three times, nothing kept.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from frostline.classifier import SentenceClassifier
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder

WAYS = (
    ("words", "minilm", "words"),
    ("static", "static", "mean@all"),
    ("static+words", "static", "mean@all+words"),
    ("minilm", "minilm", "mean@all"),
)
ROWS = 2000


def parts(folder: Path) -> tuple[Dataset, Dataset]:
    """What is learned from, and what is tested on."""
    given = [next(folder.glob(f"{part}.*"), None) for part in ("train", "test")]
    if None not in given:
        train, test = (read_dataset(path, TableOptions(limit=ROWS)) for path in given if path is not None)
        return train, test
    whole = read_dataset(next(folder.iterdir()), TableOptions())
    rows = np.arange(len(whole))
    return whole.take(rows[rows % 4 != 0][:ROWS]), whole.take(rows[rows % 4 == 0][:ROWS])


def main() -> None:
    """Accuracy set by set, then speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default="sst2,trec,cr,sst5")
    asked = parser.parse_args()
    scores: dict[str, list[float]] = {name: [] for name, _, _ in WAYS}
    texts: list[str] = []
    for name in asked.sets.split(","):
        train, test = parts(asked.folder / name)
        texts += [str(text) for text in (*train.texts, *test.texts)]
        for way, encoder, features in WAYS:
            classifier = SentenceClassifier(encoder=encoder, features=features)
            classifier.fit([str(text) for text in train.texts], list(train.labels))
            scores[way].append(100 * classifier.score([str(text) for text in test.texts], list(test.labels)))
            print(f"{name} {way}: {scores[way][-1]:.1f} ({len(train)} learned from, {len(test)} tested on)", flush=True)
    for way, each in scores.items():
        print(f"mean over {len(each)} sets, {way}: {statistics.mean(each):.1f}")
    distinct = sorted(set(texts))
    for name, features, n in (("static", "mean@all", len(distinct)), ("minilm", "mean@-1", 400)):
        reader = Encoder.open(name, features=features)
        reader.encode(distinct[:64])
        rates, used = [], []
        for _ in range(3):
            started, before = time.perf_counter(), time.process_time()
            reader.encode(distinct[:n])
            rates.append(n / (time.perf_counter() - started))
            used.append(n / (time.process_time() - before))
        print(
            f"{name}: {statistics.median(rates):,.0f} texts a second ({min(rates):,.0f} to {max(rates):,.0f}, n = 3), "
            f"{statistics.median(used):,.0f} a second of processor time"
        )


if __name__ == "__main__":
    main()
