"""What the store's tests share: encoders, sentences, shards by path, and the one comparison that matters."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fakes import FakeEncoder
from frostline.encoder.reading import Reading
from frostline.store import FeatureStore, StoredEncoder, StoreWarning


def remembering(root: Path, encoder: FakeEncoder | None = None) -> tuple[FakeEncoder, StoredEncoder]:
    """A fresh encoder that has read nothing, and the same with a memory in `root`."""
    fresh = FakeEncoder() if encoder is None else encoder
    return fresh, StoredEncoder(fresh, FeatureStore.open(root))


def sentences(n: int, start: int = 0) -> list[str]:
    return [f"sentence number {i} speaks of {'snow ' * (i % 7)}and ice" for i in range(start, start + n)]


def shards(root: Path) -> list[Path]:
    return sorted(root.rglob("*.safetensors"))


def assert_equal_readings(found: Reading, fresh: Reading) -> None:
    np.testing.assert_array_equal(found.rows, fresh.rows)
    np.testing.assert_array_equal(found.pieces, fresh.pieces)
    np.testing.assert_array_equal(found.cut, fresh.cut)
    assert [found.rows.dtype, found.pieces.dtype, found.cut.dtype] == ["float32", "int32", "bool"]


def encode_quietly(stored: StoredEncoder, texts: Sequence[str]) -> tuple[Reading, list[str]]:
    """The answer, and the warnings that came with it; any other warning than the store's is an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", StoreWarning)
        reading = stored.encode(texts)
    return reading, [str(warning.message) for warning in caught]
