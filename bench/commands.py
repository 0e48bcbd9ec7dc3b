"""Whole commands, as a person starts them: how long until they are done."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from bench.environment import as_installed
from frostline.errors import BackendError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTimes:
    """Seconds of each run of each command, and what the training commands said of themselves.

    Parameters
    ----------
    runs : dict of str to tuple of float
        By command.
    first, second : dict
        The documents of `train --json` on the same file, run one after the other.
    """

    runs: dict[str, tuple[float, ...]]
    first: dict[str, Any]
    second: dict[str, Any]


def time_commands(file: Path, *, test: Path | None, repeats: int) -> CommandTimes:
    """Start-up, a prediction from a cold start, and training twice on the same file."""
    with tempfile.TemporaryDirectory() as scratch:
        home, model = Path(scratch) / "home", Path(scratch) / "model"
        home.mkdir(mode=0o700)
        environment = as_installed(FROSTLINE_HOME=str(home))
        testing = [] if test is None else ["--test", str(test)]
        training = ["train", str(file), *testing, "--json", "--out", str(model), "--overwrite"]
        first = _run(_frostline(*training), environment)[1]
        again = [_run(_frostline(*training), environment) for _ in range(repeats)]
        timed = {
            "import frostline": [sys.executable, "-c", "import frostline"],
            "frostline --help": _frostline("--help"),
            "frostline predict MODEL TEXT": _frostline("predict", str(model), "a visually stunning rumination on love"),
        }
        runs = {}
        for name, command in timed.items():
            _run(command, environment)
            runs[name] = tuple(_run(command, environment)[0] for _ in range(repeats * 3))
        runs["frostline train, a second time"] = tuple(seconds for seconds, _ in again)
    return CommandTimes(runs=runs, first=json.loads(first), second=json.loads(again[-1][1]))


def _frostline(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "frostline", *arguments]


def _run(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    started = time.perf_counter()
    ended = subprocess.run(  # noqa: S603 - this interpreter, commands of ours
        command, capture_output=True, text=True, check=False, env=environment
    )
    seconds = time.perf_counter() - started
    if ended.returncode:
        raise BackendError(f"{' '.join(command[1:4])} ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")
    return seconds, ended.stdout
