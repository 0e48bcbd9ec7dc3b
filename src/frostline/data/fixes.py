"""What a person decided about single rows of a file, and the file with it done.

The law: rows in = rows out + rows dropped; it is told how many were relabelled and dropped, and where.

A fix names its row by line *and* by a digest of the text there: a file that was sorted, shifted or edited since is
refused, where otherwise the wrong rows would silently be given the wrong labels.
"""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, final, get_args

import numpy as np

from frostline.data.dataset import AppliedFixes, Dataset
from frostline.data.lines import file_name, opened
from frostline.data.options import TableLimits
from frostline.disk import publish_stream
from frostline.errors import InputError, shown
from frostline.targets import Targets

Action: TypeAlias = Literal["keep", "relabel", "drop", "add", "remove"]

ACTIONS: tuple[Action, ...] = get_args(Action)
_DIGITS = 16  # 64 bits: two texts of one file that share them do not happen


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What is to become of one row."""

    action: Action  # `relabel` is for rows with one label each, `add` and `remove` are for rows with several
    line: int  # Of the row in the file that was reviewed
    label: str  # That it had. Where rows have several: the one label that is added or removed; empty otherwise.
    suggested: str  # That `relabel` gives it; may be empty otherwise
    check: str  # `text_check` of its text
    row: int  # Where it stands in the file of fixes, from 1, for messages


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
    """`dataset` with everything done that the fixes say.

    Every fix is checked first, those that keep their row too: if one does not fit, none is applied.

    Raises
    ------
    InputError
        A line is not there, or holds another text or label; a line has two fixes, or two about one label; a new label
        that no row has; a label to add that the row has, or to remove that it lacks; no row is left.
    """
    change = {"one label": _relabelled, "several labels": _with_labels_changed}[dataset.targets.kind]
    return change(dataset, fixes)


def _rows(dataset: Dataset, fixes: Fixes, *, refused: Mapping[str, str]) -> Iterator[tuple[int, Fix]]:
    """Each fix and the row it is about; `refused` says of actions what to do instead."""
    row_of = {line: row for row, line in enumerate(dataset.lines)}
    for fix in fixes.items:
        row = row_of.get(fix.line)
        if row is None:
            raise _shifted(fixes, fix, dataset, found="there is no row in that line")
        if fix.check != text_check(dataset.texts[row]):
            raise _shifted(fixes, fix, dataset, found=f"there it stands: {shown(dataset.texts[row], 50)}")
        if fix.action in refused:
            raise InputError(f"{fixes.name}: row {fix.row}: {refused[fix.action]}")
        yield row, fix


_ONE_LABEL = {
    action: f"{action} is for rows with several labels each; here each has one: relabel it."
    for action in ("add", "remove")
}
_SEVERAL_LABELS = {"relabel": "relabel is for rows with one label each; here a row has several: add or remove a label."}


def _relabelled(dataset: Dataset, fixes: Fixes) -> Dataset:
    """Of rows with one label each."""
    given = dataset.labels
    known = set(given)
    todo: dict[int, Fix] = {}
    for row, fix in _rows(dataset, fixes, refused=_ONE_LABEL):
        if fix.label != given[row]:
            raise InputError(
                f"{fixes.name}: row {fix.row} is about line {fix.line} with the label {shown(fix.label)}, but "
                f"{dataset.source.name} has {shown(given[row])} there.",
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
    labels = list(given)
    relabelled = [row for row, fix in todo.items() if fix.action == "relabel" and fix.suggested != labels[row]]
    for row in relabelled:
        labels[row] = todo[row].suggested
    kept, counts = _kept(dataset, fixes, relabelled, [row for row, fix in todo.items() if fix.action == "drop"])
    return _fixed(dataset, kept, Targets.of_labels([labels[row] for row in kept]), counts)


def _with_labels_changed(dataset: Dataset, fixes: Fixes) -> Dataset:
    """Of rows with any number of labels each."""
    column = {str(label): place for place, label in enumerate(dataset.targets.labels)}
    members = dataset.targets.members.copy()
    about: dict[tuple[int, str], Fix] = {}
    changed: dict[int, Fix] = {}
    dropped: dict[int, Fix] = {}
    for row, fix in _rows(dataset, fixes, refused=_SEVERAL_LABELS):
        if (row, fix.label) in about:
            what = f"the label {shown(fix.label)} of line {fix.line}" if fix.label else f"line {fix.line}"
            raise InputError(
                f"{fixes.name}: rows {about[row, fix.label].row} and {fix.row} are both about {what}.",
                hint="Leave one of them out.",
            )
        about[row, fix.label] = fix
        if fix.label and fix.label not in column:
            raise InputError(
                f"{fixes.name}: row {fix.row} is about line {fix.line} and the label {shown(fix.label)}, which no row "
                f"of {dataset.source.name} has.",
                hint=f"Labels: {_listed(sorted(column))}. To bring in a new one, edit the data file itself.",
            )
        if fix.action == "drop":
            dropped[row] = fix
        elif fix.action != "keep":
            _check_change(dataset, fixes, fix, row, column)
            members[row, column[fix.label]] = fix.action == "add"
            changed[row] = fix
    both = sorted(set(changed) & set(dropped))
    if both:
        raise InputError(
            f"{fixes.name}: row {dropped[both[0]].row} drops line {dataset.lines[both[0]]}, and row "
            f"{changed[both[0]].row} changes its labels.",
            hint="Leave one of them out.",
        )
    kept, counts = _kept(dataset, fixes, changed, dropped)
    members = members[kept]
    present = np.flatnonzero(members.any(axis=0))
    labels = tuple(dataset.targets.labels[place] for place in present.tolist())
    return _fixed(dataset, kept, replace(dataset.targets, labels=labels, members=members[:, present]), counts)


def _check_change(dataset: Dataset, fixes: Fixes, fix: Fix, row: int, column: Mapping[str, int]) -> None:
    """Raise unless there is a label, and the row has it where it is removed and lacks it where it is added."""
    if not fix.label:
        raise InputError(
            f"{fixes.name}: row {fix.row} changes the labels of line {fix.line}, but names no label.",
            hint="Write it into the column label, or set the action to keep or drop.",
        )
    has_label = bool(dataset.targets.members[row, column[fix.label]])
    if has_label == (fix.action == "add"):
        does = "adds" if fix.action == "add" else "removes"
        how = "has it already" if has_label else "does not have it"
        raise InputError(
            f"{fixes.name}: row {fix.row} {does} the label {shown(fix.label)} of line {fix.line}, which {how} in "
            f"{dataset.source.name}.",
            hint="The file has changed since it was reviewed, or the label was edited. Nothing was changed.",
        )


def _kept(
    dataset: Dataset, fixes: Fixes, changed: Iterable[int], dropped: Iterable[int]
) -> tuple[list[int], AppliedFixes]:
    """The rows that stay, and what was done."""
    gone = set(dropped)
    kept = [row for row in range(len(dataset)) if row not in gone]
    if not kept:
        raise InputError(f"{fixes.name} drops every row of {dataset.source.name}.", hint="Keep some.")
    return kept, AppliedFixes(
        name=fixes.name, sha256=fixes.sha256, relabelled=_lines(dataset, changed), dropped=_lines(dataset, gone)
    )


def _fixed(dataset: Dataset, kept: Sequence[int], targets: Targets, counts: AppliedFixes) -> Dataset:
    """The rows that stay, with their targets as they are now."""
    stay = dataset.take(np.array(kept, dtype=np.int64))
    return replace(stay, targets=replace(targets, together=stay.targets.together), fixes=counts)


def _lines(dataset: Dataset, rows: Iterable[int]) -> tuple[int, ...]:
    return tuple(dataset.lines[row] for row in sorted(rows))


def _shifted(fixes: Fixes, fix: Fix, dataset: Dataset, *, found: str) -> InputError:
    return InputError(
        f"{fixes.name}: row {fix.row} is about another text in line {fix.line} of {dataset.source.name} ({found}).",
        hint="The file has changed since the review, or other options were used. Review it again, with the "
        "same options of reading as here. Nothing was changed.",
    )


def _listed(labels: Sequence[str], most: int = 10) -> str:
    return ", ".join(map(shown, labels[:most])) + (", …" if len(labels) > most else "")


COLUMNS = ("action", "advice", "line", "label", "suggested", "score", "reason", "text", "check")
NEEDED = ("action", "line", "label", "suggested", "check")
LONGEST = 30_000  # characters of a reason or a text that are shown: a spreadsheet's cell holds 32,767
MOST_BYTES = 1 << 30

_GUARDED = (
    "=",
    "+",
    "-",
    "@",
    "'",
    '"',
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last four: = + - @ of full width
_ESCAPED = re.compile("[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(\\|t|n|r|u[0-9a-f]{4})")
_NAMED = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_MEANT = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FixRow:
    """A row to look at."""

    action: Action = "keep"  # What happens if nobody edits it
    advice: str  # What the review would do: one of these, or `look`
    line: int
    # `label`, `suggested`: `suggested` may be empty.
    label: str
    suggested: str = ""
    score: float  # How sure the review is, 0 to 1
    reason: str
    text: str


def write_fixes(path: Path, rows: Iterable[FixRow]) -> int:
    """Write the file, whole or not at all; the number of rows."""
    count = 0
    with publish_stream(path) as out:
        out.write(("\t".join(COLUMNS) + "\n").encode())
        for row in rows:
            count += 1
            cells = (row.action, row.advice, str(row.line), row.label, row.suggested, f"{row.score:.3f}")
            shown_cells = (*map(cell_of, cells), _cut(cell_of(row.reason)), _cut(cell_of(row.text[:LONGEST])))
            out.write("\t".join((*shown_cells, text_check(row.text))).encode() + b"\n")
    return count


def read_fixes(path: Path | str) -> Fixes:
    """Read the file, as it was written or as a spreadsheet saved it (tabs, commas or semicolons, UTF-8 or UTF-16).

    Raises
    ------
    MissingInputError, AccessError, StorageError
        The file cannot be read.
    InputError
        A column is missing; an action is unknown; a line is no number.
    """
    name = file_name(path)
    with opened(path, limits=TableLimits()) as source:
        content = b"".join(_bounded(source.chunks(), name))
        sha256 = source.fingerprint().sha256
    rows = _cells(content, name)
    header = [cell.strip().casefold() for cell in next(rows, [])]
    missing = [column for column in NEEDED if column not in header]
    if missing:
        raise InputError(
            f"{name} must be a file of fixes (the column {shown(missing[0])} is missing).",
            hint="frostline review FILE --out fixes.tsv writes one.",
        )
    places = {column: header.index(column) for column in NEEDED}
    read = []
    for number, cells in enumerate(rows, 2):
        if any(cell.strip() for cell in cells):
            values = {column: cells[place] if place < len(cells) else "" for column, place in places.items()}
            read.append(_fix(values, number, name))
    return Fixes(name, sha256, tuple(read))


def cell_of(value: str) -> str:
    """`value` as a cell that no spreadsheet takes for anything but text."""
    escaped = _ESCAPED.sub(lambda match: _NAMED.get(match[0]) or f"\\u{ord(match[0]):04x}", value)
    return "'" + escaped if escaped.startswith(_GUARDED) else escaped


def value_of(cell: str) -> str:
    """What `cell_of` made the cell of."""
    plain = cell.removeprefix("'")
    return _ESCAPE.sub(lambda match: _MEANT.get(match[1]) or chr(int(match[1][1:], 16)), plain)


def _cut(cell: str) -> str:
    return cell if len(cell) < LONGEST else cell[: LONGEST - 1] + "…"


def _fix(values: dict[str, str], number: int, name: str) -> Fix:
    action = values["action"].strip().casefold() or "keep"
    if action not in ACTIONS:
        raise InputError(
            f"{name}: row {number}: the action must be one of {', '.join(ACTIONS)} (got {shown(values['action'])})."
        )
    line = values["line"].strip().removesuffix(".0")
    if not (line.isascii() and line.isdigit() and len(line) < 20):
        raise InputError(f"{name}: row {number}: the line must be a number (got {shown(values['line'])}).")
    return Fix(
        action=action,
        line=int(line),
        label=value_of(values["label"]),
        suggested=value_of(values["suggested"]),
        check=values["check"].strip(),
        row=number,
    )


def _bounded(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > MOST_BYTES:
            raise InputError(f"{name}: a file of fixes must have at most {MOST_BYTES:,} bytes.")
        yield chunk


def _cells(content: bytes, name: str) -> Iterator[list[str]]:
    """The cells of each line; what separates them is what stands between the columns' names."""
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: must be in UTF-8 (byte {error.start} is not).", hint="Save it as UTF-8 text, parted by tabs."
        ) from error
    head = text.split("\n", 1)[0]
    delimiter = max("\t,;", key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{name}: line {lines.line_num} cannot be parted into cells ({error}).",
                hint="Save it as text parted by tabs.",
            ) from error
        yield cells
