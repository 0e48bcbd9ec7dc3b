"""head.safetensors: the two arrays of a head, as bytes and back.

In:   a `LinearHead`; or bytes from a stranger, and the manifest that says what they must hold.
Out:  bytes; or the head.
Not:  digests (folder.py); the format itself (tensors.py).
"""

import numpy as np

from frostline.artifact.limits import DEFAULT_LIMITS, HEAD, Limits
from frostline.artifact.tensors import Expected, read_tensors, tensors_bytes
from frostline.head.linear import Label, LinearHead, Link


def head_bytes(head: LinearHead) -> bytes:
    """`coef` and `intercept` in the safetensors format, float64."""
    return tensors_bytes({"coef": head.coef.astype(np.float64), "intercept": head.intercept.astype(np.float64)})


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
        As `read_tensors`.
    """
    shape = coef_shape(len(labels), n_features, link)
    expected = {"coef": Expected("F64", shape), "intercept": Expected("F64", shape[:1])}
    found = read_tensors(content, HEAD, expected, header_bytes=limits.header_bytes)
    coef, intercept = (found[name].astype(np.float64) for name in ("coef", "intercept"))
    return LinearHead(labels=labels, coef=coef, intercept=intercept, link=link)


def coef_shape(n_labels: int, n_features: int, link: Link = "softmax") -> tuple[int, int]:
    """(n_coef_rows, n_features): one row for two labels that exclude each other."""
    return (1 if n_labels == 2 and link == "softmax" else n_labels), n_features
