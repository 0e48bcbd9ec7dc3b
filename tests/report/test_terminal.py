"""The report on a terminal: 80 columns, plain text, nothing of the user's obeyed."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from frostline import record as records
from frostline.evaluate.nested import NestedResult
from frostline.record import CalibrationRecord, TrainingRecord
from frostline.report.card import model_card
from frostline.report.page import report_html
from frostline.report.phrases import DASH, calibration_text
from frostline.report.terminal import print_evaluation, print_report
from frostline.targets import Label
from record_examples import example_evaluation, example_record
from report_examples import example_report
from small_records import calibration_scores, full_record


def printed(record: TrainingRecord, *, width: int = 80, encoding: str = "utf-8", colour: bool = False) -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", newline="\n") as out:
        console = Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
        print_report(record, console)
        out.flush()
        return raw.getvalue().decode(encoding)


def test_the_report_shows_what_was_measured() -> None:
    """Counts, features, truncation, C, scores with intervals and n, baselines, labels, matrix, warnings."""
    record = example_record(n=300, warnings=("The chosen C is the smallest of the grid.",))
    said = printed(record)
    assert record.test is not None
    low, high = (f"{100 * limit:.1f}" for limit in record.test.accuracy.interval)
    expected = (
        "reviews.tsv · 600 rows · 3 rejected",
        "negative 282, positive 318",
        "mean@all: 2,688 numbers per text; 4 of 600 texts cut at 256",
        "C = 0.0336",
        "▁",
        "Test: 300 texts, rows of the same file held out at random",
        f"{100 * record.test.accuracy.value:.1f} ({low}{DASH}{high})",
        "majority class",
        "nearest class centroid",
        "true ╲ predicted",
        str(np.asarray(record.test.confusion)[0, 0]),
        "The chosen C is the smallest of the grid.",
    )
    for words in expected:
        assert words in said


def test_the_score_of_the_search_is_labelled() -> None:
    """Its line says what it is and what it is not."""
    (line,) = [line for line in printed(example_record(n=60)).split("\n") if "while tuning" in line]
    assert line.strip() == "Score while tuning: 86.0 % (optimistic, since it chose C; no test score)"


@pytest.mark.parametrize(
    "labels", [("negative", "positive"), [f"a long name for label {i}" for i in range(30)], (1, 2, 3)]
)
def test_no_line_is_wider_than_the_terminal(labels: Sequence[Label]) -> None:
    """At 80 columns and at 60; and no figure is cut."""
    for record in (example_record(labels, n=240), example_report(labels, n=240)[0]):
        for width in (80, 60):
            said = printed(record, width=width)
            assert max(map(len, said.split("\n"))) <= width
    assert "…" not in printed(example_record(n=240))


def test_what_the_user_wrote_is_shown_not_obeyed() -> None:
    """Rich markup, terminal escapes, line breaks and direction marks in labels, file names and warnings."""
    nasty = "[red]x[/red]\x1b[31m\x07\u202e"
    record = example_record([nasty, "b\nc"], n=60, name=f"{nasty}.tsv", warnings=(f"Watch {nasty}",))
    said = printed(record)
    for raw in ("\x1b", "\x07", "\u202e"):
        assert raw not in said
    assert "[red]x[/red]\\x1b[31m" in said
    assert "b\\nc" in said
    assert "\x1b[31m\x07" not in printed(record, colour=True)


def test_an_ascii_terminal_is_served() -> None:
    """No bars, and no crash."""
    said = printed(example_record(n=60), encoding="ascii")
    assert "▁" not in said
    assert "C = 0.0336" in said


def test_many_labels_show_the_weakest_and_the_commonest_mistakes() -> None:
    """A matrix of 30 labels fits nowhere."""
    record = example_record([f"label {i}" for i in range(30)], n=600)
    said = printed(record)
    assert "The 12 of 30 labels with the lowest F1" in said
    assert "taken for" in said
    assert "true ╲ predicted" not in said


def test_nested_cross_validation_is_shown_fold_by_fold() -> None:
    """The C of every outer fold tells whether the choice is stable."""
    record = example_record(n=60)
    other = example_record(n=70).test
    assert other is not None
    nested = NestedResult(
        evaluation=other,
        n_outer=3,
        chosen_Cs=(0.1, 0.3, 1.0),
        fold_accuracies=(1, 1, 1),
        n_fitted=46,
        fold_of=np.zeros(0, np.int64),
        probabilities=np.zeros((0, 2)),
        uncalibrated=np.zeros((0, 2)),
        favoured=np.zeros((0, 2), bool),
        answered=np.zeros(0, bool),
    )
    said = printed(replace(record, nested=nested))
    assert "Nested cross-validation: 3 folds, all 70 rows" in said
    assert "C chosen in each outer fold: 0.1, 0.3, 1" in said


def test_nothing_tested_is_said() -> None:
    """No score is invented."""
    said = printed(replace(example_record(n=60), test=None, test_source=None, baselines=()))
    assert "Nothing was tested" in said


def test_an_evaluation_is_shown() -> None:
    """Of a saved classifier: model, data, scores, labels, matrix."""
    out = io.StringIO()
    print_evaluation(example_evaluation(), Console(file=out, width=80))
    for words in ("Model", "Test: 300 texts", "accuracy %", "precision %", "true ╲ predicted"):
        assert words in out.getvalue()


def test_the_rest_of_what_was_measured_is_shown_in_small() -> None:
    """Probabilities before and after, what the surest texts give, the learning curve, the features tried, what next."""
    said = printed(example_report()[0])
    for words in (
        "calibration error",
        "before (temperature)",
        "actually right",
        "for 95 % right",
        "50 to 400 rows: accuracy 70.0 to 81.0",
        "With 800 labelled rows",
        "80.0*",
        "taken: mean@4",
        "Next:",
    ):
        assert words in said
    assert "▁" not in printed(example_report()[0], encoding="ascii")


def test_a_head_that_is_not_calibrated_has_no_figure_before() -> None:
    """Nested cross-validation tests other heads, which may have been calibrated."""
    record = example_report()[0]
    assert record.probabilities is not None
    plain = replace(record, probabilities=replace(record.probabilities, way="none"))
    for before, shown in (("before (", printed), ("before calibration", report_html), (" before;", model_card)):
        assert before in shown(record)
        assert before not in shown(plain)


@pytest.mark.parametrize(("off", "is_told"), [(0.2, False), (0.2004, False), (0.201, True)])
def test_a_calibration_that_did_not_help_on_these_texts_is_told(off: float, *, is_told: bool) -> None:
    """It was chosen on training rows: by both figures, as they are shown. Without a figure before nothing is told."""
    record = full_record()
    assert record.probabilities is not None
    measured = replace(record.probabilities, scores=calibration_scores(off, 3), before=calibration_scores(0.2, 3))
    told = "On these texts calibrating did not help: without it they would be 14.0 points off, not 14.1."
    for shown in (printed, report_html):
        for found, is_shown in ((measured, is_told), (replace(measured, before=None), False)):
            assert (told in " ".join(shown(replace(record, probabilities=found)).split())) is is_shown


def test_features_chosen_by_a_loss_are_no_percentages() -> None:
    record = example_report()[0]
    assert record.choice is not None
    by_loss = replace(record, choice=replace(record.choice, scoring="neg_log_loss"))
    assert "Features tried (scores that chose: minus log loss in hundredths)" in printed(by_loss)
    page = report_html(by_loss)
    assert "Scores: minus log loss in hundredths. They made the choice" in page
    assert '<th scope="col">score in hundredths</th>' in page
    assert "Features tried (scores that chose: accuracy in %)" in printed(record)


def test_class_weights_stand_beside_c() -> None:
    record = example_record(n=60)
    weighted = replace(record, search=replace(record.search, class_weight="balanced"))
    for shown in (printed, report_html, model_card):
        assert "labels weighted (balanced)" in " ".join(shown(weighted).split())
        assert "labels weighted" not in shown(record)


@pytest.mark.parametrize(("answer_from", "is_told"), [(0.0, False), (0.7, True)])
def test_the_share_answered_is_shown_where_that_need_not_be_all(answer_from: float, *, is_told: bool) -> None:
    record = full_record()
    assert record.decision is not None
    said = printed(replace(record, decision=replace(record.decision, answer_from=answer_from)))
    assert ("answered %" in said) is is_told
    assert ("right of these %" in said) is is_told


@pytest.mark.parametrize(
    ("temperature", "said"),
    [(0.05, " of 0.05, the lowest allowed:"), (20.0, " of 20, the highest allowed:"), (0.051, " of 0.051:")],
)
def test_a_temperature_that_ended_at_its_bound_is_told(temperature: float, said: str) -> None:
    found = CalibrationRecord(
        asked="auto", way="temperature", why="it gained", temperature=temperature, n=40, candidates=()
    )
    assert calibration_text(found).startswith(f"Probabilities corrected by a temperature{said}")


def test_a_file_of_known_texts_alone_has_no_score() -> None:
    record = example_evaluation()
    out = io.StringIO()
    source = records.TestRecord(kind="file", n_fitted=100, n_leaks=record.test.n)
    print_evaluation(replace(record, source=source), Console(file=out, width=160))
    assert f"All {record.test.n:,} test texts are copies of texts that it learned from" in out.getvalue()
    assert "accuracy" not in out.getvalue()
    assert "this classifier" not in out.getvalue()
