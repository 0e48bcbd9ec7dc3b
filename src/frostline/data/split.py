"""Row numbers into parts: hold-outs and folds, the same for the same seed on every machine.

Randomness is numpy's RandomState, whose stream is frozen for good (NEP 19); Generator's may change.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from frostline.arrays import BoolArray, IntArray
from frostline.errors import InputError, UsageError, shown
from frostline.targets import Targets


def random_of(seed: object) -> np.random.RandomState:
    """The stream of random numbers of a seed."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise UsageError(f"The seed must be a whole number from 0 to 4,294,967,295 (got {shown(seed)}).")
    return np.random.RandomState(seed)


def holdout(targets: Targets, *, test_fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Row numbers to learn from and to test on, both ascending; every label is held out in the same share.

    Texts that belong together stand on one side. A label is on both sides where it has texts that can be parted.
    """
    if targets.exclusive:
        train, test = stratified_holdout(targets.codes, test_fraction=test_fraction, seed=seed)
    else:
        train, test = iterative_holdout(targets.members, test_fraction=test_fraction, seed=seed)
    if targets.stand_alone:
        return train, test
    if targets.n_apart == 1:
        raise InputError(f"All {len(targets)} rows belong together: nothing can be held out.", hint="Add rows.")
    is_test = np.zeros(len(targets), dtype=np.int64)
    is_test[test] = 1
    parts = with_lots_whole(is_test, targets, [1 - test_fraction, test_fraction])
    return np.flatnonzero(parts == 0), np.flatnonzero(parts == 1)


def folds(targets: Targets, *, n_folds: int, seed: int) -> IntArray:
    """The fold each row is held out in (n_texts,), from 0; every label is dealt out evenly.

    Texts that belong together are in one fold.
    """
    if n_folds < 2 and not targets.stand_alone:
        raise InputError(
            f"Folds need two texts of each label that do not belong together (here one label has {n_folds}).",
            hint="Copies stay together, and so do the rows of a group: add rows or groups, or leave --nested out.",
        )
    if targets.exclusive:
        parts = stratified_folds(targets.codes, n_folds=n_folds, seed=seed)
    else:
        parts = iterative_folds(targets.members, n_folds=n_folds, seed=seed)
    if targets.n_apart < n_folds:
        raise InputError(
            f"{n_folds} folds need as many texts that do not belong together (there are {targets.n_apart}).",
            hint="Copies stay together, and so do the rows of a group: add rows, or ask for fewer folds.",
        )
    return with_lots_whole(parts, targets, [1 / n_folds] * n_folds)


def possible_folds(n_folds: int, targets: Targets) -> int:
    """`n_folds`, or as many as there can be: labels that share a C must each have a row in every fold."""
    is_one_group = len(targets.groups()) == 1
    return min(n_folds, min(targets.counts_apart().values()) if is_one_group else targets.n_apart)


def with_lots_whole(parts: IntArray, targets: Targets, shares: Sequence[float]) -> IntArray:
    """The same parts, but that rows which belong together, a lot, are in one.

    Lots that stand in several parts are dealt anew, the largest first, each to the part that lacks most of the lot's
    rarest label, and then most rows. A label goes first where it is not yet, and a lot where nothing is.
    """
    if targets.stand_alone:
        return parts
    members = np.column_stack([targets.members, np.ones(len(targets), bool)])  # the last column: whatever it has
    lot_of = targets.lots
    rows_of = np.split(np.argsort(lot_of, kind="stable"), np.cumsum(np.bincount(lot_of))[:-1])
    first = np.unique(lot_of, return_index=True)[1]
    lots = np.unique(lot_of[parts != parts[first][lot_of]]).tolist()
    lots.sort(key=lambda lot: -len(rows_of[lot]))
    is_dealt = ~np.isin(lot_of, lots)
    counts = np.stack([members[(parts == part) & is_dealt].sum(axis=0) for part in range(len(shares))])
    totals = members.sum(axis=0)
    wanted = np.outer(shares, totals)
    left = np.zeros_like(totals)
    for lot in lots:
        left += members[rows_of[lot]].any(axis=0)
    mended = parts.copy()
    for lot in lots:
        in_lot = members[rows_of[lot]].sum(axis=0)
        labels = np.flatnonzero(in_lot)
        bare = counts[:, labels] == 0
        is_scarce = bare & (left[labels] <= bare.sum(axis=0))
        lacks = (wanted - counts)[:, [labels[totals[labels].argmin()], -1]]
        part = int(np.lexsort((-lacks[:, 1], -lacks[:, 0], -is_scarce.sum(axis=1)))[0])
        mended[rows_of[lot]] = part
        counts[part] += in_lot
        left[labels] -= 1
    for part in np.flatnonzero(np.bincount(mended, minlength=len(shares)) == 0).tolist():  # whole lots stood together
        part_of = mended[first]
        crowded = np.flatnonzero(part_of == np.bincount(part_of).argmax()).tolist()
        mended[rows_of[min(crowded, key=lambda lot: len(rows_of[lot]))]] = part
    return mended


def in_turn(targets: Targets) -> Literal["nested cross-validation", "cross-validation"]:
    """What testing every row in turn is called."""
    return "nested cross-validation" if targets.exclusive else "cross-validation"


def random_holdout(n_rows: int, *, test_fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Hold out a random part, exactly as scikit-learn's `train_test_split(random_state=seed)` does.

    Parameters
    ----------
    test_fraction : float
        Between 0 and 1; the test part's size is rounded up.
    seed : int
        From 0 to 2**32 - 1.

    Returns
    -------
    train, test : int64 arrays
        Row numbers, in scikit-learn's (shuffled) order: folds that are cut in order depend on it.
    """
    n_test = _test_size(n_rows, test_fraction)
    shuffled = random_of(seed).permutation(n_rows).astype(np.int64)
    return shuffled[n_test:], shuffled[:n_test]


def stratified_holdout(codes: IntArray, *, test_fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Hold out the same fraction of every class, as nearly as whole rows allow.

    Parameters
    ----------
    codes : int64 array of shape (n_texts,)
        The class of each row.
    test_fraction : float
        Between 0 and 1; the test part's size is rounded up, and may differ by what follows.

    Returns
    -------
    train, test : int64 arrays
        Row numbers, ascending. A class of two rows or more is in both; a class of one row is in train.
    """
    n_test = _test_size(len(codes), test_fraction)
    random = random_of(seed)
    _, inverse, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    taken = _shares(sizes.astype(np.int64), n_test)
    is_test = np.zeros(len(codes), dtype=bool)
    for place, count in enumerate(taken.tolist()):
        rows = np.flatnonzero(inverse == place)
        is_test[random.permutation(rows)[:count]] = True
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    if not len(test) or not len(train):
        raise InputError("No class has two rows: nothing can be held out.", hint="Add rows.")
    return train.astype(np.int64), test.astype(np.int64)


def stratified_folds(codes: IntArray, *, n_folds: int, seed: int) -> IntArray:
    """Deal the rows of every class into folds.

    Parameters
    ----------
    codes : int64 array of shape (n_texts,)
        The class of each row.
    n_folds : int
        From 2 to n_texts.

    Returns
    -------
    int64 array of shape (n_texts,)
        The fold each row is held out in, from 0. Two folds differ by at most one row of any class, and by at most
        one row in all.
    """
    if not 2 <= n_folds <= max(2, len(codes)):
        raise UsageError(f"The number of folds must be from 2 to the number of rows (got {n_folds} for {len(codes)}).")
    random = random_of(seed)
    order = random.permutation(len(codes))
    by_class = order[np.argsort(np.asarray(codes)[order], kind="stable")]  # classes in turn, shuffled within
    folds = np.empty(len(codes), dtype=np.int64)
    folds[by_class] = np.arange(len(codes)) % n_folds  # dealt like cards, going on from class to class
    return folds


def _test_size(n_rows: int, test_fraction: float) -> int:
    if not 0 < test_fraction < 1:
        raise UsageError(f"The fraction held out must be between 0 and 1 (got {test_fraction}).")
    n_test = math.ceil(test_fraction * n_rows)
    if not 0 < n_test < n_rows:
        raise InputError(f"{n_rows} rows are too few to hold out {test_fraction:.0%} of them.", hint="Add rows.")
    return n_test


def _shares(sizes: IntArray, n_test: int) -> IntArray:
    """How many rows of each class to hold out: shares rounded so that they sum to `n_test`, then kept within bounds."""
    exact = sizes * (n_test / sizes.sum())
    shares = np.floor(exact).astype(np.int64)
    missing = n_test - int(shares.sum())
    shares[np.argsort(shares - exact, kind="stable")[:missing]] += 1  # the largest remainders first
    within: IntArray = np.clip(shares, np.minimum(1, sizes - 1), sizes - 1)
    return within


def iterative_folds(members: BoolArray, *, n_folds: int, seed: int) -> IntArray:
    """The fold each row (n_texts,) is held out in, from 0; errors as for `split.stratified_folds`."""
    if not 2 <= n_folds <= max(2, len(members)):
        raise UsageError(
            f"The number of folds must be from 2 to the number of rows (got {n_folds} for {len(members)})."
        )
    return iterative_parts(members, [1 / n_folds] * n_folds, seed=seed)


def iterative_holdout(members: BoolArray, *, test_fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Row numbers to learn from and to test on, both ascending; `test_fraction` of every label, as nearly as can be."""
    if not 0 < test_fraction < 1:
        raise UsageError(f"The fraction held out must be between 0 and 1 (got {test_fraction}).")
    parts = iterative_parts(members, [1 - test_fraction, test_fraction], seed=seed)
    train, test = np.flatnonzero(parts == 0), np.flatnonzero(parts == 1)
    if not len(train) or not len(test):
        raise InputError(f"{len(members)} rows are too few to hold out {test_fraction:.0%} of them.", hint="Add rows.")
    return train.astype(np.int64), test.astype(np.int64)


def iterative_parts(members: BoolArray, shares: Sequence[float], *, seed: int) -> IntArray:
    """Deal rows into parts.

    Parameters
    ----------
    members : ndarray of shape (n_texts, n_labels), dtype=bool
    shares : sequence of n_parts float
        They sum to 1. Of equal wishes for a row, the part that lacks most rows gets it.
    seed : int
        Decides the order in which rows are dealt.

    Returns
    -------
    int64 array of shape (n_texts,)
    """
    n_texts, n_labels = members.shape
    rare_side = members ^ (members.sum(axis=0) > n_texts / 2)
    order = random_of(seed).permutation(n_texts)
    texts, labels = np.nonzero(rare_side[order])
    of_text = _grouped(labels, texts, n_texts)
    of_label = _grouped(order[texts[np.argsort(labels, kind="stable")]], np.sort(labels), n_labels)
    places = np.argsort(order).tolist()
    wanted = [[share * len(rows) for share in shares] for rows in of_label]
    sizes = _sizes(n_texts, shares)
    left = [len(rows) for rows in of_label]
    parts = [-1] * n_texts
    waiting = {label for label in range(n_labels) if left[label]}

    def deal(row: int, part: int) -> None:
        parts[row] = part
        sizes[part] -= 1
        for label in of_text[places[row]]:
            wanted[label][part] -= 1
            left[label] -= 1

    numbers = range(len(shares))
    while waiting:
        label = min(waiting, key=lambda one: (left[one], one))
        waiting.remove(label)
        wishes = wanted[label]
        for row in of_label[label]:
            if parts[row] < 0:
                deal(row, max(numbers, key=lambda part: (wishes[part], sizes[part], -part)))
    for row in order.tolist():
        if parts[row] < 0:
            deal(row, max(numbers, key=lambda part: (sizes[part], -part)))
    return np.array(parts, dtype=np.int64)


def _grouped(values: IntArray, keys: IntArray, n_keys: int) -> list[list[int]]:
    """The values of each key; keys ascend."""
    edges = np.searchsorted(keys, np.arange(n_keys + 1)).tolist()
    flat = values.tolist()
    return [flat[edges[key] : edges[key + 1]] for key in range(n_keys)]


def _sizes(n_texts: int, shares: Sequence[float]) -> list[float]:
    """How many rows each part shall have; the last one's are rounded up where there are two, as for other hold-outs."""
    if len(shares) != 2:
        return [share * n_texts for share in shares]
    test = math.ceil(shares[1] * n_texts)
    return [n_texts - test, test]
