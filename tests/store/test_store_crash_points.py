"""Every call that changes the disk fails once, is the last one of the process once, and of the machine once."""

import errno
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shard_tricks import assert_equal_readings, encode_quietly, remembering, shards

from fakes import FakeEncoder
from frostline.errors import AccessError, StorageError
from frostline.store import store as room
from frostline.store import stored as stored_module
from frostline.store.upkeep import cache_verify

OLD = [f"old {i}" for i in range(8)]
NEW = [f"new {i}" for i in range(6)]


class Died(BaseException):
    """The process is no more: nothing can catch it, and nothing is cleaned up."""


class Disk:
    """The real disk behind a counter, which at call number `at` does what `mode` says.

    Modes: `error` (that call fails, the following ones work), `death` (nothing works from there on), `power cut` (so
    too, and then what was not synced is lost: the content of files, and new names in folders; removals are not).
    """

    CALLS = ("open", "write", "fsync", "replace", "unlink")
    PATCHED = ("open", "fdopen", "fsync", "replace", "unlink")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, mode: str, at: int, number: int = errno.EIO) -> None:
        self.mode, self.at, self.number, self.n_calls, self.failed_call = mode, at, number, 0, ""
        self.paths: dict[int, Path] = {}
        self.unsynced: set[Path] = set()
        self.unsynced_names: set[Path] = set()
        self.real = {name: getattr(os, name) for name in self.PATCHED}
        for name in self.PATCHED:
            monkeypatch.setattr(os, name, getattr(self, name))

    def _count(self, call: str) -> None:
        self.n_calls += 1
        if self.n_calls == self.at:
            self.failed_call = call
        if self.mode == "error" and self.n_calls == self.at:
            raise OSError(self.number, os.strerror(self.number))
        if self.mode != "error" and self.n_calls >= self.at:
            raise Died

    def open(self, path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if flags & os.O_CREAT:
            self._count("open")
        handle: int = self.real["open"](path, flags, *arguments, **named)
        self.paths[handle] = Path(path)
        return handle

    def fdopen(self, handle: int, mode: str) -> io.BufferedWriter:
        return io.BufferedWriter(CountedFile(self, handle, mode))

    def about_to_write(self, handle: int) -> None:
        self._count("write")
        self.unsynced.add(self.paths[handle])

    def fsync(self, handle: int) -> None:
        self._count("fsync")
        self.real["fsync"](handle)
        path = self.paths[handle]
        self.unsynced.discard(path)
        self.unsynced_names = {name for name in self.unsynced_names if name.parent != path}

    def replace(self, source: Any, target: Any) -> None:
        self._count("replace")
        self.real["replace"](source, target)
        if Path(source) in self.unsynced:
            self.unsynced.add(Path(target))
        self.unsynced_names.add(Path(target))

    def unlink(self, path: Any, **named: Any) -> None:
        self._count("unlink")
        self.real["unlink"](path, **named)

    def cut_power(self) -> None:
        for path in self.unsynced:
            if path.exists():
                path.write_bytes(b"\0" * path.stat().st_size)
        for path in self.unsynced_names:
            path.unlink(missing_ok=True)


class CountedFile(io.FileIO):
    """A file whose writes are counted, the retry on closing included."""

    def __init__(self, disk: Disk, handle: int, mode: str) -> None:
        super().__init__(handle, mode)
        self.disk = disk

    def write(self, content: Any, /) -> int:
        self.disk.about_to_write(self.fileno())
        return super().write(content)


def small() -> FakeEncoder:
    return FakeEncoder(features="mean@all", hidden_size=4, n_layers=1)


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with small shards, in one of which a row is damaged: the next reading mends, keeps and merges."""
    monkeypatch.setattr(room, "_SMALL_SHARDS", 100)
    _, stored = remembering(tmp_path / "template", small())
    stored.encode(OLD[:3])
    (damaged,) = shards(tmp_path / "template")
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    for text in OLD[3:]:
        stored.encode([text])
    monkeypatch.setattr(room, "_SMALL_SHARDS", 4)
    monkeypatch.setattr(stored_module, "rows_per_shard", lambda _n_features: 4)
    return tmp_path / "template"


def run_with(
    folder: Path, template: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[pytest.MonkeyPatch], Disk]
) -> tuple[Disk, BaseException | None]:
    shutil.copytree(template, folder / "features")
    met: BaseException | None = None
    with monkeypatch.context() as patched:
        disk = make(patched)
        try:
            encode_quietly(remembering(folder / "features", small())[1], OLD + NEW)
        except (StorageError, AccessError, Died) as error:
            met = error
    if disk.mode == "power cut":
        disk.cut_power()
    return disk, met


@pytest.mark.parametrize("mode", ["error", "full", "death", "power cut"])
def test_no_crash_point_loses_or_spoils_a_row(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Whatever the last call was, rows kept before are there, none is wrong, and the next run finishes the work."""
    expected = small().encode(OLD + NEW)
    number, kind = (errno.ENOSPC, "error") if mode == "full" else (errno.EIO, mode)
    failed_calls = set()
    for at in range(1, 1000):
        folder = tmp_path / str(at)
        folder.mkdir()
        disk, met = run_with(
            folder,
            template,
            monkeypatch,
            lambda patch, at=at: Disk(patch, mode=kind, at=at, number=number),  # type: ignore[misc]
        )
        assert isinstance(met, Died) == (kind != "error" and disk.failed_call != "")
        failed_calls.add(disk.failed_call)
        reading, _ = encode_quietly(remembering(folder / "features", small())[1], OLD + NEW)
        assert_equal_readings(reading, expected)
        assert reading.n_read <= len(NEW) + 1  # the new ones, and the damaged one: the other old ones are never lost
        last, said = encode_quietly(remembering(folder / "features", small())[1], OLD + NEW)
        assert (last.n_read, said) == (0, [])
        assert cache_verify(folder).damaged == ()
        if not disk.failed_call:
            break
    assert failed_calls == {"", *Disk.CALLS}
    assert at > 30  # or this tests less than it says


def test_a_failed_sync_is_never_called_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After fsync has failed the shard must not appear: the kernel may have dropped its pages."""
    _, stored = remembering(tmp_path / "features", small())
    stored.encode(OLD[:1])
    with monkeypatch.context() as patched:
        Disk(patched, mode="error", at=3)  # open, write, fsync
        with pytest.raises(StorageError, match=r"Input/output error; [\d,]+ bytes were to be written"):
            stored.encode(OLD[:2])
    assert len(shards(tmp_path)) == 1
    assert not any(path.name.startswith(".tmp-") for path in tmp_path.rglob("*"))
