"""ModernBERT from training to an exported graph, and texts longer than its queries are taken at a time."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from checkpoints import CONFIGS, make_tensors, write_checkpoint
from graph_tools import batch_of, opened

from encoder_fakes import WORDS, make_checkpoint
from frostline import SentenceClassifier
from frostline.artifact.model import Model, open_model
from frostline.encoder import turning
from frostline.encoder.encoder import Encoder
from frostline.export.run import export
from frostline.legible import word_pieces_of

CONFIG = CONFIGS["modernbert"] | {"vocab_size": len(WORDS), "max_position_embeddings": 700}


def make_modernbert(folder: Path) -> Path:
    """A small ModernBERT with the fakes' tokenizer."""
    make_checkpoint(folder)
    settings = {"do_lower_case": True, "model_max_length": 700}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    return write_checkpoint(folder, CONFIG, make_tensors(CONFIG))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("modernbert")
    texts = [f"{word} film {letter}" for word in ("good", "bad") for letter in "abcdefghij"]
    classifier = SentenceClassifier(str(make_modernbert(folder / "encoder")), features="cls@-1+mean@all", C=1.0)
    classifier.fit(texts, [text.split()[0] for text in texts]).save(folder / "model")
    return open_model(folder / "model")


def test_a_saved_classifier_reads_with_it(model: Model) -> None:
    assert (model.manifest.encoder.family, model.encoder.identity.backend) == ("modernbert", "onnx")
    assert model.predict(["good film z", "bad film z"]).tolist() == ["good", "bad"]
    pieces = word_pieces_of(model.encoder)
    assert pieces is not None
    assert pieces.limit == 700


def test_an_exported_one_says_the_same_of_texts_of_any_length(model: Model, tmp_path: Path) -> None:
    """Also where queries are taken in two shares; in operators that every runtime has."""
    assert export(model, tmp_path / "out").difference < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "classifier.onnx"))
    texts = ["", "good film", "good bad " * 300]
    pieces = word_pieces_of(model.encoder)
    assert pieces is not None
    answers = model.answer(texts)
    for row, ids in enumerate(pieces.tokenize(texts).ids):
        found = session.run(["probabilities"], {"input_ids": ids[None].astype(np.int64)})[0][0]
        assert found == pytest.approx(answers.probabilities[row], abs=1e-5)
    assert len(pieces.tokenize(texts).ids[2]) > turning.QUERIES


@pytest.mark.parametrize("queries", [1, 7, 16])
def test_how_many_queries_are_taken_at_a_time_changes_nothing(
    queries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Local layers and global ones, the last for [CLS] alone or whole, packed or not."""
    folder = write_checkpoint(tmp_path, CONFIGS["modernbert"])
    batches = [batch_of(np.random.default_rng(0).integers(0, 101, (2, length))) for length in (1, 16, 33)]
    features = "cls@-1+mean@0,1,3"
    expected = [opened(folder, features, 4).forward(batch) for batch in batches]
    monkeypatch.setattr(turning, "QUERIES", queries)
    for packs in (False, True):
        backend = opened(folder, features, 4, packs=packs)
        for batch, rows in zip(batches, expected, strict=True):
            assert np.abs(backend.forward(batch) - rows).max() <= 1e-5
    np.testing.assert_allclose(
        opened(folder, features, 4, packs=True).forward_together(batches), np.concatenate(expected), atol=1e-5
    )


def test_it_is_distilled_and_read_in_int8_too(model: Model, tmp_path: Path) -> None:
    folder = str(model.encoder.identity.name)
    float32, int8 = (Encoder.open(folder, precision=each, insist=True) for each in ("float32", "int8"))
    exact, near = (encoder.encode(["good film", "bad"]).rows for encoder in (float32, int8))
    assert 0 < np.linalg.norm(near - exact) <= 0.05 * np.linalg.norm(exact)
    from frostline.encoder.static import FEATURES, distil  # noqa: PLC0415 - heavy

    distil(Encoder.open(folder, features=FEATURES), tmp_path / "table", components=8)
    assert Encoder.open(str(tmp_path / "table")).encode(["good film"]).rows.shape == (1, 8)
