"""The encoder as an ONNX graph: ids of equally long sentences in, poolings of layers out.

Out comes an onnx.ModelProto without weights: input `ids` (B, S), output `rows` (B, n_blocks * hidden_size), and one
output `tokens@I` (B, S, hidden_size) for each layer asked for whole.

Shapes in the comments: B sentences of S word pieces, d = hidden_size, H heads of h = d / H columns. Between the
attentions a batch is 2-D, (B * S, d): one row per word piece, so each product is one call. There is no attention
mask, because all sentences of a batch have the same length: no row can depend on what stands beside it, and nothing
is computed to be thrown away. The measurements behind each choice: docs/decisions/0003-graphs-without-a-mask.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from frostline.encoder.architecture import Shape
from frostline.encoder.features import Block, Pooling
from frostline.encoder.products import INT8_VERSION, FloatProducts, Form, Int8Products, Products

if TYPE_CHECKING:
    import onnx

    from frostline.encoder.draft import Draft

GRAPH_VERSION: int = 2
"""Raised whenever the graphs we build could give other numbers."""

IDS, WORDS, ROWS = "ids", "words", "rows"

FLOAT, INT64 = 1, 7  # onnx.TensorProto's numbers: this module is imported without onnx, which takes 0.2 s


def graph_version(form: Form) -> int:
    """What an `EncoderIdentity` holds: raised whenever rows in this form could be other numbers than before."""
    return GRAPH_VERSION if form == "float32" else 100 * GRAPH_VERSION + INT8_VERSION


def tokens_output(layer: int) -> str:
    """The name of the output that holds every word piece's state after `layer`."""
    return f"tokens@{layer}"


def build_graph(
    shape: Shape, blocks: Sequence[Block], *, token_layers: Sequence[int] = (), form: Form = "float32"
) -> "onnx.ModelProto":
    """The graph that computes `blocks`, in order, and the word pieces' states after `token_layers`, in one pass.

    Parameters
    ----------
    blocks : sequence of Block
        May be empty if `token_layers` is not. Layers above the highest that is needed are not built; where that one
        is needed for its [CLS] row alone, it is computed for that row alone.
    token_layers : sequence of int
        0 is the embedding output.
    form : {"float32", "signed", "unsigned"}
        How the layers' products are computed; int8 is one of the last two.
    """
    sketch = Sketch.begin(shape, form)
    whole = {block.layer for block in blocks if block.pooling != "cls"} | set(token_layers)
    highest = highest_layer(blocks, token_layers)
    pooled: dict[Block, str] = {}
    tokens: dict[int, str] = {}
    states = sketch.embed()
    for layer in range(highest + 1):
        first_only = layer == highest and layer not in whole and layer > 0
        if layer:
            states = sketch.layer(layer - 1, states, first_only=first_only)
        by_sentence = states if first_only else sketch.by_sentence(states)
        tokens[layer] = by_sentence
        pooled |= {
            block: states if first_only else sketch.pool(by_sentence, block.pooling)
            for block in blocks
            if block.layer == layer
        }
    outputs: dict[str, tuple[str, Sequence[str | int]]] = {
        tokens_output(layer): (tokens[layer], ("B", "S", shape.hidden_size)) for layer in token_layers
    }
    if blocks:
        rows = sketch.draft.op("Concat", [pooled[block] for block in blocks], {"axis": 1})
        outputs[ROWS] = rows, ("B", len(blocks) * shape.hidden_size)
    words = ("vocabulary", shape.embedding_size)
    return sketch.draft.model({IDS: (INT64, ("B", "S")), WORDS: (FLOAT, words)}, outputs)


def highest_layer(blocks: Sequence[Block], token_layers: Sequence[int]) -> int:
    """The last layer that the graph for these computes; 0 is the embedding output."""
    return max({block.layer for block in blocks} | set(token_layers))


def needs_weight(name: str, highest: int) -> bool:
    """Whether a graph up to the layer `highest` takes the weight `name` when it is opened."""
    if name.startswith("layers."):
        return int(name.split(".")[1]) < highest
    return name != WORDS and (name != "relative_bias" or highest > 0)


@final
@dataclass(frozen=True, slots=True)
class Sketch:
    """The pieces that an encoder is made of, written into `draft`. Values are named by what they hold."""

    draft: "Draft"
    shape: Shape
    products: Products

    @classmethod
    def begin(cls, shape: Shape, form: Form = "float32") -> "Sketch":
        """An empty one."""
        from frostline.encoder.draft import Draft  # noqa: PLC0415 - it imports onnx

        draft = Draft()
        return cls(draft, shape, _products(draft, shape, form))

    def embed(self) -> str:
        """Layer 0: the embeddings of words and positions, normalised. (B * S, d)."""
        op, shape = self.draft.op, self.shape
        summed = op("Add", [op("Gather", [WORDS, IDS]), self._positions()])
        states = self._norm(
            "embedded", op("Reshape", [summed, self.draft.whole(-1, shape.embedding_size)]), embedded=True
        )
        if not shape.has_projection:
            return states
        return FloatProducts(self.draft).product("projection", states, (shape.hidden_size, shape.embedding_size))

    def layer(self, number: int, states: str, *, first_only: bool) -> str:
        """Layer `number` (from 0) over `states` (B * S, d): attention, then two products. (B * S, d).

        With `first_only` its output is the [CLS] rows alone, (B, d): keys and values come from every word piece,
        everything else is computed for the first.
        """
        return self.widened(number, self.attended(number, states, first_only=first_only))

    def attended(self, number: int, states: str, *, first_only: bool = False) -> str:
        """The first half of layer `number`: what attention adds to `states`, normalised."""
        op, name, square = self.draft.op, f"layers.{number}.", (self.shape.hidden_size, self.shape.hidden_size)
        asking = self.pool(self.by_sentence(states), "cls") if first_only else states
        mixed = self._attention(name, asking, states, first_only=first_only)
        return self._norm(
            f"{name}attended_norm", op("Add", [self.products.product(f"{name}attended", mixed, square), asking])
        )

    def widened(self, number: int, middle: str) -> str:
        """The second half: what the two feed-forward products add to `middle`, normalised."""
        shape, name = self.shape, f"layers.{number}."
        wide = self.products.product(f"{name}widen", middle, (shape.inner_size, shape.hidden_size))
        narrow = self.products.narrowed(f"layers.{number}", middle, wide, shape)
        return self._norm(f"{name}norm", self.draft.op("Add", [narrow, middle]))

    def by_sentence(self, states: str) -> str:
        """`states` (B * S, d) as (B, S, d)."""
        sizes = self.draft.op(
            "Concat", [self._batch(), self._length(), self.draft.whole(self.shape.hidden_size)], {"axis": 0}
        )
        return self.draft.op("Reshape", [states, sizes])

    def pool(self, states: str, pooling: Pooling) -> str:
        """One row per sentence from `states` (B, S, d). (B, d)."""
        op = self.draft.op
        if pooling == "cls":
            return op("Gather", [states, self.draft.constant(np.array(0, np.int64))], {"axis": 1})
        if pooling == "max":
            return op("ReduceMax", [states, self.draft.whole(1)], {"keepdims": 0})
        # A product with 1/S, S times: ReduceMean sums one sentence in another order than several, so that a
        # sentence alone would differ in its last bits from the same sentence in a batch.
        length = op("Cast", [self._length()], {"to": FLOAT})
        share = op("Div", [self.draft.constant(np.array([1], np.float32)), length])
        shares = op("Expand", [share, op("Concat", [self.draft.whole(1), self._length()], {"axis": 0})])
        return op("Squeeze", [op("MatMul", [shares, states]), self.draft.whole(1)])

    def _attention(self, name: str, asking: str, states: str, *, first_only: bool) -> str:
        """Each row of `asking`, as the mixture of the values of its sentence that its query asks for."""
        op, shape = self.draft.op, self.shape
        square = (shape.hidden_size, shape.hidden_size)

        def heads(part: str, rows: str, axes: Sequence[int], *, length: str) -> str:
            """A product of `rows`, cut into heads: (B, S, H, h), its axes then in the order `axes`."""
            sizes = op("Concat", [self._batch(), length, self.draft.whole(shape.n_heads, shape.head_size)], {"axis": 0})
            cut = op("Reshape", [self.products.product(f"{name}{part}", rows, square), sizes])
            return op("Transpose", [cut], {"perm": list(axes)})

        query = heads("query", asking, (0, 2, 1, 3), length=self.draft.whole(1) if first_only else self._length())
        key = heads("key", states, (0, 2, 3, 1), length=self._length())
        value = heads("value", states, (0, 2, 1, 3), length=self._length())
        if first_only:  # asked twice, answered once: one row alone is summed in another order than several are
            query = op("Concat", [query, query], {"axis": 2})
        scores = op("com.microsoft.FusedMatMul", [query, key], {"alpha": 1 / math.sqrt(shape.head_size)})
        if shape.relative_bias:
            scores = op("Add", [scores, self._relative_bias(first_only=first_only)])
        mixed = op("MatMul", [op("Softmax", [scores], {"axis": -1}), value])  # (B, H, S, h)
        if first_only:
            mixed = op("Gather", [mixed, self.draft.whole(0)], {"axis": 2})
        together = op("Transpose", [mixed], {"perm": [0, 2, 1, 3]})
        return op("Reshape", [together, self.draft.whole(-1, shape.hidden_size)])

    def _relative_bias(self, *, first_only: bool) -> str:
        """What the distance of two word pieces adds to their score. (H, S, S), or (H, 1, S)."""
        op, whole = self.draft.op, self.draft.whole
        longest = self.shape.max_positions
        biases = self.draft.weight("relative_bias", (self.shape.n_heads, 2 * longest - 1))
        places = self._places()
        asking = self.draft.constant(np.array([0], np.int64)) if first_only else places
        distances = op("Sub", [op("Unsqueeze", [places, whole(0)]), op("Unsqueeze", [asking, whole(1)])])
        return op("Gather", [biases, op("Add", [distances, whole(longest - 1)])], {"axis": 1})

    def _positions(self) -> str:
        """The embedding of each word piece's position: (S, e), or (B, S, e) where padding ids are skipped."""
        op, padding = self.draft.op, self.shape.position_padding
        table = self.draft.weight("positions", (self.shape.n_positions, self.shape.embedding_size))
        if padding is None:
            return op("Slice", [table, self.draft.whole(0), self._length()])
        # transformers counts only the word pieces that are no padding: a sentence that spells "<pad>" has one inside.
        counts = op(
            "Cast", [op("Not", [op("Equal", [IDS, self.draft.constant(np.array(padding, np.int64))])])], {"to": INT64}
        )
        running = op("Mul", [op("CumSum", [counts, self.draft.constant(np.array(1, np.int64))]), counts])
        return op("Gather", [table, op("Add", [running, self.draft.whole(padding)])])

    def _norm(self, name: str, rows: str, *, embedded: bool = False) -> str:
        size = (self.shape.embedding_size if embedded else self.shape.hidden_size,)
        parts = [self.draft.weight(f"{name}.{part}", size) for part in ("scale", "shift")]
        return self.draft.op("LayerNormalization", [rows, *parts], {"axis": -1, "epsilon": self.shape.epsilon})

    def _places(self) -> str:
        """0 .. S - 1."""
        zero, one = (self.draft.constant(np.array(number, np.int64)) for number in (0, 1))
        return self.draft.op("Range", [zero, self.draft.op("Squeeze", [self._length()]), one])

    def _batch(self) -> str:
        """[B]."""
        return self.draft.op("Shape", [IDS], {"start": 0, "end": 1})

    def _length(self) -> str:
        """[S]."""
        return self.draft.op("Shape", [IDS], {"start": 1, "end": 2})


def _products(draft: "Draft", shape: Shape, form: Form) -> Products:
    return FloatProducts(draft) if form == "float32" else Int8Products(draft, form, shape)
