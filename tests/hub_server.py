"""A hub on this machine: as much of its HTTP interface as `huggingface_hub` needs to list, download and upload."""

import base64
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
class Repository:
    """What was pushed: the files of each commit, the latest last."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.head]

    def commit(self, files: dict[str, bytes], message: str) -> str:
        said = repr((sorted(files.items()), message, len(self.commits)))
        name = hashlib.sha1(said.encode(), usedforsecurity=False).hexdigest()
        self.commits[name] = files
        self.messages.append(message)
        return name


@dataclass
class Hub:
    """One repository, `name`, whose branch `main` is `commit`; and those that are pushed.

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
    encodings : list of str or None
        The header `Accept-Encoding` of every request.
    answers : dict of str to bytes
        JSON by path, in place of anything else.
    repositories : dict of str to Repository
        That were pushed, by name.
    stored : dict of str to bytes
        Large files by their sha256.
    part_bytes : int or None
        Large files are to come in parts of this size.
    storage, confirming : str or None
        Endpoints to which large files are to be sent, and at which that is to be confirmed; this one unless told.
    ignored : str or None
        A file that the repository's .gitignore leaves out.
    way : str or None
        How every file is to come (lfs, regular); by its name and size unless told.
    spoils : str or None
        A file that is committed with its last byte changed.
    publishes : bool
        A repository that is to be private is made public.
    meanwhile : bool
        Somebody else commits before every commit.
    """

    folder: Path
    name: str = "owner/small"
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
    encodings: list[str | None] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    endpoint: str = ""
    status: int | None = None
    repositories: dict[str, Repository] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    part_bytes: int | None = None
    parts: dict[str, bytes] = field(default_factory=dict)
    storage: str | None = None
    confirming: str | None = None
    ignored: str | None = None
    way: str | None = None
    spoils: str | None = None
    publishes: bool = False
    meanwhile: bool = False

    def content(self, name: str) -> bytes | None:
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None


class _Answer(http.server.BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: 40 ms each time

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_POST(self) -> None:
        body = self._body()
        path = self._noted()
        if path in self.hub.answers:
            self._send(HTTPStatus.OK, {"Content-Type": "application/json"}, self.hub.answers[path], with_body=True)
            return
        if self.hub.status is not None:
            self._send(self.hub.status, {}, b"", with_body=True)
            return
        if path == "/api/validate-yaml":  # the library's own upload asks about the card
            self._send(HTTPStatus.OK, {}, b'{"errors": [], "warnings": []}', with_body=True)
            return
        status, said = self._told(path, body)
        self._send(status, {"Content-Type": "application/json"}, json.dumps(said).encode(), with_body=True)

    def do_PUT(self) -> None:
        body = self._body()
        path = self._noted()
        self.hub.parts[path] = body
        oid = path.split("/")[2]
        if path.count("/") == 2:
            self.hub.stored[oid] = body
        self._send(HTTPStatus.OK, {"ETag": hashlib.md5(body, usedforsecurity=False).hexdigest()}, b"", with_body=True)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _noted(self) -> str:
        path = self.path.partition("?")[0]
        self.hub.asked.append(f"{self.command} {path}")
        self.hub.tokens.append(self.headers.get("Authorization"))
        self.hub.agents.append(self.headers.get("User-Agent"))
        self.hub.encodings.append(self.headers.get("Accept-Encoding"))
        return path

    def _told(self, path: str, body: bytes) -> tuple[int, dict[str, object]]:
        hub = self.hub
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            is_private = asked.get("visibility") == "private" or bool(asked.get("private"))
            if name in hub.repositories:
                return HTTPStatus.CONFLICT, {"error": "You already created this model repo", "url": name}
            hub.repositories[name] = Repository(private=is_private and not hub.publishes)
            hub.repositories[name].commit({".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
            return HTTPStatus.OK, {"url": f"{hub.endpoint}/{name}", "name": name, "private": is_private}
        if path.endswith("/info/lfs/objects/batch"):
            return HTTPStatus.OK, {"transfer": "basic", "objects": list(map(self._taken, json.loads(body)["objects"]))}
        if path.startswith("/complete/"):
            asked = json.loads(body)
            oid, parts = (
                asked["oid"],
                [hub.parts[f"/put/{asked['oid']}/{part['partNumber']}"] for part in asked["parts"]],
            )
            tags = [hashlib.md5(part, usedforsecurity=False).hexdigest() for part in parts]
            assert [part["etag"] for part in asked["parts"]] == tags
            hub.stored[oid] = b"".join(parts)
            return HTTPStatus.OK, {}
        if path == "/verify":
            asked = json.loads(body)
            assert len(hub.stored[asked["oid"]]) == asked["size"]
            return HTTPStatus.OK, {}
        return self._of_repository(path, body)

    def _taken(self, asked: dict[str, object]) -> dict[str, object]:
        """What is to be done with a large file."""
        hub, oid, size = self.hub, str(asked["oid"]), asked["size"]
        if oid in hub.stored:
            return {"oid": oid, "size": size}
        storage = hub.storage or hub.endpoint
        upload: dict[str, object] = {"href": f"{storage}/put/{oid}"}
        if hub.part_bytes is not None:
            assert isinstance(size, int)
            numbers = range(1, -(-size // hub.part_bytes) + 1)
            urls = {str(number): f"{storage}/put/{oid}/{number}" for number in numbers}
            upload = {"href": f"{hub.endpoint}/complete/{oid}", "header": {"chunk_size": str(hub.part_bytes), **urls}}
        verify = {"href": f"{hub.confirming or hub.endpoint}/verify"}
        return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": verify}}

    def _of_repository(self, path: str, body: bytes) -> tuple[int, dict[str, object]]:
        name, way, branch = path.removeprefix("/api/models/").rsplit("/", 2)
        repository = self.hub.repositories.get(name)
        if repository is None or branch != "main":
            return HTTPStatus.NOT_FOUND, {"error": "Repository not found"}
        if way == "preupload":
            return HTTPStatus.OK, {"files": list(map(self._way, json.loads(body)["files"]))}
        lines = [json.loads(line) for line in body.splitlines()]
        header = lines.pop(0)["value"]
        if self.hub.meanwhile:
            repository.commit(repository.files | {"notes.txt": b"mine"}, "somebody else's")
        if header.get("parentCommit") not in {None, repository.head}:
            return HTTPStatus.PRECONDITION_FAILED, {"error": "A commit has happened since."}
        files = dict(repository.files)
        for line in lines:
            place = line["value"]["path"]
            if line["key"] == "file":
                files[place] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "lfsFile":
                files[place] = self.hub.stored[line["value"]["oid"]]
                assert len(files[place]) == line["value"]["size"]
            else:
                assert line["key"] == "deletedFile"
                del files[place]
            if place == self.hub.spoils:
                files[place] = files[place][:-1] + bytes([files[place][-1] ^ 1])
        commit = repository.commit(files, header["summary"])
        return HTTPStatus.OK, {"commitOid": commit, "commitUrl": f"{self.hub.endpoint}/{name}/commit/{commit}"}

    def _way(self, asked: dict[str, object]) -> dict[str, object]:
        place = str(asked["path"])
        way = self.hub.way or ("lfs" if is_large(place, int(str(asked["size"]))) else "regular")
        return {"path": place, "uploadMode": way, "shouldIgnore": place == self.hub.ignored, "oid": None}

    def _answer(self, *, with_body: bool) -> None:
        hub = self.hub
        path = self._noted()
        if path in hub.answers:
            self._send(HTTPStatus.OK, {"Content-Type": "application/json"}, hub.answers[path], with_body=with_body)
            return
        if hub.status is not None:
            self._send(hub.status, {}, b"", with_body=with_body)
            return
        if self._answer_of_pushed(path, with_body=with_body):
            return
        revisions = ("main", hub.commit)
        for revision in revisions:
            if path == f"/api/models/{hub.name}/revision/{revision}":
                self._send(HTTPStatus.OK, {"Content-Type": "application/json"}, self._listing(), with_body=with_body)
                return
            prefix = f"/{hub.name}/resolve/{revision}/"
            content = hub.content(path.removeprefix(prefix)) if path.startswith(prefix) else None
            if content is not None:
                self._send_file(path.removeprefix(prefix), content, with_body=with_body)
                return
        is_repository = path.startswith((f"/api/models/{hub.name}/", f"/{hub.name}/"))
        code = "RevisionNotFound" if is_repository else "RepoNotFound"
        self._send(HTTPStatus.NOT_FOUND, {"X-Error-Code": code}, b"{}", with_body=with_body)

    def _answer_of_pushed(self, path: str, *, with_body: bool) -> bool:
        """Whether the path is of a repository that was pushed, which is answered then."""
        for name, repository in self.hub.repositories.items():
            for revision, commit in {"main": repository.head, **{each: each for each in repository.commits}}.items():
                files = repository.commits[commit]
                if path == f"/api/models/{name}/revision/{revision}":
                    siblings = [announced(place, content) for place, content in files.items()]
                    told = {"id": name, "sha": commit, "private": repository.private, "siblings": siblings}
                    content = json.dumps(told).encode()
                    self._send(HTTPStatus.OK, {"Content-Type": "application/json"}, content, with_body=with_body)
                    return True
                if path == f"/api/models/{name}/tree/{revision}":
                    content = json.dumps([entry(place, content) for place, content in files.items()]).encode()
                    self._send(HTTPStatus.OK, {"Content-Type": "application/json"}, content, with_body=with_body)
                    return True
                place = path.removeprefix(f"/{name}/resolve/{revision}/")
                if place != path and place in files:
                    self._send_file(place, files[place], with_body=with_body, commit=commit)
                    return True
        return False

    def _listing(self) -> bytes:
        if self.hub.listing is not None:
            return self.hub.listing
        siblings: list[dict[str, object]] = []
        for path in sorted(path for path in self.hub.folder.rglob("*") if path.is_file()):
            name = path.relative_to(self.hub.folder).as_posix()
            size = self.hub.announced.get(name, path.stat().st_size)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            siblings.append({"rfilename": name, "size": size, "lfs": {"sha256": sha256, "size": size}})
            if path.name.endswith(".json"):
                del siblings[-1]["lfs"]  # as of small files, which lie in git itself
        return json.dumps({"id": self.hub.name, "sha": self.hub.commit, "siblings": siblings}).encode()

    def _send_file(self, name: str, content: bytes, *, with_body: bool, commit: str = "") -> None:
        if self.hub.elsewhere is not None:
            self._send(HTTPStatus.FOUND, {"Location": self.hub.elsewhere + self.path}, b"", with_body=False)
            return
        digest = self.hub.etag or hashlib.sha256(content).hexdigest()
        headers = {"X-Repo-Commit": commit or self.hub.commit, "X-Linked-Size": str(len(content))}
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


def is_large(name: str, size: int) -> bool:
    """Whether a file lies beside git, as the hub's own rules have it."""
    return name.endswith((".safetensors", ".bin")) or size > 10 * 1024**2


def announced(name: str, content: bytes) -> dict[str, object]:
    """A file as a list of files has it."""
    size = len(content)
    said: dict[str, object] = {"rfilename": name, "size": size}
    if is_large(name, size):
        return {**said, "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": size, "pointerSize": 130}}
    blob = hashlib.sha1(f"blob {size}\0".encode() + content, usedforsecurity=False)
    return {**said, "blobId": blob.hexdigest()}


def entry(name: str, content: bytes) -> dict[str, object]:
    """A file as a tree has it."""
    said = announced(name, content)
    own = {"type": "file", "path": name, "size": said["size"], "oid": said.get("blobId", "0" * 40)}
    if "lfs" in said:
        own["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": said["size"], "pointerSize": 130}
    return own


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
