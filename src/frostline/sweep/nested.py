"""Features chosen anew by the rows of one outer fold, so that the choice can be tested on the rows left out.

In:   one reading of every block, the candidates, and which rows may choose.
Out:  the features that a sweep of those rows alone would choose.
Not:  the outer folds and what is scored on them (evaluate/validation.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import BoolArray, IntArray
from frostline.data.split import stratified_folds
from frostline.head.search import SearchOptions
from frostline.rows import Rows
from frostline.sweep.candidates import Candidate
from frostline.sweep.columns import Columns
from frostline.sweep.run import cross_validate_all, trials_of, winner_of


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldChoice:
    """The sweep's rule, to be applied to any part of the rows.

    Parameters
    ----------
    columns : Columns
        Of all rows that an outer fold may hold or leave out.
    tried : sequence of Candidate
    codes : ndarray of shape (n_texts,), dtype=int64
    labels : tuple of n_labels str
    search : SearchOptions
    also_single_with_words : bool
        As for `cross_validate_all`.
    """

    columns: Columns
    tried: Sequence[Candidate]
    codes: IntArray
    labels: tuple[str, ...]
    search: SearchOptions
    also_single_with_words: bool = False

    @property
    def n_candidates(self) -> int:
        """Among how many the choice is made."""
        return len(self.tried) + self.also_single_with_words

    def __call__(self, training: BoolArray) -> tuple[str, Rows]:
        """The features that the rows in `training` (n_texts,) choose: their name, and all rows of them.

        Raises
        ------
        InputError, UsageError, ConvergenceError
            As `search_C`.
        """
        codes = self.codes[training]
        n_folds = min(self.search.n_folds, int(np.bincount(codes).min()))
        columns = self.columns.fitted_on(training)
        tried, found = cross_validate_all(
            columns.possible(self.tried),
            lambda candidate: columns.rows(candidate)[training],
            codes,
            labels=self.labels,
            search=replace(self.search, n_folds=n_folds),
            folds=stratified_folds(codes, n_folds=n_folds, seed=self.search.seed),
            also_single_with_words=self.also_single_with_words and columns.words is not None,
        )
        chosen = tried[winner_of(trials_of(tried, found))]
        return chosen.features, columns.rows(chosen)
