"""Before an encoder is fetched from the hub a sentence says so: how large it is, and that it is checked."""

from pathlib import Path

import pytest

from frostline.cli.options import _say_fetching
from frostline.encoder import checkpoint


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no encoder, and may ask the hub."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr(checkpoint, "_bundled_folder", lambda known: None)  # noqa: ARG005 - as it is called


PINNED = "Fetching the encoder minilm from huggingface.co, once, 91 MB at a pinned commit, checked against its digests."


@pytest.mark.parametrize(
    ("name", "revision", "said"),
    [
        ("minilm", None, PINNED),
        ("static", None, PINNED),
        (
            "minilm",
            "main",
            "Fetching the encoder minilm from huggingface.co, once, checked against its digests.",
        ),
        (
            "owner/small",
            None,
            "Fetching the encoder owner/small from huggingface.co, once, checked against its digests.",
        ),
    ],
)
def test_what_is_fetched_is_told(
    bare: None, capsys: pytest.CaptureFixture[str], name: str, revision: str | None, said: str
) -> None:
    _say_fetching(name, revision)
    assert " ".join(capsys.readouterr().err.split()) == said


def test_offline_nothing_is_fetched(
    bare: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    _say_fetching("minilm", None)
    assert capsys.readouterr().err == ""


def test_what_is_here_is_not_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The package that is installed, and a folder."""
    _say_fetching("minilm", None)
    _say_fetching(str(tmp_path), None)
    assert capsys.readouterr().err == ""
