"""A cascade from its wish to its answers: trained, saved, predicted, evaluated, explained, by command and in Python."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from conftest import Command
from fakes import FakeEncoder
from frostline import CascadeOptions, SentenceClassifier, open_model
from frostline.errors import UsageError
from frostline.evaluate.baselines import Part
from frostline.evaluate.probabilities import brier_score, log_loss
from frostline.targets import Targets
from frostline.training import cascaded
from frostline.training.cascaded import cascade_test
from frostline.training.tested import measured_head

N = 150
OPTIONS = CascadeOptions(upper=0.05)


def some_texts(n: int = N, seed: int = 0) -> tuple[list[str], list[str]]:
    """Sentences of which four in five are told by a word, the others by a rarer one."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for place in range(n):
        label = int(random.integers(2))
        sure = ("dreadful", "wonderful")[label]
        hard = ("gloomy", "sunny", "grim", "bright")[label + 2 * int(random.integers(2))]
        told = sure if random.random() < 0.8 else hard
        texts.append(f"a {told} story about number {random.integers(30)} and town {place + 1000 * seed}")
        labels.append(("bad", "good")[label])
    return texts, labels


def fitted(**parameters: Any) -> SentenceClassifier:
    texts, labels = some_texts()
    wished = {"cascade": OPTIONS, "Cs": [1e-3, 1e-2, 1e-1], "n_folds": 3, **parameters}
    return SentenceClassifier(FakeEncoder(), **wished).fit(texts, labels)


def test_the_estimator_reads_what_the_cheap_head_leaves(tmp_path: Path) -> None:
    classifier = fitted()
    assert classifier.cascade_ is not None
    assert classifier.cascade_fit_ is not None
    assert str(classifier.cascade_.reader.spec) == "words"
    new, labels = some_texts(60, seed=1)
    _, first = classifier.cascade_.hear(new)
    early = first.answered
    assert 0.3 < early.mean() < 1
    encoder = classifier.encoder
    assert isinstance(encoder, FakeEncoder)
    encoder.read.clear()
    said = classifier.predict_proba(new)
    assert encoder.read == [text for text, is_early in zip(new, early, strict=True) if not is_early]
    assert said[early].tobytes() == first.probabilities[early].tobytes()
    full = classifier.head_.predict_proba(encoder.encode(new).for_head)
    assert said[~early].tobytes() == full[~early].tobytes()
    assert classifier.predict(new).tolist() == classifier.classes_[said.argmax(axis=1)].tolist()
    assert (classifier.decision_function(new) > 0).tolist() == (said[:, 1] > 0.5).tolist()
    assert classifier.score(new, labels) == np.mean(classifier.predict(new) == np.array(labels))
    alone = [classifier.predict_proba([text]) for text in new]
    assert np.concatenate(alone).tobytes() == said.tobytes()


def test_it_is_told_in_a_report(tmp_path: Path) -> None:
    classifier = fitted()
    new, labels = some_texts(80, seed=2)
    report = classifier.evaluate(new, labels)
    told = report.value.cascade
    assert told is not None
    assert classifier.cascade_ is not None
    early = classifier.cascade_.hear(new)[1].answered
    assert told.early.value == early.mean()
    full = classifier.encoder_.encode(new).for_head
    changed = classifier.predict(new) != classifier.head_.predict(full)
    assert told.changed.value == changed.mean()
    assert told.changed.interval[0] <= told.changed.value < told.changed.interval[1]
    assert told.right.value == classifier.score(new, labels)
    assert told.right_without.value == np.mean(classifier.head_.predict(full) == np.array(labels))
    assert f"Cascade: {100 * early.mean():.1f} (" in str(report)
    report.save(tmp_path / "page.html")
    assert "What the cascade does" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize("several", [False, True], ids=["one-label", "several-labels"])
def test_what_is_measured_is_of_the_answers_that_are_given(*, several: bool) -> None:
    """Not of the full head: scores, probabilities, and those of them before calibration."""
    texts, labels = some_texts(300)
    new, truth = some_texts(120, seed=5)
    asked: Any = [[label] for label in labels] if several else labels
    met: Any = [[label] for label in truth] if several else truth
    classifier = SentenceClassifier(
        FakeEncoder(), cascade=OPTIONS, Cs=[1e-3, 1e-2, 1e-1], n_folds=3, calibrate="temperature"
    ).fit(texts, asked)
    assert classifier.cascade_ is not None
    found = classifier.evaluate(new, met).value
    given = classifier.predict_proba(new)
    full = classifier.head_.predict_proba(classifier.encoder_.encode(new).for_head)
    assert np.abs(given - full).max() > 0.01
    targets = Targets.of_sets(met) if several else Targets.of_labels(met)
    assert found.probabilities is not None
    assert found.probabilities.scores.log_loss == log_loss(given, targets)
    assert found.probabilities.scores.brier == brier_score(given, targets)
    assert found.probabilities.before is not None
    _, first = classifier.cascade_.hear(new)
    plain = replace(classifier.head_, calibration=None).predict_proba(classifier.encoder_.encode(new).for_head)
    reader, cheap = classifier.cascade_.reader, replace(classifier.cascade_.head, calibration=None)
    plain[first.answered] = cheap.predict_proba(reader.encode(new).for_head)[first.answered]
    assert found.probabilities.before.log_loss == log_loss(plain, targets)
    score = found.test.scores["subset_accuracy" if several else "accuracy"]
    assert score.value == classifier.score(new, met)


def test_an_answer_where_the_full_head_is_silent_is_a_changed_one() -> None:
    classifier = fitted()
    new, labels = some_texts(80, seed=2)
    assert classifier.cascade_ is not None
    part = Part(new, classifier.encoder_.encode(new).for_head, Targets.of_labels(labels))
    tested = measured_head(classifier.head_, part, cascade=classifier.cascade_)
    assert tested.without is not None
    assert tested.without.early is not None
    silent = replace(tested, without=replace(tested.without, answered=np.zeros(80, dtype=bool)))
    found = cascade_test(classifier.cascade_, classifier.encoder_, silent)
    assert found is not None
    assert found.changed.value == tested.without.early.mean() > 0
    assert cascade_test(classifier.cascade_, classifier.encoder_, replace(tested, without=None)) is None


def test_what_the_cheap_head_takes_counts_against_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half as long as the encoder for all texts, and three of eight letters left to that."""
    classifier = fitted()
    assert classifier.cascade_ is not None
    ticks = iter([0.0, 4.0, 10.0, 12.0])
    monkeypatch.setattr(cascaded, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    early = np.array([True, False])
    found = cascaded.speed_up(classifier.cascade_, classifier.encoder_, ["four", "it"], early)
    assert found == 1 / (0.5 + 3 / 8)


def test_what_answered_is_explained() -> None:
    classifier = SentenceClassifier(
        "minilm", features="mean@-1", cascade=OPTIONS, Cs=[1e-3, 1e-2], n_folds=3, store=False
    ).fit(*some_texts())
    assert classifier.cascade_ is not None
    assert str(classifier.cascade_.reader.spec) == "mean@0+words"
    for text, is_early in (("a wonderful story", True), ("umbrellas", False)):
        report = classifier.explain(text)
        assert report.value.is_early is is_early
        shares = [share for _, share in report.value.probabilities]
        assert shares == pytest.approx(classifier.predict_proba([text])[0].tolist(), abs=1e-12)
        assert ("cheap head answered, by words" in str(report)) is is_early
        assert ("The full head answered" in str(report)) is not is_early


@pytest.mark.parametrize("with_matrix", [False, True], ids=["sets", "matrix"])
def test_several_labels_and_no_answer(*, with_matrix: bool) -> None:
    texts, labels = some_texts(400)
    labels = [labels[place - 1] if place % 12 == 0 else label for place, label in enumerate(labels)]
    sets: Any = [[label, "long"] if place % 3 else [label] for place, label in enumerate(labels)]
    texts = [f"{text} long long" if place % 3 else text for place, text in enumerate(texts)]
    if with_matrix:
        sets = np.array([[name in own for name in ("bad", "good", "long")] for own in sets]).astype(int)
    classifier = SentenceClassifier(
        FakeEncoder(), cascade=OPTIONS, Cs=[1e-3, 1e-2], n_folds=3, abstain_precision=0.9
    ).fit(texts, sets)
    assert classifier.cascade_ is not None
    heard = classifier.cascade_.hear(texts)[1]
    assert heard.answered.mean() > 0.2
    said = classifier.predict(texts[:50])
    early = np.flatnonzero(heard.answered[:50])
    if with_matrix:
        assert (said[early] == heard.favoured[early]).all()
    else:
        given = [tuple(np.array(heard.labels)[row].tolist()) for row in heard.favoured[early]]
        assert [said[place] for place in early] == given
    assert classifier.head_.rule is not None
    assert classifier.cascade_.head.rule is not None
    assert classifier.cascade_.head.rule.answer_from >= classifier.head_.rule.answer_from > 0


def test_a_saved_one_answers_as_before_and_is_fitted_again_with_its_wish(tmp_path: Path) -> None:
    texts, labels = some_texts()
    classifier = SentenceClassifier("minilm", cascade=OPTIONS, n_folds=3, Cs=[1e-3, 1e-2], store=False)
    classifier.fit(texts, labels)
    assert classifier.cascade_ is not None
    new, _ = some_texts(40, seed=3)
    classifier.save(tmp_path / "model")
    loaded = SentenceClassifier.load(tmp_path / "model")
    assert loaded.cascade == OPTIONS
    assert loaded.cascade_ is not None
    assert loaded.predict_proba(new).tobytes() == classifier.predict_proba(new).tobytes()
    assert loaded.decision_function(new).tobytes() == classifier.decision_function(new).tobytes()
    model = open_model(tmp_path / "model")
    assert model.predict_proba(new).tobytes() == classifier.predict_proba(new).tobytes()
    plain, asked = model.answer(new), model.answer(new, with_likeness=True)
    assert asked.probabilities.tobytes() == plain.probabilities.tobytes()
    assert asked.likeness is not None
    assert plain.early is not None
    assert plain.early.any()
    assert clone(loaded).get_params()["cascade"] == OPTIONS
    again = pickle.loads(pickle.dumps(classifier))  # noqa: S301 - our own
    assert again.predict_proba(new).tobytes() == classifier.predict_proba(new).tobytes()


def test_where_it_cannot_be_promised_there_is_none() -> None:
    with pytest.warns(
        UserWarning, match=r"^No cascade: that it changes fewer than 1 % of the answers takes 368 texts or"
    ):
        classifier = fitted(cascade=True)
    assert classifier.cascade_ is None
    assert classifier.evaluate(*some_texts(20, seed=4)).value.cascade is None
    with pytest.warns(
        UserWarning, match=r"^No cascade: words cost next to nothing to read, so there is nothing to save"
    ):
        assert _of_words().cascade_ is None


def _of_words() -> SentenceClassifier:
    return SentenceClassifier(features="words", cascade=OPTIONS, Cs=[1e-3, 1e-2], n_folds=3).fit(*some_texts())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cascade": 0.5}, "cascade must be True, False or CascadeOptions (got '0.5')."),
        (
            {"C": 1.0},
            "A cascade is chosen on the rows that the search for C holds out (C=1.0 was given, so there is none).",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_text_is_read(parameters: dict[str, Any], message: str) -> None:
    encoder = FakeEncoder()
    with pytest.raises(UsageError) as caught:
        SentenceClassifier(encoder, **{"cascade": True, **parameters}).fit(*some_texts(20))
    assert caught.value.message == message
    assert encoder.read == []


def write(path: Path, texts: list[str], labels: list[str]) -> Path:
    path.write_text("".join(f"{text}\t{label}\n" for text, label in zip(texts, labels, strict=True)), "utf-8")
    return path


def test_by_command_from_a_file_to_answers(frostline: Command, tmp_path: Path) -> None:
    train, test = (write(tmp_path / f"{n}.tsv", *some_texts(n, seed=seed)) for n, seed in ((150, 0), (60, 1)))
    model = tmp_path / "model"
    how = ("--cascade", "--cascade-upper", "0.05", "-C", "0.001", "-C", "0.01", "--features", "mean@-1")
    trained = frostline("train", train, "--test", test, *how, "--out", model, "--json").document
    told = trained["cascade"]
    assert (told["why"], told["features"], told["most_changed"], told["below"]) == ("", "mean@0+words", 0.005, 0.05)
    assert told["changed"]["interval"][1] < 0.05
    assert told["test"]["early"]["n"] == 60
    assert told["test"]["speed_up"] > 0
    card = (model / "README.md").read_text("utf-8")
    assert f"`words.json` holds the {told['n_words']:,} words and pairs of words" in card
    assert "Cascade: " in card
    shown = frostline("evaluate", model, test)
    assert "% of these texts are answered before the encoder reads them, " in " ".join(shown.out.split())
    out = tmp_path / "out.jsonl"
    scored = frostline("predict", model, test, "--out", out)
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    n_early = round(60 * told["test"]["early"]["value"])
    assert f"{n_early} of 60 texts answered early, by the cascade." in scored.err
    opened = open_model(model)
    texts, truth = some_texts(60, seed=1)
    given = log_loss(opened.predict_proba(texts), Targets.of_labels(truth))  # of the very answers, in both reports
    assert trained["probabilities"]["scores"]["log_loss"]["value"] == pytest.approx(given.value, abs=1e-9)
    measured = frostline("evaluate", model, test, "--json").document
    assert measured["probabilities"]["scores"]["log_loss"]["value"] == pytest.approx(given.value, abs=1e-9)
    assert measured["test"]["accuracy"] == trained["test"]["accuracy"]
    assert [row["label"] for row in rows] == opened.predict(texts).tolist()
    lines = frostline("predict", model, *texts[:3])
    assert "of 3 texts answered early, by the cascade." in lines.err
    assert "answered early" not in frostline("predict", model, texts[0]).err
    marked = frostline("predict", model, test, "--out", tmp_path / "marked.jsonl", "--flag-unlike", "0.1")
    assert (
        f"{n_early} of 60 texts answered early, by the cascade; all were read, to tell how like they are." in marked.err
    )
    explained = frostline("explain", model, "a wonderful story", "--json").document
    assert explained["is_early"] is True


def test_a_wish_that_cannot_be_met_is_told_or_refused(frostline: Command, tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", *some_texts(100))
    how = ("train", train, "--cascade", "-C", "0.01", "--features", "mean@-1")
    shown = frostline(*how)
    sentence = (
        "No cascade: that it changes fewer than 1 % of the answers takes 368 texts or more to learn from (these are "
        "75, those that belong together counted once)."
    )
    assert shown.code == 0
    assert " ".join((shown.out + shown.err).split()).count(sentence) == 1
    refused = frostline(*how, "--strict")
    assert sentence in " ".join(refused.err.split())
    assert refused.code != 0
    alone = frostline("train", train, "--cascade-changed", "0.01")
    assert "--cascade-changed and --cascade-upper say what a cascade may change: add --cascade." in alone.err
    high = " ".join(frostline("train", train, "--cascade", "--cascade-changed", "0.02").err.split())
    assert "--cascade-changed must be below --cascade-upper (got 0.02 and 0.01)." in high
    assert "Say both: the upper end of the share's interval lies above" in high


def test_every_row_in_turn_tells_of_the_folds(frostline: Command, tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", *some_texts(120))
    how = ("train", train, "--nested", "--cascade", "--cascade-upper", "0.05", "-C", "0.01", "--features", "mean@-1")
    told = " ".join(frostline(*how).out.split())
    assert "Cascade: as new ones " in told
    assert "The other figures are those of the full head alone." in told
    assert " % of the texts learned from are answered before the encoder reads them. That changes 0.0 (0.0" in told
