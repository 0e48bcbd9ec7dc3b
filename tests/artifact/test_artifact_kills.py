"""kill -9 at any moment of a save: the old artifact, or the new one, and nothing else."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from made_artifacts import saved, some_head

from fakes import FakeEncoder
from frostline import disk as publish
from frostline.artifact import ArtifactRecord, load_artifact, save_artifact
from frostline.errors import MissingInputError, StorageError

# Saves for ever, in a process of its own for each line on its input; a fork costs 2 ms where a new Python costs 300.
CHILD = """
import os, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from fakes import FakeEncoder
from made_artifacts import RECORD, some_head
from frostline.artifact import save_artifact

path, encoder = Path(sys.argv[1]), FakeEncoder()
save_artifact(path.with_name("warm"), head=some_head(), encoder=encoder)  # all imports are done before the fork
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        seed = int(line)
        while True:
            save_artifact(path, head=some_head(seed=seed), encoder=encoder, record=RECORD, overwrite=True)
            seed += 1
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


@contextlib.contextmanager
def saver(path: Path) -> Iterator["subprocess.Popen[str]"]:
    here = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(here), str(here.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        shutil.rmtree(path.with_name("warm"))
        yield child
        assert child.stdin is not None
        child.stdin.close()


def duration_s(folder: Path) -> float:
    """Of one save, here and now: other machines and fuller disks take longer."""
    folder.mkdir()
    start = time.perf_counter()
    for turn in range(3):
        saved(folder, name=f"model-{turn}")
    shutil.rmtree(folder)
    return (time.perf_counter() - start) / 3


def started(child: "subprocess.Popen[str]", seed: int) -> int:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{seed}\n")
    child.stdin.flush()
    return int(child.stdout.readline())


def killed(child: "subprocess.Popen[str]", pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert child.stdout is not None
    assert child.stdout.readline() == "gone\n"


def test_a_save_that_is_killed_leaves_the_old_artifact_or_the_new(tmp_path: Path) -> None:
    path = saved(tmp_path)
    chance = random.Random(3)
    longest_s = 4 * duration_s(tmp_path / "timing")
    loaded: set[bytes] = set()
    turn = 0
    with saver(path) as child:
        while turn < 30 or (len(loaded) <= 5 and turn < 90):
            pid = started(child, 100 * turn)
            time.sleep(chance.uniform(0, longest_s * (1 + turn // 30)))  # a busy machine saves more slowly than it did
            killed(child, pid)
            loaded.add(load_artifact(path).head.coef.tobytes())
            turn += 1
    assert len(loaded) > 5, "no save came through between the kills: nothing was tested"
    meant = {some_head(seed=100 * earlier + more).coef.tobytes() for earlier in range(turn) for more in range(99)}
    assert loaded <= meant | {some_head().coef.tobytes()}
    save_artifact(path, head=some_head(), encoder=FakeEncoder(), overwrite=True)
    assert [inner.name for inner in tmp_path.iterdir()] == ["model"], "what the killed left behind is swept"


def test_a_first_save_that_is_killed_leaves_the_whole_or_nothing(tmp_path: Path) -> None:
    """The kill comes later after each that left nothing, and earlier after each that left all: close to the end."""
    chance = random.Random(4)
    wait_s = duration_s(tmp_path / "timing")
    ends: list[str] = []
    with saver(tmp_path / "model") as child:
        while len(ends) < 25 or (len(set(ends)) < 2 and len(ends) < 100):
            pid = started(child, 0)
            time.sleep(wait_s * chance.uniform(0.8, 1.2))
            killed(child, pid)
            try:
                load_artifact(tmp_path / "model")
                ends.append("whole")
            except MissingInputError:
                ends.append("nothing")
            wait_s *= 1.25 if ends[-1] == "nothing" else 0.8
            for left in tmp_path.iterdir():
                shutil.rmtree(left)
    assert set(ends) == {"whole", "nothing"}


def test_a_reader_never_meets_half_a_save(tmp_path: Path) -> None:
    """Loading again and again while another process overwrites: always an artifact."""
    path = saved(tmp_path)
    loaded: set[str] = set()
    with saver(path) as child:
        pid = started(child, 0)
        end = time.monotonic() + 120
        while len(loaded) <= 10 and time.monotonic() < end:  # two seconds on a quiet machine
            loaded.add(load_artifact(path).sha256)
        killed(child, pid)
    assert len(loaded) > 10


# --- the folder that is published


def cut_between_two_renames(path: Path) -> None:
    """What a kill between them leaves: the new folder and the old one, neither under its name."""
    filled = path.with_name(f".tmp-{path.name}-0123456789ab")
    filled.mkdir()
    path.rename(filled.with_name(filled.name + ".old"))


def test_an_artifact_is_brought_back_when_it_is_opened(tmp_path: Path) -> None:
    """A kill between the two renames of a save; nothing else is left of it."""
    path = saved(tmp_path)
    cut_between_two_renames(path)
    assert np.array_equal(load_artifact(path).head.coef, some_head().coef)
    assert [inner.name for inner in tmp_path.iterdir()] == ["model"]


def test_an_artifact_between_two_renames_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A living save holds its turn: who opens the artifact then gets the new one."""
    path = saved(tmp_path)
    rename, opened = Path.rename, []

    def slow(self: Path, target: Path) -> Path:
        if target == path:  # the old folder has given way, the new one is not there yet
            reader.start()
            reader.join(0.1)
            assert reader.is_alive()
        return rename(self, target)

    reader = threading.Thread(target=lambda: opened.append(load_artifact(path).head.coef))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", slow)
        save_artifact(path, head=some_head(seed=1), encoder=FakeEncoder(), overwrite=True)
    reader.join()
    assert np.array_equal(opened[0], some_head(seed=1).coef)


def test_two_who_save_at_once_both_succeed(tmp_path: Path) -> None:
    """One after the other: the artifact is one of theirs, and nothing else is left."""
    path = saved(tmp_path)

    def save(seed: int) -> None:
        for _ in range(10):
            save_artifact(path, head=some_head(seed=seed), encoder=FakeEncoder(), overwrite=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(save, (1, 2)))
    assert load_artifact(path).head.coef.tobytes() in {some_head(seed=seed).coef.tobytes() for seed in (1, 2)}
    assert [inner.name for inner in tmp_path.iterdir()] == ["model"]


def test_a_file_in_the_way_is_replaced_by_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_text("not a folder")
    with publish.publish_folder(path, overwrite=True) as folder:
        (folder / "a").write_text("1")
    assert (path / "a").read_text() == "1"
    assert [inner.name for inner in tmp_path.iterdir()] == ["model"]


def test_what_a_kill_between_two_renames_left_is_brought_back_by_the_next_save(tmp_path: Path) -> None:
    path = saved(tmp_path)
    cut_between_two_renames(path)
    with contextlib.suppress(KeyError), publish.publish_folder(path, overwrite=True):
        assert load_artifact(path).head.labels == some_head().labels, "back before the new one is filled"
        raise KeyError  # and the new one fails
    assert np.array_equal(load_artifact(path).head.coef, some_head().coef)
    assert [inner.name for inner in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_a_living_process_fills_is_not_swept(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with publish.publish_folder(path) as first:
        (first / "a").write_text("1")
        with publish.publish_folder(path) as second:
            assert first.is_dir()
            (second / "a").write_text("2")
        shutil.rmtree(path)
    assert (path / "a").read_text() == "1"


def test_other_folders_with_like_names_are_left_alone(tmp_path: Path) -> None:
    names = [".tmp-model-xyz", ".tmp-other-0123456789ab", "tmp-model-0123456789ab", ".tmp-model-0123456789ab.txt"]
    for name in names:
        (tmp_path / name).mkdir()
    saved(tmp_path)
    assert {inner.name for inner in tmp_path.iterdir()} == {"model", *names}


def test_a_full_disk_leaves_the_old_artifact(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands in for it: the report is larger than a file may be."""
    resource = pytest.importorskip("resource")
    path = saved(tmp_path)
    before = load_artifact(path).sha256
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    try:
        with pytest.raises(StorageError, match="writing failed"):
            save_artifact(
                path,
                head=some_head(seed=1),
                encoder=FakeEncoder(),
                record=ArtifactRecord(report="x" * 200_000),
                overwrite=True,
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert load_artifact(path).sha256 == before
    assert [inner.name for inner in tmp_path.iterdir()] == ["model"]
