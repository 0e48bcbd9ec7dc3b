"""What a graph takes and gives: the names, the numbers of word pieces, and the versions of both.

How it is written (graph.py) is loaded only where none was kept.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from frostline.arrays import IntArray
from frostline.encoder.architecture import Shape
from frostline.encoder.features import Block

Form: TypeAlias = Literal["float32", "signed", "unsigned", "short"]
"""How products are computed. `signed` and `unsigned` give the same numbers: weights as they are, or 128 added to each.

Processors with VNNI multiply unsigned by signed numbers at four times the speed of float32. Those with AVX2 alone
saturate in the middle of such sums; unsigned by unsigned they are exact, only slower. `short` has rows of 7 bits, of
which no two products pass 16 bits: with signed weights it is exact on AVX2 too, and faster; its rows are less exact.
"""

INT8_VERSION = 2
"""Raised whenever the int8 rows we build could be other numbers than before, float32 being the same."""

GRAPH_VERSION: int = 2
"""Raised whenever the graphs we build could give other numbers."""

LAYOUT: int = 2
"""Raised whenever a graph takes or gives the same numbers in another form."""

IDS, WORDS, ROWS = "ids", "words", "rows"
SENTENCES = "sentences"
PLACES, FIRSTS = "places", "firsts"
BEGINS, ENDS, LENGTHS = "begins", "ends", "lengths"
FIRST_SENTENCES, LAST_SENTENCES = "first_sentences", "last_sentences"
WHOLE = "whole"


def graph_version(form: Form) -> int:
    """What an `EncoderIdentity` holds: raised whenever rows in this form could be other numbers than before."""
    return GRAPH_VERSION if form == "float32" else 100 * GRAPH_VERSION + INT8_VERSION


def tokens_output(layer: int) -> str:
    """The name of the output that holds every word piece's state after `layer`."""
    return f"tokens@{layer}"


def graph_inputs(shape: Shape, runs: Sequence[IntArray]) -> dict[str, IntArray]:
    """What a graph is given, beside the embeddings of words, for `runs` of equally long sentences.

    Parameters
    ----------
    runs : sequence of ndarray of shape (B, S), int64
        Word pieces; B >= 1, S >= 1. The graph's rows come in the same order.
    """
    tokens = np.cumsum([0, *(run.size for run in runs)])
    sentences = np.cumsum([0, *(len(run) for run in runs)])
    starts = [start + np.arange(len(run)) * run.shape[1] for start, run in zip(tokens[:-1], runs, strict=True)]
    return {
        IDS: np.concatenate([run.ravel() for run in runs]),
        PLACES: np.concatenate([_places(run, shape.position_padding).ravel() for run in runs]),
        FIRSTS: np.concatenate(starts),
        BEGINS: tokens[:-1, None].copy(),
        ENDS: tokens[1:, None].copy(),
        LENGTHS: np.array([[run.shape[1]] for run in runs]),
        FIRST_SENTENCES: sentences[:-1, None].copy(),
        LAST_SENTENCES: sentences[1:, None].copy(),
        WHOLE: np.array(runs[0].shape if len(runs) == 1 else (1, tokens[-1])),
    }


def _places(run: IntArray, padding: int | None) -> IntArray:
    """Which row of the table of positions belongs to each word piece: (B, S)."""
    if padding is None:
        return np.broadcast_to(np.arange(run.shape[1]), run.shape)
    # transformers counts only the word pieces that are no padding: a sentence that spells "<pad>" has one inside.
    counts = (run != padding).astype(np.int64)
    places: IntArray = np.cumsum(counts, axis=1) * counts + padding
    return places


def highest_layer(blocks: Sequence[Block], token_layers: Sequence[int]) -> int:
    """The last layer that the graph for these computes; 0 is the embedding output."""
    return max({block.layer for block in blocks} | set(token_layers))


def needs_weight(name: str, highest: int, *, n_layers: int) -> bool:
    """Whether a graph up to the layer `highest` of `n_layers` takes the weight `name` when it is opened."""
    if name.startswith("layers."):
        return int(name.split(".")[1]) < highest
    if name.startswith("last."):
        return highest == n_layers
    return name != WORDS and (name != "relative_bias" or highest > 0)
