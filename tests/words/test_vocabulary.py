"""Words as features: ours against scikit-learn's."""

import re
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from frostline.encoder.words import MARKED_PATTERN, SCALE, WORD_PATTERN, Vocabulary, fit, terms_of
from frostline.errors import InputError

FILMS = [
    "a fine film, a fine cast",
    "a dull film",
    "Fine!",
    "東京は大きい",
    "東京 2025 film",
    "",
    "İstanbul ǅ ﬁlm ẞ é e\u0301",
]
WORDS = st.sampled_from(
    ["a", "A", "film", "Film", "film's", "é", "e\u0301", "İ", "ß", "ẞ", "東京", "カメ", "_", "1.5", "🙂", "\x00"]
)
TEXTS = st.lists(st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=12).map(" ".join)), min_size=1, max_size=12)


def reference(texts: list[str], max_words: int = 2, *, min_df: int = 2, sublinear: bool = True) -> TfidfVectorizer:
    return TfidfVectorizer(
        ngram_range=(1, max_words), sublinear_tf=sublinear, min_df=min_df, token_pattern=WORD_PATTERN
    )


def dense(vocabulary: Vocabulary, texts: list[str]) -> np.ndarray:
    found = vocabulary.rows(texts)
    block = np.zeros((len(texts), len(vocabulary.terms)))
    for row in range(len(found)):
        part = slice(found.indptr[row], found.indptr[row + 1])
        assert np.all(np.diff(found.indices[part]) > 0)
        block[row, found.indices[part]] = found.data[part]
    return block


@settings(deadline=None, max_examples=150)
@given(texts=TEXTS, others=TEXTS, max_words=st.integers(1, 3), sublinear=st.booleans())
def test_terms_and_weights_are_those_of_scikit_learn(
    texts: list[str], others: list[str], max_words: int, *, sublinear: bool
) -> None:
    """The same columns in the same order and the same numbers, for any characters, seen or unseen."""
    theirs = reference(texts, max_words, sublinear=sublinear)
    texts = texts + texts[:1]  # so that something occurs twice, most of the time
    if is_marked(texts):
        theirs.set_params(token_pattern=MARKED_PATTERN)
    try:
        expected = theirs.fit_transform(texts).toarray() * SCALE
    except ValueError:
        with pytest.raises(InputError, match="2 texts or more"):
            fit(texts, max_words=max_words, sublinear=sublinear)
        return
    ours = fit(texts, max_words=max_words, sublinear=sublinear)
    assert ours.terms == tuple(theirs.get_feature_names_out())
    assert np.allclose(ours.idf, theirs.idf_, rtol=1e-14, atol=0)
    assert np.allclose(dense(ours, texts), expected, rtol=1e-12, atol=0)
    assert np.allclose(dense(ours, others), theirs.transform(others).toarray() * SCALE, rtol=1e-12, atol=0)


def is_marked(texts: list[str]) -> bool:
    """Whether a text has a mark in a word or a letter of Thai and its like: whether the patterns may differ."""
    return any(re.search("[\u0300-\u036f\u0591-\u06ed\u0900-\u109f\u1780-\u17ff]", text) for text in texts) and (
        fit([*texts, *texts, "one", "one"]).is_marked
    )


@settings(max_examples=200)
@given(text=st.text(st.characters(exclude_categories=["Cs", "M"]), max_size=30))
def test_without_marks_and_outside_of_thai_both_patterns_find_the_same(text: str) -> None:
    """So that a vocabulary saved before there were two reads every other text as ever."""
    if re.search("[\u0900-\u109f\u1780-\u17ff]", text) is None:
        assert terms_of(text, is_marked=True) == terms_of(text)


def test_the_most_frequent_terms_are_kept_where_there_are_too_many() -> None:
    texts = ["a b", "a b", "a c c c c", "a c", "d d d d d d d"]
    assert fit(texts, max_terms=2, max_words=1).terms == ("a", "c"), "d is in one text only"
    assert fit(texts, max_terms=1, max_words=1).terms == ("c",), "5 times, a 4 times"
    assert fit(["b a", "b a"], max_terms=1, max_words=1).terms == ("a",), "of equals, the first"


def test_an_endless_word_is_no_column() -> None:
    assert fit(["x" * 1001 + " fine"] * 2, max_words=1).terms == ("fine",)


def test_rows_have_the_length_of_the_scale_or_none() -> None:
    vocabulary = fit(FILMS, min_texts=1)
    lengths = np.linalg.norm(dense(vocabulary, [*FILMS, "unheard-of"]), axis=1)
    assert np.allclose(lengths, [SCALE] * 5 + [0, SCALE, 0])


def test_no_texts_are_no_rows() -> None:
    found = fit(FILMS, min_texts=1).rows([])
    assert (len(found), found.indptr.tolist(), found.indices.tolist()) == (0, [0], [])


def test_a_word_that_occurs_in_one_text_is_none() -> None:
    with pytest.raises(InputError, match="2 texts or more"):
        fit(["one", "two", "!"])


def test_words_and_pairs_come_in_order() -> None:
    assert terms_of("A fine, fine film") == ["a", "fine", "fine", "film", "a fine", "fine fine", "fine film"]


@given(seed=st.integers(0, 99))
def test_sparse_rows_times_coefficients_are_what_dense_ones_are(seed: int) -> None:
    vocabulary = fit(FILMS, min_texts=1)
    coef = np.random.default_rng(seed).normal(size=(3, len(vocabulary.terms)))
    assert np.allclose(vocabulary.rows(FILMS).times(coef), dense(vocabulary, FILMS) @ coef.T, rtol=1e-12, atol=1e-12)


def test_rows_need_neither_scikit_learn_nor_scipy() -> None:
    program = (
        "import sys; from frostline.encoder.words import fit; fit(['a', 'a']).rows(['a']); "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"sklearn", "scipy", "onnxruntime", "tokenizers"} & set(done.stdout.split())


def test_twenty_thousand_short_texts_take_seconds() -> None:
    random = np.random.default_rng(0)
    words = np.array([f"w{n}" for n in range(20_000)])
    drawn = words[(20_000 * random.random((20_000, 9)) ** 3).astype(int)]
    texts = [" ".join(row) for row in drawn]
    started = time.process_time()
    fit(texts).rows(texts)
    assert time.process_time() - started < 10, "0.5 s on a quiet core"
