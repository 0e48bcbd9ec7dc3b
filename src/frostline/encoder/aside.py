"""Which few channels of a product's input are too large for 8 bits, and stay in float32.

In:   how large each channel gets, and the weights that it is multiplied by.
Out:  their numbers.
Not:  the products themselves (products.py), the rounding of all other channels (quantised.py).

A handful of channels of a pretrained encoder are tens of times larger than the rest, and so are their weights: one of
1,536 between MiniLM's feed-forward products has weights of 7.9 where the median is 0.15. One such weight decides the
scale of its whole column, one such number that of its whole row, and all others keep a few levels. Taken out, and
multiplied in float32, they cost under 1 % of the multiplications and take 40 % of the error (docs/decisions/0020).
Dettmers et al. (2022), LLM.int8(), arXiv:2208.07339, section 3.2, takes them out row by row; these are fixed.
"""

import numpy as np

from frostline.arrays import Float32Array, IntArray
from frostline.encoder.shape import Shape

N_ASIDE = {"asked": 4, "widen": 4, "narrow": 2}
"""How many channels of each kind of input: of query, key and value together, and of the two feed-forward products."""

_LEAST_COMMON = 4  # so many channels go into 8 bits for each that does not: matters to toys alone


def n_aside(group: str, shape: Shape) -> int:
    """How many channels of the input `group` stay in float32."""
    n_channels = shape.inner_size if group == "narrow" else shape.hidden_size
    return min(N_ASIDE[group], n_channels // _LEAST_COMMON)


def kept_aside(channels: Float32Array, weights: list[Float32Array], n_kept: int) -> IntArray:
    """The `n_kept` channels whose largest size, times their largest weight, is largest; ascending.

    Parameters
    ----------
    channels : ndarray of shape (columns in,)
    weights : list of ndarray of shape (columns out, columns in)
    """
    columns = np.max([np.abs(weight).max(axis=0) for weight in weights], axis=0)
    size = channels.astype(np.float64) * columns.astype(np.float64)
    found: IntArray = np.sort(np.argsort(-size, kind="stable")[:n_kept]).astype(np.int64)
    return found
