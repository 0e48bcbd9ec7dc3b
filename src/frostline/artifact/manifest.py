"""manifest.json: what an artifact says of itself, as a value and as bytes.

In:   a `Manifest`.
Out:  bytes, the same whenever the manifest is.
Not:  reading them back (schema.py); filling it in (save.py).

File format: docs/formats/artifact.md.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

from frostline.artifact.answering import LINKS, Answer, Kind
from frostline.artifact.limits import ENCODER_FOLDER
from frostline.encoder.reading import EncoderIdentity
from frostline.head.calibration import Calibration
from frostline.head.linear import Label, Link
from frostline.head.rule import Rule

FORMAT = "frostline-artifact"
FORMAT_VERSION = 2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """Digest and size of a file in the artifact."""

    sha256: str
    size_bytes: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What the head was fitted on, without any of it.

    Parameters
    ----------
    name : str
        The file's name without its folders, or what stands for it (`sample`, `lists`).
    sha256 : str
        Digest of the file's bytes.
    size_bytes : int
    rows : int
        Rows that the head was fitted on.
    """

    name: str
    sha256: str
    size_bytes: int
    rows: int

    @classmethod
    def of_rows(cls, texts: Sequence[str], labels: Sequence[Label]) -> "TrainingData":
        """For data that come from no file: the digest is that of the JSON lines `["text", label]`."""
        digest, size = hashlib.sha256(), 0
        for pair in zip(texts, labels, strict=True):
            line = (json.dumps(pair) + "\n").encode("ascii")
            digest.update(line)
            size += len(line)
        return cls(name="lists", sha256=digest.hexdigest(), size_bytes=size, rows=len(texts))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """Texts with what they gave when the artifact was saved.

    Parameters
    ----------
    texts : tuple of 8 str
    decisions : tuple of 8 tuples of n_coef_rows float, or empty
        Empty in format 1, which had none, no calibration and no rule.
    probabilities : tuple of 8 tuples of n_labels float
        What the calibration makes of the decisions.
    answers : tuple of 8 answers, or empty
        What the rule makes of the probabilities, as columns.
    tolerance : float
        Largest absolute difference of an uncalibrated probability that another machine may show.
    """

    texts: tuple[str, ...]
    decisions: tuple[tuple[float, ...], ...]
    probabilities: tuple[tuple[float, ...], ...]
    answers: tuple[Answer, ...]
    tolerance: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an artifact says of itself.

    Parameters
    ----------
    frostline_version : str
        That saved it.
    labels : tuple of n_labels str, int or bool
        In column order.
    kind : {"one label", "several labels"}
        That a text has.
    calibration : Calibration or None
    rule : Rule or None
    features : str
        The feature specification, as the user wrote it.
    n_features : int
    encoder : EncoderIdentity
    data : TrainingData or None
        None where the caller had nothing to say of it.
    choice : mapping
        How C was chosen: a JSON document.
    metrics : mapping
        What was measured, with intervals: a JSON document.
    self_test : SelfTest
    files : mapping of name to FileEntry
        Every other file of the artifact.
    """

    frostline_version: str
    labels: tuple[Label, ...]
    kind: Kind
    calibration: Calibration | None
    rule: Rule | None
    features: str
    n_features: int
    encoder: EncoderIdentity
    data: TrainingData | None
    choice: Mapping[str, Any]
    metrics: Mapping[str, Any]
    self_test: SelfTest
    files: Mapping[str, FileEntry]

    @property
    def link(self) -> Link:
        """What makes probabilities of decisions."""
        return LINKS[self.kind]

    @property
    def has_encoder(self) -> bool:
        """Whether the encoder's files are in the artifact."""
        return any(name.startswith(f"{ENCODER_FOLDER}/") for name in self.files)


def manifest_bytes(manifest: Manifest) -> bytes:
    """manifest.json: one member a line, the digest of all that stands before it last.

    Raises
    ------
    ValueError
        A number is not finite, or a string holds half a surrogate pair.
    """
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(manifest)}
    lines = [
        f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)},\n"
        for name, value in document.items()
    ]
    body = ("{\n" + "".join(lines)).encode("utf-8")
    return body + f'  "sha256": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode("ascii")
