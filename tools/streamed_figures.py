"""The last fit of more rows than there is room for: `python tools/streamed_figures.py N_TEXTS [N_FEATURES]`.

Made rows of two labels in a file (4 bytes a number: 10.8 GB for 1,000,000 of 2,688); prints seconds, and the most
memory of its own that the process took (`RssAnon`: pages of the file can be dropped by the system, and do not count).
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from frostline.head.options import SearchOptions
from frostline.head.search import fit_again, search
from frostline.targets import Targets

N_CHOSEN = 4_000
BLOCK = 4_096


def main() -> None:
    """Make, choose C on a part, fit all."""
    n_texts, n_features = int(sys.argv[1]), int((sys.argv[2:] or ["2688"])[0])
    random = np.random.default_rng(0)
    direction = random.standard_normal(n_features)
    codes = np.empty(n_texts, np.int64)
    with tempfile.TemporaryFile() as file:
        rows = np.memmap(file, dtype=np.float32, mode="w+", shape=(n_texts, n_features))
        for start in range(0, n_texts, BLOCK):
            block = random.standard_normal((min(BLOCK, n_texts - start), n_features), dtype=np.float32)
            rows[start : start + BLOCK] = block
            noise = 40 * random.standard_normal(len(block))
            codes[start : start + BLOCK] = block @ direction + noise > 0
        targets, options = Targets.of_codes(codes, (0, 1)), SearchOptions(Cs=(1e-4,), n_folds=2)
        found = search(np.array(rows[:N_CHOSEN]), targets.take(np.arange(N_CHOSEN)), options=options)
        before, done = _anonymous(), threading.Event()
        most = [before]

        def watch() -> None:
            while not done.wait(0.2):
                most[0] = max(most[0], _anonymous())

        watcher = threading.Thread(target=watch)
        watcher.start()
        started = time.perf_counter()
        head = fit_again(rows, targets, found, options=options)
        seconds = time.perf_counter() - started
        done.set()
        watcher.join()
        right = np.mean((rows[:BLOCK] @ head.coef[0] + head.intercept[0] > 0) == codes[:BLOCK])
    print(
        f"{n_texts:,} x {n_features:,} ({4e-9 * n_texts * n_features:.2f} GB): {seconds:.1f} s, "
        f"{(most[0] - before) / 1e6:.0f} MB of its own above {before / 1e6:.0f} MB, {100 * right:.1f} % right"
    )


def _anonymous() -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


if __name__ == "__main__":
    main()
