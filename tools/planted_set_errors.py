"""Plant wrong and missing labels where texts have several: `python tools/planted_set_errors.py FOLDER [--kind given]`.

`cells`: five per cent of the cells of the indicator of texts and labels, drawn at random, are flipped; nearly all of
them are labels added. `given`: five per cent of the labels given are taken away, and as many, drawn at random, are
added, which is more like what people do. What `frostline review` flags is held against cleanlab's multilabel filter,
as it comes, on the very same out-of-fold probabilities: cells against `find_multilabel_issues_per_class`, whole texts
against `find_label_issues`; each at its own stopping point, and at cleanlab's number.
FOLDER holds `goemotions/dev.tsv`: text, label numbers joined by commas, id. cleanlab is optional: pip install cleanlab,
in an environment that has Frostline too (the figures in docs/decisions/ are cleanlab 2.9.0's).
"""

import argparse
import importlib
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray, Probabilities
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.head.options import SearchOptions
from frostline.review.cells import CellCheck, check_cells
from frostline.review.labels import held_out_probabilities
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets

SHARE = 0.05


def read(folder: Path) -> tuple[Features, Targets]:
    """Features and targets of the set."""
    options = TableOptions(labels_separator=",", header=False, text=1, label=2)
    dataset = read_labelled(folder / "goemotions" / "dev.tsv", options)
    encoder = StoredEncoder(Encoder.open(features=DEFAULT_FEATURES), FeatureStore.open())
    return encoder.encode(dataset.texts).rows, dataset.targets


def flipped(members: BoolArray, *, kind: str, share: float, random: np.random.Generator) -> BoolArray:
    """The indicator with a share of its cells, or of the labels given and as many others, changed."""
    wrong = members.copy()
    cells = wrong.ravel()
    if kind == "cells":
        cells[random.choice(cells.size, round(share * cells.size), replace=False)] ^= True
        return wrong
    given, lacking = np.flatnonzero(cells), np.flatnonzero(~cells)
    n = round(share * len(given))
    cells[random.choice(given, n, replace=False)] = False
    cells[random.choice(lacking, n, replace=False)] = True
    return wrong


def figures_of(name: str, flagged: BoolArray, is_wrong: BoolArray) -> dict[str, float]:
    """How many were flagged, and how well."""
    hits, n = float((flagged & is_wrong).sum()), int(flagged.sum())
    return {
        f"{name}: flagged": n,
        f"{name}: precision %": 100 * hits / max(1, n),
        f"{name}: recall %": 100 * hits / float(max(1, is_wrong.sum())),
    }


def highest(doubts: Float64Array, n: int) -> BoolArray:
    """The `n` highest of them."""
    chosen = np.zeros(doubts.size, dtype=bool)
    chosen[np.argsort(-doubts.ravel(), kind="stable")[:n]] = True
    return chosen.reshape(doubts.shape)


def one_run(  # noqa: PLR0913 - rows, what is planted among which labels, and what to compare with
    rows: Features, targets: Targets, cleanlab: ModuleType | None, *, kind: str, share: float, seed: int
) -> dict[str, float]:
    """Every figure of one planting."""
    members = flipped(targets.members, kind=kind, share=share, random=np.random.default_rng(seed))
    is_wrong: BoolArray = members != targets.members
    held_out = held_out_probabilities(
        rows,
        replace(targets, members=members),
        options=SearchOptions(threads=1, seed=seed),
        n_foldings=3,
    )
    check = check_cells(held_out.probabilities, members)
    flagged = highest(check.doubts, len(check.flagged))
    sure: BoolArray = check.doubts >= 0.9
    figures = {
        "labels given": float(members.sum()),
        "planted: added": float((is_wrong & members).sum()),
        "planted: removed": float((is_wrong & ~members).sum()),
        "estimated: added %": 100 * check.added,
        "estimated: removed %": 100 * check.removed,
        **figures_of("ours", flagged, is_wrong),
        **figures_of("ours, labels given", flagged & members, is_wrong & members),
        **figures_of("ours, labels lacking", flagged & ~members, is_wrong & ~members),
        **figures_of("ours, score 0.9 or more", sure, is_wrong),
    }
    if cleanlab is not None:
        figures |= against(cleanlab, held_out.probabilities, check, members, is_wrong)
    return figures


def against(
    cleanlab: ModuleType, probabilities: Probabilities, check: CellCheck, members: BoolArray, is_wrong: BoolArray
) -> dict[str, float]:
    """What cleanlab flags by default on the same probabilities, and ours at its number of cells and of texts."""
    sets = [np.flatnonzero(row).tolist() for row in members]
    cells = np.asarray(cleanlab.find_multilabel_issues_per_class(sets, probabilities, n_jobs=1), dtype=bool)
    texts: IntArray = np.flatnonzero(cleanlab.find_label_issues(sets, probabilities, n_jobs=1))
    theirs = np.zeros(len(members), dtype=bool)
    theirs[texts] = True
    text_is_wrong = np.asarray(is_wrong.any(axis=1))
    any_wrong = 1 - (1 - check.doubts).prod(axis=1)
    return {
        **figures_of("cleanlab", cells, is_wrong),
        **figures_of("ours, as many as cleanlab", highest(check.doubts, int(cells.sum())), is_wrong),
        **figures_of("cleanlab, texts", theirs, text_is_wrong),
        **figures_of("ours, as many texts as cleanlab", highest(any_wrong, len(texts)), text_is_wrong),
    }


def main() -> None:
    """Run and print a table: mean, standard deviation over seeds, smallest and largest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=None, help="texts drawn for each seed; all where not given")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--kind", choices=["cells", "given"], default="cells")
    parser.add_argument("--share", type=float, default=SHARE)
    chosen = parser.parse_args()
    try:
        cleanlab = importlib.import_module("cleanlab.multilabel_classification.filter")
        print(f"cleanlab {importlib.import_module('cleanlab').__version__}")
    except ImportError:
        cleanlab = None
        print(
            "cleanlab is not installed here, so there is nothing to compare with: pip install cleanlab", file=sys.stderr
        )
    rows, targets = read(chosen.folder)
    n = chosen.rows or len(rows)
    runs = []
    for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
        drawn = np.sort(np.random.default_rng(1000 + seed).choice(len(rows), n, replace=False))
        runs.append(
            one_run(rows[drawn], targets.take(drawn), cleanlab, kind=chosen.kind, share=chosen.share, seed=seed)
        )
        print(f"seed {seed}: {runs[-1]}", file=sys.stderr, flush=True)
    print(f"\n{chosen.kind}: {n:,} texts, {len(targets.labels)} labels, {chosen.seeds} seeds\n")
    print("| | mean | sd | min | max |\n|---|---|---|---|---|")
    for key in runs[0]:
        values = np.array([run[key] for run in runs])
        spread = values.std(ddof=1) if len(values) > 1 else float("nan")
        print(f"| {key} | {values.mean():.1f} | {spread:.1f} | {values.min():.1f} | {values.max():.1f} |", flush=True)


if __name__ == "__main__":
    main()
