"""Work done by one thread per core, while the caller's thread prepares what comes next.

In:   windows of items, made one after the other by the caller's thread.
Out:  every item worked on once; the first error, with nothing left running.
Not:  what the work is (encoder.py).

ONNX Runtime releases the interpreter's lock while it computes. One single-threaded session and a Python thread per
core scales with the cores; its own pool of threads does not (2.0 against 1.4 to 1.8 times for two cores).
"""

import itertools
import queue
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")

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
            try:
                outcome = finished.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
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
