"""The command that was given, said again as a line to paste: with something added, or for another verb."""

import importlib
import itertools
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from frostline.advice import Advice, Step
from frostline.cli.console import output
from frostline.errors import word_of_shell
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

_WAYS = frozenset({"test_fraction", "scoring", "class_weight", "seed", "threads", "backend", "device", "store"})
"""What it is told of how to learn, test and read."""

_DISPLACED = {
    "--nested": {"--holdout", "--preset"},
    "--features": {"--preset"},
    "--class-weight": {"--preset"},
    "--labels-separator": {"--preset", "--scoring", "--threshold-for", "--threshold-label"},
    "--encoder": {"--revision", "--prefix"},
}
"""What was asked for and would contradict an option that is advised, or be refused beside it."""

_WRITTEN = ("out", "rejects", "plot", "report")
"""Parameters that name a file or a folder to be written: the same command again must replace it."""


def command_of(advice: Advice | None, *, is_handed_on: bool = False) -> str:
    """The line that does what is advised, in the command that is running; empty where no command does it."""
    return "" if advice is None or advice.step is None else line_of(advice.step, is_handed_on=is_handed_on)


def say_next(sentence: str, step: Step) -> None:
    """What to do now, and its line, beneath a report on standard output."""
    print_next(output(), f"Next: {sentence}", line_of(step))


def line_of(step: Step, *, is_handed_on: bool = False) -> str:
    """The line of a step, quoted for a shell; empty where no such command would do it.

    Parameters
    ----------
    is_handed_on : bool
        It will stand on a page: folders are left out, and it is for the folder where the file is.
    """
    words = list(_words_of(step, is_handed_on=is_handed_on))
    line = " ".join(map(word_of_shell, words))
    return f"… | {line}" if _STANDARD_INPUT in words else line


_STANDARD_INPUT = "-"


def _words_of(step: Step, *, is_handed_on: bool) -> Iterator[str]:
    """The words of the line; none where the verb lacks an option, or cannot read what was read."""
    context = click.get_current_context()
    command = context.command
    name = context.info_name or ""
    if step.verb is not None and step.verb != name:
        name = step.verb
        command = importlib.import_module(f"frostline.cli.{name}").command
    is_same = command is context.command
    added = {option for option in step.options if option.startswith("--")}
    if not added.issubset(option for parameter in command.params for option in parameter.opts):
        return
    file = context.params.get("file")
    if not is_same and file is not None and str(file) != _STANDARD_INPUT and not Path(file).exists():
        return  # a public set, which only `train` knows by its name
    displaced = added.union(*(_DISPLACED.get(option, ()) for option in added))
    yield from ("frostline", name)
    for parameter in sorted(command.params, key=lambda one: isinstance(one, click.Option)):
        is_kept = is_same or isinstance(parameter, click.Argument) or parameter.name in _FILES | _WAYS
        is_kept = is_kept and parameter.name != "as_json"  # the page of what a program asked for is a person's
        if is_kept and not displaced.intersection(parameter.opts):
            yield from _given(parameter, is_handed_on=is_handed_on)
    yield from _into_free_places(step.options)
    writes = any(context.params.get(name) is not None for name in _WRITTEN)
    if is_same and writes and not context.params.get("overwrite"):
        yield "--overwrite"


def _into_free_places(options: Sequence[str]) -> Iterator[str]:
    """The same, but that a file or folder to be written is one that is not there: `model-2`."""
    for before, word in itertools.pairwise(("", *options)):
        if before not in {"--out", "--report"}:
            yield word
            continue
        path = Path(word)
        names = itertools.chain([path], (path.with_stem(f"{path.stem}-{n}") for n in itertools.count(2)))
        yield str(next(name for name in names if not os.path.lexists(name)))


def made_by() -> str:
    """When and by which command, for the end of a page; folders are left out, since a page is handed on."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, by: {command_line()}"


def command_line() -> str:
    """The command that is running, quoted for a shell, folders left out."""
    context = click.get_current_context()
    words = [word for parameter in context.command.params for word in _given(parameter, is_handed_on=True)]
    return " ".join(map(word_of_shell, ["frostline", context.info_name or "", *words]))


def file_for(verb: str) -> str:
    """The file of the command that is running and what was said of reading it, as another verb is told of them."""
    own = {parameter.name for parameter in importlib.import_module(f"frostline.cli.{verb}").command.params}
    words = [
        word
        for parameter in click.get_current_context().command.params
        if parameter.name == "file" or parameter.name in own & {*_FILES, "seed"}
        for word in _given(parameter, is_handed_on=True)
    ]
    return " ".join(map(word_of_shell, words))


def _named(value: object, kind: click.ParamType[Any]) -> str:
    """A value without the folders of a path, which are nobody else's business; hub ids stay."""
    path = Path(str(value))
    is_path = isinstance(kind, click.Path) or path.is_absolute() or path.exists()
    return path.name if is_path and os.sep in str(value) else str(value)


def _given(parameter: click.Parameter, *, is_handed_on: bool) -> Iterator[str]:
    """The words by which the command that is running got this parameter; none where it was not said."""
    if is_said(parameter.name or ""):
        value = click.get_current_context().params.get(parameter.name or "")
        yield from _said(parameter, value, is_handed_on=is_handed_on)


def is_said(name: str) -> bool:
    """Whether whoever gave the command said what that parameter is, or answered a question of it."""
    return click.get_current_context().get_parameter_source(name) in _SAID


_SAID = {ParameterSource.COMMANDLINE, ParameterSource.PROMPT}


def _said(parameter: click.Parameter, value: Any, *, is_handed_on: bool) -> Iterator[str]:
    """The words by which a parameter got its value; a file whose name begins with a dash is not taken for an option."""
    values: Sequence[Any] = value if parameter.multiple or parameter.nargs != 1 else (value,)
    named = [_named(one, parameter.type) if is_handed_on else str(one) for one in values]
    if isinstance(parameter, click.Argument):
        yield from (f"./{one}" if one.startswith("-") and one != _STANDARD_INPUT else one for one in named)
    elif isinstance(parameter, click.Option) and parameter.is_flag:
        yield parameter.opts[-1] if value else parameter.secondary_opts[-1]
    else:
        for one in named:
            yield from (parameter.opts[-1], one)
