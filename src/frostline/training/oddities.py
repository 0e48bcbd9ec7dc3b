"""What a person should look at before believing a training, in sentences.

In:   a `Dataset`, texts found on both sides of the test.
Out:  sentences, each with the lines it is about.
Not:  finding them (data/checks.py).
"""

from collections.abc import Sequence

from frostline.data.checks import Leaks, Repeat, Repeats, duplicates, label_warnings
from frostline.data.dataset import Dataset

NAMED_ROWS = 5  # how many rows a warning names


def oddities(dataset: Dataset, leaks: Leaks) -> tuple[str, ...]:
    """What a person should look at before believing anything: near-equal labels, contradictions, leaks; by line."""
    found = list(label_warnings(dataset))
    repeats: Repeats = duplicates(dataset)
    if repeats.conflicts:
        found.append(conflicts_told(repeats.conflicts, "labels"))
    if leaks.items:
        found.append(leaks_told(leaks))
    return (*found, *_fixed_told(dataset))


def conflicts_told(conflicts: Sequence[Repeat], what: str) -> str:
    """Texts that have several labels, or sets of labels, and their lines."""
    lines = "; ".join(", ".join(map(str, repeat.lines)) for repeat in conflicts[:NAMED_ROWS])
    stand = "text stands" if len(conflicts) == 1 else "texts stand"
    return f"{len(conflicts):,} {stand} there with different {what} (lines {lines})."


def leaks_told(leaks: Leaks) -> str:
    """Test rows that are training rows, and their lines."""
    lines = ", ".join(str(line) for leak in leaks.items[:NAMED_ROWS] for line in leak.test_lines)
    n = leaks.n_test_rows
    are = "test row is also a training row" if n == 1 else "test rows are also training rows"
    return f"{n:,} {are}, which flatters the score (line{'' if n == 1 else 's'} {lines})."


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
