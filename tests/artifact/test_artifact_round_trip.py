"""What is saved comes back, and only with the encoder it belongs to."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_artifacts import compare_refusal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_artifacts import RECORD, TEXTS, open_fake, saved, some_head
from safetensors.numpy import load_file

from fakes import FakeEncoder
from frostline.artifact import ArtifactRecord, TrainingData, load_artifact, save_artifact
from frostline.artifact.files import head_bytes, read_head
from frostline.artifact.model import open_model
from frostline.errors import (
    ArtifactCorrupt,
    InputError,
    MissingInputError,
    OutputError,
)
from frostline.head.linear import LinearHead


@pytest.mark.parametrize("labels", [("no", "yes"), ("a", "", "c\t\n"), (3, -1, 2**40), (False, True)])
def test_a_head_comes_back_bit_for_bit_with_the_types_of_its_labels(tmp_path: Path, labels: tuple[Any, ...]) -> None:
    head = some_head(labels)
    found = load_artifact(saved(tmp_path, head=head))
    assert found.head.labels == labels
    assert [type(label) for label in found.head.labels] == [type(label) for label in labels]
    assert found.head.coef.tobytes() == head.coef.tobytes()
    assert found.head.intercept.tobytes() == head.intercept.tobytes()
    assert found.manifest.metrics == RECORD.metrics
    assert found.manifest.choice == RECORD.choice
    assert found.manifest.data == RECORD.data
    assert found.manifest.encoder == FakeEncoder().identity


@given(n_labels=st.integers(2, 7), n_features=st.integers(1, 9), seed=st.integers(0, 99))
def test_any_shape_of_head_survives_its_file(n_labels: int, n_features: int, seed: int) -> None:
    head = some_head(tuple(range(n_labels)), n_features, seed)
    found = read_head(head_bytes(head), labels=head.labels, n_features=n_features)
    assert np.array_equal(found.coef, head.coef)
    assert np.array_equal(found.intercept, head.intercept)


def test_the_head_is_readable_by_the_safetensors_library(tmp_path: Path) -> None:
    found = load_file(saved(tmp_path) / "head.safetensors")
    assert {name: (array.dtype.str, array.shape) for name, array in found.items()} == {
        "coef": ("<f8", (3, 48)),
        "intercept": ("<f8", (3,)),
    }


def test_a_model_gives_the_probabilities_of_the_head_it_was_saved_from(tmp_path: Path) -> None:
    model = open_model(saved(tmp_path), open_encoder=open_fake)
    expected = some_head().predict_proba(FakeEncoder().encode(TEXTS).rows)
    assert np.array_equal(model.predict_proba(TEXTS), expected)
    assert model.predict(TEXTS).tolist() == [("no", "yes", "größer")[best] for best in expected.argmax(axis=1)]


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = saved(tmp_path, name="first"), saved(tmp_path, name="second")
    for name in ("manifest.json", "head.safetensors", "README.md", "report.html"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert load_artifact(first).sha256 == load_artifact(second).sha256


def test_an_artifact_without_card_report_or_data_is_whole(tmp_path: Path) -> None:
    path = saved(tmp_path, record=ArtifactRecord())
    assert sorted(inner.name for inner in path.iterdir()) == ["head.safetensors", "manifest.json"]
    assert load_artifact(path).manifest.data is None


def test_no_text_of_the_user_is_in_an_artifact(tmp_path: Path) -> None:
    """The self-test reads built-in sentences; data from lists leave only their digest."""
    encoder = FakeEncoder()
    record = ArtifactRecord(data=TrainingData.of_rows(["my secret sentence"], ["yes"]))
    save_artifact(tmp_path / "model", head=some_head(), encoder=encoder, record=record)
    assert len(encoder.read) == 8
    assert b"secret" not in b"".join(inner.read_bytes() for inner in (tmp_path / "model").iterdir())


@given(
    st.lists(st.tuples(st.text(), st.booleans()), max_size=4), st.lists(st.tuples(st.text(), st.booleans()), max_size=4)
)
def test_data_from_lists_have_equal_digests_only_when_equal(
    one: list[tuple[str, bool]], other: list[tuple[str, bool]]
) -> None:
    digests = [TrainingData.of_rows([t for t, _ in rows], [y for _, y in rows]).sha256 for rows in (one, other)]
    assert (digests[0] == digests[1]) == (one == other)


def test_loading_opens_no_encoder_and_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from frostline.artifact import load_artifact; load_artifact(pathlib.Path(sys.argv[1])); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    path = saved(tmp_path)
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    heavy = {
        "sklearn",
        "scipy",
        "onnx",
        "onnxruntime",
        "tokenizers",
        "pyarrow",
        "matplotlib",
        "huggingface_hub",
        "torch",
    }
    assert not heavy & set(done.stdout.split())


def test_a_pin_refuses_another_artifact(tmp_path: Path) -> None:
    path = saved(tmp_path)
    right = load_artifact(path).sha256
    assert load_artifact(path, sha256=right.upper()).sha256 == right
    with pytest.raises(ArtifactCorrupt, match="another artifact"):
        load_artifact(path, sha256="0" * 64)


# --- where it may be saved


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    path = saved(tmp_path)
    before = (path / "manifest.json").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        save_artifact(path, head=some_head(seed=1), encoder=FakeEncoder())
    assert (path / "manifest.json").read_bytes() == before
    save_artifact(path, head=some_head(seed=1), encoder=FakeEncoder(), overwrite=True)
    assert np.array_equal(load_artifact(path).head.coef, some_head(seed=1).coef)
    assert [inner.name for inner in tmp_path.iterdir()] == ["model"]


def test_overwriting_never_removes_what_is_no_artifact(tmp_path: Path) -> None:
    """`--out . --overwrite` in a project must not be the end of the project."""
    project, notes, file = tmp_path / "project", saved(tmp_path, name="notes"), tmp_path / "data.tsv"
    project.mkdir()
    (project / "thesis.tex").write_text("years of work")
    (notes / "notes.txt").write_text("mine")
    file.write_text("text\tlabel\n")
    link = tmp_path / "link"
    link.symlink_to(saved(tmp_path, name="target"))
    page = tmp_path / "page"
    page.mkdir()
    (page / "README.md").write_text("all there is, and not ours")
    for path in (project, notes, file, link, page):
        with pytest.raises(OutputError):
            save_artifact(path, head=some_head(), encoder=FakeEncoder(), overwrite=True)
    assert (project / "thesis.tex").read_text() == "years of work"
    assert (notes / "notes.txt").read_text() == "mine"
    assert file.read_text() == "text\tlabel\n"
    assert link.is_symlink()
    assert (page / "README.md").read_text() == "all there is, and not ours"


def test_a_missing_parent_is_refused_before_any_sentence_is_read(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    with pytest.raises(OutputError, match="must exist"):
        save_artifact(tmp_path / "no" / "model", head=some_head(), encoder=encoder)
    assert not encoder.read


def test_nothing_there_is_a_missing_input(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="There is no saved model at") as caught:
        load_artifact(tmp_path / "model")
    assert "frostline train" in caught.value.hint
    for odd in ("a\0b", "x" * 5000, "a film " * 40):
        with pytest.raises(MissingInputError, match="There is no saved model at"):
            load_artifact(tmp_path / odd)


# --- what may be saved


def odd_heads() -> dict[str, LinearHead]:
    head = some_head()
    return {
        "NaN": replace(head, coef=np.full_like(head.coef, np.nan)),
        "infinity": replace(head, intercept=np.array([0, np.inf, 0])),
        "a row too few": replace(head, coef=head.coef[:2]),
        "features of another encoder": replace(head, coef=head.coef[:, :-1]),
        "labels twice": replace(head, labels=("a", "b", "a")),
        "mixed labels": replace(head, labels=("a", "b", 3)),
        "half a character": replace(head, labels=("a", "b", "\ud800")),
        "one label": some_head(("only",)),
        "a giant integer": replace(head, labels=(1, 2, 2**70)),
    }


@pytest.mark.parametrize("what", odd_heads())
def test_a_head_that_could_not_be_loaded_is_not_saved(tmp_path: Path, what: str) -> None:
    with pytest.raises(InputError) as caught:
        save_artifact(tmp_path / "model", head=odd_heads()[what], encoder=FakeEncoder())
    compare_refusal("odd heads", what, caught.value, tmp_path)
    assert not isinstance(caught.value, ArtifactCorrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("document", [{"x": float("nan")}, {"x": object()}, {"x": "y" * 2**22}, {"x": "\udc80"}])
def test_a_document_that_is_no_json_is_not_saved(tmp_path: Path, document: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        save_artifact(
            tmp_path / "model", head=some_head(), encoder=FakeEncoder(), record=ArtifactRecord(metrics=document)
        )
    assert list(tmp_path.iterdir()) == []


def test_numpy_labels_become_plain_ones(tmp_path: Path) -> None:
    head = replace(some_head(), labels=(np.int64(1), np.int64(2), np.int64(3)))  # type: ignore[arg-type]
    path = saved(tmp_path, head=head)
    assert json.loads((path / "manifest.json").read_text("utf-8"))["labels"] == [1, 2, 3]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(labels=st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=5, unique=True))
def test_any_text_may_be_a_label(tmp_path: Path, labels: list[str]) -> None:
    path = tmp_path / "model"
    save_artifact(path, head=some_head(tuple(labels)), encoder=FakeEncoder(), overwrite=True)
    assert load_artifact(path).head.labels == tuple(labels)
