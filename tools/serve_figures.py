"""Figures of `frostline serve`, each by a word: goodput, cost, flood, alone, routing, signals, changes, slow, long.

    python tools/serve_figures.py MODEL FILE goodput flood --seconds 20

MODEL is a saved classifier, FILE has texts in its first column. C is what this machine reads offline with the same
encoder, on the same cores, measured before and after. The generator of load is this process; its CPU time is told,
because it is taken from the same cores.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ADMIN = "the-key-of-the-admin"
MOST_CONNECTIONS = 400


@dataclass
class Server:
    """A server that answers."""

    process: asyncio.subprocess.Process
    host: str
    port: int

    def memory_mb(self) -> float:
        """Resident memory of both its processes."""
        pids = [self.process.pid, *self.children()]
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) for pid in pids)
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_s(self) -> list[float]:
        """Processor seconds so far: of who speaks HTTP, and of who reads."""
        stats = list[list[str]]()
        with contextlib.suppress(OSError):  # it has ended
            for pid in (self.process.pid, *self.children()):
                stats.append(Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split())
        return [(int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") for stat in stats]

    def children(self) -> list[int]:
        """The process that reads."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]


@contextlib.asynccontextmanager
async def serving(model: Path, *options: str) -> AsyncIterator[Server]:
    """`frostline serve` on a free port, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "frostline", "serve", f"model={model}", "--port", "0", *options,
        stderr=subprocess.PIPE, env={**os.environ, "FROSTLINE_ADMIN_KEY": ADMIN},
    )  # fmt: skip
    assert process.stderr is not None  # noqa: S101 - it was asked for
    async for line in process.stderr:
        if found := re.search(rb"http://([\d.]+):(\d+) ", line):
            break
    else:
        raise SystemExit("The server did not start.")
    drained = asyncio.create_task(process.stderr.read())
    try:
        yield Server(process, found[1].decode(), int(found[2]))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()
        drained.cancel()


class Line:
    """A connection that asks, one request at a time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_used = False  # Whether the connection has answered before
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body; the connection is opened anew where it was closed."""
        if self.writer is None or self.reader is None:
            self.reader, self.writer = await asyncio.open_connection(self.server.host, self.server.port)
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        size = re.search(rb"\ncontent-length: (\d+)", head)
        body = await self.reader.readexactly(int(size[1])) if size else b""
        self.is_used = True
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        """Go away."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None
        self.is_used = False


def posted(document: Any, path: str = "/v1/classify") -> bytes:
    """A request as it goes over the wire."""
    body = json.dumps(document).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {ADMIN}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True)
class Spent:
    """Processor seconds: of the generator, of who speaks HTTP, and of who reads."""

    generator_s: float
    door_s: float
    reader_s: float

    @classmethod
    def so_far(cls, server: Server) -> "Spent":
        """Until now."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        door, *readers = server.cpu_s() or [0.0]
        return cls(own.ru_utime + own.ru_stime, door, sum(readers))

    def since(self, before: "Spent") -> "Spent":
        """What was spent after `before`."""
        return Spent(
            self.generator_s - before.generator_s, self.door_s - before.door_s, self.reader_s - before.reader_s
        )


@dataclass
class Outcome:
    """What an offered load came to."""

    told: Counter[object] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)  # seconds
    refused: list[float] = field(default_factory=list)
    n_texts: int = 0
    seconds: float = 0.0
    spent: "Spent | None" = None

    def at(self, share: float) -> float:
        """Seconds within which that share of the answered were."""
        return sorted(self.answered)[int(share * (len(self.answered) - 1))]

    def line(self, capacity: float) -> str:
        """For people."""
        rate, spent = self.n_texts / self.seconds, self.spent or Spent(0.0, 0.0, 0.0)

        def at(values: list[float], share: float) -> str:
            return f"{1000 * sorted(values)[int(share * (len(values) - 1))]:,.0f} ms" if values else "-"

        return (
            f"{rate:,.0f} texts/s = {rate / capacity:.2f} C; answers p50 {at(self.answered, 0.5)}, p99 "
            f"{at(self.answered, 0.99)}; refusals p99 {at(self.refused, 0.99)}; {dict(self.told)}; generator "
            f"{spent.generator_s / self.seconds:.2f} of a core; processor time: door "
            f"{1000 * spent.door_s / max(1, self.told.total()):.2f} ms a request, reader "
            f"{1000 * spent.reader_s / max(1, self.n_texts):.2f} ms a text answered"
        )


async def offered(server: Server, texts: Sequence[str], *, rate: float, each: int, seconds: float) -> Outcome:
    """An open loop: requests at their times, whatever became of those before."""
    outcome, free, coming = Outcome(), list[Line](), itertools.cycle(texts)
    n_lines, kept = 0, set[asyncio.Task[None]]()
    spent, begun = Spent.so_far(server), time.monotonic()

    async def one(line: Line, request: bytes) -> None:
        started = time.monotonic()
        try:
            status, _ = await line.ask(request)
        except (OSError, asyncio.IncompleteReadError) as error:
            outcome.told[f"{type(error).__name__}{' of an idle connection' * line.is_used}"] += 1
            line.close()
        else:
            outcome.told[status] += 1
            took = time.monotonic() - started
            (outcome.answered if status == 200 else outcome.refused).append(took)
            outcome.n_texts += each * (status == 200)
        free.append(line)

    for number in range(int(rate * seconds / each)):
        wait = begun + number * each / rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        elif number % 50 == 0:
            await asyncio.sleep(0)
        if not free and n_lines == MOST_CONNECTIONS:
            outcome.told["not sent: no free connection"] += 1
            continue
        n_lines += not free
        line = free.pop() if free else Line(server)
        request = posted({"texts": list(itertools.islice(coming, each))} if each > 1 else {"text": next(coming)})
        task = asyncio.create_task(one(line, request))
        kept.add(task)
        task.add_done_callback(kept.discard)
    if kept:
        await asyncio.wait(kept)
    outcome.seconds = time.monotonic() - begun
    outcome.spent = Spent.so_far(server).since(spent)
    for line in free:
        line.close()
    return outcome


def offline(model: Path, texts: Sequence[str], *, clock: str = "perf_counter") -> float:
    """C: texts a second of the same classifier in a process of its own, as many threads as cores, read once warm.

    With the clock `process_time` it is texts a second of one core's time, whatever else the machine does.
    """
    code = (
        "import sys, time, json; from pathlib import Path; from frostline.artifact.model import open_model\n"
        "texts = json.load(sys.stdin); model = open_model(Path(sys.argv[1])); model.answer(texts[:64])\n"
        f"begun = time.{clock}(); model.answer(texts); print(len(texts) / (time.{clock}() - begun))"
    )
    command = [sys.executable, "-c", code, str(model)]
    told = subprocess.run(  # noqa: S603 - our own interpreter
        command, input=json.dumps(list(texts)), capture_output=True, text=True, check=True
    )
    return float(told.stdout)


async def goodput(model: Path, texts: Sequence[str], seconds: float) -> None:
    """At an offered load of 1 x C, with one text a request and with 16."""
    before = offline(model, texts)
    async with serving(model) as server:
        await offered(server, texts, rate=before / 2, each=1, seconds=2)
        found = [(each, await offered(server, texts, rate=before, each=each, seconds=seconds)) for each in (1, 16)]
    after = offline(model, texts)
    capacity = (before + after) / 2
    print(f"C = {before:,.0f} before, {after:,.0f} after ({len(texts):,} texts)")
    for each, outcome in found:
        print(f"offered {before / capacity:.2f} C, {each} a request: {outcome.line(capacity)}")


async def cost(model: Path, texts: Sequence[str], seconds: float) -> None:
    """Processor time of a text, with so many requests in flight and never more: which a busy machine changes little."""
    alone_ms = 1000 / offline(model, texts, clock="process_time")
    print(f"cost, processor time a text: {alone_ms:.2f} ms offline")
    async with serving(model, "--limit", "queue_s=60") as server:
        for in_flight, each in ((1, 1), (16, 1), (64, 1), (256, 1), (4, 16), (16, 16)):
            coming, until, told = itertools.cycle(texts), time.monotonic() + seconds, Counter[int]()

            async def client(
                each: int = each, coming: Iterator[str] = coming, until: float = until, told: Counter[int] = told
            ) -> None:
                line = Line(server)
                while time.monotonic() < until:
                    given = list(itertools.islice(coming, each))
                    status, _ = await line.ask(posted({"texts": given}))
                    told[status] += 1
                line.close()

            before = Spent.so_far(server)
            await asyncio.gather(*(client() for _ in range(in_flight)))
            spent, n_texts = Spent.so_far(server).since(before), each * told[200]
            parts = [1000 * one / max(1, n_texts) for one in (spent.reader_s, spent.door_s, spent.generator_s)]
            print(
                f"{in_flight} in flight, {each} a request: reader {parts[0]:.2f}, door {parts[1]:.2f}, generator "
                f"{parts[2]:.2f} ms; so at most {alone_ms / sum(parts):.2f} C, {alone_ms / (parts[0] + parts[1]):.2f} "
                f"without the generator; {n_texts:,} texts, {dict(told)}"
            )


async def flood(model: Path, texts: Sequence[str], seconds: float) -> None:
    """At 10 x C; memory before and after, and one request two seconds later."""
    capacity = offline(model, texts)
    async with serving(model) as server:
        await offered(server, texts, rate=capacity / 2, each=16, seconds=2)
        for each in (1, 16):
            memory = server.memory_mb()
            outcome = await offered(server, texts, rate=10 * capacity, each=each, seconds=seconds)
            grown = server.memory_mb() - memory
            await asyncio.sleep(2)
            normal = await offered(server, texts, rate=capacity / 4, each=1, seconds=1)
            print(f"10 C, {each} a request: {outcome.line(capacity)}; {grown:+.1f} MB; 2 s later {dict(normal.told)}")


async def alone(model: Path, texts: Sequence[str], seconds: float) -> None:
    """One request at a time, beside the bare call of the model, in turn; by a bare socket, then asyncio's."""
    del seconds
    from frostline.artifact.model import open_model  # noqa: PLC0415 - heavy

    opened = open_model(model, threads=1)
    async with serving(model) as server:
        line = Line(server)
        with socket.create_connection((server.host, server.port)) as plain:

            async def by_socket(request: bytes) -> bool:
                plain.sendall(request)
                answer = plain.recv(1 << 16)
                return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"}")

            async def by_streams(request: bytes) -> bool:
                return (await line.ask(request))[0] == 200

            for client, ask in (("a bare socket", by_socket), ("asyncio's streams", by_streams)):
                bare, served = list[float](), list[float]()
                for text in [*texts[:20], *texts[:500]]:
                    request, begun = posted({"text": text}), time.perf_counter()
                    opened.answer([text])
                    bare.append(time.perf_counter() - begun)
                    begun = time.perf_counter()
                    if not await ask(request):
                        raise SystemExit("An answer must be whole, and of status 200.")
                    served.append(time.perf_counter() - begun)
                one, other = (1000 * statistics.median(times[20:]) for times in (bare, served))
                n = len(bare) - 20
                print(f"alone, {client}, n = {n}: bare p50 {one:.2f} ms, served {other:.2f} ms: {other - one:+.2f} ms")


BINARY = 5  # the wire whose scores are float32


def spoken(texts: Sequence[str], wire: int) -> tuple[bytes, Callable[[Any], list[list[float]]]]:
    """A request on one of the wires, and how its answer's scores are read of the document, or of bytes (`BINARY`)."""
    given = list(texts)
    if wire == BINARY:
        return in_binary(given), of_binary
    if wire == 0:
        return posted({"texts": given}), lambda said: [list(one["probabilities"].values()) for one in said["answers"]]
    if wire == 1:
        return posted({"inputs": given}, "/"), lambda said: [scores(one) for one in said]
    if wire == 2:
        return posted({"inputs": [[text] for text in given]}, "/predict"), lambda said: [scores(one) for one in said]
    if wire == 3:
        body = {"inputs": given, "params": {"probabilities": True}}
        return posted(body, "/invocations"), lambda said: [
            list(one["probabilities"].values()) for one in said["predictions"]
        ]
    one = {"name": "text", "datatype": "BYTES", "shape": [len(given)], "data": given}

    def of_v2(said: Any) -> list[list[float]]:
        flat, width = said["outputs"][1]["data"], said["outputs"][1]["shape"][1]
        return [flat[at : at + width] for at in range(0, len(flat), width)]

    return posted({"inputs": [one]}, "/v2/models/model/infer"), of_v2


def in_binary(texts: Sequence[str]) -> bytes:
    """A request of the Open Inference Protocol: texts and scores as binary tensors."""
    tensor = b"".join(struct.pack("<I", len(raw)) + raw for raw in map(str.encode, texts))
    one = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "parameters": {"binary_data_size": len(tensor)}}
    asked = json.dumps(
        {"inputs": [one], "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}]}
    ).encode()
    head = (
        f"POST /v2/models/model/infer HTTP/1.1\r\nhost: localhost\r\nx-api-key: {ADMIN}\r\n"
        f"inference-header-content-length: {len(asked)}\r\ncontent-length: {len(asked) + len(tensor)}\r\n\r\n"
    )
    return head.encode() + asked + tensor


def of_binary(body: bytes) -> list[list[float]]:
    """Its answer's scores."""
    said, end = json.JSONDecoder().raw_decode(body.decode("latin-1"))
    n, width = said["outputs"][0]["shape"]
    flat = struct.unpack(f"<{n * width}f", body[end:])
    return [list(flat[at : at + width]) for at in range(0, len(flat), width)]


def scores(ranked: list[dict[str, Any]]) -> list[float]:
    """In the order of the labels' names."""
    return [one["score"] for one in sorted(ranked, key=lambda one: one["label"])]


async def routing(model: Path, texts: Sequence[str], *, n_requests: int, minutes: float = 60) -> Counter[object]:
    """Texts whose scores nobody else's have, on all wires, 1 to 32 a request, 20 % of the clients leaving."""
    from frostline.artifact.model import open_model  # noqa: PLC0415 - heavy

    chance = random.Random(0)  # noqa: S311 - a load, no secret
    opened = open_model(model, threads=1)
    texts = [f"{text} {number}" for number, text in enumerate(texts[:400])]
    order = sorted(range(len(opened.head.labels)), key=lambda column: str(opened.head.labels[column]))
    expected = {text: [opened.answer([text]).probabilities[0].tolist()[column] for column in order] for text in texts}
    told: Counter[object] = Counter()
    told["different"] = len({tuple(shares) for shares in expected.values()})
    end = time.monotonic() + 60 * minutes
    left = itertools.takewhile(lambda _: time.monotonic() < end, range(n_requests))

    async def client(server: Server) -> None:
        line = Line(server)
        for _ in left:
            chosen = chance.choices(texts, k=chance.choice((1, 1, 1, 2, 4, 8, 32)))
            wire = chance.randrange(6)
            request, read = spoken(chosen, wire)
            asking = asyncio.create_task(line.ask(request))
            if chance.random() < 0.2:
                await asyncio.sleep(chance.random() * 0.02)
                asking.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
                    await asking
                line.close()
                told["cancelled"] += 1
                continue
            try:
                status, body = await asking
            except (OSError, asyncio.IncompleteReadError) as error:
                told[f"lost: {type(error).__name__}"] += 1
                line.close()
                continue
            told[status] += 1
            if status == 200:
                wanted = [expected[text] for text in chosen]
                if wire == BINARY:
                    wanted = [list(struct.unpack(f"{len(one)}f", struct.pack(f"{len(one)}f", *one))) for one in wanted]
                right = wanted == read(body if wire == BINARY else json.loads(body))
                told["right" if right else "WRONG"] += 1
            else:
                await asyncio.sleep(0.05)
        line.close()

    async with serving(model) as server:
        await asyncio.gather(*(client(server) for _ in range(8)))
    return told


async def signals(model: Path, texts: Sequence[str], *, n_times: int, minutes: float = 60) -> Counter[object]:
    """SIGTERM under load: what was accepted is answered, exit 0 within 10 s."""
    told: Counter[object] = Counter()
    slowest, last = 0.0, time.monotonic() + 60 * minutes
    for _ in range(n_times):
        if time.monotonic() > last:
            break
        async with serving(model) as server:
            asking = asyncio.create_task(offered(server, texts, rate=200, each=1, seconds=1.5))
            await asyncio.sleep(0.5 + random.random() / 2)  # noqa: S311 - a load, no secret
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            told[f"exit {await server.process.wait()}"] += 1
            took = time.monotonic() - begun
            slowest = max(slowest, took)
            came = (await asking).told
            told.update(came)
            cut = sum(came[name] for name in ("ConnectionResetError", "IncompleteReadError"))
            if cut:
                told[f"{cut} cut off in an end of {took:.1f} s"] += 1
    told[f"slowest end {slowest:.1f} s"] += 1
    return told


async def changes(model: Path, texts: Sequence[str], *, n_times: int) -> Counter[object]:
    """New versions and back under load: nothing refused; each loading is done by the time it is told."""
    from dataclasses import replace  # noqa: PLC0415 - beside its use

    from frostline.artifact import save_artifact  # noqa: PLC0415 - heavy
    from frostline.artifact.model import open_model  # noqa: PLC0415 - heavy
    from frostline.head.linear import Rule  # noqa: PLC0415 - heavy

    opened = open_model(model)
    told: Counter[object] = Counter()
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept) / "model"
        shutil.copytree(model, folder)
        async with serving(folder) as server:
            line, is_over = Line(server), asyncio.Event()

            async def load() -> None:
                while not is_over.is_set():
                    told.update((await offered(server, texts, rate=20, each=1, seconds=2)).told)

            asking = asyncio.create_task(load())
            for number in range(n_times):
                head = replace(opened.head, rule=Rule(answer_from=0.5 + number / 1e6))
                await asyncio.to_thread(save_artifact, folder, head=head, encoder=opened.encoder, overwrite=True)
                status, body = await line.ask(posted({}, "/v1/models/model/load"))
                told[f"load {status}"] += 1
                if status != 200:
                    print(body.decode())
                told["new version"] += json.loads(body).get("version") == number + 2
                await asyncio.sleep(0.1)
            is_over.set()
            await asking
    return told


async def slow(
    model: Path, texts: Sequence[str], *, n_clients: int, rounds: int, seconds: float
) -> list[tuple[Outcome, Outcome]]:
    """Clients who send headers or a body, or read a page, a byte a second, beside healthy ones, and without."""

    async def crawl(server: Server, kind: int) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as line, contextlib.suppress(OSError):
            line.setblocking(False)
            if kind == 2:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            await loop.sock_connect(line, (server.host, server.port))
            page = (
                b"GET /v1/models/model/report HTTP/1.1\r\nhost: localhost\r\nx-api-key: " + ADMIN.encode() + b"\r\n\r\n"
            )
            request = page if kind == 2 else posted({"texts": list(texts[:32])})
            sent = (0, request.index(b"\r\n\r\n") + 4, len(request))[kind]
            await loop.sock_sendall(line, request[:sent])
            for place in range(sent, sent + 3600):
                await asyncio.sleep(1)
                if kind == 2:
                    if not await loop.sock_recv(line, 1):
                        return
                else:
                    await loop.sock_sendall(line, request[place : place + 1])

    async def crawling(server: Server, kind: int) -> None:
        while True:  # whoever is cut off comes back
            await crawl(server, kind)
            await asyncio.sleep(0.2)

    found = []
    async with serving(model) as server:
        await offered(server, texts, rate=50, each=1, seconds=1)
        for _ in range(rounds):
            without = await offered(server, texts, rate=50, each=1, seconds=seconds)
            crowd = [asyncio.create_task(crawling(server, number % 3)) for number in range(n_clients)]
            await asyncio.sleep(2)
            beside = await offered(server, texts, rate=50, each=1, seconds=seconds)
            for one in crowd:
                one.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)
            await asyncio.sleep(1)
            found.append((without, beside))
    return found


async def long(
    model: Path, texts: Sequence[str], *, text: str, rounds: int, seconds: float
) -> list[tuple[Outcome, Outcome, Counter[int]]]:
    """Healthy clients without and beside one that sends 32 texts of the greatest length in one go, all the time."""
    found = []
    async with serving(model) as server:
        await offered(server, texts, rate=50, each=1, seconds=1)
        for _ in range(rounds):
            without = await offered(server, texts, rate=50, each=1, seconds=seconds)
            told: Counter[int] = Counter()

            async def send(told: Counter[int] = told) -> None:
                line = Line(server)
                try:
                    while True:
                        status, _ = await line.ask(posted({"texts": [text] * 32}))
                        told[status] += 1
                finally:
                    line.close()  # else the last one is read while nothing else should be

            sending = asyncio.create_task(send())
            beside = await offered(server, texts, rate=50, each=1, seconds=seconds)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            found.append((without, beside, told))
    return found


async def tell(word: str, model: Path, texts: Sequence[str], arguments: argparse.Namespace) -> None:
    """One of the figures."""
    timed: dict[str, Callable[[Path, Sequence[str], float], Coroutine[Any, Any, None]]] = {
        "goodput": goodput,
        "cost": cost,
        "flood": flood,
        "alone": alone,
    }
    if word in timed:
        await timed[word](model, texts, arguments.seconds)
    elif word == "routing":
        told = await routing(model, texts, n_requests=arguments.n or 100_000, minutes=arguments.minutes)
        print(f"routing: {dict(told)}")
    elif word == "signals":
        print(f"signals: {dict(await signals(model, texts, n_times=arguments.n or 200, minutes=arguments.minutes))}")
    elif word == "changes":
        print(f"changes: {dict(await changes(model, texts, n_times=arguments.n or 50))}")
    elif word == "long":
        for text in ("film " * 11_000, "x" * 60_000):  # one that can be cut, one that cannot
            for without, beside, statuses in await long(model, texts, text=text, rounds=3, seconds=arguments.seconds):
                print(f"long {text[:6]}: {dict(statuses)}\n  without {without.line(50)}\n  beside {beside.line(50)}")
    elif word == "slow":
        n_clients, grown = arguments.n or 500, list[float]()
        for without, beside in await slow(model, texts, n_clients=n_clients, rounds=3, seconds=arguments.seconds):
            grown.append(beside.at(0.99) / without.at(0.99) - 1)
            print(f"slow: without {without.line(50)}\n      beside {beside.line(50)}")
        print(f"{n_clients} slow clients: healthy p99 {', '.join(f'{share:+.0%}' for share in grown)}")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("words", nargs="+", metavar="FIGURE")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument(
        "--minutes", type=float, default=60, help="after which routing and signals end, however many are done"
    )
    parser.add_argument("--n", type=int, help="requests, signals, changes or clients")
    arguments = parser.parse_args()
    texts = [line.split("\t")[0] for line in arguments.file.read_text("utf-8").splitlines() if line.strip()][:4000]
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    for word in arguments.words:
        asyncio.run(tell(word, arguments.model, texts, arguments))


if __name__ == "__main__":
    main()
