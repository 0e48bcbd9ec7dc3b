"""Hold leads of sweeps and comparisons to the truth: `python tools/check_differences.py FOLDER [SET ...] [--seeds N]`.

From 100 and from 300 rows of a pool, features are cross-validated as `sweep` and `compare` do: seven layers and a join
of a public set, twelve choices of columns of a made one. The heads that learned from those rows then answer up to 6,000
others. Counted are every candidate's distance to the best, and the lead over the last layer (of a made pool: over the
first candidate) of the one that `sweep` would choose: how often the interval holds what the heads' difference is there,
as it is and with its error allowed for; beside it the plain paired interval, which knows nothing of the choice.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from check_outlook import FILES, LAST, MADE, SEARCH, Pool, made_pool, public_pool, right

from frostline.arrays import Float64Array, IntArray
from frostline.data import split
from frostline.evaluate.curve_points import proportional_order
from frostline.evaluate.intervals import Interval
from frostline.evaluate.paired import Difference, accuracy_difference, fold_difference
from frostline.head.linear import LinearHead
from frostline.sweep.cross import OutOfFold, cross_validate, differences
from frostline.targets import Targets

ROWS = (100, 300)
TRUTH = slice(1000, 7000)


@dataclass(frozen=True)
class Promise:
    """A difference as told, both ways, and as it is."""

    pool: str
    kind: str
    told: Interval
    plain: Interval
    value: float
    error: float


def columns_of(pool: Pool, random: np.random.RandomState) -> list[IntArray]:
    """The columns of each candidate; the last layer first."""
    width = pool.rows.shape[1]
    if pool.name in FILES:
        layers = [np.arange(first, first + LAST) for first in range(0, width, LAST)][::-1]
        return [*layers, np.arange(width - 2 * LAST, width)]
    return [np.sort(random.choice(width, min(width // 2, 60), replace=False)) for _ in range(12)]


def outcomes(head: LinearHead, pool: Pool, columns: IntArray, truth: IntArray, learned: Targets) -> Float64Array:
    """What each row brings to the score: right or not; where each label has its own, minus its log loss."""
    rows, targets = np.ascontiguousarray(pool.rows[truth][:, columns]), pool.targets.take(truth)
    if len(targets.groups()) == 1:
        return right(head, rows, targets).astype(np.float64)
    given = np.clip(head.predict_proba(rows), 1e-15, 1 - 1e-15)
    known = learned.members.sum(axis=0) > 1
    losses: Float64Array = np.where(targets.members, np.log(given), np.log(1 - given))[:, known].mean(axis=1)
    return losses


def plain(first: OutOfFold, second: OutOfFold) -> Difference:
    """The paired difference of two that nobody chose."""
    if first.scoring == "accuracy":
        return accuracy_difference(first.right, second.right, lots=None)
    return fold_difference(first.fold_scores, second.fold_scores)


def promises_of(pool: Pool, *, seed: int) -> Iterator[Promise]:
    """Those of each number of rows."""
    random = np.random.RandomState(seed)
    order = random.permutation(len(pool.rows))
    if len(pool.targets.groups()) == 1:
        order = order[proportional_order(pool.targets.take(order), seed=seed)]
    candidates = columns_of(pool, random)
    for n_rows in ROWS:
        learned = pool.targets.take(order[:n_rows])
        folds = split.folds(learned, n_folds=split.possible_folds(5, learned), seed=0)
        options = replace(SEARCH, n_folds=int(folds.max()) + 1)
        rows = [np.ascontiguousarray(pool.rows[order[:n_rows]][:, columns]) for columns in candidates]
        found = [cross_validate(each, learned, options=options, folds=folds) for each in rows]
        truth = [
            outcomes(one.head, pool, columns, order[TRUTH], learned)
            for one, columns in zip(found, candidates, strict=True)
        ]
        best = max(range(len(found)), key=lambda place: (found[place].score.value, -found[place].n_features))
        from_best = differences(found, best)
        near = [place for place, each in enumerate(from_best) if each.value >= -each.std_error]
        winner = min(near, key=lambda place: (found[place].n_features, -found[place].score.value))
        lead = [("lead", winner, 0, differences(found, 0)[winner])] if winner else []
        behind = [("behind", place, best, each) for place, each in enumerate(from_best) if place != best]
        for kind, place, other, told in [*lead, *behind]:
            apart = truth[place] - truth[other]
            error = float(apart.std()) / math.sqrt(len(apart))
            between = plain(found[place], found[other]).interval
            yield Promise(pool.name, kind, told.interval, between, float(apart.mean()), error)


def show(promises: Sequence[Promise], called: str) -> None:
    """One line: how many held, and how wide they were."""
    if not promises:
        return
    told, between = (np.array([getattr(one, name) for one in promises]) for name in ("told", "plain"))
    value, error = (np.array([getattr(one, name) for one in promises]) for name in ("value", "error"))
    parts = []
    for limits in (told, between):
        middle, half = limits.mean(axis=1), np.diff(limits)[:, 0] / 2
        held, allowed = (np.mean(np.abs(value - middle) <= np.hypot(half, by * error)) for by in (0.0, 1.96))
        parts.append(f"{held:.1%} ({allowed:.1%} with the truth's error), width {200 * half.mean():.1f} points")
    print(f"{called:22} n = {len(promises):4}: {parts[0]}; plain {parts[1]}")


def main() -> None:
    """Measure, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    names = asked.sets or [*FILES, *MADE]
    promises: list[Promise] = []
    for name in names:
        public = public_pool(asked.folder, name, last=False) if name in FILES else None
        for seed in range(asked.seeds):
            pool = public or made_pool(name, np.random.RandomState([seed, MADE.index(name)]), n=8000)
            promises += promises_of(pool, seed=seed)
        for kind in ("behind", "lead"):
            show([one for one in promises if (one.pool, one.kind) == (name, kind)], f"{name}, {kind}")
    for kind in ("behind", "lead"):
        show([one for one in promises if one.kind == kind], kind)


if __name__ == "__main__":
    main()
