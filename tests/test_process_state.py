"""Tests of one process do not hear of each other."""

import logging
import os
import signal
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner

from frostline.cli.main import cli
from frostline.cli.tutorial import command
from process_state import HANDLED, as_it_was


def test_what_a_process_has_one_of_is_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANGED", "before")
    monkeypatch.setenv("REMOVED", "before")
    log = logging.getLogger("frostline.serve")

    def state() -> tuple[object, ...]:
        signals = [signal.getsignal(number) for number in HANDLED]
        return dict(os.environ), Path.cwd(), signals, [*log.handlers], log.level, tracemalloc.is_tracing()

    before = state()
    with pytest.raises(ZeroDivisionError), as_it_was():  # noqa: PT012 - what is undone
        os.environ["CHANGED"] = os.environ["ADDED"] = "now"
        del os.environ["REMOVED"]
        os.chdir(tmp_path)
        for number in HANDLED:
            signal.signal(number, signal.SIG_IGN)
        log.addHandler(logging.NullHandler())
        log.setLevel(logging.CRITICAL)
        tracemalloc.start()
        raise ZeroDivisionError
    assert state() == before


@pytest.mark.parametrize("first", [True, False])
def test_how_a_command_was_asked_for_its_help_is_forgotten(*, first: bool) -> None:
    """By itself it knows --help alone, below `frostline` -h too; click keeps what came first."""
    said = []
    for is_alone in (first, not first):
        with as_it_was():
            asked = (command, ["--help"]) if is_alone else (cli, ["tutorial", "--help"])
            said.append("-h, --help" in CliRunner().invoke(*asked).output)
    assert said == [not first, first]
