"""Names for arrays, with their axes.

The axes that occur: n_texts (rows, in input order), n_features (one feature vector), n_labels (classes in the
order of `classes_`), n_coef_rows (1 for two classes, n_labels otherwise), tokens (word pieces of a batch).
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

Features: TypeAlias = Float32Array
"""(n_texts, n_features), float32; row i belongs to text i; not normalised."""

Probabilities: TypeAlias = Float64Array
"""(n_texts, n_labels), rows sum to 1; column j belongs to label j."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called as progress(done, total), in the unit that the function's docstring names; never from two threads at once."""
