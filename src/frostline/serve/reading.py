"""The server's side of the process that reads: ask it, watch it, replace it."""

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from frostline.errors import FrostlineError, InputError, MissingInputError, UnavailableError, UsageError
from frostline.machine import BLAS_THREAD_SETTINGS
from frostline.serve.frames import Frames, Message, packed
from frostline.serve.options import Limits
from frostline.serve.refusals import Refusal, overloaded

if TYPE_CHECKING:
    from array import array

WORKER = (sys.executable, "-m", "frostline.serve.worker")
_ASIDE_S = 120.0  # loading and explaining
_SOON_S = 5.0
_THREADS_HANG = 3  # times as long, where others go on answering


@final
@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one text."""

    favoured: list[int]  # Columns of the labels that it gets, or would get if the model were surer
    answered: bool
    cut: bool
    pieces: int
    probabilities: "array[float]"  # (n_labels,)


@final
@dataclass(frozen=True, slots=True)
class Fault:
    """Why one text has no answer, which is no fault of the others."""

    status: int
    message: str


class _Asked:
    """The texts of one request."""

    __slots__ = ("begun", "done", "left", "said")

    def __init__(self, n_texts: int, done: "asyncio.Future[None]", begun: float) -> None:
        self.left, self.done, self.begun = n_texts, done, begun
        self.said: list[Answer | Fault | None] = [None] * n_texts


@final
class Reading:
    """A process that reads, asked over a socket; one that ends or hangs is replaced.

    Parameters
    ----------
    threads : int
        That read.
    limits : Limits
    command : sequence of str
        How to start the process; a socket's number and the threads are appended.
    """

    def __init__(
        self,
        *,
        threads: int,
        limits: Limits,
        command: Sequence[str] = WORKER,
    ) -> None:
        self.is_up = False
        self.n_replaced = 0
        self._threads, self._limits, self._command = threads, limits, command
        self._tickets = itertools.count(1)
        self._pending: dict[int, tuple[_Asked, int]] = {}  # oldest first
        self._aside: dict[int, tuple[asyncio.Future[Message], float]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._started = self._heard = self._lived = 0.0
        self._loaded: set[str] = set()  # What the process knows, by key
        self._is_stopping = False
        self._revival: asyncio.Task[None] | None = None
        # Told of each batch: its texts, its word pieces, its seconds
        self.on_batch: Callable[[int, int, float], None] = lambda *_: None
        self.revive: Callable[[], Awaitable[None]] | None = None  # Loads again what a new process must know

    @property
    def pid(self) -> int | None:
        """Of the process that reads."""
        return None if self._process is None else self._process.pid

    @property
    def n_aside(self) -> int:
        """Longer things that are asked for and not done."""
        return len(self._aside)

    async def start(self) -> None:
        """Start the process; nothing is loaded yet."""
        ours, theirs = socket.socketpair()
        with theirs:
            environment = {**dict.fromkeys(BLAS_THREAD_SETTINGS, "1"), **os.environ}
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - a few ms, and our own interpreter
                [*self._command, str(theirs.fileno()), str(self._threads)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
            )
        self._started = self._lived = time.monotonic()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(lambda: _Line(self), ours)
        self._transport = transport
        self.is_up = True

    async def answers(self, key: str, texts: Sequence[str], *, queue_s: float) -> list[Answer | Fault]:
        """What the model `key` says of each text. A caller who is cancelled takes his texts out of the lists."""
        self._check(key)
        begun = time.monotonic()
        asked = _Asked(len(texts), asyncio.get_running_loop().create_future(), begun)
        tickets = [next(self._tickets) for _ in texts]
        for place, ticket in enumerate(tickets):
            self._pending[ticket] = asked, place
        pairs = list(zip(tickets, texts, strict=True))
        self._write({"do": "answer", "model": key, "texts": pairs, "deadline": begun + queue_s})
        try:
            await asked.done
        except asyncio.CancelledError:
            dropped = [ticket for ticket in tickets if self._pending.pop(ticket, None) is not None]
            self._write({"do": "drop", "tickets": dropped})
            raise
        return [said for said in asked.said if said is not None]

    async def aside(self, what: str, **message: Any) -> Message:
        """Have something longer done: `load`, `unload`, `explain`; an error of the tree where it fails."""
        self._check(message["model"] if what == "explain" else None)
        ticket, loop = next(self._tickets), asyncio.get_running_loop()
        future: asyncio.Future[Message] = loop.create_future()
        self._aside[ticket] = future, time.monotonic()
        self._write({"do": what, "ticket": ticket, **message})
        if what == "unload":
            self._loaded.discard(message["model"])
        reply = await future
        if "error" in reply:
            raise _error(reply)
        if what == "load":
            self._loaded.add(message["model"])
        return reply

    def _check(self, key: str | None) -> None:
        """Refuse what the process cannot do yet."""
        if not self.is_up or self._transport is None:
            raise starting()
        if key is not None and key not in self._loaded:
            raise overloaded("The model is being loaded.", code="starting")

    async def watch(self) -> None:
        """Replace the process where it owes an answer for too long, or gives no sign of life; never returns."""
        while True:
            await asyncio.sleep(0.5)
            now, hang_s = time.monotonic(), self._limits.hang_s
            oldest = next((asked.begun for asked, _ in self._pending.values()), now)
            aside = min((begun for _, begun in self._aside.values()), default=now)
            is_still = now - max(oldest, self._heard) > hang_s
            is_dead = aside < now and now - self._lived > self._limits.start_s
            if is_dead or is_still or now - oldest > _THREADS_HANG * hang_s or now - aside > _ASIDE_S:
                self.kill()

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()

    async def stop(self) -> None:
        """End it for good."""
        self._is_stopping = True
        if self._revival is not None:
            self._revival.cancel()
        if self._transport is not None:
            self._transport.abort()
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    def _write(self, message: Message) -> None:
        if self._transport is not None:
            self._transport.write(packed(message))

    def took(self, message: Message, numbers: "array[float]") -> None:
        """A frame that came from the process."""
        self._lived = time.monotonic()
        if "alive" in message:
            return
        if "reply" in message:
            waiting = self._aside.pop(message["reply"], None)
            if waiting is not None and not waiting[0].done():
                waiting[0].set_result(message)
            return
        self._heard = time.monotonic()
        at, pieces = 0, 0
        for said in message["answers"]:
            width = said.get("n", 0)
            self._said(said, numbers[at : at + width] if width else None)
            at += width
            pieces += said.get("pieces", 0)
        if message.get("read"):
            self.on_batch(message["read"], pieces, message["took"])

    def _said(self, said: Message, shares: "array[float] | None") -> None:
        asked, place = self._pending.pop(said["ticket"], (None, 0))
        if asked is None:
            return
        asked.said[place] = (
            Fault(said["status"], said["fault"])
            if shares is None
            else Answer(said["favoured"], said["answered"], said["cut"], said["pieces"], shares)
        )
        asked.left -= 1
        if not asked.left and not asked.done.done():
            asked.done.set_result(None)

    def lost(self) -> None:
        """The process is gone: nobody waits for it, and another one is started."""
        self.is_up = False
        self._transport = None
        for asked in {id(asked): asked for asked, _ in self._pending.values()}.values():
            if not asked.done.done():
                asked.done.set_exception(starting())
        for future, _ in self._aside.values():
            if not future.done():
                future.set_exception(starting())
        self._pending.clear()
        self._aside.clear()
        self._loaded.clear()
        if not self._is_stopping and self.revive is not None:
            self._revival = asyncio.get_running_loop().create_task(self._replace())

    async def _replace(self) -> None:
        self.n_replaced += 1
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        if time.monotonic() - self._started < _SOON_S:
            await asyncio.sleep(1.0)  # it ended as soon as it began: no storm of processes
        with contextlib.suppress(Refusal):  # gone again while it was loading: `lost` tries anew
            await self.start()
            if self.revive is not None:
                await self.revive()


@final
class _Line(asyncio.Protocol):
    """The socket to the process."""

    def __init__(self, reading: Reading) -> None:
        self._reading, self._frames = reading, Frames()

    def data_received(self, data: bytes) -> None:
        for message, numbers in self._frames.fed(data):
            self._reading.took(message, numbers)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._reading.lost()


def starting() -> Refusal:
    """The process that reads is being started."""
    return overloaded("The encoder is starting.", code="starting")


def _error(reply: Message) -> FrostlineError:
    """What the process met, as an error of the tree with the same exit code."""
    kinds: dict[int, type[FrostlineError]] = {2: UsageError, 65: InputError, 66: MissingInputError}
    return kinds.get(reply["exit_code"], UnavailableError)(reply["error"], hint=reply["hint"])
