"""What an encoder's makers say of how they use it, prefixes known by name, and prefixes from file to served answer."""

import contextlib
import copy
import json
import pickle
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from conftest import Command
from encoder_fakes import make_checkpoint
from frostline import SentenceClassifier
from frostline.artifact.manifest import manifest_bytes, read_manifest
from frostline.artifact.model import open_model
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import Block
from frostline.encoder.published import Published, prefix_of, published, published_files
from frostline.errors import ArtifactCorrupt, InputError, UsageError
from frostline.explanation.leave_out import split_words

TYPES = "sentence_transformers.models."
NOTHING = Published()


def written(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder


def modules(*names: str) -> list[dict[str, Any]]:
    return [{"idx": place, "path": "", "type": TYPES + name} for place, name in enumerate(names)]


USUAL = {
    "modules.json": modules("Transformer", "Pooling", "Dense", "Normalize"),
    "1_Pooling/config.json": {"word_embedding_dimension": 16, "pooling_mode_cls_token": True},
    "sentence_bert_config.json": {"max_seq_length": 12, "do_lower_case": True},
    "config_sentence_transformers.json": {"prompts": {"q": "ask: ", "p": ""}, "default_prompt_name": "q"},
}


def test_what_the_makers_files_say(tmp_path: Path) -> None:
    assert published(tmp_path) == NOTHING
    assert published(written(tmp_path, USUAL)) == Published(
        poolings=("cls",), max_length=12, is_lower_case=True, prefix="ask: ", modules=("Dense", "Normalize")
    )


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ({}, None),
        ({"prompts": None, "default_prompt_name": None}, None),
        ({"prompts": {"query": "query: "}, "default_prompt_name": None}, None),
        ({"prompts": {"query": "q: ", "Classification": "task: "}, "default_prompt_name": "query"}, "task: "),
        ({"prompts": {"classification": "classification: "}}, "classification: "),
    ],
)
def test_of_their_prompts_the_one_for_classifying_is_taken_else_the_default(
    prompts: dict[str, Any], expected: str | None, tmp_path: Path
) -> None:
    assert published(written(tmp_path, {"config_sentence_transformers.json": prompts})).prefix == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("modules.json", {}, "must hold one JSON array (got a dict)."),
        ("modules.json", "[" * 5000, "must hold one JSON array ("),
        ("modules.json", [1], "must list up to 20 modules, each with a type."),
        ("modules.json", [{"type": 5}], "must list up to 20 modules, each with a type."),
        ("modules.json", [{"type": "os; rm"}], "must list up to 20 modules, each with a type."),
        ("modules.json", modules(*["Dense"] * 21), "must list up to 20 modules, each with a type."),
        *(
            ("modules.json", [{"type": "Pooling", "path": path}], "path must be a folder within this one (got")
            for path in ("..", "a/../b", "/etc", "a//b", "a\\b", ".", "a/.b", 7, "x" * 101, "a/b/c/d/e", "a\0")
        ),
        ("1_Pooling/config.json", {"pooling_mode": 3}, "pooling_mode must be the name of a pooling, or a list of"),
        ("1_Pooling/config.json", {"pooling_mode": ["cls", 1]}, "pooling_mode must be the name of a pooling, or a"),
        ("1_Pooling/config.json", {"pooling_mode": ["cls"] * 11}, "pooling_mode must be the name of a pooling, or"),
        ("1_Pooling/config.json", [], "must hold one JSON object (got a list)."),
        (
            "1_Pooling/config.json",
            {"pooling_mode_cls_token": "yes"},
            "pooling_mode_cls_token must be true or false (got",
        ),
        (
            "sentence_bert_config.json",
            {"max_seq_length": 0},
            "max_seq_length must be a positive whole number (got '0').",
        ),
        ("sentence_bert_config.json", {"max_seq_length": True}, "max_seq_length must be a positive whole number (got"),
        ("sentence_bert_config.json", {"max_seq_length": 2**31}, "max_seq_length must be a positive whole number (got"),
        ("sentence_bert_config.json", {"do_lower_case": 1}, "do_lower_case must be true or false (got '1')."),
        ("config_sentence_transformers.json", {"prompts": []}, None),
        (
            "config_sentence_transformers.json",
            {"prompts": ["x"]},
            "prompts must be texts of at most 1,000 characters by",
        ),
        (
            "config_sentence_transformers.json",
            {"prompts": {"a": 3}},
            "prompts must be texts of at most 1,000 characters",
        ),
        ("config_sentence_transformers.json", {"prompts": {"a": "x" * 1001}}, "prompts must be texts of at most 1,000"),
        ("config_sentence_transformers.json", {"prompts": {"a": "\ud800"}}, "prompts must be texts of at most 1,000"),
        ("config_sentence_transformers.json", {"default_prompt_name": "a"}, "prompts must be texts of at most 1,000"),
        ("config_sentence_transformers.json", {"default_prompt_name": ["a"]}, "prompts must be texts of at most 1,000"),
    ],
)
def test_a_stranger_s_values_are_refused_in_a_sentence(
    name: str, content: Any, said: str | None, tmp_path: Path
) -> None:
    folder = written(tmp_path, {name: content})
    if said is None:
        assert published(folder) == NOTHING
        return
    with pytest.raises(InputError) as caught:
        published(folder)
    assert caught.value.message.startswith(f"{folder / name}: {said}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("intfloat/e5-small-v2", "query: "),
        ("intfloat/multilingual-e5-large", "query: "),
        ("intfloat/e5-base-unsupervised", "query: "),
        ("/models/Multilingual-E5-small/", "query: "),
        ("intfloat/multilingual-e5-large-instruct", ""),
        ("somebody/e5-small-tuned-by-me", ""),
        ("nomic-ai/nomic-embed-text-v1.5", "classification: "),
        ("nomic-ai/modernbert-embed-base", "classification: "),
        ("BAAI/bge-small-en-v1.5", ""),
        ("minilm", ""),
    ],
)
def test_prefixes_are_known_by_name(name: str, expected: str) -> None:
    assert prefix_of(name, None, NOTHING) == expected
    assert prefix_of(name, "mine: ", NOTHING) == "mine: "
    assert prefix_of(name, "", NOTHING) == ""
    assert prefix_of(name, None, Published(prefix="theirs: ")) == expected or expected == ""


@pytest.mark.parametrize("asked", ["x" * 1001, "\udcff", "a\0b"])
def test_a_prefix_that_is_no_text_is_refused(asked: str) -> None:
    with pytest.raises(UsageError, match="A prefix must be a text of at most 1,000 characters"):
        prefix_of("minilm", asked, NOTHING)


def test_a_text_behind_a_prefix_is_read_as_the_whole_is(tmp_path: Path) -> None:
    """The same rows as of the longer text without one, another identity, kept apart; copies and pickles keep it."""
    folder = str(make_checkpoint(tmp_path / "encoder"))
    plain, behind = Encoder.open(folder), Encoder.open(folder, prefix="a: ")
    texts = ["good film", "", "bad"]
    np.testing.assert_array_equal(behind.encode(texts).rows, plain.encode([f"a: {text}" for text in texts]).rows)
    assert plain.identity.fingerprint() != behind.identity.fingerprint()
    assert plain.identity.fingerprint() == Encoder.open(folder, prefix="").identity.fingerprint()
    assert ("prefix" in plain.identity.document(), behind.identity.document()["prefix"]) == (False, "a: ")
    for other in (copy.deepcopy(behind), pickle.loads(pickle.dumps(behind))):  # noqa: S301 - written in this line
        assert other.identity == behind.identity


def test_a_long_text_keeps_its_prefix_and_a_long_prefix_is_refused(tmp_path: Path) -> None:
    folder = str(make_checkpoint(tmp_path / "encoder"))
    pieces = Encoder.open(folder, prefix="a b ", max_length=5).word_pieces
    assert pieces.pieces("good bad film") == ["[CLS]", "a", "b", "good", "[SEP]"]
    assert pieces.tokenize(["good", "good bad"]).cut.tolist() == [False, True]
    with pytest.raises(
        UsageError, match=r"max_length must be between 5 and 32 for .* behind the prefix 'a b ' \(got 4\)"
    ):
        Encoder.open(folder, prefix="a b ", max_length=4)
    with pytest.raises(UsageError, match=r"max_length must be between 33 and 32 for .* behind the prefix"):
        Encoder.open(folder, prefix="a " * 30)


def test_words_of_a_text_behind_a_prefix_stand_where_they_do_in_the_text(tmp_path: Path) -> None:
    """What the prefix adds is seen, and is no word that could be left out."""
    pieces = Encoder.open(str(make_checkpoint(tmp_path / "encoder")), prefix="a: ", max_length=7).word_pieces
    split = split_words(pieces, "good film bad")
    assert split.pieces == ("[CLS]", "a", "[UNK]", "good", "film", "bad", "[SEP]")
    assert [(word.text, word.start, word.end) for word in split.words] == [
        ("good", 0, 4),
        ("film", 5, 9),
        ("bad", 10, 13),
    ]
    cut = split_words(pieces, "good film bad bad")
    assert (cut.is_cut, cut.seen_to) == (True, 13)


def test_their_longest_text_is_taken_over_and_the_rest_is_told(tmp_path: Path) -> None:
    folder = written(make_checkpoint(tmp_path / "encoder"), USUAL)
    with pytest.warns(UserWarning, match="is used otherwise by its makers") as told:
        encoder = Encoder.open(str(folder), features="mean@all")
    assert (encoder.identity.max_length, encoder.identity.prefix) == (12, "ask: ")
    said = "they pool cls of the last layer (--features cls@-1); they put Dense and Normalize behind."
    assert [str(one.message) for one in told] == [f"'encoder' is used otherwise by its makers: {said}"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved = Encoder.open(str(folder), features="mean@all", max_length=12, prefix="ask: ", insist=True)
    assert saved.identity == encoder.identity
    assert Encoder.open(str(folder), features="mean@all", max_length=32, insist=True).identity.max_length == 32


def test_a_pooling_that_is_not_ours_is_named_without_a_way(tmp_path: Path) -> None:
    config = {"pooling_mode_weightedmean_tokens": True, "pooling_mode_cls_token": False}
    makers = published(written(tmp_path, {"1_Pooling/config.json": config}))
    assert makers.differences((Block(2, "mean"),), 2, keeps_capitals=False) == [
        "they pool 'weightedmean' of the last layer"
    ]


def test_a_module_s_own_folder_is_followed(tmp_path: Path) -> None:
    """As modules.json says; the usual place where that folder is not there, or holds nothing of the kind."""
    listed = [
        {"idx": 0, "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "deep/2_Pooling/", "type": "sentence_transformers.models.Pooling"},
    ]
    files = {
        "modules.json": listed,
        "0_Transformer/sentence_bert_config.json": {"max_seq_length": 9},
        "deep/2_Pooling/config.json": {"pooling_mode": "cls"},
    }
    usual = {"1_Pooling/config.json": {"pooling_mode_max_tokens": True}, "sentence_bert_config.json": {}}
    folder = written(tmp_path / "own", usual | files)
    assert published(folder) == Published(poolings=("cls",), max_length=9)
    assert published_files(folder) == [
        "modules.json",
        "1_Pooling/config.json",
        "sentence_bert_config.json",
        "0_Transformer/sentence_bert_config.json",
        "deep/2_Pooling/config.json",
    ]
    assert published(written(tmp_path / "usual", {"modules.json": listed} | usual)) == Published(poolings=("max",))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"pooling_mode": "cls"}, ("cls",)),
        ({"pooling_mode": ["mean", "lasttoken"]}, ("mean", "'lasttoken'")),
        ({"pooling_mode": "mean", "pooling_mode_mean_tokens": True}, ("mean",)),
        ({"pooling_mode": None, "pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, ("cls", "max")),
    ],
)
def test_a_pooling_is_named_in_either_form(config: dict[str, Any], expected: tuple[str, ...], tmp_path: Path) -> None:
    assert published(written(tmp_path, {"1_Pooling/config.json": config})).poolings == expected


def test_a_module_of_any_length_is_told_in_short(tmp_path: Path) -> None:
    makers = published(written(tmp_path, {"modules.json": modules("Dense", "a" * 60, "b" * 61)}))
    assert makers.differences((), 2, keeps_capitals=False) == [
        f"they put Dense and {'a' * 60} and '{'b' * 59}…' behind"
    ]


def test_pooling_as_theirs_is_no_difference_and_lower_case_is_told_where_it_matters(tmp_path: Path) -> None:
    folder = written(make_checkpoint(tmp_path / "encoder"), USUAL | {"modules.json": modules("Transformer", "Pooling")})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Encoder.open(str(folder), features="cls@-1")
    written(folder, {"tokenizer_config.json": {"do_lower_case": False, "model_max_length": 32}})
    with pytest.warns(UserWarning, match="they write texts in lower case, and the tokenizer keeps capitals"):
        Encoder.open(str(folder), features="cls@-1")


def test_a_saved_classifier_reads_behind_its_prefix(tmp_path: Path) -> None:
    """From fit to predict: the manifest names it, the encoder is opened with it, a forged one is no other's."""
    folder = make_checkpoint(tmp_path / "encoder")
    texts, labels = ["good film", "bad film"] * 10, ["yes", "no"] * 10
    clf = SentenceClassifier(str(folder), C=1.0, prefix="a: ", store=False).fit(texts, labels)
    clf.save(tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text("utf-8"))
    assert manifest["encoder"]["prefix"] == "a: "
    model = open_model(tmp_path / "model")
    assert model.encoder.identity.prefix == "a: "
    np.testing.assert_allclose(model.predict_proba(["good"]), clf.predict_proba(["good"]), atol=1e-9)
    loaded = SentenceClassifier.load(tmp_path / "model")
    assert loaded.get_params()["prefix"] == "a: "
    content = manifest_bytes(model.manifest)
    assert read_manifest(content, "manifest.json").encoder == model.manifest.encoder
    for wrong, said in ((5, "must be a string"), ("x" * 1001, "1,000 characters"), ([], "")):
        forged = replace(model.manifest, encoder=replace(model.manifest.encoder, prefix=cast("str", wrong)))
        with contextlib.nullcontext() if not said else pytest.raises(ArtifactCorrupt, match=f"encoder.prefix .*{said}"):
            assert read_manifest(manifest_bytes(forged), "manifest.json").encoder.prefix == ""


def test_from_train_to_predict_and_explain_behind_a_prefix(frostline: Command, tmp_path: Path) -> None:
    """Told once in the report, kept in JSON and in the line to paste; the lesson refuses, words alone do without."""
    folder = make_checkpoint(tmp_path / "encoder")
    rows = [f"{word} film {letter}\t{word}" for word in ("good", "bad") for letter in "abcdefghijklmnop"]
    table, model = tmp_path / "rows.tsv", tmp_path / "model"
    table.write_text("\n".join(rows) + "\n", "utf-8")
    asked = (table, "--no-header", "--text", "1", "--label", "2", "--encoder", folder, "--prefix", "a: ")
    done = frostline("train", *asked, "--out", model, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["encoder"]["prefix"] == "a: "
    page = (model / "report.html").read_text("utf-8")
    assert "each text behind &#x27;a: &#x27;" in page or "each text behind 'a: '" in page
    assert frostline("predict", model, "good film").code == 0
    said = frostline("explain", model, "good film", "--json")
    assert [word["text"] for word in json.loads(said.out)["words"]] == ["good", "film"], said.err
    refused = frostline("tutorial", table, "--no-header", "--encoder", folder, "--prefix", "a: ")
    assert refused.code == 2
    assert "reads each behind 'a: '" in " ".join(refused.err.split())
