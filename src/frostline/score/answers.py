"""Texts in, answers out, a window at a time: memory does not grow with the file.

One stream for labels that exclude each other and for several per text. What differs is how an answer is written: its
columns, its JSON and its line stand in one table, by kind. File formats: docs/formats/answers.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, Probabilities
from frostline.artifact.manifest import KINDS
from frostline.artifact.model import Model
from frostline.errors import shown
from frostline.head.linear import set_probability
from frostline.targets import Answers, Kind, Label

WINDOW_TEXTS = 4096
SEPARATOR = ","


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the classifier says of one text."""

    text: str
    # The labels that it gets, or would get if the classifier were sure enough; of several, the most probable first.
    favoured: tuple[Label, ...]
    shares: tuple[float, ...]  # Their probabilities
    # Whether the classifier is sure enough. Of several labels per text the answer may be: none of them.
    is_answered: bool = True
    probability: float  # That all of `favoured` is right, and no other label
    probabilities: tuple[float, ...]  # n_labels: Of all labels, in the order of the model's
    is_cut: bool = False  # Whether the text is longer than the encoder can see, and was judged by its beginning
    likeness: float | None = None  # Of texts like those learned from, how many would be as unlike; None: not asked
    is_early: bool = False  # Whether a cascade's cheap head answered

    @property
    def labels(self) -> tuple[Label, ...] | None:
        """The answer; None where there is none."""
        return self.favoured if self.is_answered else None


def answered(
    model: Model, texts: Iterable[str], *, window: int = WINDOW_TEXTS, with_likeness: bool = False
) -> Iterator[tuple[Sequence[str], Answers]]:
    """The texts in order, `window` of them at a time, each time with their answers."""
    coming = iter(texts)
    while held := list(islice(coming, window)):
        yield held, model.answer(held, with_likeness=with_likeness)


def predictions(
    model: Model, texts: Iterable[str], *, window: int = WINDOW_TEXTS, with_likeness: bool = False
) -> Iterator[Prediction]:
    """A prediction for each text, in order; `window` texts are held and read at a time."""
    for held, answers in answered(model, texts, window=window, with_likeness=with_likeness):
        yield from rows_of(held, answers)


def rows_of(texts: Sequence[str], answers: Answers) -> Iterator[Prediction]:
    """A prediction for each text, of what a model answered."""
    sure = _FORMS[answers.kind].probability(answers.probabilities, answers.favoured)
    for row, text in enumerate(texts):
        shares = answers.probabilities[row]
        columns = np.flatnonzero(answers.favoured[row])
        columns = columns[np.argsort(-shares[columns], kind="stable")].tolist()
        yield Prediction(
            text=text,
            favoured=tuple(answers.labels[column] for column in columns),
            shares=tuple(shares[columns].tolist()),
            is_answered=bool(answers.answered[row]),
            probability=float(sure[row]),
            probabilities=tuple(shares.tolist()),
            is_cut=bool(answers.cut[row]),
            likeness=None if answers.likeness is None else float(answers.likeness[row]),
            is_early=answers.early is not None and bool(answers.early[row]),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the answers of a classifier are written."""

    kind: Kind
    labels: tuple[Label, ...]  # n_labels: In column order
    may_abstain: bool = False  # Whether it may leave a text unanswered
    # What stands between two labels of a text; None: a comma, and on a line of the terminal a space after it.
    separator: str | None = None
    unlike_below: float | None = None  # The likeness below which a text is marked as unlike; None: nothing is said
    top: int | None = None  # How many labels stand with their probabilities, the most probable first; None: all


def layout_of(
    model: Model, *, separator: str | None = None, unlike_below: float | None = None, top: int | None = None
) -> Layout:
    """The layout for what `model` answers."""
    head = model.head
    may_abstain = head.rule is not None and head.rule.answer_from > 0
    return Layout(
        kind=KINDS[head.link],
        labels=head.labels,
        may_abstain=may_abstain,
        separator=separator,
        unlike_below=unlike_below,
        top=None if top is None else min(top, len(head.labels)),
    )


def is_unlike(prediction: Prediction, layout: Layout) -> bool:
    """Whether the text is marked as unlike anything learned from."""
    return layout.unlike_below is not None and (prediction.likeness or 0.0) < layout.unlike_below


def as_document(prediction: Prediction, layout: Layout) -> dict[str, Any]:
    """A prediction as a JSON object: text, label or labels (null without an answer), each label's probability."""
    return {"text": prediction.text, **members_of(prediction, layout)}


def members_of(prediction: Prediction, layout: Layout) -> dict[str, Any]:
    """The members of an answer in JSON."""
    answer = _FORMS[layout.kind].in_document(prediction)
    unlike = dict(zip(_UNLIKE, _unlike_values(prediction, layout), strict=False))
    return {**answer, **unlike, "probabilities": dict(_shares(prediction, layout))}


def _shares(prediction: Prediction, layout: Layout) -> list[tuple[str, float]]:
    """Labels with their probabilities: all in their order, or the most probable first."""
    pairs = [(str(label), share) for label, share in zip(layout.labels, prediction.probabilities, strict=True)]
    return pairs if layout.top is None else sorted(pairs, key=lambda pair: -pair[1])[: layout.top]


def as_line(prediction: Prediction, layout: Layout) -> str:
    """A prediction for the terminal: label, tab, probability; several joined.

    Without an answer, the label is empty and the probability that of the answer that came nearest. Labels that hold
    the separator, or what could steer a terminal, are quoted.
    """
    mark = "" if layout.unlike_below is None else f"\t{'unlike' if is_unlike(prediction, layout) else ''}"
    if not prediction.is_answered:
        return f"\t{prediction.probability:.4f}{mark}"
    separator = layout.separator or f"{SEPARATOR} "
    parting = separator.strip() or separator
    names = [
        name if name.isprintable() and not (_FORMS[layout.kind].has_sets and parting in name) else shown(name, 1000)
        for name in map(str, prediction.favoured)
    ]
    return f"{separator.join(names)}\t{separator.join(f'{share:.4f}' for share in prediction.shares)}{mark}"


def columns_of(layout: Layout, *, in_cells: bool) -> list[str]:
    """The columns of an answer in a table; `in_cells` of text, where an empty cell could be an answer or none."""
    unlike = () if layout.unlike_below is None else _UNLIKE
    shares = [f"p({label})" for label in layout.labels]
    if layout.top is not None:
        shares = [name for place in range(1, layout.top + 1) for name in (f"top {place}", f"p(top {place})")]
    answered = ["answered"] if in_cells and _says_answered(layout) else []
    return [*_FORMS[layout.kind].names, *answered, *unlike, *shares]


def member_names(layout: Layout) -> list[str]:
    """What the members of an answer in JSON are called."""
    unlike = () if layout.unlike_below is None else _UNLIKE
    return [_FORMS[layout.kind].names[0], *unlike, "probabilities"]


def values_of(prediction: Prediction, layout: Layout) -> list[object]:
    """What stands in these columns, not in cells of text."""
    shares: Iterable[object] = prediction.probabilities
    if layout.top is not None:
        shares = (value for pair in _shares(prediction, layout) for value in pair)
    return [*_FORMS[layout.kind].values(prediction), *_unlike_values(prediction, layout), *shares]


def cells_of(prediction: Prediction, layout: Layout) -> list[str]:
    """What stands in them in cells of text."""
    separator = layout.separator or SEPARATOR
    cells = [_cell(value, separator) for value in values_of(prediction, layout)]
    if _says_answered(layout):
        cells.insert(1, "true" if prediction.is_answered else "false")
    return cells


def types_of(layout: Layout) -> list[str]:
    """What they hold, not in cells of text: text, texts, number or truth."""
    unlike = [] if layout.unlike_below is None else ["number", "truth"]
    shares = ["number"] * len(layout.labels) if layout.top is None else ["text", "number"] * layout.top
    return [*_FORMS[layout.kind].types, *unlike, *shares]


def has_sets(layout: Layout) -> bool:
    """Whether an answer is a set of labels."""
    return _FORMS[layout.kind].has_sets


def _says_answered(layout: Layout) -> bool:
    return layout.may_abstain and _FORMS[layout.kind].has_sets


_UNLIKE = ("likeness", "unlike")


def _unlike_values(prediction: Prediction, layout: Layout) -> tuple[float | bool | None, ...]:
    return () if layout.unlike_below is None else (prediction.likeness, is_unlike(prediction, layout))


def _cell(value: object, separator: str) -> str:
    """A value as TSV and CSV have it; None is empty."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.6g}"
        case list():
            return separator.join(value)
        case _:
            return str(value)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What is written otherwise where labels exclude each other than where they don't."""

    # `names`, `types`: Of the columns between the text and the probability of each label; a type is text, texts or
    # number.
    names: tuple[str, ...]
    types: tuple[str, ...]
    values: Callable[[Prediction], tuple[object, ...]]  # What stands in them
    in_document: Callable[[Prediction], dict[str, Any]]  # What stands in JSON between the text and the probabilities
    # Of probabilities and favoured labels (n_texts, n_labels), that of each text's answer (n_texts,).
    probability: Callable[[Probabilities, BoolArray], Float64Array]
    has_sets: bool  # Whether an answer is a set of labels: joined by a separator, and there may be none in it


def _label_and_probability(prediction: Prediction) -> tuple[str | None, float]:
    return (str(prediction.favoured[0]) if prediction.is_answered else None), prediction.probability


def _labels(prediction: Prediction) -> tuple[list[str] | None]:
    return ([str(label) for label in prediction.favoured] if prediction.is_answered else None,)


_FORMS: Mapping[Kind, _Form] = {
    "one label": _Form(
        names=("label", "probability"),
        types=("text", "number"),
        values=_label_and_probability,
        in_document=lambda found: {"label": found.favoured[0] if found.is_answered else None},
        probability=lambda probabilities, favoured: probabilities[favoured],
        has_sets=False,
    ),
    "several labels": _Form(
        names=("labels",),
        types=("texts",),
        values=_labels,
        in_document=lambda found: {"labels": list(found.favoured) if found.is_answered else None},
        probability=set_probability,
        has_sets=True,
    ),
}
