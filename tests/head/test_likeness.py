"""How like a text is to those learned from: calibrated, the same alone as in company, and low where it should be."""

from dataclasses import replace

import numpy as np
import pytest

from frostline.arrays import Float32Array, Float64Array, IntArray
from frostline.head.likeness import (
    N_DIMENSIONS,
    N_SHARES,
    Likeness,
    _dealt,
    _held_out,
    _shape,
    fit_likeness,
    folded,
    unsureness,
)

N_TEXTS, N_BLOCKS, WIDTH = 600, 3, 100


def made_rows(n: int, *, seed: int, shift: float = 0.0) -> Float32Array:
    """Rows of two clouds, along few directions more than along others; of another kind where shifted."""
    random = np.random.default_rng(seed)
    sides = random.integers(0, 2, n)[:, None] * 2 - 1
    spread = np.linspace(0.2, 3, N_BLOCKS * WIDTH)
    rows = 5 + sides * np.sin(np.arange(N_BLOCKS * WIDTH)) + spread * random.normal(size=(n, N_BLOCKS * WIDTH))
    return (rows + shift * np.cos(np.arange(N_BLOCKS * WIDTH))).astype(np.float32)


def made_shares(n: int, *, seed: int) -> Float64Array:
    first = np.random.default_rng(seed).beta(4, 1, n)
    return np.stack([first, 1 - first], axis=1)


ROWS, SHARES = made_rows(N_TEXTS, seed=0), made_shares(N_TEXTS, seed=0)


@pytest.fixture(scope="module")
def likeness() -> Likeness:
    fitted = fit_likeness(ROWS, SHARES, n_blocks=N_BLOCKS, lots=np.arange(N_TEXTS))
    assert fitted is not None
    return fitted


def test_of_new_texts_of_the_same_kind_each_share_has_a_likeness_below_it(likeness: Likeness) -> None:
    """20,000 new texts; the texts learned from are 600, so that the shares are met to within what 600 can tell."""
    told = likeness.of(made_rows(20_000, seed=1), made_shares(20_000, seed=1))
    for below, off in ((0.01, 0.009), (0.05, 0.02), (0.5, 0.05)):
        assert abs((told < below).mean() - below) < off
    assert told.min() >= round(1 / (N_TEXTS + 1), 6)
    assert told.max() <= 1


def test_texts_of_another_kind_are_unlike(likeness: Likeness) -> None:
    other = likeness.of(made_rows(500, seed=2, shift=8.0), made_shares(500, seed=2))
    assert (other < 0.01).mean() > 0.95


def test_unsure_texts_of_the_same_kind_are_less_like(likeness: Likeness) -> None:
    rows = made_rows(500, seed=3)
    sure, unsure = (likeness.of(rows, np.tile([share, 1 - share], (500, 1))) for share in (0.99, 0.5))
    assert (unsure < sure).all()


def test_a_text_is_as_like_alone_as_in_company(likeness: Likeness) -> None:
    rows, shares = made_rows(300, seed=4), made_shares(300, seed=4)  # more than one window
    together = likeness.of(rows, shares)
    alone = [likeness.of(rows[[row]], shares[[row]])[0] for row in range(300)]
    assert together.tolist() == alone
    assert np.array_equal(together, np.round(together, 6))


def test_the_same_rows_give_the_same_bytes(likeness: Likeness) -> None:
    again = fit_likeness(ROWS, SHARES, n_blocks=N_BLOCKS, lots=np.arange(N_TEXTS))
    assert again is not None
    assert [getattr(again, name).tobytes() for name in ("centre", "factor", "exceeded")] == [
        getattr(likeness, name).tobytes() for name in ("centre", "factor", "exceeded")
    ]


def test_what_is_kept_does_not_grow_with_texts_features_or_labels(likeness: Likeness) -> None:
    """62 kB at most."""
    kept = {name: getattr(likeness, name) for name in ("centre", "factor", "exceeded")}
    assert {name: (values.dtype.str, values.shape) for name, values in kept.items()} == {
        "centre": ("<f4", (N_DIMENSIONS,)),
        "factor": ("<f2", (N_DIMENSIONS * (N_DIMENSIONS + 1) // 2,)),
        "exceeded": ("<f4", (3, N_SHARES)),
    }
    assert sum(values.nbytes for values in kept.values()) < 62_000
    assert (likeness.n_blocks, likeness.n_texts) == (N_BLOCKS, N_TEXTS)


def test_the_held_out_texts_themselves_are_below_each_share_as_often_as_it_says() -> None:
    """By rank: of n distinct values the k-th largest has the likeness k / (n + 1), where the table has it exactly."""
    rows = made_rows(99, seed=5)
    fitted = fit_likeness(rows, np.full((99, 2), 0.5), n_blocks=N_BLOCKS, lots=np.arange(99))
    assert fitted is not None
    assert fitted.exceeded[0, -1] == fitted.exceeded[0].max()
    assert np.isclose(fitted._share(0, np.array([fitted.exceeded[0, -1]]))[0], 0.01)
    assert np.isclose(fitted._share(0, np.array([fitted.exceeded[0, 0] - 1]))[0], 1.0)


@pytest.mark.parametrize(("n_texts", "below", "can"), [(99, 0.01, False), (100, 0.01, True), (19, 0.05, False)])
def test_a_share_can_be_told_from_so_many_texts_on(likeness: Likeness, n_texts: int, below: float, can: bool) -> None:  # noqa: FBT001
    assert replace(likeness, n_texts=n_texts).can_tell(below) is can


def test_a_held_out_distance_is_that_from_all_texts_of_other_lots() -> None:
    """Against the covariance of the others, shrunk as much; lots of one, two and of more texts than dimensions."""
    points = np.random.default_rng(9).normal(size=(50, 4)) * [1, 2, 3, 4]
    lots = np.repeat(np.arange(41), [1] * 39 + [2, 9])
    centre, factor, shrinkage = _shape(points, lots)
    told = _held_out(points - centre, factor, shrinkage, lots)
    for row in (0, 38, 39, 40, 41, 49):
        others = points[lots != lots[row]]
        covariance, size = np.cov(others.T, ddof=0), np.trace(np.cov(points.T, ddof=0)) / 4 * 50 / len(others)
        shrunk = (1 - shrinkage) * covariance + shrinkage * size * np.eye(4)
        moved = points[row] - others.mean(axis=0)
        assert told[row] == pytest.approx(moved @ np.linalg.inv(shrunk) @ moved, rel=1e-2)


def test_a_covariance_is_shrunk_as_the_spread_over_lots_says() -> None:
    """Term by term; copies of all texts shrink it as the texts alone do."""
    points = np.random.default_rng(10).normal(size=(50, 4)) * [1, 2, 3, 4]
    lots = np.repeat(np.arange(41), [1] * 39 + [2, 9])
    moved = points - points.mean(axis=0)
    each = np.einsum("ni,nj->nij", moved, moved)
    covariance = each.mean(axis=0)
    noise = sum(np.square((each[lots == lot] - covariance).sum(axis=0)).sum() for lot in range(41)) / 50**2
    spread = np.square(covariance - np.trace(covariance) / 4 * np.eye(4)).sum()
    assert _shape(points, lots)[2] == pytest.approx(noise / spread)
    twice = _shape(np.concatenate([points, points]), np.tile(np.arange(50), 2))[2]
    assert twice == pytest.approx(_shape(points, np.arange(50))[2])


@pytest.mark.parametrize("off", [0.0, 0.05])
def test_near_twins_of_a_lot_leave_each_share_what_it_is(off: float) -> None:
    """Each text once more, equal or nearly: of 5,000 new ones so many have a likeness below a share as without."""
    near = ROWS + off * np.random.default_rng(11).normal(size=ROWS.shape).astype(np.float32)
    twice, shares = np.concatenate([ROWS, near]), np.tile(SHARES, (2, 1))
    fitted = fit_likeness(twice, shares, n_blocks=N_BLOCKS, lots=np.tile(np.arange(N_TEXTS), 2))
    assert fitted is not None
    assert fitted.n_texts == N_TEXTS
    told = fitted.of(made_rows(5_000, seed=1), made_shares(5_000, seed=1))
    for below, most_off in ((0.01, 0.009), (0.05, 0.02), (0.5, 0.05)):
        assert abs((told < below).mean() - below) < most_off


def test_texts_of_the_same_row_are_held_out_together_whatever_their_lots() -> None:
    twice, shares = np.concatenate([ROWS, ROWS]), np.tile(SHARES, (2, 1))
    known, unknown = (
        fit_likeness(twice, shares, n_blocks=N_BLOCKS, lots=lots)
        for lots in (np.tile(np.arange(N_TEXTS), 2), np.arange(2 * N_TEXTS))
    )
    assert known is not None
    assert unknown is not None
    assert unknown.n_texts == N_TEXTS
    assert np.array_equal(known.exceeded, unknown.exceeded)


@pytest.mark.parametrize(
    ("rows", "lots"),
    [
        (np.zeros((9, 0), np.float32), np.arange(9)),
        (np.ones((9, 4), np.float32), np.arange(9)),
        (ROWS[:9], np.zeros(9, np.int64)),
    ],
)
def test_rows_without_features_without_a_difference_or_of_one_lot_have_no_likeness(
    rows: Float32Array, lots: IntArray
) -> None:
    assert fit_likeness(rows, np.ones((9, 2)), n_blocks=1, lots=lots) is None


def test_fewer_texts_than_dimensions_will_do() -> None:
    rows = made_rows(40, seed=6)
    fitted = fit_likeness(rows, made_shares(40, seed=6), n_blocks=N_BLOCKS, lots=np.arange(40))
    assert fitted is not None
    new, other = (fitted.of(made_rows(200, seed=7, shift=shift), made_shares(200, seed=7)) for shift in (0.0, 8.0))
    assert np.median(other) < 0.1 < np.median(new)


# --- folding


def test_folding_is_a_count_sketch_of_unit_blocks() -> None:
    """Against the plain matrix: column j is added to the bucket at its place in the order, with its sign."""
    rows = made_rows(7, seed=8)
    order, signs = _dealt(N_BLOCKS * WIDTH)
    sketch = np.zeros((N_BLOCKS * WIDTH, 64))
    sketch[order, np.arange(N_BLOCKS * WIDTH) % 64] = signs
    blocks = rows.reshape(7, N_BLOCKS, WIDTH).astype(np.float64)
    units = (blocks / np.linalg.norm(blocks, axis=2, keepdims=True)).reshape(7, -1)
    assert np.allclose(folded(rows, n_blocks=N_BLOCKS, n_dimensions=64), units @ sketch, atol=1e-5)


def test_the_order_and_the_signs_are_those_of_the_format() -> None:
    """splitmix64 of the column's number, from 1; docs/formats/artifact.md."""
    order, signs = _dealt(6)
    mixed = [splitmix64(number) for number in range(1, 7)]
    assert order.tolist() == sorted(range(6), key=lambda column: mixed[column])
    assert signs.tolist() == [1.0 if mixed[column] & 1 else -1.0 for column in order.tolist()]


def splitmix64(number: int) -> int:
    mixed = number * 0x9E3779B97F4A7C15 % 2**64
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
    return mixed ^ (mixed >> 31)


def test_a_block_of_noughts_stays_so() -> None:
    rows = np.array([[0, 0, 3, 4]], np.float32)
    assert np.isclose(np.abs(folded(rows, n_blocks=2, n_dimensions=4)).sum(), 1.4)


def test_unsureness_is_the_entropy_of_each_label() -> None:
    found = unsureness(np.array([[0.5, 0.5], [1.0, 0.0], [0.9, 0.4]]))
    half, nine, four = (-share * np.log(share) - (1 - share) * np.log(1 - share) for share in (0.5, 0.9, 0.4))
    assert np.allclose(found, [2 * half, 0, nine + four], atol=1e-9)


def test_a_covariance_is_shrunk_a_thousandth_at_least() -> None:
    """Of many texts along one line the rule itself would shrink less, and across the line nothing could be told."""
    points = np.outer(np.random.default_rng(3).choice([-1.0, 1.0], 20_000), [1.0, 1.0])
    _, _, shrinkage = _shape(points, np.arange(20_000))
    assert shrinkage == 1e-3
