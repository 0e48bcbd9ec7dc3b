"""One check per kind of value in a manifest: type, range, length.

In:   a value from JSON, and where it stands (`manifest.json: encoder.max_length`).
Out:  the same value, of a known type.
Not:  which members there are (manifest.py).

`bool` is an `int` to Python and not to us.
"""

import re
from typing import Any

from frostline.errors import ArtifactCorrupt, shown

SHA256 = re.compile(r"[0-9a-f]{64}")


def members(value: Any, where: str, *, names: tuple[str, ...]) -> dict[str, Any]:
    """An object with exactly these members."""
    found = json_object(value, where)
    if set(found) != set(names):
        missing = [name for name in names if name not in found]
        strange = [shown(name) for name in found if name not in names]
        parts = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(strange[:3])}"] * bool(strange)
        raise ArtifactCorrupt(f"{where} must have the members {', '.join(names)} ({' and '.join(parts)}).")
    return found


def json_object(value: Any, where: str) -> dict[str, Any]:
    """Any object."""
    if not isinstance(value, dict):
        raise ArtifactCorrupt(f"{where} must be an object (got {_kind(value)}).")
    return value


def array(value: Any, where: str, *, low: int, high: int) -> list[Any]:
    """An array of `low` to `high` items."""
    if not isinstance(value, list):
        raise ArtifactCorrupt(f"{where} must be an array (got {_kind(value)}).")
    if not low <= len(value) <= high:
        expected = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        raise ArtifactCorrupt(f"{where} must have {expected} items (got {len(value):,}).")
    return value


def text(value: Any, where: str, *, limit: int = 1000, pattern: re.Pattern[str] | None = None) -> str:
    """A string of at most `limit` characters, all of it matching `pattern`."""
    if not isinstance(value, str):
        raise ArtifactCorrupt(f"{where} must be a string (got {_kind(value)}).")
    if len(value) > limit:
        raise ArtifactCorrupt(f"{where} must have at most {limit:,} characters (got {len(value):,}).")
    if pattern is not None and pattern.fullmatch(value) is None:
        raise ArtifactCorrupt(f"{where} must match {pattern.pattern} (got {shown(value)}).")
    return value


def integer(value: Any, where: str, *, low: int = 0, high: int = 2**63 - 1) -> int:
    """An integer from `low` to `high`; true and false are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ArtifactCorrupt(f"{where} must be an integer (got {_kind(value)}).")
    if not low <= value <= high:
        raise ArtifactCorrupt(f"{where} must be from {low:,} to {high:,} (got {value:,}).")
    return value


def number(value: Any, where: str, *, low: float, high: float) -> float:
    """A number from `low` to `high`."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ArtifactCorrupt(f"{where} must be a number (got {_kind(value)}).")
    if not low <= value <= high:
        raise ArtifactCorrupt(f"{where} must be from {low:g} to {high:g} (got {value:g}).")
    return float(value)


def truth(value: Any, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ArtifactCorrupt(f"{where} must be true or false (got {_kind(value)}).")
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a truth value", int: "an integer"}
    return "null" if value is None else names.get(type(value), "a number")
