"""What a processor could do at most in 8-bit products, and how much work reading is."""

from collections.abc import Sequence

import numpy as np

from frostline.encoder.architecture import Shape
from frostline.encoder.cost import operations, per_second
from frostline.encoder.draft import Draft
from frostline.encoder.int8 import exact_form
from frostline.encoder.products import WEIGHT_TYPES
from frostline.encoder.session import open_session

_N_ROWS = 512  # word pieces of a batch
_UINT8, _INT32 = 2, 6  # onnx.TensorProto's numbers


def int8_gops(shape: Shape, *, threads: int, seconds: float) -> float:
    """Billions of operations per second in lone MatMulIntegerToFloat of the encoder's sizes, on `threads` threads."""
    draft, form = Draft(), exact_form(None)
    kind, sizes = WEIGHT_TYPES[form], (shape.hidden_size, shape.inner_size)
    one, zero = draft.constant(np.array(1, np.float32)), draft.constant(np.array(0, np.uint8))
    inputs = ["rows", draft.weight("levels", sizes, kind=kind), one, one, zero, draft.constant(np.array(0, kind))]
    product = draft.op("com.microsoft.MatMulIntegerToFloat", inputs)
    graph = draft.model({"rows": (_UINT8, ("n", shape.hidden_size))}, {"sums": (product, ("n", shape.inner_size))})
    session = open_session(graph.SerializeToString(), {"levels": np.full(sizes, 3, kind)})
    rows = np.full((_N_ROWS, shape.hidden_size), 5, np.uint8)
    session.run(None, {"rows": rows})
    per_s = per_second(lambda: lambda: session.run(None, {"rows": rows}), threads=threads, seconds=seconds)
    return 2 * _N_ROWS * shape.hidden_size * shape.inner_size * per_s / 1e9


def work_gflop(shape: Shape, lengths: Sequence[int], *, cls_only: bool) -> float:
    """Billions of operations in the products that read sentences of these lengths.

    With `cls_only` the last layer is computed for [CLS] alone, but for its keys and values.
    """
    found = sum(operations(shape, length) for length in lengths)
    if cls_only:
        hidden, inner = shape.hidden_size, shape.inner_size
        per_row = 2 * hidden * hidden + 2 * hidden * inner
        found -= sum(2 * (length - 1) * (per_row + 2 * length * hidden) for length in lengths)
    return found / 1e9
