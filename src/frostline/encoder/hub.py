"""Files of a hub repository: from the hub's cache on this machine, or downloaded into it.

The cache is looked into without `huggingface_hub`, whose import costs 0.4 s; it is the library's own layout, so that
what any other program downloaded is found. A branch that is in the cache is taken from there without asking the hub.
The first question to the hub has a deadline of five seconds over everything, name resolution included, where the
library alone may retry for minutes.
"""

import functools
import os
import queue
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from frostline.disk import publish_bytes, storage_error
from frostline.encoder.files import CHECKPOINT_FILES, WEIGHTS, is_whole, refuse_listing
from frostline.errors import AccessError, FrostlineError, InputError, MissingInputError, UnavailableError, shown

DEADLINE_S = 5.0
_ANSWER_S = 4.0  # for one connection or read, so that a hub that is slow rather than gone is named as such
_MAX_SMALL_FILE = 64 * 1024**2  # tokenizer.json of the largest vocabularies has 17 MB

_Answer = TypeVar("_Answer")
_Listing: TypeAlias = tuple[str, dict[str, int]]

_COMMIT = re.compile(r"[0-9a-f]{40}")
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
    if _COMMIT.fullmatch(revision) is None:
        reference = _repository(hub_id) / "refs" / _checked(revision)
        try:
            commit = reference.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        if _COMMIT.fullmatch(commit) is None:
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
        It has weights only as pickle or in several shards.
    AccessError
        The repository is gated.
    UnavailableError
        The hub did not answer, answered with an error, or a download broke off.
    StorageError
        The cache cannot be written.
    """
    import huggingface_hub  # noqa: F401, PLC0415 - 0.4 s, only where something is downloaded, and not off the deadline

    where = f"{hub_id} at revision {_checked(revision)}"
    commit, sizes = _asked(lambda: _with_hub_errors(where, lambda: _listing(hub_id, revision)), where)
    refuse_listing(set(sizes), where)
    folder = _repository(hub_id) / "snapshots" / commit
    for filename in CHECKPOINT_FILES:
        if filename not in sizes:
            continue
        if filename == WEIGHTS:
            check_settings(folder)
        elif sizes[filename] > _MAX_SMALL_FILE:
            raise InputError(f"{where}: {filename} must be smaller than 64 MB (has {sizes[filename]:,} bytes).")
        _with_hub_errors(where, functools.partial(_fetch, hub_id, commit, filename))
    if commit != revision:
        reference = _repository(hub_id) / "refs" / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        publish_bytes(reference, commit.encode())
    return folder


def _repository(hub_id: str) -> Path:
    return cache_folder() / f"models--{hub_id.replace('/', '--')}"


def _checked(revision: str) -> str:
    if _REVISION.fullmatch(revision) is None:
        raise InputError(f"A revision must be a commit, a branch or a tag (got {shown(revision)}).")
    return revision


def _asked(question: Callable[[], _Listing], where: str) -> _Listing:
    """`question()`, or an error when the deadline has passed: a name server that is gone cannot be timed out inside."""
    answers: queue.SimpleQueue[_Listing | BaseException] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(question())
        except BaseException as error:  # noqa: BLE001 - carried to the waiting thread and raised there
            answers.put(error)

    deadline_s = max(DEADLINE_S, float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or 0))
    threading.Thread(target=ask, name="frostline-hub", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline_s)
    except queue.Empty:
        raise _unreachable(where, f"no answer within {deadline_s:g} s") from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _listing(hub_id: str, revision: str) -> _Listing:
    """The commit that `revision` is, and each file's size in bytes."""
    from huggingface_hub import HfApi  # noqa: PLC0415 - as above

    timeout_s = max(_ANSWER_S, float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or 0))
    api = HfApi(endpoint=_endpoint(), library_name="frostline")
    info = api.model_info(hub_id, revision=revision, timeout=timeout_s, files_metadata=True)
    if info.sha is None or _COMMIT.fullmatch(info.sha) is None:
        raise UnavailableError(f"{hub_id}: {_endpoint()} must name the commit of its answer (got {shown(info.sha)}).")
    return info.sha, {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or []}


def _fetch(hub_id: str, commit: str, filename: str) -> None:
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - as above

    hf_hub_download(
        hub_id,
        filename,
        revision=commit,
        cache_dir=cache_folder(),
        endpoint=_endpoint(),
        etag_timeout=_ANSWER_S,
        library_name="frostline",
    )


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _with_hub_errors(where: str, act: Callable[[], _Answer]) -> _Answer:
    """`act()`, with the library's errors as ours."""
    from huggingface_hub import errors  # noqa: PLC0415 - as above

    # Which httpx the library uses depends on its version; it keeps the root of its errors under this name.
    transport_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        return act()
    except (transport_error, errors.EntryNotFoundError, errors.FileMetadataError, OSError) as error:
        raise _as_ours(error, where) from error


def _as_ours(error: Exception, where: str) -> FrostlineError:
    from huggingface_hub import errors  # noqa: PLC0415 - as above

    if isinstance(error, errors.GatedRepoError):
        return AccessError(f"{where}: access is gated.", hint="Accept its terms on the hub, and set HF_TOKEN.")
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        if status in {401, 403} and not isinstance(error, errors.RepositoryNotFoundError):
            return AccessError(
                f"{where}: the hub ({_endpoint()}) answered {status}.", hint="Set HF_TOKEN to your token."
            )
        is_absent = isinstance(error, errors.RepositoryNotFoundError) or status == 404
        return _missing(where) if is_absent else _unreachable(where, f"status {status}")
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError | TimeoutError):
        return storage_error(error, cache_folder())
    return _unreachable(where, _first_line(error))


def _first_line(error: BaseException) -> str:
    return shown(str(error).strip().split("\n", 1)[0] or type(error).__name__, 120)


def _missing(where: str) -> MissingInputError:
    return MissingInputError(
        f"{where} is not on the hub ({_endpoint()}), or is private.",
        hint="Check the spelling; for a private one set HF_TOKEN.",
    )


def _unreachable(where: str, reason: str) -> UnavailableError:
    return UnavailableError(
        f"{where} is not on this machine, and the hub ({_endpoint()}) gave no answer to use: {reason}.", hint=WHAT_WORKS
    )


WHAT_WORKS = (
    "Without a network: use the bundled encoder (minilm), name a folder that holds config.json, model.safetensors and "
    "tokenizer.json, or set HF_HOME to a folder whose hub cache has the files."
)
