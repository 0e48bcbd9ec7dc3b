"""Standardisation as a change of coordinates: one matrix serves every fold, though each fold has its own scales.

In:   features as the encoder gives them, and which rows train in which fold.
Out:  a `Scaling`: global means and deviations, and how each fold's own differ from them.
Not:  fitting (solver.py).

A fold that standardises on its training rows has z_fj = (x_j - mean_fj) / std_fj. With v_j the coefficient there
and w_j the one in globally standardised coordinates, v_j = ratio_fj w_j where ratio_fj = std_fj / std_j; the
difference of the means goes into the intercept, which is free. So the fold's problem is the global one with the
penalty sum_j (ratio_fj w_j)^2: nothing is rescaled, and nothing of the held-out rows leaks in. Without
standardisation v_j is the coefficient of the raw column, and ratio_fj = 1 / std_j.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array
from frostline.head.crew import Crew
from frostline.rows import JoinedRows, Rows

_BLOCK = 256  # rows taken to float64 at a time
_NOTHING = 1e-12  # of the widest column's deviation


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaling:
    """Coordinates shared by all folds, and each fold's own relative to them.

    Parameters
    ----------
    mean, std : ndarray of shape (n_features,), dtype=float64
        Over all rows; std is 1 for a constant column.
    ratio : ndarray of shape (n_features, n_folds), dtype=float64
        The fold's coefficient is `ratio` times the shared one.
    shift : ndarray of shape (n_features, n_folds), dtype=float64
        The fold's origin, measured from the shared one in units of `std`.
    """

    mean: Float64Array
    std: Float64Array
    ratio: Float64Array
    shift: Float64Array

    def first(self, n_columns: int) -> "Scaling":
        """That of the first columns alone."""
        return Scaling(
            mean=self.mean[:n_columns],
            std=self.std[:n_columns],
            ratio=self.ratio[:n_columns],
            shift=self.shift[:n_columns],
        )

    def beside(self, n_words: int) -> "Scaling":
        """With columns of words after these, which stay as they are."""
        n_folds = self.ratio.shape[1]
        return Scaling(
            mean=np.append(self.mean, np.zeros(n_words)),
            std=np.append(self.std, np.ones(n_words)),
            ratio=np.vstack([self.ratio, np.ones((n_words, n_folds))]),
            shift=np.vstack([self.shift, np.zeros((n_words, n_folds))]),
        )


def scaling_of(rows: Rows, training: BoolArray, *, standardise: bool, crew: Crew) -> Scaling:
    """The `Scaling` of rows (n_texts, n_features) for folds whose training rows are `training` (n_texts, n_folds).

    Constant columns are told as scikit-learn's StandardScaler tells them, and left unscaled; so are those that are
    constant beside the others (see `_merged`), which StandardScaler would blow up. Words beside them stay as they are:
    their lengths were chosen to fit standardised features, and a rare word blown up would be noise.
    """
    if isinstance(rows, JoinedRows):
        dense = scaling_of(rows.dense, training, standardise=standardise, crew=crew)
        return dense.beside(rows.words.n_terms)
    patterns, part_of = np.unique(training, axis=0, return_inverse=True)
    counts, means, squares = _moments(rows, part_of.ravel(), len(patterns), crew)
    everywhere = np.ones(len(patterns), dtype=bool)
    mean, std = _merged(counts, means, squares, everywhere)
    if not standardise:
        n_folds = training.shape[1]
        ratio = np.repeat(1 / std[:, None], n_folds, axis=1)
        return Scaling(mean=mean, std=std, ratio=ratio, shift=np.repeat(-(mean / std)[:, None], n_folds, axis=1))
    own = [_merged(counts, means, squares, patterns[:, fold]) for fold in range(training.shape[1])]
    return Scaling(
        mean=mean,
        std=std,
        ratio=np.stack([fold_std / std for _, fold_std in own], axis=1),
        shift=np.stack([(fold_mean - mean) / std for fold_mean, _ in own], axis=1),
    )


def _moments(
    rows: Features | Float64Array, part_of: np.ndarray, n_parts: int, crew: Crew
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Count (n_parts,), mean and sum of squared deviations (n_parts, n_features) of each part of the rows."""
    n_features = rows.shape[1]
    counts, means, squares = np.zeros(n_parts), np.zeros((n_parts, n_features)), np.zeros((n_parts, n_features))

    def looked_at(members: np.ndarray) -> tuple[Float64Array, Float64Array]:
        block = rows[members].astype(np.float64)
        mean: Float64Array = block.mean(axis=0)
        block -= mean
        return mean, np.einsum("ij,ij->j", block, block)

    of_part = [np.flatnonzero(part_of == part) for part in range(n_parts)]
    blocks = [
        (part, all_[low : low + _BLOCK]) for part, all_ in enumerate(of_part) for low in range(0, len(all_), _BLOCK)
    ]
    seen = crew.map(looked_at, [members for _, members in blocks])
    for (part, members), (mean, square) in zip(blocks, seen, strict=True):
        both = counts[part] + len(members)
        step = mean - means[part]
        squares[part] += square + step**2 * (counts[part] * len(members) / both)
        means[part] += step * (len(members) / both)
        counts[part] = both
    return counts, means, squares


def _merged(
    counts: Float64Array, means: Float64Array, squares: Float64Array, chosen: BoolArray
) -> tuple[Float64Array, Float64Array]:
    """Mean and deviation of the chosen parts together; a deviation of 1 stands for a constant column.

    A column whose deviation is nothing beside the widest one's counts as constant too: two of MiniLM's have 1e-32, and
    scaled up they would be rounding errors with coefficients of 1e30.
    """
    total = counts[chosen].sum()
    mean = (counts[chosen] @ means[chosen]) / total
    variance = (squares[chosen].sum(axis=0) + counts[chosen] @ (means[chosen] - mean) ** 2) / total
    eps = np.finfo(np.float64).eps
    constant = variance <= total * eps * variance + (total * mean * eps) ** 2  # sklearn.preprocessing._data
    constant |= variance <= _NOTHING**2 * variance.max()
    return mean, np.where(constant, 1.0, np.sqrt(variance))
