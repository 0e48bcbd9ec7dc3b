"""`frostline completion bash|zsh|fish`: what makes a shell complete verbs, options and files."""

import click
from click.shell_completion import get_completion_class

_WHERE = {
    "bash": "frostline completion bash >> ~/.bashrc",
    "zsh": "frostline completion zsh >> ~/.zshrc",
    "fish": "frostline completion fish > ~/.config/fish/completions/frostline.fish",
}


@click.command(
    "completion",
    epilog=f"Example: {_WHERE['bash']}",
    help="Print what makes SHELL complete verbs, options and files. Once, for bash, zsh or fish: "
    f"{_WHERE['bash']}; {_WHERE['zsh']}; {_WHERE['fish']}.",
)
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print click's own script."""
    made = get_completion_class(shell)
    if made is not None:
        click.echo(made(context.find_root().command, {}, "frostline", "_FROSTLINE_COMPLETE").source())
