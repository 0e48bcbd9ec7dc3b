"""The command that was given, said again as a line to paste: with something added, or for another verb."""

import importlib
import os
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from frostline.advice import Advice, Step
from frostline.cli.console import output
from frostline.errors import printable
from frostline.report.brief import print_next

_FILES = frozenset(
    {
        "text_column",
        "label_column",
        "label_columns",
        "labels_separator",
        "tidy_labels",
        "sheet",
        "header",
        "file_format",
        "encoding",
        "on_bad_text",
        "delimiter",
        "quoted",
        "on_empty_text",
        "max_bad_rows",
        "group",
        "limit",
        "test_file",
        "encoder",
        "revision",
        "max_length",
        "prefix",
    }
)
"""What another verb is told of the file and the encoder, by the names of parameters."""


def command_of(advice: Advice | None) -> str:
    """The line that does what is advised, in the command that is running; empty where no command does it."""
    return "" if advice is None or advice.step is None else line_of(advice.step)


def say_next(sentence: str, step: Step) -> None:
    """What to do now, and its line, beneath a report on standard output."""
    print_next(output(), f"Next: {sentence}", line_of(step))


def line_of(step: Step) -> str:
    """The line of a step, quoted for a shell."""
    context = click.get_current_context()
    command = context.command
    name = context.info_name or ""
    if step.verb is not None and step.verb != name:
        name = step.verb
        command = importlib.import_module(f"frostline.cli.{name}").command
    is_same = command is context.command
    added = {option for option in step.options if option.startswith("-")}
    if not added.issubset(option for parameter in command.params for option in parameter.opts):
        return ""
    words = ["frostline", name]
    for parameter in sorted(command.params, key=lambda one: isinstance(one, click.Option)):
        is_kept = is_same or isinstance(parameter, click.Argument) or parameter.name in _FILES
        if is_kept and not added.intersection(parameter.opts):
            words += _given(parameter)
    words += step.options
    if is_same and context.params.get("out") is not None and "--overwrite" not in words:
        words.append("--overwrite")
    return printable(shlex.join(words))


def made_by() -> str:
    """When and by which command, for the end of a page; folders are left out, since a page is handed on."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, by: {command_line()}"


def command_line() -> str:
    """The command that is running, quoted for a shell, folders left out."""
    context = click.get_current_context()
    words = [word for parameter in context.command.params for word in _given(parameter)]
    return printable(shlex.join(["frostline", context.info_name or "", *map(_named, words)]))


def file_for(verb: str) -> str:
    """The file of the command that is running and what was said of reading it, as another verb is told of them."""
    own = {parameter.name for parameter in importlib.import_module(f"frostline.cli.{verb}").command.params}
    words = [
        word
        for parameter in click.get_current_context().command.params
        if parameter.name == "file" or parameter.name in own & {*_FILES, "seed"}
        for word in _given(parameter)
    ]
    return printable(shlex.join(map(_named, words)))


def _named(word: str) -> str:
    """A word of a command without the folders of a path, which are nobody else's business; hub ids stay."""
    return Path(word).name if os.sep in word and (Path(word).is_absolute() or Path(word).exists()) else word


def _given(parameter: click.Parameter) -> Iterator[str]:
    """The words by which the command that is running got this parameter; none where it was not said."""
    context = click.get_current_context()
    if context.get_parameter_source(parameter.name or "") in _SAID:
        yield from _said(parameter, context.params.get(parameter.name or ""))


_SAID = {ParameterSource.COMMANDLINE, ParameterSource.PROMPT}


def _said(parameter: click.Parameter, value: Any) -> Iterator[str]:
    """The words by which a parameter got its value."""
    values: Sequence[Any] = value if parameter.multiple or parameter.nargs != 1 else (value,)
    if isinstance(parameter, click.Argument):
        yield from map(str, values)
    elif isinstance(parameter, click.Option) and parameter.is_flag:
        yield parameter.opts[-1] if value else parameter.secondary_opts[-1]
    else:
        for one in values:
            yield from (parameter.opts[-1], str(one))
