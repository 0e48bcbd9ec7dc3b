"""A saved classifier sent to the hub, as one commit: every file of it, and what the hub then says it has, compared.

It goes by the hub's own protocol (ask how each file is to come, send the large ones to where the hub keeps them,
commit) through the session and with the token of `huggingface_hub`. The library's own upload asks the hub which
programs to look for on this machine, tells it of them, and sends the token to wherever the hub says that an upload is
to be confirmed.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final
from urllib.parse import urlsplit

from frostline.arrays import Progress
from frostline.artifact.hub import checked, is_ours
from frostline.artifact.load import Artifact
from frostline.artifact.manifest import CARD, MANIFEST
from frostline.disk import sha256_of
from frostline.encoder import hub
from frostline.encoder.hub import HubFile, Listing
from frostline.errors import (
    AccessError,
    ArtifactCorrupt,
    FrostlineError,
    MissingInputError,
    RetryError,
    UnavailableError,
    UsageError,
    shown,
)
from frostline.strict import read_object
from frostline.version import __version__

_BRANCH = "main"
_ANSWER_S, _SEND_S = 30.0, 60.0  # to answer a question or take a piece
_PIECE = 1024**2
_MOST_IN_GIT = 16 * 1024**2  # what is sent within the commit itself is held in memory
_LFS = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}
_JSON = {"Content-Type": "application/json"}
_HOME = "https://huggingface.co/"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What is on the hub now."""

    hub_id: str
    commit: str
    url: str
    n_files: int
    size_bytes: int
    is_new: bool  # False: the hub had all of it already, and nothing was sent


@final
@dataclass(frozen=True, slots=True)
class _Own:
    """A file to send: where it lies, or what it is."""

    source: Path | bytes
    size: int
    sha256: str

    def pieces(self, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Its bytes from `start` on, `size` of them."""
        left = self.size - start if size is None else size
        if isinstance(self.source, bytes):
            yield self.source[start : start + left]
            return
        with self.source.open("rb") as opened:
            opened.seek(start)
            while left and (piece := opened.read(min(_PIECE, left))):
                left -= len(piece)
                yield piece

    def blob(self) -> str:
        """Git's digest of it."""
        digest = hashlib.sha1(f"blob {self.size}\0".encode(), usedforsecurity=False)
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()

    def is_at(self, found: HubFile | None) -> bool:
        """Whether the hub's file is this one, as far as the hub says."""
        if found is None or found.size != self.size:
            return False
        return found.sha256 == self.sha256 if found.sha256 is not None else found.blob in {None, self.blob()}


def push_classifier(  # noqa: PLR0913 - what is sent and where to; how it is presented; who is told
    path: Path,
    hub_id: str,
    *,
    public: bool = False,
    message: str | None = None,
    card: Callable[[Artifact], str] | None = None,
    progress: Progress | None = None,
) -> Pushed:
    """Send the saved classifier at `path` to the hub's repository `hub_id`, which is made where there is none.

    Parameters
    ----------
    hub_id : str
        `owner/name`.
    public : bool, default=False
        A repository that is made now can be read by anybody. One that is there stays as it is.
    message : str, optional
        Of the commit.
    card : callable, optional
        Writes the README.md of a classifier that has none of its own.
    progress : callable, optional
        Counts bytes of large files.

    Raises
    ------
    UsageError
        `hub_id` is no name of the hub.
    MissingInputError, ArtifactCorrupt
        There is no saved classifier at `path`, or it is damaged.
    AccessError
        There is no token, or it may not write there.
    RetryError
        Somebody else wrote to the repository meanwhile.
    UnavailableError
        The hub does not answer, answers with an error, or has not got what was sent.
    """
    if not hub.is_hub_id(hub_id):
        raise UsageError(f"A name of the hub is owner/name (got {shown(hub_id)}).")
    artifact = checked(path)
    own = _own_files(artifact, card)
    if hub.is_offline():
        raise UnavailableError(f"{hub_id} was not pushed to: the hub may not be asked (offline).")
    import huggingface_hub  # noqa: F401, PLC0415 - 0.4 s, only where something is sent

    if not hub.token():
        raise AccessError(
            f"To push to {hub_id} there must be a token of the hub ({hub.endpoint()}).",
            hint="Log in (hf auth login), or set HF_TOKEN to a token that may write.",
        )
    try:
        return _pushed(hub_id, own, public=public, message=message or "A classifier of Frostline", progress=progress)
    except UnavailableError as error:
        reason = error.message.partition(" is not on this machine, and ")[2] or error.message
        raise UnavailableError(
            f"{hub_id} was not pushed to: {reason}", hint="Run it again: what was sent is not sent twice."
        ) from error


def _own_files(artifact: Artifact, card: Callable[[Artifact], str] | None) -> dict[str, _Own]:
    """What is sent, by its name: the manifest, what it lists, and a card."""
    path, entries = artifact.path, artifact.manifest.files
    own = {name: _Own(path / name, entry.size_bytes, entry.sha256) for name, entry in entries.items()}
    manifest = path / MANIFEST
    own[MANIFEST] = _Own(manifest, manifest.stat().st_size, sha256_of(manifest))
    if CARD not in own and card is not None:
        content = card(artifact).encode("utf-8")
        own[CARD] = _Own(content, len(content), hashlib.sha256(content).hexdigest())
    return own


def _pushed(hub_id: str, own: Mapping[str, _Own], *, public: bool, message: str, progress: Progress | None) -> Pushed:
    before = _before(hub_id, public=public)
    is_earlier = MANIFEST in before.files  # what bears our names without one is somebody's own
    stale = sorted(name for name in before.files if is_earlier and is_ours(name) and name not in own)
    is_new = bool(stale) or not all(file.is_at(before.files.get(name)) for name, file in own.items())
    commit = before.commit
    if is_new:
        ways = _ways(hub_id, own)
        _send_large(hub_id, {name: own[name] for name, way in ways.items() if way == "lfs"}, progress)
        commit = _commit(hub_id, own, ways, stale=stale, parent=before.commit, message=message)
        _compare(hub_id, commit, own, stale)
    return Pushed(
        hub_id=hub_id,
        commit=commit,
        url=f"{hub.endpoint()}/{hub_id}/tree/{commit}",
        n_files=len(own),
        size_bytes=sum(file.size for file in own.values()),
        is_new=is_new,
    )


def _refuse_other_visibility(hub_id: str, there: Listing, *, public: bool) -> None:
    """Raise `AccessError` where others would read it unasked, or could not though they were meant to."""
    if public == there.is_private:
        raise AccessError(
            f"{hub_id} is {'private' if there.is_private else 'public'} on the hub: nothing was sent.",
            hint="Leave --public out, or make it public there." if public else "Anybody may read it: add --public.",
        )


def _before(hub_id: str, *, public: bool) -> Listing:
    """What is there; the repository is made where there is none."""
    try:
        there = hub.listing_of(hub_id, _BRANCH, hub_id, wanted=is_ours)
    except MissingInputError:
        owner, _, name = hub_id.partition("/")
        asked = {"organization": owner, "name": name, "type": "model", "visibility": "public" if public else "private"}
        _said(f"{hub.endpoint()}/api/repos/create", hub_id, asked, allowed={409})  # 409: it has just been made
    else:
        _refuse_other_visibility(hub_id, there, public=public)
        return there
    made = hub.listing_of(hub_id, _BRANCH, hub_id, wanted=is_ours)
    if not public and not made.is_private:
        raise AccessError(
            f"{hub_id} was to be private, and the hub has made it public: nothing was sent.",
            hint="Make it private on the hub and push again, or pass --public.",
        )
    return made


def _ways(hub_id: str, own: Mapping[str, _Own]) -> dict[str, Literal["lfs", "regular"]]:
    """How the hub wants each file: by itself, or within the commit."""
    files = [
        {"path": name, "size": file.size, "sample": base64.b64encode(next(file.pieces(0, 512), b"")[:512]).decode()}
        for name, file in own.items()
    ]
    said = _said(f"{hub.endpoint()}/api/models/{hub_id}/preupload/{_BRANCH}", hub_id, {"files": files})
    ways: dict[str, Literal["lfs", "regular"]] = {}
    for each in _list(said, "files", hub_id):
        name, way = each.get("path"), each.get("uploadMode")
        if not isinstance(name, str) or name not in own or way not in {"lfs", "regular"}:
            raise _odd(hub_id)
        if each.get("shouldIgnore"):
            raise AccessError(
                f"{hub_id}: its .gitignore leaves out {name}, without which no classifier is whole.",
                hint="Mend that file on the hub, or push to another name.",
            )
        ways[name] = way
    heavy = [name for name, way in ways.items() if way == "regular" and own[name].size > _MOST_IN_GIT]
    if ways.keys() != own.keys() or heavy:
        raise _odd(hub_id)
    return ways


def _send_large(hub_id: str, files: Mapping[str, _Own], progress: Progress | None) -> None:
    """Every file of `files` to where the hub keeps such; what it has already is not sent."""
    if not files:
        return
    by_digest = {file.sha256: file for file in files.values()}
    asked = {
        "operation": "upload",
        "transfers": ["basic", "multipart"],
        "hash_algo": "sha256",
        "ref": {"name": _BRANCH},
        "objects": [{"oid": digest, "size": file.size} for digest, file in by_digest.items()],
    }
    url = f"{hub.endpoint()}/{hub_id}.git/info/lfs/objects/batch"
    objects = _list(_said(url, hub_id, asked, headers=_LFS), "objects", hub_id)
    if {each.get("oid") for each in objects} != by_digest.keys():
        raise _odd(hub_id)
    total, sent = sum(file.size for file in by_digest.values()), 0
    for each in objects:
        file = by_digest[each["oid"]]
        if "error" in each:
            raise hub.unreachable(hub_id, f"it does not take a file: {shown(str(each['error']), 200)}")
        actions = each.get("actions")
        if actions is not None:
            _send(hub_id, file, actions)
        sent += file.size
        if progress is not None:
            progress(sent, total)


def _send(hub_id: str, file: _Own, actions: Any) -> None:
    """One file: whole, or in the parts that the hub names; then the hub is told."""
    try:
        upload, verify = actions["upload"], actions.get("verify")
        header = upload.get("header") or {}
        href = _address(hub_id, upload["href"])
        part = int(header["chunk_size"]) if "chunk_size" in header else 0
        parts = [_address(hub_id, url) for _, url in sorted((int(n), url) for n, url in header.items() if n.isdigit())]
        confirm = None if verify is None else _address(hub_id, verify["href"])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _odd(hub_id) from error
    if not part:
        _put(href, hub_id, file, 0, file.size)
    elif part < 0 or len(parts) != -(-file.size // part):
        raise _odd(hub_id)
    else:
        tags = [
            _put(url, hub_id, file, number * part, min(part, file.size - number * part))
            for number, url in enumerate(parts)
        ]
        done = [{"partNumber": number, "etag": tag} for number, tag in enumerate(tags, start=1)]
        _said(href, hub_id, {"oid": file.sha256, "parts": done}, headers=_LFS)
    if confirm is not None:
        _said(confirm, hub_id, {"oid": file.sha256, "size": file.size}, headers=_LFS)


def _put(url: str, hub_id: str, file: _Own, start: int, size: int) -> str:
    """`size` bytes from `start` on; the tag that they have there."""
    headers = {"Content-Length": str(size)}

    def put() -> str:
        pieces = file.pieces(start, size)
        with hub.answer(url, hub_id, timeout_s=_SEND_S, method="PUT", content=pieces, headers=headers) as response:
            return str(response.headers.get("ETag", ""))

    return hub.with_hub_errors(hub_id, put)


def _commit(  # noqa: PLR0913 - what a commit consists of
    hub_id: str,
    own: Mapping[str, _Own],
    ways: Mapping[str, str],
    *,
    stale: list[str],
    parent: str,
    message: str,
) -> str:
    """One commit upon `parent`, with every file, and without those of an earlier classifier; its name."""
    said = {"summary": message, "description": f"Pushed by Frostline {__version__}.", "parentCommit": parent}
    lines: list[dict[str, Any]] = [{"key": "header", "value": said}]
    for name, way in ways.items():
        file = own[name]
        if way == "lfs":
            value = {"path": name, "algo": "sha256", "oid": file.sha256, "size": file.size}
            lines.append({"key": "lfsFile", "value": value})
        else:
            content = b"".join(file.pieces())
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise ArtifactCorrupt(f"{name} was changed while it was pushed.")
            value = {"path": name, "encoding": "base64", "content": base64.b64encode(content).decode()}
            lines.append({"key": "file", "value": value})
    lines += [{"key": "deletedFile", "value": {"path": name}} for name in stale]
    body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    answer = _said(
        f"{hub.endpoint()}/api/models/{hub_id}/commit/{_BRANCH}",
        hub_id,
        body,
        headers={"Content-Type": "application/x-ndjson"},
        allowed={409, 412},
    )
    commit = answer.get("commitOid")
    if not isinstance(commit, str) or hub.COMMIT.fullmatch(commit) is None:
        raise RetryError(f"{hub_id} was written to by somebody else meanwhile.", hint="Look at it, and push again.")
    return commit


def _compare(hub_id: str, commit: str, own: Mapping[str, _Own], stale: list[str]) -> None:
    """Raise unless the hub says that the commit holds what was sent, and nothing of an earlier classifier."""
    after = hub.listing_of(hub_id, commit, hub_id, wanted=is_ours).files
    differing = [name for name, file in own.items() if not file.is_at(after.get(name))]
    differing += [name for name in stale if name in after]
    if differing:
        raise hub.unreachable(hub_id, f"at {commit} it does not hold what was sent ({shown(differing[0])})")


def _address(hub_id: str, href: str) -> str:
    """Where to send to: of the hub's own host by the name that it is asked under; never in the clear if that is not."""
    own = urlsplit(hub.endpoint())
    href = href.replace("https://huggingface.co/", f"{hub.endpoint()}/", 1) if href.startswith(_HOME) else href
    to = urlsplit(href)
    if to.scheme != "https" and (to.scheme, to.hostname) != (own.scheme, own.hostname):
        raise hub.unreachable(hub_id, f"it has files sent to {shown(href, 100)}")
    return href


def _said(
    url: str,
    hub_id: str,
    asked: Mapping[str, Any] | bytes,
    *,
    headers: Mapping[str, str] = _JSON,
    allowed: Container[int] = (),
) -> dict[str, Any]:
    """The JSON object that the hub answers with; an empty one for a status that is `allowed`, or without words."""
    content = asked if isinstance(asked, bytes) else json.dumps(asked).encode()

    def ask() -> bytes:
        with hub.answer(
            url, hub_id, timeout_s=_ANSWER_S, method="POST", content=content, headers=headers, allowed=allowed
        ) as response:
            return b"" if response.status_code in allowed else hub.bounded(response, hub_id, "its answer")

    said = hub.with_hub_errors(hub_id, ask)
    try:
        return read_object(said, "its answer") if said.strip().startswith(b"{") else {}
    except FrostlineError as error:
        raise _odd(hub_id) from error


def _list(said: Mapping[str, Any], name: str, hub_id: str) -> list[dict[str, Any]]:
    found = said.get(name)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _odd(hub_id)
    return found


def _odd(hub_id: str) -> FrostlineError:
    return hub.unreachable(hub_id, "its answer is none that its protocol knows")
