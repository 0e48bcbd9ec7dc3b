"""Object stores of S3's kind on this machine: a small one that notes what it is asked, and moto's server.

The small one knows what pyarrow asks: objects whole or in ranges, lists, uploads in parts, removals. Any key will do.
"""

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from pyarrow import fs

BUCKET = "shelf"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass
class Shelf:
    """What the small store holds."""

    endpoint: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # Method and address of each request
    failing: int = 0  # So many requests that write are answered by an error
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each body comes 40 ms after its head
    shelf: Shelf

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _told(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(content)))
        for name, value in {"ETag": '"1"', **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _missing(self, code: str = "NoSuchKey") -> None:
        self._told(404, f"<Error><Code>{code}</Code><Message>none</Message></Error>".encode())

    def _asked(self) -> tuple[str, str, dict[str, str], bytes]:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if "aws-chunked" in (self.headers.get("Content-Encoding") or ""):
            body = _unchunked(body)
        with self.shelf.lock:
            self.shelf.asked.append(f"{self.command} {key}{'?' if query else ''}{','.join(sorted(query))}")
        return bucket, key, query, body

    def do_HEAD(self) -> None:
        bucket, key, _, _ = self._asked()
        if bucket != BUCKET or (key and key not in self.shelf.objects):
            self._missing()
        else:
            self._told(200, Content_Length=str(len(self.shelf.objects.get(key, b""))))

    def do_GET(self) -> None:
        _, key, query, _ = self._asked()
        if not key:
            self._listed(query)
        elif key not in self.shelf.objects:
            self._missing()
        else:
            content = self.shelf.objects[key]
            match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            start, end = (int(match[1]), int(match[2]) + 1) if match else (0, len(content))
            self._told(
                206 if match else 200, content[start:end], Content_Range=f"bytes {start}-{end - 1}/{len(content)}"
            )

    def _listed(self, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        told, below = [], set()
        for key in sorted(self.shelf.objects):
            rest = key.removeprefix(prefix)
            if not key.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                below.add(prefix + rest.split(delimiter)[0] + delimiter)
                continue
            size = len(self.shelf.objects[key])
            told.append(
                f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size>"
                "<LastModified>2026-11-29T00:00:00Z</LastModified></Contents>"
            )
        told += [f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(below)]
        self._told(
            200,
            f"<ListBucketResult><KeyCount>{len(told)}</KeyCount><IsTruncated>false</IsTruncated>"
            f"{''.join(told)}</ListBucketResult>".encode(),
        )

    def do_PUT(self) -> None:
        bucket, key, query, body = self._asked()
        if bucket != BUCKET:
            self._missing("NoSuchBucket")
        elif self.shelf.failing > 0:
            self.shelf.failing -= 1
            self._told(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
        elif "uploadId" in query:
            self.shelf.uploads[query["uploadId"]][int(query["partNumber"])] = body
            self._told(200)
        else:
            self.shelf.objects[key] = body
            self._told(200)

    def do_POST(self) -> None:
        _, key, query, body = self._asked()
        if "delete" in query:
            for each in re.findall(r"<Key>(.*?)</Key>", body.decode()):
                self.shelf.objects.pop(each, None)
            self._told(200, b"<DeleteResult></DeleteResult>")
        elif "uploads" in query:
            name = f"upload-{len(self.shelf.uploads)}"
            self.shelf.uploads[name] = {}
            self._told(
                200,
                f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>".encode(),
            )
        else:
            parts = self.shelf.uploads.pop(query["uploadId"])
            self.shelf.objects[key] = b"".join(parts[number] for number in sorted(parts))
            self._told(200, b"<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>")

    def do_DELETE(self) -> None:
        _, key, _, _ = self._asked()
        self.shelf.objects.pop(key, None)
        self._told(204)


def _unchunked(body: bytes) -> bytes:
    """What stands in the chunks of AWS's own encoding."""
    content = b""
    while body:
        head, _, body = body.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if size == 0:
            break
        content, body = content + body[:size], body[size + 2 :]
    return content


@contextlib.contextmanager
def small_store() -> Iterator[Shelf]:
    """The small one, with one bucket."""
    shelf = Shelf()
    handler = type("Handler", (_Handler,), {"shelf": shelf})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        shelf.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield shelf
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def moto_store(host: str = "127.0.0.1") -> Iterator[str]:
    """Moto's server, with one bucket; its endpoint."""
    with socket.socket() as asked:
        asked.bind((host, 0))
        port = asked.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
                break
            assert time.monotonic() < deadline, "moto's server has not begun"
            time.sleep(0.05)
        own = fs.S3FileSystem(
            access_key="key",
            secret_key="secret",  # noqa: S106 - it believes any
            region="us-east-1",
            scheme="http",
            endpoint_override=f"{host}:{port}",
            allow_bucket_creation=True,
        )
        own.create_dir(BUCKET)
        yield f"http://{host}:{port}"
    finally:
        process.kill()
        process.wait()
