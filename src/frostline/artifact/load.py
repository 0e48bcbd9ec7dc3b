"""A folder → an `Artifact` that was checked, or one error. Opens no encoder, runs nothing."""

import hmac
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, final

from frostline.arrays import IntArray
from frostline.artifact.files import (
    Neighbours,
    OpenFolder,
    check_encoder_listing,
    check_file,
    check_size,
    opened_folder,
    read_file,
    read_head,
    read_learned,
    read_manifest_file,
    read_neighbours,
    read_words,
)
from frostline.artifact.manifest import (
    CASCADE,
    CASCADE_HEAD,
    DEFAULT_LIMITS,
    HEAD,
    LEARNED,
    LIKENESS,
    NEIGHBOURS,
    TABLES,
    WORDS,
    Limits,
    Manifest,
    digest_line,
    read_manifest,
)
from frostline.artifact.self_test import check_answers
from frostline.artifact.tables import read_likeness, with_tables
from frostline.encoder.features import FeatureSpec
from frostline.encoder.files import ENCODER_FOLDER
from frostline.encoder.words import Vocabulary
from frostline.errors import ArtifactCorrupt, shown
from frostline.head.likeness import Likeness
from frostline.head.linear import LinearHead

if TYPE_CHECKING:
    from frostline.artifact.cascade import SavedCascade

_TRIES = 5
_READ = {HEAD, WORDS, LIKENESS, LEARNED, TABLES, CASCADE, CASCADE_HEAD}


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Artifact:
    """A saved classifier, checked, without its encoder."""

    path: Path
    manifest: Manifest
    head: LinearHead
    vocabulary: Vocabulary | None  # Of words as features of the head, or of the cascade's, where the artifact has one
    cascade: "SavedCascade | None"
    # (n_distinct,): Digests of the texts learned from (`data.copies.digests_of`), ascending; None: it keeps none
    learned: IntArray | None
    likeness: Likeness | None  # None: saved before format 3, or the head could not remember any
    # The manifest's digest. It covers the digests of all files, so whoever knows it knows the whole artifact.
    sha256: str

    @property
    def encoder_folder(self) -> Path | None:
        """Where the encoder's files are, if they are in the artifact."""
        return self.path / ENCODER_FOLDER if self.manifest.has_encoder else None


def load_artifact(path: str | Path, *, sha256: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Artifact:
    """The artifact at `path`, checked.

    Every digest is, but those of the encoder's files, which `open_model` checks, and of the neighbours, which
    `load_neighbours` does: of these, only that they are there, and (neighbours) their size.

    Parameters
    ----------
    path : str or Path
    sha256 : str, optional
        The digest that the artifact must have, known from elsewhere: a pin against exchange, not only damage.
    limits : Limits, optional

    Raises
    ------
    MissingInputError
        Nothing is at `path`.
    ArtifactCorrupt
        It is no artifact, of a newer format, damaged, over a limit, not the one pinned, or forged in any way that
        can be seen without its encoder.
    AccessError, StorageError
        A file cannot be read.
    """
    path = Path(path)
    for _ in range(_TRIES - 1):
        with opened_folder(path) as folder:
            try:
                return _load(folder, sha256, limits)
            except ArtifactCorrupt:
                if not folder.is_replaced():
                    raise
    with opened_folder(path) as folder:  # somebody saves faster than we read: the last word is whatever is found now
        return _load(folder, sha256, limits)


def load_neighbours(artifact: str | Path | Artifact, *, limits: Limits = DEFAULT_LIMITS) -> Neighbours | None:
    """The training sentences that were kept in `artifact`, if they were.

    Raises
    ------
    ArtifactCorrupt
        The file differs from the manifest, or does not fit the head; a path as `load_artifact`.
    """
    artifact = artifact if isinstance(artifact, Artifact) else load_artifact(artifact, limits=limits)
    entry = artifact.manifest.files.get(NEIGHBOURS)
    if entry is None:
        return None
    with opened_folder(artifact.path) as folder:
        content = read_file(folder, NEIGHBOURS, entry)
    return read_neighbours(
        content,
        n_labels=len(artifact.manifest.labels),
        n_features=artifact.manifest.n_features,
        link=artifact.manifest.link,
        limits=limits,
    )


def check_encoder_files(artifact: Artifact) -> None:
    """Read the encoder's files in `artifact` once, and compare their digests; nothing where it has none.

    Raises `ArtifactCorrupt`: a file differs from the manifest, is missing, or is not in it.
    """
    with opened_folder(artifact.path) as folder:
        for name, entry in artifact.manifest.files.items():
            if name.startswith(f"{ENCODER_FOLDER}/"):
                check_file(folder, name, entry)


def _load(folder: OpenFolder, pin: str | None, limits: Limits) -> Artifact:
    content = read_manifest_file(folder, limit=limits.manifest_bytes)
    manifest = read_manifest(content, str(folder.path / "manifest.json"), limits=limits)
    digest = digest_line(content)
    if pin is not None and not hmac.compare_digest(pin.lower().encode(), digest.encode()):
        raise ArtifactCorrupt(f"{folder.path} must have the sha256 {pin} (got {digest}): it is another artifact.")
    tables = manifest.files.get(TABLES)
    if tables is not None:
        manifest = with_tables(manifest, read_file(folder, TABLES, tables), limits=limits)
    words, has_words = manifest.files.get(WORDS), FeatureSpec.parse(manifest.features).words
    vocabulary = None if words is None else read_words(read_file(folder, WORDS, words), limits=limits)
    cascade = None
    if CASCADE in manifest.files or CASCADE_HEAD in manifest.files:
        from frostline.artifact.cascade import read_cascade  # noqa: PLC0415 - most have none

        cascade = read_cascade(folder, manifest, vocabulary, limits=limits)
    if (words is not None) != (has_words or (cascade is not None and cascade.has_words)):
        raise ArtifactCorrupt(
            f"{folder.path}: {WORDS} must be there if features end in +words, and only then (features: "
            f"{shown(manifest.features)})."
        )
    head = read_head(
        read_file(folder, HEAD, manifest.files[HEAD]),
        labels=manifest.labels,
        n_features=manifest.n_features + (len(vocabulary.terms) if has_words and vocabulary is not None else 0),
        link=manifest.link,
        limits=limits,
    )
    head = replace(head, calibration=manifest.calibration, rule=manifest.rule)
    check_answers(manifest.self_test, head)
    inside = f"{ENCODER_FOLDER}/"
    for name, entry in manifest.files.items():
        if name == NEIGHBOURS:
            check_size(folder, name, entry)  # may be 500 MB, and whoever only predicts has no use for them
        elif name not in _READ and not name.startswith(inside):
            check_file(folder, name, entry)
    if manifest.has_encoder:
        listed = {name.removeprefix(inside) for name in manifest.files if name.startswith(inside)}
        check_encoder_listing(folder, listed)
    return Artifact(
        path=folder.path,
        manifest=manifest,
        head=head,
        vocabulary=vocabulary,
        cascade=cascade,
        learned=_learned(folder, manifest, limits),
        likeness=_likeness(folder, manifest, limits),
        sha256=digest,
    )


def _learned(folder: OpenFolder, manifest: Manifest, limits: Limits) -> IntArray | None:
    entry = manifest.files.get(LEARNED)
    return None if entry is None else read_learned(read_file(folder, LEARNED, entry), limits=limits)


def _likeness(folder: OpenFolder, manifest: Manifest, limits: Limits) -> Likeness | None:
    entry = manifest.files.get(LIKENESS)
    if entry is None:
        return None
    return read_likeness(read_file(folder, LIKENESS, entry), n_features=manifest.n_features, limits=limits)
