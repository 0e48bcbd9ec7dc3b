"""Words, tables and progress bars for a person at a terminal.

Data go to standard output, words and progress to standard error; bars are drawn on a terminal only.
"""

import codecs
import contextlib
import json
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast, final

import click
from rich.console import Console

from frostline import arrays
from frostline.report.progress import shown_progress

if TYPE_CHECKING:
    from frostline.finetune import SoFar, Told

_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")  # C1 controls, breaks, directions


@final
class _Output(Console):
    """A console whose reader may go before the end (`| head`): told to the caller, where rich would leave with 1."""

    def on_broken_pipe(self) -> None:
        """Raise the error that rich is about to swallow."""
        raise BrokenPipeError


@final
class _Unpadded:
    """Standard output for a console: tables end where their words end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:
        """Of the stream."""
        return self._stream.encoding or "ascii"

    def isatty(self) -> bool:
        """It is a pipe or a file."""
        return False

    def write(self, text: str) -> int:
        """Rich writes whole lines."""
        self._stream.write(_PADDING.sub("", text))
        return len(text)

    def flush(self) -> None:
        """The stream's."""
        self._stream.flush()


_PADDING = re.compile(r" +(?=\n)")
_UNCUT = 10_000  # letters in a line, none of which is folded or cut for want of room


def output() -> Console:
    """Where reports go: standard output; as wide as the terminal, elsewhere neither folded, cut nor padded."""
    console = _Output(highlight=False, soft_wrap=False)
    if console.is_terminal:
        return console
    return _Output(highlight=False, width=_UNCUT, file=cast("TextIO", _Unpadded(sys.stdout)))


def words() -> Console:
    """Where words and progress go: standard error."""
    return Console(stderr=True, highlight=False)


@contextlib.contextmanager
def progress(description: str, unit: str = "", *, step: tuple[int, int] | None = None) -> Iterator[arrays.Progress]:
    """A progress callback drawing a line on standard error; silent when that is not a terminal."""
    with shown_progress(words(), description, unit, step=step) as advance:
        yield advance


@contextlib.contextmanager
def tuning_progress() -> "Iterator[Told]":
    """The same for the steps of tuning, with their losses."""
    losses = [""]
    with shown_progress(words(), "Tuning", "steps", note=lambda: losses[0]) as advance:

        def told(so_far: "SoFar") -> None:
            losses[0] = str(so_far)
            advance(so_far.step, so_far.n_steps)

        yield told


def print_json(document: Any) -> None:
    """One JSON object on one line of standard output; escaped: what could steer a terminal, or it cannot show."""
    text = json.dumps(document, ensure_ascii=not _is_unicode(), allow_nan=False)
    click.echo(_STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def _is_unicode() -> bool:
    return codecs.lookup(sys.stdout.encoding or "ascii").name.startswith("utf-")
