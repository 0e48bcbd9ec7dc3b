"""How a graph writes its products: in float32, or in whole numbers of 8 bits.

In:   a draft, the name of a product, the rows that go in.
Out:  the rows that come out: rows · weightᵀ + bias, exactly or nearly.
Not:  where the products stand (graph.py), how the weights became whole numbers (quantised.py).

Int8: each row of numbers has a scale of its own, each column of weights too, and the sums are whole numbers, exact in
any order. So a row depends on itself alone, whatever stands beside it, and a processor cannot change a sum.
PERFORMANCE figures and what was tried: docs/decisions/0020-int8-products.md.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, final

import numpy as np

from frostline.encoder.shape import Activation

if TYPE_CHECKING:
    from frostline.encoder.draft import Draft

Form: TypeAlias = Literal["float32", "signed", "unsigned"]
"""How products are computed. Both forms of int8 give the same numbers: weights as they are, or 128 added to each.

Processors with VNNI multiply unsigned by signed numbers at four times the speed of float32. Those with AVX2 alone
saturate in the middle of such sums; unsigned by unsigned they are exact, only slower.
"""

WEIGHT_TYPES: dict[Form, type[np.int8 | np.uint8]] = {"signed": np.int8, "unsigned": np.uint8}
ZERO_LEVEL: dict[Form, int] = {"signed": 0, "unsigned": 128}
"""The weights' level that means zero."""

SHARED_INPUT = {"query": "asked", "key": "asked", "value": "asked", "widen": "widen"}
"""Products whose input is the output of a LayerNorm, and the name under which its channels are evened out."""

LEAST: dict[Activation, float] = {"gelu": -0.169972, "gelu_tanh": -0.170041, "relu": 0.0, "silu": -0.278465}
"""The lowest value of each activation, rounded down at the sixth place: nothing can lie below it."""

_SIGNED_LEVELS, _ALL_LEVELS = 127, 255
_SMALLEST_SCALE = 1e-9  # of a row of zeros


class Products(ABC):
    """Writes one product into a draft."""

    @abstractmethod
    def product(self, name: str, rows: str, columns: tuple[int, int], *, least: float | None = None) -> str:
        """`rows` (n, in) times the weight called `name`, plus its bias. (n, out).

        Parameters
        ----------
        columns : (columns out, columns in)
        least : float, optional
            A value that no number of `rows` lies below, where there is one.
        """


@final
@dataclass(frozen=True, slots=True)
class FloatProducts(Products):
    """One Gemm each, the weights as the checkpoint has them."""

    draft: "Draft"

    def product(self, name: str, rows: str, columns: tuple[int, int], *, least: float | None = None) -> str:
        """As `Products.product`."""
        del least
        weight, bias = self.draft.weight(f"{name}.weight", columns), self.draft.weight(f"{name}.bias", columns[:1])
        return self.draft.op("Gemm", [rows, weight, bias], {"transB": 1})


@final
@dataclass(frozen=True, slots=True)
class Int8Products(Products):
    """Rows brought to 8 bits, a product of whole numbers, and back.

    Parameters
    ----------
    draft : Draft
    form : {"signed", "unsigned"}
    """

    draft: "Draft"
    form: Form

    def product(self, name: str, rows: str, columns: tuple[int, int], *, least: float | None = None) -> str:
        """As `Products.product`; the weights are those that `quantise` made."""
        op, draft = self.draft.op, self.draft
        columns_out, columns_in = columns
        layer, _, part = name.rpartition(".")
        if part in SHARED_INPUT:
            rows = op("Mul", [rows, draft.weight(f"{layer}.{SHARED_INPUT[part]}.shrink", (columns_in,))])
        levels, scale, zero = self._levels(rows, least)
        inputs = [
            levels,
            draft.weight(f"{name}.levels", (columns_in, columns_out), kind=WEIGHT_TYPES[self.form]),
            draft.constant(np.array(1, np.float32)),
            draft.weight(f"{name}.scales", (columns_out,)),
            draft.constant(np.array(zero, np.uint8)),
            draft.constant(np.array(ZERO_LEVEL[self.form], WEIGHT_TYPES[self.form])),
        ]
        product = op("Mul", [op("com.microsoft.MatMulIntegerToFloat", inputs), scale])
        return op("Add", [product, draft.weight(f"{name}.bias", (columns_out,))])

    def _levels(self, rows: str, least: float | None) -> tuple[str, str, int]:
        """`rows` as whole numbers from 0 to 255, the scale of each row (n, 1), and the number that means zero.

        Numbers of both signs take 127 levels each way. Where none lies below `least` they are moved up by it, and
        take all 255: the bias of the product holds the correction.
        """
        op, draft = self.draft.op, self.draft
        both_ways = least is None
        if least:
            rows = op("Add", [rows, draft.constant(np.array(-least, np.float32))])
        largest = op("ReduceMax", [op("Abs", [rows]) if both_ways else rows, draft.whole(1)], {"keepdims": 1})
        floor = draft.constant(np.array(_SMALLEST_SCALE, np.float32))
        share = np.array(1 / (_SIGNED_LEVELS if both_ways else _ALL_LEVELS), np.float32)
        scale = op("Mul", [op("Max", [largest, floor]), draft.constant(share)])
        each = op("Squeeze", [scale, draft.whole(1)])
        zero = 128 if both_ways else 0
        zeros = op("Expand", [draft.constant(np.array([zero], np.uint8)), op("Shape", [each])])
        return op("QuantizeLinear", [rows, each, zeros], {"axis": 0}), scale, zero
