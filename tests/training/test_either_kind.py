"""Trainings whose texts have one label or several, from the file to the answer: the same for both."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from conftest import Command
from fakes import FakeEncoder
from frostline import SentenceClassifier
from frostline.artifact import load_artifact
from frostline.artifact.model import open_model
from frostline.data.dataset import Dataset, Source
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.errors import InputError, UsageError
from frostline.evaluate.examples import furthest_missed, mapped, surest_mistakes
from frostline.evaluate.nested import IN_TURN
from frostline.head.deciding import RuleOptions
from frostline.head.fitted import AnswerOptions
from frostline.head.options import SearchOptions
from frostline.report.card import model_card
from frostline.report.document import as_document
from frostline.report.page import report_html
from frostline.report.plain import next_step, of_hundred, plain_words
from frostline.report.terminal import print_report
from frostline.score.answers import Layout, layout_of, predictions
from frostline.score.files import write_predictions
from frostline.targets import Kind, Targets
from frostline.training import Training, save_training, train
from frostline.training.options import TrainingOptions
from small_records import full_record

WORDS = ("red", "blue", "green", "dog")
WORDS_SORTED = sorted(WORDS)
KINDS: tuple[Kind, ...] = get_args(Kind)
of_either_kind = pytest.mark.parametrize("kind", KINDS)
SEVERAL: Kind = "several labels"
OPTIONS = {
    "one label": TableOptions(header=False, text=1, label=2),
    "several labels": TableOptions(labels_separator=",", header=False, text=1, label=2),
}


def made(n: int = 160, kind: Kind = SEVERAL) -> tuple[list[str], list[tuple[str, ...]]]:
    """Texts that say which labels they have, or which one."""
    random = np.random.RandomState(0)
    members = random.rand(n, 4) < [0.4, 0.3, 0.2, 0.1]
    if kind == "one label":
        members = np.eye(4, dtype=bool)[np.where(members.any(axis=1), members.argmax(axis=1), 3)]
    sets = [tuple(word for word, has in zip(WORDS, row, strict=True) if has) for row in members]
    return [f"it is {' and '.join(own)} number{row}" for row, own in enumerate(sets)], sets


def table(folder: Path, n: int = 160, kind: Kind = SEVERAL) -> Path:
    path = folder / "colours.tsv"
    texts, sets = made(n, kind)
    path.write_text("\n".join(f"{text}\t{','.join(own)}" for text, own in zip(texts, sets, strict=True)))
    return path


PLAIN: dict[Kind, Training] = {}


def trained(folder: Path, kind: Kind = SEVERAL, **options: Any) -> Training:
    """A small training; without options made once."""
    if not options and kind in PLAIN:
        return PLAIN[kind]
    dataset = read_labelled(table(folder, kind=kind), OPTIONS[kind])
    search = SearchOptions(Cs=(0.1, 1.0), n_folds=3)
    training = train(dataset, FakeEncoder(), options=TrainingOptions(search=search, **options))
    return training if options else PLAIN.setdefault(kind, training)


def open_fake(name: str, *, features: str, **_others: Any) -> FakeEncoder:
    return FakeEncoder(features=features, weights=name)


@of_either_kind
def test_a_training_tests_on_rows_it_never_saw_and_tells_what_thresholds_are_worth(tmp_path: Path, kind: Kind) -> None:
    """Thresholds there are where labels don't exclude each other."""
    record = trained(tmp_path, kind).record
    assert record.test is not None
    assert record.labels == ("blue", "dog", "green", "red")
    assert record.test.n + record.n_trained == record.data.n_rows == 160
    assert record.test.macro_f1.value > 0.9
    assert record.data.n_unlabelled == sum(not own for own in made(kind=kind)[1])
    assert record.baselines[0].name == {"one label": "majority class", SEVERAL: "commonest set of labels"}[kind]
    assert (record.at_half is None) == (kind == "one label")
    if record.at_half is not None:
        assert record.at_half.scores["micro_f1"].n == record.test.n


@of_either_kind
@pytest.mark.parametrize("nested", [False, True])
def test_what_probabilities_are_worth_is_measured(tmp_path: Path, kind: Kind, *, nested: bool) -> None:
    """A curve of each label that some have, an answer that is as sure as its whole set, a map of the rows."""
    found = trained(tmp_path, kind, nested=nested)
    record, probabilities = found.record, found.record.probabilities
    assert record.test is not None
    assert probabilities is not None
    assert [curve.label for curve in probabilities.curves] == list(record.labels)
    assert len(probabilities.scores.by_label) == 4
    assert probabilities.coverage.right is not None
    right = (found.head.answer(found.test_probabilities).favoured == found.examples.members).all(axis=1).mean()
    assert probabilities.coverage.right.value == pytest.approx(right)
    assert (record.nested is not None) == nested
    shown = mapped(found.examples).map
    assert shown is not None
    assert shown.kind == "decisions"
    assert record.decision is None  # each label's threshold stands beside its C
    assert len(record.search.chosen_Cs) == {"one label": 1, SEVERAL: 4}[kind]
    assert len(record.search.thresholds) == {"one label": 0, SEVERAL: 4}[kind]


@pytest.mark.parametrize(("kind", "called"), [("one label", "nested cross-validation"), (SEVERAL, "cross-validation")])
def test_cross_validation_tests_every_row(tmp_path: Path, kind: Kind, called: str) -> None:
    record = trained(tmp_path, kind, nested=True).record
    assert record.test is not None
    assert record.test_source is not None
    assert (record.test.n, record.n_trained, record.test_source.kind) == (160, 160, called)
    assert record.test_source.n_fitted < 160
    assert record.nested is not None
    assert record.nested.evaluation is record.test
    assert record.probabilities is not None
    told = [record.test.macro_f1, record.probabilities.scores.brier, record.probabilities.curves[0].auc]
    told += record.baselines[0].scores.values()
    told += [] if record.at_half is None else record.at_half.scores.values()
    told += [] if record.uncalibrated is None else [record.uncalibrated.error]
    assert all(one.method.endswith(IN_TURN) for one in told)
    held_out = trained(tmp_path, kind).record
    assert held_out.test is not None
    assert not any(one.method.endswith(IN_TURN) for one in held_out.test.scores.values())


@of_either_kind
def test_what_was_saved_answers_as_what_was_trained(tmp_path: Path, kind: Kind) -> None:
    """Kind, thresholds and coefficients come back; the self-test knows that probabilities need no sum."""
    training = trained(tmp_path, kind)
    save_training(training, tmp_path / "model", encoder=FakeEncoder())
    loaded = load_artifact(tmp_path / "model")
    assert loaded.manifest.kind == kind
    assert loaded.head.rule == training.head.rule
    model = open_model(tmp_path / "model", open_encoder=open_fake)
    texts, sets = made(kind=kind)
    found = list(predictions(model, texts, window=7))
    assert np.mean([set(one.favoured) == set(own) for one, own in zip(found, sets, strict=True)]) > 0.9
    answers = model.head.answers(np.array([one.probabilities for one in found])).tolist()
    assert [one.labels for one in found] == [
        tuple(sorted(own, key=lambda label: -one.probabilities[WORDS_SORTED.index(label)]))
        for one, own in zip(found, [(own,) if isinstance(own, str) else own for own in answers], strict=True)
    ]


@of_either_kind
@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl", ".parquet"])
def test_predictions_can_be_read_again(tmp_path: Path, kind: Kind, suffix: str) -> None:
    """Whatever the format, what was answered is what the column, `--labels-separator` or the lists give back."""
    training = trained(tmp_path, kind)
    save_training(training, tmp_path / "model", encoder=FakeEncoder())
    model = open_model(tmp_path / "model", open_encoder=open_fake)
    texts, _ = made(20, kind)
    found = list(predictions(model, texts))
    path = tmp_path / f"answers{suffix}"
    assert write_predictions(path, iter(found), layout_of(model)) == 20
    column = {"one label": "label", SEVERAL: "labels"}[kind]
    separator = "," if suffix in {".tsv", ".csv"} and kind == SEVERAL else None
    options = TableOptions(labels_separator=separator, text="text", label=column)
    again = read_labelled(path, options)
    assert list(again.texts) == texts
    assert [again.targets.names(row) for row in range(len(again))] == [tuple(sorted(one.favoured)) for one in found]
    if suffix == ".parquet":
        assert pq.read_table(path).column("p(dog)")[3].as_py() == found[3].probabilities[1]


def test_a_label_that_holds_the_separator_is_not_joined(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must not occur in a label"):
        write_predictions(tmp_path / "a.tsv", [], Layout(kind="several labels", labels=("a,b", "c")))
    assert list(tmp_path.iterdir()) == []


@of_either_kind
def test_the_reports_say_the_same_and_hold_hostile_labels_harmless(tmp_path: Path, kind: Kind) -> None:
    """JSON is finite, the page and the card show what a label is, and run nothing of it."""
    path = tmp_path / "a.tsv"
    texts, sets = made(kind=kind)
    evil = {"dog": "<script>alert(1)</script>|`x`"}
    path.write_text(
        "\n".join(f"{t}\t{';'.join(evil.get(w, w) for w in own)}" for t, own in zip(texts, sets, strict=True))
    )
    separator = {"one label": None, SEVERAL: ";"}[kind]
    dataset = read_labelled(path, TableOptions(labels_separator=separator, header=False, text=1, label=2))
    how = TrainingOptions(search=SearchOptions(Cs=(0.1,), n_folds=3))
    training = train(dataset, FakeEncoder(), options=how)
    record = training.record
    assert record.test is not None
    document = json.loads(json.dumps(as_document(record), allow_nan=False))
    assert document.get("kind", "one label") == kind
    assert document["test"]["macro_f1"]["value"] == record.test.macro_f1.value
    per_label = document["chosen"].get("per_label", [])
    assert [label["threshold"] for label in per_label] == list(record.search.thresholds)
    page, card = report_html(record, training.examples), model_card(record)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\\|" in card
    score = record.test.scores[{"one label": "macro_f1", SEVERAL: "micro_f1"}[kind]].value
    assert f"{100 * score:.1f}" in page
    assert f"{100 * score:.1f}" in card


@pytest.mark.parametrize("nested", [False, True])
def test_the_mistakes_on_the_page_are_those_of_the_rows_tested(*, nested: bool) -> None:
    """Each with its own text and line, whichever rows were tested in which order; none where texts stay out."""
    texts, sets = made(120)
    wrong = [() if row % 7 == 0 else own for row, own in enumerate(sets)]  # labels that are not there
    source = Source(name="folder/a.tsv", sha256="", size_bytes=0, text_column="1", label_column="2")
    dataset = Dataset(texts=texts, targets=Targets.of_sets(wrong), lines=range(1, 121), source=source)
    how = TrainingOptions(search=SearchOptions(Cs=(0.1,), n_folds=3), nested=nested)
    training = train(dataset, FakeEncoder(), options=how)
    examples = training.examples
    assert examples.name == "a.tsv"
    for text, line, members in zip(examples.texts, examples.lines, examples.members, strict=True):
        assert texts[line - 1] == text
        assert {examples.labels[column] for column in np.flatnonzero(members)} == set(wrong[line - 1])
    given = surest_mistakes(examples, most=5)
    assert given
    assert [mistake.probability for mistake in given] == sorted((one.probability for one in given), reverse=True)
    for mistake in given:
        assert mistake.label not in mistake.true
        assert mistake.true == tuple(label for label in examples.labels if label in wrong[mistake.line - 1])
    for mistake in furthest_missed(examples, most=5):
        assert mistake.label in mistake.true
    page = report_html(training.record, examples)
    assert "Given, and not there" in page
    assert given[0].text in page
    assert given[0].text not in report_html(training.record, examples, quote=False)
    assert f"line {given[0].line}" in report_html(training.record, examples, quote=False)


def test_the_paragraph_says_it_without_terms_of_the_trade(tmp_path: Path) -> None:
    """What it is, how many of its labels are right, how many it finds, beside counting words, what to do."""
    record = trained(tmp_path).record
    assert record.test is not None
    assert record.test_source is not None
    record = replace(record, test=replace(record.test, n_given=2 * record.test.n_true))  # so that the two shares differ
    assert record.test is not None
    said = " ".join(plain_words(record))
    hits = round(record.test.scores["micro_f1"].value * (record.test.n_given + record.test.n_true) / 2)
    for words in (
        "any number of 4 labels (blue, dog, green, red), or none",
        f"{of_hundred(hits / record.test.n_given)} labels that it gave were right",
        f"it found {of_hundred(hits / record.test.n_true)} of those that were there",
        "ounting words",
        "percentages",
        "Next: ",
    ):
        assert words in said
    for term in ("F1", "log loss", "logistic", "TF-IDF", "interval", "recall"):
        assert term not in said
    assert said.split("Next:")[0].strip() in report_html(record)
    assert "Next:" not in model_card(record)
    record = replace(record, baselines=(), n_trained=1000)
    assert record.test is not None
    few = replace(record.data, label_counts={**record.data.label_counts, "dog": 19})
    assert next_step(replace(record, data=few)).startswith("Next: Label more texts of 'dog' (it is on 19)")
    many = replace(record.data, label_counts=dict.fromkeys(record.labels, 20))
    many_each = replace(record, data=many)
    assert next_step(many_each).startswith(
        "Next: Test on 772 rows, to know the share of texts with all labels right to 2 points"
    )
    narrow = replace(record.test.scores["subset_accuracy"], value=0.9, interval=(0.89, 0.91))
    test = replace(record.test, scores={**record.test.scores, "subset_accuracy": narrow})
    assert next_step(replace(many_each, test=test)).startswith("Next: read its surest mistakes")
    assert record.test_source is not None
    leaky = replace(record.test_source, n_leaks=record.test.n)
    assert next_step(replace(record, test_source=leaky)) == "Next: test it on texts that it did not learn from."


@of_either_kind
@pytest.mark.parametrize("way", ["temperature", "isotonic"])
def test_a_calibration_is_kept_with_the_classifier(tmp_path: Path, kind: Kind, way: str) -> None:
    """By the estimator and by a training alike: what is read back says the same."""
    texts, sets = made(300, kind)
    y = [own[0] for own in sets] if kind == "one label" else sets
    classifier = SentenceClassifier(FakeEncoder(), Cs=[1.0], n_folds=3, calibrate=way).fit(texts, y)  # type: ignore[arg-type]
    assert classifier.calibration_ is not None
    assert classifier.calibration_.way == way
    classifier.save(tmp_path / "model")
    kept = load_artifact(tmp_path / "model").head
    features = FakeEncoder().encode(texts).rows
    np.testing.assert_allclose(kept.predict_proba(features), classifier.predict_proba(texts), atol=1e-6)
    answers = AnswerOptions(calibrate=way)
    training = trained(tmp_path, kind, answers=answers)
    assert training.record.calibration is not None
    assert training.record.calibration.way == way
    assert (training.record.uncalibrated is None) == (kind == "one label")
    assert training.record.probabilities is not None
    assert training.record.probabilities.before is not None
    assert as_document(training.record)["calibration"]["way"] == way  # type: ignore[index,call-overload]
    assert {"one label": "alibrated by", SEVERAL: "They are calibrated by"}[kind] in report_html(training.record)
    in_turn = trained(tmp_path, kind, answers=answers, nested=True).record
    assert in_turn.test is not None
    assert in_turn.probabilities is not None
    assert in_turn.probabilities.before != in_turn.probabilities.scores  # every outer fold calibrates too
    if kind == SEVERAL:
        assert in_turn.uncalibrated != in_turn.test.reliability
        assert in_turn.uncalibrated is not None
        assert in_turn.uncalibrated.error.method.endswith(IN_TURN)


def test_the_verbs_train_predict_and_evaluate(frostline: Command, tmp_path: Path) -> None:
    """With the encoder that comes with the install: the way of the README."""
    file, model = table(tmp_path, 60), tmp_path / "model"
    told = frostline(
        "train",
        file,
        "--labels-separator",
        ",",
        "--no-header",
        "-C",
        "0.1",
        "--features",
        "mean@-1",
        "--out",
        model,
        "--json",
    ).document
    assert (told["kind"], told["labels"]) == ("several labels", sorted(WORDS))
    said = frostline("predict", model, "it is red and blue")
    labels, shares = said.out.rstrip("\n").split("\t")
    assert len(labels.split(", ")) == len(shares.split(", "))
    one = frostline("predict", model, "it is red and blue", "--json").document
    assert (", ".join(one["labels"]), sorted(one["probabilities"])) == (labels, sorted(WORDS))
    measured = frostline("evaluate", model, file, "--labels-separator", ",", "--no-header", "--json").document
    assert measured["test"]["n"] == 15, "the rows that it learned from are told apart"
    assert (measured["test"]["n_leaks"], measured["test"]["with_leaks"]["n"]) == (45, 60)
    page = tmp_path / "page.html"
    said = frostline("evaluate", model, file, "--labels-separator", ",", "--no-header", "--report", page)
    assert "macro F1" in said.out
    assert "Label by label" in page.read_text("utf-8")
    one_each = tmp_path / "one.tsv"
    one_each.write_text("it is red\tred\nit is a dog\tdog\n" * 3)
    missing = frostline("evaluate", model, one_each)
    assert missing.code == 65
    assert "--labels-separator" in missing.err


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--preset", "tutorial"], "--preset"),
        (["--threshold-for", "joy=1"], "precision=0.9"),
        (["--scoring", "roc_auc"], "average_precision"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(
    frostline: Command, tmp_path: Path, option: list[str], says: str
) -> None:
    found = frostline("train", table(tmp_path, 40), "--labels-separator", ",", "--no-header", *option)
    assert found.code == 2
    assert says in found.err


def test_too_few_rows_to_test_in_turn_are_said_to_be_so() -> None:
    """Folds are lowered within an outer fold too: what lacks is rows, and no number of folds that nobody asked for."""
    texts, sets = ["a red dog", "a blue dog", "a red cat", "a blue cat"], [("red",), ("blue",), ("red",), ("blue",)]
    source = Source(name="few.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2")
    dataset = Dataset(texts=texts, targets=Targets.of_sets(sets), lines=[1, 2, 3, 4], source=source)
    with pytest.raises(InputError, match="must be on two texts or more"):
        train(dataset, FakeEncoder(), options=TrainingOptions(nested=True))


def test_the_reports_name_the_middle_of_cs_class_weights_and_a_threshold_wished_for(tmp_path: Path) -> None:
    """Nobody chose the middle; not every threshold is that of the highest F1; weights and scaling are told."""
    dataset = read_labelled(table(tmp_path), TableOptions(labels_separator=",", header=False, text=1, label=2))
    search = SearchOptions(Cs=(0.1, 1.0), n_folds=3, class_weight="balanced")
    rule = RuleOptions(threshold_for=("precision", 0.6), threshold_label="dog")
    options = TrainingOptions(search=search, nested=True, answers=AnswerOptions(rule=rule))
    record = train(dataset, FakeEncoder(), options=options).record
    screen = io.StringIO()
    print_report(record, Console(file=screen, width=200))
    said, page, card = " ".join(screen.getvalue().split()), report_html(record), model_card(record)
    exception = "chosen out of fold for the highest F1 (that of dog: precision 0.6)"
    for shown in (said, page, card):
        assert exception in shown
        assert "labels weighted (balanced)" in shown
    assert "chosen on held-out training rows for the highest F1 (that of dog: precision 0.6)" in page
    assert "features standardised, labels weighted (balanced)</dd>" in page
    assert "Middle of the labels' C in each outer fold: " in said
    assert "middle of the labels&#x27; C</th>" in page
    assert "C chosen in each" not in said
    assert "answered %" not in said


def test_the_learning_curve_says_which_way_it_is_measured() -> None:
    """The test's thresholds are not those of the curve."""
    record = full_record()
    record = replace(record, data=replace(record.data, kind="several labels"))
    words = "share of texts with all labels right (each label from 0.5 on)"
    screen = io.StringIO()
    print_report(record, Console(file=screen, width=200))
    assert f"100 to 400 rows: {words} 70.0 to 81.0" in screen.getvalue()
    page = report_html(record)
    assert f"Measured is the {words}. Tested on" in page
    assert f"With 800 labelled rows the {words} should change" in page
    assert "Share of texts with all labels right (each label from 0.5 on) against labelled rows" in page
