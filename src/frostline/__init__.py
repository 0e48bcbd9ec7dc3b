"""Frozen encoders, linear heads: a text classifier you can trust, in seconds, on the machine you have.

    from frostline import SentenceClassifier

    clf = SentenceClassifier(encoder="minilm").fit(texts, labels)
    clf.predict(["a visually stunning rumination on love"])

The names in `__all__` are public; each is imported when it is first used, so that `import frostline` stays fast.
"""

from frostline.version import __version__

TYPE_CHECKING = False  # as typing's, which would be loaded before the command can answer a signal

if TYPE_CHECKING:
    from frostline.artifact import load_artifact, load_neighbours
    from frostline.artifact.model import open_model
    from frostline.classifier import SentenceClassifier
    from frostline.data.copies import together_of
    from frostline.encoder.encoder import Encoder
    from frostline.encoder.features import FeatureSpec
    from frostline.errors import FrostlineError
    from frostline.explanation import explain
    from frostline.finetune.options import FineTune
    from frostline.head.options import CascadeOptions
    from frostline.store import FeatureStore, StoredEncoder
    from frostline.training import TrainingOptions, train

__all__ = [
    "CascadeOptions",
    "Encoder",
    "FeatureSpec",
    "FeatureStore",
    "FineTune",
    "FrostlineError",
    "SentenceClassifier",
    "StoredEncoder",
    "TrainingOptions",
    "__version__",
    "explain",
    "load_artifact",
    "load_neighbours",
    "open_model",
    "together_of",
    "train",
]

_HOMES = {
    "CascadeOptions": "frostline.head.options",
    "Encoder": "frostline.encoder.encoder",
    "FeatureSpec": "frostline.encoder.features",
    "FeatureStore": "frostline.store",
    "FineTune": "frostline.finetune.options",
    "FrostlineError": "frostline.errors",
    "SentenceClassifier": "frostline.classifier",
    "StoredEncoder": "frostline.store",
    "TrainingOptions": "frostline.training",
    "explain": "frostline.explanation",
    "load_artifact": "frostline.artifact",
    "load_neighbours": "frostline.artifact",
    "open_model": "frostline.artifact.model",
    "together_of": "frostline.data.copies",
    "train": "frostline.training",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'frostline' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only when a name is asked for: start-up time

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
