"""Rows of a stream that are left out: told as they are met, counted at the end, written down on request.

In:   `Reject`s, one by one.
Out:  the first few on standard error, and their number; with a path, all of them there as JSON Lines.
Not:  deciding which rows those are (data/).
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from frostline.data.dataset import Reject
from frostline.data.rejects import NAMED, reject_line
from frostline.errors import printable
from frostline.publish import publish_stream


@contextlib.contextmanager
def left_out(name: str, written: Path | None) -> Iterator[Callable[[Reject], None]]:
    """A function that takes note of each row of `name` that is left out.

    Parameters
    ----------
    name : str
        The input, as it may stand in a message.
    written : Path or None
        A file of its own for all of them; it appears when the whole input has been read.

    Raises
    ------
    StorageError, AccessError
        `written` cannot be written.
    """
    count = 0
    with contextlib.ExitStack() as held:
        opened = None if written is None else held.enter_context(publish_stream(written))

        def note(reject: Reject) -> None:
            nonlocal count
            count += 1
            if opened is not None:
                opened.write(reject_line(reject))
            if count <= NAMED:
                click.echo(printable(f"left out: {name}:{reject.line}: {reject.reason}"), err=True)

        yield note
    if count:
        where = "" if written is None else f", listed in {printable(str(written))}"
        click.echo(f"{count:,} {'row was' if count == 1 else 'rows were'} left out{where}.", err=True)
