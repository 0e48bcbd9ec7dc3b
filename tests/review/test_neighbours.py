"""The nearest texts are those that a full product finds, in far less memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.encoder.features import FeatureSpec
from frostline.review import near as neighbours
from frostline.review.near import columns_to_compare, directions, nearest


def rows_of(n: int, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 40), m=st.integers(1, 40), k=st.integers(1, 6), seed=st.integers(0, 99), alike=st.booleans())
def test_tiles_find_what_the_whole_product_finds(n: int, m: int, k: int, seed: int, *, alike: bool) -> None:
    """Whatever the sizes, also where many are equally near."""
    others, centre = directions(np.round(rows_of(m, 2 if alike else 8, seed)))
    rows, _ = directions(np.round(rows_of(n, 2 if alike else 8, seed + 1)), centre=centre)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "TILE_ROWS", 7)
        patch.setattr(neighbours, "TILE_COLUMNS", 5)
        patch.setattr(neighbours, "_MANY", 2)
        found = nearest(rows, among=others, k=k)
    expected = -np.sort(-(rows @ others.T), axis=1)[:, :k]
    width = min(k, m)
    np.testing.assert_allclose(found.cosines[:, :width], expected, atol=1e-6)
    assert (found.rows[:, width:] == -1).all()
    assert (found.cosines[:, width:] == -1).all()
    np.testing.assert_allclose((rows[:, None] * others[found.rows[:, :width]]).sum(-1), expected, atol=1e-6)


def test_no_row_is_its_own_neighbour() -> None:
    """Not even among copies of itself; each neighbour once."""
    rows = np.repeat(rows_of(5), 3, axis=0)
    points, _ = directions(rows)
    found = nearest(points, k=4, threads=2)
    assert all(row not in near for row, near in enumerate(found.rows.tolist()))
    assert all(len(set(near)) == 4 for near in found.rows.tolist())
    np.testing.assert_allclose(found.cosines[:, :2], 1, atol=1e-6)


def test_opposite_rows_are_neighbours_too() -> None:
    """Of two texts each is the other's nearest, though about their mean they point apart."""
    points, _ = directions(rows_of(2))
    found = nearest(points, k=3)
    assert found.rows.tolist() == [[1, -1, -1], [0, -1, -1]]
    np.testing.assert_allclose(found.cosines[:, 0], -1, atol=1e-6)


def test_rows_that_are_all_equal_have_no_direction() -> None:
    """Rounding must not give them one."""
    rounding = np.random.default_rng(0).choice([-1, 0, 1], (9, 4)) * np.spacing(np.float32(3.1))
    points, _ = directions((np.float32(3.1) + rounding).astype(np.float32))
    assert not points.any()
    assert not nearest(points, k=2).cosines.any()


def test_memory_does_not_grow_with_the_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """4,000 rows against each other: their whole product would take 64 MB."""
    monkeypatch.setattr(neighbours, "TILE_ROWS", 128)
    monkeypatch.setattr(neighbours, "TILE_COLUMNS", 1024)
    points, _ = directions(rows_of(4000, 4))
    tracemalloc.start()
    nearest(points, k=5, threads=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16_000_000


def test_progress_ends_with_every_row() -> None:
    """Counted in rows."""
    told: list[tuple[int, int]] = []
    points, _ = directions(rows_of(30))
    nearest(points, k=1, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (30, 30)


@pytest.mark.parametrize(
    ("features", "chosen"),
    [
        ("mean@all", slice(24, 32)),
        ("cls@-1", slice(0, 8)),
        ("cls@-1+mean@-1", slice(8, 16)),
        ("max@-1,-2", slice(0, 8)),
    ],
)
def test_texts_are_compared_by_the_last_layer(features: str, chosen: slice) -> None:
    """By its mean where there is one."""
    assert columns_to_compare(FeatureSpec.parse(features).blocks(3), 8) == chosen
