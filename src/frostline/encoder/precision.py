"""Which arithmetic reads: float32, or int8 where the processor has instructions for it.

In:   what was asked for; the machine.
Out:  what is used, and why, in one sentence.
Not:  whether int8 is good enough for somebody's texts (gate.py), the arithmetic (products.py).

Nothing is assumed of a processor. int8 is used where the system names an instruction for it; and whether its sums are
exact is tried out, with numbers that no sum in 16 bits can hold, whenever an int8 encoder is opened.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from frostline.encoder.kept import kept_graph
from frostline.encoder.products import WEIGHT_TYPES, ZERO_LEVEL, Form
from frostline.errors import BackendError, UsageError
from frostline.machine import Machine, this_machine

Precision: TypeAlias = Literal["float32", "int8"]
AskedPrecision: TypeAlias = Literal["float32", "int8", "auto"]

ASKED_PRECISIONS: tuple[AskedPrecision, ...] = get_args(AskedPrecision)
DEFAULT_PRECISION: AskedPrecision = "float32"

INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "asimddp")
"""Any of them multiplies and adds numbers of 8 bits exactly: Intel and AMD, smaller Intel, ARM."""

_N_ROWS, _N_SUMMED, _N_COLUMNS = (1, 5), 67, 37  # multiples of nothing: kernels meet their edges


class PrecisionWarning(UserWarning):
    """Something else than the precision that was asked for is used."""


def int8_instruction(machine: Machine | None = None) -> str | None:
    """The instruction that makes int8 fast on `machine` (this one unless given); None where none is known."""
    found = (machine or this_machine()).instructions
    return next((name for name in INSTRUCTIONS if name in found), None)


def why_not_int8(machine: Machine | None = None) -> str | None:
    """Why int8 is not used on `machine` (this one unless given), in one sentence; None where it can be."""
    chosen = machine or this_machine()
    if int8_instruction(chosen) is not None:
        return None
    return f"This processor ({chosen.processor}) has no instruction for int8 ({', '.join(INSTRUCTIONS)})."


def check_precision(precision: str, *, allowed: tuple[str, ...] = ASKED_PRECISIONS) -> None:
    """Raise unless `precision` is one of `allowed`.

    Raises
    ------
    UsageError
        It isn't.
    """
    if precision not in allowed:
        decides = "auto is decided on texts: SentenceClassifier(precision='auto') and the command line do so."
        hint = decides if precision == "auto" else ""
        raise UsageError(f"The precision must be {' or '.join(allowed)} (got {precision!r}).", hint=hint)


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
