"""A server from its options to its end: start, signals, the last answers.

SIGTERM and SIGINT: not ready at once, every accepted request answered, then 0. A second one ends it immediately.
SIGHUP: every model is loaded anew.
"""

import asyncio
import contextlib
import errno
import functools
import logging
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Generator
from typing import Any, final

import uvicorn

from frostline.errors import UnavailableError
from frostline.machine import usable_cores
from frostline.serve.admission import Admission
from frostline.serve.app import Shortcuts, build_app
from frostline.serve.connections import SWEEP_S, Connection, connections_with
from frostline.serve.desk import Desk
from frostline.serve.door import Door
from frostline.serve.metrics import Metrics
from frostline.serve.models import Models
from frostline.serve.options import ServeOptions
from frostline.serve.reading import Reading

_BACKLOG = 2048
_TOLD_S = 60.0
_TICK_S = 0.1
_LAST_S = 0.3  # for requests that are on their way when the signal comes
_TOLD_OFF_S = 0.5  # of the time to drain: for those to hear it who get no answer

log = logging.getLogger("frostline.serve")


def serve(options: ServeOptions, *, on_ready: Callable[[str], None]) -> int:
    """Serve until a signal comes; the exit code.

    Parameters
    ----------
    on_ready : callable
        Told the address once every model answers.

    Raises
    ------
    FrostlineError
        The address is taken, or a model cannot be loaded: before anybody was listened to.
    """
    listening = _bound(options.host, options.port)
    try:
        return asyncio.run(_serve(options, listening, on_ready))
    finally:
        listening.close()


async def _serve(options: ServeOptions, listening: socket.socket, on_ready: Callable[[str], None]) -> int:
    limits, metrics = options.limits, Metrics()
    threads = options.threads or usable_cores()
    reading = Reading(threads=threads, limits=limits)
    models = Models(options.models, reading, encoder=options.encoder, may_fetch=options.may_fetch, limits=limits)
    tasks: list[asyncio.Task[None]] = []
    try:
        await reading.start()
        tasks.append(asyncio.create_task(reading.watch()))
        await models.open_all()
        reading.revive = models.revive
        longest = max(models.version(name).max_length for name in models.names())
        admission = Admission(
            queue_s=limits.queue_s, most=limits.texts * longest, threads=threads, speed=models.measured_speed
        )
        reading.on_batch = functools.partial(_batch, metrics, admission)
        desk = Desk(models=models, reading=reading, metrics=metrics, limits=limits, admission=admission)
        app = build_app(desk, telemetry=options.telemetry)
        routes = Shortcuts(desk, telemetry=options.telemetry)
        door = Door(app, options=options, admission=admission, metrics=metrics, routes=routes)
        connections = connections_with(
            limits, refused_at_once=door.refused_at_once, is_draining=lambda: door.is_draining
        )
        server = _Server(
            uvicorn.Config(
                door,
                http=connections,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=math.ceil(limits.idle_s),
                timeout_graceful_shutdown=math.ceil(limits.drain_s) + 1,  # by then all are cut off: see _Server
            ),
            drain_s=limits.drain_s,
        )
        _obey_signals(server, desk, door, models)
        asyncio.get_running_loop().set_exception_handler(TellOfFiles())
        listening.listen(_BACKLOG)  # who comes now is answered as soon as the loop turns
        host, port = listening.getsockname()[:2]
        on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        await server.serve(sockets=[listening])
        return 0
    finally:
        for task in tasks:
            task.cancel()
        await reading.stop()
        models.close()


def _batch(metrics: Metrics, admission: Admission, n_texts: int, n_pieces: int, seconds: float) -> None:
    metrics.batch(n_texts, n_pieces, seconds)
    admission.saw(n_pieces, seconds)


@final
class TellOfFiles:
    """What the loop meets, told as ever; but that no file is left for a connection, once a minute.

    It is met for each connection that may wait, a thousand times a second: told each time, it takes all time and a log.
    """

    def __init__(self) -> None:
        self._told = -_TOLD_S

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Of asyncio's: `exception` where there is one."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in {errno.EMFILE, errno.ENFILE}:
            loop.default_exception_handler(context)
        elif loop.time() - self._told >= _TOLD_S:
            self._told = loop.time()
            log.warning("no file is left for another connection: ulimit -n allows too few")


@final
class _Server(uvicorn.Server):
    """Without signal handlers of its own, and with a look at slow connections."""

    def __init__(self, config: uvicorn.Config, *, drain_s: float) -> None:
        super().__init__(config)
        self._drain_s, self._ends = drain_s, math.inf

    def end(self) -> None:
        """Answer what was accepted; the time for that begins now."""
        self._ends = time.monotonic() + self._drain_s

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals are ours."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % int(SWEEP_S * 10) == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.look(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take whoever has been let in by the system and not by us yet: closing would cut them off."""
        loop, taken = asyncio.get_running_loop(), set[asyncio.Task[object]]()
        for listening in sockets or []:
            with contextlib.suppress(OSError):  # there are no more
                listening.listen(0)  # of those who come between the last one and the close, the system takes but one
                for _ in range(_BACKLOG):  # whoever comes faster than that would keep it from ending
                    connection, _ = listening.accept()
                    connection.setblocking(False)
                    taken.add(loop.create_task(loop.connect_accepted_socket(self._connection, connection)))
        await super().shutdown(sockets)

    async def _wait_tasks_to_complete(self) -> None:
        while self.server_state.connections:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.wind_up(now, ends=self._ends - _TOLD_OFF_S, cut_off=self._ends)
            await asyncio.sleep(_TICK_S)
        await super()._wait_tasks_to_complete()

    def _connection(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        made: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state={}, _loop=asyncio.get_running_loop()
        )
        return made


def _obey_signals(server: _Server, desk: Desk, door: Door, models: Models) -> None:
    loop = asyncio.get_running_loop()
    kept: set[asyncio.Task[None]] = set()

    async def stop() -> None:
        await asyncio.sleep(_LAST_S)
        server.should_exit = True

    def stopped(number: int) -> None:
        if door.is_draining:
            desk.reading.kill()
            os._exit(128 + number)
        log.info("stopping: what was accepted is answered")
        server.end()
        desk.is_draining = door.is_draining = True
        kept.add(loop.create_task(stop()))

    def reload() -> None:
        task = loop.create_task(models.reload_all())
        kept.add(task)
        task.add_done_callback(kept.discard)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped, number)
    loop.add_signal_handler(signal.SIGHUP, reload)


def _bound(host: str, port: int) -> socket.socket:
    """A socket at the address, on which nobody is listened to yet."""
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        hint = "Choose another with --port." if error.errno == errno.EADDRINUSE else ""
        raise UnavailableError(f"{host}, port {port} cannot be listened at: {error.strerror}.", hint=hint) from error
    return bound
