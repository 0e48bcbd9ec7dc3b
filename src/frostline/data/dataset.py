"""Labelled sentences in memory, and what became of every row of the file they came from.

In:   rows that a reader took from a file, or lists that a caller has.
Out:  a `Dataset`: texts, labels, and the law rows in = rows out + rows rejected.
Not:  reading files (tables.py and its formats), splitting (split.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from frostline.arrays import IntArray


@final
@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was left out: its first physical line (from 1; the row number for Parquet) and why."""

    line: int
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows came from.

    Parameters
    ----------
    name : str
        The path as given, `-` for standard input, or a name such as `sample`.
    sha256 : str
        Digest of the file's bytes as they lie on disk (compressed, if they are).
    size_bytes : int
    text_column, label_column : str
        As found or chosen: a header's name, or `column 1` where there is no header.
    """

    name: str
    sha256: str
    size_bytes: int
    text_column: str
    label_column: str

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
class Dataset:
    """Labelled sentences.

    Parameters
    ----------
    texts, labels : sequence of str, length n_texts
        Exactly as in the file; a label is a string, never a number made of one.
    lines : sequence of int, length n_texts
        The line each row came from, for messages.
    source : Source
    rejects : tuple of Reject
        Rows in the file = n_texts + len(rejects) + len(fixes.dropped).
    fixes : AppliedFixes or None
        What `apply_fixes` changed.
    """

    texts: Sequence[str]
    labels: Sequence[str]
    lines: Sequence[int]
    source: Source
    rejects: tuple[Reject, ...] = ()
    fixes: AppliedFixes | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def counts(self) -> dict[str, int]:
        """How many rows carry each label, labels in sorted order."""
        found = Counter(self.labels)
        return {label: found[label] for label in sorted(found)}

    def take(self, rows: IntArray) -> "Dataset":
        """The rows numbered in `rows`, in that order."""
        chosen = np.asarray(rows, dtype=np.int64).tolist()
        return replace(
            self,
            texts=[self.texts[row] for row in chosen],
            labels=[self.labels[row] for row in chosen],
            lines=[self.lines[row] for row in chosen],
        )
