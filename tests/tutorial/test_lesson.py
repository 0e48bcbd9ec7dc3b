"""The lesson: the practical's own figures, the same steps in both languages."""

import json
import re
import string
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from frostline.data.options import TableOptions
from frostline.data.sample import load_sample
from frostline.data.split import random_holdout
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.errors import InputError
from frostline.store import FeatureStore, StoredEncoder
from frostline.tutorial.lesson import (
    Readers,
    Step,
    Trial,
    Unmasked,
    Words,
    cut_words,
    exhibited,
    give_lesson,
    onward_step,
    padded_matrix,
    running_row,
    told,
    tuned_step,
    unmasked_rows,
    words,
)
from record_examples import tuning

NUMBER = re.compile(r"[-+]?\d+\.\d+")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))


@pytest.fixture
def encoder() -> Encoder:
    return Encoder.open("minilm", features="cls@-1")


@pytest.fixture
def readers(encoder: Encoder) -> Readers:
    return Readers(practical=encoder, first=encoder, better=Encoder.open("minilm", features="mean@all"))


def named_facts(said: Words, step: str) -> dict[str, set[str]]:
    return {
        key: {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
        for key, sentence in said[step].items()
    }


def test_both_languages_tell_the_same_steps_with_the_same_facts() -> None:
    """A step added in one language must be added in the other."""
    english, chinese = words("en"), words("zh")
    assert list(english) == list(chinese)
    for step in english:
        assert named_facts(english, step) == named_facts(chinese, step), step


def test_every_step_has_its_words_and_all_their_facts(readers: Readers) -> None:
    """Nothing in braces stays empty, in either language."""
    sample = load_sample().train
    dataset = sample.take(np.arange(80))
    steps = list(give_lesson(dataset, readers))
    assert [*(step.name for step in steps), "tuned"] == [name for name in words("en") if name != "exhibit"]
    expect_figures({step.name: step for step in steps})
    for step in steps:
        for language in ("en", "zh"):
            heading, paragraph = told(words(language), step)
            assert heading
            assert "{" not in paragraph


def expect_figures(steps: dict[str, Step]) -> None:
    """The lesson's own numbers over 80 rows: counts exactly, what an encoder or a solver made nearly."""
    kept = json.loads((Path(__file__).parent / "figures.json").read_text("utf-8"))
    for name, step in steps.items():
        assert set(step.facts) == set(kept[name]["facts"])
        for fact, expected in kept[name]["facts"].items():
            if fact == "seconds":
                assert step.facts[fact] > 0  # type: ignore[operator]
            elif fact != "C":
                assert step.facts[fact] == (pytest.approx(expected, abs=0.01) if type(expected) is float else expected)
        assert len(step.exhibit) == len(kept[name]["exhibit"])
        if name != "search":
            for line, expected in zip(step.exhibit, kept[name]["exhibit"], strict=True):
                assert NUMBER.sub("0", line) == NUMBER.sub("0", expected)
                found, wanted = ([float(number) for number in NUMBER.findall(each)] for each in (line, expected))
                assert found == pytest.approx(wanted, abs=2.0 if "%" in line else 0.02)
    search = steps["search"]
    pairs = re.findall(r"C = {2,}([\d.]+)  ([\d.]+)", "\n".join(search.exhibit[:10]))
    scores = {float(value): float(score) for value, score in pairs}
    assert sorted(scores) == pytest.approx(np.linspace(0.0001, 100, 20), abs=1e-4)
    assert list(scores)[:4] == [0.0001, 52.6316, 5.2633, 57.8948], "two columns, each read downwards"
    assert search.exhibit[10:] == (
        "",
        f"best parameters: {{'C': {search.facts['C']:.6g}}}   best score: {max(scores.values()):.4f}",
    )
    assert scores[round(float(str(search.facts["C"])), 4)] == max(scores.values())


def test_the_matrix_is_padded_with_zeros_to_the_longest() -> None:
    """And the mask says where the word pieces are."""
    ids = [np.array([101, 7, 102], np.int32), np.array([101, 7, 8, 9, 102], np.int32)]
    padded, mask = padded_matrix(ids)
    assert padded.tolist() == [[101, 7, 102, 0, 0], [101, 7, 8, 9, 102]]
    assert mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_without_the_mask_only_the_longest_sentence_keeps_its_vector(encoder: Encoder) -> None:
    """The others have looked at their padding."""
    texts = ["short", "a sentence of middling length", "the longest of the three sentences by quite a lot of words"]
    padded, _ = padded_matrix(encoder.word_pieces.tokenize(texts).ids)
    told: list[tuple[int, int]] = []
    longest = padded.shape[1]
    rows = unmasked_rows(encoder, texts, longest=longest, store=None, progress=lambda *done: told.append(done))
    assert told == [(3, 3)]
    moved = np.abs(rows - encoder.encode(texts).rows).max(axis=1)
    assert moved[2] < 1e-5
    assert (moved[:2] > 1e-2).all()


def test_rows_without_the_mask_are_kept_as_another_encoders(encoder: Encoder) -> None:
    """By their padding: neither the encoder's own rows nor those of another rectangle are taken for them."""
    texts, store = ["short", "a sentence of middling length"], FeatureStore.open()
    own = StoredEncoder(encoder, store).encode(texts)
    first = unmasked_rows(encoder, texts, longest=12, store=store)
    assert np.abs(first - own.rows).max() > 1e-2
    assert (unmasked_rows(encoder, texts, longest=12, store=store) == first).all()
    assert StoredEncoder(Unmasked(encoder, 12), store).encode(texts).n_read == 0
    assert StoredEncoder(Unmasked(encoder, 13), store).encode(texts).n_read == 2
    assert StoredEncoder(encoder, store).encode(texts).n_read == 0
    assert Unmasked(encoder, 12).encode(texts).pieces.tolist() == own.pieces.tolist()


def test_a_lesson_needs_two_classes_with_rows_to_spare(readers: Readers) -> None:
    """Said before anything is read."""
    with pytest.raises(InputError, match="two classes"):
        next(give_lesson(load_sample().train.take(np.arange(6)), readers))
    labels = np.array(load_sample().train.labels)
    positive, negative = (np.flatnonzero(labels == label) for label in ("positive", "negative"))
    for fewer, more in ((positive, negative), (negative, positive)):
        short = load_sample().train.take(np.concatenate([fewer[:9], more[:30]]))
        with pytest.raises(InputError) as caught:
            next(give_lesson(short, readers))
        assert caught.value.message == (
            f"The lesson needs two classes with at least 10 rows each (got {short.counts()})."
        )
        few = min(short.counts(), key=lambda label: short.counts()[label])
        assert caught.value.hint == f"Add rows of '{few}'; --limit says how many are taken."
        enough = load_sample().train.take(np.concatenate([fewer[:10], more[:30]]))
        steps = give_lesson(enough, readers)
        next(steps)
        assert next(steps).facts["smallest"] == 10
    with pytest.raises(InputError, match="two classes") as caught:
        next(give_lesson(load_sample().train.take(positive[:30]), readers))
    assert "All rows taken have this label. Name the column of the labels with --label" in caught.value.hint


def test_columns_that_are_swapped_print_few_labels(readers: Readers, tmp_path: Path) -> None:
    """Three of them, and which options name the columns; a rare third label may be left out."""
    path = tmp_path / "swapped.tsv"
    path.write_text("".join(f"yes\tsentence {row}\n" for row in range(60)), "utf-8")
    with pytest.raises(InputError) as caught:
        next(give_lesson(read_dataset(path, TableOptions(text=1, label=2, header=False)), readers))
    assert "(got 60 labels, such as {" in caught.value.message
    assert caught.value.message.count("sentence") == 3
    assert caught.value.hint == "Are these the labels? --text and --label name the columns."
    for n_labels, hint in ((3, "Add rows of 'a', 'b', 'c'"), (4, "Are these the labels?")):
        path.write_text("".join(f"text {row}\t{'abcd'[row % n_labels]}\n" for row in range(16)), "utf-8")
        with pytest.raises(InputError) as caught:
            next(give_lesson(read_dataset(path, TableOptions(text=1, label=2, header=False)), readers))
        assert caught.value.hint.startswith(hint)
    path.write_text("".join(f"text {row}\t{'abc'[row % 2 + (row == 40) * 2]}\n" for row in range(41)), "utf-8")
    with pytest.raises(InputError) as caught:
        next(give_lesson(read_dataset(path, TableOptions(text=1, label=2, header=False)), readers))
    assert caught.value.hint == "Add rows of 'c', or leave them out; --limit says how many are taken."


def test_the_split_is_that_of_train_test_split() -> None:
    """2,000 rows make 1,500 to learn from and 500 to be tested on."""
    train, test = random_holdout(2000, test_fraction=0.25, seed=0)
    assert (len(train), len(test)) == (1500, 500)


@pytest.mark.data
def test_the_practicals_figures_come_out_on_its_own_file(readers: Readers, real_data: Path) -> None:
    """First ids, the longest of the first 2,000 sentences, the class counts, the shapes."""
    dataset = read_dataset(real_data / "sst2" / "train.tsv", TableOptions(limit=2000))
    steps = give_lesson(dataset, readers)
    _, data, pieces, padding, mask = (next(steps) for _ in range(5))
    assert data.facts["n_rows"] == 2000
    assert {"   '0'  959", "   '1'  1041"} <= set(data.exhibit)
    first = readers.practical.word_pieces.tokenize([dataset.texts[0]]).ids[0]
    assert first[:7].tolist() == [101, 1037, 18385, 1010, 6057, 1998, 2633]
    assert "18385" in " ".join(pieces.exhibit)
    assert padding.facts["longest"] == 59
    assert "prints 59" in told(words("en"), padding)[1]
    assert "打印出来却是 59" in told(words("zh"), padding)[1]
    assert "(2000, 59)" in padding.exhibit[0]
    assert len(mask.exhibit) == 4


def test_the_sentence_that_is_followed_fits_and_is_known() -> None:
    """The first of 6 to 24 pieces without an unknown one; else the first that fits; else the nearest to that."""
    long, short, unknown, good = (np.arange(1, n + 1, dtype=np.int32) for n in (25, 5, 6, 24))
    unknown[2] = 100
    assert running_row([long, short, unknown, good, good], unknown=100) == 3
    assert running_row([long, short, unknown], unknown=100) == 2
    assert running_row([long, unknown, good], unknown=None) == 1
    assert running_row([long, short], unknown=100) == 0
    assert running_row([*(np.arange(n, dtype=np.int32) for n in (700, 26)), long, short[:4]], unknown=100) == 2
    assert running_row([short[:4], np.arange(700, dtype=np.int32)], unknown=100) == 0


def test_each_piece_knows_its_word(encoder: Encoder) -> None:
    """Pieces of one word share it; what was added has none, and what was left off is not told of."""
    text = "unfathomably good"
    pieces = encoder.word_pieces.pieces(text)
    assert cut_words(encoder.word_pieces, text, len(pieces)) == ("", *["unfathomably"] * (len(pieces) - 3), "good", "")
    assert len(pieces) > 4
    assert cut_words(encoder.word_pieces, text, 4) == ("", "unfathomably", "unfathomably", "")


@pytest.mark.parametrize(
    ("better", "first", "wanted"),
    [
        ([1] * 90 + [0] * 10, [1] * 60 + [0] * 40, "sure"),
        ([1] * 52 + [0] * 48, [0] * 2 + [1] * 50 + [0] * 48, "unsure"),
    ],
)
def test_what_is_better_is_only_said_beyond_chance(better: list[int], first: list[int], wanted: str) -> None:
    """30 points on 100 rows are; 2 points are not, and the sentence says so."""
    trials = [
        Trial(
            search=None,  # type: ignore[arg-type]
            accuracy=float(np.mean(each)),
            interval=(0, 1),
            is_right=np.array(each, dtype=bool),
            lots=None,
        )
        for each in (first, better)
    ]
    step = onward_step("train.tsv", *trials)
    assert step.asides == (wanted, "try_it")
    assert ("may be chance" in told(words("en"), step)[1]) == (wanted == "unsure")
    assert step.facts["difference"] == pytest.approx(100 * (np.mean(better) - np.mean(first)))


@pytest.mark.parametrize(
    ("half", "value", "wanted", "said"),
    [
        (0.01, 0.02, "better", "0.820 tuned, 0.800 frozen, +2.0 points (95% interval +1.0 to +3.0): it paid."),
        (0.01, -0.02, "worse", "0.780 tuned, 0.800 frozen, -2.0 points (95% interval -3.0 to -1.0): it did harm."),
        (0.02, 0.02, "unsure", "0.820 tuned, 0.800 frozen, +2.0 points, which on so many rows may be chance"),
    ],
)
def test_whether_tuning_paid_is_told_by_its_interval(half: float, value: float, wanted: str, said: str) -> None:
    record = tuning(value, half, frozen=0.8, held_out=(0.5, 0.45, 0.47))
    step = tuned_step("train.tsv", record)
    assert step.asides == (wanted, "kept", "save_it")
    assert step.exhibit == ("0: 0.500  1: 0.450  2: 0.470",)
    text = told(words("en"), step)[1]
    assert said in text
    assert "2 times through them, in 62 s. On the same 1821 test rows" in text
    assert "frostline finetune train.tsv --out model" in text
    assert "{" not in told(words("zh"), step)[1]
    few = tuned_step("train.tsv", replace(record, held_out=()))
    assert (few.asides, few.exhibit) == ((wanted, "save_it"), ())


def test_what_reads_is_told_first(readers: Readers) -> None:
    """The bundled encoder's [CLS] is told to be weak; of another nothing of the kind is said."""
    step = next(give_lesson(load_sample().train.take(np.arange(80)), readers))
    assert (step.name, step.asides) == ("start", ("sentences",))
    assert "no mistake of yours" in told(words("en"), step)[1]


def test_an_exhibit_speaks_the_language_of_the_lesson() -> None:
    step = Step("search", {}, ("best parameters: {'C': 5.3}   best score: 0.8100",))
    assert exhibited(words("en"), step) == list(step.exhibit)
    assert exhibited(words("zh"), step) == ["最佳参数: {'C': 5.3}   最佳得分: 0.8100"]
