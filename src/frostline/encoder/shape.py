"""The sizes and choices of an encoder, under one name each, whatever its family calls them.

In:   nothing.
Out:  `Shape`.
Not:  reading one from a config (families.py).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

Activation: TypeAlias = Literal["gelu", "gelu_tanh", "relu", "silu"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes and choices of one encoder.

    Parameters
    ----------
    family : str
    n_layers, n_heads, hidden_size, vocab_size : int
    max_positions : int
        The longest sentence it can read, in word pieces ([CLS] and [SEP] included).
    embedding_size : int
        Width of the word embeddings: hidden_size, except for some ELECTRA.
    inner_size : int
        Width between the two feed-forward products.
    activation : {"gelu", "gelu_tanh", "relu", "silu"}
    epsilon : float
        Of every LayerNorm.
    position_padding : int or None
        None: the first word piece has position 0. Otherwise positions count from this number + 1 on, and a word
        piece with this id has this very number as its position, as in fairseq's RoBERTa.
    n_positions, n_token_types : int
        Rows of the tables of positions and of token types (0: there is no such table).
    relative_bias : bool
        Whether attention scores get a bias by the distance of the two word pieces.
    """

    family: str
    n_layers: int
    n_heads: int
    hidden_size: int
    vocab_size: int
    max_positions: int
    embedding_size: int
    inner_size: int
    activation: Activation
    epsilon: float
    position_padding: int | None
    n_positions: int
    n_token_types: int
    relative_bias: bool

    @property
    def has_projection(self) -> bool:
        """Whether the word embeddings are brought to the width of the layers by a product."""
        return self.embedding_size != self.hidden_size

    @property
    def head_size(self) -> int:
        """Columns per attention head."""
        return self.hidden_size // self.n_heads
