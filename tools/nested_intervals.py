"""How often the 95 % interval of rows tested in turn holds the accuracy of such heads on new texts.

    python tools/nested_intervals.py [--draws 40] [--rows 300] [FOLDER]

Without a FOLDER rows are made: two labels, drawn by a coin or by one direction of normal rows; the truth is known
exactly, and no C is searched (the head's own is fixed), so that thousands of heads take seconds. With one (as
tools/nested_estimate.py wants it) draws of so many rows of SST-2 and TREC are tested in turn by the default way of
`train --nested --features mean@-1`, and the truth is what the folds' heads score on all other rows. Told is how many
intervals hold it: those of as many independent rows, and those allowing for heads tested in turn.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from frostline.arrays import Float64Array
from frostline.data import split
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.evaluate.intervals import Estimate, wilson
from frostline.evaluate.nested import allowing_for_heads
from frostline.head.fitted import PLAIN_ANSWERS, fit
from frostline.head.options import SearchOptions
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets

FILES = {"sst2": "sst2/train.tsv", "trec": "trec/train.csv"}
LEAST_SHARE = 0.02  # of a label's rows: of a rarer one 300 rows hold too few to search in every fold
KINDS = [(60, 16, 1.0), (60, 64, 30.0), (200, 16, 1.0), (200, 64, 30.0), (1000, 32, 1.0)]  # rows, columns, penalty


def made(kind: tuple[int, int, float], *, folds: int, signal: float, seed: int) -> tuple[float, float]:
    """Accuracy in turn, and the mean true accuracy of the folds' heads; `signal` 0 is a coin."""
    n, n_columns, penalty = kind
    random = np.random.RandomState(seed)
    rows = np.column_stack([random.randn(n, n_columns), np.ones(n)])
    is_heads = signal * rows[:, 0] + random.randn(n) > 0
    fold_of = split.stratified_folds(is_heads.astype(np.int64), n_folds=folds, seed=seed)
    right, true = np.zeros(n, bool), []
    for fold in range(folds):
        held = fold_of == fold
        weights = logistic(rows[~held], is_heads[~held], penalty)
        right[held] = (rows[held] @ weights > 0) == is_heads[held]
        true.append(true_accuracy(weights, signal))
    return float(right.mean()), float(np.mean(true))


def logistic(rows: Float64Array, has: np.ndarray, penalty: float) -> Float64Array:
    """Six Newton steps; the last column is the intercept, which pays no penalty."""
    weights, each = np.zeros(rows.shape[1]), np.full(rows.shape[1], penalty)
    each[-1] = 1e-6
    for _ in range(6):
        shares = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        gradient = rows.T @ (shares - has) + each * weights
        curvature = (rows.T * np.maximum(shares * (1 - shares), 1e-6)) @ rows + np.diag(each)
        weights -= np.linalg.solve(curvature, gradient)
    return weights


def true_accuracy(weights: Float64Array, signal: float) -> float:
    """On unlimited new rows: the margin and what draws the label are normal together."""
    from scipy.special import ndtr  # noqa: PLC0415 - as in the package

    size = float(np.linalg.norm(weights[:-1]))
    related = weights[0] / size * signal / math.hypot(signal, 1)
    margins = np.linspace(-6, 6, 801)
    density = np.exp(-(margins**2) / 2)
    heads = ndtr(related * margins / math.sqrt(1 - related**2))
    answers = np.where(margins + weights[-1] / size > 0, heads, 1 - heads)
    return float(answers @ density / density.sum())


def drawn(folder: Path, name: str, n_rows: int, draws: int) -> Iterator[tuple[float, float]]:
    """The same of rows of a set; what isn't drawn is new."""
    columns = TableOptions(text="text", label="label") if name == "trec" else TableOptions()
    data = read_dataset(folder / FILES[name], columns)
    data = data.take(np.flatnonzero(data.targets.members.mean(axis=0)[data.targets.codes] > LEAST_SHARE))
    every = Targets.of_labels(list(data.labels))
    rows = StoredEncoder(Encoder.open(features="mean@-1"), FeatureStore.open()).encode(data.texts).for_head
    for seed in range(draws):
        some = np.random.RandomState(seed).permutation(len(data))
        own, new = np.sort(some[:n_rows]), some[n_rows:]
        targets = every.take(own)
        fold_of = split.folds(targets, n_folds=5, seed=seed)
        right, true = np.zeros(n_rows, bool), []
        for fold in range(5):
            held = fold_of == fold
            learned = targets.take(~held)
            search = SearchOptions(n_folds=split.possible_folds(5, learned), seed=seed)
            head = fit(rows[own[~held]], learned, search=search, answers=PLAIN_ANSWERS, unmet="nearest").search.head
            right[held] = head.predict_proba(rows[own[held]]).argmax(axis=1) == targets.codes[held]
            true.append(float((head.predict_proba(rows[new]).argmax(axis=1) == every.codes[new]).mean()))
        yield float(right.mean()), float(np.mean(true))


def told(name: str, n: int, pairs: Sequence[tuple[float, float]]) -> str:
    """A line of the table: how the two compare, and how many intervals hold the truth."""
    found, true = np.array(pairs).T
    ratio = float(((found - true) ** 2).sum() / (true * (1 - true) / n).sum())
    alone = [Estimate(share, wilson(share * n, n), n, "") for share, _ in pairs]
    holds = []
    for estimates in (alone, allowing_for_heads(tuple(alone))):
        inside = [one.interval[0] <= truth <= one.interval[1] for one, truth in zip(estimates, true, strict=True)]
        holds.append(f"{100 * np.mean(inside):.1f} %")
    shares = f"{100 * found.mean():.1f} | {100 * true.mean():.1f}"
    return f"| {name} | {len(pairs)} | {shares} | {ratio:.2f} | {' | '.join(holds)} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="Holds sst2/ and trec/.")
    parser.add_argument("--set", choices=sorted(FILES), action="append", help="Of the sets only this.")
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--rows", type=int, default=300)
    given = parser.parse_args()
    print("| rows | draws | in turn, % | true, % | variance / rows' | rows' interval holds | in turn |")
    print("|---|---|---|---|---|---|---|")
    if given.folder is not None:
        for name in given.set or FILES:
            pairs = list(drawn(given.folder, name, given.rows, given.draws))
            print(told(f"{name}, {given.rows} rows, 5 folds", given.rows, pairs), flush=True)
        return
    for kind in KINDS:
        for folds in (3, 5, 10):
            for signal in (0.0, 1.5, 4.0):
                pairs = [made(kind, folds=folds, signal=signal, seed=seed) for seed in range(given.draws)]
                print(told(f"{kind[0]} x {kind[1]}, {folds} folds, signal {signal:g}", kind[0], pairs), flush=True)


if __name__ == "__main__":
    main()
