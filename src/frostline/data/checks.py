"""What is odd about labelled texts, before anything is learned from them.

In:   `Dataset`s.
Out:  warnings in words; repeated texts, texts on both sides of a split; how many folds the classes allow.
Not:  reading (tables.py), splitting (split.py), finding wrong labels (review).

Two texts are the same if every character is; nothing is folded or trimmed.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, final

from frostline.data.dataset import Dataset
from frostline.errors import InputError, shown

NAMED = 5  # how many classes or labels a message names


@final
@dataclass(frozen=True, slots=True)
class Repeat:
    """A text that occurs more than once: the lines it stands in, and the label it has in each."""

    text: str
    lines: tuple[int, ...]
    labels: tuple[str, ...]

    @property
    def is_conflict(self) -> bool:
        """Whether its labels differ."""
        return len(set(self.labels)) > 1


@final
@dataclass(frozen=True, slots=True)
class Repeats:
    """Every text of a dataset that occurs more than once, in the order of their first lines."""

    items: tuple[Repeat, ...]

    @property
    def n_extra(self) -> int:
        """How many rows would go if each text stayed once."""
        return sum(len(item.lines) - 1 for item in self.items)

    @property
    def conflicts(self) -> tuple[Repeat, ...]:
        """Those whose labels differ."""
        return tuple(item for item in self.items if item.is_conflict)


@final
@dataclass(frozen=True, slots=True)
class Leak:
    """A text that is in both parts: its lines in each."""

    text: str
    train_lines: tuple[int, ...]
    test_lines: tuple[int, ...]


@final
@dataclass(frozen=True, slots=True)
class Leaks:
    """Every text that is in both parts, in the order of the test part."""

    items: tuple[Leak, ...]

    @property
    def n_test_rows(self) -> int:
        """How many rows of the test part are not new to who has seen the train part."""
        return sum(len(item.test_lines) for item in self.items)


@final
@dataclass(frozen=True, slots=True)
class FoldPlan:
    """How many folds to use, and what to tell the user about it."""

    n_folds: int
    warnings: tuple[str, ...] = ()


def duplicates(dataset: Dataset) -> Repeats:
    """The texts that occur more than once."""
    rows = _rows_by_text(dataset)
    return Repeats(
        tuple(
            Repeat(text, tuple(dataset.lines[row] for row in found), tuple(dataset.labels[row] for row in found))
            for text, found in rows.items()
            if len(found) > 1
        )
    )


def leaked(train: Dataset, test: Dataset) -> Leaks:
    """The texts of `test` that `train` holds too."""
    known = _rows_by_text(train)
    return Leaks(
        tuple(
            Leak(
                text,
                tuple(train.lines[row] for row in known[text]),
                tuple(test.lines[row] for row in found),
            )
            for text, found in _rows_by_text(test).items()
            if text in known
        )
    )


def leaked_in_turn(dataset: Dataset, fold_of: Sequence[int]) -> Leaks:
    """The texts that stand in two folds or more: tested in turn, each is a training text to its own copy.

    Parameters
    ----------
    fold_of : sequence of int
        Of each row.
    """
    return Leaks(
        tuple(
            Leak(text, tuple(dataset.lines[row] for row in found), tuple(dataset.lines[row] for row in found))
            for text, found in _rows_by_text(dataset).items()
            if len({fold_of[row] for row in found}) > 1
        )
    )


class Counted(Protocol):
    """What counts its labels."""

    def counts(self) -> dict[str, int]:
        """How many rows carry each label."""
        ...


def label_warnings(dataset: Counted) -> list[str]:
    """A sentence for each group of labels that differ only by case or blanks at their ends: likely one label."""
    alike: dict[str, list[str]] = defaultdict(list)
    counts = dataset.counts()
    for label in counts:
        alike[label.strip().casefold()].append(label)
    return [
        f"The labels {_listed(group)} differ only by case or blanks at the ends, and count as different labels "
        f"({', '.join(f'{counts[label]:,}' for label in group)} rows)."
        for group in alike.values()
        if len(group) > 1
    ]


def require_classes(dataset: Dataset, n_folds: int, *, strict: bool = False) -> FoldPlan:
    """How many folds the classes of `dataset` allow: `folds_for` of its counts."""
    return folds_for(dataset.counts(), n_folds, name=dataset.source.name, strict=strict)


def folds_for(counts: Mapping[str, int], n_folds: int, *, name: str = "The data", strict: bool = False) -> FoldPlan:
    """How many folds can be made so that each class is in every one of them.

    Parameters
    ----------
    counts : mapping of str to int
        Rows per label.
    n_folds : int
        Wanted, 2 or more.
    name : str
        What to call the data in messages.
    strict : bool
        Fewer folds than wanted are an error, not a warning.

    Raises
    ------
    InputError
        There are fewer than two classes (the one is named); a class has a single row, so that no model could be
        both taught and asked about it; or, if `strict`, a class has fewer rows than there are folds.
    """
    if len(counts) < 2:
        only = f"all {sum(counts.values()):,} rows are labelled {_listed(list(counts))}" if counts else "there is none"
        raise InputError(
            f"{name}: two classes or more are needed ({only}).", hint="Add rows of another label; check --label."
        )
    small = sorted((label for label in counts if counts[label] < n_folds), key=lambda label: (counts[label], label))
    single = [label for label in small if counts[label] < 2]
    if single:
        raise InputError(
            f"{name}: every class needs two rows or more to be checked against each other ({_listed(single)} "
            f"{'have' if len(single) > 1 else 'has'} one).",
            hint="Add rows, merge the class with another, or leave it out.",
        )
    if not small:
        return FoldPlan(n_folds)
    fewest = counts[small[0]]
    told = f"{_listed(small)} {'have' if len(small) > 1 else 'has'} fewer rows than there are folds ({n_folds})"
    if strict:
        raise InputError(f"{name}: {told}; the smallest has {fewest}.", hint=f"Add rows, or ask for {fewest} folds.")
    return FoldPlan(fewest, (f"{told}; {fewest} folds are used.",))


def _rows_by_text(dataset: Dataset) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(dataset.texts):
        rows.setdefault(text, []).append(row)
    return rows


def _listed(labels: list[str]) -> str:
    named = ", ".join(shown(label) for label in labels[:NAMED])
    return named + (f" and {len(labels) - NAMED} more" if len(labels) > NAMED else "")
