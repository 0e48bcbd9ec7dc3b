"""Several labels per text on GoEmotions: what the defaults score, what thresholds and a C per label are worth.

    python tools/several_labels.py [--data FOLDER] [--rows N] [--against-scikit-learn]

FOLDER holds `train.tsv` (where it is missing, `dev.tsv` is learned from) and `test.tsv`: text, label numbers joined by
commas, id. Features are kept by the store, so that only the first run reads. Prints one JSON object.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.encoder.encoder import Encoder
from frostline.evaluate.baselines import f1_of
from frostline.evaluate.intervals import average_precisions
from frostline.evaluate.scores import evaluate
from frostline.head.deciding import best_threshold, best_thresholds
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.machine import one_blas_thread
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FROSTLINE_DATA", ".")) / "goemotions")
    parser.add_argument("--rows", type=int, default=None, help="learn from the first N rows only")
    parser.add_argument("--against-scikit-learn", action="store_true", help="time OneVsRestClassifier beside it")
    asked = parser.parse_args(arguments)
    name = "train.tsv" if (asked.data / "train.tsv").is_file() else "dev.tsv"
    train, test = read(asked.data / name, asked.rows), read(asked.data / "test.tsv", None)
    labels = list(train.counts())
    encoder = StoredEncoder(Encoder.open("minilm"), FeatureStore.open())
    rows, test_rows = (encoder.encode(part.texts).rows for part in (train, test))
    members, test_members = train.targets_over(labels).members, test.targets_over(labels).members
    found: dict[str, Any] = {"learned_from": name, "n_train": len(train), "n_test": len(test), "n_labels": len(labels)}
    begun = time.perf_counter()
    targets = Targets(tuple(labels), members, exclusive=False)
    searched = search(rows, targets, options=SearchOptions())
    found["seconds_search"] = time.perf_counter() - begun
    found["C"] = {f"{C:.3g}": int((searched.chosen_C == C).sum()) for C in searched.Cs}
    probabilities = searched.head.predict_proba(test_rows)
    held_out = searched.head.probabilities(searched.held_out_decisions)
    ways: dict[str, Any] = {
        "a threshold per label": best_thresholds(held_out, members),
        "one threshold": best_threshold(held_out.ravel(), members.ravel()),
        "0.5": 0.5,
    }
    for way, threshold in ways.items():
        found[way] = scores(probabilities, probabilities >= threshold, test_members, labels)
    shared = [place for place, means in enumerate(searched.mean_scores) if not np.isnan(means).any()]
    best = shared[int(searched.mean_scores[shared].mean(axis=1).argmax())]
    one = search(rows, targets, options=SearchOptions(Cs=(searched.Cs[best],)), folds=searched.folds)
    held_out = one.head.probabilities(one.held_out_decisions)
    given = one.head.predict_proba(test_rows)
    found[f"one C for all, {one.Cs[0]:.3g}"] = scores(
        given, given >= best_thresholds(held_out, members), test_members, labels
    )
    if asked.against_scikit_learn:
        found["scikit-learn"] = against(rows, members, test_rows, test_members)
    print(json.dumps(found, indent=1))


def read(path: Path, limit: int | None) -> Dataset:
    """Texts with their labels."""
    found = read_labelled(path, replace(TableOptions(labels_separator=",", header=False, text=1, label=2), limit=limit))
    if not isinstance(found, Dataset):
        raise TypeError("a separator was given")
    return found


def scores(probabilities: Any, given: Any, members: Any, labels: list[str]) -> dict[str, Any]:
    """Micro and macro F1 and mean average precision, in per cent, with their intervals; log loss."""
    test = evaluate(probabilities, given, Targets(tuple(labels), members, exclusive=False))
    told = {
        name: [round(100 * figure.value, 2), *(round(100 * limit, 1) for limit in figure.interval)]
        for name, figure in test.scores.items()
        if name in {"micro_f1", "macro_f1", "subset_accuracy", "mean_average_precision"}
    }
    return {**told, "log_loss": round(test.log_loss.value, 5)}


def against(rows: Any, members: Any, test_rows: Any, test_members: Any) -> dict[str, Any]:
    """One fit at C = 1 of every label, as anyone would begin, on the same features."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - only where asked for
    from sklearn.multiclass import OneVsRestClassifier  # noqa: PLC0415 - as above

    begun = time.perf_counter()
    with one_blas_thread():
        fitted = OneVsRestClassifier(LogisticRegression(), n_jobs=2).fit(rows, members.astype(int))
        seconds = time.perf_counter() - begun
        given = fitted.predict_proba(test_rows)
    micro, macro = f1_of(given >= 0.5, test_members)
    ranked = float(np.nanmean(average_precisions(given, test_members)))
    return {
        "seconds": seconds,
        "micro_f1": 100 * micro,
        "macro_f1": 100 * macro,
        "mean_average_precision": 100 * ranked,
    }


if __name__ == "__main__":
    main()
