"""Words and pairs of words as features, as scikit-learn's TfidfVectorizer has them, without scikit-learn.

Predicting must start in a third of a second and scikit-learn takes 0.9 s to import: so this is our own, with numpy
alone, and a test holds it to scikit-learn's tokens and weights.
"""

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import (
    FEWEST_TEXTS_OF_A_WORD,
    BoolArray,
    Features,
    Float64Array,
    IntArray,
    JoinedRows,
    Progress,
    Rows,
    WordRows,
)
from frostline.encoder.features import WORDS, Block, FeatureSpec
from frostline.encoder.reading import Around, EncoderIdentity, Reading, SentenceEncoder, check_texts
from frostline.errors import InputError

WORD_PATTERN = r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+"
"""A word is a run of letters and digits; a character of Chinese or Japanese, which has no spaces, is one by itself."""

_MARKS = (
    r"\u0300-\u036f\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    r"\u06df-\u06e4\u06e7-\u06e8\u06ea-\u06ed\u0900-\u0963\u0966-\u0dff\u0f71-\u0f84\u0f8d-\u0fbc"
)
"""Accents, vowels and tones: they stand in a word and are no letters to a pattern. Of India's scripts all but stops."""
_SPACELESS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese and Khmer: no blanks between words."""
_THEIR_MARKS = (
    r"\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
    r"\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d"
    r"\u17b4-\u17d3\u17dd"
)
_CHINESE = r"\u3040-\u30ff\u3400-\u9fff"

MARKED_PATTERN = rf"[{_CHINESE}]|(?=[{_SPACELESS}])\w[{_THEIR_MARKS}]*|(?:(?![{_CHINESE}{_SPACELESS}])[\w{_MARKS}])+"
"""The same, with marks as parts of their words; a letter of Thai and its like is a word by itself, with its marks."""

MAX_TERMS = 200_000
MAX_TERM_LENGTH = 1000
"""Characters. What is longer is no word, and a file of 200,000 of them must have a bound."""

SCALE = 30.0
"""Length of a row: about that of an encoder's standardised features, sqrt(n_features)."""

_WORD = re.compile(WORD_PATTERN)
_MARKED = re.compile(MARKED_PATTERN)
_HAS_MARKS = re.compile(rf"[{_MARKS}{_SPACELESS}]")


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
    # Whether words are those of `MARKED_PATTERN`: where the texts that were counted have a mark or a letter of Thai and
    # its like. Elsewhere both patterns find the same.
    is_marked: bool = False

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
        columns, times = array("i"), array("i")
        for place, text in enumerate(texts, start=1):
            terms = terms_of(text, self.max_words, is_marked=self.is_marked)
            found = Counter([column_of[term] for term in terms if term in column_of])
            ordered = sorted(found)
            columns.extend(ordered)
            times.extend([found[column] for column in ordered])
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
    min_texts: int = FEWEST_TEXTS_OF_A_WORD,
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
    is_marked = any(not text.isascii() and _HAS_MARKS.search(text) for text in texts)
    for text in texts:
        in_texts.update(set(terms_of(text, max_words, is_marked=is_marked)))
    kept = sorted(term for term, n in in_texts.items() if n >= min_texts and len(term) <= MAX_TERM_LENGTH)
    if not kept:
        raise InputError(
            f"Words as features need a word that occurs in {min_texts} texts or more (none of {len(texts):,} has one).",
            hint="Leave out +words; of words alone: leave out --features.",
        )
    if len(kept) > max_terms:
        in_all = Counter(dict.fromkeys(kept, 0))
        for text in texts:
            in_all.update(term for term in terms_of(text, max_words, is_marked=is_marked) if term in in_all)
        kept = sorted(sorted(kept, key=lambda term: -in_all[term])[:max_terms])
    return Vocabulary(
        terms=tuple(kept),
        n_texts=len(texts),
        counts=np.fromiter((in_texts[term] for term in kept), np.int64, len(kept)),
        max_words=max_words,
        sublinear=sublinear,
        scale=scale,
        is_marked=is_marked,
    )


def vocabulary_or_none(texts: Sequence[str], *, min_texts: int = FEWEST_TEXTS_OF_A_WORD) -> Vocabulary | None:
    """The vocabulary of `texts`; None if no term occurs in `min_texts` of them."""
    try:
        return fit(texts, min_texts=min_texts)
    except InputError:
        return None


def terms_of(text: str, max_words: int = 2, *, is_marked: bool = False) -> list[str]:
    """The words of `text` in lower case, then its pairs of neighbouring words, and so on; repeats as often as they are.

    Parameters
    ----------
    is_marked : bool, default=False
        As in `Vocabulary`.

    References
    ----------
    scikit-learn, CountVectorizer: `lowercase`, `token_pattern`, `ngram_range=(1, max_words)`.
    """
    words = (_MARKED if is_marked else _WORD).findall(text.lower())
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


_WORDS_SPEC = FeatureSpec((), words=True)
_NOTHING_SHA256 = hashlib.sha256(b"").hexdigest()

WORDS_ALONE = EncoderIdentity(
    name=WORDS,
    revision=None,
    family=WORDS,
    weights_sha256=_NOTHING_SHA256,
    tokenizer_sha256=hashlib.sha256(WORD_PATTERN.encode()).hexdigest(),
    config_sha256=_NOTHING_SHA256,
    max_length=1_000_000,
    precision="float32",
    graph_version=0,
)
"""Who reads where features are words alone: nobody. The vocabulary and the pattern are all that can change a row."""


@final
@dataclass(frozen=True, slots=True)
class WordsAlone:
    """What stands for an encoder where features are words alone: its rows have no columns."""

    identity: EncoderIdentity = WORDS_ALONE
    spec: FeatureSpec = _WORDS_SPEC
    blocks: tuple[Block, ...] = ()
    hidden_size: int = 0

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:  # noqa: ARG002
        """Rows without columns: nothing is read."""
        n_texts = len(check_texts(texts))
        return Reading(
            rows=np.empty((n_texts, 0), np.float32),
            pieces=np.zeros(n_texts, np.int32),
            cut=np.zeros(n_texts, dtype=bool),
            n_read=0,
        )


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
    if encoder.spec.words:
        return WordedEncoder(encoder, fit(texts))
    vocabulary = vocabulary_or_none(texts) if tried else None
    return encoder if vocabulary is None else WordedEncoder(encoder, vocabulary)


def kept_reader(encoder: SentenceEncoder, part: Literal["features", "words", "both"]) -> SentenceEncoder:
    """An encoder with words beside it, for the columns of one part alone."""
    if not isinstance(encoder, WordedEncoder) or part == "both":
        return encoder
    return encoder.encoder if part == "features" else WordedEncoder(WordsAlone(), encoder.vocabulary)


def beside(rows: Features | Float64Array, texts: Sequence[str], training: BoolArray) -> Rows:
    """All rows (n_texts, n_features) with the words of those in `training` (n_texts,); alone if none recurs."""
    vocabulary = vocabulary_or_none(list(compress(texts, training)))
    return rows if vocabulary is None else JoinedRows(rows, vocabulary.rows(texts))


@final
@dataclass(frozen=True, slots=True, eq=False)
class FoldWords:
    """A vocabulary of its own for every outer fold of a nested cross-validation."""

    rows: Features  # (n_texts, n_features)
    texts: Sequence[str]

    def __call__(self, training: BoolArray) -> tuple[str, Rows]:
        """All rows with the words of those in `training` (n_texts,); no features were chosen, so no name."""
        return "", beside(self.rows, self.texts, training)
