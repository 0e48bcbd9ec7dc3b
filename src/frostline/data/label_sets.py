"""Several labels in one cell: what the cell may be, and which column holds such cells.

In:   a cell's value as the format gives it; the first values of every column.
Out:  a tuple of labels, each once; the columns of text and labels.
Not:  one label per cell (cells.py, columns.py).
"""

from collections import Counter
from collections.abc import Sequence

from frostline.data.options import TableOptions
from frostline.errors import shown

_REPEATING = 2  # how often a label occurs on average at least, in the column that holds labels
_LONGER = 2  # how many times longer than any other column's the texts are


def holds_lists(values: Sequence[object]) -> bool:
    """Whether a column's first values are lists, as far as they are anything."""
    return any(isinstance(value, list | tuple) for value in values)


def parted(cell: str, separator: str) -> tuple[str, ...]:
    """The labels in a cell, blanks around each removed, each once, in order; none of an empty cell."""
    found = dict.fromkeys(label.strip() for label in cell.split(separator))
    found.pop("", None)
    return tuple(found)


def columns_of_sets(columns: Sequence[Sequence[object]], options: TableOptions) -> tuple[int | None, int | None]:
    """Which columns hold the texts and the labels, where that is clear from the values.

    The labels are in the one column of lists; or in the one column whose cells, parted, repeat. The texts are in the
    one other column that is much longer than the rest.
    """
    label = _only([place for place, values in enumerate(columns) if holds_lists(values)])
    if label is None and options.labels_separator is not None:
        separator = options.labels_separator
        found = [place for place, values in enumerate(columns) if _repeat(values, separator)]
        if len(columns) == 2:  # of two that repeat, the texts are the longer ones
            found = sorted(found, key=lambda place: sum(len(str(value)) for value in columns[place]))[:1]
        label = _only(found)
    if label is None:
        return None, None
    sizes = {
        place: sum(len(value) for value in values if isinstance(value, str))
        for place, values in enumerate(columns)
        if place != label
    }
    longest = max(sizes, key=sizes.__getitem__, default=None)
    if longest is None or any(_LONGER * size > sizes[longest] for place, size in sizes.items() if place != longest):
        return None, label
    return longest, label


def shown_kind(value: object) -> str:
    """A value in a list of labels that may not be one, for a message."""
    return "null" if value is None else shown(str(value))


def _repeat(values: Sequence[object], separator: str) -> bool:
    cells = [value for value in values if isinstance(value, str)]
    if not cells or len(cells) < len(values):
        return False
    counts = Counter(label for cell in cells for label in parted(cell, separator))
    return bool(counts) and counts.total() >= _REPEATING * len(counts) and max(map(len, counts)) <= 100


def _only(places: Sequence[int]) -> int | None:
    return places[0] if len(places) == 1 else None
