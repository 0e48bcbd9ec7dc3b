"""How fast this machine reads, and how near that is to what its processor can do: measured in about a second.

The ceiling is measured too, in turn with the reading, so that whatever else runs on the machine slows both: products
of the encoder's own sizes, nothing around them, one BLAS thread per Python thread.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import final

import numpy as np

from frostline.encoder.architecture import Shape
from frostline.encoder.encoder import Encoder
from frostline.machine import one_blas_thread

SECONDS = 1.0
_N_ROUNDS = 4
_N_ROWS = 512  # word pieces of a batch


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What was measured."""

    encoder: str
    features: str
    precision: str
    threads: int
    n_sentences: int  # Read in each round
    mean_pieces: float  # Word pieces of a sentence
    # `sentences_per_s`, `gflops`, `ceiling_gflops`, `share`: Medians over the rounds: sentences read per second;
    # billions of operations per second in the encoder's products, and in products alone; the first as a share of the
    # second.
    sentences_per_s: float
    gflops: float
    ceiling_gflops: float
    share: float
    rounds: tuple[float, ...]  # The share in each round


def measure_speed(encoder: Encoder, shape: Shape, texts: list[str], *, seconds: float = SECONDS) -> Speed:
    """Read `texts` and multiply matrices in turn, for about `seconds` together.

    Parameters
    ----------
    encoder : Encoder
        Computing all layers in full, as `mean@all` does.
    shape : Shape
        The encoder's.
    texts : list of str
        Distinct; as many of them are read in a round as fit.
    """
    slot = seconds / (2 * _N_ROUNDS)
    started = time.perf_counter()
    encoder.encode(texts[:8])
    once = (time.perf_counter() - started) / 8
    some = texts[: max(encoder.threads, min(len(texts), round(slot / once)))]
    read: list[float] = []
    ceilings: list[float] = []
    with one_blas_thread():
        for _ in range(_N_ROUNDS):
            started = time.perf_counter()
            pieces = encoder.encode(some).pieces
            read.append(time.perf_counter() - started)
            ceilings.append(product_gflops(shape, threads=encoder.threads, seconds=slot))
    work = sum(operations(shape, int(length)) for length in pieces) / 1e9
    shares = tuple(work / duration / ceiling for duration, ceiling in zip(read, ceilings, strict=True))
    return Speed(
        encoder=encoder.identity.name,
        features=str(encoder.spec),
        precision=encoder.identity.precision,
        threads=encoder.threads,
        n_sentences=len(some),
        mean_pieces=float(pieces.mean()),
        sentences_per_s=len(some) / median(read),
        gflops=work / median(read),
        ceiling_gflops=median(ceilings),
        share=median(shares),
        rounds=shares,
    )


def operations(shape: Shape, length: int) -> int:
    """Multiplications and additions in the products that read a sentence of `length` word pieces, all layers whole."""
    hidden, inner = shape.hidden_size, shape.inner_size
    per_piece = 4 * hidden * hidden + 2 * hidden * inner  # query, key, value, output; the two of the feed-forward part
    attention = 2 * length * hidden  # scores and mixtures, per word piece
    return 2 * shape.n_layers * length * (per_piece + attention)


def product_gflops(shape: Shape, *, threads: int, seconds: float) -> float:
    """Billions of operations per second in float32 products of the encoder's sizes, on `threads` threads at once."""
    rows = np.full((_N_ROWS, shape.hidden_size), 0.5, np.float32)
    weight = np.full((shape.hidden_size, shape.inner_size), 0.5, np.float32)

    def multiply() -> Callable[[], object]:
        out = np.empty((_N_ROWS, shape.inner_size), np.float32)
        return lambda: np.matmul(rows, weight, out=out)

    per_s = per_second(multiply, threads=threads, seconds=seconds)
    return 2 * _N_ROWS * shape.hidden_size * shape.inner_size * per_s / 1e9


def per_second(made: Callable[[], Callable[[], object]], *, threads: int, seconds: float) -> float:
    """How often per second what `made` makes, once for each of `threads` threads, is done by all of them together."""
    counts = [0] * threads
    work = [made() for _ in range(threads)]
    started = time.perf_counter()

    def repeat(thread: int) -> None:
        while time.perf_counter() < started + seconds:
            work[thread]()
            counts[thread] += 1

    workers = [threading.Thread(target=repeat, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(1, sum(counts)) / (time.perf_counter() - started)
