"""Weights in several files: read as one, kept as one, and refused where they do not belong together."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from encoder_fakes import WORDS, make_checkpoint
from frostline.artifact.model import open_model
from frostline.classifier import SentenceClassifier
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.encoder import Encoder
from frostline.errors import InputError, MissingInputError
from frostline.store.upkeep import cache_info, cache_prune
from hub_server import Hub, hub_serving

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
PLAIN = [word for word in WORDS if word.isalpha()]
TEXTS = [" ".join(PLAIN[at : at + 4]) for at in range(4)]


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def sharded(folder: Path) -> Path:
    """The same small BERT with every other tensor in a second file."""
    make_checkpoint(folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    where = {name: (FIRST, SECOND)[place % 2] for place, name in enumerate(names)}
    for shard in (FIRST, SECOND):
        save_file({name: tensors[name] for name in names if where[name] == shard}, folder / shard)
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": where}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sharded(tmp_path / "sharded")


def changed_index(folder: Path, **changes: str) -> None:
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"] |= changes
    (folder / INDEX).write_text(json.dumps(index))


def test_shards_read_as_one_file_does(folder: Path, tmp_path: Path) -> None:
    whole = make_checkpoint(tmp_path / "whole")
    found = find_checkpoint(str(folder))
    tensors, joined = load_file(whole / "model.safetensors"), load_file(found.folder / "model.safetensors")
    assert set(tensors) == set(joined)
    assert all((tensors[name] == joined[name]).all() for name in tensors)
    rows = [Encoder.open(str(place), features="mean@all").encode(TEXTS).rows for place in (folder, whole)]
    assert (rows[0] == rows[1]).all()


def test_they_are_joined_once_and_kept(folder: Path) -> None:
    """And what is kept is shown and pruned as all else that is."""
    first = find_checkpoint(str(folder))
    written = (first.folder / "model.safetensors").stat().st_mtime_ns
    again = find_checkpoint(str(folder))
    assert (again.folder, again.weights_sha256) == (first.folder, first.weights_sha256)
    assert (again.folder / "model.safetensors").stat().st_mtime_ns == written
    assert [entry.kind for entry in cache_info()] == ["joined"]
    cache_prune(kinds=["joined"])
    assert not first.folder.exists()
    assert find_checkpoint(str(folder)).weights_sha256 == first.weights_sha256


def test_a_classifier_is_saved_with_the_joined_file(folder: Path, tmp_path: Path) -> None:
    fitted = SentenceClassifier(str(folder), features="mean@all", C=1.0, store=False).fit(TEXTS, [1, 0, 1, 0])
    fitted.save(tmp_path / "model")
    assert (tmp_path / "model" / "encoder" / "model.safetensors").is_file()
    answers = open_model(tmp_path / "model").predict_proba(TEXTS)
    assert np.asarray(answers) == pytest.approx(fitted.predict_proba(TEXTS), abs=1e-6)


def test_an_index_that_names_no_shards_is_refused(folder: Path) -> None:
    changed_index(folder, **{"embeddings.LayerNorm.bias": "../../elsewhere.safetensors"})
    with pytest.raises(InputError, match=r"weight_map must name files like model-00001-of-00002.* \(got '../../elsewh"):
        find_checkpoint(str(folder))
    (folder / INDEX).write_text("{}")
    with pytest.raises(InputError, match=r"weight_map must name files like model-00001-of-00002.safetensors\."):
        find_checkpoint(str(folder))


def test_a_shard_that_is_not_there_is_named(folder: Path) -> None:
    (folder / SECOND).unlink()
    with pytest.raises(MissingInputError, match=f"{SECOND} must be there, which model.safetensors.index.json names"):
        find_checkpoint(str(folder))


@pytest.mark.parametrize("name", ["embeddings.LayerNorm.bias", "not.there"])
def test_shards_of_another_checkpoint_are_refused(folder: Path, name: str) -> None:
    """A tensor that is in another shard than the index says, or in none."""
    changed_index(folder, **{name: SECOND})
    with pytest.raises(InputError, match=f"tensor '{name}' must be in the shard that the index names"):
        find_checkpoint(str(folder))


def test_a_tensor_in_two_shards_is_refused(folder: Path) -> None:
    tensors = load_file(folder / SECOND)
    name = next(iter(load_file(folder / FIRST)))
    save_file({**tensors, name: load_file(folder / FIRST)[name]}, folder / SECOND)
    with pytest.raises(InputError, match=f"tensor '{name}' must be in one shard alone"):
        find_checkpoint(str(folder))


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_serving(folder) as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.endpoint)
        yield serving


def test_shards_are_downloaded_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find_checkpoint("owner/small")
    assert first.revision == hub.commit
    hub.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_checkpoint("owner/small").weights_sha256 == first.weights_sha256
    assert hub.asked == []


def test_a_shard_damaged_in_the_cache_is_refused(hub: Hub) -> None:
    find_checkpoint("owner/small")
    cache_prune(kinds=["joined"])
    blob = next(path for path in Path(find_checkpoint("owner/small").folder.parent.parent.parent / "hf").rglob(SECOND))
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.resolve().write_bytes(content)
    with pytest.raises(InputError, match=f"{SECOND}: sha256 must be"):
        find_checkpoint("owner/small")
