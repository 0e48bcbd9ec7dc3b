"""A table instead of an encoder: its recipe by another way, its rows, its files, and wherever a name of it goes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from conftest import Command
from encoder_fakes import WORDS, make_checkpoint
from frostline.classifier import SentenceClassifier
from frostline.data.sample import load_sample
from frostline.encoder import checkpoint
from frostline.encoder.checkpoint import is_at_hand, known_encoder
from frostline.encoder.encoder import Encoder, make_known, must_be_made
from frostline.encoder.precision import PrecisionWarning
from frostline.encoder.reading import TokenBatch
from frostline.encoder.static import FEATURES, distil, rarity, used_pieces, weighted_components
from frostline.errors import InputError, OutputError, UsageError
from frostline.tutorial.lesson import Readers, give_lesson


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder.open(str(make_checkpoint(tmp_path_factory.mktemp("source") / "bert")), features=FEATURES)


@pytest.fixture(scope="module")
def table(source: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Distilled from a small BERT."""
    folder = tmp_path_factory.mktemp("distilled") / "table"
    distil(source, folder, components=5)
    return folder


def test_a_table_is_weighted_principal_components(source: Encoder, table: Path) -> None:
    """By an SVD of what the encoder says of each piece alone, up to a sign for each column."""
    alone = [piece for piece, word in enumerate(WORDS) if not word.startswith("[") and not word.startswith("##")]
    rows = load_file(table / "model.safetensors")["embeddings"]
    assert rows.shape == (len(WORDS), 5)
    used = used_pieces(source.word_pieces)
    assert [WORDS[piece] for piece in np.flatnonzero(~used)] == ["[UNK]", "[CLS]", "[SEP]"]
    vectors = np.zeros((len(WORDS), 16))
    for piece in np.flatnonzero(used):
        ids = np.array([[2, piece, 3]])
        vectors[piece] = source.backend.forward(TokenBatch(rows=np.array([0]), ids=ids))[0]
    by_text = source.encode([WORDS[piece] for piece in alone]).rows
    assert np.allclose(vectors[alone], by_text, atol=1e-5), "between what stands around every text"
    centred = vectors[used] - vectors[used].mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :5] * sizes[:5] * rarity(int(used.sum()))[:, None]
    assert np.abs(rows[used]) == pytest.approx(np.abs(expected), abs=1e-5)
    assert not rows[~used].any()


def test_rare_pieces_weigh_more() -> None:
    """A / (a + p) with p by Zipf's law over the order of the vocabulary."""
    shares = np.array([1 / 2, 1 / 3, 1 / 4])
    assert rarity(3) == pytest.approx(1e-4 / (1e-4 + shares / shares.sum()))
    assert (np.diff(rarity(1000)) > 0).all()


def test_a_row_is_the_sum_of_its_pieces_at_length_one(table: Path) -> None:
    """The same bits alone and beside others; nothing of [CLS], [SEP] and unknown words; an empty text is zero."""
    texts = ["a film", "good film , bad film !", "good", "", "zzz good"]
    encoder = Encoder.open(str(table), features="mean@all")
    rows = load_file(table / "model.safetensors")["embeddings"]
    reading = encoder.encode(texts)
    assert (encoder.n_layers, encoder.n_features, encoder.is_table) == (0, 5, True)
    for text, row in zip(texts, reading.rows, strict=True):
        assert (encoder.encode([text]).rows[0] == row).all()
        total = sum((rows[WORDS.index(word)] for word in text.split() if word in WORDS), np.zeros(5, np.float32))
        assert row == pytest.approx(total / (np.linalg.norm(total) or 1), abs=1e-6)
    assert (reading.rows[2] == reading.rows[4]).all()
    assert reading.pieces.tolist() == [4, 8, 3, 2, 4]


def test_its_one_layer_has_every_pooling(table: Path) -> None:
    """[CLS] has looked at nothing; the maximum is over the pieces; there is no layer 1."""
    rows = load_file(table / "model.safetensors")["embeddings"]
    reading = Encoder.open(str(table), features="cls@0+max@-1").encode(["good film"]).rows[0]
    assert not reading[:5].any()
    assert (reading[5:] == np.maximum(rows[WORDS.index("good")], rows[WORDS.index("film")])).all()
    with pytest.raises(UsageError, match="this encoder has 0 layers"):
        Encoder.open(str(table), features="mean@1")


def test_the_same_bytes_each_time(source: Encoder, table: Path, tmp_path: Path) -> None:
    distil(source, tmp_path / "again", components=5)
    names = sorted(path.name for path in table.iterdir())
    assert names == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    for name in names:
        assert (table / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    config = json.loads((table / "config.json").read_text())
    assert config["distilled_from"]["weights_sha256"] == source.identity.weights_sha256
    with pytest.raises(OutputError):
        distil(source, table, components=5)


def test_components_are_at_most_the_encoders(source: Encoder) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    assert weighted_components(vectors, np.ones(40, dtype=bool), 256).shape == (40, 3)


def test_what_cannot_be_is_refused_or_told(source: Encoder, table: Path, tmp_path: Path) -> None:
    """Torch, a graphics processor, bfloat16; int8 is told; what torch reads cannot be distilled."""
    for asked in ({"backend": "torch"}, {"device": "cuda"}, {"precision": "bfloat16"}):
        with pytest.raises(UsageError, match="looked up on the processor in float32"):
            Encoder.open(str(table), **asked)  # type: ignore[arg-type]
    with pytest.warns(PrecisionWarning, match="looked up, not multiplied"):
        assert Encoder.open(str(table), precision="int8").identity.precision == "float32"
    with pytest.raises(InputError, match="must be an encoder that our graphs read"):
        distil(replace(source, folder=None), tmp_path / "no")
    lesson = Encoder.open(str(table), features="cls@-1")
    with pytest.raises(UsageError, match="is a table of word pieces and has none"):
        next(give_lesson(load_sample().train, Readers(practical=lesson, first=lesson, better=lesson)))


def test_a_damaged_table_is_refused(table: Path, tmp_path: Path) -> None:
    """Another format, sizes that do not fit, numbers that are none."""
    folder = tmp_path / "table"
    folder.mkdir()
    for path in table.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    for wrong in ({"format": 2}, {"hidden_size": 0}, {"vocab_size": "many"}, {"max_position_embeddings": None}):
        (folder / "config.json").write_text(json.dumps(config | wrong))
        with pytest.raises(InputError, match="must be of format 1"):
            Encoder.open(str(folder))
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 4}))
    with pytest.raises(InputError, match="must have shape"):
        Encoder.open(str(folder))
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"embeddings": np.full((len(WORDS), 5), np.nan, np.float32)}, folder / "model.safetensors")
    with pytest.raises(InputError, match="embeddings"):
        Encoder.open(str(folder))


def test_a_made_encoder_is_made_once_and_travels_with_what_was_learned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Known by name, kept by digests; a saved classifier holds the table, since another machine would make another."""
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    known = known_encoder("static")
    assert known is not None
    small = replace(known, made_from=str(make_checkpoint(tmp_path / "bert")))
    monkeypatch.setattr(checkpoint, "_KNOWN", (small,))
    assert must_be_made("static")
    assert is_at_hand(small) is None
    told: list[tuple[int, int]] = []
    make_known("static", progress=lambda *done: told.append(done))
    assert told == [(len(WORDS), len(WORDS))]
    assert not must_be_made("static")
    make_known("static", progress=lambda *done: told.append(done))
    assert len(told) == 1
    folder = is_at_hand(small)
    assert folder is not None
    assert folder.parent == tmp_path / "home" / "encoders"
    texts = [f"{word} film {letter}" for letter in "abcdefghijklmnopqrst" for word in ("good", "bad")]
    labels = ["yes", "no"] * 20
    classifier = SentenceClassifier(encoder="static").fit(texts, labels)
    classifier.save(tmp_path / "model")
    assert (tmp_path / "model" / "encoder" / "model.safetensors").is_file()
    monkeypatch.setattr(checkpoint, "_KNOWN", ())
    assert SentenceClassifier.load(tmp_path / "model").predict(["good film", "bad film"]).tolist() == ["yes", "no"]


def test_the_verbs_take_it(frostline: Command, source: Encoder, tmp_path: Path) -> None:
    """Distil, then train, sweep and embed by the folder's name."""
    out = tmp_path / "table"
    made = frostline("distil", str(Path(str(source.folder))), "--out", str(out), "--components", "4")
    again = frostline("distil", str(out), "--out", str(tmp_path / "again"))
    assert again.code == 2
    assert "What is distilled must have layers" in " ".join(again.err.split())
    assert not (tmp_path / "again").exists()
    assert made.code == 0, made.err
    assert f"A table of {len(WORDS)} word pieces" in made.err
    rows = tmp_path / "rows.tsv"
    rows.write_text("".join(f"{'good' if n % 2 else 'bad'} film {'a b c x y z'[n % 11]}\t{n % 2}\n" for n in range(60)))
    assert frostline("train", str(rows), "--encoder", str(out), "--out", str(tmp_path / "model")).code == 0
    swept = frostline("sweep", str(rows), "--encoder", str(out), "--json")
    assert {trial["features"] for trial in swept.document["candidates"]} >= {"cls@-1", "mean@-1", "max@-1"}
    assert frostline("embed", str(rows), "--encoder", str(out), "--out", str(tmp_path / "rows.npy")).code == 0
    assert np.load(tmp_path / "rows.npy").shape == (60, 4)
    exported = frostline("export", str(tmp_path / "model"), "--out", str(tmp_path / "model.onnx"))
    assert "A table of word pieces has no layers to look into, to export or to train further." in exported.err


@pytest.mark.slow
def test_static_is_made_of_minilm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And tells the sample's labels apart better than the commonest label does."""
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    sample = load_sample()
    texts, labels = [str(text) for text in sample.train.texts], list(sample.train.labels)
    classifier = SentenceClassifier(encoder="static").fit(texts[:300], labels[:300])
    assert classifier.score(texts[300:], labels[300:]) > 0.6
