"""An encoder's int8 weights: kept from before, or measured, rounded and kept now.

In:   an `Architecture`, the digest of its files.
Out:  arrays for the int8 graph, in one of its two forms.
Not:  the rounding (quantised.py), which form (precision.py).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Float32Array
from frostline.encoder.architecture import PRODUCTS, Architecture
from frostline.encoder.channels import N_PIECES, N_SEQUENCES, SEED, build_channels_graph, largest_sizes, random_pieces
from frostline.encoder.graph import GRAPH_VERSION, IDS, WORDS
from frostline.encoder.kept import kept_weights
from frostline.encoder.products import Form
from frostline.encoder.quantised import INT8_VERSION, in_form, quantise
from frostline.encoder.weights import check_finite

_N_BATCHES = 16  # memory: 256 word pieces at once


def int8_weights(
    architecture: Architecture, *, identity_digest: str, kept: Path | None, form: Form
) -> dict[str, NDArray[Any]]:
    """All that the int8 graph takes: the products' weights in `form`, and what stays float32.

    Parameters
    ----------
    architecture : Architecture
    identity_digest : str
        Over everything that can change a row: weights kept under it were made from these very tensors.
    kept : Path or None
        A private folder; None to make them at every start.
    form : {"signed", "unsigned"}

    Raises
    ------
    InputError
        A weight is not finite, or the encoder overflows float32.
    """
    from safetensors.numpy import load  # noqa: PLC0415 - only where used: start-up time

    made_with = ["int8", INT8_VERSION, GRAPH_VERSION, identity_digest, N_SEQUENCES, N_PIECES, SEED]
    key = hashlib.sha256(json.dumps(made_with).encode()).hexdigest()
    content = kept_weights(kept, key, lambda: build_weights(architecture))
    made = {name: np.require(array, requirements=["ALIGNED"]) for name, array in load(content).items()}
    replaced = {f"{name}.{part}" for name in _product_names(architecture) for part in ("weight", "bias")}
    stays = {name: tensor for name, tensor in architecture.tensors.items() if name not in replaced}
    return stays | in_form(made, unsigned=form == "unsigned")


def build_weights(architecture: Architecture) -> bytes:
    """The int8 weights as a safetensors file; the same bytes whenever they are built on one machine."""
    from safetensors.numpy import save  # noqa: PLC0415 - only where used: start-up time

    for name, tensor in architecture.tensors.items():
        check_finite(name, tensor)
    content: bytes = save(quantise(architecture, measured_channels(architecture)))
    return content


def measured_channels(architecture: Architecture) -> dict[str, Float32Array]:
    """The largest size of each channel over random word pieces."""
    from frostline.encoder.onnx import open_session  # noqa: PLC0415 - imports onnxruntime

    graph = build_channels_graph(architecture.shape)
    declared = {tensor.name for tensor in graph.graph.initializer}
    weights = {name: tensor for name, tensor in architecture.tensors.items() if name in declared}
    session = open_session(graph.SerializeToString(), weights)
    names = [output.name for output in session.get_outputs()]
    words = architecture.tensors["words"]
    batches = np.array_split(random_pieces(architecture.shape), _N_BATCHES)
    return largest_sizes(dict(zip(names, session.run(names, {IDS: ids, WORDS: words}), strict=True)) for ids in batches)


def _product_names(architecture: Architecture) -> list[str]:
    return [f"layers.{number}.{part}" for number in range(architecture.shape.n_layers) for part in PRODUCTS]
