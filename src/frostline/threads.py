"""Work shared among threads.

ONNX Runtime releases the interpreter's lock while it computes. One single-threaded session and a Python thread per
core scales with the cores; its own pool of threads does not (2.0 against 1.4 to 1.8 times for two cores).

`work_through` and `Crew` stand on a pool of `concurrent.futures`, which waits for what is under way: a batch, a block
of a product. `side_by_side` cannot: a search of wide features takes minutes, and the interpreter joins a pool's threads
when it ends, so Ctrl-C would be obeyed only when the search is done. Its threads are daemons.
"""

import contextlib
import itertools
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self, TypeVar, final

from frostline.arrays import Progress
from frostline.machine import one_blas_thread

_Item = TypeVar("_Item")

_Result = TypeVar("_Result")

_LOOK_S = 0.2  # how often a waiting main thread looks for Ctrl-C where the platform does not wake it


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
        self.pool = ThreadPoolExecutor(self.threads, "frostline-crew") if self.threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)

    def map(self, do: Callable[[_Item], _Result], parts: Iterable[_Item]) -> list[_Result]:
        """`do` of every part, in order; not from within such a function."""
        parts = list(parts)
        if self.pool is None or len(parts) == 1:
            return [do(part) for part in parts]
        return list(self.pool.map(do, parts))


def ahead(do: Callable[[_Item], _Result], items: Iterable[_Item], *, threads: int) -> Iterator[_Result]:
    """`do` of every item, in order, as they are asked for; with several threads, so many are done beforehand."""
    if threads == 1:
        yield from map(do, items)
        return
    coming = iter(items)
    with ThreadPoolExecutor(threads, "frostline-ahead") as pool:
        under_way = deque(pool.submit(do, item) for item in itertools.islice(coming, threads))
        try:
            while under_way:
                result = under_way.popleft().result()
                under_way.extend(pool.submit(do, item) for item in itertools.islice(coming, 1))
                yield result
        finally:
            for one in under_way:
                one.cancel()


def work_through(
    windows: Iterable[Sequence[_Item]],
    work: Callable[[_Item], int],
    *,
    threads: int | None,
    total: int,
    progress: Progress | None,
) -> None:
    """Call `work` on every item of every window; at most two windows are in memory.

    The first error of `work`, `progress` or `windows` is raised: items not begun by then are left, and those
    under way finish.

    Parameters
    ----------
    windows : iterable of sequences
        Advanced in the caller's thread while the items of the window before are worked on.
    work : callable
        Called in any thread; returns how many units of `total` it got through.
    threads : int or None
        As `Crew`; when there is one item only, everything happens in the caller's thread.
    progress : callable, optional
        Called in the caller's thread.
    """
    coming = iter(windows)
    first = next(coming, ())
    n_done = 0

    def finish(under_way: set[Future[int]]) -> None:
        while under_way:
            ended, under_way = wait(under_way, _LOOK_S, FIRST_COMPLETED)
            for one in ended:
                tell(one.result())

    def tell(n: int) -> None:
        nonlocal n_done
        n_done += n
        if progress is not None:
            progress(n_done, total)

    with Crew(threads if len(first) > 1 else 1) as crew:
        before: set[Future[int]] = set()
        for window in itertools.chain([first], coming):
            if crew.pool is None:
                for item in window:
                    tell(work(item))
            else:
                begun = {crew.pool.submit(work, item) for item in window}
                finish(before)
                before = begun
        finish(before)


def _next(ended: "queue.SimpleQueue[_Item]") -> _Item:
    """What comes next, however long it takes."""
    while True:
        with contextlib.suppress(queue.Empty):
            return ended.get(timeout=_LOOK_S)


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
                position, result, error = _next(ended)
                if error is not None:
                    raise error
                results[position] = result  # type: ignore[assignment]  # no error, so there is a result
                if progress is not None:
                    progress(n_done, len(work))
        finally:
            is_over.set()
    return tuple(results[position] for position in range(len(work)))
