"""Baselines are what their names say, and the lead is counted on the same rows."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from frostline.encoder.words import WORD_PATTERN
from frostline.errors import InputError
from frostline.evaluate.baselines import (
    CENTROID,
    COMMONEST,
    EVERY,
    MAJORITY,
    WORDS,
    WORDS_EACH,
    Guess,
    Part,
    baselines,
    from_words,
    majority,
    nearest_centroid,
)
from frostline.targets import Targets


def made_up(n: int, n_labels: int, seed: int = 0, noise: float = 0.5) -> Part:
    """Texts and rows that both give the label away, mostly; the first label is the commonest."""
    rng = np.random.default_rng(seed)
    codes = np.minimum(rng.geometric(0.45, n) - 1, n_labels - 1).astype(np.int64)
    centres = np.random.default_rng(99).normal(size=(n_labels, 12))
    scales = np.geomspace(0.01, 100, 12)
    rows = ((centres[codes] + noise * rng.normal(size=(n, 12))) * scales + 50 * scales).astype(np.float32)
    texts = [f"topic{code} and word{other}" for code, other in zip(codes, rng.integers(0, 30, n), strict=True)]
    return Part(texts, rows, Targets.of_codes(codes, "abcd"[:n_labels]))


def test_the_three_baselines_are_scored_on_the_test_rows() -> None:
    """Majority, words, centroid, in that order; the lead is the classifier's accuracy minus theirs."""
    train, test = made_up(300, 3, 0), made_up(200, 3, 1)
    found = baselines([(train, test)], favoured=test.targets.members)
    assert [baseline.name for baseline in found] == [MAJORITY, WORDS, CENTROID]
    for baseline in found:
        assert baseline.scores["accuracy"].n == 200
        assert baseline.leads["accuracy"].value == pytest.approx(1 - baseline.scores["accuracy"].value)
        assert baseline.seconds > 0
    commonest = np.bincount(train.targets.codes).argmax()
    assert found[0].scores["accuracy"].value == pytest.approx(np.mean(test.targets.codes == commonest))
    assert found[1].scores["accuracy"].value > 0.95
    assert list(found[2].scores) == ["accuracy", "macro_f1"]


def test_the_folds_of_a_cross_validation_are_scored_together() -> None:
    """Each fold's baselines learn from the others; every row counts once."""
    part = made_up(120, 3, 0)
    held = [np.arange(start, 120, 3) for start in range(3)]
    splits = [(part.take(np.setdiff1d(np.arange(120), rows)), part.take(rows)) for rows in held]
    found = baselines(splits, favoured=part.targets.members[np.concatenate(held)])
    alone = [baselines([split], favoured=split[1].targets.members) for split in splits]
    for pooled, *parts in zip(found, *alone, strict=True):
        assert pooled.scores["accuracy"].n == 120
        assert pooled.scores["accuracy"].value == pytest.approx(
            np.mean([one.scores["accuracy"].value for one in parts])
        )
        assert pooled.leads["accuracy"].value == pytest.approx(1 - pooled.scores["accuracy"].value)


def test_majority_gives_the_training_shares() -> None:
    """Its log loss is that of knowing the labels' shares and nothing of the text."""
    train, test = made_up(300, 3, 0), made_up(50, 3, 1)
    guess = majority(train, test, 0)
    assert guess.probabilities is not None
    np.testing.assert_allclose(guess.probabilities, np.tile(np.bincount(train.targets.codes) / 300, (50, 1)))


def centroid(train: Part, test: Part) -> np.ndarray:
    """What the nearest centroid gives the test rows."""
    guess = nearest_centroid(train, test, 0)
    assert guess is not None
    return guess.favoured


def test_nearest_centroid_is_scikit_learns_on_standardised_rows() -> None:
    """Same choice for every row, with features of very unlike scales, and one that is constant changing nothing."""
    from sklearn.neighbors import NearestCentroid  # noqa: PLC0415 - only this test needs it
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - as above

    train, test = made_up(9000, 4, 0, noise=1.5), made_up(500, 4, 1, noise=1.5)
    learned, asked = (np.asarray(part.rows, dtype=np.float64) for part in (train, test))
    scaler = StandardScaler().fit(learned)
    model = NearestCentroid().fit(scaler.transform(learned), train.targets.codes)
    expected = model.predict(scaler.transform(asked))
    constant = np.full((9000, 1), 7.1)
    train = Part(train.texts, np.hstack([learned, constant]).astype(np.float32), train.targets)
    test = Part(test.texts, np.hstack([asked, constant[:500]]).astype(np.float32), test.targets)
    guess_favoured = centroid(train, test)
    np.testing.assert_array_equal(guess_favoured.argmax(axis=1), expected)
    assert 0.5 < np.mean(expected == test.targets.codes) < 0.999


def test_a_label_without_training_rows_is_never_chosen() -> None:
    """Its column stays, with probability 0."""
    train, test = made_up(300, 3, 0), made_up(100, 3, 1)
    kept = np.flatnonzero(train.targets.codes != 1)
    fewer = train.take(kept)
    assert not centroid(fewer, test)[:, 1].any()
    words = from_words(fewer, test, 0)
    assert words is not None
    assert words.probabilities is not None
    assert (words.probabilities[:, 1] == 0).all()
    np.testing.assert_allclose(words.probabilities.sum(axis=1), 1)


def words_of(texts: list[str], codes: np.ndarray, asked: list[str], *, seed: int = 0) -> Guess | None:
    """What the words' classifier says of texts."""
    parts = [
        Part(part, np.zeros((len(part), 1), np.float32), Targets.of_codes(own, range(int(codes.max()) + 1)))
        for part, own in ((texts, codes), (asked, np.zeros(len(asked), dtype=np.int64)))
    ]
    return from_words(parts[0], parts[1], seed)


def test_texts_without_a_word_leave_the_words_out() -> None:
    """Punctuation alone is nothing to count; the other baselines stay."""
    train = made_up(40, 2, 0)
    silent = Part(["?!"] * 40, train.rows, train.targets)
    found = baselines([(silent, silent)], favoured=train.targets.members)
    assert [baseline.name for baseline in found] == [MAJORITY, CENTROID]


def test_words_that_each_occur_once_still_count() -> None:
    """Where nothing occurs in two texts, once is enough: new texts of the same words are told apart."""
    texts, codes = ["alpha", "beta", "gamma", "delta"], np.array([0, 1, 0, 1])
    found = words_of(texts, codes, texts)
    assert found is not None
    assert found.favoured.argmax(axis=1).tolist() == codes.tolist()
    assert found.made_of.startswith("4 words and word pairs, C = ")
    assert found.made_of.endswith(" for rows of length 1, by 2 folds")


def test_what_words_cannot_learn_is_left_out() -> None:
    """One label alone; the same words in every text; a label of one row, which no fold could hold out."""
    assert words_of(["a b", "a c", "b c"], np.zeros(3, dtype=np.int64), ["a"]) is None
    assert words_of(["the very same"] * 40, np.arange(40) % 2, ["another"]) is None
    assert words_of(["a b", "a c", "b c"], np.array([0, 0, 1]), ["a"]) is None


def test_texts_without_spaces_are_told_apart_by_their_characters() -> None:
    """Chinese and Japanese: a character is a word."""
    good, bad = ["很好看的电影", "真的很好", "好看极了", "非常好"], ["太难看了", "很坏的电影", "真难看", "坏极了"]
    found = words_of(good + bad, np.array([0] * 4 + [1] * 4), ["好极了", "难看的电影"])
    assert found is not None
    assert found.favoured.argmax(axis=1).tolist() == [0, 1]


def test_the_search_over_words_is_the_same_every_time() -> None:
    """One seed, one answer; and no warning of the solver's gets out."""
    train, test = made_up(400, 4, 0), made_up(50, 4, 1)
    first, second = (from_words(train, test, 3) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.probabilities is not None
    assert second.probabilities is not None
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    assert first.made_of == second.made_of


def test_no_rows_is_an_error() -> None:
    """Said, not divided by."""
    part = made_up(10, 2)
    none = part.take(np.arange(0))
    with pytest.raises(InputError, match="0 to test on"):
        baselines([(part, none)], favoured=none.targets.members)


@pytest.mark.data
def test_words_reach_their_known_score_on_sst2(real_data: Path) -> None:
    """TF-IDF and logistic regression: 81 % of 1,821, converged."""

    def part(name: str) -> tuple[list[str], Any]:
        lines = (real_data / "sst2" / name).read_text("utf-8").removesuffix("\n").split("\n")
        pairs = [line.split("\t") for line in lines]
        return [text for text, _ in pairs], np.array([int(label) for _, label in pairs])

    (texts, codes), (test_texts, test_codes) = part("train.tsv"), part("test.tsv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = words_of(texts, codes, test_texts)
    assert found is not None
    assert 0.80 < np.mean(found.favoured.argmax(axis=1) == test_codes) < 0.82


@pytest.mark.parametrize("n_labels", [2, 4])
def test_words_are_fitted_as_scikit_learn_fits_them(n_labels: int) -> None:
    """The optimum that scikit-learn finds over rows of length 1."""
    random = np.random.RandomState(n_labels)
    codes = np.arange(120) % n_labels
    texts = [" ".join([f"own{code}" * (random.rand() < 0.6), *map(str, random.randint(0, 30, 6))]) for code in codes]
    found = words_of(texts, codes, texts)
    assert found is not None
    assert found.probabilities is not None
    C = float(found.made_of.split("C = ")[1].split()[0])
    rows = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=WORD_PATTERN).fit_transform(
        texts
    )
    theirs = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(rows, codes)
    np.testing.assert_allclose(found.probabilities, theirs.predict_proba(rows), atol=1e-4)


def sets_part(texts: list[str], members: np.ndarray) -> Part:
    return Part(
        texts,
        np.zeros((len(texts), 1), np.float32),
        Targets(tuple("abcd"[: members.shape[1]]), members, exclusive=False),
    )


def test_baselines_answer_as_they_say_and_leads_are_differences() -> None:
    """Words that give the labels away make the words' classifier nearly perfect, and the others poor."""
    random = np.random.RandomState(0)
    members = random.rand(400, 3) < [0.3, 0.3, 0.1]
    words = ["red", "blue", "green"]
    texts = [
        f"so {' '.join(word for word, has in zip(words, row, strict=True) if has)} {n}" for n, row in enumerate(members)
    ]
    train, test = sets_part(texts[:300], members[:300]), sets_part(texts[300:], members[300:])
    found = {one.name: one for one in baselines([(train, test)], favoured=members[300:], seed=0)}
    assert set(found) == {COMMONEST, EVERY, WORDS_EACH}
    assert found[WORDS_EACH].scores["macro_f1"].value > 0.95
    assert found[COMMONEST].scores["subset_accuracy"].value == pytest.approx((~members[300:]).all(axis=1).mean())
    every = metrics.f1_score(members[300:], np.ones((100, 3)), average="macro")
    assert found[EVERY].scores["macro_f1"].value == pytest.approx(every)
    assert found[EVERY].leads["macro_f1"].value == pytest.approx(1 - every)
    assert found[EVERY].leads["macro_f1"].interval[0] > 0
    assert set(found[COMMONEST].scores) == {"micro_f1", "macro_f1", "samples_f1", "subset_accuracy", "hamming_loss"}
