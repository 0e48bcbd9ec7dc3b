"""cascade.json and cascade.safetensors: a cascade's cheap head, written and read as a stranger's.

File format: docs/formats/artifact.md.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import final

from frostline.artifact.files import OpenFolder, head_bytes, read_file, read_head
from frostline.artifact.manifest import (
    CASCADE,
    CASCADE_HEAD,
    DEFAULT_LIMITS,
    FORMAT_VERSION,
    MAX_FEATURES,
    MAX_TOLERANCE,
    Limits,
    Manifest,
    SelfTest,
    read_calibration,
    read_features,
    read_rule,
    read_self_test,
)
from frostline.artifact.self_test import check_answers, check_self_test, run_self_test
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.words import Vocabulary
from frostline.errors import ArtifactCorrupt, InputError, UsageError
from frostline.head.cascade import Cascade
from frostline.head.linear import LinearHead
from frostline.strict import integer, members, read_object

_NAMES = ("features", "n_features", "calibration", "rule", "self_test")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SavedCascade:
    """A cheap head, without what reads for it."""

    features: str  # What it goes by, computed by the classifier's own encoder; words are those of words.json
    n_features: int  # Columns of these, words not counted
    head: LinearHead
    self_test: SelfTest

    @property
    def has_words(self) -> bool:
        """Whether words are among its features."""
        return FeatureSpec.parse(self.features).words

    def opened(self, encoder: SentenceEncoder, vocabulary: Vocabulary | None, *, check: bool) -> Cascade:
        """With a reader made of the classifier's encoder; `ArtifactCorrupt` where the two do not belong together."""
        from frostline.encoder.encoder import reader_for  # noqa: PLC0415 - the runtime loads only where texts are read

        try:
            reader = reader_for(encoder, self.features, vocabulary if self.has_words else None)
        except UsageError as error:  # a layer that the encoder does not have, or one that is named twice
            raise ArtifactCorrupt(f"{CASCADE}: features: {error.message}") from error
        if len(reader.blocks) * reader.hidden_size != self.n_features:
            raise ArtifactCorrupt(f"{CASCADE}: n_features must be those of {self.features} of this encoder.")
        if check:
            check_self_test(self.self_test, self.head, reader)
        return Cascade(head=self.head, reader=reader)


def cascade_files(cascade: Cascade) -> dict[str, bytes]:
    """Both files by their names."""
    reader, head = cascade.reader, cascade.head
    document = {
        "features": str(reader.spec),
        "n_features": len(reader.blocks) * reader.hidden_size,
        "calibration": None if head.calibration is None else asdict(head.calibration),
        "rule": None if head.rule is None else asdict(head.rule),
        "self_test": asdict(run_self_test(head, reader)),
    }
    content = (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
    head_content = head_bytes(head)
    for name, own in ((CASCADE, content), (CASCADE_HEAD, head_content)):
        if len(own) > DEFAULT_LIMITS.of(name):
            raise InputError(
                f"{name} must have at most {DEFAULT_LIMITS.of(name):,} bytes (got {len(own):,}).",
                hint="Train without the cascade.",
            )
    return {CASCADE: content, CASCADE_HEAD: head_content}


def read_cascade(
    folder: OpenFolder, manifest: Manifest, vocabulary: Vocabulary | None, *, limits: Limits = DEFAULT_LIMITS
) -> SavedCascade | None:
    """The cheap head in `folder`, checked; None where there is none."""
    listed = {name: manifest.files[name] for name in (CASCADE, CASCADE_HEAD) if name in manifest.files}
    if not listed:
        return None
    if len(listed) == 1 or FeatureSpec.parse(manifest.features).is_words_alone:
        raise ArtifactCorrupt(
            f"{folder.path}: {CASCADE} and {CASCADE_HEAD} must be there together, and not where words alone are read."
        )
    read = {name: read_file(folder, name, entry) for name, entry in listed.items()}
    saved = _read(read, manifest, vocabulary, limits)
    check_answers(saved.self_test, saved.head)
    return saved


def _read(
    content: Mapping[str, bytes], manifest: Manifest, vocabulary: Vocabulary | None, limits: Limits
) -> SavedCascade:
    document = members(read_object(content[CASCADE], CASCADE, depth=limits.json_depth), CASCADE, names=_NAMES)
    labels, link = manifest.labels, manifest.link
    features = read_features(document["features"], f"{CASCADE}: features")
    n_features = integer(document["n_features"], f"{CASCADE}: n_features", low=0, high=MAX_FEATURES)
    n_words = 0
    if FeatureSpec.parse(features).words:
        if vocabulary is None:
            raise ArtifactCorrupt(f"{CASCADE}: features {features} must come with words.json.")
        n_words = len(vocabulary.terms)
    head = read_head(
        content[CASCADE_HEAD],
        labels=labels,
        n_features=n_features + n_words,
        link=link,
        name=CASCADE_HEAD,
        limits=limits,
    )
    at = f"{CASCADE}: "
    return SavedCascade(
        features=features,
        n_features=n_features,
        head=replace(
            head,
            calibration=read_calibration(document["calibration"], f"{at}calibration", n_labels=len(labels), link=link),
            rule=read_rule(document["rule"], f"{at}rule", n_labels=len(labels)),
        ),
        self_test=read_self_test(
            document["self_test"],
            f"{at}self_test",
            n_labels=len(labels),
            link=link,
            version=FORMAT_VERSION,
            loosest=MAX_TOLERANCE.get(manifest.encoder.precision, 0.0),
            has_tables=False,
        ),
    )
