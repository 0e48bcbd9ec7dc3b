"""A stranger's tokenizer.json, tried in a process of its own before it is used.

The library runs what the file describes in Rust: a map of characters that asks for 8 GiB, replacements that multiply a
text by 63 five times, bytes spelled as letters thirty times over, a pattern that never ends, deaf to signals meanwhile.
What can be bounded by looking at the file is: how many parts, how much may become of a character. A file of plain parts
needs no more. Any other is opened by a child with limits on time and memory and must tokenize what tokenizers trip
over; what passed is remembered by its digest. A pattern may still never end on some other text: who tokenizes by one
waits only so long (`PATIENCE_SECONDS`).
"""

import base64
import binascii
import contextlib
import hashlib
import importlib.metadata
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from frostline import child
from frostline.encoder.session import kept_file
from frostline.errors import ArtifactCorrupt, InputError, shown
from frostline.strict import read_object

SECONDS, MEMORY_BYTES = 10, 2 * 1024**3
"""Of the processor and of address space. Sound files with 262,000 pieces take 3 s and 1 GB (docs/log.md)."""

PATIENCE_SECONDS = 30
"""How long a hundred thousand characters may take where a stranger's pattern parts them; usually a tenth of one."""

_MOST_PIECES = 8 * 100_000  # of a text of 100,000 characters
_MOST_PARTS = 32
_MOST_GROWTH = 128  # characters of one: 18 are usual (U+FDFA), 72 where bytes are then spelled as letters
_LONGEST_PREPENDED = 100

_GROWTH = {"NFKC": 18, "NFKD": 18, "NFC": 3, "NFD": 4, "BertNormalizer": 4, "Lowercase": 3, "Nmt": 1, "ByteLevel": 4}
"""What may become of a character; of one in other parts, one."""

_PLAIN = frozenset(
    {
        *("BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "StripAccents", "Strip", "Sequence"),
        *("BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Punctuation", "Whitespace", "WhitespaceSplit"),
    }
)
"""Normalizers and pre-tokenizers whose work is linear in the text."""

_LONGEST_WORD = 200
"""WordPiece's time is cubic in the length of a word up to this; BERT's files say 100."""
_LONGEST_AFFIX = 16
"""What is put before or behind the pieces of a word, each time that one is looked up; BERT's files say `##`."""
_LONGEST_PIECE = 512
"""Of a Unigram model, whose time is the text's length times this."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A tokenizer that may be used."""

    highest: int  # The greatest number of a word piece
    has_patterns: bool  # So that nobody should wait for it without end
    n_capitals: int  # Word pieces with capital letters of ASCII, but for marks in brackets


def require_sound(content: str, path: Path, *, digest: str, kept: Path | None) -> Sound:
    """What is known of the tokenizer in `content`, which can be used without harm.

    Parameters
    ----------
    content : str
        Of `path`, a tokenizer.json.
    digest : str
        `Checkpoint.tokenizer_sha256`: of this file and those that lie with it.
    kept : Path or None
        A private folder where it is remembered that a file passed.

    Raises
    ------
    InputError
        It isn't JSON, it makes too much of a text, or it did not pass.
    """
    key = hashlib.sha256(f"{importlib.metadata.version('tokenizers')} 3 {digest}".encode()).hexdigest()

    def tried() -> bytes:
        try:
            document = read_object(content.encode(), str(path))
        except ArtifactCorrupt as error:
            raise InputError(f"{path}: must be a tokenizer that the tokenizers library reads ({error}).") from error
        parts = [part for name in _PARTS for part in _within(document.get(name))]
        _refuse_growth(parts, path)
        if not _is_plain(document, parts):
            _refuse_long_pieces(document, path)
            _try(content, path)
        has_patterns = any(_pattern(part) is not None for part in parts)
        return f"{_highest(document)} {int(has_patterns)} {_n_capitals(document)}".encode()

    said = tried() if kept is None else kept_file(kept, key, tried, kind="digest")
    highest, patterns, n_capitals = map(int, said.decode().split())
    return Sound(highest=highest, has_patterns=patterns == 1, n_capitals=n_capitals)


def _is_plain(document: dict[str, Any], parts: list[Any]) -> bool:
    """Whether every part is one whose cost is known."""
    model = document.get("model")
    if not isinstance(model, dict) or model.get("type") not in {"WordPiece", "BPE"}:
        return False
    longest = model.get("max_input_chars_per_word", 100)
    affixes = [model.get(name) or "" for name in ("continuing_subword_prefix", "end_of_word_suffix")]
    has_short = isinstance(longest, int) and longest <= _LONGEST_WORD
    has_short = has_short and all(isinstance(affix, str) and len(affix) <= _LONGEST_AFFIX for affix in affixes)
    return has_short and all(isinstance(part, dict) and part.get("type") in _PLAIN for part in parts)


_PARTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers"}


def _within(part: Any) -> Iterator[Any]:
    """A normalizer or pre-tokenizer, and all within it."""
    if part is None:
        return
    yield part
    if isinstance(part, dict):
        for within in _PARTS.values():
            held = part.get(within)
            for one in held if isinstance(held, list) else ():
                yield from _within(one)


def _pattern(part: Any) -> str | None:
    """The regular expression of a part that has one."""
    pattern = part.get("pattern") if isinstance(part, dict) else None
    regex = pattern.get("Regex") if isinstance(pattern, dict) else None
    return regex if isinstance(regex, str) else None


def _refuse_growth(parts: list[Any], path: Path) -> None:
    """Raise where there are too many parts, or they may together make too much of a character."""
    growth = math.prod(min(_growth(part), _MOST_GROWTH + 1) for part in parts[:_MOST_PARTS])
    if len(parts) > _MOST_PARTS or growth > _MOST_GROWTH:
        raise InputError(
            f"{path}: normalizer and pre_tokenizer must have at most {_MOST_PARTS} parts (there are {len(parts):,}), "
            f"and make at most {_MOST_GROWTH} characters of one (they may make "
            f"{'more' if growth > _MOST_GROWTH else growth}).",
            hint="It may be made to do harm: take the encoder from whom you trust.",
        )


def _growth(part: Any) -> int:
    """How many characters a part may make of one."""
    if not isinstance(part, dict):
        return 1
    content, pattern = part.get("content"), part.get("pattern")
    if isinstance(content, str) and isinstance(pattern, dict):
        said = pattern.get("String")
        return -(-len(content) // len(said)) or 1 if isinstance(said, str) and said else 1 + len(content)
    if isinstance(prepended := part.get("prepend"), str):
        return 1 if len(prepended) <= _LONGEST_PREPENDED else len(prepended)
    if isinstance(map_of := part.get("precompiled_charsmap"), str):
        return _longest_replacement(map_of)
    return _GROWTH.get(str(part.get("type")), 1)


def _longest_replacement(charsmap: str) -> int:
    """Of a compiled map of characters: the size of a trie, the trie, then what becomes of them, each ended by a NUL."""
    try:
        content = base64.b64decode(charsmap, validate=True)
    except (binascii.Error, ValueError):
        return 1  # the library refuses it
    replacements = content[4 + int.from_bytes(content[:4], "little") :]
    return max(1, *(len(one.decode("utf-8", "replace")) for one in replacements.split(b"\0")))


def _refuse_long_pieces(document: dict[str, Any], path: Path) -> None:
    pieces = _vocabulary(document)
    longest = max((len(piece) for piece in pieces if isinstance(piece, str)), default=0)
    if isinstance(pieces, list) and longest > _LONGEST_PIECE:
        raise InputError(
            f"{path}: pieces of a Unigram model must have at most {_LONGEST_PIECE} characters (one has {longest:,})."
        )


def _vocabulary(document: dict[str, Any]) -> "dict[str, Any] | list[Any]":
    """The pieces of the model: with their numbers, or in the order of them."""
    model = document.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, list):
        return [one[0] if isinstance(one, list) and one else None for one in vocabulary]
    return vocabulary if isinstance(vocabulary, dict) else {}


def _highest(document: dict[str, Any]) -> int:
    """The greatest number of a piece of the model; what is no number the library refuses."""
    pieces = _vocabulary(document)
    numbers = range(len(pieces)) if isinstance(pieces, list) else pieces.values()
    return max((number for number in numbers if type(number) is int), default=0)


def _n_capitals(document: dict[str, Any]) -> int:
    pieces = (piece for piece in _vocabulary(document) if isinstance(piece, str))
    return sum(re.search("[A-Z]", piece) is not None and piece[0] not in "[<" for piece in pieces)


def _try(content: str, path: Path) -> None:
    """Have a child open it and tokenize, within limits."""
    process = child.Child("frostline.encoder.trial", str(SECONDS))
    with contextlib.closing(process):
        reason = process.once(content.encode(), seconds=2 * SECONDS)
        passed = process.code() == 0
    if not passed:
        why = shown(reason, 200) if reason else f"within {SECONDS} s and {MEMORY_BYTES // 1024**3} GB it did not"
        raise InputError(
            f"{path}: must be a tokenizer that the tokenizers library reads, and that tokenizes any text ({why}).",
            hint="It may be made to do harm: take the encoder from whom you trust.",
        )


def probes() -> list[str]:
    """Texts that tokenizers trip over: every character once, long words, long texts, marks upon marks."""
    characters = [chr(code) for code in range(1, 0x30000) if not 0xD800 <= code < 0xE000]
    every = ["".join(characters[start : start + 512]) for start in range(0, len(characters), 512)]
    runs = [character * 2_000 for character in map(chr, range(33, 127))]  # a pattern may be slow on one alone
    return [*every, *runs, "a" * 100_000, "a " * 50_000, " " * 100_000, "e" + "\u0301" * 50_000, "ab1. " * 20_000, ""]


def main(seconds: int) -> int:
    """In the child: standard input is the file."""
    child.limit(memory_bytes=MEMORY_BYTES, seconds=seconds)
    from tokenizers import Tokenizer  # noqa: PLC0415 - after the limits

    try:
        tokenizer = Tokenizer.from_str(sys.stdin.buffer.read().decode("utf-8"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        for text in probes():
            if len(tokenizer.encode(text, add_special_tokens=False).ids) > _MOST_PIECES:
                sys.stdout.write(f"it makes more than {_MOST_PIECES:,} word pieces of {len(text):,} characters")
                return 1
    except BaseException as error:  # noqa: BLE001 - the library's panics are no `Exception`
        sys.stdout.write(f"{type(error).__name__}: {str(error)[:200]}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
