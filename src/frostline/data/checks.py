"""What is odd about labelled texts, before anything is learned from them.

A text is repeated, contradicted, or learned and tested on by its copies: equal but for case, blanks and punctuation
(`copies.copy_keys`).
"""

import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.data.copies import copy_keys
from frostline.data.dataset import Dataset, Reject, tidy_key
from frostline.errors import InputError, shown
from frostline.targets import Label

NAMED = 5  # how many classes or labels a message names


@final
@dataclass(frozen=True, slots=True)
class Repeat:
    """A text of which there are copies: the lines they stand in, and the labels it has in each."""

    text: str  # Of the first line
    lines: tuple[int, ...]
    labels: tuple[tuple[Label, ...], ...]
    is_exact: bool = True  # Whether all are the same to the letter

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
    """A text that is in both parts, and its lines in the one to test on."""

    text: str
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
    """The texts of which there are copies."""
    rows = _rows_by(copy_keys(dataset.texts))
    return Repeats(
        tuple(
            Repeat(
                dataset.texts[places[0]],
                tuple(dataset.lines[row] for row in places),
                tuple(map(dataset.targets.names, places)),
                is_exact=len({dataset.texts[row] for row in places}) == 1,
            )
            for places in rows.values()
            if len(places) > 1
        )
    )


def leaked(train: Dataset, test: Dataset) -> Leaks:
    """The texts of `test` of which `train` holds a copy."""
    known = set(copy_keys(train.texts))
    return Leaks(
        tuple(
            Leak(test.texts[rows[0]], tuple(test.lines[row] for row in rows))
            for key, rows in _rows_by(copy_keys(test.texts)).items()
            if key in known
        )
    )


def label_warnings(dataset: Dataset) -> list[str]:
    """A sentence for each group of labels that differ only by case or blanks at their ends: likely one label.

    And one for labels that are other labels joined: likely sets, read without their separator.
    """
    counts = dataset.counts()
    return [
        *(
            f"The labels {_listed(group)} differ only by case or blanks at the ends, and count as different labels "
            f"({', '.join(f'{counts[label]:,}' for label in group)} rows)."
            for group in alike(counts)
        ),
        *_joined_told(counts),
    ]


def alike(labels: Iterable[str]) -> list[list[str]]:
    """Groups of labels that differ only by case, or by blanks at their ends or between words."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        groups[tidy_key(label)].append(label)
    return [group for group in groups.values() if len(group) > 1]


def tidied(dataset: Dataset, known: Collection[str] = ()) -> Dataset:
    """The same, with labels merged that differ only by case and blanks; the source says which.

    A label becomes the one of `known` that it is like, unless several of those are like each other; else the
    commonest spelling stays, without blanks at its ends.
    """
    counts, merged = dataset.counts(), dict[str, str]()
    groups: dict[str, list[str]] = defaultdict(list)
    for label in dict.fromkeys([*known, *counts]):
        groups[tidy_key(label)].append(label)
    for group in groups.values():
        asked = [label for label in group if label in known]
        kept = asked[0] if asked else " ".join(max(group, key=lambda label: counts[label]).split())
        if len(asked) <= 1:
            merged |= {label: kept for label in group if label in counts and label != kept}
    if not merged:
        return dataset
    labels = sorted({merged.get(label, label) for label in counts})
    members = np.zeros((len(dataset), len(labels)), dtype=bool)
    for place, label in enumerate(map(str, dataset.targets.labels)):
        if label in counts:
            members[:, labels.index(merged.get(label, label))] |= dataset.targets.members[:, place]
    told = in_a_line([f"{shown(label)} as {shown(kept)}" for label, kept in merged.items()])
    said = f"{dataset.source.name}: labels that differ by case or blanks are taken for one: {told}."
    remark = " ".join(filter(None, [dataset.source.remark, said]))
    targets = replace(dataset.targets, labels=tuple(labels), members=members)
    return replace(dataset, targets=targets, source=replace(dataset.source, remark=remark))


def without_lone(dataset: Dataset, *, allowed: int) -> Dataset:
    """The same without rows that alone have their label, which become rejects, if no more are `allowed` to be.

    Where a text has one label; of several a rare one keeps nobody from learning the others.
    """
    lone = [label for label, count in dataset.counts().items() if count == 1]
    if dataset.targets.kind != "one label" or not lone or len(lone) + len(dataset.rejects) > allowed:
        return dataset
    rare = set(lone)
    labels = dataset.labels
    is_lone = np.array([label in rare for label in labels])
    rejects = [
        Reject(dataset.lines[row], f"no other row has the label {shown(labels[row])}")
        for row in np.flatnonzero(is_lone).tolist()
    ]
    said = f"{dataset.source.name}: left out, since no other row has the label: {_listed(lone)}."
    source = replace(dataset.source, remark=" ".join(filter(None, [dataset.source.remark, said])))
    merged = tuple(sorted([*dataset.rejects, *rejects], key=lambda reject: reject.line))
    return replace(dataset.take(np.flatnonzero(~is_lone)), source=source, rejects=merged)


def joined(counts: Mapping[str, int]) -> tuple[str, list[str]]:
    """The mark by which labels are other labels joined, and these; of three the first that is; else neither."""
    for mark in ",;|":
        found = [label for label in counts if mark in label and counts.keys() >= {*map(str.strip, label.split(mark))}]
        if found:
            return mark, found
    return "", []


def _joined_told(counts: Mapping[str, int]) -> list[str]:
    mark, found = joined(counts)
    if not found:
        return []
    n_labels = f"{len(found):,} of the {len(counts):,} labels are other labels joined by {mark!r}"
    return [f"{n_labels}, such as {shown(found[0])}, and count as labels of their own (--labels-separator)."]


def require_learnable(dataset: Dataset, n_folds: int, *, strict: bool = False, n_held: int = 0) -> FoldPlan:
    """How many folds the labels of `dataset` allow, and a sentence on each that will be hard to learn.

    Parameters
    ----------
    n_held : int
        Rows of the same file that are held out: what they took is not the file's fault.

    Raises
    ------
    InputError
        As `folds_for`; all texts belong together; of several labels per text: one row only, no label at all, or one
        only; if `strict`, a label with fewer rows than there are folds.
    """
    if len(dataset) > 1 and dataset.targets.n_apart == 1 and dataset.counts():
        raise InputError(
            f"{dataset.source.name}: the texts must differ (all {len(dataset):,} are copies of one, or of one group).",
            hint="Copies are equal but for case, blanks and punctuation. Look at --text.",
        )
    plan = {"one label": _folds_for_labels, "several labels": _folds_for_sets}[dataset.targets.kind]
    folds, grouping = plan(dataset, n_folds, strict=strict, n_held=n_held), dataset.grouping
    if grouping is None:
        return folds
    groups = f"{grouping.n_groups:,} group{'' if grouping.n_groups == 1 else 's'}"
    have = "row has none and stands" if grouping.n_alone == 1 else "rows have none and stand"
    alone = f"; {grouping.n_alone:,} {have} alone" if grouping.n_alone else ""
    sentence = f"Rows with the same {shown(grouping.column)} stay together ({groups}{alone})."
    return FoldPlan(folds.n_folds, (sentence, *folds.warnings))


_MANY = 20  # labels from which on a column of which most values occur once holds no labels


def _folds_for_labels(dataset: Dataset, n_folds: int, *, strict: bool, n_held: int) -> FoldPlan:
    counts = dataset.counts()
    if len(counts) >= _MANY and sum(count == 1 for count in counts.values()) > len(counts) / 2:
        column, others = dataset.source.label_column, dataset.source.other_columns
        which = f"--label {shlex.quote(others[0])}" if len(others) == 1 else f"--label NAME ({', '.join(others[:9])})"
        raise InputError(
            f"{dataset.source.name}: {shown(column)} has {len(counts):,} different values in {len(dataset):,} rows, so "
            "it looks like an id, a number or a text, not like a label.",
            hint=f"Take another column: {which}."
            if others
            else "A label stands in several rows; numbers are learned as classes, such as low and high. To label these "
            "texts by a saved model: frostline predict MODEL FILE",
        )
    of = RowsOf(name=dataset.source.name, n_held=n_held, n_rejected=len(dataset.rejects))
    return folds_for(dataset.counts(), n_folds, apart=_apart(dataset), of=of, strict=strict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RowsOf:
    """How the rows that are counted are spoken of."""

    name: str = "The data"
    n_held: int = 0  # Rows of the same file that are held out
    n_rejected: int = 0  # Rows left out already, which count among those that may be

    @property
    def without(self) -> str:
        """What took some of them."""
        if not self.n_held:
            return ""
        return f", without the {self.n_held:,} row{' that is' if self.n_held == 1 else 's that are'} held out"

    @property
    def or_hold(self) -> str:
        """The way back."""
        return ", hold out fewer (--holdout), or name a test file (--test)" if self.n_held else ""


def _apart(dataset: Dataset) -> dict[str, int] | None:
    """How many rows that stand apart carry each label that occurs; None where every row does."""
    targets = dataset.targets
    if targets.stand_alone:
        return None
    return {str(label): count for label, count in targets.counts_apart().items() if count}


def _folds_for_sets(dataset: Dataset, n_folds: int, *, strict: bool, n_held: int) -> FoldPlan:
    counts, n_rows, name = dataset.counts(), dataset.targets.n_apart, dataset.source.name
    if not counts:
        raise InputError(f"{name}: no row has a label ({len(dataset):,} rows).", hint="Check --label.")
    if n_rows < 2:
        raise InputError(
            f"{name}: there are too few rows to learn from ({n_rows}, without those held out).",
            hint="Add rows: a label is learned from two that have it and two that lack it, or more.",
        )
    if len(counts) == 1:
        raise InputError(
            f"{name}: there must be two labels or more (all that occurs is {_listed(list(counts))}).",
            hint="Check --labels or --labels-separator: one label alone is learned from a column of 0 and 1 (--label).",
        )
    n_folds = min(n_folds, n_rows)
    rows, counts = ("rows", counts) if (apart := _apart(dataset)) is None else (_APART, apart)
    few = sorted((label for label in counts if counts[label] < n_folds), key=lambda label: (counts[label], label))
    warnings = []
    if few:
        held = RowsOf(n_held=n_held)
        reason = f"{_listed(few)} {'have' if len(few) > 1 else 'has'} fewer {rows} than there are folds ({n_folds})"
        reason += held.without
        if strict:
            raise InputError(
                f"{name}: {reason}; the rarest has {counts[few[0]]}.",
                hint=f"Add rows, {'' if n_held else 'or '}ask for fewer folds{held.or_hold}.",
            )
        warnings.append(f"{reason}: what is said of {'them' if len(few) > 1 else 'it'} rests on next to nothing.")
    if (dataset.targets.members.sum(axis=1) == 1).all():
        warnings.append(
            "Every row has exactly one label: without several labels per text they may be told apart better."
        )
    return FoldPlan(n_folds, tuple(warnings))


_APART = "rows that stand apart"  # copies of a text, and the rows of a group, count as one


def folds_for(
    counts: Mapping[str, int],
    n_folds: int,
    *,
    apart: Mapping[str, int] | None = None,
    of: RowsOf | None = None,
    strict: bool = False,
) -> FoldPlan:
    """How many folds can be made so that each class is in every one of them.

    Parameters
    ----------
    counts : mapping of str to int
        Rows per label.
    n_folds : int
        Wanted, 2 or more.
    apart : mapping of str to int, optional
        Rows per label, those that belong together counted once, where some do.
    of : RowsOf, optional
        What to call the data in messages, and what was left out of it.
    strict : bool
        Fewer folds than wanted are an error, not a warning.

    Raises
    ------
    InputError
        There are fewer than two classes (the one is named); a class has a single row, so that no model could be
        both taught and asked about it; or, if `strict`, a class has fewer rows than there are folds.
    """
    of = of or RowsOf()
    if len(counts) < 2:
        only = f"all {sum(counts.values()):,} rows are labelled {_listed(list(counts))}" if counts else "there is none"
        raise InputError(
            f"{of.name}: two labels or more are needed ({only}).", hint="Add rows of another label; check --label."
        )
    every = counts
    rows, counts = ("rows", counts) if apart is None else (_APART, apart)
    small = sorted((label for label in counts if counts[label] < n_folds), key=lambda label: (counts[label], label))
    single = [label for label in small if counts[label] < 2]
    if single:
        have = "have" if len(single) > 1 else "has"
        only = "row" if apart is None else "row that stands apart"
        raise InputError(
            f"{of.name}: {_listed(single)} {have} only one {only}; each label needs two.",
            hint=_way_with(single, counts, n_rejected=of.n_rejected, are_lone=all(every[one] == 1 for one in single)),
        )
    if not small:
        return FoldPlan(n_folds)
    fewest = counts[small[0]]
    reason = f"{_listed(small)} {'have' if len(small) > 1 else 'has'} fewer {rows} than there are folds ({n_folds})"
    reason += of.without
    if strict:
        hint = f"Add rows, {'' if of.n_held else 'or '}ask for {fewest} folds{of.or_hold}."
        raise InputError(f"{of.name}: {reason}; the smallest has {fewest}.", hint=hint)
    return FoldPlan(fewest, (f"{reason}; {fewest} folds are used.",))


def _way_with(single: Sequence[str], counts: Mapping[str, int], *, n_rejected: int, are_lone: bool) -> str:
    """What to do about labels that have a single row; `are_lone`: no copies of it either, so that it may be left out.

    A spelling is merged, not left out; and where one label would be left there is nothing to learn.
    """
    likes = [other for one in single for other in counts if other != one and tidy_key(other) == tidy_key(one)]
    if likes:
        return f"{shown(single[0])} and {shown(likes[0])} differ only by case or blanks: --tidy-labels merges such."
    if not are_lone:
        return "Copies of a text, and the rows of a group, count as one. Add rows, or merge labels."
    if len(counts) - len(single) < 2:
        return "Add rows: a classifier is learned from two labels with two rows each, or more."
    it = "it" if len(single) == 1 else "them"
    return f"Add rows, or leave {it} out with --max-bad-rows {n_rejected + len(single)}."


def _rows_by(keys: Sequence[str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    return rows


def _listed(labels: Sequence[str]) -> str:
    named = ", ".join(shown(label) for label in labels[:NAMED])
    return named + (f" and {len(labels) - NAMED} more" if len(labels) > NAMED else "")


def oddities(dataset: Dataset, leaks: Leaks, *, n_test: int = 0) -> tuple[str, ...]:
    """What a person should look at before believing anything: near-equal labels, contradictions, leaks; by line."""
    warnings = list(label_warnings(dataset))
    repeats: Repeats = duplicates(dataset)
    if repeats.conflicts:
        what = {"one label": "labels", "several labels": "sets of labels"}[dataset.targets.kind]
        warnings.append(conflicts_told(repeats.conflicts, what))
    if leaks.items:
        warnings.append(leaks_told(leaks, n_test=n_test))
    return (*warnings, *_fixed_told(dataset))


def in_a_line(parts: Sequence[object], *, joint: str = ", ", room: int = 50) -> str:
    """As many of the parts, one at least, as have room in so many characters, and how many more there are."""
    shown_parts = [str(part) for part in parts[: 1 + room]]
    while len(shown_parts) > 1 and len(joint.join(shown_parts)) > room:
        shown_parts.pop()
    more = len(parts) - len(shown_parts)
    return joint.join(shown_parts) + (f" and {more:,} more" if more else "")


def conflicts_told(conflicts: Sequence[Repeat], what: str) -> str:
    """Texts that have several labels, or sets of labels, and their lines."""
    lines = in_a_line([in_a_line(repeat.lines, room=20) for repeat in conflicts], joint="; ")
    appear = "text appears" if len(conflicts) == 1 else "texts appear"
    aside = "" if all(repeat.is_exact for repeat in conflicts) else "; case, blanks and punctuation aside"
    return f"{len(conflicts):,} {appear} more than once, with different {what} (lines {lines}{aside})."


def leaks_told(leaks: Leaks, *, n_test: int) -> str:
    """Test rows, of `n_test`, that are copies of training rows, and their lines."""
    lines = in_a_line(sorted(line for leak in leaks.items for line in leak.test_lines))
    n = leaks.n_test_rows
    where = f"line{'' if n == 1 else 's'} {lines}"
    if n == n_test:
        return f"Every test row is a copy of a training row: nothing is known of new texts ({where})."
    are = "test row is a copy of a training row and was" if n == 1 else "test rows are copies of training rows and were"
    return f"{n:,} {are} left out of the scores ({where})."


def shared_groups_told(train: Dataset, test: Dataset) -> tuple[str, ...]:
    """That test rows belong to groups which training rows belong to, where a test file has such; by line."""
    if train.grouping is None:
        return ()
    known = {*train.groups} - {""}
    lines = sorted(line for line, group in zip(test.lines, test.groups, strict=False) if group in known)
    if not lines:
        return ()
    share, rows = ("row shares its", "line") if len(lines) == 1 else ("rows share their", "lines")
    said = (
        f"{len(lines):,} test {share} {shown(train.grouping.column)} with training rows: of others the score tells less"
    )
    return (f"{said} than it seems ({rows} {in_a_line(lines)}).",)


def _fixed_told(dataset: Dataset) -> tuple[str, ...]:
    """That rows were changed which may be tested on: a suggestion taken unread is the head's own opinion."""
    fixes = dataset.fixes
    if fixes is None:
        return ()
    if not (fixes.relabelled or fixes.dropped):
        return (f"{fixes.name} changes nothing: set the action of its rows (frostline review --take-advice does).",)
    sentence = (
        f"Rows relabelled by fixes: {len(fixes.relabelled):,}; dropped: {len(fixes.dropped):,}. Where such rows would "
        "be tested on, suggestions taken unread make the score too good: believe it on a test file of its own (--test)."
    )
    return (sentence,)
