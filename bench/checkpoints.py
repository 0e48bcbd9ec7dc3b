"""Full-size encoders with random weights: speed does not depend on what they know.

No accuracy may be spoken of.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from frostline.arrays import Float32Array
from frostline.encoder.checkpoint import find_checkpoint

WORD_PIECE_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
_SCALE = 0.02


@final
@dataclass(frozen=True, slots=True)
class Size:
    """What decides an encoder's cost."""

    n_layers: int
    hidden_size: int
    n_heads: int
    intermediate_size: int
    vocab_size: int = 30_522
    max_positions: int = 512


SIZES = {"distilbert": Size(6, 768, 12, 3072), "bert": Size(12, 768, 12, 3072)}


def random_checkpoint(family: str, folder: Path) -> Path:
    """A checkpoint of `family`'s real size in `folder`, its weights drawn with a fixed seed."""
    size = SIZES[family]
    folder.mkdir(parents=True, exist_ok=True)
    bundled = find_checkpoint("minilm").folder
    for name in WORD_PIECE_FILES:
        if (bundled / name).is_file():
            shutil.copyfile(bundled / name, folder / name)
    if family == "distilbert":  # it has no token types: transformers must not hand it any
        settings = folder / "tokenizer_config.json"
        told = {**json.loads(settings.read_text("utf-8")), "model_input_names": ["input_ids", "attention_mask"]}
        settings.write_text(json.dumps({**told, "tokenizer_class": "DistilBertTokenizer"}), "utf-8")
    (folder / "config.json").write_text(json.dumps(_config(family, size)), "utf-8")
    from safetensors.numpy import save_file  # noqa: PLC0415 - only where used

    save_file(_tensors(family, size), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _config(family: str, size: Size) -> dict[str, Any]:
    if family == "distilbert":
        return {
            "model_type": "distilbert",
            "architectures": ["DistilBertModel"],
            "n_layers": size.n_layers,
            "n_heads": size.n_heads,
            "dim": size.hidden_size,
            "hidden_dim": size.intermediate_size,
            "vocab_size": size.vocab_size,
            "max_position_embeddings": size.max_positions,
            "activation": "gelu",
        }
    return {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "num_hidden_layers": size.n_layers,
        "num_attention_heads": size.n_heads,
        "hidden_size": size.hidden_size,
        "intermediate_size": size.intermediate_size,
        "vocab_size": size.vocab_size,
        "max_position_embeddings": size.max_positions,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
    }


def _tensors(family: str, size: Size) -> dict[str, Float32Array]:
    random = np.random.default_rng(0)
    found: dict[str, Float32Array] = {}

    def linear(name: str, n_out: int, n_in: int) -> None:
        found[f"{name}.weight"] = random.standard_normal((n_out, n_in), np.float32) * np.float32(_SCALE)
        found[f"{name}.bias"] = np.zeros(n_out, np.float32)

    def norm(name: str) -> None:
        found[f"{name}.weight"] = np.ones(size.hidden_size, np.float32)
        found[f"{name}.bias"] = np.zeros(size.hidden_size, np.float32)

    tables = {"word_embeddings": size.vocab_size, "position_embeddings": size.max_positions}
    if family == "bert":
        tables["token_type_embeddings"] = 2
    for name, n_rows in tables.items():
        table = random.standard_normal((n_rows, size.hidden_size), np.float32) * np.float32(_SCALE)
        found[f"embeddings.{name}.weight"] = table
    norm("embeddings.LayerNorm")
    names = _LAYER_NAMES[family]
    for layer in range(size.n_layers):
        for part in names.attention:
            linear(f"{names.prefix}.{layer}.{part}", size.hidden_size, size.hidden_size)
        linear(f"{names.prefix}.{layer}.{names.widen}", size.intermediate_size, size.hidden_size)
        linear(f"{names.prefix}.{layer}.{names.narrow}", size.hidden_size, size.intermediate_size)
        for part in names.norms:
            norm(f"{names.prefix}.{layer}.{part}")
    if family == "bert":
        linear("pooler.dense", size.hidden_size, size.hidden_size)
    return found


@final
@dataclass(frozen=True, slots=True)
class _LayerNames:
    prefix: str
    attention: tuple[str, str, str, str]
    widen: str
    narrow: str
    norms: tuple[str, str]


_LAYER_NAMES = {
    "distilbert": _LayerNames(
        "transformer.layer",
        ("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"),
        "ffn.lin1",
        "ffn.lin2",
        ("sa_layer_norm", "output_layer_norm"),
    ),
    "bert": _LayerNames(
        "encoder.layer",
        (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
        ),
        "intermediate.dense",
        "output.dense",
        ("attention.output.LayerNorm", "output.LayerNorm"),
    ),
}
