"""`sample_weight` of the estimator: what it refuses, what it leaves out, and how scikit-learn routes it."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from fakes import FakeEncoder
from frostline import SentenceClassifier
from frostline.errors import InputError

TEXTS = [f"{word} {place} {n}" for n in range(10) for word in ("splendid", "dreadful") for place in ("film", "soup")]
LABELS = [int("splendid" in text) ^ int(n % 7 == 0) for n, text in enumerate(TEXTS)]
N = len(TEXTS)
UNEVEN = [1.0 + n % 3 for n in range(N)]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def fitted(labels: Any = LABELS, weights: Any = None, *, texts: Any = TEXTS, C: float | None = 0.1) -> Any:
    return SentenceClassifier(FakeEncoder(), C=C).fit(texts, labels, sample_weight=weights)


@pytest.mark.parametrize("weights", [np.ones(N), [1] * N, np.ones(N, np.float32)])
@pytest.mark.parametrize("C", [0.1, None])
def test_weights_of_one_change_nothing(weights: Any, C: float | None) -> None:
    """Bit for bit."""
    assert np.array_equal(fitted(weights=weights, C=C).coef_, fitted(C=C).coef_)


@pytest.mark.parametrize("C", [0.1, None])
def test_a_text_that_weighs_nothing_is_not_there(C: float | None) -> None:
    """Bit for bit, and not read either; nor is a label that it alone has."""
    texts, labels = [*TEXTS, "neither", "nor"], [*LABELS, 1, 2]
    found = fitted(labels, [*UNEVEN, 0, 0], texts=texts, C=C)
    assert np.array_equal(found.coef_, fitted(weights=UNEVEN, C=C).coef_)
    assert found.classes_.tolist() == [0, 1]
    assert found.n_read_ == N


def test_several_labels_have_weights_too() -> None:
    """Sets drop labels that nobody has; a matrix keeps its columns."""
    sets = [["a"] * label + ["b"] * (n % 2) for n, label in enumerate(LABELS)]
    found = fitted([*sets, ["c"]], [*UNEVEN, 0], texts=[*TEXTS, "other"])
    each = np.repeat(np.arange(N), np.array(UNEVEN, int))
    twice = fitted([sets[row] for row in each], texts=[TEXTS[row] for row in each])
    assert found.classes_.tolist() == ["a", "b"]
    np.testing.assert_allclose(found.predict_proba(TEXTS), twice.predict_proba(TEXTS), rtol=1e-5)
    matrix = np.array([[1, 0, 0]] + [[label, n % 2, 0] for n, label in enumerate(LABELS)])
    with pytest.warns(UserWarning, match="too few rows"):
        of_matrix = SentenceClassifier(FakeEncoder(), Cs=[0.1]).fit(["x", *TEXTS], matrix, sample_weight=[0, *UNEVEN])
    assert of_matrix.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ([1.0] * (N - 1), f"sample_weight must hold one number for each text (got shape ({N - 1},) for {N} texts)."),
        ([[1.0]] * N, f"sample_weight must hold one number for each text (got shape ({N}, 1) for {N} texts)."),
        (2.0, f"sample_weight must hold one number for each text (got shape () for {N} texts)."),
        ([*UNEVEN[:-1], math.nan], f"sample_weight must hold finite numbers from 0 on (item {N - 1} is nan)."),
        ([-1.0, *UNEVEN[1:]], "sample_weight must hold finite numbers from 0 on (item 0 is -1)."),
        ([1.0, math.inf, *UNEVEN[2:]], "sample_weight must hold finite numbers from 0 on (item 1 is inf)."),
        ([0.0] * N, "Some text must have a sample_weight above zero (all are zero)."),
        (["much"] * N, "sample_weight must hold numbers (could not convert string to float: 'much')."),
        (
            [float(label) for label in LABELS],
            "Two classes or more are needed (got one class among texts with a weight above zero).",
        ),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, told: str) -> None:
    with pytest.raises(InputError) as caught:
        fitted(weights=weights)
    assert str(caught.value) == told


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_weights_of_any_size_are_as_a_c_of_that_size(scale: float) -> None:
    """C times the weight is what counts."""
    weights = [scale * own for own in UNEVEN]
    small = SentenceClassifier(FakeEncoder(), C=0.1 / scale).fit(TEXTS, LABELS, sample_weight=weights)
    np.testing.assert_allclose(small.predict_proba(TEXTS), fitted(weights=UNEVEN).predict_proba(TEXTS), rtol=1e-4)


def test_a_pipeline_hands_weights_on() -> None:
    """By the step's name, without any routing."""
    pipe = Pipeline([("same", FunctionTransformer()), ("clf", SentenceClassifier(FakeEncoder(), C=0.1))])
    pipe.fit(np.array(TEXTS), LABELS, clf__sample_weight=UNEVEN)
    assert np.array_equal(pipe[-1].coef_, fitted(weights=UNEVEN).coef_)


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_on_request() -> None:
    """Through a pipeline in a grid search, to the fit of every fold and to the score; and by cross_val_predict."""
    clf = SentenceClassifier(FakeEncoder(), C=0.1).set_fit_request(sample_weight=True)
    pipe = Pipeline([("same", FunctionTransformer()), ("clf", clf.set_score_request(sample_weight=True))])
    grid = GridSearchCV(pipe, {"clf__C": [0.001, 0.1]}, cv=StratifiedKFold(3))
    grid.fit(np.array(TEXTS), LABELS, sample_weight=UNEVEN)
    assert grid.n_splits_ == 3
    best = fitted(weights=UNEVEN, C=grid.best_params_["clf__C"])
    assert np.array_equal(grid.best_estimator_[-1].coef_, best.coef_)
    answers = cross_val_predict(
        clf, np.array(TEXTS), LABELS, cv=StratifiedKFold(3), params={"sample_weight": UNEVEN}, method="predict_proba"
    )
    for train, test in StratifiedKFold(3).split(TEXTS, LABELS):
        own = fitted([LABELS[row] for row in train], np.array(UNEVEN)[train], texts=[TEXTS[row] for row in train])
        assert np.array_equal(answers[test], own.predict_proba([TEXTS[row] for row in test]))


@pytest.mark.usefixtures("routing")
def test_weights_that_nobody_asked_for_are_an_error() -> None:
    """scikit-learn's own: silence would leave them out."""
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
        cross_val_predict(SentenceClassifier(FakeEncoder()), TEXTS, LABELS, params={"sample_weight": UNEVEN})


def test_texts_have_no_columns() -> None:
    """So there are no `n_features_in_` and no names of them; answers are never a frame."""
    pipe = Pipeline([("clf", SentenceClassifier(FakeEncoder(), C=0.1))]).set_output(transform="pandas")
    assert isinstance(pipe.fit(TEXTS, LABELS).predict(TEXTS), np.ndarray)
    assert not any(hasattr(pipe[-1], name) for name in ("n_features_in_", "feature_names_in_"))


def test_what_it_transforms_to_is_a_frame_where_that_is_asked_for() -> None:
    """A column for each label."""
    classifier = SentenceClassifier(FakeEncoder(), Cs=[0.1]).set_output(transform="pandas")
    out_of_fold = classifier.fit_transform(TEXTS, LABELS)
    found = classifier.transform(TEXTS)
    assert out_of_fold.columns.tolist() == found.columns.tolist() == [str(label) for label in sorted(set(LABELS))]
    assert np.array_equal(found.to_numpy(), classifier.predict_proba(TEXTS))
