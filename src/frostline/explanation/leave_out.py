"""What each word adds: the text is read again without it, and the answer compared.

In:   a head, an encoder, a text and its words.
Out:  for each label asked for, the change of its log-odds and of its probability, word by word.
Not:  splitting (splitting.py), wording (terminal.py, page.py).

The log-odds are those of the label against all others, before calibration: an isotonic map is flat in places, where
every change would be 0. The probabilities are those the classifier gives.

References
----------
Li, Monroe, Jurafsky (2016), Understanding Neural Networks through Representation Erasure. arXiv:1612.08220.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array, Probabilities, Progress
from frostline.encoder.reading import SentenceEncoder
from frostline.explanation.splitting import Split, Word, without
from frostline.head.linear import Label, LinearHead


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a word adds to a label: with it less without it.

    Parameters
    ----------
    log_odds, probability : float
        Above 0 where the word speaks for the label.
    """

    log_odds: float
    probability: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """A word that stands in the text more than once: what all its places add together.

    Parameters
    ----------
    text : str
        In lower case.
    places : tuple of int
        Which of the words it is.
    change : Change
    """

    text: str
    places: tuple[int, ...]
    change: Change


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LabelExplained:
    """What the words add to one label.

    Parameters
    ----------
    label : str, int or bool
    probability, log_odds : float
        Of the text as far as the encoder sees it.
    of_nothing : Change
        What the whole text adds to an empty one.
    words : tuple of Change
        Of each word that was left out in turn, in order: the first of the text's.
    repeated : tuple of Together
    """

    label: Label
    probability: float
    log_odds: float
    of_nothing: Change
    words: tuple[Change, ...]
    repeated: tuple[Together, ...]

    @property
    def sum_of_words(self) -> float:
        """Of the changes of log-odds. It is not what the whole text adds: words are read together."""
        return float(sum(change.log_odds for change in self.words))


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeftOut:
    """The text and its variants, read.

    Parameters
    ----------
    decisions : ndarray of shape (n_variants, n_coef_rows)
        Of the whole text, of what is seen of it, of nothing, without each word, without all of each repeated word.
    row : ndarray of shape (n_features,), dtype=float32
        The text's features, without words: what nearness is of.
    repeated : tuple of tuple of int
        The places of each word that is repeated.
    n_words : int
    """

    decisions: Float64Array
    row: Float64Array
    repeated: tuple[tuple[int, ...], ...]
    n_words: int


def read_without(  # noqa: PLR0913 - who reads, who decides, and the text with its words
    encoder: SentenceEncoder,
    head: LinearHead,
    *,
    text: str,
    split: Split,
    max_words: int,
    progress: Progress | None = None,
) -> LeftOut:
    """Read the text and all its variants in one call, which sorts and batches them."""
    seen = text[: split.seen_to]
    tried = split.words[:max_words]
    repeated = _repeated(tried)
    groups = [[word] for word in tried] + [[tried[place] for place in places] for places in repeated]
    variants = [text, seen, "", *(without(seen, group) for group in groups)]
    reading = encoder.encode(variants, progress=progress)
    return LeftOut(
        decisions=head.decision_function(reading.for_head),
        row=reading.rows[0].astype(np.float64),
        repeated=repeated,
        n_words=len(tried),
    )


def explained(found: LeftOut, head: LinearHead, words: Sequence[Word], column: int) -> LabelExplained:
    """What `found` says of the label in `column`."""
    odds = log_odds(found.decisions, column, is_exclusive=head.link == "softmax")
    shares: Probabilities = head.probabilities(found.decisions)[:, column]
    changes = [
        Change(log_odds=float(odds[1] - odds[row]), probability=float(shares[1] - shares[row]))
        for row in range(2, len(odds))
    ]
    nothing, each, all_of = changes[0], changes[1 : 1 + found.n_words], changes[1 + found.n_words :]
    return LabelExplained(
        label=head.labels[column],
        probability=float(shares[0]),
        log_odds=float(odds[0]),
        of_nothing=nothing,
        words=tuple(each),
        repeated=tuple(
            Together(text=words[places[0]].text.lower(), places=places, change=change)
            for places, change in zip(found.repeated, all_of, strict=True)
        ),
    )


def log_odds(decisions: Float64Array, column: int, *, is_exclusive: bool) -> Float64Array:
    """Log-odds (n,) of the label in `column` against all others, of decisions (n, n_coef_rows), without overflow."""
    if not is_exclusive:
        return decisions[:, column]
    if decisions.shape[1] == 1:
        return decisions[:, 0] if column == 1 else -decisions[:, 0]
    others = np.delete(decisions, column, axis=1)
    highest = others.max(axis=1)
    rest: Float64Array = highest + np.log(np.exp(others - highest[:, None]).sum(axis=1))
    return decisions[:, column] - rest


def _repeated(words: Sequence[Word]) -> tuple[tuple[int, ...], ...]:
    """The places of each word that stands there more than once, whatever its capitals; punctuation aside."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        if any(letter.isalnum() for letter in word.text):
            places.setdefault(word.text.casefold(), []).append(place)
    return tuple(tuple(found) for found in places.values() if len(found) > 1)
