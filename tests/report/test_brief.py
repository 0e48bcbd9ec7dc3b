"""A training in a dozen lines."""

import io
from dataclasses import replace

import pytest
from rich.console import Console
from test_whole_reports import RECORDS, printed

from expected import assert_expected
from frostline.report.brief import MOST_WARNINGS, next_advice, print_brief, print_brief_evaluation
from small_records import evaluation_record

FORBIDDEN = ("search.best_score", "stand there", "flatter", "isotonic", "word pieces", "claimed", "hopeful")


@pytest.mark.parametrize("name", RECORDS)
def test_a_training_in_a_dozen_lines(name: str) -> None:
    text = printed(lambda console: print_brief(RECORDS[name](), console, command="frostline train a.tsv"))
    assert_expected(text, f"{name}.brief.txt")
    assert not [word for word in FORBIDDEN if word in text]
    assert max(map(len, text.split("\n"))) <= 80


@pytest.mark.parametrize("name", ["full", "two-labels"])
def test_an_evaluation_in_a_dozen_lines(name: str) -> None:
    training = RECORDS[name]()
    record = replace(evaluation_record(training), baselines=training.baselines)
    text = printed(lambda console: print_brief_evaluation(record, console, command="frostline review a.tsv"))
    assert_expected(text, f"{name}.evaluation.brief.txt")
    assert not [word for word in FORBIDDEN if word in text]
    assert max(map(len, text.split("\n"))) <= 80


def test_the_command_is_never_broken_over_lines() -> None:
    command = "frostline train " + "x" * 200
    out = io.StringIO()
    print_brief(RECORDS["full"](), Console(file=out, width=80), command=command)
    assert f"    {command}\n" in out.getvalue()


def test_of_many_warnings_the_first_are_shown_and_the_rest_counted() -> None:
    record = RECORDS["full"]()
    for n, said in ((MOST_WARNINGS, ""), (MOST_WARNINGS + 2, "and 2 more: --details")):
        out = io.StringIO()
        print_brief(replace(record, warnings=("Look.",) * n), Console(file=out, width=80))
        assert out.getvalue().count("! Look.") == MOST_WARNINGS
        assert ("more: --details" in out.getvalue()) is bool(said)
        assert said in out.getvalue()


def test_an_untested_one_advises_nothing() -> None:
    assert next_advice(RECORDS["untested"]()) is None
