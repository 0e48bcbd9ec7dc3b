"""Which features a sweep tries: every single block, and joins of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Features, IntArray, JoinedRows, Rows, WordRows
from frostline.encoder.features import POOLINGS, TUTORIAL_FEATURES, WORDS, Block, FeatureSpec
from frostline.encoder.reading import Reading, SentenceEncoder
from frostline.encoder.words import vocabulary_or_none
from frostline.errors import InputError

LAST_LAYERS = 4


@final
@dataclass(frozen=True, slots=True)
class Candidate:
    """Features to try."""

    # As `--features` takes it. The last layer is written -1, so that `cls@-1` is found under its known name.
    features: str
    blocks: tuple[Block, ...]  # In column order
    words: bool = False  # Whether words stand beside them

    @property
    def is_single(self) -> bool:
        """Whether it is one pooling of one layer, and nothing else."""
        return len(self.blocks) == 1 and not self.words

    def with_words(self) -> "Candidate":
        """The same with words beside it."""
        return Candidate(f"{self.features}+{WORDS}", self.blocks, words=True)


def candidates(n_layers: int, *, joins: Sequence[str] | None = None) -> tuple[Candidate, ...]:
    """Every layer, the embedding output included, under every pooling; then the joins.

    Parameters
    ----------
    n_layers : int
        Transformer layers of the encoder.
    joins : sequence of str, optional
        Features to try beside the single blocks, instead of `usual_joins`.
    """
    singles = [
        Candidate(f"{pooling}@{layer if layer < n_layers else -1}", (Block(layer, pooling),))
        for pooling in POOLINGS
        for layer in range(n_layers + 1)
    ]
    by_blocks = {(frozenset(single.blocks), False): single for single in singles}
    for features in usual_joins(n_layers) if joins is None else joins:
        spec = FeatureSpec.parse(features)
        join = Candidate(str(spec), spec.blocks(n_layers), spec.words)
        by_blocks.setdefault((frozenset(join.blocks), join.words), join)
    return tuple(by_blocks.values())


def named(features: Sequence[str], n_layers: int) -> tuple[Candidate, ...]:
    """Candidates by name, as `--features` takes them; `UsageError` where one cannot be."""
    specs = [FeatureSpec.parse(each) for each in features]
    return tuple(Candidate(str(spec), spec.blocks(n_layers), spec.words) for spec in specs)


def shortlist(n_layers: int) -> tuple[str, ...]:
    """Seven to choose among where all are too dear: last layer's views, means of the last layers and of all, words.

    Over SST-2, TREC, SST-5 and CR `mean@all` was chosen or within a point of what was; the wide joins with cls or max
    take four fifths of a sweep's time (docs/decisions/0016).
    """
    last = ",".join(str(-layer) for layer in range(1, max(1, min(LAST_LAYERS, n_layers)) + 1))
    return (TUTORIAL_FEATURES, "mean@-1", "cls@-1+mean@-1", f"mean@{last}", "mean@all", "mean@all+words", "words")


def usual_joins(n_layers: int) -> tuple[str, ...]:
    """Joins worth their width: views of the last layer, the last layers' means, all layers of a pooling; with words."""
    last = ",".join(str(-layer) for layer in range(1, max(1, min(LAST_LAYERS, n_layers)) + 1))
    return (
        "cls@-1+mean@-1",
        "cls@-1+mean@-1+max@-1",
        f"mean@{last}",
        "cls@all",
        "mean@all",
        "max@all",
        "mean@all+max@all",
        "mean@all+words",
        "words",
    )


def tutorial_among(listed: Sequence[Candidate], n_layers: int) -> int:
    """The position of the tutorial's features."""
    blocks = FeatureSpec.parse(TUTORIAL_FEATURES).blocks(n_layers)
    return [candidate.blocks for candidate in listed].index(blocks)


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
        if not blocks:
            return rows[:, :0]
        starts = [self.blocks.index(block) * self.hidden_size for block in blocks]
        if starts == list(range(starts[0], starts[0] + len(starts) * self.hidden_size, self.hidden_size)):
            return rows[:, starts[0] : starts[0] + len(starts) * self.hidden_size]
        return np.concatenate([rows[:, start : start + self.hidden_size] for start in starts], axis=1)


def words_of(texts: Sequence[str], learned: Sequence[str]) -> WordRows | None:
    """The words of `texts` by the vocabulary of `learned`; None if none of theirs occurs twice."""
    vocabulary = vocabulary_or_none(learned)
    return None if vocabulary is None else vocabulary.rows(texts)
