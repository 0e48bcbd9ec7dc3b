"""Row numbers into parts: hold-outs and folds, the same for the same seed on every machine.

In:   class codes, or only a number of rows; a fraction or a number of folds; a seed.
Out:  row numbers (int64), or a fold number per row.
Not:  keeping the same text out of both parts (evaluate/), how many folds the classes allow (checks.py).

Randomness is numpy's RandomState, whose stream is frozen for good (NEP 19); Generator's may change.
"""

import math

import numpy as np

from frostline.arrays import IntArray
from frostline.errors import InputError, UsageError, shown


def random_of(seed: object) -> np.random.RandomState:
    """The stream of random numbers of a seed.

    Raises
    ------
    UsageError
        The seed is not one of 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise UsageError(f"The seed must be a whole number from 0 to 4,294,967,295 (got {shown(seed)}).")
    return np.random.RandomState(seed)


def random_holdout(n_rows: int, *, test_fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Hold out a random part, exactly as scikit-learn's `train_test_split(random_state=seed)` does.

    Parameters
    ----------
    n_rows : int
    test_fraction : float
        Between 0 and 1; the test part's size is rounded up.
    seed : int
        From 0 to 2**32 - 1.

    Returns
    -------
    train, test : int64 arrays
        Row numbers, in scikit-learn's (shuffled) order: folds that are cut in order depend on it.

    Raises
    ------
    InputError
        A part would be empty.
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
    seed : int

    Returns
    -------
    train, test : int64 arrays
        Row numbers, ascending. A class of two rows or more is in both; a class of one row is in train.

    Raises
    ------
    InputError
        A part would be empty.
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
    seed : int

    Returns
    -------
    int64 array of shape (n_texts,)
        The fold each row is held out in, from 0. Two folds differ by at most one row of any class, and by at most
        one row in all.

    Raises
    ------
    UsageError
        `n_folds` is out of range.
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
