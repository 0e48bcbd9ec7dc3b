"""A model remembers its columns: `predict` and `evaluate` read the file that it was trained on, and say so."""

import json
from pathlib import Path

import pytest

from conftest import Command
from frostline.artifact import ArtifactRecord, TrainingData, save_artifact
from frostline.artifact.model import open_model

SAVED = Path(__file__).parent.parent / "artifact" / "saved_by_0_1_0"
TEXTS = ("the soup was very tasty", "goal ! goal !", "the bread and the cheese was tasty", "goal ! goal")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classifier of 0.1.0, which learned from the column `words`, joined with `more`, and has labels in `about`."""
    old = open_model(SAVED / "one-label")
    data = TrainingData(
        name="a.tsv", sha256="a" * 64, size_bytes=9, rows=9, text_column="more,words", label_column="about"
    )
    path = tmp_path_factory.mktemp("model") / "model"
    with_encoder = SAVED / "one-label" / "encoder"
    save_artifact(path, head=old.head, encoder=old.encoder, record=ArtifactRecord(data=data), with_encoder=with_encoder)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.tsv"
    rows = [f"{place}\t\t{text}\t{label}\n" for place, (text, label) in enumerate(zip(TEXTS, ["food", "sport"] * 2))]  # noqa: B905
    path.write_text("id\tmore\twords\tabout\n" + "".join(rows), "utf-8")
    return path


def test_predict_and_evaluate_read_the_columns_learned_from(frostline: Command, model: Path, file: Path) -> None:
    told = frostline("predict", model, file)
    assert [line.split("\t")[0] for line in told.out.splitlines()] == ["food", "sport", "food", "sport"]
    assert told.err == ""
    data = frostline("evaluate", model, file, "--json").document["data"]
    assert (data["text_column"], data["label_column"], data["other_columns"]) == ("more,words", "about", ["id"])
    assert frostline("evaluate", model, file).out.lstrip().startswith("Text: more,words · label: about · not used: id")
    assert frostline("predict", model, file, "--text", "id").out != told.out


def test_a_file_without_those_columns_is_guessed_with_a_sentence(
    frostline: Command, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{text}\tfood\n" for text in TEXTS), "utf-8")
    told = frostline("predict", model, path)
    assert len(told.out.splitlines()) == 4
    assert told.err == (
        f"{path}: the column that the model learned from is not there ('more,words'): texts are 'text'.\n"
    )
    warnings = frostline("evaluate", model, path, "--json").document["warnings"]
    assert (
        f"{path}: the columns that the model learned from are not there ('more,words', 'about'): texts are 'text', "
        "labels are 'label'."
    ) in warnings


def test_what_0_1_0_saved_knows_of_no_columns(frostline: Command, tmp_path: Path) -> None:
    path = tmp_path / "other.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{text}\tfood\n" for text in TEXTS), "utf-8")
    assert frostline("predict", SAVED / "one-label", path).err == ""
    data = json.loads((SAVED / "one-label" / "manifest.json").read_text("utf-8"))["data"]
    assert "text_column" not in data


@pytest.mark.parametrize("is_there", [True, False])
def test_the_groups_that_were_learned_by_are_found_again(
    frostline: Command, model: Path, tmp_path: Path, *, is_there: bool
) -> None:
    """Of rows of few authors the interval is as wide as that of so few; and that the model keeps none is said."""
    manifest = json.loads((model / "manifest.json").read_text("utf-8"))
    old = open_model(model)
    data = old.manifest.data
    assert manifest["data"]["text_column"] == "more,words"
    grouped = tmp_path / "grouped"
    record = ArtifactRecord(data=data, metrics={"data": {"group_column": "who"}})
    save_artifact(grouped, head=old.head, encoder=old.encoder, record=record, with_encoder=model / "encoder")
    path = tmp_path / "rows.tsv"
    rows = [
        f"a{place % 2}\t\t{text} x{place}\t{['food', 'sport'][place % 2]}\n" for place, text in enumerate(TEXTS * 6)
    ]
    path.write_text(f"{'who' if is_there else 'id'}\tmore\twords\tabout\n" + "".join(rows), "utf-8")
    found = frostline("evaluate", grouped, path, "--json").document
    assert found["data"]["group_column"] == ("who" if is_there else "")
    assert found["data"]["other_columns"] == ([] if is_there else ["id"])
    low, high = found["test"]["accuracy"]["interval"]
    assert (high - low > 0.5) is is_there
    said = (
        "Whether test rows share their 'who' with rows learned from is not known, since a model keeps none; "
        "where they do, the score tells less of others than it seems."
    )
    if not is_there:
        said = "The model learned from rows of groups ('who'), which this file does not tell: each counts by itself."
    assert [warning for warning in found["warnings"] if "'who'" in warning] == [said]
    assert (
        frostline("evaluate", grouped, path, "--group", "about", "--json").document["data"]["group_column"] == "about"
    )
    assert frostline("predict", grouped, path).code == 0
