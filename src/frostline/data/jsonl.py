"""Lines of JSON into objects, strictly.

In:   `Lines`, one JSON object each.
Out:  (line, object), or a `Fault` with the reason.
Not:  which keys hold text and label (columns.py), what their values may be (cells.py).

Python's json takes NaN, repeated keys (the last one wins), and half of a surrogate pair (a str that cannot be
encoded); it ends in a RecursionError on deep nesting. Here each of these is a reason to reject the row.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from frostline.data.lines import Lines
from frostline.data.options import TableLimits
from frostline.data.rejects import Fault
from frostline.errors import shown

JsonRow: TypeAlias = tuple[int, dict[str, Any]]

DIGITS_LIMIT = 300
STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]')
# What JSON itself allows between and around values (RFC 8259, section 2)
BLANK = " \t\r\n"


def objects_of(runs: Iterator[Lines], *, limits: TableLimits) -> Iterator[JsonRow | Fault]:
    """Yield each line's object; lines of nothing but blanks are not rows."""
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer)
    for run in runs:
        bad = run.bad
        for number, line in enumerate(run.texts, run.first):
            if bad and number in bad:
                yield Fault(number, bad[number], is_asked_for=True)
                continue
            stripped = line.strip(BLANK)
            if stripped:
                yield _parsed(number, stripped, decoder, limits.depth)


def _parsed(number: int, line: str, decoder: json.JSONDecoder, depth: int) -> JsonRow | Fault:
    if _depth_exceeds(line, depth):
        return Fault(number, f"JSON nests deeper than {depth} levels")
    try:
        value = decoder.decode(line)
    except json.JSONDecodeError as error:
        return Fault(number, f"not JSON: {error.msg} at character {error.pos + 1}")
    except _StrictError as error:
        return Fault(number, str(error))
    except RecursionError:
        return Fault(number, "JSON nests too deep")
    if not isinstance(value, dict):
        return Fault(number, f"must be a JSON object (got {_kind(value)})")
    return number, value


class _StrictError(Exception):
    """JSON that Python would take and we don't; its text is the reason."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _StrictError(f"the key {shown(twice)} occurs twice")
    return found


def _constant(name: str) -> Any:
    raise _StrictError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_LIMIT:
        raise _StrictError(f"a number has {len(digits):,} digits (at most {DIGITS_LIMIT})")
    return int(digits)


def _depth_exceeds(line: str, limit: int) -> bool:
    if line.count("[") + line.count("{") <= limit:
        return False
    depth = 0
    for match in STRING_OR_BRACKET.finditer(line):
        bracket = match[0]
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > limit:
            return True
    return False


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
