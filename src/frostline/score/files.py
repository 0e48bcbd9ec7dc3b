"""A scored file: the columns of the input as they were, the answer beside them; in sections that can be joined.

File formats: docs/formats/answers.md, docs/formats/scored.md.
"""

import base64
import functools
import gzip
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, final

from frostline.errors import InputError, UsageError, listed, shown
from frostline.places import Place, publish_stream
from frostline.score.answers import (
    SEPARATOR,
    WINDOW_TEXTS,
    Layout,
    Prediction,
    cells_of,
    columns_of,
    has_sets,
    member_names,
    members_of,
    types_of,
    values_of,
)
from frostline.score.job import Sections

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = (".tsv", ".csv", ".jsonl", ".parquet")
_ZIPPED = ".gz"


def format_of(path: Place) -> str:
    """The format that a name says: one of `FORMATS`; all but Parquet may be followed by .gz."""
    return path.with_suffix("").suffix if path.suffix == _ZIPPED else path.suffix


def refuse_format(path: Place) -> None:
    """Raise, before any work, unless `path` ends in a format that predictions can be written in."""
    if format_of(path) not in FORMATS or path.name.endswith(f".parquet{_ZIPPED}"):
        raise UsageError(f"{path}: the name must end in {', '.join(FORMATS)}, which says the format.")


def refuse_separator(path: Place, layout: Layout) -> None:
    """Raise, before any work, if labels that are joined in the file `path` could not be parted again."""
    if format_of(path) not in {".tsv", ".csv"} or not has_sets(layout):
        return
    separator = layout.separator or SEPARATOR
    holding = next((label for label in layout.labels if separator in str(label)), None)
    if holding is not None:
        raise UsageError(
            f"The separator {shown(separator)} must not occur in a label (it does in {shown(holding)}).",
            hint="Pass another one with --labels-separator, or write .jsonl or .parquet.",
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a scored file looks like."""

    format: str  # One of `FORMATS`
    is_zipped: bool
    layout: Layout
    names: tuple[str, ...]  # The columns of the input, in their order; none where they are left out
    # What they hold: text, whole, number, truth, texts or json; or of Parquet its own type. Asked for Parquet alone.
    kinds: tuple[Any, ...]
    renamed: Mapping[str, str]  # The columns of the answer whose names the input has, as they are called instead
    is_safe: bool = False  # Whether no cell can be taken for a formula

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a table."""
        own = columns_of(self.layout, in_cells=self.format != ".parquet")
        return (*self.names, *(self.renamed.get(name, name) for name in own))


def sheet_of(  # noqa: PLR0913 - what a file consists of
    path: Place,
    layout: Layout,
    *,
    names: Sequence[str],
    kinds: Sequence[Any],
    only_answers: bool = False,
    is_safe: bool = False,
) -> Sheet:
    """The look of the file `path`.

    Raises
    ------
    InputError
        The input has two columns of one name, or one of a type, that the format can't hold.
    UsageError
        The name ends in no known format; labels could not be parted; the format knows no formulas.
    """
    refuse_format(path)
    refuse_separator(path, layout)
    form = format_of(path)
    if is_safe and form not in {".tsv", ".csv"}:
        raise UsageError("Only .tsv and .csv are opened as spreadsheets: --spreadsheet-safe means nothing here.")
    if only_answers:
        names, kinds = (), ()
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice and form not in {".tsv", ".csv"}:
        raise InputError(
            f"{path}: columns of the input have the same name ({listed(twice)}), which {form} cannot hold.",
            hint="Write .csv or .tsv, or pass --only-answers.",
        )
    own = member_names(layout) if form == ".jsonl" else columns_of(layout, in_cells=form != ".parquet")
    renamed = {name: _free_name(name, {*names, *own}) for name in own if name in set(names)}
    sheet = Sheet(
        format=form,
        is_zipped=path.suffix == _ZIPPED,
        layout=layout,
        names=tuple(names),
        kinds=tuple(kinds),
        renamed=renamed,
        is_safe=is_safe,
    )
    if form == ".parquet":
        _refuse_types(path, sheet)
    return sheet


def _free_name(name: str, taken: Collection[str]) -> str:
    """`predicted_NAME`, or that with the first number from 2 on which nobody has."""
    prefixed = f"predicted_{name}"
    numbered = (f"{prefixed}_{number}" for number in range(2, len(taken) + 3))
    return prefixed if prefixed not in taken else next(one for one in numbered if one not in taken)


def _refuse_types(path: Place, sheet: Sheet) -> None:
    """Raise where a column of the input (of Arrow) has a type that Parquet does not know."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only this format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    for field in _schema(sheet):
        try:
            pq.ParquetWriter(io.BytesIO(), pa.schema([field])).close()
        except pa.ArrowException as error:
            raise InputError(
                f"{path}: Parquet has no type for the column {shown(field.name)} ({field.type}).",
                hint="Write .csv, .tsv or .jsonl, or pass --only-answers.",
            ) from error


def beginning(sheet: Sheet) -> bytes:
    """What stands before the rows; nothing in JSON, and in Parquet nothing that is written here."""
    return _packed(_line(sheet, list(sheet.columns)), sheet) if sheet.format in {".tsv", ".csv"} else b""


def section(sheet: Sheet, rows: Sequence[Any], found: Sequence[Prediction]) -> bytes:
    """Some rows of the input (a list of cells, or an object, each) and what is answered of them.

    Bytes that stand in the file as they are; of Parquet, what `join` makes a row group of.
    """
    if sheet.format == ".parquet":
        return _as_arrow(_record_batch(sheet, rows, found))
    if sheet.format == ".jsonl":
        lines = (_document(sheet, row, prediction) for row, prediction in zip(rows, found, strict=True))
        return _packed("".join(lines), sheet)
    pairs = zip(rows, found, strict=True)
    return _packed(
        "".join(
            _line(sheet, [*map(_text_cell, _carried(sheet, row)), *cells_of(prediction, sheet.layout)])
            for row, prediction in pairs
        ),
        sheet,
    )


def altered(sheet: Sheet, rows: Sequence[Any]) -> Counter[str]:
    """How many cells of the input are written otherwise, since the format has no way to hold them.

    `parted`: a tab or a line break, a space in TSV. `no number`: infinite or NaN, null in JSON.
    """
    if sheet.format not in _ALTERED or not sheet.names:
        return Counter()
    name, is_altered = _ALTERED[sheet.format]
    rows_of_cells = (row.values() if isinstance(row, dict) else row for row in rows)
    count = sum(is_altered(cell) for row in rows_of_cells for cell in row)
    return Counter({name: count}) if count else Counter()


def join(sheet: Sheet, out: Sections, parts: Iterable[tuple[bytes, int]]) -> None:
    """Write all sections, each with its number of rows, one after the other; what stands around them too."""
    if sheet.format != ".parquet":
        if head := beginning(sheet):
            out.write(head)
            out.cut(0)
        for content, n_rows in parts:
            out.write(content)
            out.cut(n_rows)
        return
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only this format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    with pq.ParquetWriter(out, _schema(sheet)) as writer:
        for content, n_rows in parts:
            writer.write_table(pa.ipc.open_stream(content).read_all(), row_group_size=max(1, n_rows))
            out.cut(n_rows)
    out.cut(0)


def write_predictions(
    path: Place, found: Iterable[Prediction], layout: Layout, *, tally: Counter[str] | None = None
) -> int:
    """Write texts and answers to `path` as they come; the file has its name once it is complete. The number of rows.

    TSV, CSV and JSON Lines hold the text as it is, for programs. A tab or line break in a text is written as a space in
    TSV, which has no other way to hold it; CSV and JSON Lines keep it. `tally` counts what is `altered`.

    Raises
    ------
    UsageError
        The name does not end in a known format; a label holds the separator (TSV and CSV).
    StorageError, AccessError
        Disk full, I/O error, no permission; nothing is left behind.
    """
    sheet, count, coming = sheet_of(path, layout, names=("text",), kinds=("text",)), 0, iter(found)

    def parts() -> Iterator[tuple[bytes, int]]:
        nonlocal count
        while held := list(islice(coming, WINDOW_TEXTS)):
            count += len(held)
            rows = [[prediction.text] for prediction in held]
            if tally is not None:
                tally.update(altered(sheet, rows))
            yield section(sheet, rows, held), len(held)

    with publish_stream(path) as opened:
        join(sheet, Sections(opened), parts())
    return count


def _packed(text: str, sheet: Sheet) -> bytes:
    """As bytes; half of a surrogate pair, which UTF-8 has no way to hold, becomes a question mark."""
    content = text.encode("utf-8", "replace")
    return gzip.compress(content, compresslevel=6, mtime=0) if sheet.is_zipped else content


def _carried(sheet: Sheet, row: Any) -> Sequence[Any]:
    """The cells of a row that are carried."""
    if not sheet.names:
        return ()
    return [row.get(name) for name in sheet.names] if isinstance(row, dict) else row


_BREAKS = str.maketrans({"\t": " ", "\n": " ", "\r": " "})
_BREAK = re.compile("[\t\n\r]")
_TO_QUOTE = re.compile('[",\n\r]')
_LEFT_OUT_BEFORE = '" \t\r\n\0'  # what a spreadsheet may leave out before it looks for a formula
_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def _line(sheet: Sheet, cells: Sequence[str]) -> str:
    if sheet.is_safe:
        cells = [_safe(cell) for cell in cells]
    if sheet.format == ".tsv":
        return "\t".join(cell.translate(_BREAKS) for cell in cells) + "\n"
    quoted = [f'"{cell.replace(chr(34), chr(34) * 2)}"' if _TO_QUOTE.search(cell) else cell for cell in cells]
    return (",".join(quoted) if quoted != [""] else '""') + "\n"


def _safe(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would take for a formula."""
    begins = cell.lstrip(_LEFT_OUT_BEFORE)[:1] in (*_FORMULA,) or cell[:1] in {"\t", "\r", "\n", "\0"}
    return f"'{cell}" if cell and begins and not _PLAIN_NUMBER.fullmatch(cell) else cell


def _text_cell(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case float():
            return repr(value)
        case _:
            return json.dumps(value, ensure_ascii=False, default=_spelt_other)


def _spelt_other(value: Any) -> str:
    """What JSON has no word for, within lists and members (of Parquet): bytes as a column of them has them."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _document(sheet: Sheet, row: Any, prediction: Prediction) -> str:
    """A line of JSON; what is no number (of Parquet) is null there, and what is no text stays as JSON spells it."""
    held = {} if not sheet.names else row if isinstance(row, dict) else dict(zip(sheet.names, row, strict=True))
    answer = members_of(prediction, sheet.layout)
    document = {**held, **{sheet.renamed.get(name, name): value for name, value in answer.items()}}
    spelled = functools.partial(json.dumps, allow_nan=False, default=_spelt_other)
    try:
        text = spelled(document, ensure_ascii=False)
    except ValueError:
        document = _finite(document)
        text = spelled(document, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = spelled(document)
    return text + "\n"


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list():
            return [_finite(inner) for inner in value]
        case _:
            return value


_ALTERED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    ".tsv": ("parted", lambda cell: isinstance(cell, str) and _BREAK.search(cell) is not None),
    ".jsonl": ("no number", lambda cell: isinstance(cell, float | dict | list) and _finite(cell) != cell),
}


def kind_of_values(kinds: set[str]) -> str:
    """What a column of JSON holds, of what its values are (`kind_of_value`)."""
    for kind, among in _KINDS.items():
        if kinds <= among:
            return kind
    return "json"


_KINDS: Mapping[str, set[str]] = {
    "text": {"", "text"},
    "truth": {"", "truth"},
    "whole": {"", "whole", "large"},
    "number": {"", "whole", "number"},
    "texts": {"", "texts"},
}
_EXACT = 2**53  # a float holds whole numbers up to it
_LARGEST = 2**63


def kind_of_value(value: Any) -> str:
    """What a value of JSON is; of null nothing."""
    if isinstance(value, list):
        return "texts" if all(isinstance(inner, str) for inner in value) else "json"
    if isinstance(value, int) and not isinstance(value, bool):
        return "whole" if abs(value) <= _EXACT else "large" if abs(value) < _LARGEST else "json"
    return _KIND_OF.get(type(value), "json")


_KIND_OF = {type(None): "", str: "text", bool: "truth", float: "number"}


def _schema(sheet: Sheet) -> "pa.Schema":
    import pyarrow as pa  # noqa: PLC0415 - as above

    own = {
        **dict.fromkeys(("text", "json"), pa.string()),
        "texts": pa.list_(pa.string()),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "whole": pa.int64(),
    }
    kinds = [*sheet.kinds, *types_of(sheet.layout)]
    return pa.schema(
        [(name, own[kind] if isinstance(kind, str) else kind) for name, kind in zip(sheet.columns, kinds, strict=True)]
    )


def _record_batch(sheet: Sheet, rows: Sequence[Any], found: Sequence[Prediction]) -> "pa.RecordBatch":
    import pyarrow as pa  # noqa: PLC0415 - as above

    from frostline.data.parquet import restored  # noqa: PLC0415 - it imports pyarrow

    schema = _schema(sheet)
    pairs = zip(rows, found, strict=True)
    lines = [[*_carried(sheet, row), *values_of(prediction, sheet.layout)] for row, prediction in pairs]
    kinds = [*sheet.kinds, *types_of(sheet.layout)]
    arrays = []
    for values, kind, field in zip(zip(*lines, strict=True), kinds, schema, strict=True):
        held = [*map(_SPELT[kind], values)] if isinstance(kind, str) and kind in _SPELT else list(values)
        arrays.append(restored(held, field.type))
    return pa.record_batch(arrays, schema=schema)


def _spelt(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _as_text(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _as_float(value: Any) -> float | None:
    return None if value is None else float(value)


_SPELT: Mapping[str, Callable[[Any], Any]] = {"json": _spelt, "text": _as_text, "number": _as_float}


def _as_arrow(batch: "pa.RecordBatch") -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - as above

    held = pa.BufferOutputStream()
    with pa.ipc.new_stream(held, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = held.getvalue().to_pybytes()
    return content
