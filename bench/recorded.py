"""The last run of the benchmarks on this machine, kept to compare the next one with.

In:   headline figures by name.
Out:  what they were the last time, and the file that holds them now.
Not:  measuring; which figures those are (__main__.py).

One small JSON file per kind of machine, under `disk.home()`: a figure is worth comparing only on the same processor.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from frostline.disk import home, private_folder, publish_bytes
from frostline.errors import FrostlineError
from frostline.machine import Machine


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One figure as it was measured.

    Parameters
    ----------
    value : float
    unit : str
        `x` (how many times) or `s`.
    when : str
        The day, as in 2026-11-22.
    version : str
        Of Frostline.
    """

    value: float
    unit: str
    when: str
    version: str


def last_run(machine: Machine) -> dict[str, Recorded]:
    """The figures last kept for such a machine, by name; empty where there are none that can be read."""
    try:
        kept = json.loads(_place(machine).read_text("utf-8"))
        return {str(name): _recorded(one) for name, one in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def keep_run(machine: Machine, figures: Mapping[str, Recorded]) -> Path | None:
    """Keep `figures` beside those of parts that were not measured now; None where nothing can be kept here."""
    place = _place(machine)
    merged = {**last_run(machine), **figures}
    document = {name: asdict(one) for name, one in sorted(merged.items())}
    try:
        private_folder(place.parent)
        publish_bytes(place, (json.dumps(document, indent=1) + "\n").encode(), mode=0o600)
    except FrostlineError:
        return None
    return place


def _recorded(kept: Mapping[str, Any]) -> Recorded:
    """One figure as it stands in the file; `ValueError` where it is none."""
    found = Recorded(value=float(kept["value"]), unit=kept["unit"], when=kept["when"], version=kept["version"])
    if not math.isfinite(found.value):
        raise ValueError("not finite")
    return found


def _place(machine: Machine) -> Path:
    told = f"{machine.system}|{machine.processor}|{machine.cores}|{' '.join(machine.instructions)}"
    return home() / "bench" / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.json"
