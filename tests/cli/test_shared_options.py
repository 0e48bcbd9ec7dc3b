"""Options that several verbs share mean the same everywhere: each one arrives as what it says."""

from collections.abc import Callable
from typing import Any, TypeAlias

import click
import pytest
from click.testing import CliRunner

from frostline.cli.options import EncoderChoice, answer_options, encoder_options, reading_options
from frostline.data.options import TableOptions
from frostline.head.deciding import RuleOptions
from frostline.head.fitted import AnswerOptions

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


def given(decorate: Decorator, *arguments: str) -> dict[str, Any]:
    """What a command with these options gets."""
    found: dict[str, Any] = {}

    @click.command()
    @decorate
    def command(**values: Any) -> None:
        found.update(values)

    outcome = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return found


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], TableOptions()),
        (["--text", "2"], TableOptions(text=2)),
        (["--text", "two"], TableOptions(text="two")),
        (["--label", "1"], TableOptions(label=1)),
        (["--label", "stars"], TableOptions(label="stars")),
        (["--labels-separator", "; "], TableOptions(labels_separator="; ")),
        (["--header"], TableOptions(header=True)),
        (["--no-header"], TableOptions(header=False)),
        (["--format", "jsonl"], TableOptions(format="jsonl")),
        (["--encoding", "latin-1"], TableOptions(encoding="latin-1")),
        (["--on-bad-text", "skip"], TableOptions(on_bad_text="skip")),
        (["--delimiter", "|"], TableOptions(delimiter="|")),
        (["--quoted"], TableOptions(quoted=True)),
        (["--not-quoted"], TableOptions(quoted=False)),
        (["--on-empty-text", "keep"], TableOptions(on_empty_text="keep")),
        (["--max-bad-rows", "7"], TableOptions(max_bad_rows=7)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_of_reading_is_this(arguments: list[str], options: TableOptions) -> None:
    assert given(reading_options, *arguments) == {"reading": options}


@pytest.mark.parametrize(
    ("arguments", "choice"),
    [
        ([], EncoderChoice()),
        (["--encoder", "bert"], EncoderChoice(name="bert")),
        (["--revision", "abc"], EncoderChoice(revision="abc")),
        (["--max-length", "3"], EncoderChoice(max_length=3)),
        (["--threads", "1"], EncoderChoice(threads=1)),
        (["--no-store"], EncoderChoice(store=False)),
        (["--store"], EncoderChoice(store=True)),
        (["--precision", "int8"], EncoderChoice(precision="int8")),
        (["--precision", "auto"], EncoderChoice(precision="auto")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_of_the_encoder_is_this(arguments: list[str], choice: EncoderChoice) -> None:
    assert given(encoder_options, *arguments) == {"encoder": choice}


def test_what_nobody_chose_is_this() -> None:
    """The bundled encoder, exactly, with a memory, its own limit on length."""
    assert EncoderChoice() == EncoderChoice(
        name="minilm", revision=None, max_length=None, threads=None, store=True, precision="float32"
    )


@pytest.mark.parametrize(
    ("arguments", "answers"),
    [
        ([], AnswerOptions(calibrate="auto", rule=RuleOptions())),
        (["--calibrate", "isotonic"], AnswerOptions(calibrate="isotonic", rule=RuleOptions())),
        (["--abstain-precision", "0.9"], AnswerOptions(rule=RuleOptions(abstain_precision=0.9))),
        (
            ["--abstain-precision", "0.9", "--confidence", "0.8"],
            AnswerOptions(rule=RuleOptions(abstain_precision=0.9, confidence=0.8)),
        ),
        (["--thresholds", "f1"], AnswerOptions(rule=RuleOptions(thresholds="f1"))),
        (
            ["--threshold-for", "recall=0.8", "--threshold-label", "good"],
            AnswerOptions(rule=RuleOptions(threshold_for=("recall", 0.8), threshold_label="good")),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_of_answering_is_this(arguments: list[str], answers: AnswerOptions) -> None:
    assert given(answer_options, *arguments) == {"answers": answers}


@pytest.mark.parametrize(
    ("decorate", "arguments"),
    [
        (reading_options, ["--max-bad-rows", "-1"]),
        (reading_options, ["--format", "xml"]),
        (reading_options, ["--on-bad-text", "ignore"]),
        (encoder_options, ["--max-length", "2"]),
        (encoder_options, ["--threads", "0"]),
        (encoder_options, ["--precision", "int4"]),
        (answer_options, ["--calibrate", "sometimes"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_value_that_cannot_be_ends_with_2(decorate: Decorator, arguments: list[str]) -> None:
    """The values just inside are those of the tables above."""

    @click.command()
    @decorate
    def command(**_: Any) -> None:
        pytest.fail("it ran")

    assert CliRunner().invoke(command, arguments).exit_code == 2
