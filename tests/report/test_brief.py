"""A training in a dozen lines."""

import io
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from test_whole_reports import RECORDS, printed

from conftest import Command
from expected import assert_expected
from frostline.evaluate.paired import Difference
from frostline.record import NearRecord, PartRecord, PartsRecord, TrainingRecord
from frostline.report.brief import (
    MOST_LINES,
    MOST_WARNINGS,
    next_advice,
    print_brief,
    print_brief_evaluation,
    print_next,
)
from golden_outputs import sentence
from small_records import evaluation_record

FORBIDDEN = ("search.best_score", "stand there", "flatter", "isotonic", "word pieces", "claimed", "hopeful", "mean@all")


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


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("mean@all+words", "  Words kept: +1.5 points by 5 folds (+1.0 to +2.0), beyond chance.\n"),
        ("mean@all", "  Words left out: +1.5 points by 5 folds (+1.0 to +2.0), beyond chance.\n"),
        ("words", "  Words kept alone: -9.0 points by 5 folds (-9.5 to -8.5), beyond chance.\n"),
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
    assert said.strip() in text.replace("\u2212", "-")
    assert "Words" not in printed(lambda console: print_brief(replace(record, parts=None), console, command=""))


def test_the_command_is_never_broken_over_lines() -> None:
    command = "frostline train " + "x" * 200
    out = io.StringIO()
    print_brief(RECORDS["full"](), Console(file=out, width=80), command=command)
    assert f"    {command}\n" in out.getvalue()


def brief(record: TrainingRecord, *, width: int = 80) -> list[str]:
    out = io.StringIO()
    print_brief(record, Console(file=out, width=width), command="frostline train a.tsv")
    return out.getvalue().rstrip("\n").split("\n")


def test_of_many_warnings_the_first_are_shown_and_the_rest_counted() -> None:
    record = RECORDS["full"]()
    for n, said in ((MOST_WARNINGS, ""), (MOST_WARNINGS + 2, "  and 2 more: --details")):
        lines = brief(replace(record, warnings=("Look.",) * n), width=10_000)
        assert lines.count("  ! Look.") == MOST_WARNINGS
        assert [line for line in lines if "more: --details" in line] == ([said] if said else [])


def test_where_there_is_no_room_one_warning_is_left_and_then_its_first_sentence() -> None:
    """Of 80 columns; what is left out is counted, the worst stays."""
    long = (
        "The encoder 'small' can hardly read 52 of 420 texts (in Chinese 67; 6 % unknown). Another can: --encoder big."
    )
    record = replace(RECORDS["full"](), warnings=(long, *("Look at something else too.",) * 4))
    lines = brief(record)
    assert len(lines) <= MOST_LINES
    assert "  ! The encoder 'small' can hardly read 52 of 420 texts. (4 more: --details)" in lines
    assert "" not in lines
    alone = brief(replace(record, warnings=("One is said whole. In two sentences.",)))
    assert any("One is said whole" in line for line in alone)


def test_what_the_paragraph_says_of_near_copies_is_no_warning_too() -> None:
    near = "20 of 50 test texts are nearly training texts: frostline review lists such."
    record, source = RECORDS["full"](), RECORDS["full"]().test_source
    assert source is not None
    record = replace(record, warnings=("Look.", near))
    few = NearRecord(n=1, n_looked=50, n_right=40, can_be_kept=True)
    for found, is_shown in ((replace(few, n=20), False), (few, True)):
        text = "\n".join(brief(replace(record, test_source=replace(source, near=found)), width=10_000))
        assert (near in text) is is_shown
        assert ("But 20 of 50 looked at are nearly texts" in text) is not is_shown


def test_an_untested_one_advises_nothing() -> None:
    assert next_advice(RECORDS["untested"]()) is None


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Next: Try it: run the same command with --nested, which tests all.", "Next: Try it:"),
        ("Next: Look: frostline review, with the same files.", "Next: Look:"),
        ("Next: read; some may be wrong (frostline review looks for them).", "Next: read; some may be wrong:"),
        ("Next: train with the best of them.", "Next: train with the best of them."),
    ],
)
def test_a_command_is_said_once(sentence: str, said: str) -> None:
    """In the line to paste, where there is one; else in the sentence."""
    shown = printed(lambda console: print_next(console, sentence, "frostline train a.tsv"))
    assert shown == f"  {said}\n    frostline train a.tsv\n"
    assert printed(lambda console: print_next(console, sentence, "")) == f"  {sentence}\n"


TOPICS_OF = {
    "ABBR": ["food"],
    "DESC": ["sport"],
    "ENTY": ["travel"],
    "HUM": ["money"],
    "LOC": ["food", "sport"],
    "NUM": ["travel", "money"],
}


@pytest.mark.parametrize(("n_labels", "n_rows"), [(4, 420), (6, 700)])
def test_train_says_it_in_fifteen_lines(
    frostline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_labels: int, n_rows: int
) -> None:
    """At 80 columns, what was kept of words among them; piped, each line is whole and ends where its words end."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.RandomState(5)
    labels = draw.choice(list(TOPICS_OF)[:n_labels], n_rows).tolist()
    rows = [f"{sentence(draw, TOPICS_OF[label])},{label}" for label in labels]
    (tmp_path / "four.csv").write_text("\n".join(["text,label", *rows]), "utf-8")
    shutil.copytree(Path(__file__).parents[1] / "golden" / "encoder", tmp_path / "encoder")
    command = ("train", "four.csv", "--encoder", "encoder", "--no-store", "--out", "model")
    piped = frostline(*command).out
    screen = io.StringIO()
    monkeypatch.setattr("frostline.cli.train.output", lambda: Console(file=screen, width=80))
    assert frostline(*command, "--overwrite").code == 0
    lines = screen.getvalue().rstrip("\n").split("\n")
    assert len(lines) <= MOST_LINES, screen.getvalue()
    assert max(map(len, lines[:-1])) <= 80  # the last is the command, never broken
    assert sum(line.startswith("  Words ") for line in lines) == 1
    assert not [word for word in FORBIDDEN if word in piped]
    assert all(line == line.rstrip() for line in piped.split("\n"))
    assert len([line for line in piped.split("\n") if line.startswith("  This classifier gives")]) == 1


def test_an_evaluation_without_simpler_ways_beside_it_says_why() -> None:
    record = evaluation_record(RECORDS["full"]())
    beside, said = (
        RECORDS["full"]().baselines,
        "not beside word counting: too few different texts to learn from by folds",
    )
    for found, is_said in ((beside, False), ((), True)):
        screen = io.StringIO()
        print_brief_evaluation(replace(record, baselines=found), Console(file=screen, width=80))
        assert (said in " ".join(screen.getvalue().split())) is is_said


def test_where_every_label_is_right_none_is_called_the_weakest() -> None:
    record = RECORDS["two-labels"]()
    test = record.test
    assert test is not None
    perfect = tuple(replace(one, f1=one.f1 and replace(one.f1, value=1.0)) for one in test.per_label)
    all_right = replace(record, test=replace(test, per_label=perfect))
    said = printed(lambda console: print_brief(all_right, console))
    assert "weakest" not in said
    assert "weakest by F1 %  no: 89.3 (77.8" in printed(lambda console: print_brief(record, console))


@pytest.mark.parametrize(("n", "shown"), [(6, "bbbbbb"), (10, "bbbbbbbbbb"), (30, "bbbbbbbbb…")])
def test_no_interval_of_the_weakest_is_parted_by_the_end_of_a_line(n: int, shown: str) -> None:
    """Labels are cut as far as they must be."""
    record = RECORDS["full"]()
    test = record.test
    assert test is not None
    long = tuple(replace(one, label=f"{letter * n}") for letter, one in zip("abc", test.per_label, strict=True))
    said = printed(lambda console: print_brief(replace(record, test=replace(test, per_label=long)), console))
    line = next(line for line in said.splitlines() if "weakest" in line)
    assert line.count("(") == line.count(")") == 2
    assert len(line) <= 80
    assert line.split("%  ")[1].partition(":")[0] == shown


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("frostline train a.csv --out model", ["    frostline train a.csv --out model"]),
        (
            f"frostline train {'a' * 40}.csv --out model --features words --learning-curve --overwrite",
            [
                f"    frostline train {'a' * 40}.csv --out model \\",
                "        --features words --learning-curve --overwrite",
            ],
        ),
        ("frostline train '" + "a --" * 30 + "'", ["    frostline train '" + "a --" * 30 + "'"]),
    ],
)
def test_a_long_command_stands_on_several_lines_of_a_shell(command: str, lines: list[str]) -> None:
    """On a terminal, which would part it within a word; a shell reads the same words."""
    shown = printed(lambda console: print_next(console, "Next: do.", command), colour=True)
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines()
    assert plain[1:] == lines
    script = f"printf '%s\\n' {' '.join(plain[1:2])}\n" + "\n".join(plain[2:])
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout  # noqa: S607
    assert said.splitlines() == shlex.split(command)
    piped = printed(lambda console: print_next(console, "Next: do.", command))
    assert piped.splitlines()[1:] == [f"    {command}"]
