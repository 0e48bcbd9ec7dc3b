"""One reading of every block, from which features are cut; and the words of the same texts.

In:   a `Reading`, the blocks that its columns are, the texts.
Out:  rows of any of those blocks, with words beside them where a candidate has them.
Not:  reading (encoder/, store/).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Features, IntArray
from frostline.encoder.features import Block
from frostline.encoder.reading import Reading, SentenceEncoder
from frostline.errors import InputError
from frostline.rows import JoinedRows, Rows, WordRows
from frostline.sweep.candidates import Candidate
from frostline.words.vocabulary import fit


@final
@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The one reading, from which features are cut; rows from `n_swept` on are for testing.

    `words` are of all texts, by the vocabulary of those swept; None if none of their words occurs twice.
    """

    reading: Reading
    blocks: tuple[Block, ...]
    hidden_size: int
    n_swept: int
    texts: Sequence[str]
    words: WordRows | None = None

    @classmethod
    def of(cls, reading: Reading, encoder: SentenceEncoder, texts: Sequence[str], *, n_swept: int) -> "Columns":
        """Of all `texts`, of which the first `n_swept` are swept; its words are theirs."""
        return cls(reading, encoder.blocks, encoder.hidden_size, n_swept, texts, words_of(texts, texts[:n_swept]))

    def fitted_on(self, training: BoolArray) -> "Columns":
        """The same with the words of those swept rows alone that are in `training` (n_swept,)."""
        return replace(self, words=words_of(self.texts, list(compress(self.texts, training))))

    def possible(self, tried: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """The candidates that there are columns for: none with words if no word occurs twice."""
        return tuple(candidate for candidate in tried if not candidate.words or self.words is not None)

    def rows(self, candidate: Candidate) -> Rows:
        """Rows (n_swept, n_features) to cross-validate."""
        return self._joined(self.swept(candidate.blocks), candidate, np.arange(self.n_swept))

    def test_rows(self, candidate: Candidate) -> Rows:
        """Rows (n_test, n_features) to test on."""
        return self._joined(self.tested(candidate.blocks), candidate, np.arange(self.n_swept, len(self.texts)))

    def swept(self, blocks: Sequence[Block]) -> Features:
        """Rows (n_swept, n_features) to cross-validate: a view where the columns stand side by side."""
        return self._cut(self.reading.rows[: self.n_swept], blocks)

    def tested(self, blocks: Sequence[Block]) -> Features:
        """Rows (n_test, n_features) to test on."""
        return self._cut(self.reading.rows[self.n_swept :], blocks)

    def refuse_equal_rows(self) -> None:
        """Raise `InputError` where the encoder tells no text from another."""
        rows = self.reading.rows[: self.n_swept]
        if (rows == rows[:1]).all():
            raise InputError(
                f"The texts must differ (to the encoder all {self.n_swept:,} are the same).",
                hint="Look for the text column (--text).",
            )

    def _joined(self, dense: Features, candidate: Candidate, texts: IntArray) -> Rows:
        if not candidate.words or self.words is None:
            return dense
        return JoinedRows(dense, self.words.take(texts))

    def _cut(self, rows: Features, blocks: Sequence[Block]) -> Features:
        starts = [self.blocks.index(block) * self.hidden_size for block in blocks]
        if starts == list(range(starts[0], starts[0] + len(starts) * self.hidden_size, self.hidden_size)):
            return rows[:, starts[0] : starts[0] + len(starts) * self.hidden_size]
        return np.concatenate([rows[:, start : start + self.hidden_size] for start in starts], axis=1)


def words_of(texts: Sequence[str], learned: Sequence[str]) -> WordRows | None:
    """The words of `texts` by the vocabulary of `learned`; None if none of theirs occurs twice."""
    try:
        return fit(learned).rows(texts)
    except InputError:
        return None
