"""Features and words, each searched by itself and weighed against each other by held-out decisions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from frostline.arrays import JoinedRows
from frostline.data import split
from frostline.encoder.words import fit as vocabulary_of
from frostline.head import parts as module
from frostline.head.fitted import PLAIN_ANSWERS, fit
from frostline.head.linear import link_of, probabilities
from frostline.head.loss import loss_of
from frostline.head.options import SearchOptions, word_grid
from frostline.head.parts import PartName, Trial, fit_weights, head_of, margin_of, part_of, search
from frostline.head.search import search as search_rows
from frostline.targets import Targets

N = 120
NONE = np.zeros(2)
OPTIONS = SearchOptions(Cs=(0.01, 0.1), n_folds=3)


def joined(codes: np.ndarray, *, features_tell: float, words_tell: float, seed: int = 0) -> JoinedRows:
    """Rows of which so many in one tell their label, by a feature and by a word."""
    random = np.random.default_rng(seed)
    dense = random.normal(size=(len(codes), 4)).astype(np.float32)
    dense[:, 0] += np.where(random.random(len(codes)) < features_tell, 4 * codes, 0)
    said = np.where(random.random(len(codes)) < words_tell, codes, random.integers(codes.max() + 1, size=len(codes)))
    texts = [f"c{code} w{random.integers(9)} w{random.integers(9)}" for code in said]
    return JoinedRows(dense, vocabulary_of(texts).rows(texts))


def targets_of(codes: np.ndarray) -> Targets:
    return Targets.of_codes(codes, tuple(range(int(codes.max()) + 1)))


CODES = np.arange(N) % 2
SETS = Targets(
    labels=("a", "b", "rare"),
    members=np.stack([CODES == 1, np.arange(N) % 3 == 0, np.arange(N) == 5], axis=1),
    exclusive=False,
)


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("kind", ["exclusive", "sets", "sets, weighed apart"])
def test_weights_are_those_that_lose_least(kind: str, n_labels: int) -> None:
    random = np.random.default_rng(1)
    members = random.random((N, n_labels)) < 0.4
    if kind == "exclusive":
        members = np.eye(n_labels, dtype=bool)[random.integers(n_labels, size=N)]
    targets = Targets(labels=tuple(range(n_labels)), members=members, exclusive=kind == "exclusive")
    apart = kind == "sets, weighed apart"
    loss = loss_of(targets, np.arange(n_labels), are_weighed=apart)
    given = random.normal(size=(3, N, loss.n_coef_rows))
    row_weights = random.uniform(0.5, 2, size=(N, 1, n_labels) if apart else (N, 1))

    def lost(weights: np.ndarray) -> float:
        shares = probabilities(np.tensordot(weights, given, axes=1), link=link_of(targets))
        of_truth = np.where(members, shares, 1.0 if kind == "exclusive" else 1 - shares)
        each = row_weights[:, 0] if apart else row_weights
        return float(-(each * np.log(of_truth)).sum() + 0.5 * ((weights - [1, 0, 0]) ** 2).sum())

    expected = minimize(lost, [1, 0, 0], tol=1e-12).x
    assert fit_weights(given, loss, row_weights) == pytest.approx(expected.tolist(), abs=1e-5)


def test_weights_stay_where_decisions_would_run_away() -> None:
    """Decisions without a mistake, a thousand times too large: nothing overflows, and the prior holds."""
    given = np.stack([1000.0 * (2 * CODES[:, None] - 1), np.zeros((N, 1)), np.zeros((N, 1))])
    loss = loss_of(targets_of(CODES), np.arange(2), are_weighed=False)
    assert fit_weights(given, loss, np.ones((N, 1))) == pytest.approx((1.0, 0.0, 0.0))
    assert fit_weights(-given, loss, np.ones((N, 1)))[0] < 0


def test_a_head_over_both_is_the_weighted_sum_of_the_parts() -> None:
    rows, targets = joined(CODES, features_tell=0.7, words_tell=0.7), targets_of(CODES)
    found, parts = search(rows, targets, options=OPTIONS)
    assert parts is not None
    assert parts.kept == "both"
    first = search_rows(rows.dense, targets, options=OPTIONS, folds=found.folds)
    second = search_rows(rows.words_alone, targets, options=OPTIONS, folds=found.folds)
    of_features, of_words, of_shares = parts.weights
    assert of_features > 0.1
    assert of_words > 0.1
    assert np.allclose(found.head.coef, np.hstack([of_features * first.head.coef, of_words * second.head.coef]))
    intercept = of_features * first.head.intercept + of_words * second.head.intercept
    assert np.allclose(found.head.intercept, intercept), "as many rows of one label as of the other"
    assert of_shares == pytest.approx(0)
    assert found.Cs == first.Cs
    assert found.chosen_C == first.chosen_C
    assert parts.words.chosen_C == second.chosen_C
    right = {part: trial.right.mean() for part, trial in parts.trials.items()}
    assert right["both"] > max(right["features"], right["words"])
    assert np.array_equal(found.fold_scores, parts.trials["both"].fold_scores)


def test_a_row_is_held_out_from_the_weights_too() -> None:
    """Other labels in one fold change no weight by which its own rows are decided, but the last fit's."""
    rows, targets = joined(CODES, features_tell=0.7, words_tell=0.7), targets_of(CODES)
    folds = split.folds(targets, n_folds=3, seed=0)
    first = search_rows(rows.dense, targets, options=OPTIONS, folds=folds)
    second = search_rows(rows.words_alone, targets, options=OPTIONS, folds=folds)
    held = folds == 1
    spoiled = targets_of(np.where(held, 1 - CODES, CODES))
    pairs = [module._Pair(first, second, own, OPTIONS) for own in (targets, spoiled)]
    decisions = [pair.held_out() for pair in pairs]
    assert np.array_equal(decisions[0][held], decisions[1][held])
    assert not np.allclose(decisions[0][~held], decisions[1][~held])


@pytest.mark.parametrize(("tell", "kept"), [((0.8, 0.0), "features"), ((0.6, 0.6), "both")])
def test_the_folds_choose(tell: tuple[float, float], kept: str) -> None:
    rows, targets = joined(CODES, features_tell=tell[0], words_tell=tell[1]), targets_of(CODES)
    found = fit(rows, targets, search=replace(OPTIONS, choose_parts=True), answers=PLAIN_ANSWERS)
    assert found.parts is not None
    assert found.parts.kept == kept
    assert found.head.coef.shape == (1, rows.shape[1])
    alone = found.of(found.parts.kept, rows.dense.shape[1]).head
    own = part_of(rows, found.parts.kept)
    assert np.allclose(alone.decision_function(own), found.head.decision_function(rows))
    if kept == "features":
        plain = search_rows(rows.dense, targets, options=OPTIONS)
        assert np.array_equal(alone.coef, plain.head.coef), "to the bit as if there had been no words"
        assert np.array_equal(found.search.held_out_decisions, plain.held_out_decisions)


def chosen_by(features: np.ndarray, both: np.ndarray, *, lots: np.ndarray | None = None) -> str:
    """The choice where these rows (n_texts,) were answered right; by the words none."""
    of: dict[PartName, np.ndarray] = {"features": features, "words": np.zeros_like(both), "both": both}
    trials = {part: Trial(right=right, fold_scores=NONE) for part, right in of.items()}
    return module._choice(trials, "accuracy", np.arange(len(both)) if lots is None else lots)


def test_words_must_gain_more_than_a_standard_error() -> None:
    """Rows that one alone gets right: 3 to 1 are a gain of 0.02, its error 0.0196; 2 to 1 0.01, and 0.017."""
    rows = np.arange(100)
    assert chosen_by(rows == 99, rows < 3) == "both"
    assert chosen_by(rows == 99, rows < 2) == "features"
    assert chosen_by(rows == 99, rows == 99) == "features", "no gain at all, and no error"
    assert chosen_by(rows < 0, rows == 99) == "both", "one row alone: 0.01, and 0.00995"


def test_copies_make_no_words_better() -> None:
    """3 to 1 among 100 texts is a gain; one text that stands there three times, and one other, is none."""
    rows = np.arange(100)
    assert chosen_by(rows == 99, rows < 3, lots=np.maximum(rows - 2, 0)) == "features"


def test_margins_of_other_scores_are_over_the_folds() -> None:
    first, second = (Trial(right=CODES == 1, fold_scores=np.array(own)) for own in ([0.5, 0.7, 0.9], [0.4, 0.5, 0.6]))
    value, error = margin_of(first, second, "f1_macro", np.arange(len(CODES)))
    assert value == pytest.approx(0.2)
    assert error == pytest.approx(0.1 / np.sqrt(3))
    assert margin_of(first, second, "accuracy", np.arange(len(CODES))) == (0.0, 0.0)


def test_labels_that_were_not_learned_keep_their_share() -> None:
    rows = joined(CODES, features_tell=0.7, words_tell=0.7)
    found, parts = search(rows, SETS, options=OPTIONS)
    assert parts is not None
    assert found.learned.tolist() == [True, True, False]
    assert not found.head.coef[2].any()
    share = 1.5 / (N + 1)
    assert found.head.intercept[2] == pytest.approx(np.log(share / (1 - share)))
    assert np.allclose(found.held_out_decisions[:, 2], found.head.intercept[2])
    assert parts.trials["both"].fold_scores.mean() > parts.trials["features"].fold_scores.mean(), "minus log loss"


def test_class_weights_weigh_the_rows_by_which_parts_are_weighed() -> None:
    codes = (np.arange(N) % 6 == 0).astype(np.int64)
    rows, targets = joined(codes, features_tell=0.5, words_tell=0.5), targets_of(codes)
    plain, balanced = (
        search(rows, targets, options=replace(OPTIONS, class_weight=weight))[0] for weight in (None, "balanced")
    )
    rare = [(found.held_out_decisions[:, 0] > 0).sum() for found in (plain, balanced)]
    assert rare[1] > rare[0], "weights fitted on rows that all count alike would undo what the classes weigh"


def test_one_part_is_searched_as_it_is() -> None:
    rows, targets = joined(CODES, features_tell=0.7, words_tell=0.7), targets_of(CODES)
    same = JoinedRows(rows.dense, rows.words.take(np.zeros(N, dtype=np.int64)))
    for given in (rows.dense, rows.words_alone, same):
        found, parts = search(given, targets, options=OPTIONS)
        assert parts is None
        assert found.head.n_features == given.shape[1]
    assert set(search(rows.words_alone, targets, options=SearchOptions(n_folds=3))[0].Cs) <= set(word_grid())
    assert head_of(found.head, "both", 4).n_features == same.shape[1]


@pytest.mark.parametrize(("n_won", "kept"), [(8, "features"), (9, "words")])
def test_words_alone_are_kept_only_where_they_win_clearly(n_won: int, kept: PartName) -> None:
    """Eight texts more, and none lost, are 2.83 standard errors, nine three; both together gain as much or less."""
    right = np.arange(1000) < 800
    better = np.arange(1000) < 800 + n_won
    scores = np.zeros(5)
    trials: dict[PartName, Trial] = {
        "features": Trial(right=right, fold_scores=scores),
        "words": Trial(right=better, fold_scores=scores),
        "both": Trial(right=right, fold_scores=scores),
    }
    assert module._choice(trials, "accuracy", np.arange(1000)) == kept


@pytest.mark.parametrize(("n_lost", "kept"), [(1, "words"), (0, "both")])
def test_words_alone_are_kept_only_where_both_are_not_better_still(n_lost: int, kept: PartName) -> None:
    """Words win by far. Both get two texts more: 1.42 standard errors; where they lose another one, 0.58."""
    rows, scores = np.arange(1000), np.zeros(5)
    trials: dict[PartName, Trial] = {
        "features": Trial(right=rows < 700, fold_scores=scores),
        "words": Trial(right=rows < 800, fold_scores=scores),
        "both": Trial(right=(rows < 802) & (rows >= n_lost), fold_scores=scores),
    }
    assert module._choice(trials, "accuracy", rows) == kept
