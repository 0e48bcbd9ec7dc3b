"""Which arithmetic reads: float32, or int8 where the processor has instructions for it.

Nothing is assumed of a processor. int8 is used where the system names an instruction for it; and whether its sums are
exact is tried out, with numbers that no sum in 16 bits can hold, whenever an int8 encoder is opened (int8.py).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, final

import numpy as np

from frostline.arrays import Features
from frostline.errors import UsageError
from frostline.machine import Machine, this_machine

Precision: TypeAlias = Literal["float32", "int8", "int7", "bfloat16"]
"""`int7` is int8 with rows of 7 bits, for processors whose sums of 8 would not be exact at speed: AVX2 alone."""

AskedPrecision: TypeAlias = Literal["float32", "int8", "int7", "bfloat16", "auto"]

ASKED_PRECISIONS: tuple[AskedPrecision, ...] = ("float32", "int8", "bfloat16", "auto")  # int7 is what int8 becomes
DEFAULT_PRECISION: AskedPrecision = "float32"

INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "asimddp")
"""Any of them multiplies and adds numbers of 8 bits exactly: Intel and AMD, smaller Intel, ARM."""


class PrecisionWarning(UserWarning):
    """Something else than the precision that was asked for is used."""


def int8_instruction(machine: Machine | None = None) -> str | None:
    """The instruction that makes int8 fast on `machine` (this one unless given); None where none is known."""
    instructions = (machine or this_machine()).instructions
    return next((name for name in INSTRUCTIONS if name in instructions), None)


def whole_numbers(machine: Machine | None = None) -> Precision | None:
    """In which whole numbers `machine` (this one unless given) reads faster than in float32; None: in none."""
    chosen = machine or this_machine()
    if int8_instruction(chosen) is not None:
        return "int8"
    return "int7" if "avx2" in chosen.instructions else None


def why_not_int8(machine: Machine | None = None) -> str | None:
    """Why int8 is not used on `machine` (this one unless given), in one sentence; None where it can be."""
    chosen = machine or this_machine()
    if int8_instruction(chosen) is not None:
        return None
    return f"This processor ({chosen.processor}) has no instruction for int8 ({', '.join(INSTRUCTIONS)})."


def check_precision(precision: str, *, allowed: tuple[str, ...] = ASKED_PRECISIONS) -> None:
    """Raise unless `precision` is one of `allowed`.

    Raises `UsageError`: it isn't.
    """
    if precision not in allowed:
        decides = "auto is decided on texts: SentenceClassifier(precision='auto') and the command line do so."
        hint = decides if precision == "auto" else ""
        raise UsageError(f"The precision must be {' or '.join(allowed)} (got {precision!r}).", hint=hint)


LEAST_EQUAL = 0.99
LEAST_COSINE = 0.998


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What reading the same texts both ways showed."""

    n_texts: int
    # `mean_cosine`, `lowest_cosine`: Between a text's two rows.
    mean_cosine: float
    lowest_cosine: float
    # `n_predicted`, `n_equal`: Texts that one head, fitted on float32 rows of other texts, labelled from both rows, and
    # on how many of them it said the same. 0 and 0 where there were no labels.
    n_predicted: int = 0
    n_equal: int = 0
    # `seconds_float32`, `seconds_int8`: To get the rows, kept ones included: no measure of speed.
    seconds_float32: float = 0.0
    seconds_int8: float = 0.0

    @property
    def is_passed(self) -> bool:
        """Whether int8 may be used."""
        is_equal = self.n_equal >= LEAST_EQUAL * self.n_predicted
        return is_equal and self.mean_cosine >= LEAST_COSINE

    def __str__(self) -> str:
        equal = ""
        if self.n_predicted:
            share = self.n_equal / self.n_predicted
            equal = f"{self.n_equal} of {self.n_predicted} equal predictions ({share:.1%}; needed {LEAST_EQUAL:.0%}), "
        return (
            f"{equal}mean cosine {self.mean_cosine:.5f} (needed {LEAST_COSINE}), lowest {self.lowest_cosine:.5f}, "
            f"on {self.n_texts} texts"
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecord:
    """Which precision read, and why."""

    asked: AskedPrecision
    used: Precision
    reason: str  # One sentence
    gate: Gate | None = None  # What `auto` measured; None where nothing was


def taken_as_asked(asked: AskedPrecision) -> PrecisionRecord | None:
    """The record of a precision that every processor has, None for others; `UsageError` where there is none such."""
    if asked != "int7":
        check_precision(asked)
    if asked in {"int8", "auto"}:
        return None
    return PrecisionRecord(asked=asked, used=cast("Precision", asked), reason="It was asked for.")


def cosines(first: Features, second: Features) -> Features:
    """The cosine between rows of the same text (n_texts,); 1 where both are zero."""
    one, other = first.astype(np.float64), second.astype(np.float64)
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    products = (one * other).sum(axis=1)
    both_zero = (sizes == 0) & (first == second).all(axis=1)
    cosines: Features = np.where(both_zero, 1, products / np.where(sizes == 0, 1, sizes)).astype(np.float64)
    return cosines
