"""One text explained.

In:   a `Model`, a text, the labels asked for, the training sentences if they were kept.
Out:  an `Explanation`.
Not:  showing it (terminal.py, page.py, document.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Probabilities, Progress
from frostline.artifact import Model, Neighbours
from frostline.encoder.encoder import Encoder
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.texts import check_texts
from frostline.encoder.tokens import WordPieces
from frostline.errors import UsageError, shown
from frostline.explanation.leave_out import LabelExplained, explained, read_without
from frostline.explanation.nearest import Nearest, nearest
from frostline.explanation.splitting import Word, split_words
from frostline.head.linear import Label, LinearHead
from frostline.head.rule import NO_ANSWER, Rule
from frostline.store import StoredEncoder
from frostline.words.encoder import WordedEncoder

MAX_WORDS = 100
"""Words that are left out in turn unless told otherwise: each is one more reading of the text (0.1 s at 512 pieces)."""

N_NEAREST = 5
_MAX_LABELS_NAMED = 12


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a classifier answers as it does.

    Parameters
    ----------
    text : str
    answer : tuple of str, int or bool
        The label; none where the classifier gives no answer; as many as there are where a text may have several.
    probabilities : tuple of (label, float)
        Of all labels, in the model's order.
    pieces : tuple of str
        Word pieces as the encoder sees them, [CLS] and [SEP] included.
    words : tuple of Word
        Of which the encoder sees a piece at least.
    seen_to : int
        Letters of the text that it sees.
    is_cut : bool
        Whether there are more.
    labels : tuple of LabelExplained
        Those asked for; else the answer's; else the most probable one.
    nearest : tuple of Nearest or None
        None where the model kept no training sentences.
    may_have_several : bool
    answer_from : float
        The probability from which on the classifier gives an answer.
    max_length : int
    """

    text: str
    answer: tuple[Label, ...]
    probabilities: tuple[tuple[Label, float], ...]
    pieces: tuple[str, ...]
    words: tuple[Word, ...]
    seen_to: int
    is_cut: bool
    labels: tuple[LabelExplained, ...]
    nearest: tuple[Nearest, ...] | None
    may_have_several: bool
    answer_from: float
    max_length: int

    @property
    def n_tried(self) -> int:
        """Words that were left out in turn: the first of the text."""
        return len(self.labels[0].words)


def explain(  # noqa: PLR0913 - a model and a text; the others have defaults
    model: Model,
    text: str,
    *,
    labels: Sequence[Label] = (),
    neighbours: Neighbours | None = None,
    n_nearest: int = N_NEAREST,
    max_words: int = MAX_WORDS,
    progress: Progress | None = None,
) -> Explanation:
    """Explain the answer of `model` for `text`: what each word adds, and what it learned from that is nearest.

    Parameters
    ----------
    model : Model
        As `open_model` gives it.
    text : str
    labels : sequence of str, int or bool, optional
        To explain; the model's answer unless given.
    neighbours : Neighbours, optional
        As `artifact.load_neighbours` gives them.
    n_nearest : int, default=5
    max_words : int, default=100
        The first so many words are left out in turn; the text is read once for each.
    progress : callable, optional
        Counts distinct variants of the text.

    Returns
    -------
    Explanation

    Raises
    ------
    UsageError
        A label that the model has not; a number below 1; an encoder that was not opened from files.
    TextTypeError, InputError
        `text` is not a str, or holds half a character.
    """
    check_texts([text])
    if max_words < 1 or n_nearest < 1:
        raise UsageError(f"max_words and n_nearest must be at least 1 (got {max_words} and {n_nearest}).")
    head = model.head
    asked = [_column(label, head.labels) for label in dict.fromkeys(labels)]
    pieces = _word_pieces(model.encoder)
    split = split_words(pieces, text)
    found = read_without(model.encoder, head, text=text, split=split, max_words=max_words, progress=progress)
    shares = head.probabilities(found.decisions[:1])
    answer = _answer_columns(head, shares)
    columns = asked or answer or [int(shares[0].argmax())]
    return Explanation(
        text=text,
        answer=tuple(head.labels[column] for column in answer),
        probabilities=tuple(zip(head.labels, shares[0].tolist(), strict=True)),
        pieces=split.pieces,
        words=split.words,
        seen_to=split.seen_to,
        is_cut=split.is_cut,
        labels=tuple(explained(found, head, split.words, column) for column in columns),
        nearest=None if neighbours is None else nearest(found.row, neighbours, head.labels, n=n_nearest),
        may_have_several=head.link == "logistic",
        answer_from=0.0 if head.rule is None else head.rule.answer_from,
        max_length=pieces.max_length,
    )


def named_label(name: str, labels: tuple[Label, ...]) -> Label:
    """The label that is written `name` on a command line.

    Raises
    ------
    UsageError
        There is none.
    """
    for label in labels:
        if str(label) == name:
            return label
    return labels[_column(name, labels)]


def _answer_columns(head: LinearHead, shares: Probabilities) -> list[int]:
    """The columns of the answer for shares (1, n_labels): one, none, or several."""
    rule = head.rule or Rule()
    if head.link == "logistic":
        return [int(column) for column in np.flatnonzero(rule.sets(shares)[0])]
    code = int(rule.codes(shares)[0])
    return [] if code == NO_ANSWER else [code]


def _column(label: Label, labels: tuple[Label, ...]) -> int:
    for column, own in enumerate(labels):
        if type(own) is type(label) and own == label:
            return column
    named = ", ".join(shown(str(own)) for own in labels[:_MAX_LABELS_NAMED])
    more = f" and {len(labels) - _MAX_LABELS_NAMED} more" if len(labels) > _MAX_LABELS_NAMED else ""
    raise UsageError(f"The label to explain must be one of {named}{more} (got {shown(str(label))}).")


def _word_pieces(encoder: SentenceEncoder) -> WordPieces:
    reader = encoder.encoder if isinstance(encoder, WordedEncoder) else encoder
    reader = reader.encoder if isinstance(reader, StoredEncoder) else reader
    if not isinstance(reader, Encoder):
        raise UsageError("Explaining needs an encoder with word pieces, as `open_model` opens it.")
    return reader.word_pieces
