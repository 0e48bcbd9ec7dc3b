"""Where Frostline keeps things on this machine.

In:   the environment.
Out:  folders for kept features, built graphs and downloaded sets, made 0700 on demand.
Not:  what is in them (store.py, encoder/, data/download.py).

Kept vectors are personal data (short texts can be recovered from them), hence the modes: a folder that is
not ours, or that others can write to, is refused rather than trusted.
"""

import os
import stat
from pathlib import Path

from frostline.errors import AccessError, OutputError


def home() -> Path:
    """The folder that holds everything kept: `FROSTLINE_HOME`, or the platform's cache folder."""
    chosen = os.environ.get("FROSTLINE_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - only where used: start-up time

    return Path(platformdirs.user_cache_dir("frostline"))


def private_folder(path: Path) -> Path:
    """`path`, made 0700 where it is missing, and checked where it is not.

    Raises
    ------
    AccessError
        It belongs to another user, others can write to it, or we cannot.
    OutputError
        Something that is not a folder is in the way.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{path} must be a folder.", hint="Remove it, or set FROSTLINE_HOME.") from error
    except OSError as error:
        raise AccessError(
            f"{path}: cannot be made ({error.strerror}).", hint="Set FROSTLINE_HOME to a folder of your own."
        ) from error
    status = path.stat()
    if os.name == "posix" and status.st_uid != os.geteuid():
        raise AccessError(
            f"{path} belongs to another user (uid {status.st_uid}).",
            hint=f"Set FROSTLINE_HOME, or run: chown -R {os.geteuid()} {path}",
        )
    if os.name == "posix" and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise AccessError(f"{path} can be written to by other users.", hint=f"Run: chmod 700 {path}")
    if not os.access(path, os.W_OK):
        raise AccessError(f"{path} cannot be written to.", hint="Set FROSTLINE_HOME to a folder of your own.")
    return path
