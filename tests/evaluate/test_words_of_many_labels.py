"""The words' baseline of twenty labels and more: by the head's own search, and the same classifier."""

import numpy as np
import pytest

from frostline.evaluate import words
from frostline.evaluate.words import WordGuess, word_guess
from frostline.targets import Targets


def texts_of(codes: np.ndarray, seed: int) -> list[str]:
    """Words that anybody says, and two that tell the label, now and then another's."""
    rng = np.random.default_rng(seed)
    told = np.where(rng.random(len(codes)) < 0.1, rng.integers(21, size=len(codes)), codes)
    return [
        " ".join([*(f"w{rng.integers(30)}" for _ in range(5)), f"c{code}x{rng.integers(2)}", f"c{code}y"])
        for code in told
    ]


def guesses(codes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> tuple[WordGuess, WordGuess]:
    """By the head's search, and as fewer labels are done."""
    learned, asked = texts_of(codes, 0), texts_of(np.arange(60) % 21, 1)
    targets = Targets.of_codes(codes, range(22))  # one label more than there are rows of
    both = []
    for many in (21, 22):
        monkeypatch.setattr(words, "MANY", many)
        both.append(word_guess(learned, targets, asked))
    assert both[0] is not None
    assert both[1] is not None
    return both[0], both[1]


@pytest.mark.parametrize("n_rows", [21 * 6, 21 * 2], ids=["C searched", "too few rows to search"])
def test_the_same_classifier(n_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, slow = guesses(np.arange(n_rows) % 21, monkeypatch)
    assert quick.made_of == slow.made_of
    assert ("best of 1, 3, 10, 30 by 3 folds" in quick.made_of) is (n_rows == 21 * 6)
    assert (quick.favoured == slow.favoured).all()
    assert np.abs(quick.probabilities - slow.probabilities).max() < 1e-3
    assert not np.array_equal(quick.probabilities, slow.probabilities)  # two ways indeed
    assert (quick.probabilities[:, 21] == 0).all()


def test_more_rows_than_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "SEARCH_ROWS", 100)
    quick, slow = guesses(np.arange(21 * 7) % 21, monkeypatch)
    assert quick.made_of == slow.made_of
    assert np.abs(quick.probabilities - slow.probabilities).max() < 1e-3


def test_texts_that_words_cannot_tell_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MANY", 20)
    found = word_guess(["the very same"] * 40, Targets.of_codes(np.arange(40) % 20, range(20)), ["another"])
    assert found is not None
    assert np.abs(found.probabilities - 0.05).max() < 1e-6
