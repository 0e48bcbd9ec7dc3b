"""A head, and who read for it → an artifact folder, whole or not at all; it is read back before it gets its name."""

import hashlib
import json
import re
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

import frostline
from frostline.arrays import IntArray
from frostline.artifact.files import (
    MOST_LEARNED,
    Neighbours,
    head_bytes,
    learned_bytes,
    neighbours_bytes,
    refuse_place,
    words_bytes,
)
from frostline.artifact.load import Artifact, check_encoder_files, load_artifact, load_neighbours
from frostline.artifact.manifest import (
    CARD,
    DEFAULT_LIMITS,
    ENCODER_FILES,
    ENCODER_NAME,
    HEAD,
    KINDS,
    LEARNED,
    LIKENESS,
    MANIFEST,
    NEIGHBOURS,
    RECORD,
    REPORT,
    TABLES,
    WORDS,
    FileEntry,
    Manifest,
    TrainingData,
    coef_shape,
    manifest_bytes,
    read_calibration,
    read_manifest,
    read_rule,
)
from frostline.artifact.self_test import run_self_test
from frostline.artifact.tables import MANY_LABELS, likeness_bytes, tables_bytes, without_tables
from frostline.disk import publish_folder, sha256_of
from frostline.encoder.checkpoint import find_checkpoint, known_encoder
from frostline.encoder.files import CHECKPOINT_FILES, CONFIG, ENCODER_FOLDER, WEIGHTS, lies_within
from frostline.encoder.reading import EncoderIdentity, SentenceEncoder
from frostline.encoder.words import WORDS_ALONE, vocabulary_of
from frostline.errors import ArtifactCorrupt, InputError, StorageError, UsageError
from frostline.head.likeness import Likeness
from frostline.head.linear import LinearHead

if TYPE_CHECKING:
    from frostline.head.cascade import Cascade
    from frostline.targets import Label


_ODD = re.compile(r"[^A-Za-z0-9._-]+")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRecord:
    """What an artifact remembers of its making."""

    data: TrainingData | None = None
    choice: Mapping[str, Any] = field(default_factory=dict)  # How C was chosen: a JSON document
    metrics: Mapping[str, Any] = field(default_factory=dict)  # What was measured, with intervals: a JSON document
    card: str | None = None  # README.md, the model card
    report: str | None = None  # report.html
    # neighbours.safetensors: the training sentences themselves, which an artifact otherwise has nothing of.
    neighbours: Neighbours | None = None
    # learned.safetensors: digests of those sentences, so that a test knows which of its texts are new
    learned: IntArray | None = None
    whole: str | None = None  # record.json: what `metrics` has no room for, where there are many labels
    likeness: Likeness | None = None  # likeness.safetensors: how far those sentences spread, without any of them
    # cascade.json, cascade.safetensors: a cheap head before `head`, its words those of `head` where that has words
    cascade: "Cascade | None" = None


_NO_RECORD = ArtifactRecord()


def save_artifact(  # noqa: PLR0913 - six things that have nothing in common, each by its name
    path: Path,
    *,
    head: LinearHead,
    encoder: SentenceEncoder,
    record: ArtifactRecord = _NO_RECORD,
    overwrite: bool = False,
    with_encoder: bool | Path = False,
) -> Artifact:
    """Save `head` as an artifact at `path`.

    Parameters
    ----------
    path : Path
        The folder to make; its parent must exist.
    encoder : SentenceEncoder
        That read for the head; a `WordedEncoder` where words are among the features, whose vocabulary becomes
        words.json. It reads the eight sentences of the self-test.
    overwrite : bool, default=False
        Replace the artifact that is there (and nothing else: a folder with other files in it is left alone). Until
        the new one is complete the old one stays, also through kill -9.
    with_encoder : bool or Path, default=False
        Add the encoder's files: found by the encoder's name, or taken from this folder. An encoder that came from a
        folder is always added, since no name would lead another machine, or a later day, to it.

    Returns
    -------
    Artifact
        As `load_artifact` gives it, read from the disk.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or is not an artifact; its parent is missing.
    InputError
        The head is not finite, its shapes or labels do not fit, it is over a limit; a document is not JSON.
    UsageError
        `with_encoder` names another encoder.
    StorageError, AccessError
        Disk full, I/O error, no permission.
    """
    refuse_place(path, overwrite=overwrite)
    checked = _checked_head(head, encoder)
    source = _encoder_source(encoder.identity, with_encoder)
    contents = _contents(checked, encoder, record)
    manifest = Manifest(
        frostline_version=frostline.__version__,
        labels=checked.labels,
        kind=KINDS[checked.link],
        calibration=checked.calibration,
        rule=checked.rule,
        features=str(encoder.spec),
        n_features=len(encoder.blocks) * encoder.hidden_size,
        encoder=replace(encoder.identity, name=portable_name(encoder.identity.name)),
        data=record.data,
        choice=record.choice,
        metrics=record.metrics,
        self_test=run_self_test(checked, encoder),
        files={},
    )
    if len(checked.labels) > MANY_LABELS:
        contents[TABLES] = tables_bytes(manifest)
        manifest = without_tables(manifest)
    files = {
        name: FileEntry(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
        for name, content in contents.items()
    }
    files |= {} if source is None else _encoder_entries(source, encoder.identity)
    manifest = replace(manifest, files=files)
    contents[MANIFEST] = _checked_bytes(manifest)
    final_path = path.resolve()
    with publish_folder(final_path, overwrite=overwrite) as temporary:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)
        if source is not None:
            _copy_encoder(source, temporary, manifest)
        saved = _read_back(temporary)
    return replace(saved, path=path)


def _contents(head: LinearHead, encoder: SentenceEncoder, record: ArtifactRecord) -> dict[str, bytes]:
    """Every file but the manifest and the encoder's, by its name."""
    contents = {HEAD: head_bytes(head)}
    if record.card is not None:
        contents[CARD] = record.card.encode("utf-8")
    if record.report is not None:
        contents[REPORT] = record.report.encode("utf-8")
    if record.whole is not None:
        contents[RECORD] = record.whole.encode("utf-8")
    vocabulary = vocabulary_of(encoder)
    if record.cascade is not None:
        from frostline.artifact.cascade import cascade_files  # noqa: PLC0415 - most have none

        own = vocabulary_of(record.cascade.reader)
        if None not in {own, vocabulary} and own is not vocabulary:
            raise InputError("The words of a cascade must be those of the head.")
        vocabulary = vocabulary or own
        contents |= cascade_files(record.cascade)
    if vocabulary is not None:
        contents[WORDS] = words_bytes(vocabulary)
    if record.neighbours is not None:
        contents[NEIGHBOURS] = neighbours_bytes(record.neighbours)
    if record.learned is not None and 0 < len(record.learned) <= MOST_LEARNED:
        contents[LEARNED] = learned_bytes(record.learned)
    if record.likeness is not None:
        contents[LIKENESS] = likeness_bytes(record.likeness)
    return contents


def _read_back(folder: Path) -> Artifact:
    """What a reader will get; a disk that lost a byte is found out before the name is given."""
    try:
        saved = load_artifact(folder)
        check_encoder_files(saved)
        load_neighbours(saved)
    except ArtifactCorrupt as error:
        raise StorageError(
            f"What was written could not be read back: {error.message}", hint="Check the disk."
        ) from error
    return saved


def _checked_head(head: LinearHead, encoder: SentenceEncoder) -> LinearHead:
    labels: tuple[Label, ...] = tuple(label.item() if isinstance(label, np.generic) else label for label in head.labels)
    vocabulary = vocabulary_of(encoder)
    n_words = 0 if vocabulary is None else len(vocabulary.terms)
    if encoder.spec.words and vocabulary is None:
        raise InputError(f"Features {encoder.spec} must come with the vocabulary of the training texts (got none).")
    rows, columns = coef_shape(len(labels), len(encoder.blocks) * encoder.hidden_size + n_words, head.link)
    if head.coef.shape != (rows, columns) or head.intercept.shape != (rows,):
        raise InputError(
            f"The head must have coef {(rows, columns)} and intercept {(rows,)} for {len(labels)} labels and this "
            f"encoder (got {head.coef.shape} and {head.intercept.shape})."
        )
    if not (np.isfinite(head.coef).all() and np.isfinite(head.intercept).all()):
        raise InputError("The head must hold finite numbers (got NaN or infinity).")
    limit = DEFAULT_LIMITS.head_bytes - DEFAULT_LIMITS.header_bytes
    if 8 * rows * (columns + 1) > limit:
        raise InputError(
            f"The head ({rows:,} by {columns:,} numbers) must fit into {limit:,} bytes (it takes "
            f"{8 * rows * (columns + 1):,}).",
            hint="Use fewer features, for example --features mean@-1, and no +words.",
        )
    _check_answering(head, n_labels=len(labels))
    return replace(head, labels=labels)


def _check_answering(head: LinearHead, *, n_labels: int) -> None:
    """Calibration and rule, seen with the eyes of whoever will load them, before anything is computed with them."""
    try:
        readers = (
            (partial(read_calibration, n_labels=n_labels, link=head.link), head.calibration),
            (partial(read_rule, n_labels=n_labels), head.rule),
        )
        for read, value in readers:
            if value is not None:
                written = json.loads(json.dumps(asdict(value), allow_nan=False))
                read(written, f"The head's {type(value).__name__.lower()}")
    except ArtifactCorrupt as error:
        raise InputError(error.message) from error
    except (TypeError, ValueError) as error:
        raise InputError(f"The head's calibration and rule must hold finite numbers ({error}).") from error


def _checked_bytes(manifest: Manifest) -> bytes:
    """manifest.json, seen with the eyes of whoever will load it."""
    try:
        content = manifest_bytes(manifest)
        if len(content) > DEFAULT_LIMITS.manifest_bytes:
            sizes = {name: len(str(value)) for name, value in asdict(manifest).items()}
            largest = max(sizes, key=sizes.__getitem__)
            raise InputError(
                f"The manifest must have at most {DEFAULT_LIMITS.manifest_bytes:,} bytes (got {len(content):,}, "
                f"most of it in {largest})."
            )
        read_manifest(content, "The manifest")
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError) and not isinstance(error, ArtifactCorrupt):
            raise
        reason = error.message if isinstance(error, ArtifactCorrupt) else str(error)
        raise InputError(f"What is to be saved must fit the artifact's format: {reason}") from error
    return content


def portable_name(name: str) -> str:
    """A short name or hub id as it is; of a folder, the last part, in letters that a manifest takes."""
    if known_encoder(name) is None and (ENCODER_NAME.fullmatch(name) is None or Path(name).is_dir()):
        return _ODD.sub("-", Path(name).expanduser().absolute().name).strip("-._")[:90].replace("..", ".") or "encoder"
    return name


def _encoder_source(identity: EncoderIdentity, with_encoder: bool | Path) -> Path | None:  # noqa: FBT001 - a union
    """The folder from which the encoder's files are copied, if they are."""
    if identity == WORDS_ALONE:
        return None
    if isinstance(with_encoder, Path):
        return with_encoder
    known = known_encoder(identity.name)
    if with_encoder or (known is not None and known.made_from is not None):  # another machine would make other bytes
        return find_checkpoint(identity.name, revision=identity.revision, offline=True).folder
    folder = Path(identity.name).expanduser()
    if known is not None or not folder.is_dir():
        return None
    return folder if (folder / WEIGHTS).is_file() else find_checkpoint(identity.name, offline=True).folder


def _encoder_entries(source: Path, identity: EncoderIdentity) -> dict[str, FileEntry]:
    """Digests of the files to copy, which must be the encoder that read."""
    entries = {}
    for name in ENCODER_FILES:
        if _is_of(source, name) and not (name == "vocab.txt" and "tokenizer.json" in entries):
            entries[name] = FileEntry(sha256=sha256_of(source / name), size_bytes=(source / name).stat().st_size)
    for name, sha256 in ((WEIGHTS, identity.weights_sha256), (CONFIG, identity.config_sha256)):
        if name not in entries or entries[name].sha256 != sha256:
            raise UsageError(
                f"{source / name} must be that of the encoder that read (sha256 {sha256}).",
                hint="Name the folder of the very encoder that the model was trained with.",
            )
    return {f"{ENCODER_FOLDER}/{name}": entry for name, entry in entries.items()}


def _is_of(source: Path, name: str) -> bool:
    """Whether the encoder's folder has the file, and no link to one elsewhere whose content nobody has digested yet."""
    if not (source / name).is_file() or name in CHECKPOINT_FILES or lies_within(source, name):
        return (source / name).is_file()
    warnings.warn(f"{source / name} was left out of the artifact: it is a link out of its folder.", stacklevel=2)
    return False


def _copy_encoder(source: Path, temporary: Path, manifest: Manifest) -> None:
    (temporary / ENCODER_FOLDER).mkdir()
    for name in manifest.files:
        if name.startswith(f"{ENCODER_FOLDER}/"):
            shutil.copyfile(source / name.removeprefix(f"{ENCODER_FOLDER}/"), temporary / name)
