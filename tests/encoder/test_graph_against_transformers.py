"""Our graphs against transformers itself: every family, every layer, every length. Needs torch."""

from pathlib import Path

import numpy as np
import pytest
from checkpoints import CONFIGS, LONGEST, make_tensors, random_ids, write_checkpoint
from golden_cases import MINILM_IDS
from graph_tools import batch_of, bundled_minilm

from frostline.encoder.architecture import describe, load_architecture
from frostline.encoder.onnx import OnnxBackend
from frostline.encoder.settings import ACTIVATIONS

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

BOUND = 1e-4  # the largest absolute difference allowed, in any layer


def largest_difference(folder: Path, n_layers: int, ids: np.ndarray) -> float:
    from reference import reference_states  # noqa: PLC0415 - imports torch

    layers = tuple(range(n_layers + 1))
    backend = OnnxBackend.open(load_architecture(folder), blocks=(), identity_digest="", kept=None, token_layers=layers)
    states = backend.states(batch_of(ids), layers)
    return float(np.abs(np.stack([states[layer] for layer in layers]) - reference_states(folder, ids)).max())


@pytest.mark.parametrize("name", CONFIGS)
def test_every_layer_equals_transformers_at_every_length(name: str, tmp_path: Path) -> None:
    """From one word piece to the longest sentence; for MPNet in steps, up to where all distances share a bucket.

    For ModernBERT also where its queries are taken in shares: around 512.
    """
    folder = write_checkpoint(tmp_path, CONFIGS[name])
    longest, n_layers = LONGEST[name], describe(CONFIGS[name]).n_layers
    step = 1 if longest < 50 else 7 if longest < 200 else 41
    around = {length for length in (4, 5, 6, 511, 512, 513) if length < longest}
    for length in {*range(1, longest + 1, step), *around, longest}:
        assert largest_difference(folder, n_layers, random_ids(name, length)) <= BOUND, length


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_equals_transformers(activation: str, tmp_path: Path) -> None:
    """Also those that only few checkpoints ask for."""
    config = CONFIGS["bert"] | {"hidden_act": activation}
    folder = write_checkpoint(tmp_path, config)
    assert largest_difference(folder, 3, random_ids("bert", 11)) <= BOUND


@pytest.mark.parametrize("length", [1, 7, 128, 512])
def test_minilm_equals_transformers(length: int) -> None:
    """The real weights, every layer, to the longest sentence."""
    ids = np.resize(np.concatenate(MINILM_IDS), (2, length)).astype(np.int64)
    assert largest_difference(bundled_minilm(), 6, ids) <= BOUND


def test_a_long_text_of_modernbert_equals_transformers(tmp_path: Path) -> None:
    """Positions to 8,191, whose angles are large numbers in float32."""
    config = CONFIGS["modernbert"] | {"max_position_embeddings": 8192, "local_attention": 128, "num_hidden_layers": 2}
    folder = write_checkpoint(tmp_path, config)
    assert largest_difference(folder, 2, random_ids("modernbert", 3001, sentences=1)) <= BOUND


@pytest.mark.parametrize("prefix", ["", "model."])
def test_modernbert_as_it_was_pretrained_is_read(prefix: str, tmp_path: Path) -> None:
    """With the head that guesses words, under the names that it was published with."""
    plain = write_checkpoint(tmp_path / "plain", CONFIGS["modernbert"])
    tensors = {f"{prefix}{name}": tensor for name, tensor in make_tensors(CONFIGS["modernbert"]).items()}
    tensors["decoder.bias"] = np.zeros(101, np.float32)
    headed = write_checkpoint(tmp_path / "headed", CONFIGS["modernbert"], tensors)
    both = [load_architecture(folder).tensors for folder in (plain, headed)]
    assert all((both[0][name] == both[1][name]).all() for name in both[0])


def test_a_checkpoint_with_a_task_head_equals_transformers(tmp_path: Path) -> None:
    """Names with the family's prefix, as they are saved with a classifier on top."""
    plain = write_checkpoint(tmp_path / "plain", CONFIGS["electra"])
    tensors = {f"electra.{name}": tensor for name, tensor in make_tensors(CONFIGS["electra"]).items()}
    headed = write_checkpoint(tmp_path / "headed", CONFIGS["electra"], tensors)
    ids = random_ids("electra", 9)
    assert largest_difference(headed, 3, ids) == largest_difference(plain, 3, ids) <= BOUND
