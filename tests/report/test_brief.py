"""A training in a dozen lines."""

import io
from dataclasses import replace

import pytest
from rich.console import Console
from test_whole_reports import RECORDS, printed

from expected import assert_expected
from frostline.evaluate.paired import Difference
from frostline.record import PartRecord, PartsRecord
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


ALONE, BESIDE = "-9.0 (-9.5 to -8.5)", "+1.5 (+1.0 to +2.0)"
OVER = "points of accuracy over mean@all"


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("mean@all+words", f"Words kept: by 5 folds {BESIDE} {OVER}, a lead beyond chance; alone {ALONE}."),
        ("mean@all", f"Words left out: by 5 folds {BESIDE} {OVER}, a lead beyond chance; alone {ALONE}."),
        ("words", f"Words kept alone: by 5 folds {ALONE} {OVER}, behind it, beyond chance; beside it {BESIDE}."),
    ],
)
def test_what_was_chosen_among_features_and_words_is_a_line(kept: str, said: str) -> None:
    """With by how much; nothing where words were not tried."""

    def trial(features: str, lead: float) -> PartRecord:
        near = Difference(
            value=lead,
            std_error=0.0025,
            interval=(lead - 0.005, lead + 0.005),
            n=600,
            over="rows",
            n_only_first=9,
            n_only_second=1,
            p_value=0.02,
        )
        return PartRecord(features=features, score=0.8 + lead, interval=(0.7, 0.9), lead=near)

    parts = PartsRecord(
        is_chosen=True,
        kept=kept,
        trials=(trial("mean@all", 0.0), trial("words", -0.09), trial("mean@all+words", 0.015)),
        scoring="accuracy",
        n_folds=5,
        weights=(1.0, 0.5, 0.0),
        word_Cs=(0.01,),
    )
    record = RECORDS["full"]()
    text = printed(lambda console: print_brief(replace(record, parts=parts), console, command=""))
    assert said in " ".join(text.replace("\u2212", "-").split())
    assert "Words" not in printed(lambda console: print_brief(replace(record, parts=None), console, command=""))


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
