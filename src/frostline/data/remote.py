"""A file that is published somewhere, and whether we have it.

In:   a path.
Out:  yes or no.
Not:  fetching it (download.py, which costs the import of http and ssl).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import final

from frostline.publish import storage_error


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file as it is published.

    Parameters
    ----------
    url : str
        https, of something that does not change: a commit, a release.
    sha256 : str
    size_bytes : int
    """

    url: str
    sha256: str
    size_bytes: int


def is_whole(path: Path, remote: RemoteFile) -> bool:
    """Whether `path` is that file, by size and digest."""
    try:
        return path.stat().st_size == remote.size_bytes and digest(path) == remote.sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        raise storage_error(error, path) from error


def digest(path: Path) -> str:
    """The sha256 of the file at `path`."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
