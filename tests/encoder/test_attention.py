"""Attention out of states: with it, each layer's states come out of the ones before, written down by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
from checkpoints import CONFIGS, random_ids, write_checkpoint
from graph_tools import bundled_minilm

from frostline.arrays import Features
from frostline.encoder.architecture import Architecture, load_architecture
from frostline.encoder.attention import attention
from frostline.encoder.onnx import OnnxBackend
from frostline.encoder.reading import TokenBatch


def states_of(architecture: Architecture, ids: np.ndarray) -> Features:
    layers = tuple(range(architecture.shape.n_layers + 1))
    backend = OnnxBackend.open(architecture, blocks=(), identity_digest="", kept=None, token_layers=layers)
    states = backend.states(TokenBatch(np.zeros(1, np.int64), ids[None]), layers)
    stacked: Features = np.stack([states[layer][0] for layer in layers])
    return stacked


def next_states(architecture: Architecture, layer: int, given: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """A layer as the papers write it, in float64: what attention mixes, and the two products behind it."""
    tensors = {name: tensor.astype(np.float64) for name, tensor in architecture.tensors.items() if name != "words"}

    def product(part: str, rows: np.ndarray) -> np.ndarray:
        made: np.ndarray = rows @ tensors[f"layers.{layer}.{part}.weight"].T + tensors[f"layers.{layer}.{part}.bias"]
        return made

    def norm(part: str, rows: np.ndarray) -> np.ndarray:
        return norm_of(architecture, tensors, f"layers.{layer}.{part}", rows)

    def bent(wide: np.ndarray) -> np.ndarray:
        gelu: np.ndarray = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        return gelu

    n_heads, head_size = architecture.shape.n_heads, architecture.shape.head_size
    if architecture.shape.is_modern:
        asked = norm("attended_norm", given) if layer else given
        values = product("value", asked).reshape(len(given), n_heads, head_size)
        middle = given + product("attended", np.einsum("hqp,phk->qhk", shares[layer], values).reshape(given.shape))
        read = norm("norm", middle)
        added = middle + product("narrow", bent(product("widen", read)) * product("gate", read))
        is_last = layer == architecture.shape.n_layers - 1
        return norm_of(architecture, tensors, "last", added) if is_last else added
    values = product("value", given).reshape(len(given), n_heads, head_size)
    mixed = np.einsum("hqp,phk->qhk", shares[layer].astype(np.float64), values).reshape(given.shape)
    attended = norm("attended_norm", given + product("attended", mixed))
    wide = product("widen", attended)
    return norm("norm", attended + product("narrow", bent(wide)))


def norm_of(architecture: Architecture, tensors: dict[str, np.ndarray], name: str, rows: np.ndarray) -> np.ndarray:
    spread = np.sqrt(rows.var(axis=1, keepdims=True) + architecture.shape.epsilon)
    whole = (rows - rows.mean(axis=1, keepdims=True)) / spread
    made: np.ndarray = whole * tensors[f"{name}.scale"] + tensors[f"{name}.shift"]
    return made


@pytest.mark.parametrize("family", ["minilm", "bert", "distilbert", "mpnet", "modernbert"])
def test_states_follow_from_attention(family: str, tmp_path: Path) -> None:
    """Families with a bias by distance, and with positions that turn queries and keys, too: an account in numpy."""
    folder = bundled_minilm() if family == "minilm" else write_checkpoint(tmp_path, CONFIGS[family])
    architecture = load_architecture(folder)
    ids = np.array([101, 1037, 18385, 2633, 102]) if family == "minilm" else random_ids(family, 23)[0]
    states = states_of(architecture, ids)
    shares = attention(architecture, states)
    assert shares.shape == (architecture.shape.n_layers, architecture.shape.n_heads, len(ids), len(ids))
    assert shares.sum(axis=3) == pytest.approx(np.ones(shares.shape[:3]), abs=1e-5)
    for layer in range(architecture.shape.n_layers):
        given = states[layer].astype(np.float64)
        assert next_states(architecture, layer, given, shares) == pytest.approx(states[layer + 1], abs=2e-5)
