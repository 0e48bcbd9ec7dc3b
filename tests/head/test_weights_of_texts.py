"""A text that weighs 2 is learned from, scaled and scored as if it stood there twice, whatever its labels."""

from dataclasses import replace

import numpy as np
import pytest

from frostline.arrays import IntArray
from frostline.errors import UsageError
from frostline.head.deciding import RuleOptions
from frostline.head.fitted import AnswerOptions, Fitted, fit
from frostline.head.options import SearchOptions
from frostline.head.search import fit_at
from frostline.targets import Targets

N, N_FEATURES = 90, 6
TOLERANCE = 2e-5  # relative; a regression ends at a relative gradient of 1e-6


def made(kind: str, *, seed: int = 0) -> tuple[np.ndarray, Targets]:
    """Rows, and targets that they tell something of; each text alone."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(N, N_FEATURES)).astype(np.float32) * [1, 1, 2, 5, 1, 1] + 3
    drawn = rows[:, :3] + random.normal(size=(N, 3))
    if kind == "several labels":
        return rows, Targets(("a", "b", "c"), drawn > 3, exclusive=False, together=np.arange(N))
    n_labels = 2 if kind == "two labels" else 3
    codes = drawn[:, :n_labels].argmax(axis=1)
    return rows, replace(Targets.of_codes(codes, ("a", "b", "c")[:n_labels]), together=np.arange(N))


WEIGHTS = np.random.default_rng(1).integers(1, 4, size=N)
FOLDS: IntArray = (np.arange(N) % 3).astype(np.int64)
KINDS = ["two labels", "three labels", "several labels"]


def weighed(targets: Targets) -> Targets:
    return replace(targets, weights=WEIGHTS.astype(np.float64))


def repeated(rows: np.ndarray, targets: Targets) -> tuple[np.ndarray, Targets, IntArray]:
    each = np.repeat(np.arange(N), WEIGHTS)
    return rows[each], targets.take(each), FOLDS[each]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("class_weight", [None, "balanced", {"b": 3.0}])
@pytest.mark.parametrize("standardise", [True, False])
def test_a_weight_of_two_is_the_row_twice(kind: str, class_weight: object, standardise: bool) -> None:  # noqa: FBT001
    rows, targets = made(kind)
    options = {"C": 0.3, "class_weight": class_weight, "standardise": standardise}
    once = fit_at(rows, weighed(targets), **options)  # type: ignore[arg-type]
    more, their, _ = repeated(rows, targets)
    twice = fit_at(more, their, **options)  # type: ignore[arg-type]
    plain = fit_at(rows, targets, **options)  # type: ignore[arg-type]
    largest = float(np.abs(twice.coef).max())
    assert np.abs(once.coef - twice.coef).max() < TOLERANCE * largest
    assert np.abs(once.intercept - twice.intercept).max() < TOLERANCE * max(largest, np.abs(twice.intercept).max())
    assert np.abs(once.coef - plain.coef).max() > 0.01 * largest, "weights that change nothing show nothing"


SCORINGS = [
    *[("three labels", name) for name in ("accuracy", "f1_macro", "neg_log_loss", "balanced_accuracy", "roc_auc_ovr")],
    *[("two labels", name) for name in ("accuracy", "roc_auc")],
    *[("several labels", name) for name in ("neg_log_loss", "average_precision", "f1_macro", "f1_micro")],
]


def both(kind: str, scoring: str, answers: AnswerOptions) -> tuple[Fitted, Fitted]:
    rows, targets = made(kind)
    options = SearchOptions(Cs=(0.003, 0.1, 3.0), scoring=scoring, class_weight="balanced")
    more, their, folds = repeated(rows, targets)
    return (
        fit(rows, weighed(targets), search=options, answers=answers, folds=FOLDS),
        fit(more, their, search=options, answers=answers, folds=folds),
    )


@pytest.mark.parametrize(("kind", "scoring"), SCORINGS)
def test_scores_of_the_search_are_weighed(kind: str, scoring: str) -> None:
    """On the same folds: every score, what is chosen, and the calibration."""
    once, twice = both(kind, scoring, AnswerOptions(calibrate="temperature"))
    np.testing.assert_allclose(once.search.scores, twice.search.scores, rtol=1e-4)
    assert once.search.chosen_C.tolist() == twice.search.chosen_C.tolist()
    first, second = once.head.calibration, twice.head.calibration
    assert first is not None
    assert second is not None
    assert first.temperature == pytest.approx(second.temperature, rel=1e-4)
    for candidate, other in zip(once.calibration.candidates, twice.calibration.candidates, strict=True):
        assert candidate.log_loss == pytest.approx(other.log_loss, rel=1e-4)
        assert candidate.gain == pytest.approx(other.gain, rel=1e-3, abs=1e-6)
        assert candidate.gain_error == pytest.approx(other.gain_error, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_thresholds_and_maps_are_weighed(kind: str) -> None:
    """Those for the highest F1, and isotonic calibration."""
    wish = RuleOptions(thresholds="f1" if kind != "several labels" else None)
    once, twice = both(kind, "neg_log_loss", AnswerOptions(calibrate="isotonic", rule=wish))
    assert once.calibration.calibration is not None
    assert twice.calibration.calibration is not None
    for own, other in zip(once.calibration.calibration.knots, twice.calibration.calibration.knots, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-3, atol=1e-6)
    assert (once.head.rule is None) == (twice.head.rule is None)
    if once.head.rule is not None and twice.head.rule is not None:
        np.testing.assert_allclose(once.head.rule.thresholds, twice.head.rule.thresholds, rtol=1e-3)


def test_a_scorer_that_knows_no_weights_is_told() -> None:
    rows, targets = made("two labels")
    options = SearchOptions(Cs=(0.1,), scoring="adjusted_rand_score")
    with pytest.raises(UsageError, match="'adjusted_rand_score' does not fit 2 labels of texts that have weights: "):
        fit(rows, weighed(targets), search=options, answers=AnswerOptions(calibrate="none"), folds=FOLDS)


def test_weights_travel_with_their_texts() -> None:
    """Taken, joined, and left out where a part has none."""
    _, targets = made("three labels")
    own = weighed(targets)
    taken = own.take(np.array([3, 1]))
    assert taken.weights is not None
    assert taken.weights.tolist() == WEIGHTS[[3, 1]].tolist()
    joined = Targets.concatenated([taken, own]).weights
    assert joined is not None
    assert joined.tolist() == [*WEIGHTS[[3, 1]], *WEIGHTS]
    assert Targets.concatenated([taken, targets]).weights is None
    assert own.weighed_total == WEIGHTS.sum()
    assert targets.weighed_total == N
    assert own.weighed_counts.tolist() == [WEIGHTS[has].sum() for has in targets.members.T]
    assert targets.weighed_counts.tolist() == list(targets.counts().values())
