"""What a JSON document is made of.

In:   nothing.
Out:  `JSON`.
Not:  making one (document.py, plain_json.py).
"""

from typing import TypeAlias, Union

JSON: TypeAlias = Union[dict[str, "JSON"], list["JSON"], str, int, float, bool, None]  # noqa: UP007 - recursive
