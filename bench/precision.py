"""Precisions: the tutorial's way, float32 and int8, in turn in one run, beside what the processor could do at most.

In:   an encoder's folder, the features, texts.
Out:  a `PrecisionComparison`: ratios, shares of the measured ceilings, one sentence alone, a second start.
Not:  the processes that read (ways.py, precision_ways.py), printing (precision_table.py).

The ceilings are measured between the runs, so that whatever else the machine does slows both: products of the
encoder's own sizes with nothing around them, in float32 and in 8-bit numbers, one per thread.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, final

import numpy as np

from bench.ceilings import int8_gops, work_gflop
from bench.environment import as_installed
from frostline.encoder.architecture import describe
from frostline.encoder.cost import product_gflops
from frostline.encoder.encoder import Encoder
from frostline.encoder.files import read_json
from frostline.encoder.precision import Precision, why_not_int8
from frostline.errors import BackendError
from frostline.machine import BLAS_THREAD_SETTINGS, one_blas_thread, usable_cores

_CEILING_S = 0.5
_N_PIECES = 20  # of the sentence that is read alone


@final
@dataclass(slots=True, kw_only=True)
class Way:
    """One way's runs; run i of every way followed one another.

    Parameters
    ----------
    seconds : list of float
        To read all texts.
    shares : list of float
        Of the ceiling measured beside the run; empty for the tutorial's way.
    alone_p50_ms, alone_p99_ms : list of float
        One sentence of 20 word pieces on one thread; empty for the tutorial's way.
    starts_s : list of float
        A process from its start to its first vector; everything was kept from before.
    """

    seconds: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    alone_p50_ms: list[float] = field(default_factory=list)
    alone_p99_ms: list[float] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionComparison:
    """All ways of one encoder.

    Parameters
    ----------
    name, features : str
    n_texts : int
    why_no_int8 : str or None
        Why int8 was not measured; None where it was.
    ways : dict of str to Way
        `tutorial`, `float32`, and `int8` where this processor has it.
    """

    name: str
    features: str
    n_texts: int
    why_no_int8: str | None
    ways: dict[str, Way]

    def ratios(self, way: str, beside: str = "tutorial") -> tuple[float, ...]:
        """How many times faster `way` was than `beside`, run by run."""
        pairs = zip(self.ways[beside].seconds, self.ways[way].seconds, strict=True)
        return tuple(other / its for other, its in pairs)


def compare_precisions(  # noqa: PLR0913 - what reads what, how often, and beside what
    name: str,
    folder: Path,
    *,
    features: str,
    texts: Sequence[str],
    repeats: int,
    with_tutorial: bool = True,
    with_int8: bool | None = None,
) -> PrecisionComparison:
    """Read `texts` in every way in turn, `repeats` times, each in a process of its own.

    Parameters
    ----------
    with_tutorial : bool
        Needs torch and transformers.
    with_int8 : bool, optional
        Where the processor has instructions for it, unless given.

    Raises
    ------
    BackendError
        A way failed.
    """
    why_not = why_not_int8()
    precisions: list[Precision] = ["float32"]
    if why_not is None if with_int8 is None else with_int8:
        precisions.append("int8")
    shape, threads = describe(read_json(folder / "config.json")), usable_cores()
    pieces = Encoder.open(str(folder), features=features).word_pieces.tokenize(list(texts)).lengths
    work = work_gflop(shape, pieces.tolist(), cls_only=features == "cls@-1")
    sentence = texts[int(np.abs(pieces - _N_PIECES).argmin())]
    names = [*(["tutorial"] if with_tutorial else []), *precisions]
    ways = {way: Way() for way in names}
    for precision in precisions:  # a first start keeps what the second finds
        _start(folder, features, precision, sentence)
    for _ in range(repeats):
        if with_tutorial:
            task = {"way": "tutorial", "folder": str(folder), "pooling": features.removesuffix("@-1")}
            ways["tutorial"].seconds.append(_run("bench.ways", {**task, "texts": list(texts)})["seconds"])
        for precision in precisions:
            way, task = ways[precision], {"folder": str(folder), "features": features, "precision": precision}
            found = _run("bench.precision_ways", {**task, "texts": list(texts), "sentence": sentence})
            with one_blas_thread():
                ceiling = int8_gops if precision == "int8" else product_gflops
                at_most = ceiling(shape, threads=threads, seconds=_CEILING_S)
            way.seconds.append(found["seconds"])
            way.shares.append(work / found["seconds"] / at_most)
            way.alone_p50_ms.append(found["alone_p50_ms"])
            way.alone_p99_ms.append(found["alone_p99_ms"])
            way.starts_s.append(_start(folder, features, precision, sentence))
    return PrecisionComparison(
        name=name,
        features=features,
        n_texts=len(texts),
        why_no_int8=None if "int8" in ways else why_not or "It was not asked for.",
        ways=ways,
    )


def headlines(found: Sequence[PrecisionComparison]) -> dict[str, tuple[float, str]]:
    """The figures that are kept to compare the next run with."""
    kept: dict[str, tuple[float, str]] = {}
    for one in found:
        for way, runs in one.ways.items():
            if way != "tutorial" and "tutorial" in one.ways:
                kept[f"{way}, {one.name}"] = median(one.ratios(way)), "x"
            if runs.starts_s:
                kept[f"second start, {way}, {one.name}"] = median(runs.starts_s), "s"
    return kept


def _run(module: str, task: dict[str, Any], *, env: dict[str, str] | None = None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        ended = subprocess.run(  # noqa: S603 - this interpreter, modules of ours
            [sys.executable, "-m", module],
            input=json.dumps({**task, "rows": str(Path(scratch) / "rows.npy")}),
            capture_output=True,
            text=True,
            check=False,
            env=env,
        )
    if ended.returncode:
        raise BackendError(f"A way of reading failed: {ended.stderr.strip()[-500:]}")
    answer: dict[str, Any] = json.loads(ended.stdout.strip().split("\n")[-1])
    return answer


def _start(folder: Path, features: str, precision: Precision, sentence: str) -> float:
    """Seconds from the start of a process to its first vector, Python's own start included.

    With one BLAS thread, as the command line has it.
    """
    task = {"folder": str(folder), "features": features, "precision": precision, "texts": [], "sentence": sentence}
    env = as_installed(**dict.fromkeys(BLAS_THREAD_SETTINGS, "1"))
    started = time.time()
    found = _run("bench.precision_ways", task, env=env)
    return float(found["first_vector_at"]) - started
