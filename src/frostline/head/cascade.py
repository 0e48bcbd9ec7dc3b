"""A cascade: a cheap head answers the texts that it is surest of, so that the encoder reads the others alone.

The cheap head goes by what costs next to nothing: words, pairs of words, the mean of the word embeddings. How it is
chosen: cascading.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, JoinedRows, Progress, Rows, dense_part
from frostline.encoder.reading import Reading, SentenceEncoder, check_texts
from frostline.head.likeness import Likeness
from frostline.head.linear import LinearHead
from frostline.targets import Answers


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cascade:
    """A cheap head with what reads for it."""

    head: LinearHead  # As in `cascading.CascadeFit`
    reader: SentenceEncoder

    def hear(self, texts: Sequence[str]) -> tuple[Float64Array, Answers]:
        """Its decisions (n_texts, n_coef_rows), and what it says of each text, `answered` where it answers alone."""
        reading = self.reader.encode(texts)
        rows = reading.for_head
        decisions = self.head.decision_function(rows)
        said = self.head.answer(self.head.probabilities(decisions), reading.cut)
        return decisions, replace(said, answered=said.answered & is_known(rows))


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """Texts that were read as far as they had to be."""

    head: LinearHead  # The full one
    reading: Reading  # Of the texts that the encoder read
    place: IntArray  # (n_texts,): The row of each of these in `reading`
    # `first`, `first_decisions`: What the cheap head says of all texts, and why; None where there is no cascade.
    first: Answers | None = None
    first_decisions: Float64Array | None = None

    @property
    def early(self) -> BoolArray:
        """Which texts (n_texts,) the cheap head answers."""
        return np.zeros(len(self.place), dtype=bool) if self.first is None else self.first.answered

    @property
    def cut(self) -> BoolArray:
        """Which texts (n_texts,) are longer than the encoder can see."""
        cut = self.reading.cut[self.place] if self.first is None else self.first.cut.copy()
        cut[~self.early] = self.reading.cut[self.place[~self.early]]
        return cut

    def decisions(self) -> Float64Array:
        """Log-odds (n_texts, n_coef_rows) by the head that answers."""
        if self.first_decisions is None:
            return self.head.decision_function(self.reading.for_head[self.place])
        decisions, late = self.first_decisions.copy(), ~self.early
        decisions[late] = self.head.decision_function(self.reading.for_head[self.place[late]])
        return decisions

    def answers(self, start: int = 0, stop: int | None = None, *, likeness: Likeness | None = None) -> Answers:
        """What is said of the texts from `start` to `stop`; how like they are, where all of them were read."""
        part = slice(start, stop)
        early = self.early[part]
        read = self.place[part] if likeness is not None else self.place[part][~early]
        rows = self.reading.for_head[read]
        said = self.head.answer(self.head.predict_proba(rows), self.reading.cut[read])
        if likeness is not None:
            said = replace(said, likeness=likeness.of(dense_part(rows), said.probabilities))
        if self.first is None:
            return said
        first = replace(self.first.take(part), early=early)
        if likeness is None:
            return first.filled(~early, said)
        return replace(said.filled(early, first.take(early)), early=early)


def hear(  # noqa: PLR0913 - two heads, who reads for them, how far, and who is told
    texts: Sequence[str],
    head: LinearHead,
    encoder: SentenceEncoder,
    *,
    cascade: Cascade | None = None,
    read_all: bool = False,
    progress: Progress | None = None,
) -> Heard:
    """Have the texts read that the cheap head does not answer, or all of them.

    Parameters
    ----------
    progress : callable, optional
        Counts distinct texts that the encoder reads.
    """
    every = np.arange(len(texts), dtype=np.int64)
    if cascade is None:
        return Heard(head=head, reading=encoder.encode(texts, progress=progress), place=every)
    given = check_texts(texts)
    decisions, first = cascade.hear(given)
    late = every if read_all else np.flatnonzero(~first.answered)
    place = np.zeros(len(given), np.int64)
    place[late] = np.arange(len(late))
    reading = encoder.encode([given[row] for row in late.tolist()], progress=progress)
    return Heard(head=head, reading=reading, place=place, first=first, first_decisions=decisions)


def is_known(rows: Rows) -> BoolArray:
    """Which rows (n_texts,) have a word that was learned from; all, where there are no words."""
    if not isinstance(rows, JoinedRows):
        return np.ones(len(rows), dtype=bool)
    return np.asarray(np.diff(rows.words.indptr) > 0)
