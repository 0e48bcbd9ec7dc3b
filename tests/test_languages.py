"""Chinese, Japanese, Arabic and Thai: pieces, the end cut off, words beside the features, and what a report shows."""

# ruff: noqa: RUF001 - full-width commas are what these languages have

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

from conftest import Command
from encoder_fakes import SIZES, bert_tensors
from frostline.artifact.files import read_words, words_bytes
from frostline.encoder.encoder import Encoder
from frostline.encoder.words import fit, terms_of
from frostline.explanation.leave_out import split_terms, split_words
from frostline.report.markup import quoted

TEXTS = {
    "chinese": ["这部电影很好看。", "这家店的服务太差了，不推荐！"],
    "japanese": ["朝食がとても美味しかったです。", "部屋が狭くてがっかりしました。"],
    "arabic": ["الفيلم رائع جدًّا وأنصح به.", "كِتَابٌ مُمِلّ، لا يُقرأ!"],
    "thai": ["หนังเรื่องนี้สนุกมาก", "บริการแย่ ไม่แนะนำเลย"],
}
LABELS = {"chinese": "好评", "japanese": "悪い", "arabic": "سيّئ", "thai": "แย่มาก"}
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def make_multilingual(folder: Path) -> Path:
    """A small encoder of word pieces as SentencePiece makes them: every letter, and some runs that are common."""
    normal = normalizers.NFKC().normalize_str("".join(text for texts in TEXTS.values() for text in texts))
    letters = sorted({*normal, *"0123456789"} - {" "})
    runs = ["▁", "电影", "推荐", "です", "ました", "▁ال", "رائع", "สนุก", "บริการ"]
    pieces = [*SPECIAL, *runs, *letters]
    tokenizer = Tokenizer(Unigram([(piece, -1.0 if piece in runs else -9.0) for piece in pieces], unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": 1e-12, **SIZES, "vocab_size": len(pieces)}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"unk_token": "<unk>", "model_max_length": 40}), "utf-8")
    tensors = bert_tensors()
    table = np.random.default_rng(0).standard_normal((len(pieces), SIZES["hidden_size"])).astype(np.float32)
    save_file(tensors | {"embeddings.word_embeddings.weight": table}, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_multilingual(tmp_path_factory.mktemp("languages") / "encoder")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return Encoder.open(str(folder), features="mean@-1")


@pytest.mark.parametrize("language", TEXTS)
def test_every_letter_is_a_piece_of_its_own_or_in_one(language: str, encoder: Encoder) -> None:
    """Nothing is unknown, nothing lost, and the text comes back."""
    for text in TEXTS[language]:
        pieces = encoder.word_pieces.pieces(text)
        assert pieces[0] == "<s>"
        assert pieces[-1] == "</s>"
        assert "<unk>" not in pieces
        assert "".join(pieces[1:-1]).replace("▁", " ").strip() == normalizers.NFKC().normalize_str(text)


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_too_long_is_cut_between_letters_and_told_where(language: str, folder: Path) -> None:
    encoder = Encoder.open(str(folder), features="mean@-1", max_length=12)
    text = TEXTS[language][1] * 9
    reading = encoder.encode([text, TEXTS[language][0][:3]])
    assert reading.cut.tolist() == [True, False]
    assert int(reading.pieces[0]) == 12
    split = split_words(encoder.word_pieces, text)
    assert split.is_cut
    assert 5 <= split.seen_to < len(text)
    assert all(word.text == text[word.start : word.end] for word in split.words)
    assert max(word.end for word in split.words) == split.seen_to
    # what is seen is what would be read if nothing stood behind it
    np.testing.assert_array_equal(encoder.encode([text[: split.seen_to]]).rows, reading.rows[:1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("这部电影很好看。", ["这", "部", "电", "影", "很", "好", "看"]),
        ("iPhone手机2台", ["iphone", "手", "机", "2", "台"]),
        ("美味しかったです。", list("美味しかったです")),
        ("コーヒー", list("コーヒー")),
        ("الفيلم رائع", ["الفيلم", "رائع"]),
        ("كِتَابٌ مُمِلّ", ["كِتَابٌ", "مُمِلّ"]),
        ("क्या हिन्दी", ["क्या", "हिन्दी"]),
        ("บริการแย่ มาก", ["บ", "ริ", "ก", "า", "ร", "แ", "ย่", "ม", "า", "ก"]),
        ("ดีมาก ok", ["ดี", "ม", "า", "ก", "ok"]),
        ("ລາວ ខ្មែរ မြန်မာ", ["ລ", "າ", "ວ", "ខ្", "មែ", "រ", "မြ", "န်", "မာ"]),
        ("cafe\u0301 naïve", ["cafe\u0301", "naïve"]),
        ("한국어 좋아요", ["한국어", "좋아요"]),
    ],
)
def test_words_are_what_measures_best_in_each_script(text: str, words: list[str]) -> None:
    """Runs of letters with their marks; where there are no blanks, characters with theirs."""
    assert terms_of(text, 1, is_marked=True) == words
    assert [word.text.lower() for word in split_terms(text, is_marked=True).words] == words


def test_from_a_file_to_a_report_and_back(frostline: Command, folder: Path, tmp_path: Path) -> None:
    """Labels and texts of four scripts: learned, shown as they were written, answered, explained."""
    rows = [
        f"{text}{number}\t{LABELS[language]}"
        for language, texts in TEXTS.items()
        for text in texts
        for number in range(12)
    ]
    table, model = tmp_path / "rows.tsv", tmp_path / "model"
    table.write_text("\n".join(rows) + "\n", "utf-8")
    columns = (table, "--no-header", "--text", "1", "--label", "2", "--encoder", folder, "--features", "mean@-1+words")
    done = frostline("train", *columns, "--out", model)
    assert done.code == 0, done.err
    told = " ".join(done.out.split())
    assert "Chinese or Japanese in 48; Arabic in 24; Thai in 24" in told  # its vocabulary is small
    page = (model / "report.html").read_text("utf-8")
    for language, label in LABELS.items():
        assert label in done.out + page
        text = TEXTS[language][0]
        assert quoted(text) == f'<bdi dir="auto">{text}</bdi>'  # each runs in its own direction
        said = frostline("predict", model, text)
        assert said.code == 0, said.err
        assert label in said.out
        explained = json.loads(frostline("explain", model, text, "--json").out)
        assert "".join(word["text"] for word in explained["words"]) in text.replace(" ", "") + text


@pytest.mark.parametrize(("language", "is_marked"), [("thai", True), ("arabic", True), ("chinese", False)])
def test_a_vocabulary_says_which_words_it_counted(language: str, is_marked: bool) -> None:  # noqa: FBT001 - a case
    """Kept with it: one that was saved before there were two ways counts as it did."""
    vocabulary = fit(TEXTS[language] * 2)
    assert vocabulary.is_marked == is_marked
    content = words_bytes(vocabulary)
    assert (b"is_marked" in content) == is_marked
    found = read_words(content)
    assert found.is_marked == is_marked
    rows = [each.rows(TEXTS[language]) for each in (vocabulary, found, replace(found, is_marked=False))]
    assert len(rows[0].indices) > 0
    np.testing.assert_array_equal(rows[0].indices, rows[1].indices)
    assert (rows[0].indices.tolist() == rows[2].indices.tolist()) == (not is_marked)
