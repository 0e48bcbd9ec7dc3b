"""Sparse columns beside the dense ones of a problem: words, most of which most texts do not have.

Columns go: dense features, common words, rare words, the intercept. A word that many texts have is cheaper as a dense
column, and there the Gram matrix sees what it shares with others; a rare one is met by its own square alone. A word
that no text has is no column at all: its coefficient is 0, whatever C is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, WordRows
from frostline.threads import Crew

_COMMON = 1 / 50  # share of the texts from which on a word is a dense column
_MOST_COMMON = 256


@final
@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """The words of a problem's rows."""

    order: IntArray  # (n_common + n_rare,): Which term each of the problem's word columns is: the common ones first
    n_terms: int  # Of the vocabulary
    common: Any  # sparse array of shape (n_texts, n_common), float64
    by_text: dict[np.dtype[Any], Any]  # dict of dtype to sparse array of shape (n_texts, n_rare): float64 and float32
    by_word: dict[np.dtype[Any], Any]  # dict of dtype to sparse array of shape (n_rare, n_texts)
    squares: Float64Array  # (n_rare,): The diagonal of the rare words' Gram matrix
    # sparse array of shape (n_texts, n_columns): Each text as the fold that holds it out knows its words.
    held_out: Any
    crew: Crew

    @property
    def n_columns(self) -> int:
        """Words that are columns of the problem."""
        return len(self.order)

    @property
    def n_common(self) -> int:
        """Those among the dense columns."""
        return int(self.common.shape[1])

    def whole(self, coef: Float64Array, n_features: int) -> Float64Array:
        """Coefficients (n_coef_rows, n_features + n_columns) with all the vocabulary's terms, in their order."""
        result = np.zeros((len(coef), n_features + self.n_terms))
        result[:, :n_features] = coef[:, :n_features]
        result[:, n_features + self.order] = coef[:, n_features:]
        return result

    def as_held_out(self, rows: "Stacked", block: slice) -> "Stacked":
        """A block of exact rows with the words that the folds that hold them out know, and no others."""
        own, dense = self.held_out[block], rows.dense.copy()
        dense[:, -1 - self.n_common : -1] = own[:, : self.n_common].toarray()
        return Stacked(dense, own[:, self.n_common :], self)

    def transposed(self, residual: np.ndarray, into: np.ndarray) -> None:
        """Write the rare words' part of rows.T @ residual, for all texts: (n_rare, n_columns of residual).

        Each thread has words of its own, so that the sums are the same whatever the number of threads.
        """
        by_word = self.by_word[residual.dtype]
        edges = np.searchsorted(by_word.indptr, np.linspace(0, by_word.nnz, self.crew.threads + 1)).tolist()
        edges[0], edges[-1] = 0, by_word.shape[0]

        def part(of: tuple[int, int]) -> None:
            into[of[0] : of[1]] = by_word[of[0] : of[1]] @ residual

        self.crew.map(part, [(low, high) for low, high in pairwise(edges) if low < high])


@final
@dataclass(frozen=True, slots=True, eq=False)
class Stacked:
    """A block of rows of both kinds, as a factor of a product with a matrix (n_columns, anything)."""

    dense: np.ndarray  # (n_rows, n_dense + 1): Features, common words, and the ones of the intercept
    sparse: Any  # sparse array of shape (n_rows, n_rare), of the same dtype
    beside: Beside

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        return self.dense.dtype

    def __len__(self) -> int:
        return len(self.dense)

    def __getitem__(self, chosen: np.ndarray) -> "Stacked":
        return Stacked(self.dense[chosen], self.sparse[np.flatnonzero(chosen)], self.beside)

    def __matmul__(self, matrix: np.ndarray) -> np.ndarray:
        n_dense = self.dense.shape[1] - 1
        product: np.ndarray = self.dense[:, :-1] @ matrix[:n_dense]
        product += matrix[-1]
        product += self.sparse @ matrix[n_dense:-1]
        return product

    def transposed(self, residual: np.ndarray) -> "Half":
        """rows.T @ residual (n_rows, n_tasks, n_coef_rows), the rare words still to do."""
        flat = residual.reshape(len(residual), -1)
        return Half((flat.T @ self.dense).T, flat, residual.shape[1:], self.beside)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """A block's part of a transposed product: the dense columns' done, the rare words' left for all blocks at once."""

    dense: np.ndarray
    residual: np.ndarray
    shape: tuple[int, ...]
    beside: Beside


Block: TypeAlias = np.ndarray | Stacked
Product: TypeAlias = np.ndarray | Half


def summed(halves: Sequence[Half]) -> np.ndarray:
    """The transposed product (n_columns + 1, n_tasks, n_coef_rows) of all texts, given its halves in their order."""
    first, n_common = halves[0], len(halves[0].dense) - 1
    result = np.empty((n_common + len(first.beside.squares) + 1, first.dense.shape[1]), dtype=first.dense.dtype)
    common = sum((half.dense for half in halves[1:]), first.dense)
    result[:n_common], result[-1] = common[:-1], common[-1]
    first.beside.transposed(np.concatenate([half.residual for half in halves]), result[n_common:-1])
    return result.reshape(-1, *first.shape)


class Solver(Protocol):
    """A factorised approximation of the second derivative."""

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The approximate inverse times a matrix (n_columns, anything)."""
        ...


@final
@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One for the dense columns and the intercept, and a diagonal for the rare words between them."""

    dense: Solver
    rare: np.ndarray  # (n_rare,)

    def solve(self, right: np.ndarray) -> np.ndarray:
        """See `Solver`."""
        n_dense = len(right) - len(self.rare) - 1
        result = np.empty_like(right)
        solved = self.dense.solve(np.concatenate([right[:n_dense], right[-1:]]))
        result[:n_dense], result[-1] = solved[:-1], solved[-1]
        np.divide(right[n_dense:-1], self.rare[:, None], out=result[n_dense:-1])
        return result


def beside_of(words: WordRows, training: BoolArray, crew: Crew) -> Beside:
    """The words of rows (n_texts, n_terms), of which `training` (n_texts, n_folds) train in each fold."""
    from scipy import sparse  # noqa: PLC0415 - 0.2 s, and only fitting on words needs it

    texts_with = np.bincount(words.indices, minlength=words.n_terms)
    order = np.argsort(-texts_with, kind="stable")[: np.count_nonzero(texts_with)]
    n_common = min(_MOST_COMMON, int(np.count_nonzero(texts_with >= max(1.0, _COMMON * len(words)))))

    def ordered(own: WordRows) -> Any:
        whole = sparse.csr_array((own.data, own.indices, own.indptr), shape=(len(own), own.n_terms))
        return whole.tocsc()[:, order]

    columns, known = ordered(words), words.held_out(training)
    held = columns if known is words else ordered(known)
    rare = columns[:, n_common:].tocsr()
    by_word = columns[:, n_common:].T.tocsr()
    for each in (rare, by_word):
        each.sort_indices()
    single = np.dtype(np.float32)
    return Beside(
        order=order,
        n_terms=words.n_terms,
        common=columns[:, :n_common].tocsr(),
        by_text={rare.dtype: rare, single: rare.astype(single)},
        by_word={by_word.dtype: by_word, single: by_word.astype(single)},
        squares=np.asarray(rare.multiply(rare).sum(axis=0)).ravel(),
        held_out=held.tocsr(),
        crew=crew,
    )
