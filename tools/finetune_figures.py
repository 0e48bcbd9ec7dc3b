"""What fine-tuning brings, costs and survives: `python tools/finetune_figures.py WHAT FOLDER [options]`, with torch.

WHAT is `gain` (tuned against frozen on rows that took part in nothing, a line for each seed), `speed` (the whole verb
against tools/trainer_script.py, run by `--python`, one that has transformers and accelerate), `kills` (a short run
killed again and again, its weights against those of a run left alone), `few` (eight rows of each label, beside SetFit
where it is installed) or `sizes` (seconds per 1,000 sentences and epoch of DistilBERT's and BERT's size, random
weights). FOLDER is that of tools/default_features.py.
"""

import argparse
import hashlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, get_args

import numpy as np

from frostline.arrays import IntArray
from frostline.classifier import SentenceClassifier
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.encoder.tokens import WordPieces
from frostline.evaluate.paired import accuracy_difference
from frostline.finetune import FineTune, tune
from frostline.finetune.network import Units, open_network
from frostline.finetune.options import Products
from frostline.head.linear import LinearHead
from frostline.head.options import SearchOptions
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets
from frostline.training import TrainingOptions
from frostline.training.tuning import finetune

SETS = {
    "sst2": ("train.tsv", TableOptions(text=1, label=2, header=False)),
    "trec": ("train.csv", TableOptions(text="text", label="label")),
    "cr": ("reviews.jsonl", TableOptions(text="text", label="label")),
}
ENCODER = "minilm"
Learned: TypeAlias = Callable[[list[str]], list[str]]
"""What a classifier says of texts."""


def rows_of(folder: Path, name: str, file: str, limit: int | None = None) -> Dataset:
    """Rows of one file of a set."""
    return read_labelled(folder / name / file, replace(SETS[name][1], limit=limit))


def gain(folder: Path, given: argparse.Namespace) -> None:
    """A line for each seed: both scores, their paired difference, calibration errors, times."""
    dataset = rows_of(folder, given.set, SETS[given.set][0], given.limit)
    test = rows_of(folder, given.set, given.test)
    print("| seed | frozen | tuned | difference | calibration error | epoch kept | seconds |\n" + "|---" * 7 + "|")
    for seed in given.seeds:
        how = FineTune(
            epochs=given.epochs, rate=given.rate, freeze_layers=given.freeze_layers, seed=seed, products=given.products
        )
        options = TrainingOptions(search=SearchOptions(seed=seed))
        with tempfile.TemporaryDirectory() as place:
            done = finetune(dataset, _reader(), test=test, options=options, how=how, folder=Path(place) / "run")
        scores = [100 * one.record.test.accuracy.value for one in (done.frozen, done.training) if one.record.test]
        errors = [
            f"{100 * one.record.probabilities.scores.reliability.error.value:.1f}"
            for one in (done.frozen, done.training)
            if one.record.probabilities
        ]
        low, high = done.record.lead.interval
        curve = done.record
        print(
            f"| {seed} | {scores[0]:.2f} | {scores[1]:.2f} | {100 * done.record.lead.value:+.2f} ({100 * low:+.2f} to "
            f"{100 * high:+.2f}) | {' → '.join(errors)} | {curve.best} of {len(curve.losses)} "
            f"({', '.join(f'{loss:.3f}' for loss in curve.held_out)}) | {curve.seconds:.0f} |",
            flush=True,
        )


def _reader() -> StoredEncoder:
    return StoredEncoder(Encoder.open(ENCODER, features=DEFAULT_FEATURES), FeatureStore.open())


def speed(folder: Path, given: argparse.Namespace) -> None:
    """Seconds of the whole verb (reading, the frozen rows, tuning, both tests, saving) and of a script of Trainer.

    Both are processes of their own, in turns, a turn with each seed; what either says of the test rows is compared.
    """
    train, test = (rows_of(folder, given.set, file, given.limit) for file in (SETS[given.set][0], given.test))
    ratios: list[list[float]] = [[], []]
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            parts = {"train": _plainly(train, train), "test": _plainly(test, train)}
            (place / "rows.json").write_text(json.dumps(parts), "utf-8")
            ours = _spent(_ours(folder, place, seed, given))
            said = SentenceClassifier.load(place / "ours").predict(list(test.texts))
            right = np.array(said) == np.array(test.labels)
            line = f"seed {seed}: ours {100 * right.mean():.2f} %, {_told(ours)}"
            if given.python is not None:
                trainer = _spent(_trainer(place, seed, given))
                codes = np.array(json.loads((place / "trainer.json").read_text("utf-8")))
                lead = accuracy_difference(right, codes == np.array(parts["test"][1]), None)
                line += f"; Trainer {100 * right.mean() - 100 * lead.value:.2f} %, {_told(trainer)}; difference "
                line += f"{100 * lead.value:+.2f} ({100 * lead.interval[0]:+.2f} to {100 * lead.interval[1]:+.2f})"
                for found, own, other in zip(ratios, ours, trainer, strict=True):
                    found.append(other / own)
                line += f"; {ratios[0][-1]:.2f} times as fast by the clock, {ratios[1][-1]:.2f} on processors"
            print(line, flush=True)
    for name, found in zip(("by the clock", "on processors"), ratios, strict=True):
        if found:
            print(f"{name}: median {np.median(found):.2f} ({min(found):.2f} to {max(found):.2f}), n = {len(found)}")


def _plainly(dataset: Dataset, train: Dataset) -> tuple[list[str], list[int]]:
    """Texts, and the places of their labels among those of the rows learned from."""
    return list(dataset.texts), dataset.targets_over(train.targets.labels).members.argmax(1).tolist()


def _told(spent: tuple[float, float]) -> str:
    return f"{spent[0]:.0f} s ({spent[1]:.0f} of processors)"


def _spent(command: list[str]) -> tuple[float, float]:
    """Seconds that passed, and those that processors worked, of a process that must end well."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stderr.decode('utf-8', 'replace')}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, worked


def _ours(folder: Path, place: Path, seed: int, given: argparse.Namespace) -> list[str]:
    file, table = SETS[given.set]
    columns = [
        "--text",
        str(table.text),
        "--label",
        str(table.label),
        *([] if table.header is None else ["--no-header"]),
    ]
    command = [sys.executable, "-m", "frostline", "finetune", str(folder / given.set / file), *columns, "--no-store"]
    command += ["--test", str(folder / given.set / given.test), "--out", str(place / "ours"), "--encoder", ENCODER]
    command += ["--seed", str(seed), "--epochs", str(given.epochs), "--json"]
    command += ["--freeze-layers", str(given.freeze_layers), "--products", given.products, "--overwrite"]
    command += [] if given.rate is None else ["--rate", str(given.rate)]
    return command + ([] if given.limit is None else ["--limit", str(given.limit)])


def _trainer(place: Path, seed: int, given: argparse.Namespace) -> list[str]:
    script = Path(__file__).with_name("trainer_script.py")
    files = [str(place / "rows.json"), str(place / "trainer.json")]
    encoder = str(find_checkpoint(ENCODER).folder)
    return [str(given.python), str(script), encoder, *files, "--epochs", str(given.epochs), "--seed", str(seed)]


def kills(folder: Path, given: argparse.Namespace) -> None:
    """`kill -9` at moments drawn by chance, until a run comes to its end; its weights against a run left alone."""
    with tempfile.TemporaryDirectory() as place:
        train = Path(place) / "train.tsv"
        lines = (folder / "sst2" / "train.tsv").read_text("utf-8").splitlines()[: given.limit or 200]
        train.write_text("\n".join(lines) + "\n", "utf-8")
        started = time.monotonic()
        whole = _finetuned(train, Path(place) / "whole", given, None)
        seconds = time.monotonic() - started
        moments = np.random.RandomState(0)
        n_killed, last = 0, ""
        while n_killed < given.kills or not last:
            after = moments.uniform(0.3, 1.0) * seconds if n_killed < given.kills else None
            last = _finetuned(train, Path(place) / f"killed{n_killed if last else ''}", given, after)
            n_killed += not last
            print(f"{n_killed} killed", end="\r", flush=True)
        print(f"{n_killed} kills of runs of {seconds:.0f} s: {'the same' if last == whole else 'OTHER'} weights")


def _finetuned(train: Path, out: Path, given: argparse.Namespace, after: float | None) -> str:
    """The digest of the tuned weights; empty: it was killed after `after` seconds."""
    command = [sys.executable, "-m", "frostline", "finetune", str(train), "--text", "1", "--label", "2", "--no-header"]
    command += ["--out", str(out), "--epochs", str(given.epochs), "--freeze-layers", str(given.freeze_layers), "--json"]
    started = subprocess.Popen(  # noqa: S603 - our own
        [*command, "--overwrite"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        if started.wait(after):
            raise SystemExit(f"{' '.join(command)} ended with {started.returncode}")
    except subprocess.TimeoutExpired:
        started.send_signal(signal.SIGKILL)
        started.wait()
        return ""
    return hashlib.sha256((out / "encoder" / "model.safetensors").read_bytes()).hexdigest()


def few(folder: Path, given: argparse.Namespace) -> None:
    """Eight rows of each label, drawn anew: frozen, tuned, and SetFit where it is installed, on the same test rows.

    What is in `--kept` already is not run again: draws come together over several runs.
    """
    kept = _kept(given.kept)
    for draw in range(given.turns):
        for name, file in (("sst2", "dev.tsv"), ("cr", None), ("trec", "test.csv")):
            dataset = rows_of(folder, name, SETS[name][0])
            rows, others = _drawn(dataset, 8, seed=draw)
            test = dataset.take(others[:400]) if file is None else rows_of(folder, name, file, 400)
            for way, learn in (("frozen", _frozen_few), ("tuned", _tuned_few), ("SetFit", _setfit_few)):
                if (name, draw, way) in kept:
                    continue
                began = time.process_time()
                predict = learn(dataset.take(rows), draw, given)
                if predict is None:
                    continue
                seconds = time.process_time() - began
                right = float(np.mean(np.array(predict(list(test.texts))) == np.array(test.labels)))
                kept[name, draw, way] = (100 * right, seconds)
                print(f"{name} {draw} {way}: {100 * right:.1f} %, {seconds:.1f} s of processors", flush=True)
                if given.kept is not None:
                    with given.kept.open("a", encoding="utf-8") as opened:
                        opened.write(json.dumps([name, draw, way, 100 * right, seconds]) + "\n")
    for way in ("frozen", "SetFit"):
        drawn = [(name, draw) for name, draw, own in kept if own == "tuned" and (name, draw, way) in kept]
        pairs = [(kept[name, draw, "tuned"], kept[name, draw, way]) for name, draw in drawn]
        apart = np.array([[own[0] - other[0], other[1] / own[1]] for own, other in pairs])
        if len(apart) > 1:
            mean, half = apart[:, 0].mean(), 1.96 * apart[:, 0].std(ddof=1) / np.sqrt(len(apart))
            print(f"tuned - {way}: {mean:+.2f} points ({mean - half:+.2f} to {mean + half:+.2f}), n = {len(apart)}")
            print(f"{way} takes {np.median(apart[:, 1]):.2f} times as long on processors (median)")


def _kept(path: Path | None) -> dict[tuple[str, int, str], tuple[float, float]]:
    """Share right and seconds by set, draw and way."""
    if path is None or not path.exists():
        return {}
    lines = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    return {(name, draw, way): (right, seconds) for name, draw, way, right, seconds in lines}


def _drawn(dataset: Dataset, n_each: int, *, seed: int) -> tuple[IntArray, IntArray]:
    """The numbers of `n_each` rows of each label, and those of all others, mixed."""
    random = np.random.RandomState(seed)
    order, codes = random.permutation(len(dataset)), dataset.targets.codes
    rows = np.concatenate([order[codes[order] == code][:n_each] for code in range(len(dataset.targets.labels))])
    return rows, order[~np.isin(order, rows)]


def _frozen_few(dataset: Dataset, seed: int, given: argparse.Namespace) -> Learned:  # noqa: ARG001
    fitted = SentenceClassifier(ENCODER, features=DEFAULT_FEATURES).fit(list(dataset.texts), dataset.labels)
    return lambda texts: fitted.predict(texts).tolist()


def _tuned_few(dataset: Dataset, seed: int, given: argparse.Namespace) -> Learned:
    how = FineTune(seed=seed, epochs=1, few_steps=given.few_steps, rate=given.rate, freeze_layers=given.freeze_layers)
    made = SentenceClassifier(ENCODER, features=DEFAULT_FEATURES, finetune=how)
    fitted = made.fit(list(dataset.texts), dataset.labels)
    return lambda texts: fitted.predict(texts).tolist()


def _setfit_few(dataset: Dataset, seed: int, given: argparse.Namespace) -> Learned | None:  # noqa: ARG001
    """As it trains by default, with the same encoder; None where it is not installed."""
    try:
        import datasets  # noqa: PLC0415
        from setfit import SetFitModel, Trainer, TrainingArguments  # noqa: PLC0415
    except ImportError:
        return None
    model = SetFitModel.from_pretrained(str(find_checkpoint(ENCODER).folder))
    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(output_dir=place, seed=seed, report_to="none", show_progress_bar=False)
        given_rows = datasets.Dataset.from_dict({"text": list(dataset.texts), "label": dataset.labels})
        Trainer(model=model, args=arguments, train_dataset=given_rows).train()
    return lambda texts: [str(label) for label in model.predict(texts)]


def sizes(folder: Path, given: argparse.Namespace) -> None:
    """Seconds per 1,000 sentences and epoch: all layers tuned, and the upper half."""
    import torch  # noqa: PLC0415
    from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel  # noqa: PLC0415

    n = given.limit or 128
    dataset = rows_of(folder, "sst2", SETS["sst2"][0], n)
    ids = WordPieces.open(find_checkpoint(ENCODER), max_length=128).tokenize(list(dataset.texts)).ids
    for name, model, n_layers in (
        ("DistilBERT", DistilBertModel(DistilBertConfig()), 6),
        ("BERT", BertModel(BertConfig(), add_pooling_layer=False), 12),
    ):
        with tempfile.TemporaryDirectory() as place:
            model.save_pretrained(place)
            del model
            for frozen in (0, n_layers // 2):
                print(f"{name}, {frozen} of {n_layers} layers frozen: ", end="", flush=True)
                spent = [
                    1000 * seconds / n
                    for seconds in _timed(Path(place), ids, dataset.targets, n_layers, frozen, given.products)
                ]
                print(
                    f"{spent[0]:.0f} s per 1,000 sentences and epoch ({torch.get_num_threads()} threads), "
                    f"{spent[1]:.0f} s of processors",
                    flush=True,
                )


def _timed(  # noqa: PLR0913, PLR0917 - an encoder, texts, and how
    folder: Path, ids: list[np.ndarray], targets: Targets, n_layers: int, frozen: int, products: Products
) -> list[float]:
    """Seconds of one epoch that passed, and that processors worked; what is read once left out."""
    import json  # noqa: PLC0415

    from frostline.encoder.checkpoint import Checkpoint  # noqa: PLC0415
    from frostline.encoder.features import Block  # noqa: PLC0415

    config = json.loads((folder / "config.json").read_text("utf-8"))
    digests = {"weights_sha256": "0", "tokenizer_sha256": "0", "config_sha256": "0"}
    checkpoint = Checkpoint(name=str(folder), revision=None, folder=folder, config=config, **digests)
    rows = np.random.RandomState(0).randn(len(ids), 768).astype(np.float32)
    head = LinearHead(labels=targets.labels, coef=np.zeros((1, 768)), intercept=np.zeros(1), link="softmax")
    network = open_network(
        checkpoint,
        head,
        [Block(n_layers, "mean")],
        units=Units.of(rows, n_blocks=1),
        freeze_layers=frozen,
        products=products,
    )
    clocks: list[tuple[float, float]] = []

    def clock() -> None:
        clocks.append((time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory() as place:
        tune(
            network,
            ids,
            rows=rows,
            targets=targets,
            held=np.zeros(0, np.int64),
            options=FineTune(epochs=1, few_steps=0),
            folder=Path(place),
            expects=lambda _cost: clock(),
            told=lambda done: clock() if done.step == done.n_steps else None,
        )
    return [end - begin for begin, end in zip(*clocks, strict=True)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["gain", "speed", "kills", "few", "sizes"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", choices=SETS, default="sst2")
    parser.add_argument("--test", default="dev.tsv", help="the file of the set that is tested on")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--limit", type=int, help="rows learned from")
    parser.add_argument("--epochs", type=int, default=FineTune().epochs)
    parser.add_argument("--rate", type=float, default=FineTune().rate)
    parser.add_argument("--freeze-layers", type=int, default=0)
    parser.add_argument("--products", choices=get_args(Products), default="auto")
    parser.add_argument("--python", type=Path, help="speed: that of the control; left out, ours runs alone")
    parser.add_argument("--kept", type=Path, help="few: a file in which results are kept, and found again")
    parser.add_argument("--few-steps", type=int, default=FineTune().few_steps)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--kills", type=int, default=20)
    chosen = parser.parse_args()
    {"gain": gain, "speed": speed, "kills": kills, "few": few, "sizes": sizes}[chosen.what](chosen.folder, chosen)
