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
    Vaswani et al. 2017, arXiv:1706.03762, equation 1; the bias by distance is MPNet's (architecture.py).
    """
    shape, tensors = architecture.shape, architecture.tensors
    n_pieces = states.shape[1]
    bias = _bias_by_distance(architecture, n_pieces)
    shares = np.empty((shape.n_layers, shape.n_heads, n_pieces, n_pieces), np.float32)
    for layer, given in enumerate(states[:-1]):
        query, key = (_product(tensors, f"layers.{layer}.{part}.", given) for part in ("query", "key"))
        asking, asked = (each.reshape(n_pieces, shape.n_heads, shape.head_size) for each in (query, key))
        scores = np.einsum("qhk,phk->hqp", asking, asked) / math.sqrt(shape.head_size) + bias
        grown = np.exp(scores - scores.max(axis=2, keepdims=True))
        shares[layer] = grown / grown.sum(axis=2, keepdims=True)
    return shares


def _product(tensors: Mapping[str, Float32Array], name: str, rows: Features) -> Features:
    product: Features = rows @ tensors[f"{name}weight"].T + tensors[f"{name}bias"]
    return product


def _bias_by_distance(architecture: Architecture, n_pieces: int) -> Float32Array | float:
    """What is added to the scores (n_heads, n_pieces, n_pieces); 0 for families without such a bias."""
    if not architecture.shape.relative_bias:
        return 0.0
    places = np.arange(n_pieces)
    distance = places[None, :] - places[:, None]  # from query to key, as graph.py has it
    columns = distance + architecture.shape.max_positions - 1
    biases: Float32Array = architecture.tensors["relative_bias"][:, columns]
    return biases
