"""Merging, sweeping, showing, checking and removing; and folders that are not ours alone."""

import multiprocessing
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from shard_tricks import assert_equal_readings, encode_quietly, remembering, sentences, shards

from fakes import FakeEncoder
from frostline.disk import publish_bytes, sweep_temporaries
from frostline.errors import AccessError, MissingInputError, OutputError, UsageError
from frostline.store import FeatureStore, StoredEncoder, StoreWarning
from frostline.store import store as features
from frostline.store import store as mounts
from frostline.store import store as room
from frostline.store import upkeep as rewrite
from frostline.store.upkeep import KINDS, cache_info, cache_prune, cache_verify


def filled(home: Path, n_rows: int = 20, **encoder: object) -> StoredEncoder:
    _, stored = remembering(home / "features", FakeEncoder(**encoder))  # type: ignore[arg-type]
    stored.encode(sentences(n_rows))
    return stored


def one_by_one(home: Path, texts: list[str]) -> StoredEncoder:
    _, stored = remembering(home / "features")
    for text in texts:
        stored.encode([text])
    return stored


def test_many_small_shards_are_merged(tmp_path: Path) -> None:
    """Texts that come one at a time leave few files, and every row."""
    texts = sentences(150)
    stored = one_by_one(tmp_path, texts)
    assert len(shards(tmp_path)) <= 65
    again = stored.encode(texts)
    assert again.n_read == 0
    assert_equal_readings(again, FakeEncoder().encode(texts))
    assert cache_prune(tmp_path).n_rewritten == 0  # fewer than 65 are left alone


def test_shards_of_different_blocks_are_not_merged_into_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = sentences(5)
    for spec in ("cls@-1", "mean@-1"):
        _, stored = remembering(tmp_path / "features", FakeEncoder(features=spec))
        for text in texts:
            stored.encode([text])
    monkeypatch.setattr(room, "_SMALL_SHARDS", 1)
    assert cache_prune(tmp_path).n_rewritten == 10
    assert len(shards(tmp_path)) == 2
    encoder = FakeEncoder(features="mean@-1+cls@-1")
    assert remembering(tmp_path / "features", encoder)[1].encode(texts).n_read == 0


def test_a_reader_meets_merging_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards that were listed and then merged away are looked for again: nothing is read twice."""
    texts = sentences(10)
    stored = one_by_one(tmp_path, texts)
    folder = stored.store.folder(stored.identity)
    really_list = features.shard_names
    listed: list[list[str]] = []

    def list_then_merge(place: Path) -> list[str]:
        names = really_list(place)
        if not listed:
            rewrite.rewrite(folder, names)
        listed.append(names)
        return names

    monkeypatch.setattr(features, "shard_names", list_then_merge)
    assert stored.encode(texts).n_read == 0
    assert [len(names) for names in listed] == [10, 1]


def test_merging_keeps_rows_apart_from_damage(tmp_path: Path) -> None:
    """A damaged shard among those merged is set aside; its row alone is read again."""
    texts = sentences(10)
    stored = one_by_one(tmp_path, texts)
    damaged = shards(tmp_path)[4]
    content = bytearray(damaged.read_bytes())
    content[-5] ^= 1
    damaged.write_bytes(content)
    rewrite.rewrite(damaged.parent, [path.name for path in shards(tmp_path)])
    assert len(shards(tmp_path)) == 1
    reading, said = encode_quietly(stored, texts)
    assert (reading.n_read, said) == (1, [])
    assert_equal_readings(reading, FakeEncoder().encode(texts))


def test_leftovers_of_the_dead_are_swept_and_the_living_are_left_alone(tmp_path: Path) -> None:
    """A writer's lock tells: no clock, no process number."""
    stored = filled(tmp_path)
    folder = stored.store.folder(stored.identity)
    (folder / ".tmp-dead").write_bytes(b"half a shard")
    script = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'wb'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(folder / ".tmp-living")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"held\n"
        stored.encode(["something new"])
        assert not (folder / ".tmp-dead").exists()
        assert (folder / ".tmp-living").exists()
        writer.kill()
    assert cache_prune(tmp_path).n_files == 1
    assert not (folder / ".tmp-living").exists()


def test_a_writer_swept_between_making_and_locking_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open, n_opened = os.open, []

    def open_then_sweep(path: object, flags: int, *arguments: object, **named: object) -> int:
        handle = really_open(path, flags, *arguments, **named)  # type: ignore[arg-type]
        if flags & os.O_CREAT:
            n_opened.append(path)
            if len(n_opened) == 1:
                assert sweep_temporaries(tmp_path) == 1
        return handle

    monkeypatch.setattr(os, "open", open_then_sweep)
    publish_bytes(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert len(n_opened) == 2


def test_nothing_depends_on_the_clock(tmp_path: Path) -> None:
    """Files of the year 2100, of 1970, of one moment: all the same."""
    stored = filled(tmp_path)
    texts = sentences(20)
    for moment in (0, 4102444800):
        for path in tmp_path.rglob("*"):
            os.utime(path, (moment, moment))
        assert stored.encode(texts).n_read == 0
        assert cache_prune(tmp_path).n_files == 0


def test_info_names_what_is_kept(tmp_path: Path) -> None:
    assert cache_info(tmp_path) == []
    filled(tmp_path, 20)
    filled(tmp_path, 7, weights="other", features="cls@-1")
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "one.onnx").write_bytes(b"12345")
    entries = {entry.name: entry for entry in cache_info(tmp_path)}
    assert set(entries) == {"fake", "other", "graphs"}
    assert (entries["fake"].n_rows, entries["fake"].blocks) == (20, ("mean@0", "mean@1", "mean@2"))
    assert (entries["other"].n_rows, entries["other"].blocks) == (7, ("cls@2",))
    assert entries["fake"].fingerprint == FakeEncoder().identity.fingerprint()
    size = sum(path.stat().st_size for path in (tmp_path / "features" / entries["fake"].fingerprint).iterdir())
    assert (entries["fake"].size_bytes, entries["fake"].n_files) == (size, 2)
    assert (entries["graphs"].size_bytes, entries["graphs"].n_rows) == (5, 0)


def test_info_survives_a_spoilt_description(tmp_path: Path) -> None:
    stored = filled(tmp_path)
    (stored.store.folder(stored.identity) / "identity.json").write_bytes(b"[" * 50_000)
    (entry,) = cache_info(tmp_path)
    assert entry.name == stored.identity.fingerprint()[:12]


def test_verify_names_every_damaged_shard_and_changes_nothing(tmp_path: Path) -> None:
    one_by_one(tmp_path, sentences(6))
    first, second = shards(tmp_path)[1:3]
    first.write_bytes(first.read_bytes()[:-1])
    content = bytearray(second.read_bytes())
    content[-1] ^= 1
    second.write_bytes(content)
    before = {path: path.read_bytes() for path in shards(tmp_path)}
    calls: list[tuple[int, int]] = []
    report = cache_verify(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert (report.n_shards, report.n_rows) == (6, 4)
    assert {shard.path for shard in report.damaged} == {first, second}
    assert [shard.n_rows for shard in report.damaged] == [1, 1]
    assert calls[-1] == (6, 6)
    assert {path: path.read_bytes() for path in shards(tmp_path)} == before


def test_prune_mends_and_removes_what_was_set_aside(tmp_path: Path) -> None:
    stored = filled(tmp_path)
    (path,) = shards(tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    report = cache_prune(tmp_path)
    assert (report.n_files, report.n_rewritten) == (1, 1)
    assert cache_verify(tmp_path).damaged == ()
    assert stored.encode(sentences(20)).n_read == 1
    assert cache_info(tmp_path)[0].n_damaged == 0


def test_prune_removes_one_encoder(tmp_path: Path) -> None:
    kept, gone = filled(tmp_path), filled(tmp_path, weights="other")
    with pytest.raises(MissingInputError, match=r"'third' are kept .*'fake', 'other'"):
        cache_prune(tmp_path, encoder="third")
    size = sum(entry.size_bytes for entry in cache_info(tmp_path) if entry.name == "other")
    assert cache_prune(tmp_path, encoder="other").size_bytes == size
    assert [entry.name for entry in cache_info(tmp_path)] == ["fake"]
    assert (kept.encode(sentences(20)).n_read, gone.encode(sentences(20)).n_read) == (0, 20)
    assert cache_prune(tmp_path, encoder=gone.identity.fingerprint()[:10]).n_files == 2


def test_prune_makes_room(tmp_path: Path) -> None:
    """Shards go until the features take no more than was said, and not more of them than that needs."""
    one_by_one(tmp_path, sentences(20))
    sizes = [path.stat().st_size for path in shards(tmp_path)]
    cache_prune(tmp_path, keep_bytes=sum(sizes) // 2)
    left = sum(path.stat().st_size for path in shards(tmp_path))
    assert sum(sizes) // 2 - max(sizes) < left <= sum(sizes) // 2
    with pytest.raises(UsageError, match="0 or more"):
        cache_prune(tmp_path, keep_bytes=-1)


def test_prune_removes_whole_kinds_and_nothing_else(tmp_path: Path) -> None:
    filled(tmp_path)
    for name in ("graphs", "sets", "mine"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "file").write_bytes(b"123")
    (tmp_path / "sets" / "link").symlink_to(tmp_path / "mine")
    assert cache_prune(tmp_path, kinds=["graphs"]).size_bytes == 3
    assert {entry.kind for entry in cache_info(tmp_path)} == {"features", "sets"}
    cache_prune(tmp_path, kinds=KINDS)
    assert cache_info(tmp_path) == []
    assert (tmp_path / "mine" / "inner" / "file").read_bytes() == b"123"
    with pytest.raises(UsageError, match="features, graphs, sets"):
        cache_prune(tmp_path, kinds=["everything"])  # type: ignore[list-item]


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    """Before anything is read, with the command that mends it; the store's root and the encoder's folder alike."""
    stored = filled(tmp_path)
    encoder = FakeEncoder()
    for folder in (tmp_path / "features", stored.store.folder(stored.identity)):
        folder.chmod(0o777)
        with pytest.raises(AccessError, match=f"chmod 700 {folder}"):
            StoredEncoder(encoder, FeatureStore.open(tmp_path / "features")).encode(sentences(30))
        folder.chmod(0o700)
    assert encoder.read == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    os.chown(tmp_path / "features", 12345, 12345)
    with pytest.raises(AccessError, match="belongs to another user"):
        FeatureStore.open(tmp_path / "features")


def test_a_folder_that_cannot_be_written_to_is_refused_before_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "features").mkdir(mode=0o700)
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # root may write anywhere, but not there
    with pytest.raises(AccessError, match="cannot be written to"):
        FeatureStore.open(tmp_path / "features")


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "features").write_bytes(b"")
    with pytest.raises(OutputError, match="must be a folder"):
        FeatureStore.open(tmp_path / "features")


def test_a_network_file_system_is_named_once_and_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are right there too: nothing is mapped, nothing relies on a lock. Only sweeping would."""
    device = tmp_path.stat().st_dev
    (tmp_path / "mounts").write_text(
        "1 0 0:1 / / rw - ext4 /dev/a rw\n"
        f"2 1 {os.major(device)}:{os.minor(device)} / /x rw shared:1 - nfs4 host:/x rw\n"
    )
    assert mounts.network_file_system(tmp_path, mounts=tmp_path / "mounts") == "nfs4"
    assert mounts.network_file_system(tmp_path, mounts=tmp_path / "none") is None
    monkeypatch.setattr(features, "network_file_system", lambda _folder: "nfs4")
    with pytest.warns(StoreWarning, match="on nfs4: correct there too"):
        store = FeatureStore.open(tmp_path / "features")
    stored = StoredEncoder(FakeEncoder(), store)
    stored.encode(sentences(3))
    leftover = store.folder(stored.identity) / ".tmp-somebody"
    leftover.write_bytes(b"")
    stored.encode(sentences(5))
    assert leftover.exists()


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Path]:
    """A folder with very many shards of one row, and what killed writers left."""
    _, stored = remembering(tmp_path / "features", FakeEncoder(hidden_size=4))
    stored.encode(sentences(1))
    (shard,) = shards(tmp_path)
    content = shard.read_bytes()
    for i in range(2_000):
        shard.with_name(f"{i:040x}-1.safetensors").write_bytes(content)
    for i in range(200):
        shard.with_name(f".tmp-{i}").write_bytes(b"")
    yield tmp_path
    for path in shard.parent.iterdir():
        path.unlink()


def test_a_crowded_folder_is_searched_fast(crowded: Path) -> None:
    """2,000 shards and 200 leftovers in half a second of work; docs/decisions/0006 has the figures for more."""
    _, stored = remembering(crowded / "features", FakeEncoder(hidden_size=4))
    begun = time.process_time()
    assert stored.encode(["not there"]).n_read == 1
    assert time.process_time() - begun < 10  # reading and merging them takes 0.5 s
    assert not list(crowded.rglob(".tmp-*"))


def test_nothing_is_held_open_between_calls(tmp_path: Path) -> None:
    """So that a forked child has nothing to inherit, and a full table of handles is not our doing."""
    stored = filled(tmp_path)
    before = len(list(Path("/dev/fd").iterdir()))
    for n_rows in (20, 30, 30):
        stored.encode(sentences(n_rows))
        cache_verify(tmp_path)
    assert len(list(Path("/dev/fd").iterdir())) == before


def forked_reading(home: Path, answers: "multiprocessing.Queue[int]") -> None:
    _, stored = remembering(home / "features")
    answers.put(stored.encode(sentences(25)).n_read)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_child_goes_on_with_its_parent_s_rows(tmp_path: Path) -> None:
    stored = filled(tmp_path)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside numpy's threads: what is tested
        child = context.Process(target=forked_reading, args=(tmp_path, answers))
        child.start()
    assert answers.get(timeout=60) == 5
    child.join()
    assert stored.encode(sentences(25)).n_read == 0
