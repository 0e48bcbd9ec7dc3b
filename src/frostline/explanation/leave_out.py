"""What each word adds: the text is read again without it, and the answer compared.

The log-odds are those of the label against all others, before calibration: an isotonic map is flat in places, where
every change would be 0. The probabilities are those the classifier gives.

References
----------
Li, Monroe, Jurafsky (2016), Understanding Neural Networks through Representation Erasure. arXiv:1612.08220.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import final

import numpy as np

from frostline.arrays import Float64Array, Probabilities, Progress
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.tokens import MAX_CHARACTERS, WordPieces
from frostline.encoder.words import MARKED_PATTERN, WORD_PATTERN
from frostline.head.linear import LinearHead, log_odds
from frostline.targets import Label


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of the text."""

    text: str  # As it stands there
    # `start`, `end`: Its place: text[start:end].
    start: int
    end: int
    pieces: tuple[str, ...]  # Its word pieces, as they are written in the vocabulary


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A text as the encoder gets it."""

    pieces: tuple[str, ...]  # All that the encoder sees: [CLS] and [SEP] included
    words: tuple[Word, ...]  # Of which it sees a piece at least
    seen_to: int  # Letters of the text that it sees: what stands after them is cut off
    is_cut: bool


def split_words(word_pieces: WordPieces, text: str) -> Split:
    """The words of `text`, in order; what the tokenizer drops (control characters, say) is in none."""
    n_before = len(word_pieces.prefix)
    encoding = word_pieces.encodings([word_pieces.prefix + text[:MAX_CHARACTERS]])[0]
    room = word_pieces.max_length - len(word_pieces.before) - len(word_pieces.after)
    is_cut = len(encoding.ids) > room or len(text) > MAX_CHARACTERS
    pieces, numbers = encoding.tokens[:room], encoding.word_ids[:room]
    places = [(max(0, start - n_before), end - n_before) for start, end in encoding.offsets[:room]]
    words = []
    # A mark such as [SEP] typed into a text is a word by itself and may have no number: its place tells it apart.
    for _, group in groupby(range(len(pieces)), key=lambda n: (numbers[n], -1 if numbers[n] is not None else n)):
        held = list(group)
        start, end = min(places[n][0] for n in held), max(places[n][1] for n in held)
        stretch = text[start : max(end, 0)]  # what stands before the text is none of its words
        start, end = start + len(stretch) - len(stretch.lstrip()), end - len(stretch) + len(stretch.rstrip())
        if start < end:
            words.append(Word(text=text[start:end], start=start, end=end, pieces=tuple(pieces[n] for n in held)))
    around = [
        [str(word_pieces.tokenizer.id_to_token(int(piece))) for piece in ids]
        for ids in (word_pieces.before, word_pieces.after)
    ]
    return Split(
        pieces=(*around[0], *pieces, *around[1]),
        words=tuple(words),
        seen_to=max((0, *(end for _, end in places))) if is_cut else len(text),
        is_cut=is_cut,
    )


def split_terms(text: str, *, is_marked: bool = False) -> Split:
    """The same where features are words alone: the words that are counted, each a piece as it is counted."""
    words = tuple(
        Word(text=found[0], start=found.start(), end=found.end(), pieces=(found[0].lower(),))
        for found in re.finditer(MARKED_PATTERN if is_marked else WORD_PATTERN, text)
    )
    pieces = tuple(piece for word in words for piece in word.pieces)
    return Split(pieces=pieces, words=words, seen_to=len(text), is_cut=False)


def without(text: str, words: list[Word]) -> str:
    """`text` with these words left out, in order; what stood around a word stays apart, and no space is doubled."""
    kept, start = "", 0
    for word in words:
        kept = _joined(kept, text[start : word.start])
        start = word.end
    return _joined(kept, text[start:])


def _joined(before: str, after: str) -> str:
    before, after = before.rstrip(), after.strip()
    return f"{before} {after}" if before and after else before + after


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a word adds to a label: with it less without it."""

    # `log_odds`, `probability`: Above 0 where the word speaks for the label.
    log_odds: float
    probability: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """A word that stands in the text more than once: what all its places add together."""

    text: str  # In lower case
    places: tuple[int, ...]  # Which of the words it is
    change: Change


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LabelExplained:
    """What the words add to one label."""

    label: Label
    # `probability`, `log_odds`: Of the text as far as the encoder sees it.
    probability: float
    log_odds: float
    of_nothing: Change  # What the whole text adds to an empty one
    words: tuple[Change, ...]  # Of each word that was left out in turn, in order: the first of the text's
    repeated: tuple[Together, ...]

    @property
    def sum_of_words(self) -> float:
        """Of the changes of log-odds. It is not what the whole text adds: words are read together."""
        return float(sum(change.log_odds for change in self.words))


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeftOut:
    """The text and its variants, read."""

    # (n_variants, n_coef_rows): Of the whole text, of what is seen of it, of nothing, without each word, without all of
    # each repeated word.
    decisions: Float64Array
    row: Float64Array  # (n_features,): The text's features, without words: what nearness is of
    repeated: tuple[tuple[int, ...], ...]  # The places of each word that is repeated
    n_words: int


def read_without(  # noqa: PLR0913 - who reads, who decides, and the text with its words
    encoder: SentenceEncoder,
    head: LinearHead,
    *,
    text: str,
    split: Split,
    max_words: int,
    progress: Progress | None = None,
) -> LeftOut:
    """Read the text and all its variants in one call, which sorts and batches them."""
    seen = text[: split.seen_to]
    tried = split.words[:max_words]
    repeated = _repeated(tried)
    groups = [[word] for word in tried] + [[tried[place] for place in places] for places in repeated]
    variants = [text, seen, "", *(without(seen, group) for group in groups)]
    reading = encoder.encode(variants, progress=progress)
    return LeftOut(
        decisions=head.decision_function(reading.for_head),
        row=reading.rows[0].astype(np.float64),
        repeated=repeated,
        n_words=len(tried),
    )


def explained(readings: LeftOut, head: LinearHead, words: Sequence[Word], column: int) -> LabelExplained:
    """What `readings` says of the label in `column`."""
    odds = log_odds(readings.decisions, column, link=head.link)
    shares: Probabilities = head.probabilities(readings.decisions)[:, column]
    changes = [
        Change(log_odds=float(odds[1] - odds[row]), probability=float(shares[1] - shares[row]))
        for row in range(2, len(odds))
    ]
    nothing, each, all_of = changes[0], changes[1 : 1 + readings.n_words], changes[1 + readings.n_words :]
    return LabelExplained(
        label=head.labels[column],
        probability=float(shares[0]),
        log_odds=float(odds[0]),
        of_nothing=nothing,
        words=tuple(each),
        repeated=tuple(
            Together(text=words[places[0]].text.lower(), places=places, change=change)
            for places, change in zip(readings.repeated, all_of, strict=True)
        ),
    )


def _repeated(words: Sequence[Word]) -> tuple[tuple[int, ...], ...]:
    """The places of each word that stands there more than once, whatever its capitals; punctuation aside."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        if any(letter.isalnum() for letter in word.text):
            places.setdefault(word.text.casefold(), []).append(place)
    return tuple(tuple(of_word) for of_word in places.values() if len(of_word) > 1)
