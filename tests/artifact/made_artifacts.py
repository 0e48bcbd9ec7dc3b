"""A small head and its artifact, for the tests of this folder."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fakes import FakeEncoder
from frostline.artifact import Artifact, ArtifactRecord, TrainingData, save_artifact
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.words import Vocabulary, WordedEncoder
from frostline.head.linear import LinearHead
from frostline.targets import Label

TEXTS = ["a visually stunning rumination on love", "it broke at once", "the train leaves at nine"]
RECORD = ArtifactRecord(
    data=TrainingData(name="reviews.tsv", sha256="a" * 64, size_bytes=1234, rows=99),
    choice={"C": 0.5, "grid": [0.1, 0.5], "scores": [[0.7, 0.8], [0.9, 0.8]]},
    metrics={"test": {"accuracy": {"value": 0.84, "interval": [0.8, 0.88], "n": 200}}},
    card="---\nlibrary_name: frostline\n---\n# A card, with é\n",
    report="<!doctype html><title>Report</title>\n",
)


def some_head(labels: tuple[Label, ...] = ("no", "yes", "größer"), n_features: int = 48, seed: int = 0) -> LinearHead:
    random = np.random.default_rng(seed)
    rows = 1 if len(labels) == 2 else len(labels)
    return LinearHead(
        labels=labels, coef=random.normal(size=(rows, n_features)) / 10, intercept=random.normal(size=rows)
    )


def saved(
    folder: Path,
    *,
    name: str = "model",
    record: ArtifactRecord = RECORD,
    head: LinearHead | None = None,
    vocabulary: Vocabulary | None = None,
) -> Path:
    path, head, encoder = folder / name, head or some_head(), FakeEncoder()
    if vocabulary is None:
        save_artifact(path, head=head, encoder=encoder, record=record)
    else:
        worded = WordedEncoder(encoder, vocabulary)
        save_artifact(path, head=widened(head, len(vocabulary.terms)), encoder=worded, record=record)
    return path


def widened(head: LinearHead, n_terms: int) -> LinearHead:
    """The head with a column for each of so many terms."""
    more = np.random.default_rng(1).normal(size=(len(head.coef), n_terms)) / 10
    return replace(head, coef=np.hstack([head.coef, more]))


def open_fake(
    name: str, *, features: str, revision: str | None, max_length: int, threads: int | None
) -> SentenceEncoder:
    """The seam's test end: fake encoders by name."""
    return FakeEncoder(features=features, weights=name, max_length=max_length)


def resealed(body: dict[str, Any]) -> bytes:
    """A manifest of a forger's making: any members, the right digest in the last line."""
    lines = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in body.items() if key != "sha256")
    return sealed_text("{\n" + lines)


def sealed_text(text: str) -> bytes:
    body = text.encode("utf-8", "surrogatepass")
    return body + f'  "sha256": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()


def forge(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest as an attacker would, digest included."""
    document = json.loads((path / "manifest.json").read_bytes())
    change(document)
    (path / "manifest.json").write_bytes(resealed(document))


def forge_file(path: Path, name: str, content: bytes) -> None:
    """Exchange a file and the manifest's entry for it."""
    (path / name).write_bytes(content)

    def change(document: dict[str, Any]) -> None:
        document["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}

    forge(path, change)


__all__ = [
    "RECORD",
    "TEXTS",
    "Artifact",
    "forge",
    "forge_file",
    "open_fake",
    "resealed",
    "saved",
    "sealed_text",
    "some_head",
    "widened",
]
