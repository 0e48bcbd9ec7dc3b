"""`SentenceClassifier(finetune=FineTune(...))` on a small random BERT."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from encoder_fakes import WORDS, make_checkpoint
from frostline import FineTune, SentenceClassifier
from frostline.errors import InputError, UsageError

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

PLAIN = [word for word in WORDS if word.isalpha()]
HOW = FineTune(epochs=2, few_steps=0, rate=1e-3, batch_texts=16)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_checkpoint(tmp_path_factory.mktemp("bert") / "encoder"))


def made(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts, and a label that hangs on the first word."""
    random, texts = np.random.default_rng(seed), set[str]()
    while len(texts) < n:
        texts.add(" ".join(random.choice(PLAIN, 6)))
    own = sorted(texts)
    return own, ["early" if PLAIN.index(text.split()[0]) < len(PLAIN) // 2 else "late" for text in own]


def estimator(encoder: str, **other: Any) -> SentenceClassifier:
    return SentenceClassifier(encoder, **{"finetune": HOW, "store": False, **other})


def test_it_is_tuned_saved_loaded_and_knows_its_texts(
    encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, labels = made(320)
    tuned = estimator(encoder).fit(texts[:300], labels[:300])
    assert tuned.tuning_ is not None
    assert len(tuned.tuning_.held_out) == 3
    assert tuned.calibration_ is not None
    assert str(tuned.encoder_.spec) == "mean@all"
    before = tuned.predict_proba(texts[300:])
    tuned.save(tmp_path / "model")
    loaded = SentenceClassifier.load(tmp_path / "model")
    assert loaded.predict_proba(texts[300:]) == pytest.approx(before, abs=1e-6)
    assert (loaded.finetune, loaded.encoder) == (HOW, "./encoder")
    monkeypatch.chdir(Path(encoder).parent)
    anew = clone(loaded).fit(texts[:300], labels[:300])
    assert anew.predict_proba(texts[300:]) == pytest.approx(before, abs=1e-5)
    assert loaded.explain(texts[300]).value is not None
    with pytest.raises(InputError, match="10 of 20 texts are ones that this encoder was tuned on"):
        SentenceClassifier(loaded.encoder_).fit(texts[290:310], ["a", "b"] * 10)
    again = pickle.loads(pickle.dumps(tuned))  # noqa: S301 - what joblib does between processes
    assert again.predict_proba(texts[300:]) == pytest.approx(before, abs=1e-6)


def test_several_labels_get_thresholds_by_the_rows_held_out(encoder: str) -> None:
    texts, labels = made(300)
    sets = [[label, "always"] if place % 2 else [label] for place, label in enumerate(labels)]
    tuned = estimator(encoder).fit(texts, sets)
    assert tuned.head_.rule is not None
    assert len(tuned.head_.rule.thresholds) == 3
    assert tuned.predict(texts[:2]).shape == (2,)


def test_few_texts_are_tuned_without_any_held_out(encoder: str) -> None:
    texts, labels = made(40)
    tuned = estimator(encoder, C=1.0).fit(texts, labels)
    assert tuned.tuning_ is not None
    assert tuned.tuning_.held_out == ()
    plain = SentenceClassifier(encoder, features="mean@all", store=False, C=1.0).fit(texts, labels)
    moved = tuned.encoder_.encode(texts).rows - plain.encoder_.encode(texts).rows
    assert np.abs(moved).max() > 1e-3
    assert (tuned.calibration_, tuned.search_, tuned.C_) == (None, None, 1.0)
    with pytest.raises(UsageError, match="chosen on rows held out, for which every label needs 64 texts"):
        estimator(encoder, C=1.0, abstain_precision=0.9).fit(texts, labels)


def test_abstaining_is_settled_by_the_rows_held_out(encoder: str) -> None:
    texts, labels = made(1500)
    tuned = estimator(encoder, abstain_precision=0.5, C=1.0, finetune=FineTune(epochs=1, held_out=0.3)).fit(
        texts, labels
    )
    assert tuned.rule_ is not None


def test_weights_of_texts_are_those_of_its_loss(encoder: str) -> None:
    """A text of weight 0 has no part; one that counts twice changes what is learned."""
    texts, labels = made(60)
    weights = np.ones(60)
    plain = estimator(encoder, C=1.0).fit(texts, labels).coef_
    same = estimator(encoder, C=1.0).fit(texts, labels, sample_weight=weights).coef_
    weights[:20] = 5
    other = estimator(encoder, C=1.0).fit(texts, labels, sample_weight=weights).coef_
    assert (plain == same).all()
    assert np.abs(plain - other).max() > 1e-4


def test_a_folder_keeps_the_tuned_encoder_and_none_of_the_run(encoder: str, tmp_path: Path) -> None:
    texts, labels = made(40)
    tuned = estimator(encoder, C=1.0, finetune=FineTune(epochs=1, folder=str(tmp_path))).fit(texts, labels)
    place = Path(tuned.encoder_.identity.name)
    assert place.parent.parent == tmp_path
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_without_a_folder_nothing_is_left(encoder: str) -> None:
    texts, labels = made(40)
    tuned = estimator(encoder, C=1.0, finetune=FineTune(epochs=1)).fit(texts, labels)
    place = Path(tuned.encoder_.identity.name)
    assert place.exists()
    del tuned
    assert not place.parent.exists()


def test_it_is_an_estimator_like_any_other(encoder: str) -> None:
    copied = clone(estimator(encoder))
    assert copied.get_params()["finetune"] == HOW
    assert "finetune=FineTune(epochs=2" in repr(copied)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copied.set_params(finetune=None)
    assert copied.finetune is None
