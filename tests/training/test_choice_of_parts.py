"""Features alone or with words beside them: what `train` keeps where nobody named the features, and what it says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.artifact.model import open_model
from frostline.classifier import SentenceClassifier
from frostline.cli.train import Wishes
from frostline.data.copies import are_new
from frostline.data.dataset import Dataset, Source
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.words import WORDS_ALONE, FoldWords, WordedEncoder, WordsAlone
from frostline.errors import ArtifactCorrupt
from frostline.evaluate.baselines import MAJORITY, WORDS
from frostline.evaluate.nested import nested_cross_validation
from frostline.explanation import explain
from frostline.head.fitted import PLAIN_ANSWERS, AnswerOptions, fit
from frostline.head.options import SearchOptions
from frostline.report.card import model_card
from frostline.report.document import as_document
from frostline.report.page import report_html
from frostline.report.phrases import parts_text
from frostline.sweep import SWEEP_FEATURES, SweepOptions, sweep
from frostline.targets import Targets
from frostline.training import TrainingOptions, save_training, train

SEARCH = SearchOptions(Cs=(0.01, 1.0), n_folds=3, choose_parts=True)
CHOSEN = TrainingOptions(search=SEARCH)
WISHES = Wishes(
    features=None,
    preset=None,
    grid=None,
    C=(),
    folds=5,
    scoring="accuracy",
    class_weight=None,
    one_standard_error=False,
    standardise=True,
    answers=AnswerOptions(),
    learning_curve=False,
    nested=False,
    test_fraction=0.25,
    strict=False,
    seed=0,
    is_held_out=False,
)


class Telling(FakeEncoder):
    """A row says whether the text cries or asks, which is no word."""

    def _row(self, text: str) -> np.ndarray:
        row = np.zeros(self.n_features, np.float32)
        row[: len(text.split())] = 1
        row[5] = text.endswith("!") * 1.0 - text.endswith("?")
        return row


def open_telling(name: str, *, features: str, **_others: object) -> SentenceEncoder:
    return Telling(features=features)


def dataset(n: int, *, seed: int = 0, in_words: float = 1.0, several: bool = False) -> Dataset:
    """Half of the texts cry or ask, as `Telling` sees; of the others so many in one tell their label by a word."""
    random = np.random.default_rng(seed)
    codes = random.permutation(np.arange(n) % 2)
    told = np.where(random.random(n) < in_words, codes, random.integers(2, size=n))
    texts = [
        f"w{random.integers(9)} w{row}{'?!'[code]}" if row % 2 else f"hidden own{word} w{random.integers(9)} w{row}"
        for row, (code, word) in enumerate(zip(codes, told, strict=True))
    ]
    targets = Targets.of_labels([f"label {code}" for code in codes])
    if several:
        targets = Targets(labels=("a", "b"), members=np.stack([codes == 1, np.arange(n) % 3 == 0], 1), exclusive=False)
    source = Source(name="made", sha256="0" * 64, size_bytes=0, text_column="1", label_column="2")
    return Dataset(texts=texts, targets=targets, lines=list(range(1, n + 1)), source=source)


@pytest.mark.parametrize("several", [False, True], ids=["one label", "several labels"])
def test_words_that_tell_are_kept_beside_the_features(tmp_path: Path, *, several: bool) -> None:
    data, test = dataset(120, several=several), dataset(60, seed=1, several=several)
    encoder = Telling()
    found = train(data, encoder, test=test, options=CHOSEN)
    parts = found.record.parts
    assert parts is not None
    assert parts.is_chosen
    assert parts.kept == found.record.features.spec == "mean@all+words"
    assert [trial.features for trial in parts.trials] == ["mean@all", "words", "mean@all+words"]
    assert parts.trials[0].lead.value == 0
    assert parts.trials[2].lead.value > 0
    if not several:
        assert found.record.search.best_score == pytest.approx(parts.trials[2].score, abs=0.02), "of what was kept"
        assert (found.record.search.best_score or 0) > parts.trials[0].score + 0.1
    assert found.record.features.n_candidates == 3
    assert found.vocabulary is not None
    assert as_document(found.record)["parts"] is not None
    save_training(found, tmp_path / "model", encoder=encoder)
    model = open_model(tmp_path / "model", open_encoder=open_telling)
    new = np.flatnonzero(are_new(test.texts, data.texts))
    assert len(new) == len(found.test_probabilities) == 57
    assert np.allclose(model.predict_proba(test.take(new).texts), found.test_probabilities)


def blind() -> Dataset:
    """Every label in the words alone."""
    data = dataset(120)
    texts = [f"hidden own{code} w{row}{' so' * (row % 3)}" for row, code in enumerate(data.targets.codes.tolist())]
    return replace(data, texts=texts)


def refused(*_given: object, **_others: object) -> SentenceEncoder:
    raise AssertionError("An encoder was opened.")


@pytest.mark.parametrize("is_nested", [False, True], ids=["held out", "in turn"])
def test_words_alone_need_no_encoder(tmp_path: Path, *, is_nested: bool) -> None:
    """Chosen where they win clearly: the artifact names no encoder, and answers and explains without one."""
    found = train(blind(), Telling(), options=replace(CHOSEN, nested=is_nested))
    assert found.record.parts is not None
    assert found.record.parts.kept == found.record.features.spec == "words"
    assert found.record.encoder == WORDS_ALONE
    assert found.record.features.n_features == found.record.features.n_words
    assert found.record.search.chosen_C == found.record.parts.word_Cs[0]
    save_training(found, tmp_path / "model", encoder=Telling(), with_encoder=True, keep_neighbours=True)
    assert not (tmp_path / "model" / "encoder").exists()
    assert not (tmp_path / "model" / "neighbours.safetensors").exists()
    model = open_model(tmp_path / "model", open_encoder=refused)
    assert found.vocabulary is not None
    asked = ["own1 w3", "hidden own0 w1", "", "own1"]
    reader = WordedEncoder(WordsAlone(), found.vocabulary)
    assert np.array_equal(model.predict_proba(asked), found.head.predict_proba(reader.encode(asked).for_head))
    assert model.predict(asked)[[0, 1, 3]].tolist() == ["label 1", "label 0", "label 1"]
    explained = explain(model, "hidden own1!")
    assert [word.text for word in explained.words] == ["hidden", "own1"]
    assert explained.pieces == ("hidden", "own1")


@pytest.mark.parametrize("is_nested", [False, True], ids=["held out", "in turn"])
def test_words_alone_by_name(*, is_nested: bool) -> None:
    options = TrainingOptions(search=SearchOptions(n_folds=3), nested=is_nested)
    named = train(blind(), WordsAlone(), options=options)
    assert named.record.parts is None
    assert named.record.features.spec == "words"
    assert [one.name for one in named.record.baselines] == [MAJORITY, WORDS], "no centroid of no features"
    for written in (model_card(named.record), report_html(named.record, named.examples)):
        assert "words alone" in written
        assert "word pieces" not in written


def test_a_sweep_tries_words_alone() -> None:
    options = SweepOptions(search=SearchOptions(Cs=(0.01,), n_folds=3))
    swept = sweep(blind(), Telling(features=SWEEP_FEATURES), test=blind(), options=options)
    scores = {trial.candidate.features: trial.score.value for trial in swept.trials}
    assert scores["words"] == 1.0
    assert scores["mean@all"] < 0.7


def test_a_manifest_of_words_alone_names_no_encoder(tmp_path: Path) -> None:
    found = train(blind(), WordsAlone(), options=TrainingOptions(search=SearchOptions(n_folds=3)))
    loaded = save_training(found, tmp_path / "model", encoder=WordsAlone())
    forged = replace(loaded, manifest=replace(loaded.manifest, encoder=Telling().identity))
    with pytest.raises(ArtifactCorrupt, match="words alone, but of another reader"):
        open_model(forged)


def test_the_estimator_chooses_where_nobody_named_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = blind()
    monkeypatch.setattr(SentenceClassifier, "_open_encoder", lambda *_: Telling())

    def features_of(**given: Any) -> str:
        return str(SentenceClassifier(**given).fit(data.texts, data.labels).encoder_.spec)

    assert features_of(Cs=[0.01, 1.0], n_folds=3) == "words"
    assert features_of(Cs=[0.01, 1.0], n_folds=3, features="mean@all") == "mean@all"
    assert features_of(C=1.0) == "mean@all"
    assert features_of(Cs=[0.01, 1.0], n_folds=3, encoder=Telling()) == "mean@all"
    monkeypatch.setattr(SentenceClassifier, "_open_encoder", refused)
    named = SentenceClassifier(features="words", n_folds=3).fit(data.texts, data.labels)
    assert named.precision_ is None
    named.save(tmp_path / "model")
    again = SentenceClassifier.load(tmp_path / "model")
    assert again.features == "words"
    assert np.array_equal(again.predict_proba(data.texts), named.predict_proba(data.texts))
    assert again.fit(data.texts, data.labels).score(data.texts, data.labels) == 1.0


def test_words_that_tell_nothing_are_left_out_and_leave_no_trace(tmp_path: Path) -> None:
    data, test = dataset(120, in_words=0.0), dataset(60, seed=1, in_words=0.0)
    found = train(data, Telling(), test=test, options=CHOSEN)
    plain = train(data, Telling(), test=test, options=TrainingOptions(search=replace(SEARCH, choose_parts=False)))
    parts = found.record.parts
    assert parts is not None
    assert parts.kept == found.record.features.spec == "mean@all"
    assert found.vocabulary is None
    assert np.array_equal(found.head.coef, plain.head.coef)
    assert np.array_equal(found.test_probabilities, plain.test_probabilities)
    assert found.record.features.n_features == plain.record.features.n_features
    assert plain.record.parts is None
    save_training(found, tmp_path / "model", encoder=Telling())
    assert not (tmp_path / "model" / "words.json").exists()


def test_features_that_were_named_are_not_chosen() -> None:
    found = train(dataset(120), Telling(features="mean@all+words"), options=TrainingOptions(search=SearchOptions()))
    assert found.record.parts is not None
    assert not found.record.parts.is_chosen
    assert found.record.features.n_candidates == 1
    assert "kept" not in parts_text(found.record.parts)


def test_no_word_twice_leaves_nothing_to_choose() -> None:
    data = replace(dataset(40), texts=[f"t{row}" for row in range(40)])
    found = train(data, FakeEncoder(), options=CHOSEN)
    assert found.record.parts is None
    assert found.record.features.n_candidates == 1


def test_every_outer_fold_chooses_by_its_own_rows() -> None:
    """Labels of the rows that a fold left out are drawn by lot: what the others choose for them, and answer, stays."""
    data = dataset(90)
    folds = FoldWords(Telling().encode(data.texts).rows, data.texts)
    first = nested_cross_validation(folds.rows, data.targets, options=SEARCH, choose=folds, n_outer=3)
    assert first.kept_parts == ("both", "both", "both")
    training = first.fold_of != 1
    _, rows = folds(training)
    alone = fit(rows[training], data.targets.take(training), search=SEARCH, answers=PLAIN_ANSWERS)
    assert np.allclose(alone.head.predict_proba(rows[~training]), first.probabilities[~training])
    found = train(data, Telling(), options=replace(CHOSEN, nested=True)).record
    assert found.nested is not None
    assert found.nested.chosen_features == ("mean@all+words",) * 3


def test_the_command_chooses_unless_features_or_the_practical_are_named() -> None:
    assert WISHES.settled()[1].search.choose_parts
    for wishes in (replace(WISHES, features="mean@all"), replace(WISHES, features="auto")):
        assert not wishes.settled()[1].search.choose_parts
    assert not replace(WISHES, preset="tutorial").settled()[1].search.choose_parts
