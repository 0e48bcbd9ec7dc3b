"""Files of a hub repository: from the hub's cache on this machine, or downloaded into it.

The cache is looked into without `huggingface_hub`, whose import costs 0.4 s; it is the library's own layout, so that
what any other program downloaded is found. A branch that is in the cache is taken from there without asking the hub.
The first question to the hub has a deadline of five seconds over everything, name resolution included, where the
library alone may retry for minutes.

A hub may lie: no header of its is used as a name, a file lies where the digest of its bytes says, and never more bytes
are taken than were announced. The library's own download would write where an ETag points.
"""

import contextlib
import errno
import functools
import hashlib
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, final
from urllib.parse import quote

from frostline.disk import publish_bytes, sha256_of, storage_error
from frostline.encoder.files import (
    CHECKPOINT_FILES,
    INDEX,
    MODULE_FILE,
    PUBLISHED,
    SHARD,
    WEIGHTS,
    is_whole,
    refuse_listing,
    shards_of,
)
from frostline.errors import (
    AccessError,
    ArtifactCorrupt,
    FrostlineError,
    InputError,
    MissingInputError,
    UnavailableError,
    shown,
)
from frostline.strict import read_object
from frostline.version import __version__

DEADLINE_S = 5.0
_ANSWER_S = 4.0  # for one connection or read, so that a hub that is slow rather than gone is named as such
_READ_S = 10.0  # the same, while a file comes
_MAX_SMALL_FILE = 64 * 1024**2  # tokenizer.json of the largest vocabularies has 17 MB

_MAX_LISTING = 8 * 1024**2  # a thousand files take a quarter of a megabyte
_MAX_WEIGHTS = 16 * 1024**3
_SLOWEST, _GRACE_S = 10_000, 30.0  # bytes a second, on the mean from so many seconds on
_CHUNK = 1024**2

_Answer = TypeVar("_Answer")


@final
@dataclass(frozen=True, slots=True)
class HubFile:
    """What the hub announces of a file."""

    size: int  # bytes
    sha256: str | None = None  # of its bytes, where the hub says so
    blob: str | None = None  # git's own digest, of a file that lies in git itself


@final
@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit."""

    commit: str
    files: dict[str, HubFile]
    is_private: bool = False


COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_REVISION = re.compile(r"(?!.*\.\.)[\w][\w./-]{0,200}")
_HUB_ID = re.compile(r"(?!.*(\.\.|--))[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def is_hub_id(name: str) -> bool:
    """Whether `name` has the form `owner/name`."""
    return _HUB_ID.fullmatch(name) is not None


def is_offline() -> bool:
    """Whether the environment forbids asking the hub (HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE)."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in {"1", "ON", "YES", "TRUE"}


def cache_folder() -> Path:
    """Where the hub's files are kept: HF_HUB_CACHE, HF_HOME/hub, or ~/.cache/huggingface/hub."""
    chosen = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    house = os.environ.get("HF_HOME")
    if house:
        return Path(house).expanduser() / "hub"
    general = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(general).expanduser() / "huggingface" / "hub"


def cached_snapshot(hub_id: str, revision: str) -> Path | None:
    """The folder in the cache that holds a whole checkpoint of `hub_id` at `revision`; its name is the commit."""
    commit = revision
    if COMMIT.fullmatch(revision) is None:
        reference = _repository(hub_id) / "refs" / checked_revision(revision)
        try:
            commit = reference.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        if COMMIT.fullmatch(commit) is None:
            return None
    folder = _repository(hub_id) / "snapshots" / commit
    return folder if is_whole(folder) else None


def download_snapshot(hub_id: str, revision: str, *, check_settings: Callable[[Path], None]) -> Path:
    """Download what is read of a checkpoint, and nothing else, into the hub's cache.

    Parameters
    ----------
    check_settings : callable
        Called with the folder once the small files are there; raises to stop before the weights are downloaded.

    Raises
    ------
    MissingInputError
        The hub has no such repository or revision, or a file that is needed is not in it.
    InputError
        It has weights only as pickle.
    AccessError
        The repository is gated.
    UnavailableError
        The hub did not answer, answered with an error, or a download broke off.
    StorageError
        The cache cannot be written.
    """
    where = f"{hub_id} at revision {checked_revision(revision)}"
    listing = listing_of(hub_id, revision, where)
    refuse_listing(set(listing.files), where)
    folder = _repository(hub_id) / "snapshots" / listing.commit
    for filename in wanted_files(listing):
        announced = listing.files[filename]
        is_weights = filename == WEIGHTS or SHARD.fullmatch(filename) is not None
        limit = _MAX_WEIGHTS if is_weights else _MAX_SMALL_FILE
        if announced.size > limit:
            raise InputError(
                f"{where}: {filename} must be smaller than {limit // 1024**2:,} MB (has {announced.size:,} bytes)."
            )
        if is_weights:
            check_settings(folder)
        if not (folder / filename).is_file():
            fetch = functools.partial(_fetch, hub_id, listing.commit, filename, announced)
            with_hub_errors(where, fetch)
    if WEIGHTS not in listing.files:
        shards_of(folder)
    if listing.commit != revision:
        reference = _repository(hub_id) / "refs" / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        publish_bytes(reference, listing.commit.encode())
    return folder


def wanted_files(listing: Listing) -> list[str]:
    """The files of a checkpoint, the large ones last: shards and their index only where there is no single file."""
    of_modules = sorted(name for name in listing.files if MODULE_FILE.fullmatch(name))
    names = [name for name in dict.fromkeys([*PUBLISHED, *of_modules, *CHECKPOINT_FILES]) if name in listing.files]
    if WEIGHTS in listing.files:
        return names
    return [*names, INDEX, *sorted(name for name in listing.files if SHARD.fullmatch(name))]


def _repository(hub_id: str) -> Path:
    return cache_folder() / f"models--{hub_id.replace('/', '--')}"


def checked_revision(revision: str) -> str:
    """`revision`, which is what a commit, a branch or a tag may be called."""
    if _REVISION.fullmatch(revision) is None:
        raise InputError(f"A revision must be a commit, a branch or a tag (got {shown(revision)}).")
    return revision


def _is_of_checkpoint(name: str) -> bool:
    is_one_of_many = SHARD.fullmatch(name) or MODULE_FILE.fullmatch(name)
    return name in {*PUBLISHED, *CHECKPOINT_FILES, INDEX} or is_one_of_many is not None


def listing_of(hub_id: str, revision: str, where: str, *, wanted: Callable[[str], bool] = _is_of_checkpoint) -> Listing:
    """The commit that `revision` is, and what is in it; sizes and digests of the files that are `wanted`.

    Raises what `download_snapshot` does.
    """
    import huggingface_hub  # noqa: F401, PLC0415 - 0.4 s, only where something is downloaded, and not off the deadline

    checked_revision(revision)
    listing = _asked(lambda: with_hub_errors(where, lambda: _listing(hub_id, revision, where, wanted)), where)
    if COMMIT.fullmatch(revision) and listing.commit != revision:
        raise unreachable(where, f"it answered with another commit, {listing.commit}")
    return listing


def _asked(question: Callable[[], Listing], where: str) -> Listing:
    """`question()`, or an error when the deadline has passed: a name server that is gone cannot be timed out inside."""
    answers: queue.SimpleQueue[Listing | BaseException] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(question())
        except BaseException as error:  # noqa: BLE001 - carried to the waiting thread and raised there
            answers.put(error)

    deadline_s = max(DEADLINE_S, _asked_seconds())
    threading.Thread(target=ask, name="frostline-hub", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline_s)
    except queue.Empty:
        raise unreachable(where, f"no answer within {deadline_s:g} s") from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _asked_seconds() -> float:
    """What the library's own variable asks for; 0 where it is not set, or is no number that it would take."""
    said = os.environ.get("HF_HUB_ETAG_TIMEOUT", "").strip()
    return float(said) if re.fullmatch("[0-9]{1,6}", said) else 0.0


def _listing(hub_id: str, revision: str, where: str, wanted: Callable[[str], bool]) -> Listing:
    timeout_s = max(_ANSWER_S, _asked_seconds())
    url = f"{endpoint()}/api/models/{hub_id}/revision/{quote(revision, safe='')}?blobs=true"
    with answer(url, where, timeout_s=timeout_s) as response:
        content = bounded(response, where, "its list of files")
    try:
        return parsed(read_object(content, "its list of files"), wanted)
    except (ArtifactCorrupt, AttributeError, LookupError, TypeError, ValueError) as error:
        said = error.message.rstrip(".") if isinstance(error, ArtifactCorrupt) else "its list of files is none"
        raise unreachable(where, said) from error


def bounded(response: Any, where: str, what: str) -> bytes:
    """The body of an answer, which is to be no larger than a list of files is."""
    content = bytearray()
    for chunk in response.iter_raw(_CHUNK):
        content += chunk
        if len(content) > _MAX_LISTING:
            raise unreachable(where, f"{what} has more than {_MAX_LISTING // 1024**2} MB")
    return bytes(content)


def parsed(document: dict[str, Any], wanted: Callable[[str], bool] = _is_of_checkpoint) -> Listing:
    """Raises one of Python's own errors for anything but a list of files."""
    commit = document["sha"]
    if not isinstance(commit, str) or COMMIT.fullmatch(commit) is None:
        raise ValueError(commit)
    files = {}
    for sibling in document["siblings"]:
        name, size, stored = sibling["rfilename"], sibling.get("size"), sibling.get("lfs") or {}
        if not wanted(str(name)):
            files[str(name)] = HubFile(0)  # never fetched: only named in a message
            continue
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ValueError(size)
        sha256 = stored.get("sha256")
        if sha256 is not None and _DIGEST.fullmatch(sha256) is None:
            raise ValueError(sha256)
        blob = sibling.get("blobId")
        files[name] = HubFile(size, sha256, blob if isinstance(blob, str) and not stored else None)
    return Listing(commit, files, is_private=document.get("private") is True)


def _fetch(hub_id: str, commit: str, filename: str, announced: HubFile) -> None:
    """Into `blobs/`, under the digest of its bytes, with a link in the snapshot; what broke off is taken up."""
    where = f"{hub_id}/{filename} at {commit}"
    blobs, link = _repository(hub_id) / "blobs", _repository(hub_id) / "snapshots" / commit / filename
    for folder in (blobs, link.parent):
        folder.mkdir(parents=True, exist_ok=True)
    partial = blobs / f"{hashlib.sha256(f'{commit} {filename}'.encode()).hexdigest()}.incomplete"
    receive(f"{endpoint()}/{hub_id}/resolve/{commit}/{filename}", where, partial, announced)
    sha256 = sha256_of(partial)
    if announced.sha256 is not None and sha256 != announced.sha256:
        partial.unlink()
        raise unreachable(where, f"what came has the sha256 {sha256}, where {announced.sha256} was announced")
    partial.replace(blobs / sha256)
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(Path(*[".."] * (2 + filename.count("/")), "blobs", sha256))
    except OSError:  # a file system without links
        (blobs / sha256).replace(link)


def receive(url: str, where: str, partial: Path, announced: HubFile) -> None:
    """As many bytes as were announced, neither more nor fewer, and not at a drip."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # noqa: PLC0415 - as above

    n_had = partial.stat().st_size if partial.exists() else 0
    n_had = n_had if announced.sha256 is not None and n_had < announced.size else 0
    size = announced.size
    bar = tqdm(desc=Path(url).name, total=size, unit="B", unit_scale=True, disable=None)  # type: ignore[no-untyped-call]
    with bar, answer(url, where, timeout_s=_READ_S, start=n_had) as response:
        is_rest = response.status_code == 206
        n_received, began = n_had if is_rest else 0, time.monotonic()
        bar.update(n_received)
        with partial.open("ab" if is_rest else "wb") as out:
            for chunk in response.iter_raw(_CHUNK):
                n_received += len(chunk)
                if n_received > announced.size:
                    raise unreachable(where, f"more bytes came than the {announced.size:,} announced")
                out.write(chunk)
                bar.update(len(chunk))
                seconds = time.monotonic() - began
                if seconds > _GRACE_S and n_received / seconds < _SLOWEST:
                    raise unreachable(where, f"less than {_SLOWEST // 1000} kB came in a second")
    if n_received < announced.size:
        raise unreachable(where, f"{n_received:,} bytes came of {announced.size:,}")


@contextlib.contextmanager
def answer(  # noqa: PLR0913 - what HTTP has
    url: str,
    where: str,
    *,
    timeout_s: float,
    start: int = 0,
    method: str = "GET",
    content: Any = None,
    headers: Mapping[str, str] | None = None,
    allowed: Container[int] = (),
) -> Iterator[Any]:
    """A response whose body is to be read; the token goes to the endpoint only, and not along with a redirection.

    Raises what `download_snapshot` does for a status that is neither a success nor `allowed`.
    """
    from huggingface_hub import get_session  # noqa: PLC0415 - as above

    # The library's own headers tell which programs run here: it asks the hub for names of variables to look for, and
    # keeps the answer, whatever that is, in the user's home.
    sent = {"User-Agent": f"frostline/{__version__}", "Accept-Encoding": "identity", **(headers or {})}
    secret = token() if url.startswith(f"{endpoint()}/") else None
    if secret:
        sent["Authorization"] = f"Bearer {secret}"
    if start:
        sent["Range"] = f"bytes={start}-"
    with get_session().stream(method, url, headers=sent, timeout=timeout_s, content=content) as response:
        if not response.is_success and response.status_code not in allowed:
            raise _refusal(response.status_code, response.headers.get("X-Error-Code"), where)
        yield response


def token() -> str | None:
    """The user's token, from where the library keeps it, unless it is not to be sent unasked."""
    from huggingface_hub import constants, get_token  # noqa: PLC0415 - as above

    return None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()


def endpoint() -> str:
    """Where the hub is: HF_ENDPOINT, or the one that everybody means."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def with_hub_errors(where: str, act: Callable[[], _Answer], *, place: Path | None = None) -> _Answer:
    """`act()`, with errors of the transport and of the disk, which is that of `place` or of the cache, as ours."""
    from huggingface_hub import errors  # noqa: PLC0415 - as above

    # Which httpx the library uses depends on its version; it keeps the root of its errors under this name.
    transport_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        return act()
    except (ConnectionError, TimeoutError, UnicodeError, ValueError, transport_error) as error:
        if isinstance(error, FrostlineError):
            raise
        raise unreachable(where, _first_line(error)) from error
    except OSError as error:
        if error.errno == errno.ENOENT and error.filename is None:  # a file of certificates that is not there
            raise unreachable(where, _first_line(error)) from error
        raise storage_error(error, place or cache_folder()) from error
    except FrostlineError:
        raise
    except Exception as error:  # whatever the library makes of what a hub answers
        raise unreachable(where, _first_line(error)) from error


def _refusal(status: int, code: str | None, where: str) -> FrostlineError:
    if code == "GatedRepo":
        return AccessError(f"{where}: access is gated.", hint="Accept its terms on the hub, and set HF_TOKEN.")
    if status == 404 or code in {"RepoNotFound", "RevisionNotFound", "EntryNotFound"}:
        return _missing(where)
    if status in {401, 403}:
        return AccessError(f"{where}: the hub ({endpoint()}) answered {status}.", hint="Set HF_TOKEN to your token.")
    return unreachable(where, f"status {status}")


def _first_line(error: BaseException) -> str:
    return shown(str(error).strip().split("\n", 1)[0] or type(error).__name__, 120)


def _missing(where: str) -> MissingInputError:
    return MissingInputError(
        f"{where} is not on the hub ({endpoint()}), or is private.",
        hint="Check the spelling; for a private one set HF_TOKEN.",
    )


def no_answer(reason: str) -> str:
    """Why the hub cannot be had, in a clause; a name that is not found is a machine without a network."""
    host = endpoint().partition("://")[2]
    if any(sign in reason for sign in _NO_NETWORK):
        return f"there is no internet connection ({host} not found)"
    return f"the hub ({endpoint()}) could not be used: {reason}"


_NO_NETWORK = ("Name or service not known", "nodename nor servname", "getaddrinfo failed", "name resolution")


def unreachable(where: str, reason: str) -> UnavailableError:
    """The error of something that is not here, and that the hub does not give for this reason."""
    return UnavailableError(f"{where} is not on this machine, and {no_answer(reason)}.", hint=WHAT_WORKS)


WHAT_WORKS = (
    "Without a network: use the bundled encoder (minilm), name a folder that holds config.json, model.safetensors and "
    "tokenizer.json, or set HF_HOME to a folder whose hub cache has the files."
)
