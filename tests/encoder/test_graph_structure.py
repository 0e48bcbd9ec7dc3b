"""What is in a graph, and what isn't: guards against doing work in vain, without a clock."""

from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import pytest
from checkpoints import CONFIGS, random_ids, write_checkpoint
from graph_tools import batch_of, bundled_minilm, opened

from frostline.encoder.architecture import describe
from frostline.encoder.features import FeatureSpec
from frostline.encoder.files import CONFIG, read_json
from frostline.encoder.graph import build_graph
from frostline.encoder.layout import graph_inputs


def graph_of(name: str, features: str) -> onnx.GraphProto:
    shape = describe(CONFIGS[name])
    return build_graph(shape, FeatureSpec.parse(features).blocks(shape.n_layers)).graph


def kinds(graph: onnx.GraphProto) -> Counter[str]:
    """Operators, those of loops included."""
    found = Counter(node.op_type for node in graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            found += kinds(attribute.g)
    return found


PLUMBING = {"Reshape", "Concat", "Shape", "Gather", "Slice", "Add", "Mul", "Cast", "Div", "Expand", "Squeeze"}
PLUMBING |= {
    "Unsqueeze",
    "Sub",
    "Equal",
    "Identity",
    "If",
    "Loop",
    "SequenceEmpty",
    "SequenceInsert",
    "ConcatFromSequence",
}
PER_LAYER = {"Gemm": 6, "LayerNormalization": 2}
PER_LAYER |= {"Softmax": 2, "FusedMatMul": 2, "MatMul": 2, "Transpose": 8}  # for one run, and in the loop over several


@pytest.mark.parametrize(
    ("name", "n_layers", "extra"),
    [
        ("bert", 3, {"Gelu": 3}),
        ("distilbert", 3, {"Gelu": 3}),
        ("distilbert-relu", 2, {"Relu": 2}),
        ("roberta", 3, {"Gelu": 3}),
        ("xlm-roberta", 3, {"Sigmoid": 3}),
        ("mpnet", 3, {"Gelu": 3, "Range": 6}),
        ("electra", 3, {"Gelu": 3, "Gemm": 1}),
        ("electra-no-projection", 2, {"Gelu": 2}),
    ],
)
def test_a_layer_has_the_operators_it_needs_and_no_more(name: str, n_layers: int, extra: dict[str, int]) -> None:
    """Six products per layer and two norms; nothing is computed twice, nothing is left over from another family."""
    expected = Counter({kind: count * n_layers for kind, count in PER_LAYER.items()}) + Counter(extra)
    expected += Counter({"LayerNormalization": 1, "MatMul": 2})  # of the embeddings; of the mean
    found = kinds(graph_of(name, "mean@-1"))
    assert {kind: count for kind, count in found.items() if kind not in PLUMBING} == dict(expected)


INT8_PER_LAYER = {"MatMulIntegerToFloat": 6, "QuantizeLinear": 4, "ReduceMax": 4, "LayerNormalization": 2}
INT8_PER_LAYER |= {"Gemm": 6}  # of the few channels that stay in float32; four products' and the one that makes them
INT8_PER_LAYER |= {"Softmax": 2, "FusedMatMul": 2, "MatMul": 2, "Transpose": 8}


@pytest.mark.parametrize("form", ["signed", "unsigned"])
@pytest.mark.parametrize(
    ("name", "n_layers", "extra"),
    [
        ("bert", 3, {"Gelu": 6, "Abs": 9}),
        ("distilbert-relu", 2, {"Relu": 4, "Abs": 6}),
        ("xlm-roberta", 3, {"Sigmoid": 6, "Abs": 9}),
        ("mpnet", 3, {"Gelu": 6, "Abs": 9, "Range": 6}),
        ("electra", 3, {"Gelu": 6, "Abs": 9, "Gemm": 1}),
    ],
)
def test_a_layer_in_int8_brings_its_rows_to_8_bits_four_times(
    form: Literal["signed", "unsigned"], name: str, n_layers: int, extra: dict[str, int]
) -> None:
    """Once for query, key and value together; all six products are in 8 bits, and a projection is not."""
    shape = describe(CONFIGS[name])
    graph = build_graph(shape, FeatureSpec.parse("mean@-1").blocks(shape.n_layers), form=form).graph
    found = kinds(graph)
    expected = Counter({kind: count * n_layers for kind, count in INT8_PER_LAYER.items()}) + Counter(extra)
    expected += Counter({"LayerNormalization": 1, "MatMul": 2})
    plumbing = PLUMBING | {"Max"}
    assert {kind: count for kind, count in found.items() if kind not in plumbing} == dict(expected)


def test_what_stays_in_float32_of_minilm_is_one_multiplication_in_a_hundred() -> None:
    """Four channels of 384, two of 1,536: counted from the declared weights."""
    shape = describe(read_json(bundled_minilm() / CONFIG))
    graph = build_graph(shape, FeatureSpec.parse("mean@-1").blocks(6), form="signed").graph
    sizes = {
        tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer if tensor.name.startswith("layers.")
    }
    whole = sum(size for name, size in sizes.items() if name.endswith(".levels"))
    aside = sum(size for name, size in sizes.items() if name.endswith((".aside", ".kept.weight")))
    assert whole == 6 * (4 * 384 * 384 + 2 * 384 * 1536)
    assert 0 < aside <= 0.01 * whole


def test_layers_above_the_highest_asked_for_are_not_built() -> None:
    assert kinds(graph_of("bert", "mean@1"))["Gemm"] == 6
    assert kinds(graph_of("bert", "mean@0"))["Gemm"] == 0
    assert kinds(graph_of("bert", "cls@0"))["Gemm"] == 0


def test_one_pass_gives_every_pooling_of_every_layer() -> None:
    """Three poolings of four layers cost no product more than one pooling of the last."""
    assert kinds(graph_of("bert", "cls@all+mean@all+max@all"))["Gemm"] == kinds(graph_of("bert", "mean@-1"))["Gemm"]


def test_there_is_no_attention_mask() -> None:
    """Nothing as large as a sentence times a sentence comes in: ids, places, where sentences begin and runs end."""
    axes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in graph_of("bert", "mean@-1").input
    }
    runs = {key: ["runs", 1] for key in ("begins", "ends", "lengths", "first_sentences", "last_sentences")}
    assert axes == {"ids": ["T"], "places": ["T"], "firsts": ["N"], "whole": [2], "words": ["vocabulary", 20]} | runs


def test_the_graph_holds_no_weights() -> None:
    """They stay in the checkpoint's file: a graph of MiniLM takes some 43 kB, whatever the encoder's size."""
    shape = describe(read_json(bundled_minilm() / CONFIG))
    model = build_graph(shape, FeatureSpec.parse("mean@all").blocks(6))
    assert len(model.SerializeToString()) < 50_000


def test_the_last_layer_computes_one_row_per_sentence_for_cls_alone() -> None:
    """Keys and values of every word piece; query, mixture and the four other products for the [CLS] row only."""
    sizes = gemm_rows(graph_of("bert", "cls@-1"), sentences=4, length=9)
    first, last = Counter(sizes[:-6]), Counter(sizes[-6:])
    assert first == {36: 12}  # two whole layers
    assert last == {36: 2, 4: 4}
    assert Counter(gemm_rows(graph_of("bert", "mean@-1"), sentences=4, length=9)) == {36: 18}
    assert Counter(gemm_rows(graph_of("bert", "cls@1"), sentences=4, length=9)) == {36: 2, 4: 4}


def test_a_lower_cls_row_costs_nothing_once_the_layer_is_whole() -> None:
    """The short cut is for the highest layer only, and only where no other pooling needs the layer."""
    assert Counter(gemm_rows(graph_of("bert", "cls@1+mean@1"), sentences=4, length=9)) == {36: 6}
    assert Counter(gemm_rows(graph_of("bert", "cls@all"), sentences=4, length=9)) == {36: 14, 4: 4}


def gemm_rows(graph: onnx.GraphProto, *, sentences: int, length: int) -> list[int]:
    """The number of rows that each product multiplies, in order, for a batch: found by running them."""
    products = [node.output[0] for node in graph.node if node.op_type == "Gemm"]
    del graph.output[:]
    graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in products)
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer if tensor.data_location}
    for name, dims in weights.items():
        kept = next(tensor for tensor in graph.initializer if tensor.name == name)
        kept.CopyFrom(onnx.numpy_helper.from_array(np.zeros(dims, np.float32), name))
    versions = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(graph, opset_imports=versions, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = graph_inputs(describe(CONFIGS["bert"]), [np.full((sentences, length), 5, np.int64)])
    return [len(found) for found in session.run(products, {**inputs, "words": np.zeros((101, 20), np.float32)})]


@pytest.mark.parametrize("name", CONFIGS)
def test_any_layer_alone_gives_what_it_gives_among_all(name: str, tmp_path: Path) -> None:
    """A graph that ends early takes fewer weights, and computes the same."""
    folder = write_checkpoint(tmp_path, CONFIGS[name])
    n_layers = describe(CONFIGS[name]).n_layers
    batch = batch_of(random_ids(name, 9, sentences=3))
    for pooling in ("cls", "mean", "max"):
        whole = opened(folder, f"{pooling}@all", n_layers).forward(batch)
        for layer, expected in enumerate(np.split(whole, n_layers + 1, axis=1)):
            found = opened(folder, f"{pooling}@{layer}", n_layers).forward(batch)
            assert np.abs(found - expected).max() <= 1e-5


def test_blocks_come_in_the_order_asked_for(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, CONFIGS["bert"])
    batch = batch_of(random_ids("bert", 9))
    mixed = np.split(opened(folder, "max@2+cls@-1+mean@0,3", 3).forward(batch), 4, axis=1)
    for features, found in zip(("max@2", "cls@3", "mean@0", "mean@3"), mixed, strict=True):
        assert np.abs(opened(folder, features, 3).forward(batch) - found).max() <= 1e-5
