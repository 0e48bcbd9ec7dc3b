"""ModernBERT: what its configuration says of layers and positions, and its tensors under our names.

Positions turn queries and keys (Su et al. 2021, arXiv:2104.09864); most layers look at near word pieces alone; each
half of a layer normalises what it reads; a gate multiplies what was widened (Warner et al. 2024, arXiv:2412.13663).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from frostline.arrays import Float32Array
from frostline.encoder.settings import HINT, truth, whole
from frostline.errors import InputError, shown
from frostline.tensors import Weights

WORDS = "embeddings.tok_embeddings.weight"

_KINDS = {"full_attention": False, "sliding_attention": True}
_BASES = {"full_attention": ("global_rope_theta", 160_000.0), "sliding_attention": ("local_rope_theta", 10_000.0)}
_LARGEST_BASE = 1e12


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rotary:
    """Positions that turn queries and keys, and how far each layer looks."""

    base: float  # Of layers that look at the whole text: the slowest pair of columns turns once in about 2 pi times it
    local_base: float
    reach: int  # How many word pieces to either side a local layer looks at
    is_local: tuple[bool, ...]  # By layer

    def speeds(self, head_size: int, *, is_local: bool) -> Float32Array:
        """By what angle each pair of columns turns from one word piece to the next: (head_size / 2,).

        In float32, as ModernBERT was trained.
        """
        powers = np.arange(0, head_size, 2).astype(np.float32) / np.float32(head_size)
        base = np.float64(self.local_base if is_local else self.base)
        turns: Float32Array = np.float32(1) / np.power(base, powers.astype(np.float64)).astype(np.float32)
        return turns


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Biases:
    """Which of its parts have additions; ModernBERT itself has none."""

    attention: bool
    products: bool
    norms: bool


def rotary(config: Mapping[str, Any], *, n_layers: int, head_size: int) -> Rotary:
    """What config.json says of positions and of how far layers look.

    Raises `InputError`: a setting is out of range, or asks for other rotations than the plain ones.
    """
    if head_size % 2:
        raise InputError(f"config.json: heads must have an even number of columns (got {head_size}).", hint=HINT)
    if config.get("rope_scaling") is not None:
        raise InputError(f"config.json: rope_scaling must be null (got {shown(config['rope_scaling'])}).", hint=HINT)
    local_attention = whole(config, "local_attention", default=128, least=1)
    return Rotary(
        base=_base(config, "full_attention"),
        local_base=_base(config, "sliding_attention"),
        reach=local_attention // 2,
        is_local=_local_layers(config, n_layers),
    )


def biases(config: Mapping[str, Any]) -> Biases:
    """What config.json says of additions."""
    return Biases(
        attention=truth(config, "attention_bias"),
        products=truth(config, "mlp_bias"),
        norms=truth(config, "norm_bias"),
    )


def _local_layers(config: Mapping[str, Any], n_layers: int) -> tuple[bool, ...]:
    """By layer: as a list says, or one of every few looks at the whole text, the first among them."""
    kinds = config.get("layer_types")
    if kinds is None:
        every = whole(config, "global_attn_every_n_layers", default=3, least=1)
        return tuple(layer % every != 0 for layer in range(n_layers))
    known = isinstance(kinds, list) and all(isinstance(kind, str) and kind in _KINDS for kind in kinds)
    if not known or len(kinds) != n_layers:
        raise InputError(
            f"config.json: layer_types must name {n_layers} of {', '.join(_KINDS)} (got {shown(kinds)}).", hint=HINT
        )
    return tuple(_KINDS[kind] for kind in kinds)


def _base(config: Mapping[str, Any], kind: str) -> float:
    """How slowly positions turn; newer files have it in `rope_parameters`, older ones beside everything else."""
    key, default = _BASES[kind]
    every = config.get("rope_parameters") or {}
    own = every.get(kind) if isinstance(every, dict) else every
    if own is None:
        own = {}
    allowed = {"rope_type", "type", "rope_theta"}
    plain = isinstance(own, dict) and all(own.get(name, "default") == "default" for name in ("rope_type", "type"))
    if not plain or not set(own) <= allowed or not set(every) <= set(_KINDS):
        raise InputError(
            f"config.json: rope_parameters must be of rope_type default, with a rope_theta for {' and '.join(_KINDS)} "
            f"(got {shown(every)}).",
            hint=HINT,
        )
    value = own.get("rope_theta", config.get(key, default))
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 <= value <= _LARGEST_BASE:
        raise InputError(
            f"config.json: {key} must be a number from 1 to {_LARGEST_BASE:g} (got {shown(value)}).", hint=HINT
        )
    return float(value)


def tensors(  # noqa: PLR0913 - the sizes of what is read
    weights: Weights, prefix: str, its: Biases, *, n_layers: int, hidden: int, inner: int, vocabulary: int
) -> Iterator[tuple[str, Float32Array]]:
    """Our name and the numbers of every tensor. What adds nothing is there as zeros, so that all families are alike."""

    def read(source: str, size: tuple[int, ...], *, there: bool = True) -> Float32Array:
        return weights.read(prefix + source, size) if there else np.zeros(size, np.float32)

    def norm(ours: str, source: str) -> Iterator[tuple[str, Float32Array]]:
        yield f"{ours}.scale", read(f"{source}.weight", (hidden,))
        yield f"{ours}.shift", read(f"{source}.bias", (hidden,), there=its.norms)

    def product(
        names: tuple[str, ...], source: str, rows: int, columns: int, *, adds: bool
    ) -> Iterator[tuple[str, Float32Array]]:
        """Products that lie in one matrix, one under the other."""
        weight = read(f"{source}.weight", (len(names) * rows, columns))
        bias = read(f"{source}.bias", (len(names) * rows,), there=adds)
        for place, name in enumerate(names):
            part = slice(place * rows, (place + 1) * rows)
            yield f"{name}.weight", weight[part]
            yield f"{name}.bias", bias[part]

    yield "words", read(WORDS, (vocabulary, hidden))
    yield from norm("embedded", "embeddings.norm")
    yield from norm("last", "final_norm")
    for layer in range(n_layers):
        ours, theirs = f"layers.{layer}.", f"layers.{layer}."
        if layer:  # the embeddings are normalised already
            yield from norm(f"{ours}attended_norm", f"{theirs}attn_norm")
        asked = (f"{ours}query", f"{ours}key", f"{ours}value")
        yield from product(asked, f"{theirs}attn.Wqkv", hidden, hidden, adds=its.attention)
        yield from product((f"{ours}attended",), f"{theirs}attn.Wo", hidden, hidden, adds=its.attention)
        yield from norm(f"{ours}norm", f"{theirs}mlp_norm")
        yield from product((f"{ours}widen", f"{ours}gate"), f"{theirs}mlp.Wi", inner, hidden, adds=its.products)
        yield from product((f"{ours}narrow",), f"{theirs}mlp.Wo", hidden, inner, adds=its.products)
