"""Words and pairs of words as features, as scikit-learn's TfidfVectorizer has them, without scikit-learn.

Predicting must start in a third of a second and scikit-learn takes 0.9 s to import: so this is our own, with numpy
alone, and a test holds it to scikit-learn's tokens and weights.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from typing import final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, Features, Float64Array, IntArray, JoinedRows, Progress, Rows, WordRows
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import Around, Reading, SentenceEncoder
from frostline.errors import InputError

WORD_PATTERN = r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+"
"""A word is a run of letters and digits; a character of Chinese or Japanese, which has no spaces, is one by itself."""

MAX_TERMS = 200_000
MAX_TERM_LENGTH = 1000
"""Characters. What is longer is no word, and a file of 200,000 of them must have a bound."""

SCALE = 30.0
"""Length of a row: about that of an encoder's standardised features, sqrt(n_features)."""

_WORD = re.compile(WORD_PATTERN)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Vocabulary:
    """The terms that are columns, and what they weigh."""

    # Words, and runs of up to `max_words` words joined by a space: distinct and in the order of their characters'
    # numbers, which is that of the columns.
    terms: tuple[str, ...]
    n_texts: int  # Texts that were counted
    counts: IntArray  # (n_terms,): In how many of them each term occurs
    max_words: int = 2
    sublinear: bool = True  # A term that occurs n times in a text counts 1 + ln(n), not n
    scale: float = SCALE  # The length of every row that is not empty

    @cached_property
    def idf(self) -> Float64Array:
        """What each term weighs (n_terms,): ln((1 + n_texts) / (1 + count)) + 1."""
        weights: Float64Array = np.log((1.0 + self.n_texts) / (1.0 + self.counts)) + 1.0
        return weights

    @cached_property
    def column_of(self) -> dict[str, int]:
        """The column of each term."""
        return {term: column for column, term in enumerate(self.terms)}

    def rows(self, texts: Sequence[str]) -> WordRows:
        """The row of each text; a text without a term of the vocabulary has an empty one."""
        column_of, ends = self.column_of, np.zeros(len(texts) + 1, np.int64)
        columns: list[int] = []
        times: list[int] = []
        for place, text in enumerate(texts, start=1):
            found = Counter([column_of[term] for term in terms_of(text, self.max_words) if term in column_of])
            ordered = sorted(found)
            columns += ordered
            times += [found[column] for column in ordered]
            ends[place] = len(columns)
        indices = np.array(columns, dtype=np.int64)
        weights = np.array(times, dtype=np.float64)
        if self.sublinear:
            weights = np.log(weights) + 1.0
        weights *= self.idf[indices]
        return WordRows(
            indptr=ends, indices=indices, data=_to_length(weights, ends, self.scale), n_terms=len(self.terms)
        )


def fit(  # noqa: PLR0913 - the recipe's five numbers, each by its name
    texts: Sequence[str],
    *,
    max_words: int = 2,
    min_texts: int = 2,
    max_terms: int = MAX_TERMS,
    sublinear: bool = True,
    scale: float = SCALE,
) -> Vocabulary:
    """The vocabulary of `texts`: terms that occur in `min_texts` of them or more.

    Parameters
    ----------
    max_words : int, default=2
        Words in a term, at most.
    max_terms : int, default=200,000
        Where there are more, those that occur most often are taken; of equals, the first by their characters.
    sublinear, scale
        As for `Vocabulary`.

    Raises
    ------
    InputError
        No term occurs often enough.
    """
    in_texts: Counter[str] = Counter()
    for text in texts:
        in_texts.update(set(terms_of(text, max_words)))
    kept = sorted(term for term, n in in_texts.items() if n >= min_texts and len(term) <= MAX_TERM_LENGTH)
    if not kept:
        raise InputError(
            f"Words as features need a word that occurs in {min_texts} texts or more (none of {len(texts):,} has one).",
            hint="Leave out +words.",
        )
    if len(kept) > max_terms:
        in_all = Counter(dict.fromkeys(kept, 0))
        for text in texts:
            in_all.update(term for term in terms_of(text, max_words) if term in in_all)
        kept = sorted(sorted(kept, key=lambda term: -in_all[term])[:max_terms])
    return Vocabulary(
        terms=tuple(kept),
        n_texts=len(texts),
        counts=np.fromiter((in_texts[term] for term in kept), np.int64, len(kept)),
        max_words=max_words,
        sublinear=sublinear,
        scale=scale,
    )


def terms_of(text: str, max_words: int = 2) -> list[str]:
    """The words of `text` in lower case, then its pairs of neighbouring words, and so on; repeats as often as they are.

    References
    ----------
    scikit-learn, CountVectorizer: `lowercase`, `token_pattern`, `ngram_range=(1, max_words)`.
    """
    words = _WORD.findall(text.lower())
    found: list[str] = list(words)
    for n in range(2, max_words + 1):
        found += map(" ".join, zip(*(words[start:] for start in range(n)), strict=False))
    return found


def _to_length(data: Float64Array, ends: NDArray[np.int64], scale: float) -> Float64Array:
    """Each row brought to the length `scale`."""
    n_stored = np.diff(ends)
    row_of = np.repeat(np.arange(len(n_stored)), n_stored)
    squares = np.bincount(row_of, weights=np.square(data), minlength=len(n_stored))
    return scale * data / np.sqrt(squares[row_of])


@final
@dataclass(frozen=True, slots=True, eq=False)
class WordedEncoder(Around):
    """The same sentences, the same rows; and the words of each."""

    vocabulary: Vocabulary  # Fitted on training texts alone

    @property
    def spec(self) -> FeatureSpec:
        """The encoder's, with words."""
        return replace(self.encoder.spec, words=True)

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        """Read `texts`, and count their words."""
        reading = self.encoder.encode(texts, progress=progress)
        return replace(reading, words=self.vocabulary.rows(texts))


def vocabulary_of(encoder: SentenceEncoder) -> Vocabulary | None:
    """The vocabulary beside the encoder, if there is one."""
    return encoder.vocabulary if isinstance(encoder, WordedEncoder) else None


def with_words(encoder: SentenceEncoder, texts: Sequence[str], *, tried: bool = False) -> SentenceEncoder:
    """The encoder, with the vocabulary of `texts` beside it where its features ask for words.

    Where words are only `tried`, they are left out if none occurs in two texts.
    """
    if not (tried or encoder.spec.words):
        return encoder
    try:
        return WordedEncoder(encoder, fit(texts))
    except InputError:
        if encoder.spec.words:
            raise
        return encoder


def beside(rows: Features | Float64Array, texts: Sequence[str], training: BoolArray) -> Rows:
    """All rows (n_texts, n_features) with the words of those in `training` (n_texts,); alone if none recurs."""
    try:
        vocabulary = fit(list(compress(texts, training)))
    except InputError:
        return rows
    return JoinedRows(rows, vocabulary.rows(texts))


@final
@dataclass(frozen=True, slots=True, eq=False)
class FoldWords:
    """A vocabulary of its own for every outer fold of a nested cross-validation."""

    rows: Features  # (n_texts, n_features)
    texts: Sequence[str]

    def __call__(self, training: BoolArray) -> tuple[str, Rows]:
        """All rows with the words of those in `training` (n_texts,); no features were chosen, so no name."""
        return "", beside(self.rows, self.texts, training)
