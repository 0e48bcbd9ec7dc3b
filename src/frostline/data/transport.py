"""Ask a server for a file, from some byte on, and say exactly what it answered.

In:   a URL, the first byte wanted.
Out:  an `Answer`: where its bytes start, how long the whole is, the bytes as they come.
Not:  connecting (connection.py); keeping the bytes, trying again, checking them (download.py).

Only https is spoken, and http to this machine itself; a redirect cannot change that.
"""

import contextlib
import http.client
import ipaddress
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final
from urllib.parse import urljoin, urlsplit

from frostline.data.connection import Patience, opened
from frostline.errors import UnavailableError, UsageError, shown

CHUNK_BYTES = 1 << 16
MOST_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
PASSING = {408, 425, 429, 500, 502, 503, 504}


@final
class Unreachable(Exception):  # noqa: N818 - never leaves this folder: download.py turns it into one of errors.py
    """No connection came about; the text says why."""


@final
class Interrupted(Exception):  # noqa: N818 - likewise
    """A connection came about and then failed in a way that may pass; the text says how."""

    def __init__(self, reason: str, *, retry_after_s: float = 0.0, restart: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.restart = restart


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered.

    Parameters
    ----------
    start : int
        The number of its first byte in the file: 0, unless it honoured the range.
    size_bytes : int or None
        Of the whole file, where the server says so.
    etag : str or None
        A strong one: two answers that carry the same are parts of the same file.
    chunks : iterator of bytes
        Raises Interrupted if the connection breaks or stalls; ends quietly where it is merely closed.
    """

    start: int
    size_bytes: int | None
    etag: str | None
    chunks: Iterator[bytes]


def check_address(url: str, *, loopback: bool = True) -> None:
    """Raise unless `url` may be asked: https, or http to this machine itself where `loopback` allows it.

    Raises
    ------
    UsageError
        It is something else.
    """
    if not _is_allowed(url, loopback=loopback):
        raise UsageError(f"A download's URL must begin with https:// (got {shown(url, 200)}).")


@contextlib.contextmanager
def asked(url: str, *, start: int, etag: str | None, patience: Patience) -> Iterator[Answer]:
    """Ask for the bytes of `url` from `start` on; with `etag`, only if the file is still that one, else for all.

    Raises
    ------
    Unreachable
        The name is unknown, nobody answers there, the certificate is not to be trusted, the proxy refuses.
    Interrupted
        A passing failure.
    UnavailableError
        A status that says no, or a redirect that must not be followed.
    """
    headers = {"User-Agent": "frostline", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if etag is not None:
            headers["If-Range"] = etag
    with contextlib.closing(_followed(url, headers, patience)) as response:
        yield _understood(response, url=url, start=start, patience=patience)


def _followed(url: str, headers: dict[str, str], patience: Patience) -> http.client.HTTPResponse:
    """The response behind all redirects."""
    loopback = urlsplit(url).scheme == "http"  # then it is this machine itself; from https there is no way back
    here = url
    for _ in range(MOST_REDIRECTS + 1):
        response = _response(here, headers, patience)
        target = response.headers.get("Location")
        if response.status not in REDIRECTS or target is None:
            return response
        response.close()
        here = urljoin(here, target)
        if not _is_allowed(here, loopback=loopback):
            raise UnavailableError(
                f"{url} redirects to {shown(here, 200)}, and only https is followed.",
                hint="Does this network ask to log in first? Open the address in a browser to see.",
            )
    raise UnavailableError(f"{url} redirects more than {MOST_REDIRECTS} times.")


def _response(url: str, headers: dict[str, str], patience: Patience) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - _is_allowed has seen the scheme
    try:
        return opened(request, patience)
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, ConnectionResetError | ConnectionAbortedError | BrokenPipeError | ssl.SSLEOFError):
            raise Interrupted(_why(reason)) from error
        raise Unreachable(_why(reason) if isinstance(reason, OSError) else _printable(str(reason))) from error
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(_why(error)) from error


def _understood(response: http.client.HTTPResponse, *, url: str, start: int, patience: Patience) -> Answer:
    """Turn status and headers into an Answer, or into the error that they amount to."""
    status, headers = response.status, response.headers
    if status in PASSING:
        after = headers.get("Retry-After", "")
        seconds = float(after) if re.fullmatch(r"\d{1,6}", after) else 0.0
        raise Interrupted(f"HTTP {status}", retry_after_s=seconds)
    if status == 416 and start:
        raise Interrupted("the server does not have that range", restart=True)
    if status not in {200, 206} or (status == 206 and not start):
        raise UnavailableError(f"{url} answered with HTTP {status} {shown(response.reason)}.")
    if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnavailableError(f"{url} answered with a compressed copy, and the file itself was asked for.")
    etag = headers.get("ETag")
    etag = etag if etag is not None and etag.startswith('"') else None
    chunks = _chunks(response, patience)
    if status == 200:
        length = headers.get("Content-Length", "")
        size_bytes = int(length) if re.fullmatch(r"\d{1,18}", length) else None
        return Answer(start=0, size_bytes=size_bytes, etag=etag, chunks=chunks)
    match = re.fullmatch(r"bytes (\d{1,18})-\d+/(\d{1,18}|\*)", headers.get("Content-Range", "").strip())
    if match is None or int(match[1]) != start:
        raise Interrupted("the server sent another range than was asked for", restart=True)
    size_bytes = None if match[2] == "*" else int(match[2])
    return Answer(start=start, size_bytes=size_bytes, etag=etag, chunks=chunks)


def _chunks(response: http.client.HTTPResponse, patience: Patience) -> Iterator[bytes]:
    begin, came = time.monotonic(), 0
    while True:
        try:
            chunk = response.read1(CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise Interrupted(_why(error)) from error
        if not chunk:
            return
        yield chunk
        came += len(chunk)
        elapsed = time.monotonic() - begin
        if elapsed >= patience.read_s:
            if came < patience.slowest_bytes_s * elapsed:
                raise Interrupted(f"only {came:,} bytes came in {elapsed:.0f} s")
            begin, came = time.monotonic(), 0


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _printable(reason or type(error).__name__)


def _printable(reason: str) -> str:
    """Part of a reason may be a stranger's words."""
    return reason if reason.isprintable() and len(reason) <= 200 else shown(reason, 200)


def _is_allowed(url: str, *, loopback: bool) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and loopback and _is_loopback(url))
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
