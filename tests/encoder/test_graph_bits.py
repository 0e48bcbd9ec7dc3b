"""A sentence's row does not depend on its batch: not on its mates, not on its place, not on the batch's size.

The bound that is promised is 1e-6. On x86 the rows are bit-identical (measured with AVX2), and the tests hold the
graphs to that, because a change of one bit is how a dependence on the batch begins.
"""

import functools
import platform
import tempfile
from pathlib import Path

import numpy as np
import pytest
from checkpoints import CONFIGS, random_ids, write_checkpoint
from graph_tools import batch_of, bundled_minilm, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from frostline.encoder.onnx import OnnxBackend

BOUND = 0.0 if platform.machine().lower() in {"x86_64", "amd64"} else 1e-6
SPECS = ("cls@-1", "mean@-1", "cls@all+mean@all+max@all")


@functools.cache
def backend(name: str, features: str, *, packs: bool = False) -> OnnxBackend:
    if name == "minilm":
        return opened(bundled_minilm(), features, 6, packs=packs)
    with tempfile.TemporaryDirectory() as folder:
        n_layers = CONFIGS[name]["num_hidden_layers"]
        return opened(write_checkpoint(Path(folder), CONFIGS[name]), features, n_layers, packs=packs)


def largest_change(encoder: OnnxBackend, ids: NDArray[np.int64], order: NDArray[np.int64], sizes: list[int]) -> float:
    """How far the rows of `ids` move when they are read shuffled, in batches of the given sizes."""
    together = encoder.forward(batch_of(ids))
    pieces = np.split(order, np.cumsum(sizes))
    shuffled = np.concatenate([encoder.forward(batch_of(ids[piece])) for piece in pieces if len(piece)])
    return float(np.abs(shuffled - together[order]).max())


def check(name: str, features: str, ids: NDArray[np.int64], seed: int) -> None:
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(ids))
    sizes = generator.integers(1, len(ids) + 1, 4).tolist()
    encoder = backend(name, features)
    assert largest_change(encoder, ids, order, sizes) <= BOUND
    assert largest_change(encoder, ids, order, [1] * len(ids)) <= BOUND, "alone"


@settings(deadline=None, max_examples=30)
@given(
    name=st.sampled_from(["bert", "bert-one-head", "roberta", "mpnet", "electra", "modernbert"]),
    features=st.sampled_from(SPECS),
    runs=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 38)), min_size=1, max_size=9),
    seed=st.integers(0, 10_000),
)
def test_a_row_does_not_depend_on_sentences_of_other_lengths_beside_it(
    name: str, features: str, runs: list[tuple[int, int]], seed: int
) -> None:
    """Lengths packed into one product: the bits of each sentence alone, the same length twice included.

    Alone it is read by the graph of one length, and by the one that packs.
    """
    encoder, packing = backend(name, features), backend(name, features, packs=True)
    assert (encoder.packs, packing.packs) == (False, True)
    batches = [
        batch_of(random_ids(name, length, sentences=n_sentences, seed=seed + place))
        for place, (n_sentences, length) in enumerate(runs)
    ]
    alone = [encoder.forward(batch_of(batch.ids[row : row + 1])) for batch in batches for row in batch.rows]
    assert np.abs(packing.forward_together(batches) - np.concatenate(alone)).max() <= BOUND
    assert np.abs(encoder.forward_together(batches) - np.concatenate(alone)).max() <= BOUND
    assert np.abs(packing.forward(batches[0]) - encoder.forward(batches[0])).max() <= BOUND


@settings(deadline=None, max_examples=30)
@given(
    name=st.sampled_from(["bert", "bert-one-head", "roberta", "mpnet", "electra", "modernbert"]),
    features=st.sampled_from(SPECS),
    sentences=st.integers(1, 33),
    length=st.integers(1, 38),
    seed=st.integers(0, 10_000),
)
def test_a_row_of_a_small_encoder_does_not_depend_on_its_batch(
    name: str, features: str, sentences: int, length: int, seed: int
) -> None:
    """Sizes that are a multiple of nothing, so that every kernel meets its edges."""
    features = features if CONFIGS[name]["num_hidden_layers"] > 1 else features.replace("all", "0,1")
    ids = np.random.default_rng(seed).integers(0, CONFIGS[name]["vocab_size"], (sentences, length))
    check(name, features, ids, seed)


@pytest.mark.parametrize("features", SPECS)
@settings(deadline=None, max_examples=3)
@given(sentences=st.integers(1, 9), length=st.integers(2, 30), seed=st.integers(0, 10_000))
def test_a_row_of_minilm_does_not_depend_on_its_batch(features: str, sentences: int, length: int, seed: int) -> None:
    """The real weights, on random word pieces."""
    ids = np.random.default_rng(seed).integers(0, 30522, (sentences, length))
    check("minilm", features, ids, seed)


def test_the_cls_row_alone_equals_the_cls_row_of_the_whole_layer() -> None:
    """The short cut of the last layer changes the work, not the result: what else is asked for changes no bit."""
    for length in (1, 2, 23, 40):
        ids = np.random.default_rng(0).integers(0, 30522, (5, length))
        short = backend("minilm", "cls@-1").forward(batch_of(ids))
        whole = backend("minilm", "cls@all+mean@all+max@all").forward(batch_of(ids)).reshape(5, 3, 7, 384)[:, 0, 6]
        assert np.abs(short - whole).max() <= BOUND


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_what_is_kept_of_a_shape_is_nothing_of_its_sentences(name: str) -> None:
    """Where places follow from word pieces (a sentence that spells padding), nothing is kept."""
    encoder, packing = backend(name, "cls@-1"), backend(name, "cls@-1", packs=True)
    ids = np.random.default_rng(0).integers(2, 40, (3, 2, 7))
    ids[1, 0, 3] = 1  # RoBERTa's padding
    for some in ids:
        assert np.abs(packing.forward(batch_of(some)) - encoder.forward(batch_of(some))).max() <= BOUND
