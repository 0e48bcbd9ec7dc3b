"""Connections that take too long, send too much, or are too many: what uvicorn has no limits for.

No timers per request: each connection notes since when it is in what state, and one sweep twice a second looks.
"""

import asyncio
import json
import resource
import select
import sys
import time
from collections.abc import Callable
from typing import Any, final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from frostline.serve.options import Limits

SWEEP_S = 0.5
SILENT_S = 2.0  # After which, at the server's end, nobody is waited for who asks nothing: a busy client is slow to ask
_LINGER_S = 2.0
_LINGER_BYTES = 4_000_000  # that are thrown away before a connection is cut off
_OFFERS = (b"upgrade", b"connection", b"http2-settings")
_OTHER_FILES = 40  # of the process beside connections: libraries, sockets, a model that is loading


def most_connections(limits: Limits) -> int:
    """As many as the limit says, and the files that this process may open allow."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(limits.connections, max(8, files - _OTHER_FILES))


class Connection(HttpToolsProtocol):
    """A connection with limits; what is declared here is set on a subclass by `connections_with`."""

    limits: Limits
    most: int
    refused_at_once: Callable[[Any], bytes | None]
    is_draining: Callable[[], bool]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it in place of the one that has been idle for longest where there are too many, or send it away."""
        super().connection_made(transport)
        self._state, self._since = "headers", time.monotonic()
        self._n_bytes = self._written = self._n_header_bytes = 0
        self._is_too_large = self._is_ending = self._has_headers = False
        self._is_whole = True  # Whether all of the last request has come
        self._task: asyncio.Task[None] | None = None
        self._out: _OneWrite | None = None
        if len(self.connections) > self.most and not self._end_an_idle_one():
            self.refuse(503, "connections", "There are too many connections.", retry=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is computed for a client who went away."""
        super().connection_lost(exc)
        if self._task is not None and not self._task.done():
            self._task.cancel()
        for cycle, _ in self.pipeline:
            cycle.disconnected = True
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to headers; what comes after a last answer is thrown away."""
        if self._state == "lingers":
            self._n_bytes += len(data)
            if self._n_bytes > _LINGER_BYTES:
                self.transport.abort()
            return
        if self._state == "idle":
            self._enter("headers")
        if self._state == "headers":
            self._n_bytes += len(data)
        self._given: bytes | None = data
        while self._given is not None:  # again where it was begun anew: see `_unsupported_upgrade_warning`
            self._fed, self._given = self._given, None
            super().data_received(self._fed)
        if self._state == "headers" and self._n_bytes > self.limits.header_bytes and not self.transport.is_closing():
            self._refuse_headers()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Doubt about where a request ends also ends the connection."""
        if self._is_too_large:
            self._refuse_headers()
        else:
            self.refuse(400, "http", "The request must be HTTP/1.1, and leave no doubt about where its body ends.")

    def on_message_begin(self) -> None:
        """Headers of another request."""
        super().on_message_begin()
        self._n_header_bytes = 0
        self._is_too_large = self._is_whole = self._has_headers = False

    def on_url(self, url: bytes) -> None:
        """The path counts among the headers."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field; one that comes after the body says nothing that is asked for."""
        if not self._has_headers:
            super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Now the body; of a request that would speak another protocol see `_unsupported_upgrade_warning`."""
        if self.parser.should_upgrade():
            return
        if not self.url.startswith((b"/", b"*")):
            self._take_host()
        super().on_headers_complete()
        self._has_headers = True
        self._enter("body")

    def on_message_complete(self) -> None:
        """Now the answer."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._is_whole = True
        if not self.pipeline:  # a large last part of a body paused it: that the client leaves would not be heard
            self.flow.resume_reading()
        if self._state == "body":
            self._enter("idle" if self.cycle.response_complete else "answer")

    def on_response_complete(self) -> None:
        """Now the next request, or nothing."""
        if self._out is not None:
            self._out.flush()
        super().on_response_complete()
        self._n_bytes = 0
        if self._is_whole:  # else it was refused before its body had come, which is still to be read past
            self._enter("idle" if self.cycle.response_complete else "answer")

    def _unsupported_upgrade_warning(self) -> None:
        """Of uvicorn's: a request that offers another protocol, and may have a body, is answered in this one.

        Java's client offers HTTP/2 with the first request to a host. The parser takes no body then, so one is begun
        anew, without the offer.
        """
        method, met = self.parser.get_method(), sys.exc_info()[1]
        if method == b"CONNECT" or not isinstance(met, httptools.HttpParserUpgrade):
            self.send_400_response("")
            return
        fields = [(name, value) for name, value in self.headers if name not in _OFFERS]
        if any(name == b"connection" and b"close" in value.lower() for name, value in self.headers):
            fields.append((b"connection", b"close"))
        head = [b"%s %s HTTP/1.1" % (method, self.url), *(b"%s: %s" % field for field in fields), b"\r\n"]
        self._given = b"\r\n".join(head) + self._fed[met.args[0] :]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        is_plain = cycle.keep_alive and not cycle.waiting_for_100_continue and not self.pipeline
        refused = self.refused_at_once(cycle.scope) if is_plain else None
        if refused is not None:
            self.transport.write(refused)
            cycle.response_started = cycle.response_complete = True
            cycle.on_response()
            return
        self._out = cycle.transport = _OneWrite(cycle, self.end, self._is_last)  # type: ignore[assignment]
        self._task = task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def shutdown(self) -> None:
        """End it after what has been asked; for one that asks nothing, see `end_if_silent`."""
        self._is_ending = True

    def wind_up(self, now: float, *, ends: float, cut_off: float) -> None:
        """At the server's end: close it where it is silent or slow; from `ends` on whatever it is about."""
        if now > cut_off:
            self.transport.abort()
        elif now <= ends:
            self.look(now)
            self.end_if_silent(now)
        elif self._state == "idle":
            self.transport.close()
        elif self._state != "lingers":
            self.refuse(503, "stopping", "The server ends before this is answered: ask again.", retry=True)

    def timeout_keep_alive_handler(self) -> None:
        """Of uvicorn's: nothing was asked for as long as a connection is kept."""
        self._end_if_nothing_came()

    def end_if_silent(self, now: float) -> None:
        """End it where nothing has been asked for a while, though there was time to.

        Whoever has just connected, or been answered, may be about to ask: closing at once would cut that off.
        """
        if now - self._since > SILENT_S:
            self._end_if_nothing_came()

    def look(self, now: float) -> None:
        """End it where it takes too long."""
        waits = now - self._since
        unread = self.transport.get_write_buffer_size()
        if unread and unread == self._written and waits > self.limits.body_s:
            self.transport.abort()  # the client does not read
        elif self._state == "headers" and waits > self.limits.header_s:
            self.refuse(408, "slow", f"Headers must be here within {self.limits.header_s:g} s.")
        elif self._state == "idle" and waits > self.limits.idle_s:
            self._end_if_nothing_came()
        elif self._state == "lingers" and waits > _LINGER_S:
            self.transport.abort()
        elif self._state == "body" and waits > self.limits.body_s:
            self.refuse(408, "slow", f"The body must be here within {self.limits.body_s:g} s.")
        self._written = unread

    def refuse(self, status: int, code: str, message: str, *, retry: bool = False) -> None:
        """Say why, where nothing else was said yet, and end the connection."""
        if self.transport.is_closing():
            return
        if self._state not in {"body", "answer"} or not self.cycle.response_started:
            body = json.dumps({"error": message, "code": code}).encode()
            self.transport.write(
                STATUS_LINE[status]
                + b"content-type: application/json\r\nconnection: close\r\n"
                + (b"retry-after: 1\r\n" if retry else b"")
                + b"content-length: %d\r\n\r\n" % len(body)
                + body
            )
        self.end()

    def end(self) -> None:
        """Close; where a body is still on its way, only after it has come: else that would reset the answer."""
        if self._is_whole or not self.transport.can_write_eof():
            self.transport.close()
        elif self._state != "lingers":
            self.pipeline.clear()
            self.transport.write_eof()
            self._n_bytes = 0
            self._enter("lingers")

    def _end_if_nothing_came(self) -> None:
        """Close it unless it is asked; what a client has sent may lie unread in the system, and would be reset."""
        if self._state in {"idle", "headers"} and not self._has_unread():
            self.transport.close()

    def _has_unread(self) -> bool:
        """Whether something of the client's lies in the system."""
        waiting = select.poll()
        waiting.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(waiting.poll(0))

    def _is_last(self) -> bool:
        """Whether the answer that begins now is the last one: the server ends, and nothing was asked behind it."""
        return (self._is_ending or self.is_draining()) and not self.pipeline and not self._has_unread()

    def _end_an_idle_one(self) -> bool:
        """Whether one that is kept for a client who asks nothing could be ended: the one idle for longest."""
        idle = [one for one in self.connections if isinstance(one, Connection) and one._state == "idle"]  # noqa: SLF001
        for one in sorted(idle, key=lambda one: one._since):  # noqa: SLF001 - of the same class
            one._end_if_nothing_came()  # noqa: SLF001
            if one.transport.is_closing():
                return True
        return False

    def _take_host(self) -> None:
        """An address in the request line stands for what Host says (RFC 9112, 3.2.2)."""
        found = httptools.parse_url(self.url)
        name = found.host or b""
        host = (b"[%s]" % name if b":" in name else name) + (b":%d" % found.port if found.port else b"")
        self.headers[:] = [(field, host if field == b"host" else value) for field, value in self.headers]

    def _refuse_headers(self) -> None:
        limits = self.limits
        most = f"{limits.header_bytes:,} bytes and {limits.header_fields} fields"
        self.refuse(431, "headers", f"Headers must have at most {most}.")

    def _count(self, n_bytes: int) -> None:
        self._n_header_bytes += n_bytes
        limits = self.limits
        if self._n_header_bytes > limits.header_bytes or len(self.headers) > limits.header_fields:
            self._is_too_large = True
            raise ValueError(self._n_header_bytes)  # httptools ends its work, and `send_400_response` tells

    def _enter(self, state: str) -> None:
        self._state, self._since = state, time.monotonic()


@final
class _OneWrite:
    """A transport that keeps a response's head until its body comes: each write wakes the client up.

    `is_last` tells whether the connection ends with it, which the head then says.
    """

    def __init__(self, cycle: RequestResponseCycle, end: Callable[[], None], is_last: Callable[[], bool]) -> None:
        self._cycle, self._transport, self._end, self._is_last = cycle, cycle.transport, end, is_last
        self._held = b""
        self._has_begun = False

    def write(self, data: bytes) -> None:
        """Keep the head, or write."""
        if self._cycle.response_started and not self._has_begun:
            if self._cycle.keep_alive and self._is_last():
                self._cycle.keep_alive, data = False, data[:-2] + b"connection: close\r\n\r\n"
            self._has_begun, self._held = True, data
        else:
            self._transport.write(self._held + data)
            self._held = b""

    def flush(self) -> None:
        """Write what is kept: a response without a body."""
        if self._held:
            self.write(b"")

    def close(self) -> None:
        """End the connection."""
        self.flush()
        self._end()

    def is_closing(self) -> bool:
        """Whether it is about to end."""
        return self._transport.is_closing()


def connections_with(
    limits: Limits,
    *,
    refused_at_once: Callable[[Any], bytes | None] = lambda _: None,
    is_draining: Callable[[], bool] = lambda: False,
) -> type[Connection]:
    """The class that uvicorn is to make connections of.

    Parameters
    ----------
    refused_at_once : callable
        Told the scope of a request whose headers have come: a whole response, or None to have it answered.
    is_draining : callable
        Whether the server is about to end: a connection's last answer then says so.
    """
    members = {
        "limits": limits,
        "most": most_connections(limits),
        "refused_at_once": staticmethod(refused_at_once),
        "is_draining": staticmethod(is_draining),
    }
    return final(type("LimitedConnection", (Connection,), members))
