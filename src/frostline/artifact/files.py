"""The files of an artifact beside its manifest: the head, the neighbours, the words; and how any of them is read.

Nothing outside the folder is read, nothing over a limit, and no other bytes than those of the manifest's digests.
The folder is opened once and files by their names in it: whoever swaps a new artifact in meanwhile does not make us
read half of each. Symbolic links, pipes and devices are refused unopened or unread.
"""

import contextlib
import difflib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Features, IntArray
from frostline.artifact.manifest import (
    DEFAULT_LIMITS,
    HEAD,
    KNOWN_FILES,
    LEARNED,
    MANIFEST,
    NEIGHBOURS,
    WORDS,
    FileEntry,
    Limits,
    coef_shape,
)
from frostline.disk import TEMPORARY_PREFIX, bring_back, refuse_existing
from frostline.encoder.files import ENCODER_FOLDER
from frostline.encoder.words import MAX_TERM_LENGTH, MAX_TERMS, Vocabulary
from frostline.errors import (
    AccessError,
    ArtifactCorrupt,
    FrostlineError,
    InputError,
    MissingInputError,
    OutputError,
    StorageError,
    shown,
)
from frostline.head.linear import LinearHead, Link
from frostline.strict import array, integer, members, number, read_object, text, truth
from frostline.targets import Label
from frostline.tensors import Expected, read_tensors, tensors_bytes

MAX_CHARACTERS = 1000
"""Of a text that are kept: it is for a person to look at."""


@final
@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A folder being read."""

    path: Path  # For messages, and for systems that open files by path only
    handle: int | None  # The folder itself, whatever has its name by now

    @contextlib.contextmanager
    def file(self, name: str, *, limit: int) -> Iterator[tuple[FileIO, int]]:
        """The file `name`, opened, and its size, which is at most `limit` bytes.

        Raises `ArtifactCorrupt`: it is not there, is a link or anything but a plain file, or is larger than
        `limit`; `AccessError` or `StorageError`: the system refused, or reading failed.
        """
        try:
            handle = _open(self, name, _NO_WAITING | _BINARY)
            try:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    raise ArtifactCorrupt(f"{self.path / name} must be a plain file.")
                if status.st_size > limit:
                    raise ArtifactCorrupt(
                        f"{self.path / name} must have at most {limit:,} bytes (got {status.st_size:,})."
                    )
                yield FileIO(handle, closefd=False), status.st_size
            finally:
                os.close(handle)
        except OSError as error:
            raise _reading_error(error, self.path / name) from error

    def is_replaced(self) -> bool:
        """Whether another folder has the name by now."""
        if self.handle is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self.handle), self.path.stat())
        except OSError:
            return True


@contextlib.contextmanager
def opened_folder(path: Path) -> Iterator[OpenFolder]:
    """The artifact folder at `path`, which may be a link of the user's own.

    Raises `MissingInputError`: nothing is there; `ArtifactCorrupt`: it is not a folder.
    """
    try:
        try:
            is_folder, handle = _opened(path)
        except FileNotFoundError:  # or a save stands, or was killed, between its two renames
            bring_back(path)
            is_folder, handle = _opened(path)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL in the path
        raise MissingInputError(
            f"There is no saved model at {shown(str(path), 200)}.", hint=meant_model(path)
        ) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # a text in its place
            raise MissingInputError(f"There is no saved model at {shown(str(path), 200)}.", hint=_TRAIN) from error
        raise _reading_error(error, path) from error
    if not is_folder:
        raise ArtifactCorrupt(
            f"{shown(str(path), 200)} is a file, not a saved model, which is a folder.",
            hint=f"The model comes first. {_TRAIN}",
        )
    try:
        yield OpenFolder(path, handle)
    finally:
        if handle is not None:
            os.close(handle)


def read_manifest_file(folder: OpenFolder, *, limit: int) -> bytes:
    """The bytes of manifest.json."""
    with folder.file(MANIFEST, limit=limit) as (opened, size):
        return opened.read(size)


def read_file(folder: OpenFolder, name: str, entry: FileEntry) -> bytes:
    """The bytes of a file, which are those that the manifest lists."""
    with folder.file(name, limit=entry.size_bytes) as (opened, size):
        content = opened.read(size)
    _compare(folder.path / name, entry, len(content), hashlib.sha256(content).hexdigest())
    return content


def check_size(folder: OpenFolder, name: str, entry: FileEntry) -> None:
    """That a plain file of the size that the manifest lists is there; its digest is for who reads it."""
    with folder.file(name, limit=entry.size_bytes) as (_, size):
        if size != entry.size_bytes:
            _compare(folder.path / name, entry, size, "")


def check_file(folder: OpenFolder, name: str, entry: FileEntry) -> None:
    """The same check for a file that is not kept in memory."""
    with folder.file(name, limit=entry.size_bytes) as (opened, size):
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    _compare(folder.path / name, entry, size, digest)


def check_encoder_listing(folder: OpenFolder, expected: set[str]) -> None:
    """`encoder/` must be a real folder that holds `expected` and nothing else: whoever opens it reads it by name."""
    where = folder.path / ENCODER_FOLDER
    try:
        if folder.handle is None:
            names = set() if where.is_symlink() else {inner.name for inner in where.iterdir()}
        else:
            handle = _open(folder, ENCODER_FOLDER, _FOLDER)
            try:
                with os.scandir(handle) as inside:
                    names = {inner.name for inner in inside}
            finally:
                os.close(handle)
    except OSError as error:
        raise _reading_error(error, where) from error
    if names != expected:
        odd = ", ".join(ascii(name) for name in sorted(names ^ expected)[:3])
        raise ArtifactCorrupt(f"{where} must hold exactly the files that the manifest lists (differing in {odd}).")


def refuse_place(path: Path, *, overwrite: bool = False) -> None:
    """Raise if saving an artifact to `path` would fail, or lose something that is no artifact.

    Raises `OutputError`: `path` exists and `overwrite` is false; it is a link, a file, a folder that is no
    artifact, or one that holds other files as well; its parent folder is missing; `AccessError`: the parent folder
    cannot be written to.
    """
    if not path.resolve().name or path.name.startswith(TEMPORARY_PREFIX):
        raise OutputError(f"{path}: an artifact needs a name of its own.", hint="Choose another name.")
    if path.is_file() and not path.is_symlink():  # nothing would replace it
        raise OutputError(f"{path} is a file, and no saved model to be overwritten.", hint=_ELSEWHERE)
    refuse_existing(path, overwrite=overwrite)
    if not os.path.lexists(path):
        return
    if path.is_symlink():
        raise OutputError(f"{path} is a symbolic link and is not replaced.", hint="Name the folder itself.")
    if not path.is_dir():
        raise OutputError(f"{path} is no folder, and no saved model to be overwritten.", hint=_ELSEWHERE)
    names = {inner.name for inner in path.iterdir()}
    if names and MANIFEST not in names:
        raise OutputError(f"{path} must be an artifact to be overwritten (it holds no {MANIFEST}).", hint=_ELSEWHERE)
    strange = sorted(names - _OURS)
    if strange:
        raise OutputError(
            f"{path} must be nothing but an artifact to be overwritten "
            f"(it holds {', '.join(map(shown, strange[:3]))}).",
            hint="Move these files away, or choose another name.",
        )


def head_bytes(head: LinearHead) -> bytes:
    """`coef` and `intercept` in the safetensors format, float64."""
    return tensors_bytes({"coef": head.coef.astype(np.float64), "intercept": head.intercept.astype(np.float64)})


def read_head(  # noqa: PLR0913 - bytes, their name, and what their shapes depend on
    content: bytes,
    *,
    labels: tuple[Label, ...],
    n_features: int,
    link: Link = "softmax",
    name: str = HEAD,
    limits: Limits = DEFAULT_LIMITS,
) -> LinearHead:
    """The head in `content`, the file `name`, of `labels`, `n_features` and `link`; not calibrated, without a rule."""
    shape = coef_shape(len(labels), n_features, link)
    expected = {"coef": Expected("F64", shape), "intercept": Expected("F64", shape[:1])}
    tensors = read_tensors(content, name, expected, header_bytes=limits.header_bytes)
    coef, intercept = (tensors[name].astype(np.float64) for name in ("coef", "intercept"))
    return LinearHead(labels=labels, coef=coef, intercept=intercept, link=link)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """What a head learned from."""

    texts: tuple[str, ...]  # n_texts: At most 1,000 characters of each
    codes: IntArray  # (n_texts,), or (n_texts, n_labels) of 0 and 1 where a text may have several labels
    # (n_texts, n_features), dtype=float16: Less `centre`, of length 1; of length 0 where a row was the centre.
    rows: NDArray[np.float16]
    centre: NDArray[np.float32]  # (n_features,)

    @classmethod
    def of_rows(cls, texts: Sequence[str], codes: IntArray, rows: Features) -> "Neighbours":
        """What is kept of training rows (n_texts, n_features)."""
        centre = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        kept = np.empty(rows.shape, np.float16)
        for start in range(0, len(rows), _BLOCK):
            kept[start : start + _BLOCK] = unit_rows(rows[start : start + _BLOCK], centre)
        return cls(texts=tuple(text[:MAX_CHARACTERS] for text in texts), codes=codes, rows=kept, centre=centre)


def unit_rows(rows: Features, centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """`rows` less `centre`, each brought to length 1, float32."""
    moved = rows.astype(np.float32) - centre
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    result: NDArray[np.float32] = (moved / lengths).astype(np.float32, copy=False)
    return result


def refuse_size(n_texts: int, n_features: int, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise, before any work, if so many training sentences cannot be kept."""
    most = limits.neighbours_bytes // (2 * max(1, n_features))
    if n_texts > most:
        raise InputError(
            f"At most {most:,} training sentences of {n_features:,} features can be kept as neighbours (got "
            f"{n_texts:,}).",
            hint="Use fewer features, for example --features mean@-1; or leave out --keep-neighbours.",
        )


def neighbours_bytes(neighbours: Neighbours, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """`neighbours` in the safetensors format.

    Raises `InputError`: a text holds half a character; it would be over the limit.
    """
    try:
        encoded = [text.encode("utf-8") for text in neighbours.texts]
    except UnicodeEncodeError as error:
        raise InputError("A training sentence must hold whole characters to be kept as a neighbour.") from error
    content = tensors_bytes(
        {
            "centre": neighbours.centre,
            "codes": neighbours.codes.astype(np.int32 if neighbours.codes.ndim == 1 else np.uint8),
            "ends": np.cumsum([len(text) for text in encoded], dtype=np.int64),
            "rows": neighbours.rows,
            "texts": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        }
    )
    if len(content) > limits.neighbours_bytes:
        refuse_size(*neighbours.rows.shape, limits=limits)
        raise InputError(f"{NEIGHBOURS} must have at most {limits.neighbours_bytes:,} bytes (got {len(content):,}).")
    return content


def read_neighbours(
    content: bytes, *, n_labels: int, n_features: int, link: Link, limits: Limits = DEFAULT_LIMITS
) -> Neighbours:
    """The neighbours in `content`, which must be those of a head of `n_labels`, `n_features` and `link`.

    Raises `ArtifactCorrupt`: as `read_tensors`; a code that is no label's; rows that are not of length 1 or 0;
    texts that are not UTF-8.
    """
    code_shape, n_codes = _CODES[link](n_labels)
    expected = {
        "centre": Expected("F32", (n_features,)),
        "codes": code_shape,
        "ends": Expected("I64", (None,)),
        "rows": Expected("F16", (None, n_features)),
        "texts": Expected("U8", (None,)),
    }
    tensors = read_tensors(content, NEIGHBOURS, expected, header_bytes=limits.header_bytes)
    sizes = {len(tensors[name]) for name in ("codes", "ends", "rows")}
    if len(sizes) > 1 or 0 in sizes:
        raise ArtifactCorrupt(f"{NEIGHBOURS} must hold as many codes and ends as rows, and one or more.")
    codes = tensors["codes"].astype(np.int64)
    if codes.min() < 0 or codes.max() >= n_codes:
        raise ArtifactCorrupt(f"{NEIGHBOURS}: codes must be those of the {n_labels:,} labels.")
    _check_lengths(tensors["rows"])
    return Neighbours(
        texts=_texts(tensors["texts"].tobytes(), tensors["ends"].tolist()),
        codes=codes,
        rows=tensors["rows"],
        centre=tensors["centre"],
    )


MOST_LEARNED = 1_000_000
"""Texts whose digests are kept: 8 MB. Of more none are."""


def learned_bytes(learned: IntArray) -> bytes:
    """The digests of the texts that a head learned from, in the safetensors format."""
    return tensors_bytes({"digests": learned})


def read_learned(content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> IntArray:
    """The digests in `content`. Raises `ArtifactCorrupt`: as `read_tensors`; none, or they do not ascend."""
    tensors = read_tensors(content, LEARNED, {"digests": Expected("I64", (None,))}, header_bytes=limits.header_bytes)
    digests = tensors["digests"].astype(np.int64)
    if not len(digests) or (digests[1:] <= digests[:-1]).any():
        raise ArtifactCorrupt(f"{LEARNED}: digests must ascend, and be one or more.")
    return digests


def words_bytes(vocabulary: Vocabulary) -> bytes:
    """words.json: one member a line.

    Raises `InputError`: it could not be read back.
    """
    document = {name: getattr(vocabulary, name) for name in _NAMES} | {"counts": vocabulary.counts.tolist()}
    if vocabulary.is_marked:  # else as files were before there was a second pattern
        document["is_marked"] = True
    try:
        lines = [
            f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
            for name, value in document.items()
        ]
        content = ("{\n" + ",\n".join(lines) + "\n}\n").encode("utf-8")
        if len(content) > DEFAULT_LIMITS.words_bytes:
            raise InputError(f"{WORDS} must have at most {DEFAULT_LIMITS.words_bytes:,} bytes (got {len(content):,}).")
        read_words(content)
    except ArtifactCorrupt as error:
        raise InputError(f"What is to be saved must fit the artifact's format: {error.message}") from error
    except (TypeError, UnicodeEncodeError) as error:
        raise InputError(f"A vocabulary must be one of JSON values and whole characters ({error}).") from error
    return content


def read_words(content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Vocabulary:
    """The vocabulary that `content` spells.

    Raises `ArtifactCorrupt`: not JSON, or a member not as docs/formats/artifact.md has it.
    """
    given = read_object(content, WORDS, depth=limits.json_depth)
    document = members(given, WORDS, names=(*_NAMES, *(["is_marked"] if "is_marked" in given else [])))
    terms = tuple(
        text(item, f"{WORDS}: terms[{place}]", limit=MAX_TERM_LENGTH)
        for place, item in enumerate(array(document["terms"], f"{WORDS}: terms", low=1, high=MAX_TERMS))
    )
    if any(not one < other for one, other in pairwise(terms)):
        raise ArtifactCorrupt(f"{WORDS}: terms must ascend, each once.")
    n_texts = integer(document["n_texts"], f"{WORDS}: n_texts", low=1, high=2**53)
    counts = [
        integer(item, f"{WORDS}: counts[{place}]", low=1, high=n_texts)
        for place, item in enumerate(array(document["counts"], f"{WORDS}: counts", low=len(terms), high=len(terms)))
    ]
    return Vocabulary(
        terms=terms,
        n_texts=n_texts,
        counts=np.array(counts, dtype=np.int64),
        max_words=integer(document["max_words"], f"{WORDS}: max_words", low=1, high=8),
        sublinear=truth(document["sublinear"], f"{WORDS}: sublinear"),
        scale=number(document["scale"], f"{WORDS}: scale", low=1e-6, high=1e6),
        is_marked=truth(document.get("is_marked", False), f"{WORDS}: is_marked"),
    )


_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)  # not on Windows, where the look beforehand has to do
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody writes to
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_BY_HANDLE = os.open in os.supports_dir_fd
_TRAIN = "Make one with: frostline train FILE --out FOLDER"


def meant_model(path: Path) -> str:
    """The saved model beside it of a similar name, else how one is made."""
    try:
        present = sorted(entry.name for entry in path.parent.iterdir() if (entry / MANIFEST).is_file())
    except (OSError, ValueError):
        return _TRAIN
    near = difflib.get_close_matches(path.name, present, n=1, cutoff=0.5)
    return f"Did you mean {shown(str(path.parent / near[0]), 200)}?" if near else _TRAIN


def _opened(path: Path) -> tuple[bool, int | None]:
    """Whether `path` is a folder, and a handle on it where the system opens files by such a one."""
    is_folder = stat.S_ISDIR(path.stat().st_mode)
    return is_folder, os.open(path, os.O_RDONLY | _FOLDER) if _BY_HANDLE and is_folder else None


def _open(folder: OpenFolder, name: str, flags: int) -> int:
    """`name` opened for reading, no link followed on the way; `name` has at most one folder in it."""
    if folder.handle is None:
        steps = [folder.path / part for part in (name.rpartition("/")[0], name) if part]
        if any(step.is_symlink() for step in steps):
            raise OSError(errno.ELOOP, "a symbolic link")
        return os.open(folder.path / name, os.O_RDONLY | flags)
    above, _, last = name.rpartition("/")
    if not above:
        return os.open(last, os.O_RDONLY | _NO_LINKS | flags, dir_fd=folder.handle)
    inner = os.open(above, os.O_RDONLY | _NO_LINKS | _FOLDER, dir_fd=folder.handle)
    try:
        return os.open(last, os.O_RDONLY | _NO_LINKS | flags, dir_fd=inner)
    finally:
        os.close(inner)


def _compare(path: Path, entry: FileEntry, size: int, sha256: str) -> None:
    if size != entry.size_bytes:
        raise ArtifactCorrupt(f"{path} must have {entry.size_bytes:,} bytes, as the manifest has it (got {size:,}).")
    if sha256 != entry.sha256:
        raise ArtifactCorrupt(
            f"{path}: sha256 must be {entry.sha256} (got {sha256}): it is damaged or was edited.",
            hint="Copy the artifact again, or train again.",
        )


def _reading_error(error: OSError, path: Path) -> FrostlineError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ArtifactCorrupt(f"{path} must be there: the artifact is not whole, or this is none.", hint=_TRAIN)
    if error.errno in {errno.ELOOP, errno.ENXIO, errno.EMLINK}:
        return ArtifactCorrupt(
            f"{path} must be a plain file in a plain folder, not a link or a device.",
            hint="Copy the artifact with links resolved (cp -rL).",
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return AccessError(f"{path}: cannot be read ({error.strerror}).", hint="Ask its owner, or copy it.")
    return StorageError(f"{path}: reading failed ({error.strerror}).", hint="Check the disk, and try again.")


_OURS = {MANIFEST, *(name.split("/", 1)[0] for name in KNOWN_FILES)}
_ELSEWHERE = "Choose another name, or move it away."
_BLOCK = 4096  # rows that are looked at together

_CODES: Mapping[Link, Callable[[int], tuple[Expected, int]]] = {
    "softmax": lambda n_labels: (Expected("I32", (None,)), n_labels),
    "logistic": lambda n_labels: (Expected("U8", (None, n_labels)), 2),
}
"""What the codes of so many labels are, and below which number they lie: a column, or 0 and 1 for each label."""


def _texts(content: bytes, ends: list[int]) -> tuple[str, ...]:
    starts = [0, *ends[:-1]]
    if ends[-1] != len(content) or any(start > end or start < 0 for start, end in zip(starts, ends, strict=True)):
        raise ArtifactCorrupt(f"{NEIGHBOURS}: ends must ascend to the {len(content):,} bytes of the texts.")
    try:
        texts = tuple(content[start:end].decode("utf-8") for start, end in zip(starts, ends, strict=True))
    except UnicodeDecodeError as error:
        raise ArtifactCorrupt(f"{NEIGHBOURS}: texts must be UTF-8.") from error
    if max(map(len, texts)) > MAX_CHARACTERS:
        raise ArtifactCorrupt(f"{NEIGHBOURS}: a text must have at most {MAX_CHARACTERS:,} characters.")
    return texts


def _check_lengths(rows: NDArray[np.float16]) -> None:
    for start in range(0, len(rows), _BLOCK):
        lengths = np.linalg.norm(rows[start : start + _BLOCK].astype(np.float32), axis=1)
        if not np.all((np.abs(lengths - 1) < 0.01) | (lengths == 0)):
            raise ArtifactCorrupt(f"{NEIGHBOURS}: rows must be of length 1.")


_NAMES = ("n_texts", "max_words", "sublinear", "scale", "terms", "counts")
