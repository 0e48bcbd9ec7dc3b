"""How often 95 % intervals hold 50 %, where labels were drawn by a coin and every row stands there two to five times.

    python tools/coin_labels.py [--draws 100] [--texts 100] [--encoder minilm] [--auto]

Nothing can be learned from a coin: on new texts every classifier is right half of the time. Copies on both sides of a
split, or counted as independent rows, would show more, or be surer of it. Each draw makes texts of their own words,
spells their copies in capitals or with other punctuation, and asks every way of testing: a hold-out, nested
cross-validation, a test file that shares half of its texts with the training file, and comparisons (out of fold). By
default an encoder that costs nothing reads: each word a pseudo-random vector.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frostline.arrays import Progress
from frostline.data.dataset import Dataset, Source
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import Block, FeatureSpec
from frostline.encoder.reading import EncoderIdentity, Reading, SentenceEncoder
from frostline.evaluate.intervals import Interval
from frostline.head.options import SearchOptions
from frostline.sweep import SWEEP_FEATURES, SweepOptions, sweep
from frostline.sweep.compare import Contestant, compare
from frostline.targets import Targets
from frostline.training import TrainingOptions, train
from frostline.training.choosing import choice_in_turn, choose_features

SEARCH = SearchOptions(Cs=(0.01, 1.0), n_folds=5, threads=1)
SPELLINGS: tuple[Callable[[str], str], ...] = (str, str.upper, lambda text: f"{text} !", lambda text: f'"{text}"', str)


@dataclass(eq=False)
class WordVectors:
    """A `SentenceEncoder` whose rows are sums of one pseudo-random vector per word, whatever its case."""

    features: str = SWEEP_FEATURES
    hidden_size: int = 64

    identity = EncoderIdentity(
        name="words",
        revision=None,
        family="bert",
        weights_sha256="0" * 64,
        tokenizer_sha256="0" * 64,
        config_sha256="0" * 64,
        max_length=128,
        precision="float32",
        graph_version=1,
    )

    @property
    def spec(self) -> FeatureSpec:
        """The features."""
        return FeatureSpec.parse(self.features)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Of two layers."""
        return self.spec.blocks(1)

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        """Sums of vectors."""
        del progress
        rows = np.array([[self._sum(block, text) for block in self.blocks] for text in texts], np.float32)
        pieces = np.array([len(text.split()) + 2 for text in texts], np.int32)
        return Reading(
            rows=rows.reshape(len(texts), -1), pieces=pieces, cut=pieces > self.identity.max_length, n_read=0
        )

    def _sum(self, block: Block, text: str) -> np.ndarray:
        words = "".join(letter for letter in text.casefold() if letter.isalnum() or letter == " ").split()
        noise = [hashlib.shake_256(f"{block} {word}".encode()).digest(self.hidden_size) for word in words]
        vectors = np.frombuffer(b"".join(noise), np.uint8).reshape(-1, self.hidden_size).astype(np.float64)
        summed: np.ndarray = vectors.sum(axis=0)
        return summed


def coins(n: int, *, seed: int, most: int) -> Dataset:
    """`n` texts with drawn labels, each standing there two to `most` times in some spelling; or once."""
    random = np.random.RandomState(seed)
    texts, labels = [], []
    for text in range(n):
        words = " ".join(f"w{number}" for number in random.randint(5000, size=4))
        coin = "heads" if random.rand() < 0.5 else "tails"
        for copy in range(random.randint(min(2, most), most + 1)):
            texts.append(SPELLINGS[copy](f"t{seed}x{text} {words}"))
            labels.append(coin)
    order = random.permutation(len(texts))
    source = Source(name="coins", sha256="0" * 64, size_bytes=1, text_column="text", label_column="label")
    return Dataset(
        texts=[texts[row] for row in order],
        targets=Targets.of_labels([labels[row] for row in order]),
        lines=range(1, len(texts) + 1),
        source=source,
    )


def shared(learned: Dataset, fresh: Dataset) -> Dataset:
    """A test file: the fresh rows, and as many of those learned from."""
    some = learned.take(np.arange(min(len(learned), len(fresh))))
    return replace(
        fresh,
        texts=[*fresh.texts, *some.texts],
        targets=Targets.of_labels([*fresh.labels, *some.labels]),
        lines=range(1, len(fresh) + len(some) + 1),
    )


def one_draw(
    seed: int, n: int, opened: Callable[[str], SentenceEncoder], ways: argparse.Namespace
) -> dict[str, tuple[float, Interval]]:
    """Each way's accuracy and interval."""
    data, plain = coins(n, seed=seed, most=ways.most), opened("mean@-1")
    told: dict[str, tuple[float, Interval]] = {}

    def note(way: str, accuracy: object) -> None:
        told[way] = accuracy.value, accuracy.interval  # type: ignore[attr-defined]

    how = TrainingOptions(search=replace(SEARCH, seed=seed))
    if not ways.nested_only:
        note("hold-out", tested(train(data, plain, options=how)))
    trained = train(data, plain, options=replace(how, nested=True))
    note("nested", tested(trained))
    if ways.nested_only:
        return told
    mixed = shared(data, coins(n // 2, seed=10_000 + seed, most=ways.most))
    note("--test, half of it learned from", tested(train(data, plain, test=mixed, options=how)))
    entered = [
        Contestant(name="one", features=spec, kept=opened("cls@-1+mean@-1"), fresh=opened(spec), size_bytes=1)
        for spec in ("cls@-1", "mean@-1")
    ]
    compared = compare(data, entered, search=how.search)
    told["compare: the second's score"] = compared.standings[-1].score.value, compared.standings[-1].score.interval
    words = next(one for one in trained.record.baselines if one.name.startswith("TF-IDF"))
    note("nested: the words' baseline", words.scores["accuracy"])
    wide, among = opened(SWEEP_FEATURES), ("cls@-1", "mean@-1")
    swept = sweep(data, wide, test=mixed, options=SweepOptions(search=how.search, among=among))
    if swept.test is not None:
        note("sweep: its test", swept.test.evaluation.accuracy)
    if not ways.auto:
        return told
    nested = replace(how, nested=True)
    chosen = choose_features(data, wide, options=nested)
    made = train(
        data,
        opened(chosen.winner.candidate.features),
        options=nested,
        swept=chosen,
        choose=choice_in_turn(data, wide, options=nested),
    )
    note("--features auto --nested", tested(made))
    return told


def tested(training: object) -> object:
    """The accuracy of the test."""
    return training.record.test.accuracy  # type: ignore[attr-defined]


def main() -> None:
    """Print a table: of each way how many intervals hold a half, how wide they are, and the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--encoder", help="Another than the one that costs nothing.")
    parser.add_argument("--auto", action="store_true", help="Also features chosen in every outer fold, which is dear.")
    parser.add_argument("--nested-only", action="store_true")
    parser.add_argument("--first", type=int, default=0, help="The first draw's seed.")
    parser.add_argument("--most", type=int, default=5, help="Copies of a text; 1: each stands there once, to compare.")
    given = parser.parse_args()

    def opened(features: str) -> SentenceEncoder:
        return WordVectors(features) if given.encoder is None else Encoder.open(given.encoder, features=features)

    found: dict[str, list[tuple[float, Interval]]] = {}
    for seed in range(given.first, given.first + given.draws):
        for way, figure in one_draw(seed, given.texts, opened, given).items():
            found.setdefault(way, []).append(figure)
        sys.stderr.write(f"\r{seed + 1 - given.first} of {given.draws}")
    sys.stderr.write("\n")
    many = f"{given.draws} draws of {given.texts} texts, up to {given.most} times each"
    print(f"| way ({many}) | hold 50 % | width | accuracy |")
    print("|---|---|---|---|")
    for way, figures in found.items():
        holds = sum(low <= 0.5 <= high for _, (low, high) in figures)
        width = 100 * float(np.mean([high - low for _, (low, high) in figures]))
        right = 100 * np.array([value for value, _ in figures])
        print(f"| {way} | {holds} | {width:.1f} points | {right.mean():.1f} % ± {right.std():.1f} |")


if __name__ == "__main__":
    main()
