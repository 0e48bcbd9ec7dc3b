"""What somebody probably meant whom click did not understand: the same command, mended, as a line to paste."""

import contextlib
import difflib
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from frostline.errors import pasteable

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
    if option == "--label" and "--out" in options and "--out" not in words and not _names_column(extra, words):
        option = "--out"
    if option in options:
        place = len(words) - 1 - words[::-1].index(extra)
        yield [*words[:place], option, *words[place:]]


def _names_column(extra: str, words: Sequence[str]) -> bool:
    """Whether the first line of a file of the command has that name in it."""
    for word in words:
        with contextlib.suppress(OSError, ValueError), Path(word).open("rb") as file:
            if extra.encode() in file.readline(_LONGEST_HEADER):
                return True
    return False


_LONGEST_HEADER = 65_536


_OPTION = re.compile(r"(--[a-z][a-z-]*[a-z])(?: ('[^']*'|[^\s,;()]*[^\s,;().?]))?")


def with_option(hint: str, group: click.Group, arguments: Sequence[str]) -> str:
    """The command again with the first option that a hint names with its value, in place of what it had; or empty.

    What follows it after a blank alone belongs to it: `--text body --label queue`.
    """
    command, words = _command(group, arguments)
    if command is None or "eave --" in hint or "eave out --" in hint:  # what is to go is no value to give
        return ""
    options = {one: option for option in command.params if isinstance(option, click.Option) for one in option.opts}
    kept, end = list(words), 0
    added: list[str] = []
    for found in _OPTION.finditer(hint):
        if added and hint[end : found.start()] != " ":
            break
        option, value = options.get(found[1]), (found[2] or "").strip("'")
        if option is None or (not option.is_flag and (not value or value.isupper() or not _is_value(option, value))):
            continue
        end = found.end()
        for other in [*option.opts, *option.secondary_opts]:
            while other in kept:
                place = kept.index(other)
                del kept[place : place + (1 if option.is_flag else 2)]
        added += [found[1], *([] if option.is_flag else [value])]
    return shlex.join(["frostline", *kept, *added]) if added else ""


def _is_value(option: click.Option, value: str) -> bool:
    """Whether the option takes that value: a word that only follows it in the sentence is none."""
    if value in {"or", "and", "out", "to", "of", "is", "in", "for", "says", "with"}:
        return False
    with contextlib.suppress(click.BadParameter):
        option.type.convert(value, option, None)
        return True
    return False


def _command(group: click.Group, arguments: Sequence[str]) -> tuple[click.Command | None, list[str]]:
    """The verb that was given, and its name with all else."""
    words = [word for word in arguments if word != "--debug"]
    return (group.get_command(click.Context(group), words[0]) if words else None), words


def filled(hint: str, group: click.Group, arguments: Sequence[str]) -> str:
    """`frostline predict MODEL FILE` with the model and the file that the command was given."""
    given: dict[str, Any] = {}
    with contextlib.suppress(Exception):  # whatever is wrong with the command, the hint stands as it is
        command, words = _command(group, arguments)
        if command is not None:
            given = command.make_context(words[0], words[1:], resilient_parsing=True).params
    for place, names in (("MODEL", ("model",)), ("FILE", ("file", "texts"))):
        value = next((given[name] for name in names if given.get(name)), None)
        value = value[0] if isinstance(value, tuple) and len(value) == 1 else value
        if isinstance(value, Path) or (isinstance(value, str) and Path(value).is_file()):
            quoted = pasteable(value)  # not for `train`, which learns from another file than is answered
            hint = re.sub(rf"(frostline (?!train)[^.;]*?)\b{place}\b", lambda found: found[1] + quoted, hint)  # noqa: B023
    return hint
