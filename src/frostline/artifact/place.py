"""Where an artifact may be saved: never over anything but an artifact.

In:   a path, before any work starts.
Out:  nothing, or one error.
Not:  the saving (save.py).
"""

import os
from pathlib import Path

from frostline.artifact.limits import CARD, ENCODER_FOLDER, HEAD, MANIFEST, NEIGHBOURS, REPORT, WORDS
from frostline.errors import OutputError, shown
from frostline.publish import TEMPORARY_PREFIX, refuse_existing

_OURS = {MANIFEST, HEAD, CARD, REPORT, WORDS, NEIGHBOURS, ENCODER_FOLDER}
_ELSEWHERE = "Choose another name, or move it away."


def refuse_place(path: Path, *, overwrite: bool = False) -> None:
    """Raise if saving an artifact to `path` would fail, or lose something that is no artifact.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false; it is a link, a file, a folder that is no artifact, or one that holds
        other files as well; its parent folder is missing.
    AccessError
        The parent folder cannot be written to.
    """
    if not path.resolve().name or path.name.startswith(TEMPORARY_PREFIX):
        raise OutputError(f"{path}: an artifact needs a name of its own.", hint="Choose another name.")
    refuse_existing(path, overwrite=overwrite)
    if not os.path.lexists(path):
        return
    if path.is_symlink():
        raise OutputError(f"{path} is a symbolic link and is not replaced.", hint="Name the folder itself.")
    if not path.is_dir():
        raise OutputError(f"{path} must be an artifact to be overwritten (it is a file).", hint=_ELSEWHERE)
    found = {inner.name for inner in path.iterdir()}
    if found and MANIFEST not in found:
        raise OutputError(f"{path} must be an artifact to be overwritten (it holds no {MANIFEST}).", hint=_ELSEWHERE)
    strange = sorted(found - _OURS)
    if strange:
        raise OutputError(
            f"{path} must be nothing but an artifact to be overwritten "
            f"(it holds {', '.join(map(shown, strange[:3]))}).",
            hint="Move these files away, or choose another name.",
        )
