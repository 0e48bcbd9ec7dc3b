"""learned.safetensors: digests by which a test knows which of its texts are new; kept, left out, and a stranger's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline import SentenceClassifier
from frostline.artifact import load_artifact
from frostline.artifact.files import MOST_LEARNED, learned_bytes, read_learned
from frostline.artifact.manifest import DEFAULT_LIMITS
from frostline.data.copies import digests_of
from frostline.errors import ArtifactCorrupt
from frostline.evaluate.baselines import Part
from frostline.targets import Targets
from frostline.training.tested import measured_on_new

TEXTS = [f"word{row % 2} row{row}" for row in range(20)]
LABELS = [str(row % 2) for row in range(20)]


def saved(folder: Path, *, keep_digests: bool = True) -> Path:
    classifier = SentenceClassifier(FakeEncoder(), Cs=[1.0], n_folds=2).fit(TEXTS, LABELS)
    classifier.save(folder / "model", keep_digests=keep_digests)
    return folder / "model"


def test_a_model_knows_the_texts_it_learned_from(tmp_path: Path) -> None:
    """However they are spelled."""
    path = saved(tmp_path)
    learned = load_artifact(path).learned
    assert learned is not None
    assert len(learned) == 20
    asked = digests_of(["WORD1 row3!", "word1 row4", "quite new"])
    assert np.isin(asked, learned).tolist() == [True, False, False]
    size = (path / "learned.safetensors").stat().st_size
    assert 8 * 20 <= size <= 8 * 20 + 200


def test_digests_can_be_left_out(tmp_path: Path) -> None:
    path = saved(tmp_path, keep_digests=False)
    assert not (path / "learned.safetensors").exists()
    assert load_artifact(path).learned is None


def test_the_most_that_are_kept_fit_the_limit() -> None:
    most = learned_bytes(np.arange(MOST_LEARNED))
    assert len(most) <= DEFAULT_LIMITS.learned_bytes
    assert len(read_learned(most)) == MOST_LEARNED


@pytest.mark.parametrize("digests", [[], [2, 1], [1, 1]])
def test_digests_that_do_not_ascend_are_refused(digests: list[int]) -> None:
    with pytest.raises(ArtifactCorrupt) as caught:
        read_learned(learned_bytes(np.array(digests, np.int64)))
    assert caught.value.message == "learned.safetensors: digests must ascend, and be one or more."


def test_a_saved_head_is_measured_on_new_texts(tmp_path: Path) -> None:
    """On all of them where none is new, or where it does not remember."""
    artifact = load_artifact(saved(tmp_path))
    texts = ["word0 new", " WORD1 row3", "word1 also new", "word0 row4"]
    targets = replace(Targets.of_codes(np.array([0, 1, 0, 1]), ("0", "1")), together=np.arange(4))
    part = Part(texts, FakeEncoder().encode(texts).rows, targets)
    tested, rows, source = measured_on_new(artifact.head, part, artifact.learned, n_fitted=20)
    assert source is not None
    assert source.with_leaks is not None
    assert rows.tolist() == [0, 2]
    assert (tested.evaluation.n, source.n_leaks, source.n_fitted, source.with_leaks.n) == (2, 2, 20, 4)
    known = part.take(np.array([1, 3]))
    tested, rows, source = measured_on_new(artifact.head, known, artifact.learned, n_fitted=20)
    assert source is not None
    assert (tested.evaluation.n, rows.tolist(), source.n_leaks, source.is_of_new) == (2, [0, 1], 2, False)
    new = part.take(np.array([0, 2]))
    tested, rows, source = measured_on_new(artifact.head, new, artifact.learned, n_fitted=20)
    assert source is not None
    assert (tested.evaluation.n, source.n_leaks, source.is_of_new) == (2, 0, True)
    tested, rows, source = measured_on_new(artifact.head, part, None, n_fitted=20)
    assert (tested.evaluation.n, rows.tolist(), source) == (4, [0, 1, 2, 3], None)
