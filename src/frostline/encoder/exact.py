"""Whether products of 8-bit numbers are summed exactly here: tried out, whatever the processor says of itself.

In:   nothing but this machine.
Out:  the form of product to use.
Not:  what the processor claims (precision.py), the graphs (products.py).

On x86 with AVX2 alone, unsigned times signed saturates in 16 bits; no number of that kind is ever used there.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frostline.encoder.kept import kept_graph
from frostline.encoder.products import WEIGHT_TYPES, ZERO_LEVEL, Form
from frostline.errors import BackendError

_N_ROWS, _N_SUMMED, _N_COLUMNS = (1, 5), 67, 37  # multiples of nothing: kernels meet their edges


def exact_form(kept: Path | None) -> Form:
    """The faster form of int8 products whose sums are exact on this machine.

    Parameters
    ----------
    kept : Path or None
        The folder of built graphs.

    Raises
    ------
    BackendError
        Neither is exact: the runtime computes wrongly here.
    """
    for form in WEIGHT_TYPES:
        if is_exact(form, kept):
            return form
    raise BackendError(
        "Products of 8-bit numbers must be exact (this runtime's are not on this processor).",
        hint="Use --precision float32, and report this processor.",
    )


def is_exact(form: Form, kept: Path | None) -> bool:
    """Whether products in `form` give the sums of numpy's 64-bit integers, for the largest numbers there can be."""
    from frostline.encoder.onnx import open_session  # noqa: PLC0415 - imports onnxruntime

    weights = _largest_weights()
    levels = (weights.astype(np.int16) + ZERO_LEVEL[form]).astype(WEIGHT_TYPES[form])
    key = hashlib.sha256(json.dumps(["products", form, weights.shape]).encode()).hexdigest()
    session = open_session(kept_graph(kept, key, lambda: _product_graph(form)), {"levels": levels})
    for n_rows in _N_ROWS:
        rows = np.full((n_rows, _N_SUMMED), 255, np.uint8)
        rows[:, ::7] = 0
        expected = (rows.astype(np.int64) - 128) @ weights.astype(np.int64)
        found = session.run(None, {"rows": rows})[0]
        if not (found == expected).all():  # sums below 2 ** 24: float32 holds them exactly
            return False
    return True


def _largest_weights() -> NDArray[Any]:
    """Columns of 127, of -127, and of both in turn."""
    weights = np.full((_N_SUMMED, _N_COLUMNS), 127, np.int8)
    weights[:, 1::3] = -127
    weights[::2, 2::3] = -127
    return weights


def _product_graph(form: Form) -> bytes:
    from frostline.encoder.draft import Draft  # noqa: PLC0415 - it imports onnx

    draft, one = Draft(), np.array(1, np.float32)
    inputs = [
        "rows",
        draft.weight("levels", (_N_SUMMED, _N_COLUMNS), kind=WEIGHT_TYPES[form]),
        draft.constant(one),
        draft.constant(one),
        draft.constant(np.array(128, np.uint8)),
        draft.constant(np.array(ZERO_LEVEL[form], WEIGHT_TYPES[form])),
    ]
    product = draft.op("com.microsoft.MatMulIntegerToFloat", inputs)
    uint8 = 2  # onnx.TensorProto's number
    graph: bytes = draft.model(
        {"rows": (uint8, ("n", _N_SUMMED))}, {"sums": (product, ("n", _N_COLUMNS))}
    ).SerializeToString()
    return graph
