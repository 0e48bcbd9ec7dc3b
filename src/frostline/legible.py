"""Whether an encoder can read some texts at all: unknown word pieces, scripts its vocabulary lacks, ends cut off.

A sample is tokenized, whether rows are kept or not: so the same file gives the same figures (decision 0029).
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, final
from unicodedata import name as character_name

from frostline.arrays import BoolArray
from frostline.errors import shown

if TYPE_CHECKING:
    from frostline.encoder.reading import SentenceEncoder
    from frostline.encoder.tokens import WordPieces

SAMPLE_TEXTS = 1000
"""Texts that are looked at, evenly spread: 0.05 s, and a share of 2 % is known to 0.9 points."""

SAMPLE_CHARACTERS = 500
"""Of each, from its beginning."""

UNREADABLE_LETTERS = 0.25
"""Share of a text's letters without a piece that means anything, from which on the text counts as unreadable."""

WARN_FROM = 0.02
"""Share of the texts, unreadable or cut, from which on it is worth a warning."""

WARN_UNKNOWN = 0.1
"""Share of all word pieces, unknown, from which on it is: of emoji alone, which have no letters."""

MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
"""A BERT of MiniLM's width for fifty languages, which the hub has."""

_CHINESE = "Chinese or Japanese"
_OTHERS = (
    "Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Hebrew Kannada Khmer Lao "
    "Malayalam Mongolian Myanmar Oriya Sinhala Syriac Tamil Telugu Thaana Thai Tibetan"
)
_SCRIPTS: Mapping[str, str] = {
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO"), _CHINESE),
    "HANGUL": "Korean",
    **{script.upper(): script for script in _OTHERS.split(" ")},
}  # by the first word of a letter's Unicode name; Latin is in every vocabulary

_ENOUGH_PIECES: Mapping[str, int] = {_CHINESE: 2000}
_ENOUGH = 300
"""Pieces of a script from which on a vocabulary has it: BERT's English one spells 11 scripts by 30 to 90 letters each,
and has 672 characters of Chinese and Japanese; the many-language ones have hundreds to thousands."""


class LegibilityWarning(UserWarning):
    """The encoder can hardly read some texts, or reads only their beginning: they are answered all the same."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptCount:
    """A script that the vocabulary lacks, and how many of the texts looked at have a letter of it."""

    script: str
    n_texts: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Legibility:
    """How much of a sample of texts an encoder can read."""

    n_texts: int  # Looked at: SAMPLE_TEXTS at most, of each the first SAMPLE_CHARACTERS
    n_pieces: int  # Their word pieces
    n_unknown: int  # Those that stand for what no piece of the vocabulary can spell, emoji among them
    n_unreadable: int  # Texts with UNREADABLE_LETTERS of their letters in such pieces or in a script that is lacking
    scripts: tuple[ScriptCount, ...]  # The commonest first

    @property
    def is_hard(self) -> bool:
        """Whether so many can hardly be read that it is warned of."""
        return self.n_unreadable >= max(1, WARN_FROM * self.n_texts)


def sampled(texts: Iterable[str], sample: list[str]) -> Iterator[str]:
    """`texts` as they come, while `sample` grows to the beginnings of at most SAMPLE_TEXTS of them, evenly spread."""
    stride = 1
    for number, text in enumerate(texts):
        if number % stride == 0:
            sample.append(text[:SAMPLE_CHARACTERS])
            if len(sample) > SAMPLE_TEXTS:
                del sample[1::2]
                stride *= 2
        yield text


def sample_of(texts: Iterable[str]) -> list[str]:
    """The sample of texts that are all there."""
    sample: list[str] = []
    deque(sampled(texts, sample), maxlen=0)
    return sample


def legibility(encoder: "SentenceEncoder", sample: Sequence[str]) -> Legibility | None:
    """How much of `sample` the encoder can read; None for an encoder without word pieces, as tests have."""
    word_pieces = word_pieces_of(encoder)
    if word_pieces is None:
        return None
    n_pieces = n_unknown = n_unreadable = 0
    scripts: Counter[str] = Counter()
    for text, encoding in zip(sample, word_pieces.encodings(sample), strict=True):
        ids = encoding.ids
        unknown = [place for place, piece in enumerate(ids) if piece == word_pieces.unknown]
        n_pieces += len(ids)
        n_unknown += len(unknown)
        if text.isascii() and not unknown:
            continue
        lacking = {place: script for place, script in _scripts(text) if not _is_in(word_pieces, script)}
        unread = {place for piece in unknown for place in range(*encoding.offsets[piece]) if text[place].isalpha()}
        n_letters = sum(map(str.isalpha, text))
        n_unreadable += len(unread | lacking.keys()) >= max(1, UNREADABLE_LETTERS * n_letters)
        scripts.update(set(lacking.values()))
    return Legibility(
        n_texts=len(sample),
        n_pieces=n_pieces,
        n_unknown=n_unknown,
        n_unreadable=n_unreadable,
        scripts=tuple(ScriptCount(script=script, n_texts=n_texts) for script, n_texts in scripts.most_common()),
    )


def legibility_warnings(
    encoder: "SentenceEncoder", counted: Legibility | None, *, n_cut: int = 0, n_texts: int = 0
) -> list[str]:
    """A sentence each for texts that can hardly be read, and for texts cut, from WARN_FROM of them on; and what to do.

    Parameters
    ----------
    n_cut, n_texts : int
        Texts of which the end was not read, and all that were read.
    """
    said, name = [], encoder.identity.name
    if (folder := Path(name).expanduser()).is_dir():
        name = folder.absolute().name  # warnings are saved, and handed on
    if counted is not None and counted.is_hard:
        said.append(_unreadable_text(counted, name))
    elif counted is not None and counted.n_unknown >= max(1, WARN_UNKNOWN * counted.n_pieces):
        said.append(_unknown_text(counted, name))
    if n_cut >= max(1, WARN_FROM * n_texts):
        said.append(_cut_text(encoder, n_cut, n_texts))
    return said


def reading_warnings(encoder: "SentenceEncoder", texts: Sequence[str], cut: BoolArray) -> list[str]:
    """The same of texts that were read, `cut` (n_texts,) those that lost their end."""
    counted = legibility(encoder, sample_of(texts))
    return legibility_warnings(encoder, counted, n_cut=int(cut.sum()), n_texts=len(texts))


def word_pieces_of(encoder: "SentenceEncoder") -> "WordPieces | None":
    """The word pieces of an encoder that was opened from files, whatever stands around it."""
    from frostline.encoder.encoder import Encoder  # noqa: PLC0415 - the runtime loads only where texts are read
    from frostline.encoder.reading import Around  # noqa: PLC0415 - as above

    while isinstance(encoder, Around):
        encoder = encoder.encoder
    return encoder.word_pieces if isinstance(encoder, Encoder) else None


def _unreadable_text(counted: Legibility, encoder: str) -> str:
    share = counted.n_unknown / max(1, counted.n_pieces)
    why = [f"{one.script} in {one.n_texts:,}" for one in counted.scripts[:3]]
    if not why:
        cure = "Is the file's encoding right (--encoding)?"
    elif encoder == MULTILINGUAL:
        cure = "Take an encoder that learned that language."
    else:
        cure = f"An encoder of many languages can: --encoder {MULTILINGUAL}."
    why += [f"{100 * share:.0f} % of all word pieces are unknown"] if share >= 0.01 else []
    of = f"{counted.n_unreadable:,} of {counted.n_texts:,} {'text' if counted.n_texts == 1 else 'texts'} looked at"
    return (
        f"The encoder {shown(encoder)} can hardly read {of} ({'; '.join(why) or 'words that it cannot spell'}). {cure}"
    )


def _unknown_text(counted: Legibility, encoder: str) -> str:
    cure = "" if encoder == MULTILINGUAL else f" An encoder of many languages may: --encoder {MULTILINGUAL}."
    share = 100 * counted.n_unknown / counted.n_pieces
    return (
        f"The encoder {shown(encoder)} does not know {share:.0f} % of the word pieces of the "
        f"{counted.n_texts:,} texts looked at (emoji, signs): it reads one as it reads another.{cure}"
    )


def unknown_refused(encoder: "SentenceEncoder", texts: Sequence[str]) -> tuple[str, str] | None:
    """Where an encoder told no text from another: that it knows none of their word pieces, and what would do.

    None where it is not that.
    """
    counted = legibility(encoder, sample_of(texts))
    if counted is None or counted.n_unknown < WARN_UNKNOWN * max(1, counted.n_pieces):
        return None
    said = (
        f"The encoder {shown(encoder.identity.name)} must tell texts apart (it does not know "
        f"{100 * counted.n_unknown / counted.n_pieces:.0f} % of their word pieces, and reads one as it reads another)."
    )
    if encoder.identity.name == MULTILINGUAL:
        return said, "Write such signs as words."
    return said, f"An encoder of many languages may: --encoder {MULTILINGUAL}. Or write such signs as words."


def _cut_text(encoder: "SentenceEncoder", n_cut: int, n_texts: int) -> str:
    word_pieces, seen = word_pieces_of(encoder), encoder.identity.max_length
    can_see_more = word_pieces is not None and seen < word_pieces.limit
    cure = f"Pass --max-length {word_pieces.limit}." if word_pieces and can_see_more else "Split long texts into parts."
    texts = "text was" if n_texts == 1 else "texts were"
    return f"{n_cut:,} of {n_texts:,} {texts} longer than {seen} word pieces and lost their end. {cure}"


def _scripts(text: str) -> Iterator[tuple[int, str]]:
    """Where a letter of a script stands, and of which; Latin, digits and signs left out."""
    for place, letter in enumerate(text):
        script = _script(letter)
        if script:
            yield place, script


@lru_cache(maxsize=65_536)
def _script(letter: str) -> str:
    return (
        "" if letter.isascii() or not letter.isalpha() else _SCRIPTS.get(character_name(letter, " ").split(" ")[0], "")
    )


def _is_in(word_pieces: "WordPieces", script: str) -> bool:
    return _vocabulary(word_pieces)[script] >= _ENOUGH_PIECES.get(script, _ENOUGH)


@lru_cache(maxsize=4)
def _vocabulary(word_pieces: "WordPieces") -> Counter[str]:
    """In how many pieces of the vocabulary each script occurs."""
    return Counter(
        script for piece in word_pieces.vocabulary() for script in {_script(letter) for letter in piece} if script
    )
