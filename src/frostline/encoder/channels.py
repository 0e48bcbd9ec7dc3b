"""How large each channel of each product's input gets: what evening out the channels needs to know.

In:   an `Architecture`.
Out:  the largest size of each channel, for the inputs of each layer's products.
Not:  what follows from it (quantised.py).

It is found by reading word pieces drawn at random. They serve as well as real text (docs/decisions/0020), need none,
and make the build the same everywhere.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from frostline.arrays import Float32Array, IntArray
from frostline.encoder.graph import FLOAT, IDS, INT64, WORDS, Sketch
from frostline.encoder.products import activation
from frostline.encoder.shape import Shape
from frostline.errors import InputError

if TYPE_CHECKING:
    import onnx

N_SEQUENCES = 256
N_PIECES = 16
SEED = 0


def random_pieces(shape: Shape) -> IntArray:
    """Sequences of random word pieces, (N_SEQUENCES, S), the same for ever.

    Only `Generator.random` is used, whose stream numpy keeps from version to version.
    """
    n_pieces = min(N_PIECES, shape.max_positions)
    drawn: IntArray = (np.random.default_rng(SEED).random((N_SEQUENCES, n_pieces)) * shape.vocab_size).astype(np.int64)
    return drawn


def build_channels_graph(shape: Shape) -> "onnx.ModelProto":
    """The graph in float32 whose outputs `layers.I.asked`, `.widen` and `.narrow` are each channel's largest size."""
    sketch = Sketch.begin(shape)
    op, whole = sketch.draft.op, sketch.draft.whole
    found: dict[str, str] = {}
    states = sketch.embed()
    for number in range(shape.n_layers):
        middle = sketch.attended(number, states)
        found[f"layers.{number}.asked"] = op("ReduceMax", [op("Abs", [states]), whole(0)], {"keepdims": 0})
        found[f"layers.{number}.widen"] = op("ReduceMax", [op("Abs", [middle]), whole(0)], {"keepdims": 0})
        states, bent = sketch.widened(number, middle), _bent(sketch, number, middle)
        found[f"layers.{number}.narrow"] = op("ReduceMax", [op("Abs", [bent]), whole(0)], {"keepdims": 0})
    sizes = {"asked": shape.hidden_size, "widen": shape.hidden_size, "narrow": shape.inner_size}
    outputs = {name: (value, (sizes[name.rpartition(".")[2]],)) for name, value in found.items()}
    return sketch.draft.model({IDS: (INT64, ("B", "S")), WORDS: (FLOAT, ("vocabulary", shape.embedding_size))}, outputs)


def _bent(sketch: Sketch, number: int, middle: str) -> str:
    """What goes into the second feed-forward product of layer `number`; written once, though `widened` has it too."""
    shape = sketch.shape
    wide = sketch.products.product(f"layers.{number}.widen", middle, (shape.inner_size, shape.hidden_size))
    return activation(sketch.draft, shape.activation, wide)


def largest_sizes(parts: Iterable[Mapping[str, Float32Array]]) -> dict[str, Float32Array]:
    """Each channel's largest size over several batches' answers of that graph.

    Raises
    ------
    InputError
        One is not finite: the encoder overflows float32.
    """
    found: dict[str, Float32Array] = {}
    for part in parts:
        for name, sizes in part.items():
            found[name] = np.maximum(found.get(name, sizes), sizes)
    for name, sizes in found.items():
        if not np.isfinite(sizes).all():
            raise InputError(
                f"Every channel must be finite for int8 (got NaN or infinity in {name}).",
                hint="The encoder's weights overflow in float32, or its file is damaged.",
            )
    return found
