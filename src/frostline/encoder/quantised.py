"""An encoder's weights as whole numbers of 8 bits, its channels evened out first.

In:   an `Architecture`, and how large each channel of each input gets (channels.py).
Out:  arrays under the names that the int8 graph declares (products.py); the same bytes at every build.
Not:  measuring channels, the graph, keeping the result on disk.

A pretrained encoder has a few channels that are far larger than all others (MiniLM: 28 where the median is 2). They
would decide the scale of every row and leave the others a few levels each. So each channel is divided by a number e
and its column of weights is multiplied by it, which changes no sum: Xiao et al. (2023), SmoothQuant,
arXiv:2211.10438, equation 4, with an exponent of 0.6. Each e is a power of the fourth root of two, so that a last
bit that another processor computes differently does not make other weights.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Float32Array, Float64Array, IntArray
from frostline.encoder.architecture import PRODUCTS, Architecture
from frostline.encoder.aside import kept_aside, n_aside
from frostline.encoder.products import LEAST, SHARED_INPUT

INT8_VERSION = 2
"""Raised whenever the int8 rows we build could be other numbers than before, float32 being the same."""

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
        those are. Of `widen` `.kept.weight` (n_aside, columns in) and `.kept.bias` (n_aside,): what computes them.
    """
    shape = architecture.shape
    found: dict[str, NDArray[Any]] = {}
    for number in range(shape.n_layers):
        layer = f"layers.{number}."
        tensors = {part: architecture.tensors[f"{layer}{part}.weight"] for part in PRODUCTS}
        biases = {part: architecture.tensors[f"{layer}{part}.bias"].astype(np.float64) for part in PRODUCTS}
        weights = {part: tensor.astype(np.float64) for part, tensor in tensors.items()}
        for group in dict.fromkeys(SHARED_INPUT.values()):
            parts = [part for part, its in SHARED_INPUT.items() if its == group]
            sizes, its_weights = channels[layer + group], [tensors[part] for part in parts]
            kept = kept_aside(sizes, its_weights, n_aside(group, shape))
            even = even_out(sizes, its_weights)
            found[f"{layer}{group}.shrink"] = _without(1 / even, kept).astype(np.float32)
            found[f"{layer}{group}.kept"] = kept
            for part in parts:
                found[f"{layer}{part}.aside"] = np.ascontiguousarray(tensors[part][:, kept])
                weights[part] = _without(weights[part] * even, kept)
        kept = kept_aside(channels[f"{layer}narrow"], [tensors["narrow"]], n_aside("narrow", shape))
        found[f"{layer}narrow.aside"] = np.ascontiguousarray(tensors["narrow"][:, kept])
        found[f"{layer}widen.kept.weight"] = np.ascontiguousarray(tensors["widen"][kept])
        found[f"{layer}widen.kept.bias"] = biases["widen"][kept].astype(np.float32)
        weights["widen"][kept], biases["widen"][kept] = 0, 0  # the activation of 0 lies within all others
        found[f"{layer}widen.aside"][kept] = 0
        weights["narrow"] = _without(weights["narrow"], kept)
        for part, weight in weights.items():
            levels, scales = rounded(weight)
            if part == "narrow":  # its input was moved up by -least: takes that product off again
                least = np.float64(np.float32(LEAST[shape.activation]))
                biases[part] += least * (levels.sum(axis=1, dtype=np.int64) * scales)
            found[f"{layer}{part}.levels"] = np.ascontiguousarray(levels.T)
            found[f"{layer}{part}.scales"] = scales.astype(np.float32)
            found[f"{layer}{part}.bias"] = biases[part].astype(np.float32)
    return found


def _without(numbers: Float64Array, columns: IntArray) -> Float64Array:
    """`numbers` (..., columns in) with 0 in some columns."""
    found = numbers.copy()
    found[..., columns] = 0
    return found


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


def in_form(quantised: Mapping[str, NDArray[Any]], *, unsigned: bool) -> dict[str, NDArray[Any]]:
    """`quantised` as its graph takes it: for `unsigned` 128 is added to each level."""
    if not unsigned:
        return dict(quantised)
    return {
        name: (array.view(np.uint8) ^ np.uint8(0x80)) if name.endswith(".levels") else array
        for name, array in quantised.items()
    }
