"""A public set by name: fetch its files, verify them, read them.

In:   a name such as `sst2`.
Out:  paths of the files as published; or a `Dataset` for each part.
Not:  the table of sets (published.py), how bytes come (download.py), tables (tables.py).

The files are kept as published, byte for byte, in `sets/<folder>/` of the place where Frostline
keeps things (places.py).
"""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from frostline.arrays import Progress
from frostline.data.dataset import Dataset, Reject, Source
from frostline.data.published import PARTS, PUBLIC_SETS, LineForm, Part, PublicSet
from frostline.data.remote import RemoteFile, is_whole
from frostline.data.tables import read_dataset
from frostline.errors import InputError, UsageError, shown
from frostline.places import home, private_folder
from frostline.publish import storage_error

if TYPE_CHECKING:
    from frostline.data.connection import Patience

__all__ = [
    "PARTS",
    "PUBLIC_SETS",
    "Part",
    "PublicSet",
    "fetch_public_set",
    "load_public_set",
    "public_set",
]


def public_set(name: str) -> PublicSet:
    """The set of that name.

    Raises
    ------
    UsageError
        There is none; the ones there are, and the nearest, are named.
    """
    found = PUBLIC_SETS.get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name.lower(), PUBLIC_SETS, n=1)
    raise UsageError(
        f"The public sets are {', '.join(PUBLIC_SETS)} (got {shown(name)}).",
        hint=f"Did you mean {near[0]}?" if near else "A file of your own is given by its path.",
    )


def fetch_public_set(
    wanted: str | PublicSet,
    *,
    parts: Collection[Part] | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
    patience: "Patience | None" = None,
) -> dict[Part, Path]:
    """Have the files of a set on this machine, and return where. What lies there already is verified, not fetched.

    Parameters
    ----------
    wanted : str or PublicSet
    parts : collection of {"train", "dev", "test"}, optional
        All that the set has, unless told otherwise; ones that it does not have are passed over.
    folder : Path, optional
        In which `<set>/<file>` is looked for and put; the place where Frostline keeps things, unless told otherwise.
    progress : callable, optional
        Called with bytes held and bytes in all, over all parts.
    patience : Patience, optional

    Returns
    -------
    dict of part to Path
        The files as published, in the order train, dev, test. Not all of them are tables: see `load_public_set`.

    Raises
    ------
    UsageError
        No set of that name.
    UnavailableError, InputError, StorageError, OutputError, AccessError
        As for `download`. The hint of the first says where a file can be put by hand.
    """
    entry = public_set(wanted) if isinstance(wanted, str) else wanted
    chosen = {part: entry.files[part] for part in PARTS if part in entry.files and (parts is None or part in parts)}
    root = home() / "sets" if folder is None else folder
    paths = {part: root / entry.folder / remote.url.rsplit("/", 1)[1] for part, remote in chosen.items()}
    total = sum(remote.size_bytes for remote in chosen.values())
    done = 0
    for part, remote in chosen.items():
        if not is_whole(paths[part], remote):
            from frostline.data.download import download  # noqa: PLC0415 - http and ssl, only where a file is missing

            _make_folder(paths[part].parent, is_ours=folder is None)
            download(remote, paths[part], progress=_shifted(progress, done, total), patience=patience)
        done += remote.size_bytes
        if progress is not None:
            progress(done, total)
    return paths


def load_public_set(
    wanted: str | PublicSet,
    *,
    parts: Collection[Part] | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> dict[Part, Dataset]:
    """Fetch a set if need be, and read it.

    Parameters
    ----------
    wanted, parts, folder, progress
        As for `fetch_public_set`.

    Returns
    -------
    dict of part to Dataset
        `source` is named `<set> (<part>)` and holds digest and size of the file as published. Rows that cannot be
        used (an empty text; several labels, in goemotions) are among `rejects`.

    Raises
    ------
    UsageError, UnavailableError, InputError, StorageError, OutputError, AccessError
        As for `fetch_public_set`.
    """
    entry = public_set(wanted) if isinstance(wanted, str) else wanted
    paths = fetch_public_set(entry, parts=parts, folder=folder, progress=progress)
    return {part: _read(entry, part, path) for part, path in paths.items()}


def _make_folder(folder: Path, *, is_ours: bool) -> None:
    if is_ours:
        private_folder(folder.parent)
        private_folder(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one file as progress of all: `before` bytes belong to the files before it."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


def _read(entry: PublicSet, part: Part, path: Path) -> Dataset:
    name = f"{entry.name} ({part})"
    if isinstance(entry.form, LineForm):
        return _read_lines(path, entry.form, name=name, remote=entry.files[part])
    dataset = read_dataset(path, entry.form)
    return replace(dataset, source=replace(dataset.source, name=name))


def _read_lines(path: Path, form: LineForm, *, name: str, remote: RemoteFile) -> Dataset:
    """Read a file whose digest was verified a moment ago, so that its size is known to be small."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise storage_error(error, path) from error
    texts: list[str] = []
    labels: list[str] = []
    lines: list[int] = []
    rejects: list[Reject] = []
    for number, line in enumerate(content.decode(form.encoding).removesuffix("\n").split("\n"), 1):
        match = form.pattern.fullmatch(line)
        reason = _reason(match.groupdict(), form.names) if match else "is not of the form of this set"
        if match is None or reason:
            rejects.append(Reject(number, reason))
            continue
        texts.append(match["text"])
        labels.append(form.names.get(match["label"], match["label"]))
        lines.append(number)
    if not texts:
        raise InputError(f"{name}: no line of {path} is of the form of this set.")
    source = Source(
        name=name,
        sha256=remote.sha256,
        size_bytes=remote.size_bytes,
        text_column="text",
        label_column="label",
    )
    return Dataset(texts=texts, labels=labels, lines=lines, source=source, rejects=tuple(rejects))


def _reason(row: Mapping[str, str], names: Mapping[str, str]) -> str:
    """Why a row cannot be used; empty if it can."""
    if not row["text"].strip():
        return "the text is empty"
    if names and row["label"] not in names:
        several = [names.get(number, number) for number in row["label"].split(",")]
        return f"carries {len(several)} labels ({', '.join(several)}), and one is needed"
    return ""
