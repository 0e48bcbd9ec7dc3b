"""Where Frostline keeps things on this machine.

In:   the environment.
Out:  folders for kept features, built graphs and downloaded sets, made 0700 on demand.
Not:  what is in them (store.py, encoder/, data/download.py).

Kept vectors are personal data (short texts can be recovered from them), hence the modes: a folder that is
not ours, or that others can write to, is refused rather than trusted. Whoever can write to a folder can exchange those
inside it, whatever their modes: so every one from `home` down is looked at.
"""

import os
import stat
from pathlib import Path

from frostline.errors import AccessError, OutputError

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

    Raises
    ------
    AccessError
        One of them belongs to another user, others can write to it, or we cannot write to `path`.
    OutputError
        Something that is not a folder is in the way.
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
    """Raise unless `path`, and every folder from `home` down to it, is ours alone; what is missing is nobody's.

    Raises
    ------
    AccessError
        One belongs to another user, or others can write to it: what lies there may be anybody's.
    """
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
                hint=f"Set FROSTLINE_HOME, or run: chown -R {os.geteuid()} {folder}",
            )
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            is_everybodys = status.st_mode & stat.S_ISVTX  # such as /tmp: not to be closed to the others
            hint = ELSEWHERE if is_everybodys else f"Run: chmod 700 {folder}"
            raise AccessError(f"{folder} can be written to by other users.", hint=hint)


def _from_home(path: Path) -> tuple[Path, ...]:
    """The folders from `home` down to `path`, in that order; `path` alone where it is not in there."""
    base = home()
    inner = (path, *path.parents)
    return tuple(reversed(inner[: inner.index(base) + 1])) if base in inner else (path,)
