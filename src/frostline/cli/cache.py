"""`frostline cache`: what is kept on this machine: shown, verified, pruned."""

import re
from typing import Any, get_args

import click
from rich.table import Table
from rich.text import Text

from frostline import disk
from frostline.cli.console import output, print_json, progress, words
from frostline.cli.options import json_option
from frostline.errors import InputError, UsageError, printable
from frostline.report import count_text
from frostline.store.upkeep import Kind, cache_info, cache_prune, cache_verify

_SIZE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[kMGT]?)B?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@click.group(
    "cache",
    epilog="Example: frostline cache prune --keep 2GB",
    help="Show, verify or prune what is kept on this machine: features, built graphs, downloads.",
)
def command() -> None:
    """Three verbs below this one."""


@command.command("info", epilog="Example: frostline cache info --json", help="Show what is kept, and where.")
@json_option
def info(*, as_json: bool) -> None:
    """A row per kind of thing kept and per encoder."""
    entries = cache_info()
    if as_json:
        print_json({"folder": str(disk.home()), "entries": [_fields(entry) for entry in entries]})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("kind", "of", "files", "sentences", "size", "blocks"):
        table.add_column(column)
    for entry in entries:
        cells = (
            entry.kind,
            entry.name,
            f"{entry.n_files:,}",
            f"{entry.n_rows:,}" if entry.n_rows else "",
            _size(entry.size_bytes),
            " ".join(entry.blocks),
        )
        table.add_row(*map(Text, cells))
    console = output()
    console.print(Text(f"Kept in {printable(str(disk.home()))}"))
    console.print(table if entries else Text("Nothing yet."))


@command.command(
    "verify", epilog="Example: frostline cache verify", help="Check every checksum; exit code 65 if one fails."
)
@json_option
def verify(*, as_json: bool) -> None:
    """Every shard, byte by byte; graphs and downloaded sets are checked whenever they are read."""
    with progress("Verifying", "files") as advance:
        report = cache_verify(progress=advance)
    if as_json:
        damaged = [
            {"path": str(shard.path), "reason": shard.reason, "n_rows": shard.n_rows} for shard in report.damaged
        ]
        print_json(
            {"n_shards": report.n_shards, "n_rows": report.n_rows, "size_bytes": report.size_bytes, "damaged": damaged}
        )
    else:
        shards, rows = count_text(report.n_shards, "shard"), count_text(report.n_rows, "row")
        output().print(Text(f"{shards} with {rows} ({_size(report.size_bytes)}) checked."))
    for shard in report.damaged:
        words().print(Text(printable(f"damaged: {shard.path} ({shard.reason})")))
    if report.damaged:
        raise InputError(
            f"{count_text(len(report.damaged), 'file')} damaged.",
            hint="Nothing is lost: their sentences are read again when needed. `frostline cache prune` removes them.",
        )


@command.command(
    "prune",
    epilog="Example: frostline cache prune --keep 2GB",
    help="Remove leftovers and damaged files, and what the options name.",
)
@click.option("--all", "everything", is_flag=True, help="Remove everything that is kept.")
@click.option("--kind", "kinds", type=click.Choice(get_args(Kind)), multiple=True, help="Remove this kind of thing.")
@click.option("--encoder", help="Remove the features of this encoder (name or fingerprint).")
@click.option("--keep", metavar="SIZE", help="Keep at most so much, the rest goes: 500MB, 2GB.")
@json_option
def prune(*, everything: bool, kinds: tuple[Kind, ...], encoder: str | None, keep: str | None, as_json: bool) -> None:
    """Remove, and say how much."""
    named = get_args(Kind) if everything else kinds
    report = cache_prune(kinds=named, encoder=encoder, keep_bytes=None if keep is None else parsed_size(keep))
    if as_json:
        print_json({"n_files": report.n_files, "size_bytes": report.size_bytes, "n_rewritten": report.n_rewritten})
    else:
        output().print(Text(f"{count_text(report.n_files, 'file')} removed ({_size(report.size_bytes)})."))


def parsed_size(given: str) -> int:
    """Bytes that a size such as `500MB` or `2GB` means."""
    match = _SIZE.fullmatch(given.strip())
    if match is None:
        raise UsageError(f"A size must be a number with kB, MB, GB or TB (got {given!r}).")
    return int(float(match["number"]) * _UNITS[match["unit"]])


def _size(size_bytes: int) -> str:
    for unit in ("T", "G", "M", "k"):
        if size_bytes >= _UNITS[unit]:
            return f"{size_bytes / _UNITS[unit]:.1f} {unit}B"
    return f"{size_bytes} B"


def _fields(entry: Any) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "fingerprint": entry.fingerprint,
        "n_files": entry.n_files,
        "n_rows": entry.n_rows,
        "blocks": list(entry.blocks),
        "size_bytes": entry.size_bytes,
        "n_damaged": entry.n_damaged,
    }
