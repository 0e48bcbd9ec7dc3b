"""Open a file of any kind as a stream of uncompressed bytes, and know its digest afterwards.

In:   a path, or `-` for standard input.
Out:  `Opened`: chunks of uncompressed bytes, the progress, the digest and size of what lies on disk.
Not:  which table they hold (formats.py), what the bytes say (lines.py).

The digest is taken from the very bytes that are read, in the same pass: a file that changes between two passes
would otherwise be trained on under the digest of another.
"""

import contextlib
import difflib
import errno
import hashlib
import itertools
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, final

from frostline.arrays import Progress
from frostline.data.gunzip import GZIP_MAGIC, gunzipped
from frostline.data.options import MEGABYTE, TableLimits
from frostline.errors import AccessError, FrostlineError, InputError, MissingInputError, StorageError, shown

STANDARD_INPUT = "-"
CHUNK_BYTES = MEGABYTE
HEAD_BYTES = MEGABYTE


@final
class Opened:
    """A file being read.

    Parameters
    ----------
    name : str
        As it may stand in a message.
    handle : binary file
    limits : TableLimits
    path : Path, optional
        Where it can be opened again; None for a pipe.
    size_bytes : int
        Of the file on disk; 0 where nobody knows (a pipe).
    progress : callable, optional
        Called with bytes read from disk and `size_bytes`.
    """

    def __init__(  # noqa: PLR0913 - what one open file consists of; made in one place
        self,
        name: str,
        handle: BinaryIO,
        *,
        limits: TableLimits,
        path: Path | None,
        size_bytes: int,
        progress: Progress | None,
    ) -> None:
        self.name = name
        self.path = path
        self.handle = handle
        self.size_bytes = size_bytes
        self._progress = progress
        self._digest = hashlib.sha256()
        self._read_bytes = 0
        self._raw = self._raw_chunks()
        first = next(self._raw, b"")
        while len(first) < len(GZIP_MAGIC) and (more := next(self._raw, b"")):
            first += more
        self.is_compressed = first.startswith(GZIP_MAGIC)
        whole = itertools.chain([first] if first else [], self._raw)
        self._chunks = gunzipped(whole, name=name, limits=limits) if self.is_compressed else whole
        self.head = b""

    @property
    def read_bytes(self) -> int:
        """How many bytes have come from the disk so far."""
        return self._read_bytes

    def look(self) -> bytes:
        """The beginning of the uncompressed content: up to and with the first line that is not blank, or 1 MB.

        Exactly as far, whatever the sizes of the pieces that a pipe delivers, so that what is concluded from it does
        not depend on them. What was looked at is still delivered by `chunks`.
        """
        pieces = bytearray(self.head)
        while len(pieces) < HEAD_BYTES and _first_line_end(pieces) < 0 and (more := next(self._chunks, b"")):
            pieces += more
        self.head = bytes(pieces)
        end = _first_line_end(pieces)
        return self.head[: end + 1] if end >= 0 else self.head[:HEAD_BYTES]

    def chunks(self) -> Iterator[bytes]:
        """The uncompressed content from its beginning. Ask once."""
        return itertools.chain([self.head] if self.head else [], self._chunks)

    def fingerprint(self) -> tuple[str, int]:
        """The sha256 and the size of the whole file as it lies on disk; reads what has not been read yet."""
        for _ in self._raw:
            pass
        return self._digest.hexdigest(), self._read_bytes

    def _raw_chunks(self) -> Iterator[bytes]:
        buffer = memoryview(bytearray(CHUNK_BYTES))
        while True:
            try:
                count = self.handle.readinto1(buffer)  # type: ignore[attr-defined]  # every buffered file has it
            except OSError as error:
                raise StorageError(
                    f"{self.name}: reading failed after {self._read_bytes:,} bytes ({error.strerror}).",
                    hint="Check the disk, and run the same command again.",
                ) from error
            if not count:
                return
            self._digest.update(buffer[:count])
            self._read_bytes += count
            if self._progress is not None:
                self._progress(self._read_bytes, self.size_bytes)
            yield bytes(buffer[:count])


@contextlib.contextmanager
def opened(path: Path | str, *, limits: TableLimits, progress: Progress | None = None) -> Iterator[Opened]:
    """Open `path` (`-`: standard input), whatever its compression, and close it afterwards.

    Raises
    ------
    MissingInputError
        It is not there; names in the same folder that come near are listed.
    AccessError
        Not permitted.
    InputError
        It is a folder.
    StorageError
        The disk answered with an error.
    """
    if str(path) == STANDARD_INPUT:
        stream = sys.stdin.buffer
        yield Opened("standard input", stream, limits=limits, path=None, size_bytes=0, progress=progress)
        return
    place = Path(path)
    name = file_name(place)
    try:
        handle = place.open("rb")
    except (OSError, ValueError) as error:
        raise _opening_error(place, error) from error
    with handle:
        status = os.fstat(handle.fileno())
        is_regular = stat.S_ISREG(status.st_mode)
        yield Opened(
            name,
            handle,
            limits=limits,
            path=place if is_regular else None,
            size_bytes=status.st_size if is_regular else 0,
            progress=progress,
        )


@final
@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies a file's bytes as they lie on disk."""

    sha256: str
    size_bytes: int


def fingerprint(path: Path | str) -> Fingerprint:
    """Read the whole file and say what identifies its bytes (compressed, if they are).

    Raises
    ------
    MissingInputError, AccessError, InputError, StorageError
        As for `opened`.
    """
    with opened(path, limits=TableLimits()) as source:
        return Fingerprint(*source.fingerprint())


def file_name(path: Path | str) -> str:
    """`path` as it may stand in a message."""
    text = str(path)
    return text if text.isprintable() else shown(text, 200)


def _first_line_end(content: bytearray) -> int:
    """Where the first line with something in it ends (the position of its line feed), or -1."""
    begin = 0
    while (end := content.find(b"\n", begin)) >= 0 and not content[begin:end].strip():
        begin = end + 1
    return end


def _opening_error(path: Path, error: OSError | ValueError) -> FrostlineError:
    name = file_name(path)
    if isinstance(error, PermissionError):
        return AccessError(f"{name}: not permitted to read it.", hint=f"Run: chmod u+r {name}")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{name} must be a file (it is a folder).", hint=_listing(path))
    missing = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
    if isinstance(error, ValueError) or error.errno in missing:
        return MissingInputError(f"{name} is not there.", hint=_near(path))
    return StorageError(f"{name}: cannot be opened ({error.strerror}).", hint="Check the disk.")


def _near(path: Path) -> str:
    """Say which names near `path` do exist."""
    try:
        present = sorted(os.listdir(path.parent))  # noqa: PTH208 - names are wanted, not paths
    except (OSError, ValueError):
        return f"Its folder {file_name(path.parent)} is not there either."
    near = difflib.get_close_matches(path.name, present, n=3, cutoff=0.6)
    near += [name for name in present if name not in near and Path(name).stem == path.stem][:3]
    if not near:
        return f"The folder {file_name(path.parent.absolute())} holds nothing of a similar name."
    return "Did you mean " + " or ".join(file_name(path.parent / name) for name in near[:3]) + "?"


def _listing(folder: Path) -> str:
    """Say which files in `folder` could have been meant."""
    suffixes = (".tsv", ".csv", ".jsonl", ".parquet", ".txt", ".gz")
    with contextlib.suppress(OSError):
        names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(suffixes))
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            return "Name one of its files: " + ", ".join(file_name(name) for name in names[:5]) + more + "."
    return "Name one of its files."
