"""A checkpoint of any family, under one set of names.

In:   a folder with config.json and model.safetensors.
Out:  an `Architecture`: its `Shape` and its tensors, named as graph.py names them.
Not:  the families' differences (families.py), the arithmetic (graph.py).

The names: `words`, `positions`, `embedded.scale|shift`, `projection.weight|bias`, `relative_bias`, and per layer
`layers.I.` query, key, value, attended, widen, narrow (`.weight|bias`), attended_norm, norm (`.scale|shift`).
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from frostline.arrays import Float32Array, IntArray
from frostline.encoder.families import RELATIVE_BUCKETS, Family, describe, family_of
from frostline.encoder.shape import Shape
from frostline.encoder.weights import WEIGHTS_FILE, Weights, open_weights
from frostline.errors import InputError, MissingInputError, shown

CONFIG_FILE = "config.json"
CONFIG_LIMIT_BYTES = 4_000_000  # configs of classifiers list their labels; the largest seen has 700,000

PRODUCTS = ("query", "key", "value", "attended", "widen", "narrow")
NORMS = ("attended_norm", "norm")

_WORDS = "embeddings.word_embeddings.weight"
_RELATIVE_DISTANCE_LIMIT = 128


@final
@dataclass(frozen=True, slots=True, eq=False)
class Architecture:
    """One encoder.

    Parameters
    ----------
    shape : Shape
    tensors : mapping of str to float32 ndarray
        Under the names above. `weight` is (columns out, columns in), as the checkpoint has it; `positions` has the
        embedding of token type 0 in it already; `relative_bias` is (n_heads, 2 * max_positions - 1), its middle
        column for distance 0.
    """

    shape: Shape
    tensors: Mapping[str, Float32Array]


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of `folder`, parsed.

    Raises
    ------
    MissingInputError
        It is not there.
    InputError
        It is not one JSON object, or over 4 MB.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise MissingInputError(f"{path} must be there.", hint="An encoder's folder holds config.json and its weights.")
    if path.stat().st_size > CONFIG_LIMIT_BYTES:
        raise InputError(f"{path} must have at most {CONFIG_LIMIT_BYTES:,} bytes (got {path.stat().st_size:,}).")
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:  # ValueError: also broken UTF-8 and numbers of 5,000 digits
        raise InputError(f"{path} must be JSON ({shown(str(error))}).") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} must hold one JSON object (got {shown(config)}).")
    return config


def load_architecture(folder: Path) -> Architecture:
    """The encoder in `folder`. Float32 tensors are views of the file; they are not searched for NaN here.

    Raises
    ------
    MissingInputError
        config.json or model.safetensors is not there.
    InputError
        The config asks for something that our graphs do not compute, or a tensor is missing or has another shape.
    """
    config = read_config(folder)
    shape, family = describe(config), family_of(config)
    weights = open_weights(folder / WEIGHTS_FILE)
    prefix = "" if _WORDS in weights else family.prefix
    tensors = {"words": weights.read(prefix + _WORDS, (shape.vocab_size, shape.embedding_size))}
    tensors["positions"] = _positions(weights, prefix, family, shape)
    for name, source, sizes in _table(family, shape):
        tensors[name] = weights.read(_spelling(weights, prefix + source), sizes)
    if shape.relative_bias:
        buckets = weights.read(prefix + "encoder.relative_attention_bias.weight", (RELATIVE_BUCKETS, shape.n_heads))
        tensors["relative_bias"] = np.ascontiguousarray(buckets[relative_buckets(shape.max_positions)].T)
    return Architecture(shape, tensors)


def relative_buckets(max_positions: int) -> IntArray:
    """The bucket of each distance from key to query, -(max_positions - 1) .. max_positions - 1.

    Near distances have a bucket each, far ones share them on a log scale (Raffel et al. 2020, arXiv:1910.10683,
    section 2.1). In float32, as MPNet was trained: float64 puts some distances into the next bucket.
    """
    distance = np.arange(-(max_positions - 1), max_positions)
    half = RELATIVE_BUCKETS // 2
    exact = half // 2
    far = np.log(np.maximum(np.abs(distance), 1).astype(np.float32) / np.float32(exact))
    scaled = far / np.float32(math.log(_RELATIVE_DISTANCE_LIMIT / exact)) * np.float32(half - exact)
    shared = np.minimum(exact + scaled.astype(np.int64), half - 1)
    buckets: IntArray = np.where(np.abs(distance) < exact, np.abs(distance), shared) + half * (distance > 0)
    return buckets


def _table(family: Family, shape: Shape) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Our name, the checkpoint's name and the shape of every tensor that the families have in common."""
    hidden, inner, embedded = shape.hidden_size, shape.inner_size, shape.embedding_size
    yield "embedded.scale", "embeddings.LayerNorm.weight", (embedded,)
    yield "embedded.shift", "embeddings.LayerNorm.bias", (embedded,)
    if shape.has_projection:
        yield "projection.weight", "embeddings_project.weight", (hidden, embedded)
        yield "projection.bias", "embeddings_project.bias", (hidden,)
    sizes = dict.fromkeys(PRODUCTS, (hidden, hidden)) | {"widen": (inner, hidden), "narrow": (hidden, inner)}
    for number in range(shape.n_layers):
        ours, theirs = f"layers.{number}.", family.names.layer.format(number)
        for part, size in sizes.items():
            source = theirs + getattr(family.names, part)
            yield f"{ours}{part}.weight", f"{source}.weight", size
            yield f"{ours}{part}.bias", f"{source}.bias", size[:1]
        for part in NORMS:
            source = theirs + getattr(family.names, part)
            yield f"{ours}{part}.scale", f"{source}.weight", (hidden,)
            yield f"{ours}{part}.shift", f"{source}.bias", (hidden,)


def _spelling(weights: Weights, name: str) -> str:
    """`name`, or what checkpoints converted from TensorFlow call it: LayerNorm.gamma and LayerNorm.beta."""
    old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return old if name not in weights and old in weights else name


def _positions(weights: Weights, prefix: str, family: Family, shape: Shape) -> Float32Array:
    """The position embeddings, from the position of the first word piece on, plus that of token type 0."""
    name, types = f"{prefix}embeddings.position_embeddings.weight", f"{prefix}embeddings.token_type_embeddings.weight"
    positions = weights.read(name, (shape.n_positions, shape.embedding_size))
    if family.token_types:
        positions = positions + weights.read(types, (shape.n_token_types, shape.embedding_size))[0]
    return positions
