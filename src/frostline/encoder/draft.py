"""An ONNX graph while it is being written: a thin layer of names over onnx.helper.

Imports onnx, so it is imported only when a graph must be built.

Weights are not stored in the graph. Each is declared with its name and shape and is handed to the runtime when the
graph is opened, so a graph is some tens of kilobytes and the checkpoint's own file is the only copy of the weights.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPERATORS = 20  # the first version of ONNX's operators with Gelu
FORMAT = 10  # the version of the file format that belongs to it
RUNTIME_OPERATORS = "com.microsoft"  # ONNX Runtime's own
FLOAT = onnx.TensorProto.FLOAT
HANDED_OVER = "handed-over-when-opened"


@final
class Draft:
    """Nodes in order, constants, and the declared weights."""

    def __init__(
        self,
        constants: "dict[str, onnx.TensorProto] | None" = None,
        prefix: str = "",
        *,
        one_time: bool = False,
        known_as: Mapping[str, str] | None = None,
    ) -> None:
        """Empty; with `one_time`, `each` has but one number, and writes neither branch nor loop.

        `known_as`: what values that were named around it are called in the graph.
        """
        self._nodes: list[onnx.NodeProto] = []
        self._written: dict[tuple[str, tuple[str, ...], str], str] = {}
        self._constants: dict[str, onnx.TensorProto] = {} if constants is None else constants
        self._prefix = prefix
        self._one_time = one_time
        self._known_as = dict(known_as or {})

    def op(self, kind: str, inputs: Sequence[str], attributes: Mapping[str, Any] | None = None) -> str:
        """Write one operator, such as `Gemm` or `com.microsoft.FusedMatMul`; its output's name.

        The same operator on the same values is written once: asking for the length of a sentence twice is free.
        """
        domain, _, short = kind.rpartition(".")
        inputs = [self._known_as.get(name, name) for name in inputs]
        key = (kind, tuple(inputs), repr(sorted((attributes or {}).items())))
        if key not in self._written:
            output = f"{self._prefix}{short}_{len(self._nodes)}"
            node = helper.make_node(short, list(inputs), [output], name=output, domain=domain, **(attributes or {}))
            self._nodes.append(node)
            self._written[key] = output
        return self._written[key]

    def each(self, times: str, build: "Callable[[Draft, str | None], str]", *, always: bool = False) -> str:
        """What `build(inner, number)` gives for each number below `times`, joined along its first axis.

        For a single time it is `build(inner, None)`, without the loop and its copies. `inner` may use every value that
        was written before; with `always` there may be several numbers even where the draft has one time.
        """
        if self._one_time and not always:
            return build(self, None)
        prefix = f"{self._prefix}{len(self._nodes)}/"
        alone, several, inner = (self._within(f"{prefix}{name}/") for name in ("one", "many", "each"))
        body = inner.body(lambda number: build(inner, number))
        nothing = several.op("SequenceEmpty", [], {"dtype": FLOAT})
        joined = several.op(
            "ConcatFromSequence", [several.op("Loop", [times, "", nothing], {"body": body})], {"axis": 0}
        )
        branches = {"then_branch": alone.branch(build(alone, None)), "else_branch": several.branch(joined)}
        return self.op("If", [self.op("Equal", [times, self.constant(np.array(1, np.int64))])], branches)

    def either(self, condition: str, then: "Callable[[Draft], str]", otherwise: "Callable[[Draft], str]") -> str:
        """What `then(inner)` gives where `condition` holds, else what `otherwise(inner)` does; but one is computed."""
        prefix = f"{self._prefix}{len(self._nodes)}/"
        one, other = (self._within(f"{prefix}{name}/", one_time=self._one_time) for name in ("then", "else"))
        branches = {"then_branch": one.branch(then(one)), "else_branch": other.branch(otherwise(other))}
        return self.op("If", [condition], branches)

    def _within(self, prefix: str, *, one_time: bool = False) -> "Draft":
        """A draft of a graph within this one, which may use every value that was written before."""
        return Draft(self._constants, prefix, one_time=one_time, known_as=self._known_as)

    def named(self, name: str, value: str) -> None:
        """Give `value` a second name, here and in what is written within."""
        own = self._known_as[name] = f"{self._prefix}{name}"  # no graph within another may use its names anew
        self._nodes.append(helper.make_node("Identity", [value], [own], name=own))

    def branch(self, value: str) -> onnx.GraphProto:
        """The draft as one way to `value`."""
        nodes, _ = _needed_for({value}, self._nodes)
        return helper.make_graph(nodes, self._prefix, [], [helper.make_tensor_value_info(value, FLOAT, None)])

    def body(self, build: Callable[[str], str]) -> onnx.GraphProto:
        """The draft as the body of a loop, which appends what `build(number)` gives to a sequence."""
        number, goes_on, so_far = (f"{self._prefix}{name}" for name in ("number", "goes_on", "so_far"))
        now = self.op("SequenceInsert", [so_far, build(number)])
        still = self.op("Identity", [goes_on])
        floats = helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, None))
        value = helper.make_tensor_value_info
        given = [value(number, onnx.TensorProto.INT64, []), value(goes_on, onnx.TensorProto.BOOL, [])]
        return helper.make_graph(
            self._nodes,
            self._prefix,
            [*given, helper.make_value_info(so_far, floats)],
            [value(still, onnx.TensorProto.BOOL, []), helper.make_value_info(now, floats)],
        )

    def constant(self, value: NDArray[Any]) -> str:
        """The name of a small constant, stored in the graph once."""
        name = f"constant_{value.dtype}_{'x'.join(map(str, value.shape))}_{'_'.join(map(str, value.ravel()))}"
        self._constants.setdefault(name, numpy_helper.from_array(value, name))
        return name

    def whole(self, *numbers: int) -> str:
        """A constant list of whole numbers: a shape, or axes."""
        return self.constant(np.array(numbers, np.int64))

    def weight(
        self, name: str, shape: Sequence[int], *, kind: type[np.float32 | np.int8 | np.uint8 | np.int64] = np.float32
    ) -> str:
        """Declare a weight of numpy's type `kind` that is handed over when the graph is opened."""
        data_type = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        tensor = onnx.TensorProto(name=name, data_type=data_type, dims=shape, data_location=onnx.TensorProto.EXTERNAL)
        tensor.external_data.append(onnx.StringStringEntryProto(key="location", value=HANDED_OVER))
        self._constants[name] = tensor
        return name

    def stored(self, name: str, value: NDArray[Any]) -> str:
        """Store a tensor under that name, or where another has it one like it; text is an array of objects."""
        tensor = numpy_helper.from_array(value, name)
        if self._constants.setdefault(name, tensor) == tensor:
            return name
        return self.stored(f"{name}_2", value)

    def filled(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Store the declared weights in the graph, which then needs nothing handed over."""
        for name, tensor in self._constants.items():
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(weights[name]), name)

    def model(
        self,
        inputs: Mapping[str, tuple[int, Sequence[str | int]]],
        outputs: Mapping[str, tuple[str, Sequence[str | int]]],
        *,
        kinds: Mapping[str, int] | None = None,
    ) -> onnx.ModelProto:
        """The finished graph.

        Parameters
        ----------
        inputs : mapping of name to (element type, axes)
        outputs : mapping of name to (value, axes)
        kinds : mapping of name to element type, optional
            Of outputs that are not float32.
        """
        for name, (value, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name], name=name))
        nodes, needed = _needed_for(outputs, self._nodes)
        graph = helper.make_graph(
            nodes,
            "encoder",
            [helper.make_tensor_value_info(name, kind, axes) for name, (kind, axes) in inputs.items()],
            [
                helper.make_tensor_value_info(name, (kinds or {}).get(name, FLOAT), axes)
                for name, (_, axes) in outputs.items()
            ],
            [tensor for name, tensor in self._constants.items() if name in needed],
        )
        domains = {RUNTIME_OPERATORS} & {node.domain for node in nodes}
        versions = [helper.make_opsetid("", OPERATORS), *(helper.make_opsetid(domain, 1) for domain in domains)]
        return helper.make_model(graph, opset_imports=versions, ir_version=FORMAT, producer_name="frostline")


def _needed_for(values: Iterable[str], nodes: Sequence[onnx.NodeProto]) -> tuple[list[onnx.NodeProto], set[str]]:
    """Those of `nodes` that `values` hang on, in their order; and all that these read or give."""
    needed, kept = set(values), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input, _read_within(node))
            kept.append(node)
    return kept[::-1], needed


def _read_within(node: onnx.NodeProto) -> set[str]:
    """What branches and bodies of loops read of the graph around them, and their own values."""
    nodes = [inner for attribute in node.attribute for inner in attribute.g.node]
    return {name for inner in nodes for name in (*inner.input, *_read_within(inner))} | {
        output.name for attribute in node.attribute for output in attribute.g.output
    }
