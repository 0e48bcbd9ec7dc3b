"""Bring one published file onto this machine, and be sure that it is that file.

In:   a `RemoteFile`: its URL, its size, its digest.
Out:  the file under its final name, whole and verified; or one error, and what has come is kept for the next try.
Not:  speaking HTTP (transport.py), the file being filled (partial.py), which files there are (public_sets.py).
"""

import time
from pathlib import Path
from typing import NoReturn

from frostline.arrays import Progress
from frostline.data.connection import Patience
from frostline.data.partial import PartialFile, claimed
from frostline.data.remote import RemoteFile, digest, is_whole
from frostline.data.transport import Answer, Interrupted, Unreachable, asked, check_address
from frostline.errors import InputError, UnavailableError
from frostline.publish import refuse_existing


def download(
    remote: RemoteFile, destination: Path, *, progress: Progress | None = None, patience: Patience | None = None
) -> Path:
    """Put `remote` at `destination`, and return that; ask nobody if it lies there already.

    A file that lies there and is another one is replaced, once the right one is complete.

    Parameters
    ----------
    remote : RemoteFile
    destination : Path
        Its folder must exist.
    progress : callable, optional
        Called with bytes held and bytes in all. Starts above zero where an earlier try is continued, and falls back
        to zero where the server cannot continue.
    patience : Patience, optional

    Raises
    ------
    UnavailableError
        No network, a server that says no, or one that failed too often. What has come is kept.
    InputError
        What is published there is another file: its size or digest differs. What has come is removed.
    StorageError
        The disk is full or failed. What has come is kept.
    OutputError, AccessError
        The folder is missing or must not be written to.
    UsageError
        The URL is not https.
    """
    check_address(remote.url)
    if is_whole(destination, remote):
        return destination
    refuse_existing(destination, overwrite=True)
    with claimed(destination) as part:
        if is_whole(destination, remote):  # another process was quicker
            part.remove()
            return destination
        _fill_and_verify(part, remote, progress, patience or Patience())
        part.publish()
    return destination


def _fill_and_verify(part: PartialFile, remote: RemoteFile, progress: Progress | None, patience: Patience) -> None:
    """Fill `part` and check it. If pieces of several answers don't make the file, take it once in one piece."""
    if part.size_bytes > remote.size_bytes:
        part.clear()
    for is_last in (False, True):
        is_pieced = _fill(part, remote, progress, patience)
        found = digest(part.path)
        if found == remote.sha256:
            return
        if is_last or not is_pieced:
            _refuse(part, f"{remote.url} must have sha256 {remote.sha256} (got {found}).")
        part.clear()


def _fill(part: PartialFile, remote: RemoteFile, progress: Progress | None, patience: Patience) -> bool:
    """Ask, and ask again, until `part` has its size. True if it came in more than one piece."""
    is_pieced, is_reached, etag, failures = part.size_bytes > 0, False, None, 0
    if progress is not None:
        progress(part.size_bytes, remote.size_bytes)
    while part.size_bytes < remote.size_bytes:
        try:
            with asked(remote.url, start=part.size_bytes, etag=etag, patience=patience) as answer:
                is_reached, etag = True, answer.etag
                is_pieced = answer.start > 0
                _take(answer, part, remote, progress)
        except (Unreachable, Interrupted) as error:
            failures += 1
            if isinstance(error, Unreachable) and not is_reached:
                _give_up(part, remote, f"{remote.url} cannot be reached ({error}).", error)
            if failures >= patience.attempts:
                held = f"{part.size_bytes:,} of {remote.size_bytes:,} bytes have come and are kept"
                _give_up(part, remote, f"{remote.url} failed {failures} times, last: {error}; {held}.", error)
            wait_s = patience.first_wait_s * 2 ** (failures - 1)
            if isinstance(error, Interrupted):
                is_reached = True
                wait_s = max(wait_s, error.retry_after_s)
                if error.restart:
                    part.clear()
            time.sleep(min(wait_s, patience.longest_wait_s))
        except UnavailableError as error:
            _give_up(part, remote, str(error), error)
    return is_pieced


def _take(answer: Answer, part: PartialFile, remote: RemoteFile, progress: Progress | None) -> None:
    """Append what comes; never more than the file's size."""
    if answer.start == 0 and part.size_bytes:
        part.clear()
    if answer.size_bytes not in {None, remote.size_bytes}:
        _refuse(part, f"{remote.url} must have {remote.size_bytes:,} bytes (got {answer.size_bytes:,}).")
    for chunk in answer.chunks:
        if part.size_bytes + len(chunk) > remote.size_bytes:
            _refuse(part, f"{remote.url} must have {remote.size_bytes:,} bytes (got more).")
        part.append(chunk, wanted=remote.size_bytes)
        if progress is not None:
            progress(part.size_bytes, remote.size_bytes)
    if part.size_bytes < remote.size_bytes:
        raise Interrupted("the connection was closed early")


def _refuse(part: PartialFile, message: str) -> NoReturn:
    part.remove()
    raise InputError(
        message,
        hint="The file was changed where it is published, or on the way (a proxy, a log-in page). Nothing was kept.",
    )


def _give_up(part: PartialFile, remote: RemoteFile, message: str, error: Exception) -> NoReturn:
    if not part.size_bytes:
        part.remove()
    raise UnavailableError(
        message,
        hint=f"Run the same command again with a network (HTTPS_PROXY is honoured), or put the file there by hand: "
        f"{remote.url} as {part.destination}.",
    ) from error
