"""The columns of any table: found among its first rows, and the texts, labels and groups picked out of every row."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, final

from frostline.data.cells import (
    CellRules,
    Fault,
    Picked,
    RowError,
    fault,
    group_of,
    holds_written_lists,
    joined,
)
from frostline.data.columns import (
    Columns,
    Taken,
    choose_columns,
    fields_within,
    group_column,
    holds_lists,
    holds_objects,
    nested_names,
)
from frostline.data.formats import (
    LABEL_MARK,
    QUOTED,
    Dialect,
    JsonRow,
    Row,
    dialect_of,
    first_line,
    format_of,
    objects_of,
    rows_of,
)
from frostline.data.header import Layout, layout_of_rows, rows_above, said_of_rows_above
from frostline.data.lines import Lines, Opened, check_encoding, line_chunks, lines_of, opened, working_encoding
from frostline.data.options import MEGABYTE, Format, TableOptions
from frostline.errors import InputError, shown

if TYPE_CHECKING:
    from frostline.data.workbook import Workbook


FIRST_LINES = 20  # by which it is found how cells are parted
SAMPLE_ROWS = 200
SAMPLE_CHARACTERS = 16 * MEGABYTE

AnyRow = TypeVar("AnyRow", Row, JsonRow)


@final
@dataclass(frozen=True, slots=True)
class Picking:
    """What is wanted of a file."""

    taken: Taken  # The columns
    rows: Iterator[Picked | Fault]  # Of every row in the order of the file
    has_label_sets: bool = False  # Whether a text may have several labels
    types: tuple[Any, ...] = ()  # Of Parquet: the type of each column, as pyarrow has it
    why_empty: str = ""  # What to do where cells are empty, if the file has a reason of its own
    within: str = ""  # What lies within fields, where texts or labels are no strings


@contextlib.contextmanager
def picked(
    source: Opened, *, options: TableOptions, needs_label: bool, whole: bool | Literal["as text"] = False
) -> Iterator[Picking]:
    """Find the format, the header and the columns of `source`, and give its rows.

    Where they are wanted `whole`, all cells of a row stand in its group's place: a list, in the order of the columns,
    or the object of a JSON file. What Parquet holds of other types can be had as text.

    Raises `InputError`: the format or a column cannot be found, or is not clear. More of them come while the rows
    are read.
    """
    head = source.look()
    rules = CellRules(options, source.name)
    kind = format_of(head, options=options, name=source.name)
    if kind in {"parquet", "arrow"}:
        from frostline.data.parquet import parquet_table  # noqa: PLC0415 - only for such files

        with parquet_table(source, kind=kind, options=options, needs_label=needs_label) as table:
            rows = table.whole_rows(rules, as_text=whole == "as text") if whole else table.rows(rules)
            yield Picking(table.taken, rows, table.has_label_sets, table.types() if whole is True else ())
        return
    if kind == "xlsx":
        from frostline.data.parquet import seekable  # noqa: PLC0415 - only for such files
        from frostline.data.workbook import Workbook  # noqa: PLC0415 - only for such files

        with seekable(source) as stored:
            book = Workbook(stored, source.name, limits=options.limits, sheet=options.sheet)
            yield _from_sheet(book, rules=rules, needs_label=needs_label, whole=bool(whole))
        return
    check_encoding(head, encoding=options.encoding, name=source.name)
    yield _picked_text(source, head, kind, options=options, needs_label=needs_label, whole=bool(whole))


def _picked_text(  # noqa: PLR0913 - a file as it was met; called from one place
    source: Opened, head: bytes, kind: Format, *, options: TableOptions, needs_label: bool, whole: bool
) -> Picking:
    """Of a file that consists of text."""
    rules = CellRules(options, source.name)
    if kind == "json":
        from frostline.data.documents import document_of, objects_of_document  # noqa: PLC0415 - only for such files

        chunks = line_chunks(source.chunks(), head=head, options=options, name=source.name)
        encoding = working_encoding(options.encoding)
        document = document_of(chunks, encoding=encoding, options=options, name=source.name)
        objects = objects_of_document(document, limits=options.limits, name=source.name)
        return _from_objects(objects, source.name, rules=rules, needs_label=needs_label, whole=whole)
    runs = _lines(source, head, options)
    if kind == "fasttext":
        return _from_fasttext(runs, source.name, rules=rules, needs_label=needs_label, whole=whole)
    if kind == "jsonl":
        objects = objects_of(runs, limits=options.limits)
        return _from_objects(objects, source.name, rules=rules, needs_label=needs_label, whole=whole)
    dialect, is_in_doubt, runs = _dialect(source, runs, kind, options)
    cells = rows_of(runs, dialect, limits=options.limits, name=source.name)

    def on_ragged() -> None:
        if is_in_doubt:
            check_quotes(source, dialect, options=options)

    try:
        return _from_rows(cells, source.name, rules=rules, needs_label=needs_label, whole=whole, on_ragged=on_ragged)
    except InputError as error:
        if is_in_doubt and all(map(QUOTED.fullmatch, first_line(head, options.encoding).split(dialect.delimiter))):
            error.hint = "Quotes stand around the cells of the first line: pass --quoted if they do so throughout."
        raise


def _dialect(
    source: Opened, runs: Iterator[Lines], kind: Format, options: TableOptions
) -> tuple[Dialect, bool, Iterator[Lines]]:
    """How cells are parted, whether it is in doubt that a quote is a letter, and the lines with rows."""
    is_in_doubt = kind == "tsv" and options.quoted is None
    wanted = SAMPLE_ROWS if is_in_doubt and source.path is None else FIRST_LINES if kind == "csv" else 1
    lines, runs = _first_lines(runs, wanted)
    dialect, begins_with_mark = dialect_of(lines[:FIRST_LINES], kind=kind, options=options)
    if is_in_doubt:  # a pipe cannot be read twice: its first lines speak for all
        every = lines if source.path is None else _lines_again(source, options)
        if is_quoted_throughout(every, dialect.delimiter):
            dialect, is_in_doubt = replace(dialect, is_quoted=True), False
    return dialect, is_in_doubt, _behind_mark(runs) if begins_with_mark else runs


def _behind_mark(runs: Iterator[Lines]) -> Iterator[Lines]:
    """Without the line `sep=;`, which Excel writes and takes for no row."""
    for run in runs:
        place = next((place for place, line in enumerate(run.texts) if line.removesuffix("\r")), None)
        if place is None:
            yield run
            continue
        yield replace(run, first=run.first + place + 1, texts=run.texts[place + 1 :])
        break
    yield from runs


def is_quoted_throughout(lines: Iterable[str], delimiter: str) -> bool:
    """Whether every cell of a TSV that holds a quote is well quoted, and one holds doubled quotes, or a column is.

    As pandas writes it: where a cell asks for it, or throughout (a header may have none).
    """
    has_doubled, n_lines = False, 0
    columns: set[int] | None = None  # that are quoted in every line but the first
    for line in lines:
        if not line or ('"' not in line and columns == set()):
            continue
        n_lines += 1
        cells = line.removesuffix("\r").split(delimiter)
        quoted = {place for place, cell in enumerate(cells) if QUOTED.fullmatch(cell)}
        if any('"' in cell and place not in quoted for place, cell in enumerate(cells)):
            return False
        has_doubled = has_doubled or any('""' in cells[place][1:-1] for place in quoted)
        if n_lines > 1:
            columns = quoted if columns is None else columns & quoted
    return has_doubled or (n_lines > 2 and bool(columns))


def _lines_again(source: Opened, options: TableOptions) -> Iterator[str]:
    with opened(source.path or "", limits=options.limits) as again:
        for run in _lines(again, again.look(), options):
            yield from run.texts


def check_quotes(source: Opened, dialect: Dialect, *, options: TableOptions) -> None:
    """Raise if a TSV with ragged rows would be sound, and have another number of rows, were its quotes quotes.

    A pipe cannot be read twice: there nothing is checked, and the ragged rows are rejected as they are.
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


def _first_lines(runs: Iterator[Lines], n_lines: int) -> tuple[list[str], Iterator[Lines]]:
    """The first lines that are not empty, and all lines."""
    taken: list[Lines] = []
    lines: list[str] = []
    while len(lines) < n_lines and (run := next(runs, None)) is not None:
        taken.append(run)
        lines += [bare for line in run.texts if (bare := line.removesuffix("\r"))]
    return lines[:n_lines], itertools.chain(taken, runs)


def _lines(source: Opened, head: bytes, options: TableOptions) -> Iterator[Lines]:
    chunks = line_chunks(source.chunks(), head=head, options=options, name=source.name)
    return lines_of(chunks, options=options, name=source.name)


def _from_rows(  # noqa: PLR0913 - rows, and what is wanted of them
    rows: Iterator[Row | Fault],
    name: str,
    *,
    rules: CellRules,
    needs_label: bool,
    whole: bool,
    on_ragged: Callable[[], None],
) -> Picking:
    """Of a TSV or CSV."""
    taken, sample = _sampled(rows)
    if not sample:
        return Picking(Taken(), iter([item for item in taken if isinstance(item, Fault)]))
    n_above, have_header_below = rows_above(sample, options=rules.options, name=name)
    filled = [item for item in taken if not isinstance(item, Fault) and item[1]]
    width = len(sample[n_above])
    sample = [_trimmed(cells, width) for cells in sample[n_above:]]
    limit = rules.options.limits.columns
    if max(map(len, sample)) > limit:
        raise InputError(
            f"{name} must have at most {limit:,} columns (a row has more).", hint="Is the delimiter what it should be?"
        )
    layout = layout_of_rows(sample, options=rules.options, name=name, needs_label=needs_label)
    above = filled[:n_above] if have_header_below else []
    dropped = {number for number, _ in (*above, *filled[n_above : n_above + layout.has_header])}
    rest = itertools.chain((item for item in taken if isinstance(item, Fault) or item[0] not in dropped), rows)
    label_of, has_sets = _label_of_cells(layout, sample[layout.has_header :], rules)
    columns = layout.columns
    if above:
        said = said_of_rows_above([number for number, _ in above], above[0][1], name)
        columns = replace(columns, remark=" ".join(filter(None, [said, columns.remark])))
    return Picking(
        columns.taken_from(layout.names, layout.group),
        _cells_picked(_all_trimmed(rest, width), layout, rules, on_ragged, label_of=label_of, whole=whole),
        has_sets,
    )


LabelOfCells: TypeAlias = Callable[[Sequence[str]], str | tuple[str, ...]]


def _label_of_cells(layout: Layout, sample: Sequence[Sequence[str]], rules: CellRules) -> tuple[LabelOfCells, bool]:
    """What the cells of a row say of its label, and whether a text may have several."""
    label, marks = layout.columns.label, layout.columns.labels
    if marks:
        names = [layout.names[place] for place in marks]
        return (lambda cells: rules.marked_labels(names, [cells[place] for place in marks])), True
    if label is None:
        return (lambda _: ""), False
    is_parted = rules.options.labels_separator is not None
    has_lists = holds_written_lists([row[label] for row in sample if len(row) > label], rules.options, rules.name)
    read = rules.label_set if is_parted else rules.written_labels if has_lists else rules.label
    return (lambda cells: read(cells[label])), is_parted or has_lists


def _from_sheet(book: "Workbook", *, rules: CellRules, needs_label: bool, whole: bool) -> Picking:
    """Of a workbook: which of several sheets is read is said."""
    found = _from_rows(
        book.rows(), book.name, rules=rules, needs_label=needs_label, whole=whole, on_ragged=lambda: None
    )
    found = replace(found, why_empty=book.why_empty)
    if len(book.names) == 1:
        return found
    others = [name for name in book.names if name != book.sheet]
    listed = ", ".join(map(shown, others[:5])) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    said = f"{book.name}: the sheet {shown(book.sheet)} is read, not {listed} (--sheet NAME takes one of them)."
    remark = " ".join(filter(None, [found.taken.remark, "" if rules.options.sheet else said]))
    return replace(found, taken=replace(found.taken, sheet=book.sheet, remark=remark))


def _trimmed(cells: list[str], width: int) -> list[str]:
    """A row without the empty cells that it has beyond the header's, or the first row's, as spreadsheets leave them."""
    return cells[:width] if len(cells) > width and not any(cells[width:]) else cells


def _all_trimmed(rows: Iterator[Row | Fault], width: int) -> Iterator[Row | Fault]:
    for row in rows:
        yield row if isinstance(row, Fault) or len(row[1]) <= width else (row[0], _trimmed(row[1], width))


def _from_fasttext(runs: Iterator[Lines], name: str, *, rules: CellRules, needs_label: bool, whole: bool) -> Picking:
    """Of fastText's lines: sets of labels where one of the first rows has another number of them than one."""
    from frostline.data.documents import fasttext_rows, one_label_each  # noqa: PLC0415 - only for such files

    if rules.options.group is not None:
        raise InputError(f"{name}: fastText's lines have no column of groups.", hint="Leave --group out.")
    if rules.options.labels is not None:
        raise InputError(f"{name}: fastText's lines have no columns of 0 and 1.", hint="Leave --labels out.")
    rows = fasttext_rows(runs, rules)
    taken = list(itertools.islice(rows, SAMPLE_ROWS))
    sample = [row for row in taken if not isinstance(row, Fault)]
    rest = itertools.chain(taken, rows)
    if not sample:
        return Picking(Taken(), iter([row for row in taken if isinstance(row, Fault)]))
    if whole:
        with_labels = (row if isinstance(row, Fault) else (row[0], row[2], "", [row[2], list(row[1])]) for row in rest)
        return Picking(Taken(text="text", names=("text", "label")), with_labels)
    if not needs_label:
        rows_of_texts = (row if isinstance(row, Fault) else (row[0], row[2], "", "") for row in rest)
        return Picking(Taken(text="text"), rows_of_texts)
    if not any(labels for _, labels, _ in sample):
        raise InputError(f"{name} must have labels that begin with {LABEL_MARK} (the first rows have none).")
    if all(len(labels) == 1 for _, labels, _ in sample):
        return Picking(Taken(text="text", label="label"), one_label_each(rest))
    sets = (row if isinstance(row, Fault) else (row[0], row[2], row[1], "") for row in rest)
    return Picking(Taken(text="text", label="label"), sets, has_label_sets=True)


def _cells_picked(  # noqa: PLR0913 - rows, and what is wanted of them
    rows: Iterator[Row | Fault],
    layout: Layout,
    rules: CellRules,
    on_ragged: Callable[[], None],
    *,
    label_of: LabelOfCells,
    whole: bool,
) -> Iterator[Picked | Fault]:
    width, texts = len(layout.names), layout.columns.text
    group = layout.group
    text_of = rules.text
    text = texts[0] if len(texts) == 1 else None
    header = list(layout.names) if layout.has_header and width > 1 else None  # again where files were put together
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
        if cells == header:
            yield Fault(number, "repeats the names of the columns")
            continue
        try:
            cell = joined([cells[place] for place in texts]) if text is None else cells[text]
            labels = label_of(cells)
            yield number, text_of(cell), labels, cells if whole else "" if group is None else cells[group]
        except RowError as error:
            yield fault(number, error)


def _from_objects(
    objects: Iterator[JsonRow | Fault], name: str, *, rules: CellRules, needs_label: bool, whole: bool
) -> Picking:
    """Of JSONL."""
    taken, sample = _sampled(objects)
    if not sample:
        return Picking(Taken(), iter([item for item in taken if isinstance(item, Fault)]))
    names = list(dict.fromkeys(key for value in sample for key in value))
    n_own = len(names)
    names += [
        key for key in nested_names(rules.options, names) if any(_found(value, key) is not _MISSING for value in sample)
    ]
    columns = [[own for value in sample if (own := _found(value, key)) is not _MISSING] for key in names]
    within = _said_within(sample)
    try:
        chosen = choose_columns(names, columns, options=rules.options, name=name, needs_label=needs_label)
    except InputError as error:
        error.hint = f"{error.hint} {within}".strip()
        raise
    group = group_column(names, columns, options=rules.options, name=name)
    label_of, has_sets = _label_of_object(chosen, names, columns, rules)
    rows = _values_picked(
        itertools.chain(taken, objects),
        [names[place] for place in chosen.text],
        rules,
        group=None if group is None else names[group],
        label_of=label_of,
        whole=whole,
    )
    return Picking(chosen.taken_from(names, group, n_own=n_own), rows, has_sets, within=within)


def _said_within(rows: Sequence[dict[str, Any]]) -> str:
    """The names of what lies within fields of objects; nothing where nothing does."""
    named = fields_within(rows[:50])
    has_lists = any(isinstance(value, list) and holds_objects(value) for row in rows[:50] for value in row.values())
    said = (
        [f"Within its fields lie {', '.join(map(shown, named))}: name them with --text and --label."] if named else []
    )
    said += ["What lies in a list of objects has no name: write it into a field of its own."] if has_lists else []
    return " ".join(said)


LabelOfObject: TypeAlias = Callable[[int, dict[str, Any]], str | tuple[str, ...]]


def _label_of_object(
    chosen: Columns, names: Sequence[str], columns: Sequence[Sequence[object]], rules: CellRules
) -> tuple[LabelOfObject, bool]:
    """What an object says of its label, and whether a text may have several."""
    marks, label = [names[place] for place in chosen.labels], chosen.label
    if marks:
        return (lambda _, value: rules.marked_labels(marks, [_member(value, key) for key in marks])), True
    if label is None:
        return (lambda *_: ""), False
    key = names[label]
    if holds_written_lists(columns[label], rules.options, rules.name):
        return (lambda number, value: rules.typed_written(number, _member(value, key))), True
    has_sets = rules.options.labels_separator is not None or holds_lists(columns[label])
    read = rules.typed_labels if has_sets else rules.typed_label
    return (lambda number, value: read(number, _member(value, key))), has_sets


def _values_picked(  # noqa: PLR0913 - rows, and what is wanted of each
    objects: Iterator[JsonRow | Fault],
    texts: Sequence[str],
    rules: CellRules,
    *,
    group: str | None,
    label_of: LabelOfObject,
    whole: bool,
) -> Iterator[Picked | Fault]:
    for item in objects:
        if isinstance(item, Fault):
            yield item
            continue
        number, value = item
        try:
            yield (
                number,
                rules.typed_text(number, _member(value, texts[0]))
                if len(texts) == 1
                else rules.joined_text(number, [field_of(value, key) for key in texts]),
                label_of(number, value),
                value if whole else "" if group is None else group_of(field_of(value, group)),
            )
        except RowError as error:
            yield fault(number, error)


def _member(value: dict[str, Any], key: str) -> Any:
    found = _found(value, key)
    if found is _MISSING:
        raise RowError(f"the key {shown(key)} is missing")
    return found


_MISSING = object()


def _found(value: Mapping[str, Any], key: str) -> Any:
    """The member of that very name, or what `a.b` leads to: the member `b` of the member `a`."""
    if key in value:
        return value[key]
    inner: Any = value
    for part in key.split("."):
        if not isinstance(inner, dict) or part not in inner:
            return _MISSING
        inner = inner[part]
    return inner


def field_of(value: Mapping[str, Any], key: str) -> Any:
    """The member of that very name, or what `a.b` leads to; None where there is none."""
    found = _found(value, key)
    return None if found is _MISSING else found


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
