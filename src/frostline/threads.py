"""Work shared among threads.

ONNX Runtime releases the interpreter's lock while it computes. One single-threaded session and a Python thread per
core scales with the cores; its own pool of threads does not (2.0 against 1.4 to 1.8 times for two cores).

`work_through` and `Crew` stand on a pool of `concurrent.futures`, which waits for what is under way: a batch, a block
of a product. `side_by_side` cannot: a search of wide features takes minutes, and the interpreter joins a pool's threads
when it ends, so Ctrl-C would be obeyed only when the search is done. Its threads are daemons.
"""

import itertools
import os
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar, final

from frostline.arrays import Progress
from frostline.machine import one_blas_thread

_Item = TypeVar("_Item")

_Result = TypeVar("_Result")

_LOOK_S = 0.2  # how often a waiting main thread looks for Ctrl-C where the platform does not wake it


def work_through(
    windows: Iterable[Sequence[_Item]], work: Callable[[_Item], int], *, threads: int, done: Callable[[int], None]
) -> None:
    """Call `work` on every item of every window; at most two windows are in memory.

    Parameters
    ----------
    windows : iterable of sequences
        Advanced in the caller's thread while the items of the window before are worked on.
    work : callable
        Called in any thread; returns how many units it got through.
    threads : int
        With 1, or when there is one item only, everything happens in the caller's thread.
    done : callable
        Called in the caller's thread with what `work` returned.

    Raises
    ------
    BaseException
        The first that `work`, `done` or `windows` raised. Items not begun by then are left; those under way finish.
    """
    coming = iter(windows)
    first = next(coming, ())
    whole = itertools.chain([first], coming)
    if threads > 1 and len(first) > 1:
        _work_in_threads(whole, work, threads=threads, done=done)
        return
    for window in whole:
        for item in window:
            done(work(item))


def _work_in_threads(
    windows: Iterable[Sequence[_Item]], work: Callable[[_Item], int], *, threads: int, done: Callable[[int], None]
) -> None:
    finished: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()

    def work_on(item: _Item) -> None:
        try:
            finished.put(work(item))
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread and raised there
            finished.put(error)

    def wait_until(n_open: int, n_most: int) -> int:
        while n_open > n_most:
            outcome = _awaited(finished)
            if isinstance(outcome, BaseException):
                raise outcome
            done(outcome)
            n_open -= 1
        return n_open

    executor = ThreadPoolExecutor(threads, thread_name_prefix="frostline-read")
    n_open = 0
    try:
        for window in windows:
            for item in window:
                executor.submit(work_on, item)
            n_open = wait_until(n_open + len(window), len(window))
        wait_until(n_open, 0)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _awaited(waiting: "queue.SimpleQueue[_Item]") -> _Item:
    """What comes next, however long it takes."""
    while True:
        try:
            return waiting.get(timeout=_LOOK_S)
        except queue.Empty:
            continue


@final
class Crew:
    """Threads to work with, as a context: leaving it ends them.

    Parameters
    ----------
    threads : int or None
        One works in the caller's thread. None is two, or one where the machine has no more.
    """

    def __init__(self, threads: int | None = 1) -> None:
        self.threads = max(1, threads or min(2, os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def map(self, do: Callable[[_Item], _Result], parts: Iterable[_Item]) -> list[_Result]:
        """`do` of every part, in order; not from within such a function."""
        parts = list(parts)
        if self._pool is None or len(parts) == 1:
            return [do(part) for part in parts]
        return list(self._pool.map(do, parts))


def side_by_side(
    work: Sequence[Callable[[], _Result]], *, threads: int, progress: Progress | None = None
) -> tuple[_Result, ...]:
    """Do each piece of work, `threads` at a time with one BLAS thread each; results in the order of `work`.

    The threads are daemons: an interrupted process leaves at once, whatever they are in the middle of.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[int, _Result | None, BaseException | None]] = queue.SimpleQueue()
    is_over = threading.Event()
    for position in range(len(work)):
        waiting.put(position)

    def take() -> None:
        while not is_over.is_set():
            try:
                position = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                ended.put((position, work[position](), None))
            except BaseException as error:  # noqa: BLE001 - the edge of a thread: raised again by the one that waits
                ended.put((position, None, error))

    results: dict[int, _Result] = {}
    with one_blas_thread():  # around all of them: each piece restores what it met
        for _ in range(min(threads, len(work))):
            threading.Thread(target=take, daemon=True).start()
        try:
            for n_done in range(1, len(work) + 1):
                position, result, error = _awaited(ended)
                if error is not None:
                    raise error
                results[position] = result  # type: ignore[assignment]  # no error, so there is a result
                if progress is not None:
                    progress(n_done, len(work))
        finally:
            is_over.set()
    return tuple(results[position] for position in range(len(work)))
