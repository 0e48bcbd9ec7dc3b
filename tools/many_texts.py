"""A training on many texts with `static`, file to saved classifier: `python tools/many_texts.py N [OPTION ...]`.

N made texts of 6 to 20 words, drawn by Zipf's law from 60,000, with two labels; `frostline train` in a process of its
own with `--encoder static` and the options given (`--features mean@all`, say). Prints seconds by the clock, processor
time, and the most memory that the process held (of files that it maps too).
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

N_WORDS = 60_000
SYLLABLES = [first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou"]


def made_words() -> list[str]:
    """Words of two to four syllables, no two alike."""
    random = np.random.default_rng(0)
    words: dict[str, None] = {}
    while len(words) < N_WORDS:
        words["".join(SYLLABLES[place] for place in random.integers(len(SYLLABLES), size=random.integers(2, 5)))] = None
    return list(words)


def write(path: Path, n_texts: int) -> None:
    """A TSV of texts and labels: one in twelve words leans to a label."""
    random, words = np.random.default_rng(1), made_words()
    shares = 1 / np.arange(3, N_WORDS + 3)
    ends, leans = np.cumsum(shares / shares.sum()), random.standard_normal(N_WORDS) * (random.random(N_WORDS) < 1 / 12)
    with path.open("w", encoding="utf-8") as file:
        file.write("text\tlabel\n")
        for _ in range(n_texts):
            drawn = np.searchsorted(ends, random.random(random.integers(6, 21))).clip(0, N_WORDS - 1)
            label = "yes" if leans[drawn].sum() + 0.5 * random.standard_normal() > 0 else "no"
            file.write(f"{' '.join(words[place] for place in drawn)}\t{label}\n")


def main() -> None:
    """Make the file, train, tell."""
    n_texts, options = int(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "made.tsv", Path(folder) / "model"
        write(path, n_texts)
        started = time.perf_counter()
        command = [sys.executable, "-m", "frostline", "train", str(path), "--encoder", "static", "--out", str(out)]
        done = subprocess.run([*command, *options], check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
        seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{n_texts:,} texts: {seconds:.1f} s by the clock, {used.ru_utime + used.ru_stime:.1f} s of processor time, "
        f"{used.ru_maxrss / 1e6:.2f} GB at most, exit {done.returncode}"
    )


if __name__ == "__main__":
    main()
