"""Who looks at whom: the attention of every layer and head over one sentence, out of its word pieces' states."""

import math
from collections.abc import Mapping

import numpy as np

from frostline.arrays import Features, Float32Array
from frostline.encoder.architecture import Architecture


def attention(architecture: Architecture, states: Features) -> Float32Array:
    """Shares (n_layers, n_heads, n_pieces, n_pieces): how much each word piece (rows) takes of each (columns).

    Our graphs keep no attention, which would cost every reading; it follows from the states that a layer was given.

    Parameters
    ----------
    states : ndarray of shape (n_layers + 1, n_pieces, hidden_size)
        Of one sentence: the embeddings, then every layer's.

    References
    ----------
    Vaswani et al. 2017, arXiv:1706.03762, equation 1; the bias by distance is MPNet's (architecture.py), the turning by
    places ModernBERT's (modern.py).
    """
    architecture.check()
    shape, tensors = architecture.shape, architecture.tensors
    n_pieces = states.shape[1]
    shares = np.empty((shape.n_layers, shape.n_heads, n_pieces, n_pieces), np.float32)
    for layer, state in enumerate(states[:-1]):
        given = _norm(architecture, f"layers.{layer}.attended_norm.", state) if shape.is_modern and layer else state
        query, key = (_product(tensors, f"layers.{layer}.{part}.", given) for part in ("query", "key"))
        asking, asked = (each.reshape(n_pieces, shape.n_heads, shape.head_size) for each in (query, key))
        if shape.rotary is not None:
            turn = shape.rotary.speeds(shape.head_size, is_local=shape.rotary.is_local[layer])
            asking, asked = _turned(asking, turn), _turned(asked, turn)
        bias = _bias_by_distance(architecture, layer, n_pieces)
        scores = np.einsum("qhk,phk->hqp", asking, asked) / math.sqrt(shape.head_size) + bias
        grown = np.exp(scores - scores.max(axis=2, keepdims=True))
        shares[layer] = grown / grown.sum(axis=2, keepdims=True)
    return shares


def _product(tensors: Mapping[str, Float32Array], name: str, rows: Features) -> Features:
    product: Features = rows @ tensors[f"{name}weight"].T + tensors[f"{name}bias"]
    return product


def _norm(architecture: Architecture, name: str, rows: Features) -> Features:
    centred = rows - rows.mean(axis=1, keepdims=True)
    whole = centred / np.sqrt(rows.var(axis=1, keepdims=True) + architecture.shape.epsilon)
    normalised: Features = whole * architecture.tensors[f"{name}scale"] + architecture.tensors[f"{name}shift"]
    return normalised


def _turned(rows: Float32Array, speeds: Float32Array) -> Float32Array:
    """Rows (n_pieces, n_heads, head_size), column i turned together with column i + head_size / 2."""
    angles = (np.arange(len(rows), dtype=np.float32)[:, None] * speeds)[:, None]
    left, right = np.split(rows, 2, axis=2)
    cosines, sines = np.cos(angles), np.sin(angles)
    turned: Float32Array = np.concatenate([left * cosines - right * sines, right * cosines + left * sines], axis=2)
    return turned


def _bias_by_distance(architecture: Architecture, layer: int, n_pieces: int) -> Float32Array | float:
    """What is added to the scores (n_heads or 1, n_pieces, n_pieces); 0 for families without such a bias."""
    shape, places = architecture.shape, np.arange(n_pieces)
    distance = places[None, :] - places[:, None]  # from query to key, as graph.py has it
    if shape.rotary is not None and shape.rotary.is_local[layer]:
        return np.where(np.abs(distance) <= shape.rotary.reach, 0, -np.inf).astype(np.float32)[None]
    if not shape.relative_bias:
        return 0.0
    biases: Float32Array = architecture.tensors["relative_bias"][:, distance + shape.max_positions - 1]
    return biases
