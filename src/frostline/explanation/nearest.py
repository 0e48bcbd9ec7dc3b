"""The training sentences that are nearest to a text, where the artifact kept them.

In:   the text's row of features, and `Neighbours`.
Out:  the nearest, with labels and cosine.
Not:  keeping them (artifact/neighbours_file.py).
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array
from frostline.artifact import Neighbours
from frostline.artifact.neighbours_file import unit_rows
from frostline.head.linear import Label

_BLOCK = 8192  # rows that are brought to float32 together


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """A training sentence.

    Parameters
    ----------
    text : str
        At most its first 1,000 letters.
    labels : tuple of str, int or bool
        One, or as many as it has where a text may have several.
    cosine : float
        Of the two rows of features, each less the mean of the training rows: 1 is the same direction, 0 none in common.
    """

    text: str
    labels: tuple[Label, ...]
    cosine: float


def nearest(row: Float64Array, kept: Neighbours, labels: tuple[Label, ...], *, n: int) -> tuple[Nearest, ...]:
    """The `n` nearest to `row` (n_features,), the nearest first; the same sentence with the same labels counts once."""
    own = unit_rows(row[None].astype(np.float32), kept.centre)[0]
    cosines = np.empty(len(kept.texts), np.float32)
    for start in range(0, len(cosines), _BLOCK):
        cosines[start : start + _BLOCK] = kept.rows[start : start + _BLOCK].astype(np.float32) @ own
    found: dict[tuple[str, tuple[Label, ...]], Nearest] = {}
    for place in np.argsort(-cosines, kind="stable").tolist():
        if len(found) == n:
            break
        named = _labels(kept, place, labels)
        cosine = float(np.clip(cosines[place], -1.0, 1.0))
        found.setdefault((kept.texts[place], named), Nearest(text=kept.texts[place], labels=named, cosine=cosine))
    return tuple(found.values())


def _labels(kept: Neighbours, place: int, labels: tuple[Label, ...]) -> tuple[Label, ...]:
    if kept.codes.ndim == 1:
        return (labels[int(kept.codes[place])],)
    return tuple(labels[column] for column in np.flatnonzero(kept.codes[place]).tolist())
