"""One text explained: the answer, what each word adds to it, and the nearest training sentences if they were kept.

How it is shown: report/explanation.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from frostline.arrays import Float64Array, Progress, dense_part
from frostline.artifact import Neighbours
from frostline.artifact.files import unit_rows
from frostline.encoder.reading import SentenceEncoder, check_texts
from frostline.encoder.words import vocabulary_of
from frostline.errors import UsageError, listed, shown
from frostline.explanation.leave_out import LabelExplained, Word, explained, read_without, split_terms, split_words
from frostline.head.cascade import Cascade
from frostline.head.linear import LinearHead
from frostline.legible import word_pieces_of
from frostline.targets import Kind, Label

_BLOCK = 8192  # rows that are brought to float32 together


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """A training sentence."""

    text: str  # At most its first 1,000 letters
    labels: tuple[Label, ...]  # One, or as many as it has where a text may have several
    # Of the two rows of features, each less the mean of the training rows: 1 is the same direction, 0 none in common.
    cosine: float


def nearest(row: Float64Array, kept: Neighbours, labels: tuple[Label, ...], *, n: int) -> tuple[Nearest, ...]:
    """The `n` nearest to `row` (n_features,), the nearest first; the same sentence with the same labels counts once."""
    direction = unit_rows(row[None].astype(np.float32), kept.centre)[0]
    cosines = np.empty(len(kept.texts), np.float32)
    for start in range(0, len(cosines), _BLOCK):
        cosines[start : start + _BLOCK] = kept.rows[start : start + _BLOCK].astype(np.float32) @ direction
    distinct: dict[tuple[str, tuple[Label, ...]], Nearest] = {}
    for place in np.argsort(-cosines, kind="stable").tolist():
        if len(distinct) == n:
            break
        named = _labels(kept, place, labels)
        cosine = float(np.clip(cosines[place], -1.0, 1.0))
        distinct.setdefault((kept.texts[place], named), Nearest(text=kept.texts[place], labels=named, cosine=cosine))
    return tuple(distinct.values())


def _labels(kept: Neighbours, place: int, labels: tuple[Label, ...]) -> tuple[Label, ...]:
    if kept.codes.ndim == 1:
        return (labels[int(kept.codes[place])],)
    return tuple(labels[column] for column in np.flatnonzero(kept.codes[place]).tolist())


MAX_WORDS = 100
"""Words that are left out in turn unless told otherwise: each is one more reading of the text (0.1 s at 512 pieces)."""

N_NEAREST = 5
_PLAIN: Mapping[Kind, Callable[[tuple[Label, ...]], Label | list[Label]]] = {
    "one label": lambda labels: labels[0],
    "several labels": list,
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a classifier answers as it does."""

    text: str
    kind: Kind  # That a text has
    # The labels, of which there may be none where a text may have several; None where there is no answer.
    answer: tuple[Label, ...] | None
    probabilities: tuple[tuple[Label, float], ...]  # Of all labels, in the model's order
    pieces: tuple[str, ...]  # Word pieces as the encoder sees them, [CLS] and [SEP] included
    words: tuple[Word, ...]  # Of which the encoder sees a piece at least
    seen_to: int  # Letters of the text that it sees
    is_cut: bool  # Whether there are more
    labels: tuple[LabelExplained, ...]  # Those asked for; else the answer's; else the most probable one
    nearest: tuple[Nearest, ...] | None  # None where the model kept no training sentences
    answer_from: float  # The probability from which on the classifier gives an answer
    # Whether a cascade's cheap head answers, which is then what is explained; None where there is no cascade.
    is_early: bool | None = None
    max_length: int

    @property
    def plain_answer(self) -> Label | list[Label] | None:
        """For programs: the label, or a list of them where a text may have several; None where there is no answer."""
        return None if self.answer is None else _PLAIN[self.kind](self.answer)

    @property
    def n_tried(self) -> int:
        """Words that were left out in turn: the first of the text."""
        return len(self.labels[0].words)


class Answering(Protocol):
    """What can be explained: a `Model`, or anything else with a head, an encoder, and a cascade before them or none."""

    @property
    def head(self) -> LinearHead:
        """What answers."""

    @property
    def encoder(self) -> SentenceEncoder:
        """What reads."""

    @property
    def cascade(self) -> Cascade | None:
        """What answers before them."""


def explain(  # noqa: PLR0913 - a model and a text; the others have defaults
    model: Answering,
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
    head, encoder, cascade = model.head, model.encoder, model.cascade
    is_early = None if cascade is None else bool(cascade.hear([text])[1].answered[0])
    if is_early and cascade is not None:
        head, encoder = cascade.head, cascade.reader
    wanted = [_column(label, head.labels) for label in dict.fromkeys(labels)]
    pieces = word_pieces_of(encoder)
    are_words = encoder.spec.is_words_alone
    if pieces is None and not are_words:
        raise UsageError("Explaining needs an encoder with word pieces, as `open_model` opens it.")
    if pieces is None:
        vocabulary = vocabulary_of(encoder)
        split = split_terms(text, is_marked=vocabulary is not None and vocabulary.is_marked)
    else:
        split = split_words(pieces, text)
    readings = read_without(encoder, head, text=text, split=split, max_words=max_words, progress=progress)
    answers = head.answer(head.probabilities(readings.decisions[:1]))
    shares, given = answers.probabilities[0], np.flatnonzero(answers.given[0]).tolist()
    columns = wanted or given or [int(shares.argmax())]
    near = None
    if neighbours is not None:
        row = dense_part(model.encoder.encode([text]).for_head)[0] if is_early else readings.row
        near = nearest(np.asarray(row, np.float64), neighbours, head.labels, n=n_nearest)
    return Explanation(
        text=text,
        kind=answers.kind,
        answer=tuple(head.labels[column] for column in given) if answers.answered[0] else None,
        probabilities=tuple(zip(head.labels, shares.tolist(), strict=True)),
        pieces=split.pieces,
        words=split.words,
        seen_to=split.seen_to,
        is_cut=split.is_cut,
        labels=tuple(explained(readings, head, split.words, column) for column in columns),
        nearest=near,
        answer_from=0.0 if model.head.rule is None else model.head.rule.answer_from,
        is_early=is_early,
        max_length=model.encoder.identity.max_length,
    )


def named_label(name: str, labels: tuple[Label, ...]) -> Label:
    """The label that is written `name` on a command line."""
    for label in labels:
        if str(label) == name:
            return label
    return labels[_column(name, labels)]


def _column(label: Label, labels: tuple[Label, ...]) -> int:
    for column, known in enumerate(labels):
        if type(known) is type(label) and known == label:
            return column
    named = listed(list(map(str, labels)), 12)
    got = shown(str(label))
    if str(label) in map(str, labels):  # the right name, and another type
        kinds = {str: "strings", int: "whole numbers", bool: "True and False"}
        got = f"{got if isinstance(label, str) else label}, and the labels are {kinds[type(labels[0])]}"
    raise UsageError(f"The label to explain must be one of {named} (got {got}).")
