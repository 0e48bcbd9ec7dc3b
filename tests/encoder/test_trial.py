"""A stranger's tokenizer is tried before it is used, in a process of its own; known and plain ones are not."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from encoder_fakes import make_checkpoint
from frostline.encoder import trial
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.tokens import BUNDLED_TOKENIZER, WordPieces
from frostline.errors import BackendError, InputError

BLOWING_UP = {"type": "Replace", "pattern": {"Regex": "[a-z ]"}, "content": "a" * 63}
ASKING_FOR_8_GB = {"type": "Precompiled", "precompiled_charsmap": "/////wAAAAAAAAA="}
PANICKING = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}
NEVER_ENDING = {"type": "Split", "pattern": {"Regex": "(a|a|b)*c"}, "behavior": "Removed", "invert": False}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "encoder")


def change(folder: Path, **parts: Any) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(content | parts))


def opened(folder: Path, kept: Path | None = None) -> WordPieces:
    return WordPieces.open(find_checkpoint(str(folder)), kept=kept)


def test_what_comes_with_the_install_and_what_is_plain_is_not_tried(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start-up costs nothing more."""
    monkeypatch.setattr(trial, "_try", lambda *_: pytest.fail("tried"))
    assert find_checkpoint("minilm").tokenizer_sha256 == BUNDLED_TOKENIZER
    WordPieces.open(find_checkpoint("minilm"))
    opened(folder)
    change(folder, normalizer={"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]})
    assert opened(folder).pieces("GOOD") == ["[CLS]", "good", "[SEP]"]


@pytest.mark.parametrize(
    "parts",
    [
        {"normalizer": {"type": "Prepend", "prepend": "a"}},
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [BLOWING_UP]}]}},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}, NEVER_ENDING]}},
        {"model": {"type": "WordPiece", "max_input_chars_per_word": 1001}},
        {"model": {"type": "WordPiece", "max_input_chars_per_word": "100"}},
        {"model": {"type": "Unigram"}},
        {"model": None},
        {"normalizer": "NFC"},
    ],
    ids=str,
)
def test_anything_else_is_tried(folder: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any]) -> None:
    tried = []
    monkeypatch.setattr(trial, "_try", lambda _, path: tried.append(path))
    content = json.loads((folder / "tokenizer.json").read_text()) | parts
    trial.require_sound(json.dumps(content), folder / "tokenizer.json", digest="0" * 64, kept=None)
    assert tried == [folder / "tokenizer.json"]


def test_what_passed_is_remembered_and_what_changed_is_tried_anew(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its digest and the library's version."""
    tried = []
    monkeypatch.setattr(trial, "_try", lambda content, _: tried.append(content))
    for content in ("!", "!", "?"):
        change(folder, normalizer={"type": "Replace", "pattern": {"String": "."}, "content": content})
        opened(folder, tmp_path / "kept")
    assert len(tried) == 2
    monkeypatch.setattr("importlib.metadata.version", lambda _: "99")
    opened(folder, tmp_path / "kept")
    assert len(tried) == 3


def test_a_harmless_one_that_is_no_plain_one_passes(folder: Path) -> None:
    change(folder, normalizer={"type": "Replace", "pattern": {"String": "x"}, "content": "good"})
    assert opened(folder).pieces("x") == ["[CLS]", "good", "[SEP]"]


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        pytest.param(
            {"normalizer": {"type": "Sequence", "normalizers": [BLOWING_UP] * 5}},
            "within 5 s and 2 GB it did not",
            marks=pytest.mark.slow,  # it is waited for, to its end
        ),
        ({"normalizer": ASKING_FOR_8_GB}, "within 5 s and 2 GB it did not"),
        ({"normalizer": PANICKING}, "within 5 s and 2 GB it did not"),
        (
            {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "a " * 9}},
            "it makes more than 800,000 word pieces of 100,000 characters",
        ),
    ],
    ids=["multiplied", "8 GB", "panic", "many pieces"],
)
@pytest.mark.skipif(os.name != "posix", reason="limits of a process are set in POSIX's way")
def test_one_that_does_harm_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any], why: str
) -> None:
    monkeypatch.setattr(trial, "SECONDS", 5)
    change(folder, **parts)
    with pytest.raises(InputError) as caught:
        opened(folder)
    assert caught.value.message == (
        f"{folder}/tokenizer.json: must be a tokenizer that the tokenizers library reads, and that tokenizes any text "
        f"({why})."
    )


def test_a_panic_while_texts_are_tokenized_is_one_error(folder: Path) -> None:
    """The library's panics are no `Exception`; a signal is none either, and goes on."""

    class Panicking:
        def encode_batch_fast(self, *_: Any, **__: Any) -> None:
            raise self.error

        error: BaseException = type("PanicException", (BaseException,), {})("index out of bounds")

    pieces = opened(folder)
    object.__setattr__(pieces, "tokenizer", Panicking())
    with pytest.raises(BackendError, match=r"The tokenizer failed \(PanicException: 'index out of bounds'\)"):
        pieces.tokenize(["good"])
    Panicking.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        pieces.tokenize(["good"])


@pytest.mark.parametrize(
    "settings",
    [
        {"do_lower_case": "yes"},
        {"strip_accents": 3},
        {"tokenize_chinese_chars": []},
        {"cls_token": 5, "sep_token": {"content": None}},
        {"model_max_length": 10**400},
    ],
    ids=str,
)
@pytest.mark.parametrize("vocabulary_only", [True, False])
def test_settings_of_another_type_are_one_error_or_none(
    tmp_path: Path, settings: dict[str, Any], *, vocabulary_only: bool
) -> None:
    """Neither a TypeError nor an OverflowError of the library."""
    folder = make_checkpoint(tmp_path / "encoder", vocabulary_only=vocabulary_only)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    try:
        pieces = opened(folder).pieces("good")
    except InputError as error:
        assert str(folder) in error.message  # noqa: PT017 - either may be
    else:
        assert pieces == ["[CLS]", "good", "[SEP]"]


def test_the_probes_hold_every_character_once_and_long_texts() -> None:
    probes = trial.probes()
    every = "".join(probes[:-6])
    assert len(every) == len(set(every)) == 0x30000 - 1 - 0x800
    assert sorted(map(len, probes[-6:])) == [0, 50_001, 100_000, 100_000, 100_000, 100_000]


def test_the_child_alone_says_why(folder: Path) -> None:
    """As a process: exit code 0 for what is sound."""
    content = (folder / "tokenizer.json").read_bytes()
    child = subprocess.run([sys.executable, "-m", "frostline.encoder.trial", "20"], input=content, check=False)
    assert child.returncode == 0


def test_capitals_that_lower_casing_can_never_reach_are_told(tmp_path: Path) -> None:
    """The rows are transformers'; a setting, one way or the other, ends the warning, as does a vocabulary without."""
    folder = make_checkpoint(tmp_path / "cased", vocabulary_only=True)
    (folder / "tokenizer_config.json").unlink()
    words = (folder / "vocab.txt").read_text()
    opened(folder)
    (folder / "vocab.txt").write_text(words.replace("\ngood\n", "\nGood\n"))
    with pytest.warns(UserWarning, match=r"vocab\.txt: 1 word pieces have capitals \('Good'\)"):
        assert opened(folder).pieces("Good") == ["[CLS]", "[UNK]", "[SEP]"]
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert opened(folder).pieces("Good") == ["[CLS]", "Good", "[SEP]"]
