"""`+words`: who may count which texts, and that everything which answers counts them alike."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from fakes import FakeEncoder
from frostline.arrays import JoinedRows
from frostline.artifact.model import open_model
from frostline.classifier import SentenceClassifier
from frostline.data.dataset import Dataset, Source
from frostline.encoder.features import FeatureSpec
from frostline.encoder.words import FoldWords, WordedEncoder, fit, vocabulary_of, with_words
from frostline.errors import InputError, UsageError
from frostline.head.options import SearchOptions
from frostline.record import TrainingRecord
from frostline.score.answers import predictions
from frostline.store import FeatureStore, StoredEncoder
from frostline.store.stored import remembered
from frostline.sweep import SWEEP_FEATURES, SweepOptions, sweep
from frostline.sweep.compare import Contestant, compare
from frostline.targets import Targets
from frostline.training import TrainingOptions, save_training, train
from frostline.training.choosing import choice_in_turn, choose_features

Command = Callable[..., Any]
OPTIONS = TrainingOptions(search=SearchOptions(Cs=(0.01, 1.0), n_folds=3))
FEATURES = "mean@all+words"


def right(record: TrainingRecord) -> float:
    """The share of test rows that were answered right."""
    assert record.test is not None
    return record.test.accuracy.value


def open_fake(
    name: str, *, features: str, revision: str | None, max_length: int, threads: int | None, **_others: Any
) -> FakeEncoder:
    return FakeEncoder(features=features)


class Blind(FakeEncoder):
    """Tells texts apart by their number of words and by nothing else, so that only words can tell labels apart."""

    def _row(self, text: str) -> np.ndarray:
        return np.full(self.n_features, len(text.split()), np.float32)


def dataset(n: int, seed: int = 0, *, told: bool = True) -> Dataset:
    """Texts whose label two words tell together, of which every text of the label has one."""
    random = np.random.RandomState(seed)
    labels = [str(row % 2) for row in range(n)]
    texts = [
        " ".join([f"w{random.randint(9)}"] * random.randint(1, 4) + ([f"own{label}x{random.randint(3)}"] * told))
        for label in labels
    ]
    source = Source(name="made", sha256="0" * 64, size_bytes=0, text_column="1", label_column="2")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=list(range(1, n + 1)), source=source)


# --- the specification


def test_words_are_a_last_term_and_no_block() -> None:
    spec = FeatureSpec.parse(" cls@-1 + mean@all+words")
    assert str(spec) == "cls@-1+mean@all+words"
    assert FeatureSpec.parse(str(spec)) == spec
    assert spec.blocks(2) == FeatureSpec.parse("cls@-1+mean@all").blocks(2)
    assert not FeatureSpec.parse("mean@all").words
    alone = FeatureSpec.parse("words")
    assert str(alone) == "words"
    assert alone.is_words_alone
    assert not spec.is_words_alone
    assert alone.blocks(2) == ()


@pytest.mark.parametrize("features", ["words+words", "words+mean@all", "mean@all+words+words", "cls@-1+words+mean@-1"])
def test_words_stand_last(features: str) -> None:
    with pytest.raises(UsageError, match="Words must be the last term") as caught:
        FeatureSpec.parse(features)
    assert "mean@all+words" in (caught.value.hint or "")


# --- who is counted


def test_the_vocabulary_is_that_of_the_texts_learned_from() -> None:
    """Neither a test file's words nor those held out are in it; without labels, their order does not matter."""
    data, test = dataset(40), dataset(20, 1)
    strange = replace(test, texts=[f"{text} strange strange" for text in test.texts])
    found = train(data, Blind(features=FEATURES), test=strange, options=OPTIONS)
    assert found.vocabulary is not None
    assert found.vocabulary.terms == fit(data.texts).terms
    assert found.vocabulary.n_texts == 40
    held = train(data, Blind(features=FEATURES), options=OPTIONS)
    assert held.vocabulary is not None
    assert held.vocabulary.n_texts == held.record.n_trained < 40
    assert held.record.features.n_words == len(held.vocabulary.terms)
    assert held.record.features.n_features == 48 + len(held.vocabulary.terms)


def test_words_tell_what_the_encoder_cannot() -> None:
    data, test = dataset(60), dataset(60, 1)
    accuracy = {
        features: right(train(data, Blind(features=features), test=test, options=OPTIONS).record)
        for features in ("mean@all", FEATURES)
    }
    assert accuracy["mean@all"] < 0.7
    assert accuracy[FEATURES] == 1.0


def test_every_outer_fold_counts_its_own_texts_alone() -> None:
    data = dataset(45)
    rows = Blind().encode(data.texts).rows
    folds = FoldWords(rows, data.texts)
    training = np.arange(45) % 3 > 0
    name, own = folds(training)
    assert name == ""
    assert isinstance(own, JoinedRows)
    learned = [text for text, kept in zip(data.texts, training, strict=True) if kept]
    assert own.words.n_terms == len(fit(learned).terms)
    found = train(data, Blind(features=FEATURES), options=replace(OPTIONS, nested=True)).record
    assert found.nested is not None
    assert found.nested.chosen_features == ()
    assert right(found) > 0.95


def test_words_that_only_rows_left_out_make_common_are_not_counted() -> None:
    """Each pair of texts shares a word: by a vocabulary of all rows it would give its other half's label away."""
    order = np.random.RandomState(0).permutation(60) // 2
    data = replace(
        dataset(60),
        texts=[f"same u{pair}" for pair in order],
        targets=Targets.of_labels([str(pair % 2) for pair in order]),
    )
    found = train(data, Blind(features=FEATURES), options=replace(OPTIONS, nested=True)).record
    assert found.features.n_words > 30
    assert right(found) < 0.75


def test_no_word_twice_is_an_error_that_says_what_to_do() -> None:
    data = replace(dataset(40), texts=[f"t{row}" for row in range(40)])
    with pytest.raises(InputError, match="2 texts or more") as caught:
        train(data, FakeEncoder(features=FEATURES), options=OPTIONS)
    assert "+words" in (caught.value.hint or "")


# --- the sweep


def test_a_sweep_tries_words_beside_all_means_and_beside_the_best_block() -> None:
    found = sweep(dataset(60), Blind(features=SWEEP_FEATURES), options=SweepOptions(search=OPTIONS.search))
    tried = [trial.candidate for trial in found.trials]
    worded = [candidate for candidate in tried if candidate.words]
    assert worded[0].features == FEATURES
    assert worded[1].features == "words"
    assert len(worded) == 3
    assert len(worded[2].blocks) == 1
    assert not worded[2].is_single
    assert found.best.candidate.words
    assert found.winner.candidate == worded[1]  # as good, and narrowest
    assert found.best.score.value > 0.95


def test_a_sweep_leaves_words_out_where_none_occurs_twice() -> None:
    data = replace(dataset(40), texts=[f"t{row} {'y' * (row % 2)}{row}" for row in range(40)])
    found = sweep(data, FakeEncoder(features=SWEEP_FEATURES), options=SweepOptions(search=OPTIONS.search))
    assert not any(trial.candidate.words for trial in found.trials)


def test_the_winner_with_words_is_tested_with_words() -> None:
    found = sweep(
        dataset(60),
        Blind(features=SWEEP_FEATURES),
        test=dataset(40, 1),
        options=SweepOptions(search=OPTIONS.search),
    )
    assert found.test is not None
    assert found.test.evaluation.accuracy.value == 1.0
    assert found.test.tutorial.accuracy.value < 0.7


def test_auto_takes_words_and_every_outer_fold_too() -> None:
    data = dataset(60)
    nested = replace(OPTIONS, nested=True)
    wide = Blind(features=SWEEP_FEATURES)
    swept = choose_features(data, wide, options=nested)
    assert swept.winner.candidate.words
    choice = choice_in_turn(data, wide, options=nested)
    assert choice.n_candidates == len(swept.trials)
    encoder = Blind(features=swept.winner.candidate.features)
    found = train(data, encoder, options=nested, swept=swept, choose=choice)
    assert found.vocabulary is not None
    assert found.record.nested is not None
    assert all(name.endswith("words") for name in found.record.nested.chosen_features)
    assert right(found.record) > 0.95


def test_features_are_compared_with_and_without_words() -> None:
    kept = Blind()
    contestants = [
        Contestant(name="blind", features=features, kept=kept, fresh=Blind(features=features), size_bytes=1)
        for features in ("mean@all", FEATURES)
    ]
    found = compare(dataset(60), contestants, search=OPTIONS.search)
    assert [standing.features for standing in found.standings] == [FEATURES, "mean@all"]
    assert found.standings[0].n_features > 48
    assert found.standings[0].score.value - found.standings[1].score.value > 0.25


# --- answering


ODD = ["\U0001f642\U0001f642", "", "東京 で 会 い ま し ょ う", "own1x0", "never", "own0x0 own0x0 w1", "w1 " * 500]


def test_everything_that_answers_gives_the_same_probabilities(tmp_path: Path) -> None:
    """The training's head, the saved model, windows of a big file, a memory of rows: emoji, Chinese, nothing at all."""
    encoder = FakeEncoder(features=FEATURES)
    training = train(dataset(60), encoder, options=OPTIONS)
    assert training.vocabulary is not None
    save_training(training, tmp_path / "model", encoder=encoder)
    worded = WordedEncoder(encoder, training.vocabulary)
    expected = training.head.predict_proba(worded.encode(ODD).for_head)
    model = open_model(tmp_path / "model", open_encoder=open_fake)
    assert np.array_equal(model.predict_proba(ODD), expected)
    for window in (1, 3, 100):
        found = [one.probabilities for one in predictions(model, ODD, window=window)]
        assert np.allclose(found, expected, rtol=0, atol=1e-12)
    store = FeatureStore.open(tmp_path / "store")
    kept = remembered(model.encoder, store)
    assert vocabulary_of(kept) is not None
    for _ in range(2):
        assert np.array_equal(model.head.predict_proba(kept.encode(ODD).for_head), expected)


@pytest.mark.filterwarnings("ignore:.*lost their end")
def test_the_estimator_counts_words_as_training_does(tmp_path: Path) -> None:
    """Words need a `fit`: every clone counts anew, and a loaded one counts by what it learned with."""
    data = dataset(60)
    first = SentenceClassifier(encoder=FakeEncoder(features=FEATURES), C=0.1)
    fitted = first.fit(data.texts[:40], data.labels[:40])
    assert fitted.coef_.shape == (1, 48 + len(fit(data.texts[:40]).terms))
    other = clone(first).fit(data.texts, data.labels)
    assert other.coef_.shape == (1, 48 + len(fit(data.texts).terms))
    head = train(data, FakeEncoder(features=FEATURES), test=data, options=OPTIONS).head
    searched = SentenceClassifier(encoder=FakeEncoder(features=FEATURES), Cs=[0.01, 1.0], n_folds=3)
    assert np.array_equal(searched.fit(data.texts, data.labels).coef_, head.coef)
    path = tmp_path / "model"
    fitted.save(path, neighbours=(data.texts[:5], data.labels[:5]))
    model = open_model(path, open_encoder=open_fake)
    assert np.array_equal(model.predict_proba(ODD), fitted.predict_proba(ODD))


def test_several_labels_per_text_learn_from_words() -> None:
    data = dataset(60)
    sets = [{label, "all"} if row % 3 else set() for row, label in enumerate(data.labels)]
    found = SentenceClassifier(encoder=Blind(features=FEATURES), C=1.0).fit(data.texts, sets)
    assert found.coef_.shape[1] == 48 + len(fit(data.texts).terms)
    assert found.predict(["own1x0"]).shape == (1,)


def test_a_vocabulary_stands_beside_features_that_ask_for_one() -> None:
    texts = dataset(10).texts
    assert with_words(Blind(), texts).spec == FeatureSpec.parse("mean@all")
    assert str(with_words(Blind(features=FEATURES), texts).spec) == FEATURES
    assert WordedEncoder(Blind(), fit(texts)).spec.words


# --- the command line


def test_words_from_the_command_line(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    document = frostline("train", reviews, "--features", FEATURES, "-C", "0.01", "--out", out, "--json").document
    assert document["chosen"]["features"] == FEATURES
    n_words = document["features"]["n_words"]
    assert document["features"]["n_features"] == 2688 + n_words
    assert len(json.loads((out / "words.json").read_text("utf-8"))["terms"]) == n_words
    told = frostline("train", reviews, "--features", FEATURES, "-C", "0.01", "--details").out
    assert f"{n_words:,} of them words" in " ".join(told.split())
    assert frostline("predict", out, "a joy", "\U0001f642").code == 0
    assert frostline("evaluate", out, reviews, "--json").document["test"]["accuracy"]["value"] > 0.8
    explained = frostline("explain", out, "a joy to watch", "--json")
    assert explained.code == 0
    refused = frostline("embed", reviews, "--features", FEATURES, "--out", tmp_path / "rows.npy")
    assert refused.code == 2
    assert "Leave out +words" in refused.err
    assert not (tmp_path / "rows.npy").exists()


@pytest.mark.slow
def test_predicting_with_words_loads_neither_scipy_nor_scikit_learn(
    frostline: Command, reviews: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    assert frostline("train", reviews, "--features", FEATURES, "-C", "0.01", "--out", out, "--json").code == 0
    program = (
        "import sys\nfrom frostline.cli.main import run\n"
        f"code = run(['predict', {str(out)!r}, 'a joy'])\n"
        "heavy = {'scipy', 'sklearn', 'onnx', 'matplotlib', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(code or (9 if heavy else 0))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).returncode == 0


def test_a_memory_of_rows_knows_nothing_of_words(tmp_path: Path) -> None:
    """The same store serves features with and without words; no sentence is read twice."""
    plain = FakeEncoder()
    store = FeatureStore.open(tmp_path)
    texts = dataset(20).texts
    StoredEncoder(plain, store).encode(texts)
    again = with_words(StoredEncoder(FakeEncoder(features=FEATURES), store), texts).encode(texts)
    assert again.n_read == 0
    assert isinstance(again.for_head, JoinedRows)
