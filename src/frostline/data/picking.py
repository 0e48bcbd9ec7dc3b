"""From a file's first rows to what is wanted of every row.

In:   an `Opened` file and `TableOptions`.
Out:  `Picking`: the chosen columns' names, and (line, text, label) or a `Fault` for each row.
Not:  how many faults are too many (rejects.py, tables.py).
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, final

from frostline.data.cells import CellRules, Picked, RowError, fault
from frostline.data.columns import Layout, choose_columns, layout_of_rows
from frostline.data.delimited import Dialect, Row, rows_of
from frostline.data.formats import dialect_of, format_of
from frostline.data.jsonl import JsonRow, objects_of
from frostline.data.label_sets import holds_lists
from frostline.data.lines import Lines, check_encoding, line_chunks, lines_of
from frostline.data.opening import Opened, opened
from frostline.data.options import MEGABYTE, TableOptions
from frostline.data.parquet import ParquetTable
from frostline.data.parquet_file import seekable
from frostline.data.rejects import Fault
from frostline.errors import InputError, shown

SAMPLE_ROWS = 200
SAMPLE_CHARACTERS = 16 * MEGABYTE

AnyRow = TypeVar("AnyRow", Row, JsonRow)


@final
@dataclass(frozen=True, slots=True)
class Picking:
    """What is wanted of a file.

    Parameters
    ----------
    text_column, label_column : str
        Their names; "" for the label where none was asked for, and both "" where the file holds no rows.
    rows : iterator
        Of every row in the order of the file.
    has_label_sets : bool
        Whether a text may have several labels.
    """

    text_column: str
    label_column: str
    rows: Iterator[Picked | Fault]
    has_label_sets: bool = False


@contextlib.contextmanager
def picked(source: Opened, *, options: TableOptions, needs_label: bool) -> Iterator[Picking]:
    """Find the format, the header and the columns of `source`, and give its rows.

    Raises
    ------
    InputError
        The format or a column cannot be found, or is not clear. More of them come while the rows are read.
    """
    head = source.look()
    rules = CellRules(options, source.name)
    found = format_of(head, options=options, name=source.name)
    if found == "parquet":
        with seekable(source) as file:
            table = ParquetTable(file, source, options=options, needs_label=needs_label)
            yield Picking(table.text_column, table.label_column, table.rows(rules), table.has_label_sets)
        return
    check_encoding(head, encoding=options.encoding, name=source.name)
    runs = _lines(source, head, options)
    if found == "jsonl":
        objects = objects_of(runs, limits=options.limits)
        yield _from_objects(objects, source.name, rules=rules, needs_label=needs_label)
        return
    dialect = dialect_of(head, found=found, options=options)
    rows = rows_of(runs, dialect, limits=options.limits, name=source.name)
    is_in_doubt = found == "tsv" and options.quoted is None

    def on_ragged() -> None:
        if is_in_doubt:
            check_quotes(source, dialect, options=options)

    yield _from_rows(rows, source.name, rules=rules, needs_label=needs_label, on_ragged=on_ragged)


def check_quotes(source: Opened, dialect: Dialect, *, options: TableOptions) -> None:
    """Raise if a TSV with ragged rows would be sound, and have another number of rows, were its quotes quotes.

    A pipe cannot be read twice: there nothing is checked, and the ragged rows are rejected as they are.

    Raises
    ------
    InputError
        Shows both numbers.
    """
    if source.path is None:
        return
    try:
        plain = _count(source, replace(dialect, is_quoted=False), options)
        quoted = _count(source, replace(dialect, is_quoted=True), options)
    except InputError:
        return  # not sound if quoted
    if plain != quoted and quoted is not None:
        raise InputError(
            f'{source.name} has {plain:,} rows if " is a letter, {quoted:,} rows if it quotes cells; the former are '
            "ragged.",
            hint="Pass --quoted or --not-quoted.",
        )


def _count(source: Opened, dialect: Dialect, options: TableOptions) -> int | None:
    """How many rows the file has, read so; None if a cell is misquoted."""
    count = 0
    with opened(source.path or "", limits=options.limits) as again:
        runs = _lines(again, again.look(), options)
        for row in rows_of(runs, dialect, limits=options.limits, name=source.name):
            if isinstance(row, Fault):
                if not row.is_asked_for:
                    return None
                count += 1
            elif row[1]:
                count += 1
    return count


def _lines(source: Opened, head: bytes, options: TableOptions) -> Iterator[Lines]:
    chunks = line_chunks(source.chunks(), head=head, options=options, name=source.name)
    return lines_of(chunks, options=options, name=source.name)


def _from_rows(
    rows: Iterator[Row | Fault], name: str, *, rules: CellRules, needs_label: bool, on_ragged: Callable[[], None]
) -> Picking:
    """Of a TSV or CSV."""
    taken, sample = _sampled(rows)
    if not sample:
        return Picking("", "", iter([item for item in taken if isinstance(item, Fault)]))
    limit = rules.options.limits.columns
    if max(map(len, sample)) > limit:
        raise InputError(
            f"{name} must have at most {limit:,} columns (a row has more).", hint="Is the delimiter what it should be?"
        )
    layout = layout_of_rows(sample, options=rules.options, name=name, needs_label=needs_label)
    if layout.has_header:
        taken.remove(next(item for item in taken if not isinstance(item, Fault) and item[1]))
    return Picking(
        layout.names[layout.text],
        "" if layout.label is None else layout.names[layout.label],
        _cells_picked(itertools.chain(taken, rows), layout, rules, on_ragged),
        layout.label is not None and rules.options.labels_separator is not None,
    )


def _cells_picked(
    rows: Iterator[Row | Fault], layout: Layout, rules: CellRules, on_ragged: Callable[[], None]
) -> Iterator[Picked | Fault]:
    width, text, label = len(layout.names), layout.text, layout.label
    text_of = rules.text
    label_of = rules.label if rules.options.labels_separator is None else rules.label_set
    is_regular = True
    for row in rows:
        if isinstance(row, Fault):
            yield row
            continue
        number, cells = row
        if len(cells) != width:
            if not cells and width > 1:
                continue  # an empty line is no row, unless rows are single cells
            if cells:
                if is_regular:
                    on_ragged()
                    is_regular = False
                yield Fault(number, f"must have {width} {'cells' if width > 1 else 'cell'} (it has {len(cells)})")
                continue
            cells = [""]
        try:
            yield number, text_of(cells[text]), "" if label is None else label_of(cells[label])
        except RowError as error:
            yield fault(number, error)


def _from_objects(objects: Iterator[JsonRow | Fault], name: str, *, rules: CellRules, needs_label: bool) -> Picking:
    """Of JSONL."""
    taken, sample = _sampled(objects)
    if not sample:
        return Picking("", "", iter([item for item in taken if isinstance(item, Fault)]))
    names = list(dict.fromkeys(key for value in sample for key in value))
    columns = [[value[key] for value in sample if key in value] for key in names]
    text, label = choose_columns(names, columns, options=rules.options, name=name, needs_label=needs_label)
    label_key = "" if label is None else names[label]
    has_sets = label is not None and (rules.options.labels_separator is not None or holds_lists(columns[label]))
    rows = _values_picked(
        itertools.chain(taken, objects),
        names[text],
        None if label is None else label_key,
        rules,
        label_of=rules.json_label_set if has_sets else rules.json_label,
    )
    return Picking(names[text], label_key, rows, has_sets)


def _values_picked(
    objects: Iterator[JsonRow | Fault],
    text: str,
    label: str | None,
    rules: CellRules,
    *,
    label_of: Callable[[int, object], str | tuple[str, ...]],
) -> Iterator[Picked | Fault]:
    for item in objects:
        if isinstance(item, Fault):
            yield item
            continue
        number, value = item
        try:
            yield (
                number,
                rules.json_text(number, _member(value, text)),
                "" if label is None else label_of(number, _member(value, label)),
            )
        except RowError as error:
            yield fault(number, error)


def _member(value: dict[str, Any], key: str) -> Any:
    if key not in value:
        raise RowError(f"the key {shown(key)} is missing")
    return value[key]


def _sampled(rows: Iterator[Any]) -> tuple[list[Any], list[Any]]:
    """Take the first rows off `rows`: all that was taken, and the contents of those that are not faulty or empty."""
    taken: list[Any] = []
    sample: list[Any] = []
    characters = 0
    for row in rows:
        taken.append(row)
        if not isinstance(row, Fault) and row[1]:
            sample.append(row[1])
            cells = row[1].values() if isinstance(row[1], dict) else row[1]
            characters += sum(len(cell) for cell in cells if isinstance(cell, str))
        if len(taken) >= SAMPLE_ROWS or characters > SAMPLE_CHARACTERS:
            break
    return taken, sample


__all__: Sequence[str] = ["Picking", "check_quotes", "picked"]
