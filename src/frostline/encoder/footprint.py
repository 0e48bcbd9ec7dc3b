"""How much memory reading takes: that of a process which opens an encoder and reads some texts, and nothing else.

A process of its own, because memory that was once taken stays with a process: what an encoder needs cannot be told
beside others. It reads no more than `N_TEXTS`: memory does not grow with their number.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from frostline.errors import BackendError, FrostlineError

N_TEXTS = 256
_SECONDS = 120


def reading_peak(  # noqa: PLR0913 - what an encoder is opened with
    name: str,
    texts: Sequence[str],
    *,
    features: str,
    revision: str | None = None,
    max_length: int | None = None,
    threads: int | None = None,
    precision: str = "float32",
) -> int | None:
    """Bytes of memory at most, the interpreter included; None where the system does not tell (Windows).

    Raises `BackendError`: the process failed: its own words are passed on.

    Parameters
    ----------
    name : str
        A short name, a folder or a hub id.
    texts : sequence of str
        The first 256 are read.
    features, revision, max_length, threads, precision
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
    }
    ended = subprocess.run(
        [sys.executable, "-m", "frostline.encoder.footprint"],
        input=json.dumps({"opened": opened, "texts": list(texts[:N_TEXTS])}),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
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
