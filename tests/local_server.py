"""A small file server on this machine, which can be told to misbehave.

It serves what is in `files`, with ranges and ETags, over HTTP or (with `certificate`) HTTPS, and also answers as a
proxy for whatever address it is asked. The faults in `faults` are used up, one a request; then it behaves.
"""

import contextlib
import hashlib
import re
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One answer that is not as it should be; what is None is as it should be."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Bytes of the body after which the connection is closed, though more were announced."""
    is_unsized: bool = False
    """No Content-Length: the end of the connection is the end of the body."""
    ignores_range: bool = False
    content: bytes | None = None
    """Served in place of the file."""
    content_range: str | None = None
    pause_s: float = 0.0
    """Before each piece of the body."""
    piece_bytes: int = 1 << 16
    is_silent: bool = False
    """Closes the connection without a word."""


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def start(self) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(match[1]) if match else 0


class LocalServer:
    """The server's state, shared with its threads."""

    def __init__(self, scheme: str, port: int) -> None:
        self.scheme = scheme
        self.port = port
        self.files: dict[str, bytes] = {}
        self.faults: deque[Fault] = deque()
        self.requests: list[Request] = []
        self.lock = threading.Lock()

    def url(self, name: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/{name}"

    def will(self, *faults: Fault) -> None:
        self.faults.extend(faults)

    @property
    def starts(self) -> list[int]:
        """The first byte that each request asked for."""
        return [request.start for request in self.requests]


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    state: LocalServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that do not trust our certificate; the rest is a defect of this file."""
        if not isinstance(sys.exception(), ssl.SSLError | ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Listening
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request("GET", self.path, headers)
        state = self.server.state
        with state.lock:
            state.requests.append(request)
            fault = state.faults.popleft() if state.faults else Fault()
        self.close_connection = True
        if fault.is_silent:
            return
        with contextlib.suppress(ConnectionError):
            self.answer(request, fault)

    def answer(self, request: Request, fault: Fault) -> None:
        content = self.server.state.files.get(urlsplit(request.target).path.removeprefix("/"))
        if fault.status is not None or content is None:
            body = b"an explanation"
            self.head(fault.status or 404, {"Content-Length": str(len(body)), **fault.headers})
            self.wfile.write(body)
            return
        content = content if fault.content is None else fault.content
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        is_same = request.headers.get("if-range", etag) == etag
        start = request.start if is_same and not fault.ignores_range else 0
        if start >= len(content) > 0:
            self.head(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
            return
        body = content[start:]
        sent = {"ETag": etag}
        if not fault.is_unsized:
            sent["Content-Length"] = str(len(body))
        if start:
            sent["Content-Range"] = fault.content_range or f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.head(206 if start else 200, {**sent, **fault.headers})
        self.send(body if fault.cut_after is None else body[: fault.cut_after], fault)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def send(self, body: bytes, fault: Fault) -> None:
        for begin in range(0, len(body), fault.piece_bytes):
            time.sleep(fault.pause_s)
            self.wfile.write(body[begin : begin + fault.piece_bytes])
            self.wfile.flush()


@contextlib.contextmanager
def local_server(files: Iterable[tuple[str, bytes]] = (), *, certificate: Path | None = None) -> Iterator[LocalServer]:
    """A server on a free port of 127.0.0.1; `certificate` is a PEM file with a certificate and its key."""
    listening = _Listening(("127.0.0.1", 0), _Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
    state = LocalServer("http" if certificate is None else "https", listening.server_address[1])
    state.files.update(files)
    listening.state = state
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
