"""The page's files, and of each model its card and its report, each with the headers that fence it in.

The page itself is HTML, CSS and JavaScript in the folder page/ beside this file, sent as they lie there. A report may
come with a stranger's model, so it is shown in a sandbox: it can run nothing, send nothing, and is of no origin.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import final

from frostline.artifact.manifest import CARD, REPORT

INDEX = "index.html"
MOST_BYTES = 64 << 20

_COMMON = {
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # kept, and asked about by its ETag each time
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A response whose body is a file's."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@cache
def _page_files() -> dict[str, bytes]:
    folder = files("frostline.serve") / "page"
    return {file.name: file.read_bytes() for file in folder.iterdir() if Path(file.name).suffix in _TYPES}


def page_file(name: str, *, known: str = "") -> Sent | None:
    """A file of the page; None where there is none of that name.

    Parameters
    ----------
    name : str
        `index.html` or another; looked up among those there are, never joined to a path.
    known : str
        The request's If-None-Match: what the browser has already is not sent again.
    """
    body = _page_files().get(name)
    if body is None:
        return None
    return _sent(body, _TYPES[Path(name).suffix], PAGE_POLICY, known)


def card(folder: Path, known: str = "") -> Sent | None:
    """The card of the model in `folder`, as plain text; None where it has none."""
    return _of_model(folder / CARD, "text/plain; charset=utf-8", known)


def report(folder: Path, known: str = "") -> Sent | None:
    """The report of the model in `folder`; None where it has none."""
    return _of_model(folder / REPORT, "text/html; charset=utf-8", known)


def _of_model(path: Path, kind: str, known: str) -> Sent | None:
    try:
        with path.open("rb") as opened:
            body = opened.read(MOST_BYTES + 1)
    except OSError:
        return None
    return None if len(body) > MOST_BYTES else _sent(body, kind, REPORT_POLICY, known)


def _sent(body: bytes, kind: str, policy: str, known: str) -> Sent:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_COMMON, "content-type": kind, "content-security-policy": policy, "etag": tag}
    if tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return Sent(status=304, headers=headers, body=b"")
    return Sent(status=200, headers=headers, body=body)
