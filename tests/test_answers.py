"""Calibrating, thresholds and abstaining from end to end: training, the estimator, prediction, the saved artifact."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fakes import FakeEncoder
from frostline.artifact import load_artifact
from frostline.artifact.model import Model
from frostline.classifier import SentenceClassifier
from frostline.cli.main import cli
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.errors import InputError, UsageError
from frostline.head.deciding import RuleOptions, parsed_wish
from frostline.head.fitted import AnswerOptions
from frostline.head.options import SearchOptions
from frostline.report.document import as_document
from frostline.report.plain import promise_words
from frostline.report.terminal import decision_text
from frostline.score.answers import as_document as prediction_document
from frostline.score.answers import layout_of, predictions
from frostline.score.files import write_predictions
from frostline.training import Training, TrainingOptions, save_training, train

WORDS = {"good": ("fine", "joy", "warm"), "bad": ("dull", "bore", "cold")}


def sentences(n: int, *, seed: int = 0, share: float = 0.5) -> tuple[list[str], list[str]]:
    """Texts of five words; each word is of its label's with probability 0.7."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(n) < share, "good", "bad").tolist()
    texts = []
    for number, label in enumerate(labels):
        others = "bad" if label == "good" else "good"
        picked = [rng.choice(WORDS[label if rng.random() < 0.7 else others]) for _ in range(5)]
        texts.append(" ".join([*picked, f"n{number % 97}"]))
    return texts, labels


def dataset(folder: Path, n: int, *, seed: int = 0, share: float = 0.5) -> Dataset:
    texts, labels = sentences(n, seed=seed, share=share)
    path = folder / f"rows{seed}.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in zip(texts, labels, strict=True)))
    return read_dataset(path, TableOptions(text="text", label="label"))


def trained(
    folder: Path, n: int = 400, *, nested: bool = False, strict: bool = False, share: float = 0.5, **answers: object
) -> Training:
    options = TrainingOptions(
        search=SearchOptions(Cs=(0.01, 1.0), n_folds=3, class_weight=answers.pop("class_weight", None)),  # type: ignore[arg-type]
        nested=nested,
        strict=strict,
        answers=AnswerOptions(**answers),  # type: ignore[arg-type]
    )
    return train(dataset(folder, n, share=share), FakeEncoder(), options=options)


def test_a_training_calibrates_and_says_how(tmp_path: Path) -> None:
    """By default; what was tried stands in the record and its document."""
    record = trained(tmp_path).record
    assert record.calibration is not None
    assert record.calibration.asked == "auto"
    assert [one.way for one in record.calibration.candidates][:2] == ["none", "temperature"]
    assert record.decision is None
    assert "calibration" in as_document(record)


def test_the_tutorial_stays_as_it_is(tmp_path: Path) -> None:
    """No calibration, no rule."""
    found = train(dataset(tmp_path, 100), FakeEncoder(), options=TrainingOptions.tutorial())
    assert found.head.calibration is None
    assert found.head.rule is None


def test_an_abstaining_head_reports_both_what_it_answers_and_all_rows(tmp_path: Path) -> None:
    """Unanswered rows stay in the accuracy, as the label they would have had; coverage and precision stand beside."""
    found = trained(tmp_path, 800, rule=RuleOptions(abstain_precision=0.93))
    record = found.record
    assert record.test is not None
    assert record.decision is not None
    assert record.decision.test is not None
    assert record.test.confusion is not None
    assert record.test.n == record.decision.test.n == record.test.confusion.sum()
    assert 0 < record.decision.test.coverage.value < 1
    precision = record.decision.test.precision
    assert precision is not None
    assert precision.value > record.test.accuracy.value
    assert record.decision.out_of_fold.n == record.n_trained


def test_nested_folds_calibrate_and_abstain_on_their_own(tmp_path: Path) -> None:
    """What is reported is the procedure's, calibration and rule included; the log loss before stands beside it."""
    found = trained(tmp_path, 300, nested=True, calibrate="temperature", rule=RuleOptions(abstain_precision=0.9))
    nested, record = found.record.nested, found.record
    assert nested is not None
    assert record.decision is not None
    assert record.decision.test is not None
    assert (nested.probabilities != nested.uncalibrated).any()
    assert (~nested.answered).mean() == pytest.approx(1 - record.decision.test.coverage.value)
    assert record.probabilities is not None
    assert record.probabilities.before is not None


def test_class_weights_keep_their_answers_when_probabilities_are_put_right(tmp_path: Path) -> None:
    """A map takes the weights out of the probabilities; the rule leaves the answers where the weights put them."""
    found = trained(tmp_path, 1500, share=0.15, class_weight="balanced", calibrate="isotonic")
    plain = trained(tmp_path, 1500, share=0.15, class_weight="balanced", calibrate="none")
    rows = FakeEncoder().encode(sentences(500, seed=9, share=0.15)[0]).rows
    assert found.head.calibration is not None
    np.testing.assert_array_equal(found.head.predict(rows), plain.head.predict(rows))
    share = found.head.predict_proba(rows)[:, 1].mean()
    assert share == pytest.approx(0.15, abs=0.04)
    assert plain.head.predict_proba(rows)[:, 1].mean() > share + 0.05


def test_a_precision_that_cannot_be_promised_is_left_out_or_refused(tmp_path: Path) -> None:
    """A training is not thrown away for a wish: it answers everything, and says so first. Strictly, it ends."""
    found = trained(tmp_path, 60, rule=RuleOptions(abstain_precision=0.999))
    assert found.unmet == (
        (
            "45 held-out texts cannot promise a precision of 0.999 with 95 % confidence: 2,995 texts would be needed, "
            "if it were right about them all. The classifier was made without that wish."
        ),
    )
    assert found.record.warnings[0] == found.unmet[0]
    assert (found.head.rule, found.record.decision) == (None, None)
    with pytest.raises(InputError, match=r"^45 held-out texts cannot promise a precision of 0\.999 "):
        trained(tmp_path, 60, strict=True, rule=RuleOptions(abstain_precision=0.999))


def test_what_is_promised_is_told_wherever_the_record_is(tmp_path: Path) -> None:
    """Manifest, page, card and terminal: the share, the confidence, on how many texts, and how many get answers."""
    found = trained(tmp_path, 800, rule=RuleOptions(abstain_precision=0.9, confidence=0.9))
    assert found.record.decision is not None
    (promise,) = found.record.decision.promises
    assert (promise.of, promise.share, promise.confidence, promise.n) == ("answers", 0.9, 0.9, 600)
    assert 0 < promise.coverage < 1
    (said,) = promise_words(found.record.decision)
    assert said == (
        "Promised with 90 % confidence: at least 90 % of its answers are right, on new texts like those it learned "
        f"from (tested on 600 held-out texts, {100 * promise.coverage:.1f} % of them answered)."
    )
    saved = save_training(found, tmp_path / "model", encoder=FakeEncoder())
    assert saved.manifest.metrics["decision"]["promises"] == [asdict(promise)]
    for name in ("README.md", "report.html"):
        assert said in " ".join((tmp_path / "model" / name).read_text("utf-8").split())
    assert said in decision_text(found.record.decision, found.record.labels)


def test_a_promise_about_a_label_names_it(tmp_path: Path) -> None:
    """Precision of those taken for it, recall of those that are it."""
    for wish, said in (
        ("precision=0.8", "at least 80 % of the texts taken for good are that"),
        ("recall=0.8", "at least 80 % of the texts that are good are taken for it"),
    ):
        found = trained(tmp_path, 800, rule=RuleOptions(threshold_for=parsed_wish(wish)))
        (words,) = promise_words(found.record.decision)
        assert said in words
        assert words.endswith("% of them taken for it).")
    assert promise_words(None) == []


def test_an_abstaining_model_is_saved_and_predicts_nothing_where_unsure(tmp_path: Path) -> None:
    """Null in JSON Lines and Parquet, an empty cell in TSV and CSV, None in Python."""
    encoder = FakeEncoder()
    found = trained(tmp_path, 800, rule=RuleOptions(abstain_precision=0.93))
    saved = save_training(found, tmp_path / "model", encoder=encoder)
    head = load_artifact(tmp_path / "model").head
    assert head.rule == found.head.rule
    assert head.calibration == found.head.calibration
    model = Model(manifest=saved.manifest, head=head, encoder=encoder)
    made = list(predictions(model, ["fine joy warm fine joy", "fine dull"]))
    assert [one.labels for one in made] == [("good",), None]
    assert prediction_document(made[1], layout_of(model))["label"] is None
    assert made[1].probability == max(made[1].probabilities)
    for suffix in ("tsv", "csv", "jsonl", "parquet"):
        write_predictions(tmp_path / f"out.{suffix}", made, layout_of(model))
    assert (tmp_path / "out.tsv").read_text("utf-8").splitlines()[2].startswith("fine dull\t\t0.")
    assert (tmp_path / "out.csv").read_text("utf-8").splitlines()[2].startswith("fine dull,,0.")
    assert '"label": null' in (tmp_path / "out.jsonl").read_text("utf-8")
    import pyarrow.parquet as pq  # noqa: PLC0415 - this test alone reads Parquet

    assert pq.read_table(tmp_path / "out.parquet")["label"].to_pylist() == ["good", None]


def test_a_threshold_gives_its_label_the_probability_that_is_printed(tmp_path: Path) -> None:
    """Beside a label stands its own probability, which need not be the largest."""
    found = trained(tmp_path, 800, rule=RuleOptions(threshold_for=("recall", 0.98)))
    encoder = FakeEncoder()
    saved = save_training(found, tmp_path / "model", encoder=encoder)
    model = Model(manifest=saved.manifest, head=saved.head, encoder=encoder)
    made = list(predictions(model, sentences(200, seed=5)[0]))
    bent = [one for one in made if one.labels == ("good",) and one.probabilities[1] < 0.5]
    assert bent
    assert all(one.probability == one.probabilities[1] for one in bent)


def test_the_estimator_abstains_with_none() -> None:
    """In an array of objects; its score counts an unanswered text as not rightly answered."""
    texts, labels = sentences(800)
    clf = SentenceClassifier(FakeEncoder(), Cs=(0.01, 1.0), n_folds=3, abstain_precision=0.93).fit(texts, labels)
    new, truth = sentences(200, seed=3)
    answers = clf.predict(new)
    assert answers.dtype == object
    assert None in answers.tolist()
    assert clf.score(new, truth) == pytest.approx(np.mean([a == b for a, b in zip(answers, truth, strict=True)]))
    always = SentenceClassifier(FakeEncoder(), Cs=(0.01, 1.0), n_folds=3).fit(texts, labels)
    assert always.predict(new).dtype.kind == "U"


def test_the_estimator_needs_held_out_rows_for_its_choices() -> None:
    """With C given there are none; the error says what to do."""
    texts, labels = sentences(40)
    for wish in ({"abstain_precision": 0.9}, {"calibrate": "temperature"}, {"thresholds": "f1"}):
        with pytest.raises(UsageError, match="there is none"):
            SentenceClassifier(FakeEncoder(), C=1.0, **wish).fit(texts, labels)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--abstain-precision", "1.5"], "above 0 and below 1"),
        (["--threshold-for", "accuracy=0.9"], "precision=0.9, recall=0.9"),
        (["--threshold-label", "good"], "not what to reach"),
        (["--threshold-for", "recall=0.9", "--thresholds", "f1"], "exclude each other"),
        (["--preset", "tutorial", "--abstain-precision", "0.9"], "takes the most probable label"),
    ],
)
def test_wrong_wishes_end_before_anything_is_read(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Each in a sentence."""
    path = tmp_path / "rows.tsv"
    path.write_text("text\tlabel\na\tgood\nb\tbad\n")
    result = CliRunner().invoke(cli, ["train", str(path), *arguments])
    assert said in str(result.exception)
