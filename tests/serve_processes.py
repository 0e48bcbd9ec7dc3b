"""A server as a process of its own, with a client that knows its address."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import numpy as np

from frostline.artifact import save_artifact
from frostline.artifact.model import open_model
from frostline.head.linear import Rule

SEVERAL = Path(__file__).parent / "artifact" / "saved_by_0_1_0" / "several-labels"
TOPICS = ("the soup was very tasty", "loan", "goal ! the team with the coach")
"""What `silent_model` answers or not: it is silent on one of them."""


@dataclass
class Running:
    """A server that answers."""

    process: "subprocess.Popen[str]"
    url: str
    words: list[str] = field(default_factory=list)  # What it said on standard error

    @property
    def client(self) -> httpx.Client:
        """A new client of it."""
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    @property
    def reader(self) -> int:
        """The number of the process that reads."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("utf-8").split()
        return int(children[0])

    def signalled(self, number: int) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


PATIENCE = {"start_s": 120, "hang_s": 60, "drain_s": 60}
"""Limits that a busy machine could meet, where a test does not set them."""


@contextlib.contextmanager
def serving(*arguments: object, environment: dict[str, str] | None = None, before: str = "") -> Iterator[Running]:
    """`frostline serve ARGUMENTS` on a free port, until the block ends.

    `before` is a shell's word before it, such as `ulimit -n 64;`.
    """
    told = [*map(str, arguments), "--port", "0"]
    told += [f"--limit={name}={value}" for name, value in PATIENCE.items() if f"{name}=" not in " ".join(told)]
    command = [sys.executable, "-m", "frostline", "serve", *told]
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


def within(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Whether it comes to be so before so much time has passed."""
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.02)
    return is_so()


def ready_within(running: Running, seconds: float, *, other_than: int = 0) -> bool:
    """Whether it is ready before so much time has passed; with another process that reads than one that was ended."""
    end = time.monotonic() + seconds
    with running.client as client:
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                if client.get("/readyz").status_code == 200 and (not other_than or running.reader != other_than):
                    return True
            time.sleep(0.1)
    return False


def unsure_model(model: Path, folder: Path) -> Path:
    """The same classifier, which answers from a probability of 0.9 on."""
    opened = open_model(model)
    rule = Rule(answer_from=0.9)
    save_artifact(folder, head=replace(opened.head, rule=rule), encoder=opened.encoder)
    return folder


def silent_model(folder: Path) -> Path:
    """A classifier of several labels, silent on the one of `TOPICS` that it is least sure of, with a small encoder."""
    opened = open_model(SEVERAL)
    answers = opened.answer(TOPICS)
    whole = np.where(answers.favoured, answers.probabilities, 1 - answers.probabilities).prod(axis=1)
    thresholds = () if opened.head.rule is None else opened.head.rule.thresholds
    head = replace(opened.head, rule=Rule(thresholds=thresholds, answer_from=float(np.median(whole))))
    save_artifact(folder, head=head, encoder=opened.encoder, with_encoder=SEVERAL / "encoder")
    return folder
