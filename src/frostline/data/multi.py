"""Texts with any number of labels each, in memory.

In:   rows that a reader took from a file.
Out:  a `MultiDataset`: texts, a set of labels each, and the law rows in = rows out + rows rejected.
Not:  one label per text (dataset.py), which stays as simple as it is; reading (tables.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import BoolArray, IntArray
from frostline.data.checks import NAMED, FoldPlan
from frostline.data.dataset import Dataset, Reject, Source
from frostline.errors import InputError, shown


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiDataset:
    """Texts of which each may have several labels, or none.

    Parameters
    ----------
    texts : sequence of str, length n_texts
    label_sets : sequence of tuple of str, length n_texts
        Each label once, in the order of the file.
    lines, source, rejects
        As in `Dataset`.
    """

    texts: Sequence[str]
    label_sets: Sequence[tuple[str, ...]]
    lines: Sequence[int]
    source: Source
    rejects: tuple[Reject, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def counts(self) -> dict[str, int]:
        """How many rows carry each label, labels in sorted order."""
        found = Counter(label for labels in self.label_sets for label in labels)
        return {label: found[label] for label in sorted(found)}

    @property
    def n_unlabelled(self) -> int:
        """Rows that have no label."""
        return sum(not labels for labels in self.label_sets)

    @property
    def n_given(self) -> int:
        """Labels on all rows together."""
        return sum(map(len, self.label_sets))

    def take(self, rows: IntArray) -> "MultiDataset":
        """The rows numbered in `rows`, in that order."""
        chosen = np.asarray(rows, dtype=np.int64).tolist()
        return replace(
            self,
            texts=[self.texts[row] for row in chosen],
            label_sets=[self.label_sets[row] for row in chosen],
            lines=[self.lines[row] for row in chosen],
        )

    def as_combinations(self) -> Dataset:
        """The same rows, each set of labels as one label: for what only asks which rows are labelled alike."""
        return Dataset(
            texts=self.texts,
            labels=[repr(sorted(labels)) for labels in self.label_sets],
            lines=self.lines,
            source=self.source,
            rejects=self.rejects,
        )


def members_of(labels: Sequence[str], dataset: MultiDataset) -> BoolArray:
    """Which of `labels` each text has, (n_texts, n_labels).

    Raises
    ------
    InputError
        A row has a label that is not among them; its line is named.
    """
    column = {label: place for place, label in enumerate(labels)}
    members = np.zeros((len(dataset), len(labels)), dtype=bool)
    for row, own in enumerate(dataset.label_sets):
        for label in own:
            if label not in column:
                known = ", ".join(map(shown, labels[:10])) + (", …" if len(labels) > 10 else "")
                raise InputError(
                    f"{dataset.source.name}:{dataset.lines[row]}: every label must be one of {known} "
                    f"(got {shown(label)}).",
                    hint="No training row has this label. Correct the row, or train with examples of it.",
                )
            members[row, column[label]] = True
    return members


def require_labels(dataset: MultiDataset, n_folds: int, *, strict: bool = False) -> FoldPlan:
    """How many folds to use, and a sentence on each group of labels that will be hard to learn.

    Raises
    ------
    InputError
        No label at all, or one only; or, if `strict`, a label with fewer rows than there are folds.
    """
    counts, n_rows, name = dataset.counts(), len(dataset), dataset.source.name
    if not counts:
        raise InputError(f"{name}: no row has a label ({n_rows:,} rows).", hint="Check --label.")
    if len(counts) == 1:
        raise InputError(
            f"{name}: there must be two labels or more (all that occurs is {_listed(list(counts))}).",
            hint="Check --labels-separator; or label the rows without it too, and leave the option out.",
        )
    folds = min(n_folds, n_rows)
    few = sorted((label for label in counts if counts[label] < folds), key=lambda label: (counts[label], label))
    warnings = []
    if few:
        told = f"{_listed(few)} {'have' if len(few) > 1 else 'has'} fewer rows than there are folds ({folds})"
        if strict:
            raise InputError(
                f"{name}: {told}; the rarest has {counts[few[0]]}.", hint="Add rows, or ask for fewer folds."
            )
        warnings.append(f"{told}: what is said of {'them' if len(few) > 1 else 'it'} rests on next to nothing.")
    everywhere = [label for label in counts if counts[label] == n_rows]
    if everywhere:
        warnings.append(
            f"Every row has {_listed(everywhere)}: nothing can be learned of it, and every text will get it."
        )
    if all(len(labels) == 1 for labels in dataset.label_sets):
        warnings.append(
            "Every row has exactly one label: without several labels per text they would be told apart better."
        )
    return FoldPlan(folds, tuple(warnings))


def _listed(labels: Sequence[str]) -> str:
    named = ", ".join(shown(label) for label in labels[:NAMED])
    return named + (f" and {len(labels) - NAMED} more" if len(labels) > NAMED else "")
