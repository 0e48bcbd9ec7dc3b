"""Rows that are left out: counted against what is allowed, named, and written to a file on request.

In:   a `Fault` for each row that cannot be used.
Out:  `Reject`s; an InputError once there are too many; `rejects.jsonl`.
Not:  finding faults (delimited.py, jsonl.py, parquet.py, cells.py).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

from frostline.data.dataset import Reject
from frostline.errors import InputError
from frostline.publish import publish_bytes

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

    def error(self, rows: int, *, hint: str = "") -> InputError:
        """The error that says how many of `rows` cannot be used, and names the first few."""
        named = "; ".join(f"line {fault.line}: {fault.reason}" for fault in self._first)
        more = f"; and {self.faults - len(self._first):,} more" if self.faults > len(self._first) else ""
        return InputError(
            f"{self.name}: {self.faults:,} of {rows:,} rows cannot be used ({self.allowed:,} may be): {named}{more}.",
            hint=hint or f"Correct them, or pass --max-bad-rows {self.faults} to leave them out.",
        )


def write_rejects(path: Path | str, rejects: Sequence[Reject]) -> None:
    """Write one ASCII JSON object a line, `{"line": 7, "reason": "..."}`, the whole file or nothing.

    Parameters
    ----------
    path : Path or str
        Replaced if it exists.
    rejects : sequence of Reject
        An empty one gives an empty file.

    Raises
    ------
    StorageError, AccessError
        As for `publish.publish_bytes`.
    """
    publish_bytes(Path(path), b"".join(map(reject_line, rejects)))


def reject_line(reject: Reject) -> bytes:
    """`reject` as a line of `rejects.jsonl`."""
    return json.dumps(asdict(reject)).encode("ascii") + b"\n"
