"""Sparse columns beside dense ones: the same regression as scikit-learn's on the stacked matrix."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from frostline.arrays import JoinedRows, WordRows, are_equal, dense_part, known_to
from frostline.encoder.words import fit
from frostline.errors import InputError
from frostline.head import sparse as beside
from frostline.head.linear import LinearHead
from frostline.head.options import SearchOptions
from frostline.head.search import fit_at, search
from frostline.targets import Targets

N, WIDTH = 160, 12


def texts_of(codes: np.ndarray, seed: int = 0) -> list[str]:
    """Words of Zipf's frequencies, and one that tells the label."""
    random = np.random.default_rng(seed)
    words = [f"w{number}" for number in range(200)]
    share = 1 / np.arange(1, 201)
    share /= share.sum()
    return [" ".join([*random.choice(words, 7, p=share), f"c{code}x{random.integers(4)}"]) for code in codes]


def problem(n_labels: int, width: int = WIDTH, seed: int = 0) -> tuple[JoinedRows, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = random.permutation(np.arange(N) % n_labels)
    dense = (random.normal(size=(N, width)) * random.uniform(0.2, 4, width) + 1).astype(np.float32)
    dense[:, 0] += codes
    texts = texts_of(codes, seed)
    return JoinedRows(dense, fit(texts).rows(texts)), codes


def stacked(words: WordRows) -> np.ndarray:
    """The sparse rows with all their zeros."""
    return words.times(np.eye(words.n_terms))


def of_scikit_learn(
    rows: JoinedRows, codes: np.ndarray, *, C: float, standardise: bool, class_weight: str | None
) -> np.ndarray:
    dense = rows.dense.astype(np.float64)
    scaler = StandardScaler(with_mean=standardise, with_std=standardise).fit(dense)
    matrix = np.hstack([scaler.transform(dense), stacked(rows.words)])
    model = LogisticRegression(C=C, class_weight=class_weight, tol=1e-10, max_iter=10_000, solver="newton-cg")
    decisions: np.ndarray = model.fit(matrix, codes).decision_function(matrix)
    coef: np.ndarray = model.coef_.copy()
    coef[:, : dense.shape[1]] /= scaler.scale_ if standardise else 1.0
    assert decisions.shape[0] == len(codes)
    return coef


@pytest.mark.parametrize("n_labels", [2, 4])
@pytest.mark.parametrize("width", [WIDTH, 300], ids=["few features", "more features than rows"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_coefficients_are_scikit_learns(n_labels: int, width: int, class_weight: str | None) -> None:
    rows, codes = problem(n_labels, width)
    codes = np.where(np.arange(N) < 30, 0, codes)  # of unequal frequency
    for C, standardise in ((1e-3, True), (0.1, True), (3.0, True), (0.01, False)):
        labels = tuple(range(n_labels))
        head = fit_at(rows, Targets.of_codes(codes, labels), C=C, class_weight=class_weight, standardise=standardise)
        expected = of_scikit_learn(rows, codes, C=C, standardise=standardise, class_weight=class_weight)
        assert head.coef.shape == (len(expected), width + rows.words.n_terms)
        assert np.abs(head.coef - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("n_labels", [2, 3])
def test_every_fold_is_scikit_learns_own_pipeline(n_labels: int) -> None:
    """Dense columns standardised on the fold's training rows; held-out rows have the words that recur in those."""
    rows, codes = problem(n_labels)
    folds = np.arange(N) % 4
    found = search(
        rows, Targets.of_codes(codes, tuple(range(n_labels))), options=SearchOptions(Cs=(0.02,)), folds=folds
    )
    words = stacked(rows.words)
    for fold in range(4):
        kept, held = folds != fold, folds == fold
        scaler = StandardScaler().fit(rows.dense[kept].astype(np.float64))
        matrix = np.hstack([scaler.transform(rows.dense.astype(np.float64)), words])
        model = LogisticRegression(C=0.02, tol=1e-10, max_iter=10_000, solver="newton-cg").fit(
            matrix[kept], codes[kept]
        )
        known = words[held] * ((words[kept] > 0).sum(axis=0) >= 2)
        known *= 30 / np.linalg.norm(known, axis=1, keepdims=True)
        matrix[held, WIDTH:] = known
        expected = model.decision_function(matrix[held]).reshape(held.sum(), -1)
        assert np.abs(found.held_out_decisions[held] - expected).max() < 2e-4


def test_several_labels_per_text_learn_from_words_too() -> None:
    rows, codes = problem(3)
    members = np.stack([codes == 0, codes != 1], axis=1)
    head = fit_at(rows, Targets(("a", "b"), members, exclusive=False), C=0.05)
    for label in range(2):
        expected = of_scikit_learn(rows, members[:, label].astype(int), C=0.05, standardise=True, class_weight=None)
        assert np.abs(head.coef[label] - expected[0]).max() < 1e-4


def test_words_that_no_row_has_cost_nothing_and_weigh_nothing() -> None:
    rows, codes = problem(2)
    more = replace(rows.words, n_terms=200_000, indices=rows.words.indices * 500)
    wide = fit_at(JoinedRows(rows.dense, more), Targets.of_codes(codes, (0, 1)), C=0.1)
    narrow = fit_at(rows, Targets.of_codes(codes, (0, 1)), C=0.1)
    assert wide.coef.shape == (1, WIDTH + 200_000)
    kept = np.concatenate([np.arange(WIDTH), WIDTH + 500 * np.arange(rows.words.n_terms)])
    assert np.array_equal(wide.coef[:, kept], narrow.coef)
    assert np.count_nonzero(wide.coef) <= len(kept)


def test_common_words_may_be_dense_columns_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a column is kept decides how fast a head is found, and not which."""
    rows, codes = problem(3)
    usual = fit_at(rows, Targets.of_codes(codes, (0, 1, 2)), C=0.1)
    for most in (0, 10_000):
        monkeypatch.setattr(beside, "_MOST_COMMON", most)
        monkeypatch.setattr(beside, "_COMMON", 0.0)
        other = fit_at(rows, Targets.of_codes(codes, (0, 1, 2)), C=0.1)
        assert np.abs(other.coef - usual.coef).max() < 1e-5


def test_the_same_search_gives_the_same_bits() -> None:
    rows, codes = problem(3, width=500)
    rows = JoinedRows(np.tile(rows.dense, (4, 1)).astype(np.float32), rows.words.take(np.tile(np.arange(N), 4)))
    codes = np.tile(codes, 4)
    heads = [
        search(rows, Targets.of_codes(codes, (0, 1, 2)), options=SearchOptions(Cs=(1e-4, 1e-3), threads=threads)).head
        for threads in (2, 2, 1)
    ]
    assert heads[0].coef.tobytes() == heads[1].coef.tobytes()
    assert np.abs(heads[0].coef - heads[2].coef).max() < 1e-5


def test_rows_of_words_alone_that_differ_are_rows_that_differ() -> None:
    """An encoder that tells no text from another does not keep words from doing so."""
    rows, codes = problem(2)
    same = JoinedRows(np.ones_like(rows.dense), rows.words)
    assert not are_equal(same)
    head = fit_at(same, Targets.of_codes(codes, (0, 1)), C=1.0)
    assert (head.predict(same) == codes).mean() > 0.9
    nothing = WordRows(indptr=np.zeros(N + 1, np.int64), indices=np.empty(0, np.int64), data=np.empty(0), n_terms=3)
    with pytest.raises(InputError, match="must differ"):
        fit_at(JoinedRows(np.ones_like(rows.dense), nothing), Targets.of_codes(codes, (0, 1)), C=1.0)


def test_texts_without_a_word_are_answered_by_the_encoder_alone() -> None:
    rows, codes = problem(2)
    head = fit_at(rows, Targets.of_codes(codes, (0, 1)), C=0.1)
    empty = WordRows(
        indptr=np.zeros(N + 1, np.int64), indices=np.empty(0, np.int64), data=np.empty(0), n_terms=rows.words.n_terms
    )
    found = head.decision_function(JoinedRows(rows.dense, empty))
    expected = rows.dense.astype(np.float64) @ head.coef[:, :WIDTH].T + head.intercept
    assert np.allclose(found, expected, rtol=0, atol=1e-12)


def test_a_head_says_so_when_words_are_missing() -> None:
    """Rather than a traceback from a product of matrices."""
    rows, codes = problem(2)
    head = fit_at(rows, Targets.of_codes(codes, (0, 1)), C=0.1)
    with pytest.raises(InputError, match=rf"{head.n_features} columns \(got {WIDTH}\)"):
        head.predict_proba(dense_part(rows))


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_rows_are_taken_as_an_array_takes_them(data: st.DataObject) -> None:
    """By slice, mask or number, repeats and none at all: as the stacked matrix."""
    rows, _ = problem(2)
    whole = np.hstack([rows.dense, stacked(rows.words)])
    chosen = data.draw(
        st.one_of(
            st.lists(st.integers(0, N - 1)).map(lambda found: np.array(found, np.int64)),
            st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).random(N) < 0.3),
            st.tuples(st.integers(0, N), st.integers(0, N)).map(lambda ends: slice(*ends)),
        )
    )
    taken = rows[chosen]
    assert taken.shape == whole[chosen].shape
    assert np.array_equal(np.hstack([taken.dense, stacked(taken.words)]), whole[chosen])
    coef = np.random.default_rng(0).normal(size=(3, whole.shape[1]))
    head = LinearHead(labels=(0, 1, 2), coef=coef, intercept=np.zeros(3))
    assert np.allclose(head.decision_function(taken), whole[chosen] @ coef.T)


def intents(n_each: int, *, seed: int) -> tuple[list[str], np.ndarray]:
    """Texts of 30 labels, each with two of its label's eighteen words and two of three thousand that tell nothing."""
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(30), n_each)
    own = [random.choice(18, 2, replace=False) for _ in codes]
    chance = [random.choice(3000, 2, replace=False) for _ in codes]
    return [
        f"c{code}x{first} c{code}x{second} w{one} w{other}"
        for code, (first, second), (one, other) in zip(codes, own, chance, strict=True)
    ], codes


def test_a_held_out_text_is_known_by_no_word_that_one_text_alone_learned_from() -> None:
    """A word of one training text is in no vocabulary: shared with a held-out text it would tell its label."""
    (texts, codes), (others, theirs) = intents(6, seed=1), intents(40, seed=2)
    targets, vocabulary = Targets.of_codes(codes, tuple(range(30))), fit(texts)
    rows, new = (JoinedRows(np.empty((len(some), 0)), vocabulary.rows(some)) for some in (texts, others))
    found = search(rows, targets, options=SearchOptions(n_folds=3))
    seen = float((found.held_out_decisions.argmax(axis=1) == codes).mean())
    fresh = float((found.head.predict_proba(new).argmax(axis=1) == theirs).mean())
    assert seen <= fresh + 0.03  # 0.59 against 0.27 where all folds shared all words
    exactly = np.zeros(len(texts), dtype=bool)
    for fold in range(3):
        held = found.folds == fold
        learned = [text for text, is_held in zip(texts, held, strict=True) if not is_held]
        alone = fit(learned)
        head = fit_at(
            JoinedRows(np.empty((len(learned), 0)), alone.rows(learned)),
            targets.take(np.flatnonzero(~held)),
            C=float(found.chosen_C[0]),
        )
        asked = alone.rows([text for text, is_held in zip(texts, held, strict=True) if is_held])
        answers = head.predict_proba(JoinedRows(np.empty((int(held.sum()), 0)), asked))
        exactly[held] = answers.argmax(axis=1) == codes[held]
    assert abs(seen - exactly.mean()) < 0.04


def test_words_known_to_some_texts_are_those_that_recur_among_them() -> None:
    learned = ["red blue", "red green", "green red"]
    rows = fit([*learned, "blue red"], max_words=1).rows([*learned, "blue red", "blue", "red"])
    known = rows.known_to(rows.take(np.arange(3)))
    dense = stacked(known)  # blue, green, red
    assert ["".join("bgr"[column] for column in np.flatnonzero(row)) for row in dense] == [
        "r",
        "gr",
        "gr",
        "r",
        "",
        "r",
    ]
    assert np.linalg.norm(dense, axis=1) == pytest.approx([30, 30, 30, 30, 0, 30])
    training = np.ones((6, 2), dtype=bool)
    training[3:, 0] = False
    held = stacked(rows.held_out(training))
    assert held[3:] == pytest.approx(dense[3:])
    assert held[:3] == pytest.approx(stacked(rows)[:3])
    assert dense_part(known_to(np.eye(2), np.eye(2))).tolist() == [[1, 0], [0, 1]]
