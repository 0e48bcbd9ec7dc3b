"""The vocabulary of a training: fitted on the texts that are learned from, without their labels, and on no others.

In:   an encoder whose features are `...+words`, or rows of features; which texts are learned from.
Out:  a `WordedEncoder`; `JoinedRows` of all texts.
Not:  what a vocabulary is (vocabulary.py).

The folds of a search share one vocabulary: a fold's head knows in how many texts a word occurs, held-out ones among
them, and nothing of their labels. Test rows, and the rows that an outer fold leaves out, are not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import final

from frostline.arrays import BoolArray, Features, Float64Array
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import InputError
from frostline.rows import JoinedRows, Rows
from frostline.words.encoder import WordedEncoder
from frostline.words.vocabulary import fit


def with_words(encoder: SentenceEncoder, texts: Sequence[str]) -> SentenceEncoder:
    """The encoder, with the vocabulary of `texts` beside it where its features ask for words.

    Raises
    ------
    InputError
        They do, and no word occurs in two of the texts.
    """
    return WordedEncoder(encoder, fit(texts)) if encoder.spec.words else encoder


def beside(rows: Features | Float64Array, texts: Sequence[str], training: BoolArray) -> Rows:
    """All rows (n_texts, n_features) with the words of those in `training` (n_texts,); alone if none recurs."""
    try:
        vocabulary = fit(list(compress(texts, training)))
    except InputError:
        return rows
    return JoinedRows(rows, vocabulary.rows(texts))


@final
@dataclass(frozen=True, slots=True, eq=False)
class FoldWords:
    """A vocabulary of its own for every outer fold of a nested cross-validation.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    texts : sequence of str
    """

    rows: Features
    texts: Sequence[str]

    def __call__(self, training: BoolArray) -> tuple[str, Rows]:
        """All rows with the words of those in `training` (n_texts,); no features were chosen, so no name."""
        return "", beside(self.rows, self.texts, training)
