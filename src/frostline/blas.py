"""BLAS held to one thread, since two that spin can be a hundred times slower where both land on one core.

In:   nothing.
Out:  settings of the environment, for before numpy is imported; a context, for afterwards.
Not:  threads that share work (head/crew.py).
"""

from contextlib import AbstractContextManager

BLAS_THREAD_SETTINGS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What the libraries that numpy comes with look for when they are loaded."""


def one_blas_thread() -> AbstractContextManager[object]:
    """A context in which BLAS works on one thread: where others share the work, it must not share it again."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - predicting needs it not

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits
