"""From which probability on a text is given a label: chosen on held-out rows, to make F1 as large as can be.

In:   held-out probabilities (n_texts, n_labels), which labels each text has.
Out:  a threshold per label, for `Rule.thresholds`.
Not:  where the probabilities come from (multi_label.py); labels that exclude each other (fitting.py).
"""

import numpy as np

from frostline.arrays import BoolArray, Float64Array, Probabilities

FEWEST = 10
"""Labels on fewer texts take the threshold that is best for all labels together: their own would be chance."""

LOWEST, HIGHEST = 1e-6, 1 - 1e-6


def best_thresholds(held_out: Probabilities, members: BoolArray, *, fewest: int = FEWEST) -> Float64Array:
    """The threshold (n_labels,) of each label that gives the highest F1 on the held-out rows.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
    members : ndarray of shape (n_texts, n_labels), dtype=bool
    fewest : int
        Texts that a label must have for a threshold of its own.
    """
    counts = members.sum(axis=0)
    thresholds = np.empty(len(counts))
    rare = counts < fewest
    if rare.any():
        thresholds[rare] = best_threshold(held_out.ravel(), members.ravel())
    for label in np.flatnonzero(~rare):
        thresholds[label] = best_threshold(held_out[:, label], members[:, label])
    return thresholds


def best_threshold(probabilities: Float64Array, members: BoolArray) -> float:
    """The threshold of the highest F1: half-way between the last probability taken and the first one left.

    F1 changes only where a probability is passed, so all values that it takes are looked at. Of equal ones the
    highest threshold is taken, which answers least. 0.5 where no text has the label.
    """
    order = np.argsort(-probabilities, kind="stable")
    given, has = probabilities[order], members[order]
    if not has.any():
        return 0.5
    hits = np.cumsum(has)
    taken = np.arange(1, len(given) + 1)
    scores = 2 * hits / (taken + hits[-1])
    ends = np.append(np.flatnonzero(given[1:] < given[:-1]), len(given) - 1)  # equal probabilities go together
    last = int(ends[scores[ends].argmax()])
    below = given[last + 1] if last + 1 < len(given) else 0.0
    return float(np.clip((given[last] + below) / 2, LOWEST, HIGHEST))
