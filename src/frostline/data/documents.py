"""Rows of a JSON file that is no JSON Lines, and of fastText's lines.

JSON: a list of objects, objects over several lines one after another, one object that holds such a list, or one that
holds columns (`{"text": [...], "label": [...]}`, or pandas' `{"text": {"0": ...}}`). An element is parsed at a time, so
that each has the line it begins in.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from frostline.data.cells import CellRules, Fault, Picked, RowError, fault
from frostline.data.formats import (
    BLANK,
    LABEL_MARK,
    JsonRow,
    StrictError,
    columns_of,
    kind_of_value,
    lists_within,
    refuse_much,
    strict_decoder,
)
from frostline.data.lines import Lines, bad_text
from frostline.data.options import TableLimits, TableOptions
from frostline.errors import InputError, shown

_BLANKS = re.compile(r"[ \t\r\n]*+")
_MARKED = re.compile(
    rf"(?<![^\s\0]){LABEL_MARK}([^\s\0]*+)[\s\0]*+"
)  # a word of fastText's, and what parts it from the next
_COMMA = re.compile(r"\A,\s+")  # between label and text, as in fastText's own examples


def document_of(chunks: Iterable[bytes], *, encoding: str, options: TableOptions, name: str) -> str:
    """The whole file as text.

    Raises `InputError`: larger than `limits.document_bytes`, or bytes that are not of `encoding`.
    """
    content, limit = bytearray(), options.limits.document_bytes
    for chunk in chunks:
        content += chunk
        if len(content) > limit:
            raise InputError(
                f"{name} must have at most {limit // 1024**2:,} MB as one JSON document.",
                hint="Write JSON Lines, one object a line, e.g. with: jq -c '.[]'",
            )
    try:
        return content.decode(encoding, "strict" if options.on_bad_text == "error" else "replace")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise bad_text(f"{name}:{line}: {error.reason} at byte {error.start}.", encoding=encoding) from error


def objects_of_document(text: str, *, limits: TableLimits, name: str) -> Iterator[JsonRow | Fault]:
    """The objects of a JSON document, each with the line that it begins in; of columns, with its number from 1.

    Raises `InputError`: it isn't JSON from some place on.
    """
    values = _values(text, limits, name)
    first = next(values, None)
    if first is None:
        return
    second = next(values, None)
    if second is None and not text.lstrip(BLANK).startswith("["):
        yield from _expanded(first, name)
    else:
        yield from map(_row, (first, *(() if second is None else (second,))))
        yield from map(_row, values)


def _values(text: str, limits: TableLimits, name: str) -> Iterator[tuple[int, Any]]:
    """The elements of the list that `text` is, or the values that stand in it one after another; and their lines."""
    decoder = strict_decoder()
    place = _past_blanks(text, 0)
    is_list = text[place : place + 1] == "["
    place = _past_blanks(text, place + is_list)
    line, counted = 1, 0
    try:
        refuse_much(text, depth=limits.depth + 1, values=limits.document_values)
        while place < len(text) and not (is_list and text[place] == "]"):
            line, counted = line + text.count("\n", counted, place), place
            value, place = decoder.raw_decode(text, place)
            yield line, value
            place = _past_blanks(text, place)
            if is_list:
                place = _past_comma(text, place)
        if is_list:
            _refuse_open_end(text, place)
    except json.JSONDecodeError as error:
        raise _broken(name, text.count("\n", 0, error.pos) + 1, f"not JSON: {error.msg}") from error
    except (StrictError, RecursionError) as error:
        reason = str(error) if isinstance(error, StrictError) else "JSON nests too deep"
        raise _broken(name, text.count("\n", 0, place) + 1, reason) from error


def _past_comma(text: str, place: int) -> int:
    """Where the next element begins, or the list's closing bracket is."""
    if text[place : place + 1] == "]":
        return place
    if text[place : place + 1] != ",":
        raise StrictError("not JSON: a list must go on with a comma, or end")
    begin = _past_blanks(text, place + 1)
    if text[begin : begin + 1] in {"]", ""}:
        raise StrictError("not JSON: an element must follow a comma")
    return begin


def _refuse_open_end(text: str, place: int) -> None:
    if place >= len(text):
        raise StrictError("not JSON: the list is not closed")
    if _past_blanks(text, place + 1) < len(text):
        raise StrictError("not JSON: something follows the list")


def _past_blanks(text: str, place: int) -> int:
    match = _BLANKS.match(text, place)
    return match.end() if match else place


def _broken(name: str, line: int, reason: str) -> InputError:
    return InputError(f"{name}:{line}: {reason}.", hint="Write it again, as a list of objects or as one object a line.")


def _row(value: tuple[int, Any]) -> JsonRow | Fault:
    line, content = value
    if isinstance(content, dict):
        return line, content
    return Fault(line, f'must be a JSON object, as {{"text": …, "label": …}} (got {kind_of_value(content)})')


def _expanded(value: tuple[int, Any], name: str) -> Iterator[JsonRow | Fault]:
    """One object alone: a row, or what holds the rows."""
    line, content = value
    lists = lists_within(content)
    if len(lists) > 1 and not any(isinstance(member, str) for member in content.values()):
        raise InputError(
            f"{name} must hold one list of rows (it holds {len(lists)}: {', '.join(map(shown, list(lists)[:5]))}).",
            hint="Write each into a file of its own.",
        )
    if len(lists) == 1:
        yield from (_row((number, item)) for number, item in enumerate(next(iter(lists.values())), 1))
    elif columns := columns_of(content):
        for number, row in enumerate(zip(*columns.values(), strict=True), 1):
            yield number, dict(zip(columns, row, strict=True))
    else:
        yield _row((line, content))


def fasttext_rows(runs: Iterator[Lines], rules: CellRules) -> Iterator[tuple[int, tuple[str, ...], str] | Fault]:
    """Of lines as fastText reads them: every word that begins with its mark is a label, the others are the text."""
    for run in runs:
        for number, line in enumerate(run.texts, run.first):
            if run.bad and number in run.bad:
                yield Fault(number, run.bad[number], is_asked_for=True)
                continue
            text = line.strip()
            if not text:
                continue
            try:
                labels = rules.listed_labels(_MARKED.findall(text))
                yield number, labels, rules.text(_COMMA.sub("", _MARKED.sub("", text)).strip())
            except RowError as error:
                yield fault(number, error)


def one_label_each(rows: Iterable[tuple[int, tuple[str, ...], str] | Fault]) -> Iterator[Picked | Fault]:
    """Rows with exactly one label; any other is a fault."""
    for row in rows:
        if isinstance(row, Fault):
            yield row
        elif len(row[1]) == 1:
            yield row[0], row[2], row[1][0], ""
        else:
            named = ", ".join(map(shown, row[1][:3])) or "none"
            yield Fault(row[0], f"must have one label, as the rows before it (it has {named})")
