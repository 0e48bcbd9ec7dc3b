"""`tools/kills.py` in short: each verb killed now and then."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "kills.py"


def told(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TOOL), *arguments], capture_output=True, text=True, check=False, timeout=280
    )


@pytest.mark.slow
def test_nothing_is_lost_or_half_replaced() -> None:
    ended = told("--n", "12")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    verbs = ["train", "save", "sweep", "review", "embed", "predict"]
    assert [line.split()[0] for line in ended.stdout.splitlines()] == verbs
    assert ended.stdout.count("0 wrong") == 6


def test_a_verb_that_is_killed_leaves_the_old_rows_or_the_new() -> None:
    ended = told("embed", "--n", "2")
    assert (ended.returncode, "2 kills" in ended.stdout, "0 wrong" in ended.stdout) == (0, True, True), ended.stderr
