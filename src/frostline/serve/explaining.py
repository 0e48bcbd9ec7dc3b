"""Why a served model answers as it does for one text, as JSON: what the page shows below the answer."""

from collections.abc import Sequence
from typing import Any

from frostline.artifact import Neighbours
from frostline.artifact.model import Model
from frostline.encoder.reading import check_texts
from frostline.explanation import explain
from frostline.explanation.explaining import MAX_WORDS
from frostline.head.likeness import UNLIKE_BELOW
from frostline.legible import word_pieces_of
from frostline.report.explanation import explanation_document
from frostline.serve.frames import MOST_EXPLAINED
from frostline.targets import Label


def why(model: Model, neighbours: Neighbours | None, text: str, *, labels: Sequence[Label] = ()) -> dict[str, Any]:
    """What `frostline explain --json` says; and which piece is unknown, and how like the text is to those learned from.

    Parameters
    ----------
    neighbours : Neighbours or None
        The training sentences, where the model kept them.
    labels : sequence of str, int or bool
        To explain; the model's answer unless given.

    Returns
    -------
    dict
        JSON, with `unknown_piece` (None: there is none) and `likeness` (None: the model cannot tell).

    Raises
    ------
    UsageError
        A label that the model has not.
    TextTypeError, InputError
        `text` is not a str, or holds half a character.
    """
    check_texts([text])
    explanation = explain(model, text, labels=labels, neighbours=neighbours, max_words=words_tried(model, text))
    pieces = word_pieces_of(model.encoder)
    unknown = None if pieces is None or pieces.unknown is None else pieces.tokenizer.id_to_token(pieces.unknown)
    return {**explanation_document(explanation), "unknown_piece": unknown, "likeness": likeness_of(model, text)}


def words_tried(model: Model, text: str) -> int:
    """How many words are left out in turn: fewer of a longer text, so that no explanation keeps others waiting."""
    pieces = word_pieces_of(model.encoder)
    n_pieces = 1 if pieces is None else int(pieces.tokenize([text]).lengths[0])
    return max(8, min(MAX_WORDS, MOST_EXPLAINED // n_pieces))


def likeness_of(model: Model, text: str) -> float | None:
    """How like the text is to those learned from; None where the model cannot tell strange texts from others."""
    if model.likeness is None or not model.likeness.can_tell(UNLIKE_BELOW):
        return None
    likeness = model.answer([text], with_likeness=True).likeness
    return None if likeness is None else float(likeness[0])
