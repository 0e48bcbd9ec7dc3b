"""Where Frostline keeps things on this machine.

Folders for kept features, built graphs and downloaded sets are made 0700 on demand.

Kept vectors are personal data (short texts can be recovered from them), hence the modes: a folder that is
not ours, or that others can write to, is refused rather than trusted. Whoever can write to a folder can exchange those
inside it, whatever their modes: so every one from `home` down is looked at.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from frostline.errors import AccessError, OutputError, StorageError, UsageError, pasteable

ELSEWHERE = "Set FROSTLINE_HOME to a folder of your own."


def home() -> Path:
    """The folder that holds everything kept: `FROSTLINE_HOME`, or the platform's cache folder."""
    chosen = os.environ.get("FROSTLINE_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - only where used: start-up time

    return Path(platformdirs.user_cache_dir("frostline"))


def private_folder(path: Path) -> Path:
    """`path`, made 0700 where it is missing, and checked where it is not; so is every folder from `home` down to it.

    Raises `AccessError`: one of them belongs to another user, others can write to it, or we cannot write to `path`;
    `OutputError`: something that is not a folder is in the way.
    """
    for folder in _from_home(path):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise OutputError(f"{folder} must be a folder.", hint="Remove it, or set FROSTLINE_HOME.") from error
        except OSError as error:
            raise AccessError(f"{folder}: cannot be made ({error.strerror}).", hint=ELSEWHERE) from error
    refuse_shared(path)
    if not os.access(path, os.W_OK):
        raise AccessError(f"{path} cannot be written to.", hint=ELSEWHERE)
    return path


def refuse_shared(path: Path) -> None:
    """Raise unless `path`, and every folder from `home` down to it, is ours alone; what is missing is nobody's."""
    if os.name != "posix":
        return
    for folder in _from_home(path):
        try:
            status = folder.stat()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise AccessError(f"{folder}: cannot be looked at ({error.strerror}).", hint=ELSEWHERE) from error
        if status.st_uid != os.geteuid():
            raise AccessError(
                f"{folder} belongs to another user (uid {status.st_uid}).",
                hint=f"Set FROSTLINE_HOME, or run: chown -R {os.geteuid()} {pasteable(folder)}",
            )
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            is_everybodys = status.st_mode & stat.S_ISVTX  # such as /tmp: not to be closed to the others
            hint = ELSEWHERE if is_everybodys else f"Run: chmod 700 {pasteable(folder)}"
            raise AccessError(f"{folder} can be written to by other users.", hint=hint)


def _from_home(path: Path) -> tuple[Path, ...]:
    """The folders from `home` down to `path`, in that order; `path` alone where it is not in there."""
    base = home()
    inner = (path, *path.parents)
    return tuple(reversed(inner[: inner.index(base) + 1])) if base in inner else (path,)


if sys.platform != "win32":
    import fcntl

TEMPORARY_PREFIX = ".tmp-"
RETIRED_SUFFIX = ".old"


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


def reserve(file: IO[bytes], n_bytes: int, path: Path) -> None:
    """Take the room of a file that will be mapped: what a mapping writes to a full disk ends the process by a signal.

    Raises `StorageError` or `AccessError`, as `publish_bytes`.
    """
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, n_bytes)
    except OSError as error:
        raise storage_error(error, path, size_bytes=n_bytes) from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; about 60 ms for 90 MB."""
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise storage_error(error, path) from error


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Does nothing where a folder cannot be opened (Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish_bytes(path: Path, content: bytes | memoryview, *, mode: int = 0o644, sweeps: bool = True) -> None:
    """Write `content` to `path`, replacing what was there, whole or not at all.

    Raises `StorageError`: disk full, quota, file-size limit or I/O error; the path and the bytes needed are named.
    A failed fsync is never retried: the kernel may have dropped the pages and would then answer that all is well;
    `AccessError`: not permitted, or a read-only file system.

    What killed calls for the same `path` left behind is swept first; not so where `sweeps` is False, for a folder of
    many files that is swept as a whole (`sweep_temporaries`).
    """
    with _published(path, mode=mode, size_bytes=len(content), sweeps=sweeps) as opened:
        opened.write(content)


@contextlib.contextmanager
def publish_stream(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A file to write to; on leaving it becomes `path`, replacing what was there. On an error nothing is left behind.

    What killed calls for the same `path` left behind is swept first.
    """
    with _published(path, mode=mode) as opened:
        yield opened


@contextlib.contextmanager
def _published(path: Path, *, mode: int, size_bytes: int | None = None, sweeps: bool = True) -> Iterator[BinaryIO]:
    """A temporary file beside `path`, locked while it is written; synced and renamed on leaving."""
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}-{secrets.token_hex(6)}")
    try:
        if sweeps:
            _sweep(path)
        with os.fdopen(_create_locked(temporary, mode), "wb") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
            if sys.platform != "win32":
                temporary.replace(path)  # before the lock goes: else a sweeper could come in between
        if sys.platform == "win32":
            temporary.replace(path)  # an open file cannot be renamed there
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path, size_bytes=size_bytes) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _create_locked(temporary: Path, mode: int) -> int:
    """A new file, open for writing, whose lock says that its writer lives."""
    while True:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        if sys.platform == "win32":
            return handle
        with contextlib.suppress(OSError):  # a file system without locks: a sweeper gets none there either
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)  # swept between its making and its locking


def sweep_folders_of_the_dead(folder: Path) -> None:
    """Remove folders in `folder` that processes left behind which were killed: their names begin with its number."""
    for path in folder.iterdir():
        pid = path.name.partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(path, ignore_errors=True)


def sweep_temporaries(folder: Path) -> int:
    """Remove the temporary files in `folder` whose writers are gone; the number removed.

    A file that a living process (on this machine) is writing is left alone, as is whatever cannot be locked.
    """
    n_removed = 0
    for temporary in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = _locked(temporary)
            try:
                temporary.unlink()
                n_removed += 1
            finally:
                os.close(lock)
    return n_removed


@contextlib.contextmanager
def publish_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder to fill; on leaving it becomes `path`, whole. On an error nothing is left behind.

    With `overwrite` the old folder stays in place until the new one is complete, and then gives way under a second
    name. Between these two renames nothing bears the name `path`: whoever reads it asks `bring_back` then. A kill in
    between leaves the old folder under its second name, from which `bring_back` or the next call restores it.
    What killed calls left behind is swept by the next one; what a living process fills is locked, and stays.

    Raises `OutputError`: `path` exists and `overwrite` is false, or its parent is not there.
    """
    refuse_existing(path, overwrite=overwrite)
    with contextlib.ExitStack() as held:
        try:
            _sweep(path)
            temporary = _claimed_folder(path, held)
            yield temporary
            _sync_tree(temporary)
            _put_in_place(temporary, path, overwrite=overwrite)
            sync_folder(path.parent)
        except OSError as error:
            raise storage_error(error, path) from error


def _claimed_folder(path: Path, held: contextlib.ExitStack) -> Path:
    """A new folder beside `path`, locked while `held` is open and removed (with whatever bears its name) after that."""
    while True:
        temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}-{secrets.token_hex(6)}")
        temporary.mkdir(mode=0o755)
        held.callback(shutil.rmtree, temporary, ignore_errors=True)
        try:
            held.callback(os.close, _locked(temporary))
        except (BlockingIOError, FileNotFoundError):
            continue  # a sweeper came between the making and the locking: once more
        except OSError:
            return temporary  # no such locks here, so nobody sweeps either
        if temporary.exists():
            return temporary


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Make `folder` where it is missing. Whether no other process has claimed it; then it is ours until the end.

    Where there are no locks: always. Raises `OutputError`: something that is no folder is in the way; `StorageError`,
    `AccessError`: it cannot be made.
    """
    with contextlib.ExitStack() as held:
        while True:
            try:
                folder.mkdir(mode=0o755, exist_ok=True)
                lock = _locked(folder)
            except BlockingIOError:
                yield False
                return
            except FileExistsError as error:
                raise OutputError(f"{folder} must be a folder.", hint="Move it away.") from error
            except FileNotFoundError:
                continue  # whoever had it has just removed it
            except OSError as error:
                if not folder.is_dir():
                    raise storage_error(error, folder) from error
                break  # no such locks here
            held.callback(os.close, lock)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), folder.stat()):
                    break  # else what was locked has been removed, and what bears its name is another one
        yield True


def _locked(path: Path) -> int:
    """A handle that holds the lock on a file or folder, until its process dies, however it dies.

    Raises `BlockingIOError`: another process holds it; `OSError`: this system or file system has no such locks.
    """
    if sys.platform == "win32":
        raise OSError(errno.ENOTSUP, "no such locks")
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _sweep(path: Path) -> None:
    """Remove what killed calls for `path` left beside it; bring the old folder back if only that is left of it."""
    ours = re.compile(re.escape(f"{TEMPORARY_PREFIX}{path.name}-") + r"[0-9a-f]{12}")
    for orphan in sorted(path.parent.iterdir()):
        if not ours.fullmatch(orphan.name.removesuffix(RETIRED_SUFFIX)):
            continue
        filled = orphan.with_name(orphan.name.removesuffix(RETIRED_SUFFIX))
        with contextlib.suppress(OSError):
            lock = _locked(filled if filled.exists() else orphan)
            if orphan != filled and not os.path.lexists(path):
                orphan.rename(path)
            elif orphan.is_file():
                orphan.unlink()
            else:
                shutil.rmtree(orphan, ignore_errors=True)
            os.close(lock)


def _sync_tree(folder: Path) -> None:
    """Make every file and name under `folder` durable."""
    for inner in sorted(folder.rglob("*")):
        if inner.is_file():
            with inner.open("rb") as opened:
                os.fsync(opened.fileno())
    for inner in (*folder.rglob("*"), folder):
        if inner.is_dir():
            sync_folder(inner)


def _put_in_place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give `temporary` the name `path`; what had it before is gone."""
    retired = temporary.with_name(temporary.name + RETIRED_SUFFIX)
    with _turn(path.parent):
        if not os.path.lexists(path) or not overwrite:
            refuse_existing(path, overwrite=overwrite)  # it may have come while the folder was being filled
            temporary.rename(path)
            return
        path.rename(retired)
        try:
            temporary.rename(path)
        except OSError:
            retired.rename(path)
            raise
    if retired.is_dir() and not retired.is_symlink():
        shutil.rmtree(retired, ignore_errors=True)
    else:
        retired.unlink()  # what stood there was not a folder


def bring_back(path: Path) -> None:
    """Restore the folder `path`, if it is missing because a save was killed between its two renames.

    Of a save that lives, the end of its renames is waited for. Where nothing can be restored, nothing happens.
    """
    with contextlib.suppress(OSError), _turn(path.parent):
        if not os.path.lexists(path):
            _sweep(path)


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One at a time may rename whole folders in `folder`, or look for what such a renaming left there."""
    with contextlib.ExitStack() as held:
        if sys.platform != "win32":
            handle = os.open(folder, os.O_RDONLY)
            held.callback(os.close, handle)
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise, before any work starts, if writing to `path` would fail or lose something.

    Raises `OutputError`: `path` exists and `overwrite` is false, or its parent folder is missing; `AccessError`:
    the parent folder cannot be written to.
    """
    parent = path.absolute().parent
    scheme = path.parts[0] if len(path.parts) > 1 else ""
    if not parent.is_dir() and re.fullmatch(r"[A-Za-z]\w+:", scheme):
        address = f"{scheme}//{'/'.join(path.parts[1:])}"
        raise UsageError(
            f"{address} must be a path on this machine.",
            hint="Write it here, then copy it there. (Only --out of predict and embed may be an address.)",
        )
    if not parent.is_dir():
        raise OutputError(f"{path}: the folder {parent} must exist.", hint=f"Run: mkdir -p {pasteable(parent)}")
    if not os.access(parent, os.W_OK):
        raise AccessError(f"{path}: the folder {parent} cannot be written to.", hint="Choose another place.")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists already.", hint="Choose another name, or pass --overwrite.")


def refuse_standard_output(inputs: Iterable[Path]) -> None:
    """Raise `UsageError` if standard output goes into one of `inputs`, or into what standard input comes from.

    The shell has emptied such a file by then (`>`), or it would grow for as long as it is read (`>>`).
    """
    try:
        goes = os.fstat(sys.stdout.fileno())
        come = {str(path): path.stat() for path in inputs} | {"standard input": os.fstat(sys.stdin.fileno())}
    except (OSError, ValueError, AttributeError):  # closed, or no file at all
        return
    for name, comes in come.items():
        if stat.S_ISREG(goes.st_mode) and os.path.samestat(goes, comes):
            raise UsageError(
                f"Standard output is {name}, which is read.", hint="Send the answers to another file, then move it."
            )


def refuse_file(path: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """As `refuse_existing`, for a file: only a plain file is replaced, and never one of `inputs`.

    Raises `UsageError`: `path` is one of `inputs`, by whatever name, or lies in one that is a folder; `OutputError`
    or `AccessError`: as `refuse_existing`; or something that is no file stands there.
    """
    for read in inputs:
        if path.exists() and read.exists() and path.samefile(read):
            raise UsageError(f"{path} is an input: writing there would lose it.", hint="Choose another name.")
        if read.is_dir() and path.parent.is_dir() and path.parent.resolve().is_relative_to(read.resolve()):
            raise UsageError(
                f"{path} lies in {read}, which is an input: writing there would damage it.",
                hint="Choose another folder.",
            )
    refuse_existing(path, overwrite=overwrite)
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} must be a file to be replaced.", hint="Choose another name.")
