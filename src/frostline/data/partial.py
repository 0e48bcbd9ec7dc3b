"""A file being filled: continued by the next try, and filled by one process at a time.

In:   the name that the file shall have once it is whole.
Out:  a `PartialFile`, locked.
Not:  where its bytes come from and whether they are right (download.py).

What has come lies beside the destination as `NAME.part`. The process that holds an flock on it fills it; another one
that wants the same file at the same time fills a file of its own. The lock goes with its process, so nothing is
left to clean up after a kill. Where there is no flock (Windows), each call fills a file of its own.
"""

import contextlib
import errno
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import final

from frostline.publish import TEMPORARY_PREFIX, storage_error, sync_folder

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)


@final
class PartialFile:
    """The file being filled, open.

    Parameters
    ----------
    handle : int
    path : Path
        Where it lies now.
    destination : Path
        Where it goes.
    """

    def __init__(self, handle: int, path: Path, destination: Path) -> None:
        self.handle = handle
        self.path = path
        self.destination = destination
        self.size_bytes = os.fstat(handle).st_size

    def append(self, chunk: bytes, *, wanted: int) -> None:
        """Write `chunk` at the end; `wanted` is the size that the file shall have, for the message.

        Raises
        ------
        StorageError
            Disk full, quota, file-size limit or I/O error.
        """
        try:
            os.lseek(self.handle, self.size_bytes, os.SEEK_SET)
            view = memoryview(chunk)
            while view:
                written = os.write(self.handle, view)
                self.size_bytes += written
                view = view[written:]
        except OSError as error:
            raise storage_error(error, self.path, size_bytes=wanted - self.size_bytes) from error

    def clear(self) -> None:
        """Forget what has come."""
        os.ftruncate(self.handle, 0)
        self.size_bytes = 0

    def remove(self) -> None:
        """Take it off the disk."""
        self._close_where_it_matters()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def publish(self) -> None:
        """Give the finished file its name: data first, then the name."""
        try:
            os.fsync(self.handle)
            self._close_where_it_matters()
            self.path.replace(self.destination)
            sync_folder(self.destination.parent)
        except OSError as error:
            raise storage_error(error, self.destination) from error

    def close(self) -> None:
        """Give up the handle, and with it the lock."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1

    def _close_where_it_matters(self) -> None:
        """Windows renames and removes no open file; elsewhere the file stays open, for its lock."""
        if os.name != "posix":
            self.close()


@contextlib.contextmanager
def claimed(destination: Path) -> Iterator[PartialFile]:
    """The file to fill: the one that an earlier try left, unless somebody else is filling it.

    It stays for the next try, unless it is published or removed; one of our own goes with us.

    Raises
    ------
    StorageError, AccessError
        It cannot be made.
    """
    path = destination.with_name(f"{destination.name}.part")
    try:
        handle = _locked(path)
        is_common = handle is not None
        if handle is None:
            path = destination.with_name(f"{TEMPORARY_PREFIX}{destination.name}-{secrets.token_hex(6)}")
            handle = os.open(path, _FLAGS | os.O_EXCL, 0o644)
    except OSError as error:
        raise storage_error(error, path) from error
    part = PartialFile(handle, path, destination)
    try:
        yield part
    finally:
        part.close()
        if not is_common:
            path.unlink(missing_ok=True)


def _locked(path: Path) -> int | None:
    """`path`, open and locked; None if another process has it or this file system knows no locks."""
    if sys.platform == "win32":
        return None
    import fcntl  # noqa: PLC0415 - POSIX only

    while True:
        handle = os.open(path, _FLAGS | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        except OSError as error:
            os.close(handle)
            if error.errno in {errno.EWOULDBLOCK, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}:
                return None
            raise
        os.close(handle)  # it was published, or removed, between our opening and our locking it
