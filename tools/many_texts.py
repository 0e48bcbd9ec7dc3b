"""A training on many texts with `static`, file to saved classifier: `python tools/many_texts.py N FOLDER [OPTION ...]`.

FOLDER/made-N.tsv, written unless it is there, has N made texts of 6 to 20 words, drawn by Zipf's law from 60,000, of
two labels; `frostline train` learns from it in a process of its own, with `--encoder static` and the options given
(`--features mean@all`, say). Prints seconds by the clock, processor time, and the most memory that the process held,
that of files which it maps included.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

N_WORDS = 60_000
BLOCK = 10_000
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
    random, words = np.random.default_rng(1), np.array(made_words(), dtype=object)
    shares = 1 / np.arange(3, N_WORDS + 3)
    ends, leans = np.cumsum(shares / shares.sum()), random.standard_normal(N_WORDS) * (random.random(N_WORDS) < 1 / 12)
    with path.open("w", encoding="utf-8") as file:
        file.write("text\tlabel\n")
        for start in range(0, n_texts, BLOCK):
            lengths = random.integers(6, 21, size=min(BLOCK, n_texts - start))
            drawn = np.searchsorted(ends, random.random(lengths.sum())).clip(0, N_WORDS - 1)
            parts = np.split(drawn, np.cumsum(lengths)[:-1])
            noise = random.standard_normal(len(parts)) / 2
            said = np.add.reduceat(leans[drawn], np.concatenate([[0], np.cumsum(lengths)[:-1]])) + noise > 0
            for part, is_yes in zip(parts, said.tolist(), strict=True):
                file.write(f"{' '.join(words[part].tolist())}\t{'yes' if is_yes else 'no'}\n")


def main() -> None:
    """Make the file unless it is there, train, tell."""
    n_texts, folder, options = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    path = folder / f"made-{n_texts}.tsv"
    if not path.exists():
        write(path, n_texts)
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            "-m",
            "frostline",
            "train",
            str(path),
            "--encoder",
            "static",
            "--out",
            f"{scratch}/out",
        ]
        started = time.perf_counter()
        done = subprocess.run([*command, *options], check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
        seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{n_texts:,} texts: {seconds:.1f} s by the clock, {used.ru_utime + used.ru_stime:.1f} s of processor time, "
        f"{used.ru_maxrss / 1e6:.2f} GB at most, exit {done.returncode}"
    )


if __name__ == "__main__":
    main()
