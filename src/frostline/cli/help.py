"""`frostline help VERB`: the same as `frostline VERB --help`."""

import click

from frostline.cli.completion import verbs


@click.command(
    "help", epilog="Example: frostline help train", help="Show the help of VERB, as frostline VERB --help does."
)
@click.argument("verb", required=False, shell_complete=verbs)
@click.pass_context
def command(context: click.Context, verb: str | None) -> None:
    """Print it."""
    parent = context.find_root()
    if verb is None:
        click.echo(parent.get_help())
        return
    group = parent.command
    if not isinstance(group, click.Group):
        raise TypeError(group)
    _, found, _ = group.resolve_command(parent, [verb])
    if found is not None:
        click.echo(found.get_help(click.Context(found, info_name=verb, parent=parent)))
