"""Word pieces as transformers makes them, cut where the encoder ends, whatever the text."""

import dataclasses
import json
import random
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordLevel, WordPiece
from tokenizers.processors import TemplateProcessing

from encoder_fakes import WORDS, make_checkpoint
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.tokens import MAX_CHARACTERS, WordPieces, _chunks, _ends, _template
from frostline.errors import InputError, UsageError

NAUGHTY = [
    "",
    " \t\n ",
    "a visually stunning rumination on love",
    "THE Film, it's GOOD -- isn't it?!",
    "emoji 😀 family 👨‍👩‍👧‍👦 flag 🇩🇪 and ❤️",
    "这部电影很好看 and 映画が好き 영화",
    "naïve café Ångström ﬁne ﬂow ǅ İstanbul \u017fs ẞ",
    "cafe\u0301 e\u0301\u0302\u0303 " + "\u0301" * 50,
    "line\u2028separator paragraph\u2029break next\x85line \x0b\x0c\x1c\x1d\x1e",
    "nul \0 inside\0",
    "control \x01\x02\x07\x08\x1b[31m \x7f \xad \u200b\u200d\ufeff \ufffd",
    "w" * 600,
    "word " * 600,
    "שלום עולם مرحبا \u202eevil\u202c \u2066x\u2069",
    "[CLS] [SEP] [MASK] [PAD] [UNK] [cls] ##ing",
    "1,234.56 $5 €7 50% x² ½ ① Ⅳ",
    "tab\tand\r\ncrlf",
    "\U0001d518\U0001d52b\U0001d526 \U0010ffff \ue000",
    "日本語" * 300,
    "a" * 100 + " " + "b" * 101,
    "don't can't o'clock e-mail http://example.com/a?b=c#d user@example.com",
]


@pytest.fixture(scope="module")
def minilm() -> WordPieces:
    return WordPieces.open(find_checkpoint("minilm"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "small")


def opened(folder: Path, max_length: int | None = None) -> WordPieces:
    return WordPieces.open(find_checkpoint(str(folder)), max_length=max_length)


def ids_of(pieces: WordPieces, text: str) -> list[int]:
    ids: list[int] = pieces.tokenize([text]).ids[0].tolist()
    return ids


def test_the_tutorials_sentence_has_the_tutorials_ids(minilm: WordPieces) -> None:
    """`a visually stunning rumination on love`, as every notebook of the practical prints it."""
    text = "a visually stunning rumination on love"
    assert ids_of(minilm, text) == [101, 1037, 17453, 14726, 19379, 12758, 2006, 2293, 102]
    assert minilm.pieces(text) == ["[CLS]", "a", "visually", "stunning", "rum", "##ination", "on", "love", "[SEP]"]
    assert minilm.vocabulary_size == 30522


def test_padding_and_truncation_in_the_file_are_overridden(minilm: WordPieces) -> None:
    """all-MiniLM-L6-v2's own tokenizer.json pads and cuts every text to 128."""
    file = json.loads((find_checkpoint("minilm").folder / "tokenizer.json").read_text("utf-8"))
    assert file["truncation"]["max_length"] == 128
    assert file["padding"]["strategy"] == {"Fixed": 128}
    short, long = minilm.tokenize(["short", "word " * 300]).ids
    assert (len(short), len(long)) == (3, 302)


def test_what_is_too_long_is_cut_and_keeps_its_end_mark(minilm: WordPieces) -> None:
    pieces = minilm.tokenize(["word " * 510, "word " * 511])
    assert pieces.lengths.tolist() == [512, 512]
    assert pieces.cut.tolist() == [False, True]
    assert [row[-1] for row in pieces.ids] == [102, 102]
    assert {row.dtype for row in pieces.ids} == {np.dtype(np.int32)}


def test_an_empty_text_is_its_two_marks(minilm: WordPieces) -> None:
    assert ids_of(minilm, "") == [101, 102]
    assert ids_of(minilm, " \u200b\t\n") == [101, 102]


def test_no_texts_have_no_pieces(minilm: WordPieces) -> None:
    pieces = minilm.tokenize([])
    assert pieces.ids == []
    assert len(pieces.cut) == len(pieces.lengths) == 0


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), max_size=20))
def test_a_texts_pieces_do_not_depend_on_its_neighbours(minilm: WordPieces, texts: list[str]) -> None:
    together = minilm.tokenize(texts)
    assert [row.tolist() for row in together.ids] == [ids_of(minilm, text) for text in texts]


@pytest.mark.parametrize(("asked", "limit"), [(33, 32), (2, 32), (0, 32), (-5, 32)])
def test_a_length_out_of_range_is_refused_with_the_range(folder: Path, asked: int, limit: int) -> None:
    with pytest.raises(UsageError, match=rf"between 3 and {limit} .*\(got {asked}\)"):
        opened(folder, asked)


def test_the_limit_is_the_least_of_positions_and_model_max_length(folder: Path) -> None:
    """For no limit, transformers writes 1e30; the positions then decide."""
    assert opened(folder).max_length == 32
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 1000000000000000019884624838656}))
    assert opened(folder).max_length == 40
    (folder / "tokenizer_config.json").unlink()
    assert opened(folder).max_length == 40
    assert opened(folder, 3).tokenize(["a b c"]).ids[0].tolist() == [2, 5, 3]


@pytest.mark.parametrize("value", [0, -1, "long", True, [512]], ids=repr)
def test_a_model_max_length_that_is_no_length_is_refused(folder: Path, value: Any) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": value}))
    with pytest.raises(InputError, match="model_max_length must be a positive number"):
        opened(folder)


def test_a_vocabulary_alone_makes_the_same_pieces(tmp_path: Path) -> None:
    """vocab.txt and tokenizer_config.json hold all that BERT's tokenizer.json does."""
    whole = opened(make_checkpoint(tmp_path / "whole"))
    alone = opened(make_checkpoint(tmp_path / "alone", vocabulary_only=True))
    for text in [*NAUGHTY, "good BAD film! ab.", "[SEP]a"]:
        assert ids_of(alone, text) == ids_of(whole, text) or "[" in text
    assert ids_of(alone, "Good film!") == [2, WORDS.index("good"), WORDS.index("film"), WORDS.index("!"), 3]


def test_minilms_vocabulary_alone_makes_minilms_pieces(minilm: WordPieces, tmp_path: Path) -> None:
    """30,522 lines of the real vocabulary, against the tokenizer.json made of it."""
    source = find_checkpoint("minilm").folder
    target = make_checkpoint(tmp_path / "alone", vocabulary_only=True)
    config = json.loads((target / "config.json").read_text()) | {"vocab_size": 30522, "max_position_embeddings": 512}
    (target / "config.json").write_text(json.dumps(config))
    for name in ("vocab.txt", "tokenizer_config.json", "special_tokens_map.json"):
        (target / name).write_bytes((source / name).read_bytes())
    alone = opened(target)
    for text in NAUGHTY:
        assert ids_of(alone, text) == ids_of(minilm, text), text


@pytest.mark.parametrize("vocabulary_only", [True, False])
def test_casing_follows_tokenizer_config(tmp_path: Path, vocabulary_only: bool) -> None:  # noqa: FBT001 - parametrized
    """As transformers has it: tokenizer_config.json decides, also where tokenizer.json says otherwise."""
    folder = make_checkpoint(tmp_path / "cased", vocabulary_only=vocabulary_only)
    assert ids_of(opened(folder), "GOOD") == [2, WORDS.index("good"), 3]
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    assert ids_of(opened(folder), "GOOD") == [2, WORDS.index("[UNK]"), 3]


def test_special_tokens_are_spelt_as_the_settings_spell_them(tmp_path: Path) -> None:
    """As a str or as an object with `content`."""
    folder = make_checkpoint(tmp_path / "spelt", vocabulary_only=True)
    vocabulary = (folder / "vocab.txt").read_text()
    (folder / "vocab.txt").write_text(vocabulary.replace("[CLS]", "<s>").replace("[SEP]", "</s>"))
    settings = {"cls_token": "<s>", "sep_token": {"content": "</s>", "lstrip": False}}
    (folder / "special_tokens_map.json").write_text(json.dumps(settings))
    assert opened(folder).pieces("good") == ["<s>", "good", "</s>"]


def test_a_tokenizer_without_a_template_gets_its_marks(folder: Path) -> None:
    """Without [CLS] there is nothing to pool."""
    content = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(content | {"post_processor": None}))
    assert opened(folder).pieces("good") == ["[CLS]", "good", "[SEP]"]


def test_a_vocabularys_lines_end_with_line_feeds_only(tmp_path: Path) -> None:
    """U+0085 and U+2028 are pieces like any other: a line too many would shift every id after it."""
    folder = make_checkpoint(tmp_path / "odd", vocabulary_only=True)
    words = [{"a": "\x85", "b": "\u2028"}.get(word, word) for word in WORDS]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    assert ids_of(opened(folder), "good") == [2, WORDS.index("good"), 3]


def test_a_vocabulary_without_its_marks_is_refused(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "bare", vocabulary_only=True)
    (folder / "vocab.txt").write_text("good\nbad\n")
    with pytest.raises(InputError, match=r"vocab\.txt: must hold \[UNK\], \[SEP\], \[CLS\]"):
        opened(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff\xfe", b'{"version": "9.9", "model": {"type": "Magic"}}'], ids=repr
)
def test_a_tokenizer_file_that_cannot_be_read_is_named(folder: Path, content: bytes) -> None:
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(InputError, match=r"tokenizer\.json: must be"):
        opened(folder)


def test_a_tokenizer_of_another_encoder_is_refused(folder: Path) -> None:
    """More pieces than embeddings: some text would read beyond the table."""
    config = json.loads((folder / "config.json").read_text()) | {"vocab_size": 10}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="must fit the encoder"):
        opened(folder)


TEN_MEGABYTES = {
    "words": "hello world " * 900_000,
    "one word": "a" * 10_000_000,
    "marks": "e" + "\u0301" * 1_000_000,
    "chinese": "中" * 3_400_000,
    "dots": "." * 10_000_000,
}


@pytest.mark.parametrize("name", TEN_MEGABYTES)
def test_a_text_of_ten_megabytes_takes_no_two_seconds(minilm: WordPieces, name: str) -> None:
    """It is cut by characters before it is tokenized, and that is counted."""
    began = time.process_time()
    pieces = minilm.tokenize([TEN_MEGABYTES[name]])
    assert time.process_time() - began < 2
    assert pieces.cut.tolist() == [True]
    assert 2 <= len(pieces.ids[0]) <= 512


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process's peak")
def test_a_text_of_ten_megabytes_takes_no_200_megabytes() -> None:
    script = textwrap.dedent(f"""
        import sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parent.parent)!r}]
        from frostline.encoder.cost import own_peak
        from test_tokens import TEN_MEGABYTES, WordPieces, find_checkpoint
        pieces = WordPieces.open(find_checkpoint("minilm"))
        before = own_peak()
        for text in TEN_MEGABYTES.values():
            pieces.tokenize([text])
        print((own_peak() - before) // 2**20)
    """)
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(child.stdout) < 200


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30))
def test_long_texts_are_not_tokenized_side_by_side(lengths: list[int]) -> None:
    """The library's objects for 100,000 characters take 10 MB and more: they must not pile up. No text is lost."""
    texts = ["a" * (length * MAX_CHARACTERS // 4) for length in lengths]
    chunks = list(_chunks(texts))
    assert all(sum(map(len, chunk)) < 2 * MAX_CHARACTERS for chunk in chunks)
    assert [text for chunk in chunks for text in chunk] == [text[:MAX_CHARACTERS] for text in texts]


def test_many_short_texts_are_tokenized_in_turns() -> None:
    assert [len(chunk) for chunk in _chunks(["a"] * 2_500)] == [1024, 1024, 452]


def test_a_cut_by_characters_changes_no_pieces_that_are_kept(minilm: WordPieces) -> None:
    kept = ids_of(minilm, "good film " * (MAX_CHARACTERS // 10))
    assert ids_of(minilm, "good film " * MAX_CHARACTERS) == kept


HOSTILE = [
    *(
        "film",
        "a",
        "Ab1",
        "-",
        "[",
        "[MASK]",
        "[SEP",
        "]",
        ".",
        ",",
        "?!",
        "don't",
        "  ",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\x85",
    ),
    *(
        "\u0301",
        "e\u0301",
        "\u0338",
        "中",
        "日本",
        "。",
        "\uff0c",
        "한국",
        "\uff46",
        "😀",
        "\u200d",
        "\u200b",
        "\u00a0",
        "\u3000",
    ),
    *("\0", "\x1c", "\ufffd", "ß", "İ", "\u202e", "##ing", "word", "\u2028", "¨", "ﬁ", "שלום", "w" * 101),
]


def uncut(pieces: WordPieces) -> WordPieces:
    """One that looks at the whole of every text, as it was before heads of texts were taken."""
    return dataclasses.replace(pieces, ends=None)


def hostile_texts(seed: int, n_texts: int) -> list[str]:
    chance = random.Random(seed)
    texts = []
    for _ in range(n_texts):
        parts = chance.sample(HOSTILE, chance.randint(1, 8))
        texts.append("".join(chance.choices(parts, k=chance.choice([3, 30, 300]))))
    return texts


def kinds_of_tokenizers(folder: Path) -> list[WordPieces]:
    pair = np.array([1], np.int32)
    found = [opened(folder, length) for length in (3, 8, 16)]
    letters = {piece: place for place, piece in enumerate(["[UNK]", *sorted({*"".join(HOSTILE)})])}
    of_bytes = {piece: place for place, piece in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merged = of_bytes | {piece: 256 + place for place, piece in enumerate(["fi", "lm", "film", "Ġf", "wo"])}
    merges = [("f", "i"), ("l", "m"), ("fi", "lm"), ("Ġ", "f"), ("w", "o")]
    kinds = [
        (BPE(merged, merges), normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False), ["  ", "    "]),
        (BPE(merged, merges), None, pre_tokenizers.ByteLevel(add_prefix_space=True), ["film"]),
        (WordPiece(letters, unk_token="[UNK]"), normalizers.NFKC(), pre_tokenizers.Whitespace(), ["Ab1"]),  # noqa: S106 - no password
        (
            WordPiece(letters, unk_token="[UNK]"),  # noqa: S106 - no password
            normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
            pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.BertPreTokenizer()]),
            [],
        ),
    ]
    for model, normalizer, split, added in kinds:
        tokenizer = Tokenizer(model)
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = split
        tokenizer.add_tokens([AddedToken(token, normalized=False) for token in added])
        tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True, rstrip=True, single_word=True)])
        found += [
            WordPieces(
                tokenizer=tokenizer,
                max_length=length,
                limit=99,
                unknown=None,
                before=pair,
                after=pair,
                ends=_ends(tokenizer),
            )
            for length in (3, 9)
        ]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_the_head_of_a_text_has_the_pieces_of_the_whole(minilm: WordPieces, folder: Path, seed: int) -> None:
    """Whatever the text: the same ids, and the same word on whether it was cut."""
    texts = hostile_texts(seed, 150)
    of_minilm = [dataclasses.replace(minilm, max_length=length) for length in (3, 20)]
    of_minilm.append(dataclasses.replace(minilm, max_length=12, prefix="query: [MASK"))
    for pieces in [*of_minilm, *kinds_of_tokenizers(folder)]:
        assert pieces.ends is not None
        found, whole = pieces.tokenize(texts), uncut(pieces).tokenize(texts)
        assert found.cut.tolist() == whole.cut.tolist()
        for text, ours, theirs in zip(texts, found.ids, whole.ids, strict=True):
            assert ours.tolist() == theirs.tolist(), text


@pytest.mark.parametrize(
    "text", ["film " * 20_000, "中" * 99_999, "Где? " * 20_000, "no;space;" * 10_000, "w" * 90 + " w" * 9000]
)
def test_of_a_long_text_only_what_can_be_seen_is_tokenized(minilm: WordPieces, text: str) -> None:
    class Counting:
        n_characters = 0

        def encode_batch_fast(self, texts: list[str], **how: bool) -> Any:
            self.n_characters += sum(map(len, texts))
            return minilm.tokenizer.encode_batch_fast(texts, **how)

    counting = Counting()
    pieces = dataclasses.replace(minilm, tokenizer=counting).tokenize([text])
    assert pieces.cut.tolist() == [True]
    assert counting.n_characters < 10 * minilm.max_length + 20


def test_a_tokenizer_that_may_look_farther_than_a_word_gets_whole_texts() -> None:
    def of(normalizer: Any, split: Any, added: str = "[A]") -> Any:
        tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106 - no password
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        if split is not None:
            tokenizer.pre_tokenizer = split
        tokenizer.add_tokens([AddedToken(added, normalized=False)])
        return _ends(tokenizer)

    words = pre_tokenizers.WhitespaceSplit()
    assert of(None, words) is not None
    assert of(None, None) is None
    assert of(None, words, "two words") is None
    assert of(None, words, "日本") is None
    assert of(normalizers.Replace(" ", "_"), words) is None
    assert of(normalizers.Sequence([normalizers.NFC(), normalizers.Strip()]), words) is None
    assert of(None, pre_tokenizers.ByteLevel(use_regex=False)) is None
    assert of(None, pre_tokenizers.Sequence([words, pre_tokenizers.Metaspace()])) is None
    berts = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    assert of(*berts).search("中文") is not None
    assert of(*berts, "a.b").search("中文") is None
    assert of(normalizers.BertNormalizer(handle_chinese_chars=False), berts[1]).search("中文") is None


@pytest.mark.data
def test_the_tutorials_first_two_thousand_sentences(real_data: Path) -> None:
    """The figures of the practical: first ids, the longest of 59 pieces, 47,646 in all."""
    with (real_data / "sst2" / "train.tsv").open(encoding="utf-8", newline="\n") as lines:
        texts = [line.rstrip("\n").split("\t")[0] for line, _ in zip(lines, range(2000), strict=False)]
    pieces = WordPieces.open(find_checkpoint("minilm")).tokenize(texts)
    assert pieces.ids[0][:7].tolist() == [101, 1037, 18385, 1010, 6057, 1998, 2633]
    assert (pieces.lengths.max(), pieces.lengths.sum(), pieces.cut.sum()) == (59, 47_646, 0)


@pytest.mark.torch
@pytest.mark.parametrize("max_length", [512, 16])
@pytest.mark.parametrize("vocabulary_only", [False, True], ids=["tokenizer.json", "vocab.txt"])
def test_pieces_equal_those_of_transformers(tmp_path: Path, vocabulary_only: bool, max_length: int) -> None:  # noqa: FBT001 - parametrized
    """The bundled tokenizer.json, and its vocabulary alone, on strings that break tokenizers."""
    transformers = pytest.importorskip("transformers")
    source = find_checkpoint("minilm").folder
    target = tmp_path / "minilm"
    target.mkdir()
    names = ["config.json", "model.safetensors", "tokenizer_config.json", "special_tokens_map.json"]
    for name in [*names, "vocab.txt" if vocabulary_only else "tokenizer.json"]:
        shutil.copyfile(source / name, target / name)
    theirs = transformers.AutoTokenizer.from_pretrained(target)
    ours = opened(target, max_length)
    expected = theirs(NAUGHTY, truncation=True, max_length=max_length)["input_ids"]
    pieces = ours.tokenize(NAUGHTY)
    assert [row.tolist() for row in pieces.ids] == expected
    uncut = theirs(NAUGHTY, truncation=False)["input_ids"]
    assert pieces.cut.tolist() == [len(row) > max_length for row in uncut]


@pytest.mark.torch
def test_cased_pieces_equal_those_of_transformers(tmp_path: Path) -> None:
    """Casing, accents and Chinese characters as tokenizer_config.json asks for, from both kinds of file."""
    transformers = pytest.importorskip("transformers")
    for vocabulary_only in (True, False):
        folder = make_checkpoint(tmp_path / str(vocabulary_only), vocabulary_only=vocabulary_only)
        settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": True}
        settings |= {"tokenize_chinese_chars": False, "model_max_length": 32}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        theirs = transformers.AutoTokenizer.from_pretrained(folder)
        texts = ["GOOD good bád film中 . a", "ab ba aab", "Bad bad"]
        expected = theirs(texts, truncation=True)["input_ids"]
        assert [row.tolist() for row in opened(folder).tokenize(texts).ids] == expected


def test_the_librarys_file_is_left_as_it_is() -> None:
    """Overriding happens in memory: the file's own truncation is still there for others."""
    path = find_checkpoint("minilm").folder / "tokenizer.json"
    truncation = Tokenizer.from_file(str(path)).truncation
    assert truncation is not None
    assert truncation["max_length"] == 128


def test_the_template_is_read_off_the_tokenizer_whatever_its_marks_are_called() -> None:
    """One mark before and one after are enough; no settings need name them."""
    vocabulary = {"<s>": 0, "</s>": 1, "a": 2, "<unk>": 3}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 - a word piece
    tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    before, after = _template(tokenizer, {}, Path("folder"))
    assert (before.tolist(), after.tolist()) == ([0], [1])
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    with pytest.raises(InputError, match=r"^folder: the tokenizer must have a \[CLS\] and a \[SEP\]"):
        _template(tokenizer, {}, Path("folder"))
