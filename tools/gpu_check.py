"""Reading on a graphics processor, with torch: `python tools/gpu_check.py`, in under four minutes on one card.

MiniLM, and BERT's size with random weights, in float32 and bfloat16: rows against the processor's own in float32,
sentences a second, and which share that is of the card's peak, measured by large products just before. Then MiniLM is
tuned, on SST-2's train.tsv where `--sst2` names it and on made sentences elsewhere: weights against the processor's
after the same steps without dropout, and sentences a second. `--device cpu --texts 16` tries the script without a card.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel

from frostline.arrays import IntArray
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.encoder.architecture import Device
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import Block
from frostline.encoder.files import CHECKPOINT_FILES, CONFIG, WEIGHTS
from frostline.encoder.precision import Precision
from frostline.encoder.tokens import WordPieces
from frostline.finetune import FineTune, Tuned, tune
from frostline.finetune.network import Units, open_network
from frostline.head.linear import LinearHead
from frostline.targets import Targets

TUNED_LIMIT = 1e-4
"""How far a weight may be from the processor's after a few steps of 5e-5 each: AdamW divides small by small numbers."""

LIMITS: dict[Precision, float] = {"float32": 1e-5, "bfloat16": 1e-3}
"""How far rows may be apart, as a share of the largest number: float32 at most, bfloat16 on the mean."""

WORDS = "a film of some people who walk slowly through the old town and never say what they want from others".split()  # noqa: SIM905


def made_texts(n: int) -> list[str]:
    """Sentences of 5 to 40 words, all different."""
    random = np.random.RandomState(0)
    return [f"{number} {' '.join(random.choice(WORDS, random.randint(5, 40)))}" for number in range(n)]


def peak(device: str, precision: str) -> float:
    """Operations a second of one large product, the best of ten."""
    size = 8192 if device == "cuda" else 1024
    matrix = torch.randn(size, size, device=device, dtype=getattr(torch, precision))
    best = 0.0
    for _ in range(10):
        settle(device)
        started = time.perf_counter()
        matrix @ matrix
        settle(device)
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def settle(device: str) -> None:
    """Wait for what is under way."""
    if device == "cuda":
        torch.cuda.synchronize()


def operations(folder: Path, lengths: Sequence[int]) -> float:
    """What reading takes: every weight of the layers twice for a piece, and each piece with each of its text."""
    config = BertConfig.from_pretrained(folder)
    width, layers, inner = config.hidden_size, config.num_hidden_layers, config.intermediate_size
    weights = layers * (4 * width * width + 2 * width * inner)
    return float(sum(2 * weights * length + 4 * layers * width * length**2 for length in lengths))


def check(name: str, folder: Path, texts: list[str], device: Device) -> bool:
    """A line for each precision; whether all are near enough."""
    lengths = [len(own) for own in WordPieces.open(find_checkpoint(str(folder)), max_length=256).tokenize(texts).ids]
    few = texts[:200]
    truth = Encoder.open(str(folder), features="mean@all", backend="torch", device="cpu").encode(few).rows
    are_near = True
    tried: tuple[Precision, ...] = ("float32", "bfloat16") if device == "cuda" else ("float32",)
    for precision in tried:
        encoder = Encoder.open(
            str(folder),
            features="mean@all",
            backend="torch",
            device=device,
            precision=precision,
        )
        apart = np.abs(encoder.encode(few).rows - truth) / np.abs(truth).max()
        miss = float(apart.max() if precision == "float32" else apart.mean())
        are_near &= miss <= LIMITS[precision]
        most = peak(device, precision)
        started = time.perf_counter()
        encoder.encode(texts)
        settle(device)
        seconds = time.perf_counter() - started
        share = f"{100 * operations(folder, lengths) / seconds / most:.1f} %"
        cells = (name, precision, f"{miss:.1e}", f"{len(texts) / seconds:,.0f}", f"{most / 1e12:.1f}", share)
        print(f"| {' | '.join(cells)} |", flush=True)
    return are_near


def tuned(texts: list[str], codes: IntArray, device: Device, *, dropout: bool) -> tuple[Tuned, float]:
    """MiniLM tuned for one epoch, from a head of zeros; sentences a second, opening and reading below left out."""
    checkpoint = find_checkpoint("minilm")
    targets = Targets.of_codes(codes, (0, 1))
    head = LinearHead(labels=(0, 1), coef=np.zeros((1, 384)), intercept=np.zeros(1), link="softmax")
    rows = np.random.RandomState(0).randn(len(texts), 384).astype(np.float32)
    units = Units.of(rows, n_blocks=1)
    network = open_network(checkpoint, head, [Block(6, "mean")], units=units, freeze_layers=0, device=device)
    if not dropout:
        for module in network.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    began: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        found = tune(
            network,
            WordPieces.open(checkpoint, max_length=128).tokenize(texts).ids,
            rows=rows,
            targets=targets,
            held=np.zeros(0, np.int64),
            options=FineTune(epochs=1, batch_texts=32 if device == "cpu" else 128, token_budget=8192),
            folder=Path(place),
            expects=lambda _cost: began.append(time.perf_counter()),
        )
    return found, len(texts) / (time.perf_counter() - began[0])


def check_tuning(texts: list[str], codes: IntArray, device: Device, n_compared: int) -> bool:
    """A line: how far weights are from the processor's after one epoch of few rows, and how fast many are."""
    few, own = texts[:n_compared], codes[:n_compared]
    ours, theirs = (tuned(few, own, where, dropout=False)[0].tensors for where in ("cpu", device))
    moved = max(float((ours[name] - theirs[name]).abs().max()) for name in ours)
    _, speed = tuned(texts, codes, device, dropout=True)
    print(f"Tuning MiniLM: weights {moved:.1e} apart after {len(few)} rows, {speed:,.0f} sentences/s", flush=True)
    return moved <= TUNED_LIMIT


def labelled(path: Path | None, sentences: list[str]) -> tuple[list[str], IntArray]:
    """Texts with the numbers of their labels: of the file, or made."""
    if path is None:
        return sentences, np.array(["town" in text for text in sentences], dtype=np.int64)
    dataset = read_labelled(path, TableOptions(text=1, label=2, header=False))
    return list(dataset.texts), dataset.targets.codes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--sst2", type=Path, help="SST-2's train.tsv, to tune on")
    given = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name() if given.device == 'cuda' else 'a processor'}")
    print(
        "| encoder | precision | apart from the processor | sentences/s | peak, T operations/s | share |\n"
        + "|---" * 6
        + "|"
    )
    sentences, bundled = made_texts(given.texts), find_checkpoint("minilm").folder
    near = check("MiniLM", bundled, sentences, given.device)
    with tempfile.TemporaryDirectory() as place:
        BertModel(BertConfig(), add_pooling_layer=False).save_pretrained(place)
        for file in CHECKPOINT_FILES:
            if file not in {CONFIG, WEIGHTS} and (bundled / file).is_file():
                shutil.copyfile(bundled / file, Path(place) / file)
        near &= check("BERT's size", Path(place), sentences, given.device)
    near &= check_tuning(*labelled(given.sst2, sentences), given.device, min(256, given.texts))
    raise SystemExit(0 if near else "Rows or weights are too far from the processor's.")
