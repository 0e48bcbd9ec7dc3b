"""Small real checkpoints, and a backend without arithmetic."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

from frostline.arrays import Features
from frostline.encoder.reading import Backend, TokenBatch
from frostline.errors import BackendError

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefghijklmnopqrstuvwxyz.,!?",
    "##a",
    "##b",
    "good",
    "bad",
    "film",
]
SIZES = {"vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SIZES |= {"intermediate_size": 24, "max_position_embeddings": 40, "type_vocab_size": 2}


def bert_tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights of a BERT of SIZES, under the names that transformers gives them."""
    rng = np.random.default_rng(seed)
    width, inner = SIZES["hidden_size"], SIZES["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (SIZES["vocab_size"], width),
        "embeddings.position_embeddings.weight": (SIZES["max_position_embeddings"], width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
    }
    for layer in range(SIZES["num_hidden_layers"]):
        for name, rows, columns in [
            ("attention.self.query", width, width),
            ("attention.self.key", width, width),
            ("attention.self.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", inner, width),
            ("output.dense", width, inner),
        ]:
            shapes[f"encoder.layer.{layer}.{name}.weight"] = (rows, columns)
            shapes[f"encoder.layer.{layer}.{name}.bias"] = (rows,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"encoder.layer.{layer}.{name}.weight"] = (width,)
            shapes[f"encoder.layer.{layer}.{name}.bias"] = (width,)
    return {name: (rng.standard_normal(shape) * 0.3).astype(np.float32) for name, shape in shapes.items()}


def make_checkpoint(folder: Path, *, seed: int = 0, vocabulary_only: bool = False) -> Path:
    """A whole small BERT in `folder`: config.json, model.safetensors, and tokenizer.json or vocab.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": 1e-12, **SIZES}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 32}))
    save_file(bert_tensors(seed), folder / "model.safetensors")
    if vocabulary_only:
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    else:
        tokenizer = Tokenizer(WordPiece({word: row for row, word in enumerate(WORDS)}, unk_token="[UNK]"))  # noqa: S106 - a word piece
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@dataclass
class FakeBackend(Backend):
    """Rows that hold a text's ids, summed and counted; fails on texts that hold the piece `poison`."""

    poison: int | None = None
    seconds: float = 0.0
    batches: list[TokenBatch] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def forward(self, batch: TokenBatch) -> Features:
        self.batches.append(batch)
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds)
        if self.poison is not None and (batch.ids == self.poison).any():
            raise BackendError("the runtime broke down.")
        sums = batch.ids.sum(axis=1)
        weighted = (batch.ids * np.arange(1, batch.ids.shape[1] + 1)).sum(axis=1)
        return np.stack([sums, weighted], axis=1).astype(np.float32)
