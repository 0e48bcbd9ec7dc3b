"""The door of the command line: finds the verb, runs it, turns every outcome into words and an exit code.

Heavy imports wait until a verb needs them: `frostline --help` takes no longer than click does.
"""

import difflib
import errno
import importlib
import io
import json
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO, final

import click

from frostline.errors import FrostlineError, MissingInputError, StorageError, UsageError, pasteable, printable, shown
from frostline.machine import BLAS_THREAD_SETTINGS
from frostline.version import __version__

VERBS = {
    "demo": "Train on the built-in sample, show the report, classify a few sentences.",
    "finetune": "Train the encoder too, and say whether it paid.",
    "train": "Turn a labelled file into a saved classifier, with a score that can be believed.",
    "predict": "Label a sentence, lines from standard input, or a whole file.",
    "serve": "Answer over HTTP, for the clients that people already have.",
    "export": "Write a saved classifier as one ONNX file, for programs without Frostline.",
    "push": "Send a saved classifier to the hub, as a repository with its card.",
    "page": "Write a saved classifier as a web page that needs no server of its own.",
    "verify": "Check a file that predict or embed wrote against its manifest.",
    "evaluate": "Measure a saved classifier on a labelled file.",
    "explain": "Show what each word of a text adds to the answer, and the nearest training sentences.",
    "sweep": "Try every layer and pooling from one reading, and say which features to take.",
    "compare": "Compare encoders and features on the same folds, with what each costs.",
    "review": "Find wrong labels, repeats, leaks and outliers in a labelled file, and what to label next.",
    "embed": "Write the features of a file's sentences.",
    "distil": "Make a table of word pieces from an encoder: sixty times as fast, a few points lower.",
    "tutorial": "Walk through the DistilBERT practical step by step, in English or Chinese.",
    "encoders": "List the encoders known by name, and which are at hand.",
    "cache": "Show, verify or prune what is kept on this machine.",
    "doctor": "Say what is installed, what the processor can do, and what is missing.",
    "completion": "Print what makes a shell complete verbs and options.",
    "help": "Show the help of a verb.",
}

_ERROR = "error: "
STOPPED = "stopped; what was finished is kept: the same command continues."


_NOT_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
_signals: list[int] = []  # that were sent to this process


class _ReaderGoneError(Exception):
    """Standard output was closed by its reader. Not an OSError, of which click would make an exit code of its own."""


@final
class _StoppedError(KeyboardInterrupt):
    """A signal. After a plain KeyboardInterrupt out of a string that is run (a dataclass) Python ends by SIGINT."""


@final
class _Words(io.FileIO):
    """Standard error: what cannot be written to it is lost, and the work goes on."""

    def write(self, data: Any, /) -> int:
        """All of `data` is taken for written."""
        try:
            return super().write(data) or len(data)
        except OSError:
            return len(data)


@final
class _ClosedInput(io.TextIOWrapper):
    """Standard input where the caller has closed it (`<&-`, cron, a service): an error once it is read from."""

    def __init__(self) -> None:
        """Over nothing."""
        super().__init__(io.BytesIO())

    def __getattribute__(self, name: str) -> Any:
        """Refuse what a verb does with its input; it is no terminal, as whoever would ask somebody looks first."""
        if name in {"buffer", "read", "readline"}:
            raise MissingInputError(
                "Standard input is closed: there is nothing to read.", hint="Give texts or a file, or send lines to it."
            )
        return super().__getattribute__(name)


@final
class Verbs(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The verbs, in the order of their use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The verb's command, imported now."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"frostline.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb; what is none is told with what is probably meant."""
        name = args[0]
        if name not in VERBS and not name.startswith("-"):
            raise UsageError(f"There is no verb {shown(name)}.", hint=_meant(name, args[1:]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the verbs from the table, importing none."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def _meant(name: str, others: list[str]) -> str:
    """The verb that is probably meant, as a line to paste."""
    from frostline.cli.meant import VERBS_ELSEWHERE  # noqa: PLC0415 - only after a mistake

    if name in {"version", "ver"}:
        return "Did you mean: frostline --version"
    if (Path(name) / "manifest.json").is_file():
        return f"Did you mean: {shlex.join(['frostline', 'predict', name, *others])}"
    near = difflib.get_close_matches(name.casefold(), VERBS, n=1, cutoff=0.6)
    near = [VERBS_ELSEWHERE[name]] if name in VERBS_ELSEWHERE else near
    if near:
        return f"Did you mean: {shlex.join(['frostline', near[0], *others])}"
    if Path(name).is_file():
        return f"To learn from this file: frostline train {pasteable(name)} --out model"
    return "All verbs: frostline help"


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: frostline demo. Each verb explains itself: frostline train --help",
)
@click.version_option(__version__, "-V", "--version", prog_name="frostline")
@click.option("--debug", is_flag=True, help="Show the full traceback when something goes wrong.")
def cli(*, debug: bool) -> None:
    """Turn labelled sentences into a text classifier you can trust, in seconds, on the machine you have."""
    del debug  # read from the arguments by main(), which outlives the command


def main() -> NoReturn:
    """Run the command line and leave the process with its exit code."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stopped)
        _prepare()
        code = run(sys.argv[1:])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # all is done and told
    except KeyboardInterrupt as stopped:
        code = told(stopped)
    sys.exit(code)


def _prepare() -> None:
    """Make of this process one in which verbs can run."""
    for setting in BLAS_THREAD_SETTINGS:  # before numpy is imported: two spinning BLAS threads can be 100 x slower
        os.environ.setdefault(setting, "1")
    _open_what_is_closed()
    words = io.BufferedWriter(_Words(2, "w", closefd=False))
    sys.stderr = io.TextIOWrapper(words, sys.stderr.encoding, errors="backslashreplace", line_buffering=True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 shows a label all the same
    warnings.showwarning = _show_warning
    sys.unraisablehook = _stop_here


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code, with every error already told on standard error."""
    try:
        result = cli.main(arguments, prog_name="frostline", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as outcome:
        if "--debug" in arguments and not isinstance(outcome, click.exceptions.Exit | click.ClickException):
            raise
        return told(outcome, as_json="--json" in arguments, arguments=arguments)
    return result if isinstance(result, int) else 0


def _forget_output() -> None:
    """Python would try once more at exit to write what could not be written, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def told(outcome: BaseException, *, as_json: bool = False, arguments: Sequence[str] = ()) -> int:
    """Say on standard error how a command ended that did not return; return the exit code it means.

    Where the command was asked for JSON an error is one as well, on one line: `{"error": {"type": ..., ...}}`.
    """
    if isinstance(outcome, OSError) and outcome.errno == errno.ENAMETOOLONG:
        outcome = UsageError(f"{shown(str(outcome.filename), 60)} is too long for a name.")
    code, *words = _ending(outcome, arguments)
    if as_json and words and words[0].startswith(_ERROR):
        what = type(outcome).__name__
        document = {
            "type": what,
            "message": words[0].removeprefix(_ERROR),
            "hint": "\n".join(map(str.strip, words[1:])),
        }
        words = [json.dumps({"error": {**document, "exit_code": code}}, ensure_ascii=True)]
    for line in words:
        say(line)
    return code


def _ending(outcome: BaseException, arguments: Sequence[str]) -> tuple[int, *tuple[str, ...]]:
    """The exit code, and what is to be said, line by line."""
    match outcome:
        case click.exceptions.Exit() | click.ClickException():
            return outcome.exit_code, *_usage(outcome, arguments)
        # a module that was loading takes a signal for a failure of its own
        case _ if _signals or isinstance(outcome, click.Abort | KeyboardInterrupt):
            return 128 + (_signals or [signal.SIGINT])[0], STOPPED
        case BrokenPipeError() | _ReaderGoneError():
            _forget_output()  # its reader has gone (`| head`): not an error
            return (0,)
        case FrostlineError():
            return outcome.exit_code, *_refusal(outcome, arguments)
        case OSError() if outcome.errno in _NOT_WRITTEN and outcome.filename is None:
            _forget_output()
            words = f"error: Standard output could not be written: {os.strerror(outcome.errno)}."
            return StorageError.exit_code, words, "       Make room, or send it elsewhere."
        case _:
            return (
                FrostlineError.exit_code,
                f"error: an unforeseen {type(outcome).__name__}: {shown(str(outcome), 300)}. A bug in Frostline.",
                "       Run it again as `frostline --debug ...` and report what that prints.",
            )


def _refusal(error: FrostlineError, arguments: Sequence[str]) -> list[str]:
    """What is wrong; the hint, with this command's model and file in its lines; the command with an option named."""
    said, hint = [f"{_ERROR}{error.message}"], error.hint
    if "--" not in hint and "frostline " not in hint:
        return [*said, f"       {hint}"] if hint else said
    from frostline.cli.meant import filled, with_option  # noqa: PLC0415 - only after a mistake

    line = "" if "frostline " in hint else with_option(hint, cli, arguments)
    said.append(f"       {filled(hint, cli, arguments)}")
    return [*said, f"       For example: {line}"] if line else said


def _usage(outcome: click.ClickException | click.exceptions.Exit, arguments: Sequence[str]) -> list[str]:
    """What click found wrong with the command line, and how the verb is used; nothing where it just ended."""
    if isinstance(outcome, click.exceptions.Exit):
        return []
    if isinstance(outcome, click.exceptions.NoArgsIsHelpError):  # the help, of which click makes an error
        return outcome.format_message().splitlines()
    said = [f"{_ERROR}{' '.join(outcome.format_message().split())}"]
    context = outcome.ctx if isinstance(outcome, click.UsageError) else None
    if isinstance(outcome, click.NoSuchOption) and context is not None and _takes_texts(context):
        line = f"{context.command_path} MODEL -- '-5 stars'"
        said.append(f"       A text that begins with a dash stands behind --: {line}")
    if context is not None and isinstance(outcome, click.UsageError):
        from frostline.cli.meant import example, mended  # noqa: PLC0415 - only after a mistake

        meant, shown_by = mended(outcome, arguments), example(context)
        said += [f"       Did you mean: {meant}"] if meant else [f"       For example: {shown_by}"] if shown_by else []
        said += [f"       {context.get_usage()}", f"       All options: {context.command_path} --help"]
    return said


def say(words: str) -> None:
    """One line of words on standard error."""
    print(printable(words), file=sys.stderr)  # noqa: T201 - this is the command line


def _open_what_is_closed() -> None:
    """Standard output and error are None where the caller has closed them (`>&-`).

    Words are lost, and work goes on; what is written to standard output fails, as on a full disk.
    All three low numbers are taken first, so that no file opened later is written to by whoever prints to them.
    """
    lowest = os.open(os.devnull, os.O_RDWR)
    while lowest <= 2:
        lowest = os.dup(lowest)
    os.close(lowest)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
            if name == "stdout":  # under the number of one that can only be read
                os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdout.fileno())
    if sys.stdin is None:
        sys.stdin = _ClosedInput()


def _stopped(number: int, frame: FrameType | None) -> NoReturn:
    """Leave on SIGTERM as on ctrl-C, with the exit code that tells them apart."""
    del frame
    _signals.append(number)
    raise _StoppedError


def _stop_here(unraisable: "sys.UnraisableHookArgs") -> None:
    """A signal where Python cannot raise (a weak reference's callback) would be lost: what is kept survives a kill."""
    if not (_signals and issubclass(unraisable.exc_type, KeyboardInterrupt)):
        sys.__unraisablehook__(unraisable)
        return
    say(STOPPED)
    os._exit(128 + _signals[0])


def _takes_texts(context: click.Context) -> bool:
    """Whether the verb takes texts of the user's own."""
    return any(
        isinstance(parameter, click.Argument) and parameter.name in {"text", "texts"}
        for parameter in context.command.params
    )


def _show_warning(  # noqa: PLR0917 - the signature of warnings.showwarning
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as one line for a person, without the source line it came from."""
    del category, filename, lineno, file, line
    say(f"warning: {message}")
