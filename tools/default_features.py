"""Check the default features on rows that chose nothing: `python tools/default_features.py FOLDER [SET ...]`.

Beside them: what `train` takes where nobody names features (`default`: they, they with words, or words alone, by the
folds), the words' baseline and the nearest centroid of its report, `mean@all+words`, what `auto` chooses on the rows
learned from, and sentence-transformers' way, the normalised mean of the last layer under scikit-learn's
LogisticRegression() as it comes.
FOLDER holds sst2/, trec/, sst5/ and cr/ (docs/decisions/0002-default-features.md says which files). `--rows N` learns
from N rows drawn at random, label by label, five times over, without `auto`. `--no-auto` leaves that out with all rows
too. `--among A;B;...` lets `auto` sweep these alone: a whole sweep of six labels takes minutes. `--default-alone` has
the default, its report's baselines and sentence-transformers' way, no more.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from frostline.arrays import BoolArray, IntArray
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.split import stratified_folds, stratified_holdout
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.encoder.words import with_words
from frostline.evaluate.baselines import CENTROID, WORDS, Part, from_words, nearest_centroid
from frostline.evaluate.intervals import wilson
from frostline.evaluate.paired import paired_difference
from frostline.head.options import SearchOptions
from frostline.head.parts import search
from frostline.store import FeatureStore, StoredEncoder
from frostline.sweep import SWEEP_FEATURES, SweepOptions, sweep
from frostline.targets import Targets

FILES = {
    "sst2": ("sst2/train.tsv", "sst2/test.tsv"),
    "trec": ("trec/train.csv", "trec/test.csv"),
    "sst5": ("sst5/train.tsv", "sst5/test.tsv"),
    "cr": ("cr/reviews.jsonl", None),
}
WORDED = f"{DEFAULT_FEATURES.removesuffix('+words')}+words"
THEIRS = "sentence-transformers' way"
REPEATS = 5


@dataclass(frozen=True)
class Rows:
    """A set, and codes; each split is (learned from, tested on)."""

    data: Dataset
    codes: IntArray
    splits: tuple[tuple[IntArray, IntArray], ...]


def reader(features: str) -> StoredEncoder:
    """Reads no sentence twice."""
    return StoredEncoder(Encoder.open(features=features), FeatureStore.open())


def rows_of(folder: Path, name: str, n_rows: int | None) -> Rows:
    """Read a set; where it has no test part, five folds are tested on in turn."""
    train, test = FILES[name]
    options = TableOptions(text="text", label="label") if name == "trec" else TableOptions()
    parts = [read_dataset(folder / file, options) for file in (train, test) if file]
    texts = [text for part in parts for text in part.texts]
    given = [label for part in parts for label in part.labels]
    labels = sorted(set(parts[0].labels))
    codes = np.array([labels.index(label) for label in given])
    data = replace(
        parts[0], texts=tuple(texts), targets=Targets.of_labels(given), lines=tuple(range(1, len(texts) + 1))
    )
    every, n = np.arange(len(texts)), len(parts[0])
    splits = [(every[:n], every[n:])]
    if not test:
        folds = stratified_folds(codes, n_folds=5, seed=0)
        splits = [(every[folds != fold], every[folds == fold]) for fold in range(5)]
    if n_rows is not None:
        learned, tested = splits[0]
        few = [
            stratified_holdout(codes[learned], test_fraction=n_rows / len(learned), seed=seed)[1]
            for seed in range(REPEATS)
        ]
        splits = [(learned[own], tested) for own in few]
    return Rows(data, codes, tuple(splits))


def right(
    rows: Rows, features: str, learned: IntArray, tested: IntArray, *, choose: bool = False
) -> tuple[BoolArray, str]:
    """Which tested rows a head of these features labels rightly, or of the part chosen; and what was kept."""
    train, test = rows.data.take(learned), rows.data.take(tested)
    encoder = with_words(reader(features), train.texts, tried=choose)
    targets, began = targets_of(rows, learned), time.process_time()
    found, parts = search(encoder.encode(train.texts).for_head, targets, options=SearchOptions(choose_parts=choose))
    print(f"  {features}{' or words' * choose}: {time.process_time() - began:.1f} CPU s", file=sys.stderr, flush=True)
    given = found.head.predict(encoder.encode(test.texts).for_head)
    return np.asarray(given == rows.codes[tested]), "features" if parts is None else parts.kept


def targets_of(rows: Rows, chosen: IntArray) -> Targets:
    """The labels of some rows."""
    return Targets.of_codes(rows.codes[chosen], tuple(range(int(rows.codes.max()) + 1)))


def right_of_baselines(rows: Rows, learned: IntArray, tested: IntArray) -> dict[str, BoolArray]:
    """Which tested rows the baselines of a report label rightly, but the majority."""
    encoder = reader(DEFAULT_FEATURES)
    parts = []
    for chosen in (learned, tested):
        texts = rows.data.take(chosen).texts
        parts.append(Part(texts, encoder.encode(texts).rows, targets_of(rows, chosen)))
    guesses = {WORDS: from_words(parts[0], parts[1], 0), CENTROID: nearest_centroid(parts[0], parts[1], 0)}
    return {
        name: guess.favoured.argmax(axis=1) == rows.codes[tested]
        for name, guess in guesses.items()
        if guess is not None
    }


def right_theirs(rows: Rows, learned: IntArray, tested: IntArray) -> BoolArray:
    """The same, sentence-transformers' way."""
    last = reader("mean@-1").encode(rows.data.texts).rows
    last = last / np.linalg.norm(last, axis=1, keepdims=True)
    plain = LogisticRegression(max_iter=1000).fit(last[learned], rows.codes[learned])
    return np.asarray(plain.predict(last[tested]) == rows.codes[tested])


def chosen(rows: Rows, learned: IntArray, among: tuple[str, ...] | None) -> str:
    """What `auto` takes."""
    found = sweep(rows.data.take(learned), reader(SWEEP_FEATURES), options=SweepOptions(among=among))
    for trial in found.trials:
        print(
            f"  {trial.candidate.features}: {100 * trial.score.value:.2f} cross-validated, "
            f"{100 * trial.behind.value:+.2f} ± {100 * trial.behind.std_error:.2f}, C = {trial.chosen_C}",
            file=sys.stderr,
            flush=True,
        )
    return found.winner.candidate.features


def found(
    rows: Rows, *, named: tuple[str, ...], with_auto: bool, among: tuple[str, ...] | None
) -> Iterator[tuple[dict[str, BoolArray], str]]:
    """For each split, which tested rows each way labels rightly, those `named` too, and what `auto` took."""
    for learned, tested in rows.splits:
        default, kept = right(rows, DEFAULT_FEATURES, learned, tested, choose=True)
        ways = {"default": default, **right_of_baselines(rows, learned, tested)}
        ways |= {features: right(rows, features, learned, tested)[0] for features in named}
        took = chosen(rows, learned, among) if with_auto else ""
        if took:
            ways["auto"] = ways[took] if took in ways else right(rows, took, learned, tested)[0]
        yield {**ways, THEIRS: right_theirs(rows, learned, tested)}, f"{kept}{took and f', auto: {took}'}"


def lead(first: BoolArray, second: BoolArray) -> str:
    """The lead of one way over another on the same rows, in points."""
    found = paired_difference(first.astype(np.int64), second.astype(np.int64), np.ones(len(first), np.int64), lots=None)
    return f"{100 * found.value:+.2f} ({100 * found.interval[0]:+.1f} to {100 * found.interval[1]:+.1f})"


def line(name: str, ways: dict[str, BoolArray]) -> str:
    """One row of the table: each way's accuracy, then the lead of the default over each."""
    cells = []
    for own in ways.values():
        low, high = wilson(int(own.sum()), len(own))
        cells.append(f"{100 * own.mean():.2f} ({100 * low:.1f} to {100 * high:.1f})")
    cells += [lead(ways["default"], own) for way, own in ways.items() if way != "default"]
    return f"| {name} | {len(ways[THEIRS]):,} | " + " | ".join(cells) + " |"


def few_line(name: str, splits: list[dict[str, BoolArray]]) -> str:
    """One row of the table for few rows: the mean over the draws, and its standard error; then the default's leads."""
    of = {way: np.array([100 * split[way].mean() for split in splits]) for way in splits[0]}
    leads = [of["default"] - own for way, own in of.items() if way != "default"]
    cells = [
        f"{each.mean():{sign}.2f} ± {each.std(ddof=1) / np.sqrt(len(each)):.2f}"
        for sign, figures in (("", of.values()), ("+", leads))
        for each in figures
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(FILES)}; all unless named")
    parser.add_argument("--rows", type=int, help="learn from so many rows, five times over")
    parser.add_argument("--no-auto", action="store_true", help="without what auto takes")
    parser.add_argument("--among", type=lambda given: tuple(given.split(";")), help="features that auto sweeps")
    parser.add_argument("--default-alone", action="store_true", help="without mean@all, mean@all+words and auto")
    asked = parser.parse_args()
    named = () if asked.default_alone else (DEFAULT_FEATURES, WORDED)
    leads: dict[str, list[float]] = {}
    for turn, name in enumerate(asked.sets or FILES):
        with_auto = not (asked.rows or asked.no_auto or asked.default_alone)
        rows = rows_of(asked.folder, name, asked.rows)
        splits = list(found(rows, named=named, with_auto=with_auto, among=asked.among))
        each = [ways for ways, _ in splits]
        if not turn:
            names = [*each[0], *(f"lead over {way}" for way in each[0] if way != "default")]
            print("| set | n tested | " if asked.rows is None else "| set | ", " | ".join(names), "|", flush=True)
        if asked.rows is not None:
            print(few_line(name, each), " kept:", ", ".join(took for _, took in splits), flush=True)
            continue
        ways = {way: np.concatenate([split[way] for split in each]) for way in each[0]}
        print(line(name, ways), " kept:", ", ".join(took for _, took in splits), flush=True)
        for way, own in ways.items():
            leads.setdefault(way, []).append(100 * (own.mean() - ways[THEIRS].mean()))
    for way, points in leads.items():
        if way != THEIRS:
            said = f"{np.mean(points):+.2f} points, the least {min(points):+.2f}"
            print(f"mean lead of {way} over {len(points)} sets: {said}")


if __name__ == "__main__":
    main()
