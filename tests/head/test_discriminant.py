"""Hundreds of labels: a discriminant in closed form, exactly what its formula says, fold by fold."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import linalg

from frostline.arrays import Float64Array, IntArray
from frostline.evaluate import baselines
from frostline.evaluate.baselines import Part, from_words
from frostline.evaluate.probabilities import calibration_scores, label_curves
from frostline.head import calibrating, options
from frostline.head.calibrating import fit_temperature
from frostline.head.options import MOST_SEARCHED, SearchOptions, discriminant_grid
from frostline.head.search import fit_at, search
from frostline.targets import Targets


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four labels and more are many."""
    monkeypatch.setattr(options, "MOST_SEARCHED", 3)


def made(n_labels: int, *, n_texts: int, n_features: int = 6, seed: int = 0) -> tuple[Float64Array, Targets]:
    """Badly scaled rows about a centre for each label."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n_texts) % n_labels
    rows = rng.normal(size=(n_labels, n_features))[codes] + rng.normal(size=(n_texts, n_features))
    rows = rows * np.exp(rng.normal(size=n_features)) + 5
    return rows, Targets(tuple(range(n_labels)), codes[:, None] == np.arange(n_labels), exclusive=True)


def by_the_book(
    rows: Float64Array, codes: IntArray, C: float, weights: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Means against the pooled scatter, column by column standardised, and a ridge."""
    total, mean = weights.sum(), np.average(rows, axis=0, weights=weights)
    std = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=weights))
    standard = (rows - mean) / std
    own = [codes == code for code in range(codes.max() + 1)]
    means = np.stack([np.average(standard[each], axis=0, weights=weights[each]) for each in own])
    apart = standard - means[codes]
    scatter = (apart.T * weights) @ apart + np.eye(len(std)) / C
    coef = total * linalg.solve(scatter, means.T).T
    shares = np.array([weights[each].sum() for each in own]) / total
    intercept = np.log(shares) - 0.5 * (coef * means).sum(axis=1)
    return coef / std, intercept - coef / std @ mean


def same(found: Float64Array, expected: Float64Array) -> None:
    """But for what is added to all labels of a row alike."""
    found, expected = (each - each.mean(axis=1, keepdims=True) for each in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("is_weighed", [False, True])
def test_the_head_is_the_discriminant_of_its_formula(*, is_weighed: bool) -> None:
    rows, targets = made(5, n_texts=40)
    weights = np.random.default_rng(1).uniform(0.5, 2, 40) if is_weighed else None
    targets = replace(targets, weights=weights)
    head = fit_at(rows, targets, C=0.02)
    coef, intercept = by_the_book(rows, targets.codes, 0.02, np.ones(40) if weights is None else weights)
    same(head.decision_function(rows), rows @ coef.T + intercept)


@pytest.mark.usefixtures("few")
def test_each_row_is_decided_by_what_was_learned_from_the_other_folds() -> None:
    rows, targets = made(5, n_texts=40)
    folds = np.arange(40) // 5 % 4
    found = search(rows, targets, options=SearchOptions(), folds=folds)
    C = float(found.chosen_C[0])
    assert found.Cs == discriminant_grid()
    assert C in found.Cs
    for fold in range(4):
        learned = folds != fold
        coef, intercept = by_the_book(rows[learned], targets.codes[learned], C, np.ones(30))
        same(found.held_out_decisions[~learned], rows[~learned] @ coef.T + intercept)
        right = found.held_out_decisions[~learned].argmax(axis=1) == targets.codes[~learned]
        assert found.scores[found.Cs.index(C), 0, fold] == right.mean()
    same(found.head.decision_function(rows), fit_at(rows, targets, C=C).decision_function(rows))
    assert found.mean_scores[:, 0].max() == found.mean_scores[found.Cs.index(C), 0]


@pytest.mark.usefixtures("few")
def test_labels_that_do_not_exclude_each_other_are_discriminants_of_two_classes() -> None:
    rows, targets = made(5, n_texts=60)
    members = targets.members.copy()
    members[np.arange(60), (targets.codes * 3 + 1) % 5] = True
    several = replace(targets, members=members, exclusive=False)
    head = fit_at(rows, several, C=0.02)
    for label in range(5):
        coef, intercept = by_the_book(rows, members[:, label].astype(np.int64), 0.02, np.ones(60))
        alone = rows @ (coef[1] - coef[0]) + intercept[1] - intercept[0]
        np.testing.assert_allclose(head.decision_function(rows)[:, label], alone, rtol=1e-6, atol=1e-6)
    found = search(rows, several, options=SearchOptions(n_folds=3))
    assert found.scores.shape == (5, 5, 3)
    assert set(found.chosen_C) <= set(discriminant_grid())
    for label, C in enumerate(found.chosen_C):
        alone = fit_at(rows, several, C=float(C)).decision_function(rows)[:, label]
        np.testing.assert_allclose(found.head.decision_function(rows)[:, label], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("few")
def test_a_label_that_cannot_be_learned_has_its_share() -> None:
    rows, targets = made(4, n_texts=40)
    members = np.hstack([targets.members, np.zeros((40, 1), dtype=bool)])
    members[0, 4] = True
    found = search(rows, Targets(tuple(range(5)), members, exclusive=False), options=SearchOptions(n_folds=2))
    assert found.learned.tolist() == [True] * 4 + [False]
    assert np.isnan(found.chosen_C).tolist() == [False] * 4 + [True]
    np.testing.assert_allclose(found.head.predict_proba(rows)[:, 4], 1.5 / 41)
    np.testing.assert_allclose(found.held_out_decisions[:, 4], np.log(1.5 / 39.5))
    assert np.isfinite(found.held_out_decisions).all()


@pytest.mark.usefixtures("few")
def test_class_weights_move_the_priors() -> None:
    rows, targets = made(4, n_texts=42)  # 11, 11, 10, 10
    plain = fit_at(rows, targets, C=0.01).decision_function(rows)
    even = fit_at(rows, targets, C=0.01, class_weight="balanced").decision_function(rows)
    same(plain - even, np.tile(np.log([11, 11, 10, 10]), (42, 1)))
    given = fit_at(rows, targets, C=0.01, class_weight={1: 3.0}).decision_function(rows)
    same(given - plain, np.tile(np.log([1, 3, 1, 1]), (42, 1)))


def test_up_to_six_hundred_labels_are_regressions() -> None:
    assert MOST_SEARCHED == 600
    for n_labels, told in ((600, False), (601, True)):
        rows, targets = made(n_labels, n_texts=2 * n_labels, n_features=8)
        found = search(rows, targets, options=SearchOptions(Cs=(1e-4,), n_folds=2, tolerance=1e-3))
        assert any("linear discriminant" in note for note in found.warnings) is told
        assert (found.solver.relative_gradient == 0) is told


def test_a_temperature_of_very_many_decisions_is_told_by_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    decisions, codes = np.random.default_rng(0).normal(size=(90, 4)) * 3, np.arange(90) % 4
    monkeypatch.setattr(calibrating, "_MOST_DECISIONS", 361)
    assert fit_temperature(decisions, codes) != fit_temperature(decisions[::2], codes[::2])
    monkeypatch.setattr(calibrating, "_MOST_DECISIONS", 360)
    assert fit_temperature(decisions, codes) == fit_temperature(decisions[::2], codes[::2])


@pytest.mark.parametrize("n_labels", [600, 601])
def test_single_labels_are_measured_up_to_six_hundred(n_labels: int) -> None:
    codes = np.arange(n_labels)
    targets = Targets.of_codes(codes, tuple(range(n_labels)))
    likely = np.full((n_labels, n_labels), 1 / n_labels)
    assert len(label_curves(likely, targets)) == len(calibration_scores(likely, targets).by_label)
    assert len(label_curves(likely, targets)) == (n_labels if n_labels == 600 else 0)


@pytest.mark.parametrize("n_labels", [600, 601])
def test_words_are_no_baseline_of_more_labels(n_labels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are they tried beside the features."""
    codes = np.arange(2 * n_labels) % n_labels
    part = Part(
        [f"word{code} other" for code in codes], codes[:, None] * 1.0, Targets.of_codes(codes, tuple(range(n_labels)))
    )
    monkeypatch.setattr(baselines, "fit", lambda *_, **__: pytest.fail("searched"))
    if n_labels == 601:
        assert from_words(part, part, 0) is None
    else:
        with pytest.raises(pytest.fail.Exception, match="searched"):
            from_words(part, part, 0)
