"""The door of the command line: finds the verb, runs it, turns every outcome into words and an exit code.

Heavy imports wait until a verb needs them: `frostline --help` takes no longer than click does.
"""

import importlib
import io
import os
import signal
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO, final

import click

from frostline.errors import FrostlineError, printable, shown
from frostline.machine import BLAS_THREAD_SETTINGS
from frostline.version import __version__

VERBS = {
    "demo": "Train on the built-in sample, show the report, classify a few sentences.",
    "train": "Turn a labelled file into a saved classifier, with a score that can be believed.",
    "predict": "Label a sentence, lines from standard input, or a whole file.",
    "evaluate": "Measure a saved classifier on a labelled file.",
    "explain": "Show what each word of a text adds to the answer, and the nearest training sentences.",
    "sweep": "Try every layer and pooling from one reading, and say which features to take.",
    "compare": "Compare encoders and features on the same folds, with what each costs.",
    "review": "Find wrong labels, repeats, leaks and outliers in a labelled file, and what to label next.",
    "embed": "Write the features of a file's sentences.",
    "tutorial": "Walk through the DistilBERT practical step by step, in English or Chinese.",
    "encoders": "List the encoders known by name, and which are at hand.",
    "cache": "Show, verify or prune what is kept on this machine.",
    "doctor": "Say what is installed, what the processor can do, and what is missing.",
}

STOPPED = "stopped; what was finished is kept: the same command continues."


class _ReaderGoneError(Exception):
    """Standard output was closed by its reader. Not an OSError, of which click would make an exit code of its own."""


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the verbs from the table, importing none."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: frostline demo. Each verb explains itself: frostline train --help",
)
@click.version_option(__version__, prog_name="frostline")
@click.option("--debug", is_flag=True, help="Show the full traceback when something goes wrong.")
def cli(*, debug: bool) -> None:
    """Turn labelled sentences into a text classifier you can trust, in seconds, on the machine you have."""
    del debug  # read from the arguments by main(), which outlives the command


def main() -> NoReturn:
    """Run the command line and leave the process with its exit code."""
    for setting in BLAS_THREAD_SETTINGS:  # before numpy is imported: two spinning BLAS threads can be 100 x slower
        os.environ.setdefault(setting, "1")
    signal.signal(signal.SIGTERM, _terminated)
    _open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 shows a label all the same
    warnings.showwarning = _show_warning
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code, with every error already told on standard error."""
    try:
        result = cli.main(arguments, prog_name="frostline", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as outcome:
        if "--debug" in arguments and not isinstance(outcome, click.exceptions.Exit | click.ClickException):
            raise
        return told(outcome)
    return result if isinstance(result, int) else 0


def told(outcome: BaseException) -> int:
    """Say on standard error how a command ended that did not return; return the exit code it means."""
    match outcome:
        case click.exceptions.Exit():
            return outcome.exit_code
        case click.ClickException():
            outcome.show()
            return outcome.exit_code
        case click.Abort() | KeyboardInterrupt():
            say(STOPPED)
            return 128 + signal.SIGINT
        case BrokenPipeError() | _ReaderGoneError():
            # The reader of our output has gone (`| head`): not an error. Python would complain once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        case FrostlineError():
            say(f"error: {outcome.message}")
            if outcome.hint:
                say(f"       {outcome.hint}")
            return outcome.exit_code
        case _:
            say(f"error: an unforeseen {type(outcome).__name__}: {shown(str(outcome), 300)}. A bug in Frostline.")
            say("       Run it again as `frostline --debug ...` and report what that prints.")
            return FrostlineError.exit_code


def say(words: str) -> None:
    """One line of words on standard error."""
    print(printable(words), file=sys.stderr)  # noqa: T201 - this is the command line


def _open_what_is_closed() -> None:
    """Standard output and error are None where the caller has closed them (`>&-`): nobody reads, and work goes on.

    All three low numbers are taken first, so that no file opened later is written to by whoever prints to them.
    """
    lowest = os.open(os.devnull, os.O_RDWR)
    while lowest <= 2:
        lowest = os.dup(lowest)
    os.close(lowest)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    """Leave on SIGTERM as on ctrl-C, with the exit code that tells them apart."""
    del frame
    say(STOPPED)
    raise SystemExit(128 + number)


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
