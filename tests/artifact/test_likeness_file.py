"""likeness.safetensors: what is kept comes back, answers as before, and a stranger's is looked at."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_artifacts import RECORD, TEXTS, forge_file, open_fake, saved
from safetensors.numpy import load_file

from fakes import FakeEncoder
from frostline.artifact import load_artifact
from frostline.artifact.model import open_model, refuse_likeness
from frostline.artifact.tables import likeness_bytes, read_likeness
from frostline.errors import ArtifactCorrupt, UsageError
from frostline.head.likeness import Likeness, fit_likeness
from frostline.tensors import tensors_bytes

SAVED_BY_0_1_0 = Path(__file__).parent / "saved_by_0_1_0"
MANY = [f"{text} {number}" for number in range(40) for text in TEXTS]


def some_likeness() -> Likeness:
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], len(MANY))
    fitted = fit_likeness(FakeEncoder().encode(MANY).rows, shares, n_blocks=3, lots=np.arange(len(MANY)))
    assert fitted is not None
    return fitted


LIKENESS = some_likeness()


def test_it_comes_back_and_answers_as_before(tmp_path: Path) -> None:
    path = saved(tmp_path, record=replace(RECORD, likeness=LIKENESS))
    model = open_model(path, open_encoder=open_fake)
    answers = model.answer(TEXTS, with_likeness=True)
    assert answers.likeness is not None
    rows = FakeEncoder().encode(TEXTS).rows
    assert answers.likeness.tolist() == LIKENESS.of(rows, answers.probabilities).tolist()
    assert model.answer(TEXTS).likeness is None


def test_the_file_is_as_the_format_says(tmp_path: Path) -> None:
    found = load_file(saved(tmp_path, record=replace(RECORD, likeness=LIKENESS)) / "likeness.safetensors")
    assert {name: (values.dtype.str, values.shape) for name, values in found.items()} == {
        "centre": ("<f4", (48,)),
        "counts": ("<i8", (2,)),
        "exceeded": ("<f4", (3, 256)),
        "factor": ("<f2", (48 * 49 // 2,)),
    }
    assert found["counts"].tolist() == [3, 120]


@pytest.mark.parametrize("name", ["one-label", "several-labels"])
def test_what_0_1_0_saved_loads_and_says_that_it_does_not_know(name: str) -> None:
    path = SAVED_BY_0_1_0 / name
    model = open_model(path)
    assert load_artifact(path).likeness is None
    assert len(model.answer(["soup"]).favoured) == 1
    with pytest.raises(UsageError) as caught:
        model.answer(["soup"], with_likeness=True)
    assert caught.value.message == (
        "This model does not know how like a text is to those it learned from: it was saved by an earlier "
        "Frostline, reads words alone, or learned without folds."
    )
    assert caught.value.hint == "Train it again."


def test_a_share_that_so_few_texts_cannot_tell_is_refused() -> None:
    refuse_likeness(replace(LIKENESS, n_texts=100), below=0.01)
    for below in (float("nan"), 0.0, 1.1):
        with pytest.raises(UsageError, match=r"^A share of texts must lie between 0 and 1 \(got"):
            refuse_likeness(LIKENESS, below=below)
    with pytest.raises(UsageError) as caught:
        refuse_likeness(replace(LIKENESS, n_texts=99), below=0.01)
    assert caught.value.message == (
        "To mark a share of 0.01 of texts like those learned from, there must be 100 of them or more (this model "
        "learned from 99, those that belong together counted once)."
    )
    assert caught.value.hint == "Pass a share above 0.01."


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "blocks that do not part the features": (
        lambda found: found.update(counts=np.array([5, 120])),
        "likeness.safetensors: counts must be blocks that part 48 features, and texts.",
    ),
    "no block": (lambda found: found.update(counts=np.array([0, 120])), "counts must be blocks"),
    "no text": (lambda found: found.update(counts=np.array([3, 0])), "counts must be blocks"),
    "descending": (
        lambda found: found.update(exceeded=-found["exceeded"]),
        "likeness.safetensors: exceeded must not descend.",
    ),
    "another triangle": (lambda found: found.update(factor=found["factor"][1:]), "factor must be F16 of shape [1176]"),
    "not finite": (lambda found: found.update(centre=found["centre"] * np.float32(np.nan)), "must hold finite numbers"),
    "one more": (lambda found: found.update(more=np.zeros(1)), "more"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_forged_file_is_refused(tmp_path: Path, what: str) -> None:
    path = saved(tmp_path, record=replace(RECORD, likeness=LIKENESS))
    change, said = WRONG[what]
    contents = {name: np.array(values) for name, values in load_file(path / "likeness.safetensors").items()}
    change(contents)
    forge_file(path, "likeness.safetensors", tensors_bytes(contents))
    with pytest.raises(ArtifactCorrupt) as caught:
        load_artifact(path)
    assert said in caught.value.message


def test_it_survives_its_bytes() -> None:
    found = read_likeness(likeness_bytes(LIKENESS), n_features=48)
    assert (found.n_blocks, found.n_texts) == (3, 120)
    for name in ("centre", "factor", "exceeded"):
        assert getattr(found, name).tobytes() == getattr(LIKENESS, name).tobytes()
