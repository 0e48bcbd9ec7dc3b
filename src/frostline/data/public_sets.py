"""A public set by name: fetch its files, verify them, read them.

The files are kept as published, byte for byte, in `sets/<folder>/` of the place where Frostline keeps things
(disk.py). Every URL names a commit, so that it cannot change; every digest is that of the file at that commit.
How files come, and how to add a set: docs/formats/public-sets.md.
"""

import contextlib
import difflib
import hashlib
import re
import time
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, final, get_args
from urllib.parse import urljoin, urlsplit

from frostline.arrays import Progress, part_of
from frostline.data.dataset import Dataset, Reject, Source
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.disk import (
    home,
    private_folder,
    publish_bytes,
    refuse_existing,
    sha256_of,
    storage_error,
    sweep_temporaries,
)
from frostline.errors import InputError, UnavailableError, UsageError, shown
from frostline.targets import Targets

if TYPE_CHECKING:
    from http.client import HTTPResponse

Part: TypeAlias = Literal["train", "dev", "test"]

PARTS: tuple[Part, ...] = get_args(Part)

_CHUNK_BYTES = 1 << 16
_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Statuses after which asking again may help."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file as it is published."""

    url: str  # https, of something that does not change: a commit, a release
    sha256: str
    size_bytes: int


@final
@dataclass(frozen=True, slots=True)
class LineForm:
    """How the lines of a file that is no table are read."""

    pattern: re.Pattern[str]  # Must match a whole line, and has the groups `text` and `label`
    encoding: str = "utf-8"
    # From what stands in the file to the label; empty: the label stands in the file. A row whose label is not among
    # them is rejected.
    names: Mapping[str, str] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSet:
    """A public set of labelled sentences."""

    name: str  # What the command line takes
    title: str
    files: Mapping[Part, RemoteFile]  # `train` is always there; `dev` and `test` where the set has them
    form: TableOptions | LineForm
    folder: str  # Where its files lie among those of the others; sets that read the same files share it
    licence: str
    citation: str


def _entry(name: str, entry: Mapping[str, Any]) -> PublicSet:
    """A set as public_sets.toml has it."""
    form: TableOptions | LineForm = TableOptions(**entry.get("table", {}))
    if "pattern" in entry:
        names = {str(number): label for number, label in enumerate(entry.get("names", ()))}
        form = LineForm(re.compile(entry["pattern"], re.DOTALL), entry.get("encoding", "utf-8"), names)
    files = {
        part: RemoteFile(url=f"{entry['base']}/{file}", sha256=sha256, size_bytes=size_bytes)
        for part, (file, sha256, size_bytes) in entry["files"].items()
    }
    words = {key: entry[key] for key in ("title", "folder", "licence", "citation")}
    return PublicSet(name=name, files=files, form=form, **words)


PUBLIC_SETS: Mapping[str, PublicSet] = {
    name: _entry(name, entry)
    for name, entry in tomllib.loads((resources.files(__package__) / "public_sets.toml").read_text("utf-8")).items()
}
"""Every set, by name."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for a server, and how often to ask it again."""

    timeout_s: float = 10.0  # For a connection, and for its next byte; and the stretch over which its speed is judged
    # How many requests may fail in passing (a cut connection, a status such as 503) before we give up.
    attempts: int = 6
    # `first_wait_s`, `longest_wait_s`: Before the second request, doubling from there; a Retry-After is heeded up to
    # the longest.
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    slowest_bytes_s: int = 64  # A connection that brings fewer bytes a second, over `timeout_s`, counts as cut


def public_set(name: str) -> PublicSet:
    """The set of that name.

    Raises `UsageError`: there is none; the ones there are, and the nearest, are named.
    """
    known = PUBLIC_SETS.get(name)
    if known is not None:
        return known
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
    patience: Patience | None = None,
) -> dict[Part, Path]:
    """Have the files of a set on this machine, and return where. What lies there already is verified, not fetched.

    Raises `UsageError`: no set of that name; `UnavailableError` or `InputError` or `StorageError` or `OutputError`
    or `AccessError`: as for `download`. The hint of the first says where a file can be put by hand.

    Parameters
    ----------
    parts : collection of {"train", "dev", "test"}, optional
        All that the set has, unless told otherwise; ones that it does not have are passed over.
    folder : Path, optional
        In which `<set>/<file>` is looked for and put; the place where Frostline keeps things, unless told otherwise.
    progress : callable, optional
        Called with bytes held and bytes in all, over all parts.

    Returns
    -------
    dict of part to Path
        The files as published, in the order train, dev, test. Not all of them are tables: see `load_public_set`.
    """
    entry = public_set(wanted) if isinstance(wanted, str) else wanted
    chosen = {part: entry.files[part] for part in PARTS if part in entry.files and (parts is None or part in parts)}
    root = home() / "sets" if folder is None else folder
    paths = {part: root / entry.folder / remote.url.rsplit("/", 1)[1] for part, remote in chosen.items()}
    total = sum(remote.size_bytes for remote in chosen.values())
    done = 0
    for part, remote in chosen.items():
        if not is_whole(paths[part], remote):
            _make_folder(paths[part].parent, is_ours=folder is None)
            download(remote, paths[part], progress=part_of(progress, done, total), patience=patience)
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
    """
    entry = public_set(wanted) if isinstance(wanted, str) else wanted
    paths = fetch_public_set(entry, parts=parts, folder=folder, progress=progress)
    return {part: _read(entry, part, path) for part, path in paths.items()}


def is_whole(path: Path, remote: RemoteFile) -> bool:
    """Whether `path` is that file, by size and digest."""
    try:
        return path.stat().st_size == remote.size_bytes and sha256_of(path) == remote.sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        raise storage_error(error, path) from error


def download(
    remote: RemoteFile, destination: Path, *, progress: Progress | None = None, patience: Patience | None = None
) -> Path:
    """Put `remote` at `destination`, and return that; ask nobody if it lies there already.

    A file that lies there and is another one is replaced, once the right one has come whole.

    Parameters
    ----------
    remote : RemoteFile
        It is held in memory until it is verified: for files of a few MB.
    destination : Path
        Its folder must exist.
    progress : callable, optional
        Called with bytes held and bytes in all. Falls back to zero where the server is asked again.

    Raises
    ------
    UnavailableError
        No network, a server that says no, or one that failed too often.
    InputError
        What is published there is another file: its size or digest differs. Nothing of it is kept.
    StorageError
        The disk is full or failed.
    OutputError, AccessError
        The folder is missing or must not be written to.
    UsageError
        The URL is not https.
    """
    if not _is_allowed(remote.url, loopback=True):
        raise UsageError(f"A download's URL must begin with https:// (got {shown(remote.url, 200)}).")
    if is_whole(destination, remote):
        return destination
    refuse_existing(destination, overwrite=True)
    try:
        content = _content(remote, progress, patience or Patience())
    except _FailedError as error:
        raise UnavailableError(
            f"{remote.url} {error}.",
            hint=error.hint
            or f"Run the same command again with a network (HTTPS_PROXY is honoured), or put the file there by hand: "
            f"{remote.url} as {destination}.",
        ) from error
    sweep_temporaries(destination.parent)
    publish_bytes(destination, content)
    return destination


def _content(remote: RemoteFile, progress: Progress | None, patience: Patience) -> bytes:
    """The verified bytes of `remote`: asks, and asks again after a failure that may pass."""
    n_failures, is_reached = 0, False
    while True:
        if progress is not None:
            progress(0, remote.size_bytes)
        try:
            with contextlib.closing(_answered(remote.url, patience)) as response:
                return _verified(_body(response, remote, progress, patience), remote)
        except _PassingError as error:
            n_failures, is_reached = n_failures + 1, is_reached or error.is_reached
            if not is_reached:  # no network: waiting would only keep the user from reading so
                raise _FailedError(f"cannot be reached ({error})") from error
            if n_failures >= patience.attempts:
                raise _FailedError(f"failed {n_failures} times, last: {error}") from error
            wait_s = max(patience.first_wait_s * 2 ** (n_failures - 1), error.retry_after_s)
            time.sleep(min(wait_s, patience.longest_wait_s))


def _answered(url: str, patience: Patience) -> "HTTPResponse":
    """The response with the file itself, behind all redirects."""
    loopback = urlsplit(url).scheme == "http"  # then it is this machine itself; from https there is no way back
    here = url
    for _ in range(_MOST_REDIRECTS + 1):
        response = _response(here, patience)
        status, target = response.status, response.headers.get("Location")
        if status == 200:
            return response
        response.close()
        if status in _PASSING:
            after = response.headers.get("Retry-After", "")
            raise _PassingError(
                f"HTTP {status}", retry_after_s=float(after) if re.fullmatch(r"\d{1,6}", after) else 0.0
            )
        if status not in _REDIRECTS or target is None:
            raise _FailedError(f"answered with HTTP {status} {shown(response.reason)}")
        here = urljoin(here, target)
        if not _is_allowed(here, loopback=loopback):
            raise _FailedError(
                f"redirects to {shown(here, 200)}, and only https is followed",
                hint="Does this network ask to log in first? Open the address in a browser to see.",
            )
    raise _FailedError(f"redirects more than {_MOST_REDIRECTS} times")


def _response(url: str, patience: Patience) -> "HTTPResponse":
    """The response to one request, whatever its status."""
    import http.client  # noqa: PLC0415 - takes 0.05 s with ssl, and is needed only where a file is missing
    import ssl  # noqa: PLC0415 - as above
    import urllib.error  # noqa: PLC0415 - as above
    import urllib.request  # noqa: PLC0415 - as above

    opener = urllib.request.OpenerDirector()  # the usual one would also open file: and ftp:, and follow redirects
    for handler in (urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
        opener.add_handler(handler)
    headers = {"User-Agent": "frostline", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - _is_allowed has seen the scheme
    try:
        response = opener.open(request, timeout=patience.timeout_s)
    except urllib.error.URLError as error:  # while connecting
        reason = error.reason
        is_cut = isinstance(
            reason,  # a handshake that ends early is the one or the other of ssl's, by the version of Python
            ConnectionResetError | ConnectionAbortedError | BrokenPipeError | ssl.SSLEOFError | ssl.SSLZeroReturnError,
        )
        raise _PassingError(_why(reason), is_reached=is_cut) from error
    except (OSError, http.client.HTTPException) as error:
        raise _PassingError(_why(error)) from error
    return cast("http.client.HTTPResponse", response)


def _body(response: "HTTPResponse", remote: RemoteFile, progress: Progress | None, patience: Patience) -> bytes:
    """What the response brings: as many bytes as the file has, or an error."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise _FailedError("answered with a compressed copy, and the file itself was asked for")
    if response.length not in {None, remote.size_bytes}:
        raise _another(f"{remote.url} must have {remote.size_bytes:,} bytes (got {response.length:,}).")
    content = bytearray()
    for chunk in _chunks(response, patience):
        content += chunk
        if len(content) > remote.size_bytes:
            raise _another(f"{remote.url} must have {remote.size_bytes:,} bytes (got more).")
        if progress is not None:
            progress(len(content), remote.size_bytes)
    if len(content) < remote.size_bytes:
        raise _PassingError(f"closed early, after {len(content):,} of {remote.size_bytes:,} bytes")
    return bytes(content)


def _chunks(response: "HTTPResponse", patience: Patience) -> Iterator[bytes]:
    """The body as it comes; an error where it breaks or stalls, a quiet end where it is merely closed."""
    from http.client import HTTPException  # noqa: PLC0415 - as above

    begin, n_bytes = time.monotonic(), 0
    while True:
        try:
            chunk = response.read1(_CHUNK_BYTES)
        except (OSError, HTTPException) as error:
            raise _PassingError(_why(error)) from error
        if not chunk:
            return
        yield chunk
        n_bytes += len(chunk)
        elapsed = time.monotonic() - begin
        if elapsed >= patience.timeout_s:  # a byte now and then would never meet the time limit of a single read
            if n_bytes < patience.slowest_bytes_s * elapsed:
                raise _PassingError(f"only {n_bytes:,} bytes came in {elapsed:.0f} s")
            begin, n_bytes = time.monotonic(), 0


def _verified(content: bytes, remote: RemoteFile) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    if digest != remote.sha256:
        raise _another(f"{remote.url} must have sha256 {remote.sha256} (got {digest}).")
    return content


def _another(message: str) -> InputError:
    return InputError(
        message,
        hint="The file was changed where it is published, or on the way (a proxy, a log-in page). Nothing was kept.",
    )


@final
class _FailedError(Exception):
    """A request that need not be repeated; the text says what the URL did."""

    def __init__(self, reason: str, *, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


@final
class _PassingError(Exception):
    """A request that failed in a way that may pass; the text says how."""

    def __init__(self, reason: str, *, retry_after_s: float = 0.0, is_reached: bool = True) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.is_reached = is_reached


def _why(error: object) -> str:
    """Why a connection failed; part of it may be a stranger's words."""
    if isinstance(error, TimeoutError):
        return "timed out"
    verdict = getattr(error, "verify_message", None)  # of ssl.SSLCertVerificationError
    if verdict is not None:
        return f"its certificate is not trusted: {verdict}"
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return reason if reason.isprintable() and len(reason) <= 200 else shown(reason, 200)


def _is_allowed(url: str, *, loopback: bool) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and loopback and _is_loopback(url))
    )


def _is_loopback(url: str) -> bool:
    import ipaddress  # noqa: PLC0415 - as above

    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _make_folder(folder: Path, *, is_ours: bool) -> None:
    if is_ours:
        private_folder(folder.parent)
        private_folder(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error


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
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=lines, source=source, rejects=tuple(rejects))


def _reason(row: Mapping[str, str], names: Mapping[str, str]) -> str:
    """Why a row cannot be used; empty if it can."""
    if not row["text"].strip():
        return "the text is empty"
    if names and row["label"] not in names:
        several = [names.get(number, number) for number in row["label"].split(",")]
        return f"carries {len(several)} labels ({', '.join(several)}), and one is needed"
    return ""
