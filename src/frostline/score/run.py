"""A job: what is planned, its windows worked through here or by other processes, and the file that comes of it."""

import contextlib
import hashlib
import itertools
import multiprocessing
import queue
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, final

from frostline.arrays import Progress
from frostline.data.columns import Taken
from frostline.data.dataset import Reject
from frostline.data.lines import Fingerprint
from frostline.data.options import TableOptions
from frostline.data.tables import whole_rows
from frostline.errors import RetryError
from frostline.legible import sampled
from frostline.places import Place
from frostline.score.job import (
    WINDOW_ROWS,
    Made,
    Record,
    Sections,
    Span,
    Window,
    check_unchanged,
    folder_of,
    joined,
    opened_job,
    published,
    span_of,
    windows_of,
)
from frostline.version import __version__

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

ATTEMPTS = 3  # at a window, where the process that works on it is killed
_WINDOW_NUMBERS = 6 << 20  # at most so many numbers are held of a window: rows x features, or rows x labels
_LOOK_S = 0.1
_TOLD: Mapping[str, int] = {}
PROBE_ROWS = 16

_Opened = TypeVar("_Opened")


class Task(Protocol, Generic[_Opened]):
    """What is done with each window. It is handed to other processes, where what it needs is opened again."""

    def open(self) -> _Opened:
        """What answers, ready to work."""

    def made(self, opened: _Opened, window: Window, *, progress: Progress | None = None) -> Made:
        """What comes of a window: the same bytes in every process. Progress counts its rows."""


def window_rows(*, n_features: int, n_labels: int = 1) -> int:
    """How many rows a window has, by what is held of each."""
    return max(16, min(WINDOW_ROWS, _WINDOW_NUMBERS // max(1, n_features, 12 * n_labels)))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a file holds, gone through once before any work."""

    name: str  # As it may stand in a message
    fingerprint: Fingerprint
    n_rows: int  # Without those that are rejected
    names: tuple[str, ...]  # Of its columns; of JSON all keys that any row has, at most `limits.columns` and one more
    types: tuple[Any, ...]  # Of Parquet: of its columns
    kinds: Mapping[str, frozenset[str]]  # Of JSON: by key, what its values are
    taken: Taken  # What was taken for what
    sample: Sequence[str]  # Texts, evenly spread


def surveyed(  # noqa: PLR0913 - a file, and how it is read and told of
    path: Place,
    options: TableOptions,
    *,
    as_text: bool,
    kind_of: Callable[[Any], str] = lambda _: "",
    on_reject: Callable[[Reject], None] | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Go through the file; so that no row far down breaks off what has run for hours.

    Parameters
    ----------
    as_text : bool
        As for `whole_rows`.
    kind_of : callable
        Of a value of JSON.
    progress : callable, optional
        Counts bytes.

    Raises
    ------
    InputError
        As `whole_rows`, above all: rows that cannot be used.
    """
    sample: list[str] = []
    count, most = 0, options.limits.columns
    with whole_rows(path, options, as_text=as_text, on_reject=on_reject, progress=progress) as whole:
        names = dict.fromkeys(whole.taken.names)
        kinds: dict[str, set[str]] = {}

        def texts() -> Iterator[str]:
            nonlocal count
            for _, text, row in whole.rows:
                count += 1
                if isinstance(row, dict):
                    for key, value in row.items():
                        if key in kinds or len(kinds) <= most:
                            kinds.setdefault(key, set()).add(kind_of(value))
                yield text

        for _ in sampled(texts(), sample):
            pass
        found = whole.source.fingerprint()
        return Survey(
            name=whole.source.name,
            fingerprint=found,
            n_rows=count,
            names=tuple(kinds) if kinds else whole.taken.names if names else (),
            types=whole.types,
            kinds={key: frozenset(held) for key, held in kinds.items()},
            taken=whole.taken,
            sample=sample,
        )


_NO_MATTER = {"limits", "max_bad_rows", "known_labels", "group"}
"""What of the options no row of the input depends on."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A file to be made of a file."""

    source: Place
    out: Place
    options: TableOptions
    survey: Survey
    as_text: bool  # As for `whole_rows`
    window_rows: int
    by: Mapping[str, Any]  # What makes it, by its digest: `sha256`, and `name`
    how: Mapping[str, Any]  # All choices that a byte of it depends on

    @property
    def plan(self) -> dict[str, Any]:
        """All that its bytes depend on."""
        return {
            "input": {
                "name": self.source.name,
                "sha256": self.survey.fingerprint.sha256,
                "size_bytes": self.survey.fingerprint.size_bytes,
                "rows": self.survey.n_rows,
            },
            "by": dict(self.by),
            "made_by": f"frostline {__version__}",
            "reading": {
                each.name: getattr(self.options, each.name)
                for each in fields(self.options)
                if each.name not in _NO_MATTER
            },
            "how": dict(self.how),
            "window_rows": self.window_rows,
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a job went."""

    n_before: int  # Rows that were finished when it began
    n_rows: int
    tally: Counter[str]
    was_complete: bool  # Whether nothing was left to do


@final
@dataclass(frozen=True, slots=True)
class Probe:
    """The first rows, and the digest of what they make here: they must make the same anywhere."""

    window: Window
    sha256: str


@final
@dataclass(slots=True)
class _Progress:
    """What has been published; told to whoever waits."""

    folder: Place
    total: int
    told: Progress | None
    records: dict[int, Record] = field(default_factory=dict)  # Without what is told of them, which is added up
    tally: Counter[str] = field(default_factory=Counter)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def within(self, done: int, total: int) -> None:
        """Tell how many rows of a window are read; `total` may be less than it has, as equal ones are read once."""
        if self.told is not None and done < total:
            self.told(self.done + done, self.total)

    def take(self, window: Window, made: Made) -> None:
        """Publish it."""
        self.took(window.number, published(self.folder, window, made))

    def keep(self, number: int, record: Record) -> None:
        """Hold what joining needs of it: there may be hundreds of thousands."""
        self.tally.update(record.tally)
        self.records[number] = replace(record, window="", tally=_TOLD)

    def took(self, number: int, record: Record) -> None:
        """Note what has been published."""
        with self.lock:
            self.keep(number, record)
            self.done += record.rows
            if self.told is not None:
                self.told(self.done, self.total)


class Spread(Protocol):
    """Whoever works on windows elsewhere, reads them there and publishes them."""

    def made(self, job: Job, task: Task[Any], probe: Probe, spans: Iterator[Span]) -> Iterator[tuple[int, Record]]:
        """Each window's number and record, as they are published."""


def run(  # noqa: PLR0913 - a job, who does it and how it is told
    job: Job,
    task: Task[_Opened],
    opened: _Opened,
    *,
    join: Callable[[Sections, Iterator[tuple[bytes, int]]], None],
    workers: int = 1,
    spread: Spread | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    on_begun: Callable[[int], None] | None = None,
) -> Done:
    """Do what is left of the job, and make the file.

    Parameters
    ----------
    opened
        What `task.open` gives, for this process.
    join : callable
        Writes the file, of all windows' bytes with their numbers of rows.
    workers : int
        Processes; one works in this one.
    spread : Spread, optional
        Works on the windows in place of these.
    progress : callable, optional
        Counts the rows that are left.
    on_begun : callable, optional
        Told how many rows are finished already, where some are.

    Raises
    ------
    InputError
        The file has changed since it was surveyed; what was begun is not what is planned.
    OutputError
        As `opened_job`.
    RetryError
        The processes were killed, three times at one window.
    StorageError, AccessError
        Disk full, I/O error, no permission; what was finished is kept.
    """
    plan = job.plan
    with opened_job(job.out, plan, overwrite=overwrite) as finished:
        if finished is None:
            return Done(n_before=job.survey.n_rows, n_rows=job.survey.n_rows, tally=Counter(), was_complete=True)
        n_before = sum(record.rows for record in finished.values())
        if n_before and on_begun is not None:
            on_begun(n_before)
        state = _Progress(folder_of(job.out), job.survey.n_rows - n_before, progress)
        with whole_rows(job.source, job.options, as_text=job.as_text) as whole:

            def left() -> Iterator[Window]:
                for window in windows_of(whole.rows, plan, window_rows=job.window_rows):
                    known = finished.get(window.number)
                    if known is not None and known.window == window.digest:
                        state.keep(window.number, known)
                    else:
                        yield window

            if spread is not None:
                for number, record in spread.made(job, task, _probed(job, task, opened), map(span_of, left())):
                    state.took(number, record)
            else:
                _work_through(left(), task, opened, workers, state)
            check_unchanged(job.out, job.survey.fingerprint, whole.source.fingerprint(), name=whole.source.name)
        joined(job.out, plan, state.records, join=join)
    return Done(n_before=n_before, n_rows=job.survey.n_rows, tally=state.tally, was_complete=False)


def _work_through(
    windows: Iterator[Window], task: Task[_Opened], opened: _Opened, workers: int, state: _Progress
) -> None:
    """On this machine."""
    if workers == 1:
        for window in windows:
            state.take(window, task.made(opened, window, progress=state.within))
        return
    with _Team(task, workers, state.take) as team:
        team.work_through(windows)


def _probed(job: Job, task: Task[_Opened], opened: _Opened) -> Probe:
    """The first rows, made here."""
    with whole_rows(job.source, job.options, as_text=job.as_text) as whole:
        window = next(windows_of(whole.rows, job.plan, window_rows=PROBE_ROWS), Window(0, 0, [], [], ""))
    made = task.made(opened, window) if window.texts else Made(b"", {})
    return Probe(window, hashlib.sha256(made.content).hexdigest())


@final
class _Team:
    """So many processes, each with a thread here that waits for it; as a context, left as soon as something fails."""

    def __init__(self, task: Task[Any], workers: int, take: Callable[[Window, Made], None]) -> None:
        self._waiting: queue.Queue[Window | None] = queue.Queue(maxsize=workers)
        self._take = take
        self._failures: list[BaseException] = []
        self._helpers = [_Helper(task) for _ in range(workers)]
        # daemons: else the interpreter would wait for them at its end, and ctrl-C for a whole window
        self._threads = [threading.Thread(target=self._serve, args=(each,), daemon=True) for each in self._helpers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for helper in self._helpers:
            helper.end()

    def work_through(self, windows: Iterator[Window]) -> None:
        """Have all of them answered; raises what the first failure raised."""
        for item in itertools.chain(windows, [None] * len(self._threads)):
            self._put(item)
        for thread in self._threads:
            while thread.is_alive():
                thread.join(_LOOK_S)
                self._check()
        self._check()

    def _put(self, item: Window | None) -> None:
        while True:
            self._check()
            with contextlib.suppress(queue.Full):
                self._waiting.put(item, timeout=_LOOK_S)
                return

    def _check(self) -> None:
        if self._failures:
            raise self._failures[0]

    def _serve(self, helper: "_Helper") -> None:
        try:
            while (window := self._waiting.get()) is not None:
                self._take(window, helper.made(window))
        except BaseException as error:  # noqa: BLE001 - raised again where the job was asked for
            self._failures.append(error)


@final
class _Helper:
    """A process that works on one window after the other; another one in its place where it is killed."""

    def __init__(self, task: Task[Any]) -> None:
        self._task = task
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._is_over = False
        self._turn = threading.Lock()

    def made(self, window: Window) -> Made:
        """What it makes of the window."""
        for _ in range(ATTEMPTS):
            pipe = self._ready()
            try:
                pipe.send(window)
                answer = pipe.recv()
            except (EOFError, OSError):
                self._lost()
                continue
            if isinstance(answer, BaseException):
                raise answer
            made: Made = answer
            return made
        raise RetryError(
            f"The processes that worked on rows {window.first + 1:,} to {window.first + len(window.texts):,} ended "
            f"before they had answered, {ATTEMPTS} times.",
            hint="Was the memory too small? Run the same command with fewer --workers: it goes on.",
        )

    def end(self) -> None:
        """Let it end, now."""
        with self._turn:
            self._is_over = True
            if self._process is not None:
                self._process.kill()
                self._process.join()

    def _ready(self) -> "Connection":
        with self._turn:
            if self._is_over:
                raise RetryError("The job was stopped.")
            if self._pipe is None:
                context = multiprocessing.get_context("spawn")
                try:
                    ours, theirs = context.Pipe()
                    process = context.Process(target=_work, args=(theirs,), daemon=True)
                    process.start()
                except OSError as error:
                    raise RetryError(
                        f"No process could be started ({error.strerror}).",
                        hint="Run the same command with fewer --workers.",
                    ) from error
                theirs.close()  # else its end would not be noticed
                self._pipe, self._process = ours, process
                self._send(self._task)
            return self._pipe

    def _send(self, item: object) -> None:
        """What cannot be sent is noticed where the answer is waited for."""
        with contextlib.suppress(OSError):
            if self._pipe is not None:
                self._pipe.send(item)

    def _lost(self) -> None:
        with self._turn:
            if self._process is not None:
                self._process.kill()
                self._process.join()
            if self._pipe is not None:
                self._pipe.close()
            self._process = self._pipe = None


def _work(pipe: "Connection") -> None:
    """A process that is told its task, and answers windows until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches all processes of a terminal; the first one ends us
    task: Task[Any] | None = None
    opened = None
    while True:
        try:
            window = pipe.recv()
        except (EOFError, OSError):
            return
        if task is None:  # what is sent first
            task = window
            continue
        try:
            opened = task.open() if opened is None else opened
            answer: Made | BaseException = task.made(opened, window)
        except Exception as error:  # noqa: BLE001 - raised again in the process that asked
            answer = error
        with contextlib.suppress(BrokenPipeError):
            pipe.send(answer)
