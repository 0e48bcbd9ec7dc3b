"""Our graphs compute what transformers computes: every family, every layer, without torch.

The expected numbers were made by tools/make_golden.py; test_graph_against_transformers.py makes them afresh.
"""

from pathlib import Path

import numpy as np
import pytest
from checkpoints import CONFIGS, LONGEST, random_ids, write_checkpoint
from golden_cases import GOLDEN, MINILM_IDS, golden_lengths
from graph_tools import batch_of, bundled_minilm

from frostline.encoder.architecture import describe, load_architecture
from frostline.encoder.features import FeatureSpec
from frostline.encoder.onnx import OnnxBackend

BOUND = 1e-4  # the largest absolute difference allowed, in any layer


@pytest.mark.parametrize("name", CONFIGS)
def test_every_layer_of_every_family_equals_transformers(name: str, tmp_path: Path) -> None:
    """Each word piece's state after each layer, for the shortest to the longest sentence."""
    folder = write_checkpoint(tmp_path, CONFIGS[name])
    layers = tuple(range(describe(CONFIGS[name]).n_layers + 1))
    backend = OnnxBackend.open(
        load_architecture(folder), blocks=(), identity_digest=name, kept=None, token_layers=layers
    )
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as golden:
        for length in golden_lengths(name):
            states = backend.states(batch_of(random_ids(name, length, sentences=1)), layers)
            found = np.stack([states[layer] for layer in layers])
            assert np.abs(found - golden[str(length)]).max() <= BOUND, (name, length)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_longest_sentence_is_the_one_the_positions_end_at(name: str) -> None:
    assert describe(CONFIGS[name]).max_positions == LONGEST[name]


def test_every_pooling_of_every_layer_of_minilm_equals_transformers() -> None:
    """The bundled encoder, with its real weights, on real sentences."""
    blocks = FeatureSpec.parse("cls@all+mean@all+max@all").blocks(6)
    backend = OnnxBackend.open(load_architecture(bundled_minilm()), blocks=blocks, identity_digest="", kept=None)
    with np.load(GOLDEN / "minilm.npz", allow_pickle=False) as golden:
        for ids, expected in zip(MINILM_IDS, golden["rows"], strict=True):
            rows = backend.forward(batch_of(np.array([ids])))
            found = rows.reshape(3, 7, 384).swapaxes(
                0, 1
            )  # columns are poolings of layers; the golden has layers first
            assert np.abs(found - expected).max() <= BOUND
