"""Rows with several labels each into parts, every label in proportion: iterative stratification.

In:   which labels each row has, the parts' shares, a seed.
Out:  a part per row.
Not:  one label per row (split.py).

Rows are dealt label by label, the rarest left first, each row to the part that wants its label most; so the rarest
labels, of which there is nothing to choose from at the end, are spread while there is. A label on more than half of
the rows is dealt by the rows that lack it.

References
----------
Sechidis, Tsoumakas, Vlahavas (2011), On the stratification of multi-label data, ECML PKDD, algorithm 1.
"""

import math
from collections.abc import Sequence

import numpy as np

from frostline.arrays import BoolArray, IntArray
from frostline.data.split import random_of
from frostline.errors import InputError, UsageError


def iterative_folds(members: BoolArray, *, n_folds: int, seed: int) -> IntArray:
    """The fold each row (n_texts,) is held out in, from 0; errors as for `split.stratified_folds`."""
    if not 2 <= n_folds <= max(2, len(members)):
        raise UsageError(
            f"The number of folds must be from 2 to the number of rows (got {n_folds} for {len(members)})."
        )
    return iterative_parts(members, [1 / n_folds] * n_folds, seed=seed)


def iterative_holdout(members: BoolArray, *, test_fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Row numbers to learn from and to test on, both ascending; `test_fraction` of every label, as nearly as can be.

    Raises
    ------
    InputError
        A part would be empty.
    """
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
