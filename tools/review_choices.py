"""Measure what `frostline review` rests on beside labels: `python tools/review_choices.py FOLDER near|outliers|pool`.

near: sentences changed in small ways, and how many are still found; outliers: sentences of another set, and rubbish,
among a set's own; pool: active learning simulated, by chance, by margin, and as `--pool` chooses. FOLDER holds the sets
as docs/decisions/0002-default-features.md says; the figures are in docs/decisions/0014-review.md.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frostline.arrays import Features, Float64Array, IntArray
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.head.search import fit_at
from frostline.review.near import FAR, check_outliers, directions, nearest
from frostline.review.repeats import word_overlap
from frostline.review.run import next_to_label, uncertainties
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets

FILES = {"sst2": "sst2/{}.tsv", "trec": "trec/{}.csv", "cr": "cr/reviews.jsonl"}
CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "upper case": lambda words: [word.upper() for word in words],
    "other punctuation": lambda words: [*words, "!"],
    "a word before": lambda words: ["well", ",", *words],
    "a link at the end": lambda words: [*words, "http", ":", "/", "/", "t", ".", "co", "/", "x1"],
    "a word dropped": lambda words: words[: len(words) // 2] + words[len(words) // 2 + 1 :],
    "a word replaced": lambda words: [*words[: len(words) // 2], "people", *words[len(words) // 2 + 1 :]],
    "the longest word mistyped": lambda words: [
        _mistyped(word) if word == max(words, key=len) else word for word in words
    ],
}
RUBBISH = (
    "asdf qwer zxcv", "http://example.org/Abc123?x=1&y=2", "ein langer deutscher satz über das wetter in hamburg",
    "这是一个句子", "<div class='a'><p>&nbsp;</p></div>", "NULL", "0000 1111 2222 3333", "!!!!!!!!!!",
    "Traceback (most recent call last): File x.py line 3", "lorem ipsum dolor sit amet", "SELECT * FROM t WHERE id = 1",
    "id;date;amount",
)  # fmt: skip
SEEDS, ROUNDS, BATCH = 6, 5, 50


def _mistyped(word: str) -> str:
    middle = len(word) // 2
    return word[: middle - 1] + word[middle : middle + 1] + word[middle - 1 : middle] + word[middle + 1 :]


def texts_of(folder: Path, name: str, part: str = "train") -> tuple[list[str], list[str]]:
    """Texts and labels of a set's part."""
    options = TableOptions(text="text", label="label") if name == "trec" else TableOptions()
    data = read_dataset(folder / FILES[name].format(part), options)
    return list(data.texts), list(data.labels)


def near(folder: Path, encoder: StoredEncoder) -> Iterator[str]:
    """How many of 200 changed sentences are found, at three cosines, with 0.6 of the words shared."""
    for name in FILES:
        texts, _ = texts_of(folder, name)
        chosen = [texts[row] for row in np.random.default_rng(0).choice(len(texts), 200, replace=False)]
        points, centre = directions(encoder.encode(texts).rows)
        own, _ = directions(encoder.encode(chosen).rows, centre=centre)
        found = nearest(points, k=5)
        for limit in (0.8, 0.85, 0.9):
            pairs = [
                row
                for row, (others, cosines) in enumerate(zip(found.rows.tolist(), found.cosines.tolist(), strict=True))
                if any(
                    cosine >= limit and word_overlap(texts[row], texts[other]) >= 0.6
                    for other, cosine in zip(others, cosines, strict=True)
                )
            ]
            yield f"{name}: rows as they are with such a neighbour, cosine {limit}: {len(pairs)} of {len(texts)}"
        for change, do in CHANGES.items():
            changed = [" ".join(do(text.split(" "))) for text in chosen]
            rows, _ = directions(encoder.encode(changed).rows, centre=centre)
            cosines = (rows * own).sum(axis=1)
            overlaps = np.array([word_overlap(a, b) for a, b in zip(chosen, changed, strict=True)])
            shares = [
                f"{100 * float(((cosines >= limit) & (overlaps >= 0.6)).mean()):.0f}" for limit in (0.8, 0.85, 0.9)
            ]
            yield f"{name}: {change}: found at cosine 0.8, 0.85, 0.9: {', '.join(shares)} % of 200"


def outliers(folder: Path, encoder: StoredEncoder) -> Iterator[str]:
    """Area under the curve, and what is flagged, of twelve strays among 2,500; five draws."""
    sets = {name: texts_of(folder, name)[0] for name in FILES} | {"rubbish": list(RUBBISH)}
    for host in FILES:
        for guest in (name for name in sets if name != host):
            results = []
            for seed in range(5):
                draw = np.random.default_rng(seed)
                texts = [
                    sets[name][row]
                    for name, count in ((host, 2500), (guest, 12))
                    for row in draw.choice(len(sets[name]), count, replace=False)
                ]
                rows = encoder.encode(texts).rows
                check = check_outliers(rows, nearest(directions(rows)[0], k=20))
                ranks = check.scores.argsort().argsort()[2500:] + 1
                area = (ranks.sum() - 12 * 13 / 2) / (12 * 2500)
                results.append((area, len(check.flagged), int((check.flagged >= 2500).sum())))
            area, flagged, hits = np.mean(results, axis=0)
            yield f"{host} + 12 of {guest}: area {area:.3f}; beyond {FAR}: {flagged:.1f} flagged, {hits:.1f} strays"


@dataclass(frozen=True)
class Taught:
    """A set to teach from and to test on."""

    rows: Features
    codes: IntArray
    held: Features
    true: IntArray

    def accuracy(self, way: str, seed: int) -> float:
        """The mean test accuracy of five rounds, each of which chooses 50 texts in one `way`."""
        draw = np.random.default_rng(seed)
        labels = tuple(range(int(self.codes.max()) + 1))
        few = [np.flatnonzero(self.codes == code)[:2] for code in labels]
        have = np.unique(np.concatenate([draw.choice(len(self.rows), 100, replace=False), *few]))
        points, _ = directions(self.rows)
        scores = []
        for _ in range(ROUNDS + 1):
            head = fit_at(self.rows[have], Targets.of_codes(self.codes[have], labels), C=0.01)
            scores.append(100 * float((head.predict(self.held) == self.true).mean()))
            rest = np.setdiff1d(np.arange(len(self.rows)), have)
            have = np.union1d(have, rest[_chosen(way, head.predict_proba(self.rows[rest]), points[rest], draw)])
        return float(np.mean(scores[1:]))


def pool(folder: Path, encoder: StoredEncoder) -> Iterator[str]:
    """Mean test accuracy over five rounds of 50, after 100 rows at first, less that of random choice."""
    for name in ("sst2", "trec"):
        texts, given = texts_of(folder, name)
        tested, truth = texts_of(folder, name, "test")
        labels = sorted(set(given))
        codes, true = (np.array([labels.index(label) for label in part]) for part in (given, truth))
        taught = Taught(encoder.encode(texts).rows, codes, encoder.encode(tested).rows, true)
        chance = np.array([taught.accuracy("random", seed) for seed in range(SEEDS)])
        for way in ("margin", "review"):
            gains = np.array([taught.accuracy(way, seed) for seed in range(SEEDS)]) - chance
            yield f"{name}: {way}: {gains.mean():+.2f} points over chance (sd {gains.std(ddof=1):.2f}, {SEEDS} seeds)"


def _chosen(way: str, shares: Float64Array, points: Features, draw: np.random.Generator) -> IntArray:
    if way == "random":
        return draw.choice(len(shares), BATCH, replace=False)
    if way == "margin":
        return np.argsort(-uncertainties(shares), kind="stable")[:BATCH]
    return next_to_label(shares, points, n=BATCH)


if __name__ == "__main__":
    measures = {"near": near, "outliers": outliers, "pool": pool}
    reader = StoredEncoder(Encoder.open(features="mean@-1"), FeatureStore.open())
    for measure in sys.argv[2:] or measures:
        for line in measures[measure](Path(sys.argv[1]), reader):
            print(line, flush=True)
