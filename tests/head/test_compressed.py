"""Many labels and fewer rows than columns: each fold in a basis of its own rows, and nothing lost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_many_labels import clusters

from frostline.head import compressed
from frostline.head.loss import Softmax
from frostline.head.options import SearchOptions
from frostline.head.path import Regressions
from frostline.head.problem import problem_with, scaling_of
from frostline.head.search import Search, search
from frostline.targets import Targets
from frostline.threads import Crew

N_LABELS, N_TEXTS, N_FEATURES = 20, 120, 200


def made(n_labels: int = N_LABELS, *, n_texts: int = N_TEXTS, n_features: int = N_FEATURES) -> Regressions:
    """Two folds and all rows."""
    rows, codes = clusters(n_labels, n_texts=n_texts, n_features=n_features)
    training = np.stack([np.arange(n_texts) % 2 != 0, np.arange(n_texts) % 2 != 1, np.ones(n_texts, bool)], 1)
    with Crew(1) as crew:
        scaling = scaling_of(rows, training, standardise=True, crew=crew)
        problem = problem_with(
            Softmax(codes, n_labels), rows, weights=training.astype(np.float64), scaling=scaling, crew=crew
        )
    targets = Targets.of_codes(codes, range(n_labels))
    every = np.ones(n_labels, dtype=bool)
    return Regressions(problem=problem, targets=targets, learned=every, training=training, class_weight=None, gram=None)


@pytest.mark.parametrize(
    ("n_labels", "n_texts", "expected"), [(20, 160, True), (20, 161, False), (19, 160, False), (20, 80, True)]
)
def test_it_is_worth_it_for_many_labels_and_four_fifths_of_the_columns(
    n_labels: int, n_texts: int, *, expected: bool
) -> None:
    assert compressed.is_worth_it(made(n_labels, n_texts=n_texts, n_features=200).problem) is expected


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_a_basis_has_the_decisions_and_the_penalty_of_the_fold(fold: int) -> None:
    """Of rows that the fold learns from and of the others, in the coordinates that all folds share."""
    regressions = made()
    (basis,) = compressed.bases_of(regressions, [fold])
    coef = np.random.default_rng(0).normal(size=(len(basis.problem.rows[0]) + 1, N_LABELS))
    shared = basis.shared(coef)
    whole, scaling = regressions.problem, regressions.problem.scaling
    learns = regressions.training[:, fold]
    standard = (whole.rows.astype(np.float64) - scaling.mean) / scaling.std
    there = np.hstack([basis.problem.rows, np.ones((learns.sum(), 1))]) @ coef
    np.testing.assert_allclose(standard[learns] @ shared[:-1] + shared[-1], there, atol=1e-9)
    own = scaling.ratio[:, fold, None] * shared[:-1]
    np.testing.assert_allclose((own**2).sum(axis=0), (coef[:-1] ** 2).sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(basis.own(shared), coef, atol=1e-9)


def apart(rows: Any, targets: Targets, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[Search, Search]:
    """The same search with bases, and without."""
    calls: list[list[int]] = []
    real = compressed.bases_of

    def counted(regressions: Regressions, folds: Sequence[int]) -> list[compressed.Basis]:
        calls.append(list(folds))
        return real(regressions, folds)

    monkeypatch.setattr(compressed, "bases_of", counted)
    found = search(rows, targets, options=SearchOptions(**options))
    n_folds = len(np.unique(found.folds))
    assert calls == [list(range(n_folds)), [n_folds]]
    monkeypatch.setattr(compressed, "is_worth_it", lambda _: False)
    return found, search(rows, targets, options=SearchOptions(**options))


@pytest.mark.parametrize(
    "options",
    [{}, {"standardise": False}, {"class_weight": "balanced"}, {"threads": 2, "scoring": "neg_log_loss"}],
    ids=["plain", "not standardised", "balanced", "two threads"],
)
def test_a_search_finds_the_same(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rows, codes = clusters(N_LABELS, n_texts=N_TEXTS, n_features=N_FEATURES)
    if options.get("standardise") is False:
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0) / 10
    found, plain = apart(rows, Targets.of_codes(codes, range(N_LABELS)), monkeypatch, **options)
    same(found, plain)


def test_weights_and_labels_that_no_fold_may_part_are_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows weigh one to three; some stand there twice, so that the rows learned from are not of full rank."""
    rows, codes = clusters(N_LABELS, n_texts=N_TEXTS, n_features=N_FEATURES)
    rows[-30:], codes[-30:] = rows[:30], codes[:30]
    together = np.append(np.arange(N_TEXTS - 30), np.arange(30))
    targets = replace(
        Targets.of_codes(codes, range(N_LABELS)),
        weights=np.arange(N_TEXTS, dtype=np.float64) % 3 + 1,
        together=together,
    )
    same(*apart(rows, targets, monkeypatch))


def test_down_from_the_middle_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels that nothing tells: the smallest C are the best."""
    rng = np.random.default_rng(8)
    codes = np.where(rng.random(150) < 0.5, 0, rng.integers(20, size=150))
    codes[:60] = np.arange(60) % 20
    found, plain = apart(rng.normal(size=(150, 200)), Targets.of_codes(codes, range(20)), monkeypatch)
    assert found.Cs[0] < 9e-4
    same(found, plain)


def same(found: Search, plain: Search) -> None:
    """But for what the tolerance leaves open."""
    assert found.Cs == plain.Cs
    assert found.chosen_C == plain.chosen_C
    np.testing.assert_allclose(found.scores, plain.scores, atol=1e-3 if "log" in found.scoring else 1 / 50)
    near = np.abs(found.held_out_decisions - plain.held_out_decisions).max()
    assert near < 5e-3 * np.abs(plain.held_out_decisions).max()
    assert np.linalg.norm(found.head.coef - plain.head.coef) < 1e-4 * np.linalg.norm(plain.head.coef)
    np.testing.assert_allclose(found.head.intercept, plain.head.intercept, atol=1e-3)
    assert found.solver.relative_gradient < 1e-5
    assert found.solver.tasks == plain.solver.tasks
