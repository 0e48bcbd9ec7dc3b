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

from frostline.blas import one_blas_thread
from frostline.data.multi import MultiDataset, members_of
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.encoder.encoder import Encoder
from frostline.evaluate.multi_baselines import evaluate_f1
from frostline.evaluate.multi_label import evaluate_multi
from frostline.evaluate.resampling import average_precisions
from frostline.head.multi_label import search_each
from frostline.head.search import SearchOptions
from frostline.head.thresholds import best_threshold, best_thresholds
from frostline.store import FeatureStore, StoredEncoder


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
    members, test_members = members_of(labels, train), members_of(labels, test)
    found: dict[str, Any] = {"learned_from": name, "n_train": len(train), "n_test": len(test), "n_labels": len(labels)}
    begun = time.perf_counter()
    search = search_each(rows, members, labels=labels, options=SearchOptions())
    found["seconds_search"] = time.perf_counter() - begun
    found["C"] = {f"{C:.3g}": int((search.chosen_Cs == C).sum()) for C in search.Cs}
    probabilities = search.head.predict_proba(test_rows)
    ways: dict[str, Any] = {
        "a threshold per label": best_thresholds(search.held_out, members),
        "one threshold": best_threshold(search.held_out.ravel(), members.ravel()),
        "0.5": 0.5,
    }
    for way, threshold in ways.items():
        found[way] = scores(probabilities, probabilities >= threshold, test_members, labels)
    shared = [C for C, losses in zip(search.Cs, search.losses, strict=True) if not np.isnan(losses).any()]
    each = search.losses[[search.Cs.index(C) for C in shared]].mean(axis=1)
    one = search_each(
        rows, members, labels=labels, options=SearchOptions(Cs=(shared[int(each.argmin())],)), folds=search.folds
    )
    given = one.head.predict_proba(test_rows)
    found[f"one C for all, {one.Cs[0]:.3g}"] = scores(
        given, given >= best_thresholds(one.held_out, members), test_members, labels
    )
    if asked.against_scikit_learn:
        found["scikit-learn"] = against(rows, members, test_rows, test_members)
    print(json.dumps(found, indent=1))


def read(path: Path, limit: int | None) -> MultiDataset:
    """Texts with their labels."""
    found = read_labelled(path, replace(TableOptions(labels_separator=",", header=False, text=1, label=2), limit=limit))
    if not isinstance(found, MultiDataset):
        raise TypeError("a separator was given")
    return found


def scores(probabilities: Any, given: Any, members: Any, labels: list[str]) -> dict[str, Any]:
    """Micro and macro F1 and mean average precision, in per cent, with their intervals; log loss."""
    test = evaluate_multi(probabilities, given, members, labels=labels)
    told = {
        name: [round(100 * figure.value, 2), *(round(100 * limit, 1) for limit in figure.interval)]
        for name, figure in (
            ("micro_f1", test.micro_f1),
            ("macro_f1", test.macro_f1),
            ("subset_accuracy", test.subset_accuracy),
            ("mean_average_precision", test.mean_average_precision),
        )
        if figure is not None
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
    micro, macro = evaluate_f1(given >= 0.5, test_members)
    ranked = float(np.nanmean(average_precisions(given, test_members)))
    return {
        "seconds": seconds,
        "micro_f1": 100 * micro,
        "macro_f1": 100 * macro,
        "mean_average_precision": 100 * ranked,
    }


if __name__ == "__main__":
    main()
