"""A start for few rows: like labels come together, and it is kept only where folds say that it gains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from encoder_fakes import WORDS, make_checkpoint
from frostline import FineTune, SentenceClassifier
from frostline.finetune.contrast import likeness_of_labels
from frostline.targets import Targets
from frostline.training import tuning as tuning_module

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

PLAIN = [word for word in WORDS if word.isalpha()]
HOW = FineTune(epochs=1, few_steps=0, contrast=150, rate=1e-3)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_checkpoint(tmp_path_factory.mktemp("bert") / "encoder"))


def made() -> tuple[list[str], list[str]]:
    """Texts that hold one of two words among others, and which of them it is."""
    random = np.random.default_rng(0)
    texts = [" ".join(random.permutation([*random.choice(PLAIN[2:], 5), PLAIN[n % 2]])) for n in range(24)]
    return texts, [PLAIN[n % 2] for n in range(24)]


def cosines(rows: Any, labels: Sequence[str]) -> tuple[float, float]:
    """The mean cosine of last layers within labels, and between them."""
    last = rows[:, -16:] / np.linalg.norm(rows[:, -16:], axis=1, keepdims=True)
    same = np.array(labels)[:, None] == np.array(labels)[None]
    return float((last @ last.T)[same].mean()), float((last @ last.T)[~same].mean())


@pytest.mark.parametrize("gains", [True, False])
def test_like_labels_come_together_where_folds_say_that_it_gains(
    encoder: str, *, gains: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_module._Start, "_gains", lambda _self: gains)
    texts, labels = made()
    tuned = SentenceClassifier(encoder, features="mean@all", C=1.0, store=False, finetune=HOW).fit(texts, labels)
    within, between = cosines(tuned.encoder_.encode(texts).rows, labels)
    assert (within - between > 0.2) is gains


def test_what_folds_say_is_asked_of_rows_that_were_not_contrasted(
    encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fold's rows are judged after steps on the other's; where nothing is gained the encoder starts as it was."""
    asked: list[np.ndarray] = []
    real = tuning_module._Start._contrasted

    def contrasted(self: Any, network: Any, fit: np.ndarray) -> Any:
        asked.append(fit)
        return real(self, network, fit)

    monkeypatch.setattr(tuning_module._Start, "_contrasted", contrasted)
    texts, labels = made()
    SentenceClassifier(encoder, features="mean@all", C=1.0, store=False, finetune=HOW).fit(texts, labels)
    assert sorted(np.concatenate(asked[:2]).tolist()) == list(range(24))
    assert len(asked) in {2, 3}
    assert len(asked) == 2 or len(asked[2]) == 24


def test_labels_are_as_alike_as_what_they_share() -> None:
    """Of one label each: alike or not."""
    assert likeness_of_labels(Targets.of_labels(["a", "b", "a"])).tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    several = likeness_of_labels(Targets.of_sets([["a", "b"], ["a"], [], []]))
    assert several.tolist() == [[1, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
