"""The static tier beside words and the encoder it was distilled from: `python tools/static_figures.py FOLDER`.

FOLDER has sets as sub-folders with train.* and test.*, or one file alone, of which every fourth row is tested on. Of
each the first 2,000 rows are learned from and the first 2,000 of the others tested on, by `SentenceClassifier` with a
searched C. Then texts read in a second, on all cores: every distinct text of the sets, three times, nothing kept.
With `--model2vec MODEL` (what model2vec's own `distill` made of the same encoder, saved; the package must be there)
that stands beside it.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from frostline.arrays import Progress
from frostline.classifier import SentenceClassifier
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import EncoderIdentity, Reading

WAYS = (
    ("words", "minilm", "words"),
    ("static", "static", "mean@all"),
    ("static+words", "static", "mean@all+words"),
    ("minilm", "minilm", "mean@all"),
)
ROWS = 2000


class Model2Vec:
    """model2vec's own vectors, as an encoder."""

    blocks = FeatureSpec.parse("mean@0").blocks(0)
    identity = EncoderIdentity(
        name="model2vec",
        revision=None,
        family="model2vec",
        weights_sha256="0" * 64,
        tokenizer_sha256="0" * 64,
        config_sha256="0" * 64,
        max_length=512,
        precision="float32",
        graph_version=1,
    )

    def __init__(self, folder: Path, features: str = "mean@0") -> None:
        from model2vec import StaticModel  # noqa: PLC0415 - where it is asked for

        self.model = StaticModel.from_pretrained(str(folder))
        self.hidden_size = int(self.model.dim)
        self.spec = FeatureSpec.parse(features)

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:  # noqa: ARG002
        """Its own encode, of at most 512 pieces, as it comes."""
        rows = np.asarray(self.model.encode(list(texts)), np.float32).reshape(len(texts), -1)
        nothing = np.zeros(len(texts), np.int32)
        return Reading(rows=rows, pieces=nothing, cut=nothing.astype(bool), n_read=len(texts))


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
    parser.add_argument("--model2vec", type=Path)
    asked = parser.parse_args()
    ways: list[tuple[str, Any, str | None]] = list(WAYS)
    if asked.model2vec is not None:
        ways += [
            ("model2vec", Model2Vec(asked.model2vec), None),
            ("model2vec+words", Model2Vec(asked.model2vec, "mean@0+words"), None),
        ]
    scores: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    texts: list[str] = []
    for name in asked.sets.split(","):
        train, test = parts(asked.folder / name)
        texts += [str(text) for text in (*train.texts, *test.texts)]
        for way, encoder, features in ways:
            classifier = SentenceClassifier(encoder=encoder, features=features)
            classifier.fit([str(text) for text in train.texts], list(train.labels))
            scores[way].append(100 * classifier.score([str(text) for text in test.texts], list(test.labels)))
            print(f"{name} {way}: {scores[way][-1]:.1f} ({len(train)} learned from, {len(test)} tested on)", flush=True)
    for way, each in scores.items():
        print(f"mean over {len(each)} sets, {way}: {statistics.mean(each):.1f}")
    distinct = sorted(set(texts))
    readers: list[tuple[str, Any, int]] = [
        ("static", Encoder.open("static", features="mean@all"), len(distinct)),
        ("minilm", Encoder.open("minilm", features="mean@-1"), 400),
    ]
    readers += [] if asked.model2vec is None else [("model2vec", Model2Vec(asked.model2vec), len(distinct))]
    for name, reader, n in readers:
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
