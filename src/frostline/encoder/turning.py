"""Attention whose queries and keys are turned by their places, in a graph: ModernBERT's (modern.py).

Of a long text some queries are taken at a time, and in a layer that looks at near word pieces only those keys: all
scores of 8,192 word pieces at once would take 3 GB.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

import numpy as np

from frostline.encoder.modern import Rotary

if TYPE_CHECKING:
    from frostline.encoder.draft import Draft

QUERIES = 512
"""Word pieces that ask at a time."""

FLOAT = 1  # onnx.TensorProto's number: this module is imported without onnx

Mix: TypeAlias = Callable[["Draft", str, str, str, str | None], str]
"""Queries (B, H, Q, h), keys (B, H, h, K), values (B, H, K, h) and what is added to the scores: (B, H, Q, h)."""


@final
@dataclass(frozen=True, slots=True)
class Turning:
    """The attention of one layer."""

    rotary: Rotary
    is_local: bool
    head_size: int
    mix: Mix

    def attention(self, draft: "Draft", length: str, heads: tuple[str, str, str], *, first_only: bool) -> str:
        """Queries, keys and values (B, H, S, h) each: (B, H, S, h).

        Parameters
        ----------
        length : str
            [S].
        first_only : bool
            The queries are those of the first word piece, which is not turned.
        """
        op, whole, (asked, keys, values) = draft.op, draft.whole, heads
        turn = self._turn(draft, length)
        keys = turn(keys)
        if first_only:
            seen = op("Min", [length, whole(self.rotary.reach + 1)]) if self.is_local else length
            return self._seen(draft, asked, (keys, values), (whole(0), seen), None)
        asked, share = turn(asked), whole(QUERIES)

        def of_share(inner: "Draft", number: str | None) -> str:
            op, some, start, end = inner.op, asked, whole(0), length
            if number is not None:
                start = op("Reshape", [op("Mul", [number, share]), inner.whole(1)])
                end = op("Min", [length, op("Add", [start, share])])
                some = op("Slice", [asked, start, end, inner.whole(2)])
            mixed = self._of_queries(inner, length, some, (keys, values), (start, end))
            return op("Transpose", [mixed], {"perm": [2, 0, 1, 3]})  # shares are joined along the first axis

        n_shares = op("Squeeze", [op("Div", [op("Add", [length, whole(QUERIES - 1)]), share])])
        return op("Transpose", [draft.each(n_shares, of_share, always=True)], {"perm": [1, 2, 0, 3]})

    def _of_queries(
        self, draft: "Draft", length: str, asked: str, others: tuple[str, str], places: tuple[str, str]
    ) -> str:
        """What the queries from one place to another are given."""
        op, whole = draft.op, draft.whole
        if not self.is_local:
            return self._seen(draft, asked, others, None, None)
        reach = whole(self.rotary.reach)
        first = op("Max", [whole(0), op("Sub", [places[0], reach])])
        last = op("Min", [length, op("Add", [places[1], reach])])
        return self._seen(draft, asked, others, (first, last), self._out_of_sight(draft, places, (first, last)))

    def _seen(
        self, draft: "Draft", asked: str, others: tuple[str, str], edges: tuple[str, str] | None, bias: str | None
    ) -> str:
        """Queries mixed with the keys and values between two edges."""
        keys, values = others
        if edges is not None:
            keys, values = (draft.op("Slice", [rows, *edges, draft.whole(2)]) for rows in others)
        return self.mix(draft, asked, draft.op("Transpose", [keys], {"perm": [0, 1, 3, 2]}), values, bias)

    def _out_of_sight(self, draft: "Draft", asking: tuple[str, str], seen: tuple[str, str]) -> str:
        """(Q, K): nothing where a key is within reach of a query, and else what leaves it no share."""
        op, one = draft.op, draft.constant(np.array(1, np.int64))
        queries, keys = (op("Range", [*(op("Squeeze", [edge]) for edge in edges), one]) for edges in (asking, seen))
        distances = op("Abs", [op("Sub", [op("Unsqueeze", [queries, draft.whole(1)]), keys])])
        is_near = op("LessOrEqual", [distances, draft.constant(np.array(self.rotary.reach, np.int64))])
        return op("Where", [is_near, *(draft.constant(np.array(value, np.float32)) for value in (0, -np.inf))])

    def _turn(self, draft: "Draft", length: str) -> Callable[[str], str]:
        """What turns rows (B, H, S, h) by their places: column i together with column i + h / 2."""
        op, whole, half = draft.op, draft.whole, self.head_size // 2
        speeds = self.rotary.speeds(self.head_size, is_local=self.is_local)
        stored = draft.stored(f"speeds.{'local' if self.is_local else 'whole'}", speeds)
        zero, one = (draft.constant(np.array(number, np.int64)) for number in (0, 1))
        places = op("Cast", [op("Range", [zero, op("Squeeze", [length]), one])], {"to": FLOAT})
        angles = op("Mul", [op("Unsqueeze", [places, whole(1)]), stored])
        cosines, sines = op("Cos", [angles]), op("Sin", [angles])

        def turn(rows: str) -> str:
            left = op("Slice", [rows, whole(0), whole(half), whole(3)])
            right = op("Slice", [rows, whole(half), whole(2 * half), whole(3)])
            turned = (
                op("Sub", [op("Mul", [left, cosines]), op("Mul", [right, sines])]),
                op("Add", [op("Mul", [right, cosines]), op("Mul", [left, sines])]),
            )
            return op("Concat", turned, {"axis": 3})

        return turn
