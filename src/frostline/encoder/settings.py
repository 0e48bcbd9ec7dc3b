"""What a config.json says, setting by setting: each checked, for it may be a stranger's."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from frostline.errors import InputError, shown

Activation: TypeAlias = Literal["gelu", "gelu_tanh", "relu", "silu"]

MODEL_TYPES = ("bert", "distilbert", "roberta", "xlm-roberta", "camembert", "mpnet", "electra", "modernbert")
"""Of the families that have a graph of ours."""

HINT = f"Encoders that work are those of model_type {', '.join(MODEL_TYPES)}."

ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}

MOST = {
    "num_hidden_layers": 1_000,
    "num_attention_heads": 1_000,
    "hidden_size": 2**16,
    "embedding_size": 2**16,
    "intermediate_size": 2**20,
    "max_position_embeddings": 2**20,
    "vocab_size": 2**24,
    "type_vocab_size": 1_000,
}
"""Far above any encoder, and so low that what is made of a size before the weights are read is small."""


def whole(
    config: Mapping[str, Any], key: str, *, default: int | None, least: int, most: int = MOST["vocab_size"]
) -> int:
    """The whole number `key`, from `least` to `most`; `default` where it is not said."""
    value = config.get(key)
    number = default if value is None else value
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise InputError(
            f"config.json: {key} must be a whole number of at least {least} and at most {most} (got {shown(value)}).",
            hint=HINT,
        )
    return number


def truth(config: Mapping[str, Any], key: str) -> bool:
    """Whether `key` holds; it does not where it is not said."""
    value = config.get(key, False)
    if not isinstance(value, bool):
        raise InputError(f"config.json: {key} must be true or false (got {shown(value)}).", hint=HINT)
    return value


def activation(config: Mapping[str, Any], key: str) -> Activation:
    """The activation that `key` names, under our name; gelu where none is named."""
    name = config.get(key, "gelu")
    known = ACTIVATIONS.get(name) if isinstance(name, str) else None
    if known is None:
        raise InputError(f"config.json: {key} must be one of {', '.join(ACTIVATIONS)} (got {shown(name)}).", hint=HINT)
    return known


def epsilon(config: Mapping[str, Any], key: str = "layer_norm_eps", *, default: float = 1e-12) -> float:
    """What every LayerNorm adds to the variance."""
    value = config.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1:
        raise InputError(f"config.json: {key} must be a number between 0 and 1 (got {shown(value)}).", hint=HINT)
    return float(value)
