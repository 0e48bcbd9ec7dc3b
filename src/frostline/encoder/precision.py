"""Which arithmetic reads: float32, or int8 where the processor has instructions for it.

In:   what was asked for; the machine.
Out:  what is used, and why, in one sentence.
Not:  whether int8 is good enough for somebody's texts (gate.py), whether its sums are exact (exact.py).

Nothing is assumed of a processor. int8 is used where the system names an instruction for it; and whether its sums are
exact is tried out, with numbers that no sum in 16 bits can hold, whenever an int8 encoder is opened (exact.py).
"""

from typing import Literal, TypeAlias, get_args

from frostline.errors import UsageError
from frostline.machine import Machine, this_machine

Precision: TypeAlias = Literal["float32", "int8"]
AskedPrecision: TypeAlias = Literal["float32", "int8", "auto"]

ASKED_PRECISIONS: tuple[AskedPrecision, ...] = get_args(AskedPrecision)
DEFAULT_PRECISION: AskedPrecision = "float32"

INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "asimddp")
"""Any of them multiplies and adds numbers of 8 bits exactly: Intel and AMD, smaller Intel, ARM."""


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
