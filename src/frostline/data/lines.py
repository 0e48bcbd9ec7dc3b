r"""Bytes into lines of text, and nothing but a line feed ends a line.

In:   chunks of uncompressed bytes.
Out:  `Lines`: runs of decoded lines with their numbers; lines whose bytes are not of the encoding are marked.
Not:  cells (delimited.py), values (jsonl.py).

`str.splitlines()` would also break at \x0b, \x0c, \x1c-\x1e, \x85, U+2028 and U+2029, all of which occur inside
real sentences: every such break would shift all rows that follow.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from frostline.data.opening import HEAD_BYTES
from frostline.data.options import TableOptions
from frostline.errors import InputError

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@final
@dataclass(frozen=True, slots=True)
class Lines:
    """A run of lines.

    Parameters
    ----------
    first : int
        The number of texts[0], from 1.
    texts : list of str
        Without the line feed; a carriage return before it is still there.
    bad : dict of int to str
        Why the line of that number is to be left out.
    """

    first: int
    texts: list[str]
    bad: dict[int, str] = field(default_factory=dict)


def check_encoding(head: bytes, *, encoding: str, name: str) -> None:
    """Raise if the content's beginning shows UTF-16 or UTF-32 and something else was said.

    Raises
    ------
    InputError
        Names the encoding found.
    """
    if _is_wide(encoding):
        return
    found = next((wide for mark, wide in BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if found is None and len(head) >= 8:
        # ASCII letters in UTF-16 have a zero in every second byte; a NUL within a sentence is rare
        for begin, wide in ((1, "utf-16-le"), (0, "utf-16-be")):
            half, other = head[begin:4096:2], head[1 - begin : 4096 : 2]
            if half.count(0) > 0.7 * len(half) and other.count(0) < 0.3 * len(other):
                found = wide
    if found is not None:
        raise InputError(f"{name} is encoded in {found.upper()}, not in {encoding}.", hint=f"Pass --encoding {found}.")


def line_chunks(chunks: Iterator[bytes], *, head: bytes, options: TableOptions, name: str) -> Iterator[bytes]:
    """The content with a line feed (byte 10) for every line's end, its byte-order mark dropped.

    Wide encodings become UTF-8 on the way: `working_encoding` says which one the chunks are then in.
    """
    if _is_wide(options.encoding):
        yield from _transcoded(chunks, options=options, name=name)
        return
    first = True
    old_mac = _ends_with_returns(head, delimiter=options.delimiter)
    for chunk in chunks:
        piece = chunk
        if first and _is_utf8(options.encoding):
            piece = piece.removeprefix(codecs.BOM_UTF8)
        first = False
        yield piece.replace(b"\r", b"\n") if old_mac else piece


def working_encoding(encoding: str) -> str:
    """What the chunks of `line_chunks` are encoded in: `encoding`, or UTF-8 where they were recoded."""
    return "utf-8" if _is_utf8(encoding) or _is_wide(encoding) else encoding


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}


def _is_wide(encoding: str) -> bool:
    """Whether a line feed is not byte 10 (UTF-16, UTF-32, EBCDIC), so that lines cannot be cut before decoding."""
    return not _is_utf8(encoding) and "a\n\t".encode(encoding) != b"a\n\t"


def lines_of(chunks: Iterator[bytes], *, options: TableOptions, name: str) -> Iterator[Lines]:
    """Cut what `line_chunks` yields into lines and decode them.

    Raises
    ------
    InputError
        A line is longer than `options.limits.line_bytes`; or, unless `options.on_bad_text` says otherwise, a byte
        is not of the encoding: its line and its offset in the uncompressed content are named.
    """
    decoder = _Decoder(options, name)
    limit = options.limits.line_bytes
    pending: list[bytes] = []
    pending_bytes = 0
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        longest = pending_bytes + (chunk.find(b"\n") if cut else len(chunk))
        if longest > limit:
            raise _long_line(name, decoder.line, limit)
        if not cut:
            pending.append(chunk)
            pending_bytes += len(chunk)
            continue
        yield decoder.decoded(b"".join([*pending, chunk[: cut - 1]]))
        pending = [chunk[cut:]]
        pending_bytes = len(pending[0])
    if pending_bytes > limit:
        raise _long_line(name, decoder.line, limit)
    if pending_bytes:
        yield decoder.decoded(b"".join(pending))


@final
class _Decoder:
    """Knows how far the file has been decoded: the number of the next line, the offset of the next byte."""

    def __init__(self, options: TableOptions, name: str) -> None:
        self.encoding = working_encoding(options.encoding)
        self.options = options
        self.name = name
        self.line = 1
        self.offset = 0

    def decoded(self, block: bytes) -> Lines:
        """`block` is whole lines without the last line feed."""
        first, count = self.line, block.count(b"\n") + 1
        limit = self.options.limits.line_bytes
        if len(block) > limit and max(map(len, block.split(b"\n"))) > limit:
            raise _long_line(self.name, first, limit)
        try:
            texts = block.decode(self.encoding).split("\n")
        except UnicodeDecodeError:
            texts = []
        if len(texts) == count:
            self.line, self.offset = first + count, self.offset + len(block) + 1
            return Lines(first, texts)
        return self._line_by_line(block)

    def _line_by_line(self, block: bytes) -> Lines:
        """As `decoded`, for a block with bytes that are not of the encoding: find which."""
        first, bad = self.line, dict[int, str]()
        texts: list[str] = []
        for raw in block.split(b"\n"):
            try:
                texts.append(raw.decode(self.encoding))
            except UnicodeDecodeError as error:
                reason = (
                    f"byte {raw[error.start] if error.start < len(raw) else 0:#04x} at offset "
                    f"{self.offset + error.start:,} is not {self.encoding} ({error.reason})"
                )
                if self.options.on_bad_text == "error":
                    raise bad_text(f"{self.name}:{self.line}: {reason}.", encoding=self.encoding) from error
                if self.options.on_bad_text == "skip":
                    bad[self.line] = reason
                texts.append(raw.decode(self.encoding, "replace").replace("\n", "\ufffd"))
            self.line += 1
            self.offset += len(raw) + 1
        return Lines(first, texts, bad)


def bad_text(message: str, *, encoding: str) -> InputError:
    """The error for bytes that are not of `encoding`."""
    other = " --encoding latin-1 or cp1252, if the file is of that kind;" if encoding.startswith("utf-8") else ""
    return InputError(message, hint=f"Pass{other} --on-bad-text replace, or --on-bad-text skip.")


def _long_line(name: str, line: int, limit: int) -> InputError:
    return InputError(
        f"{name}:{line}: a line must not be longer than {limit:,} bytes.",
        hint="Is it a table of texts, one row a line?",
    )


def _ends_with_returns(head: bytes, *, delimiter: str | None) -> bool:
    """Whether rows end with a lone carriage return, as old Macintosh programs (and Excel's "Macintosh") write them.

    So it is if no line feed comes in the first MB and the pieces between the returns, whether quotes count or not,
    have the same number of cells.
    """
    if b"\n" in head or b"\r" not in head.rstrip(b"\r"):
        return False
    marks = [delimiter.encode("utf-8")] if delimiter else [b"\t", b",", b";"]
    for content in (head, re.sub(rb'"[^"]*"', b"", head)):
        pieces = content.removesuffix(b"\r").split(b"\r")
        if len(head) >= HEAD_BYTES:
            pieces.pop()  # may be cut
        mark = next((mark for mark in marks if mark in pieces[0]), marks[0])
        if len({piece.count(mark) for piece in pieces}) == 1:
            return True
    return False


def _transcoded(chunks: Iterator[bytes], *, options: TableOptions, name: str) -> Iterator[bytes]:
    """Recode to UTF-8. What is not of the encoding is an error, or U+FFFD where `on_bad_text` is "replace"."""
    errors = "replace" if options.on_bad_text == "replace" else "strict"
    decoder = codecs.getincrementaldecoder(options.encoding)(errors)
    offset = 0
    is_first = True
    for chunk, is_last in _with_last(chunks):
        try:
            text = decoder.decode(chunk, is_last)
        except UnicodeError as error:
            raise InputError(
                f"{name}: the bytes near offset {offset:,} are not {options.encoding} ({error}).",
                hint="Pass the file's real encoding with --encoding, or --on-bad-text replace.",
            ) from error
        offset += len(chunk)
        if text:
            yield (text.removeprefix("\ufeff") if is_first else text).encode("utf-8")
            is_first = False


def _with_last(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield b"", True
