"""How each family spells the tensors that all of them have.

In:   nothing.
Out:  a table of names per spelling.
Not:  which family uses which (families.py), reading the tensors (architecture.py).
"""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How a family names its tensors, without the prefix; `{}` is the layer's number. Each has .weight and .bias."""

    layer: str
    query: str
    key: str
    value: str
    attended: str
    attended_norm: str
    widen: str
    narrow: str
    norm: str


BERT = Names(
    layer="encoder.layer.{}.",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attended="attention.output.dense",
    attended_norm="attention.output.LayerNorm",
    widen="intermediate.dense",
    narrow="output.dense",
    norm="output.LayerNorm",
)
DISTILBERT = Names(
    layer="transformer.layer.{}.",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attended="attention.out_lin",
    attended_norm="sa_layer_norm",
    widen="ffn.lin1",
    narrow="ffn.lin2",
    norm="output_layer_norm",
)
MPNET = Names(
    layer="encoder.layer.{}.",
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    attended="attention.attn.o",
    attended_norm="attention.LayerNorm",
    widen="intermediate.dense",
    narrow="output.dense",
    norm="output.LayerNorm",
)
