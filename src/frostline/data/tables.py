"""A file of texts and labels, of any format, into a Dataset; or only its texts, as a stream.

The law: rows in = rows out + rows rejected, and each rejected row is named. Rules: docs/formats/input.md.
"""

import contextlib
import itertools
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, final

from frostline.arrays import Progress
from frostline.data.cells import Fault, Ledger
from frostline.data.checks import tidied
from frostline.data.columns import Taken
from frostline.data.copies import together_of
from frostline.data.dataset import Dataset, Grouping, Reject, Source
from frostline.data.lines import Opened, opened
from frostline.data.options import TableOptions
from frostline.data.picking import Picking, picked
from frostline.errors import InputError, UsageError, shown
from frostline.places import Place
from frostline.targets import Targets

DEFAULTS = TableOptions()
_ONE_LABEL = "Several labels per text: every verb but tutorial knows them."
HOPELESS_FAULTS = 1000  # past so many more than allowed there is no point in reading on


@final
@dataclass(frozen=True, slots=True)
class TextRow:
    """A text to be classified, and the line it came from (Parquet: the row's number from 1)."""

    line: int
    text: str


def read_dataset(path: Place | str, options: TableOptions = DEFAULTS, *, progress: Progress | None = None) -> Dataset:
    """Read a file of texts with one label each; parameters and errors as for `read_labelled`.

    Raises `UsageError`: a separator of labels is given; `InputError`: the labels are lists.
    """
    if options.labels_separator is not None:
        raise UsageError("Here a text has one label: a separator of labels means nothing.", hint=_ONE_LABEL)
    return _read(path, options, progress=progress, may_be_sets=False)


def read_labelled(path: Place | str, options: TableOptions = DEFAULTS, *, progress: Progress | None = None) -> Dataset:
    """Read a file of labelled texts; where a separator of labels is given or the labels are lists, of sets of them.

    Parameters
    ----------
    path : Path, Remote or str
        `-` is standard input.
    progress : callable, optional
        Called with the bytes read from disk and the file's size in bytes (0 where nobody knows, as for a pipe).

    Returns
    -------
    Dataset
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
    found = _read(path, options, progress=progress, may_be_sets=True)
    return tidied(found, options.known_labels) if options.tidy_labels else found


def _read(path: Place | str, options: TableOptions, *, progress: Progress | None, may_be_sets: bool) -> Dataset:
    texts: list[str] = []
    labels: list[Any] = []
    groups: list[str] = []
    lines = array("q")
    rejects: list[Reject] = []
    with opened(path, limits=options.limits, progress=progress) as source:
        ledger = Ledger(source.name, allowed=options.max_bad_rows, keep=rejects.append)
        most = max(options.limits.expansion_free_rows, source.size_bytes) if source.is_compressed else sys.maxsize
        with picked(source, options=options, needs_label=True) as picking:
            if picking.has_label_sets and not may_be_sets:
                raise _several(source.name, picking.taken.label)
            for row in itertools.islice(picking.rows, options.limit):
                if isinstance(row, Fault):
                    ledger.add(row)
                    if ledger.faults > options.max_bad_rows + HOPELESS_FAULTS:
                        break
                else:
                    lines.append(row[0])
                    texts.append(row[1])
                    labels.append(row[2])
                    groups.append(row[3].strip())
                    if len(texts) > most:
                        raise _too_many(source.name, most)
        if ledger.is_exceeded:
            are_all = ledger.faults <= options.max_bad_rows + HOPELESS_FAULTS
            n_rows = len(texts) + ledger.left_out
            hint = _hint(picking, ledger, n_rows)
            raise ledger.error(n_rows, hint=hint, has_one_label=not picking.has_label_sets, are_all=are_all)
        if not texts:
            raise _no_rows(source.name, ledger, has_columns=bool(picking.taken.text))
        identity = source.fingerprint()
    targets = Targets.of_sets(labels) if picking.has_label_sets else Targets.of_labels(labels)
    origin = Source(
        name=str(path),
        sha256=identity.sha256,
        size_bytes=identity.size_bytes,
        text_column=picking.taken.text,
        label_column=picking.taken.label,
        group_column=picking.taken.group,
        other_columns=picking.taken.others,
        sheet=picking.taken.sheet,
        remark=" ".join(filter(None, [picking.taken.remark, _never_given(source.name, picking.taken, targets)])),
    )
    dataset = Dataset(texts=texts, targets=targets, lines=lines, source=origin, rejects=tuple(rejects))
    if not picking.taken.group:
        return dataset
    grouping = Grouping(column=picking.taken.group, n_groups=len(set(groups) - {""}), n_alone=groups.count(""))
    together = together_of(texts, groups=groups)
    return replace(dataset, targets=replace(targets, together=together), grouping=grouping, groups=groups)


def stream_texts(
    path: Place | str,
    options: TableOptions = DEFAULTS,
    *,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
    on_columns: Callable[[Taken], None] | None = None,
) -> Iterator[TextRow]:
    """Yield the texts of a file one by one; labels are not needed, and not looked at.

    Memory does not grow with the file (Parquet: with its largest row group). A file without rows yields nothing.

    Raises `MissingInputError` or `AccessError` or `InputError` or `StorageError`: as for `read_dataset`, but as
    soon as one row too many is rejected; rows before it have been yielded then.

    Parameters
    ----------
    path : Path, Remote or str
        `-` is standard input, read as it comes.
    progress : callable, optional
        As for `read_dataset`.
    on_reject : callable, optional
        Given each row that is left out.
    on_columns : callable, optional
        Given what was taken for what, before the first text.
    """
    with opened(path, limits=options.limits, progress=progress) as source:
        ledger = Ledger(source.name, allowed=options.max_bad_rows, keep=on_reject or _forget)
        with picked(source, options=options, needs_label=False) as picking:
            if on_columns is not None:
                on_columns(picking.taken)
            for rows_in, row in enumerate(itertools.islice(picking.rows, options.limit), 1):
                if not isinstance(row, Fault):
                    yield TextRow(row[0], row[1])
                    continue
                ledger.add(row)
                if ledger.is_exceeded:
                    raise ledger.error(rows_in, hint=_hint(picking, ledger, rows_in), are_all=False)


def _hint(picking: Picking, ledger: Ledger, n_rows: int) -> str:
    """What to do, where the file itself says it."""
    if ledger.are_empty:
        return picking.why_empty
    return picking.within if ledger.are_no_strings and ledger.faults == n_rows else ""


def _never_given(name: str, taken: Taken, targets: Targets) -> str:
    """Which columns of a label hold 0 alone, so that there is no such label."""
    empty = [shown(label) for label in taken.each_label if label not in targets.labels]
    if not empty:
        return ""
    holds, labels = ("holds", "label") if len(empty) == 1 else ("hold", "labels")
    return f"{name}: {', '.join(empty)} {holds} 0 in every row: no text has the {labels}."


@final
@dataclass(frozen=True, slots=True)
class WholeRows:
    """The rows of a file with all their cells; iterate once."""

    taken: Taken
    types: tuple[Any, ...]  # Of Parquet: each column's
    # The line, the text, and all cells: a list in the order of `taken.names`, or an object. Rejected rows are left out.
    rows: Iterator[tuple[int, str, Any]]
    source: Opened  # Its `fingerprint()` is that of the bytes read, once the rows have been


@contextlib.contextmanager
def whole_rows(
    path: Place | str,
    options: TableOptions = DEFAULTS,
    *,
    as_text: bool = True,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Iterator[WholeRows]:
    """As `stream_texts`, with all cells of each row beside its text.

    Parameters
    ----------
    as_text : bool, default=True
        Dates, times, decimals and bytes of Parquet as text; else so that `data.parquet.restored` brings them back.
    """
    with opened(path, limits=options.limits, progress=progress) as source:
        ledger = Ledger(source.name, allowed=options.max_bad_rows, keep=on_reject or _forget)
        with picked(source, options=options, needs_label=False, whole="as text" if as_text else True) as picking:

            def rows() -> Iterator[tuple[int, str, Any]]:
                for rows_in, row in enumerate(itertools.islice(picking.rows, options.limit), 1):
                    if not isinstance(row, Fault):
                        yield row[0], row[1], row[3]
                        continue
                    ledger.add(row)
                    if ledger.is_exceeded:
                        raise ledger.error(rows_in, are_all=False)

            yield WholeRows(picking.taken, picking.types, rows(), source)


def _forget(reject: Reject) -> None:
    """Take no note of `reject`."""


def _too_many(name: str, n_rows: int) -> InputError:
    return InputError(
        f"{name} must hold at most {n_rows:,} rows (it holds more, in so few bytes as it has compressed).",
        hint="Uncompress it first, if you trust whoever made it.",
    )


def _several(name: str, column: str) -> InputError:
    return InputError(f"{name}: here a text has one label (the column {shown(column)} holds lists).", hint=_ONE_LABEL)


def _no_rows(name: str, ledger: Ledger, *, has_columns: bool) -> InputError:
    if ledger.left_out:
        why = f": {ledger.named}" if ledger.named else ""  # what an option leaves out is no fault
        return InputError(f"{name}: no row is left ({ledger.left_out:,} were rejected{why}).", hint="Correct the rows.")
    what = "there is a header, and nothing below it" if has_columns else "it is empty"
    return InputError(f"{name} must hold rows of text and label ({what}).", hint="Add some rows.")
