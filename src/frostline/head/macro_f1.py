"""Thresholds for the highest macro F1, where labels exclude each other.

In:   held-out probabilities, the true codes.
Out:  a threshold per label, for `Rule.thresholds`.
Not:  one label at a time (deciding.py), several labels per text (thresholds.py).
"""

import numpy as np

from frostline.arrays import Float64Array, IntArray, Probabilities

_PASSES = 5
_SMALLEST, _LARGEST = 1e-3, 1e3  # how far a label's threshold may be from the others'


def macro_f1_of(predicted: IntArray, codes: IntArray, n_labels: int) -> float:
    """The mean F1 of the labels that are true or predicted of a row; a code below 0 is no label."""
    hits = np.bincount(codes[predicted == codes], minlength=n_labels)
    occurring = np.bincount(codes, minlength=n_labels) + np.bincount(predicted[predicted >= 0], minlength=n_labels)
    present = occurring > 0
    return float((2 * hits[present] / occurring[present]).mean())


def macro_f1_thresholds(held_out: Probabilities, codes: IntArray) -> tuple[float, ...]:
    """Thresholds (of sum 1) that make macro F1 on these rows as high as label by label can make it.

    In turn each label's threshold is set where macro F1 is highest, the others' held: at each place where a row
    changes sides the F1 of all labels is known from running counts, so every threshold there is is looked at. Ends
    when a round gains nothing.

    Parameters
    ----------
    held_out : ndarray of shape (n_texts, n_labels)
    codes : ndarray of shape (n_texts,), dtype=int64
    """
    n_labels = held_out.shape[1]
    given = np.maximum(held_out, 1e-12)
    thresholds = np.full(n_labels, 1.0)
    score = macro_f1_of((given / thresholds).argmax(axis=1), codes, n_labels)
    for _ in range(_PASSES):
        before = score
        for label in range(1 if n_labels == 2 else 0, n_labels):
            threshold, found = _best_of(label, given, codes, thresholds)
            if found > score + 1e-12:
                thresholds[label], score = threshold, found
        if score <= before:
            break
    return tuple((thresholds / thresholds.sum()).tolist())


def _best_of(label: int, given: Probabilities, codes: IntArray, thresholds: Float64Array) -> tuple[float, float]:
    """The threshold of one label with the highest macro F1, the others' as they are; and that F1."""
    n_labels = given.shape[1]
    weighed = given / thresholds
    weighed[:, label] = -1.0
    rival = weighed.argmax(axis=1)
    ratio = np.clip(given[:, label] / weighed.max(axis=1), _SMALLEST, _LARGEST)
    order = np.argsort(-ratio, kind="stable")
    falling, true, other = ratio[order], codes[order], rival[order]
    taken_from = np.zeros((len(codes) + 1, n_labels))
    hits_lost = np.zeros((len(codes) + 1, n_labels))
    rows = np.arange(len(codes))
    taken_from[rows + 1, other] = 1.0
    hits_lost[rows + 1, other] = other == true
    np.cumsum(taken_from, axis=0, out=taken_from)
    np.cumsum(hits_lost, axis=0, out=hits_lost)
    predicted = taken_from[-1] - taken_from
    hits = hits_lost[-1] - hits_lost
    predicted[:, label] = np.arange(len(codes) + 1)
    hits[1:, label] = np.cumsum(true == label)
    hits[0, label] = 0.0
    occurring = predicted + np.bincount(codes, minlength=n_labels)
    present = occurring > 0
    scores = np.divide(2 * hits, occurring, out=np.zeros_like(hits), where=present).sum(axis=1) / present.sum(axis=1)
    ends = np.concatenate([[0], np.flatnonzero(falling[1:] < falling[:-1]) + 1, [len(falling)]])
    last = int(ends[scores[ends].argmax()])  # so many rows are taken
    above = falling[last - 1] if last else 2 * falling[0]
    below = falling[last] if last < len(falling) else falling[-1] / 2
    return float(np.sqrt(above * below)), float(scores[last])
