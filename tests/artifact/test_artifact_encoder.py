"""A head is opened only with the encoder it belongs to."""

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_artifacts import forge, forge_file, open_fake, saved, some_head

from encoder_fakes import make_checkpoint
from fakes import FakeEncoder
from frostline.arrays import Progress
from frostline.artifact import ArtifactRecord, load_artifact, save_artifact
from frostline.artifact.files import head_bytes
from frostline.artifact.model import open_model
from frostline.artifact.self_test import SENTENCES
from frostline.classifier import SentenceClassifier
from frostline.cli.options import ModelChoice
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.files import CHECKPOINT_FILES
from frostline.encoder.reading import EncoderIdentity, SentenceEncoder
from frostline.errors import (
    ArtifactCorrupt,
    BackendError,
    ConsentError,
    InputError,
    MissingInputError,
    UnavailableError,
    UsageError,
)
from frostline.head.linear import LinearHead
from hub_server import hub_serving


def test_another_encoder_under_the_same_name_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path)

    def other(name: str, **_: Any) -> SentenceEncoder:
        return FakeEncoder(weights="other")

    with pytest.raises(InputError, match=r"encoder fake is not the one .* \(weights_sha256 must be"):
        open_model(path, open_encoder=other)


def test_another_max_length_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)

    def shorter(name: str, *, features: str, **_: Any) -> SentenceEncoder:
        return FakeEncoder(features=features, max_length=64)

    with pytest.raises(InputError, match="max_length must be 128, got 64"):
        open_model(path, open_encoder=shorter)


def test_exchanged_coefficients_fail_the_self_test(tmp_path: Path) -> None:
    """A forger who gets every digest right, and swaps two classes, is found out by the sentences."""
    path = saved(tmp_path)
    head = some_head()
    swapped = replace(head, coef=head.coef[[1, 0, 2]], intercept=head.intercept[[1, 0, 2]])
    forge_file(path, "head.safetensors", head_bytes(swapped))
    load_artifact(path)
    with pytest.raises(ArtifactCorrupt, match="Self-test"):
        open_model(path, open_encoder=open_fake)
    assert open_model(path, open_encoder=open_fake, check=False).head.labels == head.labels


@dataclass
class NoisyEncoder:
    """Another processor: every row is a little different, by `error` of its length."""

    error: float
    graph_version: int = 1

    @property
    def identity(self) -> EncoderIdentity:
        return replace(FakeEncoder().identity, graph_version=self.graph_version)

    spec = FakeEncoder().spec
    blocks = FakeEncoder().blocks
    hidden_size = 16

    def encode(self, texts: Any, *, progress: Progress | None = None) -> Any:
        reading = FakeEncoder().encode(texts, progress=progress)
        noise = np.random.default_rng(1).normal(size=reading.rows.shape)
        scale = self.error * np.linalg.norm(reading.rows, axis=1) / np.linalg.norm(noise, axis=1)
        return replace(reading, rows=(reading.rows + noise * scale[:, None]).astype(np.float32))


def noisy(name: str, **_: Any) -> SentenceEncoder:
    return NoisyEncoder(1e-6)


def test_the_rounding_of_another_processor_passes_the_self_test(tmp_path: Path) -> None:
    open_model(saved(tmp_path), open_encoder=noisy)


def test_a_head_so_steep_that_rounding_shows_passes_the_self_test(tmp_path: Path) -> None:
    """A probability of one half, which rounding alone moves by more than 1e-4, has a wider tolerance."""
    coef = some_head(("a", "b")).coef * 4000
    row = FakeEncoder().encode(SENTENCES[:1]).rows[0]
    head = LinearHead(labels=("a", "b"), coef=coef, intercept=-coef @ row)
    path = saved(tmp_path, head=head)
    moved = head.predict_proba(NoisyEncoder(1e-6).encode(SENTENCES).rows)[0] - 0.5
    assert np.abs(moved).max() > 2e-4
    open_model(path, open_encoder=noisy)


def test_rows_that_differ_by_a_thousandth_fail_the_self_test(tmp_path: Path) -> None:
    path = saved(tmp_path)

    def wrong(name: str, **_: Any) -> SentenceEncoder:
        return NoisyEncoder(1e-3)

    with pytest.raises(ArtifactCorrupt, match="Self-test"):
        open_model(path, open_encoder=wrong)


def test_an_encoder_that_gives_nan_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path)

    def broken(name: str, **_: Any) -> SentenceEncoder:
        return NoisyEncoder(float("nan"))

    with pytest.raises(BackendError, match="finite"):
        open_model(path, open_encoder=broken)
    with pytest.raises(BackendError, match="finite"):
        save_artifact(tmp_path / "new", head=some_head(), encoder=NoisyEncoder(float("nan")))
    assert not (tmp_path / "new").exists()


def test_a_newer_graph_needs_the_self_test(tmp_path: Path) -> None:
    path = saved(tmp_path)

    def newer(name: str, **_: Any) -> SentenceEncoder:
        return NoisyEncoder(0.0, graph_version=2)

    open_model(path, open_encoder=newer)
    with pytest.raises(InputError, match="version 1 of the encoder's graph"):
        open_model(path, open_encoder=newer, check=False)


def test_a_known_encoder_is_looked_for_without_its_revision_first(tmp_path: Path) -> None:
    """Trained where minilm came from the hub, opened where it is bundled: the digests decide, no hub is asked."""
    path = saved(tmp_path)
    forge(path, lambda document: document["encoder"].update(name="minilm", revision="abc123"))
    asked = []

    def bundled(name: str, *, features: str, revision: str | None, **_: Any) -> SentenceEncoder:
        asked.append((name, revision))
        return FakeEncoder(features=features)

    open_model(path, open_encoder=bundled)
    assert asked == [("minilm", None)]


def test_an_encoder_out_of_reach_says_so(tmp_path: Path) -> None:
    path = saved(tmp_path)

    def none(name: str, **_: Any) -> SentenceEncoder:
        raise UnavailableError("The hub is out of reach.")

    with pytest.raises(UnavailableError, match="hub"):
        open_model(path, open_encoder=none)


# --- the encoder's files inside


@dataclass
class FolderEncoder:
    """A fake that says it was read from a folder."""

    name: str
    weights_sha256: str
    config_sha256: str

    spec = FakeEncoder().spec
    blocks = FakeEncoder().blocks
    hidden_size = 16

    @property
    def identity(self) -> EncoderIdentity:
        return replace(
            FakeEncoder().identity,
            name=self.name,
            weights_sha256=self.weights_sha256,
            config_sha256=self.config_sha256,
        )

    def encode(self, texts: Any, *, progress: Progress | None = None) -> Any:
        return FakeEncoder().encode(texts, progress=progress)


def checkpoint(folder: Path) -> tuple[Path, FolderEncoder]:
    folder.mkdir()
    for name in (*CHECKPOINT_FILES, "LICENSE", "pytorch_model.bin", "modeling.py"):
        (folder / name).write_text(f"{{}} {name}")
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in CHECKPOINT_FILES}
    return folder, FolderEncoder(str(folder), digests["model.safetensors"], digests["config.json"])


def test_with_encoder_adds_what_is_read_and_nothing_else(tmp_path: Path) -> None:
    folder, encoder = checkpoint(tmp_path / "my encoder")
    named = replace(encoder, name="minilm")
    path = tmp_path / "model"
    save_artifact(path, head=some_head(), encoder=named, with_encoder=folder)
    inside = sorted(inner.name for inner in (path / "encoder").iterdir())
    assert inside == sorted({*CHECKPOINT_FILES, "LICENSE"} - {"vocab.txt"})
    opened = []

    def opening(name: str, **_: Any) -> SentenceEncoder:
        opened.append(name)
        return named

    open_model(path, open_encoder=opening)
    assert opened == [str(path / "encoder")], "the bundled one is preferred"


def test_an_encoder_from_a_folder_is_always_added_and_its_path_is_not_told(tmp_path: Path) -> None:
    folder, encoder = checkpoint(tmp_path / "my encoder")
    found = save_artifact(tmp_path / "model", head=some_head(), encoder=encoder)
    assert found.encoder_folder == tmp_path / "model" / "encoder"
    assert found.manifest.encoder.name == "my-encoder"
    assert str(tmp_path).encode() not in (tmp_path / "model" / "manifest.json").read_bytes()
    shutil.rmtree(folder)

    def opening(name: str, **_: Any) -> SentenceEncoder:
        return encoder

    open_model(tmp_path / "model", open_encoder=opening)


def test_with_encoder_refuses_another_encoder(tmp_path: Path) -> None:
    folder, encoder = checkpoint(tmp_path / "one")
    (folder / "model.safetensors").write_text("others")
    with pytest.raises(UsageError, match="must be that of the encoder that read"):
        save_artifact(tmp_path / "model", head=some_head(), encoder=encoder, with_encoder=folder)
    assert sorted(inner.name for inner in tmp_path.iterdir()) == ["one"]


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_encoder_inside_is_never_opened(tmp_path: Path, name: str) -> None:
    _, encoder = checkpoint(tmp_path / "one")
    path = tmp_path / "model"
    save_artifact(path, head=some_head(), encoder=encoder)
    content = bytearray((path / "encoder" / name).read_bytes())
    content[3] ^= 4
    (path / "encoder" / name).write_bytes(content)

    def never(name: str, **_: Any) -> SentenceEncoder:
        raise AssertionError(name)

    with pytest.raises(ArtifactCorrupt, match=name):
        open_model(path, open_encoder=never)


@pytest.mark.parametrize(
    ("name", "revision", "told"),
    [
        ("owner/small", "0" * 40, "'owner/small' at revision 0000000000000000000000000000000000000000"),
        ("owner/small", None, "'owner/small'"),
        ("distilbert", None, "'distilbert', 268 MB"),
    ],
)
def test_an_encoder_elsewhere_is_fetched_on_consent_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, revision: str | None, told: str
) -> None:
    """A stranger's artifact may name anything: nobody is asked, and no token is sent, before the user says so."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    path = saved(tmp_path)
    forge(path, lambda manifest: manifest["encoder"].update(name=name, revision=revision))
    with hub_serving(make_checkpoint(tmp_path / "small")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        for opened in (open_model, SentenceClassifier.load):
            with pytest.raises(ConsentError) as caught:
                opened(path)
            assert caught.value.message == f"{path}: its encoder must be on this machine ({told})."
            assert "--yes" in caught.value.hint
            assert "fetch=True" in str(caught.value)
        assert hub.asked == []
        with pytest.raises((InputError, MissingInputError)):  # it is another, or there is none
            open_model(path, fetch=True)
        assert hub.asked


def test_an_encoder_that_was_fetched_before_needs_no_consent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    path = saved(tmp_path)
    with hub_serving(make_checkpoint(tmp_path / "small")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        find_checkpoint("owner/small")
        forge(path, lambda manifest: manifest["encoder"].update(name="owner/small", revision=hub.commit, max_length=32))
        with pytest.raises(InputError, match="is not the one this model was trained with"):
            open_model(path)


def test_whoever_sits_at_the_terminal_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path)
    forge(path, lambda manifest: manifest["encoder"].update(name="owner/small"))
    asked: list[str] = []
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("click.confirm", lambda question, **_: asked.append(question))
    with pytest.raises(ConsentError):  # no terminal
        ModelChoice().open(path)
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    with pytest.raises(UnavailableError, match="may not be asked"):
        ModelChoice().open(path)
    assert asked == [f"{path}: its encoder must be on this machine ('owner/small'). Fetch it from the hub?"]
    with pytest.raises(UnavailableError, match="may not be asked"):
        ModelChoice(may_fetch=True).open(path)
    assert len(asked) == 1


def test_a_link_out_of_the_encoders_folder_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A LICENSE that points to a private file would be published with the artifact; one inside the folder is copied."""
    folder = make_checkpoint(tmp_path / "encoder")
    (tmp_path / "private").write_text("a secret")
    (folder / "LICENSE").symlink_to(tmp_path / "private")
    (folder / "terms").write_text("terms")
    (folder / "NOTICE").symlink_to("terms")
    checkpoint = find_checkpoint(str(folder))
    identity = replace(
        FakeEncoder().identity,
        name=str(folder),
        weights_sha256=checkpoint.weights_sha256,
        config_sha256=checkpoint.config_sha256,
        tokenizer_sha256=checkpoint.tokenizer_sha256,
    )
    monkeypatch.setattr(FakeEncoder, "identity", identity)
    with pytest.warns(UserWarning, match=r"LICENSE was left out of the artifact: it is a link out of its folder\."):
        save_artifact(tmp_path / "model", head=some_head(), encoder=FakeEncoder(), record=ArtifactRecord())
    copied = {file.name for file in (tmp_path / "model" / "encoder").iterdir()}
    assert "NOTICE" in copied
    assert "LICENSE" not in copied
