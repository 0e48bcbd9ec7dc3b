"""frostline serve: saved classifiers over HTTP, for the clients that people already have."""

import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from frostline.cli.completion import folders
from frostline.cli.console import words
from frostline.cli.options import ModelChoice
from frostline.errors import UnavailableError, printable

_NEEDED = {"fastapi", "uvicorn", "prometheus_client", "httptools", "starlette"}


@click.command(
    "serve",
    epilog="Example: frostline serve model --port 8000, and then: curl -s localhost:8000/v1/classify -H "
    "'content-type: application/json' -d '{\"text\": \"a joy\"}'",
    help="Answer over HTTP, one or several saved classifiers; those with the same encoder share it. NAME=FOLDER names "
    "a model on the wires; without, its folder's name does. Needs frostline[serve]. Ctrl-C or SIGTERM ends it, SIGHUP "
    "loads the models anew.",
)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...", shell_complete=folders)
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0: any that is free.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; any but this machine's own needs a key."
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="Keys, one a line, that clients must send (Authorization: Bearer KEY); or set FROSTLINE_KEY.",
)
@click.option(
    "--admin-key-file",
    type=click.Path(path_type=Path),
    help="Keys for loading models anew over HTTP; or set FROSTLINE_ADMIN_KEY.",
)
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", help="A name by which clients may call it (repeatable)."
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another limit, as queue_s=2: see docs/serve.md.",
)
@click.option("--threads", type=click.IntRange(1), metavar="N", help="Threads that read (default: one per core).")
@click.option("--encoder", metavar="FOLDER", help="Where the encoder is, if the models cannot find it.")
@click.option(
    "--yes", is_flag=True, help="Fetch models, and their encoders, from the hub, if they are not on this machine."
)
@click.option("--telemetry", is_flag=True, help="OpenTelemetry's traces and metrics, as FastAPI brings them.")
def command(
    *,
    models: tuple[str, ...],
    port: int,
    host: str,
    key_file: Path | None,
    admin_key_file: Path | None,
    hosts: tuple[str, ...],
    limits: tuple[str, ...],
    threads: int | None,
    encoder: str | None,
    yes: bool,
    telemetry: bool,
) -> int:
    """Open the models, listen, answer until a signal comes."""
    from frostline.serve.options import Keys, Limits, Named, ServeOptions  # noqa: PLC0415 - heavy, as below

    choice = ModelChoice(may_fetch=yes)
    options = ServeOptions(
        models=tuple(replace(one, folder=choice.find(one.folder)) for one in map(Named.of, models)),
        host=host,
        port=port,
        keys=Keys.read(key_file, os.environ.get("FROSTLINE_KEY", "")),
        admin=Keys.read(admin_key_file, os.environ.get("FROSTLINE_ADMIN_KEY", "")),
        hosts=hosts,
        limits=Limits.of(limits),
        threads=threads,
        encoder=encoder,
        may_fetch=yes,
        telemetry=telemetry,
    )
    try:
        from frostline.serve.running import serve  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        raise UnavailableError(
            f"To serve, {printable(str(error.name))} must be installed, and it is not.",
            hint="Install it: pip install 'frostline[serve]'",
        ) from error
    _log_to_stderr()

    def ready(address: str) -> None:
        names = ", ".join(model.name for model in options.models)
        words().print(f"Serving {names} at {address} (ctrl-C ends it).", markup=False, highlight=False, soft_wrap=True)

    return serve(options, on_ready=ready)


def _log_to_stderr() -> None:
    """What happens, one line each: when, how grave, what; never a text."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("frostline.serve")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
