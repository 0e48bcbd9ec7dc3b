"""What a single value may be: the rules for texts and labels, the same for every format."""

import ast
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias, final

from frostline.data.columns import mark_of, parted
from frostline.data.dataset import Reject
from frostline.data.lines import bad_text
from frostline.data.options import TableOptions
from frostline.disk import publish_bytes
from frostline.errors import InputError, shown

_NO_TEXT = "the text is empty"
_NO_LABEL = ("the label is empty", "the label is blank")
_FRACTION = re.compile(r"the label .* \(got -?\d+\.\d+\)")
_NO_OBJECT = "must be a JSON object"
_BROKEN_LIST = "the list of labels must hold strings or whole numbers alone"
NAMED = 5  # how many rejected rows a message names


@final
@dataclass(frozen=True, slots=True)
class Fault:
    """Why the row that begins in `line` is left out; `is_asked_for`: an option says so, and it is no failure."""

    line: int
    reason: str
    is_asked_for: bool = False


@final
class Ledger:
    """Counts the rows of a file that are left out, and remembers the first few.

    Parameters
    ----------
    name : str
        The file, for the message.
    allowed : int
        How many faults are tolerated.
    keep : callable
        Given each `Reject`.

    Attributes
    ----------
    faults, left_out : int
        Rows that count against `allowed`; all rows that are left out.
    """

    def __init__(self, name: str, *, allowed: int, keep: Callable[[Reject], None]) -> None:
        self.name = name
        self.allowed = allowed
        self.faults = 0
        self.left_out = 0
        self._keep = keep
        self._first: list[Fault] = []

    @property
    def is_exceeded(self) -> bool:
        """Whether more rows are faulty than allowed."""
        return self.faults > self.allowed

    def add(self, fault: Fault) -> None:
        """Note `fault`; past the allowed number only count it."""
        self.left_out += 1
        if not fault.is_asked_for:
            self.faults += 1
            if len(self._first) < NAMED:
                self._first.append(fault)
        if not self.is_exceeded:
            self._keep(Reject(fault.line, fault.reason))

    @property
    def named(self) -> str:
        """The first few faults with their lines, and how many more there are."""
        first = "; ".join(dict.fromkeys(f"line {fault.line}: {fault.reason}" for fault in self._first))
        more = f"; and {self.faults - len(self._first):,} more" if self.faults > len(self._first) else ""
        return first + more

    @property
    def are_empty(self) -> bool:
        """Whether all that is known to be wrong is that texts or labels are empty."""
        return bool(self._first) and all(fault.reason in (_NO_TEXT, *_NO_LABEL) for fault in self._first)

    @property
    def are_no_strings(self) -> bool:
        """Whether all that is known to be wrong is that texts or labels are values of another kind."""
        return bool(self._first) and all("must be a string" in fault.reason for fault in self._first)

    def error(self, rows: int, *, hint: str = "", has_one_label: bool = False, are_all: bool = True) -> InputError:
        """The error that says how many of `rows` cannot be used, and names the first few.

        Parameters
        ----------
        hint : str
            What to do, if not the usual.
        has_one_label : bool
            Each text was read with exactly one label: what has none may be meant to have several, or none.
        are_all : bool
            The whole file was read; else more rows than these may be faulty.
        """
        return InputError(
            f"{self.name}: {self.faults:,} of {rows:,} rows cannot be read ({self.allowed:,} allowed): {self.named}.",
            hint=hint or self._hint(rows, has_one_label=has_one_label, are_all=are_all),
        )

    def _hint(self, rows: int, *, has_one_label: bool, are_all: bool) -> str:
        most = f"{self.faults} to leave them out" if are_all else "and how many rows to leave out at most"
        is_hopeless = self.faults == rows and (are_all or rows > 1)  # nothing would be left
        leave_out = "" if is_hopeless else f", or pass --max-bad-rows {most}"
        if has_one_label and all(fault.reason in _NO_LABEL for fault in self._first):
            return f"If a text may have several labels or none, pass --labels-separator; else correct them{leave_out}."
        reasons = [fault.reason for fault in self._first]
        if all(reason.endswith("(got an object)") for reason in reasons):
            return f"A field within a field is named with a dot: --text OUTER.INNER{leave_out}."
        if all(reason.startswith(_BROKEN_LIST) for reason in reasons):
            return f"""Write each as ["a", "b"], or as a;b and pass --labels-separator ';'{leave_out}."""
        if self.faults == rows and all(reason.startswith(_NO_OBJECT) for reason in reasons):  # so are the others, then
            return 'Write each row as an object with names: {"text": …, "label": …}.'
        if all(_FRACTION.fullmatch(reason) for reason in reasons):
            return f'Write such labels as strings, such as "4.5"{leave_out}.'
        return f"Correct them{leave_out}."


def write_rejects(path: Path | str, rejects: Sequence[Reject]) -> None:
    """Write one ASCII JSON object a line, `{"line": 7, "reason": "..."}`, the whole file or nothing.

    Parameters
    ----------
    path : Path or str
        Replaced if it exists.
    rejects : sequence of Reject
        An empty one gives an empty file.
    """
    publish_bytes(Path(path), b"".join(map(reject_line, rejects)))


def reject_line(reject: Reject) -> bytes:
    """`reject` as a line of `rejects.jsonl`."""
    return json.dumps(asdict(reject)).encode("ascii") + b"\n"


Picked: TypeAlias = tuple[int, str, "str | tuple[str, ...]", Any]
"""What is wanted of a row: its line (Parquet: its number), its text, its label ("" where none was asked for), or
its labels where it may have several; its group ("" where it has none, or none was asked for), or all its cells."""

SURROGATE = re.compile("[\ud800-\udfff]")


class RowError(Exception):
    """The row at hand cannot be used; the exception's text is the reason that its `Reject` will give."""


class BadBytes(str):
    """Why the bytes of a string are none, in its place in a row that is to be left out."""

    __slots__ = ()


@final
class SkippedTextError(RowError):
    """The row is left out because `on_bad_text` says "skip": it does not count against `max_bad_rows`."""


@final
class CellRules:
    """Applies a file's options to its values.

    Parameters
    ----------
    name : str
        The file, for messages.
    """

    def __init__(self, options: TableOptions, name: str) -> None:
        self.options = options
        self.name = name
        self._labels: dict[str, str] = {}
        self._sets: dict[str, tuple[str, ...]] = {}

    def text(self, value: str) -> str:
        """`value`, if it may be a text."""
        if len(value) > self.options.limits.field_characters:
            raise RowError(f"the text is longer than {self.options.limits.field_characters:,} characters")
        if self.options.on_empty_text == "reject" and (not value or value.isspace()):
            raise RowError(_NO_TEXT if not value else "the text is blank")
        return value

    def label(self, value: str) -> str:
        """`value`, if it may be a label; equal labels are one object, so that a million of them cost little."""
        known = self._labels.get(value)
        if known is not None:
            return known
        if len(value) > self.options.limits.field_characters:
            raise RowError(f"the label is longer than {self.options.limits.field_characters:,} characters")
        if not value or value.isspace():
            raise RowError(_NO_LABEL[0] if not value else _NO_LABEL[1])
        return self._labels.setdefault(value, value)

    def label_set(self, value: str) -> tuple[str, ...]:
        """The labels in a cell, which is one label where there is no separator; equal cells give one object."""
        known = self._sets.get(value)
        if known is not None:
            return known
        separator = self.options.labels_separator
        cell = (value,) if separator is None else parted(value, separator)
        return self._sets.setdefault(value, self.listed_labels(cell))

    def written_labels(self, value: str) -> tuple[str, ...]:
        """The labels in a cell that is a list written out, as in the rows before it; an empty cell is an empty list."""
        known = self._sets.get(value)
        if known is not None:
            return known
        items = written_list(value) if value.strip() else []
        if items is None and is_meant_for_list(value):
            raise RowError(f"{_BROKEN_LIST} (got {shown(value, 60)})")
        if items is None:
            raise RowError(f"the labels must be a list written out, as in the rows before it (got {shown(value, 60)})")
        return self._sets.setdefault(value, self.listed_labels(items))

    def marked_labels(self, names: Sequence[str], marks: Sequence[object]) -> tuple[str, ...]:
        """Of columns of 0 and 1, one for each label, those that hold 1."""
        labels = []
        for name, mark in zip(names, marks, strict=True):
            has_label = mark_of(mark)
            if has_label is None:
                got = shown(mark, 60) if isinstance(mark, str) else spelled(mark)
                raise RowError(f"the column {shown(name)} must hold 0 or 1 (got {got})")
            if has_label:
                labels.append(self.label(name))
        return tuple(labels)

    def listed_labels(self, values: Sequence[str]) -> tuple[str, ...]:
        """The labels in a list, each once, in order."""
        if len(values) > self.options.limits.labels:
            raise RowError(f"there are more than {self.options.limits.labels:,} labels")
        return tuple(dict.fromkeys(self.label(value) for value in values))

    def typed_labels(self, line: int, value: object) -> tuple[str, ...]:
        """The labels that a value is: a list of what may be a label; a string is parted, or one label."""
        if isinstance(value, str):
            return self.label_set(self._encodable(line, value))
        if isinstance(value, list):
            if len(value) > self.options.limits.labels:
                return self.listed_labels(value)
            return tuple(dict.fromkeys(self.typed_label(line, item) for item in value))
        if value is None:
            raise RowError("the labels are null, which says nothing: an empty list says that there is none")
        return (self.typed_label(line, value),)

    def typed_written(self, line: int, value: object) -> tuple[str, ...]:
        """The labels that a value is, where those of the rows before it are lists written out."""
        if isinstance(value, str):
            return self.written_labels(self._encodable(line, value))
        return self.typed_labels(line, value)

    def typed_text(self, line: int, value: object) -> str:
        """The text that a value is: strings only; half of a surrogate pair is bad text."""
        if not isinstance(value, str):
            raise RowError(f"the text must be a string (got {spelled(value)})")
        return self.text(self._encodable(line, value))

    def typed_or_joined(self, line: int, values: Sequence[object]) -> str:
        """The text that one value is, or that several make up."""
        return self.typed_text(line, values[0]) if len(values) == 1 else self.joined_text(line, values)

    def joined_text(self, line: int, values: Sequence[object]) -> str:
        """The text that several values make up: strings, or nothing."""
        for value in values:
            if value is not None and not isinstance(value, str):
                raise RowError(f"the text must be a string (got {spelled(value)})")
        return self.text(joined([self._encodable(line, value) for value in values if isinstance(value, str)]))

    def typed_label(self, line: int, value: object) -> str:
        """The label that a value is: a string as it is, a whole number or boolean as JSON spells it."""
        if isinstance(value, str):
            return self.label(self._encodable(line, value))
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:  # stars as 5.0
            return self.label(str(int(value)))
        if isinstance(value, bool | int):
            return self.label(json.dumps(value))
        raise RowError(f"the label must be a string, a whole number or a boolean (got {spelled(value)})")

    def _encodable(self, line: int, value: str) -> str:
        if isinstance(value, BadBytes):
            raise SkippedTextError(value)
        try:
            value.encode()  # many times faster than searching
        except UnicodeEncodeError as error:
            half = ord(value[error.start])
        else:
            return value
        reason = f"\\u{half:04x} is half of a surrogate pair, not a character"
        if self.options.on_bad_text == "error":
            raise bad_text(f"{self.name}:{line}: {reason}.", encoding="")
        if self.options.on_bad_text == "skip":
            raise SkippedTextError(reason)
        return SURROGATE.sub("\ufffd", value)


_CORE = r"""(?:[uU]?'(?:[^'\\]|\\.)*+'|[uU]?"(?:[^"\\]|\\.)*+"|-?[0-9]{1,18}(?:\.0?)?)"""
_ITEM = rf"(?:{_CORE}|(?:np|numpy)\.\w{{1,20}}\({_CORE}\))"  # as numpy shows what lies in a list of Python's
_ITEMS = re.compile(rf"(?:(?:np|numpy)\.\w{{1,20}}\()?({_CORE})\)?", re.DOTALL)
# Not possessive around the items: Python 3.11.2 would then take `[1,]`, 3.11.7 not. Items never give back: linear.
_COMMAS = rf"\s*+{_ITEM}\s*+(?:,\s*+{_ITEM}\s*+)*"
_WRITTEN_LIST = re.compile(
    rf"""\s*+(?:\[(?:{_COMMAS}|\s*+)\]|\{{{_COMMAS}\}}|\((?:{_COMMAS},?\s*+|\s*+)\)|\[{_ITEM}(?:\s++{_ITEM})*\])\s*+""",
    re.DOTALL,
)
_CALLED = re.compile(r"\s*+(?:(?:np|numpy)\.)?(?:array|frozenset|set|list|tuple)\((?=\s*+[\[({)])")
_TYPE = re.compile(r",\s*+dtype=[\w.'<>|]{1,40}\Z")
# What no label begins with that is not meant for a list
_LIST_BEGINS = re.compile(r"""[\[({]\s*+(?:[bBuU]?['"]|(?:np|numpy)\.)|\[\s*+[\[({]""")
_VALUES = re.compile(r"(?:\s*+(?:nan|None|null|[Tt]rue|[Ff]alse|-?[0-9][0-9.]*+))++\s*+")


def written_list(cell: str) -> list[str] | None:
    """The items of a list, tuple or set of strings or whole numbers written as Python, JSON, numpy or pandas write it.

    None for any other cell.
    """
    if called := _CALLED.match(cell):
        bare = cell.rstrip()
        inner = _TYPE.sub("", bare[called.end() : -1])
        return None if bare[-1] != ")" else written_list(inner) if inner.strip() else []
    if _WRITTEN_LIST.fullmatch(cell) is None:
        return None
    try:
        return [_spelled_item(ast.literal_eval(item)) for item in _ITEMS.findall(cell)]
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # a line break or an escape that is none
        return None


def _spelled_item(item: str | float) -> str:
    return item if isinstance(item, str) else str(int(item))


def is_meant_for_list(cell: str) -> bool:
    """Whether a cell is a list of something written out, be it one that can be read or not."""
    bare = cell.strip()
    if _CALLED.match(bare) or _LIST_BEGINS.match(bare):
        return True
    inner, ends = bare[1:-1], bare[:1] + bare[-1:]
    if ends == "[]":
        return "," in inner or _VALUES.fullmatch(inner) is not None
    is_plain = not {*"()[]{}"} & {*inner}
    return ends in {"{}", "()"} and is_plain and ("," in inner or (ends == "{}" and bool(_VALUES.fullmatch(inner))))


def are_written_lists(cells: Sequence[str]) -> bool:
    """Whether a quarter of the cells at least, of those that hold something, are meant for lists."""
    filled = [cell for cell in cells if cell.strip() and written_list(cell) != []]
    return bool(filled) and 4 * sum(map(is_meant_for_list, filled)) >= len(filled)


def refuse_parted_lists(values: Sequence[object], separator: str, name: str) -> None:
    """Raise where the labels are lists written out, which a separator would cut into pieces of one."""
    cells = [value for value in values if isinstance(value, str) and value.strip()]
    if any(len(parted(cell, separator)) > 1 for cell in cells) and all(
        written_list(cell) is not None for cell in cells
    ):
        raise InputError(
            f"{name}: the labels are lists written out (such as {shown(cells[0], 60)}), which "
            f"{shown(separator)} would cut into pieces.",
            hint="Leave --labels-separator out: they are read as lists.",
        )


def refuse_written_lists(labels: Sequence[object]) -> None:
    """Raise where every label of a caller is a list written out: `pandas.read_csv` gives such for lists of labels."""
    cells = [label for label in labels if isinstance(label, str) and written_list(label) != []]
    if not cells or len(cells) < len(labels) - 1 or not any({"'", '"', ","} & {*cell} for cell in cells):
        return
    if all(is_meant_for_list(cell) and written_list(cell) is not None for cell in cells):
        raise InputError(
            f"The labels are lists written out as strings (such as {shown(cells[0], 60)}): each would be a class of "
            "its own.",
            hint="Pass lists, for several labels per text: y = [ast.literal_eval(labels) for labels in y].",
        )


def holds_written_lists(values: Sequence[object], options: TableOptions, name: str) -> bool:
    """Whether a column of strings, null or other values holds lists written out, where no separator is given.

    Raises `InputError`: one is given, which would cut them.
    """
    if options.labels_separator is not None:
        refuse_parted_lists(values, options.labels_separator, name)
        return False
    cells = [value for value in values if isinstance(value, str)]
    has_none_else = all(value is None or isinstance(value, str) for value in values)
    return has_none_else and are_written_lists(cells)


def joined(cells: Sequence[str]) -> str:
    """Several cells as one text: those that are not blank, a line each."""
    return "\n".join(cell for cell in cells if cell and not cell.isspace())


def group_of(value: object) -> str:
    """The group that a value names; "" where it names none."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)


def spelled(value: object) -> str:
    """A JSON value as it may stand in a message."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return shown(json.dumps(value)) if isinstance(value, str) else json.dumps(value)


def fault(line: int, error: RowError) -> Fault:
    """What `error` says about the row that begins in `line`."""
    return Fault(line, str(error), is_asked_for=isinstance(error, SkippedTextError))
