"""An encoder's int8 weights: kept from before, or measured, rounded and kept now."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Float32Array, Float64Array, IntArray
from frostline.encoder.architecture import GATE, Architecture, Shape, products_of
from frostline.encoder.graph import Sketch
from frostline.encoder.layout import GRAPH_VERSION, INT8_VERSION, WORDS, Form, graph_inputs
from frostline.encoder.products import (
    LEAST,
    ROW_LEVELS,
    SHARED_INPUT,
    WEIGHT_TYPES,
    ZERO_LEVEL,
    kept_aside,
    n_aside,
)
from frostline.encoder.session import kept_file, open_session
from frostline.errors import BackendError, InputError
from frostline.tensors import check_finite

if TYPE_CHECKING:
    import onnx

N_SEQUENCES = 256
N_PIECES = 16
SEED = 0


def random_pieces(shape: Shape) -> IntArray:
    """Sequences of random word pieces, (N_SEQUENCES, S), the same for ever.

    Only `Generator.random` is used, whose stream numpy keeps from version to version.
    """
    n_pieces = min(N_PIECES, shape.max_positions)
    drawn: IntArray = (np.random.default_rng(SEED).random((N_SEQUENCES, n_pieces)) * shape.vocab_size).astype(np.int64)
    return drawn


def build_channels_graph(shape: Shape) -> "onnx.ModelProto":
    """The graph in float32 whose outputs `layers.I.asked`, `.widen` and `.narrow` are each channel's largest size."""
    sketch = Sketch.begin(shape)
    op, whole = sketch.draft.op, sketch.draft.whole
    sizes_of: dict[str, str] = {}
    states = sketch.embed()
    for number in range(shape.n_layers):
        middle = sketch.attended(number, states)
        asked, given = sketch.asked(number, states), sketch.wide_asked(number, middle)
        sizes_of[f"layers.{number}.asked"] = op("ReduceMax", [op("Abs", [asked]), whole(0)], {"keepdims": 0})
        sizes_of[f"layers.{number}.widen"] = op("ReduceMax", [op("Abs", [given]), whole(0)], {"keepdims": 0})
        states, bent = sketch.widened(number, middle), _bent(sketch, number, given)
        sizes_of[f"layers.{number}.narrow"] = op("ReduceMax", [op("Abs", [bent]), whole(0)], {"keepdims": 0})
    sizes = {"asked": shape.hidden_size, "widen": shape.hidden_size, "narrow": shape.inner_size}
    outputs = {name: (value, (sizes[name.rpartition(".")[2]],)) for name, value in sizes_of.items()}
    return sketch.model(outputs)


def _bent(sketch: Sketch, number: int, given: str) -> str:
    """What goes into the second feed-forward product of layer `number`; written once, though `widened` has it too."""
    shape = sketch.shape
    wide = sketch.products.product(f"layers.{number}.widen", given, (shape.inner_size, shape.hidden_size))
    return sketch.products.bent(f"layers.{number}", given, wide, shape)


def largest_sizes(parts: Iterable[Mapping[str, Float32Array]]) -> dict[str, Float32Array]:
    """Each channel's largest size over several batches' answers of that graph.

    Raises `InputError`: one is not finite: the encoder overflows float32.
    """
    largest: dict[str, Float32Array] = {}
    for part in parts:
        for name, sizes in part.items():
            largest[name] = np.maximum(largest.get(name, sizes), sizes)
    for name, sizes in largest.items():
        if not np.isfinite(sizes).all():
            raise InputError(
                f"Every channel must be finite for int8 (got NaN or infinity in {name}).",
                hint="The encoder's weights overflow in float32, or its file is damaged.",
            )
    return largest


_EXPONENT = 0.6
_STEPS = 4  # of e, between one power of two and the next: whole powers cost 5 % more error
_LARGEST_LEVEL = 127  # of a weight; the same on both sides, so that zero is a level
_LEAST_SIZE = 1e-4  # of a channel, and of a column of weights: keeps e finite where one is never used


def quantise(architecture: Architecture, channels: Mapping[str, Float32Array]) -> dict[str, NDArray[Any]]:
    """The weights of the int8 graph.

    Parameters
    ----------
    architecture : Architecture
        Finite weights.
    channels : mapping of str to ndarray of shape (columns in,)
        `layers.I.asked`, `.widen` and `.narrow`: the largest size that each channel of that input takes.

    Returns
    -------
    dict of str to ndarray
        Per product `.levels` (columns in, columns out) int8, `.scales` and `.bias` (columns out,) float32, and but for
        `attended` `.aside` (columns out, n_aside) float32: the columns of weights that stay as they are. Per evened
        input `.shrink` (columns in,) float32, 0 where a channel stays in float32, and `.kept` (n_aside,) int64: which
        those are. Of `widen`, and of a gate, `.kept.weight` (n_aside, columns in) and `.kept.bias` (n_aside,): what
        computes them.
    """
    shape = architecture.shape
    quantised: dict[str, NDArray[Any]] = {}
    for number in range(shape.n_layers):
        layer = f"layers.{number}."
        tensors = {part: architecture.tensors[f"{layer}{part}.weight"] for part in products_of(shape)}
        biases = {part: architecture.tensors[f"{layer}{part}.bias"].astype(np.float64) for part in tensors}
        weights = {part: tensor.astype(np.float64) for part, tensor in tensors.items()}
        for group in dict.fromkeys(SHARED_INPUT.values()):
            parts = [part for part, its in SHARED_INPUT.items() if its == group and part in tensors]
            sizes, its_weights = channels[layer + group], [tensors[part] for part in parts]
            kept = kept_aside(sizes, its_weights, n_aside(group, shape))
            even = even_out(sizes, its_weights)
            quantised[f"{layer}{group}.shrink"] = _without(1 / even, kept).astype(np.float32)
            quantised[f"{layer}{group}.kept"] = kept
            for part in parts:
                quantised[f"{layer}{part}.aside"] = np.ascontiguousarray(tensors[part][:, kept])
                weights[part] = _without(weights[part] * even, kept)
        kept = kept_aside(channels[f"{layer}narrow"], [tensors["narrow"]], n_aside("narrow", shape))
        quantised[f"{layer}narrow.aside"] = np.ascontiguousarray(tensors["narrow"][:, kept])
        for part in ("widen", GATE) if shape.is_modern else ("widen",):
            quantised[f"{layer}{part}.kept.weight"] = np.ascontiguousarray(tensors[part][kept])
            quantised[f"{layer}{part}.kept.bias"] = biases[part][kept].astype(np.float32)
        weights["widen"][kept], biases["widen"][kept] = 0, 0  # the activation of 0 lies within all others
        quantised[f"{layer}widen.aside"][kept] = 0
        weights["narrow"] = _without(weights["narrow"], kept)
        for part, weight in weights.items():
            levels, scales = rounded(weight)
            if (
                part == "narrow" and not shape.is_modern
            ):  # its input was moved up by -least: takes that product off again
                least = np.float64(np.float32(LEAST[shape.activation]))
                biases[part] += least * (levels.sum(axis=1, dtype=np.int64) * scales)
            quantised[f"{layer}{part}.levels"] = np.ascontiguousarray(levels.T)
            quantised[f"{layer}{part}.scales"] = scales.astype(np.float32)
            quantised[f"{layer}{part}.bias"] = biases[part].astype(np.float32)
    return quantised


def _without(numbers: Float64Array, columns: IntArray) -> Float64Array:
    """`numbers` (..., columns in) with 0 in some columns."""
    left = numbers.copy()
    left[..., columns] = 0
    return left


def even_out(channels: Float32Array, weights: list[Float32Array]) -> Float64Array:
    """What to divide each channel by, and to multiply its columns of all `weights` with.

    Parameters
    ----------
    channels : ndarray of shape (columns in,)
    weights : list of ndarray of shape (columns out, columns in)
    """
    columns = np.maximum(np.max([np.abs(weight).max(axis=0) for weight in weights], axis=0), _LEAST_SIZE)
    sizes = np.maximum(channels.astype(np.float64), _LEAST_SIZE)
    power = _EXPONENT * np.log2(sizes) - (1 - _EXPONENT) * np.log2(columns.astype(np.float64))
    even: Float64Array = np.exp2(np.rint((power - np.median(power)) * _STEPS) / _STEPS)
    return even


def rounded(weight: Float64Array) -> tuple[NDArray[np.int8], Float64Array]:
    """`weight` (columns out, columns in) in levels from -127 to 127, and the scale of each column out.

    The scale is a float32 number, since the graph multiplies by one.
    """
    largest = np.maximum(np.abs(weight).max(axis=1), np.finfo(np.float32).tiny * _LARGEST_LEVEL)
    scales = (largest / _LARGEST_LEVEL).astype(np.float32).astype(np.float64)
    levels = np.clip(np.rint(weight / scales[:, None]), -_LARGEST_LEVEL, _LARGEST_LEVEL).astype(np.int8)
    return levels, scales


def in_form(quantised: Mapping[str, NDArray[Any]], form: Form) -> dict[str, NDArray[Any]]:
    """`quantised` as its graph takes it: `unsigned` has 128 added to each level, `short` a bias as a channel aside."""
    if form == "short":
        given = dict(quantised)
        for name in [name for name in quantised if name.endswith(".aside") and quantised[name].shape[1]]:
            bias = given.pop(f"{name.removesuffix('aside')}bias")
            given[f"{name}_bias"] = np.column_stack([given.pop(name), bias])
        return given
    if form != "unsigned":
        return dict(quantised)
    return {
        name: (array.view(np.uint8) ^ np.uint8(0x80)) if name.endswith(".levels") else array
        for name, array in quantised.items()
    }


_N_BATCHES = 16  # memory: 256 word pieces at once


def int8_weights(
    architecture: Architecture, *, identity_digest: str, kept: Path | None, form: Form
) -> dict[str, NDArray[Any]]:
    """All that the int8 graph takes: the products' weights in `form`, and what stays float32.

    Raises `InputError`: a weight is not finite, or the encoder overflows float32.

    Parameters
    ----------
    identity_digest : str
        Over everything that can change a row: weights kept under it were made from these very tensors.
    kept : Path or None
        A private folder; None to make them at every start.
    """
    from safetensors.numpy import load  # noqa: PLC0415 - only where used: start-up time

    made_with = ["int8", INT8_VERSION, GRAPH_VERSION, identity_digest, N_SEQUENCES, N_PIECES, SEED]
    key = hashlib.sha256(json.dumps(made_with).encode()).hexdigest()
    content = kept_file(kept, key, lambda: build_weights(architecture), kind="int8")
    made = {name: np.require(array, requirements=["ALIGNED"]) for name, array in load(content).items()}
    replaced = {f"{name}.{part}" for name in _product_names(architecture) for part in ("weight", "bias")}
    stays = {name: tensor for name, tensor in architecture.tensors.items() if name not in replaced}
    return stays | in_form(made, form)


def build_weights(architecture: Architecture) -> bytes:
    """The int8 weights as a safetensors file; the same bytes whenever they are built on one machine."""
    from safetensors.numpy import save  # noqa: PLC0415 - only where used: start-up time

    for name, tensor in architecture.tensors.items():
        architecture.check()
        check_finite(name, tensor)
    content: bytes = save(quantise(architecture, measured_channels(architecture)))
    return content


def measured_channels(architecture: Architecture) -> dict[str, Float32Array]:
    """The largest size of each channel over random word pieces."""
    graph = build_channels_graph(architecture.shape)
    declared = {tensor.name for tensor in graph.graph.initializer}
    weights = {name: tensor for name, tensor in architecture.tensors.items() if name in declared}
    architecture.check()
    session = open_session(graph.SerializeToString(), weights)
    names = [output.name for output in session.get_outputs()]
    words = {WORDS: architecture.tensors["words"]}
    batches = np.array_split(random_pieces(architecture.shape), _N_BATCHES)
    given = (graph_inputs(architecture.shape, [ids]) | words for ids in batches)
    return largest_sizes(dict(zip(names, session.run(names, inputs), strict=True)) for inputs in given)


def _product_names(architecture: Architecture) -> list[str]:
    shape = architecture.shape
    return [f"layers.{number}.{part}" for number in range(shape.n_layers) for part in products_of(shape)]


_N_ROWS, _N_SUMMED, _N_COLUMNS = (1, 5), 67, 37  # multiples of nothing: kernels meet their edges


def exact_form(kept: Path | None) -> Form:
    """The faster form of int8 products whose sums are exact on this machine.

    Raises `BackendError`: neither is exact: the runtime computes wrongly here.

    Parameters
    ----------
    kept : Path or None
        The folder of built graphs.
    """
    return _first_exact(("signed", "unsigned"), kept)


def exact_short_form(kept: Path | None) -> Form:
    """The form whose rows have 7 bits, as `exact_form`."""
    return _first_exact(("short",), kept)


def _first_exact(forms: Sequence[Form], kept: Path | None) -> Form:
    for form in forms:
        if is_exact(form, kept):
            return form
    raise BackendError(
        "Products of 8-bit numbers must be exact (this runtime's are not on this processor).",
        hint="Use --precision float32, and report this processor.",
    )


def is_exact(form: Form, kept: Path | None) -> bool:
    """Whether products in `form` give the sums of numpy's 64-bit integers, for the largest numbers there can be."""
    weights = _largest_weights()
    levels = (weights.astype(np.int16) + ZERO_LEVEL[form]).astype(WEIGHT_TYPES[form])
    key = hashlib.sha256(json.dumps(["products", form, weights.shape]).encode()).hexdigest()
    session = open_session(kept_file(kept, key, lambda: _product_graph(form)), {"levels": levels})
    for n_rows in _N_ROWS:
        rows = np.full((n_rows, _N_SUMMED), ROW_LEVELS[form], np.uint8)
        rows[:, ::7] = 0
        expected = (rows.astype(np.int64) - _zero_of(form)) @ weights.astype(np.int64)
        sums = session.run(None, {"rows": rows})[0]
        if not (sums == expected).all():  # sums below 2 ** 24: float32 holds them exactly
            return False
    return True


def _zero_of(form: Form) -> int:
    """The level of a row that means zero, where numbers have both signs."""
    return ROW_LEVELS[form] // 2 + 1


def _largest_weights() -> NDArray[Any]:
    """Columns of 127, of -127, and of both in turn."""
    weights = np.full((_N_SUMMED, _N_COLUMNS), 127, np.int8)
    weights[:, 1::3] = -127
    weights[::2, 2::3] = -127
    return weights


def _product_graph(form: Form) -> bytes:
    from frostline.encoder.draft import Draft  # noqa: PLC0415 - it imports onnx

    draft, one = Draft(), np.array(1, np.float32)
    inputs = [
        "rows",
        draft.weight("levels", (_N_SUMMED, _N_COLUMNS), kind=WEIGHT_TYPES[form]),
        draft.constant(one),
        draft.constant(one),
        draft.constant(np.array(_zero_of(form), np.uint8)),
        draft.constant(np.array(ZERO_LEVEL[form], WEIGHT_TYPES[form])),
    ]
    product = draft.op("com.microsoft.MatMulIntegerToFloat", inputs)
    uint8 = 2  # onnx.TensorProto's number
    graph: bytes = draft.model(
        {"rows": (uint8, ("n", _N_SUMMED))}, {"sums": (product, ("n", _N_COLUMNS))}
    ).SerializeToString()
    return graph
