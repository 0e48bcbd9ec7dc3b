"""What reading costs: how fast this machine reads, near to what its processor can do; and how much memory it takes.

Speed is measured in about a second. The ceiling is measured too, in turn with the reading, so that whatever else runs
on the machine slows both: products of the encoder's own sizes, nothing around them, one BLAS thread per Python thread.

Memory is that of a process which opens an encoder and reads some texts, and nothing else: memory that was once taken
stays with a process, so what an encoder needs cannot be told beside others. It reads no more than `N_TEXTS`, for memory
does not grow with their number.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, final

import numpy as np

from frostline.errors import BackendError, FrostlineError
from frostline.machine import one_blas_thread

if TYPE_CHECKING:
    from frostline.encoder.architecture import Shape
    from frostline.encoder.encoder import Encoder

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


def measure_speed(encoder: "Encoder", shape: "Shape", texts: list[str], *, seconds: float = SECONDS) -> Speed:
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


def operations(shape: "Shape", length: int) -> int:
    """Multiplications and additions in the products that read a sentence of `length` word pieces, all layers whole."""
    hidden, inner = shape.hidden_size, shape.inner_size
    n_wide = 3 if shape.is_modern else 2  # of the feed-forward part: a gate too
    per_piece = 4 * hidden * hidden + n_wide * hidden * inner  # query, key, value, output
    attention = 2 * length * hidden  # scores and mixtures, per word piece
    return 2 * shape.n_layers * length * (per_piece + attention)


def product_gflops(shape: "Shape", *, threads: int, seconds: float) -> float:
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


N_TEXTS = 256
_PATIENCE_S = 120


def reading_peak(  # noqa: PLR0913 - what an encoder is opened with
    name: str,
    texts: Sequence[str],
    *,
    features: str,
    revision: str | None = None,
    max_length: int | None = None,
    threads: int | None = None,
    precision: str = "float32",
    backend: str = "auto",
    device: str = "auto",
) -> int | None:
    """Bytes of memory at most, the interpreter included; None where the system does not tell (Windows).

    Raises `BackendError`: the process failed: its own words are passed on.

    Parameters
    ----------
    name : str
        A short name, a folder or a hub id.
    texts : sequence of str
        The first 256 are read.
    features, revision, max_length, threads, precision, backend, device
        As for `Encoder.open`.
    """
    if os.name != "posix":
        return None
    opened = {
        "name": name,
        "features": features,
        "revision": revision,
        "max_length": max_length,
        "threads": threads,
        "precision": precision,
        "backend": backend,
        "device": device,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "frostline.encoder.cost"],
        input=json.dumps({"opened": opened, "texts": list(texts[:N_TEXTS])}),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    if ended.returncode:
        raise BackendError(f"Reading with {name} failed: {ended.stderr.strip()[-300:]}")
    return int(json.loads(ended.stdout.strip().split("\n")[-1]))


def own_peak() -> int:
    """Bytes of memory that this process has held at most.

    On Linux of the program itself: `ru_maxrss` begins with the peak of the process that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    import resource  # noqa: PLC0415 - not on Windows

    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes on the others
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """From here on `own_peak` counts from what is held now. Linux alone can; elsewhere the peak stays."""
    forgets = Path("/proc/self/clear_refs")
    if forgets.exists():
        forgets.write_text("5")  # resets VmHWM (proc_pid_clear_refs(5))


def _measured() -> int:
    """Open, read, and look at the peak."""
    from frostline.encoder.encoder import Encoder  # noqa: PLC0415 - only in the process that reads

    task = json.load(sys.stdin)
    Encoder.open(**task["opened"]).encode(task["texts"])
    return own_peak()


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{_measured()}\n")
    except FrostlineError as error:
        raise SystemExit(error.message) from error
