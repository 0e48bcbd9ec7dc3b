"""Digests that are remembered: no longer than the file stays as it was."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from frostline.disk import sha256_of
from frostline.encoder import files as remembered
from frostline.encoder.encoder import Encoder
from frostline.encoder.files import remembered_sha256
from frostline.errors import StorageError


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read whole, as it happens."""
    found: list[Path] = []

    def counted(path: Path) -> str:
        found.append(path)
        return sha256_of(path)

    monkeypatch.setattr(remembered, "sha256_of", counted)
    return found


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as settled at once; whoever changes it waits for the next tick of its clock."""
    monkeypatch.setattr(remembered, "SETTLED_NS", 0)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    time.sleep(0.05)
    return path


def test_a_file_that_stays_as_it_was_is_read_once(weights: Path, tmp_path: Path, reads: list[Path]) -> None:
    for _ in range(3):
        assert remembered_sha256(weights, tmp_path / "kept") == sha256(b"weights")
    assert reads == [weights]


def test_a_change_is_seen_though_size_and_time_are_set_back(weights: Path, tmp_path: Path, reads: list[Path]) -> None:
    remembered_sha256(weights, tmp_path / "kept")
    before = weights.stat()
    weights.write_bytes(b"WEIGHTS")
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (weights.stat().st_mtime_ns, weights.stat().st_size) == (before.st_mtime_ns, before.st_size)
    time.sleep(0.05)
    assert remembered_sha256(weights, tmp_path / "kept") == sha256(b"WEIGHTS")
    assert len(reads) == 2


def test_another_file_in_its_place_is_read(weights: Path, tmp_path: Path, reads: list[Path]) -> None:
    remembered_sha256(weights, tmp_path / "kept")
    before = weights.stat()
    other = tmp_path / "other"
    other.write_bytes(b"strange")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(weights)
    time.sleep(0.05)
    assert remembered_sha256(weights, tmp_path / "kept") == sha256(b"strange")
    assert len(reads) == 2


def test_a_link_is_known_by_what_it_leads_to(weights: Path, tmp_path: Path, reads: list[Path]) -> None:
    link = tmp_path / "link"
    link.symlink_to(weights)
    remembered_sha256(link, tmp_path / "kept")
    assert remembered_sha256(weights, tmp_path / "kept") == sha256(b"weights")
    assert reads == [link]


def test_a_file_changed_just_now_is_not_remembered(tmp_path: Path, reads: list[Path]) -> None:
    """Another change may follow within the same tick."""
    fresh = tmp_path / "model.safetensors"
    for content in (b"one", b"two"):
        fresh.write_bytes(content)
        assert remembered_sha256(fresh, tmp_path / "kept") == sha256(content)
    assert len(reads) == 2
    assert not (tmp_path / "kept").exists()


def test_without_a_folder_it_is_always_read(weights: Path, tmp_path: Path, reads: list[Path]) -> None:
    remembered_sha256(weights, tmp_path / "kept")
    assert remembered_sha256(weights, None) == sha256(b"weights")
    assert len(reads) == 2


def test_a_damaged_note_costs_a_warning_and_a_reading(weights: Path, tmp_path: Path, reads: list[Path]) -> None:
    remembered_sha256(weights, tmp_path / "kept")
    note = next((tmp_path / "kept").iterdir())
    note.write_bytes(note.read_bytes()[:-1] + b"x")
    with pytest.warns(UserWarning, match="damaged; the digest is built anew"):
        assert remembered_sha256(weights, tmp_path / "kept") == sha256(b"weights")
    assert len(reads) == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        remembered_sha256(tmp_path / "nowhere", tmp_path / "kept")


def test_a_second_start_does_not_read_the_checkpoint(
    reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(remembered, "SETTLED_NS", 0)  # it may have been installed a second ago
    first = Encoder.open("minilm").encode(["so be it"]).rows
    assert [path.name for path in reads] == ["model.safetensors"]
    assert (Encoder.open("minilm").encode(["so be it"]).rows == first).all()
    assert len(reads) == 1
