"""Threads that share the products of one search.

In:   a function and the parts of a matrix.
Out:  what it gives for each part, in order.
Not:  what the parts are (problem.py, preconditioner.py); the BLAS thread that each may have (blas.py).

The caller's thread waits while the others work on parts that take milliseconds, so Ctrl-C stops a search at once.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar, final

Part = TypeVar("Part")
Result = TypeVar("Result")


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

    def map(self, do: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
        """`do` of every part, in order; not from within such a function."""
        parts = list(parts)
        if self._pool is None or len(parts) == 1:
            return [do(part) for part in parts]
        return list(self._pool.map(do, parts))
