"""Hold learning curves' forecasts to what came of them: `python tools/check_outlook.py FOLDER [SET ...] [--seeds N]`.

The rows of a pool are put in a random order. Heads learn from the first 64, 128, … 1,024; the curve of each, tested on
a few other rows, foretells what twice and four times as many bring, and the heads of those, searched as every head is,
show what they do bring: on up to 4,000 rows of the pool (20,000 of a made one) that took part in nothing. So the truth
has an error of its own, of some tenths of a point; a forecast is counted as it is, and again with that error allowed
for. Test rows are a third as many as those learned from (as `train` holds out), a file of 1,000, or all in turn.
Pools are the sets of FOLDER and made ones (docs/decisions/0027-forecasts.md); SET names some of them.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray
from frostline.data import split
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.evaluate.curve_points import Trial, Whole, given_by, learning_curve, proportional_order
from frostline.evaluate.learning_curve import LearningCurve
from frostline.head.linear import LinearHead
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets

FILES = {
    "sst2": ("sst2/train.tsv", "sst2/dev.tsv", "sst2/test.tsv"),
    "trec": ("trec/train.csv", "trec/test.csv"),
    "sst5": ("sst5/train.tsv", "sst5/dev.tsv", "sst5/test.tsv"),
    "cr": ("cr/reviews.jsonl",),
    "goemotions": ("goemotions/dev.tsv", "goemotions/test.tsv"),
}
OPTIONS = {
    "trec": TableOptions(text="text", label="label"),
    "goemotions": TableOptions(labels_separator=",", header=False, text=1, label=2),
}
MADE = ("noise", "plain", "easy", "clumps", "coin", "many", "several")
SIZES = (64, 128, 256, 512, 1024)
LAST = 384  # columns of the last layer, read off the default features
MANY_COLUMNS = 1000  # times regressions, from which on a search of 4,096 rows would take most of the time
COMMONEST = 6  # labels of GoEmotions that are kept
SEARCH = SearchOptions(threads=1)


@dataclass(frozen=True)
class Pool:
    """Rows of one source."""

    name: str
    rows: Features
    targets: Targets


@dataclass(frozen=True)
class Forecast:
    """What was foretold, and what came."""

    pool: str
    tested: str
    n_rows: int
    times: int
    interval: tuple[float, float] | None  # None: nothing was foretold
    came: float
    error: float  # Standard error of what came

    def holds(self, *, allow: float = 0.0) -> bool:
        """Whether it came true; with `allow`, the interval is first widened by so many errors of the truth."""
        if self.interval is None:
            raise ValueError("Nothing was foretold.")
        middle, half = sum(self.interval) / 2, (self.interval[1] - self.interval[0]) / 2
        return abs(self.came - middle) <= math.hypot(half, allow * self.error)


def public_pool(folder: Path, name: str, *, last: bool) -> Pool:
    """All rows of a set, with the default features or those of the last layer."""
    parts = [read_labelled(folder / file, OPTIONS.get(name, TableOptions())) for file in FILES[name]]
    texts = [text for part in parts for text in part.texts]
    rows = StoredEncoder(Encoder.open(features=DEFAULT_FEATURES), FeatureStore.open()).encode(texts).rows
    labels = sorted({label for part in parts for label in part.targets.labels}, key=str)
    members = np.concatenate([part.targets_over(labels).members for part in parts])
    kept = np.sort(np.argsort(-members.sum(axis=0), kind="stable")[:COMMONEST])
    targets = Targets(tuple(labels[place] for place in kept), members[:, kept], parts[0].targets.exclusive)
    return Pool(name, np.ascontiguousarray(rows[:, -LAST:]) if last else rows, targets)


def made_pool(name: str, random: np.random.RandomState, *, n: int = 25_000) -> Pool:
    """Rows about centres of labels, in columns of unequal variance, with some labels drawn by a coin."""
    n_labels = {"many": 8, "several": 5}.get(name, int(random.choice([2, 2, 3, 5])))
    n_columns = int(random.choice([30, 100, 300]))
    clumps = 12 if name == "clumps" else 1
    scale = {"easy": 2.5, "clumps": 2.0}.get(name, 1.0) * random.uniform(0.8, 1.6)
    widths = np.arange(1, n_columns + 1) ** -random.uniform(0.0, 0.5)
    if name == "several":
        base = random.normal(size=(n, n_columns))
        decisions = base @ (random.normal(size=(n_columns, n_labels)) * scale / np.sqrt(n_columns) * 2)
        decisions += random.normal(size=decisions.shape) * 0.5
        members = decisions > decisions.std(axis=0) * random.uniform(0.2, 1.3, size=n_labels)
        return Pool(name, (base * widths).astype(np.float32), Targets(tuple("abcde"), members, exclusive=False))
    codes = random.randint(0, n_labels, n)
    centres = random.normal(size=(n_labels, clumps, n_columns)) * scale * 2 / np.sqrt(n_columns)
    rows = (centres[codes, random.randint(0, clumps, n)] + random.normal(size=(n, n_columns))) * widths
    drawn = {"noise": random.uniform(0.1, 0.4), "coin": 1.0}.get(name, 0.0)
    codes = np.where(random.rand(n) < drawn, random.randint(0, n_labels, n), codes)
    return Pool(name, rows.astype(np.float32), Targets.of_codes(codes, range(n_labels)))


def right(head: LinearHead, rows: Features, targets: Targets) -> BoolArray:
    """Whether each row gets just the labels that it has."""
    return np.asarray((given_by(head, rows) == targets.members).all(axis=1))


def searched(pool: Pool, learned: IntArray) -> LinearHead:
    """The head that a training on these rows would save."""
    targets = pool.targets.take(learned)
    options = replace(SEARCH, n_folds=split.possible_folds(SEARCH.n_folds, targets))
    return search(pool.rows[learned], targets, options=options).head


def curve_on(pool: Pool, head: LinearHead, learned: IntArray, tested: IntArray) -> LearningCurve:
    """The curve of some rows, tested on others."""
    targets = pool.targets.take(tested)
    return learning_curve(
        pool.rows[learned],
        pool.targets.take(learned),
        trials=[Trial(np.arange(len(learned)), pool.rows[tested], targets)],
        whole=Whole(favoured=given_by(head, pool.rows[tested]), C=1.0, fitted_accuracy=1.0),
        options=SEARCH,
    )


def curve_in_turn(pool: Pool, learned: IntArray) -> LearningCurve:
    """The curve of some rows, each tested by heads that did not learn from its fold."""
    rows, targets = pool.rows[learned], pool.targets.take(learned)
    fold_of = split.folds(targets, n_folds=split.possible_folds(5, targets), seed=0)
    trials, favoured = [], []
    for fold in range(int(fold_of.max()) + 1):
        held = np.flatnonzero(fold_of == fold)
        trials.append(Trial(np.flatnonzero(fold_of != fold), rows[held], targets.take(held)))
        favoured.append(given_by(searched(pool, learned[fold_of != fold]), rows[held]))
    whole = Whole(favoured=np.concatenate(favoured), C=1.0, fitted_accuracy=1.0)
    return learning_curve(rows, targets, trials=trials, whole=whole, options=SEARCH)


def forecasts_of(pool: Pool, *, seed: int) -> Iterator[Forecast]:
    """Every size's forecasts."""
    random = np.random.RandomState(seed)
    order = random.permutation(len(pool.rows))
    if len(pool.targets.groups()) == 1:
        order = order[proportional_order(pool.targets.take(order), seed=seed)]
    largest = SIZES[2] if pool.rows.shape[1] * len(pool.targets.groups()) > MANY_COLUMNS else SIZES[-1]
    furthest = 4 * max(size for size in SIZES if size <= largest and 4 * size <= 0.45 * len(order))
    others = random.permutation(order[furthest:])
    tested, truth = others[:1000], others[1000:21_000]
    sizes = [size for size in (*SIZES, 2 * SIZES[-1], 4 * SIZES[-1]) if size <= furthest]
    heads = {size: searched(pool, order[:size]) for size in sizes}
    came = {size: right(head, pool.rows[truth], pool.targets.take(truth)).astype(int) for size, head in heads.items()}
    for size in sizes[:-2]:
        learned = order[:size]
        is_file = (seed + SIZES.index(size)) % 2 == 1
        way, own = ("file", tested) if is_file else ("held back", tested[: size // 3])
        curves = {way: curve_on(pool, heads[size], learned, own)}
        rarest = min(pool.targets.take(learned).counts().values())
        if size <= SIZES[2] and (rarest > 2 or len(pool.targets.groups()) > 1):
            curves["in turn"] = curve_in_turn(pool, learned)
        for way, curve in curves.items():
            for place, times in enumerate((2, 4)):
                apart = came[times * size] - came[size]
                gains = () if curve.outlook is None else curve.outlook.gains
                interval = gains[place].interval if place < len(gains) else None
                error = float(apart.std()) / np.sqrt(len(truth))
                yield Forecast(pool.name, way, size, times, interval, float(apart.mean()), error)


def pools_of(folder: Path, names: Sequence[str], seed: int) -> Iterator[Pool]:
    """Each pool once for a seed."""
    for name in names:
        if name in FILES:
            yield public_pool(folder, name, last=bool(seed % 2))
        else:
            yield made_pool(name, np.random.RandomState([seed, MADE.index(name)]))


def show(forecasts: Sequence[Forecast], called: str) -> None:
    """One line: how many held, and how wide they were."""
    for times in (2, 4):
        every = [one for one in forecasts if one.times == times]
        made = [one for one in every if one.interval is not None]
        if not made:
            print(f"{called:24} x{times}: nothing foretold, {len(every)} times")
            continue
        held, allowed = (np.mean([one.holds(allow=allow) for one in made]) for allow in (0.0, 1.96))
        widths: Float64Array = np.array([one.interval[1] - one.interval[0] for one in made if one.interval])
        print(
            f"{called:24} x{times}: {held:6.1%} held ({allowed:.1%} with the truth's error), n = {len(made)} of "
            f"{len(every)}, width {100 * widths.mean():.1f} points (median {100 * np.median(widths):.1f})"
        )


def main() -> None:
    """Measure, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    asked = parser.parse_args()
    names = asked.sets or [*FILES, *MADE]
    forecasts: list[Forecast] = []
    for seed in range(asked.first, asked.first + asked.seeds):
        for pool in pools_of(asked.folder, names, seed):
            forecasts += forecasts_of(pool, seed=seed)
            print(f"{pool.name}, seed {seed}: {len(forecasts)} forecasts", file=sys.stderr)
    for name in names:
        show([one for one in forecasts if one.pool == name], name)
    for way in ("held back", "file", "in turn"):
        show([one for one in forecasts if one.tested == way], way)
    for size in SIZES:
        show([one for one in forecasts if one.n_rows == size], f"{size} rows")
    show([one for one in forecasts if one.pool in FILES], "public")
    show([one for one in forecasts if one.pool in MADE], "made")
    show(forecasts, "all")


if __name__ == "__main__":
    main()
