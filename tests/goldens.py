"""What a small fixed record gives, kept in a file beside the test and compared whole.

Numbers are rounded, so that another processor's last digits are no difference. Whoever changes words on purpose writes
the files again with FROSTLINE_WRITE_GOLDENS=1, and reads the difference before keeping it.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np


def rounded(value: Any, digits: int = 4, *, without: frozenset[str] = frozenset()) -> Any:
    """As JSON has it: dataclasses as objects, numbers rounded, members named in `without` left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return rounded(members, digits, without=without)
    if isinstance(value, dict):
        return {str(key): rounded(item, digits, without=without) for key, item in value.items() if key not in without}
    if isinstance(value, list | tuple):
        return [rounded(item, digits, without=without) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return rounded(value.tolist(), digits, without=without)
    if isinstance(value, float):
        return round(value, digits) + 0.0  # no -0.0
    return value


def compare_json(path: Path, value: Any) -> None:
    """Fail unless `value` is what the file holds."""
    if os.environ.get("FROSTLINE_WRITE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    assert value == json.loads(path.read_text("utf-8"))


def compare_entry(path: Path, key: str, value: Any) -> None:
    """Fail unless `value` is what the file holds under `key`."""
    if os.environ.get("FROSTLINE_WRITE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
        text = json.dumps(kept | {key: value}, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)
        path.write_text(text + "\n", "utf-8")
    assert value == json.loads(path.read_text("utf-8"))[key]


def compare_text(path: Path, text: str) -> None:
    """Fail unless `text` is what the file holds; blanks at the ends of lines do not count."""
    lines = [line.rstrip() for line in text.splitlines()]
    if os.environ.get("FROSTLINE_WRITE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", "utf-8")
    assert lines == path.read_text("utf-8").splitlines()
