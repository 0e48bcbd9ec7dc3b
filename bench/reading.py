"""Reading sentences: the tutorial's way and ours, in turn.

In:   an encoder's folder, the features, texts.
Out:  a `ReadingComparison`: seconds and peak memory of every run, the largest difference between the rows.
Not:  the ways themselves (ways.py), printing (__main__.py).
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import final

import numpy as np

from frostline.errors import BackendError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingComparison:
    """Both ways, run by run.

    Parameters
    ----------
    name : str
        The encoder and features.
    n_texts : int
    tutorial_s, ours_s : tuple of float, length n_repeats
        Seconds from texts to rows; run i of both followed one another.
    tutorial_peak_bytes, ours_peak_bytes : tuple of int, length n_repeats
        Of the whole process.
    largest_difference : float
        Of any number in any row.
    """

    name: str
    n_texts: int
    tutorial_s: tuple[float, ...]
    ours_s: tuple[float, ...]
    tutorial_peak_bytes: tuple[int, ...]
    ours_peak_bytes: tuple[int, ...]
    largest_difference: float

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times faster ours was, run by run."""
        return tuple(theirs / ours for theirs, ours in zip(self.tutorial_s, self.ours_s, strict=True))

    @property
    def memory_share(self) -> float:
        """Our peak as a share of the tutorial's."""
        return median(self.ours_peak_bytes) / median(self.tutorial_peak_bytes)


def compare_reading(name: str, folder: Path, *, pooling: str, texts: Sequence[str], repeats: int) -> ReadingComparison:
    """Run both ways in turn, `repeats` times each, every run in a process of its own."""
    found: dict[str, list[tuple[float, int]]] = {"tutorial": [], "frostline": []}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(repeats):
            for way, runs in found.items():
                runs.append(_run(way, folder, pooling, texts, Path(scratch) / f"{way}.npy"))
        theirs, ours = (np.load(Path(scratch) / f"{way}.npy", allow_pickle=False) for way in found)
    return ReadingComparison(
        name=name,
        n_texts=len(texts),
        tutorial_s=tuple(seconds for seconds, _ in found["tutorial"]),
        ours_s=tuple(seconds for seconds, _ in found["frostline"]),
        tutorial_peak_bytes=tuple(peak for _, peak in found["tutorial"]),
        ours_peak_bytes=tuple(peak for _, peak in found["frostline"]),
        largest_difference=float(np.abs(theirs - ours).max()),
    )


def _run(way: str, folder: Path, pooling: str, texts: Sequence[str], rows: Path) -> tuple[float, int]:
    task = {"way": way, "folder": str(folder), "pooling": pooling, "texts": list(texts), "rows": str(rows)}
    ended = subprocess.run(
        [sys.executable, "-m", "bench.ways"],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise BackendError(f"The {way} way failed: {ended.stderr.strip()[-500:]}")
    answer = json.loads(ended.stdout.strip().split("\n")[-1])
    return float(answer["seconds"]), int(answer["peak_bytes"])
