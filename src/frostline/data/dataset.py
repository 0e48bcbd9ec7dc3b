"""Labelled sentences in memory, and what became of every row of the file they came from.

The law: rows in = rows out + rows rejected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from frostline.arrays import IntArray
from frostline.data.copies import together_of
from frostline.errors import InputError, shown
from frostline.targets import Label, Names, Targets


@final
@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was left out: its first physical line (from 1; the row number for Parquet) and why."""

    line: int
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows came from."""

    name: str  # The path as given, `-` for standard input, or a name such as `sample`
    sha256: str  # Digest of the file's bytes as they lie on disk (compressed, if they are)
    size_bytes: int
    # `text_column`, `label_column`: As found or chosen: a header's name, or `column 1` where there is no header. Of
    # several text columns that are joined, the names parted by commas.
    text_column: str
    label_column: str
    group_column: str = ""  # "" where rows are in no groups
    other_columns: tuple[str, ...] = ()  # Those that are not used
    remark: str = ""  # That a saved model's own columns are not there, and what was taken instead

    @property
    def file_name(self) -> str:
        """The name without its folders, which say more of a machine than those who are handed a report need know."""
        return Path(self.name).name or self.name


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedFixes:
    """What a file of fixes changed: its name and digest, and the lines of the rows relabelled and dropped."""

    name: str
    sha256: str
    relabelled: tuple[int, ...]
    dropped: tuple[int, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Which rows of a file belong together, as a column of it says."""

    column: str
    n_groups: int
    n_alone: int  # Rows without a group


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Labelled sentences."""

    texts: Sequence[str]  # length n_texts: Exactly as in the file
    # The label of each text, or its set of labels; a label is a string, never a number made of one. Copies belong
    # together.
    targets: Targets
    lines: Sequence[int]  # length n_texts: The line each row came from, for messages
    source: Source
    rejects: tuple[Reject, ...] = ()  # Rows in the file = n_texts + len(rejects) + len(fixes.dropped)
    fixes: AppliedFixes | None = None  # What `apply_fixes` changed
    grouping: Grouping | None = None  # Of the whole file; None: only copies belong together
    groups: Sequence[str] = ()  # n_texts, where there is a grouping: the group of each text, "" where it has none

    def __post_init__(self) -> None:
        if self.targets.together is None:  # copies belong together, whoever made the rows
            object.__setattr__(self, "targets", replace(self.targets, together=together_of(self.texts)))

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def labels(self) -> list[str]:
        """The label of each text, where labels exclude each other."""
        names = [str(label) for label in self.targets.labels]
        return [names[code] for code in self.targets.codes.tolist()]

    @property
    def names(self) -> list[Names]:
        """What stands with each text: its label, or where labels don't exclude each other the tuple of its labels."""
        one: list[Names] = [*self.labels]
        sets: list[Names] = [tuple(str(label) for label in self.targets.names(row)) for row in range(len(self))]
        return {"one label": one, "several labels": sets}[self.targets.kind]

    def counts(self) -> dict[str, int]:
        """How many rows carry each label that occurs, labels in sorted order."""
        return {str(label): count for label, count in self.targets.counts().items() if count}

    def take(self, rows: IntArray) -> "Dataset":
        """The rows numbered in `rows`, in that order."""
        chosen = np.asarray(rows, dtype=np.int64).tolist()
        return replace(
            self,
            texts=[self.texts[row] for row in chosen],
            targets=self.targets.take(np.asarray(chosen, dtype=np.int64)),
            lines=[self.lines[row] for row in chosen],
            groups=[self.groups[row] for row in chosen] if self.groups else (),
        )

    def targets_over(self, labels: Sequence[Label]) -> Targets:
        """The targets with other columns: those of a classifier."""
        column = {label: place for place, label in enumerate(labels)}
        members = np.zeros((len(self), len(labels)), dtype=bool)
        for place, label in enumerate(self.targets.labels):
            has_label = self.targets.members[:, place]
            if label in column:
                members[:, column[label]] = has_label
            elif has_label.any():
                raise self._unknown(labels)
        return replace(self.targets, labels=tuple(labels), members=members)

    def _unknown(self, labels: Sequence[Label]) -> InputError:
        """The first row with a label that is not among `labels`."""
        unknown = [place for place, label in enumerate(self.targets.labels) if label not in set(labels)]
        row = int(np.flatnonzero(self.targets.members[:, unknown].any(axis=1))[0])
        label = next(label for label in self.targets.names(row) if label not in set(labels))
        known = ", ".join(map(shown, labels[:10])) + (", …" if len(labels) > 10 else "")
        return InputError(
            f"{self.source.name}:{self.lines[row]}: the label must be one of {known} (got {shown(label)}).",
            hint="No training row has this label. Correct the row, or train with examples of it.",
        )
