"""A process that reads sentences and remembers them, to be killed, starved or run beside others.

Run as: reading_child.py ROOT LOG N_TEXTS PAUSE_S [LIMIT_BYTES]; with WAITS_AT=N in the environment it reads the Nth
chunk for ten minutes. Each chunk is logged before it is read and after it
is kept, with one write each, so that the log is right whatever moment the process dies at.
"""

import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from fakes import FakeEncoder
from frostline.arrays import Progress
from frostline.encoder.reading import Reading
from frostline.errors import FrostlineError
from frostline.store import FeatureStore, StoredEncoder
from frostline.store import stored as stored_module

CHUNK_ROWS = 16


class SlowEncoder(FakeEncoder):
    """Takes its time over each chunk, and says what it reads."""

    log = -1
    pause_s = 0.0
    n_asked = 0

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        os.write(self.log, f"read {len(texts)}\n".encode())
        self.n_asked += 1
        time.sleep(600 if os.environ.get("WAITS_AT") == str(self.n_asked) else self.pause_s)
        return super().encode(texts, progress=progress)


def texts(n_texts: int) -> list[str]:
    """What every child reads: of many lengths, so that the chunks are made by length."""
    return [f"{i} {'word ' * (i % 11)}" for i in range(n_texts)]


def few_rows(n_features: int) -> int:
    """Many small chunks instead of a few large ones: more moments to die at."""
    return CHUNK_ROWS


def main() -> int:
    root, log, n_texts, pause_s = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    if len(sys.argv) > 5:
        import resource  # noqa: PLC0415 - posix only
        import signal  # noqa: PLC0415

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[5]), int(sys.argv[5])))
    warnings.simplefilter("error")
    stored_module.rows_per_shard = few_rows  # type: ignore[attr-defined]
    encoder = SlowEncoder(features="mean@all", hidden_size=8, n_layers=1)
    encoder.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    encoder.pause_s = pause_s
    try:
        reading = StoredEncoder(encoder, FeatureStore.open(root)).encode(texts(n_texts))
    except FrostlineError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return error.exit_code
    os.write(encoder.log, f"done {reading.n_read}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
