"""An exported classifier says what the classifier says: every head's graph; the folder, by its own programs."""

import bisect
import functools
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import onnx
import onnxruntime
import pytest
from made_early import saved_early, told_texts
from made_wordy import WORDY, saved_wordy, wordy_texts
from tokenizers import Tokenizer

from conftest import Command
from encoder_fakes import make_checkpoint
from frostline.artifact.model import Model, open_model
from frostline.classifier import SentenceClassifier
from frostline.encoder.encoder import Encoder
from frostline.encoder.words import terms_of, vocabulary_of
from frostline.errors import BackendError, InputError, OutputError
from frostline.export.characters import characters_of, letters
from frostline.export.graph import build_classifier
from frostline.export.run import TOLERANCE, _graph, _readable, _self_test, _tried, export, gate_of, refuse_place
from frostline.head.linear import Calibration, LinearHead, Rule, applied
from hostile import hostile_texts

N_LABELS = 3
KNOTS = (((0.1, 0.05), (0.4, 0.5), (0.9, 0.6)), ((0.2, 0.2), (0.21, 0.9)), ((0.0, 0.0), (0.3, 0.0), (1.0, 1.0)))
TEXTS = ["good film.", "bad", "a", "", "b a d f i l m ! ? , . a b", "good good bad film " * 20]


def plain(n_labels: int, n_features: int, **chosen: Any) -> LinearHead:
    """A head of random coefficients."""
    rng = np.random.default_rng(n_labels)
    rows = 1 if n_labels == 2 and chosen.get("link", "softmax") == "softmax" else n_labels
    labels = tuple(f"label {number}" for number in range(n_labels))
    coef, intercept = rng.standard_normal((rows, n_features)) / 8, rng.standard_normal(rows)
    return LinearHead(labels=labels, coef=coef, intercept=intercept, **chosen)


HEADS: dict[str, Callable[[int], LinearHead]] = {
    "two labels": lambda width: plain(2, width),
    "two labels, temperature, a threshold": lambda width: plain(
        2,
        width,
        calibration=Calibration(method="temperature", temperature=2.5),
        rule=Rule(thresholds=(0.3, 0.7)),
    ),
    "two labels, a map": lambda width: plain(2, width, calibration=Calibration(method="isotonic", knots=KNOTS[:1])),
    "three labels": lambda width: plain(N_LABELS, width),
    "three labels, maps, thresholds": lambda width: plain(
        N_LABELS,
        width,
        calibration=Calibration(method="isotonic", knots=KNOTS),
        rule=Rule(thresholds=(0.2, 0.5, 0.3)),
    ),
    "maps that give nothing": lambda width: plain(
        N_LABELS, width, calibration=Calibration(method="isotonic", knots=(((0.0, 0.0), (1.0, 0.0)),) * N_LABELS)
    ),
    "sets": lambda width: plain(N_LABELS, width, link="logistic"),
    "sets, maps, thresholds, sure": lambda width: plain(
        N_LABELS,
        width,
        link="logistic",
        calibration=Calibration(method="isotonic", knots=KNOTS),
        rule=Rule(thresholds=(0.4, 0.55, 0.1)),
    ),
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder.open(str(make_checkpoint(tmp_path_factory.mktemp("encoder"))), features="cls@-1+mean@all+max@1")


@pytest.mark.parametrize("name", HEADS)
def test_the_graph_says_what_the_head_says(name: str, encoder: Encoder) -> None:
    from frostline.encoder.architecture import load_architecture  # noqa: PLC0415 - used here alone

    head = HEADS[name](encoder.n_features)
    if head.rule is not None:  # so that it is unsure of half of the texts
        shares = head.predict_proba(encoder.encode(TEXTS).for_head)
        head = replace(
            head, rule=replace(head.rule, answer_from=float(np.median(applied(head.rule, shares, link=head.link)[1])))
        )
    assert encoder.folder is not None
    architecture = load_architecture(encoder.folder)
    model = build_classifier(
        architecture.shape, encoder.blocks, head, weights=dict(architecture.tensors), form="float32"
    )
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = head.answer(head.predict_proba(encoder.encode(TEXTS).for_head))
    for row, ids in enumerate(encoder.word_pieces.tokenize(TEXTS).ids):
        twice = np.stack([ids, ids]).astype(np.int64)
        found = dict(
            zip([out.name for out in session.get_outputs()], session.run(None, {"input_ids": twice}), strict=True)
        )
        for alike in (0, 1):
            assert found["probabilities"][alike] == pytest.approx(expected.probabilities[row], abs=1e-6)
            assert found["favoured"][alike].tolist() == expected.favoured[row].tolist()
            assert bool(found["answered"][alike]) == bool(expected.answered[row])
            if head.link == "softmax":
                assert found["label"][alike] == head.labels[int(expected.favoured[row].argmax())]
            else:
                assert "label" not in found
    assert expected.answered.all() == (head.rule is None)
    assert expected.answered.any()


@pytest.mark.parametrize("padding", [None, 1])
def test_positions_are_counted_in_the_graph_as_before_it(padding: int | None, encoder: Encoder) -> None:
    """RoBERTa counts what is no padding; a sentence may spell its padding."""
    from frostline.encoder.architecture import load_architecture  # noqa: PLC0415 - as above
    from frostline.encoder.layout import _places  # noqa: PLC0415 - what the encoder's own graph is given

    assert encoder.folder is not None
    architecture = load_architecture(encoder.folder)
    shape = replace(architecture.shape, position_padding=padding)
    head = plain(2, encoder.n_features)
    model = build_classifier(shape, encoder.blocks, head, weights=dict(architecture.tensors), form="float32")
    model.graph.output.append(onnx.helper.make_tensor_value_info("places", onnx.TensorProto.INT64, ["T"]))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    run = np.array([[2, 5, 1, 6, 3], [2, 1, 1, 7, 3]])
    found = session.run(["places"], {"input_ids": run})[0]
    assert found.tolist() == _places(run, padding).ravel().tolist()


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved classifier on a small encoder."""
    folder = tmp_path_factory.mktemp("small")
    texts = [f"{word} film {letter}" for word in ("good", "bad") for letter in "abcdefghijklmnop"]
    labels = [text.split()[0] for text in texts]
    classifier = SentenceClassifier(encoder=str(make_checkpoint(folder / "encoder")), features="mean@all")
    classifier.fit(texts, labels).save(folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def small(small_folder: Path) -> Model:
    """That, opened."""
    return open_model(small_folder)


def test_a_folder_that_needs_nothing_of_ours(small: Model, tmp_path: Path) -> None:
    done = export(small, tmp_path / "out")
    assert done.precision == "float32"
    assert done.n_texts == 15
    assert done.difference < 1e-6
    settings = json.loads((tmp_path / "out" / "classifier.json").read_text("utf-8"))
    assert settings["labels"] == ["bad", "good"]
    assert settings["labels_exclude_each_other"] is True
    assert settings["max_length"] == 32
    assert settings["closing"] == 1
    assert set(settings["files"]) | {"classifier.json", "selftest.json"} == {
        path.name for path in (tmp_path / "out").iterdir()
    }
    assert "prefix" not in settings
    check_the_program(small, tmp_path / "out")


def test_what_is_put_before_every_text_is_exported_too(tmp_path: Path) -> None:
    """The ids of the self-test have it, and the program puts it there; a text's room is what it leaves."""
    encoder = str(make_checkpoint(tmp_path / "encoder"))
    texts = [f"{word} film {letter}" for word in ("good", "bad") for letter in "abcdefghijklmnop"]
    classifier = SentenceClassifier(encoder=encoder, prefix="a bad: ", features="cls@-1", C=1.0, store=False)
    classifier.fit(texts, [text.split()[0] for text in texts]).save(tmp_path / "model")
    model = open_model(tmp_path / "model")
    export(model, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "classifier.json").read_text("utf-8"))["prefix"] == "a bad: "
    check_the_program(model, tmp_path / "out")


def check_the_program(model: Model, out: Path) -> None:
    texts = ["good film a", "bad film", "", "good " * 50, 'a "quoted" one\n']
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    program = [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {NO_FROSTLINE}"]
    said = subprocess.run([*program, str(out / "answer.py")], input=lines, capture_output=True, text=True, check=True)
    answers = model.answer(texts)
    for row, line in enumerate(said.stdout.splitlines()):
        found = json.loads(line)
        assert found["probabilities"] == pytest.approx(answers.probabilities[row].tolist(), abs=1e-6)
        assert found["labels"] == [model.head.labels[int(answers.favoured[row].argmax())]]


NO_FROSTLINE = (
    "import builtins, runpy, sys; from pathlib import Path; sys.path.insert(0, str(Path(sys.argv[1]).parent)); "
    "real = builtins.__import__; "
    "builtins.__import__ = lambda name, *rest: real('none.of.ours' if name.startswith('frostline') else name, *rest); "
    "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


def test_the_self_test_has_what_the_file_gives(small: Model, tmp_path: Path) -> None:
    export(small, tmp_path / "out")
    test = json.loads((tmp_path / "out" / "selftest.json").read_text("utf-8"))
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    session = onnxruntime.InferenceSession(tmp_path / "out" / "classifier.onnx", providers=["CPUExecutionProvider"])
    assert test["tolerance"] == 1e-5
    for one in test["texts"]:
        assert tokenizer.encode(one["text"]).ids == one["ids"]
        names = ["probabilities", "favoured", "answered"]
        shares, favoured, answered = session.run(names, {"input_ids": np.array([one["ids"]])})
        assert shares[0].tolist() == one["probabilities"]
        assert favoured[0].tolist() == one["favoured"]
        assert bool(answered[0]) is one["answered"]


def test_int8_is_written_where_the_answers_stay(small: Model, tmp_path: Path) -> None:
    texts = [f"{word} film {letter}" for word in ("good", "bad") for letter in "abcdefghijklmnop"]
    done = export(small, tmp_path / "out", quantized=texts)
    assert done.precision == "int8"
    assert done.gate is not None
    assert done.gate.n_predicted == len(texts)
    graph = onnx.load(tmp_path / "out" / "classifier.onnx")
    assert "MatMulIntegerToFloat" in {node.op_type for node in graph.graph.node}
    assert json.loads((tmp_path / "out" / "classifier.json").read_text("utf-8"))["precision"] == "int8"
    with pytest.raises(InputError, match=r"int8 must be tried on texts \(got none\)"):
        export(small, tmp_path / "none", quantized=[])


def test_int8_that_answers_otherwise_is_refused(small: Model, tmp_path: Path) -> None:
    texts = ["good film a", "bad film b", "a", "b", "good", "film"]
    decisions = small.head.decision_function(small.encoder.encode(texts).for_head)[:, 0]
    at_the_edge = replace(small.head, intercept=small.head.intercept - decisions[0])  # the least change turns it
    edges = [
        replace(at_the_edge, coef=sign * at_the_edge.coef, intercept=sign * at_the_edge.intercept) for sign in (1, -1)
    ]
    refused: list[str] = []
    for number, head in enumerate(edges):
        try:
            export(replace(small, head=head), tmp_path / str(number), quantized=["good film a"])
        except InputError as error:
            refused.append(error.message)
    assert len(refused) == 1
    assert refused[0].startswith("int8 must say the same of 99 % of the texts as float32 (0 of 1 equal predictions")
    assert len(list(tmp_path.iterdir())) == 1


def test_an_answer_that_is_sure_in_one_precision_alone_is_another() -> None:
    head = plain(2, 1, rule=Rule(answer_from=0.7))
    head = replace(head, coef=np.array([[1.0]]), intercept=np.array([0.0]))
    float32 = np.array([[1.0], [0.9], [2.0], [-3.0]], np.float32)
    gate = gate_of(head, float32, np.array([[0.5], [0.9], [-2.0], [-3.0]], np.float32))  # unsure; as it was; the other
    assert (gate.n_texts, gate.n_predicted, gate.n_equal) == (4, 4, 2)
    assert (gate.mean_cosine, gate.lowest_cosine) == (0.5, -1.0)


def test_a_graph_that_says_something_else_is_not_written(small: Model, tmp_path: Path) -> None:
    """The probabilities tried are the classifier's own."""
    export(small, tmp_path / "out")
    other = replace(small.head, intercept=small.head.intercept + 0.001)
    said = _self_test(replace(small, head=other), _readable(small))
    graph = (tmp_path / "out" / "classifier.onnx").read_bytes()
    with pytest.raises(BackendError, match=r"must give 'no' its probabilities to 1e-05 \(they differ by 2\.\de-04\)"):
        _tried(graph, said, tolerance=TOLERANCE)
    assert _tried(graph, said, tolerance=0.01) > TOLERANCE


@pytest.fixture(scope="module", params=["mean@all+words", "words", "sets"])
def wordy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Words beside features, alone, and for sets of labels."""
    folder = tmp_path_factory.mktemp("wordy")
    features = request.param.replace("sets", "mean@all+words")
    labels: list[Any] = [text.split()[0] for text in WORDY]
    if request.param == "sets":
        labels = [[word for word in text.split() if word in {"good", "film"}] for text in WORDY]
    return saved_wordy(folder, features, labels)


def test_words_are_weighed_in_the_graph_and_found_by_the_program(wordy: Model, tmp_path: Path) -> None:
    """500 texts, without Frostline: the classifier's own probabilities and labels."""
    done = export(wordy, tmp_path / "out")
    assert done.difference < 1e-7
    settings = json.loads((tmp_path / "out" / "classifier.json").read_text("utf-8"))
    has_encoder = wordy.encoder.blocks != ()
    assert ("tokenizer.json" in settings["files"]) is ("max_length" in settings) is has_encoder
    graph = onnx.load(tmp_path / "out" / "classifier.onnx")
    assert {node.domain for node in graph.graph.node} == {""}
    assert [each.name for each in graph.graph.input] == [*(["input_ids"] if has_encoder else []), "terms", "counts"]
    texts = wordy_texts()
    program = [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {NO_FROSTLINE}"]
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    said = subprocess.run(
        [*program, str(tmp_path / "out" / "answer.py")], input=lines, capture_output=True, text=True, check=True
    )
    found = [json.loads(line) for line in said.stdout.splitlines()]
    answers = wordy.answer(texts)
    assert np.abs(np.array([one["probabilities"] for one in found]) - answers.probabilities).max() < 1e-6
    named = [wordy.head.named(answers)[place] for place in range(len(texts))]
    assert [one["labels"] if wordy.head.answers_sets else one["labels"][0] for one in found] == [
        list(own) if wordy.head.answers_sets else own for own in named
    ]
    assert len({one["probabilities"][0] for one in found}) > 50


def test_texts_of_several_terms_in_one_batch(wordy: Model, tmp_path: Path) -> None:
    """Those with fewer terms have counts of nought in the places that are left."""
    export(wordy, tmp_path / "out")
    test = json.loads((tmp_path / "out" / "selftest.json").read_text("utf-8"))["texts"]
    session = onnxruntime.InferenceSession(tmp_path / "out" / "classifier.onnx", providers=["CPUExecutionProvider"])
    for name in [each.name for each in session.get_inputs()]:
        assert {"input_ids": "ids"}.get(name, name) in test[0]
    alike = [one for one in test if one.get("ids") == test[0].get("ids")] + [test[0]]
    longest = max(len(one["terms"]) for one in test)
    columns = [one["terms"] + [0] * (longest - len(one["terms"])) for one in alike]
    counts = [one["counts"] + [0] * (longest - len(one["counts"])) for one in alike]
    given = {"terms": np.array(columns), "counts": np.array(counts)}
    if wordy.encoder.blocks:
        given["input_ids"] = np.array([one["ids"] for one in alike])
    [shares] = session.run(["probabilities"], given)
    assert shares == pytest.approx(np.array([one["probabilities"] for one in alike]), abs=1e-7)


@pytest.fixture(scope="module", params=["mean@all+words", "mean@-1", "sets", "unsure"])
def early(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A cascade: whose full head goes by words too, or not; of sets of labels; whose full head may be unsure."""
    return saved_early(tmp_path_factory.mktemp("early"), request.param)


def test_a_cascade_is_one_graph_that_says_which_head_answers(early: Model, tmp_path: Path) -> None:
    done = export(early, tmp_path / "out")
    assert done.difference < 1e-6
    texts = [*told_texts(60, 1)[0], *TEXTS, "", "zzz", *hostile_texts(60)]
    program = [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {NO_FROSTLINE}"]
    said = subprocess.run(
        [*program, str(tmp_path / "out" / "answer.py")],
        input="".join(json.dumps(text) + "\n" for text in texts),
        capture_output=True,
        text=True,
        check=True,
    )
    found, answers = [json.loads(line) for line in said.stdout.splitlines()], early.answer(texts)
    assert answers.early is not None
    assert 10 < answers.early.sum() < len(texts) - 10
    assert [one["early"] for one in found] == answers.early.tolist()
    assert np.abs(np.array([one["probabilities"] for one in found]) - answers.probabilities).max() < 1e-6
    for row, one in enumerate(found):
        labels = [label for label, has in zip(early.head.labels, answers.favoured[row], strict=True) if has]
        assert one["labels"] == (labels if answers.answered[row] else None)
    settings = json.loads((tmp_path / "out" / "classifier.json").read_text("utf-8"))
    assert settings["cascade"] == "mean@0+words"
    assert "words.json" in settings["files"]
    test = json.loads((tmp_path / "out" / "selftest.json").read_text("utf-8"))["texts"]
    said_here = early.answer([one["text"] for one in test]).early
    assert said_here is not None
    assert [one["early"] for one in test] == said_here.tolist()


def test_texts_of_a_cascade_in_one_batch(early: Model, tmp_path: Path) -> None:
    """Some answered early, some not, all, none: each as if it were alone."""
    export(early, tmp_path / "out")
    graph = onnx.load(tmp_path / "out" / "classifier.onnx")
    onnx.checker.check_model(graph, full_check=True)
    assert {node.domain for node in graph.graph.node} == {""}
    assert not [name for node in graph.graph.node for name in node.input if name.startswith("layers.")]
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    assert "early" in names
    assert ("label" in names) is not early.head.answers_sets
    given = _readable(early).inputs(told_texts(100, 3)[0])
    length = len(given[0]["input_ids"])
    alike = [one for one in given if len(one["input_ids"]) == length]
    alike += [{**one, "terms": [0], "counts": [0]} for one in alike]  # without a known word: never early
    alone = [session.run(names, {name: np.array([row]) for name, row in one.items()}) for one in alike]
    is_early = [bool(row[names.index("early")][0]) for row in alone]
    assert 0 < sum(is_early) < len(alike)
    longest = max(len(one["terms"]) for one in alike)
    for chosen in ([True, False], [True], [False]):
        rows = [row for row, early_one in enumerate(is_early) if early_one in chosen]
        batch = {
            name: np.array([alike[row][name] + [0] * (longest - len(alike[row][name])) for row in rows])
            for name in ("terms", "counts")
        }
        found = session.run(names, {**batch, "input_ids": np.array([alike[row]["input_ids"] for row in rows])})
        for place, row in enumerate(rows):
            for together, one in zip(found, alone[row], strict=True):
                if together.dtype == np.float32:
                    assert together[place] == pytest.approx(one[0], abs=1e-6)
                else:
                    assert np.array_equal(together[place], one[0])


def test_a_cascade_in_int8(early: Model, tmp_path: Path) -> None:
    texts, always = told_texts(60, 4)[0], replace(early, head=replace(early.head, rule=None))  # at no edge
    done = export(always, tmp_path / "out", quantized=texts)
    assert done.precision == "int8"
    test = json.loads((tmp_path / "out" / "selftest.json").read_text("utf-8"))["texts"]
    assert {one["early"] for one in test} <= {True, False}


def reader_by_table(table: dict[str, Any]) -> Callable[[str], list[str]]:
    """What gives the words of a text as text.mjs finds them."""
    starts = [first for first, _, _ in table["letters"]]
    kinds = {code: kind for first, last, kind in table["sigma"] for code in range(first, last + 1)}

    @functools.cache
    def form(character: str) -> str:
        place = bisect.bisect_right(starts, ord(character)) - 1
        first, last, what = table["letters"][place]
        if not first <= ord(character) <= last:
            return character
        return f" {character} " if what == 0 else str(what)

    def has_case(behind: Iterable[str]) -> bool:
        counted = (kinds.get(ord(character)) for character in behind)
        return next((kind for kind in counted if kind != 2), None) == 1

    def read(text: str) -> list[str]:
        lower = "".join(
            ("ς" if has_case(reversed(text[:at])) and not has_case(text[at + 1 :]) else "\u03c3")
            if each == "Σ"
            else form(each)
            for at, each in enumerate(text)
        )
        found = re.sub("\x02[^\x01]*\x01", " ", lower.replace("\x01\x02", ""))
        return [word for word in re.split("[ \x01]", found) if word]

    return read


@pytest.mark.parametrize("is_marked", [False, True])
def test_words_are_found_by_tables_as_they_are_by_python(is_marked: bool) -> None:  # noqa: FBT001 - pytest's way
    """Characters alone, within a word, before a sigma and after a letter of Thai; and those that depend on others."""
    rng, table = np.random.default_rng(0), letters(is_marked=is_marked)
    beside = [chr(code) for first, last, _ in table["sigma"] for code in {first, last}]
    texts = ["".join(rng.choice([*beside, "Σ", "Σ", "a", " "], size=12)) for _ in range(200)]
    thai = [chr(code) for code in (*range(0xE00, 0xF00), *range(0x1000, 0x10A0), *range(0x1780, 0x1800))]
    texts += ["".join(rng.choice([*thai, *thai, "a", "中", "\u0301", "\u093f", " "], size=12)) for _ in range(500)]
    edges = {
        edge for ranges in (table["letters"], table["sigma"]) for first, last, _ in ranges for edge in (first, last)
    }
    codes = sorted({*edges, *(edge + 1 for edge in edges)})
    every = [chr(code) for code in codes if 0 <= code < 0x110000 and not 0xD800 <= code <= 0xDFFF]
    texts += ["Σ x".join(f"a{each}b {each}ก{each}" for each in every[at : at + 97]) for at in range(0, len(every), 97)]
    read = reader_by_table(table)
    for text in [*texts, *hostile_texts(200)]:
        assert read(text) == terms_of(text, 1, is_marked=is_marked)


def test_int8_layers_beside_words(tmp_path: Path) -> None:
    labels: list[Any] = [text.split()[0] for text in WORDY]
    done = export(saved_wordy(tmp_path, "mean@all+words", labels), tmp_path / "out", quantized=WORDY)
    assert done.precision == "int8"
    assert done.gate is not None
    assert done.gate.n_predicted == len(WORDY)
    SentenceClassifier(features="words").fit(WORDY, labels).save(tmp_path / "words")
    with pytest.raises(InputError, match=r"Words alone have no layers that could be written in int8"):
        export(open_model(tmp_path / "words"), tmp_path / "none", quantized=WORDY)


def test_nothing_else_is_replaced(small: Model, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(small, out)
    with pytest.raises(OutputError, match="exists already"):
        refuse_place(out, overwrite=False)
    export(small, out, overwrite=True)
    (out / "__pycache__").mkdir()
    for strange in (out / "notes.txt", out / "__pycache__" / "mine.pyc", out / "__pycache__" / "text.py"):
        strange.write_text("mine")
        name = strange.relative_to(out).parts[0]
        told = rf"out must be an exported classifier to be replaced, and nothing else \(it holds '{name}'\)\.$"
        with pytest.raises(OutputError) as caught:
            export(small, out, overwrite=True)
        assert re.search(told, caught.value.message)
        assert strange.read_text() == "mine"
        strange.unlink()
    (out / "classifier.json").unlink()
    with pytest.raises(OutputError, match=r"\(classifier.json is not in it\)"):
        refuse_place(out, overwrite=True)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(out)
    for other in ("file", "link"):
        with pytest.raises(OutputError, match=rf"{other} must be an exported classifier .*\(it is no folder\)"):
            export(small, tmp_path / other, overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"


def test_what_its_programs_leave_there_is_no_reason_to_refuse(
    small: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's cache of `text.py` goes, being of the old one; what npm has installed stays."""
    out = tmp_path / "out"
    export(small, out)
    packages = {"node_modules/.package-lock.json": "{}", "node_modules/a/a.js": "1", "package.json": "{}"}
    packages |= {"package-lock.json": "[]"}
    for name, content in packages.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(content)
    (out / "node_modules" / "linked").symlink_to("a")
    py_compile.compile(str(out / "text.py"), cfile=str(out / "__pycache__" / "text.cpython-311.pyc"))
    assert (out / "__pycache__").is_dir()
    for can_link in (True, False):
        if not can_link:
            monkeypatch.setattr(os, "link", Mock(side_effect=OSError))
        export(small, out, overwrite=True)
        assert {name: (out / name).read_text() for name in packages} == packages
        assert (out / "node_modules" / "linked").readlink() == Path("a")
        assert not (out / "__pycache__").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_verb(frostline: Command, model: Path, small_folder: Path, tmp_path: Path) -> None:
    """A classifier of the bundled encoder; then a small one in its place, and that in int8."""
    out, texts = tmp_path / "out", tmp_path / "texts.txt"
    ended = frostline("export", model, "--out", out, "--json")
    assert ended.document["precision"] == "float32"
    assert ended.document["texts_tried"] == 15
    assert ended.document["largest_difference"] < 1e-6
    assert ended.document["size_bytes"] == (out / "classifier.onnx").stat().st_size
    assert frostline("export", small_folder, "--out", out).code == 73
    told = frostline("export", small_folder, "--out", out, "--overwrite")
    assert told.code == 0
    assert re.search(r"gave 15 texts the classifier's own probabilities, to \de-\d\d at most\.", told.out)
    assert f"Use it: python {out / 'answer.py'}" in told.out
    texts.write_text("good film a\nbad film b\n")
    told = frostline("export", small_folder, "--out", out, "--overwrite", "--quantized", texts)
    assert re.search(r"15 texts probabilities that are within \de-\d\d of the classifier's own\.", told.out), told.err


PACKAGES = {
    "onnxruntime-node": """
        import { readFileSync } from "node:fs";
        const create = async (path) => { readFileSync(path); return { run }; };
        const run = async ({ input_ids: { ids } }) => ({
            favoured: { data: [0, 1] }, answered: { data: [1] }, probabilities: { data: [...ids].map(Number) } });
        class Tensor { constructor(kind, ids) { this.ids = ids; } }
        export default { InferenceSession: { create }, Tensor };
    """,
    "@huggingface/tokenizers": """
        export class Tokenizer { encode(text) { return { ids: Array.from(text, (each) => each.codePointAt(0)) }; } }
    """,
}


def test_programs_in_any_folder_with_any_label_and_line(small: Model, tmp_path: Path) -> None:
    """A path that an address spells otherwise, labels that JavaScript rounds, halves of characters, empty lines."""
    out, labels = tmp_path / "sp ace #1 %20 ü?", (2**53, 2**53 + 1)
    export(replace(small, head=replace(small.head, labels=labels)), out)
    settings = json.loads((out / "classifier.json").read_text("utf-8"))
    assert settings["labels"] == list(labels)
    assert settings["labels_text"] == ["9007199254740992", "9007199254740993"]
    lines = '"good"\n\n  \n"\\ud83d bad"\n"\\ufffd bad"\r\n'
    [good, half, whole] = answers_of([sys.executable, out / "answer.py"], lines)
    assert half == whole
    assert good["labels"] + half["labels"] == [labels[1], labels[0]]
    [argument] = answers_of([sys.executable, out / "answer.py", b"good\xff"], "")
    assert set(argument) == {"labels", "probabilities"}
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not at hand")
    for name, program in PACKAGES.items():
        folder = out / "node_modules" / name
        folder.mkdir(parents=True)
        (folder / "index.mjs").write_text(program)
        (folder / "package.json").write_text(json.dumps({"name": name, "exports": "./index.mjs"}))
    [good, half, whole] = answers_of([node, out / "answer.mjs"], lines)
    assert good == {"labels": ["9007199254740993"], "probabilities": [ord(each) for each in "good"]}
    assert half == whole


def answers_of(program: list[Any], lines: str) -> list[Any]:
    said = subprocess.run(program, input=lines, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_labels_are_spelled_as_text_only_where_javascript_would_round_one(small: Model, tmp_path: Path) -> None:
    for number, (labels, is_spelled) in enumerate(
        (((1 - 2**53, 2**53 - 1), False), ((-(2**53), 0), True), ((False, True), False))
    ):
        export(replace(small, head=replace(small.head, labels=labels)), tmp_path / str(number))
        settings = json.loads((tmp_path / str(number) / "classifier.json").read_text("utf-8"))
        assert ("labels_text" in settings) is is_spelled


def test_terms_that_count_as_often_as_they_stand_there(wordy: Model) -> None:
    """Vocabularies whose counts are not taken as logarithms."""
    encoder: Any = wordy.encoder
    vocabulary = vocabulary_of(encoder)
    assert vocabulary is not None
    shares = []
    texts = ["good good good good film", "BAD BAD good", "good film film"]
    for is_sublinear in (True, False):
        own = replace(vocabulary, sublinear=is_sublinear)
        model = replace(wordy, encoder=replace(encoder, vocabulary=own))
        read = _readable(model)
        session = onnxruntime.InferenceSession(_graph(model, read, "float32"), providers=["CPUExecutionProvider"])
        given = [{name: np.array([row]) for name, row in each.items()} for each in read.inputs(texts)]
        found = [session.run(["probabilities"], each)[0][0] for each in given]
        shares.append(model.answer(texts).probabilities)
        assert np.abs(np.array(found) - shares[-1]).max() < 1e-6
    assert np.abs(shares[0] - shares[1]).max() > 1e-4


def test_characters_become_what_the_library_makes_of_them(small: Model) -> None:
    assert isinstance(small.encoder, Encoder)
    table = characters_of(small.encoder.word_pieces.tokenizer)
    assert table is not None
    normalizer = small.encoder.word_pieces.tokenizer.normalizer
    starts = [first for first, _, _ in table["ranges"]]
    assert starts == sorted(starts)
    assert all(first <= last for first, last, _ in table["ranges"])
    found = {chr(code): what for first, last, what in table["ranges"] for code in range(first, last + 1)}
    assert found["A"] == "a"
    assert found["\t"] == found["\u3000"] == " "
    assert found["\u0000"] == found["\u0301"] == found["\U0010fffd"] == ""
    assert found["."] == found["中"] == 0
    assert found["é"] == "e"
    assert found["가"] == 1
    assert "a" not in found
    assert normalizer.normalize_str("Σ") == found["Σ"] == "\u03c3"


UNREACHED = {
    *("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT"),
    *("SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
}
"""npm's words for a registry that is not there, or is not trusted."""


def bring_packages(out: Path) -> None:
    """What the program for Node needs, by npm; without npm, or where it reaches no registry, the test is left out."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not at hand")
    fetch = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--fetch-retries=1"]
    packages = ["onnxruntime-node@1.30.0", "@huggingface/tokenizers@0.2.0"]
    try:
        command = [*fetch, "--prefix", str(out), *packages]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        pytest.skip("npm brings nothing within four minutes")
    if ended.returncode and (code := re.search(r"npm error code (\w+)", ended.stderr)) and code[1] in UNREACHED:
        pytest.skip(f"npm reaches no registry ({code[1]})")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.clients
def test_node_says_the_same(model: Path, tmp_path: Path) -> None:
    """The published packages, fetched by npm; 500 texts, hostile ones among them."""
    opened = open_model(model)
    out = tmp_path / "sp ace #1 ü"
    export(opened, out)
    bring_packages(out)
    texts = hostile_texts()
    said = answered_by_node(out, texts)
    assert np.abs(said - opened.answer(texts).probabilities).max() <= 1e-5


def answered_by_node(out: Path, texts: list[str]) -> Any:
    """Probabilities (n_texts, n_labels), as the program in `out` gives them."""
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    program = [str(shutil.which("node")), str(out / "answer.mjs")]
    said = subprocess.run(program, input=lines, capture_output=True, text=True, check=True)
    return np.array([json.loads(line)["probabilities"] for line in said.stdout.splitlines()])


@pytest.mark.clients
def test_node_finds_the_same_words(wordy: Model, tmp_path: Path) -> None:
    """And weighs them alike: 500 texts, half of them hostile, half of known words between hostile characters."""
    out, texts = tmp_path / "out", wordy_texts()
    export(wordy, out)
    bring_packages(out)
    assert np.abs(answered_by_node(out, texts) - wordy.answer(texts).probabilities).max() <= 1e-5
