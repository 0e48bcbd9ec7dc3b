"""A sweep's single blocks laid out layer by pooling, and the colours that both the terminal and the plot use.

In:   a `Sweep`.
Out:  a `Heat`; a colour for a share between 0 and 1.
Not:  drawing (sweep_terminal.py, sweep_plot.py).

The colours are a few steps of cividis, which runs from blue to yellow with even lightness: it is read alike with and
without the common colour blindnesses, and in grey (Nuñez, Anderton, Renslow 2018, PLoS ONE 13:e0199239).
"""

from dataclasses import dataclass
from typing import final

from frostline.encoder.features import POOLINGS, Block, Pooling
from frostline.sweep.results import Sweep, Trial

_STEPS = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838")


@final
@dataclass(frozen=True, slots=True)
class Heat:
    """The single blocks: cells[layer][pooling]; `range` is of the scores that are not the same for every text."""

    layers: tuple[str, ...]
    poolings: tuple[Pooling, ...]
    cells: tuple[tuple[Trial, ...], ...]
    range: tuple[float, float]


def heat_of(sweep: Sweep) -> Heat:
    """The blocks of `sweep` by layer and pooling."""
    by_block = {trial.candidate.blocks[0]: trial for trial in sweep.trials if trial.candidate.is_single}
    layers = range(sweep.n_layers + 1)
    cells = tuple(tuple(by_block[Block(layer, pooling)] for pooling in POOLINGS) for layer in layers)
    told = [trial.score.value for trial in by_block.values() if trial.chosen_C is not None]
    return Heat(tuple(map(layer_name, layers)), POOLINGS, cells, (min(told), max(told)))


def layer_name(layer: int) -> str:
    """Layer 0 is what comes before the first transformer layer, which its number does not tell."""
    return "0 (embeddings)" if layer == 0 else str(layer)


def shade(share: float) -> str:
    """A terminal style: the step of the colours for `share`, with ink that is readable on it."""
    step = min(len(_STEPS) - 1, max(0, round(share * (len(_STEPS) - 1))))
    return f"{'black' if step >= 5 else 'white'} on {_STEPS[step]}"
