"""Which sentences go through the encoder together.

In:   each sentence's number of word pieces.
Out:  groups of row numbers, each of one length and within a token budget.
Not:  the ids themselves (tokens.py); who reads which batch when (encoder.py).

A batch holds sentences of equal length only. Nothing is padded, so the graphs need no mask, and no row can depend on
what stands beside it. The plan depends on the lengths alone, not on the number of threads.
"""

import numpy as np

from frostline.arrays import IntArray
from frostline.errors import UsageError

TOKEN_BUDGET = 512
"""Word pieces per batch. Speed is flat from 256 to 1,024; more only costs memory."""


def plan_batches(lengths: IntArray, *, token_budget: int = TOKEN_BUDGET) -> list[IntArray]:
    """Groups of rows of equal length.

    Parameters
    ----------
    lengths : ndarray of shape (n_texts,), integer, >= 1
        Word pieces of each sentence.
    token_budget : int
        The most word pieces in a batch; a longer sentence makes a batch of its own.

    Returns
    -------
    list of ndarray of shape (B,), dtype=int64
        Row numbers, each in exactly one batch, ascending within it. The longest sentences come first, so that the
        last batches, for which some thread must wait, are the cheapest.

    Raises
    ------
    UsageError
        token_budget is below 1.
    """
    if token_budget < 1:
        raise UsageError(f"The token budget must be at least 1 (got {token_budget}).")
    if len(lengths) == 0:
        return []
    by_length = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable").astype(np.int64)
    starts = np.flatnonzero(np.diff(lengths[by_length], prepend=-1))
    batches: list[IntArray] = []
    for group in np.split(by_length, starts[1:]):
        n_rows = max(1, token_budget // max(1, int(lengths[group[0]])))
        n_batches = -(-len(group) // n_rows)
        batches += np.array_split(group, n_batches)  # equal shares: 65 sentences of 64 make 33 + 32, not 64 + 1
    return batches
