"""A stranger's tokenizer.json, tried in a process of its own before it is used.

The library runs what the file describes in Rust: a map of characters that asks for 8 GiB, replacements that multiply a
text by 63 five times, a pattern that never ends, deaf to signals meanwhile. A file of plain parts has bounds that need
no trial. Any other is opened by a child with limits on time and memory and must tokenize what tokenizers trip over;
what passed is remembered by its digest.
"""

import contextlib
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frostline import child
from frostline.encoder.session import kept_file
from frostline.errors import ArtifactCorrupt, InputError
from frostline.strict import read_object

SECONDS, MEMORY_BYTES = 10, 2 * 1024**3
"""Of the processor and of address space. Sound files with 262,000 pieces take 3 s and 1 GB (docs/log.md)."""

_MOST_PIECES = 8 * 100_000  # of a text of 100,000 characters

_PLAIN = frozenset(
    {
        *("BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "StripAccents", "Strip", "Sequence"),
        *("BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Punctuation", "Whitespace", "WhitespaceSplit"),
    }
)
"""Normalizers and pre-tokenizers whose work is linear in the text."""

_LONGEST_WORD = 1000
"""WordPiece's time is quadratic in the length of a word up to this; BERT's files say 100."""


def require_sound(content: str, path: Path, *, digest: str, kept: Path | None) -> None:
    """Raise unless the tokenizer in `content` can be used without harm.

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
        It isn't JSON, or it did not pass.
    """
    key = hashlib.sha256(f"{importlib.metadata.version('tokenizers')} {digest}".encode()).hexdigest()

    def tried() -> bytes:
        try:
            document = read_object(content.encode(), str(path))
        except ArtifactCorrupt as error:
            raise InputError(f"{path}: must be a tokenizer that the tokenizers library reads ({error}).") from error
        if not _is_plain(document):
            _try(content, path)
        return b"sound"

    if kept is None:
        tried()
    else:
        kept_file(kept, key, tried, kind="digest")


def _is_plain(document: dict[str, Any]) -> bool:
    """Whether every part is one whose cost is known."""
    model = document.get("model")
    longest = model.get("max_input_chars_per_word", 100) if isinstance(model, dict) else None
    has_short_words = isinstance(longest, int) and longest <= _LONGEST_WORD
    is_known = isinstance(model, dict) and model.get("type") in {"WordPiece", "BPE"}
    return (
        is_known and has_short_words and all(kind in _PLAIN for part in _PARTS for kind in _kinds(document.get(part)))
    )


_PARTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers"}


def _kinds(part: Any) -> Iterator[object]:
    """The types of a normalizer or pre-tokenizer and of all within it."""
    if part is None:
        return
    if not isinstance(part, dict):
        yield None
        return
    yield part.get("type")
    for within in _PARTS.values():
        for one in part.get(within) or ():
            yield from _kinds(one)


def _try(content: str, path: Path) -> None:
    """Have a child open it and tokenize, within limits."""
    process = child.Child("frostline.encoder.trial", str(SECONDS))
    with contextlib.closing(process):
        reason = process.once(content.encode(), seconds=2 * SECONDS)
        passed = process.code() == 0
    if not passed:
        why = reason or f"within {SECONDS} s and {MEMORY_BYTES // 1024**3} GB it did not"
        raise InputError(
            f"{path}: must be a tokenizer that the tokenizers library reads, and that tokenizes any text ({why}).",
            hint="It may be made to do harm: take the encoder from whom you trust.",
        )


def probes() -> list[str]:
    """Texts that tokenizers trip over: every character once, long words, long texts, marks upon marks."""
    characters = [chr(code) for code in range(1, 0x30000) if not 0xD800 <= code < 0xE000]
    every = ["".join(characters[start : start + 512]) for start in range(0, len(characters), 512)]
    return [*every, "a" * 100_000, "a " * 50_000, " " * 100_000, "e" + "\u0301" * 50_000, "ab1. " * 20_000, ""]


def main(seconds: int) -> int:
    """In the child: standard input is the file."""
    child.limit(memory_bytes=MEMORY_BYTES, seconds=seconds)
    from tokenizers import Tokenizer  # noqa: PLC0415 - after the limits

    tokenizer = Tokenizer.from_str(sys.stdin.buffer.read().decode("utf-8"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for text in probes():
        if len(tokenizer.encode(text, add_special_tokens=False).ids) > _MOST_PIECES:
            sys.stdout.write(f"it makes more than {_MOST_PIECES:,} word pieces of {len(text):,} characters")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
