"""neighbours.safetensors: the training sentences with their labels and rows, so that the nearest can be shown.

In:   texts, codes and rows; or bytes from a stranger, and the manifest that says what they must hold.
Out:  `Neighbours`; bytes; or the neighbours.
Not:  finding the nearest (explain/); digests (folder.py); the format itself (tensors.py).

Rows are kept less their mean, of length 1, in float16. Less their mean, because sentences of one encoder point into
one direction: over SST-2 (6,920 rows, minilm, mean@all) the median cosine of two was 0.62 before and 0.00 after. In
float16, because a cosine of two such rows differs by at most 3.3e-5 from float32's, and the file is half as large
(docs/decisions/0010, tools/neighbours_kept.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Features, IntArray
from frostline.artifact.limits import DEFAULT_LIMITS, NEIGHBOURS, Limits
from frostline.artifact.tensors import Expected, read_tensors, tensors_bytes
from frostline.errors import ArtifactCorrupt, InputError
from frostline.head.linear import Link

MAX_CHARACTERS = 1000
"""Of a text that are kept: it is for a person to look at."""

_BLOCK = 4096  # rows that are looked at together


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """What a head learned from.

    Parameters
    ----------
    texts : tuple of n_texts str
        At most 1,000 characters of each.
    codes : ndarray of shape (n_texts,), or (n_texts, n_labels) of 0 and 1 where a text may have several labels
    rows : ndarray of shape (n_texts, n_features), dtype=float16
        Less `centre`, of length 1; of length 0 where a row was the centre.
    centre : ndarray of shape (n_features,), dtype=float32
    """

    texts: tuple[str, ...]
    codes: IntArray
    rows: NDArray[np.float16]
    centre: NDArray[np.float32]

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
    """Raise, before any work, if so many training sentences cannot be kept.

    Raises
    ------
    InputError
        They would take more bytes than a reader allows.
    """
    most = limits.neighbours_bytes // (2 * n_features)
    if n_texts > most:
        raise InputError(
            f"At most {most:,} training sentences of {n_features:,} features can be kept as neighbours (got "
            f"{n_texts:,}).",
            hint="Use fewer features, for example --features mean@-1; or leave out --keep-neighbours.",
        )


def neighbours_bytes(neighbours: Neighbours, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """`neighbours` in the safetensors format.

    Raises
    ------
    InputError
        A text holds half a character; it would be over the limit.
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

    Raises
    ------
    ArtifactCorrupt
        As `read_tensors`; a code that is no label's; rows that are not of length 1 or 0; texts that are not UTF-8.
    """
    expected = {
        "centre": Expected("F32", (n_features,)),
        "codes": Expected("I32", (None,)) if link == "softmax" else Expected("U8", (None, n_labels)),
        "ends": Expected("I64", (None,)),
        "rows": Expected("F16", (None, n_features)),
        "texts": Expected("U8", (None,)),
    }
    found = read_tensors(content, NEIGHBOURS, expected, header_bytes=limits.header_bytes)
    sizes = {len(found[name]) for name in ("codes", "ends", "rows")}
    if len(sizes) > 1 or 0 in sizes:
        raise ArtifactCorrupt(f"{NEIGHBOURS} must hold as many codes and ends as rows, and one or more.")
    codes = found["codes"].astype(np.int64)
    if codes.min() < 0 or codes.max() >= (n_labels if link == "softmax" else 2):
        raise ArtifactCorrupt(f"{NEIGHBOURS}: codes must be those of the {n_labels:,} labels.")
    _check_lengths(found["rows"])
    return Neighbours(
        texts=_texts(found["texts"].tobytes(), found["ends"].tolist()),
        codes=codes,
        rows=found["rows"],
        centre=found["centre"],
    )


def _texts(content: bytes, ends: list[int]) -> tuple[str, ...]:
    starts = [0, *ends[:-1]]
    if ends[-1] != len(content) or any(start > end or start < 0 for start, end in zip(starts, ends, strict=True)):
        raise ArtifactCorrupt(f"{NEIGHBOURS}: ends must ascend to the {len(content):,} bytes of the texts.")
    try:
        found = tuple(content[start:end].decode("utf-8") for start, end in zip(starts, ends, strict=True))
    except UnicodeDecodeError as error:
        raise ArtifactCorrupt(f"{NEIGHBOURS}: texts must be UTF-8.") from error
    if max(map(len, found)) > MAX_CHARACTERS:
        raise ArtifactCorrupt(f"{NEIGHBOURS}: a text must have at most {MAX_CHARACTERS:,} characters.")
    return found


def _check_lengths(rows: NDArray[np.float16]) -> None:
    for start in range(0, len(rows), _BLOCK):
        lengths = np.linalg.norm(rows[start : start + _BLOCK].astype(np.float32), axis=1)
        if not np.all((np.abs(lengths - 1) < 0.01) | (lengths == 0)):
            raise ArtifactCorrupt(f"{NEIGHBOURS}: rows must be of length 1.")
