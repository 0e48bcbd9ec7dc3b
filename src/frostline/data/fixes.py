"""What a person decided about single rows of a file, and the file with it done.

In:   a `Dataset`, and the `Fixes` of a file that `frostline review` wrote and a person went through.
Out:  a `Dataset`: rows in = rows out + rows dropped, and it says how many were relabelled and dropped, and where.
Not:  the file of fixes (fixes_file.py), finding what to fix (review/).

A fix names its row by line *and* by a digest of the text there: a file that was sorted, shifted or edited since is
refused, where otherwise the wrong rows would silently be given the wrong labels.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, final, get_args

from frostline.data.dataset import AppliedFixes, Dataset
from frostline.errors import InputError, shown

Action: TypeAlias = Literal["keep", "relabel", "drop"]

ACTIONS: tuple[Action, ...] = get_args(Action)
_DIGITS = 16  # 64 bits: two texts of one file that share them do not happen


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What is to become of one row.

    Parameters
    ----------
    action : {"keep", "relabel", "drop"}
    line : int
        Of the row in the file that was reviewed.
    label : str
        That it had.
    suggested : str
        That `relabel` gives it; may be empty otherwise.
    check : str
        `text_check` of its text.
    row : int
        Where it stands in the file of fixes, from 1, for messages.
    """

    action: Action
    line: int
    label: str
    suggested: str
    check: str
    row: int


@final
@dataclass(frozen=True, slots=True)
class Fixes:
    """A file of fixes: its name and digest, and one `Fix` per row."""

    name: str
    sha256: str
    items: tuple[Fix, ...]


def text_check(text: str) -> str:
    """What tells a text from any other: `t` (else a spreadsheet may see a number) and 16 hex digits of its sha256."""
    return "t" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def apply_fixes(dataset: Dataset, fixes: Fixes) -> Dataset:
    """`dataset` with every `relabel` and `drop` done.

    Every fix is checked first, those that keep their row too: if one does not fit, none is applied.

    Raises
    ------
    InputError
        A line is not there, or holds another text or label; a line has two fixes; a new label that no row has; no
        row is left.
    """
    row_of = {line: row for row, line in enumerate(dataset.lines)}
    known = set(dataset.labels)
    todo: dict[int, Fix] = {}
    for fix in fixes.items:
        row = row_of.get(fix.line)
        if row is None:
            raise _shifted(fixes, fix, dataset, found="there is no row in that line")
        if fix.check != text_check(dataset.texts[row]):
            raise _shifted(fixes, fix, dataset, found=f"there it stands: {shown(dataset.texts[row], 50)}")
        if fix.label != dataset.labels[row]:
            raise InputError(
                f"{fixes.name}: row {fix.row} is about line {fix.line} with the label {shown(fix.label)}, but "
                f"{dataset.source.name} has {shown(dataset.labels[row])} there.",
                hint="The label column must stay as it was (a spreadsheet may have rewritten it, 01 as 1). "
                "The new label belongs into the column suggested.",
            )
        if row in todo:
            raise InputError(
                f"{fixes.name}: rows {todo[row].row} and {fix.row} are both about line {fix.line}.",
                hint="Leave one of them out.",
            )
        if fix.action == "relabel" and not fix.suggested:
            raise InputError(
                f"{fixes.name}: row {fix.row} relabels line {fix.line}, but says no new label.",
                hint="Write it into the column suggested, or set the action to keep or drop.",
            )
        if fix.action == "relabel" and fix.suggested not in known:
            raise InputError(
                f"{fixes.name}: row {fix.row} gives line {fix.line} the label {shown(fix.suggested)}, which no row of "
                f"{dataset.source.name} has.",
                hint=f"Labels: {_listed(sorted(known))}. To bring in a new one, edit the data file itself.",
            )
        todo[row] = fix
    return _applied(dataset, fixes, todo)


def _applied(dataset: Dataset, fixes: Fixes, todo: Mapping[int, Fix]) -> Dataset:
    labels = list(dataset.labels)
    relabelled = [row for row, fix in todo.items() if fix.action == "relabel" and fix.suggested != labels[row]]
    for row in relabelled:
        labels[row] = todo[row].suggested
    dropped = {row for row, fix in todo.items() if fix.action == "drop"}
    kept = [row for row in range(len(dataset)) if row not in dropped]
    if not kept:
        raise InputError(f"{fixes.name} drops every row of {dataset.source.name}.", hint="Keep some.")
    counts = AppliedFixes(
        name=fixes.name,
        sha256=fixes.sha256,
        relabelled=_lines(dataset, relabelled),
        dropped=_lines(dataset, dropped),
    )
    return replace(
        dataset,
        texts=[dataset.texts[row] for row in kept],
        labels=[labels[row] for row in kept],
        lines=[dataset.lines[row] for row in kept],
        fixes=counts,
    )


def _lines(dataset: Dataset, rows: Iterable[int]) -> tuple[int, ...]:
    return tuple(dataset.lines[row] for row in sorted(rows))


def _shifted(fixes: Fixes, fix: Fix, dataset: Dataset, *, found: str) -> InputError:
    return InputError(
        f"{fixes.name}: row {fix.row} is about another text in line {fix.line} of {dataset.source.name} ({found}).",
        hint="The file has changed since it was reviewed, or it was read otherwise then. Review it again, with the "
        "same options of reading as here. Nothing was changed.",
    )


def _listed(labels: Sequence[str], most: int = 10) -> str:
    return ", ".join(map(shown, labels[:most])) + (", …" if len(labels) > most else "")
