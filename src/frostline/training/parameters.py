"""An estimator's parameters as an artifact keeps them: `choice.parameters` of its manifest."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from frostline.artifact.manifest import Manifest
from frostline.errors import ArtifactCorrupt, UsageError
from frostline.finetune.options import FineTune
from frostline.head.cascading import CascadeOptions

ELSEWHERE = {"encoder", "store", "backend", "device", "verbose"}
"""Parameters that an artifact doesn't keep: the encoder is named there; folders and devices are of one machine."""


def kept_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept in an artifact, as JSON values; weights of classes as pairs, since their labels may be numbers."""
    kept: dict[str, Any] = {}
    for name, value in parameters.items():
        plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        if isinstance(plain, CascadeOptions):
            plain = {"cascade": asdict(plain)}
        elif isinstance(plain, FineTune):
            plain = {"fine_tune": asdict(replace(plain, folder=None))}
        elif isinstance(plain, dict):
            plain = {"pairs": [[_plain(key), _plain(weight)] for key, weight in plain.items()]}
        elif isinstance(plain, list | tuple):
            plain = [_plain(item) for item in plain]
        if name not in ELSEWHERE and isinstance(plain, str | int | float | bool | list | dict | None):
            kept[name] = plain
    return kept


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def named_encoder(manifest: Manifest) -> str | None:
    """The encoder that was asked for where words alone were learned, for which none is opened."""
    kept = manifest.choice.get("parameters")
    named = kept.get("encoder") if isinstance(kept, dict) else None
    return named if isinstance(named, str) else None


def read_parameters(manifest: Manifest, names: AbstractSet[str]) -> dict[str, Any]:
    """Parameters that an estimator saved; of what `frostline train` saved, those of its search."""
    choice = manifest.choice
    kept = choice.get("parameters")
    if not isinstance(kept, dict):
        kept = {name: choice[name] for name in ("scoring", "n_folds", "standardise", "class_weight") if name in choice}
        kept["one_standard_error"] = choice.get("rule") == "one standard error"
        kept |= {"random_state": manifest.metrics["seed"]} if "seed" in manifest.metrics else {}
    read: dict[str, Any] = {}
    for name in names & set(kept):
        value = kept[name]
        if isinstance(value, dict) and name == "finetune":
            try:
                value = FineTune(**value["fine_tune"])
            except (LookupError, TypeError, UsageError) as error:
                raise ArtifactCorrupt("choice.parameters.finetune must hold the options of a FineTune.") from error
        elif isinstance(value, dict) and name == "cascade":
            try:
                value = CascadeOptions(**value["cascade"])
            except (LookupError, TypeError, UsageError) as error:
                raise ArtifactCorrupt("choice.parameters.cascade must hold what a cascade may change.") from error
        elif isinstance(value, dict):
            try:
                value = {label: float(weight) for label, weight in value["pairs"]}
            except (LookupError, TypeError, ValueError) as error:
                raise ArtifactCorrupt(f"choice.parameters.{name} must hold pairs of a label and a weight.") from error
        read[name] = value
    if read.get("scoring") == "accuracy" and manifest.kind == "several labels":
        read["scoring"] = None  # as 0.1.0 meant it
    return read
