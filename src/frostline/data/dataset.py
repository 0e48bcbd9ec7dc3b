"""Labelled sentences in memory, and what became of every row of the file they came from.

The law: rows in = rows out + rows rejected.
"""

from collections.abc import Collection, Mapping, Sequence
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
    sheet: str = ""  # Of a workbook with several
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

    def known_to(self, labels: Collection[Label], *, allowed: int) -> "Dataset":
        """Without the rows that have another label than `labels`, which become rejects; the source says so.

        Raises
        ------
        InputError
            More rows have such labels than are `allowed`, or all have: every such label is named, with its rows.
        """
        unknown = [place for place, label in enumerate(self.targets.labels) if label not in labels]
        is_unknown = self.targets.members[:, unknown].any(axis=1)
        n_unknown = int(is_unknown.sum())
        if not n_unknown:
            return self
        if n_unknown > allowed or n_unknown == len(self):
            raise self._unknown(labels)
        counts = self._counts_beside(labels)
        rejects = [
            Reject(self.lines[row], f"no training row has the label {shown(name)}")
            for row in np.flatnonzero(is_unknown).tolist()
            for name in [next(name for name in self.targets.names(row) if name not in labels)]
        ]
        kept = self.take(np.flatnonzero(~is_unknown))
        are = "row was" if n_unknown == 1 else "rows were"
        said = f"{self.source.name}: {n_unknown:,} {are} left out: no training row has {_in_rows(counts)}."
        source = replace(self.source, remark=" ".join([*([self.source.remark] if self.source.remark else []), said]))
        merged = tuple(sorted([*self.rejects, *rejects], key=lambda reject: reject.line))
        return replace(kept, source=source, rejects=merged)

    def _counts_beside(self, labels: Collection[Label]) -> dict[Label, int]:
        """How many rows have each label that is not among `labels`, the most frequent first."""
        counts = {label: count for label, count in self.targets.counts().items() if count and label not in labels}
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def _unknown(self, labels: Collection[Label]) -> InputError:
        """Every label that is not among `labels`, with the first row that has one."""
        counts = self._counts_beside(labels)
        unknown = [label in counts for label in self.targets.labels]
        rows = np.flatnonzero(self.targets.members[:, unknown].any(axis=1))
        known = ", ".join(map(shown, list(labels)[:10])) + (", …" if len(labels) > 10 else "")
        got = shown(next(iter(counts))) if len(rows) == 1 and len(counts) == 1 else _in_rows(counts)
        if len(rows) == len(self) and len(counts) >= _MANY_VALUES and len(counts) > len(self) / 2:
            return self._unlabelled(labels, known)
        spelled = {tidy_key(str(label)): label for label in labels}
        if all(tidy_key(str(label)) in spelled for label in counts):
            first = next(iter(counts))
            return InputError(
                f"{self.source.name}:{self.lines[int(rows[0])]}: the label must be one of {known} (got {got}).",
                hint=f"{shown(first)} and {shown(spelled[tidy_key(str(first))])} differ only by case or blanks: "
                "--tidy-labels takes them for one.",
            )
        this, it, row = ("this label", "it", "row") if len(counts) == 1 else ("these labels", "them", "rows")
        way = f" Or pass --max-bad-rows {len(rows)}." if len(rows) < len(self) else ""
        return InputError(
            f"{self.source.name}:{self.lines[int(rows[0])]}: the label must be one of {known} (got {got}).",
            hint=f"No training row has {this}. Correct the {row}, or train with examples of {it}.{way}",
        )

    def _unlabelled(self, labels: Collection[Label], known: str) -> InputError:
        """That a column of numbers or ids was taken for labels, of which there likely are none."""
        column = shown(self.source.label_column) if self.source.label_column else "the label column"
        return InputError(
            f"{self.source.name} has no column with labels of this model ({known}): {column} has "
            f"{len(self._counts_beside(labels)):,} different values, such as {shown(next(iter(self.targets.labels)))}.",
            hint="To label these texts: frostline predict MODEL FILE. If a column holds labels: --label NAME.",
        )


def tidy_key(label: str) -> str:
    """What labels that differ by case and blanks alone have in common."""
    return " ".join(label.split()).casefold()


_MANY_VALUES = 20  # from which on a column of which most values occur once holds no labels
NAMED_LABELS = 20


def _in_rows(counts: Mapping[Label, int]) -> str:
    """Labels, each with its number of rows; of very many the first."""
    named = [f"{shown(label)} in {count:,} row{'' if count == 1 else 's'}" for label, count in counts.items()]
    more = f" and {len(named) - NAMED_LABELS:,} more" if len(named) > NAMED_LABELS else ""
    return ", ".join(named[:NAMED_LABELS]) + more
