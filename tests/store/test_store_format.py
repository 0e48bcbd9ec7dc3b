"""The bytes that are kept, and the numbers that say when shards are merged or go: both are promises."""

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
from shard_tricks import remembering, sentences, shards

from fakes import FakeEncoder
from frostline.errors import AccessError, MissingInputError, StorageError, UsageError
from frostline.store import FeatureStore, StoredEncoder, StoreWarning
from frostline.store.shards import rows_in_name, rows_per_shard
from frostline.store.store import ShardVanishedError, crowd, names_in, network_file_system, shard_names, trouble
from frostline.store.upkeep import cache_info, cache_prune

FINGERPRINT = "326f0edbdfd4ca658a0295db82b3f8d3987d67ae1988c0ab15f73fc92abf55a1"


def test_a_shard_is_these_bytes(tmp_path: Path) -> None:
    """Written by another version they would have another name, and every sentence would be read again."""
    encoder = FakeEncoder("cls@0+mean@-1", hidden_size=2)
    _, stored = remembering(tmp_path / "features", encoder)
    stored.encode(["a text", "another text, longer", "ünï"])
    (shard,) = shards(tmp_path)
    content = shard.read_bytes()
    assert shard.name == "b645c2566abf30fb815803da5ff1472380cf84aa-3.safetensors"
    assert hashlib.sha256(content).hexdigest().startswith(shard.name[:40])
    assert shard.parent.name == FINGERPRINT
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    assert header.decode() == (
        '{"__metadata__":{"format":"frostline-features","version":"1","fingerprint":"' + FINGERPRINT + '"},'
        '"checks":{"dtype":"U32","shape":[3],"data_offsets":[0,12]},'
        '"keys":{"dtype":"U8","shape":[3,32],"data_offsets":[12,108]},'
        '"sums":{"dtype":"U32","shape":[3,2],"data_offsets":[108,132]},'
        '"seen":{"dtype":"I32","shape":[3,2],"data_offsets":[132,156]},'
        '"cls@0":{"dtype":"F32","shape":[3,2],"data_offsets":[156,180]},'
        '"mean@2":{"dtype":"F32","shape":[3,2],"data_offsets":[180,204]}}      '
    )
    assert len(content) == 8 + len(header) + 204
    described = json.loads((shard.parent / "identity.json").read_text("utf-8"))
    assert (described["format"], described["version"]) == ("frostline-encoder", 1)
    assert list(described["identity"]) == [
        *["config_sha256", "family", "graph_version", "max_length", "name", "precision", "revision"],
        *["tokenizer_sha256", "weights_sha256"],
    ]


@pytest.mark.parametrize(
    ("n_features", "n_rows"),
    [(1, 2048), (8192, 2048), (8193, 2047), (16384, 1024), (32768, 512), (40000, 512)],
)
def test_a_shard_holds_64_mb_or_2048_rows_and_never_few(n_features: int, n_rows: int) -> None:
    assert rows_per_shard(n_features) == n_rows


def names(*sizes: int) -> list[str]:
    return [f"{place:040x}-{size}.safetensors" for place, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "n_merged"),
    [
        ([1] * 64, 0),
        ([1] * 65, 65),
        ([511] * 65, 16),  # 16 * 511 = 8,176 rows at most
        ([512] * 65, 0),  # not small
        ([*[512] * 10, *[1] * 65], 65),
        ([1] * 1025, 1024),
        ([128] * 65, 64),  # 8,192 rows exactly
    ],
)
def test_more_than_64_small_shards_are_merged_so_many_at_once(sizes: list[int], n_merged: int) -> None:
    assert len(crowd(names(*sizes))) == n_merged


@pytest.mark.parametrize(
    ("name", "n_rows"),
    [
        ("0" * 40 + "-7.safetensors", 7),
        ("0" * 40 + "-999999.safetensors", 999_999),
        ("0" * 40 + "-1000000.safetensors", 0),
        ("0" * 40 + "-0.safetensors", 0),
        ("0" * 39 + "-7.safetensors", 0),
        ("0" * 40 + "-7.safetensors.damaged", 0),
        ("identity.json", 0),
    ],
)
def test_a_name_says_how_many_rows_there_are(tmp_path: Path, name: str, n_rows: int) -> None:
    assert rows_in_name(name) == n_rows
    (tmp_path / name).write_bytes(b"")
    assert shard_names(tmp_path) == ([name] if n_rows else [])
    assert names_in(tmp_path) == [name]
    assert names_in(tmp_path / "none") == names_in(tmp_path / name) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, "gone"),
        (errno.ENOTDIR, "gone"),
        (errno.ESTALE, "gone"),
        (errno.EIO, "damaged"),
        (errno.EACCES, "damaged"),
        (errno.EMFILE, "the system's"),
        (errno.ENOMEM, "the system's"),
    ],
)
def test_troubles_with_a_shard_are_told_apart(number: int, kind: str) -> None:
    found = trouble(OSError(number, "Odd"), "one.safetensors")
    if kind == "gone":
        assert isinstance(found, ShardVanishedError)
    elif kind == "damaged":
        assert str(found) == "it cannot be read (Odd)"
    else:
        assert isinstance(found, StorageError)
        assert (found.message, found.hint) == (
            "one.safetensors: reading failed (Odd).",
            "Run the same command again.",
        )


def test_no_bytes_may_be_kept(tmp_path: Path) -> None:
    """`keep_bytes=0` is the limit, not past it; the very size keeps every shard, one byte less lets the first go."""
    stored = remembering(tmp_path / "features")[1]
    for text in sentences(3):
        stored.encode([text])
    paths = shards(tmp_path)
    size = sum(path.stat().st_size for path in paths)
    assert cache_prune(tmp_path, keep_bytes=size).n_files == 0
    report = cache_prune(tmp_path, keep_bytes=size - 1)
    assert (report.n_files, report.size_bytes) == (1, size // 3)
    assert shards(tmp_path) == paths[1:]
    assert cache_prune(tmp_path, keep_bytes=0).n_files == 2
    assert shards(tmp_path) == []


def test_what_cannot_be_pruned_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError) as missing:
        cache_prune(tmp_path, encoder="one")
    assert missing.value.message == "No features of encoder 'one' are kept (kept: none at all)."
    stored = remembering(tmp_path / "features")[1]
    stored.encode(["a text"])
    digits = stored.identity.fingerprint()
    with pytest.raises(MissingInputError) as missing:
        cache_prune(tmp_path, encoder=digits[:7])
    assert missing.value.message == f"No features of encoder '{digits[:7]}' are kept (kept: 'fake')."
    with pytest.raises(UsageError) as refused:
        cache_prune(tmp_path, kinds=["graphs", "all"])  # type: ignore[list-item]
    kinds = "features, graphs, sets, joined, classifiers"
    assert refused.value.message == f"What to remove must be among {kinds} (got 'all')."
    with pytest.raises(UsageError) as refused:
        cache_prune(tmp_path, keep_bytes=-1)
    assert refused.value.message == "The bytes to keep must be 0 or more (got -1)."
    assert cache_prune(tmp_path, encoder=digits[:8]).n_files == 2
    assert cache_info(tmp_path) == []


def test_an_encoder_asked_for_twice_goes_once(tmp_path: Path) -> None:
    """By its kind and by its name."""
    remembering(tmp_path / "features")[1].encode(["a text"])
    size = sum(path.stat().st_size for path in (tmp_path / "features").rglob("*") if path.is_file())
    report = cache_prune(tmp_path, kinds=["features"], encoder="fake")
    assert (report.n_files, report.size_bytes, report.n_rewritten) == (2, size, 0)


def test_the_warning_of_damage_names_the_shard_and_what_it_costs(tmp_path: Path) -> None:
    stored = remembering(tmp_path / "features")[1]
    stored.encode(sentences(3))
    (shard,) = shards(tmp_path)
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.warns(StoreWarning) as caught:
        assert stored.encode(sentences(3)).n_read == 1
    assert [str(warning.message) for warning in caught] == [
        (
            f"1 of the shards kept in {shard.parent} cannot be used ({shard.name}: the checksums of 1 of its rows do "
            "not fit). They are set aside, and what is missing is read again (1 sentences)."
        )
    ]
    assert [entry.n_damaged for entry in cache_info(tmp_path)] == [1]


def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Not so")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(AccessError, match=r"cannot be written \(Not so\)"):
        names_in(tmp_path)


@pytest.mark.parametrize(
    ("kind", "is_network"),
    [
        ("nfs", True),
        ("nfs4", True),
        ("cifs", True),
        ("9p", True),
        ("fuse.sshfs", True),
        ("ext4", False),
        ("nfsd", False),
    ],
)
def test_network_file_systems_are_known_by_name(tmp_path: Path, kind: str, *, is_network: bool) -> None:
    device = tmp_path.stat().st_dev
    place = f"{os.major(device)}:{os.minor(device)}"
    mounts = tmp_path / "mounts"
    mounts.write_text(f"1 0 999:1 / / rw - nfs4 x rw\n2 1 {place} / /x rw shared:1 - {kind} host:/x rw\n", "utf-8")
    assert network_file_system(tmp_path, mounts=mounts) == (kind if is_network else None)
    mounts.write_text("1 0 999:1 / / rw - nfs4 x rw\n", "utf-8")
    assert network_file_system(tmp_path, mounts=mounts) is None


def test_a_store_knows_its_encoders_folder(tmp_path: Path) -> None:
    """It need not be there yet; the encoder's own properties come through."""
    store = FeatureStore.open(tmp_path / "features")
    encoder = FakeEncoder("mean@-1")
    stored = StoredEncoder(encoder, store)
    assert store.folder(encoder.identity) == tmp_path / "features" / encoder.identity.fingerprint()
    assert not store.folder(encoder.identity).exists()
    assert (stored.identity, stored.spec, stored.blocks) == (encoder.identity, encoder.spec, encoder.blocks)
    assert (stored.hidden_size, store.network) == (16, None)
