"""The estimator inside what scikit-learn is composed of: it fits, answers as it does alone, and reads nothing twice."""

import importlib.util
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, learning_curve
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from encoder_fakes import make_checkpoint
from fakes import FakeEncoder
from frostline.classifier import SentenceClassifier
from frostline.encoder.encoder import Encoder
from frostline.errors import UsageError

TEXTS = [f"{word} film {letter}" for letter in "abcdefghijklmnop" for word in ("good", "bad")]
LABELS = [text.split()[0] for text in TEXTS]
SETS = np.array([[label == "good", place % 3 == 0] for place, label in enumerate(LABELS)], dtype=int)
NEW = ["good film q", "bad film r", "a good film"]


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


def classifier(encoder: Any, **chosen: Any) -> SentenceClassifier:
    return SentenceClassifier(encoder=encoder, **{"C": 1.0, **chosen})


def held_out_of(estimator: SentenceClassifier) -> Any:
    assert estimator.calibration_ is not None
    return estimator.calibration_.held_out


def upper(texts: Any) -> list[str]:
    return [text.upper() for text in texts]


def test_in_a_pipeline(encoder: FakeEncoder) -> None:
    """After a step that changes texts; its parameters are reached by name, and it is the classifier that answers."""
    pipeline = Pipeline([("lower", FunctionTransformer(upper)), ("classify", classifier(encoder))]).fit(TEXTS, LABELS)
    alone = classifier(FakeEncoder()).fit(upper(TEXTS), LABELS)
    assert (pipeline.predict_proba(NEW) == alone.predict_proba(upper(NEW))).all()
    assert pipeline.classes_.tolist() == ["bad", "good"]
    assert pipeline.score(TEXTS, LABELS) == alone.score(upper(TEXTS), LABELS)
    pipeline.set_params(classify__C=0.5).fit(TEXTS, LABELS)
    assert pipeline[-1].C_ == 0.5
    search = GridSearchCV(pipeline, {"classify__C": [0.01, 1.0]}, cv=2).fit(TEXTS, LABELS)
    assert search.best_params_["classify__C"] in {0.01, 1.0}


def test_in_a_pipeline_with_several_labels(encoder: FakeEncoder) -> None:
    pipeline = make_pipeline(FunctionTransformer(upper), classifier(encoder)).fit(TEXTS, SETS)
    assert pipeline.predict(NEW).shape == pipeline.predict_proba(NEW).shape == (3, 2)


def test_a_column_of_a_frame_beside_numeric_ones(encoder: FakeEncoder) -> None:
    """A text column goes to the classifier, whose probabilities stand beside scaled numbers."""
    frame = pd.DataFrame({"text": TEXTS, "stars": np.arange(len(TEXTS)), "price": np.linspace(0, 1, len(TEXTS))})
    columns = ColumnTransformer(
        [("text", classifier(encoder, C=None), "text"), ("numbers", StandardScaler(), ["stars", "price"])]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, LABELS)
    names = model[:-1].get_feature_names_out().tolist()
    assert names == ["text__bad", "text__good", "numbers__stars", "numbers__price"]
    alone = classifier(FakeEncoder(), C=None).fit(TEXTS, LABELS)
    assert (model[:-1].transform(frame)[:, :2] == alone.predict_proba(TEXTS)).all()
    assert model.score(frame, LABELS) > 0.5
    assert cross_val_score(model, frame, LABELS, cv=2).shape == (2,)


def test_what_is_learned_from_it_is_what_it_says_of_texts_that_it_did_not_learn_from(encoder: FakeEncoder) -> None:
    """Else whoever learns from its answers would believe it too much."""
    noise = np.random.default_rng(0).permutation(LABELS)
    estimator = classifier(encoder, C=None, Cs=[1e4])
    given = estimator.fit_transform(TEXTS, noise)
    truth = noise == "good"
    assert np.mean((given[:, 1] > 0.5) == truth) < 0.8 < np.mean((estimator.transform(TEXTS)[:, 1] > 0.5) == truth)
    assert (given == held_out_of(estimator)).all()
    weights = np.ones(len(TEXTS))
    weights[[3, 8]] = 0
    kept = [place for place in range(len(TEXTS)) if weights[place]]
    weighed = estimator.fit_transform(TEXTS, LABELS, sample_weight=weights)
    assert (weighed[[3, 8]] == estimator.predict_proba([TEXTS[3], TEXTS[8]])).all()
    assert (weighed[kept] == held_out_of(estimator)).all()
    assert estimator.fit_transform(TEXTS, SETS).shape == (len(TEXTS), 2)
    with pytest.raises(UsageError, match="where C is given or the encoder is tuned none is held out"):
        classifier(encoder).fit_transform(TEXTS, LABELS)


def test_a_column_picked_out_before_it(encoder: FakeEncoder) -> None:
    """`ColumnTransformer` gives a frame of one column; what comes after it takes the column."""
    frame = pd.DataFrame({"text": TEXTS, "stars": np.arange(len(TEXTS))})
    picked = ColumnTransformer([("text", "passthrough", ["text"])])
    model = make_pipeline(picked, FunctionTransformer(np.ravel), classifier(encoder)).fit(frame, LABELS)
    assert (model.predict_proba(frame) == classifier(FakeEncoder()).fit(TEXTS, LABELS).predict_proba(TEXTS)).all()


def test_in_a_stack_beside_another_model_of_the_same_texts(encoder: FakeEncoder) -> None:
    words = make_pipeline(TfidfVectorizer(), LogisticRegression())
    stack = StackingClassifier([("frozen", classifier(encoder)), ("words", words)], cv=2).fit(TEXTS, LABELS)
    assert stack.predict(NEW).tolist()[:2] == ["good", "bad"]
    assert stack.predict_proba(NEW).sum(axis=1) == pytest.approx([1, 1, 1])
    assert stack.named_estimators_["frozen"].classes_.tolist() == [0, 1]
    vote = VotingClassifier([("frozen", classifier(encoder)), ("words", words)], voting="soft").fit(TEXTS, LABELS)
    assert vote.predict(NEW).tolist()[:2] == ["good", "bad"]


def test_calibrated_by_scikit_learn(encoder: FakeEncoder) -> None:
    for ensemble in (True, False):
        calibrated = CalibratedClassifierCV(classifier(encoder), cv=2, ensemble=ensemble).fit(TEXTS, LABELS)
        shares = calibrated.predict_proba(NEW)
        assert shares.sum(axis=1) == pytest.approx([1, 1, 1])
        assert shares[0, 1] > 0.5 > shares[1, 1]
        weights = np.linspace(0.5, 2, len(TEXTS))
        CalibratedClassifierCV(classifier(encoder), cv=2, ensemble=ensemble).fit(TEXTS, LABELS, sample_weight=weights)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_answers_out_of_fold(encoder: FakeEncoder, method: str) -> None:
    found = cross_val_predict(classifier(encoder), TEXTS, LABELS, cv=2, method=method)
    assert len(found) == len(TEXTS)
    assert (np.unique(found).tolist() == ["bad", "good"]) is (method == "predict")
    several = cross_val_predict(classifier(encoder), TEXTS, SETS, cv=2, method="predict")
    assert several.shape == SETS.shape


def test_a_learning_curve(encoder: FakeEncoder) -> None:
    sizes, learned, tested = learning_curve(
        classifier(encoder), TEXTS, LABELS, cv=2, train_sizes=[6, 16], shuffle=True, random_state=0
    )
    assert sizes.tolist() == [6, 16]
    assert learned.shape == tested.shape == (2, 2)
    assert learned.min() == 1.0


def test_nothing_is_read_twice_however_it_is_composed(tmp_path: Path) -> None:
    """A name for the encoder and a folder for the store are all that the folds' classifiers share."""
    name = str(make_checkpoint(tmp_path / "encoder"))
    store = tmp_path / "store"
    estimator = classifier(name, features="mean@all", store=store)
    cross_val_predict(estimator, TEXTS, LABELS, cv=2)
    assert clone(estimator).fit(TEXTS, LABELS).n_read_ == 0
    StackingClassifier([("frozen", estimator)], cv=2).fit(TEXTS, LABELS)
    assert clone(estimator).fit([*TEXTS, *NEW], [*LABELS, "good", "bad", "good"]).n_read_ == len(NEW)


@pytest.mark.slow  # tests/test_classifier.py has the short form
def test_in_processes_of_joblib(tmp_path: Path) -> None:
    """Unfitted it goes there, fitted it comes back: the stack's members are fitted in processes of their own."""
    estimator = classifier(str(make_checkpoint(tmp_path / "encoder")), features="mean@all", store=tmp_path / "store")
    alone = clone(estimator).fit(TEXTS, LABELS)
    with joblib.parallel_config("loky", n_jobs=2):
        scores = cross_val_score(estimator, TEXTS, LABELS, cv=2)
        stack = StackingClassifier([("one", estimator), ("two", clone(estimator))], cv=2).fit(TEXTS, LABELS)
        [shares] = joblib.Parallel()([joblib.delayed(alone.predict_proba)(NEW)])
    assert scores.tolist() == cross_val_score(estimator, TEXTS, LABELS, cv=2).tolist()
    assert stack.predict(NEW).tolist()[:2] == ["good", "bad"]
    assert (shares == alone.predict_proba(NEW)).all()
    joblib.dump(alone, tmp_path / "alone.joblib")
    assert (joblib.load(tmp_path / "alone.joblib").predict_proba(NEW) == alone.predict_proba(NEW)).all()


def test_in_a_union_of_features(encoder: FakeEncoder) -> None:
    union = FeatureUnion([("frozen", classifier(encoder, C=None)), ("words", TfidfVectorizer())])
    assert make_pipeline(union, LogisticRegression()).fit(TEXTS, LABELS).predict(NEW).tolist()[:2] == ["good", "bad"]


def test_what_writes_objects_by_their_state_is_told_what_a_saved_classifier_is(tmp_path: Path) -> None:
    opened = Encoder.open(str(make_checkpoint(tmp_path / "encoder")))
    with pytest.raises(UsageError, match="An encoder has no state that could be written") as caught:
        opened.__getstate__()
    assert "arrays and JSON" in caught.value.hint


@pytest.mark.clients
def test_skops_says_so(tmp_path: Path) -> None:
    if importlib.util.find_spec("skops") is None:
        pytest.skip("skops is not installed")
    import skops.io  # noqa: PLC0415 - not what others test with

    fitted = classifier(str(make_checkpoint(tmp_path / "encoder")), features="mean@all", store=False).fit(TEXTS, LABELS)
    with pytest.raises(UsageError, match="An encoder has no state that could be written"):
        skops.io.dumps(fitted)
