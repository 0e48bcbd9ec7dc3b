"""Files of an artifact, read so that nothing outside the folder and nothing over a limit is.

In:   a path that a user named, and file names of the closed list (limits.py).
Out:  bytes whose size and digest are those of the manifest.
Not:  what they mean (schema.py, head_file.py).

The folder is opened once and files by their names in it: whoever swaps a new artifact in meanwhile does not make us
read half of each. Symbolic links, pipes and devices are refused unopened or unread.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import final

from frostline.artifact.limits import ENCODER_FOLDER, MANIFEST
from frostline.artifact.manifest import FileEntry
from frostline.errors import AccessError, ArtifactCorrupt, FrostlineError, MissingInputError, StorageError

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)  # not on Windows, where the look beforehand has to do
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody writes to
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_BY_HANDLE = os.open in os.supports_dir_fd

_TRAIN = "Make one with: frostline train FILE --out FOLDER"


@final
@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A folder being read.

    Parameters
    ----------
    path : Path
        For messages, and for systems that open files by path only.
    handle : int or None
        The folder itself, whatever has its name by now.
    """

    path: Path
    handle: int | None

    @contextlib.contextmanager
    def file(self, name: str, *, limit: int) -> Iterator[tuple[FileIO, int]]:
        """The file `name`, opened, and its size, which is at most `limit` bytes.

        Raises
        ------
        ArtifactCorrupt
            It is not there, is a link or anything but a plain file, or is larger than `limit`.
        AccessError, StorageError
            The system refused, or reading failed.
        """
        try:
            handle = _open(self, name, _NO_WAITING | _BINARY)
            try:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    raise ArtifactCorrupt(f"{self.path / name} must be a plain file.")
                if status.st_size > limit:
                    raise ArtifactCorrupt(
                        f"{self.path / name} must have at most {limit:,} bytes (got {status.st_size:,})."
                    )
                yield FileIO(handle, closefd=False), status.st_size
            finally:
                os.close(handle)
        except OSError as error:
            raise _reading_error(error, self.path / name) from error

    def is_replaced(self) -> bool:
        """Whether another folder has the name by now."""
        if self.handle is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self.handle), self.path.stat())
        except OSError:
            return True


@contextlib.contextmanager
def opened_folder(path: Path) -> Iterator[OpenFolder]:
    """The artifact folder at `path`, which may be a link of the user's own.

    Raises
    ------
    MissingInputError
        Nothing is there.
    ArtifactCorrupt
        It is not a folder.
    """
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
        handle = os.open(path, os.O_RDONLY | _FOLDER) if _BY_HANDLE and is_folder else None
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL in the path
        raise MissingInputError(f"{path}: there is no artifact.", hint=_TRAIN) from error
    except OSError as error:
        raise _reading_error(error, path) from error
    if not is_folder:
        raise ArtifactCorrupt(f"{path} must be a folder: it is no artifact.", hint=_TRAIN)
    try:
        yield OpenFolder(path, handle)
    finally:
        if handle is not None:
            os.close(handle)


def read_manifest_file(folder: OpenFolder, *, limit: int) -> bytes:
    """The bytes of manifest.json."""
    with folder.file(MANIFEST, limit=limit) as (opened, size):
        return opened.read(size)


def read_file(folder: OpenFolder, name: str, entry: FileEntry) -> bytes:
    """The bytes of a file, which are those that the manifest lists.

    Raises
    ------
    ArtifactCorrupt
        As `OpenFolder.file`, or size or digest differ.
    """
    with folder.file(name, limit=entry.size_bytes) as (opened, size):
        content = opened.read(size)
    _compare(folder.path / name, entry, len(content), hashlib.sha256(content).hexdigest())
    return content


def check_size(folder: OpenFolder, name: str, entry: FileEntry) -> None:
    """That a plain file of the size that the manifest lists is there; its digest is for who reads it."""
    with folder.file(name, limit=entry.size_bytes) as (_, size):
        if size != entry.size_bytes:
            _compare(folder.path / name, entry, size, "")


def check_file(folder: OpenFolder, name: str, entry: FileEntry) -> None:
    """The same check for a file that is not kept in memory."""
    with folder.file(name, limit=entry.size_bytes) as (opened, size):
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    _compare(folder.path / name, entry, size, digest)


def check_encoder_listing(folder: OpenFolder, expected: set[str]) -> None:
    """`encoder/` must be a real folder that holds `expected` and nothing else: whoever opens it reads it by name."""
    where = folder.path / ENCODER_FOLDER
    try:
        if folder.handle is None:
            found = set() if where.is_symlink() else {inner.name for inner in where.iterdir()}
        else:
            handle = _open(folder, ENCODER_FOLDER, _FOLDER)
            try:
                with os.scandir(handle) as inside:
                    found = {inner.name for inner in inside}
            finally:
                os.close(handle)
    except OSError as error:
        raise _reading_error(error, where) from error
    if found != expected:
        odd = ", ".join(ascii(name) for name in sorted(found ^ expected)[:3])
        raise ArtifactCorrupt(f"{where} must hold exactly the files that the manifest lists (differing in {odd}).")


def _open(folder: OpenFolder, name: str, flags: int) -> int:
    """`name` opened for reading, no link followed on the way; `name` has at most one folder in it."""
    if folder.handle is None:
        steps = [folder.path / part for part in (name.rpartition("/")[0], name) if part]
        if any(step.is_symlink() for step in steps):
            raise OSError(errno.ELOOP, "a symbolic link")
        return os.open(folder.path / name, os.O_RDONLY | flags)
    above, _, last = name.rpartition("/")
    if not above:
        return os.open(last, os.O_RDONLY | _NO_LINKS | flags, dir_fd=folder.handle)
    inner = os.open(above, os.O_RDONLY | _NO_LINKS | _FOLDER, dir_fd=folder.handle)
    try:
        return os.open(last, os.O_RDONLY | _NO_LINKS | flags, dir_fd=inner)
    finally:
        os.close(inner)


def _compare(path: Path, entry: FileEntry, size: int, sha256: str) -> None:
    if size != entry.size_bytes:
        raise ArtifactCorrupt(f"{path} must have {entry.size_bytes:,} bytes, as the manifest has it (got {size:,}).")
    if sha256 != entry.sha256:
        raise ArtifactCorrupt(
            f"{path}: sha256 must be {entry.sha256} (got {sha256}): it is damaged or was edited.",
            hint="Copy the artifact again, or train again.",
        )


def _reading_error(error: OSError, path: Path) -> FrostlineError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ArtifactCorrupt(f"{path} must be there: the artifact is not whole, or this is none.", hint=_TRAIN)
    if error.errno in {errno.ELOOP, errno.ENXIO, errno.EMLINK, errno.ENAMETOOLONG}:
        return ArtifactCorrupt(
            f"{path} must be a plain file in a plain folder, not a link or a device.",
            hint="Copy the artifact with links resolved (cp -rL).",
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return AccessError(f"{path}: cannot be read ({error.strerror}).", hint="Ask its owner, or copy it.")
    return StorageError(f"{path}: reading failed ({error.strerror}).", hint="Check the disk, and try again.")
