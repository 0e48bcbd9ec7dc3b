"""`frostline completion bash|zsh|fish`: what makes a shell complete verbs, options, their values and files."""

import contextlib
import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem, get_completion_class

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]

_FEATURES = ("mean@all", "mean@-1", "cls@-1", "cls@all", "max@all", "mean@all+words", "words")
_SCORERS = (
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "matthews_corrcoef",
    "neg_log_loss",
    "roc_auc_ovr",
)
_LONGEST_HEADER = 65_536  # bytes


def one_of(*values: str) -> Completer:
    """Complete what begins so."""
    return lambda context, parameter, begun: _beginning(values, begun)  # noqa: ARG005 - click's signature


def files(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem[str]]:  # noqa: ARG001
    """Complete files, and folders on the way to them."""
    return [CompletionItem(begun, type="file")]


def folders(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem[str]]:  # noqa: ARG001
    """Complete folders: a saved classifier is one."""
    return [CompletionItem(begun, type="dir")]


def encoders(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem[str]]:
    """Complete the short names of encoders, also after a comma; what is none of them may be a folder."""
    from frostline.encoder.checkpoint import known_encoders  # noqa: PLC0415 - while completing alone

    before, comma, last = begun.rpartition(",")
    found = [f"{before}{comma}{known.name}" for known in known_encoders() if known.name.startswith(last)]
    return _beginning(found, begun) or folders(context, parameter, begun)


features = one_of(*_FEATURES)
features_or_auto = one_of(*_FEATURES, "auto")
scorers = one_of(*_SCORERS)


def columns(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem[str]]:  # noqa: ARG001
    """Complete the names in the first line of the command's file, also after a comma."""
    before, comma, last = begun.rpartition(",")
    given = [context.params.get("file"), *context.args]  # where an option lacks its value click leaves them in `args`
    file = next((Path(word) for word in given if word is not None and Path(word).is_file()), None)
    if file is None:
        return []
    with contextlib.suppress(OSError, ValueError), file.open("rb") as opened:
        line = opened.readline(_LONGEST_HEADER).decode("utf-8-sig").strip()
        names = (name.strip().strip('"') for name in line.split(max("\t;,", key=line.count)))
        found = [f"{before}{comma}{name}" for name in names if name and name.startswith(last)]
        return [CompletionItem(shlex.quote(name) if _is_bash() else name) for name in found]
    return []


def _is_bash() -> bool:
    """Whether it completes: zsh and fish quote by themselves."""
    return os.environ.get(_VARIABLE, "").startswith("bash")


_VARIABLE = "_FROSTLINE_COMPLETE"
_NO_BREAK = "COMP_WORDBREAKS=${COMP_WORDBREAKS//@/}  # mean@all is one word\n"


def verbs(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem[str]]:  # noqa: ARG001
    """Complete a verb."""
    group = context.find_root().command
    return _beginning(group.list_commands(context) if isinstance(group, click.Group) else [], begun)


def _beginning(values: Iterable[str], begun: str) -> list[CompletionItem[str]]:
    return [CompletionItem(value) for value in values if value.startswith(begun)]


_WHERE = {
    "bash": "frostline completion bash >> ~/.bashrc",
    "zsh": "frostline completion zsh >> ~/.zshrc",
    "fish": "frostline completion fish > ~/.config/fish/completions/frostline.fish",
}


@click.command(
    "completion",
    epilog=f"Example: {_WHERE['bash']}",
    help="Print what makes SHELL complete verbs, options, their values and files. Once, for bash, zsh or fish: "
    f"{_WHERE['bash']}; {_WHERE['zsh']}; {_WHERE['fish']}.",
)
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print click's own script."""
    made = get_completion_class(shell)
    if made is not None:
        source = made(context.find_root().command, {}, "frostline", _VARIABLE).source()
        click.echo(_NO_BREAK + source if shell == "bash" else source)
