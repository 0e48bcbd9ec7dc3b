"""A frozen dataclass of numbers and words as JSON: its own names, its own order, every number finite.

In:   dataclasses, tuples, numbers, words, None, nested in each other.
Out:  dicts and lists; what is not finite is null.
Not:  which of them a document holds (document.py).
"""

import math
from dataclasses import fields, is_dataclass

from frostline.report.document_types import JSON


def as_json(value: object, *, without: frozenset[str] = frozenset()) -> JSON:
    """`value` as JSON, leaving out the fields named in `without`, wherever they stand.

    Raises
    ------
    TypeError
        Something that is none of these.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (tuple, list)):
        return [as_json(item, without=without) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: as_json(getattr(value, field.name), without=without)
            for field in fields(value)
            if field.name not in without
        }
    raise TypeError(f"{type(value).__name__} cannot stand in a document.")
