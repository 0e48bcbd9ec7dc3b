"""`tools/kills.py` in short: each verb killed now and then, and its own eyes open: what is half-replaced is told."""

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
    assert [line.split()[0] for line in ended.stdout.splitlines()] == ["train", "save", "sweep", "review", "embed"]
    assert ended.stdout.count("0 wrong") == 5


def test_a_verb_that_is_killed_leaves_the_old_rows_or_the_new() -> None:
    ended = told("embed", "--n", "2")
    assert (ended.returncode, "2 kills" in ended.stdout, "0 wrong" in ended.stdout) == (0, True, True), ended.stderr


@pytest.mark.slow
def test_a_file_that_is_written_in_place_is_told(tmp_path: Path) -> None:
    """A disk that publishes without a second name, as it must never be."""
    (tmp_path / "broken.py").write_text(
        "import contextlib, sys, frostline.disk as disk\n"
        "@contextlib.contextmanager\n"
        "def in_place(path, *, mode=0o644, size_bytes=None):\n"
        "    with open(path, 'wb') as opened:\n"
        "        yield opened\n"
        "disk._published = in_place\n"
        f"sys.path.insert(0, {str(TOOL.parent)!r})\n"
        "import kills\n"
        "sys.exit(kills.main())\n"
    )
    ended = subprocess.run(
        [sys.executable, str(tmp_path / "broken.py"), "embed", "--n", "30"],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "damaged" in ended.stdout or "neither the old one nor the new one" in ended.stdout
