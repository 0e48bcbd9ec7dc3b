"""`SentenceClassifier` keeps scikit-learn's contract, and reads no sentence twice."""

import json
import pickle
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import frostline
from fakes import FakeEncoder
from frostline import FeatureStore, FrostlineError, SentenceClassifier, StoredEncoder
from frostline.artifact import load_artifact
from frostline.artifact.model import open_model
from frostline.errors import ArtifactCorrupt, InputError, MissingInputError, TextTypeError, UsageError
from frostline.head.search import Search
from over_numbers import OverNumbers

TEXTS = [f"{word} {place} {n}" for n in range(10) for word in ("splendid", "dreadful") for place in ("film", "soup")]
LABELS = [int("splendid" in text) for text in TEXTS]

NOT_FOR_TEXT = {
    "check_n_features_in": "texts have no columns to count",
    "check_n_features_in_after_fitting": "texts have no columns to count",
    "check_complex_data": "a complex number is refused as not being text, in other words than the check looks for",
    "check_dtype_object": "an object array of numbers is no text",
    "check_estimators_empty_data_messages": "a matrix without columns spells empty texts, which are texts",
    "check_estimators_nan_inf": "the adapter spells NaN as a word; NaN among texts is refused by its own test",
    "check_sample_weight_equivalence_on_dense_data": "equal to 1e-5, as near as regressions are solved; it asks 1e-7",
    "check_fit_score_takes_y": "fit_transform refuses a C that is given, as here: nothing is held out",
    "check_pipeline_consistency": "likewise",
    "check_transformer_data_not_an_array": "likewise; and of what it learned from it says what other heads say",
    "check_transformer_general": "likewise",
    "check_fit2d_predict1d": "one dimension is what texts have",
    "check_estimator_sparse_matrix": "a sparse matrix is refused as not being text, in other words",
    "check_estimator_sparse_array": "likewise",
    "check_classifiers_multilabel_representation_invariance": "a list of lists is a list of label sets here, no matrix",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def remembering(encoder: FakeEncoder, tmp_path: Path) -> StoredEncoder:
    return StoredEncoder(encoder, FeatureStore.open(tmp_path / "store"))


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # inside the checks themselves
def test_the_checks_of_scikit_learn_that_make_sense_for_text_pass() -> None:
    """Over texts that spell the checks' numbers; every check that fails is listed above with its reason."""
    results = check_estimator(OverNumbers(C=1.0), on_fail=None, on_skip=None)
    failed = {result["check_name"] for result in results if result["status"] == "failed"}
    assert failed == set(NOT_FOR_TEXT)
    assert sum(result["status"] == "passed" for result in results) >= 45


def test_it_predicts_in_the_labels_own_type(encoder: FakeEncoder) -> None:
    """Strings stay strings, numbers numbers; `classes_` is sorted; probabilities sum to one."""
    kinds: list[tuple[Any, type]] = [(LABELS, np.integer), ([str(label) for label in LABELS], str)]
    for labels, kind in kinds:
        clf = SentenceClassifier(encoder, C=1.0).fit(TEXTS, labels)
        assert isinstance(clf.predict(["splendid soup"])[0], kind)
        assert clf.classes_.tolist() == sorted(set(labels))
        assert clf.score(TEXTS, labels) == 1.0
        np.testing.assert_allclose(clf.predict_proba(TEXTS).sum(axis=1), 1)
        assert clf.decision_function(TEXTS).shape == (len(TEXTS),)


def test_it_tells_several_classes_apart(encoder: FakeEncoder) -> None:
    """One row of coefficients per class."""
    texts = [f"{word} thing {n}" for n in range(8) for word in ("red", "green", "blue")]
    labels = [text.split()[0] for text in texts]
    clf = SentenceClassifier(encoder, Cs=[0.1, 1.0], n_folds=3).fit(texts, labels)
    assert clf.classes_.tolist() == ["blue", "green", "red"]
    assert clf.coef_.shape == (3, 48)
    assert clf.decision_function(texts).shape == (24, 3)
    assert clf.predict(["a red thing"]).tolist() == ["red"]
    assert clf.search_ is not None
    assert clf.C_ in {0.1, 1.0}


@pytest.mark.parametrize("container", [list, tuple, np.array, pd.Series, pl.Series, lambda x: np.array(x, object)])
def test_it_takes_any_sequence_of_texts(encoder: FakeEncoder, container: Any) -> None:
    """Lists, tuples, numpy arrays, pandas and polars Series give the same answer."""
    expected = SentenceClassifier(encoder, C=1.0).fit(TEXTS, LABELS).predict_proba(TEXTS)
    clf = SentenceClassifier(encoder, C=1.0).fit(container(TEXTS), container(LABELS))
    np.testing.assert_array_equal(clf.predict_proba(container(TEXTS)), expected)


def test_cross_validation_reads_each_sentence_once(encoder: FakeEncoder, remembering: StoredEncoder) -> None:
    """Every fold fits and predicts; the encoder sees a text the first time only."""
    scores = cross_val_score(SentenceClassifier(remembering, C=1.0), TEXTS, LABELS, cv=4)
    assert scores.mean() == 1.0
    assert sorted(encoder.read) == sorted(TEXTS)


def test_a_grid_search_reads_each_sentence_once(encoder: FakeEncoder, remembering: StoredEncoder) -> None:
    """Over C, through a pipeline."""
    steps = [("same", FunctionTransformer(lambda texts: texts)), ("clf", SentenceClassifier(remembering))]
    grid = GridSearchCV(Pipeline(steps), {"clf__C": [0.01, 1.0], "clf__standardise": [True, False]}, cv=3)
    grid.fit(np.array(TEXTS), LABELS)
    assert grid.best_score_ == 1.0
    assert sorted(encoder.read) == sorted(TEXTS)


def test_worker_processes_share_what_was_read() -> None:
    """`n_jobs=2` with the real encoder: it is opened anew in each process, and its rows come from the store."""
    clf = SentenceClassifier(C=0.01).fit(TEXTS, LABELS)
    assert clf.n_read_ == len(TEXTS)
    assert cross_val_score(clone(clf), TEXTS, LABELS, cv=2, n_jobs=2).mean() == 1.0
    assert SentenceClassifier(C=0.01).fit(TEXTS, LABELS).n_read_ == 0


def test_a_clone_is_unfitted_and_has_the_same_parameters(encoder: FakeEncoder) -> None:
    """scikit-learn's clone, get_params, set_params."""
    clf = SentenceClassifier(encoder, C=1.0, features="cls@-1").fit(TEXTS, LABELS)
    copy = clone(clf)
    assert copy.get_params() == clf.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(TEXTS)
    assert clone(clf).set_params(C=2.0).C == 2.0
    assert "C=1.0" in repr(clf)


def test_a_fitted_classifier_survives_pickling_as_joblib_does_it() -> None:
    """For worker processes only; saving is `save`."""
    clf = SentenceClassifier(C=0.01).fit(TEXTS, LABELS)
    again = pickle.loads(pickle.dumps(clf))  # noqa: S301 - what joblib does between processes
    np.testing.assert_array_equal(again.predict_proba(TEXTS), clf.predict_proba(TEXTS))


def test_saving_and_loading_gives_the_same_answers(tmp_path: Path) -> None:
    """An artifact folder of arrays and JSON; overwriting must be asked for."""
    clf = SentenceClassifier(C=0.01, features="mean@-1").fit(TEXTS, [str(label) for label in LABELS])
    clf.save(tmp_path / "model")
    again = SentenceClassifier.load(tmp_path / "model")
    np.testing.assert_allclose(again.predict_proba(TEXTS), clf.predict_proba(TEXTS), atol=1e-6)
    assert again.classes_.tolist() == ["0", "1"]
    assert again.get_params()["features"] == "mean@-1"
    with pytest.raises(FrostlineError, match="exists"):
        clf.save(tmp_path / "model")
    clf.save(tmp_path / "model", overwrite=True)
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text("utf-8"))
    assert manifest["labels"] == ["0", "1"]
    assert manifest["choice"].pop("parameters")["C"] == 0.01
    assert manifest["choice"] == {"C": 0.01}
    assert manifest["data"]["rows"] == len(TEXTS)
    again.save(tmp_path / "copy")
    assert SentenceClassifier.load(tmp_path / "copy").predict(TEXTS).tolist() == clf.predict(TEXTS).tolist()


def test_loading_a_damaged_artifact_is_one_error(tmp_path: Path) -> None:
    """Typed, and with no partial model."""
    with pytest.raises(MissingInputError):
        SentenceClassifier.load(tmp_path / "nothing")
    clf = SentenceClassifier(C=0.01, features="cls@-1").fit(TEXTS, LABELS)
    clf.save(tmp_path / "model")
    head = tmp_path / "model" / "head.safetensors"
    head.write_bytes(head.read_bytes()[:-1])
    with pytest.raises(ArtifactCorrupt):
        SentenceClassifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("texts", "labels", "error", "words"),
    [
        ("a lone sentence", [1], TextTypeError, "list"),
        (["fine", None, "fine"], [0, 1, 0], TextTypeError, "item 1"),
        (["fine", float("nan")], [0, 1], TextTypeError, "item 1"),
        (["fine", 7], [0, 1], TextTypeError, "item 1"),
        (["fine", ["nested"]], [0, 1], TextTypeError, "item 1"),
        (["a", "b"], [0], InputError, "2 texts and 1 labels"),
        ([], [], InputError, "none"),
        (["a", "b"], ["same", "same"], InputError, "'same'"),
        (["a", "b"], [0, None], InputError, "item 1 of y is None"),
        (["a", "b"] * 2, [1, "1", 0, "0"], TextTypeError, "one type .*int, str"),
        (["a", "b"] * 2, ["x", "y", "x", float("nan")], InputError, "item 3 of y is nan"),
        (["a", "b", "c"], [0, 0, 1], InputError, "at least 2 texts of every class"),
        (["same"] * 10, [0, 1] * 5, InputError, "belong together counted once"),
    ],
    ids=[
        "lone str",
        "None",
        "NaN",
        "number",
        "list",
        "lengths",
        "nothing",
        "one class",
        "None label",
        "1 and its word",
        "NaN label",
        "lone class",
        "equal",
    ],
)
def test_bad_input_is_one_clear_error(
    encoder: FakeEncoder, texts: Any, labels: Any, error: type[Exception], words: str
) -> None:
    """What, where; nothing is read where the fault can be seen before."""
    with pytest.raises(error, match=words):
        SentenceClassifier(encoder).fit(texts, labels)


def test_labels_may_be_strings_of_any_make(encoder: FakeEncoder) -> None:
    """A list that mixes str with numpy's own strings is one type of label."""
    labels = [np.str_("x"), "y"] * 5
    assert SentenceClassifier(encoder, C=1.0).fit(list("abcdefghij"), labels).classes_.tolist() == ["x", "y"]


def test_too_few_texts_for_the_folds_lowers_them_with_a_warning(encoder: FakeEncoder) -> None:
    """The class is named."""
    texts, labels = [*TEXTS, "so so", "neither nor", "meh"], [*map(str, LABELS), *["mixed"] * 3]
    with pytest.warns(UserWarning, match="3 folds instead of 5: class 'mixed' has 3 texts"):
        clf = SentenceClassifier(encoder).fit(texts, labels)
    assert isinstance(clf.search_, Search)
    assert clf.search_.scores[:, 0].shape[1] == 3


@pytest.mark.parametrize(
    ("parameters", "word"),
    [({"C": -1.0}, "C"), ({"scoring": "acuracy"}, "accuracy"), ({"n_folds": 1}, "n_folds"), ({"Cs": []}, "C")],
)
def test_a_parameter_that_cannot_be_is_refused_by_fit(
    encoder: FakeEncoder, parameters: dict[str, Any], word: str
) -> None:
    """The constructor only stores."""
    clf = SentenceClassifier(encoder, **parameters)
    with pytest.raises(UsageError, match=word):
        clf.fit(TEXTS, LABELS)


def test_the_search_can_prefer_a_smaller_c_within_one_standard_error(encoder: FakeEncoder) -> None:
    """The rule is recorded; the chosen C is no larger than the best one."""
    noisy = [label if n % 5 else 1 - label for n, label in enumerate(LABELS)]
    best = SentenceClassifier(encoder).fit(TEXTS, noisy)
    careful = SentenceClassifier(encoder, one_standard_error=True).fit(TEXTS, noisy)
    assert careful.C_ <= best.C_
    assert careful.search_ is not None
    assert careful.search_.rule == "one standard error"


def test_class_weights_move_the_decision(encoder: FakeEncoder) -> None:
    """As scikit-learn's: a heavier class is predicted more readily."""
    plain = SentenceClassifier(encoder, C=0.001).fit(TEXTS, LABELS)
    heavy = SentenceClassifier(encoder, C=0.001, class_weight={0: 1.0, 1: 50.0}).fit(TEXTS, LABELS)
    assert (heavy.predict_proba(TEXTS)[:, 1] > plain.predict_proba(TEXTS)[:, 1]).all()


def test_the_public_names_are_these() -> None:
    """Each can be had from the package itself, and only these are promised."""
    assert sorted(frostline.__all__) == sorted(
        [
            "CascadeOptions",
            "Encoder",
            "FeatureSpec",
            "FeatureStore",
            "FineTune",
            "FrostlineError",
            "SentenceClassifier",
            "StoredEncoder",
            "TrainingOptions",
            "__version__",
            "explain",
            "load_artifact",
            "load_neighbours",
            "open_model",
            "together_of",
            "train",
        ]
    )
    for name in frostline.__all__:
        assert getattr(frostline, name) is not None
    with pytest.raises(AttributeError):
        frostline.nothing  # noqa: B018 - the look-up is the test


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_a_data_frame_is_no_list_of_texts(kind: type[Any]) -> None:
    """Gone through item by item it would give the names of its columns: one answer for all its rows."""
    frame = kind({"text": TEXTS})
    classifier = SentenceClassifier(encoder=FakeEncoder(), C=1.0).fit(frame["text"], LABELS)
    assert len(classifier.predict(frame["text"])) == len(TEXTS)
    with pytest.raises(TextTypeError, match=r"got a DataFrame with the columns 'text'") as caught:
        classifier.predict(frame)
    assert caught.value.hint == "Pass the column that holds the texts, such as frame['text']."
    with pytest.raises(TextTypeError, match="DataFrame with the columns"):
        SentenceClassifier(encoder=FakeEncoder(), C=1.0).fit(frame, LABELS)
    with pytest.raises(TextTypeError, match="got a set"):
        classifier.predict(set(TEXTS))  # type: ignore[arg-type] # what a caller may do


@pytest.mark.parametrize(("learned", "asked"), [(str, int), (int, str)])
def test_labels_of_another_type_are_refused_not_counted_as_wrong(learned: type[Any], asked: type[Any]) -> None:
    """Trained from a file of 0 and 1, scored with numbers: 0.0 would say that nothing was right."""
    classifier = SentenceClassifier(encoder=FakeEncoder(), C=1.0).fit(TEXTS, [learned(label) for label in LABELS])
    assert classifier.score(TEXTS, np.array([learned(label) for label in LABELS])) == 1.0
    with pytest.raises(InputError, match=rf"are {learned.__name__} \(got .*{asked.__name__}\)"):
        classifier.score(TEXTS, [asked(label) for label in LABELS])


def test_what_cannot_be_had_is_refused_before_a_text_is_read() -> None:
    """Reading may take hours: labels of another type, a scorer that there is not, a promise without folds."""
    fitted = SentenceClassifier(encoder=FakeEncoder(), C=1.0).fit(TEXTS, LABELS)

    class Reading(FakeEncoder):
        def encode(self, *_: Any, **__: Any) -> Any:
            pytest.fail("a text was read")

    fitted.encoder_ = Reading()
    with pytest.raises(InputError, match="must be of the type that the classifier learned"):
        fitted.score(TEXTS, [str(label) for label in LABELS])
    for error, parameters in (
        (UsageError, {"scoring": lambda *_: 1.0}),
        (UsageError, {"scoring": "no such scorer"}),
        (UsageError, {"C": 1.0, "thresholds": "f1"}),
        (UsageError, {"C": 1.0, "abstain_precision": 0.9}),
        (UsageError, {"threshold_for": "accuracy=0.9"}),
    ):
        with pytest.raises(error):
            SentenceClassifier(encoder=Reading(), **parameters).fit(TEXTS, LABELS)


@pytest.mark.parametrize("kind", [str, int])
@pytest.mark.parametrize(
    "shape", [lambda y: np.array(y).reshape(-1, 1), lambda y: pd.DataFrame({"y": y}), lambda y: pl.DataFrame({"y": y})]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_a_column_of_labels_is_scored_as_it_is_fitted(kind: type[Any], shape: Any) -> None:
    """Not by the names of a frame's columns, nor row by row as arrays of one."""
    given = [kind(label) for label in LABELS]
    classifier = SentenceClassifier(encoder=FakeEncoder(), C=1.0).fit(TEXTS, shape(given))
    assert classifier.score(TEXTS, shape(given)) == 1.0


@pytest.mark.parametrize(
    ("y", "told"),
    [
        ([*LABELS[:-1], None], f"item {len(LABELS) - 1} of y is None"),
        (LABELS[:-1], rf"one label per text \(got {len(LABELS)} texts and {len(LABELS) - 1} labels\)"),
        (None, "the target y is None"),
    ],
)
def test_a_score_over_labels_that_are_not_there_is_refused(y: Any, told: str) -> None:
    classifier = SentenceClassifier(encoder=FakeEncoder(), C=1.0).fit(TEXTS, LABELS)
    with pytest.raises(InputError, match=told):
        classifier.score(TEXTS, y)


def test_words_alone_are_loaded_with_the_parameters_they_had(tmp_path: Path) -> None:
    fitted = SentenceClassifier(features="words", C=1.0).fit(TEXTS, LABELS)
    fitted.save(tmp_path / "model")
    loaded = SentenceClassifier.load(tmp_path / "model")
    assert loaded.get_params() == fitted.get_params()
    assert clone(loaded).fit(TEXTS, LABELS).score(TEXTS, LABELS) == 1.0


WORDS = ("red", "blue", "green", "dog")


def made(n: int = 160) -> tuple[list[str], list[tuple[str, ...]]]:
    """Texts that say which labels they have."""
    members = np.random.RandomState(0).rand(n, 4) < [0.4, 0.3, 0.2, 0.1]
    sets = [tuple(word for word, has in zip(WORDS, row, strict=True) if has) for row in members]
    return [f"it is {' and '.join(own)} number{row}" for row, own in enumerate(sets)], sets


def test_the_estimator_takes_sets_and_answers_tuples() -> None:
    texts, sets = made()
    classifier = SentenceClassifier(FakeEncoder(), Cs=[0.1, 1.0], n_folds=3).fit(texts, sets)
    assert classifier.classes_.tolist() == sorted(WORDS)
    assert classifier.score(texts, sets) > 0.9
    assert isinstance(classifier.predict(texts[:2])[0], tuple)
    assert classifier.predict_proba(texts).shape == classifier.decision_function(texts).shape == (160, 4)
    assert np.shape(classifier.C_) == (4,)
    with pytest.raises(InputError, match="knows"):
        classifier.score(["a"], [["cat"]])
    with pytest.raises(InputError, match="set of labels"):
        classifier.score(["a"], ["dog"])


def test_accuracy_of_several_labels_is_refused_by_the_estimator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for, it is no log loss; what 0.1.0 saved under that name was one, and is loaded as the default."""
    texts, sets = made()
    refused = SentenceClassifier(FakeEncoder(), Cs=[0.1], scoring="accuracy")
    with pytest.raises(UsageError, match=r"several labels, C is chosen by neg_log_loss, .* \(got 'accuracy'\)"):
        refused.fit(texts, sets)
    classifier = SentenceClassifier(FakeEncoder(), Cs=[0.1], n_folds=3).fit(texts, sets)
    classifier.scoring = "accuracy"
    classifier.save(tmp_path / "model")
    opened = open_model(tmp_path / "model", open_encoder=lambda *_, **__: FakeEncoder())
    monkeypatch.setattr("frostline.classifier.open_model", lambda *_, **__: opened)
    assert SentenceClassifier.load(tmp_path / "model").scoring is None


def test_the_estimator_takes_a_matrix_and_answers_one(tmp_path: Path) -> None:
    """Also after it was saved, and in scikit-learn's cross-validation."""
    texts, sets = made()
    matrix = np.array([[word in own for word in WORDS] for own in sets]).astype(int)
    classifier = SentenceClassifier(FakeEncoder(), C=1.0).fit(texts, matrix)
    assert classifier.predict(texts).shape == matrix.shape
    assert classifier.score(texts, matrix) == (classifier.predict(texts) == matrix).all(axis=1).mean() > 0.9
    assert (
        cross_val_score(SentenceClassifier(FakeEncoder(), C=1.0), texts, matrix, scoring="f1_micro", cv=3).min() > 0.7
    )
    classifier.save(tmp_path / "model")
    assert load_artifact(tmp_path / "model").manifest.choice["is_indicator"] is True


@pytest.mark.parametrize("option", [{"calibrate": "isotonic"}, {"abstain_precision": 0.9}, {"thresholds": "f1"}])
def test_what_needs_rows_held_out_is_refused_where_c_is_given(option: dict[str, Any]) -> None:
    texts, sets = made(40)
    with pytest.raises(UsageError, match="so there is none"):
        SentenceClassifier(FakeEncoder(), C=1.0, **option).fit(texts, sets)


def test_a_classifier_that_may_be_silent_gives_no_set_where_it_is_not_sure() -> None:
    """`predict` has None there, or NaN where `y` was a matrix; `score` counts it as not right."""
    texts, sets = made()
    clf = SentenceClassifier(FakeEncoder(hidden_size=4), Cs=[0.01], abstain_precision=0.8).fit(texts, sets)
    answers = clf.predict(texts).tolist()
    silent = [answer is None for answer in answers]
    assert 0 < sum(silent) < len(texts)
    right = [answer == tuple(sorted(own)) for answer, own in zip(answers, sets, strict=True)]
    assert clf.score(texts, sets) == pytest.approx(np.mean(right))
    assert np.mean(right) >= 0.8 * (1 - np.mean(silent))
    matrix = np.array([[label in own for label in sorted(WORDS)] for own in sets])
    again = SentenceClassifier(FakeEncoder(hidden_size=4), Cs=[0.01], abstain_precision=0.8).fit(texts, matrix)
    given = again.predict(texts)
    assert np.isnan(given).all(axis=1).tolist() == silent
    assert given[~np.array(silent)].tolist() == [
        [float(label in answer) for label in sorted(WORDS)] for answer in answers if answer is not None
    ]
    # scikit-learn's scores refuse it, instead of counting silence as "none of the labels"
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="NaN"):
        f1_score(matrix, given, average="micro")


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ({"class_weight": "balanced"}, "best log loss of each label"),
        ({"scoring": "average_precision"}, "best average precision of each label"),
        ({"scoring": "f1_micro"}, "best micro F1 of all labels"),
    ],
)
def test_options_of_the_search_reach_it(option: dict[str, Any], rule: str) -> None:
    texts, sets = made(60)
    clf = SentenceClassifier(FakeEncoder(), Cs=[0.1, 1.0], n_folds=3, **option).fit(texts, sets)
    plain = SentenceClassifier(FakeEncoder(), Cs=[0.1, 1.0], n_folds=3).fit(texts, sets)
    assert clf.search_ is not None
    assert clf.search_.rule == rule
    assert np.shape(clf.C_) == (4,)
    if "class_weight" in option:
        assert (clf.intercept_ > plain.intercept_).all()  # rows with a label are fewer than rows without it


@pytest.mark.parametrize(
    "parameters",
    [
        {"C": 2.0, "class_weight": {0: 1.0, 1: 3.0}, "standardise": False, "calibrate": "none"},
        {"Cs": [0.1, 1.0], "n_folds": 3, "scoring": "f1_macro", "random_state": 7, "one_standard_error": True},
        {"Cs": [1.0], "class_weight": "balanced", "threshold_for": "recall=0.6", "threshold_label": 1, "threads": 2},
        {"Cs": [1.0], "thresholds": "f1", "features": "mean@-1", "max_length": 20},
    ],
    ids=" ".join,
)
def test_loading_gives_back_every_parameter(
    encoder: FakeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, Any]
) -> None:
    """But the encoder, which is known by its name then, and where it keeps what it read."""
    fitted = SentenceClassifier(encoder, **parameters).fit(TEXTS, LABELS)
    fitted.save(tmp_path / "model")
    opened = open_model(tmp_path / "model", open_encoder=lambda *_, **__: encoder)
    monkeypatch.setattr("frostline.classifier.open_model", lambda *_, **__: opened)
    loaded = SentenceClassifier.load(tmp_path / "model").get_params()
    before = fitted.get_params()
    for name in ("encoder", "store"):
        del loaded[name], before[name]
    assert loaded == before
    assert {name: type(value) for name, value in loaded.items()} == {name: type(v) for name, v in before.items()}


@pytest.mark.parametrize(
    "kept", [{"class_weight": {}}, {"class_weight": {"pairs": [[1]]}}, {"Cs": {"pairs": 3}}], ids=str
)
def test_forged_parameters_are_one_error(
    encoder: FakeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]
) -> None:
    """And a name that is no parameter is passed over."""
    SentenceClassifier(encoder, C=1.0).fit(TEXTS, LABELS).save(tmp_path / "model")
    opened = open_model(tmp_path / "model", open_encoder=lambda *_, **__: encoder)
    monkeypatch.setattr("frostline.classifier.open_model", lambda *_, **__: opened)
    opened.manifest.choice["parameters"].update({"no_such": 1})
    assert SentenceClassifier.load(tmp_path / "model").C == 1.0
    opened.manifest.choice["parameters"].update(kept)
    with pytest.raises(ArtifactCorrupt, match=rf"choice\.parameters\.{next(iter(kept))} must hold pairs"):
        SentenceClassifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("y", "place", "shown"),
    [
        (["a", "b", None, "b"], 2, "None"),
        (np.array(["a", "b", "a", np.nan], dtype=object), 3, "nan"),
        ([0.0, float("nan"), 1.0, 0.0], 1, "nan"),
        (pd.Series([1, 2, None, 1], dtype="Int64"), 2, "nan"),
        (pd.Series([None, "a", "b", "a"], dtype="string"), 0, "nan"),
        (pd.Series(["a", "b", "a", None], dtype="category"), 3, "nan"),
        ([pd.NaT, "a", "b", "a"], 0, "NaT"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error")
def test_a_missing_label_is_named_by_its_place(encoder: FakeEncoder, y: Any, place: int, shown: str) -> None:
    with pytest.raises(InputError) as caught:
        SentenceClassifier(encoder, C=1.0).fit(["w", "x", "y", "z"], y)
    said = caught.value.message.replace("<NA>", "nan")
    assert said == f"Each text must have a label (item {place} of y is {shown})."


@pytest.mark.parametrize(
    ("y", "error", "said"),
    [
        ([0.5, 1.0, 1.0, 0.0], InputError, "Unknown label type: continuous"),
        ([b"a", b"b", b"a", b"b"], TextTypeError, "bytes"),
        (["a", 1, "a", 1], TextTypeError, "Labels must all be of one type"),
    ],
)
def test_labels_that_are_none_are_one_error_of_ours(
    encoder: FakeEncoder, y: list[Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        SentenceClassifier(encoder, C=1.0).fit(["w", "x", "y", "z"], y)


def test_a_column_of_labels_is_taken_with_scikit_learns_warning(encoder: FakeEncoder) -> None:
    """As its own classifiers take it."""
    with pytest.warns(DataConversionWarning):
        column = SentenceClassifier(encoder, C=1.0).fit(TEXTS, np.array(LABELS)[:, None])
    np.testing.assert_array_equal(column.coef_, SentenceClassifier(encoder, C=1.0).fit(TEXTS, LABELS).coef_)


def test_a_scorer_object_is_refused_with_where_it_belongs(encoder: FakeEncoder) -> None:
    with pytest.raises(UsageError, match=r"scoring must be the name of a scorer .* goes to GridSearchCV over C"):
        SentenceClassifier(encoder, scoring=make_scorer(f1_score)).fit(TEXTS, LABELS)


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (np.ma.array(LABELS, mask=[*[False] * 39, True]), "Each text must have a label (item 39 of y is masked)."),
        (
            [np.datetime64("2020-01-01") + label for label in LABELS],
            "Labels must be str, int or bool (got datetime64[D]).",
        ),
        ([np.timedelta64(label, "D") for label in LABELS], "Labels must be str, int or bool (got timedelta64[D])."),
        ([label * 1j for label in LABELS], "Labels must be str, int or bool (got complex128)."),
        (np.array(LABELS, dtype=np.uint64) + np.uint64(2**63), "(item 0 of y is '9223372036854775809')."),
        ([10**30 * label for label in LABELS], "(item 0 of y is '1000000000000000000000000000000')."),
        ([-(2**63) - label for label in LABELS], "(item 0 of y is '-9223372036854775809')."),
        (["ab"[label] + "\ud800" * label for label in LABELS], "(item 0 of y holds a lone surrogate: 'b\\ud800')."),
        ([[f"{label}\ud800"] for label in LABELS], "(item 0 of y holds a lone surrogate: '1\\ud800')."),
        ([[2**63 * label] for label in LABELS], "(item 0 of y is '9223372036854775808')."),
        (
            np.ma.array(np.eye(40, 3), mask=np.eye(40, 3, -2, dtype=bool)),
            "Each text must have a label (item 2 of y is masked).",
        ),
    ],
    ids=["masked", "dates", "times", "complex", "unsigned", "digits", "low", "text", "sets of text", "sets", "matrix"],
)
def test_labels_that_nothing_can_keep_are_refused_before_a_text_is_read(
    encoder: FakeEncoder, y: Any, says: str
) -> None:
    """They were rounded to floats, taken from beneath a mask, or thrown a finished training away."""
    with pytest.raises(InputError) as caught:
        SentenceClassifier(encoder=encoder, C=1.0, store=False).fit(TEXTS, y)
    assert says in caught.value.message
    assert encoder.read == []


@pytest.mark.parametrize("lists", [["['a', 'b']", "['a']"], ["[1, 5]", "[2]"], ['["a"]', "[]"], ["{'a'}", "set()"]])
def test_lists_written_out_as_strings_are_refused(encoder: FakeEncoder, lists: list[str]) -> None:
    """As pandas reads a column of lists from a CSV: each became a class of its own, in silence."""
    with pytest.raises(InputError) as caught:
        SentenceClassifier(encoder=encoder, C=1.0, store=False).fit(TEXTS, [lists[label] for label in LABELS])
    assert caught.value.message.startswith("The labels are lists written out as strings (such as ")
    assert "ast.literal_eval" in str(caught.value.hint)
    assert encoder.read == []
    for names in (["[a]", "[b]"], [lists[0], "b"], ["[1]", "[2]"]):
        classes = names if names[0] != lists[0] else [*names, "c"]
        y = [classes[row % len(classes)] for row in range(len(LABELS))]
        assert len(SentenceClassifier(encoder=encoder, C=1.0, store=False).fit(TEXTS, y).classes_) == len(classes)


def test_the_widest_whole_numbers_are_labels(encoder: FakeEncoder) -> None:
    y = [2**63 - 1 if label else -(2**63) for label in LABELS]
    found = SentenceClassifier(encoder=encoder, C=1.0, store=False).fit(TEXTS, y)
    assert found.classes_.tolist() == [-(2**63), 2**63 - 1]
    assert found.predict(TEXTS).tolist() == y


@pytest.mark.parametrize("made", [pa.array, lambda values: pa.chunked_array([values])], ids=["array", "chunked"])
def test_columns_of_pyarrow_are_texts_and_labels(encoder: FakeEncoder, made: Any) -> None:
    words = ["no" if label == 0 else "yes" for label in LABELS]
    found = SentenceClassifier(encoder=encoder, C=1.0, store=False).fit(made(TEXTS), made(words))
    assert found.predict(made(TEXTS[:4])).tolist() == words[:4]
    assert found.score(made(TEXTS), made(words)) == 1.0
    sets = SentenceClassifier(encoder=encoder, C=1.0, store=False).fit(made(TEXTS), made([[word] for word in words]))
    assert sets.predict(TEXTS[:1]).tolist() == [("yes",)]
    with pytest.raises(TextTypeError, match=r"a Table with the columns 'text'"):
        found.predict(pa.table({"text": TEXTS}))


def test_numpy_s_own_strings_are_labels(encoder: FakeEncoder) -> None:
    words = np.array(["no" if label == 0 else "yes" for label in LABELS], dtype=np.dtypes.StringDType())
    found = SentenceClassifier(encoder=encoder, C=1.0, store=False).fit(TEXTS, words)
    assert found.predict(TEXTS[:4]).tolist() == words[:4].tolist()


def test_labels_with_a_point_are_classes_and_saved_otherwise(encoder: FakeEncoder, tmp_path: Path) -> None:
    found = SentenceClassifier(encoder=encoder, C=1.0, store=False).fit(TEXTS, [5.0 * label for label in LABELS])
    assert found.predict(TEXTS[:1]).tolist() == [5.0 * LABELS[0]]
    with pytest.raises(InputError) as caught:
        found.save(tmp_path / "m")
    assert caught.value.message == "Labels are saved as str, int or bool (these are float: '0.0')."
    assert caught.value.hint == "Fit with y.astype(int), or with [str(label) for label in y]."


def test_words_alone_keep_the_encoder_that_was_asked_for(tmp_path: Path) -> None:
    fitted = SentenceClassifier("tiny", features="words", C=1.0).fit(TEXTS, LABELS)
    fitted.save(tmp_path / "model")
    assert SentenceClassifier.load(tmp_path / "model").get_params() == fitted.get_params()


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    """As scikit-learn's own estimators take them; a generator is refused in words, not by its folds."""
    plain, given = (
        SentenceClassifier(encoder=FakeEncoder(), Cs=[0.01, 1.0], n_folds=kind(3), random_state=kind(3)).fit(
            TEXTS, LABELS
        )
        for kind in cast("tuple[Any, ...]", (int, np.int64))
    )
    assert np.array_equal(plain.coef_, given.coef_)
    for name, odd in (("random_state", np.random.RandomState(0)), ("random_state", None), ("n_folds", 2.5)):
        with pytest.raises(UsageError, match=f"{name} must be a whole number"):
            SentenceClassifier(encoder=FakeEncoder()).set_params(**{name: odd}).fit(TEXTS, LABELS)


@pytest.mark.parametrize("most", [1.1e9, 1e308])
def test_a_weight_that_no_sum_can_hold_is_refused(most: float) -> None:
    weights = np.ones(len(TEXTS))
    classifier = SentenceClassifier(encoder=FakeEncoder(), C=1.0)
    weights[2] = 1e9
    assert len(classifier.fit(TEXTS, LABELS, sample_weight=weights).predict(TEXTS)) == len(TEXTS)
    weights[2] = most
    with pytest.raises(InputError, match=r"item 2 is 1.*the smallest is 1\)"):
        classifier.fit(TEXTS, LABELS, sample_weight=weights)


def test_more_labels_than_are_searched_with_words_are_told_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frostline.head.search.MOST_SEARCHED", 1)
    with pytest.warns(UserWarning, match="2 labels with words are searched by regressions, which may take hours"):
        SentenceClassifier(features="words", n_folds=2).fit(TEXTS, LABELS)


def test_a_fit_that_is_refused_leaves_what_was_fitted() -> None:
    """Refused in the middle, where one class has a single text: its words are not those of the head."""
    clf = SentenceClassifier(encoder=FakeEncoder("cls@-1+words")).fit(TEXTS, LABELS)
    before, said = dict(vars(clf)), clf.predict_proba(TEXTS)
    with pytest.raises(InputError, match="Searching C"):
        clf.fit([*TEXTS, *(f"another sentence {n}" for n in "abc"), "one"], [*LABELS, 0, 0, 0, 2])
    assert {name: id(value) for name, value in vars(clf).items()} == {name: id(value) for name, value in before.items()}
    assert (clf.predict_proba(TEXTS) == said).all()
