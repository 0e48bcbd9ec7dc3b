"""A child with limits that is split off this process, where starting Python anew would take most of a test's time.

It has the limits, pipes and handles of the real one, and runs the same code; only what is loaded is shared. Tests of
the process itself take the real one (REAL in conftest.py).
"""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO


class ForkedChild:
    """What `frostline.child.Child` is, for a `module` with a function `main`."""

    def __init__(self, module: str, *arguments: str, keep: Sequence[int] = ()) -> None:
        main = importlib.import_module(module).main
        there, asked = os.pipe()
        told, back = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                for which in (signal.SIGALRM, signal.SIGTERM, signal.SIGXCPU):
                    signal.signal(which, signal.SIG_DFL)
                null = os.open(os.devnull, os.O_WRONLY)
                for handle, number in ((there, 0), (back, 1), (null, 2)):
                    os.dup2(handle, number)
                kept = sorted({*keep})
                for low, high in zip([3, *(place + 1 for place in kept)], [*kept, 1024], strict=True):
                    os.closerange(low, high)
                sys.stdin, sys.stdout = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8")  # noqa: SIM115
                main(*arguments)
                sys.stdout.flush()
                code = 0
            finally:
                os._exit(code)
        os.close(there)
        os.close(back)
        self.asked: BinaryIO = os.fdopen(asked, "wb")
        self.told: BinaryIO = os.fdopen(told, "rb")
        self._code: int | None = None

    def _wait(self, seconds: float) -> int | None:
        """Its exit code, if it ends within so long."""
        until = time.monotonic() + seconds
        while self._code is None:
            done, status = os.waitpid(self._pid, os.WNOHANG)
            if done:
                self._code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                return None
            else:
                time.sleep(0.001)
        return self._code

    def code(self) -> int:
        """As `Child.code`."""
        if self._wait(1) is None:
            self._kill()
        code = self._wait(60)
        if code is None:
            raise subprocess.TimeoutExpired("a child that was killed", 60)
        return code

    def close(self) -> None:
        """As `Child.close`."""
        self._kill()
        for stream in (self.asked, self.told):
            with contextlib.suppress(OSError):
                stream.close()
        self._wait(60)

    def _kill(self) -> None:
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
