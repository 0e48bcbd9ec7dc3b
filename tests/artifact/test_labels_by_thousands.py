"""Many labels: the manifest stays small, what grows lies beside it, and what could not be saved is refused before."""

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_artifacts import forge_file, some_head

from fakes import FakeEncoder
from frostline.artifact import load_artifact, save_artifact
from frostline.artifact.manifest import LONGEST_LABEL, MAX_LABELS, Limits
from frostline.artifact.tables import LABEL_BYTES, most_rows, refuse_labels, tables_bytes
from frostline.data.tables import read_dataset
from frostline.errors import ArtifactCorrupt, InputError
from frostline.evaluate.scores import evaluate
from frostline.head.linear import Calibration, LinearHead
from frostline.head.options import SearchOptions
from frostline.report.document import evaluation_document
from frostline.targets import Targets
from frostline.tensors import tensors_bytes
from frostline.training.options import TrainingOptions
from frostline.training.run import train
from frostline.training.save import save_training


def many(n_labels: int) -> tuple[str, ...]:
    return tuple(f"label {number}" for number in range(n_labels))


def several(n_labels: int) -> LinearHead:
    """With an isotonic map for each, of two or three knots."""
    own = [((0.0, 0.1), (0.5, 0.5), (1.0, 0.9)), ((0.25, 0.0), (1.0, 1.0))]
    random = np.random.default_rng(0)
    return LinearHead(
        labels=many(n_labels),
        coef=random.normal(size=(n_labels, 48)) / 10,
        intercept=random.normal(size=n_labels),
        link="logistic",
        calibration=Calibration(method="isotonic", knots=tuple(own[number % 2] for number in range(n_labels))),
    )


@pytest.mark.parametrize("n_labels", [200, 201])
@pytest.mark.parametrize("make", [lambda n_labels: some_head(many(n_labels)), several], ids=["one", "several"])
def test_what_grows_with_labels_lies_in_a_file_of_its_own_from_201_on(
    tmp_path: Path, n_labels: int, make: Callable[[int], LinearHead]
) -> None:
    """Decisions, probabilities and maps come back to the last bit, and answers are the same."""
    head = make(n_labels)
    made = save_artifact(tmp_path / "m", head=head, encoder=FakeEncoder())
    assert (tmp_path / "m" / "tables.safetensors").exists() == (n_labels > 200)
    written = json.loads((tmp_path / "m" / "manifest.json").read_bytes())
    assert (written["self_test"]["decisions"] == []) == (n_labels > 200)
    found = load_artifact(tmp_path / "m")
    assert found.manifest == made.manifest
    assert np.array(found.manifest.self_test.probabilities).shape == (8, n_labels)
    assert found.head.calibration == head.calibration
    rows = np.random.default_rng(1).normal(size=(5, 48)).astype(np.float32)
    assert (found.head.predict_proba(rows) == head.predict_proba(rows)).all()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("decisions", np.full((8, 201), np.nan), "finite"),
        ("decisions", np.full((8, 201), 1e13), "decisions"),
        ("decisions", np.zeros((8, 200)), r"shape \[8, 201\]"),
        ("probabilities", np.full((8, 201), 1.5), "probabilities"),
        ("probabilities", np.full((8, 201), 0.5), "Self-test"),
        ("knots", np.zeros((502, 2)), "ends must ascend"),
        ("ends", np.zeros(201, np.int64), "ends must ascend"),
        ("ends", np.array([-1, 503]), "ends must ascend"),
        ("ends", np.array([503]), "knots must have 201 items"),
    ],
)
def test_forged_tables_are_refused(tmp_path: Path, name: str, value: np.ndarray, says: str) -> None:
    path = tmp_path / "m"
    made = save_artifact(path, head=several(201), encoder=FakeEncoder())
    maps = made.manifest.calibration.knots if made.manifest.calibration else ()
    tables = {
        "decisions": np.array(made.manifest.self_test.decisions),
        "probabilities": np.array(made.manifest.self_test.probabilities),
        "knots": np.array([knot for own in maps for knot in own]),
        "ends": np.cumsum([len(own) for own in maps]),
    }
    assert tensors_bytes(tables) == tables_bytes(made.manifest)
    forge_file(path, "tables.safetensors", tensors_bytes(tables | {name: value}))
    with pytest.raises(ArtifactCorrupt, match=says):
        load_artifact(path)


def test_heads_and_names_that_could_not_be_saved_are_refused_with_their_number() -> None:
    limits = Limits(head_bytes=8 * 100 * 50, header_bytes=0)
    assert most_rows(49, limits=limits) == 100
    refuse_labels(many(100), 49, "softmax", limits=limits)
    with pytest.raises(InputError) as caught:
        refuse_labels(many(101), 49, "softmax", limits=limits)
    assert caught.value.message == (
        "There must be at most 100 labels with 49 features, or the classifier could not be saved (there are 101)."
    )
    names = [letter * (LABEL_BYTES // 32 - 4) for letter in string.ascii_letters[:32]]  # 4 bytes stand around each
    refuse_labels(tuple(names), 49, "softmax")
    with pytest.raises(InputError, match=r"The names of all labels must have at most 2,097,152 bytes together"):
        refuse_labels((*names[:-1], names[-1] + "f"), 49, "softmax")


def test_ten_thousand_labels_of_the_default_features_fit() -> None:
    refuse_labels(many(10_000), 2688, "softmax")


def test_a_training_that_could_not_be_saved_reads_no_text(tmp_path: Path) -> None:
    path, encoder = tmp_path / "t.tsv", FakeEncoder(hidden_size=1_000_000, features="mean@-1")
    path.write_text("text\tlabel\n" + "".join(f"text {row}\tlabel {row % 40}\n" for row in range(80)), "utf-8")
    with pytest.raises(InputError, match=r"at most 33 labels with 1,000,000 features"):
        train(read_dataset(path), encoder)
    assert encoder.read == []


def test_a_training_of_many_labels_is_saved_whole(tmp_path: Path) -> None:
    """The manifest keeps no list of labels but their names, and each one's scores lie in record.json."""
    n_labels = 210
    path, encoder = tmp_path / "t.tsv", FakeEncoder(hidden_size=24, features="mean@-1")
    lines = [f"item{label} kind{label % 7} {row}\tlabel {label}\n" for label in range(n_labels) for row in range(3)]
    path.write_text("text\tlabel\n" + "".join(lines), "utf-8")
    options = TrainingOptions(search=SearchOptions(Cs=(1.0,), n_folds=2, choose_parts=False))
    training = train(read_dataset(path), encoder, options=options)
    saved = save_training(training, tmp_path / "m", encoder=encoder)
    assert saved.manifest.metrics["test"]["per_label"] is None
    assert saved.manifest.metrics["data"]["class_counts"] is None
    whole = json.loads((tmp_path / "m" / "record.json").read_bytes())
    assert [len(whole["test"]["per_label"]), len(whole["data"]["class_counts"])] == [n_labels, n_labels]
    assert (tmp_path / "m" / "manifest.json").stat().st_size < 40_000
    card, page = ((tmp_path / "m" / name).read_text("utf-8") for name in ("README.md", "report.html"))
    assert card.count("| `label ") <= 60
    assert "Of 210 labels those " in card
    assert "in record.json of the saved classifier" in page


@pytest.mark.parametrize("n_labels", [1000, 1001])
def test_pairs_of_labels_are_counted_in_json_up_to_a_thousand_labels(n_labels: int) -> None:
    """A million numbers; every label's own scores are there in any case."""
    targets = Targets.of_labels(many(n_labels))
    shares = np.full((n_labels, n_labels), 1 / n_labels)
    document: Any = evaluation_document(evaluate(shares, targets.members, targets))
    assert (document["confusion"] is None) == (n_labels > 1000)
    assert len(document["per_label"]) == n_labels


def test_what_could_not_be_saved_is_refused_before_it_is_learned() -> None:
    """Label by label, and all of them; on either side of each limit."""
    refuse_labels(("a", "b" * LONGEST_LABEL), 8, "softmax")
    with pytest.raises(InputError, match=r"A label must have at most 100,000 characters, .* \(one has 100,001: 'bbb"):
        refuse_labels(("a", "b" * (LONGEST_LABEL + 1)), 8, "softmax")
    refuse_labels(tuple(range(MAX_LABELS)), 8, "softmax")
    with pytest.raises(InputError, match=r"at most 100,000 labels, .* \(there are 100,001\)"):
        refuse_labels(tuple(range(MAX_LABELS + 1)), 8, "softmax")
