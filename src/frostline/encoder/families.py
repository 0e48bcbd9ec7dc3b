"""The families of encoders that we build graphs for: a table of how each spells what all of them have.

In:   a checkpoint's config.json, parsed.
Out:  a `Shape`: the sizes and choices of the network, under one name each.
Not:  the tensors (architecture.py), the graph (graph.py).

All five are the encoder of Vaswani et al. (2017), arXiv:1706.03762, with the LayerNorm after each sum. They differ in
the names of settings and tensors, in where positions start counting (RoBERTa, MPNet: after the padding id), in a
projection of the embeddings (ELECTRA), and in a bias by relative distance (MPNet).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from frostline.encoder import spellings
from frostline.encoder.shape import Activation, Shape
from frostline.errors import InputError, shown

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

RELATIVE_BUCKETS = 32  # MPNet's code fixes it, whatever the config says


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What sets a family apart.

    Parameters
    ----------
    name : str
        `bert`, `distilbert`, `roberta`, `mpnet` or `electra`.
    prefix : str
        What stands before every tensor's name when the checkpoint was saved with a task's head on top.
    names : spellings.Names
    settings : mapping of str to str
        Where the config spells a setting otherwise than BERT does.
    token_types : bool
        Whether there is a table of token types. A sentence is all type 0.
    position_padding : function of the config, or None
        The id that positions skip, for families that count positions from it on.
    epsilon : float or None
        Of every LayerNorm, where the family's code fixes it.
    relative_bias : bool
        Whether attention scores get a bias by the distance of the two word pieces.
    embedding_projection : bool
        Whether word embeddings may be narrower than the layers.
    """

    name: str
    prefix: str
    names: spellings.Names
    settings: Mapping[str, str]
    token_types: bool = True
    position_padding: Callable[[Mapping[str, Any]], int] | None = None
    epsilon: float | None = None
    relative_bias: bool = False
    embedding_projection: bool = False


_DISTILBERT_SETTINGS = {
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "hidden_size": "dim",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
}


def _padding_id(config: Mapping[str, Any]) -> int:
    return _whole(config, "pad_token_id", default=1, least=0)


def _one(_: Mapping[str, Any]) -> int:
    return 1  # MPNet's code fixes it, whatever the config says


_BERT = Family(name="bert", prefix="bert.", names=spellings.BERT, settings={})
_ROBERTA = Family(name="roberta", prefix="roberta.", names=spellings.BERT, settings={}, position_padding=_padding_id)

FAMILIES: dict[str, Family] = {
    "bert": _BERT,
    "distilbert": Family(
        name="distilbert",
        prefix="distilbert.",
        names=spellings.DISTILBERT,
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
        names=spellings.MPNET,
        settings={},
        token_types=False,
        position_padding=_one,
        relative_bias=True,
    ),
    "electra": Family(name="electra", prefix="electra.", names=spellings.BERT, settings={}, embedding_projection=True),
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

_HINT = f"Encoders that work are those of model_type {', '.join(FAMILIES)}."


def family_of(config: Mapping[str, Any]) -> Family:
    """The family that `config` belongs to.

    Raises
    ------
    InputError
        Its model_type is missing or not among `FAMILIES`.
    """
    found = config.get("model_type")
    family = FAMILIES.get(found) if isinstance(found, str) else None
    if family is None:
        raise InputError(
            f"config.json: model_type must be one of {', '.join(FAMILIES)} (got {shown(found)}).", hint=_HINT
        )
    return family


def describe(config: Mapping[str, Any]) -> Shape:
    """What `config` (config.json, parsed) says about the encoder, without its weights.

    Raises
    ------
    InputError
        The model_type is unknown, a setting is missing or out of range, or one asks for something that our graphs do
        not compute. The setting is named, and the families that work.
    """
    family = family_of(config)
    for key, allowed in _MUST_BE.items():
        if config.get(key) not in allowed:
            raise InputError(f"config.json: {key} must be {allowed[0]!r} (got {shown(config[key])}).", hint=_HINT)

    def size(name: str, default: int | None = None) -> int:
        return _whole(config, family.settings.get(name, name), default=default, least=1)

    hidden_size, n_heads = size("hidden_size"), size("num_attention_heads")
    if hidden_size % n_heads:
        raise InputError(
            f"config.json: {hidden_size} columns must divide evenly among {n_heads} attention heads.", hint=_HINT
        )
    padding = family.position_padding(config) if family.position_padding else None
    n_positions = size("max_position_embeddings")
    max_positions = n_positions if padding is None else n_positions - padding - 1
    if max_positions < 1:
        raise InputError(
            f"config.json: max_position_embeddings must be above {n_positions - max_positions} (got {n_positions}).",
            hint=_HINT,
        )
    return Shape(
        family=family.name,
        n_layers=size("num_hidden_layers"),
        n_heads=n_heads,
        hidden_size=hidden_size,
        vocab_size=size("vocab_size"),
        max_positions=max_positions,
        embedding_size=size("embedding_size", hidden_size) if family.embedding_projection else hidden_size,
        inner_size=size("intermediate_size"),
        activation=_activation(config, family.settings.get("hidden_act", "hidden_act")),
        epsilon=family.epsilon or _epsilon(config),
        position_padding=padding,
        n_positions=n_positions,
        n_token_types=size("type_vocab_size", 2) if family.token_types else 0,
        relative_bias=family.relative_bias,
    )


def _whole(config: Mapping[str, Any], key: str, *, default: int | None, least: int) -> int:
    value = config.get(key)
    found = default if value is None else value
    if not isinstance(found, int) or isinstance(found, bool) or found < least:
        raise InputError(
            f"config.json: {key} must be a whole number of at least {least} (got {shown(value)}).", hint=_HINT
        )
    return found


def _activation(config: Mapping[str, Any], key: str) -> Activation:
    found = config.get(key, "gelu")
    known = ACTIVATIONS.get(found) if isinstance(found, str) else None
    if known is None:
        raise InputError(
            f"config.json: {key} must be one of {', '.join(ACTIVATIONS)} (got {shown(found)}).", hint=_HINT
        )
    return known


def _epsilon(config: Mapping[str, Any]) -> float:
    found = config.get("layer_norm_eps", 1e-12)
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 < found < 1:
        raise InputError(
            f"config.json: layer_norm_eps must be a number between 0 and 1 (got {shown(found)}).", hint=_HINT
        )
    return float(found)
