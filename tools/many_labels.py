"""Time a whole training of many labels, stage by stage, on texts with labels made for them.

    python tools/many_labels.py FOLDER [--set 8000x77 ...] [--folder OUT] [--learning-curve] [--nested] [--beside]

FOLDER holds sst2/, sst5/, trec/, cr/ and goemotions/. Each text's label is the cluster of its vector (`mean@-1`) among
as many as there are to be, sizes falling as intents' do; texts between two clusters are left out, and 3 labels in 100
are the next cluster's, so that a classifier gets eight or nine in ten right. A set is ROWSxLABELS to learn from and a
fifth more to test on; with five rows a label or fewer every label gets as many. Vectors are kept by the store, so that
only the first run reads. `--beside` times scikit-learn's LogisticRegressionCV in the same run, on the same standardised
rows, values of C and folds; it is ended after five times the seconds of our whole training. Prints a JSON object for
each set.
"""

import argparse
import importlib
import json
import multiprocessing
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from sklearn.preprocessing import StandardScaler

from frostline import together_of
from frostline.arrays import Float64Array, IntArray
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.split import stratified_folds
from frostline.data.tables import read_dataset, read_labelled
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.head.options import SearchOptions
from frostline.head.search import Search
from frostline.report.document import as_document
from frostline.store import FeatureStore, StoredEncoder
from frostline.training.options import TrainingOptions
from frostline.training.run import Training, train
from frostline.training.save import save_training

FILES = ("sst2/train.tsv", "sst2/test.tsv", "sst5/train.tsv", "sst5/test.tsv", "trec/train.csv", "cr/reviews.jsonl")
SEVERAL = ("goemotions/dev.tsv", "goemotions/test.tsv")
ROUNDS = 6  # of k-means
NOISE = 0.03  # share of the labels that are the next centre's
FEW = 5
LAST_LAYER = slice(-384, None)
STAGES = {
    "search": ("frostline.head.fitted", "search_parts"),
    "searches of features and words": ("frostline.head.parts", "search_rows"),
    "calibration": ("frostline.head.fitted", "fit_calibration"),
    "rule": ("frostline.head.fitted", "default_rule"),
    "scores": ("frostline.training.tested", "evaluate"),
    "baselines": ("frostline.training.tested", "baselines"),
    "probabilities": ("frostline.training.run", "probability_record"),
    "curve": ("frostline.training.run", "measured_curve"),
    "map": ("frostline.training.save", "mapped"),
    "page": ("frostline.training.save", "report_html"),
    "card": ("frostline.training.save", "model_card"),
    "save": ("frostline.training.save", "save_artifact"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make each set, train, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", action="append", default=[], help="ROWSxLABELS; 8000x77, 15000x150 and 1800x600")
    parser.add_argument("--folder", type=Path, help="keep the classifiers here")
    parser.add_argument("--learning-curve", action="store_true")
    parser.add_argument("--nested", action="store_true")
    parser.add_argument("--features", help="these alone, without trying words beside them")
    parser.add_argument("-C", type=float, action="append", default=[], help="search these alone")
    parser.add_argument("--beside", action="store_true", help="time scikit-learn's LogisticRegressionCV too")
    options = parser.parse_args(arguments)
    store = FeatureStore.open()
    encoder = StoredEncoder(Encoder.open("minilm", features=options.features or DEFAULT_FEATURES), store)
    texts = gathered(options.data)
    vectors = StoredEncoder(Encoder.open("minilm"), store).encode(texts).rows
    search = SearchOptions(Cs=tuple(options.C) or None, choose_parts=options.features is None)
    how = TrainingOptions(search=search, nested=options.nested, learning_curve=options.learning_curve)
    for name in options.set or ["8000x77", "15000x150", "1800x600"]:
        n_rows, n_labels = (int(part) for part in name.split("x"))
        learned, tested = made(texts, vectors[:, LAST_LAYER], n_rows=n_rows, n_labels=n_labels)
        if options.folder is not None:
            options.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as scratch:
            folder = (options.folder or Path(scratch)) / name
            facts, training = timed(learned, tested, encoder, how, folder)
        if options.beside:
            rows = encoder.encode(learned.texts).rows
            facts |= beside(rows, learned.targets.codes, training, limit_s=5 * facts["wall_s"])
        print(json.dumps({"set": name, **facts}, indent=1), flush=True)


def gathered(folder: Path) -> list[str]:
    """Every text that is no copy of another."""
    options = TableOptions(text="text", label="label")
    parts = [read_dataset(folder / name, options if name.startswith("trec") else TableOptions()) for name in FILES]
    parts += [read_labelled(folder / name, TableOptions(labels_separator=",")) for name in SEVERAL]
    texts = [text for part in parts for text in part.texts]
    first = np.unique(together_of(texts), return_index=True)[1]
    return [texts[row] for row in np.sort(first)]


def made(texts: Sequence[str], vectors: np.ndarray, *, n_rows: int, n_labels: int) -> tuple[Dataset, Dataset]:
    """Rows to learn from and a fifth more to test on."""
    random = np.random.RandomState(n_labels)
    spread = (vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-6)
    distances = _distances(spread, n_labels + n_labels // 2, random)
    nearest = distances.argmin(axis=1)
    two = np.sort(np.partition(distances, 1, axis=1)[:, :2], axis=1)
    by_size = np.argsort(-np.bincount(nearest), kind="stable")[:n_labels]
    sizes, left = _sizes(n_rows, n_labels), 0
    noise = NOISE if n_rows // n_labels > FEW else 0.0
    parts: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for size, label in zip(sizes.tolist(), by_size, strict=True):
        own = np.flatnonzero(nearest == label)
        clear = own[np.argsort(two[own, 0] - two[own, 1], kind="stable")]
        n_tested = -(-size // 5)
        chosen = random.permutation(clear[: left + size + n_tested])
        left += size + n_tested - len(chosen)
        for part, rows in zip(parts, (chosen[n_tested:], chosen[:n_tested]), strict=True):
            noisy = random.rand(len(rows)) < noise
            other = by_size[np.argsort(distances[np.ix_(rows, by_size)], axis=1)[:, 1]]
            given = np.where(noisy, other, label)
            part.extend((texts[row], f"intent_{name:03d}") for row, name in zip(rows, given, strict=True))
    learned, tested = (_dataset(part) for part in parts)
    return learned, tested


def _sizes(n_rows: int, n_labels: int) -> IntArray:
    """How many rows each label gets: the largest five times the smallest; all the same where they are a handful."""
    if n_rows // n_labels <= FEW:
        return np.full(n_labels, n_rows // n_labels)
    shares = np.linspace(5, 1, n_labels)
    sizes: IntArray = np.round(shares / shares.sum() * n_rows).astype(np.int64)
    return sizes


def _distances(spread: np.ndarray, n_centres: int, random: np.random.RandomState) -> Float64Array:
    """To the centres that a few rounds of k-means find, squared; but for the rows' own lengths."""
    centres = spread[random.choice(len(spread), n_centres, replace=False)]
    for _ in range(ROUNDS):
        nearest = ((centres**2).sum(axis=1) - 2 * spread @ centres.T).argmin(axis=1)
        for label in np.unique(nearest):
            centres[label] = spread[nearest == label].mean(axis=0)
    found: Float64Array = (centres**2).sum(axis=1) - 2 * spread @ centres.T
    return found


def _dataset(pairs: Sequence[tuple[str, str]]) -> Dataset:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "texts.tsv"
        lines = [f"{' '.join(text.split())}\t{label}\n" for text, label in pairs]
        file.write_text("text\tlabel\n" + "".join(lines), encoding="utf-8")
        return read_dataset(file, TableOptions(text="text", label="label", quoted=False))


@contextmanager
def _counted(seconds: dict[str, tuple[float, float]], searches: list[Search]) -> Iterator[None]:
    """Add up wall and CPU seconds of each stage."""

    def around(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            begun, used = time.perf_counter(), time.process_time()
            result = function(*given, **named)
            wall, cpu = seconds.get(stage, (0.0, 0.0))
            seconds[stage] = (wall + time.perf_counter() - begun, cpu + time.process_time() - used)
            print(f"{stage}: wall {seconds[stage][0]:.1f}, cpu {seconds[stage][1]:.1f}", file=sys.stderr, flush=True)
            if isinstance(result, Search):
                searches.append(result)
            return result

        return wrapped

    with ExitStack() as stack:
        for stage, (module, name) in STAGES.items():
            function = getattr(importlib.import_module(module), name)
            stack.enter_context(patch(f"{module}.{name}", around(stage, function)))
        yield


def timed(
    learned: Dataset, tested: Dataset, encoder: StoredEncoder, how: TrainingOptions, folder: Path
) -> tuple[dict[str, Any], Training]:
    """A whole training, saved with its page; seconds by stage."""
    seconds: dict[str, tuple[float, float]] = {}
    searches: list[Search] = []
    test = None if how.nested else tested
    begun, used = time.perf_counter(), time.process_time()
    with _counted(seconds, searches):
        training = train(learned, encoder, test=test, options=how)
        save_training(training, folder, encoder=encoder)
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    record = training.record
    if record.test is None:
        raise SystemExit("Nothing was tested.")
    facts = {
        "n_learned": len(learned),
        "n_tested": record.test.n,
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "stages": {stage: {"wall_s": round(one, 2), "cpu_s": round(two, 2)} for stage, (one, two) in seconds.items()},
        "C": record.search.chosen_C,
        "Cs": list(record.search.Cs),
        "mean_scores": [round(score, 4) for score in record.search.mean_scores],
        "relative_gradient": max(one.solver.relative_gradient for one in searches),
        "passes": max(one.solver.iterations for one in searches),
        "accuracy": record.test.scores["accuracy"].value,
        "baselines": {each.name: each.scores["accuracy"].value for each in record.baselines},
        "page_bytes": (folder / "report.html").stat().st_size,
        "json_bytes": len(json.dumps(as_document(record))),
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "warnings": list(record.warnings),
    }
    return facts, training


def beside(rows: np.ndarray, codes: IntArray, training: Training, *, limit_s: float) -> dict[str, Any]:
    """LogisticRegressionCV on the same values of C and folds, ended after `limit_s`."""
    Cs = list(training.record.search.Cs)
    folds = stratified_folds(codes, n_folds=training.record.search.n_folds, seed=training.record.seed)
    child = multiprocessing.get_context("fork").Process(target=_usual, args=(rows, codes, folds, Cs))
    begun = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child.start()
    child.join(limit_s)
    is_done = not child.is_alive()
    if not is_done:
        child.kill()
        child.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "LogisticRegressionCV": {
            "ended_by_itself": is_done,
            "wall_s": round(time.perf_counter() - begun, 1),
            "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        }
    }


def _usual(rows: np.ndarray, codes: IntArray, folds: IntArray, Cs: Sequence[float]) -> None:
    warnings.simplefilter("ignore")
    parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]
    found = LogisticRegressionCV(Cs=Cs, cv=parts).fit(StandardScaler().fit_transform(rows), codes)
    print(json.dumps({"usual_C": float(found.C_[0]), "n_iter": found.n_iter_.max(axis=(0, 1)).tolist()}), flush=True)


if __name__ == "__main__":
    main()
