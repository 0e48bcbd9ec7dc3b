"""Real processes: killed at random moments, writing side by side, out of room, interrupted."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reading_child import CHUNK_ROWS, texts
from shard_tricks import assert_equal_readings, shards

from fakes import FakeEncoder
from frostline.store import FeatureStore, StoredEncoder
from frostline.store.upkeep import cache_verify

HERE = Path(__file__).parent
N_TEXTS = 480


def start(
    root: Path, log: Path, *, pause_s: float = 0.0, limit_bytes: int | None = None, waits_at: int = 0
) -> "subprocess.Popen[str]":
    path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    limit = [] if limit_bytes is None else [str(limit_bytes)]
    return subprocess.Popen(
        [sys.executable, str(HERE / "reading_child.py"), str(root), str(log), str(N_TEXTS), str(pause_s), *limit],
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "WAITS_AT": str(waits_at)},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def files(root: Path) -> dict[str, bytes]:
    """Everything that is kept, by name: equal where two stores hold the same, byte for byte."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def n_read(log: Path) -> int:
    lines = log.read_text().splitlines() if log.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("read"))


def stored_over(root: Path) -> StoredEncoder:
    return StoredEncoder(FakeEncoder(features="mean@all", hidden_size=8, n_layers=1), FeatureStore.open(root))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert finish(start(folder / "features", folder / "log")) == (0, "")
    return files(folder / "features")


def killed_until_done(folder: Path, rng: random.Random, undisturbed: dict[str, bytes], *, at_most: int) -> int:
    """Kill readers at random moments of their work until one gets to the end, or so many died; how many did."""
    root, log, n_killed = folder / "features", folder / "log", 0
    while True:
        before = n_read(log)
        process = start(root, log, pause_s=0.003)
        while n_read(log) == before and process.poll() is None:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.06))
        if n_killed < at_most:
            process.kill()
        code, said = finish(process)
        assert code in {0, -signal.SIGKILL}, said
        if code == 0:
            break
        n_killed += 1
        visible = {name: content for name, content in files(root).items() if "/.tmp-" not in name}
        assert visible.items() <= undisturbed.items()  # nothing half-written is to be seen
    assert files(root) == undisturbed  # and nothing of the dead is left
    assert N_TEXTS <= n_read(log) <= N_TEXTS + n_killed * CHUNK_ROWS
    assert cache_verify(folder).damaged == ()
    fresh = FakeEncoder(features="mean@all", hidden_size=8, n_layers=1)
    again = stored_over(root).encode(texts(N_TEXTS))
    assert again.n_read == 0
    assert_equal_readings(again, fresh.encode(texts(N_TEXTS)))
    return n_killed


def test_a_killed_run_goes_on(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """Killed with -9 at random moments: at most one chunk is read again per kill, and the bytes end up the same."""
    kill_so_many(tmp_path, undisturbed, n=2, at_once=5)


def kill_so_many(folder: Path, undisturbed: dict[str, bytes], *, n: int, at_once: int) -> None:
    """In one store after the other, as on a busy machine a reader may be done before it is killed."""
    n_killed = n_stores = 0
    while n_killed < n:
        n_stores += 1
        assert n_stores < 50
        own = folder / str(n_stores)
        own.mkdir()
        n_killed += killed_until_done(own, random.Random(n_stores), undisturbed, at_most=at_once)


@pytest.mark.slow
def test_fifty_kills_lose_nothing(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """The same, until fifty have died."""
    kill_so_many(tmp_path, undisturbed, n=50, at_once=50)


def test_processes_that_read_the_same_at_once_all_succeed(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """Four writers, no lock, one result: the shards' names are their content, so each writes what the others do."""
    running = [start(tmp_path / "features", tmp_path / f"log{i}") for i in range(4)]
    assert [finish(process) for process in running] == [(0, "")] * 4
    assert files(tmp_path / "features") == undisturbed


def test_a_file_size_limit_is_an_error_not_a_death(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """Past `ulimit -f` a write fails: exit 74 with the path and the bytes; more room, and the same command goes on."""
    sizes = sorted({len(content) for content in undisturbed.values()})
    code, said = finish(start(tmp_path / "features", tmp_path / "log", limit_bytes=sizes[-1] - 1))
    assert code == 74
    assert "StorageError" in said
    assert f"{sizes[-1]:,} bytes were to be written" in said
    assert "ulimit -f" in said
    assert not any(".tmp-" in name for name in files(tmp_path / "features"))
    assert finish(start(tmp_path / "features", tmp_path / "log")) == (0, "")
    assert files(tmp_path / "features") == undisturbed


def test_an_interrupt_stops_at_once_and_keeps_what_was_kept(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """Ctrl-C ends the run within the chunk; the same command goes on after it."""
    root, log = tmp_path / "features", tmp_path / "log"
    process = start(root, log, waits_at=4)
    while n_read(log) < 4 * CHUNK_ROWS:
        assert process.poll() is None, finish(process)
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    code, said = finish(process)  # it would wait for ten minutes
    assert code == -signal.SIGINT
    assert "KeyboardInterrupt" in said
    n_kept = len(shards(root))
    assert n_kept == 3
    before = n_read(log)
    assert finish(start(root, log)) == (0, "")
    assert n_read(log) - before == N_TEXTS - n_kept * CHUNK_ROWS
    assert files(root) == undisturbed
