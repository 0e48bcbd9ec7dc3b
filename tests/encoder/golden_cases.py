"""Which cases the golden vectors hold: shared by the script that makes them and the test that reads them."""

from pathlib import Path

import numpy as np
from checkpoints import LONGEST
from numpy.typing import NDArray

GOLDEN = Path(__file__).parent / "golden"

MINILM_IDS: tuple[tuple[int, ...], ...] = (
    (101, 102),
    (101, 10097, 1012, 102),
    # a visually stunning rumination on love
    (101, 1037, 17453, 14726, 19379, 12758, 2006, 2293, 102),
    # The kettle sings, but nobody is home to hear it.
    (101, 1996, 22421, 10955, 1010, 2021, 6343, 2003, 2188, 2000, 2963, 2009, 1012, 102),
    # Not a bad film; not a good one either.
    (101, 2025, 1037, 2919, 2143, 1025, 2025, 1037, 2204, 2028, 2593, 1012, 102),
    # Naïve café owners paid 1,234.56 € for 東京 coffee 😀
    (101, 15743, 7668, 5608, 3825, 1015, 1010, 22018, 1012, 5179, 1574, 2005, 1879, 1755, 4157, 100, 102),
    # the cat sat on the mat . the cat sat on the mat . the cat sat on the mat .
    (
        101,
        1996,
        4937,
        2938,
        2006,
        1996,
        13523,
        1012,
        1996,
        4937,
        2938,
        2006,
        1996,
        13523,
        1012,
        1996,
        4937,
        2938,
        2006,
        1996,
        13523,
        1012,
        102,
    ),
    # It was the best of times, it was the worst of times, ... it was the epoch of incredulity
    (
        101,
        2009,
        2001,
        1996,
        2190,
        1997,
        2335,
        1010,
        2009,
        2001,
        1996,
        5409,
        1997,
        2335,
        1010,
        2009,
        2001,
        1996,
        2287,
        1997,
        9866,
        1010,
        2009,
        2001,
        1996,
        2287,
        1997,
        13219,
        2791,
        1010,
        2009,
        2001,
        1996,
        25492,
        1997,
        6772,
        1010,
        2009,
        2001,
        1996,
        25492,
        1997,
        4297,
        5596,
        15859,
        3723,
        102,
    ),
)
"""Eight sentences as all-MiniLM-L6-v2's tokenizer cuts them, from 2 to 47 word pieces."""


def golden_lengths(name: str) -> tuple[int, ...]:
    """The lengths of the sentences whose states are kept for a small checkpoint."""
    return 1, 2, 9, min(LONGEST[name], 150)


def poolings(states: NDArray[np.float32]) -> NDArray[np.float32]:
    """[CLS], mean and maximum of every layer: (B, n_layers + 1, 3, d) from (n_layers + 1, B, S, d), in float64."""
    exact = states.astype(np.float64)
    pooled = np.stack([exact[:, :, 0], exact.mean(axis=2), exact.max(axis=2)], axis=2)  # (n_layers + 1, B, 3, d)
    return pooled.swapaxes(0, 1).astype(np.float32)
