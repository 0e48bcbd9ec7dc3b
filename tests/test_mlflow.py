"""MLflow logs a classifier, loads it, serves it and evaluates it; what needs no MLflow is tried without."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import frostline.mlflow as flavour
from encoder_fakes import make_checkpoint
from frostline.artifact.model import open_model
from frostline.classifier import SentenceClassifier
from frostline.errors import InputError, MissingInputError, OutputError, UnavailableError, UsageError
from frostline.head.linear import Rule
from frostline.version import __version__

TEXTS = [f"{word} film {letter}" for word in ("good", "bad") for letter in "abcdefghijklmnop"]
LABELS = [text.split()[0] for text in TEXTS]
SETS = [[label] if place % 3 else [] if place % 2 else [label, "film"] for place, label in enumerate(LABELS)]
NEW = ["good film a", "a bad film", ""]


def fitted(folder: Path, y: Any) -> SentenceClassifier:
    encoder = str(folder / "encoder") if (folder / "encoder").exists() else str(make_checkpoint(folder / "encoder"))
    return SentenceClassifier(encoder=encoder, features="mean@all", store=False).fit(TEXTS, y)


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SentenceClassifier]:
    """One label per text, and several."""
    folder = tmp_path_factory.mktemp("flavour")
    kinds = {"one": LABELS, "several": SETS, "numbers": [0] * 16 + [1] * 16}
    return {kind: fitted(folder, y) for kind, y in kinds.items()}


@pytest.mark.parametrize("kind", ["one", "several"])
def test_a_function_takes_texts_in_every_form(
    classifiers: dict[str, SentenceClassifier], kind: str, tmp_path: Path
) -> None:
    classifier = classifiers[kind]
    classifier.save(tmp_path / "model")
    function = flavour._load_pyfunc(str(tmp_path / "model"))
    expected = classifier.predict(NEW).tolist()
    forms: list[Any] = [
        NEW,
        pd.Series(NEW),
        pd.DataFrame({"text": NEW}),
        pd.DataFrame({"whatever": NEW}),
        pd.DataFrame({"id": [1, 2, 3], "text": NEW}),
        np.array(NEW),
        np.array([[text] for text in NEW], dtype=object),
        [{"text": text} for text in NEW],
        {"text": NEW},
    ]
    for form in forms:
        assert function.predict(form).tolist() == expected
    assert function.predict(NEW[0]).tolist() == expected[:1]
    shares = function.predict(NEW, params={"probabilities": True})
    assert list(shares.columns) == classifier.classes_.tolist()
    assert (shares.to_numpy() == classifier.predict_proba(NEW)).all()
    assert function.predict(NEW, params={"probabilities": False}).tolist() == expected
    assert function.get_raw_model().manifest.labels == tuple(classifier.classes_.tolist())
    with pytest.raises(InputError, match=r"one called text \(got .*'id', 'other'"):
        function.predict(pd.DataFrame({"id": [1], "other": ["a"]}))
    twice = pd.DataFrame([["a", "b"]], columns=["text", "text"])
    unclear: list[Any] = [twice, [{"id": 1, "other": "a"}], {"a": [], "b": []}]
    for form in unclear:
        with pytest.raises(InputError, match=r"There must be one column, or one called text"):
            function.predict(form)
    with pytest.raises(InputError, match=r"Each input must be a text \(number 1 is 'None'\)"):
        function.predict(["a", None])
    with pytest.raises(InputError, match=r"Each input must be a text \(number 0 is "):
        function.predict(np.array([["a", "b"]]))


def test_without_mlflow_it_says_what_to_install(
    classifiers: dict[str, SentenceClassifier], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.artifacts", None)
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    for asked in (
        lambda: flavour.log_model(classifiers["one"]),
        lambda: flavour.load_model("runs:/1/model"),
        lambda: flavour.save_model(classifiers["one"], tmp_path / "model"),
    ):
        with pytest.raises(UnavailableError, match=r"mlflow.* must be installed") as caught:
            asked()
        assert caught.value.hint == "Install it: pip install 'frostline[mlflow]'"
    assert not (tmp_path / "model").exists()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow itself, with a store in a folder of this test's own."""
    if importlib.util.find_spec("mlflow") is None:
        pytest.skip("mlflow is not installed")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.chdir(tmp_path)
    import mlflow  # noqa: PLC0415 - an extra

    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    mlflow.set_registry_uri((tmp_path / "store").as_uri())
    yield mlflow
    while mlflow.active_run() is not None:
        mlflow.end_run()


@pytest.mark.clients
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kind", ["one", "several", "numbers"])
def test_what_is_logged_is_loaded_with_the_same_answers(
    classifiers: dict[str, SentenceClassifier], kind: str, store: Any
) -> None:
    classifier = classifiers[kind]
    with store.start_run() as run:
        logged = flavour.log_model(
            classifier, "films", registered_model_name="films", input_example=NEW, metadata={"team": "film"}
        )
    assert (logged.run_id, logged.metadata) == (run.info.run_id, {"team": "film"})
    assert set(logged.flavors) == {"frostline", "python_function"}
    for uri in (logged.model_uri, "models:/films/1"):
        again = flavour.load_model(uri)
        assert (again.predict_proba(NEW) == classifier.predict_proba(NEW)).all()
        function = store.pyfunc.load_model(uri)
        expected = classifier.predict(NEW).tolist()
        for form in (
            *(NEW, np.array(NEW), pd.Series(NEW), pd.Series(NEW, name="q"), {"text": NEW}),
            *(pd.DataFrame({"text": NEW}), pd.DataFrame({"q": NEW}), pd.DataFrame({"id": [1, 2, 3], "text": NEW})),
            *(pd.DataFrame({"title": NEW[::-1], "text": NEW}), [{"title": "bad", "text": text} for text in NEW]),
        ):
            assert list(function.predict(form)) == expected
        for unclear in (pd.DataFrame({"title": NEW, "body": NEW}), np.array([NEW, NEW]), [{"a": "b", "c": "d"}]):
            with pytest.raises(InputError, match="must be"):
                function.predict(unclear)
        shares = function.predict(NEW, params={"probabilities": True})
        assert (shares.to_numpy() == classifier.predict_proba(NEW)).all()
    local = Path(store.artifacts.download_artifacts(logged.model_uri))
    assert (local / "requirements.txt").read_text() == f"frostline[mlflow]=={__version__}\n"
    assert not [path for path in local.rglob("*") if path.suffix in {".pkl", ".pickle", ".joblib"}]
    assert (local / "classifier" / "encoder" / "model.safetensors").is_file()


@pytest.mark.clients
@pytest.mark.filterwarnings("default")
def test_a_saved_folder_is_logged_as_it_is(
    classifiers: dict[str, SentenceClassifier], store: Any, tmp_path: Path
) -> None:
    classifiers["one"].save(tmp_path / "model")
    flavour.save_model(tmp_path / "model", tmp_path / "flavoured", pip_requirements=["frostline", "pandas"])
    own = {path.relative_to(tmp_path / "model"): path.read_bytes() for path in (tmp_path / "model").rglob("*.*")}
    kept = tmp_path / "flavoured" / "classifier"
    assert {path.relative_to(kept): path.read_bytes() for path in kept.rglob("*.*")} == own
    assert (tmp_path / "flavoured" / "requirements.txt").read_text() == "frostline\npandas\n"
    assert flavour.load_model(str(tmp_path / "flavoured")).predict(NEW[:1]).tolist() == ["good"]
    with pytest.raises(OutputError, match="flavoured exists already"):
        flavour.save_model(tmp_path / "model", tmp_path / "flavoured")
    with pytest.raises(UsageError, match="must be a SentenceClassifier, or the folder of a saved one"):
        flavour.save_model(classifiers["one"].head_, tmp_path / "other")  # type: ignore[arg-type]
    with pytest.raises(MissingInputError, match="nothing"):
        flavour.save_model(tmp_path / "nothing", tmp_path / "other")
    with pytest.raises(NotFittedError):
        flavour.save_model(SentenceClassifier(features="words"), tmp_path / "other")
    assert not (tmp_path / "other").exists()
    store.models.Model().save(str(tmp_path / "MLmodel"))
    with pytest.raises(InputError, match="must be a model of the flavour frostline"):
        flavour.load_model(str(tmp_path))


@pytest.mark.clients
@pytest.mark.filterwarnings("default")
def test_what_abstains_and_mlflow_s_own_server_say_the_same(
    classifiers: dict[str, SentenceClassifier], store: Any, tmp_path: Path
) -> None:
    """MLflow's command line, in a process of its own, reads what was saved."""
    silent = SentenceClassifier.load(_saved(classifiers["one"], tmp_path / "plain"))
    silent.head_ = replace(silent.head_, rule=Rule(answer_from=0.9999))
    flavour.save_model(silent, tmp_path / "flavoured")
    assert list(store.pyfunc.load_model(str(tmp_path / "flavoured")).predict(NEW)) == silent.predict(NEW).tolist()
    asked = {"dataframe_split": {"columns": ["id", "text"], "data": [["bad", text] for text in NEW]}}
    (tmp_path / "in.json").write_text(json.dumps(asked))
    files = ["-m", str(tmp_path / "flavoured"), "-i", "in.json", "-o", "out.json"]
    command = [sys.executable, "-m", "mlflow", "models", "predict", *files, "--env-manager", "local"]
    subprocess.run(command, check=True, timeout=300, env=dict(os.environ))
    assert json.loads((tmp_path / "out.json").read_text())["predictions"] == silent.predict(NEW).tolist()


def _saved(classifier: SentenceClassifier, path: Path) -> Path:
    classifier.save(path)
    assert open_model(path).head.labels == tuple(classifier.classes_.tolist())
    return path
