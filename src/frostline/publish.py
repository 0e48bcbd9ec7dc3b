"""Put files on disk so that a reader sees the whole of them or nothing.

In:   bytes, or a folder being filled.
Out:  a file or folder under its final name, its data and its name both on the disk.
Not:  what the bytes mean.

The order is the whole point: write to a temporary name in the same folder, fsync the file, rename, fsync the
folder. A rename that reaches the disk before the data it names would, after a power cut, show an empty file.
"""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from frostline.errors import AccessError, OutputError, StorageError

TEMPORARY_PREFIX = ".tmp-"


def storage_error(error: OSError, path: Path, *, size_bytes: int | None = None) -> StorageError | AccessError:
    """The error of the tree that `error`, met while writing `path`, stands for."""
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return AccessError(f"{path}: cannot be written ({error.strerror}).", hint="Choose a folder of your own.")
    needed = f"; {size_bytes:,} bytes were to be written" if size_bytes is not None else ""
    hints = {
        errno.ENOSPC: "Free some space and run the same command again; what was finished is kept.",
        errno.EDQUOT: "Your quota is used up: free some space and run the same command again.",
        errno.EFBIG: "The limit on file size (ulimit -f) is too low: raise it and run the same command again.",
    }
    hint = hints.get(error.errno or 0, "Check the disk, and run the same command again.")
    return StorageError(f"{path}: writing failed ({error.strerror}{needed}).", hint=hint)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Does nothing where a folder cannot be opened (Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish_bytes(path: Path, content: bytes | memoryview, *, mode: int = 0o644) -> None:
    """Write `content` to `path`, replacing what was there, whole or not at all.

    Raises
    ------
    StorageError
        Disk full, quota, file-size limit or I/O error; the path and the bytes needed are named. A failed fsync is
        never retried: the kernel may have dropped the pages and would then answer that all is well.
    AccessError
        Not permitted, or a read-only file system.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}-{secrets.token_hex(6)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise storage_error(error, path, size_bytes=len(content)) from error


@contextlib.contextmanager
def publish_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder to fill; on leaving it becomes `path`, whole. On an error nothing is left behind.

    With `overwrite` the old folder stays readable until the new one is complete.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or its parent is not there.
    StorageError, AccessError
        As for `publish_bytes`.
    """
    refuse_existing(path, overwrite=overwrite)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}-{secrets.token_hex(6)}")
    retired = path.with_name(f"{TEMPORARY_PREFIX}old-{path.name}-{secrets.token_hex(6)}")
    try:
        temporary.mkdir(mode=0o755)
        yield temporary
        for inner in sorted(temporary.rglob("*")):
            if inner.is_file():
                with inner.open("rb") as opened:
                    os.fsync(opened.fileno())
        for inner in (*temporary.rglob("*"), temporary):
            if inner.is_dir():
                sync_folder(inner)
        if path.exists():
            path.rename(retired)
        try:
            temporary.rename(path)
        except OSError:
            if retired.exists():
                retired.rename(path)
            raise
        sync_folder(path.parent)
        shutil.rmtree(retired, ignore_errors=True)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise, before any work starts, if writing to `path` would fail or lose something.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or its parent folder is missing.
    AccessError
        The parent folder cannot be written to.
    """
    parent = path.absolute().parent
    if not parent.is_dir():
        raise OutputError(f"{path}: the folder {parent} must exist.", hint=f"Run: mkdir -p {parent}")
    if not os.access(parent, os.W_OK):
        raise AccessError(f"{path}: the folder {parent} cannot be written to.", hint="Choose another place.")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists already.", hint="Choose another name, or pass --overwrite.")
