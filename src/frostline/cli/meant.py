"""What somebody probably meant whom click did not understand: the same command, mended, as a line to paste."""

import difflib
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

VERBS_ELSEWHERE = {
    "fit": "train",
    "learn": "train",
    "test": "evaluate",
    "score": "evaluate",
    "classify": "predict",
    "label": "predict",
    "infer": "predict",
    "encode": "embed",
    "clean": "review",
    "why": "explain",
}
"""Verbs of other tools, and ours for the same."""

_OPTIONS_ELSEWHERE = {
    "output": "--out",
    "save": "--out",
    "target": "--label",
    "y": "--label",
    "column": "--text",
    "model": "--encoder",
    "val": "--test",
    "validation": "--test",
    "cv": "--folds",
    "random-state": "--seed",
    "cleanup": "--tidy-labels",
    "force": "--overwrite",
    "sep": "--delimiter",
}
_COMMANDS_ELSEWHERE = {
    "clear": "prune",
    "clean": "prune",
    "delete": "prune",
    "list": "info",
    "show": "info",
    "check": "verify",
}
_PERCENT = re.compile(r"'(\d+(?:\.\d+)?)%' is not a valid float")
_RANGE = re.compile(r"(-?[\d.]+) is not in the range (?:(\d+)<=)?x(?:>=(\d+)|<=(\d+))?")
_CHOICE = re.compile(r"'([^']+)' is not (?:one of )?((?:'[^']*'(?:, )?)+)")


def mended(error: click.UsageError, arguments: Sequence[str]) -> str:
    """The line that is probably meant; empty where there is no telling."""
    context = error.ctx
    if context is None:
        return ""
    words = next(_mended(error, context, list(arguments)), None)
    return "" if words is None else shlex.join(["frostline", *words])


def example(context: click.Context) -> str:
    """The example of the verb's own help; empty where it has none."""
    found = re.search(r"Example: (frostline .*?)(?:   |$)", context.command.epilog or "")
    return "" if found is None else found[1]


def _mended(error: click.UsageError, context: click.Context, words: list[str]) -> Iterator[list[str]]:
    options = [option for parameter in context.command.params for option in parameter.opts if option.startswith("--")]
    message = error.format_message()
    if isinstance(error, click.NoSuchOption):
        yield from _options_mended(error.option_name, context, words, options)
    elif percent := _PERCENT.search(message):
        yield [f"{float(percent[1]) / 100:g}" if word == f"{percent[1]}%" else word for word in words]
    elif limits := _RANGE.search(message):
        value, *ends = limits.groups()
        near = sorted((end for end in ends if end), key=lambda end: abs(float(end) - float(value)))
        yield from ([near[0] if word == value else word for word in words] for _ in near[:1])
    elif choice := _CHOICE.search(message):
        near = difflib.get_close_matches(choice[1], re.findall(r"'([^']*)'", choice[2]), n=1, cutoff=0.5)
        yield from ([near[0] if word == choice[1] else word for word in words] for _ in near)
    elif extra := re.search(r"unexpected extra arguments? \((\S+)\)", message):
        yield from _named(extra[1], words, options)
    elif command := re.search(r"No such command '(.*?)'", message):
        name = _COMMANDS_ELSEWHERE.get(command[1])
        yield from ([name if word == command[1] else word for word in words] for _ in [name] if name is not None)


def _options_mended(name: str, context: click.Context, words: list[str], options: Sequence[str]) -> Iterator[list[str]]:
    """An option by another name, with one dash, or where an argument is meant."""
    given = next((word for word in words if word == name or word.startswith((f"{name}=", name))), name)
    bare = given.partition("=")[0].lstrip("-")
    if bare in {"file", "data", "input", "train"} and any(
        isinstance(one, click.Argument) for one in context.command.params
    ):
        yield [word for word in words if word != given]
        return
    wanted = f"--{bare}" if f"--{bare}" in options else _OPTIONS_ELSEWHERE.get(bare, "")
    if wanted not in options:
        wanted = next(iter(difflib.get_close_matches(f"--{bare}", options, n=1, cutoff=0.7)), "")
    if wanted:
        yield [given.replace(given.partition("=")[0], wanted, 1) if word == given else word for word in words]


def _named(extra: str, words: list[str], options: Sequence[str]) -> Iterator[list[str]]:
    """What follows the file without an option: a test file, or the label's column."""
    option = "--test" if Path(extra).is_file() else "--label"
    if option in options:
        place = len(words) - 1 - words[::-1].index(extra)
        yield [*words[:place], option, *words[place:]]
