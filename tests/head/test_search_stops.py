"""A search that takes minutes can be stopped in seconds."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.targets import Targets


@pytest.mark.skipif(os.name != "posix", reason="only POSIX sends signals so")
def test_ctrl_c_stops_a_search_within_five_seconds() -> None:
    """Also while its threads are in the midst of solving: they stop at the next product."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((2000, 1000)).astype(np.float32)
    codes = rng.integers(0, 8, 2000)
    options = SearchOptions(Cs=tuple(np.linspace(1, 100, 400)))  # enough for minutes, whatever the machine
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.process_time())
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    timer = threading.Timer(1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - a busy machine may be heard of before the search begins
            timer.start()
            search(rows, Targets.of_codes(codes, tuple("abcdefgh")), options=options)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert time.process_time() - sent[0] < 5
    assert not any("frostline-crew" in thread.name for thread in threading.enumerate())
