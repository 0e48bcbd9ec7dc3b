"""A checkpoint of any family, under one set of names; and who reads it, our graphs or torch.

The names: `words`, `positions`, `embedded.scale|shift`, `projection.weight|bias`, `relative_bias`, and per layer
`layers.I.` query, key, value, attended, widen, narrow (`.weight|bias`), attended_norm, norm (`.scale|shift`).
ModernBERT has no `positions`, but `layers.I.gate` and `last`, the norm behind all layers.
"""

import importlib.util
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final, get_args

import numpy as np

from frostline.arrays import Float32Array, IntArray
from frostline.encoder.files import CONFIG, WEIGHTS, read_json
from frostline.encoder.settings import HINT, MOST, Activation, activation, epsilon, whole
from frostline.errors import InputError, UnavailableError, UsageError, shown
from frostline.tensors import Weights, open_weights

if TYPE_CHECKING:
    from frostline.encoder.modern import Rotary

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
DEVICES: tuple[Device, ...] = get_args(Device)
Dtype: TypeAlias = Literal["float32", "bfloat16"]
AskedBackend: TypeAlias = Literal["auto", "onnx", "torch"]
BACKENDS: tuple[AskedBackend, ...] = get_args(AskedBackend)

STATIC = "frostline_static"
"""The `model_type` of a table of word pieces (static.py), and its family."""

INSTALL = "pip install 'frostline[torch]'"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes and choices of one encoder."""

    family: str
    n_layers: int
    n_heads: int
    hidden_size: int
    vocab_size: int
    max_positions: int  # The longest sentence it can read, in word pieces ([CLS] and [SEP] included)
    embedding_size: int  # Width of the word embeddings: hidden_size, except for some ELECTRA
    inner_size: int  # Width between the two feed-forward products
    activation: Activation
    epsilon: float  # Of every LayerNorm
    # None: the first word piece has position 0. Otherwise positions count from this number + 1 on, and a word piece
    # with this id has this very number as its position, as in fairseq's RoBERTa.
    position_padding: int | None
    # `n_positions`, `n_token_types`: Rows of the tables of positions and of token types (0: there is no such table).
    n_positions: int
    n_token_types: int
    relative_bias: bool  # Whether attention scores get a bias by the distance of the two word pieces
    # Positions that turn queries and keys. Such a family is ModernBERT's: each half of a layer normalises what it reads
    # and adds to what it was given, and a gate multiplies what was widened.
    rotary: "Rotary | None" = None

    @property
    def is_modern(self) -> bool:
        """Whether layers are ModernBERT's."""
        return self.rotary is not None

    @property
    def has_projection(self) -> bool:
        """Whether the word embeddings are brought to the width of the layers by a product."""
        return self.embedding_size != self.hidden_size

    @property
    def head_size(self) -> int:
        """Columns per attention head."""
        return self.hidden_size // self.n_heads


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How a family names its tensors, without the prefix; `{}` is the layer's number. Each has .weight and .bias."""

    layer: str
    query: str
    key: str
    value: str
    attended: str
    attended_norm: str
    widen: str
    narrow: str
    norm: str


BERT = Names(
    layer="encoder.layer.{}.",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attended="attention.output.dense",
    attended_norm="attention.output.LayerNorm",
    widen="intermediate.dense",
    narrow="output.dense",
    norm="output.LayerNorm",
)
DISTILBERT = Names(
    layer="transformer.layer.{}.",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attended="attention.out_lin",
    attended_norm="sa_layer_norm",
    widen="ffn.lin1",
    narrow="ffn.lin2",
    norm="output_layer_norm",
)
MPNET = Names(
    layer="encoder.layer.{}.",
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    attended="attention.attn.o",
    attended_norm="attention.LayerNorm",
    widen="intermediate.dense",
    narrow="output.dense",
    norm="output.LayerNorm",
)

RELATIVE_BUCKETS = 32  # MPNet's code fixes it, whatever the config says


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What sets a family apart."""

    name: str  # `bert`, `distilbert`, `roberta`, `mpnet`, `electra` or `modernbert`
    prefix: str  # What stands before every tensor's name when the checkpoint was saved with a task's head on top
    names: Names
    settings: Mapping[str, str]  # Where the config spells a setting otherwise than BERT does
    token_types: bool = True  # Whether there is a table of token types. A sentence is all type 0.
    # function of the config: The id that positions skip, for families that count positions from it on.
    position_padding: Callable[[Mapping[str, Any]], int] | None = None
    epsilon: float | None = None  # Of every LayerNorm, where the family's code fixes it
    relative_bias: bool = False  # Whether attention scores get a bias by the distance of the two word pieces
    embedding_projection: bool = False  # Whether word embeddings may be narrower than the layers
    rotary: bool = False  # Whether it is ModernBERT's kind (modern.py), whose tensors have names of their own


_DISTILBERT_SETTINGS = {
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "hidden_size": "dim",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
}


def _padding_id(config: Mapping[str, Any]) -> int:
    return whole(config, "pad_token_id", default=1, least=0)


def _one(_: Mapping[str, Any]) -> int:
    return 1  # MPNet's code fixes it, whatever the config says


_BERT = Family(name="bert", prefix="bert.", names=BERT, settings={})
_ROBERTA = Family(name="roberta", prefix="roberta.", names=BERT, settings={}, position_padding=_padding_id)

FAMILIES: dict[str, Family] = {
    "bert": _BERT,
    "distilbert": Family(
        name="distilbert",
        prefix="distilbert.",
        names=DISTILBERT,
        settings=_DISTILBERT_SETTINGS,
        token_types=False,
        epsilon=1e-12,
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "mpnet": Family(
        name="mpnet",
        prefix="mpnet.",
        names=MPNET,
        settings={},
        token_types=False,
        position_padding=_one,
        relative_bias=True,
    ),
    "electra": Family(name="electra", prefix="electra.", names=BERT, settings={}, embedding_projection=True),
    "modernbert": Family(
        name="modernbert",
        prefix="model.",
        names=BERT,
        settings={"hidden_act": "hidden_activation"},
        token_types=False,
        rotary=True,
    ),
}
"""By the config's `model_type`."""

_MUST_BE: dict[str, tuple[object, ...]] = {
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "is_encoder_decoder": (False, None),
    "pruned_heads": ({}, None),
    "relative_attention_num_buckets": (RELATIVE_BUCKETS, None),
}


def family_of(config: Mapping[str, Any]) -> Family:
    """The family that `config` belongs to."""
    model_type = config.get("model_type")
    family = FAMILIES.get(model_type) if isinstance(model_type, str) else None
    if family is None:
        raise InputError(
            f"config.json: model_type must be one of {', '.join(FAMILIES)} (got {shown(model_type)}).", hint=HINT
        )
    return family


def describe(config: Mapping[str, Any]) -> Shape:
    """What `config` (config.json, parsed) says about the encoder, without its weights.

    Raises `InputError`: the model_type is unknown, a setting is missing or out of range, or one asks for something
    that our graphs do not compute. The setting is named, and the families that work.
    """
    if config.get("model_type") == STATIC:
        raise InputError(
            "A table of word pieces has no layers to look into, to export or to train further.",
            hint="Take the encoder that it was distilled from.",
        )
    family = family_of(config)
    for key, allowed in _MUST_BE.items():
        if config.get(key) not in allowed:
            raise InputError(f"config.json: {key} must be {allowed[0]!r} (got {shown(config[key])}).", hint=HINT)

    def size(name: str, default: int | None = None) -> int:
        return whole(config, family.settings.get(name, name), default=default, least=1, most=MOST[name])

    hidden_size, n_heads = size("hidden_size"), size("num_attention_heads")
    if hidden_size % n_heads:
        raise InputError(
            f"config.json: {hidden_size} columns must divide evenly among {n_heads} attention heads.", hint=HINT
        )
    n_layers = size("num_hidden_layers")
    padding = family.position_padding(config) if family.position_padding else None
    n_positions = size("max_position_embeddings")
    max_positions = n_positions if padding is None else n_positions - padding - 1
    if max_positions < 1:
        raise InputError(
            f"config.json: max_position_embeddings must be above {n_positions - max_positions} (got {n_positions}).",
            hint=HINT,
        )
    return Shape(
        family=family.name,
        n_layers=n_layers,
        n_heads=n_heads,
        hidden_size=hidden_size,
        vocab_size=size("vocab_size"),
        max_positions=max_positions,
        embedding_size=size("embedding_size", hidden_size) if family.embedding_projection else hidden_size,
        inner_size=size("intermediate_size"),
        activation=activation(config, family.settings.get("hidden_act", "hidden_act")),
        epsilon=family.epsilon or (epsilon(config, "norm_eps", default=1e-5) if family.rotary else epsilon(config)),
        position_padding=padding,
        n_positions=0 if family.rotary else n_positions,
        n_token_types=size("type_vocab_size", 2) if family.token_types else 0,
        relative_bias=family.relative_bias,
        rotary=_rotary(config, n_layers=n_layers, head_size=hidden_size // n_heads) if family.rotary else None,
    )


PRODUCTS = ("query", "key", "value", "attended", "widen", "narrow")
GATE = "gate"
NORMS = ("attended_norm", "norm")

_WORDS = "embeddings.word_embeddings.weight"
_RELATIVE_DISTANCE_LIMIT = 128


@final
@dataclass(frozen=True, slots=True, eq=False)
class Architecture:
    """One encoder."""

    shape: Shape
    # Under the names above. `weight` is (columns out, columns in), as the checkpoint has it; `positions` has the
    # embedding of token type 0 in it already; `relative_bias` is (n_heads, 2 * max_positions - 1), its middle column
    # for distance 0.
    tensors: Mapping[str, Float32Array]
    # Raises `InputError` if the file that they are views of has changed: before any of them is read
    check: Callable[[], None] = lambda: None


def load_architecture(folder: Path) -> Architecture:
    """The encoder in `folder`. Float32 tensors are views of the file; they are not searched for NaN here.

    Raises `MissingInputError` or `StorageError`: a file is not there, or cannot be read; `InputError`: the config
    asks for something that our graphs do not compute, or a tensor is missing or has another shape.
    """
    config = read_json(folder / CONFIG)
    shape, family = describe(config), family_of(config)
    weights = open_weights(folder / WEIGHTS)
    if shape.rotary is not None:
        return _modern(config, family, shape, weights)
    prefix = "" if _WORDS in weights else family.prefix
    tensors = {"words": weights.read(prefix + _WORDS, (shape.vocab_size, shape.embedding_size))}
    tensors["positions"] = _positions(weights, prefix, family, shape)
    for name, source, sizes in _table(family, shape):
        tensors[name] = weights.read(_spelling(weights, prefix + source), sizes)
    if shape.relative_bias:
        buckets = weights.read(prefix + "encoder.relative_attention_bias.weight", (RELATIVE_BUCKETS, shape.n_heads))
        tensors["relative_bias"] = np.ascontiguousarray(buckets[relative_buckets(shape.max_positions)].T)
    return Architecture(shape, tensors, weights.check)


def _rotary(config: Mapping[str, Any], *, n_layers: int, head_size: int) -> "Rotary":
    from frostline.encoder.modern import rotary  # noqa: PLC0415 - of one family

    return rotary(config, n_layers=n_layers, head_size=head_size)


def _modern(config: Mapping[str, Any], family: Family, shape: Shape, weights: Weights) -> Architecture:
    from frostline.encoder import modern  # noqa: PLC0415 - as above

    read = modern.tensors(
        weights,
        "" if modern.WORDS in weights else family.prefix,
        modern.biases(config),
        n_layers=shape.n_layers,
        hidden=shape.hidden_size,
        inner=shape.inner_size,
        vocabulary=shape.vocab_size,
    )
    return Architecture(shape, dict(read), weights.check)


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


def products_of(shape: Shape) -> tuple[str, ...]:
    """The products of a layer."""
    return (*PRODUCTS, GATE) if shape.is_modern else PRODUCTS


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


def settle_backend(
    config: Mapping[str, Any], *, asked: AskedBackend, device: Device, precision: str
) -> Literal["onnx", "torch"]:
    """Who reads an encoder with this configuration: our graph where there is one and nothing speaks for torch.

    Raises `UsageError`: backend, device and precision exclude each other; `UnavailableError`: it takes torch, which is
    not installed; `InputError`: the family has a graph, but not for these settings, and torch is not installed.
    """
    if asked not in BACKENDS or device not in DEVICES:
        raise UsageError(
            f"The backend must be {', '.join(BACKENDS)}, the device {', '.join(DEVICES)} "
            f"(got {shown(asked)}, {shown(device)})."
        )
    wants_torch = device in {"cuda", "mps"} or precision == "bfloat16"
    if asked == "onnx":
        if wants_torch:
            raise UsageError(
                f"Our graphs read on the processor, in float32 or int8 (asked for: device {device}, {precision}).",
                hint="Leave --backend out, or pass --backend torch.",
            )
        return "onnx"
    model_type = config.get("model_type")
    if asked == "auto" and not wants_torch:
        try:
            describe(config)
        except InputError:
            is_torchs = isinstance(model_type, str) and model_type not in FAMILIES
            if why_no_torch() is not None and not is_torchs:
                raise
        else:
            return "onnx"
    if precision in {"int8", "int7"}:
        raise UsageError("int8 is read by our own graphs alone, and this encoder is read by torch.")
    what = f"An encoder of model_type {shown(model_type)}" if asked == "auto" else "The backend torch"
    if asked == "auto" and wants_torch:
        what = f"The device {device}" if device in {"cuda", "mps"} else f"The precision {precision}"
    require_torch(what)
    return "torch"


def why_no_torch() -> str | None:
    """Which package is missing, in one sentence; None where torch and transformers are installed. Imports neither."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    return f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not installed." if missing else None


def require_torch(what: str) -> None:
    """Raise `UnavailableError` unless torch and transformers are installed; `what` needs them."""
    reason = why_no_torch()
    if reason is not None:
        raise UnavailableError(f"{what} needs torch and transformers ({reason.removesuffix('.')}).", hint=INSTALL)
