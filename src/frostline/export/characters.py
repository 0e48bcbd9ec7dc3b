"""What BERT's tokenizer, and the words of a text, make of each character: tables for engines that know another Unicode.

The tokenizers library removes accents, lower-cases and parts punctuation by tables of its own; a browser does it by the
tables of its own version, and one character in a hundred thousand then becomes another word piece. What the library
does to a character does not depend on the characters around it, so that a table of all of them says it exactly.
"""

import functools
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from frostline.encoder.words import MARKED_PATTERN, WORD_PATTERN

_FIRST_SURROGATE, _LAST_SURROGATE = 0xD800, 0xDFFF

_CHUNK = 256

PADDED, DECOMPOSED = 0, 1
"""Instead of a replacement: the character with blanks around it; its canonical decomposition."""


def characters_of(tokenizer: Any) -> dict[str, Any] | None:
    """The table of a tokenizer, as characters.json has it; made once for each.

    `{"special": [...], "ranges": [[first, last, what], ...]}`; None where the tokenizer is not BERT's.

    `what` becomes of each character from `first` to `last`, which then stands between blanks where it is a piece of
    its own: a replacement (empty: it is removed), `PADDED` or `DECOMPOSED`. Characters in no range stay. Special tokens
    are found in the text before any of it.
    """
    return _characters(str(tokenizer.to_str()))


@functools.lru_cache(maxsize=2)
def _characters(content: str) -> dict[str, Any] | None:
    from tokenizers import Tokenizer, normalizers, pre_tokenizers  # noqa: PLC0415 - loaded with the tokenizer

    tokenizer = Tokenizer.from_str(content)
    normalizer, splitter = tokenizer.normalizer, tokenizer.pre_tokenizer
    is_berts = isinstance(normalizer, normalizers.BertNormalizer)
    if not (is_berts and isinstance(splitter, pre_tokenizers.BertPreTokenizer)):
        return None
    ranges = _ranges(_changed(normalizer, splitter))
    special = [token["content"] for token in json.loads(content)["added_tokens"] if not token.get("normalized")]
    return {"special": special, "ranges": ranges}


def _ranges(changed: Iterable[tuple[int, str | int]]) -> list[list[Any]]:
    """Neighbours of which the same becomes, together."""
    ranges: list[list[Any]] = []
    for code, what in changed:
        if ranges and ranges[-1][1] == code - 1 and ranges[-1][2] == what:
            ranges[-1][1] = code
        else:
            ranges.append([code, code, what])
    return ranges


CASED, PASSED_OVER = 1, 2
"""Of a character beside a capital sigma: it makes a word's end of it, or a beginning; what is behind it counts."""

_SIGMA, _FINAL = "\u03a3", "\u03c2"
_THAI, _VOWEL = "\u0e01", "\u0e34"  # a letter that is a word by itself, and a mark that it takes along
_OPEN, _TAKEN = "\x01", "\x02"
"""After a word that takes marks along, and before a mark: neither is in any word."""


@functools.cache
def letters(*, is_marked: bool = False) -> dict[str, Any]:
    """The tables by which a text's words are found, as words.json has them.

    `letters`, `[[first, last, what], ...]`: what becomes of each character, in lower case, with a blank in place of
    what is no letter or digit, and blanks around what is a word by itself; words are then what stands between blanks.
    A letter of Thai and its like is a word by itself with the marks after it: the letter is followed by U+0001, a mark
    is between U+0002 and U+0001. A capital sigma is the one letter whose form depends on the others: `sigma` says of
    those what they mean for it.
    """
    word = re.compile(MARKED_PATTERN if is_marked else WORD_PATTERN)
    return {"letters": _ranges(_written(word)), "sigma": _ranges(_beside_sigma())}


def _written(word: "re.Pattern[str]") -> Iterator[tuple[int, str | int]]:
    """Every character that is not a letter in lower case, and what becomes of it."""
    for start in range(0, sys.maxunicode + 1, _CHUNK):
        codes = range(start, start + _CHUNK)
        characters = "".join(map(chr, codes))
        if characters.lower() == characters:  # most chunks are of one kind: a search or two tell
            if word.findall(f"x{characters}x") == [f"x{characters}x"]:
                continue
            if word.findall(_THAI.join(("", *characters))) == [_THAI] * len(codes):  # neither letters nor marks
                yield from ((code, " ") for code in codes)
                continue
            if word.findall(_VOWEL.join((*characters, ""))) == list(characters):
                yield from ((code, PADDED) for code in codes)
                continue
        for code in codes:
            what = "".join(_of_letter(each, word) for each in chr(code).lower())
            if what == f" {chr(code)} ":
                yield code, PADDED
            elif what != chr(code):
                yield code, what


def _of_letter(character: str, word: "re.Pattern[str]") -> str:
    alone = len(word.findall(f"x{character}x"))
    if alone == 2:
        is_mark = word.findall(f"{_THAI}{character}") == [f"{_THAI}{character}"]
        return f"{_TAKEN}{character}{_OPEN}" if is_mark else " "
    takes_marks = alone == 3 and word.findall(f"{character}{_VOWEL}") == [f"{character}{_VOWEL}"]
    return character if alone == 1 else f" {character}{_OPEN if takes_marks else ' '}"


def _beside_sigma() -> Iterator[tuple[int, str | int]]:
    for start in range(0, sys.maxunicode + 1, _CHUNK):
        characters = [chr(code) for code in range(start, start + _CHUNK)]
        if _FINAL not in "".join(f"A{character}{_SIGMA} " for character in characters).lower():
            continue
        for character in characters:
            if f"{character}{_SIGMA}".lower()[-1] == _FINAL:
                yield ord(character), CASED
            elif f"A{character}{_SIGMA}".lower()[-1] == _FINAL:
                yield ord(character), PASSED_OVER


def _changed(normalizer: Any, splitter: Any) -> Iterator[tuple[int, str | int]]:
    """Every character that does not stay as it is, and what becomes of it."""
    for start in range(0, sys.maxunicode + 1, _CHUNK):
        codes = [c for c in range(start, start + _CHUNK) if not _FIRST_SURROGATE <= c <= _LAST_SURROGATE]
        characters = [chr(code) for code in codes]
        common = normalizer.normalize_str("".join(characters))  # most chunks are of one kind: three calls tell
        if not common:
            yield from ((code, "") for code in codes)
            continue
        if common == "".join(f" {character} " for character in characters):
            yield from ((code, PADDED) for code in codes)
            continue
        written = [normalizer.normalize_str(character) for character in characters]
        together = f"x{'x'.join(written)}x"
        is_whole = [piece for piece, _ in splitter.pre_tokenize_str(together)] == [together]
        for code, form in zip(codes, written, strict=True):
            what = form if is_whole else _parted(form, splitter)
            if what == f" {chr(code)} ":
                yield code, PADDED
            elif what != chr(code):
                yield code, DECOMPOSED if what == unicodedata.normalize("NFD", chr(code)) else what


def _parted(written: str, splitter: Any) -> str:
    """With a blank wherever the library begins a new word."""
    return " ".join(piece for piece, _ in splitter.pre_tokenize_str(f"x{written}x"))[1:-1]
