"""`frostline push`: a saved classifier to the hub."""

from pathlib import Path

import click

from frostline.artifact import Artifact, load_artifact
from frostline.artifact.manifest import NEIGHBOURS, REPORT
from frostline.artifact.push import push_classifier
from frostline.cli.completion import folders
from frostline.cli.console import print_json, progress
from frostline.cli.options import is_conversation, json_option
from frostline.encoder.hub import endpoint, is_hub_id
from frostline.errors import ConsentError, UsageError, pasteable, printable, shown
from frostline.report.card import plain_card


@click.command(
    "push",
    epilog="Example: frostline push model owner/name --yes",
    help="Send the saved classifier MODEL to the hub, as the repository NAME (owner/name), which is made, private, "
    "where there is none. All of the folder goes in one commit, and the hub's word is compared with it. Needs a token "
    "that may write: HF_TOKEN, or hf auth login.",
)
@click.argument("model", type=click.Path(path_type=Path), shell_complete=folders)
@click.argument("name")
@click.option("--public", is_flag=True, help="Let anybody read the repository, if it is made now.")
@click.option("--message", metavar="TEXT", help="What the commit says.")
@click.option("--yes", is_flag=True, help="Send it without asking.")
@json_option
def command(*, model: Path, name: str, public: bool, message: str | None, yes: bool, as_json: bool) -> None:
    """Look at what would be sent, ask, send."""
    if not is_hub_id(name):
        raise UsageError(f"A name of the hub is owner/name (got {shown(name)}).")
    _ask(load_artifact(model), name, public=public, yes=yes)
    with progress("Sending", "bytes") as advance:
        done = push_classifier(
            model,
            name,
            public=public,
            message=message,
            card=lambda artifact: plain_card(artifact.manifest),
            progress=advance,
        )
    if as_json:
        print_json(
            {
                "name": done.hub_id,
                "commit": done.commit,
                "url": done.url,
                "files": done.n_files,
                "size_bytes": done.size_bytes,
                "new": done.is_new,
            }
        )
        return
    did = "Pushed" if done.is_new else "There already"
    click.echo(f"{did}: {done.n_files} files, {done.size_bytes / 1e6:,.1f} MB, at {printable(done.url)}")
    click.echo(f'Use it: frostline predict {pasteable(f"{name}@{done.commit}")} "a sentence of your own"')


def _ask(artifact: Artifact, name: str, *, public: bool, yes: bool) -> None:
    """Say what would leave this machine; go on with a yes alone."""
    files = artifact.manifest.files
    size_mb = sum(entry.size_bytes for entry in files.values()) / 1e6
    read_by = "a repository that anybody may read" if public else "a private one if it is new"
    said = f"{len(files) + 1} files, {size_mb:,.1f} MB, would be sent to {name} at {endpoint()} ({read_by})."
    texts = {NEIGHBOURS: "holds the texts it learned from", REPORT: "may quote texts it was tested on"}
    said += "".join(f" {file} {what}." for file, what in texts.items() if file in files)
    if yes:
        return
    if not is_conversation():
        raise ConsentError(said, hint="Send them by adding --yes.")
    click.confirm(printable(f"{said} Send them?"), abort=True, err=True)
