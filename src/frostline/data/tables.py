"""A file of texts and labels, of any format, into a Dataset; or only its texts, as a stream.

In:   a path (`-`: standard input) and `TableOptions`.
Out:  `read_dataset`: a Dataset. `stream_texts`: one `TextRow` after the other, in bounded memory.
Not:  judging labels and repeats (checks.py), splitting (split.py).

The law: rows in = rows out + rows rejected, and each rejected row is named. Rules: docs/formats/input.md.
"""

import itertools
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from frostline.arrays import Progress
from frostline.data.dataset import Dataset, Reject, Source
from frostline.data.multi import MultiDataset
from frostline.data.opening import opened
from frostline.data.options import TableOptions
from frostline.data.picking import picked
from frostline.data.rejects import Fault, Ledger
from frostline.errors import InputError, UsageError, shown

DEFAULTS = TableOptions()
_ONE_LABEL = "Several labels per text: frostline train, predict and evaluate know them."
HOPELESS_FAULTS = 1000  # past so many more than allowed there is no point in reading on


@final
@dataclass(frozen=True, slots=True)
class TextRow:
    """A text to be classified, and the line it came from (Parquet: the row's number from 1)."""

    line: int
    text: str


def read_dataset(path: Path | str, options: TableOptions = DEFAULTS, *, progress: Progress | None = None) -> Dataset:
    """Read a file of texts with one label each; parameters and errors as for `read_labelled`.

    Raises
    ------
    UsageError
        A separator of labels is given.
    InputError
        The labels are lists.
    """
    if options.labels_separator is not None:
        raise UsageError("Here a text has one label: a separator of labels means nothing.", hint=_ONE_LABEL)
    found = _read(path, options, progress=progress, may_be_sets=False)
    if isinstance(found, MultiDataset):  # not reached: refused as soon as the columns are known
        raise _several(str(path), found.source.label_column)
    return found


def read_labelled(
    path: Path | str, options: TableOptions = DEFAULTS, *, progress: Progress | None = None
) -> Dataset | MultiDataset:
    """Read a file of labelled texts.

    Parameters
    ----------
    path : Path or str
        `-` is standard input.
    options : TableOptions
    progress : callable, optional
        Called with the bytes read from disk and the file's size in bytes (0 where nobody knows, as for a pipe).

    Returns
    -------
    Dataset, or MultiDataset where a separator of labels is given or the labels are lists
        Of at least one row, in the order of the file; `rejects` names the rows that were left out.

    Raises
    ------
    MissingInputError
        The file is not there.
    AccessError
        Not permitted to read it.
    InputError
        No rows; columns that are not there or not clear; text that is not of the encoding; more rows rejected than
        `options.max_bad_rows` (the first few are named); a line, cell or expansion past `options.limits`.
    StorageError
        The disk answered with an error.
    """
    return _read(path, options, progress=progress, may_be_sets=True)


def _read(
    path: Path | str, options: TableOptions, *, progress: Progress | None, may_be_sets: bool
) -> Dataset | MultiDataset:
    texts: list[str] = []
    labels: list[Any] = []
    lines = array("q")
    rejects: list[Reject] = []
    with opened(path, limits=options.limits, progress=progress) as source:
        ledger = Ledger(source.name, allowed=options.max_bad_rows, keep=rejects.append)
        with picked(source, options=options, needs_label=True) as picking:
            if picking.has_label_sets and not may_be_sets:
                raise _several(source.name, picking.label_column)
            for row in itertools.islice(picking.rows, options.limit):
                if isinstance(row, Fault):
                    ledger.add(row)
                    if ledger.faults > options.max_bad_rows + HOPELESS_FAULTS:
                        break
                else:
                    lines.append(row[0])
                    texts.append(row[1])
                    labels.append(row[2])
        if ledger.is_exceeded:
            raise ledger.error(len(texts) + ledger.left_out)
        if not texts:
            raise _no_rows(source.name, rows_in=ledger.left_out, has_columns=bool(picking.text_column))
        sha256, size_bytes = source.fingerprint()
    found = Source(
        name=str(path),
        sha256=sha256,
        size_bytes=size_bytes,
        text_column=picking.text_column,
        label_column=picking.label_column,
    )
    if picking.has_label_sets:
        return MultiDataset(texts=texts, label_sets=labels, lines=lines, source=found, rejects=tuple(rejects))
    return Dataset(texts=texts, labels=labels, lines=lines, source=found, rejects=tuple(rejects))


def stream_texts(
    path: Path | str,
    options: TableOptions = DEFAULTS,
    *,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Iterator[TextRow]:
    """Yield the texts of a file one by one; labels are not needed, and not looked at.

    Memory does not grow with the file (Parquet: with its largest row group). A file without rows yields nothing.

    Parameters
    ----------
    path : Path or str
        `-` is standard input, read as it comes.
    options : TableOptions
    progress : callable, optional
        As for `read_dataset`.
    on_reject : callable, optional
        Given each row that is left out.

    Raises
    ------
    MissingInputError, AccessError, InputError, StorageError
        As for `read_dataset`, but as soon as one row too many is rejected; rows before it have been yielded then.
    """
    with opened(path, limits=options.limits, progress=progress) as source:
        ledger = Ledger(source.name, allowed=options.max_bad_rows, keep=on_reject or _forget)
        with picked(source, options=options, needs_label=False) as picking:
            for rows_in, row in enumerate(itertools.islice(picking.rows, options.limit), 1):
                if not isinstance(row, Fault):
                    yield TextRow(row[0], row[1])
                    continue
                ledger.add(row)
                if ledger.is_exceeded:
                    raise ledger.error(rows_in)


def _forget(reject: Reject) -> None:
    """Take no note of `reject`."""


def _several(name: str, column: str) -> InputError:
    return InputError(f"{name}: here a text has one label (the column {shown(column)} holds lists).", hint=_ONE_LABEL)


def _no_rows(name: str, *, rows_in: int, has_columns: bool) -> InputError:
    if rows_in:
        return InputError(f"{name}: no row is left ({rows_in:,} were rejected).", hint="Correct the rows.")
    what = "there is a header, and nothing below it" if has_columns else "it is empty"
    return InputError(f"{name} must hold rows of text and label ({what}).", hint="Add some rows.")
