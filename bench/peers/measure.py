"""All ways on one encoder and one set of texts, in turn; every run is a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, final

import numpy as np

from bench.environment import as_installed
from bench.peers import neighbours, ours
from frostline.arrays import Features, IntArray
from frostline.encoder.architecture import Shape
from frostline.encoder.cost import product_gflops
from frostline.errors import BackendError
from frostline.head.search import fit_at
from frostline.machine import BLAS_THREAD_SETTINGS, one_blas_thread
from frostline.targets import Targets

REFERENCE = "tutorial"
OURS = "frostline float32"
N_SINGLE = 100
SINGLE_PIECES = (18, 22)  # word pieces of the sentences that are read one at a time
_TIMEOUT_S = 1200


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is read.

    Parameters
    ----------
    name : str
        The encoder and the texts, for a person.
    folder : Path
        The encoder, prepared for every way.
    pooling : {"cls", "mean"}
        Of the last layer.
    texts : list of str
    n_pieces : int
        Word pieces of all texts, [CLS] and [SEP] included.
    shape : Shape
        Of the encoder.
    gflop : float
        Billions of operations in the products that these texts need for these features.
    codes : ndarray of shape (n_texts,) or None
        The labels, where accuracy may be spoken of.
    alone : bool
        Whether short ones are read one at a time too; that need not be measured again for long texts.
    """

    name: str
    folder: Path
    pooling: str
    texts: list[str]
    n_pieces: int
    shape: Shape
    gflop: float
    codes: IntArray | None
    alone: bool = True


@final
@dataclass(slots=True, kw_only=True)
class WayResult:
    """One way, run by run.

    Parameters
    ----------
    way : str
    seconds, opened_s : list of float
        From texts to rows; from the process's start to the first row.
    single_s : list of float
        Every sentence read alone, one thread.
    peak_bytes, batch_size : int
    depends_on_mates : float
        Largest change of a row, relative to its largest number, when it is read with longer ones.
    error : float
        ||rows - the reference's|| / ||the reference's||, rows brought to length 1.
    equal : float or None
        Share of equal predictions under a head that learned from the reference's rows.
    accuracy : float or None
        Of that head on these rows.
    failed : str
        Why there is nothing, if there is nothing.
    """

    way: str
    seconds: list[float] = field(default_factory=list)
    opened_s: list[float] = field(default_factory=list)
    single_s: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    batch_size: int = 0
    depends_on_mates: float = float("nan")
    error: float = float("nan")
    equal: float | None = None
    accuracy: float | None = None
    failed: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All ways on one piece of work."""

    work: Work
    ways: tuple[WayResult, ...]
    ceiling: float
    """Billions of operations per second in plain float32 products, the larger of before and after."""

    def rate(self, way: WayResult) -> float:
        """Texts per second, the median of the runs."""
        return len(self.work.texts) / median(way.seconds)

    def share(self, way: WayResult) -> float:
        """Of the measured float32 ceiling, counting only the products that the texts themselves need."""
        return self.work.gflop / median(way.seconds) / self.ceiling

    def against_ours(self, way: WayResult) -> tuple[float, ...]:
        """How many times our float32 is faster, run by run: run i of all ways followed one another."""
        own = next(one for one in self.ways if one.way == OURS)
        return tuple(theirs / mine for theirs, mine in zip(way.seconds, own.seconds, strict=True))


def compare(work: Work, *, python: Path, repeats: int, threads: int, with_int8: bool) -> Comparison:
    """Run every way `repeats` times in turn; a way that fails is named with its reason and left out.

    Parameters
    ----------
    work : Work
    python : Path
        The interpreter of the neighbours' environment.
    repeats, threads : int
    with_int8 : bool
        Whether ours in int8 is measured: the processor must have the instructions.
    """
    names = [OURS, *(["frostline int8"] if with_int8 else []), *neighbours.WAYS]
    found = {name: WayResult(way=name) for name in names}
    before = _ceiling(work.shape, threads)
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(repeats):
            for name, result in found.items():
                if not result.failed:
                    _one_run(work, result, python, threads=threads, rows=Path(scratch) / f"{name}.npy")
        _judge(work, found, Path(scratch))
    return Comparison(work=work, ways=tuple(found.values()), ceiling=max(before, _ceiling(work.shape, threads)))


def install_sizes(python: Path) -> dict[str, int]:
    """Bytes on disk that each way's packages take, with all they need."""
    task = {"mode": "sizes"}
    return {**ask([sys.executable, "-m", ours.__name__], task, 1), **ask(neighbour(python), task, 1)}


def prepare(folder: Path, pooling: str, *, python: Path) -> None:
    """Let the neighbours export what they open."""
    ask(neighbour(python), {"mode": "prepare", "folder": str(folder), "pooling": pooling}, 2)


def _ceiling(shape: Shape, threads: int) -> float:
    """Billions of operations per second in plain float32 products of the encoder's sizes."""
    with one_blas_thread():
        return product_gflops(shape, threads=threads, seconds=1.0)


def _one_run(work: Work, result: WayResult, python: Path, *, threads: int, rows: Path) -> None:
    """Read all texts, then, if that is asked for, some one at a time, each in a fresh process."""
    own = result.way in ours.WAYS
    call = [sys.executable, "-m", ours.__name__] if own else neighbour(python)
    sizes: Sequence[int] = (len(work.texts),) if own or result.way == REFERENCE else neighbours.BATCH_SIZES
    common = {"way": result.way, "folder": str(work.folder), "pooling": work.pooling}
    bulk = {**common, "mode": "bulk", "threads": threads, "texts": work.texts, "rows": str(rows)}
    single = {**common, "mode": "single", "threads": 1, "texts": _short(work.texts)}
    try:
        answer = ask(call, {**bulk, "batch_sizes": [result.batch_size] if result.batch_size else sizes}, threads)
        alone = ask(call, single, 1) if work.alone else {"single_s": []}
    except BackendError as error:
        result.failed = error.message
        return
    result.seconds.append(answer["seconds"])
    result.opened_s.append(answer["opened_s"])
    result.peak_bytes = max(result.peak_bytes, answer["peak_bytes"])
    result.batch_size = answer["batch_size"]
    result.depends_on_mates = answer["depends_on_mates"]
    result.single_s += alone["single_s"]


def _judge(work: Work, found: Mapping[str, WayResult], folder: Path) -> None:
    """How far each way's rows are from the reference's, and what that does to predictions."""
    if found[REFERENCE].failed:
        raise BackendError(f"The reference could not be read: {found[REFERENCE].failed}")
    reference = _unit(np.load(folder / f"{REFERENCE}.npy", allow_pickle=False))
    half = len(work.texts) // 2
    head = None
    if work.codes is not None:
        labels = tuple(range(int(work.codes.max()) + 1))
        head = fit_at(reference[:half], Targets.of_codes(work.codes[:half], labels), C=1.0)
    for name, result in found.items():
        if result.failed:
            continue
        rows = _unit(np.load(folder / f"{name}.npy", allow_pickle=False))
        result.error = float(np.linalg.norm(rows - reference) / np.linalg.norm(reference))
        if head is not None and work.codes is not None:
            predicted = head.predict(rows[half:])
            result.equal = float(np.mean(predicted == head.predict(reference[half:])))
            result.accuracy = float(np.mean(predicted == work.codes[half:]))


def _unit(rows: Features) -> Features:
    result: Features = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return result


def _short(texts: Sequence[str]) -> list[str]:
    """Texts of about 20 word pieces, by their words; as many as are read one at a time."""
    low, high = SINGLE_PIECES
    fitting = [text for text in texts if low - 4 <= len(text.split()) <= high - 4]
    words = " ".join(texts).split()
    made = [" ".join(words[at : at + 16]) for at in range(0, 16 * N_SINGLE, 16)]
    return (fitting + made)[:N_SINGLE]


def neighbour(python: Path) -> list[str]:
    """What starts a neighbour's way."""
    return [str(python), str(Path(neighbours.__file__))]


def ask(call: Sequence[str], task: Mapping[str, Any], threads: int) -> dict[str, Any]:
    """The answer of a process that was given the task; its threads are held to `threads` by every means there is."""
    ended = subprocess.run(  # noqa: S603 - our own programs, by the interpreter that was named
        list(call),
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
        env=as_installed(**dict.fromkeys(BLAS_THREAD_SETTINGS, str(threads))),
    )
    if ended.returncode:
        last = ended.stderr.strip().split("\n")[-1][-300:]
        raise BackendError(f"{task.get('way', task['mode'])} failed: {last}")
    answer: dict[str, Any] = json.loads(ended.stdout.strip().split("\n")[-1])
    return answer
