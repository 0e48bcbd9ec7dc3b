"""Small cascades, and texts of which most are told by a word."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from encoder_fakes import make_checkpoint
from frostline.artifact.model import Model, open_model
from frostline.classifier import SentenceClassifier
from frostline.head.options import CascadeOptions
from frostline.legible import LegibilityWarning


def told_texts(n_texts: int, seed: int) -> tuple[list[str], list[str]]:
    """Most are told by one word, the others by a rarer one."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for place in range(n_texts):
        label = int(rng.integers(2))
        word = ("bad", "good")[label]
        if rng.random() >= 0.8:
            word = ("grim", "bright", "gloomy", "sunny")[label + 2 * int(rng.integers(2))]
        texts.append(f"a {word} film {place % 30} of {place + 1000 * seed}")
        labels.append(("bad", "good")[label])
    return texts, labels


def saved_early(folder: Path, kind: str) -> Model:
    """A cascade: its full head by `kind` as features; "sets" of labels; "unsure", where it may give no answer."""
    texts, labels = told_texts(150, 0)
    given: list[Any] = labels
    if kind == "sets":
        given = [[label, *(["odd"] if " 1" in text else [])] for text, label in zip(texts, labels, strict=True)]
    classifier = SentenceClassifier(
        encoder=str(make_checkpoint(folder / "encoder")),
        features={"sets": "mean@all+words", "unsure": "mean@-1"}.get(kind, kind),
        cascade=CascadeOptions(upper=0.2 if kind == "sets" else 0.05, changed=0.005),
        abstain_precision=0.9 if kind == "unsure" else None,
        Cs=[1e-3, 1e-1],
        n_folds=3,
        store=False,
    )
    with warnings.catch_warnings(action="ignore", category=LegibilityWarning):  # its encoder knows half the letters
        classifier.fit(texts, given).save(folder / "model")
    return open_model(folder / "model")
