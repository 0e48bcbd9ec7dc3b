r"""Bytes into lines of text, and nothing but a line feed ends a line.

`str.splitlines()` would also break at \x0b, \x0c, \x1c-\x1e, \x85, U+2028 and U+2029, all of which occur inside
real sentences: every such break would shift all rows that follow.
"""

import codecs
import contextlib
import difflib
import errno
import hashlib
import itertools
import os
import re
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, final

from frostline.arrays import Progress
from frostline.data.options import MEGABYTE, TableLimits, TableOptions
from frostline.disk import home, private_folder, storage_error, sweep_folders_of_the_dead
from frostline.errors import (
    AccessError,
    FrostlineError,
    InputError,
    MissingInputError,
    StorageError,
    pasteable,
    printable,
    shown,
)
from frostline.places import Place, Remote, opened_to_read, place_of, size_of

GZIP_MAGIC = b"\x1f\x8b\x08"
GZIP_WINDOW = 31  # zlib: expect a gzip header and trailer


def gunzipped(chunks: Iterator[bytes], *, name: str, limits: TableLimits) -> Iterator[bytes]:
    """Yield the uncompressed content of every member.

    Raises `InputError`: damaged, cut short, followed by something else, or expanding more than `limits.expansion`
    times.
    """
    member = zlib.decompressobj(GZIP_WINDOW)
    taken = given = 0
    for chunk in chunks:
        taken += len(chunk)
        rest = chunk
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                member = zlib.decompressobj(GZIP_WINDOW)
            try:
                content = member.decompress(rest, MEGABYTE)
            except zlib.error as error:
                raise InputError(
                    f"{name}: the gzip data are damaged after {given:,} uncompressed bytes ({error}).",
                    hint="Fetch or make the file again; `gzip -t` tests it.",
                ) from error
            given += len(content)
            if given > limits.expansion_free_bytes and given > limits.expansion * taken:
                raise InputError(
                    f"{name}: {taken:,} compressed bytes have become more than {given:,}; at most "
                    f"{limits.expansion} times as many are taken.",
                    hint="If the file is what it should be, uncompress it first.",
                )
            if content:
                yield content
            rest = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise InputError(
            f"{name}: the gzip data end early, after {given:,} uncompressed bytes.",
            hint="Fetch or make the file again; `gzip -t` tests it.",
        )


STANDARD_INPUT = "-"
CHUNK_BYTES = MEGABYTE
_LAID_ASIDE = "-laid-aside-"
HEAD_BYTES = MEGABYTE


@final
class Opened:
    """A file being read.

    Parameters
    ----------
    name : str
        As it may stand in a message.
    path : Path or Remote, optional
        Where it can be opened again; None for a pipe.
    size_bytes : int
        Of the file on disk; 0 where nobody knows (a pipe).
    progress : callable, optional
        Called with bytes read from disk and `size_bytes`.
    """

    def __init__(  # noqa: PLR0913 - what one open file consists of; made in one place
        self,
        name: str,
        handle: BinaryIO,
        *,
        limits: TableLimits,
        path: Place | None,
        size_bytes: int,
        progress: Progress | None,
    ) -> None:
        self.name = name
        self.path = path
        self.handle = handle
        self.size_bytes = size_bytes
        self._progress = progress
        self._digest = hashlib.sha256()
        self._read_bytes = 0
        self._raw = self._raw_chunks()
        first = next(self._raw, b"")
        while len(first) < len(GZIP_MAGIC) and (more := next(self._raw, b"")):
            first += more
        self.is_compressed = first.startswith(GZIP_MAGIC)
        whole = itertools.chain([first] if first else [], self._raw)
        self._chunks = gunzipped(whole, name=name, limits=limits) if self.is_compressed else whole
        self.head = b""

    @property
    def read_bytes(self) -> int:
        """How many bytes have come from the disk so far."""
        return self._read_bytes

    def look(self) -> bytes:
        """The beginning of the uncompressed content: up to and with the first line that is not blank, or 1 MB.

        Exactly as far, whatever the sizes of the pieces that a pipe delivers, so that what is concluded from it does
        not depend on them. What was looked at is still delivered by `chunks`.
        """
        pieces = bytearray(self.head)
        while len(pieces) < HEAD_BYTES and _first_line_end(pieces) < 0 and (more := next(self._chunks, b"")):
            pieces += more
        self.head = bytes(pieces)
        end = _first_line_end(pieces)
        return self.head[: end + 1] if end >= 0 else self.head[:HEAD_BYTES]

    def chunks(self) -> Iterator[bytes]:
        """The uncompressed content from its beginning. Ask once."""
        return itertools.chain([self.head] if self.head else [], self._chunks)

    def fingerprint(self) -> "Fingerprint":
        """What identifies the whole file as it lies on disk; reads what has not been read yet."""
        for _ in self._raw:
            pass
        return Fingerprint(self._digest.hexdigest(), self._read_bytes)

    def _raw_chunks(self) -> Iterator[bytes]:
        buffer = memoryview(bytearray(CHUNK_BYTES))
        while True:
            try:
                count = self.handle.readinto1(buffer)  # type: ignore[attr-defined]  # every buffered file has it
            except OSError as error:
                raise StorageError(
                    f"{self.name}: reading failed after {self._read_bytes:,} bytes ({error.strerror or error}).",
                    hint="Check the disk, or the store, and run the same command again.",
                ) from error
            if not count:
                return
            self._digest.update(buffer[:count])
            self._read_bytes += count
            if self._progress is not None:
                self._progress(self._read_bytes, self.size_bytes)
            yield bytes(buffer[:count])


@contextlib.contextmanager
def opened(path: Place | str, *, limits: TableLimits, progress: Progress | None = None) -> Iterator[Opened]:
    """Open `path` (`-`: standard input), whatever its compression, and close it afterwards.

    Raises
    ------
    MissingInputError
        It is not there; names in the same folder that come near are listed.
    AccessError
        Not permitted.
    InputError
        It is a folder.
    StorageError
        The disk answered with an error.
    """
    if str(path) == STANDARD_INPUT:
        stream = sys.stdin.buffer
        yield Opened("standard input", stream, limits=limits, path=None, size_bytes=0, progress=progress)
        return
    place = place_of(path)
    name = file_name(place)
    if isinstance(place, Remote):
        with opened_to_read(place) as remote:
            yield Opened(name, remote, limits=limits, path=place, size_bytes=size_of(place), progress=progress)
        return
    try:
        handle = place.open("rb")
    except (OSError, ValueError) as error:
        raise _opening_error(place, error) from error
    with handle:
        status = os.fstat(handle.fileno())
        is_regular = stat.S_ISREG(status.st_mode)
        yield Opened(
            name,
            handle,
            limits=limits,
            path=place if is_regular else None,
            size_bytes=status.st_size if is_regular else 0,
            progress=progress,
        )


@final
@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies a file's bytes as they lie on disk."""

    sha256: str
    size_bytes: int


def fingerprint(path: Place | str) -> Fingerprint:
    """Read the whole file and say what identifies its bytes (compressed, if they are)."""
    with opened(path, limits=TableLimits()) as source:
        return source.fingerprint()


@contextlib.contextmanager
def laid_aside(path: Path | str) -> Iterator[Path]:
    """What can be read only once (a pipe; `-`: standard input) as a file in Frostline's private home, until the end.

    Raises
    ------
    StorageError, AccessError
        It cannot be read, or not be kept.
    """
    import tempfile  # noqa: PLC0415 - not needed for a sentence: start-up time

    folder = private_folder(home() / "incoming")
    sweep_folders_of_the_dead(folder)
    is_input = str(path) == STANDARD_INPUT
    name = "standard input" if is_input else Path(path).name
    with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}{_LAID_ASIDE}", dir=folder) as holding:
        kept = Path(holding) / (f"pipe {name}" if name.isdecimal() else name)  # of `<(…)` the name is a number
        try:
            given = contextlib.nullcontext(sys.stdin.buffer) if is_input else Path(path).open("rb")  # noqa: SIM115 - below
        except OSError as error:
            raise _opening_error(Path(path), error) from error
        try:
            with given as source, kept.open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK_BYTES)
        except OSError as error:
            raise storage_error(error, folder) from error
        yield kept


def file_name(path: Place | str) -> str:
    """`path` as it may stand in a message; where it was laid aside, what it was."""
    text = path.name if isinstance(path, Path) and _LAID_ASIDE in path.parent.name else str(path)
    return text if text.isprintable() else shown(text, 200)


def _first_line_end(content: bytearray) -> int:
    """Where the first line with something in it ends (the position of its line feed), or -1."""
    begin = 0
    while (end := content.find(b"\n", begin)) >= 0 and not content[begin:end].strip():
        begin = end + 1
    return end


def _opening_error(path: Path, error: OSError | ValueError) -> FrostlineError:
    name = file_name(path)
    if isinstance(error, PermissionError):
        return AccessError(f"{name}: not permitted to read it.", hint=f"Run: chmod u+r {pasteable(path)}")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{name} must be a file (it is a folder).", hint=_listing(path))
    missing = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
    if isinstance(error, ValueError) or error.errno in missing:
        with contextlib.suppress(OSError, ValueError):
            leads = file_name(path.readlink())
            return MissingInputError(f"{name} is a link to {leads}, which is not there.", hint="Mend or remove it.")
        scheme, slashes, rest = str(path).partition(":/")
        if slashes and scheme in {"http", "https", "ftp"}:  # a path has lost one of the two
            address = f"{scheme}://{rest.lstrip('/')}"
            return MissingInputError(
                f"{printable(address)} is an address, and a file of this machine is read.",
                hint=f"Fetch it first: curl -LO {pasteable(address)}",
            )
        return MissingInputError(f"{name} is not there.", hint=near(path))
    return StorageError(f"{name}: cannot be opened ({error.strerror}).", hint="Check the disk.")


def near(path: Path) -> str:
    """Say which names near `path` do exist."""
    try:
        present = sorted(os.listdir(path.parent))  # noqa: PTH208 - names are wanted, not paths
    except (OSError, ValueError):
        return f"Its folder {file_name(path.parent)} is not there either."
    near = difflib.get_close_matches(path.name, present, n=3, cutoff=0.6)
    near += [name for name in present if name not in near and Path(name).stem == path.stem][:3]
    if not near:
        return f"The folder {file_name(path.parent.absolute())} holds nothing of a similar name."
    return "Did you mean " + " or ".join(file_name(path.parent / name) for name in near[:3]) + "?"


def _listing(folder: Path) -> str:
    """Say which files in `folder` could have been meant."""
    suffixes = (".tsv", ".csv", ".jsonl", ".json", ".parquet", ".arrow", ".feather", ".xlsx", ".txt", ".gz")
    with contextlib.suppress(OSError):
        if (folder / "manifest.json").is_file():
            return f'It is a saved model. To use it: frostline predict {pasteable(folder)} "some words"'
        names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(suffixes))
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            return "Name one of its files: " + ", ".join(file_name(name) for name in names[:5]) + more + "."
    return "Name one of its files."


BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@final
@dataclass(frozen=True, slots=True)
class Lines:
    """A run of lines."""

    first: int  # The number of texts[0], from 1
    texts: list[str]  # Without the line feed; a carriage return before it is still there
    bad: dict[int, str] = field(default_factory=dict)  # Why the line of that number is to be left out


def check_encoding(head: bytes, *, encoding: str, name: str) -> None:
    """Raise if the content's beginning shows UTF-16 or UTF-32 and something else was said."""
    if _is_wide(encoding):
        return
    seen = next((wide for mark, wide in BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if seen is None and len(head) >= 8:
        # ASCII letters in UTF-16 have a zero in every second byte; a NUL within a sentence is rare
        for begin, wide in ((1, "utf-16-le"), (0, "utf-16-be")):
            half, other = head[begin:4096:2], head[1 - begin : 4096 : 2]
            if half.count(0) > 0.7 * len(half) and other.count(0) < 0.3 * len(other):
                seen = wide
    if seen is not None:
        raise InputError(f"{name} is encoded in {seen.upper()}, not in {encoding}.", hint=f"Pass --encoding {seen}.")


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

    Raises `InputError`: a line is longer than `options.limits.line_bytes`; or, unless `options.on_bad_text` says
    otherwise, a byte is not of the encoding: its line and its offset in the uncompressed content are named.
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
                    if _NO_TEXT & {*block[:4096]}:
                        raise InputError(f"{self.name}: {reason}.", hint=_BINARY) from error
                    raise bad_text(f"{self.name}:{self.line}: {reason}.", encoding=self.encoding) from error
                if self.options.on_bad_text == "skip":
                    bad[self.line] = reason
                texts.append(raw.decode(self.encoding, "replace").replace("\n", "\ufffd"))
            self.line += 1
            self.offset += len(raw) + 1
        return Lines(first, texts, bad)


_NO_TEXT = frozenset({*range(7), *range(14, 27), 28, 29, 30, 31})
_BINARY = "It holds bytes that stand in no text: name a table (TSV, CSV, JSON, Parquet, Arrow or .xlsx)."


def bad_text(message: str, *, encoding: str) -> InputError:
    """The error for bytes that are not of `encoding`."""
    other = " --encoding cp1252, if it is of Windows or Excel, or another;" if encoding.startswith("utf-8") else ""
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
    offset = 0

    def counted() -> Iterator[bytes]:
        nonlocal offset
        for chunk in chunks:
            yield chunk
            offset += len(chunk)

    is_first = True
    try:
        for text in codecs.iterdecode(counted(), options.encoding, errors):
            yield (text.removeprefix("\ufeff") if is_first else text).encode("utf-8")
            is_first = False
    except UnicodeError as error:
        raise InputError(
            f"{name}: the bytes near offset {offset:,} are not {options.encoding} ({error}).",
            hint="Pass the file's real encoding with --encoding, or --on-bad-text replace.",
        ) from error
