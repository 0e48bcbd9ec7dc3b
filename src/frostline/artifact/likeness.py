"""likeness.safetensors: what a head remembers of the texts that it learned from, written and read as a stranger's.

File format: docs/formats/artifact.md.
"""

import numpy as np

from frostline.artifact.manifest import DEFAULT_LIMITS, LIKENESS, Limits
from frostline.errors import ArtifactCorrupt
from frostline.head.likeness import N_DIMENSIONS, N_SHARES, Likeness
from frostline.tensors import Expected, read_tensors, tensors_bytes


def likeness_bytes(likeness: Likeness) -> bytes:
    """`likeness` in the safetensors format."""
    return tensors_bytes(
        {
            "centre": likeness.centre,
            "counts": np.array([likeness.n_blocks, likeness.n_texts], dtype=np.int64),
            "exceeded": likeness.exceeded,
            "factor": likeness.factor,
        }
    )


def read_likeness(content: bytes, *, n_features: int, limits: Limits = DEFAULT_LIMITS) -> Likeness:
    """The likeness in `content`, which must be of rows of `n_features`.

    Raises
    ------
    ArtifactCorrupt
        As `read_tensors`; a triangle of another size; counts that cannot be; values that descend.
    """
    n_dimensions = min(N_DIMENSIONS, n_features)
    expected = {
        "centre": Expected("F32", (n_dimensions,)),
        "counts": Expected("I64", (2,)),
        "exceeded": Expected("F32", (3, N_SHARES)),
        "factor": Expected("F16", (n_dimensions * (n_dimensions + 1) // 2,)),
    }
    tensors = read_tensors(content, LIKENESS, expected, header_bytes=limits.header_bytes)
    n_blocks, n_texts = tensors["counts"].tolist()
    if n_blocks < 1 or n_features % n_blocks or not 1 <= n_texts <= 2**53:
        raise ArtifactCorrupt(f"{LIKENESS}: counts must be blocks that part {n_features:,} features, and texts.")
    if (np.diff(tensors["exceeded"], axis=1) < 0).any():
        raise ArtifactCorrupt(f"{LIKENESS}: exceeded must not descend.")
    return Likeness(
        n_blocks=n_blocks,
        n_texts=n_texts,
        centre=tensors["centre"],
        factor=tensors["factor"],
        exceeded=tensors["exceeded"],
    )
