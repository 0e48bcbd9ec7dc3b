"""Which features a sweep tries: every single block, and joins of them.

In:   an encoder's depth; joins of the user's own, if there are any.
Out:  `Candidate`s, the single blocks first, no two of the same columns.
Not:  scoring them (cross.py, run.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from frostline.encoder.features import POOLINGS, TUTORIAL_FEATURES, WORDS, Block, FeatureSpec

SWEEP_FEATURES = "+".join(f"{pooling}@all" for pooling in POOLINGS)
"""What one reading must hold so that every candidate can be cut out of it. One pooling's layers stand side by side."""

LAST_LAYERS = 4


@final
@dataclass(frozen=True, slots=True)
class Candidate:
    """Features to try.

    Parameters
    ----------
    features : str
        As `--features` takes it. The last layer is written -1, so that `cls@-1` is found under its known name.
    blocks : tuple of Block
        In column order.
    words : bool
        Whether words stand beside them.
    """

    features: str
    blocks: tuple[Block, ...]
    words: bool = False

    @property
    def is_single(self) -> bool:
        """Whether it is one pooling of one layer, and nothing else."""
        return len(self.blocks) == 1 and not self.words

    def with_words(self) -> "Candidate":
        """The same with words beside it."""
        return Candidate(f"{self.features}+{WORDS}", self.blocks, words=True)


def candidates(n_layers: int, *, joins: Sequence[str] | None = None) -> tuple[Candidate, ...]:
    """Every layer, the embedding output included, under every pooling; then the joins.

    Parameters
    ----------
    n_layers : int
        Transformer layers of the encoder.
    joins : sequence of str, optional
        Features to try beside the single blocks, instead of `usual_joins`.

    Raises
    ------
    UsageError
        A join cannot be parsed, or names a layer that the encoder does not have.
    """
    singles = [
        Candidate(f"{pooling}@{layer if layer < n_layers else -1}", (Block(layer, pooling),))
        for pooling in POOLINGS
        for layer in range(n_layers + 1)
    ]
    found = {(frozenset(single.blocks), False): single for single in singles}
    for features in usual_joins(n_layers) if joins is None else joins:
        spec = FeatureSpec.parse(features)
        join = Candidate(str(spec), spec.blocks(n_layers), spec.words)
        found.setdefault((frozenset(join.blocks), join.words), join)
    return tuple(found.values())


def named(features: Sequence[str], n_layers: int) -> tuple[Candidate, ...]:
    """Candidates by name, as `--features` takes them; `UsageError` where one cannot be."""
    specs = [FeatureSpec.parse(each) for each in features]
    return tuple(Candidate(str(spec), spec.blocks(n_layers), spec.words) for spec in specs)


def shortlist(n_layers: int) -> tuple[str, ...]:
    """Six to choose among where all are too dear: last layer's views, means of the last layers and of all, with words.

    Over SST-2, TREC, SST-5 and CR `mean@all` was chosen or within a point of what was; the wide joins with cls or max
    take four fifths of a sweep's time (docs/decisions/0016).
    """
    last = ",".join(str(-layer) for layer in range(1, min(LAST_LAYERS, n_layers) + 1))
    return (TUTORIAL_FEATURES, "mean@-1", "cls@-1+mean@-1", f"mean@{last}", "mean@all", "mean@all+words")


def usual_joins(n_layers: int) -> tuple[str, ...]:
    """Joins worth their width: views of the last layer, the last layers' means, all layers of a pooling; with words."""
    last = ",".join(str(-layer) for layer in range(1, min(LAST_LAYERS, n_layers) + 1))
    return (
        "cls@-1+mean@-1",
        "cls@-1+mean@-1+max@-1",
        f"mean@{last}",
        "cls@all",
        "mean@all",
        "max@all",
        "mean@all+max@all",
        "mean@all+words",
    )


def tutorial_among(found: Sequence[Candidate], n_layers: int) -> int:
    """The position of the tutorial's features."""
    blocks = FeatureSpec.parse(TUTORIAL_FEATURES).blocks(n_layers)
    return [candidate.blocks for candidate in found].index(blocks)
