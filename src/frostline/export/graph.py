"""The whole classifier as one ONNX graph: ids of equally long texts in; probabilities, labels, whether it is sure out.

The encoder is float32 (or int8); from its rows on everything is float64, as it is in Python: the head's coefficients
may be 1e6 where a column hardly moves, and a map of probabilities may be as steep as a step. In float32 the graph holds
operators of ONNX alone.

Shapes in the comments: B texts, n_features columns, L labels, K knots.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from frostline.encoder.architecture import Shape
from frostline.encoder.features import Block
from frostline.encoder.graph import FLOAT, INT64, WORDS, Sketch
from frostline.encoder.products import Form
from frostline.head.linear import PLAIN_THRESHOLD, Calibration, Knots, LinearHead, Rule

if TYPE_CHECKING:
    import onnx

    from frostline.encoder.draft import Draft

INPUT = "input_ids"
PROBABILITIES, FAVOURED, ANSWERED, LABEL = "probabilities", "favoured", "answered", "label"

_STRING, _BOOL, _DOUBLE = 8, 9, 11  # onnx.TensorProto's numbers


def build_classifier(
    shape: Shape, blocks: Sequence[Block], head: LinearHead, *, weights: Mapping[str, NDArray[Any]], form: Form
) -> "onnx.ModelProto":
    """The graph, weights included.

    Input `input_ids` (B, S) int64, all texts of one length. Outputs `probabilities` (B, L) float32; `favoured` (B, L)
    bool: the label or labels that a text gets, sure or not; `answered` (B,) bool: whether it is sure enough to say so;
    and `label` (B,) string, where labels exclude each other.

    Parameters
    ----------
    weights : mapping of str to ndarray
        Those of the encoder in `form`, its word embeddings included.
    """
    sketch = Sketch.of_equals(shape, form, ids=INPUT)
    draft = sketch.draft
    draft.weight(WORDS, weights[WORDS].shape)
    rows = cast("str", sketch.read(blocks)[1])  # no classifier is without features
    shares = _probabilities(draft, _decisions(draft, rows, head), head)
    outputs, kinds = _answers(draft, shares, head)
    outputs[PROBABILITIES] = draft.op("Cast", [shares], {"to": FLOAT}), ("B", len(head.labels))
    draft.filled(weights)
    return draft.model({INPUT: (INT64, ("B", "S"))}, outputs, kinds=kinds)


def labels_text(head: LinearHead) -> list[str]:
    """The labels as text, in column order: text as it is, anything else as JSON spells it."""
    return [label if isinstance(label, str) else json.dumps(label) for label in head.labels]


def _decisions(draft: "Draft", rows: str, head: LinearHead) -> str:
    """Log-odds (B, n_coef_rows)."""
    coef = draft.stored("coef", np.ascontiguousarray(head.coef.T))
    product = draft.op("MatMul", [draft.op("Cast", [rows], {"to": _DOUBLE}), coef])
    return draft.op("Add", [product, draft.stored("intercept", head.intercept)])


def _probabilities(draft: "Draft", decisions: str, head: LinearHead) -> str:
    """Calibrated, (B, L)."""
    op, calibration = draft.op, head.calibration
    if calibration is not None and calibration.method == "temperature":
        decisions = op("Div", [decisions, draft.stored("temperature", np.array(calibration.temperature))])
    if head.link == "logistic":
        plain = op("Sigmoid", [decisions])
    else:
        if head.coef.shape[0] == 1:
            zeros = op("Mul", [decisions, draft.stored("nought", np.array(0.0))])
            decisions = op("Concat", [zeros, decisions], {"axis": 1})
        plain = op("Softmax", [decisions], {"axis": 1})
    if calibration is None or calibration.method == "temperature":
        return plain
    return _mapped(draft, plain, calibration, head)


def _mapped(draft: "Draft", plain: str, calibration: Calibration, head: LinearHead) -> str:
    """Through the isotonic maps: as `head.linear.mapped` and `mapped_each`."""
    op = draft.op
    if head.link == "softmax" and len(calibration.knots) == 1:
        second = op("Slice", [plain, draft.whole(1), draft.whole(2), draft.whole(1)])
        second = _through(draft, second, calibration.knots)
        return op("Concat", [op("Sub", [draft.stored("one", np.array(1.0)), second]), second], {"axis": 1})
    shares = _through(draft, plain, calibration.knots)
    if head.link == "logistic":
        return shares
    sums = op("ReduceSum", [shares, draft.whole(1)], {"keepdims": 1})
    has_any = op("Greater", [sums, draft.stored("nought", np.array(0.0))])
    divided = op("Div", [shares, op("Where", [has_any, sums, draft.stored("one", np.array(1.0))])])
    return op("Where", [has_any, divided, plain])


def _through(draft: "Draft", given: str, knots: tuple[Knots, ...]) -> str:
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


def _answers(
    draft: "Draft", shares: str, head: LinearHead
) -> tuple[dict[str, tuple[str, Sequence[str | int]]], dict[str, int]]:
    """The outputs that answer, and the kinds of their elements."""
    op, rule = draft.op, head.rule or Rule()
    limits = np.array(rule.thresholds) if rule.thresholds else None
    kinds = {FAVOURED: _BOOL, ANSWERED: _BOOL}
    outputs: dict[str, tuple[str, Sequence[str | int]]] = {}
    if head.link == "logistic":
        favoured = op(
            "GreaterOrEqual",
            [shares, draft.stored("thresholds", np.array(PLAIN_THRESHOLD) if limits is None else limits)],
        )
        others = op("Sub", [draft.stored("one", np.array(1.0)), shares])
        each = op("Log", [op("Where", [favoured, shares, others])])
        sure = op("Exp", [op("ReduceSum", [each, draft.whole(1)], {"keepdims": 0})])
    else:
        weighed = shares if limits is None else op("Div", [shares, draft.stored("thresholds", limits)])
        best = op("ArgMax", [weighed], {"axis": 1, "keepdims": 0})
        column = op("Unsqueeze", [best, draft.whole(1)])
        favoured = op("Equal", [column, draft.stored("columns", np.arange(len(head.labels)))])
        sure = op("Squeeze", [op("GatherElements", [shares, column], {"axis": 1}), draft.whole(1)])
        names = draft.stored("labels", np.array(labels_text(head), dtype=object))
        outputs[LABEL] = op("Gather", [names, best]), ("B",)
        kinds[LABEL] = _STRING
    answered = op("GreaterOrEqual", [sure, draft.stored("answer_from", np.array(rule.answer_from))])
    outputs |= {FAVOURED: (favoured, ("B", len(head.labels))), ANSWERED: (answered, ("B",))}
    return outputs, kinds
