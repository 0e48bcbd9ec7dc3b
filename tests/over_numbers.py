"""scikit-learn's estimator checks speak in matrices of numbers: each row is spelled as a text, for a fake encoder.

So the checks reach `SentenceClassifier`'s own code: its constructor, fit, predict, labels, attributes, errors.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from frostline.arrays import Progress
from frostline.classifier import SentenceClassifier
from frostline.encoder.features import Block, FeatureSpec
from frostline.encoder.reading import EncoderIdentity, Reading, check_texts
from frostline.targets import Targets


class NumberEncoder:
    """Reads the numbers that a text spells."""

    spec = FeatureSpec.parse("cls@0")
    blocks = (Block(0, "cls"),)
    hidden_size = 0
    identity = EncoderIdentity(
        name="numbers",
        revision=None,
        family="bert",
        weights_sha256="0" * 64,
        tokenizer_sha256="0" * 64,
        config_sha256="0" * 64,
        max_length=512,
        precision="float32",
        graph_version=1,
    )

    def __deepcopy__(self, memo: object) -> "NumberEncoder":
        return self

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        del progress
        rows = np.array([[float(word) for word in text.split()] for text in check_texts(texts)], np.float32)
        return Reading(
            rows=rows,
            pieces=np.ones(len(rows), np.int32),
            cut=np.zeros(len(rows), bool),
            n_read=len(rows),
        )


def spelled(X: Any) -> Any:
    """A matrix as texts; anything else as it is, for the classifier to refuse."""
    found = np.asarray(X)
    if found.ndim != 2 or found.dtype.kind not in "fiub":
        return X
    return [" ".join(repr(float(value)) for value in row) for row in found]


class OverNumbers(SentenceClassifier):
    """`SentenceClassifier` whose texts are spelled rows of a matrix."""

    def __init__(
        self,
        encoder: str = "numbers",
        *,
        C: float | None = None,
        n_folds: int = 5,
        class_weight: Any = None,
        standardise: bool = True,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            encoder, C=C, n_folds=n_folds, class_weight=class_weight, standardise=standardise, random_state=random_state
        )

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        return super().fit(spelled(X), y, sample_weight=sample_weight, groups=groups)

    def predict(self, X: Any) -> Any:
        return super().predict(spelled(X))

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(spelled(X))

    def decision_function(self, X: Any) -> Any:
        return super().decision_function(spelled(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = False
        tags.input_tags.string = False
        return tags

    def _settled_encoder(self, texts: Sequence[str], targets: Targets) -> Any:
        del texts, targets
        return NumberEncoder()
