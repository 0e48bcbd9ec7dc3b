"""A shard that is not what was written is a shard that is not there: said once, read again, never returned."""

import json
import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from shard_tricks import assert_equal_readings, encode_quietly, remembering, sentences, shards

from fakes import FakeEncoder
from frostline.errors import StorageError
from frostline.store import text_keys
from frostline.store.shards import HEADER_LIMIT_BYTES, ShardDamageError, open_shard, read_front
from frostline.store.store import Found
from frostline.store.upkeep import cache_verify

TEXTS = sentences(12)


def small() -> FakeEncoder:
    return FakeEncoder(features="mean@all", hidden_size=4, n_layers=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "features"


FRESH = small().encode(TEXTS)


def one_shard(root: Path) -> Path:
    remembering(root, small())[1].encode(TEXTS)
    (path,) = shards(root)
    return path


def answers_rightly(root: Path, *, may_be_silent: bool = False) -> int:
    """Encode twice over a damaged store: rows are right, one warning in all. How many texts were read again."""
    _, stored = remembering(root, small())
    reading, said = encode_quietly(stored, TEXTS)
    assert_equal_readings(reading, FRESH)
    assert len(said) == 1 or (may_be_silent and not said)
    again, said_again = encode_quietly(stored, TEXTS)
    assert_equal_readings(again, FRESH)
    assert said_again == []
    assert again.n_read == 0
    return reading.n_read


def restore(path: Path, content: bytes) -> None:
    """The folder as it was before the damage."""
    for other in path.parent.iterdir():
        if other.suffix != ".json":
            other.unlink()
    path.write_bytes(content)


def test_a_shard_is_a_safetensors_file(root: Path) -> None:
    """Any safetensors reader opens it: nothing about it is private."""
    tensors = load_file(one_shard(root))
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "checks": (3,), "keys": (12, 32), "sums": (12, 2), "seen": (12, 2), "mean@0": (12, 4), "mean@1": (12, 4),
    }  # fmt: skip


def test_every_length_of_truncation_is_met(root: Path) -> None:
    path = one_shard(root)
    content = path.read_bytes()
    for length in [*range(0, len(content), 37), len(content) - 1]:
        restore(path, content[:length])
        assert answers_rightly(root) == 12


def test_every_flipped_bit_is_met(root: Path) -> None:
    """One bit anywhere: what it touched is read again (one row at least), the rest is remembered."""
    path = one_shard(root)
    content = path.read_bytes()
    rng = random.Random(7)
    bits = {rng.randrange(8 * len(content)) for _ in range(150)} | set(range(64)) | {8 * len(content) - 1}
    for bit in sorted(bits):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        restore(path, bytes(damaged))
        assert len(cache_verify(root.parent).damaged) == 1
        assert answers_rightly(root) in {1, 12}, bit


def test_a_damaged_row_costs_one_row(root: Path) -> None:
    """The other rows of the shard are kept on, in a new shard; the damaged one is set aside."""
    path = one_shard(root)
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x10
    path.write_bytes(content)
    assert answers_rightly(root) == 1
    assert not path.exists()
    assert path.with_name(path.name + ".damaged").read_bytes() == bytes(content)


def test_swapped_rows_and_blocks_are_met(root: Path) -> None:
    """A checksum vouches for whose row it is, and of which block: right bytes in the wrong place do not pass."""
    path = one_shard(root)
    content = path.read_bytes()
    width, n_bytes = 16, 12 * 16
    first, second = content[-2 * n_bytes : -n_bytes], content[-n_bytes:]
    restore(path, content[: -2 * n_bytes] + second + first)
    assert answers_rightly(root) == 12
    restore(path, content[:-n_bytes] + second[width : 2 * width] + second[:width] + second[2 * width :])
    assert answers_rightly(root) == 2


def test_blocks_swapped_with_all_their_checksums_are_met(root: Path) -> None:
    """The name of the block is in the checksum: a shard put together wrongly, but consistently, does not pass."""
    path = one_shard(root)
    content = bytearray(path.read_bytes())
    n_bytes, checks_at = 12 * 16, 8 + int.from_bytes(content[:8], "little")
    content[-2 * n_bytes :] = content[-n_bytes:] + content[-2 * n_bytes : -n_bytes]
    sums_at, seen_at = checks_at + 12 + 12 * 32, checks_at + 12 + 12 * 32 + 12 * 8
    sums = struct.unpack("<24I", content[sums_at:seen_at])
    swapped = [value for pair in zip(sums[1::2], sums[::2], strict=True) for value in pair]
    content[sums_at:seen_at] = struct.pack("<24I", *swapped)
    content[checks_at + 8 : checks_at + 12] = struct.pack("<I", zlib.crc32(content[sums_at : -2 * n_bytes]))
    restore(path, bytes(content))
    assert answers_rightly(root) == 12


def test_another_encoder_s_shard_in_this_encoder_s_folder_is_met(root: Path) -> None:
    """Whole, consistent, of the right shape, and of the wrong encoder: copied there by hand."""
    other = FakeEncoder(features="mean@all", hidden_size=4, n_layers=1, weights="other")
    remembering(root, other)[1].encode(TEXTS)
    (foreign,) = shards(root)
    folder = root / small().identity.fingerprint()
    folder.mkdir(mode=0o700)
    foreign.rename(folder / foreign.name)
    assert answers_rightly(root) == 12


def reheaded(content: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    """A shard with a changed header whose checksum fits: not an accident, somebody's doing."""
    n_header = int.from_bytes(content[:8], "little")
    described = json.loads(content[8 : 8 + n_header])
    changed = change(described)
    text = (json.dumps(described, separators=(",", ":")) if changed is None else str(changed)).encode()
    header = len(text).to_bytes(8, "little") + text
    checks = struct.pack("<I", zlib.crc32(header)) + content[12 + n_header : 20 + n_header]
    return header + checks + content[20 + n_header :]


FORGERIES: dict[str, Callable[[dict[str, object]], object]] = {
    "a foreign dtype": lambda header: header.update({"mean@1": {**header["mean@1"], "dtype": "F16"}}),  # type: ignore[dict-item]
    "a huge shape": lambda header: header.update({"mean@1": {**header["mean@1"], "shape": [2**62, 4]}}),  # type: ignore[dict-item]
    "a negative shape": lambda header: header.update({"mean@0": {**header["mean@0"], "shape": [-12, -4]}}),  # type: ignore[dict-item]
    "a shape that is text": lambda header: header.update({"mean@0": {"shape": "ab"}}),
    "another encoder": lambda header: header["__metadata__"].update({"fingerprint": "0" * 64}),  # type: ignore[attr-defined]
    "a tensor more": lambda header: header.update({"more": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}),
    "a tensor less": lambda header: header.__delitem__("mean@1"),
    "no metadata": lambda header: header.__delitem__("__metadata__"),
    "a list": lambda _header: "[]",
    "nothing": lambda _header: "{}",
    "a deep nest": lambda _header: "[" * 100_000,
    "a number of 5,000 digits": lambda _header: "9" * 5000,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_header_is_met(root: Path, forgery: str) -> None:
    path = one_shard(root)
    restore(path, reheaded(path.read_bytes(), FORGERIES[forgery]))
    assert answers_rightly(root) == 12


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0", b"\0" * 5000, b"\xff" * 5000, (2**63).to_bytes(8, "little") + b"{}", b"PK\x03\x04" * 99],
    ids=["empty", "a byte", "zeros", "ones", "a header bomb", "a zip"],
)
def test_garbage_under_a_shard_s_name_is_met(root: Path, garbage: bytes) -> None:
    """Zeros are what a rename without its data leaves after a power cut."""
    restore(one_shard(root), garbage)
    assert answers_rightly(root) == 12


@pytest.mark.parametrize("thing", ["folder", "pipe", "link"])
def test_what_is_not_a_file_is_met(root: Path, thing: str) -> None:
    """A pipe must not block, a link is not followed, a folder is no shard."""
    path = one_shard(root)
    path.rename(root.parent / "aside")
    if thing == "folder":
        path.mkdir()
    elif thing == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(root.parent / "aside")
    assert answers_rightly(root) == 12


def test_a_newer_format_is_left_alone(root: Path) -> None:
    """Another version's shard is a miss without a word, and stays for the version that wrote it."""

    def newer(header: dict[str, object]) -> None:
        header["__metadata__"].update({"version": "2"})  # type: ignore[attr-defined]

    path = one_shard(root)
    changed = reheaded(path.read_bytes(), newer)
    other = path.with_name("f" * 40 + "-12.safetensors")
    path.unlink()
    other.write_bytes(changed)
    assert answers_rightly(root, may_be_silent=True) == 12
    assert other.read_bytes() == changed
    assert cache_verify(root.parent).damaged == ()


def test_one_warning_counts_all_damaged_shards(root: Path) -> None:
    _, stored = remembering(root, small())
    for text in TEXTS:
        stored.encode([text])
    for path in shards(root)[:5]:
        path.write_bytes(path.read_bytes()[:-1])
    reading, said = encode_quietly(stored, TEXTS)
    assert_equal_readings(reading, FRESH)
    assert reading.n_read == 5
    assert len(said) == 1
    assert said[0].startswith("5 of the shards kept in ")
    assert "(5 sentences)" in said[0]


@pytest.mark.parametrize(("number", "expected"), [(5, "damaged"), (24, "error")])
def test_a_read_that_fails_is_damage_or_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: str
) -> None:
    """An I/O error (5) is the shard's: it is set aside. Too many open files (24) is not: no shard suffers for it."""
    path = one_shard(root)
    really_open = os.open

    def failing(file: object, *arguments: object, **named: object) -> int:
        if str(file) == str(path) and path.exists():
            raise OSError(number, os.strerror(number))
        return really_open(file, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", failing)
    if expected == "error":
        with pytest.raises(StorageError, match="Too many open files"):
            remembering(root, small())[1].encode(TEXTS)
        assert path.exists()
    else:
        reading, said = encode_quietly(remembering(root, small())[1], TEXTS)
        assert_equal_readings(reading, FRESH)
        assert len(said) == 1
        assert path.with_name(path.name + ".damaged").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bytes(7), "its header's length is out of bounds"),
        (bytes(8), "it ends early"),
        ((HEADER_LIMIT_BYTES - 7).to_bytes(8, "little") + bytes(99), "its header's length is out of bounds"),
        ((HEADER_LIMIT_BYTES - 8).to_bytes(8, "little") + bytes(99), "it ends early"),
    ],
)
def test_a_header_has_a_length_within_bounds(tmp_path: Path, content: bytes, said: str) -> None:
    """Eight bytes say it; with them it has at most 256 KiB."""
    (tmp_path / "shard").write_bytes(content)
    handle = open_shard(str(tmp_path / "shard"))
    try:
        with pytest.raises(ShardDamageError, match=f"^{said}$"):
            read_front(handle, {})
    finally:
        os.close(handle)


def test_where_nothing_is_missing_no_shard_is_opened(tmp_path: Path) -> None:
    """And no folder listed anew: all there is was there."""
    assert Found.nothing(small(), text_keys([])).go_through(tmp_path, ["no such shard"])
