"""The whole classifier as one ONNX graph: ids of equally long texts in; probabilities, labels, whether it is sure out.

Where words are features, the terms of a text and how often each occurs come in too, and the graph weighs them.

The encoder is float32 (or int8); from its rows on everything is float64, as it is in Python: the head's coefficients
may be 1e6 where a column hardly moves, and a map of probabilities may be as steep as a step. In float32 the graph holds
operators of ONNX alone.

Shapes in the comments: B texts, n_features columns, L labels, K knots, N terms of a text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast, final

import numpy as np
from numpy.typing import NDArray

from frostline.encoder.architecture import Shape
from frostline.encoder.features import Block
from frostline.encoder.graph import FLOAT, INT64, Sketch
from frostline.encoder.layout import WORDS, Form
from frostline.encoder.words import Vocabulary
from frostline.head.linear import PLAIN_THRESHOLD, Knots, LinearHead, Link, Rule

if TYPE_CHECKING:
    import onnx

    from frostline.encoder.draft import Draft

INPUT, TERMS, COUNTS = "input_ids", "terms", "counts"
PROBABILITIES, FAVOURED, ANSWERED, LABEL = "probabilities", "favoured", "answered", "label"
EARLY = "early"

_STRING, _BOOL, _DOUBLE = 8, 9, 11  # onnx.TensorProto's numbers


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Cheap:
    """A cascade's cheap head: what it goes by, and by its rule how sure it must be to answer alone."""

    head: LinearHead
    blocks: Sequence[Block]
    has_words: bool


def build_classifier(  # noqa: PLR0913 - what a classifier consists of
    shape: Shape | None,
    blocks: Sequence[Block],
    head: LinearHead,
    *,
    weights: Mapping[str, NDArray[Any]],
    form: Form,
    vocabulary: Vocabulary | None = None,
    has_words: bool = True,
    cheap: Cheap | None = None,
) -> "onnx.ModelProto":
    """The graph, weights included.

    Input `input_ids` (B, S) int64, all texts of one length. Outputs `probabilities` (B, L) float32; `favoured` (B, L)
    bool: the label or labels that a text gets, sure or not; `answered` (B,) bool: whether it is sure enough to say so;
    and `label` (B,) string, where labels exclude each other. With words two more inputs: `terms` (B, N) int64, columns
    of the vocabulary, each once, and `counts` (B, N) int64, how often each occurs; 0: it is not there. With a cascade
    one more output: `early` (B,) bool, whether the cheap head answers; no layer reads such a text.

    Parameters
    ----------
    shape : Shape or None
        Of the encoder; None where words alone are read.
    weights : mapping of str to ndarray
        Those of the encoder in `form`, its word embeddings included.
    has_words : bool, default=True
        Whether `head` goes by the words of `vocabulary`, where there is one.
    cheap : Cheap, optional
        Of a cascade; there is an encoder then.
    """
    inputs: dict[str, tuple[int, Sequence[str | int]]] = {}
    first: _Said | None = None
    rows: str | None = None
    if shape is None:
        from frostline.encoder.draft import Draft  # noqa: PLC0415 - it imports onnx

        draft = Draft(one_time=True)
    else:
        sketch = Sketch.of_equals(shape, form, ids=INPUT, portable=True)
        draft = sketch.draft
        draft.weight(WORDS, weights[WORDS].shape)
        inputs[INPUT] = INT64, ("B", "S")
        if cheap is None:
            rows = _rows(sketch, blocks)
        else:
            first = _said_first(sketch, cheap, vocabulary)
            rows = _rows_of_others(sketch, blocks, first.answered, form)
    if vocabulary is not None:
        inputs |= {TERMS: (INT64, ("B", "N")), COUNTS: (INT64, ("B", "N"))}
    said = _said(draft, head, rows, vocabulary if has_words else None)
    outputs, kinds = _outputs(draft, said if first is None else _either(draft, first, said), len(head.labels))
    if first is not None:
        outputs[EARLY], kinds[EARLY] = (first.answered, ("B",)), _BOOL
    draft.filled(weights)
    return draft.model(inputs, outputs, kinds=kinds)


def _rows(sketch: Sketch, blocks: Sequence[Block]) -> str:
    """Rows (B, n_features) float32."""
    return cast("str", sketch.read(blocks)[1])  # nobody goes by nothing


def _rows_of_others(sketch: Sketch, blocks: Sequence[Block], early: str, form: Form) -> str:
    """Rows (B, n_features) of the texts that are not answered `early` (B,): the layers read these; others have any."""
    draft, op, whole = sketch.draft, sketch.draft.op, sketch.draft.whole
    others = op("Not", [early])

    def read(inner: "Draft") -> str:
        op, whole = inner.op, inner.whole
        those = op("Reshape", [op("NonZero", [others]), whole(-1)])
        ids = op("Gather", [INPUT, those])
        rows = _rows(Sketch.of_equals(sketch.shape, form, ids=ids, portable=True, draft=inner), blocks)
        count = op("CumSum", [op("Cast", [others], {"to": INT64}), inner.constant(np.array(0, np.int64))])
        place = op("Max", [op("Sub", [count, whole(1)]), whole(0)])
        return op("Gather", [rows, place])

    def nothing(inner: "Draft") -> str:
        width = whole(len(blocks) * sketch.shape.hidden_size)
        size = inner.op("Concat", [inner.op("Shape", [early]), width], {"axis": 0})
        return inner.op("Expand", [inner.constant(np.array(0, np.float32)), size])

    most = op("ReduceMax", [op("Cast", [others], {"to": INT64}), whole(0)], {"keepdims": 0})
    any_of_them = op("Cast", [most], {"to": _BOOL})
    return draft.either(any_of_them, read, nothing)


def labels_text(head: LinearHead) -> list[str]:
    """The labels as text, in column order: text as it is, anything else as JSON spells it."""
    return [label if isinstance(label, str) else json.dumps(label) for label in head.labels]


def _said_by_words(draft: "Draft", vocabulary: Vocabulary, coef: NDArray[np.float64]) -> str:
    """What the terms add to the log-odds (B, n_coef_rows): weighed and brought to their length as `Vocabulary.rows`."""
    op, one, nought = draft.op, draft.stored("one", np.array(1.0)), draft.stored("nought", np.array(0.0))
    times = op("Cast", [COUNTS], {"to": _DOUBLE})
    is_there = op("Greater", [times, nought])
    weights = op("Where", [is_there, times, one])
    if vocabulary.sublinear:
        weights = op("Add", [op("Log", [weights]), one])
    weights = op("Mul", [weights, op("Gather", [draft.stored("idf", vocabulary.idf), TERMS])])
    weights = op("Where", [is_there, weights, nought])  # (B, N)
    squares = op("ReduceSum", [op("Mul", [weights, weights]), draft.whole(1)], {"keepdims": 1})
    length = op("Sqrt", [op("Where", [op("Greater", [squares, nought]), squares, one])])
    scaled = op("Mul", [op("Div", [weights, length]), draft.stored("scale", np.array(vocabulary.scale))])
    own = op("Gather", [draft.stored("term_coef", np.ascontiguousarray(coef.T)), TERMS])  # (B, N, n_coef_rows)
    product = op("Mul", [own, op("Unsqueeze", [scaled, draft.whole(2)])])
    return op("ReduceSum", [product, draft.whole(1)], {"keepdims": 0})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a head says of each text, as values of the graph."""

    shares: str  # (B, L)
    favoured: str  # (B, L)
    answered: str  # (B,)
    label: str | None  # (B,)


def _said(draft: "Draft", head: LinearHead, rows: str | None, vocabulary: Vocabulary | None) -> _Said:
    """By rows (B, n_features) float32, by words, or by both."""
    parts: list[str] = []
    n_words = 0 if vocabulary is None else len(vocabulary.terms)
    if rows is not None:
        coef = draft.stored("coef", np.ascontiguousarray(head.coef[:, : head.coef.shape[1] - n_words].T))
        parts.append(draft.op("MatMul", [draft.op("Cast", [rows], {"to": _DOUBLE}), coef]))
    if vocabulary is not None:
        parts.append(_said_by_words(draft, vocabulary, head.coef[:, -n_words:]))
    decisions = draft.stored("intercept", head.intercept)  # and, with each part, log-odds (B, n_coef_rows)
    for part in parts:
        decisions = draft.op("Add", [part, decisions])
    return _answers(draft, _probabilities(draft, decisions, head), head)


def _said_first(sketch: Sketch, cheap: Cheap, vocabulary: Vocabulary | None) -> _Said:
    """What a cascade's cheap head says; it answers no text without a known word, where it goes by words."""
    draft, op = sketch.draft, sketch.draft.op
    rows = _rows(sketch, cheap.blocks) if cheap.blocks else None
    if not cheap.has_words:
        return _said(draft, cheap.head, rows, None)
    said = _said(draft, cheap.head, rows, vocabulary)
    most = op("ReduceMax", [COUNTS, draft.whole(1)], {"keepdims": 0})
    is_known = op("Greater", [most, draft.constant(np.array(0, np.int64))])
    return replace(said, answered=op("And", [said.answered, is_known]))


def _either(draft: "Draft", first: _Said, full: _Said) -> _Said:
    """What `first` says where it answers, else what `full` does."""
    op, early = draft.op, first.answered
    of_each = op("Unsqueeze", [early, draft.whole(1)])
    theirs = op("And", [op("Not", [of_each]), full.favoured])
    return _Said(
        shares=op("Where", [of_each, first.shares, full.shares]),
        favoured=op("Or", [op("And", [of_each, first.favoured]), theirs]),  # ONNX Runtime chooses no bools by `Where`
        answered=op("Or", [early, full.answered]),
        label=None if first.label is None or full.label is None else op("Where", [early, first.label, full.label]),
    )


def _probabilities(draft: "Draft", decisions: str, head: LinearHead) -> str:
    """Calibrated, (B, L)."""
    link, calibration = _LINKS[head.link], head.calibration
    if calibration is not None and calibration.method == "temperature":
        decisions = draft.op("Div", [decisions, draft.stored("temperature", np.array(calibration.temperature))])
    plain = link.shares(draft, decisions, head)
    if calibration is None or calibration.method == "temperature":
        return plain
    return link.mapped(draft, plain, calibration.knots)


def _softmax(draft: "Draft", decisions: str, head: LinearHead) -> str:
    if head.coef.shape[0] == 1:
        zeros = draft.op("Mul", [decisions, draft.stored("nought", np.array(0.0))])
        decisions = draft.op("Concat", [zeros, decisions], {"axis": 1})
    return draft.op("Softmax", [decisions], {"axis": 1})


def _logistic(draft: "Draft", decisions: str, head: LinearHead) -> str:
    del head
    return draft.op("Sigmoid", [decisions])


def _mapped(draft: "Draft", plain: str, knots: tuple[Knots, ...]) -> str:
    """Through the isotonic maps, each row brought to sum 1: as `head.linear.mapped`."""
    op = draft.op
    if len(knots) == 1:
        second = op("Slice", [plain, draft.whole(1), draft.whole(2), draft.whole(1)])
        second = _mapped_each(draft, second, knots)
        return op("Concat", [op("Sub", [draft.stored("one", np.array(1.0)), second]), second], {"axis": 1})
    shares = _mapped_each(draft, plain, knots)
    sums = op("ReduceSum", [shares, draft.whole(1)], {"keepdims": 1})
    has_any = op("Greater", [sums, draft.stored("nought", np.array(0.0))])
    divided = op("Div", [shares, op("Where", [has_any, sums, draft.stored("one", np.array(1.0))])])
    return op("Where", [has_any, divided, plain])


def _mapped_each(draft: "Draft", given: str, knots: tuple[Knots, ...]) -> str:
    """Each column of `given` (B, L) on the straight lines between its knots: the sum of how far each piece goes up."""
    op = draft.op
    most = max(len(of_label) for of_label in knots) - 1
    starts, widths, heights = np.zeros((len(knots), most)), np.ones((len(knots), most)), np.zeros((len(knots), most))
    for label, of_label in enumerate(knots):
        before, after = np.array(of_label).T
        starts[label, : len(before) - 1] = before[:-1]
        widths[label, : len(before) - 1] = np.diff(before)
        heights[label, : len(before) - 1] = np.diff(after)
    lowest = draft.stored("lowest", np.array([of_label[0][1] for of_label in knots]))
    past = op("Sub", [op("Unsqueeze", [given, draft.whole(2)]), draft.stored("starts", starts)])  # (B, L, K - 1)
    way = op("Div", [past, draft.stored("widths", widths)])
    bounds = draft.stored("nought", np.array(0.0)), draft.stored("one", np.array(1.0))
    climbed = op("Mul", [op("Clip", [way, *bounds]), draft.stored("heights", heights)])
    return op("Add", [op("ReduceSum", [climbed, draft.whole(2)], {"keepdims": 0}), lowest])


@final
@dataclass(frozen=True, slots=True)
class _Taken:
    """What a rule takes: the labels (B, L), the probability (B,) of them all, and where there is but one its name."""

    favoured: str
    sure: str
    label: str | None = None


def _one_label(draft: "Draft", shares: str, head: LinearHead, thresholds: str | None) -> _Taken:
    op = draft.op
    weighed = shares if thresholds is None else op("Div", [shares, thresholds])
    best = op("ArgMax", [weighed], {"axis": 1, "keepdims": 0})
    column = op("Unsqueeze", [best, draft.whole(1)])
    favoured = op("Equal", [column, draft.stored("columns", np.arange(len(head.labels)))])
    sure = op("Squeeze", [op("GatherElements", [shares, column], {"axis": 1}), draft.whole(1)])
    names = draft.stored("labels", np.array(labels_text(head), dtype=object))
    return _Taken(favoured, sure, op("Gather", [names, best]))


def _sets(draft: "Draft", shares: str, head: LinearHead, thresholds: str | None) -> _Taken:
    del head
    op = draft.op
    favoured = op("GreaterOrEqual", [shares, thresholds or draft.stored("thresholds", np.array(PLAIN_THRESHOLD))])
    others = op("Sub", [draft.stored("one", np.array(1.0)), shares])
    each = op("Log", [op("Where", [favoured, shares, others])])  # doubles have no product along an axis
    return _Taken(favoured, op("Exp", [op("ReduceSum", [each, draft.whole(1)], {"keepdims": 0})]))


@final
@dataclass(frozen=True, slots=True)
class _Written:
    """A link and its rule, as nodes."""

    shares: Callable[["Draft", str, LinearHead], str]
    mapped: Callable[["Draft", str, tuple[Knots, ...]], str]
    taken: Callable[["Draft", str, LinearHead, str | None], _Taken]


_LINKS: dict[Link, _Written] = {
    "softmax": _Written(_softmax, _mapped, _one_label),
    "logistic": _Written(_logistic, _mapped_each, _sets),
}


def _answers(draft: "Draft", shares: str, head: LinearHead) -> _Said:
    """By its rule."""
    rule = head.rule or Rule()
    thresholds = draft.stored("thresholds", np.array(rule.thresholds)) if rule.thresholds else None
    taken = _LINKS[head.link].taken(draft, shares, head, thresholds)
    answered = draft.op("GreaterOrEqual", [taken.sure, draft.stored("answer_from", np.array(rule.answer_from))])
    return _Said(shares=shares, favoured=taken.favoured, answered=answered, label=taken.label)


def _outputs(
    draft: "Draft", said: _Said, n_labels: int
) -> tuple[dict[str, tuple[str, Sequence[str | int]]], dict[str, int]]:
    """The outputs that answer, and the kinds of their elements."""
    outputs: dict[str, tuple[str, Sequence[str | int]]] = {
        FAVOURED: (said.favoured, ("B", n_labels)),
        ANSWERED: (said.answered, ("B",)),
        PROBABILITIES: (draft.op("Cast", [said.shares], {"to": FLOAT}), ("B", n_labels)),
    }
    if said.label is not None:
        outputs[LABEL] = said.label, ("B",)
    return outputs, {FAVOURED: _BOOL, ANSWERED: _BOOL, LABEL: _STRING}
