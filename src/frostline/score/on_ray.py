"""A job's windows worked through by actors of a Ray cluster; the only file that imports ray.

Ray is handed windows, not rows: where a window begins, how many rows it has, its digest. An actor holds what answers,
reads its window, publishes its part and answers with the record. What a lost actor had in hand is handed to
another one, which makes the same bytes again. docs/scale.md
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

from frostline.data.tables import whole_rows
from frostline.errors import (
    BackendError,
    FrostlineError,
    InputError,
    MissingInputError,
    RetryError,
    UnavailableError,
    UsageError,
    shown,
)
from frostline.places import Place, opened_to_read, publish_bytes, settled, size_of
from frostline.score.job import Record, Span, Window, folder_of, published, window_at
from frostline.score.run import ATTEMPTS, Job, Probe, Task
from frostline.version import __version__

if TYPE_CHECKING:
    from types import TracebackType

LEAST = (2, 60)
IN_HAND = 2  # windows that an actor has: one that it works on, and the next
_EDGE_BYTES = 1 << 20
_LOOK_S = 0.5
_QUIET_S = 600  # without an actor that could work, and then it is given up


def address_of(on: str) -> str | None:
    """The address in `ray:ADDRESS`; None for a cluster of this machine's own.

    Raises `UsageError`: it is neither `ray` nor begins with `ray:`; or there is no token to show at an address.
    """
    name, _, address = on.partition(":")
    if name != "ray" or on == "ray:":
        raise UsageError(f"--on must be ray or ray:ADDRESS (got {shown(on)}).")
    if not address:
        return None
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    kept = Path(named) if named else Path.home() / ".ray" / "auth_token"
    if not os.environ.get("RAY_AUTH_TOKEN") and not kept.is_file():
        raise UsageError(
            f"A cluster at an address ({address}) must ask for a token, and there is none here.",
            hint="Run `ray get-auth-token --generate`, start every node with RAY_AUTH_MODE=token and this token, and "
            "set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH.",
        )
    return address


@final
class Cluster:
    """A Ray cluster, as a context: one of this machine's own, on loopback, or the one at an address.

    Parameters
    ----------
    address : str or None
        As `address_of` gives it.
    workers : int or None
        Actors; None is one for each processor but one.
    threads : int
        Processors that each of them takes.

    Raises
    ------
    UnavailableError
        Ray is not installed, is too old, or does not answer.
    UsageError
        The cluster has fewer processors than that.
    """

    def __init__(self, address: str | None, *, workers: int | None, threads: int = 1) -> None:
        self._address = address
        self._threads = threads
        self._asked = workers
        self.workers = workers or max(1, ((os.cpu_count() or 1) - 1) // threads)

    def __enter__(self) -> Self:
        refuse_missing()
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ["RAY_AUTH_MODE"] = "token"
        if self._address is None:
            os.environ["RAY_AUTH_TOKEN"] = _own_token()
            # Read as ray is imported: without it "127.0.0.1" is taken for this machine's address on its network.
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        ray = _ray()
        common = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        try:
            if self._address is None:
                # one above the workers: it would wait for ever for a processor that actors hold
                ray.init(
                    address="local",  # else it joins whatever cluster it finds here
                    num_cpus=self.workers * self._threads + 1,
                    include_dashboard=False,
                    _node_ip_address="127.0.0.1",
                    **common,
                )
            else:
                ray.init(address=self._address, **common)
        except Exception as error:
            why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UnavailableError(
                f"Ray does not answer{f' at {self._address}' if self._address else ''}: {shown(why, 300)}.",
                hint="Is the address that of the head node, and the token the cluster's?",
            ) from error
        self._check_size(int(ray.cluster_resources().get("CPU", 0)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        _ray().shutdown()

    def _check_size(self, n_cpus: int) -> None:
        """One processor stays free."""
        most = (n_cpus - 1) // self._threads
        if self._asked is None:
            self.workers = max(1, most)
        if self.workers > most:
            _ray().shutdown()
            raise UsageError(
                f"The cluster has {n_cpus} processors, so at most {max(0, most)} workers of {self._threads} "
                f"{'thread' if self._threads == 1 else 'threads'} each (one stays free; {self._asked} were asked for).",
                hint="Pass fewer --workers, or start more nodes.",
            )

    def made(self, job: Job, task: Task[Any], probe: Probe, spans: Iterator[Span]) -> Iterator[tuple[int, Record]]:
        """The record of each window, as they are published.

        Raises
        ------
        UsageError, InputError, MissingInputError and whatever opening raises
            A node does not reach what is read, written or opened; a node makes other bytes.
        RetryError
            The actors were lost, three times at one window.
        """
        theirs = replace(job, source=_everywhere(job.source), out=_everywhere(job.out))
        self._refuse_unreached(theirs, task, probe)
        crew = _Crew(theirs, task, self.workers, self._threads)
        try:
            yield from crew.work_through(spans)
        finally:
            crew.end()

    def _refuse_unreached(self, job: Job, task: Task[Any], probe: Probe) -> None:
        """Ask every node, before any work."""
        ray = _ray()
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415 - the extra

        asked = ray.remote(num_cpus=0, max_retries=ATTEMPTS)(_unreached)
        edges = _edges(job)
        under_way = {}
        for node in ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU"):
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                ref = asked.options(scheduling_strategy=there).remote(job, task, probe, edges, __version__)
                under_way[ref] = node["NodeManagerAddress"]
        for ref, name in under_way.items():
            try:
                error = ray.get(ref)
            except ray.exceptions.RayError as lost:
                raise UnavailableError(
                    f"The node {name} does not work: {shown(str(lost).strip().splitlines()[-1], 300)}.",
                    hint="Frostline and its extra `ray` must be installed there, in the same versions.",
                ) from lost
            if error is not None:
                error.message = f"The node {name}: {error.message}"
                raise error


@functools.cache
def _own_token() -> str:
    """For clusters of this process alone: Ray reads it once."""
    return secrets.token_hex(32)


def refuse_missing() -> None:
    """Raise `UnavailableError` where Ray is not installed, or too old; it is not imported."""
    try:
        version = importlib.metadata.version("ray")
    except importlib.metadata.PackageNotFoundError as error:
        raise UnavailableError(
            "--on ray needs Ray, which is not installed.", hint="Run: pip install 'frostline[ray]'"
        ) from error
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST:
        raise UnavailableError(
            f"--on ray needs Ray {LEAST[0]}.{LEAST[1]} or newer (found {version}).",
            hint="Run: pip install -U 'frostline[ray]'",
        )


def _ray() -> Any:
    import ray  # noqa: PLC0415 - the extra, heavy, and it reads the environment as it is imported

    return ray


def _everywhere(place: Place) -> Place:
    """The same, wherever it is read."""
    return place.absolute() if isinstance(place, Path) else settled(place)


def _edges(job: Job) -> tuple[int, str]:
    """Of the input: its bytes, and the digest of the first and last of them."""
    size = size_of(job.source)
    with opened_to_read(job.source) as opened:
        found = hashlib.sha256(opened.read(_EDGE_BYTES))
        opened.seek(max(0, size - _EDGE_BYTES))
        found.update(opened.read(_EDGE_BYTES))
    return size, found.hexdigest()


def _unreached(job: Job, task: Task[Any], probe: Probe, edges: tuple[int, str], version: str) -> FrostlineError | None:
    """On a node: what is out of reach there, or otherwise than where the job was begun."""
    try:
        if version != __version__:
            return UsageError(
                f"frostline {__version__} is installed there, {version} where the job was begun.",
                hint="Install the same version everywhere.",
            )
        _refuse_places(job, edges)
        made = task.made(task.open(), probe.window) if probe.window.texts else None
    except FrostlineError as error:
        return error
    if made is not None and hashlib.sha256(made.content).hexdigest() != probe.sha256:
        return BackendError(
            f"the first {len(probe.window.texts)} rows come out with other bits than where the job was begun.",
            hint="Use nodes with processors of one kind, or begin the job on one of them (ray:auto).",
        )
    return None


def _refuse_places(job: Job, edges: tuple[int, str]) -> None:
    """Raise where input or output are not those of where the job was begun."""
    folder = folder_of(job.out)
    try:
        if _edges(job) != edges:
            raise InputError(f"{job.source} is another file there.", hint="Name a path that all nodes see.")
    except (OSError, MissingInputError) as error:
        raise _out_of_reach(f"{job.source} is not there") from error
    if not (folder / "plan.json").is_file():
        raise _out_of_reach(f"{folder}, where the job was begun, is not there")
    trial = folder / f".tmp-{secrets.token_hex(6)}"
    publish_bytes(trial, b"", sweeps=False)
    trial.unlink()


def _out_of_reach(what: str) -> MissingInputError:
    return MissingInputError(
        f"{what}.", hint="Every node must see it under the same path; or lay it into an object store (s3://…)."
    )


class Actor:
    """Holds what answers and works on one window after the other; errors are answers."""

    def __init__(self, job: Job, task: Task[Any]) -> None:
        self._job, self._task = job, task
        self._opened: Any = None
        self._rows: Iterator[tuple[int, str, Any]] = iter(())
        self._next = -1  # the number of the next row of `_rows`
        self._held = contextlib.ExitStack()

    def opened(self) -> FrostlineError | None:
        """Open what answers."""
        try:
            self._opened = self._task.open()
        except FrostlineError as error:
            return error
        return None

    def made(self, span: Span) -> Record | FrostlineError:
        """Publish what comes of a window."""
        try:
            window = self._window(span)
            return published(folder_of(self._job.out), window, self._task.made(self._opened, window))
        except FrostlineError as error:
            return error

    def _window(self, span: Span) -> Window:
        if not 0 <= self._next <= span.first:
            self._held.close()
            whole = self._held.enter_context(whole_rows(self._job.source, self._job.options, as_text=self._job.as_text))
            self._rows, self._next = iter(whole.rows), 0
        for _ in islice(self._rows, span.first - self._next):
            pass
        window = window_at(self._rows, self._job.plan, span)
        self._next = span.first + span.rows
        if window.digest != span.digest:
            raise InputError(
                f"{self._job.source} has changed while it was read.",
                hint="Run the same command again when nothing writes to the file.",
            )
        return window


@final
@dataclass(slots=True)
class _Seat:
    """An actor's place: another one takes it where one is lost."""

    actor: Any
    is_open: bool = False
    in_hand: list[Span] = field(default_factory=list)


@final
class _Crew:
    """Actors, and what each has in hand."""

    def __init__(self, job: Job, task: Task[Any], workers: int, threads: int) -> None:
        self._ray = _ray()
        made = self._ray.remote(num_cpus=threads, max_restarts=0, max_task_retries=0)(Actor)
        self._new: Callable[[], Any] = functools.partial(made.remote, job, task)
        self._under_way: dict[Any, tuple[_Seat, Span | None]] = {}
        self._back: deque[Span] = deque()
        self._losses: dict[int, int] = {}
        self._unopened = 0  # actors in a row that were lost before they had opened what answers
        self._seats: list[_Seat] = []
        for _ in range(workers):
            self._seats.append(self._seated(_Seat(None)))

    def work_through(self, spans: Iterator[Span]) -> Iterator[tuple[int, Record]]:
        """The records as they come."""
        quiet = 0.0
        self._coming = spans
        while True:
            for seat in self._seats:
                self._hand_out(seat)
            if not any(seat.in_hand for seat in self._seats) and self._peek() is None:
                return
            ended, _ = self._ray.wait(list(self._under_way), num_returns=1, timeout=_LOOK_S)
            quiet = 0.0 if ended or any(seat.is_open for seat in self._seats) else quiet + _LOOK_S
            if quiet > _QUIET_S:
                raise RetryError(
                    "No node of the cluster has had room for a worker for ten minutes.",
                    hint="Start nodes, and run the same command: it goes on.",
                )
            for ref in ended:
                yield from self._ended(ref)

    def end(self) -> None:
        """Let them go, now."""
        for seat in self._seats:
            self._ray.kill(seat.actor)

    def _peek(self) -> Span | None:
        if not self._back:
            self._back.extend(islice(self._coming, 1))
        return self._back[0] if self._back else None

    def _hand_out(self, seat: _Seat) -> None:
        while seat.is_open and len(seat.in_hand) < IN_HAND and self._peek() is not None:
            span = self._back.popleft()
            seat.in_hand.append(span)
            self._under_way[seat.actor.made.remote(span)] = (seat, span)

    def _seated(self, seat: _Seat) -> _Seat:
        seat.actor, seat.is_open = self._new(), False
        self._under_way[seat.actor.opened.remote()] = (seat, None)
        return seat

    def _ended(self, ref: Any) -> Iterator[tuple[int, Record]]:
        if ref not in self._under_way:
            return  # of an actor that was found lost a moment ago
        seat, span = self._under_way.pop(ref)
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayActorError:
            self._lost(seat, span)
            return
        except self._ray.exceptions.RayError as error:
            raise BackendError(f"A worker failed: {shown(str(error).splitlines()[-1], 300)}.") from error
        if isinstance(answer, FrostlineError):
            raise answer
        if span is None:
            seat.is_open, self._unopened = True, 0
            return
        seat.in_hand.remove(span)
        yield span.number, answer

    def _lost(self, seat: _Seat, span: Span | None) -> None:
        """Another actor in its place; what it had in hand goes back, before what is still to come."""
        first = seat.in_hand[0] if seat.in_hand else None
        if span is None:
            self._unopened += 1
        elif first is not None:
            self._losses[first.number] = self._losses.get(first.number, 0) + 1
        if self._unopened >= ATTEMPTS * len(self._seats) or (first and self._losses.get(first.number, 0) >= ATTEMPTS):
            what = "before they could work" if first is None else f"at rows {first.first + 1:,} to {first.end:,}"
            raise RetryError(
                f"The workers were lost {what}, {ATTEMPTS} times.",
                hint="Was the memory too small? Run the same command with fewer --workers: it goes on.",
            )
        self._under_way = {each: held for each, held in self._under_way.items() if held[0] is not seat}
        self._back.extendleft(reversed(seat.in_hand))
        seat.in_hand = []
        with contextlib.suppress(Exception):
            self._ray.kill(seat.actor)  # it may be cut off and alive
        self._seated(seat)
