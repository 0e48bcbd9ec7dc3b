"""An estimator's parameters: what each may be, and how an artifact keeps them (`choice.parameters` of its manifest)."""

import math
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, replace
from numbers import Integral, Real
from os import PathLike
from typing import Any, get_args

import numpy as np

from frostline.artifact.manifest import Manifest
from frostline.encoder.architecture import BACKENDS, DEVICES, require_torch
from frostline.encoder.features import DEFAULT_FEATURES, FeatureSpec
from frostline.encoder.precision import AskedPrecision
from frostline.errors import ArtifactCorrupt, UsageError, shown
from frostline.finetune.options import FineTune
from frostline.head.calibrating import Calibrate
from frostline.head.options import CascadeOptions

ELSEWHERE = {"encoder", "store", "backend", "device", "verbose"}
"""Parameters that an artifact doesn't keep: the encoder is named there; folders and devices are of one machine."""

_MOST_SEED = 2**32 - 1  # numpy's


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_) or (isinstance(value, Integral) and value in {0, 1})


def _is_whole(value: Any, least: int, most: float = math.inf) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and least <= int(value) <= most


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _is_strength(value: Any) -> bool:
    return _is_number(value) and 0 < float(value) < math.inf


def _are_strengths(value: Any) -> bool:
    is_many = isinstance(value, Iterable) and hasattr(value, "__len__") and not isinstance(value, str | bytes | Mapping)
    return is_many and len(value) > 0 and all(map(_is_strength, np.ravel(np.asarray(value, dtype=object)).tolist()))


def _one_of(names: tuple[str, ...]) -> "_Kind":
    return f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names


_Kind = tuple[str, Callable[[Any], bool]]
_FLAG: _Kind = ("True or False", _is_flag)
_COUNT: _Kind = ("a whole number of at least 1, or None", lambda value: value is None or _is_whole(value, 1))
_WORD: _Kind = ("a string or None", lambda value: isinstance(value, str | None))
_PARAMETERS: dict[str, _Kind] = {
    "encoder": (
        "a name, a folder, or an encoder that is open",
        lambda value: isinstance(value, str | PathLike) or (hasattr(value, "encode") and hasattr(value, "identity")),
    ),
    "features": _WORD,
    "C": ("a number above 0, or None", lambda value: value is None or _is_strength(value)),
    "Cs": ("a sequence of numbers above 0, or None", lambda value: value is None or _are_strengths(value)),
    "n_folds": ("a whole number of at least 2", lambda value: _is_whole(value, 2)),
    "class_weight": (
        "a dictionary of weights by label, 'balanced' or None",
        lambda value: isinstance(value, Mapping | None) or (isinstance(value, str) and value == "balanced"),
    ),
    "one_standard_error": _FLAG,
    "standardise": _FLAG,
    "revision": _WORD,
    "max_length": _COUNT,
    "prefix": _WORD,
    "store": ("True, False or a folder", lambda value: _is_flag(value) or isinstance(value, str | PathLike)),
    "threads": _COUNT,
    "precision": _one_of(get_args(AskedPrecision)),  # int7 too, which a classifier that read in it gives back
    "backend": _one_of(BACKENDS),
    "device": _one_of(DEVICES),
    "random_state": (
        f"a whole number from 0 to {_MOST_SEED:,}: it deals the folds, the same at every fit",
        lambda value: _is_whole(value, 0, _MOST_SEED),
    ),
    "calibrate": _one_of(get_args(Calibrate)),
    "abstain_precision": ("a share above 0 and below 1, or None", lambda value: value is None or _is_number(value)),
    "confidence": ("a share above 0 and below 1", _is_number),
    "threshold_for": ("a string such as 'precision=0.9', or None", _WORD[1]),
    "threshold_label": (
        "a label or None",
        lambda value: isinstance(value, str | int | float | np.generic | None),
    ),
    "thresholds": ("'f1' or None", lambda value: value is None or (isinstance(value, str) and value == "f1")),
    "verbose": _FLAG,
}


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Raise `UsageError` for the first that cannot be meant, before a text is read: its name, and what it may be."""
    for name, (said, fits) in _PARAMETERS.items():
        if name in parameters and not fits(parameters[name]):
            raise UsageError(f"{name} must be {said} (got {shown(parameters[name])}).")


def cascade_options(asked: object, *, C: float | None, is_tuned: bool) -> CascadeOptions | None:
    """What a cascade may change, where one is asked for."""
    if asked is None or asked is False:
        return None
    if not (asked is True or isinstance(asked, CascadeOptions)):
        raise UsageError(
            f"cascade must be True, False or CascadeOptions (got {shown(asked)}).",
            hint="from frostline import CascadeOptions; SentenceClassifier(cascade=CascadeOptions(changed=0.002))",
        )
    if C is not None:
        raise UsageError(
            f"A cascade is chosen on the rows that the search for C holds out (C={C} was given, so there is none).",
            hint="Pass Cs=[C] to search the one value by folds.",
        )
    if is_tuned:
        raise UsageError("A tuned encoder has no cascade: no rows are held out of its folds.")
    return asked if isinstance(asked, CascadeOptions) else CascadeOptions()


def refuse_with_finetune(asked: object, *, precision: str, class_weight: object, features: str | None) -> None:
    """Raise where the encoder shall be trained too, and something else that was asked for makes no sense then."""
    if asked is None:
        return
    if not isinstance(asked, FineTune):
        raise UsageError(
            f"finetune must be a FineTune or None (got {shown(asked)}).",
            hint="from frostline import FineTune; SentenceClassifier(finetune=FineTune(epochs=3))",
        )
    require_torch("Fine-tuning")
    if precision != "float32":
        raise UsageError(f"Fine-tuning is done in float32 (precision={precision!r} was asked for).")
    if FeatureSpec.parse(DEFAULT_FEATURES if features is None else features).words:
        raise UsageError("Fine-tuning takes features of the encoder alone: leave words out of `features`.")
    if not (class_weight is None or class_weight == "balanced"):
        raise UsageError("With finetune, class_weight must be 'balanced' or None; sample_weight takes numbers.")


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
