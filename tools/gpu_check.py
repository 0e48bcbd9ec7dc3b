"""Reading on a graphics processor, with torch: `python tools/gpu_check.py`, in under four minutes on one card.

MiniLM, and BERT's size with random weights, in float32 and bfloat16: rows against the processor's own in float32,
sentences a second, and which share that is of the card's peak, measured by large products just before. Fine-tuning is
done on the processor alone: there is nothing to check of it. `--device cpu --texts 16` tries the script without a card.
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

from frostline.encoder.architecture import Device
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.encoder import Encoder
from frostline.encoder.files import CHECKPOINT_FILES, CONFIG, WEIGHTS
from frostline.encoder.precision import Precision
from frostline.encoder.tokens import WordPieces

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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--texts", type=int, default=20_000)
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
    raise SystemExit(0 if near else "Rows are too far from the processor's.")
