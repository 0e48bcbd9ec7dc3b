"""One reading of every block, from which features are cut.

In:   a `Reading`, and the blocks that its columns are.
Out:  rows of any of those blocks.
Not:  reading (encoder/, store/).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Features
from frostline.encoder.features import Block
from frostline.encoder.reading import Reading
from frostline.errors import InputError


@final
@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The one reading, from which features are cut; rows from `n_swept` on are for testing."""

    reading: Reading
    blocks: tuple[Block, ...]
    hidden_size: int
    n_swept: int

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

    def _cut(self, rows: Features, blocks: Sequence[Block]) -> Features:
        starts = [self.blocks.index(block) * self.hidden_size for block in blocks]
        if starts == list(range(starts[0], starts[0] + len(starts) * self.hidden_size, self.hidden_size)):
            return rows[:, starts[0] : starts[0] + len(starts) * self.hidden_size]
        return np.concatenate([rows[:, start : start + self.hidden_size] for start in starts], axis=1)
