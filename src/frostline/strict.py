"""JSON from a stranger, without JSON's loopholes.

Python's `json.loads` takes NaN, 1e999, repeated keys and half of a surrogate pair; it raises RecursionError on deep
nesting and ValueError on integers of 5,000 digits. All of them end here in one error that says which.
"""

import functools
import json
import math
import re
from typing import Any, NoReturn

from frostline.errors import ArtifactCorrupt, shown

JSON_DEPTH = 32  # how deep JSON may be nested
_MAX_DIGITS = 20  # 2**64 has as many


def read_object(
    content: bytes, where: str, *, depth: int = JSON_DEPTH, digits: int = _MAX_DIGITS, whole: bool = True
) -> dict[str, Any]:
    """The JSON object that `content` spells.

    `digits` is the most that an integer may have. `whole`: strings must hold no half of a surrogate pair.

    Raises `ArtifactCorrupt`: it is not UTF-8 or not JSON, not an object, nested deeper than `depth`, or uses one of
    the loopholes.
    """
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=functools.partial(_int, most=digits),
        )
    except UnicodeDecodeError as error:
        raise ArtifactCorrupt(f"{where} must be UTF-8 (byte {error.start} is not).") from error
    except RecursionError as error:
        raise ArtifactCorrupt(f"{where} must be nested at most {depth} deep.") from error
    except json.JSONDecodeError as error:
        raise ArtifactCorrupt(f"{where} must be JSON ({error.msg}, line {error.lineno}).") from error
    except _LoopholeError as error:
        raise ArtifactCorrupt(f"{where} {error}.") from error
    if not isinstance(value, dict):
        got = "null" if value is None else type(value).__name__
        raise ArtifactCorrupt(f"{where} must be a JSON object (got {got}).")
    _check_tree(value, where, depth, whole=whole)
    return value


class _LoopholeError(Exception):
    """Something that `json` lets pass and we do not."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise _LoopholeError(f"must name each key once (got {shown(key)} twice)")
        members[key] = value
    return members


def _constant(word: str) -> NoReturn:
    raise _LoopholeError(f"must hold finite numbers (got {word})")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _LoopholeError(f"must hold finite numbers (got {shown(digits)})")
    return number


def _int(digits: str, *, most: int) -> int:
    if len(digits) > most:
        raise _LoopholeError(f"must hold integers of at most {most} digits (got {len(digits):,})")
    return int(digits)


def _check_tree(root: dict[str, Any], where: str, depth: int, *, whole: bool) -> None:
    """Level by level, so that the depth of the tree is not that of Python's stack."""
    level: list[Any] = [root]
    for _ in range(depth + 1):
        below: list[Any] = []
        for node in level:
            if isinstance(node, str):
                if whole:
                    _check_text(node, where)
            elif isinstance(node, dict):
                below += node.keys()
                below += node.values()
            elif isinstance(node, list):
                below += node
        if not below:
            return
        level = below
    raise ArtifactCorrupt(f"{where} must be nested at most {depth} deep.")


def _check_text(text: str, where: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArtifactCorrupt(f"{where} must hold whole characters (got {shown(text)}).") from error


SHA256 = re.compile(r"[0-9a-f]{64}")


def members(value: Any, where: str, *, names: tuple[str, ...]) -> dict[str, Any]:
    """An object with exactly these members."""
    value_of = json_object(value, where)
    if set(value_of) != set(names):
        missing = [name for name in names if name not in value_of]
        strange = [shown(name) for name in value_of if name not in names]
        parts = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(strange[:3])}"] * bool(strange)
        raise ArtifactCorrupt(f"{where} must have the members {', '.join(names)} ({' and '.join(parts)}).")
    return value_of


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
