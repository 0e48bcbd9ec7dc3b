"""A server as a process of its own, with a client that knows its address."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx


@dataclass
class Running:
    """A server that answers."""

    process: "subprocess.Popen[str]"
    url: str
    words: list[str] = field(default_factory=list)  # What it said on standard error

    @property
    def client(self) -> httpx.Client:
        """A new client of it."""
        return httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    @property
    def reader(self) -> int:
        """The number of the process that reads."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("utf-8").split()
        return int(children[0])

    def signalled(self, number: int) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


@contextlib.contextmanager
def serving(*arguments: object, environment: dict[str, str] | None = None, before: str = "") -> Iterator[Running]:
    """`frostline serve ARGUMENTS` on a free port, until the block ends.

    `before` is a shell's word before it, such as `ulimit -n 64;`.
    """
    command = [sys.executable, "-m", "frostline", "serve", *map(str, arguments), "--port", "0"]
    if before:
        command = ["sh", "-c", f'{before} exec "$@"', "sh", *command]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
    assert process.stderr is not None
    running = Running(process, "")
    for line in process.stderr:
        running.words.append(line)
        if found := re.search(r"Serving .* at (http://\S+) ", line):
            running.url = found[1]
            break
    assert running.url, "".join(running.words)
    hearing = threading.Thread(target=lambda: running.words.extend(process.stderr or ()), daemon=True)
    hearing.start()
    try:
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            process.kill()
        hearing.join(timeout=5)
        process.stderr.close()


def ready_within(running: Running, seconds: float) -> bool:
    """Whether it is ready before so much time has passed."""
    end = time.monotonic() + seconds
    with running.client as client:
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                if client.get("/readyz").status_code == 200:
                    return True
            time.sleep(0.1)
    return False
