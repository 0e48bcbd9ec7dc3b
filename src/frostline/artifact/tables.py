"""tables.safetensors and likeness.safetensors, written and read as a stranger's; docs/formats/artifact.md has both.

The first holds what of a manifest grows with labels: of more than `MANY_LABELS` the self-test's numbers and isotonic
maps lie there, and the manifest has empty lists in their place. The second: what a head remembers of the texts.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from frostline.artifact.manifest import (
    DEFAULT_LIMITS,
    LIKENESS,
    LONGEST_LABEL,
    MAX_LABELS,
    N_SELF_TEST,
    TABLES,
    Limits,
    Manifest,
    coef_shape,
    read_calibration,
    read_numbers_of_test,
)
from frostline.errors import ArtifactCorrupt, InputError, shown
from frostline.head.likeness import N_DIMENSIONS, N_SHARES, Likeness
from frostline.head.linear import Calibration, Link
from frostline.targets import Label
from frostline.tensors import Expected, read_tensors, tensors_bytes

MANY_LABELS = 200
LABEL_BYTES = 2 << 20
"""All labels of a classifier, as they stand in its manifest."""


def refuse_labels(labels: tuple[Label, ...], n_features: int, link: Link, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise, before anything is read, if a head of so many labels and features could not be saved.

    Raises `InputError`: its coefficients, or the labels themselves, would take more bytes than an artifact may hold.
    """
    if len(labels) > MAX_LABELS:
        raise InputError(
            f"There must be at most {MAX_LABELS:,} labels, or the classifier could not be saved (there are "
            f"{len(labels):,}).",
            hint="Is the label column the right one? Else put labels together, or leave rare ones out.",
        )
    n_rows, _ = coef_shape(len(labels), n_features, link)
    if n_rows > most_rows(n_features, limits=limits):
        raise InputError(
            f"There must be at most {most_rows(n_features, limits=limits):,} labels with {n_features:,} features, or "
            f"the classifier could not be saved (there are {len(labels):,}).",
            hint="Use fewer features, for example --features mean@-1; or put labels together, or leave rare ones out.",
        )
    longest = max(labels, key=lambda label: len(str(label)))
    if len(str(longest)) > LONGEST_LABEL:
        raise InputError(
            f"A label must have at most {LONGEST_LABEL:,} characters, or the classifier could not be saved (one has "
            f"{len(str(longest)):,}: {shown(longest)}).",
            hint="Is the label column the right one? Else shorten the names.",
        )
    n_bytes = sum(len(str(label).encode("utf-8", "replace")) + 4 for label in labels)
    if n_bytes > LABEL_BYTES:
        raise InputError(
            f"The names of all labels must have at most {LABEL_BYTES:,} bytes together, or the classifier could not be "
            f"saved ({len(labels):,} labels have {n_bytes:,}).",
            hint="Is the label column the right one? Else shorten the names.",
        )


def most_rows(n_columns: int, *, limits: Limits = DEFAULT_LIMITS) -> int:
    """How many rows of so many coefficients fit into a head."""
    return (limits.head_bytes - limits.header_bytes) // (8 * (n_columns + 1))


def tables_bytes(manifest: Manifest) -> bytes:
    """The numbers of the self-test and the maps of `manifest`, in the safetensors format."""
    maps = () if manifest.calibration is None else manifest.calibration.knots
    return tensors_bytes(
        {
            "decisions": np.array(manifest.self_test.decisions, dtype=np.float64),
            "probabilities": np.array(manifest.self_test.probabilities, dtype=np.float64),
            "knots": np.array([knot for own in maps for knot in own], dtype=np.float64).reshape(-1, 2),
            "ends": np.cumsum([len(own) for own in maps], dtype=np.int64),
        }
    )


def without_tables(manifest: Manifest) -> Manifest:
    """What is left of `manifest` beside its tables."""
    calibration = manifest.calibration
    return replace(
        manifest,
        self_test=replace(manifest.self_test, decisions=(), probabilities=()),
        calibration=None if calibration is None else replace(calibration, knots=()),
    )


def with_tables(manifest: Manifest, content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Manifest:
    """The manifest with what `content` holds of it.

    Raises `ArtifactCorrupt`: as `read_tensors`; numbers that the manifest itself could not hold.
    """
    n_labels = len(manifest.labels)
    n_rows, _ = coef_shape(n_labels, 1, manifest.link)
    expected = {
        "decisions": Expected("F64", (N_SELF_TEST, n_rows)),
        "probabilities": Expected("F64", (N_SELF_TEST, n_labels)),
        "knots": Expected("F64", (None, 2)),
        "ends": Expected("I64", (None,)),
    }
    tensors = read_tensors(content, TABLES, expected, header_bytes=limits.header_bytes)
    at, link = f"{TABLES}: ", manifest.link
    numbers = {name: tensors[name].tolist() for name in ("decisions", "probabilities")}
    decisions, probabilities = read_numbers_of_test(numbers, at, n_labels=n_labels, link=link)
    return replace(
        manifest,
        self_test=replace(manifest.self_test, decisions=decisions, probabilities=probabilities),
        calibration=_calibration(manifest, tensors["knots"], tensors["ends"]),
    )


def _calibration(manifest: Manifest, knots: NDArray[np.float64], ends: NDArray[np.int64]) -> Calibration | None:
    """That of the manifest, with its maps."""
    bounds = [0, *ends.tolist()]
    if any(one > other for one, other in pairwise(bounds)) or bounds[-1] != len(knots):
        raise ArtifactCorrupt(f"{TABLES}: ends must ascend to the number of knots.")
    calibration = manifest.calibration
    if calibration is None or calibration.method != "isotonic":
        if len(ends):
            raise ArtifactCorrupt(f"{TABLES}: there must be knots for isotonic maps alone.")
        return calibration
    maps = [knots[start:end].tolist() for start, end in pairwise(bounds)]
    document = {"method": "isotonic", "temperature": 1.0, "knots": maps}
    return read_calibration(document, TABLES, n_labels=len(manifest.labels), link=manifest.link)


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
