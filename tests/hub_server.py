"""A hub on this machine: as much of its HTTP interface as `huggingface_hub` needs to list and download a model."""

import hashlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import huggingface_hub.constants  # noqa: F401 - it looks at the environment once: before a test changes that


@dataclass
class Hub:
    """One repository, `owner/small`, whose branch `main` is `commit`.

    Attributes
    ----------
    asked : list of str
        Method and path of every request.
    damage : str or None
        A file of this name arrives with its last byte changed, under its true digest.
    etag : str or None
        In place of every file's true ETag.
    announced : dict of str to int
        Sizes in place of the true ones.
    listing : bytes or None
        In place of the list of files.
    elsewhere : str or None
        Files are to be had from this endpoint.
    pause_s : float
        Between any two bytes of a file.
    tokens : list of str or None
        The header `Authorization` of every request.
    ranges : list of str
        The header `Range` of every request for a file.
    agents : list of str or None
        The header `User-Agent` of every request.
    answers : dict of str to bytes
        JSON by path, in place of anything else.
    """

    folder: Path
    commit: str = "0123456789abcdef0123456789abcdef01234567"
    asked: list[str] = field(default_factory=list)
    damage: str | None = None
    etag: str | None = None
    announced: dict[str, int] = field(default_factory=dict)
    listing: bytes | None = None
    elsewhere: str | None = None
    pause_s: float = 0.0
    tokens: list[str | None] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    agents: list[str | None] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    endpoint: str = ""
    status: int | None = None

    def content(self, name: str) -> bytes | None:
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None


class _Answer(http.server.BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        hub = self.hub
        path = self.path.partition("?")[0]
        hub.asked.append(f"{self.command} {path}")
        hub.tokens.append(self.headers.get("Authorization"))
        hub.agents.append(self.headers.get("User-Agent"))
        if path in hub.answers:
            self._send(HTTPStatus.OK, {"Content-Type": "application/json"}, hub.answers[path], with_body=with_body)
            return
        if hub.status is not None:
            self._send(hub.status, {}, b"", with_body=with_body)
            return
        revisions = ("main", hub.commit)
        for revision in revisions:
            if path == f"/api/models/owner/small/revision/{revision}":
                self._send(HTTPStatus.OK, {"Content-Type": "application/json"}, self._listing(), with_body=with_body)
                return
            prefix = f"/owner/small/resolve/{revision}/"
            content = hub.content(path.removeprefix(prefix)) if path.startswith(prefix) else None
            if content is not None:
                self._send_file(path.removeprefix(prefix), content, with_body=with_body)
                return
        is_repository = path.startswith(("/api/models/owner/small/", "/owner/small/"))
        code = "RevisionNotFound" if is_repository else "RepoNotFound"
        self._send(HTTPStatus.NOT_FOUND, {"X-Error-Code": code}, b"{}", with_body=with_body)

    def _listing(self) -> bytes:
        if self.hub.listing is not None:
            return self.hub.listing
        siblings: list[dict[str, object]] = []
        for path in sorted(path for path in self.hub.folder.iterdir() if path.is_file()):
            size = self.hub.announced.get(path.name, path.stat().st_size)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            siblings.append({"rfilename": path.name, "size": size, "lfs": {"sha256": sha256, "size": size}})
            if path.name.endswith(".json"):
                del siblings[-1]["lfs"]  # as of small files, which lie in git itself
        return json.dumps({"id": "owner/small", "sha": self.hub.commit, "siblings": siblings}).encode()

    def _send_file(self, name: str, content: bytes, *, with_body: bool) -> None:
        if self.hub.elsewhere is not None:
            self._send(HTTPStatus.FOUND, {"Location": self.hub.elsewhere + self.path}, b"", with_body=False)
            return
        digest = self.hub.etag or hashlib.sha256(content).hexdigest()
        headers = {"X-Repo-Commit": self.hub.commit, "X-Linked-Size": str(len(content))}
        headers |= {"ETag": f'"{digest}"', "X-Linked-Etag": f'"{digest}"', "Accept-Ranges": "bytes"}
        if name == self.hub.damage:
            content = content[:-1] + bytes([content[-1] ^ 1])
        asked = self.headers.get("Range", "")
        self.hub.ranges.append(asked)
        status = HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK
        self._send(status, headers, content[int(asked[6:-1] or 0) if asked else 0 :], with_body=with_body)

    def _send(self, status: int, headers: dict[str, str], body: bytes, *, with_body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body and self.hub.pause_s and status == HTTPStatus.OK and b"sha" not in body[:200]:
            with suppress(OSError):  # whoever asked may have gone
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(self.hub.pause_s)
        elif with_body:
            self.wfile.write(body)


@contextmanager
def hub_serving(folder: Path) -> Iterator[Hub]:
    """A hub that serves `folder` as owner/small until the end of the block."""
    hub = Hub(folder)
    answer = type("Answer", (_Answer,), {"hub": hub})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
