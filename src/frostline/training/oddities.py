"""What a person should look at before believing a training, in sentences.

In:   a `Dataset`, texts found on both sides of the test.
Out:  sentences, each with the lines it is about.
Not:  finding them (data/checks.py).
"""

from frostline.data.checks import Leaks, Repeats, duplicates, label_warnings
from frostline.data.dataset import Dataset

NAMED_ROWS = 5  # how many rows a warning names


def oddities(dataset: Dataset, leaks: Leaks) -> tuple[str, ...]:
    """What a person should look at before believing anything: near-equal labels, contradictions, leaks; by line."""
    found = list(label_warnings(dataset))
    repeats: Repeats = duplicates(dataset)
    if repeats.conflicts:
        lines = "; ".join(", ".join(map(str, repeat.lines)) for repeat in repeats.conflicts[:NAMED_ROWS])
        found.append(f"{len(repeats.conflicts)} texts stand there with different labels (lines {lines}).")
    if leaks.items:
        lines = ", ".join(str(line) for leak in leaks.items[:NAMED_ROWS] for line in leak.test_lines)
        found.append(f"{leaks.n_test_rows} test rows are also training rows, which flatters the score (lines {lines}).")
    return (*found, *_fixed_told(dataset))


def _fixed_told(dataset: Dataset) -> tuple[str, ...]:
    """That rows were changed which may be tested on: a suggestion taken unread is the head's own opinion."""
    fixes = dataset.fixes
    if fixes is None or not (fixes.relabelled or fixes.dropped):
        return ()
    told = (
        f"Fixes relabelled {len(fixes.relabelled):,} rows and dropped {len(fixes.dropped):,}. Where such rows would be "
        "tested on, suggestions taken unread flatter the score: believe it on a test file of its own (--test)."
    )
    return (told,)
