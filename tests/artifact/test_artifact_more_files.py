"""words.json and neighbours.safetensors: what is kept comes back, and a stranger's is looked at."""

import json
import os
import pickle
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_artifacts import MB, Bomb, compare_refusal, tensors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_artifacts import RECORD, TEXTS, forge, forge_file, open_fake, saved, some_head, widened
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from fakes import FakeEncoder
from frostline.artifact import Limits, Neighbours, load_artifact, load_neighbours, refuse_size, save_artifact
from frostline.artifact.files import neighbours_bytes, read_neighbours, read_words, unit_rows, words_bytes
from frostline.artifact.model import open_model
from frostline.encoder.words import Vocabulary, WordedEncoder, fit
from frostline.errors import ArtifactCorrupt, InputError

CODES = np.array([0, 1, 2])
ROWS = FakeEncoder().encode(TEXTS).rows
NEIGHBOURS = Neighbours.of_rows(TEXTS, CODES, ROWS)
VOCABULARY = fit([*TEXTS, "東京 at love", 'a "quoted" \\ word'], min_texts=1)
WHOLE = replace(RECORD, neighbours=NEIGHBOURS)


def same(one: Vocabulary, other: Vocabulary) -> bool:
    names = ("terms", "n_texts", "max_words", "sublinear", "scale")
    return all(getattr(one, name) == getattr(other, name) for name in names) and np.array_equal(
        one.counts, other.counts
    )


# --- what is kept comes back


def test_neighbours_and_words_come_back(tmp_path: Path) -> None:
    path = saved(tmp_path, record=WHOLE, vocabulary=VOCABULARY)
    artifact = load_artifact(path)
    found = load_neighbours(artifact)
    assert found is not None
    assert found.texts == tuple(TEXTS)
    assert found.codes.tolist() == [0, 1, 2]
    assert found.rows.tobytes() == NEIGHBOURS.rows.tobytes()
    assert found.centre.tobytes() == NEIGHBOURS.centre.tobytes()
    assert artifact.vocabulary is not None
    assert same(artifact.vocabulary, VOCABULARY)
    assert np.array_equal(artifact.vocabulary.idf, VOCABULARY.idf)


def test_without_them_there_are_none(tmp_path: Path) -> None:
    artifact = load_artifact(saved(tmp_path))
    assert load_neighbours(artifact) is None
    assert artifact.vocabulary is None


def test_neighbours_of_several_labels_are_a_table(tmp_path: Path) -> None:
    table = np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]])
    head = replace(some_head(), link="logistic")
    path = saved(tmp_path, head=head, record=replace(WHOLE, neighbours=replace(NEIGHBOURS, codes=table)))
    found = load_neighbours(load_artifact(path))
    assert found is not None
    assert found.codes.tolist() == table.tolist()


def test_the_neighbours_are_readable_by_the_safetensors_library(tmp_path: Path) -> None:
    found = load_file(saved(tmp_path, record=WHOLE, vocabulary=VOCABULARY) / "neighbours.safetensors")
    assert {name: (values.dtype.str, values.shape) for name, values in found.items()} == {
        "centre": ("<f4", (48,)),
        "codes": ("<i4", (3,)),
        "ends": ("<i8", (3,)),
        "rows": ("<f2", (3, 48)),
        "texts": ("|u1", (sum(map(len, TEXTS)),)),
    }


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=6),
    seed=st.integers(0, 99),
    width=st.integers(1, 9),
)
def test_any_texts_and_rows_survive_their_file(texts: list[str], seed: int, width: int) -> None:
    """Rows come back as directions: cosines are those of the float32 rows, within float16's rounding."""
    rows = np.random.default_rng(seed).normal(size=(len(texts), width)).astype(np.float32)
    kept = Neighbours.of_rows(texts, np.zeros(len(texts), np.int64), rows)
    found = read_neighbours(neighbours_bytes(kept), n_labels=2, n_features=width, link="softmax")
    assert found.texts == tuple(texts)
    exact = unit_rows(rows, found.centre)
    assert np.abs(found.rows.astype(np.float32) @ exact.T - exact @ exact.T).max() < 2e-3


def test_rows_that_are_all_the_same_have_no_direction() -> None:
    kept = Neighbours.of_rows(["a", "b"], np.array([0, 1]), np.ones((2, 4), np.float32))
    assert not kept.rows.any()
    assert read_neighbours(neighbours_bytes(kept), n_labels=2, n_features=4, link="softmax").texts == ("a", "b")


def test_of_a_long_text_the_beginning_is_kept() -> None:
    kept = Neighbours.of_rows(["x" * 5000], np.array([0]), np.ones((1, 4), np.float32))
    assert kept.texts == ("x" * 1000,)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=8), scale=st.floats(1e-3, 1e3))
def test_any_vocabulary_survives_its_file(texts: list[str], scale: float) -> None:
    try:
        vocabulary = fit([*texts, "one"], min_texts=1, scale=scale)
    except UnicodeEncodeError:
        return
    try:
        found = read_words(words_bytes(vocabulary))
    except InputError:  # half a character, which no text that was read from a file has
        assert any(not term.isprintable() for term in vocabulary.terms)
        return
    assert same(found, vocabulary)


def test_more_neighbours_than_a_reader_allows_are_refused_beforehand() -> None:
    limits = Limits(neighbours_bytes=200)
    refuse_size(25, 4, limits=limits)
    with pytest.raises(InputError, match=r"At most 25 training sentences of 4 features .* \(got 26\)") as caught:
        refuse_size(26, 4, limits=limits)
    assert "--keep-neighbours" in caught.value.hint
    with pytest.raises(InputError, match="at most 200 bytes"):
        neighbours_bytes(NEIGHBOURS_OF_4, limits=limits)


NEIGHBOURS_OF_4 = Neighbours.of_rows(["a" * 300], np.array([0]), np.ones((1, 4), np.float32))


@pytest.mark.parametrize(
    "vocabulary",
    [
        replace(VOCABULARY, scale=float("nan")),
        replace(VOCABULARY, terms=VOCABULARY.terms[::-1]),
        replace(VOCABULARY, terms=("\ud800", *VOCABULARY.terms[1:])),
        replace(VOCABULARY, counts=VOCABULARY.counts[1:]),
        replace(VOCABULARY, n_texts=0),
        replace(VOCABULARY, terms=("x" * 1001,), counts=np.array([1])),
    ],
)
def test_a_vocabulary_that_could_not_be_loaded_is_not_saved(tmp_path: Path, vocabulary: Vocabulary) -> None:
    with pytest.raises((InputError, ValueError)) as caught:
        saved(tmp_path, vocabulary=vocabulary)
    assert not isinstance(caught.value, ArtifactCorrupt)
    assert list(tmp_path.iterdir()) == []


def test_overwriting_replaces_all_of_an_artifacts_files(tmp_path: Path) -> None:
    path = saved(tmp_path, record=WHOLE, vocabulary=VOCABULARY)
    save_artifact(path, head=some_head(), encoder=FakeEncoder(), overwrite=True)
    assert sorted(inner.name for inner in path.iterdir()) == ["head.safetensors", "manifest.json"]


def test_a_model_counts_words_by_the_vocabulary_it_learned_with(tmp_path: Path) -> None:
    """What comes back answers as what was saved, also for texts without a word that it knows."""
    head = widened(some_head(), len(VOCABULARY.terms))
    path = saved(tmp_path, vocabulary=VOCABULARY)
    texts = [*TEXTS, "\U0001f642", "", "東京 東京", "never seen", "at at at love"]
    expected = head.predict_proba(WordedEncoder(FakeEncoder(), VOCABULARY).encode(texts).for_head)
    model = open_model(path, open_encoder=open_fake)
    assert np.array_equal(model.predict_proba(texts), expected)
    assert model.manifest.features == "mean@all+words"
    assert model.manifest.n_features == 48  # the encoder's; the terms are counted in words.json
    assert not np.allclose(expected[0], some_head().predict_proba(FakeEncoder().encode(texts).rows)[0])


def test_words_without_a_vocabulary_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must come with the vocabulary"):
        save_artifact(tmp_path / "model", head=some_head(), encoder=FakeEncoder(features="mean@all+words"))
    assert list(tmp_path.iterdir()) == []


# --- damage and forgery


def test_a_vocabulary_of_another_size_than_the_head_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, vocabulary=VOCABULARY)
    for fewer in (1, len(VOCABULARY.terms) - 1):
        kept = replace(VOCABULARY, terms=VOCABULARY.terms[:fewer], counts=VOCABULARY.counts[:fewer])
        forge_file(path, "words.json", words_bytes(kept))
        with pytest.raises(ArtifactCorrupt, match="coef"):
            load_artifact(path)


def test_words_and_features_must_agree(tmp_path: Path) -> None:
    """A vocabulary that no feature asks for, and features that ask for one that is not there."""
    path = saved(tmp_path, name="without")
    forge_file(path, "words.json", words_bytes(VOCABULARY))
    with pytest.raises(ArtifactCorrupt, match="only then"):
        load_artifact(path)
    path = saved(tmp_path, name="with", vocabulary=VOCABULARY)
    forge(path, lambda document: document["files"].pop("words.json"))
    (path / "words.json").unlink()
    with pytest.raises(ArtifactCorrupt, match="must be there"):
        load_artifact(path)


def test_another_vocabulary_of_the_same_size_fails_the_self_test(tmp_path: Path) -> None:
    """The eight sentences have words too."""
    own = fit(["the train leaves at nine", "excellent work"], min_texts=1)
    path = saved(tmp_path, vocabulary=own)
    other = fit(["of late we saw xs", "qq zzz"], min_texts=1)
    assert len(other.terms) >= len(own.terms)
    cut = len(own.terms)
    forge_file(path, "words.json", words_bytes(replace(other, terms=other.terms[:cut], counts=other.counts[:cut])))
    with pytest.raises(ArtifactCorrupt, match="Self-test"):
        open_model(path, open_encoder=open_fake)


@pytest.mark.parametrize("name", ["words.json", "neighbours.safetensors"])
def test_any_damage_to_them_is_found(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, record=WHOLE, vocabulary=VOCABULARY)
    whole = (path / name).read_bytes()
    chance = random.Random(name)
    for turn in range(90):
        content = bytearray(whole)
        match turn % 3:
            case 0:
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            case 1:
                del content[chance.randrange(len(content)) :]
            case _:
                content += chance.randbytes(chance.randint(1, 9))
        (path / name).write_bytes(content)
        with pytest.raises(ArtifactCorrupt):
            load_neighbours(load_artifact(path))
    (path / name).write_bytes(whole)
    load_neighbours(load_artifact(path))


@pytest.mark.parametrize("name", ["words.json", "neighbours.safetensors"])
@pytest.mark.parametrize("instead", ["nothing", "folder", "link", "pipe", "a terabyte"])
def test_they_must_be_plain_files_of_their_size(tmp_path: Path, name: str, instead: str) -> None:
    """Found out on loading, though nobody asked for the neighbours."""
    path = saved(tmp_path, record=WHOLE, vocabulary=VOCABULARY)
    place = path / name
    if instead == "a terabyte":
        os.truncate(place, 2**40)
    else:
        place.rename(tmp_path / "elsewhere")
    match instead:
        case "folder":
            place.mkdir()
        case "link":
            place.symlink_to(tmp_path / "elsewhere")
        case "pipe":
            os.mkfifo(place)
    with pytest.raises(ArtifactCorrupt):
        load_artifact(path)


def test_format_1_had_neither(tmp_path: Path) -> None:
    golden = Path(__file__).parent / "golden" / "format1"
    path = tmp_path / "model"
    path.mkdir()
    for inner in golden.iterdir():
        (path / inner.name).write_bytes(inner.read_bytes())
    load_artifact(path)
    forge_file(path, "words.json", words_bytes(VOCABULARY))
    with pytest.raises(ArtifactCorrupt, match="must name only files"):
        load_artifact(path)


def changed(**members: Any) -> bytes:
    document = json.loads(words_bytes(VOCABULARY))
    for name, value in members.items():
        document[name] = value
    return json.dumps(document).encode()


N_TERMS = len(VOCABULARY.terms)
WORDS: dict[str, bytes] = {
    "nothing": b"",
    "a pickle": pickle.dumps(Bomb()),
    "a list": b"[]",
    "no members": b"{}",
    "a member more": changed(code="import os"),
    "terms that are a text": changed(terms="abc"),
    "no terms": changed(terms=[], counts=[]),
    "a term twice": changed(terms=["a", "a"], counts=[1, 1]),
    "terms out of order": changed(terms=["b", "a"], counts=[1, 1]),
    "a term that is a number": changed(terms=["a", 1], counts=[1, 1]),
    "an endless term": changed(terms=["x" * 1001], counts=[1]),
    "200,001 terms": changed(terms=[f"{n:06}" for n in range(200_001)], counts=[1] * 200_001),
    "a count too few": changed(counts=[1] * (N_TERMS - 1)),
    "a count of 0": changed(counts=[0] * N_TERMS),
    "a count of more texts than there are": changed(counts=[99] * N_TERMS),
    "counts that are true": changed(counts=[True] * N_TERMS),
    "counts in halves": changed(counts=[1.5] * N_TERMS),
    "no texts": changed(n_texts=0),
    "2**63 texts": changed(n_texts=2**63),
    "runs of no word": changed(max_words=0),
    "runs of a million words": changed(max_words=10**6),
    "sublinear 1": changed(sublinear=1),
    "is_marked 1": changed(is_marked=1),
    "a scale of 0": changed(scale=0),
    "a scale below 0": changed(scale=-30),
    "a scale of 1e300": changed(scale=1e300),
    "a scale that is NaN": words_bytes(VOCABULARY).replace(b"30.0", b"NaN"),
    "a scale in text": changed(scale="30"),
    "a member twice": words_bytes(VOCABULARY).replace(b"{", b'{"scale": 1.0,', 1),
    "half a character": words_bytes(VOCABULARY).replace(b'"a"', b'"\\ud800"', 1),
    "deep": b'{"terms": ' + b"[" * 100_000,
}


@pytest.mark.parametrize("what", WORDS)
def test_forged_words_are_refused(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path, record=WHOLE, vocabulary=VOCABULARY)
    forge_file(path, "words.json", changed())
    load_artifact(path)  # the forger's seal alone is right
    forge_file(path, "words.json", WORDS[what])
    with pytest.raises(ArtifactCorrupt) as caught:
        load_artifact(path)
    compare_refusal("words", what, caught.value, tmp_path)
    assert caught.value.message.isprintable()
    assert not (tmp_path / "exploded").exists()


TRUE: dict[str, NDArray[Any]] = {
    "centre": np.zeros(48, np.float32),
    "codes": np.array([0, 1, 2], np.int32),
    "ends": np.array([1, 2, 3], np.int64),
    "rows": np.tile(np.eye(1, 48, dtype=np.float16), (3, 1)),
    "texts": np.frombuffer(b"abc", np.uint8),
}


def with_arrays(**arrays: NDArray[Any]) -> bytes:
    return save({**TRUE, **arrays})


def less(name: str) -> bytes:
    return save({key: value for key, value in TRUE.items() if key != name})


FORGED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a pickle": lambda: pickle.dumps(Bomb()),
    "no rows": lambda: less("rows"),
    "a tensor more": lambda: with_arrays(more=np.zeros(1)),
    "rows of float32": lambda: with_arrays(rows=TRUE["rows"].astype(np.float32)),
    "rows of another width": lambda: with_arrays(rows=np.eye(3, 47, dtype=np.float16)),
    "a row too few": lambda: with_arrays(rows=TRUE["rows"][:2]),
    "a code too many": lambda: with_arrays(codes=np.zeros(4, np.int32)),
    "a code of no label": lambda: with_arrays(codes=np.array([0, 1, 3], np.int32)),
    "a code below 0": lambda: with_arrays(codes=np.array([0, 1, -1], np.int32)),
    "codes of several labels": lambda: with_arrays(codes=np.zeros((3, 3), np.uint8)),
    "NaN in a row": lambda: with_arrays(rows=np.full((3, 48), np.nan, np.float16)),
    "infinity in the centre": lambda: with_arrays(centre=np.full(48, np.inf, np.float32)),
    "long rows": lambda: with_arrays(rows=TRUE["rows"] * np.float16(3)),
    "a centre of another width": lambda: with_arrays(centre=np.zeros(47, np.float32)),
    "ends beyond the texts": lambda: with_arrays(ends=np.array([1, 2, 4], np.int64)),
    "ends before the end": lambda: with_arrays(ends=np.array([1, 2, 2], np.int64)),
    "descending ends": lambda: with_arrays(ends=np.array([2, 1, 3], np.int64)),
    "ends below 0": lambda: with_arrays(ends=np.array([-1, 2, 3], np.int64)),
    "an end of 2**62": lambda: with_arrays(ends=np.array([2**62, 2, 3], np.int64)),
    "texts that are not UTF-8": lambda: with_arrays(texts=np.frombuffer(b"ab\xff", np.uint8)),
    "a character in two texts": lambda: with_arrays(texts=np.frombuffer("aé".encode(), np.uint8)),
    "a long text": lambda: with_arrays(texts=np.full(1003, 97, np.uint8), ends=np.array([1, 2, 1003], np.int64)),
    "none at all": lambda: with_arrays(
        codes=np.zeros(0, np.int32),
        ends=np.zeros(0, np.int64),
        rows=np.zeros((0, 48), np.float16),
        texts=np.zeros(0, np.uint8),
    ),
    "a giant shape": lambda: tensors(
        {
            **dict.fromkeys(("centre", "codes", "ends", "texts"), 3),
            "rows": {"dtype": "F16", "shape": [2**40, 48], "data_offsets": [0, 0]},
        }
    ),
    "a header of 2**63": lambda: tensors(b"{}", length=2**63),
}


@pytest.mark.parametrize("what", FORGED)
def test_forged_neighbours_are_refused(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path, record=WHOLE, vocabulary=VOCABULARY)
    forge_file(path, "neighbours.safetensors", with_arrays())
    load_neighbours(load_artifact(path))  # the forger's seal alone is right
    forge_file(path, "neighbours.safetensors", FORGED[what]())
    artifact = load_artifact(path)  # which does not read them
    with pytest.raises(ArtifactCorrupt) as caught:
        load_neighbours(artifact)
    compare_refusal("neighbours", what, caught.value, tmp_path)
    assert caught.value.message.isprintable()
    assert not (tmp_path / "exploded").exists()


def test_a_size_over_the_limit_is_refused_unopened(tmp_path: Path) -> None:
    path = saved(tmp_path, record=WHOLE, vocabulary=VOCABULARY)
    forge(path, lambda document: document["files"]["neighbours.safetensors"].update(size_bytes=512 * MB + 1))
    with pytest.raises(ArtifactCorrupt, match="must be from 0 to 536,870,912"):
        load_artifact(path)
    with pytest.raises(ArtifactCorrupt):
        load_artifact(saved(tmp_path, name="other", vocabulary=VOCABULARY), limits=Limits(words_bytes=10))
