"""Write docs/cli.md from the commands' own help: `python tools/cli_reference.py [FILE]`. A test compares the two."""

import sys
from pathlib import Path

import click

from frostline.cli.main import VERBS, cli

TARGET = Path(__file__).parent.parent / "docs" / "cli.md"
WIDTH = 100
INTRODUCTION = """# The command line

Made from `--help` by `tools/cli_reference.py`; a test fails when the two differ. Data goes to standard output, words
and progress to standard error; `-` is a pipe; `--json` prints for programs.

| exit code | means |
|---|---|
| 0 | done |
| 2 | the command itself is wrong |
| 65 | bad data |
| 66 | an input that is not there |
| 69 | something out of reach: a hub, a download |
| 70 | a bug, or the encoder or solver failed |
| 73 | an output that cannot be created |
| 74 | I/O: the disk is full, a device failed |
| 75 | try again |
| 77 | not permitted |
| 130, 143 | stopped by ctrl-C, by SIGTERM |"""


def reference() -> str:
    """The whole page."""
    parts = [INTRODUCTION, _section("frostline", cli, None)]
    with click.Context(cli, info_name="frostline", max_content_width=WIDTH, terminal_width=WIDTH) as parent:
        for verb in VERBS:
            command = cli.get_command(parent, verb)
            if command is None:
                raise LookupError(verb)
            parts.append(_section(f"frostline {verb}", command, parent))
            if isinstance(command, click.Group):
                with click.Context(command, info_name=verb, parent=parent) as inner:
                    parts += [
                        _section(f"frostline {verb} {name}", command.commands[name], inner)
                        for name in command.list_commands(inner)
                    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, command: click.Command, parent: click.Context | None) -> str:
    name = title.rsplit(" ", 1)[-1]
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        max_content_width=WIDTH,
        terminal_width=WIDTH,
        help_option_names=cli.context_settings["help_option_names"],  # click keeps those it was first asked with
    )
    return f"## {title}\n\n```\n{command.get_help(context).strip()}\n```"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(reference(), "utf-8")
    print(f"wrote {target}")
