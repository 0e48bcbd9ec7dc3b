"""cascade.json and cascade.safetensors: what is kept comes back, answers as before, and a stranger's is looked at."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_artifacts import RECORD, TEXTS, forge_file, open_fake, saved, some_head

from frostline.artifact import load_artifact
from frostline.artifact.model import open_model
from frostline.encoder.encoder import Encoder, reader_for
from frostline.encoder.words import Vocabulary, WordedEncoder, WordsAlone
from frostline.errors import ArtifactCorrupt, InputError
from frostline.head.cascade import Cascade
from frostline.head.linear import Calibration, LinearHead, Link, Rule

VOCABULARY = Vocabulary(terms=("at", "it", "nine", "train"), n_texts=9, counts=np.array([4, 3, 2, 2]))


def some_cascade(link: Link = "softmax") -> Cascade:
    head = replace(
        some_head(n_features=4, seed=2),
        link=link,
        calibration=Calibration(method="temperature", temperature=0.5),
        rule=Rule(thresholds=(0.2, 0.3, 0.5), answer_from=0.6 if link == "softmax" else 0.3),
    )
    return Cascade(head=head, reader=WordedEncoder(WordsAlone(), VOCABULARY))


def with_cascade(folder: Path, *, link: Link = "softmax", vocabulary: Vocabulary | None = None) -> Path:
    record = replace(RECORD, cascade=some_cascade(link))
    head: LinearHead = replace(some_head(), link=link)
    return saved(folder, record=record, head=head, vocabulary=vocabulary)


@pytest.mark.parametrize("link", ["softmax", "logistic"])
@pytest.mark.parametrize("vocabulary", [None, VOCABULARY], ids=["words-first", "words-in-both"])
def test_it_comes_back_and_answers_as_before(tmp_path: Path, link: Link, vocabulary: Vocabulary | None) -> None:
    path = with_cascade(tmp_path, link=link, vocabulary=vocabulary)
    model, before = open_model(path, open_encoder=open_fake), some_cascade(link)
    assert model.cascade is not None
    assert model.cascade.head.coef.tobytes() == before.head.coef.tobytes()
    assert (model.cascade.head.rule, model.cascade.head.calibration) == (before.head.rule, before.head.calibration)
    _, first = before.hear(TEXTS)
    answers = model.answer(TEXTS)
    assert answers.early is not None
    assert answers.early.tolist() == first.answered.tolist()
    assert 0 < answers.early.sum() < len(TEXTS)
    for place, is_early in enumerate(answers.early.tolist()):
        rows = model.encoder.encode(TEXTS).for_head
        full = model.head.predict_proba(rows)
        assert answers.probabilities[place].tolist() == (first.probabilities if is_early else full)[place].tolist()
    assert model.predict(TEXTS).tolist() == model.head.named(answers).tolist()
    assert model.predict_proba(TEXTS).tobytes() == answers.probabilities.tobytes()
    [(_, part)] = model.answer_parts(TEXTS, 100)
    assert part.probabilities.tobytes() == answers.probabilities.tobytes()


def test_the_files_are_as_the_format_says(tmp_path: Path) -> None:
    path = with_cascade(tmp_path)
    document = json.loads((path / "cascade.json").read_bytes())
    assert list(document) == ["features", "n_features", "calibration", "rule", "self_test"]
    assert (document["features"], document["n_features"]) == ("words", 0)
    assert document["rule"] == {"thresholds": [0.2, 0.3, 0.5], "answer_from": 0.6}
    assert len(document["self_test"]["texts"]) == 8
    files = json.loads((path / "manifest.json").read_bytes())["files"]
    assert {"cascade.json", "cascade.safetensors", "words.json"} <= set(files)
    assert load_artifact(path).manifest.features == "mean@all"


def test_the_word_embeddings_of_a_real_encoder(tmp_path: Path) -> None:
    """The saved cascade has its rows computed by the encoder of the artifact, to the bit as before."""
    from frostline.artifact import save_artifact  # noqa: PLC0415 - with the real encoder

    encoder = Encoder.open("minilm", features="mean@-1")
    reader = reader_for(encoder, "mean@0+words", VOCABULARY)
    head = replace(some_head(n_features=384 + 4), rule=Rule(answer_from=0.4))
    whole = Encoder.open("minilm", features="mean@all").encode(TEXTS).rows
    assert reader.encode(TEXTS).rows.tobytes() == np.ascontiguousarray(whole[:, :384]).tobytes()
    path = tmp_path / "model"
    record = replace(RECORD, cascade=Cascade(head=head, reader=reader))
    save_artifact(path, head=some_head(n_features=384), encoder=encoder, record=record)
    model = open_model(path)
    assert model.cascade is not None
    assert model.cascade.hear(TEXTS)[0].tobytes() == Cascade(head=head, reader=reader).hear(TEXTS)[0].tobytes()
    assert str(model.cascade.reader.spec) == "mean@0+words"
    content = json.loads((path / "cascade.json").read_bytes())
    forge_file(path, "cascade.json", json.dumps({**content, "features": "mean@0,1+words"}).encode())
    with pytest.raises(ArtifactCorrupt, match=r"^cascade\.json: n_features must be those of mean@0,1\+words of"):
        open_model(path)
    for features, said in (
        ("mean@99+words", "Layer 99 of mean@99 must be between -7 and 6"),
        ("mean@-8+words", "Layer -8 of mean@-8 must be between -7 and 6"),
        ("mean@0,0+words", "Features mean@0,0 name mean@0 more than once"),
    ):
        forge_file(path, "cascade.json", json.dumps({**content, "features": features}).encode())
        with pytest.raises(ArtifactCorrupt, match=rf"^cascade\.json: features: {re.escape(said)}"):
            open_model(path)


def test_words_of_another_vocabulary_are_not_saved(tmp_path: Path) -> None:
    other = replace(VOCABULARY, n_texts=10)
    with pytest.raises(InputError, match=r"^The words of a cascade must be those of the head\.$"):
        with_cascade(tmp_path, vocabulary=other)


def changed(**members: Any) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        return json.dumps({**json.loads(content), **members}).encode()

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("cascade.json", changed(n_features=3), r"cascade\.safetensors.*coef"),
        ("cascade.json", changed(features="mean@0"), r"cascade\.safetensors.*coef"),
        ("cascade.json", changed(features="sum@0"), r"cascade\.json: features: Features must be pooling@layers"),
        ("cascade.json", changed(more=1), r"cascade\.json must have"),
        ("cascade.json", changed(rule={"thresholds": [2, 1, 1], "answer_from": 0}), r"cascade\.json: rule\.thresholds"),
        ("cascade.json", changed(calibration=None), r"Self-test: the probabilities must be those"),
        ("cascade.safetensors", lambda content: content[:-8], r"cascade\.safetensors"),
    ],
)
def test_a_strangers_is_looked_at(tmp_path: Path, name: str, change: Callable[[bytes], bytes], message: str) -> None:
    path = with_cascade(tmp_path)
    forge_file(path, name, change((path / name).read_bytes()))
    with pytest.raises(ArtifactCorrupt, match=message):
        open_model(path, open_encoder=open_fake)


def test_a_head_that_does_not_belong_to_these_words_is_found_out(tmp_path: Path) -> None:
    path = with_cascade(tmp_path)
    document = json.loads((path / "words.json").read_bytes())
    document["counts"] = [9, 9, 9, 1]
    forge_file(path, "words.json", json.dumps(document).encode())
    assert load_artifact(path).cascade is not None
    with pytest.raises(ArtifactCorrupt, match=r"^Self-test: "):
        open_model(path, open_encoder=open_fake)
