"""Labels that are probably wrong, by confident learning: which rows, how many, and what they should be.

In:   out-of-fold probabilities (n_texts, n_labels), the labels that were given, those of the nearest texts.
Out:  `LabelCheck`: rows to look at, the worst first, with a suggested label each.
Not:  the probabilities (held_out.py), the words (fix_rows.py).

How many is confident learning's answer: as many as pruning by noise rate would take away, a row that the confident
joint has in two cells counted once. Which ones, and in which order, is decided by the given label's share of a blend:
four fifths the head's out-of-fold probability, one fifth the labels of the nearest texts. The head is wrong about texts
that no straight line can part; their neighbours often know better.

References
----------
Northcutt, Jiang, Chuang (2021), Confident learning, JAIR 70:1373-1411, sections 3.1 and 3.2 (PBNR). arXiv:1911.00068.
Why this order and no other: docs/decisions/0014-review.md.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray, Probabilities
from frostline.review.neighbours import Neighbours

NEIGHBOURS_SHARE = 0.2


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelCheck:
    """Which labels are probably wrong.

    Parameters
    ----------
    flagged : ndarray of shape (n_flagged,), dtype=int64
        Rows, the most suspicious first.
    suggested : ndarray of shape (n_texts,), dtype=int64
        Of each row, the most probable label; a flagged row's is another than the one given.
    confidence : ndarray of shape (n_texts,)
        The given label's share of the blend: 0 (surely wrong) to 1 (surely right).
    blend : ndarray of shape (n_texts, n_labels)
        Rows sum to 1.
    thresholds : ndarray of shape (n_labels,)
        The mean probability of each label over the rows that carry it.
    joint : ndarray of shape (n_labels, n_labels)
        Estimated rows; row: the label given, column: the true one. Each row sums to the rows that carry the label.
    """

    flagged: IntArray
    suggested: IntArray
    confidence: Float64Array
    blend: Probabilities
    thresholds: Float64Array
    joint: Float64Array


def check_labels(probabilities: Probabilities, codes: IntArray, votes: Probabilities) -> LabelCheck:
    """Rank the rows by how probably their labels are wrong, and say how many to look at.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        Of each row by a head that did not see it; rows sum to 1.
    codes : ndarray of shape (n_texts,), dtype=int64
        Column of each row's given label; each label has a row.
    votes : ndarray of shape (n_texts, n_labels)
        The labels of each row's nearest texts, as `neighbour_shares` gives them.
    """
    is_told = votes.sum(axis=1, keepdims=True) > 0
    blend = np.where(is_told, (1 - NEIGHBOURS_SHARE) * probabilities + NEIGHBOURS_SHARE * votes, probabilities)
    confidence = blend[np.arange(len(codes)), codes]
    suggested = blend.argmax(axis=1)
    thresholds = class_thresholds(probabilities, codes)
    joint = confident_joint(probabilities, codes, thresholds)
    others = np.flatnonzero(suggested != codes)
    order = others[np.argsort(confidence[others], kind="stable")]
    return LabelCheck(
        flagged=order[: noise_count(probabilities, codes, joint)],
        suggested=suggested,
        confidence=confidence,
        blend=blend,
        thresholds=thresholds,
        joint=joint,
    )


def neighbour_shares(near: Neighbours, codes: IntArray, *, n_labels: int) -> Probabilities:
    """The labels of each text's nearest texts (n_texts, n_labels), weighted by cosine; 0 where none is on its side.

    Parameters
    ----------
    near : Neighbours
        Of each text among the same texts.
    codes : ndarray of shape (n_texts,), dtype=int64
        -1: the text has no vote.
    """
    given = codes[near.rows]
    counts = (near.rows >= 0) & (given >= 0)
    weights = np.where(counts, np.maximum(near.cosines, 0), 0).astype(np.float64)
    cells = np.arange(len(weights))[:, None] * n_labels + np.maximum(given, 0)
    votes = np.bincount(cells.ravel(), weights.ravel(), minlength=len(weights) * n_labels).reshape(-1, n_labels)
    totals = votes.sum(axis=1, keepdims=True)
    shares: Probabilities = np.divide(votes, totals, out=np.zeros_like(votes), where=totals > 0)
    return shares


def class_thresholds(probabilities: Probabilities, codes: IntArray) -> Float64Array:
    """The mean probability of each label (n_labels,) over the rows that carry it."""
    own = probabilities[np.arange(len(codes)), codes]
    n_labels = probabilities.shape[1]
    means: Float64Array = np.bincount(codes, weights=own, minlength=n_labels) / np.bincount(codes, minlength=n_labels)
    return means


def confident_joint(probabilities: Probabilities, codes: IntArray, thresholds: Float64Array) -> Float64Array:
    """Estimated rows (n_labels, n_labels) of each given label (row) and true label (column).

    A row counts for the most probable of the labels whose threshold it reaches, if there is one; the counts of each
    given label are then stretched to the rows that carry it.
    """
    n_labels = probabilities.shape[1]
    is_confident = probabilities >= thresholds - 1e-12
    best = np.where(is_confident, probabilities, -1).argmax(axis=1)
    counted = is_confident.any(axis=1)
    cells = codes[counted] * n_labels + best[counted]
    counts = np.bincount(cells, minlength=n_labels * n_labels).reshape(n_labels, n_labels).astype(np.float64)
    given = np.bincount(codes, minlength=n_labels)
    sums = counts.sum(axis=1)
    empty = np.flatnonzero(sums == 0)
    counts[empty, empty] = 1  # nothing is known of the label: all its rows count as right
    joint: Float64Array = counts * (given / counts.sum(axis=1))[:, None]
    return joint


def noise_count(probabilities: Probabilities, codes: IntArray, joint: Float64Array) -> int:
    """How many rows pruning by noise rate takes away.

    Of each given label and each other one, as many rows as the joint says, those whose probabilities speak most for the
    other; each row once, and none whose most probable label is the given one.
    """
    best = probabilities.argmax(axis=1)
    count = 0
    for given in range(len(joint)):
        rows = np.flatnonzero(codes == given)
        leads = probabilities[rows] - probabilities[rows, given][:, None]
        is_taken = np.zeros(len(rows), dtype=bool)
        for other in np.flatnonzero(np.round(joint[given]) > 0):
            if other != given:
                is_taken[np.argsort(-leads[:, other], kind="stable")[: round(joint[given, other])]] = True
        count += int((is_taken & (best[rows] != given)).sum())
    return count
