"""JSON from a stranger, without JSON's loopholes.

In:   bytes.
Out:  one JSON object, of which every number is finite, every string can be encoded, every key stands once.
Not:  what the members mean (manifest.py).

Python's `json.loads` takes NaN, 1e999, repeated keys and half of a surrogate pair; it raises RecursionError on deep
nesting and ValueError on integers of 5,000 digits. All of them end here in one error that says which.
"""

import json
import math
from typing import Any, NoReturn

from frostline.artifact.limits import DEFAULT_LIMITS
from frostline.errors import ArtifactCorrupt, shown

_MAX_DIGITS = 20  # 2**64 has as many


def read_object(content: bytes, where: str, *, depth: int = DEFAULT_LIMITS.json_depth) -> dict[str, Any]:
    """The JSON object that `content` spells.

    Raises
    ------
    ArtifactCorrupt
        It is not UTF-8 or not JSON, not an object, nested deeper than `depth`, or uses one of the loopholes.
    """
    try:
        found = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except UnicodeDecodeError as error:
        raise ArtifactCorrupt(f"{where} must be UTF-8 (byte {error.start} is not).") from error
    except RecursionError as error:
        raise ArtifactCorrupt(f"{where} must be nested at most {depth} deep.") from error
    except json.JSONDecodeError as error:
        raise ArtifactCorrupt(f"{where} must be JSON ({error.msg}, line {error.lineno}).") from error
    except _LoopholeError as error:
        raise ArtifactCorrupt(f"{where} {error}.") from error
    if not isinstance(found, dict):
        raise ArtifactCorrupt(f"{where} must be a JSON object (got {type(found).__name__}).")
    _check_tree(found, where, depth)
    return found


class _LoopholeError(Exception):
    """Something that `json` lets pass and we do not."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _LoopholeError(f"must name each key once (got {shown(key)} twice)")
        found[key] = value
    return found


def _constant(word: str) -> NoReturn:
    raise _LoopholeError(f"must hold finite numbers (got {word})")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _LoopholeError(f"must hold finite numbers (got {shown(digits)})")
    return number


def _int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _LoopholeError(f"must hold integers of at most {_MAX_DIGITS} digits (got {len(digits):,})")
    return int(digits)


def _check_tree(root: dict[str, Any], where: str, depth: int) -> None:
    """Level by level, so that the depth of the tree is not that of Python's stack."""
    level: list[Any] = [root]
    for _ in range(depth + 1):
        below: list[Any] = []
        for node in level:
            if isinstance(node, str):
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
