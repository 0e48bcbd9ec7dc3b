"""Rows that a head learns from and answers: the encoder's numbers, and beside them, where asked for, words.

In:   features (n_texts, n_features); sparse rows of the same texts.
Out:  `WordRows`, `JoinedRows`; `Rows`, which is either that or features alone.
Not:  making them (encoder/, words/). Imports nothing but numpy, so that `frostline predict` starts fast.
"""

from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordRows:
    """Sparse rows (n_texts, n_terms), as in the compressed-sparse-row format.

    Parameters
    ----------
    indptr : ndarray of shape (n_texts + 1,), dtype=int64
        Row i is data[indptr[i]:indptr[i + 1]].
    indices : ndarray of shape (n_stored,), dtype=int64
        The column of each number, ascending within a row.
    data : ndarray of shape (n_stored,), dtype=float64
    n_terms : int
        Columns.
    """

    indptr: IntArray
    indices: IntArray
    data: Float64Array
    n_terms: int

    def __len__(self) -> int:
        """Rows."""
        return len(self.indptr) - 1

    def times(self, coef: Float64Array) -> Float64Array:
        """These rows (n_texts, n_terms) times coef (n_coef_rows, n_terms), transposed: (n_texts, n_coef_rows)."""
        row_of = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        columns = [
            np.bincount(row_of, weights=self.data * own[self.indices], minlength=len(self))
            for own in np.atleast_2d(coef)
        ]
        return np.stack(columns, axis=1)

    def take(self, rows: IntArray) -> "WordRows":
        """The rows numbered in `rows`, in that order."""
        lengths = np.diff(self.indptr)[rows]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(ends[-1]) + np.repeat(self.indptr[rows] - ends[:-1], lengths)
        return WordRows(indptr=ends, indices=self.indices[places], data=self.data[places], n_terms=self.n_terms)


@final
@dataclass(frozen=True, slots=True, eq=False)
class JoinedRows:
    """Features with words beside them; sliced and chosen from as an array is.

    Parameters
    ----------
    dense : ndarray of shape (n_texts, n_features)
    words : WordRows
        Of the same texts; the last columns.
    """

    dense: Features | Float64Array
    words: WordRows

    def __len__(self) -> int:
        """Texts."""
        return len(self.dense)

    @property
    def shape(self) -> tuple[int, int]:
        """Texts, and columns of both kinds."""
        return len(self.dense), self.dense.shape[1] + self.words.n_terms

    def __getitem__(self, chosen: BoolArray | IntArray | slice) -> "JoinedRows":
        """Some of the texts."""
        return JoinedRows(self.dense[chosen], self.words.take(np.arange(len(self))[chosen]))

    def times(self, coef: Float64Array) -> Float64Array:
        """These rows times coef (n_coef_rows, n_columns), transposed, in float64: (n_texts, n_coef_rows)."""
        n_features = self.dense.shape[1]
        product: Float64Array = self.dense.astype(np.float64) @ coef[:, :n_features].T
        product += self.words.times(coef[:, n_features:])
        return product


Rows: TypeAlias = Features | Float64Array | JoinedRows


def dense_part(rows: Rows) -> Features | Float64Array:
    """The encoder's numbers (n_texts, n_features) alone: what distances are taken of."""
    return rows.dense if isinstance(rows, JoinedRows) else rows


def are_equal(rows: Rows) -> bool:
    """Whether all rows are the same, so that no text can be told from another."""
    dense = dense_part(rows)
    if isinstance(rows, JoinedRows) and not _words_are_equal(rows.words):
        return False
    step = 4096
    return all(bool((dense[start : start + step] == dense[0]).all()) for start in range(0, len(dense), step))


def _words_are_equal(words: WordRows) -> bool:
    lengths = np.diff(words.indptr)
    if not (lengths == lengths[:1]).all():
        return False
    shape = (len(words), -1) if len(words.data) else (len(words), 0)
    indices, data = words.indices.reshape(shape), words.data.reshape(shape)
    return bool((indices == indices[:1]).all() and (data == data[:1]).all())
