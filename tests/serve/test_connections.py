"""What comes over a socket: slow, too much, doubtful, cut off."""

import asyncio
import errno
import json
import select
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from frostline.serve.connections import SILENT_S, Connection, connections_with
from frostline.serve.options import Limits
from frostline.serve.running import TellOfFiles, _Server
from serve_processes import Running, ready_within, serving, within

BODY = json.dumps({"text": "a joy"}).encode()
HEAD = b"POST /v1/classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture(scope="module")
def strict(model: Path) -> Iterator[Running]:
    """A server whose limits are short."""
    told = [f"--limit={one}" for one in ("header_s=1", "body_s=1", "idle_s=1", "connections=8", "body_bytes=100000")]
    with serving(model, *told) as running:
        yield running


def connected(server: Running) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def heard(line: socket.socket) -> bytes:
    """All that comes until the other side closes, or falls silent."""
    parts = b""
    try:
        while part := line.recv(1 << 16):
            parts += part
    except OSError:
        pass
    return parts


def said(server: Running, sent: bytes) -> tuple[int, bytes]:
    """The first status, and all that came until the server closes the connection."""
    with connected(server) as line:
        line.sendall(sent)
        everything = heard(line)
    return int(everything[9:12] or 0), everything


def closing(asked: bytes) -> bytes:
    """A request after whose answer the connection is closed."""
    return asked.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)


def healthy(server: Running) -> bool:
    """Where what a client sends must be there within a second, a busy machine may need several tries."""
    return within(60, lambda: said(server, closing(WHOLE))[0] == 200)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"content-length: 2000001\r\n\r\n", 413),
        (HEAD + b"content-length: 99999999999999999999\r\n\r\n", 400),
        (HEAD + b"content-length: -1\r\n\r\n", 400),
        (HEAD + b"content-length: 3\r\ncontent-length: 4\r\n\r\n", 400),
        (HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n-1\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nhost: localhost\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (HEAD + b"x: " + b"y" * 17_000 + b"\r\n\r\n", 431),
        (HEAD + b"x: y\r\n" * 101 + b"\r\n", 431),
        (b"GET /" + b"x" * 17_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n", 431),
    ],
)
def test_doubt_ends_the_connection(server: Running, sent: bytes, status: int) -> None:
    """F52, F55: a status, a body that says why, and nothing more is read."""
    first, everything = said(server, sent)
    assert first == status, everything[:300]
    assert b"connection: close" in everything.lower()
    assert json.loads(everything.partition(b"\r\n\r\n")[2])["error"]


def test_what_is_odd_and_right_is_answered(server: Running) -> None:
    """HTTP/1.0, two requests in one packet, a body in chunks of one byte, an upgrade that nobody knows."""
    old = b"GET /healthz HTTP/1.0\r\n\r\n"
    assert said(server, old)[0] == 200
    _, both = said(server, WHOLE + closing(WHOLE))
    assert both.count(b"HTTP/1.1 200") == 2
    assert both.count(b'"label"') == 2
    bytewise = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    assert said(server, HEAD + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n" + bytewise)[0] == 200
    upgrade = b"connection: upgrade, close\r\nupgrade: websocket\r\n"
    assert said(server, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + upgrade + b"\r\n")[0] in {200, 400}


def test_an_endless_body_ends_at_its_limit(strict: Running) -> None:
    """Also one in chunks, whose length nobody told."""
    piece = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    with connected(strict) as line:
        line.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        with pytest.raises(OSError):  # noqa: PT011, PT012 - the other side closes, sooner or later
            for _ in range(10_000):
                line.sendall(piece)
                time.sleep(0.001)
        answer = heard(line)
    assert answer[9:12] in {b"413", b""}  # what it said may be lost with the reset
    assert healthy(strict)


@pytest.mark.parametrize("start", [HEAD[:20], HEAD + b"content-length: 30\r\n\r\n{", b""])
def test_slow_ones_are_told_so_at_their_limit(strict: Running, start: bytes) -> None:
    """F51: headers, bodies, and who says nothing."""
    begun = time.monotonic()
    with connected(strict) as line:
        line.sendall(start)
        answer = heard(line)
        took = time.monotonic() - begun
    assert answer.startswith(b"HTTP/1.1 408")
    assert took > 0.9


def test_an_idle_connection_is_closed(strict: Running) -> None:
    begun = time.monotonic()
    with connected(strict) as line:
        line.sendall(WHOLE)
        answer = heard(line)
        took = time.monotonic() - begun
    assert answer.startswith(b"HTTP/1.1 200")
    assert took > 0.9


def test_too_many_connections_are_told_and_later_ones_are_taken(strict: Running) -> None:

    def one_too_many() -> bool:
        """The others are sent away after a second, which a busy machine may need for this."""
        lines = [connected(strict) for _ in range(8)]
        first, everything = said(strict, closing(WHOLE))
        for line in lines:
            line.close()
        return (first, b"retry-after: 1" in everything) == (503, True)

    assert within(60, one_too_many)
    assert ready_within(strict, 60)
    assert healthy(strict)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"content-length: 3000000\r\n\r\n" + b" " * 3_000_000, 413),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n2dc6c0\r\n" + b" " * 3_000_000 + b"\r\n0\r\n\r\n", 413),
        (HEAD + b"x: " + b"y" * 3_000_000 + b"\r\n\r\n", 431),
    ],
)
def test_who_sends_it_all_before_reading_hears_why_it_is_refused(server: Running, sent: bytes, status: int) -> None:
    """What is on its way is thrown away for a while: closing at once would reset the answer."""
    first, everything = said(server, sent)
    assert (first, json.loads(everything.partition(b"\r\n\r\n")[2])["error"][-1]) == (status, ".")


def test_heads_are_answered_without_a_body(server: Running) -> None:
    """As balancers of load ask; the connection goes on."""
    asked = b"".join(
        b"HEAD %s HTTP/1.1\r\nhost: localhost\r\n\r\n" % path for path in (b"/", b"/readyz", b"/v1/models")
    )
    first, everything = said(server, asked + closing(WHOLE))
    assert (first, everything.count(b"HTTP/1.1 200")) == (200, 4)
    assert everything.count(b'"label"') == 1
    assert said(server, closing(b"HEAD /v1/classify HTTP/1.1\r\nhost: localhost\r\n\r\n"))[0] == 405


@pytest.mark.parametrize(
    ("more", "status"),
    [(b"host: localhost\r\n", 400), (b"transfer-encoding: gzip, chunked\r\n", 415)],
)
def test_headers_that_say_two_things_are_refused(server: Running, more: bytes, status: int) -> None:
    body = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n" if b"chunked" in more else BODY
    length = b"" if b"chunked" in more else b"content-length: %d\r\n" % len(BODY)
    assert said(server, closing(HEAD + more + length + b"\r\n") + body)[0] == status


def test_who_announces_much_and_sends_nothing_keeps_nobody_out(server: Running) -> None:
    """Work is counted once it has come."""
    lines = [connected(server) for _ in range(40)]
    for line in lines:
        line.sendall(HEAD + b"content-length: 1900000\r\n\r\n{")
    time.sleep(0.2)
    assert healthy(server)
    for line in lines:
        line.close()


class Wire(asyncio.Transport):
    """The server's end of a connection, without a network."""

    def __init__(self, end: socket.socket | None = None) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2), "socket": end})
        self.writes: list[bytes] = []
        self.is_closed = self.is_half_closed = self.is_aborted = self.is_paused = False

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: "bytes | bytearray | memoryview[int]") -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_half_closed = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0


async def plain(_: object, __: object, send: Callable[[dict[str, object]], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def made_of(kind: type[Connection], line: Wire, app: Any = plain, *, state: ServerState | None = None) -> Connection:
    """A connection that has just been made."""
    config = uvicorn.Config(app, http=kind, lifespan="off", log_config=None)
    config.load()
    loop = asyncio.get_running_loop()
    made = kind(config=config, server_state=state or ServerState(), app_state={}, _loop=loop)
    made.connection_made(line)
    return made


ASKED = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def ending(*, asks_before: bool, asks_then: bool) -> Wire:
    """A connection that asks or not before it is told to end, and after that."""
    client, server = socket.socketpair()
    line = Wire(server)
    made = made_of(connections_with(Limits()), line)
    if asks_before:
        made.data_received(ASKED)
        await asyncio.gather(*made.tasks)
    heard_of = time.monotonic()
    made.shutdown()
    made.end_if_silent(heard_of + SILENT_S - 0.1)
    assert not line.is_closed, "it may be about to ask"
    if asks_then:
        client.send(ASKED)
        made.end_if_silent(heard_of + SILENT_S + 5)
        made.timeout_keep_alive_handler()
        made.look(heard_of + 9)
        assert not line.is_closed, "what it asks lies unread in the system"
        made.data_received(server.recv(99))
        made.end_if_silent(heard_of + SILENT_S + 5)
        assert not line.is_closed, "it is being answered"
        await asyncio.gather(*made.tasks)
    else:
        made.end_if_silent(time.monotonic() + SILENT_S + 0.1)
    client.close()
    server.close()
    return line


@pytest.mark.parametrize("asks_then", [True, False], ids=["asks", "silent"])
@pytest.mark.parametrize("asks_before", [True, False], ids=["used", "fresh"])
def test_who_asks_just_as_the_server_ends_is_answered(*, asks_before: bool, asks_then: bool) -> None:
    """And told that it was the last answer; a connection on which nothing comes is closed after a while."""
    line = asyncio.run(ending(asks_before=asks_before, asks_then=asks_then))
    assert line.written.count(b"200 OK") == asks_before + asks_then
    assert line.written.count(b"connection: close") == asks_then
    assert line.is_closed


async def flooded() -> tuple[Wire, int]:
    """A connection that is refused at once, twice with large bodies in pieces, and then answered."""
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await plain(scope, receive, send)

    def refused(scope: Any) -> bytes | None:
        return b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n" if scope["path"] == "/full" else None

    protocol, line = connections_with(Limits(header_bytes=2000), refused_at_once=refused), Wire()
    made = made_of(protocol, line, app)
    for _ in range(2):
        made.data_received(b"POST /full HTTP/1.1\r\nhost: a\r\ncontent-length: 9000\r\n\r\n")
        for _ in range(9):
            made.data_received(b"x" * 1000)
    made.data_received(b"POST /full HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\nexpect: 100-continue\r\n\r\n")
    await asyncio.gather(*made.tasks)
    await asyncio.sleep(0)
    return line, len(asked)


def test_a_flood_is_refused_at_its_headers_and_the_connection_goes_on() -> None:
    """What comes of a refused body is read past; who waits to be told to send it goes through the door."""
    line, n_asked = asyncio.run(flooded())
    assert (line.written.count(b"503 Service"), n_asked) == (2, 1)
    assert line.written.count(b"200 OK") == 1, line.written
    assert not line.is_closed


def test_a_response_is_one_write() -> None:
    """Its head waits for its body; one without a body is written too."""
    used = asyncio.run(ending(asks_before=True, asks_then=True))
    assert [write.count(b"\r\n\r\n") for write in used.writes] == [1] * len(used.writes)
    assert len(used.writes) == 2


async def pipelined(*, n_read: int) -> tuple[Wire, bool]:
    """A connection on which three requests were sent at once before the server ends; so many of them had been read."""
    client, server = socket.socketpair()
    line, may_answer, is_draining = Wire(server), asyncio.Event(), False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await may_answer.wait()
        await plain(scope, receive, send)

    made = made_of(connections_with(Limits(), is_draining=lambda: is_draining), line, app)
    made.data_received(ASKED * n_read)
    client.send(ASKED * (3 - n_read))
    is_draining = True
    may_answer.set()
    await asyncio.gather(*made.tasks)
    was_open = not line.is_closed
    if n_read < 3:
        made.shutdown()
        made.data_received(server.recv(999))
    while made.tasks:
        await asyncio.gather(*made.tasks)
    client.close()
    server.close()
    return line, was_open


@pytest.mark.parametrize("n_read", [1, 2, 3])
def test_whoever_asked_several_things_at_once_gets_all_answers_at_the_servers_end(n_read: int) -> None:
    """Whether they had been read by then or lay in the system; the last answer says that it is the last."""
    line, was_open = asyncio.run(pipelined(n_read=n_read))
    assert (line.written.count(b"200 OK"), line.written.count(b"connection: close")) == (3, 1)
    assert line.written.rpartition(b"200 OK")[2].count(b"connection: close") == 1
    assert (was_open, line.is_closed) == (n_read < 3, True)


async def winding_up(sent: bytes, app: Any = plain) -> list[tuple[bytes, bool, bool]]:
    """What is written, and whether it is closed or cut off: before time is up, then, a second time, after all."""
    client, server = socket.socketpair()
    line = Wire(server)
    made = made_of(connections_with(Limits()), line, app)
    made.data_received(sent)
    await asyncio.sleep(0)
    now, seen = time.monotonic(), []
    for at in (0.0, 0.2, 0.3, 0.6):
        made.wind_up(now + at, ends=now + 0.1, cut_off=now + 0.5)
        seen.append((line.written, line.is_closed, line.is_aborted))
    for task in made.tasks:
        task.cancel()
    client.close()
    server.close()
    return seen


def test_what_is_not_done_when_time_is_up_is_refused_and_then_cut_off() -> None:
    """F61: a body that never ends, headers that never do, an answer that is not there."""

    async def never(_: object, __: object, ___: object) -> None:
        await asyncio.sleep(600)

    unfinished = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{"
    for sent, app in ((unfinished, never), (ASKED, never), (ASKED[:9], plain)):
        before, then, again, after = asyncio.run(winding_up(sent, app))
        assert before == (b"", False, False)
        assert then[0].startswith(b"HTTP/1.1 503 ")
        assert json.loads(then[0].partition(b"\r\n\r\n")[2])["code"] == "stopping"
        assert again == then
        assert then[1] == (sent == ASKED), "an answer is not reset by what is still on its way"
        assert (after[0], after[1:]) == (then[0], (True, True))
    assert [(len(said) > 0, closed) for said, closed, _ in asyncio.run(winding_up(ASKED))] == [
        (True, False), (True, True), (True, True), (True, True)
    ]  # fmt: skip


async def crowded() -> tuple[list[bool], list[tuple[bool, bytes]]]:
    """Two more clients than there may be, where three are idle: the second for longest, the first for shortest."""
    ends = [socket.socketpair() for _ in range(5)]
    lines, state = [Wire(server) for _, server in ends], ServerState()
    kind = connections_with(Limits(connections=3))
    made = [made_of(kind, line, state=state) for line in lines[:3]]
    for place in (1, 2, 0):
        made[place].data_received(ASKED)
        await asyncio.gather(*made[place].tasks)
    ends[1][0].send(ASKED)  # it asks again, which nobody has read yet
    closed_first: list[bool] = []
    for line in lines[3:]:
        made.append(made_of(kind, line, state=state))
        closed_first = closed_first or [line.is_closed for line in lines[:3]]
        made[-1].data_received(ASKED[:9])
        for one in made:
            if one.transport.is_closing():
                state.connections.discard(one)
    seen = [(line.is_closed, line.written[9:12]) for line in lines]
    for one in made:
        one.connection_lost(None)
    for pair in ends:
        for end in pair:
            end.close()
    return closed_first, seen


def test_the_one_that_is_idle_for_longest_makes_room() -> None:
    """Not one that asks; who comes when all are busy is sent away."""
    closed_first, (first, asks, idle_longest, next_one, last) = asyncio.run(crowded())
    assert closed_first == [False, False, True]
    assert (asks, idle_longest, next_one) == ((False, b"200"), (True, b"200"), (False, b""))
    assert (first, last) == ((True, b"200"), (False, b""))


async def refused_when_all_ask() -> bytes:
    state, kind = ServerState(), connections_with(Limits(connections=1))
    made_of(kind, Wire(), state=state).data_received(ASKED[:9])
    line = Wire()
    made_of(kind, line, state=state)
    return line.written


def test_nobody_who_asks_makes_room() -> None:
    assert asyncio.run(refused_when_all_ask()).startswith(b"HTTP/1.1 503")


async def counted(now: float) -> list[bytes]:
    """Two requests with long headers each; and one that is refused in its body, after which more comes."""
    kind = connections_with(Limits(header_bytes=2_000))
    many, line = Wire(), Wire()
    made = made_of(kind, many)
    for _ in range(3):
        made.data_received(b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 1_200 + b"\r\n\r\n")
        await asyncio.gather(*made.tasks)
    made = made_of(kind, line)
    made.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9000000\r\n\r\n")
    made.refuse(413, "body", "Too much.")
    told = line.written
    for _ in range(4):
        made.data_received(b" " * 1_000_000)
    assert not line.is_closed
    made.look(now + 1.5)
    assert (line.is_closed, line.is_half_closed) == (False, True)
    before = line.is_aborted
    made.data_received(b" ")
    assert (before, line.is_aborted) == (False, True)
    slow = Wire()
    made = made_of(kind, slow)
    made.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9000000\r\n\r\n")
    made.refuse(413, "body", "Too much.")
    made.look(now + 2.1)
    assert slow.is_aborted
    return [many.written, told]


def test_headers_are_counted_for_each_request_and_what_is_thrown_away_has_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("frostline.serve.connections.time", SimpleNamespace(monotonic=lambda: 1000.0))
    many, told = asyncio.run(counted(1000.0))
    assert many.count(b"200 OK") == 3
    assert told.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("trailer", "status"), [(b"host: evil.example\r\n", 200), (b"x: " + b"y" * 17_000 + b"\r\n", 431)]
)
def test_what_stands_behind_a_body_is_no_header(server: Running, trailer: bytes, status: int) -> None:
    """It was read as if it stood before it: a second Host. It counts among them all the same."""
    body = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n" + trailer + b"\r\n"
    assert said(server, closing(HEAD + b"transfer-encoding: chunked\r\n\r\n") + body)[0] == status


@pytest.mark.slow
def test_few_files_are_no_crash(model: Path) -> None:
    """F63: `ulimit -n 64`: 503, and it recovers."""
    with serving(model, before="ulimit -n 64;") as running:
        lines = []
        for _ in range(80):
            try:
                lines.append(connected(running))
            except OSError:
                break
        time.sleep(0.3)
        for line in lines:
            line.close()
        assert ready_within(running, 60)
        assert healthy(running)
        told = "".join(running.words)
    assert told.count("no file is left") == 1, told
    assert "Traceback" not in told


def test_that_no_file_is_left_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """F63: asyncio tells of it for each connection that waits; of anything else as ever."""

    async def meet(*errors: OSError) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(TellOfFiles())
        for error in errors:
            loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": error})

    asyncio.run(meet(*[OSError(errno.EMFILE, "many"), OSError(errno.ENFILE, "more")] * 3, OSError(errno.EIO, "broken")))
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "ulimit -n" in caplog.records[0].message


def test_work_of_clients_who_left_is_not_done(server: Running) -> None:
    """F58: texts that wait are dropped, and the neighbours are answered."""

    def read() -> float:
        with server.client as client:
            lines = client.get("/metrics").text.splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith("frostline_batch_texts_sum")))

    long = json.dumps({"texts": ["word " * 400 + str(n) for n in range(32)]}).encode()
    before = read()
    lines = [connected(server) for _ in range(8)]
    for line in lines:
        line.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(long) + long)
    assert within(60, lambda: read() > before)
    for line in lines:
        line.close()
    assert healthy(server)  # who waits behind them all
    assert read() - before < 32 * 8 / 2


@pytest.mark.slow
def test_a_request_that_takes_longer_than_the_queue_may_is_answered(model: Path) -> None:
    """The deadline is for waiting behind others, not for a request's own texts (test_worker.py: without a clock)."""
    texts = [f"word {n} " * 300 for n in range(32)]
    with serving(model, "--limit", "hang_s=100") as running, running.client as client:
        for _ in range(20):
            response = client.post("/v1/classify", json={"texts": texts}, timeout=300)
            if response.status_code != 503:  # a busy machine may not even begin within a second
                break
    assert response.status_code == 200
    assert all(answer["cut"] for answer in response.json()["answers"])


def test_a_large_body_keeps_nobody_from_hearing_that_its_client_leaves() -> None:
    """Reading was paused as its last part came, and went on only with the next request."""

    async def asked() -> list[bool]:
        client, server = socket.socketpair()
        line, paused, was_told = Wire(server), list[bool](), asyncio.Event()

        async def app(_: object, receive: Any, __: object) -> None:
            while (await receive()).get("more_body", False):
                pass
            was_told.set()
            await asyncio.Event().wait()

        made = made_of(connections_with(Limits()), line, app)
        made.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n" + b"x" * 100_000)
        for _ in range(5):  # the application waits for more
            await asyncio.sleep(0)
        made.data_received(b"x" * 99_999)
        paused.append(line.is_paused)
        made.data_received(b"x")
        await asyncio.wait_for(was_told.wait(), 60)
        paused.append(line.is_paused)
        made.data_received(ASKED)  # behind it: now there is enough to do
        paused.append(line.is_paused)
        made.connection_lost(None)
        await asyncio.wait(list(made.tasks))
        client.close()
        server.close()
        return paused

    assert asyncio.run(asked()) == [True, False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="how many a system takes by itself is its own affair")
def test_as_the_server_closes_the_system_lets_in_but_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever it lets in then is cut off; whoever it does not is refused, and knows that nothing was taken."""
    came: list[int] = []

    async def closing(_: uvicorn.Server, sockets: list[socket.socket]) -> None:
        lines = [socket.socket() for _ in range(8)]
        for line in lines:
            line.setblocking(False)
            line.connect_ex(sockets[0].getsockname())
        came.append(len(select.select([], lines, [], 0.1)[1]))
        for line in lines:
            line.close()

    async def shut() -> None:
        config = uvicorn.Config(takes_nothing, http=connections_with(Limits()), lifespan="off", log_config=None)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            await _Server(config, drain_s=1).shutdown([listening])

    monkeypatch.setattr("uvicorn.Server.shutdown", closing)
    asyncio.run(shut())
    assert came == [1]


async def takes_nothing(*_: object) -> None:
    raise AssertionError


OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"


def offering(method: bytes = b"POST", fields: bytes = b"", body: bytes = BODY) -> bytes:
    """A request as Java's client sends its first one."""
    path, size = (b"/v1/classify", b"content-length: %d\r\n" % len(body)) if method == b"POST" else (b"/healthz", b"")
    head = b"%s %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" % (method, path)
    return head + size + fields + b"\r\n" + body


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (offering(fields=OFFER), [200]),
        (offering(fields=OFFER) + WHOLE + offering(fields=OFFER) + WHOLE, [200] * 4),
        (WHOLE + offering(fields=b"upgrade: h2c, websocket\r\nconnection: upgrade\r\n", body=b"{"), [200, 400]),
        (offering(b"GET", OFFER, b"") * 1_000, [200] * 1_000),  # no deeper for each
        (offering(fields=b"connection: upgrade, close\r\nupgrade: h2c\r\n") + WHOLE, [200]),
        (offering(fields=OFFER + b"transfer-encoding: chunked\r\n"), [400]),
        (b"CONNECT localhost:80 HTTP/1.1\r\nhost: localhost:80\r\n\r\n", [400]),
    ],
)
def test_an_offer_of_another_protocol_is_not_taken_and_the_body_is(
    server: Running, sent: bytes, statuses: list[int]
) -> None:
    assert statuses_of(server, [sent], n=len(statuses)) == statuses


def test_a_body_behind_an_offer_may_come_later(server: Running) -> None:
    whole = offering(fields=OFFER)
    head = whole.index(b"\r\n\r\n") + 4
    assert statuses_of(server, [whole[:40], whole[40:head], whole[head:-2], whole[-2:]], n=1) == [200]


def statuses_of(server: Running, parts: list[bytes], *, n: int) -> list[int]:
    """Of the first `n` answers, or those until the connection ends."""
    found: list[int] = []
    with connected(server) as line:
        line.settimeout(60)
        for part in parts:
            line.sendall(part)
            time.sleep(0.01)  # it is likelier then that each comes by itself
        came = line.makefile("rb")
        while len(found) < n and (first := came.readline()):
            found.append(int(first[9:12]))
            size = 0
            while (field := came.readline()) not in {b"\r\n", b""}:
                size = int(field[16:]) if field.lower().startswith(b"content-length:") else size
            came.read(size)
    return found
