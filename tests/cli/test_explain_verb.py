"""`frostline explain` on a real classifier with the bundled encoder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from frostline import SentenceClassifier
from frostline.artifact import load_artifact, load_neighbours

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory, reviews: Path, home: Path) -> Path:
    """A classifier that kept its training sentences."""
    from frostline.cli.main import run  # noqa: PLC0415 - after the home is set

    out = tmp_path_factory.mktemp("keeping") / "model"
    words = ["train", str(reviews), "--out", str(out), "--keep-neighbours", "--json", "-C", "0.001"]
    assert run([*words, "--no-learning-curve"]) == 0
    return out


def test_a_words_part_in_the_answer_is_shown_and_the_nearest_training_sentences(
    frostline: Command, keeping: Path
) -> None:
    outcome = frostline("explain", keeping, "A wonderful book, and a dull ending.")
    assert outcome.code == 0
    assert "[CLS] a wonderful book , and a dull ending . [SEP]" in outcome.out
    assert "do not add up" in outcome.out
    assert outcome.out.count("│") == 9
    assert "cosine" in outcome.out


def test_the_same_as_json_and_as_a_page(frostline: Command, keeping: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    outcome = frostline("explain", keeping, "-", "--json", "--html", page, "--nearest", "2", stdin=b"A dull book.\n")
    document = outcome.document
    assert document["text"] == "A dull book."
    assert [word["text"] for word in document["words"]] == ["A", "dull", "book", "."]
    assert len(document["nearest"]) == 2
    assert "Why this answer" in page.read_text("utf-8")
    assert frostline("explain", keeping, "A dull book.", "--html", page).code == 73


def test_another_label_can_be_explained(frostline: Command, keeping: Path) -> None:
    both = frostline(
        "explain", keeping, "A dull book.", "--json", "--label", "positive", "--label", "negative"
    ).document
    one, other = both["explained"]
    assert (one["label"], other["label"]) == ("positive", "negative")
    assert one["words"][1]["log_odds"] == pytest.approx(-other["words"][1]["log_odds"])
    wrong = frostline("explain", keeping, "A dull book.", "--label", "neutral")
    assert (wrong.code, wrong.out) == (2, "")
    assert "must be one of 'negative', 'positive' (got 'neutral')" in wrong.err


def test_a_classifier_that_kept_nothing_says_how_to_keep(frostline: Command, model: Path) -> None:
    outcome = frostline("explain", model, "A dull book.")
    assert "--keep-neighbours" in outcome.out
    assert frostline("explain", model, "A dull book.", "--json").document["nearest"] is None


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (2**20 + 1)])
def test_what_is_no_text_is_refused(frostline: Command, model: Path, content: bytes) -> None:
    outcome = frostline("explain", model, "-", stdin=content)
    assert (outcome.code, outcome.out) == (65, "")


def test_keeping_neighbours_needs_a_place(frostline: Command, reviews: Path) -> None:
    outcome = frostline("train", reviews, "--keep-neighbours")
    assert outcome.code == 2
    assert "--out" in outcome.err


def test_the_training_rows_are_kept_and_not_those_tested_on(keeping: Path) -> None:
    kept = load_neighbours(load_artifact(keeping))
    assert kept is not None
    assert len(kept.texts) == 45


def test_an_estimator_keeps_the_sentences_it_is_given(tmp_path: Path, home: Path) -> None:
    texts = ["a fine film", "a joy", "a dull film", "a bore"] * 3
    classifier = SentenceClassifier(C=0.01).fit(texts, ["x", "x", "y", "y"] * 3)
    classifier.save(tmp_path / "model", neighbours=(["a joy", "a bore"], ["x", "y"]))
    kept = load_neighbours(load_artifact(tmp_path / "model"))
    assert kept is not None
    assert (kept.texts, kept.codes.tolist()) == (("a joy", "a bore"), [0, 1])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ab\xff", "error: Standard input must be UTF-8 (byte 2 is not).\n"),
        (b"x" * (2**20 + 1), "error: A text to explain must have at most 1,048,576 bytes.\n"),
    ],
)
def test_what_is_no_text_is_told_so(frostline: Command, model: Path, content: bytes, said: str) -> None:
    assert frostline("explain", model, "-", stdin=content).err == said


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\xef\xbb\xbfa joy\r\n", "a joy"),
        (b"a joy\n\n", "a joy\n"),
        (b"two\nlines\n", "two\nlines"),
        (b" a joy ", " a joy "),
    ],
)
def test_all_of_standard_input_is_one_text(frostline: Command, model: Path, content: bytes, text: str) -> None:
    """But for a byte-order mark and one line's end."""
    document = frostline("explain", model, "-", "--json", "--max-words", "1", stdin=content).document
    assert document["text"] == text


def test_where_the_page_went_is_said(frostline: Command, model: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    found = frostline("explain", model, "A dull book.", "--max-words", "2", "--html", page)
    assert "".join(found.err.split()) == f"Written:{page}"
    assert page.stat().st_size > 1000


SAVED = Path(__file__).parent.parent / "artifact" / "saved_by_0_1_0"


def test_a_chosen_label_of_several_can_be_explained_by_itself(frostline: Command) -> None:
    """Also one that the text is not given; the answer stays what it is."""
    asked = ("explain", SAVED / "several-labels", "the soup was very tasty", "--json")
    whole = frostline(*asked).document
    assert whole["answer"] == [one["label"] for one in whole["explained"]]
    label = next(name for name in whole["probabilities"] if name not in whole["answer"])
    chosen = frostline(*asked, "--label", label).document
    assert [one["label"] for one in chosen["explained"]] == [label]
    assert chosen["answer"] == whole["answer"]
    assert chosen["explained"][0]["probability"] == whole["probabilities"][label]
    assert len(chosen["explained"][0]["words"]) == 5
    shown = frostline("explain", SAVED / "several-labels", "the soup was very tasty", "--label", label)
    assert f"What each word adds to {label} (" in shown.out
    wrong = frostline(*asked, "--label", "money")
    assert wrong.code == 2
    assert "must be one of 'food', 'sport', 'travel' (got 'money')" in wrong.err
