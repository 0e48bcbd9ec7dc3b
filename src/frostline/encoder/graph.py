"""The encoder as an ONNX graph: ids of sentences in, run after run of equally long ones; poolings of layers out.

Out comes an onnx.ModelProto without weights: what `graph_inputs` gives in, output `rows` (N, n_blocks * hidden_size),
and one output `tokens@I` (T, hidden_size) for each layer asked for whole.

Shapes in the comments: N sentences of T word pieces in all, d = hidden_size, H heads of h = d / H columns; a run has
B sentences of S word pieces each. All but attention and the mean is 2-D, (T, d): one row per word piece, so each
product is one call, whatever the lengths. Attention and the mean take run after run. There is no attention
mask, because all sentences of a run have the same length: no row can depend on what stands beside it, and nothing
is computed to be thrown away. The measurements behind each choice: docs/decisions/0003-graphs-without-a-mask.md and
0048-lengths-packed.md.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from frostline.encoder.architecture import Shape
from frostline.encoder.features import Block
from frostline.encoder.layout import (
    BEGINS,
    ENDS,
    FIRST_SENTENCES,
    FIRSTS,
    IDS,
    LAST_SENTENCES,
    LENGTHS,
    PLACES,
    ROWS,
    SENTENCES,
    WHOLE,
    WORDS,
    Form,
    highest_layer,
    tokens_output,
)
from frostline.encoder.products import FloatProducts, Int8Products, Products

if TYPE_CHECKING:
    import onnx

    from frostline.encoder.draft import Draft

FLOAT, INT64 = 1, 7  # onnx.TensorProto's numbers: this module is imported without onnx, which takes 0.2 s


def build_graph(
    shape: Shape,
    blocks: Sequence[Block],
    *,
    token_layers: Sequence[int] = (),
    form: Form = "float32",
    packed: bool = True,
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
    packed : bool, default=True
        Take run after run, as `graph_inputs` gives them. Otherwise take one run, `SENTENCES` (B, S): the same bits, and
        a tenth of a millisecond or two less for each call.
    """
    sketch = Sketch.begin(shape, form) if packed else Sketch.of_equals(shape, form, ids=SENTENCES)
    layers, rows = sketch.read(blocks, token_layers=token_layers)
    outputs: dict[str, tuple[str, Sequence[str | int]]] = {
        tokens_output(layer): (layers[layer], ("T", shape.hidden_size)) for layer in token_layers
    }
    if rows is not None:
        outputs[ROWS] = rows, ("N", len(blocks) * shape.hidden_size)
    if packed:
        return sketch.model(outputs)
    words = ("vocabulary", shape.embedding_size)
    return sketch.draft.model({SENTENCES: (INT64, ("B", "S")), WORDS: (FLOAT, words)}, outputs)


@final
@dataclass(frozen=True, slots=True)
class Sketch:
    """The pieces that an encoder is made of, written into `draft`. Values are named by what they hold."""

    draft: "Draft"
    shape: Shape
    products: Products
    portable: bool = False  # Float32's graph holds operators of ONNX alone, none of ONNX Runtime's own

    @classmethod
    def begin(cls, shape: Shape, form: Form = "float32") -> "Sketch":
        """An empty one."""
        from frostline.encoder.draft import Draft  # noqa: PLC0415 - it imports onnx

        draft = Draft()
        return cls(draft, shape, _products(draft, shape, form))

    @classmethod
    def of_equals(
        cls, shape: Shape, form: Form, *, ids: str, portable: bool = False, draft: "Draft | None" = None
    ) -> "Sketch":
        """One over the input `ids` (B, S), sentences of one length, which makes of it all that `graph_inputs` gives."""
        if draft is None:
            from frostline.encoder.draft import Draft  # noqa: PLC0415 - it imports onnx

            draft = Draft(one_time=True)
        op, whole, zero, one = draft.op, draft.whole, *(draft.constant(np.array(n, np.int64)) for n in (0, 1))
        sizes = op("Shape", [ids])
        n_sentences, length = (op("Gather", [sizes, number]) for number in (zero, one))
        if shape.position_padding is None:
            places = op("Expand", [op("Range", [zero, length, one]), sizes])
        else:
            padding = draft.constant(np.array(shape.position_padding, np.int64))
            counts = op("Cast", [op("Not", [op("Equal", [ids, padding])])], {"to": INT64})
            places = op("Add", [op("Mul", [op("CumSum", [counts, one]), counts]), padding])
        draft.named(IDS, op("Reshape", [ids, whole(-1)]))
        draft.named(PLACES, op("Reshape", [places, whole(-1)]))
        draft.named(FIRSTS, op("Mul", [op("Range", [zero, n_sentences, one]), length]))
        draft.named(WHOLE, sizes)
        return cls(draft, shape, _products(draft, shape, form), portable)

    def read(self, blocks: Sequence[Block], *, token_layers: Sequence[int] = ()) -> tuple[list[str], str | None]:
        """Every layer as far as it is needed, (T, d) each, the last perhaps (N, d); and `blocks`, if there are any."""
        whole = {block.layer for block in blocks if block.pooling != "cls"} | set(token_layers)
        highest = highest_layer(blocks, token_layers)
        layers = [self.embed()]
        for layer in range(1, highest + 1):
            layers.append(self.layer(layer - 1, layers[-1], first_only=layer == highest and layer not in whole))
        if not blocks:
            return layers, None
        return layers, self.pooled(blocks, layers, last_is_first=highest > 0 and highest not in whole)

    def embed(self) -> str:
        """Layer 0: the embeddings of words and positions, normalised. (T, d)."""
        op, shape = self.draft.op, self.shape
        summed = op("Gather", [WORDS, IDS])
        if shape.n_positions:
            table = self.draft.weight("positions", (shape.n_positions, shape.embedding_size))
            summed = op("Add", [summed, op("Gather", [table, PLACES])])
        states = self._norm("embedded", summed, embedded=True)
        if not shape.has_projection:
            return states
        return FloatProducts(self.draft).product("projection", states, (shape.hidden_size, shape.embedding_size))

    def layer(self, number: int, states: str, *, first_only: bool) -> str:
        """Layer `number` (from 0) over `states` (T, d): attention, then two products. (T, d).

        With `first_only` its output is the [CLS] rows alone, (N, d): keys and values come from every word piece,
        everything else is computed for the first.
        """
        return self.widened(number, self.attended(number, states, first_only=first_only))

    def attended(self, number: int, states: str, *, first_only: bool = False) -> str:
        """The first half of layer `number`: what attention adds to `states`, normalised (or added to what was)."""
        op, name, square = self.draft.op, f"layers.{number}.", (self.shape.hidden_size, self.shape.hidden_size)
        given = self.asked(number, states)
        asking, own = (self.firsts(rows) if first_only else rows for rows in (given, states))
        mixed = self._attention(number, asking, given, first_only=first_only)
        added = op("Add", [self.products.product(f"{name}attended", mixed, square), own])
        return added if self.shape.is_modern else self._norm(f"{name}attended_norm", added)

    def widened(self, number: int, middle: str) -> str:
        """The second half: what the feed-forward products add to `middle`, normalised (or added to what was)."""
        shape, name = self.shape, f"layers.{number}."
        given = self.wide_asked(number, middle)
        wide = self.products.product(f"{name}widen", given, (shape.inner_size, shape.hidden_size))
        narrow = self.products.narrowed(f"layers.{number}", given, wide, shape)
        added = self.draft.op("Add", [narrow, middle])
        if not shape.is_modern:
            return self._norm(f"{name}norm", added)
        return self._norm("last", added) if number == shape.n_layers - 1 else added

    def asked(self, number: int, states: str) -> str:
        """What query, key and value of layer `number` are products of; the embeddings are normalised already."""
        return self._norm(f"layers.{number}.attended_norm", states) if self.shape.is_modern and number else states

    def wide_asked(self, number: int, middle: str) -> str:
        """What the first feed-forward product of layer `number` is made of."""
        return self._norm(f"layers.{number}.norm", middle) if self.shape.is_modern else middle

    def pooled(self, blocks: Sequence[Block], layers: Sequence[str], *, last_is_first: bool) -> str:
        """One row per sentence, of `blocks` in their order, out of each layer's states. (N, blocks * d).

        Parameters
        ----------
        last_is_first : bool
            Whether the last layer was computed for [CLS] alone.
        """
        firsts = [self.firsts(states) for states in layers[:-1]]
        firsts.append(layers[-1] if last_is_first else self.firsts(layers[-1]))
        parts: list[str] = []
        for is_first, neighbours in itertools.groupby(blocks, key=lambda block: block.pooling == "cls"):
            some = list(neighbours)
            parts += [firsts[block.layer] for block in some] if is_first else [self._means(some, layers)]
        return self.draft.op("Concat", parts, {"axis": 1})

    def firsts(self, states: str) -> str:
        """Each sentence's first row of `states` (T, d): [CLS]. (N, d)."""
        return self.draft.op("Gather", [states, FIRSTS])

    def _means(self, blocks: Sequence[Block], layers: Sequence[str]) -> str:
        """Means and maxima over the word pieces of each sentence. (N, blocks * d)."""

        def of_run(inner: "Draft", run: str | None) -> str:
            op, length = inner.op, self._length(inner, run)
            # A product with 1/S, S times: ReduceMean sums one sentence in another order than several, so that a
            # sentence alone would differ in its last bits from the same sentence in a batch.
            share = op("Div", [inner.constant(np.array([1], np.float32)), op("Cast", [length], {"to": FLOAT})])
            shares = op("Expand", [share, op("Concat", [inner.whole(1), length], {"axis": 0})])
            rows = []
            for block in blocks:
                states = self._cut(inner, run, layers[block.layer], (self.shape.hidden_size,))
                if block.pooling == "max":
                    rows.append(op("ReduceMax", [states, inner.whole(1)], {"keepdims": 0}))
                else:
                    rows.append(op("Squeeze", [op("MatMul", [shares, states]), inner.whole(1)]))
            return op("Concat", rows, {"axis": 1})

        return self.draft.each(self._n_runs(), of_run)

    def model(self, outputs: Mapping[str, tuple[str, Sequence[str | int]]]) -> "onnx.ModelProto":
        """The finished graph, which takes what `graph_inputs` gives, and the embeddings of words."""
        inputs: dict[str, tuple[int, Sequence[str | int]]] = {
            **dict.fromkeys((IDS, PLACES), (INT64, ("T",))),
            FIRSTS: (INT64, ("N",)),
            **dict.fromkeys((BEGINS, ENDS, LENGTHS, FIRST_SENTENCES, LAST_SENTENCES), (INT64, ("runs", 1))),
            WHOLE: (INT64, (2,)),
            WORDS: (FLOAT, ("vocabulary", self.shape.embedding_size)),
        }
        return self.draft.model(inputs, outputs)

    def _attention(self, number: int, asking: str, states: str, *, first_only: bool) -> str:
        """Each row of `asking`, as the mixture of the values of its sentence that its query asks for."""
        shape, square = self.shape, (self.shape.hidden_size, self.shape.hidden_size)
        query, key, value = (
            self.products.product(f"layers.{number}.{part}", rows, square)
            for part, rows in (("query", asking), ("key", states), ("value", states))
        )

        def of_run(inner: "Draft", run: str | None) -> str:
            op = inner.op

            def heads(rows: str, axes: Sequence[int], *, alone: bool = False) -> str:
                """A run's `rows`, cut into heads: (B, S, H, h), its axes then in the order `axes`."""
                cut = self._cut(inner, run, rows, (shape.n_heads, shape.head_size), alone=alone)
                return op("Transpose", [cut], {"perm": list(axes)})

            asked, values = heads(query, (0, 2, 1, 3), alone=first_only), heads(value, (0, 2, 1, 3))
            if first_only:  # asked twice, answered once: one row alone is summed in another order than several are
                asked = op("Concat", [asked, asked], {"axis": 2})
            if shape.rotary is None:
                keys, bias = heads(key, (0, 2, 3, 1)), None
                if shape.relative_bias:
                    bias = self._relative_bias(inner, run, first_only=first_only)
                mixed = self._mixed(inner, asked, keys, values, bias)
            else:
                from frostline.encoder.turning import Turning  # noqa: PLC0415 - of one family alone

                turning = Turning(shape.rotary, shape.rotary.is_local[number], shape.head_size, self._mixed)
                keys = heads(key, (0, 2, 1, 3))
                length = self._length(inner, run)
                mixed = turning.attention(inner, length, (asked, keys, values), first_only=first_only)
            if first_only:
                mixed = op("Gather", [mixed, inner.whole(0)], {"axis": 2})
            together = op("Transpose", [mixed], {"perm": [0, 2, 1, 3]})
            return together if run is None else op("Reshape", [together, inner.whole(-1, shape.hidden_size)])

        mixed = self.draft.each(self._n_runs(), of_run)
        return self.draft.op("Reshape", [mixed, self.draft.whole(-1, shape.hidden_size)])

    def _mixed(self, inner: "Draft", asked: str, keys: str, values: str, bias: str | None) -> str:
        """Queries (B, H, Q, h), keys (B, H, h, K) and values (B, H, K, h): (B, H, Q, h)."""
        op, alpha = inner.op, 1 / math.sqrt(self.shape.head_size)
        if self.portable:
            scores = op("Mul", [op("MatMul", [asked, keys]), inner.constant(np.array(alpha, np.float32))])
        else:
            scores = op("com.microsoft.FusedMatMul", [asked, keys], {"alpha": alpha})
        if bias is not None:
            scores = op("Add", [scores, bias])
        return op("MatMul", [op("Softmax", [scores], {"axis": -1}), values])

    def _relative_bias(self, inner: "Draft", run: str | None, *, first_only: bool) -> str:
        """What the distance of two word pieces adds to their score. (H, S, S), or (H, 1, S)."""
        op, whole = inner.op, inner.whole
        longest = self.shape.max_positions
        biases = inner.weight("relative_bias", (self.shape.n_heads, 2 * longest - 1))
        zero, one = (inner.constant(np.array(number, np.int64)) for number in (0, 1))
        places = op("Range", [zero, op("Squeeze", [self._length(inner, run)]), one])
        asking = whole(0) if first_only else places
        distances = op("Sub", [op("Unsqueeze", [places, whole(0)]), op("Unsqueeze", [asking, whole(1)])])
        return op("Gather", [biases, op("Add", [distances, whole(longest - 1)])], {"axis": 1})

    def _norm(self, name: str, rows: str, *, embedded: bool = False) -> str:
        size = (self.shape.embedding_size if embedded else self.shape.hidden_size,)
        parts = [self.draft.weight(f"{name}.{part}", size) for part in ("scale", "shift")]
        return self.draft.op("LayerNormalization", [rows, *parts], {"axis": -1, "epsilon": self.shape.epsilon})

    def _n_runs(self) -> str:
        return self.draft.op("Squeeze", [self.draft.op("Shape", [LENGTHS], {"start": 0, "end": 1})])

    def _length(self, inner: "Draft", run: str | None) -> str:
        """[S] of a run."""
        if run is None:
            return self.draft.op("Slice", [WHOLE, self.draft.whole(1), self.draft.whole(2)])
        return inner.op("Gather", [LENGTHS, run])

    def _cut(self, inner: "Draft", run: str | None, rows: str, sizes: Sequence[int], *, alone: bool = False) -> str:
        """The rows of a run as (B, S, *sizes); with `alone` they are one of each sentence, (B, 1, *sizes).

        Where there is but one run they are given that form outside of the branch, which copies nothing.
        """
        draft, begins, ends = inner, BEGINS, ENDS
        if alone:
            begins, ends = FIRST_SENTENCES, LAST_SENTENCES
        if run is None:
            draft = self.draft
        else:
            rows = draft.op("Slice", [rows, draft.op("Gather", [begins, run]), draft.op("Gather", [ends, run])])
        if alone:
            return draft.op("Reshape", [rows, draft.whole(-1, 1, *sizes)])
        first = [WHOLE] if run is None else [draft.whole(-1), self._length(inner, run)]
        return draft.op("Reshape", [rows, draft.op("Concat", [*first, draft.whole(*sizes)], {"axis": 0})])


def _products(draft: "Draft", shape: Shape, form: Form) -> Products:
    return FloatProducts(draft) if form == "float32" else Int8Products(draft, form, shape)
