"""What stands before every route: who may come in, how much is let in, and how whoever is not is told.

All of it happens before a body is parsed, most of it before it is read.
"""

import asyncio
import contextvars
import itertools
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, final

from starlette.requests import Request
from starlette.responses import Response

from frostline.serve.admission import Admission, body_bytes, full
from frostline.serve.desk import answering
from frostline.serve.metrics import Metrics
from frostline.serve.options import ServeOptions
from frostline.serve.refusals import TOO_MUCH, Refusal, overloaded

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/ping"})
"""What anybody may ask: whether it lives, and the page, which holds nothing of anybody's."""

OPEN_FOLDER = "/page/"
STATUS_LINES = {
    429: b"HTTP/1.1 429 Too Many Requests\r\n",
    503: b"HTTP/1.1 503 Service Unavailable\r\n",
}
_MOST_HELD = 64_000_000  # bytes of bodies, all together
_DIGITS = 15  # of a body's length
_WRONG_KEYS_A_SECOND = 20
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

log = logging.getLogger("frostline.serve")
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")


class Routes(Protocol):
    """What the door knows of routes."""

    def is_admin(self, path: str) -> bool:
        """Whether a path is for whoever runs the server."""

    def find(self, scope: Scope) -> "Route | None":
        """The route of a request, its path's fields set; None where the application is to be asked."""


class Route(Protocol):
    """One that answers texts."""

    @property
    def path(self) -> str:
        """As the application writes it, fields in braces."""

    async def answer(self, request: Request) -> Response:
        """The response; `Refusal` where it refuses."""


class _GoneError(Exception):
    """The client went away while it was sending."""


@final
class Door:
    """An ASGI application around another one.

    Parameters
    ----------
    routes : Routes
        Those that are asked without `app`.
    """

    def __init__(
        self,
        app: App,
        *,
        options: ServeOptions,
        admission: Admission,
        metrics: Metrics,
        routes: "Routes",
    ) -> None:
        self._app, self._options, self._admission, self._metrics = app, options, admission, metrics
        self._routes = routes
        self.is_draining = False
        self._held = 0  # Bytes of bodies that are here and not done with
        self._ids = (f"{os.urandom(4).hex()}-{number}" for number in itertools.count(1))
        self._wrong: tuple[int, int] = (0, 0)  # the second, and the wrong keys in it
        names = {*options.hosts, options.host, *(_LOOPBACK if options.is_loopback else ())}
        self._hosts = {name.lower().encode() for name in names} if options.is_loopback or options.hosts else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, next(self._ids))
        request_id.set(answer.id)
        answering.set("")
        begun = time.monotonic()
        if scope["method"] == "HEAD":  # the connection leaves the body out
            scope = {**scope, "method": "GET"}
        try:
            await self._let_in(scope, receive, answer)
        except Refusal as refusal:
            self._metrics.refusals.labels(refusal.code).inc()
            if not answer.status:
                refusal.closes = refusal.closes or any(name == b"expect" for name, _ in scope["headers"])
                if scope["path"] == "/predict" and refusal.code == TOO_MUCH:
                    refusal.status = 429  # as text-embeddings-inference has it
                await answer.refuse(refusal)
        except (_GoneError, asyncio.CancelledError):
            self._metrics.refusals.labels("client_gone").inc()
        except Exception as error:  # noqa: BLE001 - the edge: a client gets no traceback, and a log no text
            log.error("request %s met an unforeseen %s", answer.id, type(error).__name__)  # noqa: TRY400 - likewise
            if not answer.status:
                await answer.refuse(Refusal(500, "bug", "An unforeseen error: a bug in Frostline.", closes=True))
        finally:
            if "refused" in scope:
                self._metrics.refusals.labels(scope["refused"]).inc()
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(answer.status)).inc()
            self._metrics.seconds.observe(time.monotonic() - begun)

    async def _let_in(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        headers = dict(scope["headers"])
        self._check_sender(scope, headers)
        self._check_key(scope["method"], scope["path"], headers)
        if scope["method"] not in {"POST", "PUT", "PATCH"}:
            await self._app(scope, receive, answer)
            return
        size = self._announced(headers)
        is_admin = self._routes.is_admin(scope["path"])
        if not is_admin and not self._admission.may_come(self._admission.work_of(size)):
            raise full()
        body, work = bytearray(), 0
        try:
            await self._read(body, receive)
            cost = 0 if is_admin else self._admission.work_of(len(body))
            await self._admission.come_in(cost)  # only now: who sends slowly keeps nobody out meanwhile
            work = cost
            body_bytes.set(len(body))
            again = _replayed(bytes(body), receive)
            route = self._routes.find(scope)
            if route is None:
                await self._app(scope, again, answer)
            else:
                scope["route"] = route
                response = await route.answer(Request(scope, again))
                await response(scope, again, answer)
        finally:
            self._admission.leave(work)
            self._held -= len(body)

    def _check_sender(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """A page of another site must not use this server through its reader's browser."""
        host = headers.get(b"host", b"").lower()
        n_hosts = sum(name == b"host" for name, _ in scope["headers"])
        if n_hosts > 1 or (not host and scope["http_version"] == "1.1"):
            raise Refusal(400, "host", "There must be one Host header.", closes=True)
        if self._hosts is not None and host and _without_port(host) not in self._hosts:
            raise Refusal(403, "host", "The server is not called that: see --allow-host.")
        origin = headers.get(b"origin")
        if origin is not None and origin.lower() not in {b"http://" + host, b"https://" + host}:
            raise Refusal(403, "origin", "A page of another site may not ask here.")
        is_link = scope["method"] == "GET" and scope["path"] == "/" and headers.get(b"sec-fetch-mode") == b"navigate"
        if headers.get(b"sec-fetch-site", b"none") not in {b"none", b"same-origin"} and not is_link:
            raise Refusal(403, "origin", "A page of another site may not ask here.")

    def _check_key(self, method: str, path: str, headers: dict[bytes, bytes]) -> None:
        keys = self._options.keys
        if self._routes.is_admin(path):
            keys = self._options.admin
            if not keys:
                raise Refusal(403, "no_admin_key", "The server was started without an admin key; SIGHUP loads anew.")
        is_open = method in {"GET", "HEAD"} and (path in OPEN_PATHS or path.startswith(OPEN_FOLDER))
        if not keys or is_open:
            return
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        given = key.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        if not keys.open_for(given):
            self._count_wrong()
            said = "The key is not known." if given else "There must be a key: Authorization: Bearer KEY."
            raise Refusal(401, "key", said, closes=True)

    def _count_wrong(self) -> None:
        """More wrong keys than anybody mistypes are sent away for a second; a right one always opens."""
        second, count = self._wrong
        now = int(time.monotonic())
        self._wrong = (now, count + 1 if now == second else 1)
        if self._wrong[1] > _WRONG_KEYS_A_SECOND:
            raise Refusal(429, "key", "Too many wrong keys.", retry_after_s=1, closes=True)

    def _announced(self, headers: dict[bytes, bytes]) -> int:
        limit = self._options.limits.body_bytes
        length = headers.get(b"content-length", b"0")
        size = int(length) if length.isdigit() and len(length) <= _DIGITS else limit + 1
        if size > limit:
            raise too_large(limit)
        return size

    async def _read(self, body: bytearray, receive: Receive) -> None:
        """Append the whole body; 413 where it is too large, 503 where all together are."""
        limit = self._options.limits.body_bytes
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise _GoneError
            part = event.get("body", b"")
            body += part
            self._held += len(part)
            if len(body) > limit:
                raise too_large(limit)
            if self._held > max(_MOST_HELD, limit):
                raise overloaded("Too many long requests at once: try again in a second.", closes=True)
            if not event.get("more_body", False):
                return

    def refused_at_once(self, scope: Scope) -> bytes | None:
        """A whole response to a request for which there is no room; None where it is to be let in.

        Under a flood this is what is done most, so nothing else is done for it.
        """
        path = scope["path"]
        if scope["method"] != "POST" or self.is_draining or self._routes.is_admin(path):
            return None
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if (
            not length.isdigit()
            or len(length) > _DIGITS
            or self._admission.may_come(self._admission.work_of(int(length)))
        ):
            return None
        refusal = full()
        refusal.status = 429 if path == "/predict" else refusal.status
        self._metrics.refused_at_once(refusal.code, refusal.status)
        identifier = next(self._ids)
        body = json.dumps(refusal.document(identifier)).encode()
        fields = [*_fields(body, refusal), *_beside(identifier)]
        return STATUS_LINES[refusal.status] + b"".join(b"%s: %s\r\n" % field for field in fields) + b"\r\n" + body


@final
class _Answer:
    """`send`, with what every answer has beside it."""

    def __init__(self, send: Send, identifier: str) -> None:
        self._send, self.id = send, identifier
        self.status = 0

    async def __call__(self, event: Event) -> None:
        """Pass an event on."""
        if event["type"] == "http.response.start":
            self.status = event["status"]
            extra = _beside(self.id)
            if version := answering.get():
                extra.append((b"x-model-version", version.encode()))
            event["headers"] = [*event.get("headers", []), *extra]
        await self._send(event)

    async def refuse(self, refusal: Refusal) -> None:
        """Send a refusal."""
        body = json.dumps(refusal.document(self.id)).encode()
        await self({"type": "http.response.start", "status": refusal.status, "headers": _fields(body, refusal)})
        await self({"type": "http.response.body", "body": body})


def _fields(body: bytes, refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Headers of a refusal."""
    size = str(len(body)).encode()
    return [(b"content-type", b"application/json"), (b"content-length", size), *refusal.headers()]


def _beside(identifier: str) -> list[tuple[bytes, bytes]]:
    """Headers that every answer has."""
    return [(b"x-request-id", identifier.encode()), (b"x-content-type-options", b"nosniff")]


def too_large(limit: int) -> Refusal:
    """The body is over its limit."""
    return Refusal(413, "body", f"The body must have at most {limit:,} bytes.", closes=True)


def _without_port(host: bytes) -> bytes:
    name, colon, port = host.rpartition(b":")
    return name if colon and (port.isdigit() or not port) and not host.endswith(b"]") else host


def _replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` that gives the whole body first."""
    given = False

    async def again() -> Event:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
