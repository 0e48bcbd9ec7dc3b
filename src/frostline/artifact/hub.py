"""A saved classifier on the hub: found by its name, fetched into a folder of this machine, and pushed there.

What is fetched lies under the commit that it was, and is whole or not there: the manifest says how large each file is
and which digest it has, whatever the hub says. A name without a revision is `main` as it was when it was last
asked for: `owner/name@main` asks anew, and a commit, tag or other branch that was fetched changes nothing about it.
Nothing is asked of the hub before somebody has said so: a name may be a slip for a folder.
"""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from frostline.artifact.load import Artifact, check_encoder_files, load_artifact, load_neighbours
from frostline.artifact.manifest import DEFAULT_LIMITS, KNOWN_FILES, MANIFEST, FileEntry, read_manifest
from frostline.disk import claimed, home, private_folder, publish_bytes, publish_folder, sha256_of
from frostline.encoder import hub
from frostline.encoder.hub import HubFile, Listing
from frostline.errors import (
    ArtifactCorrupt,
    ConsentError,
    FrostlineError,
    MissingInputError,
    UnavailableError,
    UsageError,
    shown,
)

CLASSIFIERS = "classifiers"
"""The folder, below the home, of what was fetched."""

_MAIN = "main"
_WITHOUT = "Without a network: copy the folder of the saved model here, and name it."
_WAIT_S = 0.2


def spelled(name: str | Path) -> tuple[str, str | None] | None:
    """The hub's name and the revision that `owner/name` or `owner/name@revision` spells; None where it is neither."""
    said = name.as_posix() if isinstance(name, Path) else name
    hub_id, at, revision = said.partition("@")
    if at and not revision and hub.is_hub_id(hub_id):  # a revision that is named says that it may be fetched
        raise UsageError(f"{shown(said)} names no revision behind the @.", hint=f"So: {hub_id}@main")
    return (hub_id, revision if at else None) if hub.is_hub_id(hub_id) else None


def find_classifier(name: str | Path, *, revision: str | None = None, fetch: bool = False) -> Path:
    """The folder of a saved classifier: `name` itself, or where the hub's classifier of that name lies on this machine.

    Parameters
    ----------
    name : str or Path
        A folder; else `owner/name` or `owner/name@revision` of the hub.
    revision : str, optional
        A commit, branch or tag. A branch or tag that is named is asked for anew; without, `main` as it was when it
        was last asked for.
    fetch : bool, default=False
        Ask the hub for what is not here. To name a revision says so as well.

    Raises
    ------
    ConsentError
        It would have to be fetched, and nobody has said so.
    UsageError
        A revision of a folder, or two of them.
    MissingInputError, AccessError, UnavailableError
        The hub has no classifier of that name, does not give it, or does not answer.
    ArtifactCorrupt
        What it gives is none.
    """
    path = Path(name)
    found = None if _is_there(path) else spelled(name)
    if found is None:
        if revision is not None:
            raise UsageError(f"A revision belongs to a name of the hub; {shown(str(name))} is a folder's.")
        return path
    hub_id, told = found
    if told is not None and revision is not None:
        raise UsageError(f"There must be one revision (got {shown(told)} and {shown(revision)}).")
    told = revision if told is None else told
    if told is None and Path(hub_id.partition("/")[0]).is_dir():
        return path  # of the folder that is here: a slip, and no name of the hub
    kept = _kept(hub_id, told or _MAIN)
    is_settled = told is None or hub.COMMIT.fullmatch(told) is not None
    if kept is not None and (is_settled or hub.is_offline()):
        return kept
    if told is None and not fetch:
        raise _unfetched(hub_id)
    if hub.is_offline():
        raise UnavailableError(
            f"{hub_id}@{told or _MAIN} is not on this machine, and the hub may not be asked (offline).", hint=_WITHOUT
        )
    return _fetched(hub_id, told or _MAIN)


def encoder_bytes(artifact: Artifact, name: str, revision: str | None) -> int | None:
    """How large an encoder is that a fetched classifier names, as the hub says; of any other nobody is asked."""
    is_fetched = artifact.path.is_relative_to(home() / CLASSIFIERS)
    if not is_fetched or not hub.is_hub_id(name) or hub.is_offline():
        return None
    try:
        listing = hub.listing_of(name, revision or _MAIN, name)
    except FrostlineError:  # to be told when it is fetched
        return None
    return sum(listing.files[file].size for file in hub.wanted_files(listing))


def _unfetched(hub_id: str) -> ConsentError:
    """Of a name whose `main` nobody has asked for yet; a commit of it that is here is told."""
    none = f"There is no saved model at {shown(hub_id)}, and"
    commits = [path.parent for path in _place(hub_id).glob(f"*/{MANIFEST}") if hub.COMMIT.fullmatch(path.parent.name)]
    if not commits:
        return ConsentError(
            f"{none} none of that name of the hub is on this machine.",
            hint=f"Fetch it by adding --yes, or by naming a revision: {hub_id}@{_MAIN}",
        )
    commit = max(commits, key=lambda folder: (folder.stat().st_mtime, folder.name)).name
    return ConsentError(
        f"{none} {_MAIN} of that name of the hub was not fetched to this machine (commit {commit} was).",
        hint=f"Fetch it by adding --yes, or name what is here: {hub_id}@{commit}",
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text, too long for a name
        return True


def _place(hub_id: str) -> Path:
    return home() / CLASSIFIERS / hub_id.replace("/", "--")


def _reference(hub_id: str, revision: str) -> Path:
    return _place(hub_id) / "refs" / quote(hub.checked_revision(revision), safe="")


def _kept(hub_id: str, revision: str) -> Path | None:
    """Where it lies, if it was fetched before."""
    commit = revision
    if hub.COMMIT.fullmatch(revision) is None:
        try:
            commit = _reference(hub_id, revision).read_text("ascii")
        except (OSError, UnicodeDecodeError):
            return None
    folder = _place(hub_id) / commit
    return folder if hub.COMMIT.fullmatch(commit) and (folder / MANIFEST).is_file() else None


def _fetched(hub_id: str, revision: str) -> Path:
    """Where it lies now, whole and checked; asked for anew."""
    where = f"{hub_id} at revision {hub.checked_revision(revision)}"
    try:
        listing = hub.listing_of(hub_id, revision, where, wanted=is_ours)
        folder = _place(hub_id) / listing.commit
        incomplete = private_folder(folder.parent) / f"{listing.commit}.incomplete"
        while not (folder / MANIFEST).is_file():
            with claimed(incomplete) as is_claimed:
                if not is_claimed:
                    time.sleep(_WAIT_S)  # another process is at it
                    continue
                if not (folder / MANIFEST).is_file():
                    _fetch(hub_id, listing, folder, incomplete)
                shutil.rmtree(incomplete, ignore_errors=True)
    except UnavailableError as error:
        raise UnavailableError(error.message, hint=_WITHOUT) from error
    if listing.commit != revision:
        reference = _reference(hub_id, revision)
        private_folder(reference.parent)
        publish_bytes(reference, listing.commit.encode())
    return folder


def is_ours(name: str) -> bool:
    """Whether a saved classifier may have a file of this name."""
    return name == MANIFEST or name in KNOWN_FILES


def _fetch(hub_id: str, listing: Listing, folder: Path, incomplete: Path) -> None:
    """The manifest, and then exactly what it lists; `folder`, once all of it is here and has been checked."""
    where = f"{hub_id} at {listing.commit}"
    if MANIFEST not in listing.files:
        raise MissingInputError(
            f"{where} holds no saved classifier ({MANIFEST} is not in it).",
            hint=f"If it is an encoder: frostline train FILE --encoder {hub_id}",
        )
    own = listing.files[MANIFEST]
    if own.size > DEFAULT_LIMITS.manifest_bytes:
        raise ArtifactCorrupt(
            f"{where}: {MANIFEST} must have at most {DEFAULT_LIMITS.manifest_bytes:,} bytes (has {own.size:,})."
        )
    _receive(hub_id, listing.commit, MANIFEST, incomplete, own)
    try:
        manifest = read_manifest((incomplete / MANIFEST).read_bytes(), f"{where}: {MANIFEST}")
        _refuse_lacking(listing, manifest.files, where)
        for name, entry in manifest.files.items():
            _receive(hub_id, listing.commit, name, incomplete, HubFile(entry.size_bytes, entry.sha256))
        checked(incomplete)
    except ArtifactCorrupt:
        shutil.rmtree(incomplete, ignore_errors=True)
        raise
    with publish_folder(folder) as temporary:
        for name in (MANIFEST, *manifest.files):
            (temporary / name).parent.mkdir(exist_ok=True)
            (incomplete / name).replace(temporary / name)


def _refuse_lacking(listing: Listing, entries: Mapping[str, FileEntry], where: str) -> None:
    """Raise, before anything large comes, where the repository has not what its manifest lists."""
    for name, entry in entries.items():
        if name not in listing.files or listing.files[name].size != entry.size_bytes:
            raise ArtifactCorrupt(
                f"{where}: {name} must be there and have {entry.size_bytes:,} bytes, as its {MANIFEST} says."
            )


def _receive(hub_id: str, commit: str, name: str, folder: Path, announced: HubFile) -> None:
    """`name` into `folder`; what broke off before is taken up."""
    where, path = f"{hub_id}/{name} at {commit}", folder / name
    path.parent.mkdir(exist_ok=True)
    if path.is_file() and announced.sha256 == sha256_of(path):
        return
    url = f"{hub.endpoint()}/{hub_id}/resolve/{commit}/{name}"
    hub.with_hub_errors(where, lambda: hub.receive(url, where, path, announced), place=folder)
    if announced.sha256 is not None and sha256_of(path) != announced.sha256:
        path.unlink()
        raise hub.unreachable(where, f"what came has not the sha256 {announced.sha256}")


def checked(folder: Path) -> Artifact:
    """The artifact in `folder`, every file of it read and compared; what its encoder says is for whoever opens it."""
    artifact = load_artifact(folder)
    check_encoder_files(artifact)
    load_neighbours(artifact)
    return artifact
