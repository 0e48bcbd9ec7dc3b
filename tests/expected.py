"""Texts that a test compares with a file beside it, whole: one small change anywhere in them is noticed.

When a text changes on purpose, write the files anew and read the difference before you commit it:

    FROSTLINE_WRITE_EXPECTED=1 python -m pytest tests/report tests/evaluate

A run that writes fails, so that no run can pass without comparing.
"""

import json
import math
import os
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parent / "expected_texts"


def assert_expected(text: str, name: str) -> None:
    """`text` is, to the letter, what stands in the file called `name`."""
    path = FOLDER / name
    if os.environ.get("FROSTLINE_WRITE_EXPECTED"):
        path.write_text(text, "utf-8")
        pytest.fail(f"{name} was written, not compared.")
    assert text == path.read_text("utf-8")


def rounded_json(document: Any) -> str:
    """JSON of a document or of dataclasses, numbers to six digits: the seventh may depend on the machine.

    A list of numbers stands on one line.
    """
    text = json.dumps(_rounded(document), indent=1, ensure_ascii=False, allow_nan=False)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s*\n\s*", " ", found[0]), text) + "\n"


def drawn_parts(svg: str) -> str:
    """What an SVG draws, a line for each element: places to one decimal, colours, words; ids and clip paths left out.

    Two versions of matplotlib name and nest their elements differently; what they draw where is the same.
    """
    lines = []
    for tag, inner in re.findall(r"<(svg|path|use|text|li|figure)\b([^>]*>[^<]*)", svg):
        said, words = inner.split(">", maxsplit=1)
        said = re.sub(r' (?:id|clip-path|xlink:href|href|xmlns(?::\w+)?|version)="[^"]*"', "", said)
        said = re.sub(r' (?:d|x|y|transform|viewBox)="[^"]*"', lambda places: _to_decimals(places[0], 1), said)
        said = re.sub(r' style="[^"]*"', lambda style: _to_decimals(style[0], 3), said)
        lines.append(f"{tag}{said.rstrip('/').rstrip()}{f' | {words.strip()}' if words.strip() else ''}")
    return "\n".join(lines) + "\n"


def _to_decimals(text: str, decimals: int) -> str:
    return re.sub(r"-?\d+\.\d+", lambda number: f"{round(float(number[0]), decimals) + 0.0:g}", text)


def _rounded(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _rounded(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_rounded(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return _of_six_digits(float(value))
    return value.item() if isinstance(value, np.generic) else value


def _of_six_digits(value: float) -> float | str:
    if not math.isfinite(value):
        return str(value)
    return float(f"{value:.6g}") if abs(value) > 1e-12 else 0.0  # what should be nothing is not, by rounding
