"""manifest.json from a stranger: every member of it checked, or one error.

In:   bytes.
Out:  a `Manifest`.
Not:  the files it lists (folder.py, head_file.py).

File format: docs/formats/artifact.md.
"""

import hashlib
import re
from collections import Counter
from typing import Any

from frostline.artifact.answering import LINKS, read_answers, read_calibration, read_kind, read_rule
from frostline.artifact.fields import SHA256, array, integer, json_object, members, number, text
from frostline.artifact.head_file import coef_shape
from frostline.artifact.limits import (
    DEFAULT_LIMITS,
    ENCODER_FOLDER,
    HEAD,
    KNOWN_FILES,
    MANIFEST,
    MAX_DECISION,
    MAX_FEATURES,
    MAX_LABELS,
    MAX_TOLERANCE,
    N_SELF_TEST,
    SINCE_2,
    Limits,
)
from frostline.artifact.manifest import FORMAT, FORMAT_VERSION, FileEntry, Manifest, SelfTest, TrainingData
from frostline.artifact.strict_json import read_object
from frostline.encoder.features import FeatureSpec
from frostline.encoder.files import CONFIG, WEIGHTS
from frostline.encoder.reading import EncoderIdentity
from frostline.errors import ArtifactCorrupt, UsageError, shown
from frostline.head.linear import Label, Link

ENCODER_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
"""A short name or a hub id; never a path, so that a stranger's manifest cannot name a folder of this machine."""

_REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")
_WORD = re.compile(r"[a-z0-9_]{1,32}")
_VERSION = re.compile(r"[0-9A-Za-z.+!-]{1,64}")
_FORMAT_1 = {"kind": "one label", "calibration": None, "rule": None}
"""What format 1 did not say, because there was nothing else."""

_SINCE_2 = set(_FORMAT_1)
_TAIL = re.compile(rb'  "sha256": "([0-9a-f]{64})"\n}\n')
_TAIL_LENGTH = len('  "sha256": ""\n}\n') + 64


def read_manifest(content: bytes, where: str = MANIFEST, *, limits: Limits = DEFAULT_LIMITS) -> Manifest:
    """The manifest that `content` spells.

    Raises
    ------
    ArtifactCorrupt
        Not one of ours, of a newer format, damaged, or any member not as docs/formats/artifact.md has it.
    """
    document = read_object(content, where, depth=limits.json_depth)
    if document.get("format") != FORMAT:
        raise ArtifactCorrupt(
            f'{where} must say "format": "{FORMAT}" (got {shown(document.get("format"))}): this is no artifact.',
            hint="Artifacts are made by: frostline train FILE --out FOLDER",
        )
    version = integer(document.get("format_version"), f"{where}: format_version", low=1)
    if version > FORMAT_VERSION:
        raise ArtifactCorrupt(
            f"{where}: made by a newer Frostline (format {version}; this one reads up to {FORMAT_VERSION}).",
            hint="Upgrade Frostline, or train again with this one.",
        )
    _check_digest(content, where)
    left_out = _SINCE_2 if version == 1 else set()
    names = [name for name in Manifest.__dataclass_fields__ if name not in left_out]
    found = members(document, where, names=("format", "format_version", *names, "sha256"))
    return _manifest(_FORMAT_1 | found, f"{where}: ", limits)


def digest_line(content: bytes) -> str:
    """The digest that stands in the last line of a checked manifest.json."""
    return content[-_TAIL_LENGTH:].split(b'"')[3].decode("ascii")


def _check_digest(content: bytes, where: str) -> None:
    """The last line holds the digest of every byte before it, so no flipped bit goes unseen."""
    tail = _TAIL.fullmatch(content[-_TAIL_LENGTH:])
    if tail is None:
        raise ArtifactCorrupt(f"{where} must end with the line of its sha256: it is damaged or was edited.")
    found = hashlib.sha256(content[:-_TAIL_LENGTH]).hexdigest()
    if found != tail[1].decode("ascii"):
        raise ArtifactCorrupt(
            f"{where}: sha256 must be {tail[1].decode('ascii')} (got {found}): it is damaged or was edited."
        )


def _bound(files: dict[str, FileEntry], encoder: EncoderIdentity, at: str) -> None:
    """Files of the encoder must be those of the identity; nothing of it is read yet."""
    for name, sha256 in ((WEIGHTS, encoder.weights_sha256), (CONFIG, encoder.config_sha256)):
        entry = files.get(f"{ENCODER_FOLDER}/{name}")
        inside = any(found.startswith(f"{ENCODER_FOLDER}/") for found in files)
        if inside and (entry is None or entry.sha256 != sha256):
            raise ArtifactCorrupt(f"{at}files[{ENCODER_FOLDER}/{name}] must have the digest that encoder names.")


def _manifest(document: dict[str, Any], at: str, limits: Limits) -> Manifest:
    kind = read_kind(document["kind"], f"{at}kind")
    link = LINKS[kind]
    labels = _labels(document["labels"], f"{at}labels", low=2 if link == "softmax" else 1)
    encoder = _encoder(document["encoder"], f"{at}encoder")
    files = _files(document["files"], f"{at}files", limits, version=document["format_version"])
    _bound(files, encoder, at)
    return Manifest(
        frostline_version=text(document["frostline_version"], f"{at}frostline_version", pattern=_VERSION),
        labels=labels,
        kind=kind,
        calibration=read_calibration(document["calibration"], f"{at}calibration", n_labels=len(labels), link=link),
        rule=read_rule(document["rule"], f"{at}rule", n_labels=len(labels), link=link),
        features=_features(document["features"], f"{at}features"),
        n_features=integer(document["n_features"], f"{at}n_features", low=1, high=MAX_FEATURES),
        encoder=encoder,
        data=_data(document["data"], f"{at}data"),
        choice=json_object(document["choice"], f"{at}choice"),
        metrics=json_object(document["metrics"], f"{at}metrics"),
        self_test=_self_test(
            document["self_test"],
            f"{at}self_test",
            n_labels=len(labels),
            link=link,
            version=document["format_version"],
            loosest=MAX_TOLERANCE.get(encoder.precision, 0.0),
        ),
        files=files,
    )


def _labels(value: Any, at: str, *, low: int) -> tuple[Label, ...]:
    found = array(value, at, low=low, high=MAX_LABELS)
    kind = type(found[0])
    for place, label in enumerate(found):
        if type(label) is not kind:
            raise ArtifactCorrupt(f"{at} must be of one type (got {kind.__name__} and {type(label).__name__}).")
        if kind is int:
            integer(label, f"{at}[{place}]", low=-(2**63))
        elif kind is not bool:
            text(label, f"{at}[{place}]", limit=100_000)
    if len(set(found)) != len(found):
        twice = Counter(found).most_common(1)[0][0]
        raise ArtifactCorrupt(f"{at} must be distinct (got {shown(twice)} more than once).")
    return tuple(found)


def _features(value: Any, at: str) -> str:
    try:
        FeatureSpec.parse(text(value, at, limit=10_000))
    except UsageError as error:
        raise ArtifactCorrupt(f"{at}: {error.message}") from error
    return str(value)


def _encoder(value: Any, at: str) -> EncoderIdentity:
    found = members(value, at, names=tuple(EncoderIdentity.__dataclass_fields__))
    revision = found["revision"]
    return EncoderIdentity(
        name=text(found["name"], f"{at}.name", pattern=ENCODER_NAME),
        revision=None if revision is None else text(revision, f"{at}.revision", pattern=_REVISION),
        family=text(found["family"], f"{at}.family", pattern=_WORD),
        weights_sha256=text(found["weights_sha256"], f"{at}.weights_sha256", pattern=SHA256),
        tokenizer_sha256=text(found["tokenizer_sha256"], f"{at}.tokenizer_sha256", pattern=SHA256),
        config_sha256=text(found["config_sha256"], f"{at}.config_sha256", pattern=SHA256),
        max_length=integer(found["max_length"], f"{at}.max_length", low=2, high=1_000_000),
        precision=text(found["precision"], f"{at}.precision", pattern=_WORD),
        graph_version=integer(found["graph_version"], f"{at}.graph_version", high=1_000_000),
    )


def _data(value: Any, at: str) -> TrainingData | None:
    if value is None:
        return None
    found = members(value, at, names=tuple(TrainingData.__dataclass_fields__))
    return TrainingData(
        name=text(found["name"], f"{at}.name"),
        sha256=text(found["sha256"], f"{at}.sha256", pattern=SHA256),
        size_bytes=integer(found["size_bytes"], f"{at}.size_bytes"),
        rows=integer(found["rows"], f"{at}.rows", low=1),
    )


def _self_test(  # noqa: PLR0913 - all that its shape depends on
    value: Any, at: str, *, n_labels: int, link: Link, version: int, loosest: float
) -> SelfTest:
    left_out = {"decisions", "answers"} if version == 1 else set()
    found = members(value, at, names=tuple(name for name in SelfTest.__dataclass_fields__ if name not in left_out))
    texts = array(found["texts"], f"{at}.texts", low=N_SELF_TEST, high=N_SELF_TEST)
    n_rows = coef_shape(n_labels, 1, link)[0]
    probabilities = _numbers(found["probabilities"], f"{at}.probabilities", n_labels, low=0, high=1)
    for place, row in enumerate(probabilities):
        if link == "softmax":
            number(sum(row), f"{at}.probabilities[{place}], their sum,", low=1 - 1e-6, high=1 + 1e-6)
    limits = {"low": -MAX_DECISION, "high": MAX_DECISION}
    return SelfTest(
        texts=tuple(text(item, f"{at}.texts[{place}]", limit=2000) for place, item in enumerate(texts)),
        decisions=() if version == 1 else _numbers(found["decisions"], f"{at}.decisions", n_rows, **limits),
        probabilities=probabilities,
        answers=()
        if version == 1
        else read_answers(found["answers"], f"{at}.answers", n=N_SELF_TEST, n_labels=n_labels, link=link),
        tolerance=number(found["tolerance"], f"{at}.tolerance", low=0, high=loosest),
    )


def _numbers(value: Any, at: str, n_columns: int, *, low: float, high: float) -> tuple[tuple[float, ...], ...]:
    """One row of numbers for each sentence of the self-test."""
    rows = array(value, at, low=N_SELF_TEST, high=N_SELF_TEST)
    return tuple(
        tuple(
            number(item, f"{at}[{place}]", low=low, high=high)
            for item in array(row, f"{at}[{place}]", low=n_columns, high=n_columns)
        )
        for place, row in enumerate(rows)
    )


def _files(value: Any, at: str, limits: Limits, *, version: int) -> dict[str, FileEntry]:
    found = json_object(value, at)
    known = {*KNOWN_FILES} - {*(SINCE_2 if version == 1 else ())}
    strange = next((name for name in found if name not in known), None)
    if strange is not None:
        raise ArtifactCorrupt(f"{at} must name only files an artifact can hold (got {shown(strange)}).")
    if HEAD not in found:
        raise ArtifactCorrupt(f"{at} must name {HEAD}.")
    entries = {}
    for name, entry in found.items():
        checked = members(entry, f"{at}[{name}]", names=tuple(FileEntry.__dataclass_fields__))
        entries[name] = FileEntry(
            sha256=text(checked["sha256"], f"{at}[{name}].sha256", pattern=SHA256),
            size_bytes=integer(checked["size_bytes"], f"{at}[{name}].size_bytes", high=limits.of(name)),
        )
    return entries
