"""head.safetensors: the two arrays of a head, as bytes and back.

In:   a `LinearHead`; or bytes from a stranger, and the manifest that says what they must hold.
Out:  bytes; or the head.
Not:  digests (folder.py).

Written by the safetensors library; read here, because all that may stand in the header is known from the manifest,
and the library would take a header of 100 MB, any number of tensors, and NaN.
"""

import struct
from typing import Any

import numpy as np

from frostline.arrays import Float64Array
from frostline.artifact.fields import array, integer, members
from frostline.artifact.limits import DEFAULT_LIMITS, HEAD, Limits
from frostline.artifact.strict_json import read_object
from frostline.errors import ArtifactCorrupt, shown
from frostline.head.linear import Label, LinearHead, Link

_LENGTH = struct.Struct("<Q")


def head_bytes(head: LinearHead) -> bytes:
    """`coef` and `intercept` in the safetensors format, float64."""
    from safetensors.numpy import save  # noqa: PLC0415 - only who saves needs it

    little = np.dtype("<f8")
    return save(
        {
            "coef": np.ascontiguousarray(head.coef, dtype=little),
            "intercept": np.ascontiguousarray(head.intercept, dtype=little),
        }
    )


def read_head(
    content: bytes,
    *,
    labels: tuple[Label, ...],
    n_features: int,
    link: Link = "softmax",
    limits: Limits = DEFAULT_LIMITS,
) -> LinearHead:
    """The head in `content`, which must be that of `labels`, `n_features` and `link`; not calibrated, without a rule.

    Raises
    ------
    ArtifactCorrupt
        Not safetensors; a header over the limit; other tensors than the two, or of another type or shape; gaps or
        overlaps; a number that is not finite.
    """
    n_rows, _ = coef_shape(len(labels), n_features, link)
    shapes = (n_rows, n_features), (n_rows,)
    header, data = _split(content, limits)
    entries = members(header, f"{HEAD}: the header", names=("coef", "intercept"))
    arrays, spans = [], []
    for (name, entry), shape in zip(sorted(entries.items()), shapes, strict=True):
        found, span = _tensor(entry, f"{HEAD}: {name}", data, shape)
        arrays.append(found)
        spans.append(span)
    first, second = sorted(spans)
    if (first[0], first[1], second[1]) != (0, second[0], len(data)):
        raise ArtifactCorrupt(f"{HEAD}: the tensors must fill the {len(data):,} bytes of data without gap or overlap.")
    coef, intercept = arrays
    if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
        raise ArtifactCorrupt(f"{HEAD} must hold finite numbers (got NaN or infinity).")
    return LinearHead(labels=labels, coef=coef, intercept=intercept, link=link)


def coef_shape(n_labels: int, n_features: int, link: Link = "softmax") -> tuple[int, int]:
    """(n_coef_rows, n_features): one row for two labels that exclude each other."""
    return (1 if n_labels == 2 and link == "softmax" else n_labels), n_features


def _split(content: bytes, limits: Limits) -> tuple[dict[str, Any], memoryview]:
    """The header, parsed, and the data after it."""
    if len(content) < _LENGTH.size:
        raise ArtifactCorrupt(f"{HEAD} must begin with the length of its header (got {len(content)} bytes).")
    length = int(_LENGTH.unpack_from(content)[0])
    if length > min(limits.header_bytes, len(content) - _LENGTH.size):
        raise ArtifactCorrupt(
            f"{HEAD}: the header must fit into the file and into {limits.header_bytes:,} bytes (it claims {length:,})."
        )
    end = _LENGTH.size + length
    return read_object(content[_LENGTH.size : end], f"{HEAD}: the header"), memoryview(content)[end:]


def _tensor(entry: Any, where: str, data: memoryview, shape: tuple[int, ...]) -> tuple[Float64Array, tuple[int, int]]:
    """One tensor as a read-only array of `shape`, and the bytes that it takes."""
    found = members(entry, where, names=("dtype", "shape", "data_offsets"))
    if found["dtype"] != "F64" or found["shape"] != list(shape):
        raise ArtifactCorrupt(
            f"{where} must be F64 of shape {list(shape)}, as the manifest has it "
            f"(got {shown(found['dtype'], 20)} of shape {shown(found['shape'], 40)})."
        )
    offsets = array(found["data_offsets"], f"{where}: data_offsets", low=2, high=2)
    start, end = (integer(offset, f"{where}: data_offsets", high=len(data)) for offset in offsets)
    size = 8 * int(np.prod(shape, dtype=np.int64))
    if end - start != size:
        raise ArtifactCorrupt(f"{where} must take {size:,} bytes (its offsets span {end - start:,}).")
    flat = np.frombuffer(data, dtype="<f8", count=size // 8, offset=start)
    return flat.astype(np.float64).reshape(shape), (start, end)
