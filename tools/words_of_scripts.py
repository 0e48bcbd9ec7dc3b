"""What a word is in languages without blanks: `python tools/words_of_scripts.py FILE.tsv ...` (columns text and label).

Words and pairs of words alone, five folds, C searched within each: share of answers right, by what counts as a word. As
it is (`ours`); as scikit-learn has it (`runs`: letters and digits, with or without marks); each character by itself
where there are no blanks; and runs of up to three of those.
"""

import re
import sys
from pathlib import Path

import numpy as np

from frostline.arrays import JoinedRows
from frostline.data.options import TableOptions
from frostline.data.split import folds as split_folds
from frostline.data.tables import read_dataset
from frostline.encoder import words
from frostline.evaluate.intervals import wilson
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.targets import Targets

MARKS = r"\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
CHINESE = r"\u3040-\u30ff\u3400-\u9fff"
THAI = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Lao, Burmese and Khmer too
WAYS: dict[str, tuple[str, int]] = {
    "ours": (words.MARKED_PATTERN, 2),
    "ours without marks": (words.WORD_PATTERN, 2),
    "ours, three": (words.MARKED_PATTERN, 3),
    "runs": (r"\w+", 2),
    "runs with marks": (rf"[\w{MARKS}]+", 2),
    "marks; Chinese and Japanese by characters": (rf"[{CHINESE}]|(?:(?![{CHINESE}])[\w{MARKS}])+", 2),
    "Thai by characters too": (rf"[{CHINESE}{THAI}]|(?:(?![{CHINESE}{THAI}])[\w{MARKS}])+", 2),
    "Thai by characters too, three": (rf"[{CHINESE}{THAI}]|(?:(?![{CHINESE}{THAI}])[\w{MARKS}])+", 3),
    "Thai by characters and their marks": (
        rf"[{CHINESE}]|[{THAI}][{MARKS}]*|(?:(?![{CHINESE}{THAI}])[\w{MARKS}])+",
        2,
    ),
    "Thai by characters and their marks, three": (
        rf"[{CHINESE}]|[{THAI}][{MARKS}]*|(?:(?![{CHINESE}{THAI}])[\w{MARKS}])+",
        3,
    ),
}
N_FOLDS = 5


def main() -> None:
    """Print a line for each file and way."""
    for name in sys.argv[1:]:
        data = read_dataset(Path(name), TableOptions())
        targets, texts = data.targets, np.asarray(data.texts, dtype=object)
        folds = split_folds(targets, n_folds=N_FOLDS, seed=0)
        for way, (pattern, most) in WAYS.items():
            n_right, n_terms = right(texts, targets, folds, pattern, most)
            low, high = wilson(n_right, len(texts))
            share = 100 * n_right / len(texts)
            print(
                f"{Path(name).stem} n={len(texts)} {way}: {share:.1f} % ({100 * low:.1f} to {100 * high:.1f}), "
                f"{n_terms:,} terms",
                flush=True,
            )


def right(texts: np.ndarray, targets: Targets, folds: np.ndarray, pattern: str, most: int) -> tuple[int, int]:
    """How many texts get their label out of fold, and how many terms the last fold's vocabulary has."""
    words._WORD = words._MARKED = re.compile(pattern)  # noqa: SLF001 - what is measured
    n_right = n_terms = 0
    for fold in range(N_FOLDS):
        held = folds == fold
        vocabulary = words.fit(texts[~held].tolist(), max_words=most)
        learned, asked = (
            JoinedRows(np.empty((len(part), 0), np.float32), vocabulary.rows(part.tolist()))
            for part in (texts[~held], texts[held])
        )
        head = search(learned, targets.take(np.flatnonzero(~held)), options=SearchOptions(n_folds=N_FOLDS)).head
        shares = head.predict_proba(asked)
        n_right += int((head.answer(shares).favoured == targets.members[held]).all(axis=1).sum())
        n_terms = len(vocabulary.terms)
    return n_right, n_terms


if __name__ == "__main__":
    main()
