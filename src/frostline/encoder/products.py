"""How a graph writes its products: in float32, or in whole numbers of 8 bits.

Int8: each row of numbers has a scale of its own, each column of weights too, and the sums are whole numbers, exact in
any order. So a row depends on itself alone, whatever stands beside it, and a processor cannot change a sum.
Figures, and what was tried: docs/decisions/0020-int8-products.md.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from frostline.arrays import Float32Array, IntArray
from frostline.encoder.architecture import Shape
from frostline.encoder.layout import Form
from frostline.encoder.settings import Activation

if TYPE_CHECKING:
    from frostline.encoder.draft import Draft

N_ASIDE = {"asked": 4, "widen": 4, "narrow": 2}
"""How many channels of each kind of input: of query, key and value together, and of the two feed-forward products."""

_LEAST_COMMON = 4  # so many channels go into 8 bits for each that does not: matters to toys alone


def n_aside(group: str, shape: Shape) -> int:
    """How many channels of the input `group` stay in float32."""
    n_channels = shape.inner_size if group == "narrow" else shape.hidden_size
    return min(N_ASIDE[group], n_channels // _LEAST_COMMON)


def kept_aside(channels: Float32Array, weights: list[Float32Array], n_kept: int) -> IntArray:
    """The `n_kept` channels whose largest size, times their largest weight, is largest; ascending.

    Parameters
    ----------
    channels : ndarray of shape (columns in,)
    weights : list of ndarray of shape (columns out, columns in)
    """
    columns = np.max([np.abs(weight).max(axis=0) for weight in weights], axis=0)
    size = channels.astype(np.float64) * columns.astype(np.float64)
    kept: IntArray = np.sort(np.argsort(-size, kind="stable")[:n_kept]).astype(np.int64)
    return kept


WEIGHT_TYPES: dict[Form, type[np.int8 | np.uint8]] = {"signed": np.int8, "unsigned": np.uint8, "short": np.int8}
ZERO_LEVEL: dict[Form, int] = {"signed": 0, "unsigned": 128, "short": 0}
"""The weights' level that means zero."""

ROW_LEVELS: dict[Form, int] = {"signed": 255, "unsigned": 255, "short": 127}
"""The highest level of a row; that which means zero is half of it, rounded up, where numbers have both signs."""

SHARED_INPUT = {"query": "asked", "key": "asked", "value": "asked", "widen": "widen", "gate": "widen"}
"""Products whose input is the output of a LayerNorm, and the name under which its channels are evened out."""

LEAST: dict[Activation, float] = {"gelu": -0.169972, "gelu_tanh": -0.170041, "relu": 0.0, "silu": -0.278465}
"""The lowest value of each activation, rounded down at the sixth place: nothing can lie below it."""

_SMALLEST_SCALE = 1e-9  # of a row of zeros


class Products(ABC):
    """Writes one product into a draft."""

    draft: "Draft"

    @abstractmethod
    def product(self, name: str, rows: str, columns: tuple[int, int]) -> str:
        """`rows` (n, in) times the weight called `name`, plus its bias. (n, out).

        Parameters
        ----------
        columns : (columns out, columns in)
        """

    @abstractmethod
    def narrowed(self, layer: str, middle: str, wide: str, shape: Shape) -> str:
        """The activation of `wide` (n, inner_size) times the weight `narrow` of `layer`, plus its bias. (n, out).

        Parameters
        ----------
        layer : str
            As in `layers.0`.
        middle : str
            (n, hidden_size), whose product `wide` is.
        """

    def bent(self, layer: str, middle: str, wide: str, shape: Shape) -> str:
        """What goes into the second feed-forward product: the activation of `wide`, in ModernBERT times a gate's."""
        rows = activation(self.draft, shape.activation, wide)
        if not shape.is_modern:
            return rows
        gate = self.product(f"{layer}.gate", middle, (shape.inner_size, shape.hidden_size))
        return self.draft.op("Mul", [rows, gate])


@final
@dataclass(frozen=True, slots=True)
class FloatProducts(Products):
    """One Gemm each, the weights as the checkpoint has them."""

    draft: "Draft"

    def product(self, name: str, rows: str, columns: tuple[int, int]) -> str:
        """As `Products.product`."""
        weight, bias = self.draft.weight(f"{name}.weight", columns), self.draft.weight(f"{name}.bias", columns[:1])
        return self.draft.op("Gemm", [rows, weight, bias], {"transB": 1})

    def narrowed(self, layer: str, middle: str, wide: str, shape: Shape) -> str:
        """As `Products.narrowed`."""
        bent = self.bent(layer, middle, wide, shape)
        return self.product(f"{layer}.narrow", bent, (shape.hidden_size, shape.inner_size))


@final
@dataclass(frozen=True, slots=True)
class Int8Products(Products):
    """Rows brought to 8 bits, a product of whole numbers, and back."""

    draft: "Draft"
    form: Form
    shape: Shape

    def product(self, name: str, rows: str, columns: tuple[int, int]) -> str:
        """As `Products.product`; the weights are those that `quantise` made."""
        draft = self.draft
        layer, _, part = name.rpartition(".")
        kept, n_kept = "", 0
        if part in SHARED_INPUT:
            group = SHARED_INPUT[part]
            n_kept = n_aside(group, self.shape)
            if n_kept:
                which = draft.weight(f"{layer}.{group}.kept", (n_kept,), kind=np.int64)
                kept = draft.op("Gather", [rows, which], {"axis": 1})
            rows = draft.op("Mul", [rows, draft.weight(f"{layer}.{group}.shrink", columns[1:])])
        return self._whole_numbers(name, rows, columns, (kept, n_kept))

    def narrowed(self, layer: str, middle: str, wide: str, shape: Shape) -> str:
        """As `Products.narrowed`. Columns of `wide` that stay in float32 are 0 there, and computed here."""
        draft, kind, kept = self.draft, shape.activation, ""
        n_kept = n_aside("narrow", shape)
        if n_kept:
            before = [draft.weight(f"{layer}.widen.kept.weight", (n_kept, shape.hidden_size))]
            before.append(draft.weight(f"{layer}.widen.kept.bias", (n_kept,)))
            kept = activation(draft, kind, draft.op("Gemm", [middle, *before], {"transB": 1}))
            if shape.is_modern:
                gate = [draft.weight(f"{layer}.gate.kept.weight", (n_kept, shape.hidden_size))]
                gate.append(draft.weight(f"{layer}.gate.kept.bias", (n_kept,)))
                kept = draft.op("Mul", [kept, draft.op("Gemm", [middle, *gate], {"transB": 1})])
        bent, least = self.bent(layer, middle, wide, shape), None if shape.is_modern else LEAST[kind]
        columns = (shape.hidden_size, shape.inner_size)
        return self._whole_numbers(f"{layer}.narrow", bent, columns, (kept, n_kept), least=least)

    def _whole_numbers(
        self, name: str, rows: str, columns: tuple[int, int], kept: tuple[str, int], *, least: float | None = None
    ) -> str:
        """`rows` brought to 8 bits, times the levels of `name`; plus its bias, and what `kept` channels give."""
        op, draft = self.draft.op, self.draft
        columns_out, columns_in = columns
        levels, scale, zero = self._levels(rows, least)
        inputs = [
            levels,
            draft.weight(f"{name}.levels", (columns_in, columns_out), kind=WEIGHT_TYPES[self.form]),
            draft.constant(np.array(1, np.float32)),
            draft.weight(f"{name}.scales", (columns_out,)),
            draft.constant(np.array(zero, np.uint8)),
            draft.constant(np.array(ZERO_LEVEL[self.form], WEIGHT_TYPES[self.form])),
        ]
        return self._with_bias(
            name, op("Mul", [op("com.microsoft.MatMulIntegerToFloat", inputs), scale]), columns_out, kept
        )

    def _with_bias(self, name: str, product: str, n_columns: int, kept: tuple[str, int]) -> str:
        """`product` (n, out) of `name`, plus its bias and what the channels in float32 (n, n_kept) give.

        In the short form the bias is a channel more: one product adds all, and is added to.
        """
        op, draft, (rows, n_kept) = self.draft.op, self.draft, kept
        if n_kept and self.form == "short":
            one = draft.constant(np.array([[1]], np.float32))
            size = op("Concat", [op("Shape", [rows], {"start": 0, "end": 1}), draft.whole(1)], {"axis": 0})
            channels = op("Concat", [rows, op("Expand", [one, size])], {"axis": 1})
            weight = draft.weight(f"{name}.aside_bias", (n_columns, n_kept + 1))
            return op("Gemm", [channels, weight, product], {"transB": 1})
        bias = draft.weight(f"{name}.bias", (n_columns,))
        if n_kept:
            bias = op("Gemm", [rows, draft.weight(f"{name}.aside", (n_columns, n_kept)), bias], {"transB": 1})
        return op("Add", [product, bias])

    def _levels(self, rows: str, least: float | None) -> tuple[str, str, int]:
        """`rows` as whole numbers from 0 to 255, the scale of each row (n, 1), and the number that means zero.

        Numbers of both signs take 127 levels each way. Where none lies below `least` they are moved up by it, and
        take all 255: the bias of the product holds the correction. In the short form it is 127, and 63 each way.
        """
        op, draft, most = self.draft.op, self.draft, ROW_LEVELS[self.form]
        both_ways = least is None
        if least:
            rows = op("Add", [rows, draft.constant(np.array(-least, np.float32))])
        largest = op("ReduceMax", [op("Abs", [rows]) if both_ways else rows, draft.whole(1)], {"keepdims": 1})
        floor = draft.constant(np.array(_SMALLEST_SCALE, np.float32))
        share = np.array(1 / (most // 2 if both_ways else most), np.float32)
        scale = op("Mul", [op("Max", [largest, floor]), draft.constant(share)])
        each = op("Squeeze", [scale, draft.whole(1)])
        zero = most // 2 + 1 if both_ways else 0
        zeros = op("Expand", [draft.constant(np.array([zero], np.uint8)), op("Shape", [each])])
        return op("QuantizeLinear", [rows, each, zeros], {"axis": 0}), scale, zero


def activation(draft: "Draft", kind: Activation, rows: str) -> str:
    """What stands between the two feed-forward products, applied to each number of `rows`."""
    if kind == "relu":
        return draft.op("Relu", [rows])
    if kind == "silu":
        return draft.op("Mul", [rows, draft.op("Sigmoid", [rows])])
    return draft.op("Gelu", [rows], {"approximate": "tanh" if kind == "gelu_tanh" else "none"})
