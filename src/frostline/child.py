"""A process of its own, with limits, for what a stranger wrote and a library of others reads.

A few bytes make such a library crash, hang deaf to signals, or take all memory. There it ends this process, and no
other.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast, final

import frostline

_SETTINGS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"), "1"),
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # others lay hands on address space that they may never use
    "TOKENIZERS_PARALLELISM": "false",
}

WAITING = 5
CAN_KEEP = os.name == "posix"
"""Whether a child can be given open files."""


@final
class Child:
    """`python -m module` with pipes for standard input and output; it should call `limit` before it reads anything.

    It imports from where this process does and never from the current folder, where a stranger's file may bear a
    library's name.

    Parameters
    ----------
    keep : sequence of int
        Handles of open files that it gets as well, under the same numbers.

    Attributes
    ----------
    asked, told : binary files
        Its standard input and output. What it writes to standard error is lost.
    """

    def __init__(self, module: str, *arguments: str, keep: Sequence[int] = ()) -> None:
        places = [place for place in sys.path if place]
        places.append(str(Path(frostline.__file__).parent.parent))
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_SETTINGS, "PYTHONPATH": os.pathsep.join(places)},
            pass_fds=keep,
        )
        self.asked = cast("BinaryIO", self._process.stdin)
        self.told = cast("BinaryIO", self._process.stdout)

    def once(self, content: bytes, *, seconds: int) -> str:
        """What it tells of `content`, within so long; it has ended then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.communicate(content, timeout=seconds)[0].decode("utf-8", "replace")
        return ""

    def code(self) -> int:
        """The exit code of one that tells nothing more, negative for the number of a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        self._process.kill()
        return self._process.wait()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        for stream in (self.asked, self.told):
            with contextlib.suppress(OSError):  # what was asked last may never have been sent
                stream.close()
        self._process.wait()


def limit(*, memory_bytes: int, seconds: int) -> None:
    """In the child: end this process when it takes more than `memory_bytes` beyond what it has, or `seconds` to run.

    The seconds are of computing; and `WAITING` times as many may pass. Not on Windows; no limit on memory on macOS.
    """
    if os.name != "posix":
        return
    import resource  # noqa: PLC0415 - not on Windows
    import signal  # noqa: PLC0415 - only in a child

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both: the parent decides
    with contextlib.suppress(OSError):
        memory_bytes += int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    for what, soft, hard in (
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_CPU, seconds, seconds + 1),  # a signal that tells, and then one that nothing withstands
        (resource.RLIMIT_CORE, 0, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # it is lower already; or the system knows no such limit
            resource.setrlimit(what, (soft, hard))
    alarm(seconds)


def alarm(seconds: int) -> None:
    """In the child: end this process unless it is called again, with 0 to wait for ever, before so long."""
    if os.name == "posix":
        import signal  # noqa: PLC0415 - only in a child

        signal.alarm(WAITING * seconds)  # Python's own handler would wait for the library to come back; there is none
