"""A stranger's tokenizer is tried before it is used, in a process of its own; known and plain ones are not."""

import base64
import json
import os
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

from encoder_fakes import make_checkpoint
from frostline.encoder import tokens, trial
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.tokens import BUNDLED_TOKENIZER, WordPieces
from frostline.errors import BackendError, InputError

BLOWING_UP = {"type": "Replace", "pattern": {"Regex": "[a-z ]"}, "content": "a" * 63}
ASKING_FOR_8_GB = {"type": "Precompiled", "precompiled_charsmap": "/////wAAAAAAAAA="}
PANICKING = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}
# The library gives up what tries too often in one place; not what tries often in each of a hundred thousand.
NEVER_ENDING = {"type": "Split", "pattern": {"Regex": r"a+\b(?<=b)"}, "behavior": "Removed", "invert": False}


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
        {"model": {"type": "WordPiece", "max_input_chars_per_word": 201}},
        {"model": {"type": "WordPiece", "continuing_subword_prefix": "#" * 17}},
        {"model": {"type": "BPE", "end_of_word_suffix": "#" * 17}},
        {"model": {"type": "BPE", "end_of_word_suffix": 3}},
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
    monkeypatch.setattr(trial, "_refuse_growth", lambda *_: None)
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
            {"pre_tokenizer": NEVER_ENDING},
            "within 5 s and 2 GB it did not",
            marks=pytest.mark.slow,  # it is waited for, to its end
        ),
        ({"normalizer": ASKING_FOR_8_GB}, "within 5 s and 2 GB it did not"),
        ({"normalizer": PANICKING}, "'PanicException: Precompiled: Error("),
        ({"model": {"type": "Foo"}}, "'Exception: data did not match any variant of untagged enum ModelUntagged"),
        (
            {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "a " * 9}},
            "'it makes more than 800,000 word pieces of 100,000 characters'",
        ),
    ],
    ids=["endless", "8 GB", "panic", "unknown", "many pieces"],
)
@pytest.mark.skipif(os.name != "posix", reason="limits of a process are set in POSIX's way")
def test_one_that_does_harm_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any], why: str
) -> None:
    monkeypatch.setattr(trial, "SECONDS", 5 if why.startswith("within") else 60)  # a busy machine computes for longer
    change(folder, **parts)
    with pytest.raises(InputError) as caught:
        opened(folder)
    assert caught.value.message.startswith(
        f"{folder}/tokenizer.json: must be a tokenizer that the tokenizers library reads, and that tokenizes any text "
        f"({why}"
    )


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def charsmap(longest: int) -> dict[str, str]:
    """A map of characters whose longest replacement has so many."""
    content = (4).to_bytes(4, "little") + b"\0\0\0\0" + b"b\0" + "ä".encode() * longest + b"\0"
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(content).decode()}


def sequence(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "Sequence", "normalizers": parts}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"normalizer": sequence([{"type": "ByteLevel"}] * 30)}, "(there are 32)"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [BYTES] * 30}}, "may make more"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [BYTES] * 200_000}}, "(there are 200,002)"),
        ({"normalizer": sequence([{"type": "NFC"}] * 30 + [{"type": "Strip"}])}, "(there are 33)"),
        ({"normalizer": sequence([BLOWING_UP] * 5)}, "may make more"),
        ({"normalizer": {"type": "Replace", "pattern": {"String": "ab"}, "content": "a" * 258}}, "may make more"),
        ({"normalizer": {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "a" * 128}}, "may make more"),
        ({"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "a" * 128}}, "may make more"),
        ({"normalizer": {"type": "Prepend", "prepend": "a" * 129}}, "may make more"),
        ({"normalizer": charsmap(129)}, "may make more"),
        ({"normalizer": sequence([{"type": "NFKC"}, charsmap(8)])}, "may make more"),
    ],
    ids=str,
)
def test_what_multiplies_a_text_is_refused_before_any_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any], said: str
) -> None:
    """By looking at the file: on most texts it would do no harm."""
    monkeypatch.setattr(trial, "_try", lambda *_: pytest.fail("tried"))
    change(folder, **parts)
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        opened(folder)
    assert caught.value.message.startswith(
        f"{folder}/tokenizer.json: normalizer and pre_tokenizer must have at most 32 parts (there are "
    )


@pytest.mark.parametrize(
    "parts",
    [
        {"normalizer": sequence([{"type": "NFC"}] * 26 + [{"type": "Strip"}] * 3 + [{"type": "NFD"}])},
        {"normalizer": {"type": "Replace", "pattern": {"String": "ab"}, "content": "a" * 256}},
        {"normalizer": {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "a" * 127}},
        {"normalizer": {"type": "Prepend", "prepend": "a" * 100}},
        {"normalizer": charsmap(128)},
        {"normalizer": charsmap(1) | {"precompiled_charsmap": "no base64"}},
    ],
    ids=str,
)
def test_what_multiplies_a_text_by_so_much_may_be_tried(
    folder: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any]
) -> None:
    """The other side of each limit."""
    content = json.loads((folder / "tokenizer.json").read_text()) | parts
    kept = [part for name in trial._PARTS for part in trial._within(content[name])]
    monkeypatch.setattr(trial, "_GROWTH", {})
    trial._refuse_growth(kept, folder)


def numbered(**numbers: int) -> dict[str, Any]:
    model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"}
    return model | {"max_input_chars_per_word": 100, "vocab": {"[UNK]": 1, "[CLS]": 2, "[SEP]": 3, **numbers}}


@pytest.mark.parametrize(
    ("parts", "highest"),
    [
        ({"model": numbered(good=4294967295)}, 4294967295),
        ({"model": numbered(good=40)}, 40),
        ({"model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": numbered(good=41)["vocab"]}}, 41),
        ({"post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 99], "cls": ["[CLS]", 2]}}, 99),
        (
            {
                "added_tokens": [
                    {"id": 40, "content": " ", "special": True, "normalized": True}
                    | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
                ]
            },
            40,
        ),
    ],
    ids=str,
)
def test_a_piece_that_the_encoder_has_no_row_for_is_refused_when_it_opens(
    folder: Path, parts: dict[str, Any], highest: int
) -> None:
    """Not when a text first holds it, perhaps after hours."""
    change(folder, **parts)
    with pytest.raises(InputError, match=rf"must fit the encoder \(it has \d+ word pieces, numbered up to {highest}, "):
        opened(folder)


def test_a_line_of_vocab_txt_beyond_the_encoder_s_rows_is_refused(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "encoder", vocabulary_only=True)
    words = (folder / "vocab.txt").read_text()
    opened(folder)
    (folder / "vocab.txt").write_text(words + "good\n")  # once more: as many pieces as before
    with pytest.raises(InputError, match="numbered up to 40, the encoder 40 embeddings"):
        opened(folder)


def test_dropout_is_for_training(folder: Path) -> None:
    """With it the same text has other pieces each time."""
    vocabulary = {"[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "g": 4, "o": 5, "d": 6, "go": 7, "od": 8, "good": 9}
    merges = [["g", "o"], ["o", "d"], ["go", "od"]]
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges, "dropout": 0.5, "unk_token": "[UNK]"}
    change(folder, model=model)
    pieces = opened(folder)
    assert {tuple(pieces.pieces("good")) for _ in range(20)} == {("[CLS]", "good", "[SEP]")}


def test_a_decoder_is_not_run(folder: Path) -> None:
    """It may hold a pattern that never ends."""
    change(folder, decoder={"type": "Replace", "pattern": {"String": "good"}, "content": "evil"})
    words = opened(folder).vocabulary()
    assert "good" in words
    assert "evil" not in words


def test_a_file_of_any_size_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (folder / "tokenizer.json").stat().st_size
    monkeypatch.setattr(tokens, "_MOST_BYTES", size)
    opened(folder)
    monkeypatch.setattr(tokens, "_MOST_BYTES", size - 1)
    with pytest.raises(InputError, match=rf"tokenizer\.json: must have at most {size - 1:,} bytes \(has {size:,}\)"):
        opened(folder)


def test_nobody_waits_for_a_strangers_pattern_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread waits in place of the library, which is deaf to signals; known parts need none."""
    assert opened(folder).patient
    change(
        folder, pre_tokenizer={"type": "Split", "pattern": {"Regex": "\\s+"}, "behavior": "Removed", "invert": False}
    )
    pieces = opened(folder)
    assert not pieces.patient
    assert pieces.pieces("good film") == ["[CLS]", "good", "film", "[SEP]"]
    released = threading.Event()

    class Stuck:
        def encode_batch_fast(self, *_: Any, **__: Any) -> None:
            released.wait(60)

    object.__setattr__(pieces, "tokenizer", Stuck())
    monkeypatch.setattr(trial, "PATIENCE_SECONDS", 0.01)
    try:
        with pytest.raises(BackendError, match=r"did not end within 0\.01 s: its tokenizer\.json has a pattern"):
            pieces.tokenize(["good"])
    finally:
        released.set()


@pytest.mark.parametrize("patient", [True, False])
def test_a_panic_while_texts_are_tokenized_is_one_error(folder: Path, *, patient: bool) -> None:
    """The library's panics are no `Exception`; a signal is none either, and goes on."""

    class Panicking:
        def encode_batch_fast(self, *_: Any, **__: Any) -> None:
            raise self.error

        error: BaseException = type("PanicException", (BaseException,), {})("index out of bounds")

    pieces = opened(folder)
    object.__setattr__(pieces, "tokenizer", Panicking())
    object.__setattr__(pieces, "patient", patient)
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
    runs = [probe for probe in probes if len(probe) == 2_000]
    every = "".join(probes[: -6 - len(runs)])
    assert len(every) == len(set(every)) == 0x30000 - 1 - 0x800
    assert [probe[0] for probe in runs] == list(map(chr, range(33, 127)))
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


@pytest.mark.parametrize("vocabulary_only", [True, False])
@pytest.mark.parametrize("normalizer", ["BertNormalizer", "Lowercase"])
@pytest.mark.filterwarnings("ignore")
def test_a_vocabulary_of_capitals_that_is_lower_cased_on_purpose_is_told(
    tmp_path: Path, normalizer: str, *, vocabulary_only: bool
) -> None:
    """Somebody may have said so by mistake; one piece with a capital among many is none, and a setting ends it."""
    folder = make_checkpoint(tmp_path / "cased", vocabulary_only=vocabulary_only)
    name = "vocab.txt" if vocabulary_only else "tokenizer.json"
    if normalizer == "Lowercase" and not vocabulary_only:
        change(folder, normalizer={"type": "Lowercase"})

    def told() -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            opened(folder, tmp_path / "kept")
            opened(folder, tmp_path / "kept")  # from what is remembered
        return [str(warning.message) for warning in caught if "word pieces have capitals" in str(warning.message)]

    content = (folder / name).read_text()
    (folder / name).write_text(content.replace("good", "Good"))
    assert told() == []
    (folder / name).write_text(content.replace("good", "Good").replace("bad", "Bad").replace("film", "Film"))
    if normalizer == "BertNormalizer" or vocabulary_only:
        assert len(told()) == 2
        (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
        assert told() == []
    else:
        assert "3 word pieces have capitals, and texts are lower-cased, as it says" in told()[0]
