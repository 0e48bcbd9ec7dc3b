"""Small made problems, whole: C, coefficients, calibration, thresholds and answers are those that they were.

Each is fitted by the estimator, as a user would; made_problems.json holds what it found. Whoever changes the numbers on
purpose writes them anew: `python tests/head/test_made_problems.py`.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline import SentenceClassifier
from frostline.arrays import IntArray
from frostline.head.deciding import RuleFit
from frostline.head.linear import NO_ANSWER

EXPECTED = Path(__file__).with_name("made_problems.json")
SHARES = (0.55, 0.3, 0.15)
SEVERAL = "several labels"

PROBLEMS: dict[str, dict[str, Any]] = {
    "two labels": {"n_labels": 2},
    "three labels": {"n_labels": 3},
    "two labels, one standard error": {"n_labels": 2, "one_standard_error": True},
    "three labels, balanced, macro F1": {"n_labels": 3, "class_weight": "balanced", "scoring": "f1_macro"},
    "two labels, a map, weighed": {"n_labels": 2, "calibrate": "isotonic", "class_weight": {"a": 3.0}},
    "three labels, a map, weighed": {"n_labels": 3, "calibrate": "isotonic", "class_weight": "balanced"},
    "two labels, not standardised": {"n_labels": 2, "standardise": False, "Cs": [1.0, 0.01, 0.1]},
    "two labels, log loss, three folds": {"n_labels": 2, "scoring": "neg_log_loss", "n_folds": 3, "random_state": 7},
    "three labels, thresholds": {"n_labels": 3, "thresholds": "f1"},
    "three labels, a recall": {"n_labels": 3, "threshold_for": "recall=0.8", "threshold_label": "b"},
    "two labels, unsure": {"n_labels": 2, "abstain_precision": 0.6},
    "two labels, C given": {"n_labels": 2, "C": 0.5},
    "three labels, C given, words": {"n_labels": 3, "C": 0.5, "features": "mean@all+words"},
    "two labels, words": {"n_labels": 2, "Cs": [0.001, 0.01, 0.1], "features": "mean@all+words"},
    SEVERAL: {"n_labels": 0},
    "several labels, one standard error": {"n_labels": 0, "one_standard_error": True, "calibrate": "none"},
    "several labels, a map": {"n_labels": 0, "calibrate": "isotonic", "Cs": [0.01, 0.1], "n_folds": 3},
    "several labels, C given": {"n_labels": 0, "C": 0.1, "standardise": False},
    "several labels, words": {"n_labels": 0, "Cs": [0.01, 0.1], "features": "mean@all+words"},
}


def held_out_codes(fit: RuleFit) -> IntArray:
    """The answer to each row (n_texts,), or `NO_ANSWER`."""
    return np.where(fit.answered, fit.favoured.argmax(axis=1), NO_ANSWER).astype(np.int64)


def made(n_labels: int, n: int = 150) -> tuple[list[str], list[Any]]:
    """Texts that say their label, most of the time; or, of several, which they have."""
    random = np.random.default_rng(n_labels)
    if n_labels == 0:
        members = random.random((n, 5)) < [0.5, 0.3, 0.15, 0.03, 0]
        members[7, 4] = True  # on one text alone: it cannot be learned
        said = members ^ (random.random((n, 5)) < 0.15)
        texts = [" ".join(f"l{word}" for word in np.flatnonzero(row)) for row in said]
        labels: list[Any] = [["abcde"[column] for column in np.flatnonzero(row)] for row in members]
    else:
        shares = np.array(SHARES[:n_labels])
        codes = random.choice(n_labels, n, p=shares / shares.sum())
        others = random.integers(n_labels, size=n)
        texts = [f"l{code if random.random() < 0.6 else other}" for code, other in zip(codes, others, strict=True)]
        labels = ["abc"[code] for code in codes]
    return [
        " ".join([text, *(f"w{word}" for word in random.integers(12, size=3)), f"t{row}"])
        for row, text in enumerate(texts)
    ], labels


def numbers(array: Any) -> list[float]:
    return [float(f"{value:.9g}") for value in np.ravel(array)]


def fitted(problem: dict[str, Any]) -> dict[str, Any]:
    """What the estimator finds, as JSON values."""
    options = dict(problem)
    texts, labels = made(options.pop("n_labels"))
    encoder = FakeEncoder(features=options.pop("features", "mean@all"), hidden_size=4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SentenceClassifier(encoder, **options).fit(texts, labels)
    found: dict[str, Any] = {
        "told": [str(one.message) for one in caught],
        "C": numbers(model.C_),
        "coef": numbers(model.coef_[:, :6]),
        "size": numbers(np.linalg.norm(model.coef_, axis=1)),
        "intercept": numbers(model.intercept_),
        "probabilities": numbers(model.predict_proba(texts[:5])),
        "answers": [list(answer) if isinstance(answer, tuple) else answer for answer in model.predict(texts[:20])],
        "score": model.score(texts, labels),
        "thresholds": None if model.head_.rule is None else numbers(model.head_.rule.thresholds),
        "answer_from": None if model.head_.rule is None else numbers(model.head_.rule.answer_from),
    }
    if model.calibration_ is not None:
        fit = model.calibration_
        knots = () if fit.calibration is None else fit.calibration.knots
        found["calibration"] = [fit.asked, fit.way, fit.why, fit.n]
        found["temperature"] = None if fit.calibration is None else numbers(fit.calibration.temperature)
        found["knots"] = [numbers(own) for own in knots]
        found["tried"] = {one.way: numbers([one.log_loss, one.gain, one.gain_error]) for one in fit.candidates}
        found["held_out"] = numbers(fit.held_out[:5])
    if model.rule_ is not None:
        found["rule"] = [model.rule_.label, np.bincount(held_out_codes(model.rule_) + 1).tolist()]
    if problem["n_labels"] and model.search_ is not None:
        search: Any = model.search_
        found["Cs"] = numbers(search.Cs)
        found["not_searched"] = numbers(search.not_searched)
        found["scores"] = numbers(search.scores[:, 0])
        found["search"] = [search.rule, search.scoring, search.solver.tasks, list(search.warnings)]
    return found


def assert_like(found: Any, expected: Any, where: str) -> None:
    """The same words; numbers to four digits at least, which is what solvers on other processors leave alike."""
    if isinstance(expected, dict):
        assert sorted(found) == sorted(expected), where
        for key, value in expected.items():
            assert_like(found[key], value, f"{where}: {key}")
    elif isinstance(expected, list) and expected and all(isinstance(value, float) for value in expected):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6, nan_ok=True), where
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for own, value in zip(found, expected, strict=True):
            assert_like(own, value, where)
    else:
        assert found == expected, where


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_made_problem_is_solved_as_it_was(name: str) -> None:
    expected = json.loads(EXPECTED.read_text("utf-8"))[name]
    assert_like(json.loads(json.dumps(fitted(PROBLEMS[name]))), expected, name)


if __name__ == "__main__":
    parts = [f" {json.dumps(name)}: {json.dumps(fitted(problem))}" for name, problem in PROBLEMS.items()]
    EXPECTED.write_text("{\n" + ",\n".join(parts) + "\n}\n", "utf-8")
