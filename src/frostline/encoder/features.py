"""Which pooling of which layers becomes a row: `cls@-1`, `mean@all`, `cls@-1+mean@-1,-2`, `mean@all+words`.

A block is one pooling of one layer, hidden_size columns wide. Blocks are the unit of the encoder's output and of
the store's columns: asking for `mean@-1` after `mean@all` reads no sentence again. Layer 0 is the embedding output.
Words are no block: the encoder knows nothing of them, and a vocabulary comes only with training texts (words.py).
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, final, get_args

from frostline.errors import UsageError, shown

Pooling: TypeAlias = Literal["cls", "mean", "max"]

POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
TUTORIAL_FEATURES = "cls@-1"
DEFAULT_FEATURES = "mean@all"
WORDS = "words"
AUTO = "auto"  # What a sweep takes
SWEEP_FEATURES = "+".join(f"{pooling}@all" for pooling in POOLINGS)
"""What one reading must hold so that a sweep can cut out every candidate. One pooling's layers stand side by side."""

_TERM = re.compile(r"(?P<pooling>[a-z]+)@(?P<layers>all|-?\d{1,4}(,-?\d{1,4})*)")


@final
@dataclass(frozen=True, slots=True, order=True)
class Block:
    """One pooling of one layer."""

    layer: int  # 0 is the embedding output, n_layers the last layer; never negative
    pooling: Pooling  # The [CLS] row, the mean, or the maximum over all word pieces ([CLS] and [SEP] included)

    def __str__(self) -> str:
        return f"{self.pooling}@{self.layer}"


@final
@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """A parsed feature specification: terms of (pooling, layers), joined in the order written.

    Parameters
    ----------
    terms : tuple of (pooling, layers)
        `layers` is None for `all`, else a tuple of layer numbers as written (negative ones count from the end).
    words : bool
        Whether the text's own words and pairs of words, weighted by rarity, stand beside the encoder's numbers.
    """

    terms: tuple[tuple[Pooling, tuple[int, ...] | None], ...]
    words: bool = False

    @classmethod
    def parse(cls, text: str) -> "FeatureSpec":
        """The specification that `text` spells.

        Raises
        ------
        UsageError
            A term is not `pooling@layers`, or the pooling is unknown; words are not the last term.
        """
        terms: list[tuple[Pooling, tuple[int, ...] | None]] = []
        *written, last = text.replace(" ", "").split("+")
        words = last == WORDS
        if WORDS in written:
            raise UsageError(
                f"Words must be the last term (got {shown(text)}).",
                hint=f"For example {DEFAULT_FEATURES}+{WORDS}; or {WORDS} alone, for which no encoder reads.",
            )
        for term in written if words else [*written, last]:
            match = _TERM.fullmatch(term)
            if match is None or match["pooling"] not in POOLINGS:
                raise UsageError(
                    f"Features must be pooling@layers, with pooling one of {', '.join(POOLINGS)} (got {shown(text)}).",
                    hint="For example cls@-1 (the tutorial's), mean@all, mean@-1,-2, cls@-1+mean@-1 or mean@all+words. "
                    "Counting words (TF-IDF) is --features words; an encoder is named by --encoder.",
                )
            layers = None if match["layers"] == "all" else tuple(int(n) for n in match["layers"].split(","))
            terms.append((cast("Pooling", match["pooling"]), layers))
        return cls(tuple(terms), words)

    @property
    def is_words_alone(self) -> bool:
        """Whether no encoder is needed."""
        return self.words and not self.terms

    def blocks(self, n_layers: int) -> tuple[Block, ...]:
        """The blocks, in column order, for an encoder of `n_layers` transformer layers.

        Raises
        ------
        UsageError
            A layer is outside -(n_layers + 1) .. n_layers, or one block is named twice.
        """
        blocks: list[Block] = []
        short = str(self) if len(str(self)) <= 60 else f"{str(self)[:59]}…"
        for pooling, layers in self.terms:
            for layer in range(n_layers + 1) if layers is None else layers:
                if not -n_layers - 1 <= layer <= n_layers:
                    raise UsageError(
                        f"Layer {layer} of {short} must be between {-n_layers - 1} and {n_layers}: "
                        f"this encoder has {n_layers} layers, and layer 0 is the embedding output.",
                        hint=f"The last one is {pooling}@{n_layers} or {pooling}@-1; all of them: {pooling}@all.",
                    )
                blocks.append(Block(layer % (n_layers + 1), pooling))
        twice = {block for block, count in Counter(blocks).items() if count > 1}
        if twice:
            raise UsageError(f"Features {short} name {', '.join(map(str, sorted(twice)[:9]))} more than once.")
        return tuple(blocks)

    def __str__(self) -> str:
        terms = [
            f"{pooling}@{'all' if layers is None else ','.join(map(str, layers))}" for pooling, layers in self.terms
        ]
        return "+".join([*terms, WORDS] if self.words else terms)
