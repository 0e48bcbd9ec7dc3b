"""What a process has one of, so that tests could hear of each other through it."""

import logging
import os
import signal
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from frostline.cli.main import VERBS

HANDLED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def as_it_was() -> Iterator[None]:
    """What was kept by whoever ran before is forgotten; environment, folder, signals and logs are restored."""
    forget()
    environment, folder, log = dict(os.environ), Path.cwd(), logging.getLogger("frostline.serve")
    handlers, heard, level = {number: signal.getsignal(number) for number in HANDLED}, [*log.handlers], log.level
    try:
        yield
    finally:
        tracemalloc.stop()  # of a test that failed
        log.handlers[:] = heard
        log.setLevel(level)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.chdir(folder)
        for name in {*os.environ, *environment} - {"PYTEST_CURRENT_TEST"}:
            if name not in environment:
                del os.environ[name]
            elif os.environ.get(name) != environment[name]:
                os.environ[name] = environment[name]


def forget() -> None:
    """What modules keep of a first use, where a second one may ask otherwise."""
    for verb in VERBS:  # click keeps the names of --help with which a command was first asked: -h and --help, or one
        if module := sys.modules.get(f"frostline.cli.{verb}"):
            for command in (module.command, *getattr(module.command, "commands", {}).values()):
                command._help_option = None
    if places := sys.modules.get("frostline.places"):
        places._store.cache_clear()  # it knows the keys that the environment had
