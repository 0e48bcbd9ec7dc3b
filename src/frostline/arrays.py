"""Names for arrays, with their axes.

The axes that occur: n_texts (rows, in input order), n_features (one feature vector), n_labels (classes in the
order of `classes_`), n_coef_rows (1 for two classes, n_labels otherwise), tokens (word pieces of a batch).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

Features: TypeAlias = Float32Array
"""(n_texts, n_features), float32; row i belongs to text i; not normalised."""

Probabilities: TypeAlias = Float64Array
"""(n_texts, n_labels), rows sum to 1; column j belongs to label j."""

Advance: TypeAlias = Callable[[int, int], None]
"""Called as progress(done, total), in the unit that the function's docstring names; never from two threads at once."""

Progress: TypeAlias = Advance


def part_of(progress: Progress | None, before: int, total: int) -> Progress | None:
    """`progress` of a whole of `total`, for a part of it that begins after `before`."""
    return None if progress is None else lambda done, _: progress(before + done, total)


FEWEST_TEXTS_OF_A_WORD = 2
"""Training texts that a word must be in to be a column."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordRows:
    """Sparse rows (n_texts, n_terms), as in the compressed-sparse-row format."""

    indptr: IntArray  # (n_texts + 1,): Row i is data[indptr[i]:indptr[i + 1]]
    indices: IntArray  # (n_stored,): The column of each number, ascending within a row
    data: Float64Array  # (n_stored,)
    n_terms: int  # Columns

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

    def known_to(self, learned: "WordRows") -> "WordRows":
        """These rows as a vocabulary of the texts of `learned` would have them: words that recur among those alone.

        A word that just one text learned from shares with a text to be told has no column in what learns from that
        text alone; counted all the same it would tell the answer of a text that stands for new ones.
        """
        return self._only(learned.recur()[self.indices])

    def held_out(self, training: BoolArray) -> "WordRows":
        """Each row as the fold that holds it out knows it; training is (n_texts, n_folds), and holds it out once."""
        if training.all():
            return self
        kept = np.ones(len(self.indices), dtype=bool)
        lengths = np.diff(self.indptr)
        for own in training.T:
            if not own.all():
                cells = np.repeat(~own, lengths)
                kept[cells] = self.take(np.flatnonzero(own)).recur()[self.indices[cells]]
        return self._only(kept)

    def recur(self) -> BoolArray:
        """Which columns (n_terms,) enough rows have."""
        recur: BoolArray = np.bincount(self.indices, minlength=self.n_terms) >= FEWEST_TEXTS_OF_A_WORD
        return recur

    def _only(self, kept: BoolArray) -> "WordRows":
        """Some of the numbers (n_stored,), each row brought back to the length that it had."""
        row_of = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        squares = np.square(self.data)
        before = np.bincount(row_of, weights=squares, minlength=len(self))
        after = np.bincount(row_of, weights=squares * kept, minlength=len(self))
        scale = np.sqrt(before / np.where(after > 0, after, 1.0))
        ends = np.concatenate([[0], np.cumsum(np.bincount(row_of[kept], minlength=len(self)))])
        return WordRows(
            indptr=ends,
            indices=self.indices[kept],
            data=(self.data * scale[row_of])[kept],
            n_terms=self.n_terms,
        )


@final
@dataclass(frozen=True, slots=True, eq=False)
class JoinedRows:
    """Features with words beside them; sliced and chosen from as an array is."""

    dense: Features | Float64Array  # (n_texts, n_features)
    words: WordRows  # Of the same texts; the last columns

    def __len__(self) -> int:
        """Texts."""
        return len(self.dense)

    @property
    def shape(self) -> tuple[int, int]:
        """Texts, and columns of both kinds."""
        return len(self.dense), self.dense.shape[1] + self.words.n_terms

    @property
    def words_alone(self) -> "JoinedRows":
        """The same words beside no features."""
        return JoinedRows(np.empty((len(self), 0), dtype=np.float32), self.words)

    def __getitem__(self, chosen: BoolArray | IntArray | slice) -> "JoinedRows":
        """Some of the texts."""
        return JoinedRows(self.dense[chosen], self.words.take(np.arange(len(self))[chosen]))

    def times(self, coef: Float64Array) -> Float64Array:
        """These rows times coef (n_coef_rows, n_columns), transposed, in float64: (n_texts, n_coef_rows)."""
        n_features = self.dense.shape[1]
        return times(self.dense, coef[:, :n_features]) + self.words.times(coef[:, n_features:])


Rows: TypeAlias = Features | Float64Array | JoinedRows


def times(rows: Rows, coef: Float64Array) -> Float64Array:
    """Rows times coef (n_coef_rows, n_columns), transposed, in float64: (n_texts, n_coef_rows).

    Each row has the bits that it has alone: one product for each, where one of all rows is summed in another order.
    """
    if isinstance(rows, JoinedRows):
        return rows.times(coef)
    each = np.ascontiguousarray(rows, dtype=np.float64)[:, None]  # (n_texts, 1, n_columns)
    product: Float64Array = np.matmul(each, coef.T)[:, 0]
    return product


def plain_column(column: Any) -> Any:
    """A column of pyarrow as a list of Python's own values; anything else, also its tables, as it is."""
    is_column = callable(getattr(column, "to_pylist", None)) and not hasattr(column, "column_names")
    return column.to_pylist() if is_column else column


def known_to(rows: Rows, learned: Rows) -> Rows:
    """Rows with the words alone that recur among the rows that were learned from; features stay as they are."""
    if isinstance(rows, JoinedRows) and isinstance(learned, JoinedRows):
        return JoinedRows(rows.dense, rows.words.known_to(learned.words))
    return rows


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
