"""Small classifiers that count words, and texts in which words are hard to find."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from encoder_fakes import make_checkpoint
from frostline.artifact.model import Model, open_model
from frostline.classifier import SentenceClassifier
from frostline.legible import LegibilityWarning
from hostile import hostile_texts

SAID, THINGS = ("good", "BAD", "ΤΕΛΟΣ 映画"), ("film", "Σ_1", "ที่ดี")
WORDY = [f"{said} {thing} {letter}" for said in SAID for thing in THINGS for letter in "abc"]


def saved_wordy(folder: Path, features: str, labels: list[Any], *, C: float | None = None) -> Model:
    """A classifier of WORDY, of which its encoder knows half the letters."""
    classifier = SentenceClassifier(encoder=str(make_checkpoint(folder / "encoder")), features=features, C=C)
    with warnings.catch_warnings(action="ignore", category=LegibilityWarning):
        classifier.fit(WORDY, labels).save(folder / "model")
    return open_model(folder / "model")


def wordy_texts(n_texts: int = 500) -> list[str]:
    """Hostile ones, and as many of known words between hostile characters."""
    rng = np.random.default_rng(1)
    hostile = hostile_texts(n_texts // 2)
    words = " ".join(WORDY).split()
    mixed = [
        "".join(f"{words[rng.integers(len(words))]}{between}" for between in text[:6]) + words[place % len(words)]
        for place, text in enumerate(hostile)
    ]
    return [*hostile, *mixed]
