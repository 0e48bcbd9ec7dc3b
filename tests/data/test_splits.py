"""Row numbers into parts: complete, balanced, and the same for the same seed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from frostline.arrays import IntArray
from frostline.data.split import (
    folds,
    iterative_folds,
    iterative_holdout,
    iterative_parts,
    random_holdout,
    stratified_folds,
    stratified_holdout,
    with_lots_whole,
)
from frostline.errors import InputError, UsageError
from frostline.targets import Targets

codes = st.lists(st.integers(0, 5), min_size=4, max_size=80).map(lambda found: np.array(found, dtype=np.int64))


@pytest.mark.parametrize("seed", [0, 42, 12345])
@pytest.mark.parametrize(("n_rows", "fraction"), [(2000, 0.25), (6920, 0.25), (101, 0.2), (7, 0.33)])
def test_random_holdout_is_scikit_learns(n_rows: int, fraction: float, seed: int) -> None:
    """The very rows in the very order, so that the tutorial's figures come out."""
    train, test = random_holdout(n_rows, test_fraction=fraction, seed=seed)
    theirs = train_test_split(np.arange(n_rows), test_size=fraction, random_state=seed)
    assert train.tolist() == theirs[0].tolist()
    assert test.tolist() == theirs[1].tolist()
    assert train.dtype == np.int64


def test_the_tutorials_split_is_1500_and_500() -> None:
    train, test = random_holdout(2000, test_fraction=0.25, seed=0)
    assert (len(train), len(test)) == (1500, 500)


@settings(max_examples=50, deadline=None)
@given(codes=codes, fraction=st.floats(0.05, 0.95), seed=st.integers(0, 100))
def test_stratified_holdout_keeps_every_row_and_class(codes: IntArray, fraction: float, seed: int) -> None:
    """No row lost or doubled, both parts ascending, a class of two or more in both, shares within one row."""
    sizes = np.bincount(codes)
    if sizes.max() < 2 or not 0 < np.ceil(fraction * len(codes)) < len(codes):
        return
    train, test = stratified_holdout(codes, test_fraction=fraction, seed=seed)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(codes)))
    assert train.tolist() == sorted(train.tolist())
    assert test.tolist() == sorted(test.tolist())
    again = stratified_holdout(codes, test_fraction=fraction, seed=seed)
    assert again[1].tolist() == test.tolist()
    n_test = np.ceil(fraction * len(codes))
    for code, size in enumerate(sizes.tolist()):
        held = int((codes[test] == code).sum())
        assert (held > 0) == (size > 1)
        assert (size - held > 0) == (size > 0)
        if size > 1 and held not in {1, size - 1}:
            assert abs(held - size * n_test / len(codes)) < 1


def test_stratified_holdout_depends_on_the_seed_and_meets_its_size() -> None:
    codes = np.repeat([0, 1, 2], [500, 300, 200])
    train, test = stratified_holdout(codes, test_fraction=0.2, seed=1)
    assert np.bincount(codes[test]).tolist() == [100, 60, 40]
    assert len(train) == 800
    assert test.tolist() != stratified_holdout(codes, test_fraction=0.2, seed=2)[1].tolist()


def test_nothing_to_hold_out_is_said() -> None:
    with pytest.raises(InputError, match="too few"):
        random_holdout(1, test_fraction=0.25, seed=0)
    with pytest.raises(InputError, match="No class has two rows"):
        stratified_holdout(np.arange(5), test_fraction=0.2, seed=0)
    with pytest.raises(UsageError, match="between 0 and 1"):
        random_holdout(10, test_fraction=1.0, seed=0)


@settings(max_examples=50, deadline=None)
@given(codes=codes, n_folds=st.integers(2, 10), seed=st.integers(0, 100))
def test_folds_are_balanced_in_every_class_and_in_all(codes: IntArray, n_folds: int, seed: int) -> None:
    if n_folds > len(codes):
        with pytest.raises(UsageError):
            stratified_folds(codes, n_folds=n_folds, seed=seed)
        return
    folds = stratified_folds(codes, n_folds=n_folds, seed=seed)
    assert folds.dtype == np.int64
    assert folds.tolist() == stratified_folds(codes, n_folds=n_folds, seed=seed).tolist()
    for rows in [np.full(len(codes), fill_value=True), *(codes == code for code in range(6))]:
        counts = np.bincount(folds[rows], minlength=n_folds)
        assert counts.max() - counts.min() <= 1
        assert len(counts) == n_folds


def test_folds_depend_on_the_seed_and_mix_the_order_of_the_file() -> None:
    codes = np.repeat([0, 1], 50)
    folds = stratified_folds(codes, n_folds=5, seed=0)
    assert folds.tolist() != stratified_folds(codes, n_folds=5, seed=1).tolist()
    assert folds[:50].tolist() != sorted(folds[:50].tolist())
    assert folds[:50].tolist() != [row % 5 for row in range(50)]


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30, True, 0.5, "0"])
def test_a_seed_that_cannot_be_is_refused(seed: int) -> None:
    """In one sentence, by whatever draws rows with it; the largest there is is one."""
    codes = np.arange(12, dtype=np.int64) % 2
    members = codes[:, None] == np.arange(2)
    said = "The seed must be a whole number from 0"
    assert len(random_holdout(12, test_fraction=0.25, seed=2**32 - 1)[1]) == 3
    with pytest.raises(UsageError, match=said):
        random_holdout(12, test_fraction=0.25, seed=seed)
    with pytest.raises(UsageError, match=said):
        stratified_holdout(codes, test_fraction=0.25, seed=seed)
    with pytest.raises(UsageError, match=said):
        stratified_folds(codes, n_folds=3, seed=seed)
    with pytest.raises(UsageError, match=said):
        iterative_folds(members, n_folds=3, seed=seed)


CODES = np.array([0] * 7 + [1] * 5 + [2] * 2 + [3])
MEMBERS = np.array(
    [[one in own for one in "abc"] for own in ["a", "ab", "a", "ac", "ab", "-", "a", "a", "b", "a", "abc", "-"]]
)


def test_a_seed_means_the_same_rows_for_good() -> None:
    """On every machine and in every version: a report names its seed so that it can be made again."""
    assert stratified_folds(CODES, n_folds=3, seed=4).tolist() == [0, 2, 1, 2, 0, 0, 1, 1, 0, 1, 2, 2, 0, 1, 2]
    train, test = stratified_holdout(CODES, test_fraction=0.3, seed=4)
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 3, 5, 7, 8, 9, 13, 14], [4, 6, 10, 11, 12])
    train, test = random_holdout(9, test_fraction=0.25, seed=4)
    assert (train.tolist(), test.tolist()) == ([2, 8, 0, 1, 5, 7], [3, 4, 6])
    assert iterative_folds(MEMBERS, n_folds=3, seed=1).tolist() == [0, 0, 1, 0, 2, 1, 2, 1, 0, 2, 1, 2]
    train, test = iterative_holdout(MEMBERS, test_fraction=0.25, seed=1)
    assert (train.tolist(), test.tolist()) == ([0, 2, 3, 4, 6, 7, 8, 10, 11], [1, 5, 9])
    assert iterative_parts(MEMBERS, [0.5, 0.3, 0.2], seed=2).tolist() == [2, 0, 0, 1, 1, 0, 1, 0, 2, 0, 0, 1]


def test_a_label_on_most_rows_is_dealt_by_the_rows_that_lack_it() -> None:
    """Of ten rows nine have it: the lone row without is in one part, and the sizes are met all the same."""
    members = np.ones((10, 1), dtype=bool)
    members[4] = False
    parts = iterative_parts(members, [0.8, 0.2], seed=0)
    assert np.bincount(parts).tolist() == [8, 2]
    half = np.arange(10)[:, None] < 5  # exactly half of the rows: the label itself is dealt
    assert np.bincount(iterative_parts(half, [0.8, 0.2], seed=0)[:5]).tolist() == [4, 1]


@pytest.mark.parametrize(("n_folds", "n_rows"), [(2, 2), (2, 3), (5, 5), (12, 12)])
def test_as_many_folds_as_rows_are_the_most(n_folds: int, n_rows: int) -> None:
    for fold_of in (
        stratified_folds(np.zeros(n_rows, dtype=np.int64), n_folds=n_folds, seed=0),
        iterative_folds(np.ones((n_rows, 1), dtype=bool), n_folds=n_folds, seed=0),
    ):
        assert sorted(set(fold_of.tolist())) == list(range(n_folds))


@pytest.mark.parametrize("n_folds", [1, 13])
def test_too_few_or_too_many_folds_are_refused(n_folds: int) -> None:
    said = rf"^The number of folds must be from 2 to the number of rows \(got {n_folds} for 12\)\.$"
    with pytest.raises(UsageError, match=said):
        stratified_folds(np.zeros(12, dtype=np.int64), n_folds=n_folds, seed=0)
    with pytest.raises(UsageError, match=said):
        iterative_folds(MEMBERS, n_folds=n_folds, seed=0)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 1.5])
def test_a_share_of_none_or_all_is_refused(fraction: float) -> None:
    said = rf"^The fraction held out must be between 0 and 1 \(got {fraction}\)\.$"
    with pytest.raises(UsageError, match=said):
        random_holdout(10, test_fraction=fraction, seed=0)
    with pytest.raises(UsageError, match=said):
        stratified_holdout(CODES, test_fraction=fraction, seed=0)
    with pytest.raises(UsageError, match=said):
        iterative_holdout(MEMBERS, test_fraction=fraction, seed=0)


def test_too_few_rows_are_counted() -> None:
    said = r"^1 rows are too few to hold out 25% of them\. Add rows\.$"
    with pytest.raises(InputError, match=said):
        random_holdout(1, test_fraction=0.25, seed=0)
    with pytest.raises(InputError, match=said):
        iterative_holdout(MEMBERS[:1], test_fraction=0.25, seed=0)
    assert [len(part) for part in random_holdout(2, test_fraction=0.5, seed=0)] == [1, 1]
    with pytest.raises(InputError, match=r"^2 rows are too few to hold out 51% of them\."):
        random_holdout(2, test_fraction=0.51, seed=0)
    assert [len(part) for part in iterative_holdout(MEMBERS, test_fraction=0.26, seed=0)] == [8, 4]  # rounded up


def test_the_largest_seed_is_named_where_one_more_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^The seed must be a whole number from 0 to 4,294,967,295 \(got '4294967296'\)"
    ):
        random_holdout(12, test_fraction=0.25, seed=2**32)


def test_lots_that_stand_apart_are_dealt_from_the_largest_on() -> None:
    """Lots of six, three and three rows fill two parts evenly; dealt from the smallest on, nine would face three."""
    lots = np.repeat([0, 1, 2], [3, 3, 6])
    targets = replace(Targets.of_codes(np.zeros(12, np.int64), ("a", "b")), together=lots)
    parts = with_lots_whole(np.arange(12) % 2, targets, [0.5, 0.5])
    assert sorted(np.bincount(parts).tolist()) == [6, 6]
    assert all(len(set(parts[lots == lot].tolist())) == 1 for lot in range(3))


def test_a_label_that_few_lots_have_goes_where_it_is_not_yet() -> None:
    """Two lots of the rare label, one much the larger: each part gets one, though rows alone would say otherwise."""
    lots = np.repeat(np.arange(6), [8, 2, 1, 1, 1, 1])
    codes = np.repeat([1, 1, 0, 0, 0, 0], [8, 2, 1, 1, 1, 1])
    targets = replace(Targets.of_codes(codes, ("a", "b")), together=lots)
    parts = with_lots_whole(np.arange(14) % 2, targets, [0.9, 0.1])
    assert {int(parts[codes == 1][0]), int(parts[codes == 1][-1])} == {0, 1}


def test_too_few_lots_for_folds_are_told_as_such() -> None:
    targets = replace(Targets.of_codes(np.array([0, 0, 1, 1]), ("a", "b")), together=np.array([0, 0, 1, 2]))
    with pytest.raises(InputError) as caught:
        folds(targets, n_folds=1, seed=0)
    assert str(caught.value) == (
        "Folds need two texts of each label that do not belong together (here one label has 1). Copies stay together, "
        "and so do the rows of a group: add rows or groups, or leave nested=True out."
    )


def test_no_part_stays_empty_where_lots_are_enough() -> None:
    """Two lots of one row stand in one part, the third lot in all: each part gets a lot."""
    lots = np.array([0, 0, 0, 0, 1, 2])
    targets = replace(Targets.of_codes(np.zeros(6, np.int64), ("a", "b")), together=lots)
    parts = with_lots_whole(np.array([0, 1, 2, 0, 1, 1]), targets, [1 / 3] * 3)
    assert sorted(parts[[0, 4, 5]].tolist()) == [0, 1, 2]
    assert len(set(parts[:4].tolist())) == 1
