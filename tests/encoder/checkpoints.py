"""Small encoders with random weights, of every family, made with numpy alone.

The same seed gives the same bytes for ever: only `Generator.random` is used, whose stream numpy keeps. The tensors'
names are written out here a second time on purpose, so that a slip in the product's table cannot hide.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

_SIZES = {
    "hidden_size": 20,
    "num_attention_heads": 5,
    "num_hidden_layers": 3,
    "intermediate_size": 37,
    "vocab_size": 101,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-5,
    "hidden_act": "gelu",
}

CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {"model_type": "bert", **_SIZES},
    "bert-one-head": {
        "model_type": "bert",
        **_SIZES,
        "hidden_size": 7,
        "num_attention_heads": 1,
        "num_hidden_layers": 1,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu_new",
    },
    "distilbert": {
        "model_type": "distilbert",
        "dim": 20,
        "n_heads": 5,
        "n_layers": 3,
        "hidden_dim": 31,
        "vocab_size": 97,
        "max_position_embeddings": 40,
        "activation": "gelu",
    },
    "distilbert-relu": {
        "model_type": "distilbert",
        "dim": 12,
        "n_heads": 3,
        "n_layers": 2,
        "hidden_dim": 50,
        "vocab_size": 97,
        "max_position_embeddings": 23,
        "activation": "relu",
    },
    "roberta": {
        "model_type": "roberta",
        **_SIZES,
        "type_vocab_size": 1,
        "max_position_embeddings": 42,
        "pad_token_id": 1,
    },
    "xlm-roberta": {
        "model_type": "xlm-roberta",
        **_SIZES,
        "type_vocab_size": 1,
        "max_position_embeddings": 27,
        "pad_token_id": 3,
        "hidden_act": "silu",
    },
    "camembert": {"model_type": "camembert", **_SIZES, "type_vocab_size": 1, "hidden_act": "gelu_pytorch_tanh"},
    "mpnet": {
        "model_type": "mpnet",
        **_SIZES,
        "max_position_embeddings": 152,
        "relative_attention_num_buckets": 32,
        "pad_token_id": 1,
    },
    "electra": {"model_type": "electra", **_SIZES, "embedding_size": 13},
    "modernbert": {
        "model_type": "modernbert",
        "hidden_size": 20,
        "num_attention_heads": 5,
        "num_hidden_layers": 4,
        "intermediate_size": 13,
        "vocab_size": 101,
        "max_position_embeddings": 600,
        "local_attention": 9,
        "global_attn_every_n_layers": 3,
        "norm_eps": 1e-5,
        "pad_token_id": 1,
    },
    "modernbert-new": {
        "model_type": "modernbert",
        "hidden_size": 12,
        "num_attention_heads": 2,
        "num_hidden_layers": 3,
        "intermediate_size": 7,
        "vocab_size": 53,
        "max_position_embeddings": 40,
        "local_attention": 16,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 500.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 30.0},
        },
        "norm_bias": True,
        "attention_bias": True,
        "mlp_bias": True,
        "hidden_activation": "gelu_pytorch_tanh",
        "pad_token_id": 1,
    },
    "electra-no-projection": {"model_type": "electra", **_SIZES, "embedding_size": 20, "num_hidden_layers": 2},
}

LONGEST = {
    "bert": 40,
    "bert-one-head": 40,
    "distilbert": 40,
    "distilbert-relu": 23,
    "roberta": 40,
    "xlm-roberta": 23,
    "camembert": 38,
    "mpnet": 150,
    "electra": 40,
    "modernbert": 600,
    "modernbert-new": 40,
    "electra-no-projection": 40,
}
"""The longest sentence that each of them can read, counted by hand."""

_BERT_PARTS = (
    ("attention.self.query", "hh"),
    ("attention.self.key", "hh"),
    ("attention.self.value", "hh"),
    ("attention.output.dense", "hh"),
    ("attention.output.LayerNorm", "h"),
    ("intermediate.dense", "ih"),
    ("output.dense", "hi"),
    ("output.LayerNorm", "h"),
)
_DISTILBERT_PARTS = (
    ("attention.q_lin", "hh"),
    ("attention.k_lin", "hh"),
    ("attention.v_lin", "hh"),
    ("attention.out_lin", "hh"),
    ("sa_layer_norm", "h"),
    ("ffn.lin1", "ih"),
    ("ffn.lin2", "hi"),
    ("output_layer_norm", "h"),
)
_MPNET_PARTS = (
    ("attention.attn.q", "hh"),
    ("attention.attn.k", "hh"),
    ("attention.attn.v", "hh"),
    ("attention.attn.o", "hh"),
    ("attention.LayerNorm", "h"),
    ("intermediate.dense", "ih"),
    ("output.dense", "hi"),
    ("output.LayerNorm", "h"),
)


def make_tensors(config: Mapping[str, Any], *, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Random weights for `config`, under the names that the family's own checkpoints have."""
    family = config["model_type"]
    if family == "modernbert":
        return _modern_tensors(config, seed)
    sizes = {
        "h": config.get("dim", config.get("hidden_size")),
        "i": config.get("hidden_dim", config.get("intermediate_size")),
        "e": config.get("embedding_size", config.get("dim", config.get("hidden_size"))),
        "v": config["vocab_size"],
        "p": config["max_position_embeddings"],
        "t": config.get("type_vocab_size", 2),
        "b": 32,
        "n": config.get("n_heads", config.get("num_attention_heads")),
    }
    axes = {"embeddings.word_embeddings.weight": "ve", "embeddings.position_embeddings.weight": "pe"}
    axes |= {"embeddings.LayerNorm.weight": "e", "embeddings.LayerNorm.bias": "e"}
    if family not in {"distilbert", "mpnet"}:
        axes["embeddings.token_type_embeddings.weight"] = "te"
    if sizes["e"] != sizes["h"]:
        axes |= {"embeddings_project.weight": "he", "embeddings_project.bias": "h"}
    if family == "mpnet":
        axes["encoder.relative_attention_bias.weight"] = "bn"
    parts = {"distilbert": _DISTILBERT_PARTS, "mpnet": _MPNET_PARTS}.get(family, _BERT_PARTS)
    stem = "transformer.layer" if family == "distilbert" else "encoder.layer"
    for layer in range(config.get("n_layers", config.get("num_hidden_layers", 0))):
        for part, letters in parts:
            axes |= {f"{stem}.{layer}.{part}.weight": letters, f"{stem}.{layer}.{part}.bias": letters[:1]}
    return {name: _random(name, tuple(sizes[letter] for letter in letters), seed) for name, letters in axes.items()}


def _modern_tensors(config: Mapping[str, Any], seed: int) -> dict[str, NDArray[np.float32]]:
    """ModernBERT's: three products in one matrix, a gate under the widening, no additions unless it says so."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    products = {"attn.Wqkv": (3 * hidden, hidden), "attn.Wo": (hidden, hidden)}
    products |= {"mlp.Wi": (2 * inner, hidden), "mlp.Wo": (hidden, inner)}
    shapes: dict[str, tuple[int, ...]] = {"embeddings.tok_embeddings.weight": (config["vocab_size"], hidden)}
    norms = ["embeddings.norm", "final_norm"]
    for layer in range(config["num_hidden_layers"]):
        norms += [f"layers.{layer}.mlp_norm"] + ([f"layers.{layer}.attn_norm"] if layer else [])
        for part, shape in products.items():
            shapes[f"layers.{layer}.{part}.weight"] = shape
            if config.get("attention_bias" if part.startswith("attn") else "mlp_bias"):
                shapes[f"layers.{layer}.{part}.bias"] = shape[:1]
    for norm in norms:
        shapes[f"{norm}.weight"] = (hidden,)
        if config.get("norm_bias"):
            shapes[f"{norm}.bias"] = (hidden,)
    return {name: _random(name, shape, seed) for name, shape in shapes.items()}


def _random(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Uniform numbers of a size that makes attention uneven, each tensor from a stream of its own."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    spread = 0.5 if len(shape) == 2 else 0.3
    centre = 1.0 if name.endswith(("LayerNorm.weight", "layer_norm.weight", "norm.weight")) else 0.0
    return (centre + spread * (2 * generator.random(shape) - 1)).astype(np.float32)


def write_checkpoint(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]] | None = None
) -> Path:
    """config.json and model.safetensors in `folder`; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dict(config)), "utf-8")
    save_file(dict(make_tensors(config) if tensors is None else tensors), folder / "model.safetensors")
    return folder


def random_ids(name: str, length: int, *, sentences: int = 2, seed: int = 0) -> NDArray[np.int64]:
    """Word pieces for the encoder `name`. The third is its padding id, as where a text spells "<pad>"."""
    generator = np.random.default_rng([seed, length, sentences])
    ids: NDArray[np.int64] = (generator.random((sentences, length)) * CONFIGS[name]["vocab_size"]).astype(np.int64)
    ids[:, 2:3] = CONFIGS[name].get("pad_token_id", 1)
    return ids
