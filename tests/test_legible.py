"""Whether an encoder can read some texts: unknown pieces, scripts that the vocabulary lacks, ends cut off."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from encoder_fakes import make_checkpoint
from fakes import FakeEncoder
from frostline import SentenceClassifier, StoredEncoder
from frostline.data.dataset import Dataset, Source
from frostline.encoder.encoder import Encoder
from frostline.encoder.tokens import WordPieces
from frostline.encoder.words import Vocabulary, WordedEncoder
from frostline.errors import InputError
from frostline.head.options import SearchOptions
from frostline.legible import (
    MULTILINGUAL,
    SAMPLE_CHARACTERS,
    SAMPLE_TEXTS,
    Legibility,
    LegibilityWarning,
    ScriptCount,
    legibility,
    legibility_warnings,
    reading_warnings,
    sample_of,
    sampled,
    unknown_refused,
    word_pieces_of,
)
from frostline.store import FeatureStore
from frostline.targets import Targets
from frostline.training import TrainingOptions, train


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """Knows the letters a to z, at the beginning of a word, `##a`, `##b`, and three words."""
    return Encoder.open(str(make_checkpoint(tmp_path_factory.mktemp("checkpoint"))), threads=1)


def looked_at(encoder: Encoder, *texts: str) -> Legibility:
    found = legibility(encoder, texts)
    assert found is not None
    return found


def test_pieces_are_counted_and_those_without_a_meaning(encoder: Encoder) -> None:
    """Marks at both ends are no pieces of a text; a word that no pieces can spell is one."""
    found = looked_at(encoder, "good film", "good zyx film a", "")
    assert found == Legibility(n_texts=3, n_pieces=6, n_unknown=1, n_unreadable=1, scripts=())


def test_a_text_is_unreadable_from_a_quarter_of_its_letters_on(encoder: Encoder) -> None:
    assert looked_at(encoder, "good film a zyx").n_unreadable == 1  # 3 of 12
    assert looked_at(encoder, "good film a b zyx").n_unreadable == 0  # 3 of 13


def test_signs_and_emoji_make_no_text_unreadable(encoder: Encoder) -> None:
    """They have no letters; as pieces they are counted."""
    found = looked_at(encoder, "😂😂 😍", "good ♥ ♥ ♥", "42 € 17")
    assert (found.n_unreadable, found.n_unknown) == (0, 8)


def test_a_script_spelled_letter_by_letter_is_not_read_though_no_piece_is_unknown(tmp_path: Path) -> None:
    """As BERT's English vocabulary does Russian: 0 % unknown, and every letter a piece."""
    spelling = Encoder.open(str(make_checkpoint(tmp_path / "spelling")), threads=1)
    tokenizer = spelling.word_pieces.tokenizer
    tokenizer.add_tokens(list("этофильм"))
    found = looked_at(spelling, "это фильм", "good film", "film э")
    assert found.n_unknown == 0
    assert found.n_unreadable == 1
    assert found.scripts == (ScriptCount(script="Cyrillic", n_texts=2),)


@pytest.mark.parametrize(("n_pieces", "is_lacking"), [(299, 1), (300, 0)])
def test_a_script_is_known_from_300_pieces_on(encoder: Encoder, n_pieces: int, is_lacking: int) -> None:
    tokenizer = Tokenizer.from_str(encoder.word_pieces.tokenizer.to_str())
    tokenizer.add_tokens([f"фильм{number}" for number in range(n_pieces)])
    word_pieces = WordPieces(
        tokenizer=tokenizer, max_length=9, limit=9, unknown=1, before=np.array([2]), after=np.array([3])
    )
    knowing = replace(encoder, word_pieces=word_pieces)
    found = looked_at(knowing, "фильм7")
    assert len(found.scripts) == is_lacking
    assert found.n_unreadable == is_lacking


def test_chinese_needs_2000_pieces_and_kana_count_among_them(encoder: Encoder) -> None:
    assert looked_at(encoder, "这个", "すし").scripts == (ScriptCount(script="Chinese or Japanese", n_texts=2),)


def test_a_tokenizer_of_bytes_has_its_scripts_looked_up_as_text() -> None:
    """RoBERTa's kind writes a byte as a Latin letter, which is not what it stands for."""
    tokenizer = Tokenizer(BPE({"Ð": 0, "¼": 1, "Ð¼": 2}, [("Ð", "¼")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    word_pieces = WordPieces(
        tokenizer=tokenizer, max_length=9, limit=9, unknown=None, before=np.array([0]), after=np.array([0])
    )
    assert word_pieces.vocabulary()[2] == "м"


def test_of_many_texts_a_thousand_at_most_are_looked_at_evenly_spread() -> None:
    """As they come, so that a stream of any length has one; and their beginnings only."""
    sample: list[str] = []
    assert list(sampled(map(str, range(SAMPLE_TEXTS)), sample)) == [str(number) for number in range(SAMPLE_TEXTS)]
    assert sample == [str(number) for number in range(SAMPLE_TEXTS)]
    assert sample_of(str(number) for number in range(SAMPLE_TEXTS + 1)) == [str(n) for n in range(0, 1001, 2)]
    assert sample_of(str(number) for number in range(4003)) == [str(number) for number in range(0, 4003, 8)]
    assert sample_of(["x" * 10_000]) == ["x" * SAMPLE_CHARACTERS]


def test_a_warning_comes_from_two_texts_in_a_hundred_on(encoder: Encoder) -> None:
    def found(n_unreadable: int, n_texts: int) -> Legibility:
        return Legibility(n_texts=n_texts, n_pieces=1000, n_unknown=4, n_unreadable=n_unreadable, scripts=())

    assert legibility_warnings(encoder, found(1, 51)) == []
    assert len(legibility_warnings(encoder, found(1, 50))) == 1
    assert legibility_warnings(encoder, found(0, 1)) == []
    assert legibility_warnings(encoder, None, n_cut=1, n_texts=51) == []
    assert len(legibility_warnings(encoder, None, n_cut=1, n_texts=50)) == 1
    assert legibility_warnings(encoder, None) == []


def test_the_warning_says_what_is_wrong_and_what_would_do(encoder: Encoder) -> None:
    scripts = tuple(ScriptCount(script=script, n_texts=9 - place) for place, script in enumerate("ABCD"))
    found = Legibility(n_texts=40, n_pieces=200, n_unknown=128, n_unreadable=9, scripts=scripts)
    hardly = f"The encoder {Path(encoder.identity.name).name!r} can hardly read"
    cure = f"An encoder of many languages can: --encoder {MULTILINGUAL}."
    assert legibility_warnings(encoder, found) == [
        f"{hardly} 9 of 40 texts looked at (A in 9; B in 8; C in 7; 64 % of all word pieces are unknown). {cure}"
    ]
    damaged = Legibility(n_texts=1, n_pieces=200, n_unknown=1, n_unreadable=1, scripts=())
    cure = "Is the file's encoding right (--encoding)?"
    assert legibility_warnings(encoder, damaged) == [
        f"{hardly} 1 of 1 text looked at (words that it cannot spell). {cure}"
    ]


def test_a_file_of_unknown_signs_alone_is_warned_of(encoder: Encoder) -> None:
    """From a tenth of all pieces on, though no text has a letter that could not be read."""
    few, many = (Legibility(n_texts=30, n_pieces=150, n_unknown=n, n_unreadable=0, scripts=()) for n in (14, 15))
    assert legibility_warnings(encoder, few) == []
    name = Path(encoder.identity.name).name
    (told,) = legibility_warnings(encoder, many)
    assert told == (
        f"The encoder {name!r} does not know 10 % of the word pieces of the 30 texts looked at (emoji, signs): "
        "it reads one as it reads another. An encoder of many languages may: "
        "--encoder sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2."
    )


def test_texts_cut_are_told_with_the_length_that_would_do(tmp_path: Path) -> None:
    """Where the encoder can see no more, texts must be split."""
    folder = str(make_checkpoint(tmp_path / "checkpoint"))
    short = Encoder.open(folder, max_length=5, threads=1)
    cut = np.array([True, False])
    assert reading_warnings(short, ["a b c d", "a"], cut) == [
        "1 of 2 texts were longer than 5 word pieces and lost their end. Pass --max-length 32."
    ]
    assert reading_warnings(Encoder.open(folder, threads=1), ["a"], np.array([True])) == [
        "1 of 1 text was longer than 32 word pieces and lost their end. Split long texts into parts."
    ]


def test_an_encoder_is_found_inside_what_stands_around_it(encoder: Encoder, tmp_path: Path) -> None:
    """Words beside it, a memory around it; one without word pieces tells nothing."""
    vocabulary = Vocabulary(terms=("film",), n_texts=1, counts=np.array([1]))
    around = WordedEncoder(StoredEncoder(encoder, FeatureStore.open(tmp_path / "kept")), vocabulary)
    assert word_pieces_of(around) is encoder.word_pieces
    assert legibility(FakeEncoder(), ["это"]) is None


def test_the_classifier_warns_where_it_learns_and_where_it_answers(encoder: Encoder) -> None:
    with pytest.warns(LegibilityWarning, match=r"can hardly read 4 of 8 texts looked at \(Cyrillic in 4"):
        made = SentenceClassifier(encoder, C=1.0).fit(["good", "bad", "добро", "зло"] * 2, [1, 0] * 4)
    with pytest.warns(LegibilityWarning, match="can hardly read 1 of 1 text") as told:
        made.predict(["зло"])
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.predict(["good"])


def test_a_file_of_emoji_is_told_what_the_encoder_lacks(encoder: Encoder) -> None:
    """All are one unknown piece: the texts differ, and the weights are right."""
    faces = "".join(chr(0x1F600 + place) for place in range(40))
    texts, labels = list(faces), ["sad", "glad"] * 20
    with pytest.raises(InputError) as caught:
        train(labelled(texts, labels), encoder, options=TrainingOptions(search=SearchOptions(n_folds=2)))
    said = "must tell texts apart (it does not know 100 % of their word pieces, and reads one as it reads another)."
    assert caught.value.message == f"The encoder {encoder.identity.name!r} {said}"
    assert (
        caught.value.hint
        == f"An encoder of many languages may: --encoder {MULTILINGUAL}. Or write such signs as words."
    )
    known = replace(encoder, identity=replace(encoder.identity, name=MULTILINGUAL))
    assert unknown_refused(known, texts) == (f"The encoder {MULTILINGUAL!r} {said}", "Write such signs as words.")
    assert unknown_refused(encoder, ["good film a b good film a b good", "film"]) is None
    assert unknown_refused(encoder, ["good " * 9 + "😂"]) is not None
    assert unknown_refused(encoder, ["good " * 10 + "😂"]) is None
    assert unknown_refused(FakeEncoder(), texts) is None


def labelled(texts: list[str], labels: list[str]) -> Dataset:
    source = Source(name="faces.csv", sha256="0" * 64, size_bytes=0, text_column="text", label_column="label")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=list(range(1, 1 + len(texts))), source=source)
