"""Which row of a TSV, CSV or sheet names the columns, if one does, and what stands above it.

The rules, in words: docs/formats/input.md.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from frostline.data.columns import (
    LABEL_NAMES,
    TEXT_NAMES,
    Columns,
    are_labels,
    choose_columns,
    group_column,
    normalised,
    parted,
)
from frostline.data.options import TableOptions, names_in
from frostline.errors import InputError, shown

HEADER_EVIDENCE = 20  # rows below a first row whose label occurs once before that is held against it
MOST_ABOVE = 10  # rows above a header
_SHORT = 60  # letters, of what may name a column
_NUMBERS = re.compile(r"[\d,\s-]+")  # of columns, for `--text` and `--labels`
_NAME = re.compile(r"[^\W\d]\w*([.-]\w+)*")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things stand in a row."""

    names: tuple[str, ...]  # One per column: the header's, or `column 1`, `column 2`, ..
    columns: Columns
    group: int | None  # None where rows are in no groups
    has_header: bool  # Whether the first row is a header, not data


def layout_of_rows(sample: Sequence[Sequence[str]], *, options: TableOptions, name: str, needs_label: bool) -> Layout:
    """The layout of a TSV or CSV whose first rows are `sample` (one at least).

    Raises
    ------
    InputError
        A column that was named is not there, or which columns are meant is not clear.
    """
    widths = Counter(len(row) for row in sample[1:] or sample)
    has_header = options.header
    if has_header is None:
        has_header = _is_header(sample, options=options, name=name, needs_label=needs_label)
    width = len(sample[0]) if has_header else widths.most_common(1)[0][0]
    body = [row for row in (sample[1:] if has_header else sample) if len(row) == width]
    names = tuple(sample[0]) if has_header else tuple(f"column {number}" for number in range(1, width + 1))
    columns = [[row[column] for row in body] for column in range(width)]
    chosen = choose_columns(names, columns, options=options, name=name, needs_label=needs_label, are_named=has_header)
    group = group_column(names, columns, options=options, name=name, are_named=has_header)
    if options.header is None and not has_header and not needs_label and len(chosen.text) == 1:
        doubt = _doubt(sample[0], columns[chosen.text[0]], chosen.text[0], options=options, name=name)
        chosen = replace(chosen, remark=" ".join(filter(None, [chosen.remark, doubt])))
    return Layout(names=names, columns=chosen, group=group, has_header=has_header)


def rows_above(sample: Sequence[Sequence[str]], *, options: TableOptions, name: str) -> tuple[int, bool]:
    """How many of the first rows cannot be the header, nor data, and whether a header is seen right below them.

    They are a sheet's title, who made it, when: above the row with the names that were asked for; or one filled cell
    each, where the rows below have more. Without a header below they are rows with too few cells.

    Raises `InputError`: whether the row below such rows is a header is not clear.
    """
    if options.header is False:
        return 0, False
    asked = _asked_for(options)
    place = max(range(min(len(sample), MOST_ABOVE + 1)), key=lambda place: len(asked & {*sample[place]}))
    found = asked & {*sample[place]}
    if (found and place == 0) or _guessed(sample[0], sample[1:], options):
        return 0, False
    if found and _is_below_others(sample, place, found):
        return place, True
    n_above = next((place for place, row in enumerate(sample) if _filled(row) > 1), 0)
    above, row, below = sample[:n_above], sample[n_above], sample[n_above + 1 :]
    if not 0 < n_above <= MOST_ABOVE or 2 * sum(_filled(cells) > 1 for cells in below) < len(below):
        return 0, False
    is_named = _has_known_name(row, below) or _guessed(row, below, options)
    if any(len(cells) >= len(row) for cells in above):  # a row without a label looks the same
        known = TEXT_NAMES | LABEL_NAMES
        is_title = is_named and not any(normalised(cell) in known for cells in above for cell in cells)
        return (n_above, True) if is_title else (0, False)
    is_seen = bool(options.header or asked) or is_named or _stands_above_numbers(row, below)
    may_be = below and all(
        _may_name(cell, [cells[place : place + 1] for cells in below]) for place, cell in enumerate(row)
    )
    if not is_seen and may_be:
        raise InputError(
            f"{name}: above the row ({', '.join(shown(cell, 30) for cell in row)}) there is a title "
            f"({shown(' '.join(above[0]), 30)}); whether that row names the columns is not clear.",
            hint="Pass --header, or --no-header.",
        )
    return n_above, is_seen


def _is_below_others(sample: Sequence[Sequence[str]], place: int, found: set[str]) -> bool:
    """Whether the row with names that were asked for is the header, and not one of the rows with data."""
    if any(found & {*cells} for cells in sample[place + 1 :] if cells != sample[place]):
        return False
    filled = _filled(sample[place])
    return len(found) > 1 or filled == 1 or all(_filled(cells) < filled for cells in sample[:place])


def said_of_rows_above(lines: Sequence[int], first: Sequence[str], name: str) -> str:
    """The remark that these lines stand above the header."""
    cell = next((cell for cell in first if cell.strip()), "")
    where, stand, are = "line", "stands", "is no row"
    if len(lines) > 1:
        where, stand, are = "lines", "stand", "are no rows"
    listed = f"{lines[0]} to {lines[-1]}" if len(lines) > 1 else str(lines[0])
    return f"{name}: {where} {listed} ({shown(cell, 40)}) {stand} above the names of the columns and {are}."


def _asked_for(options: TableOptions) -> set[str]:
    """The names of columns that were asked for, where any was; a name may hold commas, which part others."""
    joined = [options.text, options.labels]
    parts = [part.strip() for names in joined if isinstance(names, str) for part in names_in(names)]
    parts += [column for column in (options.label, options.group) if isinstance(column, str)]
    return {part for part in parts if part and not _NUMBERS.fullmatch(part)}


def _guessed(first: Sequence[str], rest: Sequence[Sequence[str]], options: TableOptions) -> bool:
    """Whether the row holds a name that a model learned from, be it spelled a little otherwise, and none below does."""
    guessed = [options.guessed_text, options.guessed_label]
    guessed += [part for joined in guessed for part in names_in(joined)]
    known = {normalised(name) for name in guessed if normalised(name)}
    found = {cell for cell in first if normalised(cell) in known}
    return any(not any(cell in row for row in rest) for cell in found)


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _has_known_name(row: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether a cell is a well-known name that does not occur again below it, but in the same row once more."""
    below = [cells for cells in rest if len(cells) == len(row) and (len(row) == 1 or cells != row)]
    return any(
        normalised(cell) in TEXT_NAMES | LABEL_NAMES and cell not in [cells[place] for cells in below]
        for place, cell in enumerate(row)
    )


def _stands_above_numbers(row: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether a cell is no number, and all those below it, two at least, are."""
    below = [cells for cells in rest if len(cells) == len(row)]
    return len(below) >= 2 and any(
        cell.strip() and not _is_number(cell) and all(_is_number(cells[place]) for cells in below)
        for place, cell in enumerate(row)
    )


def _may_name(cell: str, below: Sequence[Sequence[str]]) -> bool:
    """Whether a cell is short, no number, and occurs nowhere below."""
    return 0 < len(cell.strip()) <= _SHORT and not _is_number(cell) and [cell] not in below


def _kinds_named(row: Sequence[str]) -> list[bool]:
    """For each cell of at most three words, one of them well known (`Customer comment`): whether it names labels."""
    kinds = []
    for cell in row:
        words = {normalised(word) for word in cell.split()}
        if len(words) <= 3 and not re.search(r"\d", cell) and words & (TEXT_NAMES | LABEL_NAMES):
            kinds.append(bool(words & LABEL_NAMES))
    return kinds


def _is_header(sample: Sequence[Sequence[str]], *, options: TableOptions, name: str, needs_label: bool) -> bool:
    """Whether the first row names the columns."""
    first, rest = sample[0], sample[1:]
    if _asked_for(options) or _guessed(first, rest, options):
        return True  # whoever names a column says that there are names
    if _has_known_name(first, rest) or _stands_above_numbers(first, rest):
        return True
    if len({*_kinds_named(first)}) == 2 and not {*first} & {cell for row in rest for cell in row}:
        return True
    if _may_be_header(first, rest, options=options):
        raise InputError(
            f"{name}: whether the first row ({', '.join(shown(cell, 30) for cell in first)}) names the columns is "
            "not clear: its label occurs nowhere else.",
            hint="Pass --header or --no-header.",
        )
    seen = "" if needs_label else _looks_like_names(first, rest, options=options)
    if seen:
        raise InputError(
            f"{name}: whether the first row ({', '.join(shown(cell, 30) for cell in first)}) names the columns is "
            f"not clear: its text {seen}.",
            hint="Pass --header or --no-header.",
        )
    return False


def _looks_like_names(first: Sequence[str], rest: Sequence[Sequence[str]], *, options: TableOptions) -> str:
    """Where texts alone are wanted: what the first row's text has of a name beside those below it; else nothing."""
    cells = [cell.strip() for cell in first if cell.strip()]
    number = 1 if len(first) == 1 else options.text
    if len(set(cells)) < len(cells) or options.known_labels & {*first} or not isinstance(number, int):
        return ""
    text = first[number - 1].strip() if number <= len(first) else ""
    below = [row[number - 1] for row in rest if len(row) == len(first)]
    if not text or len(below) < 2:
        return ""
    if all(map(_NAME.fullmatch, cells)) and all(len(cell.split()) > 1 for cell in below):
        return "is one word, those below are several"
    is_name = _kinds_named([text]) == [False] and len(text.split()) > 1 and _is_shorter(text, below)
    return "reads like a name, those below are longer" if is_name else ""


def _is_shorter(text: str, below: Sequence[str]) -> bool:
    """Whether a text has at most half as many words, or letters, as those below it have on average."""
    n_words = sum(len(cell.split()) for cell in below)
    return 2 * len(text.split()) * len(below) <= n_words or 2 * len(text) * len(below) <= sum(map(len, below))


def _doubt(first: Sequence[str], texts: Sequence[str], place: int, *, options: TableOptions, name: str) -> str:
    """What to say where the first row is read as a text and may well be a header; `texts` holds its text, too."""
    cells, below = [cell for cell in first if cell.strip()], texts[1:]
    if len(first) <= place or not below or options.known_labels & {*first}:
        return ""
    text = first[place].strip()
    if len({*cells}) < len(cells) or not all(0 < len(cell) <= _SHORT and not _is_number(cell) for cell in cells):
        return ""
    is_question = text.endswith(("?", "\uff1f")) and not any(cell.strip().endswith(text[-1]) for cell in below)
    if first[place] in below or not (is_question or _is_shorter(text, below) or _kinds_named([text])):
        return ""
    return f"{name}: the first row ({shown(text, 40)}) is read as a text (--header, if it names the columns)."


def line_doubt(texts: Sequence[str], *, options: TableOptions) -> str:
    """What to say where the first of some lines was answered as a text, and may well be the name of a column."""
    if len(texts) < 3 or texts[0] in texts[1:] or len(texts[0].split()) != 1:
        return ""
    rest = [[text] for text in texts[1:]]
    is_name = bool(_kinds_named(texts[:1])) or bool(_looks_like_names(texts[:1], rest, options=options))
    said = f"The first line ({shown(texts[0].strip(), 40)}) was answered as a text (--header, if it names the column)."
    return said if is_name else ""


def _may_be_header(first: Sequence[str], rest: Sequence[Sequence[str]], *, options: TableOptions) -> bool:
    """Two columns, and the first row's label is the only one that occurs once."""
    body = [row for row in rest if len(row) == len(first)]
    if len(first) != 2 or len(body) < HEADER_EVIDENCE:
        return False
    columns = [[row[place] for row in body] for place in (0, 1)]
    for label in (1, 0) if options.label is None else (int(options.label) - 1,):
        if options.labels_separator is not None and label in (0, 1):
            counts = Counter(part for cell in columns[label] for part in parted(cell, options.labels_separator))
            is_new = not counts.keys() & set(parted(first[label], options.labels_separator))
            return is_new and min(counts.values(), default=0) > 1
        if label in (0, 1) and are_labels(columns[label], beside=columns[1 - label]):
            counts = Counter(columns[label])
            return first[label] not in counts and min(counts.values()) > 1
    return False


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.strip().casefold() not in {"nan", "inf", "-inf", "infinity"}
