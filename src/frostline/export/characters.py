"""What BERT's tokenizer makes of each character, as a table for engines that know another Unicode.

The tokenizers library removes accents, lower-cases and parts punctuation by tables of its own; a browser does it by the
tables of its own version, and one character in a hundred thousand then becomes another word piece. What the library
does to a character does not depend on the characters around it, so that a table of all of them says it exactly.
"""

import functools
import json
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

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


@functools.lru_cache(maxsize=1)
def _characters(content: str) -> dict[str, Any] | None:
    from tokenizers import Tokenizer, normalizers, pre_tokenizers  # noqa: PLC0415 - loaded with the tokenizer

    tokenizer = Tokenizer.from_str(content)
    normalizer, splitter = tokenizer.normalizer, tokenizer.pre_tokenizer
    is_berts = isinstance(normalizer, normalizers.BertNormalizer)
    if not (is_berts and isinstance(splitter, pre_tokenizers.BertPreTokenizer)):
        return None
    ranges: list[list[Any]] = []
    for code, what in _changed(normalizer, splitter):
        if ranges and ranges[-1][1] == code - 1 and ranges[-1][2] == what:
            ranges[-1][1] = code
        else:
            ranges.append([code, code, what])
    special = [token["content"] for token in json.loads(content)["added_tokens"] if not token.get("normalized")]
    return {"special": special, "ranges": ranges}


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
