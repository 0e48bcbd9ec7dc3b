"""The digest of a large file, worked out once for as long as the file stays as it was.

In:   a file, and the folder of what is kept.
Out:  its SHA-256.
Not:  what the digest must be (checkpoint.py); digests of small files, which are worked out at every start (files.py).

A file counts as unchanged while its place, device, number, size and both times are the same. The time of change (ctime)
is the system's own: a program that writes to a file, or puts another in its place, cannot set it back.
"""

import hashlib
import json
import os
import time
from pathlib import Path

from frostline.encoder.files import sha256_of
from frostline.encoder.kept import kept_digest
from frostline.publish import storage_error

SETTLED_NS = 3_000_000_000
"""A file changed this lately is read: a second change within one tick of its clock (FAT: 2 s) leaves no trace."""


def remembered_sha256(path: Path, kept: Path | None) -> str:
    """The SHA-256 of a file, in hexadecimal; 60 ms for 90 MB the first time, 0.2 ms afterwards.

    Parameters
    ----------
    path : Path
    kept : Path or None
        A private folder for what is kept; None to read the file whatever was said of it before.

    Raises
    ------
    StorageError, AccessError
        It cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise storage_error(error, path) from error
    settled = max(status.st_mtime_ns, status.st_ctime_ns) < time.time_ns() - SETTLED_NS
    has_ctime = os.name != "nt"  # Windows keeps the time of making there, which programs can set
    if kept is None or not settled or not has_ctime:
        return sha256_of(path)
    mark = [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    key = hashlib.sha256(json.dumps([str(path.resolve()), *mark]).encode()).hexdigest()
    return kept_digest(kept, key, lambda: sha256_of(path).encode()).decode()
